//! The rules of the house as tests: which room may name which, who owns a heavy crate, how a file begins and how long it
//! may grow, and that generated docs are current. Which files name which, what types are called, and what papers say is
//! looked at below.

mod circles;
mod names;
mod papers;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

struct Room {
    name: &'static str,
    /// The rooms it may name besides itself.
    may_name: &'static [&'static str],
    /// The crates that only it, and other rooms that list them, may name.
    owns: &'static [&'static str],
}

const fn room(name: &'static str, may_name: &'static [&'static str], owns: &'static [&'static str]) -> Room {
    Room { name, may_name, owns }
}

/// Design's "Rooms and doors": a room names only what stands above it. A room that is not built yet costs nothing here.
const ROOMS: &[Room] = &[
    room("text", &[], &["regex"]),
    room("event", &["text"], &[]),
    room("filter", &["event"], &[]),
    room("price", &[], &[]),
    // Sums of tokens become sums of dollars where they are read.
    room("aggregate", &["event", "filter", "price"], &[]),
    // Contents of whole files are cut before they become drafts.
    room("source", &["text", "event"], &[]),
    room("watch_path", &[], &["notify"]),
    room("repository", &["event"], &[]),
    room("process", &["event"], &["sysinfo"]),
    // Whose a file is, before it is written to.
    room("history", &["text", "event", "filter", "aggregate", "price"], &["rusqlite", "rustix"]),
    // A history among the files is no file of the coder's.
    room("workspace", &["text", "history", "watch_path"], &["ignore", "blake3"]),
    // Where the keeper is reached and how it is started: no more than a hook needs.
    room("wake", &["event", "history", "process"], &["rustix", "close_fds"]),
    room("bus", &["event", "filter", "history", "watch_path"], &[]),
    // What is said of an event, and whether somebody has heard it.
    room("notifier", &["event", "filter", "aggregate", "history", "bus"], &[]),
    room("import", &["text", "event", "history", "source", "bus", "watch_path", "process", "repository"], &[]),
    // Where no keeper does it, what plugins left is taken in.
    room("upkeep", &["event", "history", "wake", "bus", "process", "import"], &[]),
    // Terminals' colours are taken out of output before lines are counted and cut.
    room(
        "run",
        &["text", "event", "history", "source", "bus", "process", "workspace"],
        &["libc", "pty_process", "rustix", "signal_hook", "vt100"],
    ),
    // Who may come in by HTTP, and how many at a time.
    room("http", &[], &["axum"]),
    room("collect", &["event", "history", "source", "bus", "http"], &["axum", "opentelemetry_proto", "prost", "flate2"]),
    // Numbers of signals.
    room("signals", &[], &["rustix"]),
    room(
        "keep",
        &[
            "event",
            "filter",
            "history",
            "notifier",
            "workspace",
            "source",
            "wake",
            "bus",
            "upkeep",
            "import",
            "collect",
            "process",
            "signals",
        ],
        &[],
    ),
    room("style", &["text", "event", "aggregate"], &[]),
    room("brief", &["text", "event", "filter", "aggregate", "history", "style"], &[]),
    // What an agent takes is its source's to know.
    room("tell", &["text", "event", "aggregate", "source", "history", "style", "brief"], &[]),
    // Where telemetry is received tells what is ours, and a flag which hooks tell their agent anything.
    room("setup", &["wake", "tell"], &["toml_edit", "similar"]),
    // What does not fit into an answer is cut with the mark that everything cut has. Which coder calls, its process tells.
    // Whether anybody reads its output.
    room(
        "mcp",
        &["text", "event", "filter", "aggregate", "process", "history", "bus", "http", "signals", "brief"],
        &["rmcp", "axum", "rustix"],
    ),
    // A session is read turn by turn, each with what it cost.
    room("story", &["text", "event", "aggregate", "price"], &[]),
    room("page", &["text", "event", "aggregate", "style", "story"], &["maud", "pulldown_cmark"]),
    // Another program may have written the history: what is shown is cleaned. A suspended view stops its process group.
    room(
        "tui",
        &["text", "event", "filter", "aggregate", "history", "bus", "signals", "style", "brief", "story"],
        &["ratatui", "rustix"],
    ),
    room("web", &["event", "filter", "aggregate", "history", "bus", "http", "brief", "page"], &["axum"]),
    // Its values are the rooms' own: a second `Retention` would only drift.
    room("config", &["text", "event", "filter", "aggregate", "history", "notifier", "wake", "price"], &["toml"]),
    // What is said is redacted with the user's own patterns.
    room("stderr", &["text", "config"], &[]),
    // Stands apart from `cli`, so that a program of its own holds nothing else. Waits for its stdin no longer than it may.
    room(
        "hook",
        &["text", "event", "history", "source", "repository", "process", "wake", "tell", "config", "stderr"],
        &["libc", "rustix"],
    ),
    room("bin", &["hook"], &[]),
    room(
        "cli",
        EVERYTHING,
        &["clap", "clap_complete", "clap_mangen", "anyhow", "tracing_subscriber", "indicatif", "terminal_size"],
    ),
    room("main", EVERYTHING, &["clap", "anyhow"]),
    room("lib", EVERYTHING, &[]),
];

const EVERYTHING: &[&str] = &["*"];

/// One idea a file; a longer one is listed here with its reason.
const LINES_MAX: usize = 500;
const LONG_FILES: &[(&str, &str)] = &[];
/// What fits a screen; a longer function is listed here until it is taken apart.
const FUNCTION_LINES_MAX: usize = 60;
const LONG_FUNCTIONS: &[&str] = &[];

struct Source {
    /// Below `src/`.
    path: String,
    room: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                let room = below.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
                found.push(Source { path: below, room, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.split('/').skip(1).any(|part| part == "tests.rs" || part == "tests" || part.ends_with("_tests.rs"))
    }

    /// What is shipped: no comments, no tests.
    fn shipped(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let code: Vec<&str> = self.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let tests = code.windows(2).position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests {"));
        code[..tests.unwrap_or(code.len())].join("\n")
    }
}

/// Every first name after `prefix`, such as `event` in `crate::event::Time` and in `crate::{bus::Bus, event::Time}`.
fn names_after(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_names(group)),
            None => names.extend(first_name(rest)),
        }
    }
    names
}

/// The first names in a group that opened just before: `a, b` in `a::{x, y}, b::z}`.
fn group_names(group: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut depth, mut begins) = (0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && is_name(c) => {
                names.extend(first_name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|&c| is_name(c)).collect();
    (!name.is_empty()).then_some(name)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        // `crate::filter::…` and `"filter::` are other things of the same name.
        before.is_none_or(|c| !is_name(c) && c != ':' && c != '"')
    })
}

