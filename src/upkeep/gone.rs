//! Coders that went without a word: their process is gone, and no event says so.

use std::collections::HashSet;

use crate::{
    event::{Condition, DataKey, Draft, EventType, Key, Status},
    history::{Entry, Error, Living, Options, Reader, Version, Writer},
    process::Liveness,
};

/// Coders looked after, most recently active first: a bound on what a look costs.
const LOOKED_AFTER_MAX: usize = 1_000;
const SOURCE: &str = "ai-coder-events";

/// Looks after the processes of unfinished coders.
pub(super) struct Watchman {
    reader: Reader,
    /// What `living` was read from.
    version: Option<Version>,
    living: Vec<Living>,
    /// Missed at the last look. A last word may still be on its way from a hook that outlived its agent, so only who is
    /// missed again is gone.
    missed: HashSet<String>,
}

impl Watchman {
    pub fn new(options: &Options) -> Watchman {
        Watchman { reader: Reader::new(options), version: None, living: Vec::new(), missed: HashSet::new() }
    }

    /// Records who is gone; whether anything was recorded.
    pub fn look(&mut self, writer: &mut Writer, last_words: &mut dyn FnMut(&[String])) -> Result<bool, Error> {
        self.read_living()?;
        let is_gone = |living: &&Living| self.missed.contains(&living.coder_id) && living.process.liveness() == Liveness::Gone;
        let leaving: Vec<String> = self.living.iter().filter(is_gone).map(|living| living.coder_id.clone()).collect();
        if !leaving.is_empty() {
            last_words(&leaving);
            // What they left may say where they stood.
            self.read_living()?;
        }
        let absent: Vec<&Living> = self.living.iter().filter(|living| living.process.liveness() == Liveness::Gone).collect();
        let gone: Vec<Entry> =
            absent.iter().filter(|living| self.missed.contains(&living.coder_id)).map(|living| farewell(living).into()).collect();
        self.missed = absent.iter().map(|living| living.coder_id.clone()).collect();
        if gone.is_empty() {
            return Ok(false);
        }
        for living in &absent {
            tracing::debug!(coder = living.coder_id, pid = living.process.pid, "the coder's process is gone");
        }
        writer.append(gone)?;
        Ok(true)
    }

    fn read_living(&mut self) -> Result<(), Error> {
        let version = self.reader.version()?;
        if self.version != Some(version) {
            self.living = self.reader.living(LOOKED_AFTER_MAX)?;
            self.version = Some(version);
        }
        Ok(())
    }
}

