//! Requests that are built or parsed are rendered as bodies that say the same, and violations as
//! error documents.

use profile_protocol::{
    Field, IdentifierKind, Identifiers, ProfileEndpoint, ProfileRequest, ProfileRequestBuilder,
    PropertyName, PropertyValue, Revision, Text, UnbuildableRequest,
};
use proptest::prelude::*;

/// One call of a builder.
#[derive(Clone, Debug)]
enum BuildStep {
    Id(String),
    ExchangeToken(String),
    ExternalId(String),
    Email(String),
    PhoneNumber(String),
    AnonymousId(String),
    Subject(String),
    ClearIdentifier(IdentifierKind),
    AppendEmail(String),
    UnappendEmail(String),
    Attribute(Field, String),
    ClearAttribute(Field),
    Property(String, String),
    UnsetProperty(String),
    ClearProperties,
    AppendToProperty(String, Vec<String>),
    UnappendFromProperty(String, Vec<String>),
}

fn emails() -> impl Strategy<Value = String> {
    "[a-z]{1,8}@[a-z]{1,8}\\.com"
}

fn opaque_ids() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9._~/-]{1,20}", "\\PC{1,8}[a-z]"]
}

fn property_names() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-d]", 2 => "\\PC{0,6}", 1 => Just("$append".to_owned())]
}

fn property_values() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("-0.10".to_owned()),
        Just("12345678901234567890123".to_owned()),
        r"[^\x00]*".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| format!("[{}]", values.join(","))),
            inner.prop_map(|value| format!("{{\"x\":{value}}}")),
        ]
    })
}

fn build_steps() -> impl Strategy<Value = BuildStep> {
    let field = || prop::sample::select(&Field::ALL[..]);
    let kind = prop::sample::select(vec![
        IdentifierKind::AnonymousId,
        IdentifierKind::PhoneNumber,
        IdentifierKind::Email,
        IdentifierKind::ExternalId,
        IdentifierKind::Id,
    ]);
    let elements = || prop::collection::vec(property_values(), 0..3);
    let identifiers = prop_oneof![
        prop_oneof![Just("01GDDKASAP8TKDDA2GRZDSVP4H".to_owned()), "[A-Z]{6}"]
            .prop_map(BuildStep::Id),
        opaque_ids().prop_map(BuildStep::ExchangeToken),
        opaque_ids().prop_map(BuildStep::ExternalId),
        emails().prop_map(BuildStep::Email),
        "\\+1[0-9]{10}".prop_map(BuildStep::PhoneNumber),
        opaque_ids().prop_map(BuildStep::AnonymousId),
        emails().prop_map(BuildStep::Subject),
        kind.prop_map(BuildStep::ClearIdentifier),
        emails().prop_map(BuildStep::AppendEmail),
        emails().prop_map(BuildStep::UnappendEmail),
    ];
    let attributes = prop_oneof![
        (field(), prop_oneof!["-?[0-9]{1,2}(\\.[0-9]{1,3})?", "\\PC{0,20}"])
            .prop_map(|(field, text)| BuildStep::Attribute(field, text)),
        field().prop_map(BuildStep::ClearAttribute),
        (property_names(), property_values())
            .prop_map(|(name, value)| BuildStep::Property(name, value)),
        property_names().prop_map(BuildStep::UnsetProperty),
        Just(BuildStep::ClearProperties),
        (property_names(), elements())
            .prop_map(|(name, elements)| BuildStep::AppendToProperty(name, elements)),
        (property_names(), elements())
            .prop_map(|(name, elements)| BuildStep::UnappendFromProperty(name, elements)),
    ];
    prop_oneof![identifiers, attributes]
}

