//! `youji serve`: the kiosk on a data folder as it is.

use crate::serving::{self, Options, Report, Secrets};
use anyhow::Result;
use std::process::ExitCode;
use std::time::Instant;
use youji_kiosk::Host;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  youji serve
  youji serve --data /srv/youji --lan
  youji serve --public-url https://kiosk.example --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let begun = Instant::now();
    let options = arguments.options;
    serving::run(async move {
        let (config, listener) = options.prepare(false).await?;
        let host = Host::new(config).await?;
        let secrets = Secrets::open(&host)?;
        let report = Report::new(&host, secrets, begun)?;
        options.serve(host, listener, report).await
    })
}
