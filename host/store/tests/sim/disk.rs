//! A disk in memory that forgets what was not synced, tears what it was writing, and fails on demand.
//!
//! It is stricter than ext4: a sync of a file makes only its bytes durable, its name needs a sync of the folder; of what was not synced
//! any set of 512-byte sectors may survive a cut; after a failed sync the lost pages read as if they were written, and a later sync
//! says "ok" without them. Names survive in the order in which they changed, as in a journal. Folders themselves always exist.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_store::{Disk, DiskFile};

const SECTOR: usize = 512;

/// How often what goes wrong: one in so many operations; 0 for never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    pub sync_fails: u32,
    pub write_stops: u32,
    /// Room in bytes, all files together.
    pub room: Option<usize>,
}

#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

struct Inner {
    random: ChaCha8Rng,
    on: bool,
    operations: u64,
    cut_at: u64,
    faults: Faults,
    files: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Changes of names that no sync has covered.
    changed_names: Vec<(PathBuf, Option<u64>)>,
    locked: BTreeSet<PathBuf>,
    next_inode: u64,
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Pending {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }

    /// Some sectors of a write, or all or nothing of a change of length.
    fn apply_torn(&self, bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
        match self {
            Self::Write(offset, written) => {
                let mut at = 0;
                while at < written.len() {
                    let step = (SECTOR - (offset + at) % SECTOR).min(written.len() - at);
                    if random.random() {
                        Self::Write(offset + at, written[at..at + step].to_vec()).apply(bytes);
                    }
                    at += step;
                }
            }
            Self::Length(_) => {
                if random.random() {
                    self.apply(bytes);
                }
            }
        }
    }
}

impl SimDisk {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random: ChaCha8Rng::seed_from_u64(seed),
            on: true,
            operations: 0,
            cut_at: u64::MAX,
            faults: Faults::default(),
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            changed_names: Vec::new(),
            locked: BTreeSet::new(),
            next_inode: 1,
        })))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// The power goes in the middle of the operation that is so many changes ahead.
    pub fn cut_after(&self, operations: u64) {
        let mut inner = self.0.lock();
        inner.cut_at = inner.operations + operations;
    }

    pub fn cut_now(&self) {
        self.0.lock().on = false;
    }

    pub fn is_on(&self) -> bool {
        self.0.lock().on
    }

    /// Changes so far.
    pub fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Bytes of all files.
    pub fn used(&self) -> usize {
        self.0.lock().used()
    }

    /// The power comes back: what is there now is what survived.
    pub fn power_cycle(&self) {
        let inner = &mut *self.0.lock();
        for file in inner.files.values_mut() {
            let pending = std::mem::take(&mut file.pending);
            match inner.random.random_range(0..4) {
                0 => {}
                1 => pending.iter().for_each(|change| change.apply(&mut file.durable)),
                _ => {
                    for change in &pending {
                        match inner.random.random_range(0..3) {
                            0 => change.apply(&mut file.durable),
                            1 => change.apply_torn(&mut file.durable, &mut inner.random),
                            _ => {}
                        }
                    }
                }
            }
            file.now.clone_from(&file.durable);
        }
        let survive = inner.random.random_range(0..=inner.changed_names.len());
        for (path, inode) in inner.changed_names.drain(..).take(survive) {
            set_name(&mut inner.durable_names, path, inode);
        }
        inner.names = inner.durable_names.clone();
        let named: BTreeSet<u64> = inner.names.values().copied().collect();
        inner.files.retain(|inode, _| named.contains(inode));
        inner.locked.clear();
        (inner.on, inner.cut_at, inner.faults) = (true, u64::MAX, Faults::default());
    }

    /// Changes a durable file behind everybody's back.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let inner = &mut *self.0.lock();
        let file = inner.files.get_mut(&inner.names[path]).expect("a file");
        change(&mut file.now);
        file.durable.clone_from(&file.now);
        file.pending.clear();
    }

    pub fn contents(&self, path: &Path) -> Vec<u8> {
        let inner = self.0.lock();
        inner.files[&inner.names[path]].now.clone()
    }

    /// All files whose name ends so.
    pub fn files(&self, extension: &str) -> Vec<PathBuf> {
        let inner = self.0.lock();
        let all = inner.names.keys().filter(|path| path.extension().is_some_and(|e| e == extension));
        all.cloned().collect()
    }

    /// The files that hold one of these texts.
    pub fn holding(&self, texts: &[String]) -> Vec<PathBuf> {
        let inner = self.0.lock();
        let holds = |inode: &u64| {
            let file = &inner.files[inode];
            [&file.now, &file.durable].iter().any(|bytes| {
                let bytes = String::from_utf8_lossy(bytes);
                texts.iter().any(|text| bytes.contains(text))
            })
        };
        let found = inner.names.iter().filter(|(_, inode)| holds(inode));
        found.map(|(path, _)| path.clone()).collect()
    }
}

