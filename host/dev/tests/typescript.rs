//! What TypeScript knows of the contract is the contract: the widgets' builders and the types of the imports are made from the host's
//! table and the WIT. `YOUJI_WRITE=1 cargo test -p youji-dev --test typescript` writes them anew.

use std::fmt::Write as _;
use std::path::PathBuf;
use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId};
use youji_api::widgets::{COMMON, Kind, WIDGETS};

fn lib(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sdk/js/lib").join(name)
}

fn check(name: &str, made: &str) {
    let path = lib(name);
    if std::env::var_os("YOUJI_WRITE").is_some() {
        std::fs::write(&path, made).expect("written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "sdk/js/lib/{name} is not what the contract says; write it anew: YOUJI_WRITE=1 cargo test -p youji-dev --test typescript"
    );
}

fn camel(name: &str) -> String {
    let mut parts = name.split('-');
    let mut spelled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        spelled.push_str(&part[..1].to_uppercase());
        spelled.push_str(&part[1..]);
    }
    spelled
}

fn pascal(name: &str) -> String {
    let spelled = camel(name);
    spelled[..1].to_uppercase() + &spelled[1..]
}

/// What an attribute that is one text on the wire is for authors, where that is more.
fn of_text(widget: &str, attribute: &str) -> &'static str {
    match (widget, attribute) {
        (_, "options") => "readonly Choice[]",
        ("checkbox-group", "value") | ("fact-list", "names" | "values") | ("progress", "steps") | ("tabs", "labels") => "readonly string[]",
        ("table", "columns") => "readonly string[]",
        ("table", "rows") => "readonly (readonly (string | number)[])[]",
        ("table", "numeric") => "readonly number[]",
        _ => "string",
    }
}

fn handler(widget: &str, event: &str) -> &'static str {
    match (widget, event) {
        (_, "tap") => "Msg",
        ("tabs" | "stepper", "change") | ("list", "window") => "(value: number) => Msg",
        ("switch", "change") => "(value: boolean) => Msg",
        ("checkbox-group", "change") => "(value: string[]) => Msg",
        _ => "(value: string) => Msg",
    }
}

#[test]
fn the_builders_are_the_hosts_widgets() {
    let mut text = String::from(
        "/** A builder for each widget. Made from the host's table of widgets; do not edit. */\n\n\
         /** A widget with its children. `undefined`, `null` and `false` among children are left out. */\n\
         export interface Element<out Msg> {\n    readonly kind: string;\n    readonly props: object;\n    readonly children: readonly Element<Msg>[];\n}\n\n\
         export type Child<Msg> = Element<Msg> | readonly Child<Msg>[] | false | null | undefined;\n\n\
         /** One of several things to choose. */\nexport interface Choice {\n    value: string;\n    label: string;\n    detail?: string;\n}\n\n\
         /** What every widget has. */\nexport interface Common {\n    /** Identity among siblings across views; by position and kind unless told. */\n    key?: string | number;\n",
    );
    for one in COMMON {
        let kind = if one.kind == Kind::Flag { "boolean" } else { "string" };
        writeln!(text, "    /** {}. */\n    {}?: {kind};", one.doc, camel(one.name)).expect("a text");
    }
    text.push_str("}\n\nfunction flat<Msg>(children: readonly Child<Msg>[], into: Element<Msg>[]): Element<Msg>[] {\n    for (const child of children) {\n        if (Array.isArray(child)) flat(child, into);\n        else if (child) into.push(child as Element<Msg>);\n    }\n    return into;\n}\n\nconst NONE: readonly never[] = [];\n");
    let (mut types, mut makers) = (String::new(), String::new());
    for widget in WIDGETS {
        let (name, props) = (camel(widget.kind), format!("{}Props", pascal(widget.kind)));
        let name = if name == "switch" { "toggle".to_owned() } else { name };
        let generic = if widget.events.is_empty() { "" } else { "<Msg>" };
        writeln!(text, "\nexport interface {props}{generic} extends Common {{").expect("a text");
        for one in widget.attributes {
            let kind = match one.kind {
                Kind::Text => of_text(widget.kind, one.name).to_owned(),
                Kind::Image => "string".to_owned(),
                Kind::Word(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" | "),
                Kind::Flag => "boolean".to_owned(),
                Kind::Integer | Kind::Number => "number".to_owned(),
            };
            // Without its label, a control is nothing to who can't see it.
            let must = if one.name == "label" && !widget.children && !widget.events.is_empty() {
                ""
            } else {
                "?"
            };
            writeln!(text, "    /** {}. */\n    {}{must}: {kind};", one.doc, camel(one.name)).expect("a text");
        }
        for event in widget.events {
            writeln!(
                text,
                "    /** At \"{event}\". */\n    on{}?: {};",
                pascal(event),
                handler(widget.kind, event)
            )
            .expect("a text");
        }
        text.push_str("}\n");
        let (children, make) = match widget.children {
            true => (", ...children: readonly Child<Msg>[]", "parent"),
            false => ("", "leaf"),
        };
        writeln!(
            types,
            "    /** {}. */\n    {name}(props: {props}{generic}{children}): Element<Msg>;",
            widget.doc
        )
        .expect("a text");
        writeln!(makers, "    {name}: {make}(\"{}\"),", widget.kind).expect("a text");
    }
    write!(
        text,
        "\n/** A builder for each widget, for a program whose messages are `Msg`. */\nexport interface Widgets<Msg> {{\n{types}}}\n\n\
         const parent =\n    (kind: string) =>\n    (props: object, ...children: readonly Child<any>[]): Element<any> => ({{ kind, props, children: flat(children, []) }});\n\
         const leaf =\n    (kind: string) =>\n    (props: object): Element<any> => ({{ kind, props, children: NONE }});\n\n\
         const ALL: Widgets<any> = {{\n{makers}}};\n\n\
         /** The builders: `const {{ button, page }} = widgets<Msg>();` */\nexport function widgets<Msg>(): Widgets<Msg> {{\n    return ALL;\n}}\n"
    )
    .expect("a text");
    check("widgets.ts", &text);
}

