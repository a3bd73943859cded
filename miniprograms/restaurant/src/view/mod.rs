//! One file a page, and what they share.

mod bills;
mod cart;
mod dish;
mod kitchen;
mod menu;
mod order;

use crate::app::{App, Msg, Notice, pages};
use crate::cart::MOST;
use youji_sdk::Element;
use youji_sdk::text::{fill, money, number};
use youji_sdk::widgets::{
    Align, ButtonTone, Gap, ImageSize, Parent, Shape, Stack, Text, TextAlign, TextSize, Tone, Weight, button, card, image,
    page as page_widget, stack, text,
};

/// The page on top.
pub(crate) fn page(app: &App) -> Element<Msg> {
    match app.page.path.as_str() {
        pages::DISH => dish::page(app),
        pages::CART => cart::page(app),
        pages::ORDER => order::page(app),
        pages::BILLS => bills::page(app),
        pages::KITCHEN => kitchen::page(app),
        _ => menu::page(app),
    }
}

fn small<M>(words: impl youji_sdk::element::Text) -> Text<M> {
    text().text(words).size(TextSize::Small).tone(Tone::Quiet)
}

fn strong<M>(words: impl youji_sdk::element::Text) -> Text<M> {
    text().text(words).weight(Weight::Strong)
}

/// A page that has nothing to show: what is missing, why, and the one thing to do now.
fn nothing(title: &str, hint: &str, picture: &str, action: Option<(&str, Msg)>) -> Stack<Msg> {
    let action = action.map(|(label, message)| button().label(label).tone(ButtonTone::Primary).on_tap(message));
    stack()
        .align(Align::Center)
        .pad(Gap::L)
        .child(image().source(picture).alt("").size(ImageSize::L).shape(Shape::Square))
        .child(text().text(title).size(TextSize::Title).align(TextAlign::Center))
        .child(small(hint).align(TextAlign::Center))
        .maybe(action)
}

impl App {
    /// An amount as on a price tag.
    fn money(&self, minor: u64) -> String {
        money(&self.currency, minor)
    }

    /// "Table 7", or "To take away".
    pub(crate) fn place(&self, table: &str) -> String {
        if table.is_empty() {
            self.words.takeaway.to_owned()
        } else {
            fill(self.words.table, &[("n", table)])
        }
    }

    pub(crate) fn table_name(&self) -> String {
        self.place(&self.table)
    }

    /// What there is to say, as a card.
    fn notice(&self) -> Option<Element<Msg>> {
        let words = self.words;
        let (said, tone) = match self.notice? {
            Notice::Declined => (words.declined, Tone::Quiet),
            Notice::NoFunds => (words.no_funds, Tone::Bad),
            Notice::Expired => (words.expired, Tone::Warn),
            Notice::PayFailed => (words.pay_failed, Tone::Bad),
            Notice::Changed => (words.changed, Tone::Warn),
            Notice::NotSent => (words.not_sent, Tone::Bad),
            Notice::Limit => (words.limit, Tone::Warn),
            Notice::Taken => (words.taken, Tone::Warn),
            Notice::NotSaved => (words.not_saved, Tone::Bad),
        };
        let said = fill(said, &[("n", &number(u64::from(MOST)))]);
        Some(card().tone(tone).child(text().text(said).live(true)).into())
    }
}

/// A page with everything inside one stack.
fn framed(title: &str, subtitle: &str, body: Stack<Msg>) -> youji_sdk::widgets::Page<Msg> {
    page_widget().title(title).subtitle(subtitle).child(body)
}
