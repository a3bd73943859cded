//! The map in runs does what a map in memory does, whenever it is laid down, merged, renewed, cut off or opened again.

use std::collections::BTreeMap;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use youji_store::{Map, MapOp, RunMap, SledMap, Watermark};

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

fn mark(sequence: u64) -> Watermark {
    Watermark { log: [7; 32], sequence }
}

/// A few groups of keys, so that scans find many and few.
fn key(random: &mut ChaCha8Rng) -> Vec<u8> {
    format!(
        "{}/{:03}",
        ["a", "ab", "b", "person"][random.random_range(0..4)],
        random.random_range(0..400)
    )
    .into_bytes()
}

fn change(random: &mut ChaCha8Rng, model: &mut Pairs) -> MapOp {
    let key = key(random);
    if random.random_ratio(1, 3) {
        model.remove(&key);
        return MapOp::Delete(key);
    }
    let length = match random.random_range(0..100) {
        0 => random.random_range(20_000..100 * 1024),
        1..10 => random.random_range(0..4_000),
        _ => random.random_range(0..200),
    };
    let value = vec![random.random(); length];
    model.insert(key.clone(), value.clone());
    MapOp::Put(key, value)
}

async fn check(map: &RunMap, model: &Pairs, random: &mut ChaCha8Rng, what: &str) {
    let keys: Vec<Vec<u8>> = (0..8).map(|_| key(random)).collect();
    let found = map.get(&keys.iter().map(Vec::as_slice).collect::<Vec<_>>()).await.unwrap();
    let expected: Vec<Option<Vec<u8>>> = keys.iter().map(|key| model.get(key).cloned()).collect();
    assert!(found == expected, "{what}: get");
    let prefix = [b"".as_slice(), b"a", b"a/", b"person/1", b"zz"][random.random_range(0..5)];
    let (edge, limit) = (key(random), random.random_range(1..300));
    let edge = Some(edge.as_slice()).filter(|edge| edge.starts_with(prefix));
    let within = || model.iter().filter(|(key, _)| key.starts_with(prefix));
    let pair = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
    let up = within().filter(|(key, _)| edge.is_none_or(|edge| key.as_slice() > edge));
    let down = within().rev().filter(|(key, _)| edge.is_none_or(|edge| key.as_slice() < edge));
    let (up, down): (Vec<_>, Vec<_>) = (up.take(limit).map(pair).collect(), down.take(limit).map(pair).collect());
    assert!(map.scan(prefix, edge, limit).await.unwrap() == up, "{what}: scan");
    assert!(map.scan_back(prefix, edge, limit).await.unwrap() == down, "{what}: scan_back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_what_a_map_in_memory_is() {
    let seed: u64 = std::env::var("YOUJI_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    eprintln!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map");
    let (mut map, mut model, mut sequence) = (RunMap::open(&path).unwrap(), Pairs::new(), 0);
    for round in 0..60 {
        for _ in 0..random.random_range(1..40) {
            sequence += 1;
            let ops = (0..random.random_range(0..6)).map(|_| change(&mut random, &mut model)).collect();
            map.apply(ops, mark(sequence)).await.unwrap();
        }
        let what = format!("seed {seed}, round {round}");
        match random.random_range(0..10) {
            0..6 => map.flush().await.unwrap(),
            6 => map.renew().await.unwrap(),
            7 => {
                drop(map);
                map = RunMap::open(&path).unwrap();
            }
            8 => {
                // As after a kill: what was gathered since is lost, and the watermark says so.
                map.flush().await.unwrap();
                let copied = dir.path().join(round.to_string());
                copy(&path, &copied);
                let (known, at) = (model.clone(), sequence);
                sequence += 1;
                let ops = (0..6).map(|_| change(&mut random, &mut model)).collect();
                map.apply(ops, mark(sequence)).await.unwrap();
                let copied = RunMap::open(&copied).unwrap();
                assert_eq!(copied.watermark().await.unwrap(), mark(at), "{what}");
                assert!(
                    copied.scan(b"", None, usize::MAX).await.unwrap().into_iter().eq(known),
                    "{what}: after a kill"
                );
            }
            _ => {}
        }
        check(&map, &model, &mut random, &what).await;
        assert_eq!(map.watermark().await.unwrap(), mark(sequence), "{what}");
    }
    drop(map);
    let map = RunMap::open(&path).unwrap();
    assert!(map.scan(b"", None, usize::MAX).await.unwrap().into_iter().eq(model), "seed {seed}");
}

#[tokio::test]
async fn more_than_is_gathered_is_laid_down_and_merged_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let map = RunMap::open(dir.path()).unwrap();
    // More than eight times what is gathered; half of it is written over.
    for sequence in 0..600 {
        let ops = (0..300)
            .map(|n| MapOp::Put(key_of(sequence * 300 + n), sequence.to_be_bytes().repeat(40)))
            .collect();
        map.apply(ops, mark(sequence + 1)).await.unwrap();
    }
    let pairs = map.scan(b"", None, usize::MAX).await.unwrap();
    assert_eq!(pairs.len(), 100_000);
    for (key, value) in pairs.iter().step_by(20_000) {
        let last = (0..180_000).rev().find(|n| *key == key_of(*n)).unwrap();
        assert_eq!(*value, (last / 300).to_be_bytes().repeat(40));
    }
    map.flush().await.unwrap();
    drop(map);
    let map = RunMap::open(dir.path()).unwrap();
    assert!(map.scan(b"", None, usize::MAX).await.unwrap() == pairs);
}

