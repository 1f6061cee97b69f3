//! Commits that were just made: which command makes some, and what `HEAD`'s log says of them.
//!
//! The log is that of git-reflog(1), a line a change of `HEAD`: the commit before and after, who and when, and behind a tab what was
//! done, with the commit's subject.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{command_line::commands, place};

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCommit {
    pub id: String,
    pub subject: String,
}

/// The log's end holds the last dozens of changes.
const LOG_BYTES_MAX: u64 = 16 << 10;
/// Most make one. Of those that may make many, the last ones are told.
const COMMITS_MAX: usize = 20;
/// The log has whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Git's commands that make a commit of their own, and those that may make several.
const MAKERS: &[&str] = &["commit", "merge"];
const MAKERS_OF_MANY: &[&str] = &["cherry-pick", "revert", "am"];
/// What the log says of a commit that was made there, up to the colon.
const MADE: &[&str] = &["commit", "cherry-pick", "revert", "am"];

/// What stands before a program and runs it, with options of its own; and a shell's words before a command.
const BEFORE: &[&str] = &[
    "sudo", "env", "command", "time", "exec", "nohup", "nice", "timeout", "if", "then", "elif", "else", "while", "until", "do",
    "!", "{",
];
const SHELLS: &[&str] = &["sh", "bash", "zsh"];

/// Where `command`, run in `folder`, may have made commits, and how many; `None` where it is none that does.
pub fn committing(command: &str, folder: &Path) -> Option<(PathBuf, usize)> {
    let mut folder = folder.to_owned();
    let mut found: Option<(PathBuf, usize)> = None;
    for words in commands(command) {
        let mut words = words.iter().map(String::as_str);
        let made = match program(&mut words) {
            Some("cd") => {
                folder = words.next().map_or(folder.clone(), |to| folder.join(to));
                None
            }
            Some("git") => by_git(words, &folder),
            Some(shell) if SHELLS.contains(&shell) => script(words).and_then(|script| committing(script, &folder)),
            _ => None,
        };
        match made {
            Some((_, COMMITS_MAX..)) => return made,
            Some((there, count)) => {
                let (first, before) = found.unwrap_or((there, 0));
                found = Some((first, before + count));
            }
            None => {}
        }
    }
    found
}

/// The program that is run: `FOO=1`, `sudo -u me`, `timeout 60` or `then` before it are none of its words.
fn program<'w>(words: &mut impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let mut is_behind = false;
    while let Some(word) = words.next() {
        match word {
            "-u" if is_behind => drop(words.next()),
            _ if is_behind && word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {}
            _ if BEFORE.contains(&word) => is_behind = true,
            _ if is_assignment(word) => {}
            _ => return Some(word),
        }
    }
    None
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// What `git` makes, whose words follow.
fn by_git<'w>(mut words: impl Iterator<Item = &'w str>, folder: &Path) -> Option<(PathBuf, usize)> {
    let mut there = folder.to_owned();
    while let Some(word) = words.next() {
        match word {
            "-C" => there = words.next().map_or(there.clone(), |to| there.join(to)),
            "-c" => drop(words.next()),
            word if word.starts_with('-') => {}
            word if MAKERS_OF_MANY.contains(&word) => return Some((there, COMMITS_MAX)),
            word if MAKERS.contains(&word) => return Some((there, 1)),
            _ => break,
        }
    }
    None
}

/// What a shell is to run, told by `-c`, or by `-lc` as Codex has it.
fn script<'w>(mut words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let is_last = |word: &&str| !word.starts_with('-') || (word.ends_with('c') && !word.starts_with("--"));
    words.find(is_last).filter(|word| word.starts_with('-'))?;
    words.next()
}

/// The last commits that were made in the worktree around `folder` since then, oldest first.
pub fn made_since(folder: &Path, since: SystemTime, commits_max: usize) -> Vec<MadeCommit> {
    let Some((_, own)) = place(folder) else { return Vec::new() };
    let Some(log) = end_of(&own.join("logs/HEAD")) else { return Vec::new() };
    let since = since.checked_sub(SECOND).unwrap_or(UNIX_EPOCH);
    let made = log.lines().rev().map_while(|line| entry(line).filter(|(at, _)| *at >= since)).filter_map(|(_, made)| made);
    let mut made: Vec<MadeCommit> = made.take(commits_max).collect();
    made.reverse();
    made
}

