//! What the program draws when each of its entries is opened by a visitor, in both languages of the host.

use super::{Drawn, Finding, Weight};
use std::collections::BTreeSet;
use std::sync::Arc;
use youji_api::{Limits, Scalar};
use youji_kiosk::{Host, OpenRequest};
use youji_package::Package;
use youji_runtime::{EndReason, FullUpdate, WireNode};

/// Languages that a host offers.
const LANGUAGES: [&str; 2] = ["zh-CN", "en"];
/// Part of a limit from which a view is worth a word: it grows with what people enter.
const LARGE: f64 = 0.5;
/// What a control needs against its ground, after WCAG 2.2, 1.4.11. Text needs more, which the host gives it.
const CONTRAST: f64 = 3.0;
/// The host's paper, light and dark.
const PAPERS: [(&str, [u8; 3]); 2] = [("light", [246, 243, 236]), ("dark", [19, 22, 20])];
/// Controls that a screen reader reads by their label.
const LABELLED: [&str; 8] = [
    "button",
    "text-field",
    "checkbox-group",
    "radio-group",
    "select",
    "stepper",
    "switch",
    "date-time",
];

pub(super) async fn views(host: &Arc<Host>, package: &Package, findings: &mut Vec<Finding>) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    accent(package, findings);
    let mut entries = vec![package.manifest.home().to_owned()];
    entries.extend(
        package
            .manifest
            .entries
            .iter()
            .filter(|entry| **entry != package.manifest.home())
            .cloned(),
    );
    for page in entries {
        for language in LANGUAGES {
            match Box::pin(open(host, package, &page, language)).await {
                Ok(view) => {
                    let one = sizes(&view, &page, language);
                    large(&one, findings);
                    for problem in access(&view) {
                        let finding = Finding {
                            place: format!("{page} ({language}), {}", problem.place),
                            ..problem
                        };
                        // The same widget in another language is the same finding.
                        let known = |other: &Finding| other.rule == finding.rule && other.found == finding.found;
                        if !findings.iter().any(known) {
                            findings.push(finding);
                        }
                    }
                    if language == "en" {
                        untranslated(&view, &page, findings);
                    }
                    drawn.push(one);
                }
                Err(problem) => findings.push(Finding {
                    rule: "page-broken",
                    weight: Weight::Serious,
                    place: format!("{page} ({language})"),
                    found: problem,
                    remedy: "run `youji dev`: its page shows where in the source".to_owned(),
                }),
            }
        }
    }
    drawn
}

async fn open(host: &Arc<Host>, package: &Package, page: &str, language: &str) -> Result<Arc<FullUpdate>, String> {
    let services = host.services();
    let person = services.create_visitor(language).await.map_err(|failure| failure.to_string())?;
    let code = host
        .code_for(&package.manifest.app_id, page, "")
        .map_err(|problem| problem.detail.clone())?;
    let opened = Box::pin(host.open_accepting(&person.id, OpenRequest::scan(code, language)))
        .await
        .map_err(|problem| problem.detail)?;
    opened.session.close(EndReason::Closed).await;
    Ok(opened.first)
}

fn sizes(view: &FullUpdate, page: &str, language: &str) -> Drawn {
    let mut open: Vec<u32> = Vec::new();
    let mut depth = 0;
    for node in view.tree.iter() {
        while open.last() == Some(&0) {
            open.pop();
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        open.push(node.children);
        depth = depth.max(open.len());
    }
    Drawn {
        page: page.to_owned(),
        language: language.to_owned(),
        nodes: view.tree.len(),
        depth,
        bytes: serde_json::to_string(view).map_or(0, |text| text.len()),
    }
}

fn large(one: &Drawn, findings: &mut Vec<Finding>) {
    let limits = Limits::default();
    for (what, found, limit) in [
        ("nodes", one.nodes, limits.nodes),
        ("levels", one.depth, limits.depth),
        ("bytes", one.bytes, limits.tree_bytes),
    ] {
        if found as f64 > limit as f64 * LARGE {
            findings.push(Finding {
                rule: "view-large",
                weight: Weight::Minor,
                place: format!("{} ({})", one.page, one.language),
                found: format!("the first view has {found} {what} of at most {limit}"),
                remedy: "show less at once; a long list can show a window of its items".to_owned(),
            });
        }
    }
}

fn text<'a>(node: &'a WireNode, name: &str) -> &'a str {
    let found = node.attributes.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| value.as_text()).unwrap_or("").trim()
}

