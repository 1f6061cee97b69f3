//! The agents on this machine, and how each is set up.

use std::{
    env,
    path::{Path, PathBuf},
};

use ai_coder_events::{
    config::{Config, Environment},
    setup::{self, AgentSetup, Program, Surroundings, Target},
    wake,
};
use anyhow::Context;

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
    let (at, program) = (surroundings(environment, config, known_keeper(config))?, program()?);
    let here = |&target: &Target| {
        let setup = setup::look_at(target, &at, &program);
        let has_folder = setup.as_ref().is_ok_and(|setup| setup.has_folder);
        let is_found = has_folder || setup.is_err() || target.programs().iter().any(|name| on_path(name).is_some());
        AgentHere { target, is_found, setup }
    };
    Ok(Target::ALL.iter().map(here).collect())
}

/// Where the keeper of this history receives, if one may be started; its secret may not be made yet.
pub fn known_keeper(config: &Config) -> Option<String> {
    let may_be = cfg!(unix) && config.keeper.is_enabled;
    let secret = wake::known_secret(&config.history).unwrap_or_else(|| "SECRET".to_owned());
    may_be.then(|| keeper_address(config, &secret))
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

/// This program, as agents are to start it.
///
/// # Errors
/// Where its own place is not known, or is no text.
pub fn program() -> anyhow::Result<Program> {
    let name = env!("CARGO_PKG_NAME");
    let running = env::current_exe().and_then(std::fs::canonicalize).context("failed to find this program's own file")?;
    let hook_name = format!("{name}-hook");
    let hook = running.with_file_name(format!("{hook_name}{}", env::consts::EXE_SUFFIX));
    let hook_path = hook.is_file().then(|| as_found(&hook_name, &hook)).transpose()?;
    Ok(Program { path: as_found(name, &running)?, hook_path })
}

/// `name` where that finds this very `file`, so that an update in another place goes on to work; else its path.
fn as_found(name: &str, file: &Path) -> anyhow::Result<String> {
    if on_path(name).is_some_and(|found| std::fs::canonicalize(found).is_ok_and(|found| found == file)) {
        return Ok(name.to_owned());
    }
    Ok(file.to_str().context("this program's path is not UTF-8")?.to_owned())
}

/// Where the shell finds that program.
fn on_path(name: &str) -> Option<PathBuf> {
    let named = |folder: PathBuf| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    env::split_paths(&env::var_os("PATH")?).map(named).find(|found| found.is_file())
}

/// The program that a hook's command runs, where that is not there.
pub fn missing_program(command: &str) -> Option<String> {
    let program = shlex::split(command)?.into_iter().next()?;
    let is_there = if program.contains('/') { Path::new(&program).is_file() } else { on_path(&program).is_some() };
    (!is_there).then_some(program)
}
