//! The retained view of a session: compact, with stable node numbers, and its differences.

mod diff;
mod names;
mod packed;
mod retained;

pub(crate) use diff::diff;
pub(crate) use packed::Packed;
pub(crate) use retained::Retained;
