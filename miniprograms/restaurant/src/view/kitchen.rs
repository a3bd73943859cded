//! The kitchen: what is paid and not yet served; what is sold out.

use super::{framed, nothing, small, strong};
use crate::app::{App, Msg, pages};
use crate::menu::DISHES;
use crate::order::{Order, Status};
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    Align, ButtonTone, Justify, Parent, TextSize, Tone, Weight, Widget, badge, button, card, list, list_item, row, stack, switch, tabs,
    text,
};

/// Orders that are done and still shown.
const DONE: usize = 10;

pub(super) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    if !app.staff {
        let action = Some((words.to_menu, Msg::Go(pages::MENU)));
        return framed(
            words.kitchen,
            "",
            nothing(words.staff_only, words.staff_only_hint, "common/empty-cart.svg", action),
        )
        .into();
    }
    let body = stack().maybe(app.notice()).child(
        tabs()
            .label(words.kitchen)
            .labels([words.kitchen_orders, words.kitchen_menu])
            .selected(app.kitchen_tab)
            .on_change(Msg::KitchenTab)
            .child(orders(app))
            .child(stock(app)),
    );
    framed(words.kitchen, words.restaurant, body).into()
}

fn orders(app: &App) -> Element<Msg> {
    let words = app.words;
    let paid = |status: Status| app.orders.iter().filter(move |order| order.is_paid() && order.status == status);
    let waiting = paid(Status::Placed).count() + paid(Status::Cooking).count();
    let mut body = stack();
    if waiting == 0 {
        body = body.child(nothing(words.none_waiting, words.none_waiting_hint, "common/pot.svg", None));
    }
    for (status, title) in [(Status::Cooking, words.cooking), (Status::Placed, words.new_orders)] {
        let count = paid(status).count();
        if count > 0 {
            let heading = row()
                .align(Align::Center)
                .child(text().text(title).size(TextSize::Title))
                .child(badge().text(number(count as u64)).tone(Tone::Accent));
            body = body.child(heading).children(paid(status).map(|order| ticket(app, order)));
        }
    }
    let done: Vec<&Order> = paid(Status::Ready).collect();
    if !done.is_empty() {
        let rows = done.into_iter().rev().take(DONE).map(|order| {
            list_item()
                .key(order.key.as_str())
                .title([&order.short(), " · ", &app.place(&order.table)].concat())
        });
        body = body
            .child(strong(words.done_today))
            .child(list().label(words.done_today).children(rows));
    }
    body.into()
}

/// An order as it hangs above the stove.
fn ticket(app: &App, order: &Order) -> Element<Msg> {
    let words = app.words;
    let no = order.short();
    let (label, message, tone) = match order.status {
        Status::Placed => (words.start, Msg::Start(order.key.clone()), ButtonTone::Plain),
        _ => (words.finish, Msg::Finish(order.key.clone()), ButtonTone::Primary),
    };
    let lines = order.lines.iter().map(|line| {
        let options = line.choice.options(words, app.language);
        let mut said = [&number(u64::from(line.quantity)), " × ", line.choice.of().name[app.language]].concat();
        if !options.is_empty() {
            said = [&said, " · ", &options].concat();
        }
        text().text(said).weight(Weight::Strong)
    });
    let note = (!order.note.is_empty()).then(|| text().text(fill(words.note_is, &[("note", &order.note)])).tone(Tone::Warn));
    let altered = (!order.is_sound()).then(|| text().text(words.altered).tone(Tone::Bad));
    card()
        .key(order.key.as_str())
        .tone(if order.status == Status::Cooking {
            Tone::Accent
        } else {
            Tone::Plain
        })
        .child(
            row()
                .justify(Justify::Between)
                .align(Align::Center)
                .child(text().text(app.place(&order.table)).size(TextSize::Title))
                .child(small(no.as_str())),
        )
        .children(lines)
        .maybe(note)
        .maybe(altered)
        .child(button().label(fill(label, &[("no", &no)])).tone(tone).wide(true).on_tap(message))
        .into()
}

fn stock(app: &App) -> Element<Msg> {
    let switches = DISHES.iter().enumerate().map(|(at, dish)| {
        switch()
            .key(dish.id)
            .label(dish.name[app.language])
            .value(app.is_sold_out(at))
            .on_change(move |sold_out| Msg::SoldOut(at, sold_out))
    });
    stack().child(small(app.words.sold_out_hint)).children(switches).into()
}
