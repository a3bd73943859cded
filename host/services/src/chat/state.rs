//! What decisions know of conversations, and what entries do to it.
//!
//! A line carries its number, so that a compacted log comes to the same conversation: lines that are not kept any more go from it, and the
//! numbers of those that stay do not move.

use super::ChatId;
use super::packet::Packet;
use crate::apply::Notice;
use crate::blob::Blob;
use crate::keys;
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use youji_api::PersonId;
use youji_store::{Effects, Stamp};

/// All of it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chats {
    pub(crate) all: BTreeMap<ChatId, Chat>,
    /// By the keyed hash of a personal code, whether or not anybody has it: into which conversations its holder is asked.
    pub(crate) asks: BTreeMap<String, BTreeMap<ChatId, Ask>>,
    /// Which conversation an invitation leads into, by its keyed hash.
    pub(crate) invitations: BTreeMap<String, ChatId>,
    /// Red packets by when they end.
    pub(crate) due: BTreeSet<(u64, ChatId, u64)>,
}

/// A conversation, without what was said.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chat {
    /// Of many; otherwise of two.
    pub(crate) group: bool,
    /// Sealed with the key of whoever gave it; empty: none.
    pub(crate) title: Blob,
    pub(crate) titled_by: Option<PersonId>,
    /// Members by number, also those who left: their lines still name them.
    pub(crate) members: BTreeMap<u32, Member>,
    pub(crate) last_member: u32,
    pub(crate) lines: BTreeMap<u64, Line>,
    /// The number of the newest line that there ever was.
    pub(crate) last: u64,
    /// By their keyed hash.
    pub(crate) invitations: BTreeMap<String, Invitation>,
    /// Keyed hashes of the codes whose holders are asked.
    pub(crate) asked: BTreeSet<String>,
    pub(crate) packets: BTreeMap<u64, Packet>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Member {
    /// None: erased.
    pub(crate) person: Option<PersonId>,
    pub(crate) here: bool,
    /// The first line that they may read.
    pub(crate) since: u64,
    pub(crate) read_to: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineKind {
    /// Has a body.
    Said,
    Joined,
    Left,
    Removed,
    /// The person was erased, or is.
    Gone,
    Titled,
    /// Had a body, and its author is gone.
    Erased,
}

/// A line, without its body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) kind: LineKind,
    /// Whose line it is, or about whom.
    pub(crate) member: u32,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) expires: u64,
    /// Half a keyed hash of the client's own id, and of the content: a repetition is known by them.
    #[serde(default)]
    pub(crate) client: u128,
    #[serde(default)]
    pub(crate) content: u128,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Invitation {
    pub(crate) by: u32,
    /// Milliseconds since 1970.
    pub(crate) expires: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) by: u32,
    /// Milliseconds since 1970.
    pub(crate) expires: u64,
}

/// Where a change stands in its conversation.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) number: u64,
    /// Milliseconds since 1970.
    pub(crate) expires: u64,
    /// Whether there is a line of it. Compaction takes it away once the line is not kept any more.
    #[serde(default = "yes")]
    pub(crate) shown: bool,
}

fn yes() -> bool {
    true
}

/// One change. Never reuse a name; give new members a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ChatChange {
    Made {
        chat: ChatId,
        group: bool,
        person: PersonId,
        title: Blob,
    },
    Joined {
        chat: ChatId,
        person: PersonId,
        place: Place,
        /// The invitation that was used, by its keyed hash.
        #[serde(default)]
        invitation: Option<String>,
        /// The personal code by which they were asked, by its keyed hash.
        #[serde(default)]
        code: Option<String>,
    },
    /// `why`: "left", "removed" or "gone"; of somebody who is gone everything that they said goes too.
    Left {
        chat: ChatId,
        member: u32,
        why: LineKind,
        place: Place,
    },
    Line {
        chat: ChatId,
        member: u32,
        place: Place,
        client: u128,
        content: u128,
        body: Blob,
        keep: usize,
    },
    Read {
        chat: ChatId,
        member: u32,
        number: u64,
    },
    Titled {
        chat: ChatId,
        member: u32,
        title: Blob,
        place: Place,
    },
    Blocked {
        person: PersonId,
        other: PersonId,
        blocked: bool,
    },
    Invited {
        chat: ChatId,
        hash: String,
        invitation: Invitation,
    },
    Asked {
        chat: ChatId,
        code: String,
        ask: Ask,
    },
    /// Declined, or too old.
    AskGone {
        chat: ChatId,
        code: String,
    },
    /// Lines up to that one, and invitations and asks whose time is over, are not kept any more.
    Expired {
        chat: ChatId,
        upto: u64,
    },
    /// A red packet was sent with that line.
    Packet {
        chat: ChatId,
        number: u64,
        packet: Packet,
    },
    /// The next share of it went to that member.
    Claimed {
        chat: ChatId,
        number: u64,
        member: u32,
    },
    /// Nothing of it is left to claim.
    PacketEnded {
        chat: ChatId,
        number: u64,
    },
}

