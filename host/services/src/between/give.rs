//! Giving: asked on the host's own sheet, and carried out in one entry.

use super::{BETWEEN, Given, Giving, NOTE_MOST, PACKET_MS, SHARES_MOST, no_code};
use crate::change::Change;
use crate::chat::rate::Rate;
use crate::flow::{Flow, FlowChange};
use crate::model::{Message, Names, Receipt};
use crate::money;
use crate::order::Mode;
use crate::people::nobody;
use crate::say::{self, Say};
use crate::services::{Services, check_name, invalid, limit};
use crate::state::{OrderPhase, OrderState};
use crate::trade::IDEMPOTENCY_MISMATCH;
use crate::trade::pay::too_poor;
use youji_api::{Failure, PersonId, ProgramId, PublisherId, Sheet, SheetId, SheetKind, SheetTerms, codes};

fn poor() -> Failure {
    Failure::new(codes::INSUFFICIENT, "the balance is too small; nothing was moved")
}

impl Services {
    fn check_giving(&self, giving: &Giving) -> Result<(), Failure> {
        let (amount, most) = (giving.amount(), self.config.limits.order_amount);
        if amount == 0 || amount > most {
            let most = money::decimal(most, &self.config.currency);
            return Err(limit(format!(
                "an amount is more than nothing and at most {most} {}",
                self.config.currency
            )));
        }
        if !giving.note().is_empty() {
            check_name("note", giving.note(), NOTE_MOST)?;
        }
        if let Giving::Packet { shares, .. } = giving
            && (*shares == 0 || *shares > SHARES_MOST || u64::from(*shares) > amount)
        {
            return Err(invalid(format!(
                "a red packet has 1 to {SHARES_MOST} shares, each of at least one minor unit; {shares} of {amount} came"
            )));
        }
        Ok(())
    }

    /// The sheet that asks for it, from stored values.
    ///
    /// # Errors
    /// "limit", "invalid" for an amount, shares or a note out of bounds; "not-found" for a code that nobody shows, "limit" after too many of
    /// these; "no-recipient".
    pub fn giving_sheet(&self, person: &PersonId, giving: &Giving) -> Result<Sheet, Failure> {
        self.check_giving(giving)?;
        let to = match giving {
            Giving::Transfer { to, .. } => Some(self.receiver(person, to)?),
            Giving::Packet { .. } => None,
        };
        let language = self.language_of(person);
        let (balance, pin) = {
            let state = self.state.read();
            let own = state.people.get(person).ok_or_else(nobody)?;
            (self.balance_in(&state, person), own.has_pin)
        };
        let payee = match &to {
            Some(to) => self.chat_name(to),
            None => packet_name().in_language(&language).to_owned(),
        };
        let (mode, until, count) = match giving {
            Giving::Transfer { .. } => ("transfer", 0, 0),
            Giving::Packet { shares, .. } => ("packet", self.now().saturating_add(PACKET_MS), *shares),
        };
        let decimal = |amount: u64| money::decimal(amount, &self.config.currency);
        Ok(Sheet {
            id: SheetId(self.draw()),
            program: self.chat_name(person),
            publisher: String::new(),
            kind: SheetKind::Payment {
                payee,
                amount: decimal(giving.amount()),
                currency: self.config.currency.clone(),
                purpose: giving.note().to_owned(),
                lines: Vec::new(),
                balance: decimal(balance),
                affordable: balance >= giving.amount(),
                pin,
                terms: Box::new(SheetTerms {
                    mode: mode.to_owned(),
                    until,
                    at_expiry: if until > 0 { "cancel" } else { "" }.to_owned(),
                    count,
                    ..SheetTerms::default()
                }),
            },
        })
    }

