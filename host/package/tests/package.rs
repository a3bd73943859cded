//! A package is what its publisher signed, or it is refused with a name.

mod common;

use common::{COMPONENT, ICON, MANIFEST, draft, key, limits, seeded, with_block};
use rand::Rng;
use std::io::{Cursor, Write};
use youji_package::{Digest, Draft, Package, PackageError, PackageLimits, PublisherKey};
use zip::write::SimpleFileOptions;

/// Refused, and the message names what it is about.
fn check(bytes: &[u8], code: &str, says: &str) {
    let error = Package::open(bytes, &limits()).expect_err(&format!("expected to be refused for {says:?}"));
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(says), "expected {says:?} in: {error}");
}

fn refused(draft: Draft, says: &str) {
    let error = draft
        .sign(&key(), &limits())
        .expect_err(&format!("expected to be refused for {says:?}"));
    assert!(error.to_string().contains(says), "expected {says:?} in: {error}");
}

/// A ZIP of whatever one likes, with a signature block that fits nothing.
fn zip_of(entries: &[(&str, &[u8], SimpleFileOptions)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, options) in entries {
        writer.start_file(*name, *options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    with_block(writer.finish().unwrap().into_inner())
}

fn stored() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)
}

/// Replaces every occurrence: names stand in the local header and in the directory.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|at| bytes[at..at + from.len()].copy_from_slice(to));
    bytes
}

#[test]
fn the_same_files_give_the_same_bytes_and_come_back_whole() {
    let first = draft().sign(&key(), &limits()).unwrap();
    assert_eq!(first, draft().sign(&key(), &limits()).unwrap());
    let package = Package::open(&first, &limits()).unwrap();
    assert_eq!(package.publisher.id(), key().id());
    assert_eq!(package.digest, draft().digest(&key().id()));
    assert_eq!(package.seal.verify(&package.digest).unwrap().id(), key().id());
    assert!(
        package.seal.verify(&Digest::of(b"other content")).is_err(),
        "the seal is of this content only"
    );
    assert_eq!(package.wasm(), COMPONENT);
    assert_eq!(package.get("common/icon.svg"), Some(ICON.as_bytes()));
    assert_ne!(
        package.digest,
        draft().digest(&PublisherKey::from_seed(&[8; 32]).id()),
        "the publisher is part of it"
    );
    assert_ne!(package.digest, draft().with("common/x.txt", "x").digest(&key().id()));
}

#[test]
fn any_one_altered_byte_is_refused() {
    let mut random = seeded();
    let good = draft().sign(&key(), &limits()).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        // Every bit alone would take long; over the bytes every bit gets its turn.
        let flip = if random.random() {
            1 << random.random_range(0..8)
        } else {
            random.random_range(1..=255)
        };
        bad[at] ^= flip;
        assert!(Package::open(&bad, &limits()).is_err(), "byte {at} of {} xor {flip:#x}", good.len());
    }
    for length in 0..good.len() {
        assert!(Package::open(&good[..length], &limits()).is_err(), "cut to {length}");
    }
    assert!(Package::open(&[good.as_slice(), b"\0"].concat(), &limits()).is_err(), "longer");
    assert!(
        Package::open(&[b"\0", good.as_slice()].concat(), &limits()).is_err(),
        "something before"
    );
}

#[test]
fn an_unsigned_one_and_one_with_anothers_key_are_refused() {
    let good = draft().sign(&key(), &limits()).unwrap();
    let block = good.windows(8).position(|window| window == b"YJSIGN01").unwrap();
    let mut other = good.clone();
    other[block + 8..block + 40].copy_from_slice(&PublisherKey::from_seed(&[8; 32]).public().to_bytes());
    check(&other, "altered", "altered after it was signed");
    let mut unsigned = [&good[..block], &good[block + 104..]].concat();
    let at = unsigned.len() - 6;
    unsigned[at..at + 4].copy_from_slice(&(block as u32).to_le_bytes());
    check(&unsigned, "unsigned", "not signed");
    let swapped = draft().with("common/x.txt", "other").sign(&key(), &limits()).unwrap();
    let theirs = swapped.windows(8).position(|window| window == b"YJSIGN01").unwrap();
    let mut moved = good.clone();
    moved[block..block + 104].copy_from_slice(&swapped[theirs..theirs + 104]);
    check(&moved, "altered", "altered");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let long = format!("common/{}.txt", "x".repeat(250));
    for (name, says) in [
        ("common/../../etc/passwd", "leads out"),
        ("../app.txt", "leads out"),
        ("/etc/passwd", "absolute"),
        ("C:/x.txt", "absolute"),
        ("common\\x.txt", "not allowed"),
        ("common//x.txt", "is empty"),
        ("common/x\n.txt", "not allowed"),
        ("common/x.txt.", "ends in a dot"),
        (long.as_str(), "at most 255"),
    ] {
        check(&zip_of(&[(name, b"x", stored())]), "entry", says);
    }
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("common", stored()).unwrap();
    check(&with_block(writer.finish().unwrap().into_inner()), "entry", "common/");
}

