//! The house rules that a compiler does not see, and the documents that must say
//! what the code does.

mod imports;
mod limits;
mod types;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 600;

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The paths that do not follow the rules on words, types, imports and prose yet.
const NOT_YET_TIDY: [&str; 2] = ["crates/profile-protocol", "docs/PROTOCOL.md"];

/// Whether a file of the workspace is below one of these directories.
fn is_in(path: &Path, directories: &[&str]) -> bool {
    let within = path.strip_prefix(root()).unwrap();
    directories.iter().any(|directory| within.starts_with(directory))
}

/// Every Rust file of the workspace, and what it says.
fn sources() -> Vec<(PathBuf, String)> {
    let is_source =
        |path: &Path| ["crates", "benches", "fuzz"].iter().any(|top| is_in(path, &[top]));
    let files: Vec<_> = texts(&["rs"]).into_iter().filter(|(path, _)| is_source(path)).collect();
    assert!(50 < files.len(), "the sources are looked for where they are not");
    files
}

/// Every file of the workspace with one of these extensions, and its text.
fn texts(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    gather(&root(), extensions, &mut files);
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    files.into_iter().map(read).collect()
}

fn gather(directory: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) {
    /// Directories of built and fetched files.
    const SKIPPED: [&str; 4] = ["target", "node_modules", "corpus", "artifacts"];
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !SKIPPED.contains(&name) && !name.starts_with('.') {
            gather(&path, extensions, files);
        } else if path.is_file()
            && path
                .extension()
                .is_some_and(|found| extensions.iter().any(|extension| found == *extension))
        {
            files.push(path);
        }
    }
}

/// Fails with all that is wrong.
#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    let silent = sources().into_iter().filter(|(_, text)| !text.starts_with("//! "));
    assert_none(&silent.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn no_file_is_named_for_holding_anything() {
    let anything = ["util", "utils", "common", "misc", "helper", "helpers"];
    let named = |path: &Path| {
        let mut parts = path.strip_prefix(root()).unwrap().with_extension("");
        std::iter::from_fn(|| {
            let name = parts.file_name().map(|name| name.to_str().unwrap().to_owned());
            parts.pop();
            name
        })
        .any(|name| anything.contains(&name.as_str()))
    };
    let found = sources().into_iter().filter(|(path, _)| named(path));
    assert_none(&found.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long_to_read_at_one_sitting() {
    let long = sources().into_iter().filter(|(_, text)| FILE_LINES < text.lines().count());
    let described = |(path, text): (PathBuf, String)| {
        format!("{} has {} lines", path.display(), text.lines().count())
    };
    assert_none(&long.map(described).collect::<Vec<_>>());
}

#[test]
fn no_function_is_too_long_to_see_at_once() {
    let long = sources().into_iter().flat_map(|(path, text)| {
        let long = functions(&text).into_iter().filter(|(_, _, lines)| FUNCTION_LINES < *lines);
        let described =
            |(name, line, lines)| format!("{}:{line} {name}: {lines} lines", path.display());
        long.map(described).collect::<Vec<_>>()
    });
    assert_none(&long.collect::<Vec<_>>());
}

/// The functions of a formatted file: name, first line, and how many lines. One
/// ends where a brace closes that is as far to the left as it began.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, &str)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let indent = &line[..line.len() - line.trim_start().len()];
        match &open {
            // A line that ends its function, with a body or without, is short enough.
            None if line.ends_with([';', '}']) => {}
            None => open = function_name(line).map(|name| (name, number, indent)),
            Some((_, _, outer)) if indent == *outer && line.ends_with(';') => open = None,
            Some((name, start, outer))
                if indent == *outer && line.trim_start().starts_with('}') =>
            {
                found.push((name.clone(), *start, number - start + 1));
                open = None;
            }
            Some(_) => {}
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || ["const", "async", "unsafe", "extern"].contains(word)
    });
    let name = (words.next() == Some("fn")).then(|| words.next()).flatten()?;
    Some(name.split(['(', '<']).next()?.to_owned())
}

#[test]
fn functions_are_measured_from_their_name_to_their_brace() {
    let text = "fn one() {\n    body\n}\n\nimpl X {\n    pub(crate) const fn two(\n        a: u8,\n    ) -> u8 {\n        a\n    }\n    fn declared(&self);\n    fn long(\n        a: u8,\n    ) -> u8;\n    fn short() {}\n}\n";
    let measured = functions(text);
    let expected = [("one".to_owned(), 1, 3), ("two".to_owned(), 6, 5)];
    assert_eq!(measured, expected);
}

/// What a crate of this workspace depends on, itself as written in its manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap();
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap().to_owned();
    section.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(name).collect()
}

