//! `youji bench density`: what a session costs in memory. Each part runs in a process of its own, so that none inherits another's heap.

use crate::client::Seat;
use crate::figures::rss_kib;
use crate::length::Length;
use crate::prepare::Packages;
use anyhow::{Context, Result, anyhow, ensure};
use serde::Serialize;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use youji_kiosk::{HostConfig, HostLimits, OpenRequest, Server};

/// Sessions of each program.
pub const SESSIONS: usize = 1_000;
/// Sockets of the part that measures them.
const SOCKETS: usize = 200;
/// Visitors who share the sessions: making a thousand durable takes longer than opening theirs.
const PERSONS: usize = 20;
/// Sessions and sockets for [`Length::Short`].
const SHORT: (usize, usize) = (40, 10);

fn counts(length: Length) -> (usize, usize) {
    length.of((SESSIONS, SOCKETS), SHORT)
}

/// KiB a session.
#[derive(Debug, Serialize)]
pub struct Density {
    /// Live at once, of one program.
    pub sessions: usize,
    /// KiB of resident memory a session, after its first view, retained tree included, no socket.
    pub restaurant_kb: f64,
    /// The same.
    pub counter_kb: f64,
    /// KiB more for an open socket.
    pub socket_kb: f64,
}

/// Starts this executable again for each part. `again` are the arguments that lead to [`part`].
///
/// # Errors
/// A part fails.
pub async fn run(again: &[&str], length: Length) -> Result<Density> {
    let program = async |name: &str| -> Result<f64> {
        let output = Command::new(std::env::current_exe()?)
            .args(again)
            .arg(name)
            .stderr(Stdio::inherit())
            .output()
            .await?;
        ensure!(output.status.success(), "the part \"{name}\" failed");
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    };
    Ok(Density {
        sessions: counts(length).0,
        restaurant_kb: program("restaurant").await?,
        counter_kb: program("counter").await?,
        socket_kb: sockets(again, counts(length).1).await?,
    })
}

/// One part in this process: prints KiB a session, or serves sockets until its stdin ends.
///
/// # Errors
/// What the host refuses.
pub async fn part(packages: &Packages, name: &str, length: Length, say: &mut dyn FnMut(&str)) -> Result<()> {
    let (sessions, sockets) = counts(length);
    if name == "sockets" {
        return serve(packages, sockets, say).await;
    }
    let settings = |config: HostConfig| HostConfig {
        sessions: sessions + 8,
        sessions_per_person: sessions / PERSONS + 1,
        ..config
    };
    let (_data, host) = packages.host(settings).await?;
    let code = host.code_for(&packages.id(name)?, "", "T7")?;
    let mut persons = Vec::new();
    for _ in 0..PERSONS {
        persons.push(host.services().create_visitor("en").await?.id);
    }
    // The program, its pool and its first instance belong to no session.
    let first = Box::pin(host.open(&persons[0], OpenRequest::scan(code.as_str(), "en"))).await?;
    first.session.close(youji_runtime::EndReason::Closed).await;
    let before = rss_kib();
    let mut open = Vec::new();
    for number in 0..sessions {
        let opened = Box::pin(host.open(&persons[number % PERSONS], OpenRequest::scan(code.as_str(), "en"))).await?;
        open.push(opened.session);
    }
    let after = rss_kib();
    let live = host.runtime().sessions().len();
    ensure!(live == sessions, "{live} of {sessions} sessions are live");
    say(&format!("{:.2}", after.saturating_sub(before) as f64 / sessions as f64));
    drop(open);
    host.shutdown().await;
    Ok(())
}

async fn serve(packages: &Packages, sockets: usize, say: &mut dyn FnMut(&str)) -> Result<()> {
    let data = tempfile::tempdir_in(&packages.folder)?;
    let server = server(packages, data.path(), sockets + 8).await?;
    say(&server.address().to_string());
    // Whoever started this process closes its input, or is gone.
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink())).await??;
    server.stop().await;
    Ok(())
}

/// A kiosk on a free port whose limits let one machine be many devices.
///
/// # Errors
/// It does not start.
pub async fn server(packages: &Packages, data: &Path, sessions: usize) -> Result<Server> {
    let limits = HostLimits {
        connections: sessions * 2,
        seats: sessions,
        frames_per_second: 100_000,
        requests_per_second: 100_000,
        visitors_per_minute: 100_000,
        messages_per_hour: usize::MAX,
        ..HostLimits::default()
    };
    let mut config = HostConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        sessions,
        limits,
        idle: std::time::Duration::from_secs(600),
        ..HostConfig::new(data)
    };
    let listener = Server::bind(&mut config).await?;
    let host = youji_kiosk::Host::new(config).await?;
    packages.publish(&host).await?;
    Ok(Server::start(host, listener))
}

async fn sockets(again: &[&str], sockets: usize) -> Result<f64> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(again)
        .arg("sockets")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().ok_or_else(|| anyhow!("the server has no output"))?;
    let address = BufReader::new(stdout)
        .lines()
        .next_line()
        .await?
        .ok_or_else(|| anyhow!("the server did not start"))?;
    let address: SocketAddr = address.parse().context("the server printed no address")?;
    let process = child.id().ok_or_else(|| anyhow!("the server is gone"))?;
    let mut seats = Vec::new();
    for _ in 0..sockets {
        let mut seat = Seat::new(address);
        seat.visitor("en").await?;
        let programs = seat.get("/api/state").await?.ok()?["programs"].clone();
        let counter = programs
            .as_array()
            .into_iter()
            .flatten()
            .find(|program| program["id"].as_str().is_some_and(|id| id.ends_with("counter")));
        let id = counter.ok_or_else(|| anyhow!("there is no counter"))?["id"].clone();
        let opened = seat
            .post("/api/open", &json!({"program": id, "page": "", "query": {}}))
            .await?
            .ok()?;
        seats.push((seat, opened["session"].as_str().unwrap_or_default().to_owned()));
    }
    let before = rss_of(process)?;
    let mut stages = Vec::new();
    for (seat, session) in &mut seats {
        let mut stage = seat.stage(session, 0).await?;
        stage.until("the first view", |stage| (stage.view.seq > 0).then_some(())).await?;
        stages.push(stage);
    }
    let after = rss_of(process)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.shutdown().await?;
    }
    drop(stages);
    child.wait().await?;
    Ok((after.saturating_sub(before) as f64 / sockets as f64 * 100.0).round() / 100.0)
}

fn rss_of(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .and_then(|value| value.parse().ok());
    kib.ok_or_else(|| anyhow!("/proc does not tell the memory of process {process}"))
}
