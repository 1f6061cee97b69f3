//! What one runs is the same without `run`, through pipes and in a terminal: one table of what a command can tell apart.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use super::{Place, terminal::Screen};

/// Stands in a script where the beginning of `run` does, or nothing.
const MARK: char = '@';

/// What is the same in a terminal and without one.
const ANYWHERE: &[&str] = &[
    // Its end.
    "@sh -c 'exit 7'; echo $?",
    "@sh -c 'kill -TERM $$' 2> /dev/null; echo $?",
    "exec @sh -c 'kill -INT $$'",
    "exec @sh -c 'kill -KILL $$'",
    "for i in 1 2 3; do echo $i; @sh -c 'kill -INT $$'; done; echo after",
    "printf '1\n2\n3\n' | xargs -n1 @sh -c 'echo ran $0; kill -TERM $$' 2> /dev/null; echo $?",
    "@yes | head -n 1; echo ${PIPESTATUS[*]}",
    // What it inherits.
    "trap '' INT; @sh -c 'kill -INT $$; echo alive'",
    "trap '' HUP TERM QUIT USR1; @sh -c 'for s in HUP TERM QUIT USR1; do kill -$s $$; done; echo alive'",
    "@cat <(echo from a pipe)",
    "@sh -c 'echo hi >&3' 3> out; cat out",
    "exec 9> lock; @flock -n 9 && echo locked",
    "exec 7< /dev/null; @sh -c 'echo /proc/self/fd/*'",
    "umask 027; @sh -c umask; ulimit -n 100; @sh -c 'ulimit -n'",
    "ulimit -f 1; @sh -c 'echo hi; exit 3'; echo $?",
    "ulimit -n 12; @sh -c 'echo hi; exit 3'; echo $?",
    "ulimit -n 12; @no-such-program 2> /dev/null; echo $?",
    "ulimit -v 150000; @sh -c 'echo hi; exit 3'; echo $?",
    "NAME='a b' @sh -c 'echo $NAME'",
    "mkdir -p gone; cd gone; rmdir ../gone; @readlink /proc/self/cwd; @sh -c 'ls; echo $?'",
    "trap '' PIPE; @sh -c 'kill -PIPE $$; echo alive'",
    "@sh -c 'kill -PIPE $$; echo alive'; echo $?",
    "trap '' PIPE; env --block-signal=USR1,TERM @grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status",
    "env --ignore-signal=INT,TSTP,TTOU,CHLD @grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status",
    "nohup @sh -c 'kill -HUP $$; echo alive'; cat nohup.out; rm -f nohup.out",
    "@sh -c 'env -u _ | grep -v ^AI_CODER | sort'",
    "ulimit -n 200; nice -n 5 @bash -c 'nice; ulimit -a; cat /proc/self/oom_score_adj'",
    "@bash -c 'i=0; while [ $i -lt 1000 ]; do : & i=$((i+1)); done; wait; echo done'",
    // What is not its own.
    "printf '1\n2\n3\n' > in; { @head -n 1; cat; } < in",
    "printf '1\n2\n3\n' | { @sh -c 'read x; echo $x'; cat; }",
    "( exec 9> lock; flock 9; exec @bash -c 'exec 9>&-; for i in {1..300}; do flock -n lock echo free && exit; done' )",
    "@bash -c 'exec >&-; until test -e seen; do sleep 0.01; done' | { cat; echo closed; : > seen; }; rm -f seen",
    "{ until test -e over; do echo y; sleep 0.01; done; echo over; } | @bash -c 'read x; exec <&-; sleep 0.3; : > over'; echo ${PIPESTATUS[*]}; rm -f over",
    "@sh -c '(sleep 0.3; echo late) & echo early'; sleep 0.6",
    "@sh -c 'setsid sh -c \"sleep 0.3; echo late\" & echo early' | cat",
    "@sh -c 'ps -o sid=,pgid= -p $$' | { read a b; read c d < <(ps -o sid=,pgid= -p $$); test $a = $c && test $b = $d && echo alike; }",
    // What its streams are.
    "@ls /proc/self/fd <&- | wc -l; @ls /proc/self/fd 2>&- | wc -l",
    "@sh -c 'echo hi; echo $? >&2' >&-",
    "@sh -c 'read x; echo $?' <&-",
    "@sh -c 'echo hi >&2; echo $?' 2>&-",
    "@sh -c 'readlink /proc/self/fd/1' <&- 2>&- >&-",
    "@sh -c 'echo hi; echo $? >&2; exit 4' > /dev/full; echo $?",
    "@sh -c 'echo hi >&2; echo $?' 2> /dev/full",
    "@seq 100000 > /dev/full; echo $?",
    "exec 2> /dev/null; ulimit -f 1; @seq 100000 > out; echo $?; wc -c < out",
    "ulimit -f 1; trap '' XFSZ; @seq 100000 > out; echo $?; wc -c < out",
    "@sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done' 2>&1 | cat",
    "@sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done' > out 2>&1; cat out",
    "@sh -c 'sleep 0.2; echo a; echo $? >&2' | true; echo ${PIPESTATUS[*]}",
    "@sh -c 'for n in 0 1 2; do test -t $n && echo $n; done; echo .'",
    "@sh -c 'for n in 0 1 2; do test -t $n && echo $n; done; echo .' 2> err; cat err",
    "@sh -c 'for n in 0 1 2; do test -t $n && echo $n; done; echo . >&2' 2> err; cat err",
    "@sh -c 'for n in 0 1 2; do test -t $n && echo $n; done; echo .' | cat",
    "@sh -c 'for n in 0 1 2; do test -t $n && echo $n >&2; done; echo .' > out; cat out",
    "echo in | @sh -c 'for n in 0 1 2; do test -t $n && echo $n; done; cat'",
    "@sh -c 'for n in 0 1 2; do test -t $n && echo $n; done; echo .' < /dev/null 2> err; cat err",
    "@sh -c 'echo 1; echo 2 >&2; echo 3; printf \"a\\r\\tb\\n\"'",
    // Jobs.
    "@sh -c 'echo job' & wait $!; echo $?",
    "set -m; @sh -c 'echo job; exit 3' & wait $!; echo $?",
];

