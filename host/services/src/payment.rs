//! Payments: an intent, a sheet, and one durable act that moves money, signs the receipt and tells everyone.

use crate::change::Change;
use crate::keys;
use crate::model::{DayCounts, Message, Names, Receipt};
use crate::money;
use crate::order::{self, Terms};
use crate::outcomes::{coded, fields};
use crate::people::code;
use crate::services::{Services, limit, not_found};
use crate::sessions::{Asked, What};
use crate::state::{OrderPhase, OrderState, PaidStamp, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use youji_api::call::Order;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, PersonId, Reply, Sheet, SheetId, SheetKind, Ticket, codes};
use youji_ledger::{Transfer, TransferError};

const CALL: &str = "payment.pay";
const RECEIPT: &str = "youji-receipt";

/// An order whose sheet is open.
pub(crate) struct OpenOrder {
    pub(crate) order: Order,
    terms: Terms,
    payee: Names,
    pub(crate) ticket: Ticket,
}

/// What stands in a receipt, in the order in which it is signed.
#[derive(Serialize, Deserialize)]
struct Signed {
    receipt: String,
    payee: Names,
    publisher: String,
    merchant: String,
    /// Decimal, as people read it.
    amount: String,
    currency: String,
    program: String,
    order: String,
    payer: String,
    /// Milliseconds since 1970.
    at: u64,
}

/// What became of a confirmation.
enum Paid {
    Succeeded,
    Insufficient,
    Conflict,
    /// Answered before, or no longer open: nothing was done now.
    Stale,
}

impl Services {
    pub(crate) async fn pay(&self, caller: &Caller, order: Order) -> Result<Reply, Failure> {
        let terms = order::check(&order, &self.config.limits, &self.config.currency)?;
        let content = order::canonical(&order);
        let hash = self.host.short(&[b"order", &content]);
        let (payee, balance, has_pin) = {
            let state = self.state.read();
            let payee = state.merchant(&caller.publisher, &order.merchant).cloned();
            let pin = state.people.get(&caller.person).is_some_and(|person| person.has_pin);
            (payee, self.balance_in(&state, &caller.person), pin)
        };
        let payee = payee.ok_or_else(|| {
            not_found(format!(
                "merchant \"{}\" is not enrolled under this program's publisher",
                order.merchant
            ))
        })?;
        if self.open_sheets(caller, &order.order_no) >= self.config.limits.sheets {
            return Err(limit(format!("at most {} sheets at once", self.config.limits.sheets)));
        }
        let (ticket, phase, known) = self.intend(caller, &order, &terms, &hash, &content).await?;
        if phase == OrderPhase::Succeeded {
            // The same order again: it is paid, and the program learns so again.
            let fields = fields(CALL, "done").with("order-no", order.order_no.as_str());
            let fields = fields.with("state", phase.code()).with("receipt", known.receipt.as_str());
            self.tell(caller.session, Event::completed(ticket, fields));
            return Ok(Reply::Ticket(ticket));
        }
        self.withdraw_order(caller, &order.order_no);
        let sheet = self.payment_sheet(caller, &order, &terms, &payee, balance, has_pin);
        let age = u64::try_from(self.config.limits.sheet_age.as_millis()).unwrap_or(u64::MAX);
        let asked = Asked {
            ticket,
            until: self.now().saturating_add(terms.sheet_ms.map_or(age, |own| own.min(age))),
            what: What::Payment(Arc::new(OpenOrder {
                order,
                terms,
                payee,
                ticket,
            })),
        };
        self.show(caller, sheet, asked)?;
        Ok(Reply::Ticket(ticket))
    }

