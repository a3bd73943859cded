//! `youji rollback`: the operator puts another version of a program in the place of the one that opens.

use crate::author;
use crate::local::DataFolder;
use crate::out;
use anyhow::Result;
use serde_json::json;
use std::process::ExitCode;
use youji_api::ProgramId;
use youji_package::Channel;

#[derive(clap::Args)]
#[command(after_help = "\
Without a version, the one before comes back; a second time swaps them again. Another one is had from the registry that the program came \
from, if its publisher still states it. An older version than the newest stays until the newest is chosen again: what registries and publishers \
send meanwhile leaves it. People who are in a program keep the version they opened. The kiosk of that folder must not be open meanwhile: \
while it is, the operator's page does the same.

Exit codes: 0 done; 1 refused, and nothing was changed

Examples:
  youji rollback example.tea-house
  youji rollback example.tea-house 3
  youji rollback example.tea-house 4 --channel trial --json")]
pub(crate) struct Arguments {
    /// Which program
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// version.code of the version; the one before unless told
    #[arg(value_name = "VERSION", required_if_eq("channel", "trial"))]
    code: Option<u32>,
    /// For whom: release (everybody) or trial
    #[arg(long, value_name = "CHANNEL", default_value = "release")]
    channel: Channel,
    #[command(flatten)]
    folder: DataFolder,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, rollback(&arguments))
}

fn rollback(arguments: &Arguments) -> Result<ExitCode> {
    let program = ProgramId::from(arguments.program.as_str());
    let chosen = arguments.folder.with_host(async |host| {
        let registry = host.registry();
        let chosen = match arguments.code {
            Some(version) => registry.choose(&program, version, arguments.channel).await?,
            None => registry.rollback(&program).await?,
        };
        Ok(chosen)
    })?;
    if arguments.json {
        out::line(json!({
            "program": chosen.program,
            "version": chosen.version,
            "channel": chosen.channel,
            "digest": chosen.digest.to_string(),
            "changed": chosen.changed,
        }));
    } else {
        out::line(format_args!(
            "Version {} of {} opens now ({}).",
            chosen.version, chosen.program, chosen.channel
        ));
    }
    Ok(ExitCode::SUCCESS)
}
