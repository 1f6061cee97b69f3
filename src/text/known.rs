//! All secrets that are known by their looks: our own list, the prefixes, and the rules of others, found in one pass.
//!
//! A short-lived process pays for what it uses: one pass over the text looks for each secret's triggers, and an expression is
//! compiled only once a trigger of it was seen where a secret may begin.

use std::{ops::Range, sync::LazyLock, sync::OnceLock};

use regex::Regex;

use super::{
    credential::is_telling,
    prefixes::{self, Letters, PREFIXES},
    secrets::{SECRETS, Secret, Takes},
};

/// What other people's secrets look like, as gitleaks knows it. MIT, (c) Zachary Rice; the licence is in the file.
const RULES: &str = include_str!("rules.txt");

/// A kind of secret.
pub(super) struct SecretKind {
    pub name: &'static str,
    looks: Looks,
    /// Compiled once something was seen that may be one.
    regex: OnceLock<Regex>,
}

#[derive(Clone, Copy)]
enum Looks {
    Ours(&'static Secret),
    /// The letters that follow, how many at least, and the prefixes.
    Prefix(Letters, usize, &'static [&'static str]),
    /// A line of the rules, read where it is needed.
    ForeignRule(&'static str),
}

/// A line of the file.
struct ForeignRule {
    entropy_min: f32,
    /// With commas between them.
    triggers: &'static str,
    /// The secret is the value of a name with such a trigger.
    is_value: bool,
    expression: &'static str,
}

/// Every kind, the most telling first.
pub(super) fn all() -> &'static [SecretKind] {
    &KNOWN.kinds
}

/// The expressions alone, for who wants to compare.
pub(super) fn expressions() -> impl Iterator<Item = &'static str> {
    SECRETS.iter().map(|secret| secret.expression)
}

/// The kinds of which `text` has a trigger, in order.
pub(super) fn triggered(text: &str) -> impl Iterator<Item = &'static SecretKind> + use<'_> {
    let found = KNOWN.triggered(text.as_bytes());
    let is_found = move |at: usize| found[at / 64] & (1 << (at % 64)) != 0;
    KNOWN
        .kinds
        .iter()
        .enumerate()
        .filter(move |(at, _)| is_found(*at))
        .map(|(_, kind)| kind)
        .filter(|kind| text.contains(kind.companion()))
}

impl SecretKind {
    const fn new(name: &'static str, looks: Looks) -> SecretKind {
        SecretKind { name, looks, regex: OnceLock::new() }
    }

    /// Where `text` has secrets of this kind.
    pub(super) fn found(&self, text: &str) -> Vec<Range<usize>> {
        match self.looks {
            Looks::Ours(secret) => {
                let found = found_by(self.regex("", secret.expression), text);
                match secret.takes {
                    Takes::Whatever => found,
                    Takes::Telling => found.into_iter().filter(|range| is_telling(&text[range.clone()])).collect(),
                    Takes::Cookies => found.into_iter().flat_map(|range| cookies(text, range)).collect(),
                }
            }
            Looks::Prefix(letters, letters_min, _) => {
                let token = |(at, prefix): (usize, &str)| {
                    let length = prefixes::end_of_token(&text[at..], prefix, letters, letters_min)?;
                    Some(at..at + length)
                };
                let begun = self.places(text).filter(|(at, _)| begins_word(text.as_bytes(), *at));
                apart(begun.filter_map(token).collect())
            }
            Looks::ForeignRule(line) => {
                let rule = ForeignRule::read(line);
                if rule.is_value {
                    return self.values(text, &rule);
                }
                let found = found_by(self.regex("(?-u)", rule.expression), text);
                found.into_iter().filter(|range| entropy(&text[range.clone()]) >= rule.entropy_min).collect()
            }
        }
    }

