//! The contract of ledger-conformance-kit, over real sockets.

mod doors;
mod invariants;
mod support;
