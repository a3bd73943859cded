//! What authors are promised, done as an author would.

mod recorded;
mod tutorial;
