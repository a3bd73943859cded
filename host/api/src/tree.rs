//! A view: nodes in document order, and what is refused in one.

use crate::limits::Limits;
use crate::value::{Fields, Scalar};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a program listens for on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handler {
    /// Code of the event, such as "tap".
    pub event: String,
    /// The program's own number for it.
    pub id: u32,
}

/// One widget; its children are the next [`children`](Node::children) subtrees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Name of the widget; see [`crate::widgets`].
    pub kind: String,
    /// Identity among siblings across views; empty: by position and kind.
    pub key: String,
    /// By name.
    pub attributes: Fields,
    /// At most one an event.
    pub handlers: Vec<Handler>,
    /// How many of the following subtrees are children.
    pub children: u32,
}

impl Node {
    /// A node without attributes, handlers or children.
    pub fn new(kind: &str) -> Self {
        Node {
            kind: kind.to_owned(),
            key: String::new(),
            attributes: Fields::new(),
            handlers: Vec::new(),
            children: 0,
        }
    }

    fn bytes(&self) -> usize {
        self.kind.len()
            + self.key.len()
            + self.attributes.iter().map(|(n, v)| n.len() + 8 + v.heap_bytes()).sum::<usize>()
            + self.handlers.iter().map(|h| h.event.len() + 4).sum::<usize>()
            + 4
    }
}

/// A whole view: one root, every child count satisfied, within the limits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tree {
    nodes: Vec<Node>,
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
    /// Over [`Limits::tree_bytes`].
    #[error("the view has {found} bytes of text; the limit is {limit}")]
    TooLarge {
        /// How many came.
        found: usize,
        /// How many are allowed.
        limit: usize,
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
    pub fn new(nodes: Vec<Node>, limits: &Limits) -> Result<Self, TreeError> {
        if nodes.is_empty() {
            return Err(TreeError::Empty);
        }
        if nodes.len() > limits.nodes {
            return Err(TreeError::TooManyNodes {
                found: nodes.len(),
                limit: limits.nodes,
            });
        }
        let bytes: usize = nodes.iter().map(Node::bytes).sum();
        if bytes > limits.tree_bytes {
            return Err(TreeError::TooLarge {
                found: bytes,
                limit: limits.tree_bytes,
            });
        }
        let mut open: Vec<(usize, u32)> = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            while open.last().is_some_and(|(_, left)| *left == 0) {
                open.pop();
            }
            match open.last_mut() {
                Some((_, left)) => *left -= 1,
                None if index > 0 => {
                    return Err(TreeError::SecondRoot {
                        node: index,
                        kind: node.kind.clone(),
                    });
                }
                None => {}
            }
            open.push((index, node.children));
            if open.len() > limits.depth {
                return Err(TreeError::TooDeep {
                    node: index,
                    found: open.len(),
                    limit: limits.depth,
                });
            }
            for (name, value) in node.attributes.iter() {
                if matches!(value, Scalar::Number(number) if !number.is_finite()) {
                    return Err(TreeError::NotFinite {
                        node: index,
                        name: name.to_owned(),
                    });
                }
            }
        }
        if let Some((node, _)) = open.iter().find(|(_, left)| *left > 0) {
            return Err(TreeError::MissingChildren {
                node: *node,
                kind: nodes[*node].kind.clone(),
            });
        }
        let tree = Tree { nodes };
        tree.check_keys()?;
        Ok(tree)
    }

    fn check_keys(&self) -> Result<(), TreeError> {
        let mut keyed: Vec<(usize, &str, usize)> = Vec::new();
        let mut open: Vec<(usize, u32)> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            while open.last().is_some_and(|(_, left)| *left == 0) {
                open.pop();
            }
            let parent = open.last().map_or(usize::MAX, |(parent, _)| *parent);
            if let Some((_, left)) = open.last_mut() {
                *left -= 1;
            }
            if !node.key.is_empty() {
                keyed.push((parent, &node.key, index));
            }
            open.push((index, node.children));
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

    /// In document order; the first is the root.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Gives the nodes away.
    pub fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }
}
