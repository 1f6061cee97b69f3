//! Whether a coder repeats itself: the same call of a tool, with the same input, that fails in the same way.
//!
//! Calls that failed are kept in order of time, so that it does not matter when which of them was heard of. A streak is what
//! lies between two calls of the same kind that went well, or ten minutes apart: whoever joins one that was warned of raises
//! no other warning.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::{
    aggregate::{LOOP_CALLS, LOOP_WINDOW},
    event::{Body, DataKey, Event, Key, Micros, Time},
};

/// Calls of one kind that are looked at around another one: a coder that makes more within twenty minutes was warned of.
const CALLS_MAX: usize = 1_000;

/// A loop to warn of, by the seqs of its first and last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    pub first: u64,
    pub last: u64,
    pub calls: usize,
}

/// Calls of one kind that look like a loop, unless one of them went well in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    call: String,
    at: Micros,
    pub from: Time,
    pub to: Time,
}

struct Call {
    seq: u64,
    outcome: Option<String>,
    at: Micros,
    warned: bool,
}

/// Remembers how the call that `event` tells whole ended, where that may matter.
pub fn note(db: &Connection, coder: i64, event: &Event) -> rusqlite::Result<Option<Suspicion>> {
    let Some(call) = call_of(event).filter(|_| !event.is_running()) else { return Ok(None) };
    let outcome = event.tool_has_failed().then(|| outcome_of(event));
    let is_known = || {
        db.prepare_cached("SELECT 1 FROM failed_call WHERE coder = ? AND call = ? LIMIT 1")?
            .query_row(params![coder, call], |_| Ok(()))
            .optional()
    };
    // Most calls never fail. Those that went well before one of their kind failed are looked for once there is a suspicion.
    if outcome.is_none() && is_known()?.is_none() {
        return Ok(None);
    }
    db.prepare_cached(
        "INSERT INTO failed_call (seq, coder, call, outcome, at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (seq) DO UPDATE SET call = excluded.call, outcome = excluded.outcome, at = excluded.at",
    )?
    .execute(params![event.seq, coder, call, outcome, event.timestamp.micros()])?;
    let suspicion = Suspicion { call, at: event.timestamp.micros(), from: event.timestamp, to: event.timestamp };
    let near = calls_near(db, coder, &suspicion)?;
    let loops = all_streaks(&near).into_iter().filter(|streak| judge(streak) == Verdict::Loop).collect::<Vec<_>>();
    let ends = || loops.iter().flat_map(|streak| streak.first().into_iter().chain(streak.last())).map(|call| call.at);
    match (ends().min(), ends().max()) {
        (Some(from), Some(to)) => Ok(Some(Suspicion { from: Time::from_micros(from), to: Time::from_micros(to), ..suspicion })),
        _ => {
            join_warned(db, &near)?;
            Ok(None)
        }
    }
}

/// The loops that are left of a suspicion, once `between` are known: all events of the coder of that time. Each is told once.
pub fn confirm(db: &Connection, coder: i64, suspicion: &Suspicion, between: &[Event]) -> rusqlite::Result<Vec<Streak>> {
    let went_well = |event: &&Event| !event.is_running() && !event.tool_has_failed();
    for event in between.iter().filter(went_well).filter(|event| call_of(event).is_some_and(|call| call == suspicion.call)) {
        db.prepare_cached("INSERT OR IGNORE INTO failed_call (seq, coder, call, at) VALUES (?, ?, ?, ?)")?.execute(params![
            event.seq,
            coder,
            suspicion.call,
            event.timestamp.micros()
        ])?;
    }
    let near = calls_near(db, coder, suspicion)?;
    let mut loops = Vec::new();
    for streak in all_streaks(&near) {
        if judge(&streak) == Verdict::Loop
            && let (Some(first), Some(last)) = (streak.first(), streak.last())
        {
            mark_warned(db, &streak)?;
            loops.push(Streak { first: first.seq, last: last.seq, calls: streak.len() });
        }
    }
    join_warned(db, &near)?;
    Ok(loops)
}

fn calls_near(db: &Connection, coder: i64, around: &Suspicion) -> rusqlite::Result<Vec<Call>> {
    db.prepare_cached(
        "SELECT seq, outcome, at, warned FROM failed_call
         WHERE coder = ? AND call = ? AND at BETWEEN ? AND ? ORDER BY at, seq LIMIT ?",
    )?
    .query_map(params![coder, around.call, around.at - 2 * LOOP_WINDOW, around.at + 2 * LOOP_WINDOW, CALLS_MAX], |row| {
        Ok(Call { seq: row.get(0)?, outcome: row.get(1)?, at: row.get(2)?, warned: row.get(3)? })
    })?
    .collect()
}

