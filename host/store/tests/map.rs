//! Maps, over sled and in runs over it: ordered, paged, batched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::{Rng, SeedableRng};
use youji_store::{MAX_VALUE_BYTES, Map, MapOp, RunMap, SledMap, StoreError, Watermark};

type Opening = fn(&Path) -> Arc<dyn Map>;

/// Each kind of map.
const KINDS: [Opening; 2] = [
    |dir| Arc::new(SledMap::open(dir).unwrap()),
    |dir| Arc::new(RunMap::open(dir).unwrap()),
];

fn put(key: &[u8], value: &[u8]) -> MapOp {
    MapOp::Put(key.to_vec(), value.to_vec())
}

#[tokio::test]
async fn prefixes_are_read_in_pages_both_ways() {
    for open in KINDS {
        check_prefixes_are_read_in_pages_both_ways(open).await;
    }
}

async fn check_prefixes_are_read_in_pages_both_ways(open: Opening) {
    let dir = tempfile::tempdir().unwrap();
    let map = open(dir.path());
    let keys: [&[u8]; 8] = [b"a", b"a/1", b"a/2", b"a/3", b"a/\xff", b"a/\xff\xff", b"b", b"\xff\xff"];
    let mark = Watermark { log: [7; 32], sequence: 3 };
    map.apply(keys.iter().map(|key| put(key, key)).collect(), mark).await.unwrap();
    for prefix in [b"".as_slice(), b"a", b"a/", b"a/\xff", b"b", b"c", b"\xff", b"\xff\xff"] {
        let expected: Vec<&[u8]> = keys.iter().copied().filter(|key| key.starts_with(prefix)).collect();
        for page in [1, 2, 100] {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            loop {
                let pairs = map.scan(prefix, up.last().map(Vec::as_slice), page).await.unwrap();
                up.extend(pairs.iter().map(|(key, _)| key.clone()));
                if pairs.len() < page {
                    break;
                }
            }
            loop {
                let pairs = map.scan_back(prefix, down.last().map(Vec::as_slice), page).await.unwrap();
                down.extend(pairs.iter().map(|(key, _)| key.clone()));
                if pairs.len() < page {
                    break;
                }
            }
            assert_eq!(up, expected, "{prefix:?} by {page}");
            down.reverse();
            assert_eq!(down, expected, "{prefix:?} by {page}, backwards");
        }
    }
    assert!(map.scan(b"a/", Some(b"b"), 9).await.unwrap().is_empty());
    assert_eq!(map.scan(b"a/", Some(b"a"), 9).await.unwrap().len(), 5);
    assert!(map.scan_back(b"a/", Some(b"a"), 9).await.unwrap().is_empty());
    assert_eq!(map.scan_back(b"a/", Some(b"b"), 9).await.unwrap().len(), 5);
}

#[tokio::test]
async fn batches_are_whole_and_the_watermark_goes_with_them() {
    for open in KINDS {
        check_batches_are_whole_and_the_watermark_goes_with_them(open).await;
    }
}

async fn check_batches_are_whole_and_the_watermark_goes_with_them(open: Opening) {
    let dir = tempfile::tempdir().unwrap();
    let map = open(dir.path());
    let mark = |sequence| Watermark { log: [7; 32], sequence };
    map.apply(vec![put(b"k", b"1"), put(b"k", b"2"), put(b"gone", b"x")], mark(1))
        .await
        .unwrap();
    map.apply(
        vec![MapOp::Delete(b"gone".to_vec()), put(b"edge", &vec![1; MAX_VALUE_BYTES])],
        mark(2),
    )
    .await
    .unwrap();
    let error = map
        .apply(vec![put(b"k", b"3"), put(b"big", &vec![1; MAX_VALUE_BYTES + 1])], mark(3))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    map.flush().await.unwrap();
    drop(map);
    let map = open(dir.path());
    assert_eq!(map.get(&[b"k", b"gone", b"big"]).await.unwrap(), [Some(b"2".to_vec()), None, None]);
    assert_eq!(map.watermark().await.unwrap(), mark(2));
    map.clear().await.unwrap();
    assert_eq!(map.watermark().await.unwrap(), Watermark::default());
    assert!(map.scan(b"", None, 9).await.unwrap().is_empty());
}

/// Files below `dir` that hold `text`.
fn holding(dir: &Path, text: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, text));
        } else if std::fs::read(&path).unwrap().windows(text.len()).any(|part| part == text) {
            found.push(path);
        }
    }
    found
}

#[tokio::test]
async fn what_was_deleted_is_in_no_file_after_renewing() {
    for open in KINDS {
        check_what_was_deleted_is_in_no_file_after_renewing(open).await;
    }
}

