//! The flight recorder for AI coders: one durable, ordered history of what every coding agent did.

pub mod aggregate;
pub mod bus;
pub mod event;
pub mod filter;
pub mod history;
pub mod source;
pub mod text;
pub mod upkeep;
pub mod watch_path;
