//! By what the facts of a Claude Code session are recognised, whichever channel tells them: the one place.
//!
//! | fact | known by its ids | else by what it says, within ten seconds |
//! |---|---|---|
//! | begun | the session, the subagent: each begins once | |
//! | asked | the prompt and its text | the text |
//! | prompted | the prompt | that a prompt came |
//! | the turn ended, failed | the prompt and the last message | the last message; a subagent's end by itself |
//! | ended | | that it ended |
//! | said, thought | the line's uuid: stream, transcript | the text |
//! | a refused request that is tried again | the line's uuid: transcript | the number of the attempt and the delay to the next |
//! | the refused request that ends a turn | the prompt | that it happened, rate limit or other |
//! | compacted | the line's uuid: transcript | that it happened |
//!
//! So each response 429 is one rate limit: hooks and telemetry see only the one that ends a turn, the stream and the
//! transcript also those that were followed by another attempt. Tools' facts are in `tools`, calls of the model in `calls`.

use std::sync::Arc;

use crate::{
    event::{DataKey, Time},
    source::{
        channel::HookPayload,
        coder::{CoderIdentity, Ids, print},
        fact::{Fact, RefusedCall, Told},
    },
};

pub(super) const PROVIDER: &str = "anthropic";
pub(super) const RATE_LIMIT: &str = "rate_limit";

/// A session or one of its subagents, at a moment of it.
pub(super) struct Speaker<'p> {
    pub who: Arc<CoderIdentity>,
    pub at: Option<Time>,
    /// The payload that tells, where a hook does.
    pub hook: Option<&'p HookPayload<'p>>,
    /// The line of the agent's own record that tells: copies of the record repeat it.
    pub line: Option<&'p str>,
}

