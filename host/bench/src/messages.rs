//! `youji bench messages`: from a durable send to the line of its recipient.

use crate::client::Seat;
use crate::density::server;
use crate::events::apart;
use crate::figures::Quantiles;
use crate::length::Length;
use crate::mail::{Letter, Line};
use crate::prepare::Packages;
use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use youji_api::{Answer, Call, Caller, Fields, Moment, PersonId, ProgramId, Reply};
use youji_kiosk::{Host, OpenRequest};
use youji_runtime::EndReason;

/// The template of the restaurant.
const TEMPLATE: &str = "order-ready";
/// People made ready at once.
const AT_ONCE: usize = 32;
/// How long what was sent may take to arrive once sending is over.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
struct Settings {
    recipients: usize,
    /// Sends under way, each waiting until it is durable.
    senders: usize,
    warm_up: Duration,
    time: Duration,
}

const FULL: Settings = Settings {
    recipients: 1_000,
    senders: 384,
    warm_up: Duration::from_secs(2),
    time: Duration::from_secs(12),
};
const SHORT: Settings = Settings {
    recipients: 10,
    senders: 8,
    warm_up: Duration::from_millis(100),
    time: Duration::from_millis(500),
};

/// Senders, host and recipients share the machine.
#[derive(Debug, Serialize)]
pub struct Messages {
    /// People with a line each.
    pub recipients: usize,
    /// Sends under way at any time.
    pub senders: usize,
    /// Messages that reached their line a second, each durable before.
    pub delivered_per_s: f64,
    /// Milliseconds from the call that sends to the event on the recipient's line.
    pub send_to_line_ms: Quantiles,
    /// Of those, the 99th of 100.
    pub p99_ms: f64,
    /// Milliseconds from the call that sends to its answer.
    pub send_ms: Quantiles,
    /// Messages that were acknowledged and did not arrive, or not once, or not in order: there are none.
    pub wrong: u64,
    /// Messages that arrived, warm-up included.
    pub delivered: u64,
}

/// Sends to everybody in turn, as fast as the host acknowledges.
///
/// # Errors
/// What the host refuses.
pub async fn run(packages: &Packages, length: Length) -> Result<Messages> {
    let settings = length.of(FULL, SHORT);
    let data = tempfile::tempdir_in(&packages.folder)?;
    let server = server(packages, data.path(), settings.recipients + settings.senders + 8).await?;
    let program = packages.id("restaurant")?;
    let address = server.address();
    let begun = Instant::now();
    let seats = apart(move || async move {
        let mut seats = Vec::with_capacity(settings.recipients);
        for _ in 0..settings.recipients {
            let mut seat = Seat::new(address);
            seat.visitor("en").await?;
            seats.push(seat);
        }
        Ok(seats)
    })
    .await?;
    let host = Arc::clone(server.host());
    // Seats and people in the order of their making.
    let people: Vec<PersonId> = host.services().people().into_iter().map(|person| person.id).collect();
    ensure!(people.len() == seats.len(), "{} people sit at {} seats", people.len(), seats.len());
    let open_ids: Vec<String> = stream::iter(&people)
        .map(|person| subscribed(&host, person, &program))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let senders: Vec<Caller> = stream::iter(0..settings.senders)
        .map(|_| sender(&host, &program))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let measured = measure(&host, seats, open_ids, senders, settings, begun).await?;
    server.stop().await;
    Ok(measured)
}

/// Opens the program for somebody who takes its messages, and closes it; their open id.
async fn subscribed(host: &Arc<Host>, person: &PersonId, program: &ProgramId) -> Result<String> {
    let opened = Box::pin(host.open(person, OpenRequest::scan(host.code_for(program, "", "T7")?, "en"))).await?;
    let caller = opened.session.caller();
    let call = Call::MessagingSubscribe {
        templates: vec![TEMPLATE.to_owned()],
        options: Fields::new(),
    };
    refused(host.gate().call(&caller, Moment::Tap, call).await)?;
    let screen = host.screen(caller.session).context("the session has no screen")?;
    let sheet = screen.now().sheets.first().context("nobody was asked")?.id;
    let answer = Answer {
        accepted: true,
        chosen: vec![TEMPLATE.to_owned()],
        ..Answer::default()
    };
    refused(host.services().answer(caller.session, sheet, answer).await)?;
    opened.session.close(EndReason::Closed).await;
    Ok(host.services().open_id(person, program).to_string())
}

/// Somebody who sends: a session that stays open.
async fn sender(host: &Arc<Host>, program: &ProgramId) -> Result<Caller> {
    let person = refused(host.services().create_visitor("en").await)?.id;
    let opened = Box::pin(host.open(&person, OpenRequest::scan(host.code_for(program, "", "T7")?, "en"))).await?;
    Ok(opened.session.caller().as_ref().clone())
}

fn refused<T>(result: Result<T, youji_api::Failure>) -> Result<T> {
    result.map_err(|failure| anyhow!("{}: {}", failure.code, failure.message))
}

