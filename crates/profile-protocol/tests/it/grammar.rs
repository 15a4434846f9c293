//! The grammar and the parsers agree: each field is accepted where its rule allows it, and nowhere
//! else.

use profile_protocol::{
    BulkImport, DeletionSubject, Field, ProfileEndpoint, ProfileExplain, ProfileMerge,
    ProfileRequest, ProfileUnmerge, PushTokenRegistration, PushTokenRemoval, Revision,
    TokenRevocation, Violations,
    grammar::{
        self, BodyRule, FieldRule, IdentifierField, ObjectRule, PROFILE, PROFILE_RESOURCE,
        ValueRule,
    },
    limits,
};

/// One field, with the JSON pointer of the object that has it.
struct Placed {
    object: String,
    field: &'static FieldRule,
}

/// Every field below an object. An array is entered at its first element.
fn fields(object: &str, rule: &'static ObjectRule) -> Vec<Placed> {
    let mut all = Vec::new();
    for field in rule.fields {
        all.push(Placed { object: object.to_owned(), field });
        let at = format!("{object}/{}", field.name);
        match field.value {
            ValueRule::Resource(rule)
            | ValueRule::ResourceWithOneIdentifier(rule)
            | ValueRule::Object(rule)
            | ValueRule::ClearableObject(rule)
            | ValueRule::Properties(rule) => all.extend(fields(&at, rule)),
            ValueRule::Resources { element, .. } => all.extend(fields(&format!("{at}/0"), element)),
            _ => {}
        }
    }
    all
}

/// JSON that a field with this rule accepts.
fn sample(rule: &ValueRule) -> String {
    match rule {
        ValueRule::ResourceType(name) => format!("\"{name}\""),
        ValueRule::Identifier(field) | ValueRule::SubjectIdentifier(field) => {
            format!("\"{}\"", identifier(*field, 20))
        }
        ValueRule::FallbackExchangeToken => r#""token""#.to_owned(),
        ValueRule::Attribute(_) => r#""7""#.to_owned(),
        ValueRule::PropertyElements(_) => r#"{"tags":["a"]}"#.to_owned(),
        ValueRule::PropertyNames => r#"["old"]"#.to_owned(),
        ValueRule::SecondaryEmails(_) => r#"["b@example.com"]"#.to_owned(),
        ValueRule::Choice(choices) => format!("\"{}\"", choices[0]),
        ValueRule::Enumeration { words, case: _ } => format!("\"{}\"", words[0]),
        ValueRule::Text { example } | ValueRule::TextOrInteger { example } => {
            format!("\"{example}\"")
        }
        ValueRule::ProfileBody => {
            r#"{"data":{"type":"profile","attributes":{"anonymous_id":"a"}}}"#.to_owned()
        }
        ValueRule::Resource(_)
        | ValueRule::ResourceWithOneIdentifier(_)
        | ValueRule::Resources { .. }
        | ValueRule::Object(_)
        | ValueRule::ClearableObject(_)
        | ValueRule::Properties(_)
        | ValueRule::Ignored => "{}".to_owned(),
    }
}

/// An identifier of that many bytes, where the field has no fixed length.
fn identifier(field: IdentifierField, bytes: usize) -> String {
    match field {
        IdentifierField::Email => {
            let labels = format!("{}.", "b".repeat(49)).repeat(bytes / 50);
            let domain = format!("{labels}co");
            format!("{}@{domain}", "a".repeat(bytes - domain.len() - 1))
        }
        IdentifierField::PhoneNumber => format!("+{}", "1".repeat(bytes.min(17) - 1)),
        IdentifierField::Id
        | IdentifierField::ExchangeToken
        | IdentifierField::ExternalId
        | IdentifierField::AnonymousId => "x".repeat(bytes),
    }
}

