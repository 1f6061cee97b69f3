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
    Call,
    lines::{Line, Lines},
    print::{count, json_line},
};

use super::{
    append,
    item::{Item, Receipt, Sender},
};

/// What one line came to.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
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
pub struct Stream {
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

impl Stream {
    pub fn new(sender: Sender, call: &Call) -> Stream {
        Stream { sender, writer: Writer::new(&call.config.history), json: call.json, counts: Counts::default() }
    }

    pub fn run(mut self) -> anyhow::Result<ExitCode> {
        let mut lines = Lines::of(io::stdin());
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
    fn record(&mut self, batch: Vec<Line>) -> anyhow::Result<Vec<Answer>> {
        let numbers: Vec<u64> = batch.iter().map(|line| line.number).collect();
        let entries: Vec<Entry> = batch.into_iter().map(|line| Item::of_line(line.text, &self.sender).0).collect();
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
            (None, Ok(receipt)) => Answer::Recorded { line, receipt },
            (Some(rejected), _) | (None, Err(rejected)) => Answer::Rejected { line, rejected: cleaned(&rejected) },
        };
        Ok(numbers.into_iter().zip(reasons).zip(outcomes).map(answer).collect())
    }

    /// Each receipt is on its way before the next line is waited for.
    fn tell(&mut self, answers: &[Answer]) -> io::Result<()> {
        let mut receipts = Vec::new();
        for answer in answers {
            match answer {
                Answer::Recorded { receipt, .. } if receipt.duplicate => self.counts.duplicates += 1,
                Answer::Recorded { .. } => self.counts.recorded += 1,
                Answer::Rejected { line, rejected } => {
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
