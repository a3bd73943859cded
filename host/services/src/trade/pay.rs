//! The sheet of an intent, drawn by the host without any mini-program, and the payer's yes: one durable act, or nothing.

use super::MerchantId;
use super::make::IntentBody;
use super::state::IntentState;
use super::view::no_intent;
use crate::change::Change;
use crate::flow::Flow;
use crate::model::{DayCounts, Receipt};
use crate::money;
use crate::order::{Mode, Terms};
use crate::people::nobody;
use crate::say::Say;
use crate::services::Services;
use crate::spending::{SeatId, SpendsAt};
use crate::state::{OrderPhase, OrderState, State};
use std::sync::Arc;
use youji_api::{Failure, PersonId, Sheet, SheetId, SheetKind, SheetTerms, codes};
use youji_ledger::{Transfer, TransferError};

/// The code of a failure: nobody can pay it any more.
pub const EXPIRED: &str = "expired";

/// What a person saw when they said yes.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// Decimal, as the sheet showed it.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
}

/// What came of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidIntent {
    /// "succeeded", or "requires_capture" where the money is held.
    pub state: String,
    /// Number of the receipt.
    pub receipt: String,
    /// Signed by the host.
    pub document: String,
    /// The payer's balance afterwards, in minor units.
    pub balance: u64,
    /// Whether this person had paid it before: nothing moved now.
    pub before: bool,
}

/// What becomes of an attempt to write a payment.
enum Paid {
    Done,
    /// Somebody was first.
    Stale,
    Insufficient,
}

impl Services {
    /// An intent that a person may pay, or what they paid it with. Unlike a merchant's view, it is durable already: an intent is known by its
    /// link, and nobody gets one before that.
    fn offered(&self, id: &str) -> Result<(Arc<IntentState>, Option<OrderState>), Failure> {
        let state = self.state.read();
        let intent = state.trade.intents.get(id).ok_or_else(no_intent)?;
        Ok((intent.clone(), state.order(&intent.program, &intent.order_no).cloned()))
    }

    /// The sheet that asks a person at a seat to pay an intent, in their language, from stored values.
    ///
    /// # Errors
    /// "not-found"; "conflict" when it was paid or canceled; [`EXPIRED`].
    pub async fn intent_sheet(&self, person: &PersonId, id: &str, seat: SeatId) -> Result<Sheet, Failure> {
        let (intent, order) = self.offered(id)?;
        self.still_waits(person, &intent, order.as_ref())?;
        let merchant = MerchantId::of_program(&intent.program).ok_or_else(no_intent)?;
        let body = self.intent_body(id).await?;
        let order = body.order(&intent.order_no, &merchant, intent.amount, &self.config.currency);
        let terms = self.intent_terms(&order, self.now())?;
        let language = self.language_of(person);
        let decimal = |amount: u64| money::decimal(amount, &self.config.currency);
        let line = |line: &youji_api::call::OrderLine| {
            let sign = if line.options.text("kind") == "discount" { "-" } else { "" };
            (line.title.clone(), line.quantity, format!("{sign}{}", decimal(line.amount)))
        };
        let (balance, pin, payee) = {
            let state = self.state.read();
            let known = state.people.get(person).ok_or_else(nobody)?;
            let payee = state.merchant(&merchant.publisher, &merchant.merchant).ok_or_else(no_intent)?;
            let payee = payee.in_language(&language).to_owned();
            (self.balance_in(&state, person), known.has_pin, payee)
        };
        let at_expiry = match (terms.until, terms.capture_at_expiry) {
            (0, _) => "",
            (_, true) => "capture",
            (_, false) => "cancel",
        };
        let mut said = SheetTerms {
            mode: intent.mode.code().to_owned(),
            until: terms.until,
            at_expiry: at_expiry.to_owned(),
            ..SheetTerms::default()
        };
        if pin && intent.mode == Mode::Pay {
            let payee = (merchant.publisher.clone(), merchant.merchant.clone());
            self.spending_terms_at(SpendsAt::Seat(seat), person, &payee, intent.amount, &mut said);
        }
        Ok(Sheet {
            id: SheetId(self.draw()),
            program: payee.clone(),
            publisher: self.publisher_name(&merchant.publisher, &language),
            kind: SheetKind::Payment {
                payee,
                amount: decimal(intent.amount),
                currency: self.config.currency.clone(),
                purpose: terms.purpose.clone(),
                lines: order.lines.iter().map(line).collect(),
                balance: decimal(balance),
                affordable: balance >= intent.amount,
                pin: pin && said.spending_left.is_empty(),
                terms: Box::new(said),
            },
        })
    }

