//! Transfers.

use serde::{Deserialize, Serialize};

/// How a transfer acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferFlags {
    /// Succeeds or fails together with the next one of the batch. The last of a chain is not linked.
    pub linked: bool,
    /// Reserves only.
    pub pending: bool,
    /// Does what `pending_id` reserved, or a part of it; the rest is released.
    pub post_pending: bool,
    /// Releases what `pending_id` reserved.
    pub void_pending: bool,
    /// Moves at most the amount, and no more than the debit account's credits let it.
    pub balancing_debit: bool,
    /// Moves at most the amount, and no more than the credit account's debits let it.
    pub balancing_credit: bool,
}

impl TransferFlags {
    const NONE: Self = Self {
        linked: false,
        pending: false,
        post_pending: false,
        void_pending: false,
        balancing_debit: false,
        balancing_credit: false,
    };
    /// Reserves only.
    pub const PENDING: Self = Self {
        pending: true,
        ..Self::NONE
    };
    /// Does what was reserved.
    pub const POST: Self = Self {
        post_pending: true,
        ..Self::NONE
    };
    /// Releases what was reserved.
    pub const VOID: Self = Self {
        void_pending: true,
        ..Self::NONE
    };
    /// Together with the next.
    pub const LINKED: Self = Self {
        linked: true,
        ..Self::NONE
    };
}

/// A wish to move money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transfer {
    /// Chosen by the caller, neither 0 nor `u128::MAX`; the same id never moves money twice.
    pub id: u128,
    /// The account to take from. For post and void, 0 for the pending transfer's.
    pub debit: u128,
    /// The account to give to. For post and void, 0 for the pending transfer's.
    pub credit: u128,
    /// Minor units. For post, `u128::MAX` for all that is reserved; for void, 0 or the amount reserved.
    pub amount: u128,
    /// For post and void, what was reserved; otherwise 0.
    #[serde(default)]
    pub pending_id: u128,
    /// Whatever the caller wants to find again, such as an order.
    #[serde(default)]
    pub user_data: u128,
    /// For pending, seconds after which it is released by itself; 0 for never.
    #[serde(default)]
    pub timeout_s: u32,
    /// The currency. For post and void, 0 for the pending transfer's.
    pub ledger: u32,
    /// What kind of transfer it is, by the caller's own list. For post and void, 0 for the pending transfer's.
    pub code: u16,
    /// How it acts.
    #[serde(default)]
    pub flags: TransferFlags,
}

impl Transfer {
    /// A transfer done at once.
    #[must_use]
    pub fn new(id: u128, debit: u128, credit: u128, amount: u128, ledger: u32, code: u16) -> Self {
        Self {
            id,
            debit,
            credit,
            amount,
            pending_id: 0,
            user_data: 0,
            timeout_s: 0,
            ledger,
            code,
            flags: TransferFlags::default(),
        }
    }

    /// Does `amount` of what `pending_id` reserved and releases the rest; `u128::MAX` for all of it.
    #[must_use]
    pub fn post(id: u128, pending_id: u128, amount: u128) -> Self {
        Self {
            pending_id,
            flags: TransferFlags::POST,
            ..Self::new(id, 0, 0, amount, 0, 0)
        }
    }

    /// Releases what `pending_id` reserved.
    #[must_use]
    pub fn void(id: u128, pending_id: u128) -> Self {
        Self {
            pending_id,
            flags: TransferFlags::VOID,
            ..Self::new(id, 0, 0, 0, 0, 0)
        }
    }

    /// The same, linked to the next of its batch.
    #[must_use]
    pub fn linked(mut self) -> Self {
        self.flags.linked = true;
        self
    }
}

/// What became of a pending transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PendingStatus {
    /// Still reserved.
    Pending,
    /// Done.
    Posted,
    /// Released by a void.
    Voided,
    /// Released by its timeout.
    Expired,
}

/// A transfer that took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTransfer {
    /// What was asked.
    pub asked: Transfer,
    /// What it moved or reserved, with the accounts, amount, ledger and code of the pending transfer filled in.
    pub done: Transfer,
    /// When, in nanoseconds since 1970, unique in the ledger and increasing.
    pub timestamp: u64,
    /// For a pending transfer, what became of it.
    pub status: Option<PendingStatus>,
}

impl StoredTransfer {
    /// When a pending transfer is released by itself, in nanoseconds since 1970; `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        let timed = self.status.is_some() && self.done.timeout_s > 0;
        timed.then(|| self.timestamp.saturating_add(u64::from(self.done.timeout_s) * 1_000_000_000))
    }
}
