//! `youji bench open`: from the code's text to the first view.

use crate::figures::{Quantiles, rss_kib};
use crate::length::Length;
use crate::prepare::Packages;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use youji_api::PersonId;
use youji_kiosk::{Host, HostConfig, OpenRequest};
use youji_package::{Package, PackageLimits};
use youji_runtime::EndReason;
use youji_services::{Merchant, Names};

/// How long each program is measured.
const FOR: Duration = Duration::from_secs(8);
const WARM_UP: usize = 50;
const MOST: usize = 3_000;
/// Hosts that have never seen the package.
const FIRST: usize = 7;
/// Sessions at once whose memory is measured.
const SESSIONS: usize = 100;
/// Time, warm-up and hosts for [`Length::Short`].
const SHORT: (Duration, usize, usize) = (Duration::from_secs(1), 1, 1);

/// Microseconds; registry read, signature check and first view included.
#[derive(Debug, Serialize)]
pub struct Open {
    /// The restaurant's menu.
    pub restaurant: Opening,
    /// The counter.
    pub counter: Opening,
    /// Milliseconds for a package that the host has never seen, from its bytes to the first view: published, verified, compiled.
    pub first_ms: f64,
    /// Median microseconds of each step of the restaurant.
    pub steps_us: BTreeMap<String, f64>,
    /// The same for the counter.
    pub counter_steps_us: BTreeMap<String, f64>,
}

/// One program.
#[derive(Debug, Serialize)]
pub struct Opening {
    /// Microseconds.
    #[serde(flatten)]
    pub us: Quantiles,
    /// How often it was opened.
    pub opened: usize,
    /// Nodes of its first view.
    pub nodes: usize,
}

/// Opens each program again and again, cached, one after the other.
///
/// # Errors
/// What the host refuses.
pub async fn run(packages: &Packages, length: Length) -> Result<Open> {
    let (counter, counter_steps_us) = cached(packages, "counter", length).await?;
    let (restaurant, steps_us) = cached(packages, "restaurant", length).await?;
    let mut first = Vec::new();
    for _ in 0..length.of(FIRST, SHORT.2) {
        first.push(never_seen(packages).await?);
    }
    Ok(Open {
        restaurant,
        counter,
        first_ms: Quantiles::of(&mut first).p50,
        steps_us,
        counter_steps_us,
    })
}

/// One package of anybody's.
#[derive(Debug, Serialize)]
pub struct OpenOne {
    /// Its id.
    pub program: String,
    /// Bytes of the package.
    pub package_bytes: usize,
    /// Opened again and again, cached.
    #[serde(flatten)]
    pub warm: Opening,
    /// Median microseconds of each step.
    pub steps_us: BTreeMap<String, f64>,
    /// Milliseconds of publishing it on a host that never saw its component: checked, kept, compiled.
    pub publish_ms: f64,
    /// Milliseconds of the first opening after that, on a host that has just started.
    pub first_ms: f64,
    /// KiB of resident memory a session, after its first view.
    pub session_kb: f64,
}

/// Measures a package that was built with `youji build`; data goes into that folder, and is thrown away.
///
/// # Errors
/// The package can't be read; what the host refuses.
pub async fn program(package: &Path, scratch: &Path, length: Length) -> Result<OpenOne> {
    let bytes = std::fs::read(package).with_context(|| format!("{} can't be read", package.display()))?;
    let opened = Package::open(&bytes, &PackageLimits::default()).with_context(|| format!("{} is no package", package.display()))?;
    let data = tempfile::tempdir_in(scratch)?;
    let config = || HostConfig {
        sessions_per_person: SESSIONS + 1,
        ..HostConfig::new(data.path())
    };
    let host = Host::new(config()).await?;
    let publisher = host.registry().allow_publisher("Bench", &opened.publisher).await?;
    let merchant = Merchant {
        publisher,
        id: String::new(),
        name: Names::new("Bench", "Bench"),
    };
    host.services().enrol_merchant(merchant).await?;
    let begun = Instant::now();
    let published = host.registry().publish(bytes.clone()).await?;
    host.programs_changed();
    host.make_ready(&published.program).await?;
    let publish_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    host.shutdown().await;
    drop(host);

    let host = Host::new(config()).await?;
    let code = host.code_for(&published.program, "", "T7")?;
    let visitor = host.services().create_visitor("en").await?.id;
    let begun = Instant::now();
    let first = Box::pin(host.open(&visitor, OpenRequest::scan(code.as_str(), "en"))).await?;
    let first_ms = begun.elapsed().as_secs_f64() * 1_000.0;
    first.session.close(EndReason::Closed).await;
    let (warm, steps_us) = measured(&host, code.clone(), length).await?;
    let sessions = length.of(SESSIONS, 2);
    let before = rss_kib();
    let mut open = Vec::new();
    for _ in 0..sessions {
        open.push(Box::pin(host.open(&visitor, OpenRequest::scan(code.as_str(), "en"))).await?);
    }
    let session_kb = rss_kib().saturating_sub(before) as f64 / sessions as f64;
    for one in open {
        one.session.close(EndReason::Closed).await;
    }
    host.shutdown().await;
    Ok(OpenOne {
        program: published.program.to_string(),
        package_bytes: bytes.len(),
        warm,
        steps_us,
        publish_ms,
        first_ms,
        session_kb,
    })
}

