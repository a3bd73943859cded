//! The second half of the writer: what was decided is written, synced, projected, told and answered, while more is decided.
//!
//! A thread of its own takes whatever has gathered as soon as the sync before is over: no timer, and no size to wait for. Without that
//! thread the writer does the same by itself, between two decisions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::broadcast;

use crate::commit::Health;
use crate::core::Core;
use crate::error::{At, Result, StoreError, panic_text};
use crate::log::{GROUP_BYTES, NewEntry};
use crate::map::{Map, MapOp, Watermark};
use crate::writer::Answered;

/// Commands that go into one group at most, so that the first of it does not wait for ever.
pub(crate) const GROUP_COMMANDS: usize = 8_192;

/// What waits for the next sync.
pub(crate) struct Group<N> {
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) bytes: usize,
    pub(crate) ops: Vec<MapOp>,
    pub(crate) notices: Vec<(u64, N)>,
    pub(crate) answers: Vec<Answered>,
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

impl<N> Group<N> {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.answers.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.answers.len() >= GROUP_COMMANDS || self.bytes >= GROUP_BYTES
    }

    fn add(&mut self, mut more: Self) {
        if self.is_empty() {
            *self = more;
            return;
        }
        self.entries.append(&mut more.entries);
        self.bytes += more.bytes;
        self.ops.append(&mut more.ops);
        self.notices.append(&mut more.notices);
        self.answers.append(&mut more.answers);
    }
}

/// The log and what is made of it.
pub(crate) struct Desk<N> {
    pub(crate) core: Core,
    pub(crate) map: Arc<dyn Map>,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) health: Arc<Mutex<Health>>,
    pub(crate) notices: broadcast::Sender<(u64, N)>,
}

/// Those who are to be told that something failed, once no trace of it is left in memory.
pub(crate) type Failed = (StoreError, Vec<Answered>);

impl<N> Desk<N> {
    /// Writes a group, syncs, projects, tells, answers: in this order.
    fn write(&mut self, group: Group<N>) -> std::result::Result<(), Failed> {
        if !group.entries.is_empty() {
            if let Err(error) = self.core.append(&group.entries) {
                self.degrade(&error);
                return Err((error, group.answers));
            }
            let watermark = self.watermark();
            if let Err(error) = self.runtime.block_on(self.map.apply(group.ops, watermark)) {
                // It is durable and is answered so; the projection is caught up from the log at the next start.
                self.degrade(&error);
            }
        }
        group.notices.into_iter().for_each(|notice| drop(self.notices.send(notice)));
        group.answers.into_iter().for_each(|answer| answer(Ok(())));
        Ok(())
    }

    pub(crate) fn watermark(&self) -> Watermark {
        Watermark {
            log: self.core.reader().identity(),
            sequence: self.core.head().sequence,
        }
    }

    pub(crate) fn degrade(&self, error: &StoreError) {
        tracing::error!(%error, "the store takes no more writes");
        let mut health = self.health.lock();
        if *health == Health::Good {
            *health = Health::Degraded {
                cause: self.core.failed().map_or_else(|| error.to_string(), str::to_owned),
            };
        }
    }
}

/// Where the writer hands over what it decided.
pub(crate) struct Flusher<N> {
    shared: Arc<Shared<N>>,
    /// None: the writer flushes.
    thread: Option<JoinHandle<()>>,
}

struct Shared<N> {
    desk: Mutex<Desk<N>>,
    line: Mutex<Line<N>>,
    /// Something waits, or it is over.
    news: Condvar,
    /// A group was taken, or is done.
    progress: Condvar,
    /// Nothing is being flushed, and nothing waits. A hint: the truth stands in the line.
    idle: AtomicBool,
    /// Something failed, and the writer has not put it right yet.
    broken: AtomicBool,
}

struct Line<N> {
    next: Group<N>,
    busy: bool,
    failed: Option<Failed>,
    over: bool,
}

impl<N> Line<N> {
    /// What is decided on something that was not written is not written either.
    fn fail(&mut self, (error, mut answers): Failed) {
        answers.append(&mut std::mem::take(&mut self.next).answers);
        match &mut self.failed {
            Some((_, all)) => all.append(&mut answers),
            None => self.failed = Some((error, answers)),
        }
    }
}

