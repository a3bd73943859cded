//! An author with a home of their own, at the real command.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;
use youji_tests::kiosk::youji;
use youji_tests::script;

/// Somebody at a machine.
pub(crate) struct Author {
    folder: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    /// The object that `--json` prints.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// It went well.
    pub(crate) fn ok(self) -> Said {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }
}

impl Author {
    pub(crate) fn new() -> Author {
        Author {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// Below the author's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command on its way, in that folder, with no network.
    pub(crate) fn command(&self, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(youji());
        command
            .args(arguments)
            .current_dir(dir)
            .env("XDG_DATA_HOME", self.path("home"))
            .env(script::FOLDER, script::folder())
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn youji(&self, dir: &Path, arguments: &[&str]) -> Said {
        self.command(dir, arguments).output().expect("youji starts").into()
    }

    /// A new project from a template; its folder.
    pub(crate) fn project(&self, name: &str, template: &str) -> PathBuf {
        self.youji(self.folder.path(), &["new", name, "--template", template]).ok();
        self.path(name)
    }

    /// The same in TypeScript, with the engine at hand.
    pub(crate) fn script(&self, name: &str, template: &str) -> PathBuf {
        script::engine();
        self.youji(self.folder.path(), &["new", name, "--lang", "ts", "--template", template])
            .ok();
        self.path(name)
    }
}

/// Changes a text in a file; it must be there.
pub(crate) fn replace(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).expect("readable");
    assert!(text.contains(from), "{from} is not in {}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).expect("written");
}
