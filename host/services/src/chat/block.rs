//! Whom somebody does not want to hear.

use super::ChatId;
use super::room::mine;
use super::state::ChatChange;
use crate::change::Change;
use crate::people::nobody;
use crate::services::{Services, limit, not_found};
use youji_api::{Failure, PersonId};

/// People whom one person blocks.
const BLOCKED_MOST: usize = 500;

impl Services {
    /// Blocks a member or lets them speak again: what they say, here and elsewhere, is hidden, and they ask for nothing.
    ///
    /// # Errors
    /// "not-found"; "limit" for too many.
    pub async fn chat_block(&self, person: &PersonId, chat: &ChatId, member: u32, blocked: bool) -> Result<(), Failure> {
        let (person, id) = (person.clone(), chat.clone());
        self.commit(move |state, _| {
            let (chat, number) = mine(state, &person, &id)?;
            let other = chat
                .members
                .get(&member)
                .filter(|_| member != number)
                .and_then(|one| one.person.clone());
            let other = other.ok_or_else(|| not_found("no such member is here"))?;
            let own = state.people.get(&person).ok_or_else(nobody)?;
            if own.blocked.contains(&other) == blocked {
                return Ok((Vec::new(), ()));
            }
            Ok((vec![block(own, &person, other, blocked)?], ()))
        })
        .await
    }

    /// Whom a person blocks: a handle for [`chat_unblock`](Self::chat_unblock) and the nickname.
    ///
    /// # Errors
    /// "not-found".
    pub fn chat_blocked(&self, person: &PersonId) -> Result<Vec<(String, String)>, Failure> {
        let blocked: Vec<PersonId> = {
            let state = self.state.read();
            let own = state.people.get(person).ok_or_else(nobody)?;
            own.blocked
                .iter()
                .filter(|other| state.people.contains_key(*other))
                .cloned()
                .collect()
        };
        Ok(blocked
            .iter()
            .map(|other| (self.block_handle(person, other), self.chat_name(other)))
            .collect())
    }

    /// Good for the two of them only, so that it leads nowhere else.
    fn block_handle(&self, person: &PersonId, other: &PersonId) -> String {
        self.host
            .short(&[b"chat-block", person.as_str().as_bytes(), other.as_str().as_bytes()])
    }

    /// Lets somebody speak again.
    ///
    /// # Errors
    /// "not-found".
    pub async fn chat_unblock(&self, person: &PersonId, handle: &str) -> Result<(), Failure> {
        let (own, handle, me) = (person.clone(), handle.to_owned(), self.me.clone());
        self.commit(move |state, _| {
            let me = me.upgrade().ok_or_else(nobody)?;
            let mine = state.people.get(&own).ok_or_else(nobody)?;
            let other = mine.blocked.iter().find(|other| me.block_handle(&own, other) == handle);
            let other = other.cloned().ok_or_else(|| not_found("you do not block them"))?;
            Ok((vec![block(mine, &own, other, false)?], ()))
        })
        .await
    }
}

pub(super) fn block(own: &crate::state::PersonState, person: &PersonId, other: PersonId, blocked: bool) -> Result<Change, Failure> {
    if blocked && own.blocked.len() >= BLOCKED_MOST {
        return Err(limit(format!(
            "you block {BLOCKED_MOST} people already; let somebody speak again first"
        )));
    }
    Ok(Change::Chat(ChatChange::Blocked {
        person: person.clone(),
        other,
        blocked,
    }))
}
