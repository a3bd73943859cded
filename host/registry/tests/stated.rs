//! What publishers state: channels, withdrawn versions, the operator's choice, and programs that come from elsewhere.

mod common;

use async_trait::async_trait;
use common::{Home, key, package, package_of};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use youji_api::ProgramId;
use youji_package::{Channel, Digest, Package, PackageLimits, ShortId, SignedStatement, StatedVersion, Statement};
use youji_registry::{Registry, RegistryError, RegistryOptions, Source, Tagged};

fn noodles() -> ProgramId {
    ProgramId::from("org.example.noodles")
}

fn stated(bytes: &[u8], channel: Channel) -> StatedVersion {
    let package = Package::open(bytes, &PackageLimits::default()).unwrap();
    StatedVersion {
        code: package.manifest.version.code,
        name: package.manifest.version.name,
        channel,
        digest: package.digest,
        yanked: None,
    }
}

/// What the publisher says after `before`, once that package is there.
fn next(before: Option<&Statement>, bytes: &[u8], channel: Channel) -> Statement {
    Statement::publish(before, &noodles(), stated(bytes, channel), 100).unwrap()
}

impl Home {
    async fn say(&self, package: Option<Vec<u8>>, statement: &Statement) -> Result<bool, RegistryError> {
        let signed = statement.clone().sign(&key(1));
        self.registry
            .publish_stated(package, signed)
            .await
            .map(|published| published.changed)
    }

    fn code(&self, channel: Channel) -> Result<u32, &'static str> {
        let found = self.registry.find_in(noodles(), channel);
        found.map(|installed| installed.manifest.version.code).map_err(|error| error.code())
    }
}

#[tokio::test]
async fn a_trial_is_for_who_asks_for_it_until_it_is_released() {
    let home = Home::new().await;
    let first = next(None, &package(1), Channel::Trial);
    home.say(Some(package(1)), &first).await.unwrap();
    assert_eq!((home.code(Channel::Release), home.code(Channel::Trial)), (Err("not-found"), Ok(1)));
    assert!(!home.registry.list()[0].open, "nobody sees it in a list");

    // The same package for everybody: nothing is sent again.
    let released = next(Some(&first), &package(1), Channel::Release);
    home.say(None, &released).await.unwrap();
    assert_eq!((home.code(Channel::Release), home.code(Channel::Trial)), (Ok(1), Err("no-trial")));

    let second = next(Some(&released), &package(2), Channel::Trial);
    home.say(Some(package(2)), &second).await.unwrap();
    let home = home.again().await;
    assert_eq!((home.code(Channel::Release), home.code(Channel::Trial)), (Ok(1), Ok(2)));
    let third = next(Some(&second), &package(3), Channel::Release);
    home.say(Some(package(3)), &third).await.unwrap();
    assert_eq!(
        (home.code(Channel::Release), home.code(Channel::Trial)),
        (Ok(3), Err("no-trial")),
        "older than what everybody has"
    );

    // A number that was tried out with other content is taken, whatever the statement says.
    let fourth = next(Some(&third), &package(4), Channel::Trial);
    home.say(Some(package(4)), &fourth).await.unwrap();
    let other = package_of(1, noodles().as_str(), 4, "other");
    let mut forged = fourth.clone();
    forged.serial += 1;
    forged.versions.retain(|version| version.code != 4);
    forged.versions.push(stated(&other, Channel::Release));
    assert_eq!(home.say(Some(other), &forged).await.unwrap_err().code(), "downgrade");
    assert!(
        matches!(Statement::publish(Some(&fourth), &noodles(), stated(&package_of(1, noodles().as_str(), 4, "other"), Channel::Release), 0), Err(error) if error.code() == "code-taken")
    );
}

