//! The session socket: updates out, what the person does in.

use super::App;
use super::bucket::Bucket;

use super::frames::{FromPage, ToPage};
use super::guard::AtSeat;
use super::net::stopped;
use super::person::{message_json, program_name, speak, spending_json};
use super::said::line_json;
use super::seats::{Found, Here, Seat};
use super::visit::{Asker, open_here, opened_json};
use crate::open::{OpenRequest, Target};
use crate::problem::Problem;
use crate::screen::{Screen, ScreenState};
use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use serde_json::json;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use youji_api::{Answer, OpenTarget, SessionId, Sheet, SheetId, Ticket};
use youji_package::Channel;
use youji_runtime::{Ack, EndReason, Feed, Session, UiEvent, Update};
use youji_services::{Mail, Mailbox, SpendsAt};

/// How long a page may take to say hello.
const HELLO: Duration = Duration::from_secs(10);
/// How long a page waits for its receipt when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often a quiet page is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// A page that is quiet for longer is gone.
const GONE: Duration = Duration::from_secs(50);
/// How long one frame may take to leave.
const SEND: Duration = Duration::from_secs(10);
/// Bytes that a socket reads at once.
const READ_BYTES: usize = 4 << 10;
/// Bytes that may wait to be written: a whole view and some patches.
const WRITE_BYTES_MAX: usize = 2 << 20;

const NORMAL: u16 = 1000;
const AWAY: u16 = 1001;
const REPLACED: u16 = 4001;
const AT_FAULT: u16 = 4002;

/// Why a socket ends: code and words for the page.
type Close = (u16, &'static str);

pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let found = u64::from_str_radix(&id, 16)
        .ok()
        .and_then(|id| seat.session(SessionId(id)))
        .ok_or_else(|| {
            Problem::new(
                404,
                "no-session",
                "No such session",
                "This seat has no such session; it has ended.",
                "Open the program again.",
            )
        })?;
    let socket = socket.map_err(|rejection| {
        Problem::new(
            426,
            "not-a-socket",
            "A socket is expected",
            rejection.body_text(),
            "Open it as a WebSocket.",
        )
    })?;
    let frame_bytes = app.host.config.limits.frame_bytes;
    Ok(socket
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .max_message_size(frame_bytes)
        .max_frame_size(frame_bytes)
        .on_upgrade(move |socket| async move {
            app.host.metrics.sockets.inc();
            Box::pin(serve(&app, &seat, found, socket)).await;
            app.host.metrics.sockets.dec();
        }))
}

async fn serve(app: &Arc<App>, seat: &Arc<Seat>, found: Found, mut socket: WebSocket) {
    let hello = tokio::time::timeout(HELLO, socket.recv()).await;
    let hello = hello.ok().flatten().and_then(Result::ok);
    let hello = hello.and_then(|message| serde_json::from_str(message.to_text().ok()?).ok());
    let Some(FromPage::Hello {
        last_seq,
        language,
        messages_after,
    }) = hello
    else {
        return close(socket, (AT_FAULT, "hello comes first")).await;
    };
    match found {
        Found::Ended(ended) => {
            let _ = send(&mut socket, &Last::new(seat, &Update::Ended(ended))).await;
            close(socket, (NORMAL, "ended")).await;
        }
        Found::Live(session) => {
            let Some(screen) = app.host.screen(session.id()) else {
                // It ended between the look-up and now; its feed says how.
                let mut feed = session.subscribe(last_seq);
                while let Some(update) = feed.recv().await {
                    if send(&mut socket, &Last::new(seat, &update)).await.is_err() {
                        return;
                    }
                }
                return close(socket, (NORMAL, "ended")).await;
            };
            listen(app, seat, &language).await;
            let mailbox = match messages_after.map(|after| app.host.services.mailbox(&seat.person, Some(after))) {
                Some(Err(failure)) => {
                    tracing::debug!(code = failure.code, "messages");
                    return close(socket, (AT_FAULT, "no message has that number yet")).await;
                }
                mailbox => mailbox.and_then(Result::ok),
            };
            let mine = screen.attach();
            session.show();
            let mut line = Line {
                app,
                seat,
                feed: session.subscribe(last_seq),
                mine,
                known: Known::default(),
                mailbox,
                doing: FuturesUnordered::new(),
                frames: Bucket::full(1.0),
                heard: Instant::now(),
                session: &session,
                screen: &screen,
            };
            let limits = &app.host.config.limits;
            line.frames = Bucket::full(f64::from(limits.frames_per_second) * 10.0);
            let end = line.run(&mut socket).await;
            drop(line);
            if screen.now().attachment == mine {
                session.hide();
            }
            if let Some(end) = end {
                close(socket, end).await;
            }
        }
    }
}

