//! Who changed a file, where no tool told of it. Pure: events and changes go in, an author comes out.
//!
//! A change is the coder's whose shell command was at work when it happened, and nobody else's in the same tree; else its
//! author is unknown. Reports come late and in any order, so an answer may have to wait for them.

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
};

use crate::{
    event::{Body, DataKey, Event, EventType, Family, Micros, Time},
    source::{changes_nothing, is_shell},
};

use super::{KEEPER, records::is_end};

const MILLI: Micros = Time::SECOND / 1000;
/// Some clocks count whole milliseconds; files' own are behind, never ahead.
const CLOCK: Micros = 10 * MILLI;
/// How late a change may be noticed that no file dates.
const NOTICING: Micros = 500 * MILLI;
/// What a command started may write a moment after its end.
const AFTER_SHELL: Micros = 200 * MILLI;
/// Agents do not wait for hooks: one tells of a tool's beginning and end this much after it, at most.
const HOOK_MAX: Micros = Time::SECOND;
/// Tools that ran side by side end this close to each other: neither's end says when the other began.
const SIDE_BY_SIDE: Micros = 300 * MILLI;
/// A first tool whose beginning nothing tells.
const FIRST_TOOL: Micros = 10 * Time::SECOND;
/// A tool's own report comes this soon behind its change,
const REPORT: Micros = 2 * Time::SECOND;
/// and where only the agent's own record tells, this soon.
const LATE_REPORT: Micros = 5 * Time::SECOND;
/// What an agent's hooks format, after a tool of it has told that it changed a file.
const FORMATTING: Micros = 5 * Time::SECOND;
/// How long a coder may be silent until it is said that nobody knows whether it was its command; others', whose command is
/// known to have been at work.
const SILENCE_MAX: Micros = 10 * Time::MINUTE;
const OTHERS_SILENCE_MAX: Micros = 2 * Time::MINUTE;
/// What is remembered of each coder, and of what tools told.
const TOOLS_MAX: usize = 64;
const TOLD_MAX: usize = 2048;
const CODERS_MAX: usize = 1000;
const PARENTS_MAX: usize = 8;
/// A coder's folder, and those it went to.
const FOLDERS_MAX: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Authors {
    coders: HashMap<String, CoderWork>,
    told: VecDeque<ToldChange>,
}

/// What one coder did of late.
#[derive(Debug)]
pub(super) struct CoderWork {
    /// As they were told, the latest last.
    pub folders: Vec<PathBuf>,
    pub heard_at: Time,
    pub has_ended: bool,
    parent: Option<String>,
    /// When a turn last began or ended.
    step: Option<(Time, bool)>,
    /// When it last did anything, in order.
    moments: VecDeque<Time>,
    tools: VecDeque<ToolTime>,
    /// It tells of its tools from their beginning.
    tells_begins: bool,
}

/// One call of a tool.
#[derive(Clone, Debug)]
struct ToolTime {
    seq: u64,
    name: String,
    id: Option<String>,
    /// As far as they are told.
    begin: Option<Time>,
    end: Option<Time>,
    /// When its end was heard of: whoever times a call leaves out what it waited for before, such as a hook or a person.
    heard_end: Option<Time>,
    duration: Option<Micros>,
    /// It runs a command that may change files.
    may_change: bool,
}

/// A file that a tool told of, or that was told already.
#[derive(Debug)]
struct ToldChange {
    place: PathBuf,
    coder_id: String,
    at: Time,
    tool: ToolTime,
    /// By the keeper itself: it is that moment's change alone.
    is_seen: bool,
}

/// A change as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenChange {
    /// The same file is the same place, whatever way leads to it.
    pub place: PathBuf,
    /// The tree it was seen in.
    pub root: PathBuf,
    pub at: Time,
    /// By the file itself; else it may have happened a moment before.
    pub is_dated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// A tool told of it.
    Told,
    /// Whoever knows may still tell.
    Open,
    Coder {
        coder_id: String,
        tool_name: String,
        tool_use_id: Option<String>,
        /// The command goes on, and may change more.
        goes_on: bool,
    },
    /// With those that were at work in the tree.
    Unknown(Vec<String>),
}

