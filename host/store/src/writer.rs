//! The one thread behind a [`crate::Commit`] that decides.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::commit::{CommitOptions, Health, Recovery};
use crate::compact::{Compaction, Judge};
use crate::error::{Result, StoreError, panic_text};
use crate::flush::{Desk, Flusher, Group};
use crate::keeper::{self, Compacting, Helper, Keeper, KeeperState, Picture, Work};
use crate::log::{COMMAND, Entry, NewEntry, OWN};
use crate::machine::{Decision, Effects, Keep, Machine, Reducer, Stamp};
use crate::map::Map;
use crate::reader::LogReader;
use crate::replay;
use crate::sled_map;

/// Commands that are decided before the flusher, if it has nothing to do, is given them.
const BURST: usize = 64;
/// How long the writer does not look at its queue at most, while a group is being written.
const LOOK_UP: Duration = Duration::from_micros(200);
/// Notices that wait for a slow subscriber.
const NOTICES: usize = 4_096;

/// Lets the machine tell what is durable now; a panic of it must not end the engine.
fn told<M: Machine>(mut said: M::Answer) -> M::Answer {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| M::told(&mut said))) {
        tracing::error!(panic = %panic_text(panic.as_ref()), "what became durable could not be told");
    }
    said
}

pub(crate) type Answered = Box<dyn FnOnce(Result<()>) + Send>;
pub(crate) type Look<M> = Box<dyn FnOnce(&M) -> Answered + Send>;

pub(crate) enum Job<M: Machine> {
    Command(M::Command, oneshot::Sender<Result<M::Answer>>),
    Read(Look<M>),
    Checkpoint(oneshot::Sender<Result<()>>),
    Compact(oneshot::Sender<Result<Compaction>>),
    /// Put an entry of the engine's own into the log, and take a picture after it: for the keeper.
    Attest(Vec<u8>, SyncSender<Result<Picture>>),
    /// Something that was decided could not be written.
    Failed,
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
    fresh: F,
    reader: LogReader,
    machine: M,
    /// The stamp given to the last entry decided on.
    last: Stamp,
    /// The entry of the newest picture taken for a checkpoint.
    checkpoint: u64,
    /// Bytes of entries since then.
    bytes: u64,
    flusher: Flusher<M::Notice>,
    helper: Helper,
    keeper: Arc<KeeperState>,
    health: Arc<Mutex<Health>>,
    /// The state is not what the log says, and could not be made anew: nothing is decided on it.
    lost: Option<StoreError>,
    notices: broadcast::Sender<(u64, M::Notice)>,
    group: Group<M::Notice>,
}

pub(crate) fn run<M: Machine, F: Fn() -> M>(
    options: CommitOptions,
    map: Arc<dyn Map>,
    fresh: F,
    (jobs, mut queue): (mpsc::WeakSender<Job<M>>, mpsc::Receiver<Job<M>>),
    opened: &SyncSender<Result<Opened<M>>>,
) {
    let writer = catch_unwind(AssertUnwindSafe(|| Writer::open(options, map, fresh, jobs)));
    let (mut writer, recovery) = match writer {
        Ok(Ok(writer)) => writer,
        Ok(Err(error)) => return drop(opened.send(Err(error))),
        Err(panic) => {
            return drop(opened.send(Err(StoreError::Broken {
                reason: panic_text(panic.as_ref()),
            })));
        }
    };
    let (log, notices, health) = (writer.reader.clone(), writer.notices.clone(), writer.health.clone());
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
    // The keeper may wait for one of these, so they go before it is waited for.
    let late = std::iter::from_fn(|| queue.blocking_recv())
        .filter(|job| !matches!(job, Job::Attest(..) | Job::Read(_) | Job::Failed))
        .collect::<Vec<_>>();
    let result = writer.last_checkpoint();
    *writer.health.lock() = Health::Closed;
    // The folder is free before anybody hears that it is closed.
    drop(writer);
    if let Some(answer) = closing {
        let _ = answer.send(result);
    }
    for job in late {
        match job {
            Job::Command(_, answer) => drop(answer.send(Err(StoreError::Closed))),
            Job::Checkpoint(answer) => drop(answer.send(Err(StoreError::Closed))),
            Job::Compact(answer) => drop(answer.send(Err(StoreError::Closed))),
            Job::Close(answer) => drop(answer.send(Ok(()))),
            Job::Read(_) | Job::Attest(..) | Job::Failed => {}
        }
    }
}