impl ChatChange {
    /// The conversation that it is about.
    pub(crate) fn chat(&self) -> Option<&ChatId> {
        match self {
            ChatChange::Made { chat, .. }
            | ChatChange::Joined { chat, .. }
            | ChatChange::Left { chat, .. }
            | ChatChange::Line { chat, .. }
            | ChatChange::Read { chat, .. }
            | ChatChange::Titled { chat, .. }
            | ChatChange::Invited { chat, .. }
            | ChatChange::Asked { chat, .. }
            | ChatChange::AskGone { chat, .. }
            | ChatChange::Expired { chat, .. }
            | ChatChange::Packet { chat, .. }
            | ChatChange::Claimed { chat, .. }
            | ChatChange::PacketEnded { chat, .. } => Some(chat),
            ChatChange::Blocked { .. } => None,
        }
    }
}

impl Chat {
    /// The number of a person who is here, and what is known of them.
    pub(crate) fn member_of(&self, person: &PersonId) -> Option<(u32, &Member)> {
        let mine = self
            .members
            .iter()
            .find(|(_, member)| member.here && member.person.as_ref() == Some(person));
        mine.map(|(number, member)| (*number, member))
    }

    /// Members who are here.
    pub(crate) fn here(&self) -> impl Iterator<Item = (u32, &PersonId)> {
        let here = self.members.iter().filter(|(_, member)| member.here);
        here.filter_map(|(number, member)| Some((*number, member.person.as_ref()?)))
    }

    /// Who may remove others and change the title: whoever is here for longest.
    pub(crate) fn owner(&self) -> Option<u32> {
        self.here().next().map(|(number, _)| number)
    }

    fn place(&mut self, place: Place, kind: LineKind, member: u32, stamp: Stamp) -> Option<&mut Line> {
        self.last = self.last.max(place.number);
        if !place.shown {
            return None;
        }
        let line = Line {
            kind,
            member,
            at: stamp.millis(),
            expires: place.expires,
            client: 0,
            content: 0,
        };
        self.lines.insert(place.number, line);
        self.lines.get_mut(&place.number)
    }
}

impl State {
    pub(crate) fn apply_chat(&mut self, change: &ChatChange, stamp: Stamp, effects: &mut Effects<Notice>) {
        match change {
            ChatChange::Made {
                chat,
                group,
                person,
                title,
            } => {
                let made = Chat {
                    group: *group,
                    titled_by: (!title.0.is_empty()).then(|| person.clone()),
                    title: title.clone(),
                    ..Chat::default()
                };
                self.chats.all.insert(chat.clone(), made);
                self.join(chat, person, 1);
            }
            ChatChange::Joined {
                chat,
                person,
                place,
                invitation,
                code,
            } => {
                if let Some(member) = self.join(chat, person, place.number)
                    && let Some(here) = self.chats.all.get_mut(chat)
                {
                    here.place(*place, LineKind::Joined, member, stamp);
                    if let Some(hash) = invitation {
                        here.invitations.remove(hash);
                        self.chats.invitations.remove(hash);
                    }
                }
                if let Some(code) = code {
                    self.unask(chat, code);
                }
            }
            ChatChange::Left { chat, member, why, place } => self.leave_chat(chat, *member, *why, *place, stamp, effects),
            ChatChange::Line {
                chat,
                member,
                place,
                client,
                content,
                body,
                keep,
            } => {
                let Some(here) = self.chats.all.get_mut(chat) else { return };
                if let Some(line) = here.place(*place, LineKind::Said, *member, stamp) {
                    (line.client, line.content) = (*client, *content);
                    effects.put(keys::chat_line(chat.as_str(), place.number), &*body.0);
                }
                while here.lines.len() > *keep {
                    let Some((old, _)) = here.lines.pop_first() else { break };
                    effects.delete(keys::chat_line(chat.as_str(), old));
                }
            }
            ChatChange::Read { chat, member, number } => {
                if let Some(member) = self.chats.all.get_mut(chat).and_then(|chat| chat.members.get_mut(member)) {
                    member.read_to = member.read_to.max(*number);
                }
            }
            ChatChange::Titled {
                chat,
                member,
                title,
                place,
            } => {
                let Some(chat) = self.chats.all.get_mut(chat) else { return };
                chat.titled_by = chat.members.get(member).and_then(|member| member.person.clone());
                chat.title = title.clone();
                chat.place(*place, LineKind::Titled, *member, stamp);
            }
            ChatChange::Blocked { person, other, blocked } => {
                if let Some(mine) = self.people.get_mut(person).map(Arc::make_mut) {
                    match blocked {
                        true => mine.blocked.insert(other.clone()),
                        false => mine.blocked.remove(other),
                    };
                }
            }
            ChatChange::Invited { chat, hash, invitation } => {
                if let Some(here) = self.chats.all.get_mut(chat) {
                    here.invitations.insert(hash.clone(), invitation.clone());
                    self.chats.invitations.insert(hash.clone(), chat.clone());
                }
            }
            ChatChange::Asked { chat, code, ask } => {
                if let Some(here) = self.chats.all.get_mut(chat) {
                    here.asked.insert(code.clone());
                    self.chats.asks.entry(code.clone()).or_default().insert(chat.clone(), ask.clone());
                }
            }
            ChatChange::AskGone { chat, code } => self.unask(chat, code),
            ChatChange::Expired { chat, upto } => self.expire_chat(chat, *upto, stamp.millis(), effects),
            ChatChange::Packet { chat, number, packet } => {
                if let Some(here) = self.chats.all.get_mut(chat) {
                    self.chats.due.insert((packet.until, chat.clone(), *number));
                    here.packets.insert(*number, packet.clone());
                }
            }
            ChatChange::Claimed { chat, number, member } => {
                let packet = self.chats.all.get_mut(chat).and_then(|chat| chat.packets.get_mut(number));
                if let Some(packet) = packet {
                    packet.claim(*member);
                }
            }
            ChatChange::PacketEnded { chat, number } => {
                let packet = self.chats.all.get_mut(chat).and_then(|chat| chat.packets.get_mut(number));
                if let Some(packet) = packet {
                    packet.ended = true;
                    self.chats.due.remove(&(packet.until, chat.clone(), *number));
                }
            }
        }
    }

