//! Rows and what they mean: events, ids, aggregates.

use std::collections::HashMap;

use rusqlite::{
    Connection, OptionalExtension, Row,
    types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::event::{Data, Event, EventType, Key, Time};

use super::{
    error::{Error, readable},
    id::{SEQ_MAX, Tag},
};

/// The columns of an event, by which the whole of it is read.
pub const EVENT_COLUMNS: &str = "seq, coder, type, at, received, id, completes, body";

/// Where the [`EVENT_COLUMNS`] stand in a row. Who scans looks at some of them before it reads the event: most rows are not
/// wanted, and parsing the body is what reading one costs.
pub mod column {
    pub const SEQ: usize = 0;
    pub const CODER: usize = 1;
    pub const KIND: usize = 2;
    pub const AT: usize = 3;
    pub const RECEIVED: usize = 4;
    pub const ID: usize = 5;
    pub const COMPLETES: usize = 6;
    pub const BODY: usize = 7;
}

/// The event in a row that has, first, [`EVENT_COLUMNS`]. What its coder is called stands elsewhere.
pub fn event(row: &Row<'_>, tag: Tag, coder_id: impl FnOnce(i64) -> rusqlite::Result<String>) -> rusqlite::Result<Event> {
    let (seq, kind): (u64, _) = (row.get(column::SEQ)?, kind(row, column::KIND)?);
    let (timestamp, received_at) = (time(row, column::AT)?, time(row, column::RECEIVED)?);
    if seq > SEQ_MAX {
        return Err(rusqlite::Error::IntegralValueOutOfRange(column::SEQ, seq.cast_signed()));
    }
    let id: Option<StoredId<String>> = row.get(column::ID)?;
    let mut event = Event {
        seq,
        // One that came without an id has none here: it follows from the rest.
        id: id.map_or_else(|| tag.id(received_at, seq), |id| id.0),
        kind,
        coder_id: coder_id(row.get(column::CODER)?)?,
        coder_name: None,
        timestamp,
        received_at,
        source: None,
        body: kind.body(),
        data: Data::new(),
        completes: row.get(column::COMPLETES)?,
    };
    // The text is only borrowed: it is parsed at once.
    let stored = row.get_ref(column::BODY)?.as_str()?;
    event.fill_from_stored(stored).map_err(|invalid| Error::damaged("event", invalid))?;
    Ok(event)
}

/// The type in column `index`.
pub fn kind(row: &Row<'_>, index: usize) -> rusqlite::Result<EventType> {
    let code: i64 = row.get(index)?;
    let known = u8::try_from(code).ok().and_then(EventType::from_code);
    known.ok_or(rusqlite::Error::IntegralValueOutOfRange(index, code))
}

/// A time that can be told.
fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Time> {
    let micros = row.get(index)?;
    let time = Time::from_micros(micros);
    if time.is_writable() { Ok(time) } else { Err(rusqlite::Error::IntegralValueOutOfRange(index, micros)) }
}

/// An id in the form it is stored: UUIDs take 16 bytes instead of 36.
pub struct StoredId<S>(pub S);

impl<S: AsRef<str>> ToSql for StoredId<S> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let id = self.0.as_ref();
        match Uuid::try_parse(id) {
            // Other spellings of the same UUID are other ids.
            Ok(uuid) if uuid.to_string() == id => Ok(uuid.as_bytes().to_vec().into()),
            _ => Ok(id.into()),
        }
    }
}

impl FromSql for StoredId<String> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<StoredId<String>> {
        match value {
            ValueRef::Blob(bytes) => {
                let uuid = Uuid::from_slice(bytes).map_err(|error| rusqlite::types::FromSqlError::Other(Box::new(error)))?;
                Ok(StoredId(uuid.to_string()))
            }
            _ => Ok(StoredId(String::column_result(value)?)),
        }
    }
}

/// What a fact says, as much of its hash as tells what was said within ten seconds apart.
pub struct RepeatId([u8; 8]);

