//! Copilot CLI: its hook payloads to drafts.
//!
//! A session is a coder, `copilot:<session>`; each of its subagents is one of its own, `copilot:<session>/<name>`. Payloads
//! do not name their hook: the configuration does, as the second word of `hook copilot EVENT`. Without it the payload's
//! fields tell. permissionRequest fires for every call, whether a person is asked or not, so it says nothing; a notification
//! does.

mod facts;
pub(super) mod telemetry;
pub(super) mod transcript;

use serde_json::Value;

use crate::{
    event::{Condition, Draft, EventType, Status, Time},
    source::{
        Agent, HookContext, Refusal,
        call::{Call, End},
        json,
        session::{Session, bounded, fingerprint, with_text},
    },
};

use facts::{
    Trouble, begun, command_facts, lifecycle, patched_files, printed, prompted, resumed, stopped, subagent_begun, subagent_end,
    trace_of, turn_end,
};

/// How much of a payload a refusal may repeat.
const ECHO_CHARS_MAX: usize = 60;
/// The statuses from which work can begin again.
const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];

/// # Errors
/// [`Refusal`] where the payload is no JSON object, names no session, or is of a hook that is not known.
pub(super) fn read_hook(payload: &[u8], context: &HookContext) -> Result<Vec<Draft>, Refusal> {
    let wire = json::read(payload)?;
    let Some(hook) = context.event.as_deref().or_else(|| name_of(&wire)) else {
        return Err(Refusal::new("the payload does not tell which hook it is of: name it, as in `hook copilot sessionStart`"));
    };
    let Some(session) = json::first_text(&wire, &["sessionId", "session_id"]) else {
        return Err(Refusal::new("the payload has no `sessionId`"));
    };
    let session = Session::new(Agent::Copilot, session, context)?.in_folder(json::text(&wire, "cwd"));
    let report = Report { wire: &wire, bytes: payload, session, time: json::time(&wire, "timestamp") };
    // Hooks may also be configured under Claude Code's names.
    Ok(match hook {
        "sessionStart" | "SessionStart" => report.session_start(),
        "sessionEnd" | "SessionEnd" => {
            vec![stopped(&report.session, report.text(&["reason"]).unwrap_or_default(), report.time)]
        }
        "userPromptSubmitted" | "UserPromptSubmit" | "UserPromptSubmitted" => report.prompt().into_iter().collect(),
        "preToolUse" | "PreToolUse" => vec![report.at_work()],
        "postToolUse" | "PostToolUse" | "postToolUseFailure" | "PostToolUseFailure" => report.after_tool(),
        "errorOccurred" | "ErrorOccurred" => report.error(),
        "agentStop" | "AgentStop" | "Stop" => vec![report.completed()],
        "subagentStart" | "SubagentStart" => report.subagent_start()?,
        "subagentStop" | "SubagentStop" => report.subagent_stop()?,
        "preCompact" | "PreCompact" => report.context_full().into_iter().collect(),
        "notification" | "Notification" => report.notification().into_iter().collect(),
        "permissionRequest" | "PermissionRequest" | "userPromptTransformed" | "UserPromptTransformed" => Vec::new(),
        _ => return Err(Refusal::new(format!("unknown hook event `{}`", crate::event::echo(hook, ECHO_CHARS_MAX)))),
    })
}

/// The hook that a payload is of, from its name where it has one, else from the fields that only this hook has.
fn name_of(wire: &Value) -> Option<&str> {
    const TELLING: &[(&str, &str)] = &[
        ("transformedPrompt", "userPromptTransformed"),
        ("initialPrompt", "sessionStart"),
        ("source", "sessionStart"),
        ("prompt", "userPromptSubmitted"),
        ("permissionSuggestions", "permissionRequest"),
        ("toolResult", "postToolUse"),
        ("errorContext", "errorOccurred"),
        ("error", "postToolUseFailure"),
        ("toolArgs", "preToolUse"),
        ("notification_type", "notification"),
        ("notificationType", "notification"),
        ("trigger", "preCompact"),
        ("agentDescription", "subagentStart"),
        ("agentName", "subagentStop"),
        ("stopReason", "agentStop"),
        ("reason", "sessionEnd"),
    ];
    let named = json::first_text(wire, &["hookName", "hook_event_name"]);
    named.or_else(|| TELLING.iter().find(|(field, _)| wire.get(field).is_some()).map(|(_, hook)| *hook))
}

/// One payload and whose it is.
struct Report<'p> {
    wire: &'p Value,
    bytes: &'p [u8],
    session: Session,
    time: Option<Time>,
}

