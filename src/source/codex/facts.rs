//! The facts of one Codex thread, each with its key, whichever channel tells it.
//!
//! Hooks, telemetry and the rollout know ids of calls and turns; the JSON output of `codex exec` knows neither. So most
//! facts have a natural key, where the channel can say it, and one of what they say, by which the other channels' reports
//! are recognised within ten seconds. What this cannot do: two calls of one tool with the same input within ten seconds
//! are one fact where the JSON output alone tells of them.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Body, Condition, Draft, EventType, Lifecycle, Progress, Provider, Status},
    source::{
        Agent, HookContext, Refusal,
        session::{Session, bounded, fingerprint, with_text},
    },
};

/// A session, or one of its subagents.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    session: Session,
    agent: Option<String>,
}

/// The statuses from which work can begin again.
pub(super) const AT_REST: &[Status] = &[Status::Paused, Status::Completed, Status::Failed, Status::Stopped, Status::Deleted];

/// Codes that ask to slow down: HTTP's, and the provider's own names.
const LIMITS: &[&str] = &["429", "rate_limit_exceeded", "rate_limit_error", "usage_limit_reached", "insufficient_quota"];

impl Thread {
    /// # Errors
    /// [`Refusal`] where `session` cannot be part of a coder's id.
    pub fn new(session: &str, folder: Option<&str>, context: &HookContext) -> Result<Thread, Refusal> {
        let session = Session::new(Agent::Codex, session, context)?.in_folder(folder);
        Ok(Thread { session, agent: None })
    }

    /// # Errors
    /// [`Refusal`] where `agent` cannot be part of a coder's id.
    pub fn subagent(&self, agent: &str, name: Option<&str>) -> Result<Thread, Refusal> {
        Ok(Thread { session: self.session.subagent(agent, name)?, agent: Some(agent.to_owned()) })
    }

    pub fn draft(&self, kind: EventType) -> Draft {
        self.session.draft(kind)
    }

    pub fn filled(&self, draft: Draft) -> Draft {
        self.session.filled(draft)
    }

    pub fn lifecycle(&self, kind: EventType, reason: Option<&str>) -> Draft {
        self.filled(Draft::lifecycle("", kind, "", "", &bounded(reason.unwrap_or_default())))
    }

    pub fn created(&self) -> Draft {
        self.keyed(self.lifecycle(EventType::Created, None), &["created"])
    }

    pub fn started(&self) -> Draft {
        self.keyed(self.lifecycle(EventType::Started, None), &["started"])
    }

    /// A turn begins where another ended before.
    pub fn resumed(&self, turn: &str) -> Draft {
        self.keyed(self.lifecycle(EventType::Resumed, Some("prompt")), &["turn", turn, "resumed"])
    }

    /// A turn that a hook holds open may come to its end twice, and says something else each time.
    pub fn completed(&self, turn: Option<&str>, message: Option<&str>) -> Draft {
        let draft = with_text(self.lifecycle(EventType::Completed, None), "last_assistant_message", message);
        let said = print(message.unwrap_or_default());
        self.known(draft, turn.map(|turn| ["turn", turn, "completed", &said]), &["completed", &said])
    }

    pub fn failed(&self, turn: Option<&str>, message: Option<&str>) -> Draft {
        let mut draft = self.draft(EventType::Failed);
        draft.body = Body::Lifecycle(Lifecycle { error_message: message.map(plain), ..Lifecycle::default() });
        let said = print(message.unwrap_or_default());
        self.known(draft, turn.map(|turn| ["turn", turn, "failed"]), &["failed", &said])
    }

    /// A person broke the turn off.
    pub fn interrupted(&self, turn: Option<&str>, reason: Option<&str>) -> Draft {
        let draft = self.lifecycle(EventType::Stopped, Some(reason.unwrap_or("interrupted")));
        self.known(draft, turn.map(|turn| ["turn", turn, "stopped"]), &["turn", "stopped"])
    }

    /// The process ended: a session that is resumed ends again.
    pub fn ended(&self, reason: Option<&str>) -> Draft {
        self.repeated(self.lifecycle(EventType::Stopped, reason), &["ended"])
    }

    pub fn said(&self, message: Option<&str>, text: &str) -> Draft {
        let mut draft = self.draft(EventType::Output);
        draft.body =
            Body::Progress(Progress { stream: Some("assistant".to_owned()), text: Some(bounded(text)), ..Progress::default() });
        let draft = with_text(draft, "message_id", message);
        self.known(draft, message.map(|message| ["message", message]), &["message", &print(text)])
    }

    pub fn compacted(&self) -> Draft {
        let mut draft = self.draft(EventType::Milestone);
        draft.body = Body::Progress(Progress { milestone: Some("context compacted".to_owned()), ..Progress::default() });
        self.repeated(draft, &["compacted"])
    }

    /// A request to the provider failed; `id` is what the channel tells such requests apart by.
    pub fn request_failed(&self, id: Option<&str>, code: Option<&str>, message: Option<&str>) -> Draft {
        let limited = code.is_some_and(|code| LIMITS.contains(&code));
        let mut draft = self.draft(if limited { EventType::RateLimit } else { EventType::ApiError });
        draft.body =
            Body::Provider(Provider { error_code: code.map(bounded), error_message: message.map(plain), ..Provider::default() });
        let repeat = if limited { "rate-limit" } else { "api-error" };
        self.known(draft, id.map(|id| ["request", id, repeat]), &[repeat])
    }

    pub fn keyed(&self, draft: Draft, parts: &[&str]) -> Draft {
        self.session.keyed(draft, &self.own(parts))
    }

    pub fn repeated(&self, draft: Draft, parts: &[&str]) -> Draft {
        self.session.repeated(draft, &self.own(parts))
    }

    /// Under a key that the same payload has again, and no other.
    pub fn repeated_payload(&self, draft: Draft, payload: Uuid) -> Draft {
        self.session.repeated_payload(draft, payload)
    }

    /// Under `natural` where the channel knows it, and under `repeat` in any case.
    pub fn known<const N: usize>(&self, draft: Draft, natural: Option<[&str; N]>, repeat: &[&str]) -> Draft {
        match natural {
            Some(natural) => self.session.keyed_or_repeated(draft, &self.own(&natural), &self.own(repeat)),
            None => self.repeated(draft, repeat),
        }
    }

    /// A subagent shares its session's world of ids, but starts and ends on its own.
    fn own<'k>(&'k self, parts: &[&'k str]) -> Vec<&'k str> {
        let agent = self.agent.as_deref().map(|agent| ["agent", agent]);
        agent.into_iter().flatten().chain(parts.iter().copied()).collect()
    }
}

pub(super) fn only_if(draft: Draft, condition: Condition) -> Draft {
    Draft { only_if: Some(condition), ..draft }
}

/// What stands in a key for a text.
pub(super) fn print(text: &str) -> String {
    fingerprint(text.as_bytes()).to_string()
}

/// What went wrong, out of the answer of the provider that it may come in.
fn plain(message: &str) -> String {
    let answer = serde_json::from_str::<Value>(message).unwrap_or_default();
    bounded(answer["error"]["message"].as_str().unwrap_or(message))
}
