//! `setup`: makes an agent report here, or stop it, by a change of its own configuration that is shown first.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use ai_coder_events::{
    config::{Config, Environment},
    history::private_folder,
    setup::{self, ConfigChange, Plan, Program, Scope, SetupStanding, Target, WrittenFile},
    style::Tint,
    tell::TellMode,
    wake,
};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum, builder::PossibleValue};
use serde_json::json;

use super::{
    agents::{self, AgentHere},
    event_page,
    print::{Console, cell, count, json_line},
    program,
};

/// Make an agent report here: its hooks, its telemetry, and the MCP server in its own configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SetupArgs {
    /// Whose configuration; left out: those that are found, one after the other
    #[arg(value_name = "AGENT", value_enum)]
    agent: Option<Named>,

    /// For every project of yours, or for the project in this folder
    #[arg(long, value_enum, default_value = "user")]
    scope: ScopeName,

    /// Show the changes, make none
    #[arg(long)]
    dry_run: bool,

    /// Take out again what was put in
    #[arg(long)]
    remove: bool,

    /// Let its hooks tell it what it should know: that another one changes its files, that it repeats itself; `guard`: and say no
    /// once to such a change
    #[arg(long, value_name = "guard", value_enum, num_args = 0..=1, default_missing_value = "context", conflicts_with = "remove",
          requires = "agent", hide_possible_values = true)]
    tell: Option<TellModeName>,

    /// Tell how agents are set up, change nothing
    #[arg(long, conflicts_with_all = ["dry_run", "remove", "tell"])]
    status: bool,
}

const EXAMPLES: &str = "\
What is there already stays as it is, and every file that changes is kept beside itself as NAME.bak-<time>.

Examples:
  ai-coder-events setup
  ai-coder-events setup claude-code --dry-run
  ai-coder-events setup codex
  ai-coder-events setup cursor --scope project
  ai-coder-events setup gemini --remove
  ai-coder-events setup claude-code --tell
  ai-coder-events setup --status";

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
enum TellModeName {
    Context,
    Guard,
}

