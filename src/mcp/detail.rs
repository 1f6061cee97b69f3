//! How much of an event an answer tells.

use serde_json::Value;

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

    pub fn tell(self, event: &Event) -> Value {
        let told = match self {
            Detail::Full => serde_json::to_value(event),
            Detail::Summary => serde_json::to_value(Summary::of(event)),
        };
        told.expect("an event has only JSON values and text keys")
    }
}
