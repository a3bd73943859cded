//! Programs in TypeScript: a program is its text, and the script engine with the imports that the text asks for. Engine and compiler are
//! WebAssembly modules that this library carries, so that nothing but `youji` is needed, and no network.
//!
//! | module | holds |
//! |---|---|
//! | `tools` | engine and compiler, and what is made of them once |
//! | `narrow` | the engine without the imports that a program does not ask for |

mod narrow;
mod tools;

use crate::cargo::Compiled;
use crate::{BuildError, Progress, component, files, sdk};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tools::Tools;
use youji_runtime::Tool;

pub use tools::{FOLDER, ready};

/// Bytes of a program's sources at most. A package holds less.
const SOURCES: u64 = 16 << 20;

/// Where a program begins.
pub const ENTRY: &str = "src/main.ts";

/// Whether the project in a folder is one in TypeScript.
pub fn is_script(dir: &Path) -> bool {
    dir.join(ENTRY).is_file() && !dir.join("Cargo.toml").is_file()
}

/// Makes what is made once for the SDK in that folder, unless it is there: some seconds.
///
/// # Errors
/// The SDK's folder is not whole, or the disk refuses.
pub fn prepare(sdk: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), BuildError> {
    Tools::get(sdk, progress).map(drop)
}

#[derive(Serialize)]
struct Asked {
    /// None for what is no text.
    files: BTreeMap<String, Option<String>>,
    sdk: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    app: String,
    #[serde(default)]
    imports: BTreeSet<String>,
    #[serde(default)]
    error: String,
}

/// Compiles the program in a folder, whose SDK is at [`sdk::LINK`].
pub(crate) fn compile(dir: &Path, progress: &mut dyn FnMut(Progress<'_>)) -> Result<Compiled, BuildError> {
    let link = dir.join(sdk::LINK);
    let sdk = link
        .canonicalize()
        .map_err(|error| BuildError::file(&link, format!("{error}; the SDK is put there by `youji build`")))?;
    let tools = Tools::get(&sdk, progress)?;
    let files = texts(dir, &dir.join("src"))?;
    let answer = ask(&tools.compiler, &Asked { files, sdk: false })?;
    if !answer.error.is_empty() {
        return Err(BuildError::Compile {
            program: ENTRY.to_owned(),
            output: answer.error,
        });
    }
    let component = engine(&tools, &answer.imports)?;
    Ok(Compiled {
        module: component,
        sources: tools.sources,
        script: Some(answer.app),
    })
}

/// The engine as a component that imports those capabilities and no other; made once for each such set.
fn engine(tools: &Tools, imports: &BTreeSet<String>) -> Result<Vec<u8>, BuildError> {
    let names: Vec<&str> = imports.iter().map(String::as_str).collect();
    let kept = tools.engine.with_extension(format!("{}.component.wasm", names.join("-")));
    if let Ok(component) = std::fs::read(&kept) {
        return Ok(component);
    }
    let module = std::fs::read(&tools.engine).map_err(|error| BuildError::file(&tools.engine, error))?;
    let narrowed = narrow::narrowed(&module, imports).map_err(BuildError::Component)?;
    let component = component::encode(&narrowed)?;
    tools::write(&kept, &component)?;
    Ok(component)
}

/// The files that a program can import from a folder, by their path below `dir`.
fn texts(dir: &Path, folder: &Path) -> Result<BTreeMap<String, Option<String>>, BuildError> {
    let mut texts = BTreeMap::new();
    let mut left = SOURCES;
    for path in files::all(folder)? {
        let Some(name) = path.strip_prefix(dir).ok().and_then(Path::to_str) else {
            continue;
        };
        if !name.ends_with(".ts") && !name.ends_with(".json") {
            continue;
        }
        let bytes = std::fs::read(&path).map_err(|error| BuildError::file(&path, error))?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let expected = format!(
                "the sources of a program have {} MiB at most, and this file is beyond",
                SOURCES >> 20
            );
            BuildError::file(&path, format!("{expected}. What is only shown belongs into common/"))
        })?;
        texts.insert(name.to_owned(), String::from_utf8(bytes).ok());
    }
    Ok(texts)
}

fn ask(compiler: &Tool, asked: &Asked) -> Result<Answer, BuildError> {
    let wrong = |problem: String| BuildError::Compile {
        program: ENTRY.to_owned(),
        output: format!("what strips types ended: {problem}"),
    };
    let asked = serde_json::to_vec(asked).map_err(|error| wrong(error.to_string()))?;
    let answer = compiler.answer(&asked).map_err(wrong)?;
    serde_json::from_slice(&answer).map_err(|error| wrong(error.to_string()))
}

/// Text of the SDK in a folder, as the engine reads it.
fn sdk_text(compiler: &Tool, lib: &Path) -> Result<String, BuildError> {
    let files = texts(lib, lib)?;
    let answer = ask(compiler, &Asked { files, sdk: true })?;
    match answer.error.is_empty() {
        true => Ok(answer.app),
        false => Err(BuildError::Sdk { output: answer.error }),
    }
}

/// Where tools of SDKs below that folder are kept: beside all SDKs, or where [`FOLDER`] says.
pub(crate) fn tools_folder(sdk: &Path) -> PathBuf {
    match std::env::var_os(FOLDER) {
        Some(folder) => PathBuf::from(folder),
        None => sdk.parent().and_then(Path::parent).unwrap_or(sdk).join("script"),
    }
}
