//! What each agent is to be told, and in which of its files: the tables.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::tell::TellMode;

use super::{Error, Program, Scope, Surroundings, opencode};

/// An agent, or an editor, whose configuration is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    ClaudeCode,
    Codex,
    Gemini,
    Copilot,
    Cursor,
    Opencode,
    Vscode,
}

impl Target {
    pub const ALL: &'static [Target] =
        &[Target::ClaudeCode, Target::Codex, Target::Gemini, Target::Copilot, Target::Cursor, Target::Opencode, Target::Vscode];

    /// The name in commands.
    pub const fn name(self) -> &'static str {
        match self {
            Target::ClaudeCode => "claude-code",
            Target::Codex => "codex",
            Target::Gemini => "gemini",
            Target::Copilot => "copilot",
            Target::Cursor => "cursor",
            Target::Opencode => "opencode",
            Target::Vscode => "vscode",
        }
    }
}

/// Where earlier versions had telemetry sent, and `serve` receive it.
pub(super) const COLLECTOR: &str = "127.0.0.1:4318";
/// How a client starts the server.
pub(super) const SERVE: &[&str] = &["serve"];
/// The name of the server, wherever one is entered.
pub(super) const SERVER: &str = "ai-coder-events";

/// Longer than a hook ever takes: it ends by itself within a quarter of a second.
const HOOK_SECONDS: u32 = 5;
/// Codex allows these two no more, and says so in every run where more is asked for.
const CODEX_LAST_SECONDS: u32 = 3;

/// The hooks that Claude Code may run beside its work. WorktreeCreate is not among them: it takes over what it reports.
const CLAUDE_BESIDE: &[&str] = &[
    "UserPromptSubmit",
    "PermissionRequest",
    "PermissionDenied",
    "Notification",
    "Elicitation",
    "ElicitationResult",
    "SubagentStart",
    "SubagentStop",
    "TaskCompleted",
    "PreCompact",
    "PostCompact",
    "CwdChanged",
    "DirectoryAdded",
    "WorktreeRemove",
];
/// What the keeper reads in the transcript as soon, a tool's beginning too. Whatever a hook runs, each costs Claude Code some 25 ms of
/// processor time, and there are two a call of a tool.
const CLAUDE_WITHOUT_KEEPER: &[&str] = &["PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch", "MessageDisplay"];
/// Those it waits for: around them it starts or ends, and a hook beside its work would be lost with its process.
const CLAUDE_WAITED_FOR: &[&str] = &["SessionStart", "SessionEnd", "Stop", "StopFailure"];

/// Those beside its work that it has to wait for where they are to tell it something: else it hears that one request later, or
/// more. `PreToolUse` only where it may say no.
const CLAUDE_TELLING: &[&str] = &["UserPromptSubmit", "PostToolUse", "PostToolUseFailure"];
const CLAUDE_GUARDING: &str = "PreToolUse";

const CODEX: &[&str] = &[
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PreCompact",
    "PostCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
];
const CODEX_LAST: &[&str] = &["SessionEnd", "Interrupt"];

/// AfterModel fires for every piece of an answer, and telemetry has its figures; PreCompress before every call.
const GEMINI: &[&str] = &["SessionStart", "SessionEnd", "BeforeAgent", "AfterAgent", "BeforeTool", "AfterTool", "Notification"];

const COPILOT: &[&str] = &[
    "sessionStart",
    "sessionEnd",
    "userPromptSubmitted",
    "preToolUse",
    "postToolUse",
    "postToolUseFailure",
    "permissionRequest",
    "notification",
    "errorOccurred",
    "agentStop",
    "subagentStart",
    "subagentStop",
    "preCompact",
];

/// Those before a tool decide whether it may run: they are none of a recorder's business.
const CURSOR: &[&str] = &[
    "sessionStart",
    "sessionEnd",
    "beforeSubmitPrompt",
    "postToolUse",
    "postToolUseFailure",
    "afterShellExecution",
    "afterFileEdit",
    "afterAgentResponse",
    "subagentStart",
    "subagentStop",
    "preCompact",
    "stop",
];

/// One file of an agent, and what belongs into it.
#[derive(Clone, Debug)]
pub(super) struct ConfigFile {
    pub path: PathBuf,
    pub content: ConfigContent,
}

#[derive(Clone, Debug)]
pub(super) enum ConfigContent {
    Json(Vec<ConfigPart>),
    /// Codex's `config.toml`: the server, and what its telemetry is to say.
    Toml {
        server: Vec<String>,
        telemetry: Option<Vec<String>>,
    },
    /// The file as a whole.
    Whole(String),
}

