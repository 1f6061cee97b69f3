//! Whose drafts they are, and by what the history recognises them: what all channels of all agents share.
//!
//! A session is a coder, `<agent>:<session>`; each of its subagents is one of its own, `<agent>:<session>/<subagent>`. Keys
//! are made of ids of the session's world, the same in whichever channel a fact is reported.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Draft, EventType, Key, check_coder_id},
    text,
};

use super::{Agent, HookContext, Refusal};

/// Longer texts are cut before they become drafts: a screen or two tells what happened, the agent's own record has the rest.
pub(super) const TEXT_CHARS_MAX: usize = 4_000;
/// Agents' ids have some 40 characters.
const ID_BYTES_MAX: usize = 128;
/// A name is for a column of a table.
const NAME_CHARS_MAX: usize = 80;
/// The steps of life that say which process it is now.
const BEGINNINGS: &[EventType] = &[EventType::Created, EventType::Started, EventType::Resumed];
const NAMESPACE: Uuid = Uuid::from_u128(0x1bd2_6c0e_8a53_4c0b_9e5d_3f0d_7c21_94a6);

/// `given`, within the bound.
pub(super) fn bounded(given: &str) -> String {
    text::cut(given, TEXT_CHARS_MAX).into_owned()
}

/// The same for the same bytes, and for no others.
pub(super) fn fingerprint(bytes: &[u8]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, bytes)
}

/// The key of a fact of `world` that `parts` tell from others.
pub(super) fn key(world: &str, parts: &[&str]) -> String {
    let mut key = world.to_owned();
    for part in parts {
        key.push(':');
        // What is no id still tells its fact from others, but a spool must not hold it as it is: it may be what was typed.
        if is_plain_id(part) { key.push_str(part) } else { key.push_str(&fingerprint(part.as_bytes()).to_string()) }
    }
    key
}

/// One coder of one agent.
#[derive(Clone, Debug)]
pub(super) struct Session {
    agent: Agent,
    /// What keys begin with: a subagent's are of its session's world.
    world: String,
    coder_id: String,
    coder_name: Option<String>,
    parent_coder_id: Option<String>,
    /// The agent's process, where the channel knows it.
    process: Option<Value>,
}

impl Session {
    /// # Errors
    /// [`Refusal`] where `session` cannot be part of a coder's id.
    pub fn new(agent: Agent, session: &str, context: &HookContext) -> Result<Session, Refusal> {
        let world = format!("{agent}:{session}");
        let parent_coder_id = context.parent_coder_id.clone().filter(|parent| *parent != world);
        let process = context.process.clone();
        Session { agent, coder_id: world.clone(), world, coder_name: None, parent_coder_id, process }.checked()
    }

    /// One of its subagents.
    ///
    /// # Errors
    /// [`Refusal`] where `subagent` cannot be part of a coder's id.
    pub fn subagent(&self, subagent: &str, name: Option<&str>) -> Result<Session, Refusal> {
        let inner = Session {
            coder_id: format!("{}/{subagent}", self.world),
            parent_coder_id: Some(self.world.clone()),
            coder_name: None,
            ..self.clone()
        };
        inner.named(Some(name.unwrap_or(subagent))).checked()
    }

    pub fn named(self, name: Option<&str>) -> Session {
        Session { coder_name: name.map(|name| text::excerpt(name, NAME_CHARS_MAX)), ..self }
    }

    /// Named by its working folder, as people tell sessions apart.
    pub fn in_folder(self, folder: Option<&str>) -> Session {
        self.named(folder.and_then(last_component))
    }

    fn checked(self) -> Result<Session, Refusal> {
        check_coder_id(&self.coder_id).map_err(|invalid| Refusal::new(invalid.to_string()))?;
        Ok(self)
    }

    pub fn draft(&self, kind: EventType) -> Draft {
        self.filled(Draft::new(kind, ""))
    }

    /// `draft` as one of this coder.
    pub fn filled(&self, mut draft: Draft) -> Draft {
        draft.coder_id.clone_from(&self.coder_id);
        draft.coder_name.clone_from(&self.coder_name);
        draft.source = Some(self.agent.name().to_owned());
        if let Some(parent) = &self.parent_coder_id {
            draft = draft.with("parent_coder_id", parent.as_str());
        }
        match &self.process {
            Some(process) if BEGINNINGS.contains(&draft.kind) => draft.with("process", process.clone()),
            _ => draft,
        }
    }

    /// `draft` under a key made of ids of the session's world.
    pub fn keyed(&self, draft: Draft, parts: &[&str]) -> Draft {
        Draft { key: Key::Natural(self.key(parts)), ..draft }
    }

    /// `draft` of a fact that one channel knows by the ids of `natural`, and another only by `repeat` and the time.
    pub fn keyed_or_repeated(&self, draft: Draft, natural: &[&str], repeat: &[&str]) -> Draft {
        Draft { key: Key::Either { natural: self.key(natural), repeat: self.key(repeat) }, ..draft }
    }

    /// `draft` of a fact without an id: the same `parts` within ten seconds are the same fact.
    pub fn repeated(&self, draft: Draft, parts: &[&str]) -> Draft {
        Draft { key: Key::Repeat(self.key(parts)), ..draft }
    }

    /// `draft` under a key that the same payload has again, and no other.
    pub fn repeated_payload(&self, mut draft: Draft, payload: Uuid) -> Draft {
        draft.key = Key::Repeat(format!("{}:{payload}:{}", self.agent, draft.kind.short()));
        draft
    }

    fn key(&self, parts: &[&str]) -> String {
        key(&self.world, parts)
    }
}

/// `draft` with a text in its data, cut where it is long.
pub(super) fn with_text(draft: Draft, key: &str, value: Option<&str>) -> Draft {
    match value {
        Some(value) => draft.with(key, bounded(value)),
        None => draft,
    }
}

/// A word as agents make them up: short, no sentence, no secret.
fn is_plain_id(part: &str) -> bool {
    part.len() <= ID_BYTES_MAX
        && part.bytes().all(|byte| byte.is_ascii_graphic())
        && !text::Redactor::default().holds_secret(part)
}

fn last_component(path: &str) -> Option<&str> {
    path.rsplit(['/', '\\']).find(|component| !component.is_empty())
}
