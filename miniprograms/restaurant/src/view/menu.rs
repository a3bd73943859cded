//! The menu: home.

use super::{small, strong};
use crate::app::{App, Msg, pages};
use crate::cart;
use crate::menu::{CATEGORIES, DISHES, Dish};
use crate::order::Status;
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    Align, ButtonTone, Choice, ChoiceStyle, Dock, Justify, Parent, Shape, TextSize, Tone, Widget, badge, button, card, grid, image,
    page as page_widget, radio_group, row, stack, text,
};

pub(super) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let mut choices = vec![Choice::new("0", words.all)];
    for (at, name) in CATEGORIES.iter().enumerate() {
        choices.push(Choice::new(number(at as u64 + 1), name[app.language]));
    }
    let mut body = stack()
        .child(image().source("common/hero.svg").alt("").shape(Shape::Banner))
        .child(
            row()
                .justify(Justify::Between)
                .align(Align::Center)
                .child(text().text(words.slogan).size(TextSize::Title).grow())
                .child(badge().text(app.table_name()).tone(Tone::Accent)),
        )
        .maybe(running(app))
        .maybe(app.notice())
        .child(
            radio_group()
                .label(words.categories)
                .style(ChoiceStyle::Chips)
                .options(&choices)
                .value(number(app.category as u64))
                .on_change(Msg::Category),
        );
    for (category, name) in CATEGORIES.iter().enumerate() {
        if app.category != 0 && app.category != category + 1 {
            continue;
        }
        let dishes = DISHES.iter().enumerate().filter(|(_, dish)| dish.category == category);
        body = body
            .child(text().text(name[app.language]).size(TextSize::Title).key(number(category as u64)))
            .child(
                grid()
                    .columns(2)
                    .key(["dishes-", &number(category as u64)].concat())
                    .children(dishes.map(|(at, dish)| dish_card(app, at, dish))),
            );
    }
    body = body.child(
        row()
            .justify(Justify::Center)
            .child(
                button()
                    .label(words.bills)
                    .icon("receipt")
                    .tone(ButtonTone::Quiet)
                    .on_tap(Msg::Go(pages::BILLS)),
            )
            .maybe(app.staff.then(|| {
                button()
                    .label(words.kitchen)
                    .icon("bell")
                    .tone(ButtonTone::Quiet)
                    .on_tap(Msg::Go(pages::KITCHEN))
            })),
    );
    page_widget()
        .title(words.restaurant)
        .child(body)
        .maybe((!app.cart.is_empty()).then(|| to_basket(app)))
        .into()
}

fn to_basket(app: &App) -> Element<Msg> {
    let values = [
        ("count", &*number(u64::from(cart::count(&app.cart)))),
        ("amount", &app.money(cart::amount(&app.cart))),
    ];
    stack()
        .dock(Dock::Bottom)
        .child(
            button()
                .label(fill(app.words.to_basket, &values))
                .icon("cart")
                .tone(ButtonTone::Primary)
                .wide(true)
                .on_tap(Msg::Go(pages::CART)),
        )
        .into()
}

/// The order that is under way, for somebody who came back to the menu.
fn running(app: &App) -> Option<Element<Msg>> {
    let order = app.orders.iter().rev().find(|order| order.is_paid())?;
    let words = app.words;
    let (state, tone) = match order.status {
        Status::Placed => (words.placed, Tone::Accent),
        Status::Cooking => (words.cooking, Tone::Accent),
        Status::Ready => (words.ready, Tone::Good),
    };
    let card = card().tone(tone).on_tap(Msg::ShowOrder(order.key.clone())).child(
        row()
            .justify(Justify::Between)
            .align(Align::Center)
            .child(
                text()
                    .text(fill(words.running, &[("no", &order.short()), ("state", state)]))
                    .live(true),
            )
            .child(badge().text(words.look).tone(tone)),
    );
    Some(card.into())
}

fn dish_card(app: &App, at: usize, dish: &Dish) -> Element<Msg> {
    let name = dish.name[app.language];
    let sold_out = app.is_sold_out(at);
    let end: Element<Msg> = if sold_out {
        badge().text(app.words.sold_out).tone(Tone::Quiet).into()
    } else {
        button()
            .described(fill(app.words.add_dish, &[("dish", name)]))
            .icon("plus")
            .tone(ButtonTone::Primary)
            .on_tap(Msg::QuickAdd(at))
            .into()
    };
    card()
        .key(dish.id)
        .on_tap(Msg::ShowDish(at))
        .child(image().source(dish.picture()).alt("").shape(Shape::Square))
        .child(strong(name))
        .child(small(dish.about[app.language]))
        .child(
            row()
                .justify(Justify::Between)
                .align(Align::Center)
                .child(
                    text()
                        .text(app.money(dish.price))
                        .tone(if sold_out { Tone::Quiet } else { Tone::Accent }),
                )
                .child(end),
        )
        .into()
}