/// What belongs into one JSON file.
#[derive(Clone, Debug)]
pub(super) enum ConfigPart {
    /// A list of hooks for each event; `version` stands beside them where the file is new.
    Hooks {
        hooks: Vec<(&'static str, Value)>,
        version: Option<u32>,
    },
    Telemetry(TelemetrySettings),
    Server {
        under: &'static str,
        entry: Value,
    },
}

/// Settings that go in together, under one key, unless somebody has set any of that kind. Whose they are is told by where
/// they have telemetry sent.
#[derive(Clone, Debug)]
pub(super) struct TelemetrySettings {
    pub under: &'static str,
    pub endpoint: (&'static str, String),
    pub others: Vec<(&'static str, Value)>,
    /// Those of earlier versions.
    pub former: Vec<(&'static str, Value)>,
}

/// `[settings]` in which Claude Code looks for telemetry.
pub(super) fn is_telemetry(key: &str) -> bool {
    key.starts_with("OTEL_") || key == "CLAUDE_CODE_ENABLE_TELEMETRY"
}

impl Target {
    /// `telemetry`: where its telemetry is to go, if anywhere.
    pub(super) fn places(self, scope: Scope, at: &Surroundings, program: &Program, telemetry: Option<&str>) -> Vec<ConfigFile> {
        let folder = self.folder(scope, at);
        let json = |path: PathBuf, parts: Vec<ConfigPart>| ConfigFile { path, content: ConfigContent::Json(parts) };
        let file = |name: &str, parts| json(folder.join(name), parts);
        let hooks = |hooks: fn(&str) -> Vec<(&'static str, Value)>, version| ConfigPart::Hooks {
            hooks: hooks(&program.hook(self.name())),
            version,
        };
        let stdio = json!({"type": "stdio", "command": program.path, "args": program.serve_words()});
        let plain = json!({"command": program.path, "args": program.serve_words()});
        let server = |under, entry| ConfigPart::Server { under, entry };
        match self {
            Target::ClaudeCode => {
                // Whoever else works on a project may have an older version.
                let (command, arguments) = match program.plain_hook_path().filter(|_| scope == Scope::User) {
                    Some(path) => (path.to_owned(), program.agent_words(self.name())),
                    None => (program.hook(self.name()), Vec::new()),
                };
                let hooks = ClaudeHooks { command: &command, arguments: &arguments, telling: program.telling };
                let hooks = if at.keeper.is_some() { hooks.with_keeper() } else { hooks.alone() };
                let settings =
                    [ConfigPart::Hooks { hooks, version: None }].into_iter().chain(telemetry.map(claude_telemetry)).collect();
                vec![file("settings.json", settings), json(at.claude_servers(scope), vec![server("mcpServers", stdio)])]
            }
            Target::Codex => {
                let telemetry = telemetry.map(codex_telemetry);
                let content = ConfigContent::Toml { server: program.toml_lines(), telemetry };
                let servers = ConfigFile { path: folder.join("config.toml"), content };
                vec![file("hooks.json", vec![hooks(codex_hooks, None)]), servers]
            }
            Target::Gemini => {
                let telemetry = telemetry.map(gemini_telemetry);
                let parts = [hooks(gemini_hooks, None)].into_iter().chain(telemetry).chain([server("mcpServers", plain)]);
                vec![file("settings.json", parts.collect())]
            }
            Target::Copilot => {
                let local = json!({"type": "local", "command": program.path, "args": program.serve_words(), "tools": ["*"]});
                let servers = if scope == Scope::User { "mcp-config.json" } else { "mcp.json" };
                let hooks = vec![hooks(copilot_hooks, Some(1))];
                vec![file("hooks/ai-coder-events.json", hooks), file(servers, vec![server("mcpServers", local)])]
            }
            Target::Cursor => {
                vec![file("hooks.json", vec![hooks(cursor_hooks, Some(1))]), file("mcp.json", vec![server("mcpServers", plain)])]
            }
            Target::Opencode => {
                let command: Vec<&str> = std::iter::once(program.path.as_str()).chain(program.serve_words()).collect();
                let entry = json!({"type": "local", "command": command, "enabled": true});
                let content = ConfigContent::Whole(opencode::plugin(&program.hook_words(self.name()), at.feed.as_deref()));
                let plugin = ConfigFile { path: folder.join("plugins/ai-coder-events.js"), content };
                vec![plugin, json(at.opencode_settings(&folder, scope), vec![server("mcp", entry)])]
            }
            Target::Vscode => vec![file("mcp.json", vec![server("servers", stdio)])],
        }
    }

    /// The folder that most of its files are in.
    pub(super) fn folder(self, scope: Scope, at: &Surroundings) -> PathBuf {
        let or_home = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| at.home.join(name));
        match (self, scope) {
            (Target::ClaudeCode, Scope::User) => or_home(&at.claude_folder, ".claude"),
            (Target::Codex, Scope::User) => or_home(&at.codex_folder, ".codex"),
            (Target::Gemini, Scope::User) => at.home.join(".gemini"),
            (Target::Copilot, Scope::User) => or_home(&at.copilot_folder, ".copilot"),
            (Target::Cursor, Scope::User) => at.home.join(".cursor"),
            (Target::Opencode, Scope::User) => at.config_folder().join("opencode"),
            (Target::Vscode, Scope::User) if cfg!(target_os = "macos") => at.home.join("Library/Application Support/Code/User"),
            (Target::Vscode, Scope::User) => at.config_folder().join("Code/User"),
            (Target::ClaudeCode, Scope::Project) => at.project.join(".claude"),
            (Target::Codex, Scope::Project) => at.project.join(".codex"),
            (Target::Gemini, Scope::Project) => at.project.join(".gemini"),
            (Target::Copilot, Scope::Project) => at.project.join(".github"),
            (Target::Cursor, Scope::Project) => at.project.join(".cursor"),
            (Target::Opencode, Scope::Project) => at.project.join(".opencode"),
            (Target::Vscode, Scope::Project) => at.project.join(".vscode"),
        }
    }

    /// The programs that it is started by.
    pub const fn programs(self) -> &'static [&'static str] {
        match self {
            Target::ClaudeCode => &["claude"],
            Target::Codex => &["codex"],
            Target::Gemini => &["gemini"],
            Target::Copilot => &["copilot"],
            Target::Cursor => &["cursor-agent", "cursor"],
            Target::Opencode => &["opencode"],
            Target::Vscode => &["code"],
        }
    }

    /// What a person has to know once it is done.
    pub(super) const fn note(self) -> Option<&'static str> {
        match self {
            Target::Codex => Some("Codex runs new hooks once they are trusted: start it and accept them under `/hooks`"),
            _ => None,
        }
    }

