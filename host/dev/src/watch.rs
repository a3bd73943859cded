//! Which files of a project were saved: told by the system, gathered until nothing comes for a moment.

use crate::{BuildError, Project};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Editors write a file in several steps; after this long without another one it counts as saved.
const QUIET: Duration = Duration::from_millis(40);
/// Somebody who never stops saving sees something all the same.
const LONGEST: Duration = Duration::from_secs(1);
/// Changes that wait; more of them say nothing new.
const WAITING: usize = 1_024;

/// Follows the sources of a project.
pub struct Watch {
    watcher: RecommendedWatcher,
    changes: mpsc::Receiver<PathBuf>,
}

/// What was saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Which files, in order of their names.
    pub files: Vec<PathBuf>,
    /// When the first of them was seen to change.
    pub at: Instant,
}

impl Watch {
    /// From now on.
    ///
    /// # Errors
    /// The system gives no more watches.
    pub fn new(project: &Project) -> Result<Watch, BuildError> {
        let (told, changes) = mpsc::channel(WAITING);
        let wrong = |dir: &Path, error: notify::Error| {
            BuildError::file(
                dir,
                format!(
                    "can't be watched: {error}. Close other programs that watch files, or allow more of them (Linux: sysctl fs.inotify.max_user_watches)"
                ),
            )
        };
        let dir = project.dir.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                if counts(&dir, &path) {
                    // Full: whoever reads it has something to do anyway.
                    let _ = told.try_send(path);
                }
            }
        })
        .map_err(|error| wrong(&project.dir, error))?;
        let mut watched = vec![(project.dir.clone(), RecursiveMode::NonRecursive)];
        if project.root != project.dir {
            watched.push((project.root.clone(), RecursiveMode::NonRecursive));
        }
        let entries = std::fs::read_dir(&project.dir).map_err(|error| BuildError::file(&project.dir, error))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && counts(&project.dir, &path) {
                watched.push((path, RecursiveMode::Recursive));
            }
        }
        for (path, mode) in watched {
            watcher.watch(&path, mode).map_err(|error| wrong(&path, error))?;
        }
        Ok(Watch { watcher, changes })
    }

    /// The next files that were saved, once nothing more comes.
    pub async fn next(&mut self) -> Option<Saved> {
        let first = self.changes.recv().await?;
        let at = Instant::now();
        let mut files = vec![first];
        while at.elapsed() < LONGEST {
            match tokio::time::timeout(QUIET, self.changes.recv()).await {
                Ok(Some(path)) => files.push(path),
                Ok(None) | Err(_) => break,
            }
        }
        files.sort();
        files.dedup();
        for folder in files.iter().filter(|path| path.is_dir()) {
            // A new folder; one that is followed already is followed once.
            if let Err(error) = self.watcher.watch(folder, RecursiveMode::Recursive) {
                tracing::warn!(folder = %folder.display(), %error, "what is saved in this folder will not be noticed");
            }
        }
        Some(Saved { files, at })
    }

    /// Whether something was saved that [`next`](Self::next) has not told yet.
    pub fn is_stale(&self) -> bool {
        !self.changes.is_empty()
    }
}

/// Whether a package can depend on that file: not what the build itself writes, nor what an editor keeps beside a file.
pub(crate) fn counts(dir: &Path, path: &Path) -> bool {
    let inside = path.strip_prefix(dir).unwrap_or(path);
    let hidden = |part: &std::ffi::OsStr| {
        let name = part.to_string_lossy();
        name.starts_with('.') || name.starts_with('#') || name.ends_with('~')
    };
    if inside.iter().any(hidden) {
        return false;
    }
    let first = inside
        .iter()
        .next()
        .map(|part| part.to_string_lossy().into_owned())
        .unwrap_or_default();
    if matches!(first.as_str(), "target" | "Cargo.lock" | "tests" | "scenarios") {
        return false;
    }
    // Of a workspace around the project, only what decides how it is built.
    path.starts_with(dir) || path.file_name().is_some_and(|name| name == "Cargo.toml")
}
