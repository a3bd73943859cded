//! A view while it is built: in the very lists that cross the boundary.
//!
//! A program's memory never shrinks, so what counts is the most that it ever held at once. Builders therefore write each node, attribute and
//! text where the host will read it, and names once, instead of a tree that is turned into lists; what was not built in document order is
//! brought into it in place. No list is ever moved to where it can grow: the first view gets room for a small one, and one that turns out to be
//! larger is only counted from there on, and built again with as much room as it takes.

use crate::bindings::youji::miniapp::types::{Handler, Node, Span};
use crate::element::Name;
use crate::fields::Scalar;
use crate::wire::{Attribute, Tree, Value};
use std::borrow::Cow;
use std::cell::RefCell;

/// No node.
const NONE: u32 = u32::MAX;
/// Places of names that were written, found by their address. A power of two.
const PLACES: usize = 64;

thread_local! {
    pub(crate) static DRAFT: RefCell<Draft> = const { RefCell::new(Draft::EMPTY) };
}

/// Does something to this thread's draft.
pub(crate) fn draft<T>(change: impl FnOnce(&mut Draft) -> T) -> T {
    DRAFT.with_borrow_mut(change)
}

/// Children of a node: the first, the last, and the next one of the node's own parent.
#[derive(Clone, Copy)]
struct Links {
    first: u32,
    last: u32,
    next: u32,
}

/// All elements that are alive, in the order in which they were made.
#[derive(Clone)]
pub(crate) struct Draft {
    tree: Tree,
    /// Beside the nodes.
    links: Vec<Links>,
    /// Beside the attributes: whose it is; no node's if it was taken back.
    owners: Vec<u32>,
    /// Beside the handlers: who listens.
    listeners: Vec<u32>,
    names: Names,
    /// Elements that hold a place in it. With the last one it goes.
    alive: usize,
    /// There is room for so much, and what goes beyond it is not worth moving the lists.
    room: Option<Sizes>,
    /// Nothing is written then, only counted; the handlers of such elements are never asked.
    measured: Option<Sizes>,
}

/// Names that were written.
#[derive(Clone)]
struct Names {
    /// Address, and where in the text.
    list: Vec<(usize, Span)>,
    /// Number in the list plus one.
    places: [u8; PLACES],
}

impl Names {
    const EMPTY: Names = Names {
        list: Vec::new(),
        places: [0; PLACES],
    };

    fn place(address: usize) -> usize {
        (address ^ (address >> 6)) % PLACES
    }

    /// Where a constant stands: the same address means the same name.
    fn find_constant(&self, name: &'static str) -> Option<Span> {
        let address = name.as_ptr() as usize;
        let at = usize::from(self.places[Names::place(address)]).checked_sub(1)?;
        let (known, span) = self.list.get(at)?;
        (*known == address && span.length as usize == name.len()).then_some(*span)
    }

    /// Where it stands.
    fn find(&self, name: &str, written: &str) -> Option<Span> {
        let is_it =
            |span: &&Span| span.length as usize == name.len() && written.as_bytes()[span.at as usize..].starts_with(name.as_bytes());
        self.list.iter().map(|(_, span)| span).find(is_it).copied()
    }

    /// Whether there is one at this address.
    fn is_known(&self, name: &str) -> bool {
        let address = name.as_ptr() as usize;
        let near = usize::from(self.places[Names::place(address)]).checked_sub(1);
        let near = near.and_then(|at| self.list.get(at)).is_some_and(|(known, _)| *known == address);
        near || self.list.iter().any(|(known, _)| *known == address)
    }

    fn add(&mut self, name: &str, span: Span) {
        let address = name.as_ptr() as usize;
        self.list.push((address, span));
        self.places[Names::place(address)] = u8::try_from(self.list.len()).unwrap_or(0);
    }
}

/// How much a view has of each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sizes {
    text: usize,
    nodes: usize,
    attributes: usize,
    handlers: usize,
    names: usize,
}

impl Sizes {
    /// Most small views, in less than two pages of memory.
    const SMALL: Sizes = Sizes {
        text: 1_024,
        nodes: 40,
        attributes: 80,
        handlers: 16,
        names: 40,
    };

    fn is_over(&self, room: &Sizes) -> bool {
        self.text > room.text
            || self.nodes > room.nodes
            || self.attributes > room.attributes
            || self.handlers > room.handlers
            || self.names > room.names
    }
}

impl Draft {
    const EMPTY: Draft = Draft {
        tree: Tree::EMPTY,
        links: Vec::new(),
        owners: Vec::new(),
        listeners: Vec::new(),
        names: Names::EMPTY,
        alive: 0,
        room: None,
        measured: None,
    };

    /// Room for a small view, unless there is something already. A larger one is only counted from where it gets too large.
    pub(crate) fn attempt(&mut self) {
        if self.alive == 0 {
            self.reserve(Sizes::SMALL);
            self.room = Some(Sizes::SMALL);
        }
    }

