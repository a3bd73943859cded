//! Takes `manifest.json` apart.

use super::check::{Check, Object, Rule};
use super::{Callers, ColorScheme, Direction, Icon, Manifest, ManifestErrors, Permission, Version};
use crate::grammar;
use crate::image;
use crate::json::{Json, Node};
use std::collections::BTreeMap;
use youji_api::ProgramId;
use youji_api::caller::{Audience, CollectionRule, TemplateKind, TemplateRule};

/// Longest manifest, in bytes.
const BYTES: usize = 64 << 10;

/// Those of W3C that mean nothing here are accepted, so that a manifest can serve other hosts too.
const MEMBERS: [&str; 21] = [
    "app_id",
    "name",
    "short_name",
    "description",
    "icons",
    "version",
    "platform_version",
    "pages",
    "entries",
    "callers",
    "lang",
    "dir",
    "color_scheme",
    "accent",
    "req_permissions",
    "collections",
    "templates",
    "device_type",
    "widgets",
    "window",
    "$schema",
];

pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, ManifestErrors> {
    Check::run("manifest.json", bytes, BYTES, manifest)
}

fn manifest(check: &mut Check, root: &Object<'_>) -> Option<Manifest> {
    check.only(root, &MEMBERS);
    let app_id = check.text(
        root,
        "app_id",
        &Rule {
            expected: "an id of letters a-z, digits, \".\" and \"-\", at most 64, starting with a letter",
            remedy: "choose one like \"org.example.noodles\"",
            fits: &grammar::is_program_id,
        },
    );
    let name = check.text(
        root,
        "name",
        &shown("a name of 1 to 32 characters", &|text| grammar::is_shown(text, 32)),
    );
    let short_name = check.optional_text(
        root,
        "short_name",
        &shown("a name of 1 to 12 characters", &|text| grammar::is_shown(text, 12)),
    );
    let description = check.optional_text(
        root,
        "description",
        &shown("a text of 1 to 200 characters", &|text| grammar::is_shown(text, 200)),
    );
    let icons = check.list(root, "icons", 1..=8, "icons", icon);
    let version = version(check, root);
    let platform_min_code = platform(check, root);
    let (pages, entries) = pages(check, root);
    let callers = callers(check, root);
    let lang = check.optional_text(root, "lang", &LANGUAGE);
    let dir = choice(
        check,
        root,
        "dir",
        &[("auto", Direction::Auto), ("ltr", Direction::Ltr), ("rtl", Direction::Rtl)],
    );
    let schemes = [
        ("auto", ColorScheme::Auto),
        ("light", ColorScheme::Light),
        ("dark", ColorScheme::Dark),
    ];
    let color_scheme = choice(check, root, "color_scheme", &schemes);
    let accent = accent(check, root);
    let permissions = check.list(root, "req_permissions", 0..=32, "permissions", permission);
    if let (Some(permissions), Some(node)) = (&permissions, root.get("req_permissions")) {
        check.unique(node.line, "req_permissions", permissions.iter().map(|p| p.name.as_str()));
    }
    let collections = check.list(root, "collections", 0..=32, "collections", collection);
    if let (Some(collections), Some(node)) = (&collections, root.get("collections")) {
        check.unique(node.line, "collections", collections.iter().map(|c| c.name.as_str()));
    }
    let lang = lang.map(|lang| lang.unwrap_or_else(|| "en".to_owned()));
    let templates = check.list(root, "templates", 0..=16, "templates", |check, node, path| {
        template(check, node, path, pages.as_deref(), lang.as_deref())
    });
    if let (Some(templates), Some(node)) = (&templates, root.get("templates")) {
        check.unique(node.line, "templates", templates.iter().map(|t| t.name.as_str()));
    }
    let name = name?;
    Some(Manifest {
        app_id: ProgramId::from(app_id?.as_str()),
        short_name: short_name?.unwrap_or_else(|| name.clone()),
        name,
        description: description?.unwrap_or_default(),
        icons: icons?,
        version: version?,
        platform_min_code: platform_min_code?,
        pages: pages?,
        entries: entries?,
        callers: callers?,
        lang: lang?,
        dir: dir?,
        color_scheme: color_scheme?,
        accent: accent?,
        permissions: permissions?,
        collections: collections?,
        templates: templates?,
    })
}

const SHOWN_REMEDY: &str = "write plain text without control or direction characters";

pub(crate) fn shown<'r>(expected: &'r str, fits: &'r dyn Fn(&str) -> bool) -> Rule<'r> {
    Rule {
        expected,
        remedy: SHOWN_REMEDY,
        fits,
    }
}

