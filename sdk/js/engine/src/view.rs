//! From a script's element to the tree of the contract.
//!
//! An element is `{kind, props, children}`, as the SDK's builders make it. Names of attributes are those of the contract in camel case,
//! handlers are the attributes that begin with "on".

use crate::bindings::youji::miniapp::types::{Attribute, AttributeValue, Handler as Listener, Node, Scalar, Span, Tree};
use crate::value::{scalar_from_js, text_of, wrong};
use boa_engine::object::builtins::JsArray;
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsObject, JsResult, JsString, JsValue, js_string};
use std::collections::HashMap;

/// Deeper is no view, and no host shows it.
const DEPTH: usize = 64;

/// What a handler makes of an event.
#[derive(Clone)]
pub(crate) struct Handler {
    /// A function of the value, or the message itself.
    pub(crate) handler: JsValue,
    /// The value is a list of lines.
    pub(crate) takes_lines: bool,
}

struct Drawing<'a> {
    tree: Tree,
    /// Where names stand in the text already.
    names: HashMap<JsString, Span>,
    handlers: &'a mut Vec<Handler>,
}

pub(crate) fn tree(root: &JsValue, handlers: &mut Vec<Handler>, context: &mut Context) -> JsResult<Tree> {
    let mut drawing = Drawing {
        tree: Tree {
            text: String::with_capacity(2_048),
            nodes: Vec::with_capacity(64),
            attributes: Vec::with_capacity(128),
            handlers: Vec::with_capacity(16),
        },
        names: HashMap::new(),
        handlers,
    };
    drawing.node(root, 1, context)?;
    Ok(drawing.tree)
}

impl Drawing<'_> {
    fn node(&mut self, element: &JsValue, depth: usize, context: &mut Context) -> JsResult<()> {
        if depth > DEPTH {
            return Err(wrong(format!("the view has more than {DEPTH} elements within each other")));
        }
        let object = element
            .as_object()
            .ok_or_else(|| wrong(format!("expected an element in the view, found {}", element.type_of())))?;
        let kind = object.get(js_string!("kind"), context)?;
        let kind = kind.as_string().ok_or_else(|| wrong("expected an element in the view, found another object"))?;
        let (attributes, listeners) = (self.tree.attributes.len(), self.tree.handlers.len());
        let mut key = Span { at: 0, length: 0 };
        let props = object.get(js_string!("props"), context)?;
        if let Some(props) = props.as_object() {
            for name in props.own_property_keys(context)? {
                let given = props.get(name.clone(), context)?;
                if given.is_null_or_undefined() {
                    continue;
                }
                let PropertyKey::String(name) = name else { continue };
                if name == js_string!("key") {
                    let text = given.to_string(context)?;
                    key = self.text(&text_of(&text));
                } else {
                    self.attribute(&kind, &name, given, context)?;
                }
            }
        }
        let at = self.tree.nodes.len();
        let kind = self.name(&kind, text_of);
        self.tree.nodes.push(Node {
            kind,
            key,
            attributes: number(self.tree.attributes.len() - attributes),
            handlers: number(self.tree.handlers.len() - listeners),
            children: 0,
        });
        let children = object.get(js_string!("children"), context)?;
        let mut count = 0;
        if let Some(children) = children.as_object() {
            for index in 0..length(&children, context)? {
                let child = children.get(index, context)?;
                self.node(&child, depth + 1, context)?;
                count += 1;
            }
        }
        self.tree.nodes[at].children = count;
        Ok(())
    }

    fn attribute(&mut self, kind: &JsString, name: &JsString, given: JsValue, context: &mut Context) -> JsResult<()> {
        let spelled = text_of(name);
        if let Some(event) = spelled.strip_prefix("on") {
            let event = self.name(name, |_| kebab(event).trim_start_matches('-').to_owned());
            self.handlers.push(Handler {
                handler: given,
                takes_lines: *kind == js_string!("checkbox-group"),
            });
            self.tree.handlers.push(Listener {
                event,
                id: number(self.handlers.len()),
            });
            return Ok(());
        }
        let value = match self.scalar(kind, name, &given, context)? {
            Scalar::Flag(false) => return Ok(()),
            Scalar::Flag(flag) => AttributeValue::Flag(flag),
            Scalar::Integer(number) => AttributeValue::Integer(number),
            Scalar::Number(number) => AttributeValue::Number(number),
            Scalar::Text(text) => AttributeValue::Text(self.text(&text)),
        };
        let name = self.name(name, |name| kebab(&text_of(name)));
        self.tree.attributes.push(Attribute { name, value });
        Ok(())
    }

    fn scalar(&self, kind: &JsString, name: &JsString, given: &JsValue, context: &mut Context) -> JsResult<Scalar> {
        if let Some(list) = given.as_object() {
            let separator = separator(kind, name);
            return Ok(Scalar::Text(joined(&list, separator, context)?));
        }
        let scalar = scalar_from_js(given).ok_or_else(|| {
            let (kind, name) = (text_of(kind), text_of(name));
            wrong(format!("{kind}.{name}: expected a text, a number, a flag or a list, found {}", given.type_of()))
        })?;
        Ok(match scalar {
            // The only attribute that has a fraction; a script does not tell 1 from 1.0.
            #[allow(clippy::cast_precision_loss, reason = "it came from a script's number")]
            Scalar::Integer(whole) if *kind == js_string!("progress") && *name == js_string!("value") => Scalar::Number(whole as f64),
            other => other,
        })
    }

    /// A name that is drawn again and again stands in the text once.
    fn name(&mut self, name: &JsString, spelled: impl FnOnce(&JsString) -> String) -> Span {
        if let Some(span) = self.names.get(name) {
            return *span;
        }
        let span = self.text(&spelled(name));
        self.names.insert(name.clone(), span);
        span
    }

    fn text(&mut self, text: &str) -> Span {
        let at = number(self.tree.text.len());
        self.tree.text.push_str(text);
        Span {
            at,
            length: number(text.len()),
        }
    }
}

