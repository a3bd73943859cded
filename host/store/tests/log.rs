//! The log: what is acknowledged stays, what is torn goes, what is damaged is named.

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{Fault, FaultyDisk, copy, scratch, segments, small};
use sha2::Digest;
use youji_store::{Log, LogOptions, NewEntry, RealDisk, Result, StoreError};

fn entry(n: u64) -> NewEntry {
    NewEntry {
        kind: 7,
        at: 1_000 + n,
        payload: format!("entry number {n} {}", "x".repeat(usize::try_from(n % 40).unwrap())).into_bytes(),
    }
}

fn open(dir: &Path) -> Result<Log> {
    Log::open(dir, small(), Arc::new(RealDisk))
}

/// Opens, checks that exactly `count` entries are there, whole and chained, and that one more can be written and read.
async fn check(dir: &Path, count: u64) {
    let log = open(dir).unwrap();
    assert_eq!(log.reader().head().sequence, count);
    assert_eq!(log.reader().verify().unwrap().entries, count);
    let entries = log.reader().read(1, usize::MAX).unwrap();
    for (read, n) in entries.iter().zip(1..) {
        assert_eq!(
            (read.sequence, read.at, read.kind, &read.payload),
            (n, 1_000 + n, 7, &entry(n).payload)
        );
    }
    assert_eq!(log.append(vec![entry(count + 1)]).await.unwrap(), count + 1);
    assert_eq!(log.reader().read(count + 1, 1).unwrap()[0].payload, entry(count + 1).payload);
    log.reader().verify().unwrap();
    log.close().await;
}

async fn fill(dir: &Path, options: LogOptions, groups: &[u64]) {
    let log = Log::open(dir, options, Arc::new(RealDisk)).unwrap();
    let mut n = log.reader().head().sequence;
    for size in groups {
        let batch = (0..*size).map(|place| entry(n + place + 1)).collect();
        n += size;
        assert_eq!(log.append(batch).await.unwrap(), n);
    }
    log.close().await;
}

#[tokio::test]
async fn entries_survive_reopening_over_many_segments() {
    let dir = scratch();
    fill(dir.path(), small(), &[1; 100]).await;
    assert!(segments(dir.path()).len() > 3, "the log rolled over");
    check(dir.path(), 100).await;
}

#[tokio::test]
async fn reading_in_pages_gives_the_same_from_anywhere() {
    let dir = scratch();
    fill(dir.path(), small(), &[10; 12]).await;
    let log = open(dir.path()).unwrap();
    let all = log.reader().read(1, usize::MAX).unwrap();
    assert_eq!(all.len(), 120);
    for page in [1, 7, 50] {
        let mut paged = Vec::new();
        while let Some(next) = log.reader().read(paged.len() as u64 + 1, page).ok().filter(|page| !page.is_empty()) {
            paged.extend(next);
        }
        assert_eq!(paged, all);
    }
    for from in (1..=120_u64).rev() {
        assert_eq!(log.reader().read(from, 1).unwrap()[0], all[usize::try_from(from - 1).unwrap()]);
    }
    assert!(log.reader().read(121, 1).unwrap().is_empty());
}

#[tokio::test]
async fn what_is_appended_at_once_is_synced_together() {
    let dir = scratch();
    let log = Log::open(dir.path(), LogOptions::default(), Arc::new(RealDisk)).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..500 {
        let log = log.clone();
        tasks.spawn(async move { log.append(vec![entry(n), entry(n)]).await.unwrap() });
    }
    let mut sequences = tasks.join_all().await;
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=500).map(|n| n * 2).collect::<Vec<_>>(), "each batch stays together");
    log.reader().verify().unwrap();
}

