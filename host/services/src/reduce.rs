//! What stays of old entries when the log is compacted.
//!
//! Money, orders, decisions about data and their audit stay, for the dead as for the living: under a pseudonym, with amounts, numbers and
//! times. What a person wrote, was told or had stored goes with them; of the living goes what was overwritten, removed or taken. Every
//! change says which of it holds for it, in [`Reducing::fate`] and [`Reducing::slot`]; a new one does not compile until it does.
//!
//! Replaying what stays must come to the same state and projection. Three rules make it so:
//! - A change that only sets a value may go once a later one set it again or the value is gone.
//! - What counts (messages, receipts, claims, the audit's chain) stays with an empty body.
//! - Of a person who is gone nothing stays that needs them to be there.

use crate::blob::Blob;
use crate::change::{Change, Entry};
use crate::chat::state::{ChatChange, LineKind, Place as ChatPlace};
use crate::flow::FlowChange;
use crate::state::{PersonState, State};
use std::collections::HashMap;
use youji_api::{PersonId, ProgramId};
use youji_ledger::Ledger;
use youji_store::{Keep, Reduce, Stamp};

/// Judges by a picture of the state.
pub(crate) struct Reducing {
    /// Without the ledger, of which everything stays.
    state: State,
    /// The last change of each place that is still of any use.
    last: HashMap<Slot, Place>,
    /// Whether a person in a program stays known without what may go: if the first change that brings the two together stays.
    together: HashMap<(PersonId, ProgramId), bool>,
    /// As of the entry that is looked at, once for each pass.
    surveyed: Numbers,
    asked: Numbers,
}

/// Entry, and place of the change in it.
type Place = (u64, usize);

/// What one change sets and a later one sets again.
#[derive(PartialEq, Eq, Hash)]
enum Slot {
    Language(PersonId),
    Tries(PersonId),
    Profile(PersonId),
    Stored(PersonId, ProgramId, String),
    Left(PersonId, ProgramId, String),
    Saved(PersonId, ProgramId),
    Outcome(PersonId, ProgramId, u64),
    Receipt(PersonId, u64),
    Row(ProgramId, String, String),
    RowValue(ProgramId, String, String),
    OrderBody(ProgramId, String),
}

/// Numbers that changes get by being counted.
#[derive(Default)]
struct Numbers {
    messages: HashMap<PersonId, u64>,
    receipts: HashMap<PersonId, u64>,
}

impl Numbers {
    /// The number that the change gives to its message or receipt; 0 for every other change.
    fn number(&mut self, change: &Change) -> u64 {
        let (counts, person) = match change {
            Change::Message { person, .. } | Change::Pointer { person, .. } => (&mut self.messages, person),
            Change::Receipt { person, .. } => (&mut self.receipts, person),
            _ => return 0,
        };
        let count = counts.entry(person.clone()).or_default();
        *count += 1;
        *count
    }
}

enum Fate {
    Stays,
    Goes,
    Becomes(Box<Change>),
}

impl Fate {
    fn becomes(other: Change) -> Fate {
        Fate::Becomes(Box::new(other))
    }
}

impl From<bool> for Fate {
    fn from(stays: bool) -> Fate {
        if stays { Fate::Stays } else { Fate::Goes }
    }
}

impl Reducing {
    pub(crate) fn new(state: &State) -> Reducing {
        // Named one by one: what is added to the state and not needed here need not be copied either.
        let state = State {
            ledger: Ledger::default(),
            people: state.people.clone(),
            login_codes: state.login_codes.clone(),
            rows: state.rows.clone(),
            chats: state.chats.clone(),
            days: state.days.clone(),
            ..State::default()
        };
        Reducing {
            state,
            last: HashMap::new(),
            together: HashMap::new(),
            surveyed: Numbers::default(),
            asked: Numbers::default(),
        }
    }

    fn alive(&self, person: &PersonId) -> Option<&PersonState> {
        self.state.people.get(person).map(|person| &**person)
    }

