//! What identifies a package: a digest of names, lengths and SHA-256 of its entries and of who signed it.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize, de};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use youji_api::PublisherId;

/// SHA-256; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;
    fn from_str(text: &str) -> Result<Digest, String> {
        let bytes = HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes
            .map(Digest)
            .ok_or_else(|| "expected 64 lower-case hexadecimal digits".to_owned())
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// One line of the content list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryDigest {
    /// Name in the package.
    pub name: String,
    /// Inflated bytes.
    pub length: u64,
    /// SHA-256 of the inflated bytes.
    pub sha256: Digest,
}

impl EntryDigest {
    /// Of a file.
    pub fn of(name: &str, bytes: &[u8]) -> EntryDigest {
        EntryDigest {
            name: name.to_owned(),
            length: bytes.len() as u64,
            sha256: Digest::of(bytes),
        }
    }
}

/// The package digest. The same content signed by the same publisher has the same digest, however it was zipped.
pub fn content_digest<'a>(publisher: &PublisherId, entries: impl IntoIterator<Item = &'a EntryDigest>) -> Digest {
    let mut list: Vec<&EntryDigest> = entries.into_iter().collect();
    list.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut hash = Sha256::new();
    hash.update(b"youji package content v1\0");
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(publisher.as_str().as_bytes());
    for entry in list {
        part(entry.name.as_bytes());
        part(&entry.length.to_be_bytes());
        part(&entry.sha256.0);
    }
    Digest(hash.finalize().into())
}
