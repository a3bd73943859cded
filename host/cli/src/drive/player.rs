//! Plays a scenario step by step on a host.

use super::clock::SteppedClock;
use super::scenario::{Action, Scenario, Step};
use super::snapshot::Snapshots;
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use youji_api::{Answer, PersonId, ProgramId, Scalar, SessionId, Sheet, SheetId, SheetKind, Ticket};
use youji_bench::view::{View, Wanted};
use youji_kiosk::{FirstSheet, Host, OpenRequest, Opened, Problem, Target};
use youji_package::Channel;
use youji_runtime::{EndReason, Ended, Feed, Session, UiEvent};
use youji_services::NewPerson;
use youji_services::chat::ChatId;

/// Of every person of a scenario who is no visitor; their host is gone after the run.
pub(super) const PIN: &str = "2468";
/// How long something that is expected may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// How long a session that took no event may need to say that it is over.
const LEAVING: Duration = Duration::from_secs(2);
/// How long nothing must come until a view counts as settled.
const QUIET: Duration = Duration::from_millis(150);
/// How long to wait between two looks at something that sends no update.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What came of a scenario.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    /// Of the scenario.
    pub(crate) name: String,
    /// With which it can be repeated.
    pub(crate) seed: u64,
    /// Steps that were played.
    pub(crate) steps: usize,
    /// Microseconds of each step, in order.
    pub(crate) step_us: Vec<u64>,
    /// What each person has at the end, in minor units.
    pub(crate) balances: BTreeMap<String, u64>,
    /// Orders paid and what they came to, in minor units.
    pub(crate) orders: u64,
    /// In minor units.
    pub(crate) turnover: u64,
    /// Unload receipts.
    pub(crate) receipts: Vec<serde_json::Value>,
}

pub(super) struct Player<'a> {
    pub(super) id: PersonId,
    pub(super) language: String,
    /// What is open; the last one is on the screen, opened by the one below it.
    stages: Vec<Stage>,
    /// Sheets that were answered: a page takes them away itself.
    answered: HashSet<SheetId>,
    own: Option<Own<'a>>,
    /// A program that can't do without something asks before its first run.
    first: Option<First>,
    /// The conversation that they came into last.
    pub(super) chat: Option<ChatId>,
    /// Lines that they said.
    pub(super) said: u64,
}

/// An opening that waits for the person's yes, and the program that asked for it.
struct First {
    sheet: Box<FirstSheet>,
    request: OpenRequest,
    asker: Option<(SessionId, Ticket)>,
}

struct Stage {
    session: Session,
    feed: Feed,
    view: View,
    events: u64,
}

/// What a project's own scenarios need not name.
#[derive(Clone, Copy)]
pub(crate) struct Own<'a> {
    /// The project's program.
    pub(crate) program: &'a str,
    /// Views that were kept.
    pub(crate) snapshots: &'a Snapshots,
}

