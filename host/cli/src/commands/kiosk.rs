use anyhow::Result;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_arguments: Arguments) -> Result<ExitCode> {
    crate::out::note("not built yet");
    Ok(ExitCode::FAILURE)
}
