//! Whose facts they are, and the keys that are made of ids of its world.
//!
//! A session is a coder, `<agent>:<session>`; each of its subagents is one of its own, `<agent>:<session>/<subagent>`. All of
//! them share the session's world of ids, so that a fact has the same key in whichever channel it is told.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use serde_json::Value;
use uuid::Uuid;

use crate::{
    event::{Key, check_coder_id},
    text,
};

use super::{Agent, HookContext, Refusal};

/// Agents' ids have some 40 characters.
const ID_BYTES_MAX: usize = 128;
/// A name is for a column of a table.
const NAME_CHARS_MAX: usize = 80;
const NAMESPACE: Uuid = Uuid::from_u128(0x1bd2_6c0e_8a53_4c0b_9e5d_3f0d_7c21_94a6);

/// One coder of one agent.
#[derive(Clone, Debug)]
pub(super) struct CoderIdentity {
    pub id: String,
    pub name: Option<String>,
    /// As the `source` of its events.
    pub source: &'static str,
    pub parent: Option<String>,
    /// The agent's process, where the channel knows it.
    pub process: Option<Value>,
    /// What keys begin with.
    world: String,
    subagent: Option<String>,
    /// What keys begin with that are made of what is said, where other channels know the subagent under another name.
    said_in: Option<String>,
}

/// Who asks something of a coder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Person,
    /// The coder that started it.
    Coder,
}

/// By what a fact of a coder is known.
#[derive(Clone, Debug)]
pub(super) enum Ids {
    /// By itself: a session begins once. What has no such rule is a fact of its own each time.
    OfItself,
    Key(Key),
    /// By the payload that tells it: byte for byte the same within ten seconds is the same fact.
    Payload {
        source: &'static str,
        payload: Uuid,
    },
}

impl Ids {
    /// Known besides by what it says, as another channel knows it that has no id.
    pub fn or_said(self, who: &CoderIdentity, said: &[&str]) -> Ids {
        let repeat = who.said(said);
        match self {
            Ids::Key(Key::Natural(natural)) => Ids::Key(Key::Either { natural, repeat }),
            Ids::Key(Key::Several { ids, older, .. }) => Ids::Key(Key::Several { ids, older, repeat: Some(repeat) }),
            other => other,
        }
    }

    /// Known besides by what it says at one of `moments`, as another channel knows it whose clock is the same, though its words are
    /// not.
    pub fn or_said_at(self, who: &CoderIdentity, said: &str, moments: &[i64]) -> Ids {
        let at = moments.iter().map(|moment| who.said(&[said, &moment.to_string()]));
        match self {
            Ids::Key(Key::Natural(natural)) => {
                Ids::Key(Key::Several { ids: [natural].into_iter().chain(at).collect(), older: None, repeat: None })
            }
            Ids::Key(Key::Either { natural, repeat }) => {
                Ids::Key(Key::Several { ids: [natural].into_iter().chain(at).collect(), older: None, repeat: Some(repeat) })
            }
            other => other,
        }
    }

    /// Known by `parts` in histories of before schema 6.
    pub fn once_known_by(self, who: &CoderIdentity, parts: &[&str]) -> Ids {
        let older = Some(key(&who.world, &who.owned(parts)));
        match self {
            Ids::Key(Key::Natural(natural)) => Ids::Key(Key::Several { ids: vec![natural], older, repeat: None }),
            Ids::Key(Key::Either { natural, repeat }) => {
                Ids::Key(Key::Several { ids: vec![natural], older, repeat: Some(repeat) })
            }
            Ids::Key(Key::Several { ids, repeat, .. }) => Ids::Key(Key::Several { ids, older, repeat }),
            other => other,
        }
    }

    /// Known besides by a line of the agent's own record, which copies of the record repeat.
    pub fn or_line(self, who: &CoderIdentity, line: Option<&str>, parts: &[&str]) -> Ids {
        let Some(line) = line.filter(|line| outlives_sessions(line)) else { return self };
        let line = key(&format!("{}:", who.source), &["line", line].iter().chain(parts).copied().collect::<Vec<_>>());
        match self {
            Ids::Key(Key::Natural(natural)) => Ids::Key(Key::Several { ids: vec![natural, line], older: None, repeat: None }),
            Ids::Key(Key::Either { natural, repeat }) => {
                Ids::Key(Key::Several { ids: vec![natural, line], older: None, repeat: Some(repeat) })
            }
            // What has the provider's id needs no other.
            other => other,
        }
    }
}

