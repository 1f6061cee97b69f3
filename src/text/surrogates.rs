//! Text that was cut in the middle of a character, mended.
//!
//! JavaScript cuts text between the halves of a character and writes each half as an escape of its own, which no UTF-8 can
//! hold; a command's output may not be UTF-8 at all. Half of such a text says more than none of it.

use std::borrow::Cow;

/// As in `\ud83d`.
const ESCAPE_BYTES: usize = 6;
const LEADING: std::ops::Range<u16> = 0xD800..0xDC00;
const TRAILING: std::ops::Range<u16> = 0xDC00..0xE000;

/// JSON with U+FFFD where bytes are no text, and where an escaped half of a character stands without the other.
///
/// ```
/// use ai_coder_events::text::mend_surrogates;
///
/// assert_eq!(mend_surrogates(br#""cut \ud83d""#), "\"cut \u{fffd}\"");
/// assert_eq!(mend_surrogates(br#""whole \ud83d\ude00""#), r#""whole \ud83d\ude00""#);
/// ```
pub fn mend_surrogates(json: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(json);
    let (mut mended, mut kept, mut at) = (String::new(), 0, 0);
    while let Some(found) = text[at..].find('\\') {
        let start = at + found;
        let Some(unit) = unit_at(&text, start) else {
            // The character after a backslash belongs to it: `\\ud800` is a backslash and five letters.
            at = start + 1 + text[start + 1..].chars().next().map_or(0, char::len_utf8);
            continue;
        };
        at = start + ESCAPE_BYTES;
        if LEADING.contains(&unit) && unit_at(&text, at).is_some_and(|next| TRAILING.contains(&next)) {
            at += ESCAPE_BYTES;
        } else if LEADING.contains(&unit) || TRAILING.contains(&unit) {
            mended.push_str(&text[kept..start]);
            mended.push(char::REPLACEMENT_CHARACTER);
            kept = at;
        }
    }
    if kept == 0 { text } else { Cow::Owned(mended + &text[kept..]) }
}

/// The unit of UTF-16 that is escaped at `at`.
fn unit_at(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE_BYTES)?.strip_prefix("\\u")?;
    // A sign would be read as well.
    u16::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cut_text_is_mended() {
        let check = |text: &[u8], expected: &str| {
            let mended = [b"\"", text, b"\""].concat();
            assert_eq!(serde_json::from_str::<String>(&mend_surrogates(&mended)).expect("a string"), expected);
        };
        check(b"whole \\ud83d\\ude00", "whole \u{1f600}");
        check(b"cut \\ud83d", "cut \u{fffd}");
        check(b"\\ude00 behind", "\u{fffd} behind");
        check(b"\\ud83d\\ud83d\\ude00", "\u{fffd}\u{1f600}");
        check(b"\\\\ud83d is text", "\\ud83d is text");
        check(b"bytes \xff\xfe.", "bytes \u{fffd}\u{fffd}.");
        check(b"cut \xf0\x9f", "cut \u{fffd}");
        check("\\n é \\u00e9 \\ud83d".as_bytes(), "\n é é \u{fffd}");
    }

    proptest! {
        #[test]
        fn what_is_mended_is_whole(json in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[{}\\[\\]\":,0-9a-z\\\\ud83é.]{0,200}".prop_map(String::into_bytes),
        ]) {
            let mended = mend_surrogates(&json);
            prop_assert_eq!(mend_surrogates(mended.as_bytes()), mended.clone());
        }

        #[test]
        fn any_text_arrives_however_it_was_cut(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let text: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{text}\"");
            let read: String = serde_json::from_str(&mend_surrogates(json.as_bytes())).expect("whole");
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }
    }
}
