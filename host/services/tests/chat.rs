//! Conversations: in order, once, among those who are in them; and gone with whoever goes.

mod common;

use common::{Host, choose, no, put, ticket};
use std::time::Duration;
use youji_api::{Call, Failure, Fields, PersonId, SheetKind};
use youji_services::chat::{AskAnswer, Card, ChatId, ChatLine, Content, Gift, Said};
use youji_services::{Mail, NewPerson, Person};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn text(words: impl Into<String>) -> Content {
    Content::Text { text: words.into() }
}

async fn somebody(host: &Host, code: &str) -> Person {
    let new = NewPerson {
        name: format!("Name of {code}"),
        code: code.to_owned(),
        pin: "1234".to_owned(),
        language: "en".to_owned(),
        balance: 10_000,
        profile: Vec::new(),
    };
    host.services.create_person(new).await.unwrap()
}

/// Brings somebody in by an invitation.
async fn brings(host: &Host, chat: &ChatId, by: &Person, who: &Person) {
    let (code, _) = host.services.chat_invite(&by.id, chat).await.unwrap();
    assert_eq!(host.services.chat_join(&who.id, &code).await.unwrap(), *chat);
}

/// A group with all of them in it; the first one made it.
async fn group(host: &Host, people: &[&Person]) -> ChatId {
    let chat = host.services.chat_make(&people[0].id, Some("Friends")).await.unwrap();
    for other in &people[1..] {
        brings(host, &chat, people[0], other).await;
    }
    chat
}

async fn says(host: &Host, chat: &ChatId, who: &Person, id: &str, words: &str) -> Result<u64, Failure> {
    host.services
        .chat_say(&who.id, chat, id, &text(words))
        .await
        .map(|sent| sent.number)
}

async fn lines(host: &Host, chat: &ChatId, who: &Person) -> Vec<ChatLine> {
    host.services.chat_lines(&who.id, chat, None, None).await.unwrap()
}

fn words(lines: &[ChatLine]) -> Vec<String> {
    let said = |line: &ChatLine| match &line.said {
        Said::Content(Content::Text { text }) => text.clone(),
        other => format!("{other:?}"),
    };
    lines.iter().map(said).collect()
}

fn code_of<T>(result: Result<T, Failure>) -> String {
    result.map(drop).map_or_else(|failure| failure.code, |()| "ok".to_owned())
}

