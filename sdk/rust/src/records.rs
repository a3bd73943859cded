//! Rows of shared collections.

use crate::bindings::youji::miniapp::records as wire;
use crate::codes::PayState;
use crate::fields::Fields;

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Unique in its collection.
    pub key: String,
    /// The program's own bytes.
    pub value: Vec<u8>,
    /// Rises by one at each write and each stamp; starts at 1.
    pub version: u64,
    /// Set by the host only.
    pub stamps: Fields,
}

impl From<wire::Row> for Row {
    fn from(row: wire::Row) -> Self {
        Row {
            key: row.key,
            value: row.value,
            version: row.version,
            stamps: Fields(row.stamps),
        }
    }
}

impl Row {
    /// Open id of who created it.
    pub fn owner(&self) -> &str {
        self.stamps.get_text("owner")
    }

    /// Milliseconds since 1970.
    pub fn created_at(&self) -> u64 {
        self.stamps.get_count("created-at").unwrap_or(0)
    }

    /// State of the order that names it; none when there is none.
    pub fn paid_state(&self) -> Option<PayState> {
        let state = self.stamps.get_text("paid-state");
        (!state.is_empty()).then(|| PayState::from_code(state))
    }
}

/// How a row is written.
#[derive(Clone, Debug, Default)]
pub struct PutOptions(pub(crate) Fields);

impl PutOptions {
    /// As the collection's rules have it.
    pub fn new() -> Self {
        Self::default()
    }

    /// People, by open id, who are parties of the row.
    pub fn parties(self, open_ids: &[&str]) -> Self {
        PutOptions(self.0.text("parties", open_ids.join(" ")))
    }

    /// The parties of that row may read this one.
    pub fn under(self, collection: &str, key: &str) -> Self {
        PutOptions(self.0.text("under", [collection, "/", key].concat()))
    }

    /// When the host removes it: milliseconds since 1970.
    pub fn expires_at(self, moment: u64) -> Self {
        PutOptions(self.0.integer("expires-at", i64::try_from(moment).unwrap_or(i64::MAX)))
    }
}

/// Which rows are listed or watched.
#[derive(Clone, Debug, Default)]
pub struct ListOptions(pub(crate) Fields);

impl ListOptions {
    /// All that this person may read, the first 50 in key order.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only rows after that key.
    pub fn after(self, key: &str) -> Self {
        ListOptions(self.0.text("after", key))
    }

    /// At most so many, up to 100.
    pub fn limit(self, rows: u32) -> Self {
        ListOptions(self.0.integer("limit", i64::from(rows)))
    }

    /// Only keys that start so.
    pub fn prefix(self, prefix: &str) -> Self {
        ListOptions(self.0.text("prefix", prefix))
    }

    /// Only that key; for watches.
    pub fn key(self, key: &str) -> Self {
        ListOptions(self.0.text("key", key))
    }

    /// Only rows that this person created.
    pub fn mine(self) -> Self {
        ListOptions(self.0.text("owner", "me"))
    }

    /// Last key first.
    pub fn descending(self) -> Self {
        ListOptions(self.0.flag("descending", true))
    }
}
