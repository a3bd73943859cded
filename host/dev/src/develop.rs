//! Building one program again and again while its author writes it: what does not change between two builds is asked for once.

use crate::build::{self, Built, Options};
use crate::cargo::{self, Profile};
use crate::{BuildError, Progress, Project, files, script, symbols, watch};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use youji_package::PublisherKey;

/// A core module with nothing in it.
const NO_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A program that is being worked on.
pub struct Developer {
    project: Project,
    key: PublisherKey,
    /// Of the last build; each one takes the place of the one before.
    code: u32,
    /// The crate's name, once cargo has been asked.
    name: Option<String>,
}

/// A build to be tried.
#[derive(Clone, Debug)]
pub struct Developed {
    /// The signed package.
    pub built: Built,
    /// The core module with its debug information.
    pub module: Vec<u8>,
    /// Microseconds of each part, in order.
    pub parts: Vec<(&'static str, u64)>,
    /// A source was saved after the compiler began: what was built may be half old and half new.
    pub edited: bool,
}

impl Developer {
    /// Builds nothing yet.
    pub fn new(project: Project, key: PublisherKey) -> Developer {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Developer {
            project,
            key,
            code: u32::try_from(seconds).unwrap_or(u32::MAX / 2),
            name: None,
        }
    }

    /// Which project.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Who signs.
    pub fn key(&self) -> &PublisherKey {
        &self.key
    }

    /// Builds what is on disk now.
    ///
    /// # Errors
    /// See [`BuildError`]; a package that an earlier build left stays as it is.
    pub fn build(&mut self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Developed, BuildError> {
        let mut parts = Parts::new();
        let Project { root, dir } = self.project.clone();
        if self.project.is_script() {
            return self.build_script(parts, progress);
        }
        let name = match &self.name {
            Some(name) => name.clone(),
            None => {
                cargo::ensure_target(&root, &mut || progress(Progress::AddingTarget(cargo::TARGET)))?;
                let name = cargo::names(&root, std::slice::from_ref(&dir))?.pop().unwrap_or_default();
                parts.done("toolchain");
                self.name.insert(name).clone()
            }
        };
        let started = SystemTime::now();
        let packages = [(dir.clone(), name)];
        let target_dir = root.join("target").join("miniprograms");
        let compiled = cargo::compile(&root, &target_dir, &packages, Profile::Develop, &mut |krate| {
            progress(Progress::Compiling(krate));
        })
        // Cargo.toml may have given the crate another name.
        .inspect_err(|_| self.name = None)?;
        let compiled = compiled
            .into_iter()
            .next()
            .ok_or_else(|| BuildError::file(&dir, "nothing was built"))?;
        parts.done("cargo");
        self.packed(compiled, started, parts)
    }

    fn build_script(&mut self, mut parts: Parts, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Developed, BuildError> {
        let started = SystemTime::now();
        let compiled = script::compile(&self.project.dir, progress)?;
        parts.done("types");
        self.packed(compiled, started, parts)
    }

    fn packed(&mut self, compiled: cargo::Compiled, started: SystemTime, parts: Parts) -> Result<Developed, BuildError> {
        let Project { root, dir } = self.project.clone();
        // A script's places are in its exceptions.
        if compiled.script.is_some() {
            return self.finished(&root, &dir, (compiled, NO_MODULE.to_vec()), started, parts);
        }
        let module = compiled.module.clone();
        // The package goes without: what it tells is asked of the module that is kept here.
        let compiled = cargo::Compiled {
            module: symbols::stripped(&compiled.module)?,
            ..compiled
        };
        self.finished(&root, &dir, (compiled, module), started, parts)
    }

    fn finished(
        &mut self,
        root: &Path,
        dir: &Path,
        (compiled, module): (cargo::Compiled, Vec<u8>),
        started: SystemTime,
        mut parts: Parts,
    ) -> Result<Developed, BuildError> {
        self.code = self.code.saturating_add(1);
        let out = self.project.out();
        std::fs::create_dir_all(&out).map_err(|error| BuildError::file(&out, error))?;
        let options = Options {
            develop: Some(self.code),
            ..Options::new(root, &out, &self.key)
        };
        let built = build::pack(root, dir, &options, compiled, started)?;
        let edited = is_edited(dir, started)?;
        parts.done("package");
        Ok(Developed {
            built,
            module,
            parts: parts.list,
            edited,
        })
    }
}

/// Whether a file that a build depends on was saved since; what cargo writes itself is none.
fn is_edited(dir: &Path, since: SystemTime) -> Result<bool, BuildError> {
    let written = |path: &Path| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    let mut all = files::all(dir)?.into_iter().filter(|path| watch::counts(dir, path));
    Ok(all.any(|path| written(&path).is_none_or(|at| at >= since)))
}

struct Parts {
    list: Vec<(&'static str, u64)>,
    began: Instant,
}

impl Parts {
    fn new() -> Parts {
        Parts {
            list: Vec::new(),
            began: Instant::now(),
        }
    }

    fn done(&mut self, name: &'static str) {
        let us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.list.push((name, us));
        self.began = Instant::now();
    }
}
