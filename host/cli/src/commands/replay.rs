//! `youji replay`: a recorded session again.

use crate::{author, out};
use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use std::process::ExitCode;
use youji_dev::Recording;
use youji_runtime::Compiler;

#[derive(clap::Args)]
#[command(after_help = "\
The file is saved from the simulator's page (`youji dev`, tab Events). It holds the program, what went into it and what came out: whoever \
has it can see what the person entered. The host's calls are answered from it, and each view is held against the recorded one, byte for byte.

Exit codes: 0 everything was the same, 1 it was not, or the file can't be played

Examples:
  youji replay session.youji.jsonl
  youji replay session.youji.jsonl --json")]
pub(crate) struct Arguments {
    /// The recording
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let as_json = arguments.json;
    author::finish(as_json, crate::serving::run(async move { Box::pin(replay(&arguments)).await }))
}

async fn replay(arguments: &Arguments) -> Result<ExitCode> {
    let recording = Recording::read(&arguments.file)?;
    let cache = tempfile::tempdir().context("no temporary folder can be made")?;
    let outcome = Box::pin(youji_dev::replay(&recording, cache.path(), Compiler::ThisExecutable)).await;
    let outcome = outcome.map_err(|problem| anyhow!("{}: {problem}", arguments.file.display()))?;
    if arguments.json {
        out::line(serde_json::to_string(&outcome)?);
    } else {
        match &outcome.difference {
            None => out::line(format_args!(
                "The same: {} views, {} host calls, {} lines of {}",
                outcome.views, outcome.calls, outcome.lines, recording.head.program
            )),
            Some(difference) => out::line(format_args!(
                "{}:{}: another way after {} views\n  recorded: {}\n  now:      {}",
                arguments.file.display(),
                difference.line,
                outcome.views,
                difference.recorded,
                difference.replayed
            )),
        }
    }
    Ok(if outcome.same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
