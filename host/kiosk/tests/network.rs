//! What another machine on the network can't do to the kiosk's own screen, whatever it writes into its headers.

mod support;

use serde_json::json;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use support::{Device, Kiosk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use youji_kiosk::HostConfig;

/// An address of this machine that others could reach: whoever calls it comes from it. None on a machine without a network.
fn own_address(what: &str) -> Option<IpAddr> {
    let found = youji_kiosk::lan_address();
    if found.is_none() {
        let line = format!("{what}: this machine has no network");
        let _ = writeln!(std::io::stderr().lock(), "!! NOT CHECKED: {line}");
        if let Some(path) = std::env::var_os("YOUJI_NOT_CHECKED") {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).expect("the list");
            writeln!(file, "{line}").expect("written");
        }
    }
    found
}

async fn kiosk(change: impl FnOnce(&mut HostConfig)) -> Kiosk {
    Kiosk::open(|config| {
        config.address = ([0, 0, 0, 0], 0).into();
        config.lan = true;
        change(config);
    })
    .await
}

/// A device out there that says it called "localhost".
fn liar(kiosk: &Kiosk, from: IpAddr) -> Device {
    Device {
        at: from,
        ..kiosk.device()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_makes_no_phone_the_own_screen() {
    let Some(ip) = own_address("phones that say they are the kiosk") else {
        return;
    };
    let kiosk = kiosk(|config| config.limits.seats = 2).await;
    let before = kiosk.host.services().people().len();
    let mut phones = Vec::new();
    for _ in 0..2 {
        let mut phone = liar(&kiosk, ip);
        assert_eq!(phone.post("/api/visitor", &json!({})).await.status, 200);
        assert_eq!(phone.get("/api/state").await.json()["kiosk"]["atKiosk"], false);
        phones.push(phone);
    }
    let mut screen = kiosk.visitor().await;
    assert_eq!(screen.get("/api/state").await.json()["kiosk"]["atKiosk"], true);
    let mut gone = 0;
    for phone in &mut phones {
        gone += usize::from(phone.get("/api/state").await.json()["person"].is_null());
    }
    assert_eq!(gone, 1, "a phone made room");
    assert_eq!(kiosk.host.services().people().len(), before + 2, "and its visitor is erased");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_seat_leaves_nobody_behind() {
    let kiosk = Kiosk::open(|config| config.limits.seats = 1).await;
    let _screen = kiosk.visitor().await;
    let before = kiosk.host.services().people().len();
    let answer = kiosk.device().post("/api/visitor", &json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "full"));
    assert_eq!(kiosk.host.services().people().len(), before);
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_outside_do_not_lock_the_operator_out() {
    let Some(ip) = own_address("guesses of the operator's PIN over the network") else {
        return;
    };
    let kiosk = kiosk(|_| {}).await;
    let mut outside = liar(&kiosk, ip);
    for _ in 0..5 {
        outside.post("/api/operator/sign-in", &json!({"pin": "00000000"})).await;
    }
    let right = json!({"pin": kiosk.operator_pin});
    let answer = outside.post("/api/operator/sign-in", &right).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "limit"));
    assert_eq!(kiosk.device().post("/api/operator/sign-in", &right).await.status, 200);
    let answer = outside.post("/api/operator/sign-in", &right).await;
    assert_eq!(answer.status, 429, "who signs in here opens no door there");
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_can_not_take_every_connection() {
    let Some(ip) = own_address("an address that takes every connection") else {
        return;
    };
    let kiosk = kiosk(|config| {
        config.limits.connections = 16;
        config.limits.connections_per_address = 14;
    })
    .await;
    let port = kiosk.server.address().port();
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(TcpStream::connect(SocketAddr::new(ip, port)).await.expect("a connection"));
    }
    assert_eq!(kiosk.device().get("/healthz").await.status, 200, "this machine gets through");
    let mut refused = 0;
    for stream in &mut held {
        let mut byte = [0];
        // What was admitted waits for a request; the rest is closed, which a read sees at once.
        let ended = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
        refused += usize::from(ended.is_ok());
    }
    assert_eq!(refused, 26, "of 40");
    drop(held);
    // A connection that is closed before an answer finds no place yet.
    let mut phone = liar(&kiosk, ip);
    while phone.get("/healthz").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    kiosk.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_from_outside_are_bounded_before_they_are_read() {
    let Some(ip) = own_address("many pictures at once over the network") else {
        return;
    };
    let kiosk = kiosk(|config| config.limits.uploads = 4).await;
    let port = kiosk.server.address().port();
    let origin = format!("http://localhost:{port}");
    let mut held = Vec::new();
    let mut hold = async || {
        let mut stream = TcpStream::connect(SocketAddr::new(ip, port)).await.expect("a connection");
        let head = format!(
            "POST /api/decode HTTP/1.1\r\nhost: localhost:{port}\r\norigin: {origin}\r\ncontent-type: image/png\r\ncontent-length: 1000000\r\n\r\nhalf"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        held.push(stream);
    };
    hold().await;
    hold().await;
    let headers = [("origin", origin.as_str()), ("content-type", "image/png")];
    let mut outside = liar(&kiosk, ip);
    let mut answer = outside.send("POST", "/api/decode", &headers, b"none").await;
    for _ in 0..200 {
        if answer.status == 503 {
            break;
        }
        // Until the host has seen two that are under way. One that came beside the question found no place, and is gone.
        hold().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = outside.send("POST", "/api/decode", &headers, b"none").await;
    }
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    let here = kiosk.device().send("POST", "/api/decode", &headers, b"none").await;
    assert_eq!(here.status, 415, "the machine's own screen is served");
    kiosk.server.stop().await;
}
