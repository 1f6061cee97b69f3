//! The tools: what each is called, takes and answers.
//!
//! Text and structured content of an answer say the same, since some clients hand a model only the one and some only
//! the other. What a caller did wrong is a tool result that says what to send instead.

mod brief;
mod emit;
mod gather;
mod list_coders;
mod list_events;
mod stats;
mod subscribe;
mod watch;

pub(super) use self::{list_coders::all as all_coders, list_events::types as event_types, stats::all as all_stats};

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, MetaObject, Tool, ToolAnnotations,
    },
    service::RequestContext,
};

use super::{context::ServeContext, tool_error::ToolError, tool_result, untrusted};

/// The tools a client may call. Reading alone where `read_only`.
pub(super) fn all(read_only: bool) -> Vec<Tool> {
    ALL.iter().filter(|tool| !(read_only && tool.writes)).map(Definition::to_tool).collect()
}

/// # Errors
/// A protocol error where there is no such tool.
pub(super) async fn call(
    serving: &ServeContext,
    request: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let Some(tool) = ALL.iter().find(|tool| tool.name == request.name && !(serving.options.read_only && tool.writes)) else {
        let valid = all(serving.options.read_only).iter().map(|tool| tool.name.to_string()).collect::<Vec<_>>().join(", ");
        let given = untrusted::echo(&request.name);
        return Err(ErrorData::invalid_params(format!("unknown tool `{given}`: there are {valid}"), None));
    };
    Ok(guard(tool.name, tool.run(serving, request.arguments, context)).await)
}

/// One tool of the table. Its texts were found by experiment: with them, agents' searches find the tool that answers
/// (`tests/fixtures/mcp-texts.json` keeps them).
struct Definition {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// What an agent's search looks at beside the description.
    hint: &'static str,
    input: fn() -> Arc<JsonObject>,
    /// Agents show it to their model before any search.
    is_always_loaded: bool,
    writes: bool,
    which: Which,
}

#[derive(Clone, Copy)]
enum Which {
    ListCoders,
    Subscribe,
    Brief,
    ListEvents,
    Stats,
    Emit,
    Watch,
}

const ALL: &[Definition] = &[
    Definition {
        name: "list_ai_coders",
        title: "Agent sessions and their status",
        about: "Every AI coding agent session on this machine and its status: active, running, waiting for permission, \
                approval or input, blocked, stuck, failed, rate limited, done. Claude Code, Codex, Gemini, Copilot, Cursor \
                and opencode sessions and subagents, with task, progress, project, cost. Shows which other agents work on \
                this repo or need attention.",
        hint: "agent sessions: which agents (Claude Code, Codex) are running, in progress, working on this repo, stuck, \
                blocked or waiting for permission or approval",
        input: list_coders::input,
        is_always_loaded: true,
        writes: false,
        which: Which::ListCoders,
    },
    Definition {
        name: "subscribe_coder",
        title: "Wait for an agent, get notified",
        about: "Wait for an agent session to complete, or subscribe to its events and watch its progress live: returns \
                when it finishes, is stuck, waits for permission or hits a rate limit (until), or at anything new. Monitor \
                a background agent; be told when a long running task is done. `*`: all. No cursor: state now. For updates, \
                call again with each cursor.",
        hint: "wait for another agent or session to complete; watch or monitor a background agent, subagent; notify when \
                finished, done, stuck, at a rate limit",
        input: subscribe::input,
        is_always_loaded: true,
        writes: false,
        which: Which::Subscribe,
    },
    Definition {
        name: "brief_ai_coder",
        title: "Summary of what an agent did",
        about: "Recap of one agent session or subagent in one short answer: what it was asked to do, what it did, \
                progress, result, what it is waiting for, files changed, what failed and why, last error, last output or \
                message, tokens and cost. A summary to read before you report on another agent or take over its session \
                (handoff).",
        hint: "summary or recap of what an agent did: task it was asked, progress of a subagent, why it failed, last \
                error, output, files changed; session handoff",
        input: brief::input,
        is_always_loaded: false,
        writes: false,
        which: Which::Brief,
    },
    Definition {
        name: "list_ai_coder_events",
        title: "History and log of agent activity",
        about: "List or search the recorder's events (history, log, audit trail) of every agent session: prompts, commands \
                run, output, failed tool calls, errors, file edits; a timeline, most recent first. Tells which agent \
                touched, edited or modified a file, and if two edited the same file (conflict). Filter by session, type, \
                time, path, text; page with cursor.",
        hint: "search past agent sessions, session history, activity timeline, error log; which agent touched, edited or \
                modified a file; same file conflict",
        input: list_events::input,
        is_always_loaded: false,
        writes: false,
        which: Which::ListEvents,
    },
    Definition {
        name: "get_ai_coder_stats",
        title: "Usage statistics of agents: cost, tokens, errors, rate limits",
        about: "Agent stats: cost, token usage and money spent, today, this week or since any time; in total or, with \
                group_by, how many tokens and what spend by model, per project, agent, session, day or tool. Also counts \
                of events, tool calls, API errors and rate limits.",
        hint: "agent stats: cost, spend, token usage statistics today or this week, by model, per project, agent or \
                session; count of errors and rate limits",
        input: stats::input,
        is_always_loaded: false,
        writes: false,
        which: Which::Stats,
    },
    Definition {
        name: "emit_ai_coder_event",
        title: "Emit or log an event",
        about: "Publish an event to the log, for other agents and people to see: report your status or a progress update, \
                record a milestone or an error, say that a task is done; for yourself (`me`) or an agent that you run. The \
                answer comes when it is committed. The same id again is recorded once.",
        hint: "log or emit an event: record or report a progress update, a milestone, an error or your status for other \
                agents and people to see",
        input: emit::input,
        is_always_loaded: false,
        writes: true,
        which: Which::Emit,
    },
    Definition {
        name: "watch_ai_coder",
        title: "Be told later about an agent",
        about: "Go on working and be told, by your own hook, once another agent session is done, failed, stuck or waits for a \
                person: a reminder instead of a wait. Where your hooks may not tell you anything, it says so.",
        hint: "be told or notified later when another agent or background session is done, failed or needs permission, while \
                you work",
        input: watch::input,
        is_always_loaded: false,
        writes: true,
        which: Which::Watch,
    },
];

