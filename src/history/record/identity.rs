//! Which fact a report is of: the one rule by which reports of several channels become one event.
//!
//! A report knows its fact by ids of the agent's world (natural), or only by what it says and when (repeat), or by both.
//! Two reports are of one fact where their natural ids are equal, or where they repeat each other within ten seconds of
//! event time and not both have natural ids.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    event::{Checked, Event, Key, Micros, Time},
    history::store::{
        id::Tag,
        rows::{self, RepeatId, StoredId},
    },
};

pub enum Recognised {
    /// The id to store; none where it follows from the seq.
    New(Option<String>),
    /// Seq and id of the first report.
    Seen(u64, String),
}

pub fn recognise(db: &Connection, tag: Tag, checked: &Checked) -> rusqlite::Result<Recognised> {
    let at = checked.event().timestamp;
    match &checked.key {
        Key::None => Ok(Recognised::New(None)),
        Key::Id(id) => by_id(db, tag, id.clone()),
        Key::Natural(natural) => by_id(db, tag, Key::id_of(natural)),
        Key::Repeat(repeat) => {
            let found = repeated(db, repeat, at, Among::All)?;
            found.map_or(Ok(Recognised::New(None)), |fact| seen(db, tag, fact.seq))
        }
        Key::Either { natural, repeat } => match by_id(db, tag, Key::id_of(natural))? {
            Recognised::New(Some(id)) => match repeated(db, repeat, at, Among::Nameless)? {
                Some(fact) => {
                    // From now on it has a name, and another natural id is another fact.
                    name(db, &id, repeat, &fact)?;
                    seen(db, tag, fact.seq)
                }
                None => Ok(Recognised::New(Some(id))),
            },
            known => Ok(known),
        },
    }
}

/// After the first report of a fact became `event`: by what else it may be known.
pub fn remember(db: &Connection, key: &Key, event: &Event) -> rusqlite::Result<()> {
    let (repeat, named) = match key {
        Key::Either { repeat, .. } => (repeat, true),
        Key::Repeat(repeat) => (repeat, false),
        Key::None | Key::Id(_) | Key::Natural(_) => return Ok(()),
    };
    let span = span(event.timestamp);
    db.prepare_cached("INSERT OR IGNORE INTO repeat (span, id, seq, named) VALUES (?, ?, ?, ?)")?
        .execute(params![span.micros(), id_in(repeat, span), event.seq, named])
        .map(drop)
}

/// The fact goes, and with it its other ids.
pub fn forget(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM alias WHERE seq = ?")?.execute([seq])?;
    db.prepare_cached("DELETE FROM repeat WHERE seq = ?")?.execute([seq]).map(drop)
}

fn by_id(db: &Connection, tag: Tag, id: String) -> rusqlite::Result<Recognised> {
    if let Some(seq) = rows::find_fact(db, tag, &id)? {
        return Ok(Recognised::Seen(seq, id));
    }
    let alias: Option<u64> = db
        .prepare_cached("SELECT seq FROM alias WHERE id = ? AND natural = 1")?
        .query_row([StoredId(&id)], |row| row.get(0))
        .optional()?;
    Ok(match alias {
        Some(seq) => Recognised::Seen(seq, id),
        None => Recognised::New(Some(id)),
    })
}

fn seen(db: &Connection, tag: Tag, seq: u64) -> rusqlite::Result<Recognised> {
    let (id, received): (Option<StoredId<String>>, Micros) = db
        .prepare_cached("SELECT id, received FROM event WHERE seq = ?")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Recognised::Seen(seq, id.map_or_else(|| tag.id(Time::from_micros(received), seq), |id| id.0)))
}

/// Gives a nameless fact its natural id.
fn name(db: &Connection, id: &str, repeat: &str, fact: &Repeated) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO alias (id, seq, natural) VALUES (?, ?, 1)")?
        .execute(params![StoredId(id), fact.seq])?;
    db.prepare_cached("UPDATE repeat SET named = 1 WHERE span = ? AND id = ? AND seq = ?")?
        .execute(params![fact.span.micros(), id_in(repeat, fact.span), fact.seq])
        .map(drop)
}

/// Which facts a report may repeat.
#[derive(Clone, Copy, PartialEq)]
enum Among {
    All,
    /// Those that no report has named by a natural id.
    Nameless,
}

struct Repeated {
    apart: Micros,
    seq: u64,
    span: Time,
}

/// The fact nearest in time that says the same: it lies in the same span of time or a neighbouring one.
fn repeated(db: &Connection, repeat: &str, at: Time, among: Among) -> rusqlite::Result<Option<Repeated>> {
    let spans = [0, -1, 1].map(|step| span(at).plus(step * Key::REPEAT_WITHIN));
    let mut statement = db.prepare_cached(
        "SELECT found.span, found.seq, event.at, found.named
         FROM (SELECT * FROM repeat WHERE span = ?1 AND id = ?2
               UNION ALL SELECT * FROM repeat WHERE span = ?3 AND id = ?4
               UNION ALL SELECT * FROM repeat WHERE span = ?5 AND id = ?6) AS found
         JOIN event ON event.seq = found.seq",
    )?;
    let [here, before, behind] = spans.map(|span| (span.micros(), id_in(repeat, span)));
    let mut rows = statement.query(params![here.0, here.1, before.0, before.1, behind.0, behind.1])?;
    let mut nearest: Option<Repeated> = None;
    while let Some(row) = rows.next()? {
        let (span, seq, first, named): (Micros, u64, Micros, bool) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let apart = at.since(Time::from_micros(first)).abs();
        let may = apart < Key::REPEAT_WITHIN && !(named && among == Among::Nameless);
        if may && nearest.as_ref().is_none_or(|nearest| apart < nearest.apart) {
            nearest = Some(Repeated { apart, seq, span: Time::from_micros(span) });
        }
    }
    Ok(nearest)
}

/// The span of time in which a repeat is looked for; its neighbours hold the rest.
fn span(at: Time) -> Time {
    at.floor(Key::REPEAT_WITHIN)
}

fn id_in(repeat: &str, span: Time) -> RepeatId {
    RepeatId::of(&format!("{repeat}@{}", span.micros()))
}
