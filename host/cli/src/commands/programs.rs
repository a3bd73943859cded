//! `youji programs`: what is installed, from where, in which versions, and whom the operator is asked about.

use crate::author;
use crate::local::DataFolder;
use crate::out;
use anyhow::{Context, Result};
use clap::Subcommand;
use serde_json::{Value, json};
use std::process::ExitCode;
use youji_api::PublisherId;
use youji_registry::Listed;

#[derive(clap::Args)]
#[command(after_help = "\
A host that was started with --registry URL fetches programs from there when somebody scans them, if the operator allowed their publisher. \
Whoever is not known is listed here, with the id to compare with what the publisher told you in another way. The kiosk of that folder must not \
be open meanwhile: while it is, the operator's page does the same.

Exit codes: 0 done; 1 refused, or a registry could not be asked

Examples:
  youji programs list
  youji programs update
  youji programs allow mq4xkz6j3o2g7yda --name \"Tea House Ltd\"
  youji programs dismiss mq4xkz6j3o2g7yda")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Args)]
struct Where {
    #[command(flatten)]
    folder: DataFolder,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Installed programs with their versions, registries, and publishers whom somebody wanted a program of
    List(Where),
    /// Ask the registries for newer versions and for what was withdrawn
    Update(Where),
    /// Let a publisher's programs come here whom somebody wanted one of
    Allow {
        /// The publisher's id, as `list` prints it
        #[arg(value_name = "ID")]
        publisher: String,
        /// What people read as the publisher
        #[arg(long, value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: Where,
    },
    /// Ask no more about a publisher, until somebody wants a program of theirs again
    Dismiss {
        /// The publisher's id, as `list` prints it
        #[arg(value_name = "ID")]
        publisher: String,
        #[command(flatten)]
        place: Where,
    },
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let as_json = match &arguments.what {
        What::List(place) | What::Update(place) | What::Allow { place, .. } | What::Dismiss { place, .. } => place.json,
    };
    let done = match arguments.what {
        What::List(place) => list(&place),
        What::Update(place) => update(&place),
        What::Allow { publisher, name, place } => allow(&publisher, &name, &place),
        What::Dismiss { publisher, place } => {
            let id = PublisherId::from(publisher.as_str());
            let dismissed = place.folder.with_host(async |host| Ok(host.registry().dismiss(&id).await?));
            dismissed.map(|()| said(&place, &json!({"dismissed": publisher}), "Done."))
        }
    };
    author::finish(as_json, done)
}

fn said(place: &Where, object: &Value, text: &str) -> ExitCode {
    match place.json {
        true => out::line(object),
        false => out::line(text),
    }
    ExitCode::SUCCESS
}

fn list(place: &Where) -> Result<ExitCode> {
    let (programs, asked, registries) = place.folder.with_host(async |host| {
        let registry = host.registry();
        Ok((registry.list(), registry.asked(), registry.remotes()))
    })?;
    if place.json {
        let asked = asked
            .iter()
            .map(|asked| json!({"publisher": asked.key.id(), "program": asked.program, "registry": asked.registry}));
        out::line(json!({
            "programs": programs.iter().map(object).collect::<Vec<Value>>(),
            "asked": asked.collect::<Vec<Value>>(),
            "registries": registries.iter().map(|registry| registry.name.as_str()).collect::<Vec<&str>>(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    for listed in &programs {
        let from = listed.origin.as_ref().map(|origin| format!(", from {origin}")).unwrap_or_default();
        let state = match (listed.allowed, listed.open) {
            (false, _) => ", not allowed",
            (true, false) => ", does not open for everybody",
            (true, true) => "",
        };
        out::line(format_args!(
            "{}  by {}{from}{state}",
            listed.current.manifest.app_id, listed.publisher_name
        ));
        for version in &listed.versions {
            let mut line = format!("  {:>6}  {:<12} {}", version.code, version.name, version.channel);
            if listed.open && version.digest == listed.current.digest {
                line += if listed.held {
                    "  opens, chosen by the operator"
                } else {
                    "  opens"
                };
            }
            if listed.trial.as_ref().is_some_and(|trial| trial.digest == version.digest) {
                line += "  is tried out";
            }
            if !version.here {
                line += "  not here";
            }
            if let Some(reason) = &version.yanked {
                line += &format!("  withdrawn {reason}");
            }
            out::line(line.trim_end());
        }
    }
    if programs.is_empty() {
        out::note("No program is installed here yet.");
    }
    for registry in &registries {
        out::line(format_args!("Registry {}", registry.name));
    }
    for asked in &asked {
        out::line(format_args!(
            "Wanted: {} of the publisher {}, whom nobody allowed here (at {})",
            asked.program,
            asked.key.id(),
            asked.registry
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn object(listed: &Listed) -> Value {
    let versions = listed.versions.iter().map(|version| {
        json!({
            "code": version.code,
            "name": version.name,
            "channel": version.channel,
            "digest": version.digest.to_string(),
            "here": version.here,
            "yanked": version.yanked,
        })
    });
    json!({
        "id": listed.current.manifest.app_id,
        "publisher": listed.current.publisher,
        "publisherName": listed.publisher_name,
        "allowed": listed.allowed,
        "open": listed.open,
        "version": listed.current.manifest.version.code,
        "trial": listed.trial.as_ref().map(|trial| trial.manifest.version.code),
        "previous": listed.previous,
        "held": listed.held,
        "registry": listed.origin,
        "versions": versions.collect::<Vec<Value>>(),
    })
}

fn update(place: &Where) -> Result<ExitCode> {
    let bar = author::spinner(place.json);
    bar.set_message("Asking the registries");
    let done = place.folder.with_host(async |host| {
        let before = host.registry().list();
        let failed = host.refresh_programs().await;
        let changed = host.registry().list().into_iter().filter(|now| {
            let was = before.iter().find(|was| was.current.manifest.app_id == now.current.manifest.app_id);
            was.is_none_or(|was| was.current.digest != now.current.digest || was.versions != now.versions)
        });
        Ok((changed.collect::<Vec<Listed>>(), failed, host.registry().remotes().len()))
    });
    bar.finish_and_clear();
    let (changed, failed, registries) = done?;
    if place.json {
        let failed: Vec<String> = failed.iter().map(ToString::to_string).collect();
        out::line(json!({"changed": changed.iter().map(object).collect::<Vec<Value>>(), "failed": failed}));
    } else {
        for listed in &changed {
            let manifest = &listed.current.manifest;
            out::line(format_args!(
                "{} {} ({})",
                manifest.app_id, manifest.version.name, manifest.version.code
            ));
        }
        failed.iter().for_each(|error| out::note(format_args!("youji: {error}")));
        match (registries, changed.is_empty() && failed.is_empty()) {
            (0, _) => out::note("This folder asks no registry; `youji serve --registry URL` names one."),
            (_, true) => out::note("Nothing new."),
            _ => {}
        }
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn allow(publisher: &str, name: &str, place: &Where) -> Result<ExitCode> {
    let id = PublisherId::from(publisher);
    place.folder.with_host(async |host| {
        let asked = host.registry().asked().into_iter().find(|asked| asked.key.id() == id);
        let asked = asked.with_context(|| {
            format!("nobody wanted a program of the publisher {publisher} here; `youji programs list` shows whom, and `youji install` takes in a package")
        })?;
        Ok(host.allow_publisher(name, &asked.key).await?)
    })?;
    Ok(said(
        place,
        &json!({"allowed": publisher, "name": name}),
        "Allowed. The next scan fetches the program.",
    ))
}
