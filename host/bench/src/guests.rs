//! `youji bench guest-payments`: many sessions that pay all the time, from the program's call at the gate to its outcome.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use youji_api::call::{Order, OrderLine};
use youji_api::caller::{Caller, Requested};
use youji_api::{
    Answer, Call, Capabilities, Deliver, Event, Fields, Gate, Moment, PersonId, Recipient, Reply, SessionId, Sheet, SheetId, SheetKind,
    Ticket,
};
use youji_services::{Merchant, Names, NewPerson, Services, ServicesConfig, SpendsAt};

use crate::figures::{Quantiles, fdatasync_ms};
use crate::length::Length;

const PIN: &str = "2468";
/// What one costs, in minor units.
const PRICE: u64 = 1;
/// What everybody has.
const WALLET: u64 = 1_000_000;

#[derive(Clone, Copy)]
struct Settings {
    sessions: usize,
    warm_up: Duration,
    time: Duration,
}

const FULL: Settings = Settings {
    sessions: 512,
    warm_up: Duration::from_secs(1),
    time: Duration::from_secs(10),
};
const SHORT: Settings = Settings {
    sessions: 4,
    warm_up: Duration::from_millis(50),
    time: Duration::from_millis(300),
};

/// Figures of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Calls of programs that came to a durable payment, receipt and message, and to an outcome that the program took, each second.
    pub payments_per_s: f64,
    /// From the call to the outcome, in milliseconds.
    pub payment_ms: Quantiles,
    /// The 99th of 100 of them.
    pub p99_ms: f64,
    /// Each pays one order after the other.
    pub sessions: usize,
    /// All of them, also those before the clock ran.
    pub payments: u64,
    /// Payments without an outcome, and minor units that wallets lack or have too much: there are none.
    pub wrong: u64,
    /// Median of writing 4 KiB and fdatasync on the same disk, before.
    pub fdatasync_p50_us: f64,
}

/// Where services deliver to: each session's sheet, and its last outcome.
#[derive(Default)]
struct Desk {
    sheets: Mutex<HashMap<SessionId, Sheet>>,
    outcomes: Mutex<HashMap<SessionId, Event>>,
}

impl Desk {
    fn sheet_of(&self, session: SessionId) -> Result<Sheet> {
        let sheet = self.sheets.lock().map_err(|_| anyhow!("a delivery panicked"))?.remove(&session);
        sheet.context("no sheet was shown")
    }

    fn outcome_of(&self, session: SessionId) -> Result<Event> {
        let event = self.outcomes.lock().map_err(|_| anyhow!("a delivery panicked"))?.remove(&session);
        event.context("the program was not told")
    }
}

impl Deliver for Desk {
    fn event(&self, to: &Recipient, event: Event) -> bool {
        if let (Recipient::Session(session), Ok(mut outcomes)) = (to, self.outcomes.lock()) {
            outcomes.insert(*session, event);
        }
        true
    }
    fn sheet(&self, session: SessionId, sheet: Sheet) {
        if let Ok(mut sheets) = self.sheets.lock() {
            sheets.insert(session, sheet);
        }
    }
    fn withdraw(&self, _: SessionId, _: SheetId) {}
    fn inbox(&self, _: &PersonId, _: u64) {}
    fn scan(&self, _: SessionId, _: Ticket) {}
}

fn caller(person: &PersonId, session: u64) -> Caller {
    Caller {
        session: SessionId(session),
        person: person.clone(),
        program: "shop".into(),
        publisher: "publisher".into(),
        roles: Vec::new().into(),
        requested: Arc::new(Requested {
            permissions: vec![("payment".to_owned(), "to measure".to_owned())],
            required: Vec::new(),
            collections: Vec::new(),
            templates: Vec::new(),
            pages: vec!["pages/home".to_owned()],
        }),
        language: "en".into(),
    }
}

struct Hall {
    services: Arc<Services>,
    gate: Gate,
    desk: Arc<Desk>,
}

impl Hall {
    /// The program asks, the person answers on the sheet, the program takes the outcome.
    async fn pay(&self, caller: &Caller, number: u64, answer: impl FnOnce(&Sheet) -> Answer) -> Result<()> {
        let order = Order {
            order_no: format!("{}-{number}", caller.session.0),
            merchant: String::new(),
            amount: PRICE,
            currency: "CNY".to_owned(),
            lines: vec![OrderLine {
                title: "Tea".to_owned(),
                quantity: 1,
                amount: PRICE,
                options: Fields::new(),
            }],
            options: Fields::new(),
        };
        let said = self.gate.call(caller, Moment::Tap, Call::PaymentPay(order)).await?;
        let Reply::Ticket(ticket) = said else {
            return Err(anyhow!("expected a ticket, {said:?} came"));
        };
        let sheet = self.desk.sheet_of(caller.session)?;
        self.services.answer(caller.session, sheet.id, answer(&sheet)).await?;
        let outcome = self.desk.outcome_of(caller.session)?;
        let fields = &outcome.fields;
        ensure!(
            outcome.ticket == ticket.0 && fields.text("outcome") == "done" && fields.text("state") == "succeeded",
            "an order came to {outcome:?}"
        );
        self.services.taken(caller, ticket).await;
        Ok(())
    }
}

