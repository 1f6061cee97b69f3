//! What coders are called for short: the beginning of a session's id that tells it from the others of these days.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::Arc,
};

use rusqlite::Connection;

use crate::event::{Micros, Time};

/// A handle has at least so many characters of the session's part of an id.
const HANDLE_CHARS_MIN: usize = 6;
/// A beginning of an id stands for it from so many characters on.
const BEGINNING_CHARS_MIN: usize = 4;
/// An id without an agent before it was chosen by somebody: up to this length it is its own handle.
const CHOSEN_CHARS_MAX: usize = 24;
/// A handle tells a coder from those that were active this long ago or later.
const TOLD_APART_FOR: Micros = 30 * Time::DAY;
/// Handles are made anew this often, since they depend on what is lately.
const KEPT_FOR: Micros = Time::HOUR;

/// The handles of all coders of a history.
#[derive(Debug, Default)]
pub struct Handles {
    /// In the order in which the history met them.
    coders: Vec<Known>,
    by_id: HashMap<Arc<str>, usize>,
    /// The sessions' parts of what was active lately, and how many coders have each.
    parts: BTreeMap<Box<str>, u32>,
    /// How many subagents of each session were met.
    subagents: HashMap<Arc<str>, u32>,
    /// What was active since then.
    lately_since: Micros,
}

/// A coder that has a handle.
#[derive(Debug)]
struct Known {
    id: Arc<str>,
    last: Micros,
    /// The id that it is a subagent of, and which of its subagents it is, from 1.
    subagent: Option<(Arc<str>, u32)>,
}

impl Known {
    /// What stands behind the agent's name.
    fn part(&self) -> &str {
        session_part(&self.id)
    }
}

/// Whose subagent it is by its id, which may be met before that coder's. What has no agent before it was chosen by somebody, and
/// is a whole.
fn parent_of(id: &str) -> Option<&str> {
    id.rsplit_once('/').map(|(parent, _)| parent).filter(|parent| parent.contains(':'))
}

fn session_part(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, part)| part)
}

impl Handles {
    /// Of no coder yet; `now` says what is lately.
    pub(super) fn at(now: Time) -> Handles {
        Handles { lately_since: now.micros() - TOLD_APART_FOR, ..Handles::default() }
    }

    /// Takes in a coder, in the order of the history.
    pub(super) fn add(&mut self, id: &str, last: Micros) {
        let subagent = parent_of(id).map(|parent| {
            let parent: Arc<str> = parent.into();
            let place = self.subagents.entry(Arc::clone(&parent)).or_default();
            *place += 1;
            (parent, *place)
        });
        if subagent.is_none() && last >= self.lately_since {
            *self.parts.entry(session_part(id).into()).or_default() += 1;
        }
        let id: Arc<str> = id.into();
        self.by_id.insert(Arc::clone(&id), self.coders.len());
        self.coders.push(Known { id, last, subagent });
    }

    /// What the coder is called; an unknown one by its id.
    pub fn of(&self, coder_id: &str) -> String {
        let Some(&at) = self.by_id.get(coder_id) else { return coder_id.to_owned() };
        match &self.coders[at].subagent {
            Some((parent, place)) if self.by_id.contains_key(parent) => format!("{}/{place}", self.of(parent)),
            Some((parent, place)) => format!("{}/{place}", self.shortest(parent)),
            None => self.shortest(coder_id).to_owned(),
        }
    }

