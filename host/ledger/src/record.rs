//! One event of the journal, as it stands in memory and in runs.

use crate::accounts::Accounts;
use crate::transfer::{PendingStatus, StoredTransfer, Transfer, TransferFlags};

/// Bytes of a record in a run.
pub(crate) const RECORD: usize = 104;
/// No account, no event before.
pub(crate) const NO_SLOT: u32 = u32::MAX;
pub(crate) const NO_EVENT: u64 = u64::MAX;

const LINKED: u16 = 1;
pub(crate) const PENDING: u16 = 1 << 1;
pub(crate) const POST: u16 = 1 << 2;
pub(crate) const VOID: u16 = 1 << 3;
const BALANCING_DEBIT: u16 = 1 << 4;
const BALANCING_CREDIT: u16 = 1 << 5;
const FLAGS: u16 = (1 << 6) - 1;
/// What a post or void named, rather than leaving it to the pending transfer.
const NAMED_DEBIT: u16 = 1 << 6;
const NAMED_CREDIT: u16 = 1 << 7;
const NAMED_LEDGER: u16 = 1 << 8;
const NAMED_CODE: u16 = 1 << 9;
const NAMED_AMOUNT: u16 = 1 << 10;
const KIND: u32 = 11;
const STATUS: u32 = 13;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A transfer took place.
    Transfer,
    /// An id is burned.
    Burned,
    /// A timeout released the pending transfer `extra`.
    Expiry,
}

/// 104 bytes: the alignment of `u128` would add eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(8))]
pub(crate) struct Record {
    pub(crate) id: u128,
    /// What it moved, reserved or released.
    pub(crate) amount: u128,
    /// The pending id of post, void and expiry; the amount asked of a balancing transfer.
    pub(crate) extra: u128,
    pub(crate) user_data: u128,
    pub(crate) timestamp: u64,
    /// The event before it of the same account, as its place in the journal.
    pub(crate) before_debit: u64,
    pub(crate) before_credit: u64,
    pub(crate) debit: u32,
    pub(crate) credit: u32,
    pub(crate) timeout_s: u32,
    pub(crate) code: u16,
    pub(crate) bits: u16,
}

pub(crate) fn flag_bits(flags: TransferFlags) -> u16 {
    let bit = |set: bool, bit: u16| if set { bit } else { 0 };
    bit(flags.linked, LINKED)
        | bit(flags.pending, PENDING)
        | bit(flags.post_pending, POST)
        | bit(flags.void_pending, VOID)
        | bit(flags.balancing_debit, BALANCING_DEBIT)
        | bit(flags.balancing_credit, BALANCING_CREDIT)
}

impl Record {
    pub(crate) fn first_phase(asked: &Transfer, amount: u128, debit: u32, credit: u32, timestamp: u64) -> Self {
        let balancing = asked.flags.balancing_debit || asked.flags.balancing_credit;
        Self {
            id: asked.id,
            amount,
            extra: if balancing { asked.amount } else { 0 },
            user_data: asked.user_data,
            timestamp,
            before_debit: NO_EVENT,
            before_credit: NO_EVENT,
            debit,
            credit,
            timeout_s: asked.timeout_s,
            code: asked.code,
            bits: flag_bits(asked.flags) | (u16::from(asked.flags.pending) << STATUS),
        }
    }

    pub(crate) fn second_phase(asked: &Transfer, amount: u128, pending: &Record, timestamp: u64) -> Self {
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        let default = if asked.flags.post_pending { u128::MAX } else { 0 };
        Self {
            id: asked.id,
            amount,
            extra: asked.pending_id,
            user_data: asked.user_data,
            timestamp,
            before_debit: NO_EVENT,
            before_credit: NO_EVENT,
            debit: pending.debit,
            credit: pending.credit,
            timeout_s: 0,
            code: pending.code,
            bits: flag_bits(asked.flags)
                | bit(asked.debit != 0, NAMED_DEBIT)
                | bit(asked.credit != 0, NAMED_CREDIT)
                | bit(asked.ledger != 0, NAMED_LEDGER)
                | bit(asked.code != 0, NAMED_CODE)
                | bit(asked.amount != default, NAMED_AMOUNT),
        }
    }

    pub(crate) fn expiry(pending: &Record, timestamp: u64) -> Self {
        Self {
            id: 0,
            amount: pending.amount,
            extra: pending.id,
            timestamp,
            before_debit: NO_EVENT,
            before_credit: NO_EVENT,
            bits: 2 << KIND,
            ..*pending
        }
    }

