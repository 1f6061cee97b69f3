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
    check(&["ai-coder-events", "emit", "mil"], "milestone");
    check(&["ai-coder-events", "list", "--type", "wor"], "workspace_sync workspace");
}

#[cfg(unix)]
/// A folder in which `ai-coder-events` is this program.
fn path(home: &Home) -> String {
    let folder = home.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ai-coder-events"), folder.join("ai-coder-events")).unwrap();
    format!("{}:/usr/bin:/bin", folder.display())
}

#[cfg(unix)]
#[test]
fn coders_and_wrapped_commands_are_completed() {
    let home = Home::new();
    home.record(&[
        r#"{"type":"started","coder_id":"claude-code:7f3c1b00-11d3-4bca-97bd-1292e0b28074"}"#,
        r#"{"type":"prompt","coder_id":"claude-code:7f3c1b00-11d3-4bca-97bd-1292e0b28074","text":"Fix the: login"}"#,
        r#"{"type":"started","coder_id":"docs"}"#,
    ]);
    let path = path(&home);
    let in_shell = |shell: &str, script: &str| {
        let mut command = home.command(&[]);
        let state = command.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect::<Vec<_>>();
        command = Command::new(shell);
        command.env_clear().envs(state).env("PATH", &path).current_dir(home.path());
        let said = feed(command, script.as_bytes());
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{shell}: {script}");
        said.stdout
    };
    if is_installed("bash") {
        let completions = home.ok(&["completions", "bash"]);
        let check = |words: &str, expected: &str| {
            let script = format!(
                "{completions}\nCOMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); _ai_coder_events_now; echo \"${{COMPREPLY[*]}}\"\n"
            );
            assert_eq!(in_shell("bash", &script).trim_end(), expected, "{words}");
        };
        check("ai-coder-events list --coder 7f", "7f3c1b");
        check("ai-coder-events show do", "docs");
        check("ai-coder-events run -- ai-coder-ev", "ai-coder-events");
    }
    if is_installed("fish") {
        let completions = home.path().join("ai.fish");
        std::fs::write(&completions, home.ok(&["completions", "fish"])).unwrap();
        let check = |words: &str, expected: &str| {
            let said = in_shell("fish", &format!("source {}; complete -C '{words}'\n", completions.display()));
            assert!(said.lines().any(|line| line == expected), "{words}: {said}");
        };
        check("ai-coder-events list --coder 7f", "7f3c1b\tFix the: login");
        check("ai-coder-events show do", "docs");
        for words in ["run ai-coder-ev", "run --name x -- ai-coder-ev"] {
            check(&format!("ai-coder-events {words}"), "ai-coder-events\tcommand link");
        }
    }
    let zsh = home.ok(&["completions", "zsh"]);
    assert!(zsh.lines().filter(|line| line.contains(":_ai-coder-events_coders'")).count() >= 5, "{zsh}");
    assert!(zsh.contains("'*::command -- The command and its arguments:_cmdambivalent'"), "{zsh}");
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
fn each_command_has_a_page_of_its_own() {
    let home = Home::new();
    let folder = home.path().join("man1");
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(home.ok(&["man", "--into", folder.to_str().unwrap()]), "");
    let commands = commands(&home);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), commands.len() + 1);
    for (command, flags) in commands {
        let page = std::fs::read_to_string(folder.join(format!("ai-coder-events-{command}.1"))).unwrap();
        assert_eq!(page, home.ok(&["man", &command]), "{command}");
        let plain = page.replace('\\', "");
        for part in ["\n.SH \"EXIT STATUS\"\n", "\n.SH ENVIRONMENT\n", "\n.SH FILES\n"] {
            assert!(plain.contains(part), "{command}: {part}");
        }
        assert!(flags.iter().all(|flag| plain.contains(&format!("--{flag}"))), "{command}: {plain}");
        if is_installed("groff") {
            let mut formatting = Command::new("groff");
            formatting.args(["-man", "-Tascii", "-z", "-ww"]);
            let said = feed(formatting, page.as_bytes());
            assert_eq!(said, Said { code: Some(0), stdout: String::new(), stderr: String::new() }, "{command}");
        }
    }
    let said = home.run(&["man", "lsit"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
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
