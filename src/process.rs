//! Processes of this machine: which one it is, whether it still runs, and what it uses.

pub use crate::event::Process;

mod table;
pub mod usage;

/// What can be said of a process from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    Runs,
    Gone,
    /// It belongs to another machine, another run of this one, or another pid namespace: only a process there can tell.
    Elsewhere,
}

impl Process {
    /// The process that has `pid` now; `None` where there is none, or the system does not tell.
    pub fn of(pid: u32) -> Option<Process> {
        let start = table::start(pid)?;
        Some(Process { pid, start, boot: table::boot()?, namespace: table::namespace() })
    }

    /// The nearest ancestor of this process that runs a program called `name`, be it a script of an interpreter.
    pub fn of_ancestor(name: &str) -> Option<Process> {
        let mut pid = table::parent(std::process::id())?;
        for _ in 0..ANCESTORS_MAX {
            if runs(&table::command(pid), name) {
                return Process::of(pid);
            }
            pid = table::parent(pid).filter(|&parent| parent > 1)?;
        }
        None
    }

    /// Who started this process, and who started that one: the nearest first.
    pub fn ancestors() -> Vec<Process> {
        let above = |&pid: &u32| table::parent(pid).filter(|&parent| parent > 1);
        let pids = std::iter::successors(above(&std::process::id()), above);
        pids.take(ANCESTORS_MAX).filter_map(Process::of).collect()
    }

    pub fn liveness(&self) -> Liveness {
        if table::boot().as_ref() != Some(&self.boot) || table::namespace() != self.namespace {
            return Liveness::Elsewhere;
        }
        match table::start(self.pid) {
            Some(start) if start == self.start => Liveness::Runs,
            _ => Liveness::Gone,
        }
    }
}

/// How far up is looked: between an agent and its hook stand a shell, and a wrapper or two.
const ANCESTORS_MAX: usize = 8;
/// What runs agents that are scripts.
const INTERPRETERS: &[&str] = &["node", "bun", "deno"];

fn runs(command: &[String], name: &str) -> bool {
    let base = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let Some(program) = command.first().map(|program| base(program)) else { return false };
    let script = command.get(1).filter(|_| INTERPRETERS.iter().any(|it| program.starts_with(it)));
    program.starts_with(name) || script.is_some_and(|script| script.contains(name))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_runs_until_it_is_gone_and_its_pid_alone_is_not_enough() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is there");
        let process = Process::of(child.id()).expect("it runs");
        assert_eq!(process.liveness(), Liveness::Runs);
        let later = Process { start: process.start + 1, ..process.clone() };
        assert_eq!(later.liveness(), Liveness::Gone, "another process with its pid");
        let foreign = Process { boot: "another".to_owned(), ..process.clone() };
        assert_eq!(foreign.liveness(), Liveness::Elsewhere);
        let inner = Process { namespace: "pid:[1]".to_owned(), ..process.clone() };
        assert_eq!(inner.liveness(), Liveness::Elsewhere);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        assert_eq!(process.liveness(), Liveness::Gone);
    }

    #[test]
    fn a_zombie_is_gone() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is there");
        let process = Process::of(child.id()).expect("it runs");
        child.kill().expect("it can be killed");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while process.liveness() != Liveness::Gone {
            assert!(std::time::Instant::now() < deadline, "nobody has waited for it, and yet it is gone");
            std::thread::yield_now();
        }
        child.wait().expect("it ends");
    }

    #[test]
    fn an_agent_is_known_by_its_program_or_its_script() {
        let check = |command: &[&str], name: &str, expected: bool| {
            let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(runs(&command, name), expected, "{command:?}");
        };
        check(&["/usr/local/bin/codex", "exec"], "codex", true);
        check(&["codex-x86_64-linux"], "codex", true);
        check(&["node", "/usr/lib/node_modules/@google/gemini-cli/dist/index.js"], "gemini", true);
        check(&["/opt/node22/bin/node", "/opt/copilot/index.js"], "copilot", true);
        check(&["sh", "-c", "ai-coder-events hook codex"], "codex", false);
        check(&["python3", "/home/dev/codex/test.py"], "codex", false);
        check(&["ai-coder-events", "hook", "codex"], "codex", false);
        check(&[], "codex", false);
    }

    #[test]
    fn ancestors_are_looked_through() {
        assert_eq!(Process::of_ancestor("no program is called this"), None);
        let parent = table::parent(std::process::id()).expect("a test has a parent");
        let name = table::command(parent).first().expect("it has a name").rsplit('/').next().map(str::to_owned);
        assert_eq!(Process::of_ancestor(&name.expect("not empty")).map(|process| process.pid), Some(parent));
        assert_eq!(Process::ancestors().first().map(|process| process.pid), Some(parent));
    }
}
