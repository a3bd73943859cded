//! Whether changes can be applied. Asked before they are written, so that nothing has to be undone: undoing means to make the whole
//! state anew from the log.

use crate::change::Change;
use crate::flow::FlowChange;
use crate::services::limit;
use crate::state::RowState;
use youji_api::Failure;
use youji_store::MAX_VALUE_BYTES;

/// Left for what a later stamp or claim adds to a value, in bytes.
const SPARE: usize = 2 << 10;

/// Refuses changes of which a value has no room in the projection.
pub(crate) fn check(changes: &[Change]) -> Result<(), Failure> {
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

/// The largest value that a change puts under one key. What is not named here is cut into pieces, or puts nothing.
fn largest(change: &Change) -> (&'static str, usize) {
    match change {
        Change::Row { row, value, .. } => {
            let value = value.as_ref().map_or(0, |value| value.0.len() + 8);
            ("a row", value.max(row_bytes(row)))
        }
        Change::Order { body: Some(body), .. } => ("an order", body.0.len()),
        Change::Message { message, .. } => ("a message", message.0.len()),
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
    use crate::change::Change;
    use crate::config::ServicesConfig;
    use crate::people::{FUNDING, code};
    use crate::services::Services;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use youji_ledger::Transfer;

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
