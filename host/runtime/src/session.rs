//! The handle of one running instance.

use crate::feed::{Next, Queue};
use crate::mailbox::Item;
use crate::receipt::{EndReason, Ended, Receipt};
use crate::shared::Shared;
use crate::update::{Update, UsageUpdate};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::oneshot;
use youji_api::{Caller, Event, Scalar, SessionId};

/// A live session. Cheap to clone; the instance lives until it is closed, not until handles are dropped.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

/// What a person did on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct UiEvent {
    /// Number of the node.
    pub node: u32,
    /// "tap", "input", "change", "submit", "window", "dismiss".
    pub kind: String,
    /// What was entered or chosen.
    pub value: Option<Scalar>,
    /// Unique to the page; at most 64 bytes. Applied once.
    pub event_id: String,
}

/// What became of a UI event.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    /// Which.
    pub event_id: String,
    /// False when it had been applied before, its node is gone, or the session is over.
    pub applied: bool,
}

/// What a session does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// On the stage.
    Shown,
    /// Not on the stage, still called.
    Hidden,
    /// Not called; events queue.
    Suspended,
    /// Over.
    Ended,
}

/// A line of the operator's list.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// The session.
    pub session: SessionId,
    /// Who uses what.
    pub caller: Arc<Caller>,
    /// What it does now.
    pub state: SessionState,
    /// What it uses.
    pub usage: UsageUpdate,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Session { shared }
    }

    /// Its number.
    pub fn id(&self) -> SessionId {
        self.shared.id
    }

    /// Who uses what, in which language now.
    pub fn caller(&self) -> Arc<Caller> {
        self.shared.caller()
    }

    /// What it does now.
    pub fn state(&self) -> SessionState {
        self.shared.state()
    }

    /// What it uses now.
    pub fn usage(&self) -> UsageUpdate {
        self.shared.usage()
    }

    /// What the person did. Resolves when the program has handled it and the patch is published: do not wait for it in a loop
    /// that must go on reading. Events are handled in the order of the calls, from when the future is first polled.
    pub async fn ui_event(&self, event: UiEvent) -> Ack {
        let event_id = event.event_id.clone();
        self.ask(event_id, |reply| Item::Ui(event, reply)).await
    }

    /// The host's Back: leaves the top page; on the last page, nothing happens and `applied` is false.
    pub async fn back(&self, event_id: String) -> Ack {
        self.ask(event_id.clone(), |reply| Item::Back(event_id, reply)).await
    }

    async fn ask(&self, event_id: String, item: impl FnOnce(oneshot::Sender<Ack>) -> Item) -> Ack {
        let (reply, answer) = oneshot::channel();
        let refused = Ack { event_id, applied: false };
        match self.shared.mailbox.person(item(reply)) {
            Ok(()) => answer.await.unwrap_or(refused),
            Err(_) => refused,
        }
    }

    /// Queues an event of a service; false when the session is over. Never blocks.
    pub fn deliver(&self, event: Event) -> bool {
        self.shared.mailbox.event(event)
    }

    /// It is on the stage.
    pub fn show(&self) {
        self.shared.mailbox.wish(|wishes| wishes.shown = Some(true));
    }

    /// It is not on the stage: suspended soon, unloaded later.
    pub fn hide(&self) {
        self.shared.mailbox.wish(|wishes| wishes.shown = Some(false));
    }

    /// The person reads another language (BCP 47, "ltr" or "rtl"): the program gets a "settings" event.
    pub fn language(&self, language: &str, direction: &str) {
        let (language, direction) = (language.to_owned(), direction.to_owned());
        let _ = self.shared.mailbox.person(Item::Language { language, direction });
    }

    /// Ends it: hidden, unloaded, saved state, dropped. Resolves when nothing is left; when it is over already, with that
    /// receipt. Dropping the future does not stop the unloading.
    pub async fn close(&self, reason: EndReason) -> Receipt {
        self.start_closing(reason);
        self.ended().await.receipt.clone()
    }

    /// It is on its way out: whoever counts live programs need not count it.
    pub fn is_closing(&self) -> bool {
        self.shared.closing.load(Relaxed)
    }

    pub(crate) fn start_closing(&self, reason: EndReason) {
        self.shared.closing.store(true, Relaxed);
        self.shared.mailbox.wish(|wishes| {
            wishes.close.get_or_insert(reason);
        });
    }

    /// Resolves when it is over.
    pub async fn ended(&self) -> Arc<Ended> {
        loop {
            let news = self.shared.ended_news.notified();
            tokio::pin!(news);
            // From here on, an end is not missed.
            news.as_mut().enable();
            if let Some(ended) = self.shared.ended() {
                return ended.clone();
            }
            news.await;
        }
    }

    /// How it ended, if it has.
    pub fn try_ended(&self) -> Option<Arc<Ended>> {
        self.shared.ended().cloned()
    }

    /// Its updates after the view of that number (0: nothing painted yet): first the missing patches or the whole view.
    pub fn subscribe(&self, last_seq: u64) -> Feed {
        Feed {
            queue: self.shared.subscribe(last_seq),
            shared: self.shared.clone(),
            over: false,
        }
    }

    pub(crate) fn info(&self) -> SessionInfo {
        SessionInfo {
            session: self.shared.id,
            caller: self.shared.caller(),
            state: self.shared.state(),
            usage: self.shared.usage(),
        }
    }
}

/// A screen's updates. One that is too slow loses patches and gets the whole view instead.
pub struct Feed {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    over: bool,
}

impl Feed {
    /// The next update; none after [`Update::Ended`]. Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Update> {
        if self.over {
            return None;
        }
        loop {
            let wait = match self.queue.next(&self.shared.usage()) {
                Next::Update(update) => {
                    self.over = matches!(update, Update::Ended(_));
                    return Some(update);
                }
                Next::Resync => return Some(Update::Full(self.shared.full())),
                Next::Wait(wait) => wait,
            };
            match wait {
                None => self.queue.news.notified().await,
                Some(wait) => {
                    let _ = tokio::time::timeout(wait, self.queue.news.notified()).await;
                }
            }
        }
    }
}
