//! `youji bench ledger` and `ledger-steady`: transfers one by one from many payers, durable, and the start after a kill.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use youji_ledger::{Account, AccountFlags, Retention, Transfer, timed_id};
use youji_store::{Commit, CommitOptions, SledMap};

use crate::bank::{Bank, Batch, MOST_OF_A_BATCH, Teller};
use crate::figures::{fdatasync_ms, rss_kib};
use crate::length::Length;

const CNY: u32 = 156;
/// Money comes from here.
const SOURCE: u128 = u128::MAX - 1;
/// What each account begins with, in minor units: no payer runs out.
const GIFT: u128 = 1_000_000_000;
/// Latencies are counted in steps of this, up to a thousandth of so many steps.
const STEP_US: u64 = 50;
const STEPS: usize = 40_000;

/// A larger one means fewer stops of the writer for a picture of the state, and more to replay after a kill.
const CHECKPOINT_BYTES: u64 = 384 << 20;

/// What `ledger-steady` asks for at most: five minutes of as much as goes would fill small disks.
const STEADY_PER_S: u32 = 100_000;
/// So much of the disk is left to others.
const LEFT_BYTES: u64 = 2 << 30;

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Plan {
    accounts: u32,
    clients: u32,
    warm_up: Duration,
    measured: Duration,
    /// Between two transfers of a client at least.
    pause: Duration,
}

impl Plan {
    fn of(length: Length, steady: bool) -> Plan {
        let clients = length.of(8_192, 256);
        let (seconds, pause) = match steady {
            true => (300, Duration::from_secs(1) * clients / STEADY_PER_S),
            false => (60, Duration::ZERO),
        };
        Plan {
            accounts: length.of(1_000_000, 10_000),
            clients,
            pause,
            warm_up: length.of(Duration::from_secs(5), Duration::from_millis(100)),
            measured: length.of(Duration::from_secs(seconds), Duration::from_secs(1)),
        }
    }
}

/// What the loaded process says before it is killed.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Loaded {
    transfers_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    batch_mean: f64,
    acknowledged: u64,
    rss_mb_accounts: f64,
    rss_mb_end: f64,
    rss_mb_per_million_ids: f64,
    writer_us: f64,
    cpu_us: f64,
    transfers: u64,
    per_s: Vec<u64>,
}

/// Figures of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// Durable transfers a second, each judged against id, limits and flags.
    pub transfers_per_s: f64,
    /// From submitting one to its answer, in milliseconds.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
    /// The same.
    pub max_ms: f64,
    /// Transfers of a batch on average: batches are what waits while the one before is on its way.
    pub batch_mean: f64,
    /// From SIGKILL under load to the next start's first answer, in seconds: checkpoint, log, projection.
    pub recovery_s: f64,
    /// The part of it that opening the projection took.
    pub recovery_map_s: f64,
    /// Time on a core in it.
    pub recovery_cpu_s: f64,
    /// Batches that were replayed from the log after the checkpoint.
    pub replayed_batches: u64,
    /// Median of writing 4 KiB and fdatasync on the same disk, before the load.
    pub fdatasync_p50_us: f64,
    /// Accounts with a limit.
    pub accounts: u32,
    /// Submitted and not answered yet, at any moment.
    pub in_flight: u32,
    /// Transfers in all, warm-up and first money included.
    pub transfers: u64,
    /// Time on a core that the writer's thread took for each transfer, in microseconds: decoding, judging, hashing, writing, projecting.
    pub writer_us_per_transfer: f64,
    /// The same for the whole process, whose other half are the payers.
    pub cpu_us_per_transfer: f64,
    /// Resident memory with all accounts and before the load, in MiB.
    pub rss_mb_accounts: f64,
    /// Resident memory at the end of the load, in MiB.
    pub rss_mb_end: f64,
    /// Growth of resident memory by million transfers, over the last two thirds of the load: the first third fills what is kept recent.
    pub rss_mb_per_million_ids: f64,
    /// Log, checkpoints and older transfers, by transfer.
    pub disk_bytes_per_transfer: f64,
    /// Transfers done in each second, so that stalls are seen.
    pub per_s: Vec<u64>,
}

fn retention() -> Retention {
    Retention {
        run_events: 16_384,
        runs_in_memory: 12,
        ..Retention::default()
    }
}

/// The bank, what its recovery had to do, and seconds that opening the projection took.
fn open(folder: &Path) -> Result<(Commit<Bank>, youji_store::Recovery, f64)> {
    let begun = Instant::now();
    let map = Arc::new(SledMap::open(&folder.join("map"))?);
    let map_s = begun.elapsed().as_secs_f64();
    let mut options = CommitOptions::new(folder);
    options.checkpoint_every = 0;
    options.checkpoint_bytes = CHECKPOINT_BYTES;
    let own = map.clone();
    let (bank, recovery) = Commit::open(options, map, move || Bank::new(own.clone(), retention()))?;
    Ok((bank, recovery, map_s))
}

fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Ids as they come: without any order.
fn account(place: u32) -> u128 {
    (u128::from(place) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C66_3C4A_1B65)
}

/// Ranks by Zipf's law with exponent 1: rank r as often as 1/r. By the inverse of the continuous distribution.
fn zipf(random: &mut ChaCha8Rng, n: u32) -> u32 {
    let most = f64::from(n).ln();
    ((random.random::<f64>() * most).exp() as u32).clamp(1, n) - 1
}

/// Opens all accounts and gives each its first money.
async fn prepare(bank: &Commit<Bank>, accounts: u32) -> Result<()> {
    let wallet = AccountFlags {
        debits_must_not_exceed_credits: true,
        ..AccountFlags::default()
    };
    let source = Account::new(SOURCE, CNY, 1, AccountFlags::default());
    let all: Vec<u32> = (0..accounts).collect();
    let mut first = vec![source];
    for places in all.chunks(MOST_OF_A_BATCH) {
        let mut opened = std::mem::take(&mut first);
        opened.extend(places.iter().map(|place| Account::new(account(*place), CNY, 1, wallet)));
        let now = millis();
        let gift = |place: &u32| Transfer::new(timed_id(now, rand::random()), SOURCE, account(*place), GIFT, CNY, 1);
        bank.submit(Batch::new(opened, places.iter().map(gift).collect())).await?;
    }
    Ok(())
}

struct Shared {
    counting: AtomicBool,
    done: AtomicU64,
    acknowledged: AtomicU64,
    latencies: Vec<AtomicU32>,
}

/// One payer's device after the other: submits, waits for the answer, submits again.
async fn client(teller: Teller, shared: Arc<Shared>, plan: Plan, seed: u64) -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let accounts = plan.accounts;
    // Not all at once.
    let mut next = tokio::time::Instant::now() + plan.pause.mul_f64(random.random());
    loop {
        if !plan.pause.is_zero() {
            tokio::time::sleep_until(next).await;
            // Whoever is late does not catch up.
            next = tokio::time::Instant::now().max(next) + plan.pause;
        }
        let payer = random.random_range(0..accounts / 2);
        let payee = accounts / 2 + zipf(&mut random, accounts / 2);
        let amount = 1 + u128::from(random.random_range(0..100_u8));
        let transfer = Transfer::new(timed_id(millis(), random.random()), account(payer), account(payee), amount, CNY, 2);
        let begun = Instant::now();
        let result = teller.transfer(transfer).await?;
        ensure!(result.is_ok(), "a transfer was refused: {result:?}");
        shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        if shared.counting.load(Ordering::Relaxed) {
            let step = usize::try_from(begun.elapsed().as_micros() as u64 / STEP_US).unwrap_or(usize::MAX);
            shared.latencies[step.min(STEPS - 1)].fetch_add(1, Ordering::Relaxed);
            shared.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Time on a core of this process's threads, or of those with that name, in microseconds.
fn cpu_us(name: Option<&str>) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let wanted = name.is_none_or(|name| read("comm").trim() == name);
        let nanos = wanted.then(|| read("schedstat").split(' ').next().and_then(|text| text.parse::<f64>().ok()))?;
        nanos.map(|nanos| nanos / 1_000.0)
    };
    tasks.filter_map(of).sum()
}

/// By least squares; 0 for fewer than two points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let common: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    if points.len() < 2 || spread == 0.0 { 0.0 } else { common / spread }
}

