//! Message templates: asked for, remembered, used up, taken back, and not more often than a person can bear.

mod common;

use common::{Host, choose, no, ticket};
use std::time::Duration;
use youji_api::caller::Caller;
use youji_api::{Call, Capabilities, Fields, Moment, Reply, SheetKind, Ticket};
use youji_services::Mail;

fn subscribe(templates: &[&str]) -> Call {
    Call::MessagingSubscribe {
        templates: templates.iter().map(|name| (*name).to_owned()).collect(),
        options: Fields::new(),
    }
}

fn message(host: &Host, to: &Caller, template: &str, client_id: &str) -> Call {
    Call::MessagingSend {
        to: host.services.open_id(&to.person, &to.program).to_string(),
        template: template.to_owned(),
        fields: Fields::new().with("number", 7_i64),
        client_id: client_id.to_owned(),
        options: Fields::new(),
    }
}

/// Code of the refusal, or "ok".
async fn sent(host: &Host, from: &Caller, to: &Caller, template: &str, client_id: &str) -> String {
    host.code(from, message(host, to, template, client_id)).await
}

fn sheets(host: &Host) -> usize {
    host.heard.sheets.lock().unwrap().len()
}

/// What the outcome says of a template.
fn said(host: &Host, caller: &Caller, asked: Ticket, template: &str) -> String {
    let outcome = host.outcome(caller, asked).expect("an outcome");
    outcome.fields.text(&format!("template.{template}")).to_owned()
}

