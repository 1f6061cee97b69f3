//! `check-budget`: whether more was spent than may be, for scripts and CI.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use ai_coder_events::{
    aggregate::Usage,
    event::Time,
    history::{Reader, StatsQuery},
    style,
    text::thousands,
};
use anyhow::Context;
use clap::{Args, error::ErrorKind};
use serde::Serialize;

use super::{
    Invocation, UNREADABLE,
    filter::since,
    print::{Console, json_line},
    which,
};

/// Say in one line what was spent; exit 3 where that is more than may be
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckBudgetArgs {
    /// What was spent from this time on (to the minute of the last day, to the hour before) [default: today; with --coder, all of it]
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// Only this coder: its id, handle, name or title
    #[arg(long, value_name = "CODER")]
    coder: Option<String>,

    /// At most so many dollars; estimates count too
    #[arg(long, value_name = "N", value_parser = amount)]
    max_usd: Option<f64>,

    /// At most so many tokens
    #[arg(long, value_name = "N")]
    max_tokens: Option<u64>,
}

const EXAMPLES: &str = "\
Without a bound, those of [budget] in config.toml apply: per_day_usd and per_day_tokens, with --coder
per_coder_usd and per_coder_tokens.

Examples:
  ai-coder-events check-budget --max-usd 20
  ai-coder-events check-budget --since 7d --max-tokens 50000000
  ai-coder-events check-budget --coder fix-auth --max-usd 2.50 || echo enough";

/// More was spent than may be.
const OVER: u8 = 3;

/// What `--json` prints.
#[derive(Serialize)]
struct BudgetAnswer {
    over: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coder_id: Option<String>,
    /// What was reported and what is estimated.
    spent_usd: f64,
    /// The estimate in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_estimated_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_unpriced: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_usd: Option<f64>,
    spent_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
}

impl CheckBudgetArgs {
    pub fn run(self, call: &Invocation) -> anyhow::Result<ExitCode> {
        let (max_usd, max_tokens) = self.bounds(call)?;
        let mut reader = Reader::new(&call.config.history);
        let coder = self.coder.as_deref().map(|said| which::coder(&mut reader, said)).transpose()?;
        let from = match (self.since, &coder) {
            (None, None) => Some(since("today").map_err(anyhow::Error::msg)?),
            (given, _) => given,
        };
        let query = StatsQuery { coder: coder.clone(), since: from, coders_max: 1 };
        let stats = reader.stats(&query).context(UNREADABLE)?;
        let (usd, tokens) = (stats.usage.cost().unwrap_or(0.0), stats.usage.tokens.total);
        // Dollars are sums of billionths: what is less than one is how they are written.
        let over = max_usd.is_some_and(|most| usd > most + 1e-9) || max_tokens.is_some_and(|most| tokens > most);
        let mut out = io::stdout().lock();
        if call.json {
            let unpriced = Some(stats.usage.calls_unpriced).filter(|&calls| calls > 0);
            let answer = BudgetAnswer {
                over,
                since: stats.since,
                coder_id: coder,
                spent_usd: usd,
                cost_estimated_usd: stats.usage.cost_estimated_usd,
                calls_unpriced: unpriced,
                max_usd,
                spent_tokens: tokens,
                max_tokens,
            };
            json_line(&mut out, &answer)?;
        } else {
            let console = Console::of_stdout(&call.environment);
            let whose = self.coder.map_or_else(String::new, |coder| format!(" by {coder}"));
            let since = stats.since.map_or_else(String::new, |since| format!(" since {}", console.time(since)));
            let verdict = if over { "over budget" } else { "within budget" };
            writeln!(out, "{verdict}: {}{whose}{since}", spent(&stats.usage, max_usd, max_tokens))?;
        }
        out.flush()?;
        Ok(if over { ExitCode::from(OVER) } else { ExitCode::SUCCESS })
    }

    fn bounds(&self, call: &Invocation) -> anyhow::Result<(Option<f64>, Option<u64>)> {
        if self.max_usd.is_some() || self.max_tokens.is_some() {
            return Ok((self.max_usd, self.max_tokens));
        }
        let budget = &call.config.history.budget;
        let configured = match &self.coder {
            Some(_) => (budget.per_coder_usd, budget.per_coder_tokens),
            None => (budget.per_day_usd, budget.per_day_tokens),
        };
        if configured == (None, None) {
            let message = "a budget is missing: give --max-usd or --max-tokens, or say [budget] in config.toml";
            return Err(super::usage(Some("check-budget"), ErrorKind::MissingRequiredArgument, message));
        }
        Ok(configured)
    }
}

/// `~$1.25 of $20.00 (in part an estimate), 120,000 of 500,000 tokens`
fn spent(usage: &Usage, max_usd: Option<f64>, max_tokens: Option<u64>) -> String {
    let of = |most: Option<String>| most.map_or_else(String::new, |most| format!(" of {most}"));
    let cost = Some(style::cost(usage)).filter(|cost| !cost.is_empty()).unwrap_or_else(|| "$0.00".into());
    let mut line = format!("{cost}{}", of(max_usd.map(|most| format!("${}", style::dollars(most)))));
    match (usage.cost_estimated_usd.is_some(), usage.calls_unpriced) {
        (_, 1..) => line.push_str(&format!(" (without {} calls of unknown price)", usage.calls_unpriced)),
        (true, 0) => line.push_str(" (in part an estimate by list prices)"),
        (false, 0) => {}
    }
    let tokens = of(max_tokens.map(thousands));
    format!("{line}, {}{tokens} tokens", thousands(usage.tokens.total))
}

fn amount(given: &str) -> Result<f64, String> {
    match given.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok(amount),
        _ => Err("give an amount from 0 on, such as 2.50".into()),
    }
}
