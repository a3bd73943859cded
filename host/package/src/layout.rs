//! Which files a package holds, and what stands in each.

use crate::container::refuse;
use crate::grammar;
use crate::i18n::I18n;
use crate::image::{self, ImageKind};
use crate::manifest::Manifest;
use crate::package::{Entry, PackageError};

/// Languages of a package.
const LANGUAGES: usize = 64;
/// What the component runs, where it is a script engine.
pub(crate) const SCRIPT: &str = "app.js";
/// Bytes of a script: it is read at each opening.
const SCRIPT_BYTES: usize = 1 << 20;
/// First bytes of a component: magic, version 13, layer 1.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Checks every entry, and reads the manifest and the translations.
pub(crate) fn check(entries: &[Entry]) -> Result<(Manifest, I18n), PackageError> {
    let find = |name: &str| entries.iter().find(|entry| entry.digest.name == name);
    let missing = |name: &str, remedy: &str| PackageError::Missing {
        name: name.to_owned(),
        remedy: remedy.to_owned(),
    };
    let manifest = find("manifest.json").ok_or_else(|| missing("manifest.json", "put it at the top of the package"))?;
    let manifest = Manifest::parse(&manifest.bytes)?;
    let mut i18n = I18n::default();
    for Entry { digest, bytes } in entries {
        let name = digest.name.as_str();
        let folder = name.split_once('/').map_or("", |(folder, _)| folder);
        match (name, folder) {
            ("manifest.json", _) => {}
            ("app.wasm", _) => component(bytes)?,
            (SCRIPT, _) => script(bytes)?,
            (_, "i18n") => {
                let tag = name
                    .strip_prefix("i18n/")
                    .and_then(|file| file.strip_suffix(".json"))
                    .filter(|tag| grammar::is_language(tag));
                let tag = tag.ok_or_else(|| {
                    refuse(
                        name,
                        "it is not a translation",
                        "name it by its language, such as \"i18n/zh-Hans.json\"",
                    )
                })?;
                i18n.languages.insert(tag.to_owned(), I18n::parse_one(name, bytes)?);
            }
            (_, "common" | "pages") => file(name, bytes)?,
            _ => {
                let remedy = "a package holds manifest.json, app.wasm, app.js, i18n/*.json, common/ and pages/; remove it";
                return Err(refuse(name, "it is outside of the layout", remedy));
            }
        }
    }
    if i18n.languages.len() > LANGUAGES {
        return Err(refuse(
            "i18n/",
            format!("{} languages, at most {LANGUAGES} are allowed", i18n.languages.len()),
            "remove some",
        ));
    }
    if find("app.wasm").is_none() {
        return Err(missing("app.wasm", "build the component and put it at the top of the package"));
    }
    for (at, icon) in manifest.icons.iter().enumerate() {
        if find(&icon.src).is_none() {
            return Err(missing(
                &icon.src,
                &format!("manifest.json names it in icons[{at}].src; add the image or correct the path"),
            ));
        }
    }
    Ok((manifest, i18n))
}

fn component(bytes: &[u8]) -> Result<(), PackageError> {
    if bytes.starts_with(COMPONENT) {
        return Ok(());
    }
    if bytes.starts_with(b"\0asm") {
        return Err(refuse(
            "app.wasm",
            "expected a component, found a core module",
            "build it with `youji build`, which wraps it",
        ));
    }
    Err(refuse(
        "app.wasm",
        "expected a WebAssembly component, found other bytes",
        "build it with `youji build`",
    ))
}

fn script(bytes: &[u8]) -> Result<(), PackageError> {
    if bytes.len() > SCRIPT_BYTES {
        return Err(PackageError::TooLarge {
            what: SCRIPT.to_owned(),
            limit: SCRIPT_BYTES as u64,
            found: bytes.len() as u64,
        });
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(refuse(SCRIPT, "expected UTF-8, found other bytes", "build it with `youji build`")),
    }
}

fn file(name: &str, bytes: &[u8]) -> Result<(), PackageError> {
    match (ImageKind::from_name(name), image::extension(name)) {
        (Some(kind), _) => kind.check(bytes).map_err(|problem| refuse(name, problem, "replace the picture")),
        (None, "json" | "txt") if std::str::from_utf8(bytes).is_ok() => Ok(()),
        (None, "json" | "txt") => Err(refuse(name, "expected UTF-8, found other bytes", "save it as UTF-8")),
        _ => Err(refuse(
            name,
            "files of its kind are not allowed",
            "use .svg, .png, .jpg, .webp, .json or .txt, in lower case",
        )),
    }
}
