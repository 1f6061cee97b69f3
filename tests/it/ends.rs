//! What asks long-lived commands to end: a supervisor, a terminal that is gone, also where they are the first process of a
//! container, which hears no signal that it does not listen to.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
};

use crate::home::{Home, Running};

/// A command, and the exit code after a signal of that number.
type Case = (&'static [&'static str], fn(i32) -> i32);

const CASES: [Case; 4] = [
    (&["follow", "--json", "--after", "0"], |signal| 128 + signal),
    (&["collect", "--listen", "127.0.0.1:0"], |signal| 128 + signal),
    (&["import", "claude-code", "records", "--follow"], |signal| 128 + signal),
    (&["serve"], |_| 0),
];

fn home() -> Home {
    let home = Home::new();
    home.ok(&["emit", "started", "--coder", "a"]);
    fs::create_dir(home.path().join("records")).unwrap();
    home
}

/// Starts it, and waits until it says its first line, by which it listens.
fn started(mut command: Command) -> Running {
    let mut child = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    child.0.stdin.as_mut().unwrap().write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").unwrap();
    let streams: [Box<dyn Read + Send>; 2] = [Box::new(child.0.stdout.take().unwrap()), Box::new(child.0.stderr.take().unwrap())];
    let (heard, first) = std::sync::mpsc::channel();
    for stream in streams {
        let heard = heard.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                drop(heard.send(line));
            }
        });
    }
    drop(heard);
    first.recv().expect("it says something");
    child
}

/// Started by another program.
fn within(home: &Home, outer: &[&str], words: &[&str]) -> Command {
    let inner = home.command(words);
    let mut command = Command::new(outer[0]);
    command.args(&outer[1..]).arg(inner.get_program()).args(inner.get_args()).current_dir(home.path()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin");
    command
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap().success());
}

fn code(child: &mut Child) -> Option<i32> {
    child.wait().unwrap().code()
}

#[test]
fn a_supervisor_and_a_terminal_that_is_gone_end_them_in_order() {
    let home = home();
    for (words, expected) in CASES {
        for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
            let mut child = started(home.command(words));
            signal(child.0.id(), name);
            assert_eq!(code(&mut child.0), Some(expected(number)), "{words:?}, {name}");
        }
    }
}

// Elsewhere the system does not tell which signals are ignored.
#[cfg(target_os = "linux")]
#[test]
fn whoever_was_started_with_nohup_goes_on() {
    let home = home();
    for (words, expected) in CASES {
        let mut child = started(within(&home, &["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"], words));
        signal(child.0.id(), "HUP");
        signal(child.0.id(), "TERM");
        assert_eq!(code(&mut child.0), Some(expected(15)), "{words:?}");
    }
}

/// The process that `unshare` started.
#[cfg(target_os = "linux")]
fn child_of(process: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    children.split_whitespace().next().expect("it has a child").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn the_first_process_of_a_container_hears_them_too() {
    let apart = ["--user", "--map-root-user", "--pid", "--fork"];
    let permitted = Command::new("unshare").args(apart).arg("true").stderr(Stdio::null()).status();
    if !permitted.is_ok_and(|status| status.success()) {
        writeln!(std::io::stderr(), "skipped: this machine lets nobody make a namespace of processes").unwrap();
        return;
    }
    let home = home();
    for (words, expected) in CASES {
        for (name, number) in [("TERM", 15), ("HUP", 1)] {
            let mut child = started(within(&home, &[&["unshare"], &apart[..]].concat(), words));
            signal(child_of(child.0.id()), name);
            assert_eq!(code(&mut child.0), Some(expected(number)), "{words:?}, {name}");
        }
    }
}