    fn still_waits(&self, person: &PersonId, intent: &IntentState, order: Option<&OrderState>) -> Result<(), Failure> {
        if let Some(order) = order {
            let who = if order.person == *person { "you" } else { "somebody else" };
            return Err(Failure::new(
                codes::CONFLICT,
                format!("this was paid by {who} already; nothing was moved now"),
            ));
        }
        if intent.closed.is_some() || self.now() >= intent.ends {
            return Err(over());
        }
        Ok(())
    }

    /// Whether a person's yes needs their PIN.
    pub fn asks_for_pin(&self, person: &PersonId) -> bool {
        self.state.read().people.get(person).is_some_and(|person| person.has_pin)
    }

    /// A person's yes to an intent with their PIN, where they have one. The same person again learns what came of the first yes.
    ///
    /// # Errors
    /// "denied" for a wrong PIN, "limit" while locked out; then as [`Services::pay_intent_authorised`].
    pub async fn pay_intent(&self, person: &PersonId, id: &str, agreed: &Agreed, pin: &str) -> Result<PaidIntent, Failure> {
        let (intent, order) = self.offered(id)?;
        if order.is_none() {
            self.still_waits(person, &intent, None)?;
            self.as_agreed(&intent, agreed)?;
        }
        if self.asks_for_pin(person) {
            self.check_pin_of(person, pin).await?;
        }
        self.pay_intent_authorised(person, id, agreed).await
    }

    fn as_agreed(&self, intent: &IntentState, agreed: &Agreed) -> Result<(), Failure> {
        let amount = money::decimal(intent.amount, &self.config.currency);
        if agreed.amount == amount && agreed.currency == self.config.currency {
            return Ok(());
        }
        let said: String = agreed.amount.chars().take(32).collect();
        let currency: String = agreed.currency.chars().take(8).collect();
        Err(Failure::new(
            codes::CONFLICT,
            format!(
                "{said} {currency} was agreed to, and {amount} {} is asked; nothing was moved: look at the sheet again",
                self.config.currency
            ),
        ))
    }

    /// A yes of which the caller knows that it is the person's: their PIN was checked, or a spending authorisation covers it.
    ///
    /// # Errors
    /// "not-found"; "conflict" when somebody else paid it, or another amount was agreed to; [`EXPIRED`]; "insufficient".
    pub async fn pay_intent_authorised(&self, person: &PersonId, id: &str, agreed: &Agreed) -> Result<PaidIntent, Failure> {
        let (intent, order) = self.offered(id)?;
        self.as_agreed(&intent, agreed)?;
        if let Some(order) = &order {
            return self.paid_before(person, id, order).await;
        }
        self.still_waits(person, &intent, None)?;
        let merchant = MerchantId::of_program(&intent.program).ok_or_else(no_intent)?;
        let body = self.intent_body(id).await?;
        let asked = body.order(&intent.order_no, &merchant, intent.amount, &self.config.currency);
        let terms = self.intent_terms(&asked, self.now())?;
        let order = self.order_of(person, id, &intent, &merchant, &terms);
        let (written, receipt) = self.write_intent_payment(id, &intent, order, body).await?;
        match written {
            Paid::Done => {
                self.tell_inbox(person);
                Ok(PaidIntent {
                    state: receipt.state,
                    receipt: receipt.receipt,
                    document: receipt.document,
                    balance: self.balance_in(&self.state.read(), person),
                    before: false,
                })
            }
            Paid::Insufficient => Err(Failure::new(
                codes::INSUFFICIENT,
                "the wallet holds less than this; nothing was moved",
            )),
            Paid::Stale => match self.offered(id)?.1 {
                Some(order) => self.paid_before(person, id, &order).await,
                None => Err(over()),
            },
        }
    }

    /// What came of the first yes, for the person who said it.
    async fn paid_before(&self, person: &PersonId, id: &str, order: &OrderState) -> Result<PaidIntent, Failure> {
        if order.person != *person {
            return Err(Failure::new(
                codes::CONFLICT,
                "this was paid by somebody else already; nothing was moved now",
            ));
        }
        // What is answered about it waits for the disk.
        self.commit(|_, _| Ok((Vec::new(), ()))).await?;
        let body = self.intent_body(id).await?;
        let receipt = self.receipt_of(order, id, body.description);
        Ok(PaidIntent {
            state: receipt.state,
            receipt: receipt.receipt,
            document: receipt.document,
            balance: self.balance_in(&self.state.read(), person),
            before: true,
        })
    }

