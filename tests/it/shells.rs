//! What help and README print is what people paste: every example means the same in bash, zsh and fish, and is right.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::home::{Home, Said};

/// How each shell runs a line without what its user configured.
const SHELLS: &[(&str, &[&str])] = &[("bash", &["--norc", "-c"]), ("zsh", &["-f", "-c"]), ("fish", &["--no-config", "-c"])];

/// Everything that examples start.
const PROGRAMS: &[&str] = &["ai-coder-events", "jq", "man", "claude", "my-agent", "cargo"];

/// Says how it was called.
const STUB: &str = "#!/bin/sh\nbetween=$(printf '\\037')\nline=${0##*/}\nfor word; do line=$line$between$word; done\nprintf '%s\\n' \"$line\" >> \"$CALLS\"\n";

/// Every example of help, and of README; those of help have nothing behind them, since zsh takes `#` for a word.
fn examples(home: &Home) -> Vec<String> {
    let help = home.ok(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands =
        listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty() && *name != "help");
    let mut pages = vec![help.clone()];
    pages.extend(commands.map(|command| home.ok(&[command, "--help"])));
    let of_help = pages.iter().flat_map(|page| page.lines().skip_while(|line| !line.ends_with("Examples:")));
    let mut found: Vec<String> = of_help
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.contains("ai-coder-events"))
        .map(str::to_owned)
        .collect();
    assert!(found.len() > 50 && found.iter().all(|line| !line.contains(" #")), "{found:?}");
    // What is longer is broken in two where a terminal has 80 columns; only where a shell looks takes more.
    let long: Vec<_> = found.iter().filter(|line| line.len() > 78 && !line.contains(" completions ")).collect();
    assert!(long.is_empty(), "{long:?}");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut in_block = false;
    for line in readme.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
        } else if in_block && line.contains("ai-coder-events ") {
            found.push(line.to_owned());
        }
    }
    found
}

/// A folder in which examples find what they read, and where what they write has a place.
fn desk() -> (tempfile::TempDir, PathBuf) {
    let desk = tempfile::tempdir().unwrap();
    let programs = desk.path().join("bin");
    for folder in
        ["bin", ".local/share/bash-completion/completions", ".local/share/man/man1", ".zfunc", ".config/fish/completions"]
    {
        fs::create_dir_all(desk.path().join(folder)).unwrap();
    }
    for program in PROGRAMS {
        let path = programs.join(program);
        fs::write(&path, STUB).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for file in ["events.jsonl", "payload.json"] {
        fs::write(desk.path().join(file), "").unwrap();
    }
    (desk, programs)
}

/// The calls that a shell makes of a line, each as its words.
fn calls(desk: &Path, programs: &Path, shell: &Path, flags: &[&str], line: &str) -> Result<Vec<Vec<String>>, String> {
    let told = desk.join("calls");
    fs::write(&told, "").unwrap();
    let mut command = Command::new(shell);
    command.args(flags).arg(line).env_clear().env("HOME", desk).env("CALLS", &told).env("PATH", programs);
    let said = Said::of(command.current_dir(desk).stdin(Stdio::null()).output().unwrap());
    if said.code != Some(0) || !said.stderr.is_empty() {
        return Err(format!("{}: {said:?}", shell.display()));
    }
    let mut calls: Vec<Vec<String>> =
        fs::read_to_string(&told).unwrap().lines().map(|line| line.split('\u{1f}').map(str::to_owned).collect()).collect();
    // Fish looks which `man` it is before it wraps it.
    calls.retain(|words| words[..] != ["man", "-p"]);
    // Both ends of a pipe start at once.
    calls.sort();
    Ok(calls)
}

/// Whether the program understands this call, as far as flags and values go.
fn is_understood(home: &Home, words: &[String]) -> Result<(), String> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (ours, theirs) = words.split_at(end);
    let asked: Vec<&str> = ours.iter().map(String::as_str).chain(["--help"]).chain(theirs.iter().map(String::as_str)).collect();
    let said = home.run(&asked);
    if said.code == Some(0) { Ok(()) } else { Err(format!("{words:?}: {}", said.stderr)) }
}

#[test]
fn every_example_means_the_same_in_every_shell() {
    let home = Home::new();
    let (desk, programs) = desk();
    let place = |shell: &str| {
        let folders = std::env::var_os("PATH").unwrap();
        std::env::split_paths(&folders).map(|folder| folder.join(shell)).find(|path| path.is_file())
    };
    let shells: Vec<(PathBuf, &[&str])> = SHELLS.iter().filter_map(|(shell, flags)| Some((place(shell)?, *flags))).collect();
    assert!(!shells.is_empty(), "there is no shell");
    let mut wrong = Vec::new();
    for line in examples(&home) {
        let mut meant: Option<Vec<Vec<String>>> = None;
        for (shell, flags) in &shells {
            match calls(desk.path(), &programs, shell, flags, &line) {
                Err(said) => wrong.push(format!("{line}\n    {said}")),
                Ok(calls) if meant.is_none() => meant = Some(calls),
                Ok(calls) if meant.as_ref() != Some(&calls) => {
                    wrong.push(format!("{line}\n    {}: {calls:?}, not {meant:?}", shell.display()))
                }
                Ok(_) => {}
            }
        }
        let ours = meant.iter().flatten().filter(|words| words[0] == "ai-coder-events");
        wrong.extend(ours.filter_map(|words| is_understood(&home, &words[1..]).err()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
