//! `import`: what agents recorded themselves, once or as it grows.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use ai_coder_events::{
    bus::Bus,
    import::{self, Found, ImportSummary, RecordsTail, TailControl},
    source::Agent,
    text::thousands,
    upkeep,
};
use anyhow::{Context, anyhow};
use clap::{Args, error::ErrorKind};
use indicatif::ProgressBar;
use serde::Serialize;

use super::{
    Invocation,
    completions::Offered,
    interrupt::EndSignals,
    print::{count, json_line},
    progress, usage,
};

/// Take in the records that agents keep of their own sessions
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ImportArgs {
    /// Whose records: claude-code, codex, gemini, copilot
    #[arg(value_name = "AGENT", value_parser = Offered(with_records()), hide_possible_values = true)]
    agent: String,

    /// Files and folders [default: where the agent keeps them]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

const EXAMPLES: &str = "\
What is in the history already adds nothing, so it may be run again and again. Broken lines are kept
as rejections (`ai-coder-events rejected`), the rest is imported.

Examples:
  ai-coder-events import claude-code
  ai-coder-events import codex ~/.codex/sessions/2026/11
  ai-coder-events import claude-code --follow";

/// The summary, and whose.
#[derive(Serialize)]
struct ImportAnswer<'a> {
    agent: &'a str,
    #[serde(flatten)]
    summary: &'a ImportSummary,
}

impl ImportArgs {
    pub fn run(self, call: Invocation) -> anyhow::Result<ExitCode> {
        let agent = self.agent()?;
        let places = self.places(agent, &call)?;
        if self.follow {
            return follow(agent, places, call);
        }
        let files = import::find(agent, &places)?;
        let bar = progress::gone_with_ctrl_c(bar(&files, &call));
        let imported = import::once(agent, &call.config.history, &files, &mut |bytes| bar.inc(bytes));
        bar.finish_and_clear();
        let (summary, unread) = imported?;
        tell(agent, &summary, &call)?;
        if unread.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let count = count(unread.len() as u64, "file");
        let mut reasons = unread.into_iter().map(|error| format!("{:#}", anyhow::Error::new(error)));
        let first = reasons.next().unwrap_or_default();
        Err(anyhow!("{count} could not be read, the rest is imported; the first: {first}"))
    }

    fn agent(&self) -> anyhow::Result<Agent> {
        let known = Agent::parse(&self.agent).filter(|&agent| import::keeps_records(agent));
        known.ok_or_else(|| {
            let message = format!("`{}` has no records to import: give one of {}", self.agent, with_records().join(", "));
            usage(Some("import"), ErrorKind::InvalidValue, &message)
        })
    }

    fn places(&self, agent: Agent, call: &Invocation) -> anyhow::Result<Vec<PathBuf>> {
        if !self.paths.is_empty() {
            return self.paths.iter().map(|path| std::path::absolute(path).context("failed to resolve a path")).collect();
        }
        let environment = &call.environment;
        let at_home = |name: &str| environment.home.as_ref().map(|home| home.join(name));
        let folder = match agent {
            Agent::ClaudeCode => environment.claude_folder.clone().or_else(|| at_home(".claude")),
            Agent::Codex => environment.codex_folder.clone().or_else(|| at_home(".codex")),
            Agent::Gemini => at_home(".gemini"),
            Agent::Copilot => at_home(".copilot"),
            Agent::Cursor | Agent::Opencode => None,
        };
        let folder = folder.context("no home folder to look for records in: set HOME, or name a path")?;
        let places = import::default_places(agent, &folder);
        if self.follow {
            return Ok(places);
        }
        // Where it keeps more than one, it may not have made all of them yet.
        let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) = places.into_iter().partition(|place| place.exists());
        Ok(if there.is_empty() { missing.into_iter().take(1).collect() } else { there })
    }
}

fn with_records() -> Vec<&'static str> {
    Agent::ALL.iter().filter(|&&agent| import::keeps_records(agent)).map(|agent| agent.name()).collect()
}

fn follow(agent: Agent, places: Vec<PathBuf>, call: Invocation) -> anyhow::Result<ExitCode> {
    let (there, missing): (Vec<PathBuf>, Vec<PathBuf>) = places.iter().cloned().partition(|place| place.exists());
    if there.is_empty() {
        let missing: Vec<String> = missing.iter().map(|place| format!("`{}`", place.display())).collect();
        writeln!(io::stderr(), "waiting for {}", missing.join(" or "))?;
    }
    let bar = bar(&import::find(agent, &there)?, &call);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")?;
    let control = TailControl::default();
    let mut tail = RecordsTail::new(agent, &call.config.history, places, control.clone())?;
    let followed = runtime.block_on(async {
        let options = &call.config.history;
        let upkeep = upkeep::start(&Bus::new(options.clone()), options, call.config.retention);
        let mut end = EndSignals::listen()?;
        let mut catching_up = tokio::task::spawn_blocking(move || {
            let summary = tail.catch_up(&mut |bytes| bar.inc(bytes));
            bar.finish_and_clear();
            summary.map(|summary| (summary, tail))
        });
        let caught_up = tokio::select! {
            caught_up = &mut catching_up => caught_up,
            code = end.next() => {
                control.stop();
                return Ok((catching_up.await.context("the import ended")??.0, code));
            }
        };
        let (summary, mut tail) = caught_up.context("the import ended")??;
        tell(agent, &summary, &call)?;
        let tailing = tokio::task::spawn_blocking(move || {
            tail.run();
            tail.summary()
        });
        let code = end.next().await;
        control.stop();
        let summary = tailing.await.context("the import ended")?;
        upkeep.stop();
        anyhow::Ok((summary, code))
    });
    let (summary, code) = followed?;
    tell(agent, &summary, &call)?;
    Ok(ExitCode::from(code))
}

fn bar(files: &[Found], call: &Invocation) -> ProgressBar {
    progress::bytes(files.iter().map(|found| found.stamp.bytes).sum(), call)
}

fn tell(agent: Agent, summary: &ImportSummary, call: &Invocation) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if call.json {
        json_line(&mut out, &ImportAnswer { agent: agent.name(), summary })?;
        return out.flush();
    }
    let ImportSummary { files, lines, new, duplicate, completing, rejected, unfinished, unchanged } = *summary;
    write!(out, "{}", count(files, "file"))?;
    if unchanged > 0 {
        write!(out, " ({} unchanged since they were read)", thousands(unchanged))?;
    }
    write!(out, ", {}: {}", count(lines, "line"), count(new, "new event"))?;
    write!(out, ", {duplicate} known, {completing} completed, {rejected} rejected")?;
    if unfinished > 0 {
        write!(out, ", {} left for the next import", count(unfinished, "unfinished last line"))?;
    }
    writeln!(out)?;
    out.flush()
}