/// What comes into a mailbox of conversations: number of the line, until that many came.
async fn heard(host: &Host, person: &PersonId, after: u64, count: usize) -> Vec<u64> {
    let mut mailbox = host.services.mailbox(person, Some(after)).unwrap();
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let next = tokio::time::timeout(Duration::from_secs(30), mailbox.next());
        match next.await.expect("mail is there").expect("a person is there") {
            Mail::Chat { number, .. } => numbers.push(number),
            other => panic!("{other:?} after {numbers:?}"),
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_arrives_once_in_order_and_survives_a_kill() {
    let host = Host::with(|config| config.limits.chat_lines_a_minute = usize::MAX).await;
    let (ann, ben, cleo) = (somebody(&host, "ann").await, host.visitor().await, host.visitor().await);
    let chat = group(&host, &[&ann, &ben, &cleo]).await;
    let before = host.services.person(&cleo.id).unwrap().last_message;
    // Two at once, each in an order of their own.
    let speak = async |who: &Person, name: &str| {
        let mut numbers = Vec::new();
        for n in 0..20 {
            let words = format!("{name} {n}");
            let number = says(&host, &chat, who, &words, &words).await.unwrap();
            // The same again, as a page does that lost its answer.
            assert_eq!(says(&host, &chat, who, &words, &words).await.unwrap(), number);
            numbers.push(number);
        }
        numbers
    };
    let (first, second) = tokio::join!(speak(&ann, "a"), speak(&ben, "b"));
    assert!(first.is_sorted() && second.is_sorted());
    let refused = says(&host, &chat, &ann, "a 3", "something else").await.unwrap_err();
    assert_eq!(refused.code, "taken");

    let read = lines(&host, &chat, &cleo).await;
    let own = |name: &str| words(&read).into_iter().filter(|words| words.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(own("a "), (0..20).map(|n| format!("a {n}")).collect::<Vec<_>>());
    assert_eq!(own("b "), (0..20).map(|n| format!("b {n}")).collect::<Vec<_>>());
    assert!(read.windows(2).all(|two| two[0].number + 1 == two[1].number));
    let numbers: Vec<u64> = read
        .iter()
        .filter(|line| matches!(line.said, Said::Content(_)))
        .map(|line| line.number)
        .collect();
    assert_eq!(
        heard(&host, &cleo.id, before, 40).await,
        numbers,
        "the mailbox tells of each once, in the same order"
    );

    // A kill loses nothing that was acknowledged, and a repetition after it is still one.
    let host = host.killed().await;
    assert_eq!(lines(&host, &chat, &cleo).await, read);
    assert_eq!(heard(&host, &cleo.id, before, 40).await, numbers);
    assert_eq!(says(&host, &chat, &ben, "b 19", "b 19").await.unwrap(), second[19]);
    assert_eq!(
        says(&host, &chat, &ben, "b 20", "b 20").await.unwrap(),
        read.last().unwrap().number + 1
    );
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_what_is_not_for_them() {
    let host = Host::new().await;
    let (ann, ben, eve) = (somebody(&host, "ann").await, somebody(&host, "ben").await, host.visitor().await);
    let chat = host.services.chat_make(&ann.id, Some("Two")).await.unwrap();
    says(&host, &chat, &ann, "1", "before ben").await.unwrap();
    brings(&host, &chat, &ann, &ben).await;
    says(&host, &chat, &ann, "2", "hello ben").await.unwrap();
    assert_eq!(words(&lines(&host, &chat, &ben).await), ["Joined", "hello ben"]);
    assert_eq!(words(&lines(&host, &chat, &ann).await), ["before ben", "Joined", "hello ben"]);
    let services = &host.services;
    // Of somebody who is not in it, and of one who was, everything is refused alike.
    services.chat_remove(&ann.id, &chat, 2).await.unwrap();
    for other in [&eve, &ben] {
        assert_eq!(code_of(services.chat_lines(&other.id, &chat, None, None).await), "not-found");
        assert_eq!(code_of(says(&host, &chat, other, "3", "let me in").await), "not-found");
        assert_eq!(code_of(services.chat_members(&other.id, &chat)), "not-found");
        assert_eq!(code_of(services.chat_invite(&other.id, &chat).await), "not-found");
        assert_eq!(code_of(services.chat_ask(&other.id, &chat, "ann").await), "not-found");
        assert_eq!(code_of(services.chat_read(&other.id, &chat, 1).await), "not-found");
        assert_eq!(code_of(services.chat_card(&other.id, &chat, 1).await), "not-found");
        assert_eq!(code_of(services.chat_claim(&other.id, &chat, 1).await), "not-found");
        assert_eq!(code_of(services.chat_title(&other.id, &chat, "Mine").await), "not-found");
        assert_eq!(services.chat_line(&other.id, &chat, 3).await.unwrap(), None);
        assert!(services.chats(&other.id).await.unwrap().is_empty());
    }
    // An invitation is good once, in time, and for who mistypes it a little; guessing ends soon.
    let (invitation, _) = services.chat_invite(&ann.id, &chat).await.unwrap();
    let typed = format!("{} - {}", &invitation[..6].to_uppercase(), &invitation[6..]);
    assert_eq!(services.chat_invitation(&eve.id, &typed).unwrap().title, "Two");
    services.chat_join(&eve.id, &typed).await.unwrap();
    assert_eq!(code_of(services.chat_join(&ben.id, &invitation).await), "not-found", "it was used");
    let (old, _) = services.chat_invite(&ann.id, &chat).await.unwrap();
    host.pass(DAY);
    assert_eq!(code_of(services.chat_join(&ben.id, &old).await), "not-found", "it is too old");
    let mut codes = Vec::new();
    for n in 0..40 {
        codes.push(code_of(services.chat_join(&ben.id, &format!("guess-{n}")).await));
    }
    assert!(codes.iter().any(|code| code == "limit"), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_by_code_tells_nothing_about_anybody() {
    let host = Host::new().await;
    let (ann, ben, carl) = (
        somebody(&host, "ann").await,
        somebody(&host, "ben").await,
        somebody(&host, "carl").await,
    );
    let services = &host.services;
    let chat = services.chat_make(&ann.id, Some("Tea")).await.unwrap();
    let last = services.person(&ben.id).unwrap().last_message;
    for code in ["ben", "nobody-has-this", "carl"] {
        services.chat_ask(&ann.id, &chat, code).await.unwrap();
    }
    assert_eq!(heard(&host, &ben.id, last, 1).await, [0]);
    let asks = services.chat_asks(&ben.id).unwrap();
    assert_eq!((asks[0].by.as_str(), asks[0].title.as_str(), asks.len()), ("Name of ann", "Tea", 1));
    assert_eq!(
        code_of(services.chat_lines(&ben.id, &chat, None, None).await),
        "not-found",
        "being asked lets nobody read"
    );
    services.chat_answer(&ben.id, &chat, AskAnswer::Accept).await.unwrap();
    assert_eq!(
        code_of(services.chat_answer(&ben.id, &chat, AskAnswer::Accept).await),
        "not-found",
        "it was answered"
    );
    assert_eq!(services.chat_members(&ann.id, &chat).unwrap().len(), 2);
    // Who blocks hears nothing more, and who asks can't tell.
    services.chat_answer(&carl.id, &chat, AskAnswer::Block).await.unwrap();
    let last = services.person(&carl.id).unwrap().last_message;
    services.chat_ask(&ann.id, &chat, "carl").await.unwrap();
    assert!(services.chat_asks(&carl.id).unwrap().is_empty());
    assert_eq!(services.person(&carl.id).unwrap().last_message, last);
    let blocked = services.chat_blocked(&carl.id).unwrap();
    assert_eq!(blocked[0].1, "Name of ann");
    services.chat_unblock(&carl.id, &blocked[0].0).await.unwrap();
    assert_eq!(services.chat_asks(&carl.id).unwrap().len(), 1);
    for _ in 0..40 {
        let _ = services.chat_ask(&ann.id, &chat, "ben").await;
    }
    assert_eq!(code_of(services.chat_ask(&ann.id, &chat, "ben").await), "limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_be_reached_is_said() {
    let host = Host::new().await;
    let (ann, ben, cleo) = (
        somebody(&host, "ann").await,
        somebody(&host, "ben").await,
        somebody(&host, "cleo").await,
    );
    let services = &host.services;
    let pair = services.chat_make(&ann.id, None).await.unwrap();
    assert_eq!(code_of(says(&host, &pair, &ann, "1", "is anybody there?").await), "no-recipient");
    brings(&host, &pair, &ann, &ben).await;
    let more = services.chat_invite(&ann.id, &pair).await.unwrap_err();
    assert_eq!(more.code, "limit", "two are all that a conversation of two takes");
    says(&host, &pair, &ann, "1", "there you are").await.unwrap();
    let ben_here = services.chat_members(&ben.id, &pair).unwrap();
    let ann_number = ben_here.iter().find(|member| !member.me).unwrap().member;
    services.chat_block(&ben.id, &pair, ann_number, true).await.unwrap();
    assert_eq!(code_of(says(&host, &pair, &ann, "2", "hello?").await), "no-recipient");
    assert_eq!(words(&lines(&host, &pair, &ben).await), ["Joined", "Hidden"]);

    let chat = group(&host, &[&ann, &ben, &cleo]).await;
    let (last, unread) = (services.person(&ben.id).unwrap().last_message, services.chats_unread(&ben.id));
    let sent = services.chat_say(&ann.id, &chat, "g1", &text("to all")).await.unwrap();
    assert_eq!(sent.unreached, ["Name of ben"]);
    assert_eq!(
        (services.person(&ben.id).unwrap().last_message, services.chats_unread(&ben.id)),
        (last, unread)
    );
    assert_eq!(services.chats_unread(&cleo.id), 1);
    services.chat_block(&ben.id, &pair, ann_number, false).await.unwrap();
    assert_eq!(words(&lines(&host, &pair, &ben).await), ["Joined", "there you are"]);
    // One who left is not there; the last one takes the conversation along.
    services.chat_leave(&ben.id, &pair).await.unwrap();
    assert_eq!(code_of(says(&host, &pair, &ann, "3", "gone?").await), "no-recipient");
    services.chat_leave(&ann.id, &pair).await.unwrap();
    assert_eq!(services.chats(&ann.id).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_said_goes_with_them() {
    let host = Host::new().await;
    let (ann, visitor, other) = (somebody(&host, "ann").await, host.visitor().await, host.visitor().await);
    let chat = group(&host, &[&ann, &visitor, &other]).await;
    says(&host, &chat, &visitor, "1", "my secret is a canary").await.unwrap();
    says(&host, &chat, &ann, "2", "nice to meet you").await.unwrap();
    // Somebody who left before, and is erased later, leaves nothing either.
    says(&host, &chat, &other, "3", "I was here").await.unwrap();
    host.services.chat_leave(&other.id, &chat).await.unwrap();
    let taken = host.services.export(&ann.id).await.unwrap();
    assert!(taken["conversations"].to_string().contains("my secret is a canary"), "{taken}");
    let last = host.services.person(&ann.id).unwrap().last_message;
    let erased = host.services.forget(&visitor.id).await.unwrap();
    assert_eq!(erased.chats, 1);
    host.services.forget(&other.id).await.unwrap();
    let left = lines(&host, &chat, &ann).await;
    assert_eq!(
        words(&left),
        ["Joined", "Joined", "Erased", "nice to meet you", "Erased", "Left", "Gone"]
    );
    assert!(left.iter().all(|line| line.mine || line.name.is_empty()), "{left:?}");
    assert_eq!(
        heard(&host, &ann.id, last, 1).await,
        [left.last().unwrap().number],
        "the others hear that somebody left"
    );
    let host = host.killed().await;
    assert_eq!(lines(&host, &chat, &ann).await, left);
    assert_eq!(host.services.chat_members(&ann.id, &chat).unwrap().len(), 1);
    host.services.forget(&ann.id).await.unwrap();
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_has_a_bound() {
    let host = Host::with(|config| {
        config.limits.chat_lines = 5;
        config.limits.chat_pointers = 4;
        config.limits.chats = 2;
        config.limits.chat_members = 2;
    })
    .await;
    let (ann, ben) = (somebody(&host, "ann").await, somebody(&host, "ben").await);
    let chat = group(&host, &[&ann, &ben]).await;
    let services = &host.services;
    for n in 0..9 {
        says(&host, &chat, &ann, &n.to_string(), &format!("line {n}")).await.unwrap();
    }
    assert_eq!(
        words(&lines(&host, &chat, &ben).await),
        ["line 4", "line 5", "line 6", "line 7", "line 8"]
    );
    let mut mailbox = services.mailbox(&ben.id, Some(0)).unwrap();
    assert_eq!(mailbox.next().await.unwrap(), Mail::Gap { first: 1, last: 6 });
    assert_eq!(code_of(services.chat_invite(&ann.id, &chat).await), "limit");
    assert_eq!(code_of(services.chat_ask(&ann.id, &chat, "ben").await), "limit");
    services.chat_make(&ann.id, None).await.unwrap();
    assert_eq!(code_of(services.chat_make(&ann.id, None).await), "limit");
    for (words, code) in [
        ("x".repeat(2_001), "limit"),
        (" \n ".to_owned(), "limit"),
        ("a\u{7}b".to_owned(), "invalid"),
    ] {
        assert_eq!(code_of(services.chat_say(&ann.id, &chat, "w", &text(words)).await), code);
    }
    assert_eq!(code_of(says(&host, &chat, &ann, &"x".repeat(65), "long id").await), "limit");
    let card = |page: &str, query: usize| {
        Content::Card(Card {
            page: page.to_owned(),
            query: vec![("a".to_owned(), "b".to_owned()); query],
            ..Card::new("tea".into(), "Tea")
        })
    };
    assert_eq!(
        code_of(services.chat_say(&ann.id, &chat, "c", &card("pages/home", 33)).await),
        "limit"
    );
    assert_eq!(
        code_of(services.chat_say(&ann.id, &chat, "c", &card(&"p".repeat(300), 0)).await),
        "limit"
    );
    let money = Content::Transfer {
        amount: 1,
        to: 2,
        note: String::new(),
    };
    assert_eq!(
        code_of(services.chat_say(&ann.id, &chat, "m", &money).await),
        "invalid",
        "money is not made by saying so"
    );
    let mut said = Vec::new();
    for n in 0..80 {
        said.push(code_of(says(&host, &chat, &ben, &format!("f{n}"), "flood").await));
    }
    assert_eq!(said.iter().filter(|code| *code == "ok").count(), 60);
    assert_eq!(said.last().unwrap(), "limit");
    // Time: lines go, and their text with them.
    host.pass(31 * DAY);
    assert!(lines(&host, &chat, &ben).await.is_empty());
    assert_eq!(services.chats_unread(&ben.id), 0);
    assert_eq!(services.chats(&ben.id).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_shares_a_card_by_the_persons_choice_only() {
    let host = Host::new().await;
    let (ann, ben) = (somebody(&host, "ann").await, somebody(&host, "ben").await);
    let chat = group(&host, &[&ann, &ben]).await;
    let caller = host.session(&ann).await;
    host.call(&caller, put("chats", "room", 0, b"talk")).await.unwrap();
    let share = |page: &str, joins: &str| Call::MessagingShare {
        title: "Table for two".to_owned(),
        page: page.to_owned(),
        query: Fields::new().with("table", 7_i64),
        options: Fields::new().with("joins", joins),
    };
    assert_eq!(
        host.code(&caller, share("pages/secret", "chats/room")).await,
        "not-found",
        "only pages that open from outside"
    );
    assert_eq!(
        host.code(&caller, share("pages/menu", "chats/none")).await,
        "not-found",
        "only a party offers a row"
    );
    let declined = ticket(host.call(&caller, share("pages/menu", "chats/room")).await);
    let sheet = host.last_sheet(&caller);
    let SheetKind::Share { title, chats, .. } = &sheet.kind else {
        panic!("a sheet that asks where it goes, {sheet:?} came");
    };
    assert_eq!(
        (title.as_str(), chats.len(), chats[0].title.as_str()),
        ("Table for two", 1, "Friends")
    );
    host.answer(&caller, &sheet, no()).await.unwrap();
    assert_eq!(host.outcome(&caller, declined).unwrap().fields.text("outcome"), "declined");
    assert_eq!(words(&lines(&host, &chat, &ben).await), ["Joined"], "nothing is sent without a yes");

    let asked = ticket(host.call(&caller, share("pages/menu", "chats/room")).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&[chat.as_str()]))
        .await
        .unwrap();
    assert_eq!(host.outcome(&caller, asked).unwrap().fields.text("outcome"), "done");
    let elsewhere = ticket(host.call(&caller, share("pages/menu", "chats/room")).await);
    let foreign = host.answer(&caller, &host.last_sheet(&caller), choose(&["of-somebody-else"])).await;
    assert_eq!(code_of(foreign), "not-found");
    assert_eq!(host.outcome(&caller, elsewhere).unwrap().fields.text("outcome"), "failed");

    let card = lines(&host, &chat, &ben).await.pop().unwrap();
    assert!(matches!(&card.said, Said::Content(Content::Card(_))), "{card:?}");
    let theirs = host.session(&ben).await;
    let get = || Call::RecordsGet {
        collection: "chats".to_owned(),
        key: "room".to_owned(),
    };
    assert_eq!(host.call(&theirs, get()).await.unwrap(), youji_api::Reply::Row(None));
    let opened = host.services.chat_card(&ben.id, &chat, card.number).await.unwrap();
    assert_eq!((opened.card.page.as_str(), opened.card.query[0].1.as_str()), ("pages/menu", "7"));
    assert_eq!(opened.referrer, host.services.open_id(&ann.id, &caller.program).to_string());
    assert!(matches!(host.call(&theirs, get()).await.unwrap(), youji_api::Reply::Row(Some(row)) if row.value == b"talk"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_in_a_conversation_moves_once_or_not_at_all() {
    let host = Host::new().await;
    let (ann, ben, cleo) = (
        somebody(&host, "ann").await,
        somebody(&host, "ben").await,
        somebody(&host, "cleo").await,
    );
    let chat = group(&host, &[&ann, &ben, &cleo]).await;
    let services = &host.services;
    let transfer = |amount| Gift::Transfer {
        to: 2,
        amount,
        note: "lunch".to_owned(),
    };
    let sheet = services.chat_gift_sheet(&ann.id, &chat, &transfer(700)).unwrap();
    assert!(matches!(&sheet.kind, SheetKind::Payment { payee, amount, pin: true, .. } if payee == "Name of ben" && amount == "7.00"));
    assert_eq!(
        code_of(services.chat_give(&ann.id, &chat, "1", &transfer(700), "0000").await),
        "denied"
    );
    assert_eq!(
        code_of(services.chat_give(&ann.id, &chat, "1", &transfer(10_001), "1234").await),
        "insufficient-funds"
    );
    let given = services.chat_give(&ann.id, &chat, "1", &transfer(700), "1234").await.unwrap();
    assert_eq!((given.balance, host.balance(&ben), given.sent.before), (9_300, 10_700, false));
    let again = services.chat_give(&ann.id, &chat, "1", &transfer(700), "1234").await.unwrap();
    assert_eq!(
        (again.balance, again.sent.number, again.sent.before),
        (9_300, given.sent.number, true)
    );
    assert_eq!(
        code_of(services.chat_give(&ann.id, &chat, "1", &transfer(701), "1234").await),
        "taken"
    );

    let packet = Gift::Packet {
        amount: 1_000,
        shares: 2,
        random: true,
        note: String::new(),
    };
    let sent = services.chat_give(&ann.id, &chat, "2", &packet, "1234").await.unwrap();
    assert_eq!(sent.balance, 8_300);
    let number = sent.sent.number;
    let (one, two) = tokio::join!(
        services.chat_claim(&ben.id, &chat, number),
        services.chat_claim(&cleo.id, &chat, number)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one + two, 1_000);
    assert_eq!(
        services.chat_claim(&ben.id, &chat, number).await.unwrap(),
        one,
        "asked again it is the same share"
    );
    assert_eq!((host.balance(&ben), host.balance(&cleo)), (10_700 + one, 10_000 + two));
    assert_eq!(code_of(services.chat_claim(&ann.id, &chat, number).await), "nothing-left");

    // Time returns what nobody took, once, also after a kill.
    let later = services.chat_give(&ben.id, &chat, "3", &packet, "1234").await.unwrap().sent.number;
    let share = services.chat_claim(&cleo.id, &chat, later).await.unwrap();
    let host = host.killed().await;
    host.pass(DAY);
    let rest = 1_000 - share;
    let before = host.balance(&ben);
    common::until(|| host.balance(&ben) == before + rest).await;
    assert_eq!(code_of(host.services.chat_claim(&ann.id, &chat, later).await), "nothing-left");
    let told = host.services.inbox(&ben.id, 0).await;
    assert!(told.iter().any(|message| message.title == "Red packet returned"), "{told:?}");

    // Who leaves this host leaves no money behind: it goes back before the key goes.
    let visitor = host.visitor().await;
    brings(&host, &chat, &ann, &visitor).await;
    let held = host
        .services
        .chat_give(&visitor.id, &chat, "4", &packet, "")
        .await
        .unwrap()
        .sent
        .number;
    host.services.chat_claim(&cleo.id, &chat, held).await.unwrap();
    host.services.forget(&visitor.id).await.unwrap();
    assert_eq!(code_of(host.services.chat_claim(&ann.id, &chat, held).await), "nothing-left");
    host.check().await;
}
