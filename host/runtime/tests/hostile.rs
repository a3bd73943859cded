//! Programs that misbehave: what their person is told, and that a neighbour does not notice.

#![allow(clippy::print_stdout, reason = "what was measured is worth reading in a failed run")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use support::{ALL, Rig, Screen, encode, requested, until};
use youji_api::Limits;
use youji_runtime::*;

/// Misbehaves in an export; returns the fault that the person sees. A neighbour is opened before and must go on as if nothing
/// had happened.
async fn check(act: &str, at: &str, code: &str, says: &str) -> Fault {
    check_with(Rig::new(), act, at, code, says).await
}

async fn check_with(rig: Rig, act: &str, at: &str, code: &str, says: &str) -> Fault {
    let (neighbour, mut screen) = rig.open("", "").await;
    screen.tap("add").await;
    let launched = rig.launch(act, at).await;
    let fault = match (launched, at) {
        (Err(LaunchError::Fault(fault)), _) => fault,
        (Err(other), _) => panic!("{act} in {at}: {other}"),
        (Ok((culprit, _)), _) => {
            match at {
                "event" => drop(culprit.deliver(youji_api::Event::new("changed"))),
                "hidden" => culprit.hide(),
                _ => drop(culprit.close(EndReason::Closed).await),
            }
            let ended = culprit.ended().await;
            let wanted = if matches!(at, "event" | "hidden") {
                EndReason::Fault
            } else {
                EndReason::Closed
            };
            assert_eq!(ended.reason, wanted, "{act} in {at}");
            ended.fault.clone().unwrap_or_else(|| panic!("{act} in {at} is a fault"))
        }
    };
    println!("{act} in {at}: {fault}");
    assert_eq!(fault.code, code, "{act} in {at}: {fault}");
    assert!(fault.message.contains(says), "{act} in {at}: {fault}");
    assert!(fault.message.contains("Paid orders are safe"), "{fault}");
    assert!(screen.tap("add").await.applied, "the neighbour goes on after {act} in {at}");
    assert_eq!(screen.texts().await[0], "2");
    let metrics = rig.runtime.metrics();
    assert_eq!(
        (metrics.sessions, metrics.instances),
        (1, 1),
        "only the neighbour is left after {act} in {at}"
    );
    assert_eq!(metrics.memory_bytes, neighbour.usage().memory_bytes);
    assert_eq!(rig.services.ended.load(Relaxed), 1, "services were told once");
    fault
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_loops_end_in_every_export() {
    for at in ["launched", "shown", "event", "view", "hidden", "unloaded", "save-state"] {
        check("loop", at, "cpu", "more than 100 ms of CPU time").await;
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    for at in ["launched", "event", "save-state"] {
        check("memory", at, "memory", "65").await;
    }
}

#[tokio::test]
async fn traps_and_deep_stacks_end_the_session() {
    for at in ["launched", "event", "view", "unloaded"] {
        let export = if at == "unloaded" { "lifecycle" } else { at };
        check("trap", at, "trap", export).await;
        check("stack", at, "trap", "memory access").await;
    }
    check("trap-after-ticket", "event", "trap", "event").await;
}

#[tokio::test]
async fn bad_views_are_named() {
    for (act, says) in [
        ("many", "1001 nodes; the limit is 1000"),
        ("deep", "31 deep; the limit is 30"),
        ("unclosed", "promises more children"),
        ("two-roots", "outside the root"),
        ("empty", "empty"),
        ("long", "bytes; the limit is 262144"),
        ("echo", "bytes; the limit is 262144"),
        ("text-outside", "the kind of node 0 is the text at 4294967295"),
        ("text-too-long", "bytes; the limit is 262144"),
        ("text-in-character", "the kind of node 0"),
        ("attributes-short", "attributes, but the view has"),
        ("handlers-over", "handlers, but the view has"),
    ] {
        check(act, "view", "view", says).await;
    }
    check("huge", "view", "too-large", "1024 KiB").await;
}

#[tokio::test]
async fn view_calls_nothing() {
    let fault = check("call", "view", "in-view", "clock.now inside view").await;
    assert!(fault.message.contains("pure"));
    check("logs", "view", "in-view", "log.write inside view").await;
}

#[tokio::test]
async fn host_calls_are_bounded() {
    check("calls", "event", "host-calls", "more than 256 host calls for one event").await;
    check("calls", "launched", "host-calls", "more than 256 host calls").await;
    check("large-call", "event", "too-large", "1024 KiB").await;
    let limited = Rig::with(|config| {
        config.limits = Limits {
            calls_per_second: 5,
            ..Limits::default()
        };
    });
    check_with(limited, "some-calls", "event", "host-calls", "more than 5 host calls a second").await;
}

#[tokio::test]
async fn a_host_call_that_never_returns_ends_alone() {
    let rig = Rig::with(|config| config.host_call_timeout = Duration::from_millis(200));
    check_with(rig, "wait", "event", "host-timeout", "storage.get").await;
}

#[tokio::test]
async fn pages_do_not_turn_without_end() {
    check("pages", "event", "pages", "without end").await;
}

#[tokio::test]
async fn a_flood_of_lines_is_dropped_not_punished() {
    let rig = Rig::new();
    let (session, mut screen) = rig.open("logs", "event").await;
    let event = screen.tap("add").await;
    assert!(event.applied && session.try_ended().is_none());
    let lines = rig.services.lines.load(Relaxed);
    assert!(
        (200..400).contains(&lines),
        "ten seconds' worth of 20 a second at once: {lines} of 400"
    );
}

#[tokio::test]
async fn more_ui_events_than_a_person_can_make_are_refused() {
    let rig = Rig::new();
    let (session, screen) = rig.open("busy", "event").await;
    let node = screen.node("add").await;
    let tap = |number: u32| {
        session.ui_event(UiEvent {
            node,
            kind: "tap".into(),
            value: None,
            event_id: number.to_string(),
        })
    };
    let acks = futures_util::future::join_all((0..200).map(tap)).await;
    let applied = acks.iter().filter(|ack| ack.applied).count();
    assert!(
        (64..200).contains(&applied),
        "64 wait, and what the session has handled meanwhile: {applied} of 200"
    );
}

/// What no language does is written by hand: the body of `launched`.
async fn by_hand(body: &str) -> Fault {
    let text = format!(
        r#"(module
        (memory (export "memory") 1)
        (table 1 funcref)
        (func $deeper (call $deeper))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
        (func (export "youji:miniapp/program@1.0.0#launched") (param i32 i32 i32 i32 i32 i32) {body})
        (func (export "youji:miniapp/program@1.0.0#lifecycle") (param i32 i32 i32 i32))
        (func (export "youji:miniapp/program@1.0.0#event") (param i32 i32 i32 i64 i32 i32 i32 i32))
        (func (export "youji:miniapp/program@1.0.0#view") (result i32) i32.const 0)
        (func (export "youji:miniapp/program@1.0.0#save-state") (result i32) i32.const 0))"#
    );
    let mut module = wat::parse_str(text).expect("the module is well formed");
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir("../../sdk/wit").expect("the contract parses");
    let world = resolve.select_world(&[package], Some("mini-program")).expect("the world is there");
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).expect("it embeds");
    let wasm = encode(&module);
    let rig = Rig::new();
    let program = rig
        .runtime
        .program(body, &requested(ALL), move || Ok(wasm))
        .await
        .expect("it compiles");
    match rig.runtime.launch(rig.request(program, "", "", "ann")).await {
        Err(LaunchError::Fault(fault)) => fault,
        other => panic!("it is at fault and opens: {}", other.is_ok()),
    }
}

