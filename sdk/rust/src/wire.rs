//! A view as it stands in memory when it crosses the boundary: lists that the host reads where they are.
//!
//! The generated bindings would copy each attribute into another list, so this one export of the contract is written by hand. The layouts are
//! those of the component model's canonical ABI; a test holds their sizes and places against it.

use crate::bindings::youji::miniapp::types::{Handler, Node, Span};

/// The contract's `attribute-value`: the number of the case in a byte, what it holds at the next multiple of eight.
#[derive(Clone, Copy, Debug)]
#[repr(C, u8)]
pub enum Value {
    /// The first case.
    Flag(bool),
    /// The second.
    Integer(i64),
    /// The third.
    Number(f64),
    /// The last.
    Text(Span),
}

/// The contract's `attribute`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Attribute {
    /// Where its name stands.
    pub name: Span,
    /// What it says.
    pub value: Value,
}

/// The contract's `tree`.
#[derive(Clone, Debug)]
pub struct Tree {
    /// All texts.
    pub text: String,
    /// In document order.
    pub nodes: Vec<Node>,
    /// In the order of the nodes.
    pub attributes: Vec<Attribute>,
    /// In the order of the nodes.
    pub handlers: Vec<Handler>,
}

impl Tree {
    /// Nothing at all.
    pub const EMPTY: Tree = Tree {
        text: String::new(),
        nodes: Vec::new(),
        attributes: Vec::new(),
        handlers: Vec::new(),
    };

    /// Address and length of each list, as the canonical ABI wants the result of `view`.
    pub fn places(&self) -> [usize; 8] {
        [
            self.text.as_ptr().expose_provenance(),
            self.text.len(),
            self.nodes.as_ptr().expose_provenance(),
            self.nodes.len(),
            self.attributes.as_ptr().expose_provenance(),
            self.attributes.len(),
            self.handlers.as_ptr().expose_provenance(),
            self.handlers.len(),
        ]
    }
}

impl Default for Tree {
    fn default() -> Self {
        Tree::EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn layouts_are_those_of_the_canonical_abi() {
        assert_eq!((size_of::<Span>(), offset_of!(Span, at), offset_of!(Span, length)), (8, 0, 4));
        assert_eq!(
            (size_of::<Handler>(), offset_of!(Handler, event), offset_of!(Handler, id)),
            (12, 0, 8)
        );
        assert_eq!((size_of::<Node>(), offset_of!(Node, kind), offset_of!(Node, key)), (28, 0, 8));
        let counts = (offset_of!(Node, attributes), offset_of!(Node, handlers), offset_of!(Node, children));
        assert_eq!(counts, (16, 20, 24));
        let attribute = (size_of::<Attribute>(), offset_of!(Attribute, name), offset_of!(Attribute, value));
        assert_eq!((attribute, size_of::<Value>(), align_of::<Value>()), ((24, 0, 8), 16, 8));
    }
}
