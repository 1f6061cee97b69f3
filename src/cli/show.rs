//! `show`: a session as a story, or one event with what it changed.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::CoderView,
    brief::{label, standing},
    event::{Event, Status, Time},
    filter::Filter,
    history::{Meant, Reader},
    page,
    story::{StoryTurn, Storyteller, acts},
    style::{self, Tint},
    text,
};
use anyhow::{Context, anyhow};
use clap::{Args, error::ErrorKind};
use jiff::tz::TimeZone;

use super::{
    Invocation, UNREADABLE, coders, event_page,
    event_rows::EventRows,
    filter::DetailLevel,
    filter::since,
    names::Names,
    oldest_first::each_page_by_time,
    page_file,
    pager::Pager,
    print::{Console, json_event, json_line},
    usage, which,
};

mod story_page;
mod told;

/// Read a session as a story, or an event with what it changed
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// A coder: its id, handle, name or title; or the seq of an event
    #[arg(value_name = "CODER|SEQ")]
    what: String,

    /// Only what came since this time
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// Write a page for a browser into this file, which needs nothing else; - for stdout
    #[arg(long, value_name = "FILE", conflicts_with = "markdown")]
    html: Option<PathBuf>,

    /// As Markdown, for an issue or a pull request
    #[arg(long)]
    markdown: bool,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events show fix-auth
  ai-coder-events show fix-auth --since 1h
  ai-coder-events show 1042
  ai-coder-events show fix-auth --json | jq -r .prompt
  ai-coder-events show fix-auth --html fix-auth.html
  ai-coder-events show fix-auth --markdown > fix-auth.md

What was asked and said, calls of tools folded to a line, what changed in files, what failed and why, and what each turn cost.
On a terminal what is longer than a screen goes through $PAGER.";

impl ShowArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let mut reader = Reader::new(&call.config.history);
        if call.json && (self.html.is_some() || self.markdown) {
            return Err(usage(Some("show"), ErrorKind::ArgumentConflict, "`--json` is no page: leave one of them out"));
        }
        if let Some(event) = self.event(&mut reader)? {
            if self.html.is_some() || self.markdown {
                return Err(usage(Some("show"), ErrorKind::ArgumentConflict, "a page is of a coder, not of one event"));
            }
            return show_event(call, &event);
        }
        let id = which::coder(&mut reader, &self.what)?;
        let coder = reader.coder(&id).context(UNREADABLE)?.ok_or_else(|| anyhow!("coder `{id}` is gone meanwhile"))?;
        if self.html.is_some() || self.markdown {
            let zone = TimeZone::system();
            let told = told::session(&mut reader, call, coder, self.since, &zone)?;
            let (file, page) = match self.html {
                Some(file) => (file, page::session(&told)),
                None => (page_file::STDOUT.into(), page::session_markdown(&told)),
            };
            page_file::write(&file, &page, &call.config.history)?;
            return Ok(ExitCode::SUCCESS);
        }
        if call.json {
            let mut out = io::BufWriter::new(io::stdout().lock());
            let teller = Storyteller::new(&call.config.history.prices, coder.project.clone());
            each_turn(&mut reader, call, &coder, self.since, teller, |turn| json_line(&mut out, &turn))?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        let console = Console::of_stdout(&call.environment);
        let mut pager = Pager::of_stdout(&call.environment);
        let told = story(&mut pager, &console, &mut reader, call, &coder, self.since);
        pager.finish(told)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The event of that seq, where no coder is called so.
    fn event(&self, reader: &mut Reader) -> anyhow::Result<Option<Event>> {
        let Ok(seq) = self.what.parse::<u64>() else { return Ok(None) };
        // A handle may be digits alone.
        if matches!(reader.which(&self.what).context(UNREADABLE)?, Meant::One(_)) {
            return Ok(None);
        }
        reader.event(seq).context(UNREADABLE)
    }
}

fn show_event(call: &Invocation, event: &Event) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if call.json {
        json_event(&mut out, event, DetailLevel::Full, None)?;
    } else {
        let console = Console::of_stdout(&call.environment);
        let mut rows = EventRows::new(console, Reader::new(&call.config.history), None);
        rows.write_each(&mut out, &[ai_coder_events::story::Act::of(event)], event_page::write)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Calls `tell` with each turn, oldest first.
fn each_turn(
    reader: &mut Reader,
    call: &Invocation,
    coder: &CoderView,
    since: Option<Time>,
    mut teller: Storyteller<'_>,
    mut tell: impl FnMut(StoryTurn) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut names = Names::new(Reader::new(&call.config.history));
    let filter = Filter { coders: vec![coder.coder_id.clone()], since, ..Filter::default() };
    each_page_by_time(reader, filter, |mut events| {
        names.put_into(&mut events);
        for act in acts(&events) {
            if let Some(turn) = teller.add(&act) {
                tell(turn)?;
            }
        }
        Ok(())
    })?;
    teller.end().map_or(Ok(()), tell)?;
    Ok(())
}

fn story(
    out: &mut Pager,
    console: &Console,
    reader: &mut Reader,
    call: &Invocation,
    coder: &CoderView,
    since: Option<Time>,
) -> anyhow::Result<()> {
    head(out, console, coder)?;
    let mut page = story_page::StoryPage::new(console);
    let teller = Storyteller::new(&call.config.history.prices, coder.project.clone());
    each_turn(reader, call, coder, since, teller, |turn| page.turn(out, &turn))?;
    let subagents = reader.subagents(&coder.coder_id).context(UNREADABLE)?;
    if !subagents.is_empty() {
        console.line(out, "", Tint::Plain)?;
        console.line(out, "its subagents, each a story of its own:", Tint::Dim)?;
        coders::table(out, console, &subagents)?;
    }
    Ok(())
}

/// Who it is, where it works and where it stands.
fn head(out: &mut impl Write, console: &Console, coder: &CoderView) -> io::Result<()> {
    let title = coder.title.as_deref().map_or(String::new(), |title| format!(" · {title}"));
    console.line(out, &format!("{}{title}", label(coder)), Tint::Bold)?;
    let branch = coder.branch.as_deref().map_or(String::new(), |branch| format!(" ({branch})"));
    let tokens = coder.usage.tokens.total;
    let facts = [
        Some(coder.coder_id.clone()).filter(|id| *id != coder.handle),
        coder.model.clone(),
        coder.project.as_ref().map(|project| format!("{project}{branch}")),
        coder.first_activity.map(|first| console.time(first)),
        (tokens > 0).then(|| format!("{} tokens", text::thousands(tokens))),
        Some(style::cost(&coder.usage)).filter(|cost| !cost.is_empty()),
    ];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    for line in console.wrapped(&text::clean_line(&facts), 0) {
        console.line(out, &line, Tint::Dim)?;
    }
    let standing = standing(coder, super::now(), false);
    let error = coder.last_error.as_deref().filter(|_| coder.status == Status::Failed);
    let error = error.and_then(|error| text::telling_lines(error, 1).first().copied());
    let why = error.map_or(String::new(), |error| format!(": {error}"));
    console.line(out, &format!("{standing}{why}"), Tint::of_status(coder.status))
}
