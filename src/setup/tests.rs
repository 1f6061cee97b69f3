use std::{collections::BTreeSet, fs, path::Path};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{agent::Target, *};
use crate::{
    source::{Agent, HookContext, read_hook},
    tell::TellMode,
};

fn program() -> Program {
    Program {
        path: "/opt/ai-coder-events".to_owned(),
        hook_path: Some("/opt/ai-coder-events-hook".to_owned()),
        db: None,
        telling: None,
    }
}

/// As older versions registered it, and as it is where the hook's own program is not there.
fn program_alone() -> Program {
    Program { hook_path: None, ..program() }
}

const KEEPER: &str = "http://127.0.0.1:24440/k/0123456789abcdef0123456789abcdef";

/// A home and a project of its own.
struct Machine {
    _folder: tempfile::TempDir,
    at: Surroundings,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, project) = (folder.path().join("home"), folder.path().join("project"));
        Machine {
            at: Surroundings { home, project, keeper: Some(KEEPER.to_owned()), ..Surroundings::default() },
            _folder: folder,
        }
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.at.home.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.at.home.join(name)).ok()
    }

    fn install(&self, target: Target, scope: Scope) -> Plan {
        self.install_as(target, scope, &program())
    }

    fn install_as(&self, target: Target, scope: Scope, program: &Program) -> Plan {
        let plan = install(target, scope, &self.at, program).expect("the files are in order");
        plan.changes.iter().for_each(|change| drop(change.write("t").expect("it can be written")));
        plan
    }

    fn remove(&self, target: Target, scope: Scope) -> Plan {
        let plan = remove(target, scope, &self.at, &program()).expect("the files are in order");
        plan.changes.iter().for_each(|change| drop(change.write("t").expect("it can be written")));
        plan
    }
}

#[test]
fn what_setup_makes_it_takes_away_and_does_once() {
    for &target in Target::ALL {
        for scope in [Scope::User, Scope::Project] {
            let machine = Machine::new();
            let made = machine.install(target, scope);
            assert!(!made.changes.is_empty(), "{target:?}");
            assert_eq!(machine.install(target, scope).changes, [], "{target:?}");
            let gone = machine.remove(target, scope).changes;
            assert_eq!(gone.len(), made.changes.len(), "{target:?}");
            assert!(gone.iter().all(|change| change.after.is_none() && !change.path.exists()), "{target:?} {scope:?}: {gone:?}");
            assert_eq!(machine.remove(target, scope).changes, [], "{target:?}");
        }
    }
}

/// The settings of every agent whose hooks, telemetry or server go into JSON.
const FILES: &[(Target, &str)] = &[
    (Target::ClaudeCode, ".claude/settings.json"),
    (Target::ClaudeCode, ".claude.json"),
    (Target::Codex, ".codex/hooks.json"),
    (Target::Gemini, ".gemini/settings.json"),
    (Target::Copilot, ".copilot/mcp-config.json"),
    (Target::Cursor, ".cursor/hooks.json"),
    (Target::Cursor, ".cursor/mcp.json"),
    (Target::Opencode, ".config/opencode/opencode.jsonc"),
    (Target::Vscode, ".config/Code/User/mcp.json"),
];

fn check_round_trip(text: &str) {
    for &(target, name) in FILES {
        let machine = Machine::new();
        machine.put(name, text);
        machine.install(target, Scope::User);
        let with = machine.text(name).expect("the file is there");
        assert_ne!(with, text, "{name}");
        assert_eq!(machine.install(target, Scope::User).changes, [], "{name}: {with}");
        machine.remove(target, Scope::User);
        assert_eq!(machine.text(name).as_deref(), Some(text), "{name}: {with}");
    }
}

#[test]
fn what_is_there_stays_to_the_byte() {
    let texts = [
        "{}",
        "{}\n",
        "{ }",
        "{\n}\n",
        "{ /* nothing */ }",
        "{\n  // nothing yet\n}\n",
        "{\"theme\":\"dark\"}",
        "{\r\n\t\"theme\": \"dark\"\r\n}\r\n",
        "{\n      \"theme\": \"dark\", // mine\n      /* last */\n}",
        "{\n  \"theme\": \"dark\",\n}\n",
        "{\"hooks\": {}, \"env\": {}, \"mcpServers\": {}, \"mcp\": {}, \"servers\": {}}",
        "{\n  \"hooks\": {\n    \"Stop\": [\n      {\"hooks\": [{\"type\": \"command\", \"command\": \"say done\"}]}\n    ],\n    \"stop\": []\n  },\n  \"z\": 1,\n  \"a\": 2\n}\n",
        "\u{feff}{\n \"a\": [1, 2 ,3] // x\n}",
        "{\n  \"mcpServers\": {\n    // two\n    \"other\": {\"command\": \"x\"}, // one\n  },\n}\n",
    ];
    texts.into_iter().for_each(check_round_trip);
}

