//! One file a command; each has its arguments, its examples and `run`.

pub(crate) mod compile_child;
mod demo;
mod kiosk;
mod serve;

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

/// What `youji` can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build and publish the sample programs, make demonstration people, open the kiosk
    Demo(demo::Arguments),
    /// Open the kiosk on a data folder as it is; builds nothing
    Serve(serve::Arguments),
    /// Show a kiosk full screen in Chromium, and bring it back after a crash
    Kiosk(kiosk::Arguments),
    /// Compile a component from stdin to stdout within limits; the host starts this itself
    #[command(hide = true, name = "compile-child")]
    CompileChild,
}

/// Runs it.
///
/// # Errors
/// What went wrong and what to do; printed by `main`, exit code 1.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Serve(arguments) => serve::run(arguments),
        Command::Kiosk(arguments) => kiosk::run(arguments),
        Command::CompileChild => Ok(compile_child::run()),
    }
}
