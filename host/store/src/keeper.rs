//! What is written beside the log while commands go on: checkpoints and compacted segments.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::checkpoint;
use crate::commit::CommitOptions;
use crate::compact::{self, Compaction, Judge};
use crate::error::{At, Result, StoreError};
use crate::log::Head;
use crate::machine::Snapshot;
use crate::map::Map;
use crate::reader::{LogReader, Segment};
use crate::replay::{CHECKPOINTS, LOG};

/// Work of the keeper's.
pub(crate) enum Work {
    /// Flush the projection, then write a checkpoint.
    Checkpoint(Picture, Option<oneshot::Sender<Result<()>>>),
    Compact(Compacting, oneshot::Sender<Result<Compaction>>),
}

/// A machine's state as of an entry.
pub(crate) struct Picture {
    pub(crate) head: Head,
    pub(crate) state: Snapshot,
}

pub(crate) struct Compacting {
    /// As of the last entry of `segments`.
    pub(crate) picture: Picture,
    /// Closed ones, each with its last entry.
    pub(crate) segments: Vec<(Segment, u64)>,
    /// None: everything stays.
    pub(crate) judge: Option<Box<dyn Judge>>,
}

/// Has the writer put an entry of the engine's own into the log, and take a picture after it.
pub(crate) type Attest<'a> = dyn FnMut(Vec<u8>) -> Result<Picture> + 'a;

/// The one that writes them, one after the other.
pub(crate) struct Keeper {
    options: CommitOptions,
    map: Arc<dyn Map>,
    log: LogReader,
    runtime: tokio::runtime::Runtime,
    state: Arc<KeeperState>,
}

/// What the writer looks at.
#[derive(Default)]
pub(crate) struct KeeperState {
    /// The newest durable checkpoint.
    pub(crate) newest: AtomicU64,
    /// Whether work is waiting or being done.
    pub(crate) busy: AtomicBool,
}

impl Keeper {
    pub(crate) fn new(options: CommitOptions, map: Arc<dyn Map>, log: LogReader, newest: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .at("serving", &options.dir)?;
        let state = Arc::new(KeeperState::default());
        state.newest.store(newest, Ordering::SeqCst);
        Ok(Self {
            options,
            map,
            log,
            runtime,
            state,
        })
    }

    pub(crate) fn state(&self) -> Arc<KeeperState> {
        self.state.clone()
    }

    pub(crate) fn work(&self, work: Work, attest: &mut Attest<'_>) {
        match work {
            Work::Checkpoint(picture, answer) => {
                let written = self.checkpoint(picture);
                match (answer, written) {
                    (Some(answer), written) => drop(answer.send(written)),
                    (None, Err(error)) => tracing::warn!(%error, "no checkpoint could be written; the next start replays more"),
                    (None, Ok(())) => {}
                }
            }
            Work::Compact(compacting, answer) => {
                let done = self.compact(compacting, attest);
                if let Err(error) = &done {
                    tracing::warn!(%error, "the log was not compacted");
                }
                let _ = answer.send(done);
            }
        }
    }

    /// The projection first: a checkpoint ahead of it is of no use to a start that must project the entries between them.
    fn checkpoint(&self, picture: Picture) -> Result<()> {
        self.runtime.block_on(self.map.flush())?;
        if picture.head.sequence == self.state.newest.load(Ordering::SeqCst) {
            return Ok(());
        }
        let dir = self.options.dir.join(CHECKPOINTS);
        checkpoint::write(self.options.disk.as_ref(), &dir, &self.log.identity(), picture.head, picture.state)?;
        self.state.newest.store(picture.head.sequence, Ordering::SeqCst);
        Ok(())
    }

    fn compact(&self, compacting: Compacting, attest: &mut Attest<'_>) -> Result<Compaction> {
        let Compacting { picture, segments, judge } = compacting;
        let to = picture.head.sequence;
        let (disk, dir) = (self.options.disk.as_ref(), self.options.dir.join(LOG));
        self.checkpoint(picture)?;
        // Before the log: whoever sees that the log is compacted up to an entry knows it of the projection too.
        self.runtime.block_on(self.map.renew())?;
        let Some(mut judge) = judge else {
            return Ok(Compaction {
                to,
                ..Compaction::default()
            });
        };
        let (record, mut done) = compact::prepare(disk, &dir, self.options.log, &self.log.identity(), &segments, judge.as_mut())?;
        drop(judge);
        done.to = to;
        if record.is_empty() {
            return Ok(done);
        }
        let picture = attest(record.bytes())?;
        self.checkpoint(picture)?;
        self.log.set_compacted(to);
        compact::finish(disk, &dir, &self.log, &record)?;
        Ok(done)
    }
}

/// How the writer reaches the keeper: on a thread of its own, or by doing its work itself.
pub(crate) enum Helper {
    Thread {
        work: Option<mpsc::Sender<Work>>,
        thread: Option<std::thread::JoinHandle<()>>,
    },
    Inline(Arc<Keeper>),
}

impl Helper {
    pub(crate) fn start(keeper: Keeper, mut attest: impl FnMut(Vec<u8>) -> Result<Picture> + Send + 'static) -> Result<Self> {
        if !keeper.options.helper {
            return Ok(Self::Inline(Arc::new(keeper)));
        }
        let (work, waiting) = mpsc::channel();
        let dir: PathBuf = keeper.options.dir.clone();
        let thread = std::thread::Builder::new()
            .name("youji-keeper".to_owned())
            .spawn(move || {
                stand_back();
                while let Ok(first) = waiting.recv() {
                    let mut next = Some(first);
                    while let Some(work) = next {
                        keeper.work(work, &mut attest);
                        next = waiting.try_recv().ok();
                    }
                    keeper.state.busy.store(false, Ordering::SeqCst);
                }
            })
            .at("starting the keeper of", &dir)?;
        Ok(Self::Thread {
            work: Some(work),
            thread: Some(thread),
        })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if let Self::Thread { work, thread } = self {
            work.take();
            thread.take().map(std::thread::JoinHandle::join);
        }
    }
}

/// How far threads stand back that do what nobody waits for.
const NICE: i32 = 10;

/// From now on the calling thread lets others go first.
pub(crate) fn stand_back() {
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
}

/// What is said when the keeper is gone.
pub(crate) fn ended() -> StoreError {
    StoreError::Broken {
        reason: "the thread that writes checkpoints ended".to_owned(),
    }
}
