//! A seeded simulator: a fake disk, a fake clock, a ledger over the commit engine, and a shadow that knows what should be true.
//!
//! `YOUJI_SIM_SECONDS` says how long (a few seconds without it), `YOUJI_SIM_SEED` repeats one seed exactly.
#![allow(unreachable_pub, missing_docs)]

mod bank;
mod disk;
mod map;
mod shadow;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    if let Some(seed) = number("YOUJI_SIM_SEED") {
        let seen = world::live(seed);
        eprintln!("seed {seed}: {seen}");
        return;
    }
    let time = Duration::from_secs(number("YOUJI_SIM_SECONDS").unwrap_or(4));
    let first: u64 = rand::random::<u32>().into();
    eprintln!("simulating for {time:?} from seed {first}");
    let (begin, mut seen) = (Instant::now(), world::Seen::default());
    for seed in first.. {
        match catch_unwind(AssertUnwindSafe(|| world::live(seed))) {
            Ok(more) => seen += more,
            Err(panic) => {
                eprintln!("seed {seed} failed; repeat it with YOUJI_SIM_SEED={seed}");
                resume_unwind(panic);
            }
        }
        if begin.elapsed() > time {
            let seeds = seed - first + 1;
            eprintln!("{seeds} seeds: {seen}");
            // A few seeds need not meet everything.
            if seeds >= 40 {
                seen.check_that_it_means_something();
            }
            break;
        }
    }
}

#[test]
fn the_same_seed_does_the_same() {
    let seed: u64 = rand::random::<u32>().into();
    eprintln!("seed {seed}");
    let (one, other) = (world::live(seed), world::live(seed));
    assert_eq!(one, other);
}
