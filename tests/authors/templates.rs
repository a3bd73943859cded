//! Each template of `youji new` is built, passes its own tests, and has nothing that the check could say about it.

use crate::author::Author;
use std::path::Path;
use std::time::Instant;
use youji_dev::scaffold::{Language, templates, templates_in};

#[test]
fn each_template_is_tested_checked_and_published() {
    let author = Author::new();
    let all = templates();
    assert_eq!(all, ["chat", "counter", "form", "shop"]);
    for template in all {
        let begun = Instant::now();
        let dir = author.project(&format!("a-{template}"), template);
        let unit = check(&author, &dir, template);
        assert!(unit, "{template} has unit tests");
        publish(&author, &dir, template);
        eprintln!("{:>7.1} s  {template}", begun.elapsed().as_secs_f64());
    }
}

#[test]
fn each_template_in_typescript_is_tested_and_checked() {
    let author = Author::new();
    let all = templates_in(Language::TypeScript);
    assert_eq!(all, ["counter", "shop"]);
    for template in all {
        let begun = Instant::now();
        let dir = author.script(&format!("ts-{template}"), template);
        check(&author, &dir, template);
        eprintln!("{:>7.1} s  {template} in TypeScript", begun.elapsed().as_secs_f64());
    }
}

/// Passes its own tests, twice, and the check finds nothing. Whether it has unit tests.
fn check(author: &Author, dir: &Path, template: &str) -> bool {
    let tested = author.youji(dir, &["test", "--json"]);
    assert_eq!(tested.code, Some(0), "{template}: {}\n{}", tested.out, tested.err);
    let tested = tested.json();
    let scenarios = tested["scenarios"].as_array().cloned().unwrap_or_default();
    assert!(!scenarios.is_empty(), "{template}: {tested}");
    // What was kept the first time is seen again.
    let again = author.youji(dir, &["test", "--no-unit", "--locked", "--json"]);
    assert_eq!(again.code, Some(0), "{template}: {}", again.out);
    let checked = author.youji(dir, &["check", "--json"]).ok().json();
    assert_eq!(checked["findings"].as_array().map(Vec::len), Some(0), "{template}: {checked}");
    tested["unit"] == true
}

fn publish(author: &Author, dir: &Path, template: &str) {
    let data = author.path("data").display().to_string();
    let published = author.youji(dir, &["publish", "--data", &data, "--json"]).ok().json();
    assert_eq!(published["changed"], true, "{template}: {published}");
    eprintln!("           {template}: {} bytes", published["bytes"]);
}