    /// Gives it, in one entry, or nothing. The same `key` with the same content again learns what came of it.
    ///
    /// # Errors
    /// "denied" for a wrong PIN, "limit" while locked out; [`IDEMPOTENCY_MISMATCH`]; "insufficient-funds"; then those of
    /// [`Services::giving_sheet`]. Nothing was moved then.
    pub async fn give(&self, person: &PersonId, key: &str, giving: &Giving, pin: &str) -> Result<Given, Failure> {
        self.check_giving(giving)?;
        if self.asks_for_pin(person) {
            self.check_pin_of(person, pin).await?;
        }
        if let Some(given) = self.given(person, key, giving).await? {
            return Ok(given);
        }
        let (id, hash) = self.giving_id(person, key, giving);
        let program = ProgramId::from(BETWEEN);
        // Before anything is written: a code that was good when it was first used may be over by now.
        let to = match giving {
            Giving::Transfer { to, .. } => Some(self.receiver(person, to)?),
            Giving::Packet { .. } => None,
        };
        self.take_chat_rate(person, Rate::Say)?;
        let done = self.write_giving(person, &id, hash.clone(), giving, to.clone()).await;
        if !matches!(done, Ok(Some(_))) {
            self.give_back_chat_rate(person, Rate::Say);
        }
        let Some(receipt) = done? else {
            // The same request at once: the other one was first.
            let order = self.snapshot(&program, &id).ok_or_else(nobody)?;
            return self.given_before(person, &id, &order, &hash).await;
        };
        for concerned in [Some(person), to.as_ref()].into_iter().flatten() {
            self.tell_inbox(concerned);
        }
        Ok(Given {
            id,
            state: receipt.state,
            receipt: receipt.receipt,
            document: receipt.document,
            balance: self.balance_in(&self.state.read(), person),
            before: false,
        })
    }

    /// What came of that request, if it was carried out before.
    ///
    /// # Errors
    /// [`IDEMPOTENCY_MISMATCH`] where the key stands for another one.
    pub async fn given(&self, person: &PersonId, key: &str, giving: &Giving) -> Result<Option<Given>, Failure> {
        let (id, hash) = self.giving_id(person, key, giving);
        match self.snapshot(&ProgramId::from(BETWEEN), &id) {
            Some(order) => self.given_before(person, &id, &order, &hash).await.map(Some),
            None => Ok(None),
        }
    }

    /// Its number, and what it is.
    fn giving_id(&self, person: &PersonId, key: &str, giving: &Giving) -> (String, String) {
        let id = self.host.short(&[b"between", person.as_str().as_bytes(), key.as_bytes()]);
        let content = serde_json::to_vec(giving).unwrap_or_default();
        (id, self.host.short(&[b"between-content", &content]))
    }

    async fn given_before(&self, person: &PersonId, id: &str, order: &OrderState, hash: &str) -> Result<Given, Failure> {
        if order.hash != hash {
            return Err(Failure::new(
                IDEMPOTENCY_MISMATCH,
                "this Idempotency-Key was used for a request with other content; use a new key for another request",
            ));
        }
        // What is answered about it waits for the disk.
        self.commit(|_, _| Ok((Vec::new(), ()))).await?;
        let note = self.note_of(id, order).await;
        let receipt = self.between_receipt(id, order, note);
        Ok(Given {
            id: id.to_owned(),
            state: receipt.state,
            receipt: receipt.receipt,
            document: receipt.document,
            balance: self.balance_in(&self.state.read(), person),
            before: true,
        })
    }

