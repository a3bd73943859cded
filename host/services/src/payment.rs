//! Orders: an intent that is made durable, and the sheet that asks for it.

use crate::change::Change;
use crate::confirm::{joins, row_matches, version_matches};
use crate::flow::Flow;
use crate::model::Names;
use crate::money;
use crate::order::{self, Mode, RowTerm, Terms};
use crate::outcomes::fields;
use crate::rows::rule;
use crate::services::{Services, invalid, limit, not_found};
use crate::sessions::{Asked, What};
use crate::state::{OrderPhase, OrderState, State};
use std::sync::Arc;
use youji_api::call::Order;
use youji_api::caller::Caller;
use youji_api::{Event, Failure, Fields, PersonId, Reply, Sheet, SheetId, SheetKind, SheetTerms, Ticket, codes};

pub(crate) const CALL: &str = "payment.pay";

/// An order whose sheet is open.
pub(crate) struct OpenOrder {
    pub(crate) order: Order,
    pub(crate) terms: Terms,
    pub(crate) payee: Names,
    pub(crate) ticket: Ticket,
}

/// Who is paid, and what the sheet says of the payer.
struct Payee {
    person: Option<PersonId>,
    name: Names,
}

impl Services {
    pub(crate) async fn pay(&self, caller: &Caller, order: Order) -> Result<Reply, Failure> {
        let terms = order::check(&order, &self.config.limits, &self.config.currency, self.now())?;
        if let Some(code) = &terms.code {
            return self.pay_with_code(caller, order, &terms, code).await;
        }
        let content = order::canonical(&order)?;
        let hash = self.host.short(&[b"order", &content]);
        let payee = self.payee(caller, &order, &terms).await?;
        if self.open_sheets(caller, &order.order_no) >= self.config.limits.sheets {
            return Err(limit(format!("at most {} sheets at once", self.config.limits.sheets)));
        }
        // What becomes of it is kept under this key: nobody is asked to pay what could not be told.
        self.own_key(&caller.person, &caller.program).await?;
        let (ticket, known, again) = self.intend(caller, &order, &terms, payee.person, &hash, &content).await?;
        if known.phase != OrderPhase::RequiresConfirmation {
            // The same order again: what became of it, once more.
            let fields = fields(CALL, "done").with("order-no", order.order_no.as_str());
            let fields = fields.with("state", known.phase.code()).with("receipt", known.receipt.as_str());
            self.tell(caller.session, Event::completed(ticket, fields));
            return Ok(Reply::Ticket(ticket));
        }
        if again {
            self.withdraw_order(caller, &order.order_no);
        }
        let open = Arc::new(OpenOrder {
            order,
            terms,
            payee: payee.name,
            ticket,
        });
        let sheet = self.payment_sheet(caller, &open, &known);
        let age = u64::try_from(self.config.limits.sheet_age.as_millis()).unwrap_or(u64::MAX);
        let asked = Asked {
            ticket,
            until: self.now().saturating_add(open.terms.sheet_ms.map_or(age, |own| own.min(age))),
            what: What::Payment(open),
            caller: None,
        };
        self.show(caller, sheet, asked)?;
        Ok(Reply::Ticket(ticket))
    }

    /// Who is paid: a merchant under the publisher, or a person whom the program knows by an open id. By their stored names.
    async fn payee(&self, caller: &Caller, order: &Order, terms: &Terms) -> Result<Payee, Failure> {
        let merchant = self.state.read().merchant(&caller.publisher, &order.merchant).cloned();
        let merchant = merchant.ok_or_else(|| {
            not_found(format!(
                "merchant \"{}\" is not enrolled under this program's publisher",
                order.merchant
            ))
        })?;
        if terms.mode == Mode::Payout && caller.roles.is_empty() {
            return Err(Failure::new(codes::FORBIDDEN, "a payout is for staff to ask"));
        }
        let Some(open_id) = &terms.to else {
            let name = match terms.mode {
                Mode::Packet => Names::new("红包", "Red packet"),
                _ => merchant,
            };
            return Ok(Payee { person: None, name });
        };
        let person = self.who(&caller.program, open_id).await?;
        if person == caller.person && terms.mode != Mode::Payout {
            return Err(invalid("\"to\" is the payer themselves; name somebody else"));
        }
        let name = self.profile(&person).ok_or_else(crate::people::nobody)?.name;
        Ok(Payee {
            person: Some(person),
            name: Names::new(name.clone(), name),
        })
    }

