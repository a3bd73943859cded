//! A page of the simulator. One connection carries everything in one order, so that it never shows a frame of one instance in another:
//! from a `run` frame on, every frame of the stage is that run's, and an event for an earlier run is not applied.

use super::conditions::Conditions;
use super::run::Run;
use super::seen::Entry;
use super::{Build, Simulator, Stage};
use axum::extract::ws::{Message, WebSocket};
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use youji_api::{Answer, Scalar, SheetId, Ticket};
use youji_kiosk::ScreenState;
use youji_kiosk::qr::Code;
use youji_runtime::{Ack, Feed, UiEvent, Update};

/// How long one frame may take to leave.
const SEND: Duration = Duration::from_secs(10);
/// Things under way for one page; then it is not read.
const DOING: usize = 64;

/// Page → simulator.
#[derive(Debug, Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum FromPage {
    Event {
        run: u64,
        id: u32,
        kind: String,
        #[serde(default)]
        value: Option<Scalar>,
        event_id: String,
    },
    Back {
        run: u64,
        event_id: String,
    },
    Answer {
        run: u64,
        id: SheetId,
        #[serde(flatten)]
        answer: Answer,
    },
    Scanned {
        run: u64,
        ticket: String,
        #[serde(default)]
        text: Option<String>,
    },
    Visible {
        run: u64,
        shown: bool,
    },
    Launch {
        conditions: Box<Conditions>,
    },
    Consent {
        scope: String,
        granted: bool,
    },
    Store {
        key: String,
        #[serde(default)]
        value: Option<String>,
    },
    Look,
    #[serde(other)]
    Unknown,
}

/// Something that the page asked for and that is done.
enum Done {
    Ack(u64, Ack),
    Frame(Value),
    Nothing,
}

/// What a page does beside the view.
enum Act {
    Look,
    Consent { scope: String, granted: bool },
    Store { key: String, value: Option<String> },
}

type Doing = Pin<Box<dyn Future<Output = Done> + Send>>;
/// The page is gone.
struct Gone;

struct Line {
    simulator: Simulator,
    socket: WebSocket,
    /// Number of the run that the page was told last, and what comes of it.
    run: u64,
    playing: Option<Playing>,
    last_entry: u64,
    doing: FuturesUnordered<Doing>,
}

struct Playing {
    run: Arc<Run>,
    feed: Feed,
    screen: Option<watch::Receiver<ScreenState>>,
    sheets: HashSet<SheetId>,
    tickets: HashSet<Ticket>,
    /// The feed has said its last.
    over: bool,
}

pub(super) async fn serve(simulator: Simulator, socket: WebSocket) {
    let (entries, news) = simulator.inner.log.follow();
    let build = simulator.inner.build.subscribe();
    let stage = simulator.inner.stage.subscribe();
    let mut line = Line {
        simulator,
        socket,
        run: 0,
        playing: None,
        last_entry: 0,
        doing: FuturesUnordered::new(),
    };
    let _ = Box::pin(line.run(entries, news, build, stage)).await;
}

impl Line {
    async fn run(
        &mut self,
        entries: Vec<Entry>,
        mut news: broadcast::Receiver<Entry>,
        mut build: watch::Receiver<Build>,
        mut stage: watch::Receiver<Stage>,
    ) -> Result<(), Gone> {
        build.mark_changed();
        stage.mark_changed();
        for entry in entries {
            self.entry(&entry).await?;
        }
        loop {
            let room = self.doing.len() < DOING;
            tokio::select! {
                // A new run comes before anything that an old one still has to say.
                biased;
                Ok(()) = stage.changed() => {
                    let stage = stage.borrow_and_update().clone();
                    self.stage(stage).await?;
                }
                Ok(()) = build.changed() => {
                    let build = build.borrow_and_update().clone();
                    self.build(&build).await?;
                }
                Some(done) = self.doing.next(), if !self.doing.is_empty() => self.done(done).await?,
                played = next(&mut self.playing) => match played {
                    Played::Update(update) => self.update(update).await?,
                    Played::Screen(state) => self.screen(state).await?,
                },
                entry = news.recv() => match entry {
                    Ok(entry) => self.entry(&entry).await?,
                    Err(RecvError::Lagged(_)) => {
                        for entry in self.simulator.inner.log.after(self.last_entry) {
                            self.entry(&entry).await?;
                        }
                    }
                    Err(RecvError::Closed) => return Err(Gone),
                },
                frame = self.socket.recv(), if room => self.frame(frame)?,
            }
        }
    }

    async fn entry(&mut self, entry: &Entry) -> Result<(), Gone> {
        if entry.number <= self.last_entry {
            return Ok(());
        }
        self.last_entry = entry.number;
        self.text(entry.text.to_string()).await
    }

    async fn build(&mut self, build: &Build) -> Result<(), Gone> {
        if build.build == 0 {
            return Ok(());
        }
        let mut frame = serde_json::to_value(build).unwrap_or_default();
        frame["t"] = "build".into();
        self.json(&frame).await
    }

