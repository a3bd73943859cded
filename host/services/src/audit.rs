//! The audit: every use of a person's data and money, in a chain of its own for each person, beside the chain of the whole log.
//!
//! A record's hash covers the hash of the record before it, so that one that was altered or left out is seen. What a program says about
//! its purpose is sealed; the hash covers the sealed bytes, so that the chain verifies after the person's key was destroyed, too.

use crate::blob::Blob;
use crate::change::Change;
use crate::flow::Flow;
use crate::keys;
use crate::order::Mode;
use crate::people::nobody;
use crate::services::{Services, limit, store_failure};
use crate::state::{OrderPhase, OrderState, State};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;
use std::sync::Arc;
use youji_api::{Failure, PersonId, ProgramId};
use youji_store::{Effects, Stamp};

/// Records of one person that are kept; the oldest go first, and the log still holds them.
const KEPT: u64 = 10_000;
/// Records that one call answers at most.
const PAGE: usize = 1_000;
/// Kind of the signed head of an export.
const HEAD: &str = "youji-audit+jwt";

/// One use of personal data or of money, or a decision about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Counts from 1 for each person.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Who; none: the person or the host.
    pub program: Option<ProgramId>,
    /// What: "identity.profile", "identity.login-code", "location.locate", "consent.granted", "consent.denied", "payment.succeeded",
    /// "payment.requires_capture" (held), "payment.captured", "payment.returned", "payment.refunded", "payout.succeeded" (asked for by
    /// this person as staff), "transfer.received" and "transfer.refunded" (as the payee, without the publisher's fee), "packet.claimed",
    /// "wallet.top-up", "profile.changed", "forget".
    pub act: String,
    /// Of what: names of fields or scopes, a place, the merchant or publisher who is paid, or between people the order's number.
    pub about: Vec<String>,
    /// In minor units, with ISO 4217; where money is meant.
    pub amount: Option<(u64, String)>,
    /// The purpose as it was named to the person; empty: none was.
    pub purpose: String,
    /// SHA-256 of the sealed purpose, in hex; empty: there is none.
    pub commitment: String,
    /// Hash of the record before, in hex; empty for the first.
    pub previous: String,
    /// SHA-256, in hex, of the JSON array `[previous, number, at, program, act, about, amount, currency, commitment]` without spaces.
    pub hash: String,
}

impl AuditRecord {
    /// Puts the record after the one with that hash; `sealed` is its purpose.
    pub fn chain(&mut self, previous: &str, sealed: Option<&[u8]>) {
        previous.clone_into(&mut self.previous);
        self.commitment = sealed.map_or_else(String::new, |sealed| HEXLOWER.encode(&Sha256::digest(sealed)));
        self.hash = self.expected_hash();
    }

    /// The hash that the record must have.
    pub fn expected_hash(&self) -> String {
        let (amount, currency) = self
            .amount
            .as_ref()
            .map_or((None, None), |(amount, currency)| (Some(amount), Some(currency)));
        let members = (
            &self.previous,
            self.number,
            self.at,
            &self.program,
            &self.act,
            &self.about,
            amount,
            currency,
            &self.commitment,
        );
        HEXLOWER.encode(&Sha256::digest(serde_json::to_vec(&members).unwrap_or_default()))
    }
}

/// Checks a person's records, oldest first: each hash, and each link.
///
/// # Errors
/// Which record was altered, or does not follow the one before it.
pub fn verify_audit(records: &[AuditRecord]) -> Result<(), String> {
    let mut before: Option<&AuditRecord> = None;
    for record in records {
        if record.hash != record.expected_hash() {
            return Err(format!("record {} was altered", record.number));
        }
        let follows = before.is_none_or(|before| record.previous == before.hash && record.number == before.number + 1);
        if !follows || (record.number == 1 && !record.previous.is_empty()) {
            return Err(format!("record {} does not follow the one before it", record.number));
        }
        before = Some(record);
    }
    Ok(())
}

