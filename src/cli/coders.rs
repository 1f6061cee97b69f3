//! `coders`: who works, who waits, who is done.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::CoderView,
    brief::{label, standing, works_on},
    event::{Status, Time},
    history::{CodersQuery, Reader},
    style::{self, Tint},
    text::thousands,
};
use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::{
    Invocation, UNREADABLE,
    print::{Cell, Console, cell, json_line},
};

/// List coders, the most recently active first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CodersArgs {
    /// Only coders of this status; may be given several times
    #[arg(long, value_name = "STATUS", value_parser = statuses())]
    status: Vec<Status>,

    /// Only those a person should look at: waiting, stalled, failed, rate limited, in conflict over a file
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
  ai-coder-events coders --status running --json | jq -r .coder_id";

impl CodersArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let query = CodersQuery { statuses: self.status, needs_attention: self.needs_attention, limit: self.limit };
        let mut reader = Reader::new(&call.config.history);
        let coders = reader.coders(&query).context(UNREADABLE)?;
        let console = Console::of_stdout(&call.environment);
        let mut out = io::BufWriter::new(io::stdout().lock());
        match call.json {
            true => coders.iter().try_for_each(|coder| json_line(&mut out, coder))?,
            false => {
                console.tell_how_to_begin(&mut reader);
                table(&mut out, &console, &coders)?;
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Coder, what it is at, when it was active, what it used, on which branch, and what it works on.
///
/// # Errors
/// Where the table cannot be written.
pub fn table(out: &mut impl Write, console: &Console, coders: &[CoderView]) -> io::Result<()> {
    let now = super::now();
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if console.screen().is_some() && !coders.is_empty() {
        let heading = |name: &str| cell(name, Tint::Dim);
        rows.push(vec![
            heading("coder").id(),
            heading("status"),
            heading("active").time(),
            heading("cost").number(),
            heading("tokens").number(),
            heading("branch").giving_way(),
            heading("model").giving_way(),
            heading("works on"),
        ]);
    }
    rows.extend(coders.iter().map(|coder| row(console, coder, now)));
    if console.screen().is_some() {
        leave_out_empty(&mut rows);
    }
    console.table(out, &rows)
}

/// Takes out columns that have a heading alone.
fn leave_out_empty(rows: &mut [Vec<Cell>]) {
    let Some((heading, coders)) = rows.split_first() else { return };
    let is_told: Vec<bool> =
        (0..heading.len()).map(|index| coders.iter().any(|row| row.get(index).is_some_and(|cell| !cell.is_empty()))).collect();
    for row in rows {
        let mut told = is_told.iter();
        row.retain(|_| told.next().copied().unwrap_or(true));
    }
}

fn row(console: &Console, coder: &CoderView, now: Time) -> Vec<Cell> {
    let is_screen = console.screen().is_some();
    let tokens = coder.usage.tokens.total;
    vec![
        cell(label(coder), Tint::Bold).id(),
        cell(standing(coder, now, is_screen), tint(coder)),
        cell(coder.last_activity.map_or(String::new(), |time| console.when(time, now)), Tint::Dim).time(),
        cell(style::cost(&coder.usage), Tint::Plain).number(),
        cell(if tokens > 0 { thousands(tokens) } else { String::new() }, Tint::Plain).number(),
        cell(coder.branch.as_deref().unwrap_or_default(), Tint::Dim).giving_way(),
        cell(coder.model.as_deref().unwrap_or_default(), Tint::Dim).giving_way(),
        cell(works_on(coder, now, is_screen), Tint::Plain),
    ]
}

fn tint(coder: &CoderView) -> Tint {
    if coder.needs_attention.is_empty() || coder.status == Status::Failed {
        Tint::of_status(coder.status)
    } else {
        Tint::Attention
    }
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.iter().map(|status| status.name()))
        .map(|name| Status::parse(&name).expect("only names of statuses are possible"))
}
