//! Undoing what one sender did.

use serde_json::{Value, json};

use super::Api;
use crate::wire::RawRequest;

const STRANGER: &str = "192.0.2.66";
const HONEST: &str = "192.0.2.1";

/// A gateway behind a proxy on this machine.
fn behind_proxy() -> Api {
    Api::set_above("trusted_proxies = [\"127.0.0.1\"]")
}

/// A request of a client at this address.
fn send_from(api: &Api, address: &str, attributes: &Value) {
    let body = json!({ "data": { "type": "profile", "attributes": attributes } });
    let request = RawRequest::profile(body.to_string()).with("X-Forwarded-For", address);
    api.send(&request).assert_accepted();
}

fn repair(api: &Api, mode: &str, sender: (&str, &str)) -> Value {
    let answer = api.post(
        "/api/profile-repair",
        &json!({ "data": { "type": "profile-repair", "attributes": {
            "mode": mode, "since": "2020-01-01T00:00:00Z", sender.0: sender.1 } } }),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["data"]["attributes"].clone()
}

/// A customer, whom a stranger gave an external id, and merged with another visitor.
fn attacked() -> Api {
    let api = behind_proxy();
    send_from(&api, HONEST, &json!({ "email": "ann@example.com", "anonymous_id": "ann-laptop" }));
    send_from(&api, HONEST, &json!({ "phone_number": "+15005550006" }));
    let stranger = json!({ "email": "ann@example.com", "phone_number": "+15005550006",
        "external_id": "bogus", "anonymous_id": "stranger-pad", "first_name": "Eve" });
    send_from(&api, STRANGER, &stranger);
    api
}

#[test]
fn what_one_address_did_is_undone_and_a_preview_says_so_before() {
    let api = attacked();
    let ids = super::ids(&api.get("/api/profiles?filter=equals(email,'ann@example.com')"));
    let [ann] = &ids[..] else { panic!("{ids:?}") };
    let accepted = || api.gateway.meter(r#"gateway_requests_total{outcome="accepted"}"#);
    let before = accepted();
    let told = repair(&api, "preview", ("client_address", STRANGER));
    assert_eq!(accepted(), before + 1);
    assert_eq!(api.attributes(ann)["external_id"], "bogus");
    let done = repair(&api, "apply", ("client_address", STRANGER));
    for (part, expected) in [
        ("requests", json!(1)),
        ("created", json!([])),
        ("left", json!([])),
        ("complete", json!(true)),
        ("changed", json!([{ "profile_id": ann, "attributes": ["first_name"] }])),
        ("returned", json!([{ "profile_id": ann, "attributes": ["first_name"] }])),
    ] {
        assert_eq!((&told[part], &done[part]), (&expected, &expected), "{part}");
    }
    assert_eq!((&told["restored"], &told["removed"]), (&done["restored"], &done["removed"]));
    assert_eq!(done["restored"].as_array().unwrap().len(), 1);
    let kinds: Vec<&Value> =
        done["removed"].as_array().unwrap().iter().map(|one| &one["identifier"]).collect();
    assert_eq!(kinds, ["external_id", "anonymous_id"]);

    let attributes = api.attributes(ann);
    assert_eq!(
        (&attributes["external_id"], &attributes["phone_number"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(attributes["email"], "ann@example.com");
    let number = api.get("/api/profiles?filter=equals(phone_number,'%2B15005550006')");
    assert_eq!(super::ids(&number).len(), 1);
    let again = repair(&api, "apply", ("client_address", STRANGER));
    assert_eq!((&again["restored"], &again["removed"]), (&json!([]), &json!([])));
}

#[test]
fn what_a_client_overwrote_and_cleared_comes_back_and_what_the_company_wrote_stays() {
    let api = behind_proxy();
    let described = json!({ "email": "ann@example.com", "first_name": "Ann", "last_name": "Li",
        "properties": { "size": 38, "plan": "gold" } });
    send_from(&api, HONEST, &described);
    let otherwise = json!({ "email": "ann@example.com", "first_name": "Eve", "last_name": null,
        "properties": { "size": 99, "plan": "none", "junk": true } });
    send_from(&api, STRANGER, &otherwise);
    let ids = super::ids(&api.get("/api/profiles?filter=equals(email,'ann@example.com')"));
    let [ann] = &ids[..] else { panic!("{ids:?}") };
    let update = json!({ "data": { "type": "profile", "id": ann,
        "attributes": { "properties": { "size": 40 } } } });
    assert_eq!(api.patch(&format!("/api/profiles/{ann}"), &update).status, 200);
    let told = repair(&api, "preview", ("client_address", STRANGER));
    assert_eq!(api.attributes(ann)["first_name"], "Eve");
    let done = repair(&api, "apply", ("client_address", STRANGER));
    assert_eq!(told["returned"], done["returned"]);
    assert_eq!(done["returned"][0]["attributes"].as_array().unwrap().len(), 4, "{done}");
    let attributes = api.attributes(ann);
    assert_eq!(
        (&attributes["first_name"], &attributes["last_name"]),
        (&json!("Ann"), &json!("Li"))
    );
    assert_eq!(attributes["properties"], json!({ "size": 40, "plan": "gold" }));
}

#[test]
fn an_outcome_names_its_sender_without_the_address_and_a_repair_finds_it_by_that() {
    let api = attacked();
    let outcomes = api.get("/api/outcomes");
    let document = outcomes.json();
    let senders: Vec<&Value> = document["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["attributes"]["sender"])
        .collect();
    let [first, second, third] = senders[..] else { panic!("{senders:?}") };
    assert_eq!(first["network"], second["network"]);
    assert_ne!(first["network"], third["network"]);
    assert_eq!(second["device"], Value::Null);
    for value in [&third["network"], &third["device"]] {
        assert_eq!(value.as_str().unwrap().len(), 16);
    }
    assert!(!document.to_string().contains(STRANGER));
    for part in ["network", "device"] {
        let name = third[part].as_str().unwrap();
        assert_eq!(repair(&api, "preview", ("sender", name))["requests"], 1, "{part}");
    }
    assert_eq!(repair(&api, "preview", ("anonymous_id", "stranger-pad"))["requests"], 1);
    assert_eq!(repair(&api, "preview", ("client_address", "192.0.2.7"))["requests"], 0);
    // The company itself has no sender.
    api.create(&json!({ "email": "bob@example.com" }));
    let outcomes = api.get("/api/outcomes").json();
    assert_eq!(outcomes["data"][3]["attributes"]["sender"], Value::Null);
}

#[test]
fn a_repair_needs_a_mode_a_time_and_exactly_one_sender() {
    let api = Api::new();
    let refused = |attributes: Value| {
        let body = json!({ "data": { "type": "profile-repair", "attributes": attributes } });
        let answer = api.post("/api/profile-repair", &body);
        assert_eq!(answer.status, 400, "{answer:?}");
        let errors = answer.json()["errors"].clone();
        let pointers = errors.as_array().unwrap().iter();
        pointers.map(|error| error["source"]["pointer"].clone()).collect::<Vec<Value>>()
    };
    let at = |name: &str| json!(format!("/data/attributes/{name}"));
    assert_eq!(refused(json!({})), [at("mode"), at("since"), json!("/data/attributes")]);
    let twice = json!({ "mode": "preview", "since": "2026-11-30", "client_address": "192.0.2.1",
        "anonymous_id": "a" });
    assert_eq!(refused(twice), [json!("/data/attributes")]);
    let wrong = json!({ "mode": "all", "since": "today", "sender": "+1" });
    assert_eq!(refused(wrong), [at("mode"), at("since"), at("sender")]);
    let wrong = json!({ "mode": "apply", "since": "2026-11-30", "client_address": "192.0.2.0/24" });
    assert_eq!(refused(wrong), [at("client_address")]);
}
