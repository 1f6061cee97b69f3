//! What a program shows that has the whole screen: not the bytes that draw it, which are scrambled as text, but what a person sees
//! when it comes to rest, and last.

use std::num::NonZero;

use vt100::Parser;

use crate::event::{Micros, Time};

use super::output::Suppressed;

/// What an editor or a view of processes begins and ends with.
const BEGINNINGS: [&[u8]; 3] = [b"\x1b[?1049h", b"\x1b[?1047h", b"\x1b[?47h"];
const ENDINGS: [&[u8]; 3] = [b"\x1b[?1049l", b"\x1b[?1047l", b"\x1b[?47l"];
/// Longer than the pause between two drawings of what moves by itself.
const REST: Micros = 5 * Time::SECOND;
/// No screen has more; each of its cells takes some bytes here.
const ROWS_MAX: u16 = 300;
const COLUMNS_MAX: u16 = 600;

/// A screen that is to be recorded, and what was written to draw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenScreen {
    pub text: String,
    pub drawn: Suppressed,
}

pub(super) struct FullScreen {
    parser: Parser,
    drawn: Suppressed,
    /// What was recorded last.
    told: String,
    /// When something was drawn that was not looked at yet.
    drawn_at: Option<Time>,
    /// The end of what came before, where a sequence may have begun.
    tail: Vec<u8>,
}

/// Where a program takes the whole screen: the bytes from there on draw it.
pub(super) fn begins(bytes: &[u8]) -> Option<usize> {
    BEGINNINGS.into_iter().filter_map(|beginning| find(bytes, beginning)).min()
}

impl FullScreen {
    pub fn new((rows, columns): (u16, u16)) -> FullScreen {
        let bounded = |given: u16, most: u16| NonZero::new(given.min(most)).unwrap_or(NonZero::<u16>::MIN);
        let parser = Parser::new(bounded(rows, ROWS_MAX), bounded(columns, COLUMNS_MAX), 0);
        FullScreen { parser, drawn: Suppressed::default(), told: String::new(), drawn_at: None, tail: Vec::new() }
    }

    /// Takes what draws it; where it gives the screen back, how many bytes that were.
    pub fn take(&mut self, bytes: &[u8], now: Time) -> Option<usize> {
        let before = self.tail.len();
        self.tail.extend_from_slice(bytes);
        let ends = ENDINGS.into_iter().filter_map(|ending| Some((find(&self.tail, ending)?, ending.len()))).min();
        let taken = ends.map_or(bytes.len(), |(at, length)| (at + length).saturating_sub(before));
        // Where it is given back, what was seen is gone.
        let draws = ends.map_or(bytes.len(), |(at, _)| at.saturating_sub(before));
        self.parser.process(&bytes[..draws]);
        self.drawn.count(&bytes[..taken]);
        self.drawn_at = Some(now);
        let longest = ENDINGS.iter().map(|ending| ending.len()).max().unwrap_or_default();
        self.tail.drain(..self.tail.len().saturating_sub(longest - 1));
        ends.map(|_| taken)
    }

    pub fn due(&self) -> Option<Time> {
        self.drawn_at.map(|at| at.plus(REST))
    }

    /// What is seen, once it has come to rest.
    pub fn tick(&mut self, now: Time) -> Option<SeenScreen> {
        self.due().filter(|due| now >= *due).and_then(|_| self.look())
    }

    /// What is seen, where that is other than what was told.
    pub fn look(&mut self) -> Option<SeenScreen> {
        self.drawn_at = None;
        let text = self.parser.screen().contents();
        let text = text.trim_end();
        if text == self.told && self.drawn == Suppressed::default() || text.trim().is_empty() {
            return None;
        }
        text.clone_into(&mut self.told);
        Some(SeenScreen { text: text.to_owned(), drawn: std::mem::take(&mut self.drawn) })
    }
}

fn find(bytes: &[u8], sequence: &[u8]) -> Option<usize> {
    bytes.windows(sequence.len()).position(|window| window == sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_micros(seconds * Time::SECOND)
    }

    #[test]
    fn what_a_person_sees_is_told_at_rest_and_last() {
        let drawn = b"\x1b[?1049h\x1b[2J\x1b[1;1Hone\x1b[2;3Htwo\x1b[1;1HONE";
        assert_eq!(begins(&[b"before ".as_slice(), drawn].concat()), Some(7));
        let mut screen = FullScreen::new((5, 20));
        assert_eq!(screen.take(drawn, at(0)), None);
        assert_eq!((screen.tick(at(4)), screen.due()), (None, Some(at(5))));
        let seen = screen.tick(at(5)).unwrap();
        assert_eq!((seen.text.as_str(), seen.drawn.bytes), ("ONE\n  two", drawn.len() as u64));
        assert_eq!((screen.tick(at(60)), screen.due()), (None, None), "nothing is drawn");
        // The end comes in two pieces.
        assert_eq!(screen.take(b"\x1b[3;1Hlast\x1b[?10", at(61)), None);
        assert_eq!(screen.take(b"49lafter", at(61)), Some(3));
        assert_eq!(screen.look().map(|seen| seen.text), Some("ONE\n  two\nlast".to_owned()));
    }
}
