//! One module without its types: blanks in their places, so that everything else stays where it was.

use oxc_allocator::Allocator;
use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_parser::Parser;
use oxc_span::{GetSpan, SourceType, Span};
use oxc_syntax::scope::ScopeFlags;
use std::collections::BTreeSet;

/// What is wrong, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    at: u32,
    said: String,
}

impl Problem {
    pub(crate) fn new(at: u32, said: impl Into<String>) -> Problem {
        Problem { at, said: said.into() }
    }

    /// As rustc shows it: what, where, the line.
    pub(crate) fn shown(&self, name: &str, text: &str) -> String {
        let at = (self.at as usize).min(text.len());
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let shown = text.lines().nth(line - 1).unwrap_or_default();
        let margin = " ".repeat(line.to_string().len());
        format!(
            "error: {}\n{margin}--> {name}:{line}:{column}\n{margin} |\n{line} | {shown}\n{margin} | {}^",
            self.said,
            " ".repeat(column - 1)
        )
    }
}

/// A change of the text.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// Blanks.
    Blank(Span),
    /// Blanks for something of a list, and for the comma behind it.
    Item(Span),
    /// Blanks for a statement; its end stays one.
    Statement(Span),
    /// Another text.
    Put(Span, String),
}

/// A name that is imported.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) at: u32,
    pub(crate) span: Span,
}

/// An import, or an export of another module's.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) from: String,
    /// Of the whole statement.
    pub(crate) span: Span,
    /// Of the text that names the module, with its quotes.
    pub(crate) source: Span,
    pub(crate) at: u32,
    pub(crate) names: Vec<Name>,
    /// It takes nothing but those.
    pub(crate) only_names: bool,
    /// It is for types alone, and gone.
    pub(crate) types_only: bool,
}

/// A module that was read.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) edits: Vec<Edit>,
    pub(crate) imports: Vec<Imported>,
    /// Names of exported types.
    pub(crate) types: BTreeSet<String>,
    /// Names of exported values.
    pub(crate) values: BTreeSet<String>,
    /// It exports what another module does.
    pub(crate) passes_all_on: bool,
}

/// Reads a module.
pub(crate) fn read(name: &str, text: &str) -> Result<Module, Problem> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
    if let Some(error) = parsed.diagnostics.errors().next() {
        let at = error.labels.first().map_or(0, |label| u32::try_from(label.offset()).unwrap_or(0));
        return Err(Problem::new(at, error.message.to_string()));
    }
    let mut stripper = Stripper {
        text,
        module: Module::default(),
        problem: None,
        locals: Locals::default(),
    };
    if name.ends_with(".json") {
        stripper.module.values.insert("default".to_owned());
        return Ok(stripper.module);
    }
    stripper.locals.gather(&parsed.program);
    stripper.visit_program(&parsed.program);
    match stripper.problem {
        Some(problem) => Err(problem),
        None => Ok(stripper.module),
    }
}

/// The text with those changes.
pub(crate) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut blank = vec![false; text.len()];
    let mut ends = BTreeSet::new();
    let mut puts: Vec<(Span, &str)> = Vec::new();
    for edit in edits {
        let span = match edit {
            Edit::Blank(span) => *span,
            Edit::Statement(span) => {
                ends.insert(span.start as usize);
                *span
            }
            Edit::Item(span) => {
                let rest = &text[span.end as usize..];
                let skipped = rest.len() - rest.trim_start().len();
                let comma = rest.trim_start().starts_with(',');
                Span::new(span.start, if comma { span.end + skipped as u32 + 1 } else { span.end })
            }
            Edit::Put(span, with) => {
                puts.push((*span, with));
                continue;
            }
        };
        blank[span.start as usize..span.end as usize].fill(true);
    }
    let mut out = String::with_capacity(text.len());
    let mut skip_to = 0;
    for (at, character) in text.char_indices() {
        if let Some((span, with)) = puts.iter().find(|(span, _)| span.start as usize == at && !blank[at]) {
            out.push_str(with);
            skip_to = span.end as usize;
        }
        if at < skip_to {
            continue;
        }
        if !blank[at] || character == '\n' || character == '\r' {
            out.push(character);
        } else if ends.contains(&at) {
            // Without it, what follows could go on with the statement before.
            out.push(';');
        } else {
            out.push(' ');
        }
    }
    out
}

