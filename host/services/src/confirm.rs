//! The payer's yes: everything that it brings about, in one durable act, or nothing.

use crate::change::Change;
use crate::flow::{FlowChange, Pool};
use crate::model::{DayCounts, Names, Receipt};
use crate::money;
use crate::moves::{Move, Moved};
use crate::order::{Mode, RowTerm, Terms};
use crate::outcomes::{coded, fields};
use crate::payment::{CALL, OpenOrder};
use crate::say::Say;
use crate::services::{Services, not_found};
use crate::settle::{Planned, PlannedEntry, PoolChange, assemble};
use crate::state::{OrderPhase, OrderState, State};
use youji_api::caller::Caller;
use youji_api::{Event, Failure, ProgramId, codes};
use youji_ledger::{Transfer, TransferError};

/// Plans again at most so many times: only a pool that many join at once asks for it.
const AGAIN: usize = 128;

/// What became of a confirmation.
enum Paid {
    Done,
    /// Why not; nothing moved.
    Refused(&'static str),
    /// A pool changed since it was planned.
    Again,
    /// Answered before, or no longer open: nothing was done now.
    Stale,
}

/// What a confirmation comes to.
struct Plan {
    order: OrderState,
    transfers: Vec<Transfer>,
    /// Of the others in a pool that this one fills.
    others: Vec<Planned>,
    pool: Option<PoolChange>,
    say: Say,
}

fn stale() -> Failure {
    not_found("this order was answered before, or its sheet is no longer open")
}

impl Services {
    /// Moves or reserves the money and writes everything that hangs on it, in one entry, or nothing.
    pub(crate) async fn confirm(&self, caller: &Caller, open: &OpenOrder) -> Result<(), Failure> {
        for _ in 0..AGAIN {
            let known = self.snapshot(&caller.program, &open.order.order_no);
            let known = known.filter(|known| known.phase == OrderPhase::RequiresConfirmation && known.ticket == open.ticket.0);
            let known = known.ok_or_else(stale)?;
            let refused = match self.plan_payment(caller, open, &known).await? {
                Err(code) => code,
                Ok(plan) => match self.write_payment(caller, open, &known, plan).await? {
                    Paid::Done => return Ok(()),
                    Paid::Stale => return Err(stale()),
                    Paid::Again => continue,
                    Paid::Refused(code) => code,
                },
            };
            let fields = coded(CALL, "failed", refused);
            return self.close_order(caller, &open.order.order_no, open.ticket, fields).await;
        }
        // Too many join this pool at once.
        let fields = coded(CALL, "failed", codes::CONFLICT);
        self.close_order(caller, &open.order.order_no, open.ticket, fields).await
    }

