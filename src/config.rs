//! Flags, environment and file become one value, once; below it, functions take the few values they need.
//!
//! Names every environment variable and every key of `config.toml`. Promises that an unknown key is an error that names
//! it, and that a broken file never stops a hook. Refuses to know what the values are used for.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    event::{Micros, Recording, Time},
    history::{self, Durability, Retention},
    notifier::NotifySettings,
    text::{BadPattern, Redactor},
    wake::KeeperSettings,
};

mod budget;
mod notify_table;
mod prices;
mod values;

use budget::BudgetTable;
use notify_table::NotifyTable;
use prices::PricesTable;
pub use values::{Age, Size};
use values::{Bound, BudgetMs, EventCount};

/// Everything that flags, environment and file decide.
pub struct Config {
    pub history: history::Options,
    pub retention: Retention,
    pub hook_budget: Duration,
    pub keeper: KeeperSettings,
    pub notify: NotifySettings,
}

/// How long a hook may take where the file does not say: an agent waits for its hooks, a person should not notice.
pub const HOOK_BUDGET: Duration = Duration::from_millis(250);
/// A season of work: long enough for "how did we do that in summer", short enough to stay small.
const RETENTION_AGE: Micros = 90 * Time::DAY;
const RETENTION_BYTES: u64 = 1 << 30;
/// The folder of ours in the state and configuration folders.
const FOLDER: &str = "ai-coder-events";

impl Config {
    /// # Errors
    /// Where the file cannot be read or says something unknown, and where there is no place for a history.
    pub fn load(db: Option<&Path>, environment: &Environment) -> Result<Config, Error> {
        let path = environment.history_path(db)?;
        let file = match environment.config_path() {
            Some(path) => ConfigToml::read(&path)?,
            None => ConfigToml::default(),
        };
        Config::of(path, file, environment)
    }

    /// For hooks: a broken file means the defaults, except that what it says of secrets is held to as far as it is clear.
    ///
    /// # Errors
    /// Where there is no place for a history.
    pub fn for_hook(db: Option<&Path>, environment: &Environment) -> Result<Config, Error> {
        Config::load(db, environment).or_else(|_| {
            let table = environment.config_path().map(|path| ConfigToml::clear_table(&path)).unwrap_or_default();
            let redact = RedactTable { patterns: clear_patterns(&table) };
            let file = ConfigToml { redact, record: clear_record(&table), ..ConfigToml::default() };
            Config::of(environment.history_path(db)?, file, environment)
        })
    }

    fn of(path: PathBuf, file: ConfigToml, environment: &Environment) -> Result<Config, Error> {
        let patterns = file.redact.patterns.into_iter().map(|RedactPattern { name, regex }| (name, regex));
        let redactor = Redactor::new(patterns)?;
        let durability = match file.durability {
            Some(DurabilityKey::Full) => Durability::Full,
            Some(DurabilityKey::Normal) | None => Durability::Normal,
        };
        let history = history::Options {
            durability,
            redactor: Arc::new(redactor),
            recording: file.record.recording(),
            prices: Arc::new(file.prices.into_prices()),
            budget: file.budget.into_budget()?,
            runtime_folder: environment.runtime_folder.clone(),
            temporary_folder: environment.temporary_folder.clone(),
            ..history::Options::new(path)
        };
        let retention = Retention {
            max_age: file.retention.max_age.map_or(Some(RETENTION_AGE), Bound::into_limit),
            max_events: file.retention.max_events.and_then(Bound::into_limit),
            max_bytes: file.retention.max_bytes.map_or(Some(RETENTION_BYTES), Bound::into_limit),
        };
        let hook_budget = file.hook.budget_ms.map_or(HOOK_BUDGET, |BudgetMs(ms)| Duration::from_millis(ms));
        let keeper = KeeperSettings {
            is_enabled: file.keeper.enabled.unwrap_or(true) && !environment.forbids_keeper,
            port: file.keeper.port,
            leaves_after: file.keeper.leaves_after.map_or(KeeperSettings::default().leaves_after, Age::into_duration),
            watches_folders: file.keeper.watch_folders.unwrap_or(true),
        };
        Ok(Config { history, retention, hook_budget, keeper, notify: file.notify.into_settings()? })
    }
}

