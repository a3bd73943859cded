//! Sessions of the restaurant that nobody planned, recorded as the simulator records them, and played again: each view the same, byte for
//! byte.
//!
//! Several persons tap at random at the same time, a cook among them, so that what one does arrives at the others in the middle of
//! something. The short form plays a few; `YOUJI_SESSIONS=100 cargo test -p youji-tests --test authors recorded` the long one. The seed is
//! printed, and `YOUJI_SEED` repeats what persons do, though not who comes first.

use anyhow::{Context, Result, bail, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use youji_bench::client::{Seat, Stage};
use youji_bench::view::Listener;
use youji_dev::watch::Watch;
use youji_dev::{Developer, Notice, Project, Recording, Simulator, replay};
use youji_kiosk::{HostConfig, Server};
use youji_package::PublisherKey;
use youji_runtime::Compiler;
use youji_services::NewPerson;
use youji_tests::kiosk::workspace;

/// Persons at once. The simulator keeps the recordings of the last eight sessions: with more, a long one would be gone before it ends.
const PERSONS: usize = 3;
const PIN: &str = "2468";
/// Nothing here is measured; a slow machine only must not hang for ever.
const PATIENCE: Duration = Duration::from_secs(600);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// The simulator with the restaurant in it.
struct Open {
    simulator: Simulator,
    server: Server,
    address: SocketAddr,
}

async fn restaurant(folder: &Path) -> Result<Open> {
    let project = Project::find(&workspace().join("miniprograms/restaurant"))?;
    let mut config = HostConfig {
        address: ([127, 0, 0, 1], 0).into(),
        compiler: Compiler::InProcess,
        visitor_balance: 30_000,
        ..HostConfig::new(folder.join("data"))
    };
    let listener = Server::bind(&mut config).await?;
    let address = config.address;
    let watch = Watch::new(&project)?;
    let simulator = Simulator::open(project.clone(), config).await?;
    let server = simulator.serve(listener);
    let mut notices = simulator.notices();
    let work = simulator.clone();
    let developer = Developer::new(project, PublisherKey::from_seed(&[7; 32]));
    let working = tokio::spawn(async move { work.work(developer, watch).await });
    let built = async {
        loop {
            match notices.recv().await? {
                Notice::Building { .. } => {}
                Notice::Running { .. } => return Ok(()),
                other => bail!("the restaurant does not run: {other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, built)
        .await
        .context("the restaurant was not built")??;
    // What is saved from now on is not shown: the program stays the same.
    working.abort();
    Ok(Open {
        simulator,
        server,
        address,
    })
}

/// Somebody with the role "staff".
async fn cook(simulator: &Simulator) -> Result<()> {
    let services = simulator.host().services();
    let publisher = PublisherKey::from_seed(&[7; 32]).public().id();
    let new = NewPerson {
        name: "Cook".to_owned(),
        code: "cook".to_owned(),
        pin: PIN.to_owned(),
        language: "zh-CN".to_owned(),
        balance: 0,
        profile: Vec::new(),
    };
    let person = services.create_person(new).await?;
    services.set_role(&person.id, &publisher, "staff", true).await?;
    Ok(())
}

/// A value that a page, a careless or a hostile one, could send.
fn value(of: &Listener, event: &str, random: &mut ChaCha8Rng) -> Value {
    const TEXTS: [&str; 6] = ["", "不要香菜", "no ice, please", "مرحبا", "🍜🍜", "a\tb\nc"];
    let one = |random: &mut ChaCha8Rng| match of.options.is_empty() || random.random_range(0..10) == 0 {
        true => json!("nothing of that name"),
        false => json!(of.options[random.random_range(0..of.options.len())]),
    };
    match (of.kind.as_str(), event) {
        (_, "tap") => Value::Null,
        ("stepper", _) => json!(random.random_range(-1..12)),
        ("switch", _) => json!(random.random_bool(0.5)),
        ("tabs" | "list", _) => json!(random.random_range(-1..6)),
        ("radio-group" | "select", _) => one(random),
        ("checkbox-group", _) => {
            let chosen = of.options.iter().filter(|_| random.random_bool(0.5));
            json!(chosen.cloned().collect::<Vec<_>>().join("\n"))
        }
        _ => json!(TEXTS[random.random_range(0..TEXTS.len())]),
    }
}

/// One thing that somebody does, or that happens to them.
async fn act(seat: &mut Seat, stage: &mut Stage, random: &mut ChaCha8Rng) -> Result<()> {
    if let Some(sheet) = stage.sheets.first().cloned()
        && random.random_bool(0.6)
    {
        let kind = sheet["kind"].as_str().context("a sheet has a kind")?.to_owned();
        stage.answer(&kind, random.random_bool(0.7)).await?;
        stage.sheets.retain(|one| one["id"] != sheet["id"]);
        return Ok(());
    }
    match random.random_range(0..20) {
        0 => {
            let id = format!("back-{}", random.random::<u64>());
            stage.send(&json!({"t": "back", "eventId": id})).await?;
            stage.acknowledged(&id).await?;
        }
        1 => {
            for shown in [false, true] {
                stage.send(&json!({"t": "visible", "shown": shown})).await?;
            }
            stage.caught_up().await?;
        }
        2 => {
            let language = if random.random_bool(0.5) { "zh-CN" } else { "en" };
            seat.post("/api/person/language", &json!({"language": language})).await?.ok()?;
            stage.caught_up().await?;
        }
        // The connection goes, and comes again.
        3 => {
            let (session, seq) = (stage.session.clone(), stage.view.seq);
            let view = std::mem::take(&mut stage.view);
            *stage = seat.stage(&session, seq).await?;
            stage.view = view;
            stage.caught_up().await?;
        }
        _ => {
            stage.caught_up().await?;
            let listeners = stage.view.listeners();
            ensure!(!listeners.is_empty(), "nothing to tap:\n{}", stage.view.outline());
            let one = &listeners[random.random_range(0..listeners.len())];
            let event = one.events[random.random_range(0..one.events.len())].clone();
            let value = value(one, &event, random);
            let id = stage.send_event(one.node, &event, value).await?;
            stage.acknowledged(&id).await?;
        }
    }
    Ok(())
}

/// One session from launch to unload; its recording.
async fn session(seat: &mut Seat, code: &str, random: &mut ChaCha8Rng) -> Result<String> {
    let language = if random.random_bool(0.5) { "zh-CN" } else { "en" };
    let mut stage = seat.open(&json!({"code": code, "language": language})).await?;
    for _ in 0..random.random_range(5..40) {
        let done = Box::pin(act(seat, &mut stage, random)).await;
        if stage.ended.is_some() {
            break;
        }
        done?;
    }
    if stage.ended.is_none() {
        stage.close().await?;
    }
    let fault = stage.ended.as_ref().map(|ended| ended["fault"].clone()).unwrap_or_default();
    ensure!(fault.is_null(), "the restaurant broke: {fault}");
    let answer = seat.get(&format!("/dev/recording/{}", stage.session)).await?;
    ensure!(answer.status == 200, "no recording of {}: {}", stage.session, answer.body);
    Ok(answer.body)
}

/// Sessions of one person after another; the files that were written.
async fn person(at: usize, address: SocketAddr, codes: Vec<String>, folder: PathBuf, seed: u64, sessions: u64) -> Result<Vec<PathBuf>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(at as u64));
    let mut seat = Seat::new(address);
    let mut files = Vec::new();
    for turn in 0..sessions {
        if at == 0 {
            if turn == 0 {
                seat.post("/api/sign-in", &json!({"code": "cook", "pin": PIN})).await?.ok()?;
                seat.pin = PIN.to_owned();
            }
        } else if turn == 0 || random.random_bool(0.4) {
            // Others come again and find what they left.
            seat = Seat::new(address);
            seat.visitor("en").await?;
        }
        let code = codes[random.random_range(0..codes.len())].clone();
        let text = session(&mut seat, &code, &mut random)
            .await
            .with_context(|| format!("person {at}, session {turn}"))?;
        let file = folder.join(format!("{at}-{turn}.youji.jsonl"));
        std::fs::write(&file, text)?;
        files.push(file);
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_the_restaurant_are_the_same_again() -> Result<()> {
    let sessions = number("YOUJI_SESSIONS", 10);
    let seed = number("YOUJI_SEED", u64::from(std::process::id()));
    eprintln!("YOUJI_SEED={seed} YOUJI_SESSIONS={sessions}");
    let folder = tempfile::tempdir()?;
    let open = restaurant(folder.path()).await?;
    cook(&open.simulator).await?;
    let program = "youji.restaurant".into();
    let host = open.simulator.host();
    let codes: Vec<String> = [("", ""), ("", "T7"), ("", "T12"), ("pages/kitchen", "")]
        .into_iter()
        .map(|(page, scene)| host.code_for(&program, page, scene))
        .collect::<Result<_, _>>()?;
    let mut persons = Vec::new();
    for at in 0..PERSONS {
        let share = sessions / PERSONS as u64 + u64::from((at as u64) < sessions % PERSONS as u64);
        let (codes, folder) = (codes.clone(), folder.path().to_owned());
        persons.push(tokio::spawn(person(at, open.address, codes, folder, seed, share)));
    }
    let mut files = Vec::new();
    for person in persons {
        files.extend(person.await??);
    }
    open.server.stop().await;
    ensure!(files.len() as u64 == sessions, "{} recordings of {sessions} sessions", files.len());

    let cache = folder.path().join("compiled");
    let (mut views, mut calls) = (0, 0);
    for file in &files {
        let recording = Recording::read(file)?;
        let outcome = replay(&recording, &cache, Compiler::InProcess).await.map_err(anyhow::Error::msg)?;
        ensure!(outcome.same, "{}: {:?}", file.display(), outcome.difference);
        ensure!(outcome.views > 0, "{}: nothing was drawn", file.display());
        views += outcome.views;
        calls += outcome.calls;
    }
    eprintln!("{} sessions, {views} views and {calls} host calls, all the same", files.len());
    altered(&files, &cache).await
}

/// A recording that somebody changed is not the same any more: neither what was drawn nor what the host answered.
async fn altered(files: &[PathBuf], cache: &Path) -> Result<()> {
    let longest = files
        .iter()
        .max_by_key(|file| std::fs::metadata(file).map(|data| data.len()).unwrap_or_default())
        .context("there are recordings")?;
    let text = std::fs::read_to_string(longest)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = |what: &str| {
        lines
            .iter()
            .rposition(|line| line.contains(what))
            .with_context(|| format!("no line with {what}"))
    };
    let (drawn, called) = (at("\"seq\":")?, at("\"what\":\"call\"")?);

    let before = lines[drawn].clone();
    lines[drawn] = before.replacen("\"seq\":", "\"seq\":1", 1);
    differs(&lines, drawn, cache).await?;
    lines[drawn] = before;

    let before: Value = serde_json::from_str(&lines[called])?;
    let mut other = before.clone();
    other["call"] = json!("IdentityOpenId");
    lines[called] = other.to_string();
    differs(&lines, called, cache).await
}

/// The line, counted from 0, is where the replay goes another way.
async fn differs(lines: &[String], at: usize, cache: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("altered.youji.jsonl");
    std::fs::write(&file, lines.join("\n"))?;
    let outcome = replay(&Recording::read(&file)?, cache, Compiler::InProcess)
        .await
        .map_err(anyhow::Error::msg)?;
    let difference = outcome.difference.context("an altered recording was the same")?;
    ensure!(difference.line == at + 1, "line {} was altered: {difference:?}", at + 1);
    Ok(())
}
