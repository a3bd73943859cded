//! What a session's task, its handles and its screens hold together.

use crate::feed::Queue;
use crate::lanes::Meter;
use crate::mailbox::Mailbox;
use crate::observe::Seen;
use crate::outside::Outside;
use crate::pages::Pages;
use crate::program::Program;
use crate::receipt::Ended;
use crate::runtime::Inner;
use crate::session::SessionState;
use crate::update::{CallUpdate, FullUpdate, Op, PatchUpdate, Update, UsageUpdate, WireTree};
use crate::view::{Packed, Retained, diff};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::Instant;
use tokio::sync::Notify;
use youji_api::{Caller, Gate, Limits, SessionId};

/// Patches kept for resuming, and their bytes.
const PATCHES: usize = 32;
const PATCH_BYTES: usize = 256 << 10;
/// Event ids kept, so that none is applied twice.
const EVENT_IDS: usize = 256;

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// One session.
pub(crate) struct Shared {
    pub(crate) id: SessionId,
    pub(crate) caller: Mutex<Arc<Caller>>,
    pub(crate) gate: Gate,
    pub(crate) limits: Arc<Limits>,
    pub(crate) inner: Arc<Inner>,
    pub(crate) home: tokio::runtime::Handle,
    pub(crate) meter: Arc<Meter>,
    pub(crate) mailbox: Mailbox,
    pub(crate) pages: Mutex<Pages>,
    pub(crate) outside: Outside,
    /// See [`Program::script`].
    pub(crate) script: Arc<str>,
    pub(crate) opened: Instant,
    /// Rises with each showing of any session: who was shown least recently goes first.
    pub(crate) shown_at: AtomicU64,
    pub(crate) ended_news: Notify,
    /// Its end is under way: it counts no more.
    pub(crate) closing: AtomicBool,
    screen: Mutex<Screen>,
    usage: Mutex<UsageUpdate>,
    state: Mutex<SessionState>,
    ended: OnceLock<Arc<Ended>>,
}

/// The view as screens know it.
struct Screen {
    view: Arc<Packed>,
    seq: u64,
    path: Arc<str>,
    depth: usize,
    next_id: u32,
    patches: VecDeque<(Arc<PatchUpdate>, usize)>,
    patch_bytes: usize,
    feeds: Vec<Weak<Queue>>,
    event_ids: VecDeque<u64>,
}

impl Shared {
    pub(crate) fn new(inner: Arc<Inner>, program: &Program, caller: Caller, gate: Gate, limits: Arc<Limits>, pages: Pages) -> Self {
        let screen = Screen {
            view: Arc::default(),
            seq: 0,
            path: pages.top().path.clone(),
            depth: 1,
            next_id: 1,
            patches: VecDeque::new(),
            patch_bytes: 0,
            feeds: Vec::new(),
            event_ids: VecDeque::new(),
        };
        Shared {
            id: caller.session,
            caller: Mutex::new(Arc::new(caller)),
            gate,
            mailbox: Mailbox::new(limits.queue_events, limits.retained_bytes),
            limits,
            home: tokio::runtime::Handle::current(),
            meter: Arc::new(Meter::new(program.record.clone())),
            pages: Mutex::new(pages),
            outside: Outside::default(),
            script: Arc::clone(&program.script),
            opened: Instant::now(),
            shown_at: AtomicU64::new(inner.next_showing()),
            inner,
            ended_news: Notify::new(),
            closing: AtomicBool::new(false),
            screen: Mutex::new(screen),
            usage: Mutex::default(),
            state: Mutex::new(SessionState::Shown),
            ended: OnceLock::new(),
        }
    }

    pub(crate) fn caller(&self) -> Arc<Caller> {
        self.caller.lock().clone()
    }

    pub(crate) fn state(&self) -> SessionState {
        *self.state.lock()
    }

    pub(crate) fn set_state(&self, state: SessionState) {
        *self.state.lock() = state;
        if state == SessionState::Shown {
            self.shown_at.store(self.inner.next_showing(), Relaxed);
        }
    }

