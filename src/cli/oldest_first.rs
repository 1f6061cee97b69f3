//! All events that are wanted, from the oldest to the newest that is there now, in little memory.

use ai_coder_events::{
    event::Event,
    filter::Filter,
    history::{Order, Query, Reader},
};
use anyhow::Context;

use super::UNREADABLE;

/// Events read at once.
const PAGE_EVENTS: usize = 500;

/// Events held back, so that what was heard of late is told at its time.
const HELD_EVENTS: usize = 250;

/// The same in order of time, but for what was heard of when hundreds of others were.
///
/// # Errors
/// Those of `tell`, and where the history cannot be read.
pub fn each_page_by_time(
    reader: &mut Reader,
    filter: Filter,
    mut tell: impl FnMut(Vec<Event>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut held: Vec<Event> = Vec::new();
    each_page(reader, filter, |events| {
        held.extend(events);
        held.sort_by_key(|event| (event.timestamp, event.seq));
        let ready = held.len().saturating_sub(HELD_EVENTS);
        tell(held.drain(..ready).collect())
    })?;
    tell(held)
}

/// Calls `tell` with page after page.
///
/// # Errors
/// Those of `tell`, and where the history cannot be read.
pub fn each_page(
    reader: &mut Reader,
    filter: Filter,
    mut tell: impl FnMut(Vec<Event>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Without an end, what is still growing would be told for as long as it grows.
    let end = reader.position().context(UNREADABLE)?.head.saturating_add(1);
    let mut query = Query {
        filter,
        order: Order::Oldest,
        before: Some(end),
        limit: PAGE_EVENTS,
        bytes_max: Query::PAGE_BYTES,
        ..Query::default()
    };
    loop {
        let page = reader.page(&query).context(UNREADABLE)?;
        tell(page.events)?;
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    super::tell_unreadable(reader);
    Ok(())
}
