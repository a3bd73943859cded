//! The two views that transfers are judged on.

use std::collections::{BTreeSet, HashMap};

use crate::account::Account;
use crate::judge::View;
use crate::ledger::Ledger;
use crate::record::{Kind, Record};
use crate::transfer::{PendingStatus, StoredTransfer, Transfer};

/// A step back to the beginning of the chain in work.
#[derive(Debug, Clone)]
enum Undo {
    Account(u32, Account),
    Pushed(Record),
    Resolved(Record),
}

/// The state itself.
pub(crate) struct Direct<'a> {
    state: &'a mut Ledger,
    /// In a chain: what would undo it.
    undo: Option<Vec<Undo>>,
}

impl<'a> Direct<'a> {
    pub(crate) fn new(state: &'a mut Ledger) -> Self {
        Self { state, undo: None }
    }

    fn note(&mut self, step: impl FnOnce(&Ledger) -> Undo) {
        if let Some(undo) = &mut self.undo {
            undo.push(step(self.state));
        }
    }

    fn set_timeout(&mut self, record: &Record, pends: bool) {
        if let Some(due) = record.due() {
            let entry = (due, record.timestamp, record.id);
            if pends {
                self.state.timeouts.insert(entry);
            } else {
                self.state.timeouts.remove(&entry);
            }
        }
    }
}

impl View for Direct<'_> {
    fn slot(&self, id: u128) -> Option<u32> {
        self.state.accounts.find(id)
    }

    fn account(&self, slot: u32) -> &Account {
        self.state.accounts.at(slot)
    }

    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Account)) {
        self.note(|state| Undo::Account(slot, *state.accounts.at(slot)));
        change(&mut self.state.accounts.slot_mut(slot).account);
    }

    fn find(&self, id: u128) -> Result<Option<Record>, String> {
        self.state.journal.find(id)
    }

    fn stored(&self, record: Record) -> StoredTransfer {
        record.to_stored(&self.state.accounts)
    }

    fn push(&mut self, mut record: Record) {
        if record.kind() == Kind::Transfer {
            self.set_timeout(&record, record.status().is_some());
            if self.undo.is_some() {
                // As it will stand there, so that undoing finds the links.
                record.before_debit = self.state.accounts.slot(record.debit).last;
                record.before_credit = self.state.accounts.slot(record.credit).last;
            }
        }
        self.note(|_| Undo::Pushed(record));
        self.state.journal.push(record, &mut self.state.accounts);
    }

    fn resolve(&mut self, pending: &Record, status: PendingStatus) {
        self.note(|_| Undo::Resolved(*pending));
        self.set_timeout(pending, false);
        self.state.journal.resolve(pending, status);
    }

    fn last_timestamp(&self) -> u64 {
        self.state.last_timestamp
    }

    fn set_last_timestamp(&mut self, timestamp: u64) {
        self.state.last_timestamp = timestamp;
    }

    fn next_due(&self, now: u64) -> Option<u128> {
        let (due, _, id) = self.state.timeouts.first()?;
        (*due <= now).then_some(*id)
    }

    fn oldest_id(&self, now: u64) -> u64 {
        self.state.oldest_id(now)
    }

    fn warm(&self, transfers: &[Transfer]) {
        let accounts = &self.state.accounts;
        let touched = transfers
            .iter()
            .map(|transfer| accounts.touch(transfer.debit) ^ accounts.touch(transfer.credit));
        std::hint::black_box(touched.fold(0, |sum, one| sum ^ one));
    }

    fn begin(&mut self) {
        self.undo = Some(Vec::new());
    }

    fn roll_back(&mut self) {
        for step in self.undo.take().unwrap_or_default().into_iter().rev() {
            match step {
                Undo::Account(slot, before) => self.state.accounts.slot_mut(slot).account = before,
                Undo::Pushed(record) => {
                    self.state.journal.pop();
                    self.set_timeout(&record, false);
                    if record.kind() == Kind::Transfer {
                        self.state.accounts.slot_mut(record.debit).last = record.before_debit;
                        self.state.accounts.slot_mut(record.credit).last = record.before_credit;
                    }
                }
                Undo::Resolved(pending) => {
                    self.state.journal.unresolve(&pending);
                    self.set_timeout(&pending, true);
                }
            }
        }
    }

    fn commit(&mut self) {
        self.undo = None;
    }
}

/// What the state would become. Small: a check is about few transfers.
pub(crate) struct Overlay<'a> {
    state: &'a Ledger,
    changes: Changes,
    /// The changes at the beginning of the chain in work.
    before: Option<Changes>,
}

#[derive(Clone, Default)]
struct Changes {
    accounts: HashMap<u32, Account>,
    /// New events by their ids, and older ones that were resolved.
    records: HashMap<u128, Record>,
    timeouts: BTreeSet<(u64, u64, u128)>,
    last_timestamp: u64,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(state: &'a Ledger) -> Self {
        let changes = Changes {
            last_timestamp: state.last_timestamp,
            ..Changes::default()
        };
        Self {
            state,
            changes,
            before: None,
        }
    }

    fn pends(&self, id: u128) -> bool {
        let status = self.changes.records.get(&id).map(Record::status);
        status.is_none_or(|status| status == Some(PendingStatus::Pending))
    }
}

impl View for Overlay<'_> {
    fn slot(&self, id: u128) -> Option<u32> {
        self.state.accounts.find(id)
    }

    fn account(&self, slot: u32) -> &Account {
        self.changes.accounts.get(&slot).unwrap_or_else(|| self.state.accounts.at(slot))
    }

    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Account)) {
        change(self.changes.accounts.entry(slot).or_insert_with(|| *self.state.accounts.at(slot)));
    }

    fn find(&self, id: u128) -> Result<Option<Record>, String> {
        match self.changes.records.get(&id) {
            Some(record) => Ok(Some(*record)),
            None => self.state.journal.find(id),
        }
    }

    fn stored(&self, record: Record) -> StoredTransfer {
        record.to_stored(&self.state.accounts)
    }

    fn push(&mut self, record: Record) {
        if record.kind() == Kind::Expiry {
            return;
        }
        if let Some(due) = record.due() {
            self.changes.timeouts.insert((due, record.timestamp, record.id));
        }
        self.changes.records.insert(record.id, record);
    }

    fn resolve(&mut self, pending: &Record, status: PendingStatus) {
        let mut record = *pending;
        record.set_status(status);
        self.changes.records.insert(record.id, record);
    }

    fn last_timestamp(&self) -> u64 {
        self.changes.last_timestamp
    }

    fn set_last_timestamp(&mut self, timestamp: u64) {
        self.changes.last_timestamp = timestamp;
    }

    fn next_due(&self, now: u64) -> Option<u128> {
        let until = ..=(now, u64::MAX, u128::MAX);
        let known = self.state.timeouts.range(until).chain(self.changes.timeouts.range(until));
        known.map(|(_, _, id)| *id).find(|id| self.pends(*id))
    }

    fn oldest_id(&self, now: u64) -> u64 {
        self.state.oldest_id(now)
    }

    fn begin(&mut self) {
        self.before = Some(self.changes.clone());
    }

    fn roll_back(&mut self) {
        if let Some(before) = self.before.take() {
            self.changes = before;
        }
    }

    fn commit(&mut self) {
        self.before = None;
    }
}
