//! One program opens another: asked with stored names, carried out once, told once.

mod common;

use common::{Host, no, ticket, yes};
use std::time::Duration;
use youji_api::{Call, Fields, OpenTarget, SheetKind};

fn open(program: &str, path: &str, query: Fields) -> Call {
    Call::NavigationOpen {
        program: program.to_owned(),
        path: path.to_owned(),
        query,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_confirms_and_the_screen_opens_it_once() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let asked = ticket(
        host.call(&caller, open("tea", "", Fields::new().with("table", "T7").with("n", 2_i64)))
            .await,
    );
    let sheet = host.last_sheet(&caller);
    let opens = OpenTarget {
        program: "tea".into(),
        page: "pages/home".to_owned(),
        query: vec![("table".to_owned(), "T7".to_owned()), ("n".to_owned(), "2".to_owned())],
    };
    let kind = SheetKind::Open {
        target: "Tea House".to_owned(),
        target_publisher: "Leaf & Co".to_owned(),
        opens: opens.clone(),
    };
    assert_eq!(sheet.kind, kind, "stored names, and what is passed on");
    assert!(host.heard.opens.lock().unwrap().is_empty(), "nothing before the answer");

    host.answer(&caller, &sheet, yes()).await.unwrap();
    assert_eq!(*host.heard.opens.lock().unwrap(), [(caller.session, asked, opens)]);
    assert!(host.outcome(&caller, asked).is_none(), "it is not open yet");
    assert_eq!(
        host.answer(&caller, &sheet, yes()).await.unwrap_err().code,
        "not-found",
        "answered once"
    );

    host.services.opened(caller.session, asked, Ok(())).unwrap();
    let outcome = host.outcome(&caller, asked).expect("told").fields;
    assert_eq!((outcome.text("call"), outcome.text("outcome")), ("navigation.open", "done"));
    let again = host.services.opened(caller.session, asked, Err("failed")).unwrap_err();
    assert_eq!(again.code, "not-found", "told once");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_a_failure_and_a_sheet_that_lapses_are_told() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let asked = || async { ticket(host.call(&caller, open("tea", "pages/home", Fields::new())).await) };
    let said = |ticket| {
        let fields = host.outcome(&caller, ticket).expect("told").fields;
        (fields.text("outcome").to_owned(), fields.text("code").to_owned())
    };

    let first = asked().await;
    host.answer(&caller, &host.last_sheet(&caller), no()).await.unwrap();
    assert_eq!(said(first), ("declined".to_owned(), String::new()));
    assert!(host.heard.opens.lock().unwrap().is_empty());

    let second = asked().await;
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    host.services.opened(caller.session, second, Err("limit")).unwrap();
    assert_eq!(said(second), ("failed".to_owned(), "limit".to_owned()));

    let third = asked().await;
    host.pass(Duration::from_secs(11 * 60));
    common::until(|| host.outcome(&caller, third).is_some()).await;
    assert_eq!(said(third), ("expired".to_owned(), String::new()));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_opened_is_refused_without_a_sheet() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    let long = "x".repeat(2_000);
    for (call, code) in [
        (open("closed", "", Fields::new()), "forbidden"),
        (open("nobody", "", Fields::new()), "not-found"),
        (open("noodles", "", Fields::new()), "invalid"),
        (open("", "", Fields::new()), "limit"),
        (open("tea", &"p/".repeat(200), Fields::new()), "limit"),
        (open("tea", "", Fields::new().with("note", long.as_str())), "limit"),
    ] {
        assert_eq!(host.code(&caller, call.clone()).await, code, "{call:?}");
    }
    assert!(host.heard.sheets.lock().unwrap().is_empty());
    host.check().await;
}
