//! `youji doctor`: what is missing, and how to get it.

use crate::{author, out, place};
use anyhow::Result;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::SystemTime;
use youji_dev::{Project, script, sdk};
use youji_package::{Manifest, PublisherKey};

/// Oldest compiler that the SDK builds with.
const RUST: (u32, u32) = (1, 95);
const TARGET: &str = "wasm32-unknown-unknown";

#[derive(clap::Args)]
#[command(after_help = "\
Exit codes: 0 nothing is missing, 1 something is

Examples:
  youji doctor
  youji doctor --json")]
pub(crate) struct Arguments {
    /// The project's folder, or one inside it; only the machine is looked at elsewhere
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    found: String,
    /// Empty where nothing is to do.
    remedy: String,
}

type Look = Result<String, (String, String)>;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let project = Project::find(&arguments.dir).ok();
    let mut findings = Vec::new();
    // Types are taken out by this program itself.
    if !project.as_ref().is_some_and(Project::is_script) {
        findings.push(finding("cargo", tool("cargo", &["--version"])));
        findings.push(finding("compiler", compiler()));
        findings.push(finding("target", target()));
    }
    findings.push(finding("clock", clock()));
    findings.push(finding("data folder", data_folder()));
    findings.push(finding("key", key()));
    if let Some(project) = &project {
        findings.push(finding("manifest", manifest(project)));
        findings.push(finding("SDK", project_sdk(project)));
        if project.is_script() {
            findings.push(finding("engine", engine(project)));
        }
    }
    let well = findings.iter().all(|finding| finding.ok);
    if arguments.json {
        out::line(serde_json::json!({"ok": well, "findings": findings}));
    } else {
        for finding in &findings {
            let mark = if finding.ok { "ok " } else { "NO " };
            out::line(format_args!("{mark} {:<12} {}", finding.what, finding.found));
            if !finding.remedy.is_empty() {
                out::line(format_args!("                 {}", finding.remedy));
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn finding(what: &'static str, look: Look) -> Finding {
    let (ok, found, remedy) = match look {
        Ok(found) => (true, found, String::new()),
        Err((found, remedy)) => (false, found, remedy),
    };
    Finding { what, ok, found, remedy }
}

fn wrong<T>(found: impl Into<String>, remedy: impl Into<String>) -> Result<T, (String, String)> {
    Err((found.into(), remedy.into()))
}

fn tool(name: &str, arguments: &[&str]) -> Look {
    let output = Command::new(name).args(arguments).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Ok(output) => wrong(
            format!("{name} says: {}", String::from_utf8_lossy(&output.stderr).trim()),
            "Install Rust with rustup (https://rustup.rs)",
        ),
        Err(error) => wrong(
            format!("{name} can't be started: {error}"),
            "Install Rust with rustup (https://rustup.rs)",
        ),
    }
}

fn compiler() -> Look {
    let version = tool("rustc", &["--version"])?;
    let mut numbers = version.split([' ', '.']).filter_map(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= RUST => Ok(version),
        _ => wrong(
            format!("{version}; the SDK needs {}.{}", RUST.0, RUST.1),
            "Update it with `rustup update stable`",
        ),
    }
}

fn target() -> Look {
    let folder = tool("rustc", &["--print", "target-libdir", "--target", TARGET])?;
    match Path::new(&folder).is_dir() {
        true => Ok(TARGET.to_owned()),
        false => wrong(
            format!("{TARGET} is missing; the first build adds it, if there is a network"),
            format!("Run `rustup target add {TARGET}`"),
        ),
    }
}

/// A clock before the day when this program was built is wrong: codes and sheets would expire at the wrong time.
fn clock() -> Look {
    let built = std::env::current_exe().and_then(std::fs::metadata).and_then(|data| data.modified());
    let now = SystemTime::now();
    match built {
        Ok(built) if now < built => wrong(
            "the clock is before the time at which this program was installed",
            "Set the clock: codes and sheets would expire at the wrong time",
        ),
        _ => Ok("plausible".to_owned()),
    }
}

fn data_folder() -> Look {
    let folder = match place::data_folder() {
        Ok(folder) => folder,
        Err(error) => return wrong(error.to_string(), "Set HOME, or name a folder with --data DIR"),
    };
    let mut nearest = folder.as_path();
    while !nearest.exists() {
        match nearest.parent() {
            Some(parent) => nearest = parent,
            None => return wrong(format!("{} has no parent", folder.display()), "Name another with --data DIR"),
        }
    }
    match tempfile::tempfile_in(nearest) {
        Ok(_) => Ok(folder.display().to_string()),
        Err(error) => wrong(
            format!("{}: {error}", nearest.display()),
            "Make it writable, or name another with --data DIR",
        ),
    }
}

fn key() -> Look {
    let file = match author::default_key() {
        Ok(file) => file,
        Err(error) => return wrong(error.to_string(), "Set HOME, or name a key with --key FILE"),
    };
    match std::fs::read_to_string(&file) {
        Ok(text) => match PublisherKey::load(&text) {
            Ok(key) => Ok(format!("{} in {}", key.id(), file.display())),
            Err(error) => wrong(
                format!("{}: {error}", file.display()),
                "Restore it from a copy; without it, what it has published can't be updated",
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok("none yet; the first `youji build` or `youji keygen` makes it".to_owned())
        }
        Err(error) => wrong(format!("{}: {error}", file.display()), "Make it readable for you"),
    }
}

fn manifest(project: &Project) -> Look {
    let file = project.dir.join("manifest.json");
    let read = std::fs::read(&file).map_err(|error| (format!("{}: {error}", file.display()), "Make it readable".to_owned()))?;
    match Manifest::parse(&read) {
        Ok(manifest) => Ok(format!("{} {}", manifest.app_id, manifest.version.name)),
        Err(errors) => wrong(errors.to_string(), format!("Correct {}", file.display())),
    }
}

/// What runs programs in TypeScript.
fn engine(project: &Project) -> Look {
    let home = place::user_folder().map_err(|error| (error.to_string(), "Set HOME".to_owned()))?;
    let linked = project.dir.join(sdk::LINK).canonicalize();
    Ok(match script::ready(&linked.unwrap_or_else(|_| sdk::folder(&home))) {
        true => "the script engine has loaded the SDK".to_owned(),
        false => "carried; the first build takes some seconds to load the SDK into it".to_owned(),
    })
}

/// A project keeps the SDK that it was made with until somebody wants another.
fn project_sdk(project: &Project) -> Look {
    let link = project.dir.join(sdk::LINK);
    let home = place::user_folder().map_err(|error| (error.to_string(), "Set HOME".to_owned()))?;
    let own = sdk::folder(&home);
    match link.canonicalize() {
        Err(_)
            if !project.is_script()
                && !std::fs::read_to_string(project.dir.join("Cargo.toml")).is_ok_and(|text| text.contains(sdk::LINK)) =>
        {
            Ok("from elsewhere, as Cargo.toml says".to_owned())
        }
        Err(_) => Ok(format!("{}, put there at the next build", sdk::VERSION)),
        Ok(folder) => match sdk::version_in(&folder) {
            None => wrong(
                format!("{} leads to {}, which is no SDK", link.display(), folder.display()),
                format!("Remove {}; the next build puts the SDK there", link.display()),
            ),
            Some(version) if folder == own.canonicalize().unwrap_or(own) => Ok(version),
            Some(version) => wrong(
                format!(
                    "{version} in {}; this youji carries another build of {}",
                    folder.display(),
                    sdk::VERSION
                ),
                format!("To change over, remove {}; the next build puts the SDK there", link.display()),
            ),
        },
    }
}
