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
/// Set in a number that is a place already.
const PLACED: u32 = 1 << 31;
/// Places of names that were written, found by their address. A power of two.
const PLACES: usize = 64;

thread_local! {
    pub(crate) static DRAFT: RefCell<Draft> = const { RefCell::new(Draft::EMPTY) };
}

/// Does something to this thread's draft.
pub(crate) fn draft<T>(change: impl FnOnce(&mut Draft) -> T) -> T {
    DRAFT.with_borrow_mut(change)
}

/// All elements that are alive, in the order in which they were made.
#[derive(Clone)]
pub(crate) struct Draft {
    /// Children of a node are a ring while it is built: `children` is the last of them, `handlers` the node's next sibling, after the last
    /// one the first. What these say in the end is counted in [`Draft::tree_of`].
    tree: Tree,
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
    /// Most small views, in little more than a page of memory.
    const SMALL: Sizes = Sizes {
        text: 960,
        nodes: 40,
        attributes: 72,
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
        self.listeners.reserve_exact(sizes.handlers);
        // Of two numbers and an address each. In the end a number for each node takes their place.
        self.names.list.reserve_exact(sizes.names.max(sizes.nodes.div_ceil(3) + 1));
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
            handlers: NONE,
            children: NONE,
        });
        number(self.tree.nodes.len() - 1)
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
        let text = if let Scalar::Text(text) = &value { Some(text.len()) } else { None };
        let says_nothing = text == Some(0) && *name != "value";
        let counted = if says_nothing {
            self.counts(&[name], 0, |_| {})
        } else {
            self.counts(&[name], text.unwrap_or(0), |sizes| sizes.attributes += 1)
        };
        if counted {
            return;
        }
        let value = match value {
            Scalar::Flag(flag) => Value::Flag(flag),
            Scalar::Integer(number) => Value::Integer(number),
            Scalar::Number(number) => Value::Number(number),
            // An empty text says as much as none, and costs as much as a full one; a field's value may be empty on purpose.
            Scalar::Text(_) if says_nothing => return self.take_back(node, name),
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
            self.tree.attributes[at].set(value);
            return;
        }
        self.tree.attributes.push(Attribute::new(node, name, value));
        self.tree.nodes[node as usize].attributes += 1;
    }

    fn take_back(&mut self, node: u32, name: &Name) {
        let name = self.name(name);
        if let Some(at) = self.find(node, name) {
            self.tree.attributes[at].owner = NONE;
            self.tree.nodes[node as usize].attributes -= 1;
        }
    }

    fn find(&self, node: u32, name: Span) -> Option<usize> {
        // From the end: nearly always the node was made last.
        let mut left = self.tree.nodes[node as usize].attributes;
        for (at, attribute) in self.tree.attributes.iter().enumerate().rev() {
            if left == 0 {
                break;
            }
            if attribute.owner == node {
                left -= 1;
                if attribute.name.at == name.at {
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
        id
    }

    pub(crate) fn adopt(&mut self, parent: u32, child: u32) {
        if self.measured.is_some() {
            return;
        }
        let nodes = &mut self.tree.nodes;
        let last = std::mem::replace(&mut nodes[parent as usize].children, child);
        let first = match nodes.get_mut(last as usize) {
            Some(before) => std::mem::replace(&mut before.handlers, child),
            None => child,
        };
        nodes[child as usize].handlers = first;
    }

    /// That subtree in document order; the rest goes.
    pub(crate) fn tree_of(self, root: u32) -> Tree {
        let Draft {
            mut tree,
            mut listeners,
            names,
            ..
        } = self;
        // What is counted takes its place.
        drop(names);
        let nodes = &mut tree.nodes;
        let mut next = 0;
        number_below(nodes, root, &mut next);
        let kept = next as usize;
        for node in nodes.iter_mut().filter(|node| node.handlers == NONE || node.handlers & PLACED == 0) {
            node.handlers = next | PLACED;
            next += 1;
        }
        let place = |nodes: &[Node], owner: &u32| nodes.get(*owner as usize).map_or(NONE, |node| node.handlers & !PLACED);
        tree.attributes.iter_mut().for_each(|one| one.owner = place(nodes, &one.owner));
        listeners.iter_mut().for_each(|listener| *listener = place(nodes, listener));
        for at in 0..nodes.len() {
            while nodes[at].handlers != number(at) | PLACED {
                let other = nodes[at].handlers & !PLACED;
                nodes.swap(at, other as usize);
            }
            nodes[at].handlers = 0;
        }
        nodes.truncate(kept);
        for listener in &listeners {
            if let Some(node) = nodes.get_mut(*listener as usize) {
                node.handlers += 1;
            }
        }
        let total = arrange(tree.attributes.iter_mut().map(|one| &mut one.owner), nodes, |node| node.attributes);
        for at in 0..tree.attributes.len() {
            while tree.attributes[at].owner as usize != at {
                let other = tree.attributes[at].owner as usize;
                tree.attributes.swap(at, other);
            }
        }
        tree.attributes.truncate(total);
        let total = arrange(listeners.iter_mut(), nodes, |node| node.handlers);
        for at in 0..listeners.len() {
            while listeners[at] as usize != at {
                let other = listeners[at] as usize;
                tree.handlers.swap(at, other);
                listeners.swap(at, other);
            }
        }
        tree.handlers.truncate(total);
        tree
    }
}

/// Writes the place of each node of a subtree where its next sibling stood, and how many children it has where the last one stood.
fn number_below(nodes: &mut [Node], node: u32, next: &mut u32) {
    nodes[node as usize].handlers = *next | PLACED;
    *next += 1;
    let last = std::mem::replace(&mut nodes[node as usize].children, 0);
    let Some(before) = nodes.get(last as usize) else { return };
    let mut child = before.handlers;
    loop {
        let after = nodes[child as usize].handlers;
        number_below(nodes, child, next);
        nodes[node as usize].children += 1;
        if child == last {
            return;
        }
        child = after;
    }
}

/// Makes of the place of each thing's node its own place: `count` says how much a node has. What no node has comes behind all others;
/// answers how much is before it.
fn arrange<'a>(owners: impl Iterator<Item = &'a mut u32>, nodes: &[Node], count: fn(&Node) -> u32) -> usize {
    let mut total = 0;
    let start = |node: &Node| {
        let start = total;
        total += count(node);
        start
    };
    let mut starts: Vec<u32> = nodes.iter().map(start).collect();
    let mut beyond = total;
    for owner in owners {
        let next = starts.get_mut(*owner as usize).unwrap_or(&mut beyond);
        *owner = *next;
        *next += 1;
    }
    total as usize
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(NONE)
}
