//! Gone means gone: after compaction what belonged to somebody who left, or was overwritten, is in no file.

mod common;

use common::{Host, choose, order, put, yes};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use youji_api::caller::Caller;
use youji_api::{Call, Capabilities, Fields, PersonId, SavedState};
use youji_services::Person;
use youji_store::{COMMAND, LogOptions, LogReader};

/// All files below a folder, each byte a character: text and bytes are looked for with the same quick search.
struct Files(Vec<(PathBuf, String)>);

impl Files {
    fn below(dir: &Path) -> Files {
        let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(&folder).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // A file may go while the host works.
                let Ok(bytes) = std::fs::read(&path) else { continue };
                // The room that files keep for growing is empty.
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                found.push((path, bytes[..end].iter().copied().map(char::from).collect()));
            }
        }
        Files(found)
    }

    fn holding(&self, text: &[u8]) -> Vec<&Path> {
        let text: String = text.iter().copied().map(char::from).collect();
        let found = self.0.iter().filter(|(_, file)| file.contains(&text));
        found.map(|(path, _)| path.as_path()).collect()
    }

    fn hold(&self, text: &[u8]) -> bool {
        !self.holding(text).is_empty()
    }
}

fn data(host: &Host) -> PathBuf {
    host.dir.path().join("data")
}

/// The changes in the log, each with its kind.
fn changes(host: &Host) -> Vec<(String, Value)> {
    let log = LogReader::open(&data(host).join("log"), LogOptions::default()).unwrap();
    let entries = log.read(1, usize::MAX).unwrap().into_iter().filter(|entry| entry.kind == COMMAND);
    let mut all = Vec::new();
    for entry in entries.filter(|entry| !entry.payload.is_empty()) {
        let mut entry: Value = serde_json::from_slice(&entry.payload).unwrap();
        for change in entry["changes"].as_array_mut().unwrap() {
            if let Value::Object(change) = change.take() {
                all.extend(change);
            }
        }
    }
    all
}

/// Everything sealed that the log holds of a person: as it stands in the log. What the audit commits to is not theirs alone.
fn sealed(host: &Host, person: &PersonId) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (kind, change) in changes(host) {
        let owners = [&change["person"], &change["row"]["owner"], &change["order"]["person"]];
        if kind == "Audit" || !owners.iter().any(|owner| owner.as_str() == Some(person.as_str())) {
            continue;
        }
        for member in ["profile", "given", "value", "body", "event", "message", "receipt", "state"] {
            found.extend(change[member].as_str().filter(|text| text.len() > 60).map(str::to_owned));
        }
    }
    found
}

/// Somebody with something of each kind, under names that hold `canary`.
struct Somebody {
    person: Person,
    caller: Caller,
}

async fn busy(host: &Host, person: Person, canary: &str, friend: &Caller) -> Somebody {
    let caller = host.session(&person).await;
    for round in 0..2 {
        let value = format!("{canary} wrote {round}").into_bytes();
        host.call(
            &caller,
            Call::StorageSet {
                key: "note".to_owned(),
                value,
            },
        )
        .await
        .unwrap();
    }
    let row = format!("row-{canary}");
    host.call(&caller, put("secrets", &row, 0, canary.as_bytes())).await.unwrap();
    let asked = Call::IdentityProfile {
        names: vec!["nickname".to_owned()],
        options: Fields::new(),
    };
    host.call(&caller, asked).await.unwrap();
    let mut answer = choose(&["identity.nickname"]);
    answer.values.extend([("identity.nickname".to_owned(), canary.to_owned())]);
    host.answer(&caller, &host.last_sheet(&caller), answer).await.unwrap();
    let mut order = order(&format!("order-of-{}", person.id), 1_200);
    order.lines[0].title = format!("noodles for {canary}");
    host.call(&caller, Call::PaymentPay(order)).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    let send = Call::MessagingSend {
        to: host.services.open_id(&friend.person, &friend.program).to_string(),
        template: "ready".to_owned(),
        fields: Fields::new().with("number", "7"),
        client_id: format!("message-{canary}"),
        options: Fields::new(),
    };
    host.call(&caller, send).await.unwrap();
    let bytes = canary.as_bytes().to_vec();
    host.services.ended(&caller, Some(SavedState { schema: 1, bytes })).await;
    Somebody { person, caller }
}

/// Somebody who allows messages.
async fn friend(host: &Host) -> Caller {
    let friend = host.visitor().await;
    let caller = host.session(&friend).await;
    let templates = vec!["ready".to_owned()];
    let subscribe = Call::MessagingSubscribe {
        templates,
        options: Fields::new(),
    };
    host.call(&caller, subscribe).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), choose(&["ready"])).await.unwrap();
    caller
}

/// What names somebody, or what they named, in the clear.
fn names(host: &Host, somebody: &Somebody, canary: &str) -> Vec<String> {
    let open_id = host.services.open_id(&somebody.person.id, &somebody.caller.program);
    vec![format!("row-{canary}"), format!("message-{canary}"), open_id.to_string()]
}

