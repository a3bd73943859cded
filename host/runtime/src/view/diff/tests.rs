//! Applying the difference to the old view gives the new one.

#![allow(clippy::print_stdout, reason = "the seed of a failed run")]

use super::*;
use crate::update::WireNode;
use crate::view::Packed;
use youji_api::{Fields, Limits, Tree, View};

#[derive(Clone, Debug, Default)]
struct Node {
    kind: String,
    key: String,
    attributes: Fields,
    handlers: Vec<(&'static str, u32)>,
    children: u32,
}

impl Node {
    fn new(kind: &str) -> Self {
        Node {
            kind: kind.to_owned(),
            ..Node::default()
        }
    }
}

fn retained(nodes: &[Node]) -> Retained<'static> {
    let mut view = View::default();
    for node in nodes {
        let attributes = node.attributes.iter().map(|(name, value)| (name, value.clone()));
        view.push((&node.kind, &node.key, node.children), attributes, node.handlers.iter().copied());
    }
    Retained::new(&Tree::new(view, &Limits::default()).expect("the test's tree is well formed"))
}

/// As a page holds it.
#[derive(Clone, Debug, PartialEq)]
struct Dom {
    node: WireNode,
    children: Vec<Dom>,
}

impl Dom {
    fn read(nodes: &mut impl Iterator<Item = WireNode>) -> Dom {
        let node = nodes.next().expect("as many nodes as promised");
        let children = (0..node.children).map(|_| Dom::read(nodes)).collect();
        Dom {
            node: WireNode { children: 0, ..node },
            children,
        }
    }

    fn find(&mut self, id: u32) -> Option<&mut Dom> {
        if self.node.id == id {
            return Some(self);
        }
        self.children.iter_mut().find_map(|child| child.find(id))
    }

    fn take(&mut self, id: u32) -> Option<Dom> {
        if let Some(at) = self.children.iter().position(|child| child.node.id == id) {
            return Some(self.children.remove(at));
        }
        self.children.iter_mut().find_map(|child| child.take(id))
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Set { id, attributes } => {
                let held = &mut self.find(id).expect("set: node is there").node.attributes;
                for (name, value) in attributes {
                    held.retain(|(other, _)| *other != name);
                    held.extend(value.map(|value| (name, value)));
                }
                held.sort_by(|a, b| a.0.cmp(&b.0));
            }
            Op::On { id, events } => self.find(id).expect("on: node is there").node.events = events,
            Op::Insert { parent, index, nodes } => {
                let child = Dom::read(&mut nodes.into_iter());
                self.find(parent)
                    .expect("insert: parent is there")
                    .children
                    .insert(index as usize, child);
            }
            Op::Remove { id } => drop(self.take(id).expect("remove: node is there")),
            Op::Move { id, parent, index } => {
                let child = self.take(id).expect("move: node is there");
                self.find(parent)
                    .expect("move: parent is there")
                    .children
                    .insert(index as usize, child);
            }
        }
    }
}

/// Checks one pair; returns how many operations it took.
fn check(before: Vec<Node>, after: Vec<Node>) -> usize {
    let (mut old, mut new) = (retained(&before), retained(&after));
    let mut next = 1;
    old.number_all(&mut next);
    // As a session keeps it.
    let kept = Packed::new(&old);
    assert_eq!(kept.open().into_wire().collect::<Vec<_>>(), old.into_wire().collect::<Vec<_>>());
    let old = kept.open();
    let mut dom = Dom::read(&mut kept.open().into_wire());
    let Some(ops) = diff(&old, &mut new, &mut next) else {
        assert!(
            before[0].kind != after[0].kind || before[0].key != after[0].key,
            "only another root makes all new"
        );
        return 0;
    };
    let count = ops.len();
    for op in ops.clone() {
        dom.apply(op);
    }
    let kept = Packed::new(&new);
    let wanted = Dom::read(&mut kept.open().into_wire());
    assert_eq!(dom, wanted, "from {before:?}\nto {after:?}\nby {ops:?}");
    let mut ids: Vec<u32> = kept.open().into_wire().map(|node| node.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() == kept.len() && ids[0] > 0, "every node has a number of its own");
    assert_eq!(kept.open().into_wire().collect::<Vec<_>>(), new.into_wire().collect::<Vec<_>>());
    count
}

fn with_children(children: &[&str]) -> Vec<Node> {
    let mut root = Node::new("page");
    root.children = children.len() as u32;
    let mut nodes = vec![root];
    for name in children {
        let mut node = Node::new(if name.len() > 1 { name } else { "card" });
        if name.len() == 1 {
            node.key = (*name).to_owned();
        }
        nodes.push(node);
    }
    nodes
}

#[test]
fn every_small_list_becomes_every_other() {
    let symbols = ["a", "b", "c", "text", "badge"];
    let mut lists: Vec<Vec<&str>> = vec![vec![]];
    let mut start = 0;
    for _ in 0..3 {
        let end = lists.len();
        for index in start..end {
            for symbol in symbols {
                if symbol.len() > 1 || !lists[index].contains(&symbol) {
                    let mut longer = lists[index].clone();
                    longer.push(symbol);
                    lists.push(longer);
                }
            }
        }
        start = end;
    }
    for before in &lists {
        for after in &lists {
            check(with_children(before), with_children(after));
        }
    }
}

#[test]
fn one_moved_item_is_one_operation() {
    let before: Vec<String> = (0..20u8).map(|i| char::from(b'a' + i).to_string()).collect();
    let mut after = before.clone();
    let last = after.pop().expect("twenty");
    after.insert(3, last);
    let names = |list: &[String]| with_children(&list.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(check(names(&before), names(&after)), 1);
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn subtree(&mut self, depth: u32, nodes: &mut Vec<Node>) {
        let mut node = Node::new(["stack", "row", "card", "made-up"][self.below(4) as usize]);
        for name in ["gap", "tone", "title", "own"] {
            match self.below(6) {
                0 => node
                    .attributes
                    .set(name, ["s", "a longer text than the table has words"][self.below(2) as usize]),
                1 => node.attributes.set(name, [0, -1, 300, i64::MIN][self.below(4) as usize]),
                2 => node.attributes.set(name, self.below(2) == 0),
                3 => node.attributes.set(name, [0.5, -7.25][self.below(2) as usize]),
                _ => {}
            }
        }
        if self.below(3) == 0 {
            let event = ["tap", "change"][self.below(2) as usize];
            node.handlers.push((event, self.below(9) as u32));
        }
        let at = nodes.len();
        nodes.push(node);
        if depth < 4 {
            let mut keys: Vec<u64> = (0..6).collect();
            let children = self.below(5) as u32;
            for _ in 0..children {
                let child = nodes.len();
                self.subtree(depth + 1, nodes);
                if self.below(2) == 0 {
                    let key = keys.swap_remove(self.below(keys.len() as u64) as usize);
                    nodes[child].key = format!("k{key}");
                }
            }
            nodes[at].children = children;
        }
    }
}

#[test]
fn random_views_become_each_other() {
    for seed in 1..=600u64 {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let tree = |random: &mut Random| {
            let mut nodes = Vec::new();
            random.subtree(0, &mut nodes);
            nodes[0].kind = "page".into();
            nodes[0].key.clear();
            nodes
        };
        let (before, after) = (tree(&mut random), tree(&mut random));
        println!("seed {seed}: {} to {} nodes", before.len(), after.len());
        check(before, after);
    }
}
