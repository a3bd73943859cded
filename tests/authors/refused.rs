//! What goes wrong on an author's way, and what they read then: what was expected, what came, what to do.

use crate::author::{Author, Said, replace};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};
use youji_tests::kiosk::youji;

/// The command fails, and each of these stands in what it says; `--json` says the same.
fn check(author: &Author, dir: &Path, arguments: &[&str], says: &[&str]) {
    let said = author.youji(dir, arguments);
    assert_eq!(said.code, Some(1), "{arguments:?}: {said:?}");
    for one in says {
        assert!(said.err.contains(one), "{one:?} is not in: {}", said.err);
    }
    let json = author.youji(dir, &[arguments, &["--json"]].concat());
    assert_eq!(json.code, Some(1), "{json:?}");
    let error = json.json()["error"].as_str().unwrap_or_default().to_owned();
    for one in says {
        assert!(error.contains(one), "{one:?} is not in the JSON: {error}");
    }
}

#[test]
fn a_project_that_can_not_be_made() {
    let author = Author::new();
    let here = author.path("");
    let said = author.youji(&here, &["new", "tea", "--template", "blog"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    for one in ["blog", "chat, counter, form, shop"] {
        assert!(said.err.contains(one), "{one:?} is not in: {}", said.err);
    }
    check(
        &author,
        &here,
        &["new", "tea", "--lang", "ts", "--template", "chat"],
        &["there is no template \"chat\" in TypeScript", "counter, shop"],
    );
    author.project("tea", "counter");
    check(
        &author,
        &here,
        &["new", "tea"],
        &["tea exists already", "Choose another name, or remove it"],
    );
    check(
        &author,
        &here,
        &["new", "Tea House"],
        &["\"Tea House\" can't be a project's name", "such as \"tea-house\""],
    );
    check(
        &author,
        &here,
        &["new", "cafe", "--parent", "nowhere"],
        &["nowhere", "no such folder", "make it first", "--parent"],
    );
    check(&author, &here, &["build"], &["manifest.json", "youji new NAME"]);
}

/// A folder with one program in it that says something and fails.
fn failing(author: &Author, name: &str, script: &str) -> String {
    let folder = author.path(&format!("bin-{name}"));
    std::fs::create_dir_all(&folder).expect("made");
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    folder.display().to_string()
}

#[test]
fn a_machine_on_which_something_is_missing() {
    let author = Author::new();
    let dir = author.project("tea", "counter");
    let path = std::env::var("PATH").unwrap_or_default();
    let with = |first: &str, arguments: &[&str]| {
        let mut command = author.command(&dir, arguments);
        let said = command.env("PATH", format!("{first}:{path}")).output().expect("youji starts");
        (
            said.status.code(),
            String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout),
        )
    };

    // The target is missing, and without a network rustup can't add it.
    let rustc = failing(
        &author,
        "rustc",
        "case \"$*\" in *target-libdir*) echo /nowhere;; *) echo 'rustc 1.99.0';; esac",
    );
    failing_rustup(&rustc);
    let (code, said) = with(&rustc, &["build"]);
    assert_eq!(code, Some(1), "{said}");
    for one in [
        "wasm32-unknown-unknown is missing and could not be added",
        "could not resolve host",
        "rustup target add wasm32-unknown-unknown",
    ] {
        assert!(said.contains(one), "{one:?} is not in: {said}");
    }
    let (code, said) = with(&rustc, &["doctor"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("NO  target") && said.contains("rustup target add"), "{said}");

    // No cargo at all.
    let cargo = failing(&author, "cargo", "echo 'no such toolchain' >&2; exit 1");
    let (code, said) = with(&cargo, &["doctor"]);
    assert!(
        code == Some(1) && said.contains("NO  cargo") && said.contains("https://rustup.rs"),
        "{said}"
    );

    // A program in TypeScript needs none of them.
    let script = author.script("cafe", "counter");
    for arguments in [&["build"][..], &["doctor"]] {
        let mut command = author.command(&script, arguments);
        let said: Said = command
            .env("PATH", format!("{rustc}:{cargo}"))
            .output()
            .expect("youji starts")
            .into();
        said.ok();
    }
    // Unless its SDK is not whole.
    let compiler = script.join(".youji/sdk/js/vendor/compiler.wasm");
    let mut bytes = std::fs::read(&compiler).expect("a compiler");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(&compiler, bytes).expect("written");
    std::fs::write(script.join("src/main.ts"), "export default 1;\n").expect("written");
    check(
        &author,
        &script,
        &["build"],
        &[
            "the SDK is not whole",
            "compiler.wasm should have the SHA-256",
            ".youji/sdk",
            "unpacks it again",
        ],
    );
    let engine = script.join(".youji/sdk/js/vendor/SHA256SUMS");
    std::fs::remove_file(&engine).expect("removed");
    check(
        &author,
        &script,
        &["build"],
        &["js/vendor/SHA256SUMS", "No such file", ".youji/sdk", "unpacks the SDK again"],
    );

    // A dependency that only a network has.
    replace(
        &dir.join("Cargo.toml"),
        "[dependencies]",
        "[dependencies]\nno-crate-has-this-name = \"1\"",
    );
    let (code, said) = with("/nowhere", &["build"]);
    assert_eq!(code, Some(1), "{said}");
    for one in ["no-crate-has-this-name", "needs a network", "the SDK itself is carried"] {
        assert!(said.contains(one), "{one:?} is not in: {said}");
    }
}

fn failing_rustup(folder: &str) {
    let file = Path::new(folder).join("rustup");
    std::fs::write(
        &file,
        "#!/bin/sh\necho 'error: could not resolve host: static.rust-lang.org' >&2\nexit 1\n",
    )
    .expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn a_program_that_does_not_fit_the_host() {
    let author = Author::new();
    let dir = author.project("tea", "counter");
    let data = author.path("data").display().to_string();
    let publish = ["publish", "--data", &data];

    // Made for a later platform.
    replace(&dir.join("manifest.json"), "\"min_code\": 1", "\"min_code\": 2");
    check(
        &author,
        &dir,
        &publish,
        &["example.tea needs platform 2, this host is platform 1", "update the host"],
    );
    replace(&dir.join("manifest.json"), "\"min_code\": 2", "\"min_code\": 1");

    // A link that leads to something that is no SDK, and to another build of it.
    let link = dir.join(".youji/sdk");
    let sdk = link.canonicalize().expect("linked");
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(author.path("home"), &link).expect("linked");
    let said = author.youji(&dir, &["doctor"]);
    assert!(
        said.code == Some(1) && said.out.contains("which is no SDK") && said.out.contains("Remove "),
        "{said:?}"
    );
    let other = author.path("other-sdk");
    std::fs::create_dir_all(other.join("rust")).expect("made");
    std::fs::write(
        other.join("rust/Cargo.toml"),
        "[package]\nname = \"youji-sdk\"\nversion = \"9.9.9\"\n",
    )
    .expect("written");
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(&other, &link).expect("linked");
    let said = author.youji(&dir, &["doctor"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    for one in ["9.9.9 in ", "this youji carries another build", "To change over, remove "] {
        assert!(said.out.contains(one), "{one:?} is not in: {}", said.out);
    }
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(&sdk, &link).expect("linked");

    // It calls what its manifest does not ask for: no host takes it.
    replace(
        &dir.join("src/lib.rs"),
        "saved: Option<Saved>, _: &mut Ctx<Msg>) -> Self {",
        "saved: Option<Saved>, ctx: &mut Ctx<Msg>) -> Self {\n        assert!(ctx.now() > 0);",
    );
    check(
        &author,
        &dir,
        &publish,
        &["example.tea can't run on this host", "clock", "req_permissions"],
    );
    // The other way round is found by the check; a host takes it.
    replace(
        &dir.join("manifest.json"),
        "\"req_permissions\": []",
        "\"req_permissions\": [{ \"name\": \"clock\" }, { \"name\": \"random\" }]",
    );
    let said = author.youji(&dir, &["check", "--min", "95"]);
    assert!(
        said.code == Some(1) && said.out.contains("\"random\" is requested, and nothing of \"random\" is called"),
        "{said:?}"
    );
    author.youji(&dir, &publish).ok();
}

#[test]
fn a_key_that_is_lost_and_a_clock_that_is_wrong() {
    let author = Author::new();
    let dir = author.project("tea", "counter");
    let data = author.path("data").display().to_string();
    author.youji(&dir, &["publish", "--data", &data]).ok();

    check(
        &author,
        &dir,
        &["build", "--key", "lost.key"],
        &["lost.key does not exist", "youji keygen --out", "restore it from a copy"],
    );
    // Without a copy a new one is made, and is another publisher's.
    let key = author.path("home/youji/author.key");
    std::fs::remove_file(&key).expect("there is one");
    replace(&dir.join("manifest.json"), "\"code\": 1", "\"code\": 2");
    check(
        &author,
        &dir,
        &["publish", "--data", &data],
        &[
            "example.tea belongs to publisher",
            "sign it with the first key or choose another app_id",
        ],
    );
    std::fs::write(&key, "no key").expect("written");
    check(
        &author,
        &dir,
        &["build"],
        &["author.key", "expected a youji publisher key", "`youji keygen`"],
    );
    let said = author.youji(&dir, &["doctor"]);
    assert!(said.code == Some(1) && said.out.contains("NO  key"), "{said:?}");

    // A program that was installed tomorrow means that today is not today.
    let copy = author.path("youji-of-tomorrow");
    std::fs::copy(youji(), &copy).expect("copied");
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    std::fs::File::open(&copy).expect("open").set_modified(tomorrow).expect("set");
    let output = std::process::Command::new(&copy)
        .arg("doctor")
        .current_dir(&dir)
        .env("XDG_DATA_HOME", author.path("home"))
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("NO  clock") && said.contains("Set the clock"), "{said}");
}