impl<N: Send + 'static> Flusher<N> {
    /// With a thread, or without. `wake` is called after something failed: the writer must look here.
    pub(crate) fn start(desk: Desk<N>, thread: bool, wake: impl Fn() + Send + 'static) -> Result<Self> {
        let dir = desk.core.dir().to_owned();
        let shared = Arc::new(Shared {
            desk: Mutex::new(desk),
            line: Mutex::new(Line {
                next: Group::default(),
                busy: false,
                failed: None,
                over: false,
            }),
            news: Condvar::new(),
            progress: Condvar::new(),
            idle: AtomicBool::new(true),
            broken: AtomicBool::new(false),
        });
        let thread = if thread {
            let shared = shared.clone();
            let started = std::thread::Builder::new().name("youji-flush".to_owned()).spawn(move || {
                while shared.flush_next() {
                    if shared.broken.load(Ordering::Acquire) {
                        wake();
                    }
                }
            });
            Some(started.at("starting the flusher of", &dir)?)
        } else {
            None
        };
        Ok(Self { shared, thread })
    }

    /// The log itself. Waits for what is being written: drain first.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk<N>> {
        self.shared.desk.lock()
    }

    /// Whether what is handed over now is taken at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.thread.is_some() && self.shared.idle.load(Ordering::Acquire)
    }

    /// Waits until what is being written is done, or so long; false if nothing is.
    pub(crate) fn rest(&self, most: Duration) -> bool {
        if self.thread.is_none() || self.is_idle() {
            return false;
        }
        let mut line = self.shared.line.lock();
        let busy = line.busy || !line.next.is_empty();
        if busy {
            self.shared.progress.wait_for(&mut line, most);
        }
        busy
    }

    /// Whether something failed: take it.
    pub(crate) fn is_broken(&self) -> bool {
        self.shared.broken.load(Ordering::Acquire)
    }

    /// Hands a group over; waits for room if too much waits already.
    pub(crate) fn hand_over(&self, group: Group<N>) {
        if group.is_empty() {
            return;
        }
        let mut line = self.shared.line.lock();
        while line.next.is_full() {
            self.shared.progress.wait(&mut line);
        }
        line.next.add(group);
        if let Some(failed) = line.failed.take() {
            return line.fail(failed);
        }
        // What rests on nothing unwritten need not go to another thread and back.
        let at_once = !line.busy && line.next.entries.is_empty();
        if at_once || self.thread.is_none() {
            let group = std::mem::take(&mut line.next);
            drop(line);
            self.shared.flush(group);
            return;
        }
        self.shared.idle.store(false, Ordering::Release);
        drop(line);
        self.shared.news.notify_one();
    }

    /// Waits until everything that was handed over is done or has failed. What failed is the caller's to put right.
    pub(crate) fn drain(&self) -> Option<Failed> {
        let mut line = self.shared.line.lock();
        while line.busy || !line.next.is_empty() {
            self.shared.progress.wait(&mut line);
        }
        self.shared.broken.store(false, Ordering::Release);
        line.failed.take()
    }
}

impl<N> Shared<N> {
    /// Flushes what waits, as soon as something does; false when it is over.
    fn flush_next(&self) -> bool {
        let group = {
            let mut line = self.line.lock();
            while line.next.is_empty() {
                if line.over {
                    return false;
                }
                self.news.wait(&mut line);
            }
            line.busy = true;
            std::mem::take(&mut line.next)
        };
        self.progress.notify_all();
        self.flush(group);
        true
    }

    fn flush(&self, group: Group<N>) {
        let done = catch_unwind(AssertUnwindSafe(|| self.desk.lock().write(group)));
        let done = done.unwrap_or_else(|panic| {
            // Whoever waited hears that their sender is gone.
            let cause = panic_text(panic.as_ref());
            let error = StoreError::InDoubt { cause };
            self.desk.lock().degrade(&error);
            Err((error, Vec::new()))
        });
        let mut line = self.line.lock();
        line.busy = false;
        if let Err(failed) = done {
            line.fail(failed);
            self.broken.store(true, Ordering::Release);
        }
        self.idle.store(line.next.is_empty(), Ordering::Release);
        drop(line);
        self.progress.notify_all();
    }
}

impl<N> Drop for Flusher<N> {
    fn drop(&mut self) {
        self.shared.line.lock().over = true;
        self.shared.news.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
