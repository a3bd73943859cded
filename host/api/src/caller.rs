//! Who calls. Stamped by the host from the session; never read from an argument.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// A person on this host: random, never shown to a program.
    PersonId
);
text_id!(
    /// A mini-program's `app_id`: `[a-z0-9.-]`, compared by code point.
    ProgramId
);
text_id!(
    /// Who signed: the key id of the publisher's Ed25519 key.
    PublisherId
);
text_id!(
    /// A person as one program knows them.
    OpenId
);

/// One person using one instance of one program. Random; not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who makes a host call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The session that the call came from.
    pub session: SessionId,
    /// The person in front of it.
    pub person: PersonId,
    /// The program.
    pub program: ProgramId,
    /// Who signed it.
    pub publisher: PublisherId,
    /// Roles that the publisher gave to the person, such as "staff".
    pub roles: Arc<[String]>,
    /// What the manifest requests.
    pub requested: Arc<Requested>,
    /// Language of the session, BCP 47.
    pub language: Arc<str>,
}

impl Caller {
    /// Whether the person has that role here.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }
}

/// What a manifest requests, in the form in which the gate and the services need it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requested {
    /// Capabilities and scopes with the reason shown to the person: "payment", "identity.nickname".
    pub permissions: Vec<(String, String)>,
    /// Scopes among them that the program can't do without: asked for before its first run.
    pub required: Vec<String>,
    /// Shared collections.
    pub collections: Vec<CollectionRule>,
    /// Message templates.
    pub templates: Vec<TemplateRule>,
    /// Paths of all pages; the first is home.
    pub pages: Vec<String>,
}

impl Requested {
    /// Whether the manifest requests the capability itself or one of its scopes.
    pub fn has_capability(&self, capability: &str) -> bool {
        self.permissions
            .iter()
            .any(|(name, _)| name == capability || name.strip_prefix(capability).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The reason given for exactly that scope.
    pub fn reason(&self, scope: &str) -> Option<&str> {
        self.permissions
            .iter()
            .find(|(name, _)| name == scope)
            .map(|(_, reason)| reason.as_str())
    }
}

/// Who may read and write a shared collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionRule {
    /// Its name: letters a-z, digits and "-", at most 32.
    pub name: String,
    /// Who may read a row.
    pub readers: Vec<Audience>,
    /// Who may replace or remove a row; anybody may create one unless only `Staff` stands here.
    pub writers: Vec<Audience>,
}

/// Who, relative to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Who created the row.
    Owner,
    /// The people whom its writer named.
    Party,
    /// People with a role from the publisher.
    Staff,
    /// Everyone who uses the program.
    Everyone,
}

/// A kind of message that a program may send to people who allowed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateRule {
    /// Its name: letters a-z, digits and "-", at most 32.
    pub name: String,
    /// By language (BCP 47): a title, shown on the sheet that asks and above the message.
    pub title: std::collections::BTreeMap<String, String>,
    /// By language: the text, with `{name}` where a field goes.
    pub text: std::collections::BTreeMap<String, String>,
    /// Page that the message opens; empty: home.
    #[serde(default)]
    pub page: String,
    /// For how many messages one yes is.
    #[serde(default)]
    pub kind: TemplateKind,
}

/// For how many messages one yes of a person is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateKind {
    /// One: the program asks again for the next.
    OneTime,
    /// Until the person takes it back.
    #[default]
    LongTerm,
}
