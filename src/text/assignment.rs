//! Secrets that are known by their name: `X_TOKEN=…` in a shell, `"x_token": "…"` in JSON, `x_token: …` in YAML, an option of a
//! command, an element of XML, a name and its value in two fields.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    credential::{Credential, ENDINGS, credential, is_telling},
    known::starts_with,
    value::{self, Style},
};

/// A value, and what the mark says of it.
pub(super) type NamedValue = (Range<usize>, &'static str);

/// The values of assignments in `text` whose name says that they are secret.
pub(super) fn assigned(text: &str) -> Vec<NamedValue> {
    let mut found: Vec<NamedValue> = Vec::new();
    for name in names(text) {
        // Something of a sign, a quote or a gap.
        if !text[name.end..].starts_with(['"', '\'', '\\', '=', ':', ' ', '\t', '>', '<', ']', ',', '?', '|', '+', '\n', '/']) {
            continue;
        }
        let in_a_value = found.last().is_some_and(|(last, _)| name.start < last.end) || in_a_mark(&text[..name.start]);
        let Some(credential) = credential(&text[name.clone()]).filter(|_| !in_a_value) else { continue };
        found.extend(value_of(text, &name, credential).map(|value| (value, credential.kind)));
    }
    found
}

fn value_of(text: &str, name: &Range<usize>, credential: Credential) -> Option<Range<usize>> {
    let is_constant = !text[name.clone()].bytes().any(|byte| byte.is_ascii_lowercase());
    let takes = |value: &Range<usize>| credential.takes(&text[value.clone()]);
    // Of the header, whose value has a scheme, see the secrets that are known by their looks.
    let is_bare = |value: &Range<usize>| !text[..value.start].ends_with(['"', '\'']);
    let takes = |value: &Range<usize>| takes(value) && !(credential.is_header() && is_bare(value));
    let assigned = value::assigned(text, name, Style::of(text, name)).filter(takes);
    assigned
        .or_else(|| option(text, name).filter(takes))
        .or_else(|| paired(text, name).filter(takes))
        .or_else(|| element(text, name).filter(takes))
        .or_else(|| told(text, name).filter(takes))
        // In lists of fields one name stands behind the other.
        .or_else(|| argument(text, name).filter(|value| takes(value) && (is_constant || is_no_word(&text[value.clone()]))))
}

/// As a name of a method or a field is one.
fn is_no_word(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.len() >= 10 && is_telling(value) && (digits > 1 || value.len() >= 20) && !value.contains(' ')
}

/// The names in `text` that end like one of a credential. Taken generously: [`credential`] decides.
fn names(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let end_of_name = move |at: usize| {
        let rest = &bytes[at..];
        let ends = |ending: &&&str| {
            starts_with(rest, ending) && !rest.get(ending.len()).is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let ending = ENDINGS.iter().find(ends)?;
        Some((at, at + ending.len()))
    };
    let begun = bytes.windows(2).enumerate().filter(move |(_, two)| MAY_BEGIN[letters(two)]).map(|(at, _)| at);
    begun.filter_map(end_of_name).map(move |(ending, end)| {
        let is_odd = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        let start = bytes[..ending].iter().rposition(is_odd).map_or(0, |at| at + 1);
        // The letter of an escape such as `\n` is no part of the name behind it.
        let is_escape = start > 0 && bytes[start - 1] == b'\\' && start < ending && b"abefnrtv".contains(&bytes[start]);
        start + usize::from(is_escape)..end
    })
}

/// What a mark says is no name.
fn in_a_mark(before: &str) -> bool {
    let near = &before[before.ceil_char_boundary(before.len().saturating_sub(64))..];
    near.rfind(['[', ']', '\n']).is_some_and(|at| near[at..].starts_with("[redacted: "))
}

/// The letters of either case are the same.
fn letters(two: &[u8]) -> usize {
    usize::from(two[0] & 31) << 5 | usize::from(two[1] & 31)
}

static MAY_BEGIN: LazyLock<[bool; 1 << 10]> = LazyLock::new(|| {
    let mut may = [false; 1 << 10];
    ENDINGS.iter().for_each(|ending| may[letters(ending.as_bytes())] = true);
    may
});

/// `--password hunter2`, `"--password", "hunter2"`, `- --password` and in the next line `- hunter2`.
fn option(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    if !text[name.clone()].starts_with('-') {
        return None;
    }
    let rest = &text[name.end..];
    let gap = OPTION_GAP.find(rest)?.end();
    let found = value::of(text, name.end + gap, Style::Words)?;
    let said = &text[found.clone()];
    (!said.starts_with('-') && !PROSE.contains(&said)).then_some(found)
}

static OPTION_GAP: LazyLock<Regex> =
    LazyLock::new(|| compiled(r#"\A(?:\\*["']?\s+-\s+|\\*["']?\s*,(?:\s|\\n)*|(?:\\*["'])?[ \t]+)"#));

/// What a sentence about an option goes on with.
#[rustfmt::skip]
const PROSE: &[&str] = &[
    "to", "with", "and", "or", "the", "a", "an", "is", "in", "for", "from", "of", "on", "if", "as", "flag", "option", "was", "are",
    "it", "that", "not", "must", "can", "should", "which", "when", "value", "instead", "parameter", "argument", "at", "by", "but",
];

/// `{"name": "API_KEY", "value": "…"}`, in this order or the other; `<add key="Password" value="…"/>`; `- name: X` and in the next
/// line `value: …`; a variable's default.
fn paired(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let before = &text[text.ceil_char_boundary(name.start.saturating_sub(NEAR_BYTES))..name.start];
    let sign_at = names_it(before)?;
    let rest = &text[name.end..text.floor_char_boundary(name.end + NEAR_BYTES)];
    if let Some(gap) = VALUE_FOLLOWS.find(rest) {
        return value::of(text, name.end + gap.end(), Style::Code);
    }
    let earlier = VALUE_PRECEDES.captures(&before[..sign_at])?.name("value")?;
    let start = name.start - before.len();
    Some(start + earlier.start()..start + earlier.end())
}

/// So far from its value a name may stand.
const NEAR_BYTES: usize = 256;
/// An element's value is no longer, its attributes included.
const ELEMENT_BYTES: usize = 4 << 10;

/// Where the word begins that says that a name follows: `"name": "`, `key="`, `variable "`.
fn names_it(before: &str) -> Option<usize> {
    const WORDS: [&str; 13] =
        ["name", "key", "variable", "var", "field", "k", "id", "header", "attribute", "env", "property", "param", "n"];
    let quotes = |c| matches!(c, '"' | '\'' | '\\' | ' ' | '\t');
    let sign = before.trim_end_matches(quotes);
    let word = sign.strip_suffix("=>").or(sign.strip_suffix([':', '='])).unwrap_or(sign).trim_end_matches(quotes);
    let start = word.len() - word.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().len();
    let is_declared = word.len() == sign.len();
    let word = &word[start..];
    let known = if is_declared { word == "variable" } else { WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)) };
    let quoted = before[..start].trim_end_matches(['"', '\'', '\\']);
    known.then_some(quoted.len())
}

static VALUE_FOLLOWS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(concat!(
        r#"(?i)\A\\*["']?(?:[ -~\n&&[^{}\[\]]]*?|\s*\{[ -~\n&&[^{}]]*?)(?:[\s,{]|\\[nrt])\\*["']?(?-i:-\s+)?"#,
        r#"(?:value|val|v|string_?value|default|defaultvalue|current|content)\\*["']?\s*(?:=>|[:=])\s*(?:\{\s*\\*["']string_?value\\*["']\s*:\s*)?"#
    ))
});
static VALUE_PRECEDES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?i)["'](?:value|val|v|string_?value)\\*["']\s*[:=]\s*(?:\{\s*\\*["']string_?value\\*["']\s*:\s*)?\\*["'](?P<value>[^"'\\{}]+)\\*["']\s*\}?\s*,\s*\z"#,
    )
});