impl Definition {
    fn to_tool(&self) -> Tool {
        let annotations = ToolAnnotations::with_title(self.title)
            .read_only(!self.writes)
            .destructive(false)
            // Without an id of the caller's, the same event twice is two events.
            .idempotent(!self.writes)
            .open_world(false);
        let mut meta = JsonObject::new();
        meta.insert("anthropic/searchHint".into(), self.hint.into());
        if self.is_always_loaded {
            meta.insert("anthropic/alwaysLoad".into(), true.into());
        }
        // No schema of the answer: no agent's model sees one, and it would be most of what a list of tools costs.
        Tool::new(self.name, self.about, (self.input)())
            .with_title(self.title)
            .with_annotations(annotations)
            .with_meta(MetaObject(meta))
    }

    async fn run(
        &self,
        serving: &ServeContext,
        arguments: Option<JsonObject>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ToolError> {
        let caller = serving.caller(&context.meta);
        let answered = match self.which {
            Which::ListEvents => list_events::call(serving, arguments, caller)
                .await
                .map(|answer| tool_result::result(&answer, answer.is_of_coders())),
            Which::Brief => brief::call(serving, arguments, caller).await.map(|brief| tool_result::result(&brief, true)),
            Which::Stats => {
                stats::call(serving, arguments, caller).await.map(|answer| tool_result::result(&answer, answer.is_of_coders()))
            }
            Which::Subscribe => return subscribe::call(serving, arguments, context, caller).await,
            Which::ListCoders => list_coders::call(serving, arguments, caller)
                .await
                .map(|answer| tool_result::result(&answer, answer.is_of_coders())),
            Which::Watch => watch::call(serving, arguments, caller).await.map(|receipt| tool_result::result(&receipt, false)),
            Which::Emit => emit::call(serving, arguments, caller).await.map(|receipt| tool_result::result(&receipt, false)),
        };
        answered.map(CallToolResponse::from)
    }
}

/// A call always gets an answer: rmcp would leave a panicking one without.
async fn guard(name: &str, call: impl Future<Output = Result<CallToolResponse, ToolError>>) -> CallToolResponse {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::debug!(tool = name, error = %error.message(), "tool call refused");
            error.into_result().into()
        }
        Err(_) => {
            tracing::error!(tool = name, "tool call panicked");
            CallToolResult::error(vec![ContentBlock::text(format!(
                "`{name}` failed unexpectedly: this is a bug; other tools still work"
            ))])
            .into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panicking_call_is_answered() {
        let response = guard("stats", async { panic!("for the test") }).await;
        let CallToolResponse::Complete(result) = response else { panic!("no result") };
        assert_eq!(result.is_error, Some(true));
        assert_eq!(
            result.content[0].as_text().expect("text").text,
            "`stats` failed unexpectedly: this is a bug; other tools still work"
        );
    }

    #[test]
    fn only_the_writing_tools_are_left_out_when_read_only() {
        let names = |read_only| all(read_only).iter().map(|tool| tool.name.to_string()).collect::<Vec<_>>();
        let reading = ["list_ai_coders", "subscribe_coder", "brief_ai_coder", "list_ai_coder_events", "get_ai_coder_stats"];
        assert_eq!(names(true), reading);
        assert_eq!(names(false), [&reading[..], &["emit_ai_coder_event", "watch_ai_coder"]].concat());
    }

    #[test]
    fn descriptions_are_one_paragraph() {
        for tool in ALL {
            assert!(!tool.about.contains("  ") && tool.about.ends_with('.'), "{}: {}", tool.name, tool.about);
        }
    }
}