fn configuration() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[a-z\"\\\\\n/]{0,6}".prop_map(Value::from)];
    let key = prop_oneof![Just("theme".to_owned()), Just("other".to_owned()), "[a-z]{1,4}"];
    let inner = leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(key, inner, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().filter(|(key, _)| key != "mcp" && key != "env").collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn in_and_out_again_is_nothing(value in configuration(), pretty: bool) {
        check_round_trip(&if pretty { serde_json::to_string_pretty(&value).expect("JSON") } else { value.to_string() });
    }
}

#[test]
fn hooks_of_others_and_their_order_stay() {
    let machine = Machine::new();
    machine.put(".claude/settings.json", "{\n  \"hooks\": {\n    \"Stop\": [\n      { \"hooks\": [ {\"type\": \"command\", \"command\": \"say done\"}, {\"type\": \"command\", \"command\": \"/old/ai-coder-events hook claude-code\"} ] }\n    ]\n  }\n}\n");
    machine.install(Target::ClaudeCode, Scope::User);
    let settings: Value = serde_json::from_str(&machine.text(".claude/settings.json").expect("it is there")).expect("JSON");
    let expected = json!([
        {"hooks": [{"type": "command", "command": "say done"}]},
        {"hooks": [{"type": "command", "command": "/opt/ai-coder-events-hook", "args": ["claude-code"], "timeout": 5}]},
    ]);
    assert_eq!(settings["hooks"]["Stop"], expected);
    assert_eq!(settings["hooks"]["UserPromptSubmit"][0]["hooks"][0]["async"], true);
    assert_eq!(settings["hooks"].get("WorktreeCreate"), None);
}

#[test]
fn tools_have_hooks_of_claude_code_where_no_keeper_reads_of_them() {
    let mut machine = Machine::new();
    let hooks = |machine: &Machine| {
        machine.install(Target::ClaudeCode, Scope::User);
        let settings: Value = serde_json::from_str(&machine.text(".claude/settings.json").expect("it is there")).expect("JSON");
        ["PreToolUse", "PostToolUse", "PostToolUseFailure", "Stop"].map(|event| settings["hooks"].get(event).is_some())
    };
    machine.at.keeper = None;
    assert_eq!(hooks(&machine), [true; 4]);
    machine.at.keeper = Some(KEEPER.to_owned());
    assert_eq!(hooks(&machine), [false, false, false, true]);
}

#[test]
fn telemetry_that_goes_elsewhere_is_not_redirected() {
    let cases = [
        (Target::ClaudeCode, ".claude/settings.json", "{\"env\": {\"OTEL_LOGS_EXPORTER\": \"console\"}}", ".claude.json"),
        (Target::Gemini, ".gemini/settings.json", "{\"telemetry\": {\"enabled\": false}}", ".gemini/settings.json"),
        (Target::Codex, ".codex/config.toml", "[otel]\nexporter = \"none\"\n", ".codex/config.toml"),
    ];
    for (target, name, text, server) in cases {
        let machine = Machine::new();
        machine.put(name, text);
        machine.install(target, Scope::User);
        assert!(machine.text(server).expect("the server is entered").contains("serve"));
        assert!(!machine.text(name).expect("it is there").contains("/k/"));

        let machine = Machine::new();
        machine.install(target, Scope::User);
        assert!(machine.text(server).expect("the server is entered").contains("serve"));
        assert!(machine.text(name).expect("it is there").contains(KEEPER));
        let moved = KEEPER.replace("24440", "24441");
        let at = Surroundings { keeper: Some(moved.clone()), ..machine.at.clone() };
        let plan = install(target, Scope::User, &at, &program()).expect("the files are in order");
        let [change] = &plan.changes[..] else { panic!("{:?}", plan.changes) };
        let (before, after) = (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default());
        let lines = |text: &str| {
            text.replace(&moved, KEEPER).replace(',', "").lines().map(|line| line.trim().to_owned()).collect::<BTreeSet<_>>()
        };
        assert!(after.contains(&moved) && lines(before) == lines(after), "{before}{after}");
    }
}

