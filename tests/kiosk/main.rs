//! The real `youji`, over HTTP and sockets: every test starts processes of its own.

mod benches;
mod commands;
mod crash;
mod doors;
mod order;
mod residue;
