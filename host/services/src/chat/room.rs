//! Who is in a conversation, and how they come and go.

use super::state::{Chat, ChatChange, LineKind, Place};
use super::{ChatId, ChatMember};
use crate::change::Change;
use crate::people::nobody;
use crate::services::{Services, check_name, invalid, limit, not_found};
use crate::state::State;
use youji_api::{Failure, PersonId, codes};

/// People who ever came into one conversation.
const EVER_MOST: u32 = 1_000;
/// Characters of a title.
const TITLE_MOST: usize = 60;
pub(crate) fn no_chat() -> Failure {
    not_found("no such conversation, or you are not in it")
}

fn not_yours() -> Failure {
    Failure::new(codes::FORBIDDEN, "only who is here for longest may do that")
}

/// A conversation and the number of the person in it.
pub(crate) fn mine<'a>(state: &'a State, person: &PersonId, chat: &ChatId) -> Result<(&'a Chat, u32), Failure> {
    let here = state.chats.all.get(chat).ok_or_else(no_chat)?;
    let (number, _) = here.member_of(person).ok_or_else(no_chat)?;
    Ok((here, number))
}

/// Tells the members of a line that stands in the same entry; not `but`, and nobody who blocked its author.
pub(crate) fn tell(
    state: &State,
    id: &ChatId,
    chat: &Chat,
    place: Place,
    keep: usize,
    but: Option<u32>,
    author: Option<&PersonId>,
) -> Vec<Change> {
    let blocks =
        |person: &PersonId| author.is_some_and(|author| state.people.get(person).is_some_and(|mine| mine.blocked.contains(author)));
    let there = chat
        .here()
        .filter(|(number, person)| Some(*number) != but && !blocks(person) && state.people.contains_key(*person));
    there
        .map(|(_, person)| pointer(person, id, place.number, place.expires, keep))
        .collect()
}

pub(crate) fn pointer(person: &PersonId, chat: &ChatId, number: u64, expires: u64, keep: usize) -> Change {
    Change::Pointer {
        person: person.clone(),
        chat: chat.clone(),
        number,
        expires,
        keep,
    }
}

impl Services {
    pub(crate) fn chat_place(&self, chat: &Chat) -> Place {
        let age = u64::try_from(self.config.limits.inbox_age.as_millis()).unwrap_or(u64::MAX);
        Place {
            number: chat.last + 1,
            expires: self.now().saturating_add(age),
            shown: true,
        }
    }

    fn title(&self, person: &PersonId, chat: &ChatId, title: &str) -> Result<crate::blob::Blob, Failure> {
        check_name("title", title, TITLE_MOST)?;
        self.seal(person, &format!("chat/{chat}/title"), title.as_bytes())
    }

    /// Makes a conversation: a group with that title, or one of two people. Its maker is in it alone.
    ///
    /// # Errors
    /// "limit" for too many conversations or a title that is too long; "not-found".
    pub async fn chat_make(&self, person: &PersonId, title: Option<&str>) -> Result<ChatId, Failure> {
        let chat = ChatId::from(self.draw_id().as_str());
        let sealed = match title {
            Some(title) => self.title(person, &chat, title.trim())?,
            None => crate::blob::Blob::default(),
        };
        let (person, made, group, most) = (person.clone(), chat.clone(), title.is_some(), self.config.limits.chats);
        self.commit(move |state, _| {
            has_room(state, &person, most)?;
            let change = ChatChange::Made {
                chat: made,
                group,
                person,
                title: sealed,
            };
            Ok((vec![Change::Chat(change)], ()))
        })
        .await?;
        Ok(chat)
    }

    /// Gives a group another title.
    ///
    /// # Errors
    /// "forbidden" for others than who is here for longest; "invalid" in a conversation of two; "not-found", "limit".
    pub async fn chat_title(&self, person: &PersonId, chat: &ChatId, title: &str) -> Result<(), Failure> {
        let sealed = self.title(person, chat, title.trim())?;
        let (person, id, me, keep) = (person.clone(), chat.clone(), self.me.clone(), self.config.limits.chat_pointers);
        self.commit(move |state, _| {
            let (chat, number) = mine(state, &person, &id)?;
            if !chat.group {
                return Err(invalid("a conversation of two has no title"));
            }
            if chat.owner() != Some(number) {
                return Err(not_yours());
            }
            let place = me.upgrade().ok_or_else(nobody)?.chat_place(chat);
            let mut changes = tell(state, &id, chat, place, keep, None, None);
            changes.push(Change::Chat(ChatChange::Titled {
                chat: id,
                member: number,
                title: sealed,
                place,
            }));
            Ok((changes, ()))
        })
        .await
    }

    /// Members who are here, longest first.
    ///
    /// # Errors
    /// "not-found".
    pub fn chat_members(&self, person: &PersonId, chat: &ChatId) -> Result<Vec<ChatMember>, Failure> {
        let (members, me, owner, blocked) = {
            let state = self.state.read();
            let (chat, me) = mine(&state, person, chat)?;
            let members: Vec<(u32, PersonId)> = chat.here().map(|(number, person)| (number, person.clone())).collect();
            let blocked = state.people.get(person).map(|mine| mine.blocked.clone()).unwrap_or_default();
            (members, me, chat.owner(), blocked)
        };
        let member = |(number, person): (u32, PersonId)| ChatMember {
            member: number,
            name: self.chat_name(&person),
            me: number == me,
            owner: owner == Some(number),
            blocked: blocked.contains(&person),
        };
        Ok(members.into_iter().map(member).collect())
    }

