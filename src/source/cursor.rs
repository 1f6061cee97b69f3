//! Cursor: its hook payloads to facts.
//!
//! A conversation is a coder. A tool's call is told by postToolUse; the hooks around shell, MCP and files tell of the same
//! call without its id, so that only what they alone know is taken from them: the edited file, and what a command printed.

mod ear;

use std::sync::Arc;

use crate::event::DataKey;

use super::{
    Agent, Refusal,
    channel::{Channels, HookPayload, Understood},
    coder::CoderIdentity,
    diff::FileDiff,
    fact::{About, Fact, ModelUsage, OnlyIf, Told, Tool, TouchedFile},
};

pub(super) const CHANNELS: Channels =
    Channels { hook: read_hook, stream: None, transcript: None, telemetry: None, ear: Some(ear::EAR) };

/// What tells a person which call of a tool it was; each tool has some of these.
const SUBJECTS: &[&str] = &["command", "file_path", "pattern", "query"];

/// # Errors
/// [`Refusal`] where the payload names no conversation, or a hook that is not known.
fn read_hook(hook: &HookPayload<'_>) -> Understood {
    let Some(name) = hook.wire.text("hook_event_name") else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    let Some(conversation) = hook.wire.first_text(&["conversation_id", "session_id"]) else {
        return Err(Refusal::new("the payload has no `conversation_id`"));
    };
    let folder = hook.wire.list("workspace_roots").next().and_then(|root| root.as_text());
    let who = CoderIdentity::new(Agent::Cursor, conversation, hook.context)?.in_folder(folder);
    CursorPayload { hook, who, folder }.told(name)
}

struct CursorPayload<'p> {
    hook: &'p HookPayload<'p>,
    who: Arc<CoderIdentity>,
    folder: Option<&'p str>,
}

impl CursorPayload<'_> {
    /// # Errors
    /// [`Refusal`] where the hook is not known.
    fn told(&self, name: &str) -> Understood {
        let wire = self.hook.wire;
        Ok(match name {
            "sessionStart" => vec![
                self.who.says(None, Fact::begun(None)).with(DataKey::Cwd, self.folder).with(DataKey::Model, wire.text("model")),
            ],
            "sessionEnd" => vec![self.says(Fact::ended(wire.text("reason")))],
            "beforeSubmitPrompt" => self.prompt(),
            "postToolUse" => vec![self.tool(false)],
            "postToolUseFailure" => vec![self.tool(true)],
            "afterShellExecution" => {
                wire.text("output").map(|text| self.says(Fact::printed("stdout", text))).into_iter().collect()
            }
            "afterAgentResponse" => wire.text("text").map(|text| self.says(Fact::said(text))).into_iter().collect(),
            "afterFileEdit" => self.edited_file().into_iter().collect(),
            "subagentStart" => self.subagent_start()?,
            "preCompact" if wire.is("trigger", "auto") => vec![self.says(Fact::ContextFull)],
            "stop" => self.stop(),
            // A subagent's end names only its type, which several may share; the rest is told by the hooks above.
            "subagentStop"
            | "preCompact"
            | "preToolUse"
            | "beforeShellExecution"
            | "beforeMCPExecution"
            | "afterMCPExecution"
            | "beforeReadFile"
            | "beforeTabFileRead"
            | "afterTabFileEdit"
            | "afterAgentThought"
            | "workspaceOpen" => Vec::new(),
            name => return Err(Refusal::unknown("hook event", name)),
        })
    }

    fn says(&self, fact: Fact) -> Told {
        self.who.says(None, fact).known_by(self.hook.itself())
    }

    fn prompt(&self) -> Vec<Told> {
        let asked = self.hook.wire.text("prompt").map(|prompt| self.says(Fact::asked(prompt, self.who.asker())));
        asked.into_iter().chain([self.says(Fact::Prompted).only_if(OnlyIf::AtRest)]).collect()
    }

    fn tool(&self, failed: bool) -> Told {
        let wire = self.hook.wire;
        let id = wire.text("tool_use_id");
        let told = self.says(Fact::Tool(Tool {
            name: wire.text("tool_name").unwrap_or("tool").to_owned(),
            id: id.map(str::to_owned),
            about: Some(About::asked(wire.at("tool_input"), wire.at("tool_input").first_text(SUBJECTS))),
            failed,
            error: wire.text("error_message").map(str::to_owned),
            duration_ms: wire.whole("duration"),
            ..Tool::default()
        }));
        match id {
            Some(id) => told.known_by(self.who.natural(&["tool", id])),
            None => told,
        }
    }

    fn edited_file(&self) -> Option<Told> {
        let mut edits = self.hook.wire.list("edits");
        // A file that had no text before is one that was not there.
        let is_new = edits.len() == 1 && edits.all(|edit| edit.length("old_string") == Some(0));
        let operation = if is_new { "create" } else { "modify" };
        let path = self.hook.wire.text("file_path")?.to_owned();
        Some(self.says(Fact::File(TouchedFile { operation, path, size: None, diff: self.edits() })))
    }

    fn edits(&self) -> Option<FileDiff> {
        let edits = self.hook.wire.list("edits");
        let edited = edits.map(|edit| {
            FileDiff::of_edit(edit.text("old_string").unwrap_or_default(), edit.text("new_string").unwrap_or_default())
        });
        let text: String = edited.map(|diff| diff.text).collect();
        FileDiff::of_text(&text)
    }

    fn subagent_start(&self) -> Understood {
        let wire = self.hook.wire;
        let Some(id) = wire.text("subagent_id") else { return Ok(Vec::new()) };
        Ok(vec![self.who.subagent(id, wire.text("subagent_type"))?.says(None, Fact::begun(None))])
    }

    fn stop(&self) -> Vec<Told> {
        let wire = self.hook.wire;
        let end = match wire.text("status") {
            Some("error") => Fact::turn_failed(Some("error"), wire.text("error_message")),
            Some("aborted") => Fact::Interrupted,
            _ => Fact::turn_ended(None),
        };
        self.tokens().into_iter().chain([self.says(end)]).collect()
    }

    /// The figures of a whole turn; each answer within it repeats them.
    fn tokens(&self) -> Option<Told> {
        let wire = self.hook.wire;
        let usage = ModelUsage {
            model: wire.text("model").map(str::to_owned),
            input: wire.whole("input_tokens"),
            output: wire.whole("output_tokens"),
            cache_read: wire.whole("cache_read_tokens"),
            cache_write: wire.whole("cache_write_tokens"),
            ..ModelUsage::default()
        };
        usage.input.or(usage.output)?;
        let told = self.says(Fact::Called(usage.summed()));
        Some(match wire.text("generation_id") {
            Some(id) => told.known_by(self.who.natural(&["api", id])),
            None => told,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{HookContext, read_hook};

    #[test]
    fn every_sample_hook_is_understood() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cursor/hooks.jsonl");
        let lines = std::fs::read_to_string(path).expect("the fixture is there");
        let read = |line: &str| read_hook(Agent::Cursor, line.as_bytes(), &HookContext::default()).expect("the hook is known");
        let kinds: Vec<&str> = lines.lines().flat_map(read).map(|draft| draft.kind.short()).collect();
        let expected = "created started prompt resumed file_created progress output progress created started resource_limit output \
                        api_call completed failed paused stopped";
        assert_eq!(kinds.join(" "), expected);
    }
}
