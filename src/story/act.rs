//! One row for one act: of several events that tell the same, the one that tells most.
//!
//! An edit is a call of a tool and a file that changed; a session begins as created and as started; what a rule derives stands
//! behind its cause. Programs get every event; a view shows acts. An event goes only where the one it is told by is shown too.

use std::collections::HashMap;

use serde_json::Value;

use crate::event::{Body, DataKey, Derived, Event, EventType, Lifecycle, Micros, Progress, Time, Workspace, sentence_within};

/// Reports of one act that no id ties together are no further apart.
const TOGETHER: Micros = 2 * Time::SECOND;

/// An event, and those that tell nothing besides it.
#[derive(Clone, Debug, PartialEq)]
pub struct Act<'e> {
    pub event: &'e Event,
    pub folded: Vec<&'e Event>,
}

impl<'e> Act<'e> {
    /// An event by itself.
    pub fn of(event: &'e Event) -> Act<'e> {
        Act { event, folded: Vec::new() }
    }

    /// The event's sentence, with what the others add to it.
    pub fn sentence(&self, folder: Option<&str>) -> String {
        let mut line = sentence_within(self.event, folder);
        for other in &self.folded {
            if let Body::Derived(Derived { failure_count: Some(count), .. }) = &other.body {
                line.push_str(&format!(" · {count} failures within ten minutes"));
            }
        }
        line
    }
}

/// The acts of these events, in their order.
pub fn acts<'e>(events: impl IntoIterator<Item = &'e Event>) -> Vec<Act<'e>> {
    let events: Vec<&Event> = events.into_iter().collect();
    let mut of_coder: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, event) in events.iter().enumerate() {
        of_coder.entry(&event.coder_id).or_default().push(index);
    }
    let teller = |index: usize| -> Option<usize> {
        let event = events[index];
        let others = of_coder.get(event.coder_id.as_str())?;
        let place = others.binary_search(&index).ok()?;
        let near = &others[place.saturating_sub(LOOKED_AT)..others.len().min(place + LOOKED_AT)];
        near.iter().copied().find(|&other| other != index && is_told_by(event, events[other]))
    };
    let tellers: Vec<Option<usize>> = (0..events.len()).map(teller).collect();
    let mut acts: Vec<Act<'e>> = Vec::new();
    let mut place: HashMap<usize, usize> = HashMap::new();
    for (index, event) in events.iter().enumerate().filter(|(index, _)| tellers[*index].is_none()) {
        place.insert(index, acts.len());
        acts.push(Act::of(event));
    }
    for (index, teller) in tellers.iter().enumerate() {
        if let Some(act) = teller.and_then(|teller| last_teller(&tellers, teller)).and_then(|teller| place.get(&teller)) {
            acts[*act].folded.push(events[index]);
        }
    }
    acts
}

/// A coder's events on each side that are looked at: an act's stand close together.
const LOOKED_AT: usize = 12;

/// Who tells it in the end: a warning is told by a refusal, which is told by the failed turn.
fn last_teller(tellers: &[Option<usize>], mut teller: usize) -> Option<usize> {
    for _ in 0..4 {
        match tellers[teller] {
            Some(next) => teller = next,
            None => return Some(teller),
        }
    }
    None
}

/// Whether `other`, of the same coder, tells all that a reader wants of `event`.
fn is_told_by(event: &Event, other: &Event) -> bool {
    let together = event.timestamp.since(other.timestamp).abs() <= TOGETHER;
    match event.kind {
        EventType::Progress => event.call().is_some() && is_change_by(event, other),
        // What the model was called for is what it then said or did.
        EventType::ApiCall => together && event.seq < other.seq && is_answer(other),
        EventType::Created => together && other.kind == EventType::Started,
        EventType::Resumed => match reason(event) {
            Some("prompt") => together && other.kind == EventType::Prompt,
            Some("tool") => together && other.call().is_some(),
            _ => false,
        },
        EventType::RateLimit | EventType::ApiError => together && is_end_on(event, other),
        EventType::Output => together && other.kind == EventType::Failed && is_said(event, other),
        EventType::CompletionMetrics | EventType::FailureAlert => is_derived_from(event, other),
        EventType::SystemWarning => {
            matches!(other.kind, EventType::RateLimit | EventType::ResourceLimit) && is_derived_from(event, other)
        }
        _ => false,
    }
}

