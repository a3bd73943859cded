//! Messages as they come: in order, resumed after a lost line, with an end when the person leaves.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use support::{Device, Kiosk};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use youji_api::caller::{Caller, TemplateKind, TemplateRule};
use youji_api::{Answer, Call, Fields, Moment, Reply, SessionId};

/// A line of server-sent events.
struct Line {
    stream: BufReader<TcpStream>,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    kind: String,
    id: u64,
    data: Value,
}

impl Line {
    /// Status and, when that is 200, the line.
    async fn open(device: &Device, query: &str, last: Option<&str>) -> (u16, Line) {
        let port = device.authority.rsplit(':').next().expect("a port");
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await.expect("the kiosk answers");
        let mut stream = BufReader::new(stream);
        let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let head = format!(
            "GET /api/messages{query} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\naccept: text/event-stream\r\n{last}\r\n",
            device.authority,
            device.cookie_line()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut status = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a head");
            if status == 0 {
                status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
            }
            if line.trim().is_empty() {
                break;
            }
        }
        (
            status,
            Line {
                stream,
                text: String::new(),
            },
        )
    }

    /// The next event; none when the host ended the line.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| {
                    let found = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                    found.map(|value| value.trim_start().to_owned())
                };
                if let (Some(kind), Some(id), Some(data)) = (field("event"), field("id"), field("data")) {
                    return Some(Event {
                        kind,
                        id: id.parse().expect("a number"),
                        data: serde_json::from_str(&data).expect("JSON"),
                    });
                }
            }
            let mut size = String::new();
            let read = tokio::time::timeout(Duration::from_secs(120), self.stream.read_line(&mut size));
            read.await.expect("an event in time").ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0)?;
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.ok()?;
            self.text += std::str::from_utf8(&chunk[..size]).expect("text");
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let event = self.next().await.expect("an event");
            assert_eq!(
                (event.kind.as_str(), &event.data["sequence"]),
                ("message", &json!(event.id)),
                "{event:?}"
            );
            ids.push(event.id);
        }
        ids
    }
}

/// The caller of a session, as if its manifest had a template.
fn caller(kiosk: &Kiosk, opened: &Value) -> Caller {
    let id = u64::from_str_radix(opened["session"].as_str().expect("a session"), 16).expect("hex");
    let session = kiosk.host.runtime().session(SessionId(id)).expect("alive");
    let mut caller = session.caller().as_ref().clone();
    let mut requested = caller.requested.as_ref().clone();
    requested.permissions.push(("messaging".to_owned(), "For a test".to_owned()));
    let texts = |text: &str| BTreeMap::from([("en".to_owned(), text.to_owned())]);
    requested.templates.push(TemplateRule {
        name: "ready".to_owned(),
        title: texts("Ready"),
        text: texts("Number {number}"),
        page: String::new(),
        kind: TemplateKind::LongTerm,
    });
    caller.requested = Arc::new(requested);
    caller
}

async fn subscribe(kiosk: &Kiosk, caller: &Caller) {
    let call = Call::MessagingSubscribe {
        templates: vec!["ready".to_owned()],
        options: Fields::new(),
    };
    kiosk.host.gate().call(caller, Moment::Tap, call).await.expect("a ticket");
    let sheet = kiosk.host.screen(caller.session).expect("a screen").now().sheets[0].id;
    let answer = Answer {
        accepted: true,
        chosen: vec!["ready".to_owned()],
        ..Answer::default()
    };
    kiosk.host.services().answer(caller.session, sheet, answer).await.expect("answered");
}

async fn send(kiosk: &Kiosk, from: &Caller, to: &Caller, number: u64) {
    let call = Call::MessagingSend {
        to: kiosk.host.services().open_id(&to.person, &to.program).to_string(),
        template: "ready".to_owned(),
        fields: Fields::new().with("number", i64::try_from(number).expect("small")),
        client_id: format!("{}-{number}", to.person),
        options: Fields::new(),
    };
    let reply = kiosk.host.gate().call(from, Moment::Other, call).await.expect("sent");
    assert!(matches!(reply, Reply::Number(_)), "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_in_order_and_a_lost_line_resumes() {
    let kiosk = Kiosk::open(|_| {}).await;
    let (mut guest, mut cook) = (kiosk.visitor().await, kiosk.visitor().await);
    let at_table = guest.open(&kiosk.code()).await;
    let (eater, cooks) = (caller(&kiosk, &at_table), caller(&kiosk, &cook.open(&kiosk.code()).await));
    subscribe(&kiosk, &eater).await;
    subscribe(&kiosk, &cooks).await;

    let (status, mut line) = Line::open(&guest, "", None).await;
    assert_eq!(status, 200);
    let (_, mut other) = Line::open(&cook, "", None).await;
    for number in 1..=3 {
        send(&kiosk, &cooks, &eater, number).await;
    }
    assert_eq!(line.ids(3).await, [1, 2, 3]);
    drop(line);
    for number in 4..=5 {
        send(&kiosk, &cooks, &eater, number).await;
    }
    let (_, mut line) = Line::open(&guest, "?after=1", Some("3")).await;
    let event = line.next().await.expect("an event");
    assert_eq!((event.id, &event.data["text"]), (4, &json!("Number 4")), "{event:?}");
    assert_eq!(line.ids(1).await, [5]);
    let (_, mut again) = Line::open(&guest, "?after=1", None).await;
    assert_eq!(again.ids(4).await, [2, 3, 4, 5]);
    for (query, last) in [("", Some("6")), ("?after=99", None), ("", Some("x"))] {
        assert_eq!(Line::open(&guest, query, last).await.0, 400, "{query} {last:?}");
    }

    // The session socket tells the same, if it is asked to.
    let session = at_table["session"].as_str().expect("a session");
    let mut page = guest.try_socket(session, &[]).await.expect("a socket");
    page.say(json!({"t": "hello", "lastSeq": 0, "language": "en", "messagesAfter": 4}))
        .await;
    let message = page.seen_or_until(|frame| frame["t"] == "message", "a message").await;
    assert_eq!(message["message"]["sequence"], 5, "{message}");
    send(&kiosk, &cooks, &eater, 6).await;
    let is = |frame: &Value| frame["t"] == "message" && frame["message"]["sequence"] == 6;
    page.seen_or_until(is, "the next message").await;
    assert_eq!(line.ids(1).await, [6]);

    // Nobody hears what is somebody else's, nor more lines than a seat has.
    send(&kiosk, &eater, &cooks, 1).await;
    assert_eq!(other.next().await.expect("an event").data["text"], "Number 1");
    let mut lines = Vec::new();
    let status = loop {
        let (status, line) = Line::open(&guest, "", None).await;
        if status != 200 {
            break status;
        }
        lines.push(line);
        assert!(lines.len() <= 4, "there is no end of lines");
    };
    assert_eq!(status, 429);

    // Whoever leaves hears nothing any more.
    assert_eq!(guest.post("/api/reset", &json!({})).await.status, 200);
    assert_eq!(line.next().await, None);
    assert_eq!(Line::open(&guest, "", None).await.0, 401);
    send(&kiosk, &cooks, &cooks, 2).await;
    assert_eq!(other.ids(1).await, [2], "the others' lines go on");
    kiosk.server.stop().await;
    assert_eq!(other.next().await, None);
}
