//! The real `youji`, over HTTP and sockets: every test starts processes of its own.

mod benches;
mod commands;
mod crash;
mod doors;
mod follow;
mod ledger;
mod order;
mod residue;
