//! What is known of programs and publishers, for whoever looks.

use crate::installed::Installed;
use std::fmt;
use std::sync::Arc;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Channel, Digest, PublicKey, ShortId};

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Which program.
    pub program: ProgramId,
    /// `version.code`.
    pub version: u32,
    /// Identifies content and publisher.
    pub digest: Digest,
    /// Key id of who signed it.
    pub publisher: PublisherId,
    /// For whom that version is.
    pub channel: Channel,
    /// False: exactly this is installed already; which version opens was left as it is.
    pub changed: bool,
}

/// A publisher that the operator has allowed, now or once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// Key id.
    pub id: PublisherId,
    /// Shown to people; the operator gave it.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Whether their programs open.
    pub allowed: bool,
    /// Programs of theirs that are installed.
    pub programs: Vec<ProgramId>,
}

/// A publisher whom nobody allowed, and of whom somebody wanted a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The key, which verified what the registry says of the program.
    pub key: PublicKey,
    /// Which program.
    pub program: ProgramId,
    /// The registry that has it.
    pub registry: String,
}

/// An installed program.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What opens; the trial where nothing was released.
    pub current: Arc<Installed>,
    /// Whether everybody can open it: it is released, and was not withdrawn.
    pub open: bool,
    /// Name of the publisher.
    pub publisher_name: String,
    /// Whether the publisher is allowed.
    pub allowed: bool,
    /// `version.code` that [`rollback`](crate::Registry::rollback) would go back to.
    pub previous: Option<u32>,
    /// Its trial version.
    pub trial: Option<Arc<Installed>>,
    /// The operator chose the version: what comes over the network leaves it.
    pub held: bool,
    /// The registry that it is fetched from; none: it was published here.
    pub origin: Option<String>,
    /// All versions that are here or that its publisher states, by code.
    pub versions: Vec<ListedVersion>,
}

/// A version of an installed program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// `version.code`.
    pub code: u32,
    /// `version.name`.
    pub name: String,
    /// As its publisher states it; where nothing is stated, as it was published.
    pub channel: Channel,
    /// Which package.
    pub digest: Digest,
    /// Whether it is on this machine.
    pub here: bool,
    /// Withdrawn by its publisher, and why.
    pub yanked: Option<String>,
}

/// A program by one of its two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramRef {
    /// By `app_id`.
    Id(ProgramId),
    /// As in a scan code.
    Short(ShortId),
}

impl fmt::Display for ProgramRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramRef::Id(id) => id.fmt(f),
            ProgramRef::Short(id) => id.fmt(f),
        }
    }
}

impl From<ProgramId> for ProgramRef {
    fn from(id: ProgramId) -> Self {
        ProgramRef::Id(id)
    }
}
impl From<&ProgramId> for ProgramRef {
    fn from(id: &ProgramId) -> Self {
        ProgramRef::Id(id.clone())
    }
}
impl From<ShortId> for ProgramRef {
    fn from(id: ShortId) -> Self {
        ProgramRef::Short(id)
    }
}

/// What a host hands out to others: an index of statements.
#[derive(Clone, Debug)]
pub struct Listing {
    /// As [`parse_index`](crate::source::parse_index) reads it.
    pub bytes: Arc<[u8]>,
    /// Changes whenever that does.
    pub tag: String,
}
