//! What turns an agent's own signal into drafts, in two steps: what it *meant*, and what that makes of the coder. Pure.
//!
//! ```text
//! bytes ─▶ wire: `json`, `otel`, an agent's files ─▶ facts: `fact` ─▶ drafts: `drafts`
//! ```
//!
//! An agent's folder knows its words and nothing of events; `drafts` has every rule of a coder's life, once, and knows no agent.
//! What depends on what is recorded already is said as a condition or a key on the draft. A known signal with nothing to say is
//! no draft; a broken one is a [`Refusal`], which is kept with its reason.
//!
//! ```
//! use ai_coder_events::source::{Agent, HookContext, read_hook};
//!
//! let payload = br#"{"hook_event_name":"Stop","session_id":"b6838c7b","cwd":"/home/dev/demo"}"#;
//! let drafts = read_hook(Agent::ClaudeCode, payload, &HookContext::default()).unwrap();
//! assert_eq!(drafts[0].kind.name(), "ai_coder_completed");
//! assert_eq!(drafts[0].coder_id, "claude-code:b6838c7b");
//! ```

mod asked;
mod channel;
mod claude_code;
mod coder;
mod codex;
mod copilot;
mod cursor;
mod diff;
mod drafts;
mod fact;
mod gemini;
mod genai;
mod json;
mod moment;
mod occasion;
mod open_calls;
mod opencode;
pub mod otel;
mod patch;
mod shell;
mod tool_call;

use crate::event::{Channel, Draft, Report, Time};

pub use occasion::{HookReply, Occasion, OccasionMoment};
pub use shell::{changes_nothing, is_shell};

use channel::{Channels, HookPayload, LineReader};
use fact::Told;
use json::Wire;
use otel::Record;

/// The agents: `Name "name" channels;`, the one table.
macro_rules! agents {
    ($($Name:ident $name:literal $folder:ident;)*) => {
        /// A coding agent whose signals are understood.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Agent { $($Name,)* }

        impl Agent {
            pub const ALL: &'static [Agent] = &[$(Agent::$Name,)*];

            /// The name in commands, in coder ids, and as the `source` of events.
            pub const fn name(self) -> &'static str {
                match self { $(Agent::$Name => $name,)* }
            }

            const fn channels(self) -> &'static Channels {
                match self { $(Agent::$Name => &$folder::CHANNELS,)* }
            }
        }
    };
}

agents! {
    ClaudeCode "claude-code" claude_code;
    Codex "codex" codex;
    Copilot "copilot" copilot;
    Cursor "cursor" cursor;
    Gemini "gemini" gemini;
    Opencode "opencode" opencode;
}

impl Agent {
    pub fn parse(name: &str) -> Option<Agent> {
        Self::ALL.iter().copied().find(|agent| agent.name() == name)
    }
}

impl Agent {
    /// What its hook prints to tell it something on an occasion of its own: JSON in a line.
    pub fn reply(self, occasion: &Occasion, reply: HookReply<'_>) -> String {
        self.channels().ear.as_ref().map_or_else(String::new, |ear| (ear.reply)(occasion.hook(), reply).to_string())
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
    /// When the agent began, where the recorder started it.
    pub began: Option<Time>,
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
    let wire = json::read(payload)?;
    told_by(&HookPayload { agent, wire: Wire(&wire), bytes: payload, context })
}

/// The same, with the occasion that the hook is to tell the agent something, where it is one.
pub fn hear_hook(agent: Agent, payload: &[u8], context: &HookContext) -> (Result<Vec<Draft>, Refusal>, Option<Occasion>) {
    let wire = match json::read(payload) {
        Ok(wire) => wire,
        Err(refusal) => return (Err(refusal), None),
    };
    let hook = HookPayload { agent, wire: Wire(&wire), bytes: payload, context };
    let told = told_by(&hook);
    let occasion = told.as_ref().ok().and_then(|_| (agent.channels().ear.as_ref()?.occasion)(&hook));
    (told, occasion)
}

fn told_by(hook: &HookPayload<'_>) -> Result<Vec<Draft>, Refusal> {
    let told = (hook.agent.channels().hook)(hook)?;
    Ok(reported(told, Channel::Hook, Some(coder::print_number(hook.bytes))))
}

/// JSON that another program wrote: no more of it is read than anybody's message holds. `None` where it is none.
pub fn bounded_json(text: &str) -> Option<serde_json::Value> {
    json::within(text)
}

/// What one record of telemetry says: nothing where it is known and says nothing, or is no agent's.
///
/// # Errors
/// [`Refusal`] where it is an agent's and cannot be understood.
pub fn read_telemetry(record: &Record) -> Result<Vec<Draft>, Refusal> {
    let mut known = Agent::ALL.iter().filter_map(|agent| agent.channels().telemetry.as_ref());
    let of_agent = known.find(|telemetry| (telemetry.is_of)(record.service()));
    of_agent.map_or(genai::read as fn(&Record) -> channel::Understood, |telemetry| telemetry.read)(record)
        .map(|told| reported(told, Channel::Telemetry, None))
}

/// Reads the standard output of a command that may be an agent. The first line that is an agent's tells which.
#[derive(Debug)]
pub struct Stream {
    context: HookContext,
    lines: Option<Box<dyn LineReader>>,
    read: i64,
}

impl Stream {
    pub fn new(context: &HookContext) -> Stream {
        Stream { context: context.clone(), lines: None, read: 0 }
    }