impl CoderIdentity {
    /// # Errors
    /// [`Refusal`] where `session` cannot be part of a coder's id.
    pub fn new(agent: Agent, session: &str, context: &HookContext) -> Result<Arc<CoderIdentity>, Refusal> {
        let id = format!("{agent}:{session}");
        let parent = context.parent_coder_id.clone().filter(|parent| *parent != id);
        let (world, process) = (id.clone(), context.process.clone());
        CoderIdentity { id, name: None, source: agent.name(), parent, process, world, subagent: None, said_in: None }.checked()
    }

    /// One that no agent's session is: its ids are of a world of `source`'s own.
    ///
    /// # Errors
    /// [`Refusal`] where `id` is no coder's.
    pub fn of_source(source: &'static str, id: String, name: Option<&str>) -> Result<Arc<CoderIdentity>, Refusal> {
        let world = format!("{source}:{id}");
        CoderIdentity {
            id,
            name: name.map(str::to_owned),
            source,
            parent: None,
            process: None,
            world,
            subagent: None,
            said_in: None,
        }
        .checked()
    }

    /// One of its subagents.
    ///
    /// # Errors
    /// [`Refusal`] where `subagent` cannot be part of a coder's id.
    pub fn subagent(&self, subagent: &str, name: Option<&str>) -> Result<Arc<CoderIdentity>, Refusal> {
        CoderIdentity {
            id: format!("{}/{subagent}", self.world),
            name: Some(text::excerpt(name.unwrap_or(subagent), NAME_CHARS_MAX)),
            parent: Some(self.world.clone()),
            subagent: Some(subagent.to_owned()),
            ..self.clone()
        }
        .checked()
    }

    /// Named by its working folder, as people tell sessions apart.
    pub fn in_folder(self: Arc<Self>, folder: Option<&str>) -> Arc<CoderIdentity> {
        let name = folder.and_then(last_component).map(|name| text::excerpt(name, NAME_CHARS_MAX));
        Arc::new(CoderIdentity { name, ..Arc::unwrap_or_clone(self) })
    }

    pub fn is_subagent(&self) -> bool {
        self.subagent.is_some()
    }

    /// Who asks things of it.
    pub fn asker(&self) -> Asker {
        if self.is_subagent() { Asker::Coder } else { Asker::Person }
    }

    /// Known by ids of the session's world, whichever of its coders they are of.
    pub fn natural(&self, parts: &[&str]) -> Ids {
        Ids::Key(Key::Natural(key(&self.world, parts)))
    }

    /// Known by `parts`, of which `id` is one that outlives the session where it carries enough chance to be nobody else's: so
    /// forks, branches, resumed and copied records and a subagent's replay of its parent count nothing twice. What carries too
    /// little, as the numbers that local servers hand out, is the session's own.
    pub fn provided(&self, id: &str, parts: &[&str]) -> Ids {
        let session = key(&self.world, parts);
        if !outlives_sessions(id) {
            return Ids::Key(Key::Natural(session));
        }
        Ids::Key(Key::Several { ids: vec![key(&format!("{}:", self.source), parts)], older: Some(session), repeat: None })
    }

    /// The same, with ids that only this coder gives sense to.
    pub fn own_provided(&self, id: &str, parts: &[&str]) -> Ids {
        self.provided(id, &self.owned(parts))
    }

    /// Known by ids that only this coder gives sense to.
    pub fn own(&self, parts: &[&str]) -> Ids {
        self.natural(&self.owned(parts))
    }

    /// One whom other channels take for the session `id`, or for the session it is of.
    pub fn also_known_as(self: Arc<Self>, agent: Agent, id: &str) -> Arc<CoderIdentity> {
        Arc::new(CoderIdentity { said_in: Some(format!("{agent}:{id}")), ..Arc::unwrap_or_clone(self) })
    }

