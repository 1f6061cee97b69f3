//! Parts go into a JSON file and come out of it, and nothing that somebody else wrote is touched.
//!
//! What is ours is told by what it runs: this program, as a hook of this agent or as a server started as we start it.

use serde_json::Value;

use crate::{tell::TellMode, wake::is_keeper_endpoint};

use super::{
    agent::{COLLECTOR, ConfigPart, SERVER, Target, TelemetrySettings},
    json::{Json, Misplaced, PathStep, steps},
};

/// The program that is nothing but our `hook`.
const HOOK_PROGRAM: &str = "ai-coder-events-hook";
const HOOKS: &str = "hooks";
const VERSION: &str = "version";

/// # Errors
/// [`Misplaced`] where the file has something else in the place of an object or a list.
pub(super) fn put_in(json: Json, part: &ConfigPart, agent: &str) -> Result<Json, Misplaced> {
    match part {
        ConfigPart::Hooks { hooks, version } => put_hooks(json, hooks, *version, agent),
        ConfigPart::Telemetry(telemetry) => put_telemetry(json, telemetry),
        ConfigPart::Server { under, entry } => {
            let path = [*under, SERVER];
            match json.find(&steps(&path)).map(|node| node.value()) {
                Some(there) if there == *entry || !is_our_server(&there) => Ok(json),
                Some(_) => json.take(&steps(&path)).unwrap_or_else(Json::new_file).put(&path, entry),
                None => json.put(&path, entry),
            }
        }
    }
}

/// `None` where nothing is left of a file made here.
pub(super) fn take_out(json: Json, part: &ConfigPart, agent: &str) -> Option<Json> {
    match part {
        ConfigPart::Hooks { version, .. } => take_hooks(json, *version, agent),
        ConfigPart::Telemetry(telemetry) => take_telemetry(json, telemetry),
        ConfigPart::Server { under, .. } => {
            let path = [PathStep::Key(under), PathStep::Key(SERVER)];
            let is_ours = json.find(&path).is_some_and(|node| is_our_server(&node.value()));
            if is_ours { json.take(&path) } else { Some(json) }
        }
    }
}

/// Somebody has settings of this kind that are not ours.
pub(super) fn has_foreign_telemetry(json: &Json, part: &ConfigPart) -> bool {
    let ConfigPart::Telemetry(telemetry) = part else { return false };
    let Some(node) = json.find(&[PathStep::Key(telemetry.under)]) else { return false };
    let of_that_kind = |key: &str| telemetry.under == "telemetry" || super::agent::is_telemetry(key);
    node.entries().iter().any(|entry| of_that_kind(&entry.key)) && !is_our_telemetry(json, telemetry)
}

/// Telemetry goes to a keeper, of whatever history and secret, or where earlier versions had it sent.
fn is_our_telemetry(json: &Json, telemetry: &TelemetrySettings) -> bool {
    let endpoint = json.find(&steps(&[telemetry.under, telemetry.endpoint.0])).map(|node| node.value());
    endpoint.as_ref().and_then(Value::as_str).is_some_and(is_our_endpoint)
}

/// Whether telemetry that goes to `endpoint` comes to us.
pub fn is_our_endpoint(endpoint: &str) -> bool {
    is_keeper_endpoint(endpoint)
        || endpoint
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_prefix(COLLECTOR))
            .is_some_and(|path| matches!(path, "" | "/v1/logs"))
}

/// What a person has changed of ours stays as it is, but for where telemetry goes.
fn put_telemetry(json: Json, telemetry: &TelemetrySettings) -> Result<Json, Misplaced> {
    let TelemetrySettings { under, endpoint: (key, endpoint), others, former } = telemetry;
    let is_there = |json: &Json, key: &str| json.find(&steps(&[under, key])).is_some();
    let has = |json: &Json, key: &str, value: &Value| json.find(&steps(&[under, key])).is_some_and(|node| node.value() == *value);
    let endpoint = Value::from(endpoint.as_str());
    let mut json = json;
    if !has(&json, key, &endpoint) {
        // What is wanted goes in before what is stale comes out: so the object that holds both keeps its place.
        for (key, value) in others.iter().filter(|(key, _)| !is_there(&json, key)).cloned().collect::<Vec<_>>() {
            json = json.put(&[under, key], &value)?;
        }
        if is_there(&json, key) {
            json = json.take(&steps(&[under, key])).unwrap_or_else(Json::new_file);
        }
        json = json.put(&[under, key], &endpoint)?;
    }
    for (key, value) in former {
        if has(&json, key, value) {
            json = json.take(&steps(&[under, key])).unwrap_or_else(Json::new_file);
        }
    }
    Ok(json)
}

