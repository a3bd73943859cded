//! Watches: a change of a row reaches every session that watches it and may read it.

use crate::apply::{Notice, RowNotice};
use crate::rows::rule;
use crate::services::{Services, check_name, limit, not_found};
use crate::sessions::Watch;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, ProgramId, Reply, SessionId, Ticket};

/// Sessions by what they watch, so that a change costs nothing to those who don't: some may have stopped since. Locked after the sessions.
#[derive(Default)]
pub(crate) struct Watchers(HashMap<ProgramId, HashMap<String, HashSet<SessionId>>>);

impl Watchers {
    fn add(&mut self, caller: &Caller, collection: &str) {
        let collections = self.0.entry(caller.program.clone()).or_default();
        collections.entry(collection.to_owned()).or_default().insert(caller.session);
    }

    fn of(&self, program: &ProgramId, collection: &str) -> impl Iterator<Item = SessionId> + '_ {
        let sessions = self.0.get(program).and_then(|collections| collections.get(collection));
        sessions.into_iter().flatten().copied()
    }

    /// The session has ended.
    pub(crate) fn remove(&mut self, caller: &Caller) {
        let Some(collections) = self.0.get_mut(&caller.program) else {
            return;
        };
        collections.retain(|_, sessions| {
            sessions.remove(&caller.session);
            !sessions.is_empty()
        });
        if collections.is_empty() {
            self.0.remove(&caller.program);
        }
    }
}

/// Hears what the log says and passes it on, in its order.
pub(crate) async fn run(services: Weak<Services>, mut notices: Receiver<(u64, Notice)>) {
    loop {
        let heard = notices.recv().await;
        let Some(services) = services.upgrade() else { return };
        match heard {
            Ok((_, Notice::Row(notice))) => services.changed(&notice).await,
            Ok((_, Notice::Message { .. } | Notice::Pointer { .. })) => {}
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "watchers were told that they missed changes");
                services.tell_gap();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

impl Services {
    pub(crate) fn watch(&self, caller: &Caller, collection: String, options: &Fields) -> Result<Reply, Failure> {
        if rule(caller, &collection).is_none() {
            return Err(not_found(format!("collection \"{collection}\" is not in the manifest")));
        }
        for name in ["key", "prefix"] {
            if !options.text(name).is_empty() {
                check_name(name, options.text(name), self.config.limits.key_chars)?;
            }
        }
        let ticket = self.ticket();
        let watch = Watch {
            collection,
            key: Some(options.text("key").to_owned()).filter(|key| !key.is_empty()),
            prefix: options.text("prefix").to_owned(),
        };
        let mut live = self.live.lock();
        let live = live.get_mut(&caller.session).ok_or_else(|| not_found("the session has ended"))?;
        if live.watches.len() >= self.config.limits.watches {
            return Err(limit(format!("at most {} watches at once", self.config.limits.watches)));
        }
        self.watchers.lock().add(caller, &watch.collection);
        live.watches.insert(ticket, watch);
        Ok(Reply::Ticket(ticket))
    }

    pub(crate) fn unwatch(&self, caller: &Caller, ticket: Ticket) -> Result<Reply, Failure> {
        let mut live = self.live.lock();
        let removed = live.get_mut(&caller.session).and_then(|live| live.watches.remove(&ticket));
        removed.map(|_| Reply::Done).ok_or_else(|| not_found("no watch with that ticket"))
    }

    async fn changed(&self, notice: &RowNotice) {
        let watching: Vec<(SessionId, Arc<Caller>, Vec<Ticket>)> = {
            let live = self.live.lock();
            let watchers = self.watchers.lock();
            let covering = watchers.of(&notice.program, &notice.collection).filter_map(|session| {
                let live = live.get(&session)?;
                let covers = live
                    .watches
                    .iter()
                    .filter(|(_, watch)| watch.covers(&notice.collection, &notice.key));
                let tickets: Vec<Ticket> = covers.map(|(ticket, _)| *ticket).collect();
                (!tickets.is_empty()).then(|| (session, live.caller.clone(), tickets))
            });
            covering.collect()
        };
        if watching.is_empty() {
            return;
        }
        let key = notice.key.to_string();
        let row = if notice.removed {
            None
        } else {
            let found = self
                .open_rows(&notice.program, &notice.collection, std::slice::from_ref(&key))
                .await;
            // Removed since: that has a notice of its own.
            match found.ok().and_then(|mut rows| rows.pop()).flatten() {
                None => return,
                found => found,
            }
        };
        for (session, caller, tickets) in watching {
            let Some(rule) = rule(&caller, &notice.collection) else { continue };
            let event = match &row {
                None => self.removed(&caller, notice, &rule.readers),
                Some((state, value)) => {
                    let seen = self.readable(&caller, rule, &key, state.clone(), value.clone());
                    seen.map(|seen| Event {
                        body: seen.value,
                        fields: of_row(notice, seen.version, false, seen.stamps),
                        ..Event::new("changed")
                    })
                }
            };
            let Some(event) = event else { continue };
            for ticket in tickets {
                let event = Event {
                    ticket: ticket.0,
                    ..event.clone()
                };
                self.tell(session, event);
            }
        }
    }

    fn removed(&self, caller: &Caller, notice: &RowNotice, readers: &[youji_api::caller::Audience]) -> Option<Event> {
        let open_id = self.open_id(&caller.person, &caller.program);
        let could = self.state.read().belongs(caller, open_id.as_str(), readers, &notice.row);
        could.then(|| Event {
            fields: of_row(notice, notice.row.version, true, notice.row.stamps()),
            ..Event::new("changed")
        })
    }

    /// Says to every watcher that changes were lost.
    fn tell_gap(&self) {
        let sessions: Vec<SessionId> = {
            let live = self.live.lock();
            let watching = live.iter().filter(|(_, live)| !live.watches.is_empty());
            watching.map(|(session, _)| *session).collect()
        };
        for session in sessions {
            self.tell(session, Event::new("gap"));
        }
    }
}

fn of_row(notice: &RowNotice, version: u64, removed: bool, stamps: Fields) -> Fields {
    let mut fields = Fields::new()
        .with("collection", &*notice.collection)
        .with("key", &*notice.key)
        .with("version", i64::try_from(version).unwrap_or(i64::MAX))
        .with("removed", removed);
    for (name, value) in stamps.0 {
        fields.set(name, value);
    }
    fields
}
