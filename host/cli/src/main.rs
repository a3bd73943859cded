//! `youji`, the command that people type.

mod commands;
mod out;

use clap::Parser;
use commands::Command;
use std::process::ExitCode;

/// Freed memory is zeroed: what a session held must not be found in this process afterwards.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Scan a code, use a mini-program, leave no trace.
#[derive(Parser)]
#[command(name = "youji", version, about, after_help = EXAMPLES, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  youji demo                         build the sample programs and open the kiosk on http://localhost:8080
  youji demo --lan                   the same, for phones on this network too
  youji scan picture.png --json      what a scan does, without a browser
  youji COMMAND --help               options and examples of a command";

fn main() -> ExitCode {
    // Before anything else: the compile child sets its own limits and must not do more than it is for.
    if commands::compile_child::is_asked_for() {
        return commands::compile_child::run();
    }
    match commands::run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}
