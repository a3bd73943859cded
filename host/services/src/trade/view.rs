//! An intent as its merchant reads it, and its receipt.

use super::MerchantId;
use super::make::IntentBody;
use super::state::{Closed, IntentState};
use crate::keys;
use crate::model::Receipt;
use crate::money;
use crate::services::{Services, not_found, store_failure};
use crate::state::{OrderPhase, OrderState, State};
use serde::{Deserialize, Serialize};
use youji_api::{Failure, PersonId};

/// A payment intent. Amounts are decimal, moments in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Names it, and stands in its pay link.
    pub id: String,
    /// The merchant's own number.
    pub order: String,
    /// The merchant's words, as the payer reads them.
    pub description: String,
    /// "requires_payment_method" until somebody pays it, "requires_capture" while the money is held, "succeeded", "canceled".
    pub state: String,
    /// "pay", "escrow" or "deposit".
    pub mode: String,
    /// To be paid.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// What it consists of.
    pub lines: Vec<IntentLine>,
    /// When it was made.
    pub created_at: u64,
    /// Until when it can be paid.
    pub expires_at: u64,
    /// Where notifications go; empty: nowhere.
    pub notify_url: String,
    /// Why it was canceled: "canceled" (by the merchant), "expired", "returned" (what was held went back); empty otherwise.
    pub reason: String,
    /// Held of it now.
    pub held: String,
    /// Reached the merchant.
    pub captured: String,
    /// Went back of that.
    pub refunded: String,
    /// Each refund.
    pub refunds: Vec<IntentRefund>,
    /// When the hold ends by itself; 0: nothing is held.
    pub hold_until: u64,
    /// Whether the merchant said that it was sent.
    pub shipped: bool,
    /// Whether the payer disputes it.
    pub disputed: bool,
    /// Number of the receipt; empty until it is paid.
    pub receipt: String,
    /// The payer as this merchant knows them, and nobody else does; empty until it is paid.
    pub payer: String,
}

/// A line of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentLine {
    /// What.
    pub title: String,
    /// How many.
    pub quantity: u32,
    /// For all of them, decimal.
    pub amount: String,
    /// "item", "discount" (subtracted), "fee" or "tax".
    pub kind: String,
}

/// A refund of an intent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentRefund {
    /// The merchant's own name for it.
    pub reference: String,
    /// Decimal.
    pub amount: String,
}

/// What is held of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub intent: String,
    /// "escrow" or "deposit".
    pub mode: &'static str,
    /// In minor units.
    pub amount: u64,
    /// Whether the payer disputes it.
    pub disputed: bool,
}

impl Services {
    /// What an intent is for.
    pub(crate) async fn intent_body(&self, id: &str) -> Result<IntentBody, Failure> {
        let at = [keys::intent(id)];
        let mut found = self.fetch(&at).await?.pop().flatten();
        if found.is_none() {
            // Made a moment ago: it stands in the projection once what is queued before this is durable.
            self.log.read(|_| ()).await.map_err(|error| store_failure(&error))?;
            found = self.fetch(&at).await?.pop().flatten();
        }
        let found = found.ok_or_else(no_intent)?;
        serde_json::from_slice(&found).map_err(|_| no_intent())
    }

    /// As it was made.
    pub(crate) fn intent_made(&self, id: &str, intent: &IntentState, body: IntentBody) -> Intent {
        let currency = &self.config.currency;
        let decimal = |amount: u64| money::decimal(amount, currency);
        let line = |line: &youji_api::call::OrderLine| IntentLine {
            title: line.title.clone(),
            quantity: line.quantity,
            amount: decimal(line.amount),
            kind: match line.options.text("kind") {
                "" => "item".to_owned(),
                kind => kind.to_owned(),
            },
        };
        Intent {
            id: id.to_owned(),
            order: intent.order_no.clone(),
            state: REQUIRES_PAYMENT_METHOD.to_owned(),
            mode: intent.mode.code().to_owned(),
            amount: decimal(intent.amount),
            currency: currency.clone(),
            lines: body.lines.iter().map(line).collect(),
            description: body.description,
            created_at: intent.at,
            expires_at: intent.ends,
            notify_url: body.notify_url.unwrap_or_default(),
            reason: String::new(),
            held: decimal(0),
            captured: decimal(0),
            refunded: decimal(0),
            refunds: Vec::new(),
            hold_until: 0,
            shipped: false,
            disputed: false,
            receipt: String::new(),
            payer: String::new(),
        }
    }

