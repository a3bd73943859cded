//! Engine and compiler, built when they are first needed: from the sources that the SDK's folder holds, with cargo, into a folder that
//! all projects share.

use crate::cargo::{self, Profile};
use crate::script::{sdk_text, tools_folder};
use crate::{BuildError, Progress};
use std::path::{Path, PathBuf};
use youji_package::Digest;

/// Names the folder where engines are kept, instead of `script` in the user's data folder.
pub const FOLDER: &str = "YOUJI_SCRIPT_ENGINE";

/// What turns a program into a package.
pub(crate) struct Tools {
    /// Strips types.
    pub(crate) compiler: PathBuf,
    /// The engine with the SDK loaded: a core module.
    pub(crate) engine: PathBuf,
}

/// Whether the tools for the SDK in that folder are built already.
pub fn ready(sdk: &Path) -> bool {
    places(sdk).is_ok_and(|(folder, tools)| folder.join("engine.wasm").is_file() && tools.engine.is_file())
}

/// Folder of what cargo builds, and the tools.
fn places(sdk: &Path) -> Result<(PathBuf, Tools), BuildError> {
    let js = sdk.join("js");
    let built = digest(&[
        js.join("engine"),
        js.join("compiler"),
        js.join("wit"),
        sdk.join("wit"),
        js.join("Cargo.lock"),
    ])?;
    let loaded = digest(&[js.join("lib")])?;
    let folder = tools_folder(sdk).join(&built);
    let tools = Tools {
        compiler: folder.join("youji-script-compiler"),
        engine: folder.join(format!("{loaded}.wasm")),
    };
    Ok((folder, tools))
}

impl Tools {
    /// Those for the SDK in that folder.
    ///
    /// # Errors
    /// cargo can't build them: the first time needs a network for what they depend on.
    pub(crate) fn get(sdk: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Tools, BuildError> {
        let (folder, tools) = places(sdk)?;
        if !folder.join("engine.wasm").is_file() {
            build(sdk, &folder, progress)?;
        }
        if !tools.engine.is_file() {
            progress(Progress::Compiling("the script engine's SDK"));
            let text = sdk_text(&tools.compiler, &sdk.join("js/lib"))?;
            let raw = folder.join("engine.wasm");
            let module = std::fs::read(&raw).map_err(|error| BuildError::file(&raw, error))?;
            let prepared = youji_runtime::prepared(&module, &text).map_err(|output| BuildError::Compile {
                program: "the SDK".to_owned(),
                output,
            })?;
            write(&tools.engine, &prepared)?;
        }
        Ok(tools)
    }
}

/// cargo's part: minutes, once for a version of the engine.
fn build(sdk: &Path, folder: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), BuildError> {
    let root = sdk.join("js");
    cargo::ensure_target(&root, &mut || progress(Progress::AddingTarget(cargo::TARGET)))?;
    let wrong = |error: std::io::Error| BuildError::file(folder, error);
    let parent = folder.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).map_err(wrong)?;
    // Whole or not at all, whoever else builds at this moment.
    let partial = parent.join(format!(".building-{}", std::process::id()));
    let done = (|| {
        let built = partial.join("built");
        std::fs::create_dir_all(&built).map_err(wrong)?;
        let compiler = cargo::tool_of(&root, &partial, "youji-script-compiler", Profile::Compiler, progress)?;
        std::fs::copy(compiler, built.join("youji-script-compiler")).map_err(wrong)?;
        let engine = cargo::tool_of(&root, &partial, "youji-script-engine", Profile::Engine, progress)?;
        // Last: with it, the folder is whole.
        std::fs::copy(engine, built.join("engine.wasm")).map_err(wrong)?;
        match std::fs::rename(&built, folder) {
            Err(error) if !folder.join("engine.wasm").is_file() => Err(wrong(error)),
            _ => Ok(()),
        }
    })();
    let _ = std::fs::remove_dir_all(&partial);
    done
}

/// Of all files below those paths.
fn digest(paths: &[PathBuf]) -> Result<String, BuildError> {
    let mut seen = Vec::new();
    for path in paths {
        let files = match path.is_dir() {
            true => crate::files::all(path)?,
            false => vec![path.clone()],
        };
        for file in files {
            let bytes = std::fs::read(&file).map_err(|error| BuildError::file(&file, error))?;
            seen.extend_from_slice(file.file_name().unwrap_or_default().as_encoded_bytes());
            seen.push(0);
            seen.extend_from_slice(&Digest::of(&bytes).0);
        }
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
