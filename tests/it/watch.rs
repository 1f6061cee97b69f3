//! `watch` in a real terminal: what it shows, how it ends, and that the terminal is given back.

use std::{
    io::{Read, Write},
    num::NonZero,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::home::{Home, Said};

const LIMIT: Duration = Duration::from_secs(20);
const SIZE: PtySize = PtySize { rows: 24, cols: 90, pixel_width: 0, pixel_height: 0 };

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LIMIT, "{what} did not come");
        thread::sleep(Duration::from_millis(5));
    }
}

fn exit_code(child: &mut dyn Child) -> u32 {
    let mut status = None;
    until("the end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().exit_code()
}

/// A shell in a terminal that runs `watch`, and what a person sees of it.
struct Terminal {
    home: Home,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    screen: Arc<Mutex<vt100::Parser<Bell>>>,
}

/// What the terminal was told besides what it shows.
#[derive(Default)]
struct Bell {
    copied: Vec<u8>,
    title: String,
    rung: usize,
}

impl vt100::Callbacks for Bell {
    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        data.clone_into(&mut self.copied);
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).into_owned();
    }

    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.rung += 1;
    }
}

impl Terminal {
    /// Runs `outer` in a shell of the terminal, where `$watch` is the beginning of the command line.
    fn start(home: Home, outer: &str) -> Terminal {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new("sh");
        let program = format!("{} --db {} watch", env!("CARGO_BIN_EXE_ai-coder-events"), home.history().display());
        command.args(["-c", &outer.replace("$watch", &program)]);
        command.env_clear();
        for (name, value) in [("HOME", home.path()), ("PATH", "/usr/bin:/bin".as_ref())] {
            command.env(name, value);
        }
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let (keys, mut reader) = (pair.master.take_writer().unwrap(), pair.master.try_clone_reader().unwrap());
        let screen = vt100::Parser::new_with_callbacks(cells(SIZE.rows), cells(SIZE.cols), 0, Bell::default());
        let screen = Arc::new(Mutex::new(screen));
        let showing = Arc::downgrade(&screen);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                // It was closed.
                let Some(screen) = showing.upgrade() else { return };
                screen.lock().unwrap().process(&chunk[..length]);
            }
        });
        Terminal { home, child, keys, master: pair.master, screen }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        let begun = Instant::now();
        while !self.text().contains(text) {
            assert!(begun.elapsed() < LIMIT, "`{text}` did not come:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Whether the view has the screen to itself.
    fn is_taken(&self) -> bool {
        let parser = self.screen.lock().unwrap();
        parser.screen().alternate_screen()
    }

    /// Its exit code, once the shell has ended.
    fn end(&mut self) -> u32 {
        exit_code(&mut *self.child)
    }

    /// Its exit code, once its window is closed.
    fn close(self) -> u32 {
        let Terminal { home: _home, mut child, keys, master, screen } = self;
        drop((keys, master, screen));
        exit_code(&mut *child)
    }

    fn signal(&self, name: &str) {
        let pid = self.watcher().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The process whose command line names this history, as `ps` lists it.
    fn watcher(&self) -> i32 {
        let mut found = None;
        until("the process", || {
            let listed = std::process::Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
            let history = self.home.history().display().to_string();
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            let mut own = listed.lines().filter(|line| line.contains(&history) && !line.contains("sh -c"));
            found = own.next().and_then(|line| line.split_whitespace().next()?.parse().ok());
            found.is_some()
        });
        found.unwrap()
    }
}

fn home() -> Home {
    let home = Home::new();
    home.record(&[
        r#"{"type":"started","coder_id":"fix-auth"}"#,
        r#"{"type":"progress","coder_id":"fix-auth","progress":0.4,"stage":"testing","description":"cargo test"}"#,
        r#"{"type":"output","coder_id":"fix-db","text":"a needle"}"#,
    ]);
    home
}

/// What a shell prints around the view: whether the terminal's settings are what they were, and the exit code.
const AROUND: &str = "before=$(stty -g); $watch; code=$?; test \"$before\" = \"$(stty -g)\" && echo restored; echo code $code";

#[test]
fn it_shows_filters_follows_and_gives_the_terminal_back() {
    let mut terminal = Terminal::start(home(), AROUND);
    terminal.shows("progress 40 % (testing): cargo test");
    terminal.shows("2 coders");
    assert!(terminal.is_taken());
    terminal.press("/needle\r");
    terminal.shows("following");
    until("the filter", || !terminal.text().contains("progress 40 %") && terminal.text().contains("a needle"));
    terminal.home.record(&[
        r#"{"type":"output","coder_id":"fix-db","text":"hay"}"#,
        r#"{"type":"output","coder_id":"fix-db","text":"another needle"}"#,
    ]);
    terminal.shows("another needle");
    assert!(!terminal.text().contains("hay"), "{}", terminal.text());
    terminal.press("\t\rv");
    terminal.shows("\"text\": \"another needle\"");
    terminal.press("y");
    let copied = || terminal.screen.lock().unwrap().callbacks().copied.clone();
    until("the copy", || !copied().is_empty());
    terminal.press("\x1b");
    terminal.shows("events of all coders");
    terminal.press("q");
    terminal.shows("restored");
    terminal.shows("code 0");
    assert_eq!(terminal.end(), 0);
    assert!(!terminal.is_taken() && !terminal.screen.lock().unwrap().screen().hide_cursor());
}

#[test]
fn ctrl_c_and_signals_give_the_terminal_back_too() {
    let check = |end: &dyn Fn(&mut Terminal), code: &str| {
        let mut terminal = Terminal::start(home(), AROUND);
        terminal.shows("2 coders");
        end(&mut terminal);
        terminal.shows("restored");
        terminal.shows(code);
        terminal.end();
        assert!(!terminal.is_taken());
    };
    check(&|terminal| terminal.press("\x03"), "code 130");
    check(&|terminal| terminal.signal("TERM"), "code 143");
    check(&|terminal| terminal.signal("HUP"), "code 129");
    check(&|terminal| terminal.signal("INT"), "code 130");
    check(&|terminal| terminal.signal("QUIT"), "code 131");
}

#[test]
fn a_closed_window_ends_it_as_the_signal_does() {
    let terminal = Terminal::start(home(), "exec $watch");
    terminal.shows("2 coders");
    assert_eq!(terminal.close(), 129);
}

#[test]
fn suspended_it_leaves_the_screen_and_comes_back() {
    // A shell with job control, as a person has it. It must see a script stop, too.
    for watch in ["$watch", "sh -c '$watch; exit $?'"] {
        for suspend in [|terminal: &mut Terminal| terminal.press("\x1a"), |terminal: &mut Terminal| terminal.signal("TSTP")] {
            let outer = format!("set -m; {watch}; echo stopped; read go; fg >/dev/null; echo code $?");
            let mut terminal = Terminal::start(home(), &outer);
            terminal.shows("2 coders");
            suspend(&mut terminal);
            terminal.shows("stopped");
            assert!(!terminal.is_taken());
            terminal.press("\n");
            until("the screen", || terminal.is_taken());
            terminal.shows("2 coders");
            terminal.press("q");
            terminal.shows("code 0");
            assert!(terminal.text().contains("stopped"), "{}", terminal.text());
            terminal.end();
        }
    }
}

#[test]
fn stopped_from_outside_it_takes_the_terminal_again() {
    let mut terminal = Terminal::start(home(), "set -m; $watch; echo stopped; read go; stty sane; fg >/dev/null; echo code $?");
    terminal.shows("2 coders");
    terminal.signal("STOP");
    terminal.shows("stopped");
    terminal.press("\n");
    until("the whole screen", || !terminal.text().contains("stopped") && terminal.text().contains("2 coders"));
    // Where it was not stopped, too.
    terminal.signal("CONT");
    terminal.press("?");
    terminal.shows("any key");
    terminal.press("qq");
    terminal.shows("code 0");
    terminal.end();
    assert!(!terminal.is_taken());
}

#[test]
fn where_nobody_would_continue_it_it_is_not_suspended() {
    let mut terminal = Terminal::start(home(), "exec $watch");
    terminal.shows("2 coders");
    terminal.press("\x1aq");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn quotes_of_the_shell_hold() {
    let home = home();
    home.record(&[r#"{"type":"file_modified","coder_id":"fix-db","file_path":"my notes/a.md"}"#]);
    let mut terminal = Terminal::start(home, "$watch 'path:my notes/a.md'");
    terminal.shows("edited my notes/a.md");
    assert!(!terminal.text().contains("needle"), "{}", terminal.text());
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn who_needs_a_person_is_told_without_looking() {
    let mut terminal = Terminal::start(home(), "$watch --bell");
    let told = |terminal: &Terminal| {
        let screen = terminal.screen.lock().unwrap();
        (screen.callbacks().title.clone(), screen.callbacks().rung)
    };
    until("the title", || told(&terminal) == ("ai-coder-events".to_owned(), 0));
    terminal.home.record(&[r#"{"type":"paused","coder_id":"fix-db","reason":"permission"}"#]);
    until("the bell", || told(&terminal) == ("(1) ai-coder-events".to_owned(), 1));
    // Seen by the person: the history knows it too.
    terminal.press("ja");
    until("the quiet", || told(&terminal) == ("ai-coder-events".to_owned(), 1));
    assert_eq!(terminal.home.ok(&["coders", "--needs-attention"]), "");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_timeline_goes_days_back_and_into_an_event() {
    let home = home();
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(72);
    let failed = format!(r#"{{"type":"failed","coder_id":"fix-db","error_message":"the disk was full","timestamp":"{at}"}}"#);
    home.record(&[failed.as_str()]);
    let mut terminal = Terminal::start(home, "$watch");
    terminal.shows("2 coders");
    terminal.press("t");
    terminal.shows("the last 1h");
    // As fast as the keys come, whatever is read meanwhile.
    terminal.press("----,");
    terminal.shows("the last 7d");
    terminal.shows("fix-db failed: the disk was full");
    terminal.press("\r");
    terminal.shows("event 4 of fix-db");
    terminal.press("q");
    terminal.shows("the last 7d");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn another_size_is_drawn_at_once() {
    let mut terminal = Terminal::start(home(), "$watch");
    terminal.shows("2 coders");
    let size = PtySize { rows: 30, cols: 120, ..SIZE };
    terminal.screen.lock().unwrap().screen_mut().set_size(cells(size.rows), cells(size.cols));
    terminal.master.resize(size).unwrap();
    // Only there is room for it.
    terminal.shows("source");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn without_a_history_it_says_how_to_begin_and_what_comes_appears() {
    let mut terminal = Terminal::start(Home::new(), "$watch");
    terminal.shows("No events yet. To begin:");
    terminal.home.record(&[r#"{"type":"started","coder_id":"first"}"#]);
    terminal.shows("1 coder");
    terminal.shows("first");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn no_colour_is_written_where_none_is_wanted() {
    let mut terminal = Terminal::start(home(), "NO_COLOR=1 $watch");
    terminal.shows("2 coders");
    let parser = terminal.screen.lock().unwrap();
    let cells = (0..SIZE.rows).flat_map(|row| (0..SIZE.cols).map(move |column| (row, column)));
    let coloured = cells
        .filter_map(|(row, column)| parser.screen().cell(row, column))
        .filter(|cell| (cell.fgcolor(), cell.bgcolor()) != (vt100::Color::Default, vt100::Color::Default));
    assert_eq!(coloured.count(), 0);
    drop(parser);
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn where_there_is_no_terminal_it_points_to_follow() {
    let Said { code, stdout, stderr } = home().run(&["watch"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("needs a terminal") && stderr.contains("`ai-coder-events follow`"), "{stderr}");
}

#[test]
fn a_filter_that_is_none_is_wrong_usage() {
    let Said { code, stderr, .. } = home().run(&["watch", "type:faled"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean `ai_coder_failed`?"), "{stderr}");
}
