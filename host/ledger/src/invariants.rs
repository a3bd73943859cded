//! The sums that must hold at every moment.

use std::collections::{BTreeMap, HashMap};

use crate::ledger::Ledger;
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
    /// Checks every sum: debits equal credits, pending and posted, in each ledger; every account's balances are those of its
    /// transfers; no limit is exceeded; what is reserved is what will time out.
    ///
    /// # Errors
    /// The first that does not hold.
    pub fn check_invariants(&self) -> Result<(), InvariantError> {
        let mut sums: BTreeMap<u32, [u128; 4]> = BTreeMap::new();
        // Wrapping sums: equality modulo 2^128 of both sides still shows any difference below it.
        for account in self.accounts.values() {
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
        self.check_balances()
    }

    fn check_balances(&self) -> Result<(), InvariantError> {
        let mut balances: HashMap<u128, [u128; 4]> = self.accounts.keys().map(|id| (*id, [0; 4])).collect();
        let mut add = |id: u128, place: usize, amount: u128| match balances.get_mut(&id) {
            Some(balance) => {
                balance[place] = balance[place].wrapping_add(amount);
                Ok(())
            }
            None => Err(InvariantError {
                what: format!("account {id} of a transfer exists"),
                expected: 1,
                found: 0,
            }),
        };
        let mut timed = 0_u128;
        for stored in self.transfers.values() {
            let done = &stored.done;
            let offset = match stored.status {
                Some(PendingStatus::Pending) => 0,
                Some(_) => continue,
                None if done.flags.void_pending => continue,
                None => 2,
            };
            timed += u128::from(offset == 0 && stored.expires_at().is_some());
            add(done.debit, offset, done.amount)?;
            add(done.credit, offset + 1, done.amount)?;
        }
        for account in self.accounts.values() {
            let found = [
                account.debits_pending,
                account.credits_pending,
                account.debits_posted,
                account.credits_posted,
            ];
            let names = ["pending debits", "pending credits", "posted debits", "posted credits"];
            for ((name, expected), found) in names.iter().zip(balances[&account.id]).zip(found) {
                same(
                    || format!("{name} of account {} = sum of its transfers", account.id),
                    expected,
                    found,
                )?;
            }
        }
        same(
            || "number of reservations with a timeout".to_owned(),
            timed,
            self.timeouts.len() as u128,
        )
    }
}
