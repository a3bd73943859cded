//! The task of one session: the only one that calls its guest.

use crate::guest::{Guest, Input, Output};
use crate::lanes::{Lanes, Work};
use crate::mailbox::{Item, Wishes};
use crate::observe::Seen;
use crate::pages::Navigate;
use crate::program::Program;
use crate::receipt::{EndReason, Fault};
use crate::runtime::{OnEnd, Opened};
use crate::session::{Ack, SessionState, UiEvent};
use crate::shared::Shared;
use crate::unload;
use futures_util::FutureExt;
use parking_lot::Mutex;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Instant;
use tokio::sync::oneshot;
use tracing::Instrument;
use youji_api::{Caller, Event, Launch, Phase, Scalar, Ticket};

/// Page events that one event may lead to.
const PAGE_EVENTS: usize = 32;
/// Bytes of an event id.
const EVENT_ID_BYTES: usize = 64;

/// Why a session stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The program is at fault.
    Fault(Fault),
    /// Somebody wanted it.
    Asked(EndReason),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

/// State of the task.
pub(crate) struct Task {
    pub(crate) shared: Arc<Shared>,
    guest: Option<Box<Guest>>,
    pub(crate) phase: Option<Phase>,
    hidden_at: Option<Instant>,
    pub(crate) table_elements: u64,
    /// Another page is on top since the last view.
    fresh: bool,
}

/// Answers to whoever launched.
pub(crate) type Reply = oneshot::Sender<Result<Opened, Fault>>;

/// A session's task before it is on its own: the way to the first view runs within the task of whoever launches, so that no thread has
/// to wake another. Then it waits until something happens to it, and gets a task of its own only for that. Dropped before its first view, it
/// goes on by itself.
pub(crate) struct Life {
    run: Option<Run>,
    bed: Arc<Bed>,
    answered: bool,
}

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a session's task sleeps, and what wakes it.
struct Bed {
    sleeper: Mutex<Sleeper>,
    home: tokio::runtime::Handle,
}

enum Sleeper {
    /// It runs in the task of whoever launches; `woken` since it was polled last.
    Launching { caller: Option<Waker>, woken: bool },
    /// The next that happens to it gives it a task.
    Asleep(Run),
    /// It has a task, or is over.
    Gone,
}

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        let mut sleeper = self.sleeper.lock();
        match &mut *sleeper {
            Sleeper::Launching { caller, woken } => {
                *woken = true;
                let caller = caller.clone();
                drop(sleeper);
                if let Some(caller) = caller {
                    caller.wake();
                }
            }
            Sleeper::Asleep(_) => {
                let asleep = std::mem::replace(&mut *sleeper, Sleeper::Gone);
                drop(sleeper);
                if let Sleeper::Asleep(run) = asleep {
                    self.home.spawn(run);
                }
            }
            Sleeper::Gone => {}
        }
    }
}

impl Life {
    pub(crate) fn new(home: tokio::runtime::Handle, run: impl Future<Output = ()> + Send + 'static) -> Self {
        let launching = Sleeper::Launching {
            caller: None,
            woken: false,
        };
        Life {
            run: Some(Box::pin(run)),
            bed: Arc::new(Bed {
                sleeper: Mutex::new(launching),
                home,
            }),
            answered: false,
        }
    }

    /// Lives until the answer is there.
    pub(crate) async fn until<T>(mut self, mut answer: oneshot::Receiver<T>) -> Result<T, oneshot::error::RecvError> {
        let waker = Waker::from(self.bed.clone());
        std::future::poll_fn(|cx| {
            if let Some(run) = &mut self.run {
                *self.bed.sleeper.lock() = Sleeper::Launching {
                    caller: Some(cx.waker().clone()),
                    woken: false,
                };
                if run.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    self.run = None;
                }
            }
            let answer = Pin::new(&mut answer).poll(cx);
            self.answered = answer.is_ready();
            answer
        })
        .await
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let mut sleeper = self.bed.sleeper.lock();
        let before = std::mem::replace(&mut *sleeper, Sleeper::Gone);
        let Some(run) = self.run.take() else { return };
        if self.answered && matches!(before, Sleeper::Launching { woken: false, .. }) {
            *sleeper = Sleeper::Asleep(run);
        } else {
            drop(sleeper);
            self.bed.home.spawn(run);
        }
    }
}

