//! At the counter: staff of a publisher collect for its merchants with the code that a customer shows them, in a program of theirs or at
//! their own seat.
//!
//! What a program collects becomes an intent like any other, under a number that is made of the program's own one: the payer's sheet,
//! receipt and refunds are those of intents. The program learns nothing of who paid.

use super::{Collected, IDEMPOTENCY_MISMATCH, Idempotency, MerchantId, NewIntent};
use crate::acts::CALL as ACT;
use crate::model::Merchant;
use crate::order::{self, Terms};
use crate::outcomes::fields;
use crate::payment::CALL;
use crate::services::{Services, invalid};
use crate::settle::{order_fields, whole};
use crate::state::State;
use youji_api::call::Order;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, PersonId, Reply, codes};

/// The state of an order whose customer is being asked.
const ASKED: &str = "pending";

/// Who collected what, for an order of a program.
type Found = (MerchantId, String);

impl Services {
    /// Merchants for whom a person may collect: those of every publisher that gave them a role.
    pub fn counters_of(&self, person: &PersonId) -> Vec<Merchant> {
        let publishers: Vec<_> = {
            let state = self.state.read();
            let roles = state.people.get(person).map(|person| &person.roles);
            let staff = |publisher: &&youji_api::PublisherId| roles.is_some_and(|roles| roles.iter().any(|(from, _)| from == *publisher));
            state.merchants.keys().filter(staff).cloned().collect()
        };
        let merchants = publishers.iter().flat_map(|publisher| self.merchants(publisher));
        merchants.map(|(merchant, _)| merchant).collect()
    }

    /// Whether a person acts for a merchant.
    ///
    /// # Errors
    /// "forbidden" when its publisher gave them no role.
    pub fn check_staff(&self, person: &PersonId, merchant: &MerchantId) -> Result<(), Failure> {
        match self.roles(person, &merchant.publisher).is_empty() {
            false => Ok(()),
            true => Err(Failure::new(
                codes::FORBIDDEN,
                "this is for the merchant's staff, and its publisher gave you no role; nothing was changed",
            )),
        }
    }

    /// The number of the intent that a program's order becomes.
    fn counter_number(&self, caller: &Caller, order_no: &str) -> String {
        let short = self
            .host
            .short(&[b"counter", caller.program.as_str().as_bytes(), order_no.as_bytes()]);
        format!("counter-{short}")
    }

    /// `payment.pay` with a customer's code: whoever showed it pays, at once or after they were asked on their own screen.
    pub(crate) async fn pay_with_code(&self, caller: &Caller, mut order: Order, terms: &Terms, code: &str) -> Result<Reply, Failure> {
        if caller.roles.is_empty() {
            return Err(Failure::new(codes::FORBIDDEN, "with a customer's code only staff collect"));
        }
        if order.lines.iter().any(|line| line.title.is_empty()) {
            return Err(invalid("each line needs a title"));
        }
        // Another try with a fresh code is the same order.
        order.options = Fields::new();
        let content = [order::canonical(&order)?, terms.purpose.clone().into_bytes()].concat();
        let number = self.counter_number(caller, &order.order_no);
        let merchant = MerchantId::new(caller.publisher.clone(), order.merchant.clone());
        let again = Idempotency::new(number.clone(), &[&content]);
        let description = match terms.purpose.as_str() {
            "" => self.merchant_name(&merchant).in_language(&caller.language).to_owned(),
            purpose => purpose.to_owned(),
        };
        let new = NewIntent {
            order: number,
            description,
            amount: order.amount,
            currency: order.currency,
            lines: order.lines,
            ..NewIntent::default()
        };
        let (state, receipt) = match self.collect(&merchant, code, new, &again).await {
            Ok(Collected::Paid { paid, .. }) => (paid.state, paid.receipt),
            Ok(Collected::Asked { .. }) => (ASKED.to_owned(), String::new()),
            Err(failure) if failure.code == IDEMPOTENCY_MISMATCH => {
                return Err(Failure::new(
                    codes::TAKEN,
                    format!("order \"{}\" stands for other content; use a new number", order.order_no),
                ));
            }
            Err(failure) => return Err(failure),
        };
        let ticket = self.ticket();
        let done = fields(CALL, "done").with("order-no", order.order_no.as_str());
        let done = done.with("state", state.as_str()).with("receipt", receipt.as_str());
        self.complete(caller, Event::completed(ticket, done), Vec::new()).await?;
        Ok(Reply::Ticket(ticket))
    }

    /// What staff collected, or ask for, under a program's order number.
    fn collected_for(&self, state: &State, caller: &Caller, order_no: &str) -> Option<Found> {
        if caller.roles.is_empty() || state.order(&caller.program, order_no).is_some() {
            return None;
        }
        let number = self.counter_number(caller, order_no);
        let merchants = state.merchants.get(&caller.publisher)?;
        merchants.keys().find_map(|merchant| {
            let merchant = MerchantId::new(caller.publisher.clone(), merchant.clone());
            let id = self.intent_id(&merchant.program(), &number);
            state.trade.intents.get(&id).is_some().then_some((merchant, id))
        })
    }

    /// `payment.lookup` of such an order; none where it is none.
    pub(crate) fn lookup_collected(&self, state: &State, caller: &Caller, order_no: &str) -> Option<Fields> {
        let (_, id) = self.collected_for(state, caller, order_no)?;
        let intent = state.trade.intents.get(&id)?;
        Some(match state.order(&intent.program, &intent.order_no) {
            Some(order) => order_fields(order_no, order),
            None => Fields::new()
                .with("order-no", order_no)
                .with("state", if state.waits(intent) { ASKED } else { "canceled" })
                .with("mode", intent.mode.code())
                .with("amount", whole(intent.amount))
                .with("currency", self.config.currency.as_str())
                .with("captured", whole(0))
                .with("refunded", whole(0))
                .with("receipt", ""),
        })
    }

    /// `payment.act` on such an order; none where it is none.
    pub(crate) async fn act_on_collected(
        &self,
        caller: &Caller,
        order_no: &str,
        action: &str,
        options: &Fields,
    ) -> Result<Option<Reply>, Failure> {
        let found = self.collected_for(&self.state.read(), caller, order_no);
        let Some((merchant, id)) = found else { return Ok(None) };
        // A refund with a reference is made once, whatever it is sent under.
        let again = Idempotency::new(self.draw_id(), &[action.as_bytes()]);
        let standing = || self.lookup_collected(&self.state.read(), caller, order_no).unwrap_or_default();
        let refunded = |fields: &Fields| fields.integer("refunded").unwrap_or(0);
        let before = refunded(&standing());
        self.act_on_intent(&merchant, &id, action, options, &again).await?;
        let now = standing();
        let mut done = fields(ACT, "done").with("action", action);
        if action == "refund" {
            done.set("moved", refunded(&now) - before);
        }
        for (name, value) in now.iter() {
            done.set(name, value.clone());
        }
        let ticket = self.ticket();
        self.complete(caller, Event::completed(ticket, done), Vec::new()).await?;
        Ok(Some(Reply::Ticket(ticket)))
    }
}
