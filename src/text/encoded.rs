//! Secrets in base64: whole files and headers are written so, and who reads them reads the secret.

use std::ops::Range;

/// A run of base64 in a text, and what it says.
pub(super) struct Encoded {
    pub place: Range<usize>,
    pub says: String,
}

/// The runs in `text` that are text themselves, of at least `chars_min` characters.
pub(super) fn runs(text: &str, chars_min: usize) -> impl Iterator<Item = Encoded> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at + bytes[at..].iter().position(|&byte| value(byte).is_some())?;
            let end = end_of_run(bytes, start);
            at = end;
            if end - start >= chars_min
                && may_be_text(&bytes[start..end])
                && let Some(says) = decoded(&bytes[start..end])
            {
                let padding = bytes[end..].iter().take(2).take_while(|&&byte| byte == b'=').count();
                return Some(Encoded { place: start..end + padding, says });
            }
        }
        None
    })
}

/// Long ones are broken into lines of 64 or 76 characters, which may be escaped.
fn end_of_run(bytes: &[u8], start: usize) -> usize {
    let mut line = start;
    loop {
        let end = line + bytes[line..].iter().position(|&byte| value(byte).is_none()).unwrap_or(bytes.len() - line);
        let is_broken = end - line >= LINE_CHARS_MIN && (end - line).is_multiple_of(4);
        let newline = [&b"\r\n"[..], b"\n", b"\\n"].into_iter().find(|newline| bytes[end..].starts_with(newline));
        let next = newline.map_or(end, |newline| end + newline.len());
        let next = next + bytes[next..].iter().position(|&byte| byte != b' ').unwrap_or(0);
        if !is_broken || newline.is_none() || bytes.get(next).and_then(|&byte| value(byte)).is_none() {
            return end;
        }
        line = next;
    }
}

const LINE_CHARS_MIN: usize = 60;

/// Most runs are words, names and hashes, which three letters tell.
fn may_be_text(run: &[u8]) -> bool {
    let [first, second, third, ..] = *run else { return false };
    let (first, second, third) = (VALUES[usize::from(first)], VALUES[usize::from(second)], VALUES[usize::from(third)]);
    let text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    text(first << 2 | second >> 4) && text(second << 4 | third >> 2)
}

/// What is no text is no secret that anybody could know by its looks: most runs end with their first few characters.
fn decoded(run: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(run.len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0_u32, 0);
    let mut rest = run.iter().copied().enumerate().filter(|(at, byte)| {
        let is_escape = *byte == b'n' && *at > 0 && run[at - 1] == b'\\';
        value(*byte).is_some() && !is_escape
    });
    rest.try_for_each(|(_, byte)| {
        held = held << 6 | u32::from(value(byte)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let byte = u8::try_from(held >> bits & 0xFF).ok()?;
            // Text of any script, but no control characters.
            let is_text =
                matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0xC2..=0xF4) || (byte >= 0x80 && !bytes.is_empty());
            bytes.push(byte);
            is_text.then_some(())?;
        }
        Some(())
    })?;
    String::from_utf8(bytes).ok()
}

fn value(byte: u8) -> Option<u8> {
    let value = VALUES[usize::from(byte)];
    (value < 64).then_some(value)
}

static VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        values[letters[at] as usize] = at as u8;
        at += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};

/// `user:password`, as HTTP's `Basic` and Docker's `auth` have it.
pub(super) fn is_basic(says: &str) -> bool {
    says.split_once(':').is_some_and(|(user, password)| {
        let plain = |text: &str| text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        plain(user) && plain(password) && password.len() > 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text_is_read_however_it_is_broken() {
        let check = |given: &str, expected: &[&str]| {
            let found: Vec<String> = runs(given, 8).map(|it| it.says).collect();
            assert_eq!(found, expected, "{given}");
        };
        check(r#"{"auth":"dXNlcjpodW50ZXIyMzQ="}"#, &["user:hunter234"]);
        check("commit 3f786850e387550fdab836ed7e6dc881de23001b of src/main/resources", &[]);
        let line = "QVBJX0tFWT0xMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5";
        check(
            &format!("{line}\nMAo="),
            &["API_KEY=1234567890123456789012345678901234567890123456789 0\n".replace("9 0", "90").as_str()],
        );
        check(&format!("{line}\\nMAo="), &["API_KEY=12345678901234567890123456789012345678901234567890\n"]);
        assert!(is_basic("user:hunter2") && !is_basic("a sentence: of words") && !is_basic("plain"));
    }
}
