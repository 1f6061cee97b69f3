//! `setup`: makes an agent report here, or stop it, by a change of its own configuration that is shown first.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use ai_coder_events::{
    config::{Config, Environment},
    history::private_folder,
    setup::{self, Plan, Program, Scope, Surroundings, Target},
    wake,
};
use anyhow::Context;
use clap::{Args, ValueEnum, builder::PossibleValue};
use serde_json::json;

use super::print::json_line;

/// Make an agent report here: its hooks, its telemetry, and the MCP server in its own configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SetupArgs {
    /// Whose configuration
    #[arg(value_name = "AGENT", value_enum)]
    agent: Named,

    /// For every project of yours, or for the project in this folder
    #[arg(long, value_enum, default_value = "user")]
    scope: ScopeName,

    /// Show the changes, make none
    #[arg(long)]
    dry_run: bool,

    /// Take out again what was put in
    #[arg(long)]
    remove: bool,
}

const EXAMPLES: &str = "\
What is there already stays as it is, and every file that changes is kept beside itself as NAME.bak-<time>.

Examples:
  ai-coder-events setup claude-code --dry-run
  ai-coder-events setup codex
  ai-coder-events setup cursor --scope project
  ai-coder-events setup gemini --remove";

#[derive(Clone, Copy, Debug)]
struct Named(Target);

impl ValueEnum for Named {
    fn value_variants<'a>() -> &'a [Named] {
        const ALL: [Named; Target::ALL.len()] = {
            let mut all = [Named(Target::ClaudeCode); Target::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = Named(Target::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()))
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeName {
    User,
    Project,
}

impl SetupArgs {
    pub fn run(self, environment: Environment, json: bool) -> anyhow::Result<ExitCode> {
        let config = Config::for_hook(None, &environment)?;
        let keeper = self.keeper(&config)?;
        let feed = keeper.is_some().then(|| config.history.feed_path());
        let (at, program) = (Surroundings { keeper, feed, ..surroundings(environment)? }, program()?);
        let Named(target) = self.agent;
        let scope = match self.scope {
            ScopeName::User => Scope::User,
            ScopeName::Project => Scope::Project,
        };
        let plan = if self.remove {
            setup::remove(target, scope, &at, &program)?
        } else {
            setup::install(target, scope, &at, &program)?
        };
        let mut out = io::stdout().lock();
        if !json {
            plan.changes.iter().try_for_each(|change| out.write_all(change.diff().as_bytes()))?;
            out.flush()?;
        }
        let backups = if self.dry_run { Vec::new() } else { write(&plan)? };
        if json {
            json_line(&mut out, &self.answer(&plan, &backups))?;
            out.flush()?;
        } else {
            self.tell(&plan, &backups)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Where the keeper of the history that hooks write to receives; its secret is made where there is none. `None` where none
    /// is to be started. A broken configuration of our own is no obstacle.
    fn keeper(&self, config: &Config) -> anyhow::Result<Option<String>> {
        if !cfg!(unix) || !config.keeper.is_enabled {
            return Ok(None);
        }
        let secret = match wake::known_secret(&config.history) {
            Some(secret) => secret,
            None if self.dry_run || self.remove => "SECRET".to_owned(),
            None => {
                config.history.path.parent().map_or(Ok(()), private_folder)?;
                wake::made_secret(&config.history).context("failed to make the keeper's secret")?
            }
        };
        Ok(Some(format!("http://127.0.0.1:{}/k/{secret}", wake::port(&config.history, &config.keeper))))
    }

    fn answer(&self, plan: &Plan, backups: &[Option<PathBuf>]) -> serde_json::Value {
        let change = |(index, change): (usize, &setup::ConfigChange)| {
            let backup = backups.get(index).cloned().flatten();
            json!({"path": change.path, "diff": change.diff(), "backup": backup})
        };
        let changes: Vec<_> = plan.changes.iter().enumerate().map(change).collect();
        json!({"agent": self.agent.0.name(), "dry_run": self.dry_run, "changes": changes, "notes": plan.notes})
    }

    fn tell(&self, plan: &Plan, backups: &[Option<PathBuf>]) -> io::Result<()> {
        let mut err = io::stderr().lock();
        if plan.changes.is_empty() {
            return writeln!(err, "nothing to do");
        }
        for (change, backup) in plan.changes.iter().zip(backups) {
            let verb = if change.after.is_some() { "wrote" } else { "removed" };
            match backup {
                Some(backup) => writeln!(err, "{verb} {} (as it was: {})", change.path.display(), backup.display())?,
                None => writeln!(err, "{verb} {}", change.path.display())?,
            }
        }
        plan.notes.iter().try_for_each(|note| writeln!(err, "{note}"))
    }
}

fn write(plan: &Plan) -> anyhow::Result<Vec<Option<PathBuf>>> {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let written = plan.changes.iter().map(|change| {
        let written = change.write(&stamp).with_context(|| format!("failed to write `{}`", change.path.display()))?;
        Ok(written.backup)
    });
    written.collect()
}

fn surroundings(environment: Environment) -> anyhow::Result<Surroundings> {
    Ok(Surroundings {
        home: environment.home.context("no home folder: set HOME")?,
        project: env::current_dir().context("failed to find the current folder")?,
        config_home: environment.config_home,
        claude_folder: environment.claude_folder,
        codex_folder: environment.codex_folder,
        copilot_folder: environment.copilot_folder,
        has_telemetry: Environment::has_telemetry(setup::is_our_endpoint),
        ..Surroundings::default()
    })
}

fn program() -> anyhow::Result<Program> {
    let name = env!("CARGO_PKG_NAME");
    let running = env::current_exe().and_then(std::fs::canonicalize).context("failed to find this program's own file")?;
    let hook_name = format!("{name}-hook");
    let hook = running.with_file_name(format!("{hook_name}{}", env::consts::EXE_SUFFIX));
    let hook_path = hook.is_file().then(|| as_found(&hook_name, &hook)).transpose()?;
    Ok(Program { path: as_found(name, &running)?, hook_path })
}

/// `name` where that finds this very `file`, so that an update in another place goes on to work; else its path.
fn as_found(name: &str, file: &Path) -> anyhow::Result<String> {
    let named = |folder: PathBuf| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let found = env::var_os("PATH").and_then(|path| env::split_paths(&path).map(named).find(|found| found.is_file()));
    if found.is_some_and(|found| std::fs::canonicalize(found).is_ok_and(|found| found == file)) {
        return Ok(name.to_owned());
    }
    Ok(file.to_str().context("this program's path is not UTF-8")?.to_owned())
}
