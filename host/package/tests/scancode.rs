//! A code opens what its host issued, or says exactly why not.

mod common;

use common::seeded;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use youji_api::ProgramId;
use youji_package::{Address, CodeKind, Issuer, KioskId, Origin, ScanCode, ScanKey, ScanKeys, ShortId, Verifier, classify};

const NOW: u64 = 1_800_000_000;

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn issuer() -> Issuer {
    Issuer {
        origin: origin("http://localhost:8080"),
        key: ScanKey::from_secret(3, [9; 32]),
    }
}

fn verifier() -> Verifier {
    let origins = vec![origin("http://localhost:8080"), origin("https://youji.example")];
    Verifier {
        origins,
        keys: ScanKeys::new(ScanKey::from_secret(3, [9; 32])),
        kiosk: Some(KioskId(5)),
    }
}

fn code() -> ScanCode {
    let scene = "table-12".to_owned();
    ScanCode {
        program: ShortId::of(&ProgramId::from("org.example.noodles")),
        page: 2,
        scene,
        expires: None,
        kiosk: None,
        trial: false,
    }
}

/// Refused with that code and a message that says that.
fn check(verifier: &Verifier, text: &str, code: &str, says: &str) {
    let error = verifier.verify(text, NOW).expect_err(&format!("{text} is refused"));
    assert_eq!(error.code(), code, "{text}: {error}");
    assert!(error.to_string().contains(says), "expected {says:?} in: {error}");
}

fn random_code(random: &mut ChaCha8Rng) -> ScanCode {
    let scene: String = (0..random.random_range(0..=4))
        .map(|_| ['a', '7', '桌', 'é', '-'][random.random_range(0..5)])
        .collect();
    ScanCode {
        program: ShortId(random.random()),
        page: random.random(),
        scene,
        expires: random.random_bool(0.5).then(|| NOW as u32 + random.random_range(1..1_000_000)),
        kiosk: random.random_bool(0.5).then_some(KioskId(5)),
        trial: random.random(),
    }
}

#[test]
fn every_code_that_is_issued_is_read_back() {
    let mut random = seeded();
    for _ in 0..5_000 {
        let code = random_code(&mut random);
        let text = issuer().issue(&code).unwrap();
        assert!(
            text.len() <= 90
                && text
                    .chars()
                    .all(|char| matches!(char, 'A'..='Z' | '0'..='9' | ' ' | '$' | '%' | '*' | '+' | '-' | '.' | '/' | ':')),
            "{text}"
        );
        assert_eq!(verifier().verify(&text, NOW), Ok(code.clone()));
        // Browsers write the host in lower case; some scanners everything.
        assert_eq!(verifier().verify(&text.to_ascii_lowercase(), NOW), Ok(code));
    }
}

#[test]
fn the_fullest_code_fits_and_what_does_not_says_what_to_shorten() {
    let full = ScanCode {
        scene: "123456789012".to_owned(),
        expires: Some(u32::MAX),
        kiosk: Some(KioskId(5)),
        ..code()
    };
    let text = issuer().issue(&full).unwrap();
    assert_eq!(verifier().verify(&text, NOW), Ok(full.clone()));
    let error = issuer()
        .issue(&ScanCode {
            scene: "1234567890123".to_owned(),
            ..full.clone()
        })
        .unwrap_err();
    assert!(error.to_string().contains("13 bytes, at most 12"), "{error}");
    let far = Issuer {
        origin: origin("https://a-host-with-a-long-name.example.org:8443"),
        ..issuer()
    };
    let error = far.issue(&full).unwrap_err();
    assert!(error.to_string().contains("shorten the scene or the host's address"), "{error}");
}

