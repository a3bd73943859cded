//! The pages of the manifest and of the widgets are what the code says: members from the parser, their meaning from the type's own docs,
//! widgets from the host's table. `YOUJI_UPDATE=1 cargo test -p youji-dev --test reference` writes them anew.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use youji_api::widgets::{Attribute, COMMON, Kind, WIDGETS};
use youji_package::Manifest;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A manifest that has everything.
fn whole() -> Value {
    let text = std::fs::read(root().join("host/package/tests/manifests/good.json")).expect("a manifest");
    Manifest::parse(&text).expect("a good one");
    serde_json::from_slice(&text).expect("JSON")
}

/// What the parser expects at a member, and what it suggests, when something else stands there or nothing.
fn said(manifest: &Value, member: &str) -> Option<(String, String)> {
    let errors = Manifest::parse(manifest.to_string().as_bytes()).err()?;
    let error = errors.0.into_iter().find(|error| error.member == member)?;
    Some((error.expected, error.remedy))
}

/// Members that an object may have, as the parser lists them to whoever writes another one.
fn members(manifest: &Value, pointer: &str, member: &str) -> Vec<String> {
    let mut changed = manifest.clone();
    let object = changed.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object");
    object.insert("no-such-member".to_owned(), json!(0));
    let errors = Manifest::parse(changed.to_string().as_bytes()).expect_err("no such member").0;
    let error = errors
        .into_iter()
        .find(|error| error.expected.starts_with("one of "))
        .expect(member);
    error.expected["one of ".len()..].split(", ").map(str::to_owned).collect()
}

/// The doc comment of each member of the type.
fn meanings(file: &str, of: &str) -> BTreeMap<String, String> {
    let source = std::fs::read_to_string(root().join(file)).expect("a source");
    let body = source.split(&format!("pub struct {of} {{")).nth(1).expect("the type");
    let body = &body[..body.find("\n}").expect("its end")];
    let (mut found, mut doc) = (BTreeMap::new(), String::new());
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc = format!("{doc} {}", text.trim()).trim().to_owned();
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(':')) {
            found.insert(name.to_owned(), std::mem::take(&mut doc));
        }
    }
    found
}

fn table(manifest: &Value, pointer: &str, prefix: &str, meanings: &BTreeMap<String, String>) -> String {
    let mut text = String::from("| member | must | what stands there | meaning |\n|---|---|---|---|\n");
    for name in members(manifest, pointer, prefix) {
        let member = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let change = |value: Option<Value>| {
            let mut changed = manifest.clone();
            let object = changed.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object");
            match value {
                Some(value) => object.insert(name.clone(), value),
                None => object.shift_remove(&name),
            };
            changed
        };
        let must = said(&change(None), &member).is_some();
        let expected = said(&change(Some(json!(true))), &member).or_else(|| said(&change(Some(json!("§"))), &member));
        // Accepted whatever it is: a member of W3C manifests that means nothing here.
        let (expected, remedy) = expected.unwrap_or(("anything: other hosts read it, this one does not".to_owned(), String::new()));
        let meaning = match name.as_str() {
            "platform_version" => "Lowest platform that it runs on.",
            "req_permissions" => meanings.get("permissions").map_or("", String::as_str),
            "min_code" => "Lowest platform that it runs on; this host is 1.",
            other => meanings.get(other).map_or("", String::as_str),
        };
        let example = if remedy.starts_with("write ") || remedy.starts_with("choose ") {
            format!("; {remedy}")
        } else {
            String::new()
        };
        let cell = |text: &str| text.replace('|', "\\|");
        writeln!(
            text,
            "| `{name}` | {} | {}{} | {} |",
            if must { "yes" } else { "" },
            cell(&expected),
            cell(&example),
            cell(meaning)
        )
        .expect("written");
    }
    text
}

fn page() -> String {
    let manifest = whole();
    let source = "host/package/src/manifest.rs";
    let rules = "host/api/src/caller.rs";
    let mut page = String::from(
        "# The manifest\n\n`manifest.json` stands in the project's folder, UTF-8, at most 64 KiB, every member once. After W3C MiniApp Manifest, with what a Youji host adds. A mistake is told with file, line, what was\nexpected, what came and what to do.\n\nThis page is generated from the parser (`host/dev/tests/reference.rs`); a test fails where it is out of date.\n\n",
    );
    page.push_str(&table(&manifest, "", "", &meanings(source, "Manifest")));
    for (title, pointer, member, meanings) in [
        ("icons", "/icons/0", "icons[0]", meanings(source, "Icon")),
        ("version", "/version", "version", meanings(source, "Version")),
        ("platform_version", "/platform_version", "platform_version", BTreeMap::new()),
        (
            "req_permissions",
            "/req_permissions/0",
            "req_permissions[0]",
            meanings(source, "Permission"),
        ),
        ("collections", "/collections/0", "collections[0]", meanings(rules, "CollectionRule")),
        ("templates", "/templates/0", "templates[0]", meanings(rules, "TemplateRule")),
    ] {
        writeln!(page, "\n## {title}\n").expect("written");
        page.push_str(&table(&manifest, pointer, member, &meanings));
    }
    page.push_str("\n## A whole one\n\n```json\n");
    page.push_str(&std::fs::read_to_string(root().join("host/package/tests/manifests/good.json")).expect("a manifest"));
    page.push_str("```\n");
    page
}