/// Pressed once the text before them is shown.
type Keys = [(&'static str, &'static [u8])];

/// What keys do.
const TYPED: &[(&str, &Keys)] = &[
    ("for i in 1 2 3; do echo start $i; @sleep 30; done; echo after", &[("start 1", CTRL_C)]),
    ("trap '' INT; @sh -c 'echo ready; read line; echo got $line'", &[("ready", CTRL_C), ("^C", b"x\r")]),
    ("@sh -c 'trap \"echo caught; exit 3\" INT; echo ready; while :; do sleep 0.01; done'; echo $?", &[("ready", CTRL_C)]),
    ("exec 2> /dev/null; ulimit -c 0; @sh -c 'echo ready; exec sleep 30'; echo $?", &[("ready", b"\x1c")]),
    ("@sh -c 'stty -isig; echo ready; dd bs=1 count=1 2> /dev/null | od -An -tx1; stty isig'", &[("ready", b"\x03\r")]),
    ("@sh -c 'stty size; stty -echo; echo ready; read line; echo got $line; stty echo'", &[("ready", b"secret\r")]),
    ("@sh -c 'echo ready; cat'; echo $?", &[("ready", b"line\r"), ("line\r\nline\r\n", b"\x04")]),
    (
        "set -m; @sh -c 'echo ready; read line; echo got $line'; echo it stands; fg > /dev/null; echo end $?",
        &[("ready", b"\x1a"), ("it stands", b"x\r")],
    ),
    ("@bash --norc --noprofile -i -c 'trap \"\" TSTP; echo ready; read line; echo got $line'", &[("ready", b"\x1ax\r")]),
    ("@sh -c 'echo ready; read line; echo got $line' 2> err", &[("ready", b"x\r")]),
    ("echo in | @sh -c 'echo ready; read line < /dev/tty; echo got $line'", &[("ready", b"x\r")]),
    // Typed ahead, and not for the command.
    (
        "echo ready; read a; @sh -c 'echo busy; sleep 0.3'; read b; echo got $b",
        &[("ready", b"one\r"), ("busy", b"two\r"), ("two\r\n", b"")],
    ),
    // What it sets stays set.
    ("@stty -echo; stty -a | grep -o -- '-echo '; stty echo", &[]),
    ("@sh -c 'stty -echo <&1'; stty -a | grep -o -- '-echo '; stty echo", &[]),
    ("exec 2> /dev/null; @sh -c 'stty raw; kill -9 $$'; stty -a | grep -o -- '-icanon'; stty sane", &[]),
    ("test $(@tty) = $(tty) && @sh -c 'tty <&1 > /dev/null && echo one'", &[]),
    // Jobs of a shell.
    (
        "set -m; @sh -c 'echo ready; read line; echo got $line; sleep 0.1; echo done'; echo it stands; bg > /dev/null; sleep 0.5; jobs; echo jobs told; fg > /dev/null; echo end $?",
        &[("ready", b"\x1a"), ("jobs told", b"x\r")],
    ),
    (
        "set -m; @sh -c 'echo ready; until test -e go; do :; done; echo done'; echo it stands; bg > /dev/null; : > go; wait; echo end $?; rm go",
        &[("ready", b"\x1a")],
    ),
    ("@bash --norc --noprofile -i -c 'sh -c \"echo ready; exec sleep 30\"; echo after'; echo end $?", &[("ready", CTRL_C)]),
];

