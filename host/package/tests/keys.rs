//! Keys come back as they were saved, or not at all.

use youji_package::{PublicKey, PublisherKey, ScanKeys};

#[test]
fn a_key_is_saved_and_loaded() {
    let key = PublisherKey::generate().unwrap();
    let back = PublisherKey::load(&key.save()).unwrap();
    assert_eq!((back.id(), back.public()), (key.id(), key.public()));
    assert_eq!(PublicKey::load(&key.public().save()).unwrap(), key.public());
    assert_eq!(PublicKey::load(&key.public().to_hex()).unwrap(), key.public());
    assert_eq!(key.id().as_str().len(), 16);
    assert!(
        !format!("{key:?}").contains(&key.save()[key.save().len() - 70..]),
        "secrets are not printed"
    );
    assert_ne!(PublisherKey::generate().unwrap().id(), key.id());
}

#[test]
fn a_key_file_that_was_changed_is_refused_by_member() {
    let key = PublisherKey::from_seed(&[1; 32]);
    let (secret, public) = (key.save().to_string(), key.public().save());
    let other = PublisherKey::from_seed(&[2; 32]);
    for (text, says) in [
        (secret.replace(key.id().as_str(), other.id().as_str()), "id does not belong"),
        (
            secret.replace(&key.public().to_hex(), &other.public().to_hex()),
            "public does not belong",
        ),
        (secret.replace("\"version\": 1", "\"version\": 2"), "version 2"),
        (secret.replace("0101", "01zz"), "64 lower-case hexadecimal"),
        (public.clone(), "youji public key"),
        (String::new(), "EOF"),
        ("x".repeat(100_000), "100000 bytes"),
    ] {
        let error = PublisherKey::load(&text).unwrap_err().to_string();
        assert!(error.contains(says), "expected {says:?} in: {error}");
    }
    assert!(PublicKey::load(&secret).is_err(), "a secret key is not taken for a public one");
    assert!(PublicKey::from_hex(&"0".repeat(64)).is_err(), "a point of small order");
    assert!(ScanKeys::load(r#"{"kind": "youji scan keys", "version": 1, "keys": []}"#).is_err());
}
