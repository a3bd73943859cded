//! Two hosts: the second fetches from the first, or from somebody in its place who lies. And publishers who send what they publish.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use support::{Device, Kiosk, key, package_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use youji_api::ProgramId;
use youji_kiosk::{HostConfig, Problem, remote};
use youji_package::{Channel, Digest, Package, PackageLimits, PublisherKey, PublisherRequest, SignedStatement, StatedVersion, Statement};

const FAR: &str = "org.example.far";

fn far() -> ProgramId {
    ProgramId::from(FAR)
}

fn package(version: u32) -> Vec<u8> {
    package_of(FAR, "Far", &key(), &[], version)
}

fn digest(package: &[u8]) -> Digest {
    Package::open(package, &PackageLimits::default()).expect("a package").digest
}

/// What the publisher says after `before`, once that version is there.
fn next(before: Option<&Statement>, version: u32, channel: Channel) -> Statement {
    let stated = StatedVersion {
        code: version,
        name: format!("{version}.0"),
        channel,
        digest: digest(&package(version)),
        yanked: None,
    };
    Statement::publish(before, &far(), stated, 1_000).expect("may be said")
}

/// A registry with the program in that many versions, and what was said of them.
async fn first(versions: u32) -> (Kiosk, Statement) {
    let kiosk = Kiosk::open(|_| {}).await;
    let mut said = None;
    for version in 1..=versions {
        let statement = next(said.as_ref(), version, Channel::Release);
        let registry = kiosk.host.registry();
        registry
            .publish_stated(Some(package(version)), statement.clone().sign(&key()))
            .await
            .expect("published");
        said = Some(statement);
    }
    (kiosk, said.expect("a version"))
}

/// A host that asks that registry, and forgets at once what it was told.
async fn second(url: &str) -> Kiosk {
    second_with(url, |_| {}).await
}

async fn second_with(url: &str, change: impl FnOnce(&mut HostConfig)) -> Kiosk {
    let url = url.to_owned();
    Kiosk::open(move |config| {
        config.registries = Some(vec![url]);
        config.limits.registry_remember = Duration::ZERO;
        change(config);
    })
    .await
}

fn url(kiosk: &Kiosk) -> String {
    format!("http://{}", kiosk.authority())
}

/// Opens the program's printed code; the version, or the problem's code.
async fn scan(kiosk: &Kiosk) -> Result<String, String> {
    // Printed ahead: the program may not be here. For what was withdrawn none is printed, but its address can be opened.
    let code = kiosk.host.code_for(&far(), "", "");
    let code = code.unwrap_or_else(|_| format!("{}/miniapp/{FAR}", url(kiosk)));
    opens(&mut kiosk.visitor().await, json!({"code": code})).await
}

async fn opens(device: &mut Device, what: Value) -> Result<String, String> {
    let answer = device.post("/api/open", &what).await;
    match answer.status {
        200 => Ok(answer.json()["program"]["version"].as_str().expect("a version").to_owned()),
        _ => Err(answer.code()),
    }
}

