//! By what the facts of a Gemini CLI session are recognised, whichever channel tells them.
//!
//! No id goes through all channels. A call to the model is known by its counts and its text where a channel has the whole of
//! it, and by its counts and the time where it has not; a turn by its prompt and the time.

use crate::source::{
    Agent, Refusal,
    coder::{fingerprint, print},
    diff::FileDiff,
    fact::{Fact, ModelUsage, Told, TouchedFile, nanos_of_millis},
    json::Wire,
    moment::CoderMoment,
    tool_call::{CallEnd, ToolCall},
};

pub(super) const PROVIDER: &str = "google";
/// The tool that runs commands; what it shows is what the command printed.
const SHELL: &str = "run_shell_command";

/// What was asked, without what hooks told the agent beside it.
pub(super) fn without_hook_context(text: &str) -> &str {
    let asked = text.trim_start().strip_prefix(CONTEXT.0).and_then(|rest| rest.split_once(CONTEXT.1));
    let text = asked.map_or(text, |(_, asked)| asked.trim_start());
    let behind = text.trim_end().strip_suffix(CONTEXT.1).and_then(|rest| rest.rsplit_once(CONTEXT.0));
    behind.map_or(text, |(asked, _)| asked.trim_end())
}

/// Around it; what stands inside has none of these, for Gemini escapes it.
const CONTEXT: (&str, &str) = ("<hook_context>", "</hook_context>");

/// The end of the turn that `prompt` began; `last` is the transcript's id of its last message.
pub(super) fn turn_over(session: &CoderMoment, end: Fact, prompt: &str, last: Option<&str>) -> Told {
    session.known(end, last.map(|last| ["turn", last]), &["turn", &print(prompt)])
}

/// A text of the model; `id` is the transcript's.
pub(super) fn said(session: &CoderMoment, id: Option<&str>, message: &str) -> Option<Told> {
    let message = message.trim();
    let said = || session.known(Fact::said(message), id.map(|id| ["message", id]), &["message", &print(message)]);
    (!message.is_empty()).then(said)
}

/// What the model thought before it said the message with this id, one after the other.
pub(super) fn thoughts(session: &CoderMoment, id: &str, message: Wire<'_>) -> Vec<Told> {
    let thought = |(nth, thought): (usize, Wire<'_>)| {
        let parts = [thought.text("subject"), thought.text("description")];
        let text = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(": ");
        let ids = session.who.own(&["thought", id, &nth.to_string()]);
        (!text.is_empty()).then(|| session.says(Fact::thought(&text)).known_by(ids))
    };
    message.list("thoughts").enumerate().filter_map(thought).collect()
}

/// A message that the agent shows as an error.
pub(super) fn error_shown(session: &CoderMoment, message: &str) -> Told {
    session.says(Fact::printed("error", message.trim())).known_by(session.who.repeat(&["error", &print(message)]))
}

/// A subagent of `session`'s; hooks and telemetry tell what it does as its session's, or with its id. All channels that tell of it
/// know that.
///
/// # Errors
/// [`Refusal`] where `id` cannot be part of a coder's id.
pub(super) fn subagent(session: &CoderMoment, id: &str, name: Option<&str>) -> Result<CoderMoment, Refusal> {
    let parent = session.who.id.strip_prefix("gemini:").unwrap_or(&session.who.id).to_owned();
    Ok(CoderMoment { who: session.who.subagent(id, name)?.also_known_as(Agent::Gemini, &parent), at: session.at })
}

/// How a subagent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SubagentEnd<'p> {
    Done,
    Failed(&'p str),
    /// It was broken off.
    Aborted,
}

impl<'p> SubagentEnd<'p> {
    /// As the agent names it.
    pub fn of(reason: &'p str) -> SubagentEnd<'p> {
        match reason {
            "GOAL" => SubagentEnd::Done,
            "ABORTED" => SubagentEnd::Aborted,
            reason => SubagentEnd::Failed(reason),
        }
    }

    /// That it is over, known by its own id.
    pub fn told(self, subagent: &CoderMoment) -> Vec<Told> {
        let turn = match self {
            SubagentEnd::Done => Some(Fact::turn_ended(None)),
            SubagentEnd::Failed(reason) => Some(Fact::turn_failed(Some(reason), None)),
            SubagentEnd::Aborted => None,
        };
        let turn = turn.map(|turn| subagent.says(turn).known_by(subagent.who.own(&["over"])));
        let ended = subagent.says(Fact::ended(None)).known_by(subagent.who.own_repeat(&["stopped"]));
        turn.into_iter().chain([ended]).collect()
    }
}

/// What was summed up for the model, since the whole had no room.
pub(super) fn compacted(session: &CoderMoment, summary: Option<&str>) -> Told {
    session.says(Fact::compacted(summary)).known_by(session.who.repeat(COMPACTED))
}

pub(super) const COMPACTED: &[&str] = &["compacted"];

/// One answer of the model, as far as a channel counts it.
#[derive(Debug, Default)]
pub(super) struct ModelAnswer<'p> {
    pub model: Option<&'p str>,
    pub prompt: Option<u64>,
    /// What the model wrote, its thoughts apart.
    pub written: Option<u64>,
    pub thoughts: Option<u64>,
    pub cached: Option<u64>,
    /// What tools put into the prompt.
    pub tools: Option<u64>,
    pub total: Option<u64>,
    pub duration_ms: Option<u64>,
    /// The whole of it; hooks see only a part.
    pub text: Option<String>,
}