/// The page's language is the person's and that of their programs.
async fn listen(app: &App, seat: &Seat, language: &str) {
    if !language.is_empty()
        && let Err(problem) = speak(app, seat, language).await
    {
        tracing::debug!(code = problem.code, "language");
    }
}

/// An update, and whether the person's seat ended with the session: the page then forgets them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Last<'a> {
    #[serde(flatten)]
    update: &'a Update,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    seat_ended: bool,
}

impl<'a> Last<'a> {
    fn new(seat: &Seat, update: &'a Update) -> Self {
        Last {
            update,
            seat_ended: matches!(update, Update::Ended(_)) && seat.is_over(),
        }
    }
}

/// Something that the page asked for and that is being done.
enum Done {
    Event(Ack),
    Answer(SheetId, Result<(), Problem>),
    Opened(Result<Here, Problem>),
}

type Doing = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What this page has been told.
#[derive(Default)]
struct Known {
    sheets: HashSet<SheetId>,
    scans: HashSet<Ticket>,
    inbox: u64,
    spending: u64,
    idle_at: Option<Instant>,
}

struct Line<'a> {
    app: &'a Arc<App>,
    seat: &'a Arc<Seat>,
    session: &'a Session,
    screen: &'a Arc<Screen>,
    feed: Feed,
    mine: u64,
    known: Known,
    mailbox: Option<Mailbox>,
    doing: FuturesUnordered<Doing>,
    frames: Bucket,
    heard: Instant,
}

