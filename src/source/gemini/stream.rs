//! Gemini CLI's JSON output to drafts.
//!
//! It counts tokens only at the end, for the whole run: those totals stand with the end of the turn, since hooks, telemetry
//! and transcript count each call.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    event::{Body, Draft, EventType, Lifecycle, Time},
    source::{
        Agent, HookContext,
        call::{Call, End},
        json,
        session::{Session, bounded, with_text},
    },
};

use super::facts::{begun, error_shown, lifecycle, said, shown, stopped, turn_end};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    session: Session,
    /// Calls without a result yet: the tool and what was asked of it.
    calls: HashMap<String, (String, Value)>,
    prompt: String,
    /// The pieces so far of what the model is saying.
    message: String,
    last: Option<Time>,
}

impl Reader {
    /// `None` where `line` does not begin this agent's output.
    pub fn opened_by(line: &Value, context: &HookContext) -> Option<Reader> {
        json::text(line, "type").filter(|kind| *kind == "init")?;
        json::text(line, "model")?;
        let session = Session::new(Agent::Gemini, json::text(line, "session_id")?, context).ok()?;
        Some(Reader { session, calls: HashMap::new(), prompt: String::new(), message: String::new(), last: None })
    }

    pub fn line(&mut self, line: &Value) -> Vec<Draft> {
        let time = json::time(line, "timestamp");
        self.last = time.or(self.last);
        match json::text(line, "type").unwrap_or_default() {
            "init" => begun(&self.session, "", time, |draft| with_text(draft, "model", json::text(line, "model"))),
            "message" => {
                self.message(line);
                Vec::new()
            }
            "tool_use" => self.tool_use(line),
            "tool_result" => self.tool_result(line),
            "error" => json::text(line, "message").map(|error| error_shown(&self.session, error, time)).into_iter().collect(),
            "result" => self.result(line),
            _ => Vec::new(),
        }
    }

    pub fn end(&mut self) -> Vec<Draft> {
        let said = self.spoken();
        said.into_iter().chain([stopped(&self.session, "", self.last)]).collect()
    }

    fn message(&mut self, line: &Value) {
        let Some(content) = json::text(line, "content") else { return };
        match json::text(line, "role") {
            Some("user") => content.clone_into(&mut self.prompt),
            // What is too long to be kept is not collected either.
            _ if self.message.len() < MESSAGE_BYTES_MAX => self.message.push_str(content),
            _ => {}
        }
    }

    fn spoken(&mut self) -> Option<Draft> {
        said(&self.session, None, &std::mem::take(&mut self.message), self.last)
    }

    fn tool_use(&mut self, line: &Value) -> Vec<Draft> {
        if let Some((id, tool)) = json::text(line, "tool_id").zip(json::text(line, "tool_name"))
            && self.calls.len() < CALLS_MAX
        {
            let arguments = line.get("parameters").cloned().unwrap_or_default();
            self.calls.insert(id.to_owned(), (tool.to_owned(), arguments));
        }
        self.spoken().into_iter().collect()
    }

    fn tool_result(&mut self, line: &Value) -> Vec<Draft> {
        let Some(id) = json::text(line, "tool_id") else { return Vec::new() };
        let Some((tool, arguments)) = self.calls.remove(id) else { return Vec::new() };
        let call = Call { session: &self.session, tool: &tool, id: Some(id), arguments: &arguments, time: self.last };
        let error = line.get("error").and_then(|error| json::text(error, "message"));
        let end = match json::text(line, "status") {
            Some("error") => End::Failed { error, exit_code: None },
            _ => End::Done,
        };
        let mut drafts = vec![call.progress(end, None)];
        drafts.extend(shown(&call, line.get("output"), end, None));
        drafts
    }

    fn result(&mut self, line: &Value) -> Vec<Draft> {
        let time = json::time(line, "timestamp");
        let said = self.spoken();
        let mut draft = match json::text(line, "status") {
            Some("error") => {
                let mut failed = lifecycle(&self.session, EventType::Failed, "", time);
                let error = line.get("error").unwrap_or(&Value::Null);
                failed.body = Body::Lifecycle(Lifecycle {
                    reason: json::text(error, "type").map(bounded),
                    error_message: json::text(error, "message").map(bounded),
                    ..Lifecycle::default()
                });
                failed
            }
            _ => lifecycle(&self.session, EventType::Completed, "", time),
        };
        let stats = line.get("stats").unwrap_or(&Value::Null);
        for name in ["total_tokens", "input_tokens", "output_tokens", "cached", "duration_ms", "tool_calls"] {
            if let Some(count) = json::whole(stats, name) {
                draft = draft.with(name, count);
            }
        }
        said.into_iter().chain([turn_end(&self.session, draft, &self.prompt, None)]).collect()
    }
}

/// Beyond this a message is cut before it becomes a draft.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// An agent runs a handful of tools at once; results that never come must not pile up.
const CALLS_MAX: usize = 1_000;
