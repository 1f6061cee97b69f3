//! Bytes into lines, within a bound, however they come: of a line that is longer only the head is held.

/// A buffer that one long line made larger than this is not kept for the next one.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Takes chunks of a stream, and gives its lines.
///
/// ```
/// use ai_coder_events::text::LineSplitter;
///
/// let (mut splitter, mut found) = (LineSplitter::new(4, 2), Vec::new());
/// for chunk in [&b"on"[..], b"e\ntoo long\nla", b"st"] {
///     splitter.each_line(chunk, |line| found.push((line.text.to_vec(), line.is_whole)));
/// }
/// assert_eq!(found, [(b"one".to_vec(), true), (b"to".to_vec(), false)]);
/// assert_eq!(splitter.line().text, b"last");
/// ```
#[derive(Debug)]
pub struct LineSplitter {
    bytes_max: usize,
    head_bytes_max: usize,
    text: Vec<u8>,
    bytes: u64,
    is_whole: bool,
    is_ended: bool,
}

/// A line as far as it came, without its newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its head alone, where it is not whole.
    pub text: &'a [u8],
    /// It is within the bound, and nothing of it is missing.
    pub is_whole: bool,
    /// It has its newline: nothing will be added to it.
    pub is_ended: bool,
    /// In the stream, its newline included.
    pub bytes: u64,
}

impl LineSplitter {
    /// Of a line of more than `bytes_max` bytes the first `head_bytes_max` are kept.
    pub const fn new(bytes_max: usize, head_bytes_max: usize) -> LineSplitter {
        LineSplitter { bytes_max, head_bytes_max, text: Vec::new(), bytes: 0, is_whole: true, is_ended: false }
    }

    /// Takes from `chunk` what belongs to the present line, or to the next one where that has ended; gives how many bytes
    /// these are.
    pub fn take(&mut self, chunk: &[u8]) -> usize {
        if self.is_ended {
            self.clear();
        }
        let newline = chunk.iter().position(|&byte| byte == b'\n');
        let piece = &chunk[..newline.unwrap_or(chunk.len())];
        if self.is_whole && self.text.len() + piece.len() > self.bytes_max {
            self.is_whole = false;
            let head = piece.len().min(self.head_bytes_max.saturating_sub(self.text.len()));
            self.text.extend_from_slice(&piece[..head]);
            self.text.truncate(self.head_bytes_max);
            self.text.shrink_to(KEPT_BYTES_MAX);
        } else if self.is_whole {
            self.text.extend_from_slice(piece);
        }
        self.is_ended = newline.is_some();
        let taken = piece.len() + usize::from(self.is_ended);
        self.bytes += taken as u64;
        taken
    }

    /// The present line; of no bytes where none has begun.
    pub fn line(&self) -> Line<'_> {
        Line { text: &self.text, is_whole: self.is_whole, is_ended: self.is_ended, bytes: self.bytes }
    }

    /// The next byte begins a line.
    pub fn clear(&mut self) {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES_MAX);
        (self.bytes, self.is_whole, self.is_ended) = (0, true, false);
    }

    /// Something is missing here: what comes up to the next newline is no line.
    pub fn break_off(&mut self) {
        self.clear();
        self.is_whole = false;
    }

    /// Takes all of `chunk`, and calls `read` with each line that ends in it.
    pub fn each_line(&mut self, mut chunk: &[u8], mut read: impl FnMut(Line<'_>)) {
        while !chunk.is_empty() {
            let taken = self.take(chunk);
            chunk = &chunk[taken..];
            if self.is_ended {
                read(self.line());
                // At once: nobody knows when the next one comes.
                self.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, whole, ended, bytes.
    type Found = (String, bool, bool, u64);

    fn found(line: Line<'_>) -> Found {
        (String::from_utf8(line.text.to_vec()).expect("text"), line.is_whole, line.is_ended, line.bytes)
    }

    fn split(chunks: &[&str], splitter: &mut LineSplitter) -> Vec<Found> {
        let mut lines = Vec::new();
        chunks.iter().for_each(|chunk| splitter.each_line(chunk.as_bytes(), |line| lines.push(found(line))));
        lines.extend((splitter.line().bytes > 0).then(|| found(splitter.line())));
        lines
    }

    #[test]
    fn lines_are_the_same_however_they_come() {
        let check = |text: &str, expected: &[(&str, bool, bool, u64)]| {
            let expected: Vec<Found> =
                expected.iter().map(|&(line, whole, ended, bytes)| (line.to_owned(), whole, ended, bytes)).collect();
            for chunk in [1, 2, 3, text.len().max(1)] {
                let chunks: Vec<&str> =
                    text.as_bytes().chunks(chunk).map(|chunk| str::from_utf8(chunk).expect("ascii")).collect();
                assert_eq!(split(&chunks, &mut LineSplitter::new(4, 2)), expected, "{text:?} by {chunk}");
            }
        };
        check("", &[]);
        check("\n", &[("", true, true, 1)]);
        check("a\n\nbcde\nf", &[("a", true, true, 2), ("", true, true, 1), ("bcde", true, true, 5), ("f", true, false, 1)]);
        check("abcde\nf\n", &[("ab", false, true, 6), ("f", true, true, 2)]);
        check("abcdefghi", &[("ab", false, false, 9)]);
    }

    #[test]
    fn a_line_with_a_hole_is_not_whole() {
        let mut splitter = LineSplitter::new(9, 9);
        assert_eq!(split(&["a\nb"], &mut splitter), [("a".into(), true, true, 2), ("b".into(), true, false, 1)]);
        splitter.break_off();
        assert_eq!(split(&["c", "d\ne\n"], &mut splitter), [("".into(), false, true, 3), ("e".into(), true, true, 2)]);
    }

    #[test]
    fn a_long_line_does_not_hold_its_memory() {
        let mut splitter = LineSplitter::new(8 * KEPT_BYTES_MAX, 10);
        splitter.each_line(&[vec![b'x'; 7 * KEPT_BYTES_MAX], b"\n".to_vec()].concat(), |line| assert!(line.is_whole));
        assert!(splitter.text.capacity() <= KEPT_BYTES_MAX, "{}", splitter.text.capacity());
        splitter.take(&vec![b'x'; 7 * KEPT_BYTES_MAX]);
        splitter.take(&vec![b'x'; 7 * KEPT_BYTES_MAX]);
        assert!(splitter.text.capacity() <= KEPT_BYTES_MAX, "{}", splitter.text.capacity());
    }
}
