//! One name, one meaning: no two types of the workspace have the same name.

use std::{collections::BTreeMap, path::PathBuf};

use super::{assert_none, texts};

/// The types that the workspace declares: name, file and line. Associated types are not counted,
/// since a trait gives them their names.
pub(super) fn declared() -> Vec<(String, PathBuf, usize)> {
    let of_file = |(path, text): (PathBuf, String)| {
        let named = |(line, text): (usize, &str)| Some((type_name(text)?, path.clone(), line));
        (1..).zip(text.lines()).filter_map(named).collect::<Vec<_>>()
    };
    texts(&["rs"]).into_iter().flat_map(of_file).collect()
}

fn type_name(line: &str) -> Option<String> {
    let is_outermost = !line.starts_with(' ');
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    match words.next()? {
        "struct" | "enum" | "trait" => {}
        "type" if is_outermost => {}
        _ => return None,
    }
    let name = words.next()?.split(|symbol: char| !symbol.is_alphanumeric()).next()?;
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

#[test]
fn declarations_are_recognised() {
    assert_eq!(type_name("pub(crate) struct Body {").as_deref(), Some("Body"));
    assert_eq!(type_name("    enum Step<'a> {").as_deref(), Some("Step"));
    assert_eq!(type_name("type Claim = u8;").as_deref(), Some("Claim"));
    assert_eq!(type_name("    type Err = InvalidScope;"), None);
    assert_eq!(type_name("/// struct Body"), None);
}

#[test]
fn no_two_types_of_the_workspace_have_the_same_name() {
    let mut by_name: BTreeMap<String, Vec<(PathBuf, usize)>> = BTreeMap::new();
    for (name, path, line) in declared() {
        by_name.entry(name).or_default().push((path, line));
    }
    assert!(200 < by_name.len(), "the types are looked for where they are not");
    let twice = by_name.into_iter().filter(|(_, places)| 1 < places.len());
    let described = twice.map(|(name, places)| {
        let places = places.iter().map(|(path, line)| format!("{}:{line}", path.display()));
        format!("{name}: {}", places.collect::<Vec<_>>().join(", "))
    });
    assert_none(&described.collect::<Vec<_>>());
}
