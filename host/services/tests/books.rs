//! The books replayed from outside: what holds, and what is said of what does not.

mod common;

use common::{Host, no, order, ticket, yes};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use youji_api::{Call, Fields, Reply};
use youji_services::{Books, BooksError, Divergence, ExportFormat, NewPerson, Verified};
use youji_store::{COMMAND, Log, LogOptions, LogReader, NewEntry, RealDisk};

/// A host on which 36.00 were paid, 5.00 of it refunded, and another order declined; closed. Its folder, and the payer's id.
async fn busy() -> (tempfile::TempDir, String) {
    let host = Host::new().await;
    let person = host.visitor().await;
    let caller = host.session(&person).await;
    for (number, answer) in [("A1", yes()), ("A2", no())] {
        ticket(host.call(&caller, Call::PaymentPay(order(number, 3_600))).await);
        host.answer(&caller, &host.last_sheet(&caller), answer).await.unwrap();
    }
    let staff = host.session_as(&host.visitor().await, "noodles", &["staff"]).await;
    let refund = Call::PaymentAct {
        order_no: "A1".to_owned(),
        action: "refund".to_owned(),
        options: Fields::new().with("amount", 500_i64).with("reference", "r1"),
    };
    assert!(matches!(host.call(&staff, refund).await, Ok(Reply::Ticket(_))));
    let new = NewPerson {
        name: "Anna".to_owned(),
        code: "ANNA".to_owned(),
        pin: "482915".to_owned(),
        language: "en".to_owned(),
        balance: 700,
        ..NewPerson::default()
    };
    host.services.create_person(new).await.unwrap();
    host.pass(Duration::from_secs(1));
    host.services.shutdown().await;
    (host.dir, person.id.to_string())
}

fn verify(data: &Path) -> Result<Verified, Divergence> {
    match Books::verify(data, &mut |_, _| {}) {
        Ok(verified) => Ok(verified),
        Err(BooksError::Diverges(divergence)) => Err(divergence),
        Err(other) => panic!("{other}"),
    }
}

fn copy(of: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    common::copy_dir(of, &data);
    (folder, data)
}

/// Where each frame begins in the one segment, with the length of its payload.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (64, Vec::new());
    while bytes.get(at..at + 4) == Some(b"YJF1") {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        found.push((at, length));
        at += (104 + length).next_multiple_of(8);
    }
    found
}

fn segment(data: &Path) -> PathBuf {
    let files = fs::read_dir(data.join("log")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|is| is == "log")).min().unwrap()
}

#[tokio::test]
async fn what_happened_holds_and_is_counted() {
    let (folder, _) = busy().await;
    let data = folder.path().join("data");
    let mut heard = Vec::new();
    let verified = Books::verify(&data, &mut |done, all| heard.push((done, all))).unwrap();
    assert_eq!(heard.last(), Some(&(verified.entries, verified.entries)));
    assert_eq!(
        verified.checkpoint, verified.entries,
        "a host that is closed leaves a checkpoint of the end"
    );
    // Two visitors' first money, a person's, one payment, one refund.
    assert_eq!(verified.transfers, 5);
    assert_eq!(verified.head.len(), 64);
    // Looking changes nothing: the host starts as before.
    assert_eq!(verify(&data).unwrap(), verified);
    drop(Host::on(folder, common::START + 10_000).await);
}

#[tokio::test]
async fn an_altered_byte_is_named_by_its_entry() {
    let (folder, _) = busy().await;
    let data = folder.path().join("data");
    let whole = fs::read(segment(&data)).unwrap();
    let frames = frames(&whole);
    assert!(frames.len() > 8, "{} entries", frames.len());
    for (place, (at, length)) in frames.iter().enumerate() {
        for offset in [20, 40, 70, 104 + length / 2] {
            let (_kept, altered) = copy(&data);
            let mut bytes = whole.clone();
            bytes[at + offset] ^= 1;
            fs::write(segment(&altered), &bytes).unwrap();
            let told = verify(&altered).unwrap_err();
            assert_eq!(told.entry, Some(place as u64 + 1), "byte {offset} of entry {}: {told}", place + 1);
        }
    }
}

#[tokio::test]
async fn an_amount_altered_with_its_checksum_breaks_the_chain() {
    let (folder, _) = busy().await;
    let data = folder.path().join("data");
    let path = segment(&data);
    let mut bytes = fs::read(&path).unwrap();
    let seed = crc32c::crc32c(&bytes[8..40]);
    let amount = b"\"amount\":3600";
    let holds = |(at, length): &&(usize, usize)| {
        bytes[at + 104..at + 104 + length]
            .windows(amount.len())
            .any(|found| found == amount)
    };
    let frames = frames(&bytes);
    let place = frames.iter().rposition(|frame| holds(&frame)).expect("the payment");
    let (at, length) = frames[place];
    let found = bytes[at + 104..at + 104 + length]
        .windows(amount.len())
        .position(|found| found == amount)
        .unwrap();
    bytes[at + 104 + found + amount.len() - 4] = b'9';
    let sum = crc32c::crc32c_append(seed, &bytes[at + 8..at + 104 + length]);
    bytes[at + 4..at + 8].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let told = verify(&data).unwrap_err();
    assert_eq!(told.entry, Some(place as u64 + 1), "{told}");
    assert!(told.what.contains("hash chain"), "{told}");
}

