//! A view: nodes in document order, and what is refused in one.

use crate::limits::Limits;
use crate::value::Scalar;
use thiserror::Error;

/// Where a text stands in [`View::text`], in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Its first byte.
    pub at: u32,
    /// How many.
    pub length: u32,
}

/// A value in a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Number(f64),
    /// A text.
    Text(Span),
}

/// An attribute of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute {
    /// Such as "label".
    pub name: Span,
    /// Its value.
    pub value: Value,
}

/// What a program listens for on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Code of the event, such as "tap".
    pub event: Span,
    /// The program's own number for it.
    pub id: u32,
}

/// One widget; it takes its attributes, handlers and children from those that no node before it has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name of the widget; see [`crate::widgets`].
    pub kind: Span,
    /// Identity among siblings across views; empty: by position and kind.
    pub key: Span,
    /// How many attributes are its own.
    pub attributes: u32,
    /// How many handlers are its own.
    pub handlers: u32,
    /// How many of the following subtrees are children.
    pub children: u32,
}

/// A view as a program hands it over, unchecked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// All texts.
    pub text: String,
    /// In document order.
    pub nodes: Vec<Node>,
    /// In the order of their nodes.
    pub attributes: Vec<Attribute>,
    /// In the order of their nodes.
    pub handlers: Vec<Handler>,
}

impl View {
    /// Appends a text.
    pub fn span(&mut self, text: &str) -> Span {
        let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push_str(text);
        Span {
            at,
            length: u32::try_from(text.len()).unwrap_or(u32::MAX),
        }
    }

    /// Appends a node with its attributes and handlers, whose children follow.
    pub fn push<'a>(
        &mut self,
        (kind, key, children): (&str, &str, u32),
        attributes: impl IntoIterator<Item = (&'a str, Scalar)>,
        handlers: impl IntoIterator<Item = (&'a str, u32)>,
    ) {
        let mut node = Node {
            kind: self.span(kind),
            key: self.span(key),
            attributes: 0,
            handlers: 0,
            children,
        };
        for (name, value) in attributes {
            let name = self.span(name);
            let value = match value {
                Scalar::Flag(flag) => Value::Flag(flag),
                Scalar::Integer(number) => Value::Integer(number),
                Scalar::Number(number) => Value::Number(number),
                Scalar::Text(text) => Value::Text(self.span(&text)),
            };
            self.attributes.push(Attribute { name, value });
            node.attributes += 1;
        }
        for (event, id) in handlers {
            let event = self.span(event);
            self.handlers.push(Handler { event, id });
            node.handlers += 1;
        }
        self.nodes.push(node);
    }

    /// The text that stands there; none if it is not within the view's texts.
    pub fn str(&self, span: Span) -> Option<&str> {
        let at = span.at as usize;
        self.text.get(at..at.checked_add(span.length as usize)?)
    }
}

/// A whole view: one root, every count satisfied, within the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    view: View,
}

/// Why a view was refused; the session ends, since its program is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TreeError {
    /// No node at all.
    #[error("the view is empty: it needs one root node, of kind \"page\"")]
    Empty,
    /// Over [`Limits::nodes`].
    #[error("the view has {found} nodes; the limit is {limit}. Show long lists in windows")]
    TooManyNodes {
        /// How many came.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Over [`Limits::depth`].
    #[error("node {node} is {found} deep; the limit is {limit}")]
    TooDeep {
        /// Its index in document order.
        node: usize,
        /// Its depth; the root has 1.
        found: usize,
        /// What is allowed.
        limit: usize,
    },
    /// Over [`Limits::tree_bytes`], counted by what nodes refer to: a text that stands in two attributes counts twice.
    #[error("the view has {found} bytes; the limit is {limit}")]
    TooLarge {
        /// How many came.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A text that is not within the view's texts, or cuts a character.
    #[error("the {what} of node {node} is the text at {at}, {length} bytes, which the view's texts don't have")]
    NoText {
        /// Index of the node.
        node: usize,
        /// "kind", "key", "attribute" or "handler".
        what: &'static str,
        /// Where it would stand.
        at: u32,
        /// How long it would be.
        length: u32,
    },
    /// Nodes take more or fewer attributes or handlers than there are.
    #[error("the nodes count {promised} {what}, but the view has {found}")]
    Uneven {
        /// "attributes" or "handlers".
        what: &'static str,
        /// The sum of what nodes count.
        promised: u64,
        /// How many came.
        found: usize,
    },
    /// Child counts and nodes don't match.
    #[error("node {node} (\"{kind}\") promises more children than follow")]
    MissingChildren {
        /// Its index in document order.
        node: usize,
        /// Its kind.
        kind: String,
    },
    /// Nodes follow after the root's last child.
    #[error("node {node} (\"{kind}\") stands outside the root")]
    SecondRoot {
        /// Its index in document order.
        node: usize,
        /// Its kind.
        kind: String,
    },
    /// Two siblings with one key.
    #[error("two siblings have the key \"{key}\"; keys must differ (node {node})")]
    DuplicateKey {
        /// Index of the second.
        node: usize,
        /// The key.
        key: String,
    },
    /// A number that is not finite.
    #[error("attribute \"{name}\" of node {node} is not a finite number")]
    NotFinite {
        /// Index of the node.
        node: usize,
        /// Name of the attribute.
        name: String,
    },
}

impl Tree {
    /// Checks shape and limits. What a widget's attributes mean is not checked here: an unknown kind
    /// or attribute is no error, so that a program may be newer than its host.
    ///
    /// # Errors
    /// The first thing that is wrong, with the index of its node.
    pub fn new(view: View, limits: &Limits) -> Result<Self, TreeError> {
        if view.nodes.is_empty() {
            return Err(TreeError::Empty);
        }
        if view.nodes.len() > limits.nodes {
            return Err(TreeError::TooManyNodes {
                found: view.nodes.len(),
                limit: limits.nodes,
            });
        }
        check_size(&view, limits)?;
        check_counts(&view)?;
        check_texts(&view)?;
        check_shape(&view, limits)?;
        Ok(Tree { view })
    }

    /// In document order; the first is the root.
    pub fn nodes(&self) -> &[Node] {
        &self.view.nodes
    }

    /// Of all nodes, in their order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.view.attributes
    }

    /// Of all nodes, in their order.
    pub fn handlers(&self) -> &[Handler] {
        &self.view.handlers
    }

    /// The text that stands there.
    pub fn str(&self, span: Span) -> &str {
        self.view.str(span).unwrap_or("")
    }
}

