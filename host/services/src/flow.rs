//! What decisions know of money that is held: by order, by packet, by pool, and what falls due when.

use crate::audit::Use;
use crate::blob::Blob;
use crate::keys;
use crate::order::Mode;
use crate::packet;
use crate::state::{OrderPhase, OrderState, State};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use youji_api::{PersonId, ProgramId};
use youji_store::{Effects, Stamp};

use crate::apply::Notice;

/// What an order is beyond who pays how much to whom. Amounts in minor units, moments in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Flow {
    pub(crate) mode: Mode,
    /// Rises with every change of the order: what was planned for another one is planned again.
    pub(crate) revision: u64,
    /// Money moved or was reserved: a canceled order stays so.
    pub(crate) moved: bool,
    /// The payee, where it is a person.
    pub(crate) to: Option<PersonId>,
    /// As [`OrderState::generation`], of the payee.
    pub(crate) to_generation: u32,
    /// What the publisher keeps of all of it.
    pub(crate) fee: u64,
    /// When the hold ends; 0: never.
    pub(crate) until: u64,
    pub(crate) capture_at_expiry: bool,
    /// What is reserved now, and the fee in it.
    pub(crate) held: u64,
    pub(crate) held_fee: u64,
    /// How many reservations were made: a part that stays held after a charge is another one.
    pub(crate) holds: u32,
    pub(crate) captured: u64,
    pub(crate) captured_fee: u64,
    pub(crate) refunded: u64,
    pub(crate) refunded_fee: u64,
    /// Reference and amount of each.
    pub(crate) refunds: Vec<(String, u64)>,
    pub(crate) shipped: bool,
    pub(crate) disputed: bool,
    /// Collection and key of the row that is stamped.
    pub(crate) record: Option<(String, String)>,
    /// Name and size.
    pub(crate) pool: Option<(String, u32)>,
    /// Where the payer's receipt stands; 0: nowhere.
    pub(crate) receipt_at: u64,
    /// The merchant's intent that was paid with it; empty: a program asked for it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) intent: String,
    /// When that was paid; 0: a program's.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) paid_at: u64,
}

fn is_zero(at: &u64) -> bool {
    *at == 0
}

impl OrderState {
    /// What reached the payee, the fee included.
    pub(crate) fn captured(&self) -> u64 {
        match self.phase {
            // Paid before there was anything else to pay.
            OrderPhase::Succeeded if !self.flow.moved => self.amount,
            _ => self.flow.captured,
        }
    }

    /// What stamps and programs read: a standard state, or "disputed".
    pub(crate) fn state_code(&self) -> &'static str {
        if self.flow.disputed && self.phase == OrderPhase::RequiresCapture {
            "disputed"
        } else {
            self.phase.code()
        }
    }

    /// When the scheduler must look at it.
    fn due(&self) -> Option<u64> {
        let waits = self.phase == OrderPhase::RequiresCapture && !self.flow.disputed && self.flow.until > 0;
        waits.then_some(self.flow.until)
    }
}

/// A packet whose shares are claimed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Packet {
    /// In the order in which they are claimed; fixed when it was paid.
    pub(crate) shares: Vec<u64>,
    /// Which share each person has.
    pub(crate) claimed: BTreeMap<PersonId, u32>,
    /// What is not claimed.
    pub(crate) left: u64,
}

/// Orders that are captured together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Pool {
    /// What the first order fixed: size, end, merchant, amount, currency.
    pub(crate) terms: (u32, u64, String, u64, String),
    /// Orders that hold, with their payers.
    pub(crate) members: Vec<(String, PersonId)>,
    /// Captured or canceled: nobody joins any more.
    pub(crate) done: bool,
    pub(crate) revision: u64,
}

/// All of it.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FlowState {
    pub(crate) packets: BTreeMap<ProgramId, BTreeMap<String, Packet>>,
    pub(crate) pools: BTreeMap<ProgramId, BTreeMap<String, Pool>>,
    /// Orders by when their hold ends.
    pub(crate) due: BTreeSet<(u64, ProgramId, String)>,
    /// Orders of which something is held.
    pub(crate) open: BTreeSet<(ProgramId, String)>,
}

impl FlowState {
    pub(crate) fn packet(&self, program: &ProgramId, order_no: &str) -> Option<&Packet> {
        self.packets.get(program)?.get(order_no)
    }

    pub(crate) fn pool(&self, program: &ProgramId, name: &str) -> Option<&Pool> {
        self.pools.get(program)?.get(name)
    }

