//! The services of a host.

use crate::config::{Directory, ServicesConfig};
use crate::model::{ConsentRow, Counter, DayCounts, Erased, LogLine, Merchant, Message, NewPerson, Person, Receipt};
use std::sync::Arc;
use youji_api::{Answer, Deliver, Failure, OpenId, PersonId, ProgramId, PublisherId, SessionId, SheetId, Ticket};

/// Why the services did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be used.
    #[error("data folder {path}: {reason}")]
    Folder {
        /// Which.
        path: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

/// Capabilities for real, and what a kiosk needs beside them. Everything that is answered is durable.
pub struct Services {}

#[allow(clippy::todo, clippy::unused_async, unused_variables, reason = "bodies follow")]
impl Services {
    /// Opens or makes the folder and recovers what was acknowledged. Needs a Tokio runtime.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(config: ServicesConfig) -> Result<Arc<Services>, OpenError> {
        todo!()
    }

    /// How services reach sessions; until it is set, nothing is delivered.
    pub fn set_deliver(&self, deliver: Arc<dyn Deliver>) {
        todo!()
    }

    /// Names of programs and publishers for sheets; until it is set, ids stand in their place.
    pub fn set_directory(&self, directory: Arc<dyn Directory>) {
        todo!()
    }

    /// Writes a checkpoint. Call it last; calls after it fail.
    pub async fn shutdown(&self) {
        todo!()
    }

    // People.

    /// A fresh person with a balance, erased at reset. `language` is BCP 47.
    ///
    /// # Errors
    /// "failed" when it could not be made durable.
    pub async fn create_visitor(&self, language: &str) -> Result<Person, Failure> {
        todo!()
    }

    /// A person who signs in by code and PIN. The same code again answers the person who has it.
    ///
    /// # Errors
    /// "invalid" for a malformed code or PIN; "taken" when the code is another name's.
    pub async fn create_person(&self, new: NewPerson) -> Result<Person, Failure> {
        todo!()
    }

    /// Who has that code and PIN.
    ///
    /// # Errors
    /// "denied" when they do not match (the same for a code that nobody has); "limit" while locked out, with "retry-after-ms".
    pub async fn sign_in(&self, code: &str, pin: &str) -> Result<Person, Failure> {
        todo!()
    }

    /// A person, none after they were forgotten.
    pub fn person(&self, id: &PersonId) -> Option<Person> {
        todo!()
    }

    /// All people, for the operator: oldest first.
    pub fn people(&self) -> Vec<Person> {
        todo!()
    }

    /// Remembers the language for messages.
    ///
    /// # Errors
    /// "not-found".
    pub async fn set_language(&self, id: &PersonId, language: &str) -> Result<(), Failure> {
        todo!()
    }

    /// Erases a person: key destroyed, projections removed. Ledger and audit stay under a pseudonym.
    ///
    /// # Errors
    /// "failed" when it could not be made durable.
    pub async fn forget(&self, id: &PersonId) -> Result<Erased, Failure> {
        todo!()
    }

    /// Roles that the publisher gave to the person, such as "kitchen"; sorted.
    pub fn roles(&self, person: &PersonId, publisher: &PublisherId) -> Vec<String> {
        todo!()
    }

    /// Gives or takes a role.
    ///
    /// # Errors
    /// "invalid", "not-found".
    pub async fn set_role(&self, person: &PersonId, publisher: &PublisherId, role: &str, granted: bool) -> Result<(), Failure> {
        todo!()
    }

    /// Adds to a wallet from the host's funding account; the same key again does nothing. Answers the balance.
    ///
    /// # Errors
    /// "not-found"; "taken" when the key was used for another person or amount; "invalid" for an amount out of bounds.
    pub async fn top_up(&self, person: &PersonId, amount: u64, idempotency_key: &str) -> Result<u64, Failure> {
        todo!()
    }

    /// The person as that program knows them.
    pub fn open_id(&self, person: &PersonId, program: &ProgramId) -> OpenId {
        todo!()
    }

    /// The person as that publisher's programs know them.
    pub fn union_id(&self, person: &PersonId, publisher: &PublisherId) -> OpenId {
        todo!()
    }

    // Merchants.

    /// Enrols a merchant, or the publisher itself (empty id), under its stored name. Again: renames it.
    ///
    /// # Errors
    /// "invalid" for a malformed id or name.
    pub async fn enrol_merchant(&self, merchant: Merchant) -> Result<(), Failure> {
        todo!()
    }

    /// Merchants of a publisher with what they took in, in minor units.
    pub fn merchants(&self, publisher: &PublisherId) -> Vec<(Merchant, u64)> {
        todo!()
    }

    // What a person sees and decides.

    /// Answers a sheet. Only the session that it was shown to may, and only once.
    ///
    /// # Errors
    /// "not-found" for a sheet that is not open there; "denied" for a wrong PIN (the sheet stays open); "limit" while locked out.
    /// A payment that could not be made (balance, a conflicting row) is `Ok`: its outcome says so.
    pub async fn answer(&self, session: SessionId, sheet: SheetId, answer: Answer) -> Result<(), Failure> {
        todo!()
    }

    /// What the screen scanned for a program, or `None` when the person closed the scanner. `page` and `scene` if it is a code
    /// of the same program.
    ///
    /// # Errors
    /// "not-found" when no scan with that ticket is open in the session.
    pub async fn scanned(&self, session: SessionId, ticket: Ticket, text: Option<&str>, own: Option<(&str, &str)>) -> Result<(), Failure> {
        todo!()
    }

    /// Messages after a sequence number, oldest first.
    pub async fn inbox(&self, person: &PersonId, after: u64) -> Vec<Message> {
        todo!()
    }

    /// Marks messages as read, up to and with that one. Answers how many are unread.
    ///
    /// # Errors
    /// "not-found".
    pub async fn mark_read(&self, person: &PersonId, sequence: u64) -> Result<u64, Failure> {
        todo!()
    }

    /// Receipts of a person, newest first.
    pub async fn receipts(&self, person: &PersonId) -> Vec<Receipt> {
        todo!()
    }

    /// Whether the document is a receipt of this host, unaltered.
    pub fn verify_receipt(&self, document: &str) -> bool {
        todo!()
    }

    /// What a person decided, by program and scope.
    pub fn consents(&self, person: &PersonId) -> Vec<ConsentRow> {
        todo!()
    }

    /// Grants or withdraws a scope. A withdrawal bites at the next call; running sessions get a "settings" event.
    ///
    /// # Errors
    /// "not-found" when the person was never asked for it.
    pub async fn set_consent(&self, person: &PersonId, program: &ProgramId, scope: &str, granted: bool) -> Result<(), Failure> {
        todo!()
    }

    // What an operator and an inspector see.

    /// Counts one. Orders and turnover are counted by the payment itself.
    pub fn count(&self, counter: Counter) {
        todo!()
    }

    /// Counts of the current day (UTC).
    pub fn day_counts(&self) -> DayCounts {
        todo!()
    }

    /// The last lines that a live session logged.
    pub fn log_lines(&self, session: SessionId) -> Vec<LogLine> {
        todo!()
    }
}
