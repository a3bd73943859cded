//! The commit engine: one thread decides, another writes, syncs, projects and only then answers, while the first decides on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::compact::Compaction;
use crate::disk::{Disk, RealDisk};
use crate::error::{Result, StoreError};
use crate::log::LogOptions;
use crate::machine::Machine;
use crate::map::Map;
use crate::reader::LogReader;
use crate::writer::{self, Job, Look};

/// How a [`Commit`] works.
#[derive(Clone)]
pub struct CommitOptions {
    /// The data folder; the log is in `log/`, checkpoints in `checkpoints/`.
    pub dir: PathBuf,
    /// How the log is laid out.
    pub log: LogOptions,
    /// The disk; another one only in tests.
    pub disk: Arc<dyn Disk>,
    /// Nanoseconds since 1970. Injected, so that tests and simulations own time.
    pub clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// A checkpoint after so many entries; 0 for none by their number.
    pub checkpoint_every: u64,
    /// A checkpoint after so many bytes of entries; 0 for none by their size.
    pub checkpoint_bytes: u64,
    /// Groups, checkpoints and compacted segments are written by threads of their own; without them by the writer itself, so that a simulation
    /// does the same each time.
    pub helper: bool,
    /// Commands that may wait; more callers wait for a place.
    pub queue: usize,
}

impl CommitOptions {
    /// The usual settings for the data folder `dir`: the real disk, the system's clock.
    #[must_use]
    pub fn new(dir: impl AsRef<Path>) -> Self {
        Self {
            dir: dir.as_ref().to_owned(),
            log: LogOptions::default(),
            disk: Arc::new(RealDisk),
            clock: Arc::new(|| {
                let since = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap_or_default();
                u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
            }),
            checkpoint_every: 100_000,
            checkpoint_bytes: 512 << 20,
            helper: true,
            queue: 8_192,
        }
    }
}

/// What opening had to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The last entry of the log.
    pub sequence: u64,
    /// The checkpoint that was used; 0 for none.
    pub checkpoint: u64,
    /// Entries replayed after it.
    pub replayed: u64,
    /// Bytes of an unacknowledged tail that were cut off.
    pub torn_bytes: u64,
    /// Whether the projection was made anew from the log.
    pub projection_rebuilt: bool,
    /// How long opening took.
    pub took: Duration,
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Takes commands.
    Good,
    /// Refuses commands that write, since a write failed; questions are answered from what is durable.
    Degraded {
        /// The first failure.
        cause: String,
    },
    /// Closed.
    Closed,
}

/// The engine around one machine. Clones share it; see the crate's example. After the last one is gone, the writer writes a checkpoint
/// and lets the folder go.
pub struct Commit<M: Machine> {
    inner: Arc<Inner<M>>,
}

struct Inner<M: Machine> {
    jobs: mpsc::Sender<Job<M>>,
    map: Arc<dyn Map>,
    log: LogReader,
    notices: broadcast::Sender<(u64, M::Notice)>,
    health: Arc<Mutex<Health>>,
}

impl<M: Machine> Clone for Commit<M> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<M: Machine> Commit<M> {
    /// Opens the log, restores the newest valid checkpoint, replays the rest, brings the projection up to date and starts the writer.
    /// `fresh` makes an empty machine; it is called again if the state must be rebuilt. Blocks: call it before serving or in
    /// `spawn_blocking`.
    ///
    /// # Errors
    /// If the folder is in use, the log is damaged before its tail, an entry cannot be applied, or the system refuses.
    pub fn open(options: CommitOptions, map: Arc<dyn Map>, fresh: impl Fn() -> M + Send + 'static) -> Result<(Self, Recovery)> {
        let (opened, told) = std::sync::mpsc::sync_channel(1);
        let dir = options.dir.clone();
        let (jobs, queue) = mpsc::channel(options.queue.max(1));
        let (shared_map, weak) = (map.clone(), jobs.downgrade());
        // The writer thread opens too: it has a small runtime of its own for the map, wherever this is called from.
        std::thread::Builder::new()
            .name("youji-commit".to_owned())
            .spawn(move || writer::run(options, shared_map, fresh, (weak, queue), &opened))
            .map_err(|source| StoreError::Io {
                what: "starting the writer of",
                path: dir,
                source: Arc::new(source),
            })?;
        let ended = || StoreError::Broken {
            reason: "the writer ended while opening".to_owned(),
        };
        let opened = told.recv().map_err(|_| ended())??;
        let (log, notices, health) = (opened.log, opened.notices, opened.health);
        Ok((
            Self {
                inner: Arc::new(Inner {
                    jobs,
                    map,
                    log,
                    notices,
                    health,
                }),
            },
            opened.recovery,
        ))
    }

