//! Sessions and days as files to read in a browser, which need nothing else: no script, nothing from elsewhere, readable without
//! either. Pure: what the history holds goes in, HTML comes out; a session as Markdown, too.
//!
//! Recorded text is hostile: it is escaped by type (`maud`), and each file forbids itself scripts, images from elsewhere, forms.

mod figures;
mod frame;
mod lane_picture;
mod lanes;
mod markdown;
mod report;
mod session;
mod steps;
mod strip;
mod told;
mod words;

pub use lanes::{Lane, LaneSpan, LaneState, Lanes};
pub use markdown::session as session_markdown;
pub use report::{ReportTable, ReportTold, report};
pub use session::session;
pub use told::SessionTold;
