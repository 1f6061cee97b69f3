//! JSON lines from stdin: each receipt is written and flushed when its event is committed, while stdin stays open.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    history::{Entry, Writer},
    stderr::{cleaned, complain},
};
use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::cli::{
    Invocation,
    lines::{InputLine, InputLines},
    print::{count, json_line},
};

use super::{
    append,
    item::{CheckedInput, Receipt, Sender},
};

/// What one line came to.
#[derive(Serialize)]
#[serde(untagged)]
enum LineAnswer {
    Recorded {
        line: u64,
        #[serde(flatten)]
        receipt: Receipt,
    },
    Rejected {
        line: u64,
        rejected: String,
    },
}

/// JSON lines on their way from stdin into the history.
pub struct InputStream {
    sender: Sender,
    writer: Writer,
    json: bool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    recorded: u64,
    duplicates: u64,
    rejected: u64,
}

impl InputStream {
    pub fn new(sender: Sender, call: &Invocation) -> InputStream {
        InputStream { sender, writer: Writer::new(&call.config.history), json: call.json, counts: Counts::default() }
    }

    pub fn run(mut self) -> anyhow::Result<ExitCode> {
        let mut lines = InputLines::of(io::stdin());
        while let Some(batch) = lines.next_batch().context("failed to read stdin")? {
            let answers = self.record(batch)?;
            self.tell(&answers)?;
        }
        let Counts { recorded, duplicates, rejected } = self.counts;
        if !self.json {
            let mut out = io::stdout().lock();
            write!(out, "recorded {}", count(recorded, "event"))?;
            if duplicates > 0 {
                write!(out, ", {duplicates} already known")?;
            }
            if rejected > 0 {
                write!(out, ", {rejected} rejected")?;
            }
            writeln!(out)?;
        }
        if rejected > 0 {
            let lines = if rejected == 1 { "1 line was" } else { &format!("{rejected} lines were") };
            return Err(anyhow!("{lines} rejected: `ai-coder-events rejected` lists what and why"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One transaction for all lines that are there.
    fn record(&mut self, batch: Vec<InputLine>) -> anyhow::Result<Vec<LineAnswer>> {
        let numbers: Vec<u64> = batch.iter().map(|line| line.number).collect();
        let entries: Vec<Entry> = batch.into_iter().map(|line| CheckedInput::of_line(line.text, &self.sender).0).collect();
        let reason = |entry: &Entry| match entry {
            Entry::Rejection(rejection) => Some(rejection.reason.clone()),
            Entry::Draft(_) => None,
        };
        let reasons: Vec<Option<String>> = entries.iter().map(reason).collect();
        let outcomes = append(&mut self.writer, entries).with_context(|| match numbers[..] {
            [line] => format!("line {line} was not recorded"),
            [first, .., last] => format!("lines {first} to {last} were not recorded"),
            [] => "nothing was recorded".to_owned(),
        })?;
        let answer = |((line, reason), outcome)| match (reason, Receipt::of(outcome)) {
            (None, Ok(receipt)) => LineAnswer::Recorded { line, receipt },
            (Some(rejected), _) | (None, Err(rejected)) => LineAnswer::Rejected { line, rejected: cleaned(&rejected) },
        };
        Ok(numbers.into_iter().zip(reasons).zip(outcomes).map(answer).collect())
    }

    /// Each receipt is on its way before the next line is waited for.
    fn tell(&mut self, answers: &[LineAnswer]) -> io::Result<()> {
        let mut receipts = Vec::new();
        for answer in answers {
            match answer {
                LineAnswer::Recorded { receipt, .. } if receipt.duplicate => self.counts.duplicates += 1,
                LineAnswer::Recorded { .. } => self.counts.recorded += 1,
                LineAnswer::Rejected { line, rejected } => {
                    self.counts.rejected += 1;
                    // Where stderr is gone, the rejection is still kept in the history.
                    complain(&format!("line {line}: {rejected}"));
                }
            }
            if self.json {
                json_line(&mut receipts, answer)?;
            }
        }
        let mut out = io::stdout().lock();
        out.write_all(&receipts)?;
        out.flush()
    }
}
