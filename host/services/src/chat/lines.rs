//! What is said in a conversation: once, in order, to those who are here; and reading it.

use super::rate::Rate;
use super::room::{mine, tell};
use super::state::{Chat, ChatChange, Line, LineKind};
use super::{ChatId, ChatLine, ChatRow, Content, PacketNow, Said, Sent};
use crate::change::Change;
use crate::keys;
use crate::people::nobody;
use crate::services::{Services, check_name, invalid, limit};
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use youji_api::{Failure, PersonId, codes};

/// Lines in one answer.
const PAGE: usize = 100;

/// A line that is about to be said.
pub(crate) struct Saying {
    person: PersonId,
    chat: ChatId,
    client: u128,
    content: u128,
    body: crate::blob::Blob,
}

/// What a line that was decided comes to.
pub(crate) struct SayingDecided {
    pub(crate) changes: Vec<Change>,
    pub(crate) number: u64,
    pub(crate) member: u32,
    /// Who does not get it.
    pub(crate) unreached: Vec<PersonId>,
    pub(crate) before: bool,
}

/// What a person may read of a conversation, copied out of the state.
struct Reading {
    chat: Chat,
    me: u32,
    since: u64,
    blocked: BTreeSet<PersonId>,
}

fn half(hash: [u8; 32]) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(bytes)
}

/// Characters that would let a text look like something else, or be nothing at all.
fn check_text(text: &str, most: usize) -> Result<(), Failure> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > most {
        return Err(limit(format!(
            "a text has 1 to {most} characters, {length} came; say it in several"
        )));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\t') {
        return Err(invalid("control characters are not allowed in a text"));
    }
    Ok(())
}

impl Services {
    fn body_purpose(chat: &ChatId) -> String {
        format!("chat/{chat}")
    }

    /// Seals what is said before it is decided.
    pub(crate) fn saying(&self, person: &PersonId, chat: &ChatId, client_id: &str, content: &Content) -> Result<Saying, Failure> {
        check_name("clientId", client_id, 64)?;
        let bytes = serde_json::to_vec(content).unwrap_or_default();
        Ok(Saying {
            client: half(self.host.hash(&[b"chat-client", client_id.as_bytes()])),
            content: half(self.host.hash(&[b"chat-content", &bytes])),
            body: self.seal(person, &Self::body_purpose(chat), &bytes)?,
            person: person.clone(),
            chat: chat.clone(),
        })
    }

    /// Decides a line. Looks at nothing but the state that it is given.
    pub(crate) fn decide_saying(&self, state: &State, saying: Saying) -> Result<SayingDecided, Failure> {
        let Saying {
            person,
            chat: id,
            client,
            content,
            body,
        } = saying;
        let (chat, member) = mine(state, &person, &id)?;
        let said = chat
            .lines
            .iter()
            .rev()
            .find(|(_, line)| line.member == member && line.client == client && line.kind == LineKind::Said);
        let blocks = |other: &PersonId| state.people.get(other).is_some_and(|theirs| theirs.blocked.contains(&person));
        let unreached: Vec<PersonId> = chat
            .here()
            .filter(|(_, other)| blocks(other))
            .map(|(_, other)| other.clone())
            .collect();
        if let Some((number, line)) = said {
            if line.content != content {
                return Err(Failure::new(
                    codes::TAKEN,
                    "that clientId stands for something else that you said; use a new one",
                ));
            }
            return Ok(SayingDecided {
                changes: Vec::new(),
                number: *number,
                member,
                unreached,
                before: true,
            });
        }
        if !chat.group && chat.here().all(|(one, other)| one == member || blocks(other)) {
            return Err(Failure::new(
                codes::NO_RECIPIENT,
                "nobody would get it: the other person is not in this conversation, or takes nothing from you",
            ));
        }
        let place = self.chat_place(chat);
        let keep = self.config.limits.chat_pointers;
        let mut changes = tell(state, &id, chat, place, keep, None, Some(&person));
        changes.push(Change::Chat(ChatChange::Line {
            chat: id,
            member,
            place,
            client,
            content,
            body,
            keep: self.config.limits.chat_lines,
        }));
        Ok(SayingDecided {
            changes,
            number: place.number,
            member,
            unreached,
            before: false,
        })
    }

