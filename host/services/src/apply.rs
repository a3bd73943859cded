//! Entries of the log and what they do: the only place where the state changes, live and at replay alike.

use crate::audit::Use;
use crate::between::BETWEEN;
use crate::blob::Blob;
use crate::change::{Change, Entry};
use crate::keys;
use crate::reduce::Reducing;
use crate::sound;
use crate::state::{PersonInProgram, PersonState, RowState, State};
use parking_lot::RwLock;
use std::any::Any;
use std::io::{BufReader, BufWriter, Read};
use std::sync::Arc;
use youji_api::{Failure, PersonId, ProgramId};
use youji_ledger::AccountError;
use youji_store::{Decision, Effects, Machine, Reducer, Snapshot, Stamp};

/// What is heard of an entry once it is durable.
#[derive(Clone, Debug)]
pub(crate) enum Notice {
    Row(RowNotice),
    /// A message came into a mailbox.
    Message {
        person: PersonId,
        sequence: u64,
        sealed: Blob,
    },
    /// Something of a conversation came into a mailbox.
    Pointer {
        person: PersonId,
        sequence: u64,
    },
}

/// What watchers hear: a row was written, stamped or removed.
#[derive(Clone, Debug)]
pub(crate) struct RowNotice {
    pub(crate) program: ProgramId,
    pub(crate) collection: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) row: Arc<RowState>,
    pub(crate) removed: bool,
}

impl Notice {
    /// A row whose stamps changed: whoever may read it reads it again.
    pub(crate) fn touched(program: &ProgramId, collection: &str, key: &str) -> Notice {
        row_notice(program, collection, key, &RowState::default(), false)
    }
}

type Applying<'a> = &'a mut Effects<Notice>;

fn put_pieces(effects: Applying<'_>, key: &[u8], value: &[u8]) {
    for (piece, bytes) in keys::cut(key, value) {
        effects.put(piece, bytes);
    }
}

fn delete_pieces(effects: Applying<'_>, key: &[u8], len: u32) {
    for piece in keys::pieces(key, len as usize) {
        effects.delete(piece);
    }
}

fn length(value: &Blob) -> u32 {
    u32::try_from(value.0.len()).unwrap_or(u32::MAX)
}

/// The number, and the name of the conversation: nothing personal, so in the clear.
fn pointer_bytes(chat: &crate::chat::ChatId, number: u64) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.extend_from_slice(chat.as_str().as_bytes());
    bytes
}

/// What [`pointer_bytes`] wrote.
pub(crate) fn pointer_of(bytes: &[u8]) -> Option<(crate::chat::ChatId, u64)> {
    let (number, chat) = bytes.split_first_chunk::<8>()?;
    Some((std::str::from_utf8(chat).ok()?.into(), u64::from_be_bytes(*number)))
}

fn row_notice(program: &ProgramId, collection: &str, key: &str, row: &RowState, removed: bool) -> Notice {
    Notice::Row(RowNotice {
        program: program.clone(),
        collection: collection.into(),
        key: key.into(),
        row: Arc::new(row.clone()),
        removed,
    })
}

impl State {
    fn person_mut(&mut self, person: &PersonId) -> Result<&mut PersonState, String> {
        self.people
            .get_mut(person)
            .map(Arc::make_mut)
            .ok_or_else(|| "the entry names a person who is not there".to_owned())
    }

    fn program_mut(&mut self, person: &PersonId, program: &ProgramId) -> Result<&mut PersonInProgram, String> {
        Ok(self.person_mut(person)?.programs.entry(program.clone()).or_default())
    }