/// Until a keeper received it, telemetry went to the server that the agent itself had started.
#[test]
fn what_sent_telemetry_to_an_agents_own_server_is_mended_and_removed() {
    let env = r#""CLAUDE_CODE_ENABLE_TELEMETRY": "1", "OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_LOGS_EXPORT_INTERVAL": "500""#;
    let telemetry = r#""enabled": true, "target": "local", "otlpEndpoint": "http://127.0.0.1:4318", "otlpProtocol": "http""#;
    let otel = "[otel]\nexporter = { otlp-http = { endpoint = \"http://127.0.0.1:4318/v1/logs\", protocol = \"json\" } }\n";
    let server = "[mcp_servers.ai-coder-events]\ncommand = \"/opt/ai-coder-events\"\nargs = [\"serve\", \"--collect\", \"127.0.0.1:4318\"]\n";
    let cases = [
        (Target::ClaudeCode, ".claude/settings.json", format!("{{\"env\": {{{env}}}}}"), KEEPER.to_owned()),
        (Target::Gemini, ".gemini/settings.json", format!("{{\"telemetry\": {{{telemetry}}}}}"), KEEPER.to_owned()),
        (Target::Codex, ".codex/config.toml", format!("a = 1\n\n{otel}\n{server}"), format!("{KEEPER}/v1/logs")),
    ];
    for (target, name, text, endpoint) in cases {
        let machine = Machine::new();
        machine.put(name, &text);
        machine.install(target, Scope::User);
        let mended = machine.text(name).expect("it is there");
        assert!(mended.contains(&endpoint) && !mended.contains("4318") && !mended.contains("OTEL_METRICS"), "{mended}");
        assert_eq!(mended.contains("\"500\""), target == Target::ClaudeCode, "what a person set stays: {mended}");
        assert_eq!(machine.install(target, Scope::User).changes, [], "{mended}");
        machine.put(name, &text);
        machine.remove(target, Scope::User);
        let rest = machine.text(name).unwrap_or_default();
        assert!(!rest.contains("4318") && !rest.contains("serve"), "{rest}");
    }
}

/// The hooks that setup registers with `target`, by name.
fn registered(target: Target) -> Vec<String> {
    let mut names = Vec::new();
    for place in target.places(Scope::User, &Surroundings::default(), &program(), None) {
        match place.content {
            ConfigContent::Json(parts) => names.extend(parts.into_iter().flat_map(|part| match part {
                agent::ConfigPart::Hooks { hooks, .. } => hooks.into_iter().map(|(event, _)| event.to_owned()).collect(),
                _ => Vec::new(),
            })),
            ConfigContent::Whole(plugin) => {
                let wanted = plugin.split_once("new Set([").and_then(|(_, rest)| rest.split_once("])")).expect("the set").0;
                names.extend(wanted.split('"').skip(1).step_by(2).map(str::to_owned));
            }
            ConfigContent::Toml { .. } => {}
        }
    }
    names
}

/// The tie between the agents that report and those that are understood: neither knows a name that the other does not.
#[test]
fn every_hook_that_is_registered_is_one_that_is_understood() {
    let with_hooks = Target::ALL.iter().filter(|target| !registered(**target).is_empty());
    let names: BTreeSet<_> = with_hooks.map(|target| target.name()).collect();
    assert_eq!(names, Agent::ALL.iter().map(|agent| agent.name()).collect());
    for (agent, target) in Target::ALL.iter().filter_map(|target| Some((Agent::parse(target.name())?, *target))) {
        let understands = |event: &str| {
            let payload = json!({"hook_event_name": event, "type": event, "id": "e", "sessionId": "s", "session_id": "s",
                "conversation_id": "s", "sessionID": "s", "properties": {"sessionID": "s", "info": {"id": "s"}}});
            let context = HookContext { event: Some(event.to_owned()), ..HookContext::default() };
            read_hook(agent, payload.to_string().as_bytes(), &context)
        };
        for event in registered(target) {
            assert_eq!(understands(&event).map(drop), Ok(()), "{agent}: {event}");
        }
        assert!(understands("NeverHeardOf").is_err(), "{agent}");
    }
}

