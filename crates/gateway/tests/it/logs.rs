//! The log as operators read it: a line for each refusal and, if they want it, for each request.

mod access;
mod reload;
mod request_ids;

use serde_json::Value;

use crate::{
    serving::{Finished, Home, Serving},
    wire::RawRequest,
};

/// The lines with this message, in order.
fn lines(finished: &Finished, message: &str) -> Vec<Value> {
    let objects = finished.output.lines().filter_map(|line| serde_json::from_str(line).ok());
    objects.filter(|line: &Value| line["message"] == message).collect()
}

/// The lines about refused requests, and how many further ones were left out.
fn refusals(finished: &Finished) -> (Vec<Value>, u64) {
    let left_out = lines(finished, "lines about refused requests were left out");
    let left_out = left_out.iter().map(|line| line["left_out"].as_u64().unwrap()).sum();
    (lines(finished, "refused a request"), left_out)
}

/// Sees that a line has these members.
#[track_caller]
fn assert_members(line: &Value, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(line.get(*name), Some(value), "{name} of {line}");
    }
}

fn refused() -> RawRequest {
    RawRequest::profile(r#"{"data":{"type":"profile","attributes":{"email":"x"}}}"#)
}

fn serve(home: &Home, arguments: &[&str]) -> Serving {
    let mut command = home.serve_command();
    command.args(arguments);
    Serving::start(command)
}

#[test]
fn the_line_about_a_head_that_cannot_be_read_has_the_ids_of_its_response() {
    let home = Home::configured("connections = { head_seconds = 1 }\n[[company]]\nid = \"ABC123\"");
    let gateway = home.serve();
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(140_000));
    let answers = ["GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", &long, "GET / HTTP"].map(|head| {
        let mut connection = gateway.connect();
        connection.send(head);
        connection.receive()
    });
    let (logged, left_out) = refusals(&gateway.stop());
    assert_eq!((logged.len(), left_out), (3, 0));
    let text = |text: &str| Value::from(text);
    for ((line, answer), (status, code)) in logged.iter().zip(answers).zip([
        (400, "parse_error"),
        (431, "request_header_fields_too_large"),
        (408, "request_timeout"),
    ]) {
        assert_members(
            line,
            &[
                ("code", text(code)),
                ("status", Value::from(status)),
                ("errors", Value::from(1)),
                ("error_ids", answer.json()["errors"][0]["id"].clone()),
                ("client", text("127.0.0.1")),
                ("request_id", text(answer.header("X-Request-Id").unwrap())),
            ],
        );
        for name in ["company", "method", "path", "user_agent"] {
            assert_eq!(line.get(name), None, "{line}");
        }
    }
}

