//! What readers and long runs hold out against. Inputs are damaged at random: whatever lies in a file, a reader gives values in
//! range or an error that names the file, soon, and without taking memory by what a header claims. To look for more than a second a
//! reader: `CALOTYPE_FUZZ_SECONDS=300 CALOTYPE_FUZZ_SEED=7 cargo test --workspace --test robustness -- table`. What is found is kept.

mod content;
mod data;
mod fuzzing;
mod guard;
mod long;
mod many;
mod mutate;
mod runs;

use std::process::ExitCode;

use calotype_tests::Suite;

#[global_allocator]
static ALLOCATOR: guard::Counting = guard::Counting;

fn main() -> ExitCode {
    guard::remember_panics();
    let mut suite = Suite::new();
    for reader in data::READERS.into_iter().chain(runs::READERS) {
        suite.test(reader.name, move || reader.fuzz());
    }
    suite.test("a folder of very many images", many::images);
    suite.test("a run of very many steps", long::run);
    suite.run()
}
