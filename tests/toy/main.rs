//! `calotype` with one model more: what it takes to add a model is a file and a line.

mod model;

fn main() -> std::process::ExitCode {
    calotype_models::add(&model::INFO);
    calotype_cli::main()
}
