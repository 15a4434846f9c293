//! Laws that hold for every body.

use profile_protocol::{ProfileRequest, Revision};
use proptest::prelude::*;

/// JSON that is often almost a request.
fn bodies() -> impl Strategy<Value = String> {
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
    fn what_is_accepted_names_somebody(body in bodies()) {
        if let Ok(request) = ProfileRequest::parse(body.as_bytes(), Revision::LATEST) {
            prop_assert!(!request.identifiers.is_empty() || !request.subject.is_empty());
        }
    }

    #[test]
    fn cutting_a_body_short_never_makes_it_acceptable(cut in 0usize..100) {
        let body = br#"{"data":{"type":"profile","attributes":{"email":"a@example.com","properties":{"a":[1]}}}}"#;
        let cut = cut.min(body.len() - 1);
        prop_assert!(ProfileRequest::parse(&body[..cut], Revision::LATEST).is_err());
    }
}
