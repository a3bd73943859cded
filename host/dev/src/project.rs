//! An author's project: where it is, what cargo workspace it belongs to.

use crate::{BuildError, cargo, script, sdk};
use std::path::{Path, PathBuf};

/// A folder with a `manifest.json`, and a `Cargo.toml` or a `src/main.ts`.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder.
    pub dir: PathBuf,
    /// Root of the cargo workspace that it belongs to; its own folder for projects that stand alone.
    pub root: PathBuf,
}

impl Project {
    /// The project that `from` is in.
    ///
    /// # Errors
    /// There is none, or cargo can't be asked about it.
    pub fn find(from: &Path) -> Result<Project, BuildError> {
        let here = from.canonicalize().map_err(|error| BuildError::file(from, error))?;
        let dir = here
            .ancestors()
            .find(|dir| dir.join("manifest.json").is_file() && (dir.join("Cargo.toml").is_file() || script::is_script(dir)));
        let Some(dir) = dir else {
            let missing = if here.join("manifest.json").is_file() {
                "Cargo.toml, or src/main.ts,"
            } else {
                "manifest.json"
            };
            return Err(BuildError::file(
                here.join(missing),
                "not there, so this is no mini-program. Go to a project's folder, or make one with `youji new NAME`",
            ));
        };
        Ok(Project {
            dir: dir.to_owned(),
            root: match script::is_script(dir) {
                true => dir.to_owned(),
                false => cargo::root(dir)?,
            },
        })
    }

    /// Whether it is written in TypeScript.
    pub fn is_script(&self) -> bool {
        script::is_script(&self.dir)
    }

    /// Where packages and stamps go.
    pub fn out(&self) -> PathBuf {
        self.root.join("target").join("youji")
    }

    /// Where compiled code of it is kept: of programs in TypeScript it is the engine's, and the same for all of them.
    pub fn compiled(&self) -> PathBuf {
        match self.dir.join(sdk::LINK).canonicalize() {
            Ok(sdk) if self.is_script() => script::tools_folder(&sdk).join("compiled"),
            _ => self.out().join("compiled"),
        }
    }

    /// Puts the SDK where the project looks for it, if it does. Gives its folder.
    ///
    /// # Errors
    /// See [`sdk::link`].
    pub fn ensure_sdk(&self, home: &Path) -> Result<Option<PathBuf>, BuildError> {
        if self.is_script() {
            return sdk::link(&self.dir, home).map(Some);
        }
        let manifest = self.dir.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).map_err(|error| BuildError::file(&manifest, error))?;
        if text.contains(sdk::LINK) {
            sdk::link(&self.dir, home).map(Some)
        } else {
            Ok(None)
        }
    }
}
