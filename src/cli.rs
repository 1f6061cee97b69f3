//! The command line: what may be said, and which command answers it.
//!
//! Help teaches by example. Every command takes the resolved configuration and writes to stdout only what was asked for;
//! all else goes to stderr. `contract.md` fixes flags and outputs.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use ai_coder_events::{
    config::{Config, Environment},
    event::Time,
    history::Reader,
    stderr::complain,
};
use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

mod agents;
mod brief;
mod check_budget;
mod coders;
mod collect;
mod completions;
#[cfg(unix)]
mod doctor;
mod emit;
mod event_page;
mod event_rows;
mod filter;
mod follow;
mod hook;
mod import;
mod interrupt;
#[cfg(unix)]
mod keep;
mod lines;
mod list;
mod listen;
mod logging;
mod maintenance;
mod man;
mod names;
mod notify_person;
mod oldest_first;
mod page_file;
mod pager;
mod print;
mod program;
mod progress;
mod report;
#[cfg(unix)]
mod run;
mod runtime;
mod serve;
mod setup;
mod show;
mod stats;
mod types;
mod watch;
mod which;

/// The flight recorder for AI coders: one durable, ordered history of what every coding agent did.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, arg_required_else_help = true, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// The history [default: $AI_CODER_EVENTS_DB, else history.db in the state folder]
    #[arg(long, global = true, value_name = "PATH")]
    db: Option<PathBuf>,

    /// For programs: JSON Lines where there are several things, one object where there is one
    #[arg(long, global = true)]
    json: bool,

    /// The same as `types`
    #[arg(long)]
    events: bool,

    #[command(subcommand)]
    command: Option<CliCommand>,
}

/// What failed where a reader did.
const UNREADABLE: &str = "failed to read the history";

/// Says that what was told is not all.
fn tell_unreadable(reader: &Reader) {
    if reader.unreadable() > 0 {
        let events = print::count(reader.unreadable(), "event");
        complain(&format!("{events} left out, of which nothing can be read: `ai-coder-events check --repair` mends that"));
    }
}
const PROGRAM: &str = "ai-coder-events";

const EXAMPLES: &str = "\
Examples:
  ai-coder-events emit progress --coder fix-auth --set progress=0.4
  ai-coder-events list --coder fix-auth --since 15m
  ai-coder-events run -- make test
  ai-coder-events watch
  ai-coder-events follow --json | jq .type
  ai-coder-events coders --needs-attention
  ai-coder-events setup claude-code

The history is one file; any number of these commands may use it at once. While agents work, a small keeper
looks after it: hooks start it, and it leaves by itself.";

#[derive(Debug, Subcommand)]
enum CliCommand {
    Emit(emit::EmitArgs),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Follow(follow::FollowArgs),
    Watch(watch::WatchArgs),
    Stats(stats::StatsArgs),
    Brief(brief::BriefArgs),
    Report(report::ReportArgs),
    Coders(coders::CodersArgs),
    Types(types::TypesArgs),
    Rejected(maintenance::RejectedArgs),
    Prune(maintenance::PruneArgs),
    Check(maintenance::CheckArgs),
    CheckBudget(check_budget::CheckBudgetArgs),
    Hook(hook::HookUsage),
    Collect(collect::CollectArgs),
    Import(import::ImportArgs),
    #[cfg(unix)]
    Keep(keep::KeepArgs),
    #[cfg(unix)]
    Run(run::RunArgs),
    Serve(serve::ServeArgs),
    Notify(notify_person::NotifyArgs),
    Setup(setup::SetupArgs),
    #[cfg(unix)]
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Offer(completions::OfferArgs),
    Man(man::ManArgs),
}

/// What every command is given.
pub struct Invocation {
    pub config: Config,
    pub environment: Environment,
    pub json: bool,
}

/// # Errors
/// What went wrong, with its causes; a [`clap::Error`] where the usage was.
pub fn run(arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let Cli { db, json, events, command } = Cli::try_parse_from(arguments)?;
    let command = match (command, events) {
        (Some(command), false) => command,
        (None, true) => CliCommand::Types(types::TypesArgs {}),
        (Some(_), true) => {
            return Err(usage(None, ErrorKind::ArgumentConflict, "`--events` is a command of its own: leave one of them out"));
        }
        (None, false) => return Err(usage(None, ErrorKind::MissingSubcommand, "a command is missing: `--help` lists them")),
    };
    // These answer whatever state the configuration is in.
    match &command {
        CliCommand::Types(types) => return types.run(json),
        CliCommand::Completions(completions) => return completions.run(),
        CliCommand::Man(man) => return man.run(),
        CliCommand::Hook(_) => return Ok(ExitCode::SUCCESS),
        _ => {}
    }
    let environment = Environment::of_process();
    let command = match command {
        #[cfg(unix)]
        CliCommand::Run(run) => return run.run(db.as_deref(), environment),
        #[cfg(unix)]
        CliCommand::Keep(keep) => return keep.run(db.as_deref(), &environment, json),
        CliCommand::Setup(setup) => return setup.run(db.as_deref(), environment, json),
        #[cfg(unix)]
        CliCommand::Doctor(doctor) => return doctor.run(db.as_deref(), environment, json),
        other => other,
    };
    let call = Invocation { config: Config::load(db.as_deref(), &environment)?, environment, json };
    match command {
        CliCommand::Emit(emit) => emit.run(&call),
        CliCommand::List(list) => list.run(&call),
        CliCommand::Show(show) => show.run(&call),
        CliCommand::Offer(offer) => offer.run(&call),
        CliCommand::Follow(follow) => follow.run(call),
        CliCommand::Watch(watch) => watch.run(call),
        CliCommand::Stats(stats) => stats.run(&call),
        CliCommand::Brief(brief) => brief.run(&call),
        CliCommand::Report(report) => report.run(&call),
        CliCommand::Coders(coders) => coders.run(&call),
        CliCommand::Rejected(rejected) => rejected.run(&call),
        CliCommand::Prune(prune) => prune.run(&call),
        CliCommand::Check(check) => check.run(&call),
        CliCommand::CheckBudget(check) => check.run(&call),
        CliCommand::Collect(collect) => collect.run(call),
        CliCommand::Import(import) => import.run(call),
        CliCommand::Serve(serve) => serve.run(call),
        CliCommand::Notify(notify) => notify.run(&call),
        CliCommand::Types(_) | CliCommand::Completions(_) | CliCommand::Man(_) | CliCommand::Hook(_) | CliCommand::Setup(_) => {
            unreachable!("answered above, without a configuration")
        }
        #[cfg(unix)]
        CliCommand::Run(_) | CliCommand::Keep(_) | CliCommand::Doctor(_) => {
            unreachable!("answered above, whatever the configuration")
        }
    }
}

/// Wrong usage that only shows once everything is parsed; `command` names whose usage to show.
fn usage(command: Option<&str>, kind: ErrorKind, message: &str) -> anyhow::Error {
    let mut program = Cli::command();
    program.build();
    let error = match command.and_then(|name| program.find_subcommand_mut(name)) {
        Some(command) => command.error(kind, message),
        None => program.error(kind, message),
    };
    error.into()
}

fn now() -> Time {
    std::time::SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        let check = |words: &str| {
            let cli = Cli::try_parse_from(words.split(' ')).unwrap_or_else(|error| panic!("{words}: {error}"));
            assert_eq!((cli.db, cli.json), (Some("h.db".into()), true), "{words}");
        };
        check("ai-coder-events --db h.db --json stats");
        check("ai-coder-events stats --db h.db --json");
        check("ai-coder-events --json stats --db=h.db");
    }
}