    /// The shortest beginning of the session's part that no other has.
    fn shortest<'i>(&self, id: &'i str) -> &'i str {
        let part = session_part(id);
        let is_chosen = part.len() == id.len() && part.chars().count() <= CHOSEN_CHARS_MAX;
        if is_chosen {
            return id;
        }
        if self.parts.get(part).is_some_and(|&coders| coders > 1) {
            return id;
        }
        let before = self.parts.range::<str, _>((Bound::Unbounded, Bound::Excluded(part))).next_back();
        let behind = self.parts.range::<str, _>((Bound::Excluded(part), Bound::Unbounded)).next();
        let shared = before.into_iter().chain(behind).map(|(other, _)| chars_shared(part, other)).max().unwrap_or(0);
        let enough = HANDLE_CHARS_MIN.max(shared + 1);
        part.char_indices().nth(enough).map_or(part, |(end, _)| &part[..end])
    }

    /// Those whose id, or session's part of it, begins as said; subagents by their session's beginning, `/` and their place
    /// among its subagents, or by as much of their id. One alone, where one is meant.
    pub(super) fn begun_by(&self, said: &str) -> Vec<&str> {
        self.meant(said).into_iter().map(|at| &*self.coders[at].id).collect()
    }

    fn meant(&self, said: &str) -> Vec<usize> {
        if let Some((session, place)) = said.rsplit_once('/')
            && let Ok(place) = place.parse::<u32>()
        {
            let sessions = self.meant(session);
            let is_of = |parent: &str| match sessions.is_empty() {
                false => sessions.iter().any(|&at| *self.coders[at].id == *parent),
                // The session itself was never told of.
                true => session.chars().count() >= BEGINNING_CHARS_MIN && session_part(parent).starts_with(session),
            };
            let is_meant = |coder: &Known| coder.subagent.as_ref().is_some_and(|(of, at)| *at == place && is_of(of));
            let subagents = self.all(is_meant);
            if !subagents.is_empty() {
                return subagents;
            }
        }
        let whole = self.all(|coder| coder.part() == said);
        if whole.len() == 1 || said.chars().count() < BEGINNING_CHARS_MIN {
            return whole;
        }
        // A session's beginning is that of its subagents too.
        let asks_for_subagents = said.contains('/');
        let begun = self.all(|coder| {
            (coder.subagent.is_none() || asks_for_subagents) && (coder.id.starts_with(said) || coder.part().starts_with(said))
        });
        let lately = begun.iter().copied().filter(|&at| self.coders[at].last >= self.lately_since).collect::<Vec<_>>();
        // A handle is told apart from what was active lately alone.
        if lately.len() == 1 { lately } else { begun }
    }

    fn all(&self, is_meant: impl Fn(&Known) -> bool) -> Vec<usize> {
        self.coders.iter().enumerate().filter(|(_, coder)| is_meant(coder)).map(|(at, _)| at).collect()
    }
}

/// The handles that a reader keeps, and of which state.
#[derive(Debug, Default)]
pub struct KeptHandles {
    handles: Arc<Handles>,
    /// The greatest number of a coder that is in them.
    through: i64,
    made: Option<Time>,
}

