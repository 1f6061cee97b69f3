//! A line that `emit -` reads.

use ai_coder_events::event::{Data, Draft};
use serde_json::Value;

use super::accepted;

pub fn check(line: &[u8]) {
    // `emit` refuses what is no UTF-8 before it parses.
    let Ok(line) = std::str::from_utf8(line) else { return };
    for fill in [|_: &mut Data| {}, fill as fn(&mut Data)] {
        match Draft::parse_with(line, fill) {
            Ok(draft) => drop(accepted::check(draft)),
            Err(invalid) => accepted::is_tellable(&invalid),
        }
    }
}

/// What a line lacks, as `emit - --coder fuzz` fills it.
fn fill(object: &mut Data) {
    for (key, value) in [("coder_id", "fuzz"), ("source", "emit")] {
        if object.get(key).is_none_or(|given| given.is_null() || given == "") {
            object.insert(key.to_owned(), Value::from(value));
        }
    }
}
