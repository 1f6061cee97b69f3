//! Text from coders is untrusted: it is cleaned of what cannot be seen, bounded, and stripped of secrets. Pure.
//!
//! Cleaning and redacting are idempotent, never panic, and borrow where there is nothing to do. This room knows
//! nothing of events: which field is one line and which is text is the caller's to say.
//!
//! ```
//! use ai_coder_events::text::{Redactor, clean_line, cut, cut_middle, excerpt, thousands};
//!
//! assert_eq!(clean_line("\u{1b}[31mred\u{1b}[0m\talert"), "red alert");
//! assert_eq!(excerpt("rewriting the session store", 10), "rewriting…");
//! assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
//! assert_eq!(cut("rewriting", 2), "re…[cut 7]");
//! assert_eq!(cut_middle("rewriting the session store", 14), "rewriti…[cut 14] store");
//! assert_eq!(
//!     Redactor::default().redact("postgres://app:hunter2@db.local/main"),
//!     "postgres://app:[redacted: password]@db.local/main"
//! );
//! ```

mod assignment;
mod caseless;
mod clean;
mod credential;
mod encoded;
mod known;
mod lines;
mod prefixes;
mod private_key;
mod reading;
mod redact;
mod secrets;
mod surrogates;
mod telling;
mod value;

use std::borrow::Cow;

pub use caseless::CaselessJson;
pub use clean::{clean_line, clean_text, is_clean, is_hidden};
pub use lines::{Line, LineSplitter};
pub use private_key::KeyGuard;
pub use redact::{BadPattern, Redactor};
pub use surrogates::mend_surrogates;
pub use telling::telling_lines;

/// What Windows puts before text: it says nothing but "UTF-8".
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(bytes)
}

/// `error` with its causes, in a line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

/// `1,234,567`: a long number is read by its thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// The start of `text` as one clean line of at most `chars_max` characters; ends in `…` where something is missing.
pub fn excerpt(text: &str, chars_max: usize) -> String {
    let line = clean::clean_line_start(text, chars_max.saturating_add(1));
    if line.len() <= chars_max || line.chars().nth(chars_max).is_none() {
        return line.into_owned();
    }
    let Some(kept_max) = chars_max.checked_sub(1) else { return String::new() };
    let kept = &line[..end_of_words(line.as_bytes(), end_of_char(&line, kept_max))];
    // A joiner that has lost its second emoji joins nothing.
    format!("{}…", kept.trim_end_matches(clean::JOINER))
}

/// `text`, or at most its first `chars_max` characters and a mark that says how many were left out.
pub fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.len() <= chars_max {
        return Cow::Borrowed(text);
    }
    let end = end_of_char(text, chars_max);
    if end == text.len() {
        return Cow::Borrowed(text);
    }
    let (kept, rest) = text.split_at(end_of_words(text.as_bytes(), end));
    Cow::Owned(format!("{kept}…[cut {}]", rest.chars().count()))
}

/// `text`, or its beginning and its end, at most `chars_max` characters of it, and between them a mark that says how many were
/// left out.
pub fn cut_middle(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.len() <= chars_max {
        return Cow::Borrowed(text);
    }
    let chars = text.chars().count();
    let Some(left_out) = chars.checked_sub(chars_max).filter(|left_out| *left_out > 0) else { return Cow::Borrowed(text) };
    let head_chars = chars_max / 2;
    let head = &text[..end_of_words(text.as_bytes(), end_of_char(text, head_chars))];
    let tail = &text[end_of_char(text, head_chars + left_out)..];
    // The first word of the rest may be half of one.
    let near = &tail.as_bytes()[..tail.len().min(WORD_BYTES_MAX)];
    let tail = &tail[near.iter().position(ends_a_word).unwrap_or(0)..];
    let kept = head.chars().count() + tail.chars().count();
    Cow::Owned(format!("{head}…[cut {}]{tail}", chars - kept))
}

fn ends_a_word(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || b"\"'`<>|\\".contains(byte)
}

/// A longer word is cut nevertheless: so much of a secret is still seen as one.
const WORD_BYTES_MAX: usize = 256;

/// Where to cut a text that goes on after `end` bytes so that no word is halved: half a secret no longer looks like one, and
/// whoever redacts what was cut would not see it. A word ends where no secret goes on: at white space and quotes.
pub fn end_of_words(text: &[u8], end: usize) -> usize {
    if text.get(end).is_some_and(ends_a_word) {
        return end;
    }
    let near = &text[end.saturating_sub(WORD_BYTES_MAX)..end];
    near.iter().rposition(ends_a_word).map_or(end, |at| end - near.len() + at + 1)
}

/// Where the first `chars` characters end, in bytes.
fn end_of_char(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests;
