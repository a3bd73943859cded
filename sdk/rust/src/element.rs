//! What builders make: a node, its handlers, its children.

use crate::draft::{DRAFT, draft};
use crate::fields::{Fields, Scalar};
use crate::handlers::Handlers;
use crate::wire::Tree;
use std::borrow::Cow;

/// Makes a message of what came with an event.
pub(crate) enum On<M> {
    Send(M),
    Text(Box<dyn Fn(String) -> M>),
    Integer(Box<dyn Fn(i64) -> M>),
    Flag(Box<dyn Fn(bool) -> M>),
    Lines(Box<dyn Fn(Vec<String>) -> M>),
}

impl<M: Clone> On<M> {
    /// None when the value is of another kind than the widget sends: a later host's, to be ignored.
    pub(crate) fn message(&self, fields: Fields) -> Option<M> {
        match (self, fields.get("value")) {
            (On::Send(message), _) => Some(message.clone()),
            (On::Text(make), Some(Scalar::Text(text))) => Some(make(text.clone())),
            (On::Integer(make), Some(Scalar::Integer(number))) => Some(make(*number)),
            (On::Flag(make), Some(Scalar::Flag(flag))) => Some(make(*flag)),
            (On::Lines(make), Some(Scalar::Text(text))) => {
                Some(make(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()))
            }
            _ => None,
        }
    }
}

/// A widget with its children. Builders in [`widgets`](crate::widgets) make them.
///
/// What it holds stands in the draft of the view already; this is its place there.
pub struct Element<M> {
    node: u32,
    /// Nodes of the subtree.
    size: usize,
    on: Handlers<M>,
}

/// Name of a widget, an attribute or an event: nearly always one of the SDK's.
pub(crate) type Name = Cow<'static, str>;

/// A text that an attribute can take.
pub trait Text {
    /// As an attribute's value.
    #[doc(hidden)]
    fn scalar(self) -> Scalar;
}

impl Text for &str {
    #[inline(never)]
    fn scalar(self) -> Scalar {
        Scalar::Text(self.to_owned())
    }
}

impl Text for String {
    fn scalar(self) -> Scalar {
        Scalar::Text(self)
    }
}

impl Text for &String {
    fn scalar(self) -> Scalar {
        self.as_str().scalar()
    }
}

impl<M> Element<M> {
    #[inline(never)]
    pub(crate) fn known(kind: &'static str) -> Self {
        Self::new(kind)
    }

    /// A widget by name, for one that the SDK does not know yet.
    pub fn new(kind: impl Into<Cow<'static, str>>) -> Self {
        let kind = kind.into();
        Element {
            node: draft(|draft| draft.add(&kind)),
            size: 1,
            on: Handlers::NONE,
        }
    }

    /// An attribute by name, for one that the SDK does not know yet.
    pub fn attribute(self, name: impl Into<Cow<'static, str>>, value: Scalar) -> Self {
        let name = name.into();
        draft(|draft| draft.put(self.node, &name, value));
        self
    }

    #[inline(never)]
    pub(crate) fn put(&mut self, name: &'static str, value: Scalar) {
        draft(|draft| draft.put(self.node, &Cow::Borrowed(name), value));
    }

    #[inline(never)]
    pub(crate) fn put_word(&mut self, name: &'static str, word: &'static str) {
        draft(|draft| draft.put_word(self.node, &Cow::Borrowed(name), &Cow::Borrowed(word)));
    }

    #[inline(never)]
    pub(crate) fn put_flag(&mut self, name: &'static str) {
        self.put(name, Scalar::Flag(true));
    }

    pub(crate) fn put_key(&mut self, key: &str) {
        draft(|draft| draft.put_key(self.node, key));
    }

    #[inline(never)]
    pub(crate) fn listen(&mut self, event: &'static str, on: On<M>) {
        let id = draft(|draft| draft.listen(self.node, &Cow::Borrowed(event)));
        if id != 0 {
            self.on.add(id, on);
        }
    }

    #[inline(never)]
    pub(crate) fn adopt(&mut self, mut child: Element<M>) {
        draft(|draft| draft.adopt(self.node, child.node));
        self.size += child.size;
        self.on.join(child.on.take());
    }

