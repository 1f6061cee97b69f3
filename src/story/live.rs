//! Acts as they happen: what a reader is told now, and what once it is over.
//!
//! A command may run for long, so it is told when it begins, and once more where it fails. Other calls are told when they end,
//! with the file that they changed. What a later report merely adds to a fact that was told is no act.

use std::collections::HashMap;

use crate::event::{DataKey, Event};

/// Calls that have begun, whose end is to come.
#[derive(Debug, Default)]
pub struct LiveActs {
    open: HashMap<u64, BegunCall>,
}

#[derive(Debug)]
struct BegunCall {
    fact: Event,
    is_told: bool,
}

/// Agents have a few calls open each; beyond this they are those whose end nobody will tell.
const OPEN_MAX: usize = 1024;

impl LiveActs {
    /// What is to be told now that `event` has come; `find` looks up a fact that began before this reader did.
    pub fn told(&mut self, event: &Event, find: impl FnOnce(u64) -> Option<Event>) -> Option<Event> {
        let Some(seq) = event.completes else {
            if !event.is_running() {
                return Some(event.clone());
            }
            let is_told = event.data.contains_key(DataKey::Command.name());
            if self.open.len() >= OPEN_MAX {
                self.open.clear();
            }
            self.open.insert(event.seq, BegunCall { fact: event.clone(), is_told });
            return is_told.then(|| event.clone());
        };
        if let Some(BegunCall { mut fact, is_told }) = self.open.remove(&seq) {
            fact.complete_with(event);
            if fact.is_running() {
                self.open.insert(seq, BegunCall { fact, is_told });
                return None;
            }
            return (!is_told || fact.has_failed()).then_some(fact);
        }
        if event.has_failed() { Some(find(seq).unwrap_or_else(|| event.clone())) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        event::{Draft, Time, sentence},
        text::Redactor,
    };

    use super::*;

    fn event(seq: u64, line: &str) -> Event {
        let now = Time::parse("2026-11-22T12:00:00Z").expect("valid");
        let draft = Draft::parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        draft.check(now, &Redactor::default()).expect("valid").into_event(seq, format!("e{seq}"))
    }

    fn call(tool: &str, more: &str) -> String {
        format!(r#"{{"type":"progress","coder_id":"a","tool_name":"{tool}","description":"{tool}: x"{more}}}"#)
    }

    fn end(seq: u64, completes: u64, more: &str) -> Event {
        let line = format!(r#"{{"type":"progress","coder_id":"a","tool_name":"T","data":{{"running":false{more}}}}}"#);
        Event { completes: Some(completes), ..event(seq, &line) }
    }

    #[track_caller]
    fn check(events: &[Event], expected: &[&str]) {
        let mut live = LiveActs::default();
        let find = |seq| Some(event(seq, &call("Old", r#","failed":true"#)));
        let told: Vec<String> = events.iter().filter_map(|event| live.told(event, find)).map(|event| sentence(&event)).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_command_is_told_when_it_begins_and_where_it_fails() {
        let begun = event(1, &call("Bash", r#","running":true,"command":"x""#));
        check(&[begun.clone(), end(2, 1, "")], &["Bash running: x"]);
        check(&[begun, end(2, 1, r#","failed":true,"exit_code":2"#)], &["Bash running: x", "Bash failed, exit 2: x"]);
    }

    #[test]
    fn other_calls_are_told_when_they_end() {
        let begun = event(1, &call("Read", r#","running":true"#));
        check(std::slice::from_ref(&begun), &[]);
        check(&[begun.clone(), end(2, 1, "")], &["Read: x"]);
        check(&[begun, end(2, 1, r#","failed":true"#)], &["Read failed: x"]);
    }

    #[test]
    fn what_is_added_to_a_fact_is_no_act_but_a_failure_is() {
        check(&[event(1, &call("Read", "")), end(2, 1, "")], &["Read: x"]);
        check(&[end(9, 4, "")], &[]);
        check(&[end(9, 4, r#","failed":true"#)], &["Old failed: x"]);
    }
}