impl Authors {
    /// `place` is where the file is that the event names, as it is of a change; `folder` does the same to a folder.
    pub fn hear(&mut self, event: &Event, place: Option<PathBuf>, folder: impl FnOnce(&str) -> PathBuf) {
        if event.kind.is_derived() || event.source.as_deref() == Some("run") {
            return;
        }
        if event.source.as_deref() == Some(KEEPER) {
            self.remember_told(place, event, ToolTime::of(event), true);
            return;
        }
        self.make_room(&event.coder_id);
        let work = self.coders.entry(event.coder_id.clone()).or_insert_with(|| CoderWork::new(event.received_at));
        work.hear(event, folder);
        if event.kind.family() == Family::Workspace && event.kind != EventType::WorkspaceSync {
            let of_call = work.tools.iter().rev().find(|tool| tool.id.is_some() && tool.id == text(event, DataKey::ToolUseId));
            let told = ToolTime::of(event);
            let tool = of_call.map_or_else(|| told.clone(), |call| ToolTime { end: told.end, ..call.clone() });
            self.remember_told(place, event, tool, false);
        }
    }

    pub fn knows(&self, coder_id: &str) -> bool {
        self.coders.contains_key(coder_id)
    }

    pub fn coders(&self) -> impl Iterator<Item = (&str, &CoderWork)> {
        self.coders.iter().map(|(id, work)| (id.as_str(), work))
    }

    /// Who has ended is no matter any more.
    pub fn forget(&mut self, coder_id: &str) {
        self.coders.remove(coder_id);
    }

    /// As far as it is known at `now`.
    pub fn author(&self, change: &SeenChange, now: Time) -> Author {
        let age = now.since(change.at);
        let told_here = || self.told.iter().filter(|told| told.place == change.place);
        let late = if change.is_dated { 0 } else { NOTICING };
        let tells = |told: &ToldChange| match told.is_seen {
            true => (-CLOCK..=CLOCK + late).contains(&change.at.since(told.at)),
            false => self.lasted(&told.coder_id, &told.tool, told.tool.end, CLOCK + late).holds(change.at),
        };
        if told_here().any(tells) {
            return Author::Told;
        }
        if age < REPORT {
            return Author::Open;
        }
        let commands = self.commands(change);
        let silent = self.silent(change, &commands);
        match commands.as_slice() {
            [(coder, tool)] if silent.is_empty() => {
                let (tool_name, tool_use_id) = (tool.name.clone(), tool.id.clone());
                Author::Coder { coder_id: (*coder).to_owned(), tool_name, tool_use_id, goes_on: tool.end.is_none() }
            }
            [_] if age < OTHERS_SILENCE_MAX => Author::Open,
            [] if !silent.is_empty() && age < SILENCE_MAX => Author::Open,
            [] if told_here().any(|told| told.is_formatted_at(change.at)) => Author::Told,
            [] if age < LATE_REPORT => Author::Open,
            commands => Author::Unknown(commands.iter().map(|(coder, _)| *coder).chain(silent).map(str::to_owned).collect()),
        }
    }

    /// When an answer may be another one, though nothing is heard.
    pub fn next_step(change: &SeenChange, now: Time) -> Option<Time> {
        let steps = [REPORT, LATE_REPORT, OTHERS_SILENCE_MAX, SILENCE_MAX];
        steps.into_iter().map(|step| change.at.plus(step)).find(|step| *step > now)
    }

