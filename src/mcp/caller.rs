//! Who calls: which coder the agent is that started this server, as far as that can be told.
//!
//! Codex says with each call which thread it is of, Claude Code which call of a tool it is. Else the coder is the one whose
//! process started this one, itself or through others. Nothing is guessed: of several that could be it, none is.

use rmcp::model::MetaObject;
use serde_json::Value;

use crate::{
    event::DataKey,
    filter::Filter,
    history::{self, Living, Query, Reader},
    process::Process,
};

use super::tool_error::ToolError;

/// What a caller says instead of its own id.
pub(super) const ME: &str = "me";
/// The variable in which `run` hands its coder's id to what it wraps.
const CODER_VARIABLE: &str = "AI_CODER_ID";
/// Unfinished coders that are looked through: more than a machine runs.
const LIVING_MAX: usize = 1_000;
/// A call's own event is among the newest of its coder.
const EVENTS_MAX: usize = 100;

/// What a request says of who sent it, and what the system says of who started this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {
    /// Ids of sessions, the narrowest first.
    sessions: Vec<String>,
    tool_use_id: Option<String>,
    /// Of a `run` around all this.
    wrapped: Option<String>,
    /// No process of its own started this one.
    is_afar: bool,
}

impl Caller {
    /// `meta` of the request.
    pub fn of(meta: &MetaObject) -> Caller {
        let said = |key: &str| meta.0.get(key).and_then(Value::as_str).map(str::to_owned);
        let (thread, session) = (said("threadId"), said("sessionId"));
        let both = thread.as_ref().zip(session.as_ref()).map(|(thread, session)| format!("codex:{session}/{thread}"));
        let alone = [thread, session].into_iter().flatten().map(|id| format!("codex:{id}"));
        Caller {
            sessions: both.into_iter().chain(alone).collect(),
            tool_use_id: said("claudecode/toolUseId"),
            wrapped: std::env::var(CODER_VARIABLE).ok(),
            is_afar: false,
        }
    }

    /// Of one that comes over HTTP: what started this process started it for whoever comes.
    pub fn from_afar(meta: &MetaObject) -> Caller {
        Caller { wrapped: None, is_afar: true, ..Caller::of(meta) }
    }

    /// Why [`coder`](Caller::coder) has none.
    pub fn unknown(&self) -> ToolError {
        if self.is_afar { ToolError::CallerAfar } else { ToolError::CallerUnknown }
    }

    /// The coder that calls; `None` where that cannot be told.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn coder(&self, reader: &mut Reader) -> Result<Option<String>, history::Error> {
        let ancestors = if self.is_afar { Vec::new() } else { Process::ancestors() };
        self.coder_below(reader, &ancestors)
    }

    /// `ancestors`: of this process, the nearest first.
    fn coder_below(&self, reader: &mut Reader, ancestors: &[Process]) -> Result<Option<String>, history::Error> {
        for id in self.sessions.iter() {
            if reader.coder(id)?.is_some() {
                return Ok(Some(id.clone()));
            }
        }
        if let Some(coder) = self.of_process(reader, ancestors)? {
            return Ok(Some(coder));
        }
        match &self.wrapped {
            Some(id) if reader.coder(id)?.is_some() => Ok(Some(id.clone())),
            _ => Ok(None),
        }
    }

    fn of_process(&self, reader: &mut Reader, ancestors: &[Process]) -> Result<Option<String>, history::Error> {
        let living = reader.living(LIVING_MAX)?;
        let of = |process: &Process| living.iter().filter(|coder| coder.process == *process).collect::<Vec<_>>();
        let candidates = ancestors.iter().map(of).find(|found| !found.is_empty()).unwrap_or_default();
        // What wraps an agent is another coder, and a process above its own.
        match self.whose_call(reader, &candidates)? {
            Some(coder) => Ok(Some(coder)),
            None => Ok(the_only_one(&candidates)),
        }
    }

    fn whose_call(&self, reader: &mut Reader, candidates: &[&Living]) -> Result<Option<String>, history::Error> {
        let Some(id) = self.tool_use_id.as_deref().filter(|_| !candidates.is_empty()) else { return Ok(None) };
        let coders = candidates.iter().map(|coder| coder.coder_id.clone()).collect();
        let newest = Query { filter: Filter { coders, ..Filter::default() }, limit: EVENTS_MAX, ..Query::default() };
        let is_it = |event: &crate::event::Event| event.data.get(DataKey::ToolUseId.name()).is_some_and(|value| value == id);
        Ok(reader.page(&newest)?.events.into_iter().find(is_it).map(|event| event.coder_id))
    }
}

