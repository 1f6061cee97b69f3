//! A look at the body of an event as it is stored, which tells most of those apart that cannot have a text.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::{event::DataKey, history::store::zone::ZONE_BITS};

/// Passes over events that cannot have a text, without reading them: where neither the body as it is stored has it, nor
/// any later report adds to them. What it lets through still has to be matched.
pub struct Glance {
    /// The text in lower case; `None` where what is stored may spell it otherwise.
    text: Option<String>,
    /// Facts in the zone of this number that later reports add to.
    completed: (Option<u64>, HashSet<u64>),
}

impl Glance {
    pub fn for_text(text: &str) -> Glance {
        // JSON writes these as they are, and lower case changes no others into them but a few that are no ASCII.
        let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'));
        Glance { text: is_plain.then(|| text.to_ascii_lowercase()), completed: (None, HashSet::new()) }
    }

    /// For steps that failed: it is a key of their data.
    pub fn for_failure() -> Glance {
        Glance { text: Some(format!("\"{}\":true", DataKey::Failed.name())), completed: (None, HashSet::new()) }
    }

    pub fn may_match(&mut self, db: &Connection, seq: u64, body: &str) -> rusqlite::Result<bool> {
        let Some(text) = &self.text else { return Ok(true) };
        Ok(!body.is_ascii() || has(body, text) || self.is_completed(db, seq)?)
    }

    fn is_completed(&mut self, db: &Connection, seq: u64) -> rusqlite::Result<bool> {
        let zone = seq >> ZONE_BITS;
        if self.completed.0 != Some(zone) {
            let (least, most) = (zone << ZONE_BITS, ((zone + 1) << ZONE_BITS) - 1);
            let mut statement =
                db.prepare_cached("SELECT completes FROM event WHERE completes BETWEEN ? AND ? AND completes IS NOT NULL")?;
            let facts = statement.query_map([least, most], |row| row.get(0))?;
            self.completed = (Some(zone), facts.collect::<rusqlite::Result<_>>()?);
        }
        Ok(self.completed.1.contains(&seq))
    }
}

/// Whether `text` has `wanted`, which is in lower case, in any case; both are ASCII.
fn has(text: &str, wanted: &str) -> bool {
    let Some(&first) = wanted.as_bytes().first() else { return true };
    let other = first.to_ascii_uppercase();
    let starts = text.bytes().enumerate().filter(|&(_, byte)| byte == first || byte == other);
    starts.map(|(start, _)| start).any(|start| {
        text.as_bytes().get(start..start + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
    })
}
