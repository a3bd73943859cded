//! Puts the SDK and the templates into the library, so that `youji new` works anywhere: the SDK's sources, the contract, the bindings
//! that `wit-bindgen` makes of it (a project then needs no crate beside the SDK), and one folder a template.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wit_bindgen_core::WorldGenerator;
use wit_bindgen_core::wit_parser::Resolve;

type Problem = Box<dyn std::error::Error>;

fn main() -> Result<(), Problem> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let sdk = here.join("../../sdk").canonicalize()?;
    for watched in [
        &sdk.join("rust/src"),
        &sdk.join("wit"),
        &sdk.join("templates"),
        &sdk.join("js/lib"),
        &sdk.join("js/templates"),
        &sdk.join("js/vendor"),
        &sdk.join("js/package.json"),
        &here.join("carried"),
    ] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let bindings = out.join("bindings.rs");
    std::fs::write(&bindings, generated(&sdk.join("wit"))?)?;

    let mut carried = vec![
        ("wit/miniapp.wit".to_owned(), sdk.join("wit/miniapp.wit")),
        ("rust/src/bindings.rs".to_owned(), bindings),
        ("rust/src/rt.rs".to_owned(), here.join("carried/rt.rs")),
    ];
    for (name, path) in below(&sdk.join("rust/src"))? {
        match name.as_str() {
            "bindings.rs" => {}
            "lib.rs" => carried.push((format!("rust/src/{name}"), with_runtime(&path, &out)?)),
            _ => carried.push((format!("rust/src/{name}"), path)),
        }
    }
    for (name, path) in below(&sdk.join("js/lib"))? {
        carried.push((format!("js/lib/{name}"), path));
    }
    for name in ["js/package.json", "js/vendor/LICENCES", "js/vendor/SHA256SUMS"] {
        carried.push((name.to_owned(), sdk.join(name)));
    }
    let modules = ["js/vendor/engine.wasm", "js/vendor/compiler.wasm"].map(|name| (name.to_owned(), sdk.join(name)));
    carried.sort();
    let mut templates = below(&sdk.join("templates"))?;
    templates.retain(|(name, _)| name.contains('/'));
    let script_templates = below(&sdk.join("js/templates"))?;

    let mut code = String::new();
    for (name, doc, files) in [
        (
            "SDK",
            "Every text of the SDK, by its path below the SDK's folder, except the manifest.",
            &carried,
        ),
        ("TEMPLATES", "Every file of the templates, by template and path.", &templates),
        ("SCRIPT_TEMPLATES", "The same of those in TypeScript.", &script_templates),
    ] {
        list(&mut code, name, doc, ("&str", "include_str!"), files)?;
    }
    let doc = "Every WebAssembly module of the SDK, by its path there.";
    list(&mut code, "MODULES", doc, ("&[u8]", "include_bytes!"), &modules)?;
    std::fs::write(out.join("carried.rs"), code)?;
    Ok(())
}

/// The crate's root with the module that generated bindings call.
fn with_runtime(lib: &Path, out: &Path) -> Result<PathBuf, Problem> {
    let text = std::fs::read_to_string(lib)?;
    let changed = text.replacen("pub mod bindings;", "pub mod bindings;\n#[doc(hidden)]\npub mod rt;", 1);
    if changed == text {
        return Err("sdk/rust/src/lib.rs has no line `pub mod bindings;`".into());
    }
    let path = out.join("lib.rs");
    std::fs::write(&path, changed)?;
    Ok(path)
}

/// The contract as Rust, as the macro in `sdk/rust/src/bindings.rs` makes it.
fn generated(wit: &Path) -> Result<String, Problem> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some("mini-program"))?;
    let options = wit_bindgen_rust::Opts {
        pub_export_macro: true,
        default_bindings_module: Some("youji_sdk::bindings".to_owned()),
        export_macro_name: Some("export_program".to_owned()),
        runtime_path: Some("crate::rt".to_owned()),
        skip: vec!["view".to_owned()],
        ..wit_bindgen_rust::Opts::default()
    };
    let mut files = wit_bindgen_core::Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().ok_or("wit-bindgen made nothing")?;
    Ok(format!(
        "//! The contract as `wit-bindgen` writes it down.\n{}",
        std::str::from_utf8(source)?
    ))
}

/// Every file below a folder, by its path there with "/", sorted.
fn below(folder: &Path) -> Result<Vec<(String, PathBuf)>, Problem> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name: Vec<&str> = path.strip_prefix(folder)?.iter().filter_map(|part| part.to_str()).collect();
                found.push((name.join("/"), path.clone()));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A constant with the content of those files, of that type, by that macro.
fn list(code: &mut String, name: &str, doc: &str, (of, include): (&str, &str), files: &[(String, PathBuf)]) -> std::fmt::Result {
    writeln!(code, "/// {doc}\npub(crate) const {name}: &[(&str, {of})] = &[")?;
    for (name, path) in files {
        writeln!(code, "    ({name:?}, {include}({path:?})),")?;
    }
    writeln!(code, "];")
}
