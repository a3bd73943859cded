//! Resolve, verify and cache mini-program packages.
//!
//! | module | holds |
//! |---|---|
//! | [`registry`] | publishing, resolving and rolling back |
//! | [`installed`] | one version of a program, ready to be opened |
//! | [`listed`] | what is known of programs and publishers |
//! | [`error`] | why something is refused |
//! | [`source`] | where programs come from that are not here yet |
//! | [`remote`] | what the sources say, and fetching from them |

mod cache;
pub mod error;
mod folder;
mod index;
pub mod installed;
pub mod listed;
pub mod registry;
pub mod remote;
pub mod source;
mod state;
mod take;

pub use error::RegistryError;
pub use installed::{Asset, Installed};
pub use listed::{Asked, Listed, ListedVersion, Listing, ProgramRef, Published, Publisher};
pub use registry::{Check, Registry, RegistryOptions};
pub use remote::{Refreshed, RemoteState};
pub use source::{Source, Tagged};