fn key_of(n: u64) -> Vec<u8> {
    (n * 7_919 % 100_000).to_be_bytes().to_vec()
}

#[tokio::test]
async fn what_another_version_put_there_by_itself_is_projected_anew() {
    let dir = tempfile::tempdir().unwrap();
    let old = SledMap::open(dir.path()).unwrap();
    old.apply(vec![MapOp::Put(b"k".to_vec(), b"v".to_vec())], mark(3)).await.unwrap();
    old.flush().await.unwrap();
    drop(old);
    let map = RunMap::open(dir.path()).unwrap();
    assert_eq!(map.watermark().await.unwrap(), Watermark::default());
    assert!(map.scan(b"", None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_damaged_is_projected_anew() {
    let dir = tempfile::tempdir().unwrap();
    let map = RunMap::open(dir.path()).unwrap();
    map.apply(vec![MapOp::Put(b"k".to_vec(), b"v".to_vec())], mark(3)).await.unwrap();
    map.flush().await.unwrap();
    drop(map);
    let runs: Vec<_> = std::fs::read_dir(dir.path().join("runs"))
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    assert_eq!(runs.len(), 1);
    let whole = std::fs::read(&runs[0]).unwrap();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    // Its end is cut off, its index is another, it is not there.
    for bytes in [Some(whole[..whole.len() - 1].to_vec()), Some(changed(whole.len() - 5)), None] {
        match bytes {
            Some(bytes) => std::fs::write(&runs[0], bytes).unwrap(),
            None => std::fs::remove_file(&runs[0]).unwrap(),
        }
        let damaged = tempfile::tempdir().unwrap();
        copy(dir.path(), damaged.path());
        check_it_is_projected_anew(damaged.path()).await;
    }
    // What is not looked at on opening is noticed when it is read.
    std::fs::write(&runs[0], changed(8)).unwrap();
    let map = RunMap::open(dir.path()).unwrap();
    let error = map.get(&[b"k"]).await.unwrap_err();
    assert!(error.to_string().contains("not what was written"), "{error}");
    drop(map);
    check_it_is_projected_anew(dir.path()).await;
}

#[tokio::test]
async fn a_merge_that_fails_stops_nobody_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map");
    let map = RunMap::open(&path).unwrap();
    let flushed = async |sequence: u64| {
        let put = MapOp::Put(sequence.to_be_bytes().to_vec(), b"v".to_vec());
        map.apply(vec![put], mark(sequence)).await.unwrap();
        map.flush().await.unwrap();
    };
    flushed(1).await;
    let first = path.join("runs/0.run");
    let mut bytes = std::fs::read(&first).unwrap();
    bytes[9] ^= 1;
    std::fs::write(&first, bytes).unwrap();
    // The eighth begins a merge.
    for sequence in 2..=12 {
        flushed(sequence).await;
    }
    let names = std::fs::read_dir(path.join("runs"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap());
    let (runs, others): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with(".run"));
    assert_eq!((runs.len(), others.as_slice()), (12, ["damaged".to_owned()].as_slice()));
    assert!(map.get(&[&12_u64.to_be_bytes()]).await.unwrap()[0].is_some());
    map.get(&[&1_u64.to_be_bytes()]).await.unwrap_err();
    drop(map);
    check_it_is_projected_anew(&path).await;
}

async fn check_it_is_projected_anew(dir: &Path) {
    let map = RunMap::open(dir).unwrap();
    assert_eq!(map.watermark().await.unwrap(), Watermark::default());
    assert_eq!(map.get(&[b"k"]).await.unwrap(), [None]);
    map.apply(vec![MapOp::Put(b"k".to_vec(), b"w".to_vec())], mark(9)).await.unwrap();
    drop(map);
    let map = RunMap::open(dir).unwrap();
    assert_eq!(map.get(&[b"k"]).await.unwrap(), [Some(b"w".to_vec())]);
    let left = std::fs::read_dir(dir.join("runs")).unwrap().count();
    assert_eq!(left, 1, "nothing else is left");
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
