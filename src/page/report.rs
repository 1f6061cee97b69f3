//! A day or a week as a page: who did what when, what it cost, and tables of it all.

use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::{
    aggregate::{CoderView, FileConflict, GroupKey, GroupRow},
    event::{Micros, Time},
    style,
    text::thousands,
};

use super::{
    figures, frame,
    lane_picture::{LanePicture, at, zoom},
    lanes::{Lane, LaneState},
    told::badge,
};

pub struct ReportTold<'z> {
    pub from: Time,
    pub until: Time,
    pub zone: &'z TimeZone,
    /// Coders with what they did, in the order of the lanes.
    pub coders: Vec<(CoderView, String, Lane)>,
    /// Events of the span.
    pub events: u64,
    /// What each model cost in each hour or day.
    pub cost: Vec<GroupRow>,
    /// Whether `cost` is by days.
    pub is_by_day: bool,
    /// Tables of `stats --by`: a heading, its keys, rows and sum.
    pub tables: Vec<ReportTable>,
    pub conflicts: Vec<FileConflict>,
}

pub struct ReportTable {
    pub heading: String,
    pub keys: Vec<GroupKey>,
    pub rows: Vec<GroupRow>,
    pub sum: GroupRow,
}

/// Rows of a table.
const ROWS_MAX: usize = 200;
/// Models that have a colour of their own.
const MODELS_MAX: usize = 6;
/// Height of the bars.
const BARS: f64 = 100.0;
/// Few bars are no wider than this.
const BAR_WIDTH_MAX: f64 = 60.0;

/// The page.
pub fn report(told: &ReportTold<'_>) -> String {
    let title = told.title();
    let notice = format!(
        "In this file: names, titles and figures of {}, and the files that several changed. Nothing of what was said.",
        figures::count(told.coders.len() as u64, "coder"),
    );
    let content = html! {
        header { div.page {
            h1 { (title) }
            p.meta { (figures::moment(told.from, told.zone)) " to " (figures::moment(told.until, told.zone)) }
            (facts(told))
        } }
        main.page.report id="content" tabindex="-1" {
            @if told.coders.is_empty() { p { "Nothing happened then." } } @else {
                (zoom())
                h2 { "Who did what when" }
                (told.lanes())
                (bars(told))
                (coders(told))
                (conflicts(told))
                @for table in &told.tables { (figures_by(table)) }
            }
        }
        footer { p.page { "Recorded by ai-coder-events." } }
    };
    frame::document(&title, &notice, &content)
}

impl ReportTold<'_> {
    fn title(&self) -> String {
        let day = |at: Time| figures::local(at, self.zone).strftime("%A %-d %B %Y").to_string();
        let (first, last) = (day(self.from), day(self.until.plus(-1)));
        if first == last { first } else { format!("{first} to {last}") }
    }

    fn lanes(&self) -> Markup {
        let (from, until) = self.drawn();
        let lanes =
            self.coders.iter().map(|(coder, name, lane)| (&**name, coder.title.as_deref().unwrap_or_default(), lane)).collect();
        LanePicture { from, until, zone: self.zone, lanes, conflicts: &self.conflicts }.draw()
    }

    /// The hours in which something happened: what lies before and behind is not drawn.
    fn drawn(&self) -> (Time, Time) {
        let spans = || self.coders.iter().flat_map(|(.., lane)| &lane.spans);
        let (Some(first), Some(last)) = (spans().map(|span| span.began).min(), spans().map(|span| span.ended).max()) else {
            return (self.from, self.until);
        };
        let from = first.floor(Time::HOUR).max(self.from);
        (from, last.plus(Time::HOUR).floor(Time::HOUR).min(self.until).max(from.plus(1)))
    }

    fn time(&self, state: LaneState) -> Micros {
        self.coders.iter().map(|(.., lane)| lane.time(state)).sum()
    }
}

