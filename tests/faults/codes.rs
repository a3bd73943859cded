//! Codes that do not open: the problem that the page shows, for every reason there is.

use crate::support::{Kiosk, PLAIN, PROGRAM, data};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use youji_bench::client::Seat;
use youji_package::{Issuer, KioskId, ScanCode, ScanKey, ShortId};

/// Refused with that status, code and words, and with something to do; nothing is open afterwards.
async fn check(seat: &mut Seat, text: &str, status: u16, code: &str, says: &str) -> Result<()> {
    let answer = seat.post("/api/open", &json!({"code": text})).await?;
    let shown: String = text.chars().take(60).collect();
    assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{shown:?}: {answer:?}");
    let problem: Value = serde_json::from_str(&answer.body)?;
    let words = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
    assert!(words("detail").contains(says), "{shown:?}: expected {says:?} in {problem}");
    for member in ["title", "detail", "remedy"] {
        assert!(words(member).len() > 3, "{shown:?} has no {member}: {problem}");
        assert!(words(member).len() < 400, "{member} is bounded, whatever was scanned: {problem}");
    }
    let state = seat.get("/api/state").await?.ok()?;
    assert_eq!(state["sessions"], json!([]), "{shown:?} opened something");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_that_does_not_open_says_why() -> Result<()> {
    let folder = data().await?;
    let kiosk = Kiosk::start(PLAIN, &folder.path().join("data")).await?;
    let mut seat = kiosk.visitor().await?;
    let good = kiosk.code()?;
    let issuer = kiosk.issuer()?;
    let now = u32::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())?;
    let home = ScanCode::home(&PROGRAM.into());
    let issue = |code: ScanCode| issuer.issue(&code).context("a code");
    let with = |key: ScanKey| {
        let issuer = Issuer { key, ..issuer.clone() };
        issuer.issue(&home).context("a code")
    };
    let (head, payload) = good.split_at(good.rfind('/').context("a path")? + 1);

    let unknown = issue(ScanCode {
        program: ShortId([1, 2, 3, 4, 5]),
        ..home.clone()
    })?;
    check(&mut seat, &unknown, 404, "not-found", "o mini-program").await?;
    let expired = issue(ScanCode {
        expires: Some(now - 90),
        ..home.clone()
    })?;
    check(&mut seat, &expired, 410, "expired", "expired 9").await?;
    let elsewhere = issue(ScanCode {
        kiosk: Some(KioskId(5)),
        ..home.clone()
    })?;
    check(&mut seat, &elsewhere, 403, "other-kiosk", "another kiosk").await?;
    let inner = issue(ScanCode { page: 1, ..home.clone() })?;
    check(&mut seat, &inner, 404, "no-such-page", "no such page").await?;
    let beyond = issue(ScanCode { page: 200, ..home.clone() })?;
    check(&mut seat, &beyond, 404, "no-such-page", "no such page").await?;

    // A last character that base32 can end with: its lowest bits are none of the bytes.
    let last = if payload.ends_with('A') { "Q" } else { "A" };
    check(&mut seat, &format!("{}{last}", &good[..good.len() - 1]), 403, "altered", "altered").await?;
    let forged = with(ScanKey::from_secret(issuer.key.id, [9; 32]))?;
    check(&mut seat, &forged, 403, "altered", "not issued by this host").await?;
    let retired = with(ScanKey::from_secret(issuer.key.id.wrapping_add(1), [9; 32]))?;
    check(&mut seat, &retired, 400, "unknown-key", "does not have").await?;
    check(
        &mut seat,
        &format!("{head}{}", payload.replacen('C', "E", 1)),
        400,
        "unknown-format",
        "format 2",
    )
    .await?;
    check(
        &mut seat,
        &format!("{head}{}", &payload[..8]),
        400,
        "malformed",
        "a part of it is missing",
    )
    .await?;
    check(&mut seat, head, 400, "not-ours", "a web address at localhost").await?;

    check(
        &mut seat,
        &good.replace("LOCALHOST", "ELSEWHERE.EXAMPLE"),
        400,
        "foreign-host",
        "ELSEWHERE.EXAMPLE",
    )
    .await?;
    for (text, says) in [
        ("weixin://wxpay/bizpayurl?pr=abc", "WeChat"),
        ("https://qr.alipay.com/fkx01234", "Alipay"),
        ("https://example.org/menu", "example.org"),
        ("WIFI:S:guests;T:WPA;P:secret;;", "Wi-Fi"),
        ("6901234567892", ""),
        ("", "empty"),
        ("<script>alert(1)</script>", "text"),
        ("\u{202e}\u{0}\u{7}", "text"),
    ] {
        check(&mut seat, text, 400, "not-ours", says).await?;
    }
    check(&mut seat, &format!("{good}{}", "A".repeat(200)), 400, "oversized", "at most 90").await?;
    check(&mut seat, &"你".repeat(10_000), 400, "not-ours", "text").await?;

    let answer = seat.post("/api/open", &json!({"code": "A".repeat(70 << 10)})).await?;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too-large"),
        "a text that is no code at all"
    );
    let nobody = kiosk.seat().post("/api/open", &json!({"code": good})).await?;
    assert_eq!((nobody.status, nobody.problem().as_str()), (401, "no-person"));
    // A page whose query speaks of money moves none, and one that is no entry is not reached.
    let before = crate::support::wallet(&mut seat).await?;
    let address = format!("youji://miniapp/{PROGRAM}/pages/second?amount=1&payee=me");
    check(&mut seat, &address, 404, "no-such-page", "no such page").await?;
    assert_eq!(crate::support::wallet(&mut seat).await?, before);

    kiosk.still_works().await?;
    kiosk.stop().await
}
