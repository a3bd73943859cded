//! What authors are promised, done as an author would.

mod author;
mod recorded;
mod refused;
mod tutorial;