/// What the top level declares: `export { name }` may be a type or a value.
#[derive(Default)]
struct Locals {
    types: BTreeSet<String>,
    values: BTreeSet<String>,
}

impl Locals {
    fn gather(&mut self, program: &Program<'_>) {
        for statement in &program.body {
            match statement {
                Statement::TSTypeAliasDeclaration(one) => drop(self.types.insert(one.id.name.to_string())),
                Statement::TSInterfaceDeclaration(one) => drop(self.types.insert(one.id.name.to_string())),
                Statement::ImportDeclaration(one) => {
                    for specifier in one.specifiers.iter().flatten() {
                        let is_type = one.import_kind.is_type()
                            || matches!(specifier, ImportDeclarationSpecifier::ImportSpecifier(one) if one.import_kind.is_type());
                        let set = if is_type { &mut self.types } else { &mut self.values };
                        set.insert(specifier.local().name.to_string());
                    }
                }
                _ => {}
            }
        }
    }

    fn is_type(&self, name: &str) -> bool {
        self.types.contains(name) && !self.values.contains(name)
    }
}

struct Stripper<'t> {
    text: &'t str,
    module: Module,
    problem: Option<Problem>,
    locals: Locals,
}

impl Stripper<'_> {
    fn blank(&mut self, start: u32, end: u32) {
        if start < end {
            self.module.edits.push(Edit::Blank(Span::new(start, end)));
        }
    }

    fn statement(&mut self, span: Span) {
        self.module.edits.push(Edit::Statement(span));
    }

    fn refuse(&mut self, at: u32, said: &str) {
        self.problem.get_or_insert_with(|| Problem::new(at, said));
    }

    fn between(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Blanks these words between two places, wherever they stand there.
    fn words(&mut self, start: u32, end: u32, words: &[&str]) {
        let part = self.between(start, end).to_owned();
        let mut at = 0;
        for word in part.split(|character: char| !character.is_ascii_alphanumeric() && character != '_') {
            if words.contains(&word) {
                let from = start + at;
                self.blank(from, from + word.len() as u32);
            }
            at += word.len() as u32 + 1;
        }
    }

    /// Blanks the first of these characters between two places.
    fn mark(&mut self, start: u32, end: u32, marks: &[char]) {
        if let Some(at) = self.between(start, end).find(marks) {
            let from = start + at as u32;
            self.blank(from, from + 1);
        }
    }

    /// A blanked type at the end of a line could make one statement of two.
    fn tail(&mut self, start: u32, end: u32) {
        self.blank(start, end);
        let after = &self.text[end as usize..];
        let spaces = after.len() - after.trim_start().len();
        let joins = after.trim_start().starts_with(['(', '[', '`', '+', '-', '/']);
        if joins && after[..spaces].contains('\n') {
            self.module.edits.push(Edit::Put(Span::new(end, end), ";".to_owned()));
        }
    }

    fn import(&mut self, source: &StringLiteral<'_>, span: Span, names: Vec<Name>, only_names: bool, types_only: bool) {
        self.module.imports.push(Imported {
            from: source.value.to_string(),
            span,
            source: source.span,
            at: source.span.start,
            names,
            only_names,
            types_only,
        });
    }

    fn declared(&mut self, declaration: &Declaration<'_>) {
        let values = &mut self.module.values;
        match declaration {
            Declaration::VariableDeclaration(one) => {
                for name in one.declarations.iter().flat_map(|one| one.id.get_binding_identifiers()) {
                    values.insert(name.name.to_string());
                }
            }
            Declaration::FunctionDeclaration(one) => values.extend(one.id.as_ref().map(|id| id.name.to_string())),
            Declaration::ClassDeclaration(one) => values.extend(one.id.as_ref().map(|id| id.name.to_string())),
            Declaration::TSTypeAliasDeclaration(one) => drop(self.module.types.insert(one.id.name.to_string())),
            Declaration::TSInterfaceDeclaration(one) => drop(self.module.types.insert(one.id.name.to_string())),
            _ => {}
        }
    }
}

const ENUM: &str = "enums are more than types and are not there; use a union of texts: type Size = \"s\" | \"m\"";
const NAMESPACE: &str = "namespaces are more than types and are not there; use a module";

