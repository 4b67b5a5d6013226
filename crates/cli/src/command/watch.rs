//! `calotype watch`.

use anyhow::Result;
use calotype_training::{Dashboard, Interrupt};

use super::Ending;
use crate::args::WatchArgs;
use crate::fault::WrongUse;
use crate::output::{note, print};

pub fn run(args: &WatchArgs) -> Result<Ending> {
    if !args.path.exists() {
        let path = args.path.display();
        return Err(WrongUse(format!(
            "there is no {path}; give a run folder or a folder of runs, such as the `runs` that `calotype train` makes"
        ))
        .into());
    }
    let interrupt = Interrupt::install_saying("")?;
    let dashboard = Dashboard::open(&args.path, args.port, &interrupt)?;
    note("open this in a browser of this machine; Ctrl-C ends the pages, not the runs");
    print(&dashboard.url())?;
    dashboard.serve()?;
    // It is how this command ends.
    Ok(Ending::Done)
}
