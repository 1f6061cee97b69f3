//! Secrets are replaced by a mark that says what was there; the words around them stay.
//!
//! A mark is never redacted again, so redacting twice is redacting once, whatever the expressions are.

use std::{borrow::Cow, ops::Range, sync::Arc};

use regex::{Captures, Regex};

use super::{
    assignment, escape, excerpt,
    secrets::{self, Secret},
};

/// Takes out the secrets that are known by their looks or by their name, and those of the user's own expressions.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    own: Arc<[SecretPattern]>,
}

/// A pattern of the user's that does not compile.
#[derive(Debug, thiserror::Error)]
#[error("redaction pattern `{name}` is not a valid regular expression")]
pub struct BadPattern {
    pub name: String,
    #[source]
    source: regex::Error,
}

#[derive(Debug)]
struct SecretPattern {
    name: String,
    regex: Regex,
}

impl Redactor {
    /// Adds patterns of the user's own, each a name and an expression. Where the expression has a group called `secret`,
    /// only what it matched is replaced.
    ///
    /// # Errors
    /// [`BadPattern`] that names the first one that does not compile.
    pub fn new(patterns: impl IntoIterator<Item = (String, String)>) -> Result<Redactor, BadPattern> {
        let compile = |(name, expression): (String, String)| match Regex::new(&expression) {
            Ok(regex) => Ok(SecretPattern { name: excerpt(&name, MARK_CHARS_MAX).replace(['[', ']'], " "), regex }),
            Err(source) => Err(BadPattern { name, source }),
        };
        Ok(Redactor { own: patterns.into_iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// The expressions by which secrets are known, for a bench to compare.
    #[doc(hidden)]
    pub fn expressions() -> impl IntoIterator<Item = &'static str> {
        secrets::expressions()
    }

    /// `text` with each secret replaced by a mark such as `[redacted: github token]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let redacted = self.redact_plain(text);
        // Escapes may stand in the middle of a secret; where they hide none they stay as they were written.
        match escape::unescaped(&redacted) {
            Some(plain) if self.holds_secret(&plain) => Cow::Owned(self.redact_plain(&plain).into_owned()),
            _ => redacted,
        }
    }

    /// Whether there is anything to redact.
    pub fn holds_secret(&self, text: &str) -> bool {
        self.round(text).is_some()
    }

    /// What kind of secret an id holds: `token:5` says no more than what it is about, `token=5` more.
    pub fn kind_of_secret(&self, text: &str) -> Option<&str> {
        let triggered = secrets::triggered(text);
        let known = secrets::SECRETS.iter().enumerate().filter(|(bit, _)| triggered & (1 << bit) != 0);
        let known = known.flat_map(|(_, secret)| known_by(secret, text));
        let assigned = if text.contains(['=', ' ', '"']) { assignment::assigned(text) } else { Vec::new() };
        let own = self.own.iter().flat_map(|pattern| found_by(&pattern.regex, text, &pattern.name));
        known.chain(assigned).chain(own).next().map(|(_, name)| name)
    }

    fn redact_plain<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut current = Cow::Borrowed(text);
        // A mark may uncover what its secret hid, such as the start of a word; each round leaves less to take.
        for _ in 0..ROUNDS_MAX {
            let Some(redacted) = self.round(&current) else { break };
            current = Cow::Owned(redacted);
        }
        current
    }

