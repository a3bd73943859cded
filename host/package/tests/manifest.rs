//! What is wrong in a manifest is said with member, line and remedy.

mod common;

use common::{MANIFEST, draft, key, limits, seeded};
use rand::Rng;
use youji_package::{Callers, I18n, Manifest, Package, PackageError};

/// Replaces `from` by `to` in the good manifest: exactly that member must be blamed, on the line where `to` stands.
fn check(from: &str, to: &str, member: &str, expected: &str) {
    assert_eq!(MANIFEST.matches(from).count(), 1, "{from:?} must stand once in good.json");
    let at = MANIFEST.find(from).unwrap();
    let bad = MANIFEST.replace(from, to);
    let line = 1 + MANIFEST[..at].matches('\n').count();
    let errors = Manifest::parse(bad.as_bytes())
        .expect_err(&format!("{to:?} instead of {from:?} is wrong"))
        .0;
    let error = errors
        .iter()
        .find(|error| error.member == member)
        .unwrap_or_else(|| panic!("{member} is blamed for {to:?}, not {errors:?}"));
    assert!(error.expected.contains(expected), "{to:?}: expected {expected:?} in {error}");
    assert!(!error.found.is_empty() && !error.remedy.is_empty(), "{error}");
    let root = error.found == "nothing" && !member.contains(['.', '[']);
    assert_eq!(error.line as usize, if root { 1 } else { line }, "{error}");
}

