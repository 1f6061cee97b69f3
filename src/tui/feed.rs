//! What the view reads of the history, and the one thing that it writes.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use jiff::Zoned;

use crate::{
    aggregate::CoderView,
    brief::Brief,
    bus::Bus,
    event::{Body, Draft, Event, EventType, Family, Micros, Time},
    filter::{Filter, TypeSet},
    history::{CodersQuery, Entry, Error, Meant, Minutes, Order, Query, Reader, StatsQuery},
};

use super::{
    activity::MINUTES,
    alerts::Alerts,
    state::{Loaded, Overview, ViewInput, Wanted},
    timeline::{BEFORE_MAX, CoderSpan, MARKS_MAX, Mark, MarksRead, MarksWanted, coders_of},
};

/// The latest coders, and as many again that need a person, however long ago they did something.
const CODERS_MAX: usize = 200;
/// Events of one page, and as many bytes of JSON: those of an event may be many.
const PAGE_EVENTS: usize = 500;
const PAGE_BYTES: usize = 8 << 20;
/// Events of a page that are in memory before their bytes are counted.
const READ_AT_ONCE: usize = 50;
/// How far back alerts are told of that nobody has seen.
const ALERTED: Micros = Time::HOUR;
/// Of these events, so many.
const ALERTS_MAX: usize = 500;
/// Events of the timeline that are in memory at once.
const MARKS_AT_ONCE: usize = 500;
/// What whoever pans the timeline lets pass.
pub(super) const MARKS_TIME: Duration = Duration::from_secs(1);
/// Of it, for one coder's state before the window.
const BEFORE_TIME: Duration = Duration::from_millis(50);

/// The latest coders and the sums.
pub async fn overview(bus: Bus) -> ViewInput {
    as_input(bus.read(overview_of).await.map(|overview| ViewInput::Overview(Box::new(overview))))
}

pub(super) fn overview_of(reader: &mut Reader) -> Result<Overview, Error> {
    let coders = reader.coders(&CodersQuery { limit: CODERS_MAX, ..CodersQuery::default() })?;
    let stats = reader.stats(&StatsQuery { coders_max: 1, ..StatsQuery::default() })?;
    Ok(Overview { history: reader.position()?.history, coders, stats })
}

/// Coders that need a person: read less often, since all coders are looked at.
pub async fn needing(bus: Bus) -> ViewInput {
    let query = CodersQuery { needs_attention: true, limit: CODERS_MAX, ..CodersQuery::default() };
    let read = bus.read(move |reader| reader.coders(&query));
    as_input(read.await.map(ViewInput::Needing))
}

/// What a coder did.
pub async fn brief(bus: Bus, coder_id: String, now: Time) -> ViewInput {
    let read = bus.read(move |reader| {
        let brief = Brief::read(reader, &coder_id, None, now)?;
        let text = brief.map_or_else(|| "it is not known any more".to_owned(), |brief| brief.to_text());
        Ok(ViewInput::Brief { coder_id, text })
    });
    as_input(read.await)
}

/// Who reports that a person saw to a coder.
const SOURCE: &str = "watch";

/// A person saw to these coders.
pub async fn see(bus: Bus, coder_ids: Vec<String>) -> ViewInput {
    let seen = |id: String| Draft { source: Some(SOURCE.to_owned()), ..Draft::new(EventType::Seen, id) };
    let entries = coder_ids.into_iter().map(|id| Entry::from(seen(id))).collect();
    match bus.publish(entries).await {
        Ok(_) => ViewInput::Told("seen: it needs nobody until something new happens".to_owned()),
        Err(error) => ViewInput::Told(format!("that it was seen cannot be recorded: {error}")),
    }
}

/// What a filter means that was typed.
pub async fn filter(bus: Bus, text: String, now: Zoned) -> ViewInput {
    let read = bus.read(move |reader| Ok(ViewInput::Parsed { filter: filter_of(reader, &text, &now)?, text }));
    as_input(read.await)
}

pub(super) fn filter_of(reader: &mut Reader, text: &str, now: &Zoned) -> Result<Result<Filter, String>, Error> {
    let mut filter = match Filter::parse(text, now) {
        Ok(filter) => filter,
        Err(invalid) => return Ok(Err(invalid.to_string())),
    };
    for said in &mut filter.coders {
        match reader.which(said)? {
            Meant::One(id) => *said = id,
            Meant::Unclear(unclear) => return Ok(Err(unclear.to_string())),
        }
    }
    Ok(Ok(filter))
}

/// A page of events.
pub async fn page(bus: Bus, wanted: Wanted) -> ViewInput {
    // A rare word in a large history must not hold up the next key.
    let read = bus.read(move |reader| page_of(reader, wanted, Query::TIME_MAX));
    as_input(read.await.map(ViewInput::Loaded))
}

pub(super) fn page_of(reader: &mut Reader, wanted: Wanted, time_max: Duration) -> Result<Loaded, Error> {
    let Wanted { number, filter, before } = wanted;
    let mut query =
        Query { filter, before, order: Order::Newest, limit: READ_AT_ONCE, time_max: Some(time_max), ..Query::default() };
    let (mut events, mut bytes, mut through) = (Vec::new(), 0, None);
    loop {
        let page = reader.page(&query)?;
        through.get_or_insert(page.position.head);
        bytes += page.events.iter().map(Event::bytes).sum::<usize>();
        events.extend(page.events);
        query.before = page.next;
        let is_full = events.len() >= PAGE_EVENTS || bytes >= PAGE_BYTES;
        if is_full || page.next.is_none() || page.scanned_through.is_some() {
            break;
        }
    }
    events.reverse();
    Ok(Loaded { number, events, through: through.unwrap_or(0), is_older: before.is_some(), older: query.before })
}

