//! What `claude -p --output-format stream-json` prints, to drafts.
//!
//! Of its figures only those are told at once that are final: where a message begins, its `output_tokens` stand for nothing.
//! What the results say of the whole session is shared among its calls when the stream ends, as the agent has exported its
//! telemetry by then. Subagents are coders of their own: each line says whose it is, or which call of a tool started it.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    AT_REST,
    calls::{ApiCall, CallId, Totals},
    conversation::{Conversation, SYNTHETIC, refused, retried},
    facts::{self, Refused},
    line::Line,
    only_if,
    report::{Coder, Teller},
};
use crate::{
    event::{Condition, Draft, EventType, Time},
    source::{HookContext, session::with_text},
};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    coder: Coder,
    folder: String,
    /// Of the last line that had one.
    time: Option<Time>,
    start: Start,
    turn_is_over: bool,
    /// The agent's word for the last request it gave up on.
    refusal: Option<String>,
    subagents: HashMap<String, Subagent>,
    /// Ids of subagents by the call of the tool that started them.
    started_by: HashMap<String, String>,
    conversation: Conversation,
    calls: Vec<ApiCall>,
    /// Places in `calls` by message id.
    by_message: HashMap<String, usize>,
    /// The message that is being written.
    streaming: Option<String>,
    totals: Totals,
}

#[derive(Debug)]
struct Subagent {
    coder: Coder,
    model: Option<String>,
    /// Its last line was the model's, without a call: it had nothing more to do.
    has_concluded: bool,
}

/// How the session began, as the hooks' own lines tell; nothing tells it where there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Unknown,
    Fresh,
    Resumed,
    /// `init` came before: another one begins another turn.
    Over,
}

impl Reader {
    /// `None` where `line` does not begin this agent's output.
    pub fn opened_by(line: &Value, context: &HookContext) -> Option<Reader> {
        let line = Line::read(line);
        // Others write `init` as the type itself.
        if line.kind.as_deref() != Some("system") || line.subtype.is_none() {
            return None;
        }
        let coder = Coder::new(line.session_id.as_deref()?, context).ok()?;
        Some(Reader {
            coder,
            folder: String::new(),
            time: None,
            start: Start::Unknown,
            turn_is_over: false,
            refusal: None,
            subagents: HashMap::new(),
            started_by: HashMap::new(),
            conversation: Conversation::default(),
            calls: Vec::new(),
            by_message: HashMap::new(),
            streaming: None,
            totals: Totals::default(),
        })
    }

    pub fn line(&mut self, value: &Value) -> Vec<Draft> {
        let line = Line::read(value);
        if let Some(time) = line.time() {
            self.time = Some(time);
            self.settle_time(time);
        }
        match line.kind.as_deref() {
            Some("system") => self.system(&line),
            Some("assistant") => self.assistant(line),
            Some("user") => self.user(&line),
            Some("stream_event") => self.stream_event(&line),
            Some("rate_limit_event") => self.limit(&line).into_iter().collect(),
            Some("result") => vec![self.result(value, &line)],
            _ => Vec::new(),
        }
    }

    pub fn end(&mut self) -> Vec<Draft> {
        if self.start != Start::Over {
            return Vec::new();
        }
        if let Some(time) = self.time {
            self.settle_time(time);
        }
        self.totals.share_among(&mut self.calls);
        let is_told = |call: &&ApiCall| call.usage.input_tokens.is_some();
        let mut drafts: Vec<Draft> = self.calls.iter().filter(is_told).map(ApiCall::draft).collect();
        drafts.push(facts::stopped(&Teller::new(self.coder.clone(), None, ""), None, None));
        drafts
    }

    fn system(&mut self, line: &Line) -> Vec<Draft> {
        match line.subtype.as_deref() {
            Some("init") => self.init(line),
            Some("hook_started") if line.hook_event.as_deref() == Some("SessionStart") && self.start == Start::Unknown => {
                let resumes = line.hook_name.as_deref().is_some_and(|name| name.ends_with(":resume"));
                self.start = if resumes { Start::Resumed } else { Start::Fresh };
                Vec::new()
            }
            Some("api_retry") => retried(&self.teller(line), line, None).into_iter().collect(),
            Some("compact_boundary") => {
                vec![facts::compacted(&self.teller(line), None, line.compact_metadata.trigger.as_deref(), None)]
            }
            Some("task_started") if line.task_type.as_deref() == Some("local_agent") => {
                let Some(agent_id) = line.task_id.as_deref() else { return Vec::new() };
                if let Some(call) = &line.tool_use_id {
                    self.started_by.insert(call.clone(), agent_id.to_owned());
                }
                self.meet(agent_id, line)
            }
            Some("task_notification") => self.task_notification(line),
            _ => Vec::new(),
        }
    }

