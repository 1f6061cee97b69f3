//! Text in the room that a terminal has for it, measured as it is displayed: some characters take two columns, some none.
//!
//! Where terminals disagree the larger measure counts: a row may end early, it never wraps.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Asks for the colourful form of the character before it, which mostly takes one column more.
const AS_EMOJI: char = '\u{fe0f}';

/// Seen only where a line ends, some hold; a terminal shows it wherever it is.
const SOFT_HYPHEN: char = '\u{ad}';

pub fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    if matches!(c, AS_EMOJI | SOFT_HYPHEN) { 1 } else { c.width().unwrap_or(0) }
}

/// The beginning of `text`, in at most so many columns.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match most {
        _ if columns(text) <= most => text.into(),
        0 => "".into(),
        _ => format!("{}…", head(text, most - 1)).into(),
    }
}

/// Beginning and end of `text`: ids of one session differ in their ends.
pub fn cut_middle(text: &str, most: usize) -> Cow<'_, str> {
    match most {
        _ if columns(text) <= most => text.into(),
        0 => "".into(),
        _ => format!("{}…{}", head(text, most / 2), tail(text, (most - 1) / 2)).into(),
    }
}

/// `line` in pieces of at most so many columns, broken between words where it can be.
pub fn wrap(line: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line.trim_end();
    while columns(rest) > most {
        let fits = head(rest, most);
        let ends_with_a_word = rest[fits.len()..].starts_with(' ');
        let end = match fits.rfind(' ').filter(|_| !ends_with_a_word) {
            Some(space) if !fits[..space].trim().is_empty() => space,
            // At least one character, so that it ends.
            _ => fits.len().max(rest.chars().next().map_or(1, char::len_utf8)),
        };
        pieces.push(rest[..end].trim_end());
        rest = rest[end..].trim_start();
    }
    // Nothing is left where a character is wider than there is room.
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(rest);
    }
    pieces
}

fn head(text: &str, most: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|&(_, c)| {
        taken += width(c);
        taken > most
    });
    end.map_or(text, |(at, _)| &text[..at])
}

fn tail(text: &str, most: usize) -> &str {
    let mut taken = 0;
    let begin = text.char_indices().rev().find(|&(_, c)| {
        taken += width(c);
        taken > most
    });
    let tail = begin.map_or(text, |(at, c)| &text[at + c.len_utf8()..]);
    // A mark would land on the ellipsis.
    tail.trim_start_matches(|c| width(c) == 0)
}

/// Takes columns from the widest, but of none more than to its `least`, until all together need no more than `room`.
pub fn shrink(widths: &mut [usize], least: &[usize], room: usize) {
    let mut excess = widths.iter().sum::<usize>().saturating_sub(room);
    while excess > 0
        && let Some((widest, _)) = widths.iter_mut().zip(least).filter(|(width, least)| **width > **least).max()
    {
        *widest -= 1;
        excess -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_displayed_is_measured() {
        let check = |text: &str, expected: usize| assert_eq!(columns(text), expected, "{text}");
        check("", 0);
        check("fix-auth", 8);
        check("größe", 5);
        check("e\u{301}", 1);
        check("修正", 4);
        check("🦀", 2);
        check("❤\u{fe0f}", 2);
        check("co\u{ad}op", 5);
    }

    #[test]
    fn a_text_is_cut_to_its_columns() {
        let check = |text: &str, most: usize, end: &str, middle: &str| {
            assert_eq!((cut(text, most).as_ref(), cut_middle(text, most).as_ref()), (end, middle), "{text} in {most}");
            assert!(columns(&cut(text, most)) <= most && columns(&cut_middle(text, most)) <= most);
        };
        check("rewriting", 9, "rewriting", "rewriting");
        check("rewriting", 8, "rewriti…", "rewr…ing");
        check("rewriting", 5, "rewr…", "re…ng");
        check("rewriting", 2, "r…", "r…");
        check("rewriting", 1, "…", "…");
        check("rewriting", 0, "", "");
        check("修正认证", 7, "修正认…", "修…证");
        check("修正认证", 6, "修正…", "修…证");
        check("e\u{301}e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}…", "e\u{301}…e\u{301}");
    }

    #[test]
    fn a_line_is_broken_between_words() {
        let check = |line: &str, most: usize, expected: &[&str]| assert_eq!(wrap(line, most), expected, "{line} in {most}");
        check("", 5, &[""]);
        check("one two", 7, &["one two"]);
        check("one two three", 7, &["one two", "three"]);
        check("one  two", 4, &["one", "two"]);
        check("    indented far", 12, &["    indented", "far"]);
        check("rewriting it", 4, &["rewr", "itin", "g it"]);
        check("修正认证", 5, &["修正", "认证"]);
        check("修正", 1, &["修", "正"]);
    }

    #[test]
    fn the_widest_gives_way() {
        let check = |widths: &[usize], least: &[usize], room: usize, expected: &[usize]| {
            let mut widths = widths.to_vec();
            shrink(&mut widths, least, room);
            assert_eq!(widths, expected, "in {room}");
        };
        check(&[5, 8, 48], &[0, 0, 0], 61, &[5, 8, 48]);
        check(&[5, 8, 48], &[0, 0, 0], 40, &[5, 8, 27]);
        check(&[5, 8, 48], &[0, 0, 0], 18, &[5, 7, 6]);
        check(&[5, 8, 48], &[5, 8, 16], 18, &[5, 8, 16]);
        check(&[5, 8], &[0, 0], 0, &[0, 0]);
        check(&[], &[], 0, &[]);
    }
}
