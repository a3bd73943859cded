//! Random and nearly right input for every parser that faces strangers. Two seconds each; `YOUJI_FUZZ_SECONDS=600` for longer. The
//! seed is printed; `YOUJI_SEED` repeats it.

use crate::support::{PERMISSIONS, PROGRAM, component, config, draft, furnish, seeded, sign};
use anyhow::Result;
use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use youji_api::caller::Requested;
use youji_api::{Limits, Scalar, Tree, View};
use youji_bench::client::{PATIENCE, Seat};
use youji_kiosk::server::routes::routes;
use youji_kiosk::{Host, Server};
use youji_package::{
    Address, Channel, Digest, EmvCode, ImageKind, Issuer, Manifest, Origin, Package, PackageLimits, PublisherRequest, ScanCode, ScanKey,
    ScanKeys, SignedStatement, StatedVersion, Statement, Translation, Verifier, classify,
};
use youji_registry::source::parse_index;

fn seconds() -> Duration {
    let given = std::env::var("YOUJI_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(2))
}

/// Fewer inputs are none to speak of, however slow the machine is.
const ROUNDS_LEAST: u64 = 10;

/// What this thread has worked: what others do meanwhile does not count.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Calls until the time is over; each call gets an input that the seed decides.
fn fuzz(what: &str, mut one: impl FnMut(&mut ChaCha8Rng)) {
    let mut random = seeded();
    let end = Instant::now() + seconds();
    let mut longest = Duration::ZERO;
    let mut rounds = 0_u64;
    while Instant::now() < end || rounds < ROUNDS_LEAST {
        let begun = cpu();
        one(&mut random);
        longest = longest.max(cpu() - begun);
        rounds += 1;
    }
    eprintln!("{what}: {rounds} inputs, the longest took {longest:?} of CPU time");
    // Generous, for slow machines and unoptimised code: what is meant is that nothing takes forever.
    assert!(longest < Duration::from_secs(20), "{what}: one input took {longest:?} of CPU time");
}

/// Changes bytes in the ways that break parsers: flips, cuts, repeats, numbers at their ends, pieces of the input elsewhere.
fn mutate(random: &mut ChaCha8Rng, bytes: &mut Vec<u8>, words: &[&str]) {
    for _ in 0..random.random_range(1..8) {
        let at = random.random_range(0..=bytes.len());
        let until = (at + random.random_range(1..32)).min(bytes.len());
        match random.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..until)),
            4 => {
                let piece = bytes[at..until].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, piece);
            }
            5 => {
                for byte in &mut bytes[at..until.min(at + 4).max(at)] {
                    *byte = if random.random() { 0xff } else { 0 };
                }
            }
            _ => {
                let word = words.choose(random).copied().unwrap_or("\u{0}");
                bytes.splice(at..at, word.bytes());
            }
        }
    }
}

fn mutated_text(random: &mut ChaCha8Rng, text: &str, words: &[&str]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mutate(random, &mut bytes, words);
    String::from_utf8_lossy(&bytes).into_owned()
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\\ud800",
    "\\u0000",
    "\u{feff}",
    "[[[[[[[[",
    "{\"a\":",
];

#[test]
fn scan_codes_and_addresses() {
    let keys = ScanKeys::new(ScanKey::from_secret(3, [5; 32]));
    let origin: Origin = "http://localhost:8080".parse().expect("an origin");
    let issuer = Issuer {
        origin: origin.clone(),
        key: keys.newest().clone(),
    };
    let verifier = Verifier {
        origins: vec![origin],
        keys,
        kiosk: None,
    };
    let code = ScanCode {
        scene: "T7".into(),
        expires: Some(u32::MAX),
        ..ScanCode::home(&PROGRAM.into())
    };
    let good = issuer.issue(&code).expect("a code");
    let address = format!("https://localhost/miniapp/{PROGRAM};version=1/pages/home?a=b%20c#d");
    let words = [
        "HTTPS://",
        "/M/",
        "miniapp/",
        ";version=",
        "%",
        "%zz",
        "://",
        ":65536",
        "@",
        "weixin://",
        "你",
        "\u{202e}",
        "====",
        "\0",
    ];
    fuzz("scan codes and addresses", |random| {
        let base = [good.as_str(), &address, "weixin://wxpay/bizpayurl?pr=a", "https://qr.alipay.com/x"]
            .choose(random)
            .copied()
            .unwrap_or("");
        let text = mutated_text(random, base, &words);
        let kind = classify(&text);
        assert!(!kind.code().is_empty());
        // Upper and lower case mean the same; anything else must not open what was issued.
        let opens = verifier.verify(&text, 1).is_ok();
        assert!(!opens || text.trim().eq_ignore_ascii_case(&good), "{text:?} opens");
        let _ = text.parse::<Origin>();
        if let Ok(parsed) = text.parse::<Address>() {
            assert_eq!(parsed.to_string().parse::<Address>().as_ref(), Ok(&parsed), "{text:?}");
        }
    });
}

