//! What people use.

use crate::{App, Msg, sample};
use youji_sdk::Element;
use youji_sdk::text::{fill, number};
use youji_sdk::widgets::{
    ButtonTone, Choice, ChoiceStyle, DateType, FieldType, Gap, Parent, Widget, button, checkbox_group, date_time, page as page_widget,
    radio_group, row, select, stack, stepper, switch, text, text_field,
};

pub(crate) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let body = stack()
        .gap(Gap::L)
        .child(sample("button", buttons(app)))
        .child(sample("text-field", fields(app)))
        .child(sample("checkbox-group", checkboxes(app)))
        .child(sample("radio-group", radios(app)))
        .child(sample("select", selects(app)))
        .child(sample("stepper", steppers(app)))
        .child(sample("switch", switches(app)))
        .child(sample("date-time", moments(app)));
    page_widget().title(words.controls).subtitle(words.controls_more).child(body).into()
}

fn buttons(app: &App) -> Element<Msg> {
    let words = app.words;
    let tones = [
        (ButtonTone::Plain, words.plain),
        (ButtonTone::Primary, words.primary),
        (ButtonTone::Quiet, words.quiet),
        (ButtonTone::Bad, words.bad),
    ];
    let taps = fill(words.taps, &[("n", &number(app.taps))]);
    stack()
        .child(
            row()
                .wrap(true)
                .children(tones.map(|(tone, word)| button().label(word).tone(tone).on_tap(Msg::Tapped))),
        )
        .child(
            row()
                .wrap(true)
                .child(button().label(words.with_icon).icon("cart").on_tap(Msg::Tapped))
                .child(button().described(words.heart).icon("heart").on_tap(Msg::Tapped))
                .child(button().label(words.disabled).disabled(true).on_tap(Msg::Tapped))
                .child(button().label(words.busy).busy(true).on_tap(Msg::Tapped)),
        )
        .child(button().label(words.wide).tone(ButtonTone::Primary).wide(true).on_tap(Msg::Tapped))
        .child(text().text(taps).live(true))
        .into()
}

fn fields(app: &App) -> Element<Msg> {
    let words = app.words;
    let kinds = [
        (FieldType::Number, words.count),
        (FieldType::Phone, words.phone),
        (FieldType::Search, words.search),
        (FieldType::Multiline, words.remark),
    ];
    let sent = fill(words.sent, &[("text", &app.sent)]);
    stack()
        .child(
            text_field()
                .label(words.name)
                .value(app.text.as_str())
                .placeholder(words.name_example)
                .kind(FieldType::Text)
                .max_length(40)
                .hint(words.hint)
                .on_input(Msg::Text)
                .on_submit(Msg::Sent),
        )
        .child(text().text(sent).live(true).hidden(app.sent.is_empty()))
        .child(text_field().label(words.name).error(words.missing).on_change(Msg::Text))
        .child(text_field().label(words.name).value(words.name_example).disabled(true))
        .children(kinds.map(|(kind, label)| text_field().label(label).kind(kind).on_change(Msg::Text)))
        .into()
}

fn extras(app: &App) -> [Choice; 2] {
    [
        Choice::new("egg", app.words.egg).detail(app.words.egg_detail),
        Choice::new("coriander", app.words.coriander),
    ]
}

fn drinks(app: &App) -> [Choice; 2] {
    [Choice::new("tea", app.words.tea), Choice::new("water", app.words.water)]
}

fn checkboxes(app: &App) -> Element<Msg> {
    let words = app.words;
    let none: [&str; 0] = [];
    let group = || checkbox_group().label(words.extras).options(&extras(app));
    stack()
        .child(group().value(&app.chosen).hint(words.choose_some).on_change(Msg::Chosen))
        .child(group().value(none).error(words.choose_some).on_change(Msg::Chosen))
        .child(group().value(["egg"]).disabled(true))
        .into()
}

fn radios(app: &App) -> Element<Msg> {
    let words = app.words;
    let group = || radio_group().label(words.drink).options(&drinks(app));
    let value = app.one.as_str();
    stack()
        .child(group().style(ChoiceStyle::List).value(value).hint(words.note).on_change(Msg::One))
        .child(group().style(ChoiceStyle::Chips).value(value).on_change(Msg::One))
        .child(group().error(words.choose_one).on_change(Msg::One))
        .child(group().value("tea").disabled(true))
        .into()
}

fn selects(app: &App) -> Element<Msg> {
    let words = app.words;
    let one = || select().label(words.drink).options(&drinks(app));
    stack()
        .child(one().value(app.one.as_str()).hint(words.note).on_change(Msg::One))
        .child(one().error(words.choose_one).on_change(Msg::One))
        .child(one().value("water").disabled(true))
        .into()
}

fn steppers(app: &App) -> Element<Msg> {
    let one = || stepper().label(app.words.pieces).value(app.number);
    stack()
        .child(one().min(1).max(9).on_change(Msg::Number))
        .child(one().disabled(true))
        .into()
}

fn switches(app: &App) -> Element<Msg> {
    let words = app.words;
    stack()
        .child(
            switch()
                .label(words.takeaway)
                .hint(words.takeaway_hint)
                .value(app.on)
                .on_change(Msg::On),
        )
        .child(switch().label(words.takeaway).value(!app.on).on_change(|on| Msg::On(!on)))
        .child(switch().label(words.takeaway).disabled(true))
        .into()
}

fn moments(app: &App) -> Element<Msg> {
    let words = app.words;
    stack()
        .child(
            date_time()
                .label(words.date)
                .kind(DateType::Date)
                .value(app.moment.as_str())
                .min("2026-01-01")
                .max("2026-12-31")
                .hint(words.soon)
                .on_change(Msg::Moment),
        )
        .child(
            date_time()
                .label(words.time)
                .kind(DateType::Time)
                .value("23:30")
                .error(words.too_late)
                .on_change(Msg::Moment),
        )
        .child(
            date_time()
                .label(words.moment)
                .kind(DateType::DateTime)
                .value("2026-03-01T12:00")
                .disabled(true),
        )
        .into()
}
