//! Shared collections and private storage: rights, versions, watches, quotas.

mod common;

use common::{Host, put, until};
use youji_api::{Call, Capabilities, Fields, Reply, Row, Ticket};

fn get(collection: &str, key: &str) -> Call {
    Call::RecordsGet {
        collection: collection.to_owned(),
        key: key.to_owned(),
    }
}

fn put_with(collection: &str, key: &str, expected: u64, options: Fields) -> Call {
    Call::RecordsPut {
        collection: collection.to_owned(),
        key: key.to_owned(),
        expected,
        value: key.as_bytes().to_vec(),
        options,
    }
}

fn list(collection: &str, options: Fields) -> Call {
    Call::RecordsList {
        collection: collection.to_owned(),
        options,
    }
}

async fn keys(host: &Host, caller: &youji_api::caller::Caller, call: Call) -> Vec<String> {
    match host.call(caller, call).await {
        Ok(Reply::Rows(rows)) => rows.into_iter().map(|row| row.key).collect(),
        other => panic!("rows expected, {other:?} came"),
    }
}

async fn sees(host: &Host, caller: &youji_api::caller::Caller, collection: &str, key: &str) -> Option<Row> {
    match host.call(caller, get(collection, key)).await {
        Ok(Reply::Row(row)) => row,
        other => panic!("a row expected, {other:?} came"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_one_is_first() {
    let host = Host::new().await;
    let mut callers = Vec::new();
    for _ in 0..8 {
        callers.push(host.session(&host.visitor().await).await);
    }
    host.call(&callers[0], put("counters", "day", 0, b"0")).await.unwrap();
    // Eight people count to eight with compare-and-set.
    let all = callers.iter().map(|caller| {
        let host = &host;
        async move {
            let mut conflicts = 0;
            loop {
                let row = sees(host, caller, "counters", "day").await.unwrap();
                let count: u64 = String::from_utf8(row.value).unwrap().parse().unwrap();
                match host
                    .code(caller, put("counters", "day", row.version, (count + 1).to_string().as_bytes()))
                    .await
                    .as_str()
                {
                    "ok" => return conflicts,
                    "conflict" => conflicts += 1,
                    other => panic!("{other}"),
                }
            }
        }
    });
    let conflicts: u32 = futures_util::future::join_all(all).await.into_iter().sum();
    let row = sees(&host, &callers[0], "counters", "day").await.unwrap();
    assert_eq!((row.value.as_slice(), row.version), (b"8".as_slice(), 9));
    eprintln!("{conflicts} conflicts");
    assert_eq!(host.code(&callers[0], put("counters", "day", 0, b"new")).await, "conflict");
    assert_eq!(host.code(&callers[0], put("counters", "other", 3, b"new")).await, "conflict");
    assert_eq!(host.code(&callers[0], put("counters", "big", 0, &[0; 32_769])).await, "limit");
    assert_eq!(host.code(&callers[0], put("counters", &"k".repeat(129), 0, b"")).await, "limit");
    assert_eq!(host.code(&callers[0], put("counters", "a\0b", 0, b"")).await, "invalid");
    assert_eq!(host.code(&callers[0], put("unknown", "k", 0, b"")).await, "not-found");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_seen_by_those_whom_the_manifest_names() {
    let host = Host::new().await;
    let (guest, other, cook) = (host.visitor().await, host.visitor().await, host.visitor().await);
    let (owner, stranger) = (host.session(&guest).await, host.session(&other).await);
    let staff = host.session_as(&cook, "noodles", &["kitchen"]).await;
    let elsewhere = host.session_as(&guest, "tea", &[]).await;
    // Who watches hears exactly what they may read.
    let mut watches: Vec<(&youji_api::caller::Caller, &str, Ticket)> = Vec::new();
    for caller in [&owner, &stranger, &staff, &elsewhere] {
        for collection in ["orders", "menu", "chats", "secrets"] {
            let watch = Call::RecordsWatch {
                collection: collection.to_owned(),
                options: Fields::new(),
            };
            watches.push((caller, collection, common::ticket(host.call(caller, watch).await)));
        }
    }
    host.call(&owner, put("orders", "o1", 0, b"noodles")).await.unwrap();
    host.call(&owner, put("secrets", "s1", 0, b"diary")).await.unwrap();
    host.call(&staff, put("menu", "m1", 0, b"beef")).await.unwrap();
    let to = host.services.open_id(&other.id, &"noodles".into()).to_string();
    host.call(&owner, put_with("chats", "c1", 0, Fields::new().with("parties", to)))
        .await
        .unwrap();
    assert_eq!(host.code(&owner, put("menu", "m2", 0, b"fake")).await, "forbidden");
    assert_eq!(host.code(&stranger, put("orders", "o1", 1, b"mine")).await, "forbidden");
    assert_eq!(host.code(&stranger, put("secrets", "s1", 1, b"mine")).await, "forbidden");
    let table = [
        ("orders", "o1", [true, false, true]),
        ("secrets", "s1", [true, false, false]),
        ("menu", "m1", [true, true, true]),
        ("chats", "c1", [true, true, false]),
    ];
    let heard = |caller: &youji_api::caller::Caller, collection: &str| {
        let ticket = watches
            .iter()
            .find(|(who, what, _)| std::ptr::eq(*who, caller) && *what == collection)
            .unwrap()
            .2;
        host.events(caller, "changed")
            .into_iter()
            .filter(move |event| event.ticket == ticket.0)
            .collect::<Vec<_>>()
    };
    until(|| heard(&stranger, "chats").len() == 1).await;
    for (collection, key, expected) in table {
        for (caller, may) in [&owner, &stranger, &staff].into_iter().zip(expected) {
            assert_eq!(sees(&host, caller, collection, key).await.is_some(), may, "{collection} {may}");
            assert_eq!(
                keys(&host, caller, list(collection, Fields::new())).await.len(),
                usize::from(may),
                "{collection}"
            );
            assert_eq!(heard(caller, collection).len(), usize::from(may), "{collection}");
        }
        assert!(sees(&host, &elsewhere, collection, key).await.is_none());
        assert!(heard(&elsewhere, collection).is_empty());
    }
    let event = &heard(&staff, "orders")[0];
    assert_eq!((event.body.as_slice(), event.fields.text("key")), (b"noodles".as_slice(), "o1"));
    assert_eq!(event.fields.integer("version"), Some(1));
    // A removal is heard by those who could read it.
    let remove = Call::RecordsRemove {
        collection: "orders".to_owned(),
        key: "o1".to_owned(),
        expected: 1,
    };
    assert_eq!(host.code(&stranger, remove.clone()).await, "forbidden");
    host.call(&staff, remove).await.unwrap();
    until(|| heard(&owner, "orders").len() == 2).await;
    assert_eq!(
        heard(&owner, "orders")[1].fields.get("removed").and_then(|flag| flag.as_flag()),
        Some(true)
    );
    assert!(heard(&stranger, "orders").is_empty());
    // Under a row: its parties read, now and later.
    let mut under = put_with("chats", "c1.m1", 0, Fields::new().with("under", "chats/c1"));
    host.call(&stranger, under.clone()).await.unwrap();
    assert!(sees(&host, &owner, "chats", "c1.m1").await.is_some());
    if let Call::RecordsPut { key, .. } = &mut under {
        *key = "c1.m2".to_owned();
    }
    assert_eq!(host.code(&staff, under).await, "forbidden");
    // Only staff set another owner, and the stamps still name who wrote.
    let open_id = host.services.open_id(&guest.id, &"noodles".into()).to_string();
    let gift = put_with("orders", "gift", 0, Fields::new().with("owner", open_id.as_str()));
    assert_eq!(host.code(&stranger, gift.clone()).await, "forbidden");
    host.call(&staff, gift).await.unwrap();
    let row = sees(&host, &owner, "orders", "gift").await.unwrap();
    assert_eq!(row.stamps.text("owner"), open_id);
    assert_ne!(row.stamps.text("writer"), open_id);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_come_in_pages() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let other = host.session(&host.visitor().await).await;
    for n in 0..9 {
        host.call(&caller, put("counters", &format!("a.{n}"), 0, b"x")).await.unwrap();
        host.call(&other, put("counters", &format!("b.{n}"), 0, b"x")).await.unwrap();
    }
    let page = |options: Fields| keys(&host, &caller, list("counters", options));
    assert_eq!(page(Fields::new()).await.len(), 18);
    assert_eq!(page(Fields::new().with("prefix", "b.").with("limit", 2_i64)).await, ["b.0", "b.1"]);
    let back = Fields::new().with("prefix", "a.").with("limit", 2_i64).with("descending", true);
    assert_eq!(page(back.clone()).await, ["a.8", "a.7"]);
    assert_eq!(page(back.with("after", "a.7")).await, ["a.6", "a.5"]);
    assert_eq!(page(Fields::new().with("after", "a.7").with("limit", 2_i64)).await, ["a.8", "b.0"]);
    assert_eq!(page(Fields::new().with("owner", "me").with("prefix", "b.")).await.len(), 0);
    assert_eq!(page(Fields::new().with("owner", "me")).await.len(), 9);
    let odd = list("counters", Fields::new().with("limit", -1_i64));
    assert_eq!(host.code(&caller, odd).await, "invalid");
    let after = host.killed().await;
    assert_eq!(keys(&after, &caller, list("counters", Fields::new())).await.len(), 18);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_is_private_and_has_a_quota() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let set = |key: &str, bytes: usize| Call::StorageSet {
        key: key.to_owned(),
        value: vec![7; bytes],
    };
    host.call(&caller, set("a", 262_144)).await.unwrap();
    assert_eq!(host.code(&caller, set("b", 262_145)).await, "limit");
    for key in ["b", "c"] {
        host.call(&caller, set(key, 262_144)).await.unwrap();
    }
    assert_eq!(host.code(&caller, set("d", 262_144)).await, "limit");
    host.call(&caller, set("d", 262_000)).await.unwrap();
    // Replacing counts once, and what shrank leaves nothing behind.
    host.call(&caller, set("a", 10)).await.unwrap();
    let value = host.call(&caller, Call::StorageGet { key: "a".to_owned() }).await.unwrap();
    assert_eq!(value, Reply::Bytes(Some(vec![7; 10])));
    host.call(&caller, Call::StorageRemove { key: "b".to_owned() }).await.unwrap();
    let names = ["a", "c", "d"].map(str::to_owned).to_vec();
    assert_eq!(host.call(&caller, Call::StorageKeys).await.unwrap(), Reply::Keys(names));
    for n in 0..509 {
        host.call(&caller, set(&format!("k{n}"), 1)).await.unwrap();
    }
    assert_eq!(host.code(&caller, set("one more", 1)).await, "limit");
    assert_eq!(host.code(&caller, set("", 1)).await, "limit");
    let other = host.session_as(&guest, "tea", &[]).await;
    let stranger = host.session(&host.visitor().await).await;
    for who in [&other, &stranger] {
        assert_eq!(
            host.call(who, Call::StorageGet { key: "a".to_owned() }).await.unwrap(),
            Reply::Bytes(None)
        );
        assert_eq!(host.call(who, Call::StorageKeys).await.unwrap(), Reply::Keys(Vec::new()));
    }
    host.services.ended(&caller, None).await;
    host.services.shutdown().await;
    let again = host.killed().await;
    let value = again.call(&caller, Call::StorageGet { key: "c".to_owned() }).await.unwrap();
    assert_eq!(value, Reply::Bytes(Some(vec![7; 262_144])));
    again.check().await;
}
