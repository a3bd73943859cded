//! Tools for authors: from source to a signed package.
//!
//! | module | holds |
//! |---|---|
//! | [`build`](mod@build) | what is built, and the two doors: one program, all programs |
//! | [`component`] | from a core module to a component; what a component imports |
//! | [`sdk`] | the SDK that this library carries, unpacked for projects |
//! | [`scaffold`] | a new project from a template |
//! | [`project`] | an author's project: where it is, what it belongs to |
//! | [`keys`] | the demonstration publisher's key, kept in the data folder |
//! | `cargo` | running cargo and rustup |
//! | `fingerprint` | whether anything changed since the last build |
//! | `files` | which files of a folder go into its package |

pub mod build;
mod cargo;
pub mod component;
mod error;
mod files;
mod fingerprint;
pub mod keys;
pub mod project;
pub mod scaffold;
pub mod sdk;

pub use build::{Built, Options, Progress, Sizes, build, build_all};
pub use error::BuildError;
pub use keys::publisher_key;
pub use project::Project;
pub use scaffold::{Created, NewError, NewProject};
