//! What happens to a program.

use crate::value::{Fields, Scalar, Ticket};
use serde::{Deserialize, Serialize};

/// Something happened; see the contract for the codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// What happened, such as "tap" or "completed".
    pub code: String,
    /// The program's number of the handler; 0 when it is for none.
    #[serde(default)]
    pub handler: u32,
    /// The ticket that it completes or belongs to; 0 when none.
    #[serde(default)]
    pub ticket: u64,
    /// Details.
    #[serde(default)]
    pub fields: Fields,
    /// A payload too large or too structured for fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<u8>,
}

impl Event {
    /// With nothing but a code.
    pub fn new(code: &str) -> Self {
        Event {
            code: code.to_owned(),
            handler: 0,
            ticket: 0,
            fields: Fields::new(),
            body: Vec::new(),
        }
    }

    /// The outcome of a ticket.
    pub fn completed(ticket: Ticket, fields: Fields) -> Self {
        Event {
            ticket: ticket.0,
            fields,
            ..Event::new("completed")
        }
    }

    /// With one more field.
    pub fn with(mut self, name: &str, value: impl Into<Scalar>) -> Self {
        self.fields.set(name, value);
        self
    }
}

/// How a session begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Launch {
    /// Path of the page, such as "pages/menu".
    pub page: String,
    /// Its parameters, by name.
    pub query: Vec<(String, String)>,
    /// At most 12 bytes from the scan code, such as "T7"; empty when none.
    pub scene: String,
    /// Why: "scan", "link", "list", "card", "program", "resume".
    pub cause: String,
    /// BCP 47, such as "zh-CN" or "en".
    pub language: String,
    /// "ltr" or "rtl".
    pub direction: String,
    /// Roles that the publisher gave to the person, such as "staff".
    pub roles: Vec<String>,
    /// Open id of who shared it; empty when nobody.
    pub referrer: String,
    /// Program that opened this one; empty when none.
    pub from_program: String,
    /// What wallets here hold, ISO 4217.
    pub currency: String,
}

impl Launch {
    /// As the contract's `launched` takes it.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new()
            .with("page", self.page.as_str())
            .with("scene", self.scene.as_str())
            .with("cause", self.cause.as_str())
            .with("language", self.language.as_str())
            .with("direction", self.direction.as_str())
            .with("roles", self.roles.join(" "))
            .with("referrer", self.referrer.as_str())
            .with("from-program", self.from_program.as_str())
            .with("currency", self.currency.as_str())
            .with("contract", "1.0");
        for (name, value) in &self.query {
            fields.set(format!("query.{name}"), value.as_str());
        }
        fields
    }
}

/// The instance's lifecycle, after W3C MiniApp Lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// On the stage.
    Shown,
    /// Not on the stage; suspended soon.
    Hidden,
    /// About to be dropped; the last call but `save-state`.
    Unloaded,
}

impl Phase {
    /// As the contract's `lifecycle` takes it.
    pub fn code(self) -> &'static str {
        match self {
            Phase::Shown => "shown",
            Phase::Hidden => "hidden",
            Phase::Unloaded => "unloaded",
        }
    }
}

/// Bytes that outlive an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedState {
    /// The program's own number for their shape.
    pub schema: u32,
    /// Opaque to the host.
    pub bytes: Vec<u8>,
}
