//! How people come into a conversation: by an invitation that is good once, or asked by a code that they gave away.

use super::block::block;
use super::rate::Rate;
use super::room::{has_room, mine, no_chat, pointer, takes_more, tell};
use super::state::{Ask, ChatChange, Invitation};
use super::{AskAnswer, ChatAsk, ChatId};
use crate::change::Change;
use crate::people::nobody;
use crate::services::{Services, invalid, limit, not_found};
use crate::state::State;
use youji_api::{Failure, PersonId};

/// How long an invitation and a question are good, in milliseconds.
const INVITED_MS: u64 = 24 * 60 * 60 * 1_000;
const ASKED_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Invitations, and questions, of one conversation that wait at once.
const WAITING_MOST: usize = 20;
/// People who ask the holder of one code at once.
const ASKS_MOST: usize = 20;
/// Characters of an invitation, of 5 bits each.
const INVITATION: usize = 12;

fn no_invitation() -> Failure {
    not_found("this invitation is not good: it was used, is too old or was mistyped; ask for a new one")
}

/// The invitation without what people and codes put between its letters.
fn plain(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

impl Services {
    /// Makes an invitation, good once and for a day. Answers its letters and until when it is good, in milliseconds since 1970.
    ///
    /// # Errors
    /// "limit" for too many that wait, or where nobody has room; "not-found".
    pub async fn chat_invite(&self, person: &PersonId, chat: &ChatId) -> Result<(String, u64), Failure> {
        let code: String = self.draw_id().chars().take(INVITATION).collect();
        let hash = self.invitation_hash(&code);
        let expires = self.now().saturating_add(INVITED_MS);
        let (person, id, most) = (person.clone(), chat.clone(), self.config.limits.chat_members);
        self.commit(move |state, stamp| {
            let (chat, by) = mine(state, &person, &id)?;
            takes_more(chat, most)?;
            let waiting = chat.invitations.values().filter(|one| one.expires > stamp.millis()).count();
            if waiting >= WAITING_MOST {
                return Err(limit(format!(
                    "{waiting} invitations wait to be used; let one of them be used, or wait for a day"
                )));
            }
            let invitation = Invitation { by, expires };
            Ok((
                vec![Change::Chat(ChatChange::Invited {
                    chat: id,
                    hash,
                    invitation,
                })],
                (),
            ))
        })
        .await?;
        Ok((code, expires))
    }

    fn invitation_hash(&self, code: &str) -> String {
        self.host.short(&[b"chat-invitation", plain(code).as_bytes()])
    }

    /// Where an invitation leads, before it is used.
    ///
    /// # Errors
    /// "not-found" for one that is not good; "limit" for too many tries.
    pub fn chat_invitation(&self, person: &PersonId, code: &str) -> Result<ChatAsk, Failure> {
        self.take_chat_rate(person, Rate::Guess)?;
        let hash = self.invitation_hash(code);
        let found = {
            let state = self.state.read();
            let id = state.chats.invitations.get(&hash).ok_or_else(no_invitation)?;
            let chat = state.chats.all.get(id).ok_or_else(no_invitation)?;
            let invitation = chat
                .invitations
                .get(&hash)
                .filter(|one| one.expires > self.now())
                .ok_or_else(no_invitation)?;
            (id.clone(), invitation.by)
        };
        self.give_back_chat_rate(person, Rate::Guess);
        self.ask_row(&found.0, found.1).ok_or_else(no_invitation)
    }

    fn ask_row(&self, id: &ChatId, by: u32) -> Option<ChatAsk> {
        let (chat, by) = {
            let state = self.state.read();
            let chat = state.chats.all.get(id)?;
            let by = chat.members.get(&by)?.person.clone()?;
            (chat.clone(), by)
        };
        Some(ChatAsk {
            chat: id.clone(),
            by: self.chat_name(&by),
            group: chat.group,
            title: self.chat_titled(id, &chat),
            members: u32::try_from(chat.here().count()).unwrap_or(u32::MAX),
        })
    }

    /// Uses an invitation. Whoever is in the conversation already stays in it, and the invitation is still good.
    ///
    /// # Errors
    /// "not-found" for one that is not good; "limit" for too many tries, or where there is no room.
    pub async fn chat_join(&self, person: &PersonId, code: &str) -> Result<ChatId, Failure> {
        self.take_chat_rate(person, Rate::Guess)?;
        let hash = self.invitation_hash(code);
        let (own, me) = (person.clone(), self.me.clone());
        let joined = self
            .commit(move |state, stamp| {
                let id = state.chats.invitations.get(&hash).ok_or_else(no_invitation)?;
                let chat = state.chats.all.get(id).ok_or_else(no_invitation)?;
                chat.invitations
                    .get(&hash)
                    .filter(|one| one.expires > stamp.millis())
                    .ok_or_else(no_invitation)?;
                if chat.member_of(&own).is_some() {
                    return Ok((Vec::new(), id.clone()));
                }
                let me = me.upgrade().ok_or_else(nobody)?;
                let changes = me.joining(state, &own, id, Some(hash), None)?;
                Ok((changes, id.clone()))
            })
            .await;
        if joined.is_ok() {
            self.give_back_chat_rate(person, Rate::Guess);
        }
        joined
    }

    fn joining(
        &self,
        state: &State,
        person: &PersonId,
        id: &ChatId,
        invitation: Option<String>,
        code: Option<String>,
    ) -> Result<Vec<Change>, Failure> {
        let limits = &self.config.limits;
        let chat = state.chats.all.get(id).ok_or_else(no_chat)?;
        has_room(state, person, limits.chats)?;
        takes_more(chat, limits.chat_members)?;
        let place = self.chat_place(chat);
        let mut changes = tell(state, id, chat, place, limits.chat_pointers, None, None);
        changes.push(pointer(person, id, place.number, place.expires, limits.chat_pointers));
        changes.push(Change::Chat(ChatChange::Joined {
            chat: id.clone(),
            person: person.clone(),
            place,
            invitation,
            code,
        }));
        Ok(changes)
    }

    /// Asks whoever has that personal code into a conversation. The answer is the same whether or not anybody has it.
    ///
    /// # Errors
    /// "limit" for too many questions, or where there is no room; "invalid" for what can't be a code; "not-found".
    pub async fn chat_ask(&self, person: &PersonId, chat: &ChatId, code: &str) -> Result<(), Failure> {
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if code.is_empty() || code.len() > 32 || !code.bytes().all(well_formed) {
            return Err(invalid("a code has 1 to 32 letters, digits or \"-\""));
        }
        self.take_chat_rate(person, Rate::Ask)?;
        let hash = self.code_hash(code);
        let expires = self.now().saturating_add(ASKED_MS);
        let (person, id, most, keep) = (
            person.clone(),
            chat.clone(),
            self.config.limits.chat_members,
            self.config.limits.chat_pointers,
        );
        self.commit(move |state, stamp| {
            let (chat, by) = mine(state, &person, &id)?;
            takes_more(chat, most)?;
            let now = stamp.millis();
            let alive = |code: &&String| {
                let ask = state.chats.asks.get(*code).and_then(|asks| asks.get(&id));
                ask.is_some_and(|ask| ask.expires > now)
            };
            if chat.asked.iter().filter(alive).count() >= WAITING_MOST && !chat.asked.contains(&hash) {
                return Err(limit(
                    "many are asked into this conversation and have not answered; wait until some did",
                ));
            }
            // From here on nothing may tell apart whether there is such a person, and what they think of the one who asks.
            let holder = state.codes.get(&hash);
            let hears = holder.filter(|holder| {
                let blocked = state.people.get(*holder).is_none_or(|theirs| theirs.blocked.contains(&person));
                !blocked && chat.member_of(holder).is_none()
            });
            let mut changes = Vec::new();
            if let Some(asks) = state.chats.asks.get(&hash)
                && asks.len() >= ASKS_MOST
                && !asks.contains_key(&id)
                && let Some((oldest, _)) = asks.iter().min_by_key(|(_, ask)| ask.expires)
            {
                changes.push(Change::Chat(ChatChange::AskGone {
                    chat: oldest.clone(),
                    code: hash.clone(),
                }));
            }
            if let Some(holder) = hears {
                changes.push(pointer(holder, &id, 0, expires, keep));
            }
            changes.push(Change::Chat(ChatChange::Asked {
                chat: id,
                code: hash,
                ask: Ask { by, expires },
            }));
            Ok((changes, ()))
        })
        .await
    }

    /// Into which conversations a person is asked.
    ///
    /// # Errors
    /// "not-found".
    pub fn chat_asks(&self, person: &PersonId) -> Result<Vec<ChatAsk>, Failure> {
        let now = self.now();
        let asks: Vec<(ChatId, u32)> = {
            let state = self.state.read();
            let own = state.people.get(person).ok_or_else(nobody)?;
            let asks = own.code.as_ref().and_then(|code| state.chats.asks.get(code));
            let asks = asks.into_iter().flatten().filter(|(id, ask)| {
                let chat = state.chats.all.get(*id);
                let by = chat.and_then(|chat| chat.members.get(&ask.by)).filter(|by| by.here);
                let by = by.and_then(|by| by.person.as_ref());
                ask.expires > now
                    && by.is_some_and(|by| !own.blocked.contains(by))
                    && chat.is_some_and(|chat| chat.member_of(person).is_none())
            });
            asks.map(|(id, ask)| (id.clone(), ask.by)).collect()
        };
        Ok(asks.into_iter().filter_map(|(id, by)| self.ask_row(&id, by)).collect())
    }

    /// Answers being asked.
    ///
    /// # Errors
    /// "not-found" for a question that is not there any more; "limit" where there is no room.
    pub async fn chat_answer(&self, person: &PersonId, chat: &ChatId, answer: AskAnswer) -> Result<(), Failure> {
        let (person, id, me) = (person.clone(), chat.clone(), self.me.clone());
        self.commit(move |state, stamp| {
            let over = || not_found("nobody asks you into that conversation any more");
            let own = state.people.get(&person).ok_or_else(nobody)?;
            let code = own.code.as_ref().ok_or_else(over)?;
            let ask = state.chats.asks.get(code).and_then(|asks| asks.get(&id)).ok_or_else(over)?;
            if ask.expires <= stamp.millis() {
                return Err(over());
            }
            let chat = state.chats.all.get(&id).ok_or_else(over)?;
            let gone = Change::Chat(ChatChange::AskGone {
                chat: id.clone(),
                code: code.clone(),
            });
            match answer {
                AskAnswer::Decline => Ok((vec![gone], ())),
                AskAnswer::Block => {
                    let by = chat.members.get(&ask.by).and_then(|by| by.person.clone());
                    let block = by.map(|other| block(own, &person, other, true)).transpose()?;
                    Ok(([Some(gone), block].into_iter().flatten().collect(), ()))
                }
                AskAnswer::Accept => {
                    if chat.member_of(&person).is_some() {
                        return Ok((vec![gone], ()));
                    }
                    let me = me.upgrade().ok_or_else(nobody)?;
                    Ok((me.joining(state, &person, &id, None, Some(code.clone()))?, ()))
                }
            }
        })
        .await
    }
}
