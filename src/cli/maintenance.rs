//! Keeping the history in order: `prune`, `check`, `rejected`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    config::{Age, Size},
    history::{Checkup, Pruned, Reader, Rejected, Retention, Salvage, Writer},
    import,
    style::{Tint, bytes},
    text,
};
use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{
    Invocation, UNREADABLE,
    print::{Console, cell, count, json_line},
    progress,
};

/// Remove the oldest events; totals and the state of coders survive
#[derive(Debug, Args)]
#[command(after_help = PRUNE_EXAMPLES)]
pub struct PruneArgs {
    /// Remove what is older, such as 90d, 12h
    #[arg(long, value_name = "AGE")]
    max_age: Option<Age>,

    /// Keep at most so many events
    #[arg(long, value_name = "N")]
    max_events: Option<u64>,

    /// Keep at most so many bytes on disk, such as 1GiB, 500MiB
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<Size>,

    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

const PRUNE_EXAMPLES: &str = "\
Without a bound, those of the configuration apply (90 days and 1 GiB where it names none).

Examples:
  ai-coder-events prune --dry-run
  ai-coder-events prune --max-age 30d --max-bytes 500MiB";

#[derive(Serialize)]
struct PruneAnswer {
    #[serde(flatten)]
    pruned: Pruned,
    dry_run: bool,
}

impl PruneArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let given = Retention {
            max_age: self.max_age.map(|Age(micros)| micros),
            max_events: self.max_events,
            max_bytes: self.max_bytes.map(|Size(bytes)| bytes),
        };
        let retention = if given == Retention::default() { &call.config.retention } else { &given };
        let pruned = if self.dry_run {
            Reader::new(&call.config.history).prunable(retention).context(UNREADABLE)?
        } else {
            prune(retention, call)?
        };
        let mut out = io::stdout().lock();
        if call.json {
            json_line(&mut out, &PruneAnswer { pruned, dry_run: self.dry_run })?;
        } else {
            let verb = if self.dry_run { "would remove" } else { "removed" };
            let Pruned { removed, kept, bytes_before, bytes_after, .. } = pruned;
            let sizes =
                if self.dry_run { bytes(bytes_before) } else { format!("{} → {}", bytes(bytes_before), bytes(bytes_after)) };
            writeln!(out, "{verb} {}, {kept} kept, {sizes} on disk", count(removed, "event"))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn prune(retention: &Retention, call: &Invocation) -> anyhow::Result<Pruned> {
    let options = &call.config.history;
    // About so many: what else is recorded meanwhile may take the place of what goes.
    let total = match progress::is_seen(call) {
        true => Reader::new(options).prunable(retention).context(UNREADABLE)?.removed,
        false => 0,
    };
    let bar = progress::events(total, call);
    let pruned = Writer::new(options).prune_telling(retention, &mut |removed| bar.inc(removed));
    bar.finish_and_clear();
    pruned.context("failed to prune the history")
}

/// Take in what hooks spooled, and verify the history
#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub struct CheckArgs {
    /// Rebuild the aggregates; of a damaged file, save what can be read into a new one, and keep the old
    #[arg(long)]
    repair: bool,
}

const CHECK_EXAMPLES: &str = "\
Exit code 0 where all is well or was repaired, 1 where there are problems.

Examples:
  ai-coder-events check
  ai-coder-events check --repair --json";

impl CheckArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        if let Err(error) = import::take_in_feeds(&call.config.history) {
            tracing::warn!("the feed is not taken in: {error}");
        }
        let bar = progress::spinner("reading the file", call);
        let mut count_events = |done, total| progress::count_events(&bar, done, total);
        let checkup = Writer::new(&call.config.history).check_telling(self.repair, &mut count_events);
        bar.finish_and_clear();
        let checkup = checkup.context("failed to check the history")?;
        let Checkup { events, coders, spool_taken_in, problems, repaired, salvaged } = &checkup;
        let mut out = io::stdout().lock();
        if call.json {
            json_line(&mut out, &checkup)?;
        } else {
            problems.iter().try_for_each(|problem| writeln!(out, "{}", text::clean_line(problem)))?;
            if let Some(Salvage { events, lost, kept_as }) = salvaged {
                let lost = lost.map_or_else(|| "an unknown number".to_owned(), |lost| lost.to_string());
                let kept_as = kept_as.display().to_string();
                writeln!(
                    out,
                    "{} salvaged into a new history, {lost} lost; the damaged file is kept as `{}`",
                    count(*events, "event"),
                    text::clean_line(&kept_as)
                )?;
            }
            write!(out, "{}, {}", count(*events, "event"), count(*coders, "coder"))?;
            if *spool_taken_in > 0 {
                write!(out, ", {spool_taken_in} taken in from the spool")?;
            }
            let verdict = match (problems.is_empty(), repaired) {
                (true, _) => "all is well",
                (false, true) => "repaired",
                (false, false) => "not in order",
            };
            writeln!(out, ": {verdict}")?;
        }
        out.flush()?;
        if problems.is_empty() || *repaired {
            return Ok(ExitCode::SUCCESS);
        }
        let next = if self.repair {
            "restore the file from a backup, or move it away to begin anew"
        } else {
            "`check --repair` rebuilds what it can, and keeps a damaged file"
        };
        Err(anyhow!(
            "{} in the history `{}`: {next}",
            count(problems.len() as u64, "problem"),
            call.config.history.path.display()
        ))
    }
}

/// List what was refused, and why
#[derive(Debug, Args)]
#[command(after_help = REJECTED_EXAMPLES)]
pub struct RejectedArgs {
    /// Forget them
    #[arg(long)]
    clear: bool,
}

const REJECTED_EXAMPLES: &str = "\
Examples:
  ai-coder-events rejected
  ai-coder-events rejected --json | jq -r .reason
  ai-coder-events rejected --clear";

/// How much of a rejected input a row shows.
const INPUT_CHARS_SHOWN: usize = 100;

impl RejectedArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        if self.clear {
            let cleared = Writer::new(&call.config.history).clear_rejected().context("failed to write the history")?;
            match call.json {
                true => json_line(&mut out, &json!({ "cleared": cleared }))?,
                false => writeln!(out, "forgot {}", count(cleared, "rejection"))?,
            }
        } else {
            let kept = Reader::new(&call.config.history).rejected().context(UNREADABLE)?;
            match call.json {
                true => kept.iter().try_for_each(|rejected| json_line(&mut out, rejected))?,
                false => table(&mut out, &Console::of_stdout(&call.environment).whole(), &kept)?,
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn table(out: &mut impl Write, console: &Console, kept: &[Rejected]) -> io::Result<()> {
    for Rejected { time, source, reason, input } in kept {
        console
            .table(out, &[vec![cell(console.time(*time), Tint::Dim), cell(source, Tint::Plain), cell(reason, Tint::Plain)]])?;
        let input = text::excerpt(input, INPUT_CHARS_SHOWN);
        writeln!(out, "    {}", console.paint(&input, Tint::Dim))?;
    }
    Ok(())
}