/// The builder after one more call, or unchanged if the value is not valid by itself.
fn with_step(builder: ProfileRequestBuilder, step: &BuildStep) -> ProfileRequestBuilder {
    let unchanged = builder.clone();
    let applied =
        || {
            Some(match step {
                BuildStep::Id(id) => builder
                    .identifiers(Identifiers { id: id.parse().ok(), ..Identifiers::default() }),
                BuildStep::ExchangeToken(token) => builder.exchange_token(token.parse().ok()?),
                BuildStep::ExternalId(id) => builder.external_id(id.parse().ok()?),
                BuildStep::Email(email) => builder.email(email.parse().ok()?),
                BuildStep::PhoneNumber(number) => builder.phone_number(number.parse().ok()?),
                BuildStep::AnonymousId(id) => builder.anonymous_id(id.parse().ok()?),
                BuildStep::Subject(email) => builder
                    .subject(Identifiers { email: email.parse().ok(), ..Identifiers::default() }),
                BuildStep::ClearIdentifier(kind) => builder.clear_identifier(*kind),
                BuildStep::AppendEmail(email) => builder.append_email(email.parse().ok()?),
                BuildStep::UnappendEmail(email) => builder.unappend_email(email.parse().ok()?),
                BuildStep::Attribute(field, text) => {
                    builder.attribute(*field, text.parse::<Text>().ok()?)
                }
                BuildStep::ClearAttribute(field) => builder.clear_attribute(*field),
                BuildStep::Property(name, value) => {
                    builder.property(name.parse().ok()?, value.parse().ok()?)
                }
                BuildStep::UnsetProperty(name) => builder.unset_property(name.parse().ok()?),
                BuildStep::ClearProperties => builder.clear_properties(),
                BuildStep::AppendToProperty(name, elements) => {
                    let (name, elements) = named_elements(name, elements)?;
                    builder.append_to_property(name, elements)
                }
                BuildStep::UnappendFromProperty(name, elements) => {
                    let (name, elements) = named_elements(name, elements)?;
                    builder.unappend_from_property(name, elements)
                }
            })
        };
    applied().unwrap_or(unchanged)
}

fn named_elements(name: &str, elements: &[String]) -> Option<(PropertyName, Vec<PropertyValue>)> {
    let elements: Result<_, _> = elements.iter().map(|element| element.parse()).collect();
    Some((name.parse().ok()?, elements.ok()?))
}

fn endpoints() -> impl Strategy<Value = ProfileEndpoint> {
    prop::sample::select(&ProfileEndpoint::ALL[..])
}

proptest! {
    #[test]
    fn everything_built_is_rendered_as_a_body_that_parses_to_the_same_request(
        endpoint in endpoints(),
        steps in prop::collection::vec(build_steps(), 0..8),
    ) {
        let builder = ProfileRequestBuilder::new(endpoint, Revision::LATEST);
        let builder = steps.iter().fold(builder, with_step);
        match builder.build() {
            Ok(request) => {
                let body = request.to_json(endpoint);
                let parsed =
                    ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST);
                prop_assert_eq!(parsed, Ok(request), "{}", body);
            }
            Err(UnbuildableRequest::Refused(violations)) => {
                prop_assert!(violations.iter().len() > 0);
            }
            Err(_) => {}
        }
    }

    #[test]
    fn everything_parsed_is_rendered_as_a_body_that_parses_to_the_same_request(
        endpoint in endpoints(),
        body in super::laws::sound_bodies(),
    ) {
        rendered_says_the_same(endpoint, &body)?;
    }

    #[test]
    fn almost_any_body_that_is_parsed_is_rendered_as_the_same_request(
        endpoint in endpoints(),
        body in super::laws::bodies(),
    ) {
        rendered_says_the_same(endpoint, &body)?;
    }
}

fn rendered_says_the_same(endpoint: ProfileEndpoint, body: &str) -> Result<(), TestCaseError> {
    if let Ok(request) = ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST) {
        let rendered = request.to_json(endpoint);
        let parsed = ProfileRequest::parse_at(endpoint, rendered.as_bytes(), Revision::LATEST);
        prop_assert_eq!(parsed, Ok(request), "{} became {}", body, rendered);
    }
    Ok(())
}

