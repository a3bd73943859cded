//! Running cargo and rustup.

use crate::BuildError;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What mini-programs are compiled for: no WASI, only the contract's imports.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// How it is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Small, the same bytes on every machine; `miniprogram` of the workspace.
    Publish,
    /// Quick to build again, with names and line numbers; defined here, so that a workspace need not know it.
    Develop,
}

impl Profile {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Profile::Publish => &["--profile", "miniprogram"],
            Profile::Develop => &[
                "--profile",
                "miniprogram-dev",
                "--config",
                "profile.miniprogram-dev.inherits=\"dev\"",
                "--config",
                "profile.miniprogram-dev.opt-level=1",
                "--config",
                "profile.miniprogram-dev.debug=\"line-tables-only\"",
                "--config",
                "profile.miniprogram-dev.panic=\"abort\"",
            ],
        }
    }
}

/// Longest compiler output that an error carries.
const OUTPUT: usize = 64 << 10;
/// Rust's default of 1 MiB would be most of a small program's memory. Not whole pages: what is in use of most stacks then shares a page
/// with the constants that follow.
const STACK_BYTES: u32 = (128 << 10) + (3 << 9);

/// A compiled program.
pub(crate) struct Compiled {
    /// The core module.
    pub(crate) module: Vec<u8>,
    /// Every source file in it, the SDK's among them.
    pub(crate) sources: Vec<PathBuf>,
    /// The text that `module`, a component already, runs.
    pub(crate) script: Option<String>,
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn command(program: &OsString, root: &Path) -> Command {
    let mut command = Command::new(program);
    // Flags meant for the host's machine code would change a program's bytes.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    command.current_dir(root).stdin(Stdio::null());
    command
}

fn tool(program: &OsString, error: impl std::fmt::Display) -> BuildError {
    BuildError::Tool {
        program: program.to_string_lossy().into_owned(),
        problem: error.to_string(),
    }
}

fn output(mut command: Command, program: &OsString) -> Result<(bool, String, String), BuildError> {
    let output = command.output().map_err(|error| tool(program, error))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok((output.status.success(), text(&output.stdout), text(&output.stderr)))
}

/// Adds the target through rustup if it is missing.
pub(crate) fn ensure_target(root: &Path, adding: &mut dyn FnMut()) -> Result<(), BuildError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut ask = command(&rustc, root);
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    let (found, folder, problem) = output(ask, &rustc)?;
    if found && Path::new(&folder).is_dir() {
        return Ok(());
    }
    if !found {
        return Err(BuildError::Target { problem });
    }
    adding();
    let rustup: OsString = "rustup".into();
    let mut add = command(&rustup, root);
    add.args(["target", "add", TARGET]);
    match output(add, &rustup) {
        Ok((true, ..)) => Ok(()),
        Ok((false, _, problem)) => Err(BuildError::Target { problem }),
        Err(error) => Err(BuildError::Target {
            problem: error.to_string(),
        }),
    }
}