impl Speaker<'_> {
    pub fn new(who: &Arc<CoderIdentity>, at: Option<Time>) -> Speaker<'static> {
        Speaker { who: Arc::clone(who), at, hook: None, line: None }
    }

    pub fn says(&self, fact: Fact) -> Told {
        self.who.says(self.at, fact)
    }

    /// Only hooks tell facts that nothing but the payload tells apart.
    pub fn itself(&self) -> Ids {
        self.hook.map_or(Ids::OfItself, HookPayload::itself)
    }

    /// Known by `parts`, the second of which is an id of the agent's world, where the channel has it, else by what it says.
    fn known<const N: usize>(&self, fact: Fact, parts: Option<[&str; N]>, repeat: &[&str]) -> Told {
        let ids = match parts {
            Some(parts) => self.who.own_provided(parts[1], &parts).or_said(&self.who, repeat),
            None => self.who.repeat(repeat),
        };
        self.says(fact).known_by(ids.or_line(&self.who, self.line, &repeat[..1]))
    }

    /// What was asked of it. Several prompts that wait for each other may share an id.
    pub fn asked(&self, prompt_id: Option<&str>, text: &str) -> Told {
        let said = print(text);
        let asked = Fact::asked(text, self.who.asker());
        self.known(asked, prompt_id.map(|prompt_id| ["asked", prompt_id, &said]), &["asked", &said])
    }

    pub fn prompted(&self, prompt_id: Option<&str>) -> Told {
        self.known(Fact::Prompted, prompt_id.map(|prompt_id| ["prompt", prompt_id]), PROMPTED)
    }

    /// A session that is resumed is about to be prompted, and then it is the same resumption.
    pub fn taken_up(&self) -> Told {
        self.says(Fact::TakenUp).known_by(self.who.repeat(PROMPTED))
    }

    /// The end of a turn, and of a subagent.
    pub fn turn_ended(&self, prompt_id: Option<&str>, message: Option<&str>) -> Told {
        let ended = self.turn_over(Fact::turn_ended(None), "completed", prompt_id, message);
        ended.with(DataKey::LastAssistantMessage, message)
    }

    pub fn turn_failed(&self, prompt_id: Option<&str>, code: Option<&str>, message: Option<&str>) -> Told {
        self.turn_over(Fact::turn_failed(code, message), "failed", prompt_id, message)
    }

    /// A person broke the turn off.
    pub fn interrupted(&self, prompt_id: Option<&str>) -> Told {
        self.known(Fact::Interrupted, prompt_id.map(|prompt_id| ["interrupted", prompt_id]), &["interrupted"])
    }

    fn turn_over(&self, end: Fact, how: &str, prompt_id: Option<&str>, message: Option<&str>) -> Told {
        let message = print(message.unwrap_or_default());
        // The stream has only a summary of what a subagent said last.
        let repeat = if self.who.is_subagent() { &[how][..] } else { &[how, &message] };
        self.known(end, prompt_id.map(|prompt_id| ["turn", prompt_id, how, &message]), repeat)
    }

    /// The end of a session's process; `moment` is what the transcript tells its ends apart by.
    pub fn ended(&self, moment: Option<&str>, reason: Option<&str>) -> Told {
        self.known(Fact::ended(reason), moment.map(|moment| ["stopped", moment]), STOPPED)
    }

    /// A subagent is over when its turn is.
    pub fn subagent_ended(&self, prompt_id: Option<&str>, message: Option<&str>) -> Told {
        let message = print(message.unwrap_or_default());
        self.known(Fact::ended(None), prompt_id.map(|prompt_id| ["turn", prompt_id, "stopped", &message]), STOPPED)
    }

    /// A text of the model for the person; `uuid` is the line's.
    pub fn said(&self, uuid: Option<&str>, text: &str) -> Told {
        self.known(Fact::said(text), uuid.map(|uuid| ["said", uuid]), &["said", &print(text)])
    }

    /// What it thought; `uuid` is the line's.
    pub fn thought(&self, uuid: Option<&str>, text: &str) -> Told {
        self.known(Fact::thought(text), uuid.map(|uuid| ["thought", uuid]), &["thought", &print(text)])
    }

    /// The refused request that ended a turn: there were no attempts left, or none was of use.
    pub fn refused_for_good(&self, refused: RefusedCall, prompt_id: Option<&str>) -> Told {
        let kind = refused.kind().short();
        self.known(Fact::Refused(refused), prompt_id.map(|prompt_id| ["turn", prompt_id, kind]), &["turn", kind])
    }

    /// One that is tried again.
    pub fn refused_for_now(&self, refused: RefusedCall, uuid: Option<&str>, attempt: u64, delay_ms: u64) -> Told {
        let refused = Fact::Refused(RefusedCall { retry_after_ms: Some(delay_ms), ..refused });
        let repeat = ["retry", &attempt.to_string(), &delay_ms.to_string()];
        self.known(refused, uuid.map(|uuid| ["retry", uuid]), &repeat).with(DataKey::Attempt, Some(attempt))
    }

    pub fn compacted(&self, uuid: Option<&str>, trigger: Option<&str>, summary: Option<&str>) -> Told {
        let compacted = self.known(Fact::compacted(summary), uuid.map(|uuid| ["compacted", uuid]), &["compacted"]);
        compacted.with(DataKey::Trigger, trigger)
    }
}

const PROMPTED: &[&str] = &["prompted"];
const STOPPED: &[&str] = &["stopped"];

/// A refused request by its HTTP status and by Claude Code's own word for it.
pub(super) fn refused(status: Option<u64>, code: Option<&str>, message: Option<&str>) -> RefusedCall {
    let status = status.map(|status| status.to_string());
    let words = code.filter(|code| *code != RATE_LIMIT);
    let (code, message) = (code.map(str::to_owned), message.map(str::to_owned));
    let provider = Some(PROVIDER.to_owned());
    let by_status = RefusedCall { provider, code: status, message, ..RefusedCall::default() };
    let by_word = RefusedCall { code: code.or(by_status.code.clone()), ..by_status.clone() };
    // One word for what some channels tell by the status, others by the word.
    if by_status.is_rate_limit() || by_word.is_rate_limit() {
        let message = by_word.message.or(words.map(str::to_owned));
        return RefusedCall { code: Some(RATE_LIMIT.to_owned()), message, ..by_word };
    }
    by_word
}