/// A document with this JSON at a pointer, inside the resources that the rule says are around it.
fn document(rule: &'static ObjectRule, pointer: &str, json: &str, seed: Seed) -> String {
    let Some(rest) = pointer.strip_prefix('/') else { return json.to_owned() };
    let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut members = seed(rule, name);
    let inner = match rule.field(name).map(|field| field.value) {
        Some(
            ValueRule::Resource(rule)
            | ValueRule::ResourceWithOneIdentifier(rule)
            | ValueRule::Object(rule)
            | ValueRule::ClearableObject(rule)
            | ValueRule::Properties(rule),
        ) => document(rule, rest, json, seed),
        Some(ValueRule::Resources { element, .. }) if !rest.is_empty() => {
            format!("[{}]", document(element, rest.strip_prefix("/0").unwrap(), json, seed))
        }
        _ => json.to_owned(),
    };
    members.push(format!("\"{name}\":{inner}"));
    format!("{{{}}}", members.join(","))
}

/// The members that an object needs beside the one that is tested.
type Seed = fn(&'static ObjectRule, &str) -> Vec<String>;

/// The type and the id, so that every endpoint but creation can identify a profile.
fn typed(rule: &'static ObjectRule, name: &str) -> Vec<String> {
    let needed = |field: &&FieldRule| {
        field.name != name && matches!(field.value, ValueRule::ResourceType(_))
    };
    let fields = rule.fields.iter().filter(needed);
    fields.map(|field| format!("\"{}\":{}", field.name, sample(&field.value))).collect()
}

fn unknown_at(result: Result<(), Violations>, pointer: &str) -> bool {
    let Err(violations) = result else { return false };
    violations
        .iter()
        .any(|v| v.pointer == pointer && v.fault.to_string().contains("is not a valid field"))
}

fn profile(endpoint: ProfileEndpoint, body: &str) -> Result<(), Violations> {
    ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST).map(drop)
}

#[test]
fn every_field_of_a_profile_is_accepted_at_its_endpoints_and_refused_at_the_others() {
    for Placed { object, field } in fields("", PROFILE.document) {
        let at = format!("{object}/{}", field.name);
        let body = document(PROFILE.document, &at, &sample(&field.value), typed);
        // An object that is refused as a whole is not looked into.
        let reached = |endpoint| {
            fields("", PROFILE.document)
                .iter()
                .filter(|outer| at.starts_with(&format!("{}/{}/", outer.object, outer.field.name)))
                .all(|outer| outer.field.allowed.contains(endpoint))
        };
        for endpoint in ProfileEndpoint::ALL.into_iter().filter(|&endpoint| reached(endpoint)) {
            let refused = unknown_at(profile(endpoint, &body), &at);
            assert_eq!(refused, !field.allowed.contains(endpoint), "{endpoint:?} {body}");
        }
    }
}

#[test]
fn a_field_that_no_rule_has_is_refused_in_every_object() {
    for body in [
        &PROFILE,
        &grammar::MERGE,
        &grammar::UNMERGE,
        &grammar::DELETION,
        &grammar::EXPLAIN,
        &grammar::TOKEN_REVOCATION,
        &grammar::BULK_IMPORT,
        &grammar::PUSH_TOKEN,
        &grammar::PUSH_TOKEN_UNREGISTER,
    ] {
        for Placed { object, .. } in fields("", body.document) {
            let at = format!("{object}/surplus");
            // Properties have names of the company's own. Profiles of a bulk import are parsed one
            // by one.
            let free = object.ends_with("/properties")
                || object.contains("/profiles/data/0")
                    && std::ptr::eq(body, &raw const grammar::BULK_IMPORT);
            let text = document(body.document, &at, "1", typed);
            assert!(free || unknown_at(parsed(body, &text), &at), "{text}");
        }
    }
}

fn parsed(rule: &'static BodyRule, body: &str) -> Result<(), Violations> {
    let bytes = body.as_bytes();
    match rule.document.resource {
        "profile-merge" => ProfileMerge::parse(bytes).map(drop),
        "profile-unmerge" => ProfileUnmerge::parse(bytes).map(drop),
        "data-privacy-deletion-job" => DeletionSubject::parse(bytes).map(drop),
        "profile-explain" => ProfileExplain::parse(bytes, Revision::LATEST).map(drop),
        "exchange-token-revocation" => TokenRevocation::parse(bytes).map(drop),
        "push-token" => PushTokenRegistration::parse(bytes, Revision::LATEST).map(drop),
        "push-token-unregister" => PushTokenRemoval::parse(bytes, Revision::LATEST).map(drop),
        "profile-bulk-import-job" => BulkImport::parse(bytes, Revision::LATEST).map(drop),
        _ => profile(ProfileEndpoint::Import, body),
    }
}

