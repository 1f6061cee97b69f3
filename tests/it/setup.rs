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
        "ai-coder-events-hook --db ",
        "history.db claude-code\"",
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
fn what_agents_are_told_is_asked_for_and_taken_back() {
    let home = Home::new();
    let tell = |words: &[&str]| {
        let said = home.run(&[&["setup", "claude-code"], words].concat());
        done(&said);
        said
    };
    let status = || home.json(&["setup", "claude-code", "--status"]).remove(0);
    assert!(tell(&["--tell", "--dry-run"]).stdout.contains("--tell") && !home.path().join(SETTINGS).exists());
    for (words, told, shown) in
        [(&["--tell"][..], "context", "set up, tells"), (&["--tell", "guard"], "guard", "set up, tells and guards")]
    {
        tell(words);
        assert_eq!((&status()["setup"], &status()["tell"]), (&"set_up".into(), &told.into()));
        let shown_now = home.ok(&["setup", "claude-code", "--status"]);
        assert!(shown_now.contains(shown), "{shown_now}");
        assert!(!home.run(&["doctor"]).stdout.contains("another version"));
    }
    tell(&[]);
    assert_eq!((&status()["setup"], status()["tell"].is_null()), (&"set_up".into(), true));
    tell(&["--tell"]);
    tell(&["--remove"]);
    assert_eq!(status()["setup"], "not_set_up");
    for agent in ["opencode", "vscode"] {
        let said = home.run(&["setup", agent, "--tell"]);
        assert!(
            said.code == Some(1) && said.stderr.contains("claude-code, codex, gemini, copilot, cursor do"),
            "{}",
            said.stderr
        );
    }
    let said = home.run(&["setup", "cursor", "--tell", "guard"]);
    assert!(said.code == Some(1) && said.stderr.contains("give `--tell` alone"), "{}", said.stderr);
    assert_eq!(home.run(&["setup", "--tell"]).code, Some(2), "whose hooks?");
    assert_eq!(home.run(&["setup", "claude-code", "--tell", "loudly"]).code, Some(2));
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
    assert!(fs::read_to_string(&real).unwrap().contains("history.db claude-code"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_broken_configuration_of_our_own_is_no_obstacle() {
    let home = Home::new();
    home.configure("colour = true");
    done(&home.run(&["setup", "cursor"]));
    assert!(read(&home, ".cursor/hooks.json").contains("history.db cursor"));
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
    assert!(hooks.contains("/bin/ai-coder-events hook --db "), "{hooks}");
}

/// Agents hand on some of their environment to hooks, and less to servers: both are told the same history, unless it is the one
/// that the home folder alone leads to.
#[test]
fn where_the_history_is_not_the_common_one_all_parts_are_told_it() {
    let home = Home::new();
    done(&home.run(&["setup", "codex"]));
    let db = home.history().display().to_string();
    let (hooks, server) = (read(&home, ".codex/hooks.json"), read(&home, ".codex/config.toml"));
    assert!(hooks.contains(&format!("--db {db} codex")), "{hooks}");
    assert!(server.contains(&format!("args = [\"serve\", \"--db\", \"{db}\"]")), "{server}");
    let mut plain = home.command(&["setup", "codex"]);
    done(&feed(
        {
            plain.env_remove("XDG_STATE_HOME");
            plain
        },
        b"",
    ));
    let (hooks, server) = (read(&home, ".codex/hooks.json"), read(&home, ".codex/config.toml"));
    assert!(
        !hooks.contains("--db") && server.contains("args = [\"serve\"]"),
        "what was entered before is mended: {hooks}{server}"
    );
    done(&home.run(&["setup", "codex", "--remove"]));
}

#[cfg(unix)]
#[test]
fn the_program_is_entered_as_it_was_found_and_shared_files_have_its_name() {
    let home = Home::new();
    let bin = home.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let link = bin.join("ai-coder-events");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ai-coder-events"), &link).unwrap();
    let set_up = |program: &str, words: &[&str]| {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\"", "sh", program]).args(words).env_clear().current_dir(home.path());
        command
            .env("HOME", home.path())
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env("AI_CODER_EVENTS_KEEPER", "off");
        done(&feed(command, b""));
    };
    let server = |file: &str| -> String {
        let settings: serde_json::Value = serde_json::from_str(&read(&home, file)).unwrap();
        settings["mcpServers"]["ai-coder-events"]["command"].as_str().unwrap().to_owned()
    };
    for given in ["ai-coder-events", link.to_str().unwrap(), "bin/ai-coder-events"] {
        set_up(given, &["setup", "gemini"]);
        assert_eq!(server(".gemini/settings.json"), link.to_str().unwrap(), "{given}");
        set_up(given, &["setup", "gemini", "--remove"]);
    }
    set_up("ai-coder-events", &["setup", "gemini", "--scope", "project"]);
    assert_eq!(server(".gemini/settings.json"), "ai-coder-events");
}

/// A file that cannot be written leaves the others as they were.
#[test]
fn two_files_are_changed_or_none() {
    let home = Home::new();
    put(&home, SETTINGS, THEIRS);
    // Where Claude Code's servers belong, something else is.
    put(&home, "folder/in/the/way", "");
    let before = files(home.path());
    let mut blocked = home.command(&["setup", "codex"]);
    blocked.env("CODEX_HOME", home.path().join("folder/in/the/way/codex"));
    let said = feed(blocked, b"");
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert_eq!(files(home.path()), before);
}

#[cfg(unix)]
#[test]
fn without_a_home_nobody_is_set_up() {
    let home = Home::new();
    let mut homeless = home.command(&["setup", "claude-code"]);
    homeless.env_remove("HOME");
    let said = feed(homeless, b"");
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("HOME is not set"), "{}", said.stderr);
}

/// An editor of another system puts a mark in front of a file, and some touch one that stays empty.
#[test]
fn a_byte_order_mark_stays_and_an_empty_file_is_a_new_one() {
    let home = Home::new();
    put(&home, SETTINGS, &format!("\u{feff}{THEIRS}"));
    put(&home, ".claude.json", "");
    done(&home.run(&["setup", "claude-code"]));
    assert!(read(&home, SETTINGS).starts_with('\u{feff}') && read(&home, SETTINGS).contains("// mine"));
    assert!(read(&home, ".claude.json").contains("mcpServers"));
    done(&home.run(&["setup", "claude-code", "--remove"]));
    assert_eq!(read(&home, SETTINGS), format!("\u{feff}{THEIRS}"));
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
