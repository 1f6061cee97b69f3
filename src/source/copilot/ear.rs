//! At which steps Copilot CLI takes words of its hooks.

use serde_json::{Value, json};

use crate::source::{
    channel::{Ear, HookPayload},
    occasion::{HookReply, Occasion, OccasionMoment, file_of},
    tool_call::ToolCall,
};

use super::{Agent, CoderMoment, CopilotPayload, name_of, session::is_shell, written_files};

pub(super) const EAR: Ear = Ear { occasion, reply };

const READERS: &[&str] = &["view"];

fn occasion(hook: &HookPayload<'_>) -> Option<Occasion> {
    let wire = hook.wire;
    let name = hook.context.event.as_deref().or_else(|| name_of(wire))?;
    let id = wire.first_text(&["sessionId", "session_id"])?;
    let session = CoderMoment::new(Agent::Copilot, id, None, hook.context).ok()?;
    let payload = CopilotPayload { hook, wire, session };
    let call: ToolCall<'_> = payload.tool();
    let of = |moment| Occasion::new(&payload.session.who.id, name, moment);
    let written: Vec<&str> = written_files(&call).into_iter().map(|(_, path)| path).collect();
    let folder = wire.text("cwd").unwrap_or_default();
    match name {
        "sessionStart" | "SessionStart" => wire.is("source", "resume").then(|| of(OccasionMoment::Again)),
        "userPromptSubmitted" | "UserPromptSubmit" | "UserPromptSubmitted" => Some(of(OccasionMoment::Asked)),
        "preToolUse" | "PreToolUse" => (!written.is_empty()).then(|| of(OccasionMoment::Before).about(written, folder)),
        "postToolUse" | "PostToolUse" => {
            let command = call.asked.text("command").filter(|_| is_shell(call.name));
            let files = written.into_iter().chain(file_of(Some(call.name), READERS, call.asked));
            Some(of(OccasionMoment::After).about(files, folder).mentioning(command, folder))
        }
        _ => None,
    }
}

fn reply(_: &str, reply: HookReply<'_>) -> Value {
    match reply {
        HookReply::Context(text) => json!({"additionalContext": text}),
        HookReply::Deny(reason) => json!({"permissionDecision": "deny", "permissionDecisionReason": reason}),
    }
}