    /// Makes the intent durable, or finds it. An order that was canceled before anything moved may be asked for again: it gets a new
    /// ticket, and still succeeds at most once.
    async fn intend(
        &self,
        caller: &Caller,
        order: &Order,
        terms: &Terms,
        hash: &str,
        content: &[u8],
    ) -> Result<(Ticket, OrderPhase, OrderState), Failure> {
        let body = self.seal(&caller.person, &format!("order/{}/{}", caller.program, order.order_no), content)?;
        let fresh = OrderState {
            person: caller.person.clone(),
            hash: hash.to_owned(),
            phase: OrderPhase::RequiresConfirmation,
            ticket: self.ticket().0,
            publisher: caller.publisher.clone(),
            merchant: order.merchant.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            receipt: String::new(),
            at: self.now(),
        };
        let (caller, order_no, terms) = (caller.clone(), order.order_no.clone(), terms.clone());
        let open_id = self.open_id(&caller.person, &caller.program);
        self.commit(move |state, stamp| {
            let known = state.order(&caller.program, &order_no);
            if let Some(known) = known {
                if known.person != caller.person || known.hash != fresh.hash {
                    return Err(Failure::new(
                        codes::TAKEN,
                        format!("order \"{order_no}\" is another person's, or stands for other content; use a new number"),
                    ));
                }
                if known.phase != OrderPhase::Canceled {
                    return Ok((Vec::new(), (Ticket(known.ticket), known.phase, known.clone())));
                }
            }
            if let Some((collection, key, _)) = &terms.record {
                let row = state.row(&caller.program, collection, key).filter(|row| row.alive(stamp.millis()));
                let row = row.ok_or_else(|| not_found(format!("row \"{collection}/{key}\" that the order names does not exist")))?;
                let own =
                    row.owner.as_ref() == Some(&caller.person) || state.is_party(&caller.program, row, open_id.as_str(), &caller.roles);
                if !own {
                    return Err(Failure::new(
                        codes::FORBIDDEN,
                        format!("row \"{collection}/{key}\" is not this person's"),
                    ));
                }
            }
            if !row_matches(state, &caller, &order_no, &terms, stamp.millis()) {
                return Err(Failure::new(
                    codes::CONFLICT,
                    "the row that the order names has changed or is paid; read it again",
                ));
            }
            let change = Change::Order {
                program: caller.program.clone(),
                order_no,
                order: fresh.clone(),
                body: Some(body),
            };
            Ok((vec![change], (Ticket(fresh.ticket), fresh.phase, fresh)))
        })
        .await
    }

    fn payment_sheet(&self, caller: &Caller, order: &Order, terms: &Terms, payee: &Names, balance: u64, pin: bool) -> Sheet {
        let decimal = |amount: u64| money::decimal(amount, &order.currency);
        let line = |line: &youji_api::call::OrderLine| {
            let sign = if line.options.text("kind") == "discount" { "-" } else { "" };
            (line.title.clone(), line.quantity, format!("{sign}{}", decimal(line.amount)))
        };
        Sheet {
            id: SheetId(self.draw()),
            program: self.program_name(&caller.program, &caller.language),
            publisher: self.publisher_name(&caller.publisher, &caller.language),
            kind: SheetKind::Payment {
                payee: payee.in_language(&caller.language).to_owned(),
                amount: decimal(order.amount),
                currency: order.currency.clone(),
                purpose: terms.purpose.clone(),
                lines: order.lines.iter().map(line).collect(),
                balance: decimal(balance),
                affordable: balance >= order.amount,
                pin,
            },
        }
    }