    async fn stage(&mut self, stage: Stage) -> Result<(), Gone> {
        if stage.number == 0 || stage.number == self.run {
            return Ok(());
        }
        self.run = stage.number;
        self.playing = None;
        let inner = Arc::clone(&self.simulator.inner);
        let Some(run) = stage.run else {
            let frame = json!({"t": "refused", "run": stage.number, "problem": stage.refused, "conditions": *inner.conditions.lock()});
            return self.json(&frame).await;
        };
        let mut frame = run.to_json(&inner, stage.number);
        let manifest = inner.host.registry().open_verified(&run.card.id).ok();
        frame["pages"] = json!(manifest.map(|installed| installed.manifest.entries.clone()).unwrap_or_default());
        frame["code"] = json!(run.card.code);
        frame["svg"] = json!(Code::new(&run.card.code).map(|code| code.svg()).unwrap_or_default());
        frame["project"] = json!(inner.project.dir.display().to_string());
        self.json(&frame).await?;
        let screen = inner.host.screen(run.session.id()).map(|screen| {
            let mut followed = screen.follow();
            followed.mark_changed();
            followed
        });
        self.playing = Some(Playing {
            feed: run.session.subscribe(0),
            run,
            screen,
            sheets: HashSet::new(),
            tickets: HashSet::new(),
            over: false,
        });
        Ok(())
    }

    async fn update(&mut self, update: Option<Update>) -> Result<(), Gone> {
        let Some(update) = update else {
            if let Some(playing) = &mut self.playing {
                playing.over = true;
            }
            return Ok(());
        };
        let run = self.run;
        let frame = match &update {
            // What broke it, with its place in the source: the fault itself carries none to pages.
            Update::Ended(ended) => {
                let fault = self.simulator.inner.log.fault(ended.receipt.session);
                json!({"t": "ended", "reason": ended.reason.code(), "fault": fault.as_ref().map(super::seen::fault_json), "receipt": ended.receipt})
            }
            update => serde_json::to_value(update).unwrap_or_default(),
        };
        self.json(&json!({"t": "stage", "run": run, "frame": frame})).await
    }

    async fn done(&mut self, done: Done) -> Result<(), Gone> {
        match done {
            Done::Ack(run, ack) => {
                // The patch that an event made comes before its acknowledgement.
                if run == self.run {
                    while let Some(playing) = &mut self.playing
                        && !playing.over
                        && let Some(update) = playing.feed.recv().now_or_never()
                    {
                        self.update(update).await?;
                    }
                }
                let frame = json!({"t": "ack", "eventId": ack.event_id, "applied": ack.applied});
                self.json(&json!({"t": "stage", "run": run, "frame": frame})).await
            }
            Done::Frame(frame) => self.json(&frame).await,
            Done::Nothing => Ok(()),
        }
    }

    async fn screen(&mut self, state: ScreenState) -> Result<(), Gone> {
        let run = self.run;
        let Some(playing) = &mut self.playing else { return Ok(()) };
        let mut frames = Vec::new();
        playing.sheets.retain(|id| {
            let open = state.sheets.iter().any(|sheet| sheet.id == *id);
            if !open {
                frames.push(json!({"t": "sheet-gone", "id": id}));
            }
            open
        });
        for sheet in &state.sheets {
            if playing.sheets.insert(sheet.id) {
                frames.push(json!({"t": "sheet", "sheet": sheet}));
            }
        }
        for ticket in &state.scans {
            if playing.tickets.insert(*ticket) {
                frames.push(json!({"t": "scan", "ticket": ticket.0.to_string()}));
            }
        }
        for (ticket, _) in &state.opens {
            if playing.tickets.insert(*ticket) {
                let session = playing.run.session.id();
                // There is one program here.
                let _ = self
                    .simulator
                    .inner
                    .host
                    .services()
                    .opened(session, *ticket, Err(youji_api::codes::UNSUPPORTED));
            }
        }
        for frame in frames {
            self.json(&json!({"t": "stage", "run": run, "frame": frame})).await?;
        }
        Ok(())
    }

