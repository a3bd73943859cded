//! Collects every error in a file of members, each with member, line, expectation and remedy.

use crate::grammar;
use crate::json::{Json, Node};
use crate::manifest::{ManifestError, ManifestErrors};

/// More errors than anybody reads at once.
const ERRORS: usize = 100;

pub(crate) struct Check {
    file: String,
    errors: Vec<ManifestError>,
}

/// An object with its path, for messages.
pub(crate) struct Object<'a> {
    pub(crate) line: u32,
    pub(crate) path: String,
    pub(crate) members: &'a [(String, Node)],
}

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&'a Node> {
        self.members.iter().find(|(n, _)| n == name).map(|(_, node)| node)
    }

    pub(crate) fn member(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// What a text member must be.
pub(crate) struct Rule<'r> {
    pub(crate) expected: &'r str,
    pub(crate) remedy: &'r str,
    pub(crate) fits: &'r dyn Fn(&str) -> bool,
}

impl Check {
    /// Parses the file; `read` takes it apart and returns none where it noted an error.
    pub(crate) fn run<T>(
        file: &str,
        bytes: &[u8],
        max: usize,
        read: impl FnOnce(&mut Check, &Object<'_>) -> Option<T>,
    ) -> Result<T, ManifestErrors> {
        let mut check = Check {
            file: file.to_owned(),
            errors: Vec::new(),
        };
        let value = check.parse(bytes, max).and_then(|root| match &root.value {
            Json::Object(members) => read(
                &mut check,
                &Object {
                    line: root.line,
                    path: String::new(),
                    members,
                },
            ),
            other => {
                check.fail(
                    root.line,
                    "",
                    "an object in braces",
                    &other.describe(),
                    "put all members between { and }",
                );
                None
            }
        });
        match value {
            Some(value) if check.errors.is_empty() => Ok(value),
            _ => {
                check.errors.sort_by_key(|error| error.line);
                Err(ManifestErrors(check.errors))
            }
        }
    }

    fn parse(&mut self, bytes: &[u8], max: usize) -> Option<Node> {
        if bytes.len() > max {
            self.fail(
                1,
                "",
                &format!("at most {max} bytes"),
                &format!("{} bytes", bytes.len()),
                "shorten it",
            );
            return None;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                self.fail(line, "", "UTF-8", "bytes that are not", "save the file as UTF-8");
                return None;
            }
        };
        match crate::json::parse(text) {
            Ok(node) => Some(node),
            Err(error) => {
                self.fail(error.line, "", &error.expected, &error.found, "correct the JSON there");
                None
            }
        }
    }

    pub(crate) fn fail(&mut self, line: u32, member: &str, expected: &str, found: &str, remedy: &str) {
        if self.errors.len() < ERRORS {
            self.errors.push(ManifestError {
                file: self.file.clone(),
                line,
                member: member.to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
                remedy: remedy.to_owned(),
            });
        }
    }

    /// Notes members that nobody reads; a misspelt optional member would otherwise be lost in silence.
    pub(crate) fn only(&mut self, object: &Object<'_>, known: &[&str]) {
        for (name, node) in object.members {
            if !known.contains(&name.as_str()) {
                let shown: String = name.chars().take(60).collect();
                let remedy = match grammar::nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "remove it".to_owned(),
                };
                self.fail(
                    node.line,
                    &object.member(&shown),
                    &format!("one of {}", known.join(", ")),
                    &format!("{shown:?}"),
                    &remedy,
                );
            }
        }
    }

    pub(crate) fn required<'a>(&mut self, object: &Object<'a>, name: &str, expected: &str, remedy: &str) -> Option<&'a Node> {
        let node = object.get(name);
        if node.is_none() {
            self.fail(object.line, &object.member(name), expected, "nothing", remedy);
        }
        node
    }

    pub(crate) fn text_at(&mut self, node: &Node, member: &str, rule: &Rule<'_>) -> Option<String> {
        match &node.value {
            Json::Text(text) if (rule.fits)(text) => Some(text.clone()),
            other => {
                self.fail(node.line, member, rule.expected, &other.describe(), rule.remedy);
                None
            }
        }
    }

    pub(crate) fn text(&mut self, object: &Object<'_>, name: &str, rule: &Rule<'_>) -> Option<String> {
        let node = self.required(object, name, rule.expected, rule.remedy)?;
        self.text_at(node, &object.member(name), rule)
    }

    /// Absent: `Some(None)`; present and wrong: `None`.
    pub(crate) fn optional_text(&mut self, object: &Object<'_>, name: &str, rule: &Rule<'_>) -> Option<Option<String>> {
        match object.get(name) {
            None => Some(None),
            Some(node) => self.text_at(node, &object.member(name), rule).map(Some),
        }
    }

    /// A whole number of at least 1.
    pub(crate) fn count(&mut self, object: &Object<'_>, name: &str, remedy: &str) -> Option<u32> {
        let expected = "a whole number from 1 to 4294967295";
        let node = self.required(object, name, expected, remedy)?;
        match node.value {
            Json::Number(number) if number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&number) => Some(number as u32),
            ref other => {
                self.fail(node.line, &object.member(name), expected, &other.describe(), remedy);
                None
            }
        }
    }

    /// true or false; absent: false.
    pub(crate) fn flag(&mut self, object: &Object<'_>, name: &str, remedy: &str) -> Option<bool> {
        match object.get(name) {
            None => Some(false),
            Some(Node {
                value: Json::Flag(flag), ..
            }) => Some(*flag),
            Some(node) => {
                self.fail(node.line, &object.member(name), "true or false", &node.value.describe(), remedy);
                None
            }
        }
    }

    pub(crate) fn object<'a>(&mut self, node: &'a Node, path: String, remedy: &str) -> Option<Object<'a>> {
        match &node.value {
            Json::Object(members) => Some(Object {
                line: node.line,
                path,
                members,
            }),
            other => {
                self.fail(node.line, &path, "an object", &other.describe(), remedy);
                None
            }
        }
    }

    /// A list of `range` elements, each read by `read`. Absent: empty if the range allows that.
    pub(crate) fn list<T>(
        &mut self,
        object: &Object<'_>,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
        what: &str,
        mut read: impl FnMut(&mut Check, &Node, String) -> Option<T>,
    ) -> Option<Vec<T>> {
        let member = object.member(name);
        let expected = format!("a list of {} to {} {what}", range.start(), range.end());
        let remedy = format!("write {name:?}: [ … ] with {what}");
        let Some(node) = object.get(name) else {
            if range.contains(&0) {
                return Some(Vec::new());
            }
            self.fail(object.line, &member, &expected, "nothing", &remedy);
            return None;
        };
        let Json::List(list) = &node.value else {
            self.fail(node.line, &member, &expected, &node.value.describe(), &remedy);
            return None;
        };
        if !range.contains(&list.len()) {
            self.fail(node.line, &member, &expected, &format!("a list of {}", list.len()), &remedy);
            return None;
        }
        // Every element is read, so that each of its errors is noted.
        let read: Vec<Option<T>> = list
            .iter()
            .enumerate()
            .map(|(at, node)| read(self, node, format!("{member}[{at}]")))
            .collect();
        read.into_iter().collect()
    }

    /// Notes every text that stands in the list a second time.
    pub(crate) fn unique<'a>(&mut self, line: u32, member: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            if !seen.insert(name) {
                self.fail(line, member, "each once", &format!("{name:?} twice"), "remove one of the two");
            }
        }
    }
}
