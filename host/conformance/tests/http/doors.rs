//! Which folders are taken, what a reset leaves, and what strangers and malformed requests are told.

use std::fs;

use crate::support::Server;
use youji_conformance::{Conformance, OpenError};

#[test]
fn a_folder_that_holds_anything_else_is_refused_and_untouched() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["host.key", "log", "ledger", ".hidden"] {
        let path = folder.path().join(name);
        fs::create_dir(&path).expect("made");
        let opened = Conformance::open(folder.path());
        assert!(matches!(opened, Err(OpenError::NotScratch(found)) if found == path), "{name}");
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1, "{name}");
        fs::remove_dir(&path).expect("removed");
    }
    // One that was taken is refused again once something else moves in.
    drop(Conformance::open(folder.path()).expect("an empty folder"));
    fs::write(folder.path().join("host.key"), "secret").expect("written");
    assert!(matches!(Conformance::open(folder.path()), Err(OpenError::NotScratch(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_empties_everything_and_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let client = server.client();
    assert!(client.journal().await.is_empty());
    client.seed("acct:a", 12_345).await;
    client.reset().await;
    assert!(client.journal().await.is_empty());
    assert_eq!(client.balance("acct:a").await, 0);
    // The key is free again.
    client.seed("acct:a", 5).await;
    let journal = client.journal().await;
    server.stop().await;
    let server = Server::start(folder.path()).await;
    assert_eq!(server.client().journal().await, journal);
    assert_eq!(server.client().balance("acct:a").await, 5);
    server.verify().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_malformed_requests_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path()).await;
    let client = server.client();
    for head in [
        "Host: ledger.example",
        "Host: localhost\r\nOrigin: http://localhost",
        "Host: 192.0.2.1",
    ] {
        let (status, _) = client
            .raw(format!(
                "POST /_lck/reset HTTP/1.1\r\n{head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ))
            .await;
        assert_eq!(status, 403, "{head}");
    }
    let large = format!("{{\"idempotencyKey\": \"{}\"}}", "x".repeat(70_000));
    for (body, wanted) in [("", 400), ("{}", 422), ("[1]", 422), (large.as_str(), 413)] {
        let (status, said) = client.send("POST", "/_lck/post", body).await;
        assert_eq!(status, wanted, "{said}");
    }
    // What the contract can say is refused with 200.
    for amount in [0, -5] {
        let legs = [("a", "DEBIT", amount, "USD"), ("b", "CREDIT", amount, "USD")];
        assert_eq!(client.post("k", true, &legs).await, "REJECTED");
    }
    assert_eq!(client.post("k", true, &[]).await, "REJECTED");
    assert_eq!(
        client.post("", true, &[("a", "DEBIT", 1, "USD"), ("b", "CREDIT", 1, "USD")]).await,
        "REJECTED"
    );
    assert!(client.journal().await.is_empty());
    server.stop().await;
}
