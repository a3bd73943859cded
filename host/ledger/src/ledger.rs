//! The state: accounts, what happened to them, and what is reserved until when.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::account::{Account, AccountError};
use crate::accounts::Accounts;
use crate::error::TransferError;
use crate::journal::{Journal, Retention};
use crate::judge;
use crate::record::Kind;
use crate::run::RunValue;
use crate::runs::Older;
use crate::transfer::{StoredTransfer, Transfer};
use crate::views::{Direct, Overlay};

/// What a batch did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// For each transfer its timestamp, or why it did not take place.
    pub results: Vec<Result<u64, TransferError>>,
    /// Pending transfers that the batch's time released, in the order of their timeouts.
    pub expired: Vec<u128>,
    /// Why older transfers could not be read, if they were needed; see [`TransferError::OlderTransfersUnreadable`].
    pub unreadable: Option<String>,
}

impl Applied {
    /// Whether every transfer took place, now or before ([`TransferError::Exists`]).
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.results
            .iter()
            .all(|result| matches!(result, Ok(_) | Err(TransferError::Exists)))
    }

    /// The first failure that is the transfer's own: neither [`TransferError::Exists`] nor
    /// [`TransferError::LinkedEventFailed`].
    #[must_use]
    pub fn fault(&self) -> Option<(usize, TransferError)> {
        let own = |error: &TransferError| !matches!(error, TransferError::Exists | TransferError::LinkedEventFailed);
        self.results
            .iter()
            .enumerate()
            .find_map(|(place, result)| result.err().filter(own).map(|error| (place, error)))
    }
}

/// Bytes in memory, as counted by the ledger itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryUse {
    /// Of events that are in memory.
    pub recent: usize,
    /// Of what finds those that are not.
    pub older: usize,
}

/// All accounts and transfers of a host.
///
/// A new one keeps everything in memory. With [`Ledger::retain`], [`Ledger::write_run`] and [`Ledger::release`], only the newest events
/// stay there, and the rest is read back through [`Older`] when somebody asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub(crate) accounts: Accounts,
    pub(crate) journal: Journal,
    /// Derived: (time of release, timestamp, id) of what is still reserved with a timeout.
    pub(crate) timeouts: BTreeSet<(u64, u64, u128)>,
    pub(crate) last_timestamp: u64,
}

impl Ledger {
    /// Says whether an account could be opened, without opening it.
    ///
    /// # Errors
    /// The first reason that holds.
    pub fn check_account(&self, account: &Account) -> Result<(), AccountError> {
        let balances = (
            account.debits_pending,
            account.debits_posted,
            account.credits_pending,
            account.credits_posted,
        );
        let (flags, old) = (account.flags, self.accounts.get(account.id));
        // An account that was closed later is still the one that was opened.
        let limits = |flags: crate::AccountFlags| {
            (
                flags.linked,
                flags.debits_must_not_exceed_credits,
                flags.credits_must_not_exceed_debits,
            )
        };
        let exclusive = flags.debits_must_not_exceed_credits && flags.credits_must_not_exceed_debits;
        let first_fault = [
            (account.id == 0, AccountError::IdMustNotBeZero),
            (account.id == u128::MAX, AccountError::IdMustNotBeMax),
            (
                old.is_some_and(|old| limits(old.flags) != limits(flags)),
                AccountError::ExistsWithDifferentFlags,
            ),
            (
                old.is_some_and(|old| old.ledger != account.ledger),
                AccountError::ExistsWithDifferentLedger,
            ),
            (
                old.is_some_and(|old| old.code != account.code),
                AccountError::ExistsWithDifferentCode,
            ),
            (old.is_some(), AccountError::Exists),
            (exclusive, AccountError::FlagsAreMutuallyExclusive),
            (balances != (0, 0, 0, 0), AccountError::BalancesMustBeZero),
            (account.ledger == 0, AccountError::LedgerMustNotBeZero),
            (account.code == 0, AccountError::CodeMustNotBeZero),
        ];
        let fault = first_fault.iter().find(|(wrong, _)| *wrong);
        fault.map_or(Ok(()), |(_, fault)| Err(*fault))
    }

    /// Opens an account at `timestamp` (nanoseconds since 1970); returns its own, unique one.
    ///
    /// # Errors
    /// The first reason that holds; [`AccountError::Exists`] if it is open already.
    pub fn open_account(&mut self, account: &Account, timestamp: u64) -> Result<u64, AccountError> {
        self.check_account(account)?;
        let timestamp = timestamp.max(self.last_timestamp.saturating_add(1));
        self.accounts
            .add(Account { timestamp, ..*account })
            .ok_or(AccountError::TooManyAccounts)?;
        self.last_timestamp = timestamp;
        Ok(timestamp)
    }

    /// Opens accounts in their order, each whole or not at all, linked ones together.
    pub fn open_accounts(&mut self, accounts: &[Account], timestamp: u64) -> Vec<Result<u64, AccountError>> {
        let mut results = Vec::with_capacity(accounts.len());
        let mut rest = accounts;
        while !rest.is_empty() {
            let end = rest.iter().position(|account| !account.flags.linked);
            let (chain, after) = rest.split_at(end.map_or(rest.len(), |last| last + 1));
            rest = after;
            let (begin, last_timestamp) = (results.len(), self.last_timestamp);
            for (place, account) in chain.iter().enumerate() {
                let open = end.is_none() && place + 1 == chain.len();
                let result = if open {
                    Err(AccountError::LinkedEventChainOpen)
                } else {
                    self.open_account(account, timestamp)
                };
                results.push(result);
                if result.is_err() {
                    (0..place).for_each(|_| self.accounts.remove_last());
                    self.last_timestamp = last_timestamp;
                    results[begin..begin + place].fill(Err(AccountError::LinkedEventFailed));
                    results.resize(begin + chain.len(), Err(AccountError::LinkedEventFailed));
                    if end.is_none()
                        && let Some(last) = results.last_mut()
                    {
                        *last = Err(AccountError::LinkedEventChainOpen);
                    }
                    break;
                }
            }
        }
        results
    }

