//! A form: fields, what is wrong with them, and an answer that is kept for the person.

use youji_sdk::text::number;
use youji_sdk::widgets::{
    ButtonTone, Choice, ChoiceStyle, Parent, Widget, button, fact_list, page, radio_group, stack, stepper, switch, text, text_field,
};
use youji_sdk::{Ctx, Element, Json, Launch, Program, Saved, texts};

texts! {
    /// What people read.
    struct Words: ["zh", "en"] {
        title: ["报名", "Sign up"],
        name: ["姓名", "Name"],
        name_missing: ["请填姓名", "Fill in a name"],
        day: ["哪一天", "Which day"],
        saturday: ["星期六", "Saturday"],
        sunday: ["星期日", "Sunday"],
        guests: ["几个人", "How many people"],
        lunch: ["一起吃午饭", "Stay for lunch"],
        yes: ["是", "Yes"],
        no: ["否", "No"],
        send: ["交上", "Hand in"],
        done: ["已交上", "Handed in"],
        change: ["修改", "Change it"],
        failed: ["没有存上，请再试一次", "It was not kept; try again"],
    }
}

/// Where the answer is kept: private to this person in this program.
const KEY: &str = "answer";

/// What the person fills in.
#[derive(Clone, Default, PartialEq)]
struct Answer {
    name: String,
    day: String,
    guests: i64,
    lunch: bool,
}

/// The model.
pub struct App {
    words: &'static Words,
    answer: Answer,
    /// Fields say what is wrong with them only after the first try.
    tried: bool,
    sent: bool,
    failed: bool,
}

/// What changes it.
#[derive(Clone)]
pub enum Msg {
    Name(String),
    Day(String),
    Guests(i64),
    Lunch(bool),
    Send,
    Change,
}

impl Program for App {
    type Msg = Msg;

    fn launched(launch: Launch, _: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {
        let kept = ctx.storage().get(KEY).ok().flatten().and_then(|bytes| Answer::read(&bytes));
        App {
            words: Words::of(&launch.language),
            sent: kept.is_some(),
            answer: kept.unwrap_or_else(|| Answer {
                day: "sat".to_owned(),
                guests: 1,
                ..Answer::default()
            }),
            tried: false,
            failed: false,
        }
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Name(name) => self.answer.name = name,
            Msg::Day(day) => self.answer.day = day,
            Msg::Guests(guests) => self.answer.guests = guests,
            Msg::Lunch(lunch) => self.answer.lunch = lunch,
            Msg::Send => {
                self.tried = true;
                if !self.answer.name.trim().is_empty() {
                    let kept = ctx.storage().set(KEY, &self.answer.write());
                    self.sent = kept.is_ok();
                    self.failed = kept.is_err();
                }
            }
            Msg::Change => {
                self.sent = false;
                self.tried = false;
            }
        }
    }

    fn view(&self) -> Element<Msg> {
        let body = if self.sent { self.summary() } else { self.form() };
        page().title(self.words.title).child(body).into()
    }
}

impl App {
    fn form(&self) -> Element<Msg> {
        let words = self.words;
        let missing = self.tried && self.answer.name.trim().is_empty();
        let days = [Choice::new("sat", words.saturday), Choice::new("sun", words.sunday)];
        stack()
            .child(
                text_field()
                    .label(words.name)
                    .value(self.answer.name.as_str())
                    .error(if missing { words.name_missing } else { "" })
                    .max_length(60)
                    .on_change(Msg::Name),
            )
            .child(
                radio_group()
                    .label(words.day)
                    .style(ChoiceStyle::Chips)
                    .options(&days)
                    .value(self.answer.day.as_str())
                    .on_change(Msg::Day),
            )
            .child(stepper().label(words.guests).value(self.answer.guests).min(1).max(8).on_change(Msg::Guests))
            .child(switch().label(words.lunch).value(self.answer.lunch).on_change(Msg::Lunch))
            .child(text().text(words.failed).live(true).hidden(!self.failed))
            .child(button().label(words.send).tone(ButtonTone::Primary).wide(true).on_tap(Msg::Send))
            .into()
    }

    fn summary(&self) -> Element<Msg> {
        let words = self.words;
        let day = if self.answer.day == "sun" { words.sunday } else { words.saturday };
        let guests = number(self.answer.guests.unsigned_abs());
        let lunch = if self.answer.lunch { words.yes } else { words.no };
        stack()
            .child(text().text(words.done).live(true))
            .child(
                fact_list()
                    .names([words.name, words.day, words.guests, words.lunch])
                    .values([self.answer.name.as_str(), day, &guests, lunch]),
            )
            .child(button().label(words.change).wide(true).on_tap(Msg::Change))
            .into()
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Answer> {
        let json = Json::read(bytes)?;
        Some(Answer {
            name: json.get("name").as_text().to_owned(),
            day: json.get("day").as_text().to_owned(),
            guests: i64::try_from(json.get("guests").as_count()).ok()?,
            lunch: json.get("lunch").as_flag(),
        })
    }

    fn write(&self) -> Vec<u8> {
        let json = Json::object()
            .with("name", self.name.as_str())
            .with("day", self.day.as_str())
            .with("guests", self.guests.unsigned_abs())
            .with("lunch", self.lunch);
        json.write()
    }
}

youji_sdk::export!(App);
