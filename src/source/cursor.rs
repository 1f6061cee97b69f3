//! Cursor: its hook payloads to drafts.
//!
//! A conversation is a coder. A tool's call is told by postToolUse; the hooks around shell, MCP and files tell of the same
//! call without its id, so that only what they alone know is taken from them: the edited file, and what a command printed.

use crate::event::{Body, Condition, Draft, EventType, Lifecycle, Progress, Provider, Status};
use crate::source::{
    Agent, HookContext, Refusal,
    loose::{Length, Loose, loose, loose_objects, object, read_object, wire},
    session::{Session, bounded, fingerprint, with_text},
};
use crate::text;

use serde::{Deserialize, de::MapAccess};

wire! {
    Payload {
        hook_event_name: Option<String>,
        conversation_id: Option<String>,
        session_id: Option<String>,
        generation_id: Option<String>,
        model: Option<String>,
        workspace_roots: Vec<Option<String>>,
        prompt: Option<String>,
        tool_name: Option<String>,
        tool_use_id: Option<String>,
        tool_input: ToolInput,
        duration: Option<u64>,
        error_message: Option<String>,
        file_path: Option<String>,
        edits: Vec<Edit>,
        output: Option<String>,
        text: Option<String>,
        input_tokens: Option<u64>,
        output_tokens: Option<u64>,
        cache_read_tokens: Option<u64>,
        cache_write_tokens: Option<u64>,
        subagent_id: Option<String>,
        subagent_type: Option<String>,
        trigger: Option<String>,
        status: Option<String>,
        reason: Option<String>,
    }

    ToolInput {
        command: Option<String>,
        file_path: Option<String>,
        pattern: Option<String>,
        query: Option<String>,
    }

    Edit {
        old_string: Length,
    }
}

loose_objects! { ToolInput Edit }

/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or names a hook that is not known.
pub(super) fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let wire: Payload = read_object(payload)?;
    let Some(name) = wire.hook_event_name.as_deref() else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    let Some(conversation) = wire.conversation_id.as_deref().or(wire.session_id.as_deref()) else {
        return Err(Refusal::new("the payload has no `conversation_id`"));
    };
    let folder = wire.workspace_roots.first().and_then(|root| root.as_deref());
    let session = Session::new(Agent::Cursor, conversation, context)?.in_folder(folder);
    let report = Report { wire: &wire, payload, session };
    report.drafts(name, folder)
}

const LINE_CHARS_MAX: usize = 200;
const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];

struct Report<'p> {
    wire: &'p Payload,
    payload: &'p [u8],
    session: Session,
}