    /// Says something. The same under the same `client_id` again is said once, as long as the conversation keeps it. Answered when it is
    /// durable; members hear of it through their mailboxes, in the order of the numbers.
    ///
    /// # Errors
    /// "no-recipient" where nobody would get it; "taken" for a client id that stands for something else; "limit" for too long a text or too
    /// many lines; "invalid", "not-found".
    pub async fn chat_say(&self, person: &PersonId, chat: &ChatId, client_id: &str, content: &Content) -> Result<Sent, Failure> {
        match content {
            Content::Text { text } => check_text(text, self.config.limits.chat_text)?,
            Content::Card(card) => super::card::check_card(card)?,
            Content::Transfer { .. } | Content::Packet { .. } => return Err(invalid("money is sent on a sheet, not said")),
        }
        self.take_chat_rate(person, Rate::Say)?;
        let saying = self.saying(person, chat, client_id, content)?;
        let me = self.me.clone();
        let said = self
            .commit(move |state, _| {
                let mut decided = me.upgrade().ok_or_else(nobody)?.decide_saying(state, saying)?;
                Ok((std::mem::take(&mut decided.changes), decided))
            })
            .await;
        if !said.as_ref().is_ok_and(|decided| !decided.before) {
            self.give_back_chat_rate(person, Rate::Say);
        }
        said.map(|decided| self.sent(&decided))
    }

    pub(crate) fn sent(&self, decided: &SayingDecided) -> Sent {
        Sent {
            number: decided.number,
            unreached: decided.unreached.iter().map(|person| self.chat_name(person)).collect(),
            before: decided.before,
        }
    }

    /// Marks lines as read, up to and with that one.
    ///
    /// # Errors
    /// "not-found"; "invalid" for a number that no line has yet.
    pub async fn chat_read(&self, person: &PersonId, chat: &ChatId, number: u64) -> Result<(), Failure> {
        let (person, id) = (person.clone(), chat.clone());
        self.commit(move |state, _| {
            let (chat, member) = mine(state, &person, &id)?;
            if number > chat.last {
                return Err(invalid(format!("the newest line is {}", chat.last)));
            }
            if chat.members.get(&member).is_none_or(|mine| mine.read_to >= number) {
                return Ok((Vec::new(), ()));
            }
            Ok((vec![Change::Chat(ChatChange::Read { chat: id, member, number })], ()))
        })
        .await
    }

    /// Lines that are not older than the person's coming in, at most a hundred, in the order of their numbers: the newest ones before
    /// `before`, or the first ones after `after`.
    ///
    /// # Errors
    /// "not-found", "failed".
    pub async fn chat_lines(
        &self,
        person: &PersonId,
        chat: &ChatId,
        before: Option<u64>,
        after: Option<u64>,
    ) -> Result<Vec<ChatLine>, Failure> {
        let reading = self.reading(person, chat)?;
        let now = self.now();
        let first = after.map_or(reading.since, |after| after.saturating_add(1).max(reading.since));
        let last = before.unwrap_or(u64::MAX);
        if first >= last {
            return Ok(Vec::new());
        }
        let range = reading.chat.lines.range((Bound::Included(first), Bound::Excluded(last)));
        let range = range.filter(|(_, line)| line.expires > now);
        let numbers: Vec<u64> = match after {
            Some(_) => range.map(|(number, _)| *number).take(PAGE).collect(),
            None => {
                let mut newest: Vec<u64> = range.rev().map(|(number, _)| *number).take(PAGE).collect();
                newest.reverse();
                newest
            }
        };
        self.open_lines(chat, &reading, &numbers).await
    }

