//! `coders`: who works, who waits, who is done.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::{Attention, CoderView, Waiting, WaitingFor},
    event::Status,
    history::{CodersQuery, Reader},
};
use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::{
    Call,
    list::UNREADABLE,
    print::{BOLD, Cell, DIM, Look, PLAIN, cell, json_line, status_style},
};

/// List coders, the most recently active first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Coders {
    /// Only coders of this status; may be given several times
    #[arg(long, value_name = "STATUS", value_parser = statuses())]
    status: Vec<Status>,

    /// Only those a person should look at: waiting, stalled, failed, rate limited
    #[arg(long)]
    needs_attention: bool,

    /// At most so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events coders
  ai-coder-events coders --needs-attention
  ai-coder-events coders --status running --status paused --json | jq -r .coder_id";

impl Coders {
    pub fn run(self, call: &Call) -> anyhow::Result<ExitCode> {
        let query = CodersQuery { statuses: self.status, needs_attention: self.needs_attention, limit: self.limit };
        let coders = Reader::new(&call.config.history).coders(&query).context(UNREADABLE)?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        match call.json {
            true => coders.iter().try_for_each(|coder| json_line(&mut out, coder))?,
            false => table(&mut out, &Look::of_stdout(call.environment.no_color), &coders)?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Status, coder, last activity, events, and what it is at.
///
/// # Errors
/// Where the table cannot be written.
pub fn table(out: &mut impl Write, look: &Look, coders: &[CoderView]) -> io::Result<()> {
    let rows: Vec<Vec<Cell>> = coders.iter().map(|coder| row(look, coder)).collect();
    look.table(out, &rows)
}

fn row(look: &Look, coder: &CoderView) -> Vec<Cell> {
    vec![
        cell(&coder.coder_id, BOLD),
        cell(standing(coder), status_style(coder.status)),
        cell(coder.last_activity.map_or(String::new(), |time| look.time(time)), DIM),
        cell(super::print::count(coder.events, "event"), DIM),
        cell(at_work(coder), PLAIN),
    ]
}

/// The status, and why a person should look.
fn standing(coder: &CoderView) -> String {
    let mut words = coder.status.name().to_owned();
    if let Some(Waiting { reason, .. }) = &coder.waiting {
        words.push_str(match reason {
            WaitingFor::Permission => ", waits for permission",
            WaitingFor::Question => ", waits for an answer",
            WaitingFor::Idle => ", waits for a prompt",
        });
    }
    if coder.stalled {
        words.push_str(", stalled");
    }
    if coder.needs_attention.contains(&Attention::RateLimited) {
        words.push_str(", rate limited");
    }
    if coder.needs_attention.contains(&Attention::FileConflict) {
        words.push_str(", file conflict");
    }
    words
}

fn at_work(coder: &CoderView) -> String {
    let share = coder.progress.map(|progress| format!("{:.0} %", progress * 100.0));
    let error = coder.last_error.as_ref().filter(|_| coder.status == Status::Failed);
    let said = error.or(coder.description.as_ref()).or(coder.milestone.as_ref());
    let said = said.map(|text| ai_coder_events::text::excerpt(text, 80));
    let parts: Vec<String> = [share, coder.stage.clone(), said].into_iter().flatten().collect();
    parts.join(" · ")
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.iter().map(|status| status.name()))
        .map(|name| Status::parse(&name).expect("only names of statuses are possible"))
}
