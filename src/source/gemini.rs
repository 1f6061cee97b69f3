//! Gemini CLI: its hook payloads to facts; below, its output, its record and its telemetry.
//!
//! A session is a coder, `gemini:<session>`. Payloads have a time but no ids of calls and turns: `session` says by what their
//! facts are recognised in other channels.

mod ear;
mod session;
mod stream;
mod telemetry;
mod transcript;

use crate::event::DataKey;

use super::{
    Agent, Refusal,
    channel::{Channels, HookPayload, Telemetry, Understood},
    fact::{Fact, OnlyIf, Told, Waits},
    json::Wire,
    moment::CoderMoment,
    tool_call::{CallEnd, ToolCall},
};

use session::{ModelAnswer, answer, exit_code, is_shell, shown, turn_over, without_hook_context};

pub(super) const CHANNELS: Channels = Channels {
    hook: read_hook,
    stream: Some(stream::open),
    transcript: Some(transcript::open),
    telemetry: Some(Telemetry { is_of: |service| service == "gemini-cli", read: telemetry::read }),
    ear: Some(ear::EAR),
};

/// # Errors
/// [`Refusal`] where the payload names no session, or a hook that is not known.
fn read_hook(hook: &HookPayload<'_>) -> Understood {
    let wire = hook.wire;
    let Some(name) = wire.text("hook_event_name") else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    let Some(session) = wire.text("session_id") else {
        return Err(Refusal::new("the payload has no `session_id`"));
    };
    let session = CoderMoment::new(Agent::Gemini, session, wire.text("cwd"), hook.context)?.at(wire.time("timestamp"));
    let payload = GeminiPayload { hook, wire, session };
    Ok(match name {
        "SessionStart" => payload.session_start(),
        "SessionEnd" => vec![payload.session.stopped(wire.text("reason"))],
        "BeforeAgent" => payload.prompt(),
        "AfterAgent" => vec![payload.turn_ended()],
        "AfterModel" => payload.answer().into_iter().collect(),
        "BeforeTool" => vec![payload.says(Fact::Works), payload.tool().begun()],
        "AfterTool" => payload.after_tool(),
        "Notification" => payload.notification().into_iter().collect(),
        // PreCompress fires before every call to the model, whether anything is compressed or not.
        "BeforeModel" | "BeforeToolSelection" | "PreCompress" => Vec::new(),
        name => return Err(Refusal::unknown("hook event", name)),
    })
}

struct GeminiPayload<'p> {
    hook: &'p HookPayload<'p>,
    wire: Wire<'p>,
    session: CoderMoment,
}

impl GeminiPayload<'_> {
    /// Known by the payload.
    fn says(&self, fact: Fact) -> Told {
        self.session.says(fact).known_by(self.hook.itself())
    }

    fn session_start(&self) -> Vec<Told> {
        let about = |told: Told| {
            let told = told.with(DataKey::Cwd, self.wire.text("cwd"));
            told.with(DataKey::TranscriptPath, self.wire.text("transcript_path"))
        };
        let source = self.wire.text("source");
        let begun = about(self.session.says(Fact::begun(source)));
        if source == Some("resume") {
            // Its beginning may lie before the recorder was set up.
            return vec![begun.only_if(OnlyIf::Unknown), about(self.says(Fact::TakenUp))];
        }
        vec![begun]
    }

    fn prompt(&self) -> Vec<Told> {
        let Some(prompt) = self.wire.text("prompt").map(without_hook_context) else { return Vec::new() };
        let prompted = self.session.prompted(None, prompt).only_if(OnlyIf::AtRest);
        vec![self.session.asked(None, prompt), prompted]
    }

    fn turn_ended(&self) -> Told {
        let prompt = self.wire.text("prompt").map(without_hook_context).unwrap_or_default();
        let ended = turn_over(&self.session, Fact::turn_ended(None), prompt, None);
        ended.with(DataKey::LastAssistantMessage, self.wire.text("prompt_response"))
    }

    /// The hook fires for every piece of a streamed answer; the last has the reason why it ended, and the final counts.
    fn answer(&self) -> Option<Told> {
        let (request, response) = (self.wire.at("llm_request"), self.wire.at("llm_response"));
        response.list("candidates").find_map(|candidate| candidate.text("finishReason"))?;
        let usage = response.at("usageMetadata");
        if !(request.is_there() && usage.is_there()) {
            return None;
        }
        let answer = ModelAnswer {
            model: request.text("model"),
            prompt: usage.whole("promptTokenCount"),
            written: usage.whole("candidatesTokenCount"),
            thoughts: usage.whole("thoughtsTokenCount"),
            cached: usage.whole("cachedContentTokenCount"),
            tools: usage.whole("toolUsePromptTokenCount"),
            total: usage.whole("totalTokenCount"),
            ..ModelAnswer::default()
        };
        Some(answer.told(&self.session).with(DataKey::PromptTokens, answer.prompt))
    }

    fn tool(&self) -> ToolCall<'_> {
        let name = self.wire.text("tool_name").unwrap_or("tool");
        ToolCall { by: &self.session, name, id: None, asked: self.wire.at("tool_input") }
    }

    fn after_tool(&self) -> Vec<Told> {
        let (call, response) = (self.tool(), self.wire.at("tool_response"));
        let exit_code = response.text("llmContent").and_then(|told| exit_code(call.name, told));
        let error = response.at("error");
        let outcome = match error.is_there() || exit_code.is_some() {
            true => CallEnd::failed(error.text("message"), exit_code),
            false => CallEnd::DONE,
        };
        let outcome =
            outcome.answering(response.text("llmContent").and_then(|told| answer(call.name, told)), is_shell(call.name));
        let mut told = vec![self.says(Fact::Works), call.ended(outcome, None)];
        told.extend(call.planned(outcome));
        told.extend(shown(&call, response.at("returnDisplay"), outcome, self.wire.text("cwd")));
        told
    }

    fn notification(&self) -> Option<Told> {
        let waits = match (self.wire.text("notification_type")?, self.wire.at("details").text("type")) {
            ("ToolPermission", Some("ask_user")) => Waits::Question,
            ("ToolPermission", _) => Waits::Permission,
            _ => return None,
        };
        Some(self.says(Fact::Waits(waits)).with(DataKey::Message, self.wire.text("message")))
    }
}
