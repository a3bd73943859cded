//! Outcomes: durable until the program has taken them.

use crate::change::Change;
use crate::keys;
use crate::services::Services;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::oneshot;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, PersonId, ProgramId, Ticket};

/// Outcomes that one entry says were taken, at most.
const TAKEN_MOST: usize = 512;

/// Outcomes that programs have taken and no entry says so yet: one entry for all that gathered while the one before was on its way.
#[derive(Default)]
pub(crate) struct Taking(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    waiting: Vec<Taken>,
    /// Somebody writes, and will find what is added.
    writing: bool,
}

struct Taken {
    person: PersonId,
    program: ProgramId,
    ticket: u64,
    done: oneshot::Sender<()>,
}

/// The fields that every outcome carries.
pub(crate) fn fields(call: &str, outcome: &str) -> Fields {
    Fields::new().with("call", call).with("outcome", outcome)
}

/// The same, for whatever call it is.
pub(crate) fn fields_of(outcome: &str) -> impl FnOnce(&str) -> Fields {
    move |call| fields(call, outcome)
}

/// The same, with a code.
pub(crate) fn coded(call: &str, outcome: &str, code: &str) -> Fields {
    fields(call, outcome).with("code", code)
}

fn purpose(program: &str, ticket: u64) -> String {
    format!("outcome/{program}/{ticket:016x}")
}

impl Services {
    /// The change that keeps an outcome until it is taken.
    pub(crate) async fn keep_outcome(&self, caller: &Caller, event: &Event) -> Result<Change, Failure> {
        self.keep_event(&caller.person, &caller.program, event).await
    }

    /// The same for any event with a ticket.
    pub(crate) async fn keep_event(&self, person: &PersonId, program: &ProgramId, event: &Event) -> Result<Change, Failure> {
        let bytes = serde_json::to_vec(event).unwrap_or_default();
        Ok(Change::Outcome {
            person: person.clone(),
            program: program.clone(),
            ticket: event.ticket,
            event: self.seal(&self.own_key(person, program).await?, &purpose(&program.0, event.ticket), &bytes)?,
            keep: self.config.limits.outcomes,
        })
    }

    /// Outcomes that the program has not taken, oldest first.
    pub(crate) async fn outcomes(&self, caller: &Caller) -> Vec<Event> {
        let waiting: Vec<(u64, u32)> = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            mine.map_or_else(Vec::new, |mine| mine.outcomes.iter().map(|(ticket, len)| (*ticket, *len)).collect())
        };
        let mut events = Vec::new();
        for (ticket, len) in waiting {
            let key = keys::outcome(&caller.person.0, &caller.program.0, ticket);
            let Ok(Some(sealed)) = self.fetch_pieces(&key, len).await else {
                continue;
            };
            let name = self.own_name(&caller.person, &caller.program);
            let opened = self.unseal(&name, &purpose(&caller.program.0, ticket), &sealed);
            events.extend(opened.ok().and_then(|bytes| serde_json::from_slice::<Event>(&bytes).ok()));
        }
        events.iter_mut().for_each(|event| self.fill_claim(caller, event));
        events
    }

    pub(crate) async fn take_outcome(&self, caller: &Caller, ticket: Ticket) {
        let waiting = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            mine.is_some_and(|mine| mine.outcomes.contains_key(&ticket.0))
        };
        if !waiting {
            return;
        }
        let (done, written) = oneshot::channel();
        let taken = Taken {
            person: caller.person.clone(),
            program: caller.program.clone(),
            ticket: ticket.0,
            done,
        };
        let first = {
            let mut gathered = self.taking.0.lock();
            gathered.waiting.push(taken);
            !std::mem::replace(&mut gathered.writing, true)
        };
        // In a task of its own, since whoever began it may stop waiting.
        if first && let Some(me) = self.me.upgrade() {
            tokio::spawn(async move { me.write_taken().await });
        }
        let _ = written.await;
    }

    async fn write_taken(self: Arc<Self>) {
        loop {
            let taken: Vec<Taken> = {
                let mut gathered = self.taking.0.lock();
                let count = gathered.waiting.len().min(TAKEN_MOST);
                gathered.writing = count > 0;
                gathered.waiting.drain(..count).collect()
            };
            if taken.is_empty() {
                return;
            }
            let named = |taken: &Taken| (taken.person.clone(), taken.program.clone(), taken.ticket);
            let all: Vec<_> = taken.iter().map(named).collect();
            let written = self.commit(move |state, _| {
                let waits = |(person, program, ticket): &(PersonId, ProgramId, u64)| {
                    let mine = state.in_program(person, program);
                    mine.is_some_and(|mine| mine.outcomes.contains_key(ticket))
                };
                let taken = all.into_iter().filter(waits);
                let taken = taken.map(|(person, program, ticket)| Change::Taken { person, program, ticket });
                Ok((taken.collect(), ()))
            });
            if let Err(failure) = written.await {
                tracing::warn!(%failure, "outcomes that were taken will be offered again");
            }
            for taken in taken {
                let _ = taken.done.send(());
            }
        }
    }

    /// Keeps an outcome with the changes that brought it about, in one act, and tells the session.
    pub(crate) async fn complete(&self, caller: &Caller, event: Event, mut changes: Vec<Change>) -> Result<(), Failure> {
        changes.push(self.keep_outcome(caller, &event).await?);
        self.write(changes).await?;
        self.tell(caller.session, event);
        Ok(())
    }
}
