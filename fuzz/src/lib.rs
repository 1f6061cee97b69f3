//! What anyone may feed the recorder, and what must then hold: one file per door.
//!
//! Each `check` takes any bytes and panics where a promise is broken. The fuzz targets look for such bytes; `cargo test` of
//! the main package includes this file and runs the checks over what they found before.

pub mod accepted;
pub mod event_json;
pub mod filter;
pub mod mcp_lines;
pub mod otlp_body;
pub mod source_payload;
