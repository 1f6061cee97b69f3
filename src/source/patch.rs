//! A patch as the tool `apply_patch` takes it: which files it adds, updates and deletes.

use serde_json::Value;

use super::{diff::FileDiff, json::Wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChangeKind {
    Add,
    Update,
    Delete,
}

/// What happens to one file. A file that is moved as well goes by the path it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PatchedFile {
    pub path: String,
    pub kind: ChangeKind,
    /// In bytes, of a file that is added.
    pub size: Option<u64>,
    pub diff: Option<FileDiff>,
}

impl ChangeKind {
    pub fn operation(self) -> &'static str {
        match self {
            ChangeKind::Add => "create",
            ChangeKind::Update => "modify",
            ChangeKind::Delete => "delete",
        }
    }

    fn parse(name: &str) -> Option<ChangeKind> {
        match name {
            "add" => Some(ChangeKind::Add),
            "update" => Some(ChangeKind::Update),
            "delete" => Some(ChangeKind::Delete),
            _ => None,
        }
    }
}

impl PatchedFile {
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Whether the tool's answer has it among the lines `A path`, `M path`, `D path`, with paths below `folder`.
    pub fn is_listed(&self, answer: &str, folder: &str) -> bool {
        let paths = answer.lines().filter_map(|line| ["A ", "M ", "D "].iter().find_map(|mark| line.strip_prefix(mark)));
        paths.map(|path| whole(path, folder)).any(|path| path == self.path)
    }
}

/// What the headers of `patch` say, sorted, with paths below `folder` made whole.
pub(super) fn changes_of_patch(patch: &str, folder: &str) -> Vec<PatchedFile> {
    let mut parts: Vec<(ChangeKind, &str, Vec<&str>)> = Vec::new();
    for line in patch.lines() {
        if let Some((kind, path)) = header(line) {
            parts.push((kind, path, Vec::new()));
        } else if let Some((.., lines)) = parts.last_mut() {
            lines.push(line);
        }
    }
    let change = |(kind, path, lines): (ChangeKind, &str, Vec<&str>)| {
        let added = || lines.iter().filter_map(|line| line.strip_prefix('+'));
        let size = (kind == ChangeKind::Add).then(|| added().map(|line| line.len() as u64 + 1).sum());
        let diff = match kind {
            ChangeKind::Add => Some(FileDiff::of_new(&added().collect::<Vec<_>>().join("\n"))),
            ChangeKind::Update => FileDiff::of_text(&lines.join("\n")),
            ChangeKind::Delete => None,
        };
        PatchedFile { path: whole(path, folder), kind, size, diff }
    };
    sorted(parts.into_iter().map(change).collect())
}

/// `{"<path>": {"type": "add", "content": …}}`, as the rollout has it, or `[{"path": …, "kind": "add"}]`, as the stream does.
pub(super) fn changes_of_json(changes: Wire<'_>, folder: &str) -> Vec<PatchedFile> {
    let change = |path: &str, kind: Option<&str>, how: Wire<'_>| {
        let kind = ChangeKind::parse(kind?)?;
        // An empty file that is added has content too.
        let content = how.0["content"].as_str().filter(|_| kind == ChangeKind::Add);
        let size = content.map(|content| content.len() as u64);
        let diff = content.map(FileDiff::of_new).or_else(|| FileDiff::of_text(how.text("unified_diff")?));
        Some(PatchedFile { path: whole(path, folder), kind, size, diff })
    };
    sorted(match changes.0 {
        Value::Object(map) => map.iter().filter_map(|(path, how)| change(path, Wire(how).text("type"), Wire(how))).collect(),
        Value::Array(list) => list.iter().map(Wire).filter_map(|how| change(how.text("path")?, how.text("kind"), how)).collect(),
        _ => Vec::new(),
    })
}

/// In an order that all channels tell them in.
fn sorted(mut changes: Vec<PatchedFile>) -> Vec<PatchedFile> {
    changes.sort_by(|one, other| (&one.path, one.kind, one.size).cmp(&(&other.path, other.kind, other.size)));
    changes.truncate(CHANGES_MAX);
    changes
}

/// A patch of more files is a script's work.
const CHANGES_MAX: usize = 200;

pub(super) fn header(line: &str) -> Option<(ChangeKind, &str)> {
    let rest = line.strip_prefix("*** ")?;
    let headers = [("Add File: ", ChangeKind::Add), ("Update File: ", ChangeKind::Update), ("Delete File: ", ChangeKind::Delete)];
    headers.into_iter().find_map(|(name, kind)| Some((kind, rest.strip_prefix(name)?.trim())))
}

fn whole(path: &str, folder: &str) -> String {
    if path.starts_with('/') || folder.is_empty() {
        return path.to_owned();
    }
    format!("{}/{}", folder.trim_end_matches('/'), path.trim_start_matches("./"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(path: &str, kind: ChangeKind, size: Option<u64>) -> PatchedFile {
        PatchedFile { path: path.to_owned(), kind, size, diff: None }
    }

    #[test]
    fn every_form_of_a_patch_says_the_same() {
        let patch = "*** Begin Patch\n*** Update File: src/b.rs\n@@\n-x\n+y\n*** Add File: a.txt\n+hello\n+world\n*** Delete File: /c\n*** End Patch\n";
        let expected = [
            change("/c", ChangeKind::Delete, None),
            change("/w/a.txt", ChangeKind::Add, Some(12)),
            change("/w/src/b.rs", ChangeKind::Update, None),
        ];
        let bare = |changes: Vec<PatchedFile>| {
            changes.into_iter().map(|change| PatchedFile { diff: None, ..change }).collect::<Vec<_>>()
        };
        let texts =
            |changes: &[PatchedFile]| changes.iter().map(|change| change.diff.clone().map(|diff| diff.text)).collect::<Vec<_>>();
        let patched = changes_of_patch(patch, "/w");
        let hunks = [None, Some("@@ -0,0 +1,2 @@\n+hello\n+world\n".to_owned()), Some("@@\n-x\n+y\n".to_owned())];
        assert_eq!(texts(&patched), hunks);
        assert_eq!(bare(patched), expected);
        let rollout = json!({"/w/src/b.rs": {"type": "update", "unified_diff": "@@\n-x\n+y\n"}, "/c": {"type": "delete", "content": "x"},
            "/w/a.txt": {"type": "add", "content": "hello\nworld\n"}, "/new": {"type": "renamed"}});
        let recorded = changes_of_json(Wire(&rollout), "/w");
        assert_eq!(texts(&recorded), hunks);
        assert_eq!(bare(recorded), expected);
        let stream = json!([{"path": "/w/a.txt", "kind": "add"}, {"path": 7}, "x"]);
        assert_eq!(changes_of_json(Wire(&stream), ""), [change("/w/a.txt", ChangeKind::Add, None)]);
    }

    #[test]
    fn only_what_the_answer_lists_is_done() {
        let changes = changes_of_patch("*** Add File: a\n*** Add File: b\n", "/w");
        let listed = |answer: &str| changes.iter().map(|change| change.is_listed(answer, "/w")).collect::<Vec<_>>();
        assert_eq!(listed("Success. Updated the following files:\nA b\n"), [false, true]);
        assert_eq!(listed("apply_patch verification failed"), [false, false]);
    }
}
