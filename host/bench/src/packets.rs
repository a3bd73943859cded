//! `youji bench red-packet`: one packet, and many people who want a share of it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use youji_api::call::{Order, OrderLine};
use youji_api::caller::{Audience, Caller, CollectionRule, Requested};
use youji_api::{
    Answer, Call, Capabilities, Deliver, Event, Fields, Gate, Moment, PersonId, Recipient, Reply, SessionId, Sheet, SheetId, Ticket,
};
use youji_services::{Merchant, Names, Services, ServicesConfig};

use crate::figures::{Quantiles, fdatasync_ms};
use crate::length::Length;

const PROGRAM: &str = "chat";
const PACKET: &str = "P1";
/// What each share is on average, in minor units.
const SHARE: u64 = 100;

/// Figures of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// From the first claim's call to the last one's answer. Each is durable: its transfer, its share, its outcome for the program.
    pub claims_per_s: f64,
    /// From a person's tap to the answer, in milliseconds.
    pub claim_ms: Quantiles,
    /// Of the one packet; all of them are claimed.
    pub shares: u32,
    /// People who claim, each once.
    pub people: u32,
    /// People whose claim is on its way at the same moment.
    pub in_flight: u32,
    /// Shares that nobody has though somebody was told so, or that are in nobody's balance.
    pub lost: u32,
    /// Shares that two have.
    pub doubled: u32,
    /// Median of writing 4 KiB and fdatasync on the same disk, before.
    pub fdatasync_p50_us: f64,
}

/// Where services deliver to: the payer's sheet, and what each claim came to.
#[derive(Default)]
struct Desk {
    sheet: Mutex<Option<Sheet>>,
    shares: Mutex<HashMap<SessionId, Vec<i64>>>,
}

impl Deliver for Desk {
    fn event(&self, to: &Recipient, event: Event) -> bool {
        let Recipient::Session(session) = to else { return false };
        if event.fields.text("action") == "claim"
            && let (Some(amount), Ok(mut shares)) = (event.fields.integer("amount"), self.shares.lock())
        {
            shares.entry(*session).or_default().push(amount);
        }
        true
    }
    fn sheet(&self, _: SessionId, sheet: Sheet) {
        if let Ok(mut last) = self.sheet.lock() {
            *last = Some(sheet);
        }
    }
    fn withdraw(&self, _: SessionId, _: SheetId) {}
    fn inbox(&self, _: &PersonId, _: u64) {}
    fn scan(&self, _: SessionId, _: Ticket) {}
}

fn caller(person: &PersonId, session: u64) -> Caller {
    let rule = CollectionRule {
        name: "chats".to_owned(),
        readers: vec![Audience::Everyone],
        writers: vec![Audience::Everyone],
    };
    let permissions = ["payment", "records", "storage"].map(|name| (name.to_owned(), "to measure".to_owned()));
    Caller {
        session: SessionId(session),
        person: person.clone(),
        program: PROGRAM.into(),
        publisher: "publisher".into(),
        roles: Vec::new().into(),
        requested: Arc::new(Requested {
            permissions: permissions.to_vec(),
            required: Vec::new(),
            collections: vec![rule],
            templates: Vec::new(),
            pages: vec!["pages/home".to_owned()],
        }),
        language: "en".into(),
    }
}

fn claim() -> Call {
    Call::PaymentAct {
        order_no: PACKET.to_owned(),
        action: "claim".to_owned(),
        options: Fields::new(),
    }
}

