//! A host that is killed while it publishes: what it answered is there at the next start, and nothing is half there.

mod common;

use common::{Home, key, package_of};
use rand::{Rng, SeedableRng};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;
use youji_api::ProgramId;
use youji_registry::{Registry, RegistryOptions};

const FOLDER: &str = "YOUJI_TEST_REGISTRY";
const FROM: &str = "YOUJI_TEST_FROM";

/// The host that is killed: publishes one version after the other and prints each that was acknowledged.
#[tokio::test]
#[ignore = "a process that another test starts and kills"]
async fn publishes_until_it_is_killed() {
    let (Ok(folder), Ok(from)) = (std::env::var(FOLDER), std::env::var(FROM)) else {
        return;
    };
    let registry = Registry::open(folder, RegistryOptions::default()).await.unwrap();
    for code in from.parse::<u32>().unwrap().. {
        let text = "x".repeat(code as usize % 5_000);
        registry.publish(package_of(1, "org.example.noodles", code, &text)).await.unwrap();
        eprintln!("acknowledged {code}");
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let seed: u64 = std::env::var("YOUJI_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| rand::rng().random());
    eprintln!("YOUJI_SEED={seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let (dir, registry) = Home::new().await.apart();
    drop(registry);
    let mut last = 0;
    for round in 0..15 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["publishes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, dir.path())
            .env(FROM, (last + 1).to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let acknowledged = |line: &String| line.strip_prefix("acknowledged ").and_then(|code| code.parse::<u32>().ok());
        let mut acked = lines.by_ref().find_map(|line| acknowledged(&line)).expect("the child publishes");
        std::thread::sleep(Duration::from_micros(random.random_range(0..25_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        acked = lines.filter_map(|line| acknowledged(&line)).last().unwrap_or(acked);
        let registry = Registry::open(dir.path(), RegistryOptions::default()).await.unwrap();
        let installed = registry.open_verified(ProgramId::from("org.example.noodles")).unwrap();
        let code = installed.manifest.version.code;
        assert!(
            code == acked || code == acked + 1,
            "round {round}: acknowledged {acked}, found {code}"
        );
        for entry in installed.entries().iter().filter(|entry| entry.name.starts_with("common/")) {
            assert_eq!(installed.asset(&entry.name).await.unwrap().bytes.len() as u64, entry.length);
        }
        installed.wasm().await.unwrap();
        assert_eq!(
            registry.publishers().iter().filter(|publisher| publisher.id == key(1).id()).count(),
            1
        );
        assert!(std::fs::read_dir(dir.path().join("temp")).unwrap().next().is_none());
        assert!(std::fs::read_dir(dir.path().join("packages")).unwrap().count() <= 2);
        last = code;
    }
}
