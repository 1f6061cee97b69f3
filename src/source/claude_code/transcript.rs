//! Claude Code's transcripts, `<session>.jsonl` and `<session>/subagents/agent-<id>.jsonl`, to drafts.
//!
//! A message has a line for each of its blocks, each with the usage as it was known then: it is told once, when the message
//! is over. A turn is over with a message that calls no tool, and only then another prompt resumes the coder.

use serde_json::Value;

use super::{
    calls::{ApiCall, CallId, Totals},
    conversation::{Conversation, SYNTHETIC, refused, retried},
    facts,
    line::{Content, Line},
    report::{Coder, Teller},
};
use crate::{
    event::{Draft, Time},
    source::{HookContext, Refusal, session::with_text},
};

#[derive(Debug)]
pub(in crate::source) struct Reader {
    place: Place,
    coder: Option<Coder>,
    folder: String,
    /// Of the first line that had one.
    begin: Option<Time>,
    is_begun: bool,
    prompt_id: Option<String>,
    turn_is_over: bool,
    open: Option<Message>,
    /// Id of the last message that was told.
    closed: Option<String>,
    conversation: Conversation,
    /// Those whose cost is not told yet.
    calls: Vec<ApiCall>,
    shared: Totals,
}

/// What a file's path says.
#[derive(Debug)]
struct Place {
    session: Option<String>,
    agent_id: Option<String>,
}

/// A message of which more lines may follow.
#[derive(Debug)]
struct Message {
    id: String,
    call: ApiCall,
    text: Option<String>,
    stop_reason: Option<String>,
}

impl Reader {
    pub fn new(path: &str) -> Reader {
        Reader {
            place: Place::of(path),
            coder: None,
            folder: String::new(),
            begin: None,
            is_begun: false,
            prompt_id: None,
            turn_is_over: false,
            open: None,
            closed: None,
            conversation: Conversation::default(),
            calls: Vec::new(),
            shared: Totals::default(),
        }
    }

    /// # Errors
    /// [`Refusal`] where a line of the conversation names no session, and the path does not either.
    pub fn line(&mut self, value: &Value) -> Result<Vec<Draft>, Refusal> {
        let line = Line::read(value);
        self.begin = self.begin.or(line.time());
        let mut drafts = match line.kind.as_deref() {
            Some("user" | "assistant" | "system") => self.begin(&line)?,
            Some("cost-state") if self.is_begun => Vec::new(),
            _ => return Ok(Vec::new()),
        };
        drafts.extend(match line.kind.as_deref() {
            Some("user") => self.user(&line),
            Some("assistant") => self.assistant(line),
            Some("system") => self.system(&line),
            _ => self.cost_state(value),
        });
        Ok(drafts)
    }

    /// More lines may follow: only a message that is surely over is told as such.
    pub fn end(&mut self) -> Vec<Draft> {
        match &self.open {
            Some(message) if message.stop_reason.is_none() => {
                let mut call = message.call.clone();
                call.usage = call.usage.without_output();
                vec![call.draft()]
            }
            _ => self.close(),
        }
    }

    fn begin(&mut self, line: &Line) -> Result<Vec<Draft>, Refusal> {
        if let Some(folder) = &line.cwd {
            self.folder.clone_from(folder);
        }
        if self.coder.is_none() {
            let Some(session) = line.session_id.as_deref().or(self.place.session.as_deref()) else {
                return Err(Refusal::new("the line has no `sessionId`"));
            };
            self.coder = Some(Coder::new(session, &HookContext::default())?.in_folder(line.cwd.as_deref()));
        }
        let Some(mut teller) = self.teller(line).filter(|_| !self.is_begun) else { return Ok(Vec::new()) };
        self.is_begun = true;
        teller.time = self.begin;
        let about = |draft| with_text(draft, "cwd", line.cwd.as_deref());
        Ok(vec![about(facts::created(&teller, None)), about(facts::started(&teller, None))])
    }

    fn user(&mut self, line: &Line) -> Vec<Draft> {
        let Some(teller) = self.teller(line) else { return Vec::new() };
        let mut drafts = Vec::new();
        if line.prompt_id.is_some() && line.prompt_id != self.prompt_id {
            // What is still open was said to the prompt before.
            drafts = self.close();
            self.prompt_id.clone_from(&line.prompt_id);
        }
        let content = &line.message.content;
        if content.blocks.iter().any(|block| block.is("tool_result")) {
            drafts.extend(self.conversation.results(&teller, line));
            return drafts;
        }
        let Some(prompt) = prompt(content).filter(|_| !line.is_meta && !line.is_compact_summary) else { return drafts };
        drafts.extend(self.close());
        if std::mem::take(&mut self.turn_is_over) {
            drafts.push(facts::prompted(&teller, line.prompt_id.as_deref(), Some(prompt)));
        }
        drafts
    }

    fn assistant(&mut self, line: Line) -> Vec<Draft> {
        let Some(teller) = self.teller(&line) else { return Vec::new() };
        if line.is_api_error_message {
            return self.refused(&teller, line);
        }
        if line.message.model.as_deref() == Some(SYNTHETIC) {
            return Vec::new();
        }
        let mut drafts = self.take_message(&teller, &line);
        drafts.extend(self.conversation.assistant(&teller, line));
        drafts
    }

