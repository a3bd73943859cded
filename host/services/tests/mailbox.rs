//! Mailboxes: in order, at least once, resumed by number, with every gap said.

mod common;

use common::{Host, choose, order, ticket, yes};
use std::collections::BTreeSet;
use std::time::Duration;
use youji_api::caller::Caller;
use youji_api::{Call, Fields, PersonId, Reply};
use youji_services::{Mail, Mailbox};

/// Somebody who takes messages of the program.
async fn recipient(host: &Host) -> (PersonId, String) {
    let person = host.visitor().await;
    let caller = host.session(&person).await;
    let call = Call::MessagingSubscribe {
        templates: vec!["ready".to_owned()],
        options: Fields::new(),
    };
    ticket(host.call(&caller, call).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["ready"])).await.unwrap();
    (person.id.clone(), host.services.open_id(&person.id, &caller.program).to_string())
}

async fn send(host: &Host, from: &Caller, to: &str, number: u64) -> u64 {
    let call = Call::MessagingSend {
        to: to.to_owned(),
        template: "ready".to_owned(),
        fields: Fields::new().with("number", i64::try_from(number).unwrap()),
        client_id: format!("message-{number}"),
        options: Fields::new(),
    };
    match host.call(from, call).await.unwrap() {
        Reply::Number(sequence) => sequence,
        other => panic!("a number expected, {other:?} came"),
    }
}

async fn next(mailbox: &mut Mailbox) -> Mail {
    let wait = tokio::time::timeout(Duration::from_secs(30), mailbox.next());
    wait.await.expect("mail is there").expect("a person is there")
}

/// The next so many, all of them messages: number in the mailbox and text.
async fn texts(mailbox: &mut Mailbox, count: usize) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    while all.len() < count {
        match next(mailbox).await {
            Mail::Message(message) => all.push((message.sequence, message.text)),
            other => panic!("{other:?} after {all:?}"),
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_follower_gets_every_message_once_and_in_order() {
    let host = Host::new().await;
    let (person, to) = recipient(&host).await;
    let mut early = host.services.mailbox(&person, None).unwrap();
    let senders = [host.session(&host.visitor().await).await, host.session(&host.visitor().await).await];
    let sending = futures_util::future::join_all((0..120).map(|number| send(&host, &senders[number % 2], &to, number as u64)));
    let (numbers, heard) = tokio::join!(sending, texts(&mut early, 120));
    let sequences: Vec<u64> = heard.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (1..=120).collect::<Vec<u64>>());
    assert_eq!(numbers.iter().copied().collect::<BTreeSet<u64>>(), (1..=120).collect());
    for (number, sequence) in numbers.iter().enumerate() {
        let (_, text) = &heard[usize::try_from(*sequence).unwrap() - 1];
        assert!(text.contains(&number.to_string()), "{number} got {sequence}: {text}");
    }
    // A repetition is the same message, and not a second one.
    assert_eq!(send(&host, &senders[0], &to, 0).await, numbers[0]);
    assert_eq!(send(&host, &senders[1], &to, 121).await, 121);
    assert_eq!(texts(&mut early, 1).await[0].0, 121);

    // Somebody who comes late gets the same from the beginning; one who comes back, what came since.
    let mut late = host.services.mailbox(&person, None).unwrap();
    assert_eq!(texts(&mut late, 120).await, heard);
    let mut back = host.services.mailbox(&person, Some(117)).unwrap();
    let sequences: Vec<u64> = texts(&mut back, 4).await.into_iter().map(|(sequence, _)| sequence).collect();
    assert_eq!(sequences, [118, 119, 120, 121]);
    let failure = host.services.mailbox(&person, Some(122)).map(drop).unwrap_err();
    assert_eq!((failure.code.as_str(), failure.message.contains("121")), ("invalid", true));

    // What the host itself writes comes the same way, and what was there before a kill does after it.
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    ticket(host.call(&caller, Call::PaymentPay(order("no-1", 700))).await);
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    let mut own = host.services.mailbox(&guest.id, None).unwrap();
    assert_eq!(texts(&mut own, 1).await[0].0, 1);
    let host = host.killed().await;
    let mut again = host.services.mailbox(&person, Some(119)).unwrap();
    let sequences: Vec<u64> = texts(&mut again, 2).await.into_iter().map(|(sequence, _)| sequence).collect();
    assert_eq!(sequences, [120, 121]);

    // Forgotten: the line ends.
    host.services.forget(&person).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(30), again.next()).await;
    assert_eq!(end.expect("it ends"), None);
    assert!(host.services.mailbox(&person, None).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_is_said() {
    let host = Host::new().await;
    let (person, to) = recipient(&host).await;
    let sender = host.session(&host.visitor().await).await;
    // More than a mailbox holds.
    for number in 1..=210 {
        send(&host, &sender, &to, number).await;
    }
    let mut behind = host.services.mailbox(&person, Some(3)).unwrap();
    assert_eq!(next(&mut behind).await, Mail::Gap { first: 4, last: 10 });
    assert_eq!(texts(&mut behind, 200).await[0].0, 11);
    let mut fresh = host.services.mailbox(&person, None).unwrap();
    assert_eq!(
        texts(&mut fresh, 1).await[0].0,
        11,
        "nothing is missing for somebody who has seen nothing"
    );

    // Expired.
    host.pass(Duration::from_secs(31 * 24 * 60 * 60));
    let mut behind = host.services.mailbox(&person, Some(205)).unwrap();
    assert_eq!(next(&mut behind).await, Mail::Gap { first: 206, last: 210 });
    send(&host, &sender, &to, 211).await;
    assert_eq!(texts(&mut behind, 1).await[0].0, 211);
}
