//! One seed's life: opening, commands, cuts, and what is found after each.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::AddAssign;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_ledger::{Account, AccountFlags, Transfer, TransferFlags};
use youji_store::{Commit, CommitOptions, LogOptions, Recovery, StoreError};

use crate::bank::{Act, Bank, Command, Note, Results};
use crate::disk::{Faults, SimDisk};
use crate::map::SimMap;
use crate::shadow::{BANK, Shadow};

const DIR: &str = "/simulated";
const ACCOUNTS: u128 = 6;
const PEOPLE: u64 = 5;

/// What happened, so that a run that tests nothing is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    commands: u64,
    acknowledged: u64,
    in_doubt: u64,
    /// Not acknowledged, and found after the cut.
    found: u64,
    cuts: u64,
    replays_from_the_start: u64,
    checkpoints: u64,
    compactions: u64,
    reduced: u64,
    forgeries: u64,
    torn: u64,
    operations: u64,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, more: Self) {
        self.commands += more.commands;
        self.acknowledged += more.acknowledged;
        self.in_doubt += more.in_doubt;
        self.found += more.found;
        self.cuts += more.cuts;
        self.replays_from_the_start += more.replays_from_the_start;
        self.checkpoints += more.checkpoints;
        self.compactions += more.compactions;
        self.reduced += more.reduced;
        self.forgeries += more.forgeries;
        self.torn += more.torn;
        self.operations += more.operations;
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} commands, {} acknowledged, {} in doubt ({} of them found after the cut); {} cuts, {} with a torn tail; {} checkpoints asked for; \
             {} compactions that reduced {} entries; {} replays from the first entry; {} forgeries; {} changes of the disk",
            self.commands,
            self.acknowledged,
            self.in_doubt,
            self.found,
            self.cuts,
            self.torn,
            self.checkpoints,
            self.compactions,
            self.reduced,
            self.replays_from_the_start,
            self.forgeries,
            self.operations
        )
    }
}

impl Seen {
    pub fn check_that_it_means_something(&self) {
        for (what, count) in [
            ("acknowledged commands", self.acknowledged),
            ("commands in doubt", self.in_doubt),
            ("commands in doubt that were found", self.found),
            ("torn tails", self.torn),
            ("entries reduced", self.reduced),
            ("replays from the first entry", self.replays_from_the_start),
            ("forgeries", self.forgeries),
        ] {
            assert!(count > 0, "no {what} in this run: {self}");
        }
    }
}

pub fn live(seed: u64) -> Seen {
    let mut world = World::new(seed);
    let lives = world.random.random_range(4..10);
    for _ in 0..lives {
        world.one_life();
    }
    world.seen.operations = world.disk.operations();
    world.seen
}

pub struct World {
    pub random: ChaCha8Rng,
    pub disk: SimDisk,
    pub map: SimMap,
    clock: Arc<AtomicU64>,
    shadow: Shadow,
    serial: u64,
    /// Commands since the last recovery that may be in the log, in their order, with what was said of them.
    open: Vec<(Command, Said)>,
    people: u64,
    pub seen: Seen,
}

