//! Every code that a person can meet has words in each language of the page. Codes are collected from the sources that make them, so
//! that one that is added without words fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn host() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = host().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Rust sources below a folder of `host`.
fn sources(folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut folders = vec![host().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                all.push(read(path));
            }
        }
    }
    assert!(!all.is_empty(), "{folder}");
    all
}

/// The text literal at the start of `text`.
fn literal(text: &str) -> Option<String> {
    let (code, _) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(code.to_owned())
}

/// What stands as that argument of each call, where it is a literal.
fn arguments(source: &str, call: &str, nth: usize) -> Vec<String> {
    let calls = source.split(call).skip(1);
    calls.filter_map(|rest| literal(rest.splitn(nth + 2, ',').nth(nth)?)).collect()
}

/// What the arms of a `fn code` answer.
fn arms(source: &str) -> Vec<String> {
    let (_, code) = source.split_once("fn code(&self)").expect("a fn code");
    let (body, _) = code.split_once("\n    }\n").expect("its end");
    body.split("=> ").skip(1).filter_map(literal).collect()
}

/// Keys of one exported table of the page with the texts of each.
fn table(file: &str, name: &str) -> BTreeMap<String, Vec<String>> {
    let text = read(format!("kiosk/page/i18n/{file}.js"));
    let (_, table) = text.split_once(&format!("export const {name} = {{")).expect("the table");
    let (table, _) = table.split_once("\n};").expect("its end");
    let mut all = BTreeMap::new();
    for line in table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
    {
        let (key, texts) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("{file}: one entry a line expected, found {line}"));
        let texts: Vec<String> = texts.split('\'').skip(1).step_by(2).map(str::to_owned).collect();
        let before = all.insert(key.trim_matches('\'').to_owned(), texts);
        assert!(before.is_none(), "{file}: {key} twice");
    }
    all
}

fn placeholders(texts: &[String]) -> BTreeSet<String> {
    let opened = texts.iter().flat_map(|text| text.split('{').skip(1));
    opened
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
        .collect()
}

/// Both languages say the same things with the same placeholders, and leave none empty.
#[track_caller]
fn check_same(zh: &BTreeMap<String, Vec<String>>, en: &BTreeMap<String, Vec<String>>, texts: usize) {
    let (left, right): (BTreeSet<&String>, BTreeSet<&String>) = (zh.keys().collect(), en.keys().collect());
    assert_eq!(left, right, "keys of zh and en");
    for (key, zh) in zh {
        let en = &en[key];
        for words in [zh, en] {
            assert_eq!(words.len(), texts, "{key}: {words:?}");
            assert!(words.iter().all(|text| !text.trim().is_empty()), "{key}: {words:?}");
        }
        assert_eq!(placeholders(zh), placeholders(en), "{key}");
    }
}

#[test]
fn every_problem_has_words() {
    let mut codes: BTreeSet<String> = BTreeSet::new();
    for file in ["package/src/scancode.rs", "registry/src/error.rs", "kiosk/src/decode.rs"] {
        codes.extend(arms(&read(file)));
    }
    let value = read("api/src/value.rs");
    let (_, failures) = value.split_once("pub mod codes {").expect("the codes of failures");
    codes.extend(failures.split(": &str = ").skip(1).filter_map(literal));
    for source in sources("kiosk/src") {
        codes.extend(arguments(&source, "Problem::new(", 1));
    }
    let problem = read("kiosk/src/problem.rs");
    codes.extend(problem.split("=> (\"").skip(1).filter_map(|rest| literal(&format!("\"{rest}"))));
    // Those that were there when this was written, of each source: the collecting itself must not fail in silence.
    for known in [
        "expired",
        "disallowed",
        "no-code",
        "insufficient-funds",
        "no-person",
        "compile",
        "fault",
    ] {
        assert!(codes.contains(known), "{known} in {codes:?}");
    }
    let (zh, en) = (table("problems-zh", "problems"), table("problems-en", "problems"));
    check_same(&zh, &en, 3);
    let missing: Vec<&String> = codes.iter().filter(|code| !zh.contains_key(*code)).collect();
    assert!(missing.is_empty(), "no words in page/i18n/problems-*.js for {missing:?}");
}

#[test]
fn every_fault_has_words() {
    let mut codes: BTreeSet<String> = BTreeSet::new();
    for source in sources("runtime/src") {
        codes.extend(arguments(&source, "Fault::new(", 0));
    }
    for known in ["cpu", "memory", "pages", "host"] {
        assert!(codes.contains(known), "{known} in {codes:?}");
    }
    let (zh, en) = (table("problems-zh", "faults"), table("problems-en", "faults"));
    check_same(&zh, &en, 1);
    let missing: Vec<&String> = codes.iter().filter(|code| !zh.contains_key(*code)).collect();
    assert!(missing.is_empty(), "no words in page/i18n/problems-*.js for {missing:?}");
}

#[test]
fn both_languages_have_the_same_words() {
    check_same(&table("zh", "zh"), &table("en", "en"), 1);
}

/// Every kind of line, and every act of an operator, that a source writes into the event file, and nothing else, is in its dictionary.
#[test]
fn what_the_event_file_holds_stands_in_its_dictionary() {
    let dictionary: serde_json::Value = serde_json::from_str(&read("kiosk/src/journal.dictionary.json")).expect("JSON");
    let (mut kinds, mut acts) = (BTreeSet::new(), BTreeSet::new());
    for source in sources("kiosk/src") {
        kinds.extend(arguments(&source, ".record(", 0));
        acts.extend(source.split("\"action\": ").skip(1).filter_map(literal));
    }
    let known = dictionary["kinds"].as_object().expect("kinds");
    assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), kinds);
    let told = known["operator"]["action"].as_str().expect("acts").split(", ").map(str::to_owned);
    assert_eq!(told.collect::<BTreeSet<_>>(), acts);
}
