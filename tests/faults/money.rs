//! Payments, refunds and red packets under way at once in a host that is killed: nothing acknowledged is lost, nothing is charged twice.
//!
//! 25 kills, or `YOUJI_MONEY_KILLS` of them.

use crate::support::{PIN, PROGRAM, config, data, failed, seeded};
use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use youji_api::call::{Order, OrderLine};
use youji_api::caller::{Audience, Caller, CollectionRule};
use youji_api::{Answer, Call, Fields, Moment, PersonId, ProgramId, Reply, SheetId, SheetKind};
use youji_kiosk::{Host, OpenRequest};
use youji_services::{Books, NewPerson};

/// How often the host is killed in a usual run.
const KILLS: u64 = 25;
/// Everybody pays, gives and claims at the same time.
const PEOPLE: usize = 8;
/// What each has at first, in minor units.
const WALLET: u64 = 900_000;
/// What a refund gives back.
const BACK: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(120);

/// The data folder, and where each person goes on, for the host that is killed.
const FOLDER: &str = "YOUJI_TESTS_MONEY_FOLDER";
const FROM: &str = "YOUJI_TESTS_MONEY_FROM";

/// One of a person's orders, by person and number.
type Number = (usize, u64);

/// Everybody; the last one is at the till. Visitors would not outlive the host.
async fn people(host: &Host) -> Result<Vec<PersonId>> {
    let mut all = Vec::new();
    for place in 0..=PEOPLE {
        let person = NewPerson {
            name: format!("Person {place}"),
            code: format!("money-{place}"),
            pin: PIN.to_owned(),
            language: "en".to_owned(),
            balance: WALLET,
            profile: Vec::new(),
        };
        all.push(host.services().create_person(person).await.map_err(failed)?.id);
    }
    Ok(all)
}

fn is_packet((_, place): Number) -> bool {
    place % 3 == 2
}

/// Whether a part of it is given back.
fn goes_back((_, place): Number) -> bool {
    place % 3 == 1
}

fn amount((person, place): Number) -> u64 {
    100 + (person as u64 * 31 + place * 7) % 400
}

fn order_no((person, place): Number) -> String {
    format!("order-{person}-{place}")
}

/// The chat in which a packet is.
fn chat((person, place): Number) -> String {
    format!("chat-{person}-{place}")
}

/// The host and everybody's session in it.
struct Hall {
    host: Arc<Host>,
    people: Vec<Caller>,
    staff: Caller,
    /// A screen keeps what is answered past it.
    answered: Mutex<HashSet<SheetId>>,
}

impl Hall {
    async fn open(folder: &Path) -> Result<Hall> {
        let host = Host::new(config(folder)).await?;
        let code = host.code_for(&ProgramId::from(PROGRAM), "", "")?;
        let mut callers = Vec::new();
        for person in people(&host).await? {
            let opened = Box::pin(host.open(&person, OpenRequest::scan(code.as_str(), "en"))).await?;
            callers.push(in_chats(&opened.session.caller()));
        }
        let staff = callers.pop().context("nobody is there")?;
        let staff = Caller {
            roles: vec!["till".to_owned()].into(),
            ..staff
        };
        Ok(Hall {
            host,
            people: callers,
            staff,
            answered: Mutex::default(),
        })
    }

    async fn call(&self, caller: &Caller, call: Call) -> Result<Reply> {
        self.host.gate().call(caller, Moment::Tap, call).await.map_err(failed)
    }

    /// Asks to pay, and says yes, if it is still to be paid; durable.
    async fn pay(&self, number: Number) -> Result<()> {
        let caller = &self.people[number.0];
        let amount = amount(number);
        let mut options = Fields::new();
        if is_packet(number) {
            let row = Call::RecordsPut {
                collection: "chats".to_owned(),
                key: chat(number),
                expected: 0,
                value: b"hello".to_vec(),
                options: Fields::new(),
            };
            // There already, when this is done again.
            let _ = self.host.gate().call(caller, Moment::Tap, row).await;
            options = options.with("mode", "packet").with("shares", PEOPLE as i64);
            options = options.with("record", format!("chats/{}", chat(number)).as_str());
        }
        let order = Order {
            order_no: order_no(number),
            merchant: String::new(),
            amount,
            currency: "CNY".to_owned(),
            lines: vec![OrderLine {
                title: "Tea".to_owned(),
                quantity: 1,
                amount,
                options: Fields::new(),
            }],
            options,
        };
        self.call(caller, Call::PaymentPay(order)).await?;
        let screen = self.host.screen(caller.session).context("a screen")?.now();
        let open = |id: SheetId| self.answered.lock().is_ok_and(|mut answered| answered.insert(id));
        if let Some(sheet) = screen.sheets.iter().rev().find(|sheet| open(sheet.id)) {
            let SheetKind::Payment { pin, terms, .. } = &sheet.kind else {
                bail!("a payment sheet expected, {sheet:?} came");
            };
            let mut yes = Answer {
                accepted: true,
                ..Answer::default()
            };
            if *pin {
                // The next ones to the shop take a tap only.
                yes.pin = PIN.to_owned();
                yes.spending = terms.spending_limits.last().cloned().unwrap_or_default();
            }
            self.host.services().answer(caller.session, sheet.id, yes).await.map_err(failed)?;
        }
        Ok(())
    }

