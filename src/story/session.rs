//! A session as a story: turn by turn what was asked, said, done and changed, what failed and why, and what it cost.
//!
//! A turn is handed over as soon as the next one begins, and no turn is longer than a reader reads: a story of any length is
//! told in little memory.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{
    aggregate::{Tally, Usage},
    event::{Body, DataKey, Event, EventType, Family, Progress, Time, Workspace, sentence_within, within_folder},
    price::Prices,
    text::telling_lines,
};

use super::Act;

/// From one prompt to the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoryTurn {
    pub began: Time,
    pub ended: Time,
    /// What was asked; of what a coder did before any prompt, or without one, nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    pub steps: Vec<StoryStep>,
    #[serde(flatten)]
    pub usage: Usage,
}

/// Something that a reader is told of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoryStep {
    pub seq: u64,
    pub at: Time,
    #[serde(flatten)]
    pub what: StepKind,
    /// The calls it tells of word for word, where they are wanted.
    #[serde(skip)]
    pub calls: Vec<CallDetail>,
}

/// What was asked of a tool and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallDetail {
    pub seq: u64,
    pub at: Time,
    pub subject: String,
    /// The command, or the arguments.
    pub input: Option<String>,
    /// What it answered, or how it failed.
    pub output: Option<String>,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepKind {
    Said {
        text: String,
    },
    Thought {
        text: String,
    },
    /// What its own hook told it.
    Told {
        text: String,
    },
    /// What a command printed: its last lines.
    Printed {
        text: String,
        #[serde(skip_serializing_if = "is_none")]
        lines_before: usize,
    },
    /// Calls of one tool that went well, one behind the other.
    Called {
        tool: String,
        subjects: Vec<String>,
        #[serde(skip_serializing_if = "is_none")]
        duration_ms: u64,
    },
    Failed {
        tool: String,
        #[serde(skip_serializing_if = "String::is_empty")]
        subject: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
        /// The lines that tell most.
        error: Vec<String>,
    },
    Changed {
        /// `edited src/session.rs +3 −1`
        change: String,
        file: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        diff: Option<String>,
    },
    /// A step of its life, a limit, a milestone.
    Note {
        note: String,
        #[serde(serialize_with = "name", rename = "type")]
        kind: EventType,
    },
}

fn is_none<N: Default + PartialEq>(count: &N) -> bool {
    *count == N::default()
}

fn name<S: Serializer>(kind: &EventType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

/// The lines of an error that are told.
const ERROR_LINES_MAX: usize = 4;
/// What is kept of what a command prints without end.
const PRINTED_LINES_MAX: usize = 20;
/// A turn is told in parts of so many steps.
const STEPS_MAX: usize = 1_000;
/// Calls folded into one line.
const SUBJECTS_MAX: usize = 12;

/// Makes turns of acts, which come oldest first.
#[derive(Debug)]
pub struct Storyteller<'p> {
    prices: &'p Prices,
    folder: Option<String>,
    turn: Option<StoryTurn>,
    tally: Tally,
    tells_calls: bool,
}

impl<'p> Storyteller<'p> {
    /// Of a coder that works in `folder`.
    pub fn new(prices: &'p Prices, folder: Option<String>) -> Storyteller<'p> {
        Storyteller { prices, folder, turn: None, tally: Tally::default(), tells_calls: false }
    }

    /// Calls are told word for word, too.
    #[must_use]
    pub fn with_calls(self) -> Storyteller<'p> {
        Storyteller { tells_calls: true, ..self }
    }

    /// The turn that is over now that this came.
    pub fn add(&mut self, act: &Act<'_>) -> Option<StoryTurn> {
        let event = act.event;
        let prompt = prompt(event);
        let is_long = self.turn.as_ref().is_some_and(|turn| turn.steps.len() >= STEPS_MAX);
        let over = if prompt.is_some() || is_long { self.end() } else { None };
        for event in std::iter::once(event).chain(act.folded.iter().copied()) {
            self.tally.fold(event);
        }
        let step = if prompt.is_none() { self.step(act) } else { None };
        let at = event.timestamp;
        let turn = self.turn.get_or_insert_with(|| StoryTurn {
            began: at,
            ended: at,
            prompt,
            steps: Vec::new(),
            usage: Usage::default(),
        });
        turn.ended = turn.ended.max(at);
        if let Some(what) = step {
            let folder = self.folder.as_deref();
            let calls = if self.tells_calls { CallDetail::of(event, folder).into_iter().collect() } else { Vec::new() };
            turn.take(StoryStep { seq: event.seq, at, what, calls });
        }
        over
    }

