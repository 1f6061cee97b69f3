//! A tool's call: what it was, what came of it, which files it touched.

use super::{
    QUESTION,
    facts::lifecycle,
    only_if,
    report::{Report, Teller},
    wire::{PatchLine, ToolInput, ToolResponse},
};
use crate::event::{Body, Condition, Draft, EventType, Progress, Status, Workspace};
use crate::source::{
    session::{bounded, with_text},
    shell,
};
use crate::text;

/// The tool that asks the person; while it runs, the coder waits.
pub(super) const ASK_USER: &str = "AskUserQuestion";
pub(super) const BASH: &str = "Bash";

/// A call as each channel tells it. The drafts of one call are the same whichever channel they are made from, so that the
/// later report adds nothing to the fact.
pub(super) struct Call<'p> {
    pub tool: &'p str,
    pub id: Option<&'p str>,
    /// What it was asked to do, where the channel knows.
    pub input: Option<&'p ToolInput>,
}

pub(super) fn before(report: &Report<'_>) -> Vec<Draft> {
    let call = call(report);
    if call.tool != ASK_USER {
        return vec![at_work(&report.teller, &call, "before")];
    }
    let question = report.wire.tool_input.questions.iter().find_map(|question| question.question.as_deref());
    let paused = with_text(lifecycle(&report.teller, EventType::Paused, Some(QUESTION)), "tool_name", Some(call.tool));
    vec![call.keyed(&report.teller, with_text(paused, "question", question), "question")]
}

pub(super) fn after(report: &Report<'_>) -> Vec<Draft> {
    let call = call(report);
    let progress = with_duration(progress(&report.teller, &call), report.wire.duration_ms);
    let mut drafts = vec![at_work(&report.teller, &call, "after"), progress];
    drafts.extend(effects(&report.teller, &call, &report.wire.tool_response));
    drafts
}

pub(super) fn failed(report: &Report<'_>, error: Option<&str>) -> Vec<Draft> {
    let call = call(report);
    let progress = with_failure(progress(&report.teller, &call), error);
    vec![at_work(&report.teller, &call, "after"), with_duration(progress, report.wire.duration_ms)]
}

/// The only report of a call that was denied, or whose tool is not available.
pub(super) fn batch(report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    let calls = wire.tool_calls.iter().map(|made| (Call::new(&made.tool_name, &made.tool_use_id, &made.tool_input), made));
    let mut drafts = Vec::new();
    for (call, made) in calls {
        if drafts.is_empty() {
            drafts.push(at_work(&report.teller, &call, "batch"));
        }
        let progress = progress(&report.teller, &call);
        let error = made.tool_response.text.as_deref().and_then(refusal);
        drafts.push(if error.is_some() { with_failure(progress, error) } else { progress });
    }
    drafts
}

/// What the model reads of a call that was not made.
pub(super) fn refusal(text: &str) -> Option<&str> {
    text.strip_prefix("<tool_use_error>")?.strip_suffix("</tool_use_error>")
}

/// What came of a call that succeeded: its files and what it printed.
pub(super) fn effects(teller: &Teller<'_>, call: &Call<'_>, response: &ToolResponse) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = written_file(teller, call, response).into_iter().collect();
    drafts.extend(removed_files(teller, call, response));
    drafts.extend(output(teller, call, response));
    drafts
}

/// The call in a short line: `Bash: rm hello.txt && ls -la`.
pub(super) fn describe(tool: &str, input: &ToolInput) -> String {
    let subjects = [
        &input.command,
        &input.file_path,
        &input.notebook_path,
        &input.pattern,
        &input.query,
        &input.url,
        &input.subject,
        &input.description,
        &input.skill,
    ];
    let question = || input.questions.iter().find_map(|question| question.question.as_deref());
    match subjects.into_iter().find_map(|subject| subject.as_deref()).or_else(question) {
        Some(subject) => text::excerpt(&format!("{tool}: {}", text::excerpt(subject, LINE_CHARS_MAX)), LINE_CHARS_MAX),
        None => text::excerpt(tool, LINE_CHARS_MAX),
    }
}

/// A description is read in a list: it stays within a line or two.
const LINE_CHARS_MAX: usize = 200;
pub(super) const NAMELESS: &str = "tool";
const RESUMED_BY_TOOL: &str = "tool";
const WAITING_OR_DONE: &[Status] = &[Status::Paused, Status::Completed];

