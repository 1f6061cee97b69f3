//! Codex's own record of a session, its rollout, to facts.
//!
//! Newer rollouts tell what happened as `item_completed` and calls as `token_usage_record`; older ones as events of many
//! names, and calls as sums. `response_item` holds the same once more as the model reads it: it is what is left of a tool's
//! call where no item tells of it.

use serde_json::Value;
use uuid::Uuid;

use super::{
    call::{CodexCall, Work, WorkOutcome},
    command,
    stream::error_code,
    thread::Thread,
    usage::Account,
};
use crate::{
    event::{DataKey, Micros, Time},
    source::{
        Agent, HookContext, Refusal,
        channel::{LineReader, Understood},
        fact::{Fact, RefusedCall, Switch, Told},
        json::{self, Wire},
        open_calls::OpenCalls,
        patch,
    },
};

#[derive(Debug, Default)]
struct Rollout {
    /// The session that the file is named after.
    named: Option<String>,
    thread: Option<Thread>,
    /// The thread's own id, which differs from its session's where it is a subagent's.
    id: String,
    folder: String,
    turn: Option<String>,
    /// A turn ended, and none began since.
    at_rest: bool,
    /// An error of the turn was told before its end.
    has_failed: bool,
    calls: OpenCalls<Work>,
    /// What the coder asks permission for.
    approval: Option<String>,
    account: Account,
    /// When the context was last compacted: some versions tell it twice.
    compacted: Option<Time>,
    /// The time of its first line.
    begun: Option<Time>,
    /// When the thread began that forked off another, until its own first turn: what stands between is that one's.
    copied_since: Option<Time>,
}

/// What a fork copies is written within this time as a rule, and surely within the other.
const COPYING: Micros = Time::SECOND;
const COPYING_MAX: Micros = 60 * Time::SECOND;
/// `2026-11-22T18-58-41-`
const TIME_CHARS: usize = 20;

pub(super) fn open(path: &str) -> Box<dyn LineReader> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.strip_prefix("rollout-").and_then(|name| name.split_once(".jsonl")).map(|(stem, _)| stem);
    // The time stands before the id.
    let named = stem.and_then(|stem| stem.get(TIME_CHARS..)).filter(|id| !id.is_empty()).map(str::to_owned);
    Box::new(Rollout { named, ..Rollout::default() })
}

impl LineReader for Rollout {
    fn line(&mut self, line: Wire<'_>) -> Understood {
        let (at, payload) = (line.text("timestamp").and_then(Time::parse), line.at("payload"));
        if line.is("type", "session_meta") {
            self.begun = self.begun.or(at);
            return Ok(stamped(self.meta(payload)?, at));
        }
        let thread = self.thread()?;
        if self.is_copied(payload, at) {
            self.account.begin_from(payload);
            if line.is("type", "turn_context") {
                self.turn_context(payload);
            }
            return Ok(Vec::new());
        }
        let told = match line.text("type") {
            Some("turn_context") => self.switched(&thread, payload),
            Some("token_usage_record") => self.account.record(&thread, payload, at).into_iter().collect(),
            Some("compacted") => self.compacted(&thread, at),
            Some("event_msg") => self.event(&thread, payload, line.text("timestamp"), at),
            Some("response_item") => self.response_item(&thread, payload),
            _ => Vec::new(),
        };
        Ok(stamped(told, at))
    }

    /// A turn that is not over may go on.
    fn end(&mut self) -> Vec<Told> {
        let Some(thread) = &self.thread else { return Vec::new() };
        self.account.tell(thread, None).into_iter().collect()
    }
}

impl Rollout {
    /// # Errors
    /// [`Refusal`] where neither the file's name nor a line before says whose it is.
    fn thread(&mut self) -> Result<Thread, Refusal> {
        if let Some(thread) = &self.thread {
            return Ok(thread.clone());
        }
        let Some(named) = &self.named else {
            return Err(Refusal::new("no line before names the session, nor does the file's name"));
        };
        self.id.clone_from(named);
        Ok(self.thread.insert(Thread::new(named, None, &HookContext::default())?).clone())
    }