    async fn give_back(&self, number: Number) -> Result<()> {
        let options = Fields::new().with("amount", BACK as i64).with("reference", "once");
        let call = Call::PaymentAct {
            order_no: order_no(number),
            action: "refund".to_owned(),
            options,
        };
        self.call(&self.staff, call).await.map(drop)
    }

    async fn claim(&self, number: Number, by: usize) -> Result<()> {
        let call = Call::PaymentAct {
            order_no: order_no(number),
            action: "claim".to_owned(),
            options: Fields::new(),
        };
        self.call(&self.people[by], call).await.map(drop)
    }

    async fn look_up(&self, number: Number) -> Result<Fields> {
        let call = Call::PaymentLookup {
            order_no: order_no(number),
            options: Fields::new(),
        };
        match self.call(&self.people[number.0], call).await? {
            Reply::Fields(fields) => Ok(fields),
            other => bail!("fields expected, {other:?} came"),
        }
    }

    /// Everything that belongs to one order; done again, it changes nothing.
    async fn whole(&self, number: Number) -> Result<()> {
        let (person, place) = number;
        say(&format!("begun {person} {place}"))?;
        self.pay(number).await?;
        say(&format!("paid {person} {place}"))?;
        if goes_back(number) {
            self.give_back(number).await?;
            say(&format!("refunded {person} {place}"))?;
        }
        if is_packet(number) {
            let claims = (0..PEOPLE).map(async |by| {
                self.claim(number, by).await?;
                say(&format!("claimed {person} {place} {by}"))
            });
            futures_util::future::try_join_all(claims).await?;
        }
        Ok(())
    }
}

/// The caller of a session, as if its manifest had chats.
fn in_chats(caller: &Caller) -> Caller {
    let mut requested = caller.requested.as_ref().clone();
    requested.permissions.push(("records".to_owned(), "For a test".to_owned()));
    requested.collections.push(CollectionRule {
        name: "chats".to_owned(),
        readers: vec![Audience::Everyone],
        writers: vec![Audience::Everyone],
    });
    Caller {
        requested: Arc::new(requested),
        ..caller.clone()
    }
}