impl<'p> Call<'p> {
    fn new(tool: &'p Option<String>, id: &'p Option<String>, input: &'p ToolInput) -> Call<'p> {
        Call { tool: tool.as_deref().unwrap_or(NAMELESS), id: id.as_deref(), input: Some(input) }
    }

    /// `draft` under the call's id and `part`; the payload itself stands in for an id that is missing.
    fn keyed(&self, teller: &Teller<'_>, draft: Draft, part: &str) -> Draft {
        match self.id {
            None => teller.repeated(draft),
            Some(id) if part.is_empty() => teller.keyed(draft, &["tool", id]),
            Some(id) => teller.keyed(draft, &["tool", id, part]),
        }
    }
}

fn call<'p>(report: &Report<'p>) -> Call<'p> {
    let wire = report.wire;
    Call::new(&wire.tool_name, &wire.tool_use_id, &wire.tool_input)
}

/// A tool at work shows that nobody is waited for any more, and that the turn is not over.
fn at_work(teller: &Teller<'_>, call: &Call<'_>, when: &str) -> Draft {
    let resumed = lifecycle(teller, EventType::Resumed, Some(RESUMED_BY_TOOL));
    let resumed = call.keyed(teller, resumed, &format!("resumed-{when}"));
    only_if(resumed, Condition::Status(WAITING_OR_DONE.to_vec()))
}

pub(super) fn progress(teller: &Teller<'_>, call: &Call<'_>) -> Draft {
    let mut draft = teller.draft(EventType::Progress);
    draft.body = Body::Progress(Progress {
        stage: Some(bounded(call.tool)),
        description: call.input.map(|input| describe(call.tool, input)),
        ..Progress::default()
    });
    let draft = with_text(draft, "tool_name", Some(call.tool));
    call.keyed(teller, with_text(draft, "tool_use_id", call.id), "")
}

pub(super) fn with_duration(draft: Draft, duration_ms: Option<u64>) -> Draft {
    match duration_ms {
        Some(duration) => draft.with("duration_ms", duration),
        None => draft,
    }
}

pub(super) fn with_failure(draft: Draft, error: Option<&str>) -> Draft {
    with_text(draft.with("failed", true), "error", error)
}

fn written_file(teller: &Teller<'_>, call: &Call<'_>, response: &ToolResponse) -> Option<Draft> {
    if !matches!(call.tool, "Write" | "Edit" | "MultiEdit" | "NotebookEdit") {
        return None;
    }
    let input = call.input?;
    let path = response.file_path.as_deref().or(input.file_path.as_deref()).or(input.notebook_path.as_deref())?;
    let operation = if response.kind.as_deref() == Some("create") { "create" } else { "modify" };
    let draft = file(teller, call, operation, path, input.content.0);
    let lines = |wanted| response.structured_patch.iter().flat_map(|hunk| &hunk.lines).filter(|line| **line == wanted).count();
    let draft = match (lines(PatchLine::Added), lines(PatchLine::Removed)) {
        (0, 0) => draft,
        (added, removed) => draft.with("lines_added", added).with("lines_removed", removed),
    };
    Some(call.keyed(teller, draft, "file"))
}

/// Nobody says which files a shell removes; the command does, where it is plain enough.
fn removed_files(teller: &Teller<'_>, call: &Call<'_>, response: &ToolResponse) -> Vec<Draft> {
    let Some(input) = call.input.filter(|_| call.tool == BASH) else { return Vec::new() };
    let Some(command) = input.command.as_deref() else { return Vec::new() };
    if response.interrupted || input.run_in_background {
        return Vec::new();
    }
    let removed = shell::removed_files(command, &teller.folder).into_iter().take(REMOVED_MAX).enumerate();
    removed.map(|(nth, path)| call.keyed(teller, file(teller, call, "delete", &path, None), &format!("removed-{nth}"))).collect()
}

/// A command line that removes more files than this is a script's work, and the workspace is better looked at as a whole.
const REMOVED_MAX: usize = 50;

fn file(teller: &Teller<'_>, call: &Call<'_>, operation: &str, path: &str, file_size: Option<u64>) -> Draft {
    let mut draft = teller.filled(Draft::workspace("", operation, &bounded(path)));
    if let Body::Workspace(Workspace { file_size: size, .. }) = &mut draft.body {
        *size = file_size;
    }
    with_text(with_text(draft, "tool_name", Some(call.tool)), "tool_use_id", call.id)
}

fn output(teller: &Teller<'_>, call: &Call<'_>, response: &ToolResponse) -> Option<Draft> {
    // An image is printed as base64, which tells nobody anything.
    let printed = response.stdout.as_deref().filter(|_| !response.is_image)?;
    let mut draft = teller.draft(EventType::Output);
    draft.body =
        Body::Progress(Progress { stream: Some("stdout".to_owned()), text: Some(bounded(printed)), ..Progress::default() });
    Some(call.keyed(teller, with_text(draft, "tool_use_id", call.id), "stdout"))
}
