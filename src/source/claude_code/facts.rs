//! The facts that several channels tell, and by what they are one: the one place.
//!
//! | fact | known by its ids | else by what it says, within ten seconds |
//! |---|---|---|
//! | created, started | the session, the subagent: each begins once | |
//! | resumed by a prompt | the prompt | that a prompt came |
//! | completed, failed | the prompt and the last message | the last message; a subagent's end by itself |
//! | stopped | | that it ended |
//! | said | the line's uuid: stream, transcript | the text |
//! | a refused request that is tried again | the line's uuid: transcript | the number of the attempt and the delay to the next |
//! | the refused request that ends a turn | the prompt | that it happened, rate limit or other |
//! | compacted | the line's uuid: transcript | that it happened |
//!
//! So each response 429 is one rate limit: hooks and telemetry see only the one that ends a turn, the stream and the
//! transcript also those that were followed by another attempt. Tools' facts are in `tools`, calls of the model in `calls`.

use super::report::Teller;
use crate::{
    event::{Body, Draft, EventType, Lifecycle, Progress, Provider},
    source::session::{bounded, fingerprint, with_text},
};

pub(super) const PROVIDER: &str = "anthropic";
pub(super) const RATE_LIMIT: &str = "rate_limit";
const TOO_MANY_REQUESTS: u64 = 429;

pub(super) fn lifecycle(teller: &Teller<'_>, kind: EventType, reason: Option<&str>) -> Draft {
    teller.filled(Draft::lifecycle("", kind, "", "", &bounded(reason.unwrap_or_default())))
}

/// A coder is created once, also where what it did is heard of first: hooks run side by side, and some are spooled.
pub(super) fn created(teller: &Teller<'_>, reason: Option<&str>) -> Draft {
    teller.own(lifecycle(teller, EventType::Created, reason), &["created"])
}

pub(super) fn started(teller: &Teller<'_>, reason: Option<&str>) -> Draft {
    teller.own(lifecycle(teller, EventType::Started, reason), &["started"])
}

/// A prompt after a turn that was over.
pub(super) fn prompted(teller: &Teller<'_>, prompt_id: Option<&str>, text: Option<&str>) -> Draft {
    let draft = with_text(lifecycle(teller, EventType::Resumed, Some("prompt")), "prompt", text);
    let natural = prompt_id.map(|prompt_id| ["prompt", prompt_id]);
    teller.told(draft, natural.as_ref().map(|parts| &parts[..]), PROMPTED)
}

/// A session that is resumed is about to be prompted, and then it is the same resumption.
pub(super) fn resumed(teller: &Teller<'_>) -> Draft {
    teller.told(lifecycle(teller, EventType::Resumed, Some("resume")), None, PROMPTED)
}

const PROMPTED: &[&str] = &["prompted"];

/// The end of a turn, and of a subagent.
pub(super) fn completed(teller: &Teller<'_>, prompt_id: Option<&str>, message: Option<&str>) -> Draft {
    let draft = with_text(lifecycle(teller, EventType::Completed, None), "last_assistant_message", message);
    end_of_turn(teller, draft, prompt_id, message)
}

pub(super) fn failed(teller: &Teller<'_>, prompt_id: Option<&str>, code: Option<&str>, message: Option<&str>) -> Draft {
    let mut draft = teller.draft(EventType::Failed);
    draft.body =
        Body::Lifecycle(Lifecycle { reason: code.map(bounded), error_message: message.map(bounded), ..Lifecycle::default() });
    end_of_turn(teller, draft, prompt_id, message)
}

fn end_of_turn(teller: &Teller<'_>, draft: Draft, prompt_id: Option<&str>, message: Option<&str>) -> Draft {
    let end = draft.kind.short();
    let message = print(message.unwrap_or_default());
    let natural = prompt_id.map(|prompt_id| ["turn", prompt_id, end, &message]);
    // The stream has only a summary of what a subagent said last.
    let repeat = if teller.coder.is_subagent() { &[end][..] } else { &[end, &message] };
    teller.told(draft, natural.as_ref().map(|parts| &parts[..]), repeat)
}

