//! Lines of a file that may still grow, one at a time: bounded, and with the place where each ends.

use std::io::{self, BufRead, BufReader, Read};

/// A line holds what a tool returned, or a picture; longer ones are no agent's.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;
const CHUNK_BYTES: usize = 256 << 10;
/// A line buffer larger than this is not kept for the next line.
const BUFFER_KEPT_BYTES_MAX: usize = 1 << 20;

pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    bytes_max: usize,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// Only the head where it is too long.
    pub text: &'a [u8],
    pub is_too_long: bool,
    /// It has its newline: nothing will be added to it.
    pub is_ended: bool,
    /// In the file, its end included.
    pub bytes: u64,
}

impl<R: Read> Lines<R> {
    pub fn of(input: R) -> Lines<R> {
        Lines { input: BufReader::with_capacity(CHUNK_BYTES, input), line: Vec::new(), bytes_max: LINE_BYTES_MAX }
    }

    /// `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        self.line.shrink_to(BUFFER_KEPT_BYTES_MAX);
        let (mut bytes, mut is_ended) = (0, false);
        while !is_ended {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            let newline = chunk.iter().position(|&byte| byte == b'\n');
            let text = &chunk[..newline.unwrap_or(chunk.len())];
            let room = self.bytes_max.saturating_add(1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            is_ended = newline.is_some();
            let taken = text.len() + usize::from(is_ended);
            bytes += taken as u64;
            self.input.consume(taken);
        }
        let is_too_long = self.line.len() > self.bytes_max;
        self.line.truncate(self.bytes_max);
        Ok((bytes > 0).then_some(Line { text: &self.line, is_too_long, is_ended, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], bytes_max: usize) -> Vec<(String, bool, bool, u64)> {
        let mut lines = Lines { bytes_max, ..Lines::of(text) };
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            let text = String::from_utf8(line.text.to_vec()).unwrap();
            found.push((text, line.is_too_long, line.is_ended, line.bytes));
        }
        found
    }

    #[test]
    fn lines_know_their_length_and_their_end() {
        let check = |text: &str, expected: &[(&str, bool, bool, u64)]| {
            let expected: Vec<_> =
                expected.iter().map(|&(line, long, ended, bytes)| (line.to_owned(), long, ended, bytes)).collect();
            assert_eq!(lines(text.as_bytes(), 4), expected, "{text:?}");
        };
        check("", &[]);
        check("\n", &[("", false, true, 1)]);
        check("a\n\nbcde\nf", &[("a", false, true, 2), ("", false, true, 1), ("bcde", false, true, 5), ("f", false, false, 1)]);
        check("abcde\nf\n", &[("abcd", true, true, 6), ("f", false, true, 2)]);
        check("abcdefghi", &[("abcd", true, false, 9)]);
    }

    #[test]
    fn a_line_may_be_longer_than_a_chunk() {
        let text = [vec![b'x'; 3 * CHUNK_BYTES + 7], b"\ny\n".to_vec()].concat();
        let found = lines(&text, LINE_BYTES_MAX);
        assert_eq!(found.iter().map(|line| line.0.len()).collect::<Vec<_>>(), [3 * CHUNK_BYTES + 7, 1]);
    }
}