/// From launch to receipt.
pub(crate) async fn run(shared: Arc<Shared>, program: Arc<Program>, launch: Launch, admit_us: u64, reply: Reply, on_end: Option<OnEnd>) {
    let mut task = Task {
        shared,
        guest: None,
        phase: None,
        hidden_at: None,
        table_elements: 0,
        fresh: true,
    };
    let mut reply = Some(reply);
    let life = task.live(program, launch, admit_us, &mut reply);
    let stop = match AssertUnwindSafe(life).catch_unwind().await {
        Ok(stop) => stop,
        Err(_) => Stop::Fault(Fault::new("host", "met an error of the host")),
    };
    let fault = match &stop {
        Stop::Fault(fault) => Some(fault.clone()),
        Stop::Asked(_) => None,
    };
    // Whoever waits for the launch hears from it why there is no session.
    let on_end = on_end.filter(|_| reply.as_ref().is_none_or(Reply::is_closed));
    Box::pin(unload::unload(&mut task, stop, on_end)).await;
    // Only now: whoever launches again finds nothing of it left.
    if let (Some(reply), Some(fault)) = (reply, fault) {
        let _ = reply.send(Err(fault));
    }
}

impl Task {
    async fn live(&mut self, program: Arc<Program>, launch: Launch, admit_us: u64, reply: &mut Option<Reply>) -> Stop {
        // What a session needs for a moment is not part of what it is while it waits.
        match Box::pin(self.open(program, launch, admit_us)).await {
            Ok(opened) => {
                if reply.take().is_none_or(|reply| reply.send(Ok(opened)).is_err()) {
                    // Whoever launched it has gone: nobody will ever close it.
                    return Stop::Asked(EndReason::Closed);
                }
            }
            Err(stop) => return stop,
        }
        loop {
            if let Err(stop) = self.turn().await {
                return stop;
            }
        }
    }

    async fn open(&mut self, program: Arc<Program>, launch: Launch, admit_us: u64) -> Result<Opened, Stop> {
        let shared = self.shared.clone();
        let mut steps = Steps::new(admit_us);
        let caller = shared.caller();
        let started = shared.gate.sessions().started(&caller).instrument(tracing::debug_span!("started"));
        let (saved, outcomes) = tokio::time::timeout(shared.inner.config.host_call_timeout, started)
            .await
            .map_err(|_| Fault::new("host-timeout", "could not start: the host's services did not answer"))?;
        steps.done("started");
        let digest = program.digest().to_owned();
        let instance = Box::pin(Guest::new(shared.clone(), program));
        let guest = self
            .bounded(self.lanes().instantiate(&self.shared.meter, instance))
            .instrument(tracing::debug_span!("instantiate"))
            .await??;
        self.guest = Some(guest);
        steps.done("instantiate");
        shared.observe(Seen::Launched {
            digest: &digest,
            launch: &launch,
            saved: saved.as_ref(),
        });
        self.call(Input::Launched(launch.to_fields(), saved)).await?;
        steps.done("launched");
        self.call(Input::Lifecycle(Phase::Shown)).await?;
        self.phase = Some(Phase::Shown);
        steps.done("shown");
        self.navigate().await?;
        self.draw().await?;
        steps.done("view");
        // Those that it has not taken yet; they wait like any other event.
        for outcome in outcomes {
            shared.mailbox.event(outcome);
        }
        Ok(Opened {
            first: shared.full(),
            total_us: steps.total(),
            steps: steps.list,
        })
    }

    /// One turn of the loop: what is wished, what is due, what waits.
    async fn turn(&mut self) -> Result<(), Stop> {
        let Wishes { shown, close } = self.shared.mailbox.take_wishes();
        if let Some(reason) = close {
            return Err(Stop::Asked(reason));
        }
        if shown.is_some() {
            Box::pin(self.show(shown)).await?;
        }
        let config = &self.shared.inner.config;
        let mut due = None;
        if let Some(hidden) = self.hidden_at.map(|at| at.elapsed()) {
            if hidden >= config.unload_after {
                return Err(Stop::Asked(EndReason::Idle));
            }
            due = Some(config.unload_after - hidden);
            if hidden < config.suspend_after {
                due = Some(config.suspend_after.min(config.unload_after) - hidden);
            } else if self.shared.state() == SessionState::Hidden {
                self.shared.set_state(SessionState::Suspended);
            }
        }
        if self.shared.state() != SessionState::Suspended
            && let Some(item) = self.shared.mailbox.take()
        {
            return Box::pin(self.item(item)).await;
        }
        let shared = self.shared.clone();
        match due {
            None => shared.mailbox.news().await,
            Some(due) => {
                let _ = tokio::time::timeout(due, shared.mailbox.news()).await;
            }
        }
        Ok(())
    }

