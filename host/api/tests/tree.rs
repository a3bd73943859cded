//! What is refused in a view, and what is not.

use youji_api::tree::{Attribute, Value};
use youji_api::{Limits, Scalar, Tree, TreeError, View};

/// Each word is a node: kind, `#key`, `/children`.
fn check(view: &str, expected: Result<usize, TreeError>) {
    let limits = Limits {
        nodes: 6,
        depth: 3,
        tree_bytes: 200,
        ..Limits::default()
    };
    assert_eq!(Tree::new(parse(view), &limits).map(|tree| tree.nodes().len()), expected, "{view}");
}

fn parse(words: &str) -> View {
    let mut view = View::default();
    for word in words.split_whitespace() {
        let (rest, children) = word.split_once('/').unwrap_or((word, "0"));
        let (kind, key) = rest.split_once('#').unwrap_or((rest, ""));
        let children = children.parse().expect("a number of children");
        view.push((kind, key, children), [], []);
    }
    view
}

#[test]
fn shapes() {
    check("page", Ok(1));
    check("page/2 text text", Ok(3));
    check("page/2 stack/1 text text", Ok(4));
    check("", Err(TreeError::Empty));
    check(
        "page/1",
        Err(TreeError::MissingChildren {
            node: 0,
            kind: "page".into(),
        }),
    );
    check(
        "page/1 stack/2 text",
        Err(TreeError::MissingChildren {
            node: 1,
            kind: "stack".into(),
        }),
    );
    check(
        "page text",
        Err(TreeError::SecondRoot {
            node: 1,
            kind: "text".into(),
        }),
    );
    check(
        "page/1 text text",
        Err(TreeError::SecondRoot {
            node: 2,
            kind: "text".into(),
        }),
    );
    check(
        "page/4294967295 text",
        Err(TreeError::MissingChildren {
            node: 0,
            kind: "page".into(),
        }),
    );
}

#[test]
fn limits() {
    check("page/6 a a a a a a", Err(TreeError::TooManyNodes { found: 7, limit: 6 }));
    check(
        "page/1 a/1 b/1 c",
        Err(TreeError::TooDeep {
            node: 3,
            found: 4,
            limit: 3,
        }),
    );
    let long = "x".repeat(300);
    assert!(matches!(
        Tree::new(
            parse(&long),
            &Limits {
                tree_bytes: 200,
                ..Limits::default()
            }
        ),
        Err(TreeError::TooLarge { limit: 200, .. })
    ));
}

#[test]
fn keys_differ_among_siblings_only() {
    check("page/2 a#1 a#2", Ok(3));
    check("page/2 a#1/1 b#1 a#2", Ok(4));
    check("page/2 a#1 b#1", Err(TreeError::DuplicateKey { node: 2, key: "1".into() }));
}

#[test]
fn numbers_are_finite_and_unknown_widgets_are_welcome() {
    let depth = |depth: f64| {
        let mut view = View::default();
        view.push(("hologram", "", 0), [("depth", Scalar::Number(depth))], [("shine", 7)]);
        Tree::new(view, &Limits::default())
    };
    let tree = depth(1.5).expect("a node of a later host");
    assert_eq!(tree.str(tree.nodes()[0].kind), "hologram");
    assert_eq!((tree.str(tree.handlers()[0].event), tree.handlers()[0].id), ("shine", 7));
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let name = "depth".to_owned();
        assert_eq!(depth(wrong), Err(TreeError::NotFinite { node: 0, name }));
    }
}

#[test]
fn counts_and_texts_fit() {
    let refused = |spoil: fn(&mut View)| {
        let mut view = View::default();
        view.push(("page", "", 1), [("title", Scalar::from("座位"))], []);
        view.push(("text", "k", 0), [("text", Scalar::from("七"))], [("tap", 1)]);
        assert!(Tree::new(view.clone(), &Limits::default()).is_ok());
        spoil(&mut view);
        Tree::new(view, &Limits::default()).expect_err("spoilt").to_string()
    };
    assert_eq!(
        refused(|view| view.nodes[1].attributes = 2),
        "the nodes count 3 attributes, but the view has 2"
    );
    assert_eq!(
        refused(|view| view.nodes[0].handlers = u32::MAX),
        "the nodes count 4294967296 handlers, but the view has 1"
    );
    assert_eq!(
        refused(|view| view.handlers.clear()),
        "the nodes count 1 handlers, but the view has 0"
    );
    assert_eq!(
        refused(|view| view.nodes[1].kind.at = 1_000),
        "the kind of node 1 is the text at 1000, 4 bytes, which the view's texts don't have"
    );
    let in_character = |view: &mut View| {
        if let Value::Text(text) = &mut view.attributes[0].value {
            text.length -= 1;
        }
    };
    assert!(refused(in_character).starts_with("the attribute of node 0 is the text at 9, 5 bytes"));
    assert!(refused(|view| view.nodes[1].key.at += 4_000).starts_with("the key of node 1"));
    assert!(refused(|view| view.handlers[0].event.at = u32::MAX).starts_with("the handler of node 1"));
    // A long text counts as often as it is shown.
    let echo = |view: &mut View| {
        let value = Value::Text(view.span(&"x".repeat(100 << 10)));
        let name = view.nodes[0].kind;
        view.attributes.extend([Attribute { name, value }; 1_000]);
        view.nodes[1].attributes += 1_000;
    };
    assert!(refused(echo).contains("bytes; the limit is"));
}