/// The process under load: prepares, loads, says what it measured, and goes on until it is killed.
///
/// # Errors
/// What the store refuses.
pub async fn load(folder: &Path, length: Length, steady: bool, say: &mut dyn FnMut(String)) -> Result<()> {
    let plan = Plan::of(length, steady);
    let opened = folder.to_owned();
    let (bank, ..) = tokio::task::spawn_blocking(move || open(&opened)).await??;
    prepare(&bank, plan.accounts).await?;
    let rss_accounts = rss_kib();
    let shared = Arc::new(Shared {
        counting: AtomicBool::new(false),
        done: AtomicU64::new(0),
        acknowledged: AtomicU64::new(0),
        latencies: (0..STEPS).map(|_| AtomicU32::new(0)).collect(),
    });
    let teller = Teller::new(bank.clone());
    let clients: Vec<_> = (0..plan.clients)
        .map(|seed| tokio::spawn(client(teller.clone(), shared.clone(), plan, seed.into())))
        .collect();
    tokio::time::sleep(plan.warm_up).await;
    let batches = bank.log().head().sequence;
    let (writer, process) = (cpu_us(Some("youji-commit")), cpu_us(None));
    let begun = Instant::now();
    shared.counting.store(true, Ordering::Relaxed);
    let (mut per_s, mut before, mut resident) = (Vec::new(), 0, Vec::new());
    while begun.elapsed() < plan.measured {
        let left = plan.measured.saturating_sub(begun.elapsed());
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        let done = shared.done.load(Ordering::Relaxed);
        per_s.push(done - before);
        before = done;
        let disk = rustix::fs::statvfs(folder)?;
        let left = disk.f_bavail * disk.f_frsize;
        ensure!(
            left > LEFT_BYTES,
            "{left} bytes are left on the disk of {}; name a folder on a larger one",
            folder.display()
        );
        resident.push((shared.acknowledged.load(Ordering::Relaxed) as f64 / 1e6, rss_kib() as f64 / 1_024.0));
        if let Some(ended) = clients.iter().position(tokio::task::JoinHandle::is_finished) {
            let mut clients = clients;
            clients.swap_remove(ended).await??;
            anyhow::bail!("a client ended");
        }
    }
    shared.counting.store(false, Ordering::Relaxed);
    let (writer, process) = (cpu_us(Some("youji-commit")) - writer, cpu_us(None) - process);
    let (took, batches) = (begun.elapsed(), bank.log().head().sequence - batches);
    let counts: Vec<u64> = shared.latencies.iter().map(|count| count.load(Ordering::Relaxed).into()).collect();
    let all: u64 = counts.iter().sum();
    let at = |part: f64| {
        let (wanted, mut seen) = ((part * all as f64).ceil() as u64, 0);
        let step = counts.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        (step.unwrap_or(0) as u64 + 1) as f64 * STEP_US as f64 / 1_000.0
    };
    let acknowledged = shared.acknowledged.load(Ordering::Relaxed);
    let loaded = Loaded {
        transfers_per_s: all as f64 / took.as_secs_f64(),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        max_ms: at(1.0),
        batch_mean: all as f64 / batches.max(1) as f64,
        acknowledged,
        rss_mb_accounts: rss_accounts as f64 / 1_024.0,
        rss_mb_end: rss_kib() as f64 / 1_024.0,
        rss_mb_per_million_ids: slope(&resident[resident.len() / 3..]),
        writer_us: writer / all.max(1) as f64,
        cpu_us: process / all.max(1) as f64,
        transfers: acknowledged + u64::from(plan.accounts),
        per_s,
    };
    say(serde_json::to_string(&loaded)?);
    // Until the kill.
    std::future::pending().await
}

/// Loads a process of its own, which is this program with `again`, the folder and nothing else behind it; kills it under load; starts
/// again and checks that nothing acknowledged is lost.
///
/// # Errors
/// What the process or the store says; anything lost.
pub async fn run(data: &Path, again: &[&str], length: Length, steady: bool) -> Result<Figures> {
    let plan = Plan::of(length, steady);
    let folder = tempfile::tempdir_in(data)?;
    let fdatasync_p50_us = fdatasync_ms(folder.path()).context("the disk can't be measured")? * 1_000.0;
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .args(again)
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let line = lines.next_line().await?.context("the loaded process ended")?;
    let loaded: Loaded = serde_json::from_str(&line)?;
    child.kill().await?;
    let (begun, cpu) = (Instant::now(), cpu_us(None));
    let opened = folder.path().to_owned();
    let (bank, recovery, recovery_map_s) = tokio::task::spawn_blocking(move || open(&opened)).await??;
    // Answered in order: what stands here was recovered.
    let (credits, sums) = bank
        .read(|bank| {
            let source = bank.ledger().account(SOURCE).map_or(0, |source| source.debits_posted);
            (source, bank.ledger().check_sums().map_err(|error| error.to_string()))
        })
        .await?;
    let (recovery_s, recovery_cpu_s) = (begun.elapsed().as_secs_f64(), (cpu_us(None) - cpu) / 1e6);
    sums.map_err(anyhow::Error::msg)?;
    ensure!(credits == GIFT * u128::from(plan.accounts), "first money is missing");
    let events = bank.read(|bank| bank.ledger().events()).await?;
    ensure!(
        events >= loaded.transfers,
        "{} transfers were acknowledged, {events} are there after the kill",
        loaded.transfers
    );
    bank.close().await?;
    let disk = size(folder.path())?;
    Ok(Figures {
        transfers_per_s: loaded.transfers_per_s.round(),
        p50_ms: loaded.p50_ms,
        p99_ms: loaded.p99_ms,
        max_ms: loaded.max_ms,
        batch_mean: loaded.batch_mean.round(),
        recovery_s,
        recovery_map_s,
        recovery_cpu_s,
        replayed_batches: recovery.replayed,
        fdatasync_p50_us: fdatasync_p50_us.round(),
        accounts: plan.accounts,
        in_flight: plan.clients,
        transfers: loaded.transfers,
        rss_mb_accounts: loaded.rss_mb_accounts.round(),
        writer_us_per_transfer: loaded.writer_us,
        cpu_us_per_transfer: loaded.cpu_us,
        rss_mb_end: loaded.rss_mb_end.round(),
        rss_mb_per_million_ids: loaded.rss_mb_per_million_ids,
        disk_bytes_per_transfer: (disk as f64 / events as f64).round(),
        per_s: loaded.per_s,
    })
}

fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        let known = file.metadata()?;
        bytes += if known.is_dir() { size(&file.path())? } else { known.len() };
    }
    Ok(bytes)
}
