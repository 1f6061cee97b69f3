//! How much of an event an answer tells.

use serde_json::value::{RawValue, to_raw_value};

use crate::event::{Event, Summary};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// One sentence: few tokens, still enough to decide.
    Summary,
    /// Every field, the time of receipt included.
    Full,
}

impl Detail {
    /// The words of the argument `detail`, the default first.
    pub const WORDS: &[&str] = &["summary", "full"];

    pub fn named(word: &str) -> Detail {
        if word == "full" { Detail::Full } else { Detail::Summary }
    }

    /// As text: a page of trees of values costs more than the page.
    pub fn tell(self, event: &Event) -> Box<RawValue> {
        let told = match self {
            Detail::Full => to_raw_value(event),
            Detail::Summary => to_raw_value(&Summary::of(event)),
        };
        told.expect("an event has only JSON values and text keys")
    }
}
