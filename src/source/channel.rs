//! The channels by which an agent is heard: hooks, what it prints, the record it keeps, the telemetry it exports.
//!
//! An agent is a value of [`Channels`]: one function or reader for each channel it has.

use std::fmt::Debug;

use serde_json::Value;

use super::{
    Agent, HookContext, Refusal,
    coder::{Ids, fingerprint},
    fact::Told,
    json::Wire,
    occasion::{HookReply, Occasion},
    otel::Record,
};

pub(super) type Understood = Result<Vec<Told>, Refusal>;

/// How one agent is heard.
pub(super) struct Channels {
    /// # Errors
    /// [`Refusal`] where the payload names no session, or a hook that is not known.
    pub hook: fn(&HookPayload<'_>) -> Understood,
    pub stream: Option<OpenStream>,
    pub transcript: Option<OpenTranscript>,
    pub telemetry: Option<Telemetry>,
    /// `None` for an agent that takes nothing from its hooks.
    pub ear: Option<Ear>,
}

/// Reads on from a first line; `None` where it does not begin this agent's output.
pub(super) type OpenStream = fn(Wire<'_>, &HookContext) -> Option<Box<dyn LineReader>>;
/// The file's path may say what its lines do not: which session's it is, and which subagent's.
pub(super) type OpenTranscript = fn(&str) -> Box<dyn LineReader>;

/// What an agent exports.
pub(super) struct Telemetry {
    /// Whether it is the agent's, by its `service.name`.
    pub is_of: fn(&str) -> bool,
    /// # Errors
    /// [`Refusal`] where a record that matters names no session.
    pub read: fn(&Record) -> Understood,
}

/// How an agent listens to its hooks.
pub(super) struct Ear {
    /// `None` for a step at which nothing may be said.
    pub occasion: fn(&HookPayload<'_>) -> Option<Occasion>,
    /// What the hook of this name prints.
    pub reply: fn(hook: &str, reply: HookReply<'_>) -> Value,
}

/// What an agent writes line by line: together with what stood before it, a line says something.
pub(super) trait LineReader: Debug + Send {
    /// # Errors
    /// [`Refusal`] where the line is of a session and no line or path so far names it.
    fn line(&mut self, line: Wire<'_>) -> Understood;

    /// What is at work where the lines end for now.
    fn pause(&mut self) -> Vec<Told> {
        Vec::new()
    }

    /// What the end says of what was left open; more lines may follow where a file still grows.
    fn end(&mut self) -> Vec<Told>;
}

/// One payload of a hook.
pub(super) struct HookPayload<'p> {
    pub agent: Agent,
    pub wire: Wire<'p>,
    pub bytes: &'p [u8],
    pub context: &'p HookContext,
}

impl HookPayload<'_> {
    /// By what a fact is known that has no ids: the payload that tells it.
    pub fn itself(&self) -> Ids {
        Ids::Payload { source: self.agent.name(), payload: fingerprint(self.bytes.trim_ascii()) }
    }
}
