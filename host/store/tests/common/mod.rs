//! What several tests need: a disk that fails on demand, a small machine, copies of folders.
#![allow(dead_code, unreachable_pub, missing_docs)]

use std::any::Any;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use youji_store::{
    Commit, CommitOptions, Decision, Disk, DiskFile, Effects, LogOptions, Machine, RealDisk, Recovery, Result, RunMap, Snapshot, Stamp,
};

/// Small segments and steps, so that rolling over and growing happen all the time.
pub fn small() -> LogOptions {
    LogOptions {
        segment_bytes: 4_096,
        grow_bytes: 1_024,
        max_payload_bytes: 64 << 10,
    }
}

/// How a disk misbehaves from a given moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Writes say "no space left on device" and write nothing.
    Full,
    /// Writes stop after half of their bytes.
    ShortWrite,
    /// Syncs fail, writes work.
    Sync,
    /// Everything that changes a file fails, also wiping.
    Dead,
}

/// The real disk, until so many changing operations have happened.
#[derive(Clone)]
pub struct FaultyDisk {
    pub fault: Fault,
    /// Syncs that were asked for.
    pub syncs: Arc<AtomicU64>,
    /// While this holds, a sync does not end.
    pub slow: Arc<AtomicBool>,
    left: Arc<AtomicU64>,
}

impl FaultyDisk {
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            syncs: Arc::default(),
            slow: Arc::default(),
            left: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }

    /// The next operation of the fault's sort fails; with `Dead`, all from then on.
    pub fn break_now(&self) {
        self.break_after(0);
    }

    pub fn break_after(&self, operations: u64) {
        self.left.store(operations, Ordering::SeqCst);
    }

    pub fn heal(&self) {
        self.left.store(u64::MAX, Ordering::SeqCst);
    }

    fn hit(&self) -> bool {
        let before = self.left.load(Ordering::SeqCst);
        if before == u64::MAX {
            return false;
        }
        if before > 0 {
            self.left.store(before - 1, Ordering::SeqCst);
        }
        before == 0
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FaultyFile {
            disk: self.clone(),
            file: RealDisk.open(path, create)?,
        }))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>> {
        RealDisk.lock(path)
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        if self.disk.fault != Fault::Sync && self.disk.hit() {
            if self.disk.fault == Fault::ShortWrite {
                self.disk.heal();
                self.file.write_all_at(&buf[..buf.len() / 2], offset)?;
                return Err(io::Error::other("the write stopped half way"));
            }
            return Err(io::Error::from_raw_os_error(28));
        }
        self.file.write_all_at(buf, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.disk.syncs.fetch_add(1, Ordering::SeqCst);
        while self.disk.slow.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        if matches!(self.disk.fault, Fault::Sync | Fault::Dead) && self.disk.hit() {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.sync_data()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

/// Adds numbers up; keeps each in the projection; breaks on demand.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adder {
    pub sum: u64,
    pub count: u64,
    pub last_at: u64,
}

pub enum Ask {
    Add(u64),
    Sum,
    PanicInDecide,
    PanicInApply,
    Contradict,
    HugeValue,
}

#[derive(Serialize, Deserialize)]
pub enum Written {
    Added(u64),
    Panics,
    Contradicts,
    Huge,
}

impl Machine for Adder {
    type Command = Ask;
    type Entry = Written;
    type Answer = u64;
    type Notice = u64;

    fn decide(&self, command: Ask, _stamp: Stamp) -> Decision<Written, u64> {
        let (entry, answer) = match command {
            Ask::Add(n) => (Written::Added(n), self.sum + n),
            Ask::Sum => return Decision::Answer(self.sum),
            Ask::PanicInDecide => panic!("asked to panic while deciding"),
            Ask::PanicInApply => (Written::Panics, 0),
            Ask::Contradict => (Written::Contradicts, 0),
            Ask::HugeValue => (Written::Huge, 0),
        };
        Decision::Commit { entry, answer }
    }

    fn apply(&mut self, entry: &Written, stamp: Stamp, effects: &mut Effects<u64>) -> std::result::Result<(), String> {
        self.count += 1;
        assert!(stamp.at > self.last_at, "stamps increase");
        match entry {
            Written::Added(n) => {
                self.sum += n;
                self.last_at = stamp.at;
                effects.put(format!("n/{:020}", stamp.sequence), n.to_string());
                effects.put("sum", self.sum.to_string());
                effects.notify(*n);
                Ok(())
            }
            Written::Panics => panic!("asked to panic while applying"),
            Written::Contradicts => Err("asked to contradict".to_owned()),
            Written::Huge => {
                effects.put("huge", vec![1; 200 << 10]);
                Ok(())
            }
        }
    }

    fn save(&self) -> std::result::Result<Snapshot, String> {
        serde_json::to_vec(self).map(Snapshot::of).map_err(|error| error.to_string())
    }

    fn load(&mut self, from: &mut dyn Read) -> std::result::Result<(), String> {
        *self = serde_json::from_reader(from).map_err(|error| error.to_string())?;
        Ok(())
    }
}

pub fn options(dir: &Path, disk: Arc<dyn Disk>) -> CommitOptions {
    CommitOptions {
        log: small(),
        disk,
        checkpoint_every: 0,
        ..CommitOptions::new(dir)
    }
}

pub fn open(dir: &Path) -> Result<(Commit<Adder>, Recovery)> {
    open_with(options(dir, Arc::new(RealDisk)))
}

pub fn open_with(options: CommitOptions) -> Result<(Commit<Adder>, Recovery)> {
    let map = Arc::new(RunMap::open(&options.dir.join("map"))?);
    Commit::open(options, map, Adder::default)
}

/// The projection, checked against the state: every entry is in it, and the sum.
pub async fn check_projection(commit: &Commit<Adder>) {
    let state = commit.read(|adder| adder.clone()).await.unwrap();
    let pairs = commit.map().scan(b"n/", None, usize::MAX).await.unwrap();
    assert_eq!(pairs.len() as u64, state.count, "each entry is in the projection once");
    let sum: u64 = pairs
        .iter()
        .map(|(_, value)| std::str::from_utf8(value).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(sum, state.sum);
    let watermark = commit.map().watermark().await.unwrap();
    assert_eq!(watermark.sequence, commit.log().head().sequence);
}

/// A scratch folder in memory where there is one: hundreds of syncs then cost nothing.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            // A file that is gone meanwhile was not there when the machine stopped.
            match std::fs::copy(item.path(), &target) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => drop(other.unwrap()),
            }
        }
    }
}

/// The log's files, oldest first.
pub fn segments(log: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(log).unwrap().map(|item| item.unwrap().path());
    let mut segments: Vec<_> = all
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    segments
}