/// The event that the coder itself could not send. Whichever process notices first, it is one fact.
fn farewell(living: &Living) -> Draft {
    let (kind, from) = match living.status {
        Status::Completed => (EventType::Stopped, vec![Status::Completed]),
        _ => (EventType::Failed, vec![Status::Created, Status::Running, Status::Paused]),
    };
    let process = &living.process;
    Draft {
        source: Some(SOURCE.to_owned()),
        key: Key::Natural(format!("gone:{}:{}:{}:{}", living.coder_id, process.boot, process.pid, process.start)),
        only_if: Some(Condition::Status(from)),
        ..Draft::lifecycle(living.coder_id.as_str(), kind, living.status.name(), "", crate::event::Process::GONE)
    }
    .with(DataKey::Pid, process.pid)
    .with_some(DataKey::ToolAtWork, living.tool.as_deref())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use tempfile::TempDir;

    use super::*;
    use crate::{history::CodersQuery, process::Process};

    struct Place {
        _folder: TempDir,
        options: Options,
        writer: Writer,
    }

    impl Place {
        fn new() -> Place {
            let folder = tempfile::tempdir().expect("a folder");
            let options = Options::new(folder.path().join("history.db"));
            let writer = Writer::new(&options);
            Place { _folder: folder, options, writer }
        }

        /// A coder that went through `kinds` in a process of its own.
        fn coder(&mut self, id: &str, kinds: &[EventType]) -> Child {
            let process = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is there");
            let identity = serde_json::to_value(Process::of(process.id()).expect("it runs")).expect("plain values");
            let started = Draft::new(EventType::Started, id).with("process", identity);
            let later = kinds.iter().map(|&kind| Draft::new(kind, id));
            let entries = [started].into_iter().chain(later).map(Entry::from).collect();
            self.writer.append(entries).expect("appends");
            process
        }

        fn liveness(&self, id: &str) -> (Status, bool) {
            let coder = Reader::new(&self.options).coder(id).expect("reads").expect("known");
            (coder.status, coder.ended_at.is_some())
        }

        fn events(&self) -> u64 {
            Reader::new(&self.options).position().expect("reads").head
        }
    }

    fn end(mut process: Child) {
        process.kill().expect("it can be killed");
        process.wait().expect("it ends");
    }

    #[test]
    fn who_is_missed_twice_is_gone_and_lands_once() {
        let mut place = Place::new();
        let living = place.coder("living", &[]);
        let running = place.coder("running", &[]);
        let paused = place.coder("paused", &[EventType::Paused]);
        let completed = place.coder("completed", &[EventType::Completed]);
        let stopped = place.coder("stopped", &[EventType::Stopped]);
        for process in [running, paused, completed, stopped] {
            end(process);
        }
        let mut watchmen = [Watchman::new(&place.options), Watchman::new(&place.options)];
        let looks = |place: &mut Place, watchmen: &mut [Watchman; 2]| {
            watchmen.each_mut().map(|watchman| watchman.look(&mut place.writer, &mut |_| {}).expect("looks"))
        };
        assert_eq!(looks(&mut place, &mut watchmen), [false, false], "a last word may still come");
        let before = place.events();
        assert!(looks(&mut place, &mut watchmen)[0]);
        assert_eq!(place.events(), before + 3, "each once, whoever notices");
        looks(&mut place, &mut watchmen);
        assert_eq!(place.events(), before + 3);

        assert_eq!(place.liveness("living"), (Status::Running, false));
        assert_eq!(place.liveness("running"), (Status::Failed, true));
        assert_eq!(place.liveness("paused"), (Status::Failed, true));
        assert_eq!(place.liveness("completed"), (Status::Completed, true));
        assert_eq!(place.liveness("stopped"), (Status::Stopped, true));
        let left = Reader::new(&place.options).coders(&CodersQuery { statuses: vec![Status::Running], ..CodersQuery::default() });
        assert_eq!(left.expect("reads").len(), 1);
        end(living);
    }

    #[test]
    fn what_the_last_words_tell_is_where_they_stood() {
        let mut place = Place::new();
        let process = place.coder("diligent", &[]);
        end(process);
        let mut watchman = Watchman::new(&place.options);
        let mut heard = Vec::new();
        for _ in 0..2 {
            let options = place.options.clone();
            let mut last_words = |coders: &[String]| {
                heard.extend_from_slice(coders);
                Writer::new(&options).append(vec![Draft::new(EventType::Completed, "diligent").into()]).expect("appends");
            };
            watchman.look(&mut place.writer, &mut last_words).expect("looks");
        }
        assert_eq!((heard, place.liveness("diligent")), (vec!["diligent".to_owned()], (Status::Completed, true)));
    }

    #[test]
    fn who_says_goodbye_in_between_was_not_gone() {
        let mut place = Place::new();
        let process = place.coder("polite", &[]);
        end(process);
        let mut watchman = Watchman::new(&place.options);
        assert!(!watchman.look(&mut place.writer, &mut |_| {}).expect("looks"));
        place.writer.append(vec![Draft::new(EventType::Stopped, "polite").into()]).expect("appends");
        assert!(!watchman.look(&mut place.writer, &mut |_| {}).expect("looks"));
        assert_eq!(place.liveness("polite"), (Status::Stopped, true));
    }
}