async fn cached(packages: &Packages, name: &str, length: Length) -> Result<(Opening, BTreeMap<String, f64>)> {
    let (_data, host) = packages.host(|config| config).await?;
    let code = host.code_for(&packages.id(name)?, "", "T7")?;
    let opened = measured(&host, code, length).await?;
    host.shutdown().await;
    Ok(opened)
}

/// Opens a code again and again.
async fn measured(host: &Arc<Host>, code: String, length: Length) -> Result<(Opening, BTreeMap<String, f64>)> {
    let (time, warm_up) = length.of((FOR, WARM_UP), (SHORT.0, SHORT.1));
    let visitor = host.services().create_visitor("en").await?.id;
    // In a task of the runtime, as the HTTP interface opens: the thread that waits for the bench is none of its workers.
    let opening = tokio::spawn(again_and_again(Arc::clone(host), visitor, code, time, warm_up));
    let (mut times, steps, nodes) = opening.await??;
    let steps = steps.into_iter().map(|(step, mut us)| (step, Quantiles::of(&mut us).p50)).collect();
    Ok((
        Opening {
            opened: times.len(),
            us: Quantiles::of(&mut times),
            nodes,
        },
        steps,
    ))
}

/// Microseconds of each opening and of each step, and nodes of the first view.
type Openings = (Vec<f64>, BTreeMap<String, Vec<f64>>, usize);

async fn again_and_again(host: Arc<Host>, visitor: PersonId, code: String, time: Duration, warm_up: usize) -> Result<Openings> {
    let (mut times, mut steps, mut nodes) = (Vec::new(), BTreeMap::<String, Vec<f64>>::new(), 0);
    let begun = Instant::now();
    for round in 0..MOST + warm_up {
        let opened = Box::pin(host.open(&visitor, OpenRequest::scan(code.as_str(), "en"))).await?;
        if round >= warm_up {
            times.push(opened.total_us as f64);
            for (step, us) in &opened.steps {
                steps.entry((*step).to_owned()).or_default().push(*us as f64);
            }
        }
        nodes = opened.first.tree.len();
        opened.session.close(EndReason::Closed).await;
        if begun.elapsed() > time && round > warm_up {
            break;
        }
    }
    Ok((times, steps, nodes))
}

async fn never_seen(packages: &Packages) -> Result<f64> {
    let data = tempfile::tempdir_in(&packages.folder)?;
    let host = youji_kiosk::Host::new(youji_kiosk::HostConfig::new(data.path())).await?;
    host.registry().allow_publisher("Youji Samples", &packages.key().public()).await?;
    let visitor = host.services().create_visitor("en").await?.id;
    let built = packages.find("restaurant")?;
    let begun = Instant::now();
    let published = host.registry().publish(built.bytes.clone()).await?;
    host.programs_changed();
    let code = host.code_for(&published.program, "", "T7")?;
    let opened = Box::pin(host.open(&visitor, OpenRequest::scan(code, "en"))).await?;
    let ms = begun.elapsed().as_secs_f64() * 1_000.0;
    opened.session.close(EndReason::Closed).await;
    host.shutdown().await;
    Ok(ms)
}
