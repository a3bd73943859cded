//! Forgetting: the key goes, what it sealed goes, the chain stays whole.

use crate::change::Change;
use crate::model::Erased;
use crate::people::{FUNDING, code, nobody};
use crate::records::{program_key, row_purpose};
use crate::services::{Services, key_failure, not_found, own_name, store_failure};
use crate::state::{OrderPhase, PersonInProgram, PersonState, State};
use youji_api::{Failure, PersonId, ProgramId, codes};
use youji_ledger::Transfer;
use youji_store::KeyError;

/// How long a paid row that staff read outlives its owner, in milliseconds: an order that is still being cooked.
const PAID_ROW_MS: u64 = 24 * 60 * 60 * 1_000;

/// Settles again at most so many times: a confirmation that was under way may hold something after all was settled.
const AGAIN: usize = 16;

impl Services {
    /// Erases a person: key destroyed, projections removed. Ledger and audit stay under a pseudonym. A row that was paid and that staff
    /// read stays for a day, without its owner: it is the merchant's record of what was sold. End the person's sessions first.
    ///
    /// # Errors
    /// "failed" when it could not be made durable; then repeat it. A visitor, whom no screen leads to any more, is tried again once a
    /// second until it succeeds, and at the next start.
    pub async fn forget(&self, id: &PersonId) -> Result<Erased, Failure> {
        self.stop_receiving(id);
        let forgotten = self.forget_once(id).await;
        match &forgotten {
            Ok(_) => drop(self.leaving.lock().remove(id)),
            Err(_) if self.state.read().people.get(id).is_some_and(|person| person.visitor) => {
                self.leaving.lock().insert(id.clone());
            }
            Err(_) => {}
        }
        forgotten
    }

    /// Tries again what failed before.
    pub(crate) async fn forget_leaving(&self) {
        let leaving: Vec<PersonId> = self.leaving.lock().iter().cloned().collect();
        for id in leaving {
            match self.forget(&id).await {
                Ok(_) => tracing::info!("a visitor who could not be erased before is gone"),
                Err(failure) => tracing::debug!(%failure, "a visitor who left is still to be erased"),
            }
        }
    }

    async fn forget_once(&self, id: &PersonId) -> Result<Erased, Failure> {
        // Asked of the log, since only what is durable says that there is nobody to erase.
        let known = id.clone();
        let known = self.log.read(move |core| core.state.read().people.contains_key(&known)).await;
        if !known.map_err(|error| store_failure(&error))? {
            return Ok(Erased::default());
        }
        let gone: Vec<_> = {
            let mut live = self.live.lock();
            let theirs: Vec<_> = live
                .iter()
                .filter(|(_, live)| live.caller.person == *id)
                .map(|(session, _)| *session)
                .collect();
            theirs.into_iter().filter_map(|session| live.remove(&session)).collect()
        };
        for timer in gone.into_iter().flat_map(|live| live.timers.into_values()) {
            timer.abort();
        }
        self.settle_for(id).await?;
        self.hand_over_paid_rows(id, None).await?;
        self.destroy(vec![id.clone()]).await?;
        self.destroy_own(id).await?;
        let erased = self.erase(id).await?;
        self.followed.lock().remove(id);
        Ok(erased)
    }

    async fn destroy(&self, names: Vec<PersonId>) -> Result<(), Failure> {
        let ring = self.ring.clone();
        let destroyed = tokio::task::spawn_blocking(move || names.iter().try_for_each(|name| ring.destroy(name.as_str()))).await;
        destroyed
            .map_err(|error| Failure::new(codes::FAILED, error.to_string()))?
            .map_err(|error| key_failure(&error))
    }

    /// Destroys the keys that seal what a person has in programs.
    async fn destroy_own(&self, id: &PersonId) -> Result<(), Failure> {
        let names: Vec<PersonId> = {
            let state = self.state.read();
            let programs = state.people.get(id).map(|person| &person.programs);
            let names = programs
                .into_iter()
                .flatten()
                .map(|(program, mine)| own_name(id, program, mine.generation));
            names.filter(|name| self.ring.has(name.as_str())).collect()
        };
        if names.is_empty() { Ok(()) } else { self.destroy(names).await }
    }

    /// Makes a program forget a person: what they have there is erased (storage, own rows, saved state, outcomes, consents and what they gave
    /// with them), the key that sealed it is destroyed, and they come back as somebody whom the program has never seen, also to their
    /// orders. Orders stay for staff and the other side, receipts and messages for the person. Only an order of which money is still
    /// held goes on being theirs, until that ends. End the person's sessions in it first.
    ///
    /// # Errors
    /// "not-found" when they never used it; "failed" when it could not be made durable; then repeat it.
    pub async fn forget_in(&self, id: &PersonId, program: &ProgramId) -> Result<Erased, Failure> {
        let never = || not_found("this program does not know you");
        let generation = self
            .state
            .read()
            .in_program(id, program)
            .map(|mine| mine.generation)
            .ok_or_else(never)?;
        let gone: Vec<_> = {
            let mut live = self.live.lock();
            let theirs = live
                .iter()
                .filter(|(_, live)| live.caller.person == *id && live.caller.program == *program);
            let theirs: Vec<_> = theirs.map(|(session, _)| *session).collect();
            theirs.into_iter().filter_map(|session| live.remove(&session)).collect()
        };
        for timer in gone.into_iter().flat_map(|live| live.timers.into_values()) {
            timer.abort();
        }
        self.hand_over_paid_rows(id, Some(program)).await?;
        self.destroy(vec![own_name(id, program, generation)]).await?;
        self.erase_in(id, program, generation).await
    }