    /// The shell commands that were at work in the tree when it happened, one of each coder: as they were timed, else as they
    /// were heard of.
    fn commands<'a>(&'a self, change: &'a SeenChange) -> Vec<(&'a str, &'a ToolTime)> {
        let timed = self.commands_until(change, |tool| tool.end);
        if timed.is_empty() { self.commands_until(change, |tool| tool.heard_end) } else { timed }
    }

    fn commands_until<'a>(
        &'a self,
        change: &'a SeenChange,
        end: impl Fn(&ToolTime) -> Option<Time>,
    ) -> Vec<(&'a str, &'a ToolTime)> {
        let mut commands: Vec<(&'a str, &'a ToolTime)> = self
            .there(change)
            .filter_map(|(id, work)| {
                let holds = |tool: &ToolTime| self.lasted(id, tool, end(tool), AFTER_SHELL).holds(change.at);
                let waits = |tool: &ToolTime| tool.end.is_none() && work.waits_at(change.at);
                let mut commands = work.tools.iter().filter(|tool| tool.may_change);
                Some((id, commands.find(|tool| holds(tool) && !waits(tool))?))
            })
            .collect();
        commands.sort_by_key(|(id, _)| *id);
        commands
    }

    /// Those in the tree who may have a command at work of which nobody has heard yet.
    fn silent<'a>(&'a self, change: &'a SeenChange, commands: &[(&str, &ToolTime)]) -> Vec<&'a str> {
        let is_of =
            |id: &str| commands.iter().any(|(other, _)| *other == id || self.works_for(id, other) || self.works_for(other, id));
        let silent = self.there(change).filter(|(id, work)| work.is_silent_since(change.at) && !is_of(id));
        let mut silent: Vec<&'a str> = silent.map(|(id, _)| id).collect();
        silent.sort_unstable();
        silent
    }

    fn there<'a>(&'a self, change: &'a SeenChange) -> impl Iterator<Item = (&'a str, &'a CoderWork)> {
        let is_there = |folder: &PathBuf| folder.starts_with(&change.root) || change.root.starts_with(folder);
        self.coders().filter(move |(id, _)| self.folders(id).iter().any(is_there))
    }

    /// Its own, else those of whom it works for.
    pub fn folders(&self, coder_id: &str) -> &[PathBuf] {
        let mut id = coder_id;
        for _ in 0..PARENTS_MAX {
            match self.coders.get(id) {
                Some(CoderWork { folders, parent: Some(parent), .. }) if folders.is_empty() => id = parent,
                Some(work) => return &work.folders,
                None => break,
            }
        }
        &[]
    }

    fn works_for(&self, coder: &str, other: &str) -> bool {
        let mut id = coder;
        for _ in 0..PARENTS_MAX {
            match self.coders.get(id).and_then(|work| work.parent.as_deref()) {
                Some(parent) if parent == other => return true,
                Some(parent) => id = parent,
                None => return false,
            }
        }
        false
    }

    /// From when to when a call was at work that ended at `end`, and `after` that.
    fn lasted(&self, coder_id: &str, tool: &ToolTime, end: Option<Time>, after: Micros) -> WorkSpan {
        let before = |latest: Time| {
            let moments = self.coders.get(coder_id).map(|work| work.moments.iter().rev());
            moments.into_iter().flatten().copied().find(|moment| *moment <= latest)
        };
        // A report may be late, but nothing is told of what was not asked for when the coder last did something else.
        let reported = |begin: Time| before(begin.plus(-1)).unwrap_or(begin).max(begin.plus(-HOOK_MAX));
        let timed = end.zip(tool.duration).map(|(end, duration)| end.plus(-duration));
        let begin = match (tool.begin, timed, end) {
            (Some(begin), Some(timed), _) => reported(begin).max(timed.plus(-HOOK_MAX)),
            (Some(begin), None, _) | (None, Some(begin), _) => reported(begin),
            (None, None, Some(end)) => before(end.plus(-SIDE_BY_SIDE)).unwrap_or(end.plus(-FIRST_TOOL)),
            (None, None, None) => return WorkSpan::NEVER,
        };
        WorkSpan { begin, end: end.map_or(FAR, |end| end.plus(after)) }
    }

    fn remember_told(&mut self, place: Option<PathBuf>, event: &Event, tool: ToolTime, is_seen: bool) {
        let Some(place) = place else { return };
        if self.told.len() == TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(ToldChange { place, coder_id: event.coder_id.clone(), at: event.timestamp, tool, is_seen });
    }

    fn make_room(&mut self, coder_id: &str) {
        if self.coders.len() < CODERS_MAX || self.knows(coder_id) {
            return;
        }
        let oldest = self.coders.iter().min_by_key(|(_, work)| work.heard_at).map(|(id, _)| id.clone());
        oldest.into_iter().for_each(|id| self.forget(&id));
    }
}

/// Open at its beginning: what a moment ended belongs to that.
struct WorkSpan {
    begin: Time,
    end: Time,
}

const FAR: Time = Time::from_micros(Micros::MAX);

impl WorkSpan {
    const NEVER: WorkSpan = WorkSpan { begin: FAR, end: FAR };

    fn holds(&self, at: Time) -> bool {
        self.begin < at && at <= self.end
    }
}

impl ToldChange {
    fn is_formatted_at(&self, at: Time) -> bool {
        !self.is_seen && (0..FORMATTING).contains(&at.since(self.at))
    }
}

impl ToolTime {
    fn of(event: &Event) -> ToolTime {
        let duration = event.data.get(DataKey::DurationMs.name()).and_then(serde_json::Value::as_i64);
        let (begin, end) = match event.is_running() {
            true => (Some(event.timestamp), None),
            false => (None, Some(event.timestamp)),
        };
        let name = text(event, DataKey::ToolName).unwrap_or_default();
        let command = event.call().and_then(|call| call.strip_prefix(name.as_str())?.strip_prefix(": "));
        ToolTime {
            seq: event.completes.unwrap_or(event.seq),
            may_change: is_shell(&name) && !command.is_some_and(changes_nothing),
            name,
            id: text(event, DataKey::ToolUseId),
            begin,
            end,
            heard_end: end,
            duration: duration.map(|duration| duration.clamp(0, i64::from(u32::MAX)) * MILLI),
        }
    }
}