    fn frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), Gone> {
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            _ => return Err(Gone),
        };
        let Ok(frame) = serde_json::from_str::<FromPage>(&text) else {
            return Err(Gone);
        };
        let inner = Arc::clone(&self.simulator.inner);
        let now = self.run;
        let current = self.playing.as_ref().map(|playing| Arc::clone(&playing.run));
        let of = |run: u64| current.clone().filter(|_| run == now);
        let doing: Doing = match frame {
            FromPage::Event {
                run,
                id,
                kind,
                value,
                event_id,
            } => match of(run) {
                Some(here) => Box::pin(async move {
                    let event = UiEvent {
                        node: id,
                        kind,
                        value,
                        event_id,
                    };
                    Done::Ack(run, here.session.ui_event(event).await)
                }),
                None => refused(run, event_id),
            },
            FromPage::Back { run, event_id } => match of(run) {
                Some(here) => Box::pin(async move { Done::Ack(run, here.session.back(event_id).await) }),
                None => refused(run, event_id),
            },
            FromPage::Answer { run, id, answer } => match of(run) {
                Some(here) => Box::pin(async move {
                    match inner.host.services().answer(here.session.id(), id, answer).await {
                        Ok(()) => Done::Nothing,
                        Err(failure) => {
                            let problem = youji_kiosk::Problem::from(failure);
                            let screen = inner.host.screen(here.session.id()).map(|screen| screen.now()).unwrap_or_default();
                            let sheet = screen.sheets.iter().find(|sheet| sheet.id == id);
                            let frame = match sheet {
                                Some(sheet) => json!({"t": "sheet", "sheet": sheet, "problem": problem}),
                                None => json!({"t": "sheet-gone", "id": id}),
                            };
                            Done::Frame(json!({"t": "stage", "run": run, "frame": frame}))
                        }
                    }
                }),
                None => return Ok(()),
            },
            FromPage::Scanned { run, ticket, text } => match (of(run), ticket.parse()) {
                (Some(here), Ok(ticket)) => Box::pin(async move {
                    let scanned = inner
                        .host
                        .services()
                        .scanned(here.session.id(), Ticket(ticket), text.as_deref(), None);
                    scanned
                        .await
                        .map_or_else(|failure| problem(&failure.to_string()), |()| Done::Nothing)
                }),
                _ => return Ok(()),
            },
            FromPage::Visible { run, shown } => {
                if let Some(here) = of(run) {
                    if shown {
                        here.session.show();
                    } else {
                        here.session.hide();
                    }
                }
                return Ok(());
            }
            FromPage::Launch { conditions } => {
                let simulator = self.simulator.clone();
                // On a task of its own: a page that goes away must not leave a swap half done.
                let launching = tokio::spawn(async move { Box::pin(simulator.launch(*conditions)).await });
                Box::pin(async move {
                    match launching.await {
                        Ok(Ok(())) => Done::Nothing,
                        Ok(Err(why)) => problem(&why),
                        Err(error) => problem(&error.to_string()),
                    }
                })
            }
            FromPage::Consent { scope, granted } => self.act(Act::Consent { scope, granted }),
            FromPage::Store { key, value } => self.act(Act::Store { key, value }),
            FromPage::Look => self.act(Act::Look),
            FromPage::Unknown => return Ok(()),
        };
        let mut doing = doing;
        // Polled here once, so that events are queued in the order in which they came.
        match (&mut doing).now_or_never() {
            Some(done) => self.doing.push(Box::pin(std::future::ready(done))),
            None => self.doing.push(doing),
        }
        Ok(())
    }

    /// Does something to what stands beside the view, and then says how everything stands.
    fn act(&self, act: Act) -> Doing {
        let inner = Arc::clone(&self.simulator.inner);
        let run = self.playing.as_ref().map(|playing| Arc::clone(&playing.run));
        let Some(run) = run else {
            return Box::pin(std::future::ready(problem("nothing runs at the moment")));
        };
        Box::pin(async move {
            let done = match act {
                Act::Look => Ok(()),
                Act::Consent { scope, granted } => inner.consent(&run, &scope, granted).await,
                Act::Store { key, value } => inner.store(&run, key, value).await,
            };
            match done {
                Ok(()) => Done::Frame(inner.look(&run).await),
                Err(why) => problem(&why),
            }
        })
    }

    async fn json(&mut self, frame: &impl Serialize) -> Result<(), Gone> {
        let text = serde_json::to_string(frame).map_err(|_| Gone)?;
        self.text(text).await
    }

    async fn text(&mut self, text: String) -> Result<(), Gone> {
        match tokio::time::timeout(SEND, self.socket.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}

fn problem(why: &str) -> Done {
    Done::Frame(json!({"t": "problem", "message": why}))
}

/// What was meant for a view that is gone is done to no other.
fn refused(run: u64, event_id: String) -> Doing {
    let ack = Ack { event_id, applied: false };
    Box::pin(std::future::ready(Done::Ack(run, ack)))
}

/// What a run says.
enum Played {
    Update(Option<Update>),
    Screen(ScreenState),
}

async fn next(playing: &mut Option<Playing>) -> Played {
    let Some(Playing { feed, screen, over, .. }) = playing else {
        return std::future::pending().await;
    };
    let update = async {
        match over {
            true => std::future::pending().await,
            false => feed.recv().await,
        }
    };
    let look = async {
        let Some(screen) = screen else {
            return std::future::pending().await;
        };
        match screen.changed().await {
            Ok(()) => screen.borrow_and_update().clone(),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        update = update => Played::Update(update),
        state = look => Played::Screen(state),
    }
}
