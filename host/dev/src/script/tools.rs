//! Script engine and compiler: WebAssembly modules that the SDK's folder holds. What is made of them once is kept in a folder that all
//! projects share.

use crate::script::{sdk_text, tools_folder};
use crate::{BuildError, Progress};
use std::path::{Path, PathBuf};
use youji_package::Digest;
use youji_runtime::Tool;

/// Names the folder where engines are kept, instead of `script` in the user's data folder.
pub const FOLDER: &str = "YOUJI_SCRIPT_ENGINE";

/// What turns a program into a package.
pub(crate) struct Tools {
    /// Strips types.
    pub(crate) compiler: Tool,
    /// The engine with the SDK loaded: a core module.
    pub(crate) engine: PathBuf,
    /// What both are made of.
    pub(crate) sources: Vec<PathBuf>,
}

/// Where things are.
struct Places {
    folder: PathBuf,
    /// Where the modules stand, and what lists their digests.
    vendor: PathBuf,
    sums: PathBuf,
    lib: Vec<PathBuf>,
    /// Names the modules.
    built: String,
    engine: PathBuf,
}

/// Whether what is made once for the SDK in that folder is there.
pub fn ready(sdk: &Path) -> bool {
    places(sdk).is_ok_and(|places| places.engine.is_file())
}

fn places(sdk: &Path) -> Result<Places, BuildError> {
    let vendor = sdk.join("js/vendor");
    let sums = vendor.join("SHA256SUMS");
    let built = digest(std::slice::from_ref(&sums))?;
    let lib = crate::files::all(&sdk.join("js/lib"))?;
    let folder = tools_folder(sdk);
    let engine = folder.join(format!("{built}-{}.wasm", digest(&lib)?));
    Ok(Places {
        folder,
        vendor,
        sums,
        lib,
        built,
        engine,
    })
}

impl Tools {
    /// Those for the SDK in that folder. The first time takes some seconds.
    ///
    /// # Errors
    /// The SDK's folder is not whole, or the disk refuses.
    pub(crate) fn get(sdk: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Tools, BuildError> {
        let places = places(sdk)?;
        let Places { folder, engine, .. } = &places;
        let wrong = |error: std::io::Error| BuildError::file(folder, error);
        if !engine.is_file() {
            progress(Progress::Compiling("the SDK into the script engine, once on this machine"));
            std::fs::create_dir_all(folder).map_err(wrong)?;
            // One at a time; whoever waited finds it done.
            let lock = std::fs::File::create(folder.join("lock")).map_err(wrong)?;
            lock.lock().map_err(wrong)?;
            let compiler = compiler(&places)?;
            if !engine.is_file() {
                let text = sdk_text(&compiler, &sdk.join("js/lib"))?;
                let prepared = youji_runtime::prepared(&module(&places, "engine.wasm")?, &text);
                write(engine, &prepared.map_err(|output| BuildError::Sdk { output })?)?;
            }
        }
        Ok(Tools {
            compiler: compiler(&places)?,
            engine: places.engine,
            sources: std::iter::once(places.sums).chain(places.lib).collect(),
        })
    }
}

fn compiler(places: &Places) -> Result<Tool, BuildError> {
    let path = places.vendor.join("compiler.wasm");
    let compiled = places.folder.join("compiled");
    Tool::load(&module(places, "compiler.wasm")?, &format!("compiler{}", places.built), &compiled)
        .map_err(|error| BuildError::file(&path, error))
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|error| {
        let remedy = "remove the project's .youji/sdk and the folder that it leads to; the next build unpacks the SDK again";
        BuildError::file(path, format!("{error}; {remedy}"))
    })
}

/// A module whose bytes are those that its SDK lists: what is made of them is kept under that list's name.
fn module(places: &Places, name: &str) -> Result<Vec<u8>, BuildError> {
    let bytes = read(&places.vendor.join(name))?;
    let found = Digest::of(&bytes).to_string();
    let sums = String::from_utf8_lossy(&read(&places.sums)?).into_owned();
    let listed = sums.lines().filter_map(|line| line.split_once("  ")).find(|(_, of)| *of == name);
    match listed {
        Some((expected, _)) if expected == found => Ok(bytes),
        Some((expected, _)) => Err(BuildError::Sdk {
            output: format!("{name} should have the SHA-256 {expected}, and has {found}"),
        }),
        None => Err(BuildError::Sdk {
            output: format!("SHA256SUMS lists no {name}"),
        }),
    }
}

/// Of all those files.
fn digest(files: &[PathBuf]) -> Result<String, BuildError> {
    let mut seen = Vec::new();
    for file in files {
        seen.extend_from_slice(file.file_name().unwrap_or_default().as_encoded_bytes());
        seen.push(0);
        seen.extend_from_slice(&Digest::of(&read(file)?).0);
    }
    Ok(Digest::of(&seen).to_string().chars().take(16).collect())
}

/// Whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| BuildError::file(path, error))
}
