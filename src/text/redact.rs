//! Secrets are replaced by a mark that says what was there; the words around them stay.
//!
//! A mark is never redacted again, so redacting twice is redacting once, whatever the expressions are.

use std::{
    borrow::Cow,
    ops::Range,
    sync::{Arc, LazyLock},
};

use regex::Regex;

use super::{
    assignment,
    credential::{self, credential, is_placeholder, is_telling},
    encoded, excerpt,
    known::{self, SecretKind, found_by},
    reading::PlainReading,
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
        known::expressions()
    }

    /// `text` with each secret replaced by a mark such as `[redacted: github token]`.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let redacted = self.rounds(RedactedPage { written: Cow::Borrowed(text), reading: None, read: |_| None });
        // Escapes, entities and what cannot be seen may stand in the middle of a secret.
        match PlainReading::of(&redacted) {
            None => redacted,
            reading => self.rounds(RedactedPage { written: redacted, reading, read: PlainReading::of }),
        }
    }

    /// Whether there is anything to redact.
    pub fn holds_secret(&self, text: &str) -> bool {
        matches!(self.redact(text), Cow::Owned(_))
    }

    /// What kind of secret an id holds: `token:5` says no more than what it is about, `token=5` more.
    pub fn kind_of_secret(&self, text: &str) -> Option<&str> {
        let known = known::triggered(text).flat_map(|kind| known_by(kind, text));
        let assigned = if text.contains(['=', ' ', '"']) { assignment::assigned(text) } else { Vec::new() };
        let own = self.own.iter().flat_map(|pattern| self.own_found(pattern, text));
        known.chain(assigned).chain(own).next().map(|(_, name)| name)
    }

    /// As [`Redactor::redact`]; where the field's `name` says that its value is a credential, the value goes whatever it looks like.
    pub fn redact_field<'t>(&self, name: &str, text: &'t str) -> Cow<'t, str> {
        let Some(credential) = credential(name) else { return self.redact(text) };
        let is_one = |text: &str| !self.is_mark(text) && credential.takes(text);
        if is_one(text) {
            return Cow::Owned(mark(credential.kind));
        }
        // What made it a sentence may have been within a secret of its own.
        match self.redact(text) {
            Cow::Owned(redacted) if is_one(&redacted) => Cow::Owned(mark(credential.kind)),
            redacted => redacted,
        }
    }

    /// A mark may uncover what its secret hid, such as the start of a word; each round leaves less to take.
    fn rounds<'t>(&self, mut page: RedactedPage<'t>) -> Cow<'t, str> {
        for _ in 0..ROUNDS_MAX {
            if !self.round(&mut page) {
                break;
            }
        }
        page.written
    }

    fn round(&self, page: &mut RedactedPage<'_>) -> bool {
        let mut changed = false;
        let mut take = |page: &mut RedactedPage<'_>, found: Vec<SecretPlace<'_>>| changed |= page.take(self, found);
        for kind in known::triggered(page.text()).collect::<Vec<_>>() {
            take(page, known_by(kind, page.text()));
        }
        take(page, beside_its_id(page.text()));
        take(page, assignment::assigned(page.text()));
        take(page, self.encoded(page.text(), DEPTH_MAX));
        for pattern in self.own.iter() {
            take(page, self.own_found(pattern, page.text()));
        }
        changed
    }

    /// Puts a mark in place of each of `found`, as far as it lies outside the marks that are there; `None` where none does.
    fn replace(&self, text: &str, found: Vec<SecretPlace<'_>>) -> Option<String> {
        if found.is_empty() {
            return None;
        }
        let marks = self.marks(text);
        let mut redacted = String::with_capacity(text.len());
        let mut copied = 0;
        for (secret, kind) in found {
            let Some(secret) = outside(secret, &marks).filter(|secret| secret.start >= copied) else { continue };
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

    fn own_found<'s>(&'s self, pattern: &'s SecretPattern, text: &str) -> Vec<SecretPlace<'s>> {
        found_by(&pattern.regex, text).into_iter().map(|range| (range, pattern.name.as_str())).collect()
    }

    /// What holds a secret in base64 is one.
    fn encoded(&self, text: &str, depth: usize) -> Vec<SecretPlace<'static>> {
        if depth == 0 {
            return Vec::new();
        }
        let is_secret = |run: encoded::Encoded| {
            let before = &text[text.floor_char_boundary(run.place.start.saturating_sub(BASIC_BYTES))..run.place.start];
            let kind = match run.says.as_str() {
                says if encoded::is_basic(says) && BASIC.is_match(before) => Some("password"),
                // Intercom's; a bot of Discord's, whose token begins with its number.
                says if says.starts_with("tok:") => Some("token"),
                says if says.len() >= 17 && says.bytes().all(|byte| byte.is_ascii_digit()) => {
                    let rest = DISCORD.find(&text[run.place.end..])?;
                    return Some((run.place.start..run.place.end + rest.end(), "token"));
                }
                says if run.place.len() >= ENCODED_CHARS_MIN => self.kind_within(says, depth - 1),
                _ => None,
            };
            kind.map(|kind| (run.place, kind))
        };
        encoded::runs(text, BASIC_CHARS_MIN).filter_map(is_secret).collect()
    }

    fn kind_within(&self, text: &str, depth: usize) -> Option<&'static str> {
        let known = known::triggered(text).flat_map(|kind| known_by(kind, text));
        known.chain(assignment::assigned(text)).chain(self.encoded(text, depth)).next().map(|(_, kind)| kind)
    }

    /// Only names that this redactor gives make a mark, so that no secret hides in brackets of its own.
    fn is_mark(&self, text: &str) -> bool {
        let Some(name) = text.strip_prefix(MARK_START).and_then(|rest| rest.strip_suffix(']')) else { return false };
        known::all().iter().any(|kind| kind.name == name)
            || credential::CREDENTIALS.contains(&name)
            || self.own.iter().any(|pattern| pattern.name == name)
    }
}