fn yes() -> Answer {
    Answer {
        accepted: true,
        ..Answer::default()
    }
}

/// The yes that allows the next payments with a tap only.
fn with_pin(sheet: &Sheet) -> Answer {
    let limits = match &sheet.kind {
        SheetKind::Payment { terms, .. } => terms.spending_limits.as_slice(),
        _ => &[],
    };
    Answer {
        pin: PIN.to_owned(),
        spending: limits.last().cloned().unwrap_or_default(),
        ..yes()
    }
}

/// Everybody confirms once with their PIN, before the clock runs; then all pay, each one order after the other.
///
/// # Errors
/// What the services refuse.
pub async fn run(disk: &Path, length: Length) -> Result<Figures> {
    let settings = length.of(FULL, SHORT);
    let folder = tempfile::tempdir_in(disk)?;
    let fdatasync_p50_us = fdatasync_ms(folder.path()).context("the disk can't be measured")? * 1_000.0;
    let config = ServicesConfig::new(folder.path().join("services"));
    let handle = tokio::runtime::Handle::current();
    let services = tokio::task::spawn_blocking(move || {
        let _inside = handle.enter();
        Services::open(config)
    })
    .await??;
    let desk = Arc::new(Desk::default());
    services.set_deliver(desk.clone());
    let merchant = Merchant {
        publisher: "publisher".into(),
        id: String::new(),
        name: Names::new("茶", "Tea"),
    };
    services.enrol_merchant(merchant).await?;
    let hall = Arc::new(Hall {
        gate: Gate::new(services.clone(), services.clone()),
        services: services.clone(),
        desk,
    });
    let callers: Vec<Caller> = stream::iter(0..settings.sessions as u64)
        .map(|place| {
            let hall = &hall;
            async move {
                let person = NewPerson {
                    name: format!("Person {place}"),
                    code: format!("person-{place}"),
                    pin: PIN.to_owned(),
                    language: "en".to_owned(),
                    balance: WALLET,
                    profile: Vec::new(),
                };
                let person = hall.services.create_person(person).await?;
                let caller = caller(&person.id, place + 1);
                hall.services.started(&caller).await;
                hall.pay(&caller, 0, with_pin).await?;
                let allowed = hall.services.spendings(SpendsAt::Session(caller.session));
                ensure!(!allowed.is_empty(), "a confirmation with a PIN opened no authorisation");
                Ok::<_, anyhow::Error>(caller)
            }
        })
        .buffer_unordered(16)
        .try_collect()
        .await?;

    let from = Instant::now() + settings.warm_up;
    let until = from + settings.time;
    let tasks: Vec<_> = callers
        .iter()
        .map(|caller| {
            let (hall, caller) = (hall.clone(), caller.clone());
            tokio::spawn(async move {
                let (mut times, mut paid) = (Vec::new(), 1);
                while Instant::now() < until {
                    let begun = Instant::now();
                    hall.pay(&caller, paid, |_| yes()).await?;
                    paid += 1;
                    if begun >= from && Instant::now() < until {
                        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
                    }
                }
                Ok::<_, anyhow::Error>((times, paid))
            })
        })
        .collect();
    let (mut times, mut payments, mut wrong) = (Vec::new(), 0, 0);
    for (task, caller) in tasks.into_iter().zip(&callers) {
        let (ms, paid) = task.await??;
        times.extend(ms);
        payments += paid;
        let balance = services.person(&caller.person).context("a payer is gone")?.balance;
        wrong += (WALLET - paid * PRICE).abs_diff(balance);
    }
    services.check_ledger().await.map_err(anyhow::Error::msg)?;
    services.shutdown().await;
    let payments_per_s = (times.len() as f64 / settings.time.as_secs_f64()).round();
    let payment_ms = Quantiles::of(&mut times);
    Ok(Figures {
        payments_per_s,
        p99_ms: payment_ms.p99,
        payment_ms,
        sessions: settings.sessions,
        payments,
        wrong,
        fdatasync_p50_us: fdatasync_p50_us.round(),
    })
}