impl ModelAnswer<'_> {
    pub fn told(&self, session: &CoderMoment) -> Told {
        // Without knowing what was cached, it is not known what was read.
        let prompt = self.cached.and(self.prompt).map(|prompt| prompt.saturating_add(self.tools.unwrap_or(0)));
        let usage = ModelUsage::of_prompt(prompt, self.cached, None, self.output());
        let told = session.says(Fact::Called(ModelUsage {
            provider: Some(PROVIDER.to_owned()),
            model: self.model.map(str::to_owned),
            total: self.total.or(usage.total),
            duration_ns: nanos_of_millis(self.duration_ms),
            ..usage
        }));
        let count = |count: Option<u64>| count.unwrap_or(0).to_string();
        let (prompt, written) = (count(self.prompt), count(self.written));
        let counted = ["api", prompt.as_str(), written.as_str()];
        let Some(text) = &self.text else { return told.known_by(session.who.repeat(&counted)) };
        let whole = format!("{prompt} {written} {} {} {}", count(self.cached), count(self.thoughts), text.trim());
        told.known_by(session.who.both(&["api", &fingerprint(whole.as_bytes()).to_string()], &counted))
    }

    /// The total says it in every channel, thoughts included; some channels do not tell thoughts apart.
    fn output(&self) -> Option<u64> {
        let read = self.prompt?.saturating_add(self.tools.unwrap_or(0));
        let parts = || Some(self.written?.saturating_add(self.thoughts.unwrap_or(0)));
        self.total.and_then(|total| total.checked_sub(read)).or_else(parts)
    }
}

/// What a tool showed: text, or the change of a file.
pub(super) fn shown(call: &ToolCall<'_>, display: Wire<'_>, outcome: CallEnd<'_>, folder: Option<&str>) -> Vec<Told> {
    if let Some(path) = display.text("filePath").filter(|_| !outcome.failed) {
        let operation = if display.truth("isNewFile") == Some(true) { "create" } else { "modify" };
        let diff = display.text("fileDiff").and_then(FileDiff::of_text);
        let told = call.file(0, operation, path);
        let fact = Fact::File(TouchedFile { operation, path: path.to_owned(), size: None, diff });
        return vec![Told { fact, ..told }];
    }
    if call.name != SHELL || !display.is_there() {
        return Vec::new();
    }
    // Where nothing was printed, how it ended stands there.
    let printed = display.as_text().filter(|shown| !(outcome.failed && shown.starts_with("Command exited with code: ")));
    call.command(outcome, printed, folder)
}

/// What a tool answered; of the shell tool what the command printed, without what stands around it for the model.
pub(super) fn answer<'t>(tool: &str, told: &'t str) -> Option<&'t str> {
    if tool != SHELL {
        return Some(told);
    }
    let Some((_, printed)) = told.split_once("Output: ") else { return Some(told) };
    // From its end: a command may print such words too.
    let mut printed = printed.trim_end();
    while let Some((before, line)) = printed.rsplit_once('\n')
        && BEHIND_OUTPUT.iter().any(|label| line.starts_with(label))
    {
        printed = before.trim_end();
    }
    Some(printed).filter(|printed| !matches!(*printed, "" | "(empty)"))
}

const BEHIND_OUTPUT: &[&str] =
    &["Error: (none)", "Exit Code: ", "Signal: ", "Background PIDs: ", "Process Group PGID: ", "</untrusted_context>"];

/// Whether the tool runs commands.
pub(super) fn is_shell(tool: &str) -> bool {
    tool == SHELL
}

/// The exit code that the shell tool tells the model, where it is not zero.
pub(super) fn exit_code(tool: &str, told: &str) -> Option<i64> {
    let line = told.lines().filter(|_| tool == SHELL).find_map(|line| line.strip_prefix("Exit Code: "))?;
    line.trim().parse().ok().filter(|code| *code != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_printed_stands_without_what_the_model_is_told_around_it() {
        let check = |told: &str, expected: Option<&str>| assert_eq!(answer(SHELL, told), expected, "{told}");
        // As 0.61 says it.
        check("<untrusted_context>\nOutput: (empty)\nExit Code: 3\nProcess Group PGID: 26064\n</untrusted_context>", None);
        check("<untrusted_context>\nOutput: a.txt\nb.txt\nProcess Group PGID: 7\n</untrusted_context>", Some("a.txt\nb.txt"));
        check("Output: ok", Some("ok"));
        check(
            "Output: a\n\nError: no module 'y'\nExit Code: 7 is odd\n    at x.js:1\nExit Code: 1\nSignal: 9",
            Some("a\n\nError: no module 'y'\nExit Code: 7 is odd\n    at x.js:1"),
        );
        check("Command was not allowed", Some("Command was not allowed"));
        assert_eq!(answer("read_file", "Output: x"), Some("Output: x"));
    }
}
