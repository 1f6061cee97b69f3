//! What `claude -p --output-format stream-json` prints, to facts.
//!
//! Of its figures only those are told at once that are final: where a message begins, its `output_tokens` stand for nothing.
//! What the results say of the whole session is shared among its calls when the stream ends, as the agent has exported its
//! telemetry by then. Subagents are coders of their own: each line says whose it is, or which call of a tool started it.

use std::{collections::HashMap, sync::Arc};

use crate::{
    event::{DataKey, Time},
    source::{
        Agent, HookContext,
        channel::{LineReader, Understood},
        coder::CoderIdentity,
        fact::{Fact, OnlyIf, Told},
        json::Wire,
    },
};

use super::{
    calls::{ApiCall, CallId, CallTokens, SessionTotals},
    conversation::Dialogue,
    line::ClaudeLine,
    session::{RATE_LIMIT, Speaker, refused},
};

#[derive(Debug)]
struct StreamJson {
    who: Arc<CoderIdentity>,
    folder: String,
    /// Of the last line that had one.
    time: Option<Time>,
    start: SessionStart,
    turn_is_over: bool,
    /// The agent's word for the last request it gave up on.
    refusal: Option<String>,
    subagents: HashMap<String, Subagent>,
    /// Ids of subagents by the call of the tool that started them.
    started_by: HashMap<String, String>,
    conversation: Dialogue,
    calls: Vec<ApiCall>,
    /// Places in `calls` by message id.
    by_message: HashMap<String, usize>,
    /// The message that is being written.
    streaming: Option<String>,
    totals: SessionTotals,
}

#[derive(Debug)]
struct Subagent {
    who: Arc<CoderIdentity>,
    model: Option<String>,
    /// Its last line was the model's, without a call: it had nothing more to do.
    has_concluded: bool,
}

/// How the session began, as the hooks' own lines tell; nothing tells it where there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionStart {
    Unknown,
    Fresh,
    Resumed,
    /// `init` came before: another one begins another turn.
    Over,
}

pub(super) fn open(line: Wire<'_>, context: &HookContext) -> Option<Box<dyn LineReader>> {
    let line = ClaudeLine(line);
    // Others write `init` as the type itself.
    line.subtype().filter(|_| line.kind() == Some("system"))?;
    let who = CoderIdentity::new(Agent::ClaudeCode, line.session_id()?, context).ok()?;
    Some(Box::new(StreamJson {
        who,
        folder: String::new(),
        time: None,
        start: SessionStart::Unknown,
        turn_is_over: false,
        refusal: None,
        subagents: HashMap::new(),
        started_by: HashMap::new(),
        conversation: Dialogue::default(),
        calls: Vec::new(),
        by_message: HashMap::new(),
        streaming: None,
        totals: SessionTotals::default(),
    }))
}

impl LineReader for StreamJson {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let line = ClaudeLine(line);
        if let Some(time) = line.time() {
            self.time = Some(time);
            self.settle_time(time);
        }
        Ok(match line.kind() {
            Some("system") => self.system(line),
            Some("assistant") => self.assistant(line),
            Some("user") => self.user(line),
            Some("stream_event") => self.stream_event(line).into_iter().collect(),
            Some("rate_limit_event") => self.limit(line).into_iter().collect(),
            Some("result") => vec![self.result(line)],
            _ => Vec::new(),
        })
    }

    fn end(&mut self) -> Vec<Told> {
        if self.start != SessionStart::Over {
            return Vec::new();
        }
        if let Some(time) = self.time {
            self.settle_time(time);
        }
        self.totals.share_among(&mut self.calls);
        let is_told = |call: &&ApiCall| call.tokens.input.is_some();
        let mut told: Vec<Told> = self.calls.iter().filter(is_told).map(ApiCall::told).collect();
        told.push(Speaker::new(&self.who, None).ended(None, None));
        told
    }
}

impl StreamJson {
    fn system(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        match line.subtype() {
            Some("init") => self.init(line),
            Some("hook_started") if line.0.is("hook_event", "SessionStart") && self.start == SessionStart::Unknown => {
                let resumes = line.0.text("hook_name").is_some_and(|name| name.ends_with(":resume"));
                self.start = if resumes { SessionStart::Resumed } else { SessionStart::Fresh };
                Vec::new()
            }
            Some("api_retry") => line.retried(&self.who_says(line), None).into_iter().collect(),
            Some("compact_boundary") => vec![self.speaker(line).compacted(None, line.compaction_trigger(), None)],
            Some("task_started") if line.0.is("task_type", "local_agent") => {
                let Some(agent_id) = line.0.text("task_id") else { return Vec::new() };
                if let Some(call) = line.0.text("tool_use_id") {
                    self.started_by.insert(call.to_owned(), agent_id.to_owned());
                }
                self.meet(agent_id, line).into_iter().collect()
            }
            Some("task_notification") => self.task_notification(line),
            _ => Vec::new(),
        }
    }