impl<M: Machine, F: Fn() -> M> Writer<M, F> {
    fn open(options: CommitOptions, map: Arc<dyn Map>, fresh: F, jobs: mpsc::WeakSender<Job<M>>) -> Result<(Self, Recovery)> {
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
        let keeper = Keeper::new(options.clone(), map.clone(), restored.core.reader().clone(), recovery.checkpoint)?;
        let state = keeper.state();
        let (health, notices) = (Arc::new(Mutex::new(Health::Good)), broadcast::channel(NOTICES).0);
        let reader = restored.core.reader().clone();
        let desk = Desk {
            core: restored.core,
            map,
            runtime,
            health: health.clone(),
            notices: notices.clone(),
        };
        let wake = jobs.clone();
        let flusher = Flusher::start(desk, options.helper, move || {
            // If it is full, the writer is awake.
            drop(wake.upgrade().map(|jobs| jobs.try_send(Job::Failed)));
        })?;
        let helper = Helper::start(keeper, move |payload| ask(&jobs, payload))?;
        let mut writer = Self {
            fresh,
            reader,
            machine: restored.machine,
            last: Stamp {
                sequence: head.sequence,
                at: head.at,
            },
            checkpoint: recovery.checkpoint,
            bytes: 0,
            flusher,
            helper,
            keeper: state,
            health,
            lost: None,
            notices,
            group: Group::default(),
            options,
        };
        writer.machine.ready();
        let every = writer.options.checkpoint_every;
        if every > 0 && recovery.replayed >= every {
            writer.begin_checkpoint();
        }
        recovery.took = begin.elapsed();
        Ok((writer, recovery))
    }

