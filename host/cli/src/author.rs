//! What the commands for authors have in common: the project, the key, building with progress, answers as JSON.

use crate::{out, place};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use youji_dev::{Built, Options, Progress, Project};
use youji_kiosk::Host;
use youji_package::{Channel, Manifest, Package, PackageLimits, PublicKey, PublisherKey, StatedVersion, Statement};
use youji_registry::Published;

/// Which project, and who signs.
#[derive(clap::Args)]
pub(crate) struct Work {
    /// The project's folder, or one inside it
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Key to sign with; made when there is none [default: author.key in the user's data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Work {
    /// Another folder than the option says.
    pub(crate) fn go_to(&mut self, dir: PathBuf) {
        self.dir = dir;
    }

    /// The project, with the SDK where it looks for it.
    ///
    /// # Errors
    /// This is no project, or the SDK can't be put there.
    pub(crate) fn project(&self) -> Result<Project> {
        let project = Project::find(&self.dir)?;
        project.ensure_sdk(&place::user_folder()?)?;
        Ok(project)
    }

    /// Folder of the SDK that a project looks for in its own.
    ///
    /// # Errors
    /// It can't be put there.
    pub(crate) fn sdk(&self, project: &Project) -> Result<Option<PathBuf>> {
        Ok(project.ensure_sdk(&place::user_folder()?)?)
    }

    /// Where the key is.
    ///
    /// # Errors
    /// There is no home folder.
    pub(crate) fn key_file(&self) -> Result<PathBuf> {
        match &self.key {
            Some(file) => Ok(file.clone()),
            None => default_key(),
        }
    }

    /// The key that something was published with before.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(crate) fn existing_key(&self) -> Result<PublisherKey> {
        let file = self.key_file()?;
        anyhow::ensure!(
            file.exists(),
            "{} does not exist; restore it from a copy, or name another with --key FILE: only the key that published a program can speak of it",
            file.display()
        );
        Ok(youji_dev::publisher_key(&file)?)
    }

    /// The key; made when there is none, unless another file was named.
    ///
    /// # Errors
    /// It can't be read or made.
    pub(crate) fn key(&self) -> Result<PublisherKey> {
        let file = self.key_file()?;
        if !file.exists() {
            anyhow::ensure!(
                self.key.is_none(),
                "{} does not exist; make it with `youji keygen --out {}`, or restore it from a copy: a program opens only under the key that it was first published with",
                file.display(),
                file.display()
            );
            out::note(format_args!(
                "Made the key {}: keep a copy, since your programs can only be updated with it.",
                file.display()
            ));
        }
        Ok(youji_dev::publisher_key(&file)?)
    }
}

/// The key of the person at this machine.
///
/// # Errors
/// There is no home folder.
pub(crate) fn default_key() -> Result<PathBuf> {
    Ok(place::user_folder()?.join("author.key"))
}

/// Builds with a line of progress.
///
/// # Errors
/// What cargo, the manifest or the disk say.
pub(crate) fn build(project: &Project, key: &PublisherKey, quiet: bool) -> Result<Built> {
    let bar = spinner(quiet);
    let out = project.out();
    let options = Options::new(&project.root, &out, key);
    let built = youji_dev::build(&project.dir, &options, &mut |progress| shown(&bar, progress));
    bar.finish_and_clear();
    built.context("the mini-program was not built")
}

/// Makes what is made once on a machine for programs in TypeScript, with a line of progress.
///
/// # Errors
/// What the disk says.
pub(crate) fn engine(sdk: &Path, quiet: bool) -> Result<()> {
    let bar = spinner(quiet);
    let made = youji_dev::script::prepare(sdk, &mut |progress| shown(&bar, progress));
    bar.finish_and_clear();
    made.context("the script engine is not ready")
}

fn shown(bar: &ProgressBar, progress: Progress<'_>) {
    match progress {
        Progress::AddingTarget(target) => bar.set_message(format!("Adding Rust's target {target}")),
        Progress::Compiling(krate) => bar.set_message(format!("Compiling {krate}")),
        Progress::Packing(program) => bar.set_message(format!("Signing {program}")),
        Progress::Unchanged(_) | Progress::Built(_) => {}
    }
}

/// The project's manifest.
///
/// # Errors
/// It can't be read, or everything that is wrong with it, by file and line.
pub(crate) fn manifest(project: &Project) -> Result<Manifest> {
    let file = project.dir.join("manifest.json");
    let bytes = std::fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
    Ok(Manifest::parse(&bytes)?)
}

/// Puts a package onto a host, whose operator allows the key if it is new there, under that name.
///
/// # Errors
/// What the registry or the services refuse.
pub(crate) async fn install(host: &Arc<Host>, package: Vec<u8>, public: &PublicKey, name: &str) -> Result<Published> {
    allow(host, public, name).await?;
    let published = host.registry().publish(package).await?;
    host.programs_changed();
    Ok(published)
}

/// Allows a key that is new on a host, under that name.
async fn allow(host: &Arc<Host>, public: &PublicKey, name: &str) -> Result<()> {
    if !host.registry().publishers().iter().any(|known| known.id == public.id()) {
        host.allow_publisher(name, public).await?;
    }
    Ok(())
}

/// What a publisher says next of a program once that package is its version in a channel; none if that is what was said before.
///
/// # Errors
/// The version's number stands for something else, or it was withdrawn.
pub(crate) fn stated(before: Option<&Statement>, bytes: &[u8], channel: Channel) -> Result<Option<Statement>> {
    let package = Package::open(bytes, &PackageLimits::default())?;
    let version = StatedVersion {
        code: package.manifest.version.code,
        name: package.manifest.version.name,
        channel,
        digest: package.digest,
        yanked: None,
    };
    if before.and_then(|before| before.version(version.code)) == Some(&version) {
        return Ok(None);
    }
    Ok(Some(Statement::publish(before, &package.manifest.app_id, version, now())?))
}

/// Publishes on a host whose operator allows the key if it is new there, with what its publisher states.
///
/// # Errors
/// What the registry or the services refuse.
pub(crate) async fn publish(host: &Arc<Host>, package: Vec<u8>, key: &PublisherKey, name: &str, channel: Channel) -> Result<Published> {
    let program = Package::open(&package, &PackageLimits::default())?.manifest.app_id;
    allow(host, &key.public(), name).await?;
    let before = host.registry().statement(&program);
    let published = match stated(before.as_ref(), &package, channel)? {
        Some(statement) => host.registry().publish_stated(Some(package), statement.sign(key)).await?,
        None => host.registry().publish(package).await?,
    };
    host.programs_changed();
    Ok(published)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Waits for work that needs no host.
///
/// # Errors
/// What the work says.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("no async runtime could be started")?;
    tokio.block_on(work)
}

/// A line that moves while something takes its time; nothing for scripts.
pub(crate) fn spinner(quiet: bool) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// What a command's work came to: with `--json`, an error is an object on stdout too, and the exit code stays 1.
///
/// # Errors
/// The work's, without `--json`.
pub(crate) fn finish(as_json: bool, done: Result<ExitCode>) -> Result<ExitCode> {
    match done {
        Err(error) if as_json => {
            out::line(json!({"error": format!("{error:#}")}));
            Ok(ExitCode::FAILURE)
        }
        done => done,
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(count: usize) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{:.1} KiB", count as f64 / 1_024.0),
        _ => format!("{:.2} MiB", count as f64 / 1_048_576.0),
    }
}