    fn init(&mut self, line: &Line) -> Vec<Draft> {
        if let Some(folder) = &line.cwd {
            self.folder.clone_from(folder);
            self.coder = self.coder.clone().in_folder(Some(folder));
        }
        let teller = self.teller(line);
        let about = |draft: Draft| {
            let draft = with_text(draft, "cwd", line.cwd.as_deref());
            with_text(draft, "model", line.model.as_deref())
        };
        let drafts = match self.start {
            Start::Over if self.turn_is_over => vec![facts::prompted(&teller, None, None)],
            Start::Over => Vec::new(),
            Start::Fresh => vec![about(facts::created(&teller, None)), about(facts::started(&teller, None))],
            Start::Resumed => {
                vec![only_if(about(facts::created(&teller, None)), Condition::Unknown), about(facts::resumed(&teller))]
            }
            Start::Unknown => vec![
                about(facts::created(&teller, None)),
                about(facts::started(&teller, None)),
                only_if(facts::resumed(&teller), Condition::Status(AT_REST.to_vec())),
            ],
        };
        (self.start, self.turn_is_over) = (Start::Over, false);
        drafts
    }

    fn assistant(&mut self, line: Line) -> Vec<Draft> {
        let mut drafts = self.meet_teller(&line);
        let teller = self.teller(&line);
        if line.is_api_error_message {
            self.refusal.clone_from(&line.error.code);
            drafts.push(refused(&line).for_good(&teller, None));
        } else if line.message.model.as_deref() == Some(SYNTHETIC) {
            return drafts;
        } else {
            drafts.extend(self.call(&line, &teller.coder));
        }
        drafts.extend(self.conversation.assistant(&teller, line));
        drafts
    }

    /// A message has a line for each of its blocks: the first makes the call known.
    fn call(&mut self, line: &Line, coder: &Coder) -> Option<Draft> {
        let message_id = line.message.id.as_ref()?;
        if let Some(agent) = self.subagent_mut(line) {
            agent.model.clone_from(&line.message.model);
            agent.has_concluded = !line.message.content.blocks.iter().any(|block| block.is("tool_use"));
        }
        if self.by_message.contains_key(message_id) {
            return None;
        }
        let id = line.request_id.as_ref().unwrap_or(message_id);
        let mut call = ApiCall::new(coder.clone(), CallId::Request(id.clone()), line.time());
        call.model.clone_from(&line.message.model);
        call.usage = line.message.usage.without_output();
        // The end of the message will tell the rest.
        let draft = (self.streaming.as_ref() != Some(message_id)).then(|| call.draft());
        self.by_message.insert(message_id.clone(), self.calls.len());
        self.calls.push(call);
        draft
    }

    fn user(&mut self, line: &Line) -> Vec<Draft> {
        let mut drafts = self.meet_teller(line);
        if let Some(agent) = self.subagent_mut(line) {
            agent.has_concluded = false;
        }
        let teller = self.teller(line);
        drafts.extend(self.conversation.results(&teller, line));
        drafts
    }

