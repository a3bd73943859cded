//! Notifications: durable from the entry that brought them about, sent at least once, tried again by the published schedule.

use super::MerchantId;
use super::state::TradeChange;
use crate::change::Change;
use crate::money;
use crate::services::{Services, limit, not_found};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::json;
use youji_api::{Failure, ProgramId};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// How long after each attempt the next one is made, in milliseconds: the schedule that WeChat Pay publishes for its notifications
/// (15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h). After the last one nothing more is tried.
pub const RETRIES_MS: [u64; 15] = [
    15 * SECOND,
    15 * SECOND,
    30 * SECOND,
    3 * MINUTE,
    10 * MINUTE,
    20 * MINUTE,
    30 * MINUTE,
    30 * MINUTE,
    30 * MINUTE,
    60 * MINUTE,
    3 * HOUR,
    3 * HOUR,
    3 * HOUR,
    6 * HOUR,
    6 * HOUR,
];

/// Attempts at one notification, those that somebody asked for included.
pub const ATTEMPTS_MOST: usize = 100;

/// A notification.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct EventState {
    pub(crate) kind: String,
    pub(crate) intent: String,
    /// Of the intent then.
    pub(crate) state: String,
    pub(crate) receipt: String,
    pub(crate) captured: u64,
    pub(crate) refunded: u64,
    pub(crate) held: u64,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    /// When it is sent next; 0: never again.
    pub(crate) next: u64,
    pub(crate) attempts: Vec<Attempt>,
}

/// One attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Milliseconds since 1970.
    pub at: u64,
    /// HTTP status that came back; 0: none did.
    pub status: u16,
    /// Why none did, such as "refused", "timeout", "address"; empty where one came.
    #[serde(default)]
    pub error: String,
    /// How long it took.
    #[serde(default)]
    pub took_ms: u64,
}

impl Attempt {
    /// Whether the receiver took it: a status from 200 to 299.
    pub fn taken(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A notification as its merchant reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Names it; the same at every attempt.
    pub id: String,
    /// Such as "payment_intent.succeeded".
    #[serde(rename = "type")]
    pub kind: String,
    /// The intent that it is about.
    pub intent: String,
    /// Milliseconds since 1970.
    pub created_at: u64,
    /// "pending", "delivered" or "failed": every attempt of the schedule was made.
    pub delivery: String,
    /// When it is tried next, in milliseconds since 1970; none: not any more.
    pub next_attempt_at: Option<u64>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// A notification that is due.
#[derive(Clone, Debug)]
pub struct DueNotification {
    /// Whose.
    pub program: ProgramId,
    /// Its number.
    pub number: u64,
    /// Where it goes.
    pub url: String,
    /// The header `webhook-id`: the same at every attempt.
    pub id: String,
    /// JSON: the same at every attempt.
    pub body: String,
}

fn event_id(number: u64) -> String {
    format!("evt_{number:016x}")
}

fn number_of(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix("evt_")?, 16).ok()
}

impl EventState {
    fn shown(&self, number: u64) -> Notification {
        let delivered = self.attempts.last().is_some_and(Attempt::taken);
        let delivery = match (delivered, self.next) {
            (true, 0) => "delivered",
            (false, 0) => "failed",
            _ => "pending",
        };
        Notification {
            id: event_id(number),
            kind: self.kind.clone(),
            intent: self.intent.clone(),
            created_at: self.at,
            delivery: delivery.to_owned(),
            next_attempt_at: (self.next > 0).then_some(self.next),
            attempts: self.attempts.clone(),
        }
    }
}

impl Services {
    /// Notifications whose time has come, at most `most`, oldest first, and where they go.
    pub async fn due_notifications(&self, most: usize) -> Vec<DueNotification> {
        let now = self.now();
        let due: Vec<(ProgramId, u64)> = {
            let state = self.state.read();
            let due = state.trade.due.iter().take_while(|(at, _, _)| *at <= now).take(most);
            due.map(|(_, program, number)| (program.clone(), *number)).collect()
        };
        if due.is_empty() {
            return Vec::new();
        }
        // Nobody is told what a power cut could still undo.
        if self.log.read(|_| ()).await.is_err() {
            return Vec::new();
        }
        let mut ready = Vec::new();
        for (program, number) in due {
            let Some((event, intent)) = ({
                let state = self.state.read();
                let event = state.trade.events.get(&program).and_then(|events| events.get(&number)).cloned();
                event.and_then(|event| {
                    let intent = state.trade.intents.get(&event.intent)?.clone();
                    Some((event, intent))
                })
            }) else {
                continue;
            };
            let Ok(body) = self.intent_body(&event.intent).await else {
                continue;
            };
            let decimal = |amount: u64| money::decimal(amount, &self.config.currency);
            let said = json!({
                "id": event_id(number),
                "type": event.kind,
                "created_at": event.at,
                "data": {
                    "id": event.intent,
                    "order": intent.order_no,
                    "state": event.state,
                    "amount": decimal(intent.amount),
                    "currency": self.config.currency,
                    "captured": decimal(event.captured),
                    "held": decimal(event.held),
                    "refunded": decimal(event.refunded),
                    "receipt": event.receipt,
                },
            });
            ready.push(DueNotification {
                program,
                number,
                url: body.notify_url.unwrap_or_default(),
                id: event_id(number),
                body: said.to_string(),
            });
        }
        ready
    }