#[test]
fn every_field_of_the_other_server_bodies_is_accepted() {
    for body in [
        &grammar::MERGE,
        &grammar::UNMERGE,
        &grammar::DELETION,
        &grammar::EXPLAIN,
        &grammar::TOKEN_REVOCATION,
        &grammar::BULK_IMPORT,
        &grammar::PUSH_TOKEN,
        &grammar::PUSH_TOKEN_UNREGISTER,
    ] {
        for Placed { object, field } in fields("", body.document) {
            let at = format!("{object}/{}", field.name);
            let text = document(body.document, &at, &sample(&field.value), typed);
            assert!(!unknown_at(parsed(body, &text), &at), "{text}");
        }
    }
}

/// The value of every required field, so that the body is complete.
fn complete(rule: &'static ObjectRule) -> String {
    let members = rule.fields.iter().filter(|field| !field.required.is_empty()).map(|field| {
        let value = match field.value {
            ValueRule::Resource(rule) | ValueRule::Object(rule) => complete(rule),
            ValueRule::Resources { element, min, .. } => {
                format!("[{}]", vec![complete(element); min].join(","))
            }
            ref value => sample(value),
        };
        format!("\"{}\":{value}", field.name)
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[test]
fn a_body_with_every_required_field_is_parsed_and_without_one_it_is_refused() {
    // A deletion requires one of several fields, which is no rule of a single field.
    for body in [
        &grammar::MERGE,
        &grammar::UNMERGE,
        &grammar::EXPLAIN,
        &grammar::TOKEN_REVOCATION,
        &grammar::BULK_IMPORT,
    ] {
        let text = complete(body.document);
        assert_eq!(parsed(body, &text), Ok(()), "{text}");
        for Placed { object, field } in fields("", body.document) {
            if field.required.is_empty() || object.contains("/data/0") {
                continue;
            }
            let broken =
                document(body.document, &format!("{object}/{}", field.name), "null", typed);
            let at = format!("{object}/{}", field.name);
            let violations = parsed(body, &broken).unwrap_err();
            let missing = format!("'{}' is required.", field.name);
            let found =
                violations.iter().any(|v| v.pointer == at && v.fault.to_string() == missing);
            assert!(found || !object.contains("/data"), "{broken}: {violations}");
        }
    }
}

#[test]
fn identifiers_are_as_long_as_their_rule_says_and_no_longer() {
    for Placed { object, field } in fields("/data", &PROFILE_RESOURCE) {
        let (ValueRule::Identifier(kind) | ValueRule::SubjectIdentifier(kind)) = field.value else {
            continue;
        };
        let at = format!("{object}/{}", field.name);
        let with = |bytes: usize| {
            let json = format!("\"{}\"", identifier(kind, bytes));
            document(PROFILE.document, &at, &json, typed)
        };
        let longest = with(kind.max_bytes());
        assert_eq!(profile(ProfileEndpoint::Import, &longest), Ok(()), "{longest}");
        // A token that is too long is ignored.
        let is_accepted = kind == IdentifierField::ExchangeToken;
        let longer = profile(ProfileEndpoint::Import, &with(kind.max_bytes() + 1));
        assert_eq!(longer.is_ok(), is_accepted, "{at}");
    }
}

#[test]
fn every_attribute_has_one_place_in_the_grammar() {
    let placed: Vec<Field> = fields("", PROFILE.document)
        .iter()
        .filter_map(|placed| match placed.field.value {
            ValueRule::Attribute(field) => Some(field),
            _ => None,
        })
        .collect();
    assert_eq!(placed, Field::ALL);
}

#[test]
fn an_object_has_few_enough_fields_to_count_them_in_bits() {
    for Placed { field, .. } in fields("", PROFILE.document) {
        if let ValueRule::Object(rule) | ValueRule::Resource(rule) = field.value {
            assert!(rule.fields.len() <= 32);
        }
    }
    assert_eq!(PROFILE.max_bytes, limits::BODY_BYTES);
}
