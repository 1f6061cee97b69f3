//! What the repository around a coder adds to what the coder's agent told: where a session begins and ends, and which commits a
//! command made.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::event::{Body, DataKey, Draft, EventType, Key, Progress};

use super::{
    Repository,
    commits::{committing, made_since},
};

/// Of a command that nobody says how long it took: what it committed it did at its end as a rule, however long its checks took.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// When what a draft tells happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    Now,
    /// Some time ago: only what does not change with time is read.
    Then,
}

/// `draft`, whose coder works in `folder` where it does not say itself, with what its repository says, and the commits that it made.
pub fn tell(mut draft: Draft, folder: Option<&Path>, as_of: AsOf) -> Vec<Draft> {
    let own = text(&draft, DataKey::Cwd).map(PathBuf::from);
    let Some(folder) = own.as_deref().or(folder) else { return vec![draft] };
    match draft.kind {
        EventType::Created | EventType::Started => vec![placed(draft, folder, as_of)],
        EventType::Stopped if as_of == AsOf::Now && !draft.coder_id.contains('/') => {
            if let Some(Repository { branch, commit, .. }) = Repository::around(folder) {
                draft = lacking(draft, DataKey::Branch, branch);
                draft = lacking(draft, DataKey::Commit, commit);
            }
            vec![draft]
        }
        EventType::Progress if as_of == AsOf::Now => {
            let commits = commits(&draft, folder);
            std::iter::once(draft).chain(commits).collect()
        }
        _ => vec![draft],
    }
}

fn placed(draft: Draft, folder: &Path, as_of: AsOf) -> Draft {
    let Some(found) = Repository::around(folder) else { return draft };
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let draft = lacking(draft, DataKey::Project, Some(path(&found.project)));
    let draft = lacking(draft, DataKey::WorktreePath, found.worktree.as_deref().map(path));
    if as_of == AsOf::Then {
        return draft;
    }
    let draft = lacking(draft, DataKey::Branch, found.branch);
    lacking(draft, DataKey::Commit, found.commit)
}

/// What the agent itself said stands.
fn lacking(draft: Draft, key: DataKey, value: Option<String>) -> Draft {
    if draft.data.contains_key(key.name()) { draft } else { draft.with_some(key, value) }
}

/// The commits that a command made which has just ended, each known by its id, whoever else tells of it.
fn commits(draft: &Draft, folder: &Path) -> Vec<Draft> {
    let is_over = !draft.data.contains_key(DataKey::Running.name());
    let Some(command) = text(draft, DataKey::Command).filter(|_| is_over) else { return Vec::new() };
    let Some((there, commits_max)) = committing(command, folder) else { return Vec::new() };
    let took = draft.data.get(DataKey::DurationMs.name()).and_then(Value::as_u64).map_or(COMMAND_MAX, Duration::from_millis);
    let since = SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH);
    let made = made_since(&there, since, commits_max).into_iter();
    made.map(|commit| {
        let milestone = Some(Progress::COMMIT.to_owned());
        let description = Some(commit.subject).filter(|subject| !subject.is_empty());
        let told = Draft {
            coder_name: draft.coder_name.clone(),
            timestamp: draft.timestamp,
            source: draft.source.clone(),
            body: Body::Progress(Progress { milestone, description, ..Progress::default() }),
            key: Key::Natural(format!("git:commit:{}", commit.id)),
            ..Draft::new(EventType::Milestone, draft.coder_id.clone())
        };
        told.with(DataKey::Commit, commit.id)
    })
    .collect()
}

fn text(draft: &Draft, key: DataKey) -> Option<&str> {
    draft.data.get(key.name())?.as_str()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, words: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(words);
        let done = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git is there");
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    #[test]
    fn a_session_tells_where_it_begins_what_it_commits_and_where_it_ends() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = std::fs::canonicalize(place.path()).expect("it is there");
        git(&folder, &["init", "-q", "-b", "main"]);
        git(&folder, &["commit", "-q", "--allow-empty", "-m", "before"]);
        let said = |draft: &Draft| {
            let of = |key| text(draft, key).map(str::to_owned);
            (of(DataKey::Project), of(DataKey::Branch), of(DataKey::Commit))
        };
        let project = Some(folder.to_string_lossy().into_owned());
        let head = || Some(git(&folder, &["rev-parse", "HEAD"]));
        let begun = || Draft::new(EventType::Started, "a").with(DataKey::Cwd, folder.to_string_lossy().into_owned());
        assert_eq!(said(&tell(begun(), None, AsOf::Now)[0]), (project.clone(), Some("main".into()), head()));
        let known = begun().with(DataKey::Branch, "old");
        assert_eq!(said(&tell(known, None, AsOf::Then)[0]), (project, Some("old".into()), None));
        let ran = |command: &str| Draft::new(EventType::Progress, "a").with(DataKey::Command, command);
        git(&folder, &["commit", "-q", "--allow-empty", "-m", "Fix the login"]);
        let told = tell(ran("git commit -m 'Fix the login'").with(DataKey::DurationMs, 0), Some(&folder), AsOf::Now);
        let last = told.last().expect("the command at least");
        let Body::Progress(fields) = &last.body else { panic!("{told:?}") };
        assert_eq!((said(last).2, fields.description.as_deref()), (head(), Some("Fix the login")));
        assert_eq!(tell(ran("git log"), Some(&folder), AsOf::Now).len(), 1);
        assert_eq!(tell(ran("git commit").with(DataKey::Running, true), Some(&folder), AsOf::Now).len(), 1);
        let ended = tell(Draft::new(EventType::Stopped, "a"), Some(&folder), AsOf::Now);
        assert_eq!(said(&ended[0]), (None, Some("main".into()), head()));
    }
}