#[test]
fn a_body_with_lists_in_both_places_is_rendered_as_the_same_request() {
    let body = r#"{"data":{"type":"profile","attributes":{"email":"a@example.com","properties":{
        "$append":{"a":[1],"b":2},"$unappend":{"c":[]},"$unset":["d","d"]}},
        "meta":{"patch_properties":{"append":{"b":[3],"a":4},"unappend":{"c":5},"unset":"e"},
        "patch_identifiers":{"append":{"email":"b@example.com"},"unappend":{"email":[]}}}}}"#;
    for endpoint in [ProfileEndpoint::Client, ProfileEndpoint::Import] {
        assert!(ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST).is_ok());
        rendered_says_the_same(endpoint, body).unwrap();
    }
}

#[test]
fn a_builder_refuses_what_no_endpoint_accepts() {
    let empty = ProfileRequestBuilder::new(ProfileEndpoint::Client, Revision::LATEST);
    assert!(matches!(empty.build(), Err(UnbuildableRequest::Refused(_))));
    let new = || {
        ProfileRequestBuilder::new(ProfileEndpoint::Client, Revision::LATEST)
            .email("a@example.com".parse().unwrap())
    };
    let step = new().property("$unset".parse().unwrap(), "[\"plan\"]".parse().unwrap());
    assert_eq!(step.build(), Err(UnbuildableRequest::Inexpressible));
    let cleared = new().clear_identifier(IdentifierKind::PhoneNumber);
    assert_eq!(cleared.build(), Err(UnbuildableRequest::Inexpressible));
    let both = new().clear_properties().property("a".parse().unwrap(), "1".parse().unwrap());
    assert_eq!(both.build(), Err(UnbuildableRequest::Inexpressible));
    let latitude = new().attribute(Field::Latitude, "north".parse().unwrap());
    assert!(matches!(latitude.build(), Err(UnbuildableRequest::Refused(_))));
}

#[test]
fn a_builder_shows_no_personal_value() {
    let builder = ProfileRequestBuilder::new(ProfileEndpoint::Import, Revision::LATEST)
        .email("sarah@example.com".parse().unwrap())
        .phone_number("+15005550006".parse().unwrap())
        .external_id("customer-7".parse().unwrap())
        .append_email("mason@example.com".parse().unwrap())
        .attribute(Field::City, "Boston".parse().unwrap())
        .property("plan".parse().unwrap(), "\"gold\"".parse().unwrap());
    let request = builder.clone().build().unwrap();
    for shown in [format!("{builder:?}"), format!("{request:?}"), format!("{request:#?}")] {
        for value in ["sarah", "5005550006", "customer-7", "mason", "Boston", "gold"] {
            assert!(!shown.contains(value), "{shown}");
        }
    }
}

#[test]
fn violations_are_rendered_with_the_status_and_the_code_of_their_class() {
    let large = vec![b' '; 102_401];
    let invalid = br#"{"data":{"type":"profile","attributes":{"email":"x","first_name":7}}}"#;
    let cases: [(&[u8], u16, &str); 3] =
        [(b"{", 400, "parse_error"), (&large, 413, "payload_too_large"), (invalid, 400, "invalid")];
    for (body, status, code) in cases {
        let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
        assert_eq!((violations.class().status(), violations.class().code()), (status, code));
        let mut ids = 0..;
        let document = violations.to_document(|| ids.next().unwrap().to_string());
        assert_eq!(document.errors.len(), violations.iter().len());
        let json: serde_json::Value = serde_json::from_str(&document.to_json()).unwrap();
        for (number, (error, violation)) in
            document.errors.iter().zip(violations.iter()).enumerate()
        {
            assert_eq!((error.status, error.code), (status, code));
            let rendered = &json["errors"][number];
            assert_eq!(rendered["id"], number.to_string());
            assert_eq!(rendered["detail"], violation.fault.to_string());
            assert_eq!(rendered["source"]["pointer"], *violation.pointer);
        }
    }
}
