//! Events of which nothing can be read, since somebody wrote into their rows: they leave the history, and what stands there is
//! kept as a rejection.

use rusqlite::{
    Connection, Row,
    types::{Value, ValueRef},
};

use crate::{
    event::Time,
    history::{
        record::{Rejection, identity, reject},
        store::{
            error::readable,
            id::Tag,
            rows::{self, CoderIds, EVENT_COLUMNS, column},
        },
    },
    text::Redactor,
};

/// Sets aside all of them; how many there were.
pub fn set_all_aside(db: &Connection, redactor: &Redactor, now: Time) -> rusqlite::Result<u64> {
    let mut ids = CoderIds::default();
    let mut found = Vec::new();
    rows::each(db, &format!("SELECT {EVENT_COLUMNS} FROM event"), |row| {
        // An event of an unknown coder can be read: it gets one.
        let read = rows::event(row, Tag(0), |no| Ok(readable(ids.get(db, no))?.unwrap_or_default()));
        if readable(read)?.is_none() {
            found.push(row.get::<_, i64>(column::SEQ)?);
        }
        Ok(())
    })?;
    found.iter().try_for_each(|&seq| set_aside(db, seq, redactor, now))?;
    Ok(found.len() as u64)
}

/// The event at `seq` leaves the history; its other ids do too.
pub fn set_aside(db: &Connection, seq: i64, redactor: &Redactor, now: Time) -> rusqlite::Result<()> {
    let input = db
        .prepare_cached(&format!("DELETE FROM event WHERE seq = ? RETURNING {EVENT_COLUMNS}"))?
        .query_row([seq], |row| Ok(told(row)))?;
    if let Ok(seq) = u64::try_from(seq) {
        identity::forget(db, seq)?;
    }
    let reason = format!("nothing could be read of event {seq}, which somebody else wrote into: it was taken out");
    reject::keep(db, redactor, now, &Rejection { source: "check".to_owned(), reason, input })
}

/// Its columns, whatever they hold.
fn told(row: &Row<'_>) -> String {
    let shown = |value: ValueRef<'_>| match value {
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => match Value::try_from(other) {
            Ok(Value::Integer(number)) => number.to_string(),
            _ => "?".to_owned(),
        },
    };
    let columns = EVENT_COLUMNS.split(", ").enumerate();
    let columns = columns.filter_map(|(index, name)| Some(format!("{name}: {}", shown(row.get_ref(index).ok()?))));
    columns.collect::<Vec<_>>().join(", ")
}
