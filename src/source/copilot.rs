//! Copilot CLI: its hook payloads to facts; below, its record and its telemetry.
//!
//! A session is a coder, `copilot:<session>`; each of its subagents is one of its own, `copilot:<session>/<name>`. Payloads
//! do not name their hook: the configuration does, as the second word of `hook copilot EVENT`. Without it the payload's
//! fields tell. permissionRequest fires for every call, whether a person is asked or not, so it says nothing; a notification
//! does.

mod ear;
mod session;
mod telemetry;
mod transcript;

use crate::event::DataKey;

use super::{
    Agent, Refusal,
    channel::{Channels, HookPayload, Telemetry, Understood},
    diff::FileDiff,
    fact::{Fact, OnlyIf, Told, Waits},
    json::Wire,
    moment::CoderMoment,
    patch,
    tool_call::{CallEnd, ToolCall},
};

use session::{Trouble, is_shell, printed, subagent_begun, subagent_over, taken_up, trace_of, turn_over, with_diff};

pub(super) const CHANNELS: Channels = Channels {
    hook: read_hook,
    stream: None,
    transcript: Some(transcript::open),
    telemetry: Some(Telemetry { is_of: |service| service == "github-copilot", read: telemetry::read }),
    ear: Some(ear::EAR),
};

/// A subagent's hooks name a session of their own, which never began: only the session's own record says whose it is, and tells
/// what the subagent did. So what happened to a session counts where it is known.
///
/// # Errors
/// [`Refusal`] where the payload names no session, or is of a hook that is not known.
fn read_hook(hook: &HookPayload<'_>) -> Understood {
    let wire = hook.wire;
    let Some(name) = hook.context.event.as_deref().or_else(|| name_of(wire)) else {
        return Err(Refusal::new("the payload does not tell which hook it is of: name it, as in `hook copilot sessionStart`"));
    };
    let Some(session) = wire.first_text(&["sessionId", "session_id"]) else {
        return Err(Refusal::new("the payload has no `sessionId`"));
    };
    let session = CoderMoment::new(Agent::Copilot, session, wire.text("cwd"), hook.context)?.at(wire.time("timestamp"));
    let payload = CopilotPayload { hook, wire, session };
    // Hooks may also be configured under Claude Code's names.
    Ok(match name {
        "sessionStart" | "SessionStart" => payload.session_start(),
        "sessionEnd" | "SessionEnd" => vec![payload.session.stopped(wire.text("reason"))],
        "userPromptSubmitted" | "UserPromptSubmit" | "UserPromptSubmitted" => payload.prompt(),
        "preToolUse" | "PreToolUse" => vec![payload.says(Fact::Works), payload.tool().begun().only_if(OnlyIf::Known)],
        "postToolUse" | "PostToolUse" | "postToolUseFailure" | "PostToolUseFailure" => payload.after_tool(),
        "errorOccurred" | "ErrorOccurred" => payload.error(),
        "agentStop" | "AgentStop" | "Stop" => {
            let reason = wire.first_text(&["stopReason", "stop_reason"]);
            vec![turn_over(&payload.session, wire.text("traceparent").and_then(trace_of), reason).only_if(OnlyIf::Known)]
        }
        "subagentStart" | "SubagentStart" => payload.subagent(|coder, session| vec![subagent_begun(coder, session.at)])?,
        "subagentStop" | "SubagentStop" => {
            let over = |told: Told| told.only_if(OnlyIf::Known);
            payload.subagent(|coder, session| subagent_over(coder, None, session.at).map(over).into())?
        }
        // Compaction that nobody asked for means that the context was full.
        "preCompact" | "PreCompact" if wire.is("trigger", "auto") => vec![payload.says(Fact::ContextFull)],
        "notification" | "Notification" => payload.notification().into_iter().collect(),
        "preCompact"
        | "PreCompact"
        | "permissionRequest"
        | "PermissionRequest"
        | "userPromptTransformed"
        | "UserPromptTransformed" => Vec::new(),
        name => return Err(Refusal::unknown("hook event", name)),
    })
}

/// The hook that a payload is of, from its name where it has one, else from the fields that only this hook has.
fn name_of(wire: Wire<'_>) -> Option<&str> {
    const TELLING: &[(&str, &str)] = &[
        ("transformedPrompt", "userPromptTransformed"),
        ("initialPrompt", "sessionStart"),
        ("source", "sessionStart"),
        ("prompt", "userPromptSubmitted"),
        ("permissionSuggestions", "permissionRequest"),
        ("toolResult", "postToolUse"),
        ("errorContext", "errorOccurred"),
        ("error", "postToolUseFailure"),
        ("toolArgs", "preToolUse"),
        ("notification_type", "notification"),
        ("notificationType", "notification"),
        ("trigger", "preCompact"),
        ("agentDescription", "subagentStart"),
        ("agentName", "subagentStop"),
        ("stopReason", "agentStop"),
        ("reason", "sessionEnd"),
    ];
    let named = wire.first_text(&["hookName", "hook_event_name"]);
    named.or_else(|| TELLING.iter().find(|(field, _)| wire.0.get(field).is_some()).map(|(_, hook)| *hook))
}

struct CopilotPayload<'p> {
    hook: &'p HookPayload<'p>,
    wire: Wire<'p>,
    session: CoderMoment,
}

