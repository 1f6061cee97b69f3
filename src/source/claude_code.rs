//! Claude Code: its hook payloads to drafts; below, its stream, its transcripts and its telemetry.
//!
//! A session is a coder, `claude-code:<session>`; each of its subagents is one of its own, `claude-code:<session>/<agent>`.
//! Hooks come from many short processes at once and know nothing of what was recorded before them, so what depends on the
//! coder's past is a condition, and what two hooks report is one fact by its key: a tool's call is reported by PostToolUse
//! and again by PostToolBatch, or by the latter alone where the tool was denied.

mod calls;
mod conversation;
mod facts;
mod hook;
mod line;
mod report;
pub(super) mod stream;
pub(super) mod telemetry;
mod tools;
pub(super) mod transcript;
mod wire;

use crate::event::{Condition, Draft, EventType, Status};
use crate::source::{
    HookContext, Refusal,
    session::{bounded, with_text},
};

use facts::{Refused, lifecycle};
use hook::Hook;
use report::Report;
use wire::Payload;

/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or names a hook that is not known.
pub(super) fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let wire = Payload::read(payload)?;
    let Some(name) = wire.hook_event_name.as_deref() else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    let Some(hook) = Hook::parse(name) else {
        return Err(Refusal::new(format!("unknown hook event `{}`", crate::event::echo(name, ECHO_CHARS_MAX))));
    };
    let report = Report::new(&wire, payload, context)?;
    Ok(drafts(hook, &report))
}

/// How much of a payload a refusal may repeat.
const ECHO_CHARS_MAX: usize = 60;

fn drafts(hook: Hook, report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    match hook {
        Hook::SessionStart => session_start(report),
        Hook::SessionEnd => vec![session_end(report)],
        Hook::Stop => vec![completed(report)],
        Hook::StopFailure => stop_failure(report),
        Hook::SubagentStart => vec![created(report), started(report)],
        Hook::SubagentStop => subagent_stop(report),
        Hook::UserPromptSubmit => vec![prompt(report)],
        Hook::PermissionRequest => permission_request(report),
        Hook::Notification => notification(report),
        Hook::Elicitation => vec![paused(report, QUESTION)],
        Hook::ElicitationResult => vec![answered(report)],
        Hook::PreToolUse => tools::before(report),
        Hook::PostToolUse => tools::after(report),
        Hook::PostToolUseFailure => tools::failed(report, wire.error.as_deref()),
        Hook::PermissionDenied => tools::failed(report, wire.reason.as_deref()),
        Hook::PostToolBatch => tools::batch(report),
        Hook::MessageDisplay => message(report).into_iter().collect(),
        Hook::TaskCompleted => vec![task_completed(report)],
        Hook::PostCompact => vec![compacted(report)],
        Hook::PreCompact => context_full(report).into_iter().collect(),
        Hook::CwdChanged => vec![workspace(report, "cwd_changed", wire.new_cwd.as_deref())],
        Hook::DirectoryAdded => vec![workspace(report, "directory_added", directory_added(wire))],
        Hook::WorktreeRemove => worktree_remove(report),
        Hook::FileChanged => file_changed(report).into_iter().collect(),
        Hook::UserPromptExpansion
        | Hook::PreModelSwitch
        | Hook::PostModelSwitch
        | Hook::Setup
        | Hook::TeammateIdle
        | Hook::TaskCreated
        | Hook::ConfigChange
        | Hook::WorktreeCreate
        | Hook::InstructionsLoaded => Vec::new(),
    }
}

/// The statuses from which work can begin again.
const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];
const NOT_PAUSED: &[Status] =
    &[Status::Created, Status::Running, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];
const OVER: &[Status] = &[Status::Completed, Status::Failed, Status::Stopped];

/// What a paused coder waits for.
const PERMISSION: &str = "permission";
const QUESTION: &str = "question";
const IDLE: &str = "idle";

