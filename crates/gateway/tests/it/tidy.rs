//! The rules of the project that the compiler does not check, and the documents that describe the
//! code.

mod architecture;
mod field_names;
mod imports;
mod limits;
mod manifests;
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

/// Whether a file of the workspace is below one of these directories.
fn is_in(path: &Path, directories: &[&str]) -> bool {
    let within = path.strip_prefix(root()).unwrap();
    directories.iter().any(|directory| within.starts_with(directory))
}

/// Every Rust file of the workspace, and its text.
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

/// The extension of a script that has none.
const SCRIPT: &str = "";

fn gather(directory: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) {
    /// Directories of built and fetched files, and of data.
    const SKIPPED: [&str; 6] =
        ["target", "node_modules", "corpus", "artifacts", "seeds", "__pycache__"];
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_hidden = name.starts_with('.') && name != ".ci";
        if path.is_dir() && !SKIPPED.contains(&name) && !is_hidden {
            gather(&path, extensions, files);
        } else if path.is_file() && !is_hidden && extensions.contains(&extension(&path)) {
            files.push(path);
        }
    }
}

/// The extension of a file that is written by hand and is text. Other files have `"none"`.
fn extension(path: &Path) -> &str {
    let is_script = || {
        let is_of_ci =
            path.parent().is_some_and(|directory| directory.file_name() == Some(".ci".as_ref()));
        is_of_ci || fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"#!"))
    };
    match path.extension() {
        Some(extension) => extension.to_str().unwrap_or("none"),
        None if is_script() => SCRIPT,
        None => "none",
    }
}

/// The types with a `Display` in the sources below a directory.
pub(crate) fn displayed_types(directory: &str) -> Vec<String> {
    let files = sources().into_iter().filter(|(path, _)| is_in(path, &[directory]));
    let of_file = |(_, text): (PathBuf, String)| {
        let implementations = text.split("Display for ").skip(1);
        let names = implementations.filter_map(|after| after.split([' ', '<', '{']).next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    files.flat_map(of_file).collect()
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

/// The cells of the rows of a table in SECURITY.md.
fn security_rows(name: &str) -> Vec<Vec<String>> {
    let rows = section("docs/SECURITY.md", name);
    let mut cells = Vec::new();
    for row in rows.lines().skip(2) {
        let row = row.trim_matches('|').split('|');
        cells.push(row.map(|cell| cell.trim().to_owned()).collect());
    }
    cells
}

#[test]
fn the_tests_that_prove_a_defence_are_there() {
    let (sources, attackers) = (sources(), security_rows("attackers"));
    let mut wrong = Vec::new();
    for row in security_rows("threats") {
        let [attacker, goal, defence, left, tests] = &row[..] else {
            wrong.push(format!("{row:?} has another number of cells"));
            continue;
        };
        if !attackers.iter().any(|row| row[0] == *attacker) {
            wrong.push(format!("{goal}: {attacker} is no attacker"));
        }
        let is_declared = |name: &&str| {
            let declared = format!("fn {name}(");
            sources.iter().any(|(_, text)| text.contains(&declared))
        };
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        let absent = named.iter().filter(|name| !is_declared(name));
        wrong.extend(absent.map(|name| format!("{goal}: there is no {name}")));
        if [goal, defence, left].iter().any(|cell| cell.is_empty()) || named.is_empty() {
            wrong.push(format!("{goal}: a cell is empty"));
        }
    }
    assert_none(&wrong);
}
