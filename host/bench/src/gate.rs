//! `youji bench gate`: what the gate and the audit add to a host call.

use crate::figures::Quantiles;
use crate::length::Length;
use crate::prepare::Packages;
use anyhow::{Context, Result, anyhow};
use async_trait::async_trait;
use serde::Serialize;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use youji_api::{Answer, Call, Caller, Capabilities, Consents, Event, Failure, Fields, Gate, Left, Moment, Reply, SavedState, Ticket};
use youji_kiosk::OpenRequest;
use youji_services::AuditRecord;
use youji_store::Keyring;

/// Calls that are timed together: one alone is shorter than what reading the clock takes.
const BATCH: u32 = 64;
/// Batches of each kind of call, and for [`Length::Short`].
const BATCHES: (usize, usize) = (20_000, 20);

/// Nanoseconds.
#[derive(Debug, Serialize)]
pub struct GateFigures {
    /// What a call takes longer for the gate and, where it uses personal data or money, for its audit record.
    pub added_ns: Quantiles,
    /// Of that, the gate alone, by call.
    pub gate_ns: BTreeMap<String, Quantiles>,
    /// Of that, a record of the audit: purpose sealed, chained, written for the projection.
    pub audit_ns: Quantiles,
    /// Batches of 64 calls of each kind.
    pub batches: usize,
}

/// Services that do nothing, so that what is left is the gate.
struct Nothing;

#[async_trait]
impl Capabilities for Nothing {
    async fn call(&self, _caller: &Caller, call: Call) -> Result<Reply, Failure> {
        black_box(call);
        Ok(Reply::Done)
    }
    async fn ask(&self, _caller: &Caller, _scopes: Vec<String>, _call: Call) -> Result<Reply, Failure> {
        Err(Failure::new("failed", "everything was allowed before"))
    }
    async fn started(&self, _caller: &Caller) -> (Option<SavedState>, Vec<Event>) {
        (None, Vec::new())
    }
    async fn taken(&self, _caller: &Caller, _ticket: Ticket) {}
    async fn ended(&self, _caller: &Caller, _saved: Option<SavedState>) -> Left {
        Left::default()
    }
}

/// Calls that a restaurant makes, and whether each is written down in the person's audit.
fn calls() -> Vec<(Call, bool)> {
    let row = || ("orders".to_owned(), "2025-0001".to_owned());
    vec![
        (Call::StorageGet { key: "basket".to_owned() }, false),
        (
            Call::RecordsGet {
                collection: row().0,
                key: row().1,
            },
            false,
        ),
        (
            Call::PaymentLookup {
                order_no: "2025-0001".to_owned(),
                options: Fields::new(),
            },
            false,
        ),
        (
            Call::IdentityProfile {
                names: vec!["nickname".to_owned()],
                options: Fields::new(),
            },
            true,
        ),
    ]
}

/// Times each call through the gate, with the person's real consents, and without it.
///
/// # Errors
/// What the host refuses.
pub async fn run(packages: &Packages, length: Length) -> Result<GateFigures> {
    let batches = length.of(BATCHES.0, BATCHES.1);
    let (data, host) = packages.host(|config| config).await?;
    let person = refused(host.services().create_visitor("en").await)?.id;
    let code = host.code_for(&packages.id("restaurant")?, "", "T7")?;
    let opened = Box::pin(host.open(&person, OpenRequest::scan(code, "en"))).await?;
    let mut caller = opened.session.caller().as_ref().clone();
    let mut requested = caller.requested.as_ref().clone();
    for name in ["storage", "records", "payment", "identity", "identity.nickname"] {
        if requested.reason(name).is_none() {
            requested
                .permissions
                .push((name.to_owned(), "To call you when it is ready".to_owned()));
        }
    }
    caller.requested = Arc::new(requested);
    // Everything that is asked for was allowed, as in most calls of a session.
    let (profile, _) = calls().pop().context("a call")?;
    refused(host.gate().call(&caller, Moment::Tap, profile).await)?;
    let screen = host.screen(caller.session).context("the session has no screen")?;
    let sheet = screen.now().sheets.first().context("nobody was asked")?.id;
    let answer = Answer {
        accepted: true,
        chosen: vec!["identity.nickname".to_owned()],
        ..Answer::default()
    };
    refused(host.services().answer(caller.session, sheet, answer).await)?;

    let bare: Arc<dyn Capabilities> = Arc::new(Nothing);
    let gate = Gate::new(Arc::clone(&bare), Arc::clone(host.services()) as Arc<dyn Consents>);
    let mut audit = audit(data.path(), &caller, batches)?;
    let (mut added, mut by_call) = (Vec::new(), BTreeMap::new());
    for (call, audited) in calls() {
        let mut own = Vec::with_capacity(batches);
        for batch in 0..batches + batches / 10 {
            let through = time(async || refused(gate.call(&caller, Moment::Tap, call.clone()).await)).await?;
            let without = time(async || refused(bare.call(&caller, call.clone()).await)).await?;
            // The first tenth warms up.
            if batch >= batches / 10 {
                own.push((through - without).max(0.0));
            }
        }
        let written = |at: usize| if audited { audit[at] } else { 0.0 };
        added.extend(own.iter().enumerate().map(|(at, ns)| ns + written(at)));
        let (capability, function) = call.name();
        by_call.insert(format!("{}.{function}", capability.name()), Quantiles::of(&mut own));
    }
    host.shutdown().await;
    Ok(GateFigures {
        added_ns: Quantiles::of(&mut added),
        gate_ns: by_call,
        audit_ns: Quantiles::of(&mut audit),
        batches,
    })
}

/// Nanoseconds a call, over one batch.
async fn time(work: impl AsyncFn() -> Result<Reply>) -> Result<f64> {
    let begun = Instant::now();
    for _ in 0..BATCH {
        black_box(work().await?);
    }
    Ok(begun.elapsed().as_nanos() as f64 / f64::from(BATCH))
}

/// Nanoseconds a record, over batches: what the services do for one beside writing the entry that it is part of.
fn audit(folder: &std::path::Path, caller: &Caller, batches: usize) -> Result<Vec<f64>> {
    let ring = Keyring::open(&folder.join("bench-keys"))?;
    ring.create(caller.person.as_str())?;
    let mut record = AuditRecord {
        number: 1,
        at: 1_760_000_000_000,
        program: Some(caller.program.clone()),
        act: "identity.profile".to_owned(),
        about: vec!["nickname".to_owned()],
        amount: None,
        purpose: String::new(),
        commitment: String::new(),
        previous: String::new(),
        hash: String::new(),
    };
    let mut all = Vec::with_capacity(batches);
    for _ in 0..batches {
        let begun = Instant::now();
        for _ in 0..BATCH {
            let sealed = ring.seal(caller.person.as_str(), b"audit", b"To call you when it is ready")?;
            record.number += 1;
            let before = std::mem::take(&mut record.hash);
            record.chain(&before, Some(&sealed));
            black_box(serde_json::to_vec(&record)?);
        }
        all.push(begun.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    Ok(all)
}

fn refused<T>(result: Result<T, Failure>) -> Result<T> {
    result.map_err(|failure| anyhow!("{}: {}", failure.code, failure.message))
}