/// Plays all steps.
///
/// # Errors
/// The step that failed, what was expected, and what was on the page.
pub(crate) async fn play(host: &Arc<Host>, scenario: &Scenario, clock: &SteppedClock, own: Option<Own<'_>>) -> Result<Outcome> {
    let mut players = BTreeMap::new();
    for (name, person) in &scenario.persons {
        let language = person.language.clone().unwrap_or_else(|| "en".to_owned());
        players.insert(
            name.as_str(),
            Player {
                id: enter(host, name, person, &language).await?,
                language,
                stages: Vec::new(),
                answered: HashSet::new(),
                own,
                first: None,
                chat: None,
                said: 0,
            },
        );
    }
    let known: BTreeMap<String, PersonId> = players
        .iter()
        .map(|(name, player)| ((*name).to_owned(), player.id.clone()))
        .collect();
    let mut outcome = Outcome {
        name: scenario.name.clone(),
        seed: scenario.seed,
        steps: 0,
        step_us: Vec::new(),
        balances: BTreeMap::new(),
        orders: 0,
        turnover: 0,
        receipts: Vec::new(),
    };
    for (index, step) in scenario.steps.iter().enumerate() {
        clock.advance(1_000);
        let begun = Instant::now();
        if let Action::WaitMs(ms) = step.action {
            clock.advance(ms);
        } else if let Action::Meet { with, title } = &step.action {
            let by = known.get(&step.who).ok_or_else(|| anyhow!("nobody is called {}", step.who))?;
            let others = with
                .iter()
                .map(|name| known.get(name).cloned().ok_or_else(|| anyhow!("nobody is called {name}")));
            let others: Vec<PersonId> = others.collect::<Result<_>>()?;
            let chat = super::talk::meet(host, by, &others, title.as_deref()).await?;
            for (_, player) in players
                .iter_mut()
                .filter(|(name, _)| **name == step.who || with.iter().any(|one| one == *name))
            {
                player.chat = Some(chat.clone());
            }
        } else {
            let player = players
                .get_mut(step.who.as_str())
                .ok_or_else(|| anyhow!("nobody is called {}", step.who))?;
            let played = match Box::pin(player.talk(host, &step.action, &known)).await {
                Some(talked) => talked,
                None => Box::pin(player.act(host, step, &mut outcome)).await,
            };
            played.with_context(|| format!("step {} of {} ({}): {:?}", index + 1, scenario.steps.len(), step.who, step.action))?;
        }
        outcome.step_us.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        outcome.steps += 1;
    }
    for (name, player) in &mut players {
        while let Some(stage) = player.stages.pop() {
            outcome
                .receipts
                .push(serde_json::to_value(stage.session.close(EndReason::Closed).await)?);
        }
        let balance = host.services().person(&player.id).map_or(0, |person| person.balance);
        outcome.balances.insert((*name).to_owned(), balance);
    }
    let counts = host.services().day_counts();
    (outcome.orders, outcome.turnover) = (counts.orders, counts.turnover);
    Ok(outcome)
}

async fn enter(host: &Arc<Host>, name: &str, person: &super::scenario::Person, language: &str) -> Result<PersonId> {
    let services = host.services();
    if person.roles.is_empty() && person.balance.is_none() {
        return Ok(services.create_visitor(language).await?.id);
    }
    let new = NewPerson {
        name: name.to_owned(),
        code: name.to_owned(),
        pin: PIN.to_owned(),
        language: language.to_owned(),
        balance: person.balance.unwrap_or(host.config().visitor_balance),
        profile: Vec::new(),
    };
    let id = services.create_person(new).await?.id;
    for role in &person.roles {
        let installed = host.registry().resolve(&ProgramId::from(role.program.as_str())).await?;
        services.set_role(&id, &installed.publisher, &role.role, true).await?;
    }
    Ok(id)
}