    /// One line; none where the person may not read it, or it is not there any more.
    ///
    /// # Errors
    /// "failed".
    pub async fn chat_line(&self, person: &PersonId, chat: &ChatId, number: u64) -> Result<Option<ChatLine>, Failure> {
        let Ok(reading) = self.reading(person, chat) else { return Ok(None) };
        if number < reading.since || reading.chat.lines.get(&number).is_none_or(|line| line.expires <= self.now()) {
            return Ok(None);
        }
        Ok(self.open_lines(chat, &reading, &[number]).await?.pop())
    }

    fn reading(&self, person: &PersonId, chat: &ChatId) -> Result<Reading, Failure> {
        let state = self.state.read();
        let (chat, me) = mine(&state, person, chat)?;
        Ok(Reading {
            me,
            since: chat.members.get(&me).map_or(u64::MAX, |member| member.since),
            blocked: state.people.get(person).map(|mine| mine.blocked.clone()).unwrap_or_default(),
            chat: chat.clone(),
        })
    }

    /// What is not durable yet ends the list: it comes with its notice.
    async fn open_lines(&self, id: &ChatId, reading: &Reading, numbers: &[u64]) -> Result<Vec<ChatLine>, Failure> {
        let places: Vec<Vec<u8>> = numbers.iter().map(|number| keys::chat_line(id.as_str(), *number)).collect();
        let found = self.fetch(&places).await?;
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        let mut lines = Vec::with_capacity(numbers.len());
        for (number, sealed) in numbers.iter().zip(found) {
            let Some(line) = reading.chat.lines.get(number) else { continue };
            let author = reading.chat.members.get(&line.member).and_then(|member| member.person.as_ref());
            let said = match (line.kind, author) {
                (LineKind::Joined, _) => Said::Joined,
                (LineKind::Left, _) => Said::Left,
                (LineKind::Removed, _) => Said::Removed,
                (LineKind::Gone, _) => Said::Gone,
                (LineKind::Titled, _) => Said::Titled,
                (LineKind::Said, Some(author)) if reading.blocked.contains(author) => Said::Hidden,
                (LineKind::Said, Some(author)) => {
                    let Some(sealed) = sealed else { break };
                    let opened = self.unseal(author, &Self::body_purpose(id), &sealed).ok();
                    // Its key went in this moment.
                    opened
                        .and_then(|opened| serde_json::from_slice(&opened).ok())
                        .map_or(Said::Erased, Said::Content)
                }
                (LineKind::Said, None) | (LineKind::Erased, _) => Said::Erased,
            };
            let name = names
                .entry(line.member)
                .or_insert_with(|| author.map(|author| self.chat_name(author)).unwrap_or_default());
            lines.push(ChatLine {
                number: *number,
                at: line.at,
                member: line.member,
                name: name.clone(),
                mine: line.member == reading.me,
                said,
                packet: reading.chat.packets.get(number).map(|packet| PacketNow {
                    claimed: u32::try_from(packet.claimed.len()).unwrap_or(u32::MAX),
                    mine: packet.share_of(reading.me).unwrap_or(0),
                    open: packet.next().is_some() && packet.until > self.now() && packet.share_of(reading.me).is_none(),
                }),
            });
        }
        Ok(lines)
    }