    pub(crate) fn usage(&self) -> UsageUpdate {
        let mut usage = self.usage.lock().clone();
        usage.cpu_us = u64::try_from(self.meter.total().as_micros()).unwrap_or(u64::MAX);
        usage
    }

    pub(crate) fn update_usage(&self, change: impl FnOnce(&mut UsageUpdate)) {
        change(&mut self.usage.lock());
    }

    /// Tells who wants to know what happens.
    pub(crate) fn observe(&self, seen: Seen<'_>) {
        if let Some(observer) = &self.inner.config.observer {
            observer.observe(&self.caller(), seen);
        }
    }

    /// Whether somebody wants to know.
    pub(crate) fn is_observed(&self) -> bool {
        self.inner.config.observer.is_some()
    }

    /// Takes a new view and tells the screens what changed, and the caller if it is observed. `fresh`: another page is on top, so no
    /// node goes on.
    pub(crate) fn show_view(&self, mut view: Retained<'_>, fresh: bool) -> Option<Update> {
        let (path, depth) = {
            let pages = self.pages.lock();
            (pages.top().path.clone(), pages.depth())
        };
        let mut screen = self.screen.lock();
        let screen = &mut *screen;
        let ops = if fresh || screen.seq == 0 {
            view.number_all(&mut screen.next_id);
            None
        } else {
            diff(&screen.view.open(), &mut view, &mut screen.next_id)
        };
        let moved = *screen.path != *path || screen.depth != depth;
        screen.view = Arc::new(Packed::new(&view));
        self.update_usage(|usage| {
            usage.nodes = screen.view.len() as u64;
            usage.tree_bytes = screen.view.bytes() as u64;
        });
        (screen.path, screen.depth) = (path, depth);
        match ops {
            Some(ops) if ops.is_empty() && !moved => {
                screen.tell_usage();
                None
            }
            Some(ops) => {
                let patch = Arc::new(PatchUpdate {
                    seq: screen.seq + 1,
                    base: screen.seq,
                    path: screen.path.clone(),
                    depth: screen.depth,
                    ops,
                });
                screen.seq += 1;
                screen.keep(&patch);
                screen.tell(|| Update::Patch(patch.clone()));
                self.is_observed().then_some(Update::Patch(patch))
            }
            None => {
                screen.seq += 1;
                screen.patches = VecDeque::new();
                screen.patch_bytes = 0;
                if screen.feeds.is_empty() && !self.is_observed() {
                    return None;
                }
                let full = screen.full();
                screen.tell(|| Update::Full(full.clone()));
                self.is_observed().then_some(Update::Full(full))
            }
        }
    }

    /// The whole view.
    pub(crate) fn full(&self) -> Arc<FullUpdate> {
        self.screen.lock().full()
    }

    /// A new screen, with what it has missed.
    pub(crate) fn subscribe(&self, last_seq: u64) -> Arc<Queue> {
        let mut screen = self.screen.lock();
        let mut first: Vec<Update> = Vec::new();
        let known = screen.patches.front().map_or(screen.seq, |(patch, _)| patch.base);
        if last_seq == 0 || last_seq < known || last_seq > screen.seq {
            if screen.seq > 0 {
                first.push(Update::Full(screen.full()));
            }
        } else {
            let missed = screen.patches.iter().filter(|(patch, _)| patch.base >= last_seq);
            first.extend(missed.map(|(patch, _)| Update::Patch(patch.clone())));
        }
        if let Some(ended) = self.ended.get() {
            first.push(Update::Ended(ended.clone()));
        }
        let queue = Arc::new(Queue::new(first));
        screen.feeds.retain(|feed| feed.strong_count() > 0);
        screen.feeds.push(Arc::downgrade(&queue));
        queue
    }

    /// The program's handler for what a person did. None if the node is gone.
    pub(crate) fn handler(&self, node: u32, event: &str) -> Option<u32> {
        self.screen.lock().view.open().handler(node, event)
    }

