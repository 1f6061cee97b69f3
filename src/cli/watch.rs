//! `watch`: the live view, where there is a terminal for it.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use ai_coder_events::{
    bus::Bus,
    config::Environment,
    filter::Filter,
    history::Reader,
    tui::{self, Theme, WatchEnd},
};
use anyhow::{Context, bail};
use clap::{Args, error::ErrorKind};
use jiff::{Zoned, tz::TimeZone};

use super::{Invocation, runtime::block_on, usage, which};

/// Watch coders and events live on the whole screen
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WatchArgs {
    /// Show only such events: coder:ID type:TYPE path:PATH since:15m until:TIME words
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,

    /// Ring the terminal's bell, and have it notify, when one more coder needs a person
    #[arg(long)]
    bell: bool,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events watch
  ai-coder-events watch 'type:provider.*' since:1h
  ai-coder-events watch --bell
  NO_COLOR=1 ai-coder-events watch

`?` shows the keys, `q` quits; Ctrl-C ends it with exit code 130.";

impl WatchArgs {
    pub fn run(self, call: Invocation) -> anyhow::Result<ExitCode> {
        let words = as_typed(&self.filter);
        let mut filter = Filter::parse(&words, &Zoned::now())
            .map_err(|invalid| usage(Some("watch"), ErrorKind::ValueValidation, &invalid.to_string()))?;
        if !is_terminal() || Environment::is_dumb() {
            bail!("`watch` needs a terminal that it can draw on; `ai-coder-events follow` prints events line by line");
        }
        let theme =
            Theme { colour: !call.environment.no_color, unicode: Environment::speaks_unicode(), zone: TimeZone::system() };
        let mut reader = Reader::new(&call.config.history);
        for said in &mut filter.coders {
            *said = which::coder(&mut reader, said)?;
        }
        // Its shutdown is not waited for, with Ctrl-C unheard: all that is published here is that somebody has seen something.
        let bus = Bus::new(call.config.history);
        Ok(match block_on(tui::watch(&bus, &theme, &words, filter, self.bell))? {
            Ok(WatchEnd::Quit) => ExitCode::SUCCESS,
            Ok(WatchEnd::Signal(number)) => ExitCode::from(128 + number),
            // It was closed, which some call failed for before the signal was heard.
            Err(_) if !is_terminal() => ExitCode::from(128 + 1),
            Err(error) => return Err(error).context("failed to use the terminal"),
        })
    }
}

/// `words` as one line: what the shell kept together stays so, unless it is a whole filter or has quotes of its own.
fn as_typed(words: &[String]) -> String {
    let quoted = |word: &String| {
        let is_filter = word.contains('"') || word.split_whitespace().skip(1).any(Filter::has_key);
        if word.contains(char::is_whitespace) && !is_filter { format!("\"{word}\"") } else { word.clone() }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Also whether it is one still: one that was closed is none.
fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_as_a_person_would_type_them() {
        let check = |words: &[&str], expected: &str| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            assert_eq!(as_typed(&words), expected);
        };
        check(&[], "");
        check(&["coder:a", "cargo", "test"], "coder:a cargo test");
        check(&["path:my notes/a.md", "x"], "\"path:my notes/a.md\" x");
        check(&["path:\"my notes/a.md\""], "path:\"my notes/a.md\"");
        check(&["type:failed since:1h"], "type:failed since:1h");
    }
}
