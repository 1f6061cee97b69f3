//! What all drafts of one payload share: whose they are, and by what the history recognises them.

use std::cell::OnceCell;

use uuid::Uuid;

use super::wire::Payload;
use crate::event::{Draft, EventType, Key, check_coder_id};
use crate::source::{Agent, HookContext, Refusal};
use crate::text;

/// Longer texts are cut before they become drafts: a screen or two tells what happened, the transcript has the rest.
pub(super) const TEXT_CHARS_MAX: usize = 4_000;

/// `given`, within the bound.
pub(super) fn bounded(given: &str) -> String {
    text::cut(given, TEXT_CHARS_MAX).into_owned()
}

pub(super) struct Report<'p> {
    pub wire: &'p Payload,
    bytes: &'p [u8],
    session: String,
    coder_id: String,
    coder_name: Option<String>,
    parent_coder_id: Option<String>,
    /// Hashing is paid for only by payloads that have no id of their own.
    fingerprint: OnceCell<Uuid>,
}

impl<'p> Report<'p> {
    /// # Errors
    /// [`Refusal`] where the payload names no session, or one that cannot be part of a coder's id.
    pub fn new(wire: &'p Payload, bytes: &'p [u8], context: &HookContext) -> Result<Report<'p>, Refusal> {
        let Some(session) = wire.session_id.as_deref() else {
            return Err(Refusal::new("the payload has no `session_id`"));
        };
        let session = format!("{}:{session}", Agent::ClaudeCode);
        let (coder_id, coder_name, parent_coder_id) = match wire.agent_id.as_deref() {
            Some(agent_id) => {
                let name = wire.agent_type.as_deref().unwrap_or(agent_id);
                (format!("{session}/{agent_id}"), Some(name), Some(session.clone()))
            }
            None => {
                let parent = context.parent_coder_id.clone().filter(|parent| *parent != session);
                (session.clone(), wire.cwd.as_deref().and_then(last_component), parent)
            }
        };
        check_coder_id(&coder_id).map_err(|invalid| Refusal::new(invalid.to_string()))?;
        let coder_name = coder_name.map(|name| text::excerpt(name, NAME_CHARS_MAX));
        Ok(Report { wire, bytes, session, coder_id, coder_name, parent_coder_id, fingerprint: OnceCell::new() })
    }

    pub fn draft(&self, kind: EventType) -> Draft {
        self.filled(Draft::new(kind, ""))
    }

    /// `draft` as one of this payload's coder.
    pub fn filled(&self, mut draft: Draft) -> Draft {
        draft.coder_id.clone_from(&self.coder_id);
        draft.coder_name.clone_from(&self.coder_name);
        draft.source = Some(Agent::ClaudeCode.name().to_owned());
        if let Some(parent) = &self.parent_coder_id {
            draft = draft.with("parent_coder_id", parent.as_str());
        }
        draft
    }

    /// `draft` under a key made of ids of the session's world.
    pub fn keyed(&self, mut draft: Draft, parts: &[&str]) -> Draft {
        let mut key = self.session.clone();
        for part in parts {
            key.push(':');
            // An id that is too long to be one still tells its fact from others.
            if part.len() <= ID_BYTES_MAX { key.push_str(part) } else { key.push_str(&fingerprint(part.as_bytes()).to_string()) }
        }
        draft.key = Key::Natural(key);
        draft
    }

    /// `draft` under a key that the same payload has again, and no other.
    pub fn repeated(&self, mut draft: Draft) -> Draft {
        let payload = self.fingerprint.get_or_init(|| fingerprint(self.bytes.trim_ascii()));
        draft.key = Key::Repeat(format!("{}:{payload}:{}", Agent::ClaudeCode, draft.kind.short()));
        draft
    }

    /// The folder that relative paths of the payload start from.
    pub fn folder(&self) -> &str {
        self.wire.cwd.as_deref().unwrap_or_default()
    }
}

/// Agents' ids have some 40 characters.
const ID_BYTES_MAX: usize = 128;
/// A name is for a column of a table.
const NAME_CHARS_MAX: usize = 80;
const NAMESPACE: Uuid = Uuid::from_u128(0x1bd2_6c0e_8a53_4c0b_9e5d_3f0d_7c21_94a6);

fn fingerprint(bytes: &[u8]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, bytes)
}

fn last_component(path: &str) -> Option<&str> {
    path.rsplit(['/', '\\']).find(|component| !component.is_empty())
}