impl Player<'_> {
    async fn act(&mut self, host: &Arc<Host>, step: &Step, outcome: &mut Outcome) -> Result<()> {
        match &step.action {
            Action::Open { program, page, scene } => self.open(host, program, page, scene).await,
            Action::Tap { label, within } => {
                self.stage()?
                    .event(
                        &Wanted {
                            event: "tap",
                            label,
                            within,
                        },
                        None,
                    )
                    .await
            }
            Action::Type { label, text } => {
                let value = Some(Scalar::from(text.as_str()));
                let stage = self.stage()?;
                let event = if stage
                    .view
                    .find(&Wanted {
                        event: "input",
                        label,
                        within: "",
                    })
                    .is_some()
                {
                    "input"
                } else {
                    "change"
                };
                stage.event(&Wanted { event, label, within: "" }, value).await
            }
            Action::Choose { label, value } => {
                self.stage()?
                    .event(
                        &Wanted {
                            event: "change",
                            label,
                            within: "",
                        },
                        Some(value.clone()),
                    )
                    .await
            }
            Action::Back {} => {
                let stage = self.stage()?;
                let event_id = stage.event_id();
                ensure!(stage.session.back(event_id).await.applied, "there is no page to go back to");
                Ok(())
            }
            Action::Answer { sheet, accept, chosen } => self.answer(host, sheet, *accept, chosen.as_deref()).await,
            Action::Expect { text } => self.stage()?.expect(text).await,
            Action::ExpectNot { text } => self.stage()?.expect_not(text).await,
            Action::ExpectMessage { text } => self.expect_message(host, text).await,
            Action::ExpectBalance { is } => {
                let balance = host.services().person(&self.id).map_or(0, |person| person.balance);
                ensure!(balance == *is, "expected a balance of {is}, found {balance}");
                Ok(())
            }
            Action::Snapshot { name } => {
                let own = self
                    .own
                    .context("snapshots are kept for a project's own scenarios; run `youji test` in its folder")?;
                own.snapshots.check(name, &self.stage()?.settled().await?)
            }
            Action::Close {} => {
                let stage = self.stages.pop().ok_or_else(|| anyhow!("no program is open; open one first"))?;
                outcome
                    .receipts
                    .push(serde_json::to_value(stage.session.close(EndReason::Closed).await)?);
                if let Some(below) = self.stages.last() {
                    below.session.show();
                }
                Ok(())
            }
            // Played before anybody acts, or in a conversation.
            _ => Ok(()),
        }
    }

    fn stage(&mut self) -> Result<&mut Stage> {
        if let Some(first) = &self.first {
            let scopes: Vec<&str> = first.sheet.scopes().collect();
            bail!(
                "{} asks for {} before its first run; answer the consent sheet first",
                first.sheet.program,
                scopes.join(", ")
            );
        }
        self.stages.last_mut().ok_or_else(|| anyhow!("no program is open; open one first"))
    }

    async fn open(&mut self, host: &Arc<Host>, program: &str, page: &str, scene: &str) -> Result<()> {
        while let Some(stage) = self.stages.pop() {
            stage.session.close(EndReason::Closed).await;
        }
        self.first = None;
        let code = host.code_for(&ProgramId::from(self.named(program)?), page, scene)?;
        self.arrive(host, OpenRequest::scan(code, &self.language), None).await
    }

    /// The program of that id; the project's own where none is named.
    pub(super) fn named<'n>(&self, program: &'n str) -> Result<&'n str>
    where
        Self: 'n,
    {
        match (program, self.own) {
            ("", None) => bail!("name the program's id: {{\"program\": \"…\"}}"),
            ("", Some(own)) => Ok(own.program),
            (named, _) => Ok(named),
        }
    }

    /// Opens it; or keeps it until the person has answered what it asks before its first run. A program that asked for it is told.
    pub(super) async fn arrive(&mut self, host: &Arc<Host>, request: OpenRequest, asker: Option<(SessionId, Ticket)>) -> Result<()> {
        let opened = Box::pin(host.open(&self.id, request.clone())).await;
        if let Err(Problem { first: Some(sheet), .. }) = opened {
            self.first = Some(First { sheet, request, asker });
            return Ok(());
        }
        if let Some((session, ticket)) = asker {
            let told = opened.as_ref().map(|_| ()).map_err(|problem| problem.code.as_str());
            host.services().opened(session, ticket, told)?;
        }
        self.enter(opened.map_err(told)?).await
    }

    async fn answer_first(&mut self, host: &Arc<Host>, mut first: First, accept: bool, chosen: Option<&[String]>) -> Result<()> {
        if let Some(chosen) = chosen.filter(|_| accept) {
            let all: Vec<&str> = first.sheet.scopes().collect();
            let missing = all.iter().find(|scope| !chosen.iter().any(|one| one == *scope));
            ensure!(
                missing.is_none(),
                "the program can't do without {}: accept all of the sheet, or leave",
                all.join(", ")
            );
        }
        if accept {
            first.request.accepted = Some(first.sheet.accept(BTreeMap::new()));
            return Box::pin(self.arrive(host, first.request, first.asker)).await;
        }
        if let Some((session, ticket)) = first.asker {
            host.services().opened(session, ticket, Err(youji_api::codes::DENIED))?;
        }
        Ok(())
    }

    /// Puts a program on the screen.
    async fn enter(&mut self, opened: Opened) -> Result<()> {
        if let Some(below) = self.stages.last() {
            below.session.hide();
        }
        let feed = opened.session.subscribe(0);
        self.stages.push(Stage {
            session: opened.session,
            feed,
            view: View::default(),
            events: 0,
        });
        self.stage()?.look(Instant::now() + PATIENCE, |view| view.seq > 0).await.map(|_| ())
    }

    /// Opens what the program on the screen asked for and the person agreed to, as a kiosk's page would.
    async fn follow(&mut self, host: &Arc<Host>) -> Result<()> {
        let from = self.stage()?.session.clone();
        let Some(screen) = host.screen(from.id()) else { return Ok(()) };
        for (ticket, target) in screen.take_opens() {
            let request = OpenRequest {
                target: Target::Page {
                    program: target.program,
                    page: target.page,
                    query: target.query,
                    channel: Channel::Release,
                },
                cause: "program".to_owned(),
                language: self.language.clone(),
                from_program: Some(from.caller().program.clone()),
                accepted: None,
            };
            self.arrive(host, request, Some((from.id(), ticket))).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, host: &Arc<Host>, kind: &str, accept: bool, chosen: Option<&[String]>) -> Result<()> {
        if kind == "consent"
            && let Some(first) = self.first.take()
        {
            return self.answer_first(host, first, accept, chosen).await;
        }
        let session = self.stage()?.session.id();
        let deadline = Instant::now() + PATIENCE;
        let sheet = loop {
            let screen = host.screen(session).map(|screen| screen.now()).unwrap_or_default();
            if let Some(sheet) = screen
                .sheets
                .iter()
                .find(|sheet| name_of(sheet) == kind && !self.answered.contains(&sheet.id))
            {
                break sheet.clone();
            }
            if Instant::now() > deadline {
                let left = screen.sheets.iter().filter(|sheet| !self.answered.contains(&sheet.id));
                let open: Vec<&str> = left.map(name_of).collect();
                bail!(
                    "no {kind} sheet is open; open are: [{}]. The page says:\n{}",
                    open.join(", "),
                    self.stage()?.view.text()
                );
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        };
        let chosen = match chosen {
            Some(chosen) => chosen.to_vec(),
            None => all_of(&sheet),
        };
        let has_pin = host.services().person(&self.id).is_some_and(|person| person.has_pin);
        let pin = if has_pin { PIN.to_owned() } else { String::new() };
        host.services()
            .answer(
                session,
                sheet.id,
                Answer {
                    accepted: accept,
                    chosen,
                    pin,
                    ..Answer::default()
                },
            )
            .await?;
        self.answered.insert(sheet.id);
        self.follow(host).await
    }

    async fn expect_message(&mut self, host: &Arc<Host>, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let inbox = host.services().inbox(&self.id, 0).await;
            if inbox
                .iter()
                .any(|message| message.title.contains(text) || message.text.contains(text))
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                let there: Vec<String> = inbox.iter().map(|message| format!("{}: {}", message.title, message.text)).collect();
                bail!("no message says \"{text}\". The inbox:\n{}", there.join("\n"));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Stage {
    fn event_id(&mut self) -> String {
        self.events += 1;
        format!("drive-{}", self.events)
    }

    /// Applies updates until the view is as wanted, or time is over: then false.
    async fn look(&mut self, deadline: Instant, wanted: impl Fn(&View) -> bool) -> Result<bool> {
        loop {
            if wanted(&self.view) {
                return Ok(true);
            }
            match tokio::time::timeout_at(deadline.into(), self.feed.recv()).await {
                Err(_) => return Ok(false),
                Ok(None) => {
                    let ended = self.session.try_ended();
                    let why = ended.map(|ended| why(&ended));
                    bail!("the session is over: {}", why.unwrap_or_default());
                }
                Ok(Some(update)) => self
                    .view
                    .apply(&serde_json::to_value(&update)?)
                    .map_err(|error| anyhow!("the host's update does not fit: {error}"))?,
            }
        }
    }

    async fn event(&mut self, wanted: &Wanted<'_>, value: Option<Scalar>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        if !self.look(deadline, |view| view.find(wanted).is_some()).await? {
            bail!(
                "nothing that takes \"{}\" says \"{}\". The page:\n{}",
                wanted.event,
                wanted.label,
                self.view.outline()
            );
        }
        let node = self.view.find(wanted).ok_or_else(|| anyhow!("it went away"))?;
        let event = UiEvent {
            node,
            kind: wanted.event.to_owned(),
            value,
            event_id: self.event_id(),
        };
        let ack = self.session.ui_event(event).await;
        if !ack.applied {
            match tokio::time::timeout(LEAVING, self.session.ended()).await {
                Ok(ended) => bail!("the session is over: {}", why(&ended)),
                Err(_) => bail!("the program did not take the event: its widget was gone"),
            }
        }
        Ok(())
    }

    /// The view once nothing comes any more, as an outline.
    async fn settled(&mut self) -> Result<String> {
        loop {
            let seq = self.view.seq;
            self.look(Instant::now() + QUIET, |view| view.seq > seq).await?;
            if self.view.seq == seq {
                return Ok(self.view.outline());
            }
        }
    }

    async fn expect(&mut self, text: &str) -> Result<()> {
        match self.look(Instant::now() + PATIENCE, |view| view.text().contains(text)).await? {
            true => Ok(()),
            false => bail!("the page does not say \"{text}\". It says:\n{}", self.view.text()),
        }
    }

    async fn expect_not(&mut self, text: &str) -> Result<()> {
        // What is under way may still arrive; a moment is enough for what a step before has caused.
        let seen = self.look(Instant::now() + Duration::from_millis(200), |_| false).await?;
        ensure!(
            !seen && !self.view.text().contains(text),
            "the page says \"{text}\":\n{}",
            self.view.text()
        );
        Ok(())
    }
}

fn name_of(sheet: &Sheet) -> &'static str {
    match sheet.kind {
        SheetKind::Consent { .. } => "consent",
        SheetKind::Subscribe { .. } => "subscribe",
        SheetKind::Payment { .. } => "payment",
        SheetKind::Open { .. } => "open",
        SheetKind::Share { .. } => "share",
    }
}

fn all_of(sheet: &Sheet) -> Vec<String> {
    match &sheet.kind {
        // The first of the conversations that the sheet offers.
        SheetKind::Share { chats, .. } => chats.first().map(|chat| chat.chat.clone()).into_iter().collect(),
        SheetKind::Consent { scopes, .. } => scopes.iter().map(|line| line.scope.clone()).collect(),
        SheetKind::Subscribe { templates, .. } => templates.iter().map(|(name, _)| name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// Why a session ended: what went wrong, and where an exception came from.
fn why(ended: &Ended) -> String {
    let Some(fault) = &ended.fault else {
        return ended.reason.code().to_owned();
    };
    let said: Vec<&str> = std::iter::once(fault.for_author()).chain(fault.places()).collect();
    format!("{}: {}", fault.code, said.join("\n  at "))
}

/// What the program itself says of a problem stands in front of it: whoever plays a scenario is its author.
fn told(problem: Problem) -> anyhow::Error {
    match problem.said() {
        Some(said) => anyhow!("{said}\n{problem}"),
        None => problem.into(),
    }
}
