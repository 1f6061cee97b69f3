//! Claude Code: its hook payloads to facts; below, its stream, its transcripts and its telemetry.
//!
//! A session is a coder, `claude-code:<session>`; each of its subagents is one of its own, `claude-code:<session>/<agent>`.
//! Hooks come from many short processes at once and know nothing of what was recorded before them, so what depends on the
//! coder's past is a condition, and what two hooks report is one fact by its key: a tool's call is reported by PostToolUse
//! and again by PostToolBatch, or by the latter alone where the tool was denied.

mod calls;
mod conversation;
mod ear;
mod line;
mod session;
mod stream;
mod telemetry;
mod tools;
mod transcript;

use crate::event::DataKey;

use super::{
    Agent, Refusal,
    channel::{Channels, HookPayload, Telemetry, Understood},
    coder::CoderIdentity,
    drafts::describe,
    fact::{Fact, OnlyIf, Told, Waits},
    json::Wire,
};

use session::{Speaker, refused};
use tools::{ASK_USER, ToolInput};

pub(super) const CHANNELS: Channels = Channels {
    hook: read_hook,
    stream: Some(stream::open),
    transcript: Some(transcript::open),
    telemetry: Some(Telemetry { is_of: |service| service == "claude-code", read: telemetry::read }),
    ear: Some(ear::EAR),
};

/// # Errors
/// [`Refusal`] where the payload names no session, or a hook that is not known.
fn read_hook(hook: &HookPayload<'_>) -> Understood {
    let Some(name) = hook.wire.text("hook_event_name") else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    if !HOOKS.contains(&name) {
        return Err(Refusal::unknown("hook event", name));
    }
    Ok(ClaudePayload::new(hook)?.told(name))
}

/// The hooks of version 2.1.330. Those that say nothing of a coder's work are known all the same.
const HOOKS: &[&str] = &[
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Notification",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "PreModelSwitch",
    "PostModelSwitch",
    "PermissionRequest",
    "PermissionDenied",
    "Setup",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "Elicitation",
    "ElicitationResult",
    "ConfigChange",
    "WorktreeCreate",
    "WorktreeRemove",
    "InstructionsLoaded",
    "CwdChanged",
    "FileChanged",
    "DirectoryAdded",
    "MessageDisplay",
];

struct ClaudePayload<'p> {
    wire: Wire<'p>,
    speaker: Speaker<'p>,
}