    fn apply_one(&mut self, change: &Change, stamp: Stamp, effects: Applying<'_>) -> Result<(), String> {
        match change {
            Change::Account(account) => match self.ledger.open_account(account, stamp.at) {
                Ok(_) | Err(AccountError::Exists) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Change::Transfers(transfers) => {
                let applied = self.ledger.apply(transfers, stamp.at);
                match applied.fault() {
                    None => Ok(()),
                    Some((at, error)) => Err(format!("transfer {at} of the entry was decided and does not apply: {error}")),
                }
            }
            Change::Person {
                person,
                visitor,
                language,
                code,
                has_pin,
                profile,
            } => {
                if let Some(code) = code {
                    self.codes.insert(code.clone(), person.clone());
                }
                let state = Arc::make_mut(self.people.entry(person.clone()).or_default());
                state.visitor = *visitor;
                state.since = stamp.sequence;
                state.language.clone_from(language);
                state.code.clone_from(code);
                state.has_pin = *has_pin;
                state.profile = profile.clone();
                Ok(())
            }
            Change::Language { person, language } => {
                self.person_mut(person)?.language.clone_from(language);
                Ok(())
            }
            Change::Tries {
                person,
                tries,
                locked_until,
            } => {
                let state = self.person_mut(person)?;
                (state.tries, state.locked_until) = (*tries, *locked_until);
                Ok(())
            }
            Change::Gone { person } => {
                self.erased = stamp.sequence;
                self.forget(person, effects);
                Ok(())
            }
            Change::Role {
                person,
                publisher,
                role,
                granted,
            } => {
                let role = (publisher.clone(), role.clone());
                let roles = &mut self.person_mut(person)?.roles;
                if *granted {
                    roles.insert(role);
                } else {
                    roles.remove(&role);
                }
                Ok(())
            }
            Change::Merchant { publisher, merchant, name } => {
                let merchants = self.merchants.entry(publisher.clone()).or_default();
                merchants.insert(merchant.clone(), name.clone());
                Ok(())
            }
            Change::Known { person, program, open_id } => {
                self.program_mut(person, program)?.open_id = Some(open_id.clone());
                let known = self.open_ids.entry(program.clone()).or_default();
                known.insert(open_id.clone(), person.clone());
                Ok(())
            }
            Change::Consent {
                person,
                program,
                scope,
                granted,
                at,
                notice,
                given,
            } => {
                let mine = self.program_mut(person, program)?;
                mine.consents.insert(scope.clone(), (*granted, *at));
                if let Some(notice) = notice {
                    mine.notices.insert(scope.clone(), notice.clone());
                    mine.given.remove(scope);
                }
                if let Some(given) = given {
                    mine.given.insert(scope.clone(), given.clone());
                }
                let used = Use {
                    program: Some(program),
                    act: crate::audit::decided(*granted),
                    about: vec![scope.clone()],
                    amount: None,
                    sealed: None,
                };
                self.write_down(person, used, stamp, effects);
                Ok(())
            }
            Change::Profile { person, profile } => {
                self.person_mut(person)?.profile = profile.clone();
                Ok(())
            }
            Change::GoneIn { person, program } => {
                self.erased = stamp.sequence;
                self.forget_in(person, program, effects);
                Ok(())
            }
            Change::Counted { day, counts } => {
                let total = self.days.entry(*day).or_default();
                total.add(counts);
                while self.days.len() > 400 {
                    self.days.pop_first();
                }
                Ok(())
            }
            Change::Flow(change) => self.apply_flow(change, stamp, effects),
            Change::Trade(change) => {
                self.apply_trade(change, stamp, effects);
                Ok(())
            }
            Change::Audit {
                person,
                program,
                act,
                about,
                purpose,
                amount,
            } => {
                let used = Use {
                    program: program.as_ref(),
                    act,
                    about: about.clone(),
                    amount: amount.clone(),
                    sealed: purpose.as_ref(),
                };
                self.write_down(person, used, stamp, effects);
                Ok(())
            }
            Change::Chat(change) => {
                self.apply_chat(change, stamp, effects);
                Ok(())
            }
            Change::LoginCode { hash, code, keep } => {
                self.add_login_code(hash, code, *keep, stamp.millis());
                Ok(())
            }
            Change::LoginCodeUsed { hash } => {
                self.login_codes.remove(hash);
                Ok(())
            }
            Change::Row { .. } | Change::RowGone { .. } | Change::Order { .. } => {
                self.apply_shared(change, stamp, effects);
                Ok(())
            }
            _ => self.apply_personal(change, effects),
        }
    }

    fn apply_shared(&mut self, change: &Change, stamp: Stamp, effects: Applying<'_>) {
        match change {
            Change::Row {
                program,
                collection,
                key,
                row,
                value,
            } => {
                let mut row = row.clone();
                if let Some(value) = value {
                    row.written = stamp.sequence;
                    let mut bytes = stamp.sequence.to_be_bytes().to_vec();
                    bytes.extend_from_slice(&value.0);
                    effects.put(keys::row_value(&program.0, collection, key), bytes);
                }
                effects.put(keys::row(&program.0, collection, key), serde_json::to_vec(&row).unwrap_or_default());
                effects.notify(row_notice(program, collection, key, &row, false));
                let rows = self.rows.entry(program.clone()).or_default();
                rows.entry(collection.clone()).or_default().insert(key.clone(), row);
            }
            Change::RowGone { program, collection, key } => self.remove_row(program, collection, key, effects),
            // What a program's order is for stands in the log, sealed, and nobody looks it up; what is said with money between people is.
            Change::Order {
                program,
                order_no,
                order,
                body,
            } => {
                if let Some(body) = body.as_ref().filter(|_| program.as_str() == BETWEEN) {
                    effects.put(keys::order(BETWEEN, order_no), &*body.0);
                }
                if let Ok(mine) = self.program_mut(&order.person, program) {
                    mine.orders.insert(order_no.clone(), ());
                }
                let orders = self.orders.entry(program.clone()).or_default();
                let old = orders.insert(order_no.clone(), Arc::new(order.clone()));
                let old = old.as_deref();
                self.flows.index(program, order_no, old, order);
                self.intent_moved(old, order, stamp);
                self.write_down_order(program, order_no, old, order, stamp, effects);
            }
            _ => {}
        }
    }

    fn apply_personal(&mut self, change: &Change, effects: Applying<'_>) -> Result<(), String> {
        match change {
            Change::Stored {
                person,
                program,
                key,
                bytes,
                value,
            } => {
                let at = keys::storage(&person.0, &program.0, key);
                let storage = &mut self.program_mut(person, program)?.storage;
                if let Some((_, sealed)) = storage.remove(key) {
                    delete_pieces(effects, &at, sealed);
                }
                if let Some(value) = value {
                    storage.insert(key.clone(), (*bytes, length(value)));
                    put_pieces(effects, &at, &value.0);
                }
            }
            Change::Left {
                person,
                program,
                template,
                left,
            } => {
                let all = &mut self.program_mut(person, program)?.left;
                match left {
                    Some(left) => all.insert(template.clone(), *left),
                    None => all.remove(template),
                };
            }
            Change::Outcome {
                person,
                program,
                ticket,
                event,
                keep,
            } => {
                let outcomes = &mut self.program_mut(person, program)?.outcomes;
                outcomes.insert(*ticket, length(event));
                put_pieces(effects, &keys::outcome(&person.0, &program.0, *ticket), &event.0);
                while outcomes.len() > *keep {
                    let Some((old, len)) = outcomes.pop_first() else { break };
                    delete_pieces(effects, &keys::outcome(&person.0, &program.0, old), len);
                }
            }
            Change::Taken { person, program, ticket } => {
                if let Some(len) = self.program_mut(person, program)?.outcomes.remove(ticket) {
                    delete_pieces(effects, &keys::outcome(&person.0, &program.0, *ticket), len);
                }
            }
            Change::Message {
                person,
                expires,
                message,
                keep,
                sender,
            } => {
                let state = self.person_mut(person)?;
                state.last_message += 1;
                let sequence = state.last_message;
                state.messages.insert(sequence, *expires);
                effects.put(keys::message(&person.0, sequence), &*message.0);
                effects.notify(Notice::Message {
                    person: person.clone(),
                    sequence,
                    sealed: message.clone(),
                });
                while state.messages.len() > *keep {
                    let Some((old, _)) = state.messages.pop_first() else { break };
                    effects.delete(keys::message(&person.0, old));
                }
                if let Some((from, program, client_id, hash)) = sender {
                    self.program_mut(from, program)?.sent.add(client_id, hash, sequence);
                }
            }
            Change::Pointer {
                person,
                chat,
                number,
                expires,
                keep,
            } => {
                let state = self.person_mut(person)?;
                state.last_message += 1;
                let sequence = state.last_message;
                state.pointers.insert(sequence, *expires);
                effects.put(keys::message(&person.0, sequence), pointer_bytes(chat, *number));
                effects.notify(Notice::Pointer {
                    person: person.clone(),
                    sequence,
                });
                while state.pointers.len() > *keep {
                    let Some((old, _)) = state.pointers.pop_first() else { break };
                    effects.delete(keys::message(&person.0, old));
                }
            }
            Change::Sent {
                person,
                program,
                client_id,
                hash,
                sequence,
            } => self.program_mut(person, program)?.sent.add(client_id, hash, *sequence),
            Change::Read { person, sequence } => {
                let state = self.person_mut(person)?;
                state.read_to = state.read_to.max((*sequence).min(state.last_message));
            }
            Change::Receipt { person, receipt } => {
                let state = self.person_mut(person)?;
                state.last_receipt += 1;
                effects.put(keys::receipt(&person.0, state.last_receipt), &*receipt.0);
            }
            Change::Saved {
                person,
                program,
                expires,
                state,
            } => {
                let at = keys::saved(&person.0, &program.0);
                let saved = &mut self.program_mut(person, program)?.saved;
                if let Some((_, len)) = saved.take() {
                    delete_pieces(effects, &at, len);
                }
                if let Some(state) = state {
                    *saved = Some((*expires, length(state)));
                    put_pieces(effects, &at, &state.0);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_login_code(&mut self, hash: &str, code: &crate::login::LoginCode, keep: usize, now: u64) {
        self.login_codes.retain(|_, known| now < known.expires);
        self.login_codes.insert(hash.to_owned(), code.clone());
        let same = |known: &crate::login::LoginCode| known.person == code.person && known.program == code.program;
        let mut own: Vec<(u64, String)> = self
            .login_codes
            .iter()
            .filter(|(_, known)| same(known))
            .map(|(hash, known)| (known.expires, hash.clone()))
            .collect();
        own.sort_unstable();
        for (_, oldest) in own.iter().take(own.len().saturating_sub(keep)) {
            self.login_codes.remove(oldest);
        }
    }

    fn remove_row(&mut self, program: &ProgramId, collection: &str, key: &str, effects: Applying<'_>) {
        let Some(collections) = self.rows.get_mut(program) else { return };
        let Some(rows) = collections.get_mut(collection) else { return };
        let Some(mut row) = rows.remove(key) else { return };
        // As if it had never been there.
        if rows.is_empty() {
            collections.remove(collection);
        }
        if collections.is_empty() {
            self.rows.remove(program);
        }
        row.version += 1;
        effects.delete(keys::row(&program.0, collection, key));
        effects.delete(keys::row_value(&program.0, collection, key));
        effects.notify(row_notice(program, collection, key, &row, true));
    }

    fn forget(&mut self, person: &PersonId, effects: Applying<'_>) {
        let Some(state) = self.people.remove(person) else { return };
        if let Some(code) = &state.code {
            self.codes.remove(code);
        }
        self.login_codes.retain(|_, code| code.person != *person);
        for number in state.audit.numbers() {
            effects.delete(keys::audit(&person.0, number));
        }
        for (program, mine) in &state.programs {
            self.clear_in(person, program, mine, effects);
            for order_no in mine.orders.keys().filter(|_| program.as_str() == BETWEEN) {
                effects.delete(keys::order(BETWEEN, order_no));
            }
        }
        for sequence in state.messages.keys().chain(state.pointers.keys()) {
            effects.delete(keys::message(&person.0, *sequence));
        }
        for number in 1..=state.last_receipt {
            effects.delete(keys::receipt(&person.0, number));
        }
        for (program, collection, key) in self.rows_of(person) {
            self.remove_row(&program, &collection, &key, effects);
        }
    }

    /// What a person has in a program goes; orders and receipts stay.
    fn forget_in(&mut self, person: &PersonId, program: &ProgramId, effects: Applying<'_>) {
        let state = self.people.get_mut(person).map(Arc::make_mut);
        let Some(mine) = state.and_then(|state| state.programs.get_mut(program)) else {
            return;
        };
        let fresh = PersonInProgram {
            generation: mine.generation + 1,
            orders: mine.orders.clone(),
            ..PersonInProgram::default()
        };
        let mine = std::mem::replace(mine, fresh);
        self.clear_in(person, program, &mine, effects);
        self.login_codes
            .retain(|_, code| code.person != *person || code.program != *program);
        for (of, collection, key) in self.rows_of(person) {
            if of == *program {
                self.remove_row(&of, &collection, &key, effects);
            }
        }
    }

    fn clear_in(&mut self, person: &PersonId, program: &ProgramId, mine: &PersonInProgram, effects: Applying<'_>) {
        if let (Some(known), Some(open_id)) = (self.open_ids.get_mut(program), &mine.open_id) {
            known.remove(open_id);
            if known.is_empty() {
                self.open_ids.remove(program);
            }
        }
        for (key, (_, len)) in &mine.storage {
            delete_pieces(effects, &keys::storage(&person.0, &program.0, key), *len);
        }
        for (ticket, len) in &mine.outcomes {
            delete_pieces(effects, &keys::outcome(&person.0, &program.0, *ticket), *len);
        }
        if let Some((_, len)) = mine.saved {
            delete_pieces(effects, &keys::saved(&person.0, &program.0), len);
        }
    }

    /// Program, collection and key of the rows that a person owns.
    /// How many rows a person owns in one program, of the first `most` rows that it has: whoever unloads must not wait for a long list.
    pub(crate) fn rows_in(&self, person: &PersonId, program: &ProgramId, most: usize) -> u64 {
        let rows = self
            .rows
            .get(program)
            .into_iter()
            .flat_map(|collections| collections.values().flatten());
        let mine = rows.take(most).filter(|(_, row)| !row.common && row.owner.as_ref() == Some(person));
        mine.count() as u64
    }

    pub(crate) fn rows_of(&self, person: &PersonId) -> Vec<(ProgramId, String, String)> {
        let mut owned = Vec::new();
        for (program, collections) in &self.rows {
            for (collection, rows) in collections {
                let mine = rows.iter().filter(|(_, row)| !row.common && row.owner.as_ref() == Some(person));
                owned.extend(mine.map(|(key, _)| (program.clone(), collection.clone(), key.clone())));
            }
        }
        owned
    }
}

/// What a decision comes to: the changes to be written, none for a question or a repetition, and the answer.
pub(crate) type Verdict = Result<(Vec<Change>, Told), Failure>;

/// An answer, and what is told in the order of the entries once it is durable.
pub(crate) struct Told {
    pub(crate) answer: Box<dyn Any + Send>,
    pub(crate) tell: Option<Box<dyn FnOnce() + Send>>,
}

/// Decides one act, on the writer's thread.
pub(crate) type Decide = Box<dyn FnOnce(&State, Stamp) -> Verdict + Send>;

/// The state as the commit engine drives it.
pub(crate) struct Core {
    pub(crate) state: Arc<RwLock<State>>,
    /// What the gate and screens look at without asking the writer: this state, once it is complete. Until then the one before it.
    shown: Arc<RwLock<State>>,
}

impl Core {
    /// An empty state of its own.
    pub(crate) fn new(shown: Arc<RwLock<State>>) -> Core {
        let state = Arc::default();
        Core { state, shown }
    }
}

impl Machine for Core {
    type Command = Decide;
    type Entry = Entry;
    type Answer = Result<Told, Failure>;
    type Notice = Notice;

    fn decide(&self, command: Decide, stamp: Stamp) -> Decision<Entry, Self::Answer> {
        let state = self.state.read();
        match command(&state, stamp) {
            Err(failure) => Decision::Answer(Err(failure)),
            Ok((changes, answer)) if changes.is_empty() => Decision::Answer(Ok(answer)),
            Ok((changes, answer)) => match sound::check(&state, &changes) {
                Err(failure) => Decision::Answer(Err(failure)),
                Ok(()) => Decision::Commit {
                    entry: Entry { changes },
                    answer: Ok(answer),
                },
            },
        }
    }

    fn apply(&mut self, entry: &Entry, stamp: Stamp, effects: &mut Effects<Notice>) -> Result<(), String> {
        let mut state = self.state.write();
        entry.changes.iter().try_for_each(|change| state.apply_one(change, stamp, effects))
    }

    fn told(answer: &mut Self::Answer) {
        if let Some(tell) = answer.as_mut().ok().and_then(|told| told.tell.take()) {
            tell();
        }
    }

    fn reducer(&self) -> Option<Reducer<Entry>> {
        Some(Box::new(Reducing::new(&self.state.read())))
    }

    fn save(&self) -> Result<Snapshot, String> {
        let state = self.state.read().clone();
        Ok(Snapshot::new(move |out| {
            rmp_serde::encode::write_named(&mut BufWriter::new(out), &state).map_err(|error| error.to_string())
        }))
    }

    fn load(&mut self, from: &mut dyn Read) -> Result<(), String> {
        *self.state.write() = rmp_serde::from_read(BufReader::new(from)).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn ready(&mut self) {
        if !Arc::ptr_eq(&self.state, &self.shown) {
            std::mem::swap(&mut *self.shown.write(), &mut *self.state.write());
            self.state = self.shown.clone();
        }
    }
}
