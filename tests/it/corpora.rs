//! What the fuzz targets found before, through the same checks: CI replays it without cargo-fuzz.

use std::{fs, panic, path::Path};

use crate::checks;

/// Every kept input of `target`.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() > 20, "fuzz/corpus/{target} has only {} inputs", inputs.len());
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        // What is wrong is told by the panic itself; this tells where.
        assert!(panic::catch_unwind(|| check(&bytes)).is_ok(), "on {}", input.display());
    }
}

#[test]
fn event_json() {
    replay("event_json", checks::event_json::check);
}

#[test]
fn source_payload() {
    replay("source_payload", checks::source_payload::check);
}

#[test]
fn filter() {
    replay("filter", checks::filter::check);
}

#[test]
fn mcp_lines() {
    replay("mcp_lines", checks::mcp_lines::check);
}

#[test]
fn otlp_body() {
    replay("otlp_body", checks::otlp_body::check);
}