    fn values(&self, text: &str, rule: &ForeignRule) -> Vec<Range<usize>> {
        let value = |(at, trigger): (usize, &str)| {
            let start = at + trigger.len() + value_behind(&text[at + trigger.len()..])?;
            let end = start + self.regex(r"(?i-u)\A(?:", rule.expression).find(&text[start..])?.end();
            let value = &text[start..end];
            let ends = !text[end..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '+'));
            (ends && is_telling(value) && !is_hash(value) && entropy(value) >= rule.entropy_min).then_some(start..end)
        };
        apart(self.places(text).filter_map(value).collect())
    }

    fn regex(&self, before: &str, expression: &str) -> &Regex {
        let behind = if before.ends_with("(?:") { ")" } else { "" };
        let compiled = || Regex::new(&format!("{before}{expression}{behind}"));
        self.regex.get_or_init(|| {
            compiled().unwrap_or_else(|error| panic!("a test compiles every expression, and this is none: {error}"))
        })
    }

    fn triggers(&self) -> impl Iterator<Item = &'static str> + use<> {
        let (listed, joined) = match self.looks {
            Looks::Ours(secret) => (secret.triggers, ""),
            Looks::Prefix(_, _, prefixes) => (prefixes, ""),
            Looks::ForeignRule(line) => (&[][..], ForeignRule::read(line).triggers),
        };
        listed.iter().copied().chain(joined.split(',').filter(|trigger| !trigger.is_empty()))
    }

    fn places<'t>(&self, text: &'t str) -> impl Iterator<Item = (usize, &'static str)> + use<'t> {
        let triggers: Vec<&'static str> = self.triggers().collect();
        let at = move |at: usize| {
            let trigger = triggers.iter().find(|trigger| starts_with(&text.as_bytes()[at..], trigger))?;
            Some((at, *trigger))
        };
        let bytes = text.as_bytes();
        let begun = bytes.windows(3).enumerate().filter(|(_, three)| KNOWN.may_begin(head(three[0], three[1], three[2])));
        begun.map(|(at, _)| at).filter_map(at)
    }

    /// Whether there may be one where `text` has a trigger: many stand at the start of a word alone.
    fn may_begin(&self, trigger: &str, bytes: &[u8], at: usize) -> bool {
        let begins = match self.looks {
            Looks::Ours(secret) => secret.expression.contains(WORD),
            Looks::Prefix(..) => true,
            Looks::ForeignRule(line) => ForeignRule::read(line).expression.trim_start_matches("(?i)").starts_with(r"\b"),
        };
        !begins
            || !trigger.starts_with(|c: char| c.is_ascii_alphanumeric())
            || IN_THE_MIDDLE.contains(&trigger)
            || begins_word(bytes, at)
    }

    fn companion(&self) -> &'static str {
        match self.looks {
            Looks::Ours(secret) => secret.companion,
            _ => "",
        }
    }
}

impl ForeignRule {
    fn read(line: &'static str) -> ForeignRule {
        let mut columns = line.split('\t').skip(1);
        let mut next = || columns.next().unwrap_or_default();
        let (entropy_min, triggers, place, expression) = (next(), next(), next(), next());
        ForeignRule { entropy_min: entropy_min.parse().unwrap_or_default(), triggers, is_value: place == "=", expression }
    }
}

/// The values that are no setting of a cookie's or of a page's: those are short, or words.
fn cookies(text: &str, header: Range<usize>) -> Vec<Range<usize>> {
    let mut start = header.start;
    let mut values = Vec::new();
    for pair in text[header].split(';') {
        if let Some((name, value)) = pair.split_once('=') {
            let of_session = ["sess", "sid", "auth", "token", "jwt"].iter().any(|it| name.to_ascii_lowercase().contains(it));
            let is_setting = ["path", "domain", "expires", "max-age", "samesite", "version", "priority"]
                .iter()
                .any(|it| name.trim().eq_ignore_ascii_case(it));
            let value = value.trim_end();
            let at = start + name.len() + 1;
            if !is_setting && (of_session || (value.len() >= COOKIE_BYTES_MIN && is_telling(value))) && !value.is_empty() {
                values.push(at..at + value.len());
            }
        }
        start += pair.len() + 1;
    }
    values
}

const COOKIE_BYTES_MIN: usize = 8;

/// The longest of those that overlap.
fn apart(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    found.retain(|range| {
        let is_apart = range.start >= end;
        end = end.max(range.end);
        is_apart
    });
    found
}