/// The same entries in a log of their own, sound in every checksum, but with `from` replaced by `to` in the first entry that holds it.
async fn forged(data: &Path, from: &str, to: &str) -> u64 {
    let entries = LogReader::open(&data.join("log"), LogOptions::default())
        .unwrap()
        .read(1, 10_000)
        .unwrap();
    fs::remove_dir_all(data.join("log")).unwrap();
    fs::remove_dir_all(data.join("checkpoints")).unwrap();
    let log = Log::open(&data.join("log"), LogOptions::default(), Arc::new(RealDisk)).unwrap();
    let mut altered = 0;
    for entry in entries {
        assert_eq!(entry.kind, COMMAND);
        let mut payload = String::from_utf8(entry.payload).unwrap();
        if altered == 0 && payload.contains(from) {
            altered = entry.sequence;
            payload = payload.replacen(from, to, 1);
        }
        let again = NewEntry {
            kind: entry.kind,
            at: entry.at,
            payload: payload.into_bytes(),
        };
        log.append(vec![again]).await.unwrap();
    }
    log.close().await;
    assert!(altered > 0, "no entry holds {from}");
    altered
}

#[tokio::test]
async fn a_forged_amount_in_a_new_chain_does_not_fit_the_balances() {
    let (folder, _) = busy().await;
    let data = folder.path().join("data");
    // More than the visitor had.
    let altered = forged(&data, "\"amount\":3600,\"pending_id\"", "\"amount\":36000000,\"pending_id\"").await;
    let told = verify(&data).unwrap_err();
    assert_eq!(told.entry, Some(altered), "{told}");
    assert!(told.what.contains("does not apply"), "{told}");
}

#[tokio::test]
async fn a_log_that_is_not_the_checkpoints_is_told() {
    let (folder, _) = busy().await;
    let data = folder.path().join("data");
    let whole = verify(&data).unwrap();
    // Its end is missing.
    let (_kept, cut) = copy(&data);
    let mut bytes = fs::read(segment(&cut)).unwrap();
    let frames = frames(&bytes);
    let (at, _) = frames[frames.len() - 2];
    bytes.truncate(at);
    fs::write(segment(&cut), &bytes).unwrap();
    let told = verify(&cut).unwrap_err();
    assert_eq!(told.entry, Some(whole.entries - 1), "{told}");
    // It is of another host.
    let (other, _) = busy().await;
    fs::remove_dir_all(data.join("log")).unwrap();
    common::copy_dir(&other.path().join("data/log"), &data.join("log"));
    let told = verify(&data).unwrap_err();
    assert!(told.entry.is_none() && told.what.contains("another log"), "{told}");
}

#[tokio::test]
async fn a_statement_tells_what_happened_and_comes_to_the_balance() {
    let (folder, person) = busy().await;
    let data = folder.path().join("data");
    let books = Books::replay(&data, &mut |_, _| {}).unwrap();
    let statement = books.statement(&person, 100).unwrap().expect("is known");
    let told: Vec<(&str, &str, &str, &str)> = statement
        .lines
        .iter()
        .map(|line| (line.kind.as_str(), line.amount.as_str(), line.other.as_str(), line.balance.as_str()))
        .collect();
    let wanted = [
        ("refund", "5.00", "merchant pub/", "169.00"),
        ("payment", "-36.00", "merchant pub/", "164.00"),
        ("top-up", "200.00", "host", "200.00"),
    ];
    assert_eq!(told, wanted);
    assert_eq!(
        (statement.balance.as_str(), statement.held.as_str(), statement.currency.as_str()),
        ("169.00", "0.00", "CNY")
    );
    assert_eq!(
        books.statement(&person, 1).unwrap().map(|short| (short.lines.len(), short.more)),
        Some((1, true))
    );
    assert_eq!(
        books.statement("anna", 100).unwrap().map(|anna| anna.balance),
        Some("7.00".to_owned()),
        "by code"
    );
    assert_eq!(books.statement("nobody", 100).unwrap(), None);
    fs::remove_file(data.join("host.key")).unwrap();
    assert!(matches!(books.statement(&person, 1), Err(BooksError::Key { .. })));
    assert!(!data.join("host.key").exists(), "looking makes no key");
}

#[tokio::test]
async fn exports_hold_every_transfer() {
    let (folder, _) = busy().await;
    let books = Books::replay(&folder.path().join("data"), &mut |_, _| {}).unwrap();
    let text = |format: ExportFormat| {
        let mut out = Vec::new();
        books.export(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let csv = text(ExportFormat::Csv);
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 1 + 5);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&text(ExportFormat::Json)).unwrap();
    let transfers = json["transfers"].as_array().unwrap();
    for (line, transfer) in lines[1..].iter().zip(transfers) {
        assert_eq!(
            (line[1], line[5]),
            (transfer["id"].as_str().unwrap(), transfer["amount"].as_str().unwrap())
        );
    }
    let sum = |side: &str| -> u128 {
        let accounts = json["accounts"].as_array().unwrap().iter();
        accounts
            .map(|account| account[side].as_str().unwrap().parse::<u128>().unwrap())
            .sum()
    };
    assert_eq!(sum("debitsPosted"), sum("creditsPosted"));
    assert_eq!(sum("debitsPosted"), 20_000 + 20_000 + 700 + 3_600 + 500);
}