    /// Serves until it is told to close, or nobody is left to ask.
    fn serve(&mut self, queue: &mut mpsc::Receiver<Job<M>>) -> Option<oneshot::Sender<Result<()>>> {
        while let Some(first) = self.next_job(queue) {
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Command(command, answer) => self.command(command, answer),
                    Job::Read(look) => {
                        self.mend();
                        if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| look(&self.machine))) {
                            match &self.lost {
                                Some(lost) => answer(Err(lost.clone())),
                                None => self.group.answers.push(answer),
                            }
                        }
                    }
                    Job::Checkpoint(answer) => {
                        self.finish();
                        match self.picture() {
                            Ok(picture) => self.hand_over(Work::Checkpoint(picture, Some(answer))),
                            Err(error) => drop(answer.send(Err(error))),
                        }
                    }
                    Job::Compact(answer) => {
                        self.finish();
                        match self.compacting() {
                            Ok(compacting) => self.hand_over(Work::Compact(compacting, answer)),
                            Err(error) => drop(answer.send(Err(error))),
                        }
                    }
                    Job::Attest(payload, answer) => drop(answer.send(self.attest(payload))),
                    Job::Failed => self.mend(),
                    Job::Close(answer) => {
                        self.finish();
                        return Some(answer);
                    }
                }
                let wanted = self.group.answers.len() >= BURST && self.flusher.is_idle();
                next = if wanted || self.group.is_full() {
                    None
                } else {
                    queue.try_recv().ok()
                };
            }
            self.hand_over_group();
            if self.is_due() {
                self.finish();
                self.begin_checkpoint();
            }
        }
        self.finish();
        None
    }

    /// The next job; none when nobody is left to ask. Whoever sends to a thread that sleeps must wake it, which costs more than most
    /// decisions: while a group is being written, this one looks up now and then instead, and decides on all that came meanwhile.
    fn next_job(&self, queue: &mut mpsc::Receiver<Job<M>>) -> Option<Job<M>> {
        loop {
            match queue.try_recv() {
                Ok(job) => return Some(job),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) if self.flusher.rest(LOOK_UP) => {}
                Err(mpsc::error::TryRecvError::Empty) => return queue.blocking_recv(),
            }
        }
    }

    fn is_due(&self) -> bool {
        let CommitOptions {
            checkpoint_every,
            checkpoint_bytes,
            ..
        } = self.options;
        let many = checkpoint_every > 0 && self.last.sequence - self.checkpoint >= checkpoint_every;
        let large = checkpoint_bytes > 0 && self.bytes >= checkpoint_bytes;
        (many || large) && !self.keeper.busy.load(Ordering::SeqCst) && *self.health.lock() == Health::Good
    }

    fn command(&mut self, command: M::Command, answer: oneshot::Sender<Result<M::Answer>>) {
        self.mend();
        if let Some(lost) = &self.lost {
            return drop(answer.send(Err(lost.clone())));
        }
        let sequence = self.last.sequence + 1;
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
            if !self.finish() {
                self.rebuild();
            }
            return drop(answer.send(Err(fault)));
        }
        self.last = stamp;
        self.bytes += got as u64;
        self.group.bytes += got;
        self.group.entries.push(NewEntry {
            kind: COMMAND,
            at: stamp.at,
            payload,
        });
        self.group.ops.append(&mut effects.ops);
        self.group
            .notices
            .extend(effects.notices.into_iter().map(|notice| (sequence, notice)));
        self.group
            .answers
            .push(Box::new(move |durable| drop(answer.send(durable.map(|()| told::<M>(said))))));
    }

    fn hand_over_group(&mut self) {
        self.flusher.hand_over(std::mem::take(&mut self.group));
        if self.flusher.is_broken() {
            self.finish();
        }
    }

    /// If something could not be written: no trace of it, nor of what was decided on it, stays in memory. Then those who wait hear of it.
    fn mend(&mut self) {
        if self.flusher.is_broken() {
            self.finish();
        }
    }

    /// Waits until everything that was decided is written, or is put right. Whether the state was made anew.
    fn finish(&mut self) -> bool {
        self.flusher.hand_over(std::mem::take(&mut self.group));
        let Some((error, answers)) = self.flusher.drain() else {
            return false;
        };
        self.rebuild();
        answers.into_iter().for_each(|answer| answer(Err(error.clone())));
        true
    }

    fn degrade(&self, error: &StoreError) {
        self.flusher.desk().degrade(error);
    }

    /// Makes the state anew from what is durable.
    fn rebuild(&mut self) {
        let head = self.flusher.desk().core.head();
        self.last = Stamp {
            sequence: head.sequence,
            at: head.at.max(self.last.at),
        };
        let rebuilt = catch_unwind(AssertUnwindSafe(|| replay::machine(&self.options, &self.reader, &self.fresh)));
        let error = match rebuilt {
            Ok(Ok(machine)) => {
                self.machine = machine;
                return self.machine.ready();
            }
            Ok(Err(error)) => error,
            Err(panic) => StoreError::Broken {
                reason: panic_text(panic.as_ref()),
            },
        };
        self.degrade(&error);
        let cause = error.to_string();
        self.lost = Some(StoreError::Degraded { cause });
    }

    /// The state as of the newest durable entry. Nothing may wait for a sync.
    fn picture(&mut self) -> Result<Picture> {
        match &*self.health.lock() {
            Health::Degraded { cause } => return Err(StoreError::Degraded { cause: cause.clone() }),
            Health::Closed => return Err(StoreError::Closed),
            Health::Good => {}
        }
        let state = catch_unwind(AssertUnwindSafe(|| self.machine.save()))
            .unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
            .map_err(|reason| StoreError::Broken { reason })?;
        let head = self.flusher.desk().core.head();
        // Also if it cannot be written: not again for every group, the log holds everything anyhow.
        (self.checkpoint, self.bytes) = (head.sequence, 0);
        Ok(Picture { head, state })
    }

    fn begin_checkpoint(&mut self) {
        match self.picture() {
            Ok(picture) => self.hand_over(Work::Checkpoint(picture, None)),
            Err(error) => {
                tracing::warn!(%error, "no checkpoint could be taken; the next start replays more");
                (self.checkpoint, self.bytes) = (self.last.sequence, 0);
            }
        }
    }

    /// Waits until it is written.
    fn last_checkpoint(&mut self) -> Result<()> {
        let picture = self.picture()?;
        let (answer, answered) = oneshot::channel();
        self.hand_over(Work::Checkpoint(picture, Some(answer)));
        answered.blocking_recv().unwrap_or_else(|_| Err(keeper::ended()))
    }

    /// Everything up to now in closed segments, and what the machine says about it now.
    fn compacting(&mut self) -> Result<Compacting> {
        let picture = self.picture()?;
        let reduce = self.machine.reducer();
        let mut desk = self.flusher.desk();
        let segments = match desk.core.roll() {
            Ok(segments) => segments,
            Err(error) => {
                if desk.core.failed().is_some() {
                    desk.degrade(&error);
                }
                return Err(error);
            }
        };
        drop(desk);
        let judge = reduce.map(|reducer| Box::new(Bytes::<M>(reducer)) as Box<dyn Judge>);
        Ok(Compacting { picture, segments, judge })
    }

    fn attest(&mut self, payload: Vec<u8>) -> Result<Picture> {
        self.finish();
        if let Health::Degraded { cause } = &*self.health.lock() {
            return Err(StoreError::Degraded { cause: cause.clone() });
        }
        let at = (self.options.clock)().max(self.last.at.saturating_add(1));
        let entry = NewEntry { kind: OWN, at, payload };
        let mut desk = self.flusher.desk();
        let head = match desk.core.append(&[entry]) {
            Ok(head) => head,
            Err(error) => {
                if desk.core.failed().is_some() {
                    desk.degrade(&error);
                }
                return Err(error);
            }
        };
        self.last = Stamp {
            sequence: head.sequence,
            at,
        };
        let projected = desk.runtime.block_on(desk.map.apply(Vec::new(), desk.watermark()));
        if let Err(error) = projected {
            desk.degrade(&error);
            return Err(error);
        }
        drop(desk);
        self.picture()
    }

    fn hand_over(&mut self, work: Work) {
        self.keeper.busy.store(true, Ordering::SeqCst);
        if let Helper::Inline(keeper) = &self.helper {
            let keeper = keeper.clone();
            keeper.work(work, &mut |payload| self.attest(payload));
            self.keeper.busy.store(false, Ordering::SeqCst);
        } else if let Helper::Thread { work: Some(to), .. } = &self.helper {
            // Refused only if the keeper's thread panicked; whoever waits for an answer learns that it is gone.
            let _ = to.send(work);
        }
    }
}

