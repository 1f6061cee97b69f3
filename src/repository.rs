//! What the repository around a folder says of itself: read from `.git`, without starting a process.
//!
//! The formats are those of gitrepository-layout(5) and gitglossary(7): `HEAD` names a branch or a commit, `.git` is a folder, or
//! a file that says where it is, as in a linked worktree or a submodule; what worktrees share lies in the `commondir`.

mod command_line;
mod commits;
mod told;

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

pub use told::{AsOf, tell};

/// A repository as a coder finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Its folder: the main worktree's, whichever worktree one is in.
    pub project: PathBuf,
    /// The linked worktree that one is in.
    pub worktree: Option<PathBuf>,
    /// None where `HEAD` is detached.
    pub branch: Option<String>,
    /// None before the first commit.
    pub commit: Option<String>,
}

/// Folders looked at on the way up.
const DEPTH_MAX: usize = 64;
/// Nothing that is read here is longer, but for the list of packed references.
const LINE_BYTES_MAX: u64 = 4 << 10;
const PACKED_BYTES_MAX: u64 = 4 << 20;

impl Repository {
    /// The one that `folder` is in.
    pub fn around(folder: &Path) -> Option<Repository> {
        let (root, own) = place(folder)?;
        if own == root.join(".git") {
            return Some(Repository { project: root.to_owned(), ..Repository::at(&own, &own)? });
        }
        let Some(common) = line(&own.join("commondir")).map(|common| plain(&own.join(common))) else {
            // A submodule's is its own.
            return Some(Repository { project: root.to_owned(), ..Repository::at(&own, &own)? });
        };
        let project = if common.ends_with(".git") { common.parent()?.to_owned() } else { common.clone() };
        Some(Repository { project, worktree: Some(root.to_owned()), ..Repository::at(&own, &common)? })
    }

    /// `own` has the worktree's `HEAD`, `common` the references.
    fn at(own: &Path, common: &Path) -> Option<Repository> {
        let head = line(&own.join("HEAD"))?;
        let Some(reference) = head.strip_prefix("ref: ") else {
            return Some(Repository { commit: Some(head).filter(|head| is_commit(head)), ..Repository::default() });
        };
        let branch = reference.strip_prefix("refs/heads/").unwrap_or(reference).to_owned();
        let is_inside = Path::new(reference).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let commit = is_inside.then(|| commit_of(common, reference)).flatten();
        Some(Repository { branch: Some(branch), commit, ..Repository::default() })
    }
}

/// The worktree that `folder` is in, and where what is that worktree's own lies: `.git`, or where the file of that name says.
fn place(folder: &Path) -> Option<(&Path, PathBuf)> {
    let root = folder.ancestors().take(DEPTH_MAX).find(|above| above.is_absolute() && above.join(".git").exists())?;
    let dot_git = root.join(".git");
    let own = if dot_git.is_dir() { dot_git } else { root.join(line(&dot_git)?.strip_prefix("gitdir: ")?) };
    Some((root, own))
}

fn commit_of(common: &Path, reference: &str) -> Option<String> {
    let loose = line(&common.join(reference)).filter(|commit| is_commit(commit));
    loose.or_else(|| {
        let packed = text(&common.join("packed-refs"), PACKED_BYTES_MAX)?;
        let named = |line: &str| Some(line.split_once(' ')?).filter(|(_, name)| *name == reference).map(|(id, _)| id.to_owned());
        packed.lines().find_map(named).filter(|commit| is_commit(commit))
    })
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn line(path: &Path) -> Option<String> {
    let text = text(path, LINE_BYTES_MAX)?;
    text.lines().next().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty())
}

/// A pipe in a file's place would have its reader wait.
fn text(path: &Path, bytes_max: u64) -> Option<String> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut text = String::new();
    File::open(path).ok()?.take(bytes_max).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Without `..`, as links between folders of one repository have none.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn git(&self, folder: &str, words: &[&str]) -> String {
            let mut command = Command::new("git");
            command.current_dir(self.0.path().join(folder)).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(words);
            let done = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git is there");
            assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8_lossy(&done.stdout).trim().to_owned()
        }
    }

    #[test]
    fn what_is_read_is_what_git_says() {
        let place = Place(tempfile::tempdir().expect("a folder"));
        let at = |folder: &str| fs::canonicalize(place.0.path()).expect("it is there").join(folder);
        fs::create_dir_all(at("shop/src")).expect("folders");
        assert_eq!(Repository::around(&at("shop/src")), None);
        place.git("shop", &["init", "-q", "-b", "main"]);
        let unborn = Repository { project: at("shop"), branch: Some("main".into()), ..Repository::default() };
        assert_eq!(Repository::around(&at("shop/src")), Some(unborn.clone()));
        place.git("shop", &["commit", "-q", "--allow-empty", "-m", "one"]);
        let commit = place.git("shop", &["rev-parse", "HEAD"]);
        let born = Repository { commit: Some(commit.clone()), ..unborn };
        assert_eq!(Repository::around(&at("shop/src")), Some(born.clone()));
        place.git("shop", &["pack-refs", "--all"]);
        assert_eq!(Repository::around(&at("shop")), Some(born.clone()), "packed");
        place.git("shop", &["worktree", "add", "-q", "-b", "fix/login", "../linked"]);
        let linked = Repository { worktree: Some(at("linked")), branch: Some("fix/login".into()), ..born.clone() };
        assert_eq!(Repository::around(&at("linked")), Some(linked));
        place.git("shop", &["checkout", "-q", "--detach"]);
        assert_eq!(Repository::around(&at("shop")), Some(Repository { branch: None, ..born }));
    }

    #[test]
    fn what_is_no_repository_is_none_and_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let dot_git = folder.path().join(".git");
        let check = |head: &str, expected: Option<Option<&str>>| {
            fs::create_dir_all(&dot_git).expect("a folder");
            fs::write(dot_git.join("HEAD"), head).expect("a file");
            let found = Repository::around(folder.path()).map(|repository| repository.branch);
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{head}");
        };
        check("ref: refs/heads/main\n", Some(Some("main")));
        check("ref: ../../../etc/passwd\n", Some(Some("../../../etc/passwd")));
        check("nothing known\n", Some(None));
        check("", None);
        fs::remove_dir_all(&dot_git).expect("removed");
        fs::write(&dot_git, "gitdir: /nowhere\n").expect("a file");
        assert_eq!(Repository::around(folder.path()), None);
        assert_eq!(Repository::around(Path::new("not/absolute")), None);
    }
}