    /// What the change sets, if that is still of any use. `number` is that of its message or receipt.
    fn slot(&self, change: &Change, number: u64) -> Option<Slot> {
        match change {
            Change::Language { person, .. } => self.alive(person).map(|_| Slot::Language(person.clone())),
            Change::Tries { person, .. } => self.alive(person).map(|_| Slot::Tries(person.clone())),
            Change::Person { person, .. } | Change::Profile { person, .. } => self.alive(person).map(|_| Slot::Profile(person.clone())),
            Change::Stored { person, program, key, .. } => {
                let stored = &self.state.in_program(person, program)?.storage;
                let slot = || Slot::Stored(person.clone(), program.clone(), key.clone());
                stored.contains_key(key).then(slot)
            }
            Change::Left {
                person, program, template, ..
            } => {
                let left = &self.state.in_program(person, program)?.left;
                let slot = || Slot::Left(person.clone(), program.clone(), template.clone());
                left.contains_key(template).then(slot)
            }
            Change::Saved { person, program, .. } => {
                let saved = self.state.in_program(person, program)?.saved;
                saved.map(|_| Slot::Saved(person.clone(), program.clone()))
            }
            Change::Outcome {
                person, program, ticket, ..
            } => {
                let waiting = &self.state.in_program(person, program)?.outcomes;
                let slot = || Slot::Outcome(person.clone(), program.clone(), *ticket);
                waiting.contains_key(ticket).then(slot)
            }
            Change::Receipt { person, .. } => self.alive(person).map(|_| Slot::Receipt(person.clone(), number)),
            Change::Flow(FlowChange::ReceiptAgain { person, place, .. }) => {
                self.alive(person).map(|_| Slot::Receipt(person.clone(), *place))
            }
            Change::Row {
                program, collection, key, ..
            } => {
                let slot = |_| Slot::Row(program.clone(), collection.clone(), key.clone());
                self.state.row(program, collection, key).map(slot)
            }
            Change::Order {
                program,
                order_no,
                order,
                body: Some(_),
            } => self
                .alive(&order.person)
                .map(|_| Slot::OrderBody(program.clone(), order_no.clone())),
            Change::Account(_)
            | Change::Transfers(_)
            | Change::Gone { .. }
            | Change::GoneIn { .. }
            | Change::Role { .. }
            | Change::Merchant { .. }
            | Change::Trade(_)
            | Change::Chat(_)
            | Change::Pointer { .. }
            | Change::Known { .. }
            | Change::Consent { .. }
            | Change::RowGone { .. }
            | Change::Order { body: None, .. }
            | Change::Flow(
                FlowChange::Packet { .. } | FlowChange::Claimed { .. } | FlowChange::PacketGone { .. } | FlowChange::Pool { .. },
            )
            | Change::Taken { .. }
            | Change::Message { .. }
            | Change::Sent { .. }
            | Change::Read { .. }
            | Change::Counted { .. }
            | Change::LoginCode { .. }
            | Change::LoginCodeUsed { .. }
            | Change::Audit { .. } => None,
        }
    }

    /// Which row's value the change sets, if the row is still there.
    fn value_slot(&self, change: &Change) -> Option<Slot> {
        let Change::Row {
            program,
            collection,
            key,
            value: Some(_),
            ..
        } = change
        else {
            return None;
        };
        let slot = |_| Slot::RowValue(program.clone(), collection.clone(), key.clone());
        self.state.row(program, collection, key).map(slot)
    }

    /// The person and program that the change brings together, and whether it stays.
    fn bringing_together(change: &Change) -> Option<(&PersonId, &ProgramId, bool)> {
        match change {
            Change::Known { person, program, .. } | Change::Consent { person, program, .. } => Some((person, program, true)),
            Change::Order { program, order, .. } => Some((&order.person, program, true)),
            Change::Stored { person, program, .. }
            | Change::Left { person, program, .. }
            | Change::Outcome { person, program, .. }
            | Change::Taken { person, program, .. }
            | Change::Saved { person, program, .. }
            | Change::Sent { person, program, .. }
            | Change::Message {
                sender: Some((person, program, _, _)),
                ..
            } => Some((person, program, false)),
            _ => None,
        }
    }

    fn is_last(&self, slot: Option<&Slot>, place: Place) -> bool {
        slot.is_some_and(|slot| self.last.get(slot) == Some(&place))
    }

    /// What becomes of a change that may only go where the two are known to each other without it.
    fn fate_in(&self, person: &PersonId, program: &ProgramId, last: bool) -> Fate {
        let unsure = self.alive(person).is_some() && self.together.get(&(person.clone(), program.clone())) != Some(&true);
        Fate::from(last || unsure)
    }

