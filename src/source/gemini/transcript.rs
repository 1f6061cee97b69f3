//! Gemini CLI's own record of a session to drafts: `chats/session-*.jsonl`.
//!
//! A message is written when it is said and again when its tools have run. Nothing marks the end of a turn: it is a message
//! of the model that asked for no tool, and is the last before the next prompt.

use serde_json::Value;

use crate::{
    event::{Draft, EventType, Time},
    source::{
        Agent, HookContext, Refusal,
        call::{Call, End},
        json,
        session::{Session, with_text},
    },
};

use super::facts::{Answer, begun, error_shown, exit_code, lifecycle, prompted, said, shown, turn_end};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    session: Option<Session>,
    folder: Option<String>,
    /// What the turn began with.
    prompt: Option<String>,
    last: Option<Message>,
    turns: u64,
}

/// The newest message of the model.
#[derive(Debug)]
struct Message {
    id: String,
    time: Option<Time>,
    text: String,
    asked_for_tools: bool,
}

impl Reader {
    /// The file's name has only the beginning of the session's id; its first line has the whole.
    pub fn new(_path: &str) -> Reader {
        Reader { session: None, folder: None, prompt: None, last: None, turns: 0 }
    }

    /// # Errors
    /// [`Refusal`] where the line stands before the one that names the session.
    pub fn line(&mut self, line: &Value) -> Result<Vec<Draft>, Refusal> {
        if let Some(id) = json::text(line, "sessionId") {
            let session = Session::new(Agent::Gemini, id, &HookContext::default())?;
            let drafts = begun(&session, "", json::time(line, "startTime"), |draft| draft);
            self.session = Some(session);
            return Ok(drafts);
        }
        let Some(session) = self.session.clone() else {
            return Err(Refusal::new("the line stands before the one with the `sessionId`"));
        };
        if let Some(set) = line.get("$set") {
            return Ok(json::list(set, "messages").iter().flat_map(|message| self.message(&session, message)).collect());
        }
        Ok(self.message(&session, line))
    }

    pub fn end(&mut self) -> Vec<Draft> {
        self.session.clone().and_then(|session| self.completed(&session)).into_iter().collect()
    }

    fn message(&mut self, session: &Session, line: &Value) -> Vec<Draft> {
        let time = json::time(line, "timestamp");
        match (json::text(line, "type"), json::text(line, "id")) {
            (Some("user"), Some(id)) => self.user(session, id, line, time),
            (Some("gemini"), Some(id)) => self.model(session, id, line, time),
            (Some("error"), _) => vec![error_shown(session, &content(line), time)],
            _ => Vec::new(),
        }
    }

    fn user(&mut self, session: &Session, id: &str, line: &Value, time: Option<Time>) -> Vec<Draft> {
        let text = content(line);
        if text.starts_with("<session_context>") {
            self.folder = workspace_folder(&text).map(str::to_owned);
            return Vec::new();
        }
        // The answers of tools go to the model in the person's name.
        if text.is_empty() {
            return Vec::new();
        }
        let completed = self.completed(session);
        let resumed = (self.turns > 0).then(|| prompted(session, Some(id), &text, time));
        (self.prompt, self.last) = (Some(text), None);
        self.turns += 1;
        completed.into_iter().chain(resumed).collect()
    }

    fn model(&mut self, session: &Session, id: &str, line: &Value, time: Option<Time>) -> Vec<Draft> {
        let mut drafts = Vec::new();
        let text = content(line);
        if self.last.as_ref().is_none_or(|last| last.id != id) {
            drafts.extend(line.get("tokens").map(|tokens| answer(line, tokens, &text, time).draft(session)));
            drafts.extend(said(session, Some(id), &text, time));
        }
        let calls = json::list(line, "toolCalls");
        drafts.extend(calls.iter().flat_map(|call| self.call(session, call)));
        self.last = Some(Message { id: id.to_owned(), time, text, asked_for_tools: !calls.is_empty() });
        drafts
    }

    fn call(&self, session: &Session, made: &Value) -> Vec<Draft> {
        let arguments = made.get("args").unwrap_or(&Value::Null);
        let tool = json::text(made, "name").unwrap_or("tool");
        let call = Call { session, tool, id: json::text(made, "id"), arguments, time: json::time(made, "timestamp") };
        let response = made.pointer("/result/0/functionResponse/response").unwrap_or(&Value::Null);
        let end = match (json::text(made, "status"), json::text(response, "output").and_then(|told| exit_code(tool, told))) {
            (Some("success"), None) => End::Done,
            (Some("success"), exit_code) => End::Failed { error: None, exit_code },
            (Some("error" | "cancelled"), exit_code) => End::Failed { error: json::text(response, "error"), exit_code },
            // It has not come to its end.
            _ => return Vec::new(),
        };
        let mut drafts = vec![call.progress(end, None)];
        drafts.extend(shown(&call, made.get("resultDisplay"), end, self.folder.as_deref()));
        drafts
    }

    /// The file may still grow, so the turn stays open until the next prompt.
    fn completed(&self, session: &Session) -> Option<Draft> {
        let last = self.last.as_ref().filter(|last| !last.asked_for_tools)?;
        let draft = lifecycle(session, EventType::Completed, "", last.time);
        let draft =
            with_text(draft, "last_assistant_message", Some(&last.text).filter(|text| !text.is_empty()).map(String::as_str));
        Some(turn_end(session, draft, self.prompt.as_deref().unwrap_or_default(), Some(&last.id)))
    }
}

fn answer<'l>(line: &'l Value, tokens: &Value, text: &str, time: Option<Time>) -> Answer<'l> {
    let count = |name| json::whole(tokens, name);
    Answer {
        model: json::text(line, "model"),
        prompt: count("input"),
        written: count("output"),
        thoughts: count("thoughts"),
        cached: count("cached"),
        tools: count("tool"),
        total: count("total"),
        duration_ms: None,
        text: Some(text.to_owned()),
        time,
    }
}

/// The content as text: it is one, or a list of parts.
fn content(message: &Value) -> String {
    match json::text(message, "content") {
        Some(text) => text.to_owned(),
        None => json::list(message, "content").iter().filter_map(|part| json::text(part, "text")).collect(),
    }
}

/// The agent tells the model where it works, and nobody else.
fn workspace_folder(context: &str) -> Option<&str> {
    let (_, below) = context.split_once("**Workspace Directories:**")?;
    below.lines().find_map(|line| line.trim().strip_prefix("- ")).filter(|folder| folder.starts_with('/'))
}
