//! What waits for a session. Small while it is empty, bounded when it is not.

use crate::receipt::EndReason;
use crate::session::{Ack, UiEvent};
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::{Notify, oneshot};
use youji_api::{Event, Scalar};

/// UI events that wait; a person does not act faster than that.
const UI_EVENTS: usize = 64;

/// The next thing for a session to do.
#[derive(Debug)]
pub(crate) enum Item {
    Ui(UiEvent, oneshot::Sender<Ack>),
    Back(String, oneshot::Sender<Ack>),
    Event(Event),
    Language { language: String, direction: String },
}

/// What a session is told apart from its queue.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) shown: Option<bool>,
    pub(crate) close: Option<EndReason>,
}

#[derive(Debug)]
struct Inbox {
    items: VecDeque<Item>,
    ui: usize,
    events: usize,
    event_bytes: usize,
    wishes: Wishes,
    closed: bool,
}

/// Many write, the session's task reads.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inbox: Mutex<Inbox>,
    news: Notify,
    events: usize,
    event_bytes: usize,
}

impl Mailbox {
    pub(crate) fn new(events: usize, event_bytes: usize) -> Self {
        Mailbox {
            inbox: Mutex::new(Inbox {
                items: VecDeque::new(),
                ui: 0,
                events: 0,
                event_bytes: 0,
                wishes: Wishes::default(),
                closed: false,
            }),
            news: Notify::new(),
            events: events.max(2),
            event_bytes,
        }
    }

    /// What a person did; given back when there are too many or the session is over.
    pub(crate) fn person(&self, item: Item) -> Result<(), Item> {
        let mut inbox = self.inbox.lock();
        if inbox.closed || inbox.ui >= UI_EVENTS {
            return Err(item);
        }
        inbox.ui += 1;
        inbox.items.push_back(item);
        self.news.notify_one();
        Ok(())
    }

    /// What a service says; false when the session is over. Over the limit older ones go, changes before outcomes.
    pub(crate) fn event(&self, event: Event) -> bool {
        let mut inbox = self.inbox.lock();
        if inbox.closed {
            return false;
        }
        inbox.events += 1;
        inbox.event_bytes += bytes(&event);
        inbox.items.push_back(Item::Event(event));
        if inbox.events > self.events || inbox.event_bytes > self.event_bytes {
            inbox.make_room(self.events, self.event_bytes);
        }
        self.news.notify_one();
        true
    }

    pub(crate) fn wish(&self, wish: impl FnOnce(&mut Wishes)) {
        wish(&mut self.inbox.lock().wishes);
        self.news.notify_one();
    }

    pub(crate) fn take_wishes(&self) -> Wishes {
        std::mem::take(&mut self.inbox.lock().wishes)
    }

    pub(crate) fn take(&self) -> Option<Item> {
        let mut inbox = self.inbox.lock();
        let item = inbox.items.pop_front()?;
        match &item {
            Item::Event(event) => {
                inbox.events -= 1;
                inbox.event_bytes = inbox.event_bytes.saturating_sub(bytes(event));
            }
            _ => inbox.ui -= 1,
        }
        if inbox.items.is_empty() {
            inbox.items = VecDeque::new();
        }
        Some(item)
    }

    /// Resolves when something may have come since the last time.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Takes nothing any more; what waited is dropped, so that whoever waits for it learns that it was not applied.
    pub(crate) fn close(&self) -> usize {
        let mut inbox = self.inbox.lock();
        inbox.closed = true;
        let left = std::mem::take(&mut inbox.items);
        drop(inbox);
        left.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.inbox.lock().items.len()
    }
}

impl Inbox {
    /// Drops events until they fit, and says so with one "gap" event in place of the first that is gone.
    fn make_room(&mut self, events: usize, event_bytes: usize) {
        let mut gap: Option<(usize, u64)> = None;
        // One place for the gap event itself.
        while self.events > 1 && (self.events >= events || self.event_bytes > event_bytes) {
            let find = |want: &dyn Fn(&Event) -> bool| self.items.iter().position(|item| matches!(item, Item::Event(event) if want(event)));
            let Some(at) = find(&|event| event.code != "completed").or_else(|| find(&|_| true)) else {
                break;
            };
            let Some(Item::Event(event)) = self.items.remove(at) else { break };
            self.events -= 1;
            self.event_bytes = self.event_bytes.saturating_sub(bytes(&event));
            gap = Some(match gap {
                None => (at, event.ticket),
                Some((first, ticket)) => (first.min(at), if ticket == event.ticket { ticket } else { 0 }),
            });
        }
        if let Some((at, ticket)) = gap {
            let mut event = Event::new("gap");
            event.ticket = ticket;
            self.event_bytes += bytes(&event);
            self.events += 1;
            self.items.insert(at.min(self.items.len()), Item::Event(event));
        }
    }
}

/// What an event occupies, roughly.
pub(crate) fn bytes(event: &Event) -> usize {
    let field = |(name, value): (&str, &Scalar)| size_of::<(String, Scalar)>() + name.len() + value.heap_bytes();
    size_of::<Event>() + event.code.len() + event.body.len() + event.fields.iter().map(field).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mailbox: &Mailbox) -> Vec<(String, u64)> {
        std::iter::from_fn(|| mailbox.take())
            .map(|item| match item {
                Item::Event(event) => (event.code, event.ticket),
                other => panic!("only events were queued, not {other:?}"),
            })
            .collect()
    }

    #[test]
    fn over_the_limit_changes_go_first_and_one_gap_says_so() {
        let mailbox = Mailbox::new(4, 1 << 20);
        for number in 0..10u64 {
            let mut event = Event::new(if number == 2 { "completed" } else { "changed" });
            event.ticket = if number == 2 { 99 } else { 7 };
            assert!(mailbox.event(event));
        }
        let left = drain(&mailbox);
        assert!(left.len() <= 4, "{left:?}");
        assert_eq!(left.iter().filter(|(code, _)| code == "gap").count(), 1, "{left:?}");
        assert!(
            left.contains(&("gap".into(), 7)),
            "the gap names the only watch that lost something: {left:?}"
        );
        assert!(left.contains(&("completed".into(), 99)), "{left:?}");
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mailbox = Mailbox::new(64, 4_000);
        for _ in 0..20 {
            let mut event = Event::new("changed");
            event.body = vec![0; 1_000];
            mailbox.event(event);
        }
        assert!(mailbox.inbox.lock().event_bytes <= 4_000 + 2_000);
        assert!(drain(&mailbox).len() < 6);
    }
}
