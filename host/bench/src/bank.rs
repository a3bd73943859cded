//! The host's ledger and log with nothing around them: batches of transfers as they form, judged once, durable before anybody is answered.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use youji_ledger::{Account, Applied, Ledger, Older, Retention, Transfer, TransferError, TransferFlags};
use youji_store::{Commit, Decision, Effects, Machine, Map, Result, SledMap, Snapshot, Stamp, StoreError};

/// Transfers of a batch at most, as TigerBeetle has it.
pub const MOST_OF_A_BATCH: usize = 8_190;
/// Batches on their way at once: while one is synced and answered, the next one forms.
const ON_THEIR_WAY: usize = 2;

type Results = Vec<std::result::Result<u64, TransferError>>;

/// What is asked at once, in its order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Batch {
    /// To be opened.
    pub accounts: Vec<Account>,
    /// To be done.
    pub transfers: Vec<Transfer>,
    /// Filled when the batch is applied: it is judged once.
    #[serde(skip)]
    results: Arc<OnceLock<Results>>,
}

impl Batch {
    /// Accounts are opened before transfers are done.
    pub fn new(accounts: Vec<Account>, transfers: Vec<Transfer>) -> Batch {
        let results = Arc::default();
        Batch {
            accounts,
            transfers,
            results,
        }
    }
}

/// The ledger as the commit engine drives it.
pub struct Bank {
    ledger: Ledger,
    map: Arc<SledMap>,
    retention: Retention,
    /// Runs that are written, with the entry that put them; those that can be read back leave the memory.
    written: VecDeque<(u64, u64)>,
    stored: u64,
    applied: Applied,
}

struct Runs(Arc<SledMap>);

impl Older for Runs {
    fn value(&self, key: &[u8]) -> std::result::Result<Vec<u8>, String> {
        // sled answers at once.
        let got = self.0.get(&[key]).now_or_never().ok_or("the projection did not answer at once")?;
        let value = got.map_err(|error| error.to_string())?.pop().flatten();
        value.ok_or_else(|| "a run's value is missing in the projection".to_owned())
    }
}

impl Bank {
    /// An empty one. `map` is the engine's own, where older transfers are read back.
    pub fn new(map: Arc<SledMap>, retention: Retention) -> Bank {
        let mut bank = Bank {
            ledger: Ledger::default(),
            map,
            retention,
            written: VecDeque::new(),
            stored: 0,
            applied: Applied::default(),
        };
        bank.begin();
        bank
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn begin(&mut self) {
        self.ledger.retain(self.retention);
        self.ledger.set_older(Arc::new(Runs(self.map.clone())));
    }

    fn write_runs(&mut self, stamp: Stamp, effects: &mut Effects<()>) -> std::result::Result<(), String> {
        while let Some(run) = self.ledger.write_run() {
            for value in run {
                effects.put(value.key, value.value);
            }
            self.written.push_back((self.ledger.runs(), stamp.sequence));
        }
        if self.written.is_empty() {
            return Ok(());
        }
        let seen = self.map.watermark().now_or_never().ok_or("the projection did not answer at once")?;
        let seen = seen.map_err(|error| error.to_string())?.sequence;
        while self.written.front().is_some_and(|(_, sequence)| *sequence <= seen) {
            self.stored = self.written.pop_front().map_or(self.stored, |(runs, _)| runs);
        }
        self.ledger.release(self.stored);
        Ok(())
    }
}

impl Machine for Bank {
    type Command = Batch;
    type Entry = Batch;
    type Answer = Arc<OnceLock<Results>>;
    type Notice = ();

    fn decide(&self, batch: Batch, _: Stamp) -> Decision<Batch, Self::Answer> {
        let answer = batch.results.clone();
        Decision::Commit { entry: batch, answer }
    }

    fn apply(&mut self, batch: &Batch, stamp: Stamp, effects: &mut Effects<()>) -> std::result::Result<(), String> {
        if !batch.accounts.is_empty() {
            let opened = self.ledger.open_accounts(&batch.accounts, stamp.at);
            if let Some(Err(error)) = opened.into_iter().find(std::result::Result::is_err) {
                return Err(error.to_string());
            }
        }
        self.ledger.apply_into(&batch.transfers, stamp.at, &mut self.applied);
        if let Some(reason) = self.applied.unreadable.take() {
            return Err(reason);
        }
        let _ = batch.results.set(std::mem::take(&mut self.applied.results));
        self.write_runs(stamp, effects)
    }