    /// What was counted of one that is gone, if there was no room for it.
    pub(crate) fn measured(&mut self) -> Option<Sizes> {
        let sizes = self.measured?;
        *self = Draft::EMPTY;
        Some(sizes)
    }

    /// Whether it is only counted.
    pub(crate) fn is_measuring(&self) -> bool {
        self.measured.is_some()
    }

    /// Room for a view of that size, unless there is something already.
    pub(crate) fn reserve(&mut self, sizes: Sizes) {
        if self.alive > 0 {
            return;
        }
        self.links.reserve_exact(sizes.nodes);
        self.owners.reserve_exact(sizes.attributes);
        self.listeners.reserve_exact(sizes.handlers);
        self.names.list.reserve_exact(sizes.names);
        self.tree.nodes.reserve_exact(sizes.nodes);
        self.tree.attributes.reserve_exact(sizes.attributes);
        self.tree.handlers.reserve_exact(sizes.handlers);
        self.tree.text.reserve_exact(sizes.text);
    }

    /// How much is written now.
    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            text: self.tree.text.len(),
            nodes: self.tree.nodes.len(),
            attributes: self.tree.attributes.len(),
            handlers: self.tree.handlers.len(),
            names: self.names.list.len(),
        }
    }

    /// A new node, without a parent yet.
    pub(crate) fn add(&mut self, kind: &Name) -> u32 {
        self.alive += 1;
        if self.counts(&[kind], 0, |sizes| sizes.nodes += 1) {
            return NONE;
        }
        let kind = self.name(kind);
        self.tree.nodes.push(Node {
            kind,
            key: Span { at: 0, length: 0 },
            attributes: 0,
            handlers: 0,
            children: 0,
        });
        self.links.push(Links {
            first: NONE,
            last: NONE,
            next: NONE,
        });
        number(self.links.len() - 1)
    }

    /// One element less.
    pub(crate) fn forget(&mut self) {
        self.alive = self.alive.saturating_sub(1);
        if self.alive > 0 || self.measured.is_some() {
            return;
        }
        if self.room.is_some() {
            self.clear();
        } else {
            *self = Draft::EMPTY;
        }
    }

    /// Nothing is in it, but there is as much room.
    fn clear(&mut self) {
        self.tree.text.clear();
        self.tree.nodes.clear();
        self.tree.attributes.clear();
        self.tree.handlers.clear();
        self.links.clear();
        self.owners.clear();
        self.listeners.clear();
        self.names.list.clear();
        self.names.places = [0; PLACES];
    }

    /// For the view of one that is about to go: all of it, unless others are still alive.
    pub(crate) fn take(&mut self) -> Draft {
        if self.alive > 1 {
            return self.clone();
        }
        std::mem::replace(self, Draft { alive: 1, ..Draft::EMPTY })
    }

    fn text(&mut self, text: &str) -> Span {
        let at = number(self.tree.text.len());
        self.tree.text.push_str(text);
        Span {
            at,
            length: number(text.len()),
        }
    }

    /// A text that is likely to come again.
    fn name(&mut self, name: &Name) -> Span {
        if let Cow::Borrowed(constant) = name
            && let Some(span) = self.names.find_constant(constant)
        {
            return span;
        }
        if let Some(span) = self.names.find(name, &self.tree.text) {
            return span;
        }
        let span = self.text(name);
        self.names.add(name, span);
        span
    }

    /// Whether it only counts now; then it has. `text` is the length of what comes beside names.
    fn counts(&mut self, names: &[&str], text: usize, add: fn(&mut Sizes)) -> bool {
        if let Some(room) = &self.room {
            let mut sizes = self.sizes();
            add(&mut sizes);
            // As if no name were known: close to the end one more or less does not matter.
            sizes.text += text + names.iter().map(|name| name.len()).sum::<usize>();
            sizes.names += names.len();
            if sizes.is_over(room) {
                self.room = None;
                self.measured = Some(self.sizes());
            }
        }
        let Some(sizes) = &mut self.measured else { return false };
        add(sizes);
        sizes.text += text;
        for name in names {
            // The same name at two addresses counts twice, which does no harm.
            if !self.names.is_known(name) {
                self.names.add(name, Span { at: 0, length: 0 });
                sizes.names += 1;
                sizes.text += name.len();
            }
        }
        true
    }

    pub(crate) fn put(&mut self, node: u32, name: &Name, value: Scalar) {
        let text = if let Scalar::Text(text) = &value { text.len() } else { 0 };
        if self.counts(&[name], text, |sizes| sizes.attributes += 1) {
            return;
        }
        let value = match value {
            Scalar::Flag(flag) => Value::Flag(flag),
            Scalar::Integer(number) => Value::Integer(number),
            Scalar::Number(number) => Value::Number(number),
            // An empty text says as much as none, and costs as much as a full one; a field's value may be empty on purpose.
            Scalar::Text(text) if text.is_empty() && *name != "value" => return self.take_back(node, name),
            Scalar::Text(text) => Value::Text(self.text(&text)),
        };
        self.put_value(node, name, value);
    }

    /// A text of the SDK's own as the value.
    pub(crate) fn put_word(&mut self, node: u32, name: &Name, word: &Name) {
        if self.counts(&[name, word], 0, |sizes| sizes.attributes += 1) {
            return;
        }
        let word = self.name(word);
        self.put_value(node, name, Value::Text(word));
    }

    /// Set twice, the last one counts.
    fn put_value(&mut self, node: u32, name: &Name, value: Value) {
        let name = self.name(name);
        if let Some(at) = self.find(node, name) {
            self.tree.attributes[at].value = value;
            return;
        }
        self.tree.attributes.push(Attribute { name, value });
        self.owners.push(node);
        self.tree.nodes[node as usize].attributes += 1;
    }

    fn take_back(&mut self, node: u32, name: &Name) {
        let name = self.name(name);
        if let Some(at) = self.find(node, name) {
            self.owners[at] = NONE;
            self.tree.nodes[node as usize].attributes -= 1;
        }
    }

    fn find(&self, node: u32, name: Span) -> Option<usize> {
        // From the end: nearly always the node was made last.
        let mut left = self.tree.nodes[node as usize].attributes;
        for (at, owner) in self.owners.iter().enumerate().rev() {
            if left == 0 {
                break;
            }
            if *owner == node {
                left -= 1;
                if self.tree.attributes[at].name.at == name.at {
                    return Some(at);
                }
            }
        }
        None
    }

    pub(crate) fn put_key(&mut self, node: u32, key: &str) {
        if self.counts(&[], key.len(), |_| {}) {
            return;
        }
        let key = self.text(key);
        self.tree.nodes[node as usize].key = key;
    }

    /// The id of a new handler.
    pub(crate) fn listen(&mut self, node: u32, event: &Name) -> u32 {
        if self.counts(&[event], 0, |sizes| sizes.handlers += 1) {
            return 0;
        }
        let event = self.name(event);
        let id = number(self.listeners.len() + 1);
        self.tree.handlers.push(Handler { event, id });
        self.listeners.push(node);
        self.tree.nodes[node as usize].handlers += 1;
        id
    }

    pub(crate) fn adopt(&mut self, parent: u32, child: u32) {
        if self.measured.is_some() {
            return;
        }
        self.tree.nodes[parent as usize].children += 1;
        let last = std::mem::replace(&mut self.links[parent as usize].last, child);
        match self.links.get_mut(last as usize) {
            Some(before) => before.next = child,
            None => self.links[parent as usize].first = child,
        }
    }

    fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let mut next = self.links[node as usize].first;
        std::iter::from_fn(move || {
            let child = next;
            next = self.links.get(child as usize)?.next;
            Some(child)
        })
    }

    /// That subtree in document order; the rest goes.
    pub(crate) fn tree_of(self, root: u32) -> Tree {
        let mut places = vec![NONE; self.links.len()];
        let mut kept = 0;
        self.number_below(root, &mut places, &mut kept);
        for (place, beyond) in places.iter_mut().filter(|place| **place == NONE).zip(kept..) {
            *place = beyond;
        }
        let Draft {
            mut tree,
            links,
            mut owners,
            mut listeners,
            ..
        } = self;
        drop(links);
        let in_order = |count: fn(&Node) -> u32| {
            let mut counts = vec![0; kept as usize];
            for (node, place) in tree.nodes.iter().zip(&places) {
                if let Some(slot) = counts.get_mut(*place as usize) {
                    *slot = count(node);
                }
            }
            counts
        };
        let (attributes, handlers) = (in_order(|node| node.attributes), in_order(|node| node.handlers));
        arrange(&mut tree.attributes, &mut owners, &places, attributes);
        arrange(&mut tree.handlers, &mut listeners, &places, handlers);
        permute(&mut tree.nodes, &mut places);
        tree.nodes.truncate(kept as usize);
        tree
    }

    fn number_below(&self, node: u32, places: &mut [u32], next: &mut u32) {
        places[node as usize] = *next;
        *next += 1;
        for child in self.children(node) {
            self.number_below(child, places, next);
        }
    }
}

/// Brings what nodes own into the order of their places. `counts` says how much each place has; what no place has goes.
fn arrange<T>(items: &mut Vec<T>, owners: &mut [u32], places: &[u32], counts: Vec<u32>) {
    let mut starts = counts;
    let mut total = 0;
    for start in &mut starts {
        let count = std::mem::replace(start, total);
        total += count;
    }
    let mut beyond = total;
    for owner in &mut *owners {
        let start = places.get(*owner as usize).and_then(|place| starts.get_mut(*place as usize));
        let next = start.unwrap_or(&mut beyond);
        *owner = *next;
        *next += 1;
    }
    permute(items, owners);
    items.truncate(total as usize);
}

/// Moves each item to where `to` says.
fn permute<T>(items: &mut [T], to: &mut [u32]) {
    for at in 0..items.len() {
        while to[at] as usize != at {
            let other = to[at] as usize;
            items.swap(at, other);
            to.swap(at, other);
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}
