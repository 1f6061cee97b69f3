//! Codex: its hook payloads to drafts.
//!
//! A session is a coder, `codex:<session>`; each of its subagents is one of its own, `codex:<session>/<agent>`. Hooks tell
//! nothing of tokens, and not whether a command succeeded; the rollout, the JSON output and the telemetry do, and all four
//! give one fact one key: `facts` holds them.

mod call;
mod command;
mod facts;
mod hook;
mod json;
pub(super) mod stream;
pub(super) mod telemetry;
pub(super) mod transcript;
mod usage;

use serde_json::{Map, Value};

use crate::event::{Condition, Draft, EventType, Status};
use crate::source::{
    HookContext, Refusal,
    loose::read_object,
    session::{fingerprint, with_text},
};

use call::{Call, Outcome, Work};
use facts::{AT_REST, Thread, only_if};
use hook::Hook;
use json::text as text_of;

/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or names a hook that is not known.
pub(super) fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let wire: Value = read_object::<Map<String, Value>>(payload)?.into();
    if let Some(kind) = text_of(&wire, "type").filter(|_| wire.get("hook_event_name").is_none()) {
        return notified(kind, &wire, context);
    }
    let Some(name) = text_of(&wire, "hook_event_name") else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    let Some(hook) = Hook::parse(name) else {
        return Err(Refusal::new(format!("unknown hook event `{}`", crate::event::echo(name, ECHO_CHARS_MAX))));
    };
    Ok(Report::new(&wire, payload, context)?.drafts(hook))
}

/// How much of a payload a refusal may repeat.
const ECHO_CHARS_MAX: usize = 60;
const WAITING_OR_DONE: &[Status] = &[Status::Paused, Status::Completed];

/// What the program set as `notify` is told.
fn notified(kind: &str, wire: &Value, context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    if kind != "agent-turn-complete" {
        return Err(Refusal::new(format!("unknown notification `{}`", crate::event::echo(kind, ECHO_CHARS_MAX))));
    }
    let Some(session) = text_of(wire, "thread-id") else {
        return Err(Refusal::new("the notification has no `thread-id`"));
    };
    let thread = Thread::new(session, text_of(wire, "cwd"), context)?;
    Ok(vec![thread.completed(text_of(wire, "turn-id"), text_of(wire, "last-assistant-message"))])
}

/// One hook payload and whose it is.
struct Report<'p> {
    wire: &'p Value,
    bytes: &'p [u8],
    thread: Thread,
}

