//! What a session's screens have not taken yet.

use crate::update::{CallUpdate, Update, UsageUpdate};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Updates that wait; a screen that is slower gets the whole view instead.
const WAITING: usize = 64;
const CALLS_PER_SECOND: u32 = 20;
/// At most four a second.
pub(crate) const USAGE_EVERY: Duration = Duration::from_millis(250);

/// One screen's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    pub(crate) news: Notify,
}

#[derive(Debug)]
struct State {
    updates: VecDeque<Update>,
    lagged: bool,
    window: Instant,
    calls: u32,
    skipped: u64,
    usage_sent: UsageUpdate,
    usage_at: Option<Instant>,
}

/// What to do next for a screen.
pub(crate) enum Next {
    Update(Update),
    /// It lost something: send the whole view.
    Resync,
    /// Nothing; usage may be sent after this long.
    Wait(Option<Duration>),
}

impl Queue {
    pub(crate) fn new(first: Vec<Update>) -> Self {
        Queue {
            state: Mutex::new(State {
                updates: first.into(),
                lagged: false,
                window: Instant::now(),
                calls: 0,
                skipped: 0,
                usage_sent: UsageUpdate::default(),
                usage_at: None,
            }),
            news: Notify::new(),
        }
    }

    pub(crate) fn push(&self, update: Update) {
        let mut state = self.state.lock();
        if matches!(update, Update::Full(_)) {
            // The whole view makes earlier changes of it pointless.
            state.updates.retain(|old| !matches!(old, Update::Full(_) | Update::Patch(_)));
            state.lagged = false;
        }
        let is_change = matches!(update, Update::Patch(_));
        if is_change && (state.lagged || state.updates.len() >= WAITING) {
            state.updates.retain(|old| !matches!(old, Update::Full(_) | Update::Patch(_)));
            state.lagged = true;
        } else {
            state.updates.push_back(update);
        }
        drop(state);
        self.news.notify_one();
    }

    pub(crate) fn call(&self, mut call: CallUpdate) {
        let mut state = self.state.lock();
        let now = Instant::now();
        if now.duration_since(state.window) >= Duration::from_secs(1) {
            state.window = now;
            state.calls = 0;
        }
        if state.calls >= CALLS_PER_SECOND || state.updates.len() >= WAITING {
            state.skipped += 1;
            return;
        }
        state.calls += 1;
        call.skipped = std::mem::take(&mut state.skipped);
        state.updates.push_back(Update::Call(call));
        drop(state);
        self.news.notify_one();
    }

    /// The next thing to send, given what the session uses now.
    pub(crate) fn next(&self, usage: &UsageUpdate) -> Next {
        let mut state = self.state.lock();
        if state.lagged {
            state.lagged = false;
            return Next::Resync;
        }
        if let Some(update) = state.updates.pop_front() {
            return Next::Update(update);
        }
        state.updates = VecDeque::new();
        if state.usage_sent == *usage {
            return Next::Wait(None);
        }
        let since = state.usage_at.map_or(USAGE_EVERY, |at| at.elapsed());
        if since < USAGE_EVERY {
            return Next::Wait(Some(USAGE_EVERY - since));
        }
        state.usage_at = Some(Instant::now());
        state.usage_sent = usage.clone();
        Next::Update(Update::Usage(usage.clone()))
    }
}
