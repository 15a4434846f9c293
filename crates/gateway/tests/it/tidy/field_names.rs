//! The fields of bodies: the protocol crate names them by the enums of its grammar, not by strings
//! of its own.

use std::collections::BTreeSet;

use profile_protocol::grammar::{
    BULK_IMPORT, DELETION, EXPLAIN, MERGE, ObjectRule, PROFILE, TOKEN_REVOCATION, UNMERGE,
    ValueRule,
};

use super::{assert_none, imports::code, root, sources};

/// The files whose subject is names: of fields, of attributes, of identifiers, and of what filters
/// compare.
const OF_NAMES: [&str; 4] =
    ["attributes.rs", "filter/fields.rs", "grammar/names.rs", "identifiers.rs"];

/// Adds the names of the fields of an object, and of the objects in it.
fn add_names(object: &ObjectRule, names: &mut BTreeSet<&'static str>) {
    for field in object.fields {
        names.insert(field.name);
        match field.value {
            ValueRule::Resource(rule)
            | ValueRule::ResourceWithOneIdentifier(rule)
            | ValueRule::Resources { element: rule, .. }
            | ValueRule::Object(rule)
            | ValueRule::ClearableObject(rule)
            | ValueRule::Properties(rule) => add_names(rule, names),
            _ => {}
        }
    }
}

/// The fields that code names by strings: those in a string that is nothing but a name or a JSON
/// pointer, and all strings where a member is named.
fn named_by_strings(code: &str, names: &BTreeSet<&str>) -> Vec<String> {
    let of_line = |line: &str| {
        let parts: Vec<&str> = line.split('"').collect();
        let strings = parts.windows(2).skip(1).step_by(2);
        let wrong = strings.enumerate().filter(|&(number, pair)| {
            let (before, text) = (parts[2 * number], pair[0]);
            let is_member = before.ends_with("member(") || before.ends_with("pointer(");
            let mut names_in = text.split('/').filter(|part| !part.is_empty()).peekable();
            let is_pointer = names_in.peek().is_some() && names_in.all(|part| names.contains(part));
            is_member && !text.is_empty() || is_pointer
        });
        wrong.map(|(_, pair)| pair[0].to_owned()).collect::<Vec<_>>()
    };
    code.lines().flat_map(of_line).collect()
}

#[test]
fn a_field_that_is_named_by_a_string_is_noticed() {
    let names = BTreeSet::from(["attributes", "data"]);
    let found = |code: &str| named_by_strings(code, &names);
    assert_eq!(found(r#"x.get("data"), "none", "attributes")"#), ["data", "attributes"]);
    assert_eq!(found(r#"let at = "/data/attributes";"#), ["/data/attributes"]);
    assert_eq!(found(r#"at.member("atributes")"#), ["atributes"]);
    assert_eq!(found(r#"f("the data", "", "/other"); pointer("", name)"#), [] as [String; 0]);
}

#[test]
fn the_protocol_names_fields_by_the_enums_of_its_grammar() {
    let mut names = BTreeSet::new();
    for body in [&PROFILE, &BULK_IMPORT, &MERGE, &UNMERGE, &DELETION, &EXPLAIN, &TOKEN_REVOCATION] {
        add_names(body.document, &mut names);
    }
    // It is also the type of a resource.
    names.remove("profile");
    let directory = root().join("crates/profile-protocol/src");
    let files = sources().into_iter().filter_map(|(path, text)| {
        let within = path.strip_prefix(&directory).ok()?.to_owned();
        let is_of_names = OF_NAMES.iter().any(|file| within.as_os_str() == *file);
        (!is_of_names).then_some((within, text))
    });
    let found = files.flat_map(|(path, text)| {
        let wrong = named_by_strings(&code(&text), &names).into_iter();
        wrong.map(|name| format!("{}: {name:?}", path.display())).collect::<Vec<_>>()
    });
    assert_none(&found.collect::<Vec<_>>());
}
