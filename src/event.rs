//! What a coder did, as one fact: the event, the draft it was before it was checked, and its form on the wire.
//!
//! Pure: time and ids come in as values. One table ([`EventType::ALL`]) names the types and one declaration
//! (`body.rs`) names the fields of each family; parser, schemas, docs and tests are derived from these two.
//!
//! ```
//! use ai_coder_events::event::{Draft, Time};
//! use ai_coder_events::text::Redactor;
//!
//! let draft = Draft::parse(r#"{"type":"progress","coder_id":"fix-auth","progress":0.42,"turn":17}"#).unwrap();
//! let now = Time::parse("2026-11-22T19:21:00Z").unwrap();
//! let event = draft.check(now, &Redactor::default()).unwrap().into_event(1042, "0199".into());
//! assert_eq!(
//!     event.to_line(),
//!     r#"{"seq":1042,"id":"0199","type":"ai_coder_progress","coder_id":"fix-auth","timestamp":"2026-11-22T19:21:00.000000Z","progress":0.42,"data":{"turn":17}}"#
//! );
//! ```

mod body;
mod bounds;
mod clean_data;
mod completion;
mod counted_call;
mod data_key;
mod draft;
mod invalid;
mod kind;
mod limits;
mod parse;
mod process;
mod recording;
mod report;
mod schema;
mod sentence;
mod time;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use body::whole_number;
pub use body::{Body, Derived, Family, Field, FieldKind, Lifecycle, Progress, Provider, Resource, Workspace};
pub(crate) use counted_call::{CountedCall, recounted, recover};
pub use data_key::DataKey;
pub use draft::{Checked, Condition, Draft, Key, Status};
pub use invalid::Invalid;
pub(crate) use invalid::echo;
pub use kind::EventType;
pub use limits::{BYTES_MAX, DEPTH_MAX, LINE_BYTES_MAX, check_coder_id, check_id};
pub use process::Process;
pub use recording::Recording;
pub use report::{Channel, Report, SumScope};
pub use schema::{event_schema, events_page};
pub use sentence::{Summary, sentence, sentence_within, within_folder};
pub use time::{Micros, Time};
pub use wire::Event;

/// What an event carries besides its typed fields: JSON as it came, cleaned.
pub type Data = serde_json::Map<String, serde_json::Value>;
