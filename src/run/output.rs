//! One stream of output becomes few events: gathered for a moment, cut at line ends, free of terminal sequences, and held to a
//! rate; what is over it is counted.

use crate::{
    event::{Micros, Time},
    text::{self, KeyGuard},
};

/// Output is gathered this long: a burst of lines is one event.
const GATHERING: Micros = 250_000;
/// A line that does not end, such as a prompt, waits this long for its rest.
const LINE_WAITS: Micros = Time::SECOND;
/// The largest piece: an event holds 256 KiB, a screen is far less.
const PIECE_BYTES_MAX: usize = 8 << 10;
/// A terminal sequence that is being written is at most this long.
const SEQUENCE_BYTES_MAX: usize = 64;
/// What a verbose build prints in one go passes whole.
const BURST_BYTES: u64 = 256 << 10;
/// What passes for ever: 700 MiB a day.
const BYTES_PER_SECOND: u64 = 8 << 10;
/// While output is suppressed, this often somebody is told.
const TOLD_EVERY: Micros = 30 * Time::SECOND;

/// What is to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OutputPiece {
    Text(String),
    Suppressed(Suppressed),
}

/// Output that nobody recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Suppressed {
    pub bytes: u64,
    pub lines: u64,
}

impl Suppressed {
    pub fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    }

    pub fn add(&mut self, other: Suppressed) {
        self.bytes += other.bytes;
        self.lines += other.lines;
    }
}

#[derive(Debug)]
pub(super) struct OutputGatherer {
    gathered: Vec<u8>,
    /// When the first of `gathered` came.
    since: Time,
    allowed_bytes: u64,
    refilled_at: Time,
    suppressed: Suppressed,
    suppressed_since: Time,
    guard: KeyGuard,
}

impl OutputGatherer {
    pub fn new(now: Time) -> OutputGatherer {
        OutputGatherer {
            gathered: Vec::new(),
            since: now,
            allowed_bytes: BURST_BYTES,
            refilled_at: now,
            suppressed: Suppressed::default(),
            suppressed_since: now,
            guard: KeyGuard::default(),
        }
    }

