//! What cannot be seen is taken out: control characters, terminal sequences, and characters that reorder or hide text.

use std::borrow::Cow;

/// Joins emoji into one picture; anywhere else it only hides.
pub(super) const JOINER: char = '\u{200D}';
const ESCAPE: char = '\u{1B}';
const PIECE_BYTES: usize = 128;

/// One line: each control character becomes a space.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    clean(text, LineBreaks::Removed, usize::MAX)
}

/// Text of several lines: newline and tab stay, a carriage return before a newline goes, other controls go.
pub fn clean_text(text: &str) -> Cow<'_, str> {
    clean(text, LineBreaks::Kept, usize::MAX)
}

/// Whether [`clean_text`] would leave `text` as it is; quick where it is ASCII.
pub fn is_clean(text: &str) -> bool {
    let plain = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || c == JOINER || is_unwelcome(c));
    // In pieces, each without a way out of it, which the processor takes many bytes at a time.
    let is_ascii = |piece: &[u8]| piece.iter().fold(true, |so_far, byte| so_far & matches!(byte, b' '..=b'~' | b'\n' | b'\t'));
    text.as_bytes().chunks(PIECE_BYTES).all(is_ascii) || text.chars().all(plain) || clean_text(text) == text
}

/// Like [`clean_line`], stopping after `chars_max` characters: a long text costs no more than its start.
pub(super) fn clean_line_start(text: &str, chars_max: usize) -> Cow<'_, str> {
    clean(text, LineBreaks::Removed, chars_max)
}

/// A character that leaves no mark of its own: wider than what cleaning removes, since an id has no use for any of them.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || c == JOINER
        || is_unwelcome(c)
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{2028}' | '\u{2029}' | '\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0080}'..='\u{E0FFF}')
}

#[derive(Clone, Copy, PartialEq)]
enum LineBreaks {
    Removed,
    Kept,
}

/// Bidirectional controls, zero-width characters and tags. Variation selectors are not among them: emoji need them.
fn is_unwelcome(c: char) -> bool {
    matches!(c,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        | '\u{200B}' | '\u{200C}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

fn clean(text: &str, breaks: LineBreaks, chars_max: usize) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') || (breaks == LineBreaks::Kept && matches!(byte, b'\n' | b'\t'));
    let start = &text[..text.floor_char_boundary(chars_max)];
    // The bytes of the first `chars_max` characters are at least `start`: where `start` is ASCII they are all of it.
    if start.bytes().all(plain) {
        return Cow::Borrowed(start);
    }
    let mut cleaner =
        Cleaner { rest: text, breaks, chars_left: chars_max, cleaned: String::new(), after_emoji: false, joining: false };
    cleaner.run();
    if cleaner.cleaned == text { Cow::Borrowed(text) } else { Cow::Owned(cleaner.cleaned) }
}

struct Cleaner<'t> {
    rest: &'t str,
    breaks: LineBreaks,
    chars_left: usize,
    cleaned: String,
    /// The last character kept belongs to an emoji.
    after_emoji: bool,
    /// A joiner was read and waits for the emoji that would justify it.
    joining: bool,
}

impl Cleaner<'_> {
    fn run(&mut self) {
        while self.chars_left > 0 {
            let mut chars = self.rest.chars();
            let Some(c) = chars.next() else { return };
            self.rest = chars.as_str();
            match c {
                ESCAPE => match self.rest.chars().next() {
                    Some('[') => self.skip_control_sequence(1),
                    Some(']' | 'P' | 'X' | '^' | '_') => self.skip_string(1),
                    Some(' '..='~') => self.skip_escape(),
                    _ => self.keep_control(c),
                },
                // The same introducers as single characters.
                '\u{9B}' => self.skip_control_sequence(0),
                '\u{90}' | '\u{98}' | '\u{9D}' | '\u{9E}' | '\u{9F}' => self.skip_string(0),
                JOINER => self.joining = self.after_emoji,
                '\u{2028}' | '\u{2029}' if self.breaks == LineBreaks::Removed => self.keep(' '),
                _ if c.is_control() => self.keep_control(c),
                _ if is_unwelcome(c) => {}
                _ => self.keep(c),
            }
        }
    }

    fn keep_control(&mut self, c: char) {
        match self.breaks {
            LineBreaks::Removed => self.keep(' '),
            LineBreaks::Kept if matches!(c, '\n' | '\t') => self.keep(c),
            LineBreaks::Kept => {}
        }
    }

    fn keep(&mut self, c: char) {
        let emoji = is_emoji(c);
        if std::mem::take(&mut self.joining) && emoji {
            self.push(JOINER);
        }
        // A variation selector belongs to the character before it.
        if c != '\u{FE0F}' {
            self.after_emoji = emoji;
        }
        self.push(c);
    }

    fn push(&mut self, c: char) {
        if self.chars_left > 0 {
            self.cleaned.push(c);
            self.chars_left -= 1;
        }
    }

    /// Parameters, intermediates, one final character: `31;1m`.
    fn skip_control_sequence(&mut self, introducer: usize) {
        let body = &self.rest[introducer..];
        let body = body.trim_start_matches(|c| matches!(c, '0'..='?')).trim_start_matches(|c| matches!(c, ' '..='/'));
        self.rest = body.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(body);
    }

    /// Intermediates and one final character: `(B`.
    fn skip_escape(&mut self) {
        let body = self.rest.trim_start_matches(|c| matches!(c, ' '..='/'));
        self.rest = body.strip_prefix(|c| matches!(c, '0'..='~')).unwrap_or(body);
    }

    /// A title, a link: text up to its terminator. Without one on the same line it was never a sequence, and the text stays,
    /// so that a stray introducer cannot swallow what follows it.
    fn skip_string(&mut self, introducer: usize) {
        let body = &self.rest[introducer..];
        self.rest = body;
        let Some(end) = body.find(char::is_control) else { return };
        let (_, rest) = body.split_at(end);
        let terminators = ["\u{1B}\\", "\u{9C}", "\u{07}"];
        if let Some(after) = terminators.iter().find_map(|terminator| rest.strip_prefix(terminator)) {
            self.rest = after;
        }
    }
}

/// Characters that take part in joined emoji; generous, as a wrong yes only keeps one joiner.
fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{00A9}' | '\u{00AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21FF}'
        | '\u{2300}'..='\u{23FF}' | '\u{24C2}' | '\u{25A0}'..='\u{27BF}' | '\u{2934}' | '\u{2935}' | '\u{2B00}'..='\u{2BFF}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}
