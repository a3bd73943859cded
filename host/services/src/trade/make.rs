//! Making intents, finding and closing them.

use super::keys::{check_idempotency_key, no_merchant};
use super::state::{Closed, IntentState, TradeChange};
use super::view::{Intent, no_intent};
use super::{Idempotency, MerchantId};
use crate::change::Change;
use crate::keys;
use crate::order::{self, Mode, Terms};
use crate::services::{Services, check_name, invalid, limit, store_failure};
use crate::state::State;
use serde::{Deserialize, Serialize};
use youji_api::call::{Order, OrderLine};
use youji_api::{Failure, Fields, ProgramId, codes};

const MINUTE: u64 = 60 * 1_000;
/// How long an intent can be paid unless told, and at most.
const USUAL_MS: u64 = 30 * MINUTE;
const LONGEST_MS: u64 = 7 * 24 * 60 * MINUTE;
/// Intents of one merchant that wait to be paid.
const OPEN_MOST: u64 = 100_000;
/// Answers to `Idempotency-Key`s of all merchants in a day.
const ANSWERS_MOST: usize = 5_000_000;
/// Characters of an address that is notified.
const URL_MOST: usize = 512;
/// Intents that one round closes.
const ROUND: usize = 256;

/// The code of a failure: an `Idempotency-Key` that stands for another request.
pub const IDEMPOTENCY_MISMATCH: &str = "idempotency-mismatch";

/// What a merchant asks to be paid. Amounts in minor units, moments in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NewIntent {
    /// The merchant's own number: 1 to 64 characters, unique for the merchant.
    pub order: String,
    /// Shown to the payer: 1 to 200 characters.
    pub description: String,
    /// More than nothing, at most the largest order of this host.
    pub amount: u64,
    /// ISO 4217: what wallets here hold.
    pub currency: String,
    /// They come to the amount, discounts subtracted; none: one line with the description.
    pub lines: Vec<OrderLine>,
    /// "pay" (also if empty), "escrow" or "deposit".
    pub mode: String,
    /// Until when it can be paid: within 7 days; none: 30 minutes.
    pub expires_at: Option<u64>,
    /// Until when it is held, for escrow and deposit; none: their usual time from the payment on.
    pub hold_until: Option<u64>,
    /// What becomes of a hold then: "capture" or "cancel"; empty: as is usual for the mode.
    pub at_hold_end: String,
    /// Where notifications go.
    pub notify_url: Option<String>,
}

/// What an intent is for, as it stands in the projection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct IntentBody {
    pub(crate) description: String,
    pub(crate) lines: Vec<OrderLine>,
    #[serde(default)]
    pub(crate) options: Fields,
    #[serde(default)]
    pub(crate) notify_url: Option<String>,
}

/// What a repeated request finds.
enum Said {
    Made,
    /// The same `Idempotency-Key`: the first answer once more.
    Again,
    /// The same order under another key: as it stands.
    Known,
}

/// Whether an `Idempotency-Key` was used before: for this request, or for another one.
pub(crate) fn was_answered(state: &State, id: u128, asked: u128) -> Result<bool, Failure> {
    match state.trade.answers.get(&id) {
        None => Ok(false),
        Some((known, _)) if *known == asked => Ok(true),
        Some(_) => Err(Failure::new(
            IDEMPOTENCY_MISMATCH,
            "this Idempotency-Key was used for a request with other content; use a new key for another request",
        )),
    }
}

impl IntentBody {
    /// The order that it is.
    pub(crate) fn order(&self, order_no: &str, merchant: &MerchantId, amount: u64, currency: &str) -> Order {
        Order {
            order_no: order_no.to_owned(),
            merchant: merchant.merchant.clone(),
            amount,
            currency: currency.to_owned(),
            lines: self.lines.clone(),
            options: self.options.clone(),
        }
    }
}

impl Services {
    /// Where the answer to an `Idempotency-Key` stands.
    pub(crate) fn answer_id(&self, program: &ProgramId, key: &str) -> u128 {
        self.host.number(&[b"answer", program.as_str().as_bytes(), key.as_bytes()])
    }

    /// How a merchant's intent with that number is named, made or not.
    pub(crate) fn intent_id(&self, program: &ProgramId, order: &str) -> String {
        self.host.short(&[b"intent", program.as_str().as_bytes(), order.as_bytes()])
    }