impl Line<'_> {
    /// Until one side ends it; none when the page is gone already.
    async fn run(&mut self, socket: &mut WebSocket) -> Option<Close> {
        let mut screen = self.screen.follow();
        screen.mark_changed();
        let mut stop = self.app.stop.clone();
        let mut pings = tokio::time::interval(PING);
        let limit = self.app.host.config.limits.events_in_flight;
        loop {
            let more = self.doing.len() < limit;
            let step = tokio::select! {
                update = self.feed.recv() => self.update(socket, update).await,
                Some(done) = self.doing.next(), if !self.doing.is_empty() => self.done(socket, done).await,
                frame = socket.recv(), if more => self.frame(frame).await,
                Ok(()) = screen.changed() => {
                    let state = screen.borrow_and_update().clone();
                    self.show(socket, state).await
                }
                mail = next_mail(&mut self.mailbox) => self.mail(socket, mail).await,
                _ = pings.tick() => self.ping(socket).await,
                () = stopped(&mut stop) => self.last_words(socket).await,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Sessions have ended when the server stops: their receipts still go out.
    async fn last_words(&mut self, socket: &mut WebSocket) -> Result<(), Option<Close>> {
        let end = tokio::time::Instant::now() + LAST_WORDS;
        while let Ok(update) = tokio::time::timeout_at(end, self.feed.recv()).await {
            self.update(socket, update).await?;
        }
        Err(Some((AWAY, "the host is shutting down")))
    }

    async fn mail(&mut self, socket: &mut WebSocket, mail: Option<Mail>) -> Result<(), Option<Close>> {
        match mail {
            // The person is gone; the session's own end follows.
            None => {
                self.mailbox = None;
                Ok(())
            }
            Some(Mail::Message(message)) => {
                let name = json!(program_name(&self.app.host, &message.program));
                let message = json!(message_json(&message, &name));
                send(socket, &ToPage::Message { message }).await
            }
            Some(Mail::Chat { chat, number, .. }) => {
                let line = self.app.host.services.chat_line(&self.seat.person, &chat, number).await;
                let line = line.ok().flatten().map(|line| line_json(&self.app.host, &line));
                let chat = json!({"chat": chat, "number": number, "line": line});
                send(socket, &ToPage::Chat { chat }).await
            }
            Some(Mail::Gap { first, last }) => send(socket, &ToPage::MessagesGone { first, last }).await,
        }
    }

    async fn update(&mut self, socket: &mut WebSocket, update: Option<Update>) -> Result<(), Option<Close>> {
        match update {
            None => Err(Some((NORMAL, "ended"))),
            Some(update @ Update::Ended(_)) => {
                // What came to be of its sheets is said before its end.
                let state = self.screen.now();
                self.show(socket, state).await?;
                send(socket, &Last::new(self.seat, &update)).await
            }
            Some(update) => send(socket, &update).await,
        }
    }

    async fn done(&mut self, socket: &mut WebSocket, done: Done) -> Result<(), Option<Close>> {
        match done {
            Done::Event(ack) => {
                // The patch that an event made comes before its acknowledgement: the page lets go of its own text then.
                for _ in 0..8 {
                    match self.feed.recv().now_or_never() {
                        Some(Some(update)) => send(socket, &update).await?,
                        Some(None) => return Err(Some((NORMAL, "ended"))),
                        None => break,
                    }
                }
                send(socket, &ToPage::Ack(&ack)).await
            }
            Done::Opened(Ok(here)) => {
                let opened = opened_json(&self.app.host, &here, &self.screen.language());
                send(socket, &ToPage::Opened { opened }).await
            }
            Done::Opened(Err(problem)) => send(socket, &ToPage::NotOpened { problem: &problem }).await,
            Done::Answer(_, Ok(())) => Ok(()),
            Done::Answer(id, Err(problem)) => {
                let state = self.screen.now();
                let Some(sheet) = state.sheets.iter().find(|sheet| sheet.id == id) else {
                    self.known.sheets.remove(&id);
                    let problem = Some(&problem);
                    return send(socket, &ToPage::SheetGone { id, problem }).await;
                };
                self.screen.sheet_sent(id);
                let (sheet, problem) = (&self.said(sheet), Some(&problem));
                send(socket, &ToPage::Sheet { sheet, problem }).await
            }
        }
    }

    async fn frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<(), Option<Close>> {
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                self.heard = Instant::now();
                return Ok(());
            }
            Some(Ok(Message::Binary(_))) => return Err(Some((AT_FAULT, "text frames only"))),
            Some(Ok(Message::Close(_))) | None => return Err(None),
            Some(Err(error)) => {
                tracing::debug!(%error, session = %self.session.id(), "socket");
                return Err(Some((AT_FAULT, "a frame was too large or malformed")));
            }
        };
        self.heard = Instant::now();
        self.app.host.metrics.frames.inc();
        let rate = f64::from(self.app.host.config.limits.frames_per_second);
        if !self.frames.take(rate, rate * 10.0) {
            return Err(Some((AT_FAULT, "too many frames")));
        }
        match serde_json::from_str::<FromPage>(&text) {
            Ok(frame) => {
                self.take(frame);
                Ok(())
            }
            Err(error) => {
                tracing::debug!(%error, session = %self.session.id(), "frame");
                Err(Some((AT_FAULT, "a frame is not as the protocol says")))
            }
        }
    }

    /// Begins what the page asks for. Events reach the program in this order, since each is queued when it is first polled,
    /// and that is done here.
    fn take(&mut self, frame: FromPage) {
        if !matches!(frame, FromPage::Hello { .. } | FromPage::Visible { .. } | FromPage::Unknown) {
            self.seat.touch();
        }
        let session = self.session.clone();
        match frame {
            FromPage::Event { id, kind, value, event_id } => {
                let event = UiEvent {
                    node: id,
                    kind,
                    value,
                    event_id,
                };
                self.begin(Box::pin(async move { Done::Event(session.ui_event(event).await) }));
            }
            FromPage::Back { event_id } => self.begin(Box::pin(async move { Done::Event(session.back(event_id).await) })),
            FromPage::Answer {
                id,
                accepted,
                chosen,
                values,
                pin,
                spending,
                after_ms,
            } => {
                let answer = Answer {
                    accepted,
                    chosen,
                    values,
                    pin,
                    spending,
                };
                self.answer(id, answer, after_ms);
            }
            FromPage::EndSpending { id } => {
                let (app, session) = (Arc::clone(self.app), session.id());
                tokio::spawn(async move {
                    if let Err(failure) = app.host.services.end_spending(SpendsAt::Session(session), id).await {
                        tracing::debug!(code = failure.code, "a spending authorisation");
                    }
                });
            }
            FromPage::Scanned { ticket, text } => self.scanned(ticket.number(), text),
            FromPage::Hello { language, .. } => {
                let (app, seat) = (Arc::clone(self.app), Arc::clone(self.seat));
                tokio::spawn(async move { listen(&app, &seat, &language).await });
            }
            FromPage::Visible { shown: true } => session.show(),
            FromPage::Visible { shown: false } => session.hide(),
            FromPage::Close => {
                tokio::spawn(async move { session.close(EndReason::Closed).await });
            }
            FromPage::Stay | FromPage::Unknown => {}
        }
    }

    fn begin(&mut self, mut doing: Doing) {
        match (&mut doing).now_or_never() {
            Some(done) => self.doing.push(Box::pin(std::future::ready(done))),
            None => self.doing.push(doing),
        }
    }

    fn answer(&mut self, id: SheetId, answer: Answer, after_ms: Option<f64>) {
        let guard = self.app.host.config.limits.sheet_guard;
        let seen_long_enough = after_ms.is_none_or(|ms| ms >= guard.as_secs_f64() * 1_000.0);
        if !seen_long_enough || !self.screen.may_answer(id, guard) {
            tracing::debug!(session = %self.session.id(), "an answer that came too soon, or to a sheet that is not open, is ignored");
            return;
        }
        let (app, session) = (Arc::clone(self.app), self.session.id());
        // On a task of its own: a page that goes away in this moment must not leave the payment half done.
        let screen = Arc::clone(self.screen);
        let answering = tokio::spawn(async move {
            let answered = app.host.services.answer(session, id, answer).await;
            if answered.is_ok() {
                screen.remove_sheet(id);
            }
            answered
        });
        self.doing.push(Box::pin(async move {
            let result = answering.await.map_err(|_| Problem::shutting_down());
            Done::Answer(id, result.and_then(|answered| answered.map_err(Problem::from)))
        }));
    }

    /// Opens what the person allowed this program to open; who asks is stamped here.
    fn open(&mut self, ticket: Ticket, target: OpenTarget) {
        let request = OpenRequest {
            target: Target::Page {
                program: target.program,
                page: target.page,
                query: target.query,
                channel: Channel::Release,
            },
            cause: "program".to_owned(),
            language: self.screen.language(),
            from_program: Some(self.session.caller().program.clone()),
            accepted: None,
        };
        let (app, seat) = (Arc::clone(self.app), Arc::clone(self.seat));
        let asker = Asker {
            session: self.session.id(),
            ticket,
        };
        // Seen through, and the program told what came of it, whether or not this page stays: so it begins now.
        let opening = tokio::spawn(async move { open_here(&app, &seat, request, Some(asker)).await });
        self.doing.push(Box::pin(async move {
            let here = opening.await.unwrap_or_else(|_| Err(Problem::shutting_down()));
            Done::Opened(here)
        }));
    }

    /// A sheet in the language that the page speaks by now.
    fn said(&self, sheet: &Sheet) -> Sheet {
        let services = &self.app.host.services;
        services.sheet_in(self.session.id(), sheet, &self.screen.language())
    }

    fn scanned(&mut self, ticket: Option<u64>, text: Option<String>) {
        let Some(ticket) = ticket.map(Ticket).filter(|ticket| self.screen.now().scans.contains(ticket)) else {
            return;
        };
        self.screen.remove_scan(ticket);
        self.known.scans.remove(&ticket);
        let (app, session) = (Arc::clone(self.app), self.session.clone());
        tokio::spawn(async move {
            let own = text.as_deref().and_then(|text| app.host.own_code(&session.caller().program, text));
            let own = own.as_ref().map(|(page, scene)| (page.as_str(), scene.as_str()));
            let scanned = app.host.services.scanned(session.id(), ticket, text.as_deref(), own).await;
            if let Err(failure) = scanned {
                tracing::debug!(code = failure.code, "scanned");
            }
        });
    }

    /// Tells the page what changed around the view.
    async fn show(&mut self, socket: &mut WebSocket, state: ScreenState) -> Result<(), Option<Close>> {
        if state.attachment != self.mine {
            return Err(Some((REPLACED, "another screen has this session now")));
        }
        let gone: Vec<SheetId> = self
            .known
            .sheets
            .iter()
            .copied()
            .filter(|id| !state.sheets.iter().any(|sheet| sheet.id == *id))
            .collect();
        for id in gone {
            self.known.sheets.remove(&id);
            send(socket, &ToPage::SheetGone { id, problem: None }).await?;
        }
        for sheet in &state.sheets {
            if self.known.sheets.insert(sheet.id) {
                // First, or a page that answers as soon as it may could be ahead of this.
                self.screen.sheet_sent(sheet.id);
                let sheet = &self.said(sheet);
                send(socket, &ToPage::Sheet { sheet, problem: None }).await?;
            }
        }
        for ticket in &state.scans {
            if self.known.scans.insert(*ticket) {
                send(
                    socket,
                    &ToPage::Scan {
                        ticket: ticket.0.to_string(),
                    },
                )
                .await?;
            }
        }
        for (ticket, target) in self.screen.take_opens() {
            self.open(ticket, target);
        }
        if state.inbox > self.known.inbox {
            self.known.inbox = state.inbox;
            let unread = self.app.host.services.person(&self.seat.person).map_or(0, |person| person.unread);
            let sequence = state.inbox;
            send(socket, &ToPage::Inbox { sequence, unread }).await?;
        }
        if state.spending != self.known.spending {
            self.known.spending = state.spending;
            let standing = self.app.host.services.spendings(SpendsAt::Session(self.session.id()));
            let now = self.app.host.config.clock.now_ms();
            let spending = spending_json(&standing, now, &self.screen.language());
            send(socket, &ToPage::Spending { spending }).await?;
        }
        if state.idle_at != self.known.idle_at {
            self.known.idle_at = state.idle_at;
            if let Some(at) = state.idle_at {
                let left = at.saturating_duration_since(Instant::now()).as_millis();
                let in_ms = u64::try_from(left).unwrap_or(u64::MAX);
                send(socket, &ToPage::Idle { in_ms }).await?;
            }
        }
        Ok(())
    }

    async fn ping(&mut self, socket: &mut WebSocket) -> Result<(), Option<Close>> {
        if self.heard.elapsed() > GONE {
            return Err(None);
        }
        deliver(socket, Message::Ping(axum::body::Bytes::new())).await
    }
}

/// Never ready for a page that wants no messages here.
async fn next_mail(mailbox: &mut Option<Mailbox>) -> Option<Mail> {
    match mailbox {
        Some(mailbox) => mailbox.next().await,
        None => std::future::pending().await,
    }
}

async fn send(socket: &mut WebSocket, frame: &impl Serialize) -> Result<(), Option<Close>> {
    let text = serde_json::to_string(frame).map_err(|error| {
        tracing::error!(%error, "a frame does not serialise");
        Some((AWAY, "the host made a mistake"))
    })?;
    deliver(socket, Message::Text(text.into())).await
}

/// A page that takes nothing for too long is gone; it comes back and resumes.
async fn deliver(socket: &mut WebSocket, message: Message) -> Result<(), Option<Close>> {
    match tokio::time::timeout(SEND, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(None),
    }
}

async fn close(mut socket: WebSocket, (code, reason): Close) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let _ = deliver(&mut socket, Message::Close(Some(frame))).await;
    // Until the page has closed its side, so that the reason arrives.
    let drain = async { while let Some(Ok(_)) = socket.recv().await {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), drain).await;
}
