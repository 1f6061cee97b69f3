//! Copilot CLI's own record of a session to facts: `session-state/<session>/events.jsonl`.

use serde_json::Value;

use crate::{
    event::{DataKey, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::{LineReader, Understood},
        fact::{Fact, ModelUsage, Told, nanos_of_millis},
        json::Wire,
        moment::CoderMoment,
        open_calls::OpenCalls,
        tool_call::{CallEnd, ToolCall},
    },
};

use super::session::{Trouble, printed, subagent_begun, subagent_over, taken_up, trace_of, turn_over};

#[derive(Debug, Default)]
struct SessionLog {
    /// From the file's path, until a line names it.
    path: String,
    session: Option<CoderMoment>,
    folder: Option<String>,
    /// The tool and what was asked of it.
    calls: OpenCalls<(String, Value)>,
    /// The turn's, where hooks were told it.
    trace: Option<String>,
    /// The newest message of the model asks for tools, so the turn goes on.
    asked_for_tools: bool,
    at_rest: bool,
}

pub(super) fn open(path: &str) -> Box<dyn LineReader> {
    Box::new(SessionLog { path: path.to_owned(), ..SessionLog::default() })
}

impl LineReader for SessionLog {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let data = line.at("data");
        let kind = line.text("type").unwrap_or_default();
        let at = line.time("timestamp");
        if kind == "session.start" {
            return self.start(data, at);
        }
        let session = self.session()?.at(at);
        Ok(match kind {
            "session.resume" => vec![taken_up(&session)],
            "hook.start" => {
                let trace = data.at("input").text("traceparent").and_then(trace_of);
                self.trace = trace.map(str::to_owned).or(self.trace.take());
                Vec::new()
            }
            "user.message" => self.prompt(&session, data).into_iter().collect(),
            "session.usage_record" => call(&session, data.at("usage")).into_iter().collect(),
            "assistant.message" => self.message(&session, data).into_iter().collect(),
            "assistant.turn_end" => self.turn_over(&session).into_iter().collect(),
            "tool.execution_start" => {
                if let Some((id, tool)) = data.text("toolCallId").zip(data.text("toolName")) {
                    self.calls.open(id, (tool.to_owned(), data.at("arguments").0.clone()));
                }
                Vec::new()
            }
            "tool.execution_complete" => self.tool_complete(&session, data),
            "model.call_failure" => vec![trouble(line, data).refused(&session)],
            "session.error" => {
                let trouble = trouble(line, data);
                vec![trouble.refused(&session), trouble.failed(&session)]
            }
            "session.compaction_complete" => {
                let ids = session.who.natural(&["compacted", line.text("id").unwrap_or_default()]);
                vec![session.says(Fact::compacted(None)).known_by(ids)]
            }
            "subagent.started" | "subagent.completed" | "subagent.failed" => subagent(&session, kind, data)?,
            "abort" => vec![session.stopped(Some(data.text("reason").unwrap_or("abort")))],
            "session.shutdown" => vec![session.stopped(data.text("shutdownType"))],
            _ => Vec::new(),
        })
    }

    fn end(&mut self) -> Vec<Told> {
        Vec::new()
    }
}

impl SessionLog {
    fn start(&mut self, data: Wire<'_>, at: Option<Time>) -> Understood {
        let folder = data.at("context").text("cwd");
        self.folder = folder.map(str::to_owned);
        if let Some(id) = data.text("sessionId") {
            self.session = Some(CoderMoment::new(Agent::Copilot, id, folder, &HookContext::default())?);
        }
        let begun = self.session()?.at(data.time("startTime").or(at)).says(Fact::begun(None));
        Ok(vec![begun.with(DataKey::Cwd, folder).with(DataKey::Model, data.text("selectedModel"))])
    }

