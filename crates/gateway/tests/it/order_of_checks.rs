//! When several things are wrong, the answer is about the first in the order that
//! is promised, and about all that is wrong with a body.

use crate::{
    serving::Home,
    wire::{RawRequest, RawResponse},
};

/// A request at which everything after its path is wrong.
fn all_wrong() -> RawRequest {
    RawRequest::new("POST", "/client/profiles?company_id=UNKNOWN")
        .with("Origin", "https://evil.example")
        .with("revision", "soon")
        .with("Content-Type", "text/plain")
        .with("Content-Encoding", "compress")
        .body("{".repeat(102_401))
}

fn details(answer: &RawResponse) -> Vec<String> {
    let document = answer.json();
    let errors = document["errors"].as_array().unwrap();
    errors.iter().map(|error| error["detail"].as_str().unwrap().to_owned()).collect()
}

fn pointers(answer: &RawResponse) -> Vec<String> {
    let document = answer.json();
    let errors = document["errors"].as_array().unwrap();
    errors.iter().map(|error| error["source"]["pointer"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_check_comes_before_all_that_follow_it() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let sent = |request: &RawRequest| {
        let answer = gateway.send(request);
        let [detail] = &details(&answer)[..] else { panic!("{answer:?}") };
        (answer.status, detail.clone())
    };
    let detail = |status: u16, detail: &str| (status, detail.to_owned());

    let request = all_wrong();
    let elsewhere = request.clone().to("/client/profile?company_id=UNKNOWN");
    assert_eq!(sent(&elsewhere), detail(404, "This path does not exist."));
    assert_eq!(sent(&request), detail(400, "Invalid Company ID"));
    let request = request.of("SHOP01");
    let denied = "Pages of this origin may not send profiles for this company.";
    assert_eq!(sent(&request), detail(403, denied));
    let request = request.of("ABC123");
    let date = "The revision must be a calendar date written YYYY-MM-DD, with or without a suffix \
                such as .pre.";
    assert_eq!(sent(&request), detail(400, date));
    let request = request.with("revision", "2999-01-01");
    assert_eq!(sent(&request), detail(404, "Unable to specify a future revision date"));
    let request = request.with("revision", "2026-07-15");
    let media_type = "The body must be application/json or application/vnd.api+json.";
    assert_eq!(sent(&request), detail(415, media_type));
    let request = request.with("Content-Type", "application/json");
    let coding = "The body must be encoded as gzip, deflate, br or zstd, or not at all.";
    assert_eq!(sent(&request), detail(415, coding));
    let request = request.without("Content-Encoding");
    assert_eq!(sent(&request), detail(413, "The body must be at most 102400 bytes."));
    let answer = gateway.send(&request.body("{"));
    assert_eq!(answer.status, 400);
    assert!(details(&answer)[0].starts_with("Invalid JSON: "), "{answer:?}");
}

#[test]
fn a_method_is_refused_before_the_company_is_looked_at() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for method in ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
        let answer = gateway.send(&RawRequest::new(method, "/client/profiles/?company_id=UNKNOWN"));
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("Allow"), Some("POST, OPTIONS"));
    }
}

#[test]
fn an_exhausted_window_is_reported_before_the_request_is_read() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    // A request that fails a later check is not charged.
    for _ in 0..2 {
        let answer = gateway.send(&all_wrong().of("ONCE01"));
        assert_eq!(details(&answer).len(), 1);
        assert_eq!(answer.status, 400);
    }
    gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com").of("ONCE01")).assert_accepted();
    let answer = gateway.send(&all_wrong().of("ONCE01"));
    assert_eq!(answer.status, 429);
}

#[test]
fn the_windows_of_a_network_come_after_the_origin_and_before_those_of_the_company() {
    let home = Home::configured(
        "[[company]]\nid = \"ONCE01\"\nlimits = { burst = 1, steady = 1 }\n\
         network_limits = { burst = 2, steady = 2 }\nallowed_origins = []\n",
    );
    let gateway = home.serve();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com").of("ONCE01");
    let detail = |request: &RawRequest| {
        let detail = details(&gateway.send(request)).remove(0);
        detail.split(" Expected").next().unwrap().to_owned()
    };
    gateway.send(&good).assert_accepted();
    assert_eq!(detail(&all_wrong().without("Origin").of("ONCE01")), "Request was throttled.");
    let of_network = "Too many requests from this network.";
    assert_eq!(detail(&all_wrong().without("Origin").of("ONCE01")), of_network);
    let denied = "Pages of this origin may not send profiles for this company.";
    assert_eq!(detail(&all_wrong().of("ONCE01")), denied);
}

#[test]
fn all_that_is_wrong_with_a_body_is_reported_at_once() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let body = r#"{"data":{"type":"event","attributes":{"email":"blobemail","phone_number":"555","nickname":"B","location":{"latitude":91,"planet":"Mars"},"properties":[1]},"meta":{"identifiers":7}},"links":{}}"#;
    let answer = gateway.send(&RawRequest::profile(body));
    assert_eq!(answer.status, 400);
    assert_eq!(
        pointers(&answer),
        [
            "/data/type",
            "/data/attributes/email",
            "/data/attributes/phone_number",
            "/data/attributes/nickname",
            "/data/attributes/location/latitude",
            "/data/attributes/location/planet",
            "/data/attributes/properties",
            "/data/meta/identifiers",
            "/links",
        ]
    );
    let document = answer.json();
    let mut ids: Vec<&str> = document["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9, "every error has an id of its own");
}

#[test]
fn the_media_type_of_a_refusal_is_that_of_the_revision() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    for (revision, media_type) in [
        ("2022-10-17", "application/json"),
        ("2024-07-15", "application/json"),
        ("2024-10-14.pre", "application/json"),
        ("2024-10-15", "application/vnd.api+json"),
        ("2026-07-15", "application/vnd.api+json"),
        // Where there is none, that of the newest.
        ("2999-01-01", "application/vnd.api+json"),
        ("soon", "application/vnd.api+json"),
    ] {
        for request in [RawRequest::profile("{"), RawRequest::profile("{").of("UNKNOWN")] {
            let answer = gateway.send(&request.with("revision", revision));
            assert_eq!(answer.header("Content-Type"), Some(media_type), "{revision}");
        }
    }
}

#[test]
fn a_header_given_twice_is_not_guessed_at() {
    let gateway = Home::new();
    let gateway = gateway.serve();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    for (name, value, status) in [
        ("revision", "2026-07-15", 400),
        ("Content-Type", "application/json", 415),
        ("Content-Encoding", "identity", 415),
    ] {
        let answer = gateway.send(&good.clone().with(name, value).and(name, value));
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.json()["errors"][0]["source"]["header"], name);
    }
}