    pub fn take(&mut self, mut bytes: &[u8], now: Time) -> Vec<OutputPiece> {
        let mut said = Vec::new();
        self.refill(now);
        while !bytes.is_empty() {
            if self.gathered.is_empty() && !self.may_pass() {
                self.leave_out(bytes, now);
                break;
            }
            if self.gathered.is_empty() {
                self.since = now;
            }
            let (now_taken, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES_MAX - self.gathered.len()));
            self.gathered.extend_from_slice(now_taken);
            bytes = rest;
            if self.gathered.len() == PIECE_BYTES_MAX {
                self.pass(end_of_piece(&self.gathered), now, &mut said);
            }
        }
        said
    }

    /// Output that was never seen here.
    pub fn lost(&mut self, lost: Suppressed, now: Time) {
        self.guard.skip(lost.bytes);
        self.suppress(|suppressed| suppressed.add(lost), now);
    }

    /// When [`OutputGatherer::tick`] has something to do.
    pub fn due(&self) -> Option<Time> {
        let told = (self.suppressed.bytes > 0).then(|| self.suppressed_since.plus(TOLD_EVERY));
        let gathered = (!self.gathered.is_empty()).then(|| self.since.plus(self.waits()));
        told.into_iter().chain(gathered).min()
    }

    pub fn tick(&mut self, now: Time) -> Vec<OutputPiece> {
        let mut said = Vec::new();
        self.refill(now);
        if !self.gathered.is_empty() && now >= self.since.plus(self.waits()) {
            self.pass(end_of_lines(&self.gathered).unwrap_or_else(|| end_of_text(&self.gathered)), now, &mut said);
        }
        if self.suppressed.bytes > 0 && now >= self.suppressed_since.plus(TOLD_EVERY) {
            said.push(OutputPiece::Suppressed(std::mem::take(&mut self.suppressed)));
        }
        said
    }

    /// All that is left.
    pub fn end(&mut self, now: Time) -> Vec<OutputPiece> {
        let mut said = Vec::new();
        self.refill(now);
        self.pass(self.gathered.len(), now, &mut said);
        if self.suppressed.bytes > 0 {
            said.push(OutputPiece::Suppressed(std::mem::take(&mut self.suppressed)));
        }
        said
    }

    /// Nothing of what was gathered is to be recorded after all.
    pub fn forget(&mut self) {
        self.gathered.clear();
    }

    fn waits(&self) -> Micros {
        if end_of_lines(&self.gathered).is_some() { GATHERING } else { LINE_WAITS }
    }

    /// Whole pieces pass or none: half a line tells nothing.
    fn may_pass(&self) -> bool {
        self.allowed_bytes >= PIECE_BYTES_MAX as u64
    }

    fn pass(&mut self, length: usize, now: Time, said: &mut Vec<OutputPiece>) {
        let piece: Vec<u8> = self.gathered.drain(..length).collect();
        // The rest begins to wait.
        self.since = now;
        if piece.is_empty() {
            return;
        }
        if !self.may_pass() {
            self.leave_out(&piece, now);
            return;
        }
        self.allowed_bytes -= piece.len() as u64;
        if self.suppressed.bytes > 0 {
            said.push(OutputPiece::Suppressed(std::mem::take(&mut self.suppressed)));
        }
        let text = guarded(&mut self.guard, &piece);
        if !text.trim().is_empty() {
            said.push(OutputPiece::Text(text));
        }
    }

    fn leave_out(&mut self, bytes: &[u8], now: Time) {
        // A key may begin in what is suppressed, and go on in what is not.
        guarded(&mut self.guard, bytes);
        self.suppress(|suppressed| suppressed.count(bytes), now);
    }

    fn suppress(&mut self, count: impl FnOnce(&mut Suppressed), now: Time) {
        if self.suppressed.bytes == 0 {
            self.suppressed_since = now;
        }
        count(&mut self.suppressed);
    }

    fn refill(&mut self, now: Time) {
        let elapsed = u64::try_from(now.since(self.refilled_at)).unwrap_or(0);
        let bytes = elapsed * BYTES_PER_SECOND / Time::SECOND.unsigned_abs();
        // Less than a byte's time is kept for the next one.
        if bytes > 0 || now < self.refilled_at {
            self.refilled_at = now;
            self.allowed_bytes = (self.allowed_bytes + bytes).min(BURST_BYTES);
        }
    }
}

/// What of `bytes` may be recorded.
pub(super) fn guarded(guard: &mut KeyGuard, bytes: &[u8]) -> String {
    let lossy = String::from_utf8_lossy(bytes);
    guard.take(&text::clean_text(&lossy)).into_owned()
}

/// Where the last whole line ends; a bare carriage return ends one too, as progress bars do it.
fn end_of_lines(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')).map(|at| at + 1)
}

/// Where to cut what goes on, so that no secret is halved: each half would be recorded as if it were none.
fn end_of_piece(bytes: &[u8]) -> usize {
    end_of_lines(bytes).unwrap_or_else(|| end_of_phrase(bytes))
}

/// Some words before the last one, since a secret may be told by what stands before it: `Authorization: Bearer`.
fn end_of_phrase(bytes: &[u8]) -> usize {
    const WORDS: usize = 12;
    let last = end_of_text(bytes);
    let step = |end: usize, _| text::end_of_words(bytes, end.saturating_sub(1));
    let end = (0..WORDS).fold(last, step);
    if end > last / 2 { end } else { last }
}

