//! The two pages.

use crate::goods::{GOODS, Good};
use crate::{App, MOST, Msg, Notice};
use youji_sdk::Element;
use youji_sdk::text::{fill, money, number};
use youji_sdk::widgets::{
    Align, ButtonTone, Dock, Justify, Parent, Shape, TextSize, Tone, Weight, Widget, button, card, fact_list, grid, image, list,
    list_item, page, row, stack, stepper, text,
};

pub(crate) fn shop(app: &App) -> Element<Msg> {
    let goods = GOODS.iter().enumerate().map(|(at, good)| tile(app, at, good));
    let values = [
        ("count", &*number(app.count())),
        ("amount", &money(&app.currency, app.amount())),
    ];
    let dock = stack().dock(Dock::Bottom).child(
        button()
            .label(fill(app.words.to_basket, &values))
            .icon("cart")
            .tone(ButtonTone::Primary)
            .wide(true)
            .on_tap(Msg::Basket),
    );
    page()
        .title(app.words.shop)
        .child(grid().columns(2).children(goods))
        .maybe((app.count() > 0).then_some(dock))
        .into()
}

fn tile(app: &App, at: usize, good: &Good) -> Element<Msg> {
    let name = good.name[app.language];
    let add = button()
        .described(fill(app.words.add, &[("good", name)]))
        .icon("plus")
        .tone(ButtonTone::Primary)
        .disabled(i64::from(app.basket[at]) >= MOST)
        .on_tap(Msg::Add(at));
    card()
        .key(good.id)
        .child(image().source(good.picture).alt("").shape(Shape::Square))
        .child(text().text(name).weight(Weight::Strong))
        .child(text().text(good.about[app.language]).size(TextSize::Small).tone(Tone::Quiet))
        .child(
            row()
                .justify(Justify::Between)
                .align(Align::Center)
                .child(text().text(money(&app.currency, good.price)).tone(Tone::Accent))
                .child(add),
        )
        .into()
}

pub(crate) fn basket(app: &App) -> Element<Msg> {
    let words = app.words;
    if app.thanks || app.count() == 0 {
        let (title, more) = if app.thanks { (words.thanks, words.thanks_more) } else { (words.empty, "") };
        let body = stack()
            .child(text().text(title).size(TextSize::Title).live(true))
            .child(text().text(more).hidden(more.is_empty()))
            .child(button().label(words.back).wide(true).on_tap(Msg::Shop));
        return page().title(words.basket).child(body).into();
    }
    let filled = GOODS.iter().enumerate().filter(|(at, _)| app.basket[*at] > 0);
    let lines = filled.map(|(at, good)| line(app, at, good));
    let sum = money(&app.currency, app.amount());
    let notice = match app.notice {
        None => "",
        Some(Notice::Declined) => words.declined,
        Some(Notice::NoFunds) => words.no_funds,
        Some(Notice::Failed) => words.failed,
    };
    let body = stack()
        .child(text().text(notice).tone(Tone::Warn).live(true).hidden(notice.is_empty()))
        .child(list().label(words.basket).children(lines))
        .child(fact_list().names([words.total]).values([sum.as_str()]).total(true));
    let label = if app.paying { words.paying.to_owned() } else { fill(words.pay, &[("amount", &sum)]) };
    let pay = button()
        .label(label)
        .tone(ButtonTone::Primary)
        .wide(true)
        .busy(app.paying)
        .disabled(app.paying)
        .on_tap(Msg::Pay);
    page()
        .title(words.basket)
        .child(body)
        .child(stack().dock(Dock::Bottom).child(pay))
        .into()
}

fn line(app: &App, at: usize, good: &Good) -> Element<Msg> {
    let name = good.name[app.language];
    let pieces = app.basket[at];
    list_item()
        .key(good.id)
        .title(name)
        .value(money(&app.currency, good.price * u64::from(pieces)))
        .image(good.picture)
        .child(
            stepper()
                .label(fill(app.words.pieces, &[("good", name)]))
                .value(i64::from(pieces))
                .min(0)
                .max(MOST)
                .disabled(app.paying)
                .on_change(move |pieces| Msg::Pieces(at, pieces)),
        )
        .into()
}