    /// Closes an account, or opens it again.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub fn set_closed(&mut self, id: u128, closed: bool) -> Result<(), AccountError> {
        let slot = self.accounts.find(id).ok_or(AccountError::NotFound)?;
        self.accounts.slot_mut(slot).account.flags.closed = closed;
        Ok(())
    }

    /// Says what [`Ledger::apply`] would do, without doing it.
    #[must_use]
    pub fn check(&self, transfers: &[Transfer], timestamp: u64) -> Applied {
        let mut applied = Applied::default();
        judge::run(&mut Overlay::new(self), transfers, timestamp, &mut applied);
        applied
    }

    /// Releases what timed out by `timestamp` (nanoseconds since 1970), then does the transfers in their order, each whole or
    /// not at all, linked ones together. Each that takes place gets its own timestamp, not before the given one.
    pub fn apply(&mut self, transfers: &[Transfer], timestamp: u64) -> Applied {
        let mut applied = Applied::default();
        self.apply_into(transfers, timestamp, &mut applied);
        applied
    }

    /// The same, for callers that apply many batches: `applied` is overwritten and its memory used again.
    pub fn apply_into(&mut self, transfers: &[Transfer], timestamp: u64, applied: &mut Applied) {
        judge::run(&mut Direct::new(self), transfers, timestamp, applied);
    }

    /// Releases what timed out by `timestamp`; the same as applying no transfers.
    pub fn expire(&mut self, timestamp: u64) -> Vec<u128> {
        self.apply(&[], timestamp).expired
    }

    /// When the next pending transfer times out, in nanoseconds since 1970.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        self.timeouts.first().map(|(at, _, _)| *at)
    }

    /// An account.
    #[must_use]
    pub fn account(&self, id: u128) -> Option<&Account> {
        self.accounts.get(id)
    }

    /// A transfer that took place.
    ///
    /// # Errors
    /// If it may be an older one and those cannot be read.
    pub fn find_transfer(&self, id: u128) -> Result<Option<StoredTransfer>, String> {
        let found = self.journal.find(id)?.filter(|record| record.kind() == Kind::Transfer);
        Ok(found.map(|record| record.to_stored(&self.accounts)))
    }

    /// A transfer that took place; `None` also if older ones cannot be read, see [`Ledger::find_transfer`].
    #[must_use]
    pub fn transfer(&self, id: u128) -> Option<StoredTransfer> {
        self.find_transfer(id).ok().flatten()
    }

    /// All accounts, in the order in which they were opened.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.slots().iter().map(|slot| &slot.account)
    }

    /// The transfers that took place and whose events are in memory, in their order.
    pub fn transfers(&self) -> impl Iterator<Item = StoredTransfer> {
        let records = self.journal.generations.iter().flat_map(|generation| &generation.records);
        let transfers = records.filter(|record| record.kind() == Kind::Transfer);
        transfers.map(|record| record.to_stored(&self.accounts))
    }

    /// The newest timestamp given out.
    #[must_use]
    pub fn last_timestamp(&self) -> u64 {
        self.last_timestamp
    }

    /// Sets how much of the past stays in memory, from now on. Part of the state: every replay must do the same at the same place.
    pub fn retain(&mut self, retention: Retention) {
        self.journal.retention = Some(retention);
    }

    /// Says where the values of runs are read back. Not part of the state: to be said again after a restore.
    pub fn set_older(&mut self, older: Arc<dyn Older>) {
        self.journal.runs.older = Some(older);
    }

    /// Writes a run if enough has happened since the last: values to be stored for ever, each under its key. Call it after each batch,
    /// live and at replay alike; the same history gives the same values.
    pub fn write_run(&mut self) -> Option<Vec<RunValue>> {
        self.journal.write_run()
    }

    /// How many events happened: transfers that took place, ids that were burned, releases by time.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.journal.end()
    }

    /// How many runs were written.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.journal.runs.list.len() as u64
    }

    /// Lets go of what the first `stored` runs hold, as far as the retention lets; from then on it is read back. Call it once their
    /// values can be read. What is in memory and what is not makes no difference to any answer.
    pub fn release(&mut self, stored: u64) {
        self.journal.release(stored, self.last_timestamp);
    }

    /// What events take in memory now; accounts apart.
    #[must_use]
    pub fn memory_use(&self) -> MemoryUse {
        let (recent, older) = self.journal.bytes();
        MemoryUse { recent, older }
    }

    pub(crate) fn oldest_id(&self, now: u64) -> u64 {
        let window = self.journal.retention.map_or(0, |retention| retention.id_window_ms);
        if window == 0 {
            return 0;
        }
        // Time of the ledger, which never goes back.
        (now.max(self.last_timestamp) / 1_000_000).saturating_sub(window)
    }
}
