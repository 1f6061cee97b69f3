//! Lines of a file that may still grow, one at a time: bounded, and with the place where each ends.

use std::io::{self, BufRead, BufReader, Read};

use crate::{
    history::Rejection,
    text::{Line, LineSplitter},
};

/// A line holds what a tool returned, or a picture; longer ones are no agent's.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;
const CHUNK_BYTES: usize = 256 << 10;

pub(super) struct RecordLines<R> {
    input: BufReader<R>,
    splitter: LineSplitter,
}

impl<R: Read> RecordLines<R> {
    pub fn of(input: R) -> RecordLines<R> {
        let splitter = LineSplitter::new(LINE_BYTES_MAX, Rejection::INPUT_BYTES_SEEN);
        RecordLines { input: BufReader::with_capacity(CHUNK_BYTES, input), splitter }
    }

    /// `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.splitter.clear();
        while !self.splitter.line().is_ended {
            match self.input.fill_buf() {
                Ok([]) => break,
                Ok(chunk) => {
                    let taken = self.splitter.take(chunk);
                    self.input.consume(taken);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let line = self.splitter.line();
        Ok((line.bytes > 0).then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_longer_than_a_chunk_and_the_last_one_may_not_be_ended() {
        let text = [vec![b'x'; 3 * CHUNK_BYTES + 7], b"\n\ny".to_vec()].concat();
        let mut lines = RecordLines::of(&text[..]);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.text.len(), line.is_ended));
        }
        assert_eq!(found, [(3 * CHUNK_BYTES + 7, true), (0, true), (1, false)]);
    }
}