/// When a line is of, and the commit where it is of one that was made.
fn entry(line: &str) -> Option<(SystemTime, Option<MadeCommit>)> {
    let (head, done) = line.split_once('\t')?;
    let seconds: u64 = head.rsplit(' ').nth(1)?.parse().ok()?;
    let id = head.split(' ').nth(1).filter(|id| super::is_commit(id))?;
    let (what, subject) = done.split_once(": ").unwrap_or((done, ""));
    let is_made = MADE.iter().any(|made| what.split(' ').next() == Some(made)) || subject.starts_with("Merge made by");
    let commit = is_made.then(|| MadeCommit { id: id.to_owned(), subject: subject.to_owned() });
    Some((UNIX_EPOCH + Duration::from_secs(seconds), commit))
}

/// The end of a file, from the beginning of a line.
fn end_of(path: &Path) -> Option<String> {
    let length = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
    let mut file = File::open(path).ok()?;
    let start = length.saturating_sub(LOG_BYTES_MAX);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(if start == 0 { text } else { text.split_once('\n')?.1.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_commands_make_commits_and_where() {
        let check = |command: &str, expected: Option<&str>| {
            let found = committing(command, Path::new("/w"));
            assert_eq!(found.map(|(folder, _)| folder), expected.map(PathBuf::from), "{command}");
        };
        let count = |command: &str| committing(command, Path::new("/w")).map(|(_, count)| count);
        assert_eq!(count("git commit -m a && git commit -m b"), Some(2));
        assert_eq!(count("git commit -m a; git cherry-pick x..y"), Some(COMMITS_MAX));
        check("git add -A && git commit -m 'cd to git'", Some("/w"));
        check("cd sub && git commit -qm x", Some("/w/sub"));
        check("cd /other; git -c user.name=a commit --amend", Some("/other"));
        check("git -C \"../w2\" cherry-pick abc", Some("/w/../w2"));
        check("(cd a && GIT_EDITOR=true git merge --no-ff b)", Some("/w/a"));
        check("cd x && git -C y commit -m \"a; b\"", Some("/w/x/y"));
        check("cd 'my folder' && git commit -m \"it's\"", Some("/w/my folder"));
        check("A=1 sudo -u me env -i B=2 git commit -m x", Some("/w"));
        check("time timeout 60 git commit -m x", Some("/w"));
        check("if git diff --quiet; then :; else git commit -qam x; fi", Some("/w"));
        check("bash -lc 'cd a && git commit -m \"b; c\"' && git log", Some("/w/a"));
        check("git commit -m \"$(cat <<'EOF'\nFix: don't \"x; y\"\nEOF\n)\" && git -C z commit -m b", Some("/w"));
        assert_eq!(count("git commit -m \"$(cat <<'EOF'\nit's \"a; git commit\"\nEOF\n)\" && git commit -m b"), Some(2));
        // To speak of a commit is to make none.
        check("grep -rn \"git commit\" docs; echo 'run git commit (later)'", None);
        check("echo \"first; git commit\"", None);
        check("echo git commit", None);
        check("cat > run.sh <<EOF\ngit commit -m x\nEOF", None);
        check("ls # then\\; git commit", None);
        check("bash run.sh -c 'git commit'", None);
        check("git log --grep commit", None);
        check("git status", None);
        check("echo commit", None);
        check("", None);
    }

    #[test]
    fn what_the_log_says_of_a_change_of_head() {
        let id = "6c3e4d8b1f1f2c0a9e7d5b3a1c2d4e6f8a0b1c2d";
        let line = |done: &str| format!("{} {id} A B <a@b> 1795924253 +0100\t{done}", "0".repeat(40));
        let subject = |done: &str| entry(&line(done)).and_then(|(_, commit)| commit).map(|commit| commit.subject);
        assert_eq!(subject("commit: Fix: it").as_deref(), Some("Fix: it"));
        assert_eq!(subject("commit (amend): Fix it").as_deref(), Some("Fix it"));
        assert_eq!(subject("merge b: Merge made by the 'ort' strategy.").as_deref(), Some("Merge made by the 'ort' strategy."));
        assert_eq!(subject("merge b: Fast-forward"), None);
        assert_eq!(subject("checkout: moving from a to b"), None);
        assert_eq!(entry("nothing known"), None);
    }
}
