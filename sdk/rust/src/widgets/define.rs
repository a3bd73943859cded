//! How the table of widgets becomes builders.

use crate::element::Element;
use crate::fields::Scalar;

/// One of the choices of a group or a select.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Comes back in the event.
    pub value: String,
    /// What people read.
    pub label: String,
    /// Below it; may be empty.
    pub detail: String,
}

impl Choice {
    /// Without detail.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Choice {
            value: value.into(),
            label: label.into(),
            detail: String::new(),
        }
    }

    /// With a detail.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Appends a cell of a line; what would end cell or line becomes a space.
pub(crate) fn cell(line: &mut String, text: &str) {
    line.extend(text.chars().map(|char| if matches!(char, '\t' | '\n' | '\r') { ' ' } else { char }));
}

pub(crate) fn lines<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Scalar {
    let mut text = String::new();
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        cell(&mut text, item.as_ref());
    }
    Scalar::Text(text)
}

pub(crate) fn choices(items: &[Choice]) -> Scalar {
    let mut text = String::new();
    for (at, choice) in items.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        cell(&mut text, &choice.value);
        text.push('\t');
        cell(&mut text, &choice.label);
        if !choice.detail.is_empty() {
            text.push('\t');
            cell(&mut text, &choice.detail);
        }
    }
    Scalar::Text(text)
}

/// What has an [`Element`] inside.
pub trait Widget<M>: Into<Element<M>> {
    /// The element, for what every widget has.
    #[doc(hidden)]
    fn element(&mut self) -> &mut Element<M>;

    /// Identity among siblings: keeps text being typed, focus and motion with it when siblings come and go.
    fn key(mut self, key: impl Into<String>) -> Self {
        self.element().put_key(&key.into());
        self
    }

    /// Not drawn.
    fn hidden(mut self, hidden: bool) -> Self {
        if hidden {
            self.element().put_flag("hidden");
        }
        self
    }

    /// Takes the space that is left in a row or stack.
    fn grow(mut self) -> Self {
        self.element().put_flag("grow");
        self
    }

    /// For screen readers, where what is drawn does not say it.
    fn described(mut self, text: impl crate::element::Text) -> Self {
        self.element().put("described", text.scalar());
        self
    }
}

/// What may have children.
pub trait Parent<M>: Widget<M> {
    /// With one more child.
    fn child(mut self, child: impl Into<Element<M>>) -> Self {
        self.element().adopt(child.into());
        self
    }

    /// With one more child, if there is one.
    fn maybe(self, child: Option<impl Into<Element<M>>>) -> Self {
        match child {
            Some(child) => self.child(child),
            None => self,
        }
    }

    /// With more children.
    fn children<E: Into<Element<M>>>(mut self, children: impl IntoIterator<Item = E>) -> Self {
        for child in children {
            self.element().adopt(child.into());
        }
        self
    }
}

macro_rules! setter {
    ($method:ident $name:literal $doc:literal text) => {
        #[doc = $doc]
        pub fn $method(mut self, value: impl crate::element::Text) -> Self {
            self.0.put($name, value.scalar());
            self
        }
    };
    ($method:ident $name:literal $doc:literal image) => {
        setter!($method $name $doc text);
    };
    ($method:ident $name:literal $doc:literal flag) => {
        #[doc = $doc]
        pub fn $method(mut self, value: bool) -> Self {
            if value {
                self.0.put_flag($name);
            }
            self
        }
    };
    ($method:ident $name:literal $doc:literal integer) => {
        #[doc = $doc]
        pub fn $method(mut self, value: i64) -> Self {
            self.0.put($name, Scalar::Integer(value));
            self
        }
    };
    ($method:ident $name:literal $doc:literal number) => {
        #[doc = $doc]
        pub fn $method(mut self, value: f64) -> Self {
            self.0.put($name, Scalar::Number(value));
            self
        }
    };
    ($method:ident $name:literal $doc:literal lines) => {
        #[doc = $doc]
        pub fn $method<T: AsRef<str>>(mut self, items: impl IntoIterator<Item = T>) -> Self {
            self.0.put($name, define::lines(items));
            self
        }
    };
    ($method:ident $name:literal $doc:literal choices) => {
        #[doc = $doc]
        pub fn $method(mut self, items: &[Choice]) -> Self {
            self.0.put($name, define::choices(items));
            self
        }
    };
    ($method:ident $name:literal $doc:literal $word:ident) => {
        #[doc = $doc]
        pub fn $method(mut self, value: $word) -> Self {
            self.0.put_word($name, value.word());
            self
        }
    };
}

