//! What services implement, and how they reach a session.

use crate::call::{Call, Reply};
use crate::caller::{Caller, PersonId, ProgramId, SessionId};
use crate::event::{Event, SavedState};
use crate::sheet::{OpenTarget, Sheet};
use crate::value::{Failure, Ticket};
use async_trait::async_trait;

/// The host as a mini-program sees it: real services, a replayer, a fake, the arm of a study.
#[async_trait]
pub trait Capabilities: Send + Sync {
    /// Carries out a call that the gate let through. Whatever it answers is durable.
    ///
    /// # Errors
    /// A refusal or a fault, for the program to handle; nothing was changed.
    async fn call(&self, caller: &Caller, call: Call) -> Result<Reply, Failure>;

    /// Asks the person for the scopes of a call that the gate held back, and carries it out if granted. Returns
    /// the ticket at once; a refusal completes it with `state` "denied".
    ///
    /// # Errors
    /// As [`call`](Self::call).
    async fn ask(&self, caller: &Caller, scopes: Vec<String>, call: Call) -> Result<Reply, Failure>;

    /// A session begins: what was saved for it, and the outcomes that it has not taken yet.
    async fn started(&self, caller: &Caller) -> (Option<SavedState>, Vec<Event>);

    /// The program has handled a ticket's outcome; it is not offered again.
    async fn taken(&self, caller: &Caller, ticket: Ticket);

    /// A session ended: its watches, timers and open sheets go; saved state is kept if the program offered some.
    async fn ended(&self, caller: &Caller, saved: Option<SavedState>) -> Left;
}

/// What a session leaves with the services, counted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// What was dropped with it: "watches", "timers", "scans", "sheets", "log-lines".
    pub erased: Vec<(&'static str, u64)>,
    /// What the program keeps for this person from this session and earlier ones, without what is none: "ledger" (orders), "storage"
    /// (values), "records" (rows of theirs), "consents".
    pub kept: Vec<(&'static str, u64)>,
}

/// To whom something goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// One session.
    Session(SessionId),
    /// Every live session of one person in one program.
    PersonIn(PersonId, ProgramId),
}

/// How services reach live sessions and people. Never blocks; what must not be lost is durable before it is called.
pub trait Deliver: Send + Sync {
    /// Queues an event; false when no such session is alive.
    fn event(&self, to: &Recipient, event: Event) -> bool;

    /// Shows a sheet above a session.
    fn sheet(&self, session: SessionId, sheet: Sheet);

    /// Takes a sheet away that is no longer open.
    fn withdraw(&self, session: SessionId, sheet: crate::sheet::SheetId);

    /// Tells a person's screens that their inbox has a new message, up to that sequence number.
    fn inbox(&self, person: &PersonId, sequence: u64);

    /// Asks a session's screen to scan a code for the program.
    fn scan(&self, session: SessionId, ticket: Ticket);

    /// Opens another program for the person at a session, who has agreed to it; what came of it is told to the services later. False
    /// when nobody here does that.
    fn open(&self, _session: SessionId, _ticket: Ticket, _target: &OpenTarget) -> bool {
        false
    }

    /// What the person may pay with a tap only in a session changed.
    fn spending(&self, _session: SessionId) {}
}
