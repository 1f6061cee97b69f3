//! A session as a page: its prompts are chapters, tools are lines that open, failures and waits stand out.

use maud::{Markup, html};

use crate::{
    aggregate::Usage,
    event::Micros,
    story::{StepKind, StoryTurn},
    style,
    text::{excerpt, thousands},
};

use super::{
    figures, frame,
    steps::{Steps, Wait, waits},
    strip::{Strip, StripMark},
    told::{SessionTold, badge, more_subagents},
};

/// What a page says of how much there is.
#[derive(Default)]
struct Sums {
    prompts: u64,
    calls: u64,
    failed: u64,
    waited: Micros,
    files: Vec<String>,
}

/// As much of a prompt as the contents show.
const PROMPT_CHARS_MAX: usize = 90;
/// So many files are named in the contents.
const FILES_MAX: usize = 40;

/// The page.
pub fn session(told: &SessionTold<'_>) -> String {
    let sums = Sums::of(told);
    let notice = format!(
        "In this file: {}, what was said, {} with what they answered, {} that changed. Secrets were taken out as they were \
         recorded; read it before you hand it on.",
        figures::count(sums.prompts, "prompt"),
        figures::count(sums.calls, "call"),
        figures::count(sums.files.len() as u64, "file"),
    );
    let steps: usize = told.all_turns().map(|turn| turn.steps.len()).sum();
    let content = html! {
        header { div.page {
            h1 { (told.title()) }
            (meta(told))
            (facts(told, &sums))
            (strip(told))
            (filters())
        } }
        div.page.columns {
            (contents(told, &sums))
            main id="content" tabindex="-1" {
                @for (nth, turn) in (1..).zip(&told.turns) {
                    (chapter(told, nth, turn, Steps { folds_at: steps }))
                }
                (more_subagents(told))
                @if told.turns.is_empty() { p { "Nothing is on record that could be told." } }
            }
        }
        footer { p.page { "Recorded by ai-coder-events. " code { (told.coder.coder_id) } } }
    };
    frame::document(&format!("{} — a session", told.title()), &notice, &content)
}

impl Sums {
    fn of(told: &SessionTold<'_>) -> Sums {
        let mut sums = Sums::default();
        for turn in told.all_turns() {
            sums.prompts += u64::from(turn.prompt.is_some());
            for step in &turn.steps {
                match &step.what {
                    StepKind::Called { .. } => sums.calls += step.calls.len().max(1) as u64,
                    StepKind::Failed { .. } => (sums.calls, sums.failed) = (sums.calls + 1, sums.failed + 1),
                    StepKind::Changed { file, .. } if !sums.files.contains(file) => sums.files.push(file.clone()),
                    _ => {}
                }
            }
            sums.waited += waits(turn).map(Wait::span).sum::<Micros>();
        }
        sums
    }
}

fn meta(told: &SessionTold<'_>) -> Markup {
    let coder = &told.coder;
    let place = coder.project.as_ref().map(|project| match &coder.branch {
        Some(branch) => format!("{project} ({branch})"),
        None => project.clone(),
    });
    html! {
        p.meta {
            (badge(coder.status))
            " " (told.name)
            @if let Some(model) = &coder.model { " · " (model) }
            @if let Some(began) = told.began() { " · " (figures::moment(began, told.zone)) }
            @if let Some(place) = place { " · " code { (place) } }
        }
    }
}

fn facts(told: &SessionTold<'_>, sums: &Sums) -> Markup {
    let took = told.began().zip(told.ended()).map_or(0, |(began, ended)| ended.since(began));
    let tokens = told.coder.usage.tokens.total;
    let facts = [
        ("Time", figures::span(took)),
        ("Prompts", thousands(sums.prompts)),
        ("Calls", thousands(sums.calls)),
        ("Failed", if sums.failed > 0 { thousands(sums.failed) } else { String::new() }),
        ("Files changed", thousands(sums.files.len() as u64)),
        ("Waited", figures::span(sums.waited)),
        ("Tokens", if tokens > 0 { thousands(tokens) } else { String::new() }),
        ("Cost", style::cost(&told.coder.usage)),
    ];
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd.bad[*name == "Failed"] { (value) } }
            }
        }
    }
}