/// The variables we read, taken once; an empty one counts as unset.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub db: Option<PathBuf>,
    /// The coder that this process works for, as `run` and wrapping scripts set it.
    pub coder_id: Option<String>,
    pub coder_name: Option<String>,
    /// The process of Claude Code, as it tells its hooks.
    pub claude_pid: Option<u32>,
    /// What to log, as a filter of the `tracing` kind.
    pub log: Option<String>,
    /// Also where the terminal knows nothing but text.
    pub no_color: bool,
    /// What shows a person what is longer than a screen.
    pub pager: Option<OsString>,
    /// Hooks start no keeper, whatever the file says of it.
    pub forbids_keeper: bool,
    /// What those who send to `collect` must know.
    pub token: Option<String>,
    pub home: Option<PathBuf>,
    /// Where Claude Code keeps what it keeps, if not in `~/.claude`.
    pub claude_folder: Option<PathBuf>,
    /// Where Codex does, if not in `~/.codex`.
    pub codex_folder: Option<PathBuf>,
    /// Where Copilot CLI does, if not in `~/.copilot`.
    pub copilot_folder: Option<PathBuf>,
    pub config_home: Option<PathBuf>,
    state_home: Option<PathBuf>,
    runtime_folder: Option<PathBuf>,
    temporary_folder: Option<PathBuf>,
}

impl Environment {
    pub fn of_process() -> Environment {
        let text = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name| variable(name).map(PathBuf::from);
        // The XDG specification: a relative path is invalid and to be ignored.
        let folder = |name| path(name).filter(|path| path.is_absolute());
        Environment {
            db: path("AI_CODER_EVENTS_DB"),
            coder_id: text("AI_CODER_ID"),
            coder_name: text("AI_CODER_NAME"),
            claude_pid: text("CLAUDE_PID").and_then(|pid| pid.parse().ok()),
            log: text("AI_CODER_EVENTS_LOG").or_else(|| text("RUST_LOG")),
            no_color: variable("NO_COLOR").is_some() || Environment::is_dumb(),
            pager: variable("PAGER"),
            forbids_keeper: variable("AI_CODER_EVENTS_KEEPER").is_some_and(|value| value == "off"),
            token: text("AI_CODER_EVENTS_TOKEN"),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            claude_folder: path("CLAUDE_CONFIG_DIR"),
            codex_folder: path("CODEX_HOME"),
            copilot_folder: path("COPILOT_HOME"),
            config_home: folder("XDG_CONFIG_HOME"),
            state_home: folder("XDG_STATE_HOME"),
            runtime_folder: folder("XDG_RUNTIME_DIR"),
            temporary_folder: Some(std::env::temp_dir()).filter(|path| path.is_absolute()),
        }
    }

    /// Whether agents are told by variables already where their telemetry goes, other than to what `is_ours`: an agent that was
    /// set up hands its own on to what it starts. Asks for all there are, which no hook pays for.
    pub fn has_telemetry(is_ours: impl Fn(&str) -> bool) -> bool {
        let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
        if endpoint.is_some_and(|endpoint| endpoint.to_str().is_some_and(is_ours)) {
            return false;
        }
        std::env::vars_os().any(|(name, _)| name.to_str().is_some_and(is_telemetry))
    }

    /// Whether a program that is started would find no such variable.
    pub fn has_no(name: &str) -> bool {
        std::env::var_os(name).is_none()
    }

    /// Whether the terminal can do nothing but print.
    pub fn is_dumb() -> bool {
        variable("TERM").is_some_and(|term| term == "dumb")
    }

