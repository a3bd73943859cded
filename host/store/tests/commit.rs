//! The commit engine: decided in order, durable before answered, gone from memory when it failed.

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::{Adder, Ask, Fault, FaultyDisk, check_projection, copy, open, open_with, options, segments};
use rand::{Rng, SeedableRng};
use youji_store::{Health, RealDisk, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_applied_once_each_and_survive() {
    let dir = tempfile::tempdir().unwrap();
    let (commit, _) = open(dir.path()).unwrap();
    let mut notices = commit.notices();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=200 {
        let commit = commit.clone();
        tasks.spawn(async move { commit.submit(Ask::Add(n)).await.unwrap() });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_unstable();
    answers.dedup();
    assert_eq!(answers.len(), 200, "each caller got the sum after its own command");
    assert_eq!(commit.submit(Ask::Sum).await.unwrap(), 20_100);
    check_projection(&commit).await;
    for sequence in 1..=200 {
        assert_eq!(notices.recv().await.unwrap().0, sequence, "notices come in the order of the log");
    }
    commit.close().await.unwrap();
    assert!(matches!(commit.submit(Ask::Sum).await, Err(StoreError::Closed)));
    assert_eq!(commit.health(), Health::Closed);
    drop(commit);
    let (commit, recovery) = open(dir.path()).unwrap();
    assert_eq!(
        (recovery.sequence, recovery.checkpoint, recovery.replayed),
        (200, 200, 0),
        "closing left a checkpoint"
    );
    assert_eq!(commit.read(|adder| adder.sum).await.unwrap(), 20_100);
    check_projection(&commit).await;
}

#[tokio::test]
async fn commands_that_wait_for_a_sync_share_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(Fault::Sync);
    let (commit, _) = open_with(options(dir.path(), Arc::new(disk.clone()))).unwrap();
    let before = disk.syncs.load(Ordering::SeqCst);
    disk.slow.store(true, Ordering::SeqCst);
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let mut submitted = Box::pin(commit.submit(Ask::Add(1)));
        // Asked once, so it is in the queue.
        tokio::task::unconstrained(async {
            tokio::select! {
                biased;
                _ = &mut submitted => panic!("answered before it was durable"),
                () = std::future::ready(()) => {}
            }
        })
        .await;
        waiting.push(submitted);
    }
    disk.slow.store(false, Ordering::SeqCst);
    for submitted in waiting {
        submitted.await.unwrap();
    }
    let syncs = disk.syncs.load(Ordering::SeqCst) - before;
    assert!((1..=4).contains(&syncs), "{syncs} syncs for 64 commands that waited for one");
    assert_eq!(commit.submit(Ask::Sum).await.unwrap(), 64);
}

/// Copies the running folder at random moments; each copy, opened, has everything that was acknowledged before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_running_folder_recovers_what_was_acknowledged() {
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut options = options(&data, Arc::new(RealDisk));
    options.checkpoint_every = 50;
    let (commit, _) = open_with(options).unwrap();
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (commit, stop, acknowledged) = (commit.clone(), stop.clone(), acknowledged.clone());
        tasks.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let sum = commit.submit(Ask::Add(1)).await.unwrap();
                acknowledged.fetch_max(sum, Ordering::SeqCst);
            }
        });
    }
    for round in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(random.random_range(1..30))).await;
        let target = dir.path().join(format!("copy{round}"));
        let before = acknowledged.load(Ordering::SeqCst);
        // The projection first: as after a power cut, it is older than the log.
        copy(&data.join("map"), &target.join("map"));
        copy(&data.join("checkpoints"), &target.join("checkpoints"));
        copy(&data.join("log"), &target.join("log"));
        let (copied, recovery) = open(&target).unwrap();
        let sum = copied.read(|adder| adder.sum).await.unwrap();
        assert!(sum >= before, "{sum} recovered, {before} acknowledged");
        assert_eq!(sum, recovery.sequence);
        check_projection(&copied).await;
        copied.log().verify().unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    tasks.join_all().await;
}

#[tokio::test]
async fn the_projection_is_made_anew_from_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (commit, _) = open(dir.path()).unwrap();
    for n in 0..100 {
        commit.submit(Ask::Add(n)).await.unwrap();
    }
    commit.close().await.unwrap();
    drop(commit);
    fs::remove_dir_all(dir.path().join("map")).unwrap();
    let (commit, recovery) = open(dir.path()).unwrap();
    assert!(recovery.projection_rebuilt && recovery.replayed == 100);
    check_projection(&commit).await;
    commit.close().await.unwrap();
    drop(commit);
    // Broken so that sled cannot open it: moved aside, made anew.
    fs::write(dir.path().join("map/1/conf"), b"not a configuration").unwrap();
    let (commit, recovery) = open(dir.path()).unwrap();
    assert!(recovery.projection_rebuilt);
    assert!(dir.path().join("map.broken-1").is_dir());
    check_projection(&commit).await;
}

