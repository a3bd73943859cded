//! A view in few allocations, ready to be compared and looked at: nodes hold numbers instead of strings.

use super::names;
use crate::update::{Name, WireNode};
use std::borrow::Cow;
use youji_api::{Scalar, Tree, tree};

/// Set in the number of a word of the table; without it, it is the number of a text of the view.
const WORD: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
pub(super) struct Text(u32);

impl Text {
    pub(super) fn of_word(number: u32) -> Self {
        Text(number | WORD)
    }

    /// Its number, if it is a word of the table.
    pub(super) fn word(self) -> Option<u32> {
        (self.0 & WORD != 0).then_some(self.0 & !WORD)
    }
}

/// Half as large as what it stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Flag(bool),
    Integer(i32),
    /// One that does not fit, by its number in the list.
    Wide(u32),
    /// By the number of its bits in the list.
    Number(u32),
    Text(Text),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// 0 until a difference has given it one.
    pub(super) id: u32,
    pub(super) kind: Text,
    pub(super) key: Text,
    attributes: u32,
    handlers: u32,
    pub(super) children: u32,
    /// Nodes of the subtree, this one included.
    pub(super) size: u32,
}

/// A view as it is worked with.
#[derive(Debug, Default)]
pub(crate) struct Retained<'a> {
    parts: Parts,
    text: Cow<'a, str>,
}

/// All of a view but its texts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    nodes: Vec<Record>,
    /// Sorted by name within each node.
    pub(super) attributes: Vec<(Text, Value)>,
    /// Sorted by event within each node.
    pub(super) handlers: Vec<(Text, u32)>,
    /// Integers and numbers, as bits.
    wide: Vec<u64>,
    /// Where each text ends. Texts are numbered in the order in which nodes, attributes and handlers name them.
    ends: Vec<u32>,
}

impl Parts {
    pub(super) fn with_capacity(nodes: usize) -> Self {
        Parts {
            nodes: Vec::with_capacity(nodes),
            attributes: Vec::with_capacity(nodes * 3),
            handlers: Vec::with_capacity(nodes / 2),
            wide: Vec::new(),
            ends: Vec::with_capacity(nodes * 2),
        }
    }

    /// The next text, which ends there.
    pub(super) fn text(&mut self, end: u32) -> Text {
        self.ends.push(end);
        Text(u32::try_from(self.ends.len() - 1).unwrap_or(0))
    }

    pub(super) fn wide(&mut self, bits: u64) -> u32 {
        self.wide.push(bits);
        u32::try_from(self.wide.len() - 1).unwrap_or(u32::MAX)
    }

    /// The next node; its attributes and handlers follow.
    pub(super) fn node(&mut self, id: u32, kind: Text, key: Text, children: u32) {
        self.nodes.push(Record {
            id,
            kind,
            key,
            attributes: u32::try_from(self.attributes.len()).unwrap_or(u32::MAX),
            handlers: u32::try_from(self.handlers.len()).unwrap_or(u32::MAX),
            children,
            size: 1,
        });
    }

    /// All nodes are there.
    pub(super) fn retained(mut self, text: Cow<'_, str>) -> Retained<'_> {
        let nodes = &mut self.nodes;
        // From the last to the first: the sizes of children are known when their parent's turn comes.
        for index in (0..nodes.len()).rev() {
            let mut next = index + 1;
            for _ in 0..nodes[index].children {
                next += nodes[next].size as usize;
            }
            nodes[index].size = u32::try_from(next - index).unwrap_or(u32::MAX);
        }
        Retained { parts: self, text }
    }
}

struct Builder<'a> {
    tree: &'a Tree,
    parts: Parts,
    text: String,
}

impl<'a> Builder<'a> {
    fn text(&mut self, text: &str) -> Text {
        if let Some(number) = names::number(text) {
            return Text::of_word(number);
        }
        self.text.push_str(text);
        // Trees are far below 2 GiB: `Tree::new` has checked that.
        self.parts.text(u32::try_from(self.text.len()).unwrap_or(u32::MAX))
    }

    fn node(&mut self, node: &tree::Node, attributes: &[tree::Attribute], handlers: &[tree::Handler], scratch: &mut Scratch<'a>) {
        let tree = self.tree;
        let (kind, key) = (self.text(tree.str(node.kind)), self.text(tree.str(node.key)));
        self.parts.node(0, kind, key, node.children);
        for (name, value) in scratch
            .attributes
            .sort(attributes.iter().map(|one| (tree.str(one.name), one.value)))
        {
            let name = self.text(name);
            let value = match value {
                tree::Value::Flag(flag) => Value::Flag(flag),
                tree::Value::Integer(number) => match i32::try_from(number) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => Value::Wide(self.parts.wide(number.cast_unsigned())),
                },
                tree::Value::Number(number) => Value::Number(self.parts.wide(number.to_bits())),
                tree::Value::Text(text) => Value::Text(self.text(tree.str(text))),
            };
            self.parts.attributes.push((name, value));
        }
        for (event, id) in scratch.handlers.sort(handlers.iter().map(|one| (tree.str(one.event), one.id))) {
            let event = self.text(event);
            self.parts.handlers.push((event, id));
        }
    }
}

/// Room for the lists of one node.
#[derive(Default)]
struct Scratch<'a> {
    attributes: Sorted<'a, tree::Value>,
    handlers: Sorted<'a, u32>,
}

/// What one node has, by name.
struct Sorted<'a, T>(Vec<(&'a str, T)>);

impl<T> Default for Sorted<'_, T> {
    fn default() -> Self {
        Sorted(Vec::new())
    }
}

