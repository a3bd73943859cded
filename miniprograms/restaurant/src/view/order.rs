//! One order: how far it is, what is in it, what was paid.

use super::{framed, nothing, small, strong};
use crate::app::{App, Msg, pages};
use crate::order::{Order, Status};
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    Align, ButtonTone, ImageSize, Parent, Shape, TextAlign, TextSize, Tone, button, card, fact_list, image, progress, stack, text,
};

pub(super) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let Some(order) = app.order(app.page.query("order")) else {
        let action = Some((words.bills, Msg::Go(pages::BILLS)));
        return framed(
            words.order,
            "",
            nothing(words.gone, words.gone_hint, "common/empty-cart.svg", action),
        )
        .into();
    };
    let mut body = stack().maybe(app.notice()).child(state(app, order));
    if order.is_paid() && order.status != Status::Ready {
        body = body.maybe(
            app.tells
                .map(|tells| small(if tells { words.will_tell } else { words.will_not_tell }).align(TextAlign::Center)),
        );
    }
    body = body.child(strong(words.items)).child(lines(app, order));
    if !order.note.is_empty() {
        body = body.child(small(fill(words.note_is, &[("note", &order.note)])));
    }
    if order.refunded > 0 {
        let said = fill(words.refunded, &[("amount", &app.money(order.refunded))]);
        body = body.child(card().tone(Tone::Good).child(text().text(said)));
    }
    let mut names = vec![words.short_no];
    let mut values = vec![order.short()];
    if !order.receipt.is_empty() {
        names.push(words.receipt);
        values.push(order.receipt.clone());
    }
    body = body.child(fact_list().names(names).values(values)).child(
        button()
            .label(words.more)
            .tone(ButtonTone::Plain)
            .wide(true)
            .on_tap(Msg::Go(pages::MENU)),
    );
    framed(words.order, &app.place(&order.table), body).into()
}

/// How far the kitchen is, in a word, a sentence and a picture.
fn state(app: &App, order: &Order) -> Element<Msg> {
    let words = app.words;
    let (said, hint, picture, tone) = match order.status {
        _ if !order.is_paid() => (words.unpaid, words.unpaid_hint, "common/empty-cart.svg", Tone::Warn),
        Status::Placed => (words.placed, words.placed_hint, "common/pot.svg", Tone::Accent),
        Status::Cooking => (words.cooking, words.cooking_hint, "common/pot.svg", Tone::Accent),
        Status::Ready => (words.ready, words.ready_hint, "common/ready.svg", Tone::Good),
    };
    let steps = order.is_paid().then(|| {
        progress()
            .label(words.progress)
            .steps([words.placed, words.cooking, words.ready])
            .step(order.status as i64)
    });
    let said = stack()
        .align(Align::Center)
        .child(image().source(picture).alt("").size(ImageSize::M).shape(Shape::Square))
        .child(text().text(said).size(TextSize::Large).live(true))
        .child(small(hint));
    card().tone(tone).child(said).maybe(steps).into()
}

/// Dishes with options and amounts, and their sum.
pub(super) fn lines(app: &App, order: &Order) -> Element<Msg> {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for line in &order.lines {
        let options = line.choice.options(app.words, app.language);
        let mut name = [&number(u64::from(line.quantity)), " × ", line.choice.of().name[app.language]].concat();
        if !options.is_empty() {
            name = [&name, " · ", &options].concat();
        }
        names.push(name);
        values.push(app.money(line.amount()));
    }
    names.push(app.words.total.to_owned());
    let paid = if order.is_paid() {
        order.paid_amount
    } else {
        crate::cart::amount(&order.lines)
    };
    values.push(app.money(paid));
    fact_list().names(names).values(values).total(true).into()
}
