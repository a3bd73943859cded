//! Words that every program uses, kept once: widgets, attributes, events and the words that attributes take.

use rustc_hash::FxHashMap;
use std::sync::LazyLock;
use youji_api::widgets::{COMMON, Kind, WIDGETS};

static TABLE: LazyLock<(Vec<&'static str>, FxHashMap<&'static str, u32>)> = LazyLock::new(|| {
    let mut list = vec![""];
    let attributes = WIDGETS.iter().flat_map(|widget| widget.attributes).chain(COMMON);
    list.extend(WIDGETS.iter().map(|widget| widget.kind));
    list.extend(WIDGETS.iter().flat_map(|widget| widget.events));
    list.push("dismiss");
    for attribute in attributes {
        list.push(attribute.name);
        if let Kind::Word(words) = attribute.kind {
            list.extend(words);
        }
    }
    list.sort_unstable();
    list.dedup();
    let index = list.iter().zip(0..).map(|(word, index)| (*word, index)).collect();
    (list, index)
});

/// Longer texts are not looked up.
const LONGEST: usize = 24;

/// The number of a word in the table.
pub(super) fn number(word: &str) -> Option<u32> {
    if word.len() > LONGEST { None } else { TABLE.1.get(word).copied() }
}

/// The word of that number.
pub(super) fn word(number: u32) -> &'static str {
    TABLE.0.get(number as usize).copied().unwrap_or("")
}
