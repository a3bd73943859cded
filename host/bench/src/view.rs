//! What a screen would show: a view built from the session protocol's frames, and which node carries a label.

use serde_json::Value;
use std::collections::HashMap;

/// Attributes that people read, in the order in which they are drawn.
const READ: [&str; 18] = [
    "label",
    "title",
    "subtitle",
    "text",
    "detail",
    "value",
    "labels",
    "options",
    "names",
    "values",
    "columns",
    "rows",
    "hint",
    "placeholder",
    "error",
    "described",
    "alt",
    "name",
];

/// The view that a screen would show now.
#[derive(Debug, Default)]
pub struct View {
    nodes: HashMap<u32, Node>,
    root: u32,
    /// Number of this view; 0 before the first.
    pub seq: u64,
    /// Path of the page on top.
    pub path: String,
    /// Pages on the stack.
    pub depth: u64,
}

#[derive(Debug)]
struct Node {
    kind: String,
    attributes: Vec<(String, Value)>,
    events: Vec<String>,
    parent: Option<u32>,
    children: Vec<u32>,
}

/// A node that listens.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its number.
    pub node: u32,
    /// Its widget, such as "stepper".
    pub kind: String,
    /// Codes of the events that it takes.
    pub events: Vec<String>,
    /// What a group or a select offers: the values, not the labels.
    pub options: Vec<String>,
}

/// Which node is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The event that it must listen for.
    pub event: &'a str,
    /// What it says: whole, or else a part of it.
    pub label: &'a str,
    /// Something that the smallest list item, card or stack around it says; empty: anywhere.
    pub within: &'a str,
}

impl View {
    /// Applies a frame; one that is no view changes nothing.
    ///
    /// # Errors
    /// A frame that does not fit: the host and this view disagree, which is a bug of one of them.
    pub fn apply(&mut self, frame: &Value) -> Result<(), String> {
        match text(&frame["t"]) {
            "full" => {
                self.nodes.clear();
                self.root = 0;
                self.add(None, 0, list(&frame["tree"]))?;
            }
            "patch" => {
                if number(&frame["base"]) != self.seq {
                    return Err(format!("a patch of view {} came while view {} was shown", frame["base"], self.seq));
                }
                for op in list(&frame["ops"]) {
                    self.op(op).map_err(|error| format!("{error}, in {op}"))?;
                }
            }
            _ => return Ok(()),
        }
        self.seq = number(&frame["seq"]);
        self.path = text(&frame["path"]).to_owned();
        self.depth = number(&frame["depth"]);
        Ok(())
    }

    fn op(&mut self, op: &Value) -> Result<(), String> {
        let id = |at: usize| u32::try_from(number(&op[at])).unwrap_or(u32::MAX);
        let index = |at: usize| usize::try_from(number(&op[at])).unwrap_or(usize::MAX);
        match text(&op[0]) {
            "set" => {
                let node = self.node_mut(id(1))?;
                for (name, value) in op[2].as_object().into_iter().flatten() {
                    node.attributes.retain(|(known, _)| known != name);
                    if !value.is_null() {
                        node.attributes.push((name.clone(), value.clone()));
                    }
                }
            }
            "on" => self.node_mut(id(1))?.events = list(&op[2]).iter().map(|event| text(event).to_owned()).collect(),
            "insert" => self.add(Some(id(1)), index(2), list(&op[3]))?,
            "remove" => {
                self.detach(id(1))?;
                self.forget(id(1));
            }
            "move" => {
                self.detach(id(1))?;
                self.attach(id(1), id(2), index(3))?;
            }
            other => return Err(format!("\"{other}\" is no change")),
        }
        Ok(())
    }

