//! Accounts.

use serde::{Deserialize, Serialize};

/// What an account allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountFlags {
    /// Is opened together with the next one of the batch or not at all. The last of a chain is not linked.
    pub linked: bool,
    /// A wallet: posted and pending debits never exceed posted credits.
    pub debits_must_not_exceed_credits: bool,
    /// The mirror image: posted and pending credits never exceed posted debits.
    pub credits_must_not_exceed_debits: bool,
    /// Takes no new transfers; pending ones can still be voided.
    pub closed: bool,
}

/// An account with its balances, in minor units of its ledger's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Chosen by the caller, neither 0 nor `u128::MAX`.
    pub id: u128,
    /// The currency, by convention its ISO 4217 number (156 is CNY). Not 0.
    pub ledger: u32,
    /// What kind of account it is, by the caller's own list. Not 0.
    pub code: u16,
    /// What it allows.
    pub flags: AccountFlags,
    /// Debits reserved.
    pub debits_pending: u128,
    /// Debits done.
    pub debits_posted: u128,
    /// Credits reserved.
    pub credits_pending: u128,
    /// Credits done.
    pub credits_posted: u128,
    /// When it was opened, nanoseconds since 1970, unique in the ledger. Set by the ledger.
    pub timestamp: u64,
}

impl Account {
    /// An empty account, to be opened with [`crate::Ledger::open_account`].
    #[must_use]
    pub fn new(id: u128, ledger: u32, code: u16, flags: AccountFlags) -> Self {
        let (debits_pending, debits_posted, credits_pending, credits_posted) = (0, 0, 0, 0);
        Self {
            id,
            ledger,
            code,
            flags,
            debits_pending,
            debits_posted,
            credits_pending,
            credits_posted,
            timestamp: 0,
        }
    }

    /// What a wallet can still spend: posted credits less posted and pending debits; 0 if there is none.
    #[must_use]
    pub fn available(&self) -> u128 {
        self.credits_posted
            .saturating_sub(self.debits_posted)
            .saturating_sub(self.debits_pending)
    }
}

/// Why an account cannot be opened or closed. The first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccountError {
    /// Another one of its chain was refused.
    #[error("another account of the linked chain was refused")]
    LinkedEventFailed,
    /// The batch ends inside the chain.
    #[error("the last account of the batch must not be linked")]
    LinkedEventChainOpen,
    /// The id is 0.
    #[error("the account id must not be 0")]
    IdMustNotBeZero,
    /// The id is the largest number.
    #[error("the account id must not be the largest number")]
    IdMustNotBeMax,
    /// The same id with other flags.
    #[error("the account exists with different flags")]
    ExistsWithDifferentFlags,
    /// The same id in another ledger.
    #[error("the account exists in a different ledger")]
    ExistsWithDifferentLedger,
    /// The same id with another code.
    #[error("the account exists with a different code")]
    ExistsWithDifferentCode,
    /// The very same account was opened before: done, nothing changed.
    #[error("the account exists")]
    Exists,
    /// Both limits at once would let nothing through.
    #[error("the flags exclude each other")]
    FlagsAreMutuallyExclusive,
    /// A new account cannot bring balances.
    #[error("a new account has no balances")]
    BalancesMustBeZero,
    /// The ledger is 0.
    #[error("the ledger must not be 0")]
    LedgerMustNotBeZero,
    /// The code is 0.
    #[error("the code must not be 0")]
    CodeMustNotBeZero,
    /// 2³² − 1 accounts are open.
    #[error("no more accounts can be opened")]
    TooManyAccounts,
    /// There is no such account.
    #[error("the account was not found")]
    NotFound,
}
