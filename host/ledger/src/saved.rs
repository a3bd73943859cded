//! The state as a list, so that it can stand in a checkpoint: maps with 128-bit keys are not everybody's, derived parts are left out.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::account::Account;
use crate::ledger::Ledger;
use crate::transfer::{PendingStatus, StoredTransfer};

#[derive(Serialize, Deserialize)]
struct Saved<A, T, B> {
    accounts: A,
    transfers: T,
    burned: B,
    last_timestamp: u64,
}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Sorted, so that equal states give equal bytes.
        let mut accounts: Vec<&Account> = self.accounts.values().collect();
        accounts.sort_unstable_by_key(|account| account.id);
        let mut transfers: Vec<&StoredTransfer> = self.transfers.values().collect();
        transfers.sort_unstable_by_key(|stored| stored.timestamp);
        let burned: BTreeSet<&u128> = self.burned.iter().collect();
        Saved {
            accounts,
            transfers,
            burned,
            last_timestamp: self.last_timestamp,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::<Vec<Account>, Vec<StoredTransfer>, HashSet<u128>>::deserialize(deserializer)?;
        let accounts: HashMap<u128, Account> = saved.accounts.into_iter().map(|account| (account.id, account)).collect();
        let transfers: HashMap<u128, StoredTransfer> = saved.transfers.into_iter().map(|stored| (stored.asked.id, stored)).collect();
        let pending = transfers.values().filter(|stored| stored.status == Some(PendingStatus::Pending));
        let timeouts = pending
            .filter_map(|stored| Some((stored.expires_at()?, stored.timestamp, stored.asked.id)))
            .collect();
        Ok(Self {
            accounts,
            transfers,
            burned: saved.burned,
            timeouts,
            last_timestamp: saved.last_timestamp,
        })
    }
}
