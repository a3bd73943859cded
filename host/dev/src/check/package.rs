//! What the package itself tells.

use super::{Finding, Part, Weight};
use wasmparser::{Parser, Payload};
use youji_package::{Package, PackageLimits};

/// Part of the limit from which a size is worth a word.
const LARGE: f64 = 0.5;
/// A picture that is larger is worth a look: it is shown on a phone.
const PICTURE_BYTES: usize = 200 << 10;

/// Bytes by cause: sections of the component's core module, and each file.
pub(super) fn sizes(package: &Package, packed: usize, findings: &mut Vec<Finding>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut add = |cause: &str, bytes: usize| match parts.iter_mut().find(|part| part.cause == cause) {
        Some(part) => part.bytes += bytes,
        None => parts.push(Part {
            cause: cause.to_owned(),
            bytes,
        }),
    };
    let wasm = package.wasm();
    let mut known = 0;
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        let (cause, bytes) = match &payload {
            Payload::CodeSectionStart { range, .. } => ("code", range.len()),
            Payload::DataSection(section) => ("data: texts and constants", section.range().len()),
            Payload::CustomSection(section) => ("names and notes of the compiler", section.range().len()),
            _ => continue,
        };
        known += bytes;
        add(cause, bytes);
    }
    add("types, imports and what wraps the component", wasm.len().saturating_sub(known));
    for entry in &package.entries {
        if entry.digest.name != "app.wasm" {
            add(&entry.digest.name, entry.bytes.len());
            let picture = youji_package::ImageKind::from_name(&entry.digest.name).is_some();
            if picture && entry.bytes.len() > PICTURE_BYTES {
                findings.push(Finding {
                    rule: "picture-large",
                    weight: Weight::Minor,
                    place: entry.digest.name.clone(),
                    found: format!("a picture of {} KiB", entry.bytes.len() >> 10),
                    remedy: "save it smaller: it is shown on phones".to_owned(),
                });
            }
        }
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    let limit = PackageLimits::default().packed_bytes;
    // Nobody who writes a program can make the script engine smaller.
    let packed = match package.script() {
        "" => packed,
        _ => packed.min(parts_of_the_author(package)),
    };
    if packed as f64 > limit as f64 * LARGE {
        findings.push(Finding {
            rule: "size",
            weight: Weight::Minor,
            place: parts.first().map(|part| part.cause.clone()).unwrap_or_default(),
            found: format!("the package has {} KiB of at most {} KiB", packed >> 10, limit >> 10),
            remedy: "begin with the first line of the sizes".to_owned(),
        });
    }
    parts
}

/// Bytes of everything but the component.
fn parts_of_the_author(package: &Package) -> usize {
    let own = package.entries.iter().filter(|entry| entry.digest.name != "app.wasm");
    own.map(|entry| entry.bytes.len()).sum()
}

/// What is requested against what is called, and the other way round.
pub(super) fn permissions(package: &Package, imports: &[String], manifest: &str, findings: &mut Vec<Finding>) {
    let requested = package.manifest.requested(&package.i18n, "");
    let called = imports
        .iter()
        .filter_map(|import| import.strip_prefix("youji:miniapp/")?.split('@').next());
    for capability in called.filter(|capability| !requested.has_capability(capability)) {
        findings.push(Finding {
            rule: super::PERMISSION_MISSING,
            weight: Weight::Serious,
            place: place(manifest, "req_permissions"),
            found: format!("the program calls \"{capability}\", which is not requested: no host would install it"),
            remedy: format!("add {{ \"name\": \"{capability}\" }} to req_permissions, or don't call it"),
        });
    }
    let imported = |capability: &str| {
        imports
            .iter()
            .any(|import| import.starts_with(&format!("youji:miniapp/{capability}@")))
    };
    for permission in &package.manifest.permissions {
        let capability = permission.name.split('.').next().unwrap_or_default();
        if !imported(capability) {
            findings.push(Finding {
                rule: "permission-unused",
                weight: Weight::Serious,
                place: place(manifest, &permission.name),
                found: format!("\"{}\" is requested, and nothing of \"{capability}\" is called", permission.name),
                remedy: "take it out of req_permissions: people are asked for less".to_owned(),
            });
        }
        if permission.required {
            findings.push(Finding {
                rule: "permission-first",
                weight: Weight::Hint,
                place: place(manifest, &permission.name),
                found: format!(
                    "\"{}\" is required: people are asked for it before they see anything, and who says no never does",
                    permission.name
                ),
                remedy: "leave out \"required\" unless nothing works without it: then they are asked when it is needed".to_owned(),
            });
        }
    }
}

/// Files that nothing names.
pub(super) fn assets(package: &Package, findings: &mut Vec<Finding>) {
    let program = match package.script() {
        "" => package.wasm(),
        script => script.as_bytes(),
    };
    for entry in &package.entries {
        let name = entry.digest.name.as_str();
        if matches!(name, "app.wasm" | "app.js" | "manifest.json") || name.starts_with("i18n/") {
            continue;
        }
        let in_manifest = package.manifest.icons.iter().any(|icon| icon.src == name);
        if in_manifest || names(program, name) {
            continue;
        }
        // Paths may be put together: "common/dish-" and a number.
        let stem: String = name
            .trim_end_matches(|last: char| last.is_ascii_alphanumeric() || last == '.')
            .to_owned();
        let together = stem.len() > "common/".len() && names(program, &stem);
        findings.push(Finding {
            rule: if together { "asset-perhaps-unused" } else { "asset-unused" },
            weight: if together { Weight::Hint } else { Weight::Minor },
            place: name.to_owned(),
            found: format!("{} bytes, and neither the manifest nor the program names it", entry.bytes.len()),
            remedy: "remove it, or use it".to_owned(),
        });
    }
}

fn names(program: &[u8], name: &str) -> bool {
    program.windows(name.len()).any(|window| window == name.as_bytes())
}

/// Both languages of the host, for what the manifest says.
pub(super) fn translations(package: &Package, manifest: &str, findings: &mut Vec<Finding>) {
    let own = package.manifest.lang.split('-').next().unwrap_or_default();
    for language in ["zh", "en"] {
        if language == own {
            continue;
        }
        let file = format!("i18n/{language}.json");
        let Some(translation) = package.i18n.best(language) else {
            findings.push(Finding {
                rule: "translation-missing",
                weight: Weight::Minor,
                place: file,
                found: format!("name and description are there in \"{own}\" only"),
                remedy: "add the file with \"name\" and \"description\"".to_owned(),
            });
            continue;
        };
        let mut missing = |what: &str, line: String| {
            findings.push(Finding {
                rule: "translation-missing",
                weight: Weight::Minor,
                place: file.clone(),
                found: format!("{what} of {line} has no translation"),
                remedy: format!("add {what} to it"),
            });
        };
        if translation.name.is_none() {
            missing("\"name\"", place(manifest, "name"));
        }
        if translation.description.is_none() && !package.manifest.description.is_empty() {
            missing("\"description\"", place(manifest, "description"));
        }
        for permission in &package.manifest.permissions {
            if !permission.reason.is_empty() && !translation.reasons.contains_key(&permission.name) {
                missing(&format!("\"reason.{}\"", permission.name), place(manifest, &permission.name));
            }
        }
    }
}

/// The line of the manifest that first names something.
fn place(manifest: &str, name: &str) -> String {
    let quoted = format!("\"{name}\"");
    match manifest.lines().position(|line| line.contains(&quoted)) {
        Some(line) => format!("manifest.json:{}", line + 1),
        None => "manifest.json".to_owned(),
    }
}
