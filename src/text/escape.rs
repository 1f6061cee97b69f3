//! Escapes of characters, as they stand in text that holds JSON or was printed for programmers: `\u200b`, `\u{200b}`, `\x1b`.
//! What they stand for may hide a secret.

use super::clean::clean_text;

/// `text` with the characters that its escapes stand for, cleaned of those that cannot be seen; `None` where there is no
/// such escape. Only characters that a secret may be made of or hide behind: quotes, backslashes and newlines stay escaped.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut copied = 0;
    for (at, _) in text.match_indices('\\') {
        let Some((c, bytes)) = (at >= copied).then(|| character(&text[at + 1..])).flatten() else { continue };
        if matches!(c, '"' | '\'' | '\\' | '\n' | '\r') {
            continue;
        }
        // Within JSON within JSON, the backslash is escaped as well.
        plain.push_str(text[copied..at].trim_end_matches('\\'));
        plain.push(c);
        copied = at + 1 + bytes;
    }
    (copied > 0).then(|| clean_text(&(plain + &text[copied..])).into_owned())
}

/// The character that an escape stands for, and how many bytes it takes behind its backslash.
fn character(escape: &str) -> Option<(char, usize)> {
    let hexadecimal = |start: usize, end: usize| {
        let digits = escape.get(start..end).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    match escape.as_bytes() {
        [b'u', b'{', ..] => {
            let end = escape.find('}')?;
            Some((hexadecimal(2, end)?, end + 1))
        }
        [b'u', ..] => Some((hexadecimal(1, 5)?, 5)),
        [b'x', ..] => Some((hexadecimal(1, 3)?, 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_what_they_stand_for() {
        let check = |given: &str, expected: Option<&str>| assert_eq!(unescaped(given).as_deref(), expected, "{given}");
        check("no escape, C:\\users\\xavier", None);
        check(r"ghp\u005f12\u200b34", Some("ghp_1234"));
        check(r"\u001b[32mgreen\\u001b[0m", Some("green"));
        check(r"gh\u{1b}[0mp_\u{200b}12\x1b[0m3", Some("ghp_123"));
        check(r"say \u0022hi\u0022\x27\n", None);
        check(r"\u00 \u{} \u{zz} \x1 \u{12", None);
        check(r"\ud83d\ude00", None);
    }
}
