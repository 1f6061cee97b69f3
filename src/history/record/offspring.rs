//! Subagents end when their parent does: nobody else tells it where they were broken off.

use rusqlite::Connection;

use crate::event::{Body, Draft, Event, EventType, Key, Process, Status, Time};

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
        ends.push(end_of(&id, coder.status(), cause.timestamp));
    }
    Ok(ends)
}

/// The end of the subagent that `event` is of, where its parent has ended by then: its record may be read only after.
pub fn late_end(db: &Connection, fold: &mut Fold, event: &Event) -> rusqlite::Result<Option<Draft>> {
    let Some((parent_id, _)) = event.coder_id.split_once('/') else { return Ok(None) };
    let Some(ended_at) = fold.coder(db, parent_id)?.and_then(|parent| parent.ended_at()) else { return Ok(None) };
    let Some(coder) = fold.coder(db, &event.coder_id)? else { return Ok(None) };
    let is_left = coder.parent() == Some(parent_id) && !coder.is_finished();
    let is_before = coder.last_activity().is_some_and(|last| last <= ended_at);
    Ok((is_left && is_before).then(|| end_of(&event.coder_id, coder.status(), ended_at)))
}

fn end_of(id: &str, status: Status, at: Time) -> Draft {
    // As Claude Code and Copilot key the end of a subagent by what it says (source/coder.rs): it may be told itself a moment later.
    let key = Key::Repeat(id.replacen('/', ":agent:", 1) + ":stopped");
    let end = Draft::lifecycle(id, EventType::Stopped, status.name(), "", REASON);
    Draft { key, timestamp: Some(at), ..end }
}

fn is_end(event: &Event) -> bool {
    match (event.kind, &event.body) {
        (EventType::Stopped, _) => true,
        (EventType::Failed, Body::Lifecycle(failed)) => failed.reason.as_deref() == Some(Process::GONE),
        _ => false,
    }
}
