//! Where should the log live: in a file of its own, or in sled's values? Prints durable records a second for both, by batch size, and
//! the p50 of one fdatasync, in one run, since disks drift.
//!
//! `cargo run --release -p youji-store --example log_or_sled [FOLDER]`
#![allow(clippy::print_stdout)]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use youji_store::{Log, LogOptions, Map, MapOp, NewEntry, RealDisk, SledMap, Watermark};

const RECORD: usize = 128;
const TIME: Duration = Duration::from_millis(1_500);

fn main() {
    let dir = std::env::args()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("youji-log-or-sled"), PathBuf::from);
    fs::create_dir_all(&dir).expect("the folder can be made");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    println!("fdatasync of 4 KiB in place: p50 {} µs", fdatasync_p50(&dir));
    println!(
        "{:>8} {:>14} {:>18} {:>20}",
        "batch", "log, 1 entry", "sled, 1 put each", "sled, values of 96 KiB"
    );
    for batch in [1, 64, 1_024, 8_190] {
        let log = runtime.block_on(log(&dir, batch));
        let puts = runtime.block_on(sled(&dir, batch, 1));
        let values = runtime.block_on(sled(&dir, batch, (96 << 10) / RECORD));
        println!("{batch:>8} {log:>14.0} {puts:>18.0} {values:>20.0}");
    }
    fs::remove_dir_all(&dir).expect("the folder can be removed");
}

fn fdatasync_p50(dir: &Path) -> u128 {
    let file: File = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(dir.join("probe"))
        .expect("a file");
    file.write_all_at(&vec![0; 1 << 20], 0)
        .and_then(|()| file.sync_all())
        .expect("room");
    let mut times: Vec<u128> = (0..200)
        .map(|n| {
            file.write_all_at(&[1; 4_096], n % 256 * 4_096).expect("room");
            let begin = Instant::now();
            file.sync_data().expect("a disk");
            begin.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

async fn log(dir: &Path, batch: usize) -> f64 {
    let dir = dir.join("log");
    let log = Log::open(&dir, LogOptions::default(), Arc::new(RealDisk)).expect("a log");
    let (begin, mut records) = (Instant::now(), 0);
    while begin.elapsed() < TIME {
        log.append(vec![NewEntry {
            kind: 1,
            at: 1,
            payload: vec![7; RECORD * batch],
        }])
        .await
        .expect("room");
        records += batch;
    }
    let rate = records as f64 / begin.elapsed().as_secs_f64();
    log.close().await;
    fs::remove_dir_all(&dir).expect("the folder can be removed");
    rate
}

async fn sled(dir: &Path, batch: usize, per_value: usize) -> f64 {
    let dir = dir.join("sled");
    let map = SledMap::open(&dir).expect("a map");
    let (begin, mut records, mut key) = (Instant::now(), 0, 0_u64);
    while begin.elapsed() < TIME {
        let mut ops = Vec::new();
        for begin in (0..batch).step_by(per_value) {
            key += 1;
            ops.push(MapOp::Put(
                key.to_be_bytes().to_vec(),
                vec![7; RECORD * per_value.min(batch - begin)],
            ));
        }
        map.apply(
            ops,
            Watermark {
                log: [1; 32],
                sequence: key,
            },
        )
        .await
        .expect("room");
        map.flush().await.expect("a disk");
        records += batch;
    }
    let rate = records as f64 / begin.elapsed().as_secs_f64();
    drop(map);
    fs::remove_dir_all(&dir).expect("the folder can be removed");
    rate
}
