//! What a session tells its screens. [`Update`] serialises to a frame of the session protocol.

use crate::receipt::Ended;
use crate::view::Packed;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, SerializeTuple, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use youji_api::Scalar;

/// Name of a widget, attribute or event: one of the table's, or the program's own.
pub type Name = Cow<'static, str>;

/// One frame, host to page.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "t", rename_all = "camelCase")]
pub enum Update {
    /// The whole view.
    Full(Arc<FullUpdate>),
    /// What changed since the view of `base`.
    Patch(Arc<PatchUpdate>),
    /// A host call has passed the gate.
    Call(CallUpdate),
    /// What the session uses.
    Usage(UsageUpdate),
    /// The session is over; nothing follows.
    Ended(Arc<Ended>),
}

/// The whole view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FullUpdate {
    /// Number of this view.
    pub seq: u64,
    /// In document order.
    pub tree: WireTree,
    /// Path of the page on top.
    pub path: Arc<str>,
    /// Pages on the stack.
    pub depth: usize,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PatchUpdate {
    /// Number of the view that results.
    pub seq: u64,
    /// Number of the view that it applies to.
    pub base: u64,
    /// Path of the page on top.
    pub path: Arc<str>,
    /// Pages on the stack.
    pub depth: usize,
    /// In order.
    pub ops: Vec<Op>,
}

/// The nodes of a view, shared with the session that keeps it: as they go over the wire they are made only when somebody looks.
#[derive(Clone)]
pub struct WireTree(pub(crate) Arc<Packed>);

impl WireTree {
    /// How many nodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none; a view has a root.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In document order.
    pub fn iter(&self) -> impl Iterator<Item = WireNode> {
        self.0.open().into_wire()
    }
}

impl PartialEq for WireTree {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for WireTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for WireTree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A node with its stable number.
#[derive(Clone, Debug, PartialEq)]
pub struct WireNode {
    /// Stable while the node stays, unique in the session.
    pub id: u32,
    /// Name of the widget.
    pub kind: Name,
    /// By name.
    pub attributes: Vec<(Name, Scalar)>,
    /// Codes that the program listens for.
    pub events: Vec<Name>,
    /// How many of the following subtrees are children.
    pub children: u32,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Attributes; none: removed.
    Set {
        /// Of which node.
        id: u32,
        /// New values.
        attributes: Vec<(Name, Option<Scalar>)>,
    },
    /// The program listens for these now.
    On {
        /// On which node.
        id: u32,
        /// Codes.
        events: Vec<Name>,
    },
    /// A new subtree.
    Insert {
        /// Below which node.
        parent: u32,
        /// Becomes the child of that index.
        index: u32,
        /// In document order.
        nodes: Vec<WireNode>,
    },
    /// A node and what is below it.
    Remove {
        /// Which.
        id: u32,
    },
    /// A node and what is below it, to another place.
    Move {
        /// Which.
        id: u32,
        /// Below which node.
        parent: u32,
        /// Its index after it was taken out.
        index: u32,
    },
}

/// A host call, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallUpdate {
    /// Such as "payment.pay".
    pub name: String,
    /// How long it took, in microseconds.
    pub us: u64,
    /// Whether it was carried out.
    pub ok: bool,
    /// Of the failure; empty when there is none.
    pub code: String,
    /// Calls that were not reported before this one.
    pub skipped: u64,
}

/// What a session uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageUpdate {
    /// Linear memories.
    pub memory_bytes: u64,
    /// CPU time so far.
    pub cpu_us: u64,
    /// Host calls so far.
    pub calls: u64,
    /// Nodes of the view.
    pub nodes: u64,
    /// Events handled so far.
    pub events: u64,
    /// The retained tree.
    pub tree_bytes: u64,
}

struct Attributes<'a>(&'a [(Name, Scalar)]);
impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

struct Changes<'a>(&'a [(Name, Option<Scalar>)]);
impl Serialize for Changes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for WireNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("a", &Attributes(&self.attributes))?;
        map.serialize_entry("on", &self.events)?;
        map.serialize_entry("n", &self.children)?;
        map.end()
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Op::Set { id, attributes } => {
                let mut op = serializer.serialize_tuple(3)?;
                op.serialize_element("set")?;
                op.serialize_element(id)?;
                op.serialize_element(&Changes(attributes))?;
                op.end()
            }
            Op::On { id, events } => ("on", id, events).serialize(serializer),
            Op::Insert { parent, index, nodes } => ("insert", parent, index, nodes).serialize(serializer),
            Op::Remove { id } => {
                let mut op = serializer.serialize_seq(Some(2))?;
                op.serialize_element("remove")?;
                op.serialize_element(id)?;
                op.end()
            }
            Op::Move { id, parent, index } => ("move", id, parent, index).serialize(serializer),
        }
    }
}
