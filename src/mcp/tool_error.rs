//! Why a tool call has no answer, in words for the model that called.

use rmcp::model::{CallToolResult, ContentBlock};

use crate::{
    bus,
    event::Invalid,
    history::{self, Unclear},
    text::with_causes,
};

use super::unclear;

#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error("{}", unclear::message(.0))]
    UnclearCoder(Unclear),
    #[error(
        "`me` cannot be told: this call does not say which coder it is of, and no recorded coder's process started this server; give its id, which `list_ai_coders` tells"
    )]
    CallerUnknown,
    #[error(
        "`me` cannot be told over HTTP: no recorded coder's process started this server, and this call does not say which coder it is of; give its id, which `list_ai_coders` tells"
    )]
    CallerAfar,
    #[error("nobody would tell you: the hooks of your agent are not set up to; wait with `subscribe_coder`")]
    Deaf,
    #[error("too many calls wait already: end some of them, or ask again without a wait")]
    Crowd,
    #[error("the history could not be used")]
    History(#[from] bus::Error),
    #[error("the history could not be read")]
    Unreadable(#[from] history::Error),
}

impl ToolError {
    pub fn gone(id: &str) -> ToolError {
        ToolError::UnclearCoder(Unclear { said: id.to_owned(), ..Unclear::default() })
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