macro_rules! listener {
    ($method:ident $event:literal send) => {
        #[doc = concat!("This message at \"", $event, "\".")]
        pub fn $method(mut self, message: M) -> Self {
            self.0.listen($event, On::Send(message));
            self
        }
    };
    ($method:ident $event:literal text) => { listener!(@ $method $event Text String); };
    ($method:ident $event:literal integer) => { listener!(@ $method $event Integer i64); };
    ($method:ident $event:literal flag) => { listener!(@ $method $event Flag bool); };
    ($method:ident $event:literal lines) => { listener!(@ $method $event Lines Vec<String>); };
    (@ $method:ident $event:literal $on:ident $kind:ty) => {
        #[doc = concat!("A message made of the value at \"", $event, "\".")]
        pub fn $method(mut self, message: impl Fn($kind) -> M + 'static) -> Self {
            self.0.listen($event, On::$on(Box::new(message)));
            self
        }
    };
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! shape {
    (text) => {
        Holds::Text
    };
    (lines) => {
        Holds::Text
    };
    (choices) => {
        Holds::Text
    };
    (image) => {
        Holds::Image
    };
    (flag) => {
        Holds::Flag
    };
    (integer) => {
        Holds::Integer
    };
    (number) => {
        Holds::Number
    };
    ($word:ident) => {
        Holds::Word($word::WORDS)
    };
}

macro_rules! parent {
    ($type:ident leaf) => {};
    ($type:ident parent) => {
        impl<M> Parent<M> for $type<M> {}
    };
}

#[cfg(not(target_arch = "wasm32"))]
macro_rules! is_parent {
    (leaf) => {
        false
    };
    (parent) => {
        true
    };
}

macro_rules! widgets {
    ($($type:ident $function:ident $kind:literal $doc:literal $family:ident {
        $($method:ident $name:literal $shape:ident $attribute_doc:literal;)*
    } $({ $($listen:ident $event:literal $value:ident;)* })?)*) => {
        $(
            #[doc = $doc]
            pub struct $type<M>(Element<M>);

            #[doc = $doc]
            pub fn $function<M>() -> $type<M> {
                $type(Element::known($kind))
            }

            impl<M> $type<M> {
                $(setter!($method $name $attribute_doc $shape);)*
                $($(listener!($listen $event $value);)*)?
            }

            impl<M> From<$type<M>> for Element<M> {
                fn from(widget: $type<M>) -> Self {
                    widget.0
                }
            }

            impl<M> Widget<M> for $type<M> {
                fn element(&mut self) -> &mut Element<M> {
                    &mut self.0
                }
            }

            parent!($type $family);
        )*

        /// The table that the builders are made from, to be held against the host's.
        #[cfg(not(target_arch = "wasm32"))]
        pub const TABLE: &[Entry] = &[
            $(Entry {
                kind: $kind,
                children: is_parent!($family),
                attributes: &[$(($name, shape!($shape))),*],
                events: &[$($($event),*)?],
            },)*
        ];
    };
}

/// What an attribute holds.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in the host's table")]
pub enum Holds {
    Text,
    Word(&'static [&'static str]),
    Flag,
    Integer,
    Number,
    Image,
}

/// One widget of the table.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the wire.
    pub kind: &'static str,
    /// Whether it may have children.
    pub children: bool,
    /// Its attributes.
    pub attributes: &'static [(&'static str, Holds)],
    /// Codes of its events.
    pub events: &'static [&'static str],
}