    pub(crate) fn burned(id: u128, timestamp: u64) -> Self {
        Self {
            id,
            amount: 0,
            extra: 0,
            user_data: 0,
            timestamp,
            before_debit: NO_EVENT,
            before_credit: NO_EVENT,
            debit: NO_SLOT,
            credit: NO_SLOT,
            timeout_s: 0,
            code: 0,
            bits: 1 << KIND,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.bits >> KIND & 3 {
            0 => Kind::Transfer,
            1 => Kind::Burned,
            _ => Kind::Expiry,
        }
    }

    pub(crate) fn has(&self, bit: u16) -> bool {
        self.bits & bit != 0
    }

    pub(crate) fn status(&self) -> Option<PendingStatus> {
        status_of(self.bits >> STATUS)
    }

    pub(crate) fn set_status(&mut self, status: PendingStatus) {
        self.bits = self.bits & ((1 << STATUS) - 1) | status_number(status) << STATUS;
    }

    /// When a pending transfer is released by itself.
    pub(crate) fn due(&self) -> Option<u64> {
        (self.has(PENDING) && self.timeout_s > 0).then(|| self.timestamp.saturating_add(u64::from(self.timeout_s) * 1_000_000_000))
    }

    /// The event before this one of the account in `slot`.
    pub(crate) fn before(&self, slot: u32) -> u64 {
        if self.debit == slot {
            self.before_debit
        } else {
            self.before_credit
        }
    }

    fn flags(&self) -> TransferFlags {
        TransferFlags {
            linked: self.has(LINKED),
            pending: self.has(PENDING),
            post_pending: self.has(POST),
            void_pending: self.has(VOID),
            balancing_debit: self.has(BALANCING_DEBIT),
            balancing_credit: self.has(BALANCING_CREDIT),
        }
    }

    pub(crate) fn to_stored(self, accounts: &Accounts) -> StoredTransfer {
        let flags = self.flags();
        let (debit, credit) = (accounts.at(self.debit), accounts.at(self.credit));
        let second = flags.post_pending || flags.void_pending;
        let done = Transfer {
            id: self.id,
            debit: debit.id,
            credit: credit.id,
            amount: self.amount,
            pending_id: if second { self.extra } else { 0 },
            user_data: self.user_data,
            timeout_s: self.timeout_s,
            ledger: debit.ledger,
            code: self.code,
            flags,
        };
        let mut asked = done;
        if second {
            let named = |bit: u16| self.has(bit);
            asked.debit = if named(NAMED_DEBIT) { done.debit } else { 0 };
            asked.credit = if named(NAMED_CREDIT) { done.credit } else { 0 };
            asked.ledger = if named(NAMED_LEDGER) { done.ledger } else { 0 };
            asked.code = if named(NAMED_CODE) { done.code } else { 0 };
            let default = if flags.post_pending { u128::MAX } else { 0 };
            asked.amount = if named(NAMED_AMOUNT) { done.amount } else { default };
        } else if flags.balancing_debit || flags.balancing_credit {
            asked.amount = self.extra;
        }
        StoredTransfer {
            asked,
            done,
            timestamp: self.timestamp,
            status: self.status(),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; RECORD];
        bytes[..16].copy_from_slice(&{ self.id }.to_le_bytes());
        bytes[16..32].copy_from_slice(&{ self.amount }.to_le_bytes());
        bytes[32..48].copy_from_slice(&{ self.extra }.to_le_bytes());
        bytes[48..64].copy_from_slice(&{ self.user_data }.to_le_bytes());
        bytes[64..72].copy_from_slice(&self.timestamp.to_le_bytes());
        bytes[72..80].copy_from_slice(&self.before_debit.to_le_bytes());
        bytes[80..88].copy_from_slice(&self.before_credit.to_le_bytes());
        bytes[88..92].copy_from_slice(&self.debit.to_le_bytes());
        bytes[92..96].copy_from_slice(&self.credit.to_le_bytes());
        bytes[96..100].copy_from_slice(&self.timeout_s.to_le_bytes());
        bytes[100..102].copy_from_slice(&self.code.to_le_bytes());
        bytes[102..].copy_from_slice(&self.bits.to_le_bytes());
        out.extend_from_slice(&bytes);
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let wide = |at: usize| bytes.get(at..at + 16)?.try_into().map(u128::from_le_bytes).ok();
        let long = |at: usize| bytes.get(at..at + 8)?.try_into().map(u64::from_le_bytes).ok();
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().map(u32::from_le_bytes).ok();
        let half = |at: usize| bytes.get(at..at + 2)?.try_into().map(u16::from_le_bytes).ok();
        Some(Self {
            id: wide(0)?,
            amount: wide(16)?,
            extra: wide(32)?,
            user_data: wide(48)?,
            timestamp: long(64)?,
            before_debit: long(72)?,
            before_credit: long(80)?,
            debit: word(88)?,
            credit: word(92)?,
            timeout_s: word(96)?,
            code: half(100)?,
            bits: half(102)?,
        })
    }
}

pub(crate) fn status_number(status: PendingStatus) -> u16 {
    match status {
        PendingStatus::Pending => 1,
        PendingStatus::Posted => 2,
        PendingStatus::Voided => 3,
        PendingStatus::Expired => 4,
    }
}

pub(crate) fn status_of(number: u16) -> Option<PendingStatus> {
    match number & 7 {
        1 => Some(PendingStatus::Pending),
        2 => Some(PendingStatus::Posted),
        3 => Some(PendingStatus::Voided),
        4 => Some(PendingStatus::Expired),
        _ => None,
    }
}

#[cfg(test)]
const _: () = assert!(size_of::<Record>() == RECORD);
const _: () = assert!(FLAGS < NAMED_DEBIT);
