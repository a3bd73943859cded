//! Programs in TypeScript: the script engine and what strips types, built once on this machine from the sources that this library
//! carries; then a program is its text, and the engine with the imports that the text asks for.
//!
//! | module | holds |
//! |---|---|
//! | `tools` | engine and compiler, built when they are first needed |
//! | `narrow` | the engine without the imports that a program does not ask for |

mod narrow;
mod tools;

use crate::cargo::Compiled;
use crate::{BuildError, Progress, component, sdk};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tools::Tools;

pub use tools::{FOLDER, ready};

/// Where a program begins.
pub const ENTRY: &str = "src/main.ts";

/// Whether the project in a folder is one in TypeScript.
pub fn is_script(dir: &Path) -> bool {
    dir.join(ENTRY).is_file() && !dir.join("Cargo.toml").is_file()
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
    let answer = ask(&tools.compiler, &[dir.as_os_str()])?;
    if !answer.error.is_empty() {
        return Err(BuildError::Compile {
            program: ENTRY.to_owned(),
            output: answer.error,
        });
    }
    let component = engine(&tools, &answer.imports)?;
    Ok(Compiled {
        module: component,
        sources: vec![tools.engine, tools.compiler],
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

fn ask(compiler: &Path, arguments: &[&std::ffi::OsStr]) -> Result<Answer, BuildError> {
    let wrong = |problem: String| BuildError::file(compiler, format!("{problem}. Remove its folder; the next build makes it again"));
    let output = Command::new(compiler)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| wrong(error.to_string()))?;
    serde_json::from_slice(&output.stdout).map_err(|error| wrong(format!("{error}: {}", String::from_utf8_lossy(&output.stderr))))
}

/// Text of the SDK in a folder, as the engine reads it.
fn sdk_text(compiler: &Path, lib: &Path) -> Result<String, BuildError> {
    let answer = ask(compiler, &["--sdk".as_ref(), lib.as_os_str()])?;
    match answer.error.is_empty() {
        true => Ok(answer.app),
        false => Err(BuildError::Compile {
            program: "the SDK".to_owned(),
            output: answer.error,
        }),
    }
}

/// Where tools of SDKs below that folder are kept: beside all SDKs, or where [`FOLDER`] says.
fn tools_folder(sdk: &Path) -> PathBuf {
    match std::env::var_os(FOLDER) {
        Some(folder) => PathBuf::from(folder),
        None => sdk.parent().and_then(Path::parent).unwrap_or(sdk).join("script"),
    }
}