/// The act of a decision about a scope.
pub(crate) fn decided(granted: bool) -> &'static str {
    if granted { "consent.granted" } else { "consent.denied" }
}

/// A record in the projection.
#[derive(Serialize, Deserialize)]
struct Kept {
    record: AuditRecord,
    sealed: Option<Blob>,
}

/// What stands in memory about a person's chain.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Chain {
    pub(crate) last: u64,
    pub(crate) head: String,
}

impl Chain {
    fn first(&self) -> u64 {
        self.last.saturating_sub(KEPT) + 1
    }

    /// The numbers that are kept.
    pub(crate) fn numbers(&self) -> RangeInclusive<u64> {
        self.first()..=self.last
    }
}

/// A use that is to be written down.
pub(crate) struct Use<'a> {
    pub(crate) program: Option<&'a ProgramId>,
    pub(crate) act: &'a str,
    pub(crate) about: Vec<String>,
    pub(crate) amount: Option<(u64, String)>,
    pub(crate) sealed: Option<&'a Blob>,
}

impl State {
    pub(crate) fn write_down<N>(&mut self, person: &PersonId, used: Use<'_>, stamp: Stamp, effects: &mut Effects<N>) {
        let Some(state) = self.people.get_mut(person).map(Arc::make_mut) else {
            return;
        };
        let chain = &mut state.audit;
        let mut record = AuditRecord {
            number: chain.last + 1,
            at: stamp.millis(),
            program: used.program.cloned(),
            act: used.act.to_owned(),
            about: used.about,
            amount: used.amount,
            purpose: String::new(),
            commitment: String::new(),
            previous: String::new(),
            hash: String::new(),
        };
        record.chain(&chain.head, used.sealed.map(|sealed| &*sealed.0));
        (chain.last, chain.head) = (record.number, record.hash.clone());
        if chain.last > KEPT {
            effects.delete(keys::audit(&person.0, chain.last - KEPT));
        }
        let place = keys::audit(&person.0, record.number);
        let kept = Kept {
            record,
            sealed: used.sealed.cloned(),
        };
        effects.put(place, serde_json::to_vec(&kept).unwrap_or_default());
    }

    /// Money that an order moves, holds or gives back: in the payer's chain, and in the payee's where that is a person.
    pub(crate) fn write_down_order<N>(
        &mut self,
        program: &ProgramId,
        order_no: &str,
        before: Option<&OrderState>,
        order: &OrderState,
        stamp: Stamp,
        effects: &mut Effects<N>,
    ) {
        let nothing = Flow::default();
        let (then, now) = (before.map_or(&nothing, |before| &before.flow), &order.flow);
        let grown = |now: u64, then: u64| now.saturating_sub(then);
        let captured = grown(order.captured(), before.map_or(0, OrderState::captured));
        let captured_fee = grown(now.captured_fee, then.captured_fee);
        let refunded = grown(now.refunded, then.refunded);
        let refunded_fee = grown(now.refunded_fee, then.refunded_fee);
        // What was held and is no more either reached the payee or went back.
        let returned = grown(then.held, now.held.saturating_add(captured));
        let held = before.is_some_and(|before| before.phase == OrderPhase::RequiresCapture);
        let arrived = match (held, now.mode) {
            (true, _) => "payment.captured",
            (false, Mode::Payout) => "payout.succeeded",
            (false, _) => "payment.succeeded",
        };
        let reserved = if held { 0 } else { now.held };
        let payers = [
            ("payment.requires_capture", reserved),
            (arrived, captured),
            ("payment.returned", returned),
            ("payment.refunded", refunded),
        ];
        let payees = [
            ("transfer.received", grown(captured, captured_fee)),
            ("transfer.refunded", grown(refunded, refunded_fee)),
        ];
        // Two people in one order know each other's names from elsewhere: their ids are nothing for each other's chains.
        let about = match (&now.to, now.mode) {
            (None, mode) if mode != Mode::Packet && !order.merchant.is_empty() => order.merchant.as_str(),
            (None, mode) if mode != Mode::Packet => order.publisher.as_str(),
            _ => order_no,
        };
        let payers = payers.iter().map(|act| (&order.person, act));
        let payees = payees.iter().filter_map(|act| Some((now.to.as_ref()?, act)));
        for (person, (act, amount)) in payers.chain(payees).filter(|(_, (_, amount))| *amount > 0) {
            let used = Use {
                program: Some(program),
                act,
                about: vec![about.to_owned()],
                amount: Some((*amount, order.currency.clone())),
                sealed: None,
            };
            self.write_down(person, used, stamp, effects);
        }
    }
}

