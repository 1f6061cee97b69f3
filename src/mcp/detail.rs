//! How much of an event an answer tells.

use serde_json::value::{RawValue, to_raw_value};

use crate::event::{Event, Summary};

use super::arguments::Words;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerDetail {
    /// One sentence: few tokens, still enough to decide.
    Summary,
    /// Every field, the time of receipt included.
    Full,
}

impl Words for AnswerDetail {
    const WORDS: &'static [(&'static str, AnswerDetail)] = &[("summary", AnswerDetail::Summary), ("full", AnswerDetail::Full)];
}

impl AnswerDetail {
    /// As text: a page of trees of values costs more than the page.
    pub fn tell(self, event: &Event) -> Box<RawValue> {
        let told = match self {
            AnswerDetail::Full => to_raw_value(event),
            AnswerDetail::Summary => to_raw_value(&Summary::of(event)),
        };
        told.expect("an event has only JSON values and text keys")
    }
}
