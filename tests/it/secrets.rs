//! What is no secret stays: every text of every fixture, as agents really write them, through the redactor.

use std::{collections::BTreeSet, fs, path::Path};

use ai_coder_events::text::{Redactor, clean_text};
use serde_json::Value;

/// What the fixtures hold that is redacted, as it reads then. Anything else that appears here is a false positive.
const EXPECTED: &[&str] = &[];

fn texts_of(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts_of(item, name, found)),
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            found.push((String::new(), name.clone()));
            texts_of(value, name, found);
        }),
        number => found.push((name.to_owned(), number.to_string())),
    }
}

fn visit(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let whole: Option<Value> = serde_json::from_str(&text).ok();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.chain(whole).for_each(|value| texts_of(&value, "", found));
        // As a rejection would keep it.
        found.extend(text.lines().map(|line| (String::new(), line.to_owned())));
    }
}

#[test]
fn nothing_in_the_fixtures_is_taken_for_a_secret_that_is_none() {
    let mut texts = Vec::new();
    visit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), &mut texts);
    assert!(texts.len() > 10_000, "{}", texts.len());
    let redactor = Redactor::default();
    let mut redacted = BTreeSet::new();
    for (name, text) in &texts {
        let clean = clean_text(text);
        let told = redactor.redact_field(name, &clean);
        if told != clean {
            let at = told.find("[redacted: ").unwrap_or_default();
            let start = told.floor_char_boundary(at.saturating_sub(40));
            let end = told.ceil_char_boundary((at + 60).min(told.len()));
            redacted.insert(format!("{name}: {}", &told[start..end]));
        }
    }
    assert_eq!(redacted.iter().map(String::as_str).collect::<Vec<_>>(), EXPECTED);
}