    fn add(&mut self, parent: Option<u32>, index: usize, nodes: &[Value]) -> Result<(), String> {
        let mut open: Vec<(u32, u64)> = Vec::new();
        for (position, node) in nodes.iter().enumerate() {
            while open.last().is_some_and(|(_, left)| *left == 0) {
                open.pop();
            }
            let id = u32::try_from(number(&node["id"])).map_err(|_| "a node's number is too large".to_owned())?;
            let attributes = node["a"].as_object().into_iter().flatten();
            let entered = Node {
                kind: text(&node["kind"]).to_owned(),
                attributes: attributes.map(|(name, value)| (name.clone(), value.clone())).collect(),
                events: list(&node["on"]).iter().map(|event| text(event).to_owned()).collect(),
                parent: None,
                children: Vec::new(),
            };
            if self.nodes.insert(id, entered).is_some() {
                return Err(format!("node {id} comes twice"));
            }
            let above = open.last_mut().map(|(above, left)| {
                *left -= 1;
                *above
            });
            match (above, parent) {
                (Some(above), _) => self.attach(id, above, usize::MAX)?,
                (None, Some(parent)) if position == 0 => self.attach(id, parent, index)?,
                (None, None) if position == 0 => self.root = id,
                _ => return Err(format!("node {id} stands outside its subtree")),
            }
            open.push((id, number(&node["n"])));
        }
        match open.iter().any(|(_, left)| *left > 0) {
            true => Err("a node promises more children than follow".to_owned()),
            false => Ok(()),
        }
    }

    fn attach(&mut self, id: u32, parent: u32, index: usize) -> Result<(), String> {
        let children = &mut self.node_mut(parent)?.children;
        children.insert(index.min(children.len()), id);
        self.node_mut(id)?.parent = Some(parent);
        Ok(())
    }

    fn detach(&mut self, id: u32) -> Result<(), String> {
        let parent = self
            .node_mut(id)?
            .parent
            .ok_or_else(|| format!("node {id} is the root and can't go"))?;
        self.node_mut(parent)?.children.retain(|child| *child != id);
        Ok(())
    }

    fn forget(&mut self, id: u32) {
        if let Some(node) = self.nodes.remove(&id) {
            node.children.into_iter().for_each(|child| self.forget(child));
        }
    }