const CTRL_C: &[u8] = b"\x03";

/// The beginning of the command line, which shells tell of their jobs too.
const RUN: &str = concat!(env!("CARGO_BIN_EXE_ai-coder-events"), " run --id it -- ");

fn scripts(script: &str) -> [String; 2] {
    [script.replace(MARK, ""), script.replace(MARK, RUN)]
}

/// The status as a parent sees it, what came on stdout, and on stderr.
fn piped(place: &Place, script: &str) -> (String, String, String) {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", script])
        .current_dir(place.folder())
        .env_clear()
        .env("HOME", place.home.path())
        .env("PATH", "/usr/bin:/bin");
    let said = shell.env("AI_CODER_EVENTS_DB", place.home.history()).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace(RUN, "");
    (format!("{:?} {:?}", said.status.code(), said.status.signal()), text(said.stdout), text(said.stderr))
}

#[test]
fn through_pipes_everything_is_as_without_it() {
    let place = Place::new();
    let mut differing = Vec::new();
    for script in ANYWHERE {
        let [plain, wrapped] = scripts(script).map(|script| piped(&place, &script));
        if wrapped != plain {
            differing.push(format!("{script}\n  plain {plain:?}\n  ours  {wrapped:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// The status, and all that was shown.
fn shown(place: Place, script: &str, keys: &Keys) -> (Place, String) {
    let mut screen = Screen::in_place(place, &["bash", "-c", script]);
    for (text, keys) in keys {
        screen.shows(text);
        screen.press(keys);
    }
    let status = screen.status();
    let shown = screen.everything().replace(RUN, "");
    (std::mem::replace(&mut screen.place, Place::new()), format!("{status}\n{shown}"))
}

#[test]
fn in_a_terminal_everything_is_as_without_it() {
    let (mut place, mut differing) = (Place::new(), Vec::new());
    let untyped = ANYWHERE.iter().map(|script| (*script, &[][..]));
    for (script, keys) in untyped.chain(TYPED.iter().copied()) {
        let [plain, wrapped] = scripts(script).map(|script| {
            let (back, said) = shown(std::mem::replace(&mut place, Place::new()), &script, keys);
            place = back;
            said
        });
        if wrapped != plain {
            differing.push(format!("{script}\n  plain {plain:?}\n  ours  {wrapped:?}"));
        }
        for left in ["out", "err", "lock"] {
            drop(fs::remove_file(place.folder().join(left)));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
