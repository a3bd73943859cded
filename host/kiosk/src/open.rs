//! The way of one scan: parse, resolve, verify, compile or take from the cache, launch.

use crate::host::Host;
use crate::problem::Problem;
use serde::Serialize;
use std::sync::Arc;
use youji_api::{PersonId, ProgramId};
use youji_runtime::{FullUpdate, Session};
use youji_services::Names;

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The text of a scan code.
    Code(String),
    /// A page of a program.
    Page {
        /// Which program.
        program: ProgramId,
        /// Path of the page; empty: home.
        page: String,
        /// Its parameters.
        query: Vec<(String, String)>,
    },
}

/// A request to open a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// What.
    pub target: Target,
    /// Why, as the contract's launch says it: "scan", "link", "list", "card", "program".
    pub cause: String,
    /// BCP 47.
    pub language: String,
    /// The program that asked for it, when one did.
    pub from_program: Option<ProgramId>,
}

impl OpenRequest {
    /// A scanned code.
    pub fn scan(code: impl Into<String>, language: &str) -> Self {
        OpenRequest {
            target: Target::Code(code.into()),
            cause: "scan".to_owned(),
            language: language.to_owned(),
            from_program: None,
        }
    }
}

/// A program as people see it in lists and above its stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramCard {
    /// Its id.
    pub id: ProgramId,
    /// In both languages.
    pub name: Names,
    /// In both languages.
    pub description: Names,
    /// The publisher's stored name.
    pub publisher: String,
    /// Version name.
    pub version: String,
    /// Of the package, hexadecimal.
    pub digest: String,
    /// Path of its icon in the package; empty when it has none.
    pub icon: String,
    /// CSS colour `#rrggbb`; empty when it has none.
    pub accent: String,
    /// Text of the scan code that opens its home page.
    pub code: String,
}

/// A permission that the manifest requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Permission {
    /// Such as "identity.nickname".
    pub name: String,
    /// The manifest's reason in the person's language.
    pub reason: String,
    /// "granted", "denied", "not-asked", or "included" when no consent is needed.
    pub state: &'static str,
}

/// A program is open and has its first view.
pub struct Opened {
    /// Its session.
    pub session: Session,
    /// What it is.
    pub program: ProgramCard,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Name and microseconds of each step, in order; named as the spans in the trace.
    pub steps: Vec<(&'static str, u64)>,
    /// From the code's text to the first view.
    pub total_us: u64,
    /// The first view.
    pub first: Arc<FullUpdate>,
}

impl Host {
    /// Opens a program for a person: a scan without its camera. HTTP, `youji scan` and the bench all come through here.
    ///
    /// # Errors
    /// A code that is unknown, expired, altered or foreign; a package that can't be trusted; a program at fault; a limit.
    pub async fn open(self: &Arc<Self>, _person: &PersonId, _request: OpenRequest) -> Result<Opened, Problem> {
        todo!()
    }
}