    fn meta(&mut self, meta: Wire<'_>) -> Understood {
        // The second is that of the thread this one forked off.
        if self.thread.is_some() {
            self.copied_since = self.copied_since.or(self.begun);
            return Ok(Vec::new());
        }
        let Some(id) = meta.text("id").or(self.named.as_deref()) else {
            return Err(Refusal::new("the session's first line has no `id`"));
        };
        let folder = meta.text("cwd");
        let spawn = meta.at("source").at("subagent").at("thread_spawn");
        let session = meta.text("session_id").filter(|session| *session != id).or_else(|| spawn.text("parent_thread_id"));
        let name = spawn.text("agent_nickname").or_else(|| spawn.text("agent_role"));
        let context = HookContext::default();
        let thread = match session {
            Some(session) => Thread::new(session, folder, &context)?.subagent(id, name)?,
            None => Thread::new(id, folder, &context)?,
        };
        self.id = id.to_owned();
        self.folder = folder.unwrap_or_default().to_owned();
        self.account.is_exec = meta.text("source") == Some("exec");
        self.account.provider = meta.text("model_provider").map(str::to_owned);
        let origin = meta.text("forked_from_id");
        self.copied_since = self.begun.filter(|_| origin.is_some());
        let begun = thread.says(Fact::begun(None)).with(DataKey::Cwd, folder);
        let git = meta.at("git");
        let begun = begun.with(DataKey::Branch, git.text("branch")).with(DataKey::Commit, git.text("commit_hash"));
        let begun = begun.with(DataKey::ForkedFrom, origin.map(|origin| format!("{}:{origin}", Agent::Codex)));
        self.thread = Some(thread);
        Ok(vec![begun])
    }

    /// A thread that forked off another begins with what that one did, its times made those of the fork; its own turns come after.
    fn is_copied(&mut self, payload: Wire<'_>, at: Option<Time>) -> bool {
        if payload.text("thread_id").is_some_and(|id| id != self.id) {
            return true;
        }
        let Some(since) = self.copied_since else { return false };
        let begins = matches!(payload.text("type"), Some("task_started" | "turn_started" | "user_message"));
        let after = |pause: Micros| at.is_some_and(|at| at.since(since) > pause);
        let is_own = begins
            && match payload.text("turn_id").and_then(made_at) {
                Some(made) => made >= since.plus(-Time::SECOND) || after(COPYING_MAX),
                None => after(COPYING),
            };
        if is_own {
            self.copied_since = None;
        }
        !is_own
    }

    /// A turn begins in another model or mode than the one before.
    fn switched(&mut self, thread: &Thread, context: Wire<'_>) -> Vec<Told> {
        let before = self.account.model.clone();
        self.turn_context(context);
        let turn = context.text("turn_id").map(str::to_owned).or_else(|| self.turn.clone()).unwrap_or_default();
        let model = before.and_then(|before| self.account.model.clone().filter(|model| *model != before));
        let approval = context.text("approval_policy").map(str::to_owned);
        let mode = match (std::mem::replace(&mut self.approval, approval.clone()), approval) {
            (Some(before), Some(now)) if before != now => Some(now),
            _ => None,
        };
        let switched = [(Switch::Model, "model", model), (Switch::Mode, "mode", mode)].into_iter();
        switched
            .filter_map(|(what, part, to)| {
                Some(thread.says(Fact::Switched { what, to: to? }).known_by(thread.who.own(&["turn", &turn, part])))
            })
            .collect()
    }

    fn turn_context(&mut self, context: Wire<'_>) {
        if let Some(model) = context.text("model") {
            self.account.model = Some(model.to_owned());
        }
        if let Some(folder) = context.text("cwd") {
            folder.clone_into(&mut self.folder);
        }
    }

    fn event(&mut self, thread: &Thread, event: Wire<'_>, stamp: Option<&str>, at: Option<Time>) -> Vec<Told> {
        match event.text("type") {
            Some("task_started" | "turn_started") => self.turn_began(thread, event.text("turn_id").or(stamp)),
            // Before turns had a beginning of their own.
            Some("user_message") => {
                let mut told = self.turn_began(thread, self.turn.clone().as_deref().or(stamp));
                told.extend(event.text("message").map(|prompt| thread.asked(self.turn.as_deref(), prompt)));
                told
            }
            Some("thread_name_updated") => thread.titled(event.first_text(&["thread_name", "name"])).into_iter().collect(),
            Some("task_complete" | "turn_complete") => {
                let (refused, failed) =
                    (self.refused(thread, event.at("error"), stamp, at), std::mem::take(&mut self.has_failed));
                if failed && !event.at("error").is_there() {
                    return self.turn_over(thread, event.text("turn_id")).1;
                }
                let ended = self.turn_ended(thread, event, |turn| match event.at("error") {
                    error if error.is_there() => thread.turn_failed(turn, error.text("message").or(error.as_text())),
                    _ => thread.turn_ended(turn, event.text("last_agent_message")),
                });
                refused.into_iter().chain(ended).collect()
            }
            // Some versions write it before the turn's end, which then says nothing of it.
            Some("error") => {
                (self.has_failed, self.at_rest) = (true, true);
                let failed = thread.turn_failed(self.turn.as_deref(), event.text("message"));
                self.refused(thread, event, stamp, at).into_iter().chain([failed]).collect()
            }
            Some("turn_aborted") => self.turn_ended(thread, event, |turn| thread.interrupted(turn)),
            Some("token_count") => {
                let told = self.account.count(thread, event, at);
                told.into_iter().chain(self.account.tell_early(thread)).collect()
            }
            Some("item_completed") if event.at("item").is("type", "ContextCompaction") => self.compacted(thread, at),
            Some("item_completed") => self.item(thread, event.at("item")),
            Some("exec_command_end") => self.command(thread, event.text("call_id"), event),
            Some("patch_apply_end") => self.patched(thread, event.text("call_id"), event),
            Some("agent_message") => self.said(thread, stamp, event.text("message")),
            Some("agent_reasoning") => {
                let thought = event.text("text").filter(|text| !text.trim().is_empty());
                thought.map(|text| thread.thought(stamp, text)).into_iter().collect()
            }
            Some("context_compacted") => self.compacted(thread, at),
            _ => Vec::new(),
        }
    }

