//! Secrets that are known by their name: `X_TOKEN=…` in a shell, `"x_token": "…"` in JSON, `x_token: …` in YAML.
//!
//! A name is read the same way whether it stands in a text or is the key of a field.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::secrets::starts_with;

/// What the mark says of a value whose name says that it is secret: `None` for any other name.
///
/// Words are told apart by `_`, `-`, `.`, a space, or a capital: `clientSecret`, `CLIENT_SECRET` and `client-secret` are one.
pub(super) fn credential(name: &str) -> Option<&'static str> {
    let words = words(name);
    let last = words.last()?.as_str();
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    match last {
        _ if last.ends_with("token") => (!NO_CREDENTIAL_TOKEN.contains(&before)).then_some("token"),
        _ if last.ends_with("secret") => Some("secret"),
        _ if ["password", "passwd", "passphrase"].iter().any(|word| last.ends_with(word)) => Some("password"),
        // `PWD` alone is the folder that a shell is in.
        "pwd" if words.len() > 1 => Some("password"),
        "pass" if name.ends_with("_PASS") => Some("password"),
        "authorization" => Some("authorization"),
        "key" if before == "api" => Some("api key"),
        "key" => KEYS_TO_HIDE.contains(&before).then_some("key"),
        _ => last.ends_with("apikey").then_some("api key"),
    }
}

/// Every name that [`credential`] may give.
pub(super) const CREDENTIALS: &[&str] = &["token", "secret", "password", "authorization", "api key", "key"];

/// The values of assignments in `text` whose name says that they are secret, and what the mark says of each.
pub(super) fn assigned(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let is_assigned = |behind: &[u8]| {
        let behind = skip(behind, |byte| byte == b'\\');
        let behind = behind.strip_prefix(b"\"").or(behind.strip_prefix(b"'")).unwrap_or(behind);
        skip(behind, is_blank).starts_with(b"=") || skip(behind, is_blank).starts_with(b":")
    };
    values_found_by(&ASSIGNED, text, names(text, is_assigned))
}

/// The same for the flags of a command line: `--password hunter2`.
pub(super) fn flagged(text: &str) -> Vec<(Range<usize>, &'static str)> {
    if !text.contains("--") {
        return Vec::new();
    }
    let names = names(text, |behind| behind.first().copied().is_some_and(is_blank));
    values_found_by(&FLAGGED, text, names.filter(|name| text[name.clone()].starts_with("--")))
}