/// Where a secret is, and what the mark says of it.
type SecretPlace<'n> = (Range<usize>, &'n str);
type Read = fn(&str) -> Option<PlainReading>;

/// A text that is redacted: secrets are looked for in how it reads, and taken out of what was written.
struct RedactedPage<'t> {
    written: Cow<'t, str>,
    reading: Option<PlainReading>,
    read: Read,
}

impl RedactedPage<'_> {
    fn text(&self) -> &str {
        self.reading.as_ref().map_or(&self.written, |reading| &reading.text)
    }

    /// Whether anything of what was found was still there.
    fn take(&mut self, redactor: &Redactor, mut found: Vec<SecretPlace<'_>>) -> bool {
        if let Some(reading) = &self.reading {
            found.iter_mut().for_each(|(range, _)| *range = reading.written(range.clone()));
        }
        let Some(redacted) = redactor.replace(&self.written, found) else { return false };
        self.reading = (self.read)(&redacted);
        self.written = Cow::Owned(redacted);
        true
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

/// What stands where a secret of this kind does may be the name of a variable.
fn known_by(kind: &'static SecretKind, text: &str) -> Vec<SecretPlace<'static>> {
    let found = kind.found(text).into_iter();
    found.filter(|range| !is_placeholder(&text[range.clone()], kind.name)).map(|range| (range, kind.name)).collect()
}

/// Amazon's secrets look like nothing in particular, but stand near their id.
fn beside_its_id(text: &str) -> Vec<SecretPlace<'static>> {
    if !["AKIA", "ASIA", "[redacted: aws key id]"].iter().any(|id| text.contains(id)) {
        return Vec::new();
    }
    let is_key = |range: &Range<usize>| {
        let key = &text[range.clone()];
        is_telling(key) && key.bytes().any(|byte| byte.is_ascii_uppercase()) && key.bytes().any(|byte| byte.is_ascii_lowercase())
    };
    found_by(&AWS_SECRET, text).into_iter().filter(is_key).map(|range| (range, "key")).collect()
}

static AWS_SECRET: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(?:^|[^A-Za-z0-9/+=]|\[nrt])(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"));
/// What stands before `user:password` in base64.
static BASIC: LazyLock<Regex> = LazyLock::new(|| compiled(r#"(?i)(?:auth\w*\*["']?\s*[:=]\s*\*["']?|basic(?:\s|%20|\+)+)\z"#));
static DISCORD: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?-u)\A\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25,}"));
const BASIC_BYTES: usize = 32;
/// The shortest that is looked at, `a:bcde`.
const BASIC_CHARS_MIN: usize = 8;
/// The shortest that may hold a secret that is known by its looks or name.
const ENCODED_CHARS_MIN: usize = 20;
/// Base64 within base64: a file within a manifest, which was printed encoded.
const DEPTH_MAX: usize = 3;

fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("a test compiles every expression")
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
