//! Claude Code's transcripts, `<session>.jsonl` and `<session>/subagents/agent-<id>.jsonl`, to facts.
//!
//! A message has a line for each of its blocks, each with the usage as it was known then: it is told once, when the message
//! is over. A turn is over with a message that calls no tool, and only then another prompt resumes the coder.

use std::sync::Arc;

use crate::{
    event::{DataKey, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::{LineReader, Understood},
        coder::CoderIdentity,
        fact::{Fact, Told},
        json::Wire,
    },
};

use super::{
    calls::{ApiCall, CallId, CallTokens, SessionTotals},
    conversation::Dialogue,
    line::{ClaudeLine, MessageContent},
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
    prompt_id: Option<String>,
    turn_is_over: bool,
    open: Option<OpenMessage>,
    /// Id of the last message that was told.
    closed: Option<String>,
    conversation: Dialogue,
    /// Those whose cost is not told yet.
    calls: Vec<ApiCall>,
    shared: SessionTotals,
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
    text: Option<String>,
    stop_reason: Option<String>,
}

pub(super) fn open(path: &str) -> Box<dyn LineReader> {
    Box::new(SessionFile { place: PathParts::of(path), ..SessionFile::default() })
}

impl LineReader for SessionFile {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let line = ClaudeLine(line);
        self.begin = self.begin.or(line.time());
        let mut told: Vec<Told> = match line.kind() {
            Some("user" | "assistant" | "system") => self.begin(line)?.into_iter().collect(),
            Some("cost-state") if self.is_begun => Vec::new(),
            _ => return Ok(Vec::new()),
        };
        told.extend(match line.kind() {
            Some("user") => self.user(line),
            Some("assistant") => self.assistant(line),
            Some("system") => self.system(line),
            _ => self.cost_state(line.0),
        });
        Ok(told)
    }

    /// More lines may follow: only a message that is surely over is told as such.
    fn end(&mut self) -> Vec<Told> {
        match &self.open {
            Some(message) if message.stop_reason.is_none() => {
                let mut call = message.call.clone();
                call.tokens = call.tokens.without_output();
                vec![call.told()]
            }
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
        let Some(speaker) = self.speaker(line).filter(|_| !self.is_begun) else { return Ok(None) };
        self.is_begun = true;
        Ok(Some(speaker.who.says(self.begin, Fact::begun(None)).with(DataKey::Cwd, line.cwd())))
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
            return told;
        }
        let Some(prompt) = prompt(line.content()).filter(|_| !line.is_note()) else { return told };
        told.extend(self.close());
        if std::mem::take(&mut self.turn_is_over) {
            told.push(speaker.prompted(line.prompt_id(), Some(prompt)));
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
        told.extend(self.conversation.assistant(&speaker, line));
        told
    }

    fn take_message(&mut self, speaker: &Speaker<'_>, line: ClaudeLine<'_>) -> Vec<Told> {
        let message = line.message();
        let Some(id) = message.text("id").filter(|id| self.closed.as_deref() != Some(*id)) else { return Vec::new() };
        let told = if self.open.as_ref().is_some_and(|open| open.id != id) { self.close() } else { Vec::new() };
        let open = self.open.get_or_insert_with(|| {
            let request = CallId::Request(line.request_id().unwrap_or(id).to_owned());
            let call = ApiCall::new(&speaker.who, request, None);
            OpenMessage { id: id.to_owned(), call, text: None, stop_reason: None }
        });
        open.call.at = line.time();
        open.call.tokens = CallTokens::read(message.at("usage"));
        open.call.model = message.text("model").map(str::to_owned);
        open.stop_reason = message.text("stop_reason").map(str::to_owned);
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
        let Some(OpenMessage { id, call, text, stop_reason }) = self.open.take() else { return Vec::new() };
        self.closed = Some(id);
        let mut told = vec![call.told()];
        if stop_reason.is_some_and(|reason| !matches!(reason.as_str(), "tool_use" | "pause_turn")) {
            self.turn_is_over = true;
            let speaker = Speaker::new(&call.who, call.at);
            let prompt_id = self.prompt_id.as_deref();
            told.push(speaker.turn_ended(prompt_id, text.as_deref()));
            if call.who.is_subagent() {
                told.push(speaker.subagent_ended(prompt_id, text.as_deref()));
            }
        }
        self.calls.push(call);
        told
    }

    /// The last line of a process: what the session used, subagents and all.
    fn cost_state(&mut self, state: Wire<'_>) -> Vec<Told> {
        let mut told = self.close();
        let Some(who) = &self.who else { return told };
        let totals = SessionTotals::read(state.at("modelUsage")).unwrap_or_default();
        totals.since(&self.shared).share_among(&mut self.calls);
        told.extend(self.calls.drain(..).map(|call| call.told()));
        self.shared = totals;
        let span = state.signed("startTime").zip(state.signed("totalDuration"));
        if let Some(end) = span.map(|(start, duration)| start.saturating_add(duration)) {
            let at = Time::from_micros(end.saturating_mul(MICROS_IN_MILLI));
            told.push(Speaker::new(who, Some(at)).ended(Some(&end.to_string()), None));
        }
        told
    }

    fn speaker(&self, line: ClaudeLine<'_>) -> Option<Speaker<'static>> {
        let who = self.who.as_ref()?;
        let who = match line.agent_id().or(self.place.agent_id.as_deref()) {
            Some(agent_id) => who.subagent(agent_id, line.subagent_type()).ok()?,
            None => Arc::clone(who),
        };
        Some(Speaker { who, at: line.time(), hook: None })
    }
}

const MICROS_IN_MILLI: i64 = 1_000;

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

/// What a person asked, not what the agent noted in a person's name.
fn prompt(content: MessageContent<'_>) -> Option<&str> {
    let text = content.text()?;
    let noted = ["<command-name>", "<local-command-", "<bash-", "<task-notification", "[Request interrupted"];
    (!noted.iter().any(|prefix| text.starts_with(prefix))).then_some(text)
}
