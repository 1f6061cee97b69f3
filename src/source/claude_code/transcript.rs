//! Claude Code's transcripts, `<session>.jsonl` and `<session>/subagents/agent-<id>.jsonl`, to facts.
//!
//! A message has a line for each of its blocks, each with the usage as it was known then: it is told once, when the message
//! is over. A turn is over with a message that calls no tool, and only then another prompt resumes the coder.

use std::sync::Arc;

use crate::{
    event::{DataKey, Micros, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::{LineReader, Understood},
        coder::CoderIdentity,
        fact::{Fact, Switch, Told},
        json::Wire,
    },
};

use super::{
    calls::{ApiCall, CallTokens, session_usage},
    conversation::Dialogue,
    line::ClaudeLine,
    session::Speaker,
};

#[derive(Debug, Default)]
struct SessionFile {
    place: PathParts,
    who: Option<Arc<CoderIdentity>>,
    folder: String,
    /// Of the first line that had one.
    begin: Option<Time>,
    is_begun: bool,
    /// The last line was a copy.
    in_copy: bool,
    prompt_id: Option<String>,
    turn_is_over: bool,
    open: Option<OpenMessage>,
    /// Id of the last message that was told.
    closed: Option<String>,
    conversation: Dialogue,
    /// The session that this one is a fork of.
    origin: Option<Arc<CoderIdentity>>,
    /// Of the last line that had one.
    last: Option<Time>,
    model: Option<String>,
    mode: Option<String>,
    /// How often the mode was set to another.
    modes: usize,
}

/// What a file's path says.
#[derive(Debug, Default)]
struct PathParts {
    session: Option<String>,
    agent_id: Option<String>,
}

/// A message of which more lines may follow.
#[derive(Debug)]
struct OpenMessage {
    id: String,
    call: ApiCall,
    /// What the provider did by the way.
    beside: Vec<ApiCall>,
    context: Option<u64>,
    text: Option<String>,
    stop_reason: Option<String>,
    is_copied: bool,
}

pub(super) fn open(path: &str) -> Box<dyn LineReader> {
    Box::new(SessionFile { place: PathParts::of(path), ..SessionFile::default() })
}

impl LineReader for SessionFile {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let line = ClaudeLine(line);
        // What is copied happened before.
        self.begin = self.begin.or(line.time().filter(|_| line.forked_from().is_none()));
        self.last = self.last.max(line.time());
        let mut told: Vec<Told> = match line.kind() {
            Some("user" | "assistant" | "system") => self.begin(line)?.into_iter().collect(),
            Some("cost-state") if self.who.is_some() => Vec::new(),
            Some("permission-mode") => return Ok(self.set_mode(line.0).into_iter().collect()),
            _ => return Ok(Vec::new()),
        };
        let is_copied = self.is_copied(line);
        if is_copied {
            told.extend(self.copied(line));
            return Ok(told);
        }
        if std::mem::take(&mut self.in_copy) {
            told.extend(self.close());
            self.turn_is_over = false;
        }
        told.extend(match line.kind() {
            Some("user") => self.user(line),
            Some("assistant") => self.assistant(line),
            Some("system") => self.system(line),
            _ => self.cost_state(line.0),
        });
        Ok(told)
    }

    fn pause(&mut self) -> Vec<Told> {
        if self.turn_is_over {
            self.conversation.rest();
        }
        self.conversation.at_work()
    }

    /// More lines may follow: only a message that is surely over is told as such.
    fn end(&mut self) -> Vec<Told> {
        match &self.open {
            Some(message) if message.stop_reason.is_none() => vec![message.call.told()],
            _ => self.close(),
        }
    }
}

impl SessionFile {
    fn begin(&mut self, line: ClaudeLine<'_>) -> Result<Option<Told>, Refusal> {
        if let Some(folder) = line.cwd() {
            folder.clone_into(&mut self.folder);
        }
        if self.who.is_none() {
            let Some(session) = line.session_id().or(self.place.session.as_deref()) else {
                return Err(Refusal::new("the line has no `sessionId`"));
            };
            self.who = Some(CoderIdentity::new(Agent::ClaudeCode, session, &HookContext::default())?.in_folder(line.cwd()));
        }
        if self.is_begun {
            return Ok(None);
        }
        if let Some(origin) = line.forked_from() {
            if self.origin.is_none() {
                self.origin = Some(CoderIdentity::new(Agent::ClaudeCode, origin, &HookContext::default())?.in_folder(line.cwd()));
            }
            return Ok(None);
        }
        let Some(speaker) = self.speaker(line) else { return Ok(None) };
        self.is_begun = true;
        let begun = speaker.who.says(self.begin, Fact::begun(None)).with(DataKey::Cwd, line.cwd());
        let begun = begun.with(DataKey::Branch, line.branch());
        Ok(Some(begun.with(DataKey::ForkedFrom, self.origin.as_ref().map(|origin| origin.id.as_str()))))
    }