/// Commands such as `claude mcp list` end a session that never began: without a prompt, an end alone makes no coder.
fn session_end(report: &Report<'_>) -> Draft {
    let stopped = facts::stopped(&report.teller, None, report.wire.reason.as_deref());
    if report.wire.prompt_id.is_some() { stopped } else { only_if(stopped, Condition::Known) }
}

fn session_start(report: &Report<'_>) -> Vec<Draft> {
    match report.wire.source.as_deref() {
        // The same session goes on with a shorter memory.
        Some("compact") => Vec::new(),
        // Its beginning may lie before the recorder was set up.
        Some("resume") => {
            vec![only_if(created(report), Condition::Unknown), about_session(report, facts::resumed(&report.teller))]
        }
        _ => vec![created(report), started(report)],
    }
}

fn created(report: &Report<'_>) -> Draft {
    about_session(report, facts::created(&report.teller, report.wire.source.as_deref()))
}

fn started(report: &Report<'_>) -> Draft {
    about_session(report, facts::started(&report.teller, report.wire.source.as_deref()))
}

fn about_session(report: &Report<'_>, draft: Draft) -> Draft {
    let draft = with_text(draft, "cwd", report.wire.cwd.as_deref());
    let draft = with_text(draft, "transcript_path", report.wire.transcript_path.as_deref());
    with_text(draft, "model", report.wire.model.as_deref())
}

fn completed(report: &Report<'_>) -> Draft {
    let wire = report.wire;
    let draft = facts::completed(&report.teller, wire.prompt_id.as_deref(), wire.last_assistant_message.as_deref());
    match wire.background_tasks.0 {
        None | Some(0) => draft,
        Some(tasks) => draft.with("background_tasks", tasks),
    }
}

/// Compaction ends subagents that never started: they make no coder.
fn subagent_stop(report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    let stopped = facts::subagent_stopped(&report.teller, wire.prompt_id.as_deref(), wire.last_assistant_message.as_deref());
    vec![only_if(completed(report), Condition::Known), only_if(stopped, Condition::Known)]
}

fn stop_failure(report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    let prompt_id = wire.prompt_id.as_deref();
    let message = wire.last_assistant_message.as_deref().or(wire.error_details.as_deref());
    let failed = facts::failed(&report.teller, prompt_id, wire.error.as_deref(), message);
    let failed = with_text(failed, "error_details", wire.error_details.as_deref());
    let refused = Refused { code: wire.error.as_deref(), message, ..Refused::default() };
    if refused.is_rate_limit() { vec![refused.for_good(&report.teller, prompt_id), failed] } else { vec![failed] }
}

fn prompt(report: &Report<'_>) -> Draft {
    let wire = report.wire;
    let prompted = facts::prompted(&report.teller, wire.prompt_id.as_deref(), wire.prompt.as_deref());
    only_if(prompted, Condition::Status(AT_REST.to_vec()))
}

fn permission_request(report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    let tool = wire.tool_name.as_deref();
    let about = |draft: Draft| {
        let draft = with_text(draft, "tool_name", tool);
        with_text(draft, "request", tool.map(|tool| tools::describe(tool, &wire.tool_input)).as_deref())
    };
    // The tool's own hook has told already that somebody is asked.
    if tool == Some(tools::ASK_USER) {
        return unless_paused(about(paused(report, QUESTION)));
    }
    vec![about(paused(report, PERMISSION))]
}

fn notification(report: &Report<'_>) -> Vec<Draft> {
    let message = report.wire.message.as_deref().unwrap_or_default();
    let kind = report.wire.notification_type.as_deref().unwrap_or(match message {
        // Before notifications had types.
        _ if message.contains("needs your permission") => "permission_prompt",
        _ if message.contains("waiting for your input") => "idle_prompt",
        _ => "",
    });
    let pause = |reason| with_text(paused(report, reason), "message", report.wire.message.as_deref());
    match kind {
        "permission_prompt" => unless_paused(pause(PERMISSION)),
        "agent_needs_input" | "elicitation_dialog" => unless_paused(pause(QUESTION)),
        "idle_prompt" => vec![pause(IDLE)],
        _ => Vec::new(),
    }
}

