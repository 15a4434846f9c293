//! Bodies that are refused, with everything that is wrong with them.

use profile_protocol::{ProfileRequest, Revision, limits};

/// The only place that calls the parser here.
fn refuses(body: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
    let body = body.as_ref();
    let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
    let found: Vec<(String, String)> =
        violations.iter().map(|v| (v.pointer.clone(), v.fault.to_string())).collect();
    let expected: Vec<(String, String)> =
        expected.iter().map(|&(pointer, detail)| (pointer.to_owned(), detail.to_owned())).collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(body));
}

fn refuses_attributes(attributes: &str, expected: &[(&str, &str)]) {
    refuses(format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#), expected);
}

const OBJECT: &str = "Must be an object.";
const STRING: &str = "Must be a string.";
const EMPTY_DATA: &str =
    "One of `attributes`, `relationships` or `id` must be included in the request payload.";
const NO_IDENTIFIER: &str = "One of `id`, `_kx`, `external_id`, `email`, `phone_number` or \
     `anonymous_id` must be included to say whom the request is about.";
const PHONE: &str = "Invalid phone number format (Example of a valid format: +12345678901)";

#[test]
fn broken_json_is_refused_with_its_position() {
    let syntax = |body: &[u8], message: &str| {
        refuses(body, &[("", &format!("Invalid JSON: {message}."))]);
    };
    syntax(b"", "EOF while parsing a value at line 1 column 0");
    syntax(b"{\"data\":", "EOF while parsing a value at line 1 column 8");
    syntax(b"{\"data\":{}}\n}", "trailing characters at line 2 column 1");
    syntax(b"\xef\xbb\xbf\xef\xbb\xbf{}", "expected value at line 1 column 1");
    syntax(b"{\"data\":\xff}", "not UTF-8 after byte 8");
    syntax(b"{\0\"", "key must be a string at line 1 column 2");
}

#[test]
fn the_wrong_kind_of_json_is_named() {
    for body in ["[]", "null", "1", "\"data\"", "true"] {
        refuses(body, &[("", OBJECT)]);
    }
    refuses("{}", &[("/data", "'data' is required.")]);
    refuses(r#"{"data":[]}"#, &[("/data", OBJECT)]);
    refuses(r#"{"data":null}"#, &[("/data", OBJECT)]);
    refuses(
        r#"{"data":{"type":"profile","id":1,"attributes":{"email":{},"location":[0],"properties":"x"},"meta":1}}"#,
        &[
            ("/data/id", STRING),
            ("/data/attributes/email", STRING),
            ("/data/attributes/location", OBJECT),
            ("/data/attributes/properties", OBJECT),
            ("/data/meta", OBJECT),
        ],
    );
    refuses_attributes(
        r#"{"email":"a@example.com","first_name":1,"last_name":true,"location":{"city":[],"latitude":false}}"#,
        &[
            ("/data/attributes/first_name", STRING),
            ("/data/attributes/last_name", STRING),
            ("/data/attributes/location/city", STRING),
            ("/data/attributes/location/latitude", "Must be a number, or one in a string."),
        ],
    );
}

#[test]
fn data_has_to_say_what_it_is_and_something_more() {
    refuses(r#"{"data":{"type":"profile"}}"#, &[("/data", EMPTY_DATA)]);
    refuses(r#"{"data":{}}"#, &[("/data/type", "'type' is required."), ("/data", EMPTY_DATA)]);
    refuses(
        r#"{"data":{"type":"event","attributes":{"email":"a@example.com"}}}"#,
        &[("/data/type", "'type' must be 'profile'.")],
    );
}

#[test]
fn an_identifier_is_required() {
    let no_identifier = &[("/data/attributes", NO_IDENTIFIER)];
    refuses_attributes("{}", no_identifier);
    refuses_attributes("null", no_identifier);
    refuses_attributes(r#"{"first_name":"Sarah"}"#, no_identifier);
    refuses_attributes(r#"{"email":null,"phone_number":null}"#, no_identifier);
}

#[test]
fn an_empty_identifier_is_refused_with_the_advice_to_leave_it_out() {
    let body = br#"{"data":{"type":"profile","attributes":
        {"email":"","phone_number":" ","external_id":"","anonymous_id":"a"}}}"#;
    let violations = ProfileRequest::parse(body, Revision::LATEST).unwrap_err();
    for violation in violations.iter() {
        let said = violation.fault.reason().unwrap_or(violation.fault.to_string());
        assert!(said.contains("leave the field out if there is none"), "{said}");
    }
    assert_eq!(violations.iter().len(), 3);
}

#[test]
fn unknown_fields_are_named_wherever_they_stand() {
    let unknown = |name: &str| format!("'{name}' is not a valid field for the resource 'profile'.");
    refuses(
        r#"{"data":{"type":"profile","ID":1,"attributes":{"email":"a@example.com","emial":"x","a/b":1,
            "location":{"town":1}},"meta":{"identifiers":{"mail":1},"patch_identifiers":{"append":{"phone_number":1}}}},"jsonapi":{}}"#,
        &[
            ("/data/ID", &unknown("ID")),
            ("/data/attributes/emial", &unknown("emial")),
            ("/data/attributes/a~1b", &unknown("a/b")),
            ("/data/attributes/location/town", &unknown("town")),
            ("/data/meta/identifiers/mail", &unknown("mail")),
            ("/data/meta/patch_identifiers/append/phone_number", &unknown("phone_number")),
            ("/jsonapi", &unknown("jsonapi")),
        ],
    );
}

#[test]
fn every_fault_is_reported_and_not_only_the_first() {
    refuses_attributes(
        r#"{"email":"blobemail","phone_number":"5555555555","external_id":"","anonymous_id":"a\u0000b",
            "location":{"latitude":91,"longitude":"east"},"properties":{"deep":[[[[[[[[[[[]]]]]]]]]]]}}"#,
        &[
            ("/data/attributes/email", "Invalid email address"),
            ("/data/attributes/phone_number", PHONE),
            (
                "/data/attributes/external_id",
                "The identifier must not be empty or only white space; leave the field out if \
                 there is none.",
            ),
            (
                "/data/attributes/anonymous_id",
                "The identifier must not contain control characters.",
            ),
            (
                "/data/attributes/location/latitude",
                "The coordinate must be from -90 to 90 degrees.",
            ),
            (
                "/data/attributes/location/longitude",
                "The coordinate must be a decimal number of degrees.",
            ),
            (
                "/data/attributes/properties/deep",
                "The property must not nest deeper than 10 levels.",
            ),
        ],
    );
}

#[test]
fn the_subject_and_patches_are_held_to_the_same_rules() {
    refuses(
        r#"{"data":{"type":"profile","meta":{"identifiers":{"email":"x","_kx":5},
            "patch_properties":{"append":[[]],"unappend":{"a":"\udead"},"unset":["ok",1]},
            "patch_identifiers":{"append":{"email":["a@example.com","b"]},"unappend":{"email":5}}}}}"#,
        &[
            ("/data/meta/identifiers/email", "Invalid email address"),
            ("/data/meta/identifiers/_kx", STRING),
            ("/data/meta/patch_properties/append", OBJECT),
            (
                "/data/meta/patch_properties/unappend/a",
                "The property must not contain half of a surrogate pair.",
            ),
            ("/data/meta/patch_properties/unset/1", STRING),
            ("/data/meta/patch_identifiers/append/email/1", "Invalid email address"),
            ("/data/meta/patch_identifiers/unappend/email", STRING),
        ],
    );
}

