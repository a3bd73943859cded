//! A program of today on a host of tomorrow: whatever is new is told apart from what is known, and nothing breaks.

use youji_sdk::testing::{Event, FakeHost, Field, Stage, launch};
use youji_sdk::widgets::{Choice, Parent, Widget, button, checkbox_group, page, stepper, text, text_field};
use youji_sdk::{
    Change, Ctx, Element, FailureCode, Fields, Happening, Launch, ListOptions, Outcome, Paid, PayState, Phase, Program, Saved, Scalar,
};
use youji_sdk::{Line, Order};

#[derive(Default)]
struct Diary {
    lines: Vec<String>,
}

#[derive(Clone)]
enum Msg {
    Say(String),
    Lines(Vec<String>),
    Steps(i64),
    Pay,
    Paid(Paid),
    Changed(Change),
    Old(Outcome),
}

impl Program for Diary {
    type Msg = Msg;

    fn launched(launch: Launch, saved: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {
        let _ = ctx.watch("rows", ListOptions::new(), Msg::Changed);
        Diary {
            lines: vec![format!("{} {}", launch.cause.code(), saved.is_some())],
        }
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        self.lines.push(match message {
            Msg::Say(said) => said,
            Msg::Lines(lines) => lines.join("+"),
            Msg::Steps(steps) => steps.to_string(),
            Msg::Pay => {
                ctx.pay(
                    Order::new("o1", "CNY")
                        .line(Line::item("Tea", 1, 500))
                        .line(Line::discount("Friend", 100)),
                    Msg::Paid,
                );
                return;
            }
            Msg::Paid(paid) => {
                let failure = paid.failure.as_ref().map_or("", FailureCode::code);
                format!("paid {} {} {failure}", paid.ended.code(), paid.state.code())
            }
            Msg::Changed(change) => format!("changed {} {}", change.key, change.version),
            Msg::Old(outcome) => format!("old {} {}", outcome.call, outcome.order_no),
        });
    }

    fn happened(&mut self, happening: Happening, _: &mut Ctx<Msg>) {
        if let Happening::Other { code, .. } = happening {
            self.lines.push(format!("other {code}"));
        }
    }

    fn lifecycle(&mut self, phase: Phase, _: &mut Ctx<Msg>) {
        self.lines.push(phase.code().to_owned());
    }

    fn outcome(&self, outcome: Outcome) -> Option<Msg> {
        Some(Msg::Old(outcome))
    }

    fn view(&self) -> Element<Msg> {
        let options = [Choice::new("a", "A\tB\nC").detail("d"), Choice::new("b", "B")];
        page()
            .title("Diary")
            .children(self.lines.iter().map(|line| text().text(line)))
            .child(text_field().label("Say").on_change(Msg::Say))
            .child(checkbox_group().label("Which").options(&options).on_change(Msg::Lines))
            .child(stepper().label("Steps").on_change(Msg::Steps).key("steps"))
            .child(button().label("Pay").on_tap(Msg::Pay))
            .into()
    }
}

fn deliver(stage: &mut Stage<Diary>, code: &str, handler: u32, ticket: u64, fields: Fields) {
    let fields = fields.iter().map(|(name, value)| Field {
        name: name.to_owned(),
        value: value.clone(),
    });
    stage.deliver(Event {
        code: code.to_owned(),
        handler,
        ticket,
        fields: fields.collect(),
        body: vec![0xff, 0xfe],
    });
}

fn last(stage: &Stage<Diary>) -> &str {
    stage.program().lines.last().map_or("", String::as_str)
}

#[test]
fn what_is_new_is_told_apart_and_ignored() {
    let host = FakeHost::new();
    let later = launch("pages/diary")
        .text("cause", "brain-wave")
        .integer("gravity", 981)
        .flag("scene", true);
    let mut stage = host.open::<Diary>("ann", later);
    assert_eq!(stage.program().lines, ["brain-wave false", "shown"]);

    deliver(&mut stage, "shaken", 0, 0, Fields::new().with("force", Scalar::Number(9.5)));
    assert_eq!(last(&stage), "other shaken");
    let before = stage.program().lines.len();
    // Values of other kinds than the widget sends, handlers that do not exist, tickets of nobody.
    for value in [Scalar::Flag(true), Scalar::Number(f64::NAN), Scalar::Integer(1)] {
        deliver(&mut stage, "change", 1, 0, Fields::new().with("value", value));
    }
    deliver(&mut stage, "change", 1, 0, Fields::new());
    deliver(&mut stage, "change", u32::MAX, 0, Fields::new().text("value", "x"));
    deliver(&mut stage, "changed", u32::MAX as u64 as u32, 77, Fields::new());
    deliver(&mut stage, "changed", 0, 77, Fields::new());
    assert_eq!(stage.program().lines.len(), before);

    let extra = Fields::new().text("value", "hello").text("pressure", "soft");
    deliver(&mut stage, "change", 1, 0, extra);
    assert_eq!(last(&stage), "hello");
    deliver(
        &mut stage,
        "completed",
        0,
        4_711,
        Fields::new().text("call", "weather.forecast").text("outcome", "foggy"),
    );
    assert_eq!(last(&stage), "old weather.forecast ");
}

#[test]
fn outcomes_keep_codes_that_are_not_known() {
    let host = FakeHost::new();
    let mut stage = host.open::<Diary>("ann", launch("pages/diary"));
    stage.tap("Pay");
    stage.fail("moon-closed");
    assert_eq!(last(&stage), "paid failed canceled moon-closed");
    host.refuse_next("payment.pay", "insufficient-funds");
    stage.tap("Pay");
    assert_eq!(last(&stage), "paid failed  insufficient-funds");
    stage.tap("Pay");
    stage.approve();
    assert_eq!(last(&stage), "paid done succeeded ");
    assert_eq!(host.paid().get("o1"), Some(&400));
    assert_eq!(PayState::from_code("half-way"), PayState::Other("half-way".to_owned()));
    assert_eq!(FailureCode::from_code("taken"), FailureCode::Taken);
}

#[test]
fn values_reach_the_program_as_what_they_are() {
    let host = FakeHost::new();
    let mut stage = host.open::<Diary>("ann", launch("pages/diary"));
    stage.choose("Which", "a\nb");
    assert_eq!(last(&stage), "a+b");
    stage.set("steps", -3);
    assert_eq!(last(&stage), "-3");
    // A label can't break out of its line.
    stage.expect("a\tA B C\td\nb\tB");
}