    fn session(&mut self) -> Result<CoderMoment, Refusal> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let Some(id) = self.path.rsplit(['/', '\\']).nth(1).filter(|folder| !folder.is_empty()) else {
            return Err(Refusal::new("neither the line nor the file's folder names the session"));
        };
        let session = CoderMoment::new(Agent::Copilot, id, None, &HookContext::default())?;
        Ok(self.session.insert(session).clone())
    }

    fn prompt(&mut self, session: &CoderMoment, data: Wire<'_>) -> Option<Told> {
        let prompt = data.text("content")?;
        std::mem::take(&mut self.at_rest).then(|| session.prompted(data.text("messageId"), prompt))
    }

    fn message(&mut self, session: &CoderMoment, data: Wire<'_>) -> Option<Told> {
        // A subagent's message ends no turn of the session.
        if data.text("parentToolCallId").is_none() {
            self.asked_for_tools = data.list("toolRequests").len() > 0;
        }
        let ids = session.who.natural(&["message", data.text("messageId")?]);
        Some(session.says(Fact::said(data.text("content")?)).known_by(ids))
    }

    fn turn_over(&mut self, session: &CoderMoment) -> Option<Told> {
        if self.asked_for_tools {
            return None;
        }
        self.at_rest = true;
        Some(turn_over(session, self.trace.take().as_deref(), None))
    }

    fn tool_complete(&mut self, session: &CoderMoment, data: Wire<'_>) -> Vec<Told> {
        let Some(id) = data.text("toolCallId") else { return Vec::new() };
        let Some((name, asked)) = self.calls.close(id) else { return Vec::new() };
        let call = ToolCall { by: session, name: &name, id: Some(id), asked: Wire(&asked) };
        let exit_code = data.at("shellExecution").signed("exitCode").filter(|code| *code != 0);
        let outcome = match data.truth("success") != Some(false) && exit_code.is_none() {
            true => CallEnd::DONE,
            false => CallEnd::failed(data.at("error").text("message"), exit_code),
        };
        let mut told = vec![call.ended(outcome, None)];
        told.extend(data.list("fileEdits").enumerate().filter_map(|(nth, edit)| {
            let operation = match edit.text("kind") {
                Some("create" | "add") => "create",
                Some("delete" | "remove") => "delete",
                _ => "modify",
            };
            Some(call.file(nth, operation, edit.text("path")?))
        }));
        if let Some((text, _)) = printed(&name, data.at("result").text("content").unwrap_or_default()) {
            told.extend(call.command(outcome, Some(&text), self.folder.as_deref()));
        }
        told
    }
}

fn call(session: &CoderMoment, usage: Wire<'_>) -> Option<Told> {
    let figures = ["inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens"].map(|name| usage.whole(name));
    let [prompt, cache_read, cache_write, output] = figures;
    let called = Fact::Called(ModelUsage {
        provider: usage.text("providerType").map(str::to_owned),
        model: usage.text("model").map(str::to_owned),
        duration_ns: nanos_of_millis(usage.whole("duration")),
        ..ModelUsage::of_prompt(prompt, cache_read, cache_write, output)
    });
    Some(session.says(called).known_by(session.who.natural(&["api", usage.text("apiCallId")?])))
}

fn trouble<'l>(line: Wire<'l>, data: Wire<'l>) -> Trouble<'l> {
    Trouble {
        id: line.text("id"),
        provider: None,
        model: data.text("model"),
        code: data.first_text(&["errorCode", "errorType"]),
        message: data.first_text(&["errorMessage", "message"]),
    }
}

fn subagent(session: &CoderMoment, kind: &str, data: Wire<'_>) -> Understood {
    let Some(name) = data.text("agentName") else { return Ok(Vec::new()) };
    let subagent = session.who.subagent(name, data.text("agentDisplayName"))?;
    Ok(vec![match kind {
        "subagent.started" => subagent_begun(&subagent, session.at),
        "subagent.failed" => subagent_over(&subagent, data.text("error").or(Some("failed")), session.at),
        _ => subagent_over(&subagent, None, session.at),
    }])
}
