//! The schemas of what is sent here, from the tables of the protocol.

use profile_protocol::{Field, limits};
use serde_json::{Map, Value, json};

use super::with;

/// The schemas of all bodies, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let document = |data: &str| object(json!({ "data": reference(data) }), &["data"]);
    let mut schemas = Map::new();
    let mut add = |name: &str, schema: Value| drop(schemas.insert(name.to_owned(), schema));
    for Kind { name, looks_up, .. } in KINDS {
        add(&format!("{name}Request"), document(&format!("{name}Resource")));
        add(&format!("{name}Attributes"), attributes(looks_up));
        add(&format!("{name}Meta"), meta(looks_up));
    }
    for kind in KINDS {
        add(&format!("{}Resource", kind.name), profile(&kind));
    }
    add("LocationSent", location());
    add("ProfileMergeRequest", merge());
    add("ProfileUnmergeRequest", unmerge());
    add("DeletionRequest", deletion());
    add("ExplainRequest", explain());
    add("BulkImportRequest", bulk_import());
    schemas
}

/// One way in which a profile may be sent.
struct Kind {
    name: &'static str,
    required: &'static [&'static str],
    /// Whether it may have an id and `meta`.
    whole: bool,
    /// Whether a token may identify the profile.
    looks_up: bool,
    /// What has to be named, one of it at least.
    names: &'static [&'static str],
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "ProfileCreate",
        required: &["type", "attributes"],
        whole: false,
        looks_up: false,
        names: &["email", "phone_number", "external_id", "anonymous_id"],
    },
    Kind {
        name: "ProfileImport",
        required: &["type"],
        whole: true,
        looks_up: true,
        names: &["email", "phone_number", "external_id", "anonymous_id", "_kx"],
    },
    Kind {
        name: "ProfileUpdate",
        required: &["type", "id"],
        whole: true,
        looks_up: false,
        names: &[],
    },
];

