//! Why a tool call has no answer, in words for the model that called.

use rmcp::model::{CallToolResult, ContentBlock};

use crate::{
    bus,
    event::{Invalid, check_coder_id},
    history::{self, Reader},
    text::with_causes,
};

use super::untrusted;

#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("unknown coder `{}`{}", untrusted::echo(.id), hint(.nearest))]
    UnknownCoder { id: String, nearest: Vec<String> },
    #[error("too many calls wait already: end some of them, or ask again without a wait")]
    Crowd,
    #[error("the history could not be used")]
    History(#[from] bus::Error),
}

/// How many ids of coders are offered for one that is unknown.
const NEAREST_MAX: usize = 5;

impl ToolError {
    pub fn unknown_coder(reader: &mut Reader, id: &str) -> Result<ToolError, history::Error> {
        let mut nearest = reader.nearest_coders(id, NEAREST_MAX)?;
        // An id is recorded text: one that could pass for the rest of the message is left to `list_ai_coders`.
        nearest.retain(|id| !id.contains('`') && check_coder_id(id).is_ok());
        Ok(ToolError::UnknownCoder { id: id.to_owned(), nearest })
    }

    /// A tool result rather than a protocol error: clients show the latter to nobody.
    pub fn into_result(self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(self.message())])
    }

    /// The whole chain, once.
    pub fn message(&self) -> String {
        with_causes(self)
    }
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return ": no coder is recorded yet".into();
    }
    let ids = nearest.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    format!(", the nearest are {ids}; `list_ai_coders` names them all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_coder_is_answered_with_the_nearest() {
        let told = |nearest: &[&str]| {
            ToolError::UnknownCoder { id: "fix-aut".into(), nearest: nearest.iter().map(|id| id.to_string()).collect() }.message()
        };
        assert_eq!(told(&[]), "unknown coder `fix-aut`: no coder is recorded yet");
        assert_eq!(
            told(&["fix-auth", "fix-ci"]),
            "unknown coder `fix-aut`, the nearest are `fix-auth`, `fix-ci`; `list_ai_coders` names them all"
        );
    }
}
