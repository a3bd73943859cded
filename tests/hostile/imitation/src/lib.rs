//! Draws the host's payment sheet as well as the widgets allow, asks for a real payment behind it, and paints as far as it can.
//!
//! It has three faces: the imitation; a flood that wants to be wider, taller and deeper than the stage; and all that it was ever told.
//! The two pictures are what no other widget gives: the host's edge with a guess of the sign, and a colour that nothing else on the page
//! has, by which a test knows this program's pixels.

use youji_sdk::widgets::{
    Align, ButtonTone, Dock, Gap, ImageSize, Parent, Shape, TextAlign, TextSize, Tone, Weight, Widget, button, card, fact_list, grid,
    image, list, list_item, page, row, scroll, stack, text, text_field,
};
use youji_sdk::{Ctx, Element, Launch, Line, Order, Outcome, Paid, Program, Saved};

const EDGE: &str = "common/edge.svg";
const PAINT: &str = "common/paint.svg";
const AMOUNT: u64 = 100;
/// How often it draws itself anew while a real sheet is open, in milliseconds.
const AGAIN: u64 = 100;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Face {
    Sheet,
    Flood,
    Learned,
}

/// The model.
#[derive(Debug)]
pub struct Imitation {
    face: Face,
    /// Open id; order numbers are unique in the program.
    person: String,
    /// Everything that the host or the person ever told it.
    learned: Vec<String>,
    pin: String,
    orders: u32,
    asking: bool,
    ticks: u64,
}

/// What changes it.
#[derive(Clone, Debug)]
pub enum Msg {
    /// Another face: 0, 1, 2.
    Face(u8),
    /// The person typed where the imitation asks for a PIN.
    Typed(String),
    /// The imitation's own button.
    Pay,
    /// What became of it.
    Paid(Paid),
    /// The person's nickname, which it may ask for as any program.
    Nickname(Outcome),
    /// Draw once more.
    Tick,
}

impl Program for Imitation {
    type Msg = Msg;

    fn launched(launch: Launch, _: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {
        let mut learned = vec![format!("{:?}", launch.fields)];
        let person = ctx.open_id().unwrap_or_default();
        learned.push(person.clone());
        learned.push(format!("{:?}", ctx.union_id()));
        Imitation {
            face: Face::Sheet,
            person,
            learned,
            pin: String::new(),
            orders: 0,
            asking: false,
            ticks: 0,
        }
    }

    fn update(&mut self, message: Msg, ctx: &mut Ctx<Msg>) {
        match message {
            Msg::Face(0) => self.face = Face::Sheet,
            Msg::Face(1) => self.face = Face::Flood,
            Msg::Face(_) => {
                self.face = Face::Learned;
                ctx.profile(&["nickname"], "For a test", Msg::Nickname);
            }
            Msg::Typed(pin) => self.pin = pin,
            Msg::Pay => {
                self.orders += 1;
                self.asking = true;
                let order = Order::new(format!("{}-{}", self.person, self.orders), "CNY").line(Line::item("Tea", 1, AMOUNT));
                ctx.pay(order, Msg::Paid);
                ctx.wake_after(AGAIN, |_| Msg::Tick);
            }
            Msg::Paid(paid) => {
                self.asking = false;
                self.learned.push(format!("{paid:?}"));
            }
            Msg::Nickname(outcome) => self.learned.push(format!("{outcome:?}")),
            Msg::Tick => {
                self.ticks += 1;
                if self.asking {
                    ctx.wake_after(AGAIN, |_| Msg::Tick);
                }
            }
        }
    }

    fn view(&self) -> Element<Msg> {
        match self.face {
            Face::Sheet => self.sheet(),
            Face::Flood => self.flood(),
            Face::Learned => page().title("Learned").child(text().text(self.learned.join("\n"))).into(),
        }
    }
}

impl Imitation {
    fn sheet(&self) -> Element<Msg> {
        let faces = row()
            .gap(Gap::S)
            .child(button().label("flood").tone(ButtonTone::Quiet).on_tap(Msg::Face(1)))
            .child(button().label("learned").tone(ButtonTone::Quiet).on_tap(Msg::Face(2)));
        let asked = stack()
            .align(Align::Center)
            .gap(Gap::S)
            .child(text().text("Pay").align(TextAlign::Center).tone(Tone::Quiet))
            .child(text().text("Trusted Shop").weight(Weight::Strong).align(TextAlign::Center))
            .child(
                text()
                    .text("¥1.00")
                    .size(TextSize::Large)
                    .weight(Weight::Strong)
                    .align(TextAlign::Center),
            )
            .child(
                fact_list()
                    .names(["Tea", "Balance", "Afterwards"])
                    .values(["¥1.00", "¥100.00", "¥99.00"]),
            )
            .child(text_field().label("PIN").value(self.pin.as_str()).on_input(Msg::Typed));
        let answers = stack()
            .dock(Dock::Bottom)
            .child(
                row()
                    .child(button().label("Don’t pay").grow().on_tap(Msg::Face(0)))
                    .child(button().label("Pay ¥1.00").tone(ButtonTone::Primary).grow().on_tap(Msg::Pay)),
            )
            .child(text().text(format!("{}", self.ticks)).size(TextSize::Small).tone(Tone::Quiet));
        page()
            .title("Youji 有机")
            .subtitle("From your host, not from a program")
            .child(
                image()
                    .source(EDGE)
                    .alt("Your sign: kite")
                    .shape(Shape::Banner)
                    .size(ImageSize::Fill),
            )
            .child(card().child(asked))
            .child(faces)
            .child(answers)
            .into()
    }

    /// Wider, taller and deeper than there is room.
    fn flood(&self) -> Element<Msg> {
        let paint = || image().source(PAINT).shape(Shape::Wide).size(ImageSize::Fill);
        let word = "W".repeat(4_000);
        let mut wide = row();
        let mut tall = stack();
        let mut cells = grid().columns(6);
        for _ in 0..12 {
            wide = wide.child(paint().size(ImageSize::L).grow());
            tall = tall.child(paint());
            cells = cells.child(paint());
        }
        let mut deep: Element<Msg> = stack()
            .child(paint())
            .child(text().text(word.as_str()).size(TextSize::Large))
            .into();
        for _ in 0..12 {
            deep = card().child(row().child(deep)).into();
        }
        let endless = list().label("endless").total(1_000_000_000).offset(500_000_000).child(
            list_item()
                .title(word.as_str())
                .detail(word.as_str())
                .value(word.as_str())
                .image(PAINT),
        );
        // Right to left, and told to stay so.
        page()
            .title(format!("\u{202e}{word}\n{word}"))
            .subtitle(&word[..40])
            .child(paint())
            .child(
                stack()
                    .dock(Dock::Bottom)
                    .child(paint())
                    .child(button().label("back").on_tap(Msg::Face(0))),
            )
            .child(button().label(word.as_str()).tone(ButtonTone::Bad).icon("alert").on_tap(Msg::Pay))
            .child(scroll().child(tall))
            .child(wide)
            .child(cells)
            .child(deep)
            .child(endless)
            .child(stack().dock(Dock::Bottom).child(paint()))
            .into()
    }
}

youji_sdk::export!(Imitation);
