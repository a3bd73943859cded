//! What authors are promised, done as an author would.

mod tutorial;
