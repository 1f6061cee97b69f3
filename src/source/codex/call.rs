//! A tool's call: what it was, what came of it, which files it touched.

use serde_json::Value;

use super::{
    command,
    facts::{Thread, print},
    json::text,
};
use crate::source::patch::{self, Change};
use crate::{
    event::{Body, Draft, EventType, Progress, Workspace},
    source::{
        session::{bounded, with_text},
        shell,
    },
    text,
};

/// One call. Its drafts are the same whichever channel they are made from, so that a later report adds only what is new.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// `None` where the channel has no id that others share.
    pub id: Option<String>,
    pub work: Work,
}

/// What was asked of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Work {
    Command(String),
    Patch(Vec<Change>),
    Plan(Vec<Step>),
    Other { tool: String, subject: Option<String> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub text: String,
    pub done: bool,
}

/// What came of it, as far as the channel says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome<'o> {
    pub exit_code: Option<i64>,
    pub failed: bool,
    /// What the tool answered. A patch that has an answer did what that lists.
    pub printed: Option<&'o str>,
    pub duration_ms: Option<u64>,
}

/// Hooks' name for every tool that runs commands; the others have their own.
const SHELL: &str = "Bash";
const PATCH: &str = "apply_patch";
const PLAN: &str = "update_plan";
/// A description is read in a list: it stays within a line or two.
const LINE_CHARS_MAX: usize = 200;
/// A command line that removes more files than this is a script's work.
const REMOVED_MAX: usize = 50;
const STEPS_MAX: usize = 100;

impl Work {
    /// What `arguments` ask of `tool`; paths start from `folder`.
    pub fn of(tool: &str, arguments: &Value, folder: &str) -> Work {
        let given = arguments.as_str().or_else(|| text(arguments, "command")).or_else(|| text(arguments, "input"));
        match tool {
            PATCH => Work::Patch(patch::changes_of_patch(given.unwrap_or_default(), folder)),
            PLAN => Work::Plan(steps(&arguments["plan"], "step")),
            SHELL | "exec_command" | "shell" | "shell_command" | "local_shell" | "container.exec" => {
                Work::Command(commanded(arguments).unwrap_or_default())
            }
            tool => Work::Other { tool: tool.to_owned(), subject: subject(arguments).map(str::to_owned) },
        }
    }

    /// A tool of an MCP server, named as hooks name it.
    pub fn of_server(server: &str, tool: &str, arguments: &Value) -> Work {
        Work::Other { tool: format!("mcp__{server}__{tool}"), subject: subject(arguments).map(str::to_owned) }
    }

    pub fn tool(&self) -> &str {
        match self {
            Work::Command(_) => SHELL,
            Work::Patch(_) => PATCH,
            Work::Plan(_) => PLAN,
            Work::Other { tool, .. } => tool,
        }
    }

    /// The call in a short line: `Bash: ls -la`.
    pub fn describe(&self) -> String {
        let subject = match self {
            Work::Command(script) => Some(script.clone()),
            Work::Patch(changes) => Some(changes.iter().map(Change::file_name).collect::<Vec<_>>().join(", ")),
            Work::Plan(steps) => steps.iter().find(|step| !step.done).map(|step| step.text.clone()),
            Work::Other { subject, .. } => subject.clone(),
        };
        match subject.filter(|subject| !subject.is_empty()) {
            Some(subject) => {
                let subject = text::excerpt(&subject, LINE_CHARS_MAX);
                text::excerpt(&format!("{}: {subject}", self.tool()), LINE_CHARS_MAX)
            }
            None => text::excerpt(self.tool(), LINE_CHARS_MAX),
        }
    }

    /// The same in every channel: telemetry names a patch's files without their folder.
    fn print(&self) -> String {
        let subject = match self {
            Work::Command(script) => script.clone(),
            Work::Patch(changes) => changes.iter().map(|change| format!("{:?} {}\n", change.kind, change.file_name())).collect(),
            Work::Plan(steps) => steps.iter().map(|step| format!("{} {}\n", step.done, step.text)).collect(),
            Work::Other { subject, .. } => subject.clone().unwrap_or_default(),
        };
        print(&format!("{}\n{subject}", self.tool()))
    }

    fn progress(&self) -> Option<f64> {
        let Work::Plan(steps) = self else { return None };
        let done = steps.iter().filter(|step| step.done).count();
        (!steps.is_empty()).then(|| done as f64 / steps.len() as f64)
    }
}

impl Call {
    pub fn new(id: Option<&str>, work: Work) -> Call {
        Call { id: id.map(str::to_owned), work }
    }

