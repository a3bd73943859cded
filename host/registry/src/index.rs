//! Who may publish, which version of each program is current, and what publishers say of them.

use crate::error::RegistryError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Channel, Digest, PublicKey};

/// The format that is written.
const FORMAT: u32 = 2;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    format: u32,
    pub(crate) publishers: BTreeMap<PublisherId, PublisherRow>,
    pub(crate) programs: BTreeMap<ProgramId, ProgramRow>,
    /// Publishers whom nobody allowed yet, and of whom somebody wanted a program; the newest last.
    #[serde(default)]
    pub(crate) asked: Vec<AskedRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedRow {
    /// Public key in hexadecimal.
    pub(crate) key: String,
    pub(crate) program: ProgramId,
    /// The registry that has it.
    pub(crate) registry: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublisherRow {
    pub(crate) name: String,
    /// Public key in hexadecimal.
    pub(crate) key: String,
    pub(crate) allowed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramRow {
    pub(crate) publisher: PublisherId,
    /// None: there is only a trial.
    pub(crate) current: Option<VersionRow>,
    pub(crate) previous: Option<VersionRow>,
    /// Highest `version.code` that was ever current; rolling back does not lower it.
    pub(crate) highest: u32,
    #[serde(default)]
    pub(crate) trial: Option<VersionRow>,
    /// Highest `version.code` that ever was a trial.
    #[serde(default)]
    pub(crate) highest_trial: u32,
    /// The operator chose what is current: what comes from elsewhere leaves it.
    #[serde(default)]
    pub(crate) held: bool,
    /// The registry that it was fetched from; none: it was published here.
    #[serde(default)]
    pub(crate) origin: Option<String>,
    /// The newest that its publisher said of its versions, signed.
    #[serde(default)]
    pub(crate) statement: Option<String>,
}

impl ProgramRow {
    pub(crate) fn new(publisher: PublisherId, origin: Option<String>) -> ProgramRow {
        ProgramRow {
            publisher,
            current: None,
            previous: None,
            highest: 0,
            trial: None,
            highest_trial: 0,
            held: false,
            origin,
            statement: None,
        }
    }

    pub(crate) fn versions(&self) -> impl Iterator<Item = &VersionRow> {
        [&self.current, &self.previous, &self.trial].into_iter().flatten()
    }

    pub(crate) fn in_channel(&self, channel: Channel) -> Option<&VersionRow> {
        match channel {
            Channel::Release => self.current.as_ref(),
            Channel::Trial => self.trial.as_ref(),
        }
    }

    /// That version is current from now on; the one before can be gone back to.
    pub(crate) fn release(&mut self, version: VersionRow) {
        self.highest = self.highest.max(version.code);
        // Staff who scan a trial's code must not get what is older than what everybody has.
        self.trial = self.trial.take().filter(|trial| trial.code > version.code);
        if self.current.as_ref() != Some(&version) {
            self.previous = self.current.replace(version);
        }
    }

    pub(crate) fn try_out(&mut self, version: VersionRow) {
        self.highest_trial = self.highest_trial.max(version.code);
        self.trial = Some(version);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionRow {
    pub(crate) code: u32,
    pub(crate) digest: Digest,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index {
            format: FORMAT,
            publishers: BTreeMap::new(),
            programs: BTreeMap::new(),
            asked: Vec::new(),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Index, RegistryError> {
        let damaged = |why: String| RegistryError::DamagedIndex(why);
        let mut index: Index = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        // Format 1 knew neither trials nor statements, and lacks nothing else.
        if !(1..=FORMAT).contains(&index.format) {
            return Err(damaged(format!(
                "expected format {FORMAT} at most, found {}; it was written by a newer host",
                index.format
            )));
        }
        index.format = FORMAT;
        for (id, row) in &index.publishers {
            let key = PublicKey::from_hex(&row.key).map_err(|error| damaged(format!("publisher {id}: {error}")))?;
            if key.id() != *id {
                return Err(damaged(format!("publisher {id} has the key of {}", key.id())));
            }
        }
        if let Some((program, row)) = index
            .programs
            .iter()
            .find(|(_, row)| !index.publishers.contains_key(&row.publisher))
        {
            return Err(damaged(format!("{program} has the unknown publisher {}", row.publisher)));
        }
        Ok(index)
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, RegistryError> {
        serde_json::to_vec_pretty(self).map_err(|error| RegistryError::io("writing the registry's index")(error.into()))
    }

    pub(crate) fn refers_to(&self, digest: &Digest) -> bool {
        self.programs
            .values()
            .any(|row| row.versions().any(|version| version.digest == *digest))
    }
}
