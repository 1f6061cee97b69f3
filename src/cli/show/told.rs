//! A coder's whole story, its subagents' too, for a page.

use ai_coder_events::{aggregate::CoderView, brief::label, event::Time, history::Reader, page::SessionTold, story::Storyteller};
use anyhow::Context;
use jiff::tz::TimeZone;

use super::{
    super::{Invocation, UNREADABLE},
    each_turn,
};

/// Subagents of subagents are told so deep.
const DEPTH_MAX: usize = 4;
/// And so many of one coder.
const SUBAGENTS_MAX: usize = 200;

/// # Errors
/// Where the history cannot be read.
pub fn session<'z>(
    reader: &mut Reader,
    call: &Invocation,
    coder: CoderView,
    since: Option<Time>,
    zone: &'z TimeZone,
) -> anyhow::Result<SessionTold<'z>> {
    of_depth(reader, call, coder, since, zone, 0)
}

fn of_depth<'z>(
    reader: &mut Reader,
    call: &Invocation,
    coder: CoderView,
    since: Option<Time>,
    zone: &'z TimeZone,
    depth: usize,
) -> anyhow::Result<SessionTold<'z>> {
    let mut turns = Vec::new();
    let teller = Storyteller::new(&call.config.history.prices, coder.project.clone()).with_calls();
    each_turn(reader, call, &coder, since, teller, |turn| {
        turns.push(turn);
        Ok(())
    })?;
    let found = reader.subagents(&coder.coder_id).context(UNREADABLE)?;
    let (count, mut subagents) = (found.len(), Vec::new());
    if depth < DEPTH_MAX {
        for subagent in found.into_iter().take(SUBAGENTS_MAX) {
            subagents.push(of_depth(reader, call, subagent, since, zone, depth + 1)?);
        }
    }
    let subagents_more = count - subagents.len();
    Ok(SessionTold { name: label(&coder), coder, turns, subagents, subagents_more, zone })
}
