//! Bodies that real clients send, and what is read from them.

use profile_protocol::{
    Change, ClaimedId, Field, Patch, ProfileRequest, PropertiesPatch, PropertyName, PropertyValue,
    RequestParts, Revision,
};
use serde_json::json;

/// The only place that calls the parser here.
fn reads(body: &str) -> RequestParts {
    ProfileRequest::parse(body.as_bytes(), Revision::LATEST)
        .unwrap_or_else(|violations| panic!("{violations}\n{body}"))
        .into_parts()
}

fn attributes(attributes: &str) -> RequestParts {
    reads(&format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#))
}

fn name(text: &str) -> PropertyName {
    text.parse().unwrap()
}

fn value(json: &str) -> PropertyValue {
    json.parse().unwrap()
}

fn set(patch: &Patch, field: Field) -> &str {
    match &patch.fields[field] {
        Change::Set(text) => text.as_str(),
        other => panic!("{} is {other:?}", field.name()),
    }
}

#[test]
fn the_first_revision_names_the_subject_apart_from_the_attributes() {
    let request = reads(
        &json!({"data": {
            "type": "profile",
            "attributes": {
                "email": "sarah.mason@klaviyo-demo.com", "phone_number": "+15005550006",
                "external_id": "63f64a2b-c6bf-40c7-b81f-bed08162edbe", "anonymous_id": "anon-1",
                "first_name": "Sarah", "last_name": "Mason", "organization": "Klaviyo",
                "title": "Engineer", "image": "https://images.example/1.png",
                "location": {
                    "address1": "89 E 42nd St", "address2": "1st floor", "city": "New York",
                    "country": "United States", "latitude": "40.7", "longitude": -74.0,
                    "region": "NY", "zip": "10017", "timezone": "America/New_York"
                },
                "properties": {"newKey": "New Value"}
            },
            "meta": {"identifiers": {
                "id": "01GDDKASAP8TKDDA2GRZDSVP4H", "external_id": "ext-2",
                "email": "old@klaviyo-demo.com", "phone_number": "+15005550007",
                "anonymous_id": "anon-2", "_kx": "N1a3kx.ABC123"
            }}
        }})
        .to_string(),
    );
    let subject = request.subject;
    assert!(matches!(subject.id, Some(ClaimedId::Profile(_))));
    assert_eq!(subject.external_id.unwrap().as_str(), "ext-2");
    assert_eq!(subject.email.unwrap().as_str(), "old@klaviyo-demo.com");
    assert_eq!(subject.phone_number.unwrap().as_str(), "+15005550007");
    assert_eq!(subject.anonymous_id.unwrap().as_str(), "anon-2");
    assert_eq!(subject.exchange_token.unwrap().as_str(), "N1a3kx.ABC123");
    assert_eq!(request.identifiers.email.unwrap().as_str(), "sarah.mason@klaviyo-demo.com");
    assert_eq!(request.identifiers.id, None);
    assert_eq!(set(&request.patch, Field::Latitude), "40.7");
    assert_eq!(set(&request.patch, Field::Longitude), "-74.0");
    assert_eq!(set(&request.patch, Field::Timezone), "America/New_York");
    assert_eq!(request.patch.properties.set, [(name("newKey"), value(r#""New Value""#))]);
}

#[test]
fn the_newest_revision_patches_properties_and_identifiers() {
    let request = reads(
        &json!({"data": {
            "type": "profile", "id": "ABC123",
            "attributes": {"_kx": "x.ABC123", "locale": "en-US", "location": {"ip": "127.0.0.1"}},
            "meta": {
                "patch_properties": {
                    "append": {"skus": "92538"}, "unappend": {"skus": ["40571", 7]}, "unset": "gone"
                },
                "patch_identifiers": {
                    "append": {"email": ["Second@Example.com"]}, "unappend": {"email": "third@example.com"}
                }
            }
        }})
        .to_string(),
    );
    assert_eq!(request.identifiers.id, Some(ClaimedId::Foreign));
    assert_eq!(set(&request.patch, Field::Locale), "en-US");
    assert_eq!(set(&request.patch, Field::Ip), "127.0.0.1");
    let expected = PropertiesPatch {
        append: vec![(name("skus"), vec![value(r#""92538""#)])],
        unappend: vec![(name("skus"), vec![value(r#""40571""#), value("7")])],
        unset: vec![name("gone")],
        ..PropertiesPatch::default()
    };
    assert!(request.patch.properties == expected);
    assert_eq!(request.secondary_emails.append[0].as_str(), "second@example.com");
    assert_eq!(request.secondary_emails.unappend[0].as_str(), "third@example.com");
}

#[test]
fn operators_inside_properties_mean_the_same_as_in_meta() {
    let request = attributes(
        r#"{"properties":{"$append":{"tags":["a"]},"$unappend":{"tags":"b"},"$unset":["x","y"],
            "$exchange_id":"t.ABC123","$referrer":{"ts":1},"plan":null}}"#,
    );
    let expected = PropertiesPatch {
        set: vec![(name("$referrer"), value(r#"{"ts":1}"#)), (name("plan"), value("null"))],
        append: vec![(name("tags"), vec![value(r#""a""#)])],
        unappend: vec![(name("tags"), vec![value(r#""b""#)])],
        unset: vec![name("x"), name("y")],
        clear: false,
    };
    assert!(request.patch.properties == expected, "{:?}", request.patch.properties);
    assert_eq!(request.identifiers.exchange_token.unwrap().as_str(), "t.ABC123");
}

#[test]
fn a_token_among_the_attributes_goes_before_one_among_the_properties() {
    let request = attributes(r#"{"properties":{"$exchange_id":"second.A"},"_kx":"first.A"}"#);
    assert_eq!(request.identifiers.exchange_token.unwrap().as_str(), "first.A");
}

#[test]
fn an_anonymous_id_is_enough_to_identify_a_profile() {
    let request =
        attributes(r#"{"anonymous_id":"3F2504E0-4F89-11D3-9A0C-0305E82C3301","properties":{}}"#);
    assert!(request.patch == Patch::default());
}

#[test]
fn a_subject_alone_needs_no_attributes() {
    reads(r#"{"data":{"type":"profile","meta":{"identifiers":{"email":"a@example.com"}}}}"#);
    reads(r#"{"data":{"type":"profile","id":"01GDDKASAP8TKDDA2GRZDSVP4H"}}"#);
}

#[test]
fn null_clears_attributes_and_leaves_identifiers_absent() {
    let request = attributes(
        r#"{"email":null,"external_id":null,"anonymous_id":"a","_kx":null,"first_name":null,
            "location":null,"properties":null}"#,
    );
    assert_eq!(request.identifiers.email, None);
    assert_eq!(request.identifiers.external_id, None);
    assert_eq!(request.patch.fields[Field::FirstName], Change::Clear);
    assert_eq!(request.patch.fields[Field::LastName], Change::Keep);
    assert_eq!(request.patch.fields[Field::City], Change::Clear);
    assert_eq!(request.patch.fields[Field::Ip], Change::Clear);
    assert!(request.patch.properties.clear);
}

#[test]
fn null_in_place_of_a_patch_says_nothing() {
    let request = reads(
        r#"{"data":{"type":"profile","id":null,"attributes":{"email":"a@example.com"},
            "meta":{"identifiers":null,"patch_identifiers":null,
            "patch_properties":{"append":{"a":null},"unappend":null,"unset":null}}}}"#,
    );
    assert!(request.patch == Patch::default());
    reads(r#"{"data":{"type":"profile","attributes":{"email":"a@example.com"},"meta":null}}"#);
}

#[test]
fn relationships_that_browsers_send_along_are_let_through() {
    reads(
        r#"{"data":{"type":"profile","attributes":{"email":"a@example.com"},
            "relationships":{"lists":{"data":[{"type":"list","id":"Y6nRLr"}]}}}}"#,
    );
    // Whole pairs of surrogates, and a backslash before what looks like one.
    reads(
        r#"{"data":{"type":"profile","attributes":{"email":"a@example.com"},
            "relationships":{"\ud83d\uDE42":"\\ud800 \"\u0041\n\\"}}}"#,
    );
}

#[test]
fn names_and_values_may_be_escaped() {
    let request = reads(
        r#"{"d\u0061ta":{"type":"pro\u0066ile","attributes":{"\u0065mail":"\u0061@example.com",
            "first_name":"\u00c9lodie \ud83d\ude42","properties":{"caf\u00e9":"\t"}}}}"#,
    );
    assert_eq!(request.identifiers.email.unwrap().as_str(), "a@example.com");
    assert_eq!(set(&request.patch, Field::FirstName), "Élodie 🙂");
    assert_eq!(request.patch.properties.set, [(name("café"), value(r#""\t""#))]);
}

#[test]
fn numbers_keep_every_digit() {
    let request = attributes(
        r#"{"email":"a@example.com","location":{"latitude":40.7128000000000001},
            "properties":{"a":12345678901234567890123,"b":1e300,"c":0.10}}"#,
    );
    assert_eq!(set(&request.patch, Field::Latitude), "40.7128000000000001");
    let digits = request.patch.properties.set.iter().map(|(_, value)| value.as_json());
    assert_eq!(digits.collect::<Vec<_>>(), ["12345678901234567890123", "1e300", "0.10"]);
}

#[test]
fn an_empty_array_counts_as_an_object_without_members() {
    let request = reads(
        r#"{"data":{"type":"profile","attributes":{"email":"a@example.com","location":[],
            "properties":[ ]},"meta":{"identifiers":[],"patch_identifiers":{"append":[]},
            "patch_properties":{"append":[],"unappend":[]}}}}"#,
    );
    // It clears nothing, unlike null.
    assert!(request.patch == Patch::default(), "{:?}", request.patch);
    reads(r#"{"data":{"type":"profile","attributes":{"email":"a@example.com"},"meta":[]}}"#);
    reads(r#"{"data":{"type":"profile","id":"01GDDKASAP8TKDDA2GRZDSVP4H","attributes":[]}}"#);
    let operators =
        r#"{"email":"a@example.com","properties":{"$append":[],"$unappend":[],"a":[]}}"#;
    let request = attributes(operators);
    assert_eq!(request.patch.properties.set, [(name("a"), value("[]"))]);
}

#[test]
fn a_byte_order_mark_before_the_body_is_skipped() {
    reads("\u{feff}{\"data\":{\"type\":\"profile\",\"attributes\":{\"email\":\"a@example.com\"}}}");
}

#[test]
fn a_malformed_token_is_no_reason_to_refuse_what_else_is_said() {
    let long = "x".repeat(2_000);
    for token in ["", " ", r"a\u0000b", &long] {
        let of = |fields: &str| attributes(&format!(r#"{{"email":"a@example.com",{fields}}}"#));
        let request = of(&format!(r#""_kx":"{token}""#));
        assert_eq!(request.identifiers.exchange_token.unwrap().as_str(), "", "{token}");
        let request = of(&format!(r#""properties":{{"$exchange_id":"{token}"}}"#));
        assert_eq!(request.identifiers.exchange_token.unwrap().as_str(), "", "{token}");
    }
    // One that is blank says nothing about whom the request concerns; any other might have.
    let alone = |token: &str| {
        let body = format!(r#"{{"data":{{"type":"profile","attributes":{{"_kx":"{token}"}}}}}}"#);
        ProfileRequest::parse(body.as_bytes(), Revision::LATEST).is_ok()
    };
    assert!(!alone("") && !alone(" ") && alone(&long));
}
