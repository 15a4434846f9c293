//! The schemas of request bodies, made from the grammar of the protocol.

mod identifiers;
mod schema;
mod values;

use profile_protocol::{
    ProfileEndpoint,
    grammar::{
        self, BodyRule, FieldRule, ObjectRule, PROFILE_RESOURCE, PUSH_TOKEN_PROFILE, ValueRule,
    },
};
use serde_json::{Map, Value, json};

use self::schema::{documented, is_required, object_schema, or_empty, reference, required};
use super::elements::with;

/// The names of the schemas of profiles, with the endpoints that they describe. The client endpoint
/// takes what an import takes.
const PROFILES: [(&str, ProfileEndpoint); 3] = [
    ("ProfileCreate", ProfileEndpoint::Create),
    ("ProfileImport", ProfileEndpoint::Import),
    ("ProfileUpdate", ProfileEndpoint::Update),
];

/// The names of the schemas of the bodies that only one endpoint takes.
const OTHER_BODIES: [(&str, &BodyRule); 9] = [
    ("ProfileMergeRequest", &grammar::MERGE),
    ("ProfileUnmergeRequest", &grammar::UNMERGE),
    ("DeletionRequest", &grammar::DELETION),
    ("ExplainRequest", &grammar::EXPLAIN),
    ("ProfileRepairRequest", &grammar::REPAIR),
    ("TokenRevocationRequest", &grammar::TOKEN_REVOCATION),
    ("BulkImportRequest", &grammar::BULK_IMPORT),
    ("PushTokenRequest", &grammar::PUSH_TOKEN),
    ("PushTokenUnregisterRequest", &grammar::PUSH_TOKEN_UNREGISTER),
];

/// The schemas of all bodies, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, endpoint) in PROFILES {
        add_profile(&mut schemas, name, endpoint);
    }
    for (name, body) in OTHER_BODIES {
        // Their fields are the same for every endpoint.
        let schema = object(body.document, ProfileEndpoint::Import);
        schemas.insert(name.to_owned(), schema);
    }
    schemas
}

/// Adds the schemas of a profile at one endpoint: its document, its resource, and each object of
/// the resource.
fn add_profile(schemas: &mut Map<String, Value>, name: &str, endpoint: ProfileEndpoint) {
    let mut members = Map::new();
    for field in documented(&PROFILE_RESOURCE, endpoint) {
        let schema = if let ValueRule::Object(rule) = field.value {
            let part = format!("{name}{}", capitalized(field.name));
            schemas.insert(part.clone(), object(rule, endpoint));
            add_shared(schemas, rule, endpoint);
            or_empty(reference(&part))
        } else {
            value(field, endpoint)
        };
        members.insert(field.name.to_owned(), schema);
    }
    let mut required = required(&PROFILE_RESOURCE, endpoint);
    let constraint = identifiers::constraint(endpoint);
    required.extend(constraint.required);
    let mut resource = object_schema(members, &required);
    if let Some(any_of) = constraint.any_of {
        resource = with(resource, "anyOf", any_of);
    }
    let part = format!("{name}Resource");
    let data = Map::from_iter([("data".to_owned(), reference(&part))]);
    schemas.insert(part, resource);
    schemas.insert(format!("{name}Request"), object_schema(data, &["data"]));
}

/// Adds the schemas of objects that are the same at every endpoint.
fn add_shared(
    schemas: &mut Map<String, Value>,
    rule: &'static ObjectRule,
    endpoint: ProfileEndpoint,
) {
    for field in rule.fields {
        if let ValueRule::ClearableObject(rule) = field.value {
            schemas.insert(shared_name(field), object(rule, endpoint));
        }
    }
}

/// The name of the schema of an object that is the same at every endpoint.
fn shared_name(field: &FieldRule) -> String {
    format!("{}Sent", capitalized(field.name))
}

fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

/// The schema of an object.
fn object(rule: &'static ObjectRule, endpoint: ProfileEndpoint) -> Value {
    let member = |field: &FieldRule| (field.name.to_owned(), value(field, endpoint));
    object_schema(documented(rule, endpoint).map(member).collect(), &required(rule, endpoint))
}

/// The schema of the value of a field.
fn value(field: &FieldRule, endpoint: ProfileEndpoint) -> Value {
    let schema = match field.value {
        ValueRule::ResourceType(name) => json!({ "const": name }),
        ValueRule::Resource(rule) => resource(rule, endpoint),
        ValueRule::ResourceWithOneIdentifier(rule) => {
            json!({ "oneOf": identifiers::alternatives(rule) })
        }
        ValueRule::Resources { element, min, max, count: _ } => {
            let items = resource(element, endpoint);
            json!({ "type": "array", "items": items, "minItems": min, "maxItems": max })
        }
        ValueRule::Object(rule) if is_required(field, endpoint) => object(rule, endpoint),
        ValueRule::Object(rule) => or_empty(object(rule, endpoint)),
        ValueRule::ClearableObject(_) => or_empty(reference(&shared_name(field))),
        ValueRule::ProfileBody => reference("ProfileImportRequest"),
        ValueRule::Identifier(_) if field.required == grammar::EndpointSet::ALL => {
            json!({ "type": "string" })
        }
        ValueRule::Identifier(identifier) => identifiers::nullable(identifier),
        ValueRule::SubjectIdentifier(_) | ValueRule::FallbackExchangeToken => {
            values::nullable("string")
        }
        ValueRule::Properties(_) => values::properties(),
        ValueRule::Attribute(attribute) => values::attribute(attribute),
        ValueRule::PropertyElements(_) => or_empty(json!({ "type": "object" })),
        ValueRule::PropertyNames | ValueRule::SecondaryEmails(_) => values::one_or_many(),
        ValueRule::Choice(choices) => json!({ "enum": choices }),
        ValueRule::Enumeration { words, case } => {
            let words = words.iter().copied().map(Value::from);
            let null = (!is_required(field, endpoint)).then_some(Value::Null);
            values::enumeration(words.chain(null).collect(), case)
        }
        ValueRule::TextOrInteger { example } => {
            json!({ "type": ["string", "integer", "null"], "minimum": 0, "examples": [example] })
        }
        ValueRule::Text { example } if is_required(field, endpoint) => {
            json!({ "type": "string", "examples": [example] })
        }
        ValueRule::Text { example } => {
            json!({ "type": ["string", "null"], "examples": [example] })
        }
        ValueRule::Ignored => json!({}),
    };
    match field.description {
        Some(description) => with(schema, "description", description.into()),
        None => schema,
    }
}

/// The schema of a resource: of a profile, or of another one.
fn resource(rule: &'static ObjectRule, endpoint: ProfileEndpoint) -> Value {
    if [&PROFILE_RESOURCE, &PUSH_TOKEN_PROFILE].iter().any(|profile| std::ptr::eq(*profile, rule)) {
        reference("ProfileImportResource")
    } else {
        object(rule, endpoint)
    }
}
