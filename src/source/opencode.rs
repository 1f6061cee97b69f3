//! opencode: the events that its plugin hands on, to facts.
//!
//! The plugin reports parts of messages once they are finished. Files are told by the tools that wrote them: opencode's own
//! file events name no session.

mod feed;

use std::sync::Arc;

use crate::event::DataKey;

use super::{
    Agent, HookContext, Refusal,
    asked::answered,
    channel::{Channels, HookPayload, Understood},
    coder::{Asker, CoderIdentity, Ids, nth_part, print},
    diff::FileDiff,
    fact::{About, Fact, ModelUsage, OnlyIf, RefusedCall, Switch, Told, Tool, TouchedFile, Waits},
    json::Wire,
    shell,
};

pub(super) const CHANNELS: Channels =
    Channels { hook: read_hook, stream: None, transcript: Some(feed::open), telemetry: None, ear: None };

/// What opencode's events begin with; most tell nothing of a coder's work.
const FAMILIES: &[&str] = &[
    "session",
    "message",
    "chat",
    "permission",
    "question",
    "todo",
    "file",
    "plugin",
    "catalog",
    "reference",
    "integration",
    "server",
    "installation",
    "vcs",
    "lsp",
    "mcp",
    "command",
    "project",
    "pty",
    "tui",
    "worktree",
    "workspace",
    "global",
    "ide",
];
/// What tells a person which call of a tool it was; each tool has some of these.
const SUBJECTS: &[&str] = &["command", "filePath", "pattern", "query", "url", "description"];
/// What stands there where a command printed nothing.
const NO_OUTPUT: &str = "(no output)";

/// # Errors
/// [`Refusal`] where the payload has no type or one that is not known, or its session cannot be part of a coder's id.
fn read_hook(hook: &HookPayload<'_>) -> Understood {
    let event = hook.wire;
    let Some(kind) = event.text("type") else { return Err(Refusal::new("the payload has no `type`")) };
    let family = kind.split('.').next().unwrap_or_default();
    if !FAMILIES.contains(&family) {
        return Err(Refusal::unknown("event", kind));
    }
    let properties = event.at("properties");
    let (info, part) = (properties.at("info"), properties.at("part"));
    let Some(id) = properties.text("sessionID").or(info.text("id")).or(part.text("sessionID")) else {
        // What concerns no session is no coder's.
        return Ok(Vec::new());
    };
    let parent = info.text("parentID").map(|parent| format!("{}:{parent}", Agent::Opencode));
    let parent_coder_id = parent.or_else(|| hook.context.parent_coder_id.clone());
    let folder = event.text("directory").or(info.text("directory"));
    let context = HookContext { parent_coder_id, process: hook.context.process.clone(), ..HookContext::default() };
    let who = CoderIdentity::new(Agent::Opencode, id, &context)?.in_folder(folder);
    Ok(OpencodeEvent { event, properties, who, folder }.told(kind))
}

struct OpencodeEvent<'p> {
    event: Wire<'p>,
    properties: Wire<'p>,
    who: Arc<CoderIdentity>,
    folder: Option<&'p str>,
}

