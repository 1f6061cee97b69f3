//! What papers say of the house, where it can be checked: the files they name exist, and the table of rooms is this one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

use super::{ROOMS, sources};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page in Markdown that people are given, relative to the root.
fn papers() -> Vec<PathBuf> {
    let pages = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect::<Vec<_>>()
    };
    [pages(""), pages("docs")].concat()
}

/// Whether `path` leads somewhere; `*` stands for part of a name, `<agent>` for any.
fn exists(path: &Path) -> bool {
    let mut found = vec![root().to_owned()];
    for part in path.components() {
        let part = part.as_os_str().to_str().unwrap();
        let pattern = if part.starts_with('<') { "*" } else { part };
        found = match pattern.split_once('*') {
            None => found.iter().map(|folder| folder.join(pattern)).filter(|path| path.exists()).collect(),
            Some((begin, end)) => {
                let entries = found.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
                let paths = entries.map(|entry| entry.unwrap().path());
                let fits = |path: &PathBuf| {
                    let name = path.file_name().unwrap().to_str().unwrap();
                    name.starts_with(begin) && name.ends_with(end) && begin.len() + end.len() <= name.len()
                };
                paths.filter(fits).collect()
            }
        };
    }
    !found.is_empty()
}

#[test]
fn the_files_that_papers_name_exist() {
    let named = Regex::new(r"(?:^|[\s`(\[])((?:src|docs|tests|examples|scripts|benches|fuzz|plugins|\.github|\.ci)/[\w./*<>-]*)")
        .unwrap();
    let linked = Regex::new(r"\]\(([^)\s#]+)").unwrap();
    for paper in papers() {
        let text = fs::read_to_string(root().join(&paper)).unwrap();
        for found in named.captures_iter(&text) {
            let path = found[1].trim_end_matches('.');
            assert!(exists(Path::new(path)), "{} names `{path}`, which does not exist", paper.display());
        }
        for found in linked.captures_iter(&text).filter(|found| !found[1].contains(':')) {
            let path = paper.parent().unwrap().join(&found[1]);
            assert!(root().join(&path).exists(), "{} links `{}`, which does not exist", paper.display(), path.display());
        }
    }
}

#[test]
fn patterns_lead_to_files() {
    let check = |path: &str, expected: bool| assert_eq!(exists(Path::new(path)), expected, "{path}");
    check("src/lib.rs", true);
    check("src/nothing.rs", false);
    check("tests/it/facts_*.rs", true);
    check("tests/it/fiction_*.rs", false);
    check("src/<room>/tests.rs", true);
    check("src/<room>/nothing.rs", false);
}

/// Cargo takes one filter of tests; what stands behind `--` takes several.
#[test]
fn commands_in_papers_run() {
    let command = Regex::new(r"cargo test([^`#;\n]*)").unwrap();
    for paper in papers() {
        let text = fs::read_to_string(root().join(&paper)).unwrap();
        for found in command.captures_iter(&text) {
            let words = found[1].split_whitespace().take_while(|word| *word != "--");
            let filters: Vec<&str> = words.filter(|word| !word.starts_with('-') && *word != "it").collect();
            assert!(filters.len() <= 1, "{}: cargo does not take `{}`", paper.display(), &found[0]);
        }
    }
}

/// The rows of ARCHITECTURE.md's table of rooms: which rooms, and the crates that they own.
fn table() -> Vec<(Vec<String>, BTreeSet<String>)> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let chapter = text.split("\n## Rooms\n").nth(1).expect("a chapter on rooms").split("\n## ").next().unwrap();
    let rows = chapter.lines().filter(|line| line.starts_with("| `"));
    let words = |cell: &str| cell.split(',').map(|word| word.trim().trim_matches('`').to_owned()).collect::<Vec<_>>();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [rooms, _, owns] = cells[..] else { panic!("three columns: {line}") };
        (words(rooms), words(owns).iter().filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_table_of_rooms_in_architecture_is_this_one() {
    let built: BTreeSet<String> = sources().into_iter().map(|source| source.room).collect();
    let here: Vec<&str> = ROOMS.iter().map(|room| room.name).filter(|name| *name != "lib" && built.contains(*name)).collect();
    let table = table();
    let told: Vec<&str> = table.iter().flat_map(|(rooms, _)| rooms).map(String::as_str).collect();
    assert_eq!(told, here, "ARCHITECTURE.md's rooms, against those of tests/it/tidy.rs, in their order");
    for (rooms, owns) in &table {
        let of_them = ROOMS.iter().filter(|room| rooms.iter().any(|name| name == room.name));
        let expected: BTreeSet<String> = of_them.flat_map(|room| room.owns).map(|&name| name.to_owned()).collect();
        assert_eq!(owns, &expected, "the crates of {rooms:?} in ARCHITECTURE.md, against tests/it/tidy.rs");
    }
}