/// Every length of the last frame, and garbage in place of its rest.
#[tokio::test]
async fn a_torn_tail_is_cut_off_at_every_byte() {
    let dir = scratch();
    let whole = dir.path().join("whole");
    fill(
        &whole,
        LogOptions {
            segment_bytes: 1 << 20,
            ..small()
        },
        &[1, 1, 1],
    )
    .await;
    let file = &segments(&whole)[0];
    let bytes = fs::read(file).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let begin = end - (104 + entry(3).payload.len());
    for cut in begin..end {
        for (name, rest) in [("cut", None), ("zeros", Some(0)), ("garbage", Some(0xA5))] {
            let copied = dir.path().join(format!("{name}{cut}"));
            copy(&whole, &copied);
            let mut torn = bytes.clone();
            match rest {
                None => torn.truncate(cut),
                Some(byte) => torn[cut..end].fill(byte),
            }
            fs::write(copied.join(file.file_name().unwrap()), torn).unwrap();
            check(&copied, 2).await;
        }
    }
}

/// A group that reached the disk in any order: what stands before the first gap stays, the rest goes, nothing is an error.
#[tokio::test]
async fn a_torn_group_is_not_damage() {
    let dir = scratch();
    let whole = dir.path().join("whole");
    fill(
        &whole,
        LogOptions {
            segment_bytes: 1 << 20,
            ..small()
        },
        &[2, 4],
    )
    .await;
    let file = &segments(&whole)[0];
    let bytes = fs::read(file).unwrap();
    let mut offset = 64;
    let mut frames = Vec::new();
    for n in 1..=6 {
        frames.push(offset);
        offset += (104 + entry(n).payload.len()).next_multiple_of(8);
    }
    for (place, begin) in frames.iter().enumerate() {
        let copied = dir.path().join(format!("frame{place}"));
        copy(&whole, &copied);
        let mut torn = bytes.clone();
        torn[begin + 20] ^= 1;
        fs::write(copied.join(file.file_name().unwrap()), torn).unwrap();
        if place >= 2 {
            check(&copied, place as u64).await;
        } else {
            let error = open(&copied).err().expect("damage in an acknowledged group is an error");
            assert!(
                matches!(&error, StoreError::Corrupt { offset, .. } if *offset == *begin as u64),
                "{error}"
            );
            assert_eq!(
                fs::read(copied.join(file.file_name().unwrap())).unwrap()[..offset][begin + 20],
                bytes[begin + 20] ^ 1,
                "untouched"
            );
        }
    }
}

/// Every byte of an early frame, flipped: refused with the frame's offset.
#[tokio::test]
async fn a_flipped_byte_in_the_middle_is_named() {
    let dir = scratch();
    let whole = dir.path().join("whole");
    fill(
        &whole,
        LogOptions {
            segment_bytes: 1 << 20,
            ..small()
        },
        &[1, 1, 1],
    )
    .await;
    let file = &segments(&whole)[0];
    let bytes = fs::read(file).unwrap();
    for place in 64..64 + 104 + entry(1).payload.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        fs::write(file, flipped).unwrap();
        let error = open(&whole)
            .err()
            .unwrap_or_else(|| panic!("byte {place} flipped and nobody noticed"));
        assert!(matches!(&error, StoreError::Corrupt { offset: 64, .. }), "byte {place}: {error}");
    }
}

/// Damage in a closed segment does not keep the host from starting, but reading and verifying name it.
#[tokio::test]
async fn verify_names_damage_in_closed_segments() {
    let dir = scratch();
    fill(dir.path(), small(), &[1; 60]).await;
    let file = segments(dir.path())[1].clone();
    let mut bytes = fs::read(&file).unwrap();
    bytes[64 + 104 + 3] ^= 1;
    fs::write(&file, bytes).unwrap();
    let log = open(dir.path()).unwrap();
    let error = log.reader().verify().unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { file: named, offset: 64, .. } if *named == file),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    let dir = scratch();
    let log = open(dir.path()).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(
        matches!(error, StoreError::InUse { .. }) && error.to_string().contains("in use"),
        "{error}"
    );
    log.close().await;
}

