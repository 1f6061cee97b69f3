//! Processes of this machine: which one it is, whether it still runs, and what it uses.

use serde::{Deserialize, Serialize};

mod table;
pub mod usage;

/// Which process, told apart from every other that has or had its pid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: u32,
    /// When it started, in the system's own unit: to be compared, not shown.
    pub start: u64,
    /// Which run of which machine.
    pub boot: String,
    /// Which pid namespace; empty where there are none.
    pub namespace: String,
}

/// What can be said of a process from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    Runs,
    Gone,
    /// It belongs to another machine, another run of this one, or another pid namespace: only a process there can tell.
    Elsewhere,
}

impl Identity {
    /// The process that has `pid` now; `None` where there is none, or the system does not tell.
    pub fn of(pid: u32) -> Option<Identity> {
        let start = table::start(pid)?;
        Some(Identity { pid, start, boot: table::boot()?, namespace: table::namespace() })
    }

    /// The nearest ancestor of this process that runs a program called `name`, be it a script of an interpreter.
    pub fn of_ancestor(name: &str) -> Option<Identity> {
        let mut pid = table::parent(std::process::id())?;
        for _ in 0..ANCESTORS_MAX {
            if runs(&table::command(pid), name) {
                return Identity::of(pid);
            }
            pid = table::parent(pid).filter(|&parent| parent > 1)?;
        }
        None
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
        let identity = Identity::of(child.id()).expect("it runs");
        assert_eq!(identity.liveness(), Liveness::Runs);
        let later = Identity { start: identity.start + 1, ..identity.clone() };
        assert_eq!(later.liveness(), Liveness::Gone, "another process with its pid");
        let foreign = Identity { boot: "another".to_owned(), ..identity.clone() };
        assert_eq!(foreign.liveness(), Liveness::Elsewhere);
        let inner = Identity { namespace: "pid:[1]".to_owned(), ..identity.clone() };
        assert_eq!(inner.liveness(), Liveness::Elsewhere);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        assert_eq!(identity.liveness(), Liveness::Gone);
    }

    #[test]
    fn a_zombie_is_gone() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat is there");
        let identity = Identity::of(child.id()).expect("it runs");
        child.kill().expect("it can be killed");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while identity.liveness() != Liveness::Gone {
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
        assert_eq!(Identity::of_ancestor("no program is called this"), None);
        let parent = table::parent(std::process::id()).expect("a test has a parent");
        let name = table::command(parent).first().expect("it has a name").rsplit('/').next().map(str::to_owned);
        assert_eq!(Identity::of_ancestor(&name.expect("not empty")).map(|identity| identity.pid), Some(parent));
    }
}
