//! Facts to drafts: every rule of a coder's life, once, for all agents.
//!
//! What a fact makes of its coder and on which condition, which of its texts are cut where, what is a rate limit, and by what a
//! fact that has no ids is known. Keys that a channel makes of ids stay as they are: they stand in people's histories.

use crate::{
    event::{Body, Condition, DataKey, Draft, EventType, Key, Lifecycle, Progress, Provider, Status, SumScope, Workspace},
    text,
};

use super::{
    coder::{Asker, CoderIdentity, Ids},
    diff::FileDiff,
    fact::{About, Fact, ModelUsage, OnlyIf, RefusedCall, Switch, Told, Tool, TouchedFile, Waits},
};

/// Longer texts are cut: a screen or two tells what happened, the agent's own record has the rest.
const TEXT_CHARS_MAX: usize = 4_000;
/// A command or arguments that are longer are a script or a file.
const ASKED_CHARS_MAX: usize = 2_000;
/// What was asked and said is what a session is about.
const WORDS_CHARS_MAX: usize = 8_000;
/// Of longer ones the beginning alone is looked at.
const SEEN_CHARS_MAX: usize = 200_000;
/// A description is read in a list: it stays within a line or two.
const LINE_CHARS_MAX: usize = 200;

/// The statuses from which a prompt begins work again.
const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];
const NOT_PAUSED: &[Status] =
    &[Status::Created, Status::Running, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];
const AT_WORK: &[Status] = &[Status::Created, Status::Running];
const OVER: &[Status] = &[Status::Completed, Status::Failed, Status::Stopped];
/// A tool's work shows that these are over. What failed or ended is begun again by a prompt alone: hooks of a tool that was
/// still running come late.
const WAITING_OR_DONE: &[Status] = &[Status::Paused, Status::Completed];
/// The steps of life that say which process it is now.
const BEGINNINGS: &[EventType] = &[EventType::Created, EventType::Started, EventType::Resumed];

/// The drafts of all facts, in order.
pub(super) fn of_all(told: Vec<Told>) -> Vec<Draft> {
    told.into_iter().flat_map(of).collect()
}

fn of(told: Told) -> Vec<Draft> {
    let Told { who, at, ids, only_if, copied_by, may_be_aside, fact, data } = told;
    let about = |draft: Draft| {
        let begins = BEGINNINGS.contains(&draft.kind);
        let data = data
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.clone(), |text| bounded(text).into())));
        let draft = Draft {
            coder_id: who.id.clone(),
            coder_name: who.name.clone(),
            source: Some(who.source.to_owned()),
            timestamp: at,
            copied_by: copied_by.clone(),
            may_be_aside,
            data: draft.data.into_iter().chain(data).collect(),
            ..draft
        };
        let draft = draft.with_some(DataKey::ParentCoderId, who.parent.as_deref());
        draft.with_some(DataKey::Process, who.process.as_ref().filter(|_| begins).cloned())
    };
    events(fact, &who, ids, only_if).into_iter().map(about).collect()
}