/// Another version registered the hooks by another command: as a command of the whole program, or as a program of their own.
#[test]
fn what_another_version_registered_is_replaced_and_removed() {
    for (before, now) in [(program_alone(), program()), (program(), program_alone())] {
        for &target in Target::ALL {
            let (updated, fresh) = (Machine::new(), Machine::new());
            updated.install_as(target, Scope::User, &before);
            updated.install_as(target, Scope::User, &now);
            let made = fresh.install_as(target, Scope::User, &now);
            for change in &made.changes {
                let name = change.path.strip_prefix(&fresh.at.home).ok().and_then(Path::to_str).expect("below the home");
                assert_eq!(updated.text(name), change.after, "{target:?}: {name}");
            }

            updated.install_as(target, Scope::User, &before);
            let gone = remove(target, Scope::User, &updated.at, &now).expect("the files are in order").changes;
            assert_eq!(gone.len(), made.changes.len(), "{target:?}");
            assert!(gone.iter().all(|change| change.after.is_none()), "{target:?}: {gone:?}");
        }
    }
}

#[test]
fn the_plugin_of_claude_code_registers_what_setup_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plugins/claude-code/hooks/hooks.json");
    let plugin: Value = serde_json::from_str(&fs::read_to_string(path).expect("the plugin's hooks")).expect("JSON");
    let hooks = claude_hooks("ai-coder-events-hook claude-code", None);
    let wanted: serde_json::Map<_, _> = hooks.into_iter().map(|(event, hook)| (event.to_owned(), json!([hook]))).collect();
    assert_eq!(plugin["hooks"], Value::Object(wanted));
}

#[test]
fn what_is_to_be_told_is_a_flag_that_goes_in_and_out() {
    for &target in Target::ALL {
        for (telling, scope) in [TellMode::Context, TellMode::Guard].into_iter().zip([Scope::User, Scope::Project]) {
            let machine = Machine::new();
            let asked = Program { telling: Some(telling), ..program() };
            let Ok(plan) = install(target, scope, &machine.at, &asked) else {
                assert!(matches!((target, telling), (Target::Cursor, TellMode::Guard) | (Target::Opencode | Target::Vscode, _)));
                continue;
            };
            let hooks: String = plan.changes.iter().filter_map(|change| change.after.as_deref()).collect();
            assert!(hooks.contains(telling.flag()), "{target:?}: {hooks}");
            machine.install_as(target, scope, &asked);
            assert_eq!(machine.install_as(target, scope, &asked).changes, [], "{target:?}");
            assert_ne!(install(target, scope, &machine.at, &program()).expect("in order").changes, [], "{target:?}");
            if scope == Scope::User {
                let looked = look_at(target, &machine.at, &program()).expect("in order");
                assert_eq!((looked.standing, looked.telling), (SetupStanding::SetUp, Some(telling)), "{target:?}");
            }
            // Without it, and out again, as if it had never been there.
            let plain = Machine::new();
            plain.install(target, scope);
            machine.install(target, scope);
            assert!(install(target, scope, &machine.at, &program()).expect("in order").changes.is_empty());
            machine.install_as(target, scope, &asked);
            assert!(machine.remove(target, scope).changes.iter().all(|change| change.after.is_none()), "{target:?}");
        }
    }
}

