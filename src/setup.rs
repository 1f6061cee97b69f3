//! Agents' own configuration: what makes them report here, and its removal.
//!
//! Plans are texts before and after; nothing is written until every file of an agent was read and understood. What somebody
//! else wrote stays to the byte, and removal takes out what was put in, told by what it runs. Telemetry is pointed here only
//! where nobody has pointed it elsewhere, and only in a person's own settings: where one person's collector listens is no
//! matter of a project.

mod agent;
mod file;
mod json;
mod merge;
mod opencode;
mod scan;
mod standing;
mod table;

use std::{io, path::PathBuf};

use crate::tell::TellMode;

use agent::{ConfigContent, ConfigFile, SERVE, SERVER};
use json::Json;

pub use agent::{Target, claude_hooks};
pub use file::{ConfigChange, WrittenFile};
pub use json::Misplaced;
pub use merge::is_our_endpoint;
pub use scan::Syntax;
pub use standing::{AgentSetup, SetupStanding, look_at};

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The person's, for every project.
    User,
    /// That of the project in [`Surroundings::project`].
    Project,
}

/// Where agents keep their configuration on this machine.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    pub home: PathBuf,
    pub project: PathBuf,
    /// `XDG_CONFIG_HOME`
    pub config_home: Option<PathBuf>,
    /// `CLAUDE_CONFIG_DIR`
    pub claude_folder: Option<PathBuf>,
    /// `CODEX_HOME`
    pub codex_folder: Option<PathBuf>,
    /// `COPILOT_HOME`
    pub copilot_folder: Option<PathBuf>,
    /// The environment sends telemetry somewhere else already.
    pub has_telemetry: bool,
    /// Where the keeper receives telemetry: `http://127.0.0.1:PORT/k/SECRET`; `None` where none is to be started.
    pub keeper: Option<String>,
    /// Where plugins leave what the keeper reads; `None` where none is to be started.
    pub feed: Option<PathBuf>,
}

/// This program, as agents are to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// A name where it is found by that, else an absolute path.
    pub path: String,
    /// The same of the program that is nothing but its `hook`, where that stands beside it.
    pub hook_path: Option<String>,
    /// The history's file, where it is not the one that every environment leads to: agents hand on but some of theirs.
    pub db: Option<String>,
    /// What its hooks may tell their agent; nothing where nobody asked for it.
    pub telling: Option<TellMode>,
}

