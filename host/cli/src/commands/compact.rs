//! `youji compact`: takes out of the log what nobody needs any more.

use crate::author::{self, bytes};
use crate::local::DataFolder;
use crate::out;
use anyhow::{Result, anyhow};
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;
use youji_kiosk::HostError;

/// How often it says that it is still at it.
const STILL: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(after_help = "\
What belonged to people who were erased, and what was overwritten or removed, leaves the files of log and projection. The ledger, \
orders' sums, the audit and the hash chain stay, and the chain still verifies. Needs room for the rewritten files beside the old ones; \
stopping it at any moment harms nothing. A running host does it by itself soon after somebody was erased.

Examples:
  youji compact
  youji compact --data /var/lib/youji --json")]
pub(crate) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: DataFolder,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, compact(&arguments))
}

fn compact(arguments: &Arguments) -> Result<ExitCode> {
    out::note("Opening the data folder…");
    let done = arguments.folder.with_host(async |host| {
        out::note("Compacting the log…");
        let compacting = host.services().compact();
        tokio::pin!(compacting);
        let mut waited = Duration::ZERO;
        loop {
            tokio::select! {
                done = &mut compacting => return done.map_err(|failure| anyhow!("{}: {}; the log is as it was", failure.code, failure.message)),
                () = tokio::time::sleep(STILL) => {
                    waited += STILL;
                    out::note(format_args!("Still compacting, {} s…", waited.as_secs()));
                }
            }
        }
    });
    let done = done.map_err(in_use)?;
    if arguments.json {
        out::line(json!({
            "entries": done.entries,
            "part": done.part,
            "nothing": done.nothing,
            "bytesBefore": done.bytes_before,
            "bytesAfter": done.bytes_after,
            "tookMs": u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    if done.bytes_before == 0 {
        out::line(format_args!("Nothing of {} entries could go", done.entries));
        return Ok(ExitCode::SUCCESS);
    }
    let size = |count: u64| bytes(usize::try_from(count).unwrap_or(usize::MAX));
    out::line(format_args!(
        "Of {} entries, {} are empty and {} are shorter now; the files that hold them went from {} to {} in {:.1} s",
        done.entries,
        done.nothing,
        done.part,
        size(done.bytes_before),
        size(done.bytes_after),
        done.took.as_secs_f64()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The way that is open while a host has the folder.
fn in_use(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<HostError>() {
        Some(HostError::InUse { .. }) => {
            anyhow!("{error}. A running host compacts by itself; \"Compact the log\" on its operator page does it at once")
        }
        _ => error,
    }
}
