//! What decisions know of merchants' keys and intents, and what entries do to it.

use super::ANSWERS_MS;
use super::MerchantId;
use super::notices::{Attempt, EventState, RETRIES_MS};
use crate::apply::Notice;
use crate::blob::Blob;
use crate::keys;
use crate::order::Mode;
use crate::shelf::{self, Shelf};
use crate::state::{OrderPhase, OrderState, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use youji_api::ProgramId;
use youji_store::{Effects, Stamp};

/// Notifications of one merchant that are kept; then the oldest goes.
pub(crate) const EVENTS_MOST: usize = 10_000;

/// All of it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Trade {
    /// By their public part.
    pub(crate) keys: BTreeMap<String, KeyState>,
    pub(crate) intents: Shelf<String, Arc<IntentState>>,
    /// Unpaid intents by when they end.
    #[serde(with = "shelf::keys")]
    pub(crate) ends: Shelf<(u64, String), ()>,
    /// How many of a merchant's intents wait to be paid.
    pub(crate) open: BTreeMap<ProgramId, u64>,
    /// By the keyed hash of merchant and `Idempotency-Key`: half a hash of what was asked, and when.
    pub(crate) answers: Shelf<u128, (u128, u64)>,
    #[serde(with = "shelf::keys")]
    pub(crate) answered: Shelf<(u64, u128), ()>,
    /// Notifications by merchant and number.
    pub(crate) events: BTreeMap<ProgramId, BTreeMap<u64, EventState>>,
    /// When which notification is sent next.
    pub(crate) due: BTreeSet<(u64, ProgramId, u64)>,
    pub(crate) last_event: u64,
    pub(crate) last_intent: u64,
}

/// A merchant's key, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeyState {
    pub(crate) program: ProgramId,
    /// Keyed hash of the secret.
    pub(crate) hash: String,
    pub(crate) name: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    /// 0: it is good.
    #[serde(default)]
    pub(crate) revoked: u64,
}

/// Why nobody can pay an intent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Closed {
    Canceled,
    Expired,
}

/// An intent, without what it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct IntentState {
    pub(crate) program: ProgramId,
    pub(crate) order_no: String,
    /// Keyed hash of the content.
    pub(crate) hash: String,
    pub(crate) amount: u64,
    pub(crate) mode: Mode,
    /// Rises by one for each intent of this host; given when it is applied.
    #[serde(default)]
    pub(crate) number: u64,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) ends: u64,
    /// Whether its merchant is notified.
    #[serde(default)]
    pub(crate) notify: bool,
    #[serde(default)]
    pub(crate) closed: Option<Closed>,
}

/// One change. Never reuse a name; give new members a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum TradeChange {
    Key {
        id: String,
        key: KeyState,
    },
    KeyRevoked {
        id: String,
        at: u64,
    },
    Intent {
        id: String,
        intent: IntentState,
        /// The order as JSON, in the clear: it is the merchant's, and of nobody yet.
        body: Blob,
    },
    Closed {
        id: String,
        why: Closed,
    },
    /// The first answer to an `Idempotency-Key`.
    Answer {
        id: u128,
        asked: u128,
        /// As JSON; empty: the intent as it was made.
        #[serde(default)]
        answer: Blob,
    },
    Attempt {
        program: ProgramId,
        event: u64,
        attempt: Attempt,
    },
    /// Somebody wants it sent once more, at that moment.
    Retry {
        program: ProgramId,
        event: u64,
        at: u64,
    },
}

impl State {
    /// The intent, if it can be paid at that moment.
    pub(crate) fn payable(&self, id: &str, now: u64) -> Option<&IntentState> {
        let intent = self.trade.intents.get(id)?.as_ref();
        let waits = intent.closed.is_none() && now < intent.ends && self.order(&intent.program, &intent.order_no).is_none();
        waits.then_some(intent)
    }

    pub(crate) fn apply_trade(&mut self, change: &TradeChange, stamp: Stamp, effects: &mut Effects<Notice>) {
        match change {
            TradeChange::Key { id, key } => drop(self.trade.keys.insert(id.clone(), key.clone())),
            TradeChange::KeyRevoked { id, at } => {
                if let Some(key) = self.trade.keys.get_mut(id) {
                    key.revoked = *at;
                }
            }
            TradeChange::Intent { id, intent, body } => {
                let trade = &mut self.trade;
                trade.last_intent += 1;
                effects.put(keys::intent(id), &*body.0);
                effects.put(keys::intent_of(&intent.program.0, trade.last_intent), id.as_bytes());
                trade.ends.insert((intent.ends, id.clone()), ());
                *trade.open.entry(intent.program.clone()).or_default() += 1;
                let number = trade.last_intent;
                trade.intents.insert(id.clone(), Arc::new(IntentState { number, ..intent.clone() }));
            }
            TradeChange::Closed { id, why } => {
                if let Some(intent) = self.trade.intents.get_mut(id) {
                    Arc::make_mut(intent).closed = Some(*why);
                    let intent = intent.clone();
                    self.trade.no_longer_open(id, &intent);
                    self.trade.tell(id, &intent, "payment_intent.canceled", None, stamp.millis());
                }
            }
            TradeChange::Answer { id, asked, answer } => {
                let now = stamp.millis();
                let trade = &mut self.trade;
                while let Some((at, old)) = trade.answered.first().map(|(first, ())| *first)
                    && at + ANSWERS_MS < now
                {
                    trade.answered.pop_first();
                    trade.answers.remove(&old);
                    effects.delete(keys::answer(old));
                }
                trade.answers.insert(*id, (*asked, now));
                trade.answered.insert((now, *id), ());
                if !answer.0.is_empty() {
                    effects.put(keys::answer(*id), &*answer.0);
                }
            }
            TradeChange::Attempt { program, event, attempt } => self.trade.attempted(program, *event, attempt),
            TradeChange::Retry { program, event, at } => self.trade.again(program, *event, *at),
        }
    }

