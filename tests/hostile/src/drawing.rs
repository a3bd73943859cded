//! Its views, good and bad.

use crate::Memory;
use crate::bindings::exports::youji::miniapp::program::{Field, Node};
use crate::bindings::youji::miniapp::types::{Handler, Scalar};

fn node(kind: &str, attributes: &[(&str, &str)], handler: Option<(&str, u32)>, children: u32) -> Node {
    Node {
        kind: kind.into(),
        key: String::new(),
        attributes: attributes
            .iter()
            .map(|(name, value)| Field {
                name: (*name).into(),
                value: Scalar::Text((*value).into()),
            })
            .collect(),
        handlers: handler.map(|(event, id)| Handler { event: event.into(), id }).into_iter().collect(),
        children,
    }
}

pub(crate) fn view(memory: &Memory) -> Vec<Node> {
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
fn flat(nodes: u32) -> Vec<Node> {
    let mut all = vec![node("page", &[("title", "menu")], None, nodes - 1)];
    for number in 1..nodes {
        let title = format!("dish {number}");
        let attributes = [("title", title.as_str()), ("detail", "with rice and greens"), ("value", "18.00")];
        all.push(node("list-item", &attributes, Some(("tap", number)), 0));
    }
    all
}