impl<'p> Report<'p> {
    fn text(&self, names: &[&str]) -> Option<&'p str> {
        json::first_text(self.wire, names)
    }

    fn session_start(&self) -> Vec<Draft> {
        let about = |draft| with_text(draft, "cwd", self.text(&["cwd"]));
        let source = self.text(&["source"]).unwrap_or_default();
        let mut begun = begun(&self.session, source, self.time, about);
        if source == "resume" {
            // Its beginning may lie before the recorder was set up.
            begun.truncate(1);
            let begun = begun.into_iter().map(|draft| only_if(draft, Condition::Unknown));
            return begun.chain([resumed(&self.session, self.time)]).collect();
        }
        begun
    }

    fn prompt(&self) -> Option<Draft> {
        let prompt = prompted(&self.session, None, self.text(&["prompt"])?, self.time);
        Some(only_if(prompt, Condition::Status(AT_REST.to_vec())))
    }

    fn after_tool(&self) -> Vec<Draft> {
        let none = Value::Null;
        let field = |names: [&str; 2]| names.iter().find_map(|name| self.wire.get(name)).unwrap_or(&none);
        let tool = self.text(&["toolName", "tool_name"]).unwrap_or("tool");
        let result = field(["toolResult", "tool_result"]);
        let call = Call { session: &self.session, tool, id: None, arguments: field(["toolArgs", "tool_input"]), time: self.time };
        let told = json::first_text(result, &["textResultForLlm", "text_result_for_llm"]).unwrap_or_default();
        let (printed, exit_code) = printed(tool, told).unwrap_or_default();
        let succeeded = json::first_text(result, &["resultType", "result_type"]).is_none_or(|kind| kind == "success");
        let end = match (self.text(&["error"]), exit_code.filter(|code| *code != 0)) {
            (None, None) if succeeded => End::Done,
            (error, exit_code) => End::Failed { error: error.or((!succeeded).then_some(told)), exit_code },
        };
        let mut drafts = vec![self.at_work(), call.progress(end, None)];
        if end == End::Done {
            let files = written_files(&call).into_iter().enumerate();
            drafts.extend(files.map(|(nth, (operation, path))| call.file(nth, operation, path)));
        }
        drafts.extend(command_facts(&call, &printed, end, self.text(&["cwd"])));
        drafts
    }

    fn error(&self) -> Vec<Draft> {
        let error = self.wire.get("error").unwrap_or(&Value::Null);
        let trouble = Trouble {
            id: None,
            provider: None,
            model: None,
            code: json::first_text(error, &["code", "name"]),
            message: json::text(error, "message").or(error.as_str()),
            time: self.time,
        };
        // Errors of tools have a hook of their own.
        let calling = self.text(&["errorContext", "error_context"]).is_none_or(|context| context == "model_call");
        let mut drafts = if calling { vec![trouble.draft(&self.session)] } else { Vec::new() };
        let recovers = json::truth(self.wire, "recoverable") != Some(false);
        if !recovers {
            drafts.push(trouble.failed(&self.session));
        }
        drafts
    }

    fn completed(&self) -> Draft {
        let draft = lifecycle(
            &self.session,
            EventType::Completed,
            self.text(&["stopReason", "stop_reason"]).unwrap_or_default(),
            self.time,
        );
        turn_end(&self.session, draft, self.text(&["traceparent"]).and_then(trace_of))
    }

    /// # Errors
    /// [`Refusal`] where the subagent's name cannot be part of a coder's id.
    fn subagent(&self) -> Result<Option<(Session, &'p str)>, Refusal> {
        let Some(name) = self.text(&["agentName", "agent_name"]) else { return Ok(None) };
        let shown = self.text(&["agentDisplayName", "agent_display_name"]);
        Ok(Some((self.session.subagent(name, shown)?, name)))
    }

    fn subagent_start(&self) -> Result<Vec<Draft>, Refusal> {
        let subagent = self.subagent()?;
        Ok(subagent.map(|(subagent, name)| subagent_begun(&subagent, name, self.time)).unwrap_or_default())
    }

    fn subagent_stop(&self) -> Result<Vec<Draft>, Refusal> {
        let Some((subagent, name)) = self.subagent()? else { return Ok(Vec::new()) };
        Ok(vec![only_if(subagent_end(&subagent, name, None, self.time), Condition::Known)])
    }

    /// Compaction that nobody asked for means that the context was full.
    fn context_full(&self) -> Option<Draft> {
        self.text(&["trigger"]).filter(|trigger| *trigger == "auto")?;
        let draft = facts::at(self.session.draft(EventType::ResourceLimit), self.time).with("limit", "context");
        Some(self.repeated(draft.with("message", "the context is full and is being compacted")))
    }

    fn notification(&self) -> Option<Draft> {
        let reason = match self.text(&["notification_type", "notificationType"])? {
            "permission_prompt" => "permission",
            "elicitation_dialog" => "question",
            _ => return None,
        };
        let paused = lifecycle(&self.session, EventType::Paused, reason, self.time);
        Some(self.repeated(with_text(paused, "message", self.text(&["message", "title"]).map(bounded).as_deref())))
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

/// What a call that succeeded did to files, by the tool it was.
fn written_files<'p>(call: &Call<'p>) -> Vec<(&'static str, &'p str)> {
    let path = json::text(call.arguments, "path");
    match call.tool {
        "create" => path.map(|path| ("create", path)).into_iter().collect(),
        "edit" | "str_replace" | "insert" => path.map(|path| ("modify", path)).into_iter().collect(),
        "apply_patch" => patched_files(call.arguments),
        _ => Vec::new(),
    }
}

fn only_if(draft: Draft, condition: Condition) -> Draft {
    Draft { only_if: Some(condition), ..draft }
}
