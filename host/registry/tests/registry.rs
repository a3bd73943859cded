//! What the registry admits, keeps and refuses.

mod common;

use common::{COMPONENT, Home, ICON, key, package, package_of};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use youji_api::ProgramId;
use youji_package::ShortId;
use youji_registry::{ProgramRef, Registry, RegistryOptions};

fn noodles() -> ProgramId {
    ProgramId::from("org.example.noodles")
}

/// Refused with that code, and nothing was changed.
async fn check(home: &Home, bytes: Vec<u8>, code: &str, says: &str) {
    let before = home.tree();
    let listed = format!("{:?}", home.registry.list());
    let error = home
        .registry
        .publish(bytes)
        .await
        .expect_err(&format!("expected to be refused for {says:?}"));
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(says), "expected {says:?} in: {error}");
    assert_eq!(home.tree(), before, "a refusal leaves nothing");
    assert_eq!(format!("{:?}", home.registry.list()), listed);
}

#[tokio::test]
async fn what_is_published_opens_by_either_name_and_after_a_restart() {
    let home = Home::new().await;
    let published = home.registry.publish(package(1)).await.unwrap();
    assert_eq!(
        (published.program.clone(), published.version, published.publisher.clone()),
        (noodles(), 1, key(1).id())
    );
    assert!(published.changed);
    let home = home.again().await;
    for program in [ProgramRef::Id(noodles()), ProgramRef::Short(ShortId::of(&noodles()))] {
        let installed = home.registry.resolve(program.clone()).await.unwrap();
        assert_eq!((installed.digest, &installed.publisher), (published.digest, &published.publisher));
        assert_eq!(home.registry.open_verified(program).unwrap().digest, published.digest);
        assert_eq!(&*installed.wasm().await.unwrap(), COMPONENT);
        let icon = installed.asset("common/icon.svg").await.unwrap();
        assert_eq!((icon.content_type, &*icon.bytes), ("image/svg+xml", ICON.as_bytes()));
        assert_eq!((installed.name("zh-CN"), installed.name("en")), ("面馆", "Noodles"));
        for path in ["app.wasm", "manifest.json", "i18n/zh.json", "common/none.svg", "../index.json", ""] {
            assert_eq!(installed.asset(path).await.unwrap_err().code(), "no-asset", "{path}");
        }
    }
    assert_eq!(
        home.registry.resolve(ProgramId::from("org.example.none")).await.unwrap_err().code(),
        "not-found"
    );
    assert!(home.registry.by_digest(&published.digest).is_some());
    let publisher = &home.registry.publishers()[0];
    assert_eq!(
        (publisher.name.as_str(), publisher.allowed, &publisher.programs),
        ("One", true, &vec![noodles()])
    );
    assert_eq!(home.registry.list()[0].publisher_name, "One");
}

