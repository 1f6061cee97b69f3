//! The facts of a Gemini CLI session, under the keys that all its channels agree on.
//!
//! No id goes through all channels. A call to the model is known by its counts and its text where a channel has the whole of
//! it, and by its counts and the time where it has not; a turn by its prompt and the time.

use serde_json::Value;

use crate::{
    event::{Draft, EventType, Time},
    source::{
        call::{Call, End, output},
        json,
        model_call::Tokens,
        session::{Session, fingerprint, with_text},
    },
};

pub(super) const PROVIDER: &str = "google";
/// The tool that runs commands; what it shows is what the command printed.
const SHELL: &str = "run_shell_command";

pub(super) fn at(draft: Draft, time: Option<Time>) -> Draft {
    Draft { timestamp: time, ..draft }
}

pub(super) fn lifecycle(session: &Session, kind: EventType, reason: &str, time: Option<Time>) -> Draft {
    at(session.filled(Draft::lifecycle("", kind, "", "", reason)), time)
}

/// A session begins: every channel has something that says so first.
pub(super) fn begun(session: &Session, reason: &str, time: Option<Time>, about: impl Fn(Draft) -> Draft) -> Vec<Draft> {
    let told = |kind, part| session.keyed(about(lifecycle(session, kind, reason, time)), &[part]);
    vec![told(EventType::Created, "created"), told(EventType::Started, "started")]
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

/// `draft` as the end of the turn that `prompt` began; `last` is the transcript's id of its last message.
pub(super) fn turn_end(session: &Session, draft: Draft, prompt: &str, last: Option<&str>) -> Draft {
    let said = fingerprint(prompt.trim().as_bytes()).to_string();
    match last {
        Some(last) => session.keyed_or_repeated(draft, &["turn", last], &["turn", &said]),
        None => session.repeated(draft, &["turn", &said]),
    }
}

pub(super) fn stopped(session: &Session, reason: &str, time: Option<Time>) -> Draft {
    session.repeated(lifecycle(session, EventType::Stopped, reason, time), &["stopped"])
}

pub(super) fn said(session: &Session, id: Option<&str>, message: &str, time: Option<Time>) -> Option<Draft> {
    let message = message.trim();
    if message.is_empty() {
        return None;
    }
    let draft = at(output(session, "assistant", message), time);
    let what = fingerprint(message.as_bytes()).to_string();
    Some(match id {
        Some(id) => session.keyed_or_repeated(draft, &["message", id], &["message", &what]),
        None => session.repeated(draft, &["message", &what]),
    })
}

/// A message that the agent shows as an error.
pub(super) fn error_shown(session: &Session, message: &str, time: Option<Time>) -> Draft {
    let what = fingerprint(message.trim().as_bytes()).to_string();
    session.repeated(at(output(session, "error", message.trim()), time), &["error", &what])
}

/// One answer of the model, as far as a channel counts it.
#[derive(Debug)]
pub(super) struct Answer<'p> {
    pub model: Option<&'p str>,
    pub prompt: Option<u64>,
    /// What the model wrote, its thoughts apart.
    pub written: Option<u64>,
    pub thoughts: Option<u64>,
    pub cached: Option<u64>,
    /// What tools put into the prompt.
    pub tools: Option<u64>,
    pub total: Option<u64>,
    pub duration_ms: Option<u64>,
    /// The whole of it; hooks see only a part.
    pub text: Option<String>,
    pub time: Option<Time>,
}

impl Answer<'_> {
    pub fn draft(&self, session: &Session) -> Draft {
        let tokens = Tokens {
            // Without knowing what was cached, it is not known what was read.
            prompt: self.cached.and(self.prompt).map(|prompt| prompt.saturating_add(self.tools.unwrap_or(0))),
            cache_read: self.cached,
            cache_write: None,
            output: self.output(),
            total: self.total,
        };
        let duration = self.duration_ms.and_then(|millis| millis.checked_mul(1_000_000));
        let mut draft = at(session.draft(EventType::ApiCall), self.time);
        draft.body = tokens.body(Some(PROVIDER), self.model, duration);
        let count = |count: Option<u64>| count.unwrap_or(0).to_string();
        let (prompt, written) = (count(self.prompt), count(self.written));
        let counted = ["api", prompt.as_str(), written.as_str()];
        let Some(text) = &self.text else { return session.repeated(draft, &counted) };
        let whole = format!("{prompt} {written} {} {} {}", count(self.cached), count(self.thoughts), text.trim());
        session.keyed_or_repeated(draft, &["api", &fingerprint(whole.as_bytes()).to_string()], &counted)
    }

    /// The total says it in every channel, thoughts included; some channels do not tell thoughts apart.
    fn output(&self) -> Option<u64> {
        let read = self.prompt?.saturating_add(self.tools.unwrap_or(0));
        let parts = || Some(self.written?.saturating_add(self.thoughts.unwrap_or(0)));
        self.total.and_then(|total| total.checked_sub(read)).or_else(parts)
    }
}

/// What a tool showed: text, or the change of a file.
pub(super) fn shown(call: &Call<'_>, display: Option<&Value>, end: End<'_>, folder: Option<&str>) -> Vec<Draft> {
    let Some(display) = display else { return Vec::new() };
    if let Some(path) = json::text(display, "filePath").filter(|_| end == End::Done) {
        let operation = if json::truth(display, "isNewFile") == Some(true) { "create" } else { "modify" };
        let draft = call.file(0, operation, path);
        let lines = |name| display.get("diffStat").and_then(|stat| json::whole(stat, name));
        let changed = lines("model_added_lines").zip(lines("model_removed_lines"));
        return vec![match changed {
            Some((added, removed)) => draft.with("lines_added", added).with("lines_removed", removed),
            None => draft,
        }];
    }
    if call.tool != SHELL {
        return Vec::new();
    }
    let removed = if end == End::Done { call.removed_files(folder) } else { Vec::new() };
    removed.into_iter().chain(display.as_str().and_then(|printed| call.stdout(printed))).collect()
}

/// The exit code that the shell tool tells the model, where it is not zero.
pub(super) fn exit_code(tool: &str, told: &str) -> Option<i64> {
    let line = told.lines().filter(|_| tool == SHELL).find_map(|line| line.strip_prefix("Exit Code: "))?;
    line.trim().parse().ok().filter(|code| *code != 0)
}