    fn turn_began(&mut self, thread: &Thread, turn: Option<&str>) -> Vec<Told> {
        // Where the process was killed, the turn before has no end.
        let left_open = self.turn.as_deref().filter(|open| turn != Some(open));
        let calls = left_open.and_then(|open| self.account.tell(thread, Some(open)));
        (self.turn, self.has_failed) = (turn.map(str::to_owned), false);
        let resumed = turn.filter(|_| std::mem::take(&mut self.at_rest)).map(|turn| thread.prompted(turn));
        calls.into_iter().chain(resumed).collect()
    }

    fn turn_ended(&mut self, thread: &Thread, event: Wire<'_>, ended: impl FnOnce(Option<&str>) -> Told) -> Vec<Told> {
        let (turn, mut told) = self.turn_over(thread, event.text("turn_id"));
        told.push(ended(turn.as_deref()));
        told
    }

    /// The turn that is over, and what it used.
    fn turn_over(&mut self, thread: &Thread, named: Option<&str>) -> (Option<String>, Vec<Told>) {
        let turn = named.map(str::to_owned).or_else(|| self.turn.take());
        self.turn = None;
        self.at_rest = true;
        let calls = self.account.tell(thread, turn.as_deref());
        let context = turn.as_deref().and_then(|turn| self.account.context_used(thread, turn));
        (turn, calls.into_iter().chain(context).collect())
    }

    /// The request that the turn failed of, where it was the provider who refused it.
    fn refused(&self, thread: &Thread, error: Wire<'_>, stamp: Option<&str>, at: Option<Time>) -> Option<Told> {
        let turn = self.turn.as_deref().or(stamp).unwrap_or_default();
        refusal(error).map(|refused| thread.refused_for_good(turn, refused, at))
    }

    fn item(&mut self, thread: &Thread, item: Wire<'_>) -> Vec<Told> {
        let id = item.text("id");
        // What the model is answered says less.
        id.and_then(|id| self.calls.close(id));
        match item.text("type") {
            Some("AgentMessage") => {
                let said: String = item.list("content").filter_map(|part| part.text("text")).collect();
                self.said(thread, id, Some(&said))
            }
            Some("UserMessage") => {
                let asked: Vec<&str> = item.list("content").filter_map(|part| part.text("text")).collect();
                let asked = Some(asked.join("\n")).filter(|asked| !asked.is_empty());
                asked.map(|asked| thread.asked(self.turn.as_deref(), &asked)).into_iter().collect()
            }
            Some("CommandExecution") => self.command(thread, id, item),
            Some("FileChange") => self.patched(thread, id, item),
            Some("McpToolCall") => {
                let (server, tool) = (item.text("server").unwrap_or("mcp"), item.text("tool").unwrap_or("tool"));
                let failed = is_failed(item) || item.at("error").is_there();
                let work = Work::of_server(server, tool, item.at("arguments"));
                CodexCall::new(id, work).told(thread, &WorkOutcome { failed, ..WorkOutcome::default() }, &self.folder)
            }
            Some("WebSearch") => {
                let work = Work::of("web_search", item, &self.folder);
                CodexCall::new(id, work).told(thread, &WorkOutcome::default(), &self.folder)
            }
            _ => Vec::new(),
        }
    }

    fn compacted(&mut self, thread: &Thread, at: Option<Time>) -> Vec<Told> {
        let is_again = self.compacted.zip(at).is_some_and(|(last, at)| at.since(last) < Time::SECOND);
        self.compacted = at.or(self.compacted);
        if is_again { Vec::new() } else { vec![thread.compacted()] }
    }

    fn said(&self, thread: &Thread, id: Option<&str>, said: Option<&str>) -> Vec<Told> {
        said.filter(|said| !said.is_empty()).map(|said| thread.said(id, said)).into_iter().collect()
    }

