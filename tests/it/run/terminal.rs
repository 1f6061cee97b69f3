//! `run` in a terminal: the command finds itself in one too.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex},
    thread,
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use super::{Place, until};

/// A terminal of 33 rows and 101 columns, and what stands on it.
pub(super) struct Screen {
    pub place: Place,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    shown: Arc<Mutex<String>>,
    reading: Option<thread::JoinHandle<()>>,
}

const SIZE: PtySize = PtySize { rows: 33, cols: 101, pixel_width: 0, pixel_height: 0 };

impl Screen {
    /// Runs `outer` in a shell of this terminal, where `$run` is the beginning of the command line.
    fn start(outer: &str) -> Screen {
        let run = format!("{} run --id it --", env!("CARGO_BIN_EXE_ai-coder-events"));
        Screen::in_place(Place::new(), &["sh", "-c", &outer.replace("$run", &run)])
    }

    pub fn in_place(place: Place, words: &[&str]) -> Screen {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::from_argv(words.iter().map(Into::into).collect());
        command.cwd(place.folder());
        command.env_clear();
        for (name, value) in [("HOME", place.home.path()), ("PATH", "/usr/bin:/bin".as_ref()), ("SHELL", "/bin/sh".as_ref())] {
            command.env(name, value);
        }
        command.env("AI_CODER_EVENTS_DB", place.home.history());
        let child = pair.slave.spawn_command(command).unwrap();
        let (keys, mut reader) = (pair.master.take_writer().unwrap(), pair.master.try_clone_reader().unwrap());
        let shown = Arc::new(Mutex::new(String::new()));
        let showing = Arc::clone(&shown);
        let reading = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                showing.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
        });
        Screen { place, child, keys, master: pair.master, shown, reading: Some(reading) }
    }

    pub fn shows(&self, text: &str) {
        let shown = || self.shown.lock().unwrap().clone();
        until(&format!("`{text}`"), || shown().contains(text));
    }

    pub fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    /// Once nobody holds the terminal any more.
    pub fn everything(&mut self) -> String {
        let reading = self.reading.take().unwrap();
        until("the end of the terminal", || reading.is_finished());
        self.shown.lock().unwrap().clone()
    }

    /// Its exit code.
    fn end(&mut self) -> u32 {
        self.status().exit_code()
    }

    pub fn status(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Screen {
    /// What was waited for did not come: then this did.
    fn drop(&mut self) {
        if thread::panicking() {
            drop(writeln!(io::stderr(), "{:?} shows {:?}", self.child, self.shown.lock()));
        }
    }
}

#[test]
fn the_command_is_in_a_terminal_of_the_same_size() {
    let mut screen = Screen::start(
        "before=$(stty -g); $run sh -c 'test -t 0 && test -t 1 && test -t 2 && echo all; stty size; read line; echo $line; stty size'; \
         code=$?; test \"$before\" = \"$(stty -g)\" && echo restored; exit $code",
    );
    screen.shows("all\r\n");
    screen.shows("33 101\r\n");
    screen.master.resize(PtySize { rows: 40, cols: 90, ..SIZE }).unwrap();
    // The new size is passed on by a signal, the line by a key: only the line is waited for.
    until("the new size", || screen.master.get_size().unwrap().rows == 40);
    screen.press(b"typed\r");
    screen.shows("typed\r\n");
    assert_eq!(screen.end(), 0);
    screen.shows("restored\r\n");
    let output = screen.place.of("output");
    assert!(output.iter().all(|event| event["stream"] == "terminal"), "{output:?}");
    assert!(output.iter().any(|event| event["text"].as_str().unwrap().contains("33 101\n")), "{output:?}");
}

#[test]
fn of_a_program_that_draws_the_whole_screen_its_screen_is_recorded() {
    let drawing = r"printf before\\n; printf '\033[?1049h\033[2J'; for n in 1 2 3 4 5 6 7 8 9; do printf '\033[2;5Hstep %s\033[4;1Hbelow' $n; done";
    let script = format!("{drawing}; printf '\\033[?1049l'; echo after");
    let mut screen =
        Screen::in_place(Place::new(), &[env!("CARGO_BIN_EXE_ai-coder-events"), "run", "--id", "it", "--", "sh", "-c", &script]);
    assert_eq!(screen.end(), 0);
    let output = screen.place.of("output");
    let texts: Vec<&str> = output.iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 3, "{output:?}");
    assert!(texts.contains(&"\n    step 9\n\nbelow") && texts.iter().all(|text| !text.contains("step 8")), "{texts:?}");
    let drawn = output.iter().find(|event| event["text"].as_str().unwrap().contains("step 9")).unwrap();
    assert!(drawn["data"]["suppressed_bytes"].as_u64().unwrap() > 150, "{drawn}");
}

#[test]
fn a_new_size_reaches_the_command() {
    let mut screen = Screen::start("$run sh -c 'trap \"stty size\" WINCH; echo ready; while :; do sleep 0.01; done'");
    screen.shows("ready\r\n");
    screen.master.resize(PtySize { rows: 40, cols: 90, ..SIZE }).unwrap();
    screen.shows("40 90\r\n");
    screen.press(&[3]);
    assert_eq!(screen.status().signal(), Some("Interrupt"));
}

#[test]
fn ctrl_c_interrupts_the_command() {
    let mut screen = Screen::start("$run sh -c 'echo ready; exec sleep 60'; echo code $?");
    screen.shows("ready\r\n");
    screen.press(&[3]);
    // So is the shell that waits for it.
    assert_eq!(screen.status().signal(), Some("Interrupt"));
    assert_eq!(screen.place.life(), ["created", "started", "stopped"]);
    assert_eq!(screen.place.of("stopped")[0]["reason"], "SIGINT");
}

#[test]
fn in_a_terminal_too_the_exit_code_tells_what_could_not_run() {
    let mut screen = Screen::start("$run no-such-program; echo code $?; $run /; echo code $?; $run sh -c 'exit 9'; echo code $?");
    screen.shows("code 127\r\n");
    screen.shows("code 126\r\n");
    screen.shows("code 9\r\n");
    assert_eq!(screen.end(), 0);
}
