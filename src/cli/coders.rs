//! `coders`: who works, who waits, who is done.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::{Attention, CoderView, Waiting, WaitingFor},
    event::{Status, Time},
    history::{CodersQuery, Reader},
    style::Tint,
};
use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::{
    Invocation,
    list::UNREADABLE,
    print::{Cell, Console, cell, count, json_line},
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
  ai-coder-events coders --status running --status paused --json | jq -r .coder_id";

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

/// Coder, status, last activity, events, and what it is at.
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
            heading("events").number(),
            heading("at work"),
        ]);
    }
    rows.extend(coders.iter().map(|coder| row(console, coder, now)));
    console.table(out, &rows)
}

fn row(console: &Console, coder: &CoderView, now: Time) -> Vec<Cell> {
    let is_screen = console.screen().is_some();
    let events = if is_screen { coder.events.to_string() } else { count(coder.events, "event") };
    vec![
        cell(&coder.coder_id, Tint::Bold).id(),
        cell(standing(coder, is_screen), Tint::of_status(coder.status)),
        cell(coder.last_activity.map_or(String::new(), |time| console.when(time, now)), Tint::Dim).time(),
        cell(events, Tint::Dim).number(),
        cell(at_work(coder, is_screen), Tint::Plain),
    ]
}

/// The status, and why a person should look; in `short`, the reasons alone where they imply that it goes on.
fn standing(coder: &CoderView, short: bool) -> String {
    let mut words = vec![coder.status.name()];
    if let Some(Waiting { reason, .. }) = &coder.waiting {
        words.push(match reason {
            WaitingFor::Permission => "waits for permission",
            WaitingFor::Question => "waits for an answer",
            WaitingFor::Idle => "waits for a prompt",
        });
    }
    if coder.stalled {
        words.push("stalled");
    }
    if coder.needs_attention.contains(&Attention::RateLimited) {
        words.push("rate limited");
    }
    if coder.needs_attention.contains(&Attention::FileConflict) {
        words.push("file conflict");
    }
    let goes_on = matches!(coder.status, Status::Created | Status::Running | Status::Paused);
    if short && words.len() > 1 && goes_on {
        words.remove(0);
    }
    words.join(", ")
}

fn at_work(coder: &CoderView, is_screen: bool) -> String {
    let share = coder.progress.map(|progress| {
        // To a person, nearly done is not done.
        let most = if is_screen && progress < 1.0 { 99.0 } else { 100.0 };
        format!("{:.0} %", f64::min(progress * 100.0, most))
    });
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
