//! A line of the stream or of a transcript: the same things, spelled `like_this` in the one and `likeThis` in the other.

use serde::{Deserialize, de::MapAccess, de::SeqAccess};
use serde_json::Value;

use super::wire::{ToolInput, ToolResponse};
use crate::{
    event::Time,
    source::loose::{Loose, loose, loose_objects, object, wire},
};

wire! {
    Line {
        #[serde(rename = "type")]
        kind: Option<String>,
        subtype: Option<String>,
        #[serde(alias = "sessionId")]
        session_id: Option<String>,
        uuid: Option<String>,
        timestamp: Option<String>,
        cwd: Option<String>,
        model: Option<String>,
        #[serde(alias = "requestId")]
        request_id: Option<String>,
        #[serde(alias = "promptId")]
        prompt_id: Option<String>,
        parent_tool_use_id: Option<String>,
        #[serde(alias = "agentId")]
        agent_id: Option<String>,
        #[serde(alias = "attributionAgent")]
        subagent_type: Option<String>,
        #[serde(alias = "isMeta")]
        is_meta: bool,
        #[serde(alias = "isCompactSummary")]
        is_compact_summary: bool,
        #[serde(alias = "isApiErrorMessage")]
        is_api_error_message: bool,
        #[serde(alias = "apiErrorStatus")]
        api_error_status: Option<u64>,
        /// A word, or what the provider answered.
        error: Failure,
        error_status: Option<u64>,
        #[serde(alias = "retryAttempt")]
        attempt: Option<u64>,
        #[serde(alias = "retryInMs")]
        retry_delay_ms: Option<u64>,
        #[serde(alias = "compactMetadata")]
        compact_metadata: Compaction,
        message: Message,
        #[serde(alias = "toolUseResult")]
        tool_use_result: Option<ToolResponse>,

        // The stream's alone.
        hook_event: Option<String>,
        hook_name: Option<String>,
        task_id: Option<String>,
        task_type: Option<String>,
        tool_use_id: Option<String>,
        status: Option<String>,
        summary: Option<String>,
        usage: Usage,
        event: StreamEvent,
        api_message_id: Option<String>,
        rate_limit_info: RateLimitInfo,
        is_error: bool,
        terminal_reason: Option<String>,
        result: Option<String>,
        permission_denials: Vec<Denial>,
    }

    Message {
        id: Option<String>,
        model: Option<String>,
        content: Content,
        stop_reason: Option<String>,
        usage: Usage,
    }

    Block {
        #[serde(rename = "type")]
        kind: Option<String>,
        text: Option<String>,
        id: Option<String>,
        name: Option<String>,
        input: ToolInput,
        tool_use_id: Option<String>,
        content: Content,
        is_error: bool,
    }

    /// A call's tokens; `total_tokens` is all that is told of a subagent's.
    #[derive(Clone, Copy, PartialEq)]
    Usage {
        input_tokens: Option<u64>,
        output_tokens: Option<u64>,
        cache_read_input_tokens: Option<u64>,
        cache_creation_input_tokens: Option<u64>,
        total_tokens: Option<u64>,
    }

    StreamEvent {
        #[serde(rename = "type")]
        kind: Option<String>,
        message: Message,
        usage: Usage,
    }

    RateLimitInfo {
        status: Option<String>,
        #[serde(rename = "resetsAt")]
        resets_at: Option<u64>,
        #[serde(rename = "rateLimitType")]
        limit: Option<String>,
    }

    Compaction {
        trigger: Option<String>,
    }

    Denial {
        tool_name: Option<String>,
    }

    Failure {
        #[serde(skip_deserializing)]
        code: Option<String>,
        status: Option<u64>,
        formatted: Option<String>,
    }
}

loose_objects! { Message Block Usage StreamEvent RateLimitInfo Compaction Denial }

/// What a message holds: a text, or blocks.
#[derive(Debug, Default)]
pub(super) struct Content {
    text: Option<String>,
    pub blocks: Vec<Block>,
}

impl Loose for Content {
    fn from_text(text: &str) -> Self {
        Content { text: Loose::from_text(text), blocks: Vec::new() }
    }

    fn from_list<'de, A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error> {
        Ok(Content { text: None, blocks: Loose::from_list(list)? })
    }
}

impl Loose for Failure {
    fn from_text(code: &str) -> Self {
        Failure { code: Loose::from_text(code), ..Failure::default() }
    }

    fn from_object<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        object(map)
    }
}

impl Loose for Option<ToolResponse> {
    fn from_text(text: &str) -> Self {
        Some(ToolResponse::from_text(text))
    }

    fn from_object<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        ToolResponse::from_object(map).map(Some)
    }
}

impl Line {
    pub fn read(value: &Value) -> Line {
        // Only a name that is there in both spellings is an error.
        Line::deserialize(value).unwrap_or_default()
    }

    pub fn time(&self) -> Option<Time> {
        self.timestamp.as_deref().and_then(Time::parse)
    }
}

impl Content {
    /// The text, or the first one of the blocks.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().or_else(|| self.texts().next())
    }

    /// The blocks' texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter(|block| block.is("text")).filter_map(|block| block.text.as_deref())
    }
}

impl Block {
    pub fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

impl Usage {
    /// Tokens that were sent.
    pub fn read(&self) -> u64 {
        let figures = [self.input_tokens, self.cache_read_input_tokens, self.cache_creation_input_tokens];
        figures.into_iter().flatten().fold(0, u64::saturating_add)
    }

    /// Tokens in all, where all are known.
    pub fn total(&self) -> Option<u64> {
        let output = self.output_tokens?;
        self.input_tokens.map(|_| self.read().saturating_add(output))
    }

    /// Where a message has begun, how much will be written is not known, whatever stands there.
    pub fn without_output(self) -> Usage {
        Usage { output_tokens: None, ..self }
    }
}