    /// Submits a command. When this returns `Ok`, what it did survives a power cut and is visible in the projection. Dropping the
    /// future does not withdraw the command.
    ///
    /// # Errors
    /// [`StoreError::Degraded`](crate::StoreError::Degraded), [`StoreError::TooLarge`](crate::StoreError::TooLarge) and
    /// [`StoreError::Broken`](crate::StoreError::Broken) mean that it did not happen;
    /// [`StoreError::InDoubt`](crate::StoreError::InDoubt) that only a restart tells.
    pub async fn submit(&self, command: M::Command) -> Result<M::Answer> {
        self.ask(|answer| Job::Command(command, answer)).await
    }

    /// Looks at the state, in order with commands: sees everything acknowledged, and answers only once everything it saw is durable.
    /// Runs on the writer's thread, so keep it short; long lists are read from [`Commit::map`].
    ///
    /// # Errors
    /// If the engine is closed, or what was seen could not be made durable.
    pub async fn read<R: Send + 'static>(&self, look: impl FnOnce(&M) -> R + Send + 'static) -> Result<R> {
        let (answer, answered) = oneshot::channel();
        let look: Look<M> = Box::new(move |machine| {
            let seen = look(machine);
            Box::new(move |durable| drop(answer.send(durable.map(|()| seen))))
        });
        self.inner.jobs.send(Job::Read(look)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Broken {
            reason: "looking at the state panicked".to_owned(),
        }))
    }

    /// The projection. It holds only what is durable, and at least everything that was acknowledged.
    #[must_use]
    pub fn map(&self) -> &Arc<dyn Map> {
        &self.inner.map
    }

    /// Reads the log's durable entries, for audits and exports.
    #[must_use]
    pub fn log(&self) -> &LogReader {
        &self.inner.log
    }

    /// The notices of entries from now on, with their sequence, in the order of the log. A receiver that falls more than 4,096 behind
    /// is told how many it missed and must look at the map instead.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<(u64, M::Notice)> {
        self.inner.notices.subscribe()
    }

    /// How the engine is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health.lock().clone()
    }

    /// Flushes the projection and writes a checkpoint of the state as it is now; commands go on meanwhile.
    ///
    /// # Errors
    /// If the engine is closed or degraded, or the system refuses.
    pub async fn checkpoint(&self) -> Result<()> {
        self.ask(Job::Checkpoint).await
    }

    /// Takes out of the log what [`Machine::reducer`] says may go, up to now: afterwards it is in no file of the log, though the hash
    /// chain still verifies. What the projection has deleted is in no file of it either ([`Map::renew`]). Commands go on meanwhile; the
    /// work grows with the whole of log and projection. Writes two checkpoints, so that none needs the old form. A crash leaves all of
    /// it or nothing. Needs room for the rewritten segments beside the old ones. The blocks that it frees are not overwritten: what is
    /// personal must have been sealed.
    ///
    /// # Errors
    /// If the engine is closed or degraded, a segment is damaged, or the system refuses; the log is whole all the same.
    pub async fn compact(&self) -> Result<Compaction> {
        self.ask(Job::Compact).await
    }

    /// Finishes what is queued, writes a checkpoint, stops the writer and lets the folder go. Later calls on any clone are refused
    /// with [`StoreError::Closed`](crate::StoreError::Closed).
    ///
    /// # Errors
    /// If the checkpoint could not be written; the log is whole all the same.
    pub async fn close(&self) -> Result<()> {
        self.ask(Job::Close).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T>>) -> Job<M>) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.inner.jobs.send(job(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or_else(|_| {
            Err(StoreError::InDoubt {
                cause: "the writer ended".to_owned(),
            })
        })
    }
}
