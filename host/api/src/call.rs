//! Every host call as a value.
//!
//! One enum rather than a method each: the gate, a recorder and a fake handle all calls in one place, and a
//! call that is added to the contract does not compile until each of them says what it does with it.

use crate::value::{Fields, Ticket};
use serde::{Deserialize, Serialize};

/// An interface of the contract that the host implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "named as in the contract, where each is described")]
pub enum Capability {
    Identity,
    Payment,
    Messaging,
    Storage,
    Records,
    Timer,
    Navigation,
    Scanner,
    Location,
    Clock,
    Random,
    Log,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 12] = [
        Capability::Identity,
        Capability::Payment,
        Capability::Messaging,
        Capability::Storage,
        Capability::Records,
        Capability::Timer,
        Capability::Navigation,
        Capability::Scanner,
        Capability::Location,
        Capability::Clock,
        Capability::Random,
        Capability::Log,
    ];

    /// The interface's name in the contract, which is also the permission's name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Capability::Identity => "identity",
            Capability::Payment => "payment",
            Capability::Messaging => "messaging",
            Capability::Storage => "storage",
            Capability::Records => "records",
            Capability::Timer => "timer",
            Capability::Navigation => "navigation",
            Capability::Scanner => "scanner",
            Capability::Location => "location",
            Capability::Clock => "clock",
            Capability::Random => "random",
            Capability::Log => "log",
        }
    }

    /// The capability of that name.
    pub fn from_name(name: &str) -> Option<Capability> {
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Shown on the sheet.
    pub title: String,
    /// How many.
    pub quantity: u32,
    /// In minor units, for all of `quantity`.
    pub amount: u64,
    /// "kind": "item" (unless told), "discount" (subtracted), "fee", "tax".
    #[serde(default)]
    pub options: Fields,
}

/// What a program asks to be paid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The program's idempotency key.
    pub order_no: String,
    /// A merchant id enrolled under the publisher; empty: the publisher itself.
    pub merchant: String,
    /// In minor units: the sum of the lines, discounts subtracted.
    pub amount: u64,
    /// ISO 4217.
    pub currency: String,
    /// What it is for.
    pub lines: Vec<OrderLine>,
    /// "purpose", "record", "mode" and the others that the contract lists.
    pub options: Fields,
}

/// A row of a shared collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Unique in its collection.
    pub key: String,
    /// Opaque to the host.
    pub value: Vec<u8>,
    /// Rises by one at each write and each stamp; starts at 1.
    pub version: u64,
    /// Set by the host only: "owner", "writer", "created-at", "written-at", "paid-receipt" and its kin.
    pub stamps: Fields,
}

/// A host call, one variant a function of the contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "members are named as in the contract, where each is described")]
pub enum Call {
    IdentityOpenId,
    IdentityUnionId,
    IdentityProfile {
        names: Vec<String>,
        options: Fields,
    },
    IdentityLoginCode {
        options: Fields,
    },
    PaymentPay(Order),
    PaymentLookup {
        order_no: String,
        options: Fields,
    },
    PaymentAct {
        order_no: String,
        action: String,
        options: Fields,
    },
    MessagingSubscribe {
        templates: Vec<String>,
        options: Fields,
    },
    MessagingSend {
        to: String,
        template: String,
        fields: Fields,
        client_id: String,
        options: Fields,
    },
    MessagingShare {
        title: String,
        page: String,
        query: Fields,
        options: Fields,
    },
    StorageGet {
        key: String,
    },
    StorageSet {
        key: String,
        value: Vec<u8>,
    },
    StorageRemove {
        key: String,
    },
    StorageKeys,
    RecordsGet {
        collection: String,
        key: String,
    },
    RecordsPut {
        collection: String,
        key: String,
        expected: u64,
        value: Vec<u8>,
        options: Fields,
    },
    RecordsRemove {
        collection: String,
        key: String,
        expected: u64,
    },
    RecordsList {
        collection: String,
        options: Fields,
    },
    RecordsWatch {
        collection: String,
        options: Fields,
    },
    RecordsUnwatch {
        ticket: Ticket,
    },
    TimerWakeAfter {
        milliseconds: u64,
    },
    TimerCancel {
        ticket: Ticket,
    },
    NavigationPush {
        path: String,
        query: Fields,
    },
    NavigationReplace {
        path: String,
        query: Fields,
    },
    NavigationBack,
    NavigationClose,
    NavigationOpen {
        program: String,
        path: String,
        query: Fields,
    },
    ScannerScan {
        options: Fields,
    },
    LocationLocate {
        options: Fields,
    },
    ClockNow,
    RandomBytes {
        length: u32,
    },
    LogWrite {
        level: String,
        message: String,
    },
}