    /// The order that an intent becomes.
    fn order_of(&self, person: &PersonId, id: &str, intent: &IntentState, merchant: &MerchantId, terms: &Terms) -> OrderState {
        let (amount, at) = (intent.amount, self.now());
        let held = intent.mode != Mode::Pay;
        let flow = Flow {
            mode: intent.mode,
            revision: 1,
            moved: true,
            until: terms.until,
            capture_at_expiry: terms.capture_at_expiry,
            held: if held { amount } else { 0 },
            holds: u32::from(held),
            captured: if held { 0 } else { amount },
            intent: id.to_owned(),
            paid_at: at,
            ..Flow::default()
        };
        OrderState {
            person: person.clone(),
            generation: self.state.read().generation(person, &intent.program),
            hash: intent.hash.clone(),
            phase: if held { OrderPhase::RequiresCapture } else { OrderPhase::Succeeded },
            ticket: 0,
            publisher: merchant.publisher.clone(),
            merchant: merchant.merchant.clone(),
            amount,
            currency: self.config.currency.clone(),
            receipt: self.draw_id(),
            at,
            flow,
        }
    }

    /// Transfer, order, receipt, message and the day's count, in one entry.
    async fn write_intent_payment(
        &self,
        id: &str,
        intent: &IntentState,
        mut order: OrderState,
        body: IntentBody,
    ) -> Result<(Paid, Receipt), Failure> {
        let (program, order_no) = (intent.program.clone(), intent.order_no.clone());
        let person = order.person.clone();
        let held = order.phase == OrderPhase::RequiresCapture;
        let (transfers, mut changes) = {
            let legs = self.legs(&program, &order_no, &order);
            let transfers = if held {
                legs.reserve(1, order.amount, 0)
            } else {
                legs.pay(order.amount, 0)
            };
            (transfers, legs.accounts(order.flow.mode, 0))
        };
        let receipt = self.receipt_of(&order, id, body.description);
        let amount = money::with_sign(order.amount, &order.currency);
        let say = if held { Say::HeldFor } else { Say::Paid };
        let message = self.say(&program, &person, say, &amount, &receipt.payee, order.at)?;
        changes.push(Change::Receipt {
            person: person.clone(),
            receipt: self.seal_receipt(&person, &receipt)?,
        });
        changes.push(message);
        if !held {
            changes.push(Change::Counted {
                day: order.at / 86_400_000,
                counts: DayCounts {
                    orders: 1,
                    turnover: order.amount,
                    ..DayCounts::default()
                },
            });
        }
        let id = id.to_owned();
        let written = self
            .commit(move |state, stamp| {
                let Some(mine) = state.people.get(&person) else {
                    return Err(nobody());
                };
                let same = state.generation(&person, &program) == order.generation;
                if state.payable(&id, stamp.millis()).is_none() || !same {
                    return Ok((Vec::new(), Paid::Stale));
                }
                if too_poor(state, &transfers, stamp.at)? {
                    return Ok((Vec::new(), Paid::Insufficient));
                }
                order.flow.receipt_at = mine.last_receipt + 1;
                changes.push(Change::Transfers(transfers));
                changes.push(Change::Order {
                    program,
                    order_no,
                    order,
                    body: None,
                });
                Ok((changes, Paid::Done))
            })
            .await?;
        Ok((written, receipt))
    }
}

/// Whether the payer can't afford the transfers.
pub(crate) fn too_poor(state: &State, transfers: &[Transfer], at: u64) -> Result<bool, Failure> {
    match state.ledger.check(transfers, at).fault() {
        None => {}
        // A merchant's account that is not open yet is opened by the same entry; what the payer has is looked at below.
        Some((_, TransferError::CreditAccountNotFound)) => {}
        Some((_, TransferError::ExceedsCredits | TransferError::DebitAccountNotFound)) => return Ok(true),
        Some((_, error)) => {
            return Err(Failure::new(
                codes::FAILED,
                format!("the ledger refused: {error}; nothing was moved"),
            ));
        }
    }
    let Some(from) = transfers.first().map(|transfer| transfer.debit) else {
        return Ok(false);
    };
    let needs: u128 = transfers.iter().map(|transfer| transfer.amount).sum();
    let has = state.ledger.account(from).map_or(0, youji_ledger::Account::available);
    Ok(has < needs)
}

fn over() -> Failure {
    Failure::new(
        EXPIRED,
        "this can't be paid any more: it was canceled, or its time is over; ask for a new code",
    )
}
