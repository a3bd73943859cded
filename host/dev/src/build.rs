//! What is built, and the two doors: one program, all programs.

use crate::cargo::{self, Compiled, Profile};
use crate::fingerprint::{self, Stamp};
use crate::{BuildError, component, files, script};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use youji_package::{Digest, Draft, Package, PackageLimits, PublisherKey};

/// Where from, where to, in whose name.
pub struct Options<'a> {
    /// The cargo workspace that the programs belong to.
    pub root: &'a Path,
    /// Where packages and stamps go.
    pub out: &'a Path,
    /// Who signs.
    pub key: &'a PublisherKey,
    /// How large a package may be.
    pub limits: PackageLimits,
    /// Built to be tried and built again: with names and line numbers, and with this version code instead of the manifest's, so that it
    /// takes the place of the one before. None: built to be published.
    pub develop: Option<u32>,
}

impl<'a> Options<'a> {
    /// With the default limits.
    pub fn new(root: &'a Path, out: &'a Path, key: &'a PublisherKey) -> Self {
        Options {
            root,
            out,
            key,
            limits: PackageLimits::default(),
            develop: None,
        }
    }

    fn profile(&self) -> Profile {
        match self.develop {
            None => Profile::Publish,
            Some(_) => Profile::Develop,
        }
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Nothing changed since the last build: the program's folder name.
    Unchanged(&'a str),
    /// rustup adds the target; needs a network.
    AddingTarget(&'a str),
    /// This crate is being compiled.
    Compiling(&'a str),
    /// The program's component is made, packed and signed: the program's folder name.
    Packing(&'a str),
    /// Done: the program's folder name.
    Built(&'a str),
}

/// Bytes of what was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// What the compiler made.
    pub module: usize,
    /// The component in the package.
    pub component: usize,
    /// The package.
    pub package: usize,
}

/// A signed package.
#[derive(Clone, Debug)]
pub struct Built {
    /// Its id, from the manifest.
    pub app_id: String,
    /// The `.ma`.
    pub bytes: Vec<u8>,
    /// What identifies content and publisher.
    pub digest: Digest,
    /// Bytes of its parts.
    pub sizes: Sizes,
    /// Interfaces that its component calls, such as "youji:miniapp/payment@1.0.0".
    pub imports: Vec<String>,
    /// Where the package was written.
    pub path: PathBuf,
    /// Whether nothing had to be done.
    pub unchanged: bool,
}

/// Builds the program in `dir`, unless nothing changed since it was built last.
///
/// # Errors
/// See [`BuildError`]; a package that an earlier build left stays as it is.
pub fn build(dir: &Path, options: &Options<'_>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Built, BuildError> {
    let mut built = build_dirs(&[absolute(dir)?], options, progress)?;
    built.pop().ok_or_else(|| BuildError::file(dir, "nothing was built"))
}

/// Builds every program below `miniprograms/` of the workspace, in the order of their names; those that changed in one run of cargo.
///
/// # Errors
/// See [`BuildError`]. Packages that earlier builds left stay as they are.
pub fn build_all(options: &Options<'_>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Vec<Built>, BuildError> {
    let folder = absolute(&options.root.join("miniprograms"))?;
    let entries = std::fs::read_dir(&folder).map_err(|error| BuildError::file(&folder, error))?;
    let mut dirs: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|dir| dir.join("manifest.json").is_file() && dir.join("Cargo.toml").is_file())
        .collect();
    dirs.sort();
    build_dirs(&dirs, options, progress)
}

fn absolute(dir: &Path) -> Result<PathBuf, BuildError> {
    dir.canonicalize().map_err(|error| BuildError::file(dir, error))
}

fn name_of(dir: &Path) -> String {
    dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned()
}

fn build_dirs(dirs: &[PathBuf], options: &Options<'_>, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Vec<Built>, BuildError> {
    let root = absolute(options.root)?;
    std::fs::create_dir_all(options.out).map_err(|error| BuildError::file(options.out, error))?;
    let mut built: Vec<Option<Built>> = dirs.iter().map(|dir| kept(&root, dir, options)).collect();
    let stale: Vec<usize> = (0..dirs.len()).filter(|at| built[*at].is_none()).collect();
    for at in (0..dirs.len()).filter(|at| built[*at].is_some()) {
        progress(Progress::Unchanged(&name_of(&dirs[at])));
    }
    let (scripts, stale): (Vec<usize>, Vec<usize>) = stale.into_iter().partition(|at| script::is_script(&dirs[*at]));
    for at in scripts {
        let name = name_of(&dirs[at]);
        let started = SystemTime::now();
        let compiled = script::compile(&dirs[at], progress)?;
        progress(Progress::Packing(&name));
        built[at] = Some(pack(&root, &dirs[at], options, compiled, started)?);
        progress(Progress::Built(&name));
    }
    if !stale.is_empty() {
        cargo::ensure_target(&root, &mut || progress(Progress::AddingTarget(cargo::TARGET)))?;
        let folders: Vec<PathBuf> = stale.iter().map(|at| dirs[*at].clone()).collect();
        let names = cargo::names(&root, &folders)?;
        let packages: Vec<(PathBuf, String)> = folders.into_iter().zip(names).collect();
        // Its own folder, so that a build never waits for the lock of whoever called it.
        let target_dir = root.join("target").join("miniprograms");
        let started = SystemTime::now();
        let compiled = cargo::compile(&root, &target_dir, &packages, options.profile(), &mut |name| {
            progress(Progress::Compiling(name))
        })?;
        for (at, compiled) in stale.into_iter().zip(compiled) {
            let name = name_of(&dirs[at]);
            progress(Progress::Packing(&name));
            built[at] = Some(pack(&root, &dirs[at], options, compiled, started)?);
            progress(Progress::Built(&name));
        }
    }
    Ok(built.into_iter().flatten().collect())
}

fn places(dir: &Path, options: &Options<'_>) -> (PathBuf, PathBuf) {
    // What is tried never takes the place of what is published.
    let name = match options.develop {
        None => name_of(dir),
        Some(_) => format!("{}.develop", name_of(dir)),
    };
    (
        options.out.join(format!("{name}.ma")),
        options.out.join(format!("{name}.stamp.json")),
    )
}

/// What an earlier build left, if it is whole and nothing changed.
fn kept(root: &Path, dir: &Path, options: &Options<'_>) -> Option<Built> {
    if options.develop.is_some() {
        return None;
    }
    let (path, stamp) = places(dir, options);
    let stamp = fingerprint::read(&stamp)?;
    let now = fingerprint::fingerprint(root, dir, &stamp.sources, options.key.id().as_str()).ok()?;
    let bytes = std::fs::read(&path).ok()?;
    if now != stamp.fingerprint || Digest::of(&bytes).to_string() != stamp.bytes {
        return None;
    }
    Some(Built {
        app_id: stamp.app_id,
        bytes,
        digest: stamp.digest.parse().ok()?,
        sizes: stamp.sizes,
        imports: stamp.imports,
        path,
        unchanged: true,
    })
}

pub(crate) fn pack(root: &Path, dir: &Path, options: &Options<'_>, compiled: Compiled, started: SystemTime) -> Result<Built, BuildError> {
    let sources: Vec<PathBuf> = compiled.sources.into_iter().filter(|source| !source.starts_with(dir)).collect();
    let fingerprint = if fingerprint::edited_since(dir, &sources, started)? {
        // What was compiled may be older than what would be hashed here: build again next time.
        String::new()
    } else {
        fingerprint::fingerprint(root, dir, &sources, options.key.id().as_str())?
    };
    let wasm = match &compiled.script {
        Some(_) => compiled.module.clone(),
        None => component::encode(&compiled.module)?,
    };
    let imports = component::imports(&wasm)?;
    let wrong = |error| BuildError::Package {
        dir: dir.to_owned(),
        error,
    };
    let mut draft = Draft::new().with("app.wasm", wasm.as_slice());
    if let Some(text) = compiled.script {
        draft = draft.with("app.js", text);
    }
    for (name, mut bytes) in files::packaged(dir)? {
        if let (Some(code), "manifest.json") = (options.develop, name.as_str()) {
            bytes = with_code(bytes, code);
        }
        draft = draft.with(name, bytes);
    }
    let bytes = draft.sign(options.key, &options.limits).map_err(wrong)?;
    let package = Package::open(&bytes, &options.limits).map_err(wrong)?;
    let (path, stamp_path) = places(dir, options);
    let built = Built {
        app_id: package.manifest.app_id.to_string(),
        digest: package.digest,
        sizes: Sizes {
            module: compiled.module.len(),
            component: wasm.len(),
            package: bytes.len(),
        },
        imports,
        path,
        unchanged: false,
        bytes,
    };
    let stamp = Stamp {
        fingerprint,
        sources,
        app_id: built.app_id.clone(),
        bytes: Digest::of(&built.bytes).to_string(),
        digest: built.digest.to_string(),
        sizes: built.sizes,
        imports: built.imports.clone(),
    };
    // The stamp goes last: without it, whatever is there is built again.
    let _ = std::fs::remove_file(&stamp_path);
    write(&built.path, &built.bytes)?;
    write(
        &stamp_path,
        &serde_json::to_vec_pretty(&stamp).map_err(|error| BuildError::file(&stamp_path, error))?,
    )?;
    Ok(built)
}

/// The manifest with another version code. One that is no JSON stays as it is: reading it says what is wrong, and in which line.
fn with_code(manifest: Vec<u8>, code: u32) -> Vec<u8> {
    let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(&manifest) else {
        return manifest;
    };
    match json.get_mut("version").and_then(|version| version.get_mut("code")) {
        Some(place) if place.is_u64() => *place = code.into(),
        _ => return manifest,
    }
    // Line numbers in what is said about the manifest are those of the author's file.
    if youji_package::Manifest::parse(&manifest).is_err() {
        return manifest;
    }
    serde_json::to_vec(&json).unwrap_or(manifest)
}

/// Whole or not at all: somebody else may read it at this moment.
fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| BuildError::file(path, error))
}
