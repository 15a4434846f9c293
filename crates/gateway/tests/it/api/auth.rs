//! Who may ask: keys, scopes, and the order in which they are looked at.

use serde_json::json;

use super::{Api, READER, STRANGER, asking, profile, refused};
use crate::wire::RawRequest;

#[test]
fn a_request_without_a_configured_key_is_refused() {
    let api = Api::new();
    let keyless = RawRequest::new("GET", "/api/profiles").with("revision", "2026-07-15");
    let answer = api.send(&keyless);
    assert_eq!(refused(&answer), (401, "not_authenticated".into(), "/data".into()));
    assert_eq!(answer.header("Www-Authenticate"), Some("Klaviyo-API-Key"));
    for scheme in ["Bearer pk_everything", "pk_everything", "Klaviyo-API-Key "] {
        let answer = api.send(&keyless.clone().with("Authorization", scheme));
        assert_eq!(refused(&answer).1, "not_authenticated", "{scheme}");
    }
    let answer = api.send(&keyless.clone().with("Authorization", "Klaviyo-API-Key pk_unknown"));
    assert_eq!(refused(&answer), (401, "authentication_failed".into(), "/data".into()));
    // Which of two keys counts would be a guess.
    let twice = asking("GET", "/api/profiles").and("Authorization", "Klaviyo-API-Key pk_unknown");
    assert_eq!(refused(&api.send(&twice)).1, "not_authenticated");
}

#[test]
fn a_key_does_what_its_scopes_allow_and_no_more() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com" }));
    let reading = |method, target: &str| {
        asking(method, target).with("Authorization", &format!("Klaviyo-API-Key {READER}"))
    };
    assert_eq!(api.send(&reading("GET", &format!("/api/profiles/{id}"))).status, 200);
    let body = profile(&json!({ "email": "bob@example.com" })).to_string();
    let answer = api.send(&reading("POST", "/api/profiles").body(&body));
    assert_eq!(refused(&answer), (403, "permission_denied".into(), "/data".into()));
    assert!(answer.text().contains("profiles:write"));
    let answer = api.send(&reading("POST", "/api/data-privacy-deletion-jobs").body("{}"));
    assert!(answer.text().contains("data-privacy:write"), "{answer:?}");
}

#[test]
fn companies_never_see_each_other() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com" }));
    let theirs = |target: &str| {
        asking("GET", target).with("Authorization", &format!("Klaviyo-API-Key {STRANGER}"))
    };
    assert_eq!(api.send(&theirs(&format!("/api/profiles/{id}"))).status, 404);
    assert_eq!(api.send(&theirs(&format!("/api/profiles/{id}/history"))).status, 404);
    for target in ["/api/profiles", "/api/outcomes"] {
        assert_eq!(super::ids(&api.send(&theirs(target))).len(), 0, "{target}");
    }
}

#[test]
fn a_private_key_on_the_client_endpoint_changes_nothing() {
    let api = Api::new();
    api.client(&json!({ "email": "ann@example.com", "external_id": "7" }));
    let body = profile(&json!({ "external_id": "7", "email": "other@example.com" }));
    let request = RawRequest::profile(body.to_string())
        .with("Authorization", &format!("Klaviyo-API-Key {}", super::KEY));
    api.send(&request).assert_accepted();
    let found = api.get("/api/profiles?filter=equals(external_id,%227%22)").json();
    assert_eq!(found["data"][0]["attributes"]["email"], "ann@example.com");
}

#[test]
fn every_path_is_served_with_and_without_a_slash_at_its_end() {
    let api = Api::new();
    let id = api.create(&json!({ "email": "ann@example.com" }));
    for target in [
        "/api/profiles".to_owned(),
        format!("/api/profiles/{id}"),
        format!("/api/profiles/{id}/history"),
        "/api/outcomes".to_owned(),
        "/api/profile-bulk-import-jobs".to_owned(),
    ] {
        assert_eq!(api.get(&target).status, 200, "{target}");
        assert_eq!(api.get(&format!("{target}/")).status, 200, "{target}/");
    }
}

#[test]
fn another_method_is_refused_with_those_that_are_taken() {
    let api = Api::new();
    let answer = api.send(&asking("DELETE", "/api/profiles/"));
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("Allow"), Some("GET, HEAD, POST"));
    let answer = api.send(&RawRequest::new("OPTIONS", "/api/profile-merge"));
    assert_eq!((answer.status, answer.header("Allow")), (405, Some("POST")));
    assert_eq!(api.get("/api/profile").status, 404);
}

#[test]
fn each_check_comes_before_all_that_follow_it() {
    let api = Api::new();
    let wrong = RawRequest::new("POST", "/api/profiles?fitler=1")
        .with("Authorization", "Klaviyo-API-Key pk_unknown")
        .with("revision", "soon")
        .with("Content-Type", "text/plain")
        .body("{");
    assert_eq!(api.send(&wrong).status, 401);
    let wrong = wrong.with("Authorization", &format!("Klaviyo-API-Key {READER}"));
    assert_eq!(api.send(&wrong).status, 403);
    let wrong = wrong.with("Authorization", &format!("Klaviyo-API-Key {}", super::KEY));
    assert!(api.send(&wrong).text().contains("The revision must be a calendar date"));
    let wrong = wrong.with("revision", "2026-07-15");
    assert!(api.send(&wrong).text().contains("'fitler' is not a parameter here"));
    let wrong = wrong.to("/api/profiles");
    assert_eq!(api.send(&wrong).status, 415);
    let answer = api.send(&wrong.with("Content-Type", "application/json"));
    assert!(answer.text().contains("Invalid JSON"), "{answer:?}");
}

#[test]
fn each_endpoint_has_windows_of_its_own() {
    let api = Api::new();
    let body = json!({ "data": { "type": "data-privacy-deletion-job", "attributes":
        { "profile": { "data": { "type": "profile", "attributes": { "email": "a@b.co" } } } } } });
    let theirs =
        |request: RawRequest| request.with("Authorization", &format!("Klaviyo-API-Key {STRANGER}"));
    let delete = || {
        let request = asking("POST", "/api/data-privacy-deletion-jobs");
        api.send(&theirs(request.body(body.to_string())))
    };
    let first = delete();
    assert_eq!((first.status, first.header("Ratelimit-Limit")), (202, Some("60")));
    let throttled = std::iter::repeat_with(delete).take(60).find(|answer| answer.status == 429);
    let throttled = throttled.unwrap();
    assert_eq!(throttled.header("Retry-After"), Some("1"));
    assert!(throttled.header("Ratelimit-Limit").is_none());
    assert_eq!(api.send(&theirs(asking("GET", "/api/profiles"))).status, 200);
    assert_eq!(api.get("/api/profiles").header("Ratelimit-Limit"), Some("75000"));
}