#[tokio::test]
async fn what_was_withdrawn_does_not_open_and_an_old_statement_does_not_bring_it_back() {
    let home = Home::new().await;
    let first = next(None, &package(1), Channel::Release);
    let second = next(Some(&first), &package(2), Channel::Release);
    home.say(Some(package(1)), &first).await.unwrap();
    home.say(Some(package(2)), &second).await.unwrap();
    let held = home.registry.open_verified(noodles()).unwrap();
    let yanked = second.yank(2, "wrong prices", 0).unwrap();
    assert!(home.say(None, &yanked).await.unwrap());
    assert!(!home.say(None, &yanked).await.unwrap(), "the same again changes nothing");
    for home in [home.again().await] {
        let error = home.registry.open_verified(noodles()).unwrap_err();
        assert_eq!(error.code(), "yanked");
        assert!(
            error
                .to_string()
                .contains("version 2 of org.example.noodles was withdrawn by its publisher (\"wrong prices\")"),
            "{error}"
        );
        assert!(!home.registry.list()[0].open);
        assert!(
            home.registry.by_digest(&held.digest).is_some(),
            "whoever is in it still gets its pictures"
        );
        assert!(home.registry.package_file(&held.digest).await.unwrap().is_none());
        assert_eq!(home.say(Some(package(2)), &yanked).await.unwrap_err().code(), "yanked");
        for older in [&second, &first] {
            assert_eq!(home.say(None, older).await.unwrap_err().code(), "replayed");
        }
        let mut same_number = second.clone();
        same_number.serial = yanked.serial;
        assert_eq!(home.say(None, &same_number).await.unwrap_err().code(), "replayed");
        assert!(
            matches!(Statement::publish(Some(&yanked), &noodles(), stated(&package(2), Channel::Release), 0), Err(error) if error.code() == "settled")
        );

        home.registry.rollback(&noodles()).await.unwrap();
        assert_eq!(home.code(Channel::Release), Ok(1));
        assert_eq!(home.registry.rollback(&noodles()).await.unwrap_err().code(), "yanked");
    }
}

#[tokio::test]
async fn what_the_operator_chose_stays_until_the_newest_is_chosen() {
    let home = Home::new().await;
    let mut said = None;
    for code in 1..=2 {
        let statement = next(said.as_ref(), &package(code), Channel::Release);
        home.say(Some(package(code)), &statement).await.unwrap();
        said = Some(statement);
    }
    home.registry.choose(&noodles(), 1, Channel::Release).await.unwrap();
    assert!(home.registry.list()[0].held);
    let third = next(said.as_ref(), &package(3), Channel::Release);
    home.registry.receive(Some(package(3)), third.clone().sign(&key(1))).await.unwrap();
    let home = home.again().await;
    assert_eq!((home.code(Channel::Release), home.registry.list()[0].previous), (Ok(1), Some(3)));
    home.registry.rollback(&noodles()).await.unwrap();
    assert!(!home.registry.list()[0].held && home.code(Channel::Release) == Ok(3));
    let fourth = next(Some(&third), &package(4), Channel::Release);
    home.registry.receive(Some(package(4)), fourth.sign(&key(1))).await.unwrap();
    assert_eq!(home.code(Channel::Release), Ok(4));
    // Of 1, which is not here any more, nothing is had where there is no registry to ask.
    let error = home.registry.choose(&noodles(), 1, Channel::Release).await.unwrap_err();
    assert!(
        error.code() == "invalid" && error.to_string().contains("there are 1, 2, 3, 4"),
        "{error}"
    );
}

#[tokio::test]
async fn a_statement_and_its_package_belong_together() {
    let home = Home::new().await;
    let right = next(None, &package(1), Channel::Release);
    let check = async |package: Vec<u8>, statement: SignedStatement, code: &str| {
        let before = home.tree();
        let error = home.registry.publish_stated(Some(package), statement).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(home.tree(), before, "a refusal leaves nothing");
    };
    check(package(2), right.clone().sign(&key(1)), "not-stated").await;
    check(package_of(2, noodles().as_str(), 1, ""), right.clone().sign(&key(1)), "not-stated").await;
    check(package_of(1, "org.example.tea", 1, ""), right.clone().sign(&key(1)), "not-stated").await;
    check(package(1), right.clone().sign(&key(3)), "unknown-publisher").await;
    home.say(Some(package(1)), &right).await.unwrap();
    check(package(1), right.sign(&key(2)), "changed-key").await;
    // Any one altered character of a signed statement is refused.
    let text = next(None, &package(1), Channel::Release).sign(&key(1)).text().to_owned();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(altered) = String::from_utf8(bytes) {
            assert!(SignedStatement::parse(&altered).is_err(), "byte {at}");
        }
    }
}

/// A place to fetch from, in this process.
#[derive(Default)]
struct Shelf {
    name: &'static str,
    statements: parking_lot::Mutex<Vec<SignedStatement>>,
    packages: parking_lot::Mutex<HashMap<Digest, Vec<u8>>>,
    asked: AtomicUsize,
    fetched: AtomicUsize,
}

impl Shelf {
    fn put(&self, bytes: &[u8], statement: SignedStatement) {
        self.packages
            .lock()
            .insert(Package::open(bytes, &PackageLimits::default()).unwrap().digest, bytes.to_vec());
        let mut statements = self.statements.lock();
        statements.retain(|known| known.statement.program != statement.statement.program || known.publisher != statement.publisher);
        statements.push(statement);
    }
}

