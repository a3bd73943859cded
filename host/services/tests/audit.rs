//! What a person gives, who used it and for what; and how a program forgets them.

mod common;

use common::{Host, choose, no, order, put, ticket, yes};
use std::collections::BTreeMap;
use youji_api::caller::Caller;
use youji_api::{Answer, Call, Capabilities, Consent, Consents, Fields, Reply, SavedState};
use youji_services::{AuditRecord, Person, verify_audit};

fn profile(names: &[&str]) -> Call {
    Call::IdentityProfile {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        options: Fields::new(),
    }
}

fn giving(chosen: &[&str], values: &[(&str, &str)]) -> Answer {
    Answer {
        values: values
            .iter()
            .map(|(scope, value)| ((*scope).to_owned(), (*value).to_owned()))
            .collect(),
        ..choose(chosen)
    }
}

fn said(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// What the program got for a call that needs no sheet any more.
async fn got(host: &Host, caller: &Caller, names: &[&str]) -> Fields {
    let asked = ticket(host.call(caller, profile(names)).await);
    host.outcome(caller, asked).expect("no sheet").fields
}

async fn log(host: &Host, person: &Person) -> Vec<AuditRecord> {
    let records = host.services.audit_log(&person.id, 0, 1_000).await.unwrap();
    verify_audit(&records).unwrap();
    records
}

fn acts(records: &[AuditRecord]) -> Vec<(&str, Vec<&str>)> {
    records
        .iter()
        .map(|record| (record.act.as_str(), record.about.iter().map(String::as_str).collect()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_may_give_another_value_or_none() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let caller = host.session(&guest).await;
    // Another name, and a number that is not in the profile.
    let asked = ticket(host.call(&caller, profile(&["nickname", "phone"])).await);
    let both = ["identity.nickname", "identity.phone"];
    let answer = giving(
        &both,
        &[
            ("identity.nickname", "Table Seven"),
            ("identity.phone", "555 0100"),
            ("identity.address", "never asked"),
        ],
    );
    host.answer(&caller, &host.last_sheet(&caller), answer).await.unwrap();
    let given = host.outcome(&caller, asked).unwrap().fields;
    assert_eq!(
        (given.text("profile.nickname"), given.text("profile.phone")),
        ("Table Seven", "555 0100")
    );
    assert!(given.get("profile.address").is_none());
    // It stays this program's: the profile is as it was, another program is asked anew, and the same one gets the same again, also after a
    // kill.
    assert_eq!(host.services.profile_fields(&guest.id).unwrap(), said(&[("nickname", &guest.name)]));
    let tea = host.session_as(&guest, "tea", &[]).await;
    ticket(host.call(&tea, profile(&["nickname", "phone"])).await);
    host.answer(&tea, &host.last_sheet(&tea), giving(&both, &[("identity.nickname", "")]))
        .await
        .unwrap();
    let given = got(&host, &tea, &["nickname", "phone"]).await;
    assert_eq!(given.get("profile.nickname"), None, "an empty value gives none");
    assert_eq!(given.get("profile.phone"), None, "and so does a profile that has none");
    host.services
        .set_profile(&guest.id, &said(&[("phone", "555 0199"), ("nickname", "Somebody")]))
        .await
        .unwrap();
    assert_eq!(
        got(&host, &tea, &["phone"]).await.text("profile.phone"),
        "555 0199",
        "its own value follows the profile"
    );
    let after = host.killed().await;
    let again = after.session(&guest).await;
    assert_eq!(got(&after, &again, &["nickname"]).await.text("profile.nickname"), "Table Seven");
    // Bounds.
    for (fields, code) in [
        (said(&[("password", "x")]), "invalid"),
        (said(&[("nickname", "")]), "invalid"),
        (said(&[("phone", &"5".repeat(257))]), "limit"),
        (said(&[("phone", "5\n5")]), "invalid"),
    ] {
        assert_eq!(
            host.services.set_profile(&guest.id, &fields).await.unwrap_err().code,
            code,
            "{fields:?}"
        );
    }
    host.services.set_profile(&guest.id, &said(&[("phone", "")])).await.unwrap();
    assert_eq!(host.services.profile_fields(&guest.id).unwrap(), said(&[("nickname", "Somebody")]));
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_used_what_when_and_for_what_stands_in_the_persons_chain() {
    let host = Host::new().await;
    let (guest, other) = (host.visitor().await, host.visitor().await);
    let caller = host.session(&guest).await;
    ticket(host.call(&caller, profile(&["nickname", "phone"])).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["identity.nickname"]))
        .await
        .unwrap();
    let with_purpose = Call::IdentityProfile {
        names: vec!["nickname".to_owned()],
        options: Fields::new().with("purpose", "To call you"),
    };
    ticket(host.call(&caller, with_purpose).await);
    ticket(host.call(&caller, Call::LocationLocate { options: Fields::new() }).await);
    host.answer(&caller, &host.last_sheet(&caller), choose(&["location"]))
        .await
        .unwrap();
    host.call(&caller, Call::PaymentPay(order("1", 700))).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), yes()).await.unwrap();
    host.call(&caller, Call::PaymentPay(order("2", 900))).await.unwrap();
    host.answer(&caller, &host.last_sheet(&caller), no()).await.unwrap();
    host.services.top_up(&guest.id, 5, "t").await.unwrap();
    host.services.top_up(&guest.id, 5, "t").await.unwrap();
    host.services
        .set_consent(&guest.id, &caller.program, "identity.nickname", false)
        .await
        .unwrap();
    assert_eq!(host.code(&caller, profile(&["nickname"])).await, "denied");

    let records = log(&host, &guest).await;
    let expected = [
        ("consent.granted", vec!["identity.nickname"]),
        ("consent.denied", vec!["identity.phone"]),
        ("identity.profile", vec!["nickname"]),
        ("identity.profile", vec!["nickname"]),
        ("consent.granted", vec!["location"]),
        ("location.locate", vec!["Hall 3"]),
        ("payment.succeeded", vec!["pub"]),
        ("wallet.top-up", vec![]),
        ("consent.denied", vec!["identity.nickname"]),
    ];
    assert_eq!(acts(&records), expected);
    assert_eq!(records[2].purpose, "because", "the manifest's reason");
    assert_eq!(records[3].purpose, "To call you");
    assert_eq!(records[6].amount, Some((700, "CNY".to_owned())));
    assert!(records.iter().all(|record| record.at == common::START));
    assert!(
        records[..7]
            .iter()
            .all(|record| record.program.as_ref().is_some_and(|program| program.as_str() == "noodles"))
    );
    assert!(log(&host, &other).await.is_empty(), "each their own");
    assert_eq!(host.services.audit_log(&guest.id, 7, 1).await.unwrap()[..], records[7..8]);
    assert_eq!(host.services.audit_log(&guest.id, 0, 1_001).await.unwrap_err().code, "limit");

    // What is altered or left out is seen.
    let check = |change: fn(&mut Vec<AuditRecord>)| {
        let mut altered = records.clone();
        change(&mut altered);
        verify_audit(&altered)
    };
    check(|_| {}).unwrap();
    check(|records| records[6].amount = Some((70, "CNY".to_owned()))).unwrap_err();
    check(|records| records[3].commitment.clear()).unwrap_err();
    check(|records| drop(records.remove(4))).unwrap_err();
    check(|records| records.swap(1, 2)).unwrap_err();

    // The export: records after TS 27560, the whole chain, and a head that anybody's library verifies.
    let export = host.services.export(&guest.id).await.unwrap();
    let audit: Vec<AuditRecord> = serde_json::from_value(export["audit"].clone()).unwrap();
    assert_eq!(audit, records);
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(host.services.token_keys()).unwrap();
    let head = export["head"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(head).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    rules.set_required_spec_claims::<&str>(&[]);
    let claims = jsonwebtoken::decode::<serde_json::Value>(head, &key, &rules).unwrap().claims;
    assert_eq!(claims["hash"], records.last().unwrap().hash.as_str());
    let consents = export["consents"].as_array().unwrap();
    assert_eq!(consents.len(), 3);
    let nickname = consents
        .iter()
        .find(|record| record["pii_processing"]["purposes"][0]["pii_information"][0]["pii_type"] == "identity.nickname");
    let nickname = nickname.unwrap();
    assert_eq!(nickname["pii_processing"]["purposes"][0]["purpose"], "because");
    assert_eq!(nickname["state"]["consent"], "not given");
    assert_eq!(nickname["events"].as_array().unwrap().len(), 2);
    assert!(!export.to_string().contains(guest.id.as_str()), "not even here the host's own id");

    let after = host.killed().await;
    assert_eq!(log(&after, &guest).await, records);
    host.services.forget(&guest.id).await.unwrap();
    assert_eq!(host.services.audit_log(&guest.id, 0, 10).await.unwrap_err().code, "not-found");
    host.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_forgets_somebody_and_nothing_else_does() {
    let host = Host::new().await;
    let guest = host.visitor().await;
    let (noodles, tea) = (host.session(&guest).await, host.session_as(&guest, "tea", &[]).await);
    let set = |value: &[u8]| Call::StorageSet {
        key: "k".to_owned(),
        value: value.to_vec(),
    };
    let get = || Call::StorageGet { key: "k".to_owned() };
    for caller in [&noodles, &tea] {
        host.call(caller, set(caller.program.as_str().as_bytes())).await.unwrap();
        host.call(caller, put("secrets", "s", 0, b"mine")).await.unwrap();
        ticket(host.call(caller, profile(&["nickname"])).await);
        host.answer(
            caller,
            &host.last_sheet(caller),
            giving(&["identity.nickname"], &[("identity.nickname", "Other")]),
        )
        .await
        .unwrap();
    }
    let mut paid = order("1", 500);
    paid.options.set("record", "orders/paid");
    host.call(&noodles, put("orders", "paid", 0, b"beef")).await.unwrap();
    host.call(&noodles, Call::PaymentPay(paid)).await.unwrap();
    host.answer(&noodles, &host.last_sheet(&noodles), yes()).await.unwrap();
    let saved = || SavedState {
        schema: 1,
        bytes: b"draft".to_vec(),
    };
    host.services.ended(&noodles, Some(saved())).await;
    let before = host.services.open_id(&guest.id, &noodles.program);
    let (balance, receipts) = (host.balance(&guest), host.services.receipts(&guest.id).await);
    let control = host.killed().await;

    let erased = host.services.forget_in(&guest.id, &noodles.program).await.unwrap();
    assert_eq!((erased.keys, erased.storage, erased.saved, erased.consents), (1, 1, 1, 1));
    assert_eq!(
        (erased.records, erased.receipts),
        (1, 0),
        "the paid row is the merchant's for a day"
    );

    // A backup of log and map from before, with the keys of today, opens nothing of it, and finishes the forgetting.
    let backup = tempfile::tempdir().unwrap();
    common::copy_dir(&control.dir.path().join("data"), &backup.path().join("data"));
    std::fs::remove_dir_all(backup.path().join("data/keys")).unwrap();
    common::copy_dir(&host.dir.path().join("data/keys"), &backup.path().join("data/keys"));
    let backup = Host::on(backup, common::START + 1_000).await;
    common::until(|| backup.services.consents(&guest.id).len() == 1).await;
    assert_eq!(
        backup.services.open_id(&guest.id, &noodles.program),
        host.services.open_id(&guest.id, &noodles.program)
    );

    let after = host.killed().await;
    for host in [&host, &after, &backup] {
        // They come back as somebody new ...
        let again = host.session(&guest).await;
        assert_ne!(host.services.open_id(&guest.id, &noodles.program), before);
        assert_eq!(host.call(&again, get()).await.unwrap(), Reply::Bytes(None));
        let (saved, outcomes) = host.services.started(&again).await;
        assert!(saved.is_none() && outcomes.is_empty());
        assert_eq!(
            host.services.consent(&guest.id, &noodles.program, "identity.nickname"),
            Consent::NotAsked
        );
        let row = Call::RecordsGet {
            collection: "secrets".to_owned(),
            key: "s".to_owned(),
        };
        assert_eq!(host.call(&again, row.clone()).await.unwrap(), Reply::Row(None));
        // ... and keep what they store from then on.
        host.call(&again, set(b"new")).await.unwrap();
        assert_eq!(host.call(&again, get()).await.unwrap(), Reply::Bytes(Some(b"new".to_vec())));
        // Nothing else is touched: another program, the wallet, receipts, the chain.
        let tea = host.session_as(&guest, "tea", &[]).await;
        assert_eq!(host.call(&tea, get()).await.unwrap(), Reply::Bytes(Some(b"tea".to_vec())));
        assert!(matches!(host.call(&tea, row).await, Ok(Reply::Row(Some(_)))));
        assert_eq!(got(host, &tea, &["nickname"]).await.text("profile.nickname"), "Other");
        assert_eq!(
            (host.balance(&guest), host.services.receipts(&guest.id).await),
            (balance, receipts.clone())
        );
        assert!(acts(&log(host, &guest).await).contains(&("forget", vec![])));
        host.check().await;
    }
    // The control: before, all of it was there.
    let caller = control.session(&guest).await;
    assert_eq!(control.call(&caller, get()).await.unwrap(), Reply::Bytes(Some(b"noodles".to_vec())));
    let stranger = host.services.forget_in(&guest.id, &"never-used".into()).await;
    assert_eq!(stranger.unwrap_err().code, "not-found");
}
