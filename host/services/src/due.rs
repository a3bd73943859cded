//! What time does: holds that end, packets that return, pools that did not fill. Each at most once, also over a restart.

use crate::change::Change;
use crate::flow::{FlowChange, Pool};
use crate::model::Names;
use crate::moves::{Move, plan};
use crate::order::Mode;
use crate::say::Say;
use crate::services::Services;
use crate::settle::{Planned, Written};
use crate::state::{OrderPhase, OrderState, State};
use crate::{money, moves::Moved};
use youji_api::{Failure, PersonId, ProgramId, codes};

/// Orders that one round settles at most, so that a long list does not keep other things waiting.
const ROUND: usize = 256;
/// Plans again at most so many times in one round.
const AGAIN: usize = 16;

impl State {
    /// Orders of which something is held from a person or for them.
    pub(crate) fn held_for(&self, person: &PersonId) -> impl Iterator<Item = &(ProgramId, String)> {
        self.flows.open.iter().filter(move |(program, order_no)| {
            let order = self.order(program, order_no);
            order.is_some_and(|order| order.person == *person || order.flow.to.as_ref() == Some(person))
        })
    }
}

impl Services {
    /// Settles what is due. The list stands in the state, so what was due while the host was off is settled after its start.
    pub(crate) async fn settle_due(&self) {
        let now = self.now();
        let due: Vec<(ProgramId, String)> = {
            let state = self.state.read();
            let due = state.flows.due.iter().take_while(|(at, _, _)| *at <= now).take(ROUND);
            due.map(|(_, program, order_no)| (program.clone(), order_no.clone())).collect()
        };
        for (program, order_no) in due {
            let settled = self.expire(&program, &order_no, None, |order| order.flow.until <= now && order.flow.until > 0);
            if let Err(failure) = settled.await {
                tracing::warn!(%failure, "a hold whose time is over waits for the next round");
            }
        }
    }

    /// Settles everything that is held from a person or for them, before their key goes: their own as its time would have done it,
    /// what is held for them by returning it.
    pub(crate) async fn settle_for(&self, person: &PersonId) -> Result<(), Failure> {
        let theirs: Vec<(ProgramId, String)> = {
            let state = self.state.read();
            state.held_for(person).cloned().collect()
        };
        for (program, order_no) in theirs {
            self.expire(&program, &order_no, Some(person), |_| true).await?;
        }
        self.end_packets_from(person).await
    }

    /// Ends a hold as its time would, while `ended` says so of the order. What is held for somebody who is `leaving` goes back.
    async fn expire(
        &self,
        program: &ProgramId,
        order_no: &str,
        leaving: Option<&PersonId>,
        ended: impl Fn(&OrderState) -> bool,
    ) -> Result<(), Failure> {
        for _ in 0..AGAIN {
            let Some(order) = self.snapshot(program, order_no) else {
                return Ok(());
            };
            if order.phase != OrderPhase::RequiresCapture || !ended(&order) {
                return Ok(());
            }
            let written = match order.flow.mode {
                Mode::Packet => {
                    let planned = self.end_packet(program, order_no, &order).await?;
                    self.write_planned(vec![planned], None).await?
                }
                Mode::Pool => self.end_pool(program, order_no, &order).await?,
                _ => {
                    let payee_gone = order.flow.to.as_ref().is_some_and(|to| leaving == Some(to) || !self.alive(to));
                    let wish = match order.flow.capture_at_expiry && !payee_gone {
                        true => Move::Capture { amount: None, last: true },
                        false => Move::Cancel,
                    };
                    let moved = plan(&order, &wish, &self.legs(program, order_no, &order), self.now())?;
                    let planned = self.planned(program, order_no, &order, &wish, moved, None).await?;
                    self.write_planned(vec![planned], None).await?
                }
            };
            match written {
                Written::Done => return Ok(()),
                Written::Again => {}
                Written::Insufficient => {
                    return Err(Failure::new(codes::FAILED, "what was reserved is not there; check the ledger"));
                }
            }
        }
        Err(Failure::new(
            codes::CONFLICT,
            "others act on this order all the time, and what it holds stays held; try again",
        ))
    }

