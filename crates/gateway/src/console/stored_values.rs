//! What is stored about a person: every value, who wrote it and when.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    api_call::{PersonDocument, RawMembers, text_of},
    history::kind_words,
    merge_tree::MergeFacts,
    table::columns,
    writer_facts::{WriterFacts, time_cell, writer_cells},
};

/// The identifiers that have no attribute of their own, as the API shows them.
#[derive(Default, Deserialize)]
pub(super) struct IdentifierFacts {
    secondary_emails: Vec<String>,
    anonymous_ids: Vec<DeviceFacts>,
    former_ids: Vec<String>,
}

#[derive(Deserialize)]
struct DeviceFacts {
    anonymous_id: String,
    first_seen: Option<String>,
    last_seen: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct FormerFacts {
    identifier: String,
    value: String,
    #[serde(flatten)]
    loss: WriterFacts,
}

/// The attributes that are identifiers.
pub(super) const IDENTIFIERS: [&str; 3] = ["email", "phone_number", "external_id"];

/// The attributes that are texts, in the order of a page.
pub(super) const TEXTS: [&str; 6] =
    ["first_name", "last_name", "organization", "locale", "title", "image"];

/// What stands for the choice of a property in forms.
pub(super) const PROPERTY: &str = "property";

/// The field with a path as JSON: browsers change a line break in a field, and not its escape.
pub(super) const PATH: &str = "path";

/// Every value that is not an identifier: its path and its JSON.
pub(super) fn values(attributes: &RawMembers) -> Vec<(String, Box<RawValue>)> {
    let texts = TEXTS
        .iter()
        .filter_map(|name| attributes.get(*name).map(|value| ((*name).to_owned(), value.clone())));
    let members = |of: &'static str| {
        let members = attributes.get(of).and_then(|all| serde_json::from_str(all.get()).ok());
        let members: RawMembers = members.unwrap_or_default();
        members.into_iter().map(move |(name, value)| (format!("{of}.{name}"), value))
    };
    let all = texts.chain(members("location")).chain(members("properties"));
    // An attribute without a value is null; so is a property that was set to null.
    let is_stored = |path: &str, value: &RawValue| value.get() != "null" || is_property(path);
    all.filter(|(path, value)| is_stored(path, value)).collect()
}

fn is_property(path: &str) -> bool {
    path.starts_with("properties.")
}

/// A value as people read it: a text without quotes, everything else as JSON.
pub(super) fn shown(value: &RawValue) -> String {
    text_of(value).unwrap_or_else(|| value.get().to_owned())
}

/// The identifiers with their kind, since when they are here, and by whom.
pub(super) fn identifiers_table(
    person: &PersonDocument,
    writers: &BTreeMap<String, WriterFacts>,
    merges: &[MergeFacts],
) -> Markup {
    let others: IdentifierFacts = person.part("identifiers");
    let former: Vec<FormerFacts> = person.part("former_identifiers");
    let writer = |kind: &str, value: &str| writers.get(&format!("identifiers.{kind}.{value}"));
    html! {
        table {
            (columns(&["Kind", "Identifier", "Since", "By"], &[]))
            tbody {
                @for kind in IDENTIFIERS {
                    @let value = person.text(kind);
                    @if !value.is_empty() {
                        (row(kind_words(kind), &value, &writer_cells(writers.get(kind))))
                    }
                }
                @for email in &others.secondary_emails {
                    @let cells = writer_cells(writer("secondary_emails", email));
                    (row("further email address", email, &cells))
                }
                @for device in &others.anonymous_ids {
                    @let written = writer("anonymous_ids", &device.anonymous_id);
                    (row("browser or device", &device.anonymous_id, &device_cells(device, written)))
                }
                @for id in &others.former_ids {
                    @let merge = merges.iter().find(|merge| merge.profile_id == *id);
                    (row("old profile id", id, &merge_cells(merge)))
                }
                @for lost in &former {
                    @let kind = format!("former {}", kind_words(&lost.identifier));
                    (row(&kind, &lost.value, &loss_cells(&lost.loss)))
                }
            }
        }
    }
}

fn row(kind: &str, value: &str, cells: &Markup) -> Markup {
    html! { tr { th scope="row" { (kind) } td.value { (value) } (cells) } }
}

fn day(at: &str) -> &str {
    at.get(..10).unwrap_or(at)
}

/// When a device was first seen, who named it for this person, and when it was last seen.
fn device_cells(device: &DeviceFacts, writer: Option<&WriterFacts>) -> Markup {
    html! {
        (time_cell(device.first_seen.as_deref()))
        td {
            @if let Some(writer) = writer { (writer.words()) "; " }
            @if let Some(at) = &device.last_seen { "last seen " (day(at)) }
        }
    }
}

/// Since when an old id leads here: the merge.
fn merge_cells(merge: Option<&MergeFacts>) -> Markup {
    html! {
        (time_cell(merge.and_then(|merge| merge.written.at.as_deref())))
        td { @if let Some(merge) = merge { "a merge by " (merge.written.words()) } }
    }
}

/// Since when an identifier is a former one.
fn loss_cells(loss: &WriterFacts) -> Markup {
    html! {
        (time_cell(loss.at.as_deref()))
        td { @if loss.at.is_some() { "taken away by " (loss.words()) } }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_is_listed_once_and_a_property_that_is_null_counts() {
        let attributes = json!({
            "email": "a@b.de", "first_name": "Ann", "last_name": null, "created": "x",
            "location": { "city": "Bonn", "zip": null }, "properties": { "a": null, "b": [1] }
        });
        let values = values(&serde_json::from_str(&attributes.to_string()).unwrap());
        let paths: Vec<&str> = values.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["first_name", "location.city", "properties.a", "properties.b"]);
        assert_eq!(shown(&values[0].1), "Ann");
        assert_eq!(shown(&values[3].1), "[1]");
    }
}