#[tokio::test]
async fn tables_and_the_stack_are_bounded() {
    let grow = "(loop (br_if 0 (i32.ne (table.grow 0 (ref.null func) (i32.const 5000)) (i32.const -1)))) unreachable";
    let fault = by_hand(grow).await;
    assert!(fault.code == "memory" && fault.message.contains("65536 elements"), "{fault}");
    let fault = by_hand("(call $deeper)").await;
    assert!(fault.code == "stack" && fault.message.contains("stack in launched"), "{fault}");
}

/// How soon is measured by `youji bench runaway`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runaways_give_way_and_end_soon() {
    let rig = Rig::new();
    let program = rig.program().await;
    let (session, _) = rig.open("", "").await;
    let mut screen = Screen::of(&session);
    let node = screen.node("add").await;
    let launches = (0..8).map(|_| rig.runtime.launch(rig.request(program.clone(), "loop", "event", "bob")));
    let culprits = futures_util::future::join_all(launches).await;
    let mut ends = Vec::new();
    for culprit in culprits {
        let (culprit, _) = culprit.expect("it opens");
        culprit.deliver(youji_api::Event::new("changed"));
        ends.push(culprit);
    }
    let mut taps = 0;
    loop {
        assert!(screen.event(node, "tap", None).await.applied, "tap {taps} among 8 runaways");
        taps += 1;
        if ends.iter().all(|culprit| culprit.try_ended().is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("{taps} events among 8 runaways");
    for culprit in ends {
        let ended = culprit.ended().await;
        let (code, cpu) = (ended.fault.as_ref().map(|fault| fault.code), ended.receipt.before.cpu_us);
        assert_eq!(code, Some("cpu"));
        assert!((100_000..2_000_000).contains(&cpu), "{cpu} µs of CPU time");
    }
    until("nothing is left of them", || rig.runtime.metrics().instances == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_ran_away_begins_in_the_slow_lane() {
    let rig = Rig::new();
    let (_kept, mut screen) = rig.open("", "").await;
    let (culprit, _) = rig.launch("loop", "event").await.expect("it opens");
    culprit.deliver(youji_api::Event::new("changed"));
    assert_eq!(culprit.ended().await.fault.as_ref().map(|fault| fault.code), Some("cpu"));
    let before = rig.runtime.metrics().slow_calls;
    assert!(screen.tap("add").await.applied);
    let moved = rig.runtime.metrics().slow_calls - before;
    assert!(moved >= 2, "the event and the view, not {moved} calls");
}

/// A component that imports every function of a contract, as text, and does nothing with them.
fn importing(contract: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("contract.wit", contract).expect("the contract parses");
    let world = resolve.select_world(&[package], Some("mini-program")).expect("the world is there");
    let mut module = wit_component::dummy_module(&resolve, world, wit_parser::ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync));
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).expect("it embeds");
    encode(&module)
}

/// What becomes of it: "links", or why not.
async fn linked(key: &str, contract: &str) -> String {
    let rig = Rig::new();
    let wasm = importing(contract);
    let all = youji_api::Capability::ALL.map(youji_api::Capability::name);
    let program = match rig.runtime.program(key, &requested(&all), move || Ok(wasm)).await {
        Ok(program) => program,
        Err(error) => return error.to_string(),
    };
    match rig.runtime.launch(rig.request(program, "", "", "ann")).await {
        // Its exports are empty: linked, it traps at its first call.
        Err(LaunchError::Fault(fault)) if fault.code == "trap" => "links".to_owned(),
        Err(error) => error.to_string(),
        Ok(_) => "links".to_owned(),
    }
}

/// What the linker offers is the contract: all of it, and not one function more, in none of its interfaces and under no other name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_linker_offers_the_contract_and_nothing_else() {
    let contract = std::fs::read_to_string("../../sdk/wit/miniapp.wit").expect("the contract");
    assert_eq!(linked("whole", &contract).await, "links");
    let interfaces: Vec<&str> = contract
        .lines()
        .filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'))
        .collect();
    assert!(interfaces.len() >= 12 && interfaces.contains(&"identity"), "{interfaces:?}");
    for interface in interfaces {
        let head = format!("interface {interface} {{\n");
        assert!(contract.contains(&head), "{head}");
        // What other platforms were found to have: calls that are there and that nobody wrote down.
        let more = contract.replace(&head, &format!("{head}    private-call: func(name: string) -> string;\n"));
        let said = linked(interface, &more).await;
        assert!(said != "links" && said.contains("private-call"), "{interface}: {said}");
    }
    for name in ["debug", "private", "host"] {
        let import = format!("    import {name};\n    import identity;\n");
        let more =
            contract.replace("    import identity;\n", &import) + &format!("\ninterface {name} {{\n    call: func() -> string;\n}}\n");
        let said = linked(name, &more).await;
        assert!(said != "links" && said.contains(name), "{name}: {said}");
    }
}

/// A program built against a contract that had one function fewer, in any of its interfaces, runs on a host that has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_of_an_older_contract_runs() {
    let contract = std::fs::read_to_string("../../sdk/wit/miniapp.wit").expect("the contract");
    let lines: Vec<&str> = contract.lines().collect();
    let mut interface = "";
    let mut dropped = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(name) = line.strip_prefix("interface ") {
            interface = name.trim_end_matches([' ', '{']);
        }
        let function = line.contains(": func(") && line.ends_with(';');
        if !function || line.contains("export ") || dropped.contains(interface) {
            continue;
        }
        // What a program exports may not change at all within a version.
        if ["program", "types"].contains(&interface) {
            continue;
        }
        let mut older = lines.clone();
        older.remove(at);
        assert_eq!(
            linked(&format!("older-{interface}"), &older.join("\n")).await,
            "links",
            "without {line}"
        );
        dropped.insert(interface);
    }
    assert!(dropped.len() >= 10, "{dropped:?}");
}
