//! The lifecycle of a run's coder, as drafts.

use std::{ffi::OsString, io, path::Path};

use crate::{
    event::{Body, Condition, DataKey, Draft, EventType, Lifecycle, Time},
    process::Process,
    text,
};

use super::{coder::RunCoder, not_started::NotStarted, signals::signal_name, wake::CommandEnd};

/// Longer command lines are cut: they hold whole prompts.
const COMMAND_CHARS_MAX: usize = 4_000;
/// Makes the drafts of one run.
pub(super) struct Life {
    coder: RunCoder,
    command: String,
    folder: Option<String>,
}

impl Life {
    pub fn new(coder: RunCoder, command: &[OsString], folder: Option<&Path>) -> Life {
        let words: Vec<String> = command.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        let command = text::cut(&words.join(" "), COMMAND_CHARS_MAX).into_owned();
        Life { coder, command, folder: folder.map(|folder| folder.to_string_lossy().into_owned()) }
    }

    /// Only where the coder is new: a run may go on with one that is known.
    pub fn created(&self) -> Draft {
        let draft = self.step(EventType::Created, None, "created", None);
        Draft { only_if: Some(Condition::Unknown), ..self.about_command(draft) }
    }

    pub fn started(&self, pid: u32) -> Draft {
        self.started_as(pid, None)
    }

    /// In the wrapper's place, which somebody else sees the end of.
    pub fn unrecorded(&self, lack: &io::Error) -> Draft {
        self.started_as(std::process::id(), Some(format!("runs unrecorded, without room for a wrapper: {lack}")))
    }

    fn started_as(&self, pid: u32, reason: Option<String>) -> Draft {
        let started =
            self.about_command(self.step(EventType::Started, Some("created"), "running", reason)).with(DataKey::Pid, pid);
        // Where this wrapper is killed, others notice by it that the command is gone.
        match Process::of(pid).and_then(|process| serde_json::to_value(process).ok()) {
            Some(process) => started.with(DataKey::Process, process),
            None => started,
        }
    }

    pub fn paused(&self, signal: i32) -> Draft {
        self.step(EventType::Paused, Some("running"), "paused", Some(format!("stopped by {}", signal_name(signal))))
    }

    pub fn resumed(&self) -> Draft {
        self.step(EventType::Resumed, Some("paused"), "running", Some("continued".to_owned()))
    }

    pub fn not_started(&self, not_started: &NotStarted) -> Vec<Draft> {
        let message = not_started.to_string();
        let failed = self.failed(Some("created"), "not started".to_owned(), Some(message));
        let failed = self.about_command(failed).with(DataKey::ExitCode, not_started.exit_code());
        vec![failed, self.step(EventType::Stopped, Some("failed"), "stopped", None)]
    }

    /// `asked_for`: by a signal that was sent to the wrapper.
    pub fn ended(&self, end: CommandEnd, asked_for: bool, last_lines: &str, at: Time) -> Vec<Draft> {
        let error = (!last_lines.is_empty()).then(|| last_lines.to_owned());
        let ended = match end {
            CommandEnd::Code(0) => {
                vec![
                    self.step(EventType::Completed, Some("running"), "completed", None).with(DataKey::ExitCode, 0),
                    self.step(EventType::Stopped, Some("completed"), "stopped", Some("exited".to_owned())),
                ]
            }
            CommandEnd::Code(code) => {
                let reason = format!("exit code {code}");
                vec![
                    self.failed(Some("running"), reason.clone(), error).with(DataKey::ExitCode, code),
                    self.step(EventType::Stopped, Some("failed"), "stopped", Some(reason)),
                ]
            }
            CommandEnd::Signal(signal) => {
                let name = signal_name(signal);
                if asked_for {
                    vec![
                        self.step(EventType::Stopped, Some("running"), "stopped", Some(name.clone())).with(DataKey::Signal, name),
                    ]
                } else {
                    let reason = format!("killed by {name}");
                    vec![
                        self.failed(Some("running"), reason.clone(), error).with(DataKey::Signal, name),
                        self.step(EventType::Stopped, Some("failed"), "stopped", Some(reason)),
                    ]
                }
            }
        };
        ended.into_iter().map(|draft| Draft { timestamp: Some(at), ..draft }).collect()
    }

    fn failed(&self, previous: Option<&str>, reason: String, error_message: Option<String>) -> Draft {
        let mut draft = self.step(EventType::Failed, previous, "failed", Some(reason));
        if let Body::Lifecycle(fields) = &mut draft.body {
            fields.error_message = error_message;
        }
        draft
    }

    fn step(&self, kind: EventType, previous: Option<&str>, current: &str, reason: Option<String>) -> Draft {
        let body = Body::Lifecycle(Lifecycle {
            previous_status: previous.map(str::to_owned),
            current_status: Some(current.to_owned()),
            reason,
            error_message: None,
        });
        Draft { body, ..self.coder.draft(kind) }
    }

    fn about_command(&self, draft: Draft) -> Draft {
        draft.with(DataKey::Command, self.command.as_str()).with_some(DataKey::Cwd, self.folder.as_deref())
    }
}

/// As a shell would read it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_command_line_can_be_read_back() {
        let check = |words: &[&str], expected: &str| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let coder = RunCoder::new(&words[0], None, None, None);
            assert_eq!(Life::new(coder, &words, None).command, expected);
        };
        check(&["ls", "-l", "/tmp/a=b"], "ls -l /tmp/a=b");
        check(&["sh", "-c", "echo 'a b'; exit 3"], r"sh -c 'echo '\''a b'\''; exit 3'");
        check(&["x", ""], "x ''");
    }

    #[test]
    fn how_a_life_ends() {
        let life = Life::new(RunCoder::new(OsStr::new("x"), None, None, None), &["x".into()], None);
        let check = |end: CommandEnd, asked_for: bool, expected: &[(EventType, Option<&str>)]| {
            let drafts = life.ended(end, asked_for, "last words", Time::from_micros(5));
            assert!(drafts.iter().all(|draft| draft.timestamp == Some(Time::from_micros(5))));
            let said = |draft: &Draft| match &draft.body {
                Body::Lifecycle(fields) => (draft.kind, fields.error_message.clone()),
                other => panic!("{other:?}"),
            };
            let drafts: Vec<_> = drafts.iter().map(said).collect();
            let expected: Vec<_> = expected.iter().map(|(kind, error)| (*kind, error.map(str::to_owned))).collect();
            assert_eq!(drafts, expected, "{end:?}");
        };
        check(CommandEnd::Code(0), false, &[(EventType::Completed, None), (EventType::Stopped, None)]);
        check(CommandEnd::Code(3), false, &[(EventType::Failed, Some("last words")), (EventType::Stopped, None)]);
        check(CommandEnd::Signal(9), false, &[(EventType::Failed, Some("last words")), (EventType::Stopped, None)]);
        check(CommandEnd::Signal(15), true, &[(EventType::Stopped, None)]);
    }
}
