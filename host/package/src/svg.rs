//! SVG that can do nothing but be seen.
//!
//! What is not known to be harmless is refused: elements by a list of those allowed, and in every attribute
//! references that leave the file. A browser shows these pictures as images, where scripts do not run; this holds when it does not.

/// Elements that draw. No script, no foreignObject, no image, no animation (which can rewrite a reference), no link.
const ELEMENTS: [&str; 46] = [
    "svg",
    "g",
    "defs",
    "symbol",
    "use",
    "title",
    "desc",
    "metadata",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "textPath",
    "linearGradient",
    "radialGradient",
    "stop",
    "pattern",
    "clipPath",
    "mask",
    "marker",
    "filter",
    "style",
    "switch",
    "view",
    "feBlend",
    "feColorMatrix",
    "feComponentTransfer",
    "feComposite",
    "feFlood",
    "feFuncA",
    "feFuncB",
    "feFuncG",
    "feFuncR",
    "feGaussianBlur",
    "feMerge",
    "feMergeNode",
    "feMorphology",
    "feOffset",
    "feTile",
    "feTurbulence",
    "feDropShadow",
];

/// Elements in one picture.
const COUNT: usize = 20_000;
/// Nesting.
const DEPTH: usize = 64;

pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "expected an SVG picture in UTF-8, found other bytes".to_owned())?;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut open: Vec<&str> = Vec::new();
    let (mut seen, mut first) = (0_usize, true);
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if open.last() == Some(&"style") {
            if before.contains('&') {
                return Err("<style> holds a character reference; write the character itself".to_owned());
            }
            css(before)?;
        } else if open.is_empty() && !before.trim().is_empty() {
            return Err("expected an SVG picture, found text outside of it".to_owned());
        }
        if open.last() == Some(&"style") && !tag.starts_with("</style") {
            // What stands on both sides of a comment is one text to a browser.
            return Err("expected only text in <style>, found markup; remove it".to_owned());
        }
        rest = if let Some(comment) = tag.strip_prefix("<!--") {
            after(comment, "-->")?
        } else if let Some(declaration) = tag.strip_prefix("<?xml").filter(|_| first) {
            after(declaration, "?>")?
        } else if tag.starts_with("<!") || tag.starts_with("<?") {
            return Err("document types, entities, CDATA and processing instructions are not allowed; export it as plain SVG".to_owned());
        } else if let Some(closing) = tag.strip_prefix("</") {
            let (name, rest) = closing.split_once('>').ok_or("a closing tag has no end")?;
            if open.pop() != Some(name.trim_end()) {
                return Err(format!("</{}> closes nothing", short(name)));
            }
            rest
        } else {
            seen += 1;
            let (name, empty, rest) = element(tag.get(1..).unwrap_or_default())?;
            if open.is_empty() && !(seen == 1 && name == "svg") {
                return Err(format!("expected <svg> and nothing beside it, found <{}>", short(name)));
            }
            if !empty {
                open.push(name);
            }
            if seen > COUNT || open.len() > DEPTH {
                return Err(format!("expected at most {COUNT} elements, {DEPTH} deep; simplify the picture"));
            }
            rest
        };
        first = false;
    }
    if seen == 0 || !open.is_empty() || !rest.trim().is_empty() {
        return Err("expected a whole SVG picture, found part of one".to_owned());
    }
    Ok(())
}

fn after<'a>(text: &'a str, end: &str) -> Result<&'a str, String> {
    text.split_once(end)
        .map(|(_, rest)| rest)
        .ok_or_else(|| format!("expected {end}, found the end of the file"))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Reads a start tag after its "<": name, whether it is empty, and what follows.
fn element(text: &str) -> Result<(&str, bool, &str), String> {
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
        .ok_or("a tag has no end")?;
    let (name, mut rest) = text.split_at(end);
    if !ELEMENTS.contains(&name) {
        return Err(format!(
            "the element <{}> is not allowed; draw it with shapes, text and gradients",
            short(name)
        ));
    }
    loop {
        let trimmed = rest.trim_start();
        if let Some(rest) = trimmed.strip_prefix("/>") {
            return Ok((name, true, rest));
        }
        if let Some(rest) = trimmed.strip_prefix('>') {
            return Ok((name, false, rest));
        }
        let (attribute, value) = trimmed.split_once('=').ok_or_else(|| format!("<{name}> has no end"))?;
        let (attribute, value) = (attribute.trim_end(), value.trim_start());
        let named = !attribute.is_empty()
            && attribute
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.'));
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (true, Some(quote)) = (named, quote) else {
            return Err(format!("<{name}> has a malformed attribute {:?}", short(attribute)));
        };
        let (value, after) = value
            .get(1..)
            .and_then(|value| value.split_once(quote))
            .ok_or_else(|| format!("<{name}> has no end"))?;
        attribute_is_harmless(attribute, value)?;
        rest = after;
    }
}

fn attribute_is_harmless(name: &str, value: &str) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("the attribute {}={:?} {why}", short(name), short(value)));
    let lower = name.to_ascii_lowercase();
    let local = lower.rsplit(':').next().unwrap_or(&lower);
    if local.starts_with("on") {
        return refuse("handles an event; remove it");
    }
    if value.contains('<') {
        return refuse("holds a tag; remove it");
    }
    // A character reference could spell what is looked for below.
    if value.split('&').skip(1).any(|after| {
        !["amp;", "lt;", "gt;", "quot;", "apos;"]
            .iter()
            .any(|known| after.starts_with(known))
    }) {
        return refuse("holds a character reference; write the character itself");
    }
    if matches!(local, "href" | "src" | "base" | "action" | "formaction") && !value.starts_with('#') {
        return refuse("refers to something outside of the picture; only #id is allowed");
    }
    if lower.starts_with("xmlns") {
        return Ok(());
    }
    css(value).or_else(|why| refuse(&why))
}

/// Nothing in styles may leave the file.
fn css(text: &str) -> Result<(), String> {
    let lower = text.to_ascii_lowercase();
    if lower.contains('\\') {
        return Err("holds a backslash; write the character itself".to_owned());
    }
    for word in [
        "@import",
        "javascript:",
        "expression(",
        "-moz-binding",
        "behavior:",
        "image(",
        "image-set(",
        "src(",
        "@font-face",
        "@namespace",
    ] {
        if lower.contains(word) {
            return Err(format!("holds {word}, which is not allowed; remove it"));
        }
    }
    // Comments could split what is looked for, and a quote may hide one.
    let references = lower
        .match_indices("url")
        .map(|(at, word)| lower.get(at + word.len()..).unwrap_or_default().trim_start());
    for after in references {
        let Some(target) = after.strip_prefix('(') else { continue };
        if !target.trim_start().trim_start_matches(['"', '\'']).starts_with('#') {
            return Err("refers to something outside of the picture; only url(#id) is allowed".to_owned());
        }
    }
    Ok(())
}
