//! Refunds, escrow, deposits, packets, transfers, pools: each person's rights, each amount once.

mod common;

use common::{Host, no, order, put, ticket, until, yes};
use std::time::Duration;
use youji_api::caller::Caller;
use youji_api::{Call, Capabilities, Event, Failure, Fields, Recipient, Reply, SheetKind, SheetTerms, Ticket};
use youji_services::{AuditRecord, Clock, Merchant, Names, NewPerson, Person, verify_audit};

/// An order with those options.
fn wanted(number: &str, amount: u64, options: Fields) -> Call {
    let mut order = order(number, amount);
    order.options = options;
    Call::PaymentPay(order)
}

fn mode(mode: &str) -> Fields {
    Fields::new().with("mode", mode)
}

fn act(number: &str, action: &str, options: Fields) -> Call {
    Call::PaymentAct {
        order_no: number.to_owned(),
        action: action.to_owned(),
        options,
    }
}

fn part(amount: i64) -> Fields {
    Fields::new().with("amount", amount)
}

/// Asks, confirms, and answers the outcome.
async fn paid(host: &Host, caller: &Caller, call: Call) -> Event {
    let asked = ticket(host.call(caller, call).await);
    host.answer(caller, &host.last_sheet(caller), yes()).await.unwrap();
    host.outcome(caller, asked).expect("an outcome")
}

/// Acts without a sheet, and answers the outcome.
async fn acted(host: &Host, caller: &Caller, call: Call) -> Result<Event, Failure> {
    match host.call(caller, call).await? {
        Reply::Ticket(asked) => Ok(host.outcome(caller, asked).expect("an outcome")),
        other => panic!("a ticket expected, {other:?} came"),
    }
}

async fn code_of(host: &Host, caller: &Caller, call: Call) -> String {
    host.code(caller, call).await
}

async fn lookup(host: &Host, caller: &Caller, number: &str) -> Fields {
    let call = Call::PaymentLookup {
        order_no: number.to_owned(),
        options: Fields::new(),
    };
    match host.call(caller, call).await {
        Ok(Reply::Fields(fields)) => fields,
        other => panic!("fields expected, {other:?} came"),
    }
}

fn terms(host: &Host, caller: &Caller) -> SheetTerms {
    match host.last_sheet(caller).kind {
        SheetKind::Payment { terms, .. } => *terms,
        other => panic!("a payment sheet expected, {other:?} came"),
    }
}

/// "order-changed" of a person in the program, oldest first.
fn changed(host: &Host, person: &Person) -> Vec<Fields> {
    let events = host.heard.events.lock().unwrap();
    let own = events
        .iter()
        .filter(|(to, event)| *to == Recipient::PersonIn(person.id.clone(), "noodles".into()) && event.code == "order-changed");
    own.map(|(_, event)| event.fields.clone()).collect()
}

async fn titles(host: &Host, person: &Person) -> Vec<String> {
    let inbox = host.services.inbox(&person.id, 0).await;
    inbox.into_iter().map(|message| message.title).collect()
}

async fn stamps(host: &Host, caller: &Caller, key: &str) -> Fields {
    let call = Call::RecordsGet {
        collection: "orders".to_owned(),
        key: key.to_owned(),
    };
    match host.call(caller, call).await {
        Ok(Reply::Row(Some(row))) => row.stamps,
        other => panic!("a row expected, {other:?} came"),
    }
}

