//! This program, as agents are to start it: by the path under which it was found, which an update leaves as it is.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use ai_coder_events::{
    config::{Config, Environment},
    setup::{Program, Scope},
};
use anyhow::Context;

/// By its path in a person's own files: who is started from a menu has another PATH than a shell. By its name where that finds it
/// in files that others share, which are told no history either.
///
/// # Errors
/// Where the program cannot be found, or a path is not UTF-8.
pub fn for_agents(scope: Scope, config: &Config, environment: &Environment) -> anyhow::Result<Program> {
    let running = env::current_exe().and_then(fs::canonicalize).context("failed to find this program's own file")?;
    let name = file_name(env!("CARGO_PKG_NAME"));
    let found = found(&name, &running);
    let hook_name = file_name(concat!(env!("CARGO_PKG_NAME"), "-hook"));
    // One beside a link's target is another one after the next update.
    let hook = Some(found.with_file_name(&hook_name)).filter(|hook| hook.is_file());
    let entered = |name: &str, path: &Path| match scope {
        Scope::Project if on_path(name).is_some_and(|found| is_same(&found, path)) => Ok(name.to_owned()),
        _ => path.to_str().map(str::to_owned).context("this program's path is not UTF-8"),
    };
    let hook_path = hook.map(|hook| entered(&hook_name, &hook)).transpose()?;
    let history = &config.history.path;
    let is_told = scope == Scope::User && environment.common_history().as_ref() != Some(history);
    let db = is_told.then(|| history.to_str().map(str::to_owned).context("the history's path is not UTF-8")).transpose()?;
    Ok(Program { path: entered(&name, &found)?, hook_path, db, telling: None })
}

/// As the system spells it.
pub fn file_name(name: &str) -> String {
    format!("{name}{}", env::consts::EXE_SUFFIX)
}

/// The path under which `running` was started: the one that was given, or found on PATH; links are left as they are.
fn found(name: &str, running: &Path) -> PathBuf {
    let given = env::args_os().next().map(PathBuf::from).filter(|given| given.components().count() > 1);
    let given = given.and_then(|given| std::path::absolute(given).ok());
    given.or_else(|| on_path(name)).filter(|found| is_same(found, running)).unwrap_or_else(|| running.to_owned())
}

/// Where a shell finds the program of this file name.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|found| found.is_file())
        .and_then(|found| std::path::absolute(found).ok())
}

fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}
