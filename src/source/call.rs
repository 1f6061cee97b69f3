//! A tool's call as a channel tells it: what it was, what came of it, which files it touched.
//!
//! Some channels know the call's id, others only what was asked for: the same call of the same tool within ten seconds is
//! one.

use serde_json::Value;

use crate::{
    event::{Body, Draft, EventType, Progress, Time},
    text,
};

use super::{
    json,
    session::{Session, bounded, fingerprint, with_text},
    shell,
};

/// A description is read in a list: it stays within a line or two.
const LINE_CHARS_MAX: usize = 200;
/// A command line that removes more files than this is a script's work, and the workspace is better looked at as a whole.
const REMOVED_MAX: usize = 50;
/// What tells a person which call it was; each tool has some of these.
const SUBJECTS: &[&str] =
    &["command", "file_path", "path", "absolute_path", "pattern", "query", "url", "dir_path", "prompt", "description"];

/// One call, at the moment it came to its end.
#[derive(Debug)]
pub(super) struct Call<'p> {
    pub session: &'p Session,
    pub tool: &'p str,
    pub id: Option<&'p str>,
    pub arguments: &'p Value,
    pub time: Option<Time>,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End<'p> {
    Done,
    Failed { error: Option<&'p str>, exit_code: Option<i64> },
}

impl Call<'_> {
    /// The step that the call was.
    pub fn progress(&self, end: End<'_>, duration_ms: Option<u64>) -> Draft {
        let mut draft = self.session.draft(EventType::Progress);
        draft.body = Body::Progress(Progress {
            stage: Some(bounded(self.tool)),
            description: Some(self.describe()),
            ..Progress::default()
        });
        if let Some(duration) = duration_ms {
            draft = draft.with("duration_ms", duration);
        }
        if let End::Failed { error, exit_code } = end {
            draft = with_text(draft.with("failed", true), "error", error);
            if let Some(code) = exit_code {
                draft = draft.with("exit_code", code);
            }
        }
        self.keyed(draft, "")
    }

    /// The `nth` file that the call touched.
    pub fn file(&self, nth: usize, operation: &str, path: &str) -> Draft {
        let draft = self.session.filled(Draft::workspace("", operation, &bounded(path)));
        match nth {
            0 => self.keyed(draft, "file"),
            _ => self.keyed(draft, &format!("file-{}", nth + 1)),
        }
    }

    /// The files that a shell command which succeeded surely removed; relative ones need to know the folder it ran in.
    pub fn removed_files(&self, folder: Option<&str>) -> Vec<Draft> {
        let Some(command) = json::text(self.arguments, "command") else { return Vec::new() };
        let removed = shell::removed_files(command, folder.unwrap_or_default()).into_iter();
        let certain = removed.filter(|path| path.starts_with('/')).take(REMOVED_MAX);
        certain.enumerate().map(|(nth, path)| self.file(nth, "delete", &path)).collect()
    }

    /// What the call printed.
    pub fn stdout(&self, printed: &str) -> Option<Draft> {
        let printed = printed.trim_end();
        if printed.is_empty() {
            return None;
        }
        Some(self.keyed(output(self.session, "stdout", printed), "stdout"))
    }

    /// The call in a short line: `write_file: hello.txt`.
    fn describe(&self) -> String {
        match json::first_text(self.arguments, SUBJECTS) {
            Some(subject) => text::excerpt(&format!("{}: {}", self.tool, text::excerpt(subject, LINE_CHARS_MAX)), LINE_CHARS_MAX),
            None => text::excerpt(self.tool, LINE_CHARS_MAX),
        }
    }

    fn keyed(&self, draft: Draft, part: &str) -> Draft {
        let draft = with_text(Draft { timestamp: self.time, ..draft }, "tool_name", Some(self.tool));
        let asked = fingerprint(self.arguments.to_string().as_bytes()).to_string();
        let said = ["tool", self.tool, &asked, part];
        let said = if part.is_empty() { &said[..3] } else { &said[..] };
        let Some(id) = self.id else { return self.session.repeated(draft, said) };
        let draft = with_text(draft, "tool_use_id", Some(id));
        let known = ["tool", id, part];
        self.session.keyed_or_repeated(draft, if part.is_empty() { &known[..2] } else { &known[..] }, said)
    }
}

/// Text that a coder or its command printed, without a key.
pub(super) fn output(session: &Session, stream: &str, printed: &str) -> Draft {
    let mut draft = session.draft(EventType::Output);
    draft.body =
        Body::Progress(Progress { stream: Some(stream.to_owned()), text: Some(bounded(printed)), ..Progress::default() });
    draft
}
