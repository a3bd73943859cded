//! Each template of `youji new` is built, passes its own tests, and has nothing that the check could say about it.

use crate::author::Author;
use std::time::Instant;
use youji_dev::scaffold::templates;

#[test]
fn each_template_is_tested_checked_and_published() {
    let author = Author::new();
    let all = templates();
    assert_eq!(all, ["chat", "counter", "form", "shop"]);
    for template in all {
        let begun = Instant::now();
        let dir = author.project(&format!("a-{template}"), template);
        let tested = author.youji(&dir, &["test", "--json"]);
        assert_eq!(tested.code, Some(0), "{template}: {}\n{}", tested.out, tested.err);
        let tested = tested.json();
        let scenarios = tested["scenarios"].as_array().cloned().unwrap_or_default();
        assert!(tested["unit"] == true && !scenarios.is_empty(), "{template}: {tested}");
        // What was kept the first time is seen again.
        let again = author.youji(&dir, &["test", "--no-unit", "--locked", "--json"]);
        assert_eq!(again.code, Some(0), "{template}: {}", again.out);
        let checked = author.youji(&dir, &["check", "--json"]).ok().json();
        assert_eq!(checked["findings"].as_array().map(Vec::len), Some(0), "{template}: {checked}");
        let data = author.path("data").display().to_string();
        let published = author.youji(&dir, &["publish", "--data", &data, "--json"]).ok().json();
        assert_eq!(published["changed"], true, "{template}: {published}");
        eprintln!("{:>7.1} s  {template}, {} bytes", begun.elapsed().as_secs_f64(), published["bytes"]);
    }
}
