//! A projection that failed does not keep its host from closing.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use youji_store::{MAX_VALUE_BYTES, Map, MapOp, RunMap, SledMap, Watermark};

/// So long that only something that never ends takes it.
const FOREVER: Duration = Duration::from_secs(300);

/// Large enough that sled keeps them in files beside its log.
async fn put(map: &dyn Map, sequence: u64) -> youji_store::Result<()> {
    let ops = (0..4).map(|n| MapOp::Put(vec![sequence as u8, n], vec![n; MAX_VALUE_BYTES]));
    map.apply(ops.collect(), Watermark { log: [7; 32], sequence }).await
}

fn check_it_closes(map: impl Map) {
    let (closed, told) = mpsc::channel();
    std::thread::spawn(move || {
        drop(map);
        closed.send(()).unwrap();
    });
    assert!(told.recv_timeout(FOREVER).is_ok(), "it never closes");
}

/// What a full disk does to it, and somebody who removes the folder.
fn make_fail(dir: &Path) {
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn a_database_that_failed_can_be_closed_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map");
    let map = SledMap::open(&path).unwrap();
    put(&map, 1).await.unwrap();
    map.flush().await.unwrap();
    make_fail(&path.join("1/blobs"));
    let mut failed = None;
    for sequence in 2..200 {
        if let Err(error) = put(&map, sequence).await {
            failed = Some(error);
            break;
        }
    }
    eprintln!("{}", failed.expect("the control: it fails"));
    map.flush().await.unwrap_err();
    put(&map, 200).await.unwrap_err();
    // Forgetting everything begins with a sound one.
    map.clear().await.unwrap();
    put(&map, 201).await.unwrap();
    assert_eq!(map.watermark().await.unwrap().sequence, 201);
    make_fail(&path.join("2/blobs"));
    for sequence in 202..400 {
        if put(&map, sequence).await.is_err() {
            break;
        }
    }
    check_it_closes(map);
    // And other databases of the process go on.
    let other = SledMap::open(&dir.path().join("other")).unwrap();
    put(&other, 1).await.unwrap();
    other.flush().await.unwrap();
    check_it_closes(other);
}

#[tokio::test]
async fn a_host_whose_folder_went_away_closes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map");
    let map = RunMap::open(&path).unwrap();
    put(&map, 1).await.unwrap();
    map.flush().await.unwrap();
    put(&map, 2).await.unwrap();
    make_fail(&path);
    let error = map.flush().await.unwrap_err();
    eprintln!("{error}");
    // What was gathered can still be read.
    assert!(map.get(&[&[2, 0]]).await.unwrap()[0].is_some());
    // And more may come: a disk that is full now may have room later, and the log has it all.
    put(&map, 3).await.unwrap();
    assert!(map.get(&[&[3, 0]]).await.unwrap()[0].is_some());
    check_it_closes(map);
}

#[tokio::test]
async fn what_could_not_be_laid_down_is_laid_down_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("map");
    let (runs, aside) = (path.join("runs"), dir.path().join("aside"));
    let map = RunMap::open(&path).unwrap();
    put(&map, 1).await.unwrap();
    map.flush().await.unwrap();
    std::fs::rename(&runs, &aside).unwrap();
    put(&map, 2).await.unwrap();
    map.flush().await.unwrap_err();
    std::fs::rename(&aside, &runs).unwrap();
    put(&map, 3).await.unwrap();
    map.flush().await.unwrap();
    drop(map);
    let map = RunMap::open(&path).unwrap();
    assert_eq!(map.watermark().await.unwrap().sequence, 3);
    for sequence in 1..=3 {
        assert!(map.get(&[&[sequence, 0]]).await.unwrap()[0].is_some(), "{sequence}");
    }
}
