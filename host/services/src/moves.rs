//! What may be done with an order that was paid or is held, and what it comes to: pure, over the order as it stands.

use crate::legs::{Legs, chain};
use crate::order::Mode;
use crate::services::{check_name, invalid, limit};
use crate::state::{OrderPhase, OrderState, State};
use youji_api::caller::Caller;
use youji_api::{Failure, Fields, PersonId, codes};
use youji_ledger::Transfer;

/// Refunds of one order at most.
const REFUNDS: usize = 50;

/// What somebody, or time, does with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// To the payee: all that is held unless an amount is named; what remains returns unless it is not the last one.
    Capture {
        amount: Option<u64>,
        last: bool,
    },
    /// All that is held back to the payer.
    Cancel,
    /// Back to the payer out of what was captured: all that is left of it unless an amount is named.
    Refund {
        amount: Option<u64>,
        reference: String,
    },
    Ship,
    Dispute,
}

impl Move {
    /// As the contract names it; "claim" is not one of these.
    pub(crate) fn parse(action: &str, options: &Fields) -> Result<Move, Failure> {
        let amount = match options.get("amount") {
            None => None,
            Some(value) => {
                let amount = value.as_integer().and_then(|amount| u64::try_from(amount).ok());
                let amount = amount.filter(|amount| *amount > 0);
                Some(amount.ok_or_else(|| invalid("option \"amount\": a whole number above 0 expected, in minor units"))?)
            }
        };
        let known: &[&str] = match action {
            "capture" => &["amount", "final"],
            "refund" => &["amount", "reference", "reason"],
            "cancel" | "dispute" => &["reason"],
            "ship" => &["tracking"],
            other => {
                return Err(Failure::new(
                    codes::UNSUPPORTED,
                    format!("action \"{other}\": capture, cancel, refund, ship, dispute or claim expected"),
                ));
            }
        };
        if let Some((other, _)) = options.iter().find(|(name, _)| !known.contains(name)) {
            return Err(Failure::new(
                codes::UNSUPPORTED,
                format!("option \"{other}\" of \"{action}\": {} expected", known.join(" or ")),
            ));
        }
        for words in ["reason", "tracking", "reference"] {
            if !options.text(words).is_empty() {
                check_name(words, options.text(words), if words == "reference" { 64 } else { 200 })?;
            }
        }
        Ok(match action {
            "capture" => Move::Capture {
                amount,
                last: options.get("final").is_none_or(|last| last.as_flag() != Some(false)),
            },
            "refund" => Move::Refund {
                amount,
                reference: options.text("reference").to_owned(),
            },
            "ship" => Move::Ship,
            "dispute" => Move::Dispute,
            _ => Move::Cancel,
        })
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Move::Capture { .. } => "capture",
            Move::Cancel => "cancel",
            Move::Refund { .. } => "refund",
            Move::Ship => "ship",
            Move::Dispute => "dispute",
        }
    }
}

/// As whom somebody acts on an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) payer: bool,
    pub(crate) payee: bool,
    pub(crate) staff: bool,
}

impl Parts {
    /// Whoever the program forgot comes back as somebody else, also to their orders; but what is held of theirs stays theirs until that
    /// ends, since nobody else can release or dispute it.
    pub(crate) fn of(state: &State, caller: &Caller, order: &OrderState) -> Parts {
        let now = state.generation(&caller.person, &caller.program);
        let same = |person: &PersonId, then: u32| {
            let held = order.phase == OrderPhase::RequiresCapture;
            *person == caller.person && (held || then == now)
        };
        let flow = &order.flow;
        Parts {
            payer: same(&order.person, order.generation),
            payee: flow.to.as_ref().is_some_and(|to| same(to, flow.to_generation)),
            staff: !caller.roles.is_empty(),
        }
    }

    pub(crate) fn any(self) -> bool {
        self.payer || self.payee || self.staff
    }
}

fn forbidden(what: &str) -> Failure {
    Failure::new(codes::FORBIDDEN, what)
}

fn conflict(what: String) -> Failure {
    Failure::new(codes::CONFLICT, what)
}

/// Whether somebody may do that with an order of that kind; whether the order is in a state for it is [`plan`]'s to say.
pub(crate) fn permit(parts: Parts, order: &OrderState, wish: &Move) -> Result<(), Failure> {
    let Parts { payer, payee, staff } = parts;
    let (mode, flow) = (order.flow.mode, &order.flow);
    let (allowed, who) = match (wish, mode) {
        (Move::Capture { .. }, Mode::Escrow) => (payer || staff && flow.disputed, "the payer, or staff in a dispute"),
        (Move::Capture { .. }, Mode::Deposit) => (payer || staff, "staff or the payer"),
        (Move::Cancel, Mode::Escrow) => (
            payee || staff || payer && !flow.shipped,
            "the payee, staff, or the payer before it was shipped",
        ),
        (Move::Cancel, Mode::Deposit) => (staff, "staff"),
        (Move::Cancel, Mode::Pool) => (payer || staff, "the payer or staff"),
        // What is in a person's wallet is theirs alone to give back.
        (Move::Refund { .. }, Mode::Pay | Mode::Escrow) if flow.to.is_some() => (payee, "the payee"),
        (Move::Refund { .. }, Mode::Pay | Mode::Escrow | Mode::Deposit | Mode::Pool) => (staff, "staff"),
        (Move::Ship, Mode::Escrow) => (payee || staff, "the payee or staff"),
        (Move::Dispute, Mode::Escrow) => (payer, "the payer"),
        (_, mode) => {
            return Err(forbidden(&format!(
                "\"{}\" is not for an order of mode \"{}\"",
                wish.name(),
                mode.code()
            )));
        }
    };
    if allowed {
        return Ok(());
    }
    Err(forbidden(&format!("\"{}\" is for {who}", wish.name())))
}

