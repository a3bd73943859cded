//! Keys: sealed values open for their person and purpose only, and never after the key is destroyed.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};
use youji_store::{KeyError, Keyring};

#[test]
fn sealed_values_open_for_their_person_and_purpose_only() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::open(dir.path()).unwrap();
    assert!(matches!(ring.seal("ada", b"note", b"x"), Err(KeyError::Missing)));
    ring.create("ada").unwrap();
    ring.create("bob").unwrap();
    ring.create("ada").unwrap();
    let sealed = ring.seal("ada", b"note", b"lives in Shenzhen").unwrap();
    assert_eq!(sealed.len(), 17 + 41);
    assert_ne!(
        sealed,
        ring.seal("ada", b"note", b"lives in Shenzhen").unwrap(),
        "equal values do not look equal"
    );
    for ring in [ring.clone(), Keyring::open(dir.path()).unwrap()] {
        assert_eq!(ring.open_sealed("ada", b"note", &sealed).unwrap(), b"lives in Shenzhen");
        assert!(matches!(ring.open_sealed("bob", b"note", &sealed), Err(KeyError::Altered)));
        assert!(matches!(ring.open_sealed("ada", b"name", &sealed), Err(KeyError::Altered)));
    }
    for place in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[place] ^= 1;
        assert!(
            matches!(ring.open_sealed("ada", b"note", &altered), Err(KeyError::Altered)),
            "byte {place}"
        );
        assert!(
            matches!(ring.open_sealed("ada", b"note", &sealed[..place]), Err(KeyError::Altered)),
            "cut at {place}"
        );
    }
}

#[test]
fn a_destroyed_key_is_gone_from_the_disk_and_stays_gone() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::open(dir.path()).unwrap();
    ring.create("ada").unwrap();
    ring.create("bob").unwrap();
    let sealed = ring.seal("ada", b"note", b"secret").unwrap();
    let bobs = ring.seal("bob", b"note", b"secret").unwrap();
    for item in fs::read_dir(dir.path()).unwrap() {
        let item = item.unwrap();
        assert_eq!(item.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!item.file_name().to_string_lossy().contains("ada"));
    }
    // A name that stays on the file's bytes shows what was overwritten.
    let keys: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|item| item.unwrap().path()).collect();
    let outside = tempfile::tempdir_in(dir.path().parent().unwrap()).unwrap();
    for (n, key) in keys.iter().enumerate() {
        fs::hard_link(key, outside.path().join(n.to_string())).unwrap();
    }
    ring.destroy("ada").unwrap();
    ring.destroy("ada").unwrap();
    let zeroed = (0..keys.len())
        .filter(|n| fs::read(outside.path().join(n.to_string())).unwrap() == [0; 32])
        .count();
    assert_eq!(zeroed, 1, "the key's bytes were overwritten where they stood");
    for ring in [ring.clone(), Keyring::open(dir.path()).unwrap()] {
        assert!(matches!(ring.open_sealed("ada", b"note", &sealed), Err(KeyError::Forgotten)));
        assert!(matches!(ring.seal("ada", b"note", b"x"), Err(KeyError::Forgotten)));
        assert!(matches!(ring.create("ada"), Err(KeyError::Forgotten)));
        assert!(!ring.has("ada") && ring.has("bob"));
        assert_eq!(ring.open_sealed("bob", b"note", &bobs).unwrap(), b"secret");
    }
    let left = fs::read_dir(dir.path())
        .unwrap()
        .filter(|item| item.as_ref().unwrap().path().extension().unwrap() == "key")
        .count();
    assert_eq!(left, 1);
}

/// A crash between the mark and the overwriting: the next start finishes it.
#[test]
fn an_interrupted_destruction_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::open(dir.path()).unwrap();
    ring.create("ada").unwrap();
    drop(ring);
    let key = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    fs::write(key.with_extension("gone"), b"").unwrap();
    fs::write(dir.path().join("half.new"), b"half a key").unwrap();
    let ring = Keyring::open(dir.path()).unwrap();
    assert!(!key.exists() && !dir.path().join("half.new").exists());
    assert!(matches!(ring.create("ada"), Err(KeyError::Forgotten)));
}

/// A key's file takes as long as it likes: whoever needs another key does not wait.
#[test]
fn nobody_waits_for_the_key_of_somebody_else() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::open(dir.path()).unwrap();
    ring.create("ada").unwrap();
    ring.create("eve").unwrap();
    ring.create("bob").unwrap();
    let sealed = ring.seal("eve", b"note", b"secret").unwrap();
    let bobs = ring.seal("bob", b"note", b"slow").unwrap();
    // Bob's key comes out of a pipe into which nobody has written yet.
    let name: String = Sha256::digest("youji person bob")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let file = dir.path().join(name).with_extension("key");
    let key = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let ring = Keyring::open(dir.path()).unwrap();
    let slow = std::thread::spawn({
        let ring = ring.clone();
        move || ring.open_sealed("bob", b"note", &bobs)
    });
    // Opened only once there is somebody at its other end.
    let mut pipe = OpenOptions::new().write(true).open(&file).unwrap();
    let (done, told) = std::sync::mpsc::channel();
    let others = std::thread::spawn(move || {
        ring.seal("ada", b"note", b"x").unwrap();
        assert_eq!(ring.open_sealed("eve", b"note", &sealed).unwrap(), b"secret");
        assert!(!ring.has("nobody"));
        ring.create("joe").unwrap();
        ring.destroy("eve").unwrap();
        assert!(matches!(ring.seal("eve", b"note", b"x"), Err(KeyError::Forgotten)));
        done.send(()).unwrap();
    });
    let unhindered = told.recv_timeout(Duration::from_secs(60));
    pipe.write_all(&key).unwrap();
    assert_eq!(slow.join().unwrap().unwrap(), b"slow");
    others.join().unwrap();
    unhindered.expect("the others are done while bob's key is still being read");
}