fn take_telemetry(json: Json, telemetry: &TelemetrySettings) -> Option<Json> {
    if !is_our_telemetry(&json, telemetry) {
        return Some(json);
    }
    let TelemetrySettings { under, endpoint: (endpoint, _), others, former } = telemetry;
    let is_ours =
        |json: &Json, key: &str, value: &Value| json.find(&steps(&[under, key])).is_some_and(|node| node.value() == *value);
    let mut json = json;
    for (key, value) in others.iter().chain(former) {
        if is_ours(&json, key, value) {
            json = json.take(&steps(&[under, key]))?;
        }
    }
    json.take(&steps(&[under, endpoint]))
}

pub(super) fn has_foreign_server(json: &Json, part: &ConfigPart) -> bool {
    let ConfigPart::Server { under, .. } = part else { return false };
    json.find(&steps(&[under, SERVER])).is_some_and(|node| !is_our_server(&node.value()))
}

/// A server entry as we make them, whatever the path of the program.
pub(super) fn is_our_server(entry: &Value) -> bool {
    let Some(members) = entry.as_object() else { return false };
    if members.keys().any(|key| !["type", "command", "args", "tools", "enabled"].contains(&key.as_str())) {
        return false;
    }
    let mut words = Vec::new();
    for value in [&entry["command"], &entry["args"]] {
        match value {
            Value::Array(items) => words.extend(items.iter().filter_map(Value::as_str)),
            value => words.extend(value.as_str()),
        }
    }
    matches!(&words[..], [program, rest @ ..] if is_our_program(program) && is_our_serving(rest))
}

pub(super) fn is_our_serving(arguments: &[&str]) -> bool {
    matches!(arguments, ["serve"] | ["serve", "--db", _]) || arguments == ["serve", "--collect", COLLECTOR]
}

pub(super) fn is_our_program(path: &str) -> bool {
    named(path) == SERVER
}

fn named(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.strip_suffix(".exe").unwrap_or(name)
}