const LANGUAGE: Rule<'static> = Rule {
    expected: "a language tag (BCP 47)",
    remedy: "write one like \"en\" or \"zh-Hans\"",
    fits: &grammar::is_language,
};

fn icon(check: &mut Check, node: &Node, path: String) -> Option<Icon> {
    let object = check.object(node, path, "write {\"src\": \"common/icon.svg\"}")?;
    check.only(&object, &["src", "sizes", "label", "type"]);
    let src = check.text(
        &object,
        "src",
        &Rule {
            expected: "the path of an image in the package",
            remedy: "put the image under common/ and write \"common/icon.svg\"",
            fits: &|text| text.len() <= 255 && image::is_image_name(text) && (text.starts_with("common/") || text.starts_with("pages/")),
        },
    );
    let sizes = check.optional_text(
        &object,
        "sizes",
        &Rule {
            expected: "sizes such as \"48x48\"",
            remedy: "write width, \"x\" and height, or leave it out",
            fits: &|text| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'x' | b' ')),
        },
    );
    let label = check.optional_text(
        &object,
        "label",
        &shown("a text of 1 to 64 characters", &|text| grammar::is_shown(text, 64)),
    );
    let kind = check.optional_text(
        &object,
        "type",
        &Rule {
            expected: "a media type such as \"image/svg+xml\"",
            remedy: "write what the image is, or leave it out: the host goes by the name's ending",
            fits: &|text| {
                text.len() <= 64
                    && text.strip_prefix("image/").is_some_and(|rest| {
                        !rest.is_empty()
                            && rest
                                .bytes()
                                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'))
                    })
            },
        },
    );
    kind?;
    Some(Icon {
        src: src?,
        sizes: sizes?.unwrap_or_default(),
        label: label?.unwrap_or_default(),
    })
}

fn version(check: &mut Check, root: &Object<'_>) -> Option<Version> {
    let remedy = "write \"version\": {\"code\": 1, \"name\": \"1.0.0\"}";
    let node = check.required(root, "version", "an object with code and name", remedy)?;
    let object = check.object(node, "version".to_owned(), remedy)?;
    check.only(&object, &["code", "name"]);
    let code = check.count(&object, "code", "start with 1 and raise it with each release");
    let name = check.text(
        &object,
        "name",
        &shown("a text of 1 to 32 characters", &|text| grammar::is_shown(text, 32)),
    );
    Some(Version { code: code?, name: name? })
}

fn platform(check: &mut Check, root: &Object<'_>) -> Option<u32> {
    let remedy = "write \"platform_version\": {\"min_code\": 1}";
    let node = check.required(root, "platform_version", "an object with min_code", remedy)?;
    let object = check.object(node, "platform_version".to_owned(), remedy)?;
    check.only(&object, &["min_code", "target_code", "release_type"]);
    if object.get("target_code").is_some() {
        check.count(
            &object,
            "target_code",
            "write the platform that it was made for, such as 1, or leave it out",
        );
    }
    check.optional_text(
        &object,
        "release_type",
        &shown("a text of 1 to 32 characters", &|text| grammar::is_shown(text, 32)),
    );
    check.count(&object, "min_code", "write the lowest platform that it runs on, such as 1")
}

fn pages(check: &mut Check, root: &Object<'_>) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let rule = Rule {
        expected: "a page's path: segments of a-z, 0-9, \"-\" and \"_\" joined by \"/\", at most 100 characters",
        remedy: "write it without a leading \"/\" and without an extension, such as \"pages/menu\"",
        fits: &grammar::is_page,
    };
    let pages = check.list(root, "pages", 1..=100, "pages", |check, node, path| {
        check.text_at(node, &path, &rule)
    });
    if let (Some(pages), Some(node)) = (&pages, root.get("pages")) {
        check.unique(node.line, "pages", pages.iter().map(String::as_str));
    }
    let listed = check.list(root, "entries", 0..=100, "pages", |check, node, path| {
        let entry = check.text_at(node, &path, &rule)?;
        if pages.as_ref().is_some_and(|pages| !pages.contains(&entry)) {
            check.fail(
                node.line,
                &path,
                "one of the pages in `pages`",
                &format!("{entry:?}"),
                "add it to `pages`, or remove it here",
            );
        }
        Some(entry)
    });
    let entries = match (&pages, listed) {
        (Some(pages), Some(listed)) => {
            let mut entries: Vec<String> = pages.first().cloned().into_iter().collect();
            for entry in listed {
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
            Some(entries)
        }
        _ => None,
    };
    (pages, entries)
}