    fn fate(&self, change: &Change, place: Place, number: u64) -> Fate {
        let slot = self.slot(change, number);
        let last = self.is_last(slot.as_ref(), place);
        match change {
            Change::Account(_) | Change::Transfers(_) | Change::Merchant { .. } => Fate::Stays,
            // Merchants' own books: intents and notifications, by which they settle.
            Change::Trade(_) => Fate::Stays,
            Change::Chat(change) => self.chat(change),
            // Counts, and holds nothing personal.
            Change::Pointer { person, .. } => self.alive(person).is_some().into(),
            // That somebody was erased, and when, under the pseudonym that the audit has too.
            Change::Gone { .. } | Change::GoneIn { .. } => Fate::Stays,
            Change::Audit { .. } => Fate::Stays,
            Change::Flow(
                FlowChange::Packet { .. } | FlowChange::Claimed { .. } | FlowChange::PacketGone { .. } | FlowChange::Pool { .. },
            ) => Fate::Stays,
            Change::Role { person, .. } | Change::Known { person, .. } | Change::Read { person, .. } => self.alive(person).is_some().into(),
            Change::Person {
                person,
                visitor,
                language,
                code,
                has_pin,
                ..
            } => match self.alive(person) {
                None => Fate::Goes,
                Some(_) if last => Fate::Stays,
                // What comes later needs the person to be there.
                Some(_) => Fate::becomes(Change::Person {
                    person: person.clone(),
                    visitor: *visitor,
                    language: language.clone(),
                    code: code.clone(),
                    has_pin: *has_pin,
                    profile: Blob::default(),
                }),
            },
            Change::Language { .. } | Change::Tries { .. } | Change::Profile { .. } => last.into(),
            Change::Consent { person, given: None, .. } if self.alive(person).is_some() => Fate::Stays,
            Change::Consent { .. } => self.consent(change),
            Change::Stored { person, program, .. }
            | Change::Left { person, program, .. }
            | Change::Saved { person, program, .. }
            | Change::Outcome { person, program, .. } => self.fate_in(person, program, last),
            Change::Taken { person, program, .. } => self.fate_in(person, program, false),
            Change::Row { .. } => (last || self.is_last(self.value_slot(change).as_ref(), place)).into(),
            Change::RowGone { .. } => Fate::Goes,
            Change::Order { body: None, .. } => Fate::Stays,
            Change::Order { body: Some(_), .. } if last => Fate::Stays,
            Change::Order {
                program, order_no, order, ..
            } => Fate::becomes(Change::Order {
                program: program.clone(),
                order_no: order_no.clone(),
                order: order.clone(),
                body: None,
            }),
            Change::Flow(FlowChange::ReceiptAgain { .. }) => last.into(),
            Change::Receipt { person, .. } => match self.alive(person) {
                None => Fate::Goes,
                Some(_) if last => Fate::Stays,
                Some(_) => Fate::becomes(Change::Receipt {
                    person: person.clone(),
                    receipt: Blob::default(),
                }),
            },
            Change::Message { .. } => self.message(change, number),
            Change::Sent {
                person,
                program,
                client_id,
                hash,
                sequence,
            } => self.is_sent(person, program, client_id, hash, *sequence).into(),
            Change::Counted { day, .. } => self.state.days.contains_key(day).into(),
            Change::LoginCode { hash, .. } | Change::LoginCodeUsed { hash } => self.state.login_codes.contains_key(hash).into(),
        }
    }

    /// Decisions stay, as the audit does; a value that the person gave goes once it is another one.
    fn consent(&self, change: &Change) -> Fate {
        let Change::Consent {
            person,
            program,
            scope,
            granted,
            at,
            notice,
            given,
        } = change
        else {
            return Fate::Stays;
        };
        if self.alive(person).is_none() {
            return Fate::becomes(Change::Audit {
                person: person.clone(),
                program: Some(program.clone()),
                act: crate::audit::decided(*granted).to_owned(),
                about: vec![scope.clone()],
                purpose: None,
                amount: None,
            });
        }
        let now = self.state.in_program(person, program).and_then(|mine| mine.given.get(scope));
        if now == given.as_ref() {
            return Fate::Stays;
        }
        Fate::becomes(Change::Consent {
            person: person.clone(),
            program: program.clone(),
            scope: scope.clone(),
            granted: *granted,
            at: *at,
            notice: notice.clone(),
            given: None,
        })
    }

