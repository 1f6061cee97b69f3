//! Exit codes, help, and the flags that hold everywhere.

use crate::home::{Home, Said};

#[test]
fn wrong_usage_is_exit_2_and_names_what_is_wrong() {
    let home = Home::new();
    let check = |words: &[&str], named: &str| {
        let Said { code, stdout, stderr } = home.run(words);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{words:?}");
        assert!(stderr.contains(named), "{words:?}: {stderr}");
    };
    check(&["lsit"], "'list'");
    check(&["--json"], "a command is missing");
    check(&["list", "--type", "compelted"], "did you mean `ai_coder_completed`?");
    check(&["list", "--since", "someday"], "an age such as 90s");
    check(&["list", "5", "--coder", "a"], "cannot be used with");
    check(&["list", "0"], "not in 1..");
    check(&["coders", "--status", "busy"], "running");
    check(&["emit"], "TYPE");
    check(&["emit", "created"], "--coder");
    check(&["emit", "created", "--coder", "a", "--set", "novalue"], "KEY=VALUE");
    check(&["emit", "-", "--id", "x"], "for a single event");
    check(&["prune", "--max-age", "soon"], "90d");
    check(&["--events", "list"], "a command of its own");
    assert!(!home.history().exists(), "wrong usage touches no history");
}

#[test]
fn help_teaches_by_example() {
    let home = Home::new();
    for command in [
        "emit",
        "list",
        "follow",
        "watch",
        "stats",
        "coders",
        "types",
        "rejected",
        "prune",
        "check",
        "hook",
        "run",
        "collect",
        "import",
        "keep",
        "serve",
        "setup",
        "completions",
        "man",
    ] {
        let help = home.ok(&[command, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("ai-coder-events {command}")), "{command}: {help}");
    }
    assert!(home.ok(&["--help"]).contains("Examples:"));
    assert_eq!(home.ok(&["--version"]), format!("ai-coder-events {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_empty_history_answers_and_is_not_created_by_reading() {
    let home = Home::new();
    assert_eq!(home.ok(&["list"]), "");
    assert_eq!(home.ok(&["list", "--json"]), "");
    assert_eq!(home.ok(&["coders"]), "");
    assert_eq!(home.ok(&["rejected"]), "");
    assert_eq!(home.json(&["stats"])[0]["total_events"], 0);
    assert!(!home.history().exists());
}

#[test]
fn a_history_that_cannot_be_written_is_exit_1_with_the_whole_chain() {
    let home = Home::new();
    std::fs::write(home.path().join("file"), "").unwrap();
    let Said { code, stdout, stderr } = home.run(&["--db", "file/history.db", "emit", "created", "--coder", "a"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("ai-coder-events: failed to write the history: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
