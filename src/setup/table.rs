//! TOML as a person wrote it: whole tables are added at the end and taken out again, every other byte stays.
//!
//! A text without a last line break gets none; an empty file gets an empty line first, a new one does not: by that, taking
//! out restores the bytes, and tells whether the file was made here.

use std::ops::Range;

use toml_edit::{Document, Item, Table, TomlError};

/// `[name]` and its lines, which need no line break at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub name: &'static [&'static str],
    pub lines: Vec<String>,
}

/// # Errors
/// Where `text` is no TOML.
pub(super) fn has(text: &str, name: &[&str]) -> Result<bool, TomlError> {
    let document = Document::parse(text)?;
    Ok(find(&document, name).is_some())
}

/// The lines of the table below its header, comments and empty lines left out. `None` where there is no such table.
///
/// # Errors
/// Where `text` is no TOML.
pub(super) fn lines(text: &str, name: &[&str]) -> Result<Option<Vec<String>>, TomlError> {
    let document = Document::parse(text)?;
    let Some(range) = find(&document, name).and_then(Item::as_table).and_then(|table| extent(text, table)) else {
        return Ok(None);
    };
    let below = text[range].lines().skip(1).map(str::trim);
    Ok(Some(below.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()))
}

/// `text` with `section` at its end; `None` is a file that is not there yet.
///
/// # Errors
/// Where the result is no TOML: the table is there already, or its parent is an inline table.
pub(super) fn add(text: Option<&str>, section: &Section) -> Result<String, TomlError> {
    let before = text.unwrap_or_default();
    let newline = newline(before);
    let block = format!("[{}]{newline}{}", section.name.join("."), section.lines.join(newline));
    let added = match text {
        None => format!("{block}{newline}"),
        Some("") => format!("{newline}{block}{newline}"),
        Some(before) if before.ends_with('\n') => format!("{before}{newline}{block}{newline}"),
        Some(before) => format!("{before}{newline}{newline}{block}"),
    };
    Document::parse(added.as_str())?;
    Ok(added)
}

/// `text` without the table `name`. `None` where nothing is left of a file made here.
///
/// # Errors
/// Where `text` is no TOML.
pub(super) fn remove(text: &str, name: &[&str]) -> Result<Option<String>, TomlError> {
    let document = Document::parse(text)?;
    let Some(Range { start, end }) = find(&document, name).and_then(Item::as_table).and_then(|table| extent(text, table)) else {
        return Ok(Some(text.to_owned()));
    };
    let (before, after) = (&text[..start], &text[end..]);
    if before.is_empty() && after.is_empty() {
        return Ok(None);
    }
    let newline = newline(text);
    let has_empty_line = before == newline || before.ends_with(&newline.repeat(2));
    let before = if has_empty_line { &before[..before.len() - newline.len()] } else { before };
    let was_unfinished = after.is_empty() && !text.ends_with('\n');
    let before = if was_unfinished { before.strip_suffix(newline).unwrap_or(before) } else { before };
    Ok(Some(format!("{before}{after}")))
}

fn find<'d>(document: &'d Document<&str>, name: &[&str]) -> Option<&'d Item> {
    name.iter().try_fold(document.as_item(), |item, key| item.get(key))
}

/// From its header to the end of the line of its last value.
fn extent(text: &str, table: &Table) -> Option<Range<usize>> {
    let header = table.span()?;
    let values = table.iter().filter_map(|(_, item)| item.as_value()?.span());
    let last = values.map(|span| span.end).fold(header.start, usize::max);
    let end = text[last..].find('\n').map_or(text.len(), |newline| last + newline + 1);
    Some(header.start..end)
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        Section { name: &["mcp_servers", "ai-coder-events"], lines: vec!["command = \"x\"".into(), "args = [\"serve\"]".into()] }
    }

    #[test]
    fn what_goes_in_comes_out_again() {
        let texts = [
            "",
            "\n",
            "model = \"m\"",
            "model = \"m\"\n",
            "# only a comment\n\n\n",
            "model = \"m\" # mine\r\n[otel]\r\nenvironment = \"dev\"\r\n",
            "[mcp_servers.other]\ncommand = 'y'\n[mcp_servers.other.env]\nA = \"b\"",
            "[profiles.x]\n  model = \"\"\"\n[mcp_servers.ai-coder-events]\n\"\"\"\n",
        ];
        let other = Section { name: &["telemetry"], lines: vec!["a = { b = 1 }".into()] };
        for text in texts {
            let first = add(Some(text), &section()).expect("the table is new");
            assert_eq!(lines(&first, section().name).expect("it is TOML"), Some(section().lines), "{text:?}");
            assert_eq!(remove(&first, section().name).expect("it is TOML").as_deref(), Some(text), "{text:?}");
            let both = add(Some(&first), &other).expect("the table is new");
            let rest = remove(&both, other.name).expect("it is TOML").expect("the first is left");
            assert_eq!(rest, first, "{text:?}");
            let rest = remove(&both, section().name).expect("it is TOML").expect("the other is left");
            assert_eq!(rest, add(Some(text), &other).expect("the table is new"), "{text:?}");
        }
    }

    #[test]
    fn a_file_made_here_goes_away() {
        let text = add(None, &section()).expect("the table is new");
        assert_eq!(text, "[mcp_servers.ai-coder-events]\ncommand = \"x\"\nargs = [\"serve\"]\n");
        assert_eq!(remove(&text, section().name), Ok(None));
    }

    #[test]
    fn what_the_agent_added_after_it_stays() {
        let text =
            add(Some("a = 1\n"), &section()).expect("the table is new") + "\n[projects.\"/x\"]\ntrust_level = \"trusted\"\n";
        let rest = remove(&text, section().name).expect("it is TOML");
        assert_eq!(rest.as_deref(), Some("a = 1\n\n[projects.\"/x\"]\ntrust_level = \"trusted\"\n"));
    }

    #[test]
    fn a_table_that_cannot_be_added_is_an_error() {
        assert!(add(Some("mcp_servers = { x = { command = 'y' } }\n"), &section()).is_err());
        assert!(has("a = \n", &["a"]).is_err());
    }
}
