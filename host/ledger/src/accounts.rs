//! The accounts: dense, found by id through an index that holds places only.

use hashbrown::HashTable;

use crate::account::Account;
use crate::hash::Hasher;
use crate::record::NO_EVENT;

/// An account with the newest event of the journal that touched it. Two cache lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Slot {
    pub(crate) account: Account,
    pub(crate) last: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    slots: Vec<Slot>,
    index: HashTable<u32>,
    hasher: Hasher,
}

impl PartialEq for Accounts {
    fn eq(&self, other: &Self) -> bool {
        self.slots == other.slots
    }
}

impl Eq for Accounts {}

impl Accounts {
    pub(crate) fn find(&self, id: u128) -> Option<u32> {
        let found = self
            .index
            .find(self.hasher.hash(id), |slot| self.slots[*slot as usize].account.id == id);
        found.copied()
    }

    /// Brings an account into the cache, both lines of it.
    pub(crate) fn touch(&self, id: u128) -> u64 {
        self.find(id).map_or(0, |slot| self.slots[slot as usize].last)
    }

    pub(crate) fn at(&self, slot: u32) -> &Account {
        &self.slots[slot as usize].account
    }

    pub(crate) fn slot(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    pub(crate) fn slot_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    pub(crate) fn get(&self, id: u128) -> Option<&Account> {
        self.find(id).map(|slot| self.at(slot))
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Adds an account whose id is not there yet; the place, or `None` if there are 2³² − 1 already.
    pub(crate) fn add(&mut self, account: Account) -> Option<u32> {
        self.add_slot(Slot { account, last: NO_EVENT })
    }

    pub(crate) fn add_slot(&mut self, slot: Slot) -> Option<u32> {
        let place = u32::try_from(self.slots.len()).ok().filter(|place| *place < u32::MAX)?;
        self.slots.push(slot);
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hasher.hash(slot.account.id), place, |place| {
            hasher.hash(slots[*place as usize].account.id)
        });
        Some(place)
    }

    /// Takes away the newest one.
    pub(crate) fn remove_last(&mut self) {
        if let Some(slot) = self.slots.pop() {
            let place = self.slots.len() as u32;
            let found = self.index.find_entry(self.hasher.hash(slot.account.id), |found| *found == place);
            if let Ok(entry) = found {
                entry.remove();
            }
        }
    }
}
