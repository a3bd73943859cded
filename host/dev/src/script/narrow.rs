//! The engine without the imports that a program does not ask for: a capability is an import, also of a program that is text.
//!
//! Functions of imports that go become functions that stop the program: the SDK's module that would call them is not among those that the
//! program can import.

use std::collections::BTreeSet;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Function, FunctionSection, ImportSection};
use wasmparser::{CodeSectionReader, FunctionSectionReader, ImportSectionReader, Parser, Payload, TypeRef};

/// The module with the imports of those capabilities, and of what is no capability.
pub(crate) fn narrowed(module: &[u8], capabilities: &BTreeSet<String>) -> Result<Vec<u8>, String> {
    let mut narrow = Narrow::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(|error| error.to_string())?;
                    let TypeRef::Func(kind) = import.ty else {
                        return Err(format!("the engine imports \"{}\", which is no function", import.name));
                    };
                    narrow.imports.push(match stays(import.module, capabilities) {
                        true => None,
                        false => Some(kind),
                    });
                }
            }
            Payload::FunctionSection(functions) => narrow.defined = functions.count(),
            _ => {}
        }
    }
    let mut out = wasm_encoder::Module::new();
    narrow
        .parse_core_module(&mut out, Parser::new(0), module)
        .map_err(|error| error.to_string())?;
    Ok(out.finish())
}

/// Whether functions of that interface stay imports.
fn stays(module: &str, capabilities: &BTreeSet<String>) -> bool {
    match module.strip_prefix("youji:miniapp/").and_then(|rest| rest.split_once('@')) {
        Some((interface, _)) => capabilities.contains(interface),
        None => true,
    }
}

#[derive(Default)]
struct Narrow {
    /// For each imported function, its type if it goes.
    imports: Vec<Option<u32>>,
    /// Functions of the module itself.
    defined: u32,
}

impl Narrow {
    fn gone(&self) -> impl Iterator<Item = u32> {
        self.imports.iter().filter_map(|import| *import)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.gone().count()).unwrap_or(u32::MAX)
    }
}

impl Reencode for Narrow {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let at = function as usize;
        let gone_before = self.imports.iter().take(at).filter(|import| import.is_some()).count();
        let gone_before = u32::try_from(gone_before).unwrap_or(u32::MAX);
        Ok(match self.imports.get(at) {
            // Behind the module's own functions, in the order of the imports.
            Some(Some(_)) => self.imports.len() as u32 - self.count() + self.defined + gone_before,
            _ => function - gone_before,
        })
    }

    fn parse_import_section(&mut self, section: &mut ImportSection, reader: ImportSectionReader<'_>) -> Result<(), Error<Infallible>> {
        for (at, import) in reader.into_imports().enumerate() {
            let import = import?;
            if self.imports.get(at).is_some_and(Option::is_none) {
                section.import(import.module, import.name, self.entity_type(import.ty)?);
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        section: &mut FunctionSection,
        reader: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_function_section(self, section, reader)?;
        for kind in self.gone().collect::<Vec<_>>() {
            section.function(self.type_index(kind)?);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, section: &mut CodeSection, reader: CodeSectionReader<'_>) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, section, reader)?;
        for _ in self.gone() {
            let mut body = Function::new([]);
            body.instructions().unreachable().end();
            section.function(&body);
        }
        Ok(())
    }
}
