//! Orders that move after they were paid: planned over a snapshot, written in one entry if nothing changed meanwhile.

use crate::change::Change;
use crate::flow::{FlowChange, Pool};
use crate::model::{DayCounts, Message, Names};
use crate::money;
use crate::moves::{Move, Moved, plan};
use crate::order::Mode;
use crate::outcomes::fields;
use crate::say::{self, Say};
use crate::services::{Services, not_found};
use crate::state::{OrderPhase, OrderState, PaidStamp, State};
use std::collections::BTreeSet;
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::{Deliver, Event, Failure, Fields, PersonId, ProgramId, Recipient, Ticket, codes};
use youji_ledger::TransferError;
use youji_store::Stamp;

/// Plans again at most so many times before it gives up: others were always first.
const AGAIN: usize = 64;

/// One order's part of an entry.
pub(crate) struct Planned {
    pub(crate) program: ProgramId,
    pub(crate) order_no: String,
    /// Revision that it was planned on.
    pub(crate) seen: u64,
    /// Claims of a packet that it was planned on.
    pub(crate) claims: Option<usize>,
    pub(crate) moved: Moved,
    /// Receipts, messages, events, counts.
    pub(crate) changes: Vec<Change>,
    /// Who must still be there, since something is sealed for them.
    pub(crate) people: Vec<PersonId>,
    /// Told once it is durable.
    pub(crate) tell: Vec<(PersonId, Event)>,
}

/// What became of an attempt to write.
pub(crate) enum Written {
    Done,
    /// Something changed since it was planned.
    Again,
    /// The payee's or merchant's account holds too little.
    Insufficient,
}

