//! The room's page.

use crate::room::Line;
use crate::{App, LONGEST, Msg, Notice};
use youji_sdk::Element;
use youji_sdk::text::fill;
use youji_sdk::widgets::{
    ButtonTone, Dock, Parent, Tone, Widget, button, list, list_item, page as page_widget, row, stack, text, text_field,
};

pub(crate) fn page(app: &App) -> Element<Msg> {
    let words = app.words;
    let title = match app.room.name.as_str() {
        "" => words.lobby.to_owned(),
        name => fill(words.title, &[("room", name)]),
    };
    let lines = app.room.lines.iter().map(|(key, one)| line(app, key, one));
    let said: Element<Msg> = if app.room.lines.is_empty() {
        text().text(words.nothing).tone(Tone::Quiet).into()
    } else {
        list().label(words.lines).children(lines).into()
    };
    page_widget().title(title).child(stack().child(said)).child(writing(app)).into()
}

fn writing(app: &App) -> Element<Msg> {
    let words = app.words;
    let notice = match app.notice {
        None => "",
        Some(Notice::NotSent) => words.not_sent,
        Some(Notice::NotRemoved) => words.not_removed,
    };
    let ask = button().label(words.name_me).tone(ButtonTone::Quiet).on_tap(Msg::AskName);
    stack()
        .dock(Dock::Bottom)
        .child(text().text(notice).tone(Tone::Warn).live(true).hidden(notice.is_empty()))
        .child(
            text_field()
                .label(words.say)
                .value(app.draft.as_str())
                .max_length(LONGEST as i64)
                .on_input(Msg::Write)
                .on_submit(|_| Msg::Send),
        )
        .child(
            row()
                .child(button().label(words.send).icon("send").tone(ButtonTone::Primary).on_tap(Msg::Send))
                .maybe(app.name.is_empty().then_some(ask)),
        )
        .into()
}

fn line(app: &App, key: &str, line: &Line) -> Element<Msg> {
    let words = app.words;
    let name = if line.name.is_empty() { words.guest } else { line.name.as_str() };
    let mine = !app.me.is_empty() && line.owner == app.me;
    let shown = if mine { fill(words.me, &[("name", name)]) } else { name.to_owned() };
    let take_back = button()
        .described(fill(words.take_back, &[("text", &line.text)]))
        .icon("close")
        .tone(ButtonTone::Quiet)
        .on_tap(Msg::TakeBack(key.to_owned()));
    list_item()
        .key(key)
        .title(shown)
        .detail(line.text.as_str())
        .maybe(mine.then_some(take_back))
        .into()
}