#[test]
fn a_name_given_twice_is_ambiguous_and_refused() {
    refuses_attributes(
        r#"{"email":"a@example.com","\u0065mail":"b@example.com","properties":{"a":1,"b":2,"\u0061":3}}"#,
        &[
            ("/data/attributes/email", "'email' is given more than once."),
            ("/data/attributes/properties/a", "'a' is given more than once."),
        ],
    );
    let twice = |name: &str| format!("'{name}' is given more than once.");
    refuses(
        r#"{"data":{"type":"profile","attributes":{"email":"a@example.com","properties":
            {"$append":{"a":1,"a":2},"$unset":"b","$exchange_id":"c","$append":{"a":3},
            "$unset":"d","$exchange_id":"e"}},"meta":{"patch_properties":{"unappend":{"f":1,"\u0066":2}}}}}"#,
        &[
            ("/data/attributes/properties/$append/a", &twice("a")),
            ("/data/attributes/properties/$append", &twice("$append")),
            ("/data/attributes/properties/$exchange_id", &twice("$exchange_id")),
            ("/data/attributes/properties/$unset", &twice("$unset")),
            ("/data/meta/patch_properties/unappend/f", &twice("f")),
        ],
    );
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    refuses_attributes(
        r#"{"anonymous_id":"\ud800","first_name":"\udc00x","properties":{"a":"\ud83d"}}"#,
        &[
            ("/data/attributes/anonymous_id", "Must not contain half of a surrogate pair."),
            ("/data/attributes/first_name", "Must not contain half of a surrogate pair."),
            (
                "/data/attributes/properties/a",
                "The property must not contain half of a surrogate pair.",
            ),
        ],
    );
}