impl RepeatId {
    pub fn of(text: &str) -> RepeatId {
        RepeatId(Key::hash(text).as_u64_pair().0.to_be_bytes())
    }
}

impl ToSql for RepeatId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_slice().into())
    }
}

/// The ids of coders by their numbers, read once: a coder's number never means another.
#[derive(Debug, Default)]
pub struct CoderIds(HashMap<i64, String>);

/// Ids that are remembered; where more come, memory starts again.
const CODER_IDS_MAX: usize = 100_000;

impl CoderIds {
    pub fn get(&mut self, db: &Connection, no: i64) -> rusqlite::Result<String> {
        if let Some(id) = self.0.get(&no) {
            return Ok(id.clone());
        }
        let found = db.prepare_cached("SELECT id FROM coder WHERE no = ?")?.query_row([no], |row| row.get(0)).optional()?;
        // An event of a coder that is not there.
        let id: String = found.ok_or(rusqlite::Error::IntegralValueOutOfRange(column::CODER, no))?;
        if self.0.len() >= CODER_IDS_MAX {
            self.0.clear();
        }
        self.0.insert(no, id.clone());
        Ok(id)
    }
}

/// The seq of the fact that has this id, if it is retained.
pub fn find_fact(db: &Connection, tag: Tag, id: &str) -> rusqlite::Result<Option<u64>> {
    if let Some(seq) = tag.seq(id) {
        let received: Option<i64> = db
            .prepare_cached("SELECT received FROM event WHERE seq = ? AND id IS NULL")?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        if received.is_some_and(|received| tag.id(Time::from_micros(received), seq) == id) {
            return Ok(Some(seq));
        }
    }
    db.prepare_cached("SELECT seq FROM event WHERE id = ?")?.query_row([StoredId(id)], |row| row.get(0)).optional()
}

/// One event as it was recorded, where it can be read.
pub fn find_event(db: &Connection, tag: Tag, ids: &mut CoderIds, seq: u64) -> rusqlite::Result<Option<Event>> {
    let found = db
        .prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM event WHERE seq = ?"))?
        .query_row([seq], |row| readable(event(row, tag, |no| ids.get(db, no))))
        .optional()?;
    Ok(found.flatten())
}

/// Adds to each of `facts` what later reports brought. `facts` lie between seqs `least` and `most`, in any order.
pub fn complete(db: &Connection, tag: Tag, ids: &mut CoderIds, facts: &mut [Event]) -> rusqlite::Result<()> {
    let Some(least) = facts.iter().map(|fact| fact.seq).min() else { return Ok(()) };
    let most = facts.iter().map(|fact| fact.seq).max().unwrap_or(least);
    let mut statement = db.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM event WHERE completes BETWEEN ? AND ? AND completes IS NOT NULL ORDER BY completes, seq"
    ))?;
    let mut later = statement.query([least, most])?;
    while let Some(row) = later.next()? {
        let completes: u64 = row.get(column::COMPLETES)?;
        if let Some(fact) = facts.iter_mut().find(|fact| fact.seq == completes)
            && let Some(later) = readable(event(row, tag, |no| ids.get(db, no)))?
        {
            fact.complete_with(&later);
        }
    }
    Ok(())
}

/// Calls `visit` with each row.
pub fn each(db: &Connection, sql: &str, mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}

/// The aggregate in column `index`.
pub fn aggregate<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    parse(row.get_ref(index)?.as_str()?)
}

/// The aggregate in column `index`, absent where that is null.
pub fn aggregate_or_default<T: DeserializeOwned + Default>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    row.get_ref(index)?.as_str_or_null()?.map_or_else(|| Ok(T::default()), parse)
}

fn parse<T: DeserializeOwned>(stored: &str) -> rusqlite::Result<T> {
    serde_json::from_str(stored).map_err(|error| Error::damaged("aggregate", error))
}

/// An aggregate in its stored form.
pub fn json(aggregate: &impl Serialize) -> String {
    serde_json::to_string(aggregate).expect("aggregates have text keys and plain values")
}
