//! Codex's own record of a session, its rollout, to drafts.
//!
//! Newer rollouts tell what happened as `item_completed` and calls as `token_usage_record`; older ones as events of many
//! names, and calls as sums. `response_item` holds the same once more as the model reads it: it is what is left of a tool's
//! call where no item tells of it.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    call::{Call, Outcome, Work},
    command,
    facts::Thread,
    json::text,
    usage::Account,
};
use crate::source::patch;
use crate::{
    event::{Draft, Time},
    source::{HookContext, Refusal, session::with_text},
};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    /// The session that the file is named after.
    named: Option<String>,
    thread: Option<Thread>,
    /// The thread's own id, which differs from its session's where it is a subagent's.
    id: String,
    folder: String,
    turn: Option<String>,
    /// A turn ended, and none began since.
    at_rest: bool,
    /// Calls whose output is to come, by id.
    calls: HashMap<String, Work>,
    account: Account,
}

/// An agent that never hears of its calls again does not fill the memory.
const OPEN_CALLS_MAX: usize = 1_000;

impl Reader {
    pub fn new(path: &str) -> Reader {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let named = name.strip_prefix("rollout-").and_then(|name| name.split_once(".jsonl")).and_then(|(stem, _)| {
            // `2026-11-22T18-58-41-` stands before the id.
            stem.get(TIME_CHARS..).filter(|id| !id.is_empty()).map(str::to_owned)
        });
        Reader {
            named,
            thread: None,
            id: String::new(),
            folder: String::new(),
            turn: None,
            at_rest: false,
            calls: HashMap::new(),
            account: Account::default(),
        }
    }

    /// # Errors
    /// [`Refusal`] where neither the file's name nor a line before says whose it is.
    pub fn line(&mut self, line: &Value) -> Result<Vec<Draft>, Refusal> {
        let at = text(line, "timestamp").and_then(Time::parse);
        let payload = &line["payload"];
        if text(line, "type") == Some("session_meta") {
            return Ok(stamped(self.meta(payload)?, at));
        }
        let thread = match &self.thread {
            Some(thread) => thread.clone(),
            None => {
                let Some(named) = &self.named else {
                    return Err(Refusal::new("no line before names the session, nor does the file's name"));
                };
                self.id.clone_from(named);
                self.thread.insert(Thread::new(named, None, &HookContext::default())?).clone()
            }
        };
        // A thread that forked off another begins with what that one did.
        if text(payload, "thread_id").is_some_and(|id| id != self.id) {
            return Ok(Vec::new());
        }
        let drafts = match text(line, "type") {
            Some("turn_context") => {
                self.turn_context(payload);
                Vec::new()
            }
            Some("token_usage_record") => self.account.record(&thread, payload, at).into_iter().collect(),
            Some("compacted") => vec![thread.compacted()],
            Some("event_msg") => self.event(&thread, payload, text(line, "timestamp"), at),
            Some("response_item") => self.response_item(&thread, payload),
            _ => Vec::new(),
        };
        Ok(stamped(drafts, at))
    }

    /// A turn that is not over may go on.
    pub fn end(&mut self) -> Vec<Draft> {
        let Some(thread) = &self.thread else { return Vec::new() };
        self.account.told_alone(thread).into_iter().collect()
    }

    fn meta(&mut self, meta: &Value) -> Result<Vec<Draft>, Refusal> {
        // The second is that of the thread this one forked off.
        if self.thread.is_some() {
            return Ok(Vec::new());
        }
        let Some(id) = text(meta, "id").or(self.named.as_deref()) else {
            return Err(Refusal::new("the session's first line has no `id`"));
        };
        let folder = text(meta, "cwd");
        let spawn = &meta["source"]["subagent"]["thread_spawn"];
        let session = text(meta, "session_id").filter(|session| *session != id).or_else(|| text(spawn, "parent_thread_id"));
        let name = text(spawn, "agent_nickname").or_else(|| text(spawn, "agent_role"));
        let context = HookContext::default();
        let thread = match session {
            Some(session) => Thread::new(session, folder, &context)?.subagent(id, name)?,
            None => Thread::new(id, folder, &context)?,
        };
        self.id = id.to_owned();
        self.folder = folder.unwrap_or_default().to_owned();
        self.account.per_turn = text(meta, "source") == Some("exec");
        self.account.provider = text(meta, "model_provider").map(str::to_owned);
        let about = |draft: Draft| with_text(draft, "cwd", folder);
        let drafts = vec![about(thread.created()), about(thread.started())];
        self.thread = Some(thread);
        Ok(drafts)
    }

