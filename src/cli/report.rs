//! `report`: a day or a week as a page for a browser.

use std::{collections::HashMap, path::PathBuf, process::ExitCode};

use ai_coder_events::{
    aggregate::{CoderView, FileConflict, GroupKey, GroupKeys},
    brief::label,
    event::Time,
    filter::{Filter, TypeSet, parse_local_moment},
    history::{GroupQuery, Reader},
    page::{self, Lanes, ReportTable, ReportTold},
};
use anyhow::Context;
use clap::{Args, error::ErrorKind};
use jiff::{Zoned, tz::TimeZone};

use super::{
    Invocation, UNREADABLE,
    filter::{since, until},
    now,
    oldest_first::each_page,
    page_file,
    print::hour,
    stats::group_keys,
    usage,
};

/// A day or a week as a page: who did what when, what it cost, tables of it all
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// From this time on [default: today]: RFC 3339, an age such as 15m, 2h, 7d, a date, HH:MM, today, yesterday
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// Up to this time [default: now]
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Time>,

    /// A table of these first: model, agent, project, branch, coder, day, hour, tool, type; several with commas
    #[arg(long, value_name = "KEY[,KEY]", value_parser = group_keys)]
    by: Option<GroupKeys>,

    /// The file, which needs nothing else; - for stdout
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events report --html today.html
  ai-coder-events report --since yesterday --until today --html yesterday.html
  ai-coder-events report --since 7d --by project --html week.html";

/// Beyond this cost is shown by days.
const HOURS_SHOWN_MAX: i64 = 2 * Time::DAY;

impl ReportArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        if call.json {
            let message = "a report is a page: for figures as JSON there is `stats --by`";
            return Err(usage(Some("report"), ErrorKind::ArgumentConflict, message));
        }
        let until = self.until.unwrap_or_else(now);
        let from = match self.since {
            Some(since) => since,
            None => parse_local_moment("since", "today", &Zoned::now()).context("failed to tell what day it is")?,
        };
        if from >= until {
            return Err(usage(Some("report"), ErrorKind::ValueValidation, "`--since` is not before `--until`"));
        }
        let zone = TimeZone::system();
        let mut reader = Reader::new(&call.config.history);
        let told = gather(&mut reader, from, until, self.by, &zone)?;
        page_file::write(&self.html, &page::report(&told), &call.config.history)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn gather<'z>(
    reader: &mut Reader,
    from: Time,
    until: Time,
    by: Option<GroupKeys>,
    zone: &'z TimeZone,
) -> anyhow::Result<ReportTold<'z>> {
    let (mut lanes, mut events, mut conflicts) = (Lanes::default(), 0, HashMap::new());
    // Who was at work, or waited, when it began.
    let turns = Some(TypeSet::of(Lanes::turns()));
    let before = Filter { types: turns, since: Some(from.plus(-Time::DAY)), until: Some(from.plus(-1)), ..Filter::default() };
    each_page(reader, before, |page| {
        page.iter().for_each(|event| lanes.add(event));
        Ok(())
    })?;
    let filter = Filter { since: Some(from), until: Some(until), ..Filter::default() };
    each_page(reader, filter, |page| {
        for event in &page {
            events += 1;
            lanes.add(event);
            if let Some(conflict) = FileConflict::told_by(event) {
                conflicts.insert((conflict.file_path.clone(), conflict.coder_ids.clone()), conflict);
            }
        }
        Ok(())
    })?;
    let mut coders: Vec<(CoderView, String, page::Lane)> = Vec::new();
    for lane in lanes.between(from, until.min(now())) {
        // One that was forgotten meanwhile has nothing to tell.
        if let Some(coder) = reader.coder(&lane.coder_id).context(UNREADABLE)? {
            coders.push((coder.clone(), label(&coder), lane));
        }
    }
    let is_by_day = until.since(from) > HOURS_SHOWN_MAX;
    let mut grouped = |names: &[&str]| {
        let keys = GroupKeys::parse(names.iter().copied()).context("no keys")?;
        let query = GroupQuery { keys: keys.clone(), coder: None, since: Some(from), until: Some(until), hour_of: &hour };
        Ok::<_, anyhow::Error>((keys, reader.groups(&query).context(UNREADABLE)?))
    };
    let (_, cost) = grouped(&[if is_by_day { "day" } else { "hour" }, "model"])?;
    let asked: Option<Vec<&str>> = by.as_ref().map(|keys| keys.iter().map(GroupKey::name).collect());
    let usual = [&["model"][..], &["project"], &["agent"], &["tool"]];
    let mut tables: Vec<ReportTable> = Vec::new();
    for names in asked.as_deref().into_iter().chain(usual) {
        let (keys, groups) = grouped(names)?;
        let keys: Vec<GroupKey> = keys.iter().collect();
        if tables.iter().all(|table| table.keys != keys) {
            tables.push(ReportTable { heading: format!("By {}", names.join(" and ")), keys, rows: groups.rows, sum: groups.sum });
        }
    }
    let mut conflicts: Vec<FileConflict> = conflicts.into_values().collect();
    conflicts.sort_by(|one, other| (one.last_change, &one.file_path).cmp(&(other.last_change, &other.file_path)));
    Ok(ReportTold { from, until, zone, coders, events, cost: cost.rows, is_by_day, tables, conflicts })
}
