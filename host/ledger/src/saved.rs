//! The state as bytes, for a checkpoint. Equal states give equal bytes; what is derived is left out.
//!
//! Little-endian integers of fixed width, but for balances, which are LEB128.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::account::{Account, AccountFlags};
use crate::accounts::Slot;
use crate::journal::Retention;
use crate::ledger::Ledger;
use crate::record::{RECORD, Record, status_number, status_of};
use crate::run::Run;
use crate::transfer::PendingStatus;

const MAGIC: &[u8; 4] = b"YJL1";

impl Ledger {
    /// The state as bytes. What [`Older`](crate::Older) reads is not part of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let journal = &self.journal;
        let records: usize = journal.generations.iter().map(|generation| generation.records.len()).sum();
        let mut out = Vec::with_capacity(64 + self.accounts.slots().len() * 72 + records * RECORD);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.last_timestamp.to_le_bytes());
        let retention = journal.retention.map_or([0; 3], |retention| {
            [
                retention.run_events.max(1) as u64,
                retention.runs_in_memory as u64,
                retention.id_window_ms,
            ]
        });
        retention.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        count(&mut out, self.accounts.slots().len());
        self.accounts.slots().iter().for_each(|slot| write_slot(&mut out, slot));
        count(&mut out, journal.generations.len());
        for generation in &journal.generations {
            out.extend_from_slice(&generation.first.to_le_bytes());
            count(&mut out, generation.records.len());
            generation.records.iter().for_each(|record| record.write(&mut out));
        }
        let mut held: Vec<&Record> = journal.held.values().collect();
        held.sort_unstable_by_key(|record| record.timestamp);
        count(&mut out, held.len());
        held.iter().for_each(|record| record.write(&mut out));
        let mut resolved: Vec<_> = journal.resolved.iter().collect();
        resolved.sort_unstable_by_key(|(id, _)| **id);
        count(&mut out, resolved.len());
        for (id, (status, run)) in resolved {
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&status_number(*status).to_le_bytes());
            out.extend_from_slice(&run.map_or(u64::MAX, |run| run).to_le_bytes());
        }
        count(&mut out, journal.runs.list.len());
        for run in &journal.runs.list {
            [run.first, run.count, run.newest]
                .iter()
                .for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
            [run.min, run.max].iter().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
        }
        count(&mut out, journal.runs.out);
        out
    }

    /// The state that [`Ledger::to_bytes`] wrote.
    ///
    /// # Errors
    /// A sentence, if the bytes are not such a state, whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut bytes = bytes.strip_prefix(MAGIC).ok_or("expected a ledger's state, found something else")?;
        let ledger = read(&mut bytes).ok_or("the ledger's state is cut off or damaged")?;
        if bytes.is_empty() {
            Ok(ledger)
        } else {
            Err(format!("{} bytes stand behind the ledger's state", bytes.len()))
        }
    }
}

fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u64).to_le_bytes());
}

fn write_slot(out: &mut Vec<u8>, slot: &Slot) {
    let account = &slot.account;
    let flags = account.flags;
    out.extend_from_slice(&account.id.to_le_bytes());
    out.extend_from_slice(&account.ledger.to_le_bytes());
    out.extend_from_slice(&account.code.to_le_bytes());
    out.push(
        u8::from(flags.debits_must_not_exceed_credits)
            | u8::from(flags.credits_must_not_exceed_debits) << 1
            | u8::from(flags.closed) << 2
            | u8::from(flags.linked) << 3,
    );
    out.extend_from_slice(&account.timestamp.to_le_bytes());
    out.extend_from_slice(&slot.last.to_le_bytes());
    let balances = [
        account.debits_pending,
        account.debits_posted,
        account.credits_pending,
        account.credits_posted,
    ];
    for mut balance in balances {
        while balance >= 0x80 {
            out.push(balance as u8 | 0x80);
            balance >>= 7;
        }
        out.push(balance as u8);
    }
}

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn long(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes, 8)?.try_into().map(u64::from_le_bytes).ok()
}

fn wide(bytes: &mut &[u8]) -> Option<u128> {
    take(bytes, 16)?.try_into().map(u128::from_le_bytes).ok()
}

