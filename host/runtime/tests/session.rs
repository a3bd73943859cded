//! A well-behaved program from launch to receipt.

mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use support::{Rig, until};
use youji_api::{Event, Launch, Recipient, Scalar, SessionId, Ticket};
use youji_runtime::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opens_counts_and_leaves_nothing() {
    let rig = Rig::new();
    let (session, opened) = rig.launch("", "").await.expect("it opens");
    let names: Vec<_> = opened.steps.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["admit", "started", "instantiate", "launched", "shown", "view"]);
    assert_eq!((opened.first.seq, &*opened.first.path, opened.first.depth), (1, "pages/home", 1));

    let mut screen = support::Screen::of(&session);
    let mut feed = session.subscribe(opened.first.seq);
    assert!(screen.tap("add").await.applied);
    let Some(Update::Patch(patch)) = feed.recv().await else {
        panic!("a tap changes the view")
    };
    assert_eq!((patch.base, patch.seq), (1, 2));
    let json = serde_json::to_value(Update::Patch(patch)).expect("it serialises");
    assert_eq!(json["t"], "patch");
    assert!(json["ops"].to_string().contains(r#"["set",2,{"text":"1"}]"#), "{json}");
    assert_eq!(screen.texts().await[0], "1");

    let usage = session.usage();
    assert!(
        usage.memory_bytes >= 64 << 10 && usage.nodes == 15 && usage.events == 1 && usage.tree_bytes > 100,
        "{usage:?}"
    );
    let receipt = session.close(EndReason::Closed).await;
    assert_eq!(receipt.before.memory_bytes, usage.memory_bytes);
    assert_eq!((receipt.after.instances, receipt.after.memory_bytes), (0, 0));
    assert!(receipt.after.rss_bytes > 0 && receipt.steps.iter().any(|(name, _)| *name == "save-state"));
    let json = serde_json::to_value(&receipt).expect("it serialises");
    assert_eq!(
        (json["reason"].as_str(), json["erased"]["watches"].as_u64()),
        (Some("closed"), Some(2))
    );
    assert_eq!(rig.services.saved.lock().as_ref().expect("it saved").bytes, [7]);
    while let Some(update) = feed.recv().await {
        if let Update::Ended(ended) = update {
            assert_eq!(
                serde_json::to_value(&*ended).expect("it serialises")["fault"],
                serde_json::Value::Null
            );
        }
    }
    assert!(rig.runtime.session(session.id()).is_none() && !session.deliver(Event::new("changed")));
    let refused = screen.event(1, "tap", None).await;
    assert!(!refused.applied, "a session that is over applies nothing");

    // What was saved comes back.
    let (_, screen) = rig.open("", "").await;
    assert_eq!(screen.texts().await[0], "1");
}

#[tokio::test]
async fn the_frames_are_those_of_the_protocol() {
    let rig = Rig::new();
    let (session, _) = rig.open("", "").await;
    let full = session.subscribe(0).recv().await.expect("the view");
    let json = serde_json::to_value(full).expect("it serialises");
    assert_eq!(
        (json["t"].as_str(), json["seq"].as_u64(), json["depth"].as_u64()),
        (Some("full"), Some(1), Some(1))
    );
    assert_eq!(json["tree"][0]["n"], 10);
    assert_eq!(json["tree"][5]["on"][0], "input");
    assert_eq!(json["tree"][5]["a"]["label"], "field");
    let receipt = serde_json::to_value(session.close(EndReason::Reset).await).expect("it serialises");
    for member in [
        "session",
        "program",
        "reason",
        "lifetimeMs",
        "steps",
        "before",
        "after",
        "erased",
        "kept",
    ] {
        assert!(!receipt[member].is_null(), "{member}: {receipt}");
    }
    assert_eq!(receipt["session"], session.id().to_string());
    assert_eq!(receipt["erased"], serde_json::json!({"watches": 2}));
    assert_eq!(
        receipt["kept"],
        serde_json::json!([{"code": "records", "count": 3}]),
        "what the services say, and nothing else"
    );
}

#[tokio::test]
async fn an_event_is_applied_once_and_never_to_a_node_that_is_gone() {
    let rig = Rig::new();
    let (session, screen) = rig.open("", "").await;
    let event = |node, id: &str| UiEvent {
        node,
        kind: "tap".into(),
        value: None,
        event_id: id.into(),
    };
    let add = screen.node("add").await;
    assert!(session.ui_event(event(add, "a")).await.applied);
    assert!(!session.ui_event(event(add, "a")).await.applied, "the same event again");
    assert!(!session.ui_event(event(9_999, "b")).await.applied, "no such node");
    assert!(
        !session.ui_event(event(add, &"x".repeat(65))).await.applied,
        "an id that is too long"
    );
    assert_eq!(screen.texts().await[0], "1");
}

#[tokio::test]
async fn a_screen_resumes_where_it_was() {
    let rig = Rig::new();
    let (session, mut screen) = rig.open("", "").await;
    drop(session.subscribe(1));
    for _ in 0..3 {
        screen.tap("add").await;
    }
    let mut feed = session.subscribe(2);
    for wanted in [3, 4] {
        let Some(Update::Patch(patch)) = feed.recv().await else {
            panic!("the patch to {wanted}")
        };
        assert_eq!(patch.seq, wanted);
    }
    let full = session.subscribe(99).recv().await;
    assert!(matches!(full, Some(Update::Full(_))), "a number from nowhere gets the whole view");
    for _ in 0..40 {
        screen.tap("add").await;
    }
    let full = session.subscribe(2).recv().await;
    assert!(
        matches!(full, Some(Update::Full(_))),
        "more than 32 patches behind gets the whole view"
    );
}

#[tokio::test]
async fn a_slow_screen_gets_the_whole_view() {
    let rig = Rig::new();
    let (session, mut screen) = rig.open("", "").await;
    let mut feed = session.subscribe(1);
    for _ in 0..100 {
        screen.tap("add").await;
    }
    let mut last = 1;
    while last < 101 {
        match feed.recv().await.expect("it goes on") {
            Update::Full(full) => last = full.seq,
            Update::Patch(patch) => {
                assert_eq!(patch.base, last, "no hole");
                last = patch.seq;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn pages_are_kept_by_the_host() {
    let rig = Rig::new();
    let (session, mut screen) = rig.open("", "").await;
    let told = screen.texts().await[3].clone();
    assert!(
        told.ends_with("shown") && !told.contains("page-shown"),
        "the first page needs no event: {told}"
    );
    let old = screen.node("add").await;
    screen.tap("nowhere").await;
    assert!(screen.texts().await[2].contains("not-found"), "{:?}", screen.texts().await);
    screen.tap("second").await;
    let full = screen.full().await;
    assert_eq!((&*full.path, full.depth), ("pages/second", 2));
    assert!(
        screen.texts().await[3].ends_with("tap page-hidden page-shown"),
        "{:?}",
        screen.texts().await
    );
    assert!(full.tree.iter().all(|node| node.id != old), "another page has other nodes");
    assert!(session.back("b1".into()).await.applied);
    assert!(!session.back("b1".into()).await.applied, "the same Back again");
    let full = screen.full().await;
    assert_eq!((&*full.path, full.depth), ("pages/home", 1));
    assert!(screen.texts().await[3].ends_with("page-unloaded navigated-back page-shown"));
    assert!(!session.back("b2".into()).await.applied, "nothing before the first page");
    for _ in 0..12 {
        screen.tap("second").await;
    }
    assert_eq!(screen.full().await.depth, 10);
    assert!(screen.texts().await[2].contains("limit"), "{:?}", screen.texts().await);
    screen.tap("close").await;
    assert_eq!(session.ended().await.reason, EndReason::Closed);
    let nowhere = LaunchRequest {
        launch: Launch {
            page: "pages/nowhere".into(),
            ..Launch::default()
        },
        ..rig.request(rig.program().await, "", "", "ann")
    };
    assert!(matches!(rig.runtime.launch(nowhere).await, Err(LaunchError::NoSuchPage(_))));
}

#[tokio::test]
async fn only_taps_and_outcomes_of_payments_may_prompt() {
    let rig = Rig::new();
    let (session, mut screen) = rig.open("", "").await;
    session.deliver(Event::new("changed"));
    until("the change is handled", || session.usage().events == 1).await;
    assert!(screen.texts().await[2].contains("needs-tap"), "{:?}", screen.texts().await);
    screen.tap("pay").await;
    assert_eq!(screen.texts().await[2], "Ok(7)");
    let outcome = Event::completed(Ticket(7), youji_api::Fields::new().with("outcome", "done"));
    assert!(
        rig.runtime
            .deliver(&Recipient::PersonIn("ann".into(), "test.hostile".into()), outcome)
    );
    until("the outcome is taken", || *rig.services.taken.lock() == [7]).await;
    until("the outcome is drawn", || session.usage().events == 3).await;
    assert_eq!(screen.texts().await[2], "7:done");
}

/// Whoever declined is not asked again by the outcome of that, nor twice by one payment.
#[tokio::test]
async fn only_a_payment_that_was_made_counts_as_a_tap_and_once() {
    let rig = Rig::new();
    let (session, mut screen) = rig.open("insist", "").await;
    screen.tap("pay").await;
    assert_eq!(screen.texts().await[2], "Ok(7)");
    let mut handled = session.usage().events;
    let mut insists = async |ticket: u64, call: &str, outcome: &str| {
        let fields = youji_api::Fields::new().with("call", call).with("outcome", outcome);
        session.deliver(Event::completed(Ticket(ticket), fields));
        handled += 1;
        until("the outcome is drawn", || session.usage().events == handled).await;
        screen.texts().await[2].clone()
    };
    assert_eq!(insists(7, "payment.pay", "declined").await, "7:declined Err(\"needs-tap\")");
    assert_eq!(insists(7, "payment.pay", "expired").await, "7:expired Err(\"needs-tap\")");
    assert_eq!(insists(7, "payment.pay", "done").await, "7:done Ok(7)");
    assert_eq!(insists(7, "payment.pay", "done").await, "7:done Err(\"needs-tap\")");
    assert_eq!(insists(8, "payment.act", "done").await, "8:done Err(\"needs-tap\")");
    // Of an earlier session, told at this one's launch.
    assert_eq!(insists(5, "payment.pay", "done").await, "5:done Ok(7)");
    assert_eq!(insists(5, "payment.pay", "done").await, "5:done Err(\"needs-tap\")");
}

#[tokio::test]
async fn hidden_is_suspended_then_unloaded() {
    let rig = Rig::with(|config| {
        config.suspend_after = Duration::from_millis(100);
        config.unload_after = Duration::from_secs(3_600);
    });
    let (session, screen) = rig.open("", "").await;
    session.hide();
    until("it is suspended", || session.state() == SessionState::Suspended).await;
    session.deliver(Event::new("changed"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(session.usage().events, 0, "no call into a suspended guest");
    session.show();
    until("it takes what waited", || session.usage().events == 1).await;
    assert!(
        screen.texts().await[3].ends_with("hidden shown changed"),
        "{:?}",
        screen.texts().await
    );

    let rig = Rig::with(|config| config.unload_after = Duration::from_millis(100));
    let (session, _) = rig.open("", "").await;
    session.hide();
    let ended = session.ended().await;
    assert_eq!((ended.reason, &ended.fault), (EndReason::Idle, &None));
}

#[tokio::test]
async fn pressure_takes_who_was_shown_least_recently() {
    let rig = Rig::with(|config| {
        config.sessions_per_person = 3;
        config.max_sessions = 4;
    });
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(rig.open("", "").await.0);
    }
    sessions[0].hide();
    until("it is hidden", || sessions[0].state() == SessionState::Hidden).await;
    sessions[0].show();
    until("it is shown again", || sessions[0].state() == SessionState::Shown).await;
    let fourth = rig.open("", "").await.0;
    assert_eq!(sessions[1].ended().await.reason, EndReason::Pressure);
    assert!(sessions[0].try_ended().is_none() && sessions[2].try_ended().is_none());

    let program = rig.program().await;
    let launch = |person: &'static str| rig.runtime.launch(rig.request(program.clone(), "", "", person));
    launch("bob").await.expect("one place is left");
    assert!(matches!(launch("cat").await, Err(LaunchError::Full(4))), "all are on a stage");
    fourth.hide();
    until("it is hidden", || fourth.state() == SessionState::Hidden).await;
    launch("cat").await.expect("a hidden one makes room");
    assert_eq!(fourth.ended().await.reason, EndReason::Pressure);
}

#[tokio::test]
async fn memory_pressure_unloads_hidden_sessions() {
    let rig = Rig::with(|config| config.memory_budget_bytes = 3 << 20);
    let (first, _) = rig.open("", "").await;
    first.hide();
    until("it is hidden", || first.state() == SessionState::Hidden).await;
    let mut others = Vec::new();
    while first.try_ended().is_none() && others.len() < 30 {
        others.push(rig.open("", "").await.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(first.ended().await.reason, EndReason::Pressure);
    assert!(others.iter().all(|session| session.try_ended().is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_launched_is_told_of_the_end_once_and_first() {
    let rig = Rig::new();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let launch = |act: &'static str, at: &'static str| {
        let (rig, told) = (&rig, told.clone());
        async move {
            let ended: OnEnd = Box::new(move |session, ended| told.lock().expect("nobody panicked").push((session, ended.reason)));
            let request = rig.request(rig.program().await, act, at, "ann");
            rig.runtime
                .launch(LaunchRequest {
                    ended: Some(ended),
                    ..request
                })
                .await
        }
    };
    let (session, _) = launch("", "").await.expect("it opens");
    assert!(told.lock().expect("nobody panicked").is_empty());
    session.close(EndReason::Closed).await;
    let expected = [(session.id(), EndReason::Closed)];
    assert_eq!(*told.lock().expect("nobody panicked"), expected);
    // Of a launch that fails, the launch itself tells.
    assert!(matches!(launch("trap", "view").await, Err(LaunchError::Fault(_))));
    assert_eq!(*told.lock().expect("nobody panicked"), expected);
}

#[tokio::test]
async fn shutdown_unloads_every_session() {
    let rig = Rig::new();
    for _ in 0..5 {
        rig.open("", "").await;
    }
    let receipts = rig.runtime.shutdown().await;
    assert!(receipts.len() == 5 && receipts.iter().all(|receipt| receipt.reason == EndReason::Shutdown));
    assert_eq!((rig.runtime.metrics().instances, rig.services.ended.load(Relaxed)), (0, 5));
    assert!(matches!(rig.launch("", "").await, Err(LaunchError::ShuttingDown)));
}

#[tokio::test]
async fn outcomes_not_taken_are_offered_and_language_reaches_the_program() {
    let rig = Rig::new();
    *rig.services.outcomes.lock() = vec![Event::completed(Ticket(31), youji_api::Fields::new().with("outcome", "done"))];
    let (session, mut screen) = rig.open("", "").await;
    until("the outcome is taken", || *rig.services.taken.lock() == [31]).await;
    session.language("zh-CN", "ltr");
    until("it is told", || &*session.caller().language == "zh-CN").await;
    let field = screen.node("field").await;
    screen.event(field, "input", Some(Scalar::Text("面".into()))).await;
    assert_eq!(screen.texts().await[1], "面");
    assert!(screen.texts().await[3].contains("settings"));
    assert!(rig.runtime.session(SessionId(999)).is_none());
}
