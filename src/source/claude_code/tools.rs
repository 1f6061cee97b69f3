//! A tool's call: what it was, what came of it, which files it touched.

use crate::{
    event::DataKey,
    source::{
        asked::{answered, arguments, plan},
        coder::Ids,
        diff::FileDiff,
        fact::{About, Fact, Told, Tool, TouchedFile, Waits},
        json::Wire,
        shell,
    },
};

use super::session::Speaker;

/// The tool that asks the person; while it runs, the coder waits.
pub(super) const ASK_USER: &str = "AskUserQuestion";
pub(super) const BASH: &str = "Bash";
pub(super) const NAMELESS: &str = "tool";

/// What tells a person which call it was; each tool has some of these.
const SUBJECTS: &[&str] =
    &["command", "file_path", "notebook_path", "pattern", "query", "url", "subject", "description", "skill"];

/// A call as each channel tells it. The facts of one call are the same whichever channel tells them, so that the later report
/// adds nothing.
pub(super) struct ClaudeCall<'p> {
    pub tool: &'p str,
    pub id: Option<&'p str>,
    /// What it was asked to do, where the channel knows.
    pub input: Option<&'p ToolInput>,
}

/// What a call was asked to do, as far as anything is told of it.
#[derive(Debug, Default)]
pub(super) struct ToolInput {
    pub subject: Option<String>,
    command: Option<String>,
    /// Beside the command and what files hold, as JSON.
    arguments: Option<String>,
    plan: Option<Fact>,
    /// Of a passage, or of a file that is written whole: calls are held until they end, whole contents are not.
    diff: Option<FileDiff>,
    is_whole: bool,
    path: Option<String>,
    /// Of the file's whole content, in bytes.
    size: Option<u64>,
    in_background: bool,
}

impl ToolInput {
    pub fn read(input: Wire<'_>) -> ToolInput {
        let text = |names: &[&str]| input.first_text(names).map(str::to_owned);
        ToolInput {
            subject: text(SUBJECTS).or_else(|| question(input).map(str::to_owned)),
            command: text(&["command"]),
            arguments: arguments(input, input.first_text(SUBJECTS)),
            plan: plan(input),
            diff: asked_change(input),
            is_whole: input.text("content").is_some(),
            path: text(&["file_path", "notebook_path"]),
            size: input.length("content"),
            in_background: input.truth("run_in_background") == Some(true),
        }
    }
}

/// What a call answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Response<'p> {
    pub created: bool,
    pub stdout: Option<&'p str>,
    pub path: Option<&'p str>,
    pub interrupted: bool,
    pub diff: Option<FileDiff>,
}

impl<'p> Response<'p> {
    pub fn read(response: Wire<'p>) -> Response<'p> {
        let is_image = response.truth("isImage") == Some(true);
        Response {
            created: response.is("type", "create"),
            // An image is printed as base64, which tells nobody anything.
            stdout: response.text("stdout").filter(|_| !is_image),
            path: response.text("filePath"),
            interrupted: response.truth("interrupted") == Some(true),
            diff: FileDiff::of_hunks(response.list("structuredPatch")),
        }
    }
}

pub(super) fn before(speaker: &Speaker<'_>, wire: Wire<'_>) -> Vec<Told> {
    let (tool, id, input) = (tool_of(wire), wire.text("tool_use_id"), ToolInput::read(wire.at("tool_input")));
    begun(speaker, &ClaudeCall { tool, id, input: Some(&input) }, question(wire.at("tool_input")))
}

/// That a call is at work; of one that asks the person, that it waits.
pub(super) fn begun(speaker: &Speaker<'_>, call: &ClaudeCall<'_>, question: Option<&str>) -> Vec<Told> {
    if call.tool != ASK_USER {
        let begun = call.step(speaker, Tool { is_running: true, ..Tool::default() });
        return vec![works(speaker, call, "before"), begun];
    }
    let waits = speaker.says(Fact::Waits(Waits::Question)).known_by(call.ids(speaker, "question"));
    vec![waits.with(DataKey::ToolName, Some(call.tool)).with(DataKey::Question, question)]
}

pub(super) fn after(speaker: &Speaker<'_>, wire: Wire<'_>) -> Vec<Told> {
    let input = ToolInput::read(wire.at("tool_input"));
    let call = ClaudeCall { tool: tool_of(wire), id: wire.text("tool_use_id"), input: Some(&input) };
    let output = answered(call.tool, wire.at("tool_response")).filter(|_| call.tool != BASH);
    let ended = call.step(speaker, Tool { output, duration_ms: wire.whole("duration_ms"), ..Tool::default() });
    let mut told = vec![goes_on(speaker, &call), ended];
    let folder = wire.text("cwd").unwrap_or_default();
    told.extend(effects(speaker, &call, Response::read(wire.at("tool_response")), folder));
    told
}

pub(super) fn failed(speaker: &Speaker<'_>, wire: Wire<'_>, error: Option<&str>) -> Vec<Told> {
    let input = ToolInput::read(wire.at("tool_input"));
    let call = ClaudeCall { tool: tool_of(wire), id: wire.text("tool_use_id"), input: Some(&input) };
    let failure = Tool { duration_ms: wire.whole("duration_ms"), ..failure(error) };
    vec![goes_on(speaker, &call), call.step(speaker, failure)]
}

/// The only report of a call that was denied, or whose tool is not available.
pub(super) fn batch(speaker: &Speaker<'_>, wire: Wire<'_>) -> Vec<Told> {
    let mut told = Vec::new();
    for made in wire.list("tool_calls") {
        let input = ToolInput::read(made.at("tool_input"));
        let call = ClaudeCall { tool: tool_of(made), id: made.text("tool_use_id"), input: Some(&input) };
        if told.is_empty() {
            told.push(works(speaker, &call, "batch"));
        }
        let error = made.text("tool_response").and_then(refusal);
        told.push(call.step(speaker, if error.is_some() { failure(error) } else { Tool::default() }));
    }
    told
}

fn tool_of(made: Wire<'_>) -> &str {
    made.text("tool_name").unwrap_or(NAMELESS)
}

pub(super) fn question(input: Wire<'_>) -> Option<&str> {
    input.list("questions").find_map(|question| question.text("question"))
}

/// What the model reads of a call that was not made.
pub(super) fn refusal(text: &str) -> Option<&str> {
    text.strip_prefix("<tool_use_error>")?.strip_suffix("</tool_use_error>")
}

pub(super) fn failure(error: Option<&str>) -> Tool {
    let exit_code = error.and_then(|error| error.strip_prefix("Exit code ")?.lines().next()?.trim().parse().ok());
    Tool { failed: true, error: error.map(str::to_owned), exit_code, ..Tool::default() }
}

/// Whatever it waited for before the call came to its end.
pub(super) fn goes_on(speaker: &Speaker<'_>, call: &ClaudeCall<'_>) -> Told {
    works(speaker, call, "after")
}

fn works(speaker: &Speaker<'_>, call: &ClaudeCall<'_>, when: &str) -> Told {
    speaker.says(Fact::Works).known_by(call.ids(speaker, &format!("resumed-{when}")))
}

impl ClaudeCall<'_> {
    /// The step that the call is; `came_of_it` says how it ended, or that it has not.
    pub fn step(&self, speaker: &Speaker<'_>, came_of_it: Tool) -> Told {
        let about = self.input.map(|input| About {
            subject: input.subject.clone(),
            command: input.command.clone(),
            arguments: input.arguments.clone().filter(|_| input.command.is_none()),
        });
        let tool = Tool { name: self.tool.to_owned(), id: self.id.map(str::to_owned), about, ..came_of_it };
        speaker.says(Fact::Tool(tool)).known_by(self.ids(speaker, ""))
    }