/// A message is shown at once or piece by piece; its pieces are known to nobody else.
fn message(report: &Report<'_>) -> Option<Draft> {
    let wire = report.wire;
    let text = wire.delta.as_deref()?;
    let part = wire.index.unwrap_or(0);
    match wire.message_id.as_deref() {
        Some(id) if part > 0 || !wire.is_final => {
            let piece = with_text(facts::spoken(&report.teller, text), "message_id", Some(id));
            Some(report.teller.own(piece, &["message", id, &part.to_string()]))
        }
        id => Some(with_text(facts::said(&report.teller, None, text), "message_id", id)),
    }
}

fn task_completed(report: &Report<'_>) -> Draft {
    let draft = facts::milestone(&report.teller, report.wire.task_subject.as_deref().unwrap_or("task completed"), None);
    report.repeated(with_text(draft, "task_id", report.wire.task_id.as_deref()))
}

fn compacted(report: &Report<'_>) -> Draft {
    facts::compacted(&report.teller, None, report.wire.trigger.as_deref(), report.wire.compact_summary.as_deref())
}

/// Compaction that nobody asked for means that the context was full.
fn context_full(report: &Report<'_>) -> Option<Draft> {
    (report.wire.trigger.as_deref() == Some("auto")).then(|| {
        let draft = report.draft(EventType::ResourceLimit).with("limit", "context");
        report.repeated(draft.with("message", "the context is full and is being compacted"))
    })
}

fn workspace(report: &Report<'_>, operation: &str, path: Option<&str>) -> Draft {
    let draft = report.filled(Draft::workspace("", operation, &bounded(path.unwrap_or_default())));
    report.repeated(with_text(draft, "old_cwd", report.wire.old_cwd.as_deref()))
}

fn directory_added(wire: &Payload) -> Option<&str> {
    wire.directory.as_deref().or(wire.directory_path.as_deref()).or(wire.path.as_deref())
}

/// A coder whose own folder is removed is gone, and so is one that is over; a session at work lost only a subagent's folder.
fn worktree_remove(report: &Report<'_>) -> Vec<Draft> {
    let wire = report.wire;
    let path = wire.worktree_path.as_deref();
    let inside = path.zip(wire.cwd.as_deref()).is_some_and(|(worktree, cwd)| {
        cwd.strip_prefix(worktree).is_some_and(|below| below.is_empty() || below.starts_with('/'))
    });
    let deleted = report.repeated(with_text(
        lifecycle(&report.teller, EventType::Deleted, Some("worktree removed")),
        "worktree_path",
        path,
    ));
    let deleted = if inside { deleted } else { only_if(deleted, Condition::Status(OVER.to_vec())) };
    vec![workspace(report, "worktree_remove", path), deleted]
}

fn file_changed(report: &Report<'_>) -> Option<Draft> {
    let wire = report.wire;
    let operation = match wire.event.as_deref() {
        Some("add" | "create" | "created") => "create",
        Some("unlink" | "delete" | "deleted") => "delete",
        _ => "modify",
    };
    let draft = report.filled(Draft::workspace("", operation, &bounded(wire.file_path.as_deref()?)));
    Some(report.repeated(draft))
}

fn paused(report: &Report<'_>, reason: &str) -> Draft {
    report.repeated(lifecycle(&report.teller, EventType::Paused, Some(reason)))
}

fn answered(report: &Report<'_>) -> Draft {
    let resumed = report.repeated(lifecycle(&report.teller, EventType::Resumed, Some("answer")));
    only_if(resumed, Condition::Status(vec![Status::Paused]))
}

fn only_if(draft: Draft, condition: Condition) -> Draft {
    Draft { only_if: Some(condition), ..draft }
}

/// A coder that is not known has no status: one draft for each, of which at most one becomes an event.
fn unless_paused(draft: Draft) -> Vec<Draft> {
    vec![only_if(draft.clone(), Condition::Status(NOT_PAUSED.to_vec())), only_if(draft, Condition::Unknown)]
}

#[cfg(test)]
mod tests;