/// After a fault nothing more is taken, and what a restart finds is what was acknowledged (or, where the error says so, is in doubt).
#[tokio::test]
async fn a_failing_disk_acknowledges_nothing() {
    for fault in [Fault::Full, Fault::ShortWrite, Fault::Sync, Fault::Dead] {
        for after in 0..3 {
            let dir = scratch();
            let disk = FaultyDisk::new(fault);
            let log = Log::open(dir.path(), small(), Arc::new(disk.clone())).unwrap();
            for n in 1..=5 {
                log.append(vec![entry(n)]).await.unwrap();
            }
            disk.break_after(after);
            let mut acknowledged = 5;
            let error = loop {
                match log.append(vec![entry(acknowledged + 1)]).await {
                    Ok(sequence) => acknowledged = sequence,
                    Err(error) => break error,
                }
            };
            disk.heal();
            assert_eq!(log.reader().head().sequence, acknowledged);
            log.reader().verify().unwrap();
            let again = log.append(vec![entry(1)]).await.unwrap_err();
            assert!(matches!(again, StoreError::Degraded { .. }), "read-only until reopened: {again}");
            log.close().await;
            let log = open(dir.path()).unwrap();
            let found = log.reader().head().sequence;
            match error {
                StoreError::Degraded { .. } => assert_eq!(found, acknowledged, "{fault:?}: said not to have happened"),
                StoreError::InDoubt { .. } => assert!((acknowledged..=acknowledged + 1).contains(&found), "{fault:?}"),
                other => panic!("{fault:?}: {other}"),
            }
            log.close().await;
            check(dir.path(), found).await;
        }
    }
}

#[tokio::test]
async fn an_entry_beyond_the_limit_harms_nobody() {
    let dir = scratch();
    let log = open(dir.path()).unwrap();
    let huge = NewEntry {
        kind: 7,
        at: 1,
        payload: vec![1; small().max_payload_bytes + 1],
    };
    let (refused, taken) = tokio::join!(log.append(vec![huge]), log.append(vec![entry(1)]));
    assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    assert_eq!(taken.unwrap(), 1);
    let large = NewEntry {
        kind: 7,
        at: 1,
        payload: vec![1; small().max_payload_bytes],
    };
    assert_eq!(log.append(vec![large]).await.unwrap(), 2, "larger than a segment, within the limit");
    assert_eq!(log.append(vec![entry(3)]).await.unwrap(), 3);
    log.reader().verify().unwrap();
}

/// Somebody who knows the format alters an entry and mends the checksum, and the payload's hash too: the chain tells.
#[tokio::test]
async fn a_forged_entry_breaks_the_chain() {
    let dir = scratch();
    fill(dir.path(), small(), &[1; 60]).await;
    let file = segments(dir.path())[1].clone();
    let honest = fs::read(&file).unwrap();
    let length = usize::try_from(u32::from_le_bytes(honest[72..76].try_into().unwrap())).unwrap();
    let (frame, end) = (64, 64 + 104 + length);
    for (mend_hash, bad) in [(false, frame), (true, end.next_multiple_of(8))] {
        let mut forged = honest.clone();
        forged[frame + 104] ^= 1;
        if mend_hash {
            let hash = sha2::Sha256::digest(&forged[frame + 104..end]);
            forged[frame + 64..frame + 96].copy_from_slice(&hash);
        }
        let sum = crc32c::crc32c_append(crc32c::crc32c(&honest[8..40]), &forged[frame + 8..end]);
        forged[frame + 4..frame + 8].copy_from_slice(&sum.to_le_bytes());
        fs::write(&file, forged).unwrap();
        let log = open(dir.path()).unwrap();
        let error = log.reader().verify().unwrap_err();
        assert!(
            matches!(&error, StoreError::Corrupt { offset, .. } if *offset == bad as u64),
            "{error}"
        );
        log.close().await;
    }
    fs::write(&file, honest).unwrap();
    open(dir.path()).unwrap().reader().verify().unwrap();
}
