//! The JSON output of `codex exec` to facts.
//!
//! Its lines have no times and no ids but their own, so its facts are known by what they say. Items that it tells twice are
//! told here when they are done; reasoning is not told, and an item of type `error` is a warning.

use super::{
    call::{Call, Outcome, Step, Work, steps},
    command,
    thread::Thread,
    usage::{Calls, Tokens},
};
use crate::source::{
    HookContext,
    channel::{Lines, Said},
    fact::{Fact, Refused, Told},
    json::{self, Json},
    patch,
};

#[derive(Debug)]
struct ExecOutput {
    context: HookContext,
    thread: Thread,
    /// What the agent said last is what it ends its turn with.
    said: Option<String>,
    plan: Vec<Step>,
    /// The sum of tokens when a turn ended last.
    told: Tokens,
}

pub(super) fn open(line: Json<'_>, context: &HookContext) -> Option<Box<dyn Lines>> {
    let session = line.text("thread_id").filter(|_| line.is("type", "thread.started"))?;
    let thread = Thread::new(session, None, context).ok()?;
    let context = context.clone();
    Some(Box::new(ExecOutput { context, thread, said: None, plan: Vec::new(), told: Tokens::default() }))
}

impl Lines for ExecOutput {
    fn line(&mut self, line: Json<'_>) -> Said {
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
    fn thread_started(&mut self, line: Json<'_>) -> Vec<Told> {
        if let Some(Ok(thread)) = line.text("thread_id").map(|session| Thread::new(session, None, &self.context)) {
            self.thread = thread;
        }
        vec![self.thread.says(Fact::begun(None))]
    }

    fn turn_completed(&mut self, line: Json<'_>) -> Vec<Told> {
        let calls = Tokens::read(line.at("usage")).map(|total| {
            let tokens = total.since(std::mem::replace(&mut self.told, total));
            Calls { tokens: Some(tokens), ..Calls::default() }.turn(&self.thread, None, total)
        });
        let completed = self.thread.turn_ended(None, self.said.take().as_deref());
        calls.into_iter().chain([completed]).collect()
    }

    fn error(&self, message: &str) -> Told {
        let refused = Refused { code: error_code(message), message: Some(message.to_owned()), ..Refused::default() };
        self.thread.refused(None, refused)
    }

    fn item(&mut self, item: Json<'_>) -> Vec<Told> {
        let failed = item.text("status").is_some_and(|status| matches!(status, "failed" | "declined"));
        let exit_code = item.signed("exit_code");
        let outcome = Outcome { failed, exit_code, ..Outcome::default() };
        let (work, outcome) = match item.text("type") {
            Some("agent_message") => return self.message(item).into_iter().collect(),
            Some("todo_list") => return self.plan(item).into_iter().collect(),
            Some("command_execution") => {
                let script = command::script_of_line(item.text("command").unwrap_or_default());
                (Work::Command(script), Outcome { printed: item.text("aggregated_output"), ..outcome })
            }
            Some("file_change") => (Work::Patch(patch::changes_of_json(item.at("changes"), "")), outcome),
            Some("mcp_tool_call") => {
                let (server, tool) = (item.text("server").unwrap_or("mcp"), item.text("tool").unwrap_or("tool"));
                let failed = failed || item.at("error").is_there();
                (Work::of_server(server, tool, item.at("arguments")), Outcome { failed, ..outcome })
            }
            Some("web_search") => (Work::of("web_search", item, ""), outcome),
            Some("collab_tool_call") => (Work::of(item.text("tool").unwrap_or("collab"), item, ""), outcome),
            _ => return Vec::new(),
        };
        Call::new(None, work).told(&self.thread, &outcome, "")
    }

    fn message(&mut self, item: Json<'_>) -> Option<Told> {
        let said = item.text("text")?;
        self.said = Some(said.to_owned());
        Some(self.thread.said(None, said))
    }

    /// A list is told again at the end of its turn.
    fn plan(&mut self, item: Json<'_>) -> Option<Told> {
        if item.text("type") != Some("todo_list") {
            return None;
        }
        let steps = steps(item.list("items"), "text");
        if steps == self.plan {
            return None;
        }
        self.plan.clone_from(&steps);
        Some(Call::new(None, Work::Plan(steps)).ended(&self.thread, &Outcome::default()))
    }
}

/// The HTTP status in `…last status: 429 Too Many Requests…`, else the name that the provider has for the error.
fn error_code(message: &str) -> Option<String> {
    if let Some(answer) = json::within(message) {
        return Json(&answer).at("error").first_text(&["code", "type"]).map(str::to_owned);
    }
    let words: Vec<&str> = message.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_status = |word: &str| word.len() == 3 && word.parse().is_ok_and(|status: u16| (400..600).contains(&status));
    let status = words.windows(2).find(|pair| matches!(pair[0], "status" | "http" | "HTTP") && is_status(pair[1]));
    let limit = || message.contains("usage limit").then_some("usage_limit_reached");
    status.map(|pair| pair[1]).or_else(limit).map(str::to_owned)
}
