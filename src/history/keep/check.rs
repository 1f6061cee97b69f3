//! Whether the history is what it promises to be: the file sound, the order right, aggregates = base ⊕ retained events.

use rusqlite::Connection;
use serde::Serialize;

use crate::history::{
    read::Reader,
    record::Writer,
    store::{Error, Options, ledger::Ledger, spool_files},
};

use super::{
    recompute::{Recomputed, TOLD_MAX, rebuild},
    records_read::forget_records,
    salvage::{self, Salvage},
    unreadable,
};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checkup {
    pub events: u64,
    pub coders: u64,
    /// Events that waited in the spool.
    pub spool_taken_in: u64,
    /// A sentence each; empty: all is well.
    pub problems: Vec<String>,
    /// What was damaged was rebuilt or salvaged, and a second look found no problem.
    pub repaired: bool,
    /// A new history holds what could be read of the damaged one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub salvaged: Option<Salvage>,
}

impl Writer {
    /// Takes in the spool and verifies everything. With `repair`, rebuilds aggregates and indexes from base and events where
    /// something is wrong; where the file itself is, what can be read of it goes into a new one, and the old one is kept.
    ///
    /// A file that is damaged, or no history at all, is a problem found; what waits in the spool waits on then.
    ///
    /// # Errors
    /// Where the history cannot be looked at: locked, newer than this program, out of reach.
    pub fn check(&mut self, repair: bool) -> Result<Checkup, Error> {
        self.check_telling(repair, &mut |_, _| {})
    }

    /// [`Writer::check`]; `progress` is told how many events were folded anew, and of how many. Each look begins again; what
    /// comes before, the file itself, cannot be counted.
    ///
    /// # Errors
    /// Those of [`Writer::check`].
    pub fn check_telling(&mut self, repair: bool, progress: &mut dyn FnMut(u64, u64)) -> Result<Checkup, Error> {
        let options = self.options().clone();
        let mut spool_taken_in = self.take_in_waiting()?;
        let mut checkup = look(&options, progress)?;
        // What was folded before models, tools and titles were is folded anew where it still can be.
        let of_before = |db: &Connection| Ok(Ledger::parts_since(db)?.max(Ledger::states_since(db)?));
        if repair && checkup.problems.is_empty() && !self.is_absent() && self.transact(of_before)? > 0 {
            self.transact(|db| rebuild(db, progress))?;
        }
        if repair && !checkup.problems.is_empty() {
            let rebuilt = match self.transact(|db| {
                unreadable::set_all_aside(db, &options.redactor, options.clock.now())?;
                rebuild(db, progress)
            }) {
                Err(Error::Broken { .. }) => false,
                done => done.and_then(|()| look(&options, progress))?.problems.is_empty(),
            };
            if !rebuilt {
                checkup.salvaged = salvage::salvage(&options, self.patience())?;
            }
            if checkup.salvaged.is_some() {
                spool_taken_in += self.take_in_waiting()?;
                let after = look(&options, progress)?;
                (checkup.events, checkup.coders) = (after.events, after.coders);
                checkup.repaired = after.problems.is_empty();
            }
            checkup.repaired |= rebuilt;
            // What was lost may still be in the agents' own records.
            match self.transact(forget_records) {
                // It never was a history, or could not be saved: the problems tell.
                Ok(()) | Err(Error::Broken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Checkup { spool_taken_in, ..checkup })
    }

    /// How many events came of what waits in the spool; 0 where the history is damaged, and it waits on.
    fn take_in_waiting(&mut self) -> Result<u64, Error> {
        if spool_files::waiting(self.options()).is_empty() {
            return Ok(0);
        }
        match self.take_in_spool() {
            Err(Error::Broken { .. }) => Ok(0),
            done => done,
        }
    }
}

fn look(options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Result<Checkup, Error> {
    as_problem(Reader::new(options).read(Checkup::default(), |snapshot| examine(snapshot.db, progress)))
}

/// What keeps the file from being read is what its check found.
fn as_problem(examined: Result<Checkup, Error>) -> Result<Checkup, Error> {
    match examined {
        Err(Error::Broken { source, .. }) => {
            Ok(Checkup { problems: vec![format!("the file is damaged, or no history: {source}")], ..Checkup::default() })
        }
        done => done,
    }
}

fn examine(db: &Connection, progress: &mut dyn FnMut(u64, u64)) -> rusqlite::Result<Checkup> {
    let mut problems: Vec<String> = db
        .prepare(&format!("PRAGMA integrity_check({TOLD_MAX})"))?
        .query_map([], |row| row.get::<_, String>(0))?
        .filter(|line| line.as_ref().map_or(true, |line| line != "ok"))
        .collect::<rusqlite::Result<_>>()?;
    let read = Ledger::load(db).and_then(|ledger| Ok((Recomputed::of(db, &ledger, progress)?, ledger)));
    let (recomputed, ledger) = match read {
        // What is damaged cannot be counted.
        Err(_) if !problems.is_empty() => return Ok(Checkup { problems, ..Checkup::default() }),
        read => read?,
    };
    recomputed.compare(db, &ledger, &mut problems)?;
    Ok(Checkup { events: recomputed.rows, coders: recomputed.aggregates.coders.len() as u64, problems, ..Checkup::default() })
}