    /// Moves the money and everything that hangs on it, in one entry, or nothing.
    pub(crate) async fn confirm(&self, caller: &Caller, open: &OpenOrder) -> Result<(), Failure> {
        let (order, ticket) = (&open.order, open.ticket);
        let at = self.now();
        let number = self.draw_id();
        let receipt = self.receipt(caller, open, &number, at);
        let event = |fields: Fields| Event::completed(ticket, fields.with("order-no", order.order_no.as_str()));
        let paid = event(fields(CALL, "done").with("state", "succeeded").with("receipt", number.as_str()));
        let poor = event(coded(CALL, "failed", codes::INSUFFICIENT).with("state", "canceled"));
        let late = event(coded(CALL, "failed", codes::CONFLICT).with("state", "canceled"));
        let keep_poor = self.keep_outcome(caller, &poor)?;
        let keep_late = self.keep_outcome(caller, &late)?;
        let wallet = self.wallet(&caller.person);
        let id = self
            .host
            .number(&[b"pay", caller.program.as_str().as_bytes(), order.order_no.as_bytes()]);
        let payee = self.merchant_account(&caller.publisher, &order.merchant);
        let transfer = Transfer::new(id, wallet, payee, order.amount.into(), self.ledger_number, code::PAYMENT);
        let mut done = vec![
            self.wallet_account(payee, code::MERCHANT),
            Change::Transfers(vec![transfer]),
            self.keep_outcome(caller, &paid)?,
            Change::Receipt {
                person: caller.person.clone(),
                receipt: self.seal(&caller.person, "receipt", &serde_json::to_vec(&receipt).unwrap_or_default())?,
            },
            self.receipt_message(caller, &receipt, at)?,
            Change::Counted {
                day: at / 86_400_000,
                counts: DayCounts {
                    orders: 1,
                    turnover: order.amount,
                    ..DayCounts::default()
                },
            },
        ];
        let stamp_of = PaidStamp {
            order: order.order_no.clone(),
            receipt: number.clone(),
            state: OrderPhase::Succeeded.code().to_owned(),
            amount: order.amount,
            currency: order.currency.clone(),
        };
        let (own, order_no, terms) = (caller.clone(), order.order_no.clone(), open.terms.clone());
        let outcome = self
            .commit(move |state, stamp| {
                let known = state.order(&own.program, &order_no);
                let open = known.filter(|known| known.phase == OrderPhase::RequiresConfirmation && known.ticket == ticket.0);
                let (Some(known), true) = (open, state.people.contains_key(&own.person)) else {
                    return Ok((Vec::new(), Paid::Stale));
                };
                let to = |phase: OrderPhase, receipt: String| Change::Order {
                    program: own.program.clone(),
                    order_no: order_no.clone(),
                    order: OrderState {
                        phase,
                        receipt,
                        at: stamp.millis(),
                        ..known.clone()
                    },
                    body: None,
                };
                if !row_matches(state, &own, &order_no, &terms, stamp.millis()) {
                    return Ok((vec![to(OrderPhase::Canceled, String::new()), keep_late], Paid::Conflict));
                }
                // A payee that is not open yet is opened by the same entry, and lets every credit in.
                match state.ledger.check(&[transfer], stamp.at).fault() {
                    None | Some((_, TransferError::CreditAccountNotFound)) => {}
                    Some((_, TransferError::ExceedsCredits | TransferError::DebitAccountNotFound)) => {
                        return Ok((vec![to(OrderPhase::Canceled, String::new()), keep_poor], Paid::Insufficient));
                    }
                    Some((_, error)) => return Err(Failure::new(codes::FAILED, error.to_string())),
                }
                if state
                    .ledger
                    .account(wallet)
                    .is_none_or(|wallet| wallet.available() < transfer.amount)
                {
                    return Ok((vec![to(OrderPhase::Canceled, String::new()), keep_poor], Paid::Insufficient));
                }
                done.push(to(OrderPhase::Succeeded, number));
                done.extend(stamped(state, &own, &terms, stamp_of));
                Ok((done, Paid::Succeeded))
            })
            .await?;
        match outcome {
            Paid::Succeeded => {
                self.tell(caller.session, paid);
                self.tell_inbox(&caller.person);
            }
            Paid::Insufficient => {
                self.tell(caller.session, poor);
            }
            Paid::Conflict => {
                self.tell(caller.session, late);
            }
            Paid::Stale => return Err(not_found("this order was answered before, or its sheet is no longer open")),
        }
        Ok(())
    }

    fn receipt(&self, caller: &Caller, open: &OpenOrder, number: &str, at: u64) -> Receipt {
        let order = &open.order;
        let payer = self.open_id(&caller.person, &caller.program).to_string();
        let signed = Signed {
            receipt: number.to_owned(),
            payee: open.payee.clone(),
            publisher: caller.publisher.to_string(),
            merchant: order.merchant.clone(),
            amount: money::decimal(order.amount, &order.currency),
            currency: order.currency.clone(),
            program: caller.program.to_string(),
            order: order.order_no.clone(),
            payer: payer.clone(),
            at,
        };
        Receipt {
            receipt: number.to_owned(),
            payee: open.payee.clone(),
            merchant: (caller.publisher.clone(), order.merchant.clone()),
            amount: order.amount,
            currency: order.currency.clone(),
            order: order.order_no.clone(),
            program: caller.program.clone(),
            payer,
            purpose: open.terms.purpose.clone(),
            at,
            document: self.host.sign(RECEIPT, &signed),
        }
    }

    fn receipt_message(&self, caller: &Caller, receipt: &Receipt, at: u64) -> Result<Change, Failure> {
        let language = self.language_of(&caller.person);
        let amount = money::with_sign(receipt.amount, &receipt.currency);
        let payee = receipt.payee.in_language(&language);
        let (title, text) = if language.starts_with("zh") {
            ("付款成功".to_owned(), format!("已向{payee}支付 {amount}"))
        } else {
            ("Paid".to_owned(), format!("{amount} to {payee}"))
        };
        let message = Message {
            sequence: 0,
            program: caller.program.clone(),
            template: "receipt".to_owned(),
            title,
            text,
            page: String::new(),
            at,
            read: false,
        };
        self.message_change(&caller.person, &message, None)
    }