    /// The header `webhook-signature` (Standard Webhooks, asymmetric form) for that id, moment and body: Ed25519 by this host over
    /// `id.seconds.body`, to be verified with the host's key among the published ones.
    pub fn sign_notification(&self, id: &str, seconds: u64, body: &str) -> String {
        let signature = self.host.sign_bytes(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1a,{}", BASE64.encode(&signature))
    }

    /// Writes down what came of an attempt, durably; it says when the next one is.
    ///
    /// # Errors
    /// "failed" when the disk refuses: then the notification is sent again.
    pub async fn notification_sent(&self, due: &DueNotification, attempt: Attempt) -> Result<(), Failure> {
        let (program, event) = (due.program.clone(), due.number);
        self.write(vec![Change::Trade(TradeChange::Attempt { program, event, attempt })])
            .await
    }

    /// Notifications of a merchant, newest first; at most 100, below `before` if it is one's id.
    ///
    /// # Errors
    /// "not-found" for a `before` that is none.
    pub fn notifications(&self, merchant: &MerchantId, before: Option<&str>, most: usize) -> Result<Vec<Notification>, Failure> {
        let end = match before {
            None => u64::MAX,
            Some(id) => number_of(id).ok_or_else(|| no_event(id))?,
        };
        let state = self.state.read();
        let Some(events) = state.trade.events.get(&merchant.program()) else {
            return Ok(Vec::new());
        };
        let newest = events.range(..end).rev().take(most.min(100));
        Ok(newest.map(|(number, event)| event.shown(*number)).collect())
    }

    /// One notification of a merchant.
    ///
    /// # Errors
    /// "not-found".
    pub fn notification(&self, merchant: &MerchantId, id: &str) -> Result<Notification, Failure> {
        let number = number_of(id).ok_or_else(|| no_event(id))?;
        let state = self.state.read();
        let event = state.trade.events.get(&merchant.program()).and_then(|events| events.get(&number));
        event.map(|event| event.shown(number)).ok_or_else(|| no_event(id))
    }

    /// Sends a notification once more, now, whatever came of it before: its receiver knows it by its id. After that the schedule goes on
    /// where it was.
    ///
    /// # Errors
    /// "not-found"; "limit" after [`ATTEMPTS_MOST`] attempts.
    pub async fn retry_notification(&self, merchant: &MerchantId, id: &str) -> Result<Notification, Failure> {
        let number = number_of(id).ok_or_else(|| no_event(id))?;
        let (program, id) = (merchant.program(), id.to_owned());
        self.commit(move |state, stamp| {
            let event = state.trade.events.get(&program).and_then(|events| events.get(&number));
            let event = event.ok_or_else(|| no_event(&id))?;
            if event.attempts.len() >= ATTEMPTS_MOST {
                return Err(limit(format!(
                    "{ATTEMPTS_MOST} attempts were made already; ask the merchant to query its events"
                )));
            }
            let mut shown = event.clone();
            shown.next = stamp.millis().max(1);
            let at = shown.next;
            let event = number;
            Ok((vec![Change::Trade(TradeChange::Retry { program, event, at })], shown.shown(number)))
        })
        .await
    }

    /// When the next notification is due, in milliseconds since 1970.
    pub fn next_notification(&self) -> Option<u64> {
        self.state.read().trade.due.first().map(|(at, _, _)| *at)
    }
}

fn no_event(id: &str) -> Failure {
    let shown: String = id.chars().take(40).collect();
    not_found(format!("no notification \"{shown}\" of this merchant is kept"))
}