    fn turn_context(&mut self, context: &Value) {
        if let Some(model) = text(context, "model") {
            self.account.model = Some(model.to_owned());
        }
        if let Some(folder) = text(context, "cwd") {
            folder.clone_into(&mut self.folder);
        }
    }

    fn event(&mut self, thread: &Thread, event: &Value, stamp: Option<&str>, at: Option<Time>) -> Vec<Draft> {
        match text(event, "type") {
            Some("task_started" | "turn_started") => self.turn_began(thread, text(event, "turn_id").or(stamp)),
            // Before turns had a beginning of their own.
            Some("user_message") => self.turn_began(thread, self.turn.clone().as_deref().or(stamp)),
            Some("task_complete" | "turn_complete") => {
                self.turn_ended(thread, event, |turn| match event.get("error").filter(|error| !error.is_null()) {
                    Some(error) => thread.failed(turn, text(error, "message").or(error.as_str())),
                    None => thread.completed(turn, text(event, "last_agent_message")),
                })
            }
            Some("turn_aborted") => self.turn_ended(thread, event, |turn| thread.interrupted(turn, text(event, "reason"))),
            Some("token_count") => {
                let told = self.account.count(thread, event, at);
                told.into_iter().chain(self.account.told_alone(thread)).collect()
            }
            Some("item_completed") => self.item(thread, &event["item"]),
            Some("exec_command_end") => self.command(thread, text(event, "call_id"), event),
            Some("patch_apply_end") => self.patched(thread, text(event, "call_id"), event),
            Some("agent_message") => self.said(thread, stamp, text(event, "message")),
            Some("context_compacted") => vec![thread.compacted()],
            _ => Vec::new(),
        }
    }

    fn turn_began(&mut self, thread: &Thread, turn: Option<&str>) -> Vec<Draft> {
        // Where the process was killed, the turn before has no end.
        let left_open = self.turn.as_deref().filter(|open| turn != Some(open));
        let calls = left_open.and_then(|open| self.account.turn_over(thread, Some(open)));
        self.turn = turn.map(str::to_owned);
        let resumed = turn.filter(|_| std::mem::take(&mut self.at_rest)).map(|turn| thread.resumed(turn));
        calls.into_iter().chain(resumed).collect()
    }

    fn turn_ended(&mut self, thread: &Thread, event: &Value, ended: impl FnOnce(Option<&str>) -> Draft) -> Vec<Draft> {
        let turn = text(event, "turn_id").map(str::to_owned).or_else(|| self.turn.take());
        self.turn = None;
        self.at_rest = true;
        let calls = self.account.turn_over(thread, turn.as_deref());
        calls.into_iter().chain([ended(turn.as_deref())]).collect()
    }

    fn item(&mut self, thread: &Thread, item: &Value) -> Vec<Draft> {
        let id = text(item, "id");
        // What the model is answered says less.
        id.and_then(|id| self.calls.remove(id));
        match text(item, "type") {
            Some("AgentMessage") => {
                let parts = item["content"].as_array().into_iter().flatten();
                let said: String = parts.filter_map(|part| text(part, "text")).collect();
                self.said(thread, id, Some(&said))
            }
            Some("CommandExecution") => self.command(thread, id, item),
            Some("FileChange") => self.patched(thread, id, item),
            Some("McpToolCall") => {
                let (server, tool) = (text(item, "server").unwrap_or("mcp"), text(item, "tool").unwrap_or("tool"));
                let failed = is_failed(item) || item.get("error").is_some_and(|error| !error.is_null());
                let work = Work::of_server(server, tool, &item["arguments"]);
                Call::new(id, work).drafts(thread, &Outcome { failed, ..Outcome::default() }, &self.folder)
            }
            Some("WebSearch") => {
                let work = Work::of("web_search", item, &self.folder);
                Call::new(id, work).drafts(thread, &Outcome::default(), &self.folder)
            }
            Some("ContextCompaction") => vec![thread.compacted()],
            _ => Vec::new(),
        }
    }

    fn said(&self, thread: &Thread, id: Option<&str>, said: Option<&str>) -> Vec<Draft> {
        said.filter(|said| !said.is_empty()).map(|said| thread.said(id, said)).into_iter().collect()
    }

