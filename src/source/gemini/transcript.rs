//! Gemini CLI's own record of a session to facts: `chats/session-*.jsonl`.
//!
//! A message is written when it is said and again when its tools have run. Nothing marks the end of a turn: it is a message
//! of the model that asked for no tool, and is the last before the next prompt.

use std::collections::HashSet;

use crate::{
    event::{DataKey, Micros, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::{LineReader, Understood},
        fact::{Fact, OnlyIf, Switch, Told},
        json::Wire,
        moment::CoderMoment,
        tool_call::{CallEnd, ToolCall},
    },
};

use super::session::{
    self, ModelAnswer, SubagentEnd, compacted, error_shown, exit_code, is_shell, said, shown, subagent, thoughts, turn_over,
    without_hook_context,
};

#[derive(Debug, Default)]
struct ChatFile {
    /// The session whose subagent's file it is.
    parent: Option<String>,
    session: Option<CoderMoment>,
    folder: Option<String>,
    /// What the turn began with.
    prompt: Option<String>,
    last: Option<LastMessage>,
    turns: u64,
    /// That the last message is of.
    model: Option<String>,
    /// Ids of the messages so far.
    known: HashSet<String>,
}

/// The newest message of the model.
#[derive(Debug)]
struct LastMessage {
    id: String,
    at: Option<Time>,
    text: String,
    asked_for_tools: bool,
    /// What the context held then.
    context: Option<u64>,
}

/// The file's name has only the beginning of the session's id; its first line has the whole. A subagent's file lies in a folder
/// with its session's id.
pub(super) fn open(path: &str) -> Box<dyn LineReader> {
    let folder = path.rsplit(['/', '\\']).nth(1).filter(|folder| !matches!(*folder, "" | "chats"));
    let is_in_chats = path.rsplit(['/', '\\']).nth(2) == Some("chats");
    Box::new(ChatFile { parent: folder.filter(|_| is_in_chats).map(str::to_owned), ..ChatFile::default() })
}

impl LineReader for ChatFile {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        if let Some(id) = line.text("sessionId") {
            let session = self.speaker(id)?;
            let begun = session.who.says(line.time("startTime"), Fact::begun(None));
            self.session = Some(session.clone());
            // Older versions keep the whole chat in one object.
            let messages = line.list("messages").flat_map(|message| self.message(&session, message));
            return Ok(std::iter::once(begun).chain(messages).collect());
        }
        let Some(session) = self.session.clone() else {
            return Err(Refusal::new("the line stands before the one with the `sessionId`"));
        };
        let set = line.at("$set");
        if set.is_there() {
            return Ok(self.context_set(&session, set));
        }
        Ok(self.message(&session, line))
    }

    fn end(&mut self) -> Vec<Told> {
        // A message is written again once its tools have run: the last one of a process that was killed ends no turn.
        let ended = self.turn_ended().map(|ended| ended.only_if(OnlyIf::Unwatched));
        ended.into_iter().chain(self.context_used()).collect()
    }
}

impl ChatFile {
    /// # Errors
    /// [`Refusal`] where `id` cannot be part of a coder's id.
    fn speaker(&self, id: &str) -> Result<CoderMoment, Refusal> {
        let Some(parent) = self.parent.as_deref().filter(|parent| *parent != id) else {
            return CoderMoment::new(Agent::Gemini, id, None, &HookContext::default());
        };
        let session = CoderMoment::new(Agent::Gemini, parent, None, &HookContext::default())?;
        subagent(&session, id, None)
    }

    /// What the model is given from now on. A chat that is taken up again stands there once more, with new times, and a long one
    /// summed up: what was said before was told before.
    fn context_set(&mut self, session: &CoderMoment, set: Wire<'_>) -> Vec<Told> {
        let messages = || set.list("messages").filter(|message| !is_context(&content(*message)));
        let is_new = |message: &Wire<'_>| message.text("id").is_none_or(|id| !self.known.contains(id));
        if self.turns == 0 {
            let messages: Vec<Wire<'_>> = set.list("messages").filter(is_new).collect();
            return messages.into_iter().flat_map(|message| self.message(session, message)).collect();
        }
        let summary = messages().next().filter(is_new).map(|summary| {
            let text = content(summary);
            compacted(&session.clone().at(summary.time("timestamp")), Some(text.as_str()).filter(|text| !text.is_empty()))
        });
        self.known.extend(messages().filter_map(|message| message.text("id").map(str::to_owned)));
        summary.into_iter().collect()
    }

