//! Which fact a report is of: the one rule by which reports of several channels become one event.
//!
//! A report knows its fact by ids of the agent's world (natural), or only by what it says and when (repeat), or by both.
//! Two reports are of one fact where their natural ids are equal, or where they repeat each other within ten seconds of
//! event time and not both have natural ids.

use rusqlite::{Connection, OptionalExtension, params};

use crate::event::{Checked, Event, Key, Micros, Time};

use super::{
    id::Tag,
    rows::{self, StoredId},
};

pub(super) enum Identity {
    /// The id to store; none where it follows from the seq.
    New(Option<String>),
    /// Seq and id of the first report.
    Seen(u64, String),
}

pub(super) fn recognise(db: &Connection, tag: Tag, checked: &Checked) -> rusqlite::Result<Identity> {
    let event = checked.event();
    match &checked.key {
        Key::None => Ok(Identity::New(None)),
        Key::Id(id) => by_id(db, tag, id.clone()),
        Key::Natural(natural) => by_id(db, tag, Key::id_of(natural)),
        Key::Repeat(repeat) => {
            let found = repeated(db, repeat, event.timestamp, Among::All)?;
            Ok(found
                .map_or_else(|| Identity::New(Some(id_in(repeat, span(event.timestamp)))), |(seq, id)| Identity::Seen(seq, id)))
        }
        Key::Either { natural, repeat } => match by_id(db, tag, Key::id_of(natural))? {
            Identity::New(Some(id)) => match repeated(db, repeat, event.timestamp, Among::Nameless)? {
                Some((seq, first)) => {
                    // From now on it has a name, and another natural id is another fact.
                    keep(db, &id, seq, true)?;
                    Ok(Identity::Seen(seq, first))
                }
                None => Ok(Identity::New(Some(id))),
            },
            known => Ok(known),
        },
    }
}

/// After the first report of a fact became `event`: by what else it may be known.
pub(super) fn remember(db: &Connection, key: &Key, event: &Event) -> rusqlite::Result<()> {
    match key {
        Key::Either { repeat, .. } => keep(db, &id_in(repeat, span(event.timestamp)), event.seq, false),
        _ => Ok(()),
    }
}

/// The fact goes, and with it its other ids.
pub(super) fn forget(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM alias WHERE seq = ?")?.execute([seq]).map(drop)
}

fn by_id(db: &Connection, tag: Tag, id: String) -> rusqlite::Result<Identity> {
    if let Some(seq) = rows::find_fact(db, tag, &id)? {
        return Ok(Identity::Seen(seq, id));
    }
    let alias: Option<u64> = db
        .prepare_cached("SELECT seq FROM alias WHERE id = ? AND natural = 1")?
        .query_row([StoredId(id.clone())], |row| row.get(0))
        .optional()?;
    Ok(alias.map_or_else(|| Identity::New(Some(id.clone())), |seq| Identity::Seen(seq, id.clone())))
}

fn keep(db: &Connection, id: &str, seq: u64, natural: bool) -> rusqlite::Result<()> {
    let id = StoredId(id.to_owned());
    db.prepare_cached("INSERT OR IGNORE INTO alias (id, seq, natural) VALUES (?, ?, ?)")?
        .execute(params![id, seq, natural])
        .map(drop)
}

/// Which facts a report may repeat.
#[derive(Clone, Copy, PartialEq)]
enum Among {
    All,
    /// Those that no report has named by a natural id.
    Nameless,
}

/// The fact nearest in time that says the same. Its id changes with each span of time, so it lies in this one or a neighbour.
fn repeated(db: &Connection, repeat: &str, at: Time, among: Among) -> rusqlite::Result<Option<(u64, String)>> {
    let mut nearest: Option<(Micros, u64, String)> = None;
    for step in [0, -1, 1] {
        let id = id_in(repeat, span(at).plus(step * Key::REPEAT_WITHIN));
        let mut statement = db.prepare_cached(
            "SELECT seq, at, EXISTS (SELECT 1 FROM alias WHERE alias.seq = event.seq AND natural = 1) FROM event WHERE id = ?1
             UNION ALL SELECT event.seq, event.at, 1 FROM alias JOIN event USING (seq) WHERE alias.id = ?1 AND natural = 0",
        )?;
        let mut rows = statement.query([StoredId(id.clone())])?;
        while let Some(row) = rows.next()? {
            let (seq, first, named): (u64, Micros, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let apart = at.since(Time::from_micros(first)).abs();
            let may = apart < Key::REPEAT_WITHIN && !(named && among == Among::Nameless);
            if may && nearest.as_ref().is_none_or(|(least, ..)| apart < *least) {
                nearest = Some((apart, seq, id.clone()));
            }
        }
    }
    Ok(nearest.map(|(_, seq, id)| (seq, id)))
}

fn span(at: Time) -> Time {
    at.floor(Key::REPEAT_WITHIN)
}

fn id_in(repeat: &str, span: Time) -> String {
    Key::id_of(&format!("{repeat}@{}", span.micros()))
}
