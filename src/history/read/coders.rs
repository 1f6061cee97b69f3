//! Coders as readers ask for them: one, some, their ids, the ids most like a wrong one.

use std::cmp::Reverse;

use rusqlite::{OptionalExtension, Row};

use crate::{
    aggregate::{Coder, CoderView},
    event::{Process, Status},
    history::store::{Error, rows},
};

use super::{
    conflicts,
    handles::Handles,
    reader::{Reader, Snapshot},
};

/// Which coders; most recently active first.
#[derive(Clone, Debug, Default)]
pub struct CodersQuery {
    /// Any of these; empty: all.
    pub statuses: Vec<Status>,
    pub needs_attention: bool,
    /// How many at most; 0: no limit.
    pub limit: usize,
}

/// An unfinished coder and the process it lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    pub coder_id: String,
    pub status: Status,
    pub process: Process,
    /// The tool's call that is at work.
    pub tool: Option<String>,
}

/// How many ids are compared with a wrong one: enough to help, and quick among any number of coders.
const COMPARED_MAX: usize = 10_000;

impl Reader {
    /// # Errors
    /// Where the history cannot be read; so everywhere below.
    pub fn coder(&mut self, id: &str) -> Result<Option<CoderView>, Error> {
        self.read(None, |snapshot| {
            let row = snapshot
                .db
                .prepare_cached("SELECT no, id, state FROM coder WHERE id = ?")?
                .query_row([id], CoderRecord::read)
                .optional()?;
            let handles = snapshot.handles()?;
            row.map(|row| row.view(snapshot, &handles)).transpose()
        })
    }

    pub fn coders(&mut self, query: &CodersQuery) -> Result<Vec<CoderView>, Error> {
        self.read(Vec::new(), |snapshot| {
            let mut views = Vec::new();
            let handles = snapshot.handles()?;
            visit_by_activity(snapshot, |snapshot, row| {
                let has_status = query.statuses.is_empty() || query.statuses.contains(&row.state.status());
                // Most need none, and a view of each would cost several times what reading them does.
                if has_status && (!query.needs_attention || row.may_need_attention(snapshot)?) {
                    let view = row.view(snapshot, &handles)?;
                    if !query.needs_attention || !view.needs_attention.is_empty() {
                        views.push(view);
                    }
                }
                Ok(query.limit == 0 || views.len() < query.limit)
            })?;
            Ok(views)
        })
    }

    /// The coders that work for this one, in the order in which they came.
    pub fn subagents(&mut self, parent: &str) -> Result<Vec<CoderView>, Error> {
        self.read(Vec::new(), |snapshot| {
            let handles = snapshot.handles()?;
            // States that name it are few: they are found without reading the others.
            let mut statement =
                snapshot.db.prepare_cached("SELECT no, id, state FROM coder WHERE instr(state, ?) > 0 ORDER BY no")?;
            let mut rows = statement.query([rows::json(&parent)])?;
            let mut views = Vec::new();
            while let Some(row) = rows.next()? {
                let row = CoderRecord::read(row)?;
                if row.state.parent() == Some(parent) && row.id != parent {
                    views.push(row.view(snapshot, &handles)?);
                }
            }
            Ok(views)
        })
    }

    /// Ids of unfinished coders, most recently active first.
    pub fn unfinished(&mut self, limit: usize) -> Result<Vec<String>, Error> {
        self.ids("SELECT id FROM coder WHERE finished = 0 ORDER BY last DESC, no DESC LIMIT ?", limit)
    }

    /// Unfinished coders whose process is known, most recently active first.
    pub fn living(&mut self, limit: usize) -> Result<Vec<Living>, Error> {
        self.read(Vec::new(), |snapshot| {
            let mut statement =
                snapshot.db.prepare_cached("SELECT no, id, state FROM coder WHERE finished = 0 ORDER BY last DESC LIMIT ?")?;
            let mut rows = statement.query([limit])?;
            let mut living = Vec::new();
            while let Some(row) = rows.next()? {
                let CoderRecord { id, state, .. } = CoderRecord::read(row)?;
                if let Some(process) = state.process() {
                    let tool = state.tool_at_work().map(|tool| tool.call);
                    living.push(Living { coder_id: id, status: state.status(), process: process.clone(), tool });
                }
            }
            Ok(living)
        })
    }

