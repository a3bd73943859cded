//! The gate's table: every call of the contract × what the manifest and the person said.

mod common;

use common::{Host, choose, no, order, ticket};
use std::collections::BTreeSet;
use std::sync::Arc;
use youji_api::caller::{Caller, Requested};
use youji_api::gate::decide;
use youji_api::{Call, Decision, Fields, Moment, Ticket};

/// One call each. A call without a sample fails `every_call_of_the_contract_has_a_row`.
fn samples() -> Vec<Call> {
    let (options, text) = (Fields::new, || "x".to_owned());
    vec![
        Call::IdentityOpenId,
        Call::IdentityUnionId,
        Call::IdentityProfile {
            names: vec!["nickname".to_owned()],
            options: options(),
        },
        Call::IdentityLoginCode { options: options() },
        Call::PaymentPay(order("1", 1)),
        Call::PaymentLookup {
            order_no: text(),
            options: options(),
        },
        Call::PaymentAct {
            order_no: text(),
            action: text(),
            options: options(),
        },
        Call::MessagingSubscribe {
            templates: vec![text()],
            options: options(),
        },
        Call::MessagingSend {
            to: text(),
            template: text(),
            fields: options(),
            client_id: text(),
            options: options(),
        },
        Call::MessagingShare {
            title: text(),
            page: text(),
            query: options(),
            options: options(),
        },
        Call::StorageGet { key: text() },
        Call::StorageSet {
            key: text(),
            value: Vec::new(),
        },
        Call::StorageRemove { key: text() },
        Call::StorageKeys,
        Call::RecordsGet {
            collection: text(),
            key: text(),
        },
        Call::RecordsPut {
            collection: text(),
            key: text(),
            expected: 0,
            value: Vec::new(),
            options: options(),
        },
        Call::RecordsRemove {
            collection: text(),
            key: text(),
            expected: 0,
        },
        Call::RecordsList {
            collection: text(),
            options: options(),
        },
        Call::RecordsWatch {
            collection: text(),
            options: options(),
        },
        Call::RecordsUnwatch { ticket: Ticket(1) },
        Call::TimerWakeAfter { milliseconds: 1 },
        Call::TimerCancel { ticket: Ticket(1) },
        Call::NavigationPush {
            path: text(),
            query: options(),
        },
        Call::NavigationReplace {
            path: text(),
            query: options(),
        },
        Call::NavigationBack,
        Call::NavigationClose,
        Call::NavigationOpen {
            program: text(),
            path: text(),
            query: options(),
        },
        Call::ScannerScan { options: options() },
        Call::LocationLocate { options: options() },
        Call::ClockNow,
        Call::RandomBytes { length: 1 },
        Call::LogWrite {
            level: text(),
            message: text(),
        },
    ]
}

/// What happens during a tap when it is: undeclared, declared and not asked, denied, granted, revoked; and whether it needs a tap.
/// No wildcard: a call that is added does not compile until it has its row.
fn row(call: &Call) -> ([&'static str; 5], bool) {
    const FREE: [&str; 5] = ["undeclared", "allow", "allow", "allow", "allow"];
    const ASKED: [&str; 5] = ["undeclared", "ask", "denied", "allow", "denied"];
    match call {
        Call::IdentityProfile { .. } | Call::ScannerScan { .. } | Call::LocationLocate { .. } => (ASKED, true),
        Call::PaymentPay(_)
        | Call::PaymentAct { .. }
        | Call::MessagingSubscribe { .. }
        | Call::MessagingShare { .. }
        | Call::NavigationOpen { .. } => (FREE, true),
        Call::IdentityOpenId
        | Call::IdentityUnionId
        | Call::IdentityLoginCode { .. }
        | Call::PaymentLookup { .. }
        | Call::MessagingSend { .. }
        | Call::StorageGet { .. }
        | Call::StorageSet { .. }
        | Call::StorageRemove { .. }
        | Call::StorageKeys
        | Call::RecordsGet { .. }
        | Call::RecordsPut { .. }
        | Call::RecordsRemove { .. }
        | Call::RecordsList { .. }
        | Call::RecordsWatch { .. }
        | Call::RecordsUnwatch { .. }
        | Call::TimerWakeAfter { .. }
        | Call::TimerCancel { .. }
        | Call::NavigationPush { .. }
        | Call::NavigationReplace { .. }
        | Call::NavigationBack
        | Call::NavigationClose
        | Call::ClockNow
        | Call::RandomBytes { .. }
        | Call::LogWrite { .. } => (FREE, false),
    }
}

/// "interface.function" of everything that the world imports.
fn contract() -> BTreeSet<String> {
    let wit = include_str!("../../../sdk/wit/miniapp.wit");
    let mut names = BTreeSet::new();
    let mut interface = "";
    for line in wit.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("interface ") {
            interface = rest.trim_end_matches(" {");
        } else if let Some((name, _)) = line.split_once(": func(")
            && interface != "program"
        {
            names.insert(format!("{interface}.{}", name.trim_start_matches('%')));
        }
    }
    names
}

#[test]
fn every_call_of_the_contract_has_a_row() {
    let name = |call: &Call| format!("{}.{}", call.name().0.name(), call.name().1);
    let sampled: BTreeSet<String> = samples().iter().map(name).collect();
    assert_eq!(sampled, contract());
    assert_eq!(sampled.len(), samples().len());
}

fn said(decision: &Decision) -> String {
    match decision {
        Decision::Allow => "allow".to_owned(),
        Decision::Ask(_) => "ask".to_owned(),
        Decision::Refuse(failure) => failure.code.clone(),
    }
}

/// Somebody who decided about each scope as told.
async fn somebody(host: &Host, granted: Option<bool>) -> Caller {
    let caller = host.session(&host.visitor().await).await;
    let Some(granted) = granted else { return caller };
    let scopes = ["identity.nickname", "scanner", "location"];
    for (call, scope) in samples().into_iter().filter(|call| row(call).0[1] == "ask").zip(scopes) {
        ticket(host.call(&caller, call).await);
        let answer = if granted { choose(&[scope]) } else { no() };
        host.answer(&caller, &host.last_sheet(&caller), answer).await.unwrap();
    }
    caller
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_decides_as_its_table_says() {
    let host = Host::new().await;
    let mut undeclared = somebody(&host, None).await;
    undeclared.requested = Arc::new(Requested::default());
    let revoked = somebody(&host, Some(true)).await;
    for scope in ["identity.nickname", "scanner", "location"] {
        host.services
            .set_consent(&revoked.person, &revoked.program, scope, false)
            .await
            .unwrap();
    }
    let columns = [
        undeclared,
        somebody(&host, None).await,
        somebody(&host, Some(false)).await,
        somebody(&host, Some(true)).await,
        revoked,
    ];
    let names = ["undeclared", "not asked", "denied", "granted", "revoked"];
    for call in samples() {
        let (expected, taps) = row(&call);
        for ((caller, expected), name) in columns.iter().zip(expected).zip(names) {
            let at = |moment| said(&decide(caller, moment, &call, host.services.as_ref()));
            assert_eq!(at(Moment::Tap), expected, "{:?}, {name}", call.name());
            assert_eq!(at(Moment::View), "in-view", "{:?}, {name}", call.name());
            let other = if taps && expected != "undeclared" { "needs-tap" } else { expected };
            assert_eq!(at(Moment::Other), other, "{:?}, {name}", call.name());
        }
    }
    host.check().await;
}
