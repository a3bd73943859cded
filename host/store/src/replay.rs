//! From what stands on the disk to a running machine and a projection that is up to date.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::checkpoint;
use crate::commit::{CommitOptions, Recovery};
use crate::core::Core;
use crate::error::{At, Result, StoreError};
use crate::log::{COMMAND, Kept};
use crate::machine::{Effects, Machine, Stamp};
use crate::map::{Map, MapOp, Watermark};
use crate::reader::LogReader;

pub(crate) const LOG: &str = "log";
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// Entries read, and projected, at a time.
const PAGE: usize = 4_096;

/// Gets each entry's sequence and changes, and whether they are the last of a page.
type Project<'a> = dyn FnMut(u64, &mut Vec<MapOp>, bool) -> Result<()> + 'a;

pub(crate) struct Restored<M> {
    pub(crate) core: Core,
    pub(crate) machine: M,
    pub(crate) recovery: Recovery,
}

pub(crate) fn open<M: Machine>(
    options: &CommitOptions,
    map: &Arc<dyn Map>,
    runtime: &Runtime,
    fresh: impl Fn() -> M,
) -> Result<Restored<M>> {
    let disk = options.disk.as_ref();
    let mut watermark = runtime.block_on(map.watermark())?;
    let mut known = vec![(watermark.log, watermark.sequence)];
    let checkpoints = options.dir.join(CHECKPOINTS);
    disk.create_dir(&checkpoints).at("creating", &checkpoints)?;
    for found in checkpoint::list(disk, &checkpoints)? {
        if let Some(reading) = checkpoint::read(disk, &found.path)? {
            known.push((reading.identity, reading.head.sequence));
        }
    }
    let (core, torn_bytes) = Core::open(&options.dir.join(LOG), options.log, options.disk.clone(), &known)?;
    let identity = core.reader().identity();
    let mut projection_rebuilt = core.head().sequence > 0 && watermark.log != identity;
    if watermark.log != identity && watermark != Watermark::default() {
        tracing::error!("the projection belongs to another log; it is made anew");
        runtime.block_on(map.clear())?;
    }
    if watermark.log != identity {
        watermark = Watermark {
            log: identity,
            sequence: 0,
        };
    }
    if watermark.sequence > 0 && watermark.sequence < core.reader().compacted() {
        // Entries that it has not seen are no longer as they were; only all of them together still come to the same.
        tracing::warn!("the projection is older than the log's compaction; it is made anew");
        runtime.block_on(map.clear())?;
        (projection_rebuilt, watermark.sequence) = (true, 0);
    }
    let (mut machine, begin) = restore(options, core.reader(), &fresh, watermark.sequence)?;
    let (mut ops, mut at) = (Vec::new(), watermark.sequence);
    let replayed = replay(
        core.reader(),
        &mut machine,
        begin,
        &mut |sequence, effects: &mut Vec<MapOp>, last| {
            if sequence > watermark.sequence {
                ops.append(effects);
                at = sequence;
            }
            if last && at > watermark.sequence {
                runtime.block_on(map.apply(
                    std::mem::take(&mut ops),
                    Watermark {
                        log: identity,
                        sequence: at,
                    },
                ))?;
            }
            Ok(())
        },
    )?;
    if projection_rebuilt {
        tracing::warn!(entries = replayed, "the projection was made anew from the log");
    }
    let (sequence, took) = (core.head().sequence, std::time::Duration::ZERO);
    let recovery = Recovery {
        sequence,
        checkpoint: begin,
        replayed,
        torn_bytes,
        projection_rebuilt,
        took,
    };
    Ok(Restored { core, machine, recovery })
}

/// The machine alone, as of the newest durable entry.
pub(crate) fn machine<M: Machine>(options: &CommitOptions, log: &LogReader, fresh: impl Fn() -> M) -> Result<M> {
    let (mut machine, begin) = restore(options, log, fresh, log.head().sequence)?;
    replay(log, &mut machine, begin, &mut |_, _, _| Ok(()))?;
    Ok(machine)
}

/// A machine from the newest valid checkpoint that is not beyond `most`, and the checkpoint's sequence; a fresh one if there is none.
/// One from before a compaction is not valid: the entries after it are no longer as they were.
fn restore<M: Machine>(options: &CommitOptions, log: &LogReader, fresh: impl Fn() -> M, most: u64) -> Result<(M, u64)> {
    let disk = options.disk.as_ref();
    for found in checkpoint::list(disk, &options.dir.join(CHECKPOINTS))? {
        if found.sequence > most || found.sequence < log.compacted() {
            continue;
        }
        let reason = match checkpoint::read(disk, &found.path)? {
            Some(reading) if reading.identity != log.identity() || reading.head.sequence != found.sequence => {
                "it is of another log".to_owned()
            }
            Some(mut reading) => {
                let mut machine = fresh();
                let loaded = machine
                    .load(&mut reading)
                    .and_then(|()| reading.finish().map_err(|error| error.to_string()));
                match loaded {
                    Ok(()) => return Ok((machine, found.sequence)),
                    Err(reason) => reason,
                }
            }
            None => "its checksum does not fit, or this version does not know its form".to_owned(),
        };
        tracing::warn!(path = %found.path.display(), %reason, "a checkpoint is passed over");
    }
    Ok((fresh(), 0))
}

/// Applies everything after `begin`; returns how many entries that were.
fn replay<M: Machine>(log: &LogReader, machine: &mut M, begin: u64, project: &mut Project<'_>) -> Result<u64> {
    let mut next = begin + 1;
    loop {
        let page = log.read(next, PAGE)?;
        let Some(last) = page.last().map(|entry| entry.sequence) else {
            return Ok(next - 1 - begin);
        };
        for entry in page {
            let mut effects = Effects::default();
            if entry.kind == COMMAND && entry.kept != Kept::Nothing {
                let refuse = |reason: String| StoreError::Entry {
                    sequence: entry.sequence,
                    reason,
                };
                let decoded = M::decode(&entry.payload).map_err(refuse)?;
                let stamp = Stamp {
                    sequence: entry.sequence,
                    at: entry.at,
                };
                machine.apply(&decoded, stamp, &mut effects).map_err(refuse)?;
            }
            project(entry.sequence, &mut effects.ops, entry.sequence == last)?;
        }
        next = last + 1;
    }
}
