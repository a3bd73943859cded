//! What holds other widgets.

use crate::{App, Msg, sample};
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    Align, Axis, Dock, Gap, Justify, Parent, Tone, Widget, badge, button, card, divider, grid, list, list_item, page as page_widget, row,
    scroll, stack, tabs, text,
};

/// Items of the list that is longer than what is sent.
pub(crate) const ITEMS: i64 = 100;
/// Items that are sent.
pub(crate) const WINDOW: i64 = 4;

pub(crate) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let taps = fill(words.taps, &[("n", &number(app.taps))]);
    let body = stack()
        .gap(Gap::L)
        .child(sample("stack", stacks(app)))
        .child(sample("row", rows(app)))
        .child(sample("grid", grids(app)))
        .child(sample("card", cards(app, &taps)))
        .child(sample("divider", stack().child(divider()).child(divider().label(words.divider))))
        .child(sample("list-item", items(app)))
        .child(sample("list", many(app)))
        .child(sample("scroll", scrolls(app)))
        .child(sample("tabs", paged(app)));
    let docked = stack()
        .dock(Dock::Bottom)
        .pad(Gap::S)
        .child(button().label(taps).wide(true).on_tap(Msg::Tapped));
    page_widget()
        .title(words.layout)
        .subtitle(words.layout_more)
        .child(body)
        .child(docked)
        .into()
}

fn three(app: &App) -> Vec<Element<Msg>> {
    let words = [app.words.one, app.words.two, app.words.three];
    words.map(|word| badge().text(word).tone(Tone::Accent).into()).into()
}

fn stacks(app: &App) -> Element<Msg> {
    let kinds = [
        (Gap::None, Align::Start),
        (Gap::S, Align::Center),
        (Gap::M, Align::End),
        (Gap::L, Align::Stretch),
    ];
    let all = kinds.map(|(gap, align)| card().child(stack().gap(gap).align(align).pad(gap).children(three(app))));
    grid().columns(2).children(all).into()
}

fn rows(app: &App) -> Element<Msg> {
    let kinds = [
        (Gap::S, Justify::Start, Align::Start),
        (Gap::None, Justify::Center, Align::Center),
        (Gap::L, Justify::End, Align::End),
        (Gap::M, Justify::Between, Align::Stretch),
    ];
    let all = kinds.map(|(gap, justify, align)| card().child(row().gap(gap).justify(justify).align(align).children(three(app))));
    let grows = row().child(text().text(app.words.long).grow()).child(badge().text(app.words.end));
    let wraps = row().wrap(true).children((0..4).flat_map(|_| three(app)));
    stack().children(all).child(card().child(grows)).child(card().child(wraps)).into()
}

fn grids(app: &App) -> Element<Msg> {
    let kinds = [(2, Gap::None), (3, Gap::S), (4, Gap::L)];
    let all = kinds.map(|(columns, gap)| grid().columns(columns).gap(gap).children(three(app)));
    stack().children(all).into()
}

fn cards(app: &App, taps: &str) -> Element<Msg> {
    let words = app.words;
    let tones = [
        (Tone::Plain, words.plain),
        (Tone::Accent, words.accent),
        (Tone::Quiet, words.quiet),
        (Tone::Good, words.good),
        (Tone::Warn, words.warn),
        (Tone::Bad, words.bad),
    ];
    let all = tones.map(|(tone, word)| card().tone(tone).child(text().text(word)));
    stack()
        .child(grid().columns(2).children(all))
        .child(card().on_tap(Msg::Tapped).child(text().text(taps)))
        .into()
}

fn items(app: &App) -> Element<Msg> {
    let words = app.words;
    let whole = list_item()
        .title(words.noodles)
        .detail(words.noodles_detail)
        .value("¥18.00")
        .image("common/noodles.svg")
        .on_tap(Msg::Tapped);
    let held = list_item()
        .title(words.tea)
        .detail(words.tea_detail)
        .child(badge().text(words.good).tone(Tone::Good));
    list().label(words.list).child(whole).child(held).into()
}

fn many(app: &App) -> Element<Msg> {
    let shown = app.offset..(app.offset + WINDOW).min(ITEMS);
    let items = shown.map(|at| {
        let name = number(at.unsigned_abs() + 1);
        list_item().key(name.as_str()).title(fill(app.words.item, &[("n", &name)]))
    });
    list()
        .label(app.words.many)
        .total(ITEMS)
        .offset(app.offset)
        .on_window(Msg::Window)
        .children(items)
        .into()
}

fn scrolls(app: &App) -> Element<Msg> {
    let words = app.words;
    let beside = row().children((0..8).flat_map(|_| three(app)));
    stack()
        .child(scroll().axis(Axis::Horizontal).label(words.beside).child(beside))
        .child(scroll().axis(Axis::Vertical).label(words.below).child(text().text(words.long)))
        .into()
}

fn paged(app: &App) -> Element<Msg> {
    let words = app.words;
    let pages = [words.one, words.two, words.three].map(|word| text().text(word));
    tabs()
        .label(words.tabs)
        .labels([words.one, words.two, words.three])
        .selected(app.tab)
        .on_change(Msg::Tab)
        .children(pages)
        .into()
}
