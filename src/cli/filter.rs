//! The flags that say which events are wanted, the same for `list` and `follow`.

use std::process::ExitCode;

use ai_coder_events::{
    event::Time,
    filter::{Filter, TextQuery, TypeSet, parse_moment},
    history::Reader,
    stderr::complain,
};
use anyhow::bail;
use clap::{Args, ValueEnum};
use jiff::{
    Zoned,
    civil::{self, Date},
};

use super::which;

#[derive(Clone, Debug, Default, Args)]
pub struct FilterFlags {
    /// Only this coder's events: its id, handle, name or title; may be given several times
    #[arg(long, value_name = "CODER")]
    coder: Vec<String>,

    /// Only this type (`progress`, `ai_coder_progress`) or family (`progress.*`); may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = type_name)]
    types: Vec<String>,

    /// Not before this time: RFC 3339, an age such as 90s, 15m, 2h, 7d, a date, HH:MM, today, yesterday
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// Not after this time
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Time>,

    /// Only what happened to this file, below this folder, or to paths that end so
    #[arg(long)]
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
            path: self.path,
            text: self.text,
            failed: self.failed,
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

fn type_name(given: &str) -> Result<String, String> {
    TypeSet::parse(given).map(|_| given.to_owned()).map_err(|error| error.to_string())
}

pub fn since(given: &str) -> Result<Time, String> {
    moment("since", given)
}

pub fn until(given: &str) -> Result<Time, String> {
    moment("until", given)
}

pub fn moment(flag: &str, given: &str) -> Result<Time, String> {
    if let Some(time) = local(given, &Zoned::now()) {
        return Ok(time);
    }
    parse_moment(flag, given, super::now()).map_err(|error| error.to_string())
}

/// What only a person's clock knows: `today`, `yesterday`, a date, `HH:MM` of today.
fn local(given: &str, now: &Zoned) -> Option<Time> {
    let midnight = |date: Date| date.to_zoned(now.time_zone().clone()).ok();
    let moment = match given {
        "today" => midnight(now.date()),
        "yesterday" => midnight(now.date().yesterday().ok()?),
        _ if given.len() == 5 => {
            now.date().to_datetime(civil::Time::strptime("%H:%M", given).ok()?).to_zoned(now.time_zone().clone()).ok()
        }
        _ => midnight(Date::strptime("%Y-%m-%d", given).ok()?),
    }?;
    Some(Time::from_micros(moment.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_day_begins_at_midnight() {
        let now: Zoned = "2026-11-28T21:30:00+01:00[+01:00]".parse().expect("valid");
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(local(given, &now), expected.map(|time| Time::parse(time).expect("valid")), "{given}");
        };
        check("today", Some("2026-11-27T23:00:00Z"));
        check("yesterday", Some("2026-11-26T23:00:00Z"));
        check("2026-11-02", Some("2026-11-01T23:00:00Z"));
        check("08:15", Some("2026-11-28T07:15:00Z"));
        for given in ["15m", "24:00", "2026-13-01", "2026-11-28T10:00:00Z", "noon", ""] {
            check(given, None);
        }
    }
}
