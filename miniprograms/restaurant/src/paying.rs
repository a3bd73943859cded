//! From a basket to a paid order.

use crate::app::{App, Msg, Notice, pages};
use crate::cart;
use crate::order::{self, ORDERS, Order as Placed, Status, upsert};
use youji_sdk::text::{fill, number};
use youji_sdk::{Ctx, Ended, FailureCode, Fields, Line, Order, Paid, PayState, PutOptions};

/// Writes the order and asks to be paid for it. Nothing is cooked before it is.
pub(crate) fn pay(app: &mut App, ctx: &mut Ctx<Msg>) {
    let blocked = app.cart.iter().any(|line| app.is_sold_out(line.choice.dish));
    if app.paying.is_some() || app.cart.is_empty() || blocked {
        return;
    }
    app.notice = None;
    app.removed = None;
    // Sorted by time, and not to be guessed: a number is one attempt, of one person.
    let key = [number(ctx.now()).as_str(), "-", &ctx.random_id()[..12]].concat();
    let value = order::value(&app.table, &app.cart, app.note.trim(), Status::Placed);
    let Ok(version) = ctx.records().put(ORDERS, &key, 0, &value, PutOptions::new()) else {
        app.notice = Some(Notice::NotSent);
        return;
    };
    let mut asked = Order::new(key.as_str(), app.currency.as_str())
        .record(ORDERS, &key, version)
        .purpose(fill(app.words.purpose, &[("table", &app.table_name())]));
    for line in &app.cart {
        let mut title = line.choice.of().name[app.language].to_owned();
        let options = line.choice.options(app.words, app.language);
        if !options.is_empty() {
            title = [&title, " · ", &options].concat();
        }
        asked = asked.line(Line::item(title, line.quantity, line.amount()));
    }
    app.paying = Some((key, version));
    ctx.pay(asked, |paid| Msg::Paid(Box::new(paid)));
}

/// What became of it. May be about an order that an earlier instance asked to be paid for.
pub(crate) fn paid(app: &mut App, paid: &Paid, ctx: &mut Ctx<Msg>) {
    let ours = app.paying.as_ref().is_some_and(|(key, _)| *key == paid.order_no);
    if ours {
        app.paying = None;
    }
    let row = ctx.records().get(ORDERS, &paid.order_no).ok().flatten();
    let placed = row.as_ref().and_then(Placed::from_row);
    if paid.ended == Ended::Done && paid.state != PayState::Canceled {
        succeeded(app, &paid.order_no, placed, ctx);
        return;
    }
    // The attempt is over and nothing moved. Its row goes, so that nobody pays or cooks it by accident.
    if let Some(row) = row.filter(|row| row.paid_state().is_none_or(|state| state == PayState::Canceled)) {
        let _ = ctx.records().remove(ORDERS, &row.key, row.version);
        app.orders.retain(|order| order.key != row.key);
    }
    app.notice = Some(match (&paid.ended, &paid.failure) {
        (Ended::Declined, _) | (_, Some(FailureCode::Denied)) => Notice::Declined,
        (Ended::Expired, _) => Notice::Expired,
        (_, Some(FailureCode::InsufficientFunds)) => Notice::NoFunds,
        (_, Some(FailureCode::Conflict)) => Notice::Changed,
        _ => Notice::PayFailed,
    });
    if app.cart.is_empty()
        && let Some(placed) = placed
    {
        // After a crash the basket may be gone, the row is not.
        app.cart = placed.lines;
        app.note = placed.note;
    }
}

fn succeeded(app: &mut App, key: &str, placed: Option<Placed>, ctx: &mut Ctx<Msg>) {
    // Another basket than the one that was paid is one that somebody filled since.
    if placed.as_ref().is_none_or(|placed| cart::same(&placed.lines, &app.cart)) {
        app.cart.clear();
        app.note.clear();
    }
    app.notice = None;
    app.tells = None;
    app.watch_orders(ctx);
    if let Some(placed) = placed {
        upsert(&mut app.orders, placed);
    }
    ctx.subscribe(&["order-ready"], |outcome| {
        Msg::Subscribed(outcome.fields.get_text("template.order-ready") == "accepted")
    });
    let query = Fields::new().text("order", key);
    if app.page.path == pages::CART {
        let _ = ctx.replace(pages::ORDER, query);
    } else if app.page.query("order") != key {
        app.go(pages::ORDER, query, ctx);
    }
}