    /// The turn that was not over, where there is anything to tell of it: a beginning alone is no turn.
    pub fn end(&mut self) -> Option<StoryTurn> {
        let turn = self.turn.take()?;
        let usage = std::mem::take(&mut self.tally).usage(self.prices);
        let is_told = turn.prompt.is_some() || !turn.steps.is_empty() || usage != Usage::default();
        is_told.then_some(StoryTurn { usage, ..turn })
    }

    fn step(&self, act: &Act<'_>) -> Option<StepKind> {
        let event = act.event;
        let folder = self.folder.as_deref();
        match &event.body {
            Body::Progress(fields) if event.kind == EventType::Output => said(fields),
            Body::Progress(_) if event.call().is_some() => Some(call(event, folder)),
            Body::Workspace(Workspace { file_path: Some(path), .. }) if event.kind != EventType::WorkspaceSync => {
                let diff = text_of(event, DataKey::Diff).map(str::to_owned);
                Some(StepKind::Changed { change: sentence_within(event, folder), file: within(path, folder), diff })
            }
            _ if is_told_elsewhere(event) => None,
            _ => Some(StepKind::Note { note: act.sentence(folder), kind: event.kind }),
        }
    }
}

impl StoryTurn {
    fn take(&mut self, step: StoryStep) {
        let Some(StoryStep { what: last, calls, .. }) = self.steps.last_mut() else { return self.steps.push(step) };
        match (last, &step.what) {
            (
                StepKind::Called { tool, subjects, duration_ms },
                StepKind::Called { tool: same, subjects: more, duration_ms: took },
            ) if tool == same && subjects.len() < SUBJECTS_MAX => {
                subjects.extend(more.iter().cloned());
                *duration_ms += took;
                calls.extend(step.calls);
            }
            (StepKind::Printed { text, lines_before }, StepKind::Printed { text: more, .. }) => {
                text.push('\n');
                text.push_str(more);
                *lines_before += keep_last(text);
            }
            _ => self.steps.push(step),
        }
    }
}

/// Cuts `text` to its last lines; says how many went.
fn keep_last(text: &mut String) -> usize {
    let lines = text.lines().count();
    let going = lines.saturating_sub(PRINTED_LINES_MAX);
    if going > 0 {
        *text = text.lines().skip(going).collect::<Vec<_>>().join("\n");
    }
    going
}

fn prompt(event: &Event) -> Option<String> {
    match &event.body {
        Body::Progress(Progress { text, .. }) if event.kind == EventType::Prompt => text.clone(),
        _ => None,
    }
}

fn said(Progress { stream, text, .. }: &Progress) -> Option<StepKind> {
    let mut text = text.clone()?;
    Some(match stream.as_deref() {
        Some(Progress::OF_ASSISTANT) => StepKind::Said { text },
        Some(Progress::OF_THOUGHT) => StepKind::Thought { text },
        Some(Progress::TOLD) => StepKind::Told { text },
        _ => {
            let lines_before = keep_last(&mut text);
            StepKind::Printed { text, lines_before }
        }
    })
}

/// The tool, and what it was called for.
fn tool_and_subject(event: &Event) -> (&str, &str) {
    let described = event.call().unwrap_or_default();
    let tool = text_of(event, DataKey::ToolName).unwrap_or_default();
    (tool, described.strip_prefix(tool).map_or(described, |rest| rest.strip_prefix(": ").unwrap_or(rest)))
}

impl CallDetail {
    fn of(event: &Event, folder: Option<&str>) -> Option<CallDetail> {
        event.call()?;
        let text = |key| text_of(event, key).map(str::to_owned);
        Some(CallDetail {
            seq: event.seq,
            at: event.timestamp,
            subject: within(tool_and_subject(event).1, folder),
            input: text(DataKey::Command).or_else(|| text(DataKey::Arguments)),
            output: text(DataKey::Error).or_else(|| text(DataKey::Output)),
            duration_ms: duration_ms(event),
        })
    }
}

fn duration_ms(event: &Event) -> u64 {
    event.data.get(DataKey::DurationMs.name()).and_then(Value::as_u64).unwrap_or(0)
}

fn call(event: &Event, folder: Option<&str>) -> StepKind {
    let (tool, subject) = tool_and_subject(event);
    if event.tool_has_failed() {
        let error = text_of(event, DataKey::Error).unwrap_or_default();
        return StepKind::Failed {
            tool: tool.to_owned(),
            subject: within(subject, folder),
            exit_code: event.data.get(DataKey::ExitCode.name()).and_then(Value::as_i64),
            error: telling_lines(error, ERROR_LINES_MAX).into_iter().map(str::to_owned).collect(),
        };
    }
    let mut subjects = Vec::new();
    if event.is_running() {
        subjects.push(format!("{} (at work)", within(subject, folder)));
    } else if !subject.is_empty() {
        subjects.push(within(subject, folder));
    }
    StepKind::Called { tool: tool.to_owned(), subjects, duration_ms: duration_ms(event) }
}

