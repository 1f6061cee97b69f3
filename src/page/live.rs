//! Coders and lanes as they are now. A page of parts: a server puts one in another's place when it has become another.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::{
    aggregate::{CoderView, FileConflict, Usage},
    event::{Status, Time},
    style,
    text::thousands,
};

use super::{
    figures, frame,
    lane_picture::{LanePicture, zoom},
    lanes::Lane,
};

/// What is going on.
pub struct LiveTold<'z> {
    pub from: Time,
    pub now: Time,
    pub zone: &'z TimeZone,
    /// What needs a person first.
    pub coders: Vec<LiveCoder>,
    /// How many are known beyond these.
    pub coders_more: u64,
    pub conflicts: Vec<FileConflict>,
    /// The newest first.
    pub events: Vec<LiveEvent>,
    pub events_per_minute: f64,
    /// Since midnight.
    pub today: Usage,
}

pub struct LiveCoder {
    pub coder: CoderView,
    pub name: String,
    pub standing: String,
    pub works_on: String,
    /// What it did in the span that is drawn.
    pub lane: Option<Lane>,
}

#[derive(Clone)]
pub struct LiveEvent {
    pub at: Time,
    pub coder: String,
    pub said: String,
    pub is_bad: bool,
}

/// The parts of the page, as HTML: by the ids of the elements they stand in, the title apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveParts {
    title: String,
    parts: BTreeMap<&'static str, String>,
}

/// What the page runs: it puts parts in their places.
pub const LIVE_SCRIPT: &str = include_str!("live.js");

impl LiveParts {
    pub fn of(told: &LiveTold<'_>) -> LiveParts {
        let needing = told.coders.iter().filter(|coder| !coder.coder.needs_attention.is_empty()).count();
        let parts = [("facts", facts(told, needing)), ("lanes", lanes(told)), ("coders", coders(told)), ("events", events(told))];
        LiveParts {
            title: if needing > 0 { format!("({needing}) coders") } else { "coders".to_owned() },
            parts: parts.into_iter().map(|(id, part)| (id, part.into_string())).collect(),
        }
    }

    /// Those that are not as they were, with the title.
    pub fn changed_since(&self, earlier: &LiveParts) -> BTreeMap<&'static str, &str> {
        let title = Some(("title", self.title.as_str())).filter(|_| self.title != earlier.title);
        let parts = self.parts.iter().filter(|&(id, part)| earlier.parts.get(id) != Some(part));
        parts.map(|(id, part)| (*id, part.as_str())).chain(title).collect()
    }

    /// The whole page; `filter` is what was asked for, where something was.
    pub fn page(&self, filter: &str) -> String {
        let part = |id: &str| html! { div id=(id) { (maud::PreEscaped(self.parts.get(id).map_or("", String::as_str))) } };
        let content = html! {
            header { div.page {
                h1 { "Coders" }
                p.meta { output id="state" { "not live: its script does not run" } @if !filter.is_empty() { " · only " code { (filter) } } }
                (part("facts"))
            } }
            main.page.report id="content" tabindex="-1" {
                h2 { "Who does what" }
                (zoom())
                (part("lanes"))
                (part("coders"))
                h2 { "What happened last" }
                (part("events"))
            }
            footer { p.page { "Recorded by ai-coder-events." } }
        };
        let notice = "This page shows your history to whoever knows its address and is let in by this machine.";
        frame::served(&self.title, notice, &content)
    }
}

fn facts(told: &LiveTold<'_>, needing: usize) -> Markup {
    let is_at_work = |coder: &&LiveCoder| coder.coder.status == Status::Running && !coder.coder.stalled;
    let per_minute = format!("{:.0}", told.events_per_minute);
    let facts = [
        ("Need a person", thousands(needing as u64), needing > 0),
        ("At work", thousands(told.coders.iter().filter(is_at_work).count() as u64), false),
        ("Events a minute", per_minute, false),
        ("Cost today", style::cost(&told.today), false),
        ("Tokens today", if told.today.tokens.total > 0 { thousands(told.today.tokens.total) } else { String::new() }, false),
    ];
    html! {
        dl.facts {
            @for (name, value, is_bad) in facts.iter().filter(|(_, value, _)| !value.is_empty()) {
                div { dt { (name) } dd.bad[*is_bad] { (value) } }
            }
        }
    }
}

fn lanes(told: &LiveTold<'_>) -> Markup {
    let drawn = told.coders.iter().filter_map(|row| Some((&*row.name, &*row.works_on, row.lane.as_ref()?)));
    let picture =
        LanePicture { from: told.from, until: told.now, zone: told.zone, lanes: drawn.collect(), conflicts: &told.conflicts };
    html! { @if picture.lanes.is_empty() { p.meta { "Nothing has happened for " (style::age(told.now.since(told.from))) "." } } @else { (picture.draw()) } }
}

fn coders(told: &LiveTold<'_>) -> Markup {
    html! {
        @if !told.coders.is_empty() {
            div.scrolls tabindex="0" role="region" aria-label="Coders" { table {
                thead { tr { th { "Coder" } th { "Stands" } th { "Works on" } th { "Branch" } th.n { "Active" } th.n { "Tokens" } th.n { "Cost" } } }
                tbody {
                    @for row in &told.coders {
                        @let coder = &row.coder;
                        tr.needs[!coder.needs_attention.is_empty()] {
                            td { (row.name) }
                            td { span.badge.(coder.status.name()) { (row.standing) } }
                            td.task { (row.works_on) }
                            td { (coder.branch.as_deref().unwrap_or_default()) }
                            td.n { (coder.last_activity.map_or(String::new(), |last| style::age(told.now.since(last)))) }
                            td.n { @if coder.usage.tokens.total > 0 { (thousands(coder.usage.tokens.total)) } }
                            td.n { (style::cost(&coder.usage)) }
                        }
                    }
                }
            } }
        }
        @if told.coders_more > 0 { p.meta { "and " (thousands(told.coders_more)) " more, silent for longer" } }
    }
}

fn events(told: &LiveTold<'_>) -> Markup {
    html! {
        ol.log {
            @for event in &told.events {
                li.bad[event.is_bad] { time { (figures::clock(event.at, told.zone)) } " " b { (event.coder) } " " (event.said) }
            }
        }
    }
}
