//! A session's time at a glance: what was said, which calls ran, what waited, with long silences cut short.

use maud::{Markup, html};

use crate::event::{Micros, Time};

/// What is drawn of a moment or a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripMark {
    Said,
    Tool,
    Failed,
    Waited,
    Subagent,
}

impl StripMark {
    /// Its class, and what it is called.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            StripMark::Said => ("said", "says"),
            StripMark::Tool => ("tool", "tool"),
            StripMark::Failed => ("failed", "failed"),
            StripMark::Waited => ("waited", "waits"),
            StripMark::Subagent => ("sub", "subagent"),
        }
    }

    const fn row(self) -> u32 {
        match self {
            StripMark::Said => 2,
            StripMark::Tool | StripMark::Failed | StripMark::Waited => 16,
            StripMark::Subagent => 30,
        }
    }
}

/// Silence beyond this is not drawn to scale.
const SILENCE_MAX: Micros = Time::MINUTE;
/// The strip's width in its own unit.
const WIDTH: f64 = 1000.0;
/// What is narrower is not seen.
const NARROWEST: f64 = 1.5;
/// So many marks at most: more are too narrow to be seen.
const MARKS_MAX: usize = 3_000;

#[derive(Debug, Default)]
pub struct Strip {
    marks: Vec<(StripMark, Time, Time)>,
    /// Where each prompt begins.
    turns: Vec<Time>,
}

impl Strip {
    pub fn turn(&mut self, at: Time) {
        self.turns.push(at);
    }

    pub fn add(&mut self, mark: StripMark, began: Time, ended: Time) {
        self.marks.push((mark, began, ended.max(began)));
    }

    pub fn draw(mut self) -> Markup {
        self.marks.sort_by_key(|(_, began, _)| *began);
        let scale = Scale::of(self.turns.iter().map(|at| (*at, *at)).chain(self.marks.iter().map(|mark| (mark.1, mark.2))));
        let every = self.marks.len().div_ceil(MARKS_MAX).max(1);
        let kinds = [StripMark::Said, StripMark::Tool, StripMark::Failed, StripMark::Waited, StripMark::Subagent];
        let there = kinds.into_iter().filter(|kind| self.marks.iter().any(|(mark, ..)| mark == kind));
        html! {
            svg.strip viewBox="0 0 1000 44" preserveAspectRatio="none" aria-hidden="true" {
                @for (mark, began, ended) in self.marks.iter().step_by(every) {
                    @let width = (scale.x(*ended) - scale.x(*began)).max(NARROWEST);
                    rect class=(mark.names().0) x=(place(scale.x(*began).min(WIDTH - width))) y=(mark.row()) height="11"
                        width=(place(width)) {}
                }
            }
            p.ticks {
                @for (nth, at) in (1..).zip(&self.turns) {
                    @if nth <= TICKS_MAX || self.turns.len() <= TICKS_MAX {
                        a href={ "#t" (nth) } style={ "left:" (place(scale.x(*at) / 10.0)) "%" } { (nth) }
                    }
                }
            }
            p.legend { @for kind in there { i class=(kind.names().0) {} (kind.names().1) } }
        }
    }
}

/// More numbers than this would cover each other.
const TICKS_MAX: usize = 60;

fn place(x: f64) -> String {
    format!("{x:.1}")
}

/// Where a moment lies, with silences cut.
struct Scale {
    /// Moments in order, each with how much was drawn before it.
    knots: Vec<(Micros, Micros)>,
}

impl Scale {
    fn of(spans: impl Iterator<Item = (Time, Time)>) -> Scale {
        let mut spans: Vec<(Micros, Micros)> = spans.map(|(began, ended)| (began.micros(), ended.micros())).collect();
        spans.sort_unstable();
        let mut knots: Vec<(Micros, Micros)> = Vec::new();
        let mut drawn = 0;
        for (began, ended) in spans {
            if let Some(&(last, _)) = knots.last() {
                if began > last {
                    drawn += (began - last).min(SILENCE_MAX);
                    knots.push((began, drawn));
                }
            } else {
                knots.push((began, 0));
            }
            let (last, _) = knots.last().copied().unwrap_or_default();
            if ended > last {
                drawn += ended - last;
                knots.push((ended, drawn));
            }
        }
        Scale { knots }
    }

    fn x(&self, at: Time) -> f64 {
        let at = at.micros();
        let all = self.knots.last().map_or(0, |(_, drawn)| *drawn).max(1) as f64;
        let next = self.knots.partition_point(|(moment, _)| *moment < at);
        let drawn = match (next.checked_sub(1).and_then(|before| self.knots.get(before)), self.knots.get(next)) {
            (_, Some(&(moment, drawn))) if moment == at => drawn as f64,
            (Some(&(from, low)), Some(&(to, high))) => {
                low as f64 + (high - low) as f64 * ((at - from) as f64 / (to - from).max(1) as f64)
            }
            (Some(&(_, drawn)), None) | (None, Some(&(_, drawn))) => drawn as f64,
            (None, None) => 0.0,
        };
        drawn / all * WIDTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_cut_and_all_fits() {
        let at = |seconds: Micros| Time::from_micros(seconds * Time::SECOND);
        let scale = Scale::of([(at(0), at(60)), (at(3660), at(3720))].into_iter());
        let places = [0, 60, 1860, 3660, 3720].map(|seconds| scale.x(at(seconds)).round());
        assert_eq!(places, [0.0, 333.0, 500.0, 667.0, 1000.0]);
        assert_eq!(Scale::of([(at(5), at(5))].into_iter()).x(at(5)), 0.0);
        assert_eq!(Scale::of(std::iter::empty()).x(at(5)), 0.0);
    }
}
