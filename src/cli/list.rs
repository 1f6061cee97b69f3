//! `list`: what happened, page by page, so that a history of any size is listed in little memory.

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use ai_coder_events::{
    event::Event,
    history::{Order, Position, Query, Reader},
};
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};

use super::{
    Invocation,
    filter::{DetailFlag, DetailLevel, FilterFlags},
    print::{Console, EventRows, json_event},
};

/// List events, newest first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// Exactly these events
    #[arg(
        value_name = "SEQ",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["coder", "types", "since", "until", "path", "text", "after", "before", "limit"],
    )]
    seqs: Vec<u64>,

    #[command(flatten)]
    filter: FilterFlags,

    /// Only events after this seq
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,

    /// Only events before this seq
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,

    #[arg(
        long,
        value_name = "ORDER",
        default_value = "newest",
        hide_possible_values = true,
        help = "Which comes first: newest or oldest"
    )]
    order: First,

    /// At most so many; 0 for all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    #[command(flatten)]
    detail: DetailFlag,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events list
  ai-coder-events list --coder fix-auth --type failed --type api_error --since 2h
  ai-coder-events list --type 'workspace.*' --path src/session.rs
  ai-coder-events list 1042 --detail full
  ai-coder-events list --json --limit 0 --order oldest > events.jsonl";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum First {
    Newest,
    Oldest,
}

/// Events held in memory at once; each may be as large as an event may be.
const PAGE_EVENTS: usize = 500;

impl ListArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let mut reader = Reader::new(&call.config.history);
        let detail = self.detail.or_default(call.json);
        let console = Console::of_stdout(&call.environment);
        if !call.json {
            console.tell_how_to_begin(&mut reader);
        }
        // A terminal's rows line up; what a program reads comes as it is found.
        let seqs_at_once = if console.screen().is_some() { PAGE_EVENTS } else { 1 };
        let rows = EventRows::new(console, self.filter.looked_for());
        let mut out = ListWriter { out: BufWriter::new(io::stdout().lock()), json: call.json, detail, rows };
        if self.seqs.is_empty() {
            self.list(&mut reader, &mut out)?
        } else {
            self.show(&mut reader, &mut out, seqs_at_once)?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn list(self, reader: &mut Reader, out: &mut ListWriter<impl Write>) -> anyhow::Result<()> {
        let order = match self.order {
            First::Newest => Order::Newest,
            First::Oldest => Order::Oldest,
        };
        let mut query = Query {
            filter: self.filter.into_filter(),
            order,
            after: self.after,
            before: self.before,
            limit: PAGE_EVENTS,
            scan_max: 0,
        };
        if order == Order::Oldest {
            // Without an end, a busy history would be listed for as long as it grows.
            let end = reader.position().context(UNREADABLE)?.head.saturating_add(1);
            query.before = Some(query.before.map_or(end, |before| before.min(end)));
        }
        let mut left = if self.limit == 0 { usize::MAX } else { self.limit };
        while left > 0 {
            query.limit = left.min(PAGE_EVENTS);
            let page = reader.page(&query).context(UNREADABLE)?;
            left = left.saturating_sub(page.events.len());
            out.page(&page.events)?;
            // Whoever reads it may have long to wait for the next.
            out.out.flush()?;
            let Some(next) = page.next else { break };
            match order {
                Order::Newest => query.before = Some(next),
                Order::Oldest => query.after = Some(next),
            }
        }
        out.out.flush()?;
        Ok(())
    }

    fn show(self, reader: &mut Reader, out: &mut ListWriter<impl Write>, at_once: usize) -> anyhow::Result<()> {
        let mut absent = Vec::new();
        for seqs in self.seqs.chunks(at_once) {
            let mut found = Vec::new();
            for &seq in seqs {
                match reader.event(seq).context(UNREADABLE)? {
                    Some(event) => found.push(event),
                    None => absent.push(seq.to_string()),
                }
            }
            out.page(&found)?;
        }
        out.out.flush()?;
        if absent.is_empty() {
            return Ok(());
        }
        let Position { head, floor, .. } = reader.position().context(UNREADABLE)?;
        let removed = if floor > 0 { format!(", and retention removed events up to {floor}") } else { String::new() };
        Err(anyhow!("no event {}: the history ends at {head}{removed}", absent.join(", ")))
    }
}

pub const UNREADABLE: &str = "failed to read the history";

struct ListWriter<W: Write> {
    out: BufWriter<W>,
    json: bool,
    detail: DetailLevel,
    rows: EventRows,
}

impl<W: Write> ListWriter<W> {
    fn page(&mut self, events: &[Event]) -> io::Result<()> {
        if self.json {
            return events.iter().try_for_each(|event| json_event(&mut self.out, event, self.detail, self.rows.looked_for()));
        }
        self.rows.write(&mut self.out, events, self.detail)
    }
}
