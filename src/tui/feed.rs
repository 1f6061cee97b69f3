//! What the view reads of the history.

use crate::{
    bus::Bus,
    event::{Event, Micros, Time},
    filter::Filter,
    history::{CodersQuery, Error, Minute, Order, Query, Reader, StatsQuery},
};

use super::{
    state::{Input, Loaded, MINUTES, Overview, Wanted},
    timeline::{SPAN, Timeline},
};

/// The latest coders, and as many again that need a person, however long ago they did something.
const CODERS_MAX: usize = 200;
/// Events read at once.
const PAGE_EVENTS: usize = 500;
/// Most events looked at for one page: a rare word in a large history must not hold up the next key.
const SCANNED_MAX: usize = 200_000;
/// Events of the last hour that the timeline begins with.
const PAST_MAX: usize = 5000;

/// The latest coders and the sums.
pub async fn overview(bus: Bus) -> Input {
    told(bus.read(overview_of).await.map(|overview| Input::Overview(Box::new(overview))))
}

pub(super) fn overview_of(reader: &mut Reader) -> Result<Overview, Error> {
    let coders = reader.coders(&CodersQuery { limit: CODERS_MAX, ..CodersQuery::default() })?;
    let stats = reader.stats(&StatsQuery { coders_max: 1, ..StatsQuery::default() })?;
    Ok(Overview { history: reader.position()?.history, coders, stats })
}

/// Coders that need a person: read less often, since all coders are looked at.
pub async fn needing(bus: Bus) -> Input {
    let query = CodersQuery { needs_attention: true, limit: CODERS_MAX, ..CodersQuery::default() };
    let read = bus.read(move |reader| reader.coders(&query));
    told(read.await.map(Input::Needing))
}

/// A page of events.
pub async fn page(bus: Bus, wanted: Wanted) -> Input {
    let read = bus.read(move |reader| page_of(reader, wanted));
    told(read.await.map(Input::Loaded))
}

pub(super) fn page_of(reader: &mut Reader, wanted: Wanted) -> Result<Loaded, Error> {
    let Wanted { number, filter, before } = wanted;
    let query = Query { filter, before, order: Order::Newest, limit: PAGE_EVENTS, scan_max: SCANNED_MAX, ..Query::default() };
    let page = reader.page(&query)?;
    let events = page.events.into_iter().rev().collect();
    Ok(Loaded { number, events, through: page.position.head, is_older: before.is_some(), is_whole: page.next.is_none() })
}

/// What each coder did in each of the last minutes.
pub async fn minutes(bus: Bus, now: Time) -> Input {
    told(bus.read(move |reader| minutes_of(reader, now)).await.map(Input::Minutes))
}

pub(super) fn minutes_of(reader: &mut Reader, now: Time) -> Result<Vec<Minute>, Error> {
    reader.minutes(now.plus(-(MINUTES as Micros) * Time::MINUTE))
}

/// The last hour's lifecycle, errors, milestones and alerts.
pub async fn past(bus: Bus, now: Time) -> Input {
    told(bus.read(move |reader| past_of(reader, now)).await.map(Input::Past))
}

pub(super) fn past_of(reader: &mut Reader, now: Time) -> Result<Vec<Event>, Error> {
    let filter = Filter { types: Some(Timeline::types()), since: Some(now.plus(-SPAN)), ..Filter::default() };
    let query = Query { filter, limit: PAST_MAX, scan_max: SCANNED_MAX, ..Query::default() };
    Ok(reader.page(&query)?.events.into_iter().rev().collect())
}

fn told(read: Result<Input, crate::bus::Error>) -> Input {
    read.unwrap_or_else(|error| Input::Trouble(error.to_string()))
}
