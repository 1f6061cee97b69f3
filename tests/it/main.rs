//! The program as scripts, agents and people use it: the real binary in a home of its own, and the rules of the house.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking; clippy exempts only the functions marked as tests")]

mod channels;
mod collect;
mod config;
mod crowd;
mod emit;
mod facts_claude;
mod facts_codex;
mod facts_copilot;
mod facts_cursor;
mod facts_gemini;
mod facts_genai;
mod facts_opencode;
mod follow;
mod gone;
mod home;
mod hook;
mod import;
mod list;
mod load;
mod maintenance;
mod mcp;
mod rpc;
#[cfg(unix)]
mod run;
mod seed;
mod setup;
mod stats;
mod tidy;
mod types;
mod usage;