/// Payload of a signed document.
fn document(text: &str) -> serde_json::Value {
    let payload = text.split('.').nth(1).expect("three parts");
    let bytes = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_gives_back_what_was_captured_and_never_more() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    let staff = host.session_as(&cook, "noodles", &["kitchen"]).await;
    host.call(&caller, put("orders", "k1", 0, b"beef")).await.unwrap();
    let options = Fields::new().with("record", "orders/k1");
    paid(&host, &caller, wanted("R1", 3_600, options)).await;

    assert_eq!(code_of(&host, &caller, act("R1", "refund", Fields::new())).await, "forbidden");
    assert_eq!(code_of(&host, &staff, act("R1", "refund", part(3_601))).await, "limit");
    assert_eq!(code_of(&host, &staff, act("R1", "refund", part(0))).await, "invalid");
    assert_eq!(code_of(&host, &staff, act("R9", "refund", Fields::new())).await, "not-found");
    assert_eq!(code_of(&host, &staff, act("R1", "burn", Fields::new())).await, "unsupported");
    assert_eq!(
        code_of(&host, &staff, act("R1", "refund", Fields::new().with("to", "o-me"))).await,
        "unsupported"
    );

    // Twelve taps under one reference: one refund.
    let first = || part(600).with("reference", "cold-soup");
    let all = (0..12).map(|_| acted(&host, &staff, act("R1", "refund", first())));
    for outcome in futures_util::future::join_all(all).await {
        let outcome = outcome.unwrap();
        assert_eq!(
            (outcome.fields.text("outcome"), outcome.fields.integer("moved")),
            ("done", Some(600))
        );
        assert_eq!(outcome.fields.integer("refunded"), Some(600));
    }
    assert_eq!((host.balance(&guest), host.earned()), (17_000, 3_000));
    assert_eq!(
        code_of(&host, &staff, act("R1", "refund", part(601).with("reference", "cold-soup"))).await,
        "taken"
    );
    // Many different ones at once: never more than was paid.
    let all = (0..10).map(|n| acted(&host, &staff, act("R1", "refund", part(1_000).with("reference", format!("r{n}")))));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3, "{answers:?}");
    assert_eq!((host.balance(&guest), host.earned()), (20_000, 0));

    let known = lookup(&host, &caller, "R1").await;
    assert_eq!((known.text("state"), known.integer("refunded")), ("succeeded", Some(3_600)));
    let stamps = stamps(&host, &caller, "k1").await;
    assert_eq!(
        (stamps.text("paid-state"), stamps.integer("paid-refunded")),
        ("succeeded", Some(3_600))
    );
    let receipts = host.services.receipts(&guest.id).await;
    assert_eq!(receipts.len(), 1, "the same receipt, signed again");
    assert_eq!(receipts[0].refunded, 3_600);
    assert!(host.services.verify_receipt(&receipts[0].document));
    let said = document(&receipts[0].document);
    assert_eq!(
        (said["refunded"].as_str(), said["captured"].as_str()),
        (Some("36.00"), Some("36.00"))
    );
    assert_eq!(
        titles(&host, &guest).await,
        ["付款成功", "退款到账", "退款到账", "退款到账", "退款到账"]
    );
    let events = changed(&host, &guest);
    assert_eq!(events.len(), 4);
    assert_eq!(events[3].integer("refunded"), Some(3_600));
    host.check().await;

    // What was acknowledged is there after a kill, and a repetition still does nothing.
    let after = host.killed().await;
    let staff = after.session_as(&cook, "noodles", &["kitchen"]).await;
    acted(&after, &staff, act("R1", "refund", first())).await.unwrap();
    assert_eq!((after.balance(&guest), after.earned()), (20_000, 0));
    // Events that the program has not taken are offered again.
    let next = after.session(&guest).await;
    let (_, waiting) = after.services.started(&next).await;
    assert_eq!(waiting.iter().filter(|event| event.code == "order-changed").count(), 4);
    let one = waiting.iter().find(|event| event.code == "order-changed").unwrap();
    after.services.taken(&next, Ticket(one.ticket)).await;
    assert_eq!(after.services.started(&next).await.1.len(), waiting.len() - 1);
    after.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_refunds_no_more_than_it_holds() {
    let host = Host::new().await;
    let (guest, cook) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    let staff = host.session_as(&cook, "noodles", &["kitchen"]).await;
    paid(&host, &caller, wanted("S1", 1_000, Fields::new())).await;
    let open_id = host.services.open_id(&cook.id, &"noodles".into());
    let out = mode("payout").with("to", open_id.as_str());
    assert_eq!(code_of(&host, &caller, wanted("S2", 900, out.clone())).await, "forbidden");
    paid(&host, &staff, wanted("S3", 900, out)).await;
    assert_eq!((host.earned(), host.balance(&cook)), (100, 20_900));
    assert_eq!(
        code_of(&host, &staff, act("S1", "refund", Fields::new())).await,
        "insufficient-funds"
    );
    acted(&host, &staff, act("S1", "refund", part(100))).await.unwrap();
    assert_eq!((host.earned(), host.balance(&guest)), (0, 19_100));
    host.check().await;
}

/// A buyer, a seller and an arbiter on a market that keeps 5 of each 100.
async fn market(host: &Host) -> (Person, Person, Caller, Caller, Caller, String) {
    let (buyer, seller, arbiter) = (host.visitor().await, host.visitor().await, host.visitor().await);
    let (buys, sells) = (host.session(&buyer).await, host.session(&seller).await);
    let judges = host.session_as(&arbiter, "noodles", &["arbiter"]).await;
    let to = host.services.open_id(&seller.id, &"noodles".into()).to_string();
    (buyer, seller, buys, sells, judges, to)
}

