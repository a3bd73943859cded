//! What is only looked at.

use crate::{App, Msg, sample};
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    Gap, ImageSize, Parent, Shape, TextAlign, TextSize, Tone, Weight, Widget, badge, fact_list, icon, image, page as page_widget, progress,
    qr, row, stack, table, text,
};

pub(crate) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let body = stack()
        .gap(Gap::L)
        .child(sample("text", texts(app)))
        .child(sample("image", images(app)))
        .child(sample("icon", icons(app)))
        .child(sample("badge", badges(app)))
        .child(sample("progress", progresses(app)))
        .child(sample("fact-list", facts(app)))
        .child(sample("table", tables(app)))
        .child(sample("qr", qr().text("https://example.org/gallery").label(words.qr)));
    page_widget().title(words.shown).subtitle(words.shown_more).child(body).into()
}

fn tones(app: &App) -> [(Tone, &'static str); 6] {
    let words = app.words;
    [
        (Tone::Plain, words.plain),
        (Tone::Accent, words.accent),
        (Tone::Quiet, words.quiet),
        (Tone::Good, words.good),
        (Tone::Warn, words.warn),
        (Tone::Bad, words.bad),
    ]
}

fn texts(app: &App) -> Element<Msg> {
    let words = app.words;
    let taps = fill(words.taps, &[("n", &number(app.taps))]);
    stack()
        .gap(Gap::S)
        .child(text().text(words.large).size(TextSize::Large))
        .child(text().text(words.title).size(TextSize::Title))
        .child(text().text(words.plain).size(TextSize::Body).weight(Weight::Regular))
        .child(text().text(words.strong).weight(Weight::Strong))
        .child(text().text(words.small).size(TextSize::Small))
        .child(
            row()
                .wrap(true)
                .children(tones(app).map(|(tone, word)| text().text(word).tone(tone))),
        )
        .child(text().text(words.start).align(TextAlign::Start))
        .child(text().text(words.center).align(TextAlign::Center))
        .child(text().text(words.end).align(TextAlign::End))
        .child(text().text(words.long).lines(2))
        .child(text().text(taps).live(true))
        .child(text().text(words.hidden).hidden(true))
        .into()
}

fn images(app: &App) -> Element<Msg> {
    let words = app.words;
    let sizes = [ImageSize::S, ImageSize::M, ImageSize::L];
    let squares = sizes.map(|size| image().source("common/noodles.svg").alt("").shape(Shape::Square).size(size));
    let round = image()
        .source("common/tea.svg")
        .alt(words.tea)
        .shape(Shape::Round)
        .size(ImageSize::M);
    let tapped = image()
        .source("common/noodles.svg")
        .alt(words.picture)
        .shape(Shape::Wide)
        .size(ImageSize::Fill)
        .on_tap(Msg::Tapped);
    stack()
        .child(image().source("common/hero.svg").alt("").shape(Shape::Banner))
        .child(row().wrap(true).children(squares).child(round))
        .child(tapped)
        .into()
}

fn icons(app: &App) -> Element<Msg> {
    let names = ["cart", "check", "clock", "bowl", "bell", "info"];
    let all = names
        .into_iter()
        .zip(tones(app))
        .map(|(name, (tone, _))| icon().name(name).tone(tone));
    row()
        .wrap(true)
        .children(all)
        .child(icon().name("heart").alt(app.words.heart))
        .into()
}

fn badges(app: &App) -> Element<Msg> {
    row()
        .wrap(true)
        .children(tones(app).map(|(tone, word)| badge().text(word).tone(tone)))
        .child(badge().text("3").tone(Tone::Bad).described(app.words.orders))
        .into()
}

fn progresses(app: &App) -> Element<Msg> {
    let words = app.words;
    stack()
        .child(progress().label(words.half).value(0.5))
        .child(progress().label(words.unknown))
        .child(
            progress()
                .label(words.steps)
                .steps([words.ordered, words.cooking, words.ready])
                .step(1),
        )
        .into()
}

fn facts(app: &App) -> Element<Msg> {
    let words = app.words;
    fact_list()
        .names([words.dishes, words.fee, words.total])
        .values(["¥36.00", "¥2.00", "¥38.00"])
        .total(true)
        .into()
}

fn tables(app: &App) -> Element<Msg> {
    let words = app.words;
    let columns = [words.day, "\t", words.orders, "\t", words.total].concat();
    let rows = [words.monday, "\t12\t¥436.00\n", words.tuesday, "\t9\t¥318.00"].concat();
    table().label(words.table).columns(columns).rows(rows).numeric("1,2").into()
}