/// Payment codes of others and of ours, with a checksum that fits whatever became of them as often as not.
#[test]
fn payment_codes() {
    let good = [
        "00020101021229370016A0000006770101110113006680111111153037645802TH540520.15630442BE",
        "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A",
        "00020101021226410012cn.youji.pay0116abcdefghijklmnop0201x5204581253031565802CN5901n6001c6304FFFF",
    ];
    let words = [
        "6304",
        "0012cn.youji.pay",
        "54051e999",
        "5303156",
        "62",
        "99",
        "00",
        "0100",
        "\u{202e}",
        "北京",
        "\0",
        "+1",
    ];
    let mut read = 0_u64;
    fuzz("payment codes", |random| {
        let one = good.choose(random).copied().unwrap_or("");
        let mut text = mutated_text(random, one, &words);
        if random.random_bool(0.7) && text.len() > 4 {
            let end = text.char_indices().rev().nth(7).map_or(0, |(at, _)| at);
            text.truncate(end);
            text = youji_package::emv::seal(&text);
        }
        let Ok(code) = text.parse::<EmvCode>() else { return };
        read += 1;
        assert!(
            code.accounts.len() <= 50 && code.amount != Some(0) && code.country.len() == 2,
            "{text:?}"
        );
        assert!(!code.schemes().is_empty() && text.trim().chars().count() <= 512, "{text:?}");
        // What is written again says the same, in the order of the ids.
        if let Ok(again) = code.issue() {
            assert_eq!(again.parse::<EmvCode>().as_ref(), Ok(&code), "{text:?}");
        }
    });
    assert!(read > 0, "some of them were read");
}

#[test]
fn manifests_and_translations() {
    let good = include_str!("../../host/package/tests/manifests/good.json");
    let i18n = r#"{"name": "面馆", "description": "…", "reason.payment": "支付订单"}"#;
    assert!(Manifest::parse(good.as_bytes()).is_ok());
    fuzz("manifests", |random| {
        let mut bytes = good.as_bytes().to_vec();
        mutate(random, &mut bytes, JSON);
        if let Err(errors) = Manifest::parse(&bytes) {
            let text = errors.to_string();
            assert!(!text.is_empty() && text.len() < 100_000);
        }
        let mut bytes = i18n.as_bytes().to_vec();
        mutate(random, &mut bytes, JSON);
        let _ = youji_package::I18n::parse_one("i18n/zh.json", &bytes).map(|translation: Translation| translation.name);
    });
}