/// The streaks of each way to fail.
fn all_streaks(calls: &[Call]) -> Vec<Vec<&Call>> {
    let outcomes: BTreeSet<&str> = calls.iter().filter_map(|call| call.outcome.as_deref()).collect();
    outcomes.into_iter().flat_map(|outcome| streaks_of(calls, outcome)).collect()
}

/// The runs of calls with this outcome, none of which went well in between, nor lies long before the next.
fn streaks_of<'c>(calls: &'c [Call], outcome: &str) -> Vec<Vec<&'c Call>> {
    let mut streaks: Vec<Vec<&Call>> = vec![Vec::new()];
    for call in calls {
        let is_over = streaks.last().and_then(|streak| streak.last()).is_some_and(|last| call.at - last.at > LOOP_WINDOW);
        if call.outcome.is_none() || is_over {
            streaks.push(Vec::new());
        }
        if call.outcome.as_deref() == Some(outcome)
            && let Some(streak) = streaks.last_mut()
        {
            streak.push(call);
        }
    }
    streaks
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    Loop,
    /// It was warned of.
    Known,
}

fn judge(streak: &[&Call]) -> Verdict {
    if streak.iter().any(|call| call.warned) {
        return Verdict::Known;
    }
    let is_loop = streak.windows(LOOP_CALLS).any(|few| few[LOOP_CALLS - 1].at - few[0].at <= LOOP_WINDOW);
    if is_loop { Verdict::Loop } else { Verdict::Nothing }
}

/// Who joins a streak that was warned of is part of it.
fn join_warned(db: &Connection, near: &[Call]) -> rusqlite::Result<()> {
    let streaks = all_streaks(near);
    streaks.iter().filter(|streak| judge(streak) == Verdict::Known).try_for_each(|streak| mark_warned(db, streak))
}

fn mark_warned(db: &Connection, streak: &[&Call]) -> rusqlite::Result<()> {
    for call in streak.iter().filter(|call| !call.warned) {
        db.prepare_cached("UPDATE failed_call SET warned = 1 WHERE seq = ?")?.execute([call.seq])?;
    }
    Ok(())
}

/// What stands for the tool and what it was given; `None` where the event is of no tool.
fn call_of(event: &Event) -> Option<String> {
    let Body::Progress(fields) = &event.body else { return None };
    let said = |key: DataKey| event.data.get(key.name()).map(Value::to_string);
    let tool = said(DataKey::ToolName)?;
    let given = [DataKey::Command, DataKey::Arguments].into_iter().filter_map(said).collect::<Vec<_>>();
    // What stands in files is told of no call: its description has the file.
    let described = fields.description.as_deref().unwrap_or_default();
    Some(Key::id_of(&format!("{tool}\n{}\n{described}", given.join("\n"))))
}

fn outcome_of(event: &Event) -> String {
    let error = event.data.get(DataKey::Error.name()).and_then(Value::as_str).unwrap_or_default();
    let code = event.data.get(DataKey::ExitCode.name()).map(Value::to_string).unwrap_or_default();
    let words = error.split_whitespace().filter(|word| !is_time_taken(word)).collect::<Vec<_>>();
    Key::id_of(&format!("{code}\n{}", words.join(" ")))
}

/// `0.53s`, `(12ms)`: no two runs of a test take equally long.
fn is_time_taken(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let figure = ["ms", "µs", "ns", "s"].into_iter().find_map(|unit| word.strip_suffix(unit));
    figure.is_some_and(|figure| !figure.is_empty() && figure.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// Forgets what is long over: a day is far beyond what late reports need.
pub fn forget(db: &Connection) -> rusqlite::Result<()> {
    let newest = "(SELECT max(at) FROM failed_call AS later WHERE later.coder = failed_call.coder)";
    db.execute(&format!("DELETE FROM failed_call WHERE at < {newest} - ?"), [Time::DAY]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_took_is_no_outcome() {
        let taken = |word: &str| is_time_taken(word);
        assert!(["0.53s", "(12ms)", "3s,"].into_iter().all(taken));
        assert!(!["s", "42", "tests", "3m", "v1.2", "line:3s"].into_iter().any(taken));
    }
}
