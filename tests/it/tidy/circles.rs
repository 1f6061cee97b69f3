//! Files do not name each other in a circle: none of them could be understood, tested or moved alone.
//!
//! What counts is where a name is defined: one that a module only hands on leads to the file behind it. Between a module
//! and the files below it nothing counts: it declares them, and holds what they share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;

use super::{Source, sources};

/// Those that stand today. Open one, and strike it here; none may come.
const KNOWN: &[&[&str]] = &[];

static USES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^[ ]*(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap());
static PATHS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z_][A-Za-z_0-9]*(?:::[A-Za-z_][A-Za-z_0-9]*)+").unwrap());

/// The files by their modules, `["source", "codex"]`, and what each of them imports.
struct House {
    modules: BTreeMap<Vec<String>, Module>,
}

struct Module {
    file: String,
    imports: Vec<Import>,
    /// Every path in the code besides.
    paths: Vec<Vec<String>>,
}

/// `name`, in this file, is what `path` means.
struct Import {
    name: String,
    path: Vec<String>,
}

impl House {
    fn of(sources: &[Source]) -> House {
        let code = sources.iter().filter(|source| !source.is_test());
        House { modules: code.map(|source| (module_of(&source.path), Module::read(source))).collect() }
    }

    /// What `path` means in `module`, from the root of the house; none where it leads out of it.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "ai_coder_events" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let above = &module[..module.len().checked_sub(1)?];
                if rest.first().is_some_and(|next| next == "super") {
                    return self.absolute(above, rest);
                }
                Some([above, rest].concat())
            }
            _ if self.modules.contains_key(&[module, &path[..1]].concat()) => Some([module, path].concat()),
            _ => Some([self.imported(module, first)?.as_slice(), rest].concat()),
        }
    }

    /// What `name` stands for where `module` imports it from within the house: `json` may be a macro of others' as well.
    fn imported(&self, module: &[String], name: &str) -> Option<Vec<String>> {
        let imports = self.modules.get(module)?.imports.iter().filter(|import| import.name == name && import.path[0] != name);
        imports.filter_map(|import| self.absolute(module, &import.path)).next()
    }

    /// The file in which a name is defined; none for a module as such.
    fn defined_in(&self, path: &[String]) -> Option<&Vec<String>> {
        let depth = (1..=path.len()).rev().find(|&depth| self.modules.contains_key(&path[..depth]))?;
        let (module, found) = self.modules.get_key_value(&path[..depth])?;
        let (name, rest) = path[depth..].split_first()?;
        if !found.imports.iter().any(|import| import.name == *name) {
            return Some(module);
        }
        let meant = self.imported(module, name)?;
        self.defined_in(&[meant.as_slice(), rest].concat())
    }

    /// Who names whom, but for a module and what lies below it.
    fn arrows(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let named = |module: &[String], path: &[String]| {
            let defined = self.defined_in(&self.absolute(module, path)?)?;
            let related = defined.starts_with(module) || module.starts_with(defined);
            (!related).then(|| self.modules[defined].file.as_str())
        };
        let from = |(module, found): (&Vec<String>, &'_ Module)| {
            let imported = found.imports.iter().map(|import| &import.path);
            imported.chain(&found.paths).filter_map(|path| named(module, path)).collect()
        };
        self.modules.iter().map(|pair| (pair.1.file.as_str(), from((pair.0, pair.1)))).collect()
    }

    /// Files that lead back to themselves, those of one circle together.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let arrows = self.arrows();
        let reached: BTreeMap<&str, BTreeSet<&str>> = arrows.keys().map(|&file| (file, reached_from(file, &arrows))).collect();
        let in_circles = arrows.keys().filter(|&file| reached[file].contains(file));
        let circle_of = |&file: &&str| {
            reached[file].iter().filter(|&other| reached[other].contains(file)).map(|&other| other.to_owned()).collect()
        };
        in_circles.map(circle_of).collect()
    }
}

fn reached_from<'h>(file: &str, arrows: &BTreeMap<&'h str, BTreeSet<&'h str>>) -> BTreeSet<&'h str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = arrows[file].iter().copied().collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(&arrows[file]);
        }
    }
    reached
}

/// `source/codex.rs` holds the module `source::codex`.
fn module_of(path: &str) -> Vec<String> {
    let parts = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect::<Vec<_>>();
    if parts == ["lib"] { Vec::new() } else { parts }
}

impl Module {
    fn read(source: &Source) -> Module {
        let code = source.shipped();
        let mut imports = Vec::new();
        USES.captures_iter(&code).for_each(|found| import(&found[1], &[], &mut imports));
        let rest = USES.replace_all(&code, "");
        let paths = PATHS.find_iter(&rest).map(|path| segments(path.as_str())).collect();
        Module { file: source.path.clone(), imports, paths }
    }
}

/// What a tree of imports, such as `a::{b, c as d, e::{self, f}}`, names.
fn import(tree: &str, prefix: &[String], imports: &mut Vec<Import>) {
    let (mut depth, mut begin) = (0, 0);
    let ends = tree.char_indices().filter(|&(_, c)| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for end in ends.map(|(at, _)| at).chain([tree.len()]).collect::<Vec<_>>() {
        let branch = tree[begin..end].trim();
        begin = end + 1;
        if branch.is_empty() {
            continue;
        }
        if let Some((stem, group)) = branch.split_once('{') {
            let group = group.strip_suffix('}').expect("a group is closed");
            import(group, &[prefix, &segments(stem)].concat(), imports);
            continue;
        }
        let (path, alias) = branch.split_once(" as ").map_or((branch, None), |(path, alias)| (path, Some(alias)));
        let mut path = [prefix, &segments(path)].concat();
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let name = alias.map_or_else(|| path.last().expect("a name").clone(), str::to_owned);
        imports.push(Import { name, path });
    }
}

fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[test]
fn circles_are_found_behind_what_is_handed_on() {
    let file = |path: &str, text: &str| Source { path: path.into(), room: "a".into(), text: text.into() };
    let house = |inner: &str, other: &str| {
        House::of(&[
            file("a.rs", "mod inner;\nmod other;\npub use self::{inner::Inner, other::Other};\npub struct Shared;"),
            file("a/inner.rs", inner),
            file("a/other.rs", other),
        ])
    };
    let circle = vec!["a/inner.rs".to_owned(), "a/other.rs".to_owned()];
    let uses_inner = "use super::Shared;\npub struct Other(super::inner::Inner);";
    assert_eq!(house("use super::{Shared, Other as It};", uses_inner).circles(), BTreeSet::from([circle.clone()]));
    assert_eq!(house("use crate::a::{self, Shared};\nfn f() -> a::Other {}", uses_inner).circles(), BTreeSet::from([circle]));
    assert_eq!(house("use super::Shared;\nuse other::Other;", uses_inner).circles(), BTreeSet::new());
}

#[test]
fn no_files_name_each_other_in_a_circle() {
    let circles = House::of(&sources()).circles();
    let lies_in = |circle: &[String], known: &[&str]| circle.iter().all(|file| known.contains(&file.as_str()));
    let new: Vec<_> = circles.iter().filter(|circle| !KNOWN.iter().any(|known| lies_in(circle, known))).collect();
    assert!(new.is_empty(), "these files of src/ name each other in a circle: {new:#?}");
    let open: Vec<_> = KNOWN.iter().filter(|known| !circles.iter().any(|circle| lies_in(circle, known))).collect();
    assert!(open.is_empty(), "these circles are open: strike them from the list: {open:#?}");
}