#[test]
fn packages_and_their_pictures() {
    let limits = PackageLimits::default();
    // Small, so that bytes that steer are hit often.
    let good = draft(1, &PERMISSIONS)
        .with("app.wasm", b"\0asm\x0d\0\x01\0 hardly a component".as_slice())
        .sign(&crate::support::key(), &limits)
        .expect("a package");
    let icon = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><g fill="url(#a)"><circle r="3"/></g></svg>"##;
    let svg = [
        "<!--",
        "<![CDATA[",
        "<!DOCTYPE",
        "&#",
        "url(",
        "href=",
        "<?",
        "'",
        "\"",
        "</",
        "/>",
        "xmlns:",
    ];
    fuzz("packages and their pictures", |random| {
        let mut bytes = good.clone();
        mutate(random, &mut bytes, &["PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "YJSIGN01", "../"]);
        assert!(bytes == good || Package::open(&bytes, &limits).is_err(), "an altered package opens");
        let mut bytes = icon.as_bytes().to_vec();
        mutate(random, &mut bytes, &svg);
        if ImageKind::Svg.check(&bytes).is_ok() {
            let text = String::from_utf8_lossy(&bytes).to_lowercase();
            assert!(!text.contains("<script") && !text.contains("<!doctype"), "{text}");
        }
    });
}

/// Whatever a registry gives as its index, only what its publisher signed is read out of it.
#[test]
fn statements_and_indexes() {
    let key = crate::support::key();
    let stated = |code: u32| StatedVersion {
        code,
        name: format!("{code}.0"),
        channel: Channel::Release,
        digest: Digest([code as u8; 32]),
        yanked: (code == 1).then(|| "wrong prices".to_owned()),
    };
    let said = Statement {
        program: PROGRAM.into(),
        serial: 1_800_000_000,
        versions: vec![stated(1), stated(2)],
    };
    let signed = said.clone().sign(&key);
    let good = json!({"format": 1, "statements": [signed.text()]}).to_string();
    let header = PublisherRequest::sign(&key, "POST", "localhost:8080", "/registry/publish", b"body", 1_000);
    let words = [
        JSON,
        &[
            "\\\"",
            "\"yanked\":",
            "\"serial\":",
            "youji statement",
            "{\"format\":1,\"statements\":[",
            "release",
            "key=",
            ",time=",
        ],
    ]
    .concat();
    let mut read = 0_u64;
    fuzz("statements and indexes", |random| {
        let mut bytes = good.as_bytes().to_vec();
        mutate(random, &mut bytes, &words);
        if let Ok((statements, _)) = parse_index(&bytes) {
            assert!(
                statements
                    .iter()
                    .all(|found| found.statement == said && found.publisher == key.public()),
                "an altered statement is read"
            );
            read += 1;
        }
        let text = mutated_text(random, signed.text(), &words);
        assert!(SignedStatement::parse(&text).is_ok_and(|found| found.statement == said) || SignedStatement::parse(&text).is_err());
        let text = mutated_text(random, &header, &words);
        if let Ok(request) = PublisherRequest::parse(&text) {
            let fits = request.verify("POST", "localhost:8080", "/registry/publish", 1_000).is_ok();
            assert!(!fits || text == header, "{text:?} is taken");
        }
    });
    assert!(read > 0, "some of them were read");
}

#[test]
fn components() {
    let good = component();
    let requested = Requested {
        permissions: PERMISSIONS.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
        ..Requested::default()
    };
    assert!(youji_runtime::check_imports(good, &requested).is_ok());
    fuzz("components", |random| {
        let mut bytes = good.to_vec();
        mutate(random, &mut bytes, &["\0asm", "youji:miniapp/", "\u{7f}"]);
        let _ = youji_runtime::check_imports(&bytes, &requested);
    });
}

#[test]
fn views() {
    let limits = Limits::default();
    let kinds = ["page", "stack", "list", "text", "image", "button", "", "script", "一"];
    fuzz("views", |random| {
        let many = if random.random_ratio(1, 20) { 1_100 } else { 40 };
        let mut view = View::default();
        for _ in 0..random.random_range(0..many) {
            let children = match random.random_range(0..10) {
                0 => random.random(),
                1..5 => random.random_range(0..4),
                _ => 0,
            };
            let one_of = |random: &mut ChaCha8Rng, words: &[&'static str]| words.choose(random).copied().unwrap_or("");
            let key = if random.random_ratio(1, 4) {
                one_of(random, &["a", "b", ""])
            } else {
                ""
            };
            let number = [f64::NAN, f64::INFINITY, -0.0, f64::MAX].choose(random).copied().unwrap_or(0.0);
            let attribute = random.random_ratio(1, 4).then_some(("value", Scalar::Number(number)));
            let handlers = vec![("tap", random.random()); random.random_range(0..3)];
            view.push((one_of(random, &kinds), key, children), attribute, handlers);
        }
        if random.random_ratio(1, 4)
            && let Some(node) = view.nodes.choose_mut(random)
        {
            match random.random_range(0..4) {
                0 => node.kind.at = random.random(),
                1 => node.key.length = random.random(),
                2 => node.attributes = random.random(),
                _ => node.handlers = random.random_range(0..4),
            }
        }
        let count = view.nodes.len();
        match Tree::new(view, &limits) {
            Ok(tree) => {
                assert!(count <= limits.nodes && tree.nodes().len() == count);
                let inside: u64 = tree.nodes().iter().map(|node| u64::from(node.children)).sum();
                assert_eq!(inside, count as u64 - 1, "every node but the root is somebody's child");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}

#[test]
fn pictures() {
    let code = youji_kiosk::qr::Code::new("HTTP://LOCALHOST:8080/M/ABCDEFGH").expect("a code");
    let good = code.png(4).expect("a picture");
    fuzz("pictures", |random| {
        let mut bytes = good.clone();
        mutate(random, &mut bytes, &["IHDR", "IDAT", "IEND", "\u{89}PNG", "\u{ff}\u{d8}"]);
        if let Ok(texts) = youji_kiosk::decode::decode(&bytes) {
            assert!(!texts.is_empty());
        }
    });
}

/// A real kiosk in this process, whose rates do not get in the way.
struct Live {
    server: Server,
    host: Arc<Host>,
    _folder: tempfile::TempDir,
}

impl Live {
    async fn open() -> Result<Live> {
        let folder = tempfile::tempdir()?;
        let mut config = config(&folder.path().join("data"));
        config.address = ([127, 0, 0, 1], 0).into();
        config.limits.requests_per_second = 1_000_000;
        config.limits.visitors_per_minute = 1_000_000;
        config.limits.frames_per_second = 1_000_000;
        config.limits.operator_tries = u32::MAX;
        let listener = Server::bind(&mut config).await?;
        let host = Host::new(config).await?;
        furnish(&host).await?;
        let server = Server::start(Arc::clone(&host), listener);
        Ok(Live {
            server,
            host,
            _folder: folder,
        })
    }

    fn seat(&self) -> Seat {
        Seat::new(([127, 0, 0, 1], self.server.address().port()).into())
    }
}

/// Every route that takes JSON, as nobody, as a person and as the operator: a problem document or what was asked for, never a mistake
/// of the host.
#[tokio::test(flavor = "multi_thread")]
async fn bodies() -> Result<()> {
    let live = Live::open().await?;
    let pin = live.host.operator().new_pin()?;
    let mut random = seeded();
    let good = [
        json!({"language": "en"}),
        json!({"code": "ann", "pin": "135790"}),
        json!({"code": "HTTP://LOCALHOST/M/ABC"}),
        json!({"program": PROGRAM, "page": "", "query": {"a": "b", "c": {"d": 1}}}),
        json!({"program": PROGRAM, "scope": "identity.nickname", "granted": true}),
        json!({"sequence": 1}),
        json!({"pin": "12345678"}),
        json!({"id": "0123456789abcdef", "allowed": true}),
        json!({"person": "p", "amount": "1.00", "idempotencyKey": "k"}),
        json!({"clientId": "1", "text": "hello"}),
        json!({"clientId": "2", "card": {"program": PROGRAM}}),
        json!({"kind": "packet", "amount": "1.00", "shares": 2, "random": true, "note": "n"}),
        json!({"clientId": "3", "sheet": "00000000000000ff", "gift": {"kind": "transfer", "to": 1, "amount": "1.00"}, "pin": "1"}),
        json!({"member": 1, "blocked": true}),
        json!({"number": 1}),
        json!({"answer": "accept"}),
        json!({"title": "t"}),
    ];
    let paths: Vec<&str> = routes()
        .iter()
        .filter(|route| route.method == "POST" && (!route.path.contains('{') || route.path.starts_with("/api/chats/")))
        .map(|route| route.path)
        .collect();
    let end = Instant::now() + seconds();
    let mut rounds = 0;
    while Instant::now() < end {
        let mut seat = live.seat();
        seat.visitor("en").await?;
        seat.post("/api/operator/sign-in", &json!({"pin": pin})).await?;
        let made = seat.post("/api/chats", &json!({"title": "Talk"})).await?.ok()?;
        let chat = made["id"].as_str().unwrap_or_default().to_owned();
        for _ in 0..50 {
            let path = paths.choose(&mut random).copied().unwrap_or("/api/open").replace("{id}", &chat);
            let path = path.as_str();
            let mut body = good.choose(&mut random).map(Value::to_string).unwrap_or_default().into_bytes();
            if random.random_ratio(4, 5) {
                mutate(&mut random, &mut body, JSON);
            }
            if random.random_ratio(1, 50) {
                body = vec![b'['; 60_000];
            }
            let shown = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
            let answer = seat
                .request("POST", path, &[("content-type", "application/json")], &body, None)
                .await?;
            assert!(answer.status < 500, "{path} with {shown}: {answer:?}");
            if answer.status >= 400 {
                let problem: Value = serde_json::from_str(&answer.body)?;
                for member in ["title", "detail", "remedy", "code"] {
                    assert!(
                        problem[member].as_str().is_some_and(|text| !text.is_empty()),
                        "{path} with {shown}: no {member} in {problem}"
                    );
                }
                assert_eq!(problem["status"], answer.status, "{path} with {shown}");
            }
            rounds += 1;
        }
        seat.post("/api/reset", &json!({})).await?.ok()?;
    }
    eprintln!("bodies: {rounds}");
    live.host.services().check_ledger().await.map_err(anyhow::Error::msg)?;
    live.server.stop().await;
    Ok(())
}

/// Whatever a page sends, the host either goes on or closes the socket with the protocol's code; the session goes on.
#[tokio::test(flavor = "multi_thread")]
async fn frames() -> Result<()> {
    let live = Live::open().await?;
    let mut random = seeded();
    let port = live.server.address().port();
    let origin = format!("http://localhost:{port}");
    let good = [
        json!({"t": "hello", "lastSeq": 1, "language": "en"}),
        json!({"t": "event", "id": 9, "kind": "tap", "value": null, "eventId": "e"}),
        json!({"t": "event", "id": 6, "kind": "input", "value": "text", "eventId": "f"}),
        json!({"t": "back", "eventId": "b"}),
        json!({"t": "answer", "id": "00000000000000ff", "accepted": true, "chosen": ["a"], "pin": "1", "afterMs": 800.5}),
        json!({"t": "scanned", "ticket": "12", "text": "x"}),
        json!({"t": "visible", "shown": true}),
        json!({"t": "stay"}),
    ];
    // The device's cookie, as its browser keeps it.
    let mut seat = live.seat();
    let sat = seat
        .request("POST", "/api/visitor", &[("content-type", "application/json")], b"{}", None)
        .await?;
    let cookie = sat
        .headers
        .iter()
        .find(|(name, _)| name == "set-cookie")
        .map(|(_, cookie)| cookie.split(';').next().unwrap_or("").to_owned());
    let opened = seat
        .post("/api/open", &json!({"program": PROGRAM, "page": "", "query": {}}))
        .await?
        .ok()?;
    let session = opened["session"].as_str().unwrap_or_default().to_owned();
    let hello = json!({"t": "hello", "lastSeq": 0, "language": "en"}).to_string();
    let end = Instant::now() + seconds();
    let (mut rounds, mut closed) = (0_u64, 0_u64);
    while Instant::now() < end || (closed == 0 && rounds < 10_000) {
        let mut request = format!("ws://localhost:{port}/api/session/{session}/socket").into_client_request()?;
        request.headers_mut().insert("origin", origin.parse()?);
        request.headers_mut().insert("cookie", cookie.clone().unwrap_or_default().parse()?);
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        socket.send(Message::text(hello.clone())).await?;
        for _ in 0..20 {
            let frame = good.choose(&mut random).map(Value::to_string).unwrap_or_default();
            let text = mutated_text(&mut random, &frame, JSON);
            rounds += 1;
            // A page that asks to leave is obeyed, which is not what is looked at here.
            if text.contains("close") || socket.send(Message::text(text)).await.is_err() {
                break;
            }
        }
        let _ = socket
            .send(Message::text(
                json!({"t": "event", "id": 0, "kind": "tap", "value": null, "eventId": "last"}).to_string(),
            ))
            .await;
        // Until it is acknowledged, or the host has closed; a connection that just breaks off is a mistake of the host.
        loop {
            let message = tokio::time::timeout(PATIENCE, socket.next()).await?;
            match message {
                Some(Ok(Message::Text(text))) if text.contains("\"last\"") => break,
                Some(Ok(Message::Text(text))) => assert!(!text.contains("\"t\":\"ended\""), "the session ended: {text}"),
                Some(Ok(Message::Close(Some(close)))) => {
                    assert_eq!(u16::from(close.code), 4002, "{close:?}");
                    closed += 1;
                    break;
                }
                Some(Ok(_)) => {}
                other => panic!("the socket broke off: {other:?}"),
            }
        }
    }
    eprintln!("frames: {rounds}, {closed} sockets closed");
    assert!(closed > 0, "some of them were malformed");
    let mut stage = seat.stage(&session, 0).await?;
    stage.tap("add").await?;
    stage.close().await?;
    live.server.stop().await;
    Ok(())
}

/// A signed package is read on its way in by all of the above at once.
#[test]
fn the_good_ones_pass() {
    assert!(Package::open(&sign(&draft(1, &PERMISSIONS)), &PackageLimits::default()).is_ok());
}