fn callers(check: &mut Check, root: &Object<'_>) -> Option<Callers> {
    const EVERYONE: &str = "*";
    let programs = check.list(root, "callers", 0..=32, "program ids, or \"*\" alone", |check, node, path| {
        let rule = Rule {
            expected: "a program's id, or \"*\" for every program",
            remedy: "write one like \"org.example.noodles\"; leave `callers` out where only your own programs may open it",
            fits: &|text| text == EVERYONE || grammar::is_program_id(text),
        };
        check.text_at(node, &path, &rule)
    })?;
    if let Some(node) = root.get("callers") {
        check.unique(node.line, "callers", programs.iter().map(String::as_str));
        if programs.len() > 1 && programs.iter().any(|program| program == EVERYONE) {
            check.fail(
                node.line,
                "callers",
                "\"*\" alone, or ids",
                "both",
                "remove the ids, or remove \"*\"",
            );
        }
    }
    Some(match programs.first().map(String::as_str) {
        None => Callers::Publisher,
        Some(EVERYONE) => Callers::Everyone,
        Some(_) => Callers::Programs(programs.iter().map(|program| ProgramId::from(program.as_str())).collect()),
    })
}

fn choice<T: Copy + Default>(check: &mut Check, root: &Object<'_>, name: &str, choices: &[(&str, T)]) -> Option<T> {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let expected = format!("one of {}", names.join(", "));
    let fits = |text: &str| names.contains(&text);
    let text = check.optional_text(
        root,
        name,
        &Rule {
            expected: &expected,
            remedy: "choose one of them, or leave it out",
            fits: &fits,
        },
    )?;
    let chosen = text.and_then(|text| choices.iter().find(|(name, _)| *name == text));
    Some(chosen.map(|(_, value)| *value).unwrap_or_default())
}

fn accent(check: &mut Check, root: &Object<'_>) -> Option<Option<String>> {
    let fits = |text: &str| {
        let digits = text.strip_prefix('#').unwrap_or_default();
        digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let rule = Rule {
        expected: "a colour as #rrggbb",
        remedy: "write one like \"#c8102e\", or leave it out",
        fits: &fits,
    };
    check
        .optional_text(root, "accent", &rule)
        .map(|text| text.map(|text| text.to_ascii_lowercase()))
}

fn permission(check: &mut Check, node: &Node, path: String) -> Option<Permission> {
    let object = check.object(node, path, "write {\"name\": \"payment\", \"reason\": \"To pay for your order\"}")?;
    check.only(&object, &["name", "reason", "required"]);
    let known: Vec<String> = grammar::permissions().collect();
    let expected = format!("one of {}", known.join(", "));
    let near = object.get("name").and_then(|node| match &node.value {
        Json::Text(text) => grammar::nearest(text, known.iter().map(String::as_str)),
        _ => None,
    });
    let remedy = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "choose one of them, or remove the permission".to_owned(),
    };
    let fits = |text: &str| known.iter().any(|name| name == text);
    let name = check.text(
        &object,
        "name",
        &Rule {
            expected: &expected,
            remedy: &remedy,
            fits: &fits,
        },
    );
    let fits = |text: &str| grammar::is_shown(text, 120);
    let rule = Rule {
        expected: "a reason of 1 to 120 characters",
        remedy: "say to the person, in one sentence, what it is used for",
        fits: &fits,
    };
    let reason = match name.as_deref() {
        Some(name) if grammar::needs_reason(name) => check.text(&object, "reason", &rule),
        _ => check.optional_text(&object, "reason", &rule).map(Option::unwrap_or_default),
    };
    let required = required(check, &object, name.as_deref());
    Some(Permission {
        name: name?,
        reason: reason?,
        required: required?,
    })
}

/// Only what a person is asked for can be asked before the first run: a payment has a sheet each time, storage none at all.
fn required(check: &mut Check, object: &Object<'_>, name: Option<&str>) -> Option<bool> {
    let required = check.flag(
        object,
        "required",
        "write true where the program can't do without it, or leave it out",
    )?;
    if let Some(node) = object.get("required")
        && let Some(name) = name
        && required
        && !grammar::is_asked(name)
    {
        let asked: Vec<String> = grammar::permissions().filter(|name| grammar::is_asked(name)).collect();
        check.fail(
            node.line,
            &object.member("required"),
            &format!("true only for what a person is asked for: {}", asked.join(", ")),
            &format!("true for {name:?}"),
            "leave it out: nobody is asked for this one before the first run",
        );
        return None;
    }
    Some(required)
}

fn name(check: &mut Check, object: &Object<'_>) -> Option<String> {
    let expected = "a name of a-z, 0-9 and \"-\", at most 32 characters";
    check.text(
        object,
        "name",
        &Rule {
            expected,
            remedy: "choose one like \"orders\"",
            fits: &grammar::is_name,
        },
    )
}