#[test]
fn claude_code_waits_for_hooks_that_tell_it_something() {
    let waited_for = |telling: Option<TellMode>| {
        let machine = Machine::new();
        // Whoever else has a flag of that name is not meant.
        machine
            .put(".claude/settings.json", r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say --tell"}]}]}}"#);
        machine.install_as(Target::ClaudeCode, Scope::User, &Program { telling, ..program() });
        let looked = look_at(Target::ClaudeCode, &machine.at, &program()).expect("in order");
        assert_eq!((looked.standing, looked.telling), (SetupStanding::SetUp, telling));
        let settings: Value = serde_json::from_str(&machine.text(".claude/settings.json").expect("there")).expect("JSON");
        let events = settings["hooks"].as_object().expect("hooks").clone().into_iter();
        let is_beside = |hooks: &Value| hooks.as_array().expect("a list").iter().any(|group| group["hooks"][0]["async"] == true);
        events.filter(|(_, hooks)| !is_beside(hooks)).map(|(event, _)| event).collect::<BTreeSet<_>>()
    };
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    let always = set(&["SessionEnd", "SessionStart", "Stop", "StopFailure"]);
    assert_eq!(waited_for(None), always);
    let told = &always | &set(&["PostToolUse", "PostToolUseFailure", "UserPromptSubmit"]);
    assert_eq!(waited_for(Some(TellMode::Context)), told);
    assert_eq!(waited_for(Some(TellMode::Guard)), &told | &set(&["PreToolUse"]));
}

/// Claude Code before 2.1.139 has a shell run the command alone.
#[test]
fn claude_code_spares_the_shell_where_older_versions_run_the_same() {
    let stop = |scope: Scope, program: &Program| {
        let machine = Machine::new();
        machine.install_as(Target::ClaudeCode, scope, program);
        assert_eq!(machine.install_as(Target::ClaudeCode, scope, program).changes, [], "{program:?}");
        let folder = if scope == Scope::User { &machine.at.home } else { &machine.at.project };
        let settings: Value =
            serde_json::from_str(&fs::read_to_string(folder.join(".claude/settings.json")).expect("it is there")).expect("JSON");
        let hook = settings["hooks"]["Stop"][0]["hooks"][0].clone();
        (hook["command"].as_str().map(str::to_owned), hook["args"].clone())
    };
    let check = |scope: Scope, program: &Program, command: &str, arguments: Value| {
        assert_eq!(stop(scope, program), (Some(command.to_owned()), arguments), "{program:?}");
    };
    let whole = "/opt/ai-coder-events-hook claude-code";
    check(Scope::User, &program(), "/opt/ai-coder-events-hook", json!(["claude-code"]));
    check(Scope::Project, &program(), whole, Value::Null);
    check(Scope::User, &program_alone(), "/opt/ai-coder-events hook claude-code", Value::Null);
    let elsewhere = Program { db: Some("/h.db".into()), ..program() };
    check(Scope::User, &elsewhere, "/opt/ai-coder-events-hook --db /h.db claude-code", Value::Null);
    let spaced = Program { hook_path: Some("/my tools/ai-coder-events-hook".into()), ..program() };
    check(Scope::User, &spaced, "'/my tools/ai-coder-events-hook' claude-code", Value::Null);

    let machine = Machine::new();
    machine.install_as(Target::ClaudeCode, Scope::User, &program_alone());
    machine.install(Target::ClaudeCode, Scope::User);
    let text = machine.text(".claude/settings.json").expect("it is there");
    assert!(text.contains("\"args\"") && !text.contains("hook claude-code"), "an older setup is mended: {text}");
    let looked = look_at(Target::ClaudeCode, &machine.at, &program()).expect("the files are in order");
    assert_eq!((looked.standing, looked.command.as_deref()), (SetupStanding::SetUp, Some(whole)));

    // An older Claude Code wrote its settings anew, without what it does not know.
    let mut rewritten: Value = serde_json::from_str(&text).expect("JSON");
    for groups in rewritten["hooks"].as_object_mut().expect("hooks").values_mut() {
        groups[0]["hooks"][0].as_object_mut().expect("a hook").remove("args");
    }
    machine.put(".claude/settings.json", &rewritten.to_string());
    machine.install(Target::ClaudeCode, Scope::User);
    let mended: Value = serde_json::from_str(&machine.text(".claude/settings.json").expect("it is there")).expect("JSON");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(mended["hooks"], whole["hooks"], "no hook stands there twice");
    machine.remove(Target::ClaudeCode, Scope::User);
    let left: Value = serde_json::from_str(&machine.text(".claude/settings.json").expect("it is there")).expect("JSON");
    assert!(left["hooks"].as_object().is_none_or(|events| events.values().all(|event| event == &json!([]))), "{left}");
}

#[test]
fn a_path_is_quoted_where_a_shell_needs_it() {
    let hook = |path: &str| Program { path: path.to_owned(), hook_path: None, db: None, telling: None }.hook("codex");
    assert_eq!(hook("/opt/bin/ai-coder-events"), "/opt/bin/ai-coder-events hook codex");
    assert_eq!(hook("/my tools/ai-coder-events"), "'/my tools/ai-coder-events' hook codex");
    assert_eq!(hook("/it's/ai-coder-events"), "\"/it's/ai-coder-events\" hook codex");
    assert_eq!(program().hook("codex"), "/opt/ai-coder-events-hook codex");
}

#[test]
fn what_cannot_be_written_undoes_what_was_written_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, way) = (folder.path().join("first.json"), folder.path().join("way"));
    std::fs::write(&first, "theirs").expect("writable");
    std::fs::write(&way, "").expect("writable");
    let change =
        |path, before: Option<&str>| ConfigChange { path, before: before.map(str::to_owned), after: Some("ours".into()) };
    let changes = vec![change(first.clone(), Some("theirs")), change(way.join("second.json"), None)];
    let refused = Plan { changes, notes: Vec::new() }.write("1").expect_err("a file is in the way");
    assert!(refused.to_string().ends_with("way/second.json`; nothing was changed"), "{refused}");
    assert_eq!(std::fs::read_to_string(&first).expect("readable"), "theirs");
    assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 2, "no backup of it");
}