/// Root of the workspace that a package's folder belongs to.
pub(crate) fn root(dir: &Path) -> Result<PathBuf, BuildError> {
    let cargo = cargo();
    let mut ask = command(&cargo, dir);
    ask.args(["locate-project", "--workspace", "--message-format", "plain"]);
    let (ok, text, problem) = output(ask, &cargo)?;
    match Path::new(&text).parent() {
        Some(root) if ok => Ok(root.to_owned()),
        _ => Err(BuildError::file(dir.join("Cargo.toml"), problem)),
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
}

/// The package's name in each folder.
pub(crate) fn names(root: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, BuildError> {
    let cargo = cargo();
    let mut ask = command(&cargo, root);
    ask.args(["metadata", "--no-deps", "--format-version", "1"]);
    let (ok, text, problem) = output(ask, &cargo)?;
    if !ok {
        return Err(BuildError::file(root.join("Cargo.toml"), problem));
    }
    let metadata: Metadata = serde_json::from_str(&text).map_err(|error| tool(&cargo, error))?;
    dirs.iter()
        .map(|dir| {
            let manifest = dir.join("Cargo.toml");
            let found = metadata.packages.iter().find(|package| package.manifest_path == manifest);
            found.map(|package| package.name.clone()).ok_or_else(|| {
                BuildError::file(
                    &manifest,
                    format!("not a member of the workspace at {}; add it to its members", root.display()),
                )
            })
        })
        .collect()
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Compiles those packages in one run, so that both cores have work. `compiling` hears the name of each crate.
pub(crate) fn compile(
    root: &Path,
    target_dir: &Path,
    packages: &[(PathBuf, String)],
    profile: Profile,
    compiling: &mut dyn FnMut(&str),
) -> Result<Vec<Compiled>, BuildError> {
    let cargo = cargo();
    let mut build = command(&cargo, root);
    build
        .args(["build", "--target", TARGET, "--color", "never"])
        .args(profile.arguments());
    build
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(target_dir);
    for (_, name) in packages {
        build.args(["--package", name]);
    }
    build.env("CARGO_ENCODED_RUSTFLAGS", flags(root, profile));
    let mut child = build
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| tool(&cargo, error))?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || stdout.map_or_else(Vec::new, artifacts));
    let mut said = String::new();
    for line in child
        .stderr
        .take()
        .into_iter()
        .flat_map(|err| BufReader::new(err).lines().map_while(Result::ok))
    {
        if let Some(name) = line.trim_start().strip_prefix("Compiling ") {
            compiling(name.split(' ').next().unwrap_or(name));
        }
        said.push_str(&line);
        said.push('\n');
    }
    let status = child.wait().map_err(|error| tool(&cargo, error))?;
    let artifacts: HashMap<PathBuf, PathBuf> = reader.join().unwrap_or_default().into_iter().collect();
    if !status.success() {
        let names: Vec<&str> = packages.iter().map(|(_, name)| name.as_str()).collect();
        let (program, output) = (names.join(", "), tail(&said).to_owned());
        return Err(match wants_network(&output) {
            true => BuildError::Network { program, output },
            false => BuildError::Compile { program, output },
        });
    }
    packages
        .iter()
        .map(|(dir, name)| {
            let path = artifacts.get(&dir.join("Cargo.toml")).ok_or_else(|| {
                BuildError::file(
                    dir.join("Cargo.toml"),
                    format!("{name} gives no module; its [lib] needs crate-type = [\"cdylib\", \"rlib\"]"),
                )
            })?;
            let module = std::fs::read(path).map_err(|error| BuildError::file(path, error))?;
            Ok(Compiled {
                module,
                sources: sources(&path.with_extension("d")),
                script: None,
            })
        })
        .collect()
}

/// What is published has the same bytes on every machine: no path of this one in panic locations.
fn flags(root: &Path, profile: Profile) -> String {
    let mut flags = vec![format!("-Clink-arg=-zstack-size={STACK_BYTES}")];
    if profile == Profile::Develop {
        return flags.remove(0);
    }
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    if let Some(home) = home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    flags.push(format!("--remap-path-prefix={}=/src", root.display()));
    if let Ok(sdk) = root.join(crate::sdk::LINK).canonicalize() {
        flags.push(format!("--remap-path-prefix={}=/sdk", sdk.display()));
    }
    flags.join("\u{1f}")
}

fn artifacts(stdout: impl Read) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        if message.reason == "compiler-artifact" {
            let module = message
                .filenames
                .into_iter()
                .find(|name| name.extension().is_some_and(|end| end == "wasm"));
            found.extend(module.map(|module| (message.manifest_path, module)));
        }
    }
    found
}

/// Sources listed in a dep-info file: one rule, "module: source source", spaces in names escaped.
fn sources(file: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let Some((_, list)) = text.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let escaped = list.replace("\\ ", "\0");
    escaped
        .split(' ')
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(name.replace('\0', " ")))
        .collect()
}

/// Whether cargo ended before it compiled anything since it could not reach a registry, or was told not to.
fn wants_network(said: &str) -> bool {
    let words = [
        "using offline mode",
        "failed to download",
        "Could not resolve host",
        "unable to update registry",
    ];
    let compiled = said.lines().any(|line| line.trim_start().starts_with("--> "));
    !compiled && words.iter().any(|word| said.to_lowercase().contains(&word.to_lowercase()))
}

fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(OUTPUT);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
