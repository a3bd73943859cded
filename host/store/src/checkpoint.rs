//! A machine's state at one entry, so that a start need not replay everything.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::disk::Disk;
use crate::error::{At, Result};
use crate::log::Head;

const MAGIC: &[u8; 8] = b"YOUJICP1";
const HEADER: usize = 8 + 32 + 8 + 8 + 32 + 32;
/// Older ones are removed; the one before the newest stays in case that the newest cannot be read.
const KEPT: usize = 2;

/// A checkpoint's file, by its name only.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) sequence: u64,
    pub(crate) path: PathBuf,
}

/// The log that a checkpoint is of, where it stands in it, and the machine's state.
pub(crate) type State = ([u8; 32], Head, Vec<u8>);

/// All checkpoints in the folder, newest first.
pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Found>> {
    disk.create_dir(dir).at("creating", dir)?;
    let mut found: Vec<Found> = disk
        .list(dir)
        .at("listing", dir)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "state"))
        .filter_map(|path| {
            Some(Found {
                sequence: path.file_stem()?.to_str()?.parse().ok()?,
                path,
            })
        })
        .collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.sequence));
    Ok(found)
}

/// Writes one, durably, and removes those that are too old.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, identity: &[u8; 32], head: Head, state: &[u8]) -> Result<()> {
    let (temporary, path) = (dir.join("new.tmp"), dir.join(format!("{:020}.state", head.sequence)));
    let mut bytes = Vec::with_capacity(HEADER + state.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(identity);
    bytes.extend_from_slice(&head.sequence.to_le_bytes());
    bytes.extend_from_slice(&head.at.to_le_bytes());
    bytes.extend_from_slice(&head.hash);
    let sum = Sha256::new().chain_update(&bytes).chain_update(state).finalize();
    bytes.extend_from_slice(&sum);
    bytes.extend_from_slice(state);
    let file = disk.open(&temporary, true).at("creating", &temporary)?;
    file.set_len(0)
        .and_then(|()| file.write_all_at(&bytes, 0))
        .and_then(|()| file.sync_data())
        .at("writing", &temporary)?;
    disk.rename(&temporary, &path).at("naming", &path)?;
    disk.sync_dir(dir).at("syncing", dir)?;
    for old in list(disk, dir)?.iter().skip(KEPT) {
        disk.remove(&old.path).at("removing", &old.path)?;
    }
    Ok(())
}

/// Reads one. `None` if it is damaged.
pub(crate) fn read(disk: &dyn Disk, path: &Path) -> Result<Option<State>> {
    let file = disk.open(path, false).at("opening", path)?;
    let len = file.len().at("reading", path)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let got = file.read_at(&mut bytes, 0).at("reading", path)?;
    bytes.truncate(got);
    Ok(parse(bytes))
}

fn parse(mut bytes: Vec<u8>) -> Option<State> {
    let head = bytes.get(..HEADER)?;
    let sum = Sha256::new()
        .chain_update(&head[..HEADER - 32])
        .chain_update(&bytes[HEADER..])
        .finalize();
    (head[..8] == *MAGIC && sum[..] == head[HEADER - 32..]).then_some(())?;
    let identity = head[8..40].try_into().ok()?;
    let sequence = u64::from_le_bytes(head[40..48].try_into().ok()?);
    let at = u64::from_le_bytes(head[48..56].try_into().ok()?);
    let hash = head[56..88].try_into().ok()?;
    Some((identity, Head { sequence, hash, at }, bytes.split_off(HEADER)))
}