fn is_answer(event: &Event) -> bool {
    let is_said =
        matches!(&event.body, Body::Progress(Progress { stream: Some(stream), .. }) if stream == Progress::OF_ASSISTANT);
    is_said && event.kind == EventType::Output || event.call().is_some()
}

/// Whether `file` is what the call `call` changed, and all that there is to tell of it.
fn is_change_by(call: &Event, file: &Event) -> bool {
    let Body::Workspace(Workspace { file_path: Some(path), .. }) = &file.body else { return false };
    if call.tool_has_failed() || call.is_running() || text_of(call, DataKey::Command).is_some() {
        return false;
    }
    match (text_of(call, DataKey::ToolUseId), text_of(file, DataKey::ToolUseId)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => {
            let called = call.call().and_then(|said| said.rsplit_once(": ")).map(|(_, subject)| subject);
            text_of(call, DataKey::ToolName) == text_of(file, DataKey::ToolName)
                && called.is_some_and(|subject| path.ends_with(subject))
                && call.timestamp.since(file.timestamp).abs() <= TOGETHER
        }
    }
}

/// Whether the turn failed on this refusal.
fn is_end_on(refusal: &Event, failed: &Event) -> bool {
    let (Body::Provider(told), Body::Lifecycle(end)) = (&refusal.body, &failed.body) else { return false };
    let is_same = |ours: &Option<String>, theirs: &Option<String>| ours.is_some() && ours == theirs;
    failed.kind == EventType::Failed
        && (is_same(&told.error_message, &end.error_message) || is_same(&told.error_code, &end.reason))
}

/// Whether what the coder said is the error that it failed on.
fn is_said(output: &Event, failed: &Event) -> bool {
    let (Body::Progress(Progress { text: Some(text), .. }), Body::Lifecycle(end)) = (&output.body, &failed.body) else {
        return false;
    };
    end.error_message.as_deref() == Some(text)
}

fn is_derived_from(event: &Event, cause: &Event) -> bool {
    matches!(&event.body, Body::Derived(Derived { cause_id: Some(id), .. }) if *id == cause.id)
}

fn reason(event: &Event) -> Option<&str> {
    match &event.body {
        Body::Lifecycle(Lifecycle { reason, .. }) => reason.as_deref(),
        _ => None,
    }
}