impl OpencodeEvent<'_> {
    fn told(&self, kind: &str) -> Vec<Told> {
        let properties = self.properties;
        match kind {
            "session.created" => {
                let at = properties.at("info").at("time").time("created");
                vec![self.who.says(at, Fact::begun(None)).with(DataKey::Cwd, self.folder)]
            }
            "session.updated" => properties.at("info").text("title").and_then(|title| self.titled(title)).into_iter().collect(),
            "session.switched" => self.switched(),
            "session.deleted" => vec![self.says(Fact::Deleted { reason: None }).known_by(self.who.natural(&["deleted"]))],
            // It comes after an error and an interruption too.
            "session.idle" => vec![self.says(Fact::turn_ended(None)).only_if(OnlyIf::AtWork)],
            "session.status" => self.status(properties.at("status")).into_iter().collect(),
            "session.error" => self.error(properties.at("error")),
            "session.compacted" => vec![self.says(Fact::compacted(None))],
            "permission.asked" => {
                vec![self.says(Fact::Waits(Waits::Permission)).with(DataKey::Request, properties.text("permission"))]
            }
            "question.asked" => {
                let question = properties.list("questions").next().and_then(|question| question.text("question"));
                vec![self.says(Fact::Waits(Waits::Question)).with(DataKey::Question, question)]
            }
            "permission.replied" => {
                let granted = properties.first_text(&["reply", "response"]).map(|reply| reply != "reject");
                vec![self.says(Fact::Answered { granted })]
            }
            "question.replied" | "question.rejected" => vec![self.says(Fact::Answered { granted: None })],
            "chat.params" => self.side_call().into_iter().collect(),
            "todo.updated" => self.todos().into_iter().collect(),
            "message.part.updated" => self.part(properties.at("part")),
            _ => Vec::new(),
        }
    }

    /// The plugin's own word for a prompt in another mode, or to another model, than the one before.
    fn switched(&self) -> Vec<Told> {
        let to = |what, name: &str| {
            let ids = self.event.text("id").map_or(Ids::OfItself, |id| self.who.natural(&["event", id, name]));
            let switched = Fact::Switched { what, to: self.properties.text(name)?.to_owned() };
            Some(self.says(switched).known_by(ids))
        };
        [to(Switch::Model, "model"), to(Switch::Mode, "mode")].into_iter().flatten().collect()
    }

    /// Every event of opencode has an id.
    fn says(&self, fact: Fact) -> Told {
        let ids = self.event.text("id").map_or(Ids::OfItself, |id| self.who.natural(&["event", id]));
        self.who.says(None, fact).known_by(ids)
    }

    fn status(&self, status: Wire<'_>) -> Option<Told> {
        match status.text("type")? {
            "busy" => Some(self.says(Fact::Prompted).only_if(OnlyIf::AtRest)),
            "retry" => {
                // Whatever the provider's words are, it asks to wait.
                let refused = RefusedCall { is_limit: true, ..self.refused(None, status.text("message")) };
                let attempt = status.whole("attempt").unwrap_or(1);
                Some(self.says(Fact::Refused(refused)).with(DataKey::Attempt, Some(attempt)))
            }
            _ => None,
        }
    }

    fn error(&self, error: Wire<'_>) -> Vec<Told> {
        let (name, data) = (error.text("name").unwrap_or("error"), error.at("data"));
        if name == "MessageAbortedError" {
            return vec![self.says(Fact::Interrupted)];
        }
        let message = data.text("message");
        let failed = self.says(Fact::turn_failed(Some(name), message));
        let status = data.whole("statusCode").map(|status| status.to_string());
        let refused = self.refused(status.as_deref().or(Some(name)), message);
        // What its gateway refuses has no name of its own.
        let is_providers = matches!(name, "APIError" | "ProviderAuthError") || refused.is_rate_limit();
        let Some(id) = self.event.text("id").filter(|_| is_providers) else { return vec![failed] };
        let refused = self.says(Fact::Refused(refused));
        vec![refused.known_by(self.who.natural(&["event", id, "api"])), failed]
    }

    fn refused(&self, code: Option<&str>, message: Option<&str>) -> RefusedCall {
        let ModelUsage { provider, model, .. } = self.usage();
        RefusedCall {
            provider,
            model,
            code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            ..RefusedCall::default()
        }
    }

    /// Whom the plugin last saw the session call.
    fn usage(&self) -> ModelUsage {
        let model = self.event.at("model");
        let text = |name| model.text(name).map(str::to_owned);
        ModelUsage { provider: text("providerID"), model: text("modelID"), ..ModelUsage::default() }
    }

    fn todos(&self) -> Option<Told> {
        let todos = || self.properties.list("todos");
        let current = todos().find(|todo| todo.is("status", "in_progress")).and_then(|todo| todo.text("content"));
        let (done, of) = (todos().filter(|todo| todo.is("status", "completed")).count(), todos().len());
        (of > 0).then(|| self.says(Fact::Planned { done, of, current: current.map(str::to_owned) }))
    }

    fn part(&self, part: Wire<'_>) -> Vec<Told> {
        let told = match part.text("type") {
            Some("step-finish") => self.call(part).into_iter().chain(self.context_used(part)).collect(),
            Some("tool") => self.tool(part).unwrap_or_default(),
            Some("text") if self.event.is("role", "user") => self.asked(part).into_iter().collect(),
            Some("text") if part.at("time").at("end").0.is_number() => self.said(part).into_iter().collect(),
            _ => Vec::new(),
        };
        let at = self.properties.time("time");
        told.into_iter().map(|told| Told { at, ..told }).collect()
    }

    fn call(&self, part: Wire<'_>) -> Option<Told> {
        let tokens = part.at("tokens");
        let (cache, thoughts) = (tokens.at("cache"), tokens.whole("reasoning").unwrap_or(0));
        let usage = ModelUsage {
            input: tokens.whole("input"),
            output: tokens.whole("output").map(|output| output.saturating_add(thoughts)),
            cache_read: cache.whole("read"),
            cache_write: cache.whole("write"),
            cost_usd: part.number("cost").filter(|cost| *cost >= 0.0),
            ..self.usage()
        };
        Some(self.says(Fact::Called(usage.summed())).known_by(self.who.natural(&["api", part.text("id")?])))
    }

    /// With the last call of a turn.
    fn context_used(&self, part: Wire<'_>) -> Option<Told> {
        if !part.is("reason", "stop") || self.event.truth("child") == Some(true) {
            return None;
        }
        let (tokens, cache) = (part.at("tokens"), part.at("tokens").at("cache"));
        let figures = [tokens.whole("input"), tokens.whole("output"), cache.whole("read"), cache.whole("write")];
        let tokens = figures.into_iter().flatten().fold(0, u64::saturating_add);
        let used = Fact::ContextUsed { tokens, window: self.event.at("model").whole("contextWindow") };
        Some(self.says(used).known_by(self.who.natural(&["context", part.text("id")?])))
    }

    /// A call of which nobody tells figures.
    fn side_call(&self) -> Option<Told> {
        let (agent, asked) = (self.properties.text("agent")?, self.event.text("id")?);
        let call = self.says(Fact::Called(self.usage())).known_by(self.who.natural(&["api", agent, asked]));
        Some(call.with(DataKey::QuerySource, Some(agent)))
    }

    fn asked(&self, part: Wire<'_>) -> Option<Told> {
        let by = if self.event.truth("child") == Some(true) { Asker::Coder } else { Asker::Person };
        let asked = Fact::asked(part.text("text")?, by);
        Some(self.says(asked).known_by(self.who.natural(&["message", part.text("id")?])))
    }

    /// A session is called by its time until the model has a name for it.
    fn titled(&self, title: &str) -> Option<Told> {
        if ["New session - ", "Child session - "].iter().any(|name| title.starts_with(name)) {
            return None;
        }
        let told = self.says(Fact::Titled(title.to_owned())).known_by(self.who.own(&["title", &print(title)]));
        Some(told)
    }

    fn said(&self, part: Wire<'_>) -> Option<Told> {
        Some(self.says(Fact::said(part.text("text")?)).known_by(self.who.natural(&["message", part.text("id")?])))
    }

    fn tool(&self, part: Wire<'_>) -> Option<Vec<Told>> {
        let (id, name, state) = (part.text("callID")?, part.text("tool").unwrap_or("tool"), part.at("state"));
        // That a command failed is no error of its tool.
        let exit_code = state.at("metadata").signed("exit").filter(|code| *code != 0);
        let (is_running, failed) = match state.text("status")? {
            "running" => (true, false),
            "completed" => (false, exit_code.is_some()),
            "error" => (false, true),
            _ => return None,
        };
        let input = state.at("input");
        let tool = Tool {
            name: name.to_owned(),
            id: Some(id.to_owned()),
            about: Some(About::asked(input, input.first_text(SUBJECTS))),
            is_running,
            failed,
            error: state.text("error").map(str::to_owned),
            output: answered(name, state.at("output")).filter(|output| name != "bash" || (failed && output.trim() != NO_OUTPUT)),
            exit_code,
            ..Tool::default()
        };
        let mut told = vec![self.says(Fact::Tool(tool)).known_by(self.who.provided(id, &["tool", id]))];
        if state.is("status", "completed") {
            told.extend(self.effects(id, name, state));
        }
        Some(told)
    }

    fn effects(&self, id: &str, name: &str, state: Wire<'_>) -> Vec<Told> {
        let (input, metadata) = (state.at("input"), state.at("metadata"));
        let of_call = |fact, part: &str| {
            let told = self.says(fact).known_by(self.who.provided(id, &["tool", id, part]));
            told.with(DataKey::ToolName, Some(name)).with(DataKey::ToolUseId, Some(id))
        };
        match (name, input.text("filePath"), input.text("command")) {
            ("write" | "edit", Some(path), _) => {
                let is_new = metadata.truth("exists") == Some(false);
                let operation = if is_new { "create" } else { "modify" };
                let diff = edited(input, metadata, is_new);
                vec![of_call(Fact::File(TouchedFile { operation, path: path.to_owned(), size: None, diff }), "file")]
            }
            ("bash", _, Some(command)) => {
                let succeeded = metadata.signed("exit") == Some(0);
                let removed = shell::removed_files(command, self.folder.unwrap_or_default());
                let removed = removed.iter().take_while(|_| succeeded).enumerate();
                let printed = state
                    .text("output")
                    .filter(|printed| printed.trim() != NO_OUTPUT)
                    .map(|printed| of_call(Fact::printed("stdout", printed), "stdout"));
                removed.map(|(nth, path)| of_call(Fact::file("delete", path), &nth_part("file", nth))).chain(printed).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What a tool changed in a file: its own account of it, else what it was asked.
fn edited(input: Wire<'_>, metadata: Wire<'_>, is_new: bool) -> Option<FileDiff> {
    let asked = || match (input.text("oldString"), input.text("newString")) {
        (Some(old), Some(new)) => Some(FileDiff::of_edit(old, new)),
        _ => input.text("content").filter(|_| is_new).map(FileDiff::of_new),
    };
    metadata.text("diff").and_then(FileDiff::of_text).or_else(asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Body, Condition, Draft, EventType, Key},
        source::read_hook,
    };

    #[test]
    fn a_run_is_told_once() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/opencode/main.jsonl");
        let lines = std::fs::read_to_string(path).expect("the fixture is there");
        let read = |line: &str| read_hook(Agent::Opencode, line.as_bytes(), &HookContext::default()).expect("the event is known");
        // What is asked of a known and of an unknown coder is two drafts, of which one becomes an event.
        let of_known = |draft: &Draft| draft.only_if != Some(Condition::Unknown);
        let drafts: Vec<Draft> = lines.lines().flat_map(read).filter(of_known).collect();
        let count = |kind| drafts.iter().filter(|draft| draft.kind == kind).count();
        let counts =
            [EventType::Created, EventType::FileCreated, EventType::FileModified, EventType::ApiCall, EventType::Completed];
        assert_eq!(counts.map(count), [1, 1, 1, 5, 1]);
        let tokens = drafts.iter().filter_map(|draft| match &draft.body {
            Body::Provider(call) => call.output_tokens,
            _ => None,
        });
        assert_eq!(tokens.sum::<u64>(), 300);
    }

    #[test]
    fn a_limit_is_one_whatever_the_error_is_called() {
        let told = |name: &str, message: &str| {
            let payload = serde_json::json!({"id": "evt_1", "type": "session.error", "properties": {"sessionID": "s",
                "error": {"name": name, "data": {"message": message}}}});
            let told = read_hook(Agent::Opencode, payload.to_string().as_bytes(), &HookContext::default()).expect("it is known");
            told.iter().map(|draft| draft.kind.short()).collect::<Vec<_>>()
        };
        assert_eq!(told("UnknownError", "Usage limit reached. Resets in 3h"), ["rate_limit", "failed"]);
        assert_eq!(told("UnknownError", "bad"), ["failed"]);
        assert_eq!(told("APIError", "bad"), ["api_error", "failed"]);
    }

    #[test]
    fn a_prompt_in_another_mode_is_a_switch() {
        let payload = br#"{"id":"evt_1","type":"session.switched","properties":{"sessionID":"s","mode":"plan","model":"big"}}"#;
        let told = read_hook(Agent::Opencode, payload, &HookContext::default()).expect("it is known");
        let data = |name: &str| told.iter().find_map(|draft| draft.data.get(name)).cloned();
        assert_eq!((told.len(), data("mode"), data("model")), (2, Some("plan".into()), Some("big".into())));
        assert_ne!(told[0].key, told[1].key);
    }

    #[test]
    fn the_call_for_a_title_is_counted_once_and_has_no_figures() {
        let payload = br#"{"type":"chat.params","id":"msg_1","model":{"providerID":"p","modelID":"m"},"properties":{"sessionID":"s","agent":"title"}}"#;
        let told = read_hook(Agent::Opencode, payload, &HookContext::default()).expect("it is known");
        let [draft] = &told[..] else { panic!("{told:?}") };
        let Body::Provider(call) = &draft.body else { panic!("{draft:?}") };
        assert_eq!((call.model.as_deref(), call.tokens_used, draft.kind), (Some("m"), None, EventType::ApiCall));
        assert_eq!(draft.key, Key::Natural("opencode:s:api:title:msg_1".to_owned()));
    }
}
