//! Its views, good and bad.

use crate::Memory;
use crate::bindings::youji::miniapp::types::{Attribute, AttributeValue, Handler, Node, Span, Tree};

/// One node: kind, attributes, what it listens for, children.
struct Drawn {
    kind: &'static str,
    attributes: Vec<(&'static str, String)>,
    handler: Option<(&'static str, u32)>,
    children: u32,
}

fn node(kind: &'static str, attributes: &[(&'static str, &str)], handler: Option<(&'static str, u32)>, children: u32) -> Drawn {
    Drawn {
        kind,
        attributes: attributes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        handler,
        children,
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

fn tree(nodes: Vec<Drawn>) -> Tree {
    let mut tree = Tree {
        text: String::new(),
        nodes: Vec::new(),
        attributes: Vec::new(),
        handlers: Vec::new(),
    };
    for drawn in nodes {
        let node = Node {
            kind: span(&mut tree, drawn.kind),
            key: span(&mut tree, ""),
            attributes: drawn.attributes.len() as u32,
            handlers: u32::from(drawn.handler.is_some()),
            children: drawn.children,
        };
        tree.nodes.push(node);
        for (name, value) in drawn.attributes {
            let name = span(&mut tree, name);
            let value = AttributeValue::Text(span(&mut tree, &value));
            tree.attributes.push(Attribute { name, value });
        }
        if let Some((event, id)) = drawn.handler {
            let event = span(&mut tree, event);
            tree.handlers.push(Handler { event, id });
        }
    }
    tree
}

/// The view, with what is wrong in the numbers themselves.
pub(crate) fn view(memory: &Memory) -> Tree {
    let mut tree = tree(nodes(memory));
    if memory.at == "view" {
        match memory.act.as_str() {
            "text-outside" => tree.nodes[0].kind.at = u32::MAX,
            "text-too-long" => tree.nodes[0].kind.length = u32::MAX,
            "text-in-character" => {
                let at = span(&mut tree, "座").at;
                tree.nodes[0].kind = Span { at: at + 1, length: 2 };
            }
            "attributes-short" => tree.nodes[0].attributes = u32::MAX,
            "handlers-over" => tree.handlers.push(Handler {
                event: Span { at: 0, length: 0 },
                id: 9,
            }),
            // One long text that thousands of attributes point to.
            "echo" => {
                let long = span(&mut tree, &"x".repeat(200 << 10));
                let attribute = Attribute {
                    name: Span { at: 0, length: 4 },
                    value: AttributeValue::Text(long),
                };
                tree.nodes[0].attributes += 5_000;
                tree.attributes.splice(0..0, std::iter::repeat_n(attribute, 5_000));
            }
            _ => {}
        }
    }
    tree
}

fn nodes(memory: &Memory) -> Vec<Drawn> {
    if memory.at == "view" {
        match memory.act.as_str() {
            "many" => return flat(1_001),
            "deep" => return (0..32).map(|depth| node("stack", &[], None, u32::from(depth < 31))).collect(),
            "unclosed" => return vec![node("page", &[], None, 3)],
            "two-roots" => return vec![node("page", &[], None, 0), node("page", &[], None, 0)],
            "empty" => return Vec::new(),
            "long" => return vec![node("page", &[("title", &"x".repeat(300 << 10))], None, 0)],
            "huge" => return vec![node("page", &[("title", &"x".repeat(4 << 20))], None, 0)],
            "hundred" => return flat(120),
            _ => {}
        }
    }
    let count = memory.count.to_string();
    let mut nodes = vec![
        node("page", &[("title", &memory.page)], None, 10),
        node("text", &[("text", &count)], None, 0),
        node("text", &[("text", &memory.text)], None, 0),
        node("text", &[("text", &memory.note)], None, 0),
        node("text", &[("text", &memory.events.join(" "))], None, 0),
        node("text-field", &[("label", "field"), ("value", &memory.text)], Some(("input", 2)), 0),
    ];
    for (id, label) in [(1, "add"), (3, "second"), (4, "nowhere"), (5, "pay")] {
        nodes.push(node("button", &[("label", label)], Some(("tap", id)), 0));
    }
    nodes.push(node("row", &[], None, 4));
    for (id, label) in [(6, "keep"), (7, "close"), (8, "forget"), (9, "open")] {
        nodes.push(node("button", &[("label", label)], Some(("tap", id)), 0));
    }
    nodes
}

/// As a menu: items with a title, a detail and a price.
fn flat(nodes: u32) -> Vec<Drawn> {
    let mut all = vec![node("page", &[("title", "menu")], None, nodes - 1)];
    for number in 1..nodes {
        let title = format!("dish {number}");
        let attributes = [("title", title.as_str()), ("detail", "with rice and greens"), ("value", "18.00")];
        all.push(node("list-item", &attributes, Some(("tap", number)), 0));
    }
    all
}
