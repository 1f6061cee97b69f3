//! Whether what calls cost has reached what may be spent: looked at once a transaction, from what is folded by then.
//!
//! A budget and its period stand in the id of a warning, so that each level is warned of once, whoever comes to it, in
//! whatever order calls are heard of.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use rusqlite::Connection;

use crate::{
    aggregate::{BUDGET_LEVELS, Budget, SpentShare, Tally, warn_of_budget},
    event::{Draft, Event, EventType, Time},
    history::store::rows,
    price::Prices,
};

use super::fold::Fold;

/// What is allowed, and what a call costs of which nobody tells it.
pub struct Purse<'o> {
    pub budget: &'o Budget,
    pub prices: &'o Prices,
}

impl Purse<'_> {
    /// The warnings that `events`, all of one transaction, give cause to; those that were given before are among them.
    pub fn warnings(&self, db: &Connection, fold: &mut Fold, events: &[Arc<Event>]) -> rusqlite::Result<Vec<Draft>> {
        let calls = || events.iter().filter(|event| event.kind == EventType::ApiCall && event.completes.is_none());
        let mut warnings = Vec::new();
        if self.budget.is_of_coders() {
            let last: BTreeMap<&str, &Arc<Event>> = calls().map(|call| (call.coder_id.as_str(), call)).collect();
            for (coder, cause) in last {
                let Some(usage) = fold.coder(db, coder)?.map(|coder| coder.tally().usage(self.prices)) else { continue };
                tell(&mut warnings, cause, self.budget.of_coder(&usage), coder, "this coder");
            }
        }
        if self.budget.is_of_days() {
            let days = calls().filter_map(|call| Some((day_of(call.timestamp)?, call)));
            let last: BTreeMap<(Time, Time, String), &Arc<Event>> = days.collect();
            for ((from, to, day), cause) in last {
                let usage = spent_between(db, from, to)?.usage(self.prices);
                tell(&mut warnings, cause, self.budget.of_day(&usage), &day, &format!("all coders on {day}"));
            }
        }
        Ok(warnings)
    }
}

/// Whoever raises a budget wants to hear of the new one too: the limit is part of what it is called.
fn tell(warnings: &mut Vec<Draft>, cause: &Event, shares: Vec<SpentShare>, period: &str, whose: &str) {
    for share in shares {
        for level in BUDGET_LEVELS.into_iter().filter(|&level| share.has_reached(level)) {
            let name = format!("{}:{}:{period}", share.budget, share.limit);
            let message = format!("{level} % of `{}` is reached by {whose}: {}", share.budget, share.told);
            warnings.push(warn_of_budget(cause, share.budget, &name, level, &message));
        }
    }
}

/// The local day that a moment is of.
fn day_of(moment: Time) -> Option<(Time, Time, String)> {
    let at = Timestamp::from_microsecond(moment.micros()).ok()?.to_zoned(TimeZone::system());
    let time = |zoned: Zoned| Time::from_micros(zoned.timestamp().as_microsecond());
    let (from, to) = (at.start_of_day().ok()?, at.tomorrow().ok()?.start_of_day().ok()?);
    Some((time(from), time(to), at.date().to_string()))
}

fn spent_between(db: &Connection, from: Time, to: Time) -> rusqlite::Result<Tally> {
    let mut sum = Tally::default();
    let mut statement = db.prepare_cached("SELECT tally FROM bucket WHERE start >= ? AND start < ?")?;
    let mut buckets = statement.query([from.micros(), to.micros()])?;
    while let Some(row) = buckets.next()? {
        sum.merge(&rows::aggregate(row, 0)?);
    }
    Ok(sum)
}