    /// A fork's record begins with that of its parent. Some forks say so, line by line; of others the copied lines are older than
    /// the file.
    fn is_copied(&self, line: ClaudeLine<'_>) -> bool {
        let is_older = |(begin, time): (Time, Time)| begin.since(time) > SKEW;
        line.forked_from().is_some() || self.begin.zip(line.time()).is_some_and(is_older)
    }

    /// Of what was copied the parent's own record tells all, but for what the fork counts as used: its calls.
    fn copied(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        self.in_copy = true;
        let (true, Some(speaker)) = (line.kind() == Some("assistant"), self.speaker(line)) else { return Vec::new() };
        if line.is_refusal() || line.is_synthetic() {
            return Vec::new();
        }
        self.take_message(&speaker, line)
    }

    fn user(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let Some(speaker) = self.speaker(line) else { return Vec::new() };
        let mut told = Vec::new();
        if let Some(prompt_id) = line.prompt_id().filter(|id| self.prompt_id.as_deref() != Some(*id)) {
            // What is still open was said to the prompt before.
            told = self.close();
            self.prompt_id = Some(prompt_id.to_owned());
        }
        if line.content().blocks("tool_result").next().is_some() {
            told.extend(self.conversation.results(&speaker, line, &self.folder));
            if !line.content().texts().any(|text| text.starts_with(INTERRUPTED)) {
                return told;
            }
        }
        if line.content().text().is_some_and(|text| text.starts_with(INTERRUPTED)) {
            told.extend(self.close());
            self.turn_is_over = true;
            told.push(speaker.interrupted(self.prompt_id.as_deref()));
            return told;
        }
        let Some(prompt) = line.prompt() else { return told };
        told.extend(self.close());
        told.push(speaker.asked(line.prompt_id(), &prompt));
        if line.begins_turn() && std::mem::take(&mut self.turn_is_over) {
            told.push(speaker.prompted(line.prompt_id()));
        }
        told
    }

    fn assistant(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let Some(speaker) = self.speaker(line) else { return Vec::new() };
        if line.is_refusal() {
            return self.refused(&speaker, line);
        }
        if line.is_synthetic() {
            return Vec::new();
        }
        let mut told = self.take_message(&speaker, line);
        told.extend(self.set_model(&speaker, line.message()));
        told.extend(self.conversation.assistant(&speaker, line));
        told
    }

    /// The first that the record says is what the session began with. The line has no time of its own.
    fn set_mode(&mut self, line: Wire<'_>) -> Option<Told> {
        let mode = line.text("permissionMode")?;
        let before = self.mode.replace(mode.to_owned())?;
        let who = self.who.as_ref().filter(|_| before != mode)?;
        self.modes += 1;
        let switched = Fact::Switched { what: Switch::Mode, to: mode.to_owned() };
        let ids = who.both(&["mode", &self.modes.to_string()], &["mode", mode]);
        Some(who.says(self.last, switched).known_by(ids))
    }

    fn set_model(&mut self, speaker: &Speaker<'_>, message: Wire<'_>) -> Option<Told> {
        let (id, model) = (message.text("id")?, message.text("model")?);
        if self.model.as_deref() == Some(model) {
            return None;
        }
        self.model.replace(model.to_owned()).filter(|_| !speaker.who.is_subagent())?;
        let switched = Fact::Switched { what: Switch::Model, to: model.to_owned() };
        Some(speaker.says(switched).known_by(speaker.who.own_provided(id, &["model", id])))
    }

    fn take_message(&mut self, speaker: &Speaker<'_>, line: ClaudeLine<'_>) -> Vec<Told> {
        let message = line.message();
        let Some(id) = message.text("id").filter(|id| self.closed.as_deref() != Some(*id)) else { return Vec::new() };
        let told = if self.open.as_ref().is_some_and(|open| open.id != id) { self.close() } else { Vec::new() };
        let open = self.open.get_or_insert_with(|| {
            let mut call = ApiCall::new(&speaker.who, Some(line.request_id().unwrap_or(id)), None);
            call.line = speaker.line.map(str::to_owned);
            OpenMessage {
                id: id.to_owned(),
                call,
                beside: Vec::new(),
                context: None,
                text: None,
                stop_reason: None,
                is_copied: self.in_copy,
            }
        });
        open.call.at = line.time();
        open.call.model = message.text("model").map(str::to_owned);
        let usage = message.at("usage");
        let tokens = CallTokens::read(usage);
        if let Some(reason) = message.text("stop_reason") {
            open.stop_reason = Some(reason.to_owned());
            open.call.tokens = tokens;
            open.beside = open.call.calls_by_the_way(usage);
            open.context = CallTokens::read_context(usage);
        } else if open.stop_reason.is_none() {
            // Before the message is over, what stands there is a placeholder.
            open.call.tokens = tokens.without_output();
        }
        open.text = line.content().text().map(str::to_owned).or(open.text.take());
        told
    }

