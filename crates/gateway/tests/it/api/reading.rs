//! Reading one profile: what is shown, and how.

use profile_protocol::ProfileId;
use serde_json::{Value, json};

use super::{Api, asking, refused};
use crate::wire::RawRequest;

#[test]
fn a_profile_is_shown_whole_and_digit_for_digit() {
    let api = Api::new();
    let id = api.create(&json!({
        "email": "Sarah@Example.com", "phone_number": "+15005550006", "external_id": "63f6",
        "first_name": "Sarah", "locale": "en-US",
        "location": { "city": "Boston", "latitude": "42.3601", "longitude": -71.0589 },
    }));
    let raw = r#"{"data":{"type":"profile","id":"ID","attributes":{"properties":
        {"big":12345678901234567890123,"tiny":0.10,"wide":1e300}}}}"#;
    let target = format!("/api/profiles/{id}");
    let answer = api.send(&asking("PATCH", &target).body(raw.replace("ID", &id)));
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    assert!(
        text.contains(r#""properties":{"big":12345678901234567890123,"tiny":0.10,"wide":1e300}"#)
    );
    assert!(text.contains(r#""latitude":42.3601,"longitude":-71.0589"#), "{text}");
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["data"]["type"], "profile");
    assert_eq!(document["data"]["id"], id);
    let attributes = &document["data"]["attributes"];
    assert_eq!(attributes["email"], "sarah@example.com");
    assert_eq!(attributes["last_name"], json!(null));
    assert_eq!(attributes["location"]["zip"], json!(null));
    assert!(attributes["created"].as_str().unwrap().ends_with("+00:00"));
    assert!(attributes.get("subscriptions").is_none() && attributes.get("anonymous_id").is_none());
    let link = document["data"]["links"]["self"].as_str().unwrap();
    assert_eq!(link, format!("http://gateway{target}"));
}

#[test]
fn only_the_attributes_that_are_asked_for_are_shown() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com", "location": { "city": "Bonn" },
        "properties": { "plan": "gold", "tier": 3 } }));
    let shown = |query: &str| {
        let answer = api.get(&format!("/api/profiles/{id}?{query}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"]["attributes"].clone()
    };
    assert_eq!(
        shown("fields%5Bprofile%5D=email,location.city,properties.plan"),
        json!({ "email": "ann@example.com", "location": { "city": "Bonn" },
            "properties": { "plan": "gold" } })
    );
    assert_eq!(shown("fields[profile]="), json!({}));
    let whole = shown("additional-fields[profile]=subscriptions,predictive_analytics");
    assert_eq!(whole["subscriptions"], json!({}));
    assert_eq!(whole["predictive_analytics"], json!({}));
    let answer = api.get(&format!("/api/profiles/{id}?fields[profile]=nickname"));
    assert_eq!(refused(&answer).0, 400);
    assert_eq!(answer.json()["errors"][0]["source"]["parameter"], "fields[profile]");
}

#[test]
fn a_head_is_answered_as_a_get_is_but_for_the_body() {
    let api = Api::new();
    api.create(&json!({ "email": "ann@example.com" }));
    let mut connection = api.gateway.connect();
    connection.send(asking("HEAD", "/api/profiles").bytes());
    connection.send(asking("GET", "/api/profiles/ABC123").bytes());
    let head = connection.receive_head();
    assert_eq!((head.status, head.header("Content-Type")), (200, Some("application/vnd.api+json")));
    assert_eq!(head.header("Cache-Control"), Some("no-store"));
    assert_eq!(connection.receive().status, 404);
}

#[test]
fn links_are_made_of_the_host_that_was_asked_unless_a_trusted_proxy_says_otherwise() {
    let api = Api::new();
    let link = |request: RawRequest| api.send(&request).json()["links"]["self"].clone();
    let asked = || asking("GET", "/api/profiles");
    assert_eq!(link(asked()), "http://gateway/api/profiles");
    // Nothing says that these are of a proxy.
    for (name, value) in [
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "proto=https;host=evil.example"),
    ] {
        assert_eq!(link(asked().with(name, value)), "http://gateway/api/profiles", "{name}");
    }
}

#[test]
fn links_are_those_that_a_trusted_proxy_serves() {
    let api = Api::set_above("trusted_proxies = [\"127.0.0.1\"]");
    for (name, value, origin) in [
        ("X-Forwarded-Proto", "HTTPS, http", "https://gateway"),
        ("X-Forwarded-Host", "profiles.shop.example", "http://profiles.shop.example"),
        ("Forwarded", "for=192.0.2.1;proto=https;host=shop.example", "https://shop.example"),
    ] {
        let answer = api.send(&asking("GET", "/api/profiles").with(name, value));
        assert_eq!(answer.json()["links"]["self"], format!("{origin}/api/profiles"), "{name}");
    }
}

#[test]
fn an_unused_id_is_not_found() {
    let api = Api::new();
    for id in [ProfileId::from_bits(7).to_string(), "ABC123".to_owned(), "%00".to_owned()] {
        let answer = api.get(&format!("/api/profiles/{id}"));
        assert_eq!(refused(&answer), (404, "not_found".into(), "/data".into()), "{id}");
    }
}

#[test]
fn what_a_browser_sent_is_read_at_once() {
    let api = Api::new();
    api.client(&json!({ "email": "ann@example.com", "first_name": "Ann" }));
    let found = api.get("/api/profiles?filter=equals(email,%22ann@example.com%22)").json();
    assert_eq!(found["data"][0]["attributes"]["first_name"], "Ann");
}

#[test]
fn the_media_type_of_an_answer_is_that_of_its_revision() {
    let api = Api::new();
    let old = api.send(&asking("GET", "/api/profiles").with("revision", "2024-07-15"));
    assert_eq!(old.header("Content-Type"), Some("application/json"));
    let new = api.get("/api/profiles");
    assert_eq!(new.header("Content-Type"), Some("application/vnd.api+json"));
    assert_eq!(new.header("Ratelimit-Limit"), Some("75000"));
}
