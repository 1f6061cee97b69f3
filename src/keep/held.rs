//! Changes that were seen, held until it is known whose they are, and the events that they become. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use crate::{
    event::{Body, Condition, DataKey, Draft, EventType, Key, Micros, Time, Workspace},
    workspace::WorkspaceChange,
};

use super::{
    KEEPER,
    authors::{Author, Authors, SeenChange},
};

/// Whose the changes are that nobody is known to have made. It is no coder: it has stopped before it did anything, so that
/// nobody waits for it or looks after it.
const UNKNOWN_AUTHOR: &str = "unknown-author";
/// What is held at most, some hundred bytes each; of more it is told how many there were.
const HELD_MAX: usize = 4096;
/// Of one command, or of nobody, so many are told one by one.
const TOLD_MAX: usize = 500;
/// A file that nobody, or a command that goes on, changes over and over, as a log, is told this often.
const TOLD_EVERY: Micros = Time::MINUTE;
/// As many are named that may have made a change.
const NAMED_MAX: usize = 20;

#[derive(Debug, Default)]
pub(super) struct HeldChanges {
    changes: Vec<HeldChange>,
    /// By the tree they lie in.
    untold: BTreeMap<PathBuf, usize>,
    told_lately: HashMap<(PathBuf, String), Time>,
}

#[derive(Clone, Debug)]
pub(super) struct HeldChange {
    pub seen: SeenChange,
    pub change: WorkspaceChange,
}

/// Who made a change, and by which call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ChangedBy {
    Call { coder_id: String, tool_name: String, tool_use_id: Option<String> },
    Unknown(Vec<String>),
}

impl HeldChanges {
    pub fn hold(&mut self, held: HeldChange) {
        if self.changes.len() < HELD_MAX {
            self.changes.push(held);
        } else {
            *self.untold.entry(held.seen.root).or_default() += 1;
        }
    }

    /// When to look again, if nothing is heard before.
    pub fn next_look(&self, now: Time) -> Option<Time> {
        let untold = (!self.untold.is_empty()).then_some(now);
        let lately = self.told_lately.values().map(|told| told.plus(TOLD_EVERY)).filter(|next| *next > now).min();
        let next = |held: &HeldChange| Authors::next_step(&held.seen, now).into_iter().chain(lately).min();
        self.changes.iter().filter_map(next).chain(untold).min()
    }

    /// The events of those whose author is known by now, or will not be known; `is_last`: of all.
    pub fn settle(&mut self, authors: &Authors, now: Time, is_last: bool) -> Vec<Draft> {
        let judged_at = if is_last { now.plus(Time::DAY) } else { now };
        self.told_lately.retain(|_, told| now.since(*told) < TOLD_EVERY);
        let mut settled: BTreeMap<ChangedBy, Vec<HeldChange>> = BTreeMap::new();
        for held in std::mem::take(&mut self.changes) {
            let by = match authors.author(&held.seen, judged_at) {
                Author::Told => continue,
                Author::Open => None,
                Author::Unknown(_) if !is_last && self.was_told_lately(&held, UNKNOWN_AUTHOR) => None,
                Author::Unknown(at_work) => Some(ChangedBy::Unknown(at_work)),
                Author::Coder { coder_id, goes_on: true, .. } if !is_last && self.was_told_lately(&held, &coder_id) => None,
                Author::Coder { coder_id, tool_name, tool_use_id, .. } => {
                    Some(ChangedBy::Call { coder_id, tool_name, tool_use_id })
                }
            };
            match by {
                Some(by) => settled.entry(by).or_default().push(held),
                None => self.changes.push(held),
            }
        }
        let mut drafts = Vec::new();
        for (by, changes) in settled {
            drafts.extend(self.told(&by, merged(changes), now));
        }
        for (root, untold) in std::mem::take(&mut self.untold) {
            drafts.push(more(&ChangedBy::Unknown(Vec::new()), &root, untold, now));
        }
        if drafts.iter().any(|draft| draft.coder_id == UNKNOWN_AUTHOR) {
            drafts.insert(0, nobody(now));
        }
        drafts
    }

    fn was_told_lately(&self, held: &HeldChange, coder_id: &str) -> bool {
        self.told_lately.contains_key(&(held.seen.place.clone(), coder_id.to_owned()))
    }

