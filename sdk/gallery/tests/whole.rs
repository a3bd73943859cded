//! The gallery has each widget of the contract with each of its attributes, words and events; and a host takes its pages.

use gallery::App;
use std::collections::BTreeSet;
use youji_sdk::Scalar;
use youji_sdk::testing::{FakeHost, Node, launch};
use youji_sdk::widgets::{Holds, TABLE};

const PAGES: [&str; 4] = ["pages/gallery", "pages/layout", "pages/shown", "pages/controls"];

fn host() -> FakeHost {
    FakeHost::with_manifest(include_str!("../manifest.json"))
}

fn nodes(page: &str, language: &str) -> Vec<Node> {
    let mut stage = host().open::<App>("ann", launch(page).text("language", language));
    stage.nodes().to_vec()
}

/// What stands in the views, each as "button", "button.tone", "button.tone=quiet", "button!tap".
fn there() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in PAGES.iter().flat_map(|page| nodes(page, "en")) {
        let kind = node.kind;
        for field in node.attributes {
            if let Scalar::Text(word) = &field.value {
                found.insert(format!("{kind}.{}={word}", field.name));
            }
            found.insert(format!("{kind}.{}", field.name));
        }
        for (event, _) in node.handlers {
            found.insert(format!("{kind}!{event}"));
        }
        found.insert(kind);
    }
    found
}

#[test]
fn nothing_of_the_contract_is_missing() {
    let mut wanted = BTreeSet::new();
    for entry in TABLE {
        let kind = entry.kind;
        wanted.insert(kind.to_owned());
        wanted.extend(entry.events.iter().map(|event| format!("{kind}!{event}")));
        for (name, holds) in entry.attributes {
            wanted.insert(format!("{kind}.{name}"));
            if let Holds::Word(words) = holds {
                // The first one is what absence means.
                wanted.extend(words.iter().skip(1).map(|word| format!("{kind}.{name}={word}")));
            }
        }
    }
    let there = there();
    let missing: Vec<&String> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "add to the gallery: {missing:?}");
    for common in ["text.hidden", "text.grow", "button.described"] {
        assert!(there.contains(common), "{common}");
    }
}

#[test]
fn each_language_has_the_same_widgets_and_no_text_of_the_other() {
    for page in PAGES {
        let (english, chinese) = (nodes(page, "en"), nodes(page, "zh-CN"));
        let kinds = |nodes: &[Node]| nodes.iter().map(|node| node.kind.clone()).collect::<Vec<_>>();
        assert_eq!(kinds(&english), kinds(&chinese), "{page}");
        for node in english {
            for field in node.attributes {
                if let Scalar::Text(text) = field.value {
                    let han = text.chars().any(|character| ('\u{3400}'..='\u{9fff}').contains(&character));
                    assert!(!han, "{page}: {text}");
                }
            }
        }
    }
}

#[test]
fn what_is_used_says_so() {
    let host = host();
    let mut ann = host.open::<App>("ann", launch("pages/gallery"));
    ann.tap("Controls");
    ann.tap("Primary");
    ann.expect("Taps: 1");
    ann.set("How many", 5);
    ann.back();
    ann.tap("Layout");
    ann.expect("Item 4");
    ann.expect_not("Item 5");
}