/// A line for the test that started this process.
fn say(line: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that another test starts and kills"]
async fn the_host_that_is_killed() -> Result<()> {
    let (Some(folder), Ok(from)) = (std::env::var_os(FOLDER), std::env::var(FROM)) else {
        return Ok(());
    };
    let hall = Hall::open(Path::new(&folder)).await?;
    // The harness has begun a line of its own.
    say("\nopen")?;
    let from: Vec<u64> = from.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let all = from.into_iter().enumerate().map(async |(person, first)| {
        for place in first.. {
            hall.whole((person, place)).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    futures_util::future::try_join_all(all).await?;
    Ok(())
}

/// What the host said before it was killed.
#[derive(Default)]
struct Said {
    begun: BTreeSet<Number>,
    paid: BTreeSet<Number>,
    refunded: BTreeSet<Number>,
    claimed: BTreeMap<Number, BTreeSet<u64>>,
    lines: usize,
}

impl Said {
    fn take(&mut self, line: &str) -> Result<bool> {
        let words: Vec<&str> = line.split(' ').collect();
        let [what @ ("begun" | "paid" | "refunded" | "claimed"), person, place, rest @ ..] = &words[..] else {
            return Ok(false);
        };
        let number = (person.parse()?, place.parse()?);
        match *what {
            "begun" => drop(self.begun.insert(number)),
            "paid" => drop(self.paid.insert(number)),
            "refunded" => drop(self.refunded.insert(number)),
            _ => drop(
                self.claimed
                    .entry(number)
                    .or_default()
                    .insert(rest.first().context("by whom")?.parse()?),
            ),
        }
        let acknowledged = *what != "begun";
        self.lines += usize::from(acknowledged);
        Ok(acknowledged)
    }

    /// Where each person goes on: with what was begun last, once more.
    fn from(&self) -> String {
        let last = |person: usize| self.begun.range((person, 0)..=(person, u64::MAX)).next_back();
        let from: Vec<String> = (0..PEOPLE)
            .map(|person| last(person).map_or(0, |number| number.1).to_string())
            .collect();
        from.join(",")
    }
}

/// Starts the host and kills it after so many acknowledgements and a little more.
async fn live_and_die(folder: &Path, said: &mut Said, acknowledged: u64, more: Duration) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "money::the_host_that_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FROM, said.from())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let (mut left, mut last) = (acknowledged, String::new());
    while left > 0 {
        let line = tokio::time::timeout(PATIENCE, lines.next_line())
            .await
            .context("nothing came in time")??;
        last = line.with_context(|| format!("the host ended by itself; the last that it said: {last}"))?;
        left -= u64::from(said.take(&last)?);
    }
    tokio::time::sleep(more).await;
    child.kill().await?;
    // Acknowledged, too, and on its way here; a line that was cut is none.
    while let Some(line) = lines.next_line().await? {
        let _ = said.take(&line);
    }
    Ok(())
}

/// The ledger's own check, over the log alone.
async fn verify(folder: &Path) -> Result<u64> {
    let books = folder.join("services");
    let verified = tokio::task::spawn_blocking(move || Books::verify(&books, &mut |_, _| {})).await?;
    Ok(verified?.entries)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_charged_twice_when_the_host_is_killed() -> Result<()> {
    let kills = std::env::var("YOUJI_MONEY_KILLS").ok().map_or(Ok(KILLS), |kills| kills.parse())?;
    let mut random = seeded();
    let folder = data().await?;
    let folder = folder.path().join("data");
    let host = Host::new(config(&folder)).await?;
    people(&host).await?;
    host.shutdown().await;
    drop(host);
    let mut said = Said::default();
    for kill in 0..kills {
        let (acknowledged, more) = (random.random_range(1..120), random.random_range(0..20_000));
        live_and_die(&folder, &mut said, acknowledged, Duration::from_micros(more)).await?;
        if kill % 5 == 4 || kill + 1 == kills {
            verify(&folder).await?;
        }
    }

    let hall = Hall::open(&folder).await?;
    for number in &said.paid {
        let known = hall.look_up(*number).await?;
        let state = if is_packet(*number) {
            &["requires_capture", "succeeded"][..]
        } else {
            &["succeeded"]
        };
        ensure!(
            state.contains(&known.text("state")),
            "{number:?} was acknowledged as paid: {known:?}"
        );
    }
    for number in &said.refunded {
        let known = hall.look_up(*number).await?;
        ensure!(
            known.integer("refunded") == Some(BACK as i64),
            "{number:?} was acknowledged as refunded: {known:?}"
        );
    }
    for (number, by) in &said.claimed {
        let known = hall.look_up(*number).await?;
        ensure!(
            known.integer("claims") >= Some(by.len() as i64),
            "{number:?} was claimed by {by:?}: {known:?}"
        );
    }
    // What was begun is done once more: all of it counts once.
    let again = (0..PEOPLE).map(async |person| {
        for number in said.begun.range((person, 0)..=(person, u64::MAX)) {
            hall.whole(*number).await?;
        }
        Ok::<_, anyhow::Error>(())
    });
    futures_util::future::try_join_all(again).await?;
    let spent = said.begun.iter().map(|number| match is_packet(*number) {
        // To the same people.
        true => 0,
        false => amount(*number) - if goes_back(*number) { BACK } else { 0 },
    });
    let people = hall.people.iter().filter_map(|caller| hall.host.services().person(&caller.person));
    let left: u64 = people.map(|person| person.balance).sum();
    ensure!(
        left + spent.sum::<u64>() == WALLET * PEOPLE as u64,
        "{} orders were begun, and {left} is left",
        said.begun.len()
    );
    hall.host.services().check_ledger().await.map_err(anyhow::Error::msg)?;
    hall.host.shutdown().await;
    drop(hall);
    let entries = verify(&folder).await?;
    eprintln!(
        "{kills} kills, {} orders begun, {} acts acknowledged, {entries} entries",
        said.begun.len(),
        said.lines
    );
    Ok(())
}