    /// Known by what it says: the same of this coder within ten seconds is the same fact.
    pub fn repeat(&self, parts: &[&str]) -> Ids {
        Ids::Key(Key::Repeat(self.said(parts)))
    }

    /// The same, where every channel that says it knows which subagent says it.
    pub fn own_repeat(&self, parts: &[&str]) -> Ids {
        Ids::Key(Key::Repeat(key(&self.world, &self.owned(parts))))
    }

    fn said(&self, parts: &[&str]) -> String {
        match &self.said_in {
            Some(world) => key(world, parts),
            None => key(&self.world, &self.owned(parts)),
        }
    }

    /// Known by ids where the channel has them, and by what it says where another one has not.
    pub fn either<const N: usize>(&self, natural: Option<[&str; N]>, repeat: &[&str]) -> Ids {
        match natural {
            Some(natural) => self.both(&self.owned(&natural), repeat),
            None => self.repeat(repeat),
        }
    }

    /// The same, by ids of the session's world.
    pub fn both(&self, natural: &[&str], repeat: &[&str]) -> Ids {
        Ids::Key(Key::Either { natural: key(&self.world, natural), repeat: self.said(repeat) })
    }

    fn owned<'k>(&'k self, parts: &[&'k str]) -> Vec<&'k str> {
        let subagent = self.subagent.as_deref().map(|subagent| ["agent", subagent]);
        subagent.iter().flatten().chain(parts).copied().collect()
    }

    fn checked(self) -> Result<Arc<CoderIdentity>, Refusal> {
        check_coder_id(&self.id).map_err(|invalid| Refusal::new(invalid.to_string()))?;
        Ok(Arc::new(self))
    }
}

/// The same for the same bytes, and for no others.
pub(super) fn fingerprint(bytes: &[u8]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, bytes)
}

/// The same for the same bytes, as a number: enough for what is told apart for seconds.
pub(super) fn print_number(bytes: &[u8]) -> i64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish().cast_signed()
}

/// Whether an id carries enough chance to be nobody else's: sixteen letters or digits behind its prefix, and not digits alone,
/// which is how one counts.
fn outlives_sessions(id: &str) -> bool {
    const CHARS_MIN: usize = 16;
    let behind_prefix = id.split_once(['_', '-']).map_or(id, |(_, rest)| rest);
    let chars = || behind_prefix.chars().filter(char::is_ascii_alphanumeric);
    chars().count() >= CHARS_MIN && chars().any(|c| c.is_ascii_alphabetic())
}

/// A text as part of a key; channels differ in the white space around it.
pub(super) fn print(text: &str) -> String {
    fingerprint(text.trim().as_bytes()).to_string()
}

/// The part of a key that tells the `nth` of several from the others, counted from none.
pub(super) fn nth_part(part: &str, nth: usize) -> String {
    if nth == 0 { part.to_owned() } else { format!("{part}-{}", nth + 1) }
}

/// The key of a fact of `world` that `parts` tell from others.
fn key(world: &str, parts: &[&str]) -> String {
    let mut key = world.to_owned();
    for part in parts {
        key.push(':');
        // What is no id still tells its fact from others, but a spool must not hold it as it is: it may be what was typed.
        if is_plain_id(part) { key.push_str(part) } else { key.push_str(&fingerprint(part.as_bytes()).to_string()) }
    }
    key
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_counts_is_the_sessions_own() {
        for id in [
            "req_011CVnT4xKq8mZbR2wLsYhJe",
            "toolu_01BcX5gMr7Qe3UkS9vLtFnZh",
            "call_8a4bFq0ZpLm31cVtYw",
            "019f0000-aaaa-7000-8000-0000000000a2",
        ] {
            assert!(outlives_sessions(id), "{id}");
        }
        for id in
            ["chatcmpl-123", "req_4", "call_mock_7", "req_0000000000000000000042", "1763829183000042999", "msg-1-2-3-4-5-6", ""]
        {
            assert!(!outlives_sessions(id), "{id}");
        }
    }
}
