//! Which fact a report is of: the one rule by which reports of several channels become one event.
//!
//! A report knows its fact by ids of the agent's world (natural), or only by what it says and when (repeat), or by both.
//! Two reports are of one fact where their natural ids are equal, or where they repeat each other within ten seconds of
//! event time and not both have natural ids.

use rusqlite::{Connection, OptionalExtension, params};

use crate::event::{Checked, Event, Key, Micros, Time};

use super::{
    id::Tag,
    rows::{self, RepeatId, StoredId},
};

pub(super) enum Identity {
    /// The id to store; none where it follows from the seq.
    New(Option<String>),
    /// Seq and id of the first report.
    Seen(u64, String),
}

pub(super) fn recognise(db: &Connection, tag: Tag, checked: &Checked) -> rusqlite::Result<Identity> {
    let at = checked.event().timestamp;
    match &checked.key {
        Key::None => Ok(Identity::New(None)),
        Key::Id(id) => by_id(db, tag, id.clone()),
        Key::Natural(natural) => by_id(db, tag, Key::id_of(natural)),
        Key::Repeat(repeat) => {
            let found = repeated(db, repeat, at, Among::All)?;
            found.map_or(Ok(Identity::New(None)), |fact| seen(db, tag, fact.seq))
        }
        Key::Either { natural, repeat } => match by_id(db, tag, Key::id_of(natural))? {
            Identity::New(Some(id)) => match repeated(db, repeat, at, Among::Nameless)? {
                Some(fact) => {
                    // From now on it has a name, and another natural id is another fact.
                    name(db, &id, repeat, &fact)?;
                    seen(db, tag, fact.seq)
                }
                None => Ok(Identity::New(Some(id))),
            },
            known => Ok(known),
        },
    }
}

/// After the first report of a fact became `event`: by what else it may be known.
pub(super) fn remember(db: &Connection, key: &Key, event: &Event) -> rusqlite::Result<()> {
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

/// The facts of `seqs` are gone, which lay in these `spans`, and with them their other ids.
pub(super) fn forget(db: &Connection, seqs: &[u64], spans: impl IntoIterator<Item = Time>) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (seqs.first(), seqs.last()) else { return Ok(()) };
    for seq in seqs {
        db.prepare_cached("DELETE FROM alias WHERE seq = ?")?.execute([seq])?;
    }
    for span in spans {
        db.prepare_cached(
            "DELETE FROM repeat WHERE span = ? AND seq BETWEEN ? AND ?
             AND NOT EXISTS (SELECT 1 FROM event WHERE event.seq = repeat.seq)",
        )?
        .execute(params![span.micros(), first, last])?;
    }
    Ok(())
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

fn seen(db: &Connection, tag: Tag, seq: u64) -> rusqlite::Result<Identity> {
    let (id, received): (Option<StoredId>, Micros) = db
        .prepare_cached("SELECT id, received FROM event WHERE seq = ?")?
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Identity::Seen(seq, id.map_or_else(|| tag.id(Time::from_micros(received), seq), |id| id.0)))
}

/// Gives a nameless fact its natural id.
fn name(db: &Connection, id: &str, repeat: &str, fact: &Repeated) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO alias (id, seq, natural) VALUES (?, ?, 1)")?
        .execute(params![StoredId(id.to_owned()), fact.seq])?;
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
    let mut nearest: Option<Repeated> = None;
    for step in [0, -1, 1] {
        let span = span(at).plus(step * Key::REPEAT_WITHIN);
        let mut statement = db.prepare_cached(
            "SELECT repeat.seq, event.at, repeat.named FROM repeat JOIN event ON event.seq = repeat.seq
             WHERE repeat.span = ? AND repeat.id = ?",
        )?;
        let mut rows = statement.query(params![span.micros(), id_in(repeat, span)])?;
        while let Some(row) = rows.next()? {
            let (seq, first, named): (u64, Micros, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let apart = at.since(Time::from_micros(first)).abs();
            let may = apart < Key::REPEAT_WITHIN && !(named && among == Among::Nameless);
            if may && nearest.as_ref().is_none_or(|nearest| apart < nearest.apart) {
                nearest = Some(Repeated { apart, seq, span });
            }
        }
    }
    Ok(nearest)
}

/// The span of time in which a repeat is looked for; its neighbours hold the rest.
pub(super) fn span(at: Time) -> Time {
    at.floor(Key::REPEAT_WITHIN)
}

fn id_in(repeat: &str, span: Time) -> RepeatId {
    RepeatId::of(&format!("{repeat}@{}", span.micros()))
}
