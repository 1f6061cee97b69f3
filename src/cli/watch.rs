//! `watch`: the live view, where there is a terminal for it.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    process::ExitCode,
};

use ai_coder_events::{
    bus::Bus,
    config::Environment,
    event::Time,
    filter::Filter,
    history::Reader,
    tui::{self, Theme, WatchEnd},
    web::{LiveFilter, LiveServer},
};
use anyhow::{Context, bail};
use clap::{Args, error::ErrorKind};
use jiff::{Zoned, tz::TimeZone};

use super::{Invocation, interrupt::EndSignals, listen::address, logging::log_to_stderr, now, runtime::block_on, usage, which};

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

    /// Show it as a page in a browser instead, and print its address; port 0 takes any that is free [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = ANY_PORT)]
    web: Option<String>,

    /// Open that page
    #[arg(long, requires = "web", conflicts_with = "bell")]
    open: bool,
}

const ANY_PORT: &str = "127.0.0.1:0";

const EXAMPLES: &str = "\
Examples:
  ai-coder-events watch
  ai-coder-events watch 'type:provider.*' since:1h
  ai-coder-events watch --bell
  NO_COLOR=1 ai-coder-events watch
  ai-coder-events watch since:6h --web --open

`?` shows the keys, `q` quits; Ctrl-C ends it with exit code 130. The page shows the last hour, or what `since:` says, to
whoever has its address and, on this machine, is you.";

impl WatchArgs {
    pub fn run(self, call: Invocation) -> anyhow::Result<ExitCode> {
        let mut filter = self.filter;
        let mut web = self.web.as_deref();
        // A word of the filter that stands behind it is no address.
        if let Some(word) = web.filter(|word| Filter::has_key(word) && address(word).is_err()) {
            filter.push(word.to_owned());
            web = Some(ANY_PORT);
        }
        let words = as_typed(&filter);
        let filter = Filter::parse(&words, &Zoned::now())
            .map_err(|invalid| usage(Some("watch"), ErrorKind::ValueValidation, &invalid.to_string()))?;
        if let Some(given) = web {
            let address = address(given).map_err(|wrong| usage(Some("watch"), ErrorKind::ValueValidation, &wrong))?;
            return block_on(show_page(call, address, words, filter, self.open))?;
        }
        if !is_terminal() || Environment::is_dumb() {
            bail!("`watch` needs a terminal that it can draw on; `ai-coder-events follow` prints events line by line");
        }
        let theme =
            Theme { colour: !call.environment.no_color, unicode: Environment::speaks_unicode(), zone: TimeZone::system() };
        let filter = known(filter, &call)?;
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

/// The page, until Ctrl-C.
async fn show_page(
    call: Invocation,
    address: SocketAddr,
    words: String,
    filter: Filter,
    opens: bool,
) -> anyhow::Result<ExitCode> {
    log_to_stderr(call.environment.log.as_deref());
    let filter = known(filter, &call)?;
    let span = filter.since.map_or(Time::HOUR, |since| now().since(since).max(Time::MINUTE));
    let shown = LiveFilter { words, filter: Filter { since: None, ..filter }, span, zone: TimeZone::system() };
    let server = LiveServer::bind(address).await?;
    let (ending, mut code) = EndSignals::listen()?.ending();
    let bus = Bus::new(call.config.history);
    // Whoever reads it may go away.
    drop(writeln!(io::stdout(), "{}", server.address()));
    if opens && let Err(error) = open::that_detached(server.address()) {
        tracing::warn!(error = &error as &dyn std::error::Error, "no browser could be started: open the address yourself");
    }
    let served = server.serve(bus.clone(), shown, ending).await.context("failed to serve");
    bus.shutdown().await;
    served.map(|()| ExitCode::from(code.try_recv().unwrap_or_default()))
}

/// `filter` with the ids of the coders that it speaks of.
fn known(mut filter: Filter, call: &Invocation) -> anyhow::Result<Filter> {
    let mut reader = Reader::new(&call.config.history);
    for said in &mut filter.coders {
        *said = which::coder(&mut reader, said)?;
    }
    Ok(filter)
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