impl ToolTime {
    fn end_at(&mut self, end: Time) {
        self.end = self.end.or(Some(end));
        self.heard_end = self.heard_end.or(self.end);
    }
}

impl CoderWork {
    fn new(heard_at: Time) -> CoderWork {
        CoderWork {
            folders: Vec::new(),
            heard_at,
            has_ended: false,
            parent: None,
            step: None,
            moments: VecDeque::new(),
            tools: VecDeque::new(),
            tells_begins: false,
        }
    }

    fn hear(&mut self, event: &Event, folder: impl FnOnce(&str) -> PathBuf) {
        self.heard_at = self.heard_at.max(event.received_at);
        if let Some(parent) = text(event, DataKey::ParentCoderId) {
            self.parent = Some(parent);
        }
        if let Some(named) = folder_named_by(event) {
            self.go_to(folder(named));
        }
        // That a tool begins is heard of late, when it may have done what it does.
        if !event.is_running() {
            let at = event.tool_ended_at().unwrap_or(event.timestamp);
            self.moments.insert(self.moments.partition_point(|moment| *moment <= at), at);
        }
        if self.moments.len() > TOOLS_MAX {
            self.moments.pop_front();
        }
        if event.kind.family() == Family::Lifecycle {
            self.hear_step(event);
        }
        match event.completes {
            Some(seq) => self.hear_end(seq, event),
            None if event.call().is_some() => self.hear_tool(ToolTime::of(event)),
            None => {}
        }
    }

    fn hear_step(&mut self, event: &Event) {
        let is_at_work = matches!(event.kind, EventType::Started | EventType::Resumed);
        if event.kind != EventType::Created && self.step.is_none_or(|(at, _)| at <= event.timestamp) {
            self.step = Some((event.timestamp, is_at_work));
            self.has_ended = is_end(event);
        }
        // Who waits may wait for one of them.
        if !matches!(event.kind, EventType::Created | EventType::Resumed | EventType::Paused) {
            let open = self.tools.iter_mut().filter(|tool| tool.end.is_none());
            open.filter(|tool| tool.begin <= Some(event.timestamp)).for_each(|tool| tool.end_at(event.timestamp));
        }
    }

    fn hear_tool(&mut self, tool: ToolTime) {
        self.tells_begins |= tool.begin.is_some();
        if self.tools.iter().any(|known| known.seq == tool.seq) {
            return;
        }
        self.tools.push_back(tool);
        if self.tools.len() > TOOLS_MAX {
            self.tools.pop_front();
        }
    }

    /// A later report adds when it ended, and how long it took.
    fn hear_end(&mut self, seq: u64, event: &Event) {
        let Some(known) = self.tools.iter_mut().find(|known| known.seq == seq) else { return };
        if event.has_ended() {
            let timed = event.tool_ended_at().unwrap_or(event.timestamp);
            // What is heard of long after says nothing by when it is heard of.
            let is_late = event.received_at.since(timed) > SILENCE_MAX;
            known.end_at(timed);
            known.heard_end = if is_late { known.end } else { known.heard_end.max(Some(event.received_at)) };
        }
        known.duration = known.duration.or(ToolTime::of(event).duration);
    }

    /// It waits for a person, and no tool of it goes on.
    fn waits_at(&self, at: Time) -> bool {
        self.step.is_some_and(|(since, is_at_work)| !is_at_work && since <= at)
    }

    fn go_to(&mut self, folder: PathBuf) {
        self.folders.retain(|known| *known != folder);
        self.folders.push(folder);
        if self.folders.len() > FOLDERS_MAX {
            self.folders.remove(1);
        }
    }

    /// It is in a turn, and nothing that it did later is known. Who was silent for long before that has no command at work, and
    /// of those who tell that one begins it is known.
    fn is_silent_since(&self, at: Time) -> bool {
        if self.tells_begins {
            return false;
        }
        let is_at_work = self.step.is_none_or(|(_, is_at_work)| is_at_work);
        is_at_work && self.moments.back().is_some_and(|last| (-CLOCK..SILENCE_MAX).contains(&at.since(*last)))
    }
}

fn folder_named_by(event: &Event) -> Option<&str> {
    let named = match &event.body {
        Body::Lifecycle(_) => event.data.get(DataKey::Cwd.name())?.as_str()?,
        Body::Workspace(fields) if fields.operation.as_deref() == Some("cwd_changed") => fields.file_path.as_deref()?,
        _ => return None,
    };
    Path::new(named).is_absolute().then_some(named)
}

fn text(event: &Event, key: DataKey) -> Option<String> {
    event.data.get(key.name())?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