    /// Makes the intent durable, or finds it. An order that was canceled before anything moved may be asked for again: it gets a new
    /// ticket, and still succeeds at most once. The last value says whether there was one.
    async fn intend(
        &self,
        caller: &Caller,
        order: &Order,
        terms: &Terms,
        to: Option<PersonId>,
        hash: &str,
        content: &[u8],
    ) -> Result<(Ticket, OrderState, bool), Failure> {
        let body = self.seal(&caller.person, &format!("order/{}/{}", caller.program, order.order_no), content)?;
        let fresh = OrderState {
            person: caller.person.clone(),
            generation: 0,
            hash: hash.to_owned(),
            phase: OrderPhase::RequiresConfirmation,
            ticket: self.ticket().0,
            publisher: caller.publisher.clone(),
            merchant: order.merchant.clone(),
            amount: order.amount,
            currency: order.currency.clone(),
            receipt: String::new(),
            at: self.now(),
            flow: Flow {
                mode: terms.mode,
                to,
                fee: terms.fee,
                until: terms.until,
                capture_at_expiry: terms.capture_at_expiry,
                record: terms.record.as_ref().map(|(collection, key, _)| (collection.clone(), key.clone())),
                pool: terms.pool.clone(),
                ..Flow::default()
            },
        };
        let (caller, order_no, terms) = (caller.clone(), order.order_no.clone(), terms.clone());
        let open_id = self.open_id(&caller.person, &caller.program);
        self.commit(move |state, stamp| {
            let known = state.order(&caller.program, &order_no);
            let again = known.is_some();
            let mut fresh = fresh;
            fresh.generation = state.generation(&caller.person, &caller.program);
            fresh.flow.to_generation = fresh.flow.to.as_ref().map_or(0, |to| state.generation(to, &caller.program));
            if let Some(known) = known {
                if known.person != caller.person || known.generation != fresh.generation || known.hash != fresh.hash {
                    return Err(Failure::new(
                        codes::TAKEN,
                        format!("order \"{order_no}\" is another person's, or stands for other content; use a new number"),
                    ));
                }
                if known.phase != OrderPhase::Canceled || known.flow.moved {
                    return Ok((Vec::new(), (Ticket(known.ticket), known.clone(), true)));
                }
                fresh.flow.revision = known.flow.revision + 1;
            }
            may_name(state, &caller, open_id.as_str(), &terms, stamp.millis())?;
            let program = &caller.program;
            if !row_matches(state, program, &order_no, terms.record.as_ref(), stamp.millis())
                || !version_matches(state, program, terms.claims.as_ref(), stamp.millis())
            {
                return Err(Failure::new(
                    codes::CONFLICT,
                    "the row that the order names has changed or is paid; read it again",
                ));
            }
            if let Some((name, size)) = &terms.pool
                && let Some(pool) = state.flows.pool(program, name)
            {
                let refused = |code: &'static str| Failure::new(code, format!("pool \"{name}\" does not take this order"));
                joins(pool, &fresh, *size, terms.until_said).map_err(refused)?;
                fresh.flow.until = pool.terms.1;
            }
            let change = Change::Order {
                program: caller.program.clone(),
                order_no,
                order: fresh.clone(),
                body: Some(body),
            };
            Ok((vec![change], (Ticket(fresh.ticket), fresh, again)))
        })
        .await
    }

