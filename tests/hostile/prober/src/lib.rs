//! A mini-program that makes whatever call it is told to, and shows what it got.
//!
//! It is told by its field "command" and runs that at a tap on "do"; or by its launch's query: `command`, at once, without any tap. Parts of
//! a command are separated by "|", options are "name=value" separated by ";".

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "written by wit-bindgen; the canonical ABI needs it"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../sdk/wit",
        world: "mini-program",
    });
    super::bindings::export!(Prober with_types_in self);
    use super::Prober;
}

mod calls;

use bindings::exports::youji::miniapp::program::{Field, Guest, Happening, SavedState, Tree};
use bindings::youji::miniapp::types::{Attribute, AttributeValue, Handler, Node, Scalar, Span};
use std::cell::RefCell;

struct Prober;

/// What it was told and got.
#[derive(Default)]
struct Memory {
    command: String,
    /// Number of the run, and what came of it.
    got: String,
    runs: u32,
    /// Widgets to draw with markup in every attribute: "kind:attribute,attribute", one a line.
    drawn: String,
    /// Everything that the launch said.
    launch: String,
    page: String,
    /// The newest outcomes and other events.
    heard: Vec<String>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

fn remember<T>(with: impl FnOnce(&mut Memory) -> T) -> T {
    MEMORY.with_borrow_mut(with)
}

fn value(value: &Scalar) -> String {
    match value {
        Scalar::Flag(flag) => flag.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

fn shown(fields: &[Field]) -> String {
    let mut all: Vec<String> = fields
        .iter()
        .map(|field| format!("{}={}", field.name, value(&field.value)))
        .collect();
    all.sort();
    all.join(";")
}

fn field(fields: &[Field], name: &str) -> String {
    let found = fields.iter().find(|field| field.name == name);
    found.map(|field| value(&field.value)).unwrap_or_default()
}

fn run() {
    let command = remember(|memory| memory.command.clone());
    if let Some(widgets) = command.strip_prefix("draw|") {
        return remember(|memory| memory.drawn = widgets.to_owned());
    }
    let got = calls::run(&command);
    remember(|memory| {
        memory.runs += 1;
        memory.got = format!("#{} {got}", memory.runs);
    });
}

impl Guest for Prober {
    fn launched(launch: Vec<Field>, _saved: Option<SavedState>) {
        let command = field(&launch, "query.command");
        remember(|memory| {
            memory.launch = shown(&launch);
            memory.page = field(&launch, "page");
            memory.command.clone_from(&command);
        });
        if !command.is_empty() {
            run();
        }
    }

    fn lifecycle(_phase: String, _fields: Vec<Field>) {}

    fn event(event: Happening) {
        match (event.code.as_str(), event.handler) {
            ("input", 1) => remember(|memory| memory.command = field(&event.fields, "value")),
            ("tap", 2) => run(),
            _ => remember(|memory| {
                memory.heard.push(format!("{} {}", event.code, shown(&event.fields)));
                if memory.heard.len() > 8 {
                    memory.heard.remove(0);
                }
            }),
        }
    }

    fn view() -> Tree {
        remember(|memory| draw(memory))
    }

    fn save_state() -> Option<SavedState> {
        None
    }
}

fn span(tree: &mut Tree, text: &str) -> Span {
    let at = tree.text.len() as u32;
    tree.text.push_str(text);
    Span {
        at,
        length: text.len() as u32,
    }
}

fn node(tree: &mut Tree, kind: &str, attributes: &[(&str, &str)], on: Option<(&str, u32)>, children: u32) {
    let node = Node {
        kind: span(tree, kind),
        key: span(tree, ""),
        attributes: attributes.len() as u32,
        handlers: u32::from(on.is_some()),
        children,
    };
    tree.nodes.push(node);
    for (name, value) in attributes {
        let (name, value) = (span(tree, name), span(tree, value));
        tree.attributes.push(Attribute {
            name,
            value: AttributeValue::Text(value),
        });
    }
    if let Some((event, id)) = on {
        let event = span(tree, event);
        tree.handlers.push(Handler { event, id });
    }
}

/// What would act if anything took it as markup, a script, an address or a style.
const MARKUP: &str = "\"><img src=x onerror=hit()><script>hit()</script><svg onload=hit()>javascript:hit()\n' onfocus=hit() style=x:expression(hit()) \t{{hit()}}";

fn draw(memory: &Memory) -> Tree {
    let mut tree = Tree {
        text: String::new(),
        nodes: Vec::new(),
        attributes: Vec::new(),
        handlers: Vec::new(),
    };
    let heard = memory.heard.join("\n");
    if !memory.drawn.is_empty() {
        let widgets: Vec<(&str, &str)> = memory.drawn.lines().filter_map(|line| line.split_once(':')).collect();
        node(
            &mut tree,
            "page",
            &[("title", MARKUP), ("subtitle", MARKUP)],
            None,
            widgets.len() as u32,
        );
        for (kind, attributes) in widgets {
            let attributes: Vec<(&str, &str)> = attributes.split(',').map(|name| (name, MARKUP)).collect();
            node(&mut tree, kind, &attributes, Some((MARKUP, 9)), 0);
        }
        return tree;
    }
    node(&mut tree, "page", &[("title", &memory.page)], None, 6);
    node(
        &mut tree,
        "text-field",
        &[("label", "command"), ("value", &memory.command)],
        Some(("input", 1)),
        0,
    );
    node(&mut tree, "button", &[("label", "do")], Some(("tap", 2)), 0);
    for text in [&memory.got, &memory.launch, &heard, &memory.page] {
        node(&mut tree, "text", &[("text", text)], None, 0);
    }
    tree
}
