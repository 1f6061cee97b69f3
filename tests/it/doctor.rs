//! `doctor`: is it recording, and what mends what is broken; `setup` without an agent, and its `--status`.

use std::fs;

use serde_json::{Value, json};

use crate::home::{Home, Said, feed, json_lines};

fn look(home: &Home) -> (i32, Value) {
    let Said { code, stdout, stderr } = home.run(&["doctor", "--json"]);
    assert_eq!(stderr, "");
    (code.unwrap(), json_lines(&stdout).remove(0))
}

fn problems(found: &Value) -> Vec<[&str; 2]> {
    let told = found["problems"].as_array().unwrap();
    told.iter().map(|problem| ["problem", "mend"].map(|key| problem[key].as_str().unwrap())).collect()
}

fn agent<'f>(found: &'f Value, name: &str) -> &'f Value {
    found["agents"].as_array().unwrap().iter().find(|agent| agent["agent"] == name).unwrap()
}

/// A home with a Claude Code that is set up.
fn set_up() -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path().join(".claude")).unwrap();
    assert_eq!(home.run(&["setup", "claude-code"]).code, Some(0));
    home
}

/// The same, and it was heard of, once in vain.
pub fn working() -> Home {
    let home = set_up();
    home.feed(&["hook", "claude-code"], br#"{"hook_event_name":"SessionStart","session_id":"s1","source":"startup","cwd":"/w"}"#);
    home.feed(&["hook", "claude-code"], br#"{"hook_event_name":"UserPromptSubmit","session_id":"s1","prompt":"go"}"#);
    home.run(&["hook", "claude-code"]);
    fs::write(home.history().with_extension("token"), "0123456789abcdef0123456789abcdef\n").unwrap();
    home
}

#[test]
fn the_token_of_clients_is_shown_to_people() {
    let (home, token) = (working(), "0123456789abcdef0123456789abcdef");
    let Said { stdout, .. } = home.run(&["doctor"]);
    assert!(stdout.contains(&format!("Authorization: Bearer {token}")), "{stdout}");
    let (_, found) = look(&home);
    assert_eq!(found["http"]["token_path"], home.history().with_extension("token").display().to_string());
    assert!(!found.to_string().contains(token), "{found}");
    assert_eq!(look(&Home::new()).1.get("http"), None);
}

#[test]
fn where_nothing_is_set_up_it_names_the_command() {
    let home = Home::new();
    fs::create_dir_all(home.path().join(".codex")).unwrap();
    let (code, found) = look(&home);
    assert_eq!((code, problems(&found)), (1, vec![["no agent is set up to report here", "ai-coder-events setup codex"]]));
    let codex = agent(&found, "codex");
    assert_eq!((&codex["found"], &codex["setup"]), (&json!(true), &json!("not_set_up")));
    let Said { code, stdout, .. } = home.run(&["doctor"]);
    assert_eq!(code, Some(1));
    assert!(stdout.ends_with("\n\nno agent is set up to report here\n  mend it: ai-coder-events setup codex\n"), "{stdout}");
}

#[test]
fn what_is_set_up_is_told_with_what_was_heard_of_it() {
    let home = set_up();
    let (code, found) = look(&home);
    assert_eq!((code, &found["ok"], problems(&found)), (0, &json!(true), vec![]));
    let claude = agent(&found, "claude-code");
    assert!(claude["setup"] == "set_up" && claude["command"].as_str().unwrap().ends_with("history.db claude-code"), "{claude}");
    assert_eq!(claude["last_event"], Value::Null);

    let home = working();
    let (_, found) = look(&home);
    let claude = agent(&found, "claude-code");
    assert_eq!((claude["last_event"].is_string(), &claude["channels"]), (true, &json!(["hooks"])), "{claude}");
    assert_eq!(
        (&found["history"]["rejections"], &found["history"]["last_rejection"]["source"]),
        (&json!(1), &json!("claude-code"))
    );
    assert!(home.ok(&["doctor"]).ends_with("\n\nit records\n"));
}

#[test]
fn what_is_broken_is_told_with_what_mends_it() {
    let home = set_up();
    let settings = home.path().join(".claude/settings.json");
    let text = fs::read_to_string(&settings).unwrap();
    let command = agent(&look(&home).1, "claude-code")["command"].as_str().unwrap().to_owned();
    fs::write(&settings, text.replace(&command, "/gone/ai-coder-events-hook claude-code")).unwrap();
    let (code, found) = look(&home);
    let again = "ai-coder-events setup claude-code";
    let expected = vec![
        ["claude-code is set up by another version, or for another history", again],
        ["claude-code runs `/gone/ai-coder-events-hook`, which is not there", again],
    ];
    assert_eq!((code, problems(&found)), (1, expected));
    fs::write(&settings, "{ broken").unwrap();
    let (code, found) = look(&home);
    assert!(code == 1 && problems(&found)[0][0].contains("is not valid JSON"), "{found}");
    fs::write(&settings, text).unwrap();

    home.configure("colour = true");
    let (code, found) = look(&home);
    assert!(code == 1 && problems(&found)[0][0].contains("colour"), "{found}");
    home.configure("[record]\nprompts = false\n");
    assert_eq!(look(&home).1["config"]["not_recorded"], json!(["prompts"]));

    let folder = home.history().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    fs::write(home.history(), "this was a history once, and is none now").unwrap();
    let (code, found) = look(&home);
    assert!(code == 1 && problems(&found)[0][1] == "ai-coder-events check --repair", "{found}");
}

#[test]
fn setup_tells_how_agents_are_set_up_and_offers_those_that_are_found() {
    let home = set_up();
    fs::create_dir_all(home.path().join(".gemini")).unwrap();
    let standings = home.json(&["setup", "--status"]);
    let told = |name: &str| {
        let agent = standings.iter().find(|agent| agent["agent"] == name).unwrap();
        (agent["found"].clone(), agent["setup"].clone(), agent["files"].as_array().unwrap().len())
    };
    assert_eq!(told("claude-code"), (json!(true), json!("set_up"), 2));
    assert_eq!(told("gemini"), (json!(true), json!("not_set_up"), 0));
    assert_eq!(told("cursor"), (json!(false), json!("not_set_up"), 0));
    assert!(home.ok(&["setup", "gemini", "--status"]).starts_with("gemini  found, not set up"));
    let Said { code, stdout, stderr } = home.run(&["setup"]);
    let expected = "found, and not asked for here; one at a time:\n  ai-coder-events setup gemini\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "", expected));
}

/// Where agents are started, it may be on.
#[test]
fn a_keeper_that_is_off_in_this_environment_makes_no_setup_outdated() {
    let home = Home::new();
    fs::create_dir_all(home.path().join(".claude")).unwrap();
    let run = |words: &[&str], is_off: bool| {
        let mut command = home.command(words);
        if !is_off {
            command.env_remove("AI_CODER_EVENTS_KEEPER");
        }
        feed(command, b"")
    };
    let standing =
        |is_off: bool| json_lines(&run(&["setup", "claude-code", "--status", "--json"], is_off).stdout)[0]["setup"].clone();
    assert_eq!(run(&["setup", "claude-code"], false).code, Some(0));
    assert_eq!((standing(false), standing(true)), (json!("set_up"), json!("set_up")));
    home.configure("[keeper]\nenabled = false\n");
    assert_eq!(standing(false), "outdated", "tools would be told by nobody");
    home.configure("");
    assert_eq!(run(&["setup", "claude-code"], true).code, Some(0));
    assert_eq!((standing(false), standing(true)), (json!("outdated"), json!("set_up")));
}

#[test]
fn removal_leaves_nothing_of_files_that_setup_made() {
    let home = Home::new();
    let files = || {
        let mut found: Vec<String> = Vec::new();
        for folder in ["", ".claude", ".codex"] {
            let Ok(entries) = fs::read_dir(home.path().join(folder)) else { continue };
            let files = entries.map(Result::unwrap).filter(|entry| entry.path().is_file());
            found.extend(files.map(|entry| entry.file_name().into_string().unwrap()));
        }
        found
    };
    for agent in ["claude-code", "codex"] {
        let said = home.run(&["setup", agent]);
        assert!(said.stderr.contains(&format!("next: start {agent}")), "{}", said.stderr);
        assert!(said.stdout.lines().count() < 60 && said.stdout.contains("`--dry-run` shows every line"), "{}", said.stdout);
        assert_eq!(home.run(&["setup", agent, "--remove"]).code, Some(0));
    }
    assert_eq!(files(), [""; 0]);
}

/// A package manager's link leads to the program that entered itself by its own path.
#[cfg(unix)]
#[test]
fn the_same_program_by_another_path_is_no_other_one() {
    let home = set_up();
    let links = home.path().join("links");
    fs::create_dir_all(&links).unwrap();
    for program in [env!("CARGO_BIN_EXE_ai-coder-events"), env!("CARGO_BIN_EXE_ai-coder-events-hook")] {
        let link = links.join(std::path::Path::new(program).file_name().unwrap());
        std::os::unix::fs::symlink(program, link).unwrap();
    }
    let own = home.command(&["doctor", "--json"]);
    let mut linked = std::process::Command::new(links.join("ai-coder-events"));
    linked.args(own.get_args()).env_clear().current_dir(home.path());
    linked.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = crate::home::feed(linked, b"");
    let found = json_lines(&said.stdout).remove(0);
    assert_eq!((said.code, &agent(&found, "claude-code")["setup"]), (Some(0), &json!("set_up")), "{found}");
}