    /// An order that somebody pays for an intent, or that moves afterwards.
    pub(crate) fn intent_moved(&mut self, old: Option<&OrderState>, order: &OrderState, stamp: Stamp) {
        let id = &order.flow.intent;
        let Some(intent) = self.trade.intents.get(id).cloned() else {
            return;
        };
        if old.is_none() {
            self.trade.no_longer_open(id, &intent);
        }
        let kind = match (old, order.phase) {
            (Some(old), _) if order.flow.refunded > old.flow.refunded => "payment_intent.refunded",
            (old, OrderPhase::RequiresCapture) if old.is_none() => "payment_intent.requires_capture",
            (Some(old), _) if order.flow.disputed != old.flow.disputed && order.flow.disputed => "payment_intent.disputed",
            (Some(old), OrderPhase::Succeeded) if old.phase == OrderPhase::RequiresCapture => "payment_intent.succeeded",
            (None, OrderPhase::Succeeded) => "payment_intent.succeeded",
            (Some(old), OrderPhase::Canceled) if old.phase != OrderPhase::Canceled => "payment_intent.canceled",
            (Some(old), _) if order.flow.captured > old.flow.captured => "payment_intent.captured",
            _ => return,
        };
        self.trade.tell(id, &intent, kind, Some(order), stamp.millis());
    }
}

impl Trade {
    fn no_longer_open(&mut self, id: &str, intent: &IntentState) {
        self.ends.remove(&(intent.ends, id.to_owned()));
        if let Some(open) = self.open.get_mut(&intent.program) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                self.open.remove(&intent.program);
            }
        }
    }

    /// Puts a notification into the schedule, if the intent asked for some.
    fn tell(&mut self, id: &str, intent: &IntentState, kind: &str, order: Option<&OrderState>, now: u64) {
        if !intent.notify {
            return;
        }
        self.last_event += 1;
        let number = self.last_event;
        let flow = order.map(|order| &order.flow);
        let event = EventState {
            kind: kind.to_owned(),
            intent: id.to_owned(),
            state: order.map_or(OrderPhase::Canceled.code(), OrderState::state_code).to_owned(),
            receipt: order.map(|order| order.receipt.clone()).unwrap_or_default(),
            captured: order.map_or(0, OrderState::captured),
            refunded: flow.map_or(0, |flow| flow.refunded),
            held: flow.map_or(0, |flow| flow.held),
            at: now,
            next: now,
            attempts: Vec::new(),
        };
        self.due.insert((now, intent.program.clone(), number));
        let events = self.events.entry(intent.program.clone()).or_default();
        events.insert(number, event);
        if events.len() > EVENTS_MOST
            && let Some((old, event)) = events.pop_first()
        {
            self.due.remove(&(event.next, intent.program.clone(), old));
        }
    }

    fn attempted(&mut self, program: &ProgramId, number: u64, attempt: &Attempt) {
        let Some(event) = self.events.get_mut(program).and_then(|events| events.get_mut(&number)) else {
            return;
        };
        self.due.remove(&(event.next, program.clone(), number));
        event.attempts.push(attempt.clone());
        event.next = match RETRIES_MS.get(event.attempts.len() - 1) {
            Some(wait) if !attempt.taken() => attempt.at.saturating_add(*wait),
            _ => 0,
        };
        if event.next > 0 {
            self.due.insert((event.next, program.clone(), number));
        }
    }

    fn again(&mut self, program: &ProgramId, number: u64, at: u64) {
        let Some(event) = self.events.get_mut(program).and_then(|events| events.get_mut(&number)) else {
            return;
        };
        self.due.remove(&(event.next, program.clone(), number));
        event.next = at;
        self.due.insert((at, program.clone(), number));
    }

    /// Keys of a merchant.
    pub(crate) fn keys_of<'a>(&'a self, merchant: &MerchantId) -> impl Iterator<Item = (&'a String, &'a KeyState)> {
        let program = merchant.program();
        self.keys.iter().filter(move |(_, key)| key.program == program)
    }
}
