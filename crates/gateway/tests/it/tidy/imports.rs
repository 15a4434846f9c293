//! Imports between the files of a crate: they form no circle, and no file is included by its path.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{assert_none, root, texts};

/// The files of a crate by the path of their module: `["http", "body"]` for `src/http/body.rs`.
type Modules = BTreeMap<Vec<String>, String>;

fn module_of(file: &Path) -> Vec<String> {
    let parts = file.with_extension("");
    let parts = parts.iter().map(|part| part.to_str().unwrap().to_owned());
    parts.filter(|part| !["lib", "main", "mod"].contains(&part.as_str())).collect()
}

/// The code without comments and without the modules of tests within it.
pub(super) fn code(text: &str) -> String {
    let product = text.split("\nmod tests {").next().unwrap();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The paths in a `use` tree, such as `a::{b, c::d as e}`, each with the name that it gives.
fn expanded(tree: &str) -> Vec<(String, String)> {
    let tree = tree.trim();
    let Some((prefix, rest)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, tree));
        let path = path.trim_end_matches("::self");
        let name = name.trim_end_matches("::self").rsplit("::").next().unwrap();
        return vec![(path.to_owned(), name.to_owned())];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut branches) = (0_usize, vec![String::new()]);
    for symbol in inner.chars() {
        match symbol {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if symbol == ',' && depth == 0 {
            branches.push(String::new());
        } else {
            branches.last_mut().unwrap().push(symbol);
        }
    }
    let whole = branches.iter().filter(|branch| !branch.trim().is_empty());
    let joined = whole.flat_map(|branch| expanded(&format!("{prefix}{}", branch.trim())));
    joined.collect()
}

/// A path in a `use` declaration, and the name under which the file knows the item.
struct UsedPath {
    path: String,
    name: String,
    /// Whether the file hands the name on (`pub use`).
    is_handed_on: bool,
}

/// The `use` declarations of a file, and its code without them.
fn uses(code: &str) -> (Vec<UsedPath>, String) {
    let (mut used, mut rest) = (Vec::new(), String::new());
    let mut statement = String::new();
    for line in code.lines() {
        let start = line.trim_start();
        let start = start.strip_prefix("pub").map_or(start, |after| {
            after.trim_start_matches(|symbol: char| !symbol.is_whitespace()).trim_start()
        });
        if statement.is_empty() && !start.starts_with("use ") {
            rest.push_str(line);
            rest.push('\n');
            continue;
        }
        statement.push_str(line.trim());
        statement.push(' ');
        if line.ends_with(';') {
            let is_handed_on = statement.starts_with("pub");
            let (_, tree) = statement.split_once("use ").unwrap();
            let of_path = |(path, name)| UsedPath { path, name, is_handed_on };
            used.extend(expanded(tree.trim_end_matches([';', ' '])).into_iter().map(of_path));
            statement.clear();
        }
    }
    (used, rest)
}

/// The paths that the code of a file depends on. A name that is only handed on is none of them.
fn named_paths(code: &str) -> BTreeSet<String> {
    let (used, rest) = uses(code);
    let is_path = |symbol: char| symbol.is_alphanumeric() || symbol == '_' || symbol == ':';
    let inline = || rest.split(|symbol: char| !is_path(symbol));
    let words: BTreeSet<&str> = inline().flat_map(|path| path.split("::")).collect();
    let counts = |used: &UsedPath| !used.is_handed_on || words.contains(used.name.as_str());
    let paths = used.into_iter().filter(counts).map(|used| used.path);
    let inline = inline().filter(|path| path.contains("::") && !path.ends_with("::"));
    paths.chain(inline.map(str::to_owned)).collect()
}

/// The path from the root of the crate, if it begins in this crate.
fn absolute(path: &str, own: &[String], code: &str) -> Option<Vec<String>> {
    let mut segments: Vec<String> =
        path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let mut base = own.to_vec();
    match segments.first()?.as_str() {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            base.pop();
        }
        child if code.contains(&format!("mod {child};")) => segments.insert(0, "self".to_owned()),
        _ => return None,
    }
    segments.remove(0);
    while segments.first().is_some_and(|part| part == "super") {
        base.pop();
        segments.remove(0);
    }
    Some([base, segments].concat())
}

/// The module in which the item of a path is declared: the longest prefix that is a file. A name
/// that this file hands on is followed to its origin, which may be another crate.
fn target(path: &[String], modules: &Modules, depth: usize) -> Option<Vec<String>> {
    let lengths = (0..=path.len()).rev();
    let module =
        lengths.map(|length| &path[..length]).find(|prefix| modules.contains_key(*prefix))?;
    let Some(item) = path.get(module.len()).filter(|_| depth < 4) else {
        return Some(module.to_vec());
    };
    let code = &modules[module];
    match uses(code).0.into_iter().find(|used| used.name == *item) {
        Some(used) => target(&absolute(&used.path, module, code)?, modules, depth + 1),
        None => Some(module.to_vec()),
    }
}