#[async_trait]
impl Source for Shelf {
    fn name(&self) -> &str {
        self.name
    }

    async fn index(&self, _: &str) -> Result<Option<Tagged>, RegistryError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let statements: Vec<String> = self.statements.lock().iter().map(|signed| signed.text().to_owned()).collect();
        let bytes = serde_json::to_vec(&serde_json::json!({"format": 1, "statements": statements})).unwrap();
        Ok(Some(Tagged { bytes, tag: String::new() }))
    }

    async fn package(&self, digest: &Digest) -> Result<Option<Vec<u8>>, RegistryError> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(self.packages.lock().get(digest).cloned())
    }
}

async fn with(shelves: &[&Arc<Shelf>], remember: Duration) -> Home {
    Home::with(RegistryOptions {
        sources: shelves.iter().map(|shelf| Arc::clone(shelf) as Arc<dyn Source>).collect(),
        remember,
        ..RegistryOptions::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_want_one_program_fetch_it_once_and_what_is_not_there_is_asked_for_once() {
    let shelf = Arc::new(Shelf {
        name: "shelf",
        ..Shelf::default()
    });
    shelf.put(&package(1), next(None, &package(1), Channel::Release).sign(&key(1)));
    let home = with(&[&shelf], Duration::from_secs(3_600)).await;
    assert_eq!(
        home.registry.open_verified(noodles()).unwrap_err().code(),
        "not-found",
        "only resolving asks"
    );
    let wanted = (0..20).map(|_| {
        let registry: Registry = home.registry.clone();
        tokio::spawn(async move {
            registry
                .resolve(ShortId::of(&noodles()))
                .await
                .map(|installed| installed.manifest.version.code)
        })
    });
    for one in wanted.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().unwrap(), 1);
    }
    for number in 0..50 {
        let none = home
            .registry
            .resolve(ProgramId::from(format!("org.example.none{number}").as_str()))
            .await;
        assert_eq!(none.unwrap_err().code(), "not-found");
    }
    assert_eq!((shelf.asked.load(Ordering::SeqCst), shelf.fetched.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(home.registry.list()[0].origin.as_deref(), Some("shelf"));
    // It opens without the shelf, also after a restart.
    shelf.statements.lock().clear();
    let home = home.again().await;
    assert!(home.registry.resolve(noodles()).await.is_ok());
}

#[tokio::test]
async fn whoever_comes_first_does_not_win() {
    let (one, two) = (
        Arc::new(Shelf {
            name: "one",
            ..Shelf::default()
        }),
        Arc::new(Shelf {
            name: "two",
            ..Shelf::default()
        }),
    );
    one.put(&package(1), next(None, &package(1), Channel::Release).sign(&key(1)));
    let other = package_of(2, noodles().as_str(), 9, "");
    two.put(&other, next(None, &other, Channel::Release).sign(&key(2)));
    let home = with(&[&one, &two], Duration::ZERO).await;
    assert_eq!(home.registry.resolve(noodles()).await.unwrap_err().code(), "ambiguous");
    assert!(home.registry.list().is_empty());
    // Another id with the same short id is found by the id, not by the number.
    let (first, second) = common::COLLIDING;
    let shelf = Arc::new(Shelf {
        name: "shelf",
        ..Shelf::default()
    });
    for program in [first, second] {
        let bytes = package_of(1, program, 1, "");
        let statement = Statement::publish(None, &program.into(), stated(&bytes, Channel::Release), 1).unwrap();
        shelf.put(&bytes, statement.sign(&key(1)));
    }
    let home = with(&[&shelf], Duration::ZERO).await;
    assert_eq!(
        home.registry.resolve(ShortId::of(&first.into())).await.unwrap_err().code(),
        "ambiguous"
    );
    assert!(home.registry.resolve(ProgramId::from(first)).await.is_ok());
    assert_eq!(
        home.registry.resolve(ProgramId::from(second)).await.unwrap_err().code(),
        "short-id-taken"
    );
}

#[tokio::test]
async fn news_come_by_refreshing_and_the_operator_can_have_any_version() {
    let shelf = Arc::new(Shelf {
        name: "shelf",
        ..Shelf::default()
    });
    let first = next(None, &package(1), Channel::Release);
    shelf.put(&package(1), first.clone().sign(&key(1)));
    let home = with(&[&shelf], Duration::ZERO).await;
    home.registry.resolve(noodles()).await.unwrap();
    let second = next(Some(&first), &package(2), Channel::Release);
    let third = next(Some(&second), &package(3), Channel::Release);
    let trial = next(Some(&third), &package(4), Channel::Trial);
    for code in 2..=4 {
        shelf.put(&package(code), trial.clone().sign(&key(1)));
    }
    let refreshed = home.registry.refresh().await;
    assert!(refreshed.failed.is_empty() && refreshed.changed.len() == 1, "{refreshed:?}");
    assert_eq!(
        (home.code(Channel::Release), home.code(Channel::Trial)),
        (Ok(3), Err("no-trial")),
        "a trial comes when somebody wants it"
    );
    assert_eq!(
        home.registry
            .resolve_in(noodles(), Channel::Trial)
            .await
            .unwrap()
            .manifest
            .version
            .code,
        4
    );
    assert!(home.registry.refresh().await.changed.is_empty());

    // 2 was never here: it is fetched, and stays although there is a newer one.
    home.registry.choose(&noodles(), 2, Channel::Release).await.unwrap();
    let fifth = next(Some(&trial), &package(5), Channel::Release);
    shelf.put(&package(5), fifth.clone().sign(&key(1)));
    home.registry.refresh().await;
    assert_eq!((home.code(Channel::Release), home.registry.list()[0].previous), (Ok(2), Some(5)));

    // A package that can't be had does not keep what was withdrawn from being known.
    let sixth = next(Some(&fifth.yank(2, "", 0).unwrap()), &package(6), Channel::Release);
    shelf.put(&package(6), sixth.sign(&key(1)));
    shelf.packages.lock().clear();
    let refreshed = home.registry.refresh().await;
    assert_eq!(refreshed.failed.iter().map(RegistryError::code).collect::<Vec<_>>(), ["source"]);
    assert_eq!(home.code(Channel::Release), Err("yanked"));

    // An old index takes nothing back.
    shelf.put(&package(1), first.sign(&key(1)));
    home.registry.refresh().await;
    let home = home.again().await;
    let refreshed = home.registry.refresh().await;
    assert_eq!(refreshed.failed.iter().map(RegistryError::code).collect::<Vec<_>>(), ["replayed"]);
    assert_eq!(home.code(Channel::Release), Err("yanked"));
}

#[tokio::test]
async fn an_unknown_publisher_is_asked_about_once_and_never_let_in_by_that() {
    let shelf = Arc::new(Shelf {
        name: "shelf",
        ..Shelf::default()
    });
    let bytes = package_of(3, noodles().as_str(), 1, "");
    shelf.put(&bytes, next(None, &bytes, Channel::Release).sign(&key(3)));
    let home = with(&[&shelf], Duration::ZERO).await;
    for _ in 0..3 {
        assert_eq!(home.registry.resolve(noodles()).await.unwrap_err().code(), "unknown-publisher");
    }
    assert_eq!(shelf.fetched.load(Ordering::SeqCst), 0, "nothing of it was fetched");
    let home = home.again().await;
    let asked = home.registry.asked();
    assert_eq!(
        asked
            .iter()
            .map(|asked| (asked.key.id(), asked.program.clone(), asked.registry.as_str()))
            .collect::<Vec<_>>(),
        [(key(3).id(), noodles(), "shelf")]
    );
    home.registry.dismiss(&key(3).id()).await.unwrap();
    assert!(home.registry.asked().is_empty());
    home.registry.resolve(noodles()).await.unwrap_err();
    home.registry.allow_publisher("Three", &key(3).public()).await.unwrap();
    assert!(home.registry.asked().is_empty());
    assert!(home.registry.resolve(noodles()).await.is_ok());
}

#[tokio::test]
async fn an_index_of_before_is_read_and_written_anew() {
    let home = Home::new().await;
    let digest = home.registry.publish(package(1)).await.unwrap().digest;
    let (dir, registry) = home.apart();
    drop(registry);
    let path = dir.path().join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    index["format"] = 1.into();
    index.as_object_mut().unwrap().remove("asked");
    let row = index["programs"][noodles().as_str()].as_object_mut().unwrap();
    row.retain(|name, _| ["publisher", "current", "previous", "highest"].contains(&name.as_str()));
    std::fs::write(&path, index.to_string()).unwrap();
    let registry = Registry::open(dir.path(), RegistryOptions::default()).await.unwrap();
    assert_eq!(registry.open_verified(noodles()).unwrap().digest, digest);
    registry.publish(package(2)).await.unwrap();
    assert_eq!(registry.rollback(&noodles()).await.unwrap().version, 1);
}
