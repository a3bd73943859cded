//! Resolve, verify and cache mini-program packages.
//!
//! | module | holds |
//! |---|---|
//! | [`registry`] | publishing, resolving and rolling back |
//! | [`installed`] | one version of a program, ready to be opened |
//! | [`error`] | why something is refused |
//! | [`source`] | where packages come from that are not here yet |

mod cache;
pub mod error;
mod folder;
mod index;
pub mod installed;
pub mod registry;
pub mod source;
mod state;

pub use error::RegistryError;
pub use installed::{Asset, Installed};
pub use registry::{Check, Listed, ProgramRef, Published, Publisher, Registry, RegistryOptions};
pub use source::Source;