    fn message(&mut self, session: &CoderMoment, line: Wire<'_>) -> Vec<Told> {
        let session = session.clone().at(line.time("timestamp"));
        self.known.extend(line.text("id").map(str::to_owned));
        match (line.text("type"), line.text("id")) {
            (Some("user"), Some(id)) => self.user(&session, id, line),
            (Some("gemini"), Some(id)) => self.model(&session, id, line),
            (Some("error"), _) => vec![error_shown(&session, &content(line))],
            (Some("info"), Some(id)) if content(line).trim() == CANCELLED => vec![self.cancelled(&session, id)],
            _ => Vec::new(),
        }
    }

    fn user(&mut self, session: &CoderMoment, id: &str, line: Wire<'_>) -> Vec<Told> {
        let text = content(line);
        let text = without_hook_context(&text).to_owned();
        if is_context(&text) {
            self.folder = workspace_folder(&text).map(str::to_owned);
            return Vec::new();
        }
        // The answers of tools go to the model in the person's name.
        if text.is_empty() {
            return Vec::new();
        }
        let (context, ended) = (self.context_used(), self.turn_ended());
        let prompted = (self.turns > 0).then(|| session.prompted(Some(id), &text));
        let asked = session.asked(Some(id), without_context(&text));
        (self.prompt, self.last) = (Some(text), None);
        self.turns += 1;
        context.into_iter().chain(ended).chain([asked]).chain(prompted).collect()
    }

    fn model(&mut self, session: &CoderMoment, id: &str, line: Wire<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        let text = content(line);
        if self.last.as_ref().is_none_or(|last| last.id != id) {
            let tokens = line.at("tokens");
            // Copies of a chat repeat its messages, ids and all.
            let answered = tokens.is_there().then(|| answer(line, tokens, &text).told(session));
            told.extend(answered.map(|told| {
                let ids = told.ids.clone().or_line(&session.who, Some(id), &["api"]);
                told.known_by(ids)
            }));
            told.extend(self.set_model(session, id, line));
            told.extend(thoughts(session, id, line));
            told.extend(said(session, Some(id), &text));
        }
        let calls = line.list("toolCalls");
        let asked_for_tools = calls.len() > 0;
        told.extend(calls.flat_map(|call| self.call(session, call).into_iter().chain(over(session, call))));
        let context = line.at("tokens").whole("total");
        self.last = Some(LastMessage { id: id.to_owned(), at: session.at, text, asked_for_tools, context });
        told
    }

    fn set_model(&mut self, session: &CoderMoment, id: &str, line: Wire<'_>) -> Option<Told> {
        let model = line.text("model").filter(|model| self.model.as_deref() != Some(*model))?;
        self.model.replace(model.to_owned()).filter(|_| !session.who.is_subagent())?;
        let switched = Fact::Switched { what: Switch::Model, to: model.to_owned() };
        Some(session.says(switched).known_by(session.who.own(&["model", id])))
    }

    fn call(&self, session: &CoderMoment, made: Wire<'_>) -> Vec<Told> {
        let name = made.text("name").unwrap_or("tool");
        let by = &session.clone().at(made.time("timestamp"));
        let call = ToolCall { by, name, id: made.text("id"), asked: made.at("args") };
        let result = made.list("result").next();
        let response = result.map_or(made.at(""), |result| result.at("functionResponse").at("response"));
        let outcome = match (made.text("status"), response.text("output").and_then(|told| exit_code(name, told))) {
            (Some("success"), None) => CallEnd::DONE,
            (Some("success"), exit_code) => CallEnd::failed(None, exit_code),
            (Some("error" | "cancelled"), exit_code) => CallEnd::failed(response.text("error"), exit_code),
            // It has not come to its end.
            _ => return Vec::new(),
        };
        let outcome = outcome.answering(response.text("output").and_then(|told| session::answer(name, told)), is_shell(name));
        let mut told = vec![call.ended(outcome, None)];
        told.extend(call.planned(outcome));
        told.extend(shown(&call, made.at("resultDisplay"), outcome, self.folder.as_deref()));
        told
    }

