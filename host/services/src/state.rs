//! The state that decisions are made on: small, in memory, without personal values.
//!
//! Values stand in the projection, sealed; here stand versions, sizes, rights and sums. Only [`State::apply`](crate::apply) changes it.

use crate::blob::Blob;
use crate::flow::{Flow, FlowState};
use crate::model::{DayCounts, Names};
use crate::sent::Sent;
use crate::shelf::{self, Shelf};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use youji_api::{OpenId, PersonId, ProgramId, PublisherId};
use youji_ledger::Ledger;

/// Everything that decisions look at.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) people: BTreeMap<PersonId, Arc<PersonState>>,
    /// Who has a code, by the code's keyed hash.
    pub(crate) codes: BTreeMap<String, PersonId>,
    /// Who stands behind an open id.
    pub(crate) open_ids: BTreeMap<ProgramId, BTreeMap<OpenId, PersonId>>,
    /// By the code's keyed hash.
    pub(crate) login_codes: BTreeMap<String, crate::login::LoginCode>,
    pub(crate) merchants: BTreeMap<PublisherId, BTreeMap<String, Names>>,
    /// By program, collection and key.
    pub(crate) rows: BTreeMap<ProgramId, BTreeMap<String, BTreeMap<String, RowState>>>,
    pub(crate) orders: BTreeMap<ProgramId, Shelf<String, Arc<OrderState>>>,
    pub(crate) flows: FlowState,
    pub(crate) trade: crate::trade::state::Trade,
    pub(crate) chats: crate::chat::state::Chats,
    /// By day since 1970.
    pub(crate) days: BTreeMap<u64, DayCounts>,
    /// Entry of the newest erasure: what is left of it in the log goes with the next compaction.
    pub(crate) erased: u64,
}

/// A person, without anything personal.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PersonState {
    pub(crate) visitor: bool,
    /// Entry that made the person: people in the order of their making.
    pub(crate) since: u64,
    pub(crate) language: String,
    /// Keyed hash of the code.
    pub(crate) code: Option<String>,
    pub(crate) has_pin: bool,
    /// The sealed [`crate::people::Profile`].
    pub(crate) profile: Blob,
    /// Wrong PINs in a row.
    pub(crate) tries: u32,
    /// Milliseconds since 1970.
    pub(crate) locked_until: u64,
    pub(crate) roles: BTreeSet<(PublisherId, String)>,
    pub(crate) programs: BTreeMap<ProgramId, PersonInProgram>,
    /// Expiry by sequence.
    pub(crate) messages: BTreeMap<u64, u64>,
    /// Expiry by sequence, of what a conversation has: beside the messages, so that much talk pushes none of them out.
    pub(crate) pointers: BTreeMap<u64, u64>,
    pub(crate) last_message: u64,
    pub(crate) read_to: u64,
    pub(crate) last_receipt: u64,
    pub(crate) audit: crate::audit::Chain,
    pub(crate) chats: BTreeSet<crate::chat::ChatId>,
    pub(crate) blocked: BTreeSet<PersonId>,
}

/// A person in one program.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PersonInProgram {
    pub(crate) open_id: Option<OpenId>,
    /// Decision and when, by scope.
    pub(crate) consents: BTreeMap<String, (bool, u64)>,
    /// Messages that a yes is still for, of templates with one message for each yes.
    pub(crate) left: BTreeMap<String, u32>,
    /// How each of them was asked for.
    pub(crate) notices: BTreeMap<String, Notice>,
    /// Values that are given instead of the person's own, sealed, by scope.
    pub(crate) given: BTreeMap<String, Blob>,
    /// How often the program forgot the person: names the key and the open id.
    pub(crate) generation: u32,
    /// Length of key and value, and of the sealed bytes, by the key's keyed hash.
    pub(crate) storage: BTreeMap<String, (u32, u32)>,
    /// Expiry and length of the sealed bytes.
    pub(crate) saved: Option<(u64, u32)>,
    /// Length of the sealed bytes, by ticket.
    pub(crate) outcomes: BTreeMap<u64, u32>,
    pub(crate) sent: Sent,
    #[serde(with = "shelf::keys")]
    pub(crate) orders: Shelf<String, ()>,
}

