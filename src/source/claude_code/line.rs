//! A line of the stream or of a transcript: the same things, spelled `like_this` in the one and `likeThis` in the other.

use std::{borrow::Cow, sync::Arc};

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

    pub fn branch(self) -> Option<&'v str> {
        self.0.text("gitBranch")
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

    /// What was asked, as it was typed; nothing where the agent notes something in a person's name.
    pub fn prompt(self) -> Option<Cow<'v, str>> {
        let content = self.content();
        let (given, is_result) = (content.whole_text(), content.blocks("tool_result").next().is_some());
        if self.is_note() || is_result || given.is_empty() {
            return None;
        }
        if let Some(command) = tagged(&given, "command-name") {
            if LEAVING.contains(&command) {
                return None;
            }
            let arguments = tagged(&given, "command-args").unwrap_or_default();
            return Some(format!("{command} {arguments}").trim_end().to_owned().into());
        }
        if let Some(command) = tagged(&given, "bash-input") {
            return Some(format!("!{command}").into());
        }
        (!NOTED.iter().any(|prefix| given.starts_with(prefix))).then_some(given)
    }

    /// What the agent itself carries out needs no model.
    pub fn begins_turn(self) -> bool {
        let is_local = |text: &str| text.starts_with("<bash-") || text.starts_with("<command-name>");
        !self.content().text().is_some_and(is_local)
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

/// With these a person leaves: nothing is asked.
const LEAVING: &[&str] = &["/exit", "/quit"];
/// What the agent notes in a person's name begins with these.
const NOTED: &[&str] = &["<command-name>", "<local-command-", "<bash-", "<task-notification", "[Request interrupted by user"];

/// What stands in the first `<name>…</name>`.
fn tagged<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside.trim())
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

    /// All that is text.
    pub fn whole_text(self) -> Cow<'v, str> {
        let mut texts = self.0.as_text().into_iter().chain(self.texts());
        match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(one), None) => Cow::Borrowed(one),
            (Some(one), Some(two)) => [one, two].into_iter().chain(texts).collect::<Vec<_>>().join("\n").into(),
        }
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
