//! What is made of the commands' definitions: completions and the manual page.

use std::process::{Command, Stdio};

use crate::home::{Home, Said, feed};

const SHELLS: &[&str] = &["bash", "zsh", "fish", "elvish", "powershell"];

/// A command and the long flags that its help shows.
fn commands(home: &Home) -> Vec<(String, Vec<String>)> {
    let help = home.ok(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names =
        listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty() && *name != "help");
    let flags = |name: &str| {
        let help = home.ok(&[name, "--help"]);
        let options = help.lines().skip_while(|line| *line != "Options:").skip(1).take_while(|line| !line.is_empty());
        options.filter_map(flag).collect()
    };
    names.map(|name| (name.to_owned(), flags(name))).collect()
}

/// The long flag that a line of help begins with.
fn flag(line: &str) -> Option<String> {
    let line = line.trim_start();
    let word = line.split([' ', ',', '=']).find(|word| word.starts_with("--")).filter(|_| line.starts_with('-'))?;
    Some(word.trim_start_matches('-').to_owned())
}

/// Whether a program of this name is installed.
fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn completions_name_every_command_and_flag() {
    let home = Home::new();
    let commands = commands(&home);
    assert!(commands.len() > 15 && commands.iter().all(|(_, flags)| flags.contains(&"db".to_owned())), "{commands:?}");
    for shell in SHELLS {
        let script = home.ok(&["completions", shell]);
        for (command, flags) in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
            // Fish names a flag without its dashes.
            for flag in flags {
                let named = [format!("--{flag}"), format!("-l {flag}")];
                assert!(named.iter().any(|named| script.contains(named.as_str())), "{shell}: {command} --{flag}");
            }
        }
    }
    for shell in ["bash", "zsh", "fish"].into_iter().filter(|shell| is_installed(shell)) {
        let mut reading = Command::new(shell);
        reading.arg("-n");
        let said = feed(reading, home.ok(&["completions", shell]).as_bytes());
        assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() }, "{shell}");
    }
}

#[test]
fn bash_completes() {
    if !is_installed("bash") {
        return;
    }
    let home = Home::new();
    let completions = home.ok(&["completions", "bash"]);
    // As bash calls it: the command, the word to complete, the word before.
    let check = |words: &[&str], expected: &str| {
        let [.., before, last] = words else { panic!("{words:?}") };
        let script = format!(
            "{completions}\nCOMP_WORDS=({}); COMP_CWORD={}; _ai__coder__events ai-coder-events '{last}' {before}; echo \"${{COMPREPLY[*]}}\"\n",
            words.join(" "),
            words.len() - 1,
        );
        let said = feed(Command::new("bash"), script.as_bytes());
        assert_eq!(said, Said { code: Some(0), stdout: format!("{expected}\n"), stderr: String::new() }, "{words:?}");
    };
    check(&["ai-coder-events", "li"], "list");
    check(&["ai-coder-events", "list", "--li"], "--limit");
    check(&["ai-coder-events", "list", "--order", "ol"], "oldest");
    check(&["ai-coder-events", "coders", "--status", "ru"], "running");
    check(&["ai-coder-events", "import", "cl"], "claude-code");
    check(&["ai-coder-events", "hook", "op"], "opencode");
    check(&["ai-coder-events", "setup", "cu"], "cursor");
}

#[test]
fn the_manual_tells_every_command_and_flag() {
    let home = Home::new();
    let page = home.ok(&["man"]);
    assert!(page.is_ascii(), "whatever the locale");
    for (command, flags) in commands(&home) {
        let chapter = page.split(&format!("\n.SS {command}\n")).nth(1).unwrap_or_else(|| panic!("no chapter on {command}"));
        let chapter = chapter.split("\n.SS ").next().unwrap().replace('\\', "");
        for flag in flags.iter().filter(|flag| !["db", "json", "help"].contains(&flag.as_str())) {
            assert!(chapter.contains(&format!("--{flag}")), "{command} --{flag}: {chapter}");
        }
        assert!(chapter.contains(&format!("  ai-coder-events {command}")), "{command} has examples: {chapter}");
    }
    if is_installed("groff") {
        let mut formatting = Command::new("groff");
        formatting.args(["-man", "-Tascii", "-z", "-ww"]);
        let said = feed(formatting, page.as_bytes());
        assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() });
    }
}

#[test]
fn they_answer_whatever_the_configuration() {
    let home = Home::new();
    home.configure("nonsense = [");
    assert_eq!(home.run(&["list"]).code, Some(1));
    for words in [&["completions", "bash"][..], &["man"]] {
        assert!(home.ok(words).contains("ai-coder-events"), "{words:?}");
    }
    assert!(!home.history().exists());
    assert_eq!(home.run(&["completions", "tcsh"]).code, Some(2));
}