/// Nanoseconds since the bench began: what a message says about when it was sent.
fn stamp(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

async fn measure(
    host: &Arc<Host>,
    seats: Vec<Seat>,
    open_ids: Vec<String>,
    senders: Vec<Caller>,
    settings: Settings,
    begun: Instant,
) -> Result<Messages> {
    let count = seats.len();
    // How many each was sent; how many there are to come in all, once that is known.
    let (sent, expected) = (Arc::new(counters(count)), Arc::new(AtomicU64::new(u64::MAX)));
    let arrived = Arc::new(AtomicU64::new(0));
    let (ready, mut lines_open) = tokio::sync::oneshot::channel();
    let receiving = {
        let (arrived, expected) = (Arc::clone(&arrived), Arc::clone(&expected));
        tokio::spawn(apart(move || receive(seats, arrived, expected, begun, ready)))
    };
    tokio::time::timeout(PATIENCE, &mut lines_open)
        .await
        .context("not every line opened")??;

    let (from, until) = (Instant::now() + settings.warm_up, Instant::now() + settings.warm_up + settings.time);
    let next = Arc::new(AtomicU64::new(0));
    let open_ids = Arc::new(open_ids);
    let mut sending = Vec::new();
    for caller in senders {
        let (host, open_ids, sent, next) = (Arc::clone(host), Arc::clone(&open_ids), Arc::clone(&sent), Arc::clone(&next));
        sending.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            while Instant::now() < until {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let to = usize::try_from(number)? % open_ids.len();
                let at = stamp(begun);
                let call = Call::MessagingSend {
                    to: open_ids[to].clone(),
                    template: TEMPLATE.to_owned(),
                    fields: Fields::new().with("no", i64::try_from(at)?).with("place", "T7"),
                    client_id: number.to_string(),
                    options: Fields::new(),
                };
                let Reply::Number(_) = refused(host.gate().call(&caller, Moment::Other, call).await)? else {
                    bail!("a send is answered with a number");
                };
                sent[to].fetch_add(1, Ordering::Relaxed);
                if Instant::now() >= from {
                    acknowledged.push((stamp(begun) - at) as f64 / 1e6);
                }
            }
            Ok::<_, anyhow::Error>(acknowledged)
        }));
    }
    let mut send_ms = Vec::new();
    for task in sending {
        send_ms.extend(task.await??);
    }
    expected.store(sent.iter().map(|sent| sent.load(Ordering::Relaxed)).sum(), Ordering::Release);
    let received = tokio::time::timeout(PATIENCE, receiving)
        .await
        .context("not everything arrived")???;

    let (from, until) = (nanos(from - begun), nanos(until - begun));
    let measured = received
        .iter()
        .flat_map(|line| &line.times)
        .filter(|(_, at)| (from..until).contains(at));
    let mut ms: Vec<f64> = measured.map(|(sent, at)| (at - sent) as f64 / 1e6).collect();
    let wrong: u64 = received
        .iter()
        .zip(sent.iter())
        .map(|(line, sent)| line.wrong + sent.load(Ordering::Relaxed).abs_diff(line.times.len() as u64))
        .sum();
    let delivered_per_s = (ms.len() as f64 / settings.time.as_secs_f64()).round();
    let send_to_line_ms = Quantiles::of(&mut ms);
    Ok(Messages {
        recipients: count,
        senders: settings.senders,
        delivered_per_s,
        p99_ms: send_to_line_ms.p99,
        send_to_line_ms,
        send_ms: Quantiles::of(&mut send_ms),
        wrong,
        delivered: arrived.load(Ordering::Relaxed),
    })
}

fn counters(count: usize) -> Vec<AtomicU64> {
    std::iter::repeat_with(AtomicU64::default).take(count).collect()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What came on one line.
#[derive(Default)]
struct Received {
    /// When each was sent, and when it came, in nanoseconds.
    times: Vec<(u64, u64)>,
    /// Events that are no message or not the next one.
    wrong: u64,
}

/// Follows everybody until all that was expected is there.
async fn receive(
    seats: Vec<Seat>,
    arrived: Arc<AtomicU64>,
    expected: Arc<AtomicU64>,
    begun: Instant,
    ready: tokio::sync::oneshot::Sender<()>,
) -> Result<Vec<Received>> {
    let mut lines = Vec::with_capacity(seats.len());
    for seat in &seats {
        lines.push(Line::open(seat, None).await?);
    }
    let _ = ready.send(());
    let (stop, over) = tokio::sync::watch::channel(false);
    let tasks: Vec<_> = lines
        .into_iter()
        .map(|mut line| {
            let (arrived, mut over) = (Arc::clone(&arrived), over.clone());
            tokio::spawn(async move {
                let mut received = Received::default();
                loop {
                    let letter = tokio::select! {
                        biased;
                        letter = line.next() => letter?.context("a line ended")?,
                        _ = over.wait_for(|over| *over) => return Ok::<_, anyhow::Error>(received),
                    };
                    let at = stamp(begun);
                    let next = received.times.len() as u64 + 1;
                    received.wrong += u64::from(letter.kind != "message" || letter.id != next);
                    received.times.push((sent_at(&letter)?, at));
                    arrived.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while arrived.load(Ordering::Relaxed) < expected.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.send_replace(true);
    let mut received = Vec::with_capacity(tasks.len());
    for task in tasks {
        received.push(task.await??);
    }
    Ok(received)
}

/// The number in "Order 123 (T7) is ready.": reading JSON a thousand times a second would count against the host.
fn sent_at(letter: &Letter) -> Result<u64> {
    let number = letter.data.split_once("Order ").map(|(_, rest)| rest);
    let number = number
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(number, _)| number.parse().ok());
    number.with_context(|| format!("a message does not say when it was sent: {}", letter.data))
}