fn escrow(to: &str) -> Fields {
    mode("escrow").with("to", to).with("fee", 100_i64)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Lets that much time pass, and a round that settles what is due: a hold that ends with it returns, and whatever was due before it has
/// had its turn then.
async fn round_after(host: &Host, time: Duration, to: &str) {
    let canary = host.visitor().await;
    let caller = host.session(&canary).await;
    let at = i64::try_from((Duration::from_millis(host.clock.now_ms()) + time).as_millis()).unwrap();
    let options = mode("escrow").with("to", to).with("hold-until-at", at).with("at-expiry", "cancel");
    let had = host.balance(&canary);
    let number = format!("canary-{at}");
    assert_eq!(
        paid(host, &caller, wanted(&number, 7, options)).await.fields.text("outcome"),
        "done"
    );
    assert_eq!(host.balance(&canary), had - 7);
    host.pass(time);
    until(|| host.balance(&canary) == had).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escrow_holds_until_the_buyer_confirms() {
    let host = Host::new().await;
    let (buyer, seller, buys, sells, judges, to) = market(&host).await;
    let stranger = host.session(&host.visitor().await).await;
    host.call(&buys, put("orders", "deal", 0, b"bike")).await.unwrap();
    let asked = ticket(
        host.call(&buys, wanted("E1", 2_000, escrow(&to).with("record", "orders/deal")))
            .await,
    );
    let sheet = terms(&host, &buys);
    assert_eq!(
        (sheet.mode.as_str(), sheet.at_expiry.as_str(), sheet.fee.as_str()),
        ("escrow", "capture", "1.00")
    );
    assert_eq!(sheet.until, common::START + 10 * DAY.as_millis() as u64);
    let SheetKind::Payment { payee, .. } = host.last_sheet(&buys).kind else {
        panic!()
    };
    assert_eq!(payee, seller.name);
    host.answer(&buys, &host.last_sheet(&buys), yes()).await.unwrap();
    let held = host.outcome(&buys, asked).unwrap();
    assert_eq!(
        (held.fields.text("outcome"), held.fields.text("state")),
        ("done", "requires_capture")
    );
    assert_eq!((host.balance(&buyer), host.balance(&seller), host.earned()), (18_000, 20_000, 0));
    assert_eq!(
        document(&host.services.receipts(&buyer.id).await[0].document)["state"],
        "requires_capture"
    );
    assert_eq!(stamps(&host, &buys, "deal").await.text("paid-state"), "requires_capture");

    // Each may do what is theirs.
    for (caller, action) in [
        (&sells, "capture"),
        (&judges, "capture"),
        (&sells, "dispute"),
        (&buys, "ship"),
        (&judges, "refund"),
    ] {
        assert_eq!(
            code_of(&host, caller, act("E1", action, Fields::new())).await,
            "forbidden",
            "{action}"
        );
    }
    assert_eq!(
        code_of(&host, &sells, act("E1", "refund", Fields::new())).await,
        "conflict",
        "nothing captured"
    );
    assert_eq!(code_of(&host, &stranger, act("E1", "capture", Fields::new())).await, "not-found");
    acted(&host, &sells, act("E1", "ship", Fields::new().with("tracking", "SF1")))
        .await
        .unwrap();
    assert_eq!(
        code_of(&host, &buys, act("E1", "cancel", Fields::new())).await,
        "forbidden",
        "it is on its way"
    );

    // To confirm is to give money away: on a sheet, and once.
    let confirming = ticket(host.call(&buys, act("E1", "capture", Fields::new())).await);
    assert_eq!(terms(&host, &buys).mode, "release");
    host.answer(&buys, &host.last_sheet(&buys), no()).await.unwrap();
    assert_eq!(host.outcome(&buys, confirming).unwrap().fields.text("outcome"), "declined");
    assert_eq!(host.balance(&seller), 20_000);
    let confirming = ticket(host.call(&buys, act("E1", "capture", Fields::new())).await);
    let sheet = host.last_sheet(&buys);
    let answers = futures_util::future::join_all((0..8).map(|_| host.answer(&buys, &sheet, yes()))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let done = host.outcome(&buys, confirming).unwrap();
    assert_eq!(
        (done.fields.text("state"), done.fields.integer("moved")),
        ("succeeded", Some(2_000))
    );
    assert_eq!((host.balance(&buyer), host.balance(&seller), host.earned()), (18_000, 21_900, 100));
    assert_eq!(code_of(&host, &buys, act("E1", "capture", Fields::new())).await, "conflict");
    assert_eq!(titles(&host, &seller).await, ["买家已付款", "货款到账"]);
    assert_eq!(titles(&host, &buyer).await, ["款项已保留", "卖家已发货", "款项已付出"]);
    assert_eq!(changed(&host, &seller).last().unwrap().text("state"), "succeeded");

    // The seller gives half of it back; the market gives back its part of the fee.
    let giving = ticket(host.call(&sells, act("E1", "refund", part(1_000))).await);
    assert_eq!(terms(&host, &sells).mode, "refund");
    host.answer(&sells, &host.last_sheet(&sells), yes()).await.unwrap();
    assert_eq!(host.outcome(&sells, giving).unwrap().fields.text("outcome"), "done");
    assert_eq!((host.balance(&buyer), host.balance(&seller), host.earned()), (19_000, 20_950, 50));
    assert_eq!(stamps(&host, &buys, "deal").await.integer("paid-refunded"), Some(1_000));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn escrow_is_released_by_time_once_and_also_after_a_restart() {
    let host = Host::new().await;
    let (buyer, seller, buys, _, _, to) = market(&host).await;
    paid(&host, &buys, wanted("T1", 2_000, escrow(&to))).await;
    paid(&host, &buys, wanted("T2", 500, escrow(&to).with("at-expiry", "cancel"))).await;
    round_after(&host, 9 * DAY, &to).await;
    assert_eq!(
        (host.balance(&buyer), host.balance(&seller)),
        (17_500, 20_000),
        "not before its time"
    );
    // Killed before; the time passes while nobody runs.
    let after = host.killed().await;
    after.pass(2 * DAY);
    until(|| after.balance(&seller) == 21_900).await;
    until(|| after.balance(&buyer) == 18_000).await;
    assert_eq!(after.earned(), 100);
    let buys = after.session(&buyer).await;
    assert_eq!(lookup(&after, &buys, "T1").await.text("state"), "succeeded");
    assert_eq!(lookup(&after, &buys, "T2").await.text("state"), "canceled");
    let (_, waiting) = after.services.started(&buys).await;
    assert_eq!(waiting.iter().filter(|event| event.code == "order-changed").count(), 2);
    // A canceled order that held money stays so.
    let again = ticket(after.call(&buys, wanted("T2", 500, escrow(&to).with("at-expiry", "cancel"))).await);
    assert_eq!(after.outcome(&buys, again).unwrap().fields.text("state"), "canceled");
    // Once: another start finds nothing to do.
    let twice = after.killed().await;
    round_after(&twice, 30 * DAY, &to).await;
    assert_eq!(
        (twice.balance(&buyer), twice.balance(&seller), twice.earned()),
        (18_000, 21_900, 100)
    );
    twice.check().await;
    after.check().await;
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_stops_the_clock_and_staff_decide() {
    let host = Host::new().await;
    let (buyer, seller, buys, sells, judges, to) = market(&host).await;
    for number in ["D1", "D2", "D3"] {
        host.call(&buys, put("orders", number, 0, b"deal")).await.unwrap();
        let options = escrow(&to).with("record", format!("orders/{number}"));
        paid(&host, &buys, wanted(number, 2_000, options)).await;
        acted(&host, &buys, act(number, "dispute", Fields::new().with("reason", "broken")))
            .await
            .unwrap();
    }
    assert_eq!(stamps(&host, &buys, "D1").await.text("paid-state"), "disputed");
    round_after(&host, 30 * DAY, &to).await;
    assert_eq!((host.balance(&buyer), host.balance(&seller)), (14_000, 20_000), "the clock stands");
    // For the buyer, for the seller, and in between.
    acted(&host, &judges, act("D1", "cancel", Fields::new())).await.unwrap();
    acted(&host, &judges, act("D2", "capture", Fields::new())).await.unwrap();
    acted(&host, &judges, act("D3", "capture", part(1_000))).await.unwrap();
    assert_eq!((host.balance(&buyer), host.balance(&seller), host.earned()), (17_000, 22_850, 150));
    assert_eq!(stamps(&host, &buys, "D1").await.text("paid-state"), "canceled");
    assert_eq!(code_of(&host, &sells, act("D1", "ship", Fields::new())).await, "conflict");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_buyers_of_one_thing_hold_money_once() {
    let host = Host::new().await;
    let (_, seller, buys, _, _, to) = market(&host).await;
    let other = host.visitor().await;
    let second = host.session(&other).await;
    host.call(&buys, put("counters", "item", 0, b"one left")).await.unwrap();
    let claim = || escrow(&to).with("claims", "counters/item").with("claims-version", 1_i64);
    let mut asked = Vec::new();
    for (caller, number) in [(&buys, "C1"), (&second, "C2")] {
        asked.push(ticket(host.call(caller, wanted(number, 300, claim())).await));
    }
    let (first, then) = (host.last_sheet(&buys), host.last_sheet(&second));
    let (a, b) = tokio::join!(host.answer(&buys, &first, yes()), host.answer(&second, &then, yes()));
    a.unwrap();
    b.unwrap();
    let outcomes = [host.outcome(&buys, asked[0]).unwrap(), host.outcome(&second, asked[1]).unwrap()];
    let held = outcomes.iter().filter(|outcome| outcome.fields.text("state") == "requires_capture");
    assert_eq!(held.count(), 1);
    let lost = outcomes.iter().filter(|outcome| outcome.fields.text("code") == "conflict");
    assert_eq!(lost.count(), 1);
    assert_eq!(code_of(&host, &second, wanted("C3", 300, claim())).await, "conflict");
    assert_eq!(
        code_of(&host, &second, wanted("C4", 300, escrow(&to).with("claims", "secrets/x"))).await,
        "not-found"
    );
    assert_eq!(host.balance(&seller), 20_000);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_is_charged_in_parts_and_the_rest_returns() {
    let host = Host::new().await;
    let (rider, keeper) = (host.visitor().await, host.visitor().await);
    let rides = host.session(&rider).await;
    let staff = host.session_as(&keeper, "noodles", &["fleet"]).await;
    paid(&host, &rides, wanted("B1", 9_900, mode("deposit"))).await;
    assert_eq!((host.balance(&rider), host.earned()), (10_100, 0));
    assert_eq!(code_of(&host, &staff, act("B1", "capture", part(9_901))).await, "limit");
    let more = part(1_500).with("final", false);
    let charged = acted(&host, &staff, act("B1", "capture", more)).await.unwrap();
    assert_eq!(
        (charged.fields.text("state"), charged.fields.integer("held")),
        ("requires_capture", Some(8_400))
    );
    assert_eq!((host.balance(&rider), host.earned()), (10_100, 1_500));
    // The rider's own session charges on a sheet.
    let asked = ticket(host.call(&rides, act("B1", "capture", part(500))).await);
    assert_eq!(terms(&host, &rides).mode, "charge");
    host.answer(&rides, &host.last_sheet(&rides), yes()).await.unwrap();
    let done = host.outcome(&rides, asked).unwrap();
    assert_eq!(
        (done.fields.text("state"), done.fields.integer("captured")),
        ("succeeded", Some(2_000))
    );
    assert_eq!((host.balance(&rider), host.earned()), (18_000, 2_000));
    // Nobody charges: it lapses.
    paid(&host, &rides, wanted("B2", 9_900, mode("deposit"))).await;
    assert_eq!(code_of(&host, &rides, act("B2", "cancel", Fields::new())).await, "forbidden");
    host.pass(DAY + Duration::from_secs(1));
    until(|| host.balance(&rider) == 18_000).await;
    assert_eq!(code_of(&host, &staff, act("B2", "capture", part(1))).await, "conflict");
    assert_eq!(host.earned(), 2_000);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_and_the_publishers_fee_are_one() {
    let host = Host::new().await;
    let stall = Merchant {
        publisher: "pub".into(),
        id: "stall".to_owned(),
        name: Names::new("小摊", "Stall"),
    };
    host.services.enrol_merchant(stall).await.unwrap();
    let (from, to) = (host.visitor().await, host.visitor().await);
    let (sends, gets) = (host.session(&from).await, host.session(&to).await);
    let open_id = host.services.open_id(&to.id, &"noodles".into()).to_string();
    let own = host.services.open_id(&from.id, &"noodles".into()).to_string();
    assert_eq!(
        code_of(&host, &sends, wanted("X0", 500, Fields::new().with("to", own))).await,
        "invalid"
    );
    assert_eq!(
        code_of(&host, &sends, wanted("X0", 500, Fields::new().with("to", "o-nobody"))).await,
        "not-found"
    );
    let outcome = paid(&host, &sends, wanted("X1", 500, Fields::new().with("to", open_id.as_str()))).await;
    assert_eq!(outcome.fields.text("state"), "succeeded");
    assert_eq!(terms(&host, &sends).mode, "transfer");
    assert_eq!((host.balance(&from), host.balance(&to), host.earned()), (19_500, 20_500, 0));
    let inbox = host.services.inbox(&to.id, 0).await;
    assert_eq!(inbox[0].title, "收款");
    assert!(
        inbox[0].text.contains(&from.name) && inbox[0].text.contains("¥5.00"),
        "{}",
        inbox[0].text
    );
    assert_eq!(
        lookup(&host, &gets, "X1").await.integer("captured"),
        Some(500),
        "the payee may look it up"
    );
    let counts = host.services.day_counts();
    assert_eq!(
        (counts.orders, counts.turnover),
        (0, 0),
        "what people give each other is no turnover"
    );

    let mut sold = order("X2", 1_000);
    sold.merchant = "stall".to_owned();
    sold.options.set("fee", 60_i64);
    paid(&host, &sends, Call::PaymentPay(sold)).await;
    let holds: Vec<u64> = host.services.merchants(&"pub".into()).into_iter().map(|(_, holds)| holds).collect();
    assert_eq!(holds, [60, 940]);
    let staff = host.session_as(&host.visitor().await, "noodles", &["kitchen"]).await;
    assert_eq!(
        code_of(&host, &staff, act("X1", "refund", Fields::new())).await,
        "forbidden",
        "a person's wallet"
    );
    for (reference, amount) in [("a", 333), ("b", 333), ("c", 334)] {
        let options = part(amount).with("reference", reference);
        acted(&host, &staff, act("X2", "refund", options)).await.unwrap();
    }
    let holds: Vec<u64> = host.services.merchants(&"pub".into()).into_iter().map(|(_, holds)| holds).collect();
    assert_eq!(holds, [0, 0], "parts of a fee come to the fee");
    host.check().await;
}

fn packet(shares: i64) -> Fields {
    mode("packet").with("shares", shares).with("record", "counters/chat")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packets_shares_are_claimed_once_each_by_many_at_once() {
    let host = Host::new().await;
    let giver = host.visitor().await;
    let gives = host.session(&giver).await;
    host.call(&gives, put("counters", "chat", 0, b"hi")).await.unwrap();
    let sent = paid(&host, &gives, wanted("P1", 2_000, packet(30))).await;
    assert_eq!(sent.fields.text("state"), "requires_capture");
    assert_eq!(host.balance(&giver), 18_000);
    let mut people = Vec::new();
    for _ in 0..40 {
        let person = host.visitor().await;
        people.push((host.session(&person).await, person));
    }
    // Forty people, three taps each.
    let taps = people.iter().flat_map(|(caller, _)| (0..3).map(move |_| caller));
    let all = taps.map(|caller| acted(&host, caller, act("P1", "claim", Fields::new())));
    let outcomes = futures_util::future::join_all(all).await;
    let mut won = std::collections::BTreeMap::new();
    let mut empty = 0;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let fields = outcome.unwrap().fields;
        match fields.text("outcome") {
            "done" => {
                let share = fields.integer("amount").unwrap();
                assert_eq!(*won.entry(n / 3).or_insert(share), share, "one share each");
            }
            _ => {
                assert_eq!(fields.text("code"), "empty");
                empty += 1;
            }
        }
    }
    assert_eq!((won.len(), empty), (30, 30));
    assert_eq!(won.values().sum::<i64>(), 2_000);
    for (n, (_, person)) in people.iter().enumerate() {
        let share = won.get(&n).copied().unwrap_or(0);
        assert_eq!(host.balance(person), 20_000 + u64::try_from(share).unwrap());
    }
    // All claimed: the giver learns of it, and nothing returns later.
    until(|| changed(&host, &giver).iter().any(|event| event.text("state") == "succeeded")).await;
    assert_eq!(titles(&host, &giver).await, ["红包已发出", "红包已领完"]);
    assert_eq!(host.balance(&giver), 18_000);
    let known = lookup(&host, &gives, "P1").await;
    assert_eq!((known.integer("claims"), known.integer("remaining")), (Some(30), Some(0)));
    // The outcome is offered again with its amount, also after a kill.
    let (winner, share) = won.iter().next().map(|(n, share)| (&people[*n].1, *share)).unwrap();
    let after = host.killed().await;
    let next = after.session(winner).await;
    let (_, waiting) = after.services.started(&next).await;
    assert!(!waiting.is_empty() && waiting.iter().all(|event| event.fields.integer("amount") == Some(share)));
    after.check().await;
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_claims_returns_and_only_readers_claim() {
    let host = Host::new().await;
    let (giver, friend, stranger) = (host.visitor().await, host.visitor().await, host.visitor().await);
    let (gives, takes, looks) = (
        host.session(&giver).await,
        host.session(&friend).await,
        host.session(&stranger).await,
    );
    let chat = Call::RecordsPut {
        collection: "chats".to_owned(),
        key: "c1".to_owned(),
        expected: 0,
        value: b"chat".to_vec(),
        options: Fields::new().with("parties", host.services.open_id(&friend.id, &"noodles".into()).as_str()),
    };
    host.call(&gives, chat).await.unwrap();
    let options = mode("packet")
        .with("shares", 4_i64)
        .with("split", "equal")
        .with("record", "chats/c1");
    paid(&host, &gives, wanted("P2", 1_000, options)).await;
    assert_eq!(code_of(&host, &looks, act("P2", "claim", Fields::new())).await, "not-found");
    assert_eq!(code_of(&host, &gives, act("P2", "refund", Fields::new())).await, "forbidden");
    let got = acted(&host, &takes, act("P2", "claim", Fields::new())).await.unwrap();
    assert_eq!(
        (got.fields.integer("amount"), got.fields.integer("remaining")),
        (Some(250), Some(750))
    );
    host.pass(DAY);
    let late = acted(&host, &gives, act("P2", "claim", Fields::new())).await.unwrap();
    assert_eq!(
        late.fields.text("code"),
        "empty",
        "the time is over, whether it was returned yet or not"
    );
    until(|| !changed(&host, &giver).is_empty()).await;
    assert_eq!((host.balance(&giver), host.balance(&friend)), (19_750, 20_250));
    assert_eq!(titles(&host, &giver).await, ["红包已发出", "红包已退回"]);
    let known = lookup(&host, &gives, "P2").await;
    assert_eq!((known.text("state"), known.integer("captured")), ("succeeded", Some(250)));
    assert_eq!(code_of(&host, &takes, act("P9", "claim", Fields::new())).await, "not-found");
    host.check().await;
}

fn pool(name: &str, size: i64) -> Fields {
    let deadline = common::START + DAY.as_millis() as u64;
    mode("pool")
        .with("pool", name)
        .with("pool-size", size)
        .with("hold-until-at", i64::try_from(deadline).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_captures_all_or_none() {
    let host = Host::new().await;
    let mut people = Vec::new();
    for _ in 0..5 {
        let person = host.visitor().await;
        people.push((host.session(&person).await, person));
    }
    let hold = |n: usize, number: &'static str| paid(&host, &people[n].0, wanted(number, 1_990, pool("team", 3)));
    assert_eq!(hold(0, "G0").await.fields.text("state"), "requires_capture");
    assert_eq!(
        code_of(&host, &people[0].0, wanted("G0b", 1_990, pool("team", 3))).await,
        "pool-joined"
    );
    assert_eq!(
        code_of(&host, &people[1].0, wanted("G1b", 1_991, pool("team", 3))).await,
        "pool-mismatch"
    );
    assert_eq!(
        code_of(&host, &people[1].0, wanted("G1b", 1_990, pool("team", 4))).await,
        "pool-mismatch"
    );
    // One leaves; the seat is free again.
    hold(1, "G1").await;
    acted(&host, &people[1].0, act("G1", "cancel", Fields::new())).await.unwrap();
    assert_eq!(host.balance(&people[1].1), 20_000);
    hold(2, "G2").await;
    // Two race for the last seat.
    let mut asked = Vec::new();
    for n in [3, 4] {
        asked.push(ticket(
            host.call(&people[n].0, wanted(["G3", "G4"][n - 3], 1_990, pool("team", 3))).await,
        ));
    }
    let (third, fourth) = (host.last_sheet(&people[3].0), host.last_sheet(&people[4].0));
    let (a, b) = tokio::join!(host.answer(&people[3].0, &third, yes()), host.answer(&people[4].0, &fourth, yes()));
    a.unwrap();
    b.unwrap();
    let outcomes = [
        host.outcome(&people[3].0, asked[0]).unwrap().fields,
        host.outcome(&people[4].0, asked[1]).unwrap().fields,
    ];
    let states: Vec<&str> = outcomes.iter().map(|fields| fields.text("state")).collect();
    assert_eq!(states.iter().filter(|state| **state == "succeeded").count(), 1, "{states:?}");
    let lost = outcomes.iter().find(|fields| fields.text("state") == "canceled").unwrap();
    assert_eq!(lost.text("code"), "pool-full");
    assert_eq!(host.earned(), 3 * 1_990);
    for n in [0, 2] {
        assert_eq!(changed(&host, &people[n].1).last().unwrap().text("state"), "succeeded");
        assert_eq!(titles(&host, &people[n].1).await.last().unwrap(), "拼单成功");
        assert_eq!(host.services.receipts(&people[n].1.id).await[0].captured, 1_990);
    }
    assert_eq!(host.services.day_counts().turnover, 3 * 1_990);

    // Another one that does not fill.
    paid(&host, &people[0].0, wanted("H0", 500, pool("late", 3))).await;
    paid(&host, &people[1].0, wanted("H1", 500, pool("late", 3))).await;
    host.pass(DAY);
    until(|| {
        changed(&host, &people[1].1)
            .iter()
            .any(|event| event.text("code") == "pool-expired")
    })
    .await;
    assert_eq!((host.balance(&people[0].1), host.balance(&people[1].1)), (20_000 - 1_990, 20_000));
    let told = changed(&host, &people[1].1);
    assert_eq!(
        (told.last().unwrap().text("state"), told.last().unwrap().text("code")),
        ("canceled", "pool-expired")
    );
    assert_eq!(host.earned(), 3 * 1_990);
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgetting_settles_what_is_held() {
    let host = Host::new().await;
    let (buyer, seller, buys, _, _, to) = market(&host).await;
    let kept = NewPerson {
        name: "小林".to_owned(),
        code: "LIN".to_owned(),
        pin: "2468".to_owned(),
        language: "zh-CN".to_owned(),
        balance: 1_000,
        profile: Vec::new(),
    };
    let kept = host.services.create_person(kept).await.unwrap();
    let lin = host.session(&kept).await;
    paid(&host, &buys, wanted("K1", 2_000, escrow(&to))).await;
    host.call(&buys, put("counters", "chat", 0, b"hi")).await.unwrap();
    paid(&host, &buys, wanted("K2", 900, packet(3))).await;
    acted(&host, &lin, act("K2", "claim", Fields::new())).await.unwrap();
    let share = host.balance(&kept) - 1_000;
    // What is held for the seller returns when the seller goes; the buyer's own goes as its time would have had it.
    host.services.forget(&seller.id).await.unwrap();
    assert_eq!(host.balance(&buyer), 20_000 - 900);
    assert_eq!(lookup(&host, &buys, "K1").await.text("state"), "canceled");
    host.services.forget(&buyer.id).await.unwrap();
    assert!(share > 0 && host.balance(&kept) == 1_000 + share);
    host.check().await;
    let after = host.killed().await;
    assert_eq!(after.balance(&kept), 1_000 + share);
    after.check().await;
}

/// What stands in a person's chain: act, of what, minor units.
async fn written(host: &Host, person: &Person) -> Vec<(String, String, u64)> {
    let records = host.services.audit_log(&person.id, 0, 1_000).await.unwrap();
    verify_audit(&records).unwrap();
    let line = |record: AuditRecord| (record.act, record.about.join(","), record.amount.map_or(0, |(amount, _)| amount));
    records.into_iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_money_moved_is_written_in_the_chain_of_each() {
    let host = Host::new().await;
    let (buyer, seller, buys, sells, judges, to) = market(&host).await;
    let line = |act: &str, about: &str, amount: u64| (act.to_owned(), about.to_owned(), amount);
    let confirmed = async |caller: &Caller, call: Call| {
        let asked = ticket(host.call(caller, call).await);
        host.answer(caller, &host.last_sheet(caller), yes()).await.unwrap();
        let outcome = host.outcome(caller, asked).unwrap().fields;
        assert_eq!(outcome.text("outcome"), "done", "{outcome:?}");
    };
    // Held, released with a fee, partly given back; shipping and a repeated refund move nothing.
    paid(&host, &buys, wanted("E1", 2_000, escrow(&to))).await;
    acted(&host, &sells, act("E1", "ship", Fields::new())).await.unwrap();
    confirmed(&buys, act("E1", "capture", Fields::new())).await;
    let back = || act("E1", "refund", part(500).with("reference", "r1"));
    confirmed(&sells, back()).await;
    confirmed(&sells, back()).await;
    // Charged in parts; the rest returns.
    paid(&host, &buys, wanted("B1", 900, mode("deposit"))).await;
    acted(&host, &judges, act("B1", "capture", part(300).with("final", false)))
        .await
        .unwrap();
    acted(&host, &judges, act("B1", "capture", part(200))).await.unwrap();
    // One of two shares is claimed, once.
    host.call(&buys, put("counters", "chat", 0, b"hi")).await.unwrap();
    paid(&host, &buys, wanted("P1", 100, packet(2))).await;
    let mut share = 0;
    for _ in 0..2 {
        let claimed = acted(&host, &sells, act("P1", "claim", Fields::new())).await.unwrap();
        share = u64::try_from(claimed.fields.integer("amount").unwrap()).unwrap();
    }
    host.pass(DAY + Duration::from_secs(1));
    until(|| host.balance(&buyer) == 20_000 - 2_000 + 500 - 500 - share).await;

    let own = written(&host, &buyer).await;
    let expected = [
        line("payment.requires_capture", "E1", 2_000),
        line("payment.captured", "E1", 2_000),
        line("payment.refunded", "E1", 500),
        line("payment.requires_capture", "pub", 900),
        line("payment.captured", "pub", 300),
        line("payment.captured", "pub", 200),
        line("payment.returned", "pub", 400),
        line("payment.requires_capture", "P1", 100),
        line("payment.captured", "P1", share),
        line("payment.returned", "P1", 100 - share),
    ];
    assert_eq!(own, expected);
    let theirs = written(&host, &seller).await;
    let expected = [
        line("transfer.received", "E1", 1_900),
        line("transfer.refunded", "E1", 475),
        line("packet.claimed", "P1", share),
    ];
    assert_eq!(theirs, expected);
    let moved: u64 = theirs[0].2 + theirs[2].2 - theirs[1].2;
    assert_eq!(host.balance(&seller), 20_000 + moved, "the chain adds up to the wallet");
    let after = host.killed().await;
    assert_eq!((written(&after, &buyer).await, written(&after, &seller).await), (own, theirs));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_outlives_that_the_program_forgets_its_people() {
    let host = Host::new().await;
    let (buyer, seller, buys, sells, _, to) = market(&host).await;
    host.call(&buys, put("orders", "deal", 0, b"bike")).await.unwrap();
    paid(&host, &buys, wanted("E1", 2_000, escrow(&to).with("record", "orders/deal"))).await;
    for (person, caller) in [(&buyer, &buys), (&seller, &sells)] {
        host.services.ended(caller, None).await;
        host.services.forget_in(&person.id, &caller.program).await.unwrap();
    }
    assert_eq!((host.balance(&buyer), host.balance(&seller)), (18_000, 20_000));
    // The clock releases it to the same person, whom the program knows as somebody new; what comes of it is theirs to read.
    host.pass(DAY * 10 + Duration::from_secs(1));
    until(|| host.balance(&seller) == 21_900).await;
    assert_eq!((host.balance(&buyer), host.earned()), (18_000, 100));
    for person in [&buyer, &seller] {
        until(|| changed(&host, person).iter().any(|event| event.text("state") == "succeeded")).await;
        let again = host.session(person).await;
        let (_, waiting) = host.services.started(&again).await;
        let states: Vec<&str> = waiting.iter().map(|event| event.fields.text("state")).collect();
        assert_eq!(states, ["succeeded"], "sealed with the key of today");
    }
    assert_eq!(document(&host.services.receipts(&buyer.id).await[0].document)["state"], "succeeded");
    host.check().await;
}
