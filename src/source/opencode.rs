//! opencode: the events that its plugin hands on, to drafts.
//!
//! The plugin reports parts of messages once they are finished. Files are told by the tools that wrote them: opencode's own
//! file events name no session.

use serde_json::Value;

use crate::event::{Body, Condition, Draft, EventType, Lifecycle, Progress, Provider, Status, Time};
use crate::source::{
    Agent, HookContext, Refusal,
    session::{Session, bounded, with_text},
    shell,
};
use crate::text;

/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or names an event that is not known.
pub(super) fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let event: Value =
        serde_json::from_slice(payload).map_err(|error| Refusal::new(format!("the payload is not JSON: {error}")))?;
    let Some(kind) = event["type"].as_str() else { return Err(Refusal::new("the payload has no `type`")) };
    let family = kind.split('.').next().unwrap_or_default();
    if !FAMILIES.contains(&family) {
        return Err(Refusal::new(format!("unknown event `{}`", crate::event::echo(kind, 60))));
    }
    let properties = &event["properties"];
    let named = [&properties["sessionID"], &properties["info"]["id"], &properties["part"]["sessionID"]];
    let Some(id) = named.into_iter().find_map(Value::as_str) else {
        // What concerns no session is no coder's.
        return Ok(Vec::new());
    };
    let parent = properties["info"]["parentID"].as_str().map(|parent| format!("{}:{parent}", Agent::Opencode));
    let context = HookContext { parent_coder_id: parent.or_else(|| context.parent_coder_id.clone()), ..HookContext::default() };
    let folder = event["directory"].as_str().or(properties["info"]["directory"].as_str());
    let session = Session::new(Agent::Opencode, id, &context)?.in_folder(folder);
    Ok(Report { event: &event, properties, session, folder }.drafts(kind))
}

/// What opencode's events begin with; most tell nothing of a coder's work.
const FAMILIES: &[&str] = &[
    "session",
    "message",
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
const LINE_CHARS_MAX: usize = 200;
const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped];

struct Report<'p> {
    event: &'p Value,
    properties: &'p Value,
    session: Session,
    folder: Option<&'p str>,
}