impl CopilotPayload<'_> {
    /// Known by the payload.
    fn says(&self, fact: Fact) -> Told {
        self.session.says(fact).known_by(self.hook.itself())
    }

    fn session_start(&self) -> Vec<Told> {
        let source = self.wire.text("source");
        let begun = self.session.says(Fact::begun(source)).with(DataKey::Cwd, self.wire.text("cwd"));
        if source == Some("resume") {
            // Its beginning may lie before the recorder was set up.
            return vec![begun.only_if(OnlyIf::Unknown), taken_up(&self.session)];
        }
        vec![begun]
    }

    fn prompt(&self) -> Vec<Told> {
        let Some(prompt) = self.wire.text("prompt") else { return Vec::new() };
        let prompted = self.session.prompted(None, prompt).only_if(OnlyIf::AtRest);
        // A subagent's task comes with an id of its own, by which no session began.
        vec![self.session.asked(None, prompt).only_if(OnlyIf::Known), prompted]
    }

    /// What stands under the name of the hooks' own, or under Claude Code's.
    fn either(&self, own: &str, other: &str) -> Wire<'_> {
        let value = self.wire.at(own);
        if value.is_there() { value } else { self.wire.at(other) }
    }

    fn tool(&self) -> ToolCall<'_> {
        let name = self.wire.first_text(&["toolName", "tool_name"]).unwrap_or("tool");
        ToolCall { by: &self.session, name, id: None, asked: self.either("toolArgs", "tool_input") }
    }

    fn after_tool(&self) -> Vec<Told> {
        let (call, result) = (self.tool(), self.either("toolResult", "tool_result"));
        let said = result.first_text(&["textResultForLlm", "text_result_for_llm"]).unwrap_or_default();
        let (printed, exit_code) = printed(call.name, said).unwrap_or_default();
        let succeeded = result.first_text(&["resultType", "result_type"]).is_none_or(|kind| kind == "success");
        let outcome = match (self.wire.text("error"), exit_code.filter(|code| *code != 0)) {
            (None, None) if succeeded => CallEnd::DONE,
            (error, exit_code) => CallEnd::failed(error.or((!succeeded).then_some(said)), exit_code),
        };
        let answer = if is_shell(call.name) { printed.as_str() } else { said };
        let outcome = outcome.answering(Some(answer).filter(|answer| !answer.is_empty()), is_shell(call.name));
        let mut told = vec![call.ended(outcome, None)];
        if !outcome.failed {
            let files = written_files(&call).into_iter().enumerate();
            let written = |(nth, (operation, path)): (usize, (&'static str, &str))| call.file(nth, operation, path);
            told.extend(files.map(written).map(|told| with_diff(told, edited(call.asked))));
        }
        told.extend(call.command(outcome, Some(&printed), self.wire.text("cwd")));
        let known = told.into_iter().map(|told| told.only_if(OnlyIf::Known));
        std::iter::once(self.says(Fact::Works)).chain(known).collect()
    }

    fn error(&self) -> Vec<Told> {
        let error = self.wire.at("error");
        let trouble = Trouble {
            code: error.first_text(&["code", "name"]),
            message: error.text("message").or(error.as_text()),
            ..Trouble::default()
        };
        // Errors of tools have a hook of their own.
        let calling = self.wire.first_text(&["errorContext", "error_context"]).is_none_or(|context| context == "model_call");
        let recovers = self.wire.truth("recoverable") != Some(false);
        let refused = calling.then(|| trouble.refused(&self.session));
        let failed = (!recovers).then(|| trouble.failed(&self.session));
        refused.into_iter().chain(failed).map(|told| told.only_if(OnlyIf::Known)).collect()
    }

    /// # Errors
    /// [`Refusal`] where the subagent's name cannot be part of a coder's id.
    fn subagent(&self, tell: impl FnOnce(&std::sync::Arc<super::coder::CoderIdentity>, &CoderMoment) -> Vec<Told>) -> Understood {
        let Some(name) = self.wire.first_text(&["agentName", "agent_name"]) else { return Ok(Vec::new()) };
        let shown = self.wire.first_text(&["agentDisplayName", "agent_display_name"]);
        Ok(tell(&self.session.who.subagent(name, shown)?, &self.session))
    }

    fn notification(&self) -> Option<Told> {
        let waits = match self.wire.first_text(&["notification_type", "notificationType"])? {
            "permission_prompt" => Waits::Permission,
            "elicitation_dialog" => Waits::Question,
            _ => return None,
        };
        Some(self.says(Fact::Waits(waits)).with(DataKey::Message, self.wire.first_text(&["message", "title"])))
    }
}

/// What a call asked to change in a file: hooks tell no more.
fn edited(asked: Wire<'_>) -> Option<FileDiff> {
    let new = asked.first_text(&["file_text", "new_str"])?;
    Some(asked.text("old_str").map_or_else(|| FileDiff::of_new(new), |old| FileDiff::of_edit(old, new)))
}

/// What a call that succeeded did to files, by the tool it was.
fn written_files<'p>(call: &ToolCall<'p>) -> Vec<(&'static str, &'p str)> {
    let path = call.asked.text("path");
    match call.name {
        "create" => path.map(|path| ("create", path)).into_iter().collect(),
        "edit" | "str_replace" | "insert" => path.map(|path| ("modify", path)).into_iter().collect(),
        "apply_patch" => {
            let patch = call.asked.as_text().or(call.asked.text("patch")).unwrap_or_default();
            patch.lines().filter_map(patch::header).map(|(kind, path)| (kind.operation(), path)).collect()
        }
        _ => Vec::new(),
    }
}
