//! The facts of a Copilot CLI session, under the keys that all its channels agree on.
//!
//! Model calls are known by the provider's id in transcript and spans, tool calls by the model's; hooks know neither, but
//! what was asked for. A turn is known by its trace: hooks carry it, spans are of it, and the transcript repeats the hooks.

use serde_json::Value;

use crate::{
    event::{Body, Draft, EventType, Lifecycle, Time},
    source::{
        call::{Call, End, output},
        model_call,
        session::{Session, bounded, fingerprint, with_text},
    },
};

pub(super) const SHELL: &str = "bash";

pub(super) fn at(draft: Draft, time: Option<Time>) -> Draft {
    Draft { timestamp: time, ..draft }
}

pub(super) fn lifecycle(session: &Session, kind: EventType, reason: &str, time: Option<Time>) -> Draft {
    at(session.filled(Draft::lifecycle("", kind, "", "", &bounded(reason))), time)
}

pub(super) fn begun(session: &Session, reason: &str, time: Option<Time>, about: impl Fn(Draft) -> Draft) -> Vec<Draft> {
    let told = |kind, part| session.keyed(about(lifecycle(session, kind, reason, time)), &[part]);
    vec![told(EventType::Created, "created"), told(EventType::Started, "started")]
}

pub(super) fn resumed(session: &Session, time: Option<Time>) -> Draft {
    session.repeated(lifecycle(session, EventType::Resumed, "resume", time), &["resumed"])
}

/// A prompt after a turn that was over; `id` is the transcript's.
pub(super) fn prompted(session: &Session, id: Option<&str>, prompt: &str, time: Option<Time>) -> Draft {
    let draft = with_text(lifecycle(session, EventType::Resumed, "prompt", time), "prompt", Some(prompt));
    let said = fingerprint(prompt.trim().as_bytes()).to_string();
    match id {
        Some(id) => session.keyed_or_repeated(draft, &["prompt", id], &["prompt", &said]),
        None => session.repeated(draft, &["prompt", &said]),
    }
}

/// `draft` as the end of the turn of this trace.
pub(super) fn turn_end(session: &Session, draft: Draft, trace: Option<&str>) -> Draft {
    match trace {
        Some(trace) => session.keyed_or_repeated(draft, &["turn", trace], &["turn"]),
        None => session.repeated(draft, &["turn"]),
    }
}

pub(super) fn stopped(session: &Session, reason: &str, time: Option<Time>) -> Draft {
    session.repeated(lifecycle(session, EventType::Stopped, reason, time), &["stopped"])
}

/// The trace of a W3C `traceparent`.
pub(super) fn trace_of(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1).filter(|trace| trace.len() == 32)
}

/// A subagent is a coder of its own, known by its name: hooks have no other id of it.
pub(super) fn subagent_begun(subagent: &Session, name: &str, time: Option<Time>) -> Vec<Draft> {
    let created = lifecycle(subagent, EventType::Created, "", time);
    let started = lifecycle(subagent, EventType::Started, "", time);
    vec![subagent.keyed(created, &["agent", name, "created"]), subagent.repeated(started, &["agent", name, "started"])]
}

pub(super) fn subagent_end(subagent: &Session, name: &str, error: Option<&str>, time: Option<Time>) -> Draft {
    let kind = if error.is_some() { EventType::Failed } else { EventType::Completed };
    let mut draft = lifecycle(subagent, kind, "", time);
    if let Body::Lifecycle(fields) = &mut draft.body {
        fields.error_message = error.map(bounded);
    }
    subagent.repeated(draft, &["agent", name, "ended"])
}

/// What went wrong between the agent and its provider; `id` is the transcript's.
pub(super) struct Trouble<'p> {
    pub id: Option<&'p str>,
    pub provider: Option<&'p str>,
    pub model: Option<&'p str>,
    pub code: Option<&'p str>,
    pub message: Option<&'p str>,
    pub time: Option<Time>,
}

impl Trouble<'_> {
    pub fn draft(&self, session: &Session) -> Draft {
        let (kind, body) = model_call::failure(self.provider, self.model, self.code, self.message);
        let draft = Draft { body, ..at(session.draft(kind), self.time) };
        let said = self.said();
        match self.id {
            Some(id) => session.keyed_or_repeated(draft, &["api_error", id], &["api_error", &said]),
            None => session.repeated(draft, &["api_error", &said]),
        }
    }

    /// The same where it ended the turn.
    pub fn failed(&self, session: &Session) -> Draft {
        let mut draft = lifecycle(session, EventType::Failed, "", self.time);
        draft.body = Body::Lifecycle(Lifecycle {
            reason: self.code.map(bounded),
            error_message: self.message.map(bounded),
            ..Lifecycle::default()
        });
        session.repeated(draft, &["failed", &self.said()])
    }

    fn said(&self) -> String {
        fingerprint(self.message.unwrap_or_default().trim().as_bytes()).to_string()
    }
}

pub(super) fn said(session: &Session, id: &str, message: &str, time: Option<Time>) -> Draft {
    session.keyed(at(output(session, "assistant", message), time), &["message", id])
}

/// What a command printed, without the line that the shell tool adds, and that line's exit code.
pub(super) fn printed(tool: &str, result: &str) -> Option<(String, Option<i64>)> {
    if tool != SHELL {
        return None;
    }
    let (text, last) = result.trim_end().rsplit_once('\n').unwrap_or(("", result.trim_end()));
    let code = |line: &str| line.strip_suffix('>')?.rsplit_once("exit code ")?.1.parse().ok();
    match code(last).filter(|_| last.starts_with('<')) {
        Some(code) => Some((text.to_owned(), Some(code))),
        None => Some((result.to_owned(), None)),
    }
}

/// What a shell command left behind.
pub(super) fn command_facts(call: &Call<'_>, printed: &str, end: End<'_>, folder: Option<&str>) -> Vec<Draft> {
    let removed = if end == End::Done { call.removed_files(folder) } else { Vec::new() };
    removed.into_iter().chain(call.stdout(printed)).collect()
}

/// The files that a patch says it changes, with what it does to each.
pub(super) fn patched_files(arguments: &Value) -> Vec<(&'static str, &str)> {
    let patch = arguments.as_str().or_else(|| arguments.get("patch")?.as_str()).unwrap_or_default();
    let marks = [("*** Add File: ", "create"), ("*** Update File: ", "modify"), ("*** Delete File: ", "delete")];
    let touched = |line| marks.into_iter().find_map(|(mark, operation)| Some((operation, str::strip_prefix(line, mark)?.trim())));
    patch.lines().filter_map(touched).collect()
}
