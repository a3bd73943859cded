//! From source to a signed package, and nothing when nothing changed. Compiles for real, into a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use youji_dev::{BuildError, Built, Options, Progress, build, build_all, publisher_key};
use youji_package::{Package, PackageLimits, PublisherKey};

/// A workspace with one program, like the one that an author scaffolds.
struct Workspace {
    folder: tempfile::TempDir,
    key: PublisherKey,
}

const LIB: &str = r#"//! For a test.
use youji_sdk::{Ctx, Element, Launch, Program, Saved, widgets::page};

/// Nothing but a title.
pub struct Title(u64);

impl Program for Title {
    type Msg = ();
    fn launched(_: Launch, _: Option<Saved>, ctx: &mut Ctx<()>) -> Self {
        Title(ctx.now())
    }
    fn update(&mut self, (): (), _: &mut Ctx<()>) {}
    fn view(&self) -> Element<()> {
        page().title(youji_sdk::text::number(self.0)).into()
    }
}

youji_sdk::export!(Title);
"#;

const MANIFEST: &str = r#"{
  "app_id": "org.example.title", "name": "Title", "lang": "en", "pages": ["pages/home"],
  "icons": [{ "src": "common/icon.svg" }],
  "version": { "code": 1, "name": "1" }, "platform_version": { "min_code": 1 },
  "req_permissions": [{ "name": "clock" }]
}"#;

impl Workspace {
    fn new() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .canonicalize()
            .expect("the workspace is there");
        let workspace = Workspace {
            folder: tempfile::tempdir().expect("a temporary folder"),
            key: PublisherKey::from_seed(&[7; 32]),
        };
        let sdk = here.join("sdk/rust");
        workspace.write("Cargo.toml", WORKSPACE);
        // The versions that the project is tested with, and no network.
        fs::copy(here.join("Cargo.lock"), workspace.root().join("Cargo.lock")).expect("the lock file");
        let package = format!(
            "[package]\nname = \"title\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n[dependencies]\nyouji-sdk = {{ path = {sdk:?} }}\n"
        );
        workspace.write("miniprograms/title/Cargo.toml", &package);
        workspace.write("miniprograms/title/src/lib.rs", LIB);
        workspace.write("miniprograms/title/manifest.json", MANIFEST);
        workspace.write(
            "miniprograms/title/common/icon.svg",
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><rect width=\"8\" height=\"8\"/></svg>",
        );
        workspace
    }

    fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn build(&self) -> (Result<Built, BuildError>, Vec<String>) {
        let mut steps = Vec::new();
        let (root, out) = (self.root(), self.root().join("out"));
        let options = Options::new(&root, &out, &self.key);
        let mut note = |step: Progress<'_>| steps.push(format!("{step:?}"));
        let built = build(&root.join("miniprograms/title"), &options, &mut note);
        (built, steps)
    }

    fn check(&self, unchanged: bool) -> Built {
        let (built, steps) = self.build();
        let built = built.unwrap_or_else(|error| panic!("{error}\n{steps:?}"));
        assert_eq!(built.unchanged, unchanged, "{steps:?}");
        assert_eq!(fs::read(&built.path).expect("the package"), built.bytes);
        let package = Package::open(&built.bytes, &PackageLimits::default()).expect("a package that hosts accept");
        assert_eq!(
            (package.digest, package.manifest.app_id.as_str()),
            (built.digest, "org.example.title")
        );
        assert_eq!(package.publisher.id(), self.key.id());
        built
    }
}

const WORKSPACE: &str = r#"[workspace]
resolver = "3"
members = ["miniprograms/*"]
[profile.miniprogram]
inherits = "release"
opt-level = "s"
panic = "abort"
strip = true
"#;

#[test]
fn builds_once_and_again_when_something_changed() {
    let workspace = Workspace::new();
    let first = workspace.check(false);
    assert_eq!(first.imports, ["youji:miniapp/clock@1.0.0"], "what is not called is not imported");
    // Out of the way: a cargo that compiles would make its folder again.
    let (target, aside) = (workspace.root().join("target"), workspace.root().join("aside"));
    fs::rename(&target, &aside).expect("there, so this is where cargo works");
    let second = workspace.check(true);
    assert!(!target.exists(), "nothing to do, but cargo ran");
    fs::rename(&aside, &target).expect("back");
    assert_eq!(
        (second.bytes, second.sizes, second.imports),
        (first.bytes.clone(), first.sizes, first.imports)
    );

    // A text of the manifest, a source, the compiled file gone, the key: each is a change.
    workspace.write("miniprograms/title/manifest.json", &MANIFEST.replace("\"Title\"", "\"Other\""));
    let renamed = workspace.check(false);
    assert_ne!(renamed.digest, first.digest);
    workspace.write("miniprograms/title/src/lib.rs", &LIB.replace("ctx.now()", "{ let _ = ctx; 7 }"));
    let pure = workspace.check(false);
    assert!(pure.imports.is_empty(), "{:?}", pure.imports);
    fs::write(&pure.path, b"not what was built").expect("a file");
    workspace.check(false);

    // What does not compile says so, and what was built before stays.
    workspace.write("miniprograms/title/src/lib.rs", "this is not Rust");
    let (broken, _) = workspace.build();
    let said = broken.expect_err("it does not compile").to_string();
    assert!(said.contains("title does not compile") && said.contains("lib.rs"), "{said}");
    assert_eq!(fs::read(&pure.path).expect("the package"), pure.bytes);
    workspace.write("miniprograms/title/src/lib.rs", "//! Exports nothing.");
    let said = workspace.build().0.expect_err("it exports nothing").to_string();
    assert!(said.contains("no mini-program"), "{said}");
    workspace.write("miniprograms/title/src/lib.rs", LIB);
    workspace.write("miniprograms/title/manifest.json", "{}");
    let said = workspace.build().0.expect_err("the manifest is empty").to_string();
    assert!(said.contains("manifest.json") && said.contains("app_id"), "{said}");
}

#[test]
fn a_folder_without_programs_builds_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = PublisherKey::from_seed(&[7; 32]);
    let options = Options::new(folder.path(), folder.path(), &key);
    let said = build_all(&options, &mut |_| {})
        .expect_err("there is no folder miniprograms")
        .to_string();
    assert!(said.contains("miniprograms"), "{said}");
    fs::create_dir(folder.path().join("miniprograms")).expect("a folder");
    assert!(build_all(&options, &mut |_| {}).expect("nothing to do").is_empty());
}

#[test]
fn a_key_is_made_once_and_kept_from_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("keys/publisher.json");
    let made = publisher_key(&file).expect("a key");
    assert_eq!(publisher_key(&file).expect("the same key").id(), made.id());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&file).expect("the file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
    fs::write(&file, "not a key").expect("a file");
    let said = publisher_key(&file).expect_err("no key").to_string();
    assert!(said.contains("publisher.json"), "{said}");
}