async fn count(host: &Host, person: &Caller) -> u64 {
    let mut mailbox = host.services.mailbox(&person.person, None).unwrap();
    let mut last = 0;
    let newest = host
        .services
        .inbox(&person.person, 0)
        .await
        .last()
        .map_or(0, |message| message.sequence);
    while last < newest {
        if let Some(Mail::Message(message)) = mailbox.next().await {
            last = message.sequence;
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_about_each_template_once() {
    let host = Host::new().await;
    let (cook, guest) = (host.session(&host.visitor().await).await, host.session(&host.visitor().await).await);
    let at = |moment, call| host.gate.call(&guest, moment, call);
    assert_eq!(at(Moment::Other, subscribe(&["ready"])).await.unwrap_err().code, "needs-tap");
    for wrong in [&[][..], &["ready"; 6], &["nowhere"]] {
        let code = at(Moment::Tap, subscribe(wrong)).await.unwrap_err().code;
        assert_eq!(code, if wrong == ["nowhere"] { "not-found" } else { "limit" }, "{wrong:?}");
    }
    let asked = ticket(at(Moment::Tap, subscribe(&["ready", "late", "called"])).await);
    let sheet = host.last_sheet(&guest);
    match &sheet.kind {
        SheetKind::Subscribe { templates, once } => {
            let names: Vec<&str> = templates.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!((names, once), (vec!["ready", "late", "called"], &vec!["called".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
    host.answer(&guest, &sheet, choose(&["ready"])).await.unwrap();
    let all = ["ready", "late", "called"].map(|name| said(&host, &guest, asked, name));
    assert_eq!(all, ["accepted", "rejected", "rejected"]);
    assert_eq!(sent(&host, &cook, &guest, "ready", "1").await, "ok");
    assert_eq!(sent(&host, &cook, &guest, "late", "2").await, "denied");
    assert_eq!(sent(&host, &cook, &guest, "called", "3").await, "denied");

    // Decided is decided: nobody is asked again, also not after a restart.
    let before = sheets(&host);
    let again = ticket(host.call(&guest, subscribe(&["ready", "late", "called"])).await);
    assert_eq!(sheets(&host), before, "no sheet");
    let all = ["ready", "late", "called"].map(|name| said(&host, &guest, again, name));
    assert_eq!(all, ["accepted", "rejected", "rejected"]);
    let after = host.killed().await;
    assert_eq!(sent(&after, &cook, &guest, "ready", "4").await, "ok");
    assert_eq!(sent(&after, &cook, &guest, "late", "5").await, "denied");

    // The person's page changes it, and it bites at the next message.
    for (scope, granted) in [("message.ready", false), ("message.late", true)] {
        host.services
            .set_consent(&guest.person, &guest.program, scope, granted)
            .await
            .unwrap();
    }
    assert_eq!(sent(&host, &cook, &guest, "ready", "6").await, "denied");
    assert_eq!(sent(&host, &cook, &guest, "late", "7").await, "ok");
    assert_eq!(count(&host, &guest).await, 2);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_yes_is_one_message_of_a_one_time_template() {
    let host = Host::new().await;
    let (cook, guest) = (host.session(&host.visitor().await).await, host.session(&host.visitor().await).await);
    let yes = async || {
        ticket(host.call(&guest, subscribe(&["called"])).await);
        host.answer(&guest, &host.last_sheet(&guest), choose(&["called"])).await.unwrap();
    };
    let left = || {
        let rows = host.services.consents(&guest.person);
        rows.iter().find(|row| row.scope == "message.called").and_then(|row| row.left)
    };
    yes().await;
    assert_eq!(left(), Some(1));
    assert_eq!(sent(&host, &cook, &guest, "called", "1").await, "ok");
    assert_eq!(left(), Some(0));
    assert_eq!(sent(&host, &cook, &guest, "called", "2").await, "denied");
    // What was sent is still answered as sent, and takes nothing.
    assert_eq!(sent(&host, &cook, &guest, "called", "1").await, "ok");

    // Two orders, two yeses, two messages: of eight at once two get through, whoever comes first.
    yes().await;
    yes().await;
    assert_eq!(left(), Some(2));
    let tries = (0..8).map(|number| {
        let call = message(&host, &guest, "called", &format!("many-{number}"));
        let (host, cook) = (&host, &cook);
        async move { host.code(cook, call).await }
    });
    let tries = futures_util::future::join_all(tries).await;
    assert_eq!(tries.iter().filter(|code| *code == "ok").count(), 2, "{tries:?}");
    assert_eq!(count(&host, &guest).await, 3);
    // A kill gives nothing back.
    let after = host.killed().await;
    assert_eq!(sent(&after, &cook, &guest, "called", "9").await, "denied");

    // A no stays one, without another sheet; on the person's page a yes is for one message too.
    ticket(host.call(&guest, subscribe(&["called"])).await);
    host.answer(&guest, &host.last_sheet(&guest), no()).await.unwrap();
    let before = sheets(&host);
    let asked = ticket(host.call(&guest, subscribe(&["called"])).await);
    assert_eq!((sheets(&host), said(&host, &guest, asked, "called").as_str()), (before, "rejected"));
    host.services
        .set_consent(&guest.person, &guest.program, "message.called", true)
        .await
        .unwrap();
    assert_eq!(left(), Some(1));
    assert_eq!(sent(&host, &cook, &guest, "called", "10").await, "ok");
    assert_eq!(sent(&host, &cook, &guest, "called", "11").await, "denied");

    // A newer version that calls the template long-term gets no more out of a yes that was for one.
    let mut newer = guest.clone();
    let mut requested = (*newer.requested).clone();
    requested.templates.iter_mut().for_each(|rule| rule.kind = Default::default());
    newer.requested = requested.into();
    host.services.started(&newer).await;
    let mut sender = cook.clone();
    sender.requested = newer.requested.clone();
    host.services
        .set_consent(&guest.person, &guest.program, "message.called", false)
        .await
        .unwrap();
    host.services
        .set_consent(&guest.person, &guest.program, "message.called", true)
        .await
        .unwrap();
    assert_eq!(sent(&host, &sender, &guest, "called", "12").await, "denied");
    ticket(host.call(&newer, subscribe(&["called"])).await);
    host.answer(&newer, &host.last_sheet(&newer), choose(&["called"])).await.unwrap();
    for number in 13..16 {
        assert_eq!(sent(&host, &sender, &guest, "called", &number.to_string()).await, "ok");
    }
    assert_eq!(left(), None);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_sends_a_person_only_so_many() {
    let host = Host::with(|config| (config.limits.messages, config.limits.messages_in) = (3, Duration::from_secs(3_600))).await;
    let (cook, guest, other) = (
        host.session(&host.visitor().await).await,
        host.session(&host.visitor().await).await,
        host.session(&host.visitor().await).await,
    );
    for caller in [&guest, &other] {
        ticket(host.call(caller, subscribe(&["ready"])).await);
        host.answer(caller, &host.last_sheet(caller), choose(&["ready"])).await.unwrap();
    }
    // What is refused for another reason takes no place.
    for number in 0..5 {
        assert_eq!(sent(&host, &cook, &guest, "late", &format!("no-{number}")).await, "denied");
    }
    for number in 0..3 {
        assert_eq!(sent(&host, &cook, &guest, "ready", &number.to_string()).await, "ok");
    }
    let refused = host.call(&cook, message(&host, &guest, "ready", "3")).await.unwrap_err();
    assert_eq!(refused.code, "limit");
    assert!(refused.message.contains("3 messages in 60 minutes"), "{}", refused.message);
    assert_eq!(
        sent(&host, &cook, &other, "ready", "3").await,
        "ok",
        "somebody else is not concerned"
    );
    host.pass(Duration::from_secs(3_600));
    assert!(matches!(
        host.call(&cook, message(&host, &guest, "ready", "4")).await,
        Ok(Reply::Number(4))
    ));
    host.check().await;
}