    /// What others call a person; empty for who is gone.
    pub(crate) fn chat_name(&self, person: &PersonId) -> String {
        self.profile(person).map(|profile| profile.name).unwrap_or_default()
    }

    pub(crate) fn chat_titled(&self, id: &ChatId, chat: &Chat) -> String {
        let opened = chat
            .titled_by
            .as_ref()
            .and_then(|by| self.unseal(by, &format!("chat/{id}/title"), &chat.title.0).ok());
        opened.and_then(|title| String::from_utf8(title).ok()).unwrap_or_default()
    }

    /// Leaves a conversation. What was said stays for the others, until the person is erased.
    ///
    /// # Errors
    /// "not-found".
    pub async fn chat_leave(&self, person: &PersonId, chat: &ChatId) -> Result<(), Failure> {
        let (person, id, me) = (person.clone(), chat.clone(), self.me.clone());
        self.commit(move |state, stamp| {
            let (_, number) = mine(state, &person, &id)?;
            let me = me.upgrade().ok_or_else(nobody)?;
            Ok((me.leaving(state, &id, number, LineKind::Left, stamp)?, ()))
        })
        .await
    }

    /// What it comes to that a member is not there any more. The last one takes the conversation with them, and what a red packet still
    /// holds goes back.
    pub(crate) fn leaving(
        &self,
        state: &State,
        id: &ChatId,
        number: u32,
        why: LineKind,
        stamp: youji_store::Stamp,
    ) -> Result<Vec<Change>, Failure> {
        let chat = state.chats.all.get(id).ok_or_else(no_chat)?;
        let place = self.chat_place(chat);
        let mut changes = Vec::new();
        if chat.here().all(|(one, _)| one == number) {
            changes.extend(self.end_packets(state, id, chat, |_| true, stamp)?);
        } else if why == LineKind::Gone {
            let person = chat.members.get(&number).and_then(|member| member.person.clone());
            changes.extend(self.end_packets(state, id, chat, |packet| packet.payer == person, stamp)?);
        }
        changes.extend(tell(state, id, chat, place, self.config.limits.chat_pointers, Some(number), None));
        changes.push(Change::Chat(ChatChange::Left {
            chat: id.clone(),
            member: number,
            why,
            place,
        }));
        Ok(changes)
    }

    /// Takes a person out of all their conversations, as they are erased.
    pub(crate) fn leaving_all(&self, state: &State, person: &PersonId, stamp: youji_store::Stamp) -> Result<Vec<Change>, Failure> {
        let Some(mine) = state.people.get(person) else {
            return Ok(Vec::new());
        };
        let mut changes = Vec::new();
        for id in &mine.chats {
            if let Some((number, _)) = state.chats.all.get(id).and_then(|chat| chat.member_of(person)) {
                changes.extend(self.leaving(state, id, number, LineKind::Gone, stamp)?);
            }
        }
        // Also where they left before: what they said there goes too.
        for (id, chat) in &state.chats.all {
            let left = chat
                .members
                .iter()
                .filter(|(_, member)| !member.here && member.person.as_ref() == Some(person));
            changes.extend(left.map(|(number, _)| {
                let place = Place {
                    number: chat.last,
                    expires: 0,
                    shown: false,
                };
                Change::Chat(ChatChange::Left {
                    chat: id.clone(),
                    member: *number,
                    why: LineKind::Gone,
                    place,
                })
            }));
        }
        if let Some(code) = &mine.code {
            let asks = state.chats.asks.get(code).into_iter().flatten();
            changes.extend(asks.map(|(id, _)| {
                Change::Chat(ChatChange::AskGone {
                    chat: id.clone(),
                    code: code.clone(),
                })
            }));
        }
        Ok(changes)
    }

    /// Takes somebody out of a group.
    ///
    /// # Errors
    /// "forbidden" for others than who is here for longest; "not-found".
    pub async fn chat_remove(&self, person: &PersonId, chat: &ChatId, member: u32) -> Result<(), Failure> {
        let (person, id, me) = (person.clone(), chat.clone(), self.me.clone());
        self.commit(move |state, stamp| {
            let (chat, number) = mine(state, &person, &id)?;
            if chat.owner() != Some(number) || !chat.group {
                return Err(not_yours());
            }
            let there = chat.members.get(&member).filter(|one| one.here && member != number);
            let there = there.ok_or_else(|| not_found("no such member is here"))?;
            let me = me.upgrade().ok_or_else(nobody)?;
            let mut changes = me.leaving(state, &id, member, LineKind::Removed, stamp)?;
            // They hear of it too.
            if let Some(person) = &there.person {
                let place = me.chat_place(chat);
                changes.push(pointer(person, &id, place.number, place.expires, me.config.limits.chat_pointers));
            }
            Ok((changes, ()))
        })
        .await
    }
}

pub(super) fn has_room(state: &State, person: &PersonId, most: usize) -> Result<(), Failure> {
    let own = state.people.get(person).ok_or_else(nobody)?;
    match own.chats.len() >= most {
        true => Err(limit(format!("you are in {most} conversations already; leave one first"))),
        false => Ok(()),
    }
}

pub(super) fn takes_more(chat: &Chat, most: usize) -> Result<(), Failure> {
    let most = if chat.group { most } else { 2 };
    if chat.here().count() >= most {
        return Err(limit(format!(
            "{most} people are in this conversation already, and it takes no more"
        )));
    }
    match chat.last_member >= EVER_MOST {
        true => Err(limit("too many people have been in this conversation; make a new one")),
        false => Ok(()),
    }
}