#[test]
fn names_are_found_in_paths_and_groups() {
    let code = "use crate::{aggregate::{Coder, Stats}, bus::Bus,\n    event};\nuse crate::text::cut; fn f() -> crate::filter::Filter { mycrate::history::x() }";
    let expected = ["aggregate", "bus", "event", "filter", "text"].map(str::to_owned);
    assert_eq!(names_after(code, "crate::"), BTreeSet::from(expected));
    assert!(names_crate("use regex::Regex;", "regex") && !names_crate("use crate::regex::X; my_regex::y()", "regex"));
}

#[test]
fn a_room_names_only_what_stands_above_it() {
    let known: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    for source in sources() {
        let Some(room) = ROOMS.iter().find(|room| room.name == source.room) else {
            panic!("src/{} is in no room: add `{}` to the table, with what it may name", source.path, source.room)
        };
        if room.may_name == EVERYTHING {
            continue;
        }
        let code = source.shipped();
        let named = names_after(&code, "crate::").into_iter().chain(names_after(&code, "ai_coder_events::"));
        for name in named.filter(|name| known.contains(name.as_str()) && name != room.name) {
            assert!(
                room.may_name.contains(&name.as_str()),
                "src/{} names `{name}`, but `{}` may name {:?}",
                source.path,
                room.name,
                room.may_name
            );
        }
    }
}

#[test]
fn the_table_has_no_cycle() {
    for (index, room) in ROOMS.iter().enumerate().filter(|(_, room)| room.may_name != EVERYTHING) {
        for name in room.may_name {
            assert!(
                ROOMS[..index].iter().any(|above| above.name == *name),
                "`{}` names `{name}`, which does not stand above it",
                room.name
            );
        }
    }
}