#[tokio::test]
async fn everything_on_disk_is_private() {
    let home = Home::new().await;
    home.registry.publish(package(1)).await.unwrap();
    for path in home.tree().into_iter().map(|(path, _)| path).chain([PathBuf::new()]) {
        let mode = std::fs::metadata(home.path().join(&path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path:?} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_publisher_must_be_allowed() {
    let home = Home::new().await;
    check(
        &home,
        package_of(3, "org.example.noodles", 1, ""),
        "unknown-publisher",
        key(3).id().as_str(),
    )
    .await;
    home.registry.publish(package(1)).await.unwrap();
    let held = home.registry.open_verified(noodles()).unwrap();
    home.registry.disallow(&key(1).id()).await.unwrap();
    let home = home.again().await;
    check(&home, package(2), "disallowed", "One").await;
    assert_eq!(home.registry.open_verified(noodles()).unwrap_err().code(), "disallowed");
    assert_eq!(home.registry.resolve(noodles()).await.unwrap_err().code(), "disallowed");
    assert!(home.registry.by_digest(&held.digest).is_none());
    assert!(!home.registry.list()[0].allowed);
    home.registry.set_allowed(&key(1).id(), true).await.unwrap();
    assert!(home.registry.open_verified(noodles()).is_ok());
    assert_eq!(home.registry.disallow(&key(3).id()).await.unwrap_err().code(), "unknown-publisher");
    assert_eq!(
        home.registry.allow_publisher("  ", &key(3).public()).await.unwrap_err().code(),
        "invalid"
    );
}

#[tokio::test]
async fn a_program_stays_with_its_key_and_its_version_rises() {
    let home = Home::new().await;
    home.registry.publish(package(5)).await.unwrap();
    check(
        &home,
        package_of(2, "org.example.noodles", 6, ""),
        "changed-key",
        "belongs to publisher",
    )
    .await;
    check(&home, package(4), "downgrade", "raise version.code above 5").await;
    check(
        &home,
        package_of(1, "org.example.noodles", 5, "other content"),
        "downgrade",
        "above 5",
    )
    .await;
    let mut altered = package(6);
    altered[100] ^= 1;
    check(&home, altered, "package", "").await;
    let before = home.tree();
    assert!(!home.registry.publish(package(5)).await.unwrap().changed);
    assert_eq!(home.tree(), before);
    let newer = common::draft("org.example.noodles", 6, "").with(
        "manifest.json",
        common::manifest("org.example.noodles", 6).replace("\"min_code\": 1", "\"min_code\": 2"),
    );
    check(
        &home,
        newer.sign(&key(1), &Default::default()).unwrap(),
        "newer-platform",
        "needs platform 2, this host is platform 1",
    )
    .await;
}

#[tokio::test]
async fn two_programs_with_one_short_id_are_not_both_admitted() {
    // Found by search: 40 bits of both hashes are the same.
    let (first, second) = common::COLLIDING;
    assert_eq!(ShortId::of(&first.into()), ShortId::of(&second.into()), "the pair collides");
    let home = Home::new().await;
    home.registry.publish(package_of(1, first, 1, "")).await.unwrap();
    check(&home, package_of(1, second, 1, ""), "short-id-taken", first).await;
    home.registry.publish(package_of(1, first, 2, "")).await.unwrap();
}

#[tokio::test]
async fn rolling_back_swaps_versions_and_does_not_open_the_way_for_old_ones() {
    let home = Home::new().await;
    assert_eq!(home.registry.rollback(&noodles()).await.unwrap_err().code(), "not-found");
    home.registry.publish(package(1)).await.unwrap();
    assert_eq!(home.registry.rollback(&noodles()).await.unwrap_err().code(), "nothing-to-roll-back");
    let first = home.registry.open_verified(noodles()).unwrap();
    home.registry.publish(package(2)).await.unwrap();
    assert_eq!(home.registry.rollback(&noodles()).await.unwrap().version, 1);
    let home = home.again().await;
    assert_eq!(home.registry.open_verified(noodles()).unwrap().digest, first.digest);
    assert_eq!(home.registry.list()[0].previous, Some(2));
    assert!(
        !home.registry.publish(package(2)).await.unwrap().changed,
        "an operator's choice is not undone by publishing again"
    );
    assert_eq!(home.registry.open_verified(noodles()).unwrap().manifest.version.code, 1);
    check(&home, package_of(1, "org.example.noodles", 2, "other"), "downgrade", "above 2").await;
    home.registry.publish(package(3)).await.unwrap();
    assert_eq!(
        home.registry.list()[0].previous,
        Some(1),
        "what was current before can be gone back to"
    );
    assert_eq!(home.registry.rollback(&noodles()).await.unwrap().version, 1);
}

#[tokio::test]
async fn an_old_version_lives_as_long_as_somebody_holds_it() {
    let home = Home::new().await;
    home.registry.publish(package(1)).await.unwrap();
    let held = home.registry.open_verified(noodles()).unwrap();
    for code in 2..=4 {
        home.registry.publish(package(code)).await.unwrap();
    }
    assert_eq!(&*held.wasm().await.unwrap(), COMPONENT);
    let path = home.path().join("packages").join(held.digest.to_string());
    assert!(path.exists());
    drop(held);
    assert!(!path.exists());
    assert_eq!(
        std::fs::read_dir(home.path().join("packages")).unwrap().count(),
        2,
        "current and previous"
    );
}

/// Whether opening the program, or reading something out of it, says that it was altered.
async fn is_noticed(home: &Home) -> bool {
    let installed = match home.registry.open_verified(noodles()) {
        Ok(installed) => installed,
        Err(error) => return error.code() == "corrupt",
    };
    let mut noticed = installed.wasm().await.is_err_and(|error| error.code() == "corrupt");
    for entry in installed.entries().iter().filter(|entry| entry.name.starts_with("common/")) {
        noticed |= installed.asset(&entry.name).await.is_err_and(|error| error.code() == "corrupt");
    }
    noticed
}

#[tokio::test]
async fn any_byte_altered_on_disk_is_noticed_and_publishing_again_repairs_it() {
    let mut home = Home::new().await;
    let digest = home.registry.publish(package(1)).await.unwrap().digest;
    assert!(!is_noticed(&home).await);
    let folder = home.path().join("packages").join(digest.to_string());
    for file in ["seal", "record.json", "content"] {
        let path = folder.join(file);
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            std::fs::write(&path, &bad).unwrap();
            assert!(file != "seal" || is_noticed(&home).await, "{file} byte {at}, while running");
            home = home.again().await;
            assert!(is_noticed(&home).await, "{file} byte {at}, after a restart");
        }
        // The first time it is known to be altered since the start, the second time it happens behind the host's back.
        for _ in 0..2 {
            assert!(!home.registry.publish(package(1)).await.unwrap().changed);
            assert_eq!(std::fs::read(&path).unwrap(), good, "{file} is repaired");
            assert!(!is_noticed(&home).await);
            std::fs::write(&path, &good[1..]).unwrap();
        }
        home.registry.publish(package(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_version_that_was_altered_while_the_host_was_off_leaves_the_others_alone() {
    let home = Home::new().await;
    let digest = home.registry.publish(package(1)).await.unwrap().digest;
    home.registry.publish(package_of(1, "org.example.tea", 1, "")).await.unwrap();
    std::fs::remove_file(home.path().join("packages").join(digest.to_string()).join("record.json")).unwrap();
    let home = home.again().await;
    assert_eq!(home.registry.open_verified(noodles()).unwrap_err().code(), "corrupt");
    assert!(home.registry.open_verified(ProgramId::from("org.example.tea")).is_ok());
    home.registry.publish(package(1)).await.unwrap();
    assert!(home.registry.open_verified(noodles()).is_ok());
}

#[tokio::test]
async fn what_a_kill_left_half_written_is_swept_away() {
    let home = Home::new().await;
    let digest = home.registry.publish(package(1)).await.unwrap().digest;
    let (good, index) = (home.tree(), std::fs::read(home.path().join("index.json")).unwrap());
    let half = home.path().join("temp/0");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("content"), "half").unwrap();
    std::fs::write(home.path().join("temp/1"), &index[..index.len() / 2]).unwrap();
    // Renamed into place, but the index was not written any more.
    let orphan = home.path().join("packages").join("0".repeat(64));
    std::fs::create_dir(&orphan).unwrap();
    std::fs::write(orphan.join("seal"), "x").unwrap();
    std::fs::write(home.path().join("packages/stray"), "x").unwrap();
    let home = home.again().await;
    assert_eq!(home.tree(), good);
    assert_eq!(home.registry.open_verified(noodles()).unwrap().digest, digest);
    std::fs::write(home.path().join("index.json"), &index[..index.len() / 2]).unwrap();
    let (dir, registry) = home.apart();
    drop(registry);
    assert_eq!(
        Registry::open(dir.path(), RegistryOptions::default()).await.unwrap_err().code(),
        "damaged-index"
    );
    assert!(
        dir.path().join("packages").join(digest.to_string()).exists(),
        "nothing is swept when the index can't be read"
    );
}

#[tokio::test]
async fn one_folder_serves_one_host() {
    let home = Home::new().await;
    let error = Registry::open(home.path(), RegistryOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "in-use");
    home.again().await;
}

#[tokio::test]
async fn everything_is_bounded() {
    let home = Home::with(RegistryOptions {
        programs: 1,
        publishers: 2,
        ..RegistryOptions::default()
    })
    .await;
    home.registry.publish(package(1)).await.unwrap();
    check(&home, package_of(1, "org.example.tea", 1, ""), "full", "at most 1").await;
    assert_eq!(
        home.registry.allow_publisher("Three", &key(3).public()).await.unwrap_err().code(),
        "full"
    );
    home.registry.publish(package(2)).await.unwrap();
}

#[tokio::test]
async fn many_who_publish_at_once_get_one_after_the_other() {
    let home = Home::new().await;
    let tasks: Vec<_> = (1..=12_u32)
        .map(|code| {
            let registry = home.registry.clone();
            tokio::spawn(async move { registry.publish(package(code)).await })
        })
        .collect();
    let mut highest = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(published) => highest = highest.max(published.version),
            Err(error) => assert_eq!(error.code(), "downgrade", "{error}"),
        }
    }
    assert_eq!(highest, 12);
    let home = home.again().await;
    assert_eq!(home.registry.open_verified(noodles()).unwrap().manifest.version.code, 12);
}

#[tokio::test]
#[ignore = "a measurement, not a check: run with --release and --nocapture"]
async fn how_long_opening_takes() {
    let home = Home::new().await;
    home.registry.publish(package(1)).await.unwrap();
    let mut times: Vec<u128> = (0..5_000)
        .map(|_| {
            let start = std::time::Instant::now();
            home.registry.open_verified(noodles()).unwrap();
            start.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    eprintln!(
        "open_verified: p50 {} ns, p99 {} ns",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
    let start = std::time::Instant::now();
    home.registry.publish(package(2)).await.unwrap();
    eprintln!("publish: {} us", start.elapsed().as_micros());
    let start = std::time::Instant::now();
    home.again().await;
    eprintln!("open of a registry with two versions: {} us", start.elapsed().as_micros());
}
