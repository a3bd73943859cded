//! How many transfers a second are judged and applied in memory, and what an id costs there.
//!
//! `cargo run --release -p youji-ledger --example rate [MILLIONS]`
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_ledger::{Account, AccountFlags, Applied, Ledger, Older, Retention, Transfer, timed_id};

const ACCOUNTS: u32 = 1_000_000;
const BATCH: usize = 8_190;
const CNY: u32 = 156;

/// Forgets what is put, but says how much it was.
#[derive(Default)]
struct Values(Mutex<HashMap<Vec<u8>, usize>>);

impl Older for Values {
    fn value(&self, _: &[u8]) -> Result<Vec<u8>, String> {
        Err("nothing is kept here".to_owned())
    }
}

/// Ranks by Zipf's law with exponent 1: rank r as often as 1/r. By the inverse of the continuous distribution.
fn zipf(random: &mut ChaCha8Rng, n: u32) -> u32 {
    let most = f64::from(n).ln();
    ((random.random::<f64>() * most).exp() as u32).clamp(1, n) - 1
}

/// Time that this thread had a core: others on the machine do not count.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn rss_kib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0.0)
}

fn main() {
    let millions: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed = std::env::var("YOUJI_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    for (name, retention) in [
        ("everything in memory", None),
        ("runs of 65,536, 3 of them in memory", Some(Retention::default())),
    ] {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let before = rss_kib();
        let mut ledger = Ledger::default();
        let values = Arc::new(Values::default());
        if let Some(retention) = retention {
            ledger.retain(retention);
            ledger.set_older(values.clone());
        }
        let wallet = AccountFlags {
            debits_must_not_exceed_credits: true,
            ..AccountFlags::default()
        };
        let id = |place: u32| (u128::from(place) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C66_3C4A_1B65);
        ledger
            .open_account(&Account::new(u128::MAX - 1, CNY, 1, AccountFlags::default()), 1)
            .unwrap();
        for place in 0..ACCOUNTS {
            ledger.open_account(&Account::new(id(place), CNY, 1, wallet), 1).unwrap();
        }
        let mut now = 1_700_000_000_000_000_000_u64;
        let mut applied = Applied::default();
        let (mut spent, mut writing) = (Duration::ZERO, Duration::ZERO);
        let (mut done, mut written) = (0_usize, 0_usize);
        let gifts: Vec<Transfer> = (0..ACCOUNTS)
            .map(|place| Transfer::new(timed_id(now / 1_000_000, place.into()), u128::MAX - 1, id(place), 1_000_000, CNY, 1))
            .collect();
        ledger.apply(&gifts, now);
        drop(gifts);
        while ledger.write_run().is_some() {}
        ledger.release(ledger.runs());
        let base = rss_kib();
        while done < millions * 1_000_000 {
            now += 20_000_000;
            let batch: Vec<Transfer> = (0..BATCH)
                .map(|_| {
                    let id_of = timed_id(now / 1_000_000, random.random());
                    let payer = random.random_range(0..ACCOUNTS / 2);
                    let payee = ACCOUNTS / 2 + zipf(&mut random, ACCOUNTS / 2);
                    Transfer::new(id_of, id(payer), id(payee), 1 + u128::from(payer % 100), CNY, 2)
                })
                .collect();
            let begin = cpu();
            ledger.apply_into(&batch, now, &mut applied);
            spent += cpu() - begin;
            assert!(applied.all_done(), "{:?}", applied.fault());
            done += batch.len();
            let begin = cpu();
            while let Some(run) = ledger.write_run() {
                written += run.iter().map(|value| value.value.len()).sum::<usize>();
                for value in run {
                    values.0.lock().unwrap().insert(value.key, value.value.len());
                }
            }
            ledger.release(ledger.runs());
            writing += cpu() - begin;
        }
        let memory = ledger.memory_use();
        println!("{name}:");
        println!(
            "  {:>12.0} transfers/s applied, by time on a core",
            done as f64 / spent.as_secs_f64()
        );
        println!(
            "  {:>12.0} transfers/s with the writing of runs",
            done as f64 / (spent + writing).as_secs_f64()
        );
        println!(
            "  {:>12.1} MB for {ACCOUNTS} accounts and what stays of as many gifts",
            (base - before) / 1_024.0
        );
        println!(
            "  {:>12.2} MB more for each million ids",
            (rss_kib() - base) / 1_024.0 / millions as f64
        );
        println!(
            "  {:>12.1} MB of events in memory, {:.2} MB of what finds {} runs",
            memory.recent as f64 / 1e6,
            memory.older as f64 / 1e6,
            ledger.runs()
        );
        println!("  {:>12.1} bytes written to runs for each transfer", written as f64 / done as f64);
        ledger.check_sums().unwrap();
    }
}
