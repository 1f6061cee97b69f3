//! A tool's call as channels tell it that may not know its id: what was asked of which tool, what came of it, which files it
//! touched.
//!
//! Some channels know the call's id, others only what was asked for: the same call of the same tool within ten seconds is
//! one.

use serde_json::Value;

use crate::event::DataKey;

use super::{
    asked::{answered, plan},
    coder::{Ids, fingerprint, nth_part},
    fact::{About, Fact, Told, Tool},
    json::Wire,
    moment::CoderMoment,
    shell,
};

/// What tells a person which call it was; each tool has some of these.
const SUBJECTS: &[&str] =
    &["command", "file_path", "path", "absolute_path", "pattern", "query", "url", "dir_path", "prompt", "description"];

/// One call, at the moment it came to its end.
#[derive(Debug)]
pub(super) struct ToolCall<'p> {
    pub by: &'p CoderMoment,
    pub name: &'p str,
    pub id: Option<&'p str>,
    pub asked: Wire<'p>,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallEnd<'p> {
    pub failed: bool,
    pub error: Option<&'p str>,
    /// What the tool answered.
    pub output: Option<&'p str>,
    pub exit_code: Option<i64>,
}

impl<'p> CallEnd<'p> {
    pub const DONE: CallEnd<'static> = CallEnd { failed: false, error: None, output: None, exit_code: None };

    pub fn failed(error: Option<&'p str>, exit_code: Option<i64>) -> CallEnd<'p> {
        CallEnd { failed: true, error, output: None, exit_code }
    }

    /// With what the tool answered; a command's is told by what it printed, unless it failed.
    pub fn answering(self, output: Option<&'p str>, is_command: bool) -> CallEnd<'p> {
        CallEnd { output: output.filter(|_| self.failed || !is_command), ..self }
    }
}

impl ToolCall<'_> {
    /// That it is at work.
    pub fn begun(&self) -> Told {
        self.step(Tool { is_running: true, ..Tool::default() })
    }

    /// The step that the call was.
    pub fn ended(&self, outcome: CallEnd<'_>, duration_ms: Option<u64>) -> Told {
        let error = outcome.error.map(str::to_owned);
        let output = outcome.output.and_then(|output| answered(self.name, Wire(&Value::from(output))));
        let CallEnd { failed, exit_code, .. } = outcome;
        self.step(Tool { failed, error, output, exit_code, duration_ms, ..Tool::default() })
    }

    fn step(&self, came_of_it: Tool) -> Told {
        let about = Some(About::asked(self.asked, self.asked.first_text(SUBJECTS)));
        let tool = Tool { name: self.name.to_owned(), id: self.id.map(str::to_owned), about, ..came_of_it };
        self.by.says(Fact::Tool(tool)).known_by(self.ids(None))
    }

    /// The steps that it planned, where it did not fail.
    pub fn planned(&self, outcome: CallEnd<'_>) -> Option<Told> {
        plan(self.asked).filter(|_| !outcome.failed).map(|plan| self.says(plan, "plan"))
    }

    /// The `nth` file that the call touched.
    pub fn file(&self, nth: usize, operation: &'static str, path: &str) -> Told {
        self.says(Fact::file(operation, path), &nth_part("file", nth))
    }

    /// What a command left behind: the files that it surely removed where it succeeded, and what it printed. Relative paths
    /// need to know the folder it ran in.
    pub fn command(&self, outcome: CallEnd<'_>, printed: Option<&str>, folder: Option<&str>) -> Vec<Told> {
        let command = self.asked.text("command").filter(|_| !outcome.failed).unwrap_or_default();
        let removed = shell::removed_files(command, folder.unwrap_or_default()).into_iter().filter(|path| path.starts_with('/'));
        let removed = removed.enumerate().map(|(nth, path)| self.file(nth, "delete", &path));
        let printed = printed.map(str::trim_end).filter(|printed| !printed.is_empty());
        removed.chain(printed.map(|printed| self.says(Fact::printed("stdout", printed), "stdout"))).collect()
    }

    fn says(&self, fact: Fact, part: &str) -> Told {
        let told = self.by.says(fact).known_by(self.ids(Some(part)));
        told.with(DataKey::ToolName, Some(self.name)).with(DataKey::ToolUseId, self.id)
    }

    fn ids(&self, part: Option<&str>) -> Ids {
        let asked = fingerprint(self.asked.0.to_string().as_bytes()).to_string();
        let said: Vec<&str> = ["tool", self.name, &asked].into_iter().chain(part).collect();
        match self.id {
            Some(id) => {
                let parts: Vec<&str> = ["tool", id].into_iter().chain(part).collect();
                self.by.who.provided(id, &parts).or_said(&self.by.who, &said)
            }
            None => self.by.who.repeat(&said),
        }
    }
}
