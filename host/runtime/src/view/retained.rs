//! A view in few allocations. A thousand sessions keep theirs, so nodes hold numbers instead of strings.

use super::names;
use crate::update::{Name, WireNode};
use std::borrow::Cow;
use std::mem::size_of;
use youji_api::{Scalar, Tree, tree};

/// Set in the number of a word of the table; without it, it is the number of a text of the view.
const WORD: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
pub(super) struct Text(u32);

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

/// A view that the host keeps.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    nodes: Box<[Record]>,
    /// Sorted by name within each node.
    attributes: Box<[(Text, Value)]>,
    /// Sorted by event within each node.
    handlers: Box<[(Text, u32)]>,
    /// Integers and numbers, as bits.
    wide: Box<[u64]>,
    /// Where each text ends.
    ends: Box<[u32]>,
    text: Box<str>,
}

struct Builder<'a> {
    tree: &'a Tree,
    attributes: Vec<(Text, Value)>,
    handlers: Vec<(Text, u32)>,
    wide: Vec<u64>,
    ends: Vec<u32>,
    text: String,
}

impl<'a> Builder<'a> {
    fn text(&mut self, text: &str) -> Text {
        if let Some(number) = names::number(text) {
            return Text(number | WORD);
        }
        self.text.push_str(text);
        // Trees are far below 2 GiB: `Tree::new` has checked that.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        Text(u32::try_from(self.ends.len() - 1).unwrap_or(0))
    }

    fn wide(&mut self, bits: u64) -> u32 {
        self.wide.push(bits);
        u32::try_from(self.wide.len() - 1).unwrap_or(u32::MAX)
    }

    fn node(&mut self, node: &tree::Node, attributes: &[tree::Attribute], handlers: &[tree::Handler], scratch: &mut Scratch<'a>) -> Record {
        let tree = self.tree;
        let record = Record {
            id: 0,
            kind: self.text(tree.str(node.kind)),
            key: self.text(tree.str(node.key)),
            attributes: u32::try_from(self.attributes.len()).unwrap_or(u32::MAX),
            handlers: u32::try_from(self.handlers.len()).unwrap_or(u32::MAX),
            children: node.children,
            size: 1,
        };
        for (name, value) in scratch
            .attributes
            .sort(attributes.iter().map(|one| (tree.str(one.name), one.value)))
        {
            let name = self.text(name);
            let value = match value {
                tree::Value::Flag(flag) => Value::Flag(flag),
                tree::Value::Integer(number) => match i32::try_from(number) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => Value::Wide(self.wide(number.cast_unsigned())),
                },
                tree::Value::Number(number) => Value::Number(self.wide(number.to_bits())),
                tree::Value::Text(text) => Value::Text(self.text(tree.str(text))),
            };
            self.attributes.push((name, value));
        }
        for (event, id) in scratch.handlers.sort(handlers.iter().map(|one| (tree.str(one.event), one.id))) {
            let event = self.text(event);
            self.handlers.push((event, id));
        }
        record
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

impl Retained {
    /// Without numbers yet.
    pub(crate) fn new(tree: &Tree) -> Self {
        let mut builder = Builder {
            tree,
            attributes: Vec::with_capacity(tree.attributes().len()),
            handlers: Vec::with_capacity(tree.handlers().len()),
            wide: Vec::new(),
            ends: Vec::new(),
            text: String::new(),
        };
        let (mut attributes, mut handlers) = (tree.attributes(), tree.handlers());
        let mut scratch = Scratch::default();
        let mut nodes: Vec<Record> = Vec::with_capacity(tree.nodes().len());
        for node in tree.nodes() {
            let own;
            (own, attributes) = attributes.split_at((node.attributes as usize).min(attributes.len()));
            let heard;
            (heard, handlers) = handlers.split_at((node.handlers as usize).min(handlers.len()));
            nodes.push(builder.node(node, own, heard, &mut scratch));
        }
        // From the last to the first: the sizes of children are known when their parent's turn comes.
        for index in (0..nodes.len()).rev() {
            let mut next = index + 1;
            for _ in 0..nodes[index].children {
                next += nodes[next].size as usize;
            }
            nodes[index].size = u32::try_from(next - index).unwrap_or(u32::MAX);
        }
        Retained {
            nodes: nodes.into(),
            attributes: builder.attributes.into(),
            handlers: builder.handlers.into(),
            wide: builder.wide.into(),
            ends: builder.ends.into(),
            text: builder.text.into(),
        }
    }

    /// What it occupies.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Record>()
            + self.attributes.len() * size_of::<(Text, Value)>()
            + self.handlers.len() * size_of::<(Text, u32)>()
            + self.wide.len() * size_of::<u64>()
            + self.ends.len() * size_of::<u32>()
            + self.text.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Gives every node a new number.
    pub(crate) fn number_all(&mut self, next: &mut u32) {
        for index in 0..self.nodes.len() {
            self.number(index, next);
        }
    }

    pub(super) fn number(&mut self, index: usize, next: &mut u32) {
        self.nodes[index].id = *next;
        *next = next.wrapping_add(1).max(1);
    }

    pub(super) fn keep_number(&mut self, index: usize, id: u32) {
        self.nodes[index].id = id;
    }

    pub(super) fn record(&self, index: usize) -> &Record {
        &self.nodes[index]
    }

    /// Indices of a node's children.
    pub(super) fn children(&self, index: usize) -> impl Iterator<Item = usize> {
        let mut next = index + 1;
        (0..self.nodes[index].children).map(move |_| {
            let child = next;
            next += self.nodes[child].size as usize;
            child
        })
    }

    pub(super) fn attributes(&self, index: usize) -> &[(Text, Value)] {
        let end = self
            .nodes
            .get(index + 1)
            .map_or(self.attributes.len(), |next| next.attributes as usize);
        &self.attributes[self.nodes[index].attributes as usize..end]
    }

    pub(super) fn handlers(&self, index: usize) -> &[(Text, u32)] {
        let end = self.nodes.get(index + 1).map_or(self.handlers.len(), |next| next.handlers as usize);
        &self.handlers[self.nodes[index].handlers as usize..end]
    }

    pub(super) fn str(&self, text: Text) -> &str {
        if text.0 & WORD != 0 {
            return names::word(text.0 & !WORD);
        }
        let number = text.0 as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends.get(number).copied().unwrap_or(start);
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    pub(super) fn name(&self, text: Text) -> Name {
        if text.0 & WORD != 0 {
            Cow::Borrowed(names::word(text.0 & !WORD))
        } else {
            Cow::Owned(self.str(text).to_owned())
        }
    }

    fn bits(&self, number: u32) -> u64 {
        self.wide.get(number as usize).copied().unwrap_or(0)
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

    pub(super) fn same_value(&self, a: Value, other: &Retained, b: Value) -> bool {
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
        let index = self.nodes.iter().position(|node| node.id == id)?;
        let (_, handler) = self.handlers(index).iter().find(|(name, _)| self.str(*name) == event)?;
        Some(*handler)
    }

    /// A subtree as it goes over the wire.
    pub(super) fn wire_subtree(&self, index: usize) -> Vec<WireNode> {
        (index..index + self.nodes[index].size as usize)
            .map(|index| self.wire_node(index))
            .collect()
    }

    /// All of it as it goes over the wire.
    pub(crate) fn wire(&self) -> impl Iterator<Item = WireNode> {
        (0..self.nodes.len()).map(|index| self.wire_node(index))
    }

    fn wire_node(&self, index: usize) -> WireNode {
        let record = self.nodes[index];
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
