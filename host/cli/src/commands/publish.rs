//! `youji publish`: into the registry of a data folder on this machine, or over the network into that of another host.

use crate::author::{self, Work, bytes};
use crate::{local, out, place};
use anyhow::Result;
use serde_json::json;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use youji_dev::Built;
use youji_kiosk::HostConfig;
use youji_kiosk::qr::{Code, Terminal};
use youji_kiosk::remote;
use youji_package::{Channel, Manifest, PublisherKey};

#[derive(clap::Args)]
#[command(after_help = "\
Whoever owns the data folder is its operator: your key is allowed there the first time. A key that the operator took back stays so. \
The kiosk of that folder must not be open meanwhile. With --to, the package goes to a host that is open, whose operator must have allowed your \
key before (`youji install` there, once).

A trial opens by a code that is marked so (`youji qr --trial`), for people to whom the publisher gave a role (`youji person role`); publishing the same \
version with --channel release gives it to everybody.

Exit codes: 0 published, or exactly this is there already; 1 refused, and nothing was changed

Examples:
  youji publish
  youji publish --channel trial
  youji publish --to https://registry.example
  youji publish --data /srv/youji --publisher \"Tea House Ltd\"
  youji serve                                   then the kiosk opens it")]
pub(crate) struct Arguments {
    #[command(flatten)]
    work: Work,
    /// For whom: release (everybody) or trial
    #[arg(long, value_name = "CHANNEL", default_value = "release")]
    channel: Channel,
    /// Address of a host to send it to, instead of a data folder
    #[arg(long, value_name = "URL", value_parser = remote::registry_url, conflicts_with_all = ["data", "publisher"])]
    to: Option<String>,
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
    if let Some(url) = &arguments.to {
        return send(arguments, url, &key, &built, &manifest);
    }
    let name = arguments.publisher.clone().unwrap_or_else(|| manifest.name.clone());
    let data = match &arguments.data {
        Some(data) => data.clone(),
        None => place::data_folder()?,
    };
    let config = HostConfig::new(&data).as_served_last()?;
    let package = built.bytes.clone();
    let (published, code) = local::with_host(config, async |host| {
        let published = author::publish(&host, package, &key, &name, arguments.channel).await?;
        // So that whoever scans it first does not wait for the compiler.
        host.make_ready(&published.program).await?;
        let code = match arguments.channel {
            Channel::Release => host.code_for(&published.program, "", "")?,
            Channel::Trial => host.trial_code_for(&published.program, "", "")?,
        };
        Ok((published, code))
    })?;
    if arguments.json {
        out::line(json!({
            "program": published.program,
            "version": published.version,
            "digest": published.digest.to_string(),
            "publisher": published.publisher,
            "channel": arguments.channel,
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

/// To a host that is open, signed with the publisher's key.
fn send(arguments: &Arguments, url: &str, key: &PublisherKey, built: &Built, manifest: &Manifest) -> Result<ExitCode> {
    let bar = author::spinner(arguments.json);
    bar.set_message(format!("Sending {} to {url}", bytes(built.sizes.package)));
    let sent = author::wait(async {
        let before = remote::stated_at(url, &manifest.app_id).await?;
        match author::stated(before.as_ref(), &built.bytes, arguments.channel)? {
            Some(statement) => Ok(Some(remote::publish_at(url, key, &statement.sign(key), Some(&built.bytes)).await?)),
            None => Ok(None),
        }
    });
    bar.finish_and_clear();
    let sent = sent?;
    let changed = sent.as_ref().is_some_and(|answer| answer["changed"] == true);
    if arguments.json {
        out::line(json!({
            "program": manifest.app_id,
            "version": manifest.version.code,
            "digest": built.digest.to_string(),
            "publisher": key.id(),
            "channel": arguments.channel,
            "changed": changed,
            "bytes": built.sizes.package,
            "to": url,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let what = if changed { "Published" } else { "There already:" };
    out::line(format_args!(
        "{what} {} {} ({}) at {url}",
        manifest.app_id,
        manifest.version.name,
        bytes(built.sizes.package)
    ));
    Ok(ExitCode::SUCCESS)
}