    fn save(&self) -> std::result::Result<Snapshot, String> {
        let ledger = self.ledger.clone();
        Ok(Snapshot::new(move |out| {
            out.write_all(&ledger.to_bytes()).map_err(|error| error.to_string())
        }))
    }

    fn load(&mut self, from: &mut dyn Read) -> std::result::Result<(), String> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        self.ledger = Ledger::from_bytes(&bytes)?;
        // A checkpoint is no newer than the projection: what it wrote can be read.
        self.stored = self.ledger.runs();
        self.written.clear();
        self.begin();
        Ok(())
    }

    fn encode(batch: &Batch) -> std::result::Result<Vec<u8>, String> {
        let accounts = serde_json::to_vec(&batch.accounts).map_err(|error| error.to_string())?;
        let mut out = Vec::with_capacity(8 + accounts.len() + batch.transfers.len() * 72);
        out.extend_from_slice(&(accounts.len() as u32).to_le_bytes());
        out.extend_from_slice(&accounts);
        batch.transfers.iter().for_each(|transfer| write(&mut out, transfer));
        Ok(out)
    }

    fn decode(bytes: &[u8]) -> std::result::Result<Batch, String> {
        let cut = || "a batch is cut off".to_owned();
        let (length, rest) = bytes.split_at_checked(4).ok_or_else(cut)?;
        let length = u32::from_le_bytes(length.try_into().map_err(|_| cut())?) as usize;
        let (accounts, mut rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        let mut transfers = Vec::with_capacity(rest.len() / 64);
        while !rest.is_empty() {
            transfers.push(read(&mut rest).ok_or_else(cut)?);
        }
        let accounts = serde_json::from_slice(accounts).map_err(|error| error.to_string())?;
        Ok(Batch::new(accounts, transfers))
    }
}

/// What of a transfer is written: the rest is 0.
const PENDING_ID: u16 = 1 << 6;
const USER_DATA: u16 = 1 << 7;
const TIMEOUT: u16 = 1 << 8;
const LARGE: u16 = 1 << 9;

fn flags(transfer: &Transfer) -> [bool; 6] {
    let flags = transfer.flags;
    [
        flags.linked,
        flags.pending,
        flags.post_pending,
        flags.void_pending,
        flags.balancing_debit,
        flags.balancing_credit,
    ]
}

/// 64 bytes for a plain transfer.
fn write(out: &mut Vec<u8>, transfer: &Transfer) {
    let small = u64::try_from(transfer.amount).ok();
    let mut bits = flags(transfer)
        .into_iter()
        .enumerate()
        .fold(0_u16, |bits, (place, set)| bits | u16::from(set) << place);
    let named = [
        (transfer.pending_id != 0, PENDING_ID),
        (transfer.user_data != 0, USER_DATA),
        (transfer.timeout_s != 0, TIMEOUT),
        (small.is_none(), LARGE),
    ];
    named.iter().filter(|(set, _)| *set).for_each(|(_, bit)| bits |= bit);
    out.extend_from_slice(&bits.to_le_bytes());
    out.extend_from_slice(&transfer.id.to_le_bytes());
    out.extend_from_slice(&transfer.debit.to_le_bytes());
    out.extend_from_slice(&transfer.credit.to_le_bytes());
    out.extend_from_slice(&transfer.ledger.to_le_bytes());
    out.extend_from_slice(&transfer.code.to_le_bytes());
    match small {
        Some(amount) => out.extend_from_slice(&amount.to_le_bytes()),
        None => out.extend_from_slice(&transfer.amount.to_le_bytes()),
    }
    if transfer.pending_id != 0 {
        out.extend_from_slice(&transfer.pending_id.to_le_bytes());
    }
    if transfer.user_data != 0 {
        out.extend_from_slice(&transfer.user_data.to_le_bytes());
    }
    if transfer.timeout_s != 0 {
        out.extend_from_slice(&transfer.timeout_s.to_le_bytes());
    }
}

fn read(bytes: &mut &[u8]) -> Option<Transfer> {
    fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, rest) = bytes.split_first_chunk::<N>()?;
        *bytes = rest;
        Some(*taken)
    }
    let bits = u16::from_le_bytes(take(bytes)?);
    let has = |bit: u16| bits & bit != 0;
    let [id, debit, credit] = [take(bytes)?, take(bytes)?, take(bytes)?].map(u128::from_le_bytes);
    let (ledger, code) = (u32::from_le_bytes(take(bytes)?), u16::from_le_bytes(take(bytes)?));
    let amount = if has(LARGE) {
        u128::from_le_bytes(take(bytes)?)
    } else {
        u64::from_le_bytes(take(bytes)?).into()
    };
    let mut transfer = Transfer::new(id, debit, credit, amount, ledger, code);
    transfer.flags = TransferFlags {
        linked: has(1),
        pending: has(1 << 1),
        post_pending: has(1 << 2),
        void_pending: has(1 << 3),
        balancing_debit: has(1 << 4),
        balancing_credit: has(1 << 5),
    };
    if has(PENDING_ID) {
        transfer.pending_id = u128::from_le_bytes(take(bytes)?);
    }
    if has(USER_DATA) {
        transfer.user_data = u128::from_le_bytes(take(bytes)?);
    }
    if has(TIMEOUT) {
        transfer.timeout_s = u32::from_le_bytes(take(bytes)?);
    }
    Some(transfer)
}

