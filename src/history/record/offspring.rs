//! Subagents end when their parent does: nobody else tells it where they were broken off.

use rusqlite::Connection;

use crate::event::{Body, Draft, Event, EventType, Key, Process};

use super::fold::Fold;

const REASON: &str = "parent ended";

/// The ends of the subagents that `cause` leaves without a parent.
pub fn ends(db: &Connection, fold: &mut Fold, cause: &Event) -> rusqlite::Result<Vec<Draft>> {
    if !is_end(cause) {
        return Ok(Vec::new());
    }
    let below: Vec<String> = db
        .prepare_cached("SELECT id FROM coder WHERE id > ?1 || '/' AND id < ?1 || '0' AND finished = 0")?
        .query_map([&cause.coder_id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut ends = Vec::new();
    for id in below {
        let Some(coder) = fold.coder(db, &id)? else { continue };
        // What this transaction did is not written yet.
        let is_its_own = coder.parent() == Some(cause.coder_id.as_str());
        if coder.is_finished() || !is_its_own || coder.last_step().is_some_and(|step| step > cause.timestamp) {
            continue;
        }
        // As sources know a subagent's end by what it says: it may be told of itself a moment later.
        let key = Key::Repeat(id.replacen('/', ":agent:", 1) + ":stopped");
        let end = Draft::lifecycle(id, EventType::Stopped, coder.status().name(), "", REASON);
        ends.push(Draft { key, timestamp: Some(cause.timestamp), ..end });
    }
    Ok(ends)
}

fn is_end(event: &Event) -> bool {
    match (event.kind, &event.body) {
        (EventType::Stopped, _) => true,
        (EventType::Failed, Body::Lifecycle(failed)) => failed.reason.as_deref() == Some(Process::GONE),
        _ => false,
    }
}