/// The events of a fact, each with its key and its condition.
fn events(fact: Fact, who: &CoderIdentity, ids: Ids, only_if: OnlyIf) -> Vec<Draft> {
    let one = |draft| conditioned(keyed(draft, ids.clone()), only_if);
    match fact {
        Fact::Begun { reason } => begun(reason, who, ids, only_if),
        Fact::Asked { text, by } => {
            let fields = Progress { text: Some(bounded_at_both_ends(&text, WORDS_CHARS_MAX)), ..Progress::default() };
            one(draft(EventType::Prompt, Body::Progress(fields)).with(DataKey::From, by.name()))
        }
        Fact::Prompted => one(lifecycle(EventType::Resumed, Some("prompt"))),
        Fact::Titled(title) => one(progress(Progress::default()).with(DataKey::Title, bounded(&title))),
        Fact::TakenUp => one(lifecycle(EventType::Resumed, Some("resume"))),
        Fact::Waits(waits) => one(lifecycle(EventType::Paused, Some(waits.reason()))),
        Fact::Answered { granted } => {
            let resumed = resumed_from("answer", &[Status::Paused], ids);
            resumed.into_iter().map(|draft| draft.with_some(DataKey::Granted, granted)).collect()
        }
        Fact::Works => resumed_from("tool", WAITING_OR_DONE, ids),
        Fact::Tool(tool) => one(tool_progress(tool)),
        Fact::File(file) => one(workspace(file)),
        Fact::Said(text) => one(output(Progress::OF_ASSISTANT, &text, WORDS_CHARS_MAX)),
        Fact::Thought(text) => one(output(Progress::OF_THOUGHT, &text, WORDS_CHARS_MAX)),
        Fact::Printed { stream, text } => one(output(stream, &text, TEXT_CHARS_MAX)),
        Fact::Called(usage) => one(called(usage)),
        Fact::Summed { usage, since } => {
            let sum = called(usage).with(DataKey::Estimated, true);
            one(Draft { sums: Some(SumScope { since }), ..sum })
        }
        Fact::Refused(refused) => one(refusal(refused)),
        Fact::TurnEnded { reason } => one(lifecycle(EventType::Completed, reason.as_deref())),
        Fact::TurnFailed { code, message } => {
            let error_message = message.as_deref().map(bounded);
            let fields = Lifecycle { reason: code.as_deref().map(bounded), error_message, ..Lifecycle::default() };
            one(draft(EventType::Failed, Body::Lifecycle(fields)))
        }
        Fact::Interrupted => one(lifecycle(EventType::Paused, Some(Lifecycle::INTERRUPTED))),
        Fact::Ended { reason } => one(lifecycle(EventType::Stopped, reason.as_deref())),
        Fact::Deleted { reason } => one(lifecycle(EventType::Deleted, reason.as_deref())),
        Fact::Compacted { summary } => one(milestone(Progress::COMPACTED, summary.as_deref())),
        Fact::Reached { milestone: name } => one(milestone(&name, None)),
        Fact::ContextFull => {
            let full = Draft::new(EventType::ResourceLimit, "").with(DataKey::Limit, "context");
            one(full.with(DataKey::Message, "the context is full and is being compacted"))
        }
        Fact::ContextUsed { tokens, window } => one(context_used(tokens, window)),
        Fact::Switched { what, to } => one(switched(what, &to)),
        Fact::LimitNear => one(Draft::new(EventType::ResourceLimit, "")),
        Fact::Planned { done, of, current } => {
            let steps = progress(Progress {
                progress: (of > 0).then(|| done as f64 / of as f64),
                stage: Some("todo".to_owned()),
                description: current.map(|current| text::excerpt(&current, LINE_CHARS_MAX)),
                ..Progress::default()
            });
            one(steps.with(DataKey::StepsDone, done).with(DataKey::StepsTotal, of))
        }
    }
}

/// A coder is created once, also where what it did is heard of first: hooks run side by side, and some are spooled. Where it may
/// have begun before the recorder was set up, only that much is certain.
fn begun(reason: Option<String>, who: &CoderIdentity, ids: Ids, only_if: OnlyIf) -> Vec<Draft> {
    let step = |kind, ids| keyed(lifecycle(kind, reason.as_deref()), ids);
    let created = step(EventType::Created, who.own(&["created"]));
    if only_if == OnlyIf::Unknown {
        return conditioned(created, only_if);
    }
    let started = match ids {
        Ids::OfItself => who.own(&["started"]),
        ids => ids,
    };
    [created, step(EventType::Started, started)].into_iter().flat_map(|step| conditioned(step, only_if)).collect()
}

fn resumed_from(reason: &str, from: &[Status], ids: Ids) -> Vec<Draft> {
    let resumed = keyed(lifecycle(EventType::Resumed, Some(reason)), ids);
    vec![Draft { only_if: Some(Condition::Status(from.to_vec())), ..resumed }]
}

