//! Rows and what they mean: events, ids, aggregates.

use std::collections::HashMap;

use rusqlite::{
    Connection, OptionalExtension, Row,
    types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::event::{Event, EventType, Key, Time};

use super::{error::Error, id::Tag};

/// The columns that [`EventRow::read`] takes, in its order.
pub const EVENT_COLUMNS: &str = "seq, coder, type, at, received, id, completes, body";

/// An event as it lies in the table, its body still text, which is only borrowed where it is parsed at once.
pub struct EventRow<B = String> {
    pub seq: u64,
    pub coder: i64,
    pub kind: EventType,
    pub at: Time,
    received: Time,
    id: Option<StoredId>,
    pub completes: Option<u64>,
    body: B,
}

impl EventRow {
    pub fn read(row: &Row<'_>) -> rusqlite::Result<EventRow> {
        Self::with_body(row, row.get(7)?)
    }
}

impl<'r> EventRow<&'r str> {
    pub fn borrow(row: &'r Row<'_>) -> rusqlite::Result<EventRow<&'r str>> {
        Self::with_body(row, row.get_ref(7)?.as_str()?)
    }
}

impl<B: AsRef<str>> EventRow<B> {
    fn with_body(row: &Row<'_>, body: B) -> rusqlite::Result<EventRow<B>> {
        Ok(EventRow {
            seq: row.get(0)?,
            coder: row.get(1)?,
            kind: kind(row, 2)?,
            at: Time::from_micros(row.get(3)?),
            received: Time::from_micros(row.get(4)?),
            id: row.get(5)?,
            completes: row.get(6)?,
            body,
        })
    }

    pub fn into_event(self, tag: Tag, coder_id: String) -> rusqlite::Result<Event> {
        let mut event = Event {
            seq: self.seq,
            id: self.id.map_or_else(|| tag.id(self.received, self.seq), |id| id.0),
            kind: self.kind,
            coder_id,
            coder_name: None,
            timestamp: self.at,
            received_at: self.received,
            source: None,
            body: self.kind.body(),
            data: crate::event::Data::new(),
            completes: self.completes,
        };
        event.fill_from_stored(self.body.as_ref()).map_err(|invalid| Error::damaged("event", invalid))?;
        Ok(event)
    }
}

/// The type in column `index`.
pub fn kind(row: &Row<'_>, index: usize) -> rusqlite::Result<EventType> {
    let code: u8 = row.get(index)?;
    EventType::from_code(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(index, code.into()))
}

/// An id in the form it is stored: UUIDs take 16 bytes instead of 36.
pub struct StoredId(pub String);

impl ToSql for StoredId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match Uuid::try_parse(&self.0) {
            // Other spellings of the same UUID are other ids.
            Ok(uuid) if uuid.to_string() == self.0 => Ok(uuid.as_bytes().to_vec().into()),
            _ => Ok(self.0.as_str().into()),
        }
    }
}

impl FromSql for StoredId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<StoredId> {
        match value {
            ValueRef::Blob(bytes) => {
                let uuid = Uuid::from_slice(bytes).map_err(|error| rusqlite::types::FromSqlError::Other(Box::new(error)))?;
                Ok(StoredId(uuid.to_string()))
            }
            _ => Ok(StoredId(String::column_result(value)?)),
        }
    }
}

/// As much of a hash as tells what was said within ten seconds apart.
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

/// Beyond this many the memory starts again, so that it stays bounded.
const CODER_IDS_MAX: usize = 100_000;

impl CoderIds {
    pub fn get(&mut self, db: &Connection, no: i64) -> rusqlite::Result<String> {
        if let Some(id) = self.0.get(&no) {
            return Ok(id.clone());
        }
        let id: String = db.prepare_cached("SELECT id FROM coder WHERE no = ?")?.query_row([no], |row| row.get(0))?;
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
    db.prepare_cached("SELECT seq FROM event WHERE id = ?")?.query_row([StoredId(id.to_owned())], |row| row.get(0)).optional()
}

/// One event as it was recorded.
pub fn find_event(db: &Connection, tag: Tag, ids: &mut CoderIds, seq: u64) -> rusqlite::Result<Option<Event>> {
    let row = db
        .prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM event WHERE seq = ?"))?
        .query_row([seq], EventRow::read)
        .optional()?;
    row.map(|row| {
        let coder_id = ids.get(db, row.coder)?;
        row.into_event(tag, coder_id)
    })
    .transpose()
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
        let row = EventRow::borrow(row)?;
        if let Some(fact) = facts.iter_mut().find(|fact| Some(fact.seq) == row.completes) {
            let coder_id = ids.get(db, row.coder)?;
            fact.complete_with(&row.into_event(tag, coder_id)?);
        }
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
