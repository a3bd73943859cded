//! What authors are promised, done as an author would.

mod author;
mod check;
mod elsewhere;
mod recorded;
mod refused;
mod script;
mod templates;
mod tutorial;
