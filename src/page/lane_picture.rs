//! Lanes as a picture: who worked, waited and failed when, and which files several changed. Whoever cannot see it has a table.

use std::collections::HashSet;

use jiff::{Unit, ZonedRound, tz::TimeZone};
use maud::{Markup, html};

use crate::{
    aggregate::FileConflict,
    event::{Micros, Time},
};

use super::{
    figures,
    lanes::{Lane, LaneState},
};

pub struct LanePicture<'p> {
    pub from: Time,
    pub until: Time,
    pub zone: &'p TimeZone,
    /// What each coder is called, what it is about, and what it did.
    pub lanes: Vec<(&'p str, &'p str, &'p Lane)>,
    pub conflicts: &'p [FileConflict],
}

/// More lanes than these are no picture any more.
const LANES_MAX: usize = 60;
/// Height of a lane.
const LANE: usize = 26;
/// What lasts less is drawn as wide as this.
const NARROWEST: f64 = 1.0;
/// So many names of moments fit beside each other.
const TICKS_MAX: i64 = 13;
/// How far they lie apart, in minutes.
const STEPS: [Micros; 11] = [1, 5, 15, 30, 60, 120, 180, 360, 720, 24 * 60, 48 * 60];
const DAY: Micros = 24 * 60;

impl LanePicture<'_> {
    pub fn draw(&self) -> Markup {
        let axis = Axis::of(self);
        let shown = &self.lanes[..self.lanes.len().min(LANES_MAX)];
        let height = shown.len() * LANE;
        let place = |coder_id: &str| shown.iter().position(|(.., lane)| lane.coder_id == coder_id);
        html! {
            div.drawn {
                ul.names aria-hidden="true" { @for (name, about, _) in shown { li title=(if about.is_empty() { name } else { about }) { (name) } } }
                div.scrolls tabindex="0" role="region" aria-label="What each coder did when; the table below says the same" {
                    div.wide {
                        svg viewBox={ "0 0 1000 " (height) } preserveAspectRatio="none" style={ "height:" (height) "px" } aria-hidden="true" {
                            @for (x, _) in &axis.ticks { line.tick x1=(at(*x)) x2=(at(*x)) y1="0" y2=(height) {} }
                            @for (nth, (.., lane)) in shown.iter().enumerate() { (spans(&axis, nth, lane)) }
                            @for conflict in self.conflicts {
                                @let places: Vec<usize> = conflict.coder_ids.iter().filter_map(|id| place(id)).collect();
                                @if let (Some(top), Some(bottom)) = (places.iter().min(), places.iter().max()) {
                                    line.conflict x1=(at(axis.x(conflict.last_change))) x2=(at(axis.x(conflict.last_change)))
                                        y1=(top * LANE + LANE / 2) y2=(bottom * LANE + LANE / 2) {}
                                }
                            }
                        }
                        p.axis aria-hidden="true" { @for (x, name) in &axis.ticks { span style={ "left:" (at(x / 10.0)) "%" } { (name) } } }
                    }
                }
            }
            p.legend {
                @for state in LaneState::ALL { i class=(class(state)) {} (state.name()) }
                i.conflict {} "file conflict"
            }
            @if self.lanes.len() > LANES_MAX { p.meta { "and " (self.lanes.len() - LANES_MAX) " more, in the table" } }
        }
    }
}

/// How wide lanes and bars are drawn, without a script; what is wider than the page is scrolled, by keys too.
pub fn zoom() -> Markup {
    html! {
        fieldset.filters {
            legend { "Zoom" }
            @for (index, times) in [1, 2, 4, 8, 16].iter().enumerate() {
                label { input type="radio" name="zoom" id={ "zoom-" (times) } checked[index == 0]; (times) "×" }
            }
        }
    }
}

/// A number in a picture.
pub fn at(x: f64) -> String {
    format!("{x:.1}")
}

/// Where moments lie in a picture that is a thousand wide.
struct Axis {
    from: Time,
    until: Time,
    /// Where hours, days or minutes begin, with what they are called.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    fn of(picture: &LanePicture<'_>) -> Axis {
        let &LanePicture { from, until, .. } = picture;
        let mut axis = Axis { from, until, ticks: Vec::new() };
        let span = until.since(from);
        let step = STEPS.into_iter().find(|step| span / (step * Time::MINUTE) < TICKS_MAX).unwrap_or(7 * DAY);
        let step = if span / (step * Time::MINUTE) < TICKS_MAX { step } else { 30 * DAY };
        let form = if step < DAY { "%H:%M" } else { "%a %-d" };
        let first = figures::local(from, picture.zone);
        let rounding = match step {
            60.. => ZonedRound::new().smallest(Unit::Hour),
            _ => ZonedRound::new().smallest(Unit::Minute).increment(step),
        };
        // Days begin at midnight, wherever the hours of a day are many or few.
        let Ok(mut at) = (if step < DAY { first.round(rounding) } else { first.start_of_day() }) else { return axis };
        loop {
            let moment = Time::from_micros(at.timestamp().as_microsecond());
            if moment >= until {
                return axis;
            }
            if moment >= from {
                axis.ticks.push((axis.x(moment), at.strftime(form).to_string()));
            }
            let next = if step < DAY { jiff::Span::new().minutes(step) } else { jiff::Span::new().days(step / DAY) };
            match at.checked_add(next) {
                Ok(next) => at = next,
                Err(_) => return axis,
            }
        }
    }

    fn x(&self, at: Time) -> f64 {
        let all = self.until.since(self.from).max(1) as f64;
        (at.since(self.from) as f64 / all * 1000.0).clamp(0.0, 1000.0)
    }
}

fn spans(axis: &Axis, nth: usize, lane: &Lane) -> Markup {
    let y = nth * LANE + 6;
    // Of what is narrower, one at a place is all that would be seen.
    let mut narrow: HashSet<(Option<LaneState>, u64)> = HashSet::new();
    let ends = lane.spans.first().zip(lane.spans.last()).map(|(first, last)| (axis.x(first.began), axis.x(last.ended)));
    html! {
        @if let Some((first, last)) = ends { line.idle x1=(at(first)) x2=(at(last)) y1=(y + 7) y2=(y + 7) {} }
        @for span in lane.spans.iter().filter(|span| span.ended >= axis.from) {
            @let x = axis.x(span.began);
            @let width = axis.x(span.ended) - x;
            @if width >= NARROWEST || narrow.insert((Some(span.state), x as u64)) {
                rect class=(class(span.state)) x=(at(x)) y=(y) height="14" width=(at(width.max(NARROWEST))) {}
            }
        }
        @for (moment, _) in lane.milestones.iter().filter(|(moment, _)| *moment >= axis.from && narrow.insert((None, axis.x(*moment) as u64))) {
            rect.milestone x=(at(axis.x(*moment))) y=(y - 3) height="20" width="1.5" {}
        }
    }
}

const fn class(state: LaneState) -> &'static str {
    match state {
        LaneState::Running => "running",
        LaneState::Waiting => "waited",
        LaneState::Silent => "silent",
        LaneState::RateLimited => "limited",
        LaneState::Failed => "failed",
    }
}