impl From<TellModeName> for TellMode {
    fn from(name: TellModeName) -> TellMode {
        match name {
            TellModeName::Context => TellMode::Context,
            TellModeName::Guard => TellMode::Guard,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeName {
    User,
    Project,
}

impl SetupArgs {
    pub fn run(self, db: Option<&Path>, environment: Environment, json: bool) -> anyhow::Result<ExitCode> {
        // Looked up where users are listed, it may be another's than whom the agents are of.
        if cfg!(unix) && Environment::has_no("HOME") {
            bail!("HOME is not set: whose agents are to report here is not clear; set it, then run this again");
        }
        let config = Config::for_hook(db, &environment)?;
        if self.status {
            return self.tell_standings(environment, &config, json);
        }
        if let Some(Named(target)) = self.agent {
            return self.set_up(target, self.tell.map(TellMode::from), &Offer { environment, config, json });
        }
        self.offer(&Offer { environment, config, json })
    }

    /// Those that are found and not set up, one after the other where a person agrees to it.
    fn offer(&self, offer: &Offer) -> anyhow::Result<ExitCode> {
        let here = agents::all_here(offer.environment.clone(), &offer.config)?;
        let is_wanted = |agent: &&AgentHere| {
            let standing = agent.setup.as_ref().map(|setup| setup.standing);
            agent.is_found
                && if self.remove {
                    !matches!(standing, Ok(SetupStanding::NotSetUp))
                } else {
                    !matches!(standing, Ok(SetupStanding::SetUp))
                }
        };
        let wanted: Vec<&AgentHere> = here.iter().filter(is_wanted).collect();
        if offer.json {
            bail!("which agent? `--json` is no conversation: give its name");
        }
        let verb = if self.remove { "setup --remove" } else { "setup" };
        let mut err = io::stderr();
        if wanted.is_empty() {
            let found = here.iter().filter(|agent| agent.is_found).count();
            let why = match (found, self.remove) {
                (_, true) => "nothing of ours is in any agent's configuration".to_owned(),
                (0, false) => format!("no agent is found here; known are {}", names(&here)),
                (_, false) => format!("{} found, all set up; `ai-coder-events doctor` tells more", count(found as u64, "agent")),
            };
            writeln!(err, "{why}")?;
            return Ok(if found > 0 || self.remove { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            writeln!(err, "found, and not asked for here; one at a time:")?;
            wanted.iter().try_for_each(|agent| writeln!(err, "  ai-coder-events {verb} {}", agent.target.name()))?;
            return Ok(ExitCode::SUCCESS);
        }
        for agent in wanted {
            write!(err, "{verb} {}? [Y/n] ", agent.target.name())?;
            err.flush()?;
            let mut answer = String::new();
            if io::stdin().read_line(&mut answer)? == 0 {
                break;
            }
            if matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes") {
                let telling = agent.setup.as_ref().ok().and_then(|setup| setup.telling);
                self.set_up(agent.target, telling, offer)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn set_up(&self, target: Target, telling: Option<TellMode>, offer: &Offer) -> anyhow::Result<ExitCode> {
        let keeper = self.keeper(&offer.config)?;
        let scope = match self.scope {
            ScopeName::User => Scope::User,
            ScopeName::Project => Scope::Project,
        };
        let program = Program { telling, ..program::for_agents(scope, &offer.config, &offer.environment)? };
        let at = agents::surroundings(offer.environment.clone(), &offer.config, keeper)?;
        let plan = if self.remove {
            setup::remove(target, scope, &at, &program)?
        } else {
            setup::install(target, scope, &at, &program)?
        };
        let mut out = io::stdout().lock();
        if !offer.json {
            let console = Console::of_stdout(&offer.environment);
            plan.changes.iter().try_for_each(|change| self.show(&mut out, &console, change))?;
            out.flush()?;
        }
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let written = if self.dry_run { Vec::new() } else { plan.write(&stamp)? };
        if offer.json {
            json_line(&mut out, &self.answer(target, &plan, &written))?;
            out.flush()?;
        } else {
            self.tell(target, &plan, &written)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// All of a change where it is only looked at; else enough to see what it is like.
    fn show(&self, out: &mut impl Write, console: &Console, change: &ConfigChange) -> io::Result<()> {
        let diff = change.diff();
        let lines = diff.lines().count();
        let shown = if self.dry_run || lines <= DIFF_LINES_MAX { lines } else { DIFF_LINES_MAX };
        let text: String = diff.split_inclusive('\n').take(shown).collect();
        if console.screen().is_none() {
            out.write_all(text.as_bytes())?;
        } else {
            event_page::diff(console, out, &text, "")?;
        }
        if shown < lines {
            let (added, removed) = change.lines();
            let rest = format!("… +{added} −{removed} in all; `--dry-run` shows every line");
            console.line(out, &rest, Tint::Dim)?;
        }
        Ok(())
    }

    /// How each agent, or this one, is set up.
    fn tell_standings(&self, environment: Environment, config: &Config, json: bool) -> anyhow::Result<ExitCode> {
        let console = Console::of_stdout(&environment);
        let mut here = agents::all_here(environment, config)?;
        if let Some(Named(target)) = self.agent {
            here.retain(|agent| agent.target == target);
        }
        let mut out = io::stdout().lock();
        let mut rows = Vec::new();
        for AgentHere { target, is_found, setup } in here {
            let setup = setup?;
            if json {
                let files: Vec<_> = setup.files.iter().map(|path| path.display().to_string()).collect();
                let told = json!({"agent": target.name(), "found": is_found, "setup": setup.standing.name(), "command": setup.command, "tell": setup.telling.map(TellMode::name), "files": files});
                json_line(&mut out, &told)?;
                continue;
            }
            let (told, tint) = match setup.standing {
                SetupStanding::SetUp if setup.telling == Some(TellMode::Guard) => ("set up, tells and guards", Tint::Good),
                SetupStanding::SetUp if setup.telling.is_some() => ("set up, tells", Tint::Good),
                SetupStanding::SetUp => ("set up", Tint::Good),
                SetupStanding::Outdated => {
                    ("set up by another version, or for another history: run `setup` again", Tint::Attention)
                }
                SetupStanding::NotSetUp if is_found => ("found, not set up", Tint::Plain),
                SetupStanding::NotSetUp => ("not found", Tint::Dim),
            };
            let files = setup.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            rows.push(vec![cell(target.name(), Tint::Bold), cell(told, tint), cell(files, Tint::Dim)]);
        }
        console.table(&mut out, &rows)?;
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }

    /// Where the keeper of the history that hooks write to receives; its secret is made where there is none. `None` where none
    /// is to be started. A broken configuration of our own is no obstacle.
    fn keeper(&self, config: &Config) -> anyhow::Result<Option<String>> {
        let is_wanted = cfg!(unix) && config.keeper.is_enabled;
        if !is_wanted || self.dry_run || self.remove || wake::known_secret(&config.history).is_some() {
            return Ok(agents::known_keeper(config));
        }
        config.history.path.parent().map_or(Ok(()), private_folder)?;
        let secret = wake::made_secret(&config.history).context("failed to make the keeper's secret")?;
        Ok(Some(agents::keeper_address(config, &secret)))
    }

    fn answer(&self, target: Target, plan: &Plan, written: &[WrittenFile]) -> serde_json::Value {
        let change = |(index, change): (usize, &setup::ConfigChange)| {
            let backup = written.get(index).and_then(|written| written.backup.as_deref());
            json!({"path": change.path, "diff": change.diff(), "backup": backup})
        };
        let changes: Vec<_> = plan.changes.iter().enumerate().map(change).collect();
        json!({"agent": target.name(), "dry_run": self.dry_run, "changes": changes, "notes": plan.notes})
    }

    fn tell(&self, target: Target, plan: &Plan, written: &[WrittenFile]) -> io::Result<()> {
        let mut err = io::stderr().lock();
        if plan.changes.is_empty() {
            return writeln!(err, "nothing to do");
        }
        for (change, written) in plan.changes.iter().zip(written) {
            let verb = if change.after.is_some() { "wrote" } else { "removed" };
            let over = if written.in_place { ", over what was there: it cannot be replaced" } else { "" };
            match &written.backup {
                Some(backup) => writeln!(err, "{verb} {}{over} (as it was: {})", change.path.display(), backup.display())?,
                None => writeln!(err, "{verb} {}{over}", change.path.display())?,
            }
        }
        plan.notes.iter().try_for_each(|note| writeln!(err, "{note}"))?;
        match (self.dry_run, self.remove) {
            (true, _) => writeln!(err, "nothing was changed: without `--dry-run` it is"),
            (false, true) => Ok(()),
            (false, false) => writeln!(
                err,
                "next: start {} as ever, ask it something, then `ai-coder-events watch`, or `ai-coder-events doctor` to see that it records",
                target.name()
            ),
        }
    }
}

/// What every agent's turn needs.
struct Offer {
    environment: Environment,
    config: Config,
    json: bool,
}

/// Of a change that is made, so much is shown.
const DIFF_LINES_MAX: usize = 16;

fn names(here: &[AgentHere]) -> String {
    here.iter().map(|agent| agent.target.name()).collect::<Vec<_>>().join(", ")
}
