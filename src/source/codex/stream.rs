//! The JSON output of `codex exec` to facts.
//!
//! Its lines have no times and no ids but their own, so its facts are known by what they say. Items that it tells twice are
//! told here when they are done; reasoning is not told, and an item of type `error` is a warning.

use super::{
    call::{CodexCall, PlanStep, Work, WorkOutcome, steps},
    command,
    thread::Thread,
    usage::{CodexUsage, TokenSum},
};
use crate::source::{
    HookContext,
    channel::{LineReader, Understood},
    fact::{Fact, RefusedCall, Told},
    json::{self, Wire},
    patch,
};

#[derive(Debug)]
struct ExecOutput {
    context: HookContext,
    thread: Thread,
    /// What the agent said last is what it ends its turn with.
    said: Option<String>,
    plan: Vec<PlanStep>,
}

pub(super) fn open(line: Wire<'_>, context: &HookContext) -> Option<Box<dyn LineReader>> {
    let session = line.text("thread_id").filter(|_| line.is("type", "thread.started"))?;
    let thread = Thread::new(session, None, context).ok()?;
    let context = context.clone();
    Some(Box::new(ExecOutput { context, thread, said: None, plan: Vec::new() }))
}

impl LineReader for ExecOutput {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        Ok(match line.text("type") {
            Some("thread.started") => self.thread_started(line),
            Some("turn.completed") => self.turn_completed(line),
            Some("turn.failed") => vec![self.thread.turn_failed(None, line.at("error").text("message"))],
            Some("error") => line.text("message").map(|message| self.error(message)).into_iter().collect(),
            Some("item.started" | "item.updated") => self.plan(line.at("item")).into_iter().collect(),
            Some("item.completed") => self.item(line.at("item")),
            _ => Vec::new(),
        })
    }

    /// The output ends with the process, killed or not.
    fn end(&mut self) -> Vec<Told> {
        vec![self.thread.ended(None)]
    }
}

impl ExecOutput {
    fn thread_started(&mut self, line: Wire<'_>) -> Vec<Told> {
        if let Some(Ok(thread)) = line.text("thread_id").map(|session| Thread::new(session, None, &self.context)) {
            self.thread = thread;
        }
        vec![self.thread.says(Fact::begun(None))]
    }

    fn turn_completed(&mut self, line: Wire<'_>) -> Vec<Told> {
        let sum = TokenSum::read(line.at("usage")).map(|tokens| {
            let usage = CodexUsage { tokens, ..CodexUsage::default() }.usage();
            self.thread.says(Fact::Summed { usage, since: None })
        });
        let completed = self.thread.turn_ended(None, self.said.take().as_deref());
        sum.into_iter().chain([completed]).collect()
    }

    fn error(&self, message: &str) -> Told {
        let refused = RefusedCall { code: error_code(message), message: Some(message.to_owned()), ..RefusedCall::default() };
        self.thread.refused(None, refused)
    }

    fn item(&mut self, item: Wire<'_>) -> Vec<Told> {
        let failed = item.text("status").is_some_and(|status| matches!(status, "failed" | "declined"));
        let exit_code = item.signed("exit_code");
        let outcome = WorkOutcome { failed, exit_code, ..WorkOutcome::default() };
        let (work, outcome) = match item.text("type") {
            Some("agent_message") => return self.message(item).into_iter().collect(),
            Some("todo_list") => return self.plan(item).into_iter().collect(),
            Some("command_execution") => {
                let script = command::script_of_line(item.text("command").unwrap_or_default());
                (Work::Command(script), WorkOutcome { printed: item.text("aggregated_output"), ..outcome })
            }
            Some("file_change") => (Work::Patch(patch::changes_of_json(item.at("changes"), "")), outcome),
            Some("mcp_tool_call") => {
                let (server, tool) = (item.text("server").unwrap_or("mcp"), item.text("tool").unwrap_or("tool"));
                let failed = failed || item.at("error").is_there();
                (Work::of_server(server, tool, item.at("arguments")), WorkOutcome { failed, ..outcome })
            }
            Some("web_search") => (Work::of("web_search", item, ""), outcome),
            Some("collab_tool_call") => (Work::of(item.text("tool").unwrap_or("collab"), item, ""), outcome),
            _ => return Vec::new(),
        };
        CodexCall::new(None, work).told(&self.thread, &outcome, "")
    }

    fn message(&mut self, item: Wire<'_>) -> Option<Told> {
        let said = item.text("text")?;
        self.said = Some(said.to_owned());
        Some(self.thread.said(None, said))
    }

    /// A list is told again at the end of its turn.
    fn plan(&mut self, item: Wire<'_>) -> Option<Told> {
        if item.text("type") != Some("todo_list") {
            return None;
        }
        let steps = steps(item.list("items"), "text");
        if steps == self.plan {
            return None;
        }
        self.plan.clone_from(&steps);
        Some(CodexCall::new(None, Work::Plan(steps)).ended(&self.thread, &WorkOutcome::default()))
    }
}

/// The HTTP status in `…last status: 429 Too Many Requests…`, else the name that the provider has for the error.
pub(super) fn error_code(message: &str) -> Option<String> {
    if let Some(answer) = json::within(message) {
        return Wire(&answer).at("error").first_text(&["code", "type"]).map(str::to_owned);
    }
    let words: Vec<&str> = message.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_status = |word: &str| word.len() == 3 && word.parse().is_ok_and(|status: u16| (400..600).contains(&status));
    let status = words.windows(2).find(|pair| matches!(pair[0], "status" | "http" | "HTTP") && is_status(pair[1]));
    let limit = || message.contains("usage limit").then_some("usage_limit_reached");
    status.map(|pair| pair[1]).or_else(limit).map(str::to_owned)
}
