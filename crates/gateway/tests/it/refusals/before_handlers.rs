//! The rows of the table of refusals about heads that no handler sees, and about other paths.

use expect_test::{Expect, expect};

use super::{refuses, shown};
use crate::{
    serving::Home,
    tls::{Issued, serving},
    wire::{Connection, RawRequest},
};

/// Sees that these bytes are answered so.
#[track_caller]
fn answers(bytes: &str, expected: &Expect) {
    let home = Home::configured("connections = { head_seconds = 1 }\n[[company]]\nid = \"ABC123\"");
    let gateway = home.serve();
    let mut connection = gateway.connect();
    connection.send(bytes);
    expected.assert_eq(&shown(&connection.receive()));
}

#[test]
fn a_head_that_is_no_http() {
    answers(
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        &expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"parse_error","title":"Malformed request.","detail":"The head must be HTTP/1.1 with a Host, and its target without raw spaces and control characters.","source":{"pointer":""},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn a_request_without_tls_where_tls_is_spoken() {
    let (_home, gateway) = serving(&Issued::until(2040), "");
    let mut connection = Connection::open(gateway.encrypted);
    connection.send(RawRequest::email("sarah@example.com").bytes());
    expect![[r#"
        400 application/vnd.api+json
        "status":400,"code":"parse_error","title":"Malformed request.","detail":"The request must be sent over TLS, to a URL that begins with https.","source":{"pointer":""},"links":{},"meta":{}}
    "#]]
    .assert_eq(&shown(&connection.receive()));
}

#[test]
fn a_head_that_is_too_slow() {
    answers(
        "GET / HTTP",
        &expect![[r#"
        408 application/vnd.api+json
        "status":408,"code":"request_timeout","title":"Request timed out.","detail":"The head must arrive within the time that the server allows.","source":{"pointer":""},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn a_head_that_is_too_large() {
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(140_000));
    answers(
        &long,
        &expect![[r#"
        431 application/vnd.api+json
        "status":431,"code":"request_header_fields_too_large","title":"Request header fields too large.","detail":"The head must be at most 131072 bytes.","source":{"pointer":""},"links":{},"meta":{}}
    "#]],
    );
}

#[test]
fn an_event() {
    refuses(
        &RawRequest::bare().to("/client/events?company_id=ABC123").body("{}"),
        expect![[r#"
            404 application/vnd.api+json
            "status":404,"code":"not_supported","title":"Not supported.","detail":"This gateway keeps profiles, and no events, subscriptions, reviews or analytics. Nothing of the request was stored.","source":{"pointer":"/data"},"links":{},"meta":{}}
        "#]],
    );
}
