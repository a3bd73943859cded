//! From what stands on the disk to a running machine and a projection that is up to date.

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::checkpoint;
use crate::commit::{CommitOptions, Recovery};
use crate::core::Core;
use crate::error::{Result, StoreError};
use crate::log::Head;
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
    let newest = checkpoint::list(disk, &options.dir.join(CHECKPOINTS))?.into_iter().next();
    if let Some(found) = &newest
        && let Some((identity, head, _)) = checkpoint::read(disk, &found.path)?
    {
        known.push((identity, head.sequence));
    }
    let (core, torn_bytes) = Core::open(&options.dir.join(LOG), options.log, options.disk.clone(), &known)?;
    let identity = core.reader().identity();
    let projection_rebuilt = core.head().sequence > 0 && watermark.log != identity;
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
    let (mut machine, begin) = restore(options, &identity, &fresh, watermark.sequence)?;
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
    let (mut machine, begin) = restore(options, &log.identity(), fresh, log.head().sequence)?;
    replay(log, &mut machine, begin, &mut |_, _, _| Ok(()))?;
    Ok(machine)
}

/// A machine from the newest valid checkpoint that is not beyond `most`, and the checkpoint's sequence; a fresh one if there is none.
fn restore<M: Machine>(options: &CommitOptions, identity: &[u8; 32], fresh: impl Fn() -> M, most: u64) -> Result<(M, u64)> {
    let disk = options.disk.as_ref();
    for found in checkpoint::list(disk, &options.dir.join(CHECKPOINTS))? {
        if found.sequence > most {
            continue;
        }
        let reason = match checkpoint::read(disk, &found.path)? {
            Some((log, Head { sequence, .. }, _)) if log != *identity || sequence != found.sequence => "it is of another log".to_owned(),
            Some((_, head, state)) => {
                let mut machine = fresh();
                match machine.load(&state) {
                    Ok(()) => return Ok((machine, head.sequence)),
                    Err(reason) => reason,
                }
            }
            None => "its checksum does not fit".to_owned(),
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
            let refuse = |reason: String| StoreError::Entry {
                sequence: entry.sequence,
                reason,
            };
            let decoded = M::decode(&entry.payload).map_err(refuse)?;
            let mut effects = Effects::default();
            machine
                .apply(
                    &decoded,
                    Stamp {
                        sequence: entry.sequence,
                        at: entry.at,
                    },
                    &mut effects,
                )
                .map_err(refuse)?;
            project(entry.sequence, &mut effects.ops, entry.sequence == last)?;
        }
        next = last + 1;
    }
}
