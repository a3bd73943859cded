//! `youji`, the command that people type.

mod author;
mod commands;
mod drive;
mod local;
mod out;
mod place;
mod serving;

use clap::Parser;
use commands::Command;
use std::process::ExitCode;

/// Freed memory is zeroed: what a session held must not be found in this process afterwards.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Scan a code, use a mini-program, leave no trace.
#[derive(Parser)]
#[command(name = "youji", version, about, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  youji demo                         build the sample programs and open the kiosk on http://localhost:8080
  youji demo --lan                   the same, for phones on this network too
  youji new tea-house                a mini-program of your own
  youji scan picture.png --json      what a scan does, without a browser
  youji COMMAND --help               options and examples of a command";

fn main() -> ExitCode {
    // Before anything else: the compile child sets its own limits and must not do more than it is for.
    if commands::compile_child::is_asked_for() {
        return commands::compile_child::run();
    }
    trace();
    match commands::run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            out::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Spans and events on stderr: warnings unless `RUST_LOG` says otherwise, such as `RUST_LOG=youji_kiosk=debug`.
fn trace() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}
