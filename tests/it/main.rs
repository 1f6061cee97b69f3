//! The program as scripts, agents and people use it: the real binary in a home of its own, and the rules of the house.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking; clippy exempts only the functions marked as tests")]

mod config;
mod crowd;
mod emit;
mod follow;
mod home;
mod hook;
mod list;
mod maintenance;
mod mcp;
mod rpc;
mod seed;
mod stats;
mod tidy;
mod types;
mod usage;
