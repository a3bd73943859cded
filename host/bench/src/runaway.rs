//! `youji bench runaway`: what a program that never returns does to its neighbours, and how soon it is gone.

use crate::density::server;
use crate::events::{Page, apart};
use crate::figures::Quantiles;
use crate::length::Length;
use crate::prepare::{Hostile, Packages};
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use youji_api::caller::Requested;
use youji_api::{Caller, Event, Launch, PersonId, ProgramId, PublisherId, SessionId};
use youji_kiosk::Host;
use youji_runtime::{EndReason, LaunchError, LaunchRequest, Program};

const NEIGHBOURS: usize = 50;
const RATE: u32 = 10;
const WINDOW: Duration = Duration::from_millis(2_600);
/// What is disturbed by the change of windows does not count.
const SETTLE: Duration = Duration::from_millis(400);
/// None, one and eight in turn, so that what else happens on the machine hits each of them alike. Odd: a round is the one in the middle.
const ROUNDS: usize = 5;
/// Neighbours, a window, and rounds for [`Length::Short`].
const SHORT: (usize, Duration, usize) = (5, Duration::from_millis(1_500), 1);
/// How many of [`EXPORTS`] are called before there is a first view.
const AT_LAUNCH: usize = 3;
/// Exports that a culprit can hang in.
const EXPORTS: [&str; 7] = ["launched", "shown", "view", "event", "hidden", "unloaded", "save-state"];