/// What somebody who does not see it, or does not see it well, would miss. Sizes of what is touched are the host's: every control is drawn
/// at 48 pixels or more, so there is nothing of a program's to find.
fn access(view: &FullUpdate) -> Vec<Finding> {
    let nodes: Vec<WireNode> = view.tree.iter().collect();
    let mut found = Vec::new();
    let mut problem = |rule, weight, node: &WireNode, what: String, remedy: &str| {
        found.push(Finding {
            rule,
            weight,
            place: format!("{} #{}", node.kind, node.id),
            found: what,
            remedy: remedy.to_owned(),
        });
    };
    if let Some(root) = nodes.first()
        && root.kind == "page"
        && text(root, "title").is_empty()
    {
        let what = "a page without a title".to_owned();
        problem(
            "title-missing",
            Weight::Minor,
            root,
            what,
            "give the page a title: it stands in the host's bar",
        );
    }
    for (at, node) in nodes.iter().enumerate() {
        let kind = &*node.kind;
        let named = !text(node, "label").is_empty() || !text(node, "described").is_empty();
        if LABELLED.contains(&kind) && !named {
            let what = format!("a {kind} without a label{}", near(node));
            problem(
                "label-missing",
                Weight::Serious,
                node,
                what,
                "give it a label, or describe it with `described`",
            );
        }
        let tapped = node.events.iter().any(|event| event == "tap");
        if kind == "image" && text(node, "alt").is_empty() && text(node, "described").is_empty() && tapped {
            let what = format!("a picture that does something and says nothing: {}", text(node, "source"));
            problem("label-missing", Weight::Serious, node, what, "say in `alt` what it does");
        }
        if matches!(kind, "card" | "list-item") && tapped && !named && !says(&nodes[at..]) {
            let what = format!("a {kind} that does something and says nothing");
            problem(
                "label-missing",
                Weight::Serious,
                node,
                what,
                "put a text into it, or describe it with `described`",
            );
        }
        if kind == "qr" && !named {
            let what = "a code without a label".to_owned();
            problem("label-missing", Weight::Minor, node, what, "say in `label` what it opens");
        }
    }
    found
}

fn near(node: &WireNode) -> String {
    let other = ["icon", "placeholder", "value"]
        .iter()
        .map(|name| text(node, name))
        .find(|value| !value.is_empty());
    other.map(|value| format!(" (\"{value}\")")).unwrap_or_default()
}

/// Whether a subtree says anything.
fn says(nodes: &[WireNode]) -> bool {
    let mut left = 1_u32;
    for node in nodes {
        let words = ["title", "text", "label", "alt", "described", "detail"];
        if words.iter().any(|name| !text(node, name).is_empty()) {
            return true;
        }
        left = left - 1 + node.children;
        if left == 0 {
            break;
        }
    }
    false
}

fn untranslated(view: &FullUpdate, page: &str, findings: &mut Vec<Finding>) {
    let mut texts = BTreeSet::new();
    for node in view.tree.iter() {
        for (name, value) in &node.attributes {
            // Names that people gave are theirs; what they typed stands in `value`.
            if let (Scalar::Text(text), false) = (value, &**name == "value" || &**name == "source")
                && text.chars().any(is_han)
            {
                texts.insert(text.chars().take(40).collect::<String>());
            }
        }
    }
    if !texts.is_empty() {
        let shown: Vec<String> = texts.iter().take(5).map(|text| format!("\"{text}\"")).collect();
        findings.push(Finding {
            rule: "translation-missing",
            weight: Weight::Minor,
            place: format!("{page} (en)"),
            found: format!("{} Chinese texts in the English view: {}", texts.len(), shown.join(", ")),
            remedy: "give each of them an English text in `texts!`".to_owned(),
        });
    }
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The host changes an accent until it can be read; the author should know that it will not look as chosen.
fn accent(package: &Package, findings: &mut Vec<Finding>) {
    let Some(accent) = &package.manifest.accent else { return };
    let Some(rgb) = colour(accent) else { return };
    for (theme, paper) in PAPERS {
        let ratio = contrast(rgb, paper);
        if ratio < CONTRAST {
            findings.push(Finding {
                rule: "contrast",
                weight: Weight::Hint,
                place: "manifest.json".to_owned(),
                found: format!("the accent {accent} has {ratio:.1}:1 on the {theme} ground; a control needs {CONTRAST}:1"),
                remedy: format!(
                    "choose a {} one, or leave it: the host changes it until it can be read",
                    if theme == "light" { "darker" } else { "lighter" }
                ),
            });
        }
    }
}

fn colour(hex: &str) -> Option<[u8; 3]> {
    let hex = hex.strip_prefix('#')?;
    let part = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

/// After WCAG 2.2.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let luminance = |rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(|value| {
            let part = f64::from(value) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_as_the_standard_counts() {
        let check = |a, b, wanted: f64| assert!((contrast(a, b) - wanted).abs() < 0.01, "{}", contrast(a, b));
        check([0, 0, 0], [255, 255, 255], 21.0);
        check([255, 255, 255], [255, 255, 255], 1.0);
        // The standard's own example of grey that just passes: #767676 on white.
        check([0x76, 0x76, 0x76], [255, 255, 255], 4.54);
    }
}