    fn init(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        if let Some(folder) = line.cwd() {
            folder.clone_into(&mut self.folder);
            self.who = Arc::clone(&self.who).in_folder(Some(folder));
        }
        let speaker = self.speaker(line);
        let about = |told: Told| told.with(DataKey::Cwd, line.cwd()).with(DataKey::Model, line.0.text("model"));
        let begun = || about(speaker.says(Fact::begun(None)));
        let told = match self.start {
            SessionStart::Over if self.turn_is_over => vec![speaker.prompted(None, None)],
            SessionStart::Over => Vec::new(),
            SessionStart::Fresh => vec![begun()],
            SessionStart::Resumed => vec![begun().only_if(OnlyIf::Unknown), about(speaker.taken_up())],
            SessionStart::Unknown => vec![begun(), speaker.taken_up().only_if(OnlyIf::AtRest)],
        };
        (self.start, self.turn_is_over) = (SessionStart::Over, false);
        told
    }

    fn assistant(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let mut told = self.meet_speaker(line);
        let speaker = self.speaker(line);
        if line.is_refusal() {
            self.refusal = line.error_code().map(str::to_owned);
            told.push(speaker.refused_for_good(line.refused(), None));
        } else if line.is_synthetic() {
            return told;
        } else {
            told.extend(self.call(line, &speaker.who));
        }
        told.extend(self.conversation.assistant(&speaker, line));
        told
    }

    /// A message has a line for each of its blocks: the first makes the call known.
    fn call(&mut self, line: ClaudeLine<'_>, who: &Arc<CoderIdentity>) -> Option<Told> {
        let (message, model) = (line.message(), line.message().text("model"));
        let message_id = message.text("id")?;
        if let Some(agent) = self.subagent_mut(line) {
            agent.model = model.map(str::to_owned);
            agent.has_concluded = line.content().blocks("tool_use").next().is_none();
        }
        if self.by_message.contains_key(message_id) {
            return None;
        }
        let id = CallId::Request(line.request_id().unwrap_or(message_id).to_owned());
        let mut call = ApiCall::new(who, id, line.time());
        call.model = model.map(str::to_owned);
        call.tokens = CallTokens::read(message.at("usage")).without_output();
        // The end of the message will tell the rest.
        let told = (self.streaming.as_deref() != Some(message_id)).then(|| call.told());
        self.by_message.insert(message_id.to_owned(), self.calls.len());
        self.calls.push(call);
        told
    }

    fn user(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let mut told = self.meet_speaker(line);
        if let Some(agent) = self.subagent_mut(line) {
            agent.has_concluded = false;
        }
        let speaker = self.speaker(line);
        told.extend(self.conversation.results(&speaker, line, &self.folder));
        told
    }

    /// Parts of a message, where they were asked for: only they have its final figures.
    fn stream_event(&mut self, line: ClaudeLine<'_>) -> Option<Told> {
        let event = line.0.at("event");
        let message_id = line.0.text("api_message_id").or(self.streaming.as_deref());
        let place = message_id.and_then(|id| self.by_message.get(id)).copied();
        let call = place.and_then(|place| self.calls.get_mut(place));
        match event.text("type")? {
            "message_start" => self.streaming = event.at("message").text("id").map(str::to_owned),
            "message_delta" => {
                let call = call?;
                call.tokens.output = event.at("usage").whole("output_tokens").or(call.tokens.output);
            }
            "message_stop" => {
                let told = call.map(|call| call.told());
                self.streaming = None;
                return told;
            }
            _ => {}
        }
        None
    }