fn holds(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::Flag => "yes or no".to_owned(),
        Kind::Integer => "a whole number".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Image => "path of an image in the package".to_owned(),
    }
}

fn attributes(page: &mut String, attributes: &[Attribute]) {
    page.push_str("| attribute | holds | what it does |\n|---|---|---|\n");
    for attribute in attributes {
        writeln!(page, "| `{}` | {} | {} |", attribute.name, holds(attribute.kind), attribute.doc).expect("written");
    }
}

fn widgets() -> String {
    let mut page = String::from(
        "# Widgets\n\nThe host draws them; a program says which, with what attributes, and which message each event sends. [sdk/gallery](../../gallery/src/lib.rs) is a program that has each of them in its states: run it with\n`youji dev sdk/gallery`, copy from it, look at it in both languages, in the dark, on a phone.\n\nThis page is generated from the host's table (`host/dev/tests/reference.rs`); a test fails where it is out of date. Of several words, the first is what absence means.\n\n## All of them\n\n",
    );
    attributes(&mut page, COMMON);
    for widget in WIDGETS {
        writeln!(
            page,
            "\n## {}\n\n{}. In Rust `{}()`{}.",
            widget.kind,
            widget.doc,
            widget.kind.replace('-', "_"),
            if widget.children { ", with children" } else { "" }
        )
        .expect("written");
        if !widget.events.is_empty() {
            let events: Vec<String> = widget.events.iter().map(|event| format!("`{event}`")).collect();
            writeln!(page, "Events: {}.", events.join(", ")).expect("written");
        }
        if !widget.attributes.is_empty() {
            page.push('\n');
            attributes(&mut page, widget.attributes);
        }
    }
    page
}

#[test]
fn the_widgets_page_is_what_the_code_says() {
    let page = widgets();
    for word in [
        "## button",
        "In Rust `text_field()`.",
        "`busy` | yes or no",
        "Events: `input`, `change`, `submit`.",
    ] {
        assert!(page.contains(word), "{word} is missing:\n{page}");
    }
    current("widgets.md", &page);
}

/// Every relative link of every page leads to something.
#[test]
fn no_link_leads_nowhere() {
    let (mut pages, mut open) = (Vec::new(), vec![root().canonicalize().expect("a folder")]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let skipped = name.starts_with('.') || ["target", "node_modules", "book", "vendor"].contains(&name.as_str());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !skipped => open.push(path),
                Ok(kind) if kind.is_file() && name.ends_with(".md") => pages.push(path),
                _ => {}
            }
        }
    }
    assert!(pages.len() > 20, "pages are found: {pages:?}");
    let (mut links, mut broken) = (0, Vec::new());
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        {
            let path = target.split(['#', ' ']).next().unwrap_or_default();
            if path.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            links += 1;
            if !page.parent().expect("a folder").join(path).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(links > 60, "links are found: {links}");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_manifests_page_is_what_the_code_says() {
    let page = page();
    for word in ["`app_id` | yes", "`accent` |  |", "## templates", "## req_permissions", "payment"] {
        assert!(page.contains(word), "{word} is missing:\n{page}");
    }
    current("manifest.md", &page);
}

/// The page is the one that is kept; or becomes it, when that is asked for.
fn current(name: &str, page: &str) {
    let file = root().join("sdk/docs/src").join(name);
    if std::env::var_os("YOUJI_UPDATE").is_some() {
        std::fs::write(&file, page).expect("written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == page,
        "{} is out of date; write it anew with YOUJI_UPDATE=1 cargo test -p youji-dev --test reference",
        file.display()
    );
}

/// Every page that the book names is there, and every page that is there is named.
#[test]
fn the_book_is_whole() {
    let folder = root().join("sdk/docs/src");
    let summary = std::fs::read_to_string(folder.join("SUMMARY.md")).expect("a summary");
    let named: Vec<&str> = summary
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')').map(|(path, _)| path))
        .collect();
    for path in &named {
        assert!(folder.join(path).is_file(), "{path} is named and not there");
    }
    for sub in ["", "capabilities"] {
        for entry in std::fs::read_dir(folder.join(sub)).expect("a folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if sub.is_empty() { name.clone() } else { format!("{sub}/{name}") };
            assert!(
                !name.ends_with(".md") || name == "SUMMARY.md" || named.contains(&path.as_str()),
                "{path} is there and not named"
            );
        }
    }
    for capability in youji_api::Capability::ALL {
        let path = format!("capabilities/{}.md", capability.name());
        assert!(named.contains(&path.as_str()), "no guide for {}", capability.name());
    }
}