    /// On the stage, or no longer.
    async fn show(&mut self, shown: Option<bool>) -> Result<(), Stop> {
        match shown {
            Some(true) if self.hidden_at.take().is_some() => {
                self.shared.set_state(SessionState::Shown);
                self.shared.observe(Seen::Shown(true));
                self.begin_event();
                self.call(Input::Lifecycle(Phase::Shown)).await?;
                self.phase = Some(Phase::Shown);
                self.navigate().await?;
                self.draw().await?;
            }
            Some(true) => self.shared.set_state(SessionState::Shown),
            Some(false) if self.hidden_at.is_none() => {
                self.shared.observe(Seen::Shown(false));
                self.begin_event();
                self.call(Input::Lifecycle(Phase::Hidden)).await?;
                self.phase = Some(Phase::Hidden);
                self.shared.set_state(SessionState::Hidden);
                self.hidden_at = Some(Instant::now());
                self.navigate().await?;
                self.draw().await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn item(&mut self, item: Item) -> Result<(), Stop> {
        match item {
            Item::Event(event) => {
                self.shared.observe(Seen::Event(&event));
                self.event(event).await
            }
            Item::Ui(event, reply) => {
                let event_id = event.event_id.clone();
                let applied = match self.resolve(event) {
                    Some(event) => {
                        self.shared.observe(Seen::Event(&event));
                        self.event(event).await?;
                        true
                    }
                    None => false,
                };
                let _ = reply.send(Ack { event_id, applied });
                Ok(())
            }
            Item::Back(event_id, reply) => {
                let applied = self.is_new(&event_id) && self.shared.pages.lock().ask(Navigate::Back, &[]).is_ok();
                if applied {
                    self.shared.observe(Seen::Back);
                    self.begin_event();
                    self.navigate().await?;
                    self.draw().await?;
                }
                let _ = reply.send(Ack { event_id, applied });
                Ok(())
            }
            Item::Language { language, direction } => {
                let caller = self.shared.caller();
                let changed = Caller {
                    language: language.as_str().into(),
                    ..Caller::clone(&caller)
                };
                *self.shared.caller.lock() = Arc::new(changed);
                self.shared.observe(Seen::Language {
                    language: &language,
                    direction: &direction,
                });
                let event = Event::new("settings").with("language", language).with("direction", direction);
                self.event(event).await
            }
        }
    }

    fn is_new(&self, event_id: &str) -> bool {
        event_id.len() <= EVENT_ID_BYTES && self.shared.first_time(event_id)
    }

    /// What a person did, as the program understands it; none if it was applied before or its node is gone.
    fn resolve(&self, event: UiEvent) -> Option<Event> {
        if !self.is_new(&event.event_id) {
            return None;
        }
        let handler = self.shared.handler(event.node, &event.kind)?;
        let mut resolved = Event::new(&event.kind);
        resolved.handler = handler;
        if let Some(value) = event.value.filter(is_sound) {
            resolved.fields.set("value", value);
        }
        Some(resolved)
    }

    /// An event from outside: the program handles it, pages turn, a new view is drawn.
    async fn event(&mut self, event: Event) -> Result<(), Stop> {
        let durable = matches!(event.code.as_str(), "completed" | "order-changed");
        let outcome = (durable && event.ticket != 0).then_some(Ticket(event.ticket));
        self.begin_event();
        self.call(Input::Event(event)).await?;
        // It has handled the outcome, whatever happens from here on.
        if let Some(ticket) = outcome {
            let caller = self.shared.caller();
            let taken = self.shared.gate.sessions().taken(&caller, ticket);
            let _ = tokio::time::timeout(self.shared.inner.config.host_call_timeout, taken).await;
        }
        self.navigate().await?;
        self.draw().await?;
        self.shared.update_usage(|usage| usage.events += 1);
        Ok(())
    }

    fn begin_event(&mut self) {
        if let Some(guest) = &mut self.guest {
            guest.begin_event();
        }
    }

    /// Lets the page changes take effect that the program asked for, and those that it asks for meanwhile.
    async fn navigate(&mut self) -> Result<(), Stop> {
        let mut told = 0;
        loop {
            let events = {
                let mut pages = self.shared.pages.lock();
                match pages.next() {
                    None => return Ok(()),
                    Some(Navigate::Close) => return Err(Stop::Asked(EndReason::Closed)),
                    Some(navigate) => pages.apply(navigate),
                }
            };
            self.fresh = true;
            for event in events {
                told += 1;
                if told > PAGE_EVENTS {
                    return Err(Fault::new("pages", "turned pages without end").into());
                }
                self.call(Input::Event(event)).await?;
            }
        }
    }

    async fn draw(&mut self) -> Result<(), Stop> {
        let began = Instant::now();
        if let Output::View(view) = self.call(Input::View).await? {
            let update = self.shared.show_view(view, std::mem::take(&mut self.fresh));
            self.shared.observe(Seen::View {
                update: update.as_ref(),
                us: micros(began.elapsed()),
            });
        }
        self.shared.inner.relieve();
        Ok(())
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.guest.is_some()
    }

    /// Frees the instance and its memory.
    pub(crate) fn drop_guest(&mut self) {
        self.guest = None;
    }

    /// One call into the guest. After an error the guest is gone.
    pub(crate) async fn call(&mut self, input: Input) -> Result<Output, Fault> {
        let span = span(&input);
        let mut guest = self.guest.take().ok_or_else(|| Fault::new("host", "is not running"))?;
        let work: Work<_> = Box::pin(async move {
            let result = guest.call(input).await;
            (guest, result)
        });
        let (guest, result) = self.bounded(self.lanes().run(&self.shared.meter, work)).instrument(span).await?;
        self.table_elements = guest.table_elements();
        let output = result?;
        self.guest = Some(guest);
        Ok(output)
    }

    fn lanes(&self) -> &Lanes {
        &self.shared.inner.lanes
    }

    async fn bounded<T>(&self, work: impl Future<Output = Option<T>>) -> Result<T, Fault> {
        let inner = &self.shared.inner;
        let _running = inner.ticker.running();
        match tokio::time::timeout(inner.config.call_timeout, work).await {
            Ok(Some(done)) => Ok(done),
            Ok(None) => Err(Fault::new("host", "met an error of the host")),
            Err(_) => {
                let what = format!("did not come to an end within {} s", inner.config.call_timeout.as_secs());
                Err(Fault::new("call-timeout", what))
            }
        }
    }
}

/// Numbers on the wire are finite.
fn is_sound(value: &Scalar) -> bool {
    !matches!(value, Scalar::Number(number) if !number.is_finite())
}

fn span(input: &Input) -> tracing::Span {
    match input {
        Input::Launched(..) => tracing::debug_span!("launched"),
        Input::Lifecycle(Phase::Shown) => tracing::debug_span!("shown"),
        Input::Lifecycle(Phase::Hidden) => tracing::debug_span!("hidden"),
        Input::Lifecycle(Phase::Unloaded) => tracing::debug_span!("unloaded"),
        Input::Event(event) => tracing::debug_span!("event", code = event.code),
        Input::View => tracing::debug_span!("view"),
        Input::SaveState => tracing::debug_span!("save-state"),
    }
}

/// Microseconds of consecutive steps.
pub(crate) struct Steps {
    pub(crate) list: Vec<(&'static str, u64)>,
    began: Instant,
}

impl Steps {
    pub(crate) fn new(admit_us: u64) -> Self {
        tracing::debug!(target: "youji::step", step = "admit", us = admit_us);
        Steps {
            list: vec![("admit", admit_us)],
            began: Instant::now(),
        }
    }

    pub(crate) fn empty() -> Self {
        Steps {
            list: Vec::new(),
            began: Instant::now(),
        }
    }

    pub(crate) fn done(&mut self, name: &'static str) {
        let now = Instant::now();
        let us = micros(now.duration_since(self.began));
        tracing::debug!(target: "youji::step", step = name, us);
        self.list.push((name, us));
        self.began = now;
    }

    pub(crate) fn total(&self) -> u64 {
        self.list.iter().map(|(_, us)| us).sum()
    }
}

pub(crate) fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