    /// Parts of a message, where they were asked for: only they have its final figures.
    fn stream_event(&mut self, line: &Line) -> Vec<Draft> {
        let event = &line.event;
        let message_id = || line.api_message_id.as_ref().or(self.streaming.as_ref());
        match event.kind.as_deref() {
            Some("message_start") => {
                self.streaming.clone_from(&event.message.id);
                Vec::new()
            }
            Some("message_delta") => {
                let place = message_id().and_then(|id| self.by_message.get(id)).copied();
                if let Some(call) = place.and_then(|place| self.calls.get_mut(place)) {
                    call.usage.output_tokens = event.usage.output_tokens.or(call.usage.output_tokens);
                }
                Vec::new()
            }
            Some("message_stop") => {
                let place = message_id().and_then(|id| self.by_message.get(id)).copied();
                self.streaming = None;
                place.and_then(|place| self.calls.get(place)).map(ApiCall::draft).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// A limit of the subscription: passed, or close.
    fn limit(&self, line: &Line) -> Option<Draft> {
        let info = &line.rate_limit_info;
        let teller = self.teller(line);
        let limit = info.limit.as_deref().unwrap_or("requests");
        let draft = match info.status.as_deref()? {
            "rejected" => Refused { code: Some(facts::RATE_LIMIT), ..Refused::default() }.for_good(&teller, None),
            "allowed_warning" => {
                let resets_at = info.resets_at.unwrap_or(0).to_string();
                teller.own(teller.draft(EventType::ResourceLimit), &["limit", limit, &resets_at])
            }
            _ => return None,
        };
        let draft = draft.with("limit", limit);
        Some(match info.resets_at {
            Some(resets_at) => draft.with("resets_at", resets_at),
            None => draft,
        })
    }

    fn task_notification(&mut self, line: &Line) -> Vec<Draft> {
        let Some((agent_id, agent)) = line.task_id.as_deref().and_then(|id| self.subagents.get_key_value(id)) else {
            return Vec::new();
        };
        if let (false, Some(tokens)) = (agent.has_concluded, line.usage.total_tokens) {
            // The next line that has a time will give it one.
            let mut last = ApiCall::new(agent.coder.clone(), CallId::LastOfSubagent { tokens }, None);
            last.model.clone_from(&agent.model);
            self.calls.push(last);
        }
        let teller = Teller::new(agent.coder.clone(), None, "");
        let message = line.summary.as_deref();
        let stopped = with_text(facts::subagent_stopped(&teller, None, message), "agent_id", Some(agent_id));
        match line.status.as_deref() {
            Some("completed") => vec![facts::completed(&teller, None, message), stopped],
            Some("failed") => vec![facts::failed(&teller, None, None, message), stopped],
            _ => vec![stopped],
        }
    }

    /// The end of a turn. A request that was refused for good still has the subtype `success`.
    fn result(&mut self, value: &Value, line: &Line) -> Draft {
        match Totals::read(&value["model_usage_since_last_result"]) {
            Some(since) => self.totals.add(&since),
            None => self.totals = Totals::read(&value["modelUsage"]).unwrap_or_default(),
        }
        self.turn_is_over = true;
        let teller = self.teller(line);
        let message = line.result.as_deref();
        let ended = line.terminal_reason.as_deref();
        if line.is_error || ended.is_some_and(|reason| reason != "completed") {
            let refusal = self.refusal.take();
            let code = refusal.as_deref().or(line.subtype.as_deref().filter(|subtype| *subtype != "success")).or(ended);
            return facts::failed(&teller, None, code, message);
        }
        let denied: Vec<&str> = line.permission_denials.iter().filter_map(|denial| denial.tool_name.as_deref()).collect();
        let completed = facts::completed(&teller, None, message);
        if denied.is_empty() { completed } else { with_text(completed, "permission_denials", Some(&denied.join(", "))) }
    }

    fn settle_time(&mut self, time: Time) {
        let waiting = self.calls.iter_mut().rev().take_while(|call| call.time.is_none());
        waiting.for_each(|call| call.time = Some(time));
    }

    fn agent_id<'l>(&'l self, line: &'l Line) -> Option<&'l str> {
        line.agent_id.as_deref().or_else(|| self.started_by.get(line.parent_tool_use_id.as_deref()?).map(String::as_str))
    }

    fn subagent_mut(&mut self, line: &Line) -> Option<&mut Subagent> {
        let agent_id = self.agent_id(line)?.to_owned();
        self.subagents.get_mut(&agent_id)
    }

    /// The subagent that a line is of, if it is the first one of it.
    fn meet_teller(&mut self, line: &Line) -> Vec<Draft> {
        match self.agent_id(line).map(str::to_owned) {
            Some(agent_id) => self.meet(&agent_id, line),
            None => Vec::new(),
        }
    }

    fn meet(&mut self, agent_id: &str, line: &Line) -> Vec<Draft> {
        if self.subagents.contains_key(agent_id) {
            return Vec::new();
        }
        let Ok(coder) = self.coder.subagent(agent_id, line.subagent_type.as_deref()) else { return Vec::new() };
        let teller = Teller::new(coder.clone(), line.time(), &self.folder);
        let drafts = vec![facts::created(&teller, None), facts::started(&teller, None)];
        self.subagents.insert(agent_id.to_owned(), Subagent { coder, model: line.model.clone(), has_concluded: false });
        drafts
    }

    fn teller(&self, line: &Line) -> Teller<'static> {
        let subagent = self.agent_id(line).and_then(|agent_id| self.subagents.get(agent_id));
        let coder = subagent.map_or(&self.coder, |subagent| &subagent.coder);
        Teller::new(coder.clone(), line.time(), self.folder.clone())
    }
}
