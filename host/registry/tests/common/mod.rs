//! A registry in a folder of its own, and packages to publish.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use tempfile::TempDir;
use youji_package::{Draft, PackageLimits, PublisherKey};
use youji_registry::{Registry, RegistryOptions};

pub(crate) const ICON: &str = r#"<svg xmlns="http://www.w3.org/2000/svg"><circle r="3"/></svg>"#;
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 not a whole component, which is the runtime's to find";
pub(crate) const COLLIDING: (&str, &str) = ("org.example.a11584", "org.example.a81221");

pub(crate) fn key(seed: u8) -> PublisherKey {
    PublisherKey::from_seed(&[seed; 32])
}

pub(crate) fn manifest(program: &str, code: u32) -> String {
    format!(
        r#"{{"app_id": "{program}", "name": "Noodles", "icons": [{{"src": "common/icon.svg"}}], "version": {{"code": {code}, "name": "{code}"}},
            "platform_version": {{"min_code": 1}}, "pages": ["pages/menu"]}}"#
    )
}

pub(crate) fn draft(program: &str, code: u32, text: &str) -> Draft {
    let draft = Draft::new()
        .with("manifest.json", manifest(program, code))
        .with("app.wasm", COMPONENT);
    draft
        .with("common/icon.svg", ICON)
        .with("i18n/zh.json", r#"{"name": "面馆"}"#)
        .with("common/note.txt", text)
}

pub(crate) fn package_of(seed: u8, program: &str, code: u32, text: &str) -> Vec<u8> {
    draft(program, code, text).sign(&key(seed), &PackageLimits::default()).unwrap()
}

pub(crate) fn package(code: u32) -> Vec<u8> {
    package_of(1, "org.example.noodles", code, "")
}

pub(crate) struct Home {
    dir: TempDir,
    options: RegistryOptions,
    pub(crate) registry: Registry,
}

impl Home {
    /// With two publishers allowed, of seeds 1 and 2.
    pub(crate) async fn new() -> Home {
        Home::with(RegistryOptions::default()).await
    }

    pub(crate) async fn with(options: RegistryOptions) -> Home {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(dir.path(), options.clone()).await.unwrap();
        registry.allow_publisher("One", &key(1).public()).await.unwrap();
        registry.allow_publisher("Two", &key(2).public()).await.unwrap();
        Home { dir, options, registry }
    }

    /// Closed and opened again.
    pub(crate) async fn again(self) -> Home {
        let Home { dir, options, registry } = self;
        drop(registry);
        let registry = Registry::open(dir.path(), options.clone()).await.unwrap();
        Home { dir, options, registry }
    }

    pub(crate) fn apart(self) -> (TempDir, Registry) {
        (self.dir, self.registry)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Every file and folder with its content, in order.
    pub(crate) fn tree(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn walk(root: &Path, at: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in std::fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                let content = if path.is_dir() { Vec::new() } else { std::fs::read(&path).unwrap() };
                into.push((path.strip_prefix(root).unwrap().to_owned(), content));
                if path.is_dir() {
                    walk(root, &path, into);
                }
            }
        }
        let mut tree = Vec::new();
        walk(self.path(), self.path(), &mut tree);
        tree.sort();
        tree
    }
}
