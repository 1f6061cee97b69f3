//! What an agent prints on its stdout when asked for JSON: one line at a time.

use serde_json::Value;

use crate::event::Draft;

use super::{
    HookContext,
    channel::Lines,
    claude_code, codex, drafts, gemini,
    json::{self, Json},
};

/// Reads the standard output of a command that may be an agent. The first line that is an agent's tells which.
#[derive(Debug)]
pub struct Stream {
    context: HookContext,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    /// No line so far was an agent's.
    Unknown,
    ClaudeCode(Box<claude_code::stream::Reader>),
    Agent(Box<dyn Lines>),
}

impl Stream {
    pub fn new(context: &HookContext) -> Stream {
        Stream { context: context.clone(), reader: Reader::Unknown }
    }

    /// Whether a line so far was an agent's.
    pub fn is_known(&self) -> bool {
        !matches!(self.reader, Reader::Unknown)
    }

    /// What one line says; nothing where it is no line of an agent, or tells nothing.
    pub fn line(&mut self, line: &[u8]) -> Vec<Draft> {
        // Most of what commands print is no JSON at all.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Vec::new();
        }
        let Ok(line) = json::read(line) else { return Vec::new() };
        if let Reader::Unknown = self.reader {
            self.reader = self.recognise(&line);
        }
        match &mut self.reader {
            Reader::Unknown => Vec::new(),
            Reader::ClaudeCode(reader) => reader.line(&line),
            Reader::Agent(reader) => drafts::of_all(reader.line(Json(&line)).unwrap_or_default()),
        }
    }

    /// What the end of the stream says of what it left open.
    pub fn end(&mut self) -> Vec<Draft> {
        match &mut self.reader {
            Reader::Unknown => Vec::new(),
            Reader::ClaudeCode(reader) => reader.end(),
            Reader::Agent(reader) => drafts::of_all(reader.end()),
        }
    }

    fn recognise(&self, line: &Value) -> Reader {
        if let Some(reader) = claude_code::stream::Reader::opened_by(line, &self.context) {
            return Reader::ClaudeCode(Box::new(reader));
        }
        [&codex::CHANNELS, &gemini::CHANNELS]
            .into_iter()
            .find_map(|channels| channels.stream?(Json(line), &self.context))
            .map_or(Reader::Unknown, Reader::Agent)
    }
}