impl<'p> ClaudePayload<'p> {
    /// # Errors
    /// [`Refusal`] where it names no session, or one that cannot be part of a coder's id.
    fn new(hook: &'p HookPayload<'p>) -> Result<ClaudePayload<'p>, Refusal> {
        let wire = hook.wire;
        let Some(session) = wire.text("session_id") else { return Err(Refusal::new("the payload has no `session_id`")) };
        let who = CoderIdentity::new(Agent::ClaudeCode, session, hook.context)?;
        let who = match wire.text("agent_id") {
            Some(agent_id) => who.subagent(agent_id, wire.text("agent_type"))?,
            None => who.in_folder(wire.text("cwd")),
        };
        Ok(ClaudePayload { wire, speaker: Speaker { who, at: None, hook: Some(hook), line: None } })
    }

    fn told(&self, name: &str) -> Vec<Told> {
        let wire = self.wire;
        match name {
            "SessionStart" => self.session_start(),
            "SessionEnd" => vec![self.session_end()],
            "Stop" => vec![self.turn_ended()],
            "StopFailure" => self.stop_failure(),
            "SubagentStart" => vec![self.begun()],
            "SubagentStop" => self.subagent_stop(),
            "UserPromptSubmit" => self.prompt(),
            "PermissionRequest" => vec![self.permission_request()],
            "Notification" => self.notification().into_iter().collect(),
            "Elicitation" => vec![self.says(Fact::Waits(Waits::Question))],
            "ElicitationResult" => vec![self.says(Fact::Answered { granted: None })],
            "PreToolUse" => tools::before(&self.speaker, wire),
            "PostToolUse" => tools::after(&self.speaker, wire),
            "PostToolUseFailure" => tools::failed(&self.speaker, wire, wire.text("error")),
            "PermissionDenied" => tools::failed(&self.speaker, wire, wire.text("reason")),
            "PostToolBatch" => tools::batch(&self.speaker, wire),
            "MessageDisplay" => self.message().into_iter().collect(),
            "TaskCompleted" => {
                let task = self.says(Fact::reached(wire.text("task_subject").unwrap_or("task completed")));
                vec![task.with(DataKey::TaskId, wire.text("task_id"))]
            }
            "PostCompact" => vec![self.speaker.compacted(None, wire.text("trigger"), wire.text("compact_summary"))],
            // Compaction that nobody asked for means that the context was full.
            "PreCompact" if wire.is("trigger", "auto") => vec![self.says(Fact::ContextFull)],
            "CwdChanged" => vec![self.workspace("cwd_changed", wire.text("new_cwd"))],
            "DirectoryAdded" => {
                vec![self.workspace("directory_added", wire.first_text(&["directory", "directory_path", "path"]))]
            }
            "WorktreeRemove" => self.worktree_remove(),
            "FileChanged" => self.file_changed().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn prompt(&self) -> Vec<Told> {
        let prompt_id = self.wire.text("prompt_id");
        let asked = self.wire.text("prompt").map(|prompt| self.speaker.asked(prompt_id, prompt));
        asked.into_iter().chain([self.speaker.prompted(prompt_id).only_if(OnlyIf::AtRest)]).collect()
    }

    /// Known by the payload.
    fn says(&self, fact: Fact) -> Told {
        self.speaker.says(fact).known_by(self.speaker.itself())
    }

    /// Commands such as `claude mcp list` end a session that never began: without a prompt, an end alone makes no coder.
    fn session_end(&self) -> Told {
        let ended = self.speaker.ended(None, self.wire.text("reason"));
        let has_prompt = self.wire.text("prompt_id").is_some();
        ended.only_if(if has_prompt { OnlyIf::Always } else { OnlyIf::Known })
    }

    fn session_start(&self) -> Vec<Told> {
        match self.wire.text("source") {
            // The same session goes on with a shorter memory.
            Some("compact") => Vec::new(),
            // Its beginning may lie before the recorder was set up.
            Some("resume") => vec![self.begun().only_if(OnlyIf::Unknown), self.about(self.speaker.taken_up())],
            _ => vec![self.begun()],
        }
    }

    fn begun(&self) -> Told {
        self.about(self.speaker.says(Fact::begun(self.wire.text("source"))))
    }

    fn about(&self, told: Told) -> Told {
        let told = told.with(DataKey::Cwd, self.wire.text("cwd"));
        let told = told.with(DataKey::TranscriptPath, self.wire.text("transcript_path"));
        told.with(DataKey::Model, self.wire.text("model"))
    }

    fn turn_ended(&self) -> Told {
        let ended = self.speaker.turn_ended(self.wire.text("prompt_id"), self.wire.text("last_assistant_message"));
        ended.with(DataKey::BackgroundTasks, self.wire.length("background_tasks").filter(|tasks| *tasks > 0))
    }

    /// Compaction ends subagents that never started: they make no coder.
    fn subagent_stop(&self) -> Vec<Told> {
        let (prompt_id, message) = (self.wire.text("prompt_id"), self.wire.text("last_assistant_message"));
        let ended = [self.turn_ended(), self.speaker.subagent_ended(prompt_id, message)];
        ended.map(|told| told.only_if(OnlyIf::Known)).into()
    }

    fn stop_failure(&self) -> Vec<Told> {
        let wire = self.wire;
        let (prompt_id, code) = (wire.text("prompt_id"), wire.text("error"));
        let message = wire.first_text(&["last_assistant_message", "error_details"]);
        let failed = self.speaker.turn_failed(prompt_id, code, message);
        let failed = failed.with(DataKey::ErrorDetails, wire.text("error_details"));
        let refused = refused(None, code, message);
        if refused.is_rate_limit() { vec![self.speaker.refused_for_good(refused, prompt_id), failed] } else { vec![failed] }
    }

    fn permission_request(&self) -> Told {
        let (tool, input) = (self.wire.text("tool_name"), ToolInput::read(self.wire.at("tool_input")));
        let request = tool.map(|tool| describe(tool, input.subject.as_deref()));
        let about = |told: Told| told.with(DataKey::ToolName, tool).with(DataKey::Request, request);
        // The tool's own hook has told already that somebody is asked.
        if tool == Some(ASK_USER) {
            return about(self.says(Fact::Waits(Waits::Question)).only_if(OnlyIf::NotWaiting));
        }
        about(self.says(Fact::Waits(Waits::Permission)))
    }

    fn notification(&self) -> Option<Told> {
        let message = self.wire.text("message").unwrap_or_default();
        let kind = self.wire.text("notification_type").unwrap_or(match message {
            // Before notifications had types.
            _ if message.contains("needs your permission") => "permission_prompt",
            _ if message.contains("waiting for your input") => "idle_prompt",
            _ => "",
        });
        let (waits, only_if) = match kind {
            "permission_prompt" => (Waits::Permission, OnlyIf::NotWaiting),
            "agent_needs_input" | "elicitation_dialog" => (Waits::Question, OnlyIf::NotWaiting),
            "idle_prompt" => (Waits::Prompt, OnlyIf::Always),
            _ => return None,
        };
        Some(self.says(Fact::Waits(waits)).only_if(only_if).with(DataKey::Message, self.wire.text("message")))
    }

    /// A message is shown at once or piece by piece; its pieces are known to nobody else.
    fn message(&self) -> Option<Told> {
        let text = self.wire.text("delta")?;
        let part = self.wire.whole("index").unwrap_or(0);
        let is_last = self.wire.truth("final") == Some(true);
        let id = self.wire.text("message_id");
        let said = match id {
            Some(id) if part > 0 || !is_last => {
                let ids = self.speaker.who.own(&["message", id, &part.to_string()]);
                self.speaker.says(Fact::said(text)).known_by(ids)
            }
            _ => self.speaker.said(None, text),
        };
        Some(said.with(DataKey::MessageId, id))
    }

    fn workspace(&self, operation: &'static str, path: Option<&str>) -> Told {
        let told = self.says(Fact::file(operation, path.unwrap_or_default()));
        told.with(DataKey::OldCwd, self.wire.text("old_cwd"))
    }

    /// A coder whose own folder is removed is gone, and so is one that is over; a session at work lost only a subagent's folder.
    fn worktree_remove(&self) -> Vec<Told> {
        let path = self.wire.text("worktree_path");
        let inside = path.zip(self.wire.text("cwd")).is_some_and(|(worktree, cwd)| {
            cwd.strip_prefix(worktree).is_some_and(|below| below.is_empty() || below.starts_with('/'))
        });
        let deleted = self.says(Fact::Deleted { reason: Some("worktree removed".to_owned()) });
        let deleted = deleted.with(DataKey::WorktreePath, path).only_if(if inside { OnlyIf::Always } else { OnlyIf::Over });
        vec![self.workspace("worktree_remove", path), deleted]
    }

    fn file_changed(&self) -> Option<Told> {
        let operation = match self.wire.text("event") {
            Some("add" | "create" | "created") => "create",
            Some("unlink" | "delete" | "deleted") => "delete",
            _ => "modify",
        };
        Some(self.says(Fact::file(operation, self.wire.text("file_path")?)))
    }
}

#[cfg(test)]
mod tests;
