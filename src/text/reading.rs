//! A text as a person, a shell or a parser reads it: escapes and entities stand for characters, and what cannot be seen is not
//! there. Secrets are looked for in this reading too, and taken out of what was written: all the rest stays as it is.

use std::ops::Range;

use super::clean::is_hidden;

/// What `text` says, and where each part of it was written.
#[derive(Debug)]
pub(super) struct PlainReading {
    pub text: String,
    /// Where the reading and what was written part: a place in `text`, and the same place there. In order.
    steps: Vec<(usize, usize)>,
}

impl PlainReading {
    /// `None` where `written` reads as it is written.
    pub(super) fn of(written: &str) -> Option<PlainReading> {
        let is_special = |byte: &u8| matches!(byte, b'\\' | b'&' | b'%' | b'\'' | 0x80..);
        let mut at = written.bytes().position(|byte| is_special(&byte))?;
        let mut reading = PlainReading { text: String::new(), steps: Vec::new() };
        let mut copied = 0;
        while at < written.len() {
            let (meant, bytes) = meant(&written[at..]);
            if let Some(meant) = meant {
                reading.text.push_str(&written[copied..at]);
                reading.steps.push((reading.text.len(), at));
                match meant {
                    ESCAPE => {}
                    c if matches!(c, '\n' | '\t') || !is_hidden(c) => reading.text.push(c),
                    _ => {}
                }
                copied = at + bytes + if meant == ESCAPE { sequence(&written[at + bytes..]) } else { 0 };
                reading.steps.push((reading.text.len(), copied));
                at = copied;
            } else {
                at += bytes;
            }
            at += written.as_bytes()[at..].iter().position(is_special).unwrap_or(written.len() - at);
        }
        reading.text.push_str(&written[copied..]);
        (copied > 0).then_some(reading)
    }

    /// Where the part of the reading was written.
    pub(super) fn written(&self, part: Range<usize>) -> Range<usize> {
        // What is not there belongs to what stands before it.
        let start = self.steps.partition_point(|(read, _)| *read <= part.start);
        let end = self.steps.partition_point(|(read, _)| *read < part.end);
        let place = |step: Option<usize>, read: usize| match step.and_then(|step| self.steps.get(step)) {
            Some((at, written)) => written + (read - at),
            None => read,
        };
        let end = match self.steps.get(end) {
            Some((read, written)) if *read == part.end => *written,
            _ => place(end.checked_sub(1), part.end),
        };
        place(start.checked_sub(1), part.start)..end
    }
}

const ESCAPE: char = '\u{1B}';

/// What the start of `written` stands for, `None` where for itself; and how many bytes that is.
fn meant(written: &str) -> (Option<char>, usize) {
    let bytes = written.as_bytes();
    let found = match bytes[0] {
        b'\\' => escaped(written),
        b'&' => entity(written),
        // Of a shell, within single quotes.
        b'\'' if written.starts_with(r"'\''") => Some(('\'', 4)),
        b'%' => hexadecimal(written, 1, 3).filter(char::is_ascii).map(|c| (c, 3)),
        _ => None,
    };
    if let Some((c, bytes)) = found {
        return (Some(c), bytes);
    }
    let c = written.chars().next().unwrap_or(' ');
    (is_hidden(c).then_some(c), c.len_utf8())
}

/// Of JSON, of programs, of a shell; within JSON within JSON the backslash is escaped as well.
fn escaped(written: &str) -> Option<(char, usize)> {
    let slashes = written.len() - written.trim_start_matches('\\').len();
    let escape = &written[slashes..];
    let (c, bytes) = match escape.as_bytes() {
        [b'u', b'{', ..] => {
            let end = escape.find('}')?;
            (hexadecimal(escape, 2, end)?, end + 1)
        }
        [b'u', ..] => (hexadecimal(escape, 1, 5)?, 5),
        [b'x', ..] => (hexadecimal(escape, 1, 3)?, 3),
        [b'n' | b'r', ..] => ('\n', 1),
        [b't', ..] => ('\t', 1),
        [b'e', b'[', ..] => (ESCAPE, 1),
        [b'0', b'3', b'3', ..] => (ESCAPE, 3),
        [c @ (b'"' | b'\'' | b'/' | b'$' | b'='), ..] => (char::from(*c), 1),
        _ => return None,
    };
    Some((c, slashes + bytes))
}

fn entity(written: &str) -> Option<(char, usize)> {
    let end = written.as_bytes().iter().take(ENTITY_BYTES_MAX).position(|&byte| byte == b';')?;
    let name = written.get(1..end)?;
    let c = match name {
        "quot" => '"',
        "apos" => '\'',
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "equals" => '=',
        "colon" => ':',
        "nbsp" => ' ',
        "shy" | "zwnj" | "zwsp" | "ZeroWidthSpace" => '\u{200B}',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    // `&amp;quot;` is within HTML within HTML.
    let inner = (c == '&').then(|| entity(&format!("&{}", &written[end + 1..written.floor_char_boundary(end + 12)]))).flatten();
    Some(inner.map_or((c, end + 1), |(c, bytes)| (c, end + bytes)))
}

/// `&ZeroWidthSpace;` is the longest.
const ENTITY_BYTES_MAX: usize = 16;

fn hexadecimal(text: &str, start: usize, end: usize) -> Option<char> {
    let digits = text.get(start..end).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// How long the rest of a terminal's sequence is: `[31m`.
fn sequence(rest: &str) -> usize {
    let Some(body) = rest.strip_prefix('[') else { return 0 };
    let body = body.trim_start_matches(|c| matches!(c, '0'..='?')).trim_start_matches(|c| matches!(c, ' '..='/'));
    let body = body.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(body);
    rest.len() - body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_what_they_stand_for() {
        let check = |given: &str, expected: Option<&str>| {
            let reading = PlainReading::of(given);
            assert_eq!(reading.as_ref().map(|it| it.text.as_str()), expected, "{given}");
            let Some(reading) = reading else { return };
            // Each character lies where it was written, behind the one before it.
            let mut last = 0;
            for (at, c) in reading.text.char_indices() {
                let written = reading.written(at..at + c.len_utf8());
                assert!(last <= written.start && written.start < written.end, "{given}: {at} {written:?} after {last}");
                assert!(given.get(written.clone()).is_some(), "{given}: {written:?}");
                last = written.end;
            }
        };
        check("no escape, 100 % & 5", None);
        check(r"ghp\u005f12\u200b34", Some("ghp_1234"));
        check(r"\u001b[32mgreen\\u001b[0m", Some("green"));
        check(r"gh\u{1b}[0mp_\u{200b}12\x1b[0m3", Some("ghp_123"));
        check(r"say \u0022hi\u0022\x27\n", Some("say \"hi\"'\n"));
        check(r"\u00 \u{} \u{zz} \x1 \u{12", None);
        check(r"\ud83d\ude00", None);
        check("g\u{ad}h\u{fe0f}p\u{34f}_\u{3164}1\u{180e}2", Some("ghp_12"));
        check("été\u{200d}", Some("été"));
        check("a=&quot;b&#34;&#x27;&amp;quot;&lt;&bogus;&;", Some("a=\"b\"'\"<&bogus;&;"));
        check("a%3Db%20%zz%E9", Some("a=b %zz%E9"));
        check(r#"{\"a\":\\\"b\\\"}"#, Some(r#"{"a":"b"}"#));
    }
}
