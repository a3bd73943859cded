//! What staff do.

use crate::app::{App, Msg, Notice};
use crate::menu::DISHES;
use crate::order::{ORDERS, Order, Status, upsert};
use youji_sdk::{Ctx, FailureCode, Fields, Json, PutOptions};

/// Collection of what is sold out, a row a dish.
pub(crate) const STOCK: &str = "menu";

/// Moves an order on, unless a colleague was first.
pub(crate) fn advance(app: &mut App, key: &str, status: Status, ctx: &mut Ctx<Msg>) {
    let Some(order) = app.order(key).filter(|order| app.staff && order.is_paid()).cloned() else {
        return;
    };
    app.notice = None;
    let written = ctx
        .records()
        .put(ORDERS, key, order.version, &order.with_status(status), PutOptions::new());
    match written {
        Ok(version) => {
            if status == Status::Ready {
                tell(app, &order, ctx);
            }
            upsert(&mut app.orders, Order { version, status, ..order });
        }
        Err(failure) => {
            app.notice = Some(if failure.code == FailureCode::Conflict {
                Notice::Taken
            } else {
                Notice::NotSaved
            });
            reload(app, key, ctx);
        }
    }
}

fn reload(app: &mut App, key: &str, ctx: &mut Ctx<Msg>) {
    match ctx.records().get(ORDERS, key) {
        Ok(Some(row)) => {
            if let Some(order) = Order::from_row(&row) {
                upsert(&mut app.orders, order);
            }
        }
        Ok(None) => app.orders.retain(|order| order.key != key),
        Err(_) => {}
    }
}

/// Who did not allow the message sees it on the page of the order; so a refusal is no error.
fn tell(app: &App, order: &Order, ctx: &mut Ctx<Msg>) {
    let fields = Fields::new().text("no", order.short()).text("place", app.place(&order.table));
    let _ = ctx.send_message(&order.owner, "order-ready", fields, &order.key);
}

/// Marks a dish as sold out, or as back.
pub(crate) fn sold_out(app: &mut App, dish: usize, sold_out: bool, ctx: &mut Ctx<Msg>) {
    if !app.staff {
        return;
    }
    let value = Json::object().with("sold-out", sold_out).write();
    let (version, _) = app.stock(dish);
    let key = DISHES[dish].id;
    let mut written = ctx.records().put(STOCK, key, version, &value, PutOptions::new());
    if written.as_ref().is_err_and(|failure| failure.code == FailureCode::Conflict) {
        // A colleague switched it in the meantime; this is the later word.
        let now = ctx.records().get(STOCK, key).ok().flatten().map_or(0, |row| row.version);
        written = ctx.records().put(STOCK, key, now, &value, PutOptions::new());
    }
    match written {
        Ok(version) => app.set_stock(dish, (version, sold_out)),
        Err(_) => app.notice = Some(Notice::NotSaved),
    }
}
