//! The one thread behind a [`crate::Commit`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::checkpoint;
use crate::commit::{CommitOptions, Health, Recovery};
use crate::core::Core;
use crate::error::{Result, StoreError, panic_text};
use crate::log::{GROUP_BYTES, NewEntry};
use crate::machine::{Decision, Effects, Machine, Stamp};
use crate::map::{Map, MapOp, Watermark};
use crate::reader::LogReader;
use crate::replay;
use crate::sled_map;

/// Commands that go into one group at most, so that the first of it does not wait for ever.
const GROUP_COMMANDS: usize = 8_192;
/// Notices that wait for a slow subscriber.
const NOTICES: usize = 4_096;
/// What frames of this engine's entries are marked with.
const KIND: u16 = 1;

pub(crate) type Answered = Box<dyn FnOnce(Result<()>) + Send>;
pub(crate) type Look<M> = Box<dyn FnOnce(&M) -> Answered + Send>;

pub(crate) enum Job<M: Machine> {
    Command(M::Command, oneshot::Sender<Result<M::Answer>>),
    Read(Look<M>),
    Checkpoint(oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<Result<()>>),
}

/// What the caller of `Commit::open` gets from the thread.
pub(crate) struct Opened<M: Machine> {
    pub(crate) log: LogReader,
    pub(crate) notices: broadcast::Sender<(u64, M::Notice)>,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) recovery: Recovery,
}

struct Writer<M: Machine, F> {
    options: CommitOptions,
    runtime: tokio::runtime::Runtime,
    map: Arc<dyn Map>,
    fresh: F,
    core: Core,
    machine: M,
    /// The stamp given to the last entry decided on.
    last: Stamp,
    /// The sequence of the newest checkpoint.
    checkpoint: u64,
    health: Arc<Mutex<Health>>,
    notices: broadcast::Sender<(u64, M::Notice)>,
    group: Group<M::Notice>,
}

/// What waits for the next sync.
struct Group<N> {
    entries: Vec<NewEntry>,
    bytes: usize,
    ops: Vec<MapOp>,
    notices: Vec<(u64, N)>,
    answers: Vec<Answered>,
}

impl<N> Default for Group<N> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            bytes: 0,
            ops: Vec::new(),
            notices: Vec::new(),
            answers: Vec::new(),
        }
    }
}

pub(crate) fn run<M: Machine, F: Fn() -> M>(
    options: CommitOptions,
    map: Arc<dyn Map>,
    fresh: F,
    mut queue: mpsc::Receiver<Job<M>>,
    opened: &SyncSender<Result<Opened<M>>>,
) {
    let writer = catch_unwind(AssertUnwindSafe(|| Writer::open(options, map, fresh)));
    let (mut writer, recovery) = match writer {
        Ok(Ok(writer)) => writer,
        Ok(Err(error)) => return drop(opened.send(Err(error))),
        Err(panic) => {
            return drop(opened.send(Err(StoreError::Broken {
                reason: panic_text(panic.as_ref()),
            })));
        }
    };
    let (log, notices, health) = (writer.core.reader().clone(), writer.notices.clone(), writer.health.clone());
    if opened
        .send(Ok(Opened {
            log,
            notices,
            health,
            recovery,
        }))
        .is_err()
    {
        return;
    }
    let closing = writer.serve(&mut queue);
    queue.close();
    let result = writer.write_checkpoint();
    *writer.health.lock() = Health::Closed;
    // The folder is free before anybody hears that it is closed.
    drop(writer);
    if let Some(answer) = closing {
        let _ = answer.send(result);
    }
    while let Ok(job) = queue.try_recv() {
        match job {
            Job::Command(_, answer) => drop(answer.send(Err(StoreError::Closed))),
            Job::Read(_) => {}
            Job::Checkpoint(answer) => drop(answer.send(Err(StoreError::Closed))),
            Job::Close(answer) => drop(answer.send(Ok(()))),
        }
    }
}

