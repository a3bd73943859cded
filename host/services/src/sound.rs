//! Whether changes can be applied. Asked before they are written, so that nothing has to be undone: undoing means to make the whole
//! state anew from the log.

use crate::change::Change;
use crate::chat::state::ChatChange;
use crate::flow::FlowChange;
use crate::people::nobody;
use crate::services::limit;
use crate::state::{RowState, State};
use crate::trade::state::TradeChange;
use youji_api::{Failure, PersonId};
use youji_store::MAX_VALUE_BYTES;

/// Left for what a later stamp or claim adds to a value, in bytes.
const SPARE: usize = 2 << 10;

/// Refuses changes that name somebody who is not there any more, or of which a value has no room in the projection.
pub(crate) fn check(state: &State, changes: &[Change]) -> Result<(), Failure> {
    let made = |person: &PersonId| {
        changes
            .iter()
            .any(|change| matches!(change, Change::Person { person: made, .. } if made == person))
    };
    let gone = |person: &&PersonId| !state.people.contains_key(person) && !made(person);
    if changes.iter().flat_map(needs).flatten().any(|person| gone(&person)) {
        return Err(nobody());
    }
    let most = MAX_VALUE_BYTES - SPARE;
    for change in changes {
        let (what, bytes) = largest(change);
        if bytes > most {
            return Err(limit(format!(
                "{what} has {bytes} bytes, and at most {most} are kept of one; make it smaller"
            )));
        }
    }
    Ok(())
}

/// Who must be there for a change: it changes what is theirs, or is sealed with their key.
fn needs(change: &Change) -> [Option<&PersonId>; 2] {
    match change {
        Change::Language { person, .. }
        | Change::Tries { person, .. }
        | Change::Role { person, .. }
        | Change::Known { person, .. }
        | Change::Consent { person, .. }
        | Change::Profile { person, .. }
        | Change::Left { person, .. }
        | Change::Stored { person, .. }
        | Change::Outcome { person, .. }
        | Change::Taken { person, .. }
        | Change::Sent { person, .. }
        | Change::Read { person, .. }
        | Change::Pointer { person, .. }
        | Change::Receipt { person, .. }
        | Change::Saved { person, .. } => [Some(person), None],
        Change::Message { person, sender, .. } => [Some(person), sender.as_ref().map(|(sender, ..)| sender)],
        Change::Row { row, value: Some(_), .. } if !row.common => [row.owner.as_ref(), None],
        Change::Order { order, body: Some(_), .. } => [Some(&order.person), None],
        _ => [None, None],
    }
}

/// The largest value that a change puts under one key. What is not named here is cut into pieces, or puts nothing.
fn largest(change: &Change) -> (&'static str, usize) {
    match change {
        Change::Row { row, value, .. } => {
            let value = value.as_ref().map_or(0, |value| value.0.len() + 8);
            ("a row", value.max(row_bytes(row)))
        }
        Change::Order { body: Some(body), .. } => ("an order", body.0.len()),
        Change::Message { message, .. } => ("a message", message.0.len()),
        Change::Chat(ChatChange::Line { body, .. }) => ("a line", body.0.len()),
        Change::Trade(TradeChange::Intent { body, .. } | TradeChange::Answer { answer: body, .. }) => ("an intent", body.0.len()),
        Change::Receipt { receipt, .. } | Change::Flow(FlowChange::ReceiptAgain { receipt, .. }) => ("a receipt", receipt.0.len()),
        Change::Audit { about, purpose, .. } => {
            // As JSON: each character at most six times as long, sealed bytes as base64.
            let about: usize = about.iter().map(|about| about.len() * 6 + 3).sum();
            let purpose = purpose.as_ref().map_or(0, |purpose| purpose.0.len() * 4 / 3 + 4);
            ("an audit record", about + purpose)
        }
        _ => ("", 0),
    }
}

/// Of a row without its value, as it stands in the projection.
fn row_bytes(row: &RowState) -> usize {
    serde_json::to_vec(row).map_or(usize::MAX, |row| row.len())
}

#[cfg(test)]
mod tests {
    use crate::blob::Blob;
    use crate::change::Change;
    use crate::config::ServicesConfig;
    use crate::people::{FUNDING, code};
    use crate::services::Services;
    use crate::state::RowState;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use youji_api::{PersonId, ProgramId};
    use youji_ledger::Transfer;