#[expect(clippy::needless_pass_by_value, reason = "the value moves into the one around it")]
fn or_null(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
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

fn profile(kind: &Kind) -> Value {
    let members = json!({
        "type": named("profile"),
        "attributes": or_null(reference(&format!("{}Attributes", kind.name))),
    });
    let id = json!({ "type": ["string", "null"], "minLength": 1, "pattern": NOT_BLANK,
        "maxLength": limits::ID_TEXT_BYTES });
    let meta = or_null(reference(&format!("{}Meta", kind.name)));
    let members = if kind.whole { with(with(members, "id", id), "meta", meta) } else { members };
    let schema = object(members, kind.required);
    if kind.names.is_empty() {
        return schema;
    }
    let has =
        |name: &&str| json!({ "properties": { *name: { "type": "string" } }, "required": [*name] });
    let named: Vec<Value> = kind.names.iter().map(has).collect();
    let attributes =
        json!({ "properties": { "attributes": { "anyOf": named } }, "required": ["attributes"] });
    let identifiers = if kind.whole { vec![has(&"id"), attributes] } else { vec![attributes] };
    with(schema, "anyOf", Value::Array(identifiers))
}

fn phone_number() -> String {
    let (fewest, most) = (limits::PHONE_DIGITS_MIN - 1, limits::PHONE_DIGITS_MAX - 1);
    format!(r"^\+[1-9][0-9]{{{fewest},{most}}}$")
}

/// What is neither empty nor blank, and has no control characters.
const NOT_BLANK: &str = r"^[^\u0000-\u001f\u007f]*[^\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$";

/// What may be said of a person. A null clears; on an identifier it does so only
/// where the company itself asks.
fn attributes(looks_up: bool) -> Value {
    let mut members = Map::new();
    for field in Field::ALL.into_iter().filter(|field| !field.is_location()) {
        members.insert(field.name().to_owned(), text(limits::TEXT_BYTES));
    }
    let opaque = |longest: usize| {
        json!({ "type": ["string", "null"], "maxLength": longest,
        "pattern": NOT_BLANK })
    };
    let mut add = |name: &str, schema: Value| drop(members.insert(name.to_owned(), schema));
    add("email", with(text(limits::EMAIL_BYTES), "format", "email".into()));
    add("phone_number", json!({ "type": ["string", "null"], "pattern": phone_number() }));
    add("external_id", opaque(limits::OPAQUE_ID_BYTES));
    add("anonymous_id", opaque(limits::OPAQUE_ID_BYTES));
    if looks_up {
        add("_kx", opaque(limits::EXCHANGE_TOKEN_BYTES));
    }
    add("location", or_null(reference("LocationSent")));
    let properties = json!({
        "type": ["object", "null"],
        "maxProperties": limits::PROPERTIES,
        "description": "`$append`, `$unappend` and `$unset` mean what they do in `patch_properties`.",
    });
    add("properties", properties);
    object(Value::Object(members), &[])
}

/// The fields that are numbers, and how far each may be from zero.
const COORDINATES: [(Field, i16); 2] = [(Field::Latitude, 90), (Field::Longitude, 180)];

fn location() -> Value {
    let mut members = Map::new();
    for field in Field::ALL.into_iter().filter(|field| field.is_location()) {
        let coordinate = COORDINATES.iter().find(|(coordinate, _)| *coordinate == field);
        let schema =
            coordinate.map_or_else(|| text(limits::TEXT_BYTES), |(_, most)| degrees(*most));
        members.insert(field.name().to_owned(), schema);
    }
    object(Value::Object(members), &[])
}

/// A number of degrees, or one in a string.
fn degrees(most: i16) -> Value {
    json!({ "anyOf": [
        { "type": "number", "minimum": -most, "maximum": most },
        { "type": "string", "pattern": r"^-?[0-9]{1,2}(\.[0-9]{1,15})?$" },
        { "type": "null" },
    ] })
}

fn meta(looks_up: bool) -> Value {
    let lists = || json!({ "type": ["object", "null"] });
    let texts = json!({ "type": "array", "items": { "type": ["string", "null"] } });
    let one_or_many = json!({ "anyOf": [{ "type": ["string", "null"] }, texts] });
    let emails = || or_null(object(json!({ "email": one_or_many.clone() }), &[]));
    let properties =
        json!({ "append": lists(), "unappend": lists(), "unset": one_or_many.clone() });
    let identifiers = json!({ "append": emails(), "unappend": emails() });
    let members = json!({
        "patch_properties": or_null(object(properties, &[])),
        "patch_identifiers": or_null(object(identifiers, &[])),
    });
    if !looks_up {
        return object(members, &[]);
    }
    let names = ["id", "external_id", "email", "phone_number", "anonymous_id", "_kx"];
    let nullable = |name: &str| (name.to_owned(), json!({ "type": ["string", "null"] }));
    let subject: Map<String, Value> = names.into_iter().map(nullable).collect();
    let subject = or_null(object(Value::Object(subject), &[]));
    object(with(members, "identifiers", subject), &[])
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

/// A profile, by exactly one identifier. A null does not count.
fn deletion() -> Value {
    let nothing = || json!({ "type": "null" });
    let without_identifier = object(json!({ "email": nothing(), "phone_number": nothing() }), &[]);
    let id = json!({ "type": "string", "pattern": NOT_BLANK });
    let by_id = object(
        json!({ "type": named("profile"), "id": id, "attributes": or_null(without_identifier) }),
        &["type", "id"],
    );
    let by = |name: &str, attributes: Value| {
        let attributes = object(attributes, &[name]);
        object(
            json!({ "type": named("profile"), "id": nothing(), "attributes": attributes }),
            &["type", "attributes"],
        )
    };
    let email = json!({ "type": "string", "format": "email" });
    let number = json!({ "type": "string", "pattern": phone_number() });
    let ways = [
        by_id,
        by("email", json!({ "email": email, "phone_number": nothing() })),
        by("phone_number", json!({ "email": nothing(), "phone_number": number })),
    ];
    let profile = object(json!({ "data": { "oneOf": ways } }), &["data"]);
    let attributes = object(json!({ "profile": profile }), &["profile"]);
    document("data-privacy-deletion-job", json!({ "attributes": attributes }), &["attributes"])
}

fn explain() -> Value {
    let attributes = json!({
        "scope": { "enum": ["client", "server"] },
        "body": reference("ProfileImportRequest"),
    });
    let attributes = object(attributes, &["scope", "body"]);
    document("profile-explain", json!({ "attributes": attributes }), &["attributes"])
}

fn bulk_import() -> Value {
    let profiles = json!({
        "type": "array",
        "items": reference("ProfileImportResource"),
        "minItems": 1,
        "maxItems": limits::BULK_PROFILES,
    });
    let profiles = object(json!({ "data": profiles }), &["data"]);
    let attributes = object(json!({ "profiles": profiles }), &["profiles"]);
    document("profile-bulk-import-job", json!({ "attributes": attributes }), &["attributes"])
}