#[test]
fn names_that_a_file_system_takes_for_one_are_refused() {
    for (first, second) in [
        ("common/A.txt", "common/a.txt"),
        ("common/é.txt", "common/e\u{301}.txt"),
        ("common/straße.txt", "common/STRASSE.txt"),
        ("common/ﬁ.txt", "common/fi.txt"),
    ] {
        check(&zip_of(&[(first, b"x", stored()), (second, b"y", stored())]), "entry", "same name");
    }
    let two = zip_of(&[("common/aa.txt", b"x", stored()), ("common/ab.txt", b"y", stored())]);
    check(&replace(&two, b"common/ab.txt", b"common/aa.txt"), "entry", "same name");
}

#[test]
fn entries_that_are_no_plain_files_are_refused() {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("common/x.txt", "/etc/passwd", stored()).unwrap();
    check(&with_block(writer.finish().unwrap().into_inner()), "entry", "symbolic link");
    let plain = zip_of(&[("common/x.txt", b"x", stored())]);
    let central = plain.windows(4).position(|window| window == [0x50, 0x4b, 1, 2]).unwrap();
    for (local, directory, value, says) in [(6, 8, 1_u8, "encrypted"), (6, 8, 8, "ZIP flags"), (8, 10, 12, "method 12")] {
        let mut bytes = plain.clone();
        (bytes[local], bytes[central + directory]) = (value, value);
        check(&bytes, "entry", says);
    }
    let mut spanning = plain.clone();
    spanning[central + 34] = 1;
    check(&spanning, "entry", "another disk");
    let mut spanning = plain.clone();
    let end = spanning.len() - 22;
    spanning[end + 4] = 1;
    check(&spanning, "malformed", "several files");
    check(&replace(&plain, b"common/x.txt", b"common/\xff.txt"), "entry", "not UTF-8");
    let mut differing = plain.clone();
    differing[30] = b'C';
    check(&differing, "entry", "do not say the same");
    check(b"GIF89a, which is something else altogether", "malformed", "not a ZIP");
}

