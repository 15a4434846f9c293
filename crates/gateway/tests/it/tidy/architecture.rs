//! docs/ARCHITECTURE.md: its code map covers every source file, and what it calls an invariant is
//! held by the compiler, a lint or a test.

use std::{fs, path::PathBuf};

use super::{assert_none, root, sources};

const DOCUMENT: &str = "docs/ARCHITECTURE.md";

/// The text in backticks within a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The part of a document below a heading, up to the next heading of the same level.
fn below<'d>(document: &'d str, heading: &str) -> &'d str {
    let level = heading.split(' ').next().unwrap();
    let (_, after) = document
        .split_once(&format!("\n{heading}"))
        .unwrap_or_else(|| panic!("{DOCUMENT} has no heading {heading}"));
    after.split(&format!("\n{level} ")).next().unwrap()
}

/// The cells of the rows of the first table of a section, without its head.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The files and directories that the code map names for a crate, from its `src`.
fn mapped(document: &str, crate_name: &str) -> Vec<String> {
    let section = below(below(document, "## Code map"), &format!("### `crates/{crate_name}`"));
    rows(section).iter().flat_map(|row| quoted(row[0])).map(str::to_owned).collect()
}

/// The sources of a crate, from its `src`.
fn sources_of(crate_name: &str) -> Vec<PathBuf> {
    let directory = root().join("crates").join(crate_name).join("src");
    let within = sources()
        .into_iter()
        .filter_map(|(path, _)| path.strip_prefix(&directory).ok().map(std::path::Path::to_owned));
    within.collect()
}

#[test]
fn the_code_map_has_a_place_for_every_source_file_and_names_no_other() {
    let document = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let mut wrong = Vec::new();
    for directory in fs::read_dir(root().join("crates")).unwrap() {
        let directory = directory.unwrap().path();
        let crate_name = directory.file_name().unwrap().to_str().unwrap();
        let named = mapped(&document, crate_name);
        let files = sources_of(crate_name);
        let covers = |name: &String, file: &PathBuf| match name.strip_suffix('/') {
            Some(directory) => file.starts_with(directory),
            None => file.as_os_str() == name.as_str(),
        };
        let unnamed = files.iter().filter(|file| !named.iter().any(|name| covers(name, file)));
        wrong.extend(unnamed.map(|file| format!("{crate_name}: no row has {}", file.display())));
        let absent = named.iter().filter(|name| !files.iter().any(|file| covers(name, file)));
        wrong.extend(absent.map(|name| format!("{crate_name}: there is no {name}")));
    }
    assert_none(&wrong);
}

#[test]
fn every_file_to_look_into_exists() {
    let document = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let rows = rows(below(&document, "## Where things happen"));
    let files: Vec<&str> = rows.iter().flat_map(|row| quoted(row[1])).collect();
    assert!(10 < files.len(), "the files are looked for where they are not");
    let within = files.into_iter().filter(|file| file.contains('/'));
    let absent = within.filter(|file| !root().join("crates").join(file).is_file());
    assert_none(&absent.map(str::to_owned).collect::<Vec<_>>());
}

/// What is wrong with the cell that says by what an invariant is held.
fn unheld(cell: &str, sources: &[(PathBuf, String)], lints: &str) -> Vec<String> {
    let declared = |name: &str| {
        let function = format!("fn {name}(");
        sources.iter().any(|(_, text)| text.contains(&function))
            || root().join(format!("fuzz/fuzz_targets/{name}.rs")).is_file()
    };
    let (by, named) = cell.split_once(':').unwrap_or((cell, ""));
    let absent: Vec<&str> = match by {
        "compiler" if !named.is_empty() => vec![],
        "lint" => quoted(named).filter(|lint| !lints.contains(lint)).collect(),
        "test" | "tests" => quoted(named).filter(|name| !declared(name)).collect(),
        _ => vec!["neither compiler, lint nor tests"],
    };
    let is_empty = by != "compiler" && quoted(named).next().is_none();
    let absent = absent.into_iter().chain(is_empty.then_some("nothing is named"));
    absent.map(|name| format!("{cell}: {name}")).collect()
}

#[test]
fn every_invariant_is_held_by_the_compiler_a_lint_or_a_test_that_exists() {
    let (document, sources) = (fs::read_to_string(root().join(DOCUMENT)).unwrap(), sources());
    let lints = ["Cargo.toml", "clippy.toml"]
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .concat();
    let rows = rows(below(&document, "## Invariants"));
    assert!(10 < rows.len(), "the invariants are looked for where they are not");
    let wrong = rows.iter().flat_map(|row| unheld(row[1], &sources, &lints));
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn an_invariant_without_a_guard_is_noticed() {
    let sources = [(PathBuf::from("a.rs"), "fn it_holds() {}".to_owned())];
    let is_held = |cell: &str| unheld(cell, &sources, "unsafe_code = \"forbid\"").is_empty();
    assert!(is_held("compiler: there is no such dependency") && is_held("lint: `unsafe_code`"));
    assert!(is_held("test: `it_holds`") && is_held("tests: `it_holds`, `filter`"));
    for open in ["care", "compiler", "lint: `other`", "test: `it_held`", "tests: all of them"] {
        assert!(!is_held(open), "{open}");
    }
}
