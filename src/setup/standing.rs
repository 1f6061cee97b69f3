//! Whether an agent is here, and whether it reports: told by its own configuration, without changing it.

use std::path::PathBuf;

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
    /// The files that hold something of ours.
    pub files: Vec<PathBuf>,
}

/// How `target` is set up for this person.
///
/// # Errors
/// [`Error`] where one of its files cannot be read or understood.
pub fn look_at(target: Target, at: &Surroundings, program: &Program) -> Result<AgentSetup, Error> {
    let ours = remove(target, Scope::User, at, program)?.changes;
    let is_as_wanted = install(target, Scope::User, at, program)?.changes.is_empty();
    let standing = match (ours.is_empty(), is_as_wanted) {
        (true, _) => SetupStanding::NotSetUp,
        (false, false) => SetupStanding::Outdated,
        (false, true) => SetupStanding::SetUp,
    };
    let command = ours.iter().find_map(hook_command);
    let has_folder = target.folder(Scope::User, at).is_dir();
    Ok(AgentSetup { target, has_folder, standing, command, files: ours.into_iter().map(|change| change.path).collect() })
}

/// The command of the first hook of ours.
fn hook_command(change: &ConfigChange) -> Option<String> {
    let text = change.before.as_deref()?;
    let is_ours = |part: &&str| part.contains("ai-coder-events") && (part.contains("-hook ") || part.contains(" hook "));
    text.split('"').find(is_ours).map(str::to_owned)
}
