//! What coders did as a person reads it: acts instead of events, a session as a story. Pure: events in, values out; whoever
//! shows them, on a terminal or as a page, decides how they look.

mod act;
mod live;
mod session;

pub use act::{Act, acts};
pub use live::LiveActs;
pub use session::{CallDetail, StepKind, StoryStep, StoryTurn, Storyteller};
