//! A turn as lines: the prompt stands out, calls are a line, changes have their colours, what failed its telling lines.

use std::{
    io::{self, Write},
    time::Duration,
};

use ai_coder_events::{
    event::{EventType, Time},
    story::{StepKind, StoryStep, StoryTurn},
    style::{self, Tint, age},
    text,
};

use super::super::{
    event_page,
    print::{Console, count},
};

/// How far what is told stands in: behind the time.
const INDENT: &str = "       ";
/// Lines of a change that are shown.
const DIFF_LINES_MAX: usize = 40;
/// A call that took no longer is not worth its time.
const WORTH_TELLING: Duration = Duration::from_secs(2);

pub struct StoryPage<'c> {
    console: &'c Console,
    /// The minute that was told last.
    minute: String,
    day: String,
}

impl<'c> StoryPage<'c> {
    pub fn new(console: &'c Console) -> StoryPage<'c> {
        StoryPage { console, minute: String::new(), day: String::new() }
    }

    /// # Errors
    /// Where it cannot be written.
    pub fn turn(&mut self, out: &mut impl Write, turn: &StoryTurn) -> io::Result<()> {
        writeln!(out)?;
        self.turn_to_day_of(out, turn.began)?;
        if let Some(prompt) = &turn.prompt {
            self.paragraph(out, turn.began, &format!("> {prompt}"), Tint::Cyan)?;
        }
        turn.steps.iter().try_for_each(|step| self.step(out, step))?;
        self.sum(out, turn)
    }

    fn step(&mut self, out: &mut impl Write, StoryStep { seq, at, what, .. }: &StoryStep) -> io::Result<()> {
        match what {
            StepKind::Said { text } => self.paragraph(out, *at, text, Tint::Plain),
            StepKind::Thought { text } => self.paragraph(out, *at, text, Tint::Dim),
            StepKind::Told { text } => self.paragraph(out, *at, &format!("told: {text}"), Tint::Dim),
            StepKind::Printed { text, lines_before } => {
                if *lines_before > 0 {
                    self.paragraph(out, *at, &format!("… {}", count(*lines_before as u64, "line")), Tint::Dim)?;
                }
                self.paragraph(out, *at, text, Tint::Dim)
            }
            StepKind::Called { tool, subjects, duration_ms } => {
                let subjects = if subjects.is_empty() { String::new() } else { format!(": {}", subjects.join(", ")) };
                let took = took(Duration::from_millis(*duration_ms)).map_or(String::new(), |took| format!(" ({took})"));
                self.line(out, *at, &format!("{tool}{subjects}{took}"), Tint::Dim)
            }
            StepKind::Failed { tool, subject, exit_code, error } => {
                let code = exit_code.map_or(String::new(), |code| format!(", exit {code}"));
                self.line(out, *at, &format!("{tool} failed{code}: {subject}"), Tint::Bad)?;
                error.iter().try_for_each(|line| self.line(out, *at, &format!("  {line}"), Tint::Bad))
            }
            StepKind::Changed { change, diff, .. } => {
                self.line(out, *at, change, Tint::Magenta)?;
                diff.as_deref().map_or(Ok(()), |diff| self.diff(out, *seq, diff))
            }
            StepKind::Note { note, kind } => self.line(out, *at, note, tint(*kind)),
        }
    }

    fn diff(&self, out: &mut impl Write, seq: u64, diff: &str) -> io::Result<()> {
        let lines = diff.lines().count();
        let indent = format!("{INDENT}  ");
        let shown = diff.lines().take(DIFF_LINES_MAX).collect::<Vec<_>>().join("\n");
        event_page::diff(self.console, out, &shown, &indent)?;
        let more = lines.saturating_sub(DIFF_LINES_MAX);
        if more == 0 {
            return Ok(());
        }
        let rest = format!("{indent}… {} more: `ai-coder-events show {seq}`", count(more as u64, "line"));
        self.console.line(out, &rest, Tint::Dim)
    }

    fn sum(&self, out: &mut impl Write, turn: &StoryTurn) -> io::Result<()> {
        let usage = &turn.usage;
        let span = Duration::from_micros(u64::try_from(turn.ended.since(turn.began)).unwrap_or(0));
        let facts = [
            took(span),
            (usage.api_calls > 0).then(|| count(usage.api_calls, "call")),
            (usage.tokens.total > 0).then(|| format!("{} tokens", text::thousands(usage.tokens.total))),
            Some(style::cost(usage)).filter(|cost| !cost.is_empty()),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if facts.is_empty() {
            return Ok(());
        }
        self.console.line(out, &format!("{INDENT}— {}", facts.join(", ")), Tint::Dim)
    }

    fn line(&mut self, out: &mut impl Write, at: Time, line: &str, tint: Tint) -> io::Result<()> {
        let minute = self.minute_of(at);
        let line = format!("{minute:7}{}", text::clean_line(line));
        let line = self.console.cut(&line);
        // The time is no part of what is told.
        let (time, told) = line.split_at(line.len().min(INDENT.len()));
        writeln!(out, "{}{}", self.console.paint(time, Tint::Dim), self.console.paint(told, tint))
    }

    /// A text of any length, wrapped where the terminal ends.
    fn paragraph(&mut self, out: &mut impl Write, at: Time, said: &str, tint: Tint) -> io::Result<()> {
        let mut minute = self.minute_of(at);
        for line in self.console.wrapped(&text::clean_text(said), INDENT.len()) {
            writeln!(out, "{}{}", self.console.paint(&format!("{minute:7}"), Tint::Dim), self.console.paint(&line, tint))?;
            minute.clear();
        }
        Ok(())
    }

    /// The minute, where it is another one than before.
    fn minute_of(&mut self, at: Time) -> String {
        let minute = self.console.local(at).map(|local| local.strftime("%H:%M").to_string()).unwrap_or_default();
        if minute == self.minute {
            String::new()
        } else {
            self.minute.clone_from(&minute);
            minute
        }
    }

    fn turn_to_day_of(&mut self, out: &mut impl Write, at: Time) -> io::Result<()> {
        let day = self.console.local(at).map(|local| local.strftime("%A %Y-%m-%d").to_string()).unwrap_or_default();
        if day == self.day {
            return Ok(());
        }
        self.day.clone_from(&day);
        self.console.line(out, &day, Tint::Dim)
    }
}

fn tint(kind: EventType) -> Tint {
    match kind {
        EventType::Failed | EventType::ApiError | EventType::FailureAlert => Tint::Bad,
        EventType::Paused | EventType::RateLimit | EventType::ResourceLimit | EventType::SystemWarning => Tint::Attention,
        EventType::Milestone => Tint::Good,
        _ => Tint::Dim,
    }
}

fn took(span: Duration) -> Option<String> {
    let micros = i64::try_from(span.as_micros()).ok()?;
    (span >= WORTH_TELLING).then(|| age(micros))
}
