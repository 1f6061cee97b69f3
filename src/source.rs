//! What turns an agent's own signal into drafts: one file per agent. Pure.
//!
//! A source knows its agent's wire format and nothing of the history. What depends on what is recorded already is said as
//! a condition or a key on the draft. A known signal with nothing to say is no draft; a broken one is a [`Refusal`], which
//! is kept with its reason.
//!
//! ```
//! use ai_coder_events::source::{Agent, HookContext, read_hook};
//!
//! let payload = br#"{"hook_event_name":"Stop","session_id":"b6838c7b","cwd":"/home/dev/demo"}"#;
//! let drafts = read_hook(Agent::ClaudeCode, payload, &HookContext::default()).unwrap();
//! assert_eq!(drafts[0].kind.name(), "ai_coder_completed");
//! assert_eq!(drafts[0].coder_id, "claude-code:b6838c7b");
//! ```

mod channel;
mod claude_code;
mod coder;
mod codex;
mod copilot;
mod cursor;
mod drafts;
mod fact;
mod gemini;
mod genai;
mod json;
mod loose;
mod open_calls;
mod opencode;
pub mod otel;
mod patch;
mod session;
mod shell;
mod stream;
mod tool_call;
mod transcript;

use crate::event::Draft;

use channel::{Channels, Hook};
use json::Json;
use otel::Record;

pub use stream::Stream;
pub use transcript::Transcript;

/// A coding agent whose signals are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    ClaudeCode,
    Codex,
    Copilot,
    Cursor,
    Gemini,
    Opencode,
}

impl Agent {
    pub const ALL: &'static [Agent] =
        &[Agent::ClaudeCode, Agent::Codex, Agent::Copilot, Agent::Cursor, Agent::Gemini, Agent::Opencode];

    /// The name in commands, in coder ids, and as the `source` of events.
    pub const fn name(self) -> &'static str {
        match self {
            Agent::ClaudeCode => "claude-code",
            Agent::Codex => "codex",
            Agent::Copilot => "copilot",
            Agent::Cursor => "cursor",
            Agent::Gemini => "gemini",
            Agent::Opencode => "opencode",
        }
    }

    pub fn parse(name: &str) -> Option<Agent> {
        Self::ALL.iter().copied().find(|agent| agent.name() == name)
    }
}

impl std::fmt::Display for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What the payload does not say, but the environment of the hook does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookContext {
    /// Which hook it is, where the agent's configuration says so and the payload need not.
    pub event: Option<String>,
    /// The coder that started the agent: `AI_CODER_ID` inside a `run`.
    pub parent_coder_id: Option<String>,
    /// The agent's process, as the event's `data.process` names it: what its end is noticed by.
    pub process: Option<serde_json::Value>,
}

/// How much of a payload a refusal may repeat.
const ECHO_CHARS_MAX: usize = 60;

/// A payload that becomes a rejection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    pub reason: String,
}

/// What one hook payload says, in order: none where it is known and says nothing.
///
/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or names a hook that is not known.
pub fn read_hook(agent: Agent, payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    match agent {
        Agent::ClaudeCode => claude_code::read_hook(payload, context),
        Agent::Codex => hook_by(&codex::CHANNELS, agent, payload, context),
        Agent::Copilot => hook_by(&copilot::CHANNELS, agent, payload, context),
        Agent::Cursor => hook_by(&cursor::CHANNELS, agent, payload, context),
        Agent::Gemini => hook_by(&gemini::CHANNELS, agent, payload, context),
        Agent::Opencode => hook_by(&opencode::CHANNELS, agent, payload, context),
    }
}

/// What one record says: nothing where it is known and says nothing, or is no agent's.
///
/// # Errors
/// [`Refusal`] where it is an agent's and cannot be understood.
pub fn read_telemetry(record: &Record) -> Result<Vec<Draft>, Refusal> {
    match record.service() {
        claude_code::telemetry::SERVICE => claude_code::telemetry::read(record),
        service => {
            let agent = [&codex::CHANNELS, &gemini::CHANNELS, &copilot::CHANNELS]
                .into_iter()
                .filter_map(|channels| channels.telemetry.as_ref());
            let read = agent.filter(|telemetry| (telemetry.is_of)(service)).map(|telemetry| telemetry.read).next();
            read.unwrap_or(genai::read)(record).map(drafts::of_all)
        }
    }
}

fn hook_by(channels: &Channels, agent: Agent, bytes: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let wire = json::read(bytes)?;
    let hook = Hook { agent, wire: Json(&wire), bytes, context };
    (channels.hook)(&hook).map(drafts::of_all)
}

impl Refusal {
    /// Of a name that is not known; it is repeated only in part, since it may be anything.
    fn unknown(what: &str, name: &str) -> Refusal {
        Refusal::new(format!("unknown {what} `{}`", crate::event::echo(name, ECHO_CHARS_MAX)))
    }

    /// Of a record that does not say whose it is.
    fn nameless(record: &str, key: &str) -> Refusal {
        Refusal::new(format!("`{}` has no `{key}`", crate::event::echo(record, ECHO_CHARS_MAX)))
    }

    fn new(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_is_found_by_its_name() {
        for &agent in Agent::ALL {
            assert_eq!(Agent::parse(agent.name()), Some(agent));
        }
        assert_eq!(Agent::parse("claude"), None);
    }
}
