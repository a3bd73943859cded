//! Each widget of the SDK, in its states: to look at, to copy from, and to hold a host's page against.
//!
//! | module | holds |
//! |---|---|
//! | `layout` | what holds other widgets |
//! | `shown` | what is only looked at |
//! | `controls` | what people use |
//! | `words` | texts |

mod controls;
mod layout;
mod shown;
mod words;

use words::Words;
use youji_sdk::widgets::{Parent, TextSize, Tone, Widget, list, list_item, page, stack, text};
use youji_sdk::{Ctx, Element, Fields, Happening, Launch, Page, Program, Saved};

/// The model: what controls hold.
#[derive(Debug)]
pub struct App {
    words: &'static Words,
    page: Page,
    /// How often something was tapped.
    taps: u64,
    tab: i64,
    /// First item of the list that is longer than what is sent.
    offset: i64,
    text: String,
    sent: String,
    chosen: Vec<String>,
    one: String,
    number: i64,
    on: bool,
    moment: String,
}

/// What changes it.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is what a widget sends")]
pub enum Msg {
    Go(&'static str),
    Tapped,
    Tab(i64),
    Window(i64),
    Text(String),
    Sent(String),
    Chosen(Vec<String>),
    One(String),
    Number(i64),
    On(bool),
    Moment(String),
}

impl Program for App {
    type Msg = Msg;

    fn launched(launch: Launch, _: Option<Saved>, _: &mut Ctx<Msg>) -> Self {
        App {
            words: Words::of(&launch.language),
            page: launch.page,
            taps: 0,
            tab: 0,
            offset: 0,
            text: String::new(),
            sent: String::new(),
            chosen: vec!["egg".to_owned()],
            one: "tea".to_owned(),
            number: 2,
            on: true,
            moment: "2026-03-01".to_owned(),
        }
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Go(path) => {
                let _ = ctx.push(path, Fields::new());
            }
            Msg::Tapped => self.taps += 1,
            Msg::Tab(tab) => self.tab = tab,
            Msg::Window(offset) => self.offset = offset.clamp(0, layout::ITEMS - layout::WINDOW),
            Msg::Text(text) => self.text = text,
            Msg::Sent(text) => self.sent = text,
            Msg::Chosen(chosen) => self.chosen = chosen,
            Msg::One(one) => self.one = one,
            Msg::Number(number) => self.number = number,
            Msg::On(on) => self.on = on,
            Msg::Moment(moment) => self.moment = moment,
        }
    }

    fn happened(&mut self, happening: Happening, _: &mut Ctx<Msg>) {
        match happening {
            Happening::PageShown(page) => self.page = page,
            Happening::Settings(fields) if !fields.get_text("language").is_empty() => {
                self.words = Words::of(fields.get_text("language"));
            }
            _ => {}
        }
    }

    fn view(&self) -> Element<Msg> {
        match self.page.path.as_str() {
            "pages/layout" => layout::page(self),
            "pages/shown" => shown::page(self),
            "pages/controls" => controls::page(self),
            _ => home(self),
        }
    }
}

fn home(app: &App) -> Element<Msg> {
    let words = app.words;
    let pages = [
        (words.layout, words.layout_more, "pages/layout"),
        (words.shown, words.shown_more, "pages/shown"),
        (words.controls, words.controls_more, "pages/controls"),
    ];
    let items = pages.map(|(title, detail, path)| list_item().key(path).title(title).detail(detail).on_tap(Msg::Go(path)));
    page()
        .title(words.gallery)
        .child(list().label(words.gallery).children(items))
        .into()
}

/// A widget under its name on the wire.
fn sample(kind: &'static str, shows: impl Into<Element<Msg>>) -> Element<Msg> {
    let name = text().text(kind).size(TextSize::Small).tone(Tone::Quiet);
    stack().key(kind).child(name).child(shows).into()
}

youji_sdk::export!(App);