fn imports(own: &[String], modules: &Modules) -> BTreeSet<Vec<String>> {
    let code = &modules[own];
    let paths = named_paths(code).into_iter().filter_map(|path| absolute(&path, own, code));
    let mut targets: BTreeSet<_> = paths.filter_map(|path| target(&path, modules, 0)).collect();
    targets.remove(own);
    targets
}

/// The modules that import one another in a circle, directly or through others: each circle with
/// what ties it.
fn circles(modules: &Modules) -> Vec<String> {
    let edges: BTreeMap<_, _> =
        modules.keys().map(|module| (module.clone(), imports(module, modules))).collect();
    let reached: BTreeMap<_, _> =
        edges.keys().map(|module| (module.clone(), reachable(module, &edges))).collect();
    let are_tied = |one: &Vec<String>, other: &Vec<String>| {
        reached[one].contains(other) && reached[other].contains(one)
    };
    let ties = |(module, targets): (&Vec<String>, &BTreeSet<Vec<String>>)| {
        let targets = targets.iter().filter(|target| are_tied(module, target));
        let targets: Vec<String> = targets.map(|target| name_of(target)).collect();
        (!targets.is_empty()).then(|| format!("{} -> {}", name_of(module), targets.join(", ")))
    };
    edges.iter().filter_map(ties).collect()
}

fn reachable(
    start: &[String],
    edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
) -> BTreeSet<Vec<String>> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![start.to_vec()]);
    while let Some(module) = next.pop() {
        for target in &edges[&module] {
            if reached.insert(target.clone()) {
                next.push(target.clone());
            }
        }
    }
    reached
}

fn name_of(module: &[String]) -> String {
    if module.is_empty() { "the root".to_owned() } else { module.join("::") }
}

/// The modules of each crate whose sources stand in this directory.
fn modules_of(directory: &str) -> Modules {
    let sources = root().join(directory);
    let within = texts(&["rs"]).into_iter().filter_map(|(path, text)| {
        let file = path.strip_prefix(&sources).ok()?;
        let is_test = file.iter().any(|part| part == "tests.rs" || part == "tests");
        (!is_test).then(|| (module_of(file), code(&text)))
    });
    within.collect()
}

/// The directories of sources of all crates, from the root of the repository.
fn source_directories() -> Vec<String> {
    let crates = texts(&["toml"]).into_iter().filter_map(|(path, _)| {
        let directory: PathBuf = path.parent()?.join("src");
        let directory = directory.is_dir().then_some(directory)?;
        Some(directory.strip_prefix(root()).ok()?.to_str()?.to_owned())
    });
    crates.chain(["benches/harness".to_owned()]).collect()
}

#[test]
fn the_files_of_a_crate_do_not_import_one_another_in_a_circle() {
    let found = source_directories().into_iter().flat_map(|directory| {
        let modules = modules_of(&directory);
        assert!(!modules.is_empty(), "{directory} is looked for where it is not");
        let told = |circle| format!("{directory}: {circle}");
        circles(&modules).into_iter().map(told).collect::<Vec<_>>()
    });
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn no_file_is_included_by_its_path() {
    let include = concat!("#[", "path");
    let included = texts(&["rs"]).into_iter().filter(|(_, text)| text.contains(include));
    let described = included.map(|(path, _)| path.display().to_string());
    assert_none(&described.collect::<Vec<_>>());
}

#[test]
fn circles_are_found_through_use_trees_calls_and_names_handed_on() {
    let files = |all: &[(&str, &str)]| -> Modules {
        let module = |name: &str| name.split('/').map(str::to_owned).collect();
        all.iter().map(|(name, text)| (module(name), code(text))).collect()
    };
    let none = files(&[
        ("a", "mod b;\npub use self::b::Item;\n"),
        ("a/b", "use crate::c::{One, deep::Two};\n"),
        ("c", "// use crate::a::Item;\nfn f() {}\n"),
        ("d", "use super::a::Item;\n"),
    ]);
    assert_eq!(circles(&none), [""; 0]);
    let direct = files(&[("a", "use crate::{b::B, c};\n"), ("b", "use super::a::A;\n"), ("c", "")]);
    assert_eq!(circles(&direct), ["a -> b", "b -> a"]);
    let by_call = files(&[("a", "mod b;\nfn f() { b::g() }\n"), ("a/b", "use super::X;\n")]);
    assert_eq!(circles(&by_call), ["a -> a::b", "a::b -> a"]);
}
