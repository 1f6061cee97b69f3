//! Conversations that an agent has beside a session, for its title above all: telemetry takes them for sessions of their own, and
//! no other channel knows them. What such a one costs is the session's.

use rusqlite::{Connection, params};

use crate::event::{Event, EventType, Time};

use super::fold::Fold;

/// Who asks in passing does so beside its work: of its last moment nothing is further away than a slow model's answer.
const WITHIN: i64 = Time::MINUTE;
/// Sessions that were at work just then.
const LOOKED_AT_MAX: usize = 20;

/// The session of the same agent that was at work when `event` of a coder nobody knows happened.
pub fn asking(db: &Connection, fold: &mut Fold, event: &Event) -> rusqlite::Result<Option<String>> {
    let Some((agent, _)) = event.coder_id.split_once(':') else { return Ok(None) };
    let at = event.timestamp.micros();
    let sessions: Vec<String> = db
        .prepare_cached(
            "SELECT id FROM coder WHERE id > ?1 || ':' AND id < ?1 || ';' AND instr(id, '/') = 0 AND last >= ?2
             ORDER BY last DESC LIMIT ?3",
        )?
        .query_map(params![agent, at - WITHIN, LOOKED_AT_MAX], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in sessions {
        // One that its hooks told of: without those nobody could say which is a session.
        let was_there = |first: Time| first <= event.timestamp;
        if fold.coder(db, &id)?.is_some_and(|coder| coder.process().is_some() && coder.first_activity().is_some_and(was_there)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Whether it is one of the facts that are the session's too.
pub fn costs(event: &Event) -> bool {
    matches!(event.kind, EventType::ApiCall | EventType::ApiError | EventType::RateLimit)
}