    /// False if this id was seen before; it is remembered.
    pub(crate) fn first_time(&self, event_id: &str) -> bool {
        let hash = HASHER.hash_one(event_id);
        let ids = &mut self.screen.lock().event_ids;
        if ids.contains(&hash) {
            return false;
        }
        if ids.len() >= EVENT_IDS {
            ids.pop_front();
        }
        ids.push_back(hash);
        true
    }

    /// Shows a host call.
    pub(crate) fn call(&self, name: impl FnOnce() -> String, us: u64, failure: Option<&str>) {
        self.update_usage(|usage| usage.calls += 1);
        let screen = self.screen.lock();
        if screen.feeds.is_empty() {
            return;
        }
        let call = CallUpdate {
            name: name(),
            us,
            ok: failure.is_none(),
            code: failure.unwrap_or_default().to_owned(),
            skipped: 0,
        };
        for feed in screen.feeds.iter().filter_map(Weak::upgrade) {
            feed.call(call.clone());
        }
    }

    /// Bytes that the host keeps for it: view and patches.
    pub(crate) fn retained_bytes(&self) -> usize {
        let screen = self.screen.lock();
        screen.view.bytes() + screen.patch_bytes
    }

    /// Frees what only a live session needs.
    pub(crate) fn free(&self) {
        let mut screen = self.screen.lock();
        screen.view = Arc::default();
        screen.patches = VecDeque::new();
        screen.patch_bytes = 0;
        screen.event_ids = VecDeque::new();
    }

    pub(crate) fn ended(&self) -> Option<&Arc<Ended>> {
        self.ended.get()
    }

    /// It is over: whoever waits is told.
    pub(crate) fn end(&self, ended: Arc<Ended>) {
        *self.state.lock() = SessionState::Ended;
        if self.ended.set(ended.clone()).is_ok() {
            let mut screen = self.screen.lock();
            screen.tell(|| Update::Ended(ended.clone()));
            screen.feeds = Vec::new();
        }
        self.ended_news.notify_waiters();
    }
}

impl Screen {
    fn full(&self) -> Arc<FullUpdate> {
        Arc::new(FullUpdate {
            seq: self.seq,
            tree: WireTree(self.view.clone()),
            path: self.path.clone(),
            depth: self.depth,
        })
    }

    /// Nobody can resume from a patch that was never sent, so none is kept while there was no screen.
    fn keep(&mut self, patch: &Arc<PatchUpdate>) {
        if self.feeds.is_empty() {
            self.patches = VecDeque::new();
            self.patch_bytes = 0;
            return;
        }
        let bytes = bytes(patch);
        self.patch_bytes += bytes;
        self.patches.push_back((patch.clone(), bytes));
        while self.patches.len() > PATCHES || self.patch_bytes > PATCH_BYTES {
            match self.patches.pop_front() {
                Some((_, bytes)) => self.patch_bytes -= bytes,
                None => break,
            }
        }
    }

    fn tell(&mut self, update: impl Fn() -> Update) {
        // Dead screens stay in the list until the next one comes: while one has been there, it may come back to resume.
        for feed in self.feeds.iter().filter_map(Weak::upgrade) {
            feed.push(update());
        }
    }

    fn tell_usage(&self) {
        for feed in self.feeds.iter().filter_map(Weak::upgrade) {
            feed.news.notify_one();
        }
    }
}

fn bytes(patch: &PatchUpdate) -> usize {
    let node = |node: &crate::update::WireNode| {
        let attributes: usize = node.attributes.iter().map(|(_, value)| 56 + value.heap_bytes()).sum();
        size_of_val(node) + attributes + node.events.len() * 24
    };
    let op = |op: &Op| {
        size_of::<Op>()
            + match op {
                Op::Set { attributes, .. } => attributes
                    .iter()
                    .map(|(name, value)| 56 + name.len() + value.as_ref().map_or(0, |value| value.heap_bytes()))
                    .sum(),
                Op::Insert { nodes, .. } => nodes.iter().map(node).sum(),
                Op::On { events, .. } => events.len() * 24,
                Op::Remove { .. } | Op::Move { .. } => 0,
            }
    };
    size_of::<PatchUpdate>() + patch.ops.iter().map(op).sum::<usize>()
}
