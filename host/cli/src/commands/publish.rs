//! `youji publish`: into the registry of a data folder on this machine.

use crate::author::{self, Work, bytes};
use crate::{local, out, place};
use anyhow::Result;
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use youji_kiosk::HostConfig;
use youji_kiosk::qr::{Code, Terminal};

#[derive(clap::Args)]
#[command(after_help = "\
Whoever owns the data folder is its operator: your key is allowed there the first time. A key that the operator took back stays so. \
The kiosk of that folder must not be open meanwhile.

Exit codes: 0 published, or exactly this is there already; 1 refused, and nothing was changed

Examples:
  youji publish
  youji publish --data /srv/youji --publisher \"Tea House Ltd\"
  youji serve                                   then the kiosk opens it")]
pub(crate) struct Arguments {
    #[command(flatten)]
    work: Work,
    /// Data folder of the host
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What people read as the publisher, when the key is new there; the program's name unless told
    #[arg(long, value_name = "NAME")]
    publisher: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, publish(&arguments))
}

fn publish(arguments: &Arguments) -> Result<ExitCode> {
    let project = arguments.work.project()?;
    let key = arguments.work.key()?;
    let built = author::build(&project, &key, arguments.json)?;
    let manifest = author::manifest(&project)?;
    let name = arguments.publisher.clone().unwrap_or_else(|| manifest.name.clone());
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => place::data_folder()?,
    };
    let config = HostConfig::new(&data).as_served_last()?;
    let package = built.bytes.clone();
    let (published, code) = local::with_host(config, async |host| {
        let published = author::install(&host, package, &key.public(), &name).await?;
        // So that whoever scans it first does not wait for the compiler.
        host.make_ready(&published.program).await?;
        let code = host.code_for(&published.program, "", "")?;
        Ok((published, code))
    })?;
    if arguments.json {
        out::line(json!({
            "program": published.program,
            "version": published.version,
            "digest": published.digest.to_string(),
            "publisher": published.publisher,
            "changed": published.changed,
            "bytes": built.sizes.package,
            "data": data,
            "code": code,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let what = if published.changed { "Published" } else { "There already:" };
    out::line(format_args!(
        "{what} {} {} ({}) in {}",
        published.program,
        manifest.version.name,
        bytes(built.sizes.package),
        data.display()
    ));
    if let Ok(drawn) = Code::new(&code) {
        let terminal = if std::io::stdout().is_terminal() {
            Terminal::Colours
        } else {
            Terminal::DarkBackground
        };
        out::drawing(format_args!("\n{}", drawn.terminal(terminal).trim_end_matches('\n')));
        out::line(&code);
    }
    let folder = arguments
        .data
        .as_ref()
        .map(|data| format!(" --data {}", data.display()))
        .unwrap_or_default();
    out::line(format_args!("\nOpen the kiosk with `youji serve{folder}`, and scan it."));
    Ok(ExitCode::SUCCESS)
}
