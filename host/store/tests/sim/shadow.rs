//! What should be true, kept as simply as possible: no ledger, no log.

use std::collections::{BTreeMap, HashMap, HashSet};

use youji_ledger::{Ledger, Transfer, TransferError as E};

use crate::bank::{Act, Bank, Command, Results};

pub const BANK: u128 = 1;

/// Every account's money, and what is reserved: id → (from, to, amount, due). The bank has no limit.
#[derive(Debug, Clone, Default)]
struct Money {
    of: BTreeMap<u128, i128>,
    reserved: HashMap<u128, (u128, u128, i128, Option<u64>)>,
    done: HashSet<u128>,
    burned: HashSet<u128>,
}

#[derive(Debug, Clone, Default)]
pub struct Shadow {
    money: Money,
    /// Texts by person.
    notes: BTreeMap<u64, Vec<String>>,
    forgotten: Vec<String>,
}

impl Shadow {
    /// Does what the machine should have done, with the times and results that it gave.
    pub fn apply(&mut self, command: &Command, given: Option<&(u64, Results)>) {
        match &command.act {
            Act::Open(account) => drop(self.money.of.insert(account.id, 0)),
            Act::Pay(transfers, note) => {
                let (at, results) = given.expect("a payment has results");
                self.pay(transfers, *at, results);
                self.notes_of(note.iter());
            }
            Act::Note(note) => self.notes_of(std::iter::once(note)),
            Act::Forget(person) => self.forgotten.extend(self.notes.remove(person).unwrap_or_default()),
            Act::Look => {}
        }
    }

    fn notes_of<'a>(&mut self, notes: impl Iterator<Item = &'a crate::bank::Note>) {
        for note in notes {
            self.notes.entry(note.person).or_default().push(note.text.clone());
        }
    }

    pub fn forgotten(&self) -> &[String] {
        &self.forgotten
    }

    fn pay(&mut self, transfers: &[Transfer], at: u64, results: &Results) {
        self.money.reserved.retain(|_, (.., due)| due.is_none_or(|due| due > at));
        assert_eq!(transfers.len(), results.len());
        let (mut rest, mut stamps) = (transfers, results.as_slice());
        while !rest.is_empty() {
            let end = rest.iter().position(|transfer| !transfer.flags.linked);
            let len = end.map_or(rest.len(), |end| end + 1);
            let (chain, given) = (&rest[..len], &stamps[..len]);
            // One that is refused changes nothing, so only a chain needs a copy to go back to.
            let before = (len > 1).then(|| self.money.clone());
            let whole = end.is_some()
                && chain
                    .iter()
                    .zip(given)
                    .all(|(transfer, given)| self.money.one(transfer, given.unwrap_or(0)));
            assert_eq!(given.iter().all(Result::is_ok), whole, "{chain:?} came to {given:?}");
            if !whole {
                self.money = before.unwrap_or_else(|| std::mem::take(&mut self.money));
                assert!(given.iter().all(Result::is_err), "a chain is done whole or not at all");
                let burned = chain.iter().zip(given).filter(|(_, given)| given.err().is_some_and(E::burns_id));
                self.money.burned.extend(burned.map(|(transfer, _)| transfer.id));
            }
            (rest, stamps) = (&rest[len..], &stamps[len..]);
        }
    }

    /// Compares everything.
    pub fn check(&self, bank: &Bank, pairs: &BTreeMap<Vec<u8>, Vec<u8>>) {
        let ledger: &Ledger = &bank.ledger;
        ledger.check_invariants().unwrap();
        let mut sum = 0;
        for (id, money) in &self.money.of {
            let account = ledger.account(*id).expect("an account that was opened");
            let balance = i128::try_from(account.credits_posted).unwrap() - i128::try_from(account.debits_posted).unwrap();
            assert_eq!(balance, *money, "money of account {id}");
            sum += balance;
        }
        assert_eq!(sum, 0, "money is neither made nor lost");
        assert_eq!(ledger.accounts().count(), self.money.of.len());
        let mut expected: Vec<&String> = self.notes.values().flatten().collect();
        let mut found: Vec<String> = pairs.values().map(|text| String::from_utf8(text.clone()).unwrap()).collect();
        expected.sort();
        found.sort();
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            expected,
            "the projection holds the notes of those not forgotten"
        );
    }
}

impl Money {
    fn free(&self, account: u128) -> i128 {
        let held = self.reserved.values().filter(|(from, ..)| *from == account);
        self.of[&account] - held.map(|(_, _, amount, _)| amount).sum::<i128>()
    }

    fn one(&mut self, transfer: &Transfer, timestamp: u64) -> bool {
        if self.done.contains(&transfer.id) || self.burned.contains(&transfer.id) {
            return false;
        }
        let amount = i128::try_from(transfer.amount).unwrap_or(i128::MAX);
        if transfer.flags.post_pending || transfer.flags.void_pending {
            let Some((from, to, held, _)) = self.reserved.get(&transfer.pending_id).copied() else {
                return false;
            };
            let moved = match transfer.amount {
                _ if transfer.flags.void_pending => 0,
                u128::MAX => held,
                _ if amount > held => return false,
                _ => amount,
            };
            self.reserved.remove(&transfer.pending_id);
            *self.of.entry(from).or_default() -= moved;
            *self.of.entry(to).or_default() += moved;
        } else {
            let known = self.of.contains_key(&transfer.debit) && self.of.contains_key(&transfer.credit);
            if !known || transfer.debit == transfer.credit || (transfer.debit != BANK && self.free(transfer.debit) < amount) {
                return false;
            }
            if transfer.flags.pending {
                let due = (transfer.timeout_s > 0).then(|| timestamp + u64::from(transfer.timeout_s) * 1_000_000_000);
                self.reserved.insert(transfer.id, (transfer.debit, transfer.credit, amount, due));
            } else {
                *self.of.entry(transfer.debit).or_default() -= amount;
                *self.of.entry(transfer.credit).or_default() += amount;
            }
        }
        self.done.insert(transfer.id);
        true
    }
}
