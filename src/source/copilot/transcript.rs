//! Copilot CLI's own record of a session to drafts: `session-state/<session>/events.jsonl`.

use std::collections::HashMap;

use serde_json::Value;

use crate::{
    event::{Body, Draft, EventType, Time},
    source::{
        Agent, HookContext, Refusal,
        call::{Call, End},
        json,
        model_call::Tokens,
        session::{Session, with_text},
    },
};

use super::facts::{
    Trouble, at, begun, command_facts, lifecycle, printed, prompted, resumed, said, stopped, subagent_begun, subagent_end,
    trace_of, turn_end,
};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    /// From the file's path, until a line names it.
    path: String,
    session: Option<Session>,
    folder: Option<String>,
    /// Calls that have not ended: the tool and what was asked of it.
    calls: HashMap<String, (String, Value)>,
    /// The turn's, where hooks were told it.
    trace: Option<String>,
    /// The newest message of the model asks for tools, so the turn goes on.
    asked_for_tools: bool,
    at_rest: bool,
}

/// An agent runs a handful of tools at once; ends that never come must not pile up.
const CALLS_MAX: usize = 1_000;

impl Reader {
    pub fn new(path: &str) -> Reader {
        Reader {
            path: path.to_owned(),
            session: None,
            folder: None,
            calls: HashMap::new(),
            trace: None,
            asked_for_tools: false,
            at_rest: false,
        }
    }

    /// # Errors
    /// [`Refusal`] where neither a line nor the file's path names the session.
    pub fn line(&mut self, line: &Value) -> Result<Vec<Draft>, Refusal> {
        let none = Value::Null;
        let data = line.get("data").unwrap_or(&none);
        let kind = json::text(line, "type").unwrap_or_default();
        let time = json::time(line, "timestamp");
        if kind == "session.start" {
            return self.start(data, time);
        }
        let session = self.session()?;
        Ok(match kind {
            "session.resume" => vec![resumed(&session, time)],
            "hook.start" => {
                let trace = data.pointer("/input/traceparent").and_then(Value::as_str).and_then(trace_of);
                self.trace = trace.map(str::to_owned).or(self.trace.take());
                Vec::new()
            }
            "user.message" => self.prompt(&session, data, time).into_iter().collect(),
            "session.usage_record" => model_call(&session, data, time).into_iter().collect(),
            "assistant.message" => self.message(&session, data, time).into_iter().collect(),
            "assistant.turn_end" => self.turn_end(&session, time).into_iter().collect(),
            "tool.execution_start" => {
                self.tool_start(data);
                Vec::new()
            }
            "tool.execution_complete" => self.tool_complete(&session, data, time),
            "model.call_failure" => vec![trouble(line, data, time).draft(&session)],
            "session.error" => {
                let trouble = trouble(line, data, time);
                vec![trouble.draft(&session), trouble.failed(&session)]
            }
            "session.compaction_complete" => vec![compacted(&session, line, time)],
            "subagent.started" | "subagent.completed" | "subagent.failed" => subagent(&session, kind, data, time)?,
            "abort" => vec![stopped(&session, json::text(data, "reason").unwrap_or("abort"), time)],
            "session.shutdown" => vec![stopped(&session, json::text(data, "shutdownType").unwrap_or_default(), time)],
            _ => Vec::new(),
        })
    }

    pub fn end(&mut self) -> Vec<Draft> {
        Vec::new()
    }

    fn start(&mut self, data: &Value, time: Option<Time>) -> Result<Vec<Draft>, Refusal> {
        let folder = data.pointer("/context/cwd").and_then(Value::as_str);
        self.folder = folder.map(str::to_owned);
        if let Some(id) = json::text(data, "sessionId") {
            self.session = Some(Session::new(Agent::Copilot, id, &HookContext::default())?.in_folder(folder));
        }
        let about = |draft| with_text(with_text(draft, "cwd", folder), "model", json::text(data, "selectedModel"));
        Ok(begun(&self.session()?, "", json::time(data, "startTime").or(time), about))
    }