    fn join(&mut self, chat: &ChatId, person: &PersonId, since: u64) -> Option<u32> {
        let here = self.chats.all.get_mut(chat)?;
        here.last_member += 1;
        let member = Member {
            person: Some(person.clone()),
            here: true,
            since,
            read_to: 0,
        };
        here.members.insert(here.last_member, member);
        if let Some(mine) = self.people.get_mut(person).map(Arc::make_mut) {
            mine.chats.insert(chat.clone());
        }
        Some(here.last_member)
    }

    fn unask(&mut self, chat: &ChatId, code: &str) {
        if let Some(here) = self.chats.all.get_mut(chat) {
            here.asked.remove(code);
        }
        if let Some(asks) = self.chats.asks.get_mut(code) {
            asks.remove(chat);
            if asks.is_empty() {
                self.chats.asks.remove(code);
            }
        }
    }

    fn leave_chat(&mut self, chat: &ChatId, number: u32, why: LineKind, place: Place, stamp: Stamp, effects: &mut Effects<Notice>) {
        let Some(here) = self.chats.all.get_mut(chat) else { return };
        let Some(member) = here.members.get_mut(&number) else { return };
        member.here = false;
        let person = member.person.clone();
        if why == LineKind::Gone {
            member.person = None;
            for (line, said) in here
                .lines
                .iter_mut()
                .filter(|(_, said)| said.member == number && said.kind == LineKind::Said)
            {
                (said.kind, said.client, said.content) = (LineKind::Erased, 0, 0);
                effects.delete(keys::chat_line(chat.as_str(), *line));
            }
            if here.titled_by == person {
                (here.title, here.titled_by) = (crate::blob::Blob::default(), None);
            }
        }
        if let Some(mine) = person.as_ref().and_then(|person| self.people.get_mut(person)).map(Arc::make_mut) {
            mine.chats.remove(chat);
        }
        here.place(place, why, number, stamp);
        // Who is not here can't invite either.
        let theirs: Vec<String> = here
            .invitations
            .iter()
            .filter(|(_, one)| one.by == number)
            .map(|(hash, _)| hash.clone())
            .collect();
        for hash in theirs {
            here.invitations.remove(&hash);
            self.chats.invitations.remove(&hash);
        }
        if here.here().next().is_none() {
            self.drop_chat(chat, effects);
        }
    }

    /// Nobody is there any more.
    fn drop_chat(&mut self, id: &ChatId, effects: &mut Effects<Notice>) {
        let Some(chat) = self.chats.all.remove(id) else { return };
        for (number, line) in &chat.lines {
            if line.kind == LineKind::Said {
                effects.delete(keys::chat_line(id.as_str(), *number));
            }
        }
        for hash in chat.invitations.keys() {
            self.chats.invitations.remove(hash);
        }
        for code in &chat.asked {
            self.unask(id, code);
        }
        for (number, packet) in &chat.packets {
            self.chats.due.remove(&(packet.until, id.clone(), *number));
        }
    }

    fn expire_chat(&mut self, id: &ChatId, upto: u64, now: u64, effects: &mut Effects<Notice>) {
        let Some(chat) = self.chats.all.get_mut(id) else { return };
        while let Some(first) = chat.lines.first_entry().filter(|first| *first.key() <= upto) {
            effects.delete(keys::chat_line(id.as_str(), *first.key()));
            first.remove();
        }
        let old: Vec<String> = chat
            .invitations
            .iter()
            .filter(|(_, one)| one.expires <= now)
            .map(|(hash, _)| hash.clone())
            .collect();
        for hash in old {
            chat.invitations.remove(&hash);
            self.chats.invitations.remove(&hash);
        }
        let asks = &self.chats.asks;
        let over = |code: &&String| asks.get(*code).and_then(|asks| asks.get(id)).is_none_or(|ask| ask.expires <= now);
        let old: Vec<String> = chat.asked.iter().filter(over).cloned().collect();
        for code in old {
            self.unask(id, &code);
        }
    }
}
