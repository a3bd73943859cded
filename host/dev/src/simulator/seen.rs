//! What the inspector is told: everything that sessions do, as JSON within bounds, numbered so that nothing is missed or shown twice.

use crate::recording::Recording;
use crate::symbols::{self, Place, Symbols};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast;
use youji_api::{Call, Caller, SavedState, SessionId};
use youji_runtime::{Ended, Observer, Seen, Update};

/// Entries that a page which comes late can still be told.
const KEPT: usize = 2_000;
/// Characters of one value.
const TEXT: usize = 400;
/// Elements of one list.
const LIST: usize = 50;
/// Sessions whose recording is kept: the one that runs, the ones before, those of phones.
const RECORDINGS: usize = 32;
/// Programs whose debug information is kept.
const PROGRAMS: usize = 4;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    /// As the page gets it.
    pub(crate) text: Arc<str>,
}

/// A program as it was built here.
pub(crate) struct Known {
    pub(crate) digest: String,
    pub(crate) package: Vec<u8>,
    pub(crate) symbols: Option<Symbols>,
}

/// A fault with its places, for the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) places: Vec<Place>,
}

/// Observes every session of a host.
pub(crate) struct Log {
    began: Instant,
    inner: Mutex<Inner>,
    news: broadcast::Sender<Entry>,
    broken: broadcast::Sender<Broken>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    entries: VecDeque<Entry>,
    recordings: VecDeque<(SessionId, Recording)>,
    /// What a session wanted to be kept when it ended.
    saved: HashMap<SessionId, Option<SavedState>>,
    faults: HashMap<SessionId, Broken>,
    known: VecDeque<Arc<Known>>,
}

impl Log {
    pub(crate) fn new() -> Log {
        Log {
            began: Instant::now(),
            inner: Mutex::default(),
            news: broadcast::Sender::new(1_024),
            broken: broadcast::Sender::new(64),
        }
    }

    /// What is told from now on, and before that what is kept.
    pub(crate) fn follow(&self) -> (Vec<Entry>, broadcast::Receiver<Entry>) {
        let inner = self.inner.lock();
        (inner.entries.iter().cloned().collect(), self.news.subscribe())
    }

    /// What is kept after that number, for whoever was too slow.
    pub(crate) fn after(&self, number: u64) -> Vec<Entry> {
        let inner = self.inner.lock();
        inner.entries.iter().filter(|entry| entry.number > number).cloned().collect()
    }

    pub(crate) fn faults(&self) -> broadcast::Receiver<Broken> {
        self.broken.subscribe()
    }

    /// A program that is about to be opened.
    pub(crate) fn know(&self, known: Known) {
        let mut inner = self.inner.lock();
        inner.known.retain(|one| one.digest != known.digest);
        if inner.known.len() == PROGRAMS {
            inner.known.pop_front();
        }
        inner.known.push_back(Arc::new(known));
    }

    pub(crate) fn recording(&self, session: SessionId) -> Option<String> {
        let inner = self.inner.lock();
        let found = inner.recordings.iter().find(|(one, _)| *one == session);
        found.map(|(_, recording)| recording.to_text())
    }

    /// What a session that is over wanted to be kept; none if it was not asked.
    pub(crate) fn take_saved(&self, session: SessionId) -> Option<Option<SavedState>> {
        self.inner.lock().saved.remove(&session)
    }

    /// How a session that is over broke.
    pub(crate) fn fault(&self, session: SessionId) -> Option<Broken> {
        self.inner.lock().faults.get(&session).cloned()
    }

    /// The fault of the last session of all: a launch that failed leaves no other trace.
    pub(crate) fn forget_faults(&self) {
        self.inner.lock().faults.clear();
    }

    pub(crate) fn any_fault(&self) -> Option<Broken> {
        self.inner.lock().faults.values().next().cloned()
    }

    fn tell(&self, session: SessionId, mut entry: Value) {
        let at = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.inner.lock();
        inner.last += 1;
        let number = inner.last;
        if let Some(members) = entry.as_object_mut() {
            members.insert("t".to_owned(), "seen".into());
            members.insert("n".to_owned(), number.into());
            members.insert("atUs".to_owned(), at.into());
            members.insert("session".to_owned(), session.to_string().into());
        }
        let entry = Entry {
            number,
            text: entry.to_string().into(),
        };
        if inner.entries.len() == KEPT {
            inner.entries.pop_front();
        }
        inner.entries.push_back(entry.clone());
        // Within the lock, so that numbers rise for whoever listens. Nobody may: that is no error.
        let _ = self.news.send(entry);
    }

    fn record(&self, caller: &Caller, seen: &Seen<'_>) {
        let mut inner = self.inner.lock();
        if let Seen::Launched { digest, .. } = seen {
            let known = inner.known.iter().find(|one| one.digest == *digest).cloned();
            let package = known.as_ref().map_or(&[][..], |known| &known.package);
            let recording = Recording::new(caller, digest, package);
            if inner.recordings.len() == RECORDINGS {
                inner.recordings.pop_front();
            }
            inner.recordings.push_back((caller.session, recording));
        }
        if let Seen::Saved(saved) = seen {
            inner.saved.insert(caller.session, saved.cloned());
        }
        let mut recordings = inner.recordings.iter_mut();
        if let Some((_, recording)) = recordings.find(|(session, _)| *session == caller.session) {
            recording.add(seen);
        }
    }