    fn command(&self, thread: &Thread, id: Option<&str>, item: Wire<'_>) -> Vec<Told> {
        let exit_code = item.signed("exit_code");
        let outcome = WorkOutcome {
            exit_code,
            failed: is_failed(item) || exit_code.is_some_and(|code| code != 0),
            printed: item.text("aggregated_output"),
            ..WorkOutcome::default()
        };
        // Its folder may be a URL.
        let folder = item.text("cwd").map(|cwd| cwd.strip_prefix("file://").unwrap_or(cwd)).unwrap_or(&self.folder);
        CodexCall::new(id, Work::Command(command::script(&item.at("command").words()))).told(thread, &outcome, folder)
    }

    fn patched(&self, thread: &Thread, id: Option<&str>, item: Wire<'_>) -> Vec<Told> {
        let failed = is_failed(item) || item.truth("success") == Some(false);
        let work = Work::Patch(patch::changes_of_json(item.at("changes"), &self.folder));
        CodexCall::new(id, work).told(thread, &WorkOutcome { failed, ..WorkOutcome::default() }, &self.folder)
    }

    fn response_item(&mut self, thread: &Thread, item: Wire<'_>) -> Vec<Told> {
        let Some(id) = item.text("call_id") else { return Vec::new() };
        let work = match item.text("type") {
            Some("function_call") => {
                let given = item.text("arguments").unwrap_or_default();
                let arguments = json::within(given).unwrap_or_else(|| Value::from(given));
                Work::of(item.text("name").unwrap_or("tool"), Wire(&arguments), &self.folder)
            }
            Some("custom_tool_call") => Work::of(item.text("name").unwrap_or("tool"), item.at("input"), &self.folder),
            Some("local_shell_call") => Work::of("local_shell", item, &self.folder),
            Some("function_call_output" | "custom_tool_call_output") => {
                let Some(work) = self.calls.close(id) else { return Vec::new() };
                return self.answered(thread, id, work, item.at("output"));
            }
            _ => return Vec::new(),
        };
        self.calls.open(id, work);
        Vec::new()
    }

    fn answered(&self, thread: &Thread, id: &str, work: Work, output: Wire<'_>) -> Vec<Told> {
        let answer = ToolAnswer::read(output);
        let outcome = WorkOutcome {
            exit_code: answer.exit_code,
            failed: answer.failed,
            // A command that still runs has not said all.
            printed: match &work {
                Work::Command(_) if answer.exit_code.is_none() => None,
                _ => Some(answer.printed.as_str()),
            },
            ..WorkOutcome::default()
        };
        CodexCall::new(Some(id), work).told(thread, &outcome, &self.folder)
    }
}

/// When an id was made, where it says so: ids of turns do in newer versions.
fn made_at(id: &str) -> Option<Time> {
    let (seconds, nanos) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    Some(Time::from_micros(i64::try_from(seconds).ok()? * Time::SECOND + i64::from(nanos) / 1_000))
}

/// What the provider refused, where it was the provider: it has a code, or is a limit by its words. A short run exports no telemetry
/// of it.
fn refusal(error: Wire<'_>) -> Option<RefusedCall> {
    let message = error.text("message").or(error.as_text())?;
    let refused = RefusedCall { code: error_code(message), message: Some(message.to_owned()), ..RefusedCall::default() };
    (refused.code.is_some() || refused.is_rate_limit()).then_some(refused)
}

fn is_failed(item: Wire<'_>) -> bool {
    item.text("status").is_some_and(|status| matches!(status, "failed" | "declined"))
}

/// Facts of a line; those that waited for it have their own time.
fn stamped(told: Vec<Told>, at: Option<Time>) -> Vec<Told> {
    told.into_iter().map(|told| Told { at: told.at.or(at), ..told }).collect()
}

/// A tool's answer as the model reads it: a text with the exit code on a line of its own, or JSON.
struct ToolAnswer {
    exit_code: Option<i64>,
    failed: bool,
    printed: String,
}

impl ToolAnswer {
    fn read(output: Wire<'_>) -> ToolAnswer {
        let told_failed = output.truth("success") == Some(false);
        let answer = output.0.as_str().or_else(|| output.text("content")).unwrap_or_default();
        let json = json::within(answer).filter(|json| json["metadata"].is_object());
        let (exit_code, printed) = match &json {
            Some(json) => (Wire(json).at("metadata").signed("exit_code"), Wire(json).text("output").unwrap_or_default()),
            None => match answer.split_once("\nOutput:\n") {
                Some((head, printed)) => (head.lines().find_map(exit_code), printed),
                None => (None, answer),
            },
        };
        let unsupported = answer.starts_with("unsupported call");
        let failed = told_failed || unsupported || exit_code.is_some_and(|code| code != 0);
        ToolAnswer { exit_code, failed, printed: printed.to_owned() }
    }
}

fn exit_code(line: &str) -> Option<i64> {
    ["Exit code: ", "Process exited with code "].iter().find_map(|before| line.strip_prefix(before)?.trim().parse().ok())
}
