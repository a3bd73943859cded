//! Merchant-presented codes are read as the specification has them, or refused with what is wrong and where.

mod common;

use common::seeded;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use youji_api::PublisherId;
use youji_package::emv::{Account, EmvCode, EmvError, Initiation, Localised, MAX_CHARACTERS, Object, Scheme, Tip};
use youji_package::{CodeKind, classify};

/// A code as PromptPay writes it: without category, name and city, and with 58 before 54.
const PROMPTPAY: &str = "00020101021229370016A0000006770101110113006680111111153037645802TH540520.15630442BE";
/// The specification's own example.
const EXAMPLE: &str = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A";

/// With its checksum, calculated here in another way than where it is checked: bit by bit over the message.
fn sealed(objects: &str) -> String {
    let text = format!("{objects}6304");
    let mut register: u32 = 0xffff;
    for byte in text.bytes() {
        for bit in (0..8).rev() {
            let top = register >> 15 & 1;
            register = (register << 1) & 0xffff;
            if top ^ u32::from(byte >> bit & 1) == 1 {
                register ^= 0x1021;
            }
        }
    }
    format!("{text}{register:04X}")
}

/// The objects of a sound code, with some of them replaced or left out (empty).
fn with(changes: &[(&str, &str)]) -> String {
    let mut objects = vec![
        ("00", "01"),
        ("01", "12"),
        ("26", "0012cn.youji.pay0116abcdefghijklmnop0205stall"),
        ("52", "5812"),
        ("53", "156"),
        ("54", "36.00"),
        ("58", "CN"),
        ("59", "Good Noodles"),
        ("60", "BEIJING"),
        ("62", "0506BILL-7"),
    ];
    for (id, value) in changes {
        match objects.iter_mut().find(|(known, _)| known == id) {
            Some(object) => object.1 = value,
            None => objects.push((id, value)),
        }
    }
    let object = |(id, value): &(&str, &str)| match value.is_empty() {
        true => String::new(),
        false => format!("{id}{:02}{value}", value.chars().count()),
    };
    sealed(&objects.iter().map(object).collect::<String>())
}

#[track_caller]
fn check(text: &str, code: &str, says: &str) {
    let error = text.parse::<EmvCode>().expect_err(text);
    assert_eq!(error.code(), code, "{text}: {error}");
    assert!(error.to_string().contains(says), "expected {says:?} in: {error}");
}