    /// What was under way while somebody was forgotten is refused as if it had come later.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_is_written_for_somebody_who_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let services = Services::open(ServicesConfig::new(dir.path().join("data"))).unwrap();
        let here = services.create_visitor("en").await.unwrap().id;
        let person = services.create_visitor("en").await.unwrap().id;
        services.forget(&person).await.unwrap();
        let program = || ProgramId::from("noodles");
        let sealed = || Blob::from(vec![1, 2, 3]);
        let sender = |sender: &PersonId| Some((sender.clone(), program(), "1".to_owned(), "h".to_owned()));
        let message = |to: &PersonId, from: &PersonId| Change::Message {
            person: to.clone(),
            expires: u64::MAX,
            message: sealed(),
            keep: 10,
            sender: sender(from),
        };
        let all = [
            Change::Language {
                person: person.clone(),
                language: "en".to_owned(),
            },
            Change::Tries {
                person: person.clone(),
                tries: 1,
                locked_until: 0,
            },
            Change::Role {
                person: person.clone(),
                publisher: "pub".into(),
                role: "kitchen".to_owned(),
                granted: true,
            },
            Change::Known {
                person: person.clone(),
                program: program(),
                open_id: "o-1".into(),
            },
            Change::Consent {
                person: person.clone(),
                program: program(),
                scope: "location".to_owned(),
                granted: true,
                at: 1,
                notice: None,
                given: None,
            },
            Change::Profile {
                person: person.clone(),
                profile: sealed(),
            },
            Change::Left {
                person: person.clone(),
                program: program(),
                template: "ready".to_owned(),
                left: Some(1),
            },
            Change::Stored {
                person: person.clone(),
                program: program(),
                key: "k".to_owned(),
                bytes: 1,
                value: Some(sealed()),
            },
            Change::Row {
                program: program(),
                collection: "c".to_owned(),
                key: "k".to_owned(),
                row: RowState {
                    owner: Some(person.clone()),
                    ..RowState::default()
                },
                value: Some(sealed()),
            },
            Change::Outcome {
                person: person.clone(),
                program: program(),
                ticket: 1,
                event: sealed(),
                keep: 10,
            },
            Change::Taken {
                person: person.clone(),
                program: program(),
                ticket: 1,
            },
            message(&person, &here),
            message(&here, &person),
            Change::Read {
                person: person.clone(),
                sequence: 1,
            },
            Change::Receipt {
                person: person.clone(),
                receipt: sealed(),
            },
            Change::Saved {
                person: person.clone(),
                program: program(),
                expires: u64::MAX,
                state: Some(sealed()),
            },
        ];
        for change in all {
            let what = format!("{change:?}");
            let refused = services.write(vec![change]).await;
            assert_eq!(refused.unwrap_err().code, "not-found", "{what}");
        }
        services.write(vec![message(&here, &here)]).await.unwrap();
        assert!(services.state.read().people.keys().eq([&here]));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nobody_sees_a_state_that_is_being_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let services = Services::open(ServicesConfig::new(dir.path().join("data"))).unwrap();
        let mut people = Vec::new();
        for _ in 0..50 {
            people.push(services.create_visitor("en").await.unwrap().id);
        }
        let leaving = people.pop().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let looking = std::thread::spawn({
            let (services, stop, people) = (services.clone(), stop.clone(), people.clone());
            move || {
                let mut missed = 0;
                while !stop.load(Ordering::Relaxed) {
                    missed += people.iter().filter(|person| services.person(person).is_none()).count();
                }
                missed
            }
        });
        // What no caller of the services can bring about: an entry that contradicts the state.
        let wallet = services.wallet(&people[0]);
        let breaking = async {
            for id in 0..20 {
                let overdrawn = Transfer::new(id + 1_000, wallet, FUNDING, 1_000_000, services.ledger_number, code::RETURN);
                let broken = services.write(vec![Change::Transfers(vec![overdrawn])]).await;
                assert_eq!(broken.unwrap_err().code, "failed");
            }
        };
        let (erased, ()) = tokio::join!(services.forget(&leaving), breaking);
        stop.store(true, Ordering::Relaxed);
        assert_eq!(looking.join().unwrap(), 0, "looks that found somebody missing");
        assert_eq!(erased.unwrap().keys, 1);
        services.check_ledger().await.unwrap();
    }
}
