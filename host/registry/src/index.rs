//! Who may publish, and which version of each program is current.

use crate::error::RegistryError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use youji_api::{ProgramId, PublisherId};
use youji_package::{Digest, PublicKey};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Index {
    format: u32,
    pub(crate) publishers: BTreeMap<PublisherId, PublisherRow>,
    pub(crate) programs: BTreeMap<ProgramId, ProgramRow>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublisherRow {
    pub(crate) name: String,
    /// Public key in hexadecimal.
    pub(crate) key: String,
    pub(crate) allowed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramRow {
    pub(crate) publisher: PublisherId,
    pub(crate) current: VersionRow,
    pub(crate) previous: Option<VersionRow>,
    /// Highest `version.code` that was ever current; rolling back does not lower it.
    pub(crate) highest: u32,
}

impl ProgramRow {
    pub(crate) fn versions(&self) -> impl Iterator<Item = &VersionRow> {
        std::iter::once(&self.current).chain(self.previous.as_ref())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VersionRow {
    pub(crate) code: u32,
    pub(crate) digest: Digest,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index {
            format: 1,
            publishers: BTreeMap::new(),
            programs: BTreeMap::new(),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Index, RegistryError> {
        let damaged = |why: String| RegistryError::DamagedIndex(why);
        let index: Index = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
        if index.format != 1 {
            return Err(damaged(format!(
                "expected format 1, found {}; it was written by a newer host",
                index.format
            )));
        }
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