fn set_name(names: &mut BTreeMap<PathBuf, u64>, path: PathBuf, inode: Option<u64>) {
    match inode {
        Some(inode) => drop(names.insert(path, inode)),
        None => drop(names.remove(&path)),
    }
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl Inner {
    fn used(&self) -> usize {
        self.names
            .values()
            .collect::<BTreeSet<_>>()
            .iter()
            .map(|inode| self.files[inode].now.len())
            .sum()
    }

    /// Counts a change. `Ok(false)`: the power goes in the middle of it.
    fn step(&mut self) -> io::Result<bool> {
        if !self.on {
            return Err(off());
        }
        self.operations += 1;
        if self.operations >= self.cut_at {
            self.on = false;
        }
        Ok(self.on)
    }

    fn hit(&mut self, one_in: u32) -> bool {
        one_in > 0 && self.random.random_ratio(1, one_in)
    }

    fn rename(&mut self, path: &Path, inode: Option<u64>) {
        set_name(&mut self.names, path.to_owned(), inode);
        self.changed_names.push((path.to_owned(), inode));
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        if self.is_on() { Ok(()) } else { Err(off()) }
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn DiskFile>> {
        let inner = &mut *self.0.lock();
        if !inner.on {
            return Err(off());
        }
        let inode = match inner.names.get(path) {
            Some(inode) => *inode,
            None if create => {
                inner.step()?;
                let inode = inner.next_inode;
                inner.next_inode += 1;
                inner.files.insert(inode, Inode::default());
                inner.rename(path, Some(inode));
                inode
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let disk = self.clone();
        if inner.on {
            Ok(Box::new(SimFile { disk, inode }))
        } else {
            Err(off())
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let inner = self.0.lock();
        let within = inner.names.keys().filter(|path| path.parent() == Some(dir));
        if inner.on { Ok(within.cloned().collect()) } else { Err(off()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let inner = &mut *self.0.lock();
        let done = inner.step()?;
        let inode = *inner.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        // One step of the journal, so the new name and the old one's end survive together or not at all.
        set_name(&mut inner.names, from.to_owned(), None);
        set_name(&mut inner.names, to.to_owned(), Some(inode));
        inner.changed_names.push((to.to_owned(), Some(inode)));
        inner.changed_names.push((from.to_owned(), None));
        if done { Ok(()) } else { Err(off()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let inner = &mut *self.0.lock();
        let done = inner.step()?;
        if !inner.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        inner.rename(path, None);
        if done { Ok(()) } else { Err(off()) }
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let inner = &mut *self.0.lock();
        if !inner.step()? {
            return Err(off());
        }
        if inner.hit(inner.faults.sync_fails) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let changed = std::mem::take(&mut inner.changed_names);
        for (path, inode) in changed {
            if path.parent() == Some(dir) {
                set_name(&mut inner.durable_names, path, inode);
            } else {
                inner.changed_names.push((path, inode));
            }
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send>> {
        let inner = &mut *self.0.lock();
        if !inner.on {
            return Err(off());
        }
        if !inner.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Lock(self.clone(), path.to_owned())))
    }
}

struct Lock(SimDisk, PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.0.lock().locked.remove(&self.1);
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl SimFile {
    fn change<T>(&self, change: impl FnOnce(&mut Inner, u64, bool) -> io::Result<T>) -> io::Result<T> {
        let inner = &mut *self.disk.0.lock();
        let whole = inner.step()?;
        change(inner, self.inode, whole)
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.disk.0.lock();
        if !inner.on {
            return Err(off());
        }
        let bytes = &inner.files.get(&self.inode).ok_or(io::ErrorKind::NotFound)?.now;
        let begin = usize::try_from(offset).unwrap().min(bytes.len());
        let got = buf.len().min(bytes.len() - begin);
        buf[..got].copy_from_slice(&bytes[begin..begin + got]);
        Ok(got)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.change(|inner, inode, whole| {
            let offset = usize::try_from(offset).unwrap();
            let grows = (offset + buf.len()).saturating_sub(inner.files[&inode].now.len());
            let (mut taken, mut said) = (buf.len(), Ok(()));
            if inner.faults.room.is_some_and(|room| inner.used() + grows > room) {
                let stop = inner.random.random_range(0..=buf.len() / 2);
                (taken, said) = (stop, Err(io::Error::from_raw_os_error(28)));
            } else if !whole || inner.hit(inner.faults.write_stops) {
                let stop = inner.random.random_range(0..=buf.len());
                (taken, said) = (stop, Err(io::Error::from_raw_os_error(5)));
            }
            let file = inner.files.get_mut(&inode).ok_or(io::ErrorKind::NotFound)?;
            let change = Pending::Write(offset, buf[..taken].to_vec());
            change.apply(&mut file.now);
            file.pending.push(change);
            said
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(|inner, inode, whole| {
            if !whole {
                return Err(off());
            }
            let fails = inner.hit(inner.faults.sync_fails);
            let file = inner.files.get_mut(&inode).ok_or(io::ErrorKind::NotFound)?;
            for change in file.pending.drain(..) {
                // Lost pages count as clean afterwards.
                if !fails || inner.random.random() {
                    change.apply(&mut file.durable);
                }
            }
            if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|inner, inode, whole| {
            let file = inner.files.get_mut(&inode).ok_or(io::ErrorKind::NotFound)?;
            let change = Pending::Length(usize::try_from(len).unwrap());
            change.apply(&mut file.now);
            file.pending.push(change);
            if whole { Ok(()) } else { Err(off()) }
        })
    }

    fn len(&self) -> io::Result<u64> {
        let inner = self.disk.0.lock();
        if !inner.on {
            return Err(off());
        }
        Ok(inner.files.get(&self.inode).ok_or(io::ErrorKind::NotFound)?.now.len() as u64)
    }
}