    /// The order as paid or held, or the code of why that can't be.
    async fn plan_payment(&self, caller: &Caller, open: &OpenOrder, known: &OrderState) -> Result<Result<Plan, &'static str>, Failure> {
        let order_no = open.order.order_no.as_str();
        if known.flow.to.as_ref().is_some_and(|to| !self.alive(to)) {
            return Ok(Err(codes::NOT_FOUND));
        }
        let mut order = known.clone();
        order.receipt = self.draw_id();
        order.at = self.now();
        order.flow.revision += 1;
        order.flow.moved = true;
        let legs = self.legs(&caller.program, order_no, known);
        let (amount, fee) = (order.amount, order.flow.fee);
        let mut plan = Plan {
            transfers: Vec::new(),
            others: Vec::new(),
            pool: None,
            say: Say::HeldFor,
            order,
        };
        let order = &mut plan.order;
        let paid = |order: &mut OrderState| {
            order.phase = OrderPhase::Succeeded;
            (order.flow.captured, order.flow.captured_fee) = (amount, fee);
            legs.pay(amount, fee)
        };
        let mut full = None;
        if let (Mode::Pool, Some((name, size))) = (order.flow.mode, order.flow.pool.clone()) {
            let pool = self.pool_of(&caller.program, &name);
            if let Err(code) = joins(&pool, order, size, open.terms.until_said) {
                return Ok(Err(code));
            }
            let mut next = joined(&pool, order_no, order, size);
            next.done = next.members.len() >= size as usize;
            order.flow.until = next.terms.1;
            full = next.done.then(|| pool.members.clone());
            plan.pool = Some((name, pool.revision, next));
        }
        match order.flow.mode {
            Mode::Pay | Mode::Payout => {
                plan.say = Say::Paid;
                plan.transfers = paid(order);
            }
            Mode::Pool if full.is_some() => {
                plan.say = Say::PoolFull;
                plan.transfers = paid(order);
            }
            Mode::Packet => {
                plan.say = Say::PacketSent;
                order.phase = OrderPhase::RequiresCapture;
                order.flow.held = amount;
                plan.transfers = legs.pay(amount, 0);
            }
            Mode::Escrow | Mode::Deposit | Mode::Pool => {
                order.phase = OrderPhase::RequiresCapture;
                (order.flow.held, order.flow.held_fee, order.flow.holds) = (amount, fee, 1);
                plan.transfers = legs.reserve(1, amount, fee);
            }
        }
        for (member, _) in full.into_iter().flatten() {
            let Some(order) = self.snapshot(&caller.program, &member) else {
                continue;
            };
            if order.phase != OrderPhase::RequiresCapture {
                continue;
            }
            let all = Move::Capture { amount: None, last: true };
            plan.others
                .push(self.plan_member(&caller.program, &member, &order, &all, Say::PoolFull).await?);
        }
        Ok(Ok(plan))
    }

    async fn write_payment(&self, caller: &Caller, open: &OpenOrder, known: &OrderState, plan: Plan) -> Result<Paid, Failure> {
        let (order_no, at) = (open.order.order_no.clone(), plan.order.at);
        let done = fields(CALL, "done").with("order-no", order_no.as_str());
        let done = done
            .with("state", plan.order.phase.code())
            .with("receipt", plan.order.receipt.as_str());
        let done = Event::completed(open.ticket, done);
        let members = plan.others.len() as u64 + 1;
        let mut own = Planned {
            program: caller.program.clone(),
            order_no: order_no.clone(),
            seen: known.flow.revision,
            claims: None,
            changes: vec![self.keep_outcome(caller, &done).await?],
            people: vec![caller.person.clone()],
            tell: Vec::new(),
            moved: Moved {
                transfers: plan.transfers,
                captured: plan.order.flow.captured,
                refunded: 0,
                returned: 0,
                repeated: false,
                order: plan.order,
            },
        };
        let receipt = self.receipt(caller, open, &own.moved.order);
        own.changes.push(Change::Receipt {
            person: caller.person.clone(),
            receipt: self.seal_receipt(&caller.person, &receipt)?,
        });
        self.tell_parties(caller, &mut own, plan.say, &open.payee).await?;
        let order = &own.moved.order;
        if order.flow.captured > 0 && order.flow.to.is_none() {
            own.changes.push(Change::Counted {
                day: at / 86_400_000,
                counts: DayCounts {
                    orders: members,
                    turnover: order.amount.saturating_mul(members),
                    ..DayCounts::default()
                },
            });
        }
        own.changes.extend(self.packet_of(caller, open));
        let legs = self.legs(&caller.program, &order_no, known);
        let (from, mode) = (legs.from, order.flow.mode);
        let accounts = legs.accounts(mode, order.flow.fee);
        let mut parts = vec![own];
        parts.extend(plan.others);
        let (mut entry, tell) = assemble(parts, plan.pool);
        entry.changes.splice(0..0, accounts);
        let (own, terms, ticket) = (caller.clone(), open.terms.clone(), open.ticket);
        let paid = self
            .commit(move |state, stamp| {
                let known = state.order(&own.program, &order_no);
                let open = known.is_some_and(|known| known.phase == OrderPhase::RequiresConfirmation && known.ticket == ticket.0);
                if !open || !state.people.contains_key(&own.person) {
                    return Ok((Vec::new(), Paid::Stale));
                }
                if !entry.still_fits(state) {
                    return Ok((Vec::new(), Paid::Again));
                }
                let now = stamp.millis();
                if !row_matches(state, &own.program, &order_no, terms.record.as_ref(), now)
                    || !version_matches(state, &own.program, terms.claims.as_ref(), now)
                {
                    return Ok((Vec::new(), Paid::Refused(codes::CONFLICT)));
                }
                if terms.until > 0 && terms.until <= now {
                    return Ok((Vec::new(), Paid::Refused("expired")));
                }
                if let Some(refused) = poor(state, &entry, from, stamp.at)? {
                    return Ok((Vec::new(), refused));
                }
                let place = state.people.get(&own.person).map_or(0, |person| person.last_receipt + 1);
                entry.place_receipt(&own.program, &order_no, place);
                entry.stamp_rows(state);
                entry.changes.extend(raised(state, &own.program, terms.claims.as_ref()));
                Ok((entry.changes, Paid::Done))
            })
            .await?;
        if matches!(paid, Paid::Done) {
            self.tell(caller.session, done);
            self.tell_all(tell);
        }
        Ok(paid)
    }

