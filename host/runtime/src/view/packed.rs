//! A view while nobody looks at it, in half of the memory: a thousand sessions keep theirs. It is read from the first byte to the last.

use super::retained::{Parts, Retained, Text, Value};
use std::borrow::Cow;

/// A view that the host keeps.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// Numbers in LEB128. For each node its kind, key, number less the one expected after the last node's, children, and how many
    /// attributes and handlers it has; then these.
    code: Box<[u8]>,
    /// The texts that are no words of the table, one after the other.
    text: Box<str>,
    nodes: u32,
}

/// What the lowest two bits of a value say.
mod kind {
    pub(super) const TEXT: u64 = 0;
    pub(super) const INTEGER: u64 = 1;
    pub(super) const FLAG: u64 = 2;
    /// Eight bytes follow: an integer (0) or a number (1).
    pub(super) const BITS: u64 = 3;
}

impl Packed {
    pub(crate) fn new(view: &Retained<'_>) -> Self {
        let mut out = Writer {
            view,
            // Few nodes and attributes take more.
            code: Vec::with_capacity(view.len() * 24),
        };
        let mut expected = 1;
        for index in 0..view.len() {
            let record = view.record(index);
            out.text(record.kind);
            out.text(record.key);
            out.number(zigzag(i64::from(record.id) - i64::from(expected)));
            expected = record.id.wrapping_add(1);
            out.number(record.children.into());
            let (attributes, handlers) = (view.attributes(index), view.handlers(index));
            out.number(attributes.len() as u64);
            out.number(handlers.len() as u64);
            for (name, value) in attributes {
                out.text(*name);
                out.value(*value);
            }
            for (event, id) in handlers {
                out.text(*event);
                out.number((*id).into());
            }
        }
        Packed {
            code: out.code.into(),
            text: view.texts().into(),
            nodes: u32::try_from(view.len()).unwrap_or(u32::MAX),
        }
    }

    /// To look at it, or to compare it with the next one.
    pub(crate) fn open(&self) -> Retained<'_> {
        let nodes = self.nodes as usize;
        let mut parts = Parts::with_capacity(nodes);
        let mut code = Reader { code: &self.code, ends: 0 };
        let mut expected = 1_u32;
        for _ in 0..nodes {
            let (kind, key) = (code.text(&mut parts), code.text(&mut parts));
            let id = i64::from(expected) + unzigzag(code.number());
            let id = u32::try_from(id).unwrap_or(0);
            expected = id.wrapping_add(1);
            let children = code.small();
            let (attributes, handlers) = (code.small(), code.small());
            parts.node(id, kind, key, children);
            for _ in 0..attributes {
                let name = code.text(&mut parts);
                let value = code.value(&mut parts);
                parts.attributes.push((name, value));
            }
            for _ in 0..handlers {
                let event = code.text(&mut parts);
                parts.handlers.push((event, code.small()));
            }
        }
        parts.retained(Cow::Borrowed(&self.text))
    }

    /// What it occupies.
    pub(crate) fn bytes(&self) -> usize {
        self.code.len() + self.text.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes as usize
    }
}

struct Writer<'a> {
    view: &'a Retained<'a>,
    code: Vec<u8>,
}

impl Writer<'_> {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.code.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.code.push(number.to_le_bytes()[0]);
    }

    fn text(&mut self, text: Text) {
        self.number(self.reference(text));
    }

    /// A word by its number, another text by its length: where it begins follows from those before it.
    fn reference(&self, text: Text) -> u64 {
        match text.word() {
            Some(word) => u64::from(word) << 1,
            None => (self.view.str(text).len() as u64) << 1 | 1,
        }
    }

    fn value(&mut self, value: Value) {
        let (kind, number) = match value {
            Value::Text(text) => (kind::TEXT, self.reference(text)),
            Value::Integer(number) => (kind::INTEGER, zigzag(number.into())),
            Value::Flag(flag) => (kind::FLAG, flag.into()),
            Value::Wide(_) => (kind::BITS, 0),
            Value::Number(_) => (kind::BITS, 1),
        };
        self.number(number << 2 | kind);
        if let Value::Wide(bits) | Value::Number(bits) = value {
            self.code.extend(self.view.bits(bits).to_le_bytes());
        }
    }
}

struct Reader<'a> {
    code: &'a [u8],
    /// Where the next text begins.
    ends: u32,
}

impl Reader<'_> {
    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while let Some((byte, rest)) = self.code.split_first() {
            self.code = rest;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 || shift > 63 {
                break;
            }
        }
        number
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.number()).unwrap_or(0)
    }

    fn text(&mut self, parts: &mut Parts) -> Text {
        let reference = self.number();
        self.referred(reference, parts)
    }

    fn referred(&mut self, reference: u64, parts: &mut Parts) -> Text {
        let number = u32::try_from(reference >> 1).unwrap_or(0);
        if reference & 1 == 0 {
            return Text::of_word(number);
        }
        self.ends += number;
        parts.text(self.ends)
    }

    fn value(&mut self, parts: &mut Parts) -> Value {
        let value = self.number();
        let number = value >> 2;
        match value & 3 {
            kind::TEXT => Value::Text(self.referred(number, parts)),
            kind::INTEGER => Value::Integer(i32::try_from(unzigzag(number)).unwrap_or(0)),
            kind::FLAG => Value::Flag(number == 1),
            _ => {
                let (bits, rest) = self.code.split_first_chunk().unwrap_or((&[0; 8], &[]));
                self.code = rest;
                let bits = parts.wide(u64::from_le_bytes(*bits));
                if number == 0 { Value::Wide(bits) } else { Value::Number(bits) }
            }
        }
    }
}

/// Small numbers stay small, whatever their sign.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