/// The end of a session's process, or of a subagent.
pub(super) fn stopped(teller: &Teller<'_>, natural: Option<&[&str]>, reason: Option<&str>) -> Draft {
    teller.told(lifecycle(teller, EventType::Stopped, reason), natural, &["stopped"])
}

/// A subagent is over when its turn is.
pub(super) fn subagent_stopped(teller: &Teller<'_>, prompt_id: Option<&str>, message: Option<&str>) -> Draft {
    let message = print(message.unwrap_or_default());
    let natural = prompt_id.map(|prompt_id| ["turn", prompt_id, "stopped", &message]);
    stopped(teller, natural.as_ref().map(|parts| &parts[..]), None)
}

/// A text of the model for the person; `natural` are its ids.
pub(super) fn said(teller: &Teller<'_>, natural: Option<&[&str]>, text: &str) -> Draft {
    teller.told(spoken(teller, text), natural, &["said", &print(text)])
}

/// A text of the model that nobody but the teller knows in these words.
pub(super) fn spoken(teller: &Teller<'_>, text: &str) -> Draft {
    let mut draft = teller.draft(EventType::Output);
    draft.body =
        Body::Progress(Progress { stream: Some("assistant".to_owned()), text: Some(bounded(text)), ..Progress::default() });
    draft
}

/// A request that the provider refused.
#[derive(Debug, Default)]
pub(super) struct Refused<'p> {
    pub status: Option<u64>,
    /// Claude Code's own word for it.
    pub code: Option<&'p str>,
    pub message: Option<&'p str>,
    pub model: Option<&'p str>,
}

impl Refused<'_> {
    pub fn is_rate_limit(&self) -> bool {
        self.status == Some(TOO_MANY_REQUESTS) || self.code == Some(RATE_LIMIT)
    }

    pub fn draft(&self, teller: &Teller<'_>) -> Draft {
        let kind = if self.is_rate_limit() { EventType::RateLimit } else { EventType::ApiError };
        let mut draft = teller.draft(kind);
        let code = if self.is_rate_limit() { Some(RATE_LIMIT) } else { self.code };
        draft.body = Body::Provider(Provider {
            provider: Some(PROVIDER.to_owned()),
            model: self.model.map(bounded),
            error_code: code.map(bounded).or(self.status.map(|status| status.to_string())),
            error_message: self.message.map(bounded),
            ..Provider::default()
        });
        draft
    }

    /// The one that ended a turn: there were no attempts left, or none was of use.
    pub fn for_good(&self, teller: &Teller<'_>, prompt_id: Option<&str>) -> Draft {
        let draft = self.draft(teller);
        let kind = draft.kind.short();
        let natural = prompt_id.map(|prompt_id| ["turn", prompt_id, kind]);
        teller.told(draft, natural.as_ref().map(|parts| &parts[..]), &["turn", kind])
    }

    /// One that is tried again.
    pub fn for_now(&self, teller: &Teller<'_>, uuid: Option<&str>, attempt: u64, delay_ms: u64) -> Draft {
        let mut draft = self.draft(teller).with("attempt", attempt);
        if let Body::Provider(provider) = &mut draft.body {
            provider.retry_after_ms = Some(delay_ms);
        }
        let natural = uuid.map(|uuid| ["retry", uuid]);
        let repeat = ["retry", &attempt.to_string(), &delay_ms.to_string()];
        teller.told(draft, natural.as_ref().map(|parts| &parts[..]), &repeat)
    }
}

pub(super) fn compacted(teller: &Teller<'_>, uuid: Option<&str>, trigger: Option<&str>, summary: Option<&str>) -> Draft {
    let draft = with_text(milestone(teller, "context compacted", summary), "trigger", trigger);
    let natural = uuid.map(|uuid| ["compacted", uuid]);
    teller.told(draft, natural.as_ref().map(|parts| &parts[..]), &["compacted"])
}

pub(super) fn milestone(teller: &Teller<'_>, name: &str, description: Option<&str>) -> Draft {
    let mut draft = teller.draft(EventType::Milestone);
    draft.body =
        Body::Progress(Progress { milestone: Some(bounded(name)), description: description.map(bounded), ..Progress::default() });
    draft
}

/// A text as part of a key; channels differ in the white space around it.
fn print(text: &str) -> String {
    fingerprint(text.trim().as_bytes()).to_string()
}
