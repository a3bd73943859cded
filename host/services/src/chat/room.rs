//! Who is in a conversation, and how they come and go.

use super::state::{Ask, Chat, ChatChange, Invitation, LineKind, Place};
use super::{AskAnswer, ChatAsk, ChatId, ChatMember};
use crate::change::Change;
use crate::people::nobody;
use crate::services::{Services, check_name, invalid, limit, not_found};
use crate::state::State;
use youji_api::{Failure, PersonId, codes};

/// How long an invitation and a question are good, in milliseconds.
const INVITED_MS: u64 = 24 * 60 * 60 * 1_000;
const ASKED_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Invitations, and questions, of one conversation that wait at once.
const WAITING_MOST: usize = 20;
/// People who ask the holder of one code at once.
const ASKS_MOST: usize = 20;
/// People who ever came into one conversation.
const EVER_MOST: u32 = 1_000;
/// People whom one person blocks.
const BLOCKED_MOST: usize = 500;
/// Characters of a title.
const TITLE_MOST: usize = 60;
/// Characters of an invitation, of 5 bits each.
const INVITATION: usize = 12;

pub(crate) fn no_chat() -> Failure {
    not_found("no such conversation, or you are not in it")
}

fn no_invitation() -> Failure {
    not_found("this invitation is not good: it was used, is too old or was mistyped; ask for a new one")
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

/// The invitation without what people and codes put between its letters.
fn plain(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
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

    pub(crate) fn chat_titled(&self, id: &ChatId, chat: &Chat) -> String {
        let opened = chat
            .titled_by
            .as_ref()
            .and_then(|by| self.unseal(by, &format!("chat/{id}/title"), &chat.title.0).ok());
        opened.and_then(|title| String::from_utf8(title).ok()).unwrap_or_default()
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

fn block(own: &crate::state::PersonState, person: &PersonId, other: PersonId, blocked: bool) -> Result<Change, Failure> {
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

fn has_room(state: &State, person: &PersonId, most: usize) -> Result<(), Failure> {
    let own = state.people.get(person).ok_or_else(nobody)?;
    match own.chats.len() >= most {
        true => Err(limit(format!("you are in {most} conversations already; leave one first"))),
        false => Ok(()),
    }
}

fn takes_more(chat: &Chat, most: usize) -> Result<(), Failure> {
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

/// What somebody does too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    Say,
    Ask,
    Guess,
}

impl Rate {
    /// Name, how many, and within which time in milliseconds.
    fn of(self, limits: &crate::ServiceLimits) -> (&'static str, usize, u64) {
        match self {
            Rate::Say => ("chat/say", limits.chat_lines_a_minute, 60_000),
            Rate::Ask => ("chat/ask", limits.chat_asks_a_day, 24 * 60 * 60 * 1_000),
            Rate::Guess => ("chat/guess", 20, 10 * 60_000),
        }
    }
}

impl Services {
    /// Takes a place; a restart begins anew.
    pub(crate) fn take_chat_rate(&self, person: &PersonId, rate: Rate) -> Result<(), Failure> {
        let (name, most, within) = rate.of(&self.config.limits);
        let taken = self.chat_rates.lock().take(&name.into(), person, self.now(), most, within);
        taken
            .then_some(())
            .ok_or_else(|| limit(format!("at most {most} of these in {} minutes; wait a little", within / 60_000)))
    }

    pub(crate) fn give_back_chat_rate(&self, person: &PersonId, rate: Rate) {
        let (name, ..) = rate.of(&self.config.limits);
        self.chat_rates.lock().give_back(&name.into(), person);
    }
}
