//! Values on the wire: open lists of named scalars, so that old programs run on newer hosts.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value on the wire. Closed for good: anything else travels as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// UTF-8 text.
    Text(String),
}

impl Scalar {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Scalar::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The flag, if it is one.
    pub fn as_flag(&self) -> Option<bool> {
        match self {
            Scalar::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// Bytes that it occupies beside itself.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Scalar::Text(text) => text.len(),
            _ => 0,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Flag(flag) => flag.fmt(f),
            Scalar::Integer(number) => number.fmt(f),
            Scalar::Number(number) => number.fmt(f),
            Scalar::Text(text) => text.fmt(f),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Scalar::Text(text.to_owned())
    }
}
impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Scalar::Text(text)
    }
}
impl From<bool> for Scalar {
    fn from(flag: bool) -> Self {
        Scalar::Flag(flag)
    }
}
impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Scalar::Integer(number)
    }
}
impl From<f64> for Scalar {
    fn from(number: f64) -> Self {
        Scalar::Number(number)
    }
}

/// Named values; names are unique, order carries no meaning. A JSON object in JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(String, Scalar)>);

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more field; replaces one of the same name.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Scalar>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds a field or replaces the one of the same name.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Scalar>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Scalar> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The text of that name; empty when it is absent or of another kind.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Scalar::as_text).unwrap_or("")
    }

    /// The whole number of that name.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Scalar::as_integer)
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Scalar)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, V: Into<Scalar>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut all = Fields::new();
        for (name, value) in fields {
            all.set(name, value);
        }
        all
    }
}

impl Serialize for Fields {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(n, v)| (n, v)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and scalars")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::new();
                while let Some((name, value)) = map.next_entry::<String, Scalar>()? {
                    fields.set(name, value);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Something asked for now and answered later. Unique within a person and program; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// Why a call was refused. The code is stable; the message is for the author.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// One of [`codes`], or one that a later host adds.
    pub code: String,
    /// What was expected, what came, what to do: for the author.
    pub message: String,
    /// More of it, for programs.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
}

impl Failure {
    /// Without fields.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Failure {
            code: code.to_owned(),
            message: message.into(),
            fields: Fields::new(),
        }
    }
}

/// Codes of [`Failure`]. A program treats one that it does not know as [`FAILED`](codes::FAILED).
pub mod codes {
    /// The manifest does not request the capability or scope.
    pub const UNDECLARED: &str = "undeclared";
    /// The person said no; asking again is theirs to start.
    pub const DENIED: &str = "denied";
    /// The person has not been asked, and this call can't ask.
    pub const NOT_ASKED: &str = "not-asked";
    /// Only allowed while a tap is handled.
    pub const NEEDS_TAP: &str = "needs-tap";
    /// Imports can't be called inside `view`.
    pub const IN_VIEW: &str = "in-view";
    /// An argument is malformed; the message says which and why.
    pub const INVALID: &str = "invalid";
    /// A limit was reached; the message names it.
    pub const LIMIT: &str = "limit";
    /// No such record, order, ticket or page.
    pub const NOT_FOUND: &str = "not-found";
    /// Somebody else was first; read again.
    pub const CONFLICT: &str = "conflict";
    /// The order number is somebody else's, or stands for other content.
    pub const TAKEN: &str = "taken";
    /// The role or ownership for it is missing.
    pub const FORBIDDEN: &str = "forbidden";
    /// This host does not offer it.
    pub const UNSUPPORTED: &str = "unsupported";
    /// The balance is too small.
    pub const INSUFFICIENT: &str = "insufficient-funds";
    /// Nobody would get it: the recipient is not there, or takes nothing from the sender.
    pub const NO_RECIPIENT: &str = "no-recipient";
    /// All of it was taken, or its time is over.
    pub const NOTHING_LEFT: &str = "nothing-left";
    /// The host could not do it now; nothing was changed.
    pub const FAILED: &str = "failed";
    /// A payment needs the person's PIN: what they allowed without it is over, used up, or does not cover it.
    pub const PIN_REQUIRED: &str = "pin-required";
    /// The disk failed in the middle: not confirmed, and known only after the host was restarted. Look it up, don't repeat it.
    pub const IN_DOUBT: &str = "in-doubt";
}