fn keyed(draft: Draft, ids: Ids) -> Draft {
    let key = match ids {
        Ids::OfItself => Key::None,
        Ids::Key(key) => key,
        Ids::Payload { source, payload } => Key::Repeat(format!("{source}:{payload}:{}", draft.kind.short())),
    };
    Draft { key, ..draft }
}

/// A coder that is not known has no status: what is asked of both is one draft for each, of which at most one becomes an event.
fn conditioned(draft: Draft, only_if: OnlyIf) -> Vec<Draft> {
    let status = |statuses: &[Status]| Some(Condition::Status(statuses.to_vec()));
    let condition = match only_if {
        OnlyIf::Always => None,
        OnlyIf::Unknown => Some(Condition::Unknown),
        OnlyIf::Known => Some(Condition::Known),
        OnlyIf::AtRest => status(AT_REST),
        OnlyIf::Over => status(OVER),
        OnlyIf::Unwatched => Some(Condition::Unwatched),
        OnlyIf::NotWaiting | OnlyIf::AtWork => {
            let statuses = if only_if == OnlyIf::AtWork { AT_WORK } else { NOT_PAUSED };
            let unknown = Draft { only_if: Some(Condition::Unknown), ..draft.clone() };
            return vec![Draft { only_if: status(statuses), ..draft }, unknown];
        }
    };
    vec![Draft { only_if: condition, ..draft }]
}

fn draft(kind: EventType, body: Body) -> Draft {
    Draft { body, ..Draft::new(kind, "") }
}

fn lifecycle(kind: EventType, reason: Option<&str>) -> Draft {
    Draft::lifecycle("", kind, "", "", &bounded(reason.unwrap_or_default()))
}

fn progress(fields: Progress) -> Draft {
    draft(EventType::Progress, Body::Progress(fields))
}

fn context_used(tokens: u64, window: Option<u64>) -> Draft {
    let used = Draft::new(EventType::ResourceUsage, "").with(DataKey::ContextTokens, tokens);
    used.with_some(DataKey::ContextWindow, window)
}

fn switched(what: Switch, to: &str) -> Draft {
    let (key, name) = what.names();
    let description = Some(text::excerpt(&format!("{name}: {to}"), LINE_CHARS_MAX));
    progress(Progress { stage: Some(name.to_owned()), description, ..Progress::default() }).with(key, bounded(to))
}

fn milestone(name: &str, description: Option<&str>) -> Draft {
    let fields = Progress { milestone: Some(bounded(name)), description: description.map(bounded), ..Progress::default() };
    draft(EventType::Milestone, Body::Progress(fields))
}

fn output(stream: &str, text: &str, chars_max: usize) -> Draft {
    let text = Some(bounded_at_both_ends(text, chars_max));
    let fields = Progress { stream: Some(stream.to_owned()), text, ..Progress::default() };
    draft(EventType::Output, Body::Progress(fields))
}

fn tool_progress(tool: Tool) -> Draft {
    let Tool { name, id, about, is_running, failed, error, output, exit_code, duration_ms, progress: share } = tool;
    let description = about.as_ref().map(|about| describe(&name, about.subject.as_deref()));
    let About { command, arguments, .. } = about.unwrap_or_default();
    let asked = |text: String| bounded_at_both_ends(&text, ASKED_CHARS_MAX);
    let answered = |text: String| bounded_at_both_ends(&text, TEXT_CHARS_MAX);
    let (error, output) = if failed { (error.or(output), None) } else { (None, output) };
    let draft = progress(Progress { progress: share, stage: Some(bounded(&name)), description, ..Progress::default() });
    draft
        .with(DataKey::ToolName, bounded(&name))
        .with_some(DataKey::ToolUseId, id.as_deref().map(bounded))
        .with_some(DataKey::Running, is_running.then_some(true))
        .with_some(DataKey::DurationMs, duration_ms)
        .with_some(DataKey::ExitCode, exit_code)
        .with_some(DataKey::Failed, failed.then_some(true))
        .with_some(DataKey::Error, error.map(answered))
        .with_some(DataKey::Command, command.map(asked))
        .with_some(DataKey::Arguments, arguments.map(asked))
        .with_some(DataKey::Output, output.map(answered))
}

