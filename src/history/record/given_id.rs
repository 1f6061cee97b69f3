//! Ids that senders give, where they could be computed: whoever knows what a fact's id is computed from can send an event with
//! it first. Such an event is the fact only of the coder and the type that it says; to all others it hides nothing.

use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::{
    event::{Checked, Event, EventType, Key},
    history::store::{error::readable, rows},
};

/// The event at `seq` was recorded with `key`.
pub fn remember(db: &Connection, key: &Key, seq: u64) -> rusqlite::Result<()> {
    match key {
        Key::Id(id) if is_computable(id) => {
            db.prepare_cached("INSERT OR IGNORE INTO given (seq) VALUES (?)")?.execute([seq]).map(drop)
        }
        _ => Ok(()),
    }
}

/// The event goes, or a source has told the fact as it was sent: from then on it is as any other.
pub fn forget(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM given WHERE seq = ?")?.execute([seq]).map(drop)
}

/// Whether the event at `seq`, which has an id of the report's, is of the same fact.
pub fn is_of_one_fact(db: &Connection, seq: u64, report: &Checked) -> rusqlite::Result<bool> {
    let given = db.prepare_cached("SELECT 1 FROM given WHERE seq = ?")?.exists([seq])?;
    let is_sent = matches!(report.key, Key::Id(_));
    // Sources agree on what their keys are of: a copy of a call is another coder's.
    if !given && !is_sent {
        return Ok(true);
    }
    let (coder, kind) = whose(db, seq)?;
    let event = report.event();
    let is_alike = kind == Some(event.kind) && coder.as_deref() == Some(event.coder_id.as_str());
    if is_alike && given && !is_sent {
        forget(db, seq)?;
    }
    // Which coder of a pair is warned of depends on who came last.
    let is_raised = !given && kind == Some(event.kind) && event.kind.is_derived();
    Ok(is_alike || is_raised)
}

/// What stands for the fact where `id`, which is computed of it, is another's: the same wherever it is copied to.
pub fn beside(id: &str, event: &Event) -> String {
    Key::id_of(&format!("beside:{id}:{}:{}", event.kind, event.coder_id))
}

fn whose(db: &Connection, seq: u64) -> rusqlite::Result<(Option<String>, Option<EventType>)> {
    db.prepare_cached("SELECT coder.id, event.type FROM event LEFT JOIN coder ON coder.no = event.coder WHERE seq = ?")?
        .query_row([seq], |row| Ok((row.get(0)?, readable(rows::kind(row, 1))?)))
        .optional()
        .map(Option::unwrap_or_default)
}

/// Whether [`Key::id_of`] could have made it: a UUID of version 5.
fn is_computable(id: &str) -> bool {
    Uuid::try_parse(id).is_ok_and(|uuid| uuid.get_version_num() == 5)
}
