//! A person in front of a program.

use super::node::{self, Node};
use super::seat::{Seat, attribute};
use super::world::{FakeHost, Session, event};
use crate::bindings::youji::miniapp::types::Event;
use crate::fields::{Fields, Scalar};
use crate::host::Handle;
use crate::program::{Instance, Program};
use std::fmt::Write as _;

/// A person in front of a program. Whatever is done, everything that waits is delivered first and after.
pub struct Stage<P: Program> {
    host: FakeHost,
    person: String,
    session: u64,
    instance: Instance<P>,
    nodes: Vec<Node>,
}

/// Attributes that people read or hear.
const READ: [&str; 15] = [
    "title",
    "subtitle",
    "label",
    "text",
    "detail",
    "value",
    "hint",
    "error",
    "described",
    "alt",
    "placeholder",
    "names",
    "values",
    "steps",
    "options",
];

impl<P: Program> Stage<P> {
    pub(super) fn open(host: FakeHost, person: &str, launch: Fields) -> Self {
        let (session, saved) = {
            let world = &mut *host.0.borrow_mut();
            let id = world.ticket();
            let query = launch.iter().filter(|(name, _)| name.starts_with("query."));
            let query = query.fold(Fields::new(), |fields, (name, value)| fields.with(name, value.clone()));
            let page = launch.get_text("page").to_owned();
            let session = Session {
                person: person.to_owned(),
                roles: launch.get_text("roles").split_whitespace().map(str::to_owned).collect(),
                pages: vec![(page, query)],
                ..Session::default()
            };
            world.sessions.insert(id, session);
            (id, world.saved.remove(person))
        };
        let seat = Seat {
            host: host.clone(),
            session,
        };
        let instance = Instance::launched(launch.0, saved, Handle(Box::new(seat)));
        let mut stage = Stage {
            host,
            person: person.to_owned(),
            session,
            instance,
            nodes: Vec::new(),
        };
        stage.instance.lifecycle("shown");
        stage.settle();
        stage
    }

    fn with<T>(&self, run: impl FnOnce(&mut Session) -> T) -> T {
        let world = &mut *self.host.0.borrow_mut();
        run(world.sessions.get_mut(&self.session).expect("the session is alive"))
    }

    /// Hands one event to the program, as a host does.
    pub fn deliver(&mut self, event: Event) {
        let of_payment = event.code == "completed" && attribute(&event.fields, "call") == "payment.pay";
        let paid = of_payment && attribute(&event.fields, "outcome") == "done";
        let may_prompt = event.code == "tap" || paid;
        self.with(|session| session.may_prompt = may_prompt);
        self.instance.event(event);
        self.with(|session| session.may_prompt = false);
    }

    /// Delivers what waits, and draws. Done by everything else here.
    pub fn settle(&mut self) {
        loop {
            let outcome = {
                let world = &mut *self.host.0.borrow_mut();
                let at = world.outcomes.iter().position(|(person, _)| *person == self.person);
                at.map(|at| world.outcomes.remove(at).1)
            };
            let next = outcome.or_else(|| self.with(|session| session.queue.pop_front()));
            match next {
                Some(event) => self.deliver(event),
                None => break,
            }
        }
        self.with(|session| session.in_view = true);
        self.nodes = node::read(&self.instance.view());
        self.with(|session| session.in_view = false);
    }

    /// The program itself.
    pub fn program(&self) -> &P {
        self.instance.program()
    }

    /// The view, in document order.
    pub fn nodes(&mut self) -> &[Node] {
        self.settle();
        &self.nodes
    }

    /// Path of the page on top.
    pub fn page(&self) -> String {
        self.with(|session| session.pages.last().map(|(path, _)| path.clone()).unwrap_or_default())
    }

    /// Whether the program asked to end the session.
    pub fn is_closed(&self) -> bool {
        self.with(|session| session.closed)
    }

    /// What the program logged.
    pub fn log(&self) -> Vec<String> {
        self.with(|session| session.log.clone())
    }

    /// Everything that can be read, a node a line.
    pub fn outline(&mut self) -> String {
        self.settle();
        let mut outline = String::new();
        for node in &self.nodes {
            let _ = write!(outline, "{}", node.kind);
            for field in node.attributes.iter().filter(|field| READ.contains(&field.name.as_str())) {
                if let Scalar::Text(text) = &field.value {
                    let _ = write!(outline, " {}={text:?}", field.name);
                }
            }
            outline.push('\n');
        }
        outline
    }

    /// Whether a text can be read somewhere, as a part of what stands there.
    pub fn sees(&mut self, text: &str) -> bool {
        self.settle();
        self.nodes.iter().any(|node| {
            let read = |field: &crate::bindings::youji::miniapp::types::Field| {
                READ.contains(&field.name.as_str()) && matches!(&field.value, Scalar::Text(value) if value.contains(text))
            };
            node.attributes.iter().any(read)
        })
    }

    /// A text must be there.
    ///
    /// # Panics
    /// It is not; says what is.
    pub fn expect(&mut self, text: &str) {
        assert!(self.sees(text), "expected {text:?} on {}, found\n{}", self.page(), self.outline());
    }