    /// Transfer, order, packet, receipt and messages in one entry; none where the number is taken meanwhile.
    async fn write_giving(
        &self,
        person: &PersonId,
        id: &str,
        hash: String,
        giving: &Giving,
        to: Option<PersonId>,
    ) -> Result<Option<Receipt>, Failure> {
        let program = ProgramId::from(BETWEEN);
        let (amount, at, mode) = (giving.amount(), self.now(), giving.mode());
        let packet = mode == Mode::Packet;
        let mut order = OrderState {
            person: person.clone(),
            generation: 0,
            hash,
            phase: if packet {
                OrderPhase::RequiresCapture
            } else {
                OrderPhase::Succeeded
            },
            ticket: 0,
            publisher: PublisherId::from(BETWEEN),
            merchant: String::new(),
            amount,
            currency: self.config.currency.clone(),
            receipt: self.draw_id(),
            at,
            flow: Flow {
                mode,
                revision: 1,
                moved: true,
                to: to.clone(),
                until: if packet { at.saturating_add(PACKET_MS) } else { 0 },
                held: if packet { amount } else { 0 },
                captured: if packet { 0 } else { amount },
                ..Flow::default()
            },
        };
        let note = giving.note().to_owned();
        let (transfers, mut changes) = {
            let legs = self.legs(&program, id, &order);
            (legs.pay(amount, 0), legs.accounts(mode, 0))
        };
        let receipt = self.between_receipt(id, &order, note.clone());
        changes.push(Change::Receipt {
            person: person.clone(),
            receipt: self.seal_receipt(person, &receipt)?,
        });
        let said = money::with_sign(amount, &order.currency);
        let tell = if packet { Say::PacketSent } else { Say::Paid };
        changes.push(self.say(&program, person, tell, &said, &receipt.payee, at)?);
        if let Some(to) = &to {
            changes.push(self.say_noted(to, Say::Received, &said, person, &note, at)?);
        }
        if let Giving::Packet { shares, random, .. } = giving {
            changes.push(Change::Flow(FlowChange::Packet {
                program: program.clone(),
                order_no: id.to_owned(),
                amount,
                shares: *shares,
                seed: random.then(|| self.draw()),
            }));
        }
        let body = self.seal(person, &body_purpose(id), note.as_bytes())?;
        let (own, number) = (person.clone(), id.to_owned());
        self.commit(move |state, stamp| {
            let mine = state.people.get(&own).ok_or_else(nobody)?;
            if state.order(&program, &number).is_some() {
                return Ok((Vec::new(), None));
            }
            if to.as_ref().is_some_and(|to| !state.people.contains_key(to)) {
                return Err(no_code());
            }
            if too_poor(state, &transfers, stamp.at)? {
                return Err(poor());
            }
            order.flow.receipt_at = mine.last_receipt + 1;
            // The order first: what a packet holds belongs to it.
            let mut all = vec![
                Change::Transfers(transfers),
                Change::Order {
                    program,
                    order_no: number,
                    order,
                    body: Some(body),
                },
            ];
            // Accounts before the transfers that need them.
            let (accounts, rest): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| matches!(change, Change::Account(_)));
            all.splice(0..0, accounts);
            all.extend(rest);
            Ok((all, Some(receipt)))
        })
        .await
    }

    /// A message about money with the giver's own sentence.
    pub(super) fn say_noted(
        &self,
        person: &PersonId,
        what: Say,
        amount: &str,
        by: &PersonId,
        note: &str,
        at: u64,
    ) -> Result<Change, Failure> {
        let language = self.language_of(person);
        let (title, mut text) = say::text(what, &language, amount, &self.chat_name(by));
        if !note.is_empty() {
            text = format!("{text}: {note}");
        }
        let message = Message {
            sequence: 0,
            program: ProgramId::from(BETWEEN),
            template: "receipt".to_owned(),
            title,
            text,
            page: String::new(),
            at,
            read: false,
        };
        self.message_change(person, &message, None)
    }

    fn between_receipt(&self, id: &str, order: &OrderState, note: String) -> Receipt {
        let program = ProgramId::from(BETWEEN);
        let payee = match order.flow.mode {
            Mode::Packet => packet_name(),
            _ => self.payee_name(order),
        };
        let mut receipt = Receipt {
            receipt: order.receipt.clone(),
            payee,
            merchant: (order.publisher.clone(), String::new()),
            amount: order.amount,
            currency: order.currency.clone(),
            order: id.to_owned(),
            payer: self.host.open_id(&order.person, &program, order.generation).to_string(),
            program,
            purpose: note,
            at: order.at,
            state: order.phase.code().to_owned(),
            captured: order.captured(),
            refunded: order.flow.refunded,
            document: String::new(),
        };
        self.sign_receipt(&mut receipt, self.now().max(order.at));
        receipt
    }

    /// The giver's sentence, as long as they are there.
    pub(super) async fn note_of(&self, id: &str, order: &OrderState) -> String {
        let found = self.fetch(&[crate::keys::order(BETWEEN, id)]).await;
        let sealed = found.ok().and_then(|mut found| found.pop().flatten());
        let opened = sealed.and_then(|sealed| self.unseal(&order.person, &body_purpose(id), &sealed).ok());
        opened.and_then(|note| String::from_utf8(note).ok()).unwrap_or_default()
    }
}

fn packet_name() -> Names {
    Names::new("红包", "Red packet")
}

fn body_purpose(id: &str) -> String {
    format!("order/{BETWEEN}/{id}")
}