    /// The call and all that is known to have come of it; relative paths of a command start from `folder`.
    pub fn drafts(&self, thread: &Thread, outcome: &Outcome<'_>, folder: &str) -> Vec<Draft> {
        let mut drafts = vec![self.progress(thread, outcome)];
        match &self.work {
            Work::Patch(changes) if !outcome.failed => {
                let done = |change: &&Change| outcome.printed.is_none_or(|answer| change.is_listed(answer, folder));
                drafts.extend(self.changed_files(thread, changes.iter().filter(done)));
            }
            Work::Command(script) => {
                if outcome.exit_code == Some(0) {
                    drafts.extend(self.removed_files(thread, script, folder));
                }
                let printed = outcome.printed.filter(|printed| !printed.is_empty());
                drafts.extend(printed.map(|printed| self.printed(thread, printed)));
            }
            _ => {}
        }
        drafts
    }

    pub fn progress(&self, thread: &Thread, outcome: &Outcome<'_>) -> Draft {
        let tool = self.work.tool();
        let mut draft = thread.draft(EventType::Progress);
        draft.body = Body::Progress(Progress {
            progress: self.work.progress().filter(|_| !outcome.failed),
            stage: Some(bounded(tool)),
            description: Some(self.work.describe()),
            ..Progress::default()
        });
        draft = with_text(draft, "tool_name", Some(tool));
        draft = with_text(draft, "tool_use_id", self.id.as_deref());
        if let Some(code) = outcome.exit_code {
            draft = draft.with("exit_code", code);
        }
        if outcome.failed {
            draft = draft.with("failed", true);
        }
        if let Some(duration) = outcome.duration_ms {
            draft = draft.with("duration_ms", duration);
        }
        thread.known(draft, self.id.as_deref().map(|id| ["tool", id]), &["tool", &self.work.print()])
    }

    fn changed_files<'c>(&self, thread: &Thread, changes: impl Iterator<Item = &'c Change>) -> Vec<Draft> {
        let draft = |(nth, change): (usize, &Change)| {
            let operation = change.kind.operation();
            let draft = self.file(thread, operation, &change.path, change.size);
            let part = if nth == 0 { "file".to_owned() } else { format!("file-{nth}") };
            let natural = self.id.as_deref().map(|id| ["tool", id, &part]);
            thread.known(draft, natural, &["file", operation, &print(&change.path)])
        };
        changes.enumerate().map(draft).collect()
    }

    /// Nothing is said of files that a shell removes; the command says it, where it is plain enough and succeeded.
    fn removed_files(&self, thread: &Thread, script: &str, folder: &str) -> Vec<Draft> {
        let removed = shell::removed_files(script, folder).into_iter().take(REMOVED_MAX).enumerate();
        // Where the folder is not known, another channel tells the whole path.
        let removed = removed.filter(|(_, path)| path.starts_with('/'));
        let draft = |(nth, path): (usize, String)| {
            let part = format!("removed-{nth}");
            let natural = self.id.as_deref().map(|id| ["tool", id, &part]);
            thread.known(self.file(thread, "delete", &path, None), natural, &["file", "delete", &print(&path)])
        };
        removed.map(draft).collect()
    }

    fn file(&self, thread: &Thread, operation: &str, path: &str, file_size: Option<u64>) -> Draft {
        let mut draft = thread.filled(Draft::workspace("", operation, &bounded(path)));
        if let Body::Workspace(Workspace { file_size: size, .. }) = &mut draft.body {
            *size = file_size;
        }
        with_text(with_text(draft, "tool_name", Some(self.work.tool())), "tool_use_id", self.id.as_deref())
    }

    fn printed(&self, thread: &Thread, printed: &str) -> Draft {
        let mut draft = thread.draft(EventType::Output);
        draft.body =
            Body::Progress(Progress { stream: Some("stdout".to_owned()), text: Some(bounded(printed)), ..Progress::default() });
        let draft = with_text(draft, "tool_use_id", self.id.as_deref());
        thread.known(draft, self.id.as_deref().map(|id| ["tool", id, "stdout"]), &["stdout", &self.work.print()])
    }
}

/// The steps of a plan, each with its text under `key`.
pub(super) fn steps(list: &Value, key: &str) -> Vec<Step> {
    let step = |item: &Value| {
        let done = item["completed"].as_bool().unwrap_or_else(|| text(item, "status") == Some("completed"));
        Some(Step { text: text(item, key)?.to_owned(), done })
    };
    list.as_array().into_iter().flatten().filter_map(step).take(STEPS_MAX).collect()
}

/// The script, under the name that this version of the tool has for it: a line, or a list of words.
fn commanded(arguments: &Value) -> Option<String> {
    let given = ["cmd", "command"].iter().find_map(|key| arguments.get(key)).or_else(|| arguments["action"].get("command"))?;
    match given {
        Value::String(line) => Some(command::script_of_line(line)),
        Value::Array(words) => Some(command::script(&words.iter().filter_map(Value::as_str).collect::<Vec<_>>())),
        _ => None,
    }
}

/// What tells a person which call it was.
fn subject(arguments: &Value) -> Option<&str> {
    let names = ["command", "cmd", "query", "path", "file_path", "url", "uri", "pattern", "prompt", "message", "text", "name"];
    names.iter().find_map(|name| text(arguments, name))
}
