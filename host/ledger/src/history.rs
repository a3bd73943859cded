//! What happened to one account: newest first, with the balances after each event.

use crate::account::Account;
use crate::journal::before;
use crate::ledger::Ledger;
use crate::record::{Kind, NO_EVENT, POST, Record, VOID};
use crate::transfer::StoredTransfer;

/// An account's four sums at one moment, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Balances {
    /// Debits reserved.
    pub debits_pending: u128,
    /// Debits done.
    pub debits_posted: u128,
    /// Credits reserved.
    pub credits_pending: u128,
    /// Credits done.
    pub credits_posted: u128,
}

impl From<&Account> for Balances {
    fn from(account: &Account) -> Self {
        Self {
            debits_pending: account.debits_pending,
            debits_posted: account.debits_posted,
            credits_pending: account.credits_pending,
            credits_posted: account.credits_posted,
        }
    }
}

/// What a line of a history tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryEvent {
    /// A transfer took place: done at once, reserved, posted or voided, as its flags say.
    Transfer,
    /// A timeout released this pending transfer.
    Expired,
}

/// One event of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLine {
    /// What happened.
    pub event: HistoryEvent,
    /// When, in nanoseconds since 1970.
    pub timestamp: u64,
    /// The transfer; for [`HistoryEvent::Expired`] the pending one.
    pub transfer: StoredTransfer,
    /// The account's balances after it.
    pub balances: Balances,
}

/// Which events of an account are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Not before, in nanoseconds since 1970.
    pub from: u64,
    /// Not after.
    pub to: u64,
    /// Those that take from the account.
    pub debits: bool,
    /// Those that give to it.
    pub credits: bool,
    /// Lines on a page.
    pub limit: usize,
}

impl Default for HistoryFilter {
    /// The newest hundred.
    fn default() -> Self {
        Self {
            from: 0,
            to: u64::MAX,
            debits: true,
            credits: true,
            limit: 100,
        }
    }
}

/// Where the next page begins. What happens meanwhile changes nothing behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HistoryCursor {
    place: u64,
    balances: Balances,
}

/// A page of an account's history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPage {
    /// Newest first.
    pub lines: Vec<HistoryLine>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<HistoryCursor>,
}

impl Ledger {
    /// What happened to an account, newest first, with the balances after each event. An unknown account has no history. Walks from
    /// the newest event, or from `cursor`, so its cost is that of the events in between.
    ///
    /// # Errors
    /// If older transfers are needed and cannot be read.
    pub fn history(&self, account: u128, filter: &HistoryFilter, cursor: Option<HistoryCursor>) -> Result<HistoryPage, String> {
        let Some(slot) = self.accounts.find(account) else {
            return Ok(HistoryPage::default());
        };
        let start = HistoryCursor {
            place: self.accounts.slot(slot).last,
            balances: self.accounts.at(slot).into(),
        };
        let HistoryCursor { mut place, mut balances } = cursor.unwrap_or(start);
        let mut lines = Vec::new();
        while place != NO_EVENT {
            let record = self.journal.event(place)?;
            let is_debit = record.debit == slot;
            if !is_debit && record.credit != slot {
                return Err(format!("event {place} is not of account {account}: the cursor is of another one"));
            }
            if record.timestamp < filter.from {
                break;
            }
            let side = if is_debit { filter.debits } else { filter.credits };
            if record.timestamp <= filter.to && side {
                if lines.len() == filter.limit {
                    let next = Some(HistoryCursor { place, balances });
                    return Ok(HistoryPage { lines, next });
                }
                lines.push(self.line(&record, balances)?);
            }
            balances = self.undone(&record, is_debit, balances)?;
            place = before(&record, slot).unwrap_or(NO_EVENT);
        }
        Ok(HistoryPage { lines, next: None })
    }

    /// An account's balances at a time, in nanoseconds since 1970, after everything of that moment; `None` if it was not open yet.
    ///
    /// # Errors
    /// If older transfers are needed and cannot be read.
    pub fn balances_at(&self, account: u128, timestamp: u64) -> Result<Option<Balances>, String> {
        let opened = self
            .accounts
            .find(account)
            .filter(|slot| self.accounts.at(*slot).timestamp <= timestamp);
        let Some(slot) = opened else { return Ok(None) };
        let mut balances = Balances::from(self.accounts.at(slot));
        let mut place = self.accounts.slot(slot).last;
        while place != NO_EVENT {
            let record = self.journal.event(place)?;
            if record.timestamp <= timestamp {
                break;
            }
            balances = self.undone(&record, record.debit == slot, balances)?;
            place = before(&record, slot).unwrap_or(NO_EVENT);
        }
        Ok(Some(balances))
    }

    fn line(&self, record: &Record, balances: Balances) -> Result<HistoryLine, String> {
        let (event, transfer) = match record.kind() {
            Kind::Expiry => (HistoryEvent::Expired, self.pending_of(record)?),
            _ => (HistoryEvent::Transfer, *record),
        };
        Ok(HistoryLine {
            event,
            timestamp: record.timestamp,
            transfer: transfer.to_stored(&self.accounts),
            balances,
        })
    }

    fn pending_of(&self, record: &Record) -> Result<Record, String> {
        let id = record.extra;
        let pending = self.journal.find(id)?;
        pending.ok_or_else(|| format!("the pending transfer {id} of an event is missing"))
    }

    /// The balances before an event of an account.
    fn undone(&self, record: &Record, is_debit: bool, mut balances: Balances) -> Result<Balances, String> {
        let (pending, posted) = if is_debit {
            (&mut balances.debits_pending, &mut balances.debits_posted)
        } else {
            (&mut balances.credits_pending, &mut balances.credits_posted)
        };
        let amount = record.amount;
        // Wrapping: a contradiction is found by the invariants, and must not end the process here.
        if record.kind() == Kind::Expiry || record.has(VOID) {
            *pending = pending.wrapping_add(amount);
        } else if record.has(POST) {
            *posted = posted.wrapping_sub(amount);
            *pending = pending.wrapping_add(self.pending_of(record)?.amount);
        } else if record.status().is_some() {
            *pending = pending.wrapping_sub(amount);
        } else {
            *posted = posted.wrapping_sub(amount);
        }
        Ok(balances)
    }
}