async fn check_what_was_deleted_is_in_no_file_after_renewing(open: Opening) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map");
    let mark = |sequence| Watermark { log: [7; 32], sequence };
    let map = open(&path);
    let value = |number: u32| format!("canary-{number:04}-of-this-test").into_bytes();
    for number in 0..2_000_u32 {
        let key = format!("key-{number:04}-of-this-test").into_bytes();
        map.apply(vec![put(&key, &value(number))], mark(u64::from(number) + 1))
            .await
            .unwrap();
    }
    map.flush().await.unwrap();
    assert!(!holding(dir.path(), &value(77)).is_empty(), "the control: it was there");
    // As if an earlier one could not be opened.
    std::fs::create_dir(dir.path().join("map.broken-1")).unwrap();
    std::fs::write(dir.path().join("map.broken-1/db"), value(77)).unwrap();
    for number in 0..1_000_u32 {
        let key = format!("key-{number:04}-of-this-test").into_bytes();
        map.apply(vec![MapOp::Delete(key)], mark(u64::from(number) + 3_000)).await.unwrap();
    }
    for round in 0..3 {
        map.renew().await.unwrap();
        for gone in [0, 77, 999] {
            let key = format!("key-{gone:04}-of-this-test");
            assert!(holding(dir.path(), &value(gone)).is_empty(), "value {gone} in round {round}");
            assert!(holding(dir.path(), key.as_bytes()).is_empty(), "key {gone} in round {round}");
        }
        assert!(
            !holding(dir.path(), &value(1_500)).is_empty(),
            "the control: what was not deleted is found"
        );
        assert_eq!(map.scan(b"key-", None, 5_000).await.unwrap().len(), 1_000);
        assert_eq!(map.watermark().await.unwrap(), mark(3_999));
    }
    drop(map);
    let map = open(&path);
    assert_eq!(map.scan(b"key-", None, 5_000).await.unwrap().len(), 1_000);
    assert_eq!(map.watermark().await.unwrap(), mark(3_999));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_it_is_renewed() {
    for open in KINDS {
        check_writes_go_on_while_it_is_renewed(open).await;
    }
}

async fn check_writes_go_on_while_it_is_renewed(open: Opening) {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let map = open(dir.path());
    let mut model = BTreeMap::new();
    let (stop, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let renewing = std::thread::spawn({
        let (map, stop, begun) = (map.clone(), stop.clone(), begun.clone());
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut times = 0;
            while !stop.load(Ordering::SeqCst) || times < 2 {
                runtime.block_on(map.renew()).unwrap();
                times += 1;
                begun.store(true, Ordering::SeqCst);
            }
            times
        }
    });
    let mut sequence = 0;
    while sequence < 3_000 || !begun.load(Ordering::SeqCst) {
        sequence += 1;
        let mut ops = Vec::new();
        for _ in 0..random.random_range(1..8) {
            let key = format!("{:04}", random.random_range(0..3_000)).into_bytes();
            if random.random_ratio(1, 3) {
                model.remove(&key);
                ops.push(MapOp::Delete(key));
            } else {
                let value = sequence.to_string().into_bytes();
                model.insert(key.clone(), value.clone());
                ops.push(MapOp::Put(key, value));
            }
        }
        map.apply(ops, Watermark { log: [7; 32], sequence }).await.unwrap();
        if sequence.is_multiple_of(64) {
            let key = format!("{:04}", random.random_range(0..3_000)).into_bytes();
            assert_eq!(map.get(&[&key]).await.unwrap()[0].as_ref(), model.get(&key), "seed {seed}");
        }
    }
    stop.store(true, Ordering::SeqCst);
    eprintln!("renewed {} times during {sequence} writes", renewing.join().unwrap());
    for round in 0..2 {
        let pairs: BTreeMap<_, _> = map.scan(b"", None, 10_000).await.unwrap().into_iter().collect();
        assert_eq!(pairs, model, "seed {seed}, round {round}");
        assert_eq!(map.watermark().await.unwrap().sequence, sequence);
        map.renew().await.unwrap();
    }
    drop(map);
    let map = open(dir.path());
    let pairs: BTreeMap<_, _> = map.scan(b"", None, 10_000).await.unwrap().into_iter().collect();
    assert_eq!(pairs, model, "seed {seed}, opened again");
}

#[tokio::test]
async fn a_renewal_that_was_cut_off_counts_once_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| dir.path().join(name));
    let mark = |sequence| Watermark { log: [7; 32], sequence };
    for (path, renewals) in [(&old, 0), (&new, 1)] {
        let map = SledMap::open(path).unwrap();
        map.apply(vec![put(b"k", path.file_name().unwrap().as_encoded_bytes())], mark(1))
            .await
            .unwrap();
        for _ in 0..renewals {
            map.renew().await.unwrap();
        }
        map.flush().await.unwrap();
    }
    for whole in [false, true] {
        let both = dir.path().join(format!("both-{whole}"));
        copy(&old.join("1"), &both.join("1"));
        copy(&new.join("2"), &both.join("2"));
        if !whole {
            std::fs::remove_file(both.join("2/whole")).unwrap();
        }
        let map = SledMap::open(&both).unwrap();
        let expected = if whole { b"new" } else { b"old" };
        assert_eq!(map.get(&[b"k"]).await.unwrap(), [Some(expected.to_vec())]);
        assert_eq!(both.join("1").exists(), !whole, "only the one that counts is left");
        assert_eq!(both.join("2").exists(), whole);
        assert!(matches!(SledMap::open(&both), Err(StoreError::InUse { .. })));
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}
