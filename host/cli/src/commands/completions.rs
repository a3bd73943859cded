//! `youji completions`: for the shell.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  youji completions bash > ~/.local/share/bash-completion/completions/youji
  youji completions zsh > ~/.zfunc/_youji
  youji completions fish > ~/.config/fish/completions/youji.fish")]
pub(crate) struct Arguments {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Arguments::command(), "youji", &mut text);
    crate::out::line(String::from_utf8_lossy(&text).trim_end());
    Ok(ExitCode::SUCCESS)
}