impl<'a> Visit<'a> for Stripper<'_> {
    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        let mut start = it.span.start;
        if !self.between(start, start + 1).starts_with(':') {
            let before = self.text[..start as usize].trim_end();
            if before.ends_with(':') {
                start = before.len() as u32 - 1;
            }
        }
        self.tail(start, it.span.end);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.blank(it.span.start, it.span.end);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.blank(it.span.start, it.span.end);
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.tail(it.expression.span().end, it.span.end);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.tail(it.expression.span().end, it.span.end);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.tail(it.expression.span().end, it.span.end);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.blank(it.span.start, it.expression.span().start);
        self.visit_expression(&it.expression);
    }

    fn visit_ts_type_alias_declaration(&mut self, it: &TSTypeAliasDeclaration<'a>) {
        self.statement(it.span);
    }

    fn visit_ts_interface_declaration(&mut self, it: &TSInterfaceDeclaration<'a>) {
        self.statement(it.span);
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        match it.declare {
            true => self.statement(it.span),
            false => self.refuse(it.span.start, ENUM),
        }
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        match it.declare {
            true => self.statement(it.span),
            false => self.refuse(it.span.start, NAMESPACE),
        }
    }

    fn visit_ts_external_module_declaration(&mut self, it: &TSExternalModuleDeclaration<'a>) {
        self.statement(it.span);
    }

    fn visit_ts_global_declaration(&mut self, it: &TSGlobalDeclaration<'a>) {
        self.statement(it.span);
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        self.refuse(it.span.start, "write `import … from …`; `import … =` is not there");
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        self.refuse(it.span.start, "write `export default …`; `export =` is not there");
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(it.span.start, "decorators are not there; call the function yourself");
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        self.refuse(it.span.start, "a program is whole when it begins: write `import … from …` at the top instead of import()");
    }

    fn visit_await_expression(&mut self, it: &AwaitExpression<'a>) {
        self.refuse(it.span.start, "nothing waits in a program: what takes time answers with a message");
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        if it.declare {
            return self.statement(it.span);
        }
        walk::walk_variable_declaration(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if it.definite {
            let end = it.type_annotation.as_ref().map_or(it.span.end, |types| types.span.start);
            self.mark(it.id.span().end, end, &['!']);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        if it.body.is_none() {
            return self.statement(it.span);
        }
        if let Some(this) = &it.this_param {
            self.module.edits.push(Edit::Item(this.span));
        }
        walk::walk_function(self, it, flags);
    }

    fn visit_ts_this_parameter(&mut self, _: &TSThisParameter<'a>) {}

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            self.refuse(it.span.start, "parameter properties are more than types and are not there; assign in the constructor");
        }
        if it.optional {
            let end = it.type_annotation.as_ref().map_or(it.span.end, |types| types.span.start);
            self.mark(it.pattern.span().end, end + 1, &['?']);
        }
        walk::walk_formal_parameter(self, it);
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        if it.declare {
            return self.statement(it.span);
        }
        if it.r#abstract {
            let end = it.id.as_ref().map_or(it.body.span.start, |id| id.span.start);
            self.words(it.span.start, end, &["abstract"]);
        }
        if let Some(first) = it.implements.first() {
            let before = self.text[..first.span.start as usize].trim_end();
            let start = before.len() - "implements".len();
            self.blank(start as u32, it.body.span.start);
        }
        walk::walk_class(self, it);
    }

    fn visit_ts_class_implements_list(&mut self, _: &oxc_allocator::Vec<'a, TSClassImplements<'a>>) {}

    fn visit_method_definition(&mut self, it: &MethodDefinition<'a>) {
        if it.value.body.is_none() {
            return self.statement(it.span);
        }
        self.words(it.span.start, it.key.span().start, &["public", "private", "protected", "override"]);
        if it.optional {
            self.mark(it.key.span().end, it.value.span.start + 1, &['?']);
        }
        walk::walk_method_definition(self, it);
    }

    fn visit_property_definition(&mut self, it: &PropertyDefinition<'a>) {
        if it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition {
            return self.statement(it.span);
        }
        let modifiers = ["public", "private", "protected", "override", "readonly"];
        self.words(it.span.start, it.key.span().start, &modifiers);
        if it.optional || it.definite {
            let value = it.value.as_ref().map_or(it.span.end, |value| value.span().start);
            let end = it.type_annotation.as_ref().map_or(value, |types| types.span.start);
            self.mark(it.key.span().end, end + 1, &['?', '!']);
        }
        walk::walk_property_definition(self, it);
    }

    fn visit_ts_index_signature(&mut self, it: &TSIndexSignature<'a>) {
        self.statement(it.span);
    }

    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let mut names = Vec::new();
        let mut only_names = it.specifiers.is_some();
        let mut types = 0;
        let all = it.specifiers.as_ref().map_or(0, |list| list.len());
        for specifier in it.specifiers.iter().flatten() {
            match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(one) if one.import_kind.is_type() => {
                    types += 1;
                    self.module.edits.push(Edit::Item(one.span));
                }
                ImportDeclarationSpecifier::ImportSpecifier(one) => names.push(Name {
                    name: one.imported.name().to_string(),
                    at: one.span.start,
                    span: one.span,
                }),
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                    only_names = false;
                    names.push(Name {
                        name: "default".to_owned(),
                        at: one.span.start,
                        span: one.span,
                    });
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => only_names = false,
            }
        }
        let types_only = it.import_kind.is_type() || (all > 0 && types == all);
        if types_only {
            self.statement(it.span);
        }
        self.import(&it.source, it.span, names, only_names, types_only);
    }

    fn visit_export_declaration(&mut self, it: &ExportDeclaration<'a>) {
        self.declared(&it.declaration);
        let is_gone = match &it.declaration {
            Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_) => true,
            Declaration::VariableDeclaration(one) => one.declare,
            Declaration::FunctionDeclaration(one) => one.body.is_none(),
            Declaration::ClassDeclaration(one) => one.declare,
            Declaration::TSEnumDeclaration(one) => one.declare,
            Declaration::TSNamespaceDeclaration(one) => one.declare,
            _ => false,
        };
        if is_gone {
            return self.statement(it.span);
        }
        walk::walk_export_declaration(self, it);
    }

    fn visit_export_default_declaration(&mut self, it: &ExportDefaultDeclaration<'a>) {
        if let ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) = &it.declaration {
            self.module.types.insert("default".to_owned());
            return self.statement(it.span);
        }
        self.module.values.insert("default".to_owned());
        walk::walk_export_default_declaration(self, it);
    }

    fn visit_export_named_declaration(&mut self, it: &ExportNamedDeclaration<'a>) {
        let mut left = it.specifiers.len();
        for one in &it.specifiers {
            let name = one.exported.name().to_string();
            if it.export_kind.is_type() || one.export_kind.is_type() || self.locals.is_type(one.local.name().as_str()) {
                self.module.types.insert(name);
                self.module.edits.push(Edit::Item(one.span));
                left -= 1;
            } else {
                self.module.values.insert(name);
            }
        }
        if it.export_kind.is_type() || (left == 0 && !it.specifiers.is_empty()) {
            self.statement(it.span);
        }
    }

    fn visit_export_from_declaration(&mut self, it: &ExportFromDeclaration<'a>) {
        let mut names = Vec::new();
        for one in &it.specifiers {
            let exported = one.exported.name().to_string();
            if it.export_kind.is_type() || one.export_kind.is_type() {
                self.module.types.insert(exported);
                self.module.edits.push(Edit::Item(one.span));
            } else {
                self.module.values.insert(exported);
                names.push(Name {
                    name: one.local.name().to_string(),
                    at: one.span.start,
                    span: one.span,
                });
            }
        }
        let types_only = it.export_kind.is_type() || (names.is_empty() && !it.specifiers.is_empty());
        if types_only {
            self.statement(it.span);
        }
        self.import(&it.source, it.span, names, true, types_only);
    }

    fn visit_export_all_declaration(&mut self, it: &ExportAllDeclaration<'a>) {
        let types_only = it.export_kind.is_type();
        if types_only {
            self.statement(it.span);
        } else if let Some(name) = &it.exported {
            self.module.values.insert(name.name().to_string());
        } else {
            self.module.passes_all_on = true;
        }
        self.import(&it.source, it.span, Vec::new(), false, types_only);
    }
}