    /// The conversations of a person, the one of the newest line first.
    ///
    /// # Errors
    /// "not-found", "failed".
    pub async fn chats(&self, person: &PersonId) -> Result<Vec<ChatRow>, Failure> {
        let ids: Vec<ChatId> = {
            let state = self.state.read();
            state.people.get(person).ok_or_else(nobody)?.chats.iter().cloned().collect()
        };
        let now = self.now();
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            // Left in this moment.
            let Ok(reading) = self.reading(person, &id) else { continue };
            let newest = reading.chat.lines.range(reading.since..).rev().find(|(_, line)| line.expires > now);
            let newest: Vec<u64> = newest.map(|(number, _)| *number).into_iter().collect();
            let other = reading.chat.members.iter().rev().find(|(number, _)| **number != reading.me);
            let other = other.and_then(|(_, member)| member.person.as_ref());
            rows.push(ChatRow {
                group: reading.chat.group,
                title: match reading.chat.group {
                    true => self.chat_titled(&id, &reading.chat),
                    false => other.map(|other| self.chat_name(other)).unwrap_or_default(),
                },
                members: u32::try_from(reading.chat.here().count()).unwrap_or(u32::MAX),
                owner: reading.chat.owner() == Some(reading.me),
                unread: unread(&reading.chat, reading.me, &reading.blocked, now),
                last: self.open_lines(&id, &reading, &newest).await?.pop(),
                chat: id,
            });
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.last.as_ref().map_or(u64::MAX, |line| line.at)));
        Ok(rows)
    }

    /// Lines that a person has not read, in all conversations, and conversations that they are asked into.
    pub fn chats_unread(&self, person: &PersonId) -> u64 {
        let now = self.now();
        let lines: u64 = {
            let state = self.state.read();
            let Some(own) = state.people.get(person) else { return 0 };
            let chats = own.chats.iter().filter_map(|id| state.chats.all.get(id));
            chats
                .filter_map(|chat| Some(unread(chat, chat.member_of(person)?.0, &own.blocked, now)))
                .sum()
        };
        lines + self.chat_asks(person).map_or(0, |asks| asks.len() as u64)
    }

    /// Conversations with what the person may read of them, to take along.
    pub(crate) async fn chat_export(&self, person: &PersonId) -> Result<serde_json::Value, Failure> {
        let mut all = Vec::new();
        for row in self.chats(person).await? {
            let (mut lines, mut after) = (Vec::new(), Some(0));
            while let Some(from) = after {
                let page = self.chat_lines(person, &row.chat, None, Some(from)).await?;
                after = page.last().map(|line| line.number);
                lines.extend(page);
            }
            let line = |line: ChatLine| {
                let said = match line.said {
                    Said::Content(content) => serde_json::json!(content),
                    other => serde_json::json!({"kind": format!("{other:?}").to_lowercase()}),
                };
                serde_json::json!({"at": line.at, "by": line.name, "mine": line.mine, "said": said})
            };
            let lines: Vec<_> = lines.into_iter().map(line).collect();
            all.push(serde_json::json!({"title": row.title, "group": row.group, "lines": lines}));
        }
        Ok(all.into())
    }

    /// Takes away lines, invitations and questions whose time is over.
    pub(crate) async fn expire_chats(&self) {
        let now = self.now();
        let old: Vec<(ChatId, u64)> = {
            let state = self.state.read();
            let old = state.chats.all.iter().filter_map(|(id, chat)| {
                let upto = chat
                    .lines
                    .iter()
                    .take_while(|(_, line)| line.expires <= now)
                    .map(|(number, _)| *number)
                    .last();
                let asks = |code: &String| {
                    state
                        .chats
                        .asks
                        .get(code)
                        .and_then(|asks| asks.get(id))
                        .is_some_and(|ask| ask.expires <= now)
                };
                let other = chat.invitations.values().any(|one| one.expires <= now) || chat.asked.iter().any(asks);
                (upto.is_some() || other).then(|| (id.clone(), upto.unwrap_or(0)))
            });
            old.take(PAGE).collect()
        };
        if old.is_empty() {
            return;
        }
        let changes = old.into_iter().map(|(chat, upto)| Change::Chat(ChatChange::Expired { chat, upto }));
        if let Err(failure) = self.write(changes.collect()).await {
            tracing::debug!(%failure, "what is too old in conversations waits for the next round");
        }
    }
}

fn unread(chat: &Chat, me: u32, blocked: &BTreeSet<PersonId>, now: u64) -> u64 {
    let from = chat
        .members
        .get(&me)
        .map_or(u64::MAX, |mine| mine.since.max(mine.read_to.saturating_add(1)));
    let author = |line: &Line| chat.members.get(&line.member).and_then(|member| member.person.as_ref());
    let counts = |line: &&Line| {
        line.kind == LineKind::Said
            && line.member != me
            && line.expires > now
            && !author(line).is_some_and(|author| blocked.contains(author))
    };
    chat.lines.range(from..).map(|(_, line)| line).filter(counts).count() as u64
}
