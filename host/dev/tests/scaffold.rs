//! A new project from each template builds anywhere, with cargo alone and no network.

use std::path::Path;
use std::process::Command;
use youji_dev::{NewError, NewProject, Options, Project, build, scaffold};
use youji_package::{Package, PackageLimits, PublisherKey};

fn new<'a>(name: &'a str, template: &'a str, folder: &'a Path) -> NewProject<'a> {
    NewProject {
        name,
        template,
        id: None,
        parent: folder,
        home: folder,
    }
}

fn cargo(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(dir)
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("cargo starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    (output.status.success(), text)
}

fn check(template: &str, imports: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let created = scaffold::create(&new("tea-house", template, folder.path())).expect("a new project");
    assert_eq!(created.id, "example.tea-house");
    for file in &created.files {
        let text = std::fs::read_to_string(created.folder.join(file)).expect("a text");
        assert!(!text.contains("{{"), "{file} still has a placeholder");
    }
    let project = Project::find(&created.folder.join("src")).expect("found from inside");
    assert_eq!(project.root, project.dir);
    // Gone with a clean checkout on another machine; put there again.
    std::fs::remove_dir_all(project.dir.join(".youji")).expect("removed");
    project.ensure_sdk(folder.path()).expect("linked again");

    // A network would be asked for, if anything but the SDK were needed.
    let (passed, said) = cargo(&project.dir, &["test", "--quiet"]);
    assert!(passed, "{said}");
    let (out, key) = (project.out(), PublisherKey::from_seed(&[7; 32]));
    let options = Options::new(&project.root, &out, &key);
    let built = build(&project.dir, &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let expected: Vec<String> = imports.iter().map(|name| format!("youji:miniapp/{name}@1.0.0")).collect();
    assert_eq!(built.imports, expected);
    let package = Package::open(&built.bytes, &PackageLimits::default()).expect("a package that hosts accept");
    assert_eq!(package.manifest.name, "tea-house");
    let home = folder.path().to_string_lossy().into_owned();
    assert!(
        !built.bytes.windows(home.len()).any(|window| window == home.as_bytes()),
        "a path of this machine"
    );
    assert!(build(&project.dir, &options, &mut |_| {}).expect("builds").unchanged);

    let develop = Options {
        develop: Some(77),
        ..Options::new(&project.root, &out, &key)
    };
    let built = build(&project.dir, &develop, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let package = Package::open(&built.bytes, &PackageLimits::default()).expect("a package");
    assert_eq!(package.manifest.version.code, 77);
}

#[test]
fn a_new_counter_builds() {
    check("counter", &[]);
}

#[test]
fn a_new_form_builds() {
    check("form", &["storage"]);
}

#[test]
fn wrong_names_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["", "Tea", "2tea", "tea_house", "tea-", "../tea", "fn", "test", &"a".repeat(41)] {
        let refused = scaffold::create(&new(name, "counter", folder.path()));
        assert!(matches!(refused, Err(NewError::Name { .. })), "{name:?}: {refused:?}");
    }
    let refused = scaffold::create(&new("tea", "blog", folder.path())).expect_err("no such template");
    assert!(refused.to_string().contains("counter, form"), "{refused}");
    let id = NewProject {
        id: Some("Tea House"),
        ..new("tea", "counter", folder.path())
    };
    assert!(matches!(scaffold::create(&id), Err(NewError::Id(_))));
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);

    std::fs::create_dir(folder.path().join("tea")).expect("made");
    let refused = scaffold::create(&new("tea", "counter", folder.path()));
    assert!(matches!(refused, Err(NewError::Taken(_))), "{refused:?}");
    assert_eq!(
        std::fs::read_dir(folder.path().join("tea")).expect("readable").count(),
        0,
        "what was there is left alone"
    );
    let elsewhere = Project::find(folder.path()).expect_err("no project").to_string();
    assert!(elsewhere.contains("youji new"), "{elsewhere}");
}