    /// Whether the terminal is said to show more than ASCII. Where nothing is said, it is: terminals that do not are rare.
    pub fn speaks_unicode() -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
        let locale = locale.map(|locale| locale.to_string_lossy().to_lowercase());
        locale.is_none_or(|locale| locale.contains("utf-8") || locale.contains("utf8"))
    }

    fn history_path(&self, db: Option<&Path>) -> Result<PathBuf, Error> {
        if let Some(given) = db.or(self.db.as_deref()) {
            return std::path::absolute(given).map_err(|source| Error::NoPlace { path: given.to_owned(), source });
        }
        let state = self.state_home.clone().or_else(|| Some(self.home.as_ref()?.join(".local/state")));
        Ok(state.ok_or(Error::NoHome)?.join(FOLDER).join("history.db"))
    }

    /// Where the history is for whoever is told nothing but the home folder.
    pub fn common_history(&self) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(".local/state").join(FOLDER).join("history.db"))
    }

    /// `None` where there is no home to hold one.
    pub fn config_path(&self) -> Option<PathBuf> {
        let config = self.config_home.clone().or_else(|| Some(self.home.as_ref()?.join(".config")));
        Some(config?.join(FOLDER).join("config.toml"))
    }
}

fn is_telemetry(name: &str) -> bool {
    name == "CLAUDE_CODE_ENABLE_TELEMETRY" || name.starts_with("OTEL_EXPORTER_OTLP_")
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no home folder to keep the history in: set HOME, or name a file with --db or AI_CODER_EVENTS_DB")]
    NoHome,
    #[error("failed to resolve the history's path `{path}`")]
    NoPlace { path: PathBuf, source: std::io::Error },
    #[error("failed to read configuration `{path}`")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("configuration `{path}` is not valid: correct it, or move it away for the defaults")]
    Invalid { path: PathBuf, source: Box<toml::de::Error> },
    #[error("the configuration's `budget.{key}` is {value}: give an amount from 0 on")]
    Budget { key: &'static str, value: f64 },
    #[error("the configuration's `notify.{key}` is `{value}`: give {valid}")]
    Notify { key: &'static str, value: String, valid: String },
    #[error("the configuration's `redact.patterns` are not valid")]
    Pattern(#[from] BadPattern),
}

/// `config.toml` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigToml {
    durability: Option<DurabilityKey>,
    retention: RetentionTable,
    redact: RedactTable,
    hook: HookTable,
    keeper: KeeperTable,
    record: RecordTable,
    prices: PricesTable,
    budget: BudgetTable,
    notify: NotifyTable,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DurabilityKey {
    Normal,
    Full,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetentionTable {
    max_age: Option<Bound<Age>>,
    max_events: Option<Bound<EventCount>>,
    max_bytes: Option<Bound<Size>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RedactTable {
    patterns: Vec<RedactPattern>,
}

/// What counts as a secret here, beyond what is known everywhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedactPattern {
    name: String,
    regex: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HookTable {
    budget_ms: Option<BudgetMs>,
}

/// What of a coder's work is recorded.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RecordTable {
    prompts: Option<bool>,
    outputs: Option<bool>,
    diffs: Option<bool>,
    thinking: Option<bool>,
}

impl RecordTable {
    fn recording(&self) -> Recording {
        let otherwise = Recording::default();
        Recording {
            prompts: self.prompts.unwrap_or(otherwise.prompts),
            outputs: self.outputs.unwrap_or(otherwise.outputs),
            diffs: self.diffs.unwrap_or(otherwise.diffs),
            thinking: self.thinking.unwrap_or(otherwise.thinking),
        }
    }
}

/// What keeps the history while agents work.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct KeeperTable {
    enabled: Option<bool>,
    port: Option<u16>,
    #[serde(deserialize_with = "values::age")]
    leaves_after: Option<Age>,
    watch_folders: Option<bool>,
}

impl ConfigToml {
    /// An absent file says nothing.
    fn read(path: &Path) -> Result<ConfigToml, Error> {
        let text = match ConfigToml::text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ConfigToml::default()),
            Err(source) => return Err(Error::Unreadable { path: path.to_owned(), source }),
        };
        toml::from_str(&text).map_err(|source| Error::Invalid { path: path.to_owned(), source: Box::new(source) })
    }
}

impl ConfigToml {
    /// A pipe in its place would have the reader wait for a writer.
    fn text(path: &Path) -> std::io::Result<String> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        std::fs::read_to_string(path)
    }

    /// What a broken file says nevertheless.
    fn clear_table(path: &Path) -> toml::Table {
        ConfigToml::text(path).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}

/// The patterns that can be used: each stands for itself.
fn clear_patterns(table: &toml::Table) -> Vec<RedactPattern> {
    let patterns = table.get("redact").and_then(|redact| redact.get("patterns")?.as_array()).cloned().unwrap_or_default();
    let patterns = patterns.into_iter().filter_map(|pattern| pattern.try_into::<RedactPattern>().ok());
    let compiles = |RedactPattern { name, regex }: &RedactPattern| Redactor::new([(name.clone(), regex.clone())]).is_ok();
    patterns.filter(compiles).collect()
}

/// What is surely not to be recorded is not, whatever else is wrong.
fn clear_record(table: &toml::Table) -> RecordTable {
    let said = |key: &str| table.get("record").and_then(|record| record.get(key)?.as_bool());
    RecordTable { prompts: said("prompts"), outputs: said("outputs"), diffs: said("diffs"), thinking: said("thinking") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::BilledTokens;

    fn environment(home: &Path) -> Environment {
        Environment { home: Some(home.to_owned()), ..Environment::default() }
    }

    /// The configuration that a file of these words gives, or the whole chain of the error.
    fn load(text: &str) -> Result<Config, String> {
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path());
        let path = environment.config_path().unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        Config::load(None, &environment).map_err(|error| crate::stderr::with_causes(&error))
    }

    #[test]
    fn the_history_lies_where_flag_variable_or_folder_say() {
        let path = |db: Option<&str>, environment: Environment| {
            environment.history_path(db.map(Path::new)).map(|path| path.display().to_string()).map_err(|error| error.to_string())
        };
        let home = environment(Path::new("/home/ada"));
        assert_eq!(path(None, home.clone()).unwrap(), "/home/ada/.local/state/ai-coder-events/history.db");
        let state = Environment { state_home: Some("/state".into()), ..home };
        assert_eq!(path(None, state.clone()).unwrap(), "/state/ai-coder-events/history.db");
        let variable = Environment { db: Some("/var/h.db".into()), ..state };
        assert_eq!(path(None, variable.clone()).unwrap(), "/var/h.db");
        assert_eq!(path(Some("/flag/h.db"), variable).unwrap(), "/flag/h.db");
        assert!(path(None, Environment::default()).unwrap_err().contains("--db"));
        assert!(Path::new(&path(Some("h.db"), Environment::default()).unwrap()).is_absolute());
    }

    #[test]
    fn an_absent_or_empty_file_means_the_defaults() {
        let check = |config: Config| {
            assert_eq!(config.retention, Retention { max_age: Some(RETENTION_AGE), max_events: None, max_bytes: Some(1 << 30) });
            assert_eq!((config.hook_budget, config.history.durability), (HOOK_BUDGET, Durability::Normal));
        };
        let home = tempfile::tempdir().unwrap();
        check(Config::load(None, &environment(home.path())).unwrap());
        check(load("").unwrap());
    }

    #[test]
    fn a_file_decides() {
        let config = load(
            "durability = \"full\"\n[retention]\nmax_age = \"7d\"\nmax_events = 1000\nmax_bytes = \"500MiB\"\n\
             [hook]\nbudget_ms = 100\n[redact]\npatterns = [{ name = \"badge\", regex = \"B-[0-9]+\" }]\n",
        )
        .unwrap();
        let expected = Retention { max_age: Some(7 * Time::DAY), max_events: Some(1000), max_bytes: Some(500 << 20) };
        assert_eq!(config.retention, expected);
        assert_eq!((config.hook_budget, config.history.durability), (Duration::from_millis(100), Durability::Full));

        let keeper = |text: &str| load(text).unwrap().keeper;
        assert_eq!(keeper(""), KeeperSettings::default());
        let said = keeper("[keeper]\nenabled = false\nport = 24000\nleaves_after = \"1h\"\nwatch_folders = false\n");
        let expected = KeeperSettings {
            is_enabled: false,
            port: Some(24_000),
            leaves_after: Duration::from_secs(3600),
            watches_folders: false,
        };
        assert_eq!(said, expected);

        let prices =
            load("[prices]\n\"our/model\" = { input = 1, output = 2.5 }\nalias = \"our/model-2\"\n\"our/model-2\" = \"gpt-5\"\n");
        let prices = prices.unwrap().history.prices;
        let call = BilledTokens { output: 1_000_000, ..BilledTokens::default() };
        let cost = |model: &str| prices.cost(model, 0, &call);
        assert_eq!((cost("our/model"), cost("our/model-2"), cost("gpt-5")), (Some(2.5), Some(10.0), Some(10.0)));

        let unbounded = load("[retention]\nmax_age = \"none\"\nmax_bytes = \"none\"\n").unwrap();
        assert_eq!(unbounded.retention, Retention::default());
    }

    #[test]
    fn a_wrong_file_is_named_with_its_wrong_key() {
        let check = |text: &str, named: &str| {
            let error = load(text).err().unwrap_or_else(|| panic!("{text} was accepted"));
            assert!(error.contains("config.toml") && error.contains(named), "{text}: {error}");
        };
        check("colour = true", "`colour`");
        check("[retention]\nmax_agee = \"9d\"", "`max_agee`");
        check("[hook]\nbudget = 3", "`budget`");
        check("[hook]\nbudget_ms = 0", "`budget_ms` is 0");
        check("durability = \"maybe\"", "`maybe`");
        check("[retention]\nmax_age = \"soon\"", "`soon` is no age");
        check("[retention]\nmax_bytes = \"1 parsec\"", "`1 parsec` is no size");
        check("[redact]\npatterns = [{ name = \"x\" }]", "`regex`");
        check("[prices]\nours = { input = 1 }", "such as { input = 3, output = 15 }");
        check("[prices]\nours = { input = -1, output = 2 }", "such as { input = 3, output = 15 }");
        check("[prices]\nours = { input = 1, output = 2, reading = 3 }", "such as { input = 3, output = 15 }");
        check("[keeper]\nleaves_after = \"soon\"", "`soon` is no age");
        check("[keeper]\nenable = false", "`enable`");
    }

    #[test]
    fn a_wrong_file_does_not_stop_a_hook() {
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path());
        let path = environment.config_path().unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "[hook]\nbudget = 3").unwrap();
        assert!(matches!(Config::load(None, &environment), Err(Error::Invalid { .. })));
        assert_eq!(Config::for_hook(None, &environment).unwrap().hook_budget, HOOK_BUDGET);
    }

    #[test]
    fn a_wrong_file_still_says_what_is_secret() {
        let home = tempfile::tempdir().unwrap();
        let environment = environment(home.path());
        let path = environment.config_path().unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let patterns = r#"[{ name = "badge", regex = "B-[0-9]+" }, { name = "open", regex = "(" }, { nome = "x" }]"#;
        std::fs::write(&path, format!("colour = true\n[redact]\npatterns = {patterns}\n")).unwrap();
        let redactor = Config::for_hook(None, &environment).unwrap().history.redactor;
        assert_eq!(redactor.redact("B-12 entered"), "[redacted: badge] entered");
    }
}
