//! JSON as a person wrote it: pieces go in and out again, every other byte stays. Comments and trailing commas are read too.
//!
//! What is put in and taken out leaves the text as it was: an empty list or object that was there is filled so that its
//! closing bracket shares a line with the filling, or its opening one does; one that is made here has lines for both. By
//! that, taking out tells which of the two goes away when it is empty again.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use super::scan::{self, JsonEntry, JsonKind, Node, Syntax};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathStep<'a> {
    Key(&'a str),
    At(usize),
}

#[derive(Clone, Debug)]
pub(super) struct Json {
    text: String,
    root: Node,
    /// The file was not there: what is put in first makes it.
    is_new: bool,
}

/// What stands where an object or a list should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an object nor a list, or not the one that belongs there")]
pub struct Misplaced(String);

impl Json {
    /// # Errors
    /// [`Syntax`] where `text` is not one JSON value.
    pub fn parse(text: &str) -> Result<Json, Syntax> {
        Ok(Json { root: scan::scan(text)?, text: text.to_owned(), is_new: false })
    }

    /// A file that is not there yet.
    pub fn new_file() -> Json {
        let root = Node { span: 0..2, kind: JsonKind::Object(Vec::new()) };
        Json { text: "{}\n".to_owned(), root, is_new: true }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn find(&self, path: &[PathStep<'_>]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, step| match (step, &node.kind) {
            (PathStep::Key(key), JsonKind::Object(entries)) => Some(&entries.iter().rfind(|entry| entry.key == *key)?.value),
            (PathStep::At(index), JsonKind::List(entries)) => Some(&entries.get(*index)?.value),
            _ => None,
        })
    }

    /// Puts `value` under the last of `keys`, which is not there; objects on the way that are missing are made.
    ///
    /// # Errors
    /// [`Misplaced`] where something else than an object is in the way.
    pub fn put(&self, keys: &[&str], value: &Value) -> Result<Json, Misplaced> {
        let known = (0..keys.len()).rev().find(|&known| self.find(&steps(&keys[..known])).is_some()).unwrap_or(0);
        let wrapped = keys[known + 1..]
            .iter()
            .rev()
            .fold(value.clone(), |value, key| Value::Object([((*key).to_owned(), value)].into_iter().collect()));
        let path = steps(&keys[..known]);
        match self.find(&path) {
            Some(node) if matches!(node.kind, JsonKind::Object(_)) => Ok(self.extend(node, Some(keys[known]), &wrapped)),
            _ => Err(Misplaced(keys[..known].join("."))),
        }
    }

    /// Adds `value` to the list at `keys`, which is made where it is missing.
    ///
    /// # Errors
    /// [`Misplaced`] where something else than a list is there, or than an object on the way.
    pub fn push(&self, keys: &[&str], value: &Value) -> Result<Json, Misplaced> {
        match self.find(&steps(keys)) {
            None => self.put(keys, &Value::Array(vec![value.clone()])),
            Some(node) if matches!(node.kind, JsonKind::List(_)) => Ok(self.extend(node, None, value)),
            Some(_) => Err(Misplaced(keys.join("."))),
        }
    }