    /// Of a conversation that is there stays who came and went, and what is kept of its lines; of one that is not, nothing.
    fn chat(&self, change: &ChatChange) -> Fate {
        if let ChatChange::Blocked { person, other, blocked } = change {
            let now = self.alive(person).is_some_and(|mine| mine.blocked.contains(other));
            return (self.alive(person).is_some() && now == *blocked).into();
        }
        let Some((id, chat)) = change.chat().and_then(|id| self.state.chats.all.get_key_value(id)) else {
            return Fate::Goes;
        };
        let place = |place: &ChatPlace| ChatPlace {
            shown: place.shown && chat.lines.contains_key(&place.number),
            ..*place
        };
        let kept_title = |title: &Blob| if chat.title == *title { title.clone() } else { Blob::default() };
        let other = match change.clone() {
            ChatChange::Made {
                chat,
                group,
                person,
                title,
            } => ChatChange::Made {
                title: kept_title(&title),
                chat,
                group,
                person,
            },
            ChatChange::Titled {
                chat,
                member,
                title,
                place: at,
            } => ChatChange::Titled {
                title: kept_title(&title),
                place: place(&at),
                chat,
                member,
            },
            ChatChange::Joined {
                chat,
                person,
                place: at,
                invitation,
                code,
            } => ChatChange::Joined {
                place: place(&at),
                chat,
                person,
                invitation,
                code,
            },
            ChatChange::Left {
                chat,
                member,
                why,
                place: at,
            } => ChatChange::Left {
                place: place(&at),
                chat,
                member,
                why,
            },
            ChatChange::Line {
                chat: of,
                member,
                place: at,
                client,
                content,
                body,
                keep,
            } => {
                let line = chat.lines.get(&at.number);
                if line.is_none() && at.number != chat.last {
                    return Fate::Goes;
                }
                let said = line.is_some_and(|line| line.kind == LineKind::Said);
                ChatChange::Line {
                    body: if said { body } else { Blob::default() },
                    place: place(&at),
                    chat: of,
                    member,
                    client,
                    content,
                    keep,
                }
            }
            ChatChange::Read { member, number, .. } => {
                return chat.members.get(&member).is_some_and(|member| member.read_to == number).into();
            }
            ChatChange::Invited { hash, .. } => return chat.invitations.contains_key(&hash).into(),
            ChatChange::Asked { code, .. } => {
                return self.state.chats.asks.get(&code).is_some_and(|asks| asks.contains_key(id)).into();
            }
            ChatChange::AskGone { .. } | ChatChange::Expired { .. } | ChatChange::Blocked { .. } => return Fate::Goes,
            ChatChange::Packet { .. } | ChatChange::Claimed { .. } | ChatChange::PacketEnded { .. } => return Fate::Stays,
        };
        Fate::becomes(Change::Chat(other))
    }

    fn is_sent(&self, person: &PersonId, program: &ProgramId, client_id: &str, hash: &str, sequence: u64) -> bool {
        let sent = self.state.in_program(person, program).map(|mine| &mine.sent);
        sent.is_some_and(|sent| sent.find(client_id, hash) == Some((sequence, true)))
    }

    /// A message counts at its recipient's, and its client id at its sender's: each for itself.
    fn message(&self, change: &Change, number: u64) -> Fate {
        let Change::Message {
            person,
            expires,
            message,
            keep,
            sender,
        } = change
        else {
            return Fate::Stays;
        };
        let known = sender.as_ref().filter(|(from, program, client_id, hash)| {
            let unsure = matches!(self.fate_in(from, program, false), Fate::Stays);
            unsure || self.is_sent(from, program, client_id, hash, number)
        });
        let Some(recipient) = self.alive(person) else {
            let sent = |(from, program, client_id, hash): &(PersonId, ProgramId, String, String)| Change::Sent {
                person: from.clone(),
                program: program.clone(),
                client_id: client_id.clone(),
                hash: hash.clone(),
                sequence: number,
            };
            return known.map_or(Fate::Goes, |sender| Fate::becomes(sent(sender)));
        };
        let there = recipient.messages.contains_key(&number);
        if (there || message.0.is_empty()) && known.is_some() == sender.is_some() {
            return Fate::Stays;
        }
        Fate::becomes(Change::Message {
            person: person.clone(),
            expires: *expires,
            message: if there { message.clone() } else { Blob::default() },
            keep: *keep,
            sender: known.cloned(),
        })
    }
}

impl Reduce<Entry> for Reducing {
    fn survey(&mut self, entry: &Entry, stamp: Stamp) {
        for (at, change) in entry.changes.iter().enumerate() {
            let place = (stamp.sequence, at);
            let number = self.surveyed.number(change);
            for slot in [self.slot(change, number), self.value_slot(change)].into_iter().flatten() {
                self.last.insert(slot, place);
            }
            if let Some((person, program, stays)) = Self::bringing_together(change)
                && self.alive(person).is_some()
            {
                self.together.entry((person.clone(), program.clone())).or_insert(stays);
            }
        }
    }

    fn keep(&mut self, entry: &Entry, stamp: Stamp) -> Keep<Entry> {
        let (mut changes, mut same) = (Vec::with_capacity(entry.changes.len()), true);
        for (at, change) in entry.changes.iter().enumerate() {
            let number = self.asked.number(change);
            match self.fate(change, (stamp.sequence, at), number) {
                Fate::Stays => changes.push(change.clone()),
                Fate::Goes => same = false,
                Fate::Becomes(other) => {
                    // What was emptied before is not written again.
                    same &= is_same(change, &other);
                    changes.push(*other);
                }
            }
        }
        match (same, changes.is_empty()) {
            (true, _) => Keep::Whole,
            (false, true) => Keep::Nothing,
            (false, false) => Keep::Part(Entry { changes }),
        }
    }
}

fn is_same(one: &Change, other: &Change) -> bool {
    let bytes = |change: &Change| serde_json::to_vec(change).unwrap_or_default();
    bytes(one) == bytes(other)
}
