//! The one place that judges transfers. It works on a view: the state itself, or what the state would become.

use crate::account::Account;
use crate::error::TransferError;
use crate::id::id_millis;
use crate::ledger::Applied;
use crate::record::{Kind, PENDING, Record};
use crate::transfer::{PendingStatus, StoredTransfer, Transfer};

/// Transfers whose accounts are touched together: few enough to stay in the nearest caches.
const WARMED: usize = 64;

/// What judging needs to see and to change. Changes between `begin` and `roll_back` can be undone.
pub(crate) trait View {
    fn slot(&self, id: u128) -> Option<u32>;
    fn account(&self, slot: u32) -> &Account;
    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Account));
    /// The event with that id.
    fn find(&self, id: u128) -> Result<Option<Record>, String>;
    fn stored(&self, record: Record) -> StoredTransfer;
    fn push(&mut self, record: Record);
    fn resolve(&mut self, pending: &Record, status: PendingStatus);
    fn last_timestamp(&self) -> u64;
    fn set_last_timestamp(&mut self, timestamp: u64);
    /// The pending transfer that timed out first, by `now`.
    fn next_due(&self, now: u64) -> Option<u128>;
    /// Ids before this time, in milliseconds since 1970, are no longer known.
    fn oldest_id(&self, now: u64) -> u64;
    /// Touches what judging these will need: misses of the cache overlap here, and would wait for each other there.
    fn warm(&self, _transfers: &[Transfer]) {}
    fn begin(&mut self);
    fn roll_back(&mut self);
    fn commit(&mut self);
}

/// Releases what timed out by `now`, then does the transfers.
pub(crate) fn run(view: &mut impl View, transfers: &[Transfer], now: u64, applied: &mut Applied) {
    applied.results.clear();
    applied.expired.clear();
    applied.unreadable = None;
    let mut judge = Judge {
        now,
        oldest_id: view.oldest_id(now),
        unreadable: None,
        view,
    };
    judge.expire(&mut applied.expired);
    let (mut rest, mut warm) = (transfers, 0);
    while let Some(first) = rest.first() {
        if transfers.len() - rest.len() >= warm {
            let next = &rest[..rest.len().min(WARMED)];
            judge.view.warm(next);
            warm += next.len();
        }
        if !first.flags.linked {
            applied.results.push(judge.one(first, true));
            rest = &rest[1..];
            continue;
        }
        let whole = rest.iter().position(|transfer| !transfer.flags.linked);
        let (chain, after) = rest.split_at(whole.map_or(rest.len(), |last| last + 1));
        judge.chain(chain, whole.is_none(), &mut applied.results);
        rest = after;
    }
    applied.unreadable = judge.unreadable;
}

struct Judge<'a, V> {
    view: &'a mut V,
    now: u64,
    oldest_id: u64,
    unreadable: Option<String>,
}