    async fn end_packet(&self, program: &ProgramId, order_no: &str, order: &OrderState) -> Result<Planned, Failure> {
        let at = self.now();
        let (moved, claims) = self.plan_packet_end(program, order_no, order, at);
        let mut planned = self.bare(program, order_no, order, moved);
        planned.claims = Some(claims);
        planned.changes.push(Change::Flow(FlowChange::PacketGone {
            program: program.clone(),
            order_no: order_no.to_owned(),
        }));
        let (say, amount) = match planned.moved.returned {
            0 => (Say::PacketDone, order.amount),
            left => (Say::PacketBack, left),
        };
        self.tell_payer(&mut planned, say, amount, &Names::default()).await?;
        Ok(planned)
    }

    /// A pool whose time is over returns what its members hold, all in one act.
    async fn end_pool(&self, program: &ProgramId, order_no: &str, order: &OrderState) -> Result<Written, Failure> {
        let name = order.flow.pool.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
        let pool = self.state.read().flows.pool(program, &name).cloned().unwrap_or_default();
        let over = order.flow.until <= self.now();
        let members: Vec<String> = match over {
            true => pool.members.iter().map(|(member, _)| member.clone()).collect(),
            // One leaves before that.
            false => vec![order_no.to_owned()],
        };
        let mut planned = Vec::new();
        for member in &members {
            let Some(order) = self.snapshot(program, member) else { continue };
            planned.push(self.plan_member(program, member, &order, &Move::Cancel, Say::PoolLate).await?);
        }
        let mut next = pool.clone();
        next.members.retain(|(member, _)| !members.contains(member));
        next.done = over;
        next.revision += 1;
        self.write_planned(planned, Some((name, pool.revision, next))).await
    }

    /// A member's part of what happens to a pool.
    pub(crate) async fn plan_member(
        &self,
        program: &ProgramId,
        order_no: &str,
        order: &OrderState,
        wish: &Move,
        say: Say,
    ) -> Result<Planned, Failure> {
        let moved = plan(order, wish, &self.legs(program, order_no, order), self.now())?;
        let amount = moved.captured + moved.returned;
        let mut planned = self.bare(program, order_no, order, moved);
        let payee = self.payee_name(order);
        self.tell_payer(&mut planned, say, amount, &payee).await?;
        Ok(planned)
    }

    /// A part of an entry that nobody has been told of.
    fn bare(&self, program: &ProgramId, order_no: &str, before: &OrderState, moved: Moved) -> Planned {
        Planned {
            program: program.clone(),
            order_no: order_no.to_owned(),
            seen: before.flow.revision,
            claims: None,
            moved,
            changes: Vec::new(),
            people: Vec::new(),
            tell: Vec::new(),
        }
    }

    /// Receipt, message and event for the payer, if they are still there.
    async fn tell_payer(&self, planned: &mut Planned, say: Say, amount: u64, other: &Names) -> Result<(), Failure> {
        let payer = planned.moved.order.person.clone();
        if !self.alive(&payer) {
            return Ok(());
        }
        let at = self.now();
        planned.changes.extend(self.receipt_again(&planned.moved.order, at).await?);
        let amount = money::with_sign(amount, &planned.moved.order.currency);
        planned.changes.push(self.say(&planned.program, &payer, say, &amount, other, at)?);
        let code = (say == Say::PoolLate).then_some("pool-expired");
        self.order_changed(planned, &payer, code).await
    }

    /// The pool that an order names, as it stands.
    pub(crate) fn pool_of(&self, program: &ProgramId, name: &str) -> Pool {
        self.state.read().flows.pool(program, name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use crate::change::Change;
    use crate::config::ServicesConfig;
    use crate::flow::Flow;
    use crate::order::Mode;
    use crate::services::Services;
    use crate::state::{OrderPhase, OrderState};

    /// Nobody's key is destroyed while money of theirs is held.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_can_not_be_settled_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let services = Services::open(ServicesConfig::new(dir.path().join("data"))).unwrap();
        let person = services.create_visitor("en").await.unwrap().id;
        // An order that never fits what was planned: a packet of which there is none.
        let order = OrderState {
            person: person.clone(),
            generation: 0,
            hash: String::new(),
            phase: OrderPhase::RequiresCapture,
            ticket: 1,
            publisher: "pub".into(),
            merchant: String::new(),
            amount: 100,
            currency: "CNY".to_owned(),
            receipt: String::new(),
            at: 1,
            flow: Flow {
                mode: Mode::Packet,
                ..Flow::default()
            },
        };
        let change = Change::Order {
            program: "noodles".into(),
            order_no: "1".to_owned(),
            order,
            body: None,
        };
        services.write(vec![change]).await.unwrap();
        assert_eq!(services.forget(&person).await.unwrap_err().code, "conflict");
        assert!(services.person(&person).is_some(), "the key is there");
    }
}
