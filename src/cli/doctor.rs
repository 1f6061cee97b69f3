//! `doctor`: is it recording? What is set up, what was heard of, what waits, and the command that mends what is broken.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use ai_coder_events::{
    config::{Config, Environment},
    event::{Channel, Time},
    history::{CodersQuery, Reader, StatsQuery},
    keep::KeeperStatus,
    setup::{SetupStanding, Target},
    style::{Tint, age, bytes},
    tell::TellMode,
    text, wake,
};
use clap::Args;
use serde::Serialize;

use super::{
    agents::{self, AgentHere},
    now,
    print::{Cell, Console, cell, count, json_line},
};

/// Is it recording? What is set up, what was heard of, and how to mend what is broken
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {}

const EXAMPLES: &str = "\
Exit code 0 where it records, 1 where something is broken; each problem names the command that mends it.

Examples:
  ai-coder-events doctor
  ai-coder-events doctor --json | jq .problems";

/// Everything that was looked at.
#[derive(Serialize)]
struct Findings {
    ok: bool,
    version: &'static str,
    program: String,
    config: ConfigFindings,
    history: HistoryFindings,
    keeper: KeeperFindings,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpFindings>,
    agents: Vec<AgentFindings>,
    problems: Vec<Problem>,
}

#[derive(Default, Serialize)]
struct ConfigFindings {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// What `[record]` turned off.
    not_recorded: Vec<&'static str>,
}

#[derive(Default, Serialize)]
struct HistoryFindings {
    path: String,
    events: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event: Option<Time>,
    spooled: u64,
    rejections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_rejection: Option<LastRejection>,
}

#[derive(Serialize)]
struct LastRejection {
    time: Time,
    source: String,
    reason: String,
}

#[derive(Default, Serialize)]
struct KeeperFindings {
    enabled: bool,
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exports: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_export: Option<Time>,
}

/// What clients of `serve --http` must know, once one was served so.
#[derive(Serialize)]
struct HttpFindings {
    token_path: String,
    /// For people alone: what a program is told ends in logs.
    #[serde(skip)]
    token: String,
}

#[derive(Serialize)]
struct AgentFindings {
    agent: &'static str,
    found: bool,
    setup: &'static str,
    /// What its hooks run.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event: Option<Time>,
    /// The channels that told of its newest coder.
    channels: Vec<&'static str>,
}

/// Something broken, and what mends it.
#[derive(Serialize)]
struct Problem {
    problem: String,
    mend: String,
}