    fn take_message(&mut self, teller: &Teller<'_>, line: &Line) -> Vec<Draft> {
        let message = &line.message;
        let Some(id) = message.id.as_ref().filter(|id| self.closed.as_ref() != Some(*id)) else { return Vec::new() };
        let drafts = if self.open.as_ref().is_some_and(|open| open.id != *id) { self.close() } else { Vec::new() };
        let open = self.open.get_or_insert_with(|| {
            let request = CallId::Request(line.request_id.as_ref().unwrap_or(id).clone());
            Message { id: id.clone(), call: ApiCall::new(teller.coder.clone(), request, None), text: None, stop_reason: None }
        });
        open.call.time = line.time();
        open.call.usage = message.usage;
        open.call.model.clone_from(&message.model);
        open.stop_reason.clone_from(&message.stop_reason);
        open.text = message.content.text().map(str::to_owned).or(open.text.take());
        drafts
    }

    fn system(&mut self, line: &Line) -> Vec<Draft> {
        let Some(teller) = self.teller(line) else { return Vec::new() };
        let uuid = line.uuid.as_deref();
        match line.subtype.as_deref() {
            Some("api_error") => retried(&teller, line, uuid).into_iter().collect(),
            Some("compact_boundary") => {
                vec![facts::compacted(&teller, uuid, line.compact_metadata.trigger.as_deref(), None)]
            }
            Some("stop_hook_summary" | "turn_duration") => self.close(),
            _ => Vec::new(),
        }
    }

    /// The agent says instead of the model that it gave up.
    fn refused(&mut self, teller: &Teller<'_>, line: Line) -> Vec<Draft> {
        let mut drafts = self.close();
        self.turn_is_over = true;
        let prompt_id = self.prompt_id.as_deref();
        drafts.push(refused(&line).for_good(teller, prompt_id));
        drafts.push(facts::failed(teller, prompt_id, line.error.code.as_deref(), line.message.content.text()));
        drafts.extend(self.conversation.assistant(teller, line));
        drafts
    }

    /// Tells the message that is over, and with it the turn where it calls no tool.
    fn close(&mut self) -> Vec<Draft> {
        let Some(Message { id, call, text, stop_reason }) = self.open.take() else { return Vec::new() };
        self.closed = Some(id);
        let mut drafts = vec![call.draft()];
        if stop_reason.is_some_and(|reason| !matches!(reason.as_str(), "tool_use" | "pause_turn")) {
            self.turn_is_over = true;
            let teller = Teller::new(call.coder.clone(), call.time, "");
            let prompt_id = self.prompt_id.as_deref();
            drafts.push(facts::completed(&teller, prompt_id, text.as_deref()));
            if call.coder.is_subagent() {
                drafts.push(facts::subagent_stopped(&teller, prompt_id, text.as_deref()));
            }
        }
        self.calls.push(call);
        drafts
    }

    /// The last line of a process: what the session used, subagents and all.
    fn cost_state(&mut self, value: &Value) -> Vec<Draft> {
        let mut drafts = self.close();
        let Some(coder) = self.coder.clone() else { return drafts };
        let totals = Totals::read(&value["modelUsage"]).unwrap_or_default();
        totals.since(&self.shared).share_among(&mut self.calls);
        drafts.extend(self.calls.drain(..).map(|call| call.draft()));
        self.shared = totals;
        if let Some(end) =
            value["startTime"].as_i64().zip(value["totalDuration"].as_i64()).map(|(start, span)| start.saturating_add(span))
        {
            let time = Time::from_micros(end.saturating_mul(MICROS_IN_MILLI));
            let teller = Teller::new(coder, Some(time), "");
            drafts.push(facts::stopped(&teller, Some(&["stopped", &end.to_string()]), None));
        }
        drafts
    }

    fn teller(&self, line: &Line) -> Option<Teller<'static>> {
        let coder = self.coder.as_ref()?;
        let coder = match line.agent_id.as_deref().or(self.place.agent_id.as_deref()) {
            Some(agent_id) => coder.subagent(agent_id, line.subagent_type.as_deref()).ok()?,
            None => coder.clone(),
        };
        Some(Teller::new(coder, line.time(), self.folder.clone()))
    }
}

const MICROS_IN_MILLI: i64 = 1_000;

impl Place {
    fn of(path: &str) -> Place {
        let mut parts = path.rsplit(['/', '\\']);
        let name = parts.next().and_then(|name| name.strip_suffix(".jsonl"));
        match name.and_then(|name| name.strip_prefix("agent-")) {
            Some(agent_id) => Place { session: parts.nth(1).map(str::to_owned), agent_id: Some(agent_id.to_owned()) },
            None => Place { session: name.map(str::to_owned), agent_id: None },
        }
    }
}

/// What a person asked, not what the agent noted in a person's name.
fn prompt(content: &Content) -> Option<&str> {
    let text = content.text()?;
    let noted = ["<command-name>", "<local-command-", "<bash-", "<task-notification", "[Request interrupted"];
    (!noted.iter().any(|prefix| text.starts_with(prefix))).then_some(text)
}
