//! What builders make: a node, its handlers, its children.

use crate::bindings::youji::miniapp::types::{Field, Handler, Node};
use crate::fields::{Fields, Scalar};

/// Makes a message of what came with an event.
pub(crate) enum On<M> {
    Send(M),
    Text(Box<dyn Fn(String) -> M>),
    Integer(Box<dyn Fn(i64) -> M>),
    Flag(Box<dyn Fn(bool) -> M>),
    Lines(Box<dyn Fn(Vec<String>) -> M>),
}

impl<M: Clone> On<M> {
    /// None when the value is of another kind than the widget sends: a later host's, to be ignored.
    pub(crate) fn message(&self, fields: Fields) -> Option<M> {
        match (self, fields.get("value")) {
            (On::Send(message), _) => Some(message.clone()),
            (On::Text(make), Some(Scalar::Text(text))) => Some(make(text.clone())),
            (On::Integer(make), Some(Scalar::Integer(number))) => Some(make(*number)),
            (On::Flag(make), Some(Scalar::Flag(flag))) => Some(make(*flag)),
            (On::Lines(make), Some(Scalar::Text(text))) => {
                Some(make(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()))
            }
            _ => None,
        }
    }
}

/// A widget with its children. Builders in [`widgets`](crate::widgets) make them.
pub struct Element<M> {
    node: Node,
    on: Vec<On<M>>,
    children: Vec<Element<M>>,
}

impl<M> Element<M> {
    /// A widget by name, for one that the SDK does not know yet.
    pub fn new(kind: &str) -> Self {
        Element {
            node: Node {
                kind: kind.to_owned(),
                key: String::new(),
                attributes: Vec::new(),
                handlers: Vec::new(),
                children: 0,
            },
            on: Vec::new(),
            children: Vec::new(),
        }
    }

    /// An attribute by name, for one that the SDK does not know yet.
    pub fn attribute(mut self, name: &str, value: Scalar) -> Self {
        self.put(name, value);
        self
    }

    pub(crate) fn put(&mut self, name: &str, value: Scalar) {
        // Set twice, the last one counts; the list is short and this is the rare case.
        match self.node.attributes.iter_mut().find(|field| field.name == name) {
            Some(field) => field.value = value,
            None => self.node.attributes.push(Field {
                name: name.to_owned(),
                value,
            }),
        }
    }

    pub(crate) fn put_key(&mut self, key: String) {
        self.node.key = key;
    }

    pub(crate) fn listen(&mut self, event: &str, on: On<M>) {
        self.node.handlers.push(Handler {
            event: event.to_owned(),
            id: 0,
        });
        self.on.push(on);
    }

    pub(crate) fn adopt(&mut self, child: Element<M>) {
        self.children.push(child);
    }

    /// How many nodes it has, itself among them.
    pub fn count(&self) -> usize {
        1 + self.children.iter().map(Element::count).sum::<usize>()
    }

    /// Nodes in document order, and the handler of each id, the first of which is 1.
    pub(crate) fn flatten(self) -> (Vec<Node>, Vec<On<M>>) {
        let mut nodes = Vec::with_capacity(self.count());
        let mut table = Vec::new();
        self.append(&mut nodes, &mut table);
        (nodes, table)
    }

    fn append(self, nodes: &mut Vec<Node>, table: &mut Vec<On<M>>) {
        let mut node = self.node;
        node.children = u32::try_from(self.children.len()).unwrap_or(u32::MAX);
        for (handler, on) in node.handlers.iter_mut().zip(self.on) {
            table.push(on);
            handler.id = u32::try_from(table.len()).unwrap_or(0);
        }
        nodes.push(node);
        for child in self.children {
            child.append(nodes, table);
        }
    }
}