impl DoctorArgs {
    pub fn run(self, db: Option<&Path>, environment: Environment, json: bool) -> anyhow::Result<ExitCode> {
        let console = Console::of_stdout(&environment);
        let findings = Findings::of(db, environment)?;
        let mut out = io::BufWriter::new(io::stdout().lock());
        if json {
            json_line(&mut out, &findings)?;
        } else {
            findings.tell(&mut out, &console)?;
        }
        out.flush()?;
        Ok(if findings.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Whether who is to be told hears of it.
fn look_at_telling(config: &Config, reader: &mut Reader, problems: &mut Vec<Problem>) {
    if config.notify.command.is_empty() {
        return;
    }
    // What keeps the history from being read is told by itself.
    if let Ok(Some((at, failure))) = reader.last_telling_failure() {
        problems.push(Problem {
            problem: format!("you were not told of something at {at}: {failure}"),
            mend: "ai-coder-events notify --test".to_owned(),
        });
    }
}

impl Findings {
    fn of(db: Option<&Path>, environment: Environment) -> anyhow::Result<Findings> {
        let mut problems = Vec::new();
        let config = match Config::load(db, &environment) {
            Ok(config) => config,
            Err(error) => {
                problems.push(Problem {
                    problem: text::with_causes(&error),
                    mend: "correct the file, or move it away for the defaults".to_owned(),
                });
                Config::for_hook(db, &environment)?
            }
        };
        let mut reader = Reader::new(&config.history);
        let history = HistoryFindings::of(&mut reader, &config, &mut problems);
        let keeper = KeeperFindings::of(&config, &mut problems);
        look_at_telling(&config, &mut reader, &mut problems);
        let path = environment.config_path().filter(|path| path.is_file()).map(|path| path.display().to_string());
        let recording = config.history.recording;
        let left_out = [(recording.prompts, "prompts"), (recording.outputs, "outputs"), (recording.diffs, "diffs")];
        let not_recorded = left_out.into_iter().filter(|(wanted, _)| !wanted).map(|(_, name)| name).collect();
        let heard = Heard::of(&mut reader);
        let here = agents::all_here(environment, &config)?;
        let agents: Vec<AgentFindings> =
            here.into_iter().map(|agent| AgentFindings::of(agent, &heard, &mut reader, &mut problems)).collect();
        if !agents.iter().any(|agent| agent.setup == SetupStanding::SetUp.name()) && problems.is_empty() {
            let first = agents.iter().find(|agent| agent.found).map_or(Target::ClaudeCode.name(), |agent| agent.agent);
            problems.push(Problem {
                problem: "no agent is set up to report here".to_owned(),
                mend: format!("ai-coder-events setup {first}"),
            });
        }
        Ok(Findings {
            ok: problems.is_empty(),
            version: env!("CARGO_PKG_VERSION"),
            program: std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default(),
            config: ConfigFindings { path, not_recorded },
            history,
            keeper,
            http: HttpFindings::of(&config),
            agents,
            problems,
        })
    }

    fn tell(&self, out: &mut impl Write, console: &Console) -> io::Result<()> {
        let now = now();
        let row = |name: &str, told: String, tint: Tint| vec![cell(name, Tint::Bold), cell(told, tint)];
        let mut rows: Vec<Vec<Cell>> = vec![
            row("program", format!("{}, version {}", self.program, self.version), Tint::Plain),
            row("config", self.config.told(), Tint::Plain),
            row("history", self.history.told(console, now), Tint::Plain),
        ];
        if self.history.spooled > 0 {
            rows.push(row("spool", format!("{} wait", count(self.history.spooled, "file")), Tint::Attention));
        }
        if let Some(last) = &self.history.last_rejection {
            let told = format!(
                "{} kept, the last {} ago: {}",
                count(self.history.rejections, "rejection"),
                age(now.since(last.time)),
                last.reason
            );
            rows.push(row("rejected", told, Tint::Dim));
        }
        rows.push(row("keeper", self.keeper.told(now), Tint::Plain));
        if let Some(http) = &self.http {
            rows.push(row("http", http.told(), Tint::Plain));
        }
        for agent in &self.agents {
            let (told, tint) = agent.told(console, now);
            rows.push(row(agent.agent, told, tint));
        }
        // It is read to its end, wherever that is.
        console.clone().whole().table(out, &rows)?;
        writeln!(out)?;
        if self.problems.is_empty() {
            return console.line(out, "it records", Tint::Good);
        }
        for Problem { problem, mend } in &self.problems {
            console.line(out, problem, Tint::Bad)?;
            console.line(out, &format!("  mend it: {mend}"), Tint::Plain)?;
        }
        Ok(())
    }
}

impl ConfigFindings {
    fn told(&self) -> String {
        let path = self.path.clone().unwrap_or_else(|| "the defaults".to_owned());
        let left_out = self.not_recorded.join(", ");
        if left_out.is_empty() { path } else { format!("{path}; not recorded: {left_out}") }
    }
}

impl HistoryFindings {
    fn of(reader: &mut Reader, config: &Config, problems: &mut Vec<Problem>) -> HistoryFindings {
        let path = config.history.path.display().to_string();
        let stats = reader.stats(&StatsQuery { coders_max: 1, ..StatsQuery::default() });
        let (stats, rejected) = match stats.and_then(|stats| Ok((stats, reader.rejected()?))) {
            Ok(read) => read,
            Err(error) => {
                let mend = "ai-coder-events check --repair".to_owned();
                problems.push(Problem { problem: text::with_causes(&error), mend });
                return HistoryFindings { path, ..HistoryFindings::default() };
            }
        };
        if stats.history.spooled > 0 {
            let problem =
                format!("{} of events wait in the spool: no history could be written", count(stats.history.spooled, "file"));
            problems.push(Problem { problem, mend: "ai-coder-events check".to_owned() });
        }
        HistoryFindings {
            path,
            events: stats.history.events,
            bytes: stats.history.bytes,
            last_event: stats.last_event,
            spooled: stats.history.spooled,
            rejections: stats.history.rejections,
            last_rejection: rejected.into_iter().next_back().map(|last| LastRejection {
                time: last.time,
                source: last.source,
                reason: last.reason,
            }),
        }
    }

    fn told(&self, console: &Console, now: Time) -> String {
        let Some(last) = self.last_event else { return format!("{}, empty yet", self.path) };
        let events = count(self.events, "event");
        format!("{}, {events}, {}, the last of {}", self.path, bytes(self.bytes), console.when(last, now))
    }
}

impl HttpFindings {
    fn of(config: &Config) -> Option<HttpFindings> {
        let token = wake::known_token(&config.history)?;
        Some(HttpFindings { token_path: config.history.token_path().display().to_string(), token })
    }

    fn told(&self) -> String {
        format!("clients of `serve --http` send `Authorization: Bearer {}`; {}", self.token, self.token_path)
    }
}

impl KeeperFindings {
    fn of(config: &Config, problems: &mut Vec<Problem>) -> KeeperFindings {
        let enabled = config.keeper.is_enabled;
        let Some(status) = KeeperStatus::of(&config.history) else {
            return KeeperFindings { enabled, ..KeeperFindings::default() };
        };
        let restart = "ai-coder-events keep --stop".to_owned();
        if let Some(reason) = &status.no_port {
            problems.push(Problem { problem: format!("the keeper receives nothing: {reason}"), mend: restart.clone() });
        }
        if status.holder.is_older_than(env!("CARGO_PKG_VERSION")) {
            let problem = format!("the keeper is of an older version, {}", status.holder.version);
            problems.push(Problem { problem, mend: restart });
        }
        KeeperFindings {
            enabled,
            running: true,
            pid: Some(status.holder.process.pid),
            version: Some(status.holder.version),
            port: status.port,
            exports: Some(status.exports),
            last_export: status.last_export,
        }
    }

    fn told(&self, now: Time) -> String {
        let (Some(pid), Some(exports)) = (self.pid, self.exports) else {
            let none = "none is at work";
            return if self.enabled {
                format!("{none}: the next hook starts one")
            } else {
                format!("{none}, and none is started: it is switched off")
            };
        };
        let port = self.port.map_or("no port".to_owned(), |port| format!("port {port}"));
        let last = self.last_export.map_or(String::new(), |last| format!(", the last {} ago", age(now.since(last))));
        format!("process {pid}, {port}, {}{last}", count(exports, "export"))
    }
}

/// What was heard of each agent last.
struct Heard(Vec<(String, String, Time)>);

impl Heard {
    fn of(reader: &mut Reader) -> Heard {
        // That it cannot be read is told already.
        let coders = reader.coders(&CodersQuery::default()).unwrap_or_default();
        let agent = |id: &str| id.split_once(':').map(|(agent, _)| agent.to_owned());
        Heard(
            coders
                .into_iter()
                .filter_map(|coder| Some((agent(&coder.coder_id)?, coder.coder_id, coder.last_activity?)))
                .collect(),
        )
    }

    /// The coder of that agent that was active last, and when.
    fn newest(&self, agent: &str) -> Option<(&str, Time)> {
        self.0.iter().filter(|(of, ..)| of == agent).max_by_key(|(.., at)| *at).map(|(_, id, at)| (id.as_str(), *at))
    }
}

impl AgentFindings {
    fn of(agent: AgentHere, heard: &Heard, reader: &mut Reader, problems: &mut Vec<Problem>) -> AgentFindings {
        let name = agent.target.name();
        // Without the flag, what its agent may be told would be taken back.
        let telling = match agent.setup.as_ref().ok().and_then(|setup| setup.telling) {
            Some(TellMode::Context) => " --tell",
            Some(TellMode::Guard) => " --tell guard",
            None => "",
        };
        let again = format!("ai-coder-events setup {name}{telling}");
        let (standing, command) = match agent.setup {
            Ok(setup) => (setup.standing, setup.command),
            Err(error) => {
                problems.push(Problem { problem: text::with_causes(&error), mend: again.clone() });
                (SetupStanding::NotSetUp, None)
            }
        };
        if standing == SetupStanding::Outdated {
            let problem = format!("{name} is set up by another version, or for another history");
            problems.push(Problem { problem, mend: again.clone() });
        }
        if let Some(missing) = command.as_deref().and_then(agents::missing_program) {
            problems.push(Problem { problem: format!("{name} runs `{missing}`, which is not there"), mend: again });
        }
        let newest = heard.newest(name);
        let channels = newest.and_then(|(id, _)| reader.channels(id).ok()).unwrap_or_default();
        AgentFindings {
            agent: name,
            found: agent.is_found,
            setup: standing.name(),
            command,
            last_event: newest.map(|(_, at)| at),
            channels: channels.into_iter().map(Channel::name).collect(),
        }
    }

    fn told(&self, console: &Console, now: Time) -> (String, Tint) {
        let heard = match self.last_event {
            Some(last) => format!("; last event {}", console.when(last, now)),
            None => "; no event yet".to_owned(),
        };
        let by = if self.channels.is_empty() { String::new() } else { format!(" ({})", self.channels.join(", ")) };
        let runs = self.command.as_deref().map_or(String::new(), |command| format!(", runs `{command}`"));
        match self.setup {
            "set_up" => (format!("set up{runs}{heard}{by}"), Tint::Good),
            "outdated" => (format!("set up otherwise{runs}{heard}{by}"), Tint::Attention),
            _ if self.found => (format!("found, not set up: `ai-coder-events setup {}`{heard}{by}", self.agent), Tint::Plain),
            _ => ("not found".to_owned(), Tint::Dim),
        }
    }
}
