//! The agents on this machine, and how each is set up.

use std::{env, path::Path};

use ai_coder_events::{
    config::{Config, Environment},
    setup::{self, AgentSetup, Scope, SetupStanding, Surroundings, Target},
    wake,
};
use anyhow::Context;

use super::program::{self, on_path};

/// An agent, whether or not it is there.
pub struct AgentHere {
    pub target: Target,
    /// Its program is on the path, or it has left a folder of its own.
    pub is_found: bool,
    pub setup: Result<AgentSetup, setup::Error>,
}

/// All that are known.
///
/// # Errors
/// Where this program's own place, or the home, is not known.
pub fn all_here(environment: Environment, config: &Config) -> anyhow::Result<Vec<AgentHere>> {
    let program = program::for_agents(Scope::User, config, &environment)?;
    let is_forbidden = environment.forbids_keeper;
    let at = surroundings(environment, config, known_keeper(config))?;
    // What is switched off here may be on where the agents are started.
    let with_keeper = is_forbidden.then(|| Surroundings {
        keeper: Some(keeper_as_known(config)),
        feed: Some(config.history.feed_path()),
        ..at.clone()
    });
    let here = |&target: &Target| {
        let mut setup = setup::look_at(target, &at, &program);
        if let (Ok(AgentSetup { standing: SetupStanding::Outdated, .. }), Some(at)) = (&setup, &with_keeper) {
            setup = setup::look_at(target, at, &program);
        }
        let has_folder = setup.as_ref().is_ok_and(|setup| setup.has_folder);
        let is_found =
            has_folder || setup.is_err() || target.programs().iter().any(|name| on_path(&program::file_name(name)).is_some());
        AgentHere { target, is_found, setup }
    };
    Ok(Target::ALL.iter().map(here).collect())
}

/// Where the keeper of this history receives, if one may be started; its secret may not be made yet.
pub fn known_keeper(config: &Config) -> Option<String> {
    (cfg!(unix) && config.keeper.is_enabled).then(|| keeper_as_known(config))
}

fn keeper_as_known(config: &Config) -> String {
    keeper_address(config, &wake::known_secret(&config.history).unwrap_or_else(|| "SECRET".to_owned()))
}

pub fn keeper_address(config: &Config, secret: &str) -> String {
    format!("http://127.0.0.1:{}/k/{secret}", wake::port(&config.history, &config.keeper))
}

/// Where agents keep their configuration, and where they are to report to.
///
/// # Errors
/// Where there is no home.
pub fn surroundings(environment: Environment, config: &Config, keeper: Option<String>) -> anyhow::Result<Surroundings> {
    let feed = keeper.is_some().then(|| config.history.feed_path());
    Ok(Surroundings {
        home: environment.home.context("no home folder: set HOME")?,
        project: env::current_dir().context("failed to find the current folder")?,
        config_home: environment.config_home,
        claude_folder: environment.claude_folder,
        codex_folder: environment.codex_folder,
        copilot_folder: environment.copilot_folder,
        has_telemetry: Environment::has_telemetry(setup::is_our_endpoint),
        keeper,
        feed,
    })
}

/// The program that a hook's command runs, where that is not there.
pub fn missing_program(command: &str) -> Option<String> {
    let program = shlex::split(command)?.into_iter().next()?;
    let is_there =
        if program.contains('/') { Path::new(&program).is_file() } else { on_path(&program::file_name(&program)).is_some() };
    (!is_there).then_some(program)
}
