//! A tool's call: what it was, what came of it, which files it touched.

use super::{
    QUESTION, lifecycle, only_if,
    report::{Report, bounded},
    wire::{PatchLine, ToolInput, ToolResponse},
    with_text,
};
use crate::event::{Body, Condition, Draft, EventType, Progress, Status, Workspace};
use crate::source::shell;
use crate::text;

/// The tool that asks the person; while it runs, the coder waits.
pub(super) const ASK_USER: &str = "AskUserQuestion";

/// A call as each hook tells it. The drafts of one call are the same whichever hook they are made from, so that the later
/// report adds nothing to the fact.
struct Call<'p> {
    tool: &'p str,
    id: Option<&'p str>,
    input: &'p ToolInput,
}

pub(super) fn before(report: &Report<'_>) -> Vec<Draft> {
    let call = call(report);
    if call.tool != ASK_USER {
        return vec![at_work(report, &call, "before")];
    }
    let question = call.input.questions.iter().find_map(|question| question.question.as_deref());
    let paused = with_text(lifecycle(report, EventType::Paused, Some(QUESTION)), "tool_name", Some(call.tool));
    vec![call.keyed(report, with_text(paused, "question", question), "question")]
}

pub(super) fn after(report: &Report<'_>) -> Vec<Draft> {
    let call = call(report);
    let response = &report.wire.tool_response;
    let mut drafts = vec![at_work(report, &call, "after"), with_duration(report, progress(report, &call))];
    drafts.extend(written_file(report, &call, response));
    drafts.extend(removed_files(report, &call, response));
    drafts.extend(output(report, &call, response));
    drafts
}

pub(super) fn failed(report: &Report<'_>, error: Option<&str>) -> Vec<Draft> {
    let call = call(report);
    let progress = with_failure(progress(report, &call), error);
    vec![at_work(report, &call, "after"), with_duration(report, progress)]
}

/// The only report of a call that was denied, or whose tool is not available.
pub(super) fn batch(report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    let calls = wire.tool_calls.iter().map(|made| (Call::new(&made.tool_name, &made.tool_use_id, &made.tool_input), made));
    let mut drafts = Vec::new();
    for (call, made) in calls {
        if drafts.is_empty() {
            drafts.push(at_work(report, &call, "batch"));
        }
        let progress = progress(report, &call);
        let text = made.tool_response.text.as_deref();
        let error = text.and_then(|text| text.strip_prefix("<tool_use_error>")?.strip_suffix("</tool_use_error>"));
        drafts.push(if error.is_some() { with_failure(progress, error) } else { progress });
    }
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
const NAMELESS: &str = "tool";
const RESUMED_BY_TOOL: &str = "tool";
const WAITING_OR_DONE: &[Status] = &[Status::Paused, Status::Completed];

impl<'p> Call<'p> {
    fn new(tool: &'p Option<String>, id: &'p Option<String>, input: &'p ToolInput) -> Call<'p> {
        Call { tool: tool.as_deref().unwrap_or(NAMELESS), id: id.as_deref(), input }
    }

    /// `draft` under the call's id and `part`; the payload itself stands in for an id that is missing.
    fn keyed(&self, report: &Report<'_>, draft: Draft, part: &str) -> Draft {
        match self.id {
            None => report.repeated(draft),
            Some(id) if part.is_empty() => report.keyed(draft, &["tool", id]),
            Some(id) => report.keyed(draft, &["tool", id, part]),
        }
    }
}

fn call<'p>(report: &Report<'p>) -> Call<'p> {
    let wire = report.wire;
    Call::new(&wire.tool_name, &wire.tool_use_id, &wire.tool_input)
}

/// A tool at work shows that nobody is waited for any more, and that the turn is not over.
fn at_work(report: &Report<'_>, call: &Call<'_>, when: &str) -> Draft {
    let resumed = lifecycle(report, EventType::Resumed, Some(RESUMED_BY_TOOL));
    let resumed = call.keyed(report, resumed, &format!("resumed-{when}"));
    only_if(resumed, Condition::Status(WAITING_OR_DONE.to_vec()))
}

fn progress(report: &Report<'_>, call: &Call<'_>) -> Draft {
    let mut draft = report.draft(EventType::Progress);
    draft.body = Body::Progress(Progress {
        stage: Some(bounded(call.tool)),
        description: Some(describe(call.tool, call.input)),
        ..Progress::default()
    });
    let draft = with_text(draft, "tool_name", Some(call.tool));
    call.keyed(report, with_text(draft, "tool_use_id", call.id), "")
}

fn with_duration(report: &Report<'_>, draft: Draft) -> Draft {
    match report.wire.duration_ms {
        Some(duration) => draft.with("duration_ms", duration),
        None => draft,
    }
}

fn with_failure(draft: Draft, error: Option<&str>) -> Draft {
    with_text(draft.with("failed", true), "error", error)
}

fn written_file(report: &Report<'_>, call: &Call<'_>, response: &ToolResponse) -> Option<Draft> {
    if !matches!(call.tool, "Write" | "Edit" | "MultiEdit" | "NotebookEdit") {
        return None;
    }
    let path = response.file_path.as_deref().or(call.input.file_path.as_deref()).or(call.input.notebook_path.as_deref())?;
    let operation = if response.kind.as_deref() == Some("create") { "create" } else { "modify" };
    let draft = file(report, call, operation, path, call.input.content.0);
    let lines = |wanted| response.structured_patch.iter().flat_map(|hunk| &hunk.lines).filter(|line| **line == wanted).count();
    let draft = match (lines(PatchLine::Added), lines(PatchLine::Removed)) {
        (0, 0) => draft,
        (added, removed) => draft.with("lines_added", added).with("lines_removed", removed),
    };
    Some(call.keyed(report, draft, "file"))
}

/// Hooks say nothing of files that a shell removes; the command does, where it is plain enough.
fn removed_files(report: &Report<'_>, call: &Call<'_>, response: &ToolResponse) -> Vec<Draft> {
    let Some(command) = call.input.command.as_deref().filter(|_| call.tool == "Bash") else { return Vec::new() };
    if response.interrupted || call.input.run_in_background {
        return Vec::new();
    }
    let removed = shell::removed_files(command, report.folder()).into_iter().take(REMOVED_MAX).enumerate();
    removed.map(|(nth, path)| call.keyed(report, file(report, call, "delete", &path, None), &format!("removed-{nth}"))).collect()
}

/// A command line that removes more files than this is a script's work, and the workspace is better looked at as a whole.
const REMOVED_MAX: usize = 50;

fn file(report: &Report<'_>, call: &Call<'_>, operation: &str, path: &str, file_size: Option<u64>) -> Draft {
    let mut draft = report.filled(Draft::workspace("", operation, &bounded(path)));
    if let Body::Workspace(Workspace { file_size: size, .. }) = &mut draft.body {
        *size = file_size;
    }
    with_text(with_text(draft, "tool_name", Some(call.tool)), "tool_use_id", call.id)
}

fn output(report: &Report<'_>, call: &Call<'_>, response: &ToolResponse) -> Option<Draft> {
    // An image is printed as base64, which tells nobody anything.
    let printed = response.stdout.as_deref().filter(|_| !response.is_image)?;
    let mut draft = report.draft(EventType::Output);
    draft.body =
        Body::Progress(Progress { stream: Some("stdout".to_owned()), text: Some(bounded(printed)), ..Progress::default() });
    Some(call.keyed(report, with_text(draft, "tool_use_id", call.id), "stdout"))
}
