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
            None => return Ok(()),
        }
    }
}