/// `<password>…</password>`, `<entry key="password">…</entry>`, `<key>password</key><string>…</string>`.
fn element(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let before = &text.as_bytes()[name.start.saturating_sub(NEAR_BYTES)..name.start];
    let rest = &text[name.end..text.floor_char_boundary(name.end + ELEMENT_BYTES)];
    let expression = match before.last()? {
        b'<' | b':' if before.contains(&b'<') => &ELEMENT,
        b'"' | b'\'' if before.contains(&b'<') => &ATTRIBUTE,
        b'>' => &NEXT_ELEMENT,
        _ => return None,
    };
    let found = expression.captures(rest)?;
    let value = found.name("value")?;
    Some(name.end + value.start()..name.end + value.end())
}

static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"\A(?:\s[ -~\n&&[^<>]]*)?>\s*(?:<!\[CDATA\[)?\s*(?P<value>[^<>\s](?:[^<\]]*[^<\]\s])?)\s*(?:\]\]>\s*)?</")
});
static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| compiled(r#"\A["'][ -~\n&&[^<>]]*>\s*(?P<value>[^<>\s](?:[^<]*[^<\s])?)\s*</"#));
static NEXT_ELEMENT: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"\A\s*</[\w:.-]+>\s*<[\w:.-]+[ -~\n&&[^<>]]*>\s*(?P<value>[^<>\s](?:[^<]*[^<\s])?)\s*</"));

/// What sets it stands before the name: `ENV API_KEY …`, `setenv API_KEY …`, `config set … API_KEY …`.
fn told(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let before = text[..name.start].trim_end_matches([' ', '\t', '"', '\'']);
    let gap = text[name.end..].bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let word = before.rsplit([' ', '\t', '\n', ';', '"', '\'']).next().unwrap_or_default();
    let sets = ["ENV", "setenv", "set", "-x", "-gx", "-Ux", "-xg", "setx", "add"].contains(&word);
    (gap > 0 && sets && before.len() < name.start).then(|| value::of(text, name.end + gap, Style::Words))?
}

/// `define('DB_PASSWORD', '…')`, `setenv("API_KEY", "…")`, `["API_KEY", "…"]`.
fn argument(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let before = text[..name.start].trim_end_matches(['"', '\'', '\\']);
    if before.len() == name.start || !before.ends_with(['(', '[', '{', ' ']) {
        return None;
    }
    let gap = ARGUMENT_GAP.find(&text[name.end..])?.end();
    value::quoted(text, name.end + gap)
}

static ARGUMENT_GAP: LazyLock<Regex> = LazyLock::new(|| compiled(r#"\A\\*["']\s*,\s*"#));

fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("a test compiles every expression")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        let all = [&OPTION_GAP, &VALUE_FOLLOWS, &VALUE_PRECEDES, &ELEMENT, &ATTRIBUTE, &NEXT_ELEMENT, &ARGUMENT_GAP];
        all.into_iter().for_each(|regex| assert!(!regex.as_str().is_empty()));
    }
}