#[test]
fn a_code_that_does_not_open_says_why() {
    let good = issuer().issue(&code()).unwrap();
    let with = |code: ScanCode| issuer().issue(&code).unwrap();
    let (head, payload) = good.split_at(good.rfind('/').unwrap() + 1);
    let verifier = verifier();
    check(&verifier, "hello", "not-ours", "plain text");
    check(&verifier, "https://example.org/x", "not-ours", "a web address at example.org");
    check(&verifier, "", "not-ours", "empty");
    check(
        &verifier,
        &good.replace("LOCALHOST", "ELSEWHERE"),
        "foreign-host",
        "HTTP://ELSEWHERE:8080, this host is HTTP://LOCALHOST:8080",
    );
    check(
        &verifier,
        &good.replace("HTTP:", "HTTPS:"),
        "foreign-host",
        "HTTPS://LOCALHOST:8080",
    );
    check(
        &verifier,
        &format!("{head}{}", &payload[..8]),
        "malformed",
        "a part of it is missing",
    );
    check(&verifier, &format!("{head}A"), "malformed", "base32");
    check(
        &verifier,
        &format!("{head}{}", payload.replacen('C', "E", 1)),
        "unknown-format",
        "format 2",
    );
    let other = Issuer {
        key: ScanKey::from_secret(4, [9; 32]),
        ..issuer()
    };
    check(&verifier, &other.issue(&code()).unwrap(), "unknown-key", "key 4");
    let forged = Issuer {
        key: ScanKey::from_secret(3, [1; 32]),
        ..issuer()
    };
    check(&verifier, &forged.issue(&code()).unwrap(), "altered", "not issued by this host");
    check(
        &verifier,
        &with(ScanCode {
            expires: Some(NOW as u32 - 60),
            ..code()
        }),
        "expired",
        "60 seconds ago",
    );
    check(
        &verifier,
        &with(ScanCode {
            expires: Some(NOW as u32),
            ..code()
        }),
        "expired",
        "0 seconds ago",
    );
    check(
        &verifier,
        &with(ScanCode {
            kiosk: Some(KioskId(6)),
            ..code()
        }),
        "other-kiosk",
        "another kiosk",
    );
    check(&verifier, &format!("{good}{}", "A".repeat(200)), "oversized", "at most 90");
    let anywhere = Verifier {
        kiosk: None,
        ..verifier.clone()
    };
    check(
        &anywhere,
        &with(ScanCode {
            kiosk: Some(KioskId(5)),
            ..code()
        }),
        "other-kiosk",
        "another kiosk",
    );
}

#[test]
fn a_new_key_tags_and_the_old_one_still_verifies_until_it_is_removed() {
    let old = issuer().issue(&code()).unwrap();
    let mut verifier = verifier();
    verifier.keys.add(ScanKey::from_secret(4, [2; 32])).unwrap();
    assert!(verifier.keys.add(ScanKey::from_secret(4, [3; 32])).is_err());
    let new = Issuer {
        key: verifier.keys.newest().clone(),
        ..issuer()
    }
    .issue(&code())
    .unwrap();
    assert_eq!(ScanKeys::load(&verifier.keys.save()).unwrap(), verifier.keys);
    assert!(verifier.verify(&old, NOW).is_ok() && verifier.verify(&new, NOW).is_ok());
    verifier.keys.remove(3).unwrap();
    check(&verifier, &old, "unknown-key", "key 3");
    assert!(verifier.keys.remove(4).is_err(), "the last one stays");
}

#[test]
fn any_one_altered_character_is_refused() {
    let good = issuer().issue(&code()).unwrap();
    for at in good.rfind('/').unwrap() + 1..good.len() {
        for to in 'A'..='Z' {
            let mut bad = good.clone();
            bad.replace_range(at..=at, &to.to_string());
            assert!(bad == good || verifier().verify(&bad, NOW).is_err(), "{bad}");
        }
    }
}

#[test]
fn foreign_codes_are_recognised_and_named() {
    for (text, expected) in [
        ("HTTPS://OTHER.EXAMPLE/M/CEAQ", "youji"),
        ("https://host.example/miniapp/org.example.noodles/pages/menu", "miniapp"),
        ("https://example.org/", "web"),
        ("http://weixin.qq.com.evil.example/x", "web"),
        ("wxp://f2f0abc", "wechat"),
        ("https://u.wechat.com/abc", "wechat"),
        ("134567890123456789", "wechat"),
        ("HTTPS://QR.ALIPAY.COM/FKX0", "alipay"),
        ("281234567890123456", "alipay"),
        ("00020101021129370016A000000677010111011300660000000005802TH530376463046197", "text"),
        ("WIFI:T:WPA;S:net;P:secret;;", "wifi"),
        ("BEGIN:VCARD\nN:Zhang\nEND:VCARD", "contact"),
        ("MECARD:N:Zhang;;", "contact"),
        ("  ", "empty"),
        ("面", "text"),
        ("https://", "text"),
    ] {
        assert_eq!(classify(text).code(), expected, "{text}");
    }
    // A well-formed merchant code: the CRC is that of EMVCo's own polynomial.
    let emv = "00020101021129370016A000000677010111011300668000000005802TH53037646304";
    let crc = emv.bytes().fold(0xffff_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 }
        })
    });
    assert_eq!(classify(&format!("{emv}{crc:04X}")), CodeKind::EmvMerchant);
}