    /// Ids that start with `prefix`, in their order.
    pub fn coder_ids(&mut self, prefix: &str, limit: usize) -> Result<Vec<String>, Error> {
        self.read(Vec::new(), |snapshot| {
            let mut statement = snapshot.db.prepare_cached("SELECT id FROM coder WHERE id >= ? ORDER BY id")?;
            let mut rows = statement.query([prefix])?;
            let mut ids: Vec<String> = Vec::new();
            while let Some(row) = rows.next()?
                && ids.len() < limit
            {
                let id: String = row.get(0)?;
                if !id.starts_with(prefix) {
                    break;
                }
                ids.push(id);
            }
            Ok(ids)
        })
    }

    /// The known ids most like `wrong`, best first.
    pub fn nearest_coders(&mut self, wrong: &str, limit: usize) -> Result<Vec<String>, Error> {
        let mut ids = self.ids("SELECT id FROM coder ORDER BY finished, last DESC LIMIT ?", COMPARED_MAX)?;
        // An id that contains what was asked for is meant, however long it is.
        let likeness = |id: &String| if id.contains(wrong) { 2.0 } else { strsim::jaro_winkler(id, wrong) };
        // Each is compared once; what is less alike than a millionth is told apart by activity.
        ids.sort_by_cached_key(|id| Reverse((likeness(id) * 1e6) as u32));
        ids.truncate(limit);
        Ok(ids)
    }

    fn ids(&mut self, sql: &str, limit: usize) -> Result<Vec<String>, Error> {
        self.read(Vec::new(), |snapshot| {
            let mut statement = snapshot.db.prepare_cached(sql)?;
            let ids = statement.query_map([limit], |row| row.get::<_, String>(0))?;
            ids.collect()
        })
    }
}

/// A row of `coder`.
pub struct CoderRecord {
    pub no: i64,
    pub id: String,
    pub state: Coder,
}

impl CoderRecord {
    /// Reads `no, id, state`.
    pub fn read(row: &Row<'_>) -> rusqlite::Result<CoderRecord> {
        Ok(CoderRecord { no: row.get(0)?, id: row.get(1)?, state: rows::aggregate(row, 2)? })
    }

    pub fn may_need_attention(&self, snapshot: &Snapshot<'_>) -> rusqlite::Result<bool> {
        if !self.state.needs_attention(snapshot.now).is_empty() {
            return Ok(true);
        }
        Ok(!self.state.is_finished() && conflicts::has_any(snapshot.db, self.no)?)
    }

    /// Without what has to be looked up: files and conflicts.
    pub fn bare_view(&self, snapshot: &Snapshot<'_>) -> CoderView {
        self.state.view(&self.id, snapshot.now, &snapshot.options.prices, 0, Vec::new())
    }

    pub fn view(&self, snapshot: &Snapshot<'_>, handles: &Handles) -> rusqlite::Result<CoderView> {
        let files =
            snapshot.db.prepare_cached("SELECT count(*) FROM touch WHERE coder = ?")?.query_row([self.no], |row| row.get(0))?;
        let conflicts = if self.state.is_finished() { Vec::new() } else { conflicts::of_coder(snapshot.db, self.no)? };
        let view = self.state.view(&self.id, snapshot.now, &snapshot.options.prices, files, conflicts);
        Ok(CoderView { handle: handles.of(&self.id), ..view })
    }
}

/// Calls `visit` with each coder, most recently active first, until it says `false`.
pub fn visit_by_activity(
    snapshot: &Snapshot<'_>,
    mut visit: impl FnMut(&Snapshot<'_>, CoderRecord) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    // The index has finished coders apart; both runs are merged in order of activity.
    let mut statement = snapshot.db.prepare_cached(
        "SELECT no, id, state, last FROM coder WHERE finished = 0
         UNION ALL SELECT no, id, state, last FROM coder WHERE finished = 1 ORDER BY last DESC",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !visit(snapshot, CoderRecord::read(row)?)? {
            break;
        }
    }
    Ok(())
}
