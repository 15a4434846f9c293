//! Requests as people type them, and the documents of errors that no handler sees.

use serde_json::json;

use super::{Api, asking, ids, refused};
use crate::{serving::Home, wire::RawRequest};

#[test]
fn quotation_marks_and_other_characters_may_stand_in_a_target_unescaped() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "a@x.co", "external_id": "né<1>" }));
    api.create(&json!({ "email": "b@x.co" }));
    for filter in
        ["equals(email,\"a@x.co\")", "equals(\"email\",'a@x.co')", "any(external_id,[\"né<1>\"])"]
    {
        let answer = api.get(&format!("/api/profiles?filter={filter}"));
        assert_eq!(ids(&answer), [id.as_str()], "{filter}");
        let link = answer.json()["links"]["self"].as_str().unwrap().to_owned();
        assert!(link.is_ascii() && !link.contains(['"', '<', '>']), "{link}");
        let target = link.strip_prefix("http://gateway").unwrap();
        assert_eq!(ids(&api.get(target)), [id.as_str()], "{link}");
    }
    // On one connection, between requests with bodies that have such characters as well.
    let mut connection = api.gateway.connect();
    for _ in 0..3 {
        let sent = RawRequest::email("c@x.co");
        connection.exchange(&sent).assert_accepted();
        let asked = asking("GET", "/api/profiles?filter=equals(email,\"c@x.co\")");
        assert_eq!(ids(&connection.exchange(&asked)).len(), 1);
    }
}

#[test]
fn a_body_that_looks_like_a_request_line_is_not_changed() {
    let api = Api::new();
    let mut connection = api.gateway.connect();
    // The body arrives alone, after an interim response.
    let body = "GET /\"é\" HTTP/1.1\r\n";
    let request = RawRequest::profile(body).with("Expect", "100-continue");
    connection.send(request.head());
    assert_eq!(connection.receive_head().status, 100);
    connection.send(body);
    assert_eq!(connection.receive().status, 400);
    let asked = asking("GET", "/api/profiles?filter=equals(email,\"a@x.co\")");
    let answer = connection.exchange(&asked);
    assert!(ids(&answer).is_empty(), "{answer:?}");
}

#[test]
fn what_is_no_http_is_refused_with_a_document() {
    let home = Home::configured("connections = { head_seconds = 1 }\n[[company]]\nid = \"ABC123\"");
    let gateway = home.serve();
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(140_000));
    for (bytes, status, code) in [
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "parse_error"),
        ("GET /a HTTP/1.1\r\n\r\n", 400, "parse_error"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "parse_error"),
        ("\r\n\u{1}\r\n\r\n", 400, "parse_error"),
        ("GET / HTTP", 408, "request_timeout"),
        (&long, 431, "request_header_fields_too_large"),
    ] {
        let mut connection = gateway.connect();
        connection.send(bytes);
        let answer = connection.receive();
        assert_eq!(refused(&answer), (status, code.into(), String::new()), "{answer:?}");
        assert_eq!(answer.header("Content-Type"), Some("application/vnd.api+json"));
        assert_eq!(answer.header("Connection"), Some("close"));
        for name in ["X-Request-Id", "Traceparent", "Date", "X-Content-Type-Options"] {
            assert!(answer.header(name).is_some(), "{name} is missing: {answer:?}");
        }
    }
}

#[test]
fn a_request_that_is_no_http_follows_answers_to_those_before_it() {
    let api = Api::new();
    let mut connection = api.gateway.connect();
    let good = asking("GET", "/api/profiles").bytes();
    // The line of a request that arrives with another one is not looked at.
    let raw = asking("GET", "/api/profiles?filter=equals(email,\"a@x.co\")").bytes();
    connection.send([good.clone(), good, raw].concat());
    for _ in 0..2 {
        assert_eq!(connection.receive().status, 200);
    }
    assert_eq!(refused(&connection.receive()).0, 400);
    assert!(connection.ends());
}
