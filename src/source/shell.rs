//! Which tools run shell commands, and what a command that succeeded surely did to files. No shell: one doubtful character, and
//! it claims nothing.

/// As agents name them, and events with them.
const SHELLS: &[&str] = &["Bash", "bash", "Shell", "shell", "run_shell_command", "PowerShell", "powershell"];

/// Whether `tool`, as events name it, runs shell commands.
pub fn is_shell(tool: &str) -> bool {
    SHELLS.contains(&tool)
}

/// Programs that change no file, whatever their arguments.
const READERS: &[&str] = &[
    "[", "cat", "cd", "cut", "date", "df", "diff", "du", "echo", "exit", "false", "file", "grep", "head", "jq", "ls", "printf",
    "ps", "pwd", "rg", "sleep", "stat", "tail", "test", "true", "type", "uname", "wc", "which", "whoami",
];
/// The same of git's commands.
const GIT_READERS: &[&str] = &["blame", "diff", "grep", "log", "ls-files", "rev-parse", "show", "status"];

/// Whether `command` surely changes no file.
pub fn changes_nothing(command: &str) -> bool {
    // Redirections, and commands within words; a line that was cut says only half.
    if command.trim().is_empty() || command.contains(['>', '`', '(', '…']) {
        return false;
    }
    command.split(['|', '&', ';', '\n']).map(str::trim).filter(|segment| !segment.is_empty()).all(|segment| {
        let mut words = segment.split_ascii_whitespace();
        match words.next() {
            Some("git") => {
                let is_reader = words.next().is_some_and(|command| GIT_READERS.contains(&command));
                is_reader && !words.any(|word| word.starts_with("--output"))
            }
            program => program.is_some_and(|program| READERS.contains(&program)),
        }
    })
}

/// A command line that removes more files is a script's work, and the workspace is better looked at as a whole.
const REMOVED_MAX: usize = 50;

/// The files that `command`, run in `folder` with exit code 0, removed.
///
/// Only `rm FILE…` joined by `&&` is certain: `;` and `|` lose the exit code, `-f` succeeds on files that never were, `-r`
/// takes folders, and quotes, globs and variables need a shell.
pub(super) fn removed_files(command: &str, folder: &str) -> Vec<String> {
    let plain = |c: char| c.is_alphanumeric() || " \t&/._-+=:,@%".contains(c);
    if !command.chars().all(plain) {
        return Vec::new();
    }
    let mut removed = Vec::new();
    for segment in command.split("&&") {
        let mut words = segment.split_ascii_whitespace();
        match words.next() {
            // A lone `&` leaves the exit code of what stands before it unknown.
            _ if segment.contains('&') => return Vec::new(),
            // From here on relative paths start elsewhere.
            Some("cd" | "pushd" | "popd") => break,
            Some("rm") => {
                let arguments: Vec<&str> = words.filter(|word| !matches!(*word, "-v" | "--verbose" | "--")).collect();
                if !arguments.iter().any(|argument| argument.starts_with('-')) {
                    removed.extend(arguments.into_iter().map(|path| join(folder, path)));
                }
            }
            _ => {}
        }
    }
    removed.truncate(REMOVED_MAX);
    removed
}

pub(super) fn join(folder: &str, path: &str) -> String {
    if path.starts_with('/') || folder.is_empty() {
        return path.to_owned();
    }
    format!("{}/{}", folder.trim_end_matches('/'), path.trim_start_matches("./"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads_changes_nothing() {
        let check = |command: &str, expected: bool| assert_eq!(changes_nothing(command), expected, "{command}");
        check("true", true);
        check("cd /w && ls -la | head -5; git status --short", true);
        check("grep -rn 'fn main' src/ 2>&1", false);
        check("rg \"a|b\" src", false);
        check("git log --oneline", true);
        check("git diff --output=x", false);
        check("git checkout main", false);
        check("cat a > b", false);
        check("ls && rm a", false);
        check("echo $(rm a)", false);
        check("echo `rm a`", false);
        check("ls\nmake", false);
        check("FOO=1 ls", false);
        check("cat a and so on…", false);
        check("", false);
    }

    #[test]
    fn only_what_is_certain_is_claimed() {
        let cases: &[(&str, &[&str])] = &[
            ("rm hello.txt && ls -la", &["/w/hello.txt"]),
            ("rm -v ./a.txt /tmp/b-1", &["/w/a.txt", "/tmp/b-1"]),
            ("make && rm a && rm b", &["/w/a", "/w/b"]),
            ("rm a && cd sub && rm b", &["/w/a"]),
            ("rm -f a", &[]),
            ("rm -rf target", &[]),
            ("rm a; ls", &[]),
            ("rm a || true", &[]),
            ("rm a & ls", &[]),
            ("rm *.o", &[]),
            ("rm \"$FILE\"", &[]),
            ("rm a\nrm b", &[]),
            ("echo rm a", &[]),
            ("", &[]),
        ];
        for (command, expected) in cases {
            assert_eq!(removed_files(command, "/w"), *expected, "{command}");
        }
    }
}
