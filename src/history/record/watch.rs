//! Whom coders wait for: kept until it stands as they wait for, or they have waited long enough. Looked at by the waiting coder's own
//! hook, and then only where something has happened to the other one, or a minute has passed.

use rusqlite::{Connection, params};

use crate::{
    aggregate::{Coder, Until},
    event::{EventType, Micros, Time},
    history::store::{Error, Options, rows},
};

use super::{
    news::{self, NewsKey, NewsKind},
    writer::Writer,
};

/// That somebody has fallen asleep, no event tells.
const LOOK_EVERY: Micros = Time::MINUTE;
/// Coders that one waits for.
const WATCHES_MAX: u64 = 20;

/// Whether a coder's hook will tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchReply {
    Watched,
    /// Its hooks tell it nothing: see `setup --tell`.
    Deaf,
    /// It waits for as many already as it may.
    TooMany,
}

/// What is due of the watches of the coder in the row of `coder` around it; its parameters are `now` and a minute before.
pub const IS_DUE: &str = "EXISTS (
    SELECT 1 FROM watch WHERE watch.coder = coder.no
    AND (ends <= ?2 OR looked <= ?3 OR cursor < (SELECT max(seq) FROM event WHERE event.coder = watch.other)))";

/// The third parameter of [`IS_DUE`].
pub fn looked_before(now: Time) -> Micros {
    now.plus(-LOOK_EVERY).micros()
}

impl Writer {
    /// Has `coder_id` told once `other` stands as `until` says, or at `ends`. What it waited for `other` before is over.
    ///
    /// # Errors
    /// Where the history cannot be written.
    pub fn watch(&mut self, coder_id: &str, other: &str, until: &[String], ends: Time) -> Result<WatchReply, Error> {
        let now = self.now();
        self.transact(|db| {
            let no = |id: &str, which: &str| -> rusqlite::Result<Option<i64>> {
                let sql = format!("SELECT max(no) FROM coder WHERE id = ? {which}");
                db.query_row(&sql, [id], |row| row.get(0))
            };
            let Some((waiting, other)) = no(coder_id, "AND told_at IS NOT NULL")?.zip(no(other, "")?) else {
                return Ok(WatchReply::Deaf);
            };
            db.execute("DELETE FROM watch WHERE coder = ? AND other = ?", [waiting, other])?;
            let count: u64 = db.query_row("SELECT count(*) FROM watch WHERE coder = ?", [waiting], |row| row.get(0))?;
            if count >= WATCHES_MAX {
                return Ok(WatchReply::TooMany);
            }
            let cursor: u64 = db.query_row("SELECT head FROM ledger", [], |row| row.get(0))?;
            db.execute(
                "INSERT INTO watch (coder, other, until, cursor, looked, ends) VALUES (?, ?, ?, ?, ?, ?)",
                params![waiting, other, rows::json(&until), cursor, now.micros(), ends.micros()],
            )?;
            Ok(WatchReply::Watched)
        })
    }
}

/// Looks after all that the coder numbered `waiting` waits for; what is over becomes news.
pub fn look(db: &Connection, options: &Options, waiting: i64, now: Time) -> rusqlite::Result<()> {
    let watches: Vec<(i64, String, u64, Micros)> = db
        .prepare_cached("SELECT other, until, cursor, ends FROM watch WHERE coder = ?")?
        .query_map([waiting], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (other, until, cursor, ends) in watches {
        let is_met = is_met(db, options, (other, &until, cursor), now)?;
        if is_met || ends <= now.micros() {
            let kind = if is_met { NewsKind::Awaited } else { NewsKind::InVain };
            db.prepare_cached("DELETE FROM watch WHERE coder = ? AND other = ?")?.execute([waiting, other])?;
            news::note(db, waiting, NewsKey { kind, about: other, other: 0 }, now, 0)?;
        } else {
            db.prepare_cached("UPDATE watch SET cursor = (SELECT head FROM ledger), looked = ? WHERE coder = ? AND other = ?")?
                .execute(params![now.micros(), waiting, other])?;
        }
    }
    Ok(())
}

fn is_met(db: &Connection, options: &Options, (other, until, cursor): (i64, &str, u64), now: Time) -> rusqlite::Result<bool> {
    let words: Vec<String> = serde_json::from_str(until).unwrap_or_default();
    let Ok(Some(until)) = Until::parse(&words) else { return Ok(false) };
    let mut states = db.prepare_cached("SELECT id, state FROM coder WHERE no = ?")?;
    let mut states = states.query([other])?;
    let Some(row) = states.next()? else { return Ok(false) };
    let (id, state): (String, Coder) = (row.get(0)?, rows::aggregate(row, 1)?);
    if until.is_met_by_state(&state.view(&id, now, &options.prices, 0, Vec::new())) {
        return Ok(true);
    }
    let mut newer = db.prepare_cached("SELECT type FROM event WHERE coder = ? AND seq > ? AND completes IS NULL")?;
    let mut newer = newer.query(params![other, cursor])?;
    while let Some(row) = newer.next()? {
        if EventType::from_code(row.get(0)?).is_some_and(|kind| until.is_met_by_event(kind)) {
            return Ok(true);
        }
    }
    Ok(false)
}
