//! Which coder is meant by what somebody said: an id, a beginning of it, a handle, a name or a title.

use std::{cmp::Reverse, fmt};

use rusqlite::OptionalExtension;

use crate::{event::Micros, history::store::Error};

use super::{
    coders::{CoderRecord, visit_by_activity},
    handles::Handles,
    reader::{Reader, Snapshot},
};

/// How many coders are told where it is not clear which is meant.
const TOLD_MAX: usize = 8;
/// How many of those are told that nobody meant.
const NEAREST_MAX: usize = 5;
/// Less alike than this is no help.
const LIKE: f64 = 0.6;

/// Who is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Meant {
    /// The coder with this id.
    One(String),
    Unclear(Unclear),
}

/// What was said stands for no coder, or for more than one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unclear {
    pub said: String,
    /// Those it may stand for, most recently active first; where it stands for nobody, those most like it.
    pub candidates: Vec<Candidate>,
    /// How many more it may stand for.
    pub more: usize,
    /// It stands for each of them, rather than for none.
    pub is_ambiguous: bool,
}

/// A coder that may have been meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub coder_id: String,
    pub handle: String,
    /// Its title, else its name.
    pub title: Option<String>,
    /// How long ago it was last active.
    pub age: Micros,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unclear { said, candidates, more, is_ambiguous } = self;
        let handles: Vec<&str> = candidates.iter().map(|candidate| candidate.handle.as_str()).collect();
        match (is_ambiguous, candidates.is_empty()) {
            (true, _) => write!(f, "several coders are called `{said}`: {}", handles.join(", "))?,
            (false, true) => write!(f, "unknown coder `{said}`")?,
            (false, false) => write!(f, "unknown coder `{said}`; the nearest: {}", handles.join(", "))?,
        }
        if *more > 0 { write!(f, " and {more} more") } else { Ok(()) }
    }
}

impl Reader {
    /// Who is meant: the coder of that id; else the only one whose id, or the part of it behind the agent, begins so (a
    /// handle is such a beginning); else the only one of that name or title; else the only unfinished one of those.
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn which(&mut self, said: &str) -> Result<Meant, Error> {
        let said = said.trim();
        let nobody = Meant::Unclear(Unclear { said: said.to_owned(), ..Unclear::default() });
        self.read(nobody, |snapshot| {
            let mut known = snapshot.db.prepare_cached("SELECT 1 FROM coder WHERE id = ?")?;
            if known.query_row([said], |_| Ok(())).optional()?.is_some() {
                return Ok(Meant::One(said.to_owned()));
            }
            drop(known);
            let handles = snapshot.handles()?;
            match handles.begun_by(said)[..] {
                [id] => Ok(Meant::One(id.to_owned())),
                ref begun => by_name(snapshot, said, &handles, begun),
            }
        })
    }
}

/// The coder of that name or title; where that is not clear either, those that `begun` names or those of the name.
fn by_name(snapshot: &Snapshot<'_>, said: &str, handles: &Handles, begun: &[&str]) -> rusqlite::Result<Meant> {
    let wanted = said.to_lowercase();
    let (mut named, mut others): (Vec<Met>, Vec<(f64, Met)>) = (Vec::new(), Vec::new());
    visit_by_activity(snapshot, |_, CoderRecord { id, state, .. }| {
        let names = [state.name(), state.title()].map(|name| name.map(str::to_lowercase));
        let seen = || Met {
            id: id.clone(),
            title: state.title().or(state.name()).map(str::to_owned),
            is_finished: state.is_finished(),
            age: state.last_activity().map_or(0, |last| snapshot.now.since(last).max(0)),
        };
        if names.iter().flatten().any(|name| *name == wanted) {
            named.push(seen());
        } else if begun.contains(&id.as_str()) {
            others.push((f64::INFINITY, seen()));
        } else if begun.is_empty() {
            others.push((likeness(&wanted, &id, &names), seen()));
            // Only the best are kept: a history may have very many.
            if others.len() > 64 * NEAREST_MAX {
                keep_best(&mut others);
            }
        }
        Ok(true)
    })?;
    let unfinished = named.iter().filter(|coder| !coder.is_finished).collect::<Vec<_>>();
    if let ([one], _) | (_, [one]) = (&named.iter().collect::<Vec<_>>()[..], &unfinished[..]) {
        return Ok(Meant::One(one.id.clone()));
    }
    let is_ambiguous = !(named.is_empty() && begun.is_empty());
    if !is_ambiguous {
        keep_best(&mut others);
    } else if begun.is_empty() {
        others.clear();
    }
    let mut told = named;
    told.extend(others.into_iter().map(|(_, coder)| coder));
    let more = told.len().saturating_sub(TOLD_MAX);
    told.truncate(TOLD_MAX);
    let candidates = told.into_iter().map(|coder| coder.candidate(handles)).collect();
    Ok(Meant::Unclear(Unclear { said: said.to_owned(), candidates, more, is_ambiguous }))
}

/// A coder that was looked at.
#[derive(Debug)]
struct Met {
    id: String,
    title: Option<String>,
    is_finished: bool,
    age: Micros,
}

impl Met {
    fn candidate(self, handles: &Handles) -> Candidate {
        Candidate { handle: handles.of(&self.id), coder_id: self.id, title: self.title, age: self.age }
    }
}

/// How much an id or a name is like what was said: from 0 to 1, and 2 where it holds it.
fn likeness(wanted: &str, id: &str, names: &[Option<String>]) -> f64 {
    let id = id.to_lowercase();
    let part = id.split_once(':').map(|(_, part)| part);
    let names = names.iter().flatten().map(String::as_str).chain(part).chain([id.as_str()]);
    let alike = |name: &str| if !wanted.is_empty() && name.contains(wanted) { 2.0 } else { strsim::jaro_winkler(name, wanted) };
    names.map(alike).fold(0.0, f64::max)
}

fn keep_best(coders: &mut Vec<(f64, Met)>) {
    coders.retain(|(likeness, _)| *likeness >= LIKE);
    // What is less alike than a millionth is told apart by activity.
    coders.sort_by_key(|(likeness, _)| Reverse((likeness * 1e6) as u64));
    coders.truncate(NEAREST_MAX);
}
