//! Mailboxes: a person's messages in the order of their numbers, for whoever follows them.
//!
//! What is durable stands in the projection; a follower hears of each new message through the log's notices, which come only after it is
//! durable. So nothing that was acknowledged is missed, whatever becomes of the one who sent it, and a follower that is slow or comes back
//! reads on from the number that it saw last.

use crate::apply::{Notice, pointer_of};
use crate::blob::Blob;
use crate::chat::ChatId;
use crate::keys;
use crate::model::Message;
use crate::people::nobody;
use crate::services::{Services, invalid};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;
use youji_api::{Failure, PersonId};

/// Messages that are read at once for a follower who is behind.
const PAGE: usize = 64;

/// What the follower of a mailbox gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// The next message.
    Message(Message),
    /// Something came of a conversation: a line with that number, or 0 for being asked into it. Read it with
    /// [`Services::chat_line`]; it may not be there any more.
    Chat {
        /// The number in the mailbox.
        sequence: u64,
        /// Which conversation.
        chat: ChatId,
        /// The line's number.
        number: u64,
    },
    /// Messages with these numbers, both included, are not there any more: they expired, or more came than a mailbox holds.
    Gap {
        /// The first that is missing.
        first: u64,
        /// The last that is missing.
        last: u64,
    },
}

impl Mail {
    /// The number after which a follower who got this goes on.
    pub fn sequence(&self) -> u64 {
        match self {
            Mail::Message(message) => message.sequence,
            Mail::Chat { sequence, .. } => *sequence,
            Mail::Gap { last, .. } => *last,
        }
    }
}

/// The newest message of a mailbox that is durable, as far as was heard.
#[derive(Clone, Default)]
pub(crate) struct News {
    sequence: u64,
    sealed: Option<Blob>,
}

/// One who follows a person's messages. Dropping it ends that.
pub struct Mailbox {
    services: Arc<Services>,
    person: PersonId,
    /// The number that was handed out last.
    seen: u64,
    ready: VecDeque<Mail>,
    news: watch::Receiver<News>,
}

impl Mailbox {
    /// The next message or gap, in the order of the numbers, once it is durable; none when the person was forgotten. Nothing is lost when
    /// the wait is given up.
    pub async fn next(&mut self) -> Option<Mail> {
        loop {
            if let Some(mail) = self.ready.pop_front() {
                self.seen = mail.sequence();
                return Some(mail);
            }
            let news = self.news.borrow_and_update().clone();
            if news.sequence == self.seen + 1
                && let Some(message) = news
                    .sealed
                    .and_then(|sealed| self.services.open_message(&self.person, news.sequence, &sealed.0))
            {
                self.ready.push_back(Mail::Message(message));
                continue;
            }
            self.ready = self.services.mail_after(&self.person, self.seen, news.sequence).await?;
            if self.ready.is_empty() {
                self.news.changed().await.ok()?;
            }
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let mut followed = self.services.followed.lock();
        // This one's own receiver still counts.
        if followed.get(&self.person).is_some_and(|news| news.receiver_count() <= 1) {
            followed.remove(&self.person);
        }
    }
}

impl Services {
    /// Follows a person's messages after that number, or from the oldest that is kept.
    ///
    /// # Errors
    /// "not-found"; "invalid" for a number that no message has yet.
    pub fn mailbox(&self, person: &PersonId, after: Option<u64>) -> Result<Mailbox, Failure> {
        let services = self.me.upgrade().ok_or_else(nobody)?;
        // Before anything is read, so that what comes meanwhile is heard.
        let news = {
            let mut followed = self.followed.lock();
            followed.entry(person.clone()).or_default().subscribe()
        };
        let mut mailbox = Mailbox {
            services,
            person: person.clone(),
            seen: 0,
            ready: VecDeque::new(),
            news,
        };
        let state = self.state.read();
        let mine = state.people.get(person).ok_or_else(nobody)?;
        let oldest = [&mine.messages, &mine.pointers]
            .into_iter()
            .filter_map(|kind| kind.keys().next().copied())
            .min();
        mailbox.seen = after.unwrap_or_else(|| oldest.map_or(mine.last_message, |oldest| oldest - 1));
        if mailbox.seen > mine.last_message {
            let known = mine.last_message;
            drop(state);
            return Err(invalid(format!(
                "the newest message is {known}; begin after that or an earlier one"
            )));
        }
        drop(state);
        Ok(mailbox)
    }

