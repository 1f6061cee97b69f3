//! How much of an event an answer tells.

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