    /// As it stands with that order, or without one.
    pub(crate) fn intent_with(&self, id: &str, intent: &IntentState, body: IntentBody, order: Option<&OrderState>) -> Intent {
        let mut shown = self.intent_made(id, intent, body);
        if let Some(closed) = intent.closed {
            shown.state = OrderPhase::Canceled.code().to_owned();
            shown.reason = match closed {
                Closed::Canceled => "canceled",
                Closed::Expired => "expired",
            }
            .to_owned();
        }
        let Some(order) = order else { return shown };
        let decimal = |amount: u64| money::decimal(amount, &self.config.currency);
        let flow = &order.flow;
        shown.state = order.phase.code().to_owned();
        if order.phase == OrderPhase::Canceled {
            shown.reason = "returned".to_owned();
        }
        shown.held = decimal(flow.held);
        shown.captured = decimal(order.captured());
        shown.refunded = decimal(flow.refunded);
        let refund = |(reference, amount): &(String, u64)| IntentRefund {
            reference: reference.clone(),
            amount: decimal(*amount),
        };
        shown.refunds = flow.refunds.iter().map(refund).collect();
        if order.phase == OrderPhase::RequiresCapture {
            shown.hold_until = flow.until;
        }
        (shown.shipped, shown.disputed) = (flow.shipped, flow.disputed && order.phase == OrderPhase::RequiresCapture);
        shown.receipt.clone_from(&order.receipt);
        shown.payer = self.host.open_id(&order.person, &intent.program, order.generation).to_string();
        shown
    }

    /// The state of a merchant's intent and its order, durable before this answers.
    pub(crate) async fn intent_state(&self, merchant: &MerchantId, id: &str) -> Result<(IntentState, Option<OrderState>), Failure> {
        let (program, id) = (merchant.program(), id.to_owned());
        self.commit(move |state, _| Ok((Vec::new(), of_merchant(state, &program, &id)?)))
            .await
    }

    /// One intent of a merchant.
    ///
    /// # Errors
    /// "not-found", also for another merchant's.
    pub async fn intent(&self, merchant: &MerchantId, id: &str) -> Result<Intent, Failure> {
        let (intent, order) = self.intent_state(merchant, id).await?;
        let body = self.intent_body(id).await?;
        Ok(self.intent_with(id, &intent, body, order.as_ref()))
    }

    /// Its receipt as of now: a document that the host signs (Ed25519), which anybody verifies with the host's published keys.
    ///
    /// # Errors
    /// "not-found", also for another merchant's; "conflict" while nobody has paid it.
    pub async fn intent_receipt(&self, merchant: &MerchantId, id: &str) -> Result<Receipt, Failure> {
        let (_, order) = self.intent_state(merchant, id).await?;
        let order = order.ok_or_else(|| {
            Failure::new(
                youji_api::codes::CONFLICT,
                "nobody has paid this intent, so there is no receipt; wait for \"payment_intent.succeeded\"",
            )
        })?;
        let body = self.intent_body(id).await?;
        Ok(self.receipt_of(&order, id, body.description))
    }

    /// What is held now of a payment that no program asked for, if that person may release or dispute it.
    pub fn held_now(&self, person: &PersonId, receipt: &Receipt) -> Option<Held> {
        let state = self.state.read();
        let order = state.order(&receipt.program, &receipt.order)?;
        let waits = order.person == *person && order.phase == OrderPhase::RequiresCapture && !order.flow.intent.is_empty();
        waits.then(|| Held {
            intent: order.flow.intent.clone(),
            mode: order.flow.mode.code(),
            amount: order.flow.held,
            disputed: order.flow.disputed,
        })
    }

    pub(crate) fn receipt_of(&self, order: &OrderState, id: &str, purpose: String) -> Receipt {
        let merchant = MerchantId::new(order.publisher.clone(), order.merchant.clone());
        let program = merchant.program();
        let order_no = {
            let state = self.state.read();
            state
                .trade
                .intents
                .get(id)
                .map(|intent| intent.order_no.clone())
                .unwrap_or_default()
        };
        let mut receipt = Receipt {
            receipt: order.receipt.clone(),
            payee: self.payee_name(order),
            merchant: (order.publisher.clone(), order.merchant.clone()),
            amount: order.amount,
            currency: order.currency.clone(),
            order: order_no,
            payer: self.host.open_id(&order.person, &program, order.generation).to_string(),
            program,
            purpose,
            at: order.flow.paid_at,
            state: order.phase.code().to_owned(),
            captured: order.captured(),
            refunded: order.flow.refunded,
            document: String::new(),
        };
        self.sign_receipt(&mut receipt, self.now().max(order.at));
        receipt
    }
}

pub(crate) const REQUIRES_PAYMENT_METHOD: &str = "requires_payment_method";

pub(crate) fn no_intent() -> Failure {
    not_found("no such payment intent of this merchant")
}

/// A merchant's intent, and the order that it became.
pub(crate) fn of_merchant(state: &State, program: &youji_api::ProgramId, id: &str) -> Result<(IntentState, Option<OrderState>), Failure> {
    let intent = state.trade.intents.get(id).filter(|intent| intent.program == *program);
    let intent = intent.ok_or_else(no_intent)?;
    Ok((intent.as_ref().clone(), state.order(program, &intent.order_no).cloned()))
}
