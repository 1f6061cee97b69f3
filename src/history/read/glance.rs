//! A look at the body of an event as it is stored, which tells most of those apart that cannot have a text.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::{event::DataKey, history::store::zone::ZONE_BITS, text::CaselessJson};

/// Passes over events that cannot have a text, without reading them: where neither the body as it is stored has it, nor
/// any later report adds to them. What it lets through still has to be matched.
pub struct Glance {
    sought: GlanceFor,
    /// Facts in the zone of this number that later reports add to.
    completed: (Option<u64>, HashSet<u64>),
}

enum GlanceFor {
    /// In whatever case.
    Text(CaselessJson),
    /// As it is written.
    Key(String),
}

impl Glance {
    pub fn for_text(text: &str) -> Glance {
        Glance { sought: GlanceFor::Text(CaselessJson::new(text)), completed: (None, HashSet::new()) }
    }

    /// For steps that failed: it is a key of their data.
    pub fn for_failure() -> Glance {
        let written = format!("\"{}\":true", DataKey::Failed.name());
        Glance { sought: GlanceFor::Key(written), completed: (None, HashSet::new()) }
    }

    pub fn may_match(&mut self, db: &Connection, seq: u64, body: &str) -> rusqlite::Result<bool> {
        let is_there = match &self.sought {
            GlanceFor::Text(text) => text.may_be_in(body),
            GlanceFor::Key(written) => body.contains(written.as_str()),
        };
        Ok(is_there || self.is_completed(db, seq)?)
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
