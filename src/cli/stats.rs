//! `stats`: what the whole history, or one coder's part of it, adds up to.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::{GroupKeys, Stats, Usage},
    event::{Micros, Time},
    history::{GroupQuery, Reader, StatsQuery},
    style::{self, Tint, bytes},
    text::thousands,
};
use anyhow::Context;
use clap::Args;

use super::{
    Invocation, UNREADABLE, coders,
    filter::{since, until},
    print::{Console, cell, chart, count, hour, json_line},
    which,
};

mod by;

/// Counts, tokens, cost and errors
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct StatsArgs {
    /// Only this coder: its id, handle, name or title
    #[arg(long, value_name = "CODER")]
    coder: Option<String>,

    /// Count only from this time on (to the minute of the last day, to the hour before): RFC 3339, an age such as 15m, 2h, 7d, a date, HH:MM, today, yesterday
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// Count only up to this time; with --by
    #[arg(long, value_name = "TIME", value_parser = until, requires = "by")]
    until: Option<Time>,

    /// A row for each, and their sum: model, agent, project, branch, coder, day, hour, tool, type; several with commas
    #[arg(long, value_name = "KEY[,KEY]", value_parser = group_keys)]
    by: Option<GroupKeys>,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events stats
  ai-coder-events stats --by model --since today
  ai-coder-events stats --by project,day --since 30d
  ai-coder-events stats --coder fix-auth --since 2h
  ai-coder-events stats --json | jq .events_per_minute";

/// As many coders as a screen shows; `coders` lists them all.
const CODERS_SHOWN: usize = 20;
/// Longer ones are no easier to compare.
const BAR_COLUMNS_MAX: usize = 40;
/// The last hour, the present minute at its end.
const MINUTES_DRAWN: Micros = 60;

impl StatsArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let mut reader = Reader::new(&call.config.history);
        let coder = self.coder.as_deref().map(|said| which::coder(&mut reader, said)).transpose()?;
        if let Some(keys) = self.by {
            let query = GroupQuery { keys, coder, since: self.since, until: self.until, hour_of: &hour };
            return grouped(call, &mut reader, &query);
        }
        let coders_max = if call.json { 0 } else { CODERS_SHOWN };
        let query = StatsQuery { coder, since: self.since, coders_max };
        let stats = reader.stats(&query).context(UNREADABLE)?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        if call.json {
            json_line(&mut out, &stats)?;
        } else {
            let console = Console::of_stdout(&call.environment);
            console.tell_how_to_begin(&mut reader);
            let now = super::now();
            let minutes = match console.screen() {
                Some(_) => {
                    let since = now.plus(-(MINUTES_DRAWN - 1) * Time::MINUTE);
                    reader.events_by_minute(query.coder.as_deref(), since, MINUTES_DRAWN as usize).context(UNREADABLE)?
                }
                None => Vec::new(),
            };
            page(&mut out, &console, &stats, &minutes, now)?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn grouped(call: &Invocation, reader: &mut Reader, query: &GroupQuery<'_>) -> anyhow::Result<ExitCode> {
    let groups = reader.groups(query).context(UNREADABLE)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if call.json {
        by::lines(&mut out, &groups)?;
    } else {
        let console = Console::of_stdout(&call.environment);
        console.tell_how_to_begin(reader);
        by::table(&mut out, &console, reader, &query.keys, &groups)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

pub fn group_keys(given: &str) -> Result<GroupKeys, String> {
    GroupKeys::parse(given.split(',')).map_err(|error| error.to_string())
}

fn page(out: &mut impl Write, console: &Console, stats: &Stats, minutes: &[u64], now: Time) -> io::Result<()> {
    let mut rows = Vec::new();
    let mut add = |name: &str, value: String| rows.push(vec![cell(name, Tint::Bold), cell(value, Tint::Plain)]);
    let since = stats.since.map_or(String::new(), |since| format!(" since {}", console.time(since)));
    add("events", format!("{}{since}", thousands(stats.total_events)));
    add("now", format!("{:.0} a minute", stats.events_per_minute));
    if let Some(last) = stats.last_event {
        add("last", console.when(last, now));
    }
    for (name, value) in usage(&stats.usage) {
        add(name, value);
    }
    let history = &stats.history;
    let from = history.oldest.map_or(String::new(), |oldest| format!(" from {oldest}"));
    // A person at a terminal has nothing from the memory of a program that is about to end.
    let memory = if console.screen().is_some() { String::new() } else { format!(", {} in memory", bytes(history.memory_bytes)) };
    let events = count(history.events, "event");
    add("history", format!("{events} kept{from} to {}, {} on disk{memory}", history.head, bytes(history.bytes)));
    if history.rejections > 0 {
        add("rejected", format!("{} (`ai-coder-events rejected` lists them)", history.rejections));
    }
    if history.spooled > 0 {
        add("spooled", format!("{} (`ai-coder-events check` takes them in)", count(history.spooled, "file")));
    }
    console.table(out, &rows)?;
    sparkline(out, console, minutes)?;
    types(out, console, &stats.events_by_type)?;
    if !stats.coders.is_empty() {
        writeln!(out)?;
        coders::table(out, console, &stats.coders)?;
    }
    let hidden = stats.coders_total.saturating_sub(stats.coders.len() as u64);
    if hidden > 0 && stats.coders.len() >= CODERS_SHOWN {
        console.line(out, &format!("… and {hidden} more: `ai-coder-events coders` lists them all"), Tint::Plain)?;
    }
    Ok(())
}

fn types(out: &mut impl Write, console: &Console, by_type: &BTreeMap<String, u64>) -> io::Result<()> {
    let mut counts: Vec<_> = by_type.iter().filter(|(_, count)| **count > 0).collect();
    if counts.is_empty() {
        return Ok(());
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let largest = counts.first().map_or(0, |(_, count)| **count);
    let mut rows: Vec<_> = counts
        .iter()
        .map(|(name, count)| vec![cell(name.as_str(), Tint::Plain), cell(thousands(**count), Tint::Plain).number()])
        .collect();
    if let Some(screen) = console.screen() {
        let name = counts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let columns = screen.saturating_sub(name + thousands(largest).len() + 4).min(BAR_COLUMNS_MAX);
        for (row, (_, count)) in rows.iter_mut().zip(&counts) {
            row.push(cell(chart::bar(**count, largest, columns), Tint::Cyan));
        }
    }
    writeln!(out)?;
    console.table(out, &rows)
}

fn sparkline(out: &mut impl Write, console: &Console, minutes: &[u64]) -> io::Result<()> {
    let shown = &minutes[minutes.len().saturating_sub(console.screen().unwrap_or(0))..];
    let most = shown.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return Ok(());
    }
    let heading = format!("the last {} minutes, at most {} a minute", shown.len(), count(most, "event"));
    writeln!(out)?;
    console.table(out, &[vec![cell(heading, Tint::Dim)], vec![cell(chart::sparkline(shown), Tint::Cyan)]])
}

/// What was used, one line each; nothing about what was not.
fn usage(usage: &Usage) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let tokens = &usage.tokens;
    if !tokens.is_zero() {
        let parts = [
            ("in", tokens.input),
            ("out", tokens.output),
            ("read from cache", tokens.cache_read),
            ("written to cache", tokens.cache_write),
        ];
        let parts: Vec<_> =
            parts.into_iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{} {what}", thousands(n))).collect();
        let total = thousands(tokens.total);
        lines.push(("tokens", if parts.is_empty() { total } else { format!("{total} ({})", parts.join(", ")) }));
    }
    lines.extend(cost(usage).map(|cost| ("cost", cost)));
    let mut add = |name, count: u64| {
        if count > 0 {
            lines.push((name, thousands(count)));
        }
    };
    add("calls", usage.api_calls);
    add("errors", usage.errors);
    add("rate limits", usage.rate_limits);
    add("failed tools", usage.failed_tools);
    if !usage.errors_by_code.is_empty() {
        // Of errors and rate limits alike, so that the figures agree.
        let codes: Vec<_> = usage.errors_by_code.iter().map(|(code, n)| format!("{} × {code}", thousands(*n))).collect();
        lines.push(("codes", codes.join(", ")));
    }
    lines
}

/// One figure, with `~` where part of it is estimated, and what is not in it.
fn cost(usage: &Usage) -> Option<String> {
    let unpriced =
        (usage.calls_unpriced > 0).then(|| format!("{} of models without a price", count(usage.calls_unpriced, "call")));
    let figure = Some(style::cost(usage)).filter(|figure| !figure.is_empty());
    match (figure, unpriced) {
        (Some(figure), Some(unpriced)) => Some(format!("{figure}, and {unpriced}")),
        (figure, unpriced) => figure.or(unpriced),
    }
}
