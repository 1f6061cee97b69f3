//! The steps of a turn: a tool is a line that opens to what it was given and what it answered.

use maud::{Markup, html};

use crate::{
    event::{EventType, Micros, Time},
    story::{CallDetail, StepKind, StoryStep, StoryTurn},
    style::{self, Tint},
    text::clean_text,
};

use super::{
    figures,
    told::{SessionTold, badge, more_subagents},
    words::words,
};

#[derive(Clone, Copy)]
pub struct Steps {
    /// How many steps the whole page has: the more there are, the less is shown of each.
    pub folds_at: usize,
}

/// A span in which a person was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    pub began: Time,
    pub ended: Time,
    seq: u64,
}

impl Wait {
    pub fn span(self) -> Micros {
        self.ended.since(self.began)
    }
}

/// The waits of a turn: from where it paused to what came next.
pub fn waits(turn: &StoryTurn) -> impl Iterator<Item = Wait> {
    turn.steps.windows(2).filter_map(|pair| match pair {
        [StoryStep { what: StepKind::Note { kind: EventType::Paused, .. }, at, seq, .. }, next] if next.at > *at => {
            Some(Wait { began: *at, ended: next.at, seq: *seq })
        }
        _ => None,
    })
}

/// A change that is no longer is shown without being opened.
const SHORT_DIFF_LINES: usize = 12;

impl Steps {
    pub fn of_turn(&self, turn: &StoryTurn) -> Markup {
        let waits: Vec<Wait> = waits(turn).collect();
        html! {
            @for (index, step) in turn.steps.iter().enumerate() {
                @if !is_answer(&turn.steps, index) {
                    (self.step(step, turn.steps.get(index + 1), waits.iter().find(|wait| wait.seq == step.seq)))
                }
            }
        }
    }

    /// A subagent's whole story, which opens in place.
    pub fn of_subagent(&self, told: &SessionTold<'_>) -> Markup {
        let took = told.began().zip(told.ended()).map_or(0, |(began, ended)| ended.since(began));
        let steps: usize = told.turns.iter().map(|turn| turn.steps.len()).sum();
        let mut facts = vec![figures::count(steps as u64, "step")];
        facts.extend(figures::usage(&told.coder.usage));
        facts.push(figures::span(took));
        facts.retain(|fact| !fact.is_empty());
        html! {
            details.sub {
                summary { b { "Subagent" } " " span.what { (told.title()) } " " (badge(told.coder.status)) span.facts { (facts.join(" · ")) } }
                div.lane {
                    @for (nth, turn) in (1..).zip(&told.turns) {
                        @if let Some(prompt) = &turn.prompt { p.task { (prompt) } }
                        (self.of_turn(turn))
                        @for subagent in told.subagents_of(nth) { (self.of_subagent(subagent)) }
                    }
                    (more_subagents(told))
                }
            }
        }
    }

    fn step(&self, step: &StoryStep, next: Option<&StoryStep>, wait: Option<&Wait>) -> Markup {
        let anchor = format!("e{}", step.seq);
        match &step.what {
            StepKind::Said { text } => html! { div.said.step.words id=(anchor) { (words(text)) } },
            StepKind::Thought { text } => html! {
                details.thought.step.words id=(anchor) { summary { "Thought" } div { (words(text)) } }
            },
            StepKind::Told { text } => html! {
                details.thought.step.words id=(anchor) { summary { "Told by its hook" } div { (words(text)) } }
            },
            StepKind::Printed { text, lines_before } => html! {
                details.tool.step.calls id=(anchor) {
                    summary { b { "Output" } span.facts { (figures::count((lines_before + text.lines().count()) as u64, "line")) } }
                    (self.output(text, *lines_before))
                }
            },
            StepKind::Called { tool, subjects, duration_ms } => {
                let printed = next.and_then(printed);
                self.called(&anchor, tool, subjects, *duration_ms, &step.calls, printed)
            }
            StepKind::Failed { tool, subject, exit_code, error } => {
                let took: u64 = step.calls.iter().map(|call| call.duration_ms).sum();
                let call = step.calls.first();
                let output = call.and_then(|call| call.output.clone()).unwrap_or_else(|| error.join("\n"));
                html! {
                    details.tool.failed.step.failures id=(anchor) open {
                        summary {
                            b { (tool) } " " code.what { (subject) }
                            span.facts {
                                strong.bad { "failed" @if let Some(code) = exit_code { " · exit " (code) } } " " (milliseconds(took))
                            }
                        }
                        @if let Some(input) = call.and_then(|call| input_beyond(call, subject)) { (self.output(input, 0)) }
                        (self.output(&output, 0))
                    }
                }
            }
            StepKind::Changed { change, diff, .. } => self.changed(&anchor, change, diff.as_deref()),
            StepKind::Note { note, kind } => {
                let class = match style::Tint::of_type(*kind) {
                    Tint::Bad => "bad",
                    _ if wait.is_some() => "waited",
                    Tint::Attention => "waited",
                    _ => "plain",
                };
                let failures = matches!(class, "bad");
                html! {
                    p.note.step.(class).failures[failures] id=(anchor) {
                        @if let Some(wait) = wait { b { "Waited " (figures::span(wait.span())) } " " }
                        (note)
                    }
                }
            }
        }
    }