#[test]
fn origins_are_hosts_and_nothing_else() {
    for (text, expected) in [
        ("https://Youji.example/", "HTTPS://YOUJI.EXAMPLE"),
        ("https://youji.example:443", "HTTPS://YOUJI.EXAMPLE"),
        ("http://192.168.1.5:8080", "HTTP://192.168.1.5:8080"),
    ] {
        assert_eq!(origin(text).as_str(), expected);
    }
    for text in [
        "localhost",
        "ftp://x",
        "http://",
        "http://a/b",
        "http://a:0",
        "http://a:99999",
        "http://a:+80",
        "http://a@b",
        "http://面",
        "http://-a",
        "http://[::1]",
    ] {
        assert!(text.parse::<Origin>().is_err(), "{text}");
    }
}

#[test]
fn miniapp_addresses_are_read_and_written() {
    for text in [
        "youji://miniapp/org.example.noodles",
        "https://host.example/miniapp/org.example.noodles;version=1.2.0/pages/menu?table=12&note=a%20b%26c#top",
        "http://localhost:8080/miniapp/counter/pages/home?q=%E9%9D%A2",
    ] {
        assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
    }
    let address: Address = "https://h/miniapp/counter/p?a=1+2&b".parse().unwrap();
    assert_eq!(address.query, [("a".to_owned(), "1 2".to_owned()), ("b".to_owned(), String::new())]);
    for text in [
        "miniapp/x",
        "youji://miniapp/",
        "youji://app/x",
        "youji://miniapp/X",
        "https:///miniapp/x",
        "youji://miniapp/x/../y",
        "youji://miniapp/x?a=%zz",
        "youji://miniapp/x;version=",
        "https://u@h/miniapp/x",
    ] {
        assert!(text.parse::<Address>().is_err(), "{text}");
    }
}

#[test]
fn random_text_never_panics() {
    let mut random = seeded();
    let good = issuer().issue(&code()).unwrap();
    let pieces = [
        "HTTPS://",
        "http://",
        "LOCALHOST:8080",
        "/M/",
        "miniapp/",
        "0002",
        "6304",
        "面",
        "%",
        ";version=",
        "?",
        "#",
        "A",
        "2",
        "\0",
        "é",
        "://",
        "WIFI:",
        "@",
        ":",
        &good,
    ];
    for _ in 0..30_000 {
        let text: String = (0..random.random_range(0..12))
            .map(|_| pieces[random.random_range(0..pieces.len())])
            .collect();
        let _ = (
            verifier().verify(&text, NOW),
            verifier().verify_path(&text, NOW),
            classify(&text),
            text.parse::<Address>(),
            text.parse::<Origin>(),
            text.parse::<ShortId>(),
        );
    }
}

#[test]
fn the_longest_code_is_a_qr_code_of_version_4_at_level_m() {
    let full = ScanCode {
        scene: "123456789012".to_owned(),
        expires: Some(u32::MAX),
        kiosk: Some(KioskId(5)),
        ..code()
    };
    let longest = Issuer {
        origin: origin("https://youji-kiosk.example"),
        ..issuer()
    }
    .issue(&ScanCode { kiosk: None, ..full })
    .unwrap();
    assert!((85..=90).contains(&longest.len()), "{} characters", longest.len());
    let padded = format!("{longest}{}", "A".repeat(90 - longest.len()));
    for text in [longest, padded] {
        let qr = qrcode::QrCode::with_error_correction_level(&text, qrcode::EcLevel::M).unwrap();
        assert_eq!(qr.version(), qrcode::Version::Normal(4), "{text}");
    }
}