impl Call {
    /// Interface and function as in the contract, such as `("payment", "pay")`.
    pub fn name(&self) -> (Capability, &'static str) {
        use Capability as C;
        match self {
            Call::IdentityOpenId => (C::Identity, "open-id"),
            Call::IdentityUnionId => (C::Identity, "union-id"),
            Call::IdentityProfile { .. } => (C::Identity, "profile"),
            Call::IdentityLoginCode { .. } => (C::Identity, "login-code"),
            Call::PaymentPay(_) => (C::Payment, "pay"),
            Call::PaymentLookup { .. } => (C::Payment, "lookup"),
            Call::PaymentAct { .. } => (C::Payment, "act"),
            Call::MessagingSubscribe { .. } => (C::Messaging, "subscribe"),
            Call::MessagingSend { .. } => (C::Messaging, "send"),
            Call::MessagingShare { .. } => (C::Messaging, "share"),
            Call::StorageGet { .. } => (C::Storage, "get"),
            Call::StorageSet { .. } => (C::Storage, "set"),
            Call::StorageRemove { .. } => (C::Storage, "remove"),
            Call::StorageKeys => (C::Storage, "keys"),
            Call::RecordsGet { .. } => (C::Records, "get"),
            Call::RecordsPut { .. } => (C::Records, "put"),
            Call::RecordsRemove { .. } => (C::Records, "remove"),
            Call::RecordsList { .. } => (C::Records, "list"),
            Call::RecordsWatch { .. } => (C::Records, "watch"),
            Call::RecordsUnwatch { .. } => (C::Records, "unwatch"),
            Call::TimerWakeAfter { .. } => (C::Timer, "wake-after"),
            Call::TimerCancel { .. } => (C::Timer, "cancel"),
            Call::NavigationPush { .. } => (C::Navigation, "push"),
            Call::NavigationReplace { .. } => (C::Navigation, "replace"),
            Call::NavigationBack => (C::Navigation, "back"),
            Call::NavigationClose => (C::Navigation, "close"),
            Call::NavigationOpen { .. } => (C::Navigation, "open"),
            Call::ScannerScan { .. } => (C::Scanner, "scan"),
            Call::LocationLocate { .. } => (C::Location, "locate"),
            Call::ClockNow => (C::Clock, "now"),
            Call::RandomBytes { .. } => (C::Random, "bytes"),
            Call::LogWrite { .. } => (C::Log, "write"),
        }
    }

    /// The capability that it belongs to.
    pub fn capability(&self) -> Capability {
        self.name().0
    }

    /// Scopes that the person must have granted; empty when declaring the capability is enough.
    pub fn scopes(&self) -> Vec<String> {
        match self {
            Call::IdentityProfile { names, .. } => names.iter().map(|name| format!("identity.{name}")).collect(),
            Call::ScannerScan { .. } => vec!["scanner".to_owned()],
            Call::LocationLocate { .. } => vec!["location".to_owned()],
            _ => Vec::new(),
        }
    }

    /// Whether it puts something in front of the person, so that it may only follow a tap or a payment.
    pub fn prompts(&self) -> bool {
        matches!(
            self,
            Call::IdentityProfile { .. }
                | Call::PaymentPay(_)
                | Call::PaymentAct { .. }
                | Call::MessagingSubscribe { .. }
                | Call::MessagingShare { .. }
                | Call::NavigationOpen { .. }
                | Call::ScannerScan { .. }
                | Call::LocationLocate { .. }
        )
    }
}

/// What a host call returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Nothing more to say.
    Done,
    /// The outcome comes later.
    Ticket(Ticket),
    /// An id or a code.
    Text(String),
    /// A stored value, or none.
    Bytes(Option<Vec<u8>>),
    /// Keys in order.
    Keys(Vec<String>),
    /// A row, or none.
    Row(Option<Row>),
    /// Rows in key order.
    Rows(Vec<Row>),
    /// A version, a sequence number, or milliseconds since 1970.
    Number(u64),
    /// An order's state.
    Fields(Fields),
}
