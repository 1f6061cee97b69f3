//! What is folded from events: each coder's state, the counts, and the rules that derive events from others. Pure.
//!
//! Every aggregate here is a *merge of contributions*: sums, least, greatest, and latest by (timestamp, id). Folding
//! the same events in any order, or in batches that are merged afterwards, gives the same aggregate; so late arrivals
//! need no care, and retention may fold what it removes into a base. A [completing event](crate::event::Event::completes)
//! adds its fields to the fact it completes and is no fact itself: it is not counted, and only the end of a tool's call is a
//! sign of life.
//!
//! This room knows neither clock nor store: the present comes in as a value, and what is remembered of earlier failures
//! comes in as [`Failures`]s. The JSON that aggregates serialise to is compact, for the history alone; readers get a
//! [`CoderView`] or [`Stats`].
//!
//! ```
//! use ai_coder_events::aggregate::Coder;
//! use ai_coder_events::event::{Draft, EventType, Status, Time};
//! use ai_coder_events::text::Redactor;
//!
//! let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
//! let mut coder = Coder::default();
//! for (seq, kind) in (1..).zip([EventType::Started, EventType::Created]) {
//!     let checked = Draft::new(kind, "fix-auth").check(now, &Redactor::default()).unwrap();
//!     coder.fold(&checked.into_event(seq, format!("id-{seq}")));
//! }
//! assert_eq!(coder.status(), Status::Running);
//! ```

mod arrivals;
mod bounded;
mod budget;
mod coder;
mod groups;
mod latest;
mod open_tools;
mod parts;
mod rules;
mod stats;
mod tally;
mod totals;
mod until;
mod usage;
mod view;
mod warnings;

#[cfg(test)]
mod tests;

pub use budget::{Budget, SpentShare};
pub use coder::Coder;
pub use groups::{BadKeys, GroupKey, GroupKeys, GroupOrigin, GroupRow, Grouping};
pub use parts::ToolCalls;
pub use rules::{
    BUDGET_LEVELS, CONFLICT_WINDOW, FAILURE_WINDOW, FAILURES_FOR_ALERT, Failures, LOOP_CALLS, LOOP_WINDOW, Past, judge,
    warn_of_budget, warn_of_loop,
};
pub use stats::{HistorySize, Stats};
pub use tally::Tally;
pub use totals::Totals;
pub use until::{Until, is_finished};
pub use usage::{Tokens, Usage};
pub use view::{Attention, CoderView, FileConflict, Peak, ToolAtWork, Waiting, WaitingFor};