#[derive(Debug, Clone)]
enum Said {
    Done(u64, Results),
    InDoubt,
    /// It did not happen, for certain.
    Refused,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed ^ 0x5EED);
        Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            map: SimMap::new(disk.clone()),
            disk,
            clock: Arc::new(AtomicU64::new(1_000_000_000)),
            shadow: Shadow::default(),
            serial: 0,
            open: Vec::new(),
            people: PEOPLE,
            seen: Seen::default(),
        }
    }

    pub fn options(&self, checkpoint_every: u64) -> CommitOptions {
        let clock = self.clock.clone();
        CommitOptions {
            log: LogOptions {
                segment_bytes: 8_192,
                grow_bytes: 2_048,
                max_payload_bytes: 64 << 10,
            },
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(move || clock.fetch_add(1, Ordering::SeqCst)),
            checkpoint_every,
            helper: false,
            ..CommitOptions::new(DIR)
        }
    }

    fn one_life(&mut self) {
        let faults = match self.random.random_range(0..4) {
            0 => Faults::default(),
            1 => Faults {
                sync_fails: self.random.random_range(20..200),
                ..Faults::default()
            },
            2 => Faults {
                write_stops: self.random.random_range(20..200),
                ..Faults::default()
            },
            _ => Faults {
                room: Some(self.disk.used() + self.random.random_range(0..40_000)),
                ..Faults::default()
            },
        };
        self.disk.set_faults(faults);
        if self.random.random_ratio(2, 3) {
            self.disk.cut_after(self.random.random_range(1..250));
        }
        let Some((bank, _)) = self.open() else {
            return self.power_cycle();
        };
        for _ in 0..self.random.random_range(1..25) {
            self.batch(&bank);
            if !self.disk.is_on() {
                break;
            }
        }
        let runtime = runtime();
        // Also what the writer does after its answers is over when it answers this.
        let _ = runtime.block_on(bank.read(|_| ()));
        if self.random.random() {
            self.disk.cut_now();
        }
        let _ = runtime.block_on(bank.close());
        drop(bank);
        self.power_cycle();
    }

    /// Opens as after a crash, and compares what is there with what was said. None if the disk's faults do not let it open.
    pub fn open(&mut self) -> Option<(Commit<Bank>, Recovery)> {
        let every = self.random.random_range(0..40);
        match Commit::open(self.options(every), Arc::new(self.map.clone()), Bank::default) {
            Ok((bank, recovery)) => {
                if self.disk.is_on() {
                    self.compare(&bank);
                }
                self.seen.torn += u64::from(recovery.torn_bytes > 0);
                Some((bank, recovery))
            }
            Err(StoreError::Io { .. } | StoreError::Projection { .. }) => None,
            Err(error) => panic!("what is on the disk cannot be opened: {error}"),
        }
    }

    /// Off and on again, then everything is looked at without faults.
    fn power_cycle(&mut self) {
        self.disk.cut_now();
        self.disk.power_cycle();
        self.map.power_cycle(&mut self.random);
        self.seen.cuts += 1;
        if self.random.random_ratio(1, 6) {
            self.map.lose();
        }
        if self.random.random_ratio(1, 6) {
            self.lose_checkpoints();
        }
        let Some((bank, recovery)) = self.open() else {
            panic!("a disk without faults cannot be opened");
        };
        self.seen.replays_from_the_start += u64::from(recovery.checkpoint == 0 && recovery.replayed > 0);
        let verified = bank.log().verify().unwrap_or_else(|error| panic!("{error}"));
        let runtime = runtime();
        runtime.block_on(bank.close()).unwrap();
        drop(bank);
        if verified.entries > 0 && self.random.random_ratio(1, 4) {
            self.forge();
        }
    }

    /// Both, or the newest damaged.
    fn lose_checkpoints(&mut self) {
        let files = self.disk.files("state");
        if self.random.random() {
            for file in files {
                self.disk.tamper(&file, Vec::clear);
            }
        } else if let Some(newest) = files.last() {
            let place = self.random.random::<u32>() as usize;
            self.disk.tamper(newest, |bytes| {
                let place = place % bytes.len().max(1);
                bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 4);
            });
        }
    }

    fn compare(&mut self, bank: &Commit<Bank>) {
        let state = runtime().block_on(bank.read(Bank::clone)).unwrap();
        let results: BTreeMap<u64, (u64, Results)> = state.results.iter().cloned().collect();
        let lost = || self.open.iter().filter(|(command, _)| command.serial > state.serial);
        for (command, said) in lost() {
            assert!(
                !matches!(said, Said::Done(..)),
                "command {} was acknowledged; the log ends at {}: {command:?}",
                command.serial,
                state.serial
            );
        }
        for (command, said) in std::mem::take(&mut self.open) {
            if command.serial > state.serial {
                continue;
            }
            let found = results.get(&command.serial);
            match said {
                Said::Done(at, given) => {
                    assert!(
                        found.is_none_or(|found| *found == (at, given.clone())),
                        "the answer to {command:?} is still true"
                    );
                    self.shadow.apply(&command, Some(&(at, given)));
                }
                Said::InDoubt => {
                    self.seen.found += 1;
                    self.shadow.apply(&command, found);
                }
                Said::Refused => panic!("{command:?} was said not to have happened and is in the log"),
            }
        }
        self.serial = self.serial.max(state.serial);
        self.shadow.check(&state, &self.map.pairs());
    }

    /// Commands that all wait at once, so that they go into one group each time; then now and then a checkpoint or a compaction.
    fn batch(&mut self, bank: &Commit<Bank>) {
        self.clock.fetch_add(self.random.random_range(0..700_000_000), Ordering::SeqCst);
        let commands: Vec<Command> = (0..self.random.random_range(1..12)).map(|_| self.command()).collect();
        let runtime = runtime();
        let answers = runtime.block_on(async {
            let (release, held) = std::sync::mpsc::channel::<()>();
            let mut context = Context::from_waker(Waker::noop());
            let mut gate = pin!(bank.read(move |_| held.recv().is_ok()));
            let _ = gate.as_mut().poll(&mut context);
            let mut asked: Vec<_> = commands.iter().map(|command| Box::pin(bank.submit(command.clone()))).collect();
            for one in &mut asked {
                let _ = one.as_mut().poll(&mut context);
            }
            drop(release);
            let _ = gate.await;
            let mut answers = Vec::new();
            for one in asked {
                answers.push(one.await);
            }
            answers
        });
        for (command, answer) in commands.into_iter().zip(answers) {
            self.seen.commands += 1;
            let looks = matches!(command.act, Act::Look);
            let said = match answer {
                Ok((at, results)) => {
                    self.seen.acknowledged += 1;
                    Said::Done(at, results)
                }
                Err(StoreError::InDoubt { .. }) => {
                    self.seen.in_doubt += 1;
                    Said::InDoubt
                }
                Err(StoreError::Degraded { .. } | StoreError::Closed | StoreError::Broken { .. }) => Said::Refused,
                Err(error) => panic!("{command:?}: {error}"),
            };
            if !looks {
                self.open.push((command, said));
            }
        }
        match self.random.random_range(0..16) {
            0 => self.seen.checkpoints += u64::from(runtime.block_on(bank.checkpoint()).is_ok()),
            1 => self.compact(bank),
            _ => {}
        }
    }

    pub fn compact(&mut self, bank: &Commit<Bank>) {
        let Ok(done) = runtime().block_on(bank.compact()) else { return };
        self.seen.compactions += 1;
        self.seen.reduced += done.part + done.nothing;
        // Whoever was forgotten before it began is in no file of the log any more.
        let mut shadow = self.shadow.clone();
        for (command, said) in &self.open {
            match said {
                Said::Done(at, results) => shadow.apply(command, Some(&(*at, results.clone()))),
                _ => return,
            }
        }
        let found = self.disk.holding(shadow.forgotten());
        assert!(found.is_empty(), "what was forgotten and compacted away still stands in {found:?}");
    }

    fn command(&mut self) -> Command {
        self.serial += 1;
        let act = if self.serial <= ACCOUNTS as u64 || self.random.random_ratio(1, 200) {
            let id = if self.serial <= ACCOUNTS as u64 {
                u128::from(self.serial)
            } else {
                u128::from(1_000_000 + self.serial)
            };
            let limited = AccountFlags {
                debits_must_not_exceed_credits: id != BANK,
                ..AccountFlags::default()
            };
            Act::Open(Account::new(id, 156, 1, limited))
        } else {
            match self.random.random_range(0..10) {
                0 => Act::Look,
                1 | 2 => Act::Note(self.note()),
                3 => {
                    // Somebody new takes the place of who is forgotten.
                    let person = self.people - self.random.random_range(0..PEOPLE);
                    self.people += 1;
                    Act::Forget(person)
                }
                _ => {
                    let transfers = (0..self.random.random_range(1..6)).map(|_| self.transfer()).collect();
                    let note = if self.random.random_ratio(1, 3) { Some(self.note()) } else { None };
                    Act::Pay(transfers, note)
                }
            }
        };
        Command { serial: self.serial, act }
    }

    fn note(&mut self) -> Note {
        let person = self.people - self.random.random_range(0..PEOPLE);
        let text = format!(
            "<{} wrote as {}{}>",
            person,
            self.serial,
            "x".repeat(self.random.random_range(0..300))
        );
        Note { person, text }
    }

    fn transfer(&mut self) -> Transfer {
        let random = &mut self.random;
        let newest = 1_000 + u128::from(self.serial) * 3;
        let mut id = || random.random_range(newest - 40..=newest);
        let (id, pending) = (id(), id());
        // The bank often, so that there is money to move.
        let debit = if random.random_ratio(1, 3) {
            BANK
        } else {
            random.random_range(2..=ACCOUNTS)
        };
        let mut transfer = Transfer::new(id, debit, random.random_range(1..=ACCOUNTS), random.random_range(1..200), 156, 1);
        match random.random_range(0..10) {
            0..=2 => {
                transfer.flags = TransferFlags::PENDING;
                transfer.timeout_s = random.random_range(0..4);
            }
            3 | 4 => transfer = Transfer::post(id, pending, if random.random() { u128::MAX } else { random.random_range(1..200) }),
            5 => transfer = Transfer::void(id, pending),
            _ => {}
        }
        transfer.flags.linked = random.random_ratio(1, 6);
        transfer
    }

    /// Somebody who knows the format alters an entry and mends every sum that stands beside it: the chain tells, and nothing else could.
    fn forge(&mut self) {
        use sha2::Digest;
        let files = self.disk.files("log");
        let path = files[self.random.random_range(0..files.len())].clone();
        let honest = self.disk.contents(&path);
        let mut frames = Vec::new();
        let mut offset = 64;
        while honest.get(offset..offset + 4) == Some(b"YJF1") || honest.get(offset..offset + 4) == Some(b"YJF2") {
            let word = |at: usize| u32::from_le_bytes(honest[at..at + 4].try_into().unwrap());
            let (begin, length) = match &honest[offset..offset + 4] {
                b"YJF1" => (offset + 104, word(offset + 8)),
                _ => (offset + 112, if word(offset + 104) == u32::MAX { 0 } else { word(offset + 104) }),
            };
            let end = begin + length as usize;
            frames.push((offset, begin, end));
            offset = end.next_multiple_of(8);
        }
        // The very last entry has nothing after it that could contradict.
        let empty = |path| self.disk.contents(path).get(64..68).is_none_or(|magic| magic == [0; 4]);
        let newest = files.iter().rfind(|path| !empty(path)) == Some(&path);
        frames.truncate(frames.len().saturating_sub(usize::from(newest)));
        frames.retain(|(_, begin, end)| begin < end);
        if frames.is_empty() {
            return;
        }
        let (frame, begin, end) = frames[self.random.random_range(0..frames.len())];
        let place = self.random.random_range(begin..end);
        self.disk.tamper(&path, |bytes| {
            bytes[place] ^= 1;
            if begin == frame + 104 {
                let hash = sha2::Sha256::digest(&bytes[begin..end]);
                bytes[frame + 64..frame + 96].copy_from_slice(&hash);
            }
            let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes[8..40]), &bytes[frame + 8..end]);
            bytes[frame + 4..frame + 8].copy_from_slice(&sum.to_le_bytes());
        });
        self.seen.forgeries += 1;
        // Found while opening, in the segment that is still written to; otherwise when the log is verified.
        let told = match Commit::open(self.options(0), Arc::new(SimMap::new(self.disk.clone())), Bank::default) {
            Err(StoreError::Corrupt { .. } | StoreError::Entry { .. }) => true,
            Err(error) => panic!("{error}"),
            Ok((bank, _)) => {
                let told = bank.log().verify().is_err();
                self.disk.cut_now();
                let _ = runtime().block_on(bank.close());
                self.disk.power_cycle();
                told
            }
        };
        assert!(told, "byte {place} of {} was altered and nobody noticed", path.display());
        self.disk.tamper(&path, |bytes| *bytes = honest);
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}