impl Report<'_> {
    fn drafts(&self, name: &str, folder: Option<&str>) -> Result<Vec<Draft>, Refusal> {
        let wire = self.wire;
        Ok(match name {
            "sessionStart" => {
                let about =
                    |kind| with_text(with_text(self.lifecycle(kind, None), "cwd", folder), "model", wire.model.as_deref());
                let begun = [(EventType::Created, "created"), (EventType::Started, "started")];
                begun.map(|(kind, part)| self.session.keyed(about(kind), &[part])).into()
            }
            "sessionEnd" => vec![self.repeated(self.lifecycle(EventType::Stopped, wire.reason.as_deref()))],
            "beforeSubmitPrompt" => {
                let resumed = with_text(self.lifecycle(EventType::Resumed, Some("prompt")), "prompt", wire.prompt.as_deref());
                vec![Draft { only_if: Some(Condition::Status(AT_REST.to_vec())), ..self.repeated(resumed) }]
            }
            "postToolUse" => vec![self.tool()],
            "postToolUseFailure" => vec![with_text(self.tool().with("failed", true), "error", wire.error_message.as_deref())],
            "afterShellExecution" => self.output("stdout", wire.output.as_deref()).into_iter().collect(),
            "afterAgentResponse" => self.output("assistant", wire.text.as_deref()).into_iter().collect(),
            "afterFileEdit" => self.edited_file().into_iter().collect(),
            "subagentStart" => self.subagent_start()?,
            "preCompact" if wire.trigger.as_deref() == Some("auto") => {
                let draft = self.session.draft(EventType::ResourceLimit).with("limit", "context");
                vec![self.repeated(draft.with("message", "the context is full and is being compacted"))]
            }
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
            name => return Err(Refusal::new(format!("unknown hook event `{}`", crate::event::echo(name, 60)))),
        })
    }

    fn lifecycle(&self, kind: EventType, reason: Option<&str>) -> Draft {
        self.session.filled(Draft::lifecycle("", kind, "", "", &bounded(reason.unwrap_or_default())))
    }

    fn repeated(&self, draft: Draft) -> Draft {
        self.session.repeated_payload(draft, fingerprint(self.payload.trim_ascii()))
    }

    fn tool(&self) -> Draft {
        let wire = self.wire;
        let tool = wire.tool_name.as_deref().unwrap_or("tool");
        let input = &wire.tool_input;
        let subjects = [&input.command, &input.file_path, &input.pattern, &input.query];
        let description = match subjects.into_iter().find_map(|subject| subject.as_deref()) {
            Some(subject) => format!("{tool}: {subject}"),
            None => tool.to_owned(),
        };
        let mut draft = self.session.draft(EventType::Progress);
        draft.body = Body::Progress(Progress {
            stage: Some(bounded(tool)),
            description: Some(text::excerpt(&description, LINE_CHARS_MAX)),
            ..Progress::default()
        });
        let mut draft = with_text(draft, "tool_name", Some(tool));
        if let Some(duration) = wire.duration {
            draft = draft.with("duration_ms", duration);
        }
        match wire.tool_use_id.as_deref() {
            Some(id) => self.session.keyed(draft.with("tool_use_id", bounded(id)), &["tool", id]),
            None => self.repeated(draft),
        }
    }

    fn output(&self, stream: &str, printed: Option<&str>) -> Option<Draft> {
        let mut draft = self.session.draft(EventType::Output);
        draft.body =
            Body::Progress(Progress { stream: Some(stream.to_owned()), text: Some(bounded(printed?)), ..Progress::default() });
        Some(self.repeated(draft))
    }

    fn edited_file(&self) -> Option<Draft> {
        // A file that had no text before is one that was not there.
        let is_new = matches!(&self.wire.edits[..], [edit] if edit.old_string.0 == Some(0));
        let operation = if is_new { "create" } else { "modify" };
        Some(self.repeated(self.session.filled(Draft::workspace("", operation, &bounded(self.wire.file_path.as_deref()?)))))
    }

    fn subagent_start(&self) -> Result<Vec<Draft>, Refusal> {
        let Some(id) = self.wire.subagent_id.as_deref() else { return Ok(Vec::new()) };
        let inner = self.session.subagent(id, self.wire.subagent_type.as_deref())?;
        let begun = [(EventType::Created, "created"), (EventType::Started, "started")];
        Ok(begun.map(|(kind, part)| inner.keyed(inner.draft(kind), &["agent", id, part])).into())
    }

    fn stop(&self) -> Vec<Draft> {
        let wire = self.wire;
        let kind = match wire.status.as_deref() {
            Some("error") => EventType::Failed,
            Some("aborted") => EventType::Stopped,
            _ => EventType::Completed,
        };
        let mut end = self.session.draft(kind);
        let reason = wire.status.as_deref().filter(|status| *status != "completed").map(bounded);
        end.body = Body::Lifecycle(Lifecycle {
            reason,
            error_message: wire.error_message.as_deref().map(bounded),
            ..Lifecycle::default()
        });
        self.tokens().into_iter().chain([self.repeated(end)]).collect()
    }

    /// The figures of a whole turn; each answer within it repeats them.
    fn tokens(&self) -> Option<Draft> {
        let wire = self.wire;
        wire.input_tokens.or(wire.output_tokens)?;
        let figures = [wire.input_tokens, wire.output_tokens, wire.cache_read_tokens, wire.cache_write_tokens];
        let mut draft = self.session.draft(EventType::ApiCall);
        draft.body = Body::Provider(Provider {
            tokens_used: wire.output_tokens.map(|_| figures.into_iter().flatten().fold(0, u64::saturating_add)),
            model: wire.model.as_deref().map(bounded),
            input_tokens: wire.input_tokens,
            output_tokens: wire.output_tokens,
            cache_read_tokens: wire.cache_read_tokens,
            cache_write_tokens: wire.cache_write_tokens,
            ..Provider::default()
        });
        Some(match wire.generation_id.as_deref() {
            Some(id) => self.session.keyed(draft, &["api", id]),
            None => self.repeated(draft),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_hook_is_understood() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cursor/hooks.jsonl");
        let lines = std::fs::read_to_string(path).expect("the fixture is there");
        let read = |line: &str| read_hook(line.as_bytes(), &HookContext::default()).expect("the hook is known");
        let kinds: Vec<&str> = lines.lines().flat_map(read).map(|draft| draft.kind.short()).collect();
        let expected = "created started resumed file_created progress output progress created started resource_limit output \
                        api_call completed failed stopped stopped";
        assert_eq!(kinds.join(" "), expected);
    }
}
