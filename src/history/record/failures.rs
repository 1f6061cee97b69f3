//! What the alert rule remembers: when each coder failed, and which of it an alert told.

use rusqlite::{Connection, params};

use crate::{
    aggregate::{self, Failures},
    event::Event,
};

/// Remembers that `cause` is a failure; how many there are with it.
pub fn remember(db: &Connection, coder: i64, cause: &Event) -> rusqlite::Result<Failures> {
    let at = cause.timestamp.micros();
    db.prepare_cached("INSERT INTO failure (seq, coder, at) VALUES (?, ?, ?)")?.execute(params![cause.seq, coder, at])?;
    let count = |condition: &str| -> rusqlite::Result<u64> {
        db.prepare_cached(&format!("SELECT count(*) FROM failure WHERE coder = ? AND at BETWEEN ? AND ? {condition}"))?
            .query_row(params![coder, at - aggregate::FAILURE_WINDOW, at], |row| row.get(0))
    };
    let since_alert = count("AND alerted = 0")?;
    let all = if since_alert < aggregate::FAILURES_FOR_ALERT { since_alert } else { count("")? };
    Ok(Failures { all, since_alert })
}

/// An alert tells of those of the coder. Not of each anew: who fails a thousand times would rewrite a thousand rows each third time.
pub fn settle(db: &Connection, coder: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE failure SET alerted = 1 WHERE coder = ? AND alerted = 0")?.execute([coder]).map(drop)
}
