//! Where programs come from that are not here yet.

use crate::error::RegistryError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use youji_package::{Digest, SignedStatement};

/// Statements of one index at most.
pub const PROGRAMS: usize = 1_024;
/// Longest index, in bytes.
pub const INDEX_BYTES: usize = 8 << 20;

/// A place to fetch programs from, such as another host. It is trusted with nothing: statements and packages are verified, whoever hands
/// them out.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is called, such as its address.
    fn name(&self) -> &str;

    /// Its index, or none if that is the one of that tag, which it gave before.
    ///
    /// # Errors
    /// It could not be asked, or answered with something else.
    async fn index(&self, tag: &str) -> Result<Option<Tagged>, RegistryError>;

    /// The `.ma` of that digest, or none if it has none.
    ///
    /// # Errors
    /// As for [`index`](Self::index).
    async fn package(&self, digest: &Digest) -> Result<Option<Vec<u8>>, RegistryError>;
}

/// An index, and what it is called.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// As [`parse_index`] reads it.
    pub bytes: Vec<u8>,
    /// Another one whenever the index is; empty: the source has none.
    pub tag: String,
}

/// What a registry hands out: what publishers say of their programs. It is not signed itself, its statements are.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    format: u32,
    statements: Vec<String>,
}

/// An index of those statements.
pub(crate) fn write_index<'a>(statements: impl Iterator<Item = &'a SignedStatement>) -> Vec<u8> {
    let listing = Listing {
        format: 1,
        statements: statements.map(|signed| signed.text().to_owned()).collect(),
    };
    serde_json::to_vec(&listing).unwrap_or_default()
}

/// Reads an index. A statement that can't be trusted is left out, so that one publisher's mistake does not take the others away; how many
/// were is in the second place.
///
/// # Errors
/// What it is instead of an index.
pub fn parse_index(bytes: &[u8]) -> Result<(Vec<SignedStatement>, usize), String> {
    if bytes.len() > INDEX_BYTES {
        return Err(format!("gave an index of {} bytes, more than {INDEX_BYTES}", bytes.len()));
    }
    let listing: Listing = serde_json::from_slice(bytes).map_err(|error| format!("gave something that is no index ({error})"))?;
    if listing.format != 1 {
        return Err(format!("gave an index of format {}, this host reads format 1", listing.format));
    }
    if listing.statements.len() > PROGRAMS {
        return Err(format!("lists {} programs, more than {PROGRAMS}", listing.statements.len()));
    }
    let read: Vec<SignedStatement> = listing
        .statements
        .iter()
        .filter_map(|text| SignedStatement::parse(text).ok())
        .collect();
    let left_out = listing.statements.len() - read.len();
    Ok((read, left_out))
}