    /// Takes out what is at `path`, and what was made here to hold it. `None` where nothing is left of a file made here.
    pub fn take(&self, path: &[PathStep<'_>]) -> Option<Json> {
        let (last, above) = path.split_last()?;
        let Some(node) = self.find(above) else { return Some(self.clone()) };
        let Some(index) = node.position(last) else { return Some(self.clone()) };
        let [entry] = node.entries() else { return Some(self.without(node, index)) };
        let (open, close) = (node.span.start + 1, node.span.end - 1);
        let end = scan::comma_after(&self.text, entry.value.span.end).map_or(entry.value.span.end, |comma| comma + 1);
        let is_line_break = |range: Range<usize>| self.text[range.clone()].contains('\n') && self.text[range].trim().is_empty();
        if is_line_break(open..entry.start) && is_line_break(end..close) {
            return self.take(above);
        }
        Some(self.edited(&[(self.end_of_comments(open, entry.start)..end, "")]))
    }

    pub fn is_new(&self) -> bool {
        self.is_new
    }

    fn extend(&self, node: &Node, key: Option<&str>, value: &Value) -> Json {
        let (open, close) = (node.span.start + 1, node.span.end - 1);
        let Some(last) = node.entries().last() else { return self.fill(open..close, key, value) };
        let first = node.entries()[0].start;
        let comma = scan::comma_after(&self.text, last.value.span.end);
        let place = self.end_of_comments(comma.map_or(last.value.span.end, |comma| comma + 1), close);
        let indent = self.indent_of(first);
        let entry = self.pretty(key, value, &indent);
        let entry = if self.text[open..first].contains('\n') || self.ends_in_line_comment(last.value.span.end..place) {
            format!("{}{indent}{entry}", self.newline())
        } else {
            format!(" {entry}")
        };
        match comma {
            Some(_) => self.edited(&[(place..place, &(entry + ","))]),
            None => self.edited(&[(last.value.span.end..last.value.span.end, ","), (place..place, &entry)]),
        }
    }

    fn fill(&self, inside: Range<usize>, key: Option<&str>, value: &Value) -> Json {
        let outer = self.indent_of(inside.start);
        if self.text[inside.clone()].contains('\n') {
            return self.edited(&[(inside.start..inside.start, &self.pretty(key, value, &outer))]);
        }
        let indent = format!("{outer}{}", self.unit());
        let newline = self.newline();
        let end = if self.is_new { newline } else { "" };
        let filling = format!("{newline}{indent}{}{end}", self.pretty(key, value, &indent));
        self.edited(&[(inside.start..inside.start, &filling)])
    }

    /// One of several entries is taken out, with the comma that it needed.
    fn without(&self, node: &Node, index: usize) -> Json {
        let entries = node.entries();
        let entry = &entries[index];
        let comma_before = match index {
            0 => None,
            _ => scan::comma_after(&self.text, entries[index - 1].value.span.end),
        };
        let begin = self.end_of_comments(comma_before.unwrap_or(node.span.start) + 1, entry.start);
        match (scan::comma_after(&self.text, entry.value.span.end), comma_before) {
            (Some(own), _) => self.edited(&[(begin..own + 1, "")]),
            (None, Some(before)) => self.edited(&[(before..before + 1, ""), (begin..entry.value.span.end, "")]),
            (None, None) => self.edited(&[(begin..entry.value.span.end, "")]),
        }
    }

    /// Where the comments that follow `from` end; `from` itself where none do.
    fn end_of_comments(&self, from: usize, until: usize) -> usize {
        scan::comments(&self.text, from).take_while(|comment| comment.end <= until).last().map_or(from, |comment| comment.end)
    }

    fn ends_in_line_comment(&self, range: Range<usize>) -> bool {
        scan::comments(&self.text, range.start)
            .take_while(|comment| comment.end <= range.end)
            .any(|comment| self.text[comment].starts_with("//"))
    }

    /// The white space that the line of `at` begins with.
    fn indent_of(&self, at: usize) -> String {
        let line = &self.text[self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at];
        line.chars().take_while(|c| *c == ' ' || *c == '\t').collect()
    }

    /// One level of indentation, as the root shows it.
    fn unit(&self) -> String {
        let first = self.root.entries().first().map(|entry| self.indent_of(entry.start));
        first.filter(|indent| !indent.is_empty()).unwrap_or_else(|| "  ".to_owned())
    }

    fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    fn pretty(&self, key: Option<&str>, value: &Value, indent: &str) -> String {
        let unit = self.unit();
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(unit.as_bytes());
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter)).expect("a value is always JSON");
        let text = String::from_utf8(bytes).expect("JSON is UTF-8");
        // Inside of strings a line break is escaped.
        labelled(key, &text.replace('\n', &format!("{}{indent}", self.newline())))
    }

    /// The text with these ranges, in order, replaced.
    fn edited(&self, edits: &[(Range<usize>, &str)]) -> Json {
        let mut text = self.text.clone();
        for (range, replacement) in edits.iter().rev() {
            text.replace_range(range.clone(), replacement);
        }
        let root = scan::scan(&text).expect("pieces go in and out at the seams of a text that was read");
        Json { text, root, is_new: self.is_new }
    }
}

impl Node {
    fn position(&self, step: &PathStep<'_>) -> Option<usize> {
        match (step, &self.kind) {
            (PathStep::Key(key), JsonKind::Object(entries)) => entries.iter().rposition(|entry| entry.key == *key),
            (PathStep::At(index), JsonKind::List(entries)) => (*index < entries.len()).then_some(*index),
            _ => None,
        }
    }

    pub fn entries(&self) -> &[JsonEntry] {
        match &self.kind {
            JsonKind::Object(entries) | JsonKind::List(entries) => entries,
            JsonKind::Scalar(_) => &[],
        }
    }
}

pub(super) fn steps<'a>(keys: &[&'a str]) -> Vec<PathStep<'a>> {
    keys.iter().map(|key| PathStep::Key(key)).collect()
}

fn labelled(key: Option<&str>, value: &str) -> String {
    match key {
        Some(key) => format!("{}: {value}", Value::from(key)),
        None => value.to_owned(),
    }
}