    fn told(&mut self, by: &ChangedBy, mut changes: Vec<HeldChange>, now: Time) -> Vec<Draft> {
        let rest = changes.split_off(changes.len().min(TOLD_MAX));
        let coder = match by {
            ChangedBy::Call { coder_id, .. } => coder_id.as_str(),
            ChangedBy::Unknown(_) => UNKNOWN_AUTHOR,
        };
        self.told_lately.extend(changes.iter().map(|held| ((held.seen.place.clone(), coder.to_owned()), now)));
        let mut left: BTreeMap<&Path, usize> = BTreeMap::new();
        rest.iter().for_each(|held| *left.entry(&held.seen.root).or_default() += 1);
        let one_by_one = changes.iter().map(|held| changed(by, held));
        one_by_one.chain(left.into_iter().map(|(root, count)| more(by, root, count, now))).collect()
    }
}

/// A command changes a file once, however often it writes it.
fn merged(changes: Vec<HeldChange>) -> Vec<HeldChange> {
    let mut by_place: BTreeMap<PathBuf, Option<HeldChange>> = BTreeMap::new();
    for held in changes {
        let before = by_place.entry(held.seen.place.clone()).or_default();
        let was_created = matches!(before, Some(HeldChange { change: WorkspaceChange::Created(_), .. }));
        let was_deleted = matches!(before, Some(HeldChange { change: WorkspaceChange::Deleted, .. }));
        *before = match held.change {
            // It was never there for anybody else.
            WorkspaceChange::Deleted if was_created => None,
            WorkspaceChange::Modified(content) if was_created => {
                Some(HeldChange { change: WorkspaceChange::Created(content), ..held })
            }
            WorkspaceChange::Created(content) if was_deleted => {
                Some(HeldChange { change: WorkspaceChange::Modified(content), ..held })
            }
            change => Some(HeldChange { change, ..held }),
        };
    }
    by_place.into_values().flatten().collect()
}

fn changed(by: &ChangedBy, HeldChange { seen, change }: &HeldChange) -> Draft {
    let (kind, operation, content) = match change {
        WorkspaceChange::Created(content) => (EventType::FileCreated, "create", Some(content)),
        WorkspaceChange::Modified(content) => (EventType::FileModified, "modify", Some(content)),
        WorkspaceChange::Deleted => (EventType::FileDeleted, "delete", None),
    };
    let content = content.cloned();
    let (file_size, content_hash) = content.map_or((None, None), |content| (Some(content.bytes), content.hash));
    let draft = by.about(kind, operation, &seen.place, seen.at);
    // Whichever keeper saw it, it is one fact.
    let key = Key::Natural(format!("seen:{}:{}:{}", draft.coder_id, seen.place.display(), seen.at.micros()));
    match draft.body {
        Body::Workspace(fields) => Draft { key, body: Body::Workspace(Workspace { file_size, content_hash, ..fields }), ..draft },
        _ => draft,
    }
}

fn more(by: &ChangedBy, root: &Path, count: usize, at: Time) -> Draft {
    let reason = format!("{count} more files were changed and are not told one by one: look at the whole folder");
    by.about(EventType::WorkspaceSync, "untold", root, at).with(DataKey::Reason, reason)
}

fn nobody(now: Time) -> Draft {
    let stopped =
        Draft::lifecycle(UNKNOWN_AUTHOR, EventType::Stopped, "", "", "no coder: what it changed, nobody is known to have");
    Draft {
        coder_name: Some("unknown author".to_owned()),
        timestamp: Some(now),
        source: Some(KEEPER.to_owned()),
        only_if: Some(Condition::Unknown),
        ..stopped
    }
}

/// About the files of a coder, by the keeper that saw them.
pub(super) fn about(coder_id: &str, kind: EventType, operation: &str, path: &Path, at: Time) -> Draft {
    let draft = Draft::workspace(coder_id, operation, &path.to_string_lossy());
    Draft { kind, source: Some(KEEPER.to_owned()), timestamp: Some(at), ..draft }
}

impl ChangedBy {
    fn about(&self, kind: EventType, operation: &str, path: &Path, at: Time) -> Draft {
        match self {
            ChangedBy::Call { coder_id, tool_name, tool_use_id } => about(coder_id, kind, operation, path, at)
                .with(DataKey::Watched, true)
                .with(DataKey::ToolName, tool_name.as_str())
                .with_some(DataKey::ToolUseId, tool_use_id.as_deref()),
            ChangedBy::Unknown(at_work) => {
                let at_work: Vec<&str> = at_work.iter().take(NAMED_MAX).map(String::as_str).collect();
                let draft = about(UNKNOWN_AUTHOR, kind, operation, path, at).with(DataKey::Watched, true);
                Draft { coder_name: Some("unknown author".to_owned()), ..draft }.with(DataKey::AtWork, at_work)
            }
        }
    }
}