/// What each coder did in each of the last minutes.
pub async fn minutes(bus: Bus, now: Time) -> ViewInput {
    as_input(bus.read(move |reader| minutes_of(reader, now)).await.map(ViewInput::Minutes))
}

pub(super) fn minutes_of(reader: &mut Reader, now: Time) -> Result<Minutes, Error> {
    reader.minutes(now.plus(-(MINUTES as Micros) * Time::MINUTE))
}

/// The last hour's alerts, and who was seen.
pub async fn past(bus: Bus, now: Time) -> ViewInput {
    as_input(bus.read(move |reader| past_of(reader, now)).await.map(ViewInput::Past))
}

pub(super) fn past_of(reader: &mut Reader, now: Time) -> Result<Vec<Event>, Error> {
    let filter = Filter { types: Some(Alerts::types()), since: Some(now.plus(-ALERTED)), ..Filter::default() };
    let query = Query { filter, limit: ALERTS_MAX, time_max: Some(Query::TIME_MAX), ..Query::default() };
    Ok(reader.page(&query)?.events.into_iter().rev().collect())
}

/// One event, with the one that it was derived from.
pub async fn event(bus: Bus, seq: u64) -> ViewInput {
    as_input(bus.read(move |reader| event_of(reader, seq)).await)
}

pub(super) fn event_of(reader: &mut Reader, seq: u64) -> Result<ViewInput, Error> {
    let event = reader.event(seq)?;
    let cause_seq = event.as_ref().and_then(|event| match &event.body {
        Body::Derived(derived) => derived.cause_seq,
        _ => None,
    });
    let cause = cause_seq.map(|seq| reader.event(seq)).transpose()?.flatten();
    Ok(ViewInput::Opened { seq, event: event.map(Box::new), cause: cause.map(Box::new) })
}

/// The marks of a window of the timeline.
pub async fn marks(bus: Bus, wanted: MarksWanted) -> ViewInput {
    as_input(bus.read(move |reader| marks_of(reader, wanted, MARKS_TIME)).await.map(ViewInput::Marks))
}

pub(super) fn marks_of(reader: &mut Reader, wanted: MarksWanted, time_max: Duration) -> Result<MarksRead, Error> {
    let begun = Instant::now();
    let MarksWanted { number, from, to, known } = wanted;
    let filter = Filter { types: Some(Mark::types()), since: Some(from), until: Some(to), ..Filter::default() };
    let mut query = Query { filter, limit: MARKS_AT_ONCE, ..Query::default() };
    let (mut marks, mut is_whole) = (Vec::new(), true);
    loop {
        query.time_max = Some(time_max.saturating_sub(begun.elapsed()));
        let page = reader.page(&query)?;
        for event in &page.events {
            let mark = Mark::of(event);
            marks.extend(mark.iter().flat_map(|mark| coders_of(event).into_iter().map(|id| (id.to_owned(), mark.clone()))));
        }
        query.before = page.next;
        if page.next.is_none() && page.scanned_through.is_none() {
            break;
        }
        if page.scanned_through.is_some() || marks.len() >= MARKS_MAX {
            is_whole = false;
            break;
        }
    }
    let others = unknown(reader, &known, &marks)?;
    let spans = others.iter().filter_map(|coder| CoderSpan::of(coder, to));
    for CoderSpan { coder_id, .. } in known.into_iter().chain(spans).filter(|span| span.holds(from)).take(BEFORE_MAX) {
        if begun.elapsed() >= time_max {
            is_whole = false;
            break;
        }
        marks.extend(phase_mark_before(reader, &coder_id, from)?.map(|mark| (coder_id, mark)));
    }
    Ok(MarksRead { number, marks, others, is_whole })
}

/// The coders of marks that the view does not know.
fn unknown(reader: &mut Reader, known: &[CoderSpan], marks: &[(String, Mark)]) -> Result<Vec<CoderView>, Error> {
    let mut seen: HashSet<&str> = known.iter().map(|span| span.coder_id.as_str()).collect();
    let unknown: Vec<&str> = marks.iter().map(|(id, _)| id.as_str()).filter(|id| seen.insert(id)).take(CODERS_MAX).collect();
    unknown.into_iter().filter_map(|id| reader.coder(id).transpose()).collect()
}

/// The last thing that began or ended what the coder does, before then.
fn phase_mark_before(reader: &mut Reader, coder_id: &str, before: Time) -> Result<Option<Mark>, Error> {
    let types = Some(TypeSet::family(Family::Lifecycle));
    let filter = Filter { types, coders: vec![coder_id.to_owned()], until: Some(before), ..Filter::default() };
    let query = Query { filter, limit: 2, time_max: Some(BEFORE_TIME), ..Query::default() };
    let marks = reader.page(&query)?.events.into_iter().filter_map(|event| Mark::of(&event));
    Ok(marks.filter(|mark| mark.at < before && mark.phase_after().is_some()).max())
}

fn as_input(read: Result<ViewInput, crate::bus::Error>) -> ViewInput {
    read.unwrap_or_else(|error| ViewInput::Trouble(error.to_string()))
}