/// Whole numbers as programs read them.
pub(crate) fn whole(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// What a program may know of an order.
pub(crate) fn order_fields(order_no: &str, order: &OrderState) -> Fields {
    let flow = &order.flow;
    let mut fields = Fields::new()
        .with("order-no", order_no)
        .with("state", order.phase.code())
        .with("mode", flow.mode.code())
        .with("amount", whole(order.amount))
        .with("currency", order.currency.as_str())
        .with("captured", whole(order.captured()))
        .with("refunded", whole(flow.refunded))
        .with("receipt", order.receipt.as_str());
    if order.phase == OrderPhase::RequiresCapture {
        fields.set("held", whole(flow.held));
        fields.set("expires-at", whole(flow.until));
        fields.set("shipped", flow.shipped);
        fields.set("disputed", flow.disputed);
    }
    fields
}

/// The stamp of an order on its row; none where it names none, or the row is gone or another order's.
pub(crate) fn stamp_row(state: &State, program: &ProgramId, order_no: &str, order: &OrderState) -> Option<Change> {
    let (collection, key) = order.flow.record.as_ref()?;
    let mut row = state.row(program, collection, key)?.clone();
    let claims = match &row.paid {
        Some(paid) if paid.order == order_no => paid.claims,
        Some(paid) if paid.state != OrderPhase::Canceled.code() => return None,
        _ => 0,
    };
    row.version += 1;
    row.paid = Some(PaidStamp {
        order: order_no.to_owned(),
        receipt: order.receipt.clone(),
        state: order.state_code().to_owned(),
        amount: order.amount,
        currency: order.currency.clone(),
        refunded: order.flow.refunded,
        claims,
    });
    Some(Change::Row {
        program: program.clone(),
        collection: collection.clone(),
        key: key.clone(),
        row,
        value: None,
    })
}

impl Services {
    /// An order as it stands, also if it is not durable yet: what is answered about it waits for the disk.
    pub(crate) fn snapshot(&self, program: &ProgramId, order_no: &str) -> Option<OrderState> {
        self.state.read().order(program, order_no).cloned()
    }

    /// Carries out a move of a person. `ticket` is completed; the others concerned hear of it.
    pub(crate) async fn carry_out(
        &self,
        caller: &Caller,
        order_no: &str,
        wish: &Move,
        ticket: Ticket,
        may: impl Fn(&OrderState) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for _ in 0..AGAIN {
            let order = self.snapshot(&caller.program, order_no).ok_or_else(|| no_order(order_no))?;
            may(&order)?;
            if matches!(wish, Move::Refund { .. }) && !self.alive(&order.person) {
                return Err(not_found(
                    "whoever paid this was forgotten, and their wallet went with them; nothing was moved: give it back in another way",
                ));
            }
            let moved = plan(&order, wish, &self.legs(&caller.program, order_no, &order), self.now())?;
            let outcome = acted(wish, order_no, &moved);
            let outcome = Event::completed(ticket, outcome);
            if moved.repeated {
                self.complete(caller, outcome, Vec::new()).await?;
                return Ok(());
            }
            let mut planned = self
                .planned(&caller.program, order_no, &order, wish, moved, Some(&caller.person))
                .await?;
            planned.changes.push(self.keep_outcome(caller, &outcome).await?);
            planned.people.push(caller.person.clone());
            let pool = self.left_pool(&caller.program, order_no, &planned.moved.order);
            match self.write_planned(vec![planned], pool).await? {
                Written::Done => {
                    self.tell(caller.session, outcome);
                    return Ok(());
                }
                Written::Again => {}
                Written::Insufficient => {
                    return Err(Failure::new(
                        codes::INSUFFICIENT,
                        "the payee's account holds too little to give that back",
                    ));
                }
            }
        }
        Err(Failure::new(
            codes::CONFLICT,
            "others act on this order all the time; look it up and try again",
        ))
    }

    /// The pool without a member who leaves it.
    fn left_pool(&self, program: &ProgramId, order_no: &str, order: &OrderState) -> Option<PoolChange> {
        let (name, _) = order.flow.pool.as_ref()?;
        let state = self.state.read();
        let pool = state.flows.pool(program, name)?;
        if pool.done || order.phase == OrderPhase::RequiresCapture {
            return None;
        }
        let mut left = pool.clone();
        left.members.retain(|(member, _)| member != order_no);
        left.revision += 1;
        Some((name.clone(), pool.revision, left))
    }

    /// Everything that hangs on a move: receipt, messages and events for the people concerned. `actor` learns of it otherwise.
    pub(crate) async fn planned(
        &self,
        program: &ProgramId,
        order_no: &str,
        before: &OrderState,
        wish: &Move,
        moved: Moved,
        actor: Option<&PersonId>,
    ) -> Result<Planned, Failure> {
        let order = &moved.order;
        let at = self.now();
        let mut planned = Planned {
            program: program.clone(),
            order_no: order_no.to_owned(),
            seen: before.flow.revision,
            claims: None,
            changes: Vec::new(),
            people: Vec::new(),
            tell: Vec::new(),
            moved: moved.clone(),
        };
        let (payer, payee) = (
            self.alive(&order.person),
            order.flow.to.as_ref().filter(|person| self.alive(person)),
        );
        if payer {
            if let Some(receipt) = self.receipt_again(order, at).await? {
                planned.changes.push(receipt);
                planned.people.push(order.person.clone());
            }
            let other = self.payee_name(order);
            for (say, amount) in to_payer(before, wish, &moved) {
                self.note(&mut planned, &order.person, say, amount, &other, at)?;
            }
            if actor != Some(&order.person) {
                self.order_changed(&mut planned, &order.person, None).await?;
            }
        }
        if let Some(payee) = payee {
            let name = self.profile(&order.person).map(|profile| profile.name).unwrap_or_default();
            let other = Names::new(name.clone(), name);
            for (say, amount) in to_payee(before, wish, &moved) {
                self.note(&mut planned, payee, say, amount, &other, at)?;
            }
            if actor != Some(payee) {
                self.order_changed(&mut planned, payee, None).await?;
            }
        } else if moved.captured > 0 && before.flow.mode != Mode::Packet {
            planned.changes.push(Change::Counted {
                day: at / 86_400_000,
                counts: DayCounts {
                    orders: u64::from(before.captured() == 0),
                    turnover: moved.captured,
                    ..DayCounts::default()
                },
            });
        }
        Ok(planned)
    }

    /// Whether somebody is there, and is not being forgotten in this moment: nothing can be sealed for them then.
    pub(crate) fn alive(&self, person: &PersonId) -> bool {
        let known = self.state.read().people.contains_key(person);
        known && self.ring.has(person.as_str())
    }

    /// Stored name of who is paid.
    pub(crate) fn payee_name(&self, order: &OrderState) -> Names {
        if let Some(person) = &order.flow.to {
            let name = self.profile(person).map(|profile| profile.name).unwrap_or_default();
            return Names::new(name.clone(), name);
        }
        let state = self.state.read();
        state.merchant(&order.publisher, &order.merchant).cloned().unwrap_or_default()
    }

    /// A message of the host about an order.
    pub(crate) fn say(
        &self,
        program: &ProgramId,
        person: &PersonId,
        say: Say,
        amount: &str,
        other: &Names,
        at: u64,
    ) -> Result<Change, Failure> {
        let language = self.language_of(person);
        let (title, text) = say::text(say, &language, amount, other.in_language(&language));
        let message = Message {
            sequence: 0,
            program: program.clone(),
            template: "receipt".to_owned(),
            title,
            text,
            page: String::new(),
            at,
            read: false,
        };
        self.message_change(person, &message, None)
    }

    fn note(&self, planned: &mut Planned, person: &PersonId, say: Say, amount: u64, other: &Names, at: u64) -> Result<(), Failure> {
        let amount = money::with_sign(amount, &planned.moved.order.currency);
        let message = self.say(&planned.program, person, say, &amount, other, at)?;
        planned.changes.push(message);
        planned.people.push(person.clone());
        Ok(())
    }

    /// "order-changed", kept until the program has taken it.
    pub(crate) async fn order_changed(&self, planned: &mut Planned, person: &PersonId, code: Option<&str>) -> Result<(), Failure> {
        let mut fields = order_fields(&planned.order_no, &planned.moved.order);
        if let Some(code) = code {
            fields.set("code", code);
        }
        let event = Event {
            ticket: self.ticket().0,
            fields,
            ..Event::new("order-changed")
        };
        let kept = self.keep_event(person, &planned.program, &event).await?;
        planned.changes.push(kept);
        planned.people.push(person.clone());
        planned.tell.push((person.clone(), event));
        Ok(())
    }

    /// Writes several orders' parts, and a pool, as one entry; then tells whom it concerns.
    pub(crate) async fn write_planned(&self, planned: Vec<Planned>, pool: Option<PoolChange>) -> Result<Written, Failure> {
        self.write_guarded(planned, pool, |_| Ok(true)).await
    }

    /// The same while `fits` says so of the state.
    pub(crate) async fn write_guarded(
        &self,
        planned: Vec<Planned>,
        pool: Option<PoolChange>,
        fits: impl FnOnce(&State) -> Result<bool, Failure> + Send + 'static,
    ) -> Result<Written, Failure> {
        let (mut entry, Tell { events, people }) = assemble(planned, pool);
        let deliver = self.deliver();
        let written = self
            .commit_telling(move |state, stamp| {
                if !fits(state)? || !entry.still_fits(state) {
                    return Ok((Vec::new(), Written::Again, None));
                }
                if let Some(refused) = refused(state, &entry.changes, stamp)? {
                    return Ok((Vec::new(), refused, None));
                }
                entry.stamp_rows(state);
                // Who is told of two changes of an order must hear of the later one last.
                Ok((entry.changes, Written::Done, Some(Box::new(move || tell_events(deliver, events)))))
            })
            .await?;
        if matches!(written, Written::Done) {
            people.iter().for_each(|person| self.tell_inbox(person));
        }
        Ok(written)
    }

    pub(crate) fn tell_all(&self, tell: Tell) {
        tell_events(self.deliver(), tell.events);
        tell.people.iter().for_each(|person| self.tell_inbox(person));
    }
}

fn tell_events(deliver: Option<Arc<dyn Deliver>>, events: Vec<(PersonId, ProgramId, Event)>) {
    if let Some(deliver) = deliver {
        for (person, program, event) in events {
            deliver.event(&Recipient::PersonIn(person, program), event);
        }
    }
}

/// A pool's name, the revision that was planned on, and what it becomes.
pub(crate) type PoolChange = (String, u64, Pool);

/// Whom to tell of an entry once it is durable.
#[derive(Default)]
pub(crate) struct Tell {
    events: Vec<(PersonId, ProgramId, Event)>,
    people: BTreeSet<PersonId>,
}

/// An entry that was planned, with what it was planned on.
pub(crate) struct PlannedEntry {
    pub(crate) changes: Vec<Change>,
    guards: Vec<Guard>,
    pool: Option<(ProgramId, String, u64)>,
}

struct Guard {
    program: ProgramId,
    order_no: String,
    seen: u64,
    claims: Option<usize>,
    order: OrderState,
    people: Vec<PersonId>,
}

/// Puts planned parts together.
pub(crate) fn assemble(planned: Vec<Planned>, pool: Option<PoolChange>) -> (PlannedEntry, Tell) {
    let mut tell = Tell::default();
    let mut entry = PlannedEntry {
        changes: Vec::new(),
        guards: Vec::new(),
        pool: None,
    };
    for one in planned {
        let program = one.program;
        tell.people.extend(one.people.iter().cloned());
        tell.events
            .extend(one.tell.into_iter().map(|(person, event)| (person, program.clone(), event)));
        if !one.moved.transfers.is_empty() {
            entry.changes.push(Change::Transfers(one.moved.transfers));
        }
        entry.changes.push(Change::Order {
            program: program.clone(),
            order_no: one.order_no.clone(),
            order: one.moved.order.clone(),
            body: None,
        });
        entry.changes.extend(one.changes);
        if let Some((name, seen, next)) = pool.as_ref().filter(|_| entry.pool.is_none()) {
            entry.changes.push(Change::Flow(FlowChange::Pool {
                program: program.clone(),
                name: name.clone(),
                pool: next.clone(),
            }));
            entry.pool = Some((program.clone(), name.clone(), *seen));
        }
        entry.guards.push(Guard {
            program,
            order_no: one.order_no,
            seen: one.seen,
            claims: one.claims,
            order: one.moved.order,
            people: one.people,
        });
    }
    (entry, tell)
}

impl PlannedEntry {
    /// Whether nothing that it was planned on changed.
    pub(crate) fn still_fits(&self, state: &State) -> bool {
        let orders = self.guards.iter().all(|guard| {
            let order = state.order(&guard.program, &guard.order_no);
            let packet = || {
                state
                    .flows
                    .packet(&guard.program, &guard.order_no)
                    .map(|packet| packet.claimed.len())
            };
            order.is_some_and(|order| order.flow.revision == guard.seen)
                && guard.claims.is_none_or(|claims| packet() == Some(claims))
                && guard.people.iter().all(|person| state.people.contains_key(person))
        });
        let pool = self
            .pool
            .as_ref()
            .is_none_or(|(program, name, seen)| state.flows.pool(program, name).map_or(0, |pool| pool.revision) == *seen);
        orders && pool
    }

    pub(crate) fn stamp_rows(&mut self, state: &State) {
        let stamps = self.guards.iter();
        let stamps = stamps.filter_map(|guard| stamp_row(state, &guard.program, &guard.order_no, &guard.order));
        let stamps: Vec<Change> = stamps.collect();
        self.changes.extend(stamps);
    }
}

/// Whether the ledger would refuse what an entry moves.
fn refused(state: &State, changes: &[Change], stamp: Stamp) -> Result<Option<Written>, Failure> {
    let all: Vec<_> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Transfers(transfers) => Some(transfers.as_slice()),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat();
    match state.ledger.check(&all, stamp.at).fault() {
        None => Ok(None),
        Some((_, TransferError::ExceedsCredits)) => Ok(Some(Written::Insufficient)),
        Some((_, error)) => Err(Failure::new(
            codes::FAILED,
            format!("the ledger refused: {error}; nothing was changed"),
        )),
    }
}

pub(crate) fn no_order(order_no: &str) -> Failure {
    not_found(format!("no order \"{order_no}\" of this person"))
}

fn acted(wish: &Move, order_no: &str, moved: &Moved) -> Fields {
    let mut outcome = fields("payment.act", "done").with("action", wish.name());
    for (name, value) in order_fields(order_no, &moved.order).0 {
        outcome.set(name, value);
    }
    let amount = match wish {
        Move::Capture { .. } => moved.captured,
        Move::Refund { .. } => moved.refunded,
        Move::Cancel => moved.returned,
        Move::Ship | Move::Dispute => return outcome,
    };
    outcome.with("moved", whole(amount))
}

/// What the payer reads, with the amount of each.
fn to_payer(before: &OrderState, wish: &Move, moved: &Moved) -> Vec<(Say, u64)> {
    let mut notes = Vec::new();
    match wish {
        Move::Capture { .. } => {
            if moved.captured > 0 {
                notes.push((Say::Captured, moved.captured));
            }
            if moved.returned > 0 {
                notes.push((Say::Returned, moved.returned));
            }
        }
        Move::Cancel => notes.push((Say::Returned, moved.returned)),
        Move::Refund { .. } => notes.push((Say::Refunded, moved.refunded)),
        Move::Ship => notes.push((Say::Shipped, before.flow.held)),
        Move::Dispute => {}
    }
    notes
}

/// What a payee who is a person reads.
fn to_payee(before: &OrderState, wish: &Move, moved: &Moved) -> Vec<(Say, u64)> {
    let own = |part: u64, fee: u64, fee_before: u64| part - (fee - fee_before);
    let (then, now) = (&before.flow, &moved.order.flow);
    match wish {
        Move::Capture { .. } if moved.captured > 0 => {
            vec![(Say::Released, own(moved.captured, now.captured_fee, then.captured_fee))]
        }
        Move::Capture { .. } | Move::Cancel => vec![(Say::TakenBack, moved.returned)],
        Move::Refund { .. } => vec![(Say::GaveBack, own(moved.refunded, now.refunded_fee, then.refunded_fee))],
        Move::Ship => Vec::new(),
        Move::Dispute => vec![(Say::Disputed, now.held)],
    }
}
