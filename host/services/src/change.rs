//! Entries of the log.

use crate::blob::Blob;
use crate::flow::FlowChange;
use crate::model::{DayCounts, Names};
use crate::state::{Notice, OrderState, RowState};
use serde::{Deserialize, Serialize};
use youji_api::{OpenId, PersonId, ProgramId, PublisherId};
use youji_ledger::{Account, Transfer};

/// Everything that one act changes, whole or not at all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) changes: Vec<Change>,
}

/// One change. Never reuse a name; give new members a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Change {
    Account(Account),
    Transfers(Vec<Transfer>),
    Person {
        person: PersonId,
        visitor: bool,
        language: String,
        code: Option<String>,
        has_pin: bool,
        profile: Blob,
    },
    Language {
        person: PersonId,
        language: String,
    },
    Tries {
        person: PersonId,
        tries: u32,
        locked_until: u64,
    },
    Gone {
        person: PersonId,
    },
    Role {
        person: PersonId,
        publisher: PublisherId,
        role: String,
        granted: bool,
    },
    Merchant {
        publisher: PublisherId,
        merchant: String,
        name: Names,
    },
    Known {
        person: PersonId,
        program: ProgramId,
        open_id: OpenId,
    },
    Consent {
        person: PersonId,
        program: ProgramId,
        scope: String,
        granted: bool,
        at: u64,
        /// How it was asked for; none: it was changed on the person's own page.
        #[serde(default)]
        notice: Option<Notice>,
        /// The value that the person gives instead of their own, sealed with their key for this program.
        #[serde(default)]
        given: Option<Blob>,
    },
    /// How many messages of a template a person still takes.
    Left {
        person: PersonId,
        program: ProgramId,
        template: String,
        /// None: any number, as long as they allow it.
        left: Option<u32>,
    },
    /// The sealed profile, changed by the person.
    Profile {
        person: PersonId,
        profile: Blob,
    },
    /// A program forgets a person: what they have there goes, and they come back as somebody new.
    GoneIn {
        person: PersonId,
        program: ProgramId,
    },
    Stored {
        person: PersonId,
        program: ProgramId,
        key: String,
        bytes: u32,
        /// None: removed.
        value: Option<Blob>,
    },
    Row {
        program: ProgramId,
        collection: String,
        key: String,
        row: RowState,
        /// None: the value stays, a stamp changed.
        value: Option<Blob>,
    },
    RowGone {
        program: ProgramId,
        collection: String,
        key: String,
    },
    Order {
        program: ProgramId,
        order_no: String,
        order: OrderState,
        /// The sealed order; none: it stays.
        body: Option<Blob>,
    },
    /// Of money that is held.
    Flow(FlowChange),
    /// Of merchants' keys and intents.
    Trade(crate::trade::state::TradeChange),
    Outcome {
        person: PersonId,
        program: ProgramId,
        ticket: u64,
        event: Blob,
        /// At most so many are kept.
        keep: usize,
    },
    Taken {
        person: PersonId,
        program: ProgramId,
        ticket: u64,
    },
    Message {
        person: PersonId,
        expires: u64,
        message: Blob,
        keep: usize,
        /// Person and program that sent it, with its client id and the hash of the content; none: the host.
        sender: Option<(PersonId, ProgramId, String, String)>,
    },
    /// A line of a conversation came, or a question about one (number 0): its place in a mailbox. What it says stands with the conversation.
    Pointer {
        person: PersonId,
        chat: crate::chat::ChatId,
        number: u64,
        expires: u64,
        /// At most so many are kept.
        keep: usize,
    },
    /// Of conversations.
    Chat(crate::chat::state::ChatChange),
    /// What compaction leaves of a message whose recipient is gone: its sender may still repeat it.
    Sent {
        person: PersonId,
        program: ProgramId,
        client_id: String,
        hash: String,
        /// At the recipient's.
        sequence: u64,
    },
    Read {
        person: PersonId,
        sequence: u64,
    },
    Receipt {
        person: PersonId,
        receipt: Blob,
    },
    Saved {
        person: PersonId,
        program: ProgramId,
        expires: u64,
        /// None: nothing is kept.
        state: Option<Blob>,
    },
    Counted {
        day: u64,
        counts: DayCounts,
    },
    LoginCode {
        hash: String,
        code: crate::login::LoginCode,
        /// At most so many of one person in one program.
        keep: usize,
    },
    LoginCodeUsed {
        hash: String,
    },
    /// A use of personal data.
    Audit {
        person: PersonId,
        program: Option<ProgramId>,
        act: String,
        about: Vec<String>,
        /// What the person was told it is for, sealed.
        #[serde(default)]
        purpose: Option<Blob>,
        /// Minor units and ISO 4217, where it is about money.
        #[serde(default)]
        amount: Option<(u64, String)>,
    },
}