    async fn erase_in(&self, id: &PersonId, program: &ProgramId, generation: u32) -> Result<Erased, Failure> {
        let (person, program) = (id.clone(), program.clone());
        self.commit(move |state, _| {
            let mine = state.in_program(&person, &program).filter(|mine| mine.generation == generation);
            let Some(mine) = mine else {
                return Ok((Vec::new(), Erased::default()));
            };
            let rows = state.rows_of(&person).into_iter().filter(|(of, _, _)| *of == program).count();
            let erased = Erased {
                keys: 1,
                storage: mine.storage.len() as u64,
                records: rows as u64,
                consents: mine.consents.len() as u64,
                saved: u64::from(mine.saved.is_some()),
                outcomes: mine.outcomes.len() as u64,
                ..Erased::default()
            };
            let mut changes = leave(state, &person, &program, mine);
            changes.push(Change::GoneIn {
                person: person.clone(),
                program: program.clone(),
            });
            changes.push(Change::Audit {
                person,
                program: Some(program),
                act: "forget".to_owned(),
                about: Vec::new(),
                purpose: None,
                amount: None,
            });
            Ok((changes, erased))
        })
        .await
    }

    /// Erases every visitor, as [`forget`](Self::forget) does: a host that starts calls it before it serves anybody, since no screen of
    /// an earlier run can lead to them any more. Answers how much of each kind, a visitor each.
    ///
    /// # Errors
    /// "failed" when it could not be made durable; those before are gone, and repeating it goes on.
    pub async fn forget_visitors(&self) -> Result<Vec<Erased>, Failure> {
        let visitors: Vec<PersonId> = {
            let state = self.state.read();
            let visitors = state.people.iter().filter(|(_, person)| person.visitor);
            visitors.map(|(id, _)| id.clone()).collect()
        };
        let mut erased = Vec::with_capacity(visitors.len());
        for visitor in &visitors {
            erased.push(self.forget(visitor).await?);
        }
        Ok(erased)
    }

    /// Removes what the destroyed key sealed, and takes a visitor's money back. What came to be held meanwhile is settled before.
    async fn erase(&self, id: &PersonId) -> Result<Erased, Failure> {
        for _ in 0..AGAIN {
            if let Some(erased) = self.erase_settled(id).await? {
                return Ok(erased);
            }
            self.settle_for(id).await?;
        }
        Err(Failure::new(
            codes::FAILED,
            "money of this person goes on being held; nothing of theirs can be read any more, and repeating it erases the rest",
        ))
    }

    /// None: something is held from the person, or for them.
    async fn erase_settled(&self, id: &PersonId) -> Result<Option<Erased>, Failure> {
        let wallet = self.wallet(id);
        let back = self.host.number(&[b"return", id.as_str().as_bytes()]);
        let ledger = self.ledger_number;
        let person = id.clone();
        let me = self.me.clone();
        self.commit(move |state, stamp| {
            let Some(mine) = state.people.get(&person) else {
                return Ok((Vec::new(), Some(Erased::default())));
            };
            if state.held_for(&person).next().is_some() || state.packets_from(&person).next().is_some() {
                return Ok((Vec::new(), None));
            }
            let counts = count(state, &person, mine);
            let rest = state.ledger.account(wallet).map_or(0, |wallet| wallet.available());
            let mut changes = me.upgrade().ok_or_else(nobody)?.leaving_all(state, &person, stamp)?;
            if mine.visitor && rest > 0 {
                changes.push(Change::Transfers(vec![Transfer::new(
                    back,
                    wallet,
                    FUNDING,
                    rest,
                    ledger,
                    code::RETURN,
                )]));
            }
            changes.push(Change::Audit {
                person: person.clone(),
                program: None,
                act: "forget".to_owned(),
                about: Vec::new(),
                purpose: None,
                amount: None,
            });
            changes.push(Change::Gone { person });
            Ok((changes, Some(counts)))
        })
        .await
    }

