//! `keep`: the keeper, as hooks start it or by hand, and what it says of itself.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use ai_coder_events::{
    config::{Config, Environment},
    event::Time,
    history::private_folder,
    keep::{KeeperStatus, Kept, keep},
    wake::{self, Seat},
};
use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use super::{
    logging::log_to_stderr,
    print::{count, json_line},
};

/// Keep the history while agents work: take in what they export, look after it; hooks start this by themselves
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct KeepArgs {
    /// Whether one is at work, where it receives, and what it has seen; exit code 1 where none is
    #[arg(long, conflicts_with = "stop")]
    status: bool,

    /// End the one that is at work; the next hook starts another
    #[arg(long)]
    stop: bool,

    /// Its lock and its port are its standard streams: how hooks start it
    #[arg(long, hide = true, conflicts_with_all = ["status", "stop"])]
    inherited: bool,
}

const EXAMPLES: &str = "\
One keeper a history: the first hook that finds none starts it, detached from the agent. It leaves five
minutes after the last living coder and the last export. `[keeper] enabled = false` in config.toml, or
AI_CODER_EVENTS_KEEPER=off, has hooks start none.

Examples:
  ai-coder-events keep --status
  ai-coder-events keep --stop
  ai-coder-events keep

The last keeps here, until Ctrl-C.";

/// How long one that was asked to end may take: it answers and reads what is in work.
const ENDING: Duration = Duration::from_secs(30);

impl KeepArgs {
    pub fn run(self, db: Option<&Path>, environment: &Environment, json: bool) -> anyhow::Result<ExitCode> {
        if self.inherited {
            let (seat, listener) = wake::inherit().context("`--inherited` is for hooks: leave it out")?;
            return run(Config::for_hook(db, environment)?, seat, listener, environment);
        }
        let config = Config::load(db, environment)?;
        if self.status {
            return status(&config, json);
        }
        if self.stop {
            return stop(&config);
        }
        if let Some(folder) = config.history.path.parent() {
            private_folder(folder)?;
        }
        let Some(seat) = Seat::take(&config.history).context("failed to open the keeper's lock")? else {
            return Err(kept_already(&config));
        };
        let port = wake::port(&config.history, &config.keeper);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        match &listener {
            Ok(_) => drop(writeln!(io::stderr(), "keeping `{}`, receiving on port {port}", config.history.path.display())),
            Err(error) => drop(writeln!(
                io::stderr(),
                "keeping `{}`, receiving nothing: port {port}: {error}",
                config.history.path.display()
            )),
        }
        run(config, seat, listener.ok(), environment)
    }
}

fn run(config: Config, seat: Seat, listener: Option<TcpListener>, environment: &Environment) -> anyhow::Result<ExitCode> {
    log_to_stderr(environment.log.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start")?;
    let at_home = || environment.home.as_ref().map(|home| home.join(".copilot"));
    let copilot_folder = environment.copilot_folder.clone().or_else(at_home);
    let kept = Kept {
        options: config.history,
        retention: config.retention,
        settings: config.keeper,
        notify: config.notify,
        copilot_folder,
        home: environment.home.clone(),
    };
    let ended = runtime.block_on(keep(kept, seat, listener));
    runtime.shutdown_background();
    ended?;
    Ok(ExitCode::SUCCESS)
}

fn kept_already(config: &Config) -> anyhow::Error {
    let by = match KeeperStatus::of(&config.history) {
        Some(status) => format!("by process {}, version {}", status.holder.process.pid, status.holder.version),
        None => "by another process".to_owned(),
    };
    anyhow!("the history is kept already, {by}: `ai-coder-events keep --stop` ends that")
}

fn status(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let found = KeeperStatus::of(&config.history);
    let mut out = io::stdout().lock();
    match &found {
        _ if json => json_line(&mut out, &answer(found.as_ref()))?,
        Some(status) => tell(&mut out, status)?,
        None if config.keeper.is_enabled => writeln!(out, "no keeper is at work: the next hook starts one")?,
        None => writeln!(out, "no keeper is at work, and hooks start none: it is switched off")?,
    }
    out.flush()?;
    Ok(if found.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn answer(status: Option<&KeeperStatus>) -> serde_json::Value {
    let Some(status) = status else { return json!({"running": false}) };
    let mut answer = serde_json::to_value(status).unwrap_or_default();
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("process");
        answer.insert("running".to_owned(), true.into());
        answer.insert("pid".to_owned(), status.holder.process.pid.into());
    }
    answer
}

fn tell(out: &mut impl Write, status: &KeeperStatus) -> io::Result<()> {
    let ago = |time: Time| {
        jiff::Timestamp::from_microsecond(time.micros())
            .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
    };
    writeln!(
        out,
        "at work: process {}, version {}, since {}",
        status.holder.process.pid,
        status.holder.version,
        ago(status.since)
    )?;
    match (&status.port, &status.no_port) {
        (Some(port), _) => writeln!(out, "receives on 127.0.0.1:{port}: {}", count(status.exports, "export"))?,
        (None, reason) => writeln!(out, "receives nothing: {}", reason.as_deref().unwrap_or("no port"))?,
    }
    if let Some(last) = status.last_export {
        writeln!(out, "last export: {}", ago(last))?;
    }
    if status.strayed > 0 {
        writeln!(
            out,
            "turned away without the secret: {} (an agent set up for another history, or by an older version: run `setup` again)",
            count(status.strayed, "request")
        )?;
    }
    if status.refused > 0 {
        writeln!(out, "not taken: {}", count(status.refused, "export"))?;
    }
    if status.rejected > 0 {
        writeln!(out, "rejected: {} (`ai-coder-events rejected` lists them)", count(status.rejected, "record"))?;
    }
    status.folders.iter().try_for_each(|folder| writeln!(out, "watches {}", folder.display()))?;
    status.files.iter().try_for_each(|file| writeln!(out, "follows {}", file.display()))
}

fn stop(config: &Config) -> anyhow::Result<ExitCode> {
    let Some(status) = KeeperStatus::of(&config.history) else {
        writeln!(io::stderr(), "no keeper is at work")?;
        return Ok(ExitCode::SUCCESS);
    };
    let process = &status.holder.process;
    wake::ask_to_leave(&status.holder).context("failed to ask the keeper to end")?;
    let asked = Instant::now();
    while KeeperStatus::of(&config.history).is_some_and(|now| now.holder.process == *process) {
        if asked.elapsed() > ENDING {
            return Err(anyhow!("the keeper, process {}, does not end: `kill -9 {}` costs nothing", process.pid, process.pid));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(ExitCode::SUCCESS)
}