    /// Its hooks can tell it something, or say no as well.
    const fn takes(self, telling: TellMode) -> bool {
        match (self, telling) {
            (Target::ClaudeCode | Target::Codex | Target::Gemini | Target::Copilot, _) | (Target::Cursor, TellMode::Context) => {
                true
            }
            (Target::Cursor, TellMode::Guard) | (Target::Opencode | Target::Vscode, _) => false,
        }
    }

    /// # Errors
    /// Where its hooks cannot do what is asked for.
    pub(super) fn check_telling(self, telling: Option<TellMode>) -> Result<(), Error> {
        let Some(telling) = telling.filter(|telling| !self.takes(*telling)) else { return Ok(()) };
        let others = |telling| {
            let others = Target::ALL.iter().filter(|target| target.takes(telling));
            others.map(|target| target.name()).collect::<Vec<_>>().join(", ")
        };
        let agent = self.name();
        Err(match self.takes(TellMode::Context) {
            true => Error::AsksNothing { agent, others: others(telling) },
            false => Error::TakesNothing { agent, others: others(TellMode::Context) },
        })
    }

    /// Its telemetry can be configured in its own files.
    pub(super) const fn has_telemetry(self) -> bool {
        matches!(self, Target::ClaudeCode | Target::Codex | Target::Gemini)
    }
}

impl Surroundings {
    fn config_folder(&self) -> PathBuf {
        self.config_home.clone().unwrap_or_else(|| self.home.join(".config"))
    }

    /// Where Claude Code looks for servers.
    fn claude_servers(&self, scope: Scope) -> PathBuf {
        match (scope, &self.claude_folder) {
            (Scope::Project, _) => self.project.join(".mcp.json"),
            (Scope::User, Some(folder)) => folder.join(".claude.json"),
            (Scope::User, None) => self.home.join(".claude.json"),
        }
    }

    /// A project's own settings stand beside its folder, a person's inside; with comments where there are some already.
    fn opencode_settings(&self, folder: &Path, scope: Scope) -> PathBuf {
        let settings = if scope == Scope::Project { &self.project } else { folder };
        let (plain, commented) = (settings.join("opencode.json"), settings.join("opencode.jsonc"));
        if commented.exists() && !plain.exists() { commented } else { plain }
    }
}

/// The hooks of Claude Code that run `command`, those of its tools too: who installs a plugin may have no keeper that reads of them.
/// With an `argument` Claude Code
/// starts the program by itself, which spares a shell for each of its steps: half of what a hook costs. Versions before 2.1.139 do
/// not know that and have a shell run `command` alone, so that it has to be one that does the same.
pub fn claude_hooks(command: &str, argument: Option<&str>) -> Vec<(&'static str, Value)> {
    ClaudeHooks { command, arguments: argument.as_slice(), telling: None }.and_of_the_rest(|event| event.contains("ToolUse"))
}

/// The hooks of Claude Code, each of which runs the same.
struct ClaudeHooks<'c> {
    command: &'c str,
    /// What stands apart from the command.
    arguments: &'c [&'c str],
    telling: Option<TellMode>,
}

