//! What the host draws when a person must decide: always from stored values, never from a program's pixels.

use crate::caller::ProgramId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Identifies a sheet while it is open. Random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SheetId(pub u64);

impl Serialize for SheetId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for SheetId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        u64::from_str_radix(&text, 16).map(SheetId).map_err(serde::de::Error::custom)
    }
}

/// A decision that is asked of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sheet {
    /// Named by the answer.
    pub id: SheetId,
    /// The program's name in the person's language, from its manifest.
    pub program: String,
    /// The publisher's or the merchant's stored name.
    pub publisher: String,
    /// What is asked.
    #[serde(flatten)]
    pub kind: SheetKind,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum SheetKind {
    /// Grant scopes to the program.
    Consent {
        /// What is asked for.
        scopes: Vec<ScopeLine>,
        /// The program can't do without them: all are accepted before its first run, or it does not run.
        #[serde(default)]
        required: bool,
    },
    /// Allow message templates, each on its own.
    Subscribe {
        /// Name and title of each.
        templates: Vec<(String, String)>,
        /// Names of those of which one yes is for one message.
        #[serde(default)]
        once: Vec<String>,
    },
    /// Pay an order.
    Payment {
        /// Stored name of who is paid.
        payee: String,
        /// Decimal amount, such as "36.00".
        amount: String,
        /// ISO 4217.
        currency: String,
        /// One sentence from the program, shown as its words.
        purpose: String,
        /// Title, quantity and decimal amount of each line.
        lines: Vec<(String, u32, String)>,
        /// The person's balance before, decimal.
        balance: String,
        /// Whether the balance is enough.
        affordable: bool,
        /// Whether the answer must carry the person's PIN.
        #[serde(default)]
        pin: bool,
        /// What becomes of the money, where it is not simply paid.
        #[serde(default)]
        terms: Box<SheetTerms>,
    },
    /// Send a card of the program into a conversation.
    Share {
        /// The program's words, shown as its words.
        title: String,
        /// The same; may be empty.
        summary: String,
        /// Conversations of which the person chooses one.
        chats: Vec<ChatChoice>,
    },
    /// Open a page of another program.
    Open {
        /// Its stored name.
        target: String,
        /// Stored name of its publisher.
        target_publisher: String,
        /// What is opened.
        opens: OpenTarget,
    },
}

/// A conversation that a card may go into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatChoice {
    /// Which; the answer's `chosen` names it.
    pub chat: String,
    /// Its title; may be empty.
    pub title: String,
    /// Of many; otherwise of two.
    pub group: bool,
    /// How many are in it.
    pub members: u32,
}

/// A page of another program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenTarget {
    /// Which program.
    pub program: ProgramId,
    /// Path of the page; never empty.
    pub page: String,
    /// Its parameters, by name: what the program that asks tells the other one.
    pub query: Vec<(String, String)>,
}

/// What becomes of the money on a payment sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SheetTerms {
    /// "pay", "transfer" (to a person), "escrow", "deposit", "pool", "packet", "payout" (out of a merchant's account); and of money that is
    /// held or was paid already: "release" (to the payee), "charge" (a part of a deposit), "refund" (out of the person's own wallet).
    pub mode: String,
    /// Until when it is held, in milliseconds since 1970; 0: it is not.
    pub until: u64,
    /// What happens then: "cancel" (back to the payer), "capture" (to the payee).
    pub at_expiry: String,
    /// What the publisher keeps of it, decimal; empty: nothing.
    pub fee: String,
    /// People of a pool, or shares of a packet.
    pub count: u32,
    /// What is left of the spending authorisation that covers this payment, decimal: a tap is enough. Empty: none does.
    pub spending_left: String,
    /// Until when that stands, in milliseconds since 1970; 0: none.
    pub spending_until: u64,
    /// Limits of which the person may choose one with their PIN, decimal: further payments to this payee need a tap only, up to it.
    /// Empty: none is offered.
    pub spending_limits: Vec<String>,
    /// For how long that would stand, in milliseconds.
    pub spending_ms: u64,
}

/// A scope on a consent sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeLine {
    /// Such as "identity.nickname".
    pub scope: String,
    /// The manifest's reason in the person's language.
    pub reason: String,
    /// The value that would be given, such as the nickname; empty when there is none.
    pub value: String,
}

/// What the person decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Yes or no; no is always possible.
    pub accepted: bool,
    /// For consent and subscriptions: the scopes or templates that were chosen.
    #[serde(default)]
    pub chosen: Vec<String>,
    /// For consent to profile fields: values to give instead of the person's own, by scope; empty text gives none.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// For payment, where the person has one: their PIN.
    #[serde(default)]
    pub pin: String,
    /// For payment with a PIN: the chosen one of the sheet's `spending_limits`; empty: no authorisation is opened.
    #[serde(default)]
    pub spending: String,
}