/// A call in a short line: `Bash: rm hello.txt && ls -la`.
pub(super) fn describe(tool: &str, subject: Option<&str>) -> String {
    match subject {
        Some(subject) => text::excerpt(&format!("{tool}: {}", text::excerpt(subject, LINE_CHARS_MAX)), LINE_CHARS_MAX),
        None => text::excerpt(tool, LINE_CHARS_MAX),
    }
}

fn workspace(TouchedFile { operation, path, size, diff }: TouchedFile) -> Draft {
    let mut draft = Draft::workspace("", operation, &bounded(&path));
    if let Body::Workspace(Workspace { file_size, .. }) = &mut draft.body {
        *file_size = size;
    }
    let Some(FileDiff { text, added, removed }) = diff else { return draft };
    let draft = draft.with(DataKey::LinesAdded, added).with(DataKey::LinesRemoved, removed);
    draft.with_some(DataKey::Diff, Some(text).filter(|text| !text.is_empty()))
}

fn called(usage: ModelUsage) -> Draft {
    let fields = Provider {
        provider: usage.provider.as_deref().map(bounded),
        model: usage.model.as_deref().map(bounded),
        tokens_used: usage.total,
        duration: usage.duration_ns,
        input_tokens: usage.input,
        output_tokens: usage.output,
        cache_read_tokens: usage.cache_read,
        cache_write_tokens: usage.cache_write,
        cost_usd: usage.cost_usd,
        ..Provider::default()
    };
    draft(EventType::ApiCall, Body::Provider(fields))
}

fn refusal(refused: RefusedCall) -> Draft {
    let kind = refused.kind();
    let fields = Provider {
        provider: refused.provider.as_deref().map(bounded),
        model: refused.model.as_deref().map(bounded),
        duration: refused.duration_ns,
        error_code: refused.code.as_deref().map(bounded),
        error_message: refused.message.as_deref().map(bounded),
        retry_after_ms: refused.retry_after_ms,
        ..Provider::default()
    };
    draft(kind, Body::Provider(fields))
}

impl RefusedCall {
    pub fn kind(&self) -> EventType {
        if self.is_rate_limit() { EventType::RateLimit } else { EventType::ApiError }
    }

    /// Providers and frameworks have no common name for it, but 429 is everywhere the same. Agents tell a person the limit of a
    /// subscription in words alone.
    pub fn is_rate_limit(&self) -> bool {
        let tells = |text: &String| {
            let text = text.to_ascii_lowercase().replace([' ', '-'], "_");
            let number = text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "429");
            number || LIMITS.iter().any(|name| text.contains(name)) || is_used_up(&text)
        };
        self.is_limit || self.code.as_ref().is_some_and(tells) || self.message.as_ref().is_some_and(tells)
    }
}

/// How providers say that one asks too much, or has used up what one may ask for.
const LIMITS: &[&str] = &[
    "rate_limit",
    "ratelimit",
    "too_many_requests",
    "resource_exhausted",
    "usage_limit",
    "insufficient_quota",
    "quota_exceeded",
    "exceeded_your_current_quota",
    "out_of_extra_usage",
    "exhausted_your_capacity",
];

/// What a subscription limits, by the hour, the day, the model: not the context of a model, nor the length of an answer.
const LIMITED: &[&str] =
    &["hour", "session", "daily", "weekly", "monthly", "usage", "request", "plan", "opus", "sonnet", "your", "quota"];

