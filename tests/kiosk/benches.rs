//! Every bench still works, and prints what it promises. No figure of these is looked at: they are too short to mean anything.

use serde_json::Value;
use std::time::Instant;
use youji_tests::kiosk::run;

/// A bench, what follows its name, and the numbers that its object holds.
const BENCHES: [(&str, &[&str]); 13] = [
    (
        "open",
        &[
            "/restaurant/p50",
            "/restaurant/p99",
            "/counter/p50",
            "/counter/p99",
            "/first_ms",
            "/steps_us/verify",
            "/steps_us/view",
        ],
    ),
    ("unload", &["/cycles", "/rss_base_kb", "/rss_end_kb"]),
    ("density", &["/sessions", "/restaurant_kb", "/counter_kb", "/socket_kb"]),
    ("events", &["/event_to_patch_ms/p50", "/event_to_patch_ms/p99", "/events_per_s"]),
    ("runaway", &["/kill_ms/p50", "/kill_ms/max", "/neighbour_p99_ratio"]),
    ("messages", &["/delivered_per_s", "/p99_ms", "/send_ms/p50", "/recipients"]),
    ("gate", &["/added_ns/p50", "/added_ns/p99", "/audit_ns/p50"]),
    ("ledger", &["/transfers_per_s", "/p99_ms", "/recovery_s", "/fdatasync_p50_us"]),
    (
        "ledger-steady",
        &["/transfers_per_s", "/rss_mb_per_million_ids", "/disk_bytes_per_transfer"],
    ),
    ("red-packet", &["/claims_per_s", "/claim_ms/p99"]),
    ("payments", &["/payments_per_s", "/p99_ms", "/pin_confirmations_per_s"]),
    ("guest-payments", &["/payments_per_s", "/p99_ms"]),
    ("decode", &["/images", "/decoded", "/ms/p50", "/ms/p95"]),
];

/// Beside every figure.
const MACHINE: [&str; 3] = ["/machine/cores", "/machine/memory_mib", "/machine/fdatasync_ms_p50"];

#[test]
fn every_bench_prints_its_keys() {
    let pictures = tempfile::tempdir().expect("a folder");
    for (name, text) in [("one", "HTTPS://A.EXAMPLE/M/ABC"), ("two", "two words")] {
        let picture = pictures.path().join(name).with_extension("png");
        assert!(run(&["qr", text, "--png", &picture.display().to_string()]).status.success());
        std::fs::write(picture.with_extension("txt"), text).expect("written");
    }
    let pictures = pictures.path().display().to_string();
    assert!(run(&["bench", "--prepare"]).status.success());
    for (name, keys) in BENCHES {
        let begun = Instant::now();
        let folder: &[&str] = if name == "decode" { &[&pictures] } else { &[] };
        let output = run(&[&["bench", name], folder, &["--short", "--json"]].concat());
        assert!(output.status.success(), "{name}: {output:?}");
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error} in {output:?}"));
        for key in keys.iter().chain(&MACHINE) {
            let number = printed.pointer(key).and_then(Value::as_f64);
            assert!(number.is_some_and(f64::is_finite), "{name} has no {key}: {printed}");
        }
        assert_eq!(
            (&printed["bench"], &printed["settings"]["short"]),
            (&name.into(), &true.into()),
            "{printed}"
        );
        let right = match name {
            "messages" => printed["wrong"] == 0 && printed["delivered"].as_u64() >= Some(1),
            "red-packet" => printed["shares"] == 50 && printed["lost"] == 0 && printed["doubled"] == 0,
            "guest-payments" => printed["wrong"] == 0,
            "unload" => printed["failed"] == 0 && printed["instances_end"] == 0,
            "decode" => printed["images"] == 8 && printed["decoded"] == 8,
            "open" => printed["restaurant"]["nodes"].as_u64() >= Some(100) && printed["counter"]["nodes"] == 21,
            _ => true,
        };
        assert!(right, "{name}: {printed}");
        eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
    }
}
