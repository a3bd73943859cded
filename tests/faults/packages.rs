//! Packages that are refused at the door: what their author reads, and that the version that runs still runs.

use crate::support::{PERMISSIONS, PROGRAM, component, config, draft, furnish, key, seeded, sign};
use anyhow::Result;
use rand::Rng;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use youji_kiosk::{Host, OpenRequest, Target};
use youji_package::{Channel, PackageLimits, PublisherKey};
use youji_runtime::EndReason;
use zip::write::SimpleFileOptions;

struct Door {
    host: Arc<Host>,
    folder: tempfile::TempDir,
}

impl Door {
    async fn new() -> Result<Door> {
        let folder = tempfile::tempdir()?;
        let host = Host::new(config(&folder.path().join("data"))).await?;
        furnish(&host).await?;
        Ok(Door { host, folder })
    }

    /// Every file of the registry with its content.
    fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        fn walk(at: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
            for entry in std::fs::read_dir(at)? {
                let path = entry?.path();
                if path.is_dir() {
                    walk(&path, into)?;
                } else {
                    into.push((path.clone(), std::fs::read(&path)?));
                }
            }
            Ok(())
        }
        let mut files = Vec::new();
        walk(&self.folder.path().join("data/registry"), &mut files)?;
        files.sort();
        Ok(files)
    }

    /// Refused with that code and words; nothing on disk changed.
    async fn check(&self, bytes: Vec<u8>, code: &str, says: &str) -> Result<()> {
        let before = self.files()?;
        let error = match self.host.registry().publish(bytes).await {
            Err(error) => error,
            Ok(published) => panic!("published, though {says:?} was expected: {published:?}"),
        };
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says), "expected {says:?} in: {error}");
        assert!(before == self.files()?, "files changed after: {error}");
        Ok(())
    }

    /// Opens the program and names its version.
    async fn version(&self) -> Result<String> {
        let visitor = self.host.services().create_visitor("en").await.map_err(crate::support::failed)?;
        let request = OpenRequest {
            target: Target::Page {
                program: PROGRAM.into(),
                page: String::new(),
                query: Vec::new(),
                channel: Channel::Release,
            },
            cause: "link".into(),
            language: "en".into(),
            from_program: None,
            accepted: None,
        };
        let opened = Box::pin(self.host.open(&visitor.id, request)).await?;
        opened.session.close(EndReason::Closed).await;
        Ok(opened.program.version)
    }
}

/// A ZIP of whatever one likes, with a signature block that fits nothing.
fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a name");
        writer.write_all(bytes).expect("written");
    }
    let plain = writer.finish().expect("a ZIP").into_inner();
    let end = plain.len() - 22;
    let mut four = [0; 4];
    four.copy_from_slice(&plain[end + 16..end + 20]);
    let directory = u32::from_le_bytes(four);
    let (files, rest) = plain.split_at(directory as usize);
    let mut bytes = [files, b"YJSIGN01", &[1; 96], rest].concat();
    let at = bytes.len() - 6;
    bytes[at..at + 4].copy_from_slice(&(directory + 104).to_le_bytes());
    bytes
}

fn unsigned(signed: &[u8]) -> Vec<u8> {
    let block = signed.windows(8).position(|window| window == b"YJSIGN01").expect("a block");
    let mut bytes = [&signed[..block], &signed[block + 104..]].concat();
    let at = bytes.len() - 6;
    bytes[at..at + 4].copy_from_slice(&(block as u32).to_le_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_refused_changes_nothing_and_says_why() -> Result<()> {
    let door = Door::new().await?;
    let second = sign(&draft(2, &PERMISSIONS));
    door.host.registry().publish(second.clone()).await?;
    let third = sign(&draft(3, &PERMISSIONS));

    door.check(unsigned(&third), "package", "not signed").await?;
    let mut random = seeded();
    for _ in 0..100 {
        let mut altered = third.clone();
        let at = random.random_range(0..altered.len());
        altered[at] ^= 1 << random.random_range(0..8);
        door.check(altered, "package", "").await?;
    }
    door.check(third[..third.len() / 2].to_vec(), "package", "").await?;
    door.check(b"GIF89a, which is something else altogether".to_vec(), "package", "not a ZIP")
        .await?;
    door.check(Vec::new(), "package", "").await?;

    let old = sign(&draft(1, &PERMISSIONS).with("common/other.txt", "other"));
    door.check(old, "downgrade", "raise version.code above 2").await?;
    let mallory = PublisherKey::from_seed(&[8; 32]);
    let theirs = draft(3, &PERMISSIONS).sign(&mallory, &PackageLimits::default())?;
    door.check(theirs.clone(), "unknown-publisher", "not allowed on this host").await?;
    door.host.registry().allow_publisher("Mallory", &mallory.public()).await?;
    door.check(theirs, "changed-key", &key().id().to_string()).await?;

    door.check(zip_of(&[("common/../../../etc/passwd", b"x")]), "package", "leads out")
        .await?;
    door.check(zip_of(&[("/etc/passwd", b"x")]), "package", "absolute").await?;
    door.check(zip_of(&[("common/A.txt", b"x"), ("common/a.txt", b"y")]), "package", "same name")
        .await?;
    door.check(zip_of(&[("common/a.txt", &vec![0; 17 << 20])]), "package", "common/a.txt")
        .await?;
    assert!(!door.folder.path().join("etc").exists());

    assert_eq!(door.version().await?, "2", "what ran before still runs");
    door.host.registry().publish(third).await?;
    assert_eq!(door.version().await?, "3", "and the good one is taken");
    door.host.shutdown().await;
    Ok(())
}

/// What could never run must not take the place of what does.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_wants_more_than_its_manifest_requests_does_not_install() -> Result<()> {
    let door = Door::new().await?;
    for missing in PERMISSIONS {
        let others: Vec<&str> = PERMISSIONS.into_iter().filter(|name| *name != missing).collect();
        let line = format!("{{\"name\": \"{missing}\"");
        door.check(sign(&draft(2, &others)), "component", &line).await?;
    }
    let renamed = String::from_utf8_lossy(b"youji:miniapp/klock@").into_owned();
    let mut wasm = component().to_vec();
    let places: Vec<usize> = wasm
        .windows(20)
        .enumerate()
        .filter(|(_, name)| *name == b"youji:miniapp/clock@")
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        wasm[at..at + 20].copy_from_slice(renamed.as_bytes());
    }
    door.check(sign(&draft(2, &PERMISSIONS).with("app.wasm", wasm)), "component", "klock")
        .await?;
    let hollow = b"\0asm\x0d\0\x01\0".as_slice();
    door.check(
        sign(&draft(2, &PERMISSIONS).with("app.wasm", hollow)),
        "component",
        "does not export",
    )
    .await?;
    let cut = &component()[..component().len() / 2];
    door.check(
        sign(&draft(2, &PERMISSIONS).with("app.wasm", cut)),
        "component",
        "not a WebAssembly component",
    )
    .await?;
    assert_eq!(door.version().await?, "1");
    door.host.shutdown().await;
    Ok(())
}
