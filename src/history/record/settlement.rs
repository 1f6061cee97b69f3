//! What agents tell of a whole turn, thread or session: the part of it that no call has told.
//!
//! Some channels tell only sums (the JSON output of `codex exec`, Copilot's end of a session), others sums beside calls of which
//! some are in no file. A sum is recorded as one call with the rest: what it exceeds the calls by that are known of the coder and
//! its subagents in its span of time. When more of them come to be known, the rest shrinks, down to nothing; so whichever channel
//! speaks first, all calls together with the rests are the sum.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use serde_json::Value;

use crate::{
    aggregate::Tally,
    event::{Body, Checked, CountedCall, Data, DataKey, Event, EventType, Provider, Time, recounted, recover},
    history::store::{
        error::readable,
        id::Tag,
        rows::{self, EVENT_COLUMNS},
    },
};

/// As [`Provider::figures`].
type Figures = [u64; 6];

/// Clocks of channels differ: a call may be told to have come a little after the sum that holds it.
const SKEW: i64 = 5 * Time::SECOND;
/// The seq of what has none yet; SQLite's integers are signed.
const NEWEST: u64 = i64::MAX.cast_unsigned();
/// A rest of cost below a millionth of a dollar is what rounding left.
const COST_NANO_MIN: u64 = 1_000;

/// Coders of which calls were told in this transaction.
#[derive(Default)]
pub struct Unsettled(BTreeSet<String>);

impl Unsettled {
    /// A call was told.
    pub fn note(&mut self, event: &Event) {
        if event.kind == EventType::ApiCall {
            self.note_coder(&event.coder_id);
        }
    }

    pub fn note_coder(&mut self, coder_id: &str) {
        if !self.0.contains(root(coder_id)) {
            self.0.insert(root(coder_id).to_owned());
        }
    }
}

/// Takes from a sum what is known of it. Whether anything is left; then what was told stands in the answer.
pub fn reduce(db: &Connection, tag: Tag, checked: &mut Checked) -> rusqlite::Result<Option<Figures>> {
    let (Some(scope), Body::Provider(told)) = (checked.sums, &checked.event().body) else { return Ok(None) };
    let (told, call) = (told.figures(), told.clone());
    let event = checked.event();
    let span = (scope.since, event.timestamp);
    let known = known(db, tag, &event.coder_id, span, NEWEST)?;
    let Some(rest) = rest(told, known.net_figures()) else { return Ok(None) };
    let Provider { provider, model, duration, .. } = call;
    checked.set_body(Body::Provider(Provider { provider, model, duration, ..Provider::of_figures(rest) }));
    if let Some(calls) = covered(told, &known) {
        checked.mark(DataKey::Covers.name(), calls);
    }
    Ok(Some(told))
}

/// After what is left of a sum became `event`.
pub fn remember(db: &Connection, event: &Event, coder: i64, since: Option<Time>, told: Figures) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO sum (seq, coder, since, until, told) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![event.seq, coder, since.map(Time::micros), event.timestamp.micros(), rows::json(&told)])
        .map(drop)
}

/// The call at `seq` stands as a copy in the record of a coder, which forked off.
pub fn remember_copy(db: &Connection, coder_id: &str, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR IGNORE INTO copy (coder, seq) VALUES (?, ?)")?.execute(params![root(coder_id), seq]).map(drop)
}

/// The event with the rest goes, or a call that was copied.
pub fn forget(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM copy WHERE seq = ?")?.execute([seq])?;
    db.prepare_cached("DELETE FROM sum WHERE seq = ?")?.execute([seq]).map(drop)
}

/// The sums of which the calls noted may be part, each with its coder.
pub fn sums_of(db: &Connection, unsettled: Unsettled) -> rusqlite::Result<Vec<(String, ToldSum)>> {
    let mut sums = Vec::new();
    let mut statement = db.prepare_cached(
        "SELECT seq, since, until, told FROM sum WHERE coder = (SELECT no FROM coder WHERE id = ?) ORDER BY until, seq",
    )?;
    for coder_id in unsettled.0 {
        let mut found = statement.query([&coder_id])?;
        while let Some(row) = found.next()? {
            let since: Option<i64> = row.get(1)?;
            let span = (since.map(Time::from_micros), Time::from_micros(row.get(2)?));
            sums.push((coder_id.clone(), ToldSum { seq: row.get(0)?, span, told: rows::aggregate(row, 3)? }));
        }
    }
    Ok(sums)
}

/// What was told as a sum, of which the event at `seq` has the rest.
pub struct ToldSum {
    pub seq: u64,
    span: (Option<Time>, Time),
    told: Figures,
}