    fn session(&mut self) -> Result<Session, Refusal> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let Some(id) = self.path.rsplit(['/', '\\']).nth(1).filter(|folder| !folder.is_empty()) else {
            return Err(Refusal::new("neither the line nor the file's folder names the session"));
        };
        let session = Session::new(Agent::Copilot, id, &HookContext::default())?;
        Ok(self.session.insert(session).clone())
    }

    fn prompt(&mut self, session: &Session, data: &Value, time: Option<Time>) -> Option<Draft> {
        let prompt = json::text(data, "content")?;
        std::mem::take(&mut self.at_rest).then(|| prompted(session, json::text(data, "messageId"), prompt, time))
    }

    fn message(&mut self, session: &Session, data: &Value, time: Option<Time>) -> Option<Draft> {
        // A subagent's message ends no turn of the session.
        if json::text(data, "parentToolCallId").is_none() {
            self.asked_for_tools = !json::list(data, "toolRequests").is_empty();
        }
        Some(said(session, json::text(data, "messageId")?, json::text(data, "content")?, time))
    }

    fn turn_end(&mut self, session: &Session, time: Option<Time>) -> Option<Draft> {
        if self.asked_for_tools {
            return None;
        }
        self.at_rest = true;
        let trace = self.trace.take();
        Some(turn_end(session, lifecycle(session, EventType::Completed, "", time), trace.as_deref()))
    }

    fn tool_start(&mut self, data: &Value) {
        if let Some((id, tool)) = json::text(data, "toolCallId").zip(json::text(data, "toolName"))
            && self.calls.len() < CALLS_MAX
        {
            let arguments = data.get("arguments").cloned().unwrap_or_default();
            self.calls.insert(id.to_owned(), (tool.to_owned(), arguments));
        }
    }

    fn tool_complete(&mut self, session: &Session, data: &Value, time: Option<Time>) -> Vec<Draft> {
        let Some(id) = json::text(data, "toolCallId") else { return Vec::new() };
        let Some((tool, arguments)) = self.calls.remove(id) else { return Vec::new() };
        let call = Call { session, tool: &tool, id: Some(id), arguments: &arguments, time };
        let error = data.get("error").and_then(|error| json::text(error, "message"));
        let exit_code = data.pointer("/shellExecution/exitCode").and_then(Value::as_i64).filter(|code| *code != 0);
        let end = match (json::truth(data, "success"), exit_code) {
            (Some(false), exit_code) => End::Failed { error, exit_code },
            (_, Some(_)) => End::Failed { error, exit_code },
            _ => End::Done,
        };
        let mut drafts = vec![call.progress(end, None)];
        let edits = json::list(data, "fileEdits").iter().enumerate();
        drafts.extend(edits.filter_map(|(nth, edit)| {
            let operation = match json::text(edit, "kind") {
                Some("create" | "add") => "create",
                Some("delete" | "remove") => "delete",
                _ => "modify",
            };
            Some(call.file(nth, operation, json::text(edit, "path")?))
        }));
        let told = data.get("result").and_then(|result| json::text(result, "content")).unwrap_or_default();
        if let Some((text, _)) = printed(&tool, told) {
            drafts.extend(command_facts(&call, &text, end, self.folder.as_deref()));
        }
        drafts
    }
}

fn model_call(session: &Session, data: &Value, time: Option<Time>) -> Option<Draft> {
    let usage = data.get("usage")?;
    let count = |name| json::whole(usage, name);
    let tokens = Tokens {
        prompt: count("inputTokens"),
        cache_read: count("cacheReadTokens"),
        cache_write: count("cacheWriteTokens"),
        output: count("outputTokens"),
        total: None,
    };
    let duration = count("duration").and_then(|millis| millis.checked_mul(1_000_000));
    let mut draft = at(session.draft(EventType::ApiCall), time);
    draft.body = tokens.body(json::text(usage, "providerType"), json::text(usage, "model"), duration);
    Some(session.keyed(draft, &["api", json::text(usage, "apiCallId")?]))
}

fn trouble<'l>(line: &'l Value, data: &'l Value, time: Option<Time>) -> Trouble<'l> {
    Trouble {
        id: json::text(line, "id"),
        provider: None,
        model: json::text(data, "model"),
        code: json::first_text(data, &["errorCode", "errorType"]),
        message: json::first_text(data, &["errorMessage", "message"]),
        time,
    }
}

fn compacted(session: &Session, line: &Value, time: Option<Time>) -> Draft {
    let mut draft = at(session.draft(EventType::Milestone), time);
    if let Body::Progress(progress) = &mut draft.body {
        progress.milestone = Some("context compacted".to_owned());
    }
    session.keyed(draft, &["compacted", json::text(line, "id").unwrap_or_default()])
}

fn subagent(session: &Session, kind: &str, data: &Value, time: Option<Time>) -> Result<Vec<Draft>, Refusal> {
    let Some(name) = json::text(data, "agentName") else { return Ok(Vec::new()) };
    let subagent = session.subagent(name, json::text(data, "agentDisplayName"))?;
    Ok(match kind {
        "subagent.started" => subagent_begun(&subagent, name, time),
        "subagent.failed" => vec![subagent_end(&subagent, name, json::text(data, "error").or(Some("failed")), time)],
        _ => vec![subagent_end(&subagent, name, None, time)],
    })
}
