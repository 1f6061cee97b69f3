//! How much of an event an answer tells.

use serde_json::value::{RawValue, to_raw_value};

use crate::{
    event::{Event, Summary},
    filter::TextQuery,
};

use super::arguments::Words;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerDetail {
    /// One sentence: few tokens, still enough to decide.
    Summary,
    /// Every field, the time of receipt included.
    Full,
}

impl Words for AnswerDetail {
    fn words() -> Vec<(&'static str, AnswerDetail)> {
        vec![("summary", AnswerDetail::Summary), ("full", AnswerDetail::Full)]
    }
}

impl AnswerDetail {
    pub fn tell(self, event: &Event) -> Box<RawValue> {
        self.tell_found(event, None)
    }

    /// As text: a page of trees of values costs more than the page. A sentence shows what was looked for.
    pub fn tell_found(self, event: &Event, looked_for: Option<&TextQuery>) -> Box<RawValue> {
        let told = match (self, looked_for) {
            (AnswerDetail::Full, _) => to_raw_value(event),
            (AnswerDetail::Summary, None) => to_raw_value(&Summary::of(event)),
            (AnswerDetail::Summary, Some(text)) => to_raw_value(&Summary::of(event).saying(text.sentence(event))),
        };
        told.expect("an event has only JSON values and text keys")
    }
}