    fn called(
        &self,
        anchor: &str,
        tool: &str,
        subjects: &[String],
        duration_ms: u64,
        calls: &[CallDetail],
        printed: Option<(&str, usize)>,
    ) -> Markup {
        let opens =
            printed.is_some() || calls.iter().any(|call| call.output.is_some() || input_beyond(call, &call.subject).is_some());
        let head = html! {
            b { (tool) @if calls.len() > 1 { " × " (calls.len()) } } " "
            code.what { (subjects.join(", ")) }
            span.facts { (milliseconds(duration_ms)) }
        };
        if !opens {
            return html! { p.tool.step.calls id=(anchor) { (head) } };
        }
        html! {
            details.tool.step.calls id=(anchor) {
                summary { (head) }
                @for call in calls {
                    @if let Some(input) = input_beyond(call, &call.subject) { (self.output(input, 0)) }
                    @if let Some(output) = &call.output { (self.output(output, 0)) }
                }
                @if let Some((text, before)) = printed { (self.output(text, before)) }
            }
        }
    }

    fn changed(&self, anchor: &str, change: &str, diff: Option<&str>) -> Markup {
        let Some(diff) = diff else { return html! { p.tool.step.changes id=(anchor) { code.what { (change) } } } };
        let is_short = diff.lines().count() <= SHORT_DIFF_LINES && self.folds_at <= MANY;
        html! {
            details.tool.step.changes id=(anchor) open[is_short] {
                summary { code.what { (change) } }
                pre.diff tabindex="0" {
                    @for (tint, lines) in runs(&clean_text(diff)) {
                        @match tint {
                            Tint::Good => ins { (lines) },
                            Tint::Bad => del { (lines) },
                            _ => (lines),
                        }
                    }
                }
            }
        }
    }

    /// A text as it was, its middle left out where it is long.
    fn output(&self, text: &str, lines_before: usize) -> Markup {
        let text = clean_text(text);
        let lines: Vec<&str> = text.lines().collect();
        let most = if self.folds_at <= MANY {
            60
        } else if self.folds_at <= VERY_MANY {
            20
        } else {
            8
        };
        let left_out = lines.len().saturating_sub(most);
        let (head, tail) =
            if left_out > 0 { (&lines[..most / 2], &lines[lines.len() - most.div_ceil(2)..]) } else { (&lines[..], &[][..]) };
        html! {
            pre tabindex="0" {
                @if lines_before > 0 { i { "… " (figures::count(lines_before as u64, "line")) " before\n" } }
                (head.join("\n"))
                @if left_out > 0 { i { "\n… " (figures::count(left_out as u64, "line")) " left out …\n" } (tail.join("\n")) }
            }
        }
    }
}

/// With more steps than these a page shows less of each, so that it stays quick to open.
const MANY: usize = 1_500;
const VERY_MANY: usize = 5_000;

/// What a command printed, told behind it.
fn printed(step: &StoryStep) -> Option<(&str, usize)> {
    match &step.what {
        StepKind::Printed { text, lines_before } => Some((text, *lines_before)),
        _ => None,
    }
}

/// Whether that step is shown with the call before it.
fn is_answer(steps: &[StoryStep], index: usize) -> bool {
    let called = |step: &StoryStep| matches!(step.what, StepKind::Called { .. });
    printed(&steps[index]).is_some() && index.checked_sub(1).is_some_and(|before| called(&steps[before]))
}

/// What a call was given, where its line does not say it already.
fn input_beyond<'c>(call: &'c CallDetail, subject: &str) -> Option<&'c str> {
    call.input.as_deref().filter(|input| !input.is_empty() && *input != subject)
}

fn milliseconds(millis: u64) -> String {
    figures::span(i64::try_from(millis).unwrap_or(0).saturating_mul(1000))
}

/// Lines of a change, those of one colour together: a page of few elements opens sooner.
fn runs(diff: &str) -> Vec<(Tint, String)> {
    let mut runs: Vec<(Tint, String)> = Vec::new();
    for line in diff.lines() {
        let tint = match Tint::of_hunk_line(line) {
            tint @ (Tint::Good | Tint::Bad) => tint,
            _ => Tint::Plain,
        };
        match runs.last_mut() {
            Some((last, lines)) if *last == tint => {
                lines.push('\n');
                lines.push_str(line);
            }
            _ => runs.push((tint, line.to_owned())),
        }
    }
    runs
}