/// `value` begins where a name ends; it is compiled once there is such a name.
fn values_found_by(
    value: &LazyLock<Regex>,
    text: &str,
    names: impl Iterator<Item = Range<usize>>,
) -> Vec<(Range<usize>, &'static str)> {
    let mut found: Vec<(Range<usize>, &'static str)> = Vec::new();
    for name in names {
        let in_a_value = found.last().is_some_and(|(last, _)| name.start < last.end);
        let Some(kind) = credential(&text[name.clone()]).filter(|_| !in_a_value) else { continue };
        let Some(captures) = value.captures(&text[name.end..]) else { continue };
        let groups = ["escaped", "nested", "double", "quoted", "single", "bare"];
        let Some(value) = groups.iter().find_map(|group| captures.name(group)) else { continue };
        let bare = captures.name("bare").is_some();
        let kept = if bare { value.as_str().trim_end_matches([',', '.', ')', '}', ']', ':']) } else { value.as_str() };
        let range = name.end + value.start()..name.end + value.start() + kept.len();
        let called = bare && text[range.end..].starts_with('(');
        if !called && !is_placeholder(kept, kind) {
            found.push((range, kind));
        }
    }
    found
}

/// The names in `text` that end with a trigger and with what `ends` wants behind them. Taken generously: [`credential`] decides.
fn names(text: &str, ends: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let end_of_name = move |at: usize| {
        let rest = &bytes[at..];
        let trigger = TRIGGERS.iter().find(|trigger| starts_with(rest, trigger))?;
        ends(&rest[trigger.len()..]).then_some((at, at + trigger.len()))
    };
    let may_begin =
        |two: &[u8]| matches!([two[0] | 0x20, two[1] | 0x20], [b't', b'o'] | [b's' | b'k', b'e'] | [b'p', b'a' | b'w']);
    let begun = bytes.windows(2).enumerate().filter(move |(_, two)| may_begin(two)).map(|(at, _)| at);
    begun.filter_map(end_of_name).map(move |(trigger, end)| {
        let is_odd = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'));
        let start = bytes[..trigger].iter().rposition(is_odd).map_or(0, |at| at + 1);
        // The letter of an escape such as `\n` is no part of the name behind it.
        let is_escape = start > 0 && bytes[start - 1] == b'\\' && start < trigger && b"abefnrtv".contains(&bytes[start]);
        start + usize::from(is_escape)..end
    })
}

fn skip(bytes: &[u8], what: impl Fn(u8) -> bool) -> &[u8] {
    &bytes[bytes.iter().position(|&byte| !what(byte)).unwrap_or(bytes.len())..]
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A value that tells no secret: a reference to a variable, a gap to be filled, an empty value of the language.
pub(super) fn is_placeholder(value: &str, kind: &str) -> bool {
    let variable = |rest: &str| rest.starts_with(['{', '(']) || rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    value.trim().is_empty()
        || value.strip_prefix('$').is_some_and(variable)
        // What a template is filled with.
        || value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| !name.contains(is_odd_in_a_name))
        || value.starts_with("%(") || ["%s", "%v", "%d", "%q", "%w"].contains(&value)
        || (value.starts_with('<') && value.ends_with('>'))
        || value.bytes().all(|b| matches!(b, b'*' | b'.' | b'x'))
        || NO_VALUES.contains(&value)
        || (kind == "token" && value.bytes().all(|b| b.is_ascii_digit()))
}

fn is_odd_in_a_name(c: char) -> bool {
    !(c.is_alphanumeric() || matches!(c, '_' | '.' | '{' | '}' | ' '))
}

/// Empty values and types: what stands after such a name in code and in schemas.
#[rustfmt::skip]
const NO_VALUES: &[&str] = &[
    "null", "nil", "none", "None", "true", "false", "undefined", "{", "[", "|", ">", "string", "String", "str", "&str", "bytes",
    "number", "any", "Option<String>", "Option<&str>", "SecretString",
];

/// Words before `token` with which it counts text, or walks through pages, and opens no door.
#[rustfmt::skip]
const NO_CREDENTIAL_TOKEN: &[&str] = &[
    "max", "min", "input", "output", "total", "prompt", "completion", "cached", "reasoning", "per", "first", "last", "next",
    "page", "continuation", "progress", "eos", "bos", "pad", "unk", "stop", "unexpected", "expected", "invalid",
];

/// Words before `key` with which it opens a door.
const KEYS_TO_HIDE: &[&str] = &["access", "account", "secret", "private", "auth", "signing", "encryption", "master"];

/// One of these is in every name that an assignment is looked for by; `authorization`, whose value has a scheme, is among
/// the secrets known by their looks.
const TRIGGERS: &[&str] = &["token", "secret", "password", "passwd", "passphrase", "pass", "pwd", "key"];

// `$never` is what an unquoted value does not begin with.
macro_rules! value {
    ($never:literal) => {
        concat!(
            r#"(?: \\ " (?P<escaped> (?: [^"\\\n] | \\\\ (?: \\["\\] | [^"\\\n] ) )+ )
                 | \\\\+ " (?P<nested> [^"\\\n]+ )
                 | " (?P<double> (?: [^"\\\n] | \\. )+ )
                 | '\\'' (?P<quoted> [^'\n]+ )
                 | ' (?P<single> [^'\n]+ )
                 | (?P<bare> [^\s"'`&;|()\\"#,
            $never,
            r#"] [^\s"'`&;|()\\]* ) )"#
        )
    };
}

// Quotes may be escaped: JSON within JSON.
static ASSIGNED: LazyLock<Regex> =
    LazyLock::new(|| compiled(concat!(r#"(?x) \A \\* ["']? [\ \t]* (?: := | => | [=:] ) [\ \t]*"#, value!("="))));

static FLAGGED: LazyLock<Regex> = LazyLock::new(|| compiled(concat!(r"(?x) \A [\ \t]+", value!("-"))));

fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("tests compile both expressions")
}

/// No name of a credential is longer, in bytes; a longer key is cut to its end, where the telling word stands.
const NAME_BYTES_MAX: usize = 128;

fn words(name: &str) -> Vec<String> {
    let name = &name[name.ceil_char_boundary(name.len().saturating_sub(NAME_BYTES_MAX))..];
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
