//! Drafts whose condition did not hold a moment ago: a payload fed again is judged as it was the first time, not by what came
//! of it since. What is remembered is the report, not the fact: two prompts without ids have one key, and the second may
//! find the coder at rest where the first found it at work.

use rusqlite::{Connection, params};

use crate::{
    event::{Checked, Key, Time},
    history::store::rows::StoredId,
};

pub fn contains(db: &Connection, checked: &Checked) -> rusqlite::Result<bool> {
    let (Some(report), Some(_)) = (report_of(checked), &checked.only_if) else { return Ok(false) };
    let since = checked.event().received_at.plus(-Key::REPEAT_WITHIN);
    let span = since.floor(Key::REPEAT_WITHIN);
    db.prepare_cached("SELECT 1 FROM unmet WHERE span IN (?, ?) AND id = ? AND received > ?")?.exists(params![
        span.micros(),
        span.plus(Key::REPEAT_WITHIN).micros(),
        StoredId(Key::id_of(&report)),
        since.micros()
    ])
}

pub fn remember(db: &Connection, checked: &Checked) -> rusqlite::Result<()> {
    let Some(report) = report_of(checked) else { return Ok(()) };
    let received = checked.event().received_at;
    let span = received.floor(Key::REPEAT_WITHIN);
    db.prepare_cached("INSERT OR REPLACE INTO unmet (span, id, received) VALUES (?, ?, ?)")?
        .execute(params![span.micros(), StoredId(Key::id_of(&report)), received.micros()])
        .map(drop)
}

/// Those that are too long ago to be fed again.
pub fn forget(db: &Connection, now: Time) -> rusqlite::Result<()> {
    let span = now.plus(-Key::REPEAT_WITHIN).floor(Key::REPEAT_WITHIN);
    db.prepare_cached("DELETE FROM unmet WHERE span < ?")?.execute([span.micros()]).map(drop)
}

/// By what a report is known: the key of its fact, and all that it says.
fn report_of(checked: &Checked) -> Option<String> {
    match &checked.key {
        Key::Repeat(key) | Key::Natural(key) | Key::Either { natural: key, .. } => Some(format!("{key}\n{}", checked.stored())),
        Key::Several { ids, .. } => Some(format!("{}\n{}", ids.join(" "), checked.stored())),
        Key::Id(_) | Key::None => None,
    }
}
