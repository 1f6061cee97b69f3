//! The feed of a history: what plugins of agents write there, a file a process, and when such a file is read for the last time.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::{event::Process, history::Options, process::Liveness, source::Agent};

use super::{Error, find, once};

/// The first line says which process it is, the last whether it is over.
const LINE_BYTES_MAX: u64 = 4096;
/// Of a process that nobody here can look at, such as a container's, nothing comes any more.
const FORGOTTEN: Duration = Duration::from_secs(7 * 24 * 3600);

/// The files in the feed of `options`' history, and whose they are.
pub fn feeds(options: &Options) -> Vec<(Agent, PathBuf)> {
    let files = fs::read_dir(options.feed_path()).into_iter().flatten().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(|entry| entry.path());
    let mut found: Vec<_> = files.filter_map(|path| Some((agent_of(&path)?, path))).collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

/// Whether nothing more comes: what is there was written before this was asked.
pub fn is_over(feed: &Path) -> bool {
    let over = || -> io::Result<bool> {
        let mut file = File::open(feed)?;
        let mut first = String::new();
        BufReader::new((&file).take(LINE_BYTES_MAX)).read_line(&mut first)?;
        let process = serde_json::from_str::<Value>(&first).ok().and_then(|line| Process::of_data(line.as_object()?));
        let metadata = file.metadata()?;
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(LINE_BYTES_MAX)))?;
        let mut tail = Vec::new();
        file.take(LINE_BYTES_MAX).read_to_end(&mut tail)?;
        let is_ended = tail.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().is_some_and(is_last_line);
        Ok(is_ended
            || match process.map(|process| process.liveness()) {
                Some(Liveness::Runs) => false,
                Some(Liveness::Gone) => true,
                Some(Liveness::Elsewhere) | None => is_forgotten(metadata.modified()?),
            })
    };
    over().unwrap_or_else(|error| {
        tracing::debug!("`{}` cannot be looked at: {error}", feed.display());
        false
    })
}

/// Takes in what lies in the feed, and removes what is over.
///
/// # Errors
/// Where a file cannot be read, or the history not be written: what was not taken in stays.
pub fn take_in_feeds(options: &Options) -> Result<(), Error> {
    for (agent, path) in feeds(options) {
        let is_over = is_over(&path);
        let (_, unread) = once(agent, options, &find(agent, std::slice::from_ref(&path))?, &mut |_| {})?;
        if is_over && unread.is_empty() {
            remove_feed(&path);
        }
    }
    Ok(())
}

/// Of a feed that is over and was read to its end.
pub fn remove_feed(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => tracing::debug!("`{}` stays: {error}", path.display()),
        _ => {}
    }
}

fn agent_of(path: &Path) -> Option<Agent> {
    let name = path.file_name()?.to_str()?.strip_suffix(".jsonl")?;
    Agent::parse(name.split('-').next()?)
}

fn is_last_line(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|line| line["type"] == "feed.ended")
}

fn is_forgotten(modified: SystemTime) -> bool {
    modified.elapsed().is_ok_and(|age| age > FORGOTTEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Reader, Writer};

    #[test]
    fn a_feed_is_taken_in_and_goes_once_it_is_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options::new(folder.path().join("history.db"));
        fs::create_dir(options.feed_path()).expect("a folder");
        let own = serde_json::to_string(&Process::of(std::process::id())).expect("plain");
        let begun = format!("{{\"type\":\"feed.begun\",\"process\":{own}}}\n");
        let created = "{\"id\":\"e1\",\"type\":\"session.created\",\"at\":1795374357797,\"properties\":{\"sessionID\":\"s1\",\"info\":{\"id\":\"s1\"}}}\n";
        let living = options.feed_path().join("opencode-1-a.jsonl");
        let over = options.feed_path().join("opencode-1-b.jsonl");
        let gone = options.feed_path().join("opencode-2-a.jsonl");
        fs::write(&living, format!("{begun}{created}")).expect("writes");
        fs::write(&over, format!("{begun}{}{{\"type\":\"feed.ended\",\"at\":1795374357799}}\n", created.replace("s1", "s2")))
            .expect("writes");
        let start = Process::of(std::process::id()).expect("it runs").start;
        fs::write(&gone, begun.replace(&format!("\"start\":{start}"), &format!("\"start\":{}", start + 1))).expect("writes");
        fs::write(options.feed_path().join("notes.txt"), "").expect("writes");
        take_in_feeds(&options).expect("takes in");
        take_in_feeds(&options).expect("nothing counts twice");
        let left: Vec<PathBuf> = feeds(&options).into_iter().map(|(_, path)| path).collect();
        assert_eq!(left, [living]);
        let ended = |id: &str| Reader::new(&options).coder(id).expect("reads").expect("known").ended_at.is_some();
        assert!(!ended("opencode:s1") && ended("opencode:s2"));
        drop(Writer::new(&options));
    }
}