type Asked = (Transfer, oneshot::Sender<Result<std::result::Result<u64, TransferError>>>);

/// Takes transfers one by one and makes batches of those that wait: no timer, no size to wait for.
#[derive(Clone)]
pub struct Teller(mpsc::Sender<Asked>);

impl Teller {
    /// One before `bank`. It ends with its last clone.
    pub fn new(bank: Commit<Bank>) -> Teller {
        let (asked, mut waiting) = mpsc::channel::<Asked>(MOST_OF_A_BATCH * 4);
        tokio::spawn(async move {
            let places = Arc::new(tokio::sync::Semaphore::new(ON_THEIR_WAY));
            let mut taken = Vec::with_capacity(MOST_OF_A_BATCH);
            while let Ok(place) = places.clone().acquire_owned().await {
                if waiting.recv_many(&mut taken, MOST_OF_A_BATCH).await == 0 {
                    return;
                }
                let (transfers, answers): (Vec<Transfer>, Vec<_>) = taken.drain(..).unzip();
                let batch = Batch::new(Vec::new(), transfers);
                let bank = bank.clone();
                tokio::spawn(async move {
                    let done = bank.submit(batch).await;
                    drop(place);
                    answer(done, answers);
                });
            }
        });
        Teller(asked)
    }

    /// Does one transfer; ready once it is durable.
    ///
    /// # Errors
    /// As for [`Commit::submit`]; the ledger's own refusal stands inside.
    pub async fn transfer(&self, transfer: Transfer) -> Result<std::result::Result<u64, TransferError>> {
        let (answer, answered) = oneshot::channel();
        self.0.send((transfer, answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }
}

fn answer(done: Result<Arc<OnceLock<Results>>>, answers: Vec<oneshot::Sender<Result<std::result::Result<u64, TransferError>>>>) {
    match done.as_ref().map(|results| results.get()) {
        Ok(Some(results)) => {
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(Ok(*result));
            }
        }
        // Written and not judged can't be: the entry is applied before it is written.
        Ok(None) => drop(answers),
        Err(error) => answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone())))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_what_it_was() {
        let mut transfers = vec![
            Transfer::new(7, 1, 2, 5, 156, 3),
            Transfer::new(u128::MAX - 1, 1, 2, u128::MAX, 1, 1),
        ];
        transfers.push(Transfer::post(9, 7, u128::MAX));
        transfers.push(Transfer {
            flags: TransferFlags::PENDING,
            timeout_s: 60,
            user_data: 1 << 100,
            ..Transfer::new(10, 1, 2, u128::from(u64::MAX), 156, 3)
        });
        transfers.push(Transfer::void(11, 10).linked());
        let account = Account::new(5, 156, 1, youji_ledger::AccountFlags::default());
        let batch = Batch::new(vec![account], transfers);
        let bytes = Bank::encode(&batch).expect("encoded");
        let again = Bank::decode(&bytes).expect("decoded");
        assert_eq!((again.accounts, again.transfers), (batch.accounts, batch.transfers));
        for length in [0, 3, 5, bytes.len() - 1] {
            assert!(Bank::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
