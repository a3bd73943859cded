//! The basket.

use super::{framed, nothing};
use crate::app::{App, Msg, pages};
use crate::cart::{self, Line, MOST, NOTE};
use youji_sdk::Element;
use youji_sdk::text::fill;
use youji_sdk::widgets::{
    Align, ButtonTone, Dock, FieldType, Justify, Parent, Tone, Widget, badge, button, card, fact_list, list, list_item, row, stack,
    stepper, text, text_field,
};

pub(super) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let undo = app.removed.as_ref().map(|(_, line)| removed(app, line));
    if app.cart.is_empty() {
        let action = Some((words.to_menu, Msg::Go(pages::MENU)));
        let body = stack().maybe(app.notice()).maybe(undo).child(nothing(
            words.empty_basket,
            words.empty_basket_hint,
            "common/empty-cart.svg",
            action,
        ));
        return framed(words.basket, &app.table_name(), body).into();
    }
    let paying = app.paying.is_some();
    let sum = app.money(cart::amount(&app.cart));
    let count = youji_sdk::text::number(u64::from(cart::count(&app.cart)));
    let blocked = app.cart.iter().find(|line| app.is_sold_out(line.choice.dish));
    let body = stack()
        .maybe(app.notice())
        .maybe(undo)
        .maybe(blocked.map(|line| {
            let name = line.choice.of().name[app.language];
            card()
                .tone(Tone::Warn)
                .child(text().text(fill(words.sold_out_dish, &[("dish", name)])).live(true))
        }))
        .child(
            list()
                .label(words.items)
                .children(app.cart.iter().enumerate().map(|(at, line)| item(app, at, line, paying))),
        )
        .child(
            text_field()
                .label(words.note)
                .placeholder(words.note_example)
                .kind(FieldType::Multiline)
                .max_length(NOTE as i64)
                .value(app.note.as_str())
                .disabled(paying)
                .on_change(Msg::Note),
        )
        .child(
            fact_list()
                .names([words.items, words.total])
                .values([count, sum.clone()])
                .total(true),
        );
    let label = if paying {
        words.paying.to_owned()
    } else {
        fill(words.pay, &[("amount", &sum)])
    };
    let pay = button()
        .label(label)
        .tone(ButtonTone::Primary)
        .wide(true)
        .busy(paying)
        .disabled(paying || blocked.is_some())
        .on_tap(Msg::Pay);
    framed(words.basket, &app.table_name(), body)
        .child(stack().dock(Dock::Bottom).child(pay))
        .into()
}

fn item(app: &App, at: usize, line: &Line, paying: bool) -> Element<Msg> {
    let dish = line.choice.of();
    let name = dish.name[app.language];
    let sold_out = app.is_sold_out(line.choice.dish);
    list_item()
        .key(key(line))
        .title(name)
        .detail(line.choice.options(app.words, app.language))
        .value(app.money(line.amount()))
        .image(dish.picture())
        .maybe(sold_out.then(|| badge().text(app.words.sold_out).tone(Tone::Warn)))
        .child(
            stepper()
                .label(fill(app.words.quantity_of, &[("dish", name)]))
                .value(i64::from(line.quantity))
                .min(0)
                .max(i64::from(MOST))
                .disabled(paying)
                .on_change(move |quantity| Msg::Quantity(at, quantity)),
        )
        .into()
}

/// A line is known by its choice: two lines never have the same.
fn key(line: &Line) -> String {
    let choice = &line.choice;
    let mut key = choice.of().id.to_owned();
    key.push(if choice.large { '+' } else { '-' });
    key.push(char::from(b'0' + choice.spice));
    key.push_str(&youji_sdk::text::number(u64::from(choice.extras)));
    key
}

fn removed(app: &App, line: &Line) -> Element<Msg> {
    let name = line.choice.of().name[app.language];
    card()
        .key("removed")
        .tone(Tone::Quiet)
        .child(
            row()
                .justify(Justify::Between)
                .align(Align::Center)
                .child(text().text(fill(app.words.removed, &[("dish", name)])).live(true))
                .child(button().label(app.words.undo).tone(ButtonTone::Quiet).on_tap(Msg::Undo)),
        )
        .into()
}
