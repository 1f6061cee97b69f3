//! The flags that say which events are wanted, the same for `list` and `follow`.

use std::process::ExitCode;

use ai_coder_events::{
    event::{EventType, Family, Time},
    filter::{Filter, TextQuery, TypeSet, parse_local_moment, parse_path, plain_path},
    history::Reader,
    stderr::complain,
};
use anyhow::bail;
use clap::{Args, ValueEnum, builder::TypedValueParser};
use jiff::Zoned;

use super::{completions::Offered, which};

#[derive(Clone, Debug, Default, Args)]
pub struct FilterFlags {
    /// Only this coder's events: its id, handle, name or title; may be given several times
    #[arg(long, value_name = "CODER")]
    coder: Vec<String>,

    /// Only this type (`progress`, `ai_coder_progress`) or family (`progress.*`); may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = types(), hide_possible_values = true)]
    types: Vec<String>,

    /// Not before this time: RFC 3339, an age such as 90s, 15m, 2h, 7d, a date, HH:MM, today, yesterday
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// Not after this time
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Time>,

    /// Only what happened to this file, below this folder, or to paths that end so
    #[arg(long, value_parser = path)]
    path: Option<String>,

    /// Only where prompts, words, commands, errors, diffs or paths have all these words, whatever the case; `"a phrase"`, `-not`
    #[arg(long)]
    text: Option<String>,

    /// Only what failed: a tool, a call of the model, a turn
    #[arg(long)]
    failed: bool,
}

impl FilterFlags {
    pub fn looked_for(&self) -> Option<TextQuery> {
        self.text.as_deref().map(TextQuery::parse)
    }

    /// # Errors
    /// Where a coder is named that nobody knows, or several bear the name.
    pub fn into_filter(self, reader: &mut Reader) -> anyhow::Result<Filter> {
        let types = TypeSet::parse_all(self.types.iter().map(String::as_str)).expect("each name was parsed as a flag already");
        Ok(Filter {
            coders: self.coder.iter().map(|said| which::coder(reader, said)).collect::<anyhow::Result<_>>()?,
            types,
            since: self.since,
            until: self.until,
            path: self.path.as_deref().map(plain_path),
            text: self.text,
            failed: self.failed,
            ..Filter::default()
        })
    }

    /// What was looked for and is not there is an error; that nothing else came to pass is an answer.
    ///
    /// # Errors
    /// Where a text or a path is in no event.
    pub fn tell_if_nothing(&self, found: usize, json: bool) -> anyhow::Result<ExitCode> {
        if found > 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let within = if self.narrows_besides() { " that the other flags leave" } else { "" };
        if let Some(path) = &self.path {
            bail!("no event{within} is about `{}`: a path is as the coder names it, a folder above it, or its end", quoted(path));
        }
        if let Some(text) = &self.text {
            bail!("no event{within} has `{}`: all words must be in one event, whatever their order", quoted(text));
        }
        if !json && self.narrows_besides() {
            complain("no event is like that");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn narrows_besides(&self) -> bool {
        let FilterFlags { coder, types, since, until, failed, .. } = self;
        !coder.is_empty() || !types.is_empty() || since.is_some() || until.is_some() || *failed
    }
}

fn quoted(given: &str) -> String {
    ai_coder_events::text::excerpt(given, 80)
}

/// How much is said about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DetailLevel {
    /// Where, when, who, and one sentence
    Summary,
    /// Every field
    Full,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct DetailFlag {
    #[arg(
        long,
        value_name = "DETAIL",
        hide_possible_values = true,
        help = "summary or full [default: summary; full with --json]"
    )]
    detail: Option<DetailLevel>,
}

impl DetailFlag {
    /// People want the gist, programs everything.
    pub fn or_default(self, json: bool) -> DetailLevel {
        self.detail.unwrap_or(if json { DetailLevel::Full } else { DetailLevel::Summary })
    }
}

/// What `--type` takes; a shell offers types and families.
fn types() -> impl TypedValueParser<Value = String> {
    let families = Family::ALL.iter().map(|family| family.name());
    let mut offered: Vec<&'static str> = EventType::ALL.iter().map(|kind| kind.short()).chain(families).collect();
    offered.dedup();
    Offered(offered).try_map(|given| match TypeSet::parse(&given) {
        Ok(_) => Ok(given),
        Err(error) => Err(error.to_string()),
    })
}

/// As it was given, which is how it is told where nothing is about it.
fn path(given: &str) -> Result<String, String> {
    parse_path("path", given).map(|_| given.to_owned()).map_err(|error| error.to_string())
}

pub fn since(given: &str) -> Result<Time, String> {
    moment("since", given)
}

pub fn until(given: &str) -> Result<Time, String> {
    moment("until", given)
}

pub fn moment(flag: &str, given: &str) -> Result<Time, String> {
    parse_local_moment(flag, given, &Zoned::now()).map_err(|error| error.to_string())
}