    /// A text must not be there.
    ///
    /// # Panics
    /// It is there.
    pub fn expect_not(&mut self, text: &str) {
        assert!(
            !self.sees(text),
            "expected no {text:?} on {}, found\n{}",
            self.page(),
            self.outline()
        );
    }

    /// Taps what has that label or description, or else the innermost thing to tap around that text.
    ///
    /// # Panics
    /// There is nothing like it, or it can't be used.
    pub fn tap(&mut self, label: &str) {
        self.act(label, "tap", None);
    }

    /// Types into a field, as people do: each change, then leaving it.
    ///
    /// # Panics
    /// There is no such field.
    pub fn enter(&mut self, label: &str, text: &str) {
        let mut done = false;
        for code in ["input", "change"] {
            if self.find(label, code).is_some() {
                self.act(label, code, Some(Scalar::Text(text.to_owned())));
                done = true;
            }
        }
        assert!(done, "no field {label:?} listens for input or change on\n{}", self.outline());
    }

    /// Chooses by value in a radio group, a select or a date; several values of a checkbox group, one a line.
    ///
    /// # Panics
    /// There is no such group.
    pub fn choose(&mut self, label: &str, value: &str) {
        self.act(label, "change", Some(Scalar::Text(value.to_owned())));
    }

    /// Sets a stepper, or goes to a tab by index.
    ///
    /// # Panics
    /// There is no such widget.
    pub fn set(&mut self, label: &str, value: i64) {
        self.act(label, "change", Some(Scalar::Integer(value)));
    }

    /// Turns a switch.
    ///
    /// # Panics
    /// There is no such switch.
    pub fn turn(&mut self, label: &str, on: bool) {
        self.act(label, "change", Some(Scalar::Flag(on)));
    }

    /// Goes back, with the host's own button.
    ///
    /// # Panics
    /// This is the first page.
    pub fn back(&mut self) {
        let mut seat = Seat {
            host: self.host.clone(),
            session: self.session,
        };
        let asked = crate::host::Host::navigation_back(&mut seat);
        assert!(asked.is_ok(), "there is no page below {}", self.page());
        self.settle();
    }

    /// Says yes to the sheet in front of this person.
    ///
    /// # Panics
    /// There is none.
    pub fn approve(&mut self) {
        self.settle();
        self.host.approve(&self.person);
        self.settle();
    }

    /// Says no to the sheet in front of this person.
    ///
    /// # Panics
    /// There is none.
    pub fn decline(&mut self) {
        self.settle();
        self.host.decline(&self.person);
        self.settle();
    }

    /// What the sheet in front of this person asks for fails.
    ///
    /// # Panics
    /// There is no sheet.
    pub fn fail(&mut self, code: &str) {
        self.settle();
        self.host.fail(&self.person, code);
        self.settle();
    }

    /// The host unloads the instance properly: it may save.
    pub fn unload(mut self) {
        self.settle();
        self.instance.lifecycle("hidden");
        self.instance.lifecycle("unloaded");
        let saved = self.instance.save_state();
        let world = &mut *self.host.0.borrow_mut();
        world.sessions.remove(&self.session);
        if let Some(saved) = saved {
            world.saved.insert(self.person, saved);
        }
    }

    /// The instance is gone without a word: killed, or the power failed. Open sheets stay.
    pub fn crash(self) {
        self.host.0.borrow_mut().sessions.remove(&self.session);
    }

    fn act(&mut self, label: &str, code: &str, value: Option<Scalar>) {
        self.settle();
        let Some(at) = self.find(label, code) else {
            panic!("nothing to {code} at {label:?} on {}:\n{}", self.page(), self.outline());
        };
        let node = &self.nodes[at];
        let disabled = node
            .attributes
            .iter()
            .any(|field| field.name == "disabled" && matches!(field.value, Scalar::Flag(true)));
        assert!(!disabled, "{label:?} can't be used now on {}", self.page());
        let handler = node.handlers.iter().find(|(event, _)| event == code).map_or(0, |(_, id)| *id);
        let fields = value.map_or_else(Fields::new, |value| Fields::new().with("value", value));
        let mut happening = event(code, 0, fields);
        happening.handler = handler;
        self.deliver(happening);
        self.settle();
    }

    fn find(&self, label: &str, code: &str) -> Option<usize> {
        let listens = |node: &Node| node.handlers.iter().any(|(event, _)| event == code);
        let named = |node: &Node| {
            ["label", "described", "title", "alt"]
                .iter()
                .any(|name| attribute(&node.attributes, name) == label)
                || node.key == label
        };
        let direct = self.nodes.iter().position(|node| listens(node) && named(node));
        direct.or_else(|| {
            let around = |at: usize| {
                let end = self.end_of(at);
                self.nodes[at..end]
                    .iter()
                    .any(|node| attribute(&node.attributes, "text") == label || named(node))
            };
            (0..self.nodes.len()).rev().find(|at| listens(&self.nodes[*at]) && around(*at))
        })
    }

    /// Index after the last node of a subtree.
    fn end_of(&self, at: usize) -> usize {
        let mut left = 1_u32;
        let mut next = at;
        while left > 0 && next < self.nodes.len() {
            left = left - 1 + self.nodes[next].children;
            next += 1;
        }
        next
    }
}
