//! A counter: a model, the messages that change it, and a view of it.

use youji_sdk::text::number;
use youji_sdk::widgets::{ButtonTone, Parent, TextSize, button, page, row, stack, text};
use youji_sdk::{Ctx, Element, Launch, Program, Saved, texts};

texts! {
    /// What people read. The host says which language the person has.
    struct Words: ["zh", "en"] {
        title: ["计数", "Count"],
        more: ["加一", "One more"],
        less: ["减一", "One less"],
    }
}

/// Number of the saved state's shape: raise it when the bytes mean something else.
const SCHEMA: u32 = 1;

/// The model.
pub struct App {
    words: &'static Words,
    count: u32,
}

/// What changes it.
#[derive(Clone)]
pub enum Msg {
    More,
    Less,
}

impl Program for App {
    type Msg = Msg;

    /// Called once, first. `saved` is what `save` gave when the program was left the last time.
    fn launched(launch: Launch, saved: Option<Saved>, _: &mut Ctx<Msg>) -> Self {
        let bytes = saved.filter(|saved| saved.schema == SCHEMA).and_then(|saved| saved.bytes.try_into().ok());
        App {
            words: Words::of(&launch.language),
            count: bytes.map_or(0, u32::from_le_bytes),
        }
    }

    fn update(&mut self, message: Msg, _: &mut Ctx<Msg>) {
        match message {
            Msg::More => self.count = self.count.saturating_add(1),
            Msg::Less => self.count = self.count.saturating_sub(1),
        }
    }

    /// Pure: it asks the host for nothing. The host compares it with the view before and sends what changed.
    fn view(&self) -> Element<Msg> {
        let count = text().text(number(u64::from(self.count))).size(TextSize::Large).live(true);
        let buttons = row()
            .child(button().label(self.words.less).disabled(self.count == 0).on_tap(Msg::Less))
            .child(button().label(self.words.more).tone(ButtonTone::Primary).on_tap(Msg::More));
        page().title(self.words.title).child(stack().child(count).child(buttons)).into()
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved {
            schema: SCHEMA,
            bytes: self.count.to_le_bytes().to_vec(),
        })
    }
}

youji_sdk::export!(App);