fn facts(told: &ReportTold<'_>) -> Markup {
    let cost: f64 = told.cost.iter().filter_map(|row| row.usage.cost()).sum();
    let mark = if told.cost.iter().any(|row| !row.usage.cost_mark().is_empty()) { "~" } else { "" };
    let tokens: u64 = told.cost.iter().map(|row| row.usage.tokens.total).sum();
    let failed = told.coders.iter().flat_map(|(.., lane)| &lane.spans).filter(|span| span.state == LaneState::Failed).count();
    let facts = [
        ("Coders", thousands(told.coders.len() as u64)),
        ("Cost", if cost > 0.0 { format!("{mark}${}", style::dollars(cost)) } else { String::new() }),
        ("Tokens", if tokens > 0 { thousands(tokens) } else { String::new() }),
        ("Worked", figures::span(told.time(LaneState::Running))),
        ("Waited for a person", figures::span(told.time(LaneState::Waiting))),
        ("Failed", if failed > 0 { thousands(failed as u64) } else { String::new() }),
        ("File conflicts", if told.conflicts.is_empty() { String::new() } else { thousands(told.conflicts.len() as u64) }),
        ("Events", thousands(told.events)),
    ];
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd.bad[*name == "Failed"] { (value) } }
            }
        }
    }
}

/// Cost by model, one bar for each hour or day that had any.
fn bars(told: &ReportTold<'_>) -> Markup {
    let key = if told.is_by_day { GroupKey::Day } else { GroupKey::Hour };
    let mut models: Vec<(&str, f64)> = Vec::new();
    let mut times: Vec<(&str, f64)> = Vec::new();
    for row in &told.cost {
        let (Some(cost), Some(model), Some(time)) = (row.usage.cost(), row.get(GroupKey::Model), row.get(key)) else { continue };
        add(&mut models, model, cost);
        add(&mut times, time, cost);
    }
    models.retain(|(_, cost)| *cost > 0.0);
    models.sort_by(|one, other| other.1.total_cmp(&one.1));
    times.sort_by_key(|(time, _)| *time);
    let highest = times.iter().map(|(_, cost)| *cost).fold(0.0, f64::max);
    let colour = |model: &str| models.iter().position(|(known, _)| *known == model).unwrap_or(0).min(MODELS_MAX);
    let cost_of = |time: &str, model: &str| -> f64 {
        let of = |row: &&GroupRow| row.get(key) == Some(time) && row.get(GroupKey::Model) == Some(model);
        told.cost.iter().filter(of).filter_map(|row| row.usage.cost()).sum()
    };
    if highest <= 0.0 {
        return html! {};
    }
    let width = (1000.0 / times.len() as f64).min(BAR_WIDTH_MAX);
    html! {
        h2 { "Cost by " (if told.is_by_day { "day" } else { "hour" }) " and model" }
        div.scrolls tabindex="0" role="region" aria-label="Cost by time and model; the tables below say the same" {
            div.wide {
                svg viewBox="0 0 1000 100" preserveAspectRatio="none" style="height:100px" aria-hidden="true" {
                    @for (nth, (time, _)) in times.iter().enumerate() {
                        @let mut top = BARS;
                        @for (model, _) in &models {
                            @let part = cost_of(time, model) / highest * BARS;
                            @if part > 0.0 {
                                (bar(nth as f64 * width, { top -= part; top }, width * 0.9, part, colour(model)))
                            }
                        }
                    }
                }
                p.axis aria-hidden="true" {
                    @for (nth, (time, cost)) in times.iter().enumerate().filter(|(nth, _)| times.len() <= 12 || nth % times.len().div_ceil(12) == 0) {
                        span title={ "$" (style::dollars(*cost)) } style={ "left:" (at(nth as f64 * width / 10.0)) "%" } { (time.get(if told.is_by_day { 5 } else { 11 }..).unwrap_or(time)) }
                    }
                }
            }
        }
        p.legend {
            @for (model, cost) in &models { i.{ "m" (colour(model)) } {} (model) " $" (style::dollars(*cost)) }
        }
    }
}

fn bar(x: f64, y: f64, width: f64, height: f64, colour: usize) -> Markup {
    html! { rect.{ "m" (colour) } x=(at(x)) y=(at(y)) width=(at(width)) height=(at(height)) {} }
}

