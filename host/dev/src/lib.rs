//! Tools for authors: from source to a signed package, and everything that shows them what it does.
//!
//! | module | holds |
//! |---|---|
//! | [`build`](mod@build) | what is built, and the two doors: one program, all programs |
//! | [`component`] | from a core module to a component; what a component imports |
//! | [`script`] | programs in TypeScript |
//! | [`sdk`] | the SDK that this library carries, unpacked for projects |
//! | [`scaffold`] | a new project from a template |
//! | [`project`] | an author's project: where it is, what it belongs to |
//! | [`develop`] | building one program again and again while it is written |
//! | [`symbols`] | from a trap to file and line |
//! | [`watch`] | which files were saved |
//! | [`simulator`] | a host, one running instance that is swapped, and the page that shows both |
//! | [`recording`], [`replay`](mod@replay) | a session in a file; the same session again |
//! | [`check`](mod@check) | what is worth knowing before publishing |
//! | [`keys`] | the demonstration publisher's key, kept in the data folder |
//! | `cargo` | running cargo and rustup |
//! | `fingerprint` | whether anything changed since the last build |
//! | `files` | which files of a folder go into its package |

pub mod build;
mod cargo;
pub mod check;
pub mod component;
pub mod develop;
mod error;
mod files;
mod fingerprint;
pub mod keys;
pub mod project;
pub mod recording;
pub mod replay;
pub mod scaffold;
pub mod script;
pub mod sdk;
pub mod simulator;
pub mod symbols;
pub mod watch;

pub use build::{Built, Options, Progress, Sizes, build, build_all};
pub use check::{Report, check};
pub use develop::{Developed, Developer};
pub use error::BuildError;
pub use keys::publisher_key;
pub use project::Project;
pub use recording::Recording;
pub use replay::{Outcome, replay};
pub use scaffold::{Created, NewError, NewProject};
pub use simulator::{Conditions, Notice, Simulator};
pub use symbols::{Place, Symbols};
