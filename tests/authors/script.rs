//! Programs in TypeScript: what is refused when they are built, what goes wrong when they run, and what of the language is there.

use crate::author::{Author, Said, replace};
use std::path::Path;

/// The whole program: `more` at the top level, `init` for the model, `update` for what a tap does.
fn source(more: &str, init: &str, update: &str) -> String {
    format!(
        r#"import {{ program }} from "youji";
import {{ widgets }} from "youji/widgets";
{more}
const {{ button, page, text }} = widgets<"tapped">();
export default program<number, "tapped">({{
    init: () => {init},
    update(model) {{
        {update}
    }},
    view: (model) => page({{ title: "t" }}, text({{ text: `now ${{model}}` }}), button({{ label: "Go", onTap: "tapped" }})),
}});
"#
    )
}

fn write(dir: &Path, text: &str) {
    std::fs::write(dir.join("src/main.ts"), text).expect("written");
}

/// Each of these stands in what it says.
fn says(said: &Said, all: &[&str]) {
    for one in all {
        let found = said.out.contains(one) || said.err.contains(one);
        assert!(found, "{one:?} is not in: {}\n{}", said.out, said.err);
    }
}

#[test]
fn what_can_not_be_built_names_its_place() {
    let author = Author::new();
    let dir = author.script("tea", "counter");
    let check = |text: &str, all: &[&str]| {
        write(&dir, text);
        let said = author.youji(&dir, &["build"]);
        assert_eq!(said.code, Some(1), "{said:?}");
        says(&said, all);
    };
    check(&source("const a = ;", "0", "return model + 1;"), &["src/main.ts:3:11"]);
    check(
        &source("enum Size { S, M }", "0", "return model;"),
        &["src/main.ts:3:1", "enums are more than types", "union of texts"],
    );
    check(
        &source("import { x } from \"lodash\";", "0", "return model;"),
        &["src/main.ts:3:19", "packages from npm are not bundled"],
    );
    check(
        &source("import { x } from \"./part\";", "0", "return model;"),
        &["src/main.ts:3:19", "neither src/part.ts nor src/part/index.ts exists"],
    );
    check(
        &source("import { pay } from \"youji/money\";", "0", "return model;"),
        &["the SDK has no module \"money\"", "payment"],
    );
    std::fs::write(dir.join("src/part.ts"), "export const there = 1;\n").expect("written");
    check(
        &source("import { gone } from \"./part\";", "0", "return model;"),
        &["src/main.ts:3:10", "./part has no export named \"gone\""],
    );
}

#[test]
fn what_goes_wrong_says_message_file_and_line() {
    let author = Author::new();
    let dir = author.script("tea", "counter");
    let scenario = r#"{ "name": "taps", "persons": { "ann": {} }, "steps": [
        { "who": "ann", "open": {} },
        { "who": "ann", "tap": { "label": "Go" } },
        { "who": "ann", "expect": { "text": "now 1" } } ] }"#;
    std::fs::write(dir.join("scenarios/counts.json"), scenario).expect("written");
    let test = |text: &str| {
        write(&dir, text);
        author.youji(&dir, &["test"])
    };
    let check = |text: &str, all: &[&str]| {
        let said = test(text);
        assert_eq!(said.code, Some(1), "{said:?}");
        says(&said, all);
    };
    test(&source("", "0", "return model + 1;")).ok();

    // Types before it in the line move nothing.
    let thrown = source(
        "function deep(one: number): number {\n    throw new RangeError(`no ${one}`);\n}",
        "0",
        "return deep(model);",
    );
    check(&thrown, &["RangeError: no 0", "src/main.ts:4:", "src/main.ts:10:"]);
    check(
        &source("", "(undefined as unknown as { a: { b: number } }).a.b", "return model;"),
        &["TypeError: cannot convert", "src/main.ts:6:", "an exception that it did not catch"],
    );
    check(
        &source(
            "",
            "0",
            "void Promise.resolve().then(() => {\n            throw new Error(\"later\");\n        });\n        return model + 1;",
        ),
        &["Error: later"],
    );
    check(
        &source(
            "",
            "0",
            "void Promise.reject(new Error(\"nobody asks\"));\n        return model + 1;",
        ),
        &["nobody asks"],
    );
    test(&source(
        "",
        "0",
        "Promise.reject(new Error(\"asked\")).catch(() => 0);\n        return model + 1;",
    ))
    .ok();
    check(&source("", "0", "return Date.now();"), &["youji/clock"]);
    check(&source("const at = Math.random();", "at", "return model;"), &["youji/random"]);

    // What never ends is ended, wherever it is.
    check(&source("", "0", "for (;;) {}"), &["CPU time in one call"]);
    check(&source("while (true);", "0", "return model;"), &["CPU time in one call"]);
    check(
        &source("const again = (): number => again() + 1;", "0", "return again();"),
        &["maximum number of recursive calls"],
    );
    check(
        &source("const all: Uint8Array[] = [];", "0", "for (;;) all.push(new Uint8Array(1 << 20));"),
        &["RangeError", "allocating"],
    );
}

#[test]
fn a_capability_is_an_import_in_typescript_too() {
    let author = Author::new();
    let dir = author.script("tea", "counter");
    let built = author.youji(&dir, &["build", "--json"]).ok().json();
    assert_eq!(built["imports"], serde_json::json!([]), "a counter asks for nothing: {built}");
    // A type is no capability.
    let text = std::fs::read_to_string(dir.join("src/main.ts")).expect("readable");
    write(
        &dir,
        &format!("import type {{ Paid }} from \"youji/payment\";\nexport type Last = Paid;\n{text}"),
    );
    let built = author.youji(&dir, &["build", "--json"]).ok().json();
    assert_eq!(built["imports"], serde_json::json!([]), "{built}");

    write(
        &dir,
        &format!("import {{ now }} from \"youji/clock\";\nexport const time = now;\n{text}"),
    );
    let built = author.youji(&dir, &["build", "--json"]).ok().json();
    assert_eq!(built["imports"], serde_json::json!(["youji:miniapp/clock@1.0.0"]), "{built}");
    let data = author.path("data").display().to_string();
    let said = author.youji(&dir, &["publish", "--data", &data]);
    assert_eq!(said.code, Some(1), "{said:?}");
    says(&said, &["example.tea can't run on this host", "clock", "req_permissions"]);
    replace(
        &dir.join("manifest.json"),
        "\"req_permissions\": []",
        "\"req_permissions\": [{ \"name\": \"clock\" }]",
    );
    author.youji(&dir, &["build"]).ok();
}

#[test]
fn the_language_that_there_is() {
    let author = Author::new();
    let dir = author.script("words", "counter");
    write(&dir, include_str!("language/features.ts"));
    // Numbers and dates of people's languages are not there, and `Temporal` neither: they would be half of the engine.
    let scenario = r#"{ "name": "is there", "persons": { "ann": {} }, "steps": [
        { "who": "ann", "open": {} },
        { "who": "ann", "expect": { "text": "of 62 features, missing: symbols as WeakMap keys; ArrayBuffer resize, transfer; Float16Array; Array.fromAsync; Error.isError; Uint8Array base64; Math.sumPrecise; Intl; Temporal" } } ] }"#;
    std::fs::write(dir.join("scenarios/counts.json"), scenario).expect("written");
    author.youji(&dir, &["test"]).ok();
}
