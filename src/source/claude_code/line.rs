//! A line of the stream or of a transcript: the same things, spelled `like_this` in the one and `likeThis` in the other.

use std::sync::Arc;

use crate::{
    event::Time,
    source::{
        coder::CoderIdentity,
        fact::{RefusedCall, Told},
        json::Wire,
    },
};

use super::session::{Speaker, refused};

/// The agent's own words in the model's name.
const SYNTHETIC: &str = "<synthetic>";

#[derive(Clone, Copy, Debug)]
pub(super) struct ClaudeLine<'v>(pub Wire<'v>);

impl<'v> ClaudeLine<'v> {
    pub fn kind(self) -> Option<&'v str> {
        self.0.text("type")
    }

    pub fn subtype(self) -> Option<&'v str> {
        self.0.text("subtype")
    }

    pub fn time(self) -> Option<Time> {
        self.0.text("timestamp").and_then(Time::parse)
    }

    pub fn cwd(self) -> Option<&'v str> {
        self.0.text("cwd")
    }

    pub fn uuid(self) -> Option<&'v str> {
        self.0.text("uuid")
    }

    pub fn session_id(self) -> Option<&'v str> {
        self.0.first_text(&["session_id", "sessionId"])
    }

    pub fn prompt_id(self) -> Option<&'v str> {
        self.0.first_text(&["prompt_id", "promptId"])
    }

    pub fn request_id(self) -> Option<&'v str> {
        self.0.first_text(&["request_id", "requestId"])
    }

    pub fn agent_id(self) -> Option<&'v str> {
        self.0.first_text(&["agent_id", "agentId"])
    }

    pub fn subagent_type(self) -> Option<&'v str> {
        self.0.first_text(&["subagent_type", "attributionAgent"])
    }

    /// The session whose record this line is a copy of.
    pub fn forked_from(self) -> Option<&'v str> {
        self.0.at("forkedFrom").text("sessionId")
    }

    pub fn compaction_trigger(self) -> Option<&'v str> {
        self.either("compact_metadata", "compactMetadata").text("trigger")
    }

    /// What the agent noted in a person's name.
    pub fn is_note(self) -> bool {
        self.is_true("is_meta", "isMeta") || self.is_true("is_compact_summary", "isCompactSummary")
    }

    pub fn message(self) -> Wire<'v> {
        self.0.at("message")
    }

    pub fn content(self) -> MessageContent<'v> {
        MessageContent(self.message().at("content"))
    }

    /// The agent's own words instead of the model's.
    pub fn is_synthetic(self) -> bool {
        self.message().is("model", SYNTHETIC)
    }

    /// The agent says instead of the model that it gave up on a request.
    pub fn is_refusal(self) -> bool {
        self.is_true("is_api_error_message", "isApiErrorMessage")
    }

    /// The agent's word for why a request failed; it may also stand as what the provider answered.
    pub fn error_code(self) -> Option<&'v str> {
        self.0.text("error")
    }

    /// A tool's result as the agent has it.
    pub fn tool_use_result(self) -> Option<Wire<'v>> {
        Some(self.either("tool_use_result", "toolUseResult")).filter(|result| result.0.is_object() || result.0.is_string())
    }

    /// The request that the agent gave up on.
    pub fn refused(self) -> RefusedCall {
        let error = self.0.at("error");
        let status = self.whole("api_error_status", "apiErrorStatus").or(self.0.whole("error_status"));
        refused(status.or(error.whole("status")), self.error_code(), self.content().text().or(error.text("formatted")))
    }

    /// The request that is tried again; nothing where the line does not say which attempt it was.
    pub fn retried(self, who: &Arc<CoderIdentity>, uuid: Option<&str>) -> Option<Told> {
        let attempt = self.whole("attempt", "retryAttempt")?;
        let delay_ms = self.whole("retry_delay_ms", "retryInMs").unwrap_or(0);
        Some(Speaker::new(who, self.time()).refused_for_now(self.refused(), uuid, attempt, delay_ms))
    }

    fn either(self, one: &str, other: &str) -> Wire<'v> {
        let value = self.0.at(one);
        if value.is_there() { value } else { self.0.at(other) }
    }

    fn whole(self, one: &str, other: &str) -> Option<u64> {
        self.0.whole(one).or_else(|| self.0.whole(other))
    }

    fn is_true(self, one: &str, other: &str) -> bool {
        self.either(one, other).0.as_bool() == Some(true)
    }
}

/// What a message holds: a text, or blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageContent<'v>(Wire<'v>);

impl<'v> MessageContent<'v> {
    pub fn of(block: Wire<'v>) -> MessageContent<'v> {
        MessageContent(block.at("content"))
    }

    /// The blocks of this type.
    pub fn blocks(self, kind: &str) -> impl Iterator<Item = Wire<'v>> {
        let blocks = self.0.0.as_array().map_or(&[][..], Vec::as_slice).iter().map(Wire);
        blocks.filter(move |block| block.is("type", kind))
    }

    /// The text, or the first one of the blocks.
    pub fn text(self) -> Option<&'v str> {
        self.0.as_text().or_else(|| self.texts().next())
    }

    /// The blocks' texts.
    pub fn texts(self) -> impl Iterator<Item = &'v str> {
        self.blocks("text").filter_map(|block| block.text("text"))
    }
}
