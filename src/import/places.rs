//! Where agents keep their own records.

use std::{
    fmt,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::source::Agent;

use super::Error;

/// Agents nest their records four deep at most; a folder that holds itself must end somewhere.
const DEPTH_MAX: usize = 16;

/// A file of records, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    pub stamp: FileStamp,
}

/// What tells whether a file changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    pub modified: SystemTime,
    pub bytes: u64,
    /// Another file may have taken its place.
    identity: Option<(u64, u64)>,
}

impl FileStamp {
    pub(super) fn of(metadata: &Metadata) -> FileStamp {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        FileStamp { modified, bytes: metadata.len(), identity: identity(metadata) }
    }

    pub(super) fn is_same_file(&self, other: &FileStamp) -> bool {
        self.identity == other.identity
    }
}

impl fmt::Display for FileStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modified = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let (device, inode) = self.identity.unwrap_or_default();
        write!(f, "{device}:{inode} {} {modified}", self.bytes)
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Whether the agent leaves records that are understood.
pub fn keeps_records(agent: Agent) -> bool {
    RecordNames::of(agent).is_some()
}

/// The folders of records in the agent's own folder, such as `~/.claude`.
pub fn default_places(agent: Agent, agents_folder: &Path) -> Vec<PathBuf> {
    let folders = RecordNames::of(agent).map_or(&[][..], |names| names.folders);
    folders.iter().map(|folder| agents_folder.join(folder)).collect()
}

/// All records in `places`, files and folders: oldest first, so that the past comes in as it happened.
///
/// # Errors
/// [`Error::Missing`] where a place does not exist, [`Error::Unreadable`] where it cannot be looked into.
pub fn find(agent: Agent, places: &[PathBuf]) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for place in places {
        match fs::metadata(place) {
            Ok(metadata) if metadata.is_dir() => {
                let unreadable = |source| Error::Unreadable { path: place.clone(), source };
                walk(agent, place, DEPTH_MAX, &mut found).map_err(unreadable)?;
            }
            Ok(metadata) => found.push(Found { path: place.clone(), stamp: FileStamp::of(&metadata) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing { agent, path: place.clone() });
            }
            Err(source) => return Err(Error::Unreadable { path: place.clone(), source }),
        }
    }
    found.sort_by(|a, b| (a.stamp.modified, &a.path).cmp(&(b.stamp.modified, &b.path)));
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

/// The record at `path`, where there is one by its name.
pub(super) fn found_at(agent: Agent, path: &Path) -> Option<Found> {
    let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
    let is_record = RecordNames::of(agent).is_some_and(|names| names.has_name(path));
    is_record.then(|| Found { path: path.to_owned(), stamp: FileStamp::of(&metadata) })
}

/// How an agent's records are told from its other files.
struct RecordNames {
    folders: &'static [&'static str],
    prefix: &'static str,
    suffixes: &'static [&'static str],
}

/// Codex compresses what is old by itself; of others' records people do.
const LINES: &[&str] = &[".jsonl", ".jsonl.zst"];

impl RecordNames {
    const fn of(agent: Agent) -> Option<RecordNames> {
        Some(match agent {
            Agent::ClaudeCode => RecordNames { folders: &["projects"], prefix: "", suffixes: LINES },
            // Old sessions are put away by a person, and compressed by the agent.
            Agent::Codex => RecordNames { folders: &["sessions", "archived_sessions"], prefix: "rollout-", suffixes: LINES },
            Agent::Copilot => RecordNames { folders: &["session-state"], prefix: "events", suffixes: LINES },
            // Before they grew by lines, its chats were one object each.
            Agent::Gemini => RecordNames { folders: &["tmp"], prefix: "", suffixes: &[".jsonl", ".jsonl.zst", ".json"] },
            Agent::Cursor | Agent::Opencode => return None,
        })
    }

    fn has_name(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let Some(name) = name.filter(|name| name.starts_with(self.prefix)) else { return false };
        // Other things are kept as JSON too.
        let is_chat = || !name.ends_with(".json") || name.starts_with("session-");
        self.suffixes.iter().any(|suffix| name.ends_with(suffix)) && is_chat()
    }
}

/// What goes while it is looked at was not there; only `folder` itself must be readable.
fn walk(agent: Agent, folder: &Path, depth_max: usize, found: &mut Vec<Found>) -> io::Result<()> {
    let Some(record) = RecordNames::of(agent) else { return Ok(()) };
    for entry in fs::read_dir(folder)? {
        let Ok(entry) = entry else { continue };
        let path = entry.path();
        // Folders behind links are not followed: their records may be found twice, or never end.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth_max > 0
                && let Err(error) = walk(agent, &path, depth_max - 1, found)
            {
                tracing::warn!("failed to look into `{}`: {error}", path.display());
            }
        } else if record.has_name(&path)
            && let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
        {
            found.push(Found { path, stamp: FileStamp::of(&metadata) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn records_are_found_by_name_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let check = |agent: Agent, files: &[&str], expected: &[&str]| {
            let place = default_places(agent, &folder.path().join(agent.name())).remove(0);
            for (age, file) in (1..).zip(files) {
                let path = place.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let file = fs::File::create(&path).unwrap();
                file.set_modified(SystemTime::now() - Duration::from_secs(age * 60)).unwrap();
            }
            let found = find(agent, std::slice::from_ref(&place)).unwrap();
            let found: Vec<_> = found.iter().map(|found| found.path.strip_prefix(&place).unwrap().to_str().unwrap()).collect();
            assert_eq!(found, expected, "{agent}");
        };
        check(
            Agent::ClaudeCode,
            &["-home-dev/s1.jsonl", "-home-dev/s1/subagents/agent-a.jsonl", "-home-dev/s1/subagents/agent-a.meta.json"],
            &["-home-dev/s1/subagents/agent-a.jsonl", "-home-dev/s1.jsonl"],
        );
        check(
            Agent::Codex,
            &["2026/11/22/rollout-a.jsonl", "2026/11/22/other.jsonl", "2026/11/10/rollout-b.jsonl.zst"],
            &["2026/11/10/rollout-b.jsonl.zst", "2026/11/22/rollout-a.jsonl"],
        );
        check(
            Agent::Gemini,
            &["demo/chats/session-1.jsonl", "demo/logs.json", "demo/chats/session-0.json"],
            &["demo/chats/session-0.json", "demo/chats/session-1.jsonl"],
        );
        check(
            Agent::Copilot,
            &["s/events.jsonl", "s/tracking.json", "old/events.jsonl.zst"],
            &["old/events.jsonl.zst", "s/events.jsonl"],
        );
        assert!(default_places(Agent::Cursor, folder.path()).is_empty());
    }

    #[test]
    fn a_file_counts_under_any_name_and_a_missing_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("saved.txt");
        fs::write(&path, "").unwrap();
        let twice = [path.clone(), path.clone()];
        assert_eq!(find(Agent::Codex, &twice).unwrap().len(), 1);
        let missing = [path, folder.path().join("missing")];
        let error = find(Agent::Codex, &missing).unwrap_err().to_string();
        assert_eq!(error, format!("`{}` does not exist: name a file or folder of codex's records", missing[1].display()));
    }
}