impl<'p> Report<'p> {
    /// # Errors
    /// [`Refusal`] where the payload names no session, or one that cannot be part of a coder's id.
    fn new(wire: &'p Value, bytes: &'p [u8], context: &HookContext) -> Result<Report<'p>, Refusal> {
        let Some(id) = text_of(wire, "session_id") else {
            return Err(Refusal::new("the payload has no `session_id`"));
        };
        let thread = Thread::new(id, text_of(wire, "cwd"), context)?;
        let thread = match text_of(wire, "agent_id") {
            Some(agent) => thread.subagent(agent, text_of(wire, "agent_type"))?,
            None => thread,
        };
        Ok(Report { wire, bytes, thread })
    }

    fn drafts(&self, hook: Hook) -> Vec<Draft> {
        let thread = &self.thread;
        match hook {
            Hook::SessionStart => self.session_start(),
            Hook::SessionEnd => vec![thread.ended(self.text("reason"))],
            Hook::UserPromptSubmit => vec![self.prompt()],
            Hook::PreToolUse => vec![self.at_work("before")],
            Hook::PermissionRequest => vec![self.permission_request()],
            Hook::PostToolUse => self.tool_used(),
            Hook::PreCompact => self.context_full().into_iter().collect(),
            Hook::PostCompact => vec![with_text(thread.compacted(), "trigger", self.text("trigger"))],
            Hook::SubagentStart => vec![self.about(thread.created()), self.about(thread.started())],
            Hook::SubagentStop => self.subagent_stop(),
            Hook::Stop => vec![self.completed()],
            Hook::Interrupt => vec![thread.interrupted(self.text("turn_id"), None)],
        }
    }

    fn text(&self, key: &str) -> Option<&'p str> {
        text_of(self.wire, key)
    }

    fn session_start(&self) -> Vec<Draft> {
        let about = |draft: Draft| with_text(self.about(draft), "source", self.text("source"));
        match self.text("source") {
            // The same session goes on with a shorter memory.
            Some("compact") => Vec::new(),
            // Its beginning may lie before the recorder was set up.
            Some(source @ "resume") => {
                let resumed = self.thread.lifecycle(EventType::Resumed, Some(source));
                vec![only_if(self.about(self.thread.created()), Condition::Unknown), self.repeated(self.about(resumed))]
            }
            _ => vec![about(self.thread.created()), about(self.thread.started())],
        }
    }

    fn about(&self, draft: Draft) -> Draft {
        let draft = with_text(draft, "cwd", self.text("cwd"));
        let draft = with_text(draft, "transcript_path", self.text("transcript_path"));
        with_text(draft, "model", self.text("model"))
    }

    fn prompt(&self) -> Draft {
        let resumed = match self.text("turn_id") {
            Some(turn) => self.thread.resumed(turn),
            None => self.repeated(self.thread.lifecycle(EventType::Resumed, Some("prompt"))),
        };
        only_if(with_text(resumed, "prompt", self.text("prompt")), Condition::Status(AT_REST.to_vec()))
    }

    fn permission_request(&self) -> Draft {
        let paused = self.thread.lifecycle(EventType::Paused, Some("permission"));
        let request = self.text("tool_name").map(|tool| self.work(tool).describe());
        let paused = with_text(paused, "tool_name", self.text("tool_name"));
        self.repeated(with_text(paused, "request", request.as_deref()))
    }

    /// A tool at work shows that nobody is waited for any more, and that the turn is not over.
    fn at_work(&self, when: &str) -> Draft {
        let resumed = self.thread.lifecycle(EventType::Resumed, Some("tool"));
        let resumed = match self.text("tool_use_id") {
            Some(id) => self.thread.keyed(resumed, &["tool", id, &format!("resumed-{when}")]),
            None => self.repeated(resumed),
        };
        only_if(resumed, Condition::Status(WAITING_OR_DONE.to_vec()))
    }

    fn tool_used(&self) -> Vec<Draft> {
        let response = &self.wire["tool_response"];
        let answer = response.as_str().or_else(|| text_of(response, "output"));
        let work = self.work(self.text("tool_name").unwrap_or("tool"));
        let outcome = Outcome { printed: Some(answer.unwrap_or_default()), ..Outcome::default() };
        let called = Call::new(self.text("tool_use_id"), work).drafts(&self.thread, &outcome, self.folder());
        std::iter::once(self.at_work("after")).chain(called).collect()
    }

    fn work(&self, tool: &str) -> Work {
        Work::of(tool, &self.wire["tool_input"], self.folder())
    }

    /// The folder that relative paths of the payload start from.
    fn folder(&self) -> &str {
        self.text("cwd").unwrap_or_default()
    }

    /// Compaction that nobody asked for means that the context was full.
    fn context_full(&self) -> Option<Draft> {
        (self.text("trigger") == Some("auto")).then(|| {
            let draft = self.thread.draft(EventType::ResourceLimit).with("limit", "context");
            self.repeated(draft.with("message", "the context is full and is being compacted"))
        })
    }

    fn completed(&self) -> Draft {
        self.thread.completed(self.text("turn_id"), self.text("last_assistant_message"))
    }

    /// An end without a beginning makes no coder.
    fn subagent_stop(&self) -> Vec<Draft> {
        [self.completed(), self.thread.ended(None)].map(|draft| only_if(draft, Condition::Known)).into()
    }

    /// `draft` under a key that the same payload has again, and no other.
    fn repeated(&self, draft: Draft) -> Draft {
        self.thread.repeated_payload(draft, fingerprint(self.bytes.trim_ascii()))
    }
}

#[cfg(test)]
mod tests;