/// Where text may be cut without halving a character or a terminal sequence.
fn end_of_text(bytes: &[u8]) -> usize {
    let near = bytes.len().saturating_sub(SEQUENCE_BYTES_MAX);
    let escape = bytes[near..].iter().rposition(|&byte| byte == 0x1B).map(|at| near + at);
    if let Some(at) = escape.filter(|&at| at > 0 && is_unfinished(&bytes[at..])) {
        return at;
    }
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// A sequence that ended leaves its last character behind: a letter, mostly.
fn is_unfinished(sequence: &[u8]) -> bool {
    !sequence.iter().skip(2).any(|byte| matches!(byte, b'@'..=b'~' | 0x07))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn at(millis: i64) -> Time {
        Time::from_micros(millis * 1000)
    }

    fn text(said: &str) -> OutputPiece {
        OutputPiece::Text(said.to_owned())
    }

    #[test]
    fn lines_that_come_together_are_one_event() {
        let mut output = OutputGatherer::new(at(0));
        assert_eq!(output.due(), None);
        assert_eq!(output.take(b"one\ntw", at(0)), []);
        assert_eq!(output.take(b"o\nthr", at(100)), []);
        assert_eq!(output.due(), Some(at(250)));
        assert_eq!(output.tick(at(249)), []);
        assert_eq!(output.tick(at(250)), [text("one\ntwo\n")]);
        assert_eq!(output.due(), Some(at(1250)), "a line without its end waits longer");
        assert_eq!(output.tick(at(1250)), [text("thr")]);
        assert_eq!(output.take(b"ee", at(1300)), []);
        assert_eq!(output.end(at(1300)), [text("ee")]);
        assert_eq!((output.due(), output.end(at(1400))), (None, vec![]));
    }

    #[test]
    fn characters_and_sequences_survive_the_cut() {
        let mut output = OutputGatherer::new(at(0));
        let check = |output: &mut OutputGatherer, from: i64, first: &[u8], expected: &str| {
            assert_eq!(output.take(first, at(from)), []);
            assert_eq!(output.tick(at(from + 1000)), [text(expected)], "{first:?}");
        };
        check(&mut output, 0, "gr\u{fc}".as_bytes().split_at(3).0, "gr");
        check(&mut output, 1000, &"\u{fc}n".as_bytes()[1..], "\u{fc}n");
        check(&mut output, 2000, b"red \x1b[3", "red ");
        check(&mut output, 3000, b"1mrose\x1b[0m", "rose");
        check(&mut output, 4000, b"\xff\xfe!", "\u{fffd}\u{fffd}!");
    }

    #[test]
    fn a_piece_that_is_full_ends_at_a_word() {
        let check = |bytes: &str, expected: usize| {
            assert_eq!(end_of_piece(bytes.as_bytes()), expected, "{bytes:?}");
        };
        check("a line\nand ghp_abcdef", 7);
        let words = "word ".repeat(20);
        check(&format!("{words}Authorization: Bearer abcdef"), words.len() - 16);
        check(&format!("{words}{{\"token\": \"abcdef"), words.len() - 10);
        check("no line, and ghp_abcdef", 23);
    }

    #[test]
    fn what_is_only_colours_is_no_event() {
        let mut output = OutputGatherer::new(at(0));
        output.take(b"\x1b[2K\r\n", at(0));
        assert_eq!(output.end(at(0)), []);
    }

    /// What a stream came to.
    #[derive(Default)]
    struct Total {
        events: usize,
        passed: Suppressed,
        suppressed: Suppressed,
    }

    impl Total {
        fn note(&mut self, said: Vec<OutputPiece>) {
            self.events += said.len();
            for said in said {
                match said {
                    OutputPiece::Text(text) => self.passed.count(text.as_bytes()),
                    OutputPiece::Suppressed(suppressed) => self.suppressed.add(suppressed),
                }
            }
        }
    }

    #[test]
    fn a_flood_is_bounded_and_counted() {
        let (mut output, mut total) = (OutputGatherer::new(at(0)), Total::default());
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let chunk = line.repeat(1000);
        for n in 0..1000 {
            total.note(output.take(&chunk, at(n)));
        }
        total.note(output.end(at(1000)));
        assert_eq!(total.passed.bytes + total.suppressed.bytes, 100_000_000);
        assert_eq!(total.passed.lines + total.suppressed.lines, 1_000_000);
        assert!(total.events < 50, "{} events", total.events);
        // Once it is quiet again, output passes as before.
        assert_eq!(output.take(b"done\n", at(60_000)), []);
        assert_eq!(output.end(at(60_000)), [text("done\n")]);
    }

    #[test]
    fn suppression_is_told_while_it_lasts() {
        let mut output = OutputGatherer::new(at(0));
        output.lost(Suppressed { bytes: 10, lines: 1 }, at(0));
        assert_eq!(output.due(), Some(at(30_000)));
        assert_eq!(output.tick(at(30_000)), [OutputPiece::Suppressed(Suppressed { bytes: 10, lines: 1 })]);
    }

    #[test]
    fn a_clock_that_goes_back_does_no_harm() {
        let mut output = OutputGatherer::new(at(1_000_000));
        output.take(b"one\n", at(0));
        assert_eq!(output.end(at(-5)), [text("one\n")]);
    }

    #[test]
    fn a_key_that_begins_in_what_is_suppressed_is_known() {
        // The one leaves a part of a line behind where a piece ends, which is suppressed later; the other leaves none.
        for line in ["a line\n", "a lines\n"] {
            let mut output = OutputGatherer::new(at(0));
            output.take(line.repeat(100_000).as_bytes(), at(0));
            output.take(b"-----BEGIN PRIVATE KEY-----\nMIIE\n", at(1));
            assert_eq!(output.tick(at(500)), [], "{line:?} is suppressed");
            assert_eq!(output.take(b"Evg\n-----END PRIVATE KEY-----\nafter\n", at(20_000)), []);
            let said = output.end(at(20_000));
            assert_eq!(said[1..], [text("[redacted: private key]\nafter\n")], "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn no_part_of_a_key_is_recorded_however_it_comes(
            lines in (0_usize..400, 1_usize..800, 0_usize..400),
            width in 20_usize..100,
            cuts in vec((0_usize..60_000, 0_i64..3, 0_usize..4), 0..40),
        ) {
            // Outside the key are small letters and digits, in its body capitals alone.
            let outside = |name: &str, count: usize| (0..count).map(|n| format!("{name} {n}\n")).collect::<String>();
            let (before, after) = (outside("before", lines.0), outside("after", lines.2));
            let body: Vec<u8> = (0..lines.1 * width).map(|n| b'A' + (n * n / 7 % 26) as u8).collect();
            let body: Vec<String> = body.chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            let header = "-----BEGIN RSA PRIVATE KEY-----";
            let key = format!("{header}\n{}\n-----END RSA PRIVATE KEY-----", body.join("\n"));
            prop_assume!(key.len() < 60 << 10);
            let all = format!("{before}{key}\n{after}");

            // Some of them in the lines that begin and end the key.
            let (begins, ends) = (before.len(), before.len() + key.len() - header.len());
            let place = |(place, pause, near): (usize, i64, usize)| match near {
                0 => (begins + place % header.len(), pause),
                1 => (ends + place % header.len(), pause),
                _ => (place % all.len(), pause),
            };
            let mut cuts: Vec<(usize, i64)> = cuts.into_iter().map(place).collect();
            cuts.sort_unstable();
            let (mut output, mut now, mut done, mut said) = (OutputGatherer::new(at(0)), 0, 0, Vec::new());
            for (cut, pause) in cuts {
                said.extend(output.take(&all.as_bytes()[done..cut], at(now)));
                (done, now) = (cut, now + pause * 500);
                said.extend(output.tick(at(now)));
            }
            said.extend(output.take(&all.as_bytes()[done..], at(now)));
            said.extend(output.end(at(now)));

            let recorded: String = said.iter().map(|said| match said {
                OutputPiece::Text(text) => text.as_str(),
                OutputPiece::Suppressed(suppressed) => panic!("{suppressed:?}"),
            }).collect();
            let capitals = recorded.split(|c: char| !c.is_ascii_uppercase()).map(str::len).max().unwrap_or_default();
            prop_assert!(capitals < 12, "{recorded}");
            // What is white space alone is no event; a header that was halved shows its first half.
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            let left = bare(&recorded.replace("[redacted: private key]", ""));
            let middle = left.strip_prefix(&bare(&before)).and_then(|rest| rest.strip_suffix(&bare(&after)));
            prop_assert!(middle.is_some_and(|middle| bare(header).starts_with(middle)), "{recorded}");
        }
    }
}
