//! `youji install`: a package that somebody else signed, into the registry of a data folder.

use crate::author::{self, bytes};
use crate::local::DataFolder;
use crate::out;
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use youji_package::{Package, PackageLimits};

#[derive(clap::Args)]
#[command(after_help = "\
A package says who signed it, not who that is. The first time, the command shows the publisher's id and stops: compare it with what the \
author told you in another way, then repeat it with --allow and the name that people shall read. Afterwards newer versions of that \
publisher need no question; the operator's page takes the permission back. The kiosk of that folder must not be open meanwhile.

Exit codes: 0 installed, or exactly this is there already; 1 refused, and nothing was changed

Examples:
  youji install tea-house.ma
  youji install tea-house.ma --allow \"Tea House Ltd\" --data /srv/youji")]
pub(crate) struct Arguments {
    /// The package, a .ma file
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// Let its publisher publish here, under this name
    #[arg(long, value_name = "NAME")]
    allow: Option<String>,
    #[command(flatten)]
    folder: DataFolder,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    author::finish(arguments.json, install(&arguments))
}

fn install(arguments: &Arguments) -> Result<ExitCode> {
    let (path, limits) = (&arguments.package, PackageLimits::default());
    let size = std::fs::metadata(path)
        .with_context(|| format!("{} can't be read", path.display()))?
        .len();
    ensure!(
        size <= limits.packed_bytes as u64,
        "{} has {size} bytes; a package has at most {}",
        path.display(),
        limits.packed_bytes
    );
    let read = std::fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    let package = Package::open(&read, &limits).with_context(|| format!("{} is no package that can be trusted", path.display()))?;
    let (manifest, publisher) = (&package.manifest, package.publisher.id());
    let published = arguments.folder.with_host(async |host| {
        let known = host.registry().publishers().into_iter().find(|known| known.id == publisher);
        let name = match (known, &arguments.allow) {
            (Some(known), _) => known.name,
            (None, Some(name)) => name.clone(),
            (None, None) => bail!(
                "{} is signed by the publisher {publisher}, whom nobody allowed here. Compare this id with what its author told you; then \
                 repeat the command with --allow \"NAME\"",
                manifest.app_id
            ),
        };
        let published = author::install(&host, read, &package.publisher, &name).await?;
        host.make_ready(&published.program).await?;
        Ok(published)
    })?;
    if arguments.json {
        out::line(json!({
            "program": published.program,
            "version": published.version,
            "digest": published.digest.to_string(),
            "publisher": published.publisher,
            "changed": published.changed,
        }));
    } else {
        let what = if published.changed { "Installed" } else { "There already:" };
        let size = bytes(usize::try_from(size).unwrap_or(usize::MAX));
        out::line(format_args!("{what} {} {} ({size})", published.program, manifest.version.name));
    }
    Ok(ExitCode::SUCCESS)
}
