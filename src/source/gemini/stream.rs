//! Gemini CLI's JSON output to facts.
//!
//! It counts tokens only at the end, for the whole run: those totals stand with the end of the turn, and are told as the sum they
//! are, since telemetry and transcript count each call.

use serde_json::Value;

use crate::{
    event::{DataKey, Time},
    source::{
        Agent, HookContext,
        channel::{LineReader, Understood},
        fact::{Fact, ModelUsage, Told},
        json::Wire,
        moment::CoderMoment,
        open_calls::OpenCalls,
        tool_call::{CallEnd, ToolCall},
    },
};

use super::session::{PROVIDER, error_shown, said, shown, turn_over, without_hook_context};

/// Beyond this a message is cut before it becomes a fact.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
const TOTALS: &[DataKey] = &[
    DataKey::TotalTokens,
    DataKey::InputTokens,
    DataKey::OutputTokens,
    DataKey::Cached,
    DataKey::DurationMs,
    DataKey::ToolCalls,
];

#[derive(Debug)]
struct GeminiOutput {
    /// At the moment of the last line that had one.
    session: CoderMoment,
    /// The tool and what was asked of it.
    calls: OpenCalls<(String, Value)>,
    prompt: String,
    /// When the process began, of which the totals are.
    since: Option<Time>,
    /// The pieces so far of what the model is saying.
    message: String,
}

pub(super) fn open(line: Wire<'_>, context: &HookContext) -> Option<Box<dyn LineReader>> {
    line.text("type").filter(|kind| *kind == "init")?;
    line.text("model")?;
    let session = CoderMoment::new(Agent::Gemini, line.text("session_id")?, None, context).ok()?;
    let (prompt, message) = (String::new(), String::new());
    Some(Box::new(GeminiOutput { session, calls: OpenCalls::default(), prompt, since: line.time("timestamp"), message }))
}

impl LineReader for GeminiOutput {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        self.session.at = line.time("timestamp").or(self.session.at);
        Ok(match line.text("type").unwrap_or_default() {
            "init" => vec![self.session.says(Fact::begun(None)).with(DataKey::Model, line.text("model"))],
            "message" => self.message(line).into_iter().collect(),
            "tool_use" => self.tool_use(line),
            "tool_result" => self.tool_result(line),
            "error" => line.text("message").map(|error| error_shown(&self.session, error)).into_iter().collect(),
            "result" => self.result(line),
            _ => Vec::new(),
        })
    }

    fn end(&mut self) -> Vec<Told> {
        let said = self.spoken();
        said.into_iter().chain([self.session.stopped(None)]).collect()
    }
}

impl GeminiOutput {
    fn message(&mut self, line: Wire<'_>) -> Option<Told> {
        let content = line.text("content")?;
        match line.text("role") {
            Some("user") => {
                let content = without_hook_context(content);
                content.clone_into(&mut self.prompt);
                return Some(self.session.clone().at(line.time("timestamp")).asked(None, content));
            }
            // What is too long to be kept is not collected either.
            _ if self.message.len() < MESSAGE_BYTES_MAX => self.message.push_str(content),
            _ => {}
        }
        None
    }

    fn spoken(&mut self) -> Option<Told> {
        said(&self.session, None, &std::mem::take(&mut self.message))
    }

    fn tool_use(&mut self, line: Wire<'_>) -> Vec<Told> {
        if let Some((id, tool)) = line.text("tool_id").zip(line.text("tool_name")) {
            self.calls.open(id, (tool.to_owned(), line.at("parameters").0.clone()));
        }
        self.spoken().into_iter().collect()
    }

    fn tool_result(&mut self, line: Wire<'_>) -> Vec<Told> {
        let Some(id) = line.text("tool_id") else { return Vec::new() };
        let Some((name, asked)) = self.calls.close(id) else { return Vec::new() };
        let call = ToolCall { by: &self.session, name: &name, id: Some(id), asked: Wire(&asked) };
        let outcome = match line.text("status") {
            Some("error") => CallEnd::failed(line.at("error").text("message"), None),
            _ => CallEnd::DONE,
        };
        let mut told = vec![call.ended(outcome, None)];
        told.extend(call.planned(outcome));
        told.extend(shown(&call, line.at("output"), outcome, None));
        told
    }

    fn result(&mut self, line: Wire<'_>) -> Vec<Told> {
        let said = self.spoken();
        let (error, stats) = (line.at("error"), line.at("stats"));
        let end = match line.text("status") {
            Some("error") => Fact::turn_failed(error.text("type"), error.text("message")),
            _ => Fact::turn_ended(None),
        };
        let session = self.session.clone().at(line.time("timestamp"));
        let over = TOTALS
            .iter()
            .fold(turn_over(&session, end, &self.prompt, None), |told, &key| told.with(key, stats.whole(key.name())));
        let sum = used(stats).map(|usage| {
            let ids = session.who.natural(&["sum", &usage.summed_up()]);
            session.says(Fact::Summed { usage, since: self.since }).known_by(ids)
        });
        said.into_iter().chain(sum).chain([over]).collect()
    }
}

/// Tokens of all models; those written, thoughts included, are what the total has beyond those read.
fn used(stats: Wire<'_>) -> Option<ModelUsage> {
    let (read, cached) = (stats.whole("input_tokens")?, stats.whole("cached"));
    let written = stats.whole("total_tokens").and_then(|total| total.checked_sub(read)).or(stats.whole("output_tokens"));
    let models = stats.at("models").0.as_object();
    let model = models.filter(|models| models.len() == 1).and_then(|models| models.keys().next()).cloned();
    let usage = ModelUsage::of_prompt(Some(read), cached, None, written);
    Some(ModelUsage { provider: Some(PROVIDER.to_owned()), model, ..usage })
}