/// A machine's reducer as the keeper uses it.
struct Bytes<M: Machine>(Reducer<M::Entry>);

impl<M: Machine> Bytes<M> {
    fn decode(entry: &Entry) -> Result<(M::Entry, Stamp)> {
        let refuse = |reason| refuse(entry, reason);
        let stamp = Stamp {
            sequence: entry.sequence,
            at: entry.at,
        };
        Ok((M::decode(&entry.payload).map_err(refuse)?, stamp))
    }
}

impl<M: Machine> Judge for Bytes<M> {
    fn survey(&mut self, entry: &Entry) -> Result<()> {
        let (decoded, stamp) = Self::decode(entry)?;
        self.0.survey(&decoded, stamp);
        Ok(())
    }

    fn keep(&mut self, entry: &Entry) -> Result<Keep<Vec<u8>>> {
        let (decoded, stamp) = Self::decode(entry)?;
        Ok(match self.0.keep(&decoded, stamp) {
            Keep::Whole => Keep::Whole,
            Keep::Part(part) => Keep::Part(M::encode(&part).map_err(|reason| refuse(entry, reason))?),
            Keep::Nothing => Keep::Nothing,
        })
    }
}

fn refuse(entry: &Entry, reason: String) -> StoreError {
    StoreError::Entry {
        sequence: entry.sequence,
        reason,
    }
}

/// The keeper's wish, put into the writer's queue.
fn ask<M: Machine>(jobs: &mpsc::WeakSender<Job<M>>, payload: Vec<u8>) -> Result<Picture> {
    let (answer, answered) = std::sync::mpsc::sync_channel(1);
    let jobs = jobs.upgrade().ok_or(StoreError::Closed)?;
    jobs.blocking_send(Job::Attest(payload, answer)).map_err(|_| StoreError::Closed)?;
    drop(jobs);
    answered.recv().map_err(|_| StoreError::Closed)?
}