fn check_size(view: &View, limits: &Limits) -> Result<(), TreeError> {
    let length = |span: Span| span.length as usize;
    let value = |value: Value| if let Value::Text(text) = value { length(text) } else { 0 };
    let nodes: usize = view.nodes.iter().map(|node| length(node.kind) + length(node.key) + 4).sum();
    let attributes: usize = view.attributes.iter().map(|one| length(one.name) + value(one.value) + 8).sum();
    let handlers: usize = view.handlers.iter().map(|one| length(one.event) + 4).sum();
    let found = (nodes + attributes + handlers).max(view.text.len());
    if found > limits.tree_bytes {
        return Err(TreeError::TooLarge {
            found,
            limit: limits.tree_bytes,
        });
    }
    Ok(())
}

fn check_counts(view: &View) -> Result<(), TreeError> {
    let even = |what, promised: u64, found: usize| {
        if promised == found as u64 {
            Ok(())
        } else {
            Err(TreeError::Uneven { what, promised, found })
        }
    };
    let attributes = view.nodes.iter().map(|node| u64::from(node.attributes)).sum();
    even("attributes", attributes, view.attributes.len())?;
    let handlers = view.nodes.iter().map(|node| u64::from(node.handlers)).sum();
    even("handlers", handlers, view.handlers.len())
}

fn check_texts(view: &View) -> Result<(), TreeError> {
    let (mut attributes, mut handlers) = (view.attributes.iter(), view.handlers.iter());
    for (node, head) in view.nodes.iter().enumerate() {
        let check = |what, span: Span| {
            view.str(span).ok_or(TreeError::NoText {
                node,
                what,
                at: span.at,
                length: span.length,
            })
        };
        check("kind", head.kind)?;
        check("key", head.key)?;
        for attribute in attributes.by_ref().take(head.attributes as usize) {
            let name = check("attribute", attribute.name)?;
            match attribute.value {
                Value::Text(text) => {
                    check("attribute", text)?;
                }
                Value::Number(number) if !number.is_finite() => {
                    let name = name.to_owned();
                    return Err(TreeError::NotFinite { node, name });
                }
                _ => {}
            }
        }
        for handler in handlers.by_ref().take(head.handlers as usize) {
            check("handler", handler.event)?;
        }
    }
    Ok(())
}

fn check_shape(view: &View, limits: &Limits) -> Result<(), TreeError> {
    let text = |span| view.str(span).unwrap_or("");
    let kind = |node: usize| text(view.nodes[node].kind).to_owned();
    let mut keyed: Vec<(usize, &str, usize)> = Vec::new();
    let mut open: Vec<(usize, u32)> = Vec::with_capacity(limits.depth.min(64));
    for (node, head) in view.nodes.iter().enumerate() {
        while open.last().is_some_and(|(_, left)| *left == 0) {
            open.pop();
        }
        let parent = open.last().map_or(usize::MAX, |(parent, _)| *parent);
        match open.last_mut() {
            Some((_, left)) => *left -= 1,
            None if node > 0 => return Err(TreeError::SecondRoot { node, kind: kind(node) }),
            None => {}
        }
        open.push((node, head.children));
        if open.len() > limits.depth {
            return Err(TreeError::TooDeep {
                node,
                found: open.len(),
                limit: limits.depth,
            });
        }
        if head.key.length > 0 {
            keyed.push((parent, text(head.key), node));
        }
    }
    if let Some((node, _)) = open.iter().find(|(_, left)| *left > 0) {
        return Err(TreeError::MissingChildren {
            node: *node,
            kind: kind(*node),
        });
    }
    keyed.sort_unstable();
    match keyed.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].1 == pair[1].1) {
        Some(pair) => Err(TreeError::DuplicateKey {
            node: pair[1].2,
            key: pair[1].1.to_owned(),
        }),
        None => Ok(()),
    }
}