impl<V: View> Judge<'_, V> {
    fn expire(&mut self, expired: &mut Vec<u128>) {
        while let Some(id) = self.view.next_due(self.now) {
            // What still pends is in memory always.
            let Ok(Some(pending)) = self.view.find(id) else { return };
            self.release(&pending, PendingStatus::Expired);
            let timestamp = self.next_timestamp();
            self.view.push(Record::expiry(&pending, timestamp));
            self.view.set_last_timestamp(timestamp);
            expired.push(id);
        }
    }

    fn chain(&mut self, chain: &[Transfer], open: bool, results: &mut Vec<Result<u64, TransferError>>) {
        let begin = results.len();
        // A chain that took place whole is told so for each of its members, so that a retry reads as done.
        if !open && chain.iter().all(|transfer| self.known(transfer) == Err(TransferError::Exists)) {
            results.extend(chain.iter().map(|_| Err(TransferError::Exists)));
            return;
        }
        let timestamp = self.view.last_timestamp();
        self.view.begin();
        for (place, transfer) in chain.iter().enumerate() {
            let last = place + 1 == chain.len();
            let result = if open && last {
                Err(TransferError::LinkedEventChainOpen)
            } else {
                self.one(transfer, false)
            };
            results.push(result);
            let Err(fault) = result else { continue };
            self.view.roll_back();
            self.view.set_last_timestamp(timestamp);
            self.burn(transfer.id, fault);
            // The one at fault keeps its reason; an open chain is told at its end, whatever failed before.
            results[begin..begin + place].fill(Err(TransferError::LinkedEventFailed));
            results.resize(begin + chain.len(), Err(TransferError::LinkedEventFailed));
            if open && let Some(end) = results.last_mut() {
                *end = Err(TransferError::LinkedEventChainOpen);
            }
            return;
        }
        self.view.commit();
    }

    fn burn(&mut self, id: u128, fault: TransferError) {
        if fault.burns_id() {
            let timestamp = self.view.last_timestamp();
            self.view.push(Record::burned(id, timestamp));
        }
    }

    fn one(&mut self, transfer: &Transfer, burn: bool) -> Result<u64, TransferError> {
        let result = self.judge(transfer);
        if burn && let Err(fault) = result {
            self.burn(transfer.id, fault);
        }
        result
    }

    /// What the id alone says.
    fn known(&mut self, transfer: &Transfer) -> Result<(), TransferError> {
        use TransferError as E;
        match transfer.id {
            0 => return Err(E::IdMustNotBeZero),
            u128::MAX => return Err(E::IdMustNotBeMax),
            id if id_millis(id) < self.oldest_id => return Err(E::IdExpired),
            _ => {}
        }
        match self.find(transfer.id)? {
            None => Ok(()),
            Some(old) if old.kind() == Kind::Burned => Err(E::IdAlreadyFailed),
            Some(old) => Err(exists(transfer, &self.view.stored(old))),
        }
    }

    fn find(&mut self, id: u128) -> Result<Option<Record>, TransferError> {
        self.view.find(id).map_err(|reason| {
            self.unreadable = Some(reason);
            TransferError::OlderTransfersUnreadable
        })
    }

    fn judge(&mut self, transfer: &Transfer) -> Result<u64, TransferError> {
        self.known(transfer)?;
        let flags = transfer.flags;
        let second = flags.post_pending || flags.void_pending;
        let balancing = flags.balancing_debit || flags.balancing_credit;
        if flags.post_pending && flags.void_pending || second && (flags.pending || balancing) {
            return Err(TransferError::FlagsAreMutuallyExclusive);
        }
        if second {
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
        first(&first_fault)?;
        let debit_slot = self.view.slot(transfer.debit).ok_or(E::DebitAccountNotFound)?;
        let credit_slot = self.view.slot(transfer.credit).ok_or(E::CreditAccountNotFound)?;
        let (debit, credit) = (self.view.account(debit_slot), self.view.account(credit_slot));
        let pending = transfer.flags.pending;
        let amount = balanced(transfer, debit, credit);
        let timestamp = self.next_timestamp();
        let over = |a: u128, b: u128| a.checked_add(b).is_none();
        let three = |a: u128, b: u128| a.checked_add(b).and_then(|sum| sum.checked_add(amount)).is_none();
        let debits = debit.debits_pending.wrapping_add(debit.debits_posted).wrapping_add(amount);
        let credits = credit.credits_pending.wrapping_add(credit.credits_posted).wrapping_add(amount);
        let due = timestamp.checked_add(u64::from(transfer.timeout_s) * 1_000_000_000);
        let first_fault = [
            (debit.ledger != credit.ledger, E::AccountsMustHaveTheSameLedger),
            (transfer.ledger != debit.ledger, E::TransferMustHaveTheSameLedgerAsAccounts),
            (debit.flags.closed, E::DebitAccountClosed),
            (credit.flags.closed, E::CreditAccountClosed),
            (pending && over(debit.debits_pending, amount), E::OverflowsDebitsPending),
            (pending && over(credit.credits_pending, amount), E::OverflowsCreditsPending),
            (over(debit.debits_posted, amount), E::OverflowsDebitsPosted),
            (over(credit.credits_posted, amount), E::OverflowsCreditsPosted),
            (three(debit.debits_pending, debit.debits_posted), E::OverflowsDebits),
            (three(credit.credits_pending, credit.credits_posted), E::OverflowsCredits),
            (due.is_none(), E::OverflowsTimeout),
            // No sum wraps from here on.
            (
                debit.flags.debits_must_not_exceed_credits && debits > debit.credits_posted,
                E::ExceedsCredits,
            ),
            (
                credit.flags.credits_must_not_exceed_debits && credits > credit.debits_posted,
                E::ExceedsDebits,
            ),
        ];
        first(&first_fault)?;
        self.view.change(debit_slot, |debit| {
            *(if pending {
                &mut debit.debits_pending
            } else {
                &mut debit.debits_posted
            }) += amount;
        });
        self.view.change(credit_slot, |credit| {
            *(if pending {
                &mut credit.credits_pending
            } else {
                &mut credit.credits_posted
            }) += amount;
        });
        self.view
            .push(Record::first_phase(transfer, amount, debit_slot, credit_slot, timestamp));
        self.view.set_last_timestamp(timestamp);
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
        first(&first_fault)?;
        let found = self.find(transfer.pending_id)?.filter(|found| found.kind() == Kind::Transfer);
        let pending = found.ok_or(E::PendingTransferNotFound)?;
        if !pending.has(PENDING) {
            return Err(E::PendingTransferNotPending);
        }
        let status = pending.status();
        let post = transfer.flags.post_pending;
        let amount = if post && transfer.amount == u128::MAX || !post && transfer.amount == 0 {
            pending.amount
        } else {
            transfer.amount
        };
        let other = |asked: u128, is: u128| asked != 0 && asked != is;
        let (debit, credit) = (self.view.account(pending.debit), self.view.account(pending.credit));
        let first_fault = [
            (other(transfer.debit, debit.id), E::PendingTransferHasDifferentDebitAccount),
            (other(transfer.credit, credit.id), E::PendingTransferHasDifferentCreditAccount),
            (
                other(transfer.ledger.into(), debit.ledger.into()),
                E::PendingTransferHasDifferentLedger,
            ),
            (other(transfer.code.into(), pending.code.into()), E::PendingTransferHasDifferentCode),
            (amount > pending.amount, E::ExceedsPendingTransferAmount),
            (!post && amount < pending.amount, E::PendingTransferHasDifferentAmount),
            (status == Some(PendingStatus::Posted), E::PendingTransferAlreadyPosted),
            (status == Some(PendingStatus::Voided), E::PendingTransferAlreadyVoided),
            (status == Some(PendingStatus::Expired), E::PendingTransferExpired),
            (post && debit.flags.closed, E::DebitAccountClosed),
            (post && credit.flags.closed, E::CreditAccountClosed),
        ];
        first(&first_fault)?;
        self.release(&pending, if post { PendingStatus::Posted } else { PendingStatus::Voided });
        if post {
            // No limit is checked: the amount was reserved within it, and sums with it did not overflow then.
            self.view.change(pending.debit, |account| account.debits_posted += amount);
            self.view.change(pending.credit, |account| account.credits_posted += amount);
        }
        let timestamp = self.next_timestamp();
        self.view.push(Record::second_phase(transfer, amount, &pending, timestamp));
        self.view.set_last_timestamp(timestamp);
        Ok(timestamp)
    }

    fn release(&mut self, pending: &Record, status: PendingStatus) {
        let amount = pending.amount;
        self.view.change(pending.debit, |account| account.debits_pending -= amount);
        self.view.change(pending.credit, |account| account.credits_pending -= amount);
        self.view.resolve(pending, status);
    }

    fn next_timestamp(&self) -> u64 {
        self.now.max(self.view.last_timestamp().saturating_add(1))
    }
}

fn first(faults: &[(bool, TransferError)]) -> Result<(), TransferError> {
    faults.iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, fault)| Err(*fault))
}

/// What a balancing transfer moves: at most what is asked, and what the accounts have left.
fn balanced(transfer: &Transfer, debit: &Account, credit: &Account) -> u128 {
    let mut amount = transfer.amount;
    if transfer.flags.balancing_debit {
        let used = debit.debits_posted.saturating_add(debit.debits_pending);
        amount = amount.min(debit.credits_posted.saturating_sub(used));
    }
    if transfer.flags.balancing_credit {
        let used = credit.credits_posted.saturating_add(credit.credits_pending);
        amount = amount.min(credit.debits_posted.saturating_sub(used));
    }
    amount
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