    /// By the call's id and `part`; the payload itself stands in for an id that is missing.
    fn ids(&self, speaker: &Speaker<'_>, part: &str) -> Ids {
        match self.id {
            None => speaker.itself(),
            Some(id) if part.is_empty() => speaker.who.provided(id, &["tool", id]).or_line(&speaker.who, speaker.line, &[id]),
            Some(id) => speaker.who.provided(id, &["tool", id, part]).or_line(&speaker.who, speaker.line, &[id, part]),
        }
    }

    fn file(&self, speaker: &Speaker<'_>, part: &str, file: TouchedFile) -> Told {
        let told = speaker.says(Fact::File(file)).known_by(self.ids(speaker, part));
        told.with(DataKey::ToolName, Some(self.tool)).with(DataKey::ToolUseId, self.id)
    }
}

/// What came of a call that succeeded: its files and what it printed. Relative paths start from `folder`.
pub(super) fn effects(speaker: &Speaker<'_>, call: &ClaudeCall<'_>, response: Response<'_>, folder: &str) -> Vec<Told> {
    let (stdout, interrupted) = (response.stdout, response.interrupted);
    let mut told: Vec<Told> = written_file(speaker, call, response).into_iter().collect();
    let plan = call.input.and_then(|input| input.plan.clone());
    told.extend(plan.map(|plan| speaker.says(plan).known_by(call.ids(speaker, "plan"))));
    told.extend(removed_files(speaker, call, interrupted, folder));
    told.extend(stdout.map(|printed| {
        let printed = speaker.says(Fact::printed("stdout", printed)).known_by(call.ids(speaker, "stdout"));
        printed.with(DataKey::ToolUseId, call.id)
    }));
    told
}

fn written_file(speaker: &Speaker<'_>, call: &ClaudeCall<'_>, response: Response<'_>) -> Option<Told> {
    if !matches!(call.tool, "Write" | "Edit" | "MultiEdit" | "NotebookEdit") {
        return None;
    }
    let input = call.input?;
    let path = response.path.or(input.path.as_deref())?.to_owned();
    let operation = if response.created { "create" } else { "modify" };
    // What stood there before a file was written whole is not known, but for one that was not there.
    let of_input = || input.diff.clone().filter(|_| !input.is_whole || response.created);
    let diff = response.diff.or_else(of_input);
    Some(call.file(speaker, "file", TouchedFile { operation, path, size: input.size, diff }))
}

/// What a call is asked to change in a file.
fn asked_change(input: Wire<'_>) -> Option<FileDiff> {
    match (input.text("new_string"), input.text("content")) {
        (Some(new), _) => Some(FileDiff::of_edit(input.text("old_string").unwrap_or_default(), new)),
        (None, content) => content.map(FileDiff::of_new),
    }
}

/// Nobody says which files a shell removes; the command does, where it is plain enough.
fn removed_files(speaker: &Speaker<'_>, call: &ClaudeCall<'_>, interrupted: bool, folder: &str) -> Vec<Told> {
    let input = call.input.filter(|input| call.tool == BASH && !interrupted && !input.in_background);
    let Some(command) = input.and_then(|input| input.command.as_deref()) else { return Vec::new() };
    let removed = shell::removed_files(command, folder).into_iter().enumerate();
    let file = |path| TouchedFile { operation: "delete", path, size: None, diff: None };
    removed.map(|(nth, path)| call.file(speaker, &format!("removed-{nth}"), file(path))).collect()
}