/// Everything below the registry's folder, with its content.
fn files(kiosk: &Kiosk) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![kiosk.folder.path().join("data/registry")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(all.insert(path.clone(), std::fs::read(path).expect("readable"))),
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_brings_the_program_and_then_it_opens_without_the_network() {
    let (one, said) = first(2).await;
    let two = second(&url(&one)).await;
    assert_eq!(scan(&two).await.as_deref(), Ok("2.0"));
    let mut operator = two.operator().await;
    let listed = operator.get("/api/operator/summary").await.json();
    let program = listed["programs"]
        .as_array()
        .expect("programs")
        .iter()
        .find(|one| one["id"] == FAR)
        .cloned();
    let program = program.expect("it is listed");
    assert_eq!(
        (&program["registry"], &program["release"], &program["open"]),
        (&json!(url(&one)), &json!(2), &json!(true))
    );

    // A newer version and one that is withdrawn come when the registry is asked for news; who is in it stays in it.
    let mut guest = two.visitor().await;
    let opened = guest.open(&two.host.code_for(&far(), "", "").expect("a code")).await;
    let mut page = guest.page(&opened, 0).await;
    page.until("full").await;
    let yanked = said.yank(2, "wrong prices", 0).expect("may be said");
    one.host
        .registry()
        .publish_stated(None, yanked.clone().sign(&key()))
        .await
        .expect("withdrawn");
    assert_eq!(
        operator.post("/api/operator/refresh", &json!({})).await.json(),
        json!({"failed": []})
    );
    assert_eq!(scan(&two).await, Err("yanked".into()));
    page.tap("add", "still here").await;
    // The operator can have the one before, which was never here.
    let chosen = operator
        .post("/api/operator/programs", &json!({"program": FAR, "version": 1}))
        .await;
    assert_eq!(chosen.status, 200, "{chosen:?}");
    assert_eq!(scan(&two).await.as_deref(), Ok("1.0"));
    let refused = operator
        .post("/api/operator/programs", &json!({"program": FAR, "version": 2}))
        .await;
    assert_eq!((refused.status, refused.code().as_str()), (410, "yanked"));

    // What was opened once needs no registry.
    one.server.stop().await;
    assert_eq!(scan(&two).await.as_deref(), Ok("1.0"));
    let failed = operator.post("/api/operator/refresh", &json!({})).await.json();
    assert!(
        failed["failed"][0].as_str().expect("in words").contains("can't be reached"),
        "{failed}"
    );
    two.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_gone_is_named_with_what_to_do() {
    let (one, _) = first(1).await;
    let two = second(&url(&one)).await;
    one.server.stop().await;
    let code = two.host.code_for(&far(), "", "").expect("a code");
    let answer = two.visitor().await.post("/api/open", &json!({"code": code})).await;
    let said = answer.json();
    assert_eq!((answer.status, answer.code().as_str()), (503, "registry-unreachable"), "{said}");
    let says = |member: &str, words: &str| said[member].as_str().is_some_and(|text| text.contains(words));
    assert!(says("detail", "can't be reached") && says("remedy", "opens without it"), "{said}");
    assert_eq!(
        opens(&mut two.visitor().await, json!({"code": two.code()})).await.as_deref(),
        Ok("1.0"),
        "what is here opens"
    );
    two.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn which_registries_are_asked_is_kept_in_the_folder() {
    let config = |folder: &std::path::Path, registries: Option<Vec<String>>| HostConfig {
        registries,
        compiler: youji_runtime::Compiler::InProcess,
        ..HostConfig::new(folder.join("data"))
    };
    let folder = tempfile::tempdir().expect("a folder");
    let asks = async |given: Option<Vec<String>>| {
        let host = youji_kiosk::Host::new(config(folder.path(), given)).await.expect("a host");
        let asked: Vec<String> = host.registry().remotes().into_iter().map(|remote| remote.name).collect();
        host.shutdown().await;
        asked
    };
    assert!(asks(None).await.is_empty());
    assert_eq!(
        asks(Some(vec!["http://Registry.example/".into()])).await,
        ["http://registry.example"]
    );
    assert_eq!(asks(None).await, ["http://registry.example"]);
    assert!(asks(Some(Vec::new())).await.is_empty());
    assert!(asks(None).await.is_empty());
    for wrong in [
        "registry.example",
        "ftp://registry.example",
        "http://a@registry.example",
        "http://registry.example/path",
        "http://",
        "http://x?y",
    ] {
        let error = remote::registry_url(wrong).expect_err(wrong);
        assert!(error.contains("such as https://registry.example"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_publisher_is_the_operators_to_allow() {
    let one = Kiosk::open(|_| {}).await;
    let stranger = PublisherKey::from_seed(&[9; 32]);
    one.host
        .registry()
        .allow_publisher("Leaf & Co", &stranger.public())
        .await
        .expect("allowed there");
    let package = package_of(FAR, "Far", &stranger, &[], 1);
    let stated = StatedVersion {
        code: 1,
        name: "1.0".into(),
        channel: Channel::Release,
        digest: digest(&package),
        yanked: None,
    };
    let statement = Statement::publish(None, &far(), stated, 1).expect("may be said");
    one.host
        .registry()
        .publish_stated(Some(package), statement.sign(&stranger))
        .await
        .expect("published");
    let two = second(&url(&one)).await;
    let before = files(&two);
    assert_eq!(scan(&two).await, Err("unknown-publisher".into()));
    let after = files(&two);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>(),
        "nothing of it was kept"
    );
    let mut operator = two.operator().await;
    let asked = operator.get("/api/operator/summary").await.json()["asked"].clone();
    assert_eq!(asked, json!([{"publisher": stranger.id(), "program": FAR, "registry": url(&one)}]));
    let nobody = operator
        .post("/api/operator/asked", &json!({"publisher": key().id(), "name": "Somebody"}))
        .await;
    assert_eq!(nobody.status, 404, "only who was wanted");
    let done = operator
        .post("/api/operator/asked", &json!({"publisher": stranger.id(), "name": "Leaf & Co"}))
        .await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(scan(&two).await.as_deref(), Ok("1.0"));
    assert_eq!(operator.get("/api/operator/summary").await.json()["asked"], json!([]));
    one.server.stop().await;
    two.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_opens_by_its_code_for_people_with_a_role_only() {
    let (one, said) = first(1).await;
    let trial = next(Some(&said), 2, Channel::Trial);
    one.host
        .registry()
        .publish_stated(Some(package(2)), trial.sign(&key()))
        .await
        .expect("published");
    let two = second(&url(&one)).await;
    assert_eq!(scan(&two).await.as_deref(), Ok("1.0"));
    let link = json!({"program": FAR, "page": "", "channel": "trial"});
    let mut guest = two.visitor().await;
    assert_eq!(opens(&mut guest, link.clone()).await, Err("trial".into()));
    let code = two.host.trial_code_for(&far(), "", "").expect("a trial's code");
    assert_eq!(opens(&mut guest, json!({"code": code})).await, Err("trial".into()));
    assert_eq!(
        opens(&mut guest, json!({"code": format!("{}/miniapp/{FAR};version=trial", url(&two))})).await,
        Err("trial".into())
    );
    for person in two.host.services().people() {
        two.host
            .services()
            .set_role(&person.id, &key().id(), "staff", true)
            .await
            .expect("named");
    }
    assert_eq!(opens(&mut guest, json!({"code": code})).await.as_deref(), Ok("2.0"));
    assert_eq!(scan(&two).await.as_deref(), Ok("1.0"), "everybody else has what is released");
    // Its publisher releases it: the package is here already.
    let fetched = next(Some(&one.host.registry().statement(&far()).expect("stated")), 2, Channel::Release);
    one.host
        .registry()
        .publish_stated(None, fetched.sign(&key()))
        .await
        .expect("released");
    two.host.refresh_programs().await;
    assert_eq!(scan(&two).await.as_deref(), Ok("2.0"));
    assert_eq!(opens(&mut guest, json!({"code": code})).await, Err("no-trial".into()));
    one.server.stop().await;
    two.server.stop().await;
}

/// Somebody in a registry's place: answers each path with what stands there, byte for byte, or not at all.
struct Liar {
    url: String,
    task: tokio::task::JoinHandle<()>,
    answers: Arc<parking_lot::Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Liar {
    async fn start() -> Liar {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let answers: Arc<parking_lot::Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let given = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let given = Arc::clone(&given);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                        let mut byte = [0; 512];
                        match stream.read(&mut byte).await {
                            Ok(0) | Err(_) => return,
                            Ok(more) => head.extend_from_slice(&byte[..more]),
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let answer = given.lock().get(&path).cloned();
                    match answer {
                        Some(answer) => {
                            let _ = stream.write_all(&answer).await;
                        }
                        // Nothing comes, and the line stays open.
                        None => drop(stream.read(&mut [0; 1]).await),
                    }
                });
            }
        });
        Liar { url, task, answers }
    }

    fn says(&self, path: &str, status: &str, body: &[u8]) {
        let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        self.answers.lock().insert(path.to_owned(), answer);
    }

    fn index(&self, statements: &[&SignedStatement]) {
        let statements: Vec<&str> = statements.iter().map(|signed| signed.text()).collect();
        self.says(
            remote_index(),
            "200 OK",
            json!({"format": 1, "statements": statements}).to_string().as_bytes(),
        );
    }

    fn package(&self, named: &Digest, bytes: &[u8]) {
        self.says(&format!("/registry/packages/{named}"), "200 OK", bytes);
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn remote_index() -> &'static str {
    "/registry/index"
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_registry_gives_nothing_is_written_that_its_publisher_did_not_sign() {
    let liar = Liar::start().await;
    let two = second(&liar.url).await;
    let hasty = second_with(&liar.url, |config| {
        config.limits.registry_patience = [Duration::from_millis(300); 2]
    })
    .await;
    let said = next(None, 2, Channel::Release).sign(&key());
    let good = package(2);
    let (right, before) = (digest(&good), files(&two));
    let check = async |what: &str, code: &str| {
        assert_eq!(scan(&two).await, Err(code.to_owned()), "{what}");
        assert_eq!(files(&two), before, "{what} leaves nothing");
    };

    assert_eq!(scan(&hasty).await, Err("registry-unreachable".into()), "silence");
    liar.says(remote_index(), "302 Found", b"");
    check("a redirect", "registry-unreachable").await;
    liar.says(remote_index(), "200 OK", b"<html>");
    check("no index", "registry-unreachable").await;
    let endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000\r\n".iter().copied();
    liar.answers
        .lock()
        .insert(remote_index().into(), endless.chain(std::iter::repeat_n(b' ', 1 << 20)).collect());
    check("one that does not end", "registry-unreachable").await;
    liar.says(remote_index(), "200 OK", &vec![b' '; (8 << 20) + 1]);
    check("one that is too long", "registry-unreachable").await;
    let text = said.text().replacen("2.0", "3.0", 1);
    liar.says(
        remote_index(),
        "200 OK",
        json!({"format": 1, "statements": [text]}).to_string().as_bytes(),
    );
    check("an altered statement", "not-found").await;
    liar.index(&[]);
    check("an empty index", "not-found").await;

    liar.index(&[&said]);
    let package_alone = second_with(&liar.url, |config| config.limits.registry_patience[1] = Duration::from_millis(300)).await;
    assert_eq!(
        scan(&package_alone).await,
        Err("registry-unreachable".into()),
        "silence about the package"
    );
    liar.says(&format!("/registry/packages/{right}"), "404 Not Found", b"");
    check("no package", "source").await;
    liar.says(&format!("/registry/packages/{right}"), "200 OK", &vec![0; (2 << 20) + 1]);
    check("a package that is too large", "source").await;
    for at in [0, good.len() / 3, good.len() / 2, good.len() - 30] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        liar.package(&right, &altered);
        check("an altered package", "package").await;
    }
    liar.package(&right, &package(1));
    check("another version", "not-stated").await;
    liar.package(&right, &package_of(FAR, "Far", &PublisherKey::from_seed(&[9; 32]), &[], 2));
    check("another publisher's", "not-stated").await;

    liar.package(&right, &good);
    assert_eq!(scan(&two).await.as_deref(), Ok("2.0"), "the right one");
    for kiosk in [two, hasty, package_alone] {
        kiosk.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_index_is_replayed_in_vain() {
    let liar = Liar::start().await;
    let two = second(&liar.url).await;
    let old = next(None, 1, Channel::Release);
    let new = next(Some(&old), 2, Channel::Release);
    let yanked = next(Some(&new), 3, Channel::Release).yank(3, "", 0).expect("may be said");
    for version in 1..=3 {
        liar.package(&digest(&package(version)), &package(version));
    }
    liar.index(&[&new.clone().sign(&key())]);
    assert_eq!(scan(&two).await.as_deref(), Ok("2.0"));
    liar.index(&[&next(Some(&new), 3, Channel::Release).sign(&key())]);
    assert!(two.host.refresh_programs().await.is_empty());
    liar.index(&[&yanked.sign(&key())]);
    assert!(two.host.refresh_programs().await.is_empty());
    assert_eq!(scan(&two).await, Err("yanked".into()));
    for replayed in [&old, &new] {
        liar.index(&[&replayed.clone().sign(&key())]);
        two.host.refresh_programs().await;
        assert_eq!(scan(&two).await, Err("yanked".into()), "what was withdrawn stays so");
    }
    // Another publisher's word for the same program counts for nothing.
    let other = PublisherKey::from_seed(&[9; 32]);
    two.host
        .registry()
        .allow_publisher("Leaf & Co", &other.public())
        .await
        .expect("allowed");
    let mut forged = new;
    forged.serial += 1_000;
    liar.index(&[&forged.sign(&other)]);
    let failed = two.host.refresh_programs().await;
    assert_eq!(
        failed.iter().map(youji_registry::RegistryError::code).collect::<Vec<_>>(),
        ["changed-key"]
    );
    assert_eq!(scan(&two).await, Err("yanked".into()));
    two.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_by_digest_are_whole_and_never_change() {
    let (one, said) = first(2).await;
    let mut device = one.device();
    let index = device.get("/registry/index").await;
    let tag = index.header("etag").to_owned();
    let again = device.send("GET", "/registry/index", &[("if-none-match", &tag)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let path = |version| format!("/registry/packages/{}", digest(&package(version)));
    let answer = device.get(&path(1)).await;
    assert_eq!((answer.status, answer.body == package(1)), (200, true));
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    one.host
        .registry()
        .publish_stated(None, said.yank(1, "", 0).expect("said").sign(&key()))
        .await
        .expect("withdrawn");
    assert_eq!(device.get(&path(1)).await.status, 404, "what was withdrawn is not handed out");
    assert_ne!(device.get("/registry/index").await.header("etag"), tag);
    // What was published without a statement is nobody else's.
    let own = one.host.registry().find(ProgramId::from(support::PROGRAM)).expect("here").digest;
    assert_eq!(device.get(&format!("/registry/packages/{own}")).await.status, 404);
    one.host.registry().disallow(&key().id()).await.expect("disallowed");
    assert_eq!(device.get(&path(2)).await.status, 404);
    assert!(!String::from_utf8_lossy(&device.get("/registry/index").await.body).contains(FAR));
    one.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_sends_what_they_signed_and_nobody_else_does() {
    let kiosk = Kiosk::open(|_| {}).await;
    let url = url(&kiosk);
    let said = next(None, 1, Channel::Release);
    let signed = said.clone().sign(&key());
    let sent = remote::publish_at(&url, &key(), &signed, Some(&package(1))).await.expect("taken");
    assert_eq!((&sent["version"], &sent["changed"]), (&json!(1), &json!(true)), "{sent}");
    let again = remote::publish_at(&url, &key(), &signed, Some(&package(1)))
        .await
        .expect("the same again");
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(scan(&kiosk).await.as_deref(), Ok("1.0"));
    assert_eq!(remote::stated_at(&url, &far()).await.expect("asked").as_ref(), Some(&said));

    let stranger = PublisherKey::from_seed(&[9; 32]);
    let before = files(&kiosk);
    let refused = |done: Result<Value, Problem>| done.expect_err("refused").code;
    let second = next(Some(&said), 2, Channel::Release);
    assert_eq!(
        refused(remote::publish_at(&url, &stranger, &second.clone().sign(&stranger), None).await),
        "unknown-publisher"
    );
    assert_eq!(
        refused(remote::publish_at(&url, &key(), &second.clone().sign(&stranger), None).await),
        "invalid"
    );
    assert_eq!(
        refused(remote::publish_at(&url, &key(), &second.clone().sign(&key()), Some(&package(3))).await),
        "not-stated"
    );
    assert_eq!(files(&kiosk), before);

    // The header, as the publisher made it for this request and for no other.
    let mut body = second.clone().sign(&key()).text().as_bytes().to_vec();
    body.push(b'\n');
    body.extend_from_slice(&package(2));
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let own = kiosk.authority();
    let header = |authority: &str, body: &[u8], at: u64| PublisherRequest::sign(&key(), "POST", authority, "/registry/publish", body, at);
    let kind = ("content-type", "application/vnd.youji.publish");
    let mut device = kiosk.device();
    for (what, status, header) in [
        ("for another host", 401, header("registry.example", &body, now)),
        ("an hour ago", 401, header(&own, &body, now - 3_600)),
        ("an hour from now", 401, header(&own, &body, now + 3_600)),
        ("another body", 400, header(&own, b"another", now)),
        ("no signature", 401, "Bearer x".to_owned()),
    ] {
        let answer = device
            .send("POST", "/registry/publish", &[("authorization", &header), kind], &body)
            .await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(files(&kiosk), before, "{what}");
    }
    let good = header(&own, &body, now);
    let oversized = vec![b' '; 3 << 20];
    let answer = device
        .send(
            "POST",
            "/registry/publish",
            &[("authorization", &header(&own, &oversized, now)), kind],
            &oversized,
        )
        .await;
    assert_eq!(answer.status, 413, "{answer:?}");
    let answer = device
        .send("POST", "/registry/publish", &[("authorization", &good), kind], &body)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(scan(&kiosk).await.as_deref(), Ok("2.0"));

    // The operator's choice stands against what is sent.
    kiosk.host.registry().rollback(&far()).await.expect("rolled back");
    let third = next(Some(&second), 3, Channel::Release);
    remote::publish_at(&url, &key(), &third.clone().sign(&key()), Some(&package(3)))
        .await
        .expect("taken");
    assert_eq!(scan(&kiosk).await.as_deref(), Ok("1.0"));
    // What is sent again from before is older than what is known.
    assert_eq!(
        refused(remote::publish_at(&url, &key(), &second.sign(&key()), Some(&package(2))).await),
        "replayed"
    );
    kiosk.host.registry().disallow(&key().id()).await.expect("disallowed");
    assert_eq!(
        refused(remote::publish_at(&url, &key(), &third.sign(&key()), Some(&package(3))).await),
        "disallowed"
    );
    kiosk.server.stop().await;
}
