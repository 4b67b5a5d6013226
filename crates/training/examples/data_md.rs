//! Prints `docs/data.md`.

fn main() {
    print!("{}", calotype_training::data_documentation());
}