#[test]
fn a_refusal_is_one_line_from_which_its_request_and_response_are_recognized() {
    let home = Home::new();
    let gateway = home.serve();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = r#"{"data":{"type":"profile","attributes":{"email":"x","phone_number":"y"}}}"#;
    let request = RawRequest::profile(body)
        .with("X-Request-Id", "checkout-42")
        .with("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"))
        .with("User-Agent", "shop \"1.0\"");
    let answer = gateway.send(&request).json();
    let (logged, left_out) = refusals(&gateway.stop());
    let [line] = &logged[..] else { panic!("{logged:?}") };
    let errors = answer["errors"].as_array().unwrap();
    let ids: Vec<&str> = errors.iter().map(|error| error["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), left_out), (2, 0));
    let text = |text: &str| Value::from(text);
    assert_members(
        line,
        &[
            ("level", text("INFO")),
            ("target", text("gateway::refusals")),
            ("company", text("ABC123")),
            ("code", text("invalid")),
            ("status", Value::from(400)),
            ("pointers", text("/data/attributes/email /data/attributes/phone_number")),
            ("errors", Value::from(2)),
            ("error_ids", text(&ids.join(" "))),
            ("method", text("POST")),
            ("path", text("/client/profiles")),
            ("client", text("127.0.0.1")),
            ("request_id", text("checkout-42")),
            ("trace_id", text(trace)),
            ("revision", text("2026-07-15")),
            ("user_agent", text(r#"shop \"1.0\""#)),
        ],
    );
}

#[test]
fn a_refusal_before_the_body_says_what_is_wrong() {
    let home = Home::new();
    let gateway = home.serve();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    for request in [
        good.clone().without("revision"),
        good.clone().of("UNKNOWN"),
        good.clone().to("/client/person?company_id=ABC123"),
        good.clone().of("ONCE01"),
        good.of("ONCE01"),
        RawRequest::new("GET", "/api/profiles"),
    ] {
        gateway.send(&request);
    }
    let (logged, _) = refusals(&gateway.stop());
    let shown = |line: &Value| {
        ["company", "code", "path", "detail"].map(|name| line[name].as_str().map(str::to_owned))
    };
    let shown: Vec<_> = logged.iter().map(shown).collect();
    let some = |text: &str| Some(text.to_owned());
    let client = || some("/client/profiles");
    let revision = some("The revision header is required: a date such as 2026-07-15.");
    let key = some("A private key is required: Authorization: Klaviyo-API-Key pk_...");
    let throttled = some("Request was throttled. Expected available in {seconds} second(s).");
    let unknown = some("no company with this id is configured here");
    let path = some("This path does not exist.");
    assert_eq!(
        shown,
        [
            [some("ABC123"), some("invalid"), client(), revision],
            [None, some("invalid"), client(), unknown],
            [None, some("not_found"), some("/client/*"), path],
            [some("ONCE01"), some("throttled"), client(), throttled],
            [None, some("not_authenticated"), some("/api/profiles"), key],
        ]
    );
}

#[test]
fn behind_a_trusted_proxy_the_address_is_that_of_the_client() {
    let home = Home::new();
    let gateway = serve(&home, &["--trusted-proxies", "127.0.0.1"]);
    gateway.send(&refused().with("X-Forwarded-For", "192.0.2.7"));
    let (logged, _) = refusals(&gateway.stop());
    assert_eq!(logged[0]["client"], "192.0.2.7");
}

#[test]
fn above_a_number_of_lines_in_a_second_lines_are_left_out_and_counted() {
    let home = Home::new();
    let gateway = serve(&home, &["--refusal-lines", "1"]);
    let mut connection = gateway.connect();
    for _ in 0..100 {
        assert_eq!(connection.exchange(&refused()).status, 400);
    }
    // A company beside it has lines of its own, and so have requests of no company.
    connection.exchange(&refused().of("SHOP01"));
    connection.exchange(&refused().of("UNKNOWN"));
    gateway.logged("lines about refused requests were left out");
    let (logged, left_out) = refusals(&gateway.stop());
    let of =
        |company: Value| logged.iter().filter(|line| line["company"] == company).count() as u64;
    assert_eq!(of("ABC123".into()) + left_out, 100);
    assert!(of("ABC123".into()) < 50, "{} lines", logged.len());
    assert_eq!((of("SHOP01".into()), of(Value::Null)), (1, 1));
}

#[test]
fn requests_of_no_configured_company_share_the_lines_of_one() {
    let home = Home::new();
    let gateway = serve(&home, &["--refusal-lines", "1"]);
    let mut connection = gateway.connect();
    for number in 0..40 {
        connection.exchange(&refused().of(&format!("UNKNOWN{number}")));
    }
    let (logged, left_out) = refusals(&gateway.stop());
    assert_eq!(logged.len() as u64 + left_out, 40);
    assert!(logged.len() < 20, "{} lines", logged.len());
    assert!(logged.iter().all(|line| line.get("company").is_none()));
}

#[test]
fn without_lines_about_refusals_the_log_says_how_many_there_were() {
    let home = Home::new();
    let gateway = serve(&home, &["--refusal-lines", "0"]);
    gateway.send(&refused());
    gateway.send(&refused());
    let (logged, left_out) = refusals(&gateway.stop());
    assert_eq!((logged.len(), left_out), (0, 2));
}

#[test]
fn a_failure_of_the_gateway_is_a_warning_with_the_same_members() {
    let home = Home::new();
    // No disk has that much free space.
    let gateway = serve(&home, &["--client-free-mib", "16777216"]);
    let answer = gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com"));
    assert_eq!(answer.status, 503);
    gateway.send(&refused());
    let finished = gateway.stop();
    let (logged, failed) = (refusals(&finished).0, lines(&finished, "a request failed"));
    assert_eq!((logged.len(), failed.len()), (0, 2), "a body is not read then");
    assert_members(
        &failed[0],
        &[
            ("level", "WARN".into()),
            ("company", "ABC123".into()),
            ("code", "service_unavailable".into()),
            ("error_ids", answer.json()["errors"][0]["id"].clone()),
        ],
    );
}
