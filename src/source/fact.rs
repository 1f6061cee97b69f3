//! What an agent meant, whichever agent and channel told it: the closed list that all channels speak, and all rules are of.
//!
//! An agent's files turn its own words into these and know nothing of events; `drafts` turns these into events and knows
//! nothing of agents.

use std::sync::Arc;

use serde_json::Value;

use crate::event::{Data, DataKey, Time};

use super::{
    coder::{Asker, CoderIdentity, Ids},
    diff::FileDiff,
};

/// A fact, with whose it is, when it was, and by what other reports of it are recognised.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub who: Arc<CoderIdentity>,
    /// The time of receipt where the channel does not say.
    pub at: Option<Time>,
    pub ids: Ids,
    pub only_if: OnlyIf,
    /// The fork in whose record a copy of the fact stands.
    pub copied_by: Option<String>,
    /// Where no other channel tells of the coder, it is a call that a session makes in passing.
    pub may_be_aside: bool,
    pub fact: Fact,
    /// What only some channels know beside it.
    pub data: Data,
}

/// What must be so for the fact to be one, judged on what was recorded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnlyIf {
    Always,
    /// The recorder has not heard of the coder: what it tells may lie before the recorder was set up.
    Unknown,
    /// An end without a beginning makes no coder.
    Known,
    /// A prompt that comes while the coder works makes it no more than it is.
    AtRest,
    /// What is waited for may be told twice, before and by the notification.
    NotWaiting,
    /// Its last turn is over.
    Over,
    /// Its last turn is not over: what failed does not succeed after all.
    AtWork,
    /// Nobody watched it live: what a record's end lets one guess, hooks know.
    Unwatched,
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// A session or a subagent begins.
    Begun {
        reason: Option<String>,
    },
    /// A session that was left is gone on with.
    TakenUp,
    /// Somebody asked something of the coder, at rest or at work.
    Asked {
        text: String,
        by: Asker,
    },
    /// A prompt began a turn.
    Prompted,
    /// What the agent calls the session.
    Titled(String),
    Waits(Waits),
    /// Somebody answered what was waited for: where it was a permission, whether it was given.
    Answered {
        granted: Option<bool>,
    },
    /// A tool is at work, so nobody is waited for, and no turn is over.
    Works,
    Tool(Tool),
    File(TouchedFile),
    /// The coder said something to the person.
    Said(String),
    /// What it thought before it said or did something, as far as it shows that.
    Thought(String),
    /// A command, or the agent itself, printed something.
    Printed {
        stream: &'static str,
        text: String,
    },
    Called(ModelUsage),
    /// What the coder and its subagents used in all, since then or from the beginning.
    Summed {
        usage: ModelUsage,
        since: Option<Time>,
    },
    /// The provider refused a call.
    Refused(RefusedCall),
    TurnEnded {
        reason: Option<String>,
    },
    TurnFailed {
        code: Option<String>,
        message: Option<String>,
    },
    /// A person broke the turn off.
    Interrupted,
    /// The process, or the subagent, ended.
    Ended {
        reason: Option<String>,
    },
    Deleted {
        reason: Option<String>,
    },
    Compacted {
        summary: Option<String>,
    },
    /// The context is full: what it held is being compacted.
    ContextFull,
    /// How much of its context is used, and how large it is where the channel says so.
    ContextUsed {
        tokens: u64,
        window: Option<u64>,
    },
    /// It goes on with another model, or in another mode.
    Switched {
        what: Switch,
        to: String,
    },
    /// A limit of the subscription is near.
    LimitNear,
    /// A list of steps: how many are done, and the one at work.
    Planned {
        done: usize,
        of: usize,
        current: Option<String>,
    },
    Reached {
        milestone: String,
    },
}

/// What a person sets of a session while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    Model,
    /// What it may do unasked.
    Mode,
}

/// What a coder waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Permission,
    Question,
    /// The next prompt.
    Prompt,
}

/// A tool's call, at the moment it came to its end, or began.
#[derive(Clone, Debug, Default)]
pub(super) struct Tool {
    pub name: String,
    pub id: Option<String>,
    /// What it was about: the command, the file, the pattern. `None` where the channel does not know what was asked.
    pub about: Option<About>,
    /// It has only begun.
    pub is_running: bool,
    pub failed: bool,
    pub error: Option<String>,
    /// What it answered, where nothing else tells it.
    pub output: Option<String>,
    pub exit_code: Option<i64>,
    pub duration_ms: Option<u64>,
    /// Share of the plan that is done, where the tool keeps one.
    pub progress: Option<f64>,
}

/// What was asked of a tool; some are asked nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// What tells a person which call it was: a command, a file, a pattern.
    pub subject: Option<String>,
    /// What a shell was given.
    pub command: Option<String>,
    /// What else it was given, as JSON.
    pub arguments: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct TouchedFile {
    /// `create`, `modify`, `delete`, else a change of the workspace.
    pub operation: &'static str,
    pub path: String,
    pub size: Option<u64>,
    pub diff: Option<FileDiff>,
}

/// A call to a model, in numbers that mean the same for every agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ModelUsage {
    pub provider: Option<String>,
    pub model: Option<String>,
    /// Tokens read, cached ones apart.
    pub input: Option<u64>,
    /// Tokens written, thoughts included.
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    pub cache_write: Option<u64>,
    /// In all, where the channel says so.
    pub total: Option<u64>,
    pub cost_usd: Option<f64>,
    pub duration_ns: Option<u64>,
}