impl Report<'_> {
    fn drafts(&self, kind: &str) -> Vec<Draft> {
        let properties = self.properties;
        match kind {
            "session.created" => {
                let at = time(&properties["info"]["time"]["created"]);
                let about = |kind| Draft { timestamp: at, ..with_text(self.lifecycle(kind, ""), "cwd", self.folder) };
                let begun = [(EventType::Created, "created"), (EventType::Started, "started")];
                begun.map(|(kind, part)| self.session.keyed(about(kind), &[part])).into()
            }
            "session.deleted" => vec![self.session.keyed(self.lifecycle(EventType::Deleted, ""), &["deleted"])],
            "session.idle" => vec![self.once(self.lifecycle(EventType::Completed, ""))],
            "session.status" => self.status(),
            "session.error" => self.error(),
            "session.compacted" => {
                let mut draft = self.session.draft(EventType::Milestone);
                draft.body = Body::Progress(Progress { milestone: Some("context compacted".to_owned()), ..Progress::default() });
                vec![self.once(draft)]
            }
            "permission.asked" => {
                let paused = self.lifecycle(EventType::Paused, "permission");
                vec![self.once(with_text(paused, "request", properties["permission"].as_str()))]
            }
            "question.asked" => {
                let paused = self.lifecycle(EventType::Paused, "question");
                vec![self.once(with_text(paused, "question", properties["questions"][0]["question"].as_str()))]
            }
            "permission.replied" | "question.replied" | "question.rejected" => vec![self.resumed("answer", &[Status::Paused])],
            "todo.updated" => self.todos().into_iter().collect(),
            "message.part.updated" => self.part(&properties["part"]),
            _ => Vec::new(),
        }
    }

    fn lifecycle(&self, kind: EventType, reason: &str) -> Draft {
        self.session.filled(Draft::lifecycle("", kind, "", "", reason))
    }

    /// Every event of opencode has an id.
    fn once(&self, draft: Draft) -> Draft {
        match self.event["id"].as_str() {
            Some(id) => self.session.keyed(draft, &["event", id]),
            None => draft,
        }
    }

    fn resumed(&self, reason: &str, from: &[Status]) -> Draft {
        Draft { only_if: Some(Condition::Status(from.to_vec())), ..self.once(self.lifecycle(EventType::Resumed, reason)) }
    }

    fn status(&self) -> Vec<Draft> {
        let status = &self.properties["status"];
        match status["type"].as_str() {
            Some("busy") => vec![self.resumed("prompt", AT_REST)],
            Some("retry") => {
                let draft = self
                    .provider(EventType::RateLimit, Provider { error_message: line(&status["message"]), ..Provider::default() });
                vec![self.once(draft.with("attempt", status["attempt"].as_u64().unwrap_or(1)))]
            }
            _ => Vec::new(),
        }
    }

    fn error(&self) -> Vec<Draft> {
        let error = &self.properties["error"];
        let (name, data) = (error["name"].as_str().unwrap_or("error"), &error["data"]);
        if name == "MessageAbortedError" {
            return vec![self.once(self.lifecycle(EventType::Stopped, "aborted"))];
        }
        let mut failed = self.session.draft(EventType::Failed);
        let message = data["message"].as_str().map(bounded);
        failed.body =
            Body::Lifecycle(Lifecycle { reason: Some(bounded(name)), error_message: message.clone(), ..Lifecycle::default() });
        let Some(id) = self.event["id"].as_str() else { return vec![failed] };
        let failed = self.session.keyed(failed, &["event", id]);
        if !matches!(name, "APIError" | "ProviderAuthError") {
            return vec![failed];
        }
        let code = data["statusCode"].as_u64();
        let kind = if code == Some(429) { EventType::RateLimit } else { EventType::ApiError };
        let code = code.map_or_else(|| bounded(name), |code| code.to_string());
        let call = self.provider(kind, Provider { error_code: Some(code), error_message: message, ..Provider::default() });
        vec![self.session.keyed(call, &["event", id, "api"]), failed]
    }

    fn provider(&self, kind: EventType, fields: Provider) -> Draft {
        let model = &self.event["model"];
        let (provider, model) = (line(&model["providerID"]), line(&model["modelID"]));
        Draft { body: Body::Provider(Provider { provider, model, ..fields }), ..self.session.draft(kind) }
    }

    fn todos(&self) -> Option<Draft> {
        let todos = self.properties["todos"].as_array().filter(|todos| !todos.is_empty())?;
        let done = todos.iter().filter(|todo| todo["status"] == "completed").count();
        let current = todos.iter().find(|todo| todo["status"] == "in_progress").and_then(|todo| line(&todo["content"]));
        let mut draft = self.session.draft(EventType::Progress);
        draft.body = Body::Progress(Progress {
            progress: Some(done as f64 / todos.len() as f64),
            stage: Some("todo".to_owned()),
            description: current,
            ..Progress::default()
        });
        Some(self.once(draft))
    }

    fn part(&self, part: &Value) -> Vec<Draft> {
        let at = time(&self.properties["time"]);
        let drafts = match part["type"].as_str() {
            Some("step-finish") => self.call(part).into_iter().collect(),
            Some("tool") => self.tool(part),
            Some("text") if part["time"]["end"].is_number() => self.said(part).into_iter().collect(),
            _ => Vec::new(),
        };
        drafts.into_iter().map(|draft| Draft { timestamp: at, ..draft }).collect()
    }

    fn call(&self, part: &Value) -> Option<Draft> {
        let tokens = &part["tokens"];
        let output = tokens["output"].as_u64().map(|output| output.saturating_add(tokens["reasoning"].as_u64().unwrap_or(0)));
        let figures = [tokens["input"].as_u64(), output, tokens["cache"]["read"].as_u64(), tokens["cache"]["write"].as_u64()];
        let call = self.provider(
            EventType::ApiCall,
            Provider {
                tokens_used: output.map(|_| figures.into_iter().flatten().fold(0, u64::saturating_add)),
                input_tokens: figures[0],
                output_tokens: output,
                cache_read_tokens: figures[2],
                cache_write_tokens: figures[3],
                cost_usd: part["cost"].as_f64().filter(|cost| *cost >= 0.0),
                ..Provider::default()
            },
        );
        Some(self.session.keyed(call, &["api", part["id"].as_str()?]))
    }

    fn said(&self, part: &Value) -> Option<Draft> {
        let mut draft = self.session.draft(EventType::Output);
        let text = Some(bounded(part["text"].as_str()?));
        draft.body = Body::Progress(Progress { stream: Some("assistant".to_owned()), text, ..Progress::default() });
        Some(self.session.keyed(draft, &["message", part["id"].as_str()?]))
    }

    fn tool(&self, part: &Value) -> Vec<Draft> {
        let state = &part["state"];
        let (Some(id), Some(status)) = (part["callID"].as_str(), state["status"].as_str()) else { return Vec::new() };
        if !matches!(status, "completed" | "error") {
            return Vec::new();
        }
        let (tool, input) = (part["tool"].as_str().unwrap_or("tool"), &state["input"]);
        let subject = ["command", "filePath", "pattern", "query", "url"].into_iter().find_map(|key| input[key].as_str());
        let description = subject.map_or_else(|| tool.to_owned(), |subject| format!("{tool}: {subject}"));
        let mut progress = self.session.draft(EventType::Progress);
        progress.body = Body::Progress(Progress {
            stage: Some(bounded(tool)),
            description: Some(text::excerpt(&description, LINE_CHARS_MAX)),
            ..Progress::default()
        });
        let progress = progress.with("tool_name", bounded(tool)).with("tool_use_id", bounded(id));
        if status == "error" {
            let failed = with_text(progress.with("failed", true), "error", state["error"].as_str());
            return vec![self.session.keyed(failed, &["tool", id])];
        }
        let mut drafts = vec![self.session.keyed(progress, &["tool", id])];
        let file = |operation, path: &str| self.session.filled(Draft::workspace("", operation, &bounded(path)));
        match (tool, input["filePath"].as_str(), input["command"].as_str()) {
            ("write" | "edit", Some(path), _) => {
                let is_new = state["metadata"]["exists"] == false;
                let draft = file(if is_new { "create" } else { "modify" }, path);
                drafts.push(self.session.keyed(draft, &["tool", id, "file"]));
            }
            ("bash", _, Some(command)) => {
                if state["metadata"]["exit"] == 0 {
                    let removed = shell::removed_files(command, self.folder.unwrap_or_default());
                    drafts.extend(removed.iter().take(REMOVED_MAX).enumerate().map(|(nth, path)| {
                        let part = if nth == 0 { "file".to_owned() } else { format!("file-{}", nth + 1) };
                        self.session.keyed(file("delete", path), &["tool", id, &part])
                    }));
                }
                let mut output = self.session.draft(EventType::Output);
                let text = state["output"].as_str().filter(|text| !text.is_empty()).map(bounded);
                output.body = Body::Progress(Progress { stream: Some("stdout".to_owned()), text, ..Progress::default() });
                drafts.push(self.session.keyed(output, &["tool", id, "stdout"]));
            }
            _ => {}
        }
        drafts
    }
}

/// A command line that removes more files is a script's work.
const REMOVED_MAX: usize = 50;

fn line(value: &Value) -> Option<String> {
    value.as_str().map(|given| text::excerpt(given, LINE_CHARS_MAX))
}

/// Milliseconds since 1970.
fn time(value: &Value) -> Option<Time> {
    value.as_i64().and_then(|millis| millis.checked_mul(1_000)).map(Time::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_once() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/opencode/main.jsonl");
        let lines = std::fs::read_to_string(path).expect("the fixture is there");
        let read = |line: &str| read_hook(line.as_bytes(), &HookContext::default()).expect("the event is known");
        let drafts: Vec<Draft> = lines.lines().flat_map(read).collect();
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
}
