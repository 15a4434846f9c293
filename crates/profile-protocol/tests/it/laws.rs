//! Laws that hold for every body.

use profile_protocol::{ProfileEndpoint, ProfileRequest, RequestParts, Revision};
use proptest::prelude::*;

/// JSON that is often almost a request.
pub(crate) fn bodies() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just(r#""a@example.com""#.to_owned()),
        Just(r#""+15005550006""#.to_owned()),
        Just("1e400".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        "-?[0-9]{1,3}",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let name = prop_oneof![
        Just("type"),
        Just("attributes"),
        Just("email"),
        Just("phone_number"),
        Just("location"),
        Just("latitude"),
        Just("properties"),
        Just("$append"),
        Just("$unset"),
        Just("meta"),
        Just("identifiers"),
        Just("patch_properties"),
        Just("append"),
        Just("id"),
        Just("x"),
    ];
    let value = leaf.prop_recursive(5, 48, 8, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((name.clone(), inner.clone()), 0..8).prop_map(|members| {
                let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
            1 => prop::collection::vec(inner, 0..4)
                .prop_map(|values| format!("[{}]", values.join(","))),
        ]
    });
    value.prop_map(|data| format!("{{\"data\":{data}}}"))
}

/// Bodies with nothing wrong in them but, perhaps, where they are sent to.
pub(crate) fn sound_bodies() -> impl Strategy<Value = String> {
    let attributes = members(&[
        ("email", &["null", r#""a@example.com""#]),
        ("phone_number", &["null", r#""+15005550006""#]),
        ("external_id", &["null", r#""e-1""#]),
        ("anonymous_id", &["null", r#""device""#]),
        ("_kx", &["null", r#""t.ABC123""#]),
        ("properties", &["null", r#"{"plan":1}"#]),
    ]);
    let meta = members(&[
        ("identifiers", &["null", r#"{"email":null}"#, r#"{"email":"b@example.com"}"#]),
        ("patch_properties", &["null", r#"{"unset":"old"}"#]),
    ]);
    let id = prop_oneof![Just(""), Just(r#","id":null"#), Just(r#","id":"ABC123""#)];
    let meta = prop_oneof![Just(String::new()), meta.prop_map(|meta| format!(r#","meta":{meta}"#))];
    (attributes, meta, id).prop_map(|(attributes, meta, id)| {
        format!(r#"{{"data":{{"type":"profile","attributes":{attributes}{meta}{id}}}}}"#)
    })
}

/// An object of some of these members, each with one of its values.
fn members(
    all: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = String> {
    prop::sample::subsequence(all, 0..=all.len())
        .prop_flat_map(|some| {
            let member = |(name, values): (&'static str, &'static [&'static str])| {
                prop::sample::select(values).prop_map(move |value| format!(r#""{name}":{value}"#))
            };
            some.into_iter().map(member).collect::<Vec<_>>()
        })
        .prop_map(|members| format!("{{{}}}", members.join(",")))
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ProfileRequest::parse(&body, Revision::LATEST);
    }

    #[test]
    fn the_answer_is_always_the_same(body in bodies()) {
        let read = || ProfileRequest::parse(body.as_bytes(), Revision::LATEST);
        prop_assert_eq!(read(), read());
    }

    #[test]
    fn every_accepted_request_has_an_identifier(body in sound_bodies()) {
        if let Ok(request) = ProfileRequest::parse(body.as_bytes(), Revision::LATEST) {
            prop_assert!(!request.identifiers().is_empty() || !request.subject().is_empty());
        }
    }

    #[test]
    fn every_accepted_server_request_has_an_identifier_and_removes_none_twice(body in sound_bodies()) {
        use ProfileEndpoint::{Client, Create, Import, Update};
        for endpoint in [Create, Update, Import] {
            let read = ProfileRequest::parse_at(endpoint, body.as_bytes(), Revision::LATEST);
            let Ok(request) = read else { continue };
            let RequestParts { subject, identifiers, mut cleared, .. } = request.into_parts();
            prop_assert!(!identifiers.is_empty() || !subject.is_empty());
            prop_assert!(endpoint != Update || identifiers.id.is_some());
            let number = cleared.len();
            cleared.sort_unstable();
            cleared.dedup();
            prop_assert_eq!(cleared.len(), number);
            if endpoint == Create {
                prop_assert!(subject.is_empty() && identifiers.id.is_none());
                prop_assert!(identifiers.exchange_token.is_none());
            }
        }
        if let Ok(request) = ProfileRequest::parse_at(Client, body.as_bytes(), Revision::LATEST) {
            prop_assert!(request.cleared().is_empty());
            let import = ProfileRequest::parse_at(Import, body.as_bytes(), Revision::LATEST);
            prop_assert_eq!(import.as_ref().map(ProfileRequest::patch), Ok(request.patch()));
        }
    }

    #[test]
    fn cutting_a_body_short_never_makes_it_acceptable(cut in 0usize..100) {
        let body = br#"{"data":{"type":"profile","attributes":{"email":"a@example.com","properties":{"a":[1]}}}}"#;
        let cut = cut.min(body.len() - 1);
        prop_assert!(ProfileRequest::parse(&body[..cut], Revision::LATEST).is_err());
    }
}