impl Services {
    /// A use of a person's data by a program, with the purpose that the person was told.
    pub(crate) fn audit(
        &self,
        person: &PersonId,
        program: &ProgramId,
        act: &str,
        about: Vec<String>,
        purpose: &str,
    ) -> Result<Change, Failure> {
        let purpose = match purpose.is_empty() {
            true => None,
            false => Some(self.seal(person, "audit", purpose.as_bytes())?),
        };
        Ok(Change::Audit {
            person: person.clone(),
            program: Some(program.clone()),
            act: act.to_owned(),
            about,
            purpose,
            amount: None,
        })
    }

    /// A person's records after that number, oldest first, at most 1,000. The oldest that are kept may begin later than 1.
    ///
    /// # Errors
    /// "not-found"; "limit" for more than 1,000 at once.
    pub async fn audit_log(&self, person: &PersonId, after: u64, most: usize) -> Result<Vec<AuditRecord>, Failure> {
        if most > PAGE {
            return Err(limit(format!("at most {PAGE} records at once, {most} were asked for")));
        }
        let id = person.clone();
        // In order with commands: what the state shows earlier may not be in the projection yet.
        let chain = self
            .log
            .read(move |core| core.state.read().people.get(&id).map(|person| person.audit.clone()));
        let chain = chain.await.map_err(|error| store_failure(&error))?.ok_or_else(nobody)?;
        let numbers = chain.first().max(after.saturating_add(1))..=chain.last;
        let places: Vec<Vec<u8>> = numbers.take(most).map(|number| keys::audit(&person.0, number)).collect();
        let found = self.fetch(&places).await?;
        let open = |kept: Vec<u8>| {
            let mut kept: Kept = serde_json::from_slice(&kept).ok()?;
            let opened = kept.sealed.and_then(|sealed| self.unseal(person, "audit", &sealed.0).ok());
            kept.record.purpose = opened.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            Some(kept.record)
        };
        Ok(found.into_iter().flatten().filter_map(open).collect())
    }

    /// The numbers of a person's records that are kept; empty when there is none.
    ///
    /// # Errors
    /// "not-found".
    pub fn audit_kept(&self, person: &PersonId) -> Result<RangeInclusive<u64>, Failure> {
        let state = self.state.read();
        Ok(state.people.get(person).ok_or_else(nobody)?.audit.numbers())
    }

    /// Everything about a person's data that they may take with them: profile, consent records, the whole audit and its head, which this
    /// host signs as a JWS that [`Services::token_keys`] verifies.
    ///
    /// # Errors
    /// "not-found".
    pub async fn export(&self, person: &PersonId) -> Result<Value, Failure> {
        let mut records: Vec<AuditRecord> = Vec::new();
        let mut after = 0;
        loop {
            let page = self.audit_log(person, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.number;
            records.extend(page);
        }
        let consents = self.consent_records(person, &records)?;
        let head = json!({
            "iat": self.now() / 1_000,
            "number": records.last().map_or(0, |record| record.number),
            "hash": records.last().map_or("", |record| record.hash.as_str()),
        });
        Ok(json!({
            "profile": self.profile_fields(person)?,
            "consents": consents,
            "audit": records,
            "head": self.host.sign(HEAD, &head),
            "conversations": self.chat_export(person).await?,
        }))
    }
}
