//! `cargo run -p embed -- DATA PACKAGE.ma PUBLISHER.pub`: a guest house on port 8100, its kiosk on 8080.

use anyhow::{Context, Result};
use embed::Service;
use std::process::ExitCode;
use youji_kiosk::HostConfig;
use youji_package::PublicKey;

fn main() -> Result<ExitCode> {
    // Programs are compiled in a process of their own, which is this one started again with one argument. A service that leaves this out
    // sets `compiler: Compiler::InProcess` and trusts whoever publishes.
    if std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == youji_runtime::COMPILE_CHILD)
    {
        return Ok(youji_runtime::compile_child_main());
    }
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("expected: embed DATA PACKAGE.ma PUBLISHER.pub");
    let (data, package, key) = (next()?, next()?, next()?);
    let package = std::fs::read(&package).with_context(|| format!("{package} can't be read; make it with `youji build`"))?;
    let text = std::fs::read_to_string(&key).with_context(|| format!("{key} can't be read; make it with `youji keygen`"))?;
    let publisher = PublicKey::load(&text).with_context(|| format!("{key} holds no public key"))?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let service = Service::start(HostConfig::new(data), ([127, 0, 0, 1], 8100).into(), package, &publisher).await?;
        eprintln!("Guest house: http://{}/rooms/12/code.svg", service.address);
        eprintln!("Kiosk:       http://localhost:{}", service.kiosk.port());
        tokio::signal::ctrl_c().await?;
        service.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}