#[test]
fn a_heavy_crate_lives_in_one_room() {
    let heavy: BTreeSet<&str> = ROOMS.iter().flat_map(|room| room.owns.iter().copied()).collect();
    for source in sources() {
        let code = source.shipped();
        for name in heavy.iter().filter(|name| names_crate(&code, name)) {
            let owners: Vec<&str> = ROOMS.iter().filter(|room| room.owns.contains(name)).map(|room| room.name).collect();
            assert!(owners.contains(&source.room.as_str()), "src/{} names `{name}`, which belongs to {owners:?}", source.path);
        }
    }
    for room in ROOMS {
        let code: String = sources().iter().filter(|source| source.room == room.name).map(Source::shipped).collect();
        let unused: Vec<_> = room.owns.iter().filter(|name| !code.is_empty() && !names_crate(&code, name)).collect();
        assert!(unused.is_empty(), "`{}` owns {unused:?} and does not name them", room.name);
    }
}

#[test]
fn a_module_opens_with_what_it_is_for() {
    for source in sources().iter().filter(|source| !source.is_test()) {
        assert!(source.text.starts_with("//! "), "src/{} does not open with `//!`", source.path);
    }
}

#[test]
fn a_file_holds_one_idea() {
    for Source { path, text, .. } in sources().iter().filter(|source| !source.is_test()) {
        let lines = text.lines().count();
        let listed = LONG_FILES.iter().any(|(long, _)| long == path);
        assert!(lines <= LINES_MAX || listed, "src/{path} has {lines} lines: split it, or list it with a reason");
        assert!(lines > LINES_MAX || !listed, "src/{path} is short enough: strike it from the list");
    }
}

#[test]
fn a_function_fits_a_screen() {
    let begins = Regex::new(r"^( *)(?:pub(?:\([^)]*\))? )?(?:const |async )*fn (\w+)").unwrap();
    let mut long = Vec::new();
    for source in sources() {
        let code = source.shipped();
        let lines: Vec<&str> = code.lines().collect();
        for (at, begin) in lines.iter().enumerate().filter_map(|(at, line)| Some((at, begins.captures(line)?))) {
            let end = format!("{}}}", &begin[1]);
            let length = lines[at..].iter().position(|line| *line == end).map_or(1, |last| last + 1);
            // A declaration has no end of its own.
            if length > FUNCTION_LINES_MAX && !lines[at].ends_with(';') {
                long.push((format!("{}: {}", source.path, &begin[2]), length));
            }
        }
    }
    let listed = |name: &String| LONG_FUNCTIONS.contains(&name.as_str());
    let new: Vec<_> = long.iter().filter(|(name, _)| !listed(name)).collect();
    assert!(new.is_empty(), "functions of more than {FUNCTION_LINES_MAX} lines: {new:?}");
    let short: Vec<_> = LONG_FUNCTIONS.iter().filter(|name| !long.iter().any(|(found, _)| found == *name)).collect();
    assert!(short.is_empty(), "short enough: strike them from the list: {short:?}");
}

/// docs/events.md lists the keys of `data` from the table that the writers name: none may be written past it.
#[test]
fn keys_of_data_are_of_the_table() {
    let writers = ["source", "run", "upkeep", "import", "keep"];
    for source in sources().iter().filter(|source| writers.contains(&source.room.as_str())) {
        let code = source.shipped();
        let literal = code.lines().find(|line| line.contains(".with(\"") || line.contains("data.insert(\""));
        assert_eq!(literal, None, "src/{}: name the key in src/event/data_key.rs", source.path);
    }
}

#[test]
fn shipped_code_does_not_unwrap() {
    for source in sources() {
        for (number, line) in source.shipped().lines().enumerate() {
            assert!(!line.contains(".unwrap()"), "src/{}: {line} (about line {number})", source.path);
        }
    }
}

#[test]
fn defect_22_the_docs_of_events_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    let text = fs::read_to_string(&path).unwrap();
    let end = "`UPDATE=1 cargo test --test it tidy`. -->\n\n";
    let (head, tables) = text.split_at(text.find(end).expect("the line where the made part begins") + end.len());
    let current = ai_coder_events::event::events_page();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{head}{current}")).unwrap();
        return;
    }
    assert!(tables == current, "docs/events.md is not current: run `UPDATE=1 cargo test --test it tidy`");
}