    /// Whether a line so far was an agent's.
    pub fn is_known(&self) -> bool {
        self.lines.is_some()
    }

    /// What one line says; nothing where it is no line of an agent, or tells nothing.
    pub fn line(&mut self, line: &[u8]) -> Vec<Draft> {
        // Most of what commands print is no JSON at all.
        if crate::text::without_byte_order_mark(line).trim_ascii_start().first() != Some(&b'{') {
            return Vec::new();
        }
        let Ok(line) = json::read(line) else { return Vec::new() };
        if self.lines.is_none() {
            let mut streams = Agent::ALL.iter().filter_map(|agent| agent.channels().stream);
            self.lines = streams.find_map(|open| open(Wire(&line), &self.context));
        }
        let told = self.lines.as_mut().map(|lines| lines.line(Wire(&line)));
        self.read += 1;
        told.and_then(Result::ok).map(|told| reported(told, Channel::Stream, Some(self.read))).unwrap_or_default()
    }

    /// What the end of the stream says of what it left open.
    pub fn end(&mut self) -> Vec<Draft> {
        let told = self.lines.as_mut().map(|lines| lines.end()).unwrap_or_default();
        reported(told, Channel::Stream, Some(self.read + 1))
    }
}

/// The records that a line of an agent's own record holds, each as it stands: one, as a rule. Where a crash left a run of NULs, or
/// spliced records, only what is broken is lost.
pub fn records_in(line: &[u8]) -> Vec<&[u8]> {
    json::records_in(line)
}

/// Reads one file of an agent's own record. Everything it reports has a key, so that a file may be read again and again.
#[derive(Debug)]
pub struct Transcript(Box<dyn LineReader>);

impl Transcript {
    /// The file's `path` may say what its lines do not: which session's it is, and which subagent's. `None` where the agent
    /// keeps no record that is understood.
    pub fn new(agent: Agent, path: &str) -> Option<Transcript> {
        agent.channels().transcript.map(|open| Transcript(open(path)))
    }

    /// What one line says, together with what stood before it. A fact may be told only by a later line, or by the end.
    ///
    /// # Errors
    /// [`Refusal`] where the line is no JSON object, or names no session where it must.
    pub fn line(&mut self, line: &[u8]) -> Result<Vec<Draft>, Refusal> {
        let line = json::read(line)?;
        self.0.line(Wire(&line)).map(|told| reported(told, Channel::Transcript, None))
    }

    /// What is at work where the file ends for now.
    pub fn pause(&mut self) -> Vec<Draft> {
        reported(self.0.pause(), Channel::Transcript, None)
    }

    /// What the end of the file says of what it left open; more lines may follow where the file still grows.
    pub fn end(&mut self) -> Vec<Draft> {
        reported(self.0.end(), Channel::Transcript, None)
    }
}

/// The drafts of what one report told. A record that is read again is known by its own times.
fn reported(told: Vec<Told>, channel: Channel, id: Option<i64>) -> Vec<Draft> {
    let mut drafts = drafts::of_all(told);
    for draft in &mut drafts {
        let id = id.or(draft.timestamp.map(Time::micros));
        draft.report = id.map(|id| Report { channel, id });
    }
    drafts
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into() }
    }

    /// Of a name that is not known; it is repeated only in part, since it may be anything.
    fn unknown(what: &str, name: &str) -> Refusal {
        Refusal::new(format!("unknown {what} `{}`", crate::event::echo(name, ECHO_CHARS_MAX)))
    }

    /// Of a record that does not say whose it is.
    fn nameless(record: &str, key: &str) -> Refusal {
        Refusal::new(format!("`{}` has no `{key}`", crate::event::echo(record, ECHO_CHARS_MAX)))
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

    /// The first line of an output tells which agent it is.
    #[test]
    fn an_output_may_begin_with_a_byte_order_mark() {
        let mut stream = Stream::new(&HookContext::default());
        let first = r#"{"type":"init","timestamp":"2026-11-22T19:00:00Z","session_id":"s1","model":"m"}"#;
        assert!(!stream.line(format!("\u{feff}{first}").as_bytes()).is_empty());
    }
}
