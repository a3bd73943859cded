//! Plain values that services hand to a kiosk.

use serde::{Deserialize, Serialize};
use youji_api::{PersonId, ProgramId, PublisherId};

/// A name in both languages of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Names {
    /// From both.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Names {
            zh: zh.into(),
            en: en.into(),
        }
    }

    /// In that language; English for one that is not Chinese.
    pub fn in_language(&self, language: &str) -> &str {
        let zh = language == "zh" || language.starts_with("zh-");
        if (zh && !self.zh.is_empty()) || self.en.is_empty() {
            &self.zh
        } else {
            &self.en
        }
    }
}

/// The secret sign of a person, shown on sheets that the host draws and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// Name of the picture.
    pub picture: String,
    /// Its word.
    pub word: Names,
}

/// A person as their own screen shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Random; never shown to a program.
    pub id: PersonId,
    /// Nickname.
    pub name: String,
    /// Erased at reset.
    pub visitor: bool,
    /// Code to sign in with; empty for visitors.
    pub code: String,
    /// Whether a payment asks for a PIN.
    pub has_pin: bool,
    /// BCP 47.
    pub language: String,
    /// In minor units.
    pub balance: u64,
    /// ISO 4217.
    pub currency: String,
    /// Their secret sign.
    pub sign: Sign,
    /// They chose it themselves; otherwise it was drawn for them.
    pub sign_chosen: bool,
    /// Messages that were not read.
    pub unread: u64,
    /// The number of the newest thing in their mailbox: who follows it from here on misses nothing.
    pub last_message: u64,
}

/// A person to be made by an operator.
#[derive(Clone, Debug, Default)]
pub struct NewPerson {
    /// Nickname.
    pub name: String,
    /// To sign in with; letters, digits and "-", at most 32; unique.
    pub code: String,
    /// 4 to 12 digits.
    pub pin: String,
    /// BCP 47.
    pub language: String,
    /// First top-up, in minor units.
    pub balance: u64,
    /// Profile fields beside the nickname: "avatar", "phone", "address", "region".
    pub profile: Vec<(String, String)>,
}

/// A message in an inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Rises by one for each message of a person.
    pub sequence: u64,
    /// Who sent it.
    pub program: ProgramId,
    /// Template, or "receipt" for the host's own.
    pub template: String,
    /// In the recipient's language.
    pub title: String,
    /// In the recipient's language.
    pub text: String,
    /// Page that it opens; empty: home.
    pub page: String,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Whether it was read.
    #[serde(default)]
    pub read: bool,
}

/// Proof of a payment, signed by the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its number, unique on this host.
    pub receipt: String,
    /// Stored name of who was paid.
    pub payee: Names,
    /// Publisher and merchant id.
    pub merchant: (PublisherId, String),
    /// In minor units.
    pub amount: u64,
    /// ISO 4217.
    pub currency: String,
    /// The program's order number.
    pub order: String,
    /// The program.
    pub program: ProgramId,
    /// The payer's open id for the program.
    pub payer: String,
    /// The program's sentence about it.
    pub purpose: String,
    /// Milliseconds since 1970.
    pub at: u64,
    /// State of the order when the document was signed: "succeeded", "requires_capture", "canceled"; empty on old ones: "succeeded".
    #[serde(default)]
    pub state: String,
    /// What reached the payee by then, in minor units.
    #[serde(default)]
    pub captured: u64,
    /// What went back of it by then, in minor units.
    #[serde(default)]
    pub refunded: u64,
    /// The signed JSON document, to be handed on as it is; see [`crate::Services::verify_receipt`].
    pub document: String,
}

/// A merchant enrolled under a publisher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// Under whom.
    pub publisher: PublisherId,
    /// Unique under the publisher; empty: the publisher itself.
    pub id: String,
    /// Shown on sheets and receipts.
    pub name: Names,
}

/// What a person decided about one scope of one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRow {
    /// The program.
    pub program: ProgramId,
    /// Such as "identity.nickname", or "message.ready" for a template.
    pub scope: String,
    /// Yes or no.
    pub granted: bool,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The purpose, as the sheet named it.
    pub reason: String,
    /// Whether the person gives another value than their own, or none.
    pub other: bool,
    /// For a template with one message for each yes: how many may still come.
    pub left: Option<u32>,
}

/// What a program keeps for a person, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InProgram {
    /// The program.
    pub program: ProgramId,
    /// Stored values.
    pub storage: u64,
    /// Rows that they own in shared collections.
    pub records: u64,
    /// Whether a saved state waits for their return.
    pub saved: bool,
    /// Orders, which stay when the program forgets them.
    pub orders: u64,
}

/// How much of each kind was erased, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Keys destroyed: 1, or 0 when there was no such person.
    pub keys: u64,
    /// Stored values.
    pub storage: u64,
    /// Rows owned in shared collections.
    pub records: u64,
    /// Messages.
    pub messages: u64,
    /// Consents.
    pub consents: u64,
    /// Saved states.
    pub saved: u64,
    /// Outcomes not taken.
    pub outcomes: u64,
    /// Receipts.
    pub receipts: u64,
    /// Sealed orders; the amounts stay in the ledger under a pseudonym.
    pub orders: u64,
    /// Roles.
    pub roles: u64,
    /// Conversations that they were in; what they said there is erased.
    pub chats: u64,
}

/// What is counted by day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Codes scanned.
    Scans,
    /// Programs opened.
    Opens,
    /// Orders paid; counted by the services.
    Orders,
    /// In minor units; counted by the services.
    Turnover,
    /// Programs ended by a fault.
    Faults,
    /// Sessions unloaded.
    Unloads,
}

/// Counts of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "described at `Counter`")]
pub struct DayCounts {
    pub scans: u64,
    pub opens: u64,
    pub orders: u64,
    pub turnover: u64,
    pub faults: u64,
    pub unloads: u64,
}

/// A line that a program logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at: u64,
    /// "debug", "info", "warn", "error".
    pub level: String,
    /// What it said.
    pub message: String,
}

impl DayCounts {
    pub(crate) fn add(&mut self, more: &DayCounts) {
        self.scans = self.scans.saturating_add(more.scans);
        self.opens = self.opens.saturating_add(more.opens);
        self.orders = self.orders.saturating_add(more.orders);
        self.turnover = self.turnover.saturating_add(more.turnover);
        self.faults = self.faults.saturating_add(more.faults);
        self.unloads = self.unloads.saturating_add(more.unloads);
    }
}
