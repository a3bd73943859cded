//! The sums that must hold at every moment.

use std::collections::BTreeMap;

use crate::ledger::Ledger;
use crate::record::{Kind, NO_EVENT, PENDING, POST, Record, VOID};
use crate::transfer::PendingStatus;

/// A sum that should hold and does not: a defect of the program or of its memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, found {found}")]
pub struct InvariantError {
    /// What was checked, and where.
    pub what: String,
    /// What should be there.
    pub expected: u128,
    /// What is there.
    pub found: u128,
}

fn same(what: impl FnOnce() -> String, expected: u128, found: u128) -> Result<(), InvariantError> {
    if expected == found {
        Ok(())
    } else {
        Err(InvariantError {
            what: what(),
            expected,
            found,
        })
    }
}

impl Ledger {
    /// Checks every sum: debits equal credits, pending and posted, in each ledger; no limit is exceeded; every account's balances are
    /// those of its events; times rise; what is reserved is what will time out. Reads older events back, all of them.
    ///
    /// # Errors
    /// The first that does not hold, or what cannot be read.
    pub fn check_invariants(&self) -> Result<(), InvariantError> {
        self.check_sums()?;
        self.check_journal()
    }

    /// The part of [`Ledger::check_invariants`] that looks at accounts only.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check_sums(&self) -> Result<(), InvariantError> {
        let mut sums: BTreeMap<u32, [u128; 4]> = BTreeMap::new();
        // Wrapping sums: equality modulo 2^128 of both sides still shows any difference below it.
        for account in self.accounts() {
            let sum = sums.entry(account.ledger).or_default();
            let parts = [
                account.debits_pending,
                account.credits_pending,
                account.debits_posted,
                account.credits_posted,
            ];
            for (sum, part) in sum.iter_mut().zip(parts) {
                *sum = sum.wrapping_add(part);
            }
            let held = |limit: bool, most: u128, used: u128| !limit || used <= most;
            let debits = account.debits_posted.saturating_add(account.debits_pending);
            let credits = account.credits_posted.saturating_add(account.credits_pending);
            if !held(account.flags.debits_must_not_exceed_credits, account.credits_posted, debits) {
                same(
                    || format!("debits within credits of account {}", account.id),
                    account.credits_posted,
                    debits,
                )?;
            }
            if !held(account.flags.credits_must_not_exceed_debits, account.debits_posted, credits) {
                same(
                    || format!("credits within debits of account {}", account.id),
                    account.debits_posted,
                    credits,
                )?;
            }
        }
        for (ledger, [debits_pending, credits_pending, debits_posted, credits_posted]) in sums {
            same(
                || format!("pending debits = pending credits in ledger {ledger}"),
                debits_pending,
                credits_pending,
            )?;
            same(
                || format!("posted debits = posted credits in ledger {ledger}"),
                debits_posted,
                credits_posted,
            )?;
        }
        Ok(())
    }

    fn check_journal(&self) -> Result<(), InvariantError> {
        let unreadable = |what: String| InvariantError {
            what,
            expected: 1,
            found: 0,
        };
        let mut balances = vec![[0_u128; 4]; self.accounts.slots().len()];
        let mut last = vec![NO_EVENT; balances.len()];
        let (mut timed, mut pending, mut newest) = (0_u128, 0_u128, 0);
        for place in 0..self.journal.end() {
            let record = self.journal.event(place).map_err(&unreadable)?;
            if record.kind() == Kind::Burned {
                continue;
            }
            if record.timestamp <= newest {
                same(
                    || format!("time of event {place} is after that of the one before"),
                    newest.into(),
                    record.timestamp.into(),
                )?;
            }
            newest = record.timestamp;
            for (slot, before) in [(record.debit, record.before_debit), (record.credit, record.before_credit)] {
                let known = last.get_mut(slot as usize);
                let known = known.ok_or_else(|| unreadable(format!("account {slot} of event {place} exists")))?;
                same(
                    || format!("event {place} follows the one before of its account"),
                    (*known).into(),
                    before.into(),
                )?;
                *known = place;
            }
            let pends = record.status() == Some(PendingStatus::Pending);
            pending += u128::from(pends);
            timed += u128::from(pends && record.due().is_some());
            let reserved = self.reserved(&record).map_err(&unreadable)?;
            let amount = record.amount;
            for (slot, side) in [(record.debit, 0), (record.credit, 1)] {
                let balance = &mut balances[slot as usize];
                let mut add = |part: usize, amount: u128| balance[side + part] = balance[side + part].wrapping_add(amount);
                match record.kind() {
                    Kind::Transfer if record.has(PENDING) => add(0, amount),
                    Kind::Transfer if record.has(POST | VOID) => {
                        add(0, reserved.wrapping_neg());
                        add(2, if record.has(POST) { amount } else { 0 });
                    }
                    Kind::Transfer => add(2, amount),
                    _ => add(0, reserved.wrapping_neg()),
                }
            }
        }
        for (slot, expected) in self.accounts.slots().iter().zip(balances) {
            let account = &slot.account;
            let found = [
                account.debits_pending,
                account.credits_pending,
                account.debits_posted,
                account.credits_posted,
            ];
            let names = ["pending debits", "pending credits", "posted debits", "posted credits"];
            for ((name, expected), found) in names.iter().zip(expected).zip(found) {
                same(|| format!("{name} of account {} = sum of its events", account.id), expected, found)?;
            }
        }
        let placed = self.accounts.slots().iter().zip(&last).find(|(slot, last)| slot.last != **last);
        if let Some((slot, last)) = placed {
            let id = slot.account.id;
            same(|| format!("newest event of account {id}"), (*last).into(), slot.last.into())?;
        }
        same(
            || "number of reservations with a timeout".to_owned(),
            timed,
            self.timeouts.len() as u128,
        )?;
        let out = |record: &&Record| record.status() == Some(PendingStatus::Pending);
        let in_memory = self.journal.generations.iter().flat_map(|generation| &generation.records);
        let held = in_memory.chain(self.journal.held.values()).filter(out).count();
        same(|| "number of reservations in memory".to_owned(), pending, held as u128)
    }

    /// What a post, void or expiry released; 0 for others.
    fn reserved(&self, record: &Record) -> Result<u128, String> {
        if record.kind() == Kind::Transfer && !record.has(POST | VOID) {
            return Ok(0);
        }
        let id = record.extra;
        let pending = self.journal.find(id)?;
        pending
            .map(|pending| pending.amount)
            .ok_or_else(|| format!("pending transfer {id} exists"))
    }
}