/// A call that the provider refused.
#[derive(Clone, Debug, Default)]
pub(super) struct RefusedCall {
    pub provider: Option<String>,
    pub model: Option<String>,
    /// HTTP status, or the name that agent or provider have for it.
    pub code: Option<String>,
    pub message: Option<String>,
    /// The channel itself says that it is a limit, whatever its words.
    pub is_limit: bool,
    pub retry_after_ms: Option<u64>,
    pub duration_ns: Option<u64>,
}

impl CoderIdentity {
    /// A fact of this coder, of itself and whatever was recorded before.
    pub fn says(self: &Arc<Self>, at: Option<Time>, fact: Fact) -> Told {
        Told {
            who: Arc::clone(self),
            at,
            ids: Ids::OfItself,
            only_if: OnlyIf::Always,
            copied_by: None,
            may_be_aside: false,
            fact,
            data: Data::new(),
        }
    }
}

impl Told {
    pub fn known_by(self, ids: Ids) -> Told {
        Told { ids, ..self }
    }

    pub fn only_if(self, only_if: OnlyIf) -> Told {
        Told { only_if, ..self }
    }

    /// With a value that may not be there.
    pub fn with(mut self, key: DataKey, value: Option<impl Into<Value>>) -> Told {
        if let Some(value) = value {
            self.data.insert(key.name().to_owned(), value.into());
        }
        self
    }
}

impl Fact {
    pub fn begun(reason: Option<&str>) -> Fact {
        Fact::Begun { reason: reason.map(str::to_owned) }
    }

    pub fn asked(text: &str, by: Asker) -> Fact {
        Fact::Asked { text: text.to_owned(), by }
    }

    pub fn said(text: &str) -> Fact {
        Fact::Said(text.to_owned())
    }

    pub fn thought(text: &str) -> Fact {
        Fact::Thought(text.to_owned())
    }

    pub fn printed(stream: &'static str, text: &str) -> Fact {
        Fact::Printed { stream, text: text.to_owned() }
    }

    pub fn turn_ended(reason: Option<&str>) -> Fact {
        Fact::TurnEnded { reason: reason.map(str::to_owned) }
    }

    pub fn turn_failed(code: Option<&str>, message: Option<&str>) -> Fact {
        Fact::TurnFailed { code: code.map(str::to_owned), message: message.map(str::to_owned) }
    }

    pub fn ended(reason: Option<&str>) -> Fact {
        Fact::Ended { reason: reason.map(str::to_owned) }
    }

    pub fn compacted(summary: Option<&str>) -> Fact {
        Fact::Compacted { summary: summary.map(str::to_owned) }
    }

    pub fn reached(milestone: &str) -> Fact {
        Fact::Reached { milestone: milestone.to_owned() }
    }

    pub fn file(operation: &'static str, path: &str) -> Fact {
        Fact::File(TouchedFile { operation, path: path.to_owned(), size: None, diff: None })
    }
}

impl ModelUsage {
    /// Figures of a channel whose prompt includes what was read from and written to the provider's cache. A prompt that is
    /// smaller than its cached part was counted without it.
    pub fn of_prompt(prompt: Option<u64>, cache_read: Option<u64>, cache_write: Option<u64>, output: Option<u64>) -> ModelUsage {
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        let input = prompt.map(|prompt| prompt.checked_sub(cached).unwrap_or(prompt));
        let total = input.zip(output).map(|(input, output)| input.saturating_add(cached).saturating_add(output));
        ModelUsage { input, output, cache_read, cache_write, total, ..ModelUsage::default() }
    }

    /// What stands for the figures in a key.
    pub fn summed_up(&self) -> String {
        let figures = [self.input, self.output, self.cache_read, self.cache_write];
        figures.map(|figure| figure.unwrap_or(0).to_string()).join("-")
    }

    /// With the sum of figures that a channel tells apart, once it tells what was written.
    pub fn summed(self) -> ModelUsage {
        let figures = [self.input, self.output, self.cache_read, self.cache_write];
        let total = self.output.map(|_| figures.into_iter().flatten().fold(0, u64::saturating_add));
        ModelUsage { total, ..self }
    }
}

/// How long something took, in nanoseconds.
pub(super) fn nanos_between(start: Option<Time>, end: Option<Time>) -> Option<u64> {
    u64::try_from(end?.since(start?)).ok()?.checked_mul(1_000)
}

pub(super) fn nanos_of_millis(millis: Option<u64>) -> Option<u64> {
    millis?.checked_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cached_is_not_read_twice() {
        let check = |prompt, cache_read, cache_write, expected: (Option<u64>, Option<u64>)| {
            let usage = ModelUsage::of_prompt(prompt, cache_read, cache_write, Some(42));
            assert_eq!((usage.input, usage.total), expected, "{usage:?}");
        };
        check(Some(1500), Some(1000), None, (Some(500), Some(1542)));
        check(Some(1500), Some(1000), Some(200), (Some(300), Some(1542)));
        check(Some(1200), Some(5000), None, (Some(1200), Some(6242)));
        check(Some(7), None, None, (Some(7), Some(49)));
        check(None, Some(5), None, (None, None));
    }
}
