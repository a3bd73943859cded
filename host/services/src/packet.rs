//! Red packets: split once, each share claimed by one person, each person one share.

use crate::change::Change;
use crate::flow::{FlowChange, Packet};
use crate::moves::Moved;
use crate::outcomes::{coded, fields};
use crate::rows::rule;
use crate::services::Services;
use crate::settle::{no_order, whole};
use crate::state::{OrderPhase, OrderState};
use rand::{RngCore, SeedableRng};
use youji_api::caller::Caller;
use youji_api::{Event, Failure, ProgramId, Reply, Ticket, codes};
use youji_ledger::Transfer;

const CALL: &str = "payment.act";

/// What a claim came to.
enum Claimed {
    /// This share; what remains.
    Share(u64, u64),
    /// Nothing is left, or the time is over.
    Empty,
    /// Not what was expected: nothing was done.
    Otherwise,
}

/// The shares of a packet, in the order in which they are claimed: each at least 1, together `amount`. With a seed, each is drawn
/// evenly between 1 and twice what remains on average; the same seed gives the same shares for good.
pub(crate) fn split(amount: u64, shares: u32, seed: Option<u64>) -> Vec<u64> {
    let many = u64::from(shares.max(1));
    let Some(seed) = seed else {
        return (0..many).map(|place| amount / many + u64::from(place < amount % many)).collect();
    };
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut left = amount;
    let mut drawn = Vec::with_capacity(shares as usize);
    for others in (1..many).rev() {
        // So that 1 remains for each of the others.
        let most = (left.saturating_mul(2) / (others + 1)).clamp(1, left.saturating_sub(others).max(1));
        // The high half of a product: even to within 2^-64 of a minor unit, whatever version of a library runs.
        let share = 1 + u64::try_from((u128::from(random.next_u64()) * u128::from(most)) >> 64).unwrap_or(0);
        drawn.push(share);
        left -= share;
    }
    drawn.push(left);
    drawn
}

impl Services {
    /// Claims a share: for whoever may read the row that the packet names. Asked again, it is the same share.
    pub(crate) async fn claim(&self, caller: &Caller, order_no: &str) -> Result<Reply, Failure> {
        let order = self.snapshot(&caller.program, order_no).ok_or_else(|| no_order(order_no))?;
        if self.state.read().flows.packet(&caller.program, order_no).is_none() {
            return Err(Failure::new(
                codes::FORBIDDEN,
                format!(
                    "order \"{order_no}\" is no packet that was paid; its state is {}",
                    order.phase.code()
                ),
            ));
        }
        let ticket = self.ticket();
        let full = |packet: &Packet| packet.claimed.len() >= packet.shares.len() && !packet.claimed.contains_key(&caller.person);
        let full = self.state.read().flows.packet(&caller.program, order_no).is_none_or(full);
        // What is told is sealed before it is decided: first what is likely to come of it.
        for empty in [full, !full] {
            if let Some(told) = self.claim_or_not(caller, order_no, &order, ticket, empty).await? {
                self.tell(caller.session, told);
                return Ok(Reply::Ticket(ticket));
            }
        }
        Err(Failure::new(
            codes::CONFLICT,
            format!("packet \"{order_no}\" changed meanwhile; nothing was changed, claim again"),
        ))
    }

