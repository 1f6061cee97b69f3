//! How something becomes an event: recognised, folded, judged and written, all in one transaction; or refused, or spooled.

pub(super) mod aggregates;
pub(super) mod append;
pub(super) mod aside;
pub(super) mod budgets;
pub(super) mod cache;
pub(super) mod conflict;
pub(super) mod entry;
pub(super) mod failed_calls;
pub(super) mod failures;
pub(super) mod fold;
pub(super) mod given_id;
pub(super) mod identity;
pub(super) mod listen;
pub(super) mod news;
pub(super) mod offspring;
pub(super) mod reject;
pub(super) mod settlement;
pub(super) mod spool;
pub(super) mod told;
pub(super) mod unmet_drafts;
pub(super) mod watch;
pub(super) mod writer;

pub use self::{
    entry::{Appended, CheckedEntry, Entry, Outcome},
    listen::{Listener, News, NewsAbout},
    reject::Rejection,
    spool::{Unkept, spool, spool_elsewhere},
    watch::WatchReply,
    writer::Writer,
};