    pub(crate) fn payment_sheet(&self, caller: &Caller, open: &OpenOrder, known: &OrderState) -> Sheet {
        let OpenOrder { order, terms, payee, .. } = open;
        let decimal = |amount: u64| money::decimal(amount, &order.currency);
        let line = |line: &youji_api::call::OrderLine| {
            let sign = if line.options.text("kind") == "discount" { "-" } else { "" };
            (line.title.clone(), line.quantity, format!("{sign}{}", decimal(line.amount)))
        };
        let (balance, pin) = {
            let state = self.state.read();
            let balance = match terms.mode {
                Mode::Payout => self.merchant_balance(&state, &caller.publisher, &order.merchant),
                _ => self.balance_in(&state, &caller.person),
            };
            (balance, state.people.get(&caller.person).is_some_and(|person| person.has_pin))
        };
        let mode = match (terms.mode, &terms.to) {
            (Mode::Pay, Some(_)) => "transfer",
            (mode, _) => mode.code(),
        };
        let at_expiry = match (known.flow.until, terms.capture_at_expiry) {
            (0, _) => "",
            (_, true) => "capture",
            (_, false) => "cancel",
        };
        let count = terms
            .pool
            .as_ref()
            .map(|(_, size)| *size)
            .or(terms.shares.map(|(shares, _)| shares));
        let mut said = SheetTerms {
            mode: mode.to_owned(),
            until: known.flow.until,
            at_expiry: at_expiry.to_owned(),
            fee: if terms.fee > 0 { decimal(terms.fee) } else { String::new() },
            count: count.unwrap_or(0),
            ..SheetTerms::default()
        };
        if pin {
            self.spending_terms(caller, open, &mut said);
        }
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
                pin: pin && said.spending_left.is_empty(),
                terms: Box::new(said),
            },
        }
    }

    /// Closes an order of which nothing moved, with that outcome. Nothing happens if it was answered meanwhile.
    pub(crate) async fn close_order(&self, caller: &Caller, order_no: &str, ticket: Ticket, fields: Fields) -> Result<(), Failure> {
        if let Some(event) = self.keep_closed(caller, order_no, ticket, fields).await? {
            self.tell(caller.session, event);
        }
        Ok(())
    }

    /// The same without telling the session. Answers the outcome; none if it was answered meanwhile.
    async fn keep_closed(&self, caller: &Caller, order_no: &str, ticket: Ticket, fields: Fields) -> Result<Option<Event>, Failure> {
        let event = Event::completed(ticket, fields.with("order-no", order_no).with("state", "canceled"));
        let keep = self.keep_outcome(caller, &event).await?;
        let (program, order_no) = (caller.program.clone(), order_no.to_owned());
        let closed = self.commit(move |state, _| {
            let known = state.order(&program, &order_no);
            let open = known.filter(|known| known.phase == OrderPhase::RequiresConfirmation && known.ticket == ticket.0);
            let Some(known) = open else { return Ok((Vec::new(), false)) };
            let mut order = OrderState {
                phase: OrderPhase::Canceled,
                ..known.clone()
            };
            order.flow.revision += 1;
            let body = None;
            let change = Change::Order {
                program,
                order_no,
                order,
                body,
            };
            Ok((vec![change, keep], true))
        });
        Ok(closed.await?.then_some(event))
    }

    /// Closes orders of a person in a program whose sheets went with a session or with the host. Nobody is told here: a launch asks for
    /// the outcomes that wait.
    pub(crate) async fn close_abandoned(&self, caller: &Caller) {
        let waiting: Vec<(String, u64)> = {
            let state = self.state.read();
            let mine = state.in_program(&caller.person, &caller.program);
            let orders = mine.into_iter().flat_map(|mine| mine.orders.keys());
            let known = orders.filter_map(|order_no| Some((order_no, state.order(&caller.program, order_no)?)));
            let generation = state.generation(&caller.person, &caller.program);
            let open = known.filter(|(_, order)| order.phase == OrderPhase::RequiresConfirmation && order.generation == generation);
            open.map(|(order_no, order)| (order_no.clone(), order.ticket)).collect()
        };
        for (order_no, ticket) in waiting {
            let shown = self
                .live
                .lock()
                .values()
                .any(|live| live.sheets.values().any(|asked| asked.ticket.0 == ticket));
            if !shown && let Err(failure) = self.keep_closed(caller, &order_no, Ticket(ticket), fields(CALL, "expired")).await {
                tracing::warn!(%failure, "an abandoned order stays open until the next launch");
            }
        }
    }
}

/// Whether the caller may let an order stamp or claim the rows that it names.
fn may_name(state: &State, caller: &Caller, open_id: &str, terms: &Terms, now: u64) -> Result<(), Failure> {
    let row = |term: &RowTerm| {
        let (collection, key, _) = term;
        let row = state.row(&caller.program, collection, key).filter(|row| row.alive(now));
        row.ok_or_else(|| not_found(format!("row \"{collection}/{key}\" that the order names does not exist")))
    };
    let forbidden =
        |(collection, key, _): &RowTerm| Failure::new(codes::FORBIDDEN, format!("row \"{collection}/{key}\" is not this person's"));
    if let Some(term) = &terms.record {
        let row = row(term)?;
        let own = row.owner.as_ref() == Some(&caller.person) || state.is_party(&caller.program, row, open_id, &caller.roles);
        let staff = terms.mode == Mode::Payout && row.staff_reads && !caller.roles.is_empty();
        if !own && !staff {
            return Err(forbidden(term));
        }
    }
    if let Some(term) = &terms.claims {
        let row = row(term)?;
        let readers = rule(caller, &term.0).map_or(&[][..], |rule| &rule.readers);
        if !state.belongs(caller, open_id, readers, row) {
            return Err(forbidden(term));
        }
    }
    Ok(())
}