    /// A limit of the subscription: passed, or close.
    fn limit(&self, line: ClaudeLine<'_>) -> Option<Told> {
        let info = line.0.at("rate_limit_info");
        let speaker = self.speaker(line);
        let limit = info.text("rateLimitType").unwrap_or("requests");
        let resets_at = info.whole("resetsAt");
        let told = match info.text("status")? {
            "rejected" => speaker.refused_for_good(refused(None, Some(RATE_LIMIT), None), None),
            "allowed_warning" => {
                let ids = speaker.who.own(&["limit", limit, &resets_at.unwrap_or(0).to_string()]);
                speaker.says(Fact::LimitNear).known_by(ids)
            }
            _ => return None,
        };
        Some(told.with(DataKey::Limit, Some(limit)).with(DataKey::ResetsAt, resets_at))
    }

    fn task_notification(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let Some(agent_id) = line.0.text("task_id") else { return Vec::new() };
        let Some(agent) = self.subagents.get(agent_id) else { return Vec::new() };
        if let (false, Some(tokens)) = (agent.has_concluded, line.0.at("usage").whole("total_tokens")) {
            // The next line that has a time will give it one.
            let mut last = ApiCall::new(&agent.who, CallId::LastOfSubagent { tokens }, None);
            last.model.clone_from(&agent.model);
            self.calls.push(last);
        }
        let speaker = Speaker::new(&agent.who, None);
        let message = line.0.text("summary");
        let ended = speaker.subagent_ended(None, message).with(DataKey::AgentId, Some(agent_id));
        match line.0.text("status") {
            Some("completed") => vec![speaker.turn_ended(None, message), ended],
            Some("failed") => vec![speaker.turn_failed(None, None, message), ended],
            _ => vec![ended],
        }
    }

    /// The end of a turn. A request that was refused for good still has the subtype `success`.
    fn result(&mut self, line: ClaudeLine<'_>) -> Told {
        match SessionTotals::read(line.0.at("model_usage_since_last_result")) {
            Some(since) => self.totals.add(&since),
            None => self.totals = SessionTotals::read(line.0.at("modelUsage")).unwrap_or_default(),
        }
        self.turn_is_over = true;
        let speaker = self.speaker(line);
        let message = line.0.text("result");
        let ended = line.0.text("terminal_reason");
        if line.0.truth("is_error") == Some(true) || ended.is_some_and(|reason| reason != "completed") {
            let refusal = self.refusal.take();
            let code = refusal.as_deref().or(line.subtype().filter(|subtype| *subtype != "success")).or(ended);
            return speaker.turn_failed(None, code, message);
        }
        let denied: Vec<&str> = line.0.list("permission_denials").filter_map(|denial| denial.text("tool_name")).collect();
        let denied = Some(denied.join(", ")).filter(|denied| !denied.is_empty());
        speaker.turn_ended(None, message).with(DataKey::PermissionDenials, denied)
    }

    fn settle_time(&mut self, time: Time) {
        let waiting = self.calls.iter_mut().rev().take_while(|call| call.at.is_none());
        waiting.for_each(|call| call.at = Some(time));
    }

    fn agent_id<'l>(&'l self, line: ClaudeLine<'l>) -> Option<&'l str> {
        line.agent_id().or_else(|| self.started_by.get(line.0.text("parent_tool_use_id")?).map(String::as_str))
    }

    fn subagent_mut(&mut self, line: ClaudeLine<'_>) -> Option<&mut Subagent> {
        let agent_id = self.agent_id(line)?.to_owned();
        self.subagents.get_mut(&agent_id)
    }

    /// The subagent that a line is of, if it is the first one of it.
    fn meet_speaker(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let agent_id = self.agent_id(line).map(str::to_owned);
        agent_id.and_then(|agent_id| self.meet(&agent_id, line)).into_iter().collect()
    }

    fn meet(&mut self, agent_id: &str, line: ClaudeLine<'_>) -> Option<Told> {
        if self.subagents.contains_key(agent_id) {
            return None;
        }
        let who = self.who.subagent(agent_id, line.subagent_type()).ok()?;
        let begun = who.says(line.time(), Fact::begun(None));
        let model = line.0.text("model").map(str::to_owned);
        self.subagents.insert(agent_id.to_owned(), Subagent { who, model, has_concluded: false });
        Some(begun)
    }

    fn who_says(&self, line: ClaudeLine<'_>) -> Arc<CoderIdentity> {
        let subagent = self.agent_id(line).and_then(|agent_id| self.subagents.get(agent_id));
        Arc::clone(subagent.map_or(&self.who, |subagent| &subagent.who))
    }

    fn speaker(&self, line: ClaudeLine<'_>) -> Speaker<'static> {
        Speaker { who: self.who_says(line), at: line.time(), hook: None }
    }
}