fn within(said: &str, folder: Option<&str>) -> String {
    folder.map_or_else(|| said.to_owned(), |folder| within_folder(said, folder))
}

/// Calls of the model and what processes use are summed up; that a turn began and ended is seen.
fn is_told_elsewhere(event: &Event) -> bool {
    use EventType::{ApiCall, Completed, Created, Prompt, Seen, Started, WorkspaceSync};
    matches!(event.kind, ApiCall | Created | Started | Completed | Prompt | Seen | WorkspaceSync)
        || event.kind.family() == Family::Resource && event.kind != EventType::ResourceLimit
}

fn text_of(event: &Event, key: DataKey) -> Option<&str> {
    event.data.get(key.name()).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use crate::{event::Draft, story::acts, text::Redactor};

    use super::*;

    fn turns(lines: &[&str]) -> Vec<StoryTurn> {
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let event = |(index, line): (usize, &&str)| {
            let line = line.replacen('{', r#"{"coder_id":"a","#, 1);
            let draft = Draft::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let seq = index as u64 + 1;
            draft.check(now, &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"))
        };
        let events: Vec<Event> = lines.iter().enumerate().map(event).collect();
        let prices = Prices::default();
        let mut teller = Storyteller::new(&prices, Some("/w".to_owned()));
        let mut turns: Vec<StoryTurn> = acts(&events).iter().filter_map(|act| teller.add(act)).collect();
        turns.extend(teller.end());
        turns
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &[&str]) {
        let mut told = Vec::new();
        for turn in turns(lines) {
            told.push(format!("> {}", turn.prompt.unwrap_or_default()));
            told.extend(turn.steps.iter().map(|step| serde_json::to_string(&step.what).expect("JSON")));
            told.push(format!("= {} calls, {} tokens", turn.usage.api_calls, turn.usage.tokens.total));
        }
        assert_eq!(told, expected);
    }

    #[test]
    fn a_session_is_told_turn_by_turn() {
        check(
            &[
                r#"{"type":"started"}"#,
                r#"{"type":"prompt","text":"Fix it"}"#,
                r#"{"type":"progress","tool_name":"Read","description":"Read: /w/a.rs","duration_ms":2}"#,
                r#"{"type":"progress","tool_name":"Read","description":"Read: /w/b.rs","duration_ms":3}"#,
                r#"{"type":"api_call","model":"x","input_tokens":7}"#,
                r#"{"type":"file_modified","file_path":"/w/a.rs","diff":"@@ -1 +1 @@","lines_added":1,"lines_removed":1}"#,
                r#"{"type":"progress","tool_name":"Bash","description":"Bash: make","failed":true,"exit_code":2,"error":"a\nerror: b"}"#,
                r#"{"type":"output","stream":"assistant","text":"It does not build."}"#,
                r#"{"type":"completed"}"#,
                r#"{"type":"prompt","text":"Again"}"#,
                r#"{"type":"paused","reason":"permission","data":{"request":"rm /w/x"}}"#,
            ],
            &[
                "> Fix it",
                r#"{"step":"called","tool":"Read","subjects":["a.rs","b.rs"],"duration_ms":5}"#,
                r#"{"step":"changed","change":"edited a.rs +1 −1","file":"a.rs","diff":"@@ -1 +1 @@"}"#,
                r#"{"step":"failed","tool":"Bash","subject":"make","exit_code":2,"error":["a","error: b"]}"#,
                r#"{"step":"said","text":"It does not build."}"#,
                "= 1 calls, 7 tokens",
                "> Again",
                r#"{"step":"note","note":"paused (permission): rm x","type":"ai_coder_paused"}"#,
                "= 0 calls, 0 tokens",
            ],
        );
    }

    #[test]
    fn of_what_is_printed_without_end_the_last_lines_are_told() {
        let line = r#"{"type":"output","stream":"stdout","text":"line"}"#;
        let told = turns(&[line; 50]);
        let [StoryTurn { steps, .. }] = &told[..] else { panic!("{told:?}") };
        let text = vec!["line"; PRINTED_LINES_MAX].join("\n");
        assert_eq!(steps.iter().map(|step| &step.what).collect::<Vec<_>>(), [&StepKind::Printed { text, lines_before: 30 }]);
    }

    #[test]
    fn a_turn_without_end_is_told_in_parts() {
        let line = r#"{"type":"output","stream":"assistant","text":"on and on"}"#;
        let steps: Vec<usize> = turns(&vec![line; 2 * STEPS_MAX + 1]).iter().map(|turn| turn.steps.len()).collect();
        assert_eq!(steps, [STEPS_MAX, STEPS_MAX, 1]);
    }
}
