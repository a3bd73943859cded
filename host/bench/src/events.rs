//! `youji bench events`: from a tap to the patch, over real sockets.

use crate::client::{Seat, Stage};
use crate::density::server;
use crate::figures::Quantiles;
use crate::length::Length;
use crate::prepare::Packages;
use crate::view::Wanted;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Pages.
const SOCKETS: usize = 200;
/// Events a second and page.
const RATE: u32 = 20;
const OPEN_LOOP: Duration = Duration::from_secs(15);
const WARM_UP: Duration = Duration::from_secs(2);
const SATURATION: Duration = Duration::from_secs(8);
/// Pages, open loop, of which warm-up, and saturation for [`Length::Short`].
const SHORT: Times = Times {
    sockets: 10,
    open_loop: Duration::from_secs(1),
    warm_up: Duration::from_millis(200),
    saturation: Duration::from_millis(500),
};
/// Events that a page has under way at saturation.
const IN_FLIGHT: usize = 4;

#[derive(Clone, Copy)]
struct Times {
    sockets: usize,
    open_loop: Duration,
    warm_up: Duration,
    saturation: Duration,
}

/// What pages saw. Clients and host share the machine.
#[derive(Debug, Serialize)]
pub struct Events {
    /// Pages, each with its own person and session.
    pub sockets: usize,
    /// Events a second and page, sent by the clock whatever the host does.
    pub rate: u32,
    /// Milliseconds from when an event was to be sent to its patch.
    pub event_to_patch_ms: Quantiles,
    /// Events of which no patch came.
    pub lost: usize,
    /// Patches measured.
    pub measured: usize,
    /// At saturation, all pages together. They share one core with the host.
    pub events_per_s: f64,
}

/// Taps the counter's button on every page.
///
/// # Errors
/// What the host refuses.
pub async fn run(packages: &Packages, length: Length) -> Result<Events> {
    let full = Times {
        sockets: SOCKETS,
        open_loop: OPEN_LOOP,
        warm_up: WARM_UP,
        saturation: SATURATION,
    };
    let times = length.of(full, SHORT);
    let data = tempfile::tempdir_in(&packages.folder)?;
    let server = server(packages, data.path(), times.sockets + 8).await?;
    let address = server.address();
    let counter = packages.id("counter")?.to_string();
    let measured = apart(move || measure(address, counter, times)).await?;
    server.stop().await;
    Ok(measured)
}

/// Runs pages on a thread of their own, as browsers are processes of their own: a page that shared the host's threads would measure
/// how long it waits for them itself.
pub(crate) async fn apart<T, W>(work: impl FnOnce() -> W + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    W: Future<Output = Result<T>>,
{
    tokio::task::spawn_blocking(|| {
        let pages = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        pages.block_on(work())
    })
    .await?
}

async fn measure(address: SocketAddr, counter: String, settings: Times) -> Result<Events> {
    let mut pages = Vec::new();
    for _ in 0..settings.sockets {
        pages.push(Page::open(address, &counter, json!({})).await?);
    }
    let begin = Instant::now() + Duration::from_millis(100);
    let mut tasks = Vec::new();
    for (number, mut page) in pages.into_iter().enumerate() {
        tasks.push(tokio::spawn(async move {
            // Spread over one period: a thousand people do not tap at the same moment.
            let offset = Duration::from_secs(1) / RATE * u32::try_from(number)? / u32::try_from(settings.sockets)?;
            let tapped = page
                .tap_by_clock(begin + offset, settings.open_loop, RATE, begin + settings.warm_up)
                .await?;
            Ok::<_, anyhow::Error>((page, tapped))
        }));
    }
    let (mut times, mut lost, mut pages) = (Vec::new(), 0, Vec::new());
    for task in tasks {
        let (page, tapped) = task.await??;
        times.extend(tapped.ms);
        lost += tapped.lost;
        pages.push(page);
    }
    let until = Instant::now() + settings.saturation;
    let tasks: Vec<_> = pages
        .into_iter()
        .map(|mut page| tokio::spawn(async move { page.tap_without_pause(until).await }))
        .collect();
    let mut events = 0;
    for task in tasks {
        events += task.await??;
    }
    Ok(Events {
        sockets: settings.sockets,
        rate: RATE,
        lost,
        measured: times.len(),
        event_to_patch_ms: Quantiles::of(&mut times),
        events_per_s: (events as f64 / settings.saturation.as_secs_f64()).round(),
    })
}

/// A page with a button that changes what is shown at each tap.
pub(crate) struct Page {
    stage: Stage,
    button: u32,
    // Cookies belong to it for as long as the page lives.
    _seat: Seat,
}

/// What came of taps.
pub(crate) struct Tapped {
    pub(crate) ms: Vec<f64>,
    pub(crate) lost: usize,
}

impl Page {
    pub(crate) async fn open(address: SocketAddr, program: &str, query: Value) -> Result<Page> {
        let mut seat = Seat::new(address);
        seat.visitor("en").await?;
        let stage = seat.open(&json!({"program": program, "page": "", "query": query})).await?;
        // The counter's; in another program, anything that takes taps.
        let buttons = ["More", "+1", "+", ""].iter().find_map(|label| {
            stage.view.find(&Wanted {
                event: "tap",
                label,
                within: "",
            })
        });
        let button = buttons.context("the program shows nothing that can be tapped")?;
        Ok(Page {
            stage,
            button,
            _seat: seat,
        })
    }

    /// Open loop: events leave when the clock says so, and count from then.
    pub(crate) async fn tap_by_clock(&mut self, begin: Instant, span: Duration, rate: u32, measure_from: Instant) -> Result<Tapped> {
        let period = Duration::from_secs(1) / rate;
        let end = begin + span;
        let (mut next, mut waiting) = (begin, VecDeque::new());
        let mut tapped = Tapped { ms: Vec::new(), lost: 0 };
        loop {
            let over = next >= end;
            if over && waiting.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                frame = self.stage.next() => match frame? {
                    None => break,
                    Some(frame) if frame["t"] == "patch" || frame["t"] == "full" => {
                        // Applied in order; a whole view stands for every patch before it.
                        let shown = if frame["t"] == "full" { waiting.len() } else { 1 };
                        for intended in waiting.drain(..shown.min(waiting.len())) {
                            if intended >= measure_from {
                                tapped.ms.push(Instant::now().duration_since(intended).as_secs_f64() * 1_000.0);
                            }
                        }
                    }
                    Some(_) => {}
                },
                () = tokio::time::sleep_until(if over { end + Duration::from_secs(2) } else { next }) => {
                    if over {
                        break;
                    }
                    waiting.push_back(next);
                    self.stage.send_event(self.button, "tap", Value::Null).await?;
                    next += period;
                }
            }
        }
        tapped.lost = waiting.len();
        Ok(tapped)
    }

    async fn tap_without_pause(&mut self, until: Instant) -> Result<usize> {
        for _ in 0..IN_FLIGHT {
            self.stage.send_event(self.button, "tap", Value::Null).await?;
        }
        let mut done = 0;
        while Instant::now() < until {
            let frame = self.stage.next().await?;
            ensure!(frame.is_some(), "a socket closed: {:?}", self.stage.ended);
            if frame.is_some_and(|frame| frame["t"] == "ack") {
                done += 1;
                self.stage.send_event(self.button, "tap", Value::Null).await?;
            }
        }
        Ok(done)
    }
}
