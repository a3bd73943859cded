//! Misbehaviour, by name.

use crate::bindings::youji::miniapp::{clock, log, navigation, payment, storage};
use crate::{order, remember};
use std::hint::black_box;

/// Does what the launch asked for, if this is the export that it named.
pub(crate) fn act(at: &str) {
    let act = remember(|memory| if memory.at == at { memory.act.clone() } else { String::new() });
    match act.as_str() {
        "loop" => spin(),
        "memory" => take_memory(),
        "trap" => panic!("as asked"),
        "stack" => {
            black_box(deeper(1));
        }
        "trap-after-ticket" => {
            let _ = payment::pay(&order());
            panic!("with an open ticket");
        }
        "call" => {
            clock::now();
        }
        "calls" => loop {
            clock::now();
        },
        "some-calls" => (0..100).for_each(|_| {
            clock::now();
        }),
        "logs" => (0..400).for_each(|number| log::write("info", &format!("line {number}"))),
        "wait" => {
            let _ = storage::get("never");
        }
        "large-call" => {
            let _ = storage::set("key", &vec![1; 3 << 20]);
        }
        "pages" => {
            let _ = navigation::replace("pages/second", &[]);
        }
        "busy" => busy(),
        _ => {}
    }
}

fn spin() -> ! {
    let mut number = 1_u64;
    loop {
        number = black_box(number.wrapping_mul(3));
    }
}

/// Some 10 ms of work.
fn busy() {
    let mut number = 1_u64;
    for _ in 0..10_000_000 {
        number = black_box(number.wrapping_mul(3));
    }
}

/// Without writing to all of it, so that a slow machine has no time to end it for something else.
fn take_memory() {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut more = Vec::with_capacity(1 << 20);
        more.push(1);
        taken.push(black_box(more));
    }
}

fn deeper(number: u64) -> u64 {
    let room = black_box([number; 64]);
    if room[3] == 0 { 0 } else { deeper(room[3] + 1) + room[5] }
}
