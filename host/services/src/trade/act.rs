//! What merchant and payer do with an intent after it was made: each once, whatever is sent twice or at the same time.

use super::keys::check_idempotency_key;
use super::make::{room_for_answer, was_answered};
use super::state::{Closed, TradeChange};
use super::view::{Intent, no_intent, of_merchant};
use super::{Idempotency, MerchantId};
use crate::blob::Blob;
use crate::change::Change;
use crate::keys;
use crate::moves::{Move, Parts, permit, plan};
use crate::services::{Services, not_found};
use crate::settle::Written;
use crate::state::OrderState;
use youji_api::{Failure, Fields, PersonId, codes};

/// Plans again at most so many times before it gives up: others were always first.
const AGAIN: usize = 64;

/// As whom the merchant acts on an order: like a publisher's staff.
const STAFF: Parts = Parts {
    payer: false,
    payee: false,
    staff: true,
};
const PAYER: Parts = Parts {
    payer: true,
    payee: false,
    staff: false,
};

impl Services {
    /// "capture", "cancel", "refund" or "ship", with the options that mini-programs have too: "amount" (minor units), "final",
    /// "reference", "reason", "tracking". Answers the intent as it is then; the same request again gets the same answer.
    ///
    /// # Errors
    /// "not-found"; "invalid", "limit", "unsupported" for options; "forbidden" for what its mode does not know; "conflict" for what its
    /// state does not allow; "insufficient" where the merchant's account holds less than is to go back; a mismatch of the key.
    pub async fn act_on_intent(
        &self,
        merchant: &MerchantId,
        id: &str,
        action: &str,
        options: &Fields,
        again: &Idempotency,
    ) -> Result<Intent, Failure> {
        check_idempotency_key(&again.key)?;
        let program = merchant.program();
        let (answer, asked) = (self.answer_id(&program, &again.key), again.short());
        let wish = Move::parse(action, options)?;
        for _ in 0..AGAIN {
            if was_answered(&self.state.read(), answer, asked)? {
                return self.answered(answer).await;
            }
            let (intent, order) = of_merchant(&self.state.read(), &program, id)?;
            let body = self.intent_body(id).await?;
            let keep = |shown: &Intent| {
                Change::Trade(TradeChange::Answer {
                    id: answer,
                    asked,
                    answer: Blob::from(serde_json::to_vec(shown).unwrap_or_default()),
                })
            };
            let guard = move |state: &crate::state::State| {
                room_for_answer(state)?;
                was_answered(state, answer, asked).map(|before| !before)
            };
            let Some(order) = order else {
                if wish != Move::Cancel {
                    return Err(Failure::new(
                        codes::CONFLICT,
                        format!("\"{action}\" needs an intent that somebody paid; nobody has paid this one"),
                    ));
                }
                let mut closed = intent.clone();
                closed.closed = closed.closed.or(Some(Closed::Canceled));
                let shown = self.intent_with(id, &closed, body, None);
                let (keep, named, repeated) = (keep(&shown), id.to_owned(), intent.closed.is_some());
                let done = self
                    .commit(move |state, _| {
                        let waits = state.trade.intents.get(&named).is_some_and(|intent| state.waits(intent));
                        if !guard(state)? || waits == repeated {
                            return Ok((Vec::new(), false));
                        }
                        let why = Closed::Canceled;
                        let close = (!repeated).then_some(Change::Trade(TradeChange::Closed { id: named, why }));
                        Ok((close.into_iter().chain([keep]).collect(), true))
                    })
                    .await?;
                if done {
                    return Ok(shown);
                }
                continue;
            };
            permit(STAFF, &order, &wish)?;
            if matches!(wish, Move::Refund { .. }) && !self.alive(&order.person) {
                return Err(not_found(
                    "whoever paid this was forgotten, and their wallet went with them; nothing was moved: give it back in another way",
                ));
            }
            let moved = plan(&order, &wish, &self.legs(&program, &intent.order_no, &order), self.now())?;
            if moved.repeated {
                let shown = self.intent_with(id, &intent, body, Some(&order));
                let keep = keep(&shown);
                let kept = self.commit(move |state, _| Ok(if guard(state)? { (vec![keep], true) } else { (Vec::new(), false) }));
                if kept.await? {
                    return Ok(shown);
                }
                continue;
            }
            let shown = self.intent_with(id, &intent, body, Some(&moved.order));
            let mut planned = self
                .planned(&program, &intent.order_no, &order, &wish, moved, Some(&order.person))
                .await?;
            planned.changes.push(keep(&shown));
            match self.write_guarded(vec![planned], None, guard).await? {
                Written::Done => return Ok(shown),
                Written::Again => {}
                Written::Insufficient => {
                    return Err(Failure::new(
                        codes::INSUFFICIENT,
                        "the merchant's account holds too little to give that back; nothing was moved",
                    ));
                }
            }
        }
        Err(Failure::new(
            codes::CONFLICT,
            "others act on this intent all the time; look it up and try again",
        ))
    }

    /// The first answer to a request.
    async fn answered(&self, answer: u128) -> Result<Intent, Failure> {
        // What is answered waits for the disk.
        self.commit(|_, _| Ok((Vec::new(), ()))).await?;
        let found = self.fetch(&[keys::answer(answer)]).await?.pop().flatten();
        found
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Failure::new(codes::FAILED, "the first answer is kept and can't be read; look the intent up"))
    }

    /// What the payer does with what is held of an intent that they paid: "release" it to the merchant, or "dispute" it. Again: nothing
    /// more happens. Answers the order's state.
    ///
    /// # Errors
    /// "not-found", also for what somebody else paid; "forbidden" for what its mode does not know; "conflict" when nothing is held;
    /// "denied" and "limit" for a PIN, which releasing needs where the person has one.
    pub async fn payer_acts(&self, person: &PersonId, id: &str, action: &str, pin: &str) -> Result<String, Failure> {
        let wish = match action {
            "release" => Move::Capture { amount: None, last: true },
            "dispute" => Move::Dispute,
            _ => Move::parse(action, &Fields::new())?,
        };
        let mut checked = !matches!(wish, Move::Capture { .. }) || !self.asks_for_pin(person);
        for _ in 0..AGAIN {
            let (intent, order) = self.paid_by(person, id)?;
            permit(PAYER, &order, &wish)?;
            let moved = plan(&order, &wish, &self.legs(&intent.program, &intent.order_no, &order), self.now())?;
            if moved.repeated {
                return Ok(order.state_code().to_owned());
            }
            if !checked {
                self.check_pin_of(person, pin).await?;
                checked = true;
                continue;
            }
            let state = moved.order.state_code().to_owned();
            let planned = self
                .planned(&intent.program, &intent.order_no, &order, &wish, moved, Some(person))
                .await?;
            match self.write_planned(vec![planned], None).await? {
                Written::Done => return Ok(state),
                Written::Again => {}
                Written::Insufficient => {
                    return Err(Failure::new(codes::FAILED, "what was reserved is not there; check the ledger"));
                }
            }
        }
        Err(Failure::new(
            codes::CONFLICT,
            "others act on this order all the time; look again and try again",
        ))
    }

    fn paid_by(&self, person: &PersonId, id: &str) -> Result<(super::state::IntentState, OrderState), Failure> {
        let state = self.state.read();
        let intent = state.trade.intents.get(id).ok_or_else(no_intent)?;
        let order = state
            .order(&intent.program, &intent.order_no)
            .filter(|order| order.person == *person);
        Ok((intent.as_ref().clone(), order.cloned().ok_or_else(no_intent)?))
    }
}