#[test]
fn half_a_surrogate_pair_in_a_name_is_refused_where_it_stands() {
    let surrogate = "Must not contain half of a surrogate pair.";
    refuses(
        r#"{"data":{"type":"profile","\ud800":1,"attributes":{"email":"a@example.com","\udc00x":{},
            "location":{"\ud800":1},"properties":{"a\ud83d":[1],"$append":{"\udead":1},
            "b":{"\ud800":1}}},"meta":{"patch_properties":{"unappend":{"c/\ud800":1}}}}}"#,
        &[
            (r"/data/\ud800", surrogate),
            (r"/data/attributes/\udc00x", surrogate),
            (r"/data/attributes/location/\ud800", surrogate),
            (r"/data/attributes/properties/a\ud83d", surrogate),
            (r"/data/attributes/properties/$append/\udead", surrogate),
            (
                "/data/attributes/properties/b",
                "The property must not contain half of a surrogate pair.",
            ),
            (r"/data/meta/patch_properties/unappend/c~1\ud800", surrogate),
        ],
    );
    // Also in what is ignored.
    for ignored in [r#"{"\ud800":1}"#, r#"[{"a":"\\\udc00"}]"#, r#""\ud800\u0041""#, r#""\uD83d""#]
    {
        let body = format!(
            r#"{{"data":{{"type":"profile","attributes":{{"email":"a@example.com"}},
            "relationships":{ignored}}}}}"#
        );
        refuses(&body, &[("/data/relationships", surrogate)]);
    }
    // What is no JSON at all stays that, in a name as well.
    refuses(
        "{\"data\":{\"a\n\":1}}",
        &[(
            "",
            "Invalid JSON: control character (\\u0000-\\u001F) found while parsing a string at line 1 column 11.",
        )],
    );
}

#[test]
fn what_readers_could_not_take_is_refused_where_it_stands() {
    let digits = "1".repeat(limits::NUMBER_DIGITS + 1);
    refuses_attributes(
        &format!(
            r#"{{"email":"a@example.com","first_name":"a\u0000","properties":{{"a":{digits},
            "b":[1e400],"c":"\u0000","d\u0000":1,"$append":{{"e":[-1e400]}},"$unset":["\u0000"]}}}}"#
        ),
        &[
            ("/data/attributes/first_name", "The text must not contain the character U+0000."),
            (
                "/data/attributes/properties/a",
                "The property must not contain a number of more than 100 digits; in a string it \
                 may be longer.",
            ),
            (
                "/data/attributes/properties/b",
                "The property must not contain a number outside the range of a double, 2.3e-308 \
                 to 1.7e308; a string may have any.",
            ),
            (
                "/data/attributes/properties/c",
                "The property must not contain the character U+0000.",
            ),
            (
                "/data/attributes/properties/d\0",
                "The property must not contain the character U+0000.",
            ),
            (
                "/data/attributes/properties/$append/e",
                "The property must not contain a number outside the range of a double, 2.3e-308 \
                 to 1.7e308; a string may have any.",
            ),
            (
                "/data/attributes/properties/$unset/0",
                "The property must not contain the character U+0000.",
            ),
        ],
    );
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    refuses(vec![b' '; limits::BODY_BYTES + 1], &[("", "The body must be at most 102400 bytes.")]);
    let text = "x".repeat(limits::TEXT_BYTES + 1);
    refuses_attributes(
        &format!(r#"{{"email":"a@example.com","image":"{text}"}}"#),
        &[("/data/attributes/image", "The text must be at most 2048 bytes.")],
    );
    let many: Vec<String> = (0..=limits::PROPERTIES).map(|n| format!(r#""{n}":1"#)).collect();
    refuses_attributes(
        &format!(r#"{{"email":"a@example.com","properties":{{{}}}}}"#, many.join(",")),
        &[("/data/attributes/properties", "Must contain at most 1000 properties.")],
    );
}

#[test]
fn an_answer_does_not_outgrow_its_question() {
    let many: Vec<String> = (0..10_000).map(|n| format!(r#""{n}":1"#)).collect();
    let body = format!(r#"{{"data":{{"type":"profile","attributes":{{{}}}}}}}"#, many.join(","));
    let violations = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap_err();
    assert_eq!(violations.iter().len(), limits::VIOLATIONS + 1);
    let name = "n".repeat(50_000);
    let body = format!(r#"{{"data":{{"type":"profile","{name}":1}}}}"#);
    let violations = ProfileRequest::parse(body.as_bytes(), Revision::LATEST).unwrap_err();
    assert!(violations.to_string().len() < 1_000);
}
