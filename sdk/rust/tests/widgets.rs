//! The SDK's widgets are the host's, one by one.

use youji_api::widgets::{COMMON, Kind, WIDGETS};
use youji_sdk::widgets::{Holds, TABLE};

fn holds(kind: Kind) -> Holds {
    match kind {
        Kind::Text => Holds::Text,
        Kind::Word(words) => Holds::Word(words),
        Kind::Flag => Holds::Flag,
        Kind::Integer => Holds::Integer,
        Kind::Number => Holds::Number,
        Kind::Image => Holds::Image,
    }
}

#[test]
fn every_widget_has_a_builder_and_every_builder_a_widget() {
    let names = |kinds: Vec<&'static str>| kinds.join("\n");
    assert_eq!(
        names(TABLE.iter().map(|entry| entry.kind).collect()),
        names(WIDGETS.iter().map(|widget| widget.kind).collect())
    );
    for (entry, widget) in TABLE.iter().zip(WIDGETS) {
        let kind = widget.kind;
        assert_eq!(entry.children, widget.children, "children of {kind}");
        assert_eq!(entry.events, widget.events, "events of {kind}");
        let theirs: Vec<(&str, Holds)> = widget.attributes.iter().map(|a| (a.name, holds(a.kind))).collect();
        assert_eq!(entry.attributes, theirs, "attributes of {kind}");
    }
    let common: Vec<&str> = COMMON.iter().map(|attribute| attribute.name).collect();
    assert_eq!(common, ["hidden", "grow", "described"], "methods of the trait Widget");
}