    /// What comes after that number; none when there is no such person. `durable`: the newest number known to be so.
    async fn mail_after(&self, person: &PersonId, seen: u64, durable: u64) -> Option<VecDeque<Mail>> {
        let now = self.now();
        let (alive, last, read_to) = {
            let state = self.state.read();
            let mine = state.people.get(person)?;
            let next = |kind: &BTreeMap<u64, u64>| -> Vec<u64> {
                let alive = kind.range(seen + 1..).filter(|(_, expires)| **expires > now);
                alive.map(|(sequence, _)| *sequence).take(PAGE).collect()
            };
            let mut alive = next(&mine.messages);
            if !mine.pointers.is_empty() {
                alive.extend(next(&mine.pointers));
                alive.sort_unstable();
                alive.truncate(PAGE);
            }
            (alive, mine.last_message, mine.read_to)
        };
        let places: Vec<Vec<u8>> = alive.iter().map(|sequence| keys::message(&person.0, *sequence)).collect();
        let found = match self.fetch(&places).await {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "a mailbox can't be read");
                return None;
            }
        };
        let mut mail = VecDeque::with_capacity(alive.len());
        let mut next = seen + 1;
        let mut gap_to = |mail: &mut VecDeque<Mail>, upto: u64| {
            if upto > next {
                mail.push_back(Mail::Gap {
                    first: next,
                    last: upto - 1,
                });
            }
            next = upto + 1;
        };
        for (sequence, sealed) in alive.iter().zip(found) {
            match sealed.and_then(|sealed| self.open_mail(person, *sequence, &sealed, read_to)) {
                Some(one) => {
                    gap_to(&mut mail, *sequence);
                    mail.push_back(one);
                }
                // Not durable yet: its notice is still to come.
                None if *sequence > durable => return Some(mail),
                None => {}
            }
        }
        if alive.len() < PAGE {
            gap_to(&mut mail, last + 1);
        }
        Some(mail)
    }

    fn open_mail(&self, person: &PersonId, sequence: u64, found: &[u8], read_to: u64) -> Option<Mail> {
        let points = self
            .state
            .read()
            .people
            .get(person)
            .is_some_and(|mine| mine.pointers.contains_key(&sequence));
        if points {
            let (chat, number) = pointer_of(found)?;
            return Some(Mail::Chat { sequence, chat, number });
        }
        let message = self.open_message(person, sequence, found)?;
        Some(Mail::Message(Message {
            read: sequence <= read_to,
            ..message
        }))
    }

    /// A message that nobody has read.
    pub(crate) fn open_message(&self, person: &PersonId, sequence: u64, sealed: &[u8]) -> Option<Message> {
        let opened = self.unseal(person, "message", sealed).ok()?;
        let message: Message = serde_json::from_slice(&opened).ok()?;
        Some(Message {
            sequence,
            read: false,
            ..message
        })
    }

    fn heard(&self, person: &PersonId, sequence: u64, sealed: Option<Blob>) {
        if let Some(news) = self.followed.lock().get(person) {
            news.send_replace(News { sequence, sealed });
        }
    }
}

/// Hears what the log says and wakes those who follow. Whatever has come is told in one go: a task of the runtime may take a hundred
/// things at a time only and then waits behind all others, so that the last of a group would wait for many senders of the next.
pub(crate) async fn run(services: Weak<Services>, mut notices: Receiver<(u64, Notice)>) {
    loop {
        let mut heard = notices.recv().await;
        let Some(services) = services.upgrade() else { return };
        loop {
            match heard {
                Ok((_, Notice::Message { person, sequence, sealed })) => services.heard(&person, sequence, Some(sealed)),
                Ok((_, Notice::Pointer { person, sequence })) => services.heard(&person, sequence, None),
                Ok((_, Notice::Row(_))) => {}
                // Which ones is not known: everybody looks.
                Err(RecvError::Lagged(_)) => services.followed.lock().values().for_each(|news| news.send_modify(|_| {})),
                Err(RecvError::Closed) => return,
            }
            heard = match notices.try_recv() {
                Ok(next) => Ok(next),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Closed) => return,
            };
        }
    }
}