    /// Keeps the indexes in step with an order that changes.
    pub(crate) fn index(&mut self, program: &ProgramId, order_no: &str, old: Option<&OrderState>, new: &OrderState) {
        let entry = |at: u64| (at, program.clone(), order_no.to_owned());
        let before = old.and_then(OrderState::due);
        if before != new.due() {
            if let Some(at) = before {
                self.due.remove(&entry(at));
            }
            self.due.extend(new.due().map(entry));
        }
        let place = || (program.clone(), order_no.to_owned());
        let (was, is) = (
            old.is_some_and(|old| old.phase == OrderPhase::RequiresCapture),
            new.phase == OrderPhase::RequiresCapture,
        );
        match (was, is) {
            (false, true) => drop(self.open.insert(place())),
            (true, false) => drop(self.open.remove(&place())),
            _ => {}
        }
    }
}

/// One change of what is held. Never reuse a name; give new members a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum FlowChange {
    /// A packet was paid. The shares follow from the rest.
    Packet {
        program: ProgramId,
        order_no: String,
        amount: u64,
        shares: u32,
        /// None: equal.
        seed: Option<u64>,
    },
    /// The next share of a packet went to that person.
    Claimed {
        program: ProgramId,
        order_no: String,
        person: PersonId,
    },
    /// Nothing of a packet is left to claim.
    PacketGone {
        program: ProgramId,
        order_no: String,
    },
    Pool {
        program: ProgramId,
        name: String,
        pool: Pool,
    },
    /// A receipt says more than before.
    ReceiptAgain {
        person: PersonId,
        place: u64,
        receipt: Blob,
    },
}

impl State {
    pub(crate) fn apply_flow(&mut self, change: &FlowChange, stamp: Stamp, effects: &mut Effects<Notice>) -> Result<(), String> {
        match change {
            FlowChange::Packet {
                program,
                order_no,
                amount,
                shares,
                seed,
            } => {
                let packet = Packet {
                    shares: packet::split(*amount, *shares, *seed),
                    claimed: BTreeMap::new(),
                    left: *amount,
                };
                self.flows
                    .packets
                    .entry(program.clone())
                    .or_default()
                    .insert(order_no.clone(), packet);
                Ok(())
            }
            FlowChange::Claimed { program, order_no, person } => self.apply_claim(program, order_no, person, stamp, effects),
            FlowChange::PacketGone { program, order_no } => {
                if let Some(packets) = self.flows.packets.get_mut(program)
                    && let Some(packet) = packets.get_mut(order_no)
                {
                    packet.left = 0;
                }
                Ok(())
            }
            FlowChange::Pool { program, name, pool } => {
                self.flows
                    .pools
                    .entry(program.clone())
                    .or_default()
                    .insert(name.clone(), pool.clone());
                Ok(())
            }
            FlowChange::ReceiptAgain { person, place, receipt } => {
                if self.people.contains_key(person) {
                    effects.put(keys::receipt(&person.0, *place), &*receipt.0);
                }
                Ok(())
            }
        }
    }

    /// Costs the same however many shares there are.
    fn apply_claim(
        &mut self,
        program: &ProgramId,
        order_no: &str,
        person: &PersonId,
        stamp: Stamp,
        effects: &mut Effects<Notice>,
    ) -> Result<(), String> {
        let missing = || "the entry claims a share of a packet that is not there".to_owned();
        let packet = self.flows.packets.get_mut(program).and_then(|packets| packets.get_mut(order_no));
        let packet = packet.ok_or_else(missing)?;
        let place = packet.claimed.len();
        let share = packet.shares.get(place).copied().ok_or_else(missing)?;
        packet.left -= share;
        packet.claimed.insert(person.clone(), u32::try_from(place).unwrap_or(u32::MAX));
        let last = packet.claimed.len() == packet.shares.len();
        let order = self.orders.get_mut(program).and_then(|orders| orders.get_mut(order_no));
        let order = order.map(Arc::make_mut).ok_or_else(missing)?;
        if last {
            // The scheduler finishes it at once: the payer's receipt and message are not the claimant's to wait for.
            let due = (order.flow.until, program.clone(), order_no.to_owned());
            self.flows.due.remove(&due);
            order.flow.until = stamp.millis();
            order.flow.revision += 1;
            self.flows.due.insert((order.flow.until, due.1, due.2));
        }
        let (currency, record) = (order.currency.clone(), order.flow.record.clone());
        let used = Use {
            program: Some(program),
            act: "packet.claimed",
            about: vec![order_no.to_owned()],
            amount: Some((share, currency)),
            sealed: None,
        };
        self.write_down(person, used, stamp, effects);
        let Some((collection, key)) = &record else {
            return Ok(());
        };
        let rows = self.rows.get_mut(program).and_then(|rows| rows.get_mut(collection));
        if let Some(row) = rows.and_then(|rows| rows.get_mut(key))
            && let Some(paid) = row.paid.as_mut().filter(|paid| paid.order == order_no)
        {
            paid.claims += 1;
            row.version += 1;
            effects.put(keys::row(&program.0, collection, key), serde_json::to_vec(row).unwrap_or_default());
            effects.notify(Notice::touched(program, collection, key));
        }
        Ok(())
    }
}
