//! Where a reader stands, as text: `3f9a01bc-1042` names the history and the seq. A bare number is read as well.
//!
//! The history's name is in it because a seq alone says nothing once the history was replaced by another. Behind an `@` stands the
//! instant from which the first page reckoned ages, where some were given: so all pages are of one window.

use std::fmt;

use serde_json::Value;

use crate::{
    event::{Invalid, Time},
    history::Position,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Absent where a bare number was given.
    history: Option<String>,
    pub seq: u64,
    /// When the first page was asked for.
    pub asked_at: Option<Time>,
}

/// Why a cursor leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    OtherHistory,
    AboveHead,
}

impl Cursor {
    pub const VALID: &str = "the `cursor` or `next_cursor` of an earlier answer, or the seq of an event";

    pub fn at(position: &Position, seq: u64) -> Cursor {
        let history = (!position.history.is_empty()).then(|| position.history.clone());
        Cursor { history, seq, asked_at: None }
    }

    /// The same for a page of what was asked for at this instant.
    pub fn of_question(self, asked_at: Option<Time>) -> Cursor {
        Cursor { asked_at, ..self }
    }

    /// # Errors
    /// [`Invalid`] under the name `cursor`.
    pub fn parse(given: &str) -> Result<Cursor, Invalid> {
        let wrong = || Invalid::wrong("cursor", &Value::from(given), Cursor::VALID);
        let (place, asked_at) = match given.split_once('@') {
            Some((place, at)) => (place, Some(instant(at).ok_or_else(wrong)?)),
            None => (given, None),
        };
        let (history, seq) = match place.rsplit_once('-') {
            Some((history, seq)) => (Some(history), seq),
            None => (None, place),
        };
        let named = history.is_none_or(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        // `parse` alone would take a leading `+`.
        let plain = seq.bytes().all(|byte| byte.is_ascii_digit());
        match seq.parse() {
            Ok(seq) if named && plain => Ok(Cursor { history: history.map(str::to_owned), seq, asked_at }),
            _ => Err(wrong()),
        }
    }

    /// Whether the history at `position` has such a place.
    pub fn locate(&self, position: &Position) -> Result<u64, Lost> {
        match &self.history {
            Some(history) if *history != position.history => Err(Lost::OtherHistory),
            _ if self.seq > position.head => Err(Lost::AboveHead),
            _ => Ok(self.seq),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(history) = &self.history {
            write!(f, "{history}-")?;
        }
        write!(f, "{}", self.seq)?;
        self.asked_at.map_or(Ok(()), |at| write!(f, "@{:x}", at.micros()))
    }
}

/// Microseconds as they stand behind the `@`: none is before 1970 or needs more digits.
fn instant(given: &str) -> Option<Time> {
    let is_plain = (1..=15).contains(&given.len()) && given.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    i64::from_str_radix(given, 16).ok().filter(|_| is_plain).map(Time::from_micros)
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lost::OtherHistory => "it belongs to another history",
            Lost::AboveHead => "it lies above the newest event",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_bare_numbers() {
        let check = |given: &str, expected: Option<(Option<&str>, u64)>| {
            let read = Cursor::parse(given).ok();
            let place = read.as_ref().map(|cursor| (cursor.history.as_deref(), cursor.seq));
            assert_eq!(place, expected, "{given}");
            if let Some(cursor) = read {
                assert_eq!(cursor.to_string(), given);
            }
        };
        check("3f9a-1042", Some((Some("3f9a"), 1042)));
        check("3f9a01bc-0", Some((Some("3f9a01bc"), 0)));
        check("1042", Some((None, 1042)));
        check("18446744073709551615", Some((None, u64::MAX)));
        check("3f9a-1042@6607f5b3a8d00", Some((Some("3f9a"), 1042)));
        for wrong in [
            "",
            "-",
            "5@",
            "5@-1",
            "5@+1",
            "5@G",
            "5@1@2",
            "@5",
            "5@ffffffffffffffff",
            "-5",
            "3f9a-",
            "3f9a--5",
            "zz-5",
            "3f9a-+5",
            "+5",
            "1e3",
            "18446744073709551616",
            " 5",
            "3f9a-5 ",
        ] {
            check(wrong, None);
        }
    }

    #[test]
    fn knows_when_it_leads_nowhere() {
        let position = Position { history: "3f9a".into(), head: 10, floor: 3 };
        let check = |given: &str, expected: Result<u64, Lost>| {
            assert_eq!(Cursor::parse(given).expect(given).locate(&position), expected, "{given}");
        };
        check("3f9a-10", Ok(10));
        check("10", Ok(10));
        check("3f9a-1", Ok(1));
        check("3f9a-11", Err(Lost::AboveHead));
        check("11", Err(Lost::AboveHead));
        check("ffff-5", Err(Lost::OtherHistory));
    }

    #[test]
    fn a_cursor_made_before_there_is_a_history_stays_valid() {
        let cursor = Cursor::at(&Position::default(), 0);
        assert_eq!(cursor.to_string(), "0");
        let later = Position { history: "3f9a".into(), head: 2, floor: 0 };
        assert_eq!(Cursor::parse(&cursor.to_string()).expect("a bare number").locate(&later), Ok(0));
    }
}
