//! The files in which agents keep their own record of a session: one line at a time.

use crate::event::Draft;

use super::{
    Agent, Refusal,
    channel::Lines,
    claude_code, codex, copilot, drafts, gemini,
    json::{self, Json},
};

/// Reads one file of an agent's own record. Everything it reports has a key, so that a file may be read again and again.
#[derive(Debug)]
pub struct Transcript(Reader);

#[derive(Debug)]
enum Reader {
    ClaudeCode(Box<claude_code::transcript::Reader>),
    Agent(Box<dyn Lines>),
}

impl Transcript {
    /// The file's `path` may say what its lines do not: which session's it is, and which subagent's. `None` where the agent
    /// keeps no record that is understood.
    pub fn new(agent: Agent, path: &str) -> Option<Transcript> {
        Some(Transcript(match agent {
            Agent::ClaudeCode => Reader::ClaudeCode(Box::new(claude_code::transcript::Reader::new(path))),
            Agent::Codex => Reader::Agent(codex::CHANNELS.transcript?(path)),
            Agent::Copilot => Reader::Agent(copilot::CHANNELS.transcript?(path)),
            Agent::Gemini => Reader::Agent(gemini::CHANNELS.transcript?(path)),
            Agent::Cursor | Agent::Opencode => return None,
        }))
    }

    /// What one line says, together with what stood before it. A fact may be told only by a later line, or by the end.
    ///
    /// # Errors
    /// [`Refusal`] where the line is no JSON object, or names no session where it must.
    pub fn line(&mut self, line: &[u8]) -> Result<Vec<Draft>, Refusal> {
        let line = json::read(line)?;
        match &mut self.0 {
            Reader::ClaudeCode(reader) => reader.line(&line),
            Reader::Agent(reader) => reader.line(Json(&line)).map(drafts::of_all),
        }
    }

    /// What the end of the file says of what it left open; more lines may follow where the file still grows.
    pub fn end(&mut self) -> Vec<Draft> {
        match &mut self.0 {
            Reader::ClaudeCode(reader) => reader.end(),
            Reader::Agent(reader) => drafts::of_all(reader.end()),
        }
    }
}