impl ClaudeHooks<'_> {
    fn with_keeper(&self) -> Vec<(&'static str, Value)> {
        self.and_of_the_rest(|event| self.tells(event))
    }

    fn alone(&self) -> Vec<(&'static str, Value)> {
        self.and_of_the_rest(|_| true)
    }

    /// With those of what a keeper would read itself that are wanted all the same.
    fn and_of_the_rest(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<(&'static str, Value)> {
        let rest = CLAUDE_WITHOUT_KEEPER.iter().filter(|event| is_wanted(event));
        let beside = CLAUDE_BESIDE.iter().chain(rest).map(|event| (*event, self.hook(!self.tells(event))));
        CLAUDE_WAITED_FOR.iter().map(|event| (*event, self.hook(false))).chain(beside).collect()
    }

    fn tells(&self, event: &str) -> bool {
        match self.telling {
            None => false,
            Some(TellMode::Context) => CLAUDE_TELLING.contains(&event),
            Some(TellMode::Guard) => CLAUDE_TELLING.contains(&event) || event == CLAUDE_GUARDING,
        }
    }

    fn hook(&self, beside: bool) -> Value {
        let mut hook = json!({"type": "command", "command": self.command});
        if !self.arguments.is_empty() {
            hook["args"] = json!(self.arguments);
        }
        hook["timeout"] = Value::from(HOOK_SECONDS);
        if beside {
            hook["async"] = Value::from(true);
        }
        json!({"hooks": [hook]})
    }
}

fn codex_hooks(command: &str) -> Vec<(&'static str, Value)> {
    let entry = |seconds: u32| json!({"hooks": [{"type": "command", "command": command, "timeout": seconds}]});
    let last = CODEX_LAST.iter().map(|event| (*event, entry(CODEX_LAST_SECONDS)));
    CODEX.iter().map(|event| (*event, entry(HOOK_SECONDS))).chain(last).collect()
}

fn gemini_hooks(command: &str) -> Vec<(&'static str, Value)> {
    let entry = json!({"hooks": [{"type": "command", "name": SERVER, "command": command, "timeout": HOOK_SECONDS * 1_000}]});
    GEMINI.iter().map(|event| (*event, entry.clone())).collect()
}

/// Copilot's payloads do not name their hook: its command does.
fn copilot_hooks(command: &str) -> Vec<(&'static str, Value)> {
    let entry = |event: &str| json!({"type": "command", "bash": format!("{command} {event}"), "timeoutSec": HOOK_SECONDS});
    COPILOT.iter().map(|event| (*event, entry(event))).collect()
}

fn cursor_hooks(command: &str) -> Vec<(&'static str, Value)> {
    CURSOR.iter().map(|event| (*event, json!({"command": command, "timeout": HOOK_SECONDS}))).collect()
}

/// Logs alone: they say all that metrics do, call by call.
fn claude_telemetry(endpoint: &str) -> ConfigPart {
    let text = |settings: &[(&'static str, &str)]| settings.iter().map(|(key, value)| (*key, Value::from(*value))).collect();
    ConfigPart::Telemetry(TelemetrySettings {
        under: "env",
        endpoint: ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
        others: text(&[
            ("CLAUDE_CODE_ENABLE_TELEMETRY", "1"),
            ("OTEL_LOGS_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            // A session that is killed loses what was not sent yet; the default is five seconds.
            ("OTEL_LOGS_EXPORT_INTERVAL", "1000"),
        ]),
        former: text(&[("OTEL_METRICS_EXPORTER", "otlp")]),
    })
}

fn gemini_telemetry(endpoint: &str) -> ConfigPart {
    ConfigPart::Telemetry(TelemetrySettings {
        under: "telemetry",
        endpoint: ("otlpEndpoint", endpoint.to_owned()),
        others: vec![("enabled", json!(true)), ("target", json!("local")), ("otlpProtocol", json!("http"))],
        former: Vec::new(),
    })
}

/// Logs alone, at their full address.
fn codex_telemetry(endpoint: &str) -> Vec<String> {
    vec![codex_exporter(&format!("{endpoint}/v1/logs"))]
}

pub(super) fn codex_exporter(endpoint: &str) -> String {
    format!(r#"exporter = {{ otlp-http = {{ endpoint = "{endpoint}", protocol = "json" }} }}"#)
}
