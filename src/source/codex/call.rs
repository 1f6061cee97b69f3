//! A tool's call: what it was, what came of it, which files it touched.

use super::{
    command,
    thread::{Thread, print},
};
use crate::{
    event::DataKey,
    source::{
        asked::arguments,
        diff::FileDiff,
        drafts::describe,
        fact::{About, Fact, Told, Tool, TouchedFile},
        json::Wire,
        patch::{self, PatchedFile},
        shell,
    },
};

/// One call. Its facts are the same whichever channel tells them, so that a later report adds only what is new.
#[derive(Clone, Debug)]
pub(super) struct CodexCall {
    /// `None` where the channel has no id that others share.
    pub id: Option<String>,
    pub work: Work,
}

/// What was asked of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Work {
    Command(String),
    Patch(Vec<PatchedFile>),
    Plan(Vec<PlanStep>),
    Other { tool: String, subject: Option<String>, arguments: Option<String> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlanStep {
    pub text: String,
    pub done: bool,
}

/// What came of it, as far as the channel says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WorkOutcome<'o> {
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
/// What tells a person which call it was; each tool has some of these.
const SUBJECTS: &[&str] =
    &["command", "cmd", "query", "path", "file_path", "url", "uri", "pattern", "prompt", "message", "text", "name"];
const STEPS_MAX: usize = 100;
/// The namespace of the tools that have others work, which hooks put before their names.
const AGENTS: &str = "multi_agent_v1";

impl Work {
    /// What `arguments` ask of `tool`; paths start from `folder`.
    pub fn of(tool: &str, arguments: Wire<'_>, folder: &str) -> Work {
        let given = arguments.0.as_str().or_else(|| arguments.first_text(&["command", "input"]));
        match tool {
            PATCH => Work::Patch(patch::changes_of_patch(given.unwrap_or_default(), folder)),
            PLAN => Work::Plan(steps(arguments.list("plan"), "step")),
            SHELL | "exec_command" | "shell" | "shell_command" | "local_shell" | "container.exec" => {
                Work::Command(commanded(arguments).unwrap_or_default())
            }
            tool => Work::other(tool.strip_prefix(AGENTS).filter(|own| !own.is_empty()).unwrap_or(tool).to_owned(), arguments),
        }
    }

    /// A tool of an MCP server, named as hooks name it.
    pub fn of_server(server: &str, tool: &str, arguments: Wire<'_>) -> Work {
        Work::other(format!("mcp__{server}__{tool}"), arguments)
    }

    fn other(tool: String, given: Wire<'_>) -> Work {
        let subject = given.first_text(SUBJECTS);
        Work::Other { tool, subject: subject.map(str::to_owned), arguments: arguments(given, subject) }
    }

    fn about(&self) -> About {
        let (command, arguments) = match self {
            Work::Command(script) => (Some(script.clone()).filter(|script| !script.is_empty()), None),
            Work::Other { arguments, .. } => (None, arguments.clone()),
            Work::Patch(_) | Work::Plan(_) => (None, None),
        };
        About { subject: self.subject(), command, arguments }
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
        describe(self.tool(), self.subject().as_deref())
    }

    fn subject(&self) -> Option<String> {
        let subject = match self {
            Work::Command(script) => Some(script.clone()),
            Work::Patch(changes) => Some(changes.iter().map(PatchedFile::file_name).collect::<Vec<_>>().join(", ")),
            Work::Plan(steps) => steps.iter().find(|step| !step.done).map(|step| step.text.clone()),
            Work::Other { subject, .. } => subject.clone(),
        };
        subject.filter(|subject| !subject.is_empty())
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

impl CodexCall {
    pub fn new(id: Option<&str>, work: Work) -> CodexCall {
        CodexCall { id: id.map(str::to_owned), work }
    }

    /// The call and all that is known to have come of it; relative paths of a command start from `folder`.
    pub fn told(&self, thread: &Thread, outcome: &WorkOutcome<'_>, folder: &str) -> Vec<Told> {
        let mut told = vec![self.ended(thread, outcome)];
        match &self.work {
            Work::Patch(changes) if !outcome.failed => {
                let done = |change: &&PatchedFile| outcome.printed.is_none_or(|answer| change.is_listed(answer, folder));
                told.extend(changes.iter().filter(done).enumerate().map(|(nth, change)| self.changed_file(thread, nth, change)));
            }
            Work::Command(script) => {
                let succeeded = outcome.exit_code == Some(0);
                told.extend(succeeded.then(|| self.removed_files(thread, script, folder)).into_iter().flatten());
                let printed = outcome.printed.filter(|printed| !printed.is_empty());
                told.extend(printed.map(|printed| self.printed(thread, printed)));
            }
            _ => {}
        }
        told
    }

    pub fn begun(&self, thread: &Thread) -> Told {
        self.step(thread, Tool { is_running: true, ..Tool::default() })
    }

    pub fn ended(&self, thread: &Thread, outcome: &WorkOutcome<'_>) -> Told {
        let WorkOutcome { failed, exit_code, duration_ms, .. } = *outcome;
        let progress = self.work.progress().filter(|_| !failed);
        // What a command printed is told by itself, unless it failed.
        let is_told = matches!(self.work, Work::Command(_) | Work::Patch(_)) && !failed;
        let output = outcome.printed.filter(|printed| !is_told && !printed.trim().is_empty()).map(str::to_owned);
        let told = self.step(thread, Tool { failed, exit_code, duration_ms, output, progress, ..Tool::default() });
        let Work::Plan(steps) = &self.work else { return told };
        let done = steps.iter().filter(|step| step.done).count();
        let counts = (!failed && !steps.is_empty()).then_some((done, steps.len()));
        let told = told.with(DataKey::StepsDone, counts.map(|(done, _)| done));
        told.with(DataKey::StepsTotal, counts.map(|(_, of)| of))
    }

    fn step(&self, thread: &Thread, came_of_it: Tool) -> Told {
        let about = Some(self.work.about());
        let tool = Tool { name: self.work.tool().to_owned(), id: self.id.clone(), about, ..came_of_it };
        thread.known(Fact::Tool(tool), self.id.as_deref().map(|id| ["tool", id]), &["tool", &self.work.print()])
    }

    fn changed_file(&self, thread: &Thread, nth: usize, change: &PatchedFile) -> Told {
        // Counted from none behind the first, as histories have them.
        let part = if nth == 0 { "file".to_owned() } else { format!("file-{nth}") };
        self.file(thread, &part, change.kind.operation(), &change.path, (change.size, change.diff.clone()))
    }

    /// Nothing is said of files that a shell removes; the command says it, where it is plain enough and succeeded.
    fn removed_files(&self, thread: &Thread, script: &str, folder: &str) -> Vec<Told> {
        let removed = shell::removed_files(script, folder).into_iter().enumerate();
        // Where the folder is not known, another channel tells the whole path.
        let removed = removed.filter(|(_, path)| path.starts_with('/'));
        removed.map(|(nth, path)| self.file(thread, &format!("removed-{nth}"), "delete", &path, (None, None))).collect()
    }

    fn file(
        &self,
        thread: &Thread,
        part: &str,
        operation: &'static str,
        path: &str,
        change: (Option<u64>, Option<FileDiff>),
    ) -> Told {
        let (size, diff) = change;
        let fact = Fact::File(TouchedFile { operation, path: path.to_owned(), size, diff });
        let natural = self.id.as_deref().map(|id| ["tool", id, part]);
        let told = thread.known(fact, natural, &["file", operation, &print(path)]);
        told.with(DataKey::ToolName, Some(self.work.tool())).with(DataKey::ToolUseId, self.id.as_deref())
    }

    fn printed(&self, thread: &Thread, printed: &str) -> Told {
        let natural = self.id.as_deref().map(|id| ["tool", id, "stdout"]);
        let told = thread.known(Fact::printed("stdout", printed), natural, &["stdout", &self.work.print()]);
        told.with(DataKey::ToolUseId, self.id.as_deref())
    }
}

/// The steps of a plan, each with its text under `key`.
pub(super) fn steps<'v>(list: impl Iterator<Item = Wire<'v>>, key: &str) -> Vec<PlanStep> {
    let step = |item: Wire<'_>| {
        let done = item.truth("completed").unwrap_or_else(|| item.is("status", "completed"));
        Some(PlanStep { text: item.text(key)?.to_owned(), done })
    };
    list.filter_map(step).take(STEPS_MAX).collect()
}

/// The script, under the name that this version of the tool has for it: a line, or a list of words.
fn commanded(arguments: Wire<'_>) -> Option<String> {
    let given = [arguments.at("cmd"), arguments.at("command"), arguments.at("action").at("command")];
    let given = given.into_iter().find(|given| given.is_there())?;
    match given.as_text() {
        Some(line) => Some(command::script_of_line(line)),
        None => given.0.is_array().then(|| command::script(&given.words())),
    }
}
