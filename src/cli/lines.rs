//! Lines from a stream that may be slow, endless or hostile: numbered, bounded, handed over as soon as they are there.
//!
//! Promises that a line is never held back waiting for another, that no more than a few chunks and one line are held in
//! memory, and that a last line without newline counts. Refuses to know what a line means.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use ai_coder_events::{
    event::LINE_BYTES_MAX,
    history::Rejection,
    text::{Line, LineSplitter},
};

/// One line without its end. Blank ones are counted but not handed over.
#[derive(Debug, PartialEq, Eq)]
pub struct InputLine {
    /// From 1 on.
    pub number: u64,
    pub text: Text,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Text {
    Whole(Vec<u8>),
    /// Longer than any line of an event may be; only its head was kept.
    TooLong(Vec<u8>),
}

/// As much as a pipe holds: one read takes all that is there.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks read ahead while the ones before are committed.
const CHUNKS_AHEAD: usize = 4;
/// Lines in one batch: a transaction that others wait for stays short.
const BATCH_LINES: usize = 1024;

/// Lines as a thread reads them.
pub struct InputLines {
    chunks: Receiver<io::Result<Vec<InputLine>>>,
    /// Why the input ended, to be told after what came before it.
    failure: Option<io::Error>,
}

impl InputLines {
    pub fn of(mut input: impl Read + Send + 'static) -> InputLines {
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        thread::spawn(move || {
            let mut numbering = Numbering::new();
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let chunk = match input.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => Ok(numbering.feed(&buffer[..length])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = chunk.is_err();
                if sender.send(chunk).is_err() || failed {
                    return;
                }
            }
            if let Some(last) = numbering.finish() {
                // Nobody waits for it where the receiver is gone.
                drop(sender.send(Ok(vec![last])));
            }
        });
        InputLines { chunks, failure: None }
    }

    /// All lines that are there by now, at least one; `None` at the end.
    ///
    /// # Errors
    /// Where the input cannot be read.
    pub fn next_batch(&mut self) -> io::Result<Option<Vec<InputLine>>> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let mut batch = Vec::new();
        while batch.is_empty() {
            match self.chunks.recv() {
                Ok(chunk) => batch = chunk?,
                Err(_) => return Ok(None),
            }
        }
        while batch.len() < BATCH_LINES {
            match self.chunks.try_recv() {
                Ok(Ok(chunk)) => batch.extend(chunk),
                Ok(Err(error)) => {
                    self.failure = Some(error);
                    break;
                }
                Err(_) => break,
            }
        }
        Ok(Some(batch))
    }
}

/// Numbers the lines of a stream.
struct Numbering {
    splitter: LineSplitter,
    number: u64,
}

impl Numbering {
    fn new() -> Numbering {
        // One byte more for the carriage return of a line that just fits.
        Numbering { splitter: LineSplitter::new(LINE_BYTES_MAX + 1, Rejection::INPUT_BYTES_SEEN), number: 0 }
    }

    fn feed(&mut self, chunk: &[u8]) -> Vec<InputLine> {
        let (mut lines, number) = (Vec::new(), &mut self.number);
        self.splitter.each_line(chunk, |line| {
            *number += 1;
            lines.extend(numbered(line, *number));
        });
        lines
    }

    fn finish(self) -> Option<InputLine> {
        numbered(self.splitter.line(), self.number + 1)
    }
}

fn numbered(line: Line<'_>, number: u64) -> Option<InputLine> {
    if !line.is_whole {
        return Some(InputLine { number, text: Text::TooLong(line.text.to_vec()) });
    }
    let text = line.text.strip_suffix(b"\r").unwrap_or(line.text);
    (!text.trim_ascii().is_empty()).then(|| InputLine { number, text: Text::Whole(text.to_vec()) })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// What a stream given in these pieces is split into.
    fn split(pieces: &[&[u8]]) -> Vec<InputLine> {
        let mut numbering = Numbering::new();
        let mut lines: Vec<InputLine> = pieces.iter().flat_map(|piece| numbering.feed(piece)).collect();
        lines.extend(numbering.finish());
        lines
    }

    fn whole(number: u64, text: &str) -> InputLine {
        InputLine { number, text: Text::Whole(text.into()) }
    }

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let check = |pieces: &[&[u8]], expected: &[InputLine]| {
            assert_eq!(split(pieces), expected, "{pieces:?}");
            let bytes: Vec<&[u8]> = pieces.iter().flat_map(|piece| piece.chunks(1)).collect();
            assert_eq!(split(&bytes), expected, "{pieces:?} byte by byte");
        };
        check(&[], &[]);
        check(&[b"a\nb\n"], &[whole(1, "a"), whole(2, "b")]);
        check(&[b"a\nb"], &[whole(1, "a"), whole(2, "b")]);
        check(&[b"a", b"b\r\n", b"c"], &[whole(1, "ab"), whole(2, "c")]);
        check(&[b"\n  \n\r\nx"], &[whole(4, "x")]);
        check(&[b"\xff\n"], &[InputLine { number: 1, text: Text::Whole(vec![0xff]) }]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let longest = vec![b'x'; LINE_BYTES_MAX];
        let huge = vec![b'y'; LINE_BYTES_MAX * 3];
        let lines = split(&[&longest, b"\r\n", &huge, b"\nafter"]);
        let expected = [
            InputLine { number: 1, text: Text::Whole(longest) },
            InputLine { number: 2, text: Text::TooLong(vec![b'y'; Rejection::INPUT_BYTES_SEEN]) },
            whole(3, "after"),
        ];
        assert_eq!(lines, expected);
    }

    /// A pipe whose writer sends one chunk at a time.
    struct Pipe(Receiver<&'static [u8]>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Ok(chunk) = self.0.recv() else { return Ok(0) };
            buffer[..chunk.len()].copy_from_slice(chunk);
            Ok(chunk.len())
        }
    }

    #[test]
    fn a_line_is_handed_over_while_the_input_stays_open() {
        let (writer, pipe): (Sender<&'static [u8]>, _) = channel();
        let mut lines = InputLines::of(Pipe(pipe));
        for (number, text) in [(1, "one"), (2, "two")] {
            writer.send(if number == 1 { b"one\n" } else { b"two\n" }).unwrap();
            assert_eq!(lines.next_batch().unwrap(), Some(vec![whole(number, text)]));
        }
        writer.send(b"three").unwrap();
        drop(writer);
        assert_eq!(lines.next_batch().unwrap(), Some(vec![whole(3, "three")]));
        assert_eq!(lines.next_batch().unwrap(), None);
    }
}
