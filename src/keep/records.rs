//! Which records of an agent's own an event leads to. Pure.

use std::path::{Path, PathBuf};

use crate::{
    event::{DataKey, Event, EventType},
    source::Agent,
};

/// A coder's own records: files and folders, which need not be there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoderRecords {
    pub coder_id: String,
    pub agent: Agent,
    pub places: Vec<PathBuf>,
}

impl CoderRecords {
    /// Of the coder that `event` begins or takes up; `copilot_folder` is where Copilot keeps its own, which no hook tells.
    pub fn told_by(event: &Event, copilot_folder: Option<&Path>) -> Option<CoderRecords> {
        if !matches!(event.kind, EventType::Created | EventType::Started | EventType::Resumed) {
            return None;
        }
        let agent = Agent::parse(event.source.as_deref()?)?;
        let id = event.coder_id.strip_prefix(agent.name())?.strip_prefix(':')?;
        let (session, subagent) = id.split_once('/').map_or((id, None), |(session, subagent)| (session, Some(subagent)));
        if !is_plain(session) {
            return None;
        }
        let told = || told_path(event);
        let places = match (agent, subagent) {
            // Those of its subagents lie in a folder beside it.
            (Agent::ClaudeCode, None) => told().map(|path| vec![path.with_extension("").join("subagents"), path])?,
            (Agent::Codex, _) => vec![told()?],
            (Agent::Gemini, None) => told().map(|path| vec![path.with_file_name(session), path])?,
            (Agent::Copilot, None) => vec![copilot_folder?.join("session-state").join(session).join("events.jsonl")],
            _ => return None,
        };
        Some(CoderRecords { coder_id: event.coder_id.clone(), agent, places })
    }
}

/// Whether the coder that `event` is of has left, or was ended by whoever noticed that its process is gone.
pub(super) fn is_end(event: &Event) -> bool {
    let is_ours = event.source.as_deref() == Some(env!("CARGO_PKG_NAME"));
    matches!(event.kind, EventType::Stopped | EventType::Deleted) || (event.kind == EventType::Failed && is_ours)
}

/// Whoever may write events may name any file: only what can be an agent's record is looked at.
fn told_path(event: &Event) -> Option<PathBuf> {
    let path = Path::new(event.data.get(DataKey::TranscriptPath.name())?.as_str()?);
    let is_record = path.is_absolute() && path.extension().is_some_and(|extension| extension == "jsonl");
    is_record.then(|| path.to_owned())
}

/// An id that is one component of a path, and leads nowhere else.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Time;

    fn event(kind: EventType, source: &str, coder_id: &str, path: &str) -> Event {
        Event {
            seq: 1,
            id: "e".into(),
            kind,
            coder_id: coder_id.into(),
            coder_name: None,
            timestamp: Time::from_micros(1),
            received_at: Time::from_micros(1),
            source: Some(source.into()),
            body: kind.body(),
            data: json!({"transcript_path": path}).as_object().cloned().unwrap_or_default(),
            completes: None,
        }
    }

    #[test]
    fn a_session_leads_to_its_own_records_and_those_of_its_subagents() {
        let check = |source: &str, coder: &str, path: &str, expected: &[&str]| {
            let event = event(EventType::Started, source, &format!("{source}:{coder}"), path);
            let found = CoderRecords::told_by(&event, Some(Path::new("/h/.copilot"))).map(|records| records.places);
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(found.unwrap_or_default(), expected, "{source} {coder} {path}");
        };
        check("claude-code", "s1", "/p/s1.jsonl", &["/p/s1/subagents", "/p/s1.jsonl"]);
        check("claude-code", "s1/a", "/p/s1.jsonl", &[]);
        check("codex", "s1", "/p/rollout-s1.jsonl", &["/p/rollout-s1.jsonl"]);
        check("codex", "s1/a", "/p/rollout-a.jsonl", &["/p/rollout-a.jsonl"]);
        check("gemini", "s1", "/p/chats/session-1.jsonl", &["/p/chats/s1", "/p/chats/session-1.jsonl"]);
        check("copilot", "s1", "", &["/h/.copilot/session-state/s1/events.jsonl"]);
        check("copilot", "..", "", &[]);
        check("opencode", "s1", "/p/s1.jsonl", &[]);
        check("claude-code", "s1", "s1.jsonl", &[]);
        check("claude-code", "s1", "/etc/passwd", &[]);
        check("emit", "s1", "/p/s1.jsonl", &[]);
        let other = event(EventType::Started, "claude-code", "codex:s1", "/p/s1.jsonl");
        assert_eq!(CoderRecords::told_by(&other, None), None, "it is not what it says");
    }

    #[test]
    fn a_failed_turn_is_no_end() {
        let check = |kind: EventType, source: &str, expected: bool| assert_eq!(is_end(&event(kind, source, "a", "")), expected);
        check(EventType::Stopped, "claude-code", true);
        check(EventType::Completed, "claude-code", false);
        check(EventType::Failed, "claude-code", false);
        check(EventType::Failed, "ai-coder-events", true);
    }
}