    /// Messages for payer and payee; the payee's program learns of it too.
    async fn tell_parties(&self, caller: &Caller, own: &mut Planned, say: Say, payee: &Names) -> Result<(), Failure> {
        let order = own.moved.order.clone();
        let amount = money::with_sign(order.amount, &order.currency);
        own.changes
            .push(self.say(&caller.program, &caller.person, say, &amount, payee, order.at)?);
        let Some(to) = &order.flow.to else { return Ok(()) };
        let (say, other) = match order.flow.mode {
            Mode::Payout => {
                let state = self.state.read();
                (
                    Say::PaidOut,
                    state.merchant(&order.publisher, &order.merchant).cloned().unwrap_or_default(),
                )
            }
            mode => {
                let name = self.profile(&caller.person).map(|profile| profile.name).unwrap_or_default();
                let say = if mode == Mode::Escrow { Say::ShipNow } else { Say::Received };
                (say, Names::new(name.clone(), name))
            }
        };
        let amount = money::with_sign(order.amount - order.flow.fee, &order.currency);
        own.changes.push(self.say(&caller.program, to, say, &amount, &other, order.at)?);
        self.order_changed(own, to, None).await
    }

    /// The packet that an order opens, its split drawn now.
    fn packet_of(&self, caller: &Caller, open: &OpenOrder) -> Option<Change> {
        let (shares, random) = open.terms.shares?;
        Some(Change::Flow(FlowChange::Packet {
            program: caller.program.clone(),
            order_no: open.order.order_no.clone(),
            amount: open.order.amount,
            shares,
            seed: random.then(|| self.draw()),
        }))
    }

    fn receipt(&self, caller: &Caller, open: &OpenOrder, order: &OrderState) -> Receipt {
        let mut receipt = Receipt {
            receipt: order.receipt.clone(),
            payee: open.payee.clone(),
            merchant: (caller.publisher.clone(), order.merchant.clone()),
            amount: order.amount,
            currency: order.currency.clone(),
            order: open.order.order_no.clone(),
            program: caller.program.clone(),
            payer: self.open_id(&caller.person, &caller.program).to_string(),
            purpose: open.terms.purpose.clone(),
            at: order.at,
            state: order.phase.code().to_owned(),
            captured: order.flow.captured,
            refunded: 0,
            document: String::new(),
        };
        self.sign_receipt(&mut receipt, order.at);
        receipt
    }
}

impl PlannedEntry {
    /// Where the receipt of an order will stand is known only when it is decided.
    fn place_receipt(&mut self, program: &ProgramId, order_no: &str, place: u64) {
        for change in &mut self.changes {
            if let Change::Order {
                program: of,
                order_no: number,
                order,
                ..
            } = change
                && of == program
                && number == order_no
            {
                order.flow.receipt_at = place;
            }
        }
    }
}