impl ToldSum {
    /// What the rest's event is to be completed with, now that more calls may be known; `fact` is what it says so far.
    pub fn correction(&self, db: &Connection, tag: Tag, coder_id: &str, fact: &Event) -> rusqlite::Result<Option<(Body, Data)>> {
        let Body::Provider(call) = &fact.body else { return Ok(None) };
        let before = call.figures();
        let known = known(db, tag, coder_id, self.span, self.seq)?;
        let mut left = rest(self.told, known.net_figures()).unwrap_or_default();
        // What retention removed is not known any more, but it was.
        for (left, before) in left.iter_mut().zip(before) {
            *left = before.min(*left);
        }
        let Provider { provider, model, duration, .. } = call.clone();
        let mut after = Provider { provider, model, duration, ..Provider::of_figures(left) };
        zero_for_nothing(&mut after, call);
        let Some(counted) = CountedCall::of(fact) else { return Ok(None) };
        let mut change = recounted(&counted, &CountedCall { figures: after.figures(), ..counted.clone() });
        let before = fact.data.get(DataKey::Covers.name());
        let covers = covered(self.told, &known).or_else(|| before.map(|_| Value::Object(Data::new())));
        if before != covers.as_ref() && !is_pruned(db, coder_id)? {
            recover(&mut change, before.cloned(), covers.unwrap_or_default());
        }
        if change.is_empty() {
            return Ok(None);
        }
        let mut data = Data::new();
        data.insert(DataKey::Change.name().to_owned(), change.into());
        if after.figures() == Figures::default() {
            data.insert(DataKey::Withdrawn.name().to_owned(), true.into());
        }
        Ok(Some((Body::Provider(after), data)))
    }
}

/// The calls that a sum says the cost of, where it says one.
fn covered(told: Figures, known: &Tally) -> Option<Value> {
    let [.., cost] = told;
    known.calls_without_cost().filter(|_| cost > 0)
}

/// A field that a completing event does not have stays as it was.
fn zero_for_nothing(after: &mut Provider, before: &Provider) {
    let zero = |after: &mut Option<u64>, before: Option<u64>| {
        if before.is_some() {
            after.get_or_insert(0);
        }
    };
    zero(&mut after.tokens_used, before.tokens_used);
    zero(&mut after.input_tokens, before.input_tokens);
    zero(&mut after.output_tokens, before.output_tokens);
    zero(&mut after.cache_read_tokens, before.cache_read_tokens);
    zero(&mut after.cache_write_tokens, before.cache_write_tokens);
    if before.cost_usd.is_some() {
        after.cost_usd.get_or_insert(0.0);
    }
}

/// What `told` exceeds `known` by, if it does.
fn rest(told: Figures, known: Figures) -> Option<Figures> {
    let mut rest = told;
    for (rest, known) in rest.iter_mut().zip(known) {
        *rest = rest.saturating_sub(known);
    }
    // What was told as a sum of the sum may count otherwise: it follows from its parts.
    rest[0] = 0;
    let [.., cost] = &mut rest;
    if *cost < COST_NANO_MIN {
        *cost = 0;
    }
    (rest != Figures::default()).then_some(rest)
}

/// All calls of a coder and its subagents in a span of time, but for what is left of the sum at `seq`.
fn known(db: &Connection, tag: Tag, coder_id: &str, (since, until): (Option<Time>, Time), seq: u64) -> rusqlite::Result<Tally> {
    let mut tally = Tally::default();
    // What is left of later sums is no part of this one.
    let mut statement = db.prepare_cached(&format!(
        "WITH later AS (SELECT seq FROM sum WHERE (until, seq) >= (?6, ?5))
         SELECT {EVENT_COLUMNS} FROM event
         WHERE coder IN (SELECT no FROM coder WHERE id = ?1 OR id > ?1 || '/' AND id < ?1 || '0')
         AND type = ?2 AND at >= ?3 AND at <= ?4 AND seq NOT IN later AND (completes IS NULL OR completes NOT IN later)
         UNION
         SELECT {EVENT_COLUMNS} FROM event
         WHERE (seq IN (SELECT seq FROM copy WHERE coder = ?1) OR completes IN (SELECT seq FROM copy WHERE coder = ?1)) AND at >= ?3"
    ))?;
    let (since, skewed) = (since.map_or(i64::MIN, Time::micros), until.plus(SKEW).micros());
    let kind = EventType::ApiCall.code();
    let mut found = statement.query(params![root(coder_id), kind, since, skewed, seq, until.micros()])?;
    while let Some(row) = found.next()? {
        if let Some(event) = readable(rows::event(row, tag, |_| Ok(String::new())))? {
            tally.fold(&event);
        }
    }
    Ok(tally)
}

/// Whether some of what a coder told is gone, and not known any more.
fn is_pruned(db: &Connection, coder_id: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM coder WHERE id = ? AND base IS NOT NULL)")?
        .query_row([root(coder_id)], |row| row.get(0))
}

/// The session that a subagent is of.
fn root(coder_id: &str) -> &str {
    coder_id.split_once('/').map_or(coder_id, |(session, _)| session)
}
