//! `youji check` finds what it says that it finds: for each rule a program that breaks it, as text and as JSON.

use crate::author::{Author, replace};
use rand::Rng;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A project whose files are put back after each fixture.
struct Checked {
    author: Author,
    dir: PathBuf,
    good: Vec<(PathBuf, Vec<u8>)>,
}

/// Files of a template that fixtures change.
const CHANGED: [&str; 3] = ["manifest.json", "src/lib.rs", "i18n/en.json"];

impl Checked {
    fn new() -> Checked {
        let author = Author::new();
        let dir = author.project("tea-house", "counter");
        let good = CHANGED.map(|name| {
            let path = dir.join(name);
            let bytes = std::fs::read(&path).expect("readable");
            (path, bytes)
        });
        Checked {
            author,
            dir,
            good: good.into(),
        }
    }

    fn put_back(&self) {
        for (path, bytes) in &self.good {
            std::fs::write(path, bytes).expect("written");
        }
        for entry in std::fs::read_dir(self.dir.join("common")).expect("readable") {
            let path = entry.expect("an entry").path();
            if !path.ends_with("icon.svg") {
                std::fs::remove_file(path).expect("removed");
            }
        }
    }

    /// The report on a project that was changed so.
    fn report(&self, change: impl FnOnce(&Path)) -> Value {
        self.put_back();
        change(&self.dir);
        let said = self.author.youji(&self.dir, &["check", "--json"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.json()
    }

    /// A project that was changed so breaks that rule and no other, there, and is told so.
    fn check(&self, rule: &str, weight: &str, place: &str, says: &str, change: impl FnOnce(&Path)) {
        let report = self.report(change);
        let findings = report["findings"].as_array().expect("a list");
        assert!(!findings.is_empty(), "{rule} was not found: {report}");
        for finding in findings {
            assert_eq!(finding["rule"], rule, "{report}");
            assert_eq!(finding["weight"], weight, "{finding}");
            for member in ["place", "found", "remedy"] {
                assert!(finding[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {finding}");
            }
        }
        let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
        assert!(
            findings
                .iter()
                .any(|finding| text(finding, "place").starts_with(place) && text(finding, "found").contains(says)),
            "expected {says:?} at {place:?}: {report}"
        );
        let points = match weight {
            "serious" => 10,
            "minor" => 3,
            _ => 0,
        };
        let lost = (points * findings.len() as u64).min(25);
        assert_eq!(report["score"], 100 - lost, "{report}");
    }
}

/// A picture that can't be packed smaller.
fn picture(file: &Path, bytes: usize) {
    let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut random = rand::rng();
    content.extend((content.len()..bytes).map(|_| random.random::<u8>()));
    std::fs::write(file, content).expect("written");
}

/// The program names that file, so that it is no unused one.
fn names(dir: &Path, file: &str) {
    replace(
        &dir.join("src/lib.rs"),
        "let buttons = row()",
        &format!("let buttons = youji_sdk::widgets::Widget::described(row(), \"{file}\")"),
    );
}

#[test]
fn each_rule_is_broken_by_a_program_of_its_own() {
    let checked = Checked::new();
    let lib = |dir: &Path, from: &str, to: &str| replace(&dir.join("src/lib.rs"), from, to);

    let clean = checked.report(|_| {});
    assert_eq!(
        (&clean["score"], clean["findings"].as_array().map(Vec::len)),
        (&100.into(), Some(0)),
        "{clean}"
    );
    assert_eq!(
        clean["views"].as_array().map(Vec::len),
        Some(2),
        "one page in two languages: {clean}"
    );

    checked.check("page-broken", "serious", "pages/count (zh-CN)", "", |dir| {
        lib(
            dir,
            "let bytes = saved",
            "assert!(launch.page.path.is_empty());\n        let bytes = saved",
        );
    });
    checked.check(
        "permission-unused",
        "serious",
        "manifest.json:11",
        "\"clock\" is requested",
        |dir| {
            replace(
                &dir.join("manifest.json"),
                "\"req_permissions\": []",
                "\"req_permissions\": [{ \"name\": \"clock\" }]",
            );
        },
    );
    checked.check(
        "permission-missing",
        "serious",
        "manifest.json:11",
        "calls \"clock\", which is not requested",
        |dir| {
            lib(
                dir,
                "saved: Option<Saved>, _: &mut Ctx<Msg>) -> Self {",
                "saved: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {\n        assert!(ctx.now() > 0);",
            )
        },
    );
    checked.check(
        "label-missing",
        "serious",
        "pages/count (zh-CN), button #",
        "a button without a label (\"plus\")",
        |dir| lib(dir, "button().label(self.words.more)", "button().icon(\"plus\")"),
    );
    checked.check("title-missing", "minor", "pages/count (zh-CN), page #", "without a title", |dir| {
        lib(dir, "page().title(self.words.title)", "page()");
    });
    checked.check("translation-missing", "minor", "i18n/en.json", "in \"zh\" only", |dir| {
        std::fs::remove_file(dir.join("i18n/en.json")).expect("removed");
    });
    checked.check("translation-missing", "minor", "i18n/en.json", "\"description\"", |dir| {
        std::fs::write(dir.join("i18n/en.json"), "{\"name\": \"Tea house\"}").expect("written");
    });
    checked.check("translation-missing", "minor", "pages/count (en)", "\"加一\"", |dir| {
        lib(dir, "\"One more\"", "\"加一\"");
    });
    checked.check("asset-unused", "minor", "common/unused.svg", "names it", |dir| {
        std::fs::copy(dir.join("common/icon.svg"), dir.join("common/unused.svg")).expect("copied");
    });
    checked.check("asset-perhaps-unused", "hint", "common/dish-9.svg", "names it", |dir| {
        std::fs::copy(dir.join("common/icon.svg"), dir.join("common/dish-9.svg")).expect("copied");
        names(dir, "common/dish-");
    });
    checked.check("picture-large", "minor", "common/photo.png", "210 KiB", |dir| {
        picture(&dir.join("common/photo.png"), 210 << 10);
        names(dir, "common/photo.png");
    });
    checked.check("size", "minor", "common/", "of at most 2048 KiB", |dir| {
        let all: Vec<String> = (0..6).map(|number| format!("common/{number}.png")).collect();
        for name in &all {
            picture(&dir.join(name), 190 << 10);
        }
        names(dir, &all.join(" "));
    });
    checked.check("view-large", "minor", "pages/count (zh-CN)", "nodes of at most 1000", |dir| {
        lib(
            dir,
            "let buttons = row()",
            "let buttons = row().children((0..600).map(|_| text().text(\"1\")))",
        );
    });
    checked.check("contrast", "hint", "manifest.json", "on the light ground", |dir| {
        replace(&dir.join("manifest.json"), "#0f766e", "#ffffff");
    });
}

#[test]
fn people_read_the_same_and_scripts_get_an_exit_code() {
    let checked = Checked::new();
    let dir = checked.dir.as_path();
    replace(
        &dir.join("src/lib.rs"),
        "button().label(self.words.more)",
        "button().icon(\"plus\")",
    );
    replace(&dir.join("manifest.json"), "#0f766e", "#ffffff");
    std::fs::copy(dir.join("common/icon.svg"), dir.join("common/unused.svg")).expect("copied");

    let said = checked.author.youji(dir, &["check"]).ok();
    let lines: Vec<&str> = said.out.lines().collect();
    let wanted = [
        ("SERIOUS pages/count (zh-CN), button #", "[label-missing]"),
        ("        a button without a label", "give it a label"),
        ("minor   common/unused.svg", "[asset-unused]"),
        ("hint    manifest.json", "[contrast]"),
        ("Size: the package has ", "KiB"),
        ("  pages/count (en): ", " nodes, depth "),
        ("87 of 100 points", "label-missing -10, asset-unused -3"),
    ];
    let mut rest = lines.iter();
    for (begins, holds) in wanted {
        assert!(
            rest.any(|line| line.starts_with(begins) && line.contains(holds)),
            "{begins:?} with {holds:?} is not in its place in:\n{}",
            said.out
        );
    }
    assert_eq!(checked.author.youji(dir, &["check", "--min", "87"]).code, Some(0));
    assert_eq!(checked.author.youji(dir, &["check", "--min", "88"]).code, Some(1));
    std::fs::write(dir.join("src/lib.rs"), "no Rust").expect("written");
    let broken = checked.author.youji(dir, &["check", "--json"]);
    assert_eq!(broken.code, Some(1));
    assert!(
        broken.json()["error"].as_str().is_some_and(|error| error.contains("src/lib.rs:1")),
        "{broken:?}"
    );
}