    fn command(&self, thread: &Thread, id: Option<&str>, item: &Value) -> Vec<Draft> {
        let words: Vec<&str> = item["command"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let exit_code = item["exit_code"].as_i64();
        let outcome = Outcome {
            exit_code,
            failed: is_failed(item) || exit_code.is_some_and(|code| code != 0),
            printed: text(item, "aggregated_output"),
            ..Outcome::default()
        };
        // Its folder may be a URL.
        let folder = text(item, "cwd").map(|cwd| cwd.strip_prefix("file://").unwrap_or(cwd)).unwrap_or(&self.folder);
        Call::new(id, Work::Command(command::script(&words))).drafts(thread, &outcome, folder)
    }

    fn patched(&self, thread: &Thread, id: Option<&str>, item: &Value) -> Vec<Draft> {
        let failed = is_failed(item) || item["success"].as_bool() == Some(false);
        let work = Work::Patch(patch::changes_of_json(&item["changes"], &self.folder));
        Call::new(id, work).drafts(thread, &Outcome { failed, ..Outcome::default() }, &self.folder)
    }

    fn response_item(&mut self, thread: &Thread, item: &Value) -> Vec<Draft> {
        let Some(id) = text(item, "call_id") else { return Vec::new() };
        let work = match text(item, "type") {
            Some("function_call") => {
                let given = text(item, "arguments").unwrap_or_default();
                let arguments = serde_json::from_str(given).unwrap_or_else(|_| Value::from(given));
                Work::of(text(item, "name").unwrap_or("tool"), &arguments, &self.folder)
            }
            Some("custom_tool_call") => Work::of(text(item, "name").unwrap_or("tool"), &item["input"], &self.folder),
            Some("local_shell_call") => Work::of("local_shell", item, &self.folder),
            Some("function_call_output" | "custom_tool_call_output") => {
                let Some(work) = self.calls.remove(id) else { return Vec::new() };
                return self.answered(thread, id, work, &item["output"]);
            }
            _ => return Vec::new(),
        };
        if self.calls.len() < OPEN_CALLS_MAX {
            self.calls.insert(id.to_owned(), work);
        }
        Vec::new()
    }

    fn answered(&self, thread: &Thread, id: &str, work: Work, output: &Value) -> Vec<Draft> {
        let answer = Answer::read(output);
        let outcome = Outcome {
            exit_code: answer.exit_code,
            failed: answer.failed,
            // A command that still runs has not said all.
            printed: match &work {
                Work::Command(_) if answer.exit_code.is_none() => None,
                _ => Some(answer.printed.as_str()),
            },
            ..Outcome::default()
        };
        Call::new(Some(id), work).drafts(thread, &outcome, &self.folder)
    }
}

/// `2026-11-22T18-58-41-`
const TIME_CHARS: usize = 20;

fn is_failed(item: &Value) -> bool {
    text(item, "status").is_some_and(|status| matches!(status, "failed" | "declined"))
}

/// Drafts of a line; those that waited for it have their own time.
fn stamped(drafts: Vec<Draft>, at: Option<Time>) -> Vec<Draft> {
    drafts.into_iter().map(|draft| Draft { timestamp: draft.timestamp.or(at), ..draft }).collect()
}

/// A tool's answer as the model reads it: a text with the exit code on a line of its own, or JSON.
struct Answer {
    exit_code: Option<i64>,
    failed: bool,
    printed: String,
}

impl Answer {
    fn read(output: &Value) -> Answer {
        let told_failed = output["success"].as_bool() == Some(false);
        let answer = output.as_str().or_else(|| text(output, "content")).unwrap_or_default();
        let json = serde_json::from_str::<Value>(answer).ok().filter(|json| json["metadata"].is_object());
        let (exit_code, printed) = match &json {
            Some(json) => (json["metadata"]["exit_code"].as_i64(), text(json, "output").unwrap_or_default()),
            None => match answer.split_once("\nOutput:\n") {
                Some((head, printed)) => (head.lines().find_map(exit_code), printed),
                None => (None, answer),
            },
        };
        let unsupported = answer.starts_with("unsupported call");
        let failed = told_failed || unsupported || exit_code.is_some_and(|code| code != 0);
        Answer { exit_code, failed, printed: printed.to_owned() }
    }
}

fn exit_code(line: &str) -> Option<i64> {
    ["Exit code: ", "Process exited with code "].iter().find_map(|before| line.strip_prefix(before)?.trim().parse().ok())
}
