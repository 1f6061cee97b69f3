//! A change of a file as a unified diff: what a channel has of it, without its headers, and the lines it counts.

use crate::text;

use super::json::Wire;

/// What is kept of a diff, by whole hunks: what a change was about is told by its first ones.
const CHARS_MAX: usize = 4_000;
/// Of a text that is larger nothing is compared.
const COMPARED_BYTES_MAX: usize = 1 << 20;

/// Hunks, and how many lines they add and remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileDiff {
    pub text: String,
    pub added: u64,
    pub removed: u64,
}

impl FileDiff {
    /// Of a text that has hunks somewhere: what stands before the first names the file, which is known.
    pub fn of_text(text: &str) -> Option<FileDiff> {
        let mut lines = text.lines().skip_while(|line| !line.starts_with("@@")).peekable();
        lines.peek()?;
        Some(FileDiff::of_lines(lines))
    }

    /// Of hunks as Claude Code has them: `{oldStart, oldLines, newStart, newLines, lines}`.
    pub fn of_hunks<'w>(hunks: impl Iterator<Item = Wire<'w>>) -> Option<FileDiff> {
        let hunks: Vec<Wire<'w>> = hunks.collect();
        let header = |hunk: &Wire<'w>| {
            let place =
                |start: &str, lines: &str| format!("{},{}", hunk.whole(start).unwrap_or(0), hunk.whole(lines).unwrap_or(0));
            format!("@@ -{} +{} @@", place("oldStart", "oldLines"), place("newStart", "newLines"))
        };
        let headers: Vec<String> = hunks.iter().map(header).collect();
        let lines = hunks
            .iter()
            .zip(&headers)
            .flat_map(|(hunk, header)| std::iter::once(header.as_str()).chain(hunk.at("lines").words()));
        (!hunks.is_empty()).then(|| FileDiff::of_lines(lines))
    }

    /// Of a file that was not there before.
    pub fn of_new(content: &str) -> FileDiff {
        FileDiff::of_edit("", content)
    }

    /// Of a passage that was put in another's place, where nobody says in which lines.
    pub fn of_edit(before: &str, after: &str) -> FileDiff {
        let of = |text: &str, mark: char| text.lines().map(|line| format!("{mark}{line}")).collect::<Vec<_>>();
        if before.len().max(after.len()) > COMPARED_BYTES_MAX {
            let count = |text: &str| text.lines().count() as u64;
            return FileDiff { text: String::new(), added: count(after), removed: count(before) };
        }
        let (removed, added) = (of(before, '-'), of(after, '+'));
        let same = |(old, new): &(&String, &String)| old[1..] == new[1..];
        let head = removed.iter().zip(&added).take_while(same).count();
        let tail = removed[head..].iter().rev().zip(added[head..].iter().rev()).take_while(same).count();
        let (removed, added) = (&removed[head..removed.len() - tail], &added[head..added.len() - tail]);
        let header = match before.is_empty() {
            true => format!("@@ -0,0 +1,{} @@", added.len()),
            false => "@@".to_owned(),
        };
        FileDiff::of_lines(std::iter::once(header.as_str()).chain(removed.iter().chain(added).map(String::as_str)))
    }

    fn of_lines<'l>(lines: impl Iterator<Item = &'l str>) -> FileDiff {
        let (mut diff, mut hunks, mut left_out) = (FileDiff::default(), vec![String::new()], 0);
        for line in lines {
            match line.as_bytes().first() {
                Some(b'+') => diff.added += 1,
                Some(b'-') => diff.removed += 1,
                Some(b'@') if line.starts_with("@@") => hunks.push(String::new()),
                _ => {}
            }
            // More than is kept need not be held.
            if let Some(hunk) = hunks.last_mut().filter(|hunk| hunk.len() <= 4 * CHARS_MAX) {
                hunk.push_str(line);
                hunk.push('\n');
            } else {
                left_out += line.chars().count() + 1;
            }
        }
        let mut kept = 0;
        for hunk in hunks.iter().filter(|hunk| !hunk.is_empty()) {
            let chars = hunk.chars().count();
            if kept > 0 && (left_out > 0 || kept + chars > CHARS_MAX) {
                left_out += chars;
                continue;
            }
            let shown = text::cut(hunk, CHARS_MAX);
            kept += chars;
            diff.text.push_str(&shown);
        }
        if left_out > 0 {
            diff.text.push_str(&format!("…[cut {left_out}]"));
        }
        diff
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(diff: Option<FileDiff>, text: &str, lines: (u64, u64)) {
        let diff = diff.expect("a diff");
        assert_eq!((diff.text.as_str(), (diff.added, diff.removed)), (text, lines));
    }

    #[test]
    fn every_form_of_a_change_is_hunks() {
        let hunk = "@@ -1,2 +1,2 @@\n hello\n-world\n+there\n";
        for headers in ["", "--- a/x\n+++ b/x\n", "Index: x\n====\n--- x\tOriginal\n+++ x\tWritten\n", "\ndiff --git a/x b/x\n"] {
            check(FileDiff::of_text(&format!("{headers}{hunk}")), hunk, (1, 1));
        }
        let hunks =
            json!([{"oldStart": 1, "oldLines": 2, "newStart": 1, "newLines": 2, "lines": [" hello", "-world", "+there"]}]);
        check(FileDiff::of_hunks(Wire(&json!({"p": hunks})).list("p")), hunk, (1, 1));
        check(Some(FileDiff::of_new("hello\nworld\n")), "@@ -0,0 +1,2 @@\n+hello\n+world\n", (2, 0));
        check(Some(FileDiff::of_edit("a\nb\nc\n", "a\nx\ny\nc\n")), "@@\n-b\n+x\n+y\n", (2, 1));
        check(Some(FileDiff::of_edit("a\na\n", "a\n")), "@@\n-a\n", (0, 1));
        assert_eq!(FileDiff::of_text("no hunk"), None);
    }

    #[test]
    fn a_long_diff_keeps_its_first_hunks() {
        let hunk = |at: usize| format!("@@ -{at},1 +{at},1 @@\n-{}\n+{}\n", "a ".repeat(400), "b ".repeat(400));
        let diff = FileDiff::of_text(&(1..10).map(hunk).collect::<String>()).expect("a diff");
        assert_eq!((diff.added, diff.removed), (9, 9), "all lines are counted");
        assert_eq!(diff.text.matches("@@ -").count(), 2, "{}", diff.text);
        assert!(diff.text.ends_with(']') && diff.text.contains("…[cut "), "{}", diff.text);
        let one = FileDiff::of_text(&format!("@@ -1 +1 @@\n{}", "+line of text\n".repeat(100_000))).expect("a diff");
        assert_eq!(one.added, 100_000);
        assert!(one.text.chars().count() < 2 * CHARS_MAX, "{}", one.text.len());
    }
}
