//! A filter as a person types it: `coder:X type:T path:P since:15m words`.
//!
//! The keys are the flags of `list`. What is no key is looked for in the text. Quotes keep spaces together. A key with nothing
//! behind it asks for nothing.

use jiff::Zoned;

use crate::event::Invalid;

use super::{Filter, TypeSet, parse_local_moment};

/// What may stand before a colon.
const KEYS: [&str; 6] = ["coder", "type", "since", "until", "path", "text"];

impl Filter {
    /// Whether a word of a filter begins with a key, as `path:` does.
    pub fn has_key(word: &str) -> bool {
        word.split_once(':').is_some_and(|(key, _)| KEYS.contains(&key))
    }

    /// What stands like a key in a filter and is none: `status` in `status:failed`.
    pub fn unknown_key(given: &str) -> Option<String> {
        let key = |word: String| {
            let (key, said) = word.split_once(':')?;
            let is_like_one = key.len() > 1 && key.chars().all(|c| c.is_ascii_lowercase()) && !said.starts_with("//");
            (is_like_one && !said.is_empty() && !KEYS.contains(&key)).then(|| key.to_owned())
        };
        words(given).into_iter().find_map(key)
    }

    /// `now` is what ages are counted from, and whose days and hours are meant.
    ///
    /// # Errors
    /// [`Invalid`] where a type or a time is none; it says what would be one.
    pub fn parse(given: &str, now: &Zoned) -> Result<Filter, Invalid> {
        let mut filter = Filter::default();
        let mut types = Vec::new();
        let mut text: Vec<String> = Vec::new();
        for word in words(given) {
            match word.split_once(':') {
                Some((key, "")) if KEYS.contains(&key) => {}
                Some(("coder", id)) => filter.coders.push(id.to_owned()),
                Some(("type", name)) => types.push(name.to_owned()),
                Some(("since", at)) => filter.since = Some(parse_local_moment("since", at, now)?),
                Some(("until", at)) => filter.until = Some(parse_local_moment("until", at, now)?),
                Some(("path", path)) => filter.path = Some(path.to_owned()),
                Some(("text", part)) => text.push(phrase(part)),
                _ if word.is_empty() => {}
                _ => text.push(phrase(&word)),
            }
        }
        filter.types = TypeSet::parse_all(types.iter().map(String::as_str))?;
        filter.text = (!text.is_empty()).then(|| text.join(" "));
        Ok(filter)
    }
}

/// What quotes kept together stays so.
fn phrase(word: &str) -> String {
    if word.contains(char::is_whitespace) { format!("\"{word}\"") } else { word.to_owned() }
}

/// Split at spaces outside double quotes, which are left out.
pub(super) fn words(given: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in given.chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if std::mem::take(&mut any) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Time;

    fn now() -> Zoned {
        "2026-11-22T12:00:00+00:00[UTC]".parse().expect("valid")
    }

    #[test]
    fn words_are_the_flags_spelled_short() {
        let check = |given: &str, expected: Filter| assert_eq!(Filter::parse(given, &now()), Ok(expected), "{given}");
        let types = |names: &[&str]| TypeSet::parse_all(names.iter().copied()).expect("types");
        check("", Filter::default());
        check("   ", Filter::default());
        check("coder:fix-auth", Filter::coder("fix-auth"));
        check("coder:a  coder:b", Filter { coders: vec!["a".into(), "b".into()], ..Filter::default() });
        check("type:failed type:provider.*", Filter { types: types(&["failed", "provider.*"]), ..Filter::default() });
        check("since:15m", Filter { since: Time::parse("2026-11-22T11:45:00Z"), ..Filter::default() });
        check("until:2026-11-22T11:00:00Z", Filter { until: Time::parse("2026-11-22T11:00:00Z"), ..Filter::default() });
        check("path:\"my notes/a.md\"", Filter { path: Some("my notes/a.md".into()), ..Filter::default() });
        check("cargo  test", Filter { text: Some("cargo test".into()), ..Filter::default() });
        check("\"cargo  test\" x", Filter { text: Some("\"cargo  test\" x".into()), ..Filter::default() });
        check("since:today", Filter { since: Time::parse("2026-11-22T00:00:00Z"), ..Filter::default() });
        check("main.rs:12", Filter { text: Some("main.rs:12".into()), ..Filter::default() });
        check("\"\"", Filter::default());
        check("coder: type: since: until: path: text:", Filter::default());
        check("path:\"\" coder:x", Filter::coder("x"));
        check("text:coder:x", Filter { text: Some("coder:x".into()), ..Filter::default() });
        check(
            "coder:x type:output error",
            Filter { types: types(&["output"]), text: Some("error".into()), ..Filter::coder("x") },
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |given: &str| Filter::parse(given, &now()).expect_err(given).to_string();
        assert!(message("type:faled").contains("did you mean `ai_coder_failed`?"), "{}", message("type:faled"));
        assert!(message("since:soon").contains("`since`"), "{}", message("since:soon"));
    }
}