/// What stands between the elements of a list: the contract has one text for all of them.
fn separator(kind: &JsString, name: &JsString) -> &'static str {
    let is = |a: &JsString, b: JsString| *a == b;
    match () {
        () if is(kind, js_string!("table")) && is(name, js_string!("columns")) => "\t",
        () if is(kind, js_string!("table")) && is(name, js_string!("numeric")) => ",",
        () => "\n",
    }
}

/// A list as one text: of texts, of rows of cells, of choices.
fn joined(list: &JsObject, separator: &str, context: &mut Context) -> JsResult<String> {
    let mut text = String::new();
    for at in 0..length(list, context)? {
        if at > 0 {
            text.push_str(separator);
        }
        let item = list.get(at, context)?;
        let Some(parts) = item.as_object() else {
            text.push_str(&text_of(&item.to_string(context)?));
            continue;
        };
        if parts.is_array() {
            text.push_str(&joined(&parts, "\t", context)?);
            continue;
        }
        for (at, member) in [js_string!("value"), js_string!("label"), js_string!("detail")].into_iter().enumerate() {
            let part = parts.get(member, context)?;
            if !part.is_undefined() {
                if at > 0 {
                    text.push('\t');
                }
                text.push_str(&text_of(&part.to_string(context)?));
            }
        }
    }
    Ok(text)
}

fn length(list: &JsObject, context: &mut Context) -> JsResult<u64> {
    JsArray::from_object(list.clone())
        .map_err(|_| wrong("expected a list"))?
        .length(context)
}

/// "maxLength" is "max-length" in the contract.
fn kebab(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 2);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            spelled.push('-');
        }
        spelled.push(character.to_ascii_lowercase());
    }
    spelled
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
