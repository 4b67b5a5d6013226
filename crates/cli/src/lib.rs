//! The command line as a library: it parses, checks, calls and prints. Errors are found before work starts where that is possible.
//! Each ends in one message and an exit code: 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.

mod args;
mod bench;
mod command;
mod device;
mod fault;
mod machine;
mod mean;
mod names;
mod output;
mod session;
mod status;
mod tiles;
mod used;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use command::Ending;

/// Runs the command that this process was started with, and returns its exit code. A program of your own that has registered a
/// model with [`calotype_models::add`] gets every command for it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    without_a_desktop();
    start_log(cli.verbose);
    if cli.no_cache {
        calotype_data::without_cache();
    }
    let threads = cli.threads.map_or_else(calotype_training::default_threads, usize::from);
    let ended = match &cli.command {
        Command::Train(args) => command::train::run(args, threads),
        Command::Sample(args) => command::sample::run(args, threads),
        Command::Score(args) => command::score::run(args, threads),
        Command::Verify(args) => command::verify::run(args, threads),
        Command::Evaluate(args) => command::evaluate::run(args, threads),
        Command::Report(args) => command::report::run(args),
        Command::Export(args) => command::export::run(args),
        Command::Watch(args) => command::watch::run(args),
        Command::Encode(args) => command::encode::run(args, threads),
        Command::Ladder(args) => command::ladder::run(args, threads),
        Command::Translate(args) => command::translate::run(args, threads),
        Command::Draw(args) => command::draw::run(args, threads),
        Command::Compose(args) => command::compose::run(args, threads),
        Command::Plan(args) => command::plan::run(args, threads),
        Command::Bench(args) => command::bench::run(args, threads),
        Command::Selftest(args) => command::selftest::run(args, threads),
        Command::Devices(form) => command::devices::run(*form, threads),
        Command::Models { model, form } => command::models::run(model.as_deref(), *form),
        Command::Data(args) => command::data::run(args),
        Command::Count(args) => command::count::run(args),
        Command::Table(args) => command::table::run(args),
        Command::Completions(args) => command::shell::completions(args),
        Command::Man(args) => command::shell::man(args),
    };
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(error) => {
            output::note(&format!("error: {}", fault::message(&error)));
            ExitCode::from(fault::exit_code(&error))
        }
    }
}

/// Mesa's Vulkan asks the desktop for its GPU, and without a desktop it warns on standard error. This turns the question off.
fn without_a_desktop() {
    if cfg!(target_os = "linux") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: `main` has started no thread yet.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// Levels of logging by `-v` and `-vv`; RUST_LOG overrides them.
fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn,wgpu_core=error,wgpu_hal=error,naga=error",
        1 => "info,wgpu_core=warn,wgpu_hal=warn,naga=warn",
        _ => "debug",
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level)).init();
}
