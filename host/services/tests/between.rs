//! Money between people, without a program and outside of conversations: moved once, by whoever was shown a code or a link.

mod common;

use common::{Host, until_async};
use std::time::Duration;
use youji_api::{Failure, PersonId, SheetKind};
use youji_services::between::{Given, Giving, RECEIVE_MS};
use youji_services::{NewPerson, Person};

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

fn transfer(to: &str, amount: u64) -> Giving {
    Giving::Transfer {
        to: to.to_owned(),
        amount,
        note: "For the tea".to_owned(),
    }
}

fn packet(amount: u64, shares: u32) -> Giving {
    Giving::Packet {
        amount,
        shares,
        random: true,
        note: "Good luck".to_owned(),
    }
}

async fn gives(host: &Host, who: &Person, key: &str, giving: &Giving) -> Result<Given, Failure> {
    host.services.give(&who.id, key, giving, "1234").await
}

fn code(result: Result<impl Sized, Failure>) -> String {
    result.map_or_else(|failure| failure.code, |_| "ok".to_owned())
}

async fn heard(host: &Host, who: &PersonId) -> Vec<String> {
    let inbox = host.services.inbox(who, 0).await;
    inbox
        .into_iter()
        .map(|message| format!("{}: {}", message.title, message.text))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_goes_once_to_whoever_shows_the_code() {
    let host = Host::new().await;
    let (ann, bo, cy) = (
        somebody(&host, "ann").await,
        somebody(&host, "bo").await,
        somebody(&host, "cy").await,
    );
    let (letters, until) = host.services.receive(&bo.id).unwrap();
    assert_eq!((letters.len(), until), (12, host.clock_now() + RECEIVE_MS));
    let tea = transfer(&letters, 1_250);
    let sheet = host.services.giving_sheet(&ann.id, &tea).unwrap();
    let SheetKind::Payment {
        payee,
        amount,
        purpose,
        pin,
        terms,
        ..
    } = &sheet.kind
    else {
        panic!("{sheet:?}");
    };
    assert_eq!(
        (payee.as_str(), amount.as_str(), purpose.as_str(), *pin, terms.mode.as_str()),
        ("Name of bo", "12.50", "For the tea", true, "transfer"),
        "stored values"
    );
    assert_eq!(code(host.services.give(&ann.id, "k1", &tea, "9999").await), "denied");
    assert_eq!((host.balance(&ann), host.balance(&bo)), (10_000, 10_000), "nothing moved");

    let given = gives(&host, &ann, "k1", &tea).await.unwrap();
    assert_eq!((given.state.as_str(), given.balance, given.before), ("succeeded", 8_750, false));
    assert_eq!((host.balance(&ann), host.balance(&bo)), (8_750, 11_250));
    assert_eq!(heard(&host, &bo.id).await, ["Money received: ¥12.50 from Name of ann: For the tea"]);
    assert_eq!(heard(&host, &ann.id).await, ["Paid: ¥12.50 to Name of bo"]);
    let receipts = host.services.receipts(&ann.id).await;
    assert_eq!(
        (receipts.len(), receipts[0].amount, receipts[0].purpose.as_str()),
        (1, 1_250, "For the tea")
    );

    // Sent twice, also at once, also when the code is long over, also after a restart: the same one.
    let many: Vec<_> = (0..4).map(|_| gives(&host, &ann, "k2", &tea)).collect();
    let many = futures_util::future::join_all(many).await;
    let fresh = many.iter().filter(|given| given.as_ref().is_ok_and(|given| !given.before)).count();
    assert!(many.iter().all(Result::is_ok) && fresh == 1, "{many:?}");
    assert_eq!((host.balance(&ann), host.balance(&bo)), (7_500, 12_500));
    // Where no PIN takes its time, they meet at the log.
    let visitor = host.visitor().await;
    for round in 0..20_u64 {
        let (round_key, little) = (format!("v{round}"), transfer(&letters, 10));
        let (left, right) = tokio::join!(
            gives(&host, &visitor, &round_key, &little),
            gives(&host, &visitor, &round_key, &little)
        );
        let (left, right) = (left.unwrap(), right.unwrap());
        assert_ne!(left.before, right.before, "round {round}: {left:?} {right:?}");
        assert_eq!(left.receipt, right.receipt);
        assert_eq!(host.balance(&visitor), 20_000 - 10 * (round + 1));
    }
    assert_eq!(host.balance(&bo), 12_700);
    host.pass(Duration::from_millis(RECEIVE_MS));
    let again = gives(&host, &ann, "k1", &tea).await.unwrap();
    assert_eq!((again.before, &again.receipt, again.balance), (true, &given.receipt, 7_500));
    let started = host.killed().await;
    let again = gives(&started, &ann, "k1", &tea).await.unwrap();
    assert_eq!((again.before, &again.receipt), (true, &given.receipt));
    started.check().await;
    let other = gives(&host, &ann, "k1", &transfer(&letters, 1)).await;
    assert_eq!(code(other), "idempotency-mismatch");

    // What moves nothing says why.
    let over = gives(&host, &ann, "k3", &tea).await;
    assert_eq!(code(over), "not-found", "the code is over");
    let (old, _) = host.services.receive(&bo.id).unwrap();
    let (new, _) = host.services.receive(&bo.id).unwrap();
    assert_eq!(
        code(gives(&host, &ann, "k4", &transfer(&old, 1)).await),
        "not-found",
        "a fresh one took its place"
    );
    assert_eq!(code(gives(&host, &bo, "k5", &transfer(&new, 1)).await), "invalid", "one's own");
    assert_eq!(code(gives(&host, &ann, "k6", &transfer(&new, 7_501)).await), "insufficient-funds");
    assert_eq!(code(gives(&host, &ann, "k7", &transfer(&new, 0)).await), "limit");
    host.services.stop_receiving(&bo.id);
    assert_eq!(code(gives(&host, &ann, "k8", &transfer(&new, 1)).await), "not-found", "put away");
    let (new, _) = host.services.receive(&bo.id).unwrap();
    // Guessing is bounded.
    let mut said = Vec::new();
    for guess in 0..30 {
        said.push(code(gives(&host, &cy, "g", &transfer(&format!("aaaaaaaaaa{guess:02}"), 1)).await));
    }
    assert!(
        said.starts_with(&["not-found".to_owned()]) && said.ends_with(&["limit".to_owned()]),
        "{said:?}"
    );
    assert_eq!(code(gives(&host, &cy, "g", &transfer(&new, 1)).await), "limit");
    assert_eq!((host.balance(&ann), host.balance(&bo), host.balance(&cy)), (7_500, 12_700, 10_000));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_packets_shares_go_to_those_with_its_link_once_each() {
    let host = Host::new().await;
    let ann = somebody(&host, "ann").await;
    let given = gives(&host, &ann, "p", &packet(1_000, 5)).await.unwrap();
    assert_eq!((given.state.as_str(), given.balance), ("requires_capture", 9_000));
    let mut others = Vec::new();
    for place in 0..8 {
        others.push(somebody(&host, &format!("other{place}")).await);
    }
    let seen = host.services.packet_seen(&others[0].id, &given.id).await.unwrap();
    assert_eq!(
        (
            seen.by.as_str(),
            seen.note.as_str(),
            seen.shares,
            seen.claimed,
            seen.mine,
            seen.open
        ),
        ("Name of ann", "Good luck", 5, 0, None, true)
    );
    assert_eq!(code(host.services.packet_claim(&ann.id, &given.id).await), "forbidden");
    assert_eq!(code(host.services.packet_seen(&ann.id, "nosuchpacket").await), "not-found");

    // All of them twice, at once.
    let tries = others
        .iter()
        .chain(&others)
        .map(|other| host.services.packet_claim(&other.id, &given.id));
    let tries = futures_util::future::join_all(tries).await;
    let (first, second) = tries.split_at(others.len());
    for (place, other) in others.iter().enumerate() {
        match (&first[place], &second[place]) {
            (Ok(one), Ok(two)) => {
                assert_eq!(one, two, "the same share when asked again");
                assert_eq!(host.balance(other), 10_000 + one);
                assert_eq!(heard(&host, &other.id).await.len(), 1);
                let seen = host.services.packet_seen(&other.id, &given.id).await.unwrap();
                assert_eq!((seen.mine, seen.open), (Some(*one), false));
            }
            (one, two) => {
                for said in [one, two] {
                    assert!(
                        said.as_ref().is_err_and(|failure| failure.code == "nothing-left"),
                        "{one:?} {two:?}"
                    );
                }
            }
        }
    }
    let got: u64 = others.iter().map(|other| host.balance(other) - 10_000).sum();
    let with = others.iter().filter(|other| host.balance(other) > 10_000).count();
    assert_eq!((got, with), (1_000, 5), "each share once");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_of_a_red_packet_comes_back_also_to_who_leaves() {
    let host = Host::new().await;
    let (ann, bo) = (somebody(&host, "ann").await, somebody(&host, "bo").await);
    let given = gives(&host, &ann, "p", &packet(900, 3)).await.unwrap();
    let share = host.services.packet_claim(&bo.id, &given.id).await.unwrap();
    host.pass(Duration::from_secs(24 * 60 * 60));
    until_async(async || host.balance(&ann) == 10_000 - share).await;
    until_async(async || heard(&host, &ann.id).await.len() == 2).await;
    assert!(
        heard(&host, &ann.id).await[1].starts_with("Red packet returned"),
        "{:?}",
        heard(&host, &ann.id).await
    );
    let cy = somebody(&host, "cy").await;
    assert_eq!(code(host.services.packet_claim(&cy.id, &given.id).await), "nothing-left");
    let again = gives(&host, &ann, "p", &packet(900, 3)).await.unwrap();
    assert_eq!(
        (again.before, again.state.as_str()),
        (true, "succeeded"),
        "the same one, as it stands"
    );

    // Who gives one and leaves takes nothing along that others have, and leaves nothing behind.
    let open = gives(&host, &bo, "q", &packet(600, 3)).await.unwrap();
    let taken = host.services.packet_claim(&cy.id, &open.id).await.unwrap();
    host.services.forget(&bo.id).await.unwrap();
    assert_eq!(host.balance(&cy), 10_000 + taken);
    assert_eq!(code(host.services.packet_claim(&ann.id, &open.id).await), "nothing-left");
    let seen = host.services.packet_seen(&ann.id, &open.id).await.unwrap();
    assert_eq!((seen.by.as_str(), seen.note.as_str(), seen.open), ("", "", false));
    host.check().await;
    host.killed().await.check().await;
}
