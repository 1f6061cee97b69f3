//! At which step Cursor takes words of its hooks, as it documents them: after a tool's call.

use serde_json::{Value, json};

use crate::source::{
    channel::{Ear, HookPayload},
    occasion::{HookReply, Occasion, OccasionMoment, file_of},
    shell,
};

use super::{Agent, CoderIdentity};

pub(super) const EAR: Ear = Ear { occasion, reply };

const TOOLS: &[&str] = &["Write", "Edit", "StrReplace", "MultiEdit", "Delete", "Read"];

fn occasion(hook: &HookPayload<'_>) -> Option<Occasion> {
    let wire = hook.wire;
    let name = wire.text("hook_event_name").filter(|name| *name == "postToolUse")?;
    let who = CoderIdentity::new(Agent::Cursor, wire.first_text(&["conversation_id", "session_id"])?, hook.context).ok()?;
    let (tool, asked) = (wire.text("tool_name"), wire.at("tool_input"));
    let folder = wire.text("cwd").or_else(|| wire.list("workspace_roots").next()?.as_text()).unwrap_or_default();
    let command = asked.text("command").filter(|_| tool.is_some_and(shell::is_shell));
    let after = Occasion::new(&who.id, name, OccasionMoment::After).about(file_of(tool, TOOLS, asked), folder);
    Some(after.mentioning(command, folder))
}

/// It asks nobody whether a call may be made: see the hooks that are registered.
fn reply(_: &str, reply: HookReply<'_>) -> Value {
    let (HookReply::Context(text) | HookReply::Deny(text)) = reply;
    json!({"additional_context": text})
}
