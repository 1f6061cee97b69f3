//! One word means one thing in the whole house: a type's name is defined in one file.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use regex::Regex;

use super::sources;

/// Each room has its own, as is the custom.
const CUSTOMARY: &[&str] = &["Error"];
/// Names that still mean several things, a line each. It only shrinks: `UPDATE=1 cargo test --test it tidy` strikes what is
/// defined once by now.
const SHARED: &str = "tests/it/tidy/shared_names.txt";

/// The files that define a type of each name.
fn definitions() -> BTreeMap<String, BTreeSet<String>> {
    let definition =
        Regex::new(r"(?m)^(?:\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|union|trait)|(?:pub(?:\([^)]*\))? )?type) (\w+)").unwrap();
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        for found in definition.captures_iter(&source.shipped()) {
            files.entry(found[1].to_owned()).or_default().insert(source.path.clone());
        }
    }
    files
}

#[test]
fn a_type_s_name_is_defined_once() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHARED);
    let text = fs::read_to_string(&path).unwrap();
    let mut shared = definitions();
    shared.retain(|name, files| files.len() > 1 && !CUSTOMARY.contains(&name.as_str()));
    let (left, once): (Vec<&str>, Vec<&str>) = text.lines().partition(|name| shared.contains_key(*name));
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, left.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    } else {
        assert!(once.is_empty(), "defined once by now: run `UPDATE=1 cargo test --test it tidy`: {once:?}");
    }
    shared.retain(|name, _| !left.contains(&name.as_str()));
    assert!(shared.is_empty(), "names that are defined in several files of src/: {shared:#?}");
}