    /// What becomes of the money of an intent that is paid at that moment.
    pub(crate) fn intent_terms(&self, order: &Order, now: u64) -> Result<Terms, Failure> {
        order::check(order, &self.config.limits, &self.config.currency, now)
    }

    /// Makes an intent, or finds the one that the same request made.
    ///
    /// # Errors
    /// "invalid", "limit" and "unsupported" for what can't be an order; "taken" for a number that stands for other content;
    /// [`IDEMPOTENCY_MISMATCH`].
    pub async fn make_intent(&self, merchant: &MerchantId, new: NewIntent, again: &Idempotency) -> Result<Intent, Failure> {
        check_idempotency_key(&again.key)?;
        let now = self.now();
        let program = merchant.program();
        let (answer, asked) = (self.answer_id(&program, &again.key), again.short());
        check_name("order", &new.order, 64)?;
        let id = self.intent_id(&program, &new.order);
        // Before anything else is looked at: what was right when it was asked first may be too late now.
        if was_answered(&self.state.read(), answer, asked)? {
            return self.first_intent(merchant, &id).await;
        }
        check_name("description", &new.description, 200)?;
        let ends = ends(&new, now)?;
        let mode = match new.mode.as_str() {
            "" | "pay" => Mode::Pay,
            "escrow" => Mode::Escrow,
            "deposit" => Mode::Deposit,
            other => {
                let other: String = other.chars().take(32).collect();
                return Err(Failure::new(
                    codes::UNSUPPORTED,
                    format!("mode \"{other}\": pay, escrow or deposit expected"),
                ));
            }
        };
        if let Some(url) = &new.notify_url {
            check_url(url)?;
        }
        let body = body(&new, mode);
        let order = body.order(&new.order, merchant, new.amount, &new.currency);
        let terms = self.intent_terms(&order, now)?;
        if terms.until > 0 && terms.until_said && terms.until <= ends {
            return Err(invalid(
                "\"hold_until\" is not later than \"expires_at\": what is paid last would not be held at all",
            ));
        }
        let content = [order::canonical(&order)?, new.notify_url.clone().unwrap_or_default().into_bytes()].concat();
        let intent = IntentState {
            program: program.clone(),
            order_no: new.order,
            hash: self.host.short(&[b"intent-content", &content]),
            amount: new.amount,
            mode,
            number: 0,
            at: now,
            ends,
            notify: new.notify_url.is_some(),
            closed: None,
        };
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let (fresh, named, by) = (intent.clone(), id.clone(), merchant.clone());
        let said = self
            .commit(move |state, _| {
                if was_answered(state, answer, asked)? {
                    return Ok((Vec::new(), Said::Again));
                }
                if state.merchant(&by.publisher, &by.merchant).is_none() {
                    return Err(no_merchant(&by));
                }
                room_for_answer(state)?;
                let keep = Change::Trade(TradeChange::Answer {
                    id: answer,
                    asked,
                    answer: crate::blob::Blob::default(),
                });
                if let Some(known) = state.trade.intents.get(&named) {
                    if known.hash != fresh.hash {
                        return Err(Failure::new(
                            codes::TAKEN,
                            format!("order \"{}\" stands for other content; use a new number", fresh.order_no),
                        ));
                    }
                    return Ok((vec![keep], Said::Known));
                }
                if state.trade.open.get(&program).is_some_and(|open| *open >= OPEN_MOST) {
                    return Err(limit(format!(
                        "at most {OPEN_MOST} intents of a merchant wait to be paid; cancel some, or let them expire sooner"
                    )));
                }
                let made = Change::Trade(TradeChange::Intent {
                    id: named,
                    intent: fresh,
                    body: bytes.into(),
                });
                Ok((vec![made, keep], Said::Made))
            })
            .await?;
        match said {
            Said::Made => Ok(self.intent_made(&id, &intent, body)),
            Said::Again => self.first_intent(merchant, &id).await,
            Said::Known => self.intent(merchant, &id).await,
        }
    }

    /// The first answer to the request that made it.
    async fn first_intent(&self, merchant: &MerchantId, id: &str) -> Result<Intent, Failure> {
        let (intent, _) = self.intent_state(merchant, id).await?;
        let body = self.intent_body(id).await?;
        Ok(self.intent_made(id, &intent, body))
    }

