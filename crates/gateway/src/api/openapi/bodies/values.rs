//! The schemas of values that are no identifiers.

use profile_protocol::{Field, grammar::LetterCase, limits};
use serde_json::{Value, json};

use super::{super::elements::with, schema::or_empty};

/// A value of this type, or `null`.
pub(super) fn nullable(json_type: &str) -> Value {
    json!({ "type": [json_type, "null"] })
}

/// An attribute. `null` clears it.
pub(super) fn attribute(field: Field) -> Value {
    match field.max_degrees() {
        Some(degrees) => coordinate(degrees),
        None => json!({
            "type": ["string", "null"],
            "pattern": r"^[^\u0000]*$",
            "maxLength": limits::TEXT_BYTES,
        }),
    }
}

/// A number of degrees, or one in a string.
fn coordinate(max_degrees: u8) -> Value {
    let max = i16::from(max_degrees);
    json!({ "anyOf": [
        { "type": "number", "minimum": -max, "maximum": max },
        { "type": "string", "pattern": r"^-?[0-9]{1,2}(\.[0-9]{1,15})?$" },
        { "type": "null" },
    ] })
}

/// Custom properties: members of any name.
pub(super) fn properties() -> Value {
    or_empty(json!({ "type": "object", "maxProperties": limits::PROPERTIES }))
}

/// One of these words, or `null` if it is among them.
#[expect(clippy::needless_pass_by_value, reason = "the words move into the schema")]
pub(super) fn enumeration(words: Vec<Value>, case: LetterCase) -> Value {
    let schema = json!({ "enum": words });
    match case {
        LetterCase::Exact => schema,
        LetterCase::Any => with(schema, "description", "In any letter case.".into()),
    }
}

/// A string, or an array of them.
pub(super) fn one_or_many() -> Value {
    json!({ "anyOf": [nullable("string"), { "type": "array", "items": nullable("string") }] })
}
