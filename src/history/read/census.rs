//! The coders that a reader wants to be shown now, and how many others there are, whatever their number.

use rusqlite::params;

use crate::{
    aggregate::CoderView,
    event::{Micros, Time},
    history::store::Error,
};

use super::{
    coders::CoderRecord,
    reader::{Position, Reader, Snapshot},
};

/// Which coders.
#[derive(Clone, Copy, Default)]
pub struct CensusQuery<'q> {
    /// Finished ones only where they were active since then.
    pub finished_since: Option<Time>,
    /// The same for unfinished ones.
    pub unfinished_since: Option<Time>,
    pub needs_attention: bool,
    /// What else must be so. What is asked of a file or a conflict it does not see.
    pub wants: Option<&'q dyn Fn(&CoderView) -> bool>,
}

/// Those coders, in no order.
#[derive(Debug, Default)]
pub struct Census {
    pub position: Position,
    pub coders: Vec<CensusEntry>,
    /// How many others are wanted but for their last activity.
    pub quieter: u64,
}

#[derive(Clone, Debug)]
pub struct CensusEntry {
    /// Tells it from every other coder of this history, and never changes.
    pub no: u64,
    pub coder: CoderView,
}

impl Reader {
    /// # Errors
    /// Where the history cannot be read.
    pub fn census(&mut self, query: &CensusQuery<'_>) -> Result<Census, Error> {
        self.read(Census::default(), |snapshot| {
            let handles = snapshot.handles()?;
            let mut census = Census { position: snapshot.position(), ..Census::default() };
            for (finished, since) in [(false, query.unfinished_since), (true, query.finished_since)] {
                let since = since.map_or(Micros::MIN, Time::micros);
                let mut statement =
                    snapshot.db.prepare_cached("SELECT no, id, state FROM coder WHERE finished = ? AND last >= ?")?;
                let mut rows = statement.query(params![finished, since])?;
                while let Some(row) = rows.next()? {
                    let row = CoderRecord::read(row)?;
                    if is_wanted(query, snapshot, &row)? {
                        let view = row.view(snapshot, &handles)?;
                        if !query.needs_attention || !view.needs_attention.is_empty() {
                            census.coders.push(CensusEntry { no: row.no as u64, coder: view });
                        }
                    }
                }
                census.quieter += quieter(query, snapshot, finished, since)?;
            }
            Ok(census)
        })
    }
}

fn is_wanted(query: &CensusQuery<'_>, snapshot: &Snapshot<'_>, row: &CoderRecord) -> rusqlite::Result<bool> {
    // Most need no attention, and what is asked of a view needs none of what has to be looked up.
    Ok((!query.needs_attention || row.may_need_attention(snapshot)?)
        && query.wants.is_none_or(|wants| wants(&row.bare_view(snapshot))))
}

fn quieter(query: &CensusQuery<'_>, snapshot: &Snapshot<'_>, finished: bool, since: Micros) -> rusqlite::Result<u64> {
    if since == Micros::MIN {
        return Ok(0);
    }
    if query.wants.is_none() && !query.needs_attention {
        let mut statement = snapshot.db.prepare_cached("SELECT count(*) FROM coder WHERE finished = ? AND last < ?")?;
        return statement.query_row(params![finished, since], |row| row.get(0));
    }
    let mut statement = snapshot.db.prepare_cached("SELECT no, id, state FROM coder WHERE finished = ? AND last < ?")?;
    let mut rows = statement.query(params![finished, since])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += u64::from(is_wanted(query, snapshot, &CoderRecord::read(row)?)?);
    }
    Ok(count)
}
