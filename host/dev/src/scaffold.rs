//! A new project from a template.

use crate::{BuildError, sdk};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Longest name of a project, in bytes.
const NAME_BYTES: usize = 40;
/// Names that Rust or cargo keep for themselves.
const RESERVED: [&str; 14] = [
    "test",
    "core",
    "std",
    "alloc",
    "proc-macro",
    "self",
    "super",
    "crate",
    "youji-sdk",
    "build",
    "deps",
    "examples",
    "incremental",
    "main",
];
/// Rust's words, as far as they could be a project's name.
const WORDS: &str = " abstract as async await become box break const continue do dyn else enum extern false final fn for gen if impl in let loop macro match mod move mut override priv pub ref return static struct trait true try type typeof unsafe unsized use virtual where while yield ";

/// Why there is no new project. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name can't be a project's.
    #[error(
        "\"{name}\" can't be a project's name: {problem}. Choose letters a-z, digits and \"-\", beginning with a letter, such as \"tea-house\""
    )]
    Name {
        /// As it came.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// There is no folder to put it into.
    #[error("{}: no such folder to put the project into; make it first, or name another with --parent DIR", .0.display())]
    Parent(PathBuf),
    /// There is something of that name.
    #[error("{} exists already. Choose another name, or remove it", .0.display())]
    Taken(PathBuf),
    /// No such template.
    #[error("there is no template \"{name}\" {language}. Choose one of: {}", .known.join(", "))]
    Template {
        /// As it came.
        name: String,
        /// In which language.
        language: Language,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// The program id is not one.
    #[error(
        "\"{0}\" can't be a program's id: expected letters a-z, digits, \".\" and \"-\", beginning with a letter, at most 64, such as \"example.tea-house\""
    )]
    Id(String),
    /// The disk.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What a project is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Compiled by cargo.
    #[default]
    Rust,
    /// Run by the script engine.
    TypeScript,
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Language::Rust => "in Rust",
            Language::TypeScript => "in TypeScript",
        })
    }
}

/// What is made.
#[derive(Clone, Debug)]
pub struct NewProject<'a> {
    /// Of its folder and its crate.
    pub name: &'a str,
    /// Which template.
    pub template: &'a str,
    /// Its program id; `example.NAME` unless told.
    pub id: Option<&'a str>,
    /// Where its folder goes.
    pub parent: &'a Path,
    /// Where SDKs are unpacked.
    pub home: &'a Path,
}

/// What was made.
#[derive(Clone, Debug, Serialize)]
pub struct Created {
    /// The project's folder.
    pub folder: PathBuf,
    /// Its program id.
    pub id: String,
    /// Its files, by path in the folder.
    pub files: Vec<String>,
}

/// Names of all templates.
pub fn templates() -> Vec<&'static str> {
    let names: BTreeSet<&str> = sdk::TEMPLATES.iter().filter_map(|(path, _)| path.split('/').next()).collect();
    names.into_iter().collect()
}

/// Names of all templates in a language.
pub fn templates_in(language: Language) -> Vec<&'static str> {
    let names: BTreeSet<&str> = template_files(language).filter_map(|(path, _)| path.split('/').next()).collect();
    names.into_iter().collect()
}

/// Path, from the template's name on, and text of each file.
fn template_files(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = match language {
        Language::Rust => sdk::TEMPLATES,
        Language::TypeScript => sdk::SCRIPT_TEMPLATES,
    };
    files.iter().copied()
}

/// Makes a project that builds with `youji build` alone.
///
/// # Errors
/// See [`NewError`].
pub fn create(new: &NewProject<'_>) -> Result<Created, NewError> {
    create_in(Language::Rust, new)
}

/// The same in any language.
///
/// # Errors
/// See [`NewError`].
pub fn create_in(language: Language, new: &NewProject<'_>) -> Result<Created, NewError> {
    if let Some(problem) = wrong_with(new.name) {
        let name = new.name.to_owned();
        return Err(NewError::Name { name, problem });
    }
    let id = new.id.map_or_else(|| format!("example.{}", new.name), str::to_owned);
    if !youji_package::is_program_id(&id) {
        return Err(NewError::Id(id));
    }
    let known = templates_in(language);
    if !known.contains(&new.template) {
        let name = new.template.to_owned();
        return Err(NewError::Template { name, language, known });
    }
    if !new.parent.is_dir() {
        return Err(NewError::Parent(new.parent.to_owned()));
    }
    let folder = new.parent.join(new.name);
    let made = std::fs::create_dir(&folder);
    match made {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(NewError::Taken(folder)),
        Err(error) => return Err(BuildError::file(&folder, error).into()),
    }
    let filled = fill(language, new, &folder, &id);
    if filled.is_err() {
        // Ours since a moment ago: a half project would only stand in the way of the next try.
        let _ = std::fs::remove_dir_all(&folder);
    }
    Ok(Created {
        files: filled?,
        folder,
        id,
    })
}

