//! Which modules a program has, and where each import leads.

use crate::Files;
use crate::strip::{self, Imported, Module, Problem};
use std::collections::{BTreeMap, BTreeSet};

/// Where a program begins.
const ENTRY: &str = "src/main.ts";
/// Modules of a program at most.
const MODULES: usize = 512;

/// Modules of the SDK that are one capability each: importing one makes the component import it.
const CAPABILITIES: [&str; 12] = [
    "identity", "payment", "messaging", "storage", "records", "timer", "navigation", "scanner", "location", "clock", "random", "log",
];
/// Modules of the SDK beside those.
const PLAIN: [&str; 5] = ["youji", "youji/widgets", "youji/text", "youji/bytes", "youji/program"];

/// What is packed.
pub(crate) struct Compiled {
    /// Name and text of each module, the first one is the beginning.
    modules: Vec<(String, String)>,
    /// Names of the capabilities that it imports.
    pub(crate) capabilities: BTreeSet<String>,
}

impl Compiled {
    /// As the engine reads it.
    pub(crate) fn text(&self) -> String {
        let mut all = String::new();
        for (name, text) in &self.modules {
            all.push_str(&format!("//# module {name} {}\n{text}\n", text.len()));
        }
        all
    }
}

/// Where an import leads.
enum Target {
    /// A module of the program, by its file below the program's folder.
    Own(String),
    /// One of the SDK.
    Sdk(String),
}

/// The program that begins in [`ENTRY`].
pub(crate) fn program(files: &Files) -> Result<Compiled, String> {
    if !files.contains_key(ENTRY) {
        return Err(format!("{ENTRY} is not there; a program begins in that file"));
    }
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut order = Vec::new();
    let mut open = vec![ENTRY.to_owned()];
    let mut modules: BTreeMap<String, Module> = BTreeMap::new();
    let mut targets: BTreeMap<(String, String), Target> = BTreeMap::new();
    while let Some(name) = open.pop() {
        if modules.contains_key(&name) {
            continue;
        }
        if modules.len() == MODULES {
            return Err(format!("the program has more than {MODULES} modules"));
        }
        let text = text_of(files, &name)?;
        let text = match name.ends_with(".json") {
            true => json(&name, text)?,
            false => text.to_owned(),
        };
        let module = strip::read(&name, &text).map_err(|problem| problem.shown(&name, &text))?;
        for import in &module.imports {
            let found = resolve(files, &name, &import.from).map_err(|said| Problem::new(import.at, said).shown(&name, &text))?;
            if let Target::Own(file) = &found {
                open.push(file.clone());
            }
            targets.insert((name.clone(), import.from.clone()), found);
        }
        texts.insert(name.clone(), text);
        order.push(name.clone());
        modules.insert(name, module);
    }
    let mut compiled = Compiled {
        modules: Vec::new(),
        capabilities: BTreeSet::new(),
    };
    for name in &order {
        let (module, text) = (&modules[name], &texts[name]);
        let mut edits = module.edits.clone();
        for import in &module.imports {
            let Some(target) = targets.get(&(name.clone(), import.from.clone())) else { continue };
            let of = match target {
                Target::Own(file) => modules.get(file),
                Target::Sdk(_) => None,
            };
            let gone = used(import, of, &mut edits).map_err(|problem| problem.shown(name, text))?;
            if gone {
                continue;
            }
            match target {
                Target::Own(file) => edits.push(strip::Edit::Put(import.source, format!("{:?}", file))),
                Target::Sdk(module) => {
                    let capability = module.strip_prefix("youji/").filter(|name| CAPABILITIES.contains(name));
                    compiled.capabilities.extend(capability.map(str::to_owned));
                }
            }
        }
        compiled.modules.push((name.clone(), strip::apply(text, &edits)));
    }
    Ok(compiled)
}

/// Blanks what an import takes only for its types; true if nothing is left of it.
fn used(import: &Imported, of: Option<&Module>, edits: &mut Vec<strip::Edit>) -> Result<bool, Problem> {
    if import.types_only {
        return Ok(true);
    }
    let Some(of) = of else { return Ok(false) };
    let is_type = |name: &str| of.types.contains(name) && !of.values.contains(name);
    for one in &import.names {
        if !is_type(&one.name) && !of.values.contains(&one.name) && !of.passes_all_on {
            return Err(Problem::new(one.at, format!("{} has no export named \"{}\"", import.from, one.name)));
        }
    }
    let types = import.names.iter().filter(|one| is_type(&one.name)).count();
    if types > 0 && types == import.names.len() && import.only_names {
        edits.push(strip::Edit::Statement(import.span));
        return Ok(true);
    }
    edits.extend(import.names.iter().filter(|one| is_type(&one.name)).map(|one| strip::Edit::Item(one.span)));
    Ok(false)
}

/// The SDK: each file as "youji/NAME", in the order of their names.
pub(crate) fn sdk(files: &Files) -> Result<Compiled, String> {
    let mut modules = Vec::new();
    for file in files.keys().filter(|name| name.ends_with(".ts") && !name.ends_with(".d.ts")) {
        let text = text_of(files, file)?;
        let module = strip::read(file, text).map_err(|problem| problem.shown(file, text))?;
        let name = match file.trim_end_matches(".ts") {
            "index" => "youji".to_owned(),
            name => format!("youji/{name}"),
        };
        modules.push((name, strip::apply(text, &module.edits)));
    }
    Ok(Compiled {
        modules,
        capabilities: BTreeSet::new(),
    })
}

fn text_of<'f>(files: &'f Files, name: &str) -> Result<&'f str, String> {
    let text = files.get(name).and_then(Option::as_deref);
    text.ok_or_else(|| format!("{name}: it is no UTF-8 text"))
}

fn json(name: &str, text: &str) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| format!("error: it is no JSON: {error}\n --> {name}:{}:{}", error.line(), error.column()))?;
    Ok(format!("export default {value};\n"))
}

fn resolve(files: &Files, from: &str, specifier: &str) -> Result<Target, String> {
    if !specifier.starts_with("./") && !specifier.starts_with("../") {
        let capability = specifier.strip_prefix("youji/").is_some_and(|name| CAPABILITIES.contains(&name));
        if capability || PLAIN.contains(&specifier) {
            return Ok(Target::Sdk(specifier.to_owned()));
        }
        return Err(match specifier.strip_prefix("youji/") {
            Some(name) => format!("the SDK has no module \"{name}\"; there are widgets, text, bytes, {}", CAPABILITIES.join(", ")),
            None => format!("\"{specifier}\" is not there: packages from npm are not bundled; copy what you need below src/"),
        });
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.pop().is_some() => {}
            ".." => return Err(format!("\"{specifier}\" leads out of the project")),
            part => parts.push(part),
        }
    }
    if parts.first() != Some(&"src") {
        return Err(format!("\"{specifier}\" leads out of src/"));
    }
    let path = parts.join("/");
    let bare = path.strip_suffix(".js").unwrap_or(&path);
    let tries = [path.clone(), format!("{path}.ts"), format!("{bare}.ts"), format!("{path}/index.ts")];
    let found = tries.iter().find(|path| (path.ends_with(".ts") || path.ends_with(".json")) && files.contains_key(*path));
    found
        .map(|path| Target::Own(path.clone()))
        .ok_or_else(|| format!("\"{specifier}\" is not there: neither {path}.ts nor {path}/index.ts exists"))
}
