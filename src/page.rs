//! Sessions and days as files to read in a browser, which need nothing else: no script, nothing from elsewhere, readable without
//! either; and what is going on now, as a page that a server keeps current. Pure: what the history holds goes in, HTML comes out;
//! a session as Markdown, too.
//!
//! Recorded text is hostile: it is escaped by type (`maud`), and each file forbids itself scripts, images from elsewhere, forms.

mod figures;
mod frame;
mod lane_picture;
mod lanes;
mod live;
mod markdown;
mod report;
mod session;
mod steps;
mod strip;
mod told;
mod words;

pub use frame::STYLE;
pub use lanes::{Lane, LaneSpan, LaneState, Lanes};
pub use live::{LIVE_SCRIPT, LiveCoder, LiveEvent, LiveParts, LiveTold};
pub use markdown::session as session_markdown;
pub use report::{ReportTable, ReportTold, report};
pub use session::session;
pub use told::SessionTold;
