//! Pages of other origins can send profiles and read the answers, unless the
//! company says which pages may.

use crate::{
    serving::Home,
    wire::{RawRequest, RawResponse},
};

const EXPOSED: &str = "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, \
                       X-Request-Id, traceparent";

/// What the script of a page sends beside what browsers allow by themselves.
const REQUESTED: &str = "content-type,revision,x-klaviyo-js-url,x-klaviyo-onsite,access-control-allow-headers,access-control-allow-origin";

fn preflight(company: &str, origin: &str) -> RawRequest {
    RawRequest::new("OPTIONS", "")
        .of(company)
        .with("Origin", origin)
        .with("Access-Control-Request-Method", "POST")
        .with("Access-Control-Request-Headers", REQUESTED)
}

fn post(company: &str, origin: &str) -> RawRequest {
    RawRequest::email("sarah.mason@klaviyo-demo.com").of(company).with("Origin", origin)
}

/// Sees that a page of any origin can read an answer.
#[track_caller]
fn assert_open(answer: &RawResponse) {
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
    assert_eq!(answer.header("Access-Control-Expose-Headers"), Some(EXPOSED));
    // With credentials, "*" would mean nothing.
    assert!(!answer.has("Access-Control-Allow-Credentials"));
}

/// Sees that no page can read an answer.
#[track_caller]
fn assert_closed(answer: &RawResponse) {
    let names: Vec<&str> = answer.names().collect();
    let cors = |name: &&str| name.to_ascii_lowercase().starts_with("access-control-");
    assert!(!names.iter().any(cors), "{names:?}");
}

#[test]
fn a_page_of_any_origin_may_ask_and_send() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    let answer = connection.exchange(&preflight("ABC123", "https://anywhere.example"));
    assert_eq!((answer.status, answer.text()), (204, ""));
    assert_open(&answer);
    assert_eq!(answer.header("Access-Control-Allow-Headers"), Some(REQUESTED));
    assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("POST, OPTIONS"));
    assert_eq!(answer.header("Access-Control-Max-Age"), Some("86400"));
    let answer = connection.exchange(&post("ABC123", "https://anywhere.example"));
    answer.assert_accepted();
    assert_open(&answer);
}

#[test]
fn a_preflight_costs_nothing_of_the_rate_limit() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    for _ in 0..3 {
        let answer = connection.exchange(&preflight("ONCE01", "https://anywhere.example"));
        assert_eq!(answer.status, 204);
    }
    connection.exchange(&post("ONCE01", "https://anywhere.example")).assert_accepted();
}

#[test]
fn a_listed_origin_is_named_and_caches_must_vary_by_it() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let mut connection = gateway.connect();
    for request in
        [preflight("SHOP01", "https://shop.example"), post("SHOP01", "https://shop.example")]
    {
        let answer = connection.exchange(&request);
        assert!([202, 204].contains(&answer.status), "{answer:?}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("https://shop.example"));
        assert_eq!(answer.header("Access-Control-Expose-Headers"), Some(EXPOSED));
        assert_eq!(answer.header("Vary"), Some("Origin"));
    }
}

#[test]
fn an_origin_that_is_not_listed_may_neither_ask_nor_send_nor_read_why() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for origin in
        ["https://evil.example", "null", "https://shop.example.evil", "http://shop.example"]
    {
        for request in [preflight("SHOP01", origin), post("SHOP01", origin)] {
            let answer = gateway.send(&request);
            assert_eq!(answer.status, 403, "{origin}");
            assert_eq!(answer.json()["errors"][0]["code"], "permission_denied");
            assert_closed(&answer);
        }
    }
}

#[test]
fn what_sends_no_origin_is_an_app_or_a_server_and_is_served() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let answer = gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com").of("SHOP01"));
    answer.assert_accepted();
    assert_closed(&answer);
}

#[test]
fn a_page_can_read_why_it_was_refused() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let page = |request: RawRequest| request.with("Origin", "https://anywhere.example");
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    gateway.send(&good.clone().of("ONCE01")).assert_accepted();
    for (request, status) in [
        (RawRequest::profile("{"), 400),
        (good.clone().of("UNKNOWN"), 400),
        (good.clone().of("ONCE01"), 429),
        (good.clone().without("revision"), 400),
        (good.clone().with("revision", "2999-01-01"), 404),
        (good.clone().to("/nowhere"), 404),
        (RawRequest::new("PUT", "/client/profiles?company_id=ABC123"), 405),
        (good.clone().with("Content-Type", "text/plain"), 415),
        (good.with("Content-Length", "200000"), 413),
    ] {
        let answer = gateway.send(&page(request));
        assert_eq!(answer.status, status);
        assert!(answer.json()["errors"][0]["detail"].is_string());
        assert_open(&answer);
    }
}

#[test]
fn a_preflight_for_an_unconfigured_company_lets_the_page_read_the_refusal() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let answer = gateway.send(&preflight("UNKNOWN", "https://anywhere.example"));
    assert_eq!(answer.status, 204);
    assert_open(&answer);
}

#[test]
fn only_so_much_of_what_a_preflight_asks_for_is_sent_back() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let request = preflight("ABC123", "https://anywhere.example")
        .with("Access-Control-Request-Headers", &"x-long,".repeat(200));
    let answer = gateway.send(&request);
    assert_eq!(answer.status, 204);
    assert!(!answer.has("Access-Control-Allow-Headers"));
}

#[test]
fn a_request_with_two_origins_is_refused_in_either_order_and_whatever_is_allowed() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let (listed, other) = ("https://shop.example", "https://evil.example");
    for (company, first, second) in [
        ("SHOP01", listed, other),
        ("SHOP01", other, listed),
        ("SHOP01", listed, listed),
        ("ABC123", listed, other),
    ] {
        for request in [preflight(company, first), post(company, first)] {
            let answer = gateway.send(&request.and("Origin", second));
            assert_eq!(answer.status, 403, "{company} {first} {second}");
            assert_eq!(answer.json()["errors"][0]["code"], "permission_denied");
            assert_closed(&answer);
        }
    }
}