fn add<'n>(sums: &mut Vec<(&'n str, f64)>, name: &'n str, cost: f64) {
    match sums.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum += cost,
        None => sums.push((name, cost)),
    }
}

fn coders(told: &ReportTold<'_>) -> Markup {
    html! {
        h2 { "Coders" }
        div.scrolls tabindex="0" role="region" aria-label="Coders" { table {
            thead { tr { th { "Coder" } th { "Task" } th { "Project" } th { "Status" } th.n { "Worked" } th.n { "Waited" } th.n { "Failed calls" } th.n { "Tokens" } th.n { "Cost" } } }
            tbody {
                @for (coder, name, lane) in told.coders.iter().take(ROWS_MAX) {
                    tr {
                        td { (name) }
                        td.task { (coder.title.as_deref().unwrap_or_default()) }
                        td { (coder.project.as_deref().map_or("", |project| project.rsplit('/').next().unwrap_or(project))) }
                        td { (badge(coder.status)) }
                        td.n { (figures::span(lane.time(LaneState::Running))) }
                        td.n { (figures::span(lane.time(LaneState::Waiting))) }
                        td.n { @if coder.usage.failed_tools > 0 { (thousands(coder.usage.failed_tools)) } }
                        td.n { @if coder.usage.tokens.total > 0 { (thousands(coder.usage.tokens.total)) } }
                        td.n { (style::cost(&coder.usage)) }
                    }
                }
            }
        } }
        @if told.coders.len() > ROWS_MAX { p.meta { "and " (told.coders.len() - ROWS_MAX) " more" } }
    }
}

fn conflicts(told: &ReportTold<'_>) -> Markup {
    let name =
        |id: &str| told.coders.iter().find(|(coder, ..)| coder.coder_id == id).map_or(id.to_owned(), |(_, name, _)| name.clone());
    html! {
        @if !told.conflicts.is_empty() {
            h2 { "Files that several changed at once" }
            ul.conflicts {
                @for conflict in &told.conflicts {
                    li {
                        (figures::minute(conflict.last_change, told.zone)) " " code { (conflict.file_path) } ": "
                        (conflict.coder_ids.iter().map(|id| name(id)).collect::<Vec<_>>().join(" and "))
                    }
                }
            }
        }
    }
}

/// A heading, and what stands below it.
type ReportColumn = (&'static str, fn(&GroupRow) -> String);

fn figures_by(table: &ReportTable) -> Markup {
    let figures: [ReportColumn; 7] = [
        ("Calls", |row| some(row.usage.api_calls)),
        ("Cost", |row| style::cost(&row.usage)),
        ("Tokens", |row| some(row.usage.tokens.total)),
        ("Tool calls", |row| some(row.tool_calls)),
        ("Failed", |row| some(row.tool_calls_failed)),
        ("Took", |row| figures::span(i64::try_from(row.tool_duration_ms).unwrap_or(0).saturating_mul(1000))),
        ("Errors", |row| some(row.usage.errors)),
    ];
    let there = || figures.iter().filter(|(_, of)| table.rows.iter().any(|row| !of(row).is_empty()));
    html! {
        @if !table.rows.is_empty() {
            h2 { (table.heading) }
            div.scrolls tabindex="0" role="region" aria-label=(table.heading) { table {
                thead { tr { @for key in &table.keys { th { (key.name()) } } @for (name, _) in there() { th.n { (name) } } } }
                tbody {
                    @for row in table.rows.iter().take(ROWS_MAX) {
                        tr { @for key in &table.keys { td { (row.get(*key).unwrap_or_default()) } } @for (_, of) in there() { td.n { (of(row)) } } }
                    }
                    tr.all { @for (nth, _) in table.keys.iter().enumerate() { td { @if nth == 0 { "all" } } } @for (_, of) in there() { td.n { (of(&table.sum)) } } }
                }
            } }
        }
    }
}

fn some(count: u64) -> String {
    if count > 0 { thousands(count) } else { String::new() }
}
