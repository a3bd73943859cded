//! A tally counter: the smallest whole mini-program. It asks the host for nothing.

use youji_sdk::text::number;
use youji_sdk::widgets::{
    Align, ButtonTone, Choice, ChoiceStyle, Gap, Justify, Parent, TextSize, Tone, Weight, Widget, button, card, divider, grid, page,
    progress, radio_group, row, stack, switch, text,
};
use youji_sdk::{Ctx, Element, Launch, Program, Saved, texts};

texts! {
    /// What people read.
    struct Words: ["zh", "en"] {
        title: ["计数器", "Counter"],
        now: ["现在", "Now"],
        goal: ["到下一个一百", "To the next hundred"],
        less: ["减", "Less"],
        more: ["加", "More"],
        step: ["每次", "Each time"],
        since: ["这一次", "This time"],
        highest: ["最高", "Highest"],
        taps: ["点击", "Taps"],
        floor: ["不低于零", "Not below zero"],
        reset: ["清零", "Back to zero"],
        undo: ["撤销清零", "Take that back"],
    }
}

/// Number of the saved state's shape: count, highest, step, floor; 8 bytes each, little-endian.
const SCHEMA: u32 = 1;
const STEPS: [u32; 3] = [1, 5, 10];

/// The model.
#[derive(Debug)]
pub struct Counter {
    words: &'static Words,
    count: i64,
    highest: i64,
    taps: u32,
    step: u32,
    floor: bool,
    /// The count before it was set to zero, as long as nothing else was tapped.
    before: Option<i64>,
}

/// What changes it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// One step down.
    Less,
    /// One step up.
    More,
    /// Another step.
    Step(String),
    /// Whether it stops at zero.
    Floor(bool),
    /// Back to zero, or back from it.
    Reset,
}

impl Program for Counter {
    type Msg = Msg;

    fn launched(launch: Launch, saved: Option<Saved>, _: &mut Ctx<Msg>) -> Self {
        let saved = saved
            .filter(|saved| saved.schema == SCHEMA)
            .map(|saved| saved.bytes)
            .unwrap_or_default();
        let integer = |at: usize| {
            let bytes = saved.get(at..at + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            bytes.map_or(0, i64::from_le_bytes)
        };
        Counter {
            words: Words::of(&launch.language),
            count: integer(0),
            highest: integer(8),
            taps: 0,
            step: u32::try_from(integer(16)).ok().filter(|step| STEPS.contains(step)).unwrap_or(1),
            floor: integer(24) == 1,
            before: None,
        }
    }

    fn update(&mut self, message: Msg, _: &mut Ctx<Msg>) {
        let step = i64::from(self.step);
        let before = self.before.take();
        match message {
            Msg::Less => self.set(self.count.saturating_sub(step)),
            Msg::More => self.set(self.count.saturating_add(step)),
            Msg::Step(step) => {
                self.step = STEPS
                    .into_iter()
                    .find(|known| number(u64::from(*known)) == step)
                    .unwrap_or(self.step)
            }
            Msg::Floor(floor) => {
                self.floor = floor;
                self.set(self.count);
            }
            Msg::Reset => match before {
                Some(count) => self.count = count,
                None => self.before = Some(std::mem::take(&mut self.count)),
            },
        }
        self.taps = self.taps.saturating_add(1);
    }

    fn view(&self) -> Element<Msg> {
        let words = self.words;
        let steps = STEPS.map(|step| {
            let step = number(u64::from(step));
            Choice::new(step.as_str(), step.as_str())
        });
        let fact = |name: &str, value: String| {
            card()
                .child(text().text(name).size(TextSize::Small).tone(Tone::Quiet))
                .child(text().text(value).size(TextSize::Title))
        };
        let count = signed(self.count);
        let counter = stack()
            .align(Align::Center)
            .gap(Gap::S)
            .child(text().text(words.now).size(TextSize::Small).tone(Tone::Quiet))
            .child(text().text(count).size(TextSize::Large).weight(Weight::Strong).live(true))
            .child(progress().label(words.goal).value(self.count.rem_euclid(100) as f64 / 100.0));
        let reset = if self.before.is_some() { words.undo } else { words.reset };
        page()
            .title(words.title)
            .child(
                stack()
                    .child(card().tone(Tone::Accent).child(counter))
                    .child(
                        row()
                            .justify(Justify::Center)
                            .child(
                                button()
                                    .label(words.less)
                                    .icon("minus")
                                    .disabled(self.floor && self.count <= 0)
                                    .grow()
                                    .on_tap(Msg::Less),
                            )
                            .child(
                                button()
                                    .label(words.more)
                                    .icon("plus")
                                    .tone(ButtonTone::Primary)
                                    .grow()
                                    .on_tap(Msg::More),
                            ),
                    )
                    .child(
                        radio_group()
                            .label(words.step)
                            .style(ChoiceStyle::Chips)
                            .options(&steps)
                            .value(number(u64::from(self.step)))
                            .on_change(Msg::Step),
                    )
                    .child(divider().label(words.since))
                    .child(
                        grid()
                            .columns(2)
                            .child(fact(words.highest, signed(self.highest)))
                            .child(fact(words.taps, number(u64::from(self.taps)))),
                    )
                    .child(switch().label(words.floor).value(self.floor).on_change(Msg::Floor))
                    .child(button().label(reset).tone(ButtonTone::Quiet).wide(true).on_tap(Msg::Reset)),
            )
            .into()
    }

    fn save(&self) -> Option<Saved> {
        let state = [self.count, self.highest, i64::from(self.step), i64::from(self.floor)];
        Some(Saved {
            schema: SCHEMA,
            bytes: state.iter().flat_map(|value| value.to_le_bytes()).collect(),
        })
    }
}

impl Counter {
    fn set(&mut self, count: i64) {
        self.count = if self.floor { count.max(0) } else { count };
        self.highest = self.highest.max(self.count);
    }
}

/// With a real minus sign, as wide as a plus.
fn signed(value: i64) -> String {
    let mut text = number(value.unsigned_abs());
    if value < 0 {
        text.insert(0, '\u{2212}');
    }
    text
}

youji_sdk::export!(Counter);
