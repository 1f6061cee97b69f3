//! A source of your own: turns what a tool prints into drafts, and keeps them.
//!
//! ```sh
//! my-test-runner --json | cargo run --example custom_source -- ~/.local/state/ai-coder-events/history.db
//! ```
//!
//! The tool here is a made-up test runner that prints a line of JSON a step. A source has two halves: [`drafts_of`] is pure and
//! knows the tool, [`main`] knows the history. Where the other half need not be Rust, pipe JSON Lines into
//! `ai-coder-events emit -` instead.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "to print is what this example does")]

use std::{env, error::Error, io};

use ai_coder_events::{
    event::{Draft, EventType, Key},
    history::{Entry, Options, Outcome, Rejection, Writer},
};
use serde::Deserialize;

/// What the runner prints, as it prints it. What is not listed here is passed over.
#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Line {
    Begun {
        run: String,
    },
    Passed {
        run: String,
        test: String,
        done: u32,
        of: u32,
    },
    Failed {
        run: String,
        test: String,
        message: String,
    },
    Ended {
        run: String,
    },
    #[serde(other)]
    Other,
}

/// What one line says: nothing, where there is nothing to say.
fn drafts_of(line: Line) -> Vec<Draft> {
    let of = |draft: Draft, run: &str, part: &str| Draft {
        source: Some("test-runner".to_owned()),
        // The same line again, or told by another channel under the same key, is the same fact.
        key: Key::Natural(format!("test-runner:{run}:{part}")),
        ..draft
    };
    let coder = |run: &str| format!("test-runner:{run}");
    match line {
        Line::Begun { run } => vec![of(Draft::new(EventType::Started, coder(&run)), &run, "begun")],
        Line::Passed { run, test, done, of: all } => {
            let share = f64::from(done) / f64::from(all.max(1));
            vec![of(Draft::progress(coder(&run), share, "testing", &test), &run, &test)]
        }
        Line::Failed { run, test, message } => {
            // What no field of the type holds goes into `data`.
            let failed = Draft::new(EventType::Progress, coder(&run)).with("failed", true).with("error", message);
            vec![of(failed.with("test", test.as_str()), &run, &test)]
        }
        Line::Ended { run } => vec![of(Draft::new(EventType::Completed, coder(&run)), &run, "ended")],
        Line::Other => Vec::new(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let history = env::args_os().nth(1).ok_or("usage: custom_source HISTORY")?;
    let mut writer = Writer::new(&Options::new(history));
    for line in io::stdin().lines() {
        let line = line?;
        let entries = match serde_json::from_str(&line) {
            Ok(known) => drafts_of(known).into_iter().map(Entry::from).collect(),
            // Kept with its reason, so that nothing is lost in silence: `ai-coder-events rejected` lists it.
            Err(error) => {
                vec![Entry::from(Rejection { source: "test-runner".to_owned(), reason: error.to_string(), input: line })]
            }
        };
        for outcome in writer.append(entries)? {
            match outcome {
                Outcome::Appended { seq, .. } => println!("{seq}"),
                Outcome::Duplicate { seq, .. } | Outcome::Completed { seq, .. } => println!("{seq} again"),
                Outcome::Rejected(reason) => eprintln!("refused: {reason}"),
                Outcome::Unmet | Outcome::Unwanted | Outcome::Kept => {}
            }
        }
    }
    Ok(())
}