    fn node_mut(&mut self, id: u32) -> Result<&mut Node, String> {
        self.nodes
            .get_mut(&id)
            .ok_or_else(|| format!("node {id} is not in view {}", self.seq))
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing is shown yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The view as an indented list, one node a line.
    pub fn outline(&self) -> String {
        let mut text = String::new();
        self.draw(self.root, 0, &mut text);
        text
    }

    fn draw(&self, id: u32, depth: usize, text: &mut String) {
        let Some(node) = self.nodes.get(&id) else { return };
        text.push_str(&"  ".repeat(depth));
        text.push_str(&node.kind);
        let own = node.own_text();
        if !own.is_empty() {
            text.push(' ');
            text.push_str(&own.join(" · ").replace('\n', " / ").replace('\t', " | "));
        }
        if !node.events.is_empty() {
            text.push_str(&format!("  [{}]", node.events.join(", ")));
        }
        text.push('\n');
        for child in &node.children {
            self.draw(*child, depth + 1, text);
        }
    }

    /// Everything that people read, in document order.
    pub fn text(&self) -> String {
        self.texts(self.root).join("\n")
    }

    fn texts(&self, id: u32) -> Vec<String> {
        let Some(node) = self.nodes.get(&id) else { return Vec::new() };
        if node
            .attributes
            .iter()
            .any(|(name, value)| name == "hidden" && value.as_bool() == Some(true))
        {
            return Vec::new();
        }
        let mut texts = node.own_text();
        texts.extend(node.children.iter().flat_map(|child| self.texts(*child)));
        texts
    }

    /// Every node that listens for something, in document order.
    pub fn listeners(&self) -> Vec<Listener> {
        let mut order = Vec::new();
        self.in_order(self.root, &mut order);
        let nodes = order.into_iter().filter_map(|id| self.nodes.get(&id).map(|node| (id, node)));
        let listening = nodes.filter(|(_, node)| !node.events.is_empty());
        listening
            .map(|(id, node)| {
                let options = node.attributes.iter().find(|(name, _)| name == "options");
                let lines = options.map_or("", |(_, value)| text(value)).lines();
                Listener {
                    node: id,
                    kind: node.kind.clone(),
                    events: node.events.clone(),
                    options: lines.map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect(),
                }
            })
            .collect()
    }

    /// The first node that listens for the event and says the label; one that says exactly that goes before one that says more.
    pub fn find(&self, wanted: &Wanted<'_>) -> Option<u32> {
        let mut order = Vec::new();
        self.in_order(self.root, &mut order);
        let listening = order
            .into_iter()
            .filter(|id| self.nodes[id].events.iter().any(|event| event == wanted.event));
        let candidates: Vec<u32> = listening
            .filter(|id| wanted.within.is_empty() || self.is_within(*id, wanted.within))
            .collect();
        let says = |id: &&u32, whole: bool| {
            let texts = self.texts(**id);
            texts
                .iter()
                .any(|text| if whole { text == wanted.label } else { text.contains(wanted.label) })
        };
        candidates
            .iter()
            .find(|id| says(id, true))
            .or_else(|| candidates.iter().find(|id| says(id, false)))
            .copied()
    }

    /// Whether one of the three nearest boxes around a node says it: the page as a whole says everything.
    fn is_within(&self, id: u32, label: &str) -> bool {
        let boxes = ["list-item", "card", "stack", "row", "grid"];
        let above = std::iter::successors(Some(id), |id| self.nodes.get(id).and_then(|node| node.parent));
        let boxes = above.filter(|id| self.nodes.get(id).is_some_and(|node| boxes.contains(&node.kind.as_str())));
        boxes.take(3).any(|id| self.texts(id).iter().any(|text| text.contains(label)))
    }

    fn in_order(&self, id: u32, order: &mut Vec<u32>) {
        if let Some(node) = self.nodes.get(&id) {
            order.push(id);
            node.children.iter().for_each(|child| self.in_order(*child, order));
        }
    }
}

impl Node {
    fn own_text(&self) -> Vec<String> {
        let said = READ
            .iter()
            .filter_map(|name| self.attributes.iter().find(|(known, _)| known == name));
        said.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .filter(|text| !text.is_empty())
            .collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(id: u32, kind: &str, label: &str, events: &[&str], children: u32) -> Value {
        json!({"id": id, "kind": kind, "a": {"label": label}, "on": events, "n": children})
    }

    fn view() -> View {
        let tree = [
            node(1, "page", "Menu", &[], 2),
            node(2, "list-item", "Noodles", &[], 1),
            node(3, "button", "Add", &["tap"], 0),
            node(4, "list-item", "Rice", &[], 1),
            node(5, "button", "Add", &["tap"], 0),
        ];
        let mut view = View::default();
        view.apply(&json!({"t": "full", "seq": 1, "tree": tree, "path": "pages/menu", "depth": 1}))
            .expect("fits");
        view
    }

    fn patched(ops: Value) -> Result<View, String> {
        let mut view = view();
        view.apply(&json!({"t": "patch", "seq": 2, "base": 1, "path": "pages/menu", "depth": 1, "ops": ops}))
            .map(|()| view)
    }

    #[test]
    fn a_node_is_found_by_what_it_says_and_what_stands_around_it() {
        let find = |label: &str, within: &str| {
            view().find(&Wanted {
                event: "tap",
                label,
                within,
            })
        };
        assert_eq!(find("Add", ""), Some(3));
        assert_eq!(find("Add", "Rice"), Some(5));
        assert_eq!(find("Remove", ""), None);
        assert_eq!(find("Add", "Soup"), None);
        assert_eq!(
            view().find(&Wanted {
                event: "input",
                label: "Add",
                within: ""
            }),
            None
        );
    }

    #[test]
    fn patches_change_the_view() {
        let view = patched(json!([
            ["set", 2, {"label": "Dumplings"}],
            ["move", 4, 1, 0],
            ["insert", 1, 1, [node(6, "text", "Today", &[], 0)]],
            ["remove", 3]
        ]));
        let view = view.expect("fits");
        assert_eq!(view.text(), "Menu\nRice\nAdd\nToday\nDumplings");
        assert_eq!(view.len(), 5);
    }

    #[test]
    fn a_patch_that_does_not_fit_is_an_error() {
        for ops in [
            json!([["remove", 99]]),
            json!([["remove", 1]]),
            json!([["paint", 1]]),
            json!([["insert", 1, 0, [node(7, "row", "", &[], 1)]]]),
        ] {
            assert!(patched(ops.clone()).is_err(), "{ops}");
        }
        let stale = view().apply(&json!({"t": "patch", "seq": 9, "base": 8, "ops": []}));
        assert!(stale.is_err());
    }
}