    /// How many nodes it has, itself among them.
    pub fn count(&self) -> usize {
        self.size
    }

    /// The view as it crosses the boundary, and its handlers.
    pub(crate) fn flatten(mut self) -> (Tree, Handlers<M>) {
        let tree = draft(|draft| draft.take()).tree_of(self.node);
        (tree, self.on.take())
    }
}

impl<M> Drop for Element<M> {
    fn drop(&mut self) {
        // No draft is left where a thread has ended.
        let _ = DRAFT.try_with(|draft| draft.borrow_mut().forget());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::youji::miniapp::types::Span;
    use crate::draft::Draft;
    use crate::wire::Value;

    type View = Element<u8>;

    /// One line a node: depth, kind, key, attributes, what its handlers send.
    fn check(view: View, expected: &[&str]) {
        assert_eq!(view.count(), expected.len());
        let (tree, on) = view.flatten();
        let text = |span: Span| tree.text[span.at as usize..][..span.length as usize].to_owned();
        let (mut attributes, mut handlers) = (tree.attributes.iter(), tree.handlers.iter());
        let mut open: Vec<u32> = Vec::new();
        let lines: Vec<String> = (tree.nodes.iter())
            .map(|node| {
                while open.last() == Some(&0) {
                    open.pop();
                }
                let depth = open.len();
                if let Some(left) = open.last_mut() {
                    *left -= 1;
                }
                open.push(node.children);
                let mut line = format!("{depth} {}", text(node.kind));
                if node.key.length > 0 {
                    line += &format!(" #{}", text(node.key));
                }
                for one in attributes.by_ref().take(node.attributes as usize) {
                    line += &match one.value() {
                        Value::Flag(flag) => format!(" {}={flag}", text(one.name)),
                        Value::Integer(number) => format!(" {}={number}", text(one.name)),
                        Value::Number(number) => format!(" {}={number}", text(one.name)),
                        Value::Text(value) => format!(" {}={}", text(one.name), text(value)),
                    };
                }
                for one in handlers.by_ref().take(node.handlers as usize) {
                    let on = on.find(one.id).expect("every handler has its message");
                    line += &format!(" {}→{}", text(one.event), on.message(Fields::new()).expect("all send"));
                }
                line
            })
            .collect();
        assert_eq!(lines, expected);
        assert_eq!((attributes.count(), handlers.count()), (0, 0), "nothing is left over");
    }

    fn made(kind: &'static str, label: &str, sends: u8) -> View {
        let mut element = View::known(kind);
        element.put("label", label.scalar());
        element.listen("tap", On::Send(sends));
        element
    }

    #[test]
    fn a_view_is_in_document_order_however_it_was_built() {
        for measured in [false, true] {
            if measured {
                draft(Draft::attempt);
                let mut parent = made("row", "counted", 9);
                for number in 2..100 {
                    parent.adopt(made("text", "too", 9));
                    assert_eq!(parent.count(), number);
                }
                drop(parent);
                let sizes = draft(Draft::measured).expect("it was measured");
                draft(|draft| draft.reserve(sizes));
            }
            let last = made("button", "last", 1);
            let thrown_away = made("image", "never seen", 2);
            let mut parent = made("stack", "parent", 3);
            parent.put_key("p");
            let mut first = made("row", "first", 4);
            first.adopt(made("text", "inner", 5));
            parent.adopt(first);
            drop(thrown_away);
            parent.adopt(last);
            parent.put("label", "renamed".scalar());
            parent.put("columns", Scalar::Integer(2));
            parent.put_flag("wide");
            parent.put("columns", Scalar::Text(String::new()));
            let mut page = View::known("page");
            page.adopt(parent);
            check(
                page,
                &[
                    "0 page",
                    "1 stack #p label=renamed wide=true tap→3",
                    "2 row label=first tap→4",
                    "3 text label=inner tap→5",
                    "2 button label=last tap→1",
                ],
            );
        }
    }

    #[test]
    fn an_element_that_is_kept_outlives_the_view_of_another() {
        let mut kept = made("row", "kept", 1);
        check(made("page", "shown", 2), &["0 page label=shown tap→2"]);
        kept.adopt(made("text", "later", 3));
        check(kept, &["0 row label=kept tap→1", "1 text label=later tap→3"]);
    }
}