/// Whether it gives away what is the caller's own, so that they are asked on a sheet.
pub(crate) fn gives(parts: Parts, wish: &Move) -> bool {
    match wish {
        Move::Capture { .. } => parts.payer,
        Move::Refund { .. } => parts.payee,
        _ => false,
    }
}

/// What a move comes to.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) order: OrderState,
    pub(crate) transfers: Vec<Transfer>,
    /// What this move captured, refunded or returned, in minor units.
    pub(crate) captured: u64,
    pub(crate) refunded: u64,
    pub(crate) returned: u64,
    /// It was done before: nothing is written.
    pub(crate) repeated: bool,
}

/// The order afterwards, and the transfers that bring it about.
pub(crate) fn plan(order: &OrderState, wish: &Move, legs: &Legs<'_>, now: u64) -> Result<Moved, Failure> {
    let mut next = order.clone();
    next.flow.revision += 1;
    next.at = now;
    let mut moved = Moved {
        order: next,
        transfers: Vec::new(),
        captured: 0,
        refunded: 0,
        returned: 0,
        repeated: false,
    };
    let held = order.phase == OrderPhase::RequiresCapture;
    let needs_hold = || {
        conflict(format!(
            "\"{}\" needs an order of which something is held; this one is {}",
            wish.name(),
            order.phase.code()
        ))
    };
    match wish {
        Move::Refund { amount, reference } => refund(order, *amount, reference, legs, &mut moved)?,
        _ if !held => return Err(needs_hold()),
        Move::Capture { amount, last } => capture(order, *amount, *last, legs, &mut moved)?,
        Move::Cancel => {
            let flow = &order.flow;
            moved.transfers = chain(legs.end_hold(flow.holds, (flow.held, flow.held_fee), (0, 0)));
            moved.returned = flow.held;
            let next = &mut moved.order;
            (next.flow.held, next.flow.held_fee, next.flow.disputed) = (0, 0, false);
            next.phase = if flow.captured > 0 {
                OrderPhase::Succeeded
            } else {
                OrderPhase::Canceled
            };
        }
        Move::Ship if order.flow.shipped => moved.repeated = true,
        Move::Ship => moved.order.flow.shipped = true,
        Move::Dispute if order.flow.disputed => moved.repeated = true,
        Move::Dispute => moved.order.flow.disputed = true,
    }
    Ok(moved)
}

/// The publisher's part of what was captured or refunded so far: rounded down, and exact once it is all.
fn share(of: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(of) * u128::from(part) / u128::from(whole)).unwrap_or(of)
}

fn capture(order: &OrderState, amount: Option<u64>, last: bool, legs: &Legs<'_>, moved: &mut Moved) -> Result<(), Failure> {
    let flow = &order.flow;
    let part = amount.unwrap_or(flow.held);
    if part > flow.held {
        return Err(limit(format!(
            "at most {} minor units are held, {part} were to be captured",
            flow.held
        )));
    }
    let captured = flow.captured + part;
    let fee = share(flow.fee, captured, order.amount) - flow.captured_fee;
    moved.transfers = legs.end_hold(flow.holds, (flow.held, flow.held_fee), (part, fee));
    moved.captured = part;
    let next = &mut moved.order.flow;
    (next.captured, next.captured_fee) = (captured, flow.captured_fee + fee);
    (next.held, next.held_fee) = (0, 0);
    let rest = flow.held - part;
    if last || rest == 0 {
        moved.returned = rest;
        next.disputed = false;
        moved.order.phase = OrderPhase::Succeeded;
    } else {
        (next.held, next.held_fee) = (rest, flow.held_fee - fee);
        next.holds += 1;
        moved.transfers.extend(legs.reserve(next.holds, next.held, next.held_fee));
    }
    moved.transfers = chain(std::mem::take(&mut moved.transfers));
    Ok(())
}

fn refund(order: &OrderState, amount: Option<u64>, reference: &str, legs: &Legs<'_>, moved: &mut Moved) -> Result<(), Failure> {
    let flow = &order.flow;
    let captured = order.captured();
    if let Some((_, known)) = flow.refunds.iter().find(|(known, _)| known == reference) {
        if amount.is_none_or(|amount| amount == *known) {
            moved.refunded = *known;
            moved.repeated = true;
            return Ok(());
        }
        return Err(Failure::new(
            codes::TAKEN,
            format!("reference \"{reference}\" stands for a refund of {known} minor units; use a new one"),
        ));
    }
    if captured == 0 {
        return Err(conflict(format!(
            "nothing of this order reached the payee; it is {}",
            order.phase.code()
        )));
    }
    let left = captured - flow.refunded;
    let part = amount.unwrap_or(left);
    if part == 0 || part > left {
        return Err(limit(format!(
            "{captured} minor units reached the payee, {} went back already: at most {left} more; {part} came",
            flow.refunded
        )));
    }
    if flow.refunds.len() >= REFUNDS {
        return Err(limit(format!("at most {REFUNDS} refunds of one order")));
    }
    let refunded = flow.refunded + part;
    let fee = share(flow.captured_fee, refunded, captured) - flow.refunded_fee;
    moved.transfers = legs.refund(reference, part, fee);
    moved.refunded = part;
    let next = &mut moved.order.flow;
    (next.captured, next.moved) = (captured, true);
    (next.refunded, next.refunded_fee) = (refunded, flow.refunded_fee + fee);
    next.refunds.push((reference.to_owned(), part));
    Ok(())
}
