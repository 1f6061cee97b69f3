//! The files in which agents keep their own record of a session: one line at a time.

use serde_json::Value;

use crate::event::Draft;

use super::{Agent, Refusal, claude_code, codex, copilot, gemini, loose::read_object};

/// Reads one file of an agent's own record. Everything it reports has a key, so that a file may be read again and again.
#[derive(Debug)]
pub struct Transcript(Reader);

#[derive(Debug)]
enum Reader {
    ClaudeCode(Box<claude_code::transcript::Reader>),
    Codex(Box<codex::transcript::Reader>),
    Copilot(Box<copilot::transcript::Reader>),
    Gemini(Box<gemini::transcript::Reader>),
}

impl Transcript {
    /// The file's `path` may say what its lines do not: which session's it is, and which subagent's. `None` where the agent
    /// keeps no record that is understood.
    pub fn new(agent: Agent, path: &str) -> Option<Transcript> {
        Some(Transcript(match agent {
            Agent::ClaudeCode => Reader::ClaudeCode(Box::new(claude_code::transcript::Reader::new(path))),
            Agent::Codex => Reader::Codex(Box::new(codex::transcript::Reader::new(path))),
            Agent::Copilot => Reader::Copilot(Box::new(copilot::transcript::Reader::new(path))),
            Agent::Gemini => Reader::Gemini(Box::new(gemini::transcript::Reader::new(path))),
            Agent::Cursor | Agent::Opencode => return None,
        }))
    }

    /// What one line says, together with what stood before it. A fact may be told only by a later line, or by the end.
    ///
    /// # Errors
    /// [`Refusal`] where the line is no JSON object, or names no session where it must.
    pub fn line(&mut self, line: &[u8]) -> Result<Vec<Draft>, Refusal> {
        let line: Value = read_object::<serde_json::Map<String, Value>>(line)?.into();
        match &mut self.0 {
            Reader::ClaudeCode(reader) => reader.line(&line),
            Reader::Codex(reader) => reader.line(&line),
            Reader::Copilot(reader) => reader.line(&line),
            Reader::Gemini(reader) => reader.line(&line),
        }
    }

    /// What the end of the file says of what it left open; more lines may follow where the file still grows.
    pub fn end(&mut self) -> Vec<Draft> {
        match &mut self.0 {
            Reader::ClaudeCode(reader) => reader.end(),
            Reader::Codex(reader) => reader.end(),
            Reader::Copilot(reader) => reader.end(),
            Reader::Gemini(reader) => reader.end(),
        }
    }
}
