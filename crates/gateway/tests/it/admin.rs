//! What operators see: health, meters and the log, which clients do not see and
//! in which no person is.

use crate::{
    serving::{Home, Serving},
    wire::RawRequest,
};

#[test]
fn health_is_served_on_the_admin_listener() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for (path, text) in [("/health/live", "live\n"), ("/health/ready", "ready\n")] {
        let answer = gateway.ask(path);
        assert_eq!((answer.status, answer.text()), (200, text));
    }
    assert_eq!(gateway.ask("/client/profiles?company_id=ABC123").status, 404);
    assert_eq!(gateway.ask("/").status, 404);
}

#[test]
fn clients_see_nothing_of_the_admin_listener() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for path in ["/health/live", "/health/ready", "/metrics", "/", "/client", "//client/profiles"] {
        let answer = gateway.send(&RawRequest::new("GET", path));
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("Content-Type"), Some("application/vnd.api+json"));
        let error = &answer.json()["errors"][0];
        assert_eq!(error["code"], "not_found");
        assert_eq!(error["source"]["pointer"], "/data");
    }
}

#[test]
fn meters_tell_what_happened_to_requests() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let attributes = |attributes: &str| {
        RawRequest::profile(format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#))
    };
    // Created; unchanged; updated; created; the second is absorbed; unidentified.
    for body in [
        r#"{"email":"sarah.mason@klaviyo-demo.com"}"#,
        r#"{"email":"sarah.mason@klaviyo-demo.com"}"#,
        r#"{"email":"sarah.mason@klaviyo-demo.com","first_name":"Sarah"}"#,
        r#"{"anonymous_id":"d4cbb1d9"}"#,
        r#"{"email":"sarah.mason@klaviyo-demo.com","anonymous_id":"d4cbb1d9"}"#,
        r#"{"_kx":"N1a3kx.ABC123"}"#,
    ] {
        gateway.send(&attributes(body)).assert_accepted();
    }
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    assert_eq!(gateway.send(&RawRequest::profile("{")).status, 400);
    assert_eq!(gateway.send(&good.clone().without("revision")).status, 400);
    gateway.send(&good.clone().of("ONCE01")).assert_accepted();
    assert_eq!(gateway.send(&good.clone().of("ONCE01")).status, 429);
    assert_eq!(gateway.send(&good.to("/nowhere")).status, 404);

    for (series, expected) in [
        (r#"gateway_requests_total{outcome="accepted"}"#, 7),
        (r#"gateway_requests_total{outcome="refused"}"#, 4),
        (r#"gateway_requests_total{outcome="failed"}"#, 0),
        (r#"gateway_refusals_total{code="invalid"}"#, 1),
        (r#"gateway_refusals_total{code="parse_error"}"#, 1),
        (r#"gateway_refusals_total{code="throttled"}"#, 1),
        (r#"gateway_refusals_total{code="not_found"}"#, 1),
        (r#"gateway_refusals_total{code="other"}"#, 0),
        (r#"gateway_profiles_total{effect="created"}"#, 3),
        (r#"gateway_profiles_total{effect="unchanged"}"#, 1),
        (r#"gateway_profiles_total{effect="updated"}"#, 1),
        (r#"gateway_profiles_total{effect="merged"}"#, 1),
        (r#"gateway_profiles_total{effect="unidentified"}"#, 1),
        ("gateway_parse_seconds_count", 8),
        ("gateway_commit_seconds_count", 7),
        ("gateway_commit_batches_total", 7),
        ("gateway_commit_queue_depth", 0),
    ] {
        assert_eq!(gateway.meter(series), expected, "{series}");
    }
    assert!(0 < gateway.meter("gateway_store_bytes"));
}

/// What the requests of the next test say about people.
const PERSONAL: [&str; 17] = [
    "sarah.mason",
    "klaviyo-demo.com",
    "15005550006",
    "63f64a2b",
    "d4cbb1d9",
    "Sarah",
    "Boston",
    "40.7128",
    "Dr. Octopus",
    "blobemail",
    "N1a3kx",
    "(555) 555-0123",
    "555-0006",
    "5005550007",
    "zorro.enc",
    "q1@example",
    "q2@example",
];

fn send_all_that_is_personal(gateway: &Serving) {
    let full = r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com","phone_number":"+15005550006","external_id":"63f64a2b","anonymous_id":"d4cbb1d9","_kx":"N1a3kx.ABC123","first_name":"Sarah","location":{"city":"Boston","latitude":40.7128},"properties":{"pseudonym":"Dr. Octopus"}}}}"#;
    gateway.send(&RawRequest::profile(full)).assert_accepted();
    // A merge, and a claim that is refused.
    for body in [
        r#"{"data":{"type":"profile","attributes":{"anonymous_id":"d4cbb1d9-2"}}}"#,
        r#"{"data":{"type":"profile","attributes":{"external_id":"63f64a2b","anonymous_id":"d4cbb1d9-2"}}}"#,
        r#"{"data":{"type":"profile","attributes":{"external_id":"63f64a2b-other","email":"sarah.mason@klaviyo-demo.com"}}}"#,
    ] {
        gateway.send(&RawRequest::profile(body)).assert_accepted();
    }
    for body in [
        r#"{"data":{"type":"profile","attributes":{"email":"blobemail","phone_number":"(555) 555-0123","Sarah":1}}}"#,
        r#"{"data":{"type":"profile","attributes":{"email":"sarah.mason@klaviyo-demo.com""#,
        r#"{"data":{"type":"Sarah"}}"#,
    ] {
        assert_eq!(gateway.send(&RawRequest::profile(body)).status, 400);
    }
    let request = RawRequest::profile(full);
    let target = "/client/profiles?company_id=ABC123&email=sarah.mason@klaviyo-demo.com";
    gateway.send(&request.clone().to(target)).assert_accepted();
    gateway.send(&request.clone().to("/sarah.mason@klaviyo-demo.com"));
    gateway.send(&request.clone().with("revision", "Sarah"));
    gateway.send(&request.clone().with("Content-Type", "text/Sarah"));
    gateway.send(&request.clone().with("User-Agent", "Sarah").with("X-Klaviyo-Onsite", "1"));
    send_heads_that_are_personal(gateway, &request);
    // What is no HTTP at all.
    let mut connection = gateway.connect();
    connection.send("sarah.mason@klaviyo-demo.com\r\n\r\n");
    connection.receive_or_end();
}

/// Requests that are refused, and so are logged, with personal values everywhere but in the body.
fn send_heads_that_are_personal(gateway: &Serving, request: &RawRequest) {
    let refused = request.clone().without("revision");
    for (name, value) in [
        ("X-Request-Id", "sarah.mason@klaviyo-demo.com"),
        ("X-Request-Id", "+15005550006"),
        ("traceparent", "00-Sarah-15005550006-01"),
        ("User-Agent", "app/1 (sarah.mason@klaviyo-demo.com) +15005550006"),
        ("User-Agent", "app/1 zorro.enc%40klaviyo-demo.com zorro.enc%2540klaviyo-demo.com"),
        ("User-Agent", "app/1 15005550006x 0015005550007 (500) 555-0006"),
        ("User-Agent", &format!("{} sarah.mason@klaviyo-demo.com", "a".repeat(188))),
        ("X-Forwarded-For", "sarah.mason@klaviyo-demo.com"),
        ("Forwarded", "for=Sarah"),
        ("Origin", "https://sarah.mason.example"),
        ("Referer", "https://shop.example/?email=sarah.mason@klaviyo-demo.com"),
        ("Authorization", "Klaviyo-API-Key Sarah"),
        ("revision", "2026-07-15.Sarah"),
        ("Content-Encoding", "Sarah"),
        ("Content-Length", "q1@example.com"),
        ("Transfer-Encoding", "q2@example.com"),
    ] {
        gateway.send(&refused.clone().with(name, value));
    }
    for (method, target) in [
        ("Sarah", "/client/profiles?company_id=Sarah"),
        ("POST", "/client/profiles?company_id=sarah.mason@klaviyo-demo.com"),
        ("GET", "/api/profiles/Sarah/history?email=sarah.mason@klaviyo-demo.com"),
        ("GET", "/api/profiles?filter=equals(email,%22sarah.mason@klaviyo-demo.com%22)"),
        ("GET", "/Sarah/15005550006"),
    ] {
        gateway.send(&RawRequest::new(method, target));
    }
    for attributes in [
        r#"{"properties":{"sarah.mason@klaviyo-demo.com":{"$append":1}}}"#,
        r#"{"properties":{"15005550006":9e999},"email":"blobemail"}"#,
        r#"{"sarah.mason@klaviyo-demo.com":1,"location":{"Boston":1}}"#,
    ] {
        let body = format!(r#"{{"data":{{"type":"profile","attributes":{attributes}}}}}"#);
        gateway.send(&RawRequest::profile(body));
    }
}

#[test]
fn no_person_is_in_the_log_however_much_is_logged() {
    for filter in
        ["debug", "trace", "info,gateway=trace,profile_store=trace,profile_protocol=trace"]
    {
        let home = Home::new();
        let mut command = home.serve_command();
        command.args(["--log", filter, "--access-log", "--refusal-lines", "1000"]);
        let gateway = Serving::start(command);
        send_all_that_is_personal(&gateway);
        let finished = gateway.stop();
        finished.assert_exit(0);
        finished.assert_output("stored a request");
        finished.assert_output("refused a request");
        finished.assert_output("answered a request");
        for value in PERSONAL {
            assert!(!finished.output.contains(value), "{value} is in:\n{}", finished.output);
        }
    }
}