fn collection(check: &mut Check, node: &Node, path: String) -> Option<CollectionRule> {
    let object = check.object(
        node,
        path,
        "write {\"name\": \"orders\", \"readers\": [\"owner\", \"staff\"], \"writers\": [\"staff\"]}",
    )?;
    check.only(&object, &["name", "readers", "writers"]);
    let name = name(check, &object);
    let readers = check.list(&object, "readers", 1..=4, "audiences", audience);
    let writers = check.list(&object, "writers", 1..=4, "audiences", audience);
    Some(CollectionRule {
        name: name?,
        readers: readers?,
        writers: writers?,
    })
}

fn audience(check: &mut Check, node: &Node, path: String) -> Option<Audience> {
    let all = [
        ("owner", Audience::Owner),
        ("party", Audience::Party),
        ("staff", Audience::Staff),
        ("everyone", Audience::Everyone),
    ];
    let fits = |text: &str| all.iter().any(|(name, _)| *name == text);
    let rule = Rule {
        expected: "one of owner, party, staff, everyone",
        remedy: "choose one of them",
        fits: &fits,
    };
    let text = check.text_at(node, &path, &rule)?;
    all.iter().find(|(name, _)| *name == text).map(|(_, audience)| *audience)
}

fn template(check: &mut Check, node: &Node, path: String, pages: Option<&[String]>, lang: Option<&str>) -> Option<TemplateRule> {
    let object = check.object(node, path, "write {\"name\": …, \"title\": {\"en\": …}, \"text\": {\"en\": …}}")?;
    check.only(&object, &["name", "title", "text", "page", "kind"]);
    let name = name(check, &object);
    let title = texts(
        check,
        &object,
        "title",
        &shown("a title of 1 to 40 characters", &|text| grammar::is_shown(text, 40)),
    );
    let fits = |text: &str| grammar::is_shown(text, 300) && grammar::placeholders(text).is_some();
    let text = texts(
        check,
        &object,
        "text",
        &shown("a text of 1 to 300 characters, fields as {name}", &fits),
    );
    if let (Some(title), Some(text)) = (&title, &text) {
        if !title.keys().eq(text.keys()) {
            let found = format!("{:?} and {:?}", title.keys().collect::<Vec<_>>(), text.keys().collect::<Vec<_>>());
            check.fail(
                node.line,
                &object.path,
                "title and text in the same languages",
                &found,
                "add what is missing",
            );
        }
        if let Some(lang) = lang.filter(|lang| !title.contains_key(*lang)) {
            let found = format!("{:?}", title.keys().collect::<Vec<_>>());
            check.fail(
                node.line,
                &object.path,
                &format!("a title and text in {lang:?}, the manifest's `lang`"),
                &found,
                "add them",
            );
        }
    }
    let fits = |text: &str| pages.is_none_or(|pages| pages.iter().any(|page| page == text));
    let page = check.optional_text(
        &object,
        "page",
        &Rule {
            expected: "one of the pages in `pages`",
            remedy: "add it there, or leave it out for home",
            fits: &fits,
        },
    );
    let kinds = [("long-term", TemplateKind::LongTerm), ("one-time", TemplateKind::OneTime)];
    let kind = choice(check, &object, "kind", &kinds);
    Some(TemplateRule {
        name: name?,
        title: title?,
        text: text?,
        page: page?.unwrap_or_default(),
        kind: kind?,
    })
}

fn texts(check: &mut Check, object: &Object<'_>, name: &str, rule: &Rule<'_>) -> Option<BTreeMap<String, String>> {
    let remedy = "write {\"en\": \"…\", \"zh\": \"…\"}";
    let node = check.required(object, name, "an object of languages and texts", remedy)?;
    let by_language = check.object(node, object.member(name), remedy)?;
    if !(1..=32).contains(&by_language.members.len()) {
        check.fail(node.line, &by_language.path, "1 to 32 languages", &node.value.describe(), remedy);
        return None;
    }
    let read: Vec<Option<(String, String)>> = by_language
        .members
        .iter()
        .map(|(language, node)| {
            let member = by_language.member(&language.chars().take(40).collect::<String>());
            if !grammar::is_language(language) {
                check.fail(
                    node.line,
                    &member,
                    LANGUAGE.expected,
                    &format!("{:?}", language.chars().take(40).collect::<String>()),
                    LANGUAGE.remedy,
                );
                return None;
            }
            Some((language.clone(), check.text_at(node, &member, rule)?))
        })
        .collect();
    read.into_iter().collect()
}