    /// Closes an order of which nothing moved, as "declined" or "expired". Nothing happens if it was answered meanwhile.
    pub(crate) async fn close_order(&self, caller: &Caller, order_no: &str, ticket: Ticket, outcome: &str) -> Result<(), Failure> {
        let fields = fields(CALL, outcome).with("order-no", order_no).with("state", "canceled");
        let event = Event::completed(ticket, fields);
        let keep = self.keep_outcome(caller, &event)?;
        let (program, order_no) = (caller.program.clone(), order_no.to_owned());
        let closed = self
            .commit(move |state, _| {
                let known = state.order(&program, &order_no);
                let open = known.filter(|known| known.phase == OrderPhase::RequiresConfirmation && known.ticket == ticket.0);
                let Some(known) = open else { return Ok((Vec::new(), false)) };
                let order = OrderState {
                    phase: OrderPhase::Canceled,
                    ..known.clone()
                };
                let body = None;
                let change = Change::Order {
                    program,
                    order_no,
                    order,
                    body,
                };
                Ok((vec![change, keep], true))
            })
            .await?;
        if closed {
            self.tell(caller.session, event);
        }
        Ok(())
    }

    /// Closes orders of a person in a program whose sheets went with a session or with the host.
    pub(crate) async fn close_abandoned(&self, caller: &Caller) {
        let waiting: Vec<(String, u64)> = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            let orders = mine.into_iter().flat_map(|mine| &mine.orders);
            let known = orders.filter_map(|order_no| Some((order_no, state.order(&caller.program, order_no)?)));
            let open = known.filter(|(_, order)| order.phase == OrderPhase::RequiresConfirmation);
            open.map(|(order_no, order)| (order_no.clone(), order.ticket)).collect()
        };
        for (order_no, ticket) in waiting {
            let shown = self
                .live
                .lock()
                .values()
                .any(|live| live.sheets.values().any(|asked| asked.ticket.0 == ticket));
            if !shown && let Err(failure) = self.close_order(caller, &order_no, Ticket(ticket), "expired").await {
                tracing::warn!(%failure, "an abandoned order stays open until the next launch");
            }
        }
    }

    pub(crate) async fn lookup(&self, caller: &Caller, order_no: &str) -> Result<Fields, Failure> {
        let (program, order_no) = (caller.program.clone(), order_no.to_owned());
        let (person, staff) = (caller.person.clone(), !caller.roles.is_empty());
        self.commit(move |state, _| {
            let order = state.order(&program, &order_no).filter(|order| staff || order.person == person);
            let order = order.ok_or_else(|| not_found(format!("no order \"{order_no}\" of this person")))?;
            let paid = if order.phase == OrderPhase::Succeeded { order.amount } else { 0 };
            let number = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
            let fields = Fields::new()
                .with("state", order.phase.code())
                .with("amount", number(order.amount))
                .with("currency", order.currency.as_str())
                .with("captured", number(paid))
                .with("refunded", 0_i64)
                .with("receipt", order.receipt.as_str());
            Ok((Vec::new(), fields))
        })
        .await
    }

    /// Receipts of a person, newest first; at most 500.
    pub async fn receipts(&self, person: &PersonId) -> Vec<Receipt> {
        let found = self.log.map().scan_back(&keys::receipts(&person.0), None, 500).await;
        let open = |sealed: &[u8]| serde_json::from_slice(&self.unseal(person, "receipt", sealed).ok()?).ok();
        found.unwrap_or_default().iter().filter_map(|(_, sealed)| open(sealed)).collect()
    }

    /// Whether the document is a receipt of this host, unaltered.
    pub fn verify_receipt(&self, document: &str) -> bool {
        document.len() < 8_192 && self.host.verify(RECEIPT, document).is_some()
    }
}

/// Whether the row that an order names is as the order wants it, and not paid by another one.
fn row_matches(state: &State, caller: &Caller, order_no: &str, terms: &Terms, now: u64) -> bool {
    let Some((collection, key, version)) = &terms.record else {
        return true;
    };
    let row = state.row(&caller.program, collection, key).filter(|row| row.alive(now));
    row.is_some_and(|row| {
        let free = row.paid.as_ref().is_none_or(|paid| paid.order == order_no);
        free && version.is_none_or(|version| version == row.version)
    })
}

fn stamped(state: &State, caller: &Caller, terms: &Terms, paid: PaidStamp) -> Option<Change> {
    let (collection, key, _) = terms.record.as_ref()?;
    let mut row = state.row(&caller.program, collection, key)?.clone();
    row.version += 1;
    row.paid = Some(paid);
    Some(Change::Row {
        program: caller.program.clone(),
        collection: collection.clone(),
        key: key.clone(),
        row,
        value: None,
    })
}
