//! How many commands a second the commit engine answers, durable and projected, by the number of callers that wait at once.
//!
//! `cargo run --release -p youji-store --example commit_rate [FOLDER]`
#![allow(clippy::print_stdout)]

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use youji_store::{Commit, CommitOptions, Decision, Effects, Machine, SledMap, Snapshot, Stamp};

const TIME: Duration = Duration::from_secs(2);

/// Counts, and keeps the last note of each of a thousand people in the projection.
#[derive(Default)]
struct Counter(u64);

#[derive(Serialize, Deserialize)]
struct Noted {
    person: u64,
    note: String,
}

impl Machine for Counter {
    type Command = Noted;
    type Entry = Noted;
    type Answer = u64;
    type Notice = ();

    fn decide(&self, command: Noted, _stamp: Stamp) -> Decision<Noted, u64> {
        Decision::Commit {
            entry: command,
            answer: self.0 + 1,
        }
    }

    fn apply(&mut self, entry: &Noted, _stamp: Stamp, effects: &mut Effects<()>) -> Result<(), String> {
        self.0 += 1;
        effects.put(format!("note/{}", entry.person), entry.note.as_bytes());
        Ok(())
    }

    fn save(&self) -> Result<Snapshot, String> {
        Ok(Snapshot::of(self.0.to_le_bytes().to_vec()))
    }

    fn load(&mut self, from: &mut dyn Read) -> Result<(), String> {
        let mut bytes = [0; 8];
        from.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let dir = std::env::args()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("youji-commit-rate"), PathBuf::from);
    println!("{:>8} {:>12} {:>10} {:>10}", "callers", "commands/s", "p50 µs", "p99 µs");
    for callers in [1, 16, 64, 512, 4_096] {
        let map = Arc::new(SledMap::open(&dir.join("map")).expect("a map"));
        let (commit, _) = Commit::open(CommitOptions::new(&dir), map, Counter::default).expect("a store");
        let (begin, done) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for caller in 0..callers {
            let (commit, done) = (commit.clone(), done.clone());
            tasks.spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < TIME {
                    let asked = Instant::now();
                    commit
                        .submit(Noted {
                            person: caller % 1_000,
                            note: "x".repeat(100),
                        })
                        .await
                        .expect("room");
                    times.push(asked.elapsed().as_micros());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                times
            });
        }
        let mut times = tasks.join_all().await.concat();
        times.sort_unstable();
        let rate = done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64();
        println!(
            "{callers:>8} {rate:>12.0} {:>10} {:>10}",
            times[times.len() / 2],
            times[times.len() * 99 / 100]
        );
        commit.close().await.expect("a checkpoint");
        drop(commit);
        std::fs::remove_dir_all(&dir).expect("the folder can be removed");
    }
}
