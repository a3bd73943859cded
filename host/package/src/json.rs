//! JSON that remembers where each value stood, so that an error can name the line.

/// A value and the line, counted from 1, on which it (or its name) starts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) value: Json,
}

#[derive(Clone, Debug)]
pub(crate) enum Json {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Json {
    /// For "found …" in messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Json::Null => "null".to_owned(),
            Json::Flag(flag) => flag.to_string(),
            Json::Number(number) => format!("the number {number}"),
            Json::Text(text) if text.chars().count() > 60 => {
                format!(
                    "a text of {} characters: {:?}…",
                    text.chars().count(),
                    text.chars().take(40).collect::<String>()
                )
            }
            Json::Text(text) => format!("{text:?}"),
            Json::List(list) => format!("a list of {}", list.len()),
            Json::Object(members) => format!("an object of {} members", members.len()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct JsonError {
    pub(crate) line: u32,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Nested deeper, the parser's own stack would be at stake.
const DEPTH: usize = 16;

pub(crate) fn parse(text: &str) -> Result<Node, JsonError> {
    let mut parser = Parser { text, at: 0, line: 1 };
    let node = parser.value(0)?;
    parser.space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.fail("the end of the file after the closing brace")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.line += u32::from(byte == b'\n');
            self.at += 1;
        }
    }

    fn fail(&self, expected: &str) -> JsonError {
        let found = match self.rest().chars().next() {
            None => "the end of the file".to_owned(),
            Some(char) => format!("{char:?}"),
        };
        JsonError {
            line: self.line,
            expected: expected.to_owned(),
            found,
        }
    }

    fn take(&mut self, byte: u8, expected: &str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.fail(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.space();
        let line = self.line;
        if depth > DEPTH {
            return Err(JsonError {
                line,
                expected: format!("at most {DEPTH} levels"),
                found: "more".to_owned(),
            });
        }
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Json::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { line, value })
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut members: Vec<(String, Node)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let line = self.line;
            if self.peek() != Some(b'"') {
                return Err(self.fail("a member's name in double quotes"));
            }
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(JsonError {
                    line,
                    expected: "each member once".to_owned(),
                    found: format!("{name:?} a second time"),
                });
            }
            self.space();
            self.take(b':', "\":\" after a member's name")?;
            let node = self.value(depth + 1)?;
            members.push((name, Node { line, value: node.value }));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.fail("\",\" or \"}\" after a member")),
            }
        }
        self.at += 1;
        Ok(Json::Object(members))
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut list = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(list));
        }
        loop {
            list.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fail("\",\" or \"]\" after an element")),
            }
        }
        self.at += 1;
        Ok(Json::List(list))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None | Some(b'\n') => return Err(self.fail("a closing double quote on the same line")),
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let token = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(token).map_err(|_| JsonError {
            line: self.line,
            expected: "a text in JSON, with control characters and backslashes escaped".to_owned(),
            found: token.chars().take(40).collect(),
        })
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        let token = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(token).map(Json::Number).map_err(|_| JsonError {
            line: self.line,
            expected: "a number".to_owned(),
            found: token.chars().take(40).collect(),
        })
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        for (word, value) in [("true", Json::Flag(true)), ("false", Json::Flag(false)), ("null", Json::Null)] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fail("a value"))
    }
}