/// What the expression's group says; the whole match where there is no such group.
pub(super) fn found_by(regex: &Regex, text: &str) -> Vec<Range<usize>> {
    const GROUPS: [&str; 3] = ["secret", "secret2", "secret3"];
    let secret = |captures: regex::Captures<'_>| {
        let found = GROUPS.iter().find_map(|group| captures.name(group)).or_else(|| captures.get(0))?;
        (!found.is_empty()).then(|| found.range())
    };
    regex.captures_iter(text).filter_map(secret).collect()
}

/// The index of the triggers.
struct TriggerIndex {
    kinds: Vec<SecretKind>,
    triggers: Vec<Trigger>,
    /// Of the triggers that begin with three letters, by what is left of those: one of them, counted from 1; 0 where there is none.
    first: Box<[u16; 1 << 12]>,
    /// Bit `n` is set where a trigger begins with the letters `n`: most places of a text are left with one look.
    begins: Box<[u64; 1 << 9]>,
}

struct Trigger {
    head: u16,
    kind: u16,
    /// Another one of the same place in `first`.
    next: u16,
    text: &'static str,
}

static KNOWN: LazyLock<TriggerIndex> = LazyLock::new(|| {
    let mut index = TriggerIndex {
        kinds: Vec::with_capacity(KINDS_MAX),
        triggers: Vec::with_capacity(2 * KINDS_MAX),
        first: Box::new([0; 1 << 12]),
        begins: Box::new([0; 1 << 9]),
    };
    SECRETS.iter().for_each(|secret| index.kinds.push(SecretKind::new(secret.name, Looks::Ours(secret))));
    for (name, letters_min, letters, prefixes) in PREFIXES {
        index.kinds.push(SecretKind::new(name, Looks::Prefix(*letters, *letters_min, prefixes)));
    }
    // The licence stands behind them.
    for line in RULES.lines().take_while(|line| !line.starts_with('#')) {
        index.kinds.push(SecretKind::new(line.split('\t').next().unwrap_or_default(), Looks::ForeignRule(line)));
    }
    for kind in 0..index.kinds.len() {
        for text in index.kinds[kind].triggers() {
            heads(text).for_each(|head| index.add(head, kind, text));
        }
    }
    index
});

/// With what an expression begins whose secret begins a word.
const WORD: &str = r"(?:\b|\\[abefnrtv]";
/// A bit for each.
const KINDS_MAX: usize = 320;
type Bits = [u64; KINDS_MAX / 64];

impl TriggerIndex {
    fn add(&mut self, head: u16, kind: usize, text: &'static str) {
        let place = place(head);
        let kind = u16::try_from(kind).unwrap_or_default();
        self.triggers.push(Trigger { head, kind, next: self.first[place], text });
        self.first[place] = u16::try_from(self.triggers.len()).unwrap_or_default();
        self.begins[usize::from(head / 64)] |= 1 << (head % 64);
    }

    fn may_begin(&self, head: u16) -> bool {
        self.begins[usize::from(head / 64)] & (1 << (head % 64)) != 0
    }

    fn triggered(&self, bytes: &[u8]) -> Bits {
        let mut found = Bits::default();
        for (at, three) in bytes.windows(3).enumerate() {
            let head = head(three[0], three[1], three[2]);
            if !self.may_begin(head) {
                continue;
            }
            let mut next = self.first[place(head)];
            while let Some(trigger) = next.checked_sub(1).map(|at| &self.triggers[usize::from(at)]) {
                let kind = usize::from(trigger.kind);
                if trigger.head == head
                    && found[kind / 64] & (1 << (kind % 64)) == 0
                    && starts_with(&bytes[at..], trigger.text)
                    && self.kinds[kind].may_begin(trigger.text, bytes, at)
                {
                    found[kind / 64] |= 1 << (kind % 64);
                }
                next = trigger.next;
            }
        }
        found
    }
}

fn place(head: u16) -> usize {
    usize::from((head ^ head >> 9) & 0xFFF)
}

/// Triggers that stand in the middle of their secrets say nothing of where those begin.
#[rustfmt::skip]
const IN_THE_MIDDLE: &[&str] = &["AIoT", "AzFu", "AzSe", "AzCa", "ACDb", "APIM", "JQQJ99", "T3BlbkFJ", "Q~", "atlasv1"];

