//! Every row of the table of refusals that a client can meet: what it is answered,
//! byte for byte but for the ids, and that nothing is stored.

mod before_handlers;
mod rate_limits;

use expect_test::{Expect, expect};

use crate::{
    serving::{Home, Serving},
    stored::StoredProfiles,
    wire::{RawRequest, RawResponse},
};

/// Sees that a request is answered so, that nothing of it is stored, and that the
/// next one is served.
#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
#[track_caller]
fn refuses(request: &RawRequest, expected: Expect) {
    let home = Home::new();
    let gateway = home.serve();
    expected.assert_eq(&shown(&gateway.send(request)));
    assert_only_stores_the_next(&home, gateway, 0);
}

/// Sees that a good request is served, and that nothing but it and `earlier` ones
/// is stored.
#[track_caller]
fn assert_only_stores_the_next(home: &Home, gateway: Serving, earlier: u64) {
    gateway.send(&RawRequest::email("next@example.com")).assert_accepted();
    gateway.stop().assert_exit(0);
    let audit = StoredProfiles::open(home).audit();
    assert_eq!((audit.profiles, audit.outcomes), (earlier + 1, earlier + 1));
    assert!(audit.breaches.is_empty());
}

/// An answer as the snapshots show it: one error a line, without the ids.
pub(crate) fn shown(answer: &RawResponse) -> String {
    let media_type = answer.header("Content-Type").unwrap_or("");
    let mut lines = vec![format!("{} {media_type}", answer.status)];
    for name in ["Accept-Encoding", "Allow", "Retry-After", "Www-Authenticate"] {
        if let Some(value) = answer.header(name) {
            lines.push(format!("{name}: {value}"));
        }
    }
    let errors = answer.text().strip_prefix(r#"{"errors":[{"id":""#).unwrap();
    let errors = errors.strip_suffix("]}").unwrap();
    for error in errors.split(r#",{"id":""#) {
        let (id, rest) = error.split_at(36);
        assert!(is_uuid(id), "{id}");
        lines.push(rest.strip_prefix(r#"","#).unwrap().to_owned());
    }
    lines.join("\n") + "\n"
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A request with these attributes.
fn attributes(attributes: &str) -> RawRequest {
    RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#))
}

/// A good request.
fn good() -> RawRequest {
    RawRequest::email("sarah.mason@klaviyo-demo.com")
}

mod of_the_way_a_request_is_made {
    use super::*;

    #[test]
    fn any_other_path() {
        refuses(
            &good().to("/client/profiles/1?company_id=ABC123"),
            expect![[r#"
            404 application/vnd.api+json
            "status":404,"code":"not_found","title":"Not found.","detail":"This path does not exist.","source":{"pointer":"/data"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn any_other_method() {
        refuses(
            &RawRequest::new("GET", "/client/profiles?company_id=ABC123"),
            expect![[r#"
            405 application/vnd.api+json
            Allow: POST, OPTIONS
            "status":405,"code":"method_not_allowed","title":"Method not allowed.","detail":"Only POST and OPTIONS are allowed here.","source":{"pointer":"/data"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn no_company() {
        refuses(
            &good().to("/client/profiles"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid Company ID","source":{"pointer":"/data","parameter":"company_id"},"links":{},"meta":{"reason":"the query parameter company_id is missing"}}
        "#]],
        );
        refuses(
            &good().to("/client/profiles?company_id="),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid Company ID","source":{"pointer":"/data","parameter":"company_id"},"links":{},"meta":{"reason":"the query parameter company_id is missing"}}
        "#]],
        );
    }

    #[test]
    fn two_companies() {
        let target = "/client/profiles?company_id=ABC123&company_id=ABC123";
        refuses(
            &good().to(target),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid Company ID","source":{"pointer":"/data","parameter":"company_id"},"links":{},"meta":{"reason":"the query parameter company_id is given more than once"}}
        "#]],
        );
    }

    #[test]
    fn an_unconfigured_company() {
        refuses(
            &good().of("abc123"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid Company ID","source":{"pointer":"/data","parameter":"company_id"},"links":{},"meta":{"reason":"no company with this id is configured here"}}
        "#]],
        );
        refuses(
            &good().to("/client/profiles?company_id=%00%FF'--"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid Company ID","source":{"pointer":"/data","parameter":"company_id"},"links":{},"meta":{"reason":"no company with this id is configured here"}}
        "#]],
        );
    }

    #[test]
    fn a_page_of_another_origin() {
        let request = good().of("SHOP01").with("Origin", "https://evil.example");
        refuses(
            &request,
            expect![[r#"
            403 application/vnd.api+json
            "status":403,"code":"permission_denied","title":"Permission denied.","detail":"Pages of this origin may not send profiles for this company.","source":{"pointer":"/data","header":"Origin"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn no_revision() {
        refuses(
            &good().without("revision"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The revision header is required: a date such as 2026-07-15.","source":{"pointer":"/data","header":"revision"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_revision_that_is_no_date() {
        refuses(
            &good().with("revision", "2026-02-30"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The revision must be a calendar date written YYYY-MM-DD, with or without a suffix such as .pre.","source":{"pointer":"/data","header":"revision"},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &good().with("revision", ""),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The revision must be a calendar date written YYYY-MM-DD, with or without a suffix such as .pre.","source":{"pointer":"/data","header":"revision"},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &good().with("revision", "2026-07-15.pre-1"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The revision must have nothing after the date but a dot and 1 to 16 letters or digits.","source":{"pointer":"/data","header":"revision"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_revision_before_the_first() {
        refuses(
            &good().with("revision", "2022-10-16"),
            expect![[r#"
            404 application/vnd.api+json
            "status":404,"code":"not_found","title":"Not found.","detail":"The revision is before the earliest available revision, 2022-10-17; use that date or a later one.","source":{"pointer":"/data","header":"revision"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_revision_after_today() {
        refuses(
            &good().with("revision", "2999-01-15"),
            expect![[r#"
            404 application/vnd.api+json
            "status":404,"code":"not_found","title":"Not found.","detail":"Unable to specify a future revision date","source":{"pointer":"/data","header":"revision"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn another_media_type() {
        refuses(
            &good().with("Content-Type", "application/x-www-form-urlencoded"),
            expect![[r#"
            415 application/vnd.api+json
            "status":415,"code":"unsupported_media_type","title":"Unsupported media type.","detail":"The body must be application/json or application/vnd.api+json.","source":{"pointer":"/data","header":"Content-Type"},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &good().without("Content-Type"),
            expect![[r#"
            415 application/vnd.api+json
            "status":415,"code":"unsupported_media_type","title":"Unsupported media type.","detail":"The body must be application/json or application/vnd.api+json.","source":{"pointer":"/data","header":"Content-Type"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn another_content_coding() {
        refuses(
            &good().with("Content-Encoding", "compress"),
            expect![[r#"
            415 application/vnd.api+json
            Accept-Encoding: gzip, deflate, br, zstd
            "status":415,"code":"unsupported_media_type","title":"Unsupported media type.","detail":"The body must be encoded as gzip, deflate, br or zstd, or not at all.","source":{"pointer":"/data","header":"Content-Encoding"},"links":{},"meta":{}}
        "#]],
        );
        let twice = good().with("Content-Encoding", "gzip").and("Content-Encoding", "gzip");
        refuses(
            &twice,
            expect![[r#"
            415 application/vnd.api+json
            Accept-Encoding: gzip, deflate, br, zstd
            "status":415,"code":"unsupported_media_type","title":"Unsupported media type.","detail":"The body must be encoded as gzip, deflate, br or zstd, or not at all.","source":{"pointer":"/data","header":"Content-Encoding"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_body_too_large() {
        refuses(
            &RawRequest::profile(" ".repeat(102_401)),
            expect![[r#"
            413 application/vnd.api+json
            "status":413,"code":"payload_too_large","title":"Payload too large.","detail":"The body must be at most 102400 bytes.","source":{"pointer":""},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_body_that_is_not_in_the_coding_it_names() {
        refuses(
            &good().with("Content-Encoding", "gzip"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"parse_error","title":"Malformed request.","detail":"The body must be complete and in its content coding.","source":{"pointer":""},"links":{},"meta":{}}
        "#]],
        );
    }
}

mod of_what_a_body_says {
    use super::*;

    #[test]
    fn what_is_not_json() {
        refuses(
            &RawRequest::profile(r#"{"data":"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"parse_error","title":"Malformed request.","detail":"Invalid JSON: EOF while parsing a value at line 1 column 8.","source":{"pointer":""},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &RawRequest::profile(""),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"parse_error","title":"Malformed request.","detail":"Invalid JSON: EOF while parsing a value at line 1 column 0.","source":{"pointer":""},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &RawRequest::profile(b"{\"data\":\"\xff\"}"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"parse_error","title":"Malformed request.","detail":"Invalid JSON: not UTF-8 after byte 9.","source":{"pointer":""},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn json_of_the_wrong_type() {
        refuses(
            &RawRequest::profile("[]"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Must be an object.","source":{"pointer":""},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &attributes(r#"{"email":1,"first_name":["S"],"location":"here"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Must be a string.","source":{"pointer":"/data/attributes/email"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Must be a string.","source":{"pointer":"/data/attributes/first_name"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Must be an object.","source":{"pointer":"/data/attributes/location"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn what_is_missing() {
        refuses(
            &RawRequest::profile("{}"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'data' is required.","source":{"pointer":"/data"},"links":{},"meta":{}}
        "#]],
        );
        let body = r#"{"data":{"attributes":{"email":"a@example.com"}}}"#;
        refuses(
            &RawRequest::profile(body),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'type' is required.","source":{"pointer":"/data/type"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_word_that_is_none_of_those_the_field_takes_and_a_push_token_that_is_none() {
        let body = r#"{"data":{"type":"push-token","attributes":{"token":"","platform":"ios","vendor":"apns","background":"UNAVAILABLE","profile":{"data":{"type":"profile","attributes":{"anonymous_id":"a"}}}}}}"#;
        refuses(
            &RawRequest::profile(body).to("/client/push-tokens?company_id=ABC123"),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The push token must not be empty or only white space.","source":{"pointer":"/data/attributes/token"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'UNAVAILABLE' is not a valid choice for 'background'.","source":{"pointer":"/data/attributes/background"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn an_unknown_field() {
        refuses(
            &attributes(r#"{"email":"a@example.com","first/name":"S"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'first/name' is not a valid field for the resource 'profile'.","source":{"pointer":"/data/attributes/first~1name"},"links":{},"meta":{}}
        "#]],
        );
        refuses(
            &attributes(&format!(r#"{{"{}":1}}"#, "x".repeat(300))),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' is not a valid field for the resource 'profile'.","source":{"pointer":"/data/attributes/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"One of `id`, `_kx`, `external_id`, `email`, `phone_number` or `anonymous_id` must be included to say whom the request is about.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_name_given_twice() {
        let twice =
            r#"{"email":"a@example.com","email":"b@example.com","properties":{"a":1,"a":2}}"#;
        refuses(
            &attributes(twice),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'email' is given more than once.","source":{"pointer":"/data/attributes/email"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'a' is given more than once.","source":{"pointer":"/data/attributes/properties/a"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn another_resource() {
        let body = r#"{"data":{"type":"profiles","attributes":{"email":"a@example.com"}}}"#;
        refuses(
            &RawRequest::profile(body),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"'type' must be 'profile'.","source":{"pointer":"/data/type"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn nothing_at_all() {
        refuses(
            &RawRequest::profile(r#"{"data":{"type":"profile"}}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"One of `attributes`, `relationships` or `id` must be included in the request payload.","source":{"pointer":"/data"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn no_usable_identifier() {
        refuses(
            &attributes(r#"{"first_name":"Sarah","email":null}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"One of `id`, `_kx`, `external_id`, `email`, `phone_number` or `anonymous_id` must be included to say whom the request is about.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn only_placeholders() {
        refuses(
            &attributes(r#"{"external_id":"undefined","anonymous_id":"0"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Every identifier is a placeholder such as `null` or `undefined`.","source":{"pointer":"/data/attributes"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn no_email_address() {
        refuses(
            &attributes(r#"{"email":"sarah@localhost"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid email address","source":{"pointer":"/data/attributes/email"},"links":{},"meta":{"reason":"must have a domain that mail can reach, such as example.com"}}
        "#]],
        );
    }

    #[test]
    fn no_phone_number() {
        refuses(
            &attributes(r#"{"phone_number":"(555) 555-0123"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Invalid phone number format (Example of a valid format: +12345678901)","source":{"pointer":"/data/attributes/phone_number"},"links":{},"meta":{"reason":"must start with + and the country code"}}
        "#]],
        );
    }

    #[test]
    fn no_identifier() {
        refuses(
            &attributes(r#"{"external_id":" ","anonymous_id":"a\u0000b"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The identifier must not be empty or only white space; leave the field out if there is none.","source":{"pointer":"/data/attributes/external_id"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The identifier must not contain control characters.","source":{"pointer":"/data/attributes/anonymous_id"},"links":{},"meta":{}}
        "#]],
        );
        let long = "x".repeat(256);
        refuses(
            &attributes(&format!(r#"{{"external_id":"{long}"}}"#)),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The identifier must be at most 255 bytes.","source":{"pointer":"/data/attributes/external_id"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_text_too_long() {
        let long = "x".repeat(2_049);
        let body = format!(r#"{{"email":"a@example.com","image":"{long}"}}"#);
        refuses(
            &attributes(&body),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The text must be at most 2048 bytes.","source":{"pointer":"/data/attributes/image"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn no_place_on_earth() {
        let location = r#"{"latitude":"north","longitude":-180.0001}"#;
        let body = format!(r#"{{"email":"a@example.com","location":{location}}}"#);
        refuses(
            &attributes(&body),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The coordinate must be a decimal number of degrees.","source":{"pointer":"/data/attributes/location/latitude"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The coordinate must be from -180 to 180 degrees.","source":{"pointer":"/data/attributes/location/longitude"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn a_property_that_cannot_be_kept() {
        let deep = format!("{}{}", "[".repeat(11), "]".repeat(11));
        let properties = format!(r#"{{"deep":{deep},"half":"\ud800","{}":1}}"#, "n".repeat(256));
        let body = format!(r#"{{"email":"a@example.com","properties":{properties}}}"#);
        refuses(
            &attributes(&body),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The property must not nest deeper than 10 levels.","source":{"pointer":"/data/attributes/properties/deep"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The property must not contain half of a surrogate pair.","source":{"pointer":"/data/attributes/properties/half"},"links":{},"meta":{}}
            "status":400,"code":"invalid","title":"Invalid input.","detail":"The property must have a name of at most 255 bytes.","source":{"pointer":"/data/attributes/properties/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn too_many_properties() {
        refuses(
            &attributes(&with_properties(0..1_001)),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Must contain at most 1000 properties.","source":{"pointer":"/data/attributes/properties"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn half_of_a_surrogate_pair() {
        refuses(
            &attributes(r#"{"email":"a@example.com","title":"\udc00"}"#),
            expect![[r#"
            400 application/vnd.api+json
            "status":400,"code":"invalid","title":"Invalid input.","detail":"Must not contain half of a surrogate pair.","source":{"pointer":"/data/attributes/title"},"links":{},"meta":{}}
        "#]],
        );
    }

    #[test]
    fn too_many_faults() {
        let home = Home::new();
        let gateway = home.serve();
        let unknown: Vec<String> = (0..101).map(|number| format!(r#""x{number}":1"#)).collect();
        let answer = gateway.send(&attributes(&format!("{{{}}}", unknown.join(","))));
        let shown = shown(&answer);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 1 + 101);
        expect![[r#""status":400,"code":"invalid","title":"Invalid input.","detail":"More than 100 faults; the rest are not listed.","source":{"pointer":""},"links":{},"meta":{}}"#]].assert_eq(lines[101]);
        assert_only_stores_the_next(&home, gateway, 0);
    }

    fn with_properties(numbers: std::ops::Range<u32>) -> String {
        let properties: Vec<String> = numbers.map(|number| format!(r#""p{number}":1"#)).collect();
        format!(r#"{{"email":"a@example.com","properties":{{{}}}}}"#, properties.join(","))
    }
}

/// Rows that take a store in trouble, or ten seconds, which other tests spend.
const ELSEWHERE: [&str; 8] = [
    "The disk does not answer. Nothing of the request was stored.",
    "The disk did not answer within {seconds} seconds. The request may have been stored or not; \
     the same request may be sent again.",
    "The store did not answer within {seconds} seconds. The request may have been stored or not; \
     the same request may be sent again.",
    "The stored data was not read within {seconds} seconds.",
    "Too little disk space is free. Nothing of the request was stored.",
    "The body must arrive within {seconds} seconds.",
    "Too many requests are waiting to be stored.",
    "The request could not be stored.",
];

#[test]
fn every_row_of_the_table_is_shown_here() {
    let texts = [
        include_str!("refusals.rs"),
        include_str!("refusals/before_handlers.rs"),
        include_str!("refusals/rate_limits.rs"),
        include_str!("api/refusals.rs"),
    ];
    let shown: Vec<&str> =
        texts.iter().flat_map(|text| text.split(r#""detail":""#).skip(1)).collect();
    for row in gateway::http::refusal::table_markdown().lines().skip(2) {
        let detail = row.split(" | ").nth(4).unwrap();
        // What varies stands in braces.
        let fixed = detail.split(['{', '}']).step_by(2).max_by_key(|part| part.len()).unwrap();
        let is_shown = |shown: &&str| shown.split(r#"","source""#).next().unwrap().contains(fixed);
        assert!(ELSEWHERE.contains(&detail) || shown.iter().any(is_shown), "{detail} is not shown");
    }
}