    /// A person broke the turn off. What it told so far, its end hook tells as an answer, a moment later.
    fn cancelled(&mut self, session: &CoderMoment, id: &str) -> Told {
        self.last = None;
        let at = session.at.map(|at| at.plus(HOOK_AFTER));
        session.who.says(at, Fact::Interrupted).known_by(session.who.own(&["interrupted", id]))
    }

    /// With the last answer of a turn.
    fn context_used(&self) -> Option<Told> {
        let last = self.last.as_ref().filter(|last| !last.asked_for_tools)?;
        let session = self.session.clone().filter(|session| !session.who.is_subagent())?.at(last.at);
        let used = session.says(Fact::ContextUsed { tokens: last.context?, window: None });
        Some(used.known_by(session.who.own(&["context", &last.id])))
    }

    /// The file may still grow, so the turn stays open until the next prompt.
    fn turn_ended(&self) -> Option<Told> {
        let last = self.last.as_ref().filter(|last| !last.asked_for_tools)?;
        let session = self.session.clone()?.at(last.at);
        let ended = turn_over(&session, Fact::turn_ended(None), self.prompt.as_deref().unwrap_or_default(), Some(&last.id));
        Some(ended.with(DataKey::LastAssistantMessage, Some(last.text.as_str()).filter(|text| !text.is_empty())))
    }
}

/// What the agent shows where a person broke the turn off.
const CANCELLED: &str = "Request cancelled.";
/// The hook comes some 20 ms later.
const HOOK_AFTER: Micros = 3 * Time::SECOND / 10;
/// By what a subagent hands in what it was asked for.
const COMPLETE_TASK: &str = "complete_task";

/// What a call that has come to its end says of who is over: a subagent that made it, or that it began.
fn over(session: &CoderMoment, made: Wire<'_>) -> Vec<Told> {
    let by = session.clone().at(made.time("timestamp"));
    let succeeded = made.is("status", "success");
    if by.who.is_subagent() {
        let is_done = succeeded && made.is("name", COMPLETE_TASK);
        return if is_done { SubagentEnd::Done.told(&by) } else { Vec::new() };
    }
    let Some(begun) = made.text("agentId").and_then(|id| subagent(&by, id, made.at("args").text("agent_name")).ok()) else {
        return Vec::new();
    };
    let answered = made.list("result").next().and_then(|result| result.at("functionResponse").at("response").text("output"));
    let reason = answered.and_then(|answer| answer.lines().find_map(|line| line.strip_prefix("Termination Reason: ")));
    match (made.text("status"), reason) {
        (Some("success" | "error"), Some(reason)) => SubagentEnd::of(reason).told(&begun),
        (Some("cancelled"), _) => SubagentEnd::Aborted.told(&begun),
        _ => Vec::new(),
    }
}

/// What the agent tells the model before the first prompt.
fn is_context(text: &str) -> bool {
    text.starts_with("<session_context>")
}

/// What was asked, without what the agent puts before a subagent's task.
fn without_context(text: &str) -> &str {
    let context = text.trim_start().strip_prefix("<loaded_context>");
    context.and_then(|rest| rest.split_once("</loaded_context>")).map_or(text, |(_, asked)| asked.trim_start())
}

fn answer<'l>(line: Wire<'l>, tokens: Wire<'_>, text: &str) -> ModelAnswer<'l> {
    ModelAnswer {
        model: line.text("model"),
        prompt: tokens.whole("input"),
        written: tokens.whole("output"),
        thoughts: tokens.whole("thoughts"),
        cached: tokens.whole("cached"),
        tools: tokens.whole("tool"),
        total: tokens.whole("total"),
        duration_ms: None,
        text: Some(text.to_owned()),
    }
}

/// The content as text: it is one, or a list of parts.
fn content(message: Wire<'_>) -> String {
    match message.text("content") {
        Some(text) => text.to_owned(),
        None => message.list("content").filter_map(|part| part.text("text")).collect(),
    }
}

/// The agent tells the model where it works, and nobody else.
fn workspace_folder(context: &str) -> Option<&str> {
    let (_, below) = context.split_once("**Workspace Directories:**")?;
    below.lines().find_map(|line| line.trim().strip_prefix("- ")).filter(|folder| folder.starts_with('/'))
}
