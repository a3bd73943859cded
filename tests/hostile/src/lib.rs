//! A mini-program that misbehaves as its launch tells it.
//!
//! The query says `act` (what) and `at` (in which export: "launched", "shown", "event", "view", "hidden", "unloaded",
//! "save-state"). Without an act it is a small, well-behaved program with a counter, a field, pages and a payment.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "written by wit-bindgen; the canonical ABI needs it"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../sdk/wit",
        world: "mini-program",
    });
    super::bindings::export!(Hostile with_types_in self);
    use super::Hostile;
}

mod acts;
mod drawing;

use bindings::exports::youji::miniapp::program::{Field, Guest, Happening, SavedState, Tree};
use bindings::youji::miniapp::types::Scalar;
use bindings::youji::miniapp::{navigation, payment, storage};
use std::cell::RefCell;

struct Hostile;

/// What the program remembers.
#[derive(Clone, Default)]
struct Memory {
    act: String,
    at: String,
    count: i64,
    text: String,
    page: String,
    note: String,
    opens: String,
    events: Vec<String>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

fn remember<T>(with: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(with)
}

fn text(fields: &[Field], name: &str) -> String {
    let found = fields.iter().find(|field| field.name == name);
    match found.map(|field| &field.value) {
        Some(Scalar::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn order() -> payment::Order {
    payment::Order {
        order_no: "order-1".into(),
        merchant: String::new(),
        amount: 100,
        currency: "CNY".into(),
        lines: vec![payment::Line {
            title: "tea".into(),
            quantity: 1,
            amount: 100,
            options: Vec::new(),
        }],
        options: Vec::new(),
    }
}

impl Guest for Hostile {
    fn launched(launch: Vec<Field>, saved: Option<SavedState>) {
        remember(|memory| {
            memory.act = text(&launch, "query.act");
            memory.at = text(&launch, "query.at");
            memory.page = text(&launch, "page");
            memory.opens = text(&launch, "query.opens");
            if text(&launch, "cause") == "program" {
                memory.note = format!("from {} with {}", text(&launch, "from-program"), text(&launch, "query.said"));
            }
            if let Some(saved) = saved {
                memory.count = saved.bytes.len() as i64;
            }
        });
        acts::act("launched");
    }

    fn lifecycle(phase: String, _fields: Vec<Field>) {
        remember(|memory| memory.events.push(phase.clone()));
        acts::act(&phase);
    }

    fn event(event: Happening) {
        remember(|memory| {
            memory.events.push(event.code.clone());
            if event.code == "page-shown" {
                memory.page = text(&event.fields, "page");
            }
        });
        acts::act("event");
        match (event.code.as_str(), event.handler) {
            ("tap", 1) => remember(|memory| memory.count += 1),
            ("input", 2) => remember(|memory| memory.text = text(&event.fields, "value")),
            ("tap", 3) => note(navigation::push("pages/second", &[]).map_err(|failure| failure.code)),
            ("tap", 4) => note(navigation::push("pages/nowhere", &[]).map_err(|failure| failure.code)),
            ("tap", 5) => note(payment::pay(&order()).map_err(|failure| failure.code)),
            ("tap", 6) => note(storage::set("key", b"value").map_err(|failure| failure.code)),
            ("tap", 7) => note(navigation::close().map_err(|failure| failure.code)),
            ("tap", 8) => remember(|memory| memory.events.clear()),
            ("tap", 9) => open_other(),
            ("completed", _) => remember(|memory| {
                memory.note = format!("{}:{}{}", event.ticket, text(&event.fields, "outcome"), text(&event.fields, "code"));
                if memory.act == "insist" {
                    let again = payment::pay(&order()).map_err(|failure| failure.code);
                    memory.note.push_str(&format!(" {again:?}"));
                }
            }),
            ("changed", _) => note(payment::pay(&order()).map_err(|failure| failure.code)),
            _ => {}
        }
    }

    fn view() -> Tree {
        acts::act("view");
        let memory = remember(|memory| memory.clone());
        drawing::view(&memory)
    }

    fn save_state() -> Option<SavedState> {
        acts::act("save-state");
        let count = remember(|memory| memory.count);
        (count > 0).then(|| SavedState {
            schema: 1,
            bytes: vec![7; count as usize],
        })
    }
}

/// Opens the program that the launch named, at the page after a space if there is one.
fn open_other() {
    let opens = remember(|memory| memory.opens.clone());
    let (program, page) = opens.split_once(' ').unwrap_or((&opens, ""));
    let said = Field {
        name: "said".into(),
        value: Scalar::Text("hello".into()),
    };
    note(navigation::open(program, page, &[said]).map_err(|failure| failure.code));
}

fn note<T: std::fmt::Debug>(result: Result<T, String>) {
    remember(|memory| memory.note = format!("{result:?}"));
}
