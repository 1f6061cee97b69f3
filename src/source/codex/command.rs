//! A command as a person wrote it, out of the shell that Codex wraps around it.

/// `bash -lc SCRIPT` is the script; any other command is its words.
pub(super) fn script(words: &[&str]) -> String {
    match words {
        [shell, "-lc" | "-c", script] if is_shell(shell) => (*script).to_owned(),
        words => words.join(" "),
    }
}

/// The same of a command line, quoted as a shell reads it.
pub(super) fn script_of_line(line: &str) -> String {
    let words = words(line);
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [shell, flag @ ("-lc" | "-c"), body] if is_shell(shell) => script(&[shell, flag, body]),
        _ => line.to_owned(),
    }
}

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("bash" | "zsh" | "sh"))
}

/// POSIX quoting and nothing else: no expansion, no operators.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => match chars.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.get_or_insert_default().push(escaped),
                other => word.get_or_insert_default().extend(['\\'].into_iter().chain(other)),
            },
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_taken_out_of_its_shell() {
        let cases = [
            ("/bin/bash -lc 'echo hello > hello.txt; ls'", "echo hello > hello.txt; ls"),
            ("bash -lc ls", "ls"),
            (r#"/bin/zsh -lc "it's \"here\" \n""#, "it's \"here\" \\n"),
            (r"/bin/bash -lc 'it'\''s'", "it's"),
            ("bash -lc ''", ""),
            ("bash script.sh", "bash script.sh"),
            ("cargo test -- --nocapture", "cargo test -- --nocapture"),
            ("bash -lc 'never closed", "never closed"),
            ("", ""),
        ];
        for (line, expected) in cases {
            assert_eq!(script_of_line(line), expected, "{line}");
        }
        assert_eq!(script(&["/bin/bash", "-lc", "ls -la"]), "ls -la");
        assert_eq!(script(&["git", "status"]), "git status");
    }
}
