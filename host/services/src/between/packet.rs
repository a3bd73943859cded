//! Red packets behind a link: seen, and a share of them taken.

use super::{BETWEEN, PacketSeen};
use crate::change::Change;
use crate::chat::rate::Rate;
use crate::flow::FlowChange;
use crate::money;
use crate::order::Mode;
use crate::people::nobody;
use crate::say::Say;
use crate::services::{Services, not_found};
use crate::state::{OrderPhase, State};
use youji_api::{Failure, PersonId, ProgramId, codes};
use youji_ledger::Transfer;

fn no_packet() -> Failure {
    not_found("there is no such red packet, or it is long over")
}

fn nothing_left() -> Failure {
    Failure::new(codes::NOTHING_LEFT, "all shares are taken, or the time is over")
}

impl Services {
    /// A red packet, by what its link ends with.
    ///
    /// # Errors
    /// "not-found"; "limit" after too many of these.
    pub async fn packet_seen(&self, person: &PersonId, id: &str) -> Result<PacketSeen, Failure> {
        self.take_chat_rate(person, Rate::Guess)?;
        let program = ProgramId::from(BETWEEN);
        let order = self.snapshot(&program, id).filter(|order| order.flow.mode == Mode::Packet);
        let order = order.ok_or_else(no_packet)?;
        self.give_back_chat_rate(person, Rate::Guess);
        let note = self.note_of(id, &order).await;
        let own = order.person == *person;
        let by = self.chat_name(&order.person);
        let claim = self.legs(&program, id, &order).claim(person);
        let state = self.state.read();
        let packet = state.flows.packet(&program, id);
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        let (shares, claimed, mine) = packet.map_or((0, 0, None), |packet| {
            let place = packet.claimed.get(person);
            let mine = place.and_then(|place| packet.shares.get(*place as usize)).copied();
            (count(packet.shares.len()), count(packet.claimed.len()), mine)
        });
        let mine = mine.or_else(|| claimed_before(&state, claim));
        let waits = order.phase == OrderPhase::RequiresCapture && self.now() < order.flow.until;
        Ok(PacketSeen {
            by,
            note,
            shares,
            claimed,
            mine,
            own,
            open: waits && !own && mine.is_none() && claimed < shares,
            until: order.flow.until,
        })
    }

    /// Takes a share of a red packet: one each, and none of one's own. Asked again, it is the same share. Answers it in minor units.
    ///
    /// # Errors
    /// "not-found", "forbidden" for the giver; "nothing-left"; "limit" after too many that there are not.
    pub async fn packet_claim(&self, person: &PersonId, id: &str) -> Result<u64, Failure> {
        self.take_chat_rate(person, Rate::Guess)?;
        let program = ProgramId::from(BETWEEN);
        let order = self.snapshot(&program, id).filter(|order| order.flow.mode == Mode::Packet);
        let order = order.ok_or_else(no_packet)?;
        self.give_back_chat_rate(person, Rate::Guess);
        if order.person == *person {
            return Err(Failure::new(codes::FORBIDDEN, "the shares of your own red packet are for others"));
        }
        let transfer = {
            let legs = self.legs(&program, id, &order);
            legs.out_of_packet(legs.claim(person), self.wallet(person), 0)
        };
        let (own, number, me) = (person.clone(), id.to_owned(), self.me.clone());
        let (share, fresh) = self
            .commit(move |state, stamp| {
                if let Some(share) = claimed_before(state, transfer.id) {
                    return Ok((Vec::new(), (share, false)));
                }
                let order = state.order(&program, &number).ok_or_else(no_packet)?;
                let packet = state.flows.packet(&program, &number).ok_or_else(nothing_left)?;
                let open = order.phase == OrderPhase::RequiresCapture && stamp.millis() < order.flow.until;
                let next = packet.shares.get(packet.claimed.len()).filter(|_| open);
                let share = *next.ok_or_else(nothing_left)?;
                if !state.people.contains_key(&own) {
                    return Err(nobody());
                }
                let transfer = Transfer {
                    amount: share.into(),
                    ..transfer
                };
                if let Some((_, error)) = state.ledger.check(&[transfer], stamp.at).fault() {
                    return Err(Failure::new(
                        codes::FAILED,
                        format!("the ledger refused: {error}; nothing was moved"),
                    ));
                }
                let me = me.upgrade().ok_or_else(nobody)?;
                let said = money::with_sign(share, &order.currency);
                let message = me.say_noted(&own, Say::Received, &said, &order.person, "", stamp.millis())?;
                let claimed = Change::Flow(FlowChange::Claimed {
                    program,
                    order_no: number,
                    person: own,
                });
                Ok((vec![Change::Transfers(vec![transfer]), claimed, message], (share, true)))
            })
            .await?;
        if fresh {
            self.tell_inbox(person);
        }
        Ok(share)
    }
}

/// A share that was taken, also once the red packet is over: by the transfer that moved it.
fn claimed_before(state: &State, claim: u128) -> Option<u64> {
    let moved = state.ledger.transfer(claim)?;
    u64::try_from(moved.done.amount).ok()
}
