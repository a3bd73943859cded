//! A view as it stands in memory when it crosses the boundary: lists that the host reads where they are.
//!
//! The generated bindings would copy each attribute into another list, so this one export of the contract is written by hand. The layouts are
//! those of the component model's canonical ABI; a test holds their sizes and places against it.

use crate::bindings::youji::miniapp::types::{Handler, Node, Span};

/// The contract's `attribute-value`.
#[derive(Clone, Copy, Debug)]
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

/// The contract's `attribute`. The host reads no padding, so what the draft has to know about one stands there.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Attribute {
    /// Where its name stands.
    pub name: Span,
    /// The number of the value's case.
    case: u8,
    /// Whose it is.
    pub(crate) owner: u32,
    /// What the case holds, from the first byte.
    payload: u64,
}

impl Attribute {
    pub(crate) fn new(owner: u32, name: Span, value: Value) -> Self {
        let mut attribute = Attribute {
            name,
            case: 0,
            owner,
            payload: 0,
        };
        attribute.set(value);
        attribute
    }

    pub(crate) fn set(&mut self, value: Value) {
        (self.case, self.payload) = match value {
            Value::Flag(flag) => (0, flag.into()),
            Value::Integer(number) => (1, number.cast_unsigned()),
            Value::Number(number) => (2, number.to_bits()),
            Value::Text(Span { at, length }) => (3, u64::from(length) << 32 | u64::from(at)),
        };
    }

    /// What it says.
    pub fn value(&self) -> Value {
        let (low, high) = (self.payload as u32, (self.payload >> 32) as u32);
        match self.case {
            0 => Value::Flag(low != 0),
            1 => Value::Integer(self.payload.cast_signed()),
            2 => Value::Number(f64::from_bits(self.payload)),
            _ => Value::Text(Span { at: low, length: high }),
        }
    }
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
        let attribute = (size_of::<Attribute>(), offset_of!(Attribute, name), align_of::<Attribute>());
        assert_eq!(attribute, (24, 0, 8));
        assert_eq!((offset_of!(Attribute, case), offset_of!(Attribute, payload)), (8, 16));
    }

    #[test]
    fn a_value_is_what_was_put() {
        let name = Span { at: 7, length: 9 };
        let text = Span {
            at: 0x0102_0304,
            length: 5,
        };
        for value in [Value::Flag(true), Value::Integer(-3), Value::Number(-0.5), Value::Text(text)] {
            let read = Attribute::new(1, name, value).value();
            assert_eq!(format!("{read:?}"), format!("{value:?}"));
        }
        // As the host reads it: little-endian, the text's place before its length.
        let payload = Attribute::new(1, name, Value::Text(text)).payload.to_le_bytes();
        assert_eq!(payload, [4, 3, 2, 1, 5, 0, 0, 0]);
    }
}