fn varint(bytes: &mut &[u8]) -> Option<u128> {
    let mut value = 0_u128;
    for shift in (0..128).step_by(7) {
        let byte = take(bytes, 1)?[0];
        let part = u128::from(byte & 0x7F);
        if shift == 126 && part > 3 {
            return None;
        }
        value |= part << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn read_slot(bytes: &mut &[u8]) -> Option<Slot> {
    let id = wide(bytes)?;
    let ledger = take(bytes, 4)?.try_into().map(u32::from_le_bytes).ok()?;
    let code = take(bytes, 2)?.try_into().map(u16::from_le_bytes).ok()?;
    let flags = take(bytes, 1)?[0];
    let flags = AccountFlags {
        debits_must_not_exceed_credits: flags & 1 != 0,
        credits_must_not_exceed_debits: flags & 2 != 0,
        closed: flags & 4 != 0,
        linked: flags & 8 != 0,
    };
    let (timestamp, last) = (long(bytes)?, long(bytes)?);
    let account = Account {
        debits_pending: varint(bytes)?,
        debits_posted: varint(bytes)?,
        credits_pending: varint(bytes)?,
        credits_posted: varint(bytes)?,
        timestamp,
        ..Account::new(id, ledger, code, flags)
    };
    Some(Slot { account, last })
}

fn record(bytes: &mut &[u8]) -> Option<Record> {
    Record::read(take(bytes, RECORD)?)
}

fn read(bytes: &mut &[u8]) -> Option<Ledger> {
    let mut ledger = Ledger {
        last_timestamp: long(bytes)?,
        ..Ledger::default()
    };
    let [run_events, runs_in_memory, id_window_ms] = [long(bytes)?, long(bytes)?, long(bytes)?];
    let journal = &mut ledger.journal;
    journal.retention = (run_events > 0).then_some(Retention {
        run_events: usize::try_from(run_events).ok()?,
        runs_in_memory: usize::try_from(runs_in_memory).ok()?,
        id_window_ms,
    });
    for _ in 0..long(bytes)? {
        ledger.accounts.add_slot(read_slot(bytes)?)?;
    }
    journal.generations.clear();
    let known = |record: &Record| {
        let slots = ledger.accounts.slots().len() as u32;
        let none = crate::record::NO_SLOT;
        (record.debit < slots && record.credit < slots) || (record.debit == none && record.credit == none)
    };
    for _ in 0..long(bytes)? {
        let first = long(bytes)?;
        let records: Option<Vec<Record>> = (0..long(bytes)?).map(|_| record(bytes).filter(known)).collect();
        journal.restore_generation(first, records?);
    }
    for _ in 0..long(bytes)? {
        let record = record(bytes).filter(known)?;
        journal.held.insert(record.id, record);
    }
    for _ in 0..long(bytes)? {
        let id = wide(bytes)?;
        let status = status_of(take(bytes, 2)?.try_into().map(u16::from_le_bytes).ok()?)?;
        let run = Some(long(bytes)?).filter(|run| *run != u64::MAX);
        journal.resolved.insert(id, (status, run));
    }
    for _ in 0..long(bytes)? {
        let [first, count, newest] = [long(bytes)?, long(bytes)?, long(bytes)?];
        let (min, max) = (wide(bytes)?, wide(bytes)?);
        journal.runs.list.push(Run {
            first,
            count,
            min,
            max,
            newest,
        });
    }
    let out = usize::try_from(long(bytes)?).ok()?;
    // What is not out is in memory, and one more is being filled.
    (out + journal.generations.len() == journal.runs.list.len() + 1).then_some(())?;
    journal.runs.set_out(out);
    let pending = journal.generations.iter().flat_map(|generation| &generation.records);
    let pending = pending.chain(journal.held.values());
    let pending = pending.filter(|record| record.status() == Some(PendingStatus::Pending));
    ledger.timeouts = pending
        .filter_map(|record| Some((record.due()?, record.timestamp, record.id)))
        .collect();
    Some(ledger)
}

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(&self.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = data_encoding::BASE64.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
    }
}