/// Sends a packet, claims every share of it, and counts them.
///
/// # Errors
/// What the services refuse.
pub async fn run(disk: &Path, length: Length) -> Result<Figures> {
    let (shares, at_once) = length.of((10_000_u32, 1_000_u32), (50, 25));
    let folder = tempfile::tempdir_in(disk)?;
    let fdatasync_p50_us = fdatasync_ms(folder.path()).context("the disk can't be measured")? * 1_000.0;
    let amount = u64::from(shares) * SHARE;
    let mut config = ServicesConfig::new(folder.path().join("services"));
    config.visitor_balance = amount;
    let handle = tokio::runtime::Handle::current();
    let services = tokio::task::spawn_blocking(move || {
        let _inside = handle.enter();
        Services::open(config)
    })
    .await??;
    let desk = Arc::new(Desk::default());
    services.set_deliver(desk.clone());
    let gate = Gate::new(services.clone(), services.clone());
    let merchant = Merchant {
        publisher: "publisher".into(),
        id: String::new(),
        name: Names::new("聊天", "Chat"),
    };
    services.enrol_merchant(merchant).await?;

    let giver = services.create_visitor("en").await?;
    let gives = caller(&giver.id, 1);
    services.started(&gives).await;
    send(&services, &gate, &desk, &gives, shares, amount).await?;

    // Their keys are durable one by one, so making them takes longer than what is measured. What each keeps in the program stands for
    // having used it before: its key is there.
    let callers: Vec<Caller> = stream::iter(0..shares)
        .map(|place| {
            let services = &services;
            async move {
                let person = services.create_visitor("en").await?;
                let caller = caller(&person.id, u64::from(place) + 2);
                services.started(&caller).await;
                let keeps = Call::StorageSet {
                    key: "used".to_owned(),
                    value: b"yes".to_vec(),
                };
                services.call(&caller, keeps).await?;
                Ok::<_, anyhow::Error>(caller)
            }
        })
        .buffer_unordered(64)
        .try_collect()
        .await?;
    let begun = Instant::now();
    let gate = Arc::new(gate);
    let mut tasks = tokio::task::JoinSet::new();
    let queue = Arc::new(Mutex::new(callers.clone().into_iter()));
    for _ in 0..at_once {
        let (gate, queue) = (gate.clone(), queue.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            loop {
                let next = queue.lock().map_err(|_| anyhow::anyhow!("a claim panicked"))?.next();
                let Some(caller) = next else { return Ok::<_, anyhow::Error>(times) };
                let tapped = Instant::now();
                let said = gate.call(&caller, Moment::Tap, claim()).await?;
                ensure!(matches!(said, Reply::Ticket(_)), "expected a ticket, {said:?} came");
                times.push(tapped.elapsed().as_secs_f64() * 1_000.0);
            }
        });
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    let took: Duration = begun.elapsed();
    let (lost, doubled) = count(&services, &desk, &callers, amount)?;
    services.check_ledger().await.map_err(anyhow::Error::msg)?;
    services.shutdown().await;
    Ok(Figures {
        claims_per_s: (f64::from(shares) / took.as_secs_f64()).round(),
        claim_ms: Quantiles::of(&mut times),
        shares,
        people: shares,
        in_flight: at_once,
        lost,
        doubled,
        fdatasync_p50_us: fdatasync_p50_us.round(),
    })
}

async fn send(services: &Services, gate: &Gate, desk: &Desk, gives: &Caller, shares: u32, amount: u64) -> Result<()> {
    let row = Call::RecordsPut {
        collection: "chats".to_owned(),
        key: "everybody".to_owned(),
        expected: 0,
        value: b"hello".to_vec(),
        options: Fields::new(),
    };
    gate.call(gives, Moment::Tap, row).await?;
    let options = Fields::new()
        .with("mode", "packet")
        .with("shares", i64::from(shares))
        .with("record", "chats/everybody");
    let order = Order {
        order_no: PACKET.to_owned(),
        merchant: String::new(),
        amount,
        currency: "CNY".to_owned(),
        lines: vec![OrderLine {
            title: "Red packet".to_owned(),
            quantity: 1,
            amount,
            options: Fields::new(),
        }],
        options,
    };
    gate.call(gives, Moment::Tap, Call::PaymentPay(order)).await?;
    let sheet = desk
        .sheet
        .lock()
        .ok()
        .and_then(|mut sheet| sheet.take())
        .context("no sheet was shown")?;
    let yes = Answer {
        accepted: true,
        ..Answer::default()
    };
    services.answer(gives.session, sheet.id, yes).await?;
    Ok(())
}

/// Shares that are in nobody's balance, and shares that somebody has beside another one.
fn count(services: &Services, desk: &Desk, callers: &[Caller], amount: u64) -> Result<(u32, u32)> {
    let told = desk.shares.lock().map_err(|_| anyhow::anyhow!("a delivery panicked"))?;
    let (mut lost, mut doubled, mut all) = (0, 0, 0);
    for caller in callers {
        let person = services.person(&caller.person).context("a claimant is gone")?;
        let got = person.balance.checked_sub(amount).context("a claimant has less than before")?;
        all += got;
        match told.get(&caller.session).map(Vec::as_slice) {
            Some([share]) if u64::try_from(*share) == Ok(got) => {}
            Some([_]) | None => lost += 1,
            Some(_) => doubled += 1,
        }
    }
    if lost + doubled == 0 && all != amount {
        bail!("{all} of {amount} were given away");
    }
    Ok((lost, doubled))
}
