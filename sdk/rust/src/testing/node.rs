//! A view as tests read it.

use crate::bindings::youji::miniapp::types::{Field, Span};
use crate::fields::Scalar;
use crate::wire::{Tree, Value};

/// One node of a view, in document order.
#[derive(Clone, Debug)]
pub struct Node {
    /// A widget's name, such as "button".
    pub kind: String,
    /// Identity among siblings.
    pub key: String,
    /// By name.
    pub attributes: Vec<Field>,
    /// Code of each event that it listens for, and the number of its handler.
    pub handlers: Vec<(String, u32)>,
    /// How many of the following subtrees are its children.
    pub children: u32,
}

/// The nodes that a host would read.
pub(super) fn read(tree: &Tree) -> Vec<Node> {
    let text = |span: Span| {
        let at = span.at as usize;
        let text = tree.text.get(at..at + span.length as usize);
        text.expect("a span lies within the view's texts").to_owned()
    };
    let (mut attributes, mut handlers) = (tree.attributes.iter(), tree.handlers.iter());
    let mut field = || {
        let attribute = attributes.next().expect("as many attributes as nodes count");
        let value = match attribute.value() {
            Value::Flag(flag) => Scalar::Flag(flag),
            Value::Integer(number) => Scalar::Integer(number),
            Value::Number(number) => Scalar::Number(number),
            Value::Text(span) => Scalar::Text(text(span)),
        };
        Field {
            name: text(attribute.name),
            value,
        }
    };
    let mut handler = || {
        let handler = handlers.next().expect("as many handlers as nodes count");
        (text(handler.event), handler.id)
    };
    tree.nodes
        .iter()
        .map(|node| Node {
            kind: text(node.kind),
            key: text(node.key),
            attributes: (0..node.attributes).map(|_| field()).collect(),
            handlers: (0..node.handlers).map(|_| handler()).collect(),
            children: node.children,
        })
        .collect()
}