/// What is to change, and what a person should know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub changes: Vec<ConfigChange>,
    pub notes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("failed to read `{path}`")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{path}` is not valid JSON: correct it, then run this again; nothing was changed")]
    BrokenJson { path: PathBuf, source: Syntax },
    #[error(
        "`{path}` is not valid TOML, or has no place for a table of its own: correct it, then run this again; nothing was changed"
    )]
    BrokenToml { path: PathBuf, source: Box<toml_edit::TomlError> },
    #[error("`{path}` is not built as expected: correct it, then run this again; nothing was changed")]
    Misplaced { path: PathBuf, source: Misplaced },
    #[error("`{agent}` takes nothing from its hooks that it could be told: leave `--tell` out; {others} do")]
    TakesNothing { agent: &'static str, others: String },
    #[error("`{agent}` asks no hook of ours whether a call may be made: give `--tell` alone; {others} do")]
    AsksNothing { agent: &'static str, others: String },
    #[error("`{path}` is somebody else's file: move it away, then run this again; nothing was changed")]
    Foreign { path: PathBuf },
    #[error("failed to write `{path}`; nothing was changed")]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("failed to write `{path}`, and what was written before it cannot be undone: {left}")]
    HalfDone { path: PathBuf, left: String, source: io::Error },
}

impl Plan {
    /// Writes all of it, or nothing; what was there is kept beside each file as `NAME.bak-<stamp>`.
    ///
    /// # Errors
    /// Where a file cannot be written; those before it are then as they were.
    pub fn write(&self, stamp: &str) -> Result<Vec<WrittenFile>, Error> {
        let mut written: Vec<WrittenFile> = Vec::new();
        for change in &self.changes {
            match change.write(stamp) {
                Ok(done) => written.push(done),
                Err(source) => return Err(self.undo(&written, change.path.clone(), source)),
            }
        }
        Ok(written)
    }

    fn undo(&self, written: &[WrittenFile], path: PathBuf, source: io::Error) -> Error {
        let undone = self.changes.iter().zip(written).rev();
        let left: Vec<String> = undone
            .filter_map(|(change, done)| change.undo(done).err().map(|error| format!("`{}`: {error}", change.path.display())))
            .collect();
        match left.is_empty() {
            true => Error::Unwritable { path, source },
            false => Error::HalfDone { path, left: left.join(", "), source },
        }
    }
}

/// What makes `target` report here.
///
/// # Errors
/// [`Error`] where one of its files cannot be read or understood.
pub fn install(target: Target, scope: Scope, at: &Surroundings, program: &Program) -> Result<Plan, Error> {
    target.check_telling(program.telling)?;
    let wanted = at.keeper.as_deref().filter(|_| scope == Scope::User && target.has_telemetry());
    let files = read(target.places(scope, at, program, wanted))?;
    let is_elsewhere = at.has_telemetry || files.iter().any(ReadConfig::has_foreign_telemetry);
    let telemetry = wanted.filter(|_| !is_elsewhere);
    let files = if telemetry == wanted { files } else { read(target.places(scope, at, program, telemetry))? };
    let mut notes = Vec::new();
    if wanted.is_some() && is_elsewhere {
        notes.push(
            "telemetry is configured already and was left as it is: calls that stand in no file are not recorded".to_owned(),
        );
    }
    if telemetry.is_some() {
        notes.push(format!("hooks start a keeper that receives telemetry: `{SERVER} keep --status` tells of it"));
    }
    let foreign = files.iter().filter(|file| file.has_foreign_server());
    notes.extend(foreign.map(|file| format!("`{}` has another `{SERVER}` server: left as it is", file.place.path.display())));
    notes.extend(target.note().map(str::to_owned));
    Ok(Plan { changes: changes(files, |file| file.with_parts(target).map(Some))?, notes })
}

/// What takes all that out again.
///
/// # Errors
/// [`Error`] where one of its files cannot be read or understood.
pub fn remove(target: Target, scope: Scope, at: &Surroundings, program: &Program) -> Result<Plan, Error> {
    let telemetry = target.has_telemetry().then(|| at.keeper.as_deref().unwrap_or_default());
    let files = read(target.places(scope, at, program, telemetry))?;
    Ok(Plan { changes: changes(files, |file| file.without_parts(target))?, notes: Vec::new() })
}

impl Program {
    /// The words that run a hook.
    fn hook_words<'w>(&'w self, agent: &'w str) -> Vec<&'w str> {
        let agent = self.agent_words(agent);
        match &self.hook_path {
            Some(path) => [&[path.as_str()], self.db_words().as_slice(), &agent].concat(),
            None => [&[self.path.as_str(), "hook"], self.db_words().as_slice(), &agent].concat(),
        }
    }

    /// Whose hook it is, and what it may tell.
    fn agent_words<'w>(&self, agent: &'w str) -> Vec<&'w str> {
        std::iter::once(agent).chain(self.telling.map(TellMode::flag)).collect()
    }

    /// The words behind the program's that start the server.
    fn serve_words(&self) -> Vec<&str> {
        [SERVE, &self.db_words()].concat()
    }

    fn db_words(&self) -> Vec<&str> {
        self.db.iter().flat_map(|db| ["--db", db]).collect()
    }

    /// The same for a shell: quoted where a path needs it.
    fn hook(&self, agent: &str) -> String {
        shlex::try_join(self.hook_words(agent)).expect("no path holds a NUL")
    }

    /// The hook's own program, where a shell that runs its path alone does the same as the program with all its words.
    fn plain_hook_path(&self) -> Option<&str> {
        let path = self.hook_path.as_deref().filter(|_| self.db.is_none())?;
        shlex::try_quote(path).is_ok_and(|quoted| quoted == path).then_some(path)
    }

    fn toml_lines(&self) -> Vec<String> {
        let text = |text: &str| toml_edit::Value::from(text).to_string();
        let arguments: Vec<String> = self.serve_words().into_iter().map(text).collect();
        vec![format!("command = {}", text(&self.path)), format!("args = [{}]", arguments.join(", "))]
    }
}

/// One file as it is, and what belongs into it.
struct ReadConfig {
    place: ConfigFile,
    /// Without a byte order mark.
    text: Option<String>,
    json: Option<Json>,
    has_mark: bool,
}

fn read(places: Vec<ConfigFile>) -> Result<Vec<ReadConfig>, Error> {
    places.into_iter().map(ReadConfig::read).collect()
}

fn changes(
    files: Vec<ReadConfig>,
    after: impl Fn(&ReadConfig) -> Result<Option<String>, Error>,
) -> Result<Vec<ConfigChange>, Error> {
    let mut changes = Vec::new();
    for file in files {
        let after = after(&file)?;
        if after != file.text {
            let as_written = |text: String| if file.has_mark { format!("{MARK}{text}") } else { text };
            let (before, after) = (file.text.map(as_written), after.map(as_written));
            changes.push(ConfigChange { path: file.place.path, before, after });
        }
    }
    Ok(changes)
}

/// Editors of another system put it in front.
const MARK: char = '\u{feff}';

const TOML_SERVER: &[&str] = &["mcp_servers", SERVER];
const TOML_TELEMETRY: &[&str] = &["otel"];

impl ReadConfig {
    fn read(place: ConfigFile) -> Result<ReadConfig, Error> {
        let text = match file::text_of(&place.path) {
            Ok(text) => text,
            Err(source) => return Err(Error::Unreadable { path: place.path, source }),
        };
        let has_mark = text.as_ref().is_some_and(|text| text.starts_with(MARK));
        let text = text.map(|text| text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text));
        let json = match (&place.content, &text) {
            // An empty file is a new one.
            (ConfigContent::Json(_), Some(text)) if text.trim().is_empty() => None,
            (ConfigContent::Json(_), Some(text)) => match Json::parse(text) {
                Ok(json) => Some(json),
                Err(source) => return Err(Error::BrokenJson { path: place.path, source }),
            },
            (ConfigContent::Toml { .. }, Some(text)) => {
                table::has(text, TOML_SERVER).map_err(|source| broken_toml(&place, source))?;
                None
            }
            _ => None,
        };
        Ok(ReadConfig { place, text, json, has_mark })
    }

    fn has_foreign_telemetry(&self) -> bool {
        match (&self.place.content, &self.json, &self.text) {
            (ConfigContent::Json(parts), Some(json), _) => parts.iter().any(|part| merge::has_foreign_telemetry(json, part)),
            (ConfigContent::Toml { .. }, _, Some(text)) => {
                table::has(text, TOML_TELEMETRY).unwrap_or(false) && !has_our_toml_telemetry(text)
            }
            _ => false,
        }
    }

    fn has_foreign_server(&self) -> bool {
        match (&self.place.content, &self.json, &self.text) {
            (ConfigContent::Json(parts), Some(json), _) => parts.iter().any(|part| merge::has_foreign_server(json, part)),
            (ConfigContent::Toml { .. }, _, Some(text)) => {
                table::has(text, TOML_SERVER).unwrap_or(false) && !has_our_toml_server(text)
            }
            _ => false,
        }
    }

    fn with_parts(&self, target: Target) -> Result<String, Error> {
        match &self.place.content {
            ConfigContent::Json(parts) => {
                let json = self.json.clone().unwrap_or_else(Json::new_file);
                let merged = parts.iter().try_fold(json, |json, part| merge::put_in(json, part, target.name()));
                Ok(merged.map_err(|source| Error::Misplaced { path: self.place.path.clone(), source })?.text().to_owned())
            }
            ConfigContent::Toml { server, telemetry } => {
                self.with_tables(server, telemetry.as_deref()).map_err(|source| broken_toml(&self.place, source))
            }
            ConfigContent::Whole(text) => self.own(text.clone()),
        }
    }

    /// `None` where the file goes away, or was never there.
    fn without_parts(&self, target: Target) -> Result<Option<String>, Error> {
        let Some(text) = &self.text else { return Ok(None) };
        match (&self.place.content, &self.json) {
            (ConfigContent::Json(parts), Some(json)) => {
                // Last in, first out.
                let rest = parts.iter().rev().try_fold(json.clone(), |json, part| merge::take_out(json, part, target.name()));
                Ok(rest.map(|json| json.text().to_owned()))
            }
            (ConfigContent::Toml { .. }, _) => self.without_tables(text).map_err(|source| broken_toml(&self.place, source)),
            (ConfigContent::Whole(_), _) if opencode::is_plugin(text) => Ok(None),
            _ => Ok(Some(text.clone())),
        }
    }

    fn with_tables(&self, server: &[String], telemetry: Option<&[String]>) -> Result<String, toml_edit::TomlError> {
        let mut text = self.text.clone();
        let there = text.as_deref().and_then(|text| table::lines(text, TOML_TELEMETRY).ok().flatten());
        if let Some(lines) = telemetry.filter(|lines| there.as_deref() != Some(lines)) {
            if let Some(former) = text.as_deref().filter(|text| has_our_toml_telemetry(text)) {
                text = table::remove(former, TOML_TELEMETRY)?;
            }
            let section = table::Section { name: TOML_TELEMETRY, lines: lines.to_vec() };
            text = Some(table::add(text.as_deref(), &section)?);
        }
        let there = text.as_deref().map(|text| table::lines(text, TOML_SERVER)).transpose()?.flatten();
        if there.as_deref() == Some(server) {
            return Ok(text.unwrap_or_default());
        }
        if let Some(given) = text.as_deref().filter(|given| table::has(given, TOML_SERVER).unwrap_or(false)) {
            if !has_our_toml_server(given) {
                return Ok(given.to_owned());
            }
            text = table::remove(given, TOML_SERVER)?;
        }
        table::add(text.as_deref(), &table::Section { name: TOML_SERVER, lines: server.to_vec() })
    }

    fn without_tables(&self, text: &str) -> Result<Option<String>, toml_edit::TomlError> {
        let mut rest = Some(text.to_owned());
        if has_our_toml_server(text) {
            rest = table::remove(text, TOML_SERVER)?;
        }
        match rest {
            Some(text) if has_our_toml_telemetry(&text) => table::remove(&text, TOML_TELEMETRY),
            rest => Ok(rest),
        }
    }

    fn own(&self, text: String) -> Result<String, Error> {
        match &self.text {
            Some(there) if !opencode::is_plugin(there) => Err(Error::Foreign { path: self.place.path.clone() }),
            _ => Ok(text),
        }
    }
}

/// One line, that has logs sent to us.
fn has_our_toml_telemetry(text: &str) -> bool {
    let Ok(Some(lines)) = table::lines(text, TOML_TELEMETRY) else { return false };
    let [line] = &lines[..] else { return false };
    let told = |endpoint: &str| merge::is_our_endpoint(endpoint) && *line == agent::codex_exporter(endpoint);
    line.split('"').any(told)
}

fn has_our_toml_server(text: &str) -> bool {
    let Ok(document) = toml_edit::Document::parse(text) else { return false };
    let Some(table) = document.get(TOML_SERVER[0]).and_then(|item| item.get(TOML_SERVER[1])).and_then(|item| item.as_table())
    else {
        return false;
    };
    let program = table.get("command").and_then(|item| item.as_str()).unwrap_or_default();
    let arguments = table.get("args").and_then(|item| item.as_array());
    let arguments: Vec<&str> = arguments.map(|list| list.iter().filter_map(|item| item.as_str()).collect()).unwrap_or_default();
    table.len() == 2 && merge::is_our_program(program) && merge::is_our_serving(&arguments)
}

fn broken_toml(place: &ConfigFile, source: toml_edit::TomlError) -> Error {
    Error::BrokenToml { path: place.path.clone(), source: Box::new(source) }
}

#[cfg(test)]
mod tests;