    fn ended(&self, session: SessionId, ended: &Ended) -> Value {
        let broken = ended.fault.as_ref().map(|fault| {
            let known = {
                let inner = self.inner.lock();
                let ran = inner.recordings.iter().find(|(one, _)| *one == session);
                let digest = ran.map(|(_, recording)| recording.head.digest.clone()).unwrap_or_default();
                inner.known.iter().find(|one| one.digest == digest).cloned()
            };
            let symbols = known.as_ref().and_then(|known| known.symbols.as_ref());
            Broken {
                code: fault.code,
                message: fault.for_author().to_owned(),
                places: symbols.map_or_else(Vec::new, |symbols| symbols.places(&fault.trace)),
            }
        });
        if let Some(broken) = &broken {
            self.inner.lock().faults.insert(session, broken.clone());
            let _ = self.broken.send(broken.clone());
        }
        json!({
            "what": "ended",
            "reason": ended.reason.code(),
            "fault": broken.as_ref().map(fault_json),
            "receipt": ended.receipt,
        })
    }
}

/// As pages and scripts read it.
pub(crate) fn fault_json(broken: &Broken) -> Value {
    json!({
        "code": broken.code,
        "message": broken.message,
        "at": symbols::own(&broken.places).map(ToString::to_string),
        "places": broken.places,
    })
}

impl Observer for Log {
    fn observe(&self, caller: &Caller, seen: Seen<'_>) {
        self.record(caller, &seen);
        let entry = match &seen {
            Seen::Launched { digest, launch, saved } => json!({
                "what": "launched",
                "program": caller.program,
                "digest": digest,
                "launch": launch,
                "saved": saved.map(saved_json),
            }),
            Seen::Event(event) => json!({
                "what": "event",
                "code": event.code,
                "handler": event.handler,
                "ticket": event.ticket.to_string(),
                "fields": event.fields,
                "body": shown(&serde_json::to_value(&event.body).unwrap_or_default()),
            }),
            Seen::Back => json!({"what": "back"}),
            Seen::Shown(shown) => json!({"what": if *shown { "shown" } else { "hidden" }}),
            Seen::Language { language, .. } => json!({"what": "language", "language": language}),
            Seen::Call { call, answer, us } => called(call, answer, *us),
            Seen::View { update, us } => drawn(*update, *us),
            Seen::Saved(saved) => json!({"what": "saved", "saved": saved.map(saved_json)}),
            Seen::Ended(ended) => self.ended(caller.session, ended),
        };
        self.tell(caller.session, entry);
    }
}

fn called(call: &Call, answer: &Result<youji_api::Reply, youji_api::Failure>, us: u64) -> Value {
    if let Call::LogWrite { level, message } = call {
        return json!({"what": "log", "level": level, "message": cut(message), "dropped": answer.is_err()});
    }
    let (capability, function) = call.name();
    // {"StorageSet": {…}}: what stands below the only name.
    let arguments = serde_json::to_value(call).unwrap_or_default();
    let arguments = match &arguments {
        Value::Object(members) => members.values().next().map_or(Value::Null, shown),
        _ => Value::Null,
    };
    let (ok, answer) = match answer {
        Ok(reply) => {
            let reply = serde_json::to_value(reply).unwrap_or_default();
            let reply = match &reply {
                Value::Object(members) => members.values().next().map_or(Value::Null, shown),
                _ => Value::Null,
            };
            (true, reply)
        }
        Err(failure) => (
            false,
            json!({"code": failure.code, "message": failure.message, "fields": failure.fields}),
        ),
    };
    json!({
        "what": "call",
        "name": format!("{}.{function}", capability.name()),
        "arguments": arguments,
        "ok": ok,
        "answer": answer,
        "us": us,
    })
}

fn drawn(update: Option<&Update>, us: u64) -> Value {
    let bytes = update
        .and_then(|update| serde_json::to_string(update).ok())
        .map_or(0, |text| text.len());
    let (kind, count) = match update {
        Some(Update::Full(full)) => ("full", full.tree.len()),
        Some(Update::Patch(patch)) => ("patch", patch.ops.len()),
        _ => ("none", 0),
    };
    json!({"what": "view", "kind": kind, "count": count, "bytes": bytes, "us": us})
}

pub(crate) fn saved_json(saved: &SavedState) -> Value {
    json!({"schema": saved.schema, "bytes": saved.bytes.len(), "value": shown(&serde_json::to_value(&saved.bytes).unwrap_or_default())})
}

/// A value within bounds; bytes as text where they are some.
pub(crate) fn shown(value: &Value) -> Value {
    match value {
        Value::Array(list) if !list.is_empty() && list.iter().all(|one| one.as_u64().is_some_and(|byte| byte < 256)) => {
            let bytes: Vec<u8> = list.iter().filter_map(|one| u8::try_from(one.as_u64()?).ok()).collect();
            Value::String(readable(&bytes))
        }
        Value::Array(list) => {
            let mut shown: Vec<Value> = list.iter().take(LIST).map(self::shown).collect();
            if list.len() > LIST {
                shown.push(Value::String(format!("… {} more", list.len() - LIST)));
            }
            Value::Array(shown)
        }
        // Tickets have more digits than a page's numbers keep.
        Value::Number(number) if number.as_u64().is_some_and(|number| number > 1 << 53) => Value::String(number.to_string()),
        Value::Object(members) => Value::Object(members.iter().map(|(name, value)| (name.clone(), self::shown(value))).collect()),
        Value::String(text) => Value::String(cut(text)),
        other => other.clone(),
    }
}

/// Text, or the first bytes in hexadecimal.
pub(crate) fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|character| character.is_control() && !character.is_whitespace()) => cut(text),
        _ => {
            let hex: String = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
            let more = if bytes.len() > 32 { "…" } else { "" };
            format!("{} bytes: {hex}{more}", bytes.len())
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((at, _)) => format!("{}… ({} characters)", &text[..at], text.chars().count()),
        None => text.to_owned(),
    }
}
