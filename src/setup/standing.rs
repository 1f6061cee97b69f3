//! Whether an agent is here, and whether it reports: told by its own configuration, without changing it.

use std::path::{Path, PathBuf};

use crate::tell::TellMode;

use super::{ConfigChange, Error, Program, Scope, Surroundings, Target, install, remove};

/// How an agent's configuration stands to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupStanding {
    /// Nothing of ours is in it.
    NotSetUp,
    /// Something of ours is in it, and `setup` would change it: another program, version or history has set it up.
    Outdated,
    SetUp,
}

impl SetupStanding {
    pub const fn name(self) -> &'static str {
        match self {
            SetupStanding::NotSetUp => "not_set_up",
            SetupStanding::Outdated => "outdated",
            SetupStanding::SetUp => "set_up",
        }
    }
}

/// An agent as it is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSetup {
    pub target: Target,
    /// Its configuration folder is there.
    pub has_folder: bool,
    pub standing: SetupStanding,
    /// What its hooks run, as it stands in its configuration.
    pub command: Option<String>,
    /// What they may tell it.
    pub telling: Option<TellMode>,
    /// The files that hold something of ours.
    pub files: Vec<PathBuf>,
}

/// How `target` is set up for this person.
///
/// # Errors
/// [`Error`] where one of its files cannot be read or understood.
pub fn look_at(target: Target, at: &Surroundings, program: &Program) -> Result<AgentSetup, Error> {
    let ours = remove(target, Scope::User, at, program)?.changes;
    let command = ours.iter().find_map(|change| hook_command(change, target));
    let telling = ours.iter().find_map(told_in);
    // That it may be told something is its person's to say, and no other way to be set up.
    let program = &Program { telling, ..program.clone() };
    let mut is_as_wanted = install(target, Scope::User, at, program)?.changes.is_empty();
    // The same file by another path, such as a link to it, is no other program.
    if let Some(entered) = command.as_deref().and_then(|command| same_program(command, program)).filter(|_| !is_as_wanted) {
        is_as_wanted = install(target, Scope::User, at, &entered)?.changes.is_empty();
    }
    let standing = match (ours.is_empty(), is_as_wanted) {
        (true, _) => SetupStanding::NotSetUp,
        (false, false) => SetupStanding::Outdated,
        (false, true) => SetupStanding::SetUp,
    };
    let has_folder = target.folder(Scope::User, at).is_dir();
    Ok(AgentSetup { target, has_folder, standing, command, telling, files: ours.into_iter().map(|change| change.path).collect() })
}

/// `program` by the path under which a hook's command runs it, where that is the same file.
fn same_program(command: &str, program: &Program) -> Option<Program> {
    let run = PathBuf::from(shlex::split(command)?.into_iter().next()?);
    let own = program.hook_path.as_deref().unwrap_or(&program.path);
    if std::fs::canonicalize(&run).ok()? != std::fs::canonicalize(own).ok()? {
        return None;
    }
    let beside = |path: &str| run.with_file_name(Path::new(path).file_name()?).to_str().map(str::to_owned);
    let hook_path = program.hook_path.as_deref().and_then(beside);
    Some(Program { path: beside(&program.path)?, hook_path, ..program.clone() })
}

/// What hooks of ours may tell: others may have a flag of that name too.
fn told_in(ours: &ConfigChange) -> Option<TellMode> {
    let count = |text: &Option<String>, telling: TellMode| {
        text.as_deref().map_or(0, |text| text.split(['"', ' ']).filter(|word| *word == telling.flag()).count())
    };
    let has = |telling: &TellMode| count(&ours.before, *telling) > count(&ours.after, *telling);
    [TellMode::Guard, TellMode::Context].into_iter().find(has)
}

/// The command of the first hook of ours, whose last word may stand apart.
fn hook_command(change: &ConfigChange, target: Target) -> Option<String> {
    let text = change.before.as_deref()?;
    let is_alone = |part: &str| part.ends_with("-hook") || part.ends_with("-hook.exe");
    let is_ours =
        |part: &&str| part.contains("ai-coder-events") && (part.contains("-hook ") || part.contains(" hook ") || is_alone(part));
    let command = text.split('"').find(is_ours)?;
    Some(if is_alone(command) { format!("{command} {}", target.name()) } else { command.to_owned() })
}
