//! The JSON output of `codex exec` to drafts.
//!
//! Its lines have no times and no ids but their own, so its facts are known by what they say. Items that it tells twice are
//! told here when they are done; reasoning is not told, and an item of type `error` is a warning.

use serde_json::Value;

use super::{
    call::{Call, Outcome, Step, Work, steps},
    command,
    facts::Thread,
    json::text,
    usage::{Calls, Tokens},
};
use crate::source::patch;
use crate::{event::Draft, source::HookContext};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    context: HookContext,
    thread: Thread,
    /// What the agent said last is what it ends its turn with.
    said: Option<String>,
    plan: Vec<Step>,
    /// The sum of tokens when a turn ended last.
    told: Tokens,
}

impl Reader {
    /// `None` where `line` does not begin this agent's output.
    pub fn opened_by(line: &Value, context: &HookContext) -> Option<Reader> {
        let session = text(line, "thread_id").filter(|_| text(line, "type") == Some("thread.started"))?;
        let thread = Thread::new(session, None, context).ok()?;
        Some(Reader { context: context.clone(), thread, said: None, plan: Vec::new(), told: Tokens::default() })
    }

    pub fn line(&mut self, line: &Value) -> Vec<Draft> {
        match text(line, "type") {
            Some("thread.started") => self.thread_started(line),
            Some("turn.completed") => self.turn_completed(line),
            Some("turn.failed") => vec![self.thread.failed(None, text(&line["error"], "message"))],
            Some("error") => self.error(text(line, "message")).into_iter().collect(),
            Some("item.started" | "item.updated") => self.plan(&line["item"]).into_iter().collect(),
            Some("item.completed") => self.item(&line["item"]),
            _ => Vec::new(),
        }
    }

    /// The output ends with the process, killed or not.
    pub fn end(&mut self) -> Vec<Draft> {
        vec![self.thread.ended(None)]
    }

    fn thread_started(&mut self, line: &Value) -> Vec<Draft> {
        if let Some(Ok(thread)) = text(line, "thread_id").map(|session| Thread::new(session, None, &self.context)) {
            self.thread = thread;
        }
        vec![self.thread.created(), self.thread.started()]
    }

    fn turn_completed(&mut self, line: &Value) -> Vec<Draft> {
        let calls = Tokens::read(&line["usage"]).map(|total| {
            let tokens = total.since(std::mem::replace(&mut self.told, total));
            Calls { tokens: Some(tokens), ..Calls::default() }.turn(&self.thread, None, total)
        });
        let completed = self.thread.completed(None, self.said.take().as_deref());
        calls.into_iter().chain([completed]).collect()
    }

    fn error(&self, message: Option<&str>) -> Option<Draft> {
        let message = message?;
        Some(self.thread.request_failed(None, error_code(message).as_deref(), Some(message)))
    }

    fn item(&mut self, item: &Value) -> Vec<Draft> {
        let failed = text(item, "status").is_some_and(|status| matches!(status, "failed" | "declined"));
        let exit_code = item["exit_code"].as_i64();
        let outcome = Outcome { failed, exit_code, ..Outcome::default() };
        let (work, outcome) = match text(item, "type") {
            Some("agent_message") => return self.message(item).into_iter().collect(),
            Some("todo_list") => return self.plan(item).into_iter().collect(),
            Some("command_execution") => {
                let script = command::script_of_line(text(item, "command").unwrap_or_default());
                (Work::Command(script), Outcome { printed: text(item, "aggregated_output"), ..outcome })
            }
            Some("file_change") => (Work::Patch(patch::changes_of_json(&item["changes"], "")), outcome),
            Some("mcp_tool_call") => {
                let (server, tool) = (text(item, "server").unwrap_or("mcp"), text(item, "tool").unwrap_or("tool"));
                let failed = failed || item.get("error").is_some_and(|error| !error.is_null());
                (Work::of_server(server, tool, &item["arguments"]), Outcome { failed, ..outcome })
            }
            Some("web_search") => (Work::of("web_search", item, ""), outcome),
            Some("collab_tool_call") => (Work::of(text(item, "tool").unwrap_or("collab"), item, ""), outcome),
            _ => return Vec::new(),
        };
        Call::new(None, work).drafts(&self.thread, &outcome, "")
    }

    fn message(&mut self, item: &Value) -> Option<Draft> {
        let said = text(item, "text")?;
        self.said = Some(said.to_owned());
        Some(self.thread.said(None, said))
    }

    /// A list is told again at the end of its turn.
    fn plan(&mut self, item: &Value) -> Option<Draft> {
        if text(item, "type") != Some("todo_list") {
            return None;
        }
        let steps = steps(&item["items"], "text");
        if steps == self.plan {
            return None;
        }
        self.plan.clone_from(&steps);
        Some(Call::new(None, Work::Plan(steps)).progress(&self.thread, &Outcome::default()))
    }
}

/// The HTTP status in `…last status: 429 Too Many Requests…`, else the name that the provider has for the error.
fn error_code(message: &str) -> Option<String> {
    if let Ok(error) = serde_json::from_str::<Value>(message) {
        let error = &error["error"];
        return text(error, "code").or_else(|| text(error, "type")).map(str::to_owned);
    }
    let words: Vec<&str> = message.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_status = |word: &str| word.len() == 3 && word.parse().is_ok_and(|status: u16| (400..600).contains(&status));
    let status = words.windows(2).find(|pair| matches!(pair[0], "status" | "http" | "HTTP") && is_status(pair[1]));
    let limit = || message.contains("usage limit").then_some("usage_limit_reached");
    status.map(|pair| pair[1]).or_else(limit).map(str::to_owned)
}
