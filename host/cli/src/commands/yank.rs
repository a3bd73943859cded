//! `youji yank`: a version is withdrawn by its publisher.

use crate::author::{self, Work};
use crate::{local, out, place};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use youji_api::ProgramId;
use youji_kiosk::{HostConfig, remote};
use youji_package::Statement;

#[derive(clap::Args)]
#[command(after_help = "\
A version that is withdrawn is not opened any more, wherever it was fetched to; who is in it finishes. Hosts that fetched it hear of it within ten \
minutes. It can't be taken back: publish a new version. The statement is signed with the key that published it. Without --to, the kiosk of that \
folder must not be open meanwhile.

Exit codes: 0 withdrawn; 1 refused, and nothing was changed

Examples:
  youji yank 3 --reason \"wrong prices\"
  youji yank 3 --to https://registry.example
  youji yank 3 --program example.tea-house --data /srv/youji --json")]
pub(crate) struct Arguments {
    /// version.code of the version
    #[arg(value_name = "VERSION")]
    code: u32,
    /// Why, in at most 100 characters; people and operators read it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Which program; that of this folder's manifest unless told
    #[arg(long, value_name = "ID")]
    program: Option<String>,
    /// Address of the host where it was published, instead of a data folder
    #[arg(long, value_name = "URL", value_parser = remote::registry_url, conflicts_with = "data")]
    to: Option<String>,
    /// Data folder of the host
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    work: Work,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, yank(&arguments))
}

fn yank(arguments: &Arguments) -> Result<ExitCode> {
    let program = match &arguments.program {
        Some(program) => ProgramId::from(program.as_str()),
        None => author::manifest(&arguments.work.project()?)?.app_id,
    };
    let key = arguments.work.existing_key()?;
    let next = |before: Option<Statement>, place: &str| -> Result<_> {
        let before =
            before.with_context(|| format!("nothing was published of {program} in {place}; name the place with --to or --data"))?;
        Ok(before.yank(arguments.code, &arguments.reason, author::now())?.sign(&key))
    };
    let place = match (&arguments.to, &arguments.data) {
        (Some(url), _) => {
            author::wait(async {
                let signed = next(remote::stated_at(url, &program).await?, url)?;
                remote::publish_at(url, &key, &signed, None).await?;
                Ok(())
            })?;
            url.clone()
        }
        (None, data) => {
            let data = data.clone().map_or_else(place::data_folder, Ok)?;
            let shown = data.display().to_string();
            local::with_host(HostConfig::new(&data).as_served_last()?, async |host| {
                let signed = next(host.registry().statement(&program), &shown)?;
                host.registry().publish_stated(None, signed).await?;
                Ok(())
            })?;
            shown
        }
    };
    if arguments.json {
        out::line(json!({"program": program, "version": arguments.code, "reason": arguments.reason, "place": place}));
    } else {
        out::line(format_args!("Version {} of {program} is withdrawn in {place}.", arguments.code));
    }
    Ok(ExitCode::SUCCESS)
}
