//! What `claude -p --output-format stream-json` prints, to facts.
//!
//! Of its figures only those are told that are final: where a message begins, its `output_tokens` stand for nothing. What a
//! result says was used since the one before is told as that sum. Subagents are coders of their own: each line says whose it is, or which call of a tool started it.

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
    calls::{ApiCall, CallTokens, session_usage},
    conversation::Dialogue,
    line::ClaudeLine,
    session::{RATE_LIMIT, Speaker, refused},
};

#[derive(Debug)]
struct StreamJson {
    context: HookContext,
    /// As `init` names it: what hooks print before may be of a session that is only about to be resumed.
    who: Arc<CoderIdentity>,
    folder: String,
    /// Of the last line that had one.
    time: Option<Time>,
    start: SessionStart,
    turn_is_over: bool,
    /// The agent's word for the last request it gave up on.
    refusal: Option<String>,
    subagents: HashMap<String, Arc<CoderIdentity>>,
    /// Ids of subagents by the call of the tool that started them.
    started_by: HashMap<String, String>,
    conversation: Dialogue,
    /// Calls that may still be told more of, by message id.
    calls: HashMap<String, ApiCall>,
    /// The message that is being written.
    streaming: Option<String>,
    /// From when on the next result tells what was used.
    since: Option<Time>,
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
        context: context.clone(),
        who,
        folder: String::new(),
        time: None,
        start: SessionStart::Unknown,
        turn_is_over: false,
        refusal: None,
        subagents: HashMap::new(),
        started_by: HashMap::new(),
        conversation: Dialogue::default(),
        calls: HashMap::new(),
        streaming: None,
        since: context.began,
    }))
}

impl LineReader for StreamJson {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let line = ClaudeLine(line);
        if let Some(time) = line.time() {
            self.time = Some(time);
        }
        Ok(match line.kind() {
            Some("system") => self.system(line),
            Some("assistant") => self.assistant(line),
            Some("user") => self.user(line),
            Some("stream_event") => self.stream_event(line).into_iter().collect(),
            Some("rate_limit_event") => self.limit(line).into_iter().collect(),
            Some("result") => self.result(line),
            _ => Vec::new(),
        })
    }

    fn end(&mut self) -> Vec<Told> {
        if self.start != SessionStart::Over {
            return Vec::new();
        }
        vec![Speaker::new(&self.who, None).ended(None, None)]
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
        if let Some(Ok(who)) = line.session_id().map(|id| CoderIdentity::new(Agent::ClaudeCode, id, &self.context)) {
            self.who = who;
        }
        if let Some(folder) = line.cwd() {
            folder.clone_into(&mut self.folder);
            self.who = Arc::clone(&self.who).in_folder(Some(folder));
        }
        let speaker = self.speaker(line);
        let about = |told: Told| told.with(DataKey::Cwd, line.cwd()).with(DataKey::Model, line.0.text("model"));
        let begun = || about(speaker.says(Fact::begun(None)));
        let told = match self.start {
            SessionStart::Over if self.turn_is_over => vec![speaker.prompted(None)],
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
        if self.calls.contains_key(message_id) {
            return None;
        }
        let mut call = ApiCall::new(who, Some(line.request_id().unwrap_or(message_id)), line.time());
        call.line = line.uuid().map(str::to_owned);
        call.model = model.map(str::to_owned);
        call.tokens = CallTokens::read(message.at("usage")).without_output();
        // The end of the message will tell the rest.
        let told = (self.streaming.as_deref() != Some(message_id)).then(|| call.told());
        self.calls.insert(message_id.to_owned(), call);
        told
    }

    fn user(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        let mut told = self.meet_speaker(line);
        let speaker = self.speaker(line);
        told.extend(self.conversation.results(&speaker, line, &self.folder));
        // A subagent's task, and what a person asks where the agent is told to repeat it.
        told.extend(line.prompt().map(|prompt| speaker.asked(line.prompt_id(), &prompt)));
        told
    }

    /// Parts of a message, where they were asked for: only they have its final figures.
    fn stream_event(&mut self, line: ClaudeLine<'_>) -> Option<Told> {
        let event = line.0.at("event");
        let message_id = line.0.text("api_message_id").or(self.streaming.as_deref());
        let call = message_id.and_then(|id| self.calls.get_mut(id));
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
        let speaker = Speaker::new(agent, None);
        let message = line.0.text("summary");
        let ended = speaker.subagent_ended(None, message).with(DataKey::AgentId, Some(agent_id));
        match line.0.text("status") {
            Some("completed") => vec![speaker.turn_ended(None, message), ended],
            Some("failed") => vec![speaker.turn_failed(None, None, message), ended],
            _ => vec![ended],
        }
    }

    /// The end of a turn, and what was used in it.
    fn result(&mut self, line: ClaudeLine<'_>) -> Vec<Told> {
        self.turn_is_over = true;
        // Its calls are known by now: what is told later is of others.
        self.calls.clear();
        let sum = self.used(line);
        sum.into_iter().chain([self.turn_ended(line)]).collect()
    }

    fn used(&mut self, line: ClaudeLine<'_>) -> Option<Told> {
        let at = line.time().or(self.time);
        let recent = session_usage(line.0.at("model_usage_since_last_result"));
        // Older versions tell what the whole session used, with all it was before it was resumed.
        let since = recent.as_ref().and(self.since);
        let usage = recent.or_else(|| session_usage(line.0.at("modelUsage")))?;
        self.since = at;
        Some(self.who.says(at, Fact::Summed { usage, since }))
    }

    /// A request that was refused for good still has the subtype `success`.
    fn turn_ended(&mut self, line: ClaudeLine<'_>) -> Told {
        let speaker = self.speaker(line);
        let message = line.0.text("result");
        let ended = line.0.text("terminal_reason");
        if line.0.truth("is_error") == Some(true) || ended.is_some_and(|reason| reason != "completed") {
            let refusal = self.refusal.as_deref();
            let code = refusal.or(line.subtype().filter(|subtype| *subtype != "success")).or(ended);
            let failed = speaker.turn_failed(None, code, message);
            self.refusal = None;
            return failed;
        }
        let denied: Vec<&str> = line.0.list("permission_denials").filter_map(|denial| denial.text("tool_name")).collect();
        let denied = Some(denied.join(", ")).filter(|denied| !denied.is_empty());
        speaker.turn_ended(None, message).with(DataKey::PermissionDenials, denied)
    }

    fn agent_id<'l>(&'l self, line: ClaudeLine<'l>) -> Option<&'l str> {
        line.agent_id().or_else(|| self.started_by.get(line.0.text("parent_tool_use_id")?).map(String::as_str))
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
        self.subagents.insert(agent_id.to_owned(), who);
        Some(begun)
    }

    fn who_says(&self, line: ClaudeLine<'_>) -> Arc<CoderIdentity> {
        let subagent = self.agent_id(line).and_then(|agent_id| self.subagents.get(agent_id));
        Arc::clone(subagent.unwrap_or(&self.who))
    }

    fn speaker<'l>(&self, line: ClaudeLine<'l>) -> Speaker<'l> {
        Speaker { who: self.who_says(line), at: line.time(), hook: None, line: line.uuid() }
    }
}
