//! Where everything stands in a JSON text, which may have comments and trailing commas.

use std::ops::Range;

use serde_json::Value;

/// Nobody nests configuration this deep.
const DEPTH_MAX: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub kind: JsonKind,
}

#[derive(Clone, Debug)]
pub(super) enum JsonKind {
    Scalar(Value),
    List(Vec<JsonEntry>),
    Object(Vec<JsonEntry>),
}

#[derive(Clone, Debug)]
pub(super) struct JsonEntry {
    /// Empty in a list.
    pub key: String,
    /// Where its key begins, or its value in a list.
    pub start: usize,
    pub value: Node,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct Syntax {
    line: usize,
    expected: &'static str,
}

impl Node {
    pub fn value(&self) -> Value {
        match &self.kind {
            JsonKind::Scalar(value) => value.clone(),
            JsonKind::List(entries) => entries.iter().map(|entry| entry.value.value()).collect(),
            JsonKind::Object(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.value())).collect())
            }
        }
    }
}

/// # Errors
/// [`Syntax`] where `text` is not one JSON value.
pub(super) fn scan(text: &str) -> Result<Node, Syntax> {
    let mut scanner = Scanner { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } };
    scanner.skip()?;
    let node = scanner.node(0)?;
    scanner.skip()?;
    if scanner.at < text.len() { Err(scanner.expected("the end of the file")) } else { Ok(node) }
}

/// The comma that follows `at` but for white space and comments.
pub(super) fn comma_after(text: &str, at: usize) -> Option<usize> {
    let mut scanner = Scanner { text, at };
    scanner.skip().ok()?;
    (scanner.peek() == Some(b',')).then_some(scanner.at)
}

/// The comments that follow `at` but for white space.
pub(super) fn comments(text: &str, at: usize) -> impl Iterator<Item = Range<usize>> {
    let mut scanner = Scanner { text, at };
    std::iter::from_fn(move || {
        scanner.white();
        let start = scanner.at;
        scanner.comment().ok()?.then_some(start..scanner.at)
    })
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> Syntax {
        let line = self.text.as_bytes()[..self.at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Syntax { line, expected }
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// A line comment leaves its line break.
    fn comment(&mut self) -> Result<bool, Syntax> {
        let rest = &self.text[self.at..];
        if rest.starts_with("//") {
            let line = rest.find('\n').unwrap_or(rest.len());
            self.at += rest[..line].trim_end_matches('\r').len();
            return Ok(true);
        }
        if !rest.starts_with("/*") {
            return Ok(false);
        }
        let length = rest[2..].find("*/").ok_or_else(|| self.expected("the end of this comment"))?;
        self.at += 2 + length + 2;
        Ok(true)
    }

    fn skip(&mut self) -> Result<(), Syntax> {
        self.white();
        while self.comment()? {
            self.white();
        }
        Ok(())
    }

    fn node(&mut self, depth: usize) -> Result<Node, Syntax> {
        if depth > DEPTH_MAX {
            return Err(self.expected("less nesting"));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => JsonKind::Object(self.entries(depth, b'}')?),
            Some(b'[') => JsonKind::List(self.entries(depth, b']')?),
            Some(b'"') => JsonKind::Scalar(Value::String(self.string()?)),
            _ => JsonKind::Scalar(self.word()?),
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn entries(&mut self, depth: usize, close: u8) -> Result<Vec<JsonEntry>, Syntax> {
        let mut entries = Vec::new();
        self.at += 1;
        loop {
            self.skip()?;
            if self.peek() == Some(close) {
                break;
            }
            let start = self.at;
            let key = if close == b'}' { self.key()? } else { String::new() };
            entries.push(JsonEntry { key, start, value: self.node(depth + 1)? });
            self.skip()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {}
                _ => return Err(self.expected(if close == b'}' { "`,` or `}`" } else { "`,` or `]`" })),
            }
        }
        self.at += 1;
        Ok(entries)
    }

    fn key(&mut self) -> Result<String, Syntax> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        let key = self.string()?;
        self.skip()?;
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        self.skip()?;
        Ok(key)
    }

    fn string(&mut self) -> Result<String, Syntax> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let token = self.text.get(self.at..end + 1).ok_or_else(|| self.expected("the end of this text"))?;
        let string = serde_json::from_str(token).map_err(|_| self.expected("a text without raw control characters"))?;
        self.at = end + 1;
        Ok(string)
    }

    fn word(&mut self) -> Result<Value, Syntax> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let value = serde_json::from_str(&rest[..length]).map_err(|_| self.expected("a value"))?;
        self.at += length;
        Ok(value)
    }
}