/// What happened to culprits and neighbours.
#[derive(Debug, Serialize)]
pub struct Runaway {
    /// Milliseconds of its own CPU time after which a culprit was ended, as its receipt or the refusal says; the few milliseconds of its
    /// life before are in it.
    pub kill_ms: Quantiles,
    /// The same by export.
    pub kill_ms_by_export: Vec<(&'static str, Quantiles)>,
    /// p99 of the neighbours beside culprits, divided by that without: the worse of one and eight at once. Each is the median of the p99
    /// of its windows: one window in which the machine was elsewhere, with or without culprits, decides nothing.
    pub neighbour_p99_ratio: f64,
    /// p99 of each window in milliseconds, in the order in which they were measured: without culprits, beside one, beside eight.
    pub window_p99_ms: [Vec<f64>; 3],
    /// Neighbours' milliseconds from intended send to patch, without culprits, all windows together.
    pub alone_ms: Quantiles,
    /// Beside one culprit at a time.
    pub beside_one_ms: Quantiles,
    /// Beside eight.
    pub beside_eight_ms: Quantiles,
    /// Culprits that were ended.
    pub killed: usize,
    /// Events of neighbours that were lost; must be 0.
    pub neighbours_hurt: usize,
}

/// Fifty people tap by the clock; meanwhile none, one or eight programs hang, one after the other, in each of their exports.
///
/// # Errors
/// A culprit that is not ended; what the host refuses.
pub async fn run(packages: &Packages, hostile: &Hostile, length: Length) -> Result<Runaway> {
    let data = tempfile::tempdir_in(&packages.folder)?;
    let server = server(packages, data.path(), NEIGHBOURS + 64).await?;
    let culprits = Arc::new(Culprits::new(server.host(), hostile).await?);
    let address = server.address();
    let counter = packages.id("counter")?.to_string();
    let host = tokio::runtime::Handle::current();
    let measured = apart(move || measure(address, counter, culprits, host, length)).await?;
    server.stop().await;
    Ok(measured)
}

async fn measure(
    address: SocketAddr,
    counter: String,
    culprits: Arc<Culprits>,
    host: tokio::runtime::Handle,
    length: Length,
) -> Result<Runaway> {
    let (neighbours, span, rounds) = length.of((NEIGHBOURS, WINDOW, ROUNDS), SHORT);
    let mut pages = Vec::new();
    for _ in 0..neighbours {
        pages.push(Page::open(address, &counter, json!({})).await?);
    }
    let mut kills: Vec<Kill> = Vec::new();
    let (mut hurt, mut all, mut window_p99_ms) = (0, [const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    for (kind, at_once) in [0, 1, 8].into_iter().enumerate().cycle().take(3 * rounds) {
        let begin = Instant::now() + Duration::from_millis(50);
        let stop = begin + span;
        let hanging: Vec<_> = (0..at_once)
            .map(|first| {
                let culprits = Arc::clone(&culprits);
                host.spawn(async move { culprits.hang_until(stop, first).await })
            })
            .collect();
        let mut tasks = Vec::new();
        for (number, mut page) in pages.drain(..).enumerate() {
            tasks.push(tokio::spawn(async move {
                let offset = Duration::from_secs(1) / RATE * u32::try_from(number)? / u32::try_from(neighbours)?;
                let tapped = page.tap_by_clock(begin + offset, span, RATE, begin + SETTLE).await?;
                Ok::<_, anyhow::Error>((page, tapped))
            }));
        }
        let mut window = Vec::new();
        for task in tasks {
            let (page, tapped) = task.await??;
            hurt += tapped.lost;
            window.extend(tapped.ms);
            pages.push(page);
        }
        window_p99_ms[kind].push(Quantiles::of(&mut window).p99);
        all[kind].append(&mut window);
        for task in hanging {
            kills.extend(task.await??);
        }
    }
    let [alone_ms, beside_one_ms, beside_eight_ms] = all.map(|mut ms| Quantiles::of(&mut ms));
    let [alone, beside_one, beside_eight] = window_p99_ms.each_ref().map(|windows| Quantiles::of(&mut windows.clone()).p50);
    let own = |export: Option<&str>| {
        let wanted = kills.iter().filter(|kill| export.is_none_or(|export| export == kill.export));
        Quantiles::of(&mut wanted.map(|kill| kill.own_ms).collect::<Vec<f64>>())
    };
    Ok(Runaway {
        kill_ms: own(None),
        kill_ms_by_export: EXPORTS.iter().map(|export| (*export, own(Some(export)))).collect(),
        neighbour_p99_ratio: (beside_one.max(beside_eight) / alone * 100.0).round() / 100.0,
        window_p99_ms,
        alone_ms,
        beside_one_ms,
        beside_eight_ms,
        killed: kills.len(),
        neighbours_hurt: hurt,
    })
}

/// A culprit that was ended.
struct Kill {
    export: &'static str,
    /// CPU time of its own.
    own_ms: f64,
}

struct Culprits {
    host: Arc<Host>,
    program: Arc<Program>,
    requested: Arc<Requested>,
    next: AtomicU64,
}

impl Culprits {
    async fn new(host: &Arc<Host>, hostile: &Hostile) -> Result<Culprits> {
        let permissions = ["payment", "storage", "navigation", "clock", "log"];
        let requested = Arc::new(Requested {
            permissions: permissions
                .iter()
                .map(|name| ((*name).to_owned(), "to misbehave".to_owned()))
                .collect(),
            pages: vec!["pages/home".to_owned(), "pages/second".to_owned()],
            ..Requested::default()
        });
        let wasm = hostile.component.clone();
        let program = host.runtime().program("hostile", &requested, move || Ok(wasm)).await?;
        Ok(Culprits {
            host: Arc::clone(host),
            program,
            requested,
            next: AtomicU64::new(1),
        })
    }

    async fn hang_until(&self, stop: Instant, first: usize) -> Result<Vec<Kill>> {
        let mut kills = Vec::new();
        for turn in first.. {
            if Instant::now() >= stop {
                break;
            }
            let export = EXPORTS[turn % EXPORTS.len()];
            let own_ms = self.hang(export).await?;
            kills.push(Kill { export, own_ms });
        }
        Ok(kills)
    }

    /// Milliseconds of its own CPU time.
    async fn hang(&self, export: &'static str) -> Result<f64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let caller = Caller {
            session: SessionId(u64::MAX - number),
            person: PersonId::from(format!("culprit-{number}").as_str()),
            program: ProgramId::from("org.youji.hostile"),
            publisher: PublisherId::from("nobody"),
            roles: Arc::from([]),
            requested: Arc::clone(&self.requested),
            language: "en".into(),
        };
        let query = vec![("act".to_owned(), "loop".to_owned()), ("at".to_owned(), export.to_owned())];
        let launch = Launch {
            page: "pages/home".to_owned(),
            query,
            cause: "link".to_owned(),
            language: "en".to_owned(),
            ..Launch::default()
        };
        let request = LaunchRequest {
            program: Arc::clone(&self.program),
            caller,
            launch,
            gate: self.host.gate().clone(),
            limits: None,
            ended: None,
        };
        let session = match self.host.runtime().launch(request).await {
            Err(LaunchError::Fault(fault)) => {
                ensure!(
                    fault.code == "cpu" && EXPORTS[..AT_LAUNCH].contains(&export),
                    "hanging in {export} ended as {fault}"
                );
                return Ok(fault.cpu_us as f64 / 1_000.0);
            }
            Err(error) => return Err(error).context("a culprit was not launched"),
            Ok((session, _)) => session,
        };
        if export == "event" {
            session.deliver(Event::new("settings"));
        } else {
            session.close(EndReason::Closed).await;
        }
        let ended = tokio::time::timeout(Duration::from_secs(20), session.ended())
            .await
            .context("a culprit was not ended")?;
        Ok(ended.receipt.before.cpu_us as f64 / 1_000.0)
    }
}