/// How a consent was asked for: the part of ISO/IEC TS 27560 that can't be derived later.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Notice {
    pub(crate) publisher: String,
    /// The purpose in the manifest's words, as the sheet showed it.
    pub(crate) reason: String,
    pub(crate) language: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
}

/// A row, without its value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RowState {
    pub(crate) version: u64,
    /// Entry that wrote the value: value and row belong together only if they name the same one.
    pub(crate) written: u64,
    pub(crate) owner: Option<PersonId>,
    pub(crate) owner_id: String,
    pub(crate) writer_id: String,
    pub(crate) created_at: u64,
    pub(crate) written_at: u64,
    /// Open ids, and "role:ROLE".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parties: Vec<String>,
    /// Collection and key of the row whose parties may read this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) under: Option<(String, String)>,
    /// Milliseconds since 1970; 0 for never.
    pub(crate) expires_at: u64,
    /// Sealed with the program's key instead of its owner's, and kept when the owner is forgotten: a row that everyone writes.
    pub(crate) common: bool,
    /// Whether its collection is read by staff: then a paid one outlives its owner for a day.
    pub(crate) staff_reads: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paid: Option<PaidStamp>,
}

/// What an order stamps on the row that it names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PaidStamp {
    pub(crate) order: String,
    pub(crate) receipt: String,
    pub(crate) state: String,
    pub(crate) amount: u64,
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) refunded: u64,
    /// Shares of a packet that are claimed.
    #[serde(default)]
    pub(crate) claims: u64,
}

/// An order's state, after the payment intents of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderPhase {
    /// Its sheet is open.
    RequiresConfirmation,
    /// The payer's money is held.
    RequiresCapture,
    Succeeded,
    /// Nothing moved, and nothing will unless the person is asked again; or what was held went back.
    Canceled,
}

impl OrderPhase {
    pub(crate) fn code(self) -> &'static str {
        match self {
            OrderPhase::RequiresConfirmation => "requires_confirmation",
            OrderPhase::RequiresCapture => "requires_capture",
            OrderPhase::Succeeded => "succeeded",
            OrderPhase::Canceled => "canceled",
        }
    }
}

/// An order, without what it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct OrderState {
    pub(crate) person: PersonId,
    /// Of the person in the program when it was asked for: who comes back after that is not known by it.
    #[serde(default)]
    pub(crate) generation: u32,
    /// Keyed hash of the content.
    pub(crate) hash: String,
    pub(crate) phase: OrderPhase,
    /// Of the last sheet that asked for it.
    pub(crate) ticket: u64,
    pub(crate) publisher: PublisherId,
    pub(crate) merchant: String,
    pub(crate) amount: u64,
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) receipt: String,
    #[serde(default)]
    pub(crate) at: u64,
    #[serde(default)]
    pub(crate) flow: Flow,
}

impl State {
    pub(crate) fn row(&self, program: &ProgramId, collection: &str, key: &str) -> Option<&RowState> {
        self.rows.get(program)?.get(collection)?.get(key)
    }

    pub(crate) fn order(&self, program: &ProgramId, order_no: &str) -> Option<&OrderState> {
        self.orders.get(program)?.get(order_no).map(Arc::as_ref)
    }

    pub(crate) fn in_program(&self, person: &PersonId, program: &ProgramId) -> Option<&PersonInProgram> {
        self.people.get(person)?.programs.get(program)
    }

    /// How often the program forgot the person.
    pub(crate) fn generation(&self, person: &PersonId, program: &ProgramId) -> u32 {
        self.in_program(person, program).map_or(0, |mine| mine.generation)
    }

    pub(crate) fn who(&self, program: &ProgramId, open_id: &str) -> Option<&PersonId> {
        self.open_ids.get(program)?.get(&OpenId::from(open_id))
    }

    pub(crate) fn merchant(&self, publisher: &PublisherId, id: &str) -> Option<&Names> {
        self.merchants.get(publisher)?.get(id)
    }
}
