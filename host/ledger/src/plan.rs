//! What a batch would do, worked out beside the state: the one place that judges transfers.

use std::collections::{HashMap, HashSet};

use crate::account::Account;
use crate::error::TransferError;
use crate::ledger::{Applied, Ledger};
use crate::transfer::{PendingStatus, StoredTransfer, Transfer};

/// What is to be taken over into the state, whole.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) accounts: HashMap<u128, Account>,
    pub(crate) transfers: HashMap<u128, StoredTransfer>,
    pub(crate) burned: HashSet<u128>,
    pub(crate) last_timestamp: u64,
}

enum Undo {
    Account(u128, Option<Account>),
    Transfer(u128, Option<StoredTransfer>),
}

pub(crate) struct Plan<'a> {
    state: &'a Ledger,
    now: u64,
    changes: Changes,
    /// Steps back to the beginning of the chain in work.
    undo: Vec<Undo>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(state: &'a Ledger, now: u64) -> Self {
        let changes = Changes {
            last_timestamp: state.last_timestamp,
            ..Changes::default()
        };
        Self {
            state,
            now,
            changes,
            undo: Vec::new(),
        }
    }

    pub(crate) fn run(mut self, transfers: &[Transfer]) -> (Applied, Changes) {
        let mut applied = Applied {
            results: Vec::with_capacity(transfers.len()),
            expired: self.expire(),
        };
        let mut rest = transfers;
        while !rest.is_empty() {
            let whole = rest.iter().position(|transfer| !transfer.flags.linked);
            let (chain, after) = rest.split_at(whole.map_or(rest.len(), |last| last + 1));
            self.chain(chain, whole.is_none(), &mut applied.results);
            rest = after;
        }
        (applied, self.changes)
    }

    fn expire(&mut self) -> Vec<u128> {
        let state = self.state;
        let due: Vec<u128> = state
            .timeouts
            .range(..=(self.now, u64::MAX, u128::MAX))
            .map(|(_, _, id)| *id)
            .collect();
        for id in &due {
            if let Some(pending) = self.transfer(*id) {
                self.release(&pending, PendingStatus::Expired);
            }
        }
        self.undo.clear();
        due
    }

    fn chain(&mut self, chain: &[Transfer], open: bool, results: &mut Vec<Result<u64, TransferError>>) {
        let begin = results.len();
        let timestamp = self.changes.last_timestamp;
        self.undo.clear();
        // A chain that took place whole is told so for each of its members, so that a retry reads as done.
        let done = |plan: &Self, transfer: &Transfer| {
            plan.transfer(transfer.id)
                .is_some_and(|old| exists(transfer, &old) == TransferError::Exists)
        };
        if !open && chain.iter().all(|transfer| done(self, transfer)) {
            results.extend(chain.iter().map(|_| Err(TransferError::Exists)));
            return;
        }
        for (place, transfer) in chain.iter().enumerate() {
            let last = place + 1 == chain.len();
            let result = if open && last {
                Err(TransferError::LinkedEventChainOpen)
            } else {
                self.one(transfer)
            };
            let fault = result.err();
            results.push(result);
            let Some(fault) = fault else { continue };
            self.roll_back();
            self.changes.last_timestamp = timestamp;
            if fault.burns_id() {
                self.changes.burned.insert(transfer.id);
            }
            // The one at fault keeps its reason; an open chain is told at its end, whatever failed before.
            for result in &mut results[begin..begin + place] {
                *result = Err(TransferError::LinkedEventFailed);
            }
            for later in place + 1..chain.len() {
                let at_end = open && later + 1 == chain.len();
                results.push(Err(if at_end {
                    TransferError::LinkedEventChainOpen
                } else {
                    TransferError::LinkedEventFailed
                }));
            }
            return;
        }
    }

    fn one(&mut self, transfer: &Transfer) -> Result<u64, TransferError> {
        use TransferError as E;
        match transfer.id {
            0 => return Err(E::IdMustNotBeZero),
            u128::MAX => return Err(E::IdMustNotBeMax),
            _ => {}
        }
        if let Some(old) = self.transfer(transfer.id) {
            return Err(exists(transfer, &old));
        }
        if self.state.burned.contains(&transfer.id) || self.changes.burned.contains(&transfer.id) {
            return Err(E::IdAlreadyFailed);
        }
        let flags = transfer.flags;
        if u8::from(flags.pending) + u8::from(flags.post_pending) + u8::from(flags.void_pending) > 1 {
            return Err(E::FlagsAreMutuallyExclusive);
        }
        if flags.post_pending || flags.void_pending {
            self.second_phase(transfer)
        } else {
            self.first_phase(transfer)
        }
    }

    fn first_phase(&mut self, transfer: &Transfer) -> Result<u64, TransferError> {
        use TransferError as E;
        let first_fault = [
            (transfer.debit == 0, E::DebitAccountMustNotBeZero),
            (transfer.debit == u128::MAX, E::DebitAccountMustNotBeMax),
            (transfer.credit == 0, E::CreditAccountMustNotBeZero),
            (transfer.credit == u128::MAX, E::CreditAccountMustNotBeMax),
            (transfer.debit == transfer.credit, E::AccountsMustBeDifferent),
            (transfer.pending_id != 0, E::PendingIdMustBeZero),
            (transfer.timeout_s != 0 && !transfer.flags.pending, E::TimeoutReservedForPending),
            (transfer.ledger == 0, E::LedgerMustNotBeZero),
            (transfer.code == 0, E::CodeMustNotBeZero),
        ];
        if let Some((_, fault)) = first_fault.iter().find(|(wrong, _)| *wrong) {
            return Err(*fault);
        }
        let mut debit = self.account(transfer.debit).ok_or(E::DebitAccountNotFound)?;
        let mut credit = self.account(transfer.credit).ok_or(E::CreditAccountNotFound)?;
        let timestamp = self.next_timestamp();
        let amount = transfer.amount;
        let timeout = u64::from(transfer.timeout_s) * 1_000_000_000;
        let over = |a: u128, b: u128| a.checked_add(b).is_none();
        let debits = debit
            .debits_posted
            .checked_add(debit.debits_pending)
            .and_then(|sum| sum.checked_add(amount));
        let credits = credit
            .credits_posted
            .checked_add(credit.credits_pending)
            .and_then(|sum| sum.checked_add(amount));
        let pending = transfer.flags.pending;
        let first_fault = [
            (debit.ledger != credit.ledger, E::AccountsMustHaveTheSameLedger),
            (debit.ledger != transfer.ledger, E::TransferMustHaveTheSameLedgerAsAccounts),
            (debit.flags.closed, E::DebitAccountClosed),
            (credit.flags.closed, E::CreditAccountClosed),
            (pending && over(debit.debits_pending, amount), E::OverflowsDebitsPending),
            (pending && over(credit.credits_pending, amount), E::OverflowsCreditsPending),
            (over(debit.debits_posted, amount), E::OverflowsDebitsPosted),
            (over(credit.credits_posted, amount), E::OverflowsCreditsPosted),
            (debits.is_none(), E::OverflowsDebits),
            (credits.is_none(), E::OverflowsCredits),
            (timestamp.checked_add(timeout).is_none(), E::OverflowsTimeout),
            (
                debit.flags.debits_must_not_exceed_credits && debits > Some(debit.credits_posted),
                E::ExceedsCredits,
            ),
            (
                credit.flags.credits_must_not_exceed_debits && credits > Some(credit.debits_posted),
                E::ExceedsDebits,
            ),
        ];
        if let Some((_, fault)) = first_fault.iter().find(|(wrong, _)| *wrong) {
            return Err(*fault);
        }
        if pending {
            debit.debits_pending += amount;
            credit.credits_pending += amount;
        } else {
            debit.debits_posted += amount;
            credit.credits_posted += amount;
        }
        self.put_account(debit);
        self.put_account(credit);
        let status = pending.then_some(PendingStatus::Pending);
        self.put_transfer(StoredTransfer {
            asked: *transfer,
            done: *transfer,
            timestamp,
            status,
        });
        self.changes.last_timestamp = timestamp;
        Ok(timestamp)
    }

    fn second_phase(&mut self, transfer: &Transfer) -> Result<u64, TransferError> {
        use TransferError as E;
        let first_fault = [
            (transfer.debit == u128::MAX, E::DebitAccountMustNotBeMax),
            (transfer.credit == u128::MAX, E::CreditAccountMustNotBeMax),
            (transfer.debit == transfer.credit && transfer.debit != 0, E::AccountsMustBeDifferent),
            (transfer.pending_id == 0, E::PendingIdMustNotBeZero),
            (transfer.pending_id == u128::MAX, E::PendingIdMustNotBeMax),
            (transfer.pending_id == transfer.id, E::PendingIdMustBeDifferent),
            (transfer.timeout_s != 0, E::TimeoutReservedForPending),
        ];
        if let Some((_, fault)) = first_fault.iter().find(|(wrong, _)| *wrong) {
            return Err(*fault);
        }
        let pending = self.transfer(transfer.pending_id).ok_or(E::PendingTransferNotFound)?;
        let Some(status) = pending.status else {
            return Err(E::PendingTransferNotPending);
        };
        let reserved = pending.done;
        let post = transfer.flags.post_pending;
        let amount = if post && transfer.amount == u128::MAX || !post && transfer.amount == 0 {
            reserved.amount
        } else {
            transfer.amount
        };
        let other = |asked: u128, is: u128| asked != 0 && asked != is;
        let debit = self.account(reserved.debit).ok_or(E::DebitAccountNotFound)?;
        let credit = self.account(reserved.credit).ok_or(E::CreditAccountNotFound)?;
        let first_fault = [
            (other(transfer.debit, reserved.debit), E::PendingTransferHasDifferentDebitAccount),
            (other(transfer.credit, reserved.credit), E::PendingTransferHasDifferentCreditAccount),
            (
                other(transfer.ledger.into(), reserved.ledger.into()),
                E::PendingTransferHasDifferentLedger,
            ),
            (
                other(transfer.code.into(), reserved.code.into()),
                E::PendingTransferHasDifferentCode,
            ),
            (post && amount > reserved.amount, E::ExceedsPendingTransferAmount),
            (!post && amount != reserved.amount, E::PendingTransferHasDifferentAmount),
            (status == PendingStatus::Posted, E::PendingTransferAlreadyPosted),
            (status == PendingStatus::Voided, E::PendingTransferAlreadyVoided),
            (status == PendingStatus::Expired, E::PendingTransferExpired),
            (post && debit.flags.closed, E::DebitAccountClosed),
            (post && credit.flags.closed, E::CreditAccountClosed),
        ];
        if let Some((_, fault)) = first_fault.iter().find(|(wrong, _)| *wrong) {
            return Err(*fault);
        }
        self.release(&pending, if post { PendingStatus::Posted } else { PendingStatus::Voided });
        if post {
            // No limit is checked: the amount was reserved within it, and sums with it did not overflow then.
            self.change_account(reserved.debit, |account| account.debits_posted += amount);
            self.change_account(reserved.credit, |account| account.credits_posted += amount);
        }
        let timestamp = self.next_timestamp();
        let (debit, credit, ledger, code) = (reserved.debit, reserved.credit, reserved.ledger, reserved.code);
        let done = Transfer {
            debit,
            credit,
            ledger,
            code,
            amount,
            ..*transfer
        };
        self.put_transfer(StoredTransfer {
            asked: *transfer,
            done,
            timestamp,
            status: None,
        });
        self.changes.last_timestamp = timestamp;
        Ok(timestamp)
    }

    fn release(&mut self, pending: &StoredTransfer, status: PendingStatus) {
        let amount = pending.done.amount;
        self.change_account(pending.done.debit, |account| account.debits_pending -= amount);
        self.change_account(pending.done.credit, |account| account.credits_pending -= amount);
        self.put_transfer(StoredTransfer {
            status: Some(status),
            ..*pending
        });
    }

    fn next_timestamp(&self) -> u64 {
        self.now.max(self.changes.last_timestamp.saturating_add(1))
    }

    fn account(&self, id: u128) -> Option<Account> {
        self.changes.accounts.get(&id).or_else(|| self.state.accounts.get(&id)).copied()
    }

    fn transfer(&self, id: u128) -> Option<StoredTransfer> {
        self.changes.transfers.get(&id).or_else(|| self.state.transfers.get(&id)).copied()
    }

    fn change_account(&mut self, id: u128, change: impl FnOnce(&mut Account)) {
        if let Some(mut account) = self.account(id) {
            change(&mut account);
            self.put_account(account);
        }
    }

    fn put_account(&mut self, account: Account) {
        let before = self.changes.accounts.insert(account.id, account);
        self.undo.push(Undo::Account(account.id, before));
    }

    fn put_transfer(&mut self, stored: StoredTransfer) {
        let before = self.changes.transfers.insert(stored.asked.id, stored);
        self.undo.push(Undo::Transfer(stored.asked.id, before));
    }

    fn roll_back(&mut self) {
        while let Some(step) = self.undo.pop() {
            match step {
                Undo::Account(id, Some(before)) => drop(self.changes.accounts.insert(id, before)),
                Undo::Account(id, None) => drop(self.changes.accounts.remove(&id)),
                Undo::Transfer(id, Some(before)) => drop(self.changes.transfers.insert(id, before)),
                Undo::Transfer(id, None) => drop(self.changes.transfers.remove(&id)),
            }
        }
    }
}

fn exists(new: &Transfer, old: &StoredTransfer) -> TransferError {
    use TransferError as E;
    let old = &old.asked;
    let first_difference = [
        (new.flags != old.flags, E::ExistsWithDifferentFlags),
        (new.pending_id != old.pending_id, E::ExistsWithDifferentPendingId),
        (new.timeout_s != old.timeout_s, E::ExistsWithDifferentTimeout),
        (new.debit != old.debit, E::ExistsWithDifferentDebitAccount),
        (new.credit != old.credit, E::ExistsWithDifferentCreditAccount),
        (new.amount != old.amount, E::ExistsWithDifferentAmount),
        (new.user_data != old.user_data, E::ExistsWithDifferentUserData),
        (new.ledger != old.ledger, E::ExistsWithDifferentLedger),
        (new.code != old.code, E::ExistsWithDifferentCode),
    ];
    first_difference
        .iter()
        .find(|(differs, _)| *differs)
        .map_or(E::Exists, |(_, error)| *error)
}
