//! The state: accounts, transfers, and what is reserved until when.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::account::{Account, AccountError};
use crate::error::TransferError;
use crate::plan::{Changes, Plan};
use crate::transfer::{PendingStatus, StoredTransfer, Transfer};

/// What a batch did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// For each transfer its timestamp, or why it did not take place.
    pub results: Vec<Result<u64, TransferError>>,
    /// Pending transfers that the batch's time released, in the order of their timeouts.
    pub expired: Vec<u128>,
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

/// All accounts and transfers of a host. Everything is in memory: about 400 bytes a transfer, 200 an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub(crate) accounts: HashMap<u128, Account>,
    pub(crate) transfers: HashMap<u128, StoredTransfer>,
    pub(crate) burned: HashSet<u128>,
    /// Derived from `transfers`: (time of release, timestamp, id) of what is still reserved with a timeout.
    pub(crate) timeouts: BTreeSet<(u64, u64, u128)>,
    pub(crate) last_timestamp: u64,
}

impl Ledger {
    /// Says whether an account could be opened, without opening it.
    ///
    /// # Errors
    /// The first reason that holds.
    pub fn check_account(&self, account: &Account) -> Result<(), AccountError> {
        match account.id {
            0 => return Err(AccountError::IdMustNotBeZero),
            u128::MAX => return Err(AccountError::IdMustNotBeMax),
            _ => {}
        }
        if let Some(old) = self.accounts.get(&account.id) {
            // An account that was closed later is still the one that was opened.
            let flags = |flags: crate::AccountFlags| (flags.debits_must_not_exceed_credits, flags.credits_must_not_exceed_debits);
            return Err(if flags(old.flags) != flags(account.flags) {
                AccountError::ExistsWithDifferentFlags
            } else if old.ledger != account.ledger {
                AccountError::ExistsWithDifferentLedger
            } else if old.code != account.code {
                AccountError::ExistsWithDifferentCode
            } else {
                AccountError::Exists
            });
        }
        if account.flags.debits_must_not_exceed_credits && account.flags.credits_must_not_exceed_debits {
            Err(AccountError::FlagsAreMutuallyExclusive)
        } else if (
            account.debits_pending,
            account.debits_posted,
            account.credits_pending,
            account.credits_posted,
        ) != (0, 0, 0, 0)
        {
            Err(AccountError::BalancesMustBeZero)
        } else if account.ledger == 0 {
            Err(AccountError::LedgerMustNotBeZero)
        } else if account.code == 0 {
            Err(AccountError::CodeMustNotBeZero)
        } else {
            Ok(())
        }
    }

    /// Opens an account at `timestamp` (nanoseconds since 1970); returns its own, unique one.
    ///
    /// # Errors
    /// The first reason that holds; [`AccountError::Exists`] if it is open already.
    pub fn open_account(&mut self, account: &Account, timestamp: u64) -> Result<u64, AccountError> {
        self.check_account(account)?;
        let timestamp = timestamp.max(self.last_timestamp.saturating_add(1));
        self.last_timestamp = timestamp;
        self.accounts.insert(account.id, Account { timestamp, ..*account });
        Ok(timestamp)
    }

    /// Closes an account, or opens it again.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub fn set_closed(&mut self, id: u128, closed: bool) -> Result<(), AccountError> {
        self.accounts.get_mut(&id).ok_or(AccountError::NotFound)?.flags.closed = closed;
        Ok(())
    }

    /// Says what [`Ledger::apply`] would do, without doing it.
    #[must_use]
    pub fn check(&self, transfers: &[Transfer], timestamp: u64) -> Applied {
        Plan::new(self, timestamp).run(transfers).0
    }

    /// Releases what timed out by `timestamp` (nanoseconds since 1970), then does the transfers in their order, each whole or
    /// not at all, linked ones together. Each that takes place gets its own timestamp, not before the given one.
    pub fn apply(&mut self, transfers: &[Transfer], timestamp: u64) -> Applied {
        let (applied, changes) = Plan::new(self, timestamp).run(transfers);
        self.take(changes);
        applied
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
        self.accounts.get(&id)
    }

    /// A transfer that took place.
    #[must_use]
    pub fn transfer(&self, id: u128) -> Option<&StoredTransfer> {
        self.transfers.get(&id)
    }

    /// All accounts, in no order.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// All transfers that took place, in no order.
    pub fn transfers(&self) -> impl Iterator<Item = &StoredTransfer> {
        self.transfers.values()
    }

    /// The newest timestamp given out.
    #[must_use]
    pub fn last_timestamp(&self) -> u64 {
        self.last_timestamp
    }

    fn take(&mut self, changes: Changes) {
        for (id, account) in changes.accounts {
            self.accounts.insert(id, account);
        }
        for (id, stored) in changes.transfers {
            if let Some(at) = stored.expires_at() {
                if stored.status == Some(PendingStatus::Pending) {
                    self.timeouts.insert((at, stored.timestamp, id));
                } else {
                    self.timeouts.remove(&(at, stored.timestamp, id));
                }
            }
            self.transfers.insert(id, stored);
        }
        self.burned.extend(changes.burned);
        self.last_timestamp = changes.last_timestamp;
    }
}
