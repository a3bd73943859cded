//! What builders make: a node, its handlers, its children.

use crate::bindings::youji::miniapp::types::{Attribute, AttributeValue, Handler, Node, Span, Tree};
use crate::fields::{Fields, Scalar};
use std::borrow::Cow;

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
    kind: Name,
    key: String,
    attributes: Vec<(Name, Scalar)>,
    on: Vec<(Name, On<M>)>,
    children: Vec<Element<M>>,
}

/// Name of a widget, an attribute or an event: nearly always one of the SDK's.
type Name = Cow<'static, str>;

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
    #[inline(never)]
    pub(crate) fn known(kind: &'static str) -> Self {
        Self::new(kind)
    }

    /// A widget by name, for one that the SDK does not know yet.
    pub fn new(kind: impl Into<Cow<'static, str>>) -> Self {
        Element(Box::new(Inner {
            kind: kind.into(),
            key: String::new(),
            attributes: Vec::new(),
            on: Vec::new(),
            children: Vec::new(),
        }))
    }

    /// An attribute by name, for one that the SDK does not know yet.
    pub fn attribute(mut self, name: impl Into<Cow<'static, str>>, value: Scalar) -> Self {
        self.put_named(name.into(), value);
        self
    }

    #[inline(never)]
    pub(crate) fn put(&mut self, name: &'static str, value: Scalar) {
        self.put_named(Cow::Borrowed(name), value);
    }

    fn put_named(&mut self, name: Name, value: Scalar) {
        let attributes = &mut self.0.attributes;
        // An empty text says as much as none, and costs as much as a full one; a field's value may be empty on purpose.
        if name != "value" && matches!(&value, Scalar::Text(text) if text.is_empty()) {
            attributes.retain(|(other, _)| *other != name);
            return;
        }
        // Set twice, the last one counts; the list is short and this is the rare case.
        match attributes.iter_mut().find(|(other, _)| *other == name) {
            Some((_, held)) => *held = value,
            None => attributes.push((name, value)),
        }
    }

    #[inline(never)]
    pub(crate) fn put_text(&mut self, name: &'static str, value: &str) {
        self.put(name, Scalar::Text(value.to_owned()));
    }

    #[inline(never)]
    pub(crate) fn put_flag(&mut self, name: &'static str) {
        self.put(name, Scalar::Flag(true));
    }

    pub(crate) fn put_key(&mut self, key: String) {
        self.0.key = key;
    }

    #[inline(never)]
    pub(crate) fn listen(&mut self, event: &'static str, on: On<M>) {
        self.0.on.push((Cow::Borrowed(event), on));
    }

    #[inline(never)]
    pub(crate) fn adopt(&mut self, child: Element<M>) {
        self.0.children.push(child);
    }

    /// How many nodes it has, itself among them.
    pub fn count(&self) -> usize {
        1 + self.0.children.iter().map(Element::count).sum::<usize>()
    }

    /// The view as it crosses the boundary, and the handler of each id, the first of which is 1.
    pub(crate) fn flatten(self) -> (Tree, Vec<On<M>>) {
        let mut sizes = Sizes::default();
        self.measure(&mut sizes);
        let mut tree = Tree {
            text: String::with_capacity(sizes.text),
            nodes: Vec::with_capacity(sizes.nodes),
            attributes: Vec::with_capacity(sizes.attributes),
            handlers: Vec::with_capacity(sizes.handlers),
        };
        let mut table = Vec::with_capacity(sizes.handlers);
        self.append(&mut tree, &mut table);
        (tree, table)
    }

    fn measure(&self, sizes: &mut Sizes) {
        let this = &*self.0;
        sizes.nodes += 1;
        sizes.attributes += this.attributes.len();
        sizes.handlers += this.on.len();
        sizes.text += this.kind.len() + this.key.len();
        for (name, value) in &this.attributes {
            sizes.text += name.len() + if let Scalar::Text(text) = value { text.len() } else { 0 };
        }
        sizes.text += this.on.iter().map(|(event, _)| event.len()).sum::<usize>();
        for child in &this.children {
            child.measure(sizes);
        }
    }

    fn append(self, tree: &mut Tree, table: &mut Vec<On<M>>) {
        let this = *self.0;
        let node = Node {
            kind: span(tree, &this.kind),
            key: span(tree, &this.key),
            attributes: number(this.attributes.len()),
            handlers: number(this.on.len()),
            children: number(this.children.len()),
        };
        tree.nodes.push(node);
        for (name, value) in this.attributes {
            let name = span(tree, &name);
            let value = match value {
                Scalar::Flag(flag) => AttributeValue::Flag(flag),
                Scalar::Integer(number) => AttributeValue::Integer(number),
                Scalar::Number(number) => AttributeValue::Number(number),
                Scalar::Text(text) => AttributeValue::Text(span(tree, &text)),
            };
            tree.attributes.push(Attribute { name, value });
        }
        for (event, on) in this.on {
            table.push(on);
            let event = span(tree, &event);
            tree.handlers.push(Handler {
                event,
                id: number(table.len()),
            });
        }
        for child in this.children {
            child.append(tree, table);
        }
    }
}

/// What a view will need, so that its lists are made once.
#[derive(Default)]
struct Sizes {
    nodes: usize,
    attributes: usize,
    handlers: usize,
    text: usize,
}

fn span(tree: &mut Tree, text: &str) -> Span {
    let at = number(tree.text.len());
    tree.text.push_str(text);
    Span {
        at,
        length: number(text.len()),
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