/// A session and its subagents live in one process: the session, where none of them is at work.
fn the_only_one(candidates: &[&Living]) -> Option<String> {
    if let [one] = candidates {
        return Some(one.coder_id.clone());
    }
    let (subagents, sessions): (Vec<&Living>, Vec<&Living>) =
        candidates.iter().copied().partition(|it| it.coder_id.contains('/'));
    let at_rest = |coder: &&Living| coder.status != crate::event::Status::Running;
    match sessions[..] {
        [session] if subagents.iter().all(at_rest) => Some(session.coder_id.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        event::{Draft, EventType},
        history::{Entry, Options, Writer},
    };

    fn process(pid: u32) -> Process {
        Process { pid, start: 1, boot: "b".into(), namespace: String::new() }
    }

    fn started(id: &str, pid: u32) -> Draft {
        Draft::new(EventType::Started, id).with("process", serde_json::to_value(process(pid)).expect("plain"))
    }

    #[test]
    fn the_nearest_process_tells_and_nothing_is_guessed() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("history.db"));
        let called = Draft::progress("claude-code:b/sub", 0.1, "Task", "x").with(DataKey::ToolUseId, "toolu_1");
        let drafts = [
            started("run", 10),
            started("claude-code:a", 11),
            started("claude-code:b", 12),
            started("claude-code:b/sub", 12),
            started("codex:one", 13),
            started("opencode:x", 14),
            started("opencode:y", 14),
            called,
        ];
        Writer::new(&options).append(drafts.map(Entry::from).into()).expect("they are written");
        let mut reader = Reader::new(&options);
        let mut check = |ancestors: &[u32], meta: Value, wrapped: Option<&str>, expected: Option<&str>| {
            let meta = MetaObject(meta.as_object().cloned().unwrap_or_default());
            let ancestors: Vec<Process> = ancestors.iter().map(|&pid| process(pid)).collect();
            let caller = Caller { wrapped: wrapped.map(str::to_owned), ..Caller::of(&meta) };
            let coder = caller.coder_below(&mut reader, &ancestors).expect("readable");
            assert_eq!(coder.as_deref(), expected, "{caller:?}");
        };
        check(&[99, 11, 10], json!({}), None, Some("claude-code:a"));
        check(&[99, 98], json!({}), None, None);
        check(&[99, 98], json!({}), Some("run"), Some("run"));
        check(&[99, 98], json!({}), Some("nobody"), None);
        // A subagent is at work: it may be either.
        check(&[12], json!({}), None, None);
        check(&[12], json!({"claudecode/toolUseId": "toolu_1"}), None, Some("claude-code:b/sub"));
        check(&[14], json!({}), None, None);
        check(&[14], json!({"threadId": "one", "sessionId": "zero"}), None, Some("codex:one"));
        let meta = MetaObject(json!({"threadId": "one"}).as_object().cloned().expect("an object"));
        assert_eq!(Caller::from_afar(&meta).coder(&mut reader).expect("readable").as_deref(), Some("codex:one"));
        let nobody = Caller::from_afar(&MetaObject::default());
        assert_eq!(nobody.coder(&mut reader).expect("readable"), None);
    }

    #[test]
    fn what_claude_code_sends_tells_which_of_a_process_calls() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("history.db"));
        let called = Draft::progress("claude-code:b/sub", 0.1, "Task", "x").with(DataKey::ToolUseId, "toolu_mock_000009");
        let drafts = [started("claude-code:b", 12), started("claude-code:b/sub", 12), called];
        Writer::new(&options).append(drafts.map(Entry::from).into()).expect("they are written");
        let mut reader = Reader::new(&options);
        // Captured of 2.1.330, in both eras of the protocol.
        for line in include_str!("../../tests/fixtures/mcp-meta.jsonl").lines() {
            let meta: serde_json::Map<String, Value> = serde_json::from_str(line).expect("JSON");
            let caller = Caller { wrapped: None, ..Caller::of(&MetaObject(meta)) };
            let coder = caller.coder_below(&mut reader, &[process(12)]).expect("readable");
            assert_eq!(coder.as_deref(), Some("claude-code:b/sub"), "{line}");
        }
    }
}
