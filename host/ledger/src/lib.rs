//! Accounts and transfers: a pure state machine over log entries, in TigerBeetle's terms.
//!
//! No I/O and no clock: everything follows from the calls and the timestamps given. [`Ledger::check`] only looks, so that a
//! service can put a transfer and all that hangs on it (receipt, outcome, message) into one log entry; [`Ledger::apply`], called
//! with the same transfers and timestamp, then does exactly what `check` said.
//!
//! ```
//! use youji_ledger::{Account, AccountFlags, Ledger, Transfer, TransferFlags, TransferError};
//!
//! let mut ledger = Ledger::default();
//! let wallet = AccountFlags { debits_must_not_exceed_credits: true, ..AccountFlags::default() };
//! for (id, flags) in [(1, AccountFlags::default()), (2, wallet), (3, wallet)] {
//!     ledger.open_account(&Account::new(id, 156, 1, flags), 10).unwrap();
//! }
//! let top_up = Transfer::new(100, 1, 2, 5_000, 156, 1);
//! let pay = Transfer::new(101, 2, 3, 6_000, 156, 2);
//! let applied = ledger.apply(&[top_up, pay], 20);
//! assert!(applied.results[0].is_ok());
//! assert_eq!(applied.results[1], Err(TransferError::ExceedsCredits));
//! // Escrow: reserve, then post all of it.
//! let reserve = Transfer { flags: TransferFlags::PENDING, timeout_s: 3_600, ..Transfer::new(102, 2, 3, 700, 156, 3) };
//! assert!(ledger.apply(&[reserve], 30).results[0].is_ok());
//! assert_eq!(ledger.account(2).unwrap().available(), 4_300);
//! assert!(ledger.apply(&[Transfer::post(103, 102, u128::MAX)], 40).results[0].is_ok());
//! assert_eq!(ledger.account(3).unwrap().credits_posted, 700);
//! ledger.check_invariants().unwrap();
//! ```

mod account;
mod accounts;
mod error;
mod generation;
mod hash;
mod history;
mod id;
mod invariants;
mod journal;
mod judge;
mod ledger;
mod record;
mod run;
mod runs;
mod saved;
mod transfer;
mod views;

pub use account::{Account, AccountError, AccountFlags};
pub use error::TransferError;
pub use history::{Balances, HistoryCursor, HistoryEvent, HistoryFilter, HistoryLine, HistoryPage};
pub use id::{id_millis, timed_id};
pub use invariants::InvariantError;
pub use journal::Retention;
pub use ledger::{Applied, Ledger, MemoryUse};
pub use run::{MAX_RUN_VALUE_BYTES, RunValue};
pub use runs::Older;
pub use transfer::{PendingStatus, StoredTransfer, Transfer, TransferFlags};
