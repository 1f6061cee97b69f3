//! `brief`: what one coder did and where it stands, in few words.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{brief::Brief, event::Time, history::Reader, text};
use anyhow::{Context, anyhow};
use clap::Args;

use super::{Invocation, UNREADABLE, filter::since, print::json_line, which};

/// What one coder was asked, changed, failed at, cost and said, in few words
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BriefArgs {
    /// The coder: its id, handle, name or title
    #[arg(value_name = "CODER")]
    coder: String,

    /// Only what came since: RFC 3339, an age such as 15m, 2h, 7d, a date, HH:MM, today, yesterday
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,
}

const EXAMPLES: &str = "\
Examples:
  ai-coder-events brief fix-auth
  ai-coder-events brief fix-auth --since 1h
  ai-coder-events brief fix-auth --json | jq .failed";

impl BriefArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let mut reader = Reader::new(&call.config.history);
        let coder = which::coder(&mut reader, &self.coder)?;
        let brief = Brief::read(&mut reader, &coder, self.since, super::now()).context(UNREADABLE)?;
        let brief = brief.ok_or_else(|| anyhow!("`{coder}` was removed while it was looked for: ask again"))?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        match call.json {
            true => json_line(&mut out, &brief)?,
            // Another program may have written the history.
            false => write!(out, "{}", text::clean_text(&brief.to_text()))?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