#[test]
fn bombs_are_refused_by_what_they_declare_and_by_what_they_are() {
    let deflated = SimpleFileOptions::default();
    let bomb = zip_of(&[("common/a.txt", &vec![0; 17 << 20], deflated)]);
    assert!(bomb.len() < 100_000);
    check(&bomb, "too-large", "common/a.txt");
    // It declares 10 bytes and inflates to a mebibyte.
    let liar = zip_of(&[("common/a.txt", &vec![0; 1 << 20], deflated)]);
    let central = liar.windows(4).position(|window| window == [0x50, 0x4b, 1, 2]).unwrap();
    let mut bytes = liar.clone();
    for at in [22, central + 24] {
        bytes[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    check(&bytes, "entry", "common/a.txt");
    let names: Vec<String> = (0..513).map(|at| format!("common/{at}.txt")).collect();
    let many: Vec<(&str, &[u8], SimpleFileOptions)> = names.iter().map(|name| (name.as_str(), b"x".as_slice(), stored())).collect();
    check(&zip_of(&many), "too-large", "entries");
    check(&vec![0; (2 << 20) + 1], "too-large", "packed bytes");
    let small = PackageLimits {
        inflated_bytes: 1_000,
        ..limits()
    };
    assert!(matches!(draft().sign(&key(), &small), Err(PackageError::TooLarge { .. })));
}

#[test]
fn files_outside_of_the_layout_are_refused_by_name() {
    refused(draft().with("run.sh", "x"), "run.sh");
    refused(draft().with("META-INF/youji.sig", "x"), "META-INF/youji.sig");
    refused(draft().with("common/run.js", "x"), "common/run.js");
    refused(draft().with("i18n/klingon!.json", "{}"), "i18n/klingon!.json");
    refused(
        Draft::new().with("manifest.json", MANIFEST).with("common/icon.svg", ICON),
        "app.wasm is missing",
    );
    refused(Draft::new().with("app.wasm", COMPONENT), "manifest.json is missing");
    refused(draft().with("app.wasm", b"\0asm\x01\0\0\0".as_slice()), "core module");
    refused(draft().with("app.wasm", "MZ"), "app.wasm");
    refused(
        Draft::new().with("manifest.json", MANIFEST).with("app.wasm", COMPONENT),
        "common/icon.svg is missing",
    );
}

#[test]
fn pictures_are_what_their_names_say_and_nothing_active() {
    let svg = |inside: &str| draft().with("common/x.svg", format!(r#"<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>"#));
    let fine = r##"<?xml version="1.0"?><!-- drawn --><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient></defs><style>.a { fill: url( "#g" ) }</style><use xlink:href="#g"/><rect fill="url(#g)" style="stroke: #000"/><text>Tea &amp; noodles</text></svg>"##;
    draft().with("common/x.svg", fine).sign(&key(), &limits()).unwrap();
    for (inside, says) in [
        ("<script>alert(1)</script>", "<script>"),
        ("<g onload=\"x()\"/>", "handles an event"),
        ("<g ONCLICK = 'x()'/>", "handles an event"),
        ("<foreignObject/>", "<foreignObject>"),
        ("<image href=\"x.png\"/>", "<image>"),
        ("<a href=\"#x\"/>", "<a>"),
        ("<animate attributeName=\"href\"/>", "<animate>"),
        ("<use href=\"https://example.org/x.svg#a\"/>", "outside"),
        ("<use xlink:href=\"data:image/svg+xml,x\"/>", "outside"),
        ("<rect fill=\"url(https://example.org)\"/>", "outside"),
        ("<rect fill=\"URL ( 'http://example.org' )\"/>", "outside"),
        ("<rect fill=\"&#117;rl(http://example.org)\"/>", "character reference"),
        ("<rect style=\"fill: \\75rl(http://example.org)\"/>", "backslash"),
        ("<style>@import 'x.css';</style>", "@import"),
        ("<style>&#64;import 'x.css';</style>", "character reference"),
        ("<style>@imp<!-- -->ort 'x.css';</style>", "markup"),
        ("<![CDATA[<script/>]]>", "not allowed"),
        ("<g><!DOCTYPE x></g>", "not allowed"),
        ("<g>", "closes nothing"),
        ("</svg><g/><svg>", "nothing beside it"),
        ("<rect fill=red/>", "malformed"),
    ] {
        refused(svg(inside), says);
    }
    refused(
        draft().with("common/x.svg", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg/>"),
        "document types",
    );
    refused(draft().with("common/x.png", "GIF89a"), "image/png");
    refused(draft().with("common/x.webp", b"RIFF0000WAVE".as_slice()), "image/webp");
    refused(draft().with("common/x.jpg", ICON), "image/jpeg");
    draft()
        .with("common/x.png", b"\x89PNG\r\n\x1a\n rest".as_slice())
        .with("common/y.jpeg", b"\xff\xd8\xff\xe0".as_slice())
        .sign(&key(), &limits())
        .unwrap();
}

#[test]
fn random_bytes_never_panic() {
    let mut random = seeded();
    let good = draft().sign(&key(), &limits()).unwrap();
    for _ in 0..3_000 {
        let mut bad = good.clone();
        for _ in 0..random.random_range(1..20) {
            let at = random.random_range(0..bad.len());
            bad[at] = random.random();
        }
        if random.random() {
            bad.truncate(random.random_range(0..bad.len()));
        }
        assert!(bad == good || Package::open(&bad, &limits()).is_err());
        let mut icon = ICON.as_bytes().to_vec();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..icon.len());
            icon[at] = b"<>/\"'=& \xe9#"[random.random_range(0..10)];
        }
        let _ = youji_package::ImageKind::Svg.check(&icon);
    }
}
