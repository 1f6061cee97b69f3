//! `coders`: who works, who waits, who is done.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::{Attention, CoderView, ToolAtWork, Waiting, WaitingFor},
    event::{Status, Time, within_folder},
    history::{CodersQuery, Reader},
    style::{self, Tint, age},
    text::{excerpt, telling_lines, thousands},
};
use anyhow::Context;
use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};

use super::{
    Invocation, UNREADABLE,
    names::label,
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

/// The status, and why a person should look; in `short`, the reasons alone where they imply that it goes on.
pub fn standing(coder: &CoderView, now: Time, short: bool) -> String {
    let mut words = vec![coder.status.name().to_owned()];
    if let Some(Waiting { reason, since, .. }) = &coder.waiting {
        let what = match reason {
            WaitingFor::Permission => "waits for permission",
            WaitingFor::Question => "waits for an answer",
            WaitingFor::Idle => "waits for a prompt",
        };
        words.push(format!("{what} {}", age(now.since(*since))));
    }
    if coder.stalled {
        words.push(coder.last_activity.map_or("stalled".to_owned(), |last| format!("stalled {}", age(now.since(last)))));
    }
    let others = coder.needs_attention.iter().filter_map(|attention| match attention {
        Attention::RateLimited => Some("rate limited"),
        Attention::FileConflict => Some("file conflict"),
        Attention::Looping => Some("repeats itself"),
        Attention::OverBudget => Some("over budget"),
        _ => None,
    });
    words.extend(others.map(str::to_owned));
    let goes_on = matches!(coder.status, Status::Created | Status::Running | Status::Paused);
    if short && words.len() > 1 && goes_on {
        words.remove(0);
    }
    words.join(", ")
}

/// What it is about, and what it asks for, does, or failed on.
fn works_on(coder: &CoderView, now: Time, is_screen: bool) -> String {
    let share = coder.progress.map(|progress| {
        // To a person, nearly done is not done.
        let most = if is_screen && progress < 1.0 { 99.0 } else { 100.0 };
        format!("{:.0} %", f64::min(progress * 100.0, most))
    });
    let (title, doing) = (coder.title.clone(), doing(coder, now));
    let asks = coder.waiting.as_ref().is_some_and(|waiting| waiting.request.is_some());
    // What a person must know to act comes before what it is about.
    let parts = if asks || coder.status == Status::Failed { [doing, title, share] } else { [title, share, doing] };
    parts.into_iter().flatten().map(|said| excerpt(&said, SAID_CHARS_MAX)).collect::<Vec<_>>().join(" · ")
}

/// How much of a text is repeated in a row.
const SAID_CHARS_MAX: usize = 80;

fn doing(coder: &CoderView, now: Time) -> Option<String> {
    let folder = coder.project.as_deref().unwrap_or_default();
    let request = coder.waiting.as_ref().and_then(|waiting| waiting.request.as_deref());
    if let Some(request) = request {
        return Some(format!("asks: {}", within_folder(request, folder)));
    }
    if coder.status == Status::Failed {
        let error = coder.last_error.as_deref()?;
        return Some(telling_lines(error, 1).first().copied().unwrap_or(error).to_owned());
    }
    if let Some(ToolAtWork { call, since }) = &coder.tool_at_work {
        return Some(format!("{} for {}", within_folder(call, folder), age(now.since(*since))));
    }
    let said = coder.description.as_deref().or(coder.milestone.as_deref()).map(|said| within_folder(said, folder));
    // A tool's call names the tool itself.
    let stage = coder.stage.clone().filter(|stage| !said.as_ref().is_some_and(|said| said.starts_with(stage.as_str())));
    match (stage, said) {
        (Some(stage), Some(said)) => Some(format!("{stage}: {said}")),
        (stage, said) => stage.or(said),
    }
}

fn statuses() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.iter().map(|status| status.name()))
        .map(|name| Status::parse(&name).expect("only names of statuses are possible"))
}