#[test]
fn the_types_of_the_imports_are_the_contracts() {
    let mut resolve = Resolve::default();
    let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sdk/wit");
    let (package, _) = resolve.push_path(wit).expect("the contract parses");
    let engine = std::fs::read_to_string(lib("../engine/src/host.rs")).expect("the engine's functions");
    let mut text = String::from(
        "/** The contract's imports, as the script engine offers them to the SDK. Made from sdk/wit; do not edit. */\n\ndeclare module \"youji:host\" {\n\
         \x20   export type Scalar = boolean | number | string;\n    /** Named values. */\n    export type Fields = { [name: string]: Scalar | undefined };\n\
         \x20   /** Something that was asked for and is answered later. */\n    export type Ticket = string;\n\
         \x20   /** What a refused call throws. */\n    export interface Failure extends Error {\n        code: string;\n        fields: Fields;\n    }\n\
         \x20   /** The contract's event. */\n    export interface Happened {\n        code: string;\n        ticket: Ticket;\n        fields: Fields;\n        body: Uint8Array;\n    }\n\
         \x20   export const utf8: { decode(bytes: Uint8Array): string; encode(text: string): Uint8Array };\n",
    );
    for (interface, id) in &resolve.packages[package].interfaces {
        if interface == "types" || interface == "program" {
            continue;
        }
        let one = &resolve.interfaces[*id];
        for (name, kind) in &one.types {
            let TypeDefKind::Record(record) = &resolve.types[*kind].kind else {
                continue;
            };
            writeln!(text, "    export interface {} {{", pascal(name)).expect("a text");
            for field in &record.fields {
                writeln!(text, "        {}: {};", camel(&field.name), of(&resolve, &field.ty, false)).expect("a text");
            }
            text.push_str("    }\n");
        }
        writeln!(text, "    export const {interface}: {{").expect("a text");
        for (name, function) in &one.functions {
            writeln!(
                text,
                "        {}({}): {};",
                camel(name),
                parameters(&resolve, function),
                result(&resolve, function)
            )
            .expect("a text");
            let called = format!("wit::{interface}::{}(", name.replace('-', "_"));
            assert!(
                engine.contains(&called),
                "the engine lacks {interface}.{name}: sdk/js/engine/src/host.rs"
            );
        }
        text.push_str("    };\n");
    }
    text.push_str("}\n");
    check("host.d.ts", &text);
}

fn parameters(resolve: &Resolve, function: &Function) -> String {
    let all = function
        .params
        .iter()
        .map(|one| format!("{}: {}", camel(&one.name), of(resolve, &one.ty, true)));
    all.collect::<Vec<_>>().join(", ")
}

fn result(resolve: &Resolve, function: &Function) -> String {
    function
        .result
        .as_ref()
        .map_or_else(|| "void".to_owned(), |kind| of(resolve, kind, false))
}

/// A type of the contract for scripts. What is given may be more than what comes.
fn of(resolve: &Resolve, kind: &Type, given: bool) -> String {
    match kind {
        Type::Bool => "boolean".to_owned(),
        Type::String => "string".to_owned(),
        Type::Id(id) => named(resolve, *id, given),
        _ => "number".to_owned(),
    }
}

fn named(resolve: &Resolve, id: TypeId, given: bool) -> String {
    let kind = &resolve.types[id];
    match (&kind.kind, kind.name.as_deref()) {
        (_, Some("ticket")) => "Ticket".to_owned(),
        (TypeDefKind::List(Type::U8), _) => if given { "Uint8Array | string" } else { "Uint8Array" }.to_owned(),
        (TypeDefKind::List(of_what), _) => {
            let one = of(resolve, of_what, given);
            match (one.as_str(), given) {
                ("Field", _) => "Fields".to_owned(),
                (_, true) => format!("readonly {one}[]"),
                _ => format!("{one}[]"),
            }
        }
        (TypeDefKind::Option(of_what), _) => format!("{} | undefined", of(resolve, of_what, given)),
        (TypeDefKind::Result(result), _) => result.ok.as_ref().map_or_else(|| "void".to_owned(), |ok| of(resolve, ok, given)),
        (TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)), _) => named(resolve, *id, given),
        (_, Some(name)) => pascal(name),
        (other, None) => panic!("a type that scripts have no word for: {other:?}"),
    }
}