fn raw(text: &str) -> Vec<u8> {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_is_in_no_file_after_compaction() {
    let host = Host::new().await;
    let friend = friend(&host).await;
    let [gone, here] = ["goer", "stayer"].map(|name| format!("{name}-{:016x}", rand::random::<u64>()));
    let (goer, stayer) = (host.visitor().await, host.visitor().await);
    let goer = busy(&host, goer, &gone, &friend).await;
    let stayer = busy(&host, stayer, &here, &friend).await;
    // Overwritten, and removed.
    let before = sealed(&host, &stayer.person.id);
    let again = host.session(&stayer.person).await;
    for value in ["second", "third"] {
        let value = value.repeat(30).into_bytes();
        host.call(
            &again,
            Call::StorageSet {
                key: "note".to_owned(),
                value,
            },
        )
        .await
        .unwrap();
    }
    let call = Call::RecordsRemove {
        collection: "secrets".to_owned(),
        key: format!("row-{here}"),
        expected: 1,
    };
    host.call(&again, call).await.unwrap();
    host.services.ended(&again, None).await;

    let (theirs, names) = (sealed(&host, &goer.person.id), names(&host, &goer, &gone));
    assert!(theirs.len() >= 9, "{} sealed values", theirs.len());
    let log = || Files::below(&data(&host).join("log"));
    let map = || Files::below(&data(&host).join("projection"));
    let all = || Files::below(&data(&host));
    let files = log();
    for text in names.iter().chain(&theirs) {
        assert!(files.hold(text.as_bytes()), "the control: it is in the log: {text}");
    }
    // The control: without leaving, compaction keeps what somebody has, and takes what they had.
    let done = host.services.compact().await.unwrap();
    assert!(done.nothing > 0 && done.bytes_after < done.bytes_before, "{done:?}");
    let (in_log, in_map) = (log(), map());
    let left: Vec<&String> = theirs.iter().filter(|text| in_log.hold(text.as_bytes())).collect();
    assert_eq!(left.len(), theirs.len() - 1, "all but the value that was overwritten");
    assert!(
        left.iter().any(|text| in_map.hold(&raw(text))),
        "the control: the projection is searched"
    );
    assert!(in_log.hold(names[0].as_bytes()) && in_map.hold(names[0].as_bytes()));
    let row = format!("row-{here}");
    assert!(!all().hold(row.as_bytes()), "the row that was removed");

    let earned = host.earned();
    let order = format!("order-of-{}", goer.person.id);
    host.services.forget(&goer.person.id).await.unwrap();
    host.services.compact().await.unwrap();
    let files = all();
    for text in names.iter().chain(&theirs) {
        assert_eq!(files.holding(text.as_bytes()), Vec::<&Path>::new(), "{text}");
    }
    for text in &theirs {
        assert_eq!(files.holding(&raw(text)), Vec::<&Path>::new(), "{text}");
    }
    assert!(sealed(&host, &goer.person.id).is_empty());
    assert!(
        sealed(&host, &stayer.person.id).len() >= before.len() - 3,
        "the others keep what is theirs"
    );
    // What the ledger and the audit need, under a pseudonym.
    let log_now = changes(&host);
    let of_goer = |kind: &str, person: &str| {
        let id = Some(goer.person.id.as_str());
        log_now
            .iter()
            .filter(|(found, change)| found == kind && change.pointer(person).and_then(Value::as_str) == id)
            .count()
    };
    assert_eq!(of_goer("Gone", "/person"), 1);
    assert!(of_goer("Order", "/order/person") >= 2 && of_goer("Audit", "/person") >= 3);
    assert!(log().hold(order.as_bytes()), "the number of a paid order stays");
    assert_eq!(host.earned(), earned);
    assert_eq!(
        (
            of_goer("Person", "/person"),
            of_goer("Known", "/person"),
            of_goer("Consent", "/person")
        ),
        (0, 0, 0)
    );

    // What one program forgets goes too.
    let rest = sealed(&host, &stayer.person.id);
    let names = self::names(&host, &stayer, &here);
    host.services.forget_in(&stayer.person.id, &"noodles".into()).await.unwrap();
    host.services.compact().await.unwrap();
    let files = all();
    assert!(!files.hold(names[1].as_bytes()), "what it called its message");
    let left = rest.iter().filter(|text| files.hold(text.as_bytes())).count();
    assert_eq!(
        left,
        sealed(&host, &stayer.person.id).len(),
        "profile, order, receipt and inbox stay"
    );
    assert!(left > 0 && left < rest.len(), "{left} of {}", rest.len());
    host.check().await;
    let after = host.killed().await;
    assert_eq!(
        (after.earned(), after.balance(&stayer.person)),
        (earned, host.balance(&stayer.person))
    );
    after.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_compacts_by_itself_once_it_is_quiet() {
    let host = Host::new().await;
    let friend = friend(&host).await;
    for round in 0..2 {
        let canary = format!("canary-{:016x}", rand::random::<u64>());
        let somebody = busy(&host, host.visitor().await, &canary, &friend).await;
        let (theirs, names) = (sealed(&host, &somebody.person.id), names(&host, &somebody, &canary));
        host.services.forget(&somebody.person.id).await.unwrap();
        let needles: Vec<&String> = theirs.iter().chain(&names).collect();
        let left = || {
            let files = Files::below(&data(&host));
            needles.iter().filter(|text| files.hold(text.as_bytes())).count()
        };
        assert_eq!(left(), needles.len(), "round {round}: not yet");
        let mut waited = 0;
        while left() > 0 {
            // The clock stands still between; so it is the policy that is waited for, not the machine.
            host.pass(Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(200)).await;
            waited += 1;
            assert!(waited < 600, "round {round}: {} of {} are left", left(), needles.len());
        }
        host.check().await;
    }
}
