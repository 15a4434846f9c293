//! The schemas of identifiers, and of what a resource must have of them.

use profile_protocol::{
    ProfileEndpoint,
    grammar::{FieldRule, IdentifierField, ObjectRule, PROFILE_RESOURCE, ValueRule},
    limits,
};
use serde_json::{Map, Value, json};

use super::{
    super::elements::with,
    schema::{documented, is_required, object_schema, or_empty},
};

/// Text that is not blank and has no control characters.
const NOT_BLANK: &str = r"^[^\u0000-\u001f\u007f]*[^\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$";

/// An identifier, or `null`.
pub(super) fn nullable(field: IdentifierField) -> Value {
    let schema = with(text(field), "type", json!(["string", "null"]));
    match field {
        IdentifierField::Id => {
            with(with(schema, "minLength", 1.into()), "maxLength", field.max_bytes().into())
        }
        // The pattern bounds the length of a number, and a token of any length is accepted.
        IdentifierField::PhoneNumber | IdentifierField::ExchangeToken => schema,
        IdentifierField::ExternalId | IdentifierField::Email | IdentifierField::AnonymousId => {
            with(schema, "maxLength", field.max_bytes().into())
        }
    }
}

/// An identifier of any length.
fn text(field: IdentifierField) -> Value {
    match field {
        IdentifierField::Email => json!({ "type": "string", "format": "email" }),
        IdentifierField::PhoneNumber => {
            let (fewest, most) = (limits::PHONE_DIGITS_MIN - 1, limits::PHONE_DIGITS_MAX - 1);
            let pattern = format!(r"^\+[1-9][0-9]{{{fewest},{most}}}$");
            json!({ "type": "string", "pattern": pattern })
        }
        // A malformed one is ignored.
        IdentifierField::ExchangeToken => json!({ "type": "string" }),
        IdentifierField::Id | IdentifierField::ExternalId | IdentifierField::AnonymousId => {
            json!({ "type": "string", "pattern": NOT_BLANK })
        }
    }
}

/// What the `data` of a profile must have besides its required fields.
#[derive(Default)]
pub(super) struct IdentifierConstraint {
    /// The object that has all identifiers, if one has.
    pub(super) required: Option<&'static str>,
    /// The alternatives, unless a required field identifies the profile.
    pub(super) any_of: Option<Value>,
}

/// The constraint that a profile has an identifier.
pub(super) fn constraint(endpoint: ProfileEndpoint) -> IdentifierConstraint {
    let identifying = |rule| {
        documented(rule, endpoint).filter(|field| matches!(field.value, ValueRule::Identifier(_)))
    };
    if identifying(&PROFILE_RESOURCE).any(|field| is_required(field, endpoint)) {
        return IdentifierConstraint::default();
    }
    let own = identifying(&PROFILE_RESOURCE).map(present).collect::<Vec<_>>();
    let mut nested = Vec::new();
    for field in documented(&PROFILE_RESOURCE, endpoint) {
        if let ValueRule::Object(rule) = field.value {
            let ways: Vec<Value> = identifying(rule).map(present).collect();
            if !ways.is_empty() {
                nested.push((field.name, ways));
            }
        }
    }
    let required = match nested[..] {
        [(name, _)] if own.is_empty() => Some(name),
        _ => None,
    };
    let nested = nested.into_iter().map(
        |(name, ways)| json!({ "properties": { name: { "anyOf": ways } }, "required": [name] }),
    );
    IdentifierConstraint { required, any_of: Some(own.into_iter().chain(nested).collect()) }
}

fn present(field: &FieldRule) -> Value {
    json!({ "properties": { field.name: { "type": "string" } }, "required": [field.name] })
}

/// One schema for each identifier that the resource may have: with this identifier, without any
/// other.
pub(super) fn alternatives(rule: &'static ObjectRule) -> Vec<Value> {
    identifiers(rule).into_iter().map(|chosen| alternative(rule, chosen)).collect()
}

fn identifiers(rule: &'static ObjectRule) -> Vec<IdentifierField> {
    let of_field = |field: &FieldRule| {
        if let ValueRule::Identifier(identifier) = field.value {
            vec![identifier]
        } else if let ValueRule::Object(rule) = field.value {
            identifiers(rule)
        } else {
            Vec::new()
        }
    };
    rule.fields.iter().flat_map(of_field).collect()
}

fn alternative(rule: &'static ObjectRule, chosen: IdentifierField) -> Value {
    let (mut members, mut required) = (Map::new(), Vec::new());
    for field in rule.fields {
        let (schema, is_required) = alternative_field(field, chosen);
        members.insert(field.name.to_owned(), schema);
        if is_required {
            required.push(field.name);
        }
    }
    object_schema(members, &required)
}

/// The schema of one field where the resource has no identifier but this one, and whether the field
/// is required.
fn alternative_field(field: &FieldRule, chosen: IdentifierField) -> (Value, bool) {
    if let ValueRule::ResourceType(name) = field.value {
        (json!({ "const": name }), true)
    } else if let ValueRule::Object(rule) = field.value {
        let nested = alternative(rule, chosen);
        let has_chosen = identifiers(rule).contains(&chosen);
        (if has_chosen { nested } else { or_empty(nested) }, has_chosen)
    } else if matches!(field.value, ValueRule::Identifier(identifier) if identifier == chosen) {
        (text(chosen), true)
    } else {
        // Another identifier.
        (json!({ "type": "null" }), false)
    }
}
