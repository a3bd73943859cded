//! What changed from one view to the next.
//!
//! Siblings are matched by kind and key; without a key, the nth of a kind is matched with the nth of that kind.

use super::retained::Retained;
use crate::update::{Name, Op};
use std::collections::HashMap;
use youji_api::Scalar;

/// Numbers the nodes of `new`, those that stayed as in `old`, and says how to get from one to the other. None if the roots
/// differ in kind or key: then the whole view is new.
pub(crate) fn diff(old: &Retained<'_>, new: &mut Retained<'_>, next_id: &mut u32) -> Option<Vec<Op>> {
    if old.len() == 0 || !same_identity(old, 0, new, 0) {
        new.number_all(next_id);
        return None;
    }
    let mut ops = Vec::new();
    node(old, 0, new, 0, next_id, &mut ops);
    Some(ops)
}

fn same_identity(old: &Retained<'_>, o: usize, new: &Retained<'_>, n: usize) -> bool {
    let (a, b) = (old.record(o), new.record(n));
    old.str(a.kind) == new.str(b.kind) && old.str(a.key) == new.str(b.key)
}

// As deep as a view may be.
fn node(old: &Retained<'_>, o: usize, new: &mut Retained<'_>, n: usize, next_id: &mut u32, ops: &mut Vec<Op>) {
    let id = old.record(o).id;
    new.keep_number(n, id);
    let attributes = changed_attributes(old, o, new, n);
    if !attributes.is_empty() {
        ops.push(Op::Set { id, attributes });
    }
    let (before, after) = (old.handlers(o), new.handlers(n));
    if before.len() != after.len() || before.iter().zip(after).any(|(a, b)| old.str(a.0) != new.str(b.0)) {
        ops.push(Op::On { id, events: new.events(n) });
    }
    let before: Vec<usize> = old.children(o).collect();
    let after: Vec<usize> = new.children(n).collect();
    if before.len() == after.len() && before.iter().zip(&after).all(|(o, n)| same_identity(old, *o, new, *n)) {
        for (o, n) in before.into_iter().zip(after) {
            node(old, o, new, n, next_id, ops);
        }
        return;
    }
    let matched = match_children(old, &before, new, &after);
    reorder(old, &before, new, &after, &matched, id, next_id, ops);
    for (n, position) in after.into_iter().zip(matched) {
        if let Some(position) = position {
            node(old, before[position], new, n, next_id, ops);
        }
    }
}

fn changed_attributes(old: &Retained<'_>, o: usize, new: &Retained<'_>, n: usize) -> Vec<(Name, Option<Scalar>)> {
    let mut changed = Vec::new();
    let (mut before, mut after) = (old.attributes(o).iter().peekable(), new.attributes(n).iter().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return changed,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => old.str(a.0).cmp(new.str(b.0)),
        };
        let gone = if order.is_le() { before.next() } else { None };
        let come = if order.is_ge() { after.next() } else { None };
        match (gone, come) {
            (Some((_, a)), Some((name, b))) if !old.same_value(*a, new, *b) => changed.push((new.name(*name), Some(new.scalar(*b)))),
            (None, Some((name, value))) => changed.push((new.name(*name), Some(new.scalar(*value)))),
            (Some((name, _)), None) => changed.push((old.name(*name), None)),
            _ => {}
        }
    }
}

/// For each new child the position of the old child that it continues.
fn match_children(old: &Retained<'_>, before: &[usize], new: &Retained<'_>, after: &[usize]) -> Vec<Option<usize>> {
    fn identities<'a>(tree: &'a Retained<'_>, children: &[usize]) -> Vec<(&'a str, &'a str, u32)> {
        let mut counts: HashMap<&str, u32> = HashMap::new();
        let identity = |index: &usize| {
            let record = tree.record(*index);
            let (kind, key) = (tree.str(record.kind), tree.str(record.key));
            if !key.is_empty() {
                return (kind, key, 0);
            }
            let count = counts.entry(kind).or_default();
            *count += 1;
            (kind, key, *count)
        };
        children.iter().map(identity).collect()
    }
    let positions: HashMap<_, _> = identities(old, before).into_iter().zip(0..).collect();
    identities(new, after)
        .into_iter()
        .map(|identity| positions.get(&identity).copied())
        .collect()
}

#[allow(clippy::too_many_arguments, reason = "one step of one algorithm, called once")]
fn reorder(
    old: &Retained<'_>,
    before: &[usize],
    new: &mut Retained<'_>,
    after: &[usize],
    matched: &[Option<usize>],
    parent: u32,
    next_id: &mut u32,
    ops: &mut Vec<Op>,
) {
    let mut stays = vec![false; before.len()];
    matched.iter().flatten().for_each(|position| stays[*position] = true);
    let mut current: Vec<usize> = Vec::with_capacity(before.len());
    for (position, o) in before.iter().enumerate() {
        if stays[position] {
            current.push(position);
        } else {
            ops.push(Op::Remove { id: old.record(*o).id });
        }
    }
    let unmoved = longest_rising(matched, before.len());
    // Where the sibling placed last stands now; what is not moved is in order already.
    let mut place = 0;
    for (n, position) in after.iter().zip(matched) {
        match position {
            None => {
                for index in *n..*n + new.record(*n).size as usize {
                    new.number(index, next_id);
                }
                ops.push(Op::Insert {
                    parent,
                    index: number(place),
                    nodes: new.wire_subtree(*n),
                });
                current.insert(place, usize::MAX);
                place += 1;
            }
            Some(position) if unmoved[*position] => {
                place += 1 + current[place..].iter().position(|other| other == position).unwrap_or(0);
            }
            Some(position) => {
                if let Some(from) = current.iter().position(|other| other == position) {
                    current.remove(from);
                    // Taken out from before the place, everything moves up by one.
                    place -= usize::from(from < place);
                    current.insert(place, *position);
                    ops.push(Op::Move {
                        id: old.record(before[*position]).id,
                        parent,
                        index: number(place),
                    });
                    place += 1;
                }
            }
        }
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Marks the old positions of a longest rising run: these need not move.
fn longest_rising(matched: &[Option<usize>], positions: usize) -> Vec<bool> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = vec![None; positions];
    for position in matched.iter().flatten().copied() {
        let at = tails.partition_point(|tail| *tail < position);
        previous[position] = at.checked_sub(1).map(|before| tails[before]);
        if at == tails.len() {
            tails.push(position);
        } else {
            tails[at] = position;
        }
    }
    let mut unmoved = vec![false; positions];
    let mut next = tails.last().copied();
    while let Some(position) = next {
        unmoved[position] = true;
        next = previous[position];
    }
    unmoved
}

#[cfg(test)]
mod tests;