/// Whether a word begins there; a letter before it may belong to an escape or a terminal's sequence.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let Some(&before) = at.checked_sub(1).and_then(|at| bytes.get(at)) else { return true };
    let earlier = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at)).copied().unwrap_or(b' ');
    if !(before.is_ascii_alphanumeric() || before == b'_') {
        return true;
    }
    (b"abefnrtv".contains(&before) && earlier(2) == b'\\')
        || (before == b'm' && matches!(earlier(2), b'0'..=b'9' | b';' | b'['))
        || (before.is_ascii_hexdigit()
            && (earlier(3) == b'%'
                || matches!((earlier(3), earlier(4), earlier(5)), (b'x', b'\\', _) | (b'0', b'0', b'u' | b'U'))))
}

/// The letters of either case are the same; those of a trigger of two letters may be followed by any.
fn heads(trigger: &str) -> impl Iterator<Item = u16> + use<> {
    let bytes = trigger.as_bytes();
    let (first, second, third) = (bytes[0], bytes[1], bytes.get(2).copied());
    let any = if third.is_some() { 0..1 } else { 0..32 };
    any.map(move |any| head(first, second, third.unwrap_or(any)))
}

fn head(first: u8, second: u8, third: u8) -> u16 {
    u16::from(first & 31) << 10 | u16::from(second & 31) << 5 | u16::from(third & 31)
}

/// Whether `bytes` start with `trigger`, whose lower-case letters stand for either case.
pub(super) fn starts_with(bytes: &[u8], trigger: &str) -> bool {
    bytes.len() >= trigger.len()
        && bytes.iter().zip(trigger.bytes()).all(|(&byte, wanted)| byte == wanted || byte.to_ascii_lowercase() == wanted)
}

/// Where a value begins behind a name that may go on: `_key": "`, ` = `, `=>`.
fn value_behind(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let run = |from: usize, most: usize, has: &dyn Fn(u8) -> bool| {
        from + bytes[from..].iter().take(most).take_while(|&&byte| has(byte)).count()
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b' ' | b'\t');
    let is_gap = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'\\');
    let at = run(run(0, 24, &is_name), 6, &is_gap);
    let sign = ["=>", "||", "?=", "::=", ":=", "=", ":", ">", ","].into_iter().find(|sign| rest[at..].starts_with(sign))?;
    Some(run(at + sign.len(), 8, &|byte| is_gap(byte) || matches!(byte, b'=' | b'`')))
}

/// A commit, or what a file was hashed to.
fn is_hash(value: &str) -> bool {
    matches!(value.len(), 32 | 40 | 64) && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Shannon's, in bits a byte.
fn entropy(text: &str) -> f32 {
    let mut counts = [0_u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    #[expect(clippy::cast_precision_loss, reason = "a secret is short")]
    let share = |count: u32| count as f32 / text.len() as f32;
    counts.iter().filter(|count| **count > 0).map(|&count| -share(count) * share(count).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles_and_the_kinds_fit_the_bits() {
        assert!(all().len() <= KINDS_MAX && KNOWN.triggers.len() < 2 * KINDS_MAX + 200, "{}", KNOWN.triggers.len());
        for kind in all() {
            assert!(kind.triggers().all(|it| it.len() > 1) && kind.triggers().count() > 0, "{}", kind.name);
            let (before, expression) = match kind.looks {
                Looks::Ours(secret) => ("", secret.expression),
                Looks::ForeignRule(line) => {
                    (if ForeignRule::read(line).is_value { r"(?i-u)\A(?:" } else { "(?-u)" }, ForeignRule::read(line).expression)
                }
                Looks::Prefix(..) => continue,
            };
            assert!(!expression.is_empty(), "{}", kind.name);
            kind.regex(before, expression);
        }
    }

    #[test]
    fn a_text_without_triggers_costs_no_expression() {
        let names = |text: &str| triggered(text).map(|kind| kind.name).collect::<Vec<_>>();
        assert_eq!(names("see https://example.org/docs and run `cargo test --lib` in src/text.rs task_id"), [""; 0]);
        assert_eq!(
            names("BEARER x, ghp_1, AKIA, akia"),
            ["github token", "aws key id", "bearer token", "aws access token", "github pat"]
        );
    }
}
