//! `calotype`.

fn main() -> std::process::ExitCode {
    calotype_cli::main()
}