#[test]
fn the_known_codes_are_read() {
    let code: EmvCode = PROMPTPAY.parse().unwrap();
    assert_eq!(code.initiation, Some(Initiation::Dynamic));
    assert_eq!((code.currency, code.amount, code.country.as_str()), (764, Some(2_015), "TH"));
    assert_eq!(code.accounts.len(), 1);
    assert_eq!((code.accounts[0].id, &code.accounts[0].scheme), (29, &Scheme::Known("PromptPay")));
    assert_eq!(code.schemes(), "PromptPay");
    assert!(code.ours().is_none());
    assert_eq!(
        code.complete().unwrap_err().code(),
        "lacks",
        "what the specification demands is not all there"
    );
    assert_eq!(classify(PROMPTPAY), CodeKind::EmvMerchant);

    let code: EmvCode = EXAMPLE.parse().unwrap();
    code.complete().unwrap();
    assert_eq!((code.currency, code.amount, code.tip), (156, Some(2_372), Some(Tip::Asked)));
    assert_eq!(code.name.as_deref(), Some("BEST TRANSPORT"));
    let localised = code.localised.unwrap();
    assert_eq!(
        (localised.language.as_str(), localised.name.as_str(), localised.city.as_str()),
        ("zh", "最佳运输", "北京")
    );
    assert_eq!(code.accounts.iter().map(|account| account.id).collect::<Vec<_>>(), [29, 31]);
    assert!(matches!(&code.accounts[0].scheme, Scheme::Unknown(identifier) if identifier == "D15600000000"));
    assert_eq!(code.open.iter().map(|object| object.id).collect::<Vec<_>>(), [91]);

    let code: EmvCode = with(&[]).parse().unwrap();
    assert_eq!(code.ours(), Some((&PublisherId::from("abcdefghijklmnop"), "stall")));
    assert_eq!((code.amount, code.reference()), (Some(3_600), "BILL-7"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    check("", "not-emv", "000201");
    check("https://example.com", "not-emv", "000201");
    check("000202010212", "not-emv", "000201");
    check(&format!("000201{}", "9".repeat(MAX_CHARACTERS)), "oversized", "512");
    check("000201", "malformed", "last");
    // The checksum: altered, missing, not last.
    check(&PROMPTPAY.replace("42BE", "42BF"), "checksum", "42BE");
    check(&PROMPTPAY.replace("20.15", "20.16"), "checksum", "expected");
    check(PROMPTPAY.trim_end_matches("630442BE"), "malformed", "63");
    check(&format!("{PROMPTPAY}0000"), "malformed", "last");
    check(&sealed("00020163041234"), "malformed", "63 twice");
    // Objects: cut, empty, twice, without digits.
    check(&sealed("0002010"), "malformed", "what follows 00");
    check(&sealed("000201011"), "malformed", "01: two digits of length");
    check(&sealed("00020101031"), "malformed", "01: it ends before its length");
    check(&sealed("0002010100"), "malformed", "at least one character");
    check(&sealed("000201+1021"), "malformed", "two digits of id");
    check(&sealed("00020101+211"), "malformed", "two digits of length");
    check(&sealed("000201010211010211"), "malformed", "01 twice");
    check(&sealed("000201000201"), "malformed", "00 twice");
    check(&with(&[("62", "0101a0101b")]), "malformed", "62-01 twice");
    check(&with(&[("62", "0105a")]), "malformed", "62-01: it ends");
    check(&with(&[("26", "0103abc")]), "malformed", "26: an identifier");
    check(&with(&[("27", "0012CN.YOUJI.PAY0101a")]), "malformed", "cn.youji.pay (27) twice");
    // Values.
    for (id, value, says) in [
        ("01", "13", "11 (static)"),
        ("26", "0012cn.youji.pay0102AB", "26-01"),
        ("26", "0012cn.youji.pay0102ab0302cd", "nothing but"),
        ("26", "0033aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "32 characters"),
        ("52", "581", "four digits"),
        ("53", "999", "ISO 4217"),
        ("53", "+56", "ISO 4217"),
        ("54", "0.00", "above 0"),
        ("54", "36.001", "decimal places"),
        ("54", "-1.00", "above 0"),
        ("54", "1e3", "above 0"),
        ("54", "36,00", "above 0"),
        ("54", ".50", "above 0"),
        ("54", "1.2.3", "above 0"),
        ("54", "99999999999999", "13 characters"),
        ("55", "01x", "01 alone"),
        ("55", "02", "02 with 56"),
        ("56", "1.00", "without 55"),
        ("58", "cn", "ISO 3166"),
        ("58", "XX", "ISO 3166"),
        ("59", "A name that has more than it may", "25 characters"),
        ("59", "tu\u{202e}rned", "25 characters"),
        ("60", "line\nbreak", "15 characters"),
        ("61", "12345678901", "10 characters"),
        ("62", "0902AA", "each once"),
        ("62", "1103abc", "three digits"),
        ("62", "0001a", "from 01 on"),
        ("64", "0003zho0101a", "ISO 639-1"),
        ("64", "0002zh", "64-01"),
        ("64", "0101a", "64-00"),
    ] {
        let error = with(&[(id, value)]).parse::<EmvCode>().expect_err(value);
        assert!(matches!(error.code(), "value" | "lacks"), "{id} {value}: {error}");
        assert!(error.to_string().contains(says), "{id} {value}: expected {says:?} in: {error}");
    }
    check(&with(&[("53", "392")]), "value", "54");
    check(&with(&[("55", "03"), ("57", "100.0")]), "value", "57");
    check(&with(&[("55", "03"), ("57", "0")]), "value", "57");
    for (id, what) in [("26", "whom"), ("53", "currency"), ("58", "country")] {
        check(&with(&[(id, "")]), "lacks", what);
    }
    for (id, what) in [("52", "sells"), ("59", "name"), ("60", "city")] {
        let code: EmvCode = with(&[(id, "")]).parse().unwrap();
        assert!(code.complete().unwrap_err().to_string().contains(what));
    }
}

fn words(random: &mut ChaCha8Rng, most: usize) -> String {
    let letters = ['a', 'Z', '7', ' ', '-', '桌', 'é', '面'];
    let middle: String = (0..random.random_range(0..most - 1))
        .map(|_| *letters.choose(random).unwrap())
        .collect();
    format!("x{middle}")
}

fn random_code(random: &mut ChaCha8Rng) -> EmvCode {
    let publisher = PublisherId::from(format!("{:016x}", random.random::<u64>()).as_str());
    let merchant = ["", "stall", "a.b-c", "0123456789012345678901234567890123456789"]
        .choose(random)
        .unwrap();
    let (currency, least) = [(156, 1), (392, 1), (48, 1), (978, 1)].choose(random).copied().unwrap();
    let tips = [
        None,
        Some(Tip::Asked),
        Some(Tip::Fixed("5".to_owned())),
        Some(Tip::Percent("12.50".to_owned())),
    ];
    let some = |random: &mut ChaCha8Rng, most: usize| random.random_bool(0.5).then(|| words(random, most));
    EmvCode {
        initiation: [None, Some(Initiation::Static), Some(Initiation::Dynamic)]
            .choose(random)
            .copied()
            .unwrap(),
        accounts: vec![Account::youji(&publisher, merchant).unwrap()],
        category: random.random_bool(0.5).then(|| format!("{:04}", random.random_range(0..10_000))),
        currency,
        amount: random.random_bool(0.7).then(|| random.random_range(least..1_000_000_000)),
        tip: tips.choose(random).cloned().unwrap(),
        country: ["CN", "JP", "DE"].choose(random).copied().unwrap().to_owned(),
        name: some(random, 25),
        city: some(random, 15),
        postal: some(random, 10),
        additional: match random.random_bool(0.5) {
            true => vec![Object {
                id: random.random_range(1..9),
                value: words(random, 25),
            }],
            false => Vec::new(),
        },
        localised: random.random_bool(0.5).then(|| Localised {
            language: "zh".to_owned(),
            name: words(random, 25),
            city: some(random, 15).unwrap_or_default(),
        }),
        open: match random.random_bool(0.3) {
            true => vec![Object {
                id: random.random_range(65..80),
                value: words(random, 99),
            }],
            false => Vec::new(),
        },
    }
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let mut random = seeded();
    for _ in 0..2_000 {
        let code = random_code(&mut random);
        let text = code.issue().unwrap_or_else(|error| panic!("{code:?}: {error}"));
        assert_eq!(text.parse::<EmvCode>().as_ref(), Ok(&code), "{text}");
        assert_eq!(classify(&text), CodeKind::EmvMerchant, "{text}");
        assert_eq!(
            sealed(text.split_at(text.len() - 8).0),
            text,
            "the checksum, calculated in another way"
        );
    }
}

/// A CRC of 16 bits finds every error of up to three characters' worth of bits in one place; so one altered character never passes.
#[test]
fn any_one_altered_character_is_refused() {
    let text = with(&[]);
    for (at, was) in text.char_indices() {
        for other in ['0', '9', 'A', 'z', ' ', '.'] {
            if other.eq_ignore_ascii_case(&was) {
                continue;
            }
            let mut altered = text.clone();
            altered.replace_range(at..at + was.len_utf8(), &other.to_string());
            assert!(altered.trim().parse::<EmvCode>().is_err(), "{altered}");
        }
    }
    for end in 0..text.len() {
        assert!(text[..end].parse::<EmvCode>().is_err(), "cut after {end}");
    }
}

#[test]
fn what_does_not_fit_is_not_written() {
    let publisher = PublisherId::from("abcdefghijklmnop");
    let too_long = Account::youji(&publisher, &"m".repeat(64));
    assert!(
        too_long.is_ok(),
        "the account itself is made; whether it fits an object is seen when it is written"
    );
    let mut code: EmvCode = with(&[]).parse().unwrap();
    code.accounts = vec![too_long.unwrap()];
    assert!(matches!(code.issue(), Err(EmvError::CannotIssue(_))));
    let mut code: EmvCode = with(&[]).parse().unwrap();
    code.name = Some("n".repeat(26));
    assert_eq!(code.issue().unwrap_err().code(), "cannot-issue");
    let mut code: EmvCode = with(&[]).parse().unwrap();
    code.amount = Some(0);
    assert_eq!(code.issue().unwrap_err().code(), "cannot-issue");
}
