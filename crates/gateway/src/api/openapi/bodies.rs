//! The schemas of what is sent here, from the tables of the protocol.

use profile_protocol::{Field, limits};
use serde_json::{Map, Value, json};

use super::with;

/// The schemas of all bodies, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let resource = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let document = |data: &str| object(json!({ "data": resource(data) }), &["data"]);
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    for kind in ["ProfileCreate", "ProfileImport", "ProfileUpdate"] {
        add(&format!("{kind}Request"), document(&format!("{kind}Resource")));
    }
    add("ProfileCreateResource", profile(&["type", "attributes"], false));
    add("ProfileImportResource", profile(&["type", "attributes"], true));
    add("ProfileUpdateResource", profile(&["type", "id"], true));
    add("ProfileAttributesSent", attributes());
    add("LocationSent", location());
    add("ProfileMetaSent", meta());
    add("ProfileMergeRequest", merge());
    add("ProfileUnmergeRequest", unmerge());
    add("DeletionRequest", deletion());
    add("ExplainRequest", explain());
    add("BulkImportRequest", bulk_import());
    schemas
}

fn object(properties: impl Into<Value>, required: &[&str]) -> Value {
    let properties: Value = properties.into();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn named(name: &'static str) -> Value {
    json!({ "const": name })
}

/// A document whose resource is of this type.
fn document(kind: &'static str, members: Value, required: &[&str]) -> Value {
    let members = with(members, "type", named(kind));
    object(json!({ "data": object(members, &[&["type"], required].concat()) }), &["data"])
}

fn text(longest: usize) -> Value {
    json!({ "type": ["string", "null"], "maxLength": longest })
}

fn profile(required: &[&str], whole: bool) -> Value {
    let mut members = json!({
        "type": named("profile"),
        "attributes": { "$ref": "#/components/schemas/ProfileAttributesSent" },
    });
    if whole {
        members = with(
            members,
            "id",
            json!({ "type": ["string", "null"], "maxLength": limits::ID_TEXT_BYTES }),
        );
        members = with(
            members,
            "meta",
            json!({ "anyOf": [
            { "$ref": "#/components/schemas/ProfileMetaSent" },
            { "type": "null" },
        ] }),
        );
    }
    object(members, required)
}

/// What may be said of a person. A null clears; on an identifier it does so only
/// where the company itself asks.
fn attributes() -> Value {
    let mut members = Map::new();
    for field in Field::ALL.into_iter().filter(|field| !field.is_location()) {
        members.insert(field.name().to_owned(), text(limits::TEXT_BYTES));
    }
    let identifiers = [
        ("email", limits::EMAIL_BYTES),
        ("phone_number", limits::PHONE_DIGITS_MAX + 1),
        ("external_id", limits::OPAQUE_ID_BYTES),
        ("anonymous_id", limits::OPAQUE_ID_BYTES),
        ("_kx", limits::EXCHANGE_TOKEN_BYTES),
    ];
    for (name, longest) in identifiers {
        members.insert(name.to_owned(), text(longest));
    }
    let location = json!({ "$ref": "#/components/schemas/LocationSent" });
    members.insert("location".to_owned(), json!({ "anyOf": [location, { "type": "null" }] }));
    let properties = json!({
        "type": ["object", "null"],
        "maxProperties": limits::PROPERTIES,
        "description": "`$append`, `$unappend` and `$unset` mean what they do in `patch_properties`.",
    });
    members.insert("properties".to_owned(), properties);
    object(Value::Object(members), &[])
}

fn location() -> Value {
    let mut members = Map::new();
    for field in Field::ALL.into_iter().filter(|field| field.is_location()) {
        let schema = match field {
            Field::Latitude | Field::Longitude => json!({ "type": ["number", "string", "null"] }),
            _ => text(limits::TEXT_BYTES),
        };
        members.insert(field.name().to_owned(), schema);
    }
    object(Value::Object(members), &[])
}

fn meta() -> Value {
    let lists = || json!({ "type": ["object", "null"] });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let one_or_many = json!({ "anyOf": [{ "type": ["string", "null"] }, texts] });
    let emails = || object(json!({ "email": one_or_many.clone() }), &[]);
    let properties =
        json!({ "append": lists(), "unappend": lists(), "unset": one_or_many.clone() });
    let identifiers = json!({ "append": emails(), "unappend": emails() });
    object(
        json!({
            "patch_properties": object(properties, &[]),
            "patch_identifiers": object(identifiers, &[]),
        }),
        &[],
    )
}

fn merge() -> Value {
    let source =
        object(json!({ "type": named("profile"), "id": { "type": "string" } }), &["type", "id"]);
    let sources = json!({ "type": "array", "items": source, "minItems": 1, "maxItems": 1 });
    let profiles = object(json!({ "data": sources }), &["data"]);
    let relationships = object(json!({ "profiles": profiles }), &["profiles"]);
    document(
        "profile-merge",
        json!({
            "id": { "type": "string", "description": "The profile that is left." },
            "relationships": relationships,
        }),
        &["id", "relationships"],
    )
}

fn unmerge() -> Value {
    let absorbed = json!({
        "type": "string",
        "description": "The profile that was merged into another.",
    });
    let attributes = object(json!({ "profile_id": absorbed }), &["profile_id"]);
    document("profile-unmerge", json!({ "attributes": attributes }), &["attributes"])
}

fn deletion() -> Value {
    let nullable = || json!({ "type": ["string", "null"] });
    let named_by = object(json!({ "email": nullable(), "phone_number": nullable() }), &[]);
    let profile = object(
        json!({ "type": named("profile"), "id": nullable(), "attributes": named_by }),
        &["type"],
    );
    let profile = object(json!({ "data": profile }), &["data"]);
    let attributes = object(json!({ "profile": profile }), &["profile"]);
    document("data-privacy-deletion-job", json!({ "attributes": attributes }), &["attributes"])
}

fn explain() -> Value {
    let attributes = json!({
        "scope": { "enum": ["client", "server"] },
        "body": { "$ref": "#/components/schemas/ProfileImportRequest" },
    });
    let attributes = object(attributes, &["scope", "body"]);
    document("profile-explain", json!({ "attributes": attributes }), &["attributes"])
}

fn bulk_import() -> Value {
    let profiles = json!({
        "type": "array",
        "items": { "$ref": "#/components/schemas/ProfileImportResource" },
        "minItems": 1,
        "maxItems": limits::BULK_PROFILES,
    });
    let profiles = object(json!({ "data": profiles }), &["data"]);
    let attributes = object(json!({ "profiles": profiles }), &["profiles"]);
    document("profile-bulk-import-job", json!({ "attributes": attributes }), &["attributes"])
}