impl<M: Machine, F: Fn() -> M> Writer<M, F> {
    fn open(options: CommitOptions, map: Arc<dyn Map>, fresh: F) -> Result<(Self, Recovery)> {
        let begin = Instant::now();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| StoreError::Io {
                what: "serving",
                path: options.dir.clone(),
                source: Arc::new(source),
            })?;
        let restored = replay::open(&options, &map, &runtime, &fresh)?;
        let head = restored.core.head();
        let mut recovery = restored.recovery;
        let mut writer = Self {
            runtime,
            map,
            fresh,
            core: restored.core,
            machine: restored.machine,
            last: Stamp {
                sequence: head.sequence,
                at: head.at,
            },
            checkpoint: recovery.checkpoint,
            health: Arc::new(Mutex::new(Health::Good)),
            notices: broadcast::channel(NOTICES).0,
            group: Group::default(),
            options,
        };
        let every = writer.options.checkpoint_every;
        if every > 0
            && recovery.replayed >= every
            && let Err(error) = writer.write_checkpoint()
        {
            tracing::warn!(%error, "no checkpoint could be written after recovery; the next start replays again");
        }
        recovery.took = begin.elapsed();
        Ok((writer, recovery))
    }

    /// Serves until it is told to close, or nobody is left to ask.
    fn serve(&mut self, queue: &mut mpsc::Receiver<Job<M>>) -> Option<oneshot::Sender<Result<()>>> {
        while let Some(first) = queue.blocking_recv() {
            let (mut next, mut taken) = (Some(first), 0);
            while let Some(job) = next {
                taken += 1;
                match job {
                    Job::Command(command, answer) => self.command(command, answer),
                    Job::Read(look) => {
                        if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| look(&self.machine))) {
                            self.group.answers.push(answer);
                        }
                    }
                    Job::Checkpoint(answer) => {
                        self.flush();
                        let _ = answer.send(self.write_checkpoint());
                    }
                    Job::Close(answer) => {
                        self.flush();
                        return Some(answer);
                    }
                }
                let full = taken >= GROUP_COMMANDS || self.group.bytes >= GROUP_BYTES;
                next = if full { None } else { queue.try_recv().ok() };
            }
            self.flush();
            let every = self.options.checkpoint_every;
            if every > 0
                && self.core.failed().is_none()
                && self.core.head().sequence - self.checkpoint >= every
                && let Err(error) = self.write_checkpoint()
            {
                tracing::warn!(%error, "no checkpoint could be written; the next start replays more");
                // Not again for every group: the log holds everything anyhow.
                self.checkpoint = self.core.head().sequence;
            }
        }
        None
    }

    fn command(&mut self, command: M::Command, answer: oneshot::Sender<Result<M::Answer>>) {
        let sequence = self.core.head().sequence + self.group.entries.len() as u64 + 1;
        let stamp = Stamp {
            sequence,
            at: (self.options.clock)().max(self.last.at.saturating_add(1)),
        };
        let decided = catch_unwind(AssertUnwindSafe(|| self.machine.decide(command, stamp)));
        let (entry, said) = match decided {
            Ok(Decision::Commit { entry, answer }) => (entry, answer),
            // An answer may rest on what waits for the same sync.
            Ok(Decision::Answer(said)) => {
                return self
                    .group
                    .answers
                    .push(Box::new(move |durable| drop(answer.send(durable.map(|()| said)))));
            }
            Err(panic) => {
                return drop(answer.send(Err(StoreError::Broken {
                    reason: panic_text(panic.as_ref()),
                })));
            }
        };
        let refusal = match &*self.health.lock() {
            Health::Good => None,
            Health::Degraded { cause } => Some(StoreError::Degraded { cause: cause.clone() }),
            Health::Closed => Some(StoreError::Closed),
        };
        if let Some(refusal) = refusal {
            return drop(answer.send(Err(refusal)));
        }
        let payload = match M::encode(&entry) {
            Ok(payload) => payload,
            Err(reason) => return drop(answer.send(Err(StoreError::Broken { reason }))),
        };
        let (got, limit) = (payload.len(), self.options.log.max_payload_bytes);
        if got > limit {
            return drop(answer.send(Err(StoreError::TooLarge {
                what: "an entry",
                got,
                limit,
            })));
        }
        let mut effects = Effects::default();
        let applied = catch_unwind(AssertUnwindSafe(|| self.machine.apply(&entry, stamp, &mut effects)));
        let fault = match applied {
            Ok(Ok(())) => effects.ops.iter().find_map(|op| sled_map::check(op).err()),
            Ok(Err(reason)) => Some(StoreError::Broken { reason }),
            Err(panic) => Some(StoreError::Broken {
                reason: panic_text(panic.as_ref()),
            }),
        };
        if let Some(fault) = fault {
            // The state may be half changed. What was decided before is sound: it is written, then the state is made anew from the log.
            tracing::error!(error = %fault, "a command could not be applied; the state is made anew from the log");
            self.write_group(false);
            self.rebuild();
            return drop(answer.send(Err(fault)));
        }
        self.last = stamp;
        self.group.bytes += got;
        self.group.entries.push(NewEntry {
            kind: KIND,
            at: stamp.at,
            payload,
        });
        self.group.ops.append(&mut effects.ops);
        self.group
            .notices
            .extend(effects.notices.into_iter().map(|notice| (sequence, notice)));
        self.group
            .answers
            .push(Box::new(move |durable| drop(answer.send(durable.map(|()| said)))));
    }

    fn flush(&mut self) {
        self.write_group(true);
    }

    /// Writes the group, syncs, projects, tells, answers: in this order. If the write fails, no trace of the group stays in memory.
    fn write_group(&mut self, rebuild: bool) {
        let group = std::mem::take(&mut self.group);
        if group.entries.is_empty() {
            return group.answers.into_iter().for_each(|answer| answer(Ok(())));
        }
        match self.core.append(&group.entries) {
            Ok(head) => {
                let watermark = Watermark {
                    log: self.core.reader().identity(),
                    sequence: head.sequence,
                };
                if let Err(error) = self.runtime.block_on(self.map.apply(group.ops, watermark)) {
                    // It is durable and is answered so; the projection is caught up from the log at the next start.
                    self.degrade(&error);
                }
                group.notices.into_iter().for_each(|notice| drop(self.notices.send(notice)));
                group.answers.into_iter().for_each(|answer| answer(Ok(())));
            }
            Err(error) => {
                self.degrade(&error);
                if rebuild {
                    self.rebuild();
                }
                group.answers.into_iter().for_each(|answer| answer(Err(error.clone())));
            }
        }
    }

    fn degrade(&self, error: &StoreError) {
        tracing::error!(%error, "the store takes no more writes");
        let mut health = self.health.lock();
        if *health == Health::Good {
            *health = Health::Degraded {
                cause: self.core.failed().map_or_else(|| error.to_string(), str::to_owned),
            };
        }
    }

    /// Makes the state anew from what is durable.
    fn rebuild(&mut self) {
        let head = self.core.head();
        self.last = Stamp {
            sequence: head.sequence,
            at: head.at.max(self.last.at),
        };
        let rebuilt = catch_unwind(AssertUnwindSafe(|| replay::machine(&self.options, self.core.reader(), &self.fresh)));
        let error = match rebuilt {
            Ok(Ok(machine)) => return self.machine = machine,
            Ok(Err(error)) => error,
            Err(panic) => StoreError::Broken {
                reason: panic_text(panic.as_ref()),
            },
        };
        self.degrade(&error);
        self.machine = (self.fresh)();
    }

    /// The projection first: a checkpoint ahead of it is of no use to a start that must project the entries between them.
    fn write_checkpoint(&mut self) -> Result<()> {
        match &*self.health.lock() {
            Health::Degraded { cause } => return Err(StoreError::Degraded { cause: cause.clone() }),
            Health::Closed => return Err(StoreError::Closed),
            Health::Good => {}
        }
        let head = self.core.head();
        self.runtime.block_on(self.map.flush())?;
        if head.sequence == self.checkpoint {
            return Ok(());
        }
        let state = catch_unwind(AssertUnwindSafe(|| self.machine.save()))
            .unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
            .map_err(|reason| StoreError::Broken { reason })?;
        let dir = self.options.dir.join(replay::CHECKPOINTS);
        checkpoint::write(self.options.disk.as_ref(), &dir, &self.core.reader().identity(), head, &state)?;
        self.checkpoint = head.sequence;
        Ok(())
    }
}
