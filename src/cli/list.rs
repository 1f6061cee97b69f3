//! `list`: what happened, page by page, so that a history of any size is listed in little memory.

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
};

use ai_coder_events::{
    event::Event,
    filter::Filter,
    history::{Order, Page, Position, Query, Reader},
    story::{Act, acts},
};
use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};

use super::{
    Invocation, UNREADABLE, event_page,
    event_rows::EventRows,
    filter::{DetailFlag, DetailLevel, FilterFlags},
    print::{Console, json_event},
};

/// List events, newest first; on a terminal with the newest last, where the eye is
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListArgs {
    /// Exactly these events, with what they changed or said
    #[arg(
        value_name = "SEQ",
        value_parser = clap::value_parser!(u64).range(1..),
        conflicts_with_all = ["coder", "types", "since", "until", "path", "text", "failed", "after", "before", "limit"],
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
  ai-coder-events list --coder fix-auth --failed --since 2h
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
/// Events read for a row: most acts are told by one or two.
const EVENTS_A_ROW: usize = 2;

impl ListArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let mut reader = Reader::new(&call.config.history);
        let filter = self.filter.clone().into_filter(&mut reader)?;
        let detail = self.detail.or_default(call.json);
        let console = Console::of_stdout(&call.environment);
        if !call.json {
            console.tell_how_to_begin(&mut reader);
        }
        let is_screen = console.screen().is_some();
        let rows = EventRows::new(console, Reader::new(&call.config.history), self.filter.looked_for());
        let mut out = ListWriter { out: BufWriter::new(io::stdout().lock()), json: call.json, detail, rows };
        if !self.seqs.is_empty() {
            // A terminal's rows line up; what a program reads comes as it is found.
            return self.show(&mut reader, &mut out, if is_screen { PAGE_EVENTS } else { 1 });
        }
        let query = self.query(&mut reader, filter)?;
        let found = match (call.json, detail) {
            (false, DetailLevel::Summary) => self.rows(&mut reader, query, is_screen, &mut out)?,
            _ => self.events(&mut reader, query, &mut out)?,
        };
        out.out.flush()?;
        super::tell_unreadable(&reader);
        self.filter.tell_if_nothing(found, call.json)
    }

    fn query(&self, reader: &mut Reader, filter: Filter) -> anyhow::Result<Query> {
        let order = match self.order {
            First::Newest => Order::Newest,
            First::Oldest => Order::Oldest,
        };
        let (after, mut before) = (self.after, self.before);
        if order == Order::Oldest || self.limit == 0 {
            // Without an end, a busy history would be listed for as long as it grows.
            let end = reader.position().context(UNREADABLE)?.head.saturating_add(1);
            before = Some(before.map_or(end, |before| before.min(end)));
        }
        Ok(Query { filter, order, after, before, limit: PAGE_EVENTS, time_max: None, bytes_max: Query::PAGE_BYTES })
    }

    fn limit(&self) -> usize {
        if self.limit == 0 { usize::MAX } else { self.limit }
    }

    /// Every event for itself; says how many there were.
    fn events(&self, reader: &mut Reader, mut query: Query, out: &mut ListWriter<impl Write>) -> anyhow::Result<usize> {
        let mut left = self.limit();
        while left > 0 {
            query.limit = left.min(PAGE_EVENTS);
            let page = reader.page(&query).context(UNREADABLE)?;
            left = left.saturating_sub(page.events.len());
            out.page(&page.events)?;
            // Whoever reads it may have long to wait for the next.
            out.out.flush()?;
            if !turn_page(&mut query, &page) {
                break;
            }
        }
        Ok(self.limit() - left)
    }

    /// A row for each act; on a terminal the newest last, where the eye is.
    fn rows(
        &self,
        reader: &mut Reader,
        mut query: Query,
        newest_last: bool,
        out: &mut ListWriter<impl Write>,
    ) -> anyhow::Result<usize> {
        let newest_last = newest_last && query.order == Order::Newest;
        if newest_last && self.limit == 0 {
            query.order = Order::Oldest;
        }
        let mut left = self.limit();
        let mut kept: Vec<Event> = Vec::new();
        while left > 0 {
            query.limit = left.saturating_mul(EVENTS_A_ROW).saturating_add(EVENTS_A_ROW).min(PAGE_EVENTS);
            let mut page = reader.page(&query).context(UNREADABLE)?;
            out.rows.name_coders(&mut page.events);
            let mut told = acts(&page.events);
            told.truncate(left);
            left -= told.len();
            if newest_last && self.limit > 0 {
                kept.extend(told.iter().flat_map(|act| std::iter::once(act.event).chain(act.folded.iter().copied())).cloned());
            } else {
                out.rows.write_acts(&mut out.out, &told)?;
                out.out.flush()?;
            }
            if !turn_page(&mut query, &page) {
                break;
            }
        }
        kept.sort_unstable_by_key(|event| event.seq);
        out.rows.write(&mut out.out, &kept, DetailLevel::Summary)?;
        Ok(self.limit() - left)
    }

    fn show(&self, reader: &mut Reader, out: &mut ListWriter<impl Write>, at_once: usize) -> anyhow::Result<ExitCode> {
        let mut absent = Vec::new();
        for seqs in self.seqs.chunks(at_once) {
            let mut found = Vec::new();
            for &seq in seqs {
                match reader.event(seq).context(UNREADABLE)? {
                    Some(event) => found.push(event),
                    None => absent.push(seq),
                }
            }
            out.single(&found)?;
        }
        out.out.flush()?;
        super::tell_unreadable(reader);
        if absent.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(no_event(reader, &absent)?) }
    }
}

/// Whether there is another page.
fn turn_page(query: &mut Query, page: &Page) -> bool {
    match (page.next, query.order) {
        (None, _) => return false,
        (next, Order::Newest) => query.before = next,
        (next, Order::Oldest) => query.after = next,
    }
    true
}

/// Why there are no events of these seqs.
pub fn no_event(reader: &mut Reader, absent: &[u64]) -> anyhow::Result<anyhow::Error> {
    let Position { head, floor, .. } = reader.position().context(UNREADABLE)?;
    let removed = if floor > 0 { format!(", and retention removed events up to {floor}") } else { String::new() };
    let absent: Vec<String> = absent.iter().map(u64::to_string).collect();
    Ok(anyhow!("no event {}: the history ends at {head}{removed}", absent.join(", ")))
}

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

    /// Events that were asked for one by one, with what there is to read of them.
    fn single(&mut self, events: &[Event]) -> io::Result<()> {
        if self.json || self.detail == DetailLevel::Full {
            return self.page(events);
        }
        let each: Vec<Act<'_>> = events.iter().map(Act::of).collect();
        self.rows.write_each(&mut self.out, &each, event_page::write)
    }
}
