//! Whose facts a payload, a line or a record tells, and by what they are recognised.

use std::{borrow::Cow, cell::OnceCell};

use uuid::Uuid;

use super::wire::Payload;
use crate::{
    event::{Draft, EventType, Time},
    source::{
        Agent, HookContext, Refusal,
        session::{Session, fingerprint},
    },
};

/// A session, or one of its subagents.
#[derive(Clone, Debug)]
pub(super) struct Coder {
    session: Session,
    agent_id: Option<String>,
}

impl Coder {
    /// # Errors
    /// [`Refusal`] where `session` cannot be part of a coder's id.
    pub fn new(session: &str, context: &HookContext) -> Result<Coder, Refusal> {
        Ok(Coder { session: Session::new(Agent::ClaudeCode, session, context)?, agent_id: None })
    }

    /// # Errors
    /// [`Refusal`] where `agent_id` cannot be part of a coder's id.
    pub fn subagent(&self, agent_id: &str, name: Option<&str>) -> Result<Coder, Refusal> {
        Ok(Coder { session: self.session.subagent(agent_id, name)?, agent_id: Some(agent_id.to_owned()) })
    }

    pub fn in_folder(self, folder: Option<&str>) -> Coder {
        Coder { session: self.session.in_folder(folder), ..self }
    }

    /// `draft` under ids of the session's world, or known to be this coder's by `repeat`.
    pub fn called(&self, draft: Draft, natural: &[&str], repeat: &[&str]) -> Draft {
        self.session.keyed_or_repeated(draft, natural, &self.owned(repeat))
    }

    pub fn is_subagent(&self) -> bool {
        self.agent_id.is_some()
    }

    /// `parts` as ids of this coder's own.
    fn owned<'k>(&'k self, parts: &[&'k str]) -> Vec<&'k str> {
        let agent = self.agent_id.as_deref().map(|agent_id| ["agent", agent_id]);
        agent.iter().flatten().chain(parts).copied().collect()
    }
}

/// Who tells something, and when.
#[derive(Debug)]
pub(super) struct Teller<'p> {
    pub coder: Coder,
    /// The time of receipt where the channel does not say.
    pub time: Option<Time>,
    /// The folder that relative paths start from.
    pub folder: Cow<'p, str>,
    /// What was told, to the byte: only hooks tell facts that have no id.
    payload: &'p [u8],
    /// Hashing is paid for only by payloads that have no id of their own.
    fingerprint: OnceCell<Uuid>,
}

impl<'p> Teller<'p> {
    pub fn new(coder: Coder, time: Option<Time>, folder: impl Into<Cow<'p, str>>) -> Teller<'p> {
        Teller { coder, time, folder: folder.into(), payload: &[], fingerprint: OnceCell::new() }
    }

    pub fn draft(&self, kind: EventType) -> Draft {
        Draft { timestamp: self.time, ..self.coder.session.draft(kind) }
    }

    /// `draft` as one of this coder.
    pub fn filled(&self, draft: Draft) -> Draft {
        Draft { timestamp: self.time, ..self.coder.session.filled(draft) }
    }

    /// `draft` under ids of the session's world.
    pub fn keyed(&self, draft: Draft, parts: &[&str]) -> Draft {
        self.coder.session.keyed(draft, parts)
    }

    /// `draft` of a fact that is this coder's alone.
    pub fn own(&self, draft: Draft, parts: &[&str]) -> Draft {
        self.coder.session.keyed(draft, &self.coder.owned(parts))
    }

    /// `draft` of a fact of this coder that some channels know by the ids of `natural`, and all by `repeat` and the time.
    pub fn told(&self, draft: Draft, natural: Option<&[&str]>, repeat: &[&str]) -> Draft {
        match natural {
            Some(natural) => self.coder.session.keyed_or_repeated(draft, &self.coder.owned(natural), &self.coder.owned(repeat)),
            None => self.coder.session.repeated(draft, &self.coder.owned(repeat)),
        }
    }

    /// `draft` under a key that the same payload has again, and no other.
    pub fn repeated(&self, draft: Draft) -> Draft {
        let payload = *self.fingerprint.get_or_init(|| fingerprint(self.payload.trim_ascii()));
        self.coder.session.repeated_payload(draft, payload)
    }
}

/// One hook payload and whose it is.
pub(super) struct Report<'p> {
    pub wire: &'p Payload,
    pub teller: Teller<'p>,
}

impl<'p> Report<'p> {
    /// # Errors
    /// [`Refusal`] where the payload names no session, or one that cannot be part of a coder's id.
    pub fn new(wire: &'p Payload, payload: &'p [u8], context: &HookContext) -> Result<Report<'p>, Refusal> {
        let Some(session) = wire.session_id.as_deref() else {
            return Err(Refusal::new("the payload has no `session_id`"));
        };
        let coder = Coder::new(session, context)?;
        let coder = match wire.agent_id.as_deref() {
            Some(agent_id) => coder.subagent(agent_id, wire.agent_type.as_deref())?,
            None => coder.in_folder(wire.cwd.as_deref()),
        };
        let folder = wire.cwd.as_deref().unwrap_or_default();
        Ok(Report { wire, teller: Teller { payload, ..Teller::new(coder, None, folder) } })
    }

    pub fn draft(&self, kind: EventType) -> Draft {
        self.teller.draft(kind)
    }

    pub fn filled(&self, draft: Draft) -> Draft {
        self.teller.filled(draft)
    }

    pub fn repeated(&self, draft: Draft) -> Draft {
        self.teller.repeated(draft)
    }
}
