//! The program as scripts, agents and people use it: the real binary in a home of its own, and the rules of the house.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking; clippy exempts only the functions marked as tests")]

mod canary;
mod channels;
/// What must hold of any input; the fuzz targets run the same.
#[path = "../../fuzz/src/lib.rs"]
mod checks;
mod claims;
mod collect;
mod config;
mod corpora;
mod crowd;
#[cfg(unix)]
mod disk;
#[cfg(unix)]
mod doctor;
mod drafts;
mod emit;
#[cfg(unix)]
mod ends;
mod examples;
mod facts_claude;
mod facts_codex;
mod facts_copilot;
mod facts_cursor;
mod facts_gemini;
mod facts_genai;
mod facts_opencode;
#[cfg(unix)]
mod faults;
mod follow;
mod generated;
mod gone;
mod home;
mod hook;
mod import;
mod injection;
mod inputs;
mod json;
#[cfg(unix)]
mod keep;
mod list;
mod load;
mod maintenance;
mod mcp;
mod migration;
mod notify;
#[cfg(unix)]
mod pages;
#[cfg(unix)]
mod people;
mod planted;
mod prompts;
mod rpc;
#[cfg(unix)]
mod run;
mod secrets;
mod seed;
mod setup;
#[cfg(unix)]
mod shells;
mod show;
mod stats;
mod storm;
mod tell;
mod tidy;
mod trouble;
mod types;
mod usage;
mod warnings;
#[cfg(unix)]
mod watch;
mod ways_in;
mod web;