fn strip(told: &SessionTold<'_>) -> Markup {
    let mut strip = Strip::default();
    for turn in &told.turns {
        strip.turn(turn.began);
        for step in &turn.steps {
            let began_before = |millis: u64| step.at.plus(-(i64::try_from(millis).unwrap_or(0) * 1000));
            match &step.what {
                StepKind::Said { .. } => strip.add(StripMark::Said, step.at, step.at),
                StepKind::Called { .. } | StepKind::Failed { .. } => {
                    let mark = if matches!(step.what, StepKind::Failed { .. }) { StripMark::Failed } else { StripMark::Tool };
                    for call in &step.calls {
                        strip.add(mark, began_before(call.duration_ms).max(turn.began), call.at);
                    }
                }
                StepKind::Changed { .. } => strip.add(StripMark::Tool, step.at, step.at),
                _ => {}
            }
        }
        for Wait { began, ended, .. } in waits(turn) {
            strip.add(StripMark::Waited, began, ended);
        }
    }
    for subagent in &told.subagents {
        if let (Some(began), Some(ended)) = (subagent.began(), subagent.ended()) {
            strip.add(StripMark::Subagent, began, ended);
        }
    }
    strip.draw()
}

/// What is shown, without a script: what is chosen decides which steps the style hides.
fn filters() -> Markup {
    let choices = [("all", "everything"), ("words", "what was said"), ("changes", "changes"), ("failures", "failures")];
    html! {
        fieldset.filters {
            legend { "Show" }
            @for (index, (id, name)) in choices.iter().enumerate() {
                label { input type="radio" name="show" id={ "show-" (id) } checked[index == 0]; (name) }
            }
        }
    }
}

fn contents(told: &SessionTold<'_>, sums: &Sums) -> Markup {
    let dearest = told.turns.iter().map(|turn| cost(&turn.usage)).fold(0.0, f64::max);
    let share = |turn: &StoryTurn| if dearest > 0.0 { cost(&turn.usage) / dearest * 100.0 } else { 0.0 };
    html! {
        nav aria-label="Contents" {
            h2 { "Prompts" }
            ol {
                @for (nth, turn) in (1..).zip(&told.turns) {
                    li { a href={ "#t" (nth) } {
                        span.asked { (excerpt(turn.prompt.as_deref().unwrap_or("before the first prompt"), PROMPT_CHARS_MAX)) }
                        @if dearest > 0.0 {
                            span.bar aria-hidden="true" { i style={ "width:" (format!("{:.0}", share(turn))) "%" } {} }
                            span.cost { (style::cost(&turn.usage)) }
                        }
                    } }
                }
            }
            @if !sums.files.is_empty() {
                h2 { "Files" }
                ul.files {
                    @for file in sums.files.iter().take(FILES_MAX) { li { code { (file) } } }
                    @if sums.files.len() > FILES_MAX { li { "and " (sums.files.len() - FILES_MAX) " more" } }
                }
            }
        }
    }
}

fn cost(usage: &Usage) -> f64 {
    usage.cost().unwrap_or(0.0)
}

fn chapter(told: &SessionTold<'_>, nth: usize, turn: &StoryTurn, steps: Steps) -> Markup {
    html! {
        section.turn id={ "t" (nth) } {
            @if let Some(prompt) = &turn.prompt {
                div.prompt {
                    p.asks { (if told.coder.parent_coder_id.is_some() { "Task" } else { "Asked" }) " · " (nth) }
                    h2.long[prompt.chars().count() > 300] { (prompt) }
                }
            }
            (sum(turn))
            (steps.of_turn(turn))
            @for subagent in told.subagents_of(nth) { (steps.of_subagent(subagent)) }
        }
    }
}

/// What a turn took and cost.
fn sum(turn: &StoryTurn) -> Markup {
    let (mut calls, mut failed) = (0, 0);
    for step in &turn.steps {
        match &step.what {
            StepKind::Called { .. } => calls += step.calls.len().max(1) as u64,
            StepKind::Failed { .. } => (calls, failed) = (calls + 1, failed + 1),
            _ => {}
        }
    }
    let took = figures::span(turn.ended.since(turn.began));
    let mut facts = vec![took, if calls > 0 { figures::count(calls, "call") } else { String::new() }];
    facts.extend(figures::usage(&turn.usage));
    facts.retain(|fact| !fact.is_empty());
    html! {
        @if !facts.is_empty() || failed > 0 {
            p.sum {
                (facts.join(" · "))
                @if failed > 0 { " · " strong.bad { (failed) " failed" } }
            }
        }
    }
}