    /// Claims a share if one is there, and that is expected; or keeps that it is `empty`. None: the other of the two is the case.
    async fn claim_or_not(
        &self,
        caller: &Caller,
        order_no: &str,
        order: &OrderState,
        ticket: Ticket,
        empty: bool,
    ) -> Result<Option<Event>, Failure> {
        let event = |fields: youji_api::Fields| Event::completed(ticket, fields.with("order-no", order_no).with("action", "claim"));
        // How much it is is filled in whenever it is told.
        let told = event(if empty {
            coded(CALL, "failed", "empty")
        } else {
            fields(CALL, "done")
        });
        let kept = self.keep_outcome(caller, &told).await?;
        let legs = self.legs(&caller.program, order_no, order);
        let wallet = self.wallet(&caller.person);
        let transfer = legs.out_of_packet(legs.claim(&caller.person), wallet, 0);
        let open_id = self.open_id(&caller.person, &caller.program);
        let (own, number) = (caller.clone(), order_no.to_owned());
        let claimed = self
            .commit(move |state, stamp| {
                let order = state.order(&own.program, &number).ok_or_else(|| no_order(&number))?;
                let row = order.flow.record.as_ref().and_then(|(collection, key)| {
                    let row = state.row(&own.program, collection, key)?;
                    Some((row, rule(&own, collection)?))
                });
                let may =
                    row.is_some_and(|(row, rule)| row.alive(stamp.millis()) && state.belongs(&own, open_id.as_str(), &rule.readers, row));
                if !may {
                    return Err(no_order(&number));
                }
                let packet = state.flows.packet(&own.program, &number).ok_or_else(|| no_order(&number))?;
                let shares = &packet.shares;
                let mine = packet.claimed.get(&own.person);
                let open = order.phase == OrderPhase::RequiresCapture && stamp.millis() < order.flow.until;
                let next = shares.get(packet.claimed.len()).filter(|_| open);
                let next = next.filter(|_| state.people.contains_key(&own.person));
                if empty != (mine.is_none() && next.is_none()) {
                    return Ok((Vec::new(), Claimed::Otherwise));
                }
                if let Some(place) = mine {
                    let share = shares.get(*place as usize).copied().unwrap_or_default();
                    return Ok((vec![kept], Claimed::Share(share, packet.left)));
                }
                let Some(share) = next else {
                    return Ok((vec![kept], Claimed::Empty));
                };
                let transfer = Transfer {
                    amount: (*share).into(),
                    ..transfer
                };
                if let Some((_, error)) = state.ledger.check(&[transfer], stamp.at).fault() {
                    return Err(Failure::new(
                        codes::FAILED,
                        format!("the ledger refused: {error}; nothing was changed"),
                    ));
                }
                let left = packet.left - share;
                let claim = FlowChange::Claimed {
                    program: own.program,
                    order_no: number,
                    person: own.person,
                };
                let changes = vec![Change::Transfers(vec![transfer]), Change::Flow(claim), kept];
                Ok((changes, Claimed::Share(*share, left)))
            })
            .await?;
        Ok(match claimed {
            Claimed::Otherwise => None,
            Claimed::Empty => Some(told),
            Claimed::Share(share, left) => Some(event(
                fields(CALL, "done").with("amount", whole(share)).with("remaining", whole(left)),
            )),
        })
    }

    /// A claim's outcome says how much, as far as that is known now.
    pub(crate) fn fill_claim(&self, caller: &Caller, event: &mut Event) {
        let claim = event.fields.text("action") == "claim" && event.fields.text("outcome") == "done";
        if !claim {
            return;
        }
        let state = self.state.read();
        let Some(packet) = state.flows.packet(&caller.program, event.fields.text("order-no")) else {
            return;
        };
        let place = packet.claimed.get(&caller.person);
        if let Some(share) = place.and_then(|place| packet.shares.get(*place as usize)) {
            event.fields.set("amount", whole(*share));
            event.fields.set("remaining", whole(packet.left));
        }
    }

    /// What the end of a packet comes to: the rest goes back. Answers it with how many claims it was planned on.
    pub(crate) fn plan_packet_end(&self, program: &ProgramId, order_no: &str, order: &OrderState, now: u64) -> (Moved, usize) {
        let state = self.state.read();
        let packet = state.flows.packet(program, order_no);
        let (left, claims) = packet.map_or((0, 0), |packet| (packet.left, packet.claimed.len()));
        let mut next = order.clone();
        next.flow.revision += 1;
        next.at = now;
        next.phase = if claims > 0 { OrderPhase::Succeeded } else { OrderPhase::Canceled };
        next.flow.captured = order.amount - left;
        next.flow.held = 0;
        let moved = Moved {
            transfers: self.legs(program, order_no, order).packet_rest(left),
            captured: next.flow.captured,
            returned: left,
            refunded: 0,
            repeated: false,
            order: next,
        };
        (moved, claims)
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn shares_come_to_the_amount_and_none_is_empty() {
        for seed in 0..500_u64 {
            let shares = 1 + u32::try_from(seed % 97).unwrap();
            let amount = u64::from(shares) + seed * seed;
            for seed in [None, Some(seed)] {
                let drawn = split(amount, shares, seed);
                assert_eq!(drawn.len(), shares as usize);
                assert_eq!(drawn.iter().sum::<u64>(), amount, "{amount} in {shares}, seed {seed:?}");
                assert!(drawn.iter().all(|share| *share >= 1), "{drawn:?}");
            }
        }
        assert_eq!(split(10, 3, None), [4, 3, 3]);
    }

    #[test]
    fn a_split_is_fixed_by_its_seed_and_even_in_the_mean() {
        // Recorded: entries of the log hold the seed only.
        assert_eq!(split(2_000, 5, Some(7)), [127, 158, 805, 661, 249]);
        let mut sums = [0_u64; 5];
        for seed in 0..4_000 {
            for (sum, share) in sums.iter_mut().zip(split(2_000, 5, Some(seed))) {
                *sum += share;
            }
        }
        for sum in sums {
            let mean = sum / 4_000;
            assert!((380..=420).contains(&mean), "400 on average expected at each place, {mean} came");
        }
    }
}
