//! Codex: its hook payloads to facts; below, its output, its rollout and its telemetry.
//!
//! A session is a coder, `codex:<session>`; each of its subagents is one of its own, `codex:<session>/<agent>`. Hooks tell
//! nothing of tokens, and not whether a command succeeded; the rollout, the JSON output and the telemetry do, and all four
//! give one fact one key: `thread` holds them.

mod call;
mod command;
mod ear;
mod rollout;
mod stream;
mod telemetry;
mod thread;
mod usage;

use crate::event::DataKey;

use super::{
    Refusal,
    channel::{Channels, HookPayload, Telemetry, Understood},
    fact::{Fact, OnlyIf, Told, Waits},
    json::Wire,
};

use call::{CodexCall, Work, WorkOutcome};
use thread::Thread;

pub(super) const CHANNELS: Channels = Channels {
    hook: read_hook,
    stream: Some(stream::open),
    transcript: Some(rollout::open),
    // The program has a name for each way to run it.
    telemetry: Some(Telemetry { is_of: |service| service.starts_with("codex"), read: telemetry::read }),
    ear: Some(ear::EAR),
};

/// # Errors
/// [`Refusal`] where the payload names no session, or a hook that is not known.
fn read_hook(hook: &HookPayload<'_>) -> Understood {
    let wire = hook.wire;
    let name = wire.text("hook_event_name");
    if let (Some(kind), None) = (wire.text("type"), name) {
        return notified(kind, hook);
    }
    let Some(name) = name else { return Err(Refusal::new("the payload has no `hook_event_name`")) };
    let payload = CodexPayload::new(hook);
    Ok(match name {
        "SessionStart" => payload?.session_start(),
        "SessionEnd" => vec![payload?.thread.ended(wire.text("reason"))],
        "UserPromptSubmit" => payload?.prompt(),
        "PreToolUse" => payload?.tool_begun(),
        "PermissionRequest" => vec![payload?.permission_request()],
        "PostToolUse" => payload?.tool_used(),
        // Compaction that nobody asked for means that the context was full.
        "PreCompact" if wire.is("trigger", "auto") => vec![payload?.says(Fact::ContextFull)],
        "PreCompact" => Vec::new(),
        "PostCompact" => vec![payload?.thread.compacted().with(DataKey::Trigger, wire.text("trigger"))],
        "SubagentStart" => {
            let payload = payload?;
            vec![payload.about(payload.thread.says(Fact::begun(None)))]
        }
        "SubagentStop" => {
            let payload = payload?;
            [payload.turn_ended(), payload.thread.ended(None)].map(|told| told.only_if(OnlyIf::Known)).into()
        }
        "Stop" => vec![payload?.turn_ended()],
        "Interrupt" => vec![payload?.thread.interrupted(wire.text("turn_id"))],
        name => return Err(Refusal::unknown("hook event", name)),
    })
}

/// What the program set as `notify` is told.
fn notified(kind: &str, hook: &HookPayload<'_>) -> Understood {
    let wire = hook.wire;
    if kind != "agent-turn-complete" {
        return Err(Refusal::unknown("notification", kind));
    }
    let Some(session) = wire.text("thread-id") else {
        return Err(Refusal::new("the notification has no `thread-id`"));
    };
    let thread = Thread::new(session, wire.text("cwd"), hook.context)?;
    Ok(vec![thread.turn_ended(wire.text("turn-id"), wire.text("last-assistant-message"))])
}

struct CodexPayload<'p> {
    hook: &'p HookPayload<'p>,
    wire: Wire<'p>,
    thread: Thread,
}

impl<'p> CodexPayload<'p> {
    /// # Errors
    /// [`Refusal`] where it names no session, or one that cannot be part of a coder's id.
    fn new(hook: &'p HookPayload<'p>) -> Result<CodexPayload<'p>, Refusal> {
        let wire = hook.wire;
        let Some(id) = wire.text("session_id") else { return Err(Refusal::new("the payload has no `session_id`")) };
        let thread = Thread::new(id, wire.text("cwd"), hook.context)?;
        let thread = match wire.text("agent_id") {
            Some(agent) => thread.subagent(agent, wire.text("agent_type"))?,
            None => thread,
        };
        Ok(CodexPayload { hook, wire, thread })
    }

    /// Known by the payload.
    fn says(&self, fact: Fact) -> Told {
        self.thread.says(fact).known_by(self.hook.itself())
    }

    fn about(&self, told: Told) -> Told {
        let told = told.with(DataKey::Cwd, self.wire.text("cwd"));
        let told = told.with(DataKey::TranscriptPath, self.wire.text("transcript_path"));
        told.with(DataKey::Model, self.wire.text("model"))
    }

    fn session_start(&self) -> Vec<Told> {
        let begun = self.about(self.thread.says(Fact::begun(None)));
        match self.wire.text("source") {
            // The same session goes on with a shorter memory.
            Some("compact") => Vec::new(),
            // Its beginning may lie before the recorder was set up.
            Some("resume") => vec![begun.only_if(OnlyIf::Unknown), self.about(self.says(Fact::TakenUp))],
            source => vec![begun.with(DataKey::Source, source)],
        }
    }

    fn prompt(&self) -> Vec<Told> {
        let turn = self.wire.text("turn_id");
        let asked = self.wire.text("prompt").map(|prompt| self.thread.asked(turn, prompt));
        let prompted = turn.map_or_else(|| self.says(Fact::Prompted), |turn| self.thread.prompted(turn));
        asked.into_iter().chain([prompted.only_if(OnlyIf::AtRest)]).collect()
    }

    fn permission_request(&self) -> Told {
        let tool = self.wire.text("tool_name");
        let request = tool.map(|tool| self.work(tool).describe());
        self.says(Fact::Waits(Waits::Permission)).with(DataKey::ToolName, tool).with(DataKey::Request, request)
    }

    fn works(&self, when: &str) -> Told {
        match self.wire.text("tool_use_id") {
            Some(id) => {
                let ids = self.thread.who.own(&["tool", id, &format!("resumed-{when}")]);
                self.thread.says(Fact::Works).known_by(ids)
            }
            None => self.says(Fact::Works),
        }
    }

    fn tool_begun(&self) -> Vec<Told> {
        let call = CodexCall::new(self.wire.text("tool_use_id"), self.work(self.wire.text("tool_name").unwrap_or("tool")));
        vec![self.works("before"), call.begun(&self.thread)]
    }

    fn tool_used(&self) -> Vec<Told> {
        let response = self.wire.at("tool_response");
        let answer = response.0.as_str().or_else(|| response.text("output"));
        let work = self.work(self.wire.text("tool_name").unwrap_or("tool"));
        let outcome = WorkOutcome { printed: Some(answer.unwrap_or_default()), ..WorkOutcome::default() };
        let called = CodexCall::new(self.wire.text("tool_use_id"), work).told(&self.thread, &outcome, self.folder());
        std::iter::once(self.works("after")).chain(called).collect()
    }

    fn work(&self, tool: &str) -> Work {
        Work::of(tool, self.wire.at("tool_input"), self.folder())
    }

    /// The folder that relative paths of the payload start from.
    fn folder(&self) -> &str {
        self.wire.text("cwd").unwrap_or_default()
    }

    fn turn_ended(&self) -> Told {
        self.thread.turn_ended(self.wire.text("turn_id"), self.wire.text("last_assistant_message"))
    }
}

#[cfg(test)]
mod tests;
