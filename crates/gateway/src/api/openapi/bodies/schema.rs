//! What all schemas of bodies are made of.

use profile_protocol::{
    ProfileEndpoint,
    grammar::{Documentation, FieldRule, ObjectRule},
};
use serde_json::{Map, Value, json};

/// The fields that the document shows at an endpoint.
pub(super) fn documented(
    rule: &'static ObjectRule,
    endpoint: ProfileEndpoint,
) -> impl Iterator<Item = &'static FieldRule> {
    rule.fields.iter().filter(move |field| {
        field.allowed.contains(endpoint) && field.documentation != Documentation::Omitted
    })
}

pub(super) fn is_required(field: &FieldRule, endpoint: ProfileEndpoint) -> bool {
    field.required.contains(endpoint) || field.documentation == Documentation::Required
}

pub(super) fn required(rule: &'static ObjectRule, endpoint: ProfileEndpoint) -> Vec<&'static str> {
    let required = documented(rule, endpoint).filter(|field| is_required(field, endpoint));
    required.map(|field| field.name).collect()
}

/// The schema of an object with no other members than these.
#[expect(clippy::needless_pass_by_value, reason = "the members move into the object")]
pub(super) fn object_schema(members: Map<String, Value>, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": members,
        "required": required,
        "additionalProperties": false,
    })
}

/// A schema of this document, by its name.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The schema of an object that may be `null`, or an empty array.
#[expect(clippy::needless_pass_by_value, reason = "the value moves into the one around it")]
pub(super) fn or_empty(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "array", "maxItems": 0 }, { "type": "null" }] })
}
