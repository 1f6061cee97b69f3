//! Copilot CLI's own record of a session to facts: `session-state/<session>/events.jsonl`.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::{
    event::{DataKey, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::{LineReader, Understood},
        coder::{CoderIdentity, nth_part, print},
        diff::FileDiff,
        fact::{Fact, ModelUsage, Switch, Told, nanos_of_millis},
        json::Wire,
        moment::CoderMoment,
        open_calls::OpenCalls,
        tool_call::{CallEnd, ToolCall},
    },
};

use super::session::{Trouble, is_shell, printed, subagent_begun, subagent_over, taken_up, trace_of, turn_over, with_diff};

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
    /// The model has said something in the turn, which is not over else: it may have been refused.
    has_answered: bool,
    at_rest: bool,
    /// When the process began: its end tells what was used since.
    since: Option<Time>,
    /// Calls are told one by one, so their sum tells nothing.
    has_calls: bool,
    /// What the context held at the last call.
    context: Option<Fact>,
    /// Subagents by the calls that started them.
    subagents: HashMap<String, Arc<CoderIdentity>>,
    /// How many subagents there were of each name.
    names: HashMap<String, usize>,
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
        let by = self.subagent_of(line).map_or_else(|| session.clone(), |who| CoderMoment { who, at });
        Ok(match kind {
            "session.resume" => {
                (self.since, self.has_calls) = (at, false);
                vec![taken_up(&session)]
            }
            "hook.start" => {
                let trace = data.at("input").text("traceparent").and_then(trace_of);
                self.trace = trace.map(str::to_owned).or(self.trace.take());
                Vec::new()
            }
            "user.message" if by.who.is_subagent() => {
                data.text("content").map(|prompt| by.asked(data.text("messageId"), prompt)).into_iter().collect()
            }
            "user.message" => self.prompt(&session, data),
            // Which model a subagent begins with is told so too.
            "session.model_change" if line.text("agentId").is_none() => {
                switched(&session, line, Switch::Model, data.text("newModel")).into_iter().collect()
            }
            "session.mode_changed" => switched(&session, line, Switch::Mode, data.text("newMode")).into_iter().collect(),
            "permission.completed" => answered(&session, data).into_iter().collect(),
            "session.title_changed" => titled(&session, data).into_iter().collect(),
            "session.usage_record" => self.called(&by, data.at("usage")).into_iter().collect(),
            "assistant.message" => self.message(&by, data).into_iter().collect(),
            "assistant.turn_end" if !by.who.is_subagent() => self.turn_over(&session, line.text("id")),
            "tool.execution_start" => {
                if let Some((id, tool)) = data.text("toolCallId").zip(data.text("toolName")) {
                    self.calls.open(id, (tool.to_owned(), data.at("arguments").0.clone()));
                }
                Vec::new()
            }
            "tool.execution_complete" => self.tool_complete(&by, data),
            "model.call_failure" => vec![trouble(line, data).refused(&session)],
            "session.error" => {
                let trouble = trouble(line, data);
                vec![trouble.refused(&session), trouble.failed(&session)]
            }
            "session.compaction_complete" => compacted(&session, line, data),
            "subagent.started" | "subagent.completed" | "subagent.failed" => self.subagent(&session, kind, line)?,
            "abort" => vec![session.says(Fact::Interrupted).known_by(session.who.repeat(&["interrupted"]))],
            "session.shutdown" => self.shut_down(&session, line.text("id"), data),
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
        self.since = data.time("startTime").or(at);
        let begun = self.session()?.at(self.since).says(Fact::begun(None));
        let context = data.at("context");
        let begun = begun.with(DataKey::Branch, context.text("branch")).with(DataKey::Commit, context.text("headCommit"));
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

    /// The subagent that a line is of, as the line itself says.
    fn subagent_of(&self, line: Wire<'_>) -> Option<Arc<CoderIdentity>> {
        let call = line.text("agentId").or(line.at("data").text("parentToolCallId"))?;
        self.subagents.get(call).map(Arc::clone)
    }

    /// Each is a coder of its own: several of one name are told apart in the order they began in.
    fn subagent(&mut self, session: &CoderMoment, kind: &str, line: Wire<'_>) -> Understood {
        let data = line.at("data");
        let Some(name) = data.text("agentName") else { return Ok(Vec::new()) };
        let call = data.text("toolCallId").unwrap_or(name);
        let subagent = match self.subagents.get(call) {
            Some(known) => Arc::clone(known),
            None => {
                let nth = self.names.entry(name.to_owned()).or_default();
                let who = session.who.subagent(&nth_part(name, *nth), data.text("agentDisplayName"))?;
                *nth += 1;
                let ids = [Some(call), line.text("agentId")];
                self.subagents.extend(ids.into_iter().flatten().map(|id| (id.to_owned(), Arc::clone(&who))));
                who
            }
        };
        Ok(match kind {
            "subagent.started" => vec![subagent_begun(&subagent, session.at)],
            "subagent.failed" => subagent_over(&subagent, data.text("error").or(Some("failed")), session.at).into(),
            _ => subagent_over(&subagent, None, session.at).into(),
        })
    }

    fn prompt(&mut self, session: &CoderMoment, data: Wire<'_>) -> Vec<Told> {
        self.has_answered = false;
        let (id, Some(prompt)) = (data.text("messageId"), data.text("content")) else { return Vec::new() };
        let prompted = std::mem::take(&mut self.at_rest).then(|| session.prompted(id, prompt));
        std::iter::once(session.asked(id, prompt)).chain(prompted).collect()
    }

    fn message(&mut self, session: &CoderMoment, data: Wire<'_>) -> Option<Told> {
        // A subagent's message ends no turn of the session.
        if !session.who.is_subagent() {
            self.has_answered = true;
            self.asked_for_tools = data.list("toolRequests").len() > 0;
        }
        let ids = session.who.natural(&["message", data.text("messageId")?]);
        Some(session.says(Fact::said(data.text("content")?)).known_by(ids))
    }

    fn turn_over(&mut self, session: &CoderMoment, id: Option<&str>) -> Vec<Told> {
        if self.asked_for_tools || !self.has_answered {
            return Vec::new();
        }
        self.at_rest = true;
        let used = self.context.take().zip(id).map(|(used, id)| {
            let ids = session.who.natural(&["context", id]);
            session.says(used).known_by(ids)
        });
        used.into_iter().chain([turn_over(session, self.trace.take().as_deref(), None)]).collect()
    }

    fn called(&mut self, by: &CoderMoment, usage: Wire<'_>) -> Option<Told> {
        self.has_calls = true;
        if !by.who.is_subagent() {
            self.context = context(usage);
        }
        call(by, usage)
    }

    fn shut_down(&self, session: &CoderMoment, id: Option<&str>, data: Wire<'_>) -> Vec<Told> {
        let used = session_usage(data.at("modelMetrics")).filter(|_| !self.has_calls).map(|usage| {
            let ids = session.who.natural(&["sum", id.unwrap_or_default()]);
            session.says(Fact::Summed { usage, since: self.since }).known_by(ids)
        });
        used.into_iter().chain([session.stopped(data.text("shutdownType"))]).collect()
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
        let result = data.at("result");
        let printed = printed(&name, result.text("content").unwrap_or_default()).map(|(text, _)| text);
        let answer = printed.as_deref().or(result.text("content")).filter(|answer| !answer.is_empty());
        let outcome = outcome.answering(answer, is_shell(&name));
        let mut told = vec![call.ended(outcome, None)];
        // What changed is told of one file.
        let diff = result.text("detailedContent").filter(|_| data.list("fileEdits").len() == 1).and_then(FileDiff::of_text);
        told.extend(data.list("fileEdits").enumerate().filter_map(|(nth, edit)| {
            let operation = match edit.text("kind") {
                Some("create" | "add") => "create",
                Some("delete" | "remove") => "delete",
                _ => "modify",
            };
            Some(with_diff(call.file(nth, operation, edit.text("path")?), diff.clone()))
        }));
        if let Some(text) = &printed {
            told.extend(call.command(outcome, Some(text), self.folder.as_deref()));
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
    let id = usage.text("apiCallId")?;
    Some(session.says(called).known_by(session.who.provided(id, &["api", id])))
}

fn context(usage: Wire<'_>) -> Option<Fact> {
    let tokens = usage.whole("inputTokens")?.saturating_add(usage.whole("outputTokens").unwrap_or(0));
    Some(Fact::ContextUsed { tokens, window: usage.whole("maxPromptTokens") })
}

fn switched(session: &CoderMoment, line: Wire<'_>, what: Switch, to: Option<&str>) -> Option<Told> {
    let ids = session.who.natural(&["switched", line.text("id")?]);
    Some(session.says(Fact::Switched { what, to: to?.to_owned() }).known_by(ids))
}

/// Rules answer too, but nobody was asked then.
fn answered(session: &CoderMoment, data: Wire<'_>) -> Option<Told> {
    let granted = match data.at("result").text("kind")? {
        "approved" | "approved-for-session" | "approved-for-location" => true,
        "denied-interactively-by-user" => false,
        _ => return None,
    };
    let ids = session.who.natural(&["answered", data.text("requestId")?]);
    Some(session.says(Fact::Answered { granted: Some(granted) }).known_by(ids))
}

fn titled(session: &CoderMoment, data: Wire<'_>) -> Option<Told> {
    let title = data.text("title")?;
    Some(session.says(Fact::Titled(title.to_owned())).known_by(session.who.own(&["title", &print(title)])))
}

/// What a compaction tells: that it was, and the call that made the summary, which is told nowhere else.
fn compacted(session: &CoderMoment, line: Wire<'_>, data: Wire<'_>) -> Vec<Told> {
    let id = line.text("id").unwrap_or_default();
    let summary = compaction_call(session, id, data.at("compactionTokensUsed"));
    let compacted = session.says(Fact::compacted(None)).known_by(session.who.natural(&["compacted", id]));
    let succeeded = data.truth("success") != Some(false);
    summary.into_iter().chain(succeeded.then_some(compacted)).collect()
}

fn compaction_call(session: &CoderMoment, id: &str, used: Wire<'_>) -> Option<Told> {
    let figure = |names: [&str; 2]| names.into_iter().find_map(|name| used.whole(name));
    let cached = figure(["cachedInputTokens", "cacheReadTokens"]);
    let usage =
        ModelUsage::of_prompt(used.whole("inputTokens"), cached, used.whole("cacheWriteTokens"), used.whole("outputTokens"));
    let called = Fact::Called(ModelUsage { model: used.text("model").map(str::to_owned), ..usage });
    used.is_there().then(|| session.says(called).known_by(session.who.natural(&["compacted", id, "api"])))
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

/// What the process used, of all its models. What was read from the cache is part of its input.
fn session_usage(metrics: Wire<'_>) -> Option<ModelUsage> {
    let models = metrics.0.as_object().filter(|models| !models.is_empty())?;
    let sum = |name: &str| {
        let figures = models.values().filter_map(|model| Wire(model).at("usage").whole(name));
        figures.reduce(u64::saturating_add)
    };
    let usage = ModelUsage::of_prompt(sum("inputTokens"), sum("cacheReadTokens"), sum("cacheWriteTokens"), sum("outputTokens"));
    let model = models.keys().next().filter(|_| models.len() == 1).cloned();
    Some(ModelUsage { model, ..usage })
}
