//! The small JSON, both ways.

use youji_sdk::Json;

fn check(text: &str, again: Option<&str>) {
    let read = Json::read(text.as_bytes());
    let written = read.as_ref().map(|json| String::from_utf8(json.write()).expect("JSON is UTF-8"));
    assert_eq!(written.as_deref(), again, "{text}");
}

#[test]
fn reads_and_writes() {
    check(
        " { \"a\" : [ 1 , -2 , true , null ] , \"b\" : \"x\" } ",
        Some("{\"a\":[1,-2,true,null],\"b\":\"x\"}"),
    );
    check("\"\\u4e2d\\ud83c\\udf5c\\n\\t\\\"\\\\\\/\"", Some("\"中🍜\\n\\u0009\\\"\\\\/\""));
    check("9223372036854775807", Some("9223372036854775807"));
    check("-9223372036854775808", Some("-9223372036854775808"));
    check("1.5e3", Some("null"));
    check("[]", Some("[]"));
    check("{}", Some("{}"));
}

#[test]
fn refuses_what_is_not_json() {
    let deep = "[".repeat(40) + &"]".repeat(40);
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\ud83cx\"",
        "tru",
        "1 2",
        "99999999999999999999",
        "--1",
        &deep,
    ] {
        check(text, None);
    }
    assert!(Json::read(&[0xff, 0x22]).is_none());
}

#[test]
fn what_is_absent_reads_as_nothing() {
    let json = Json::read(b"{\"a\":-1}").expect("it is JSON");
    assert_eq!(
        (json.get("a").as_count(), json.get("b").as_text(), json.get("c").as_list().len()),
        (0, "", 0)
    );
    assert!(!json.get("a").get("d").as_flag());
}
