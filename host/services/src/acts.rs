//! `payment.act`: what payers, payees and staff do with an order, and what anybody of them may know of it.

use crate::money;
use crate::moves::{Move, Parts, gives, permit, plan};
use crate::outcomes::coded;
use crate::services::{Services, limit};
use crate::sessions::What;
use crate::settle::{no_order, order_fields, whole};
use crate::state::OrderState;
use std::sync::Arc;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, Reply, Sheet, SheetId, SheetKind, SheetTerms, Ticket};

pub(crate) const CALL: &str = "payment.act";

/// An act whose sheet is open.
#[derive(Debug)]
pub(crate) struct OpenAct {
    pub(crate) order_no: String,
    pub(crate) wish: Move,
}

impl Services {
    /// Whether the caller may do that with the order as it stands.
    fn may(&self, caller: &Caller, order_no: &str, wish: &Move, order: &OrderState) -> Result<Parts, Failure> {
        let parts = Parts::of(&self.state.read(), caller, order);
        if !parts.any() {
            return Err(no_order(order_no));
        }
        permit(parts, order, wish).map(|()| parts)
    }

    pub(crate) async fn act(&self, caller: &Caller, order_no: &str, action: &str, options: &Fields) -> Result<Reply, Failure> {
        if action == "claim" {
            return self.claim(caller, order_no).await;
        }
        if let Some(done) = self.act_on_collected(caller, order_no, action, options).await? {
            return Ok(done);
        }
        let wish = Move::parse(action, options)?;
        let order = self.snapshot(&caller.program, order_no).ok_or_else(|| no_order(order_no))?;
        let parts = self.may(caller, order_no, &wish, &order)?;
        let ticket = self.ticket();
        if gives(parts, &wish) {
            self.ask_act(caller, order_no, wish, &order, ticket)?;
            return Ok(Reply::Ticket(ticket));
        }
        self.carry_out(caller, order_no, &wish, ticket, |order| {
            self.may(caller, order_no, &wish, order).map(drop)
        })
        .await?;
        Ok(Reply::Ticket(ticket))
    }

    /// Shows what the caller would give away.
    fn ask_act(&self, caller: &Caller, order_no: &str, wish: Move, order: &OrderState, ticket: Ticket) -> Result<(), Failure> {
        if self.open_sheets(caller, "") >= self.config.limits.sheets {
            return Err(limit(format!("at most {} sheets at once", self.config.limits.sheets)));
        }
        let moved = plan(order, &wish, &self.legs(&caller.program, order_no, order), self.now())?;
        let (mode, amount, payee) = match &wish {
            Move::Refund { .. } => {
                let payer = self.profile(&order.person).map(|profile| profile.name);
                ("refund", moved.refunded, payer.ok_or_else(crate::people::nobody)?)
            }
            _ => {
                let payee = self.payee_name(order).in_language(&caller.language).to_owned();
                let mode = if order.flow.mode == crate::order::Mode::Deposit {
                    "charge"
                } else {
                    "release"
                };
                (mode, moved.captured, payee)
            }
        };
        let (balance, pin) = {
            let state = self.state.read();
            let pin = state.people.get(&caller.person).is_some_and(|person| person.has_pin);
            (self.balance_in(&state, &caller.person), pin)
        };
        let sheet = Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Payment {
                payee,
                amount: money::decimal(amount, &order.currency),
                currency: order.currency.clone(),
                purpose: String::new(),
                lines: Vec::new(),
                balance: money::decimal(balance, &order.currency),
                affordable: mode != "refund" || balance >= amount,
                pin,
                terms: Box::new(SheetTerms {
                    mode: mode.to_owned(),
                    ..SheetTerms::default()
                }),
            },
        };
        // The amount that was shown is the amount that moves.
        let wish = match wish {
            Move::Capture { last, .. } => Move::Capture {
                amount: Some(amount),
                last,
            },
            Move::Refund { reference, .. } => Move::Refund {
                amount: Some(amount),
                reference,
            },
            other => other,
        };
        let order_no = order_no.to_owned();
        self.show(caller, sheet, self.asked(ticket, What::Act(Arc::new(OpenAct { order_no, wish }))))
    }

    /// The person agreed to give it. What stands in the way is the outcome's to say.
    pub(crate) async fn confirm_act(&self, caller: &Caller, ticket: Ticket, open: &OpenAct) -> Result<(), Failure> {
        let (order_no, wish) = (&open.order_no, &open.wish);
        let done = self.carry_out(caller, order_no, wish, ticket, |order| {
            self.may(caller, order_no, wish, order).map(drop)
        });
        let Err(failure) = done.await else { return Ok(()) };
        let outcome = coded(CALL, "failed", &failure.code).with("order-no", order_no.as_str());
        let outcome = outcome.with("action", wish.name());
        self.complete(caller, Event::completed(ticket, outcome), Vec::new()).await
    }

    /// The sheet of an act was declined, or lapsed.
    pub(crate) async fn close_act(&self, caller: &Caller, ticket: Ticket, open: &OpenAct, outcome: Fields) -> Result<(), Failure> {
        let fields = outcome.with("order-no", open.order_no.as_str()).with("action", open.wish.name());
        self.complete(caller, Event::completed(ticket, fields), Vec::new()).await
    }

    pub(crate) async fn lookup(&self, caller: &Caller, order_no: &str) -> Result<Fields, Failure> {
        let collected = || self.lookup_collected(&self.state.read(), caller, order_no);
        if collected().is_some() {
            // What is answered waits for the disk.
            self.commit(|_, _| Ok((Vec::new(), ()))).await?;
            return collected().ok_or_else(|| no_order(order_no));
        }
        let (caller, order_no) = (caller.clone(), order_no.to_owned());
        self.commit(move |state, _| {
            let order = state.order(&caller.program, &order_no);
            let order = order.filter(|order| Parts::of(state, &caller, order).any());
            let order = order.ok_or_else(|| no_order(&order_no))?;
            let mut fields = order_fields(&order_no, order);
            if let Some(packet) = state.flows.packet(&caller.program, &order_no) {
                fields.set("shares", whole(packet.shares.len() as u64));
                fields.set("claims", whole(packet.claimed.len() as u64));
                fields.set("remaining", whole(packet.left));
            }
            Ok((Vec::new(), fields))
        })
        .await
    }
}