fn fill(language: Language, new: &NewProject<'_>, folder: &Path, id: &str) -> Result<Vec<String>, BuildError> {
    let prefix = format!("{}/", new.template);
    let own = template_files(language).filter_map(|(path, text)| path.strip_prefix(&prefix).map(|path| (path, text)));
    let ignored = (".gitignore", "/target\n/.youji\n");
    let common = match language {
        Language::Rust => [("Cargo.toml", CARGO), ignored, ("README.md", README)],
        Language::TypeScript => [("tsconfig.json", TSCONFIG), ignored, ("README.md", SCRIPT_README)],
    };
    let mut written = Vec::new();
    for (path, text) in own.chain(common) {
        let text = text
            .replace("{{name}}", new.name)
            .replace("{{crate}}", &new.name.replace('-', "_"))
            .replace("{{app_id}}", id);
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(|error| BuildError::file(parent, error))?;
        }
        std::fs::write(&file, text).map_err(|error| BuildError::file(&file, error))?;
        written.push(path.to_owned());
    }
    written.sort();
    sdk::link(folder, new.home)?;
    Ok(written)
}

fn wrong_with(name: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match name.as_bytes() {
        [] => Some("it is empty"),
        bytes if bytes.len() > NAME_BYTES => Some("it is longer than 40 characters"),
        [first, ..] if !first.is_ascii_lowercase() => Some("it does not begin with a letter a-z"),
        bytes if !bytes.iter().all(|byte| allowed(*byte)) => Some("it has other characters than a-z, 0-9 and \"-\""),
        [.., b'-'] => Some("it ends with \"-\""),
        _ if RESERVED.contains(&name) || WORDS.contains(&format!(" {name} ")) => Some("Rust keeps that word for itself"),
        _ => None,
    }
}

const CARGO: &str = r#"[package]
name = "{{name}}"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
# `youji` keeps it there, and puts it there again when it is missing.
youji-sdk = { path = ".youji/sdk/rust" }

# Stands alone, wherever the folder is.
[workspace]
exclude = [".youji"]

# What `youji build` and `youji publish` use: small.
[profile.miniprogram]
inherits = "release"
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true
"#;

const README: &str = "# {{name}}

```sh
youji dev        # builds at every save, and shows the program in a simulator
cargo test       # unit tests, without WebAssembly
youji test       # those, and scenarios/ against the built program
youji check      # what is worth knowing before publishing
youji publish    # sign it and put it into the local registry
youji serve      # the kiosk, which opens it
```

`manifest.json` says what the program is and what it may ask for; `src/lib.rs` is the program.
";

/// For editors and `tsc`: the build itself needs neither.
const TSCONFIG: &str = r#"{
  "compilerOptions": {
    "target": "ES2023",
    "lib": ["ES2023"],
    "module": "ESNext",
    "moduleResolution": "Bundler",
    "resolveJsonModule": true,
    "strict": true,
    "noEmit": true,
    "erasableSyntaxOnly": true,
    "isolatedModules": true,
    "skipLibCheck": true,
    "types": [],
    "paths": {
      "youji": ["./.youji/sdk/js/lib/index.ts"],
      "youji/*": ["./.youji/sdk/js/lib/*.ts"]
    }
  },
  "include": ["src", ".youji/sdk/js/lib/host.d.ts"]
}
"#;

const SCRIPT_README: &str = "# {{name}}

```sh
youji dev        # builds at every save, and shows the program in a simulator
youji test       # scenarios/ against the built program
youji check      # what is worth knowing before publishing
youji publish    # sign it and put it into the local registry
youji serve      # the kiosk, which opens it
```

`manifest.json` says what the program is and what it may ask for; `src/main.ts` is the program. Nothing but `youji` is needed, and no
network: the build takes the types out and checks none. Editors find them through `tsconfig.json`; `npx -p typescript@5 tsc` checks them,
if you have Node.
";
