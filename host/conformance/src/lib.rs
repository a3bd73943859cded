//! The host's ledger and log behind the HTTP contract of ledger-conformance-kit, so that the kit can judge them.
//!
//! Only for a scratch folder: `POST /_lck/reset` empties it. It shares ledger, log and recovery with the host, and nothing else: no
//! person, no program, no other route.
//!
//! | module | holds |
//! |---|---|
//! | `scratch` | which folders may be emptied |
//! | `posting` | what is posted, and what is wrong with it |
//! | `plan` | a posting in the ledger's terms: linked transfers |
//! | `books` | the state machine: ledger, outcomes by key, the journal with its hash chain |
//! | `server` | the four routes |
//!
//! Capabilities to declare: `OVERDRAFT_GUARD`, `COMPENSATION`, `HASH_CHAIN`, `REPLAY`.

mod books;
mod plan;
mod posting;
mod scratch;
mod server;

pub use server::{Conformance, OpenError};