/// Whether the payer can't afford it.
fn poor(state: &State, entry: &PlannedEntry, from: u128, at: u64) -> Result<Option<Paid>, Failure> {
    let mut all = Vec::new();
    for change in &entry.changes {
        if let Change::Transfers(transfers) = change {
            all.extend_from_slice(transfers);
        }
    }
    let needs: u128 = all
        .iter()
        .filter(|transfer| transfer.debit == from)
        .map(|transfer| transfer.amount)
        .sum();
    match state.ledger.check(&all, at).fault() {
        // A payee that is not open yet is opened by the same entry, and lets every credit in.
        None | Some((_, TransferError::CreditAccountNotFound)) => {}
        Some((_, TransferError::ExceedsCredits | TransferError::DebitAccountNotFound)) => {
            return Ok(Some(Paid::Refused(codes::INSUFFICIENT)));
        }
        Some((_, error)) => return Err(Failure::new(codes::FAILED, error.to_string())),
    }
    let has = state.ledger.account(from).map_or(0, youji_ledger::Account::available);
    Ok((has < needs).then_some(Paid::Refused(codes::INSUFFICIENT)))
}

/// Whether an order may join a pool, or the code of why not.
pub(crate) fn joins(pool: &Pool, order: &OrderState, size: u32, until_said: bool) -> Result<(), &'static str> {
    if pool.done {
        return Err(if pool.members.len() >= size as usize {
            "pool-full"
        } else {
            "pool-expired"
        });
    }
    if pool.members.iter().any(|(_, person)| *person == order.person) {
        return Err("pool-joined");
    }
    let (fixed_size, until, merchant, amount, currency) = &pool.terms;
    let same = *fixed_size == size
        && (!until_said || *until == order.flow.until)
        && *merchant == order.merchant
        && *amount == order.amount
        && *currency == order.currency;
    if pool.revision > 0 && !same {
        return Err("pool-mismatch");
    }
    Ok(())
}

fn joined(pool: &Pool, order_no: &str, order: &OrderState, size: u32) -> Pool {
    let mut next = pool.clone();
    if pool.revision == 0 {
        next.terms = (size, order.flow.until, order.merchant.clone(), order.amount, order.currency.clone());
    }
    next.members.push((order_no.to_owned(), order.person.clone()));
    next.revision += 1;
    next
}

/// Whether the row that an order names is as the order wants it, and not paid by another one.
pub(crate) fn row_matches(state: &State, program: &ProgramId, order_no: &str, record: Option<&RowTerm>, now: u64) -> bool {
    let Some((collection, key, _)) = record else { return true };
    let paid = state.row(program, collection, key).and_then(|row| row.paid.as_ref());
    let free = paid.is_none_or(|paid| paid.order == order_no || paid.state == OrderPhase::Canceled.code());
    free && version_matches(state, program, record, now)
}

/// Whether a row is there, at the version that an order names.
pub(crate) fn version_matches(state: &State, program: &ProgramId, row: Option<&RowTerm>, now: u64) -> bool {
    let Some((collection, key, version)) = row else { return true };
    let row = state.row(program, collection, key).filter(|row| row.alive(now));
    row.is_some_and(|row| version.is_none_or(|version| version == row.version))
}

/// The claimed row at its next version.
fn raised(state: &State, program: &ProgramId, claims: Option<&RowTerm>) -> Option<Change> {
    let (collection, key, _) = claims?;
    let mut row = state.row(program, collection, key)?.clone();
    row.version += 1;
    Some(Change::Row {
        program: program.clone(),
        collection: collection.clone(),
        key: key.clone(),
        row,
        value: None,
    })
}

impl Terms {
    /// Collections and keys that an order may not name as both.
    pub(crate) fn same_row(&self) -> bool {
        let name = |row: &Option<RowTerm>| row.as_ref().map(|(collection, key, _)| (collection.clone(), key.clone()));
        self.claims.is_some() && name(&self.record) == name(&self.claims)
    }
}
