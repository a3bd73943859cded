//! `youji bench unload`: what is left after thousands of sessions.

use crate::figures::rss_kib;
use crate::length::Length;
use crate::prepare::Packages;
use anyhow::Result;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use youji_kiosk::{Host, OpenRequest};
use youji_runtime::{EndReason, UiEvent};

/// Open at once.
const AT_ONCE: usize = 4;
/// Cycles before the base is taken: bounded caches, pools and the allocator's arenas are full by then, which `rss_kb_between` shows.
const WARM_UP: usize = 5_000;
const LEAST: usize = 10_000;
const FOR: Duration = Duration::from_secs(35);
/// The same for [`Length::Short`].
const SHORT: (usize, usize, Duration) = (40, 100, Duration::from_secs(1));

/// Resident memory before and after.
#[derive(Debug, Serialize)]
pub struct Unload {
    /// Sessions opened, used and closed.
    pub cycles: usize,
    /// Of these, ended otherwise than by closing; must be 0.
    pub failed: usize,
    /// KiB with nothing opened yet.
    pub rss_start_kb: u64,
    /// KiB, after the first five thousand.
    pub rss_base_kb: u64,
    /// KiB, at the end.
    pub rss_end_kb: u64,
    /// What grew.
    pub growth_kb: i64,
    /// KiB at ten moments in between: a leak climbs to the end, a cache that fills levels out.
    pub rss_kb_between: Vec<u64>,
    /// Component instances at the end; must be 0.
    pub instances_end: u64,
    /// Seconds.
    pub took_s: f64,
}

/// Opens, taps once, closes; four at a time, half restaurant and half counter.
///
/// # Errors
/// What the host refuses.
pub async fn run(packages: &Packages, length: Length) -> Result<Unload> {
    let (warm_up, least, time) = length.of((WARM_UP, LEAST, FOR), SHORT);
    let (_data, host) = packages.host(|config| config).await?;
    let codes: Arc<[String]> = [
        host.code_for(&packages.id("restaurant")?, "", "T7")?,
        host.code_for(&packages.id("counter")?, "", "")?,
    ]
    .into();
    let rss_start_kb = rss_kib();
    let begun = Instant::now();
    cycles(&host, &codes, warm_up, warm_up, begun + time).await?;
    let rss_base_kb = rss_kib();
    let watching = tokio::spawn(async move {
        let mut ticker = tokio::time::interval(time / 11);
        ticker.tick().await;
        let mut between = Vec::new();
        while between.len() < 10 {
            ticker.tick().await;
            between.push(rss_kib());
        }
        between
    });
    let (cycles, failed) = cycles(&host, &codes, least, usize::MAX, begun + time).await?;
    let rss_end_kb = rss_kib();
    let instances_end = host.runtime().metrics().instances;
    let rss_kb_between = watching.await?;
    host.shutdown().await;
    let growth_kb = i64::try_from(rss_end_kb)? - i64::try_from(rss_base_kb)?;
    Ok(Unload {
        cycles,
        failed,
        rss_start_kb,
        rss_base_kb,
        rss_end_kb,
        growth_kb,
        rss_kb_between,
        instances_end,
        took_s: begun.elapsed().as_secs_f64(),
    })
}

/// At least `least`, then on until `until`, at most `most`.
async fn cycles(host: &Arc<Host>, codes: &Arc<[String]>, least: usize, most: usize, until: Instant) -> Result<(usize, usize)> {
    let done = Arc::new(AtomicUsize::new(0));
    let failed = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..AT_ONCE {
        let (host, codes, done, failed) = (Arc::clone(host), Arc::clone(codes), Arc::clone(&done), Arc::clone(&failed));
        let visitor = host.services().create_visitor("en").await?.id;
        tasks.push(tokio::spawn(async move {
            loop {
                let number = done.fetch_add(1, Ordering::Relaxed);
                if number >= most || (number >= least && Instant::now() > until) {
                    done.fetch_sub(1, Ordering::Relaxed);
                    return Ok::<_, anyhow::Error>(());
                }
                let code = codes[number % codes.len()].as_str();
                let opened = Box::pin(host.open(&visitor, OpenRequest::scan(code, "en"))).await?;
                let button = opened.first.tree.iter().find(|node| node.events.iter().any(|event| event == "tap"));
                if let Some(button) = button {
                    let event = UiEvent {
                        node: button.id,
                        kind: "tap".to_owned(),
                        value: None,
                        event_id: number.to_string(),
                    };
                    opened.session.ui_event(event).await;
                }
                let receipt = opened.session.close(EndReason::Closed).await;
                failed.fetch_add(usize::from(receipt.reason != EndReason::Closed), Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok((done.load(Ordering::Relaxed), failed.load(Ordering::Relaxed)))
}
