//! From a trap to file and line: the debug information of a module, which its package goes without.

use crate::BuildError;
use addr2line::Context;
use gimli::{Dwarf, EndianArcSlice, LittleEndian};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use wasmparser::{Parser, Payload, TypeRef};
use youji_runtime::{Frame, SCRIPT};

type Slice = EndianArcSlice<LittleEndian>;

/// Deepest stack that is told.
const PLACES: usize = 32;

/// A place in the author's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its name in the source; empty when nothing says.
    pub function: String,
    /// Path of the source file; empty when nothing says.
    pub file: String,
    /// Line in it, from 1; 0 when nothing says.
    pub line: u32,
    /// Whether the file is part of the project rather than of the SDK or of Rust.
    pub own: bool,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.file.is_empty(), self.function.is_empty()) {
            (false, false) => write!(f, "{}:{} in {}", self.file, self.line, self.function),
            (false, true) => write!(f, "{}:{}", self.file, self.line),
            (true, _) => write!(f, "{}", self.function),
        }
    }
}

/// What a module with debug information tells about its code.
pub struct Symbols {
    /// Where each function's body begins, counted as the debug information counts; imports have none.
    bodies: Vec<u64>,
    imports: u32,
    sections: HashMap<String, Arc<[u8]>>,
    project: String,
}

impl Symbols {
    /// Of a core module whose project is in that folder. A module without debug information tells nothing.
    ///
    /// # Errors
    /// The bytes are no module.
    pub fn new(module: &[u8], project: &std::path::Path) -> Result<Symbols, BuildError> {
        let mut symbols = Symbols {
            bodies: Vec::new(),
            imports: 0,
            sections: HashMap::new(),
            project: project.to_string_lossy().into_owned(),
        };
        let mut code = 0;
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(no_module)? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        symbols.imports += u32::from(matches!(import.map_err(no_module)?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionStart { range, .. } => code = range.start,
                Payload::CodeSectionEntry(body) => symbols.bodies.push((body.range().start - code) as u64),
                Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                    symbols.sections.insert(section.name().to_owned(), section.data().into());
                }
                _ => {}
            }
        }
        Ok(symbols)
    }

    /// Where a program was, innermost first; what the compiler put into one function is told apart again.
    pub fn places(&self, trace: &[Frame]) -> Vec<Place> {
        let load = |id: gimli::SectionId| -> Result<Slice, gimli::Error> {
            let bytes = self.sections.get(id.name()).cloned().unwrap_or_else(|| Arc::from(&[][..]));
            Ok(Slice::new(bytes, LittleEndian))
        };
        let context = Dwarf::load(load).and_then(Context::from_dwarf);
        let mut places = Vec::new();
        for frame in trace {
            if frame.index == SCRIPT {
                places.push(scripted(frame.function.as_deref().unwrap_or_default()));
                continue;
            }
            let before = places.len();
            let body = frame.index.checked_sub(self.imports).and_then(|at| self.bodies.get(at as usize));
            if let (Ok(context), Some(body)) = (&context, body) {
                self.at(context, body + frame.offset as u64, &mut places);
            }
            if places.len() == before {
                places.push(Place {
                    function: frame.function.clone().unwrap_or_default(),
                    file: String::new(),
                    line: 0,
                    own: false,
                });
            }
        }
        without_panicking(&mut places);
        places.truncate(PLACES);
        places
    }

    fn at(&self, context: &Context<Slice>, address: u64, places: &mut Vec<Place>) {
        let Ok(mut frames) = context.find_frames(address).skip_all_loads() else {
            return;
        };
        while let Ok(Some(frame)) = frames.next() {
            let function = frame
                .function
                .and_then(|name| Some(name.demangle().ok()?.into_owned()))
                .map(|name| without_hash(&name).to_owned());
            let (file, line) = frame.location.map_or((String::new(), 0), |at| {
                (at.file.unwrap_or_default().to_owned(), at.line.unwrap_or(0))
            });
            let relative = file.strip_prefix(&self.project).map(|rest| rest.trim_start_matches('/').to_owned());
            // Rust's own sources, by the commit that they were compiled at.
            let rust = || Some(format!("rust/{}", file.strip_prefix("/rustc/")?.split_once('/')?.1));
            let shown = relative.clone().or_else(rust);
            let own = relative.as_ref().is_some_and(|path| !path.starts_with(".youji/"));
            places.push(Place {
                function: function.unwrap_or_default(),
                own: own || (!file.is_empty() && !file.starts_with('/')),
                file: shown.unwrap_or(file),
                line,
            });
        }
    }
}

/// A place in a script: "update (src/main.ts:12:5)".
fn scripted(text: &str) -> Place {
    let (function, place) = text.rsplit_once(" (").unwrap_or((text, ""));
    let mut parts = place.trim_end_matches(')').rsplitn(3, ':');
    let (_, line, file) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    Place {
        function: function.to_owned(),
        file: file.to_owned(),
        line: line.and_then(|line| line.parse().ok()).unwrap_or(0),
        own: file.starts_with("src/"),
    }
}

/// How Rust's panic ends the program is the same for every panic: what matters comes after it.
fn without_panicking(places: &mut Vec<Place>) {
    let is_panic = |place: &Place| {
        ["core::panicking::", "std::panicking::", "__rustc::"]
            .iter()
            .any(|of| place.function.starts_with(of))
    };
    if let Some(own) = places.iter().position(|place| place.own)
        && let Some(last) = places[..own].iter().rposition(is_panic)
    {
        places.drain(..=last);
    }
}

/// Where in the project it was: what an author looks at first.
pub fn own(places: &[Place]) -> Option<&Place> {
    places.iter().find(|place| place.own)
}

fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((rest, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => rest,
        _ => name,
    }
}

fn no_module(error: wasmparser::BinaryReaderError) -> BuildError {
    BuildError::Component(error.to_string())
}

/// The module without debug information and names.
pub(crate) fn stripped(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let mut kept = module.get(..8).unwrap_or_default().to_vec();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(no_module)?;
        if let Payload::CustomSection(section) = &payload
            && (section.name().starts_with(".debug_") || section.name() == "name")
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            let bytes = module.get(range).unwrap_or_default();
            kept.push(id);
            let mut length = bytes.len();
            loop {
                let low = (length & 0x7f) as u8;
                length >>= 7;
                kept.push(if length == 0 { low } else { low | 0x80 });
                if length == 0 {
                    break;
                }
            }
            kept.extend_from_slice(bytes);
        }
    }
    Ok(kept)
}
