//! Where the next page of coders goes on. Pure.
//!
//! What matters comes first, and that changes between two pages; so a cursor holds whom the pages before have shown, a bit
//! for each, and nobody is shown twice or left out.

use std::{collections::BTreeSet, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    event::{Invalid, Time},
    history::Position,
};

use super::arguments::Argument;

/// Coders by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodersCursor {
    /// Whose numbers they are.
    history: String,
    /// When the first page was read: what is counted from then on stays so.
    pub at: Time,
    pub shown: BTreeSet<u64>,
}

impl CodersCursor {
    pub const VALID: &str = "the `next_cursor` of an earlier answer of `list_ai_coders`, or leave it out to begin anew";
    /// More coders than a history keeps, so that no cursor from elsewhere makes much of itself.
    const BYTES_MAX: usize = 16 << 10;

    pub fn new(position: &Position, at: Time) -> CodersCursor {
        CodersCursor { history: position.history.clone(), at, shown: BTreeSet::new() }
    }

    pub fn is_of(&self, position: &Position) -> bool {
        self.history == position.history
    }

    fn parse(given: &str) -> Option<CodersCursor> {
        let mut parts = given.splitn(4, '-');
        let (history, at, from, bits) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let at = Time::from_micros(i64::from_str_radix(at, 36).ok()?);
        let from = u64::from_str_radix(from, 36).ok()?;
        let bytes = URL_SAFE_NO_PAD.decode(bits).ok().filter(|bytes| bytes.len() <= Self::BYTES_MAX)?;
        from.checked_add(Self::BYTES_MAX as u64 * 8)?;
        let is_set = |index: &usize| bytes[index / 8] & (1 << (index % 8)) != 0;
        let shown = (0..bytes.len() * 8).filter(is_set).map(|index| from + index as u64).collect();
        Some(CodersCursor { history: history.to_owned(), at, shown })
    }
}

impl fmt::Display for CodersCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.shown.first().copied().unwrap_or_default();
        let mut bytes = Vec::new();
        for index in self.shown.iter().map(|no| (no - from) as usize) {
            bytes.resize(bytes.len().max(index / 8 + 1), 0);
            bytes[index / 8] |= 1 << (index % 8);
        }
        let (at, from) = (base36(self.at.micros().unsigned_abs()), base36(from));
        write!(f, "{}-{at}-{from}-{}", self.history, URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

impl Argument for Option<CodersCursor> {
    fn missing() -> Result<Self, &'static str> {
        Ok(None)
    }

    fn read(given: Value) -> Result<Self, Value> {
        given.as_str().and_then(CodersCursor::parse).map(Some).ok_or(given)
    }

    fn valid() -> String {
        CodersCursor::VALID.into()
    }
}

pub(super) fn of_another_history(cursor: &CodersCursor) -> Invalid {
    Invalid::new(
        "cursor",
        format_args!("`cursor` belongs to another history than `{}`: give {}", cursor.history, CodersCursor::VALID),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whom_it_holds_is_whom_it_was_given(shown in prop::collection::btree_set(1_u64..3_000, 0..200), at in 0_i64..4_000_000_000_000_000) {
            let position = Position { history: "3f9a01bc".into(), ..Position::default() };
            let cursor = CodersCursor { shown, ..CodersCursor::new(&position, Time::from_micros(at)) };
            prop_assert_eq!(CodersCursor::parse(&cursor.to_string()), Some(cursor));
        }

        #[test]
        fn what_is_none_is_refused(given in "[0-9a-z-]{0,40}") {
            // Whatever it says, it is read within bounds.
            drop(CodersCursor::parse(&given));
        }
    }

    #[test]
    fn fifty_coders_among_three_hundred_take_little() {
        let position = Position { history: "3f9a01bc".into(), ..Position::default() };
        let mut cursor = CodersCursor::new(&position, Time::from_micros(1_795_000_000_000_000));
        cursor.shown = (0..50).map(|index| 1 + index * 6).collect();
        assert!(cursor.to_string().len() < 90, "{cursor}");
    }
}