fn text_of(event: &Event, key: DataKey) -> Option<&str> {
    event.data.get(key.name()).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use crate::{event::Draft, text::Redactor};

    use super::*;

    fn events(lines: &[&str]) -> Vec<Event> {
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let event = |(index, line): (usize, &&str)| {
            let draft = Draft::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let draft = Draft { coder_id: "a".into(), timestamp: draft.timestamp.or(Some(now)), ..draft };
            let seq = index as u64 + 1;
            draft.check(now, &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"))
        };
        lines.iter().enumerate().map(event).collect()
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &[&str]) {
        let events = events(lines);
        let told: Vec<String> = acts(&events).iter().map(|act| act.sentence(Some("/w"))).collect();
        assert_eq!(told, expected);
        // In whichever order they are shown.
        let mut told: Vec<String> = acts(events.iter().rev()).iter().map(|act| act.sentence(Some("/w"))).collect();
        told.reverse();
        assert_eq!(told, expected, "newest first");
        let all: usize = acts(&events).iter().map(|act| 1 + act.folded.len()).sum();
        assert_eq!(all, events.len(), "each event is in one act");
    }

    const EDIT: &str = r#"{"type":"progress","coder_id":"a","stage":"Edit","description":"Edit: /w/a.rs","tool_name":"Edit","tool_use_id":"t1"}"#;
    const FILE: &str = r#"{"type":"file_modified","coder_id":"a","file_path":"/w/a.rs","tool_name":"Edit","tool_use_id":"t1","lines_added":3,"lines_removed":1}"#;

    #[test]
    fn an_edit_is_one_row() {
        check(&[EDIT, FILE], &["edited a.rs +3 −1"]);
        check(&[EDIT], &["Edit: a.rs"]);
        let without = |line: &str| line.replace(r#","tool_use_id":"t1""#, "");
        check(&[&without(EDIT), &without(FILE)], &["edited a.rs +3 −1"]);
        let other = without(FILE).replace("a.rs", "b.rs");
        check(&[&without(EDIT), &other], &["Edit: a.rs", "edited b.rs +3 −1"]);
        let failed = EDIT.replace('{', r#"{"failed":true,"#);
        check(&[&failed, FILE], &["Edit failed: a.rs", "edited a.rs +3 −1"]);
    }

    #[test]
    fn a_shell_command_is_told_beside_what_it_changed() {
        let command = r#"{"type":"progress","coder_id":"a","description":"Bash: sed -i s/a/b/ a.rs","tool_name":"Bash","tool_use_id":"t1","command":"sed"}"#;
        check(&[command, FILE], &["Bash: sed -i s/a/b/ a.rs", "edited a.rs +3 −1"]);
    }

    #[test]
    fn steps_of_life_that_say_the_same_are_one() {
        check(
            &[
                r#"{"type":"created","coder_id":"a"}"#,
                r#"{"type":"started","coder_id":"a"}"#,
                r#"{"type":"prompt","coder_id":"a","text":"go"}"#,
                r#"{"type":"resumed","coder_id":"a","reason":"prompt"}"#,
                r#"{"type":"paused","coder_id":"a","reason":"permission"}"#,
                r#"{"type":"resumed","coder_id":"a","reason":"answer"}"#,
                r#"{"type":"completed","coder_id":"a"}"#,
                r#"{"type":"completion_metrics","coder_id":"a","id":"m","duration":5,"cause_id":"e7"}"#,
            ],
            &["started", "prompt: go", "paused (permission)", "resumed (answer)", "completed"],
        );
        check(
            &[r#"{"type":"created","coder_id":"a","timestamp":"2026-11-22T11:00:00Z"}"#, r#"{"type":"started","coder_id":"a"}"#],
            &["created", "started"],
        );
    }

    #[test]
    fn a_call_of_the_model_is_told_by_what_it_was_for() {
        let called = r#"{"type":"api_call","coder_id":"a","model":"m","input_tokens":5}"#;
        let said = r#"{"type":"output","coder_id":"a","stream":"assistant","text":"Hi."}"#;
        check(&[called, said], &["said: Hi."]);
        check(&[called, EDIT, FILE], &["edited a.rs +3 −1"]);
        check(&[said, called], &["said: Hi.", "api call m (5 tokens)"]);
        check(&[called, r#"{"type":"completed","coder_id":"a"}"#], &["api call m (5 tokens)", "completed"]);
    }

    #[test]
    fn a_turn_that_failed_on_a_refusal_is_one_row_with_its_alert() {
        check(
            &[
                r#"{"type":"output","coder_id":"a","stream":"assistant","text":"API Error: 429"}"#,
                r#"{"type":"rate_limit","coder_id":"a","error_code":"rate_limit","error_message":"API Error: 429"}"#,
                r#"{"type":"system_warning","coder_id":"a","id":"w","warning":"rate_limit","cause_id":"e2"}"#,
                r#"{"type":"failed","coder_id":"a","reason":"rate_limit","error_message":"API Error: 429"}"#,
                r#"{"type":"failure_alert","coder_id":"a","id":"f","failure_count":3,"cause_id":"e4"}"#,
            ],
            &["failed (rate_limit): API Error: 429 · 3 failures within ten minutes"],
        );
    }
}