impl KeptHandles {
    /// Those of the coders in `db`. Who still holds those of before keeps them as they were.
    pub fn get(&mut self, db: &Connection, now: Time) -> rusqlite::Result<Arc<Handles>> {
        let newest =
            db.prepare_cached("SELECT max(no) FROM coder")?.query_row([], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
        let is_old = self.made.is_none_or(|made| now.since(made).abs() >= KEPT_FOR);
        if is_old || (newest > self.through && Arc::get_mut(&mut self.handles).is_none()) {
            *self = KeptHandles { handles: Arc::new(Handles::at(now)), through: 0, made: Some(now) };
        }
        if newest > self.through
            && let Some(handles) = Arc::get_mut(&mut self.handles)
        {
            let mut statement = db.prepare_cached("SELECT id, last FROM coder WHERE no > ? ORDER BY no")?;
            let mut rows = statement.query([self.through])?;
            while let Some(row) = rows.next()? {
                handles.add(row.get_ref(0)?.as_str()?, row.get(1)?);
            }
            self.through = newest;
        }
        Ok(Arc::clone(&self.handles))
    }
}

fn chars_shared(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 100 * Time::DAY;

    fn handles(ids: &[(&str, Micros)]) -> Handles {
        let mut handles = Handles::at(Time::from_micros(NOW));
        ids.iter().for_each(|(id, days_ago)| handles.add(id, NOW - days_ago * Time::DAY));
        handles
    }

    #[test]
    fn a_handle_is_as_short_as_tells_it_apart() {
        let handles = handles(&[
            ("claude-code:b6838c7b-49b9/a1", 0),
            ("claude-code:b6838c7b-49b9", 0),
            ("gemini:c0ffee00-1234/only", 0),
            ("claude-code:7f3c1b22-aaaa", 0),
            ("codex:01a204a2-5da4", 0),
            ("codex:01a204a1-46c6", 1),
            ("gemini:01a204a2-5da4-old", 31),
            ("claude-code:7f3c1b22-aaaa/a99b", 0),
            ("claude-code:7f3c1b22-aaaa/b1", 0),
            ("gemini:twice-the-same", 0),
            ("cursor:twice-the-same", 0),
            ("fix-auth", 0),
            ("a-name-that-is-longer-than-a-column", 0),
            ("opencode:s1", 0),
        ]);
        let told = |id: &str| handles.of(id);
        assert_eq!(told("claude-code:7f3c1b22-aaaa"), "7f3c1b");
        assert_eq!(told("codex:01a204a2-5da4"), "01a204a2");
        assert_eq!(told("codex:01a204a1-46c6"), "01a204a1");
        assert_eq!(told("claude-code:7f3c1b22-aaaa/b1"), "7f3c1b/2");
        assert_eq!(told("cursor:twice-the-same"), "cursor:twice-the-same");
        assert_eq!(told("claude-code:b6838c7b-49b9"), "b6838c", "whose subagent was met first");
        assert_eq!(told("claude-code:b6838c7b-49b9/a1"), "b6838c/1");
        assert_eq!(told("gemini:c0ffee00-1234/only"), "c0ffee/1", "whose session is not known");
        assert_eq!(told("fix-auth"), "fix-auth");
        assert_eq!(told("a-name-that-is-longer-than-a-column"), "a-name");
        assert_eq!(told("opencode:s1"), "s1");
        assert_eq!(told("unknown:0123456789"), "unknown:0123456789");
    }

    #[test]
    fn beginnings_and_handles_say_who_is_meant() {
        let handles = handles(&[
            ("claude-code:7f3c1b22-aaaa", 0),
            ("codex:7f3c9999-bbbb", 0),
            ("claude-code:7f3c1b22-aaaa/a99b", 0),
            ("claude-code:7f3c1b22-aaaa/b1", 0),
            ("gemini:01a204a2-5da4", 31),
            ("gemini:01a204a2-6666", 2),
            ("gemini:c0ffee00-1234/only", 0),
            ("fix-auth", 0),
            ("fix-auth-2", 0),
            ("opencode:s1", 0),
        ]);
        let meant = |said: &str| handles.begun_by(said).join(" ");
        assert_eq!(meant("7f3c1b"), "claude-code:7f3c1b22-aaaa");
        assert_eq!(meant("7f3c"), "claude-code:7f3c1b22-aaaa codex:7f3c9999-bbbb");
        assert_eq!(meant("codex:7f"), "codex:7f3c9999-bbbb");
        assert_eq!(meant("7f3c1b/2"), "claude-code:7f3c1b22-aaaa/b1");
        assert_eq!(meant("7f3c1b22-aaaa/a9"), "claude-code:7f3c1b22-aaaa/a99b");
        assert_eq!(meant("7f3c1b/3"), "");
        assert_eq!(meant("c0ffee/1"), "gemini:c0ffee00-1234/only");
        assert_eq!(meant("01a204"), "gemini:01a204a2-6666", "a handle of these days");
        assert_eq!(meant("fix-auth"), "fix-auth", "a whole part is no beginning");
        assert_eq!(meant("fix-"), "fix-auth fix-auth-2");
        assert_eq!(meant("s1"), "opencode:s1");
        assert_eq!(meant("fix"), "", "too little to stand for anything");
        for coder in &handles.coders {
            assert_eq!(handles.begun_by(&handles.of(&coder.id)), [&*coder.id], "a handle is accepted");
        }
    }
}