#[tokio::test]
async fn a_damaged_checkpoint_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (commit, _) = open(dir.path()).unwrap();
    for n in 0..30 {
        commit.submit(Ask::Add(n)).await.unwrap();
        if n == 10 {
            commit.checkpoint().await.unwrap();
        }
    }
    commit.close().await.unwrap();
    drop(commit);
    let mut checkpoints: Vec<_> = fs::read_dir(dir.path().join("checkpoints"))
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    checkpoints.sort();
    assert_eq!(checkpoints.len(), 2);
    let mut bytes = fs::read(&checkpoints[1]).unwrap();
    // A digit of the state: still a state that could be loaded, but another one.
    let digit = bytes.len() - 2;
    bytes[digit] ^= 1;
    fs::write(&checkpoints[1], bytes).unwrap();
    let (commit, recovery) = open(dir.path()).unwrap();
    assert_eq!((recovery.checkpoint, recovery.replayed), (11, 19));
    assert_eq!(commit.read(|adder| adder.sum).await.unwrap(), 435);
    check_projection(&commit).await;
}

#[tokio::test]
async fn a_log_that_lost_acknowledged_entries_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (commit, _) = open(dir.path()).unwrap();
    for n in 0..3 {
        commit.submit(Ask::Add(n)).await.unwrap();
    }
    commit.close().await.unwrap();
    drop(commit);
    let file = &segments(&dir.path().join("log"))[0];
    let mut bytes = fs::read(file).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(file, &bytes).unwrap();
    let error = open(dir.path()).err().unwrap();
    assert!(
        matches!(error, StoreError::AcknowledgedLost { ends_at: 2, known: 3, .. }),
        "{error}"
    );
    assert_eq!(fs::read(file).unwrap(), bytes, "nothing was cut off");
}

#[tokio::test]
async fn a_failed_write_leaves_no_trace_in_memory() {
    for fault in [Fault::Full, Fault::ShortWrite, Fault::Sync, Fault::Dead] {
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new(fault);
        let (commit, _) = open_with(options(dir.path(), Arc::new(disk.clone()))).unwrap();
        assert_eq!(commit.submit(Ask::Add(5)).await.unwrap(), 5);
        disk.break_now();
        let error = commit.submit(Ask::Add(100)).await.unwrap_err();
        disk.heal();
        assert!(
            matches!(error, StoreError::Degraded { .. } | StoreError::InDoubt { .. }),
            "{fault:?}: {error}"
        );
        assert_eq!(commit.read(|adder| adder.sum).await.unwrap(), 5, "{fault:?}: the state forgot it");
        assert_eq!(commit.submit(Ask::Sum).await.unwrap(), 5, "{fault:?}: questions are still answered");
        assert!(matches!(commit.submit(Ask::Add(1)).await, Err(StoreError::Degraded { .. })));
        assert!(matches!(commit.health(), Health::Degraded { .. }));
        check_projection(&commit).await;
        let _ = commit.close().await;
        drop(commit);
        let (commit, _) = open(dir.path()).unwrap();
        let sum = commit.read(|adder| adder.sum).await.unwrap();
        assert!(
            sum == 5 || (sum == 105 && matches!(error, StoreError::InDoubt { .. })),
            "{fault:?}: {sum} after {error}"
        );
        check_projection(&commit).await;
        commit.submit(Ask::Add(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_broken_command_harms_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (commit, _) = open(dir.path()).unwrap();
    for (round, bad) in [Ask::PanicInDecide, Ask::PanicInApply, Ask::Contradict, Ask::HugeValue]
        .into_iter()
        .enumerate()
    {
        let (before, bad, after) = tokio::join!(commit.submit(Ask::Add(1)), commit.submit(bad), commit.submit(Ask::Add(1)));
        let sum = 2 * round as u64;
        assert_eq!((before.unwrap(), after.unwrap()), (sum + 1, sum + 2));
        assert!(matches!(bad, Err(StoreError::Broken { .. } | StoreError::TooLarge { .. })));
        assert_eq!(commit.health(), Health::Good);
        check_projection(&commit).await;
    }
    commit.close().await.unwrap();
    drop(commit);
    let (commit, _) = open(dir.path()).unwrap();
    assert_eq!(
        commit.read(Clone::clone).await.unwrap(),
        Adder {
            sum: 8,
            count: 8,
            last_at: commit.log().head().at
        }
    );
}

#[tokio::test]
async fn time_never_stands_still_or_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    for clock in [1_000, 500] {
        let mut options = options(dir.path(), Arc::new(RealDisk));
        options.clock = Arc::new(move || clock);
        // The machine itself asserts that stamps increase.
        let (commit, _) = open_with(options).unwrap();
        for _ in 0..5 {
            commit.submit(Ask::Add(1)).await.unwrap();
        }
        commit.close().await.unwrap();
    }
    let (commit, _) = open(dir.path()).unwrap();
    assert_eq!(commit.log().head().at, 1_009);
}

#[tokio::test]
async fn two_hosts_on_one_folder_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (commit, _) = open(dir.path()).unwrap();
    let other = Arc::new(youji_store::SledMap::open(&dir.path().join("other")).unwrap());
    let error = youji_store::Commit::open(options(dir.path(), Arc::new(RealDisk)), other, Adder::default)
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let error = open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::InUse { .. }), "the projection says so too: {error}");
    assert_eq!(commit.submit(Ask::Add(1)).await.unwrap(), 1);
}
