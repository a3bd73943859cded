//! What tools are told about sessions as it happens: everything that goes into a program and everything that comes out of it.
//!
//! Enough to run the same session again: with the same launch, the same items in the same order and the same answers to host calls, a
//! program draws the same views.

use crate::receipt::Ended;
use crate::update::Update;
use youji_api::{Call, Caller, Event, Failure, Launch, Reply, SavedState};

/// Is told in the session's own task, in order: what takes long here holds the program up.
pub trait Observer: Send + Sync {
    /// Something happened in a session.
    fn observe(&self, caller: &Caller, seen: Seen<'_>);
}

/// What happened.
#[derive(Debug)]
pub enum Seen<'a> {
    /// The program is about to be launched.
    Launched {
        /// Its package.
        digest: &'a str,
        /// How it begins.
        launch: &'a Launch,
        /// What it saved the last time.
        saved: Option<&'a SavedState>,
    },
    /// It is about to get an event that a person or a service caused. Those of the page stack follow from what came before.
    Event(&'a Event),
    /// The person goes back a page.
    Back,
    /// It is on the stage now, or no longer.
    Shown(bool),
    /// The person reads another language; the event for it is not reported apart.
    Language {
        /// BCP 47.
        language: &'a str,
        /// "ltr" or "rtl".
        direction: &'a str,
    },
    /// A host call was answered.
    Call {
        /// Which.
        call: &'a Call,
        /// The gate's or the service's answer.
        answer: &'a Result<Reply, Failure>,
        /// Microseconds.
        us: u64,
    },
    /// It has drawn: what its screens were told, none when nothing changed.
    View {
        /// The view or what changed in it.
        update: Option<&'a Update>,
        /// Microseconds of the drawing.
        us: u64,
    },
    /// It was asked what to keep.
    Saved(Option<&'a SavedState>),
    /// It is over.
    Ended(&'a Ended),
}