impl<'a, T: Copy> Sorted<'a, T> {
    /// Of two with one name the last counts. Not by comparing all with all: a hostile list has tens of thousands.
    fn sort(&mut self, all: impl Iterator<Item = (&'a str, T)>) -> impl Iterator<Item = (&'a str, T)> {
        self.0.clear();
        self.0.extend(all);
        self.0.sort_by_key(|one| one.0);
        let list = &self.0;
        let last = move |(index, one): &(usize, &(&str, T))| list.get(index + 1).is_none_or(|next| next.0 != one.0);
        list.iter().enumerate().filter(last).map(|(_, one)| *one)
    }
}

impl<'a> Retained<'a> {
    /// Without numbers yet.
    pub(crate) fn new(tree: &Tree) -> Retained<'static> {
        let mut builder = Builder {
            tree,
            parts: Parts::with_capacity(tree.nodes().len()),
            text: String::new(),
        };
        let (mut attributes, mut handlers) = (tree.attributes(), tree.handlers());
        let mut scratch = Scratch::default();
        for node in tree.nodes() {
            let own;
            (own, attributes) = attributes.split_at((node.attributes as usize).min(attributes.len()));
            let heard;
            (heard, handlers) = handlers.split_at((node.handlers as usize).min(handlers.len()));
            builder.node(node, own, heard, &mut scratch);
        }
        builder.parts.retained(Cow::Owned(builder.text))
    }

    /// All texts, in the order of their numbers.
    pub(super) fn texts(&self) -> &str {
        &self.text
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.nodes.len()
    }

    /// Gives every node a new number.
    pub(crate) fn number_all(&mut self, next: &mut u32) {
        for index in 0..self.parts.nodes.len() {
            self.number(index, next);
        }
    }

    pub(super) fn number(&mut self, index: usize, next: &mut u32) {
        self.parts.nodes[index].id = *next;
        *next = next.wrapping_add(1).max(1);
    }

    pub(super) fn keep_number(&mut self, index: usize, id: u32) {
        self.parts.nodes[index].id = id;
    }

    pub(super) fn record(&self, index: usize) -> &Record {
        &self.parts.nodes[index]
    }

    /// Indices of a node's children.
    pub(super) fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let mut next = index + 1;
        (0..self.parts.nodes[index].children).map(move |_| {
            let child = next;
            next += self.parts.nodes[child].size as usize;
            child
        })
    }

    pub(super) fn attributes(&self, index: usize) -> &[(Text, Value)] {
        let end = self
            .parts
            .nodes
            .get(index + 1)
            .map_or(self.parts.attributes.len(), |next| next.attributes as usize);
        &self.parts.attributes[self.parts.nodes[index].attributes as usize..end]
    }

    pub(super) fn handlers(&self, index: usize) -> &[(Text, u32)] {
        let end = self
            .parts
            .nodes
            .get(index + 1)
            .map_or(self.parts.handlers.len(), |next| next.handlers as usize);
        &self.parts.handlers[self.parts.nodes[index].handlers as usize..end]
    }

    pub(super) fn str(&self, text: Text) -> &str {
        if text.0 & WORD != 0 {
            return names::word(text.0 & !WORD);
        }
        let number = text.0 as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.parts.ends[before]);
        let end = self.parts.ends.get(number).copied().unwrap_or(start);
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    pub(super) fn name(&self, text: Text) -> Name {
        if text.0 & WORD != 0 {
            Cow::Borrowed(names::word(text.0 & !WORD))
        } else {
            Cow::Owned(self.str(text).to_owned())
        }
    }

    pub(super) fn bits(&self, number: u32) -> u64 {
        self.parts.wide.get(number as usize).copied().unwrap_or(0)
    }

    pub(super) fn scalar(&self, value: Value) -> Scalar {
        match value {
            Value::Flag(flag) => Scalar::Flag(flag),
            Value::Integer(number) => Scalar::Integer(number.into()),
            Value::Wide(number) => Scalar::Integer(self.bits(number).cast_signed()),
            Value::Number(number) => Scalar::Number(f64::from_bits(self.bits(number))),
            Value::Text(text) => Scalar::Text(self.str(text).to_owned()),
        }
    }

    pub(super) fn same_value(&self, a: Value, other: &Retained<'_>, b: Value) -> bool {
        match (a, b) {
            (Value::Flag(a), Value::Flag(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Wide(a), Value::Wide(b)) | (Value::Number(a), Value::Number(b)) => self.bits(a) == other.bits(b),
            (Value::Text(a), Value::Text(b)) => self.str(a) == other.str(b),
            _ => false,
        }
    }

    /// The program's number for an event of a node that is still there.
    pub(crate) fn handler(&self, id: u32, event: &str) -> Option<u32> {
        let index = self.parts.nodes.iter().position(|node| node.id == id)?;
        let (_, handler) = self.handlers(index).iter().find(|(name, _)| self.str(*name) == event)?;
        Some(*handler)
    }

    /// A subtree as it goes over the wire.
    pub(super) fn wire_subtree(&self, index: usize) -> Vec<WireNode> {
        (index..index + self.parts.nodes[index].size as usize)
            .map(|index| self.wire_node(index))
            .collect()
    }

    /// All of it as it goes over the wire.
    pub(crate) fn into_wire(self) -> impl Iterator<Item = WireNode> + use<'a> {
        (0..self.len()).map(move |index| self.wire_node(index))
    }

    fn wire_node(&self, index: usize) -> WireNode {
        let record = self.parts.nodes[index];
        WireNode {
            id: record.id,
            kind: self.name(record.kind),
            attributes: self
                .attributes(index)
                .iter()
                .map(|(name, value)| (self.name(*name), self.scalar(*value)))
                .collect(),
            events: self.events(index),
            children: record.children,
        }
    }

    pub(super) fn events(&self, index: usize) -> Vec<Name> {
        self.handlers(index).iter().map(|(event, _)| self.name(*event)).collect()
    }
}