    /// Intents of a merchant, newest first: at most 100, older than `before` if it is one's id.
    ///
    /// # Errors
    /// "not-found" for a `before` that is none of this merchant's.
    pub async fn intents(&self, merchant: &MerchantId, before: Option<&str>, most: usize) -> Result<Vec<Intent>, Failure> {
        let prefix = keys::intents_of(&merchant.program().0);
        let most = most.min(100);
        let place = match before {
            None => None,
            Some(id) => {
                let (intent, _) = self.intent_state(merchant, id).await?;
                Some(keys::intent_of(&intent.program.0, intent.number))
            }
        };
        let found = self.log.map().scan_back(&prefix, place.as_deref(), most).await;
        let found = found.map_err(|error| store_failure(&error))?;
        let mut intents = Vec::with_capacity(found.len());
        for (_, id) in found {
            let id = String::from_utf8(id).map_err(|_| no_intent())?;
            intents.push(self.intent(merchant, &id).await?);
        }
        Ok(intents)
    }

    /// Closes intents whose time is over, each once, also those whose time ended while the host was off.
    pub(crate) async fn close_ended(&self) {
        let now = self.now();
        let ended: Vec<String> = {
            let state = self.state.read();
            let ended = state.trade.ends.keys().take_while(|(at, _)| *at <= now).take(ROUND);
            ended.map(|(_, id)| id.clone()).collect()
        };
        if ended.is_empty() {
            return;
        }
        let closed = self.commit(move |state, _| {
            let open = |id: &String| state.trade.intents.get(id).is_some_and(|intent| state.waits(intent));
            let closed = ended.into_iter().filter(open);
            let closed = closed.map(|id| Change::Trade(TradeChange::Closed { id, why: Closed::Expired }));
            Ok((closed.collect(), ()))
        });
        if let Err(failure) = closed.await {
            tracing::warn!(%failure, "intents whose time is over wait for the next round");
        }
    }
}

impl State {
    /// Whether nobody has paid an intent, and it was not closed.
    pub(crate) fn waits(&self, intent: &IntentState) -> bool {
        intent.closed.is_none() && self.order(&intent.program, &intent.order_no).is_none()
    }
}

pub(crate) fn room_for_answer(state: &State) -> Result<(), Failure> {
    if state.trade.answers.len() < ANSWERS_MOST {
        return Ok(());
    }
    Err(limit(format!(
        "this host keeps the answers to {ANSWERS_MOST} requests of a day, and has them all; try again later"
    )))
}

fn ends(new: &NewIntent, now: u64) -> Result<u64, Failure> {
    let ends = new.expires_at.unwrap_or(now.saturating_add(USUAL_MS));
    if ends > now && ends <= now.saturating_add(LONGEST_MS) {
        return Ok(ends);
    }
    Err(invalid(format!(
        "\"expires_at\": milliseconds since 1970 expected, later than now ({now}) and at most 7 days ahead; {ends} came"
    )))
}

fn body(new: &NewIntent, mode: Mode) -> IntentBody {
    let mut options = Fields::new().with("purpose", new.description.as_str());
    if mode != Mode::Pay {
        options.set("mode", mode.code());
    }
    if let Some(until) = new.hold_until {
        options.set("hold-until-at", i64::try_from(until).unwrap_or(i64::MAX));
    }
    if !new.at_hold_end.is_empty() {
        options.set("at-expiry", new.at_hold_end.as_str());
    }
    let one = || OrderLine {
        title: new.description.chars().take(128).collect(),
        quantity: 1,
        amount: new.amount,
        options: Fields::new(),
    };
    IntentBody {
        description: new.description.clone(),
        lines: if new.lines.is_empty() { vec![one()] } else { new.lines.clone() },
        options,
        notify_url: new.notify_url.clone(),
    }
}

/// An address that notifications may go to, as far as its text says: where its name leads is looked at when it is used.
fn check_url(url: &str) -> Result<(), Failure> {
    let shown: String = url.chars().take(80).collect();
    let wrong = |why: &str| invalid(format!("\"notify_url\": {why}; \"{shown}\" came"));
    if url.len() > URL_MOST {
        return Err(wrong("at most 512 characters expected"));
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| wrong("an address that begins with https:// or http:// expected"))?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(wrong("a host's name without user and password expected"));
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['#', '\\', '"', '<', '>']) {
        return Err(wrong("printable ASCII without spaces, \"#\", \"\\\", quotes or \"<>\" expected"));
    }
    Ok(())
}
