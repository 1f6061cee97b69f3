//! By what the facts of one Codex thread are recognised, whichever channel tells them.
//!
//! Hooks, telemetry and the rollout know ids of calls and turns; the JSON output of `codex exec` knows neither. So most
//! facts have a natural key, where the channel can say it, and one of what they say, by which the other channels' reports
//! are recognised within ten seconds. What this cannot do: two calls of one tool with the same input within ten seconds
//! are one fact where the JSON output alone tells of them.

use std::sync::Arc;

use crate::{
    event::{DataKey, EventType, Micros, Time},
    source::{
        Agent, HookContext, Refusal,
        coder::{CoderIdentity, fingerprint},
        fact::{Fact, RefusedCall, Told},
        json::{self, Wire},
    },
};

/// A session, or one of its subagents, at a moment of it.
#[derive(Clone, Debug)]
pub(super) struct Thread {
    pub who: Arc<CoderIdentity>,
    pub at: Option<Time>,
}

impl Thread {
    /// # Errors
    /// [`Refusal`] where `session` cannot be part of a coder's id.
    pub fn new(session: &str, folder: Option<&str>, context: &HookContext) -> Result<Thread, Refusal> {
        Ok(Thread { who: CoderIdentity::new(Agent::Codex, session, context)?.in_folder(folder), at: None })
    }

    /// # Errors
    /// [`Refusal`] where `agent` cannot be part of a coder's id.
    pub fn subagent(&self, agent: &str, name: Option<&str>) -> Result<Thread, Refusal> {
        // Telemetry takes it for a session.
        let who = self.who.subagent(agent, name)?.also_known_as(Agent::Codex, agent);
        Ok(Thread { who, at: self.at })
    }

    pub fn at(self, at: Option<Time>) -> Thread {
        Thread { at, ..self }
    }

    pub fn says(&self, fact: Fact) -> Told {
        self.who.says(self.at, fact)
    }

    /// Known by `natural` where the channel has the ids, and by `repeat` in any case.
    pub fn known<const N: usize>(&self, fact: Fact, natural: Option<[&str; N]>, repeat: &[&str]) -> Told {
        self.says(fact).known_by(self.who.either(natural, repeat))
    }

    /// What was asked of it. More may be asked while a turn is at work.
    pub fn asked(&self, turn: Option<&str>, text: &str) -> Told {
        let said = print(text.trim());
        let asked = Fact::asked(text, self.who.asker());
        self.known(asked, turn.map(|turn| ["asked", turn, &said]), &["asked", &said])
    }

    /// A turn begins where another ended before.
    pub fn prompted(&self, turn: &str) -> Told {
        self.says(Fact::Prompted).known_by(self.who.own(&["turn", turn, "resumed"]))
    }

    /// A turn that a hook holds open may come to its end twice, and says something else each time.
    pub fn turn_ended(&self, turn: Option<&str>, message: Option<&str>) -> Told {
        let said = print(message.unwrap_or_default());
        let ended =
            self.known(Fact::turn_ended(None), turn.map(|turn| ["turn", turn, "completed", &said]), &["completed", &said]);
        ended.with(DataKey::LastAssistantMessage, message)
    }

    pub fn turn_failed(&self, turn: Option<&str>, message: Option<&str>) -> Told {
        let said = print(message.unwrap_or_default());
        let failed = Fact::turn_failed(None, message.map(plain).as_deref());
        self.known(failed, turn.map(|turn| ["turn", turn, "failed"]), &["failed", &said])
    }

    /// A person broke the turn off.
    pub fn interrupted(&self, turn: Option<&str>) -> Told {
        self.known(Fact::Interrupted, turn.map(|turn| ["turn", turn, "stopped"]), &["turn", "stopped"])
    }

    /// The process ended: a session that is resumed ends again.
    pub fn ended(&self, reason: Option<&str>) -> Told {
        self.says(Fact::ended(reason)).known_by(self.who.repeat(&["ended"]))
    }

    pub fn said(&self, message: Option<&str>, text: &str) -> Told {
        let said = self.known(Fact::said(text), message.map(|message| ["message", message]), &["message", &print(text)]);
        said.with(DataKey::MessageId, message)
    }

    /// `moment` is the line's.
    pub fn thought(&self, moment: Option<&str>, text: &str) -> Told {
        self.known(Fact::thought(text), moment.map(|moment| ["thought", moment]), &["thought", &print(text)])
    }

    /// What the session is called.
    pub fn titled(&self, title: Option<&str>) -> Option<Told> {
        let title = title.filter(|title| !title.is_empty())?;
        Some(self.says(Fact::Titled(title.to_owned())).known_by(self.who.own(&["title", &print(title)])))
    }

    pub fn compacted(&self) -> Told {
        self.says(Fact::compacted(None)).known_by(self.who.repeat(&["compacted"]))
    }

    /// A request to the provider failed; `id` is what the channel tells such requests apart by.
    pub fn refused(&self, id: Option<&str>, refused: RefusedCall) -> Told {
        self.refused_at(id, refused, self.at.map(moment).as_slice())
    }

    /// The turn came to its end with it, a moment later: telemetry may have told of this request, and of those before, which were
    /// asked again.
    pub fn refused_for_good(&self, turn: &str, refused: RefusedCall, at: Option<Time>) -> Told {
        let moments = at.map(moment).map(|moment| [moment, moment - 1]);
        self.refused_at(Some(turn), refused, moments.as_ref().map_or(&[], |moments| moments))
    }

    fn refused_at(&self, id: Option<&str>, refused: RefusedCall, moments: &[i64]) -> Told {
        let repeat = if refused.kind() == EventType::RateLimit { "rate-limit" } else { "api-error" };
        let message = refused.message.as_deref().map(plain);
        let told = self.known(Fact::Refused(RefusedCall { message, ..refused }), id.map(|id| ["request", id, repeat]), &[repeat]);
        let ids = told.ids.clone().or_said_at(&self.who, repeat, moments);
        told.known_by(ids)
    }
}

/// Half of the shortest time after which Codex asks again: two requests have not the same, and the end of a turn has that of its
/// last request or the next one.
const MOMENT: Micros = 90 * Time::SECOND / 1_000;

fn moment(at: Time) -> i64 {
    at.micros().div_euclid(MOMENT)
}

/// What stands in a key for a text.
pub(super) fn print(text: &str) -> String {
    fingerprint(text.as_bytes()).to_string()
}

/// What went wrong, out of the answer of the provider that it may come in.
fn plain(message: &str) -> String {
    let answer = json::within(message).unwrap_or_default();
    Wire(&answer).at("error").text("message").unwrap_or(message).to_owned()
}
