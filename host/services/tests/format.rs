//! A data folder says which format it has, and only a version that reads it opens it.

use std::path::Path;
use youji_services::{OpenError, Services, ServicesConfig};

fn open(dir: &Path) -> Result<std::sync::Arc<Services>, OpenError> {
    tokio::task::block_in_place(|| Services::open(ServicesConfig::new(dir)))
}

/// Opening it is refused with these words, and changes nothing.
fn check_refused(dir: &Path, words: &[&str]) {
    let before = files(dir);
    let error = open(dir).expect_err("another format").to_string();
    for word in words {
        assert!(error.contains(word), "\"{word}\" is missing: {error}");
    }
    assert_eq!(files(dir), before);
}

fn files(dir: &Path) -> Vec<(String, u64)> {
    let listed = std::fs::read_dir(dir).unwrap().map(|item| item.unwrap());
    let mut found: Vec<_> = listed
        .map(|item| (item.file_name().to_string_lossy().into_owned(), item.metadata().unwrap().len()))
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_another_format_is_refused_with_what_to_do() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("services");
    let services = open(&dir).unwrap();
    let guest = services.create_visitor("en").await.unwrap();
    services.shutdown().await;
    drop(services);
    let format = dir.join("format");
    let own = std::fs::read_to_string(&format).unwrap();

    // As the versions before left it: no file.
    std::fs::remove_file(&format).unwrap();
    check_refused(&dir, &["format 1", "--data DIR", "remove this one"]);
    std::fs::write(&format, "99\n").unwrap();
    check_refused(&dir, &["format 99", "--data DIR", "newer version"]);
    std::fs::write(&format, "two").unwrap();
    check_refused(&dir, &["a number", "backup"]);

    std::fs::write(&format, own).unwrap();
    let services = open(&dir).unwrap();
    assert_eq!(services.person(&guest.id), Some(guest));
    services.shutdown().await;
}