#[test]
fn each_member_that_is_wrong_is_named_with_its_line() {
    for (from, to, member, expected) in [
        (r#""app_id": "org.example.noodles","#, "", "app_id", "an id"),
        ("org.example.noodles", "Org.Example", "app_id", "an id"),
        ("org.example.noodles", "org..example", "app_id", "an id"),
        (r#""name": "Noodles","#, r#""name": 7,"#, "name", "1 to 32"),
        (r#""name": "Noodles","#, r#""name": " ","#, "name", "1 to 32"),
        (r#""name": "Noodles","#, "\"name\": \"Noo\u{202e}dles\",", "name", "1 to 32"),
        (
            r#""short_name": "Noodles""#,
            r#""short_name": "The noodle shop of Zhang""#,
            "short_name",
            "1 to 12",
        ),
        (
            r#""description": "Order at your table.""#,
            r#""description": """#,
            "description",
            "1 to 200",
        ),
        (
            r#"[{ "src": "common/icon.svg", "sizes": "48x48", "label": "A bowl" }]"#,
            "[]",
            "icons",
            "1 to 8",
        ),
        ("common/icon.svg", "../icon.svg", "icons[0].src", "image"),
        ("common/icon.svg", "common/icon.exe", "icons[0].src", "image"),
        ("48x48", "big", "icons[0].sizes", "48x48"),
        (r#""label": "A bowl""#, r#""label": [""]"#, "icons[0].label", "1 to 64"),
        (r#""version": { "code": 3, "name": "1.2.0" },"#, "", "version", "code and name"),
        (
            r#""version": { "code": 3, "name": "1.2.0" }"#,
            r#""version": "1.2.0""#,
            "version",
            "an object",
        ),
        (r#""code": 3"#, r#""code": "3""#, "version.code", "whole number"),
        (r#""code": 3"#, r#""code": 0"#, "version.code", "whole number"),
        (r#""code": 3"#, r#""code": 4294967296"#, "version.code", "whole number"),
        (r#""code": 3"#, r#""code": 1.5"#, "version.code", "whole number"),
        (r#", "name": "1.2.0""#, "", "version.name", "1 to 32"),
        (r#""min_code": 1"#, r#""min_code": -1"#, "platform_version.min_code", "whole number"),
        (
            r#""min_code": 1"#,
            r#""min_code": 1, "target_code": "one""#,
            "platform_version.target_code",
            "whole number",
        ),
        (
            r#""min_code": 1"#,
            r#""min_code": 1, "release_type": 7"#,
            "platform_version.release_type",
            "1 to 32",
        ),
        (
            r#""sizes": "48x48""#,
            r#""sizes": "48x48", "type": "text/html""#,
            "icons[0].type",
            "media type",
        ),
        (
            r#""name": "ready""#,
            r#""name": "ready", "kind": "sometimes""#,
            "templates[0].kind",
            "one-time",
        ),
        (r#""platform_version": { "min_code": 1 },"#, "", "platform_version", "min_code"),
        (r#"["pages/menu", "pages/order", "pages/kitchen"]"#, "[]", "pages", "1 to 100"),
        (r#"["pages/menu","#, r#"["/pages/menu","#, "pages[0]", "a page's path"),
        (
            r#""pages/order", "pages/kitchen"]"#,
            r#""pages/menu", "pages/order", "pages/kitchen"]"#,
            "pages",
            "each once",
        ),
        (r#"["pages/kitchen"]"#, r#"["pages/cellar"]"#, "entries[0]", "one of the pages"),
        (r#"["org.example.tea"]"#, r#"["Tea"]"#, "callers[0]", "a program's id"),
        (r#"["org.example.tea"]"#, r#"["*", "org.example.tea"]"#, "callers", "alone"),
        (
            r#"["org.example.tea"]"#,
            r#"["org.example.tea", "org.example.tea"]"#,
            "callers",
            "each once",
        ),
        (r#""lang": "en""#, r#""lang": "English!""#, "lang", "BCP 47"),
        (r#""dir": "ltr""#, r#""dir": "up""#, "dir", "auto, ltr, rtl"),
        (
            r#""color_scheme": "light""#,
            r#""color_scheme": "pink""#,
            "color_scheme",
            "auto, light, dark",
        ),
        ("#C8102E", "red", "accent", "#rrggbb"),
        (r#""name": "payment""#, r#""name": "paymnet""#, "req_permissions[0].name", "one of"),
        (r#", "reason": "To pay for your order""#, "", "req_permissions[0].reason", "reason"),
        ("To call you when it is ready", "", "req_permissions[1].reason", "reason"),
        (
            "\"required\": true",
            "\"required\": 1",
            "req_permissions[1].required",
            "true or false",
        ),
        (
            r#""name": "storage""#,
            r#""name": "storage", "required": true"#,
            "req_permissions[2].required",
            "identity.nickname",
        ),
        (r#""name": "orders""#, r#""name": "Orders""#, "collections[0].name", "a-z"),
        (
            r#"["owner", "staff"]"#,
            r#"["owner", "chef"]"#,
            "collections[0].readers[1]",
            "owner, party, staff",
        ),
        (r#""writers": ["staff"]"#, r#""writers": []"#, "collections[0].writers", "1 to 4"),
        (r#""name": "ready""#, r#""name": """#, "templates[0].name", "a-z"),
        (
            r#""title": { "en": "Ready" }"#,
            r#""title": { "english": "Ready" }"#,
            "templates[0].title.english",
            "BCP 47",
        ),
        (
            r#""title": { "en": "Ready" }"#,
            r#""title": { "zh": "好了" }"#,
            "templates[0]",
            "same languages",
        ),
        (
            "Order {number} is ready.",
            "Order {number is ready.",
            "templates[0].text.en",
            "{name}",
        ),
        (
            r#""page": "pages/order""#,
            r#""page": "pages/cellar""#,
            "templates[0].page",
            "one of the pages",
        ),
        (r#""dir": "ltr""#, r#""direction": "ltr""#, "direction", "one of app_id"),
    ] {
        check(from, to, member, expected);
    }
}

#[test]
fn a_misspelt_permission_is_met_with_the_one_that_was_meant() {
    let bad = MANIFEST.replace(r#""name": "payment""#, r#""name": "paymnet""#);
    let errors = Manifest::parse(bad.as_bytes()).unwrap_err();
    assert!(
        errors
            .to_string()
            .contains(r#"manifest.json:16: req_permissions[0].name: expected one of identity"#),
        "{errors}"
    );
    assert!(errors.0[0].remedy.contains(r#"did you mean "payment"?"#), "{errors}");
}

#[test]
fn all_errors_are_found_at_once() {
    let bad = MANIFEST
        .replace("org.example.noodles", "X")
        .replace("#C8102E", "red")
        .replace(r#""dir": "ltr""#, r#""dir": "up""#);
    let members: Vec<String> = Manifest::parse(bad.as_bytes())
        .unwrap_err()
        .0
        .into_iter()
        .map(|error| error.member)
        .collect();
    assert_eq!(members, ["app_id", "dir", "accent"]);
}

#[test]
fn json_that_is_broken_is_blamed_on_its_line() {
    for (from, to, line) in [
        (r#""lang": "en","#, r#""lang": "en""#, 12),
        (r#""lang": "en","#, r#""lang": "en,"#, 11),
        ("\"dir\"", "dir", 12),
        ("\"dir\"", "\"lang\"", 12),
    ] {
        let errors = Manifest::parse(MANIFEST.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!((errors.0.len(), errors.0[0].line), (1, line), "{to}: {errors}");
    }
    let deep = "[".repeat(100_000);
    assert!(Manifest::parse(deep.as_bytes()).is_err(), "too large");
    assert!(
        Manifest::parse("[".repeat(60_000).as_bytes())
            .unwrap_err()
            .to_string()
            .contains("levels")
    );
    assert!(
        Manifest::parse(b"{\"app_id\": \"\xff\"}")
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
}

#[test]
fn a_good_manifest_gives_its_values_and_home_is_always_an_entry() {
    let manifest = Manifest::parse(MANIFEST.as_bytes()).unwrap();
    assert_eq!(manifest.entries, ["pages/menu", "pages/kitchen"]);
    assert_eq!((manifest.home(), manifest.accent.as_deref()), ("pages/menu", Some("#c8102e")));
    assert_eq!(manifest.page_index("pages/kitchen"), Some(2));
    assert!(!manifest.is_entry("pages/order"));
}

#[test]
fn who_may_open_a_program_from_another_one() {
    #[track_caller]
    fn check(callers: &str, wanted: &Callers, tea: bool) {
        let manifest = MANIFEST.replace(r#""callers": ["org.example.tea"],"#, callers);
        let manifest = Manifest::parse(manifest.as_bytes()).unwrap();
        assert_eq!(manifest.callers, *wanted, "{callers}");
        assert_eq!(manifest.callers.allow(&"org.example.tea".into()), tea, "{callers}");
        assert_eq!(
            manifest.callers.allow(&"org.example.other".into()),
            *wanted == Callers::Everyone,
            "{callers}"
        );
    }
    check("", &Callers::Publisher, false);
    check(r#""callers": [],"#, &Callers::Publisher, false);
    check(
        r#""callers": ["org.example.tea"],"#,
        &Callers::Programs(vec!["org.example.tea".into()]),
        true,
    );
    check(r#""callers": ["*"],"#, &Callers::Everyone, true);
}

#[test]
fn translations_take_the_place_of_the_manifests_texts() {
    let package = Package::open(&draft().sign(&key(), &limits()).unwrap(), &limits()).unwrap();
    let name = |language| package.i18n.name(&package.manifest, language);
    assert_eq!(
        (name("zh"), name("zh-Hans-CN"), name("en"), name("fr")),
        ("面馆", "面馆", "Noodles", "Noodles")
    );
    let requested = package.manifest.requested(&package.i18n, "zh-CN");
    assert_eq!(requested.reason("payment"), Some("支付订单"));
    assert_eq!(requested.reason("identity.nickname"), Some("To call you when it is ready"));
    let errors = I18n::parse_one("i18n/zh.json", br#"{"nmae": "x", "reason.payment": 3}"#).unwrap_err();
    assert!(
        errors.to_string().contains("i18n/zh.json:1: nmae:") && errors.0.len() == 2,
        "{errors}"
    );
    let refused = draft().with("i18n/de.json", r#"{"name": ""}"#).sign(&key(), &limits()).unwrap_err();
    assert!(matches!(refused, PackageError::Manifest(_)), "{refused}");
}

#[test]
fn random_json_never_panics() {
    let mut random = seeded();
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"app_id\"",
        "\"pages\"",
        "\"",
        "\\u12",
        "1e999",
        "null",
        "true",
        "-",
        "\n",
        " ",
        "面",
        "\"icons\"",
        "\\",
    ];
    for _ in 0..20_000 {
        let text: String = (0..random.random_range(0..40))
            .map(|_| pieces[random.random_range(0..pieces.len())])
            .collect();
        let _ = Manifest::parse(text.as_bytes());
        let mut bytes = MANIFEST.as_bytes().to_vec();
        let at = random.random_range(0..bytes.len());
        bytes[at] = random.random();
        let _ = Manifest::parse(&bytes);
    }
}
