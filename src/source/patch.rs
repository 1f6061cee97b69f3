//! A patch as the tool `apply_patch` takes it: which files it adds, updates and deletes.

use serde_json::Value;

use super::json::Wire;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChangeKind {
    Add,
    Update,
    Delete,
}

/// What happens to one file. A file that is moved as well goes by the path it had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PatchedFile {
    pub path: String,
    pub kind: ChangeKind,
    /// In bytes, of a file that is added.
    pub size: Option<u64>,
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
    let mut changes: Vec<PatchedFile> = Vec::new();
    for line in patch.lines() {
        if let Some((kind, path)) = header(line) {
            let size = (kind == ChangeKind::Add).then_some(0);
            changes.push(PatchedFile { path: whole(path, folder), kind, size });
        } else if let Some(added) = line.strip_prefix('+')
            && let Some(size) = changes.last_mut().and_then(|change| change.size.as_mut())
        {
            *size += added.len() as u64 + 1;
        }
    }
    changes.sort();
    changes.truncate(CHANGES_MAX);
    changes
}

/// `{"<path>": {"type": "add", "content": …}}`, as the rollout has it, or `[{"path": …, "kind": "add"}]`, as the stream does.
pub(super) fn changes_of_json(changes: Wire<'_>, folder: &str) -> Vec<PatchedFile> {
    let change = |path: &str, kind: Option<&str>, content: Option<&str>| {
        let kind = ChangeKind::parse(kind?)?;
        let size = content.filter(|_| kind == ChangeKind::Add).map(|content| content.len() as u64);
        Some(PatchedFile { path: whole(path, folder), kind, size })
    };
    let mut found: Vec<PatchedFile> = match changes.0 {
        Value::Object(map) => map
            .iter()
            // An empty file that is added has content too.
            .filter_map(|(path, how)| change(path, Wire(how).text("type"), how["content"].as_str()))
            .collect(),
        Value::Array(list) => list.iter().map(Wire).filter_map(|how| change(how.text("path")?, how.text("kind"), None)).collect(),
        _ => Vec::new(),
    };
    found.sort();
    found.truncate(CHANGES_MAX);
    found
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
        PatchedFile { path: path.to_owned(), kind, size }
    }

    #[test]
    fn every_form_of_a_patch_says_the_same() {
        let patch = "*** Begin Patch\n*** Update File: src/b.rs\n@@\n-x\n+y\n*** Add File: a.txt\n+hello\n+world\n*** Delete File: /c\n*** End Patch\n";
        let expected = [
            change("/c", ChangeKind::Delete, None),
            change("/w/a.txt", ChangeKind::Add, Some(12)),
            change("/w/src/b.rs", ChangeKind::Update, None),
        ];
        assert_eq!(changes_of_patch(patch, "/w"), expected);
        let rollout = json!({"/w/src/b.rs": {"type": "update", "unified_diff": "…"}, "/c": {"type": "delete", "content": "x"},
            "/w/a.txt": {"type": "add", "content": "hello\nworld\n"}, "/new": {"type": "renamed"}});
        assert_eq!(changes_of_json(Wire(&rollout), "/w"), expected);
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
