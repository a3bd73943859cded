//! What is written: transfers with a note in the projection, and keys.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use youji_ledger::{Account, AccountFlags, Ledger, Transfer};
use youji_store::{Commit, CommitOptions, Decision, Disk, Effects, Keyring, LogOptions, Machine, RunMap, Snapshot, Stamp};

const FROM: u128 = 1;
const TO: u128 = 2;
/// Under way at once.
const AT_ONCE: u64 = 16;
/// Transfers of one task for each key that it makes.
const FOR_A_KEY: u64 = 40;

/// A ledger behind the commit engine.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(crate) struct Books {
    ledger: Ledger,
}

impl Machine for Books {
    type Command = Transfer;
    type Entry = Transfer;
    type Answer = bool;
    type Notice = ();

    fn decide(&self, transfer: Transfer, stamp: Stamp) -> Decision<Transfer, bool> {
        // The first entry opens the accounts.
        if self.ledger.account(FROM).is_some() && self.ledger.check(&[transfer], stamp.at).fault().is_some() {
            return Decision::Answer(false);
        }
        Decision::Commit {
            entry: transfer,
            answer: true,
        }
    }

    fn apply(&mut self, transfer: &Transfer, stamp: Stamp, effects: &mut Effects<()>) -> Result<(), String> {
        if self.ledger.account(FROM).is_none() {
            for id in [FROM, TO] {
                let account = Account::new(id, 156, 1, AccountFlags::default());
                self.ledger.open_account(&account, stamp.at).map_err(|error| error.to_string())?;
            }
        }
        if let Some((_, error)) = self.ledger.apply(&[*transfer], stamp.at).fault() {
            return Err(error.to_string());
        }
        effects.put(note(transfer.id), transfer.amount.to_string());
        Ok(())
    }

    fn save(&self) -> Result<Snapshot, String> {
        let state = self.clone();
        Ok(Snapshot::new(move |out| {
            serde_json::to_writer(out, &state).map_err(|error| error.to_string())
        }))
    }

    fn load(&mut self, from: &mut dyn Read) -> Result<(), String> {
        *self = serde_json::from_reader(from).map_err(|error| error.to_string())?;
        Ok(())
    }
}

fn note(id: u128) -> String {
    format!("note/{id:020}")
}

/// Small files and many checkpoints, so that a cut meets all of it.
fn open(dir: &Path, disk: Arc<dyn Disk>) -> youji_store::Result<(Commit<Books>, Keyring)> {
    let mut options = CommitOptions::new(dir);
    options.disk = disk;
    options.checkpoint_every = 300;
    options.log = LogOptions {
        segment_bytes: 256 << 10,
        grow_bytes: 64 << 10,
        ..LogOptions::default()
    };
    fs::create_dir_all(dir).unwrap();
    let map = Arc::new(RunMap::open(&dir.join("map"))?);
    let (commit, _) = Commit::open(options, map, Books::default)?;
    Ok((commit, Keyring::open(&dir.join("keys"))?))
}

/// The sum of all transfers up to that one fits any balance.
fn amount(id: u128) -> u128 {
    1 + id % 97
}

fn transfer(id: u128) -> Transfer {
    Transfer::new(id, FROM, TO, amount(id), 156, 1)
}

/// Pays, and makes keys; writes down what was acknowledged, on another disk. Does not return.
pub(crate) async fn write_for_ever(dir: &Path, disk: Arc<dyn Disk>, told: &Path) {
    let (commit, ring) = open(dir, disk).unwrap();
    let told = Arc::new(Mutex::new(fs::OpenOptions::new().append(true).open(told).unwrap()));
    let first = commit
        .read(|books| books.ledger.account(TO).map_or(0, |account| account.credits_posted))
        .await;
    // Larger than every id of the lives before: each transfer adds at least 1.
    let next = Arc::new(AtomicU64::new(u64::try_from(first.unwrap()).unwrap() + 1));
    let tell = move |line: String| told.lock().unwrap().write_all(line.as_bytes()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (commit, ring, next, tell) = (commit.clone(), ring.clone(), next.clone(), tell.clone());
        tasks.spawn(async move {
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                assert!(commit.submit(transfer(id.into())).await.unwrap(), "transfer {id} was refused");
                tell(format!("transfer {id}\n"));
                if id % FOR_A_KEY == 0 {
                    let ring = ring.clone();
                    tokio::task::spawn_blocking(move || ring.create(&id.to_string()))
                        .await
                        .unwrap()
                        .unwrap();
                    tell(format!("key {id}\n"));
                }
            }
        });
    }
    tasks.join_all().await;
}

/// What was acknowledged since the file system was made.
#[derive(Default)]
pub(crate) struct Acknowledged {
    transfers: Vec<u128>,
    keys: Vec<u128>,
}

impl Acknowledged {
    pub(crate) fn len(&self) -> usize {
        self.transfers.len() + self.keys.len()
    }

    /// Takes in what one life told.
    pub(crate) fn read(&mut self, told: &Path) {
        let text = fs::read_to_string(told).unwrap();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let (kind, id) = line.split_once(' ').unwrap();
            let list = if kind == "key" { &mut self.keys } else { &mut self.transfers };
            list.push(id.parse().unwrap());
        }
    }
}

/// Whether the folder opens and holds all of it: in the ledger, in the projection, in the ring; and whether books and chain are right.
pub(crate) async fn verify(dir: &Path, acknowledged: &Acknowledged) -> Result<(), String> {
    let text = |error: youji_store::StoreError| error.to_string();
    if !dir.exists() {
        return Err("the whole folder is lost".to_owned());
    }
    let (commit, ring) = open(dir, Arc::new(youji_store::RealDisk)).map_err(text)?;
    let wanted = acknowledged.transfers.clone();
    let lost = commit.read(move |books| {
        books.ledger.check_invariants().map_err(|error| error.to_string())?;
        let there = |id: &&u128| {
            books
                .ledger
                .transfer(**id)
                .is_some_and(|transfer| transfer.done.amount == amount(**id))
        };
        Ok::<_, String>(wanted.iter().filter(|id| !there(id)).count())
    });
    let lost = lost.await.map_err(text)??;
    if lost > 0 {
        return Err(format!("{lost} transfers are lost"));
    }
    let notes: Vec<String> = acknowledged.transfers.iter().map(|id| note(*id)).collect();
    let keys: Vec<&[u8]> = notes.iter().map(String::as_bytes).collect();
    let found = commit.map().get(&keys).await.map_err(text)?;
    let wrong = |(id, found): (&u128, Option<Vec<u8>>)| found.as_deref() != Some(amount(*id).to_string().as_bytes());
    let missing = acknowledged
        .transfers
        .iter()
        .zip(found)
        .filter(|(id, found)| wrong((id, found.clone())))
        .count();
    if missing > 0 {
        return Err(format!("{missing} notes are missing in the projection"));
    }
    let keys = acknowledged.keys.iter().filter(|id| !ring.has(&id.to_string())).count();
    if keys > 0 {
        return Err(format!("{keys} keys are lost"));
    }
    commit.log().verify().map_err(text)?;
    commit.close().await.map_err(text)
}