    /// As [`Redactor::redact`]; where the field's `name` says that its value is a credential, the value goes whatever it looks like.
    pub fn redact_field<'t>(&self, name: &str, text: &'t str) -> Cow<'t, str> {
        match assignment::credential(name) {
            Some(kind) if !self.is_mark(text) && !assignment::is_placeholder(text, kind) => Cow::Owned(mark(kind)),
            _ => self.redact(text),
        }
    }

    fn round(&self, text: &str) -> Option<String> {
        let mut redacted: Option<String> = None;
        let triggered = secrets::triggered(text);
        for (_, secret) in secrets::SECRETS.iter().enumerate().filter(|(bit, _)| triggered & (1 << bit) != 0) {
            let current = redacted.as_deref().unwrap_or(text);
            redacted = self.replace(current, known_by(secret, current)).or(redacted);
        }
        let current = redacted.as_deref().unwrap_or(text);
        redacted = self.replace(current, assignment::assigned(current)).or(redacted);
        let current = redacted.as_deref().unwrap_or(text);
        redacted = self.replace(current, assignment::flagged(current)).or(redacted);
        for pattern in self.own.iter() {
            let current = redacted.as_deref().unwrap_or(text);
            redacted = self.replace(current, found_by(&pattern.regex, current, &pattern.name)).or(redacted);
        }
        redacted
    }

    /// Puts a mark in place of each of `found`, as far as it lies outside the marks that are there; `None` where none does.
    fn replace(&self, text: &str, found: Vec<(Range<usize>, &str)>) -> Option<String> {
        if found.is_empty() {
            return None;
        }
        let marks = self.marks(text);
        let mut redacted = String::with_capacity(text.len());
        let mut copied = 0;
        for (secret, kind) in found {
            let Some(secret) = outside(secret, &marks) else { continue };
            redacted.push_str(&text[copied..secret.start]);
            redacted.push_str(&mark(kind));
            copied = secret.end;
        }
        (copied > 0).then(|| redacted + &text[copied..])
    }

    fn marks(&self, text: &str) -> Vec<Range<usize>> {
        let mark_at = |(start, _): (usize, &str)| {
            let end = start + text[start..].find(']')? + 1;
            self.is_mark(&text[start..end]).then_some(start..end)
        };
        text.match_indices(MARK_START).filter_map(mark_at).collect()
    }

    /// Only names that this redactor gives make a mark, so that no secret hides in brackets of its own.
    fn is_mark(&self, text: &str) -> bool {
        let Some(name) = text.strip_prefix(MARK_START).and_then(|rest| rest.strip_suffix(']')) else { return false };
        secrets::SECRETS.iter().any(|secret| secret.name == name)
            || assignment::CREDENTIALS.contains(&name)
            || self.own.iter().any(|pattern| pattern.name == name)
    }
}

/// A mark reads as a short phrase.
const MARK_CHARS_MAX: usize = 40;
const MARK_START: &str = "[redacted: ";
/// Texts made by people settle in two; a chain made to last longer gains its maker nothing.
const ROUNDS_MAX: usize = 8;

pub(super) fn mark(kind: &str) -> String {
    format!("{MARK_START}{kind}]")
}

fn found_by<'n>(regex: &Regex, text: &str, name: &'n str) -> Vec<(Range<usize>, &'n str)> {
    let secret = |captures: Captures<'_>| {
        let found = captures.name("secret").or_else(|| captures.name("secret2")).or_else(|| captures.get(0))?;
        (!found.is_empty()).then(|| (found.range(), name))
    };
    regex.captures_iter(text).filter_map(secret).collect()
}

/// What stands where a secret of this kind does may be the name of a variable.
fn known_by(secret: &'static Secret, text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = found_by(&secret.regex, text, secret.name);
    found.retain(|(range, name)| !assignment::is_placeholder(&text[range.clone()], name));
    found
}

/// The part of `secret` that no mark covers yet. One that begins in a mark was cut by it and has lost its beginning.
fn outside(secret: Range<usize>, marks: &[Range<usize>]) -> Option<Range<usize>> {
    let holds_more = |mark: &Range<usize>| secret.start < mark.start || mark.end < secret.end;
    match marks.iter().find(|mark| mark.start < secret.end && secret.start < mark.end) {
        None => Some(secret),
        Some(mark) if secret.start <= mark.start && mark.end <= secret.end => holds_more(mark).then_some(secret),
        Some(mark) if secret.start < mark.start => Some(secret.start..mark.start),
        Some(_) => None,
    }
}
