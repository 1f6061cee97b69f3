//! By what the facts of a Copilot CLI session are recognised, whichever channel tells them.
//!
//! Model calls are known by the provider's id in transcript and spans, tool calls by the model's; hooks know neither, but
//! what was asked for. A turn is known by its trace: hooks carry it, spans are of it, and the transcript repeats the hooks.

use std::sync::Arc;

use crate::{
    event::Time,
    source::{
        coder::CoderIdentity,
        diff::FileDiff,
        fact::{Fact, RefusedCall, Told, TouchedFile},
        moment::CoderMoment,
    },
};

const SHELL: &str = "bash";

pub(super) fn taken_up(session: &CoderMoment) -> Told {
    session.says(Fact::TakenUp).known_by(session.who.repeat(&["resumed"]))
}

/// The end of the turn of this trace.
pub(super) fn turn_over(session: &CoderMoment, trace: Option<&str>, reason: Option<&str>) -> Told {
    session.known(Fact::turn_ended(reason), trace.map(|trace| ["turn", trace]), &["turn"])
}

/// The trace of a W3C `traceparent`.
pub(super) fn trace_of(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1).filter(|trace| trace.len() == 32)
}

/// A subagent is a coder of its own, known by its name: hooks have no other id of it.
pub(super) fn subagent_begun(subagent: &Arc<CoderIdentity>, at: Option<Time>) -> Told {
    subagent.says(at, Fact::begun(None)).known_by(subagent.repeat(&["started"]))
}

/// With its work it is over.
pub(super) fn subagent_over(subagent: &Arc<CoderIdentity>, error: Option<&str>, at: Option<Time>) -> [Told; 2] {
    let end = if error.is_some() { Fact::turn_failed(None, error) } else { Fact::turn_ended(None) };
    let over = subagent.says(at, end).known_by(subagent.repeat(&["ended"]));
    [over, subagent.says(at, Fact::ended(None)).known_by(subagent.repeat(&["stopped"]))]
}

/// Whether the tool runs commands.
pub(super) fn is_shell(tool: &str) -> bool {
    tool == SHELL
}

/// A change of a file, with what changed in it.
pub(super) fn with_diff(told: Told, diff: Option<FileDiff>) -> Told {
    match told.fact {
        Fact::File(file) => Told { fact: Fact::File(TouchedFile { diff, ..file }), ..told },
        _ => told,
    }
}

/// What went wrong between the agent and its provider; `id` is the transcript's.
#[derive(Default)]
pub(super) struct Trouble<'p> {
    pub id: Option<&'p str>,
    pub provider: Option<&'p str>,
    pub model: Option<&'p str>,
    pub code: Option<&'p str>,
    pub message: Option<&'p str>,
}

impl Trouble<'_> {
    pub fn refused(&self, session: &CoderMoment) -> Told {
        let refused = RefusedCall {
            provider: self.provider.map(str::to_owned),
            model: self.model.map(str::to_owned),
            code: self.code.map(str::to_owned),
            message: self.message.map(str::to_owned),
            ..RefusedCall::default()
        };
        // Each channel has its own words for what the provider answered.
        let ids = session.who.either(self.id.map(|id| ["api_error", id]), &["api_error"]);
        session.says(Fact::Refused(refused)).known_by(ids)
    }

    /// The same where it ended the turn.
    pub fn failed(&self, session: &CoderMoment) -> Told {
        let failed = session.says(Fact::turn_failed(self.code, self.message));
        failed.known_by(session.who.repeat(&["failed"]))
    }
}

/// What a command printed, without the line that the shell tool adds, and that line's exit code.
pub(super) fn printed(tool: &str, result: &str) -> Option<(String, Option<i64>)> {
    if tool != SHELL {
        return None;
    }
    let (text, last) = result.trim_end().rsplit_once('\n').unwrap_or(("", result.trim_end()));
    let code = |line: &str| line.strip_suffix('>')?.rsplit_once("exit code ")?.1.parse().ok();
    match code(last).filter(|_| last.starts_with('<')) {
        Some(code) => Some((text.to_owned(), Some(code))),
        None => Some((result.to_owned(), None)),
    }
}