/// `5-hour limit reached`, `You've hit your weekly limit`, `Opus limit reached`.
fn is_used_up(text: &str) -> bool {
    let reached = ["limit_reached", "limit_exceeded", "hit_your", "reached_your", "exceeded_your"];
    let of_a_call = ["context", "token", "prompt", "output_limit"];
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_limit = text.contains("limit") && has(&reached) && has(LIMITED) && !has(&of_a_call);
    // `You have exhausted your daily quota`, `You have no quota left`.
    let used_up = ["exhausted", "exceeded", "reached", "no_quota", "out_of", "used_up", "hit_your"];
    is_limit || text.contains("quota") && has(&used_up)
}

impl Asker {
    fn name(self) -> &'static str {
        match self {
            Asker::Person => "person",
            Asker::Coder => "coder",
        }
    }
}

impl Switch {
    fn names(self) -> (DataKey, &'static str) {
        match self {
            Switch::Model => (DataKey::Model, "model"),
            Switch::Mode => (DataKey::Mode, "mode"),
        }
    }
}

impl Waits {
    fn reason(self) -> &'static str {
        match self {
            Waits::Permission => "permission",
            Waits::Question => "question",
            Waits::Prompt => "idle",
        }
    }
}

/// `given`, its middle left out where it is long: how a text begins and how it ends tells most.
fn bounded_at_both_ends(given: &str, chars_max: usize) -> String {
    if given.len() <= chars_max {
        return given.to_owned();
    }
    // A secret that is cut in two no longer looks like one. What is this long that it takes time to look through loses its end.
    let given = text::cut(given, SEEN_CHARS_MAX);
    text::cut_middle(&text::Redactor::default().redact(&given), chars_max).into_owned()
}

/// `given`, within the bound.
fn bounded(given: &str) -> String {
    text::cut(given, TEXT_CHARS_MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limits_are_told_from_other_errors() {
        let check = |code: Option<&str>, message: Option<&str>, expected| {
            let refused =
                RefusedCall { code: code.map(str::to_owned), message: message.map(str::to_owned), ..RefusedCall::default() };
            assert_eq!(refused.kind(), expected, "{code:?} {message:?}");
        };
        check(Some("429"), None, EventType::RateLimit);
        check(Some("RateLimitError"), None, EventType::RateLimit);
        check(Some("rate_limit_exceeded"), None, EventType::RateLimit);
        check(Some("usage_limit_reached"), None, EventType::RateLimit);
        check(None, Some("Rate limit exceeded, please slow down"), EventType::RateLimit);
        check(None, Some("got status: RESOURCE_EXHAUSTED"), EventType::RateLimit);
        check(None, Some("Request failed (429): slow down"), EventType::RateLimit);
        check(None, Some("5-hour limit reached ∙ resets 2am"), EventType::RateLimit);
        check(None, Some("You've hit your limit · resets 2am (Australia/Sydney)"), EventType::RateLimit);
        check(None, Some("You've hit your usage limit. Upgrade to Pro"), EventType::RateLimit);
        check(None, Some("Opus weekly limit reached"), EventType::RateLimit);
        check(None, Some("Quota exceeded for quota metric 'Generate requests'"), EventType::RateLimit);
        check(None, Some("You have exhausted your daily quota on this model."), EventType::RateLimit);
        check(None, Some("You have exhausted your capacity on this model. Your quota will reset after 3h"), EventType::RateLimit);
        check(None, Some("402 You have no quota left"), EventType::RateLimit);
        check(None, Some("You've reached your weekly quota"), EventType::RateLimit);
        check(None, Some("the quota project is not set"), EventType::ApiError);
        check(None, Some("Context limit reached · /compact or /clear to continue"), EventType::ApiError);
        check(None, Some("Claude's response exceeded the 32000 output token maximum"), EventType::ApiError);
        check(None, Some("You have reached your maximum token limit for this request"), EventType::ApiError);
        check(Some("500"), Some("request 14290 failed"), EventType::ApiError);
        check(None, None, EventType::ApiError);
    }
}
