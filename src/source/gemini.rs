//! Gemini CLI: its hook payloads to drafts.
//!
//! A session is a coder, `gemini:<session>`. Payloads have a time but no ids of calls and turns: facts.rs says by what they
//! are recognised in other channels.

mod facts;
pub(super) mod stream;
pub(super) mod telemetry;
pub(super) mod transcript;

use serde_json::Value;

use crate::{
    event::{Condition, Draft, EventType, Status, Time},
    source::{
        Agent, HookContext, Refusal,
        call::{Call, End},
        json,
        session::{Session, fingerprint, with_text},
    },
};

use facts::{Answer, begun, exit_code, lifecycle, prompted, shown, stopped, turn_end};

/// How much of a payload a refusal may repeat.
const ECHO_CHARS_MAX: usize = 60;
/// The statuses from which work can begin again.
const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];

/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or names a hook that is not known.
pub(super) fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let wire = json::read(payload)?;
    let Some(hook) = json::text(&wire, "hook_event_name") else {
        return Err(Refusal::new("the payload has no `hook_event_name`"));
    };
    let Some(session) = json::text(&wire, "session_id") else {
        return Err(Refusal::new("the payload has no `session_id`"));
    };
    let session = Session::new(Agent::Gemini, session, context)?.in_folder(json::text(&wire, "cwd"));
    let report = Report { wire: &wire, bytes: payload, session, time: json::time(&wire, "timestamp") };
    Ok(match hook {
        "SessionStart" => report.session_start(),
        "SessionEnd" => vec![stopped(&report.session, json::text(&wire, "reason").unwrap_or_default(), report.time)],
        "BeforeAgent" => report.prompt().into_iter().collect(),
        "AfterAgent" => vec![report.completed()],
        "AfterModel" => report.answer().into_iter().collect(),
        "BeforeTool" => vec![report.at_work()],
        "AfterTool" => report.after_tool(),
        "Notification" => report.notification().into_iter().collect(),
        // PreCompress fires before every call to the model, whether anything is compressed or not.
        "BeforeModel" | "BeforeToolSelection" | "PreCompress" => Vec::new(),
        _ => return Err(Refusal::new(format!("unknown hook event `{}`", crate::event::echo(hook, ECHO_CHARS_MAX)))),
    })
}

/// One payload and whose it is.
struct Report<'p> {
    wire: &'p Value,
    bytes: &'p [u8],
    session: Session,
    time: Option<Time>,
}

impl Report<'_> {
    fn session_start(&self) -> Vec<Draft> {
        let about = |draft| {
            let draft = with_text(draft, "cwd", json::text(self.wire, "cwd"));
            with_text(draft, "transcript_path", json::text(self.wire, "transcript_path"))
        };
        let source = json::text(self.wire, "source").unwrap_or_default();
        let mut begun = begun(&self.session, source, self.time, about);
        if source == "resume" {
            // Its beginning may lie before the recorder was set up.
            begun.truncate(1);
            let begun = begun.into_iter().map(|draft| only_if(draft, Condition::Unknown));
            let resumed = about(lifecycle(&self.session, EventType::Resumed, source, self.time));
            return begun.chain([self.repeated(resumed)]).collect();
        }
        begun
    }

    fn prompt(&self) -> Option<Draft> {
        let prompt = json::text(self.wire, "prompt")?;
        Some(only_if(prompted(&self.session, None, prompt, self.time), Condition::Status(AT_REST.to_vec())))
    }

    fn completed(&self) -> Draft {
        let draft = lifecycle(&self.session, EventType::Completed, "", self.time);
        let draft = with_text(draft, "last_assistant_message", json::text(self.wire, "prompt_response"));
        turn_end(&self.session, draft, json::text(self.wire, "prompt").unwrap_or_default(), None)
    }

    /// The hook fires for every piece of a streamed answer; the last has the reason why it ended, and the final counts.
    fn answer(&self) -> Option<Draft> {
        let (request, response) = (self.wire.get("llm_request")?, self.wire.get("llm_response")?);
        json::list(response, "candidates").iter().find_map(|candidate| json::text(candidate, "finishReason"))?;
        let usage = response.get("usageMetadata")?;
        let count = |name| json::whole(usage, name);
        let answer = Answer {
            model: json::text(request, "model"),
            prompt: count("promptTokenCount"),
            written: count("candidatesTokenCount"),
            thoughts: count("thoughtsTokenCount"),
            cached: count("cachedContentTokenCount"),
            tools: count("toolUsePromptTokenCount"),
            total: count("totalTokenCount"),
            duration_ms: None,
            text: None,
            time: self.time,
        };
        let draft = answer.draft(&self.session);
        Some(match answer.prompt {
            Some(prompt) => draft.with("prompt_tokens", prompt),
            None => draft,
        })
    }

    fn after_tool(&self) -> Vec<Draft> {
        let none = Value::Null;
        let tool = json::text(self.wire, "tool_name").unwrap_or("tool");
        let response = self.wire.get("tool_response").unwrap_or(&none);
        let arguments = self.wire.get("tool_input").unwrap_or(&none);
        let call = Call { session: &self.session, tool, id: None, arguments, time: self.time };
        let exit_code = json::text(response, "llmContent").and_then(|told| exit_code(tool, told));
        let end = match response.get("error").filter(|error| !error.is_null()) {
            Some(error) => End::Failed { error: json::text(error, "message"), exit_code },
            None if exit_code.is_some() => End::Failed { error: None, exit_code },
            None => End::Done,
        };
        let mut drafts = vec![self.at_work(), call.progress(end, None)];
        drafts.extend(shown(&call, response.get("returnDisplay"), end, json::text(self.wire, "cwd")));
        drafts
    }

    fn notification(&self) -> Option<Draft> {
        let details = self.wire.get("details").unwrap_or(&Value::Null);
        let reason = match (json::text(self.wire, "notification_type")?, json::text(details, "type")) {
            ("ToolPermission", Some("ask_user")) => "question",
            ("ToolPermission", _) => "permission",
            _ => return None,
        };
        let paused = lifecycle(&self.session, EventType::Paused, reason, self.time);
        Some(self.repeated(with_text(paused, "message", json::text(self.wire, "message"))))
    }

    /// A tool at work shows that nobody is waited for any more. A turn that is over goes on with a prompt only.
    fn at_work(&self) -> Draft {
        let resumed = lifecycle(&self.session, EventType::Resumed, "tool", self.time);
        only_if(self.repeated(resumed), Condition::Status(vec![Status::Paused]))
    }

    fn repeated(&self, draft: Draft) -> Draft {
        self.session.repeated_payload(draft, fingerprint(self.bytes.trim_ascii()))
    }
}

fn only_if(draft: Draft, condition: Condition) -> Draft {
    Draft { only_if: Some(condition), ..draft }
}