    fn system(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let Some(speaker) = self.speaker(line) else { return Vec::new() };
        match line.subtype() {
            Some("api_error") => line.retried(&speaker.who, line.uuid()).into_iter().collect(),
            Some("compact_boundary") => vec![speaker.compacted(line.uuid(), line.compaction_trigger(), None)],
            Some("stop_hook_summary" | "turn_duration") => self.close(),
            _ => Vec::new(),
        }
    }

    /// The agent says instead of the model that it gave up.
    fn refused(&mut self, speaker: &Speaker<'_>, line: ClaudeLine<'_>) -> Vec<Told> {
        let mut told = self.close();
        self.turn_is_over = true;
        let prompt_id = self.prompt_id.as_deref();
        told.push(speaker.refused_for_good(line.refused(), prompt_id));
        told.push(speaker.turn_failed(prompt_id, line.error_code(), line.content().text()));
        told.extend(self.conversation.assistant(speaker, line));
        told
    }

    /// Tells the message that is over, and with it the turn where it calls no tool.
    fn close(&mut self) -> Vec<Told> {
        let Some(OpenMessage { id, call, beside, context, text, stop_reason, is_copied }) = self.open.take() else {
            return Vec::new();
        };
        self.closed = Some(id.clone());
        let calls = std::iter::once(&call).chain(&beside).map(ApiCall::told);
        if is_copied {
            let copied_by = self.who.as_ref().map(|who| who.id.clone());
            return calls.map(|call| Told { copied_by: copied_by.clone(), ..call }).collect();
        }
        let mut told: Vec<Told> = calls.collect();
        if stop_reason.is_some_and(|reason| !matches!(reason.as_str(), "tool_use" | "pause_turn")) {
            self.turn_is_over = true;
            let speaker = Speaker { line: call.line.as_deref(), ..Speaker::new(&call.who, call.at) };
            let prompt_id = self.prompt_id.as_deref();
            if let Some(tokens) = context.filter(|_| !call.who.is_subagent()) {
                let used = Fact::ContextUsed { tokens, window: None };
                told.push(speaker.says(used).known_by(call.who.own_provided(&id, &["context", &id])));
            }
            told.push(speaker.turn_ended(prompt_id, text.as_deref()));
            if call.who.is_subagent() {
                told.push(speaker.subagent_ended(prompt_id, text.as_deref()));
            }
        }
        told
    }

    /// The last line of a process: what the session used, subagents and what it was before it was resumed or forked included.
    fn cost_state(&mut self, state: Wire<'_>) -> Vec<Told> {
        let mut told = self.close();
        let Some(who) = &self.who else { return told };
        let span = state.signed("startTime").zip(state.signed("totalDuration"));
        let end = span.map(|(start, duration)| start.saturating_add(duration));
        let end_time = end.map(|end| Time::from_micros(end.saturating_mul(MICROS_IN_MILLI)));
        // The time that a resumed session was left is not part of its duration.
        let at = end_time.max(self.last);
        if let Some(usage) = session_usage(state.at("modelUsage")) {
            let ids = who.own(&["sum", &usage.summed_up()]);
            told.push(who.says(at, Fact::Summed { usage, since: None }).known_by(ids));
        }
        if let Some(end) = end {
            told.push(Speaker::new(who, at).ended(Some(&end.to_string()), None));
        }
        told
    }

    fn speaker<'l>(&self, line: ClaudeLine<'l>) -> Option<Speaker<'l>> {
        let copied = self.origin.as_ref().filter(|_| line.forked_from().is_some());
        let who = copied.or(self.who.as_ref())?;
        let who = match line.agent_id().or(self.place.agent_id.as_deref()) {
            Some(agent_id) => who.subagent(agent_id, line.subagent_type()).ok()?,
            None => Arc::clone(who),
        };
        Some(Speaker { who, at: line.time(), hook: None, line: line.uuid() })
    }
}

const MICROS_IN_MILLI: i64 = 1_000;
/// Lines that are written together may stand a little out of order.
const SKEW: Micros = Time::SECOND / 10;
/// What the agent notes in a person's name who broke off its answer, or a tool.
const INTERRUPTED: &str = "[Request interrupted by user";

impl PathParts {
    fn of(path: &str) -> PathParts {
        let mut parts = path.rsplit(['/', '\\']);
        let name = parts.next().and_then(|name| name.strip_suffix(".jsonl"));
        match name.and_then(|name| name.strip_prefix("agent-")) {
            Some(agent_id) => PathParts { session: parts.nth(1).map(str::to_owned), agent_id: Some(agent_id.to_owned()) },
            None => PathParts { session: name.map(str::to_owned), agent_id: None },
        }
    }
}
