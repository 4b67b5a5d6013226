//! `calotype completions` and `calotype man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

pub const COMPLETIONS_EXAMPLES: &str = "Examples:
  calotype completions bash > ~/.local/share/bash-completion/completions/calotype
  calotype completions zsh > ~/.zfunc/_calotype         # with fpath+=~/.zfunc before compinit in ~/.zshrc
  calotype completions fish > ~/.config/fish/completions/calotype.fish";

pub const MAN_EXAMPLES: &str = "Examples:
  calotype man --out ~/.local/share/man/man1            # then: man calotype, man calotype-train";

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Folder to write the pages to, one a command; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
