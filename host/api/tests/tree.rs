//! What is refused in a view, and what is not.

use youji_api::{Limits, Node, Scalar, Tree, TreeError};

/// Each word is a node: kind, `#key`, `/children`.
fn check(view: &str, expected: Result<usize, TreeError>) {
    let nodes = view.split_whitespace().map(parse).collect();
    let limits = Limits {
        nodes: 6,
        depth: 3,
        tree_bytes: 200,
        ..Limits::default()
    };
    assert_eq!(Tree::new(nodes, &limits).map(|tree| tree.nodes().len()), expected, "{view}");
}

fn parse(word: &str) -> Node {
    let (rest, children) = word.split_once('/').unwrap_or((word, "0"));
    let (kind, key) = rest.split_once('#').unwrap_or((rest, ""));
    let mut node = Node::new(kind);
    node.key = key.to_owned();
    node.children = children.parse().expect("a number of children");
    node
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
            vec![parse(&long)],
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
    let mut node = Node::new("hologram");
    node.attributes.set("depth", 1.5);
    assert!(Tree::new(vec![node.clone()], &Limits::default()).is_ok());
    node.attributes.set("depth", Scalar::Number(f64::NAN));
    assert_eq!(
        Tree::new(vec![node], &Limits::default()),
        Err(TreeError::NotFinite {
            node: 0,
            name: "depth".into()
        })
    );
}
