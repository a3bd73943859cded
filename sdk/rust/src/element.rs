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
///
/// Boxed, since builders hand it on at each step: moving a pointer is a fraction of the code and the time.
pub struct Element<M>(Box<Inner<M>>);

struct Inner<M> {
    node: Node,
    on: Vec<On<M>>,
    children: Vec<Element<M>>,
}

/// A text that an attribute can take.
pub trait Text {
    /// As an attribute's value.
    #[doc(hidden)]
    fn scalar(self) -> Scalar;
}

impl Text for &str {
    #[inline(never)]
    fn scalar(self) -> Scalar {
        Scalar::Text(self.to_owned())
    }
}

impl Text for String {
    fn scalar(self) -> Scalar {
        Scalar::Text(self)
    }
}

impl Text for &String {
    fn scalar(self) -> Scalar {
        self.as_str().scalar()
    }
}

impl<M> Element<M> {
    /// A widget by name, for one that the SDK does not know yet.
    #[inline(never)]
    pub fn new(kind: &str) -> Self {
        Element(Box::new(Inner {
            node: Node {
                kind: kind.to_owned(),
                key: String::new(),
                attributes: Vec::new(),
                handlers: Vec::new(),
                children: 0,
            },
            on: Vec::new(),
            children: Vec::new(),
        }))
    }

    /// An attribute by name, for one that the SDK does not know yet.
    pub fn attribute(mut self, name: &str, value: Scalar) -> Self {
        self.put(name, value);
        self
    }

    #[inline(never)]
    pub(crate) fn put(&mut self, name: &str, value: Scalar) {
        let attributes = &mut self.0.node.attributes;
        // An empty text says as much as none, and costs as much as a full one; a field's value may be empty on purpose.
        if name != "value" && matches!(&value, Scalar::Text(text) if text.is_empty()) {
            attributes.retain(|field| field.name != name);
            return;
        }
        // Set twice, the last one counts; the list is short and this is the rare case.
        match attributes.iter_mut().find(|field| field.name == name) {
            Some(field) => field.value = value,
            None => attributes.push(Field {
                name: name.to_owned(),
                value,
            }),
        }
    }

    #[inline(never)]
    pub(crate) fn put_text(&mut self, name: &str, value: &str) {
        self.put(name, Scalar::Text(value.to_owned()));
    }

    #[inline(never)]
    pub(crate) fn put_flag(&mut self, name: &str) {
        self.put(name, Scalar::Flag(true));
    }

    pub(crate) fn put_key(&mut self, key: String) {
        self.0.node.key = key;
    }

    #[inline(never)]
    pub(crate) fn listen(&mut self, event: &str, on: On<M>) {
        self.0.node.handlers.push(Handler {
            event: event.to_owned(),
            id: 0,
        });
        self.0.on.push(on);
    }

    #[inline(never)]
    pub(crate) fn adopt(&mut self, child: Element<M>) {
        self.0.children.push(child);
    }

    /// How many nodes it has, itself among them.
    pub fn count(&self) -> usize {
        1 + self.0.children.iter().map(Element::count).sum::<usize>()
    }

    /// Nodes in document order, and the handler of each id, the first of which is 1.
    pub(crate) fn flatten(self) -> (Vec<Node>, Vec<On<M>>) {
        let mut nodes = Vec::with_capacity(self.count());
        let mut table = Vec::new();
        self.append(&mut nodes, &mut table);
        (nodes, table)
    }

    fn append(self, nodes: &mut Vec<Node>, table: &mut Vec<On<M>>) {
        let Inner { mut node, on, children } = *self.0;
        node.children = u32::try_from(children.len()).unwrap_or(u32::MAX);
        for (handler, on) in node.handlers.iter_mut().zip(on) {
            table.push(on);
            handler.id = u32::try_from(table.len()).unwrap_or(0);
        }
        nodes.push(node);
        for child in children {
            child.append(nodes, table);
        }
    }
}
