//! A person's messages as they come, as server-sent events: in order, at least once, with every gap said.

use super::App;
use super::guard::AtSeat;
use super::net::stopped;
use super::person::{message_json, program_name};
use super::said::line_json;
use super::seats::Listening;
use crate::problem::Problem;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use youji_api::{PersonId, ProgramId, codes};
use youji_services::chat::ChatId;
use youji_services::{Mail, Mailbox, Message};

const KIND: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often a quiet line says that it is alive.
const ALIVE: Duration = Duration::from_secs(20);
/// How soon a browser that lost its line comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Names of programs that one line remembers.
const NAMES: usize = 64;

#[derive(Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    after: Option<u64>,
}

pub(crate) async fn follow(
    State(app): State<Arc<App>>,
    Extension(AtSeat(seat)): Extension<AtSeat>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or("");
    if !accepted.contains(KIND) {
        return Err(Problem::new(
            406,
            "not-a-stream",
            "A stream is expected",
            format!("Messages come as {KIND}, as they are sent."),
            format!("Send the header Accept with {KIND}; /api/person/inbox answers once."),
        ));
    }
    let listening = seat.listen()?;
    // What a browser saw last counts more than the address that it opened first.
    let after = match headers.get(LAST_EVENT_ID) {
        Some(id) => Some(id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            Problem::new(
                400,
                codes::INVALID,
                "Something in the request is not right",
                "Last-Event-ID is the number of a message.",
                "Send the id of the last event that came.",
            )
        })?),
        None => query.after,
    };
    let mailbox = app.host.services.mailbox(&seat.person, after)?;
    let line = Line {
        person: seat.person.clone(),
        over: seat.over(),
        stop: app.stop.clone(),
        app,
        mailbox,
        names: HashMap::new(),
        began: false,
        _listening: listening,
    };
    let events = futures_util::stream::unfold(line, |mut line| async move { Some((Ok(line.next().await?), line)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

struct Line {
    app: Arc<App>,
    person: PersonId,
    mailbox: Mailbox,
    names: HashMap<ProgramId, Value>,
    over: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
    began: bool,
    _listening: Listening,
}

impl Line {
    /// None when nobody sits at the seat any more, or the host goes down.
    async fn next(&mut self) -> Option<Event> {
        if !self.began {
            self.began = true;
            return Some(Event::default().retry(RETRY).comment("messages"));
        }
        let mail = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => return None,
            () = stopped(&mut self.over) => return None,
            mail = self.mailbox.next() => mail?,
        };
        let event = Event::default().id(mail.sequence().to_string());
        Some(match mail {
            Mail::Chat { chat, number, .. } => event.event("chat").data(self.chat(&chat, number).await.to_string()),
            Mail::Message(message) => event.event("message").data(self.draw(&message)),
            Mail::Gap { first, last } => event.event("gap").data(json!({"first": first, "last": last}).to_string()),
        })
    }

    /// What came of a conversation, as it stands now.
    async fn chat(&self, chat: &ChatId, number: u64) -> Value {
        let line = self.app.host.services.chat_line(&self.person, chat, number).await;
        let line = line.ok().flatten().map(|line| line_json(&self.app.host, &line));
        json!({"chat": chat, "number": number, "line": line})
    }

    fn draw(&mut self, message: &Message) -> String {
        if self.names.len() >= NAMES && !self.names.contains_key(&message.program) {
            self.names.clear();
        }
        let host = &self.app.host;
        let name = self
            .names
            .entry(message.program.clone())
            .or_insert_with(|| json!(program_name(host, &message.program)));
        serde_json::to_string(&message_json(message, name)).unwrap_or_default()
    }
}
