//! How ids, paths, languages and texts may look.

use youji_api::Capability;

/// Profile fields that a person can be asked for.
pub(crate) const PROFILE: [&str; 5] = ["nickname", "avatar", "phone", "address", "region"];

/// Every name that `req_permissions` may request.
pub(crate) fn permissions() -> impl Iterator<Item = String> {
    let capabilities = Capability::ALL.into_iter().map(|capability| capability.name().to_owned());
    capabilities.chain(PROFILE.iter().map(|field| format!("identity.{field}")))
}

/// Whether the person is shown why: everything that touches them, their money or others.
pub(crate) fn needs_reason(permission: &str) -> bool {
    !matches!(permission, "storage" | "timer" | "navigation" | "clock" | "random" | "log")
}

/// Whether a person is asked for it, so that a manifest can say that the program does not run without.
pub fn is_asked(permission: &str) -> bool {
    permission.contains('.') || matches!(permission, "scanner" | "location")
}

/// `app_id`: letters a-z, digits, "." and "-"; starts with a letter, ends without punctuation; at most 64.
pub fn is_program_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = bytes.first().is_some_and(u8::is_ascii_lowercase) && bytes.last().is_some_and(u8::is_ascii_alphanumeric);
    let all = bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
    ends && all && bytes.len() <= 64 && !text.contains("..")
}

/// A page's path: segments of a-z, 0-9, "-" and "_", joined by "/"; at most 100.
pub(crate) fn is_page(text: &str) -> bool {
    let segment = |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    text.len() <= 100 && text.split('/').all(segment)
}

/// Names of collections and templates.
pub(crate) fn is_name(text: &str) -> bool {
    let all = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    all && (1..=32).contains(&text.len())
}

/// A language tag, loosely BCP 47.
pub(crate) fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let primary = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let rest = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    primary && rest && text.len() <= 35
}

/// Text that people are shown: not blank, no control characters, nothing that turns the direction of what follows it.
pub(crate) fn is_shown(text: &str, max: usize) -> bool {
    let turning = |char: char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let bad = |char: char| char.is_control() || turning(char) || matches!(char, '\u{2028}' | '\u{2029}');
    !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(bad)
}

/// `{name}` placeholders of a template's text, or none if a brace stands alone.
pub(crate) fn placeholders(text: &str) -> Option<Vec<&str>> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let inner = rest.get(open..)?.strip_prefix('{')?;
        let close = inner.find('}')?;
        let name = inner.get(..close)?;
        if !is_name(name) {
            return None;
        }
        names.push(name);
        rest = inner.get(close + 1..)?;
    }
    Some(names)
}

/// The one of `known` that somebody who wrote `text` may have meant.
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text: String = text.chars().take(40).collect();
    known
        .into_iter()
        .map(|candidate| (distance(&text, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 4))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}
