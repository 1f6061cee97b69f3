//! What the page tells, folded event by event: no more of it than is drawn.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use jiff::tz::TimeZone;

use crate::{
    aggregate::{CoderView, FileConflict, Stats},
    brief::{label, standing, works_on},
    event::{Event, Micros, Time, sentence},
    filter::{Filter, TypeSet},
    history::{CodersQuery, Error, Order, Query, Reader, StatsQuery},
    page::{Lane, Lanes, LiveCoder, LiveEvent, LiveTold},
};

/// Coders of the page, and as many again that need a person.
const CODERS_MAX: usize = 200;
/// Events of the page.
const EVENTS_MAX: usize = 60;
/// Events of the past that the lanes begin with.
const PAST_MAX: usize = 50_000;
/// A minute is known to have had events, not when: at its end, so that what began within it began before.
const MINUTE_END: Micros = Time::MINUTE - Time::SECOND;

#[derive(Debug)]
pub(super) struct LiveFeed {
    filter: Filter,
    lanes: Lanes,
    conflicts: HashMap<(String, Vec<String>), FileConflict>,
    events: VecDeque<Arc<Event>>,
}

/// What a reading of the history gives, for one drawing.
#[derive(Debug)]
pub(super) struct LiveReading {
    coders: Vec<CoderView>,
    total: u64,
    events_per_minute: f64,
    today: Stats,
}

impl LiveFeed {
    /// What is there, from `from` on, and up to which event; those after it are to be [taken](LiveFeed::take).
    ///
    /// # Errors
    /// Where the history cannot be read.
    pub fn read(reader: &mut Reader, filter: Filter, from: Time, now: Time) -> Result<(LiveFeed, u64, String), Error> {
        let position = reader.position()?;
        let mut feed =
            LiveFeed { filter, lanes: Lanes::default(), conflicts: HashMap::new(), events: VecDeque::with_capacity(EVENTS_MAX) };
        let before = Some(position.head.saturating_add(1));
        let past = Query { before, order: Order::Newest, bytes_max: Query::PAGE_BYTES, ..Query::default() };
        // Where each stood when the lanes begin was told before that.
        let turns = Filter { types: Some(TypeSet::of(Lanes::turns())), since: Some(from.plus(-Time::DAY)), ..feed.coders() };
        let mut query = Query { filter: turns, limit: PAST_MAX, ..past.clone() };
        let mut left = PAST_MAX;
        loop {
            let page = reader.page(&query)?;
            left = left.saturating_sub(page.events.len());
            page.events.iter().for_each(|event| feed.lanes.add(event));
            match page.next.filter(|_| left > 0) {
                Some(next) => query.before = Some(next),
                None => break,
            }
        }
        for minute in reader.minutes(from)?.minutes {
            feed.lanes.stir(&minute.coder_id, minute.start.plus(MINUTE_END).min(now));
        }
        let shown = Query { filter: feed.filter.clone(), limit: EVENTS_MAX, time_max: Some(Query::TIME_MAX), ..past };
        feed.events.extend(reader.page(&shown)?.events.into_iter().map(Arc::new));
        Ok((feed, position.head, position.history))
    }

    /// Those of the coders that are shown.
    pub fn coders(&self) -> Filter {
        Filter { coders: self.filter.coders.clone(), not_coders: self.filter.not_coders.clone(), ..Filter::default() }
    }

    pub fn take(&mut self, event: Arc<Event>) {
        self.lanes.add(&event);
        if let Some(conflict) = FileConflict::told_by(&event) {
            self.conflicts.insert((conflict.file_path.clone(), conflict.coder_ids.clone()), conflict);
        }
        if self.filter.matches(&event) {
            self.events.truncate(EVENTS_MAX - 1);
            self.events.push_front(event);
        }
    }

    /// # Errors
    /// Where the history cannot be read.
    pub fn ask(reader: &mut Reader, midnight: Time) -> Result<LiveReading, Error> {
        let mut coders = reader.coders(&CodersQuery { limit: CODERS_MAX, ..CodersQuery::default() })?;
        let known: HashSet<String> = coders.iter().map(|coder| coder.coder_id.clone()).collect();
        let needing = CodersQuery { needs_attention: true, limit: CODERS_MAX, ..CodersQuery::default() };
        coders.extend(reader.coders(&needing)?.into_iter().filter(|coder| !known.contains(&coder.coder_id)));
        let today = reader.stats(&StatsQuery { since: Some(midnight), coders_max: 1, ..StatsQuery::default() })?;
        Ok(LiveReading { coders, total: today.coders_total, events_per_minute: today.events_per_minute, today })
    }

    /// The page's content: what is older than `from` is forgotten.
    pub fn tell<'z>(&mut self, reading: LiveReading, from: Time, now: Time, zone: &'z TimeZone) -> LiveTold<'z> {
        self.lanes.forget(from);
        self.conflicts.retain(|_, conflict| conflict.last_change >= from);
        let mut lanes: HashMap<String, Lane> =
            self.lanes.between(from, now).into_iter().map(|lane| (lane.coder_id.clone(), lane)).collect();
        let names: HashMap<&str, String> = reading.coders.iter().map(|coder| (&*coder.coder_id, label(coder))).collect();
        let events = self.events.iter().map(|event| LiveEvent {
            at: event.timestamp,
            coder: names.get(&*event.coder_id).cloned().unwrap_or_else(|| event.coder_id.clone()),
            said: sentence(event),
            is_bad: event.has_failed(),
        });
        let events = events.collect();
        let known = reading.coders.len() as u64;
        let wanted = self.coders();
        let is_wanted = |id: &String| (wanted.coders.is_empty() || wanted.coders.contains(id)) && !wanted.not_coders.contains(id);
        let mut rows: Vec<LiveCoder> = Vec::new();
        let mut silent = reading.total.saturating_sub(known);
        for coder in reading.coders.into_iter().filter(|coder| is_wanted(&coder.coder_id)) {
            let lane = lanes.remove(&coder.coder_id);
            if lane.is_none() && coder.needs_attention.is_empty() && coder.last_activity.is_none_or(|last| last < from) {
                silent += 1;
                continue;
            }
            let (standing, works_on) = (standing(&coder, now, true), works_on(&coder, now, true));
            rows.push(LiveCoder { name: label(&coder), standing, works_on, lane, coder });
        }
        // The reading has them by their activity.
        rows.sort_by_key(|row| (row.coder.needs_attention.is_empty(), row.coder.ended_at.is_some()));
        LiveTold {
            from,
            now,
            zone,
            coders: rows,
            coders_more: if wanted.coders.is_empty() { silent } else { 0 },
            conflicts: self.conflicts.values().cloned().collect(),
            events,
            events_per_minute: reading.events_per_minute,
            today: reading.today.usage,
        }
    }
}