    /// Paid rows that staff read get the program's key instead of their owner's, and a day.
    async fn hand_over_paid_rows(&self, id: &PersonId, only: Option<&ProgramId>) -> Result<(), Failure> {
        let paid: Vec<(ProgramId, String, String)> = {
            let state = self.state.read();
            let kept = |(program, collection, key): &(ProgramId, String, String)| {
                let row = state
                    .row(program, collection, key)
                    .filter(|_| only.is_none_or(|only| only == program));
                row.is_some_and(|row| row.paid.is_some() && row.staff_reads)
            };
            state.rows_of(id).into_iter().filter(kept).collect()
        };
        for (program, collection, key) in paid {
            self.program_key(&program).await?;
            let found = self.open_rows(&program, &collection, std::slice::from_ref(&key)).await?;
            let Some(Some((seen, value))) = found.into_iter().next() else {
                continue;
            };
            let sealed = self.seal(&program_key(&program), &row_purpose(&program, &collection, &key), &value)?;
            self.commit(move |state, stamp| {
                let same = state.row(&program, &collection, &key).filter(|row| row.written == seen.written);
                let Some(row) = same else { return Ok((Vec::new(), ())) };
                let mut row = row.clone();
                let until = stamp.millis().saturating_add(PAID_ROW_MS);
                row.expires_at = if row.expires_at == 0 { until } else { row.expires_at.min(until) };
                row.version += 1;
                row.owner = None;
                row.common = true;
                let change = Change::Row {
                    program,
                    collection,
                    key,
                    row,
                    value: Some(sealed),
                };
                Ok((vec![change], ()))
            })
            .await?;
        }
        Ok(())
    }

    /// Finishes what a crash interrupted between the destruction of a key and the removal of what it sealed.
    pub(crate) async fn finish_forgetting(&self) {
        let halfway: Vec<PersonId> = {
            let state = self.state.read();
            // Only a destroyed key says so; one that can't be read now is no reason to erase anything.
            let destroyed = |person: &&PersonId| matches!(self.ring.seal(person.as_str(), b"probe", b""), Err(KeyError::Forgotten));
            state.people.keys().filter(destroyed).cloned().collect()
        };
        let halfway_in: Vec<(PersonId, ProgramId, u32)> = {
            let state = self.state.read();
            let mut found = Vec::new();
            for (person, mine) in &state.people {
                for (program, here) in &mine.programs {
                    let name = own_name(person, program, here.generation);
                    if matches!(self.ring.seal(name.as_str(), b"probe", b""), Err(KeyError::Forgotten)) {
                        found.push((person.clone(), program.clone(), here.generation));
                    }
                }
            }
            found
        };
        for (person, program, generation) in halfway_in {
            if !halfway.contains(&person)
                && let Err(failure) = self.erase_in(&person, &program, generation).await
            {
                tracing::error!(%failure, "what a program forgot stays, unreadable, until the next start");
            }
        }
        for person in halfway {
            let finished = match self.destroy_own(&person).await {
                Ok(()) => self.erase(&person).await.map(drop),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = finished {
                tracing::error!(%failure, "what a destroyed key sealed stays, unreadable, until the next start");
            }
        }
    }
}

/// What would lead from who comes back to who was there: orders that wait for an answer are canceled without a word, and rows that
/// everyone writes lose their owner.
fn leave(state: &State, person: &PersonId, program: &ProgramId, mine: &PersonInProgram) -> Vec<Change> {
    let orders = mine
        .orders
        .keys()
        .filter_map(|order_no| Some((order_no, state.order(program, order_no)?)));
    let open = orders.filter(|(_, order)| order.phase == OrderPhase::RequiresConfirmation);
    let canceled = open.map(|(order_no, order)| {
        let mut order = order.clone();
        order.phase = OrderPhase::Canceled;
        order.flow.revision += 1;
        Change::Order {
            program: program.clone(),
            order_no: order_no.clone(),
            order,
            body: None,
        }
    });
    let mut changes: Vec<Change> = canceled.collect();
    for (collection, rows) in state.rows.get(program).into_iter().flatten() {
        let common = rows.iter().filter(|(_, row)| row.common && row.owner.as_ref() == Some(person));
        changes.extend(common.map(|(key, row)| {
            let mut row = row.clone();
            row.owner = None;
            row.version += 1;
            Change::Row {
                program: program.clone(),
                collection: collection.clone(),
                key: key.clone(),
                row,
                value: None,
            }
        }));
    }
    changes
}

fn count(state: &State, person: &PersonId, mine: &PersonState) -> Erased {
    let sum = |of: fn(&crate::state::PersonInProgram) -> usize| mine.programs.values().map(of).sum::<usize>() as u64;
    Erased {
        keys: 1,
        storage: sum(|mine| mine.storage.len()),
        records: state.rows_of(person).len() as u64,
        messages: (mine.messages.len() + mine.pointers.len()) as u64,
        consents: sum(|mine| mine.consents.len()),
        saved: sum(|mine| usize::from(mine.saved.is_some())),
        outcomes: sum(|mine| mine.outcomes.len()),
        receipts: mine.last_receipt,
        orders: sum(|mine| mine.orders.len()),
        roles: mine.roles.len() as u64,
        chats: mine.chats.len() as u64,
    }
}
