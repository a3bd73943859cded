//! `youji serve`: the kiosk on a data folder as it is.

use crate::out;
use crate::serving::{self, Options, Report, Secrets};
use anyhow::{Context, Result};
use serde_json::json;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use youji_conformance::Conformance;
use youji_kiosk::Host;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  youji serve
  youji serve --data /srv/youji --lan
  youji serve --registry https://registry.example       programs that are not here come from there
  youji serve --public-url https://kiosk.example --json
  youji serve --ledger-conformance --data scratch --port 8081")]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Serve the contract of ledger-conformance-kit and nothing else, on this machine only; the folder must be empty, and whoever tests the ledger empties it again
    #[arg(long, requires = "data", conflicts_with_all = ["lan", "public_url"])]
    ledger_conformance: bool,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let begun = Instant::now();
    let options = arguments.options;
    if arguments.ledger_conformance {
        let folder = options.data.context("name a scratch folder with --data DIR")?;
        return serving::run(conformance(folder, options.port, options.json));
    }
    serving::run(async move {
        let (config, listener) = options.prepare(false).await?;
        let host = Host::new(config).await?;
        let secrets = Secrets::open(&host)?;
        let report = Report::new(&host, secrets, begun)?;
        options.serve(host, listener, report).await
    })
}

async fn conformance(folder: PathBuf, port: u16, as_json: bool) -> Result<ExitCode> {
    let end = ended()?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("port {port} can't be taken; choose another one with --port NUMBER (0: any that is free)"))?;
    let opened = folder.clone();
    let ledger = tokio::task::spawn_blocking(move || Conformance::open(&opened)).await??;
    let address = format!("http://{}", listener.local_addr()?);
    if as_json {
        out::line(json!({ "address": address, "data": folder }));
    } else {
        out::line(format_args!(
            "A scratch ledger answers at {address}/_lck/; Ctrl+C ends it. With the kit's own command:"
        ));
        out::line(format_args!(
            "  lck run --adapter {address} --capabilities OVERDRAFT_GUARD,COMPENSATION,HASH_CHAIN,REPLAY"
        ));
    }
    ledger.serve(listener, end).await?;
    Ok(ExitCode::SUCCESS)
}

/// Ready when a signal asks for the end.
fn ended() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt()).context("signals can't be received")?;
    let mut terminate = signal(SignalKind::terminate()).context("signals can't be received")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