/// What is wanted goes in before what is stale comes out: so the list that holds both keeps its place in the file.
fn put_hooks(mut json: Json, wanted: &[(&'static str, Value)], version: Option<u32>, agent: &str) -> Result<Json, Misplaced> {
    let there = our_hooks(&json, agent);
    for (event, value) in wanted {
        if !there.iter().any(|hook| hook.event == *event && hook.value == *value) {
            json = json.push(&[HOOKS, event], value)?;
        }
    }
    let is_stale = |hook: &OurHook, before: &[OurHook]| {
        let is_wanted = wanted.iter().any(|(event, value)| hook.event == *event && hook.value == *value);
        !is_wanted || before.iter().any(|other| other.event == hook.event && other.value == hook.value)
    };
    loop {
        let ours = our_hooks(&json, agent);
        let Some(at) = (0..ours.len()).find(|&at| is_stale(&ours[at], &ours[..at])) else { break };
        json = json.take(&ours[at].path()).unwrap_or_else(Json::new_file);
    }
    match version {
        Some(version) if json.is_new() => json.put(&[VERSION], &Value::from(version)),
        _ => Ok(json),
    }
}

fn take_hooks(mut json: Json, version: Option<u32>, agent: &str) -> Option<Json> {
    let keys = |json: &Json| json.find(&[]).map_or(Vec::new(), |root| root.entries().iter().map(|e| e.key.clone()).collect());
    let before = keys(&json);
    while let Some(hook) = our_hooks(&json, agent).into_iter().next() {
        json = json.take(&hook.path())?;
    }
    // Files made here end with the version; others begin with it.
    let made_here = version.is_some() && before == [HOOKS, VERSION] && keys(&json) == [VERSION];
    (!made_here).then_some(json)
}

/// One of our hooks, as it stands in a file.
struct OurHook {
    event: String,
    /// Its place in the event's list, and within the group there that it shares with others.
    at: usize,
    within: Option<usize>,
    value: Value,
}

impl OurHook {
    fn path(&self) -> Vec<PathStep<'_>> {
        let mut path = vec![PathStep::Key(HOOKS), PathStep::Key(&self.event), PathStep::At(self.at)];
        path.extend(self.within.map(|within| [PathStep::Key(HOOKS), PathStep::At(within)]).into_iter().flatten());
        path
    }
}

fn our_hooks(json: &Json, agent: &str) -> Vec<OurHook> {
    let Some(events) = json.find(&[PathStep::Key(HOOKS)]) else { return Vec::new() };
    let mut found = Vec::new();
    for event in events.entries() {
        for (at, entry) in event.value.entries().iter().enumerate() {
            let value = entry.value.value();
            let hook = |within, value| OurHook { event: event.key.clone(), at, within, value };
            match value["hooks"].as_array() {
                Some(group) if !group.is_empty() && group.iter().all(|inner| runs_our_hook(inner, agent)) => {
                    found.push(hook(None, value));
                }
                Some(group) => {
                    let ours = group.iter().enumerate().filter(|(_, inner)| runs_our_hook(inner, agent));
                    found.extend(ours.map(|(within, inner)| hook(Some(within), inner.clone())));
                }
                None if runs_our_hook(&value, agent) => found.push(hook(None, value)),
                None => {}
            }
        }
    }
    found
}

fn runs_our_hook(hook: &Value, agent: &str) -> bool {
    let arguments: Vec<&str> = hook["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let commands = [&hook["command"], &hook["bash"]].into_iter().filter_map(Value::as_str);
    commands.into_iter().any(|command| is_our_hook(command, &arguments, agent))
}

/// `'/path/to/ai-coder-events' hook AGENT` or `'/path/to/ai-coder-events-hook' AGENT`, and the event's name after it where the
/// payload has none. The words behind the program may stand apart, as `arguments`.
fn is_our_hook(command: &str, arguments: &[&str], agent: &str) -> bool {
    let words = shlex::split(command).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
    let named_agent = match &words[..] {
        [program, "hook", rest @ ..] if is_our_program(program) => rest,
        // Claude Code of before 2.1.139 leaves out what it does not know where it writes its settings anew.
        [program] if named(program) == HOOK_PROGRAM => return agent == Target::ClaudeCode.name(),
        [program, rest @ ..] if named(program) == HOOK_PROGRAM => rest,
        _ => return false,
    };
    let named_agent = if let ["--db", _, rest @ ..] = named_agent { rest } else { named_agent };
    let named_agent: Vec<&str> = named_agent.iter().copied().filter(|word| TellMode::of_flag(word).is_none()).collect();
    matches!(named_agent[..], [name] | [name, _] if name == agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_ours_by_what_it_runs() {
        let cases = [
            ("ai-coder-events hook cursor", true),
            ("/opt/ai-coder-events hook --db '/my state/h.db' cursor", true),
            ("/opt/ai-coder-events-hook --db h.db cursor beforeShell", true),
            ("/opt/ai-coder-events-hook --db h.db gemini", false),
            ("'/opt/my tools/ai-coder-events' hook cursor", true),
            ("/bin/ai-coder-events hook cursor stop", true),
            ("ai-coder-events hook cursor --tell", true),
            ("ai-coder-events-hook --db h.db cursor --tell-guard stop", true),
            ("ai-coder-events-hook cursor --say stop", false),
            ("ai-coder-events hook codex", false),
            ("ai-coder-events hook cursor && say done", false),
            ("say hook cursor", false),
            ("ai-coder-events list", false),
            ("ai-coder-events-hook cursor", true),
            ("'/opt/my tools/ai-coder-events-hook' cursor stop", true),
            (r"'/my tools/it'\''s/ai-coder-events' hook cursor", true),
            (r"'C:\tools\ai-coder-events-hook.exe' cursor", true),
            ("ai-coder-events-hook codex", false),
            ("ai-coder-events-hook cursor stop now", false),
            ("ai-coder-events-hook hook cursor", false),
            ("ai-coder-events-hook", false),
            ("ai-coder-events cursor", false),
            ("'ai-coder-events-hook cursor", false),
        ];
        for (command, expected) in cases {
            assert_eq!(is_our_hook(command, &[], "cursor"), expected, "{command}");
        }
        assert!(is_our_hook("/opt/ai-coder-events-hook", &[], "claude-code"));
        assert!(is_our_hook("/opt/ai-coder-events-hook", &["cursor"], "cursor"));
        assert!(!is_our_hook("/opt/ai-coder-events-hook", &["codex"], "cursor"));
        assert!(!is_our_hook("/opt/say", &["ai-coder-events-hook", "cursor"], "cursor"));
    }

    #[test]
    fn a_server_is_ours_by_how_it_is_started() {
        let cases = [
            (r#"{"command":"/x/ai-coder-events","args":["serve"]}"#, true),
            (r#"{"type":"local","command":["ai-coder-events","serve","--collect","127.0.0.1:4318"],"enabled":true}"#, true),
            (r#"{"command":"ai-coder-events","args":["serve","--read-only"]}"#, false),
            (r#"{"command":"ai-coder-events","args":["serve"],"env":{"A":"b"}}"#, false),
            (r#"{"command":"other","args":["serve"]}"#, false),
            (r#""ai-coder-events serve""#, false),
        ];
        for (entry, expected) in cases {
            assert_eq!(is_our_server(&serde_json::from_str(entry).expect("a test's JSON")), expected, "{entry}");
        }
    }
}
