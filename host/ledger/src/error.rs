//! Why a transfer is refused. The order of the list is the order of precedence: a transfer that is wrong in several ways gets the
//! first that holds.

use serde::{Deserialize, Serialize};

/// Why a transfer did not take place. Sorted by precedence; the first that holds is the one reported, except that a
/// [`TransferError::LinkedEventFailed`] is told to the members of a chain that are not themselves at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransferError {
    /// Another one of its chain failed.
    #[error("another transfer of the linked chain failed")]
    LinkedEventFailed,
    /// The batch ends inside the chain.
    #[error("the last transfer of the batch must not be linked")]
    LinkedEventChainOpen,
    /// The id is 0.
    #[error("the transfer id must not be 0")]
    IdMustNotBeZero,
    /// The id is the largest number.
    #[error("the transfer id must not be the largest number")]
    IdMustNotBeMax,
    /// The time in the id is before the window in which ids are known. Whether it took place is told by the account's history.
    #[error("the transfer id is too old to be known; look at the account's history, and use a new id if it did not take place")]
    IdExpired,
    /// Not a judgement: whether the id is known could not be looked up. Nothing of the batch may be kept.
    #[error("older transfers cannot be read now; try again later")]
    OlderTransfersUnreadable,
    /// The id moved money with other flags.
    #[error("the transfer exists with different flags")]
    ExistsWithDifferentFlags,
    /// The id was about another reservation.
    #[error("the transfer exists with a different pending id")]
    ExistsWithDifferentPendingId,
    /// The id had another timeout.
    #[error("the transfer exists with a different timeout")]
    ExistsWithDifferentTimeout,
    /// The id took from another account.
    #[error("the transfer exists with a different debit account")]
    ExistsWithDifferentDebitAccount,
    /// The id gave to another account.
    #[error("the transfer exists with a different credit account")]
    ExistsWithDifferentCreditAccount,
    /// The id moved another amount.
    #[error("the transfer exists with a different amount")]
    ExistsWithDifferentAmount,
    /// The id carried other user data.
    #[error("the transfer exists with different user data")]
    ExistsWithDifferentUserData,
    /// The id was in another ledger.
    #[error("the transfer exists in a different ledger")]
    ExistsWithDifferentLedger,
    /// The id had another code.
    #[error("the transfer exists with a different code")]
    ExistsWithDifferentCode,
    /// The very same transfer took place before: done, nothing changed.
    #[error("the transfer exists")]
    Exists,
    /// The id is burned: it failed for a reason that might have passed since.
    #[error("a transfer with this id failed before; use a new id")]
    IdAlreadyFailed,
    /// More than one of post, void, and pending or balancing.
    #[error("the flags exclude each other")]
    FlagsAreMutuallyExclusive,
    /// No account to take from.
    #[error("the debit account must not be 0")]
    DebitAccountMustNotBeZero,
    /// The debit account is the largest number.
    #[error("the debit account must not be the largest number")]
    DebitAccountMustNotBeMax,
    /// No account to give to.
    #[error("the credit account must not be 0")]
    CreditAccountMustNotBeZero,
    /// The credit account is the largest number.
    #[error("the credit account must not be the largest number")]
    CreditAccountMustNotBeMax,
    /// From an account to itself.
    #[error("debit and credit account must be different")]
    AccountsMustBeDifferent,
    /// A pending id without post or void.
    #[error("only post and void name a pending id")]
    PendingIdMustBeZero,
    /// Post or void of nothing.
    #[error("post and void must name a pending id")]
    PendingIdMustNotBeZero,
    /// The pending id is the largest number.
    #[error("the pending id must not be the largest number")]
    PendingIdMustNotBeMax,
    /// Post or void of itself.
    #[error("the pending id must not be the transfer's own")]
    PendingIdMustBeDifferent,
    /// A timeout without a reservation.
    #[error("only a pending transfer has a timeout")]
    TimeoutReservedForPending,
    /// The ledger is 0.
    #[error("the ledger must not be 0")]
    LedgerMustNotBeZero,
    /// The code is 0.
    #[error("the code must not be 0")]
    CodeMustNotBeZero,
    /// There is no such debit account. Burns the id.
    #[error("the debit account was not found")]
    DebitAccountNotFound,
    /// There is no such credit account. Burns the id.
    #[error("the credit account was not found")]
    CreditAccountNotFound,
    /// The accounts have different currencies.
    #[error("both accounts must have the same ledger")]
    AccountsMustHaveTheSameLedger,
    /// The accounts have another currency than the transfer.
    #[error("the transfer must have the ledger of its accounts")]
    TransferMustHaveTheSameLedgerAsAccounts,
    /// There is no such reservation. Burns the id.
    #[error("the pending transfer was not found")]
    PendingTransferNotFound,
    /// What `pending_id` names was done at once.
    #[error("the transfer named is not a pending one")]
    PendingTransferNotPending,
    /// The reservation takes from another account.
    #[error("the pending transfer has a different debit account")]
    PendingTransferHasDifferentDebitAccount,
    /// The reservation gives to another account.
    #[error("the pending transfer has a different credit account")]
    PendingTransferHasDifferentCreditAccount,
    /// The reservation is in another ledger.
    #[error("the pending transfer has a different ledger")]
    PendingTransferHasDifferentLedger,
    /// The reservation has another code.
    #[error("the pending transfer has a different code")]
    PendingTransferHasDifferentCode,
    /// More than was reserved.
    #[error("more than the pending amount")]
    ExceedsPendingTransferAmount,
    /// A void of a part.
    #[error("the pending transfer has a different amount; a void takes all or says 0")]
    PendingTransferHasDifferentAmount,
    /// Done already.
    #[error("the pending transfer was already posted")]
    PendingTransferAlreadyPosted,
    /// Released already.
    #[error("the pending transfer was already voided")]
    PendingTransferAlreadyVoided,
    /// Its timeout released it.
    #[error("the pending transfer expired")]
    PendingTransferExpired,
    /// The debit account takes no transfers. Burns the id.
    #[error("the debit account is closed")]
    DebitAccountClosed,
    /// The credit account takes no transfers. Burns the id.
    #[error("the credit account is closed")]
    CreditAccountClosed,
    /// Reserved debits would not fit 128 bits.
    #[error("the pending debits would overflow")]
    OverflowsDebitsPending,
    /// Reserved credits would not fit 128 bits.
    #[error("the pending credits would overflow")]
    OverflowsCreditsPending,
    /// Posted debits would not fit 128 bits.
    #[error("the posted debits would overflow")]
    OverflowsDebitsPosted,
    /// Posted credits would not fit 128 bits.
    #[error("the posted credits would overflow")]
    OverflowsCreditsPosted,
    /// All debits together would not fit 128 bits.
    #[error("pending and posted debits together would overflow")]
    OverflowsDebits,
    /// All credits together would not fit 128 bits.
    #[error("pending and posted credits together would overflow")]
    OverflowsCredits,
    /// The time of release would not fit 64 bits of nanoseconds.
    #[error("the timeout would overflow")]
    OverflowsTimeout,
    /// The debit account has too little. Burns the id.
    #[error("not enough credit on the debit account")]
    ExceedsCredits,
    /// The credit account would get too much. Burns the id.
    #[error("not enough debit on the credit account")]
    ExceedsDebits,
}

impl TransferError {
    /// Whether the same transfer might pass later. Such a failure burns the id, so that a retry that was delayed cannot surprise
    /// somebody who was told "failed".
    #[must_use]
    pub fn burns_id(self) -> bool {
        matches!(
            self,
            Self::DebitAccountNotFound
                | Self::CreditAccountNotFound
                | Self::PendingTransferNotFound
                | Self::DebitAccountClosed
                | Self::CreditAccountClosed
                | Self::ExceedsCredits
                | Self::ExceedsDebits
        )
    }
}