#[test]
fn crates_depend_on_one_another_in_one_direction() {
    let ours = |name: &str| {
        let mut ours = dependencies(&format!("crates/{name}/Cargo.toml"));
        ours.retain(|name| name == "gateway" || name.starts_with("profile-"));
        ours.sort();
        ours
    };
    assert!(ours("profile-protocol").is_empty() && ours("profile-engine").is_empty());
    assert_eq!(ours("profile-store"), ["profile-engine", "profile-protocol"]);
    assert_eq!(ours("profile-store-suite"), ["profile-protocol", "profile-store"]);
    assert_eq!(ours("gateway"), ["profile-protocol", "profile-store"]);
}

#[test]
fn the_protocol_crate_needs_neither_a_system_nor_a_runtime() {
    let dependencies = dependencies("crates/profile-protocol/Cargo.toml");
    for absent in ["actix-web", "getrandom", "sled", "tokio", "tracing"] {
        assert!(!dependencies.iter().any(|name| name == absent), "{absent}");
    }
}

#[test]
fn only_the_embedded_engine_names_its_database() {
    let engine = Path::new("crates/profile-engine/src/sled.rs");
    // `self::sled::` is the module itself.
    let named = |path: &Path, text: &str| {
        let within = path.strip_prefix(root()).unwrap();
        let product = within.starts_with("crates") && within.iter().any(|part| part == "src");
        product && within != engine && text.replace("self::sled::", "").contains("sled::")
    };
    let found = sources().into_iter().filter(|(path, text)| named(path, text));
    assert_none(&found.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
    let depends = |crate_name: &str| {
        dependencies(&format!("crates/{crate_name}/Cargo.toml")).iter().any(|name| name == "sled")
    };
    let others = ["gateway", "profile-protocol", "profile-store", "profile-store-suite"];
    assert!(depends("profile-engine") && !others.into_iter().any(depends));
}

/// The manifests of all crates of this repository.
fn manifests() -> Vec<(PathBuf, String)> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let all = crates.chain(["benches", "fuzz"].map(|name| root().join(name)));
    let read = |directory: PathBuf| {
        let path = directory.join("Cargo.toml");
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    all.map(read).collect()
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    let forbids = |text: &str| {
        text.contains("\n[lints]\nworkspace = true\n")
            || text.contains("\n[lints.rust]\nunsafe_code = \"forbid\"\n")
    };
    let manifests = manifests();
    assert!(manifests.len() >= 5, "the crates are looked for where they are not");
    let open = manifests.iter().filter(|(_, text)| !forbids(text));
    assert_none(&open.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn every_fuzz_target_has_seeds_and_every_seed_a_target() {
    let names = |directory: &str, suffix: &str| {
        let entries = fs::read_dir(root().join("fuzz").join(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter_map(|name| name.strip_suffix(suffix).map(str::to_owned));
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let mut targets = names("fuzz_targets", ".rs");
    assert!(targets.remove("canonical"), "what targets share is no target");
    assert_eq!(targets, names("seeds", ""));
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let listed = |name: &String| manifest.contains(&format!("\nname = \"{name}\"\n"));
    assert_none(&targets.into_iter().filter(|name| !listed(name)).collect::<Vec<_>>());
}

/// What stands between `<!-- name -->` and `<!-- /name -->` in a document.
fn section(document: &str, name: &str) -> String {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (_, after) = text.split_once(&start).unwrap_or_else(|| panic!("{document} has no {start}"));
    let (section, _) = after.split_once(&end).unwrap_or_else(|| panic!("{document} has no {end}"));
    section.trim().to_owned()
}

#[test]
fn the_documented_refusals_are_those_of_the_code() {
    let documented = section("docs/PROTOCOL.md", "refusals");
    assert_eq!(documented, gateway::http::refusal::table_markdown().trim());
}

#[test]
fn the_documented_meters_are_those_of_the_code() {
    let documented = section("docs/OPERATIONS.md", "meters");
    assert_eq!(documented, gateway::metrics::catalogue_markdown().trim());
}

#[test]
fn the_tests_that_prove_a_defence_are_there() {
    let sources = sources();
    let rows = section("docs/SECURITY.md", "threats");
    let proofs = rows.lines().skip(2).flat_map(|row| {
        let named = row.trim_end_matches('|').rsplit('|').next().unwrap();
        named.split('`').skip(1).step_by(2)
    });
    let absent = proofs.filter(|name| {
        let declared = format!("fn {name}(");
        !sources.iter().any(|(_, text)| text.contains(&declared))
    });
    assert_none(&absent.map(str::to_owned).collect::<Vec<_>>());
}
