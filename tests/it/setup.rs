//! `setup`: into an agent's own configuration and out of it again, and nothing else touched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::home::{Home, Said, feed};

const SETTINGS: &str = ".claude/settings.json";
const THEIRS: &str = "{\n  // mine\n  \"theme\": \"dark\",\n  \"hooks\": {\n    \"Stop\": [{ \"hooks\": [{ \"type\": \"command\", \"command\": \"say done\" }] }]\n  }\n}\n";

fn put(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn read(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path().join(name)).unwrap()
}

/// Everything below `folder` by its name, with its content.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.sort();
    found
}

fn is_backup(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().contains(".bak-")
}

fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{}", said.stderr);
}

#[test]
fn a_dry_run_shows_the_change_and_makes_none() {
    let home = Home::new();
    put(&home, SETTINGS, THEIRS);
    let before = files(home.path());
    let said = home.run(&["setup", "claude-code", "--dry-run"]);
    done(&said);
    assert_eq!(files(home.path()), before);
    for expected in [
        "--- ",
        "+++ ",
        "@@",
        "+    \"SessionStart\": [",
        "ai-coder-events-hook claude-code\"",
        "   // mine",
        "+    \"ai-coder-events\": {",
    ] {
        assert!(said.stdout.lines().any(|line| line.contains(expected)), "{expected:?} is not in\n{}", said.stdout);
    }
    let gone = |line: &str| line.starts_with('-') && (line.contains("theme") || line.contains("mine"));
    assert!(!said.stdout.lines().any(gone), "{}", said.stdout);
}

#[test]
fn what_goes_in_comes_out_and_a_second_time_does_nothing() {
    let home = Home::new();
    let settings = put(&home, SETTINGS, THEIRS);
    let before: Vec<_> = files(home.path()).into_iter().map(|(path, _)| path).collect();
    done(&home.run(&["setup", "claude-code"]));
    let with = read(&home, SETTINGS);
    assert!(with.contains("// mine") && with.contains("say done") && with.contains("\"UserPromptSubmit\""), "{with}");
    assert!(read(&home, ".claude.json").contains("\"serve\""));
    let backups: Vec<_> = files(home.path()).into_iter().filter(|(path, _)| is_backup(path)).collect();
    assert_eq!(backups.len(), 1, "one file was there before");
    assert_eq!((backups[0].0.parent(), backups[0].1.as_str()), (settings.parent(), THEIRS));

    let made = files(home.path());
    let again = home.run(&["setup", "claude-code"]);
    done(&again);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", "nothing to do\n"));
    assert_eq!(files(home.path()), made);

    done(&home.run(&["setup", "claude-code", "--remove"]));
    assert_eq!(read(&home, SETTINGS), THEIRS);
    let left: Vec<_> = files(home.path()).into_iter().map(|(path, _)| path).filter(|path| !is_backup(path)).collect();
    assert_eq!(left, before);
}

#[test]
fn configuration_that_does_not_parse_is_left_alone() {
    let home = Home::new();
    put(&home, SETTINGS, "{ \"hooks\": ");
    put(&home, ".codex/config.toml", "model = \n");
    let before = files(home.path());
    for (agent, file) in [("claude-code", "settings.json"), ("codex", "config.toml")] {
        let said = home.run(&["setup", agent]);
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{agent}");
        assert!(said.stderr.contains(file) && said.stderr.contains("nothing was changed"), "{}", said.stderr);
    }
    assert_eq!(files(home.path()), before);
}

#[test]
fn a_project_has_its_own_and_an_unknown_agent_is_wrong_usage() {
    let home = Home::new();
    done(&home.run(&["setup", "claude-code", "--scope", "project"]));
    assert!(read(&home, ".mcp.json").contains("\"mcpServers\""));
    assert!(read(&home, SETTINGS).contains("hook claude-code"));
    assert!(!home.path().join(".claude.json").exists());
    let said = home.run(&["setup", "emacs"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("claude-code, codex, gemini, copilot, cursor, opencode, vscode"), "{}", said.stderr);
}

#[cfg(unix)]
#[test]
fn links_and_modes_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Home::new();
    let real = put(&home, "dotfiles/settings.json", THEIRS);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir_all(home.path().join(".claude")).unwrap();
    let link = home.path().join(SETTINGS);
    symlink(&real, &link).unwrap();
    done(&home.run(&["setup", "claude-code"]));
    assert!(link.is_symlink(), "the link is still one");
    assert!(fs::read_to_string(&real).unwrap().contains("hook claude-code"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_broken_configuration_of_our_own_is_no_obstacle() {
    let home = Home::new();
    home.configure("colour = true");
    done(&home.run(&["setup", "cursor"]));
    assert!(read(&home, ".cursor/hooks.json").contains("hook cursor"));
}

#[test]
fn where_the_hooks_own_program_is_missing_the_whole_one_is_registered() {
    let home = Home::new();
    let alone = home.path().join("bin/ai-coder-events");
    fs::create_dir_all(alone.parent().unwrap()).unwrap();
    let program = home.command(&["setup", "cursor"]);
    // The same file where it can be: it is large.
    fs::hard_link(program.get_program(), &alone).or_else(|_| fs::copy(program.get_program(), &alone).map(drop)).unwrap();
    let mut moved = Command::new(&alone);
    moved.args(program.get_args()).env_clear().current_dir(home.path());
    moved.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    done(&feed(moved, b""));
    let hooks = read(&home, ".cursor/hooks.json");
    assert!(hooks.contains("/bin/ai-coder-events hook cursor\""), "{hooks}");
}

/// What setup writes is what the recorder understands, for every agent that has hooks.
#[test]
fn the_hooks_that_are_registered_are_heard() {
    let home = Home::new();
    for (agent, file) in [("codex", ".codex/hooks.json"), ("gemini", ".gemini/settings.json"), ("cursor", ".cursor/hooks.json")] {
        done(&home.run(&["setup", agent]));
        let settings: serde_json::Value = serde_json::from_str(&read(&home, file)).unwrap();
        let events: Vec<String> = settings["hooks"].as_object().unwrap().keys().cloned().collect();
        assert!(events.len() > 5, "{agent}: {events:?}");
        for event in events {
            let payload = serde_json::json!({"hook_event_name": event, "session_id": "s", "conversation_id": "s", "cwd": "/w"});
            done(&feed(home.hook_program(&[agent]), payload.to_string().as_bytes()));
        }
    }
    assert_eq!(home.json(&["rejected"]), Vec::<serde_json::Value>::new());
}
