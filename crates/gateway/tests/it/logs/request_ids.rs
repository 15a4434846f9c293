//! The ids by which a request is recognized: in its response, and in its outcome.

use gateway::tenants::private_key::PrivateKey;
use serde_json::{Value, json};

use crate::{
    serving::{Home, Serving},
    wire::{RawRequest, RawResponse},
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A gateway with a private key that allows everything, and the value of its header.
fn served() -> (Home, Serving, String) {
    let key = PrivateKey::generate().unwrap();
    let home = Home::configured(&format!(
        "[[company]]\nid = \"ABC123\"\napi_limits_factor = 100\n\
         [[company.key]]\nname = \"shop\"\nsha256 = \"{}\"\n\
         scopes = [\"profiles:read\", \"profiles:write\", \"data-privacy:write\"]\n",
        key.digest().to_hexadecimal()
    ));
    let gateway = home.serve();
    (home, gateway, format!("Klaviyo-API-Key {}", key.reveal()))
}

fn asking(authorization: &str, method: &str, target: &str) -> RawRequest {
    RawRequest::new(method, target)
        .with("Authorization", authorization)
        .with("revision", "2026-07-15")
        .with("Content-Type", "application/vnd.api+json")
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The ids of an answer: of the request, of the trace and of the span.
#[track_caller]
fn ids(answer: &RawResponse) -> [String; 3] {
    let trace: Vec<&str> = answer.header("Traceparent").unwrap().split('-').collect();
    let [version, trace, span, flags] = trace[..] else { panic!("{trace:?}") };
    assert_eq!((version, trace.len(), span.len(), flags.len()), ("00", 32, 16, 2));
    assert!(is_hexadecimal(trace) && is_hexadecimal(span) && is_hexadecimal(flags));
    [answer.header("X-Request-Id").unwrap(), trace, span].map(str::to_owned)
}

#[test]
fn every_kind_of_answer_has_the_ids_that_were_sent() {
    let (_home, gateway, authorization) = served();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    for request in [
        good.clone(),
        good.clone().with("X-Klaviyo-Onsite", "1"),
        good.clone().body("{"),
        good.clone().of("UNKNOWN"),
        good.to("/nowhere"),
        RawRequest::new("OPTIONS", "").of("ABC123").with("Origin", "https://shop.example"),
        RawRequest::new("DELETE", "/client/profiles?company_id=ABC123"),
        RawRequest::new("GET", "/openapi.json"),
        RawRequest::new("GET", "/api/profiles"),
        asking(&authorization, "GET", "/api/profiles"),
    ] {
        let request = request.with("X-Request-Id", "checkout-42").with("Traceparent", PARENT);
        let answer = gateway.send(&request);
        let [id, trace, span] = ids(&answer);
        assert_eq!((&id[..], &trace[..]), ("checkout-42", &PARENT[3..35]), "{request:?}");
        assert_ne!(span, PARENT[36..52]);
        assert!(answer.header("Traceparent").unwrap().ends_with("-01"));
    }
}

#[test]
fn ids_that_are_missing_or_malformed_are_made_and_differ() {
    let (_home, gateway, _) = served();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    let mut made = Vec::new();
    for request in [
        good.clone(),
        good.clone(),
        good.clone().with("X-Request-Id", "sarah.mason@klaviyo-demo.com"),
        good.clone().with("X-Request-Id", "+15005550006").with("Traceparent", "00-1-1-1"),
        good.clone().with("X-Request-Id", &"a".repeat(65)),
        good.with("X-Request-Id", "one").and("X-Request-Id", "two"),
    ] {
        let answer = gateway.send(&request);
        answer.assert_accepted();
        let [id, trace, _] = ids(&answer);
        assert!(id.len() == 32 && is_hexadecimal(&id), "{id}");
        // The first request of a trace gives it its own id.
        assert_eq!(id, trace);
        made.push(id);
    }
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 6);
}

/// The attributes of all outcomes, oldest first.
fn outcomes(gateway: &Serving, authorization: &str) -> Vec<Value> {
    let outcomes = gateway.send(&asking(authorization, "GET", "/api/outcomes?page[size]=100"));
    let outcomes = outcomes.json();
    let data = outcomes["data"].as_array().unwrap_or_else(|| panic!("{outcomes}")).iter();
    data.map(|outcome| outcome["attributes"].clone()).collect()
}

/// The ids of the requests of all outcomes, oldest first.
fn stored_ids(gateway: &Serving, authorization: &str) -> Vec<Value> {
    let outcomes = outcomes(gateway, authorization).into_iter();
    outcomes.map(|outcome| outcome["request_id"].clone()).collect()
}

#[test]
fn the_outcome_of_every_kind_of_request_keeps_its_id() {
    let (_home, gateway, authorization) = served();
    let mut number = 0;
    let mut send = |request: RawRequest| {
        number += 1;
        let answer = gateway.send(&request.with("X-Request-Id", &format!("request-{number}")));
        assert!(answer.status < 300, "{answer:?}");
        answer
    };
    let mut post = |target: &str, body: &Value| {
        send(asking(&authorization, "POST", target).body(body.to_string()))
    };
    let profile = |email: &str| json!({ "type": "profile", "attributes": { "email": email } });
    let create = |email| json!({ "data": profile(email) });
    let id = |answer: &RawResponse| answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let ann = id(&post("/api/profiles", &create("ann@example.com")));
    let bob = id(&post("/api/profiles", &create("bob@example.com")));
    let other = json!({ "profiles": { "data": [{ "type": "profile", "id": bob }] } });
    let merge = json!({ "type": "profile-merge", "id": ann, "relationships": other });
    post("/api/profile-merge", &json!({ "data": merge }));
    let unmerge = json!({ "type": "profile-unmerge", "attributes": { "profile_id": bob } });
    post("/api/profile-unmerge", &json!({ "data": unmerge }));
    let rows = json!({ "data": [profile("cyd@example.com"), profile("dan@example.com")] });
    let import = json!({ "type": "profile-bulk-import-job", "attributes": { "profiles": rows } });
    post("/api/profile-bulk-import-jobs", &json!({ "data": import }));
    let subject = json!({ "data": { "type": "profile", "id": ann } });
    let job = json!({ "type": "data-privacy-deletion-job", "attributes": { "profile": subject } });
    post("/api/data-privacy-deletion-jobs", &json!({ "data": job }));
    send(RawRequest::email("eve@example.com"));
    let expected = [1, 2, 3, 4, 5, 5, 6, 7].map(|number| json!(format!("request-{number}")));
    assert_eq!(stored_ids(&gateway, &authorization), expected);
}

#[test]
fn an_id_that_was_made_is_kept_as_it_was_answered_and_outlives_a_restart() {
    let (home, gateway, authorization) = served();
    let answer = gateway.send(&RawRequest::email("sarah.mason@klaviyo-demo.com"));
    let [id, ..] = ids(&answer);
    gateway.stop().assert_exit(0);
    let gateway = home.serve();
    assert_eq!(stored_ids(&gateway, &authorization), [json!(id)]);
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
}

#[test]
fn an_outcome_keeps_the_trace_that_its_caller_records_and_the_log_names() {
    let (home, gateway, authorization) = served();
    let good = RawRequest::email("sarah.mason@klaviyo-demo.com");
    let traced = good.clone().with("Traceparent", PARENT);
    let answers = [traced.clone(), traced.with("X-Request-Id", "checkout-42"), good]
        .map(|request| gateway.send(&request));
    let outcomes = outcomes(&gateway, &authorization);
    let trace = &PARENT[3..35];
    for (answer, kept) in answers.iter().zip([Some(trace), Some(trace), None]) {
        let [id, answered, _] = ids(answer);
        let outcome = outcomes.iter().find(|outcome| outcome["request_id"] == id).unwrap();
        assert_eq!(outcome["trace_id"], json!(kept));
        assert!(kept.is_none_or(|kept| kept == answered));
    }
    gateway.stop().assert_exit(0);
    home.verify().assert_exit(0);
}
