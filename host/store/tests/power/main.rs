//! Power cuts: a process writes to a file system of its own on a loop device; it is stopped, the image is copied as it stands, and what
//! was acknowledged must be in the copy.
//!
//! 25 cuts, or `YOUJI_POWER_CUTS` of them, from a seed that is printed (`YOUJI_SEED` repeats one). The same with a flush that does not
//! reach the disk must fail: otherwise this would show nothing.

mod books;
mod image;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use books::Acknowledged;
use image::{Image, Mounted};
use rand::{Rng, SeedableRng};

/// Cuts of a usual run.
const CUTS: u32 = 25;
/// Cuts after which an empty file system takes the place of the one that was written.
const FRESH: u32 = 8;
/// Cuts within which a flush that does not reach the disk must be noticed.
const NOTICED: u32 = 5;

const DIR: &str = "YOUJI_TESTS_POWER_DIR";
const TOLD: &str = "YOUJI_TESTS_POWER_TOLD";
const FLUSH: &str = "YOUJI_TESTS_POWER_FLUSH";

/// What the cut process does with a sync.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    Real,
    /// Nothing, and says that it did.
    Left,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process that another test starts and cuts off"]
async fn the_process_that_is_cut_off() {
    let (Some(dir), Some(told)) = (std::env::var_os(DIR), std::env::var_os(TOLD)) else {
        return;
    };
    let disk: Arc<dyn youji_store::Disk> = match std::env::var(FLUSH).as_deref() {
        Ok("left") => Arc::new(image::Unsynced),
        _ => Arc::new(youji_store::RealDisk),
    };
    books::write_for_ever(Path::new(&dir), disk, Path::new(&told)).await;
}

/// Runs the process on that file system for a moment, and stops it; the image as it stood then.
fn cut(on: Mounted, folder: &Path, flush: Flush, life: Duration, acknowledged: &mut Acknowledged) -> Image {
    let told = folder.join("told");
    fs::write(&told, "").unwrap();
    let mut process = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_cut_off", "--ignored", "--nocapture"])
        .env(DIR, on.dir())
        .env(TOLD, &told)
        .env(FLUSH, if flush == Flush::Left { "left" } else { "real" })
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Its life begins with the first acknowledgement: how long a start takes says nothing.
    let begun = std::time::Instant::now();
    while fs::metadata(&told).unwrap().len() == 0 {
        assert!(process.try_wait().unwrap().is_none(), "the process ended by itself");
        assert!(begun.elapsed() < Duration::from_secs(120), "the process acknowledged nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(life);
    image::stop(&process);
    // Everything that was acknowledged stands there before the image is looked at.
    acknowledged.read(&told);
    let copy = on.image().copy(&folder.join(format!("image-{}", acknowledged.len())));
    process.kill().unwrap();
    process.wait().unwrap();
    drop(on);
    copy
}

/// Cuts again and again, each time on what the cut before left. Which acknowledgements were lost, if any.
async fn check(cuts: u32, flush: Flush) -> Result<Option<usize>, String> {
    let given = std::env::var("YOUJI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| rand::rng().random());
    eprintln!("YOUJI_SEED={seed}");
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let (mut image, mut acknowledged, mut all) = (None, Acknowledged::default(), 0);
    for number in 0..cuts {
        if number % FRESH == 0 {
            (image, acknowledged) = (None, Acknowledged::default());
        }
        let before = acknowledged.len();
        let made = match image.take() {
            Some(image) => image,
            None => match Image::make(&folder.path().join(format!("fresh-{number}"))) {
                Ok(made) => made,
                Err(reason) => {
                    image::not_checked(&format!("power cuts: {reason}"));
                    return Ok(None);
                }
            },
        };
        let mounted = match Mounted::new(made) {
            Ok(mounted) => mounted,
            Err(reason) => {
                image::not_checked(&format!("power cuts: {reason}"));
                return Ok(None);
            }
        };
        let life = Duration::from_micros(random.random_range(500..150_000));
        let copy = cut(mounted, folder.path(), flush, life, &mut acknowledged);
        all += acknowledged.len() - before;
        let mounted = Mounted::new(copy).unwrap();
        let found = books::verify(&mounted.dir(), &acknowledged).await;
        found.map_err(|lost| format!("cut {number} after {life:?}, {} acknowledged: {lost}", acknowledged.len()))?;
        image = Some(mounted.into_image());
    }
    Ok(Some(all))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_power_cuts() {
    let cuts = std::env::var("YOUJI_POWER_CUTS").ok().map(|cuts| cuts.parse().unwrap());
    let cuts = cuts.unwrap_or(CUTS);
    match check(cuts, Flush::Real).await {
        Ok(Some(acknowledged)) => {
            assert!(acknowledged > cuts as usize, "hardly anything was acknowledged: {acknowledged}");
            eprintln!("{cuts} power cuts, {acknowledged} acknowledged, none lost");
        }
        Ok(None) => {}
        Err(lost) => panic!("{lost}"),
    }
    if let Ok(Some(acknowledged)) = check(NOTICED, Flush::Left).await {
        panic!("a flush that does not reach the disk lost nothing of {acknowledged} in {NOTICED} cuts: this test shows nothing");
    }
}
